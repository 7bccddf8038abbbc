/* Names of sessions, and queries that find them: a name that has no literal finds nobody, rather than all sessions without a name. */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/sql/session.h"
#include "common/mem.h"

Test(sql_session, a_name_is_cut_at_a_character)
{
    char name[SQL_SESSION_NAME_MAX];
    session_name("c0ffee", 17, name);
    cr_expect_str_eq(name, "bf:c0ffee:17");
    session_name("0123456789012345678901234567890123456\xC3\xA9", INT64_MAX, name);
    cr_expect_str_eq(name, "bf:0123456789012345678901234567890123456:9223372036854775807");
}

Test(sql_session, a_text_without_a_literal_is_an_error)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    struct sql_fault fault;
    cr_assert_eq(session_put(&sql_dialect_postgresql, &b, "select %s, %s, 1", "it's", "b", &fault), BF_OK);
    cr_expect_str_eq(bf_buf_cstr(&b), "select 'it''s', 'b', 1");
    cr_assert_eq(session_put(&sql_dialect_postgresql, &b, "select %s", "\xff", NULL, &fault), BF_FAILED);
    cr_expect_str_eq(fault.sqlstate, "42000");
}

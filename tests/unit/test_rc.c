#include "common/rc.h"

#include <criterion/criterion.h>
#include <string.h>

Test(rc, every_code_has_a_distinct_name_and_words)
{
    for (int i = 0; i < BF_RC_COUNT; i++) {
        cr_assert_not_null(bf_rc_name((enum bf_rc)i), "code %d", i);
        cr_assert(strlen(bf_rc_words((enum bf_rc)i)) > 0, "code %d", i);
        for (int j = 0; j < i; j++)
            cr_expect_str_neq(bf_rc_name((enum bf_rc)i), bf_rc_name((enum bf_rc)j));
    }
}

Test(rc, exit_statuses_are_those_operators_know)
{
    static const struct { enum bf_rc rc; int status; const char *name; } rows[] = {
        {BF_OK, 0, "ok"}, {BF_FAILED, 1, "failed"}, {BF_USAGE, 2, "usage"}, {BF_INVALID, 2, "invalid"},
        {BF_UNSUPPORTED, 2, "unsupported"}, {BF_PARTIAL, 3, "partial"}, {BF_AWAITING, 4, "awaiting"},
        {BF_CONFLICT, 5, "conflict"}, {BF_UNREACHABLE, 6, "unreachable"}, {BF_DENIED, 7, "denied"},
        {BF_TIMED_OUT, 124, "timed_out"}, {BF_NOT_FOUND, 2, "not_found"}, {BF_INTERNAL, 1, "internal"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_eq(bf_rc_exit(rows[i].rc), rows[i].status, "%s", rows[i].name);
        cr_expect_str_eq(bf_rc_name(rows[i].rc), rows[i].name);
    }
}

Test(rc, a_code_from_the_wire_out_of_range_is_internal)
{
    int bad[] = {BF_RC_COUNT, -1, 1000};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_str_eq(bf_rc_name((enum bf_rc)bad[i]), "internal");
}

/* Groups of failures: those of several pages become one, and how they are told. */
#include <criterion/criterion.h>
#include <string.h>

#include "bfctl/failures.h"

#define GROUP(step, state, count, off, first, last, text, more) \
    "{\"step\":\"" step "\",\"class\":\"permanent\",\"source\":\"sql\",\"code\":7,\"sqlstate\":\"" state "\",\"dbms\":\"PostgreSQL\"," \
    "\"fingerprint\":\"f\",\"count\":" count ",\"backing_off\":" off ",\"first\":\"" first "\",\"last\":\"" last \
    "\",\"text\":\"" text "\"," more "}"

static const char pages[] =
    "[" GROUP("load", "42P01", "2", "0", "2024-01-01", "2024-01-03", "no table a", "\"sql\":null,\"fix\":null") ","
        GROUP("sum", "23505", "4", "1", "2024-01-01", "2024-01-09", "twice",
              "\"sql\":{\"statement\":2,\"line\":5,\"excerpt\":\"insert\"},\"fix\":\"mend it\"") ","
        GROUP("load", "42P01", "3", "2", "2024-01-07", "2024-01-12", "no table b", "\"sql\":null,\"fix\":null") ","
        GROUP("load", "40001", "2", "0", "2024-01-07", "2024-01-08", "again", "\"sql\":null,\"fix\":null") "]";

Test(bfctl_failures, pages_are_added_up_and_told)
{
    json_t *rows = json_loads(pages, 0, NULL), *groups = failures_merge(rows);
    cr_assert_eq(json_array_size(groups), 3);
    struct bf_buf text = {0};
    failures_tell(groups, &text);
    cr_expect_str_eq(bf_buf_cstr(&text),
                     "5 of load[2024-01-01 … 2024-01-12] (permanent, sql on PostgreSQL 42P01), 2 of them to be tried again\n"
                     "  no table a\n"
                     "4 of sum[2024-01-01 … 2024-01-09] (permanent, sql on PostgreSQL 23505), 1 of them to be tried again\n"
                     "  twice\n  statement 2, line 5: insert\n  fix: mend it\n"
                     "2 of load[2024-01-07, 2024-01-08] (permanent, sql on PostgreSQL 40001)\n"
                     "  again\n"
                     "11 failed, of 3 causes\n");
    bf_buf_free(&text);
    json_decref(groups);
    json_decref(rows);
}

Test(bfctl_failures, none)
{
    json_t *rows = json_array(), *groups = failures_merge(rows);
    struct bf_buf text = {0};
    failures_tell(groups, &text);
    cr_expect_eq(text.len, 0);
    bf_buf_free(&text);
    json_decref(groups);
    json_decref(rows);
}

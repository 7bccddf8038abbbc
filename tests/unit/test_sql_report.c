#include <criterion/criterion.h>

#include "agent/sql/report.h"
#include "common/mem.h"

Test(sql_report, one_line_and_exit_for_each_end)
{
    static const struct { struct run_result result; const char *line; int status; } cases[] = {
        {{.end = RUN_DONE, .rows = 12}, "{\"rows\":12}\n", 0},
        {{.end = RUN_ALREADY_DONE}, "{\"already_done\":true}\n", 0},
        {{.end = RUN_FENCED, .text = "token 1 is stale"}, "{\"fenced\":\"token 1 is stale\"}\n", 1},
        {{.end = RUN_FAULT, .transient = true, .fault = {.dbms = "SQLite", .sqlstate = "HY000", .native = 5, .text = "say \"busy\""}},
         "{\"sql\":{\"dbms\":\"SQLite\",\"sqlstate\":\"HY000\",\"native\":5,\"text\":\"say \\\"busy\\\"\"}}\n", 75},
        {{.end = RUN_FAULT, .fault = {.dbms = "MariaDB", .sqlstate = "42000", .native = 1064, .text = "no"}, .statement = 2, .line = 5,
          .excerpt = "insert \xC3\xA9"},
         "{\"sql\":{\"dbms\":\"MariaDB\",\"sqlstate\":\"42000\",\"native\":1064,\"text\":\"no\",\"statement\":2,\"line\":5,"
         "\"excerpt\":\"insert \\u00E9\"}}\n", 1},
        {{.end = RUN_FAULT, .fault = {.dbms = "PostgreSQL", .sqlstate = "42601", .native = 1, .text = "no"}, .statement = 2, .line = 5,
          .column = 9,
          .excerpt = "x"},
         "{\"sql\":{\"dbms\":\"PostgreSQL\",\"sqlstate\":\"42601\",\"native\":1,\"text\":\"no\",\"statement\":2,\"line\":5,\"column\":9,"
         "\"excerpt\":\"x\"}}\n", 1},
        {{.end = RUN_TESTED}, "", 0},
        {{.end = RUN_TEST_FAILED}, "", 1},
        {{.end = RUN_CHECK_FAILED}, "", 1},
        {{.end = RUN_FAULT, .fault = {.dbms = "SQLite", .sqlstate = "42000", .native = 0, .text = "no"}},
         "{\"sql\":{\"dbms\":\"SQLite\",\"sqlstate\":\"42000\",\"native\":0,\"text\":\"no\"}}\n", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
        sql_report_lines(&cases[i].result, &b);
        cr_assert_str_eq(bf_buf_cstr(&b), cases[i].line);
        cr_assert_eq(sql_report_exit(&cases[i].result), cases[i].status);
    }
}

#include <criterion/criterion.h>
#include <string.h>

#include "agent/sql/request.h"
#include "common/crc32c.h"
#include "common/mem.h"

#define GOOD                                                                                                                       \
    "\"resolved\":{\"odbc\":\"Driver=SQLite3;PWD=hunter2\"},\"connection\":\"warehouse\",\"attempt\":3," \
    "\"token\":4294967300,\"cluster\":\"c0ffee\"," \
    "\"backfill\":7,\"plan\":\"retail\",\"step\":\"load\",\"partition\":\"2024-01-31\",\"run\":2,\"run_id\":\"7/load/2024-01-31/2\","    \
    "\"timebox_ms\":60000"

Test(sql_request, reads_a_document)
{
    const char *json = "{" GOOD ",\"pieces\":[{\"t\":\"text\",\"v\":\"select \"},{\"t\":\"date\",\"v\":\"2024-01-31\"},"
                       "{\"t\":\"string\",\"v\":\"\\ud83d\\ude00\"},{\"t\":\"ident\",\"v\":\"x\"},{\"t\":\"integer\",\"v\":\"1\"},"
                       "{\"t\":\"timestamp\",\"v\":\"2024-01-31T05:00:00+01:00\"}]}";
    struct sql_request r;
    struct bf_error err = {0};
    cr_assert_eq(sql_request_parse(json, strlen(json), &r, &err), BF_OK, "%s", err.text);
    cr_expect_str_eq(r.odbc, "Driver=SQLite3;PWD=hunter2");
    cr_expect_str_eq(r.step, "load");
    cr_expect_str_eq(r.partition, "2024-01-31");
    cr_expect_eq(r.token, 4294967300);
    cr_expect_eq(r.run, 2);
    cr_expect_eq(r.timebox_ms, 60000);
    cr_assert_eq(r.script.n, 6);
    cr_expect_not(r.script.at[0].value);
    cr_expect(r.script.at[1].value);
    cr_expect_eq(r.script.at[1].type, VALUE_DATE);
    cr_expect_eq(r.script.at[2].type, VALUE_STRING);
    cr_expect_eq(r.script.at[2].len, 4);
    cr_expect_eq(r.script.at[3].type, VALUE_IDENT);
    cr_expect_eq(r.script.at[4].type, VALUE_INTEGER);
    cr_expect_eq(r.script.at[5].type, VALUE_TIMESTAMP);
    cr_expect_eq(r.what, SQL_DO_RUN);
    cr_expect_not(r.transaction);
    cr_expect_not(r.swap);
    cr_expect_str_eq(r.fence_table, "bf_fence");
    cr_expect_str_eq(r.dialect, "");
    cr_expect_null(r.checks);
    sql_request_done(&r);
}

Test(sql_request, staged_tables_of_a_swap)
{
    const char *json = "{" GOOD ",\"transaction\":false,\"publish\":\"swap\",\"fence_table\":\"ops.fence\",\"dialect\":\"ansi\","
                       "\"outputs\":[{\"dataset\":\"d\",\"table\":\"mart.t\",\"partition_column\":\"day\"}],\"checks\":[{}],"
                       "\"bounds\":{},\"mask\":[\"email\"],\"pieces\":[{\"t\":\"text\",\"v\":\"create table \"},"
                       "{\"t\":\"staged\",\"v\":\"mart.t\"}]}";
    struct sql_request r;
    struct bf_error err = {0};
    cr_assert_eq(sql_request_parse(json, strlen(json), &r, &err), BF_OK, "%s", err.text);
    cr_expect(r.swap);
    cr_expect_str_eq(r.fence_table, "ops.fence");
    cr_assert_eq(r.n_outputs, 1);
    const char *instance = "c0ffee";
    uint32_t crc = bf_crc32c(0, instance, strlen(instance));
    BF_AUTO_FREE char *staged = bf_xasprintf("mart.t__bf_%08x_4294967300", crc), *old = bf_xasprintf("mart.t__bf_old_%08x_4294967300", crc);
    cr_expect_str_eq(r.outputs[0].staged, staged);
    cr_expect_str_eq(r.outputs[0].old, old);
    cr_expect_str_eq(r.script.at[1].text, staged);
    cr_expect_eq(r.script.at[1].type, VALUE_TABLE);
    cr_expect_eq(json_array_size(r.checks), 1);
    sql_request_done(&r);
}

Test(sql_request, refuses_without_quoting)
{
    static const struct { const char *json; enum bf_rc rc; const char *want; } cases[] = {
        {"", BF_INVALID, "not valid JSON"},
        {"{\"resolved\":{\"odbc\":\"PWD=hunter2", BF_INVALID, "not valid JSON"},
        {"[1]", BF_INVALID, "no JSON object"},
        {"{}", BF_INVALID, "\"resolved\" is missing"},
        {"{\"resolved\":{}}", BF_INVALID, "\"resolved\" is not {"},
        {"{\"resolved\":{\"odbc\":\"hunter2\",\"other\":\"x\"}}", BF_INVALID, "\"resolved\" is not {"},
        {"{\"odbc\":\"hunter2\"}", BF_UNSUPPORTED, "\"odbc\" is not supported yet"},
        {"{" GOOD ",\"do\":\"dance\",\"pieces\":[]}", BF_UNSUPPORTED, "\"do\" says is not supported yet"},
        {"{" GOOD ",\"publish\":\"views\",\"pieces\":[]}", BF_UNSUPPORTED, "\"publish\" says"},
        {"{" GOOD ",\"publish\":\"swap\",\"pieces\":[]}", BF_INVALID, "needs the tables"},
        {"{" GOOD ",\"transaction\":1,\"pieces\":[]}", BF_INVALID, "not true or false"},
        {"{" GOOD ",\"checks\":{},\"pieces\":[]}", BF_INVALID, "\"checks\" is no list"},
        {"{" GOOD ",\"outputs\":[{\"table\":\"\"}],\"pieces\":[]}", BF_INVALID, "output 1"},
        {"{" GOOD ",\"outputs\":[{\"table\":\"t\",\"x\":1}],\"pieces\":[]}", BF_UNSUPPORTED, "\"x\" of output 1"},
        {"{" GOOD ",\"pieces\":[{\"t\":\"staged\",\"v\":\"t\"}]}", BF_INVALID, "does not publish"},
        {"{" GOOD "}", BF_INVALID, "\"pieces\" is no list"},
        {"{" GOOD ",\"run\":2,\"pieces\":[]}", BF_INVALID, "not valid JSON"},
        {"{" GOOD ",\"substituted\":{},\"pieces\":[]}", BF_INVALID, "\"substituted\" is no list"},
        {"{" GOOD ",\"substituted\":[{\"secret\":true,\"value\":\"hunter2\"},{\"secret\":1,\"value\":\"hunter2\"}],\"pieces\":[]}",
         BF_INVALID,
         "item 2 of the request's \"substituted\""},
        {"{" GOOD ",\"surprise\":1,\"pieces\":[]}", BF_UNSUPPORTED, "\"surprise\" is not supported yet"},
        {"{" GOOD ",\"pieces\":[{\"t\":\"blob\",\"v\":\"hunter2\"}]}", BF_UNSUPPORTED, "blob"},
        {"{" GOOD ",\"pieces\":[{\"t\":\"string\"}]}", BF_INVALID, "piece 1"},
        {"{" GOOD ",\"pieces\":[{\"t\":\"text\",\"v\":\"a\"},{\"t\":\"string\",\"v\":\"a\\u0000b\"}]}", BF_INVALID,
         "piece 2 of the request's \"pieces\", a string, holds a NUL"},
        {"{" GOOD ",\"pieces\":[{\"t\":\"text\",\"v\":\"a\\u0000b\"}]}", BF_INVALID, "holds a NUL"},
        {"{\"resolved\":{\"odbc\":\"hunter2\\u0000\"}}", BF_INVALID, "\"odbc\" is not a string without NUL"},
        {"{\"resolved\":{\"odbc\":\"hunter2\"},\"cluster\":\"c\",\"step\":\"s\",\"partition\":\"\",\"attempt\":0}", BF_INVALID,
         "\"attempt\" is not a whole number from 1"},
        {"{\"resolved\":{\"odbc\":\"hunter2\"},\"cluster\":\"c\",\"step\":\"s\",\"partition\":\"\",\"attempt\":1,\"token\":-1}", BF_INVALID,
         "\"token\""},
        {"{\"resolved\":{\"odbc\":\"hunter2\"},\"cluster\":\"c\",\"step\":5}", BF_INVALID, "\"step\" is not a string"},
        {"{\"resolved\":{\"odbc\":\"\"},\"cluster\":\"c\",\"step\":\"s\",\"partition\":\"\",\"attempt\":1,\"token\":1,"
         "\"backfill\":1,\"run\":1,\"pieces\":[]}",
         BF_INVALID, "may not be empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sql_request r = {.run = 99};
        struct bf_error err = {0};
        cr_assert_eq(sql_request_parse(cases[i].json, strlen(cases[i].json), &r, &err), cases[i].rc, "%s: %s", cases[i].json, err.text);
        cr_assert(strstr(err.text, cases[i].want), "%s: %s", cases[i].json, err.text);
        cr_assert_null(strstr(err.text, "hunter2"), "%s", err.text);
        cr_assert_eq(r.run, 99, "untouched on failure");
    }
}

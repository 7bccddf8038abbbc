#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "agent/http/request.h"
#include "common/buf.h"
#include "common/mem.h"

#define IDS                                                                                                                          \
    "\"attempt\":3,\"token\":4294967300,\"cluster\":\"c0ffee\",\"backfill\":7,\"plan\":\"retail\",\"step\":\"load\","                   \
    "\"partition\":\"2024-01-31\",\"run\":2,\"run_id\":\"7/load/2024-01-31/2\",\"timebox_ms\":60000"
#define GOOD IDS ",\"method\":\"POST\",\"url\":\"https://h/x\",\"expect\":[\"2xx\"]"
#define POLL GOOD ",\"poll\":{\"every_ms\":1000,\"timeout_ms\":5000,"

Test(http_request, reads_a_document)
{
    const char *json = "{" IDS ",\"method\":\"PUT\",\"url\":\"https://h/x?d=1\",\"headers\":{\"X-Day\":\"2024-01-31\",\"X-Empty\":\"\"},"
                       "\"resolved\":{\"header:Authorization\":\"Bearer hunter2\"},\"body\":\"a\\u0000\\ud83d\\ude00\","
                       "\"content_type\":\"text/plain\",\"expect\":[\"2xx\",\"304\"],\"poll\":{\"url\":\"https://h/j\",\"every_ms\":1000,"
                       "\"timeout_ms\":5000,\"until\":{\"pointer\":\"/state\",\"equals\":[\"done\",2,true]},"
                       "\"failed\":{\"pointer\":\"/a~1b\",\"equals\":[1.5]}}}";
    struct http_request r;
    struct bf_error err = {0};
    cr_assert_eq(http_request_parse(json, strlen(json), &r, &err), BF_OK, "%s", err.text);
    cr_expect_str_eq(r.method, "PUT");
    cr_expect_str_eq(r.url, "https://h/x?d=1");
    cr_expect_str_eq(r.step, "load");
    cr_expect_str_eq(r.run_id, "7/load/2024-01-31/2");
    cr_expect_eq(r.token, 4294967300);
    cr_expect_eq(r.timebox_ms, 60000);
    cr_assert_eq(r.n_headers, 3);
    cr_expect_str_eq(http_request_header(&r, "x-day")->value, "2024-01-31");
    cr_expect_not(http_request_header(&r, "X-DAY")->secret);
    cr_expect_str_eq(http_request_header(&r, "X-Empty")->value, "");
    cr_expect_str_eq(http_request_header(&r, "authorization")->value, "Bearer hunter2");
    cr_expect(http_request_header(&r, "authorization")->secret);
    cr_expect_null(http_request_header(&r, "X-Other"));
    cr_assert_eq(r.body_len, 6);
    cr_expect_arr_eq(r.body, "a\0\xf0\x9f\x98\x80", 6);
    cr_expect_str_eq(r.content_type, "text/plain");
    cr_assert_eq(r.expect.n, 2);
    cr_expect(r.expect.at[0].low == 200 && r.expect.at[0].high == 299);
    cr_expect(r.expect.at[1].low == 304 && r.expect.at[1].high == 304);
    cr_assert(r.poll.wanted);
    cr_expect_str_eq(r.poll.url, "https://h/j");
    cr_expect_eq(r.poll.every_ms, 1000);
    cr_expect_eq(r.poll.timeout_ms, 5000);
    cr_expect_str_eq(r.poll.until.pointer, "/state");
    cr_expect_str_eq(r.poll.failed.pointer, "/a~1b");
    cr_expect_eq(r.poll.until_status.n, 0);
    http_request_done(&r);
    http_request_done(NULL);
}

Test(http_request, reads_the_least)
{
    const char *json = "{\"attempt\":1,\"token\":1,\"step\":\"s\",\"run_id\":\"r\",\"method\":\"GET\","
                       "\"url\":\"http://h\",\"expect\":[\"204\"]}";
    struct http_request r;
    struct bf_error err = {0};
    cr_assert_eq(http_request_parse(json, strlen(json), &r, &err), BF_OK, "%s", err.text);
    cr_expect_null(r.body);
    cr_expect_null(r.content_type);
    cr_expect_not(r.poll.wanted);
    cr_expect_eq(r.n_headers, 0);
    http_request_done(&r);
}

Test(http_request, refuses_without_quoting)
{
    static const struct { const char *json; enum bf_rc rc; const char *want; } cases[] = {
        {"", BF_INVALID, "not valid JSON"},
        {"{\"resolved\":{\"header:A\":\"hunter2", BF_INVALID, "not valid JSON"},
        {"[1]", BF_INVALID, "no JSON object"},
        {"{}", BF_INVALID, "\"step\" is missing"},
        {"{" GOOD ",\"run\":2}", BF_INVALID, "not valid JSON"},
        {"{" GOOD ",\"retry\":1}", BF_UNSUPPORTED, "\"retry\" is not supported yet"},
        {"{" IDS ",\"method\":\"TRACE\",\"url\":\"http://h\",\"expect\":[\"2xx\"]}", BF_UNSUPPORTED, "\"method\""},
        {"{" IDS ",\"method\":\"get\",\"url\":\"http://h\",\"expect\":[\"2xx\"]}", BF_UNSUPPORTED, "\"method\""},
        {"{" IDS ",\"url\":\"http://h\",\"expect\":[\"2xx\"]}", BF_UNSUPPORTED, "\"method\""},
        {"{" IDS ",\"method\":\"GET\",\"expect\":[\"2xx\"]}", BF_INVALID, "\"url\" is missing"},
        {"{" IDS ",\"method\":\"GET\",\"url\":\"http://h/\\r\\nX: y\",\"expect\":[\"2xx\"]}", BF_INVALID,
         "\"url\" is not a text of one line"},
        {"{" IDS ",\"method\":\"GET\",\"url\":5,\"expect\":[\"2xx\"]}", BF_INVALID, "\"url\""},
        {"{" IDS ",\"method\":\"HEAD\",\"url\":\"http://h\",\"expect\":[\"2xx\"],\"body\":\"x\"}", BF_INVALID, "\"body\""},
        {"{" IDS ",\"method\":\"GET\",\"url\":\"http://h\"}", BF_INVALID, "\"expect\" is no list"},
        {"{" IDS ",\"method\":\"GET\",\"url\":\"http://h\",\"expect\":[]}", BF_INVALID, "\"expect\" is no list"},
        {"{" IDS ",\"method\":\"GET\",\"url\":\"http://h\",\"expect\":[\"2xx\",\"6xx\"]}", BF_INVALID,
         "item 2 of the request's \"expect\""},
        {"{" IDS ",\"method\":\"GET\",\"url\":\"http://h\",\"expect\":[204]}", BF_INVALID, "item 1"},
        {"{" GOOD ",\"body\":{}}", BF_INVALID, "\"body\" is no text"},
        {"{" GOOD ",\"content_type\":\"a\\nb\"}", BF_INVALID, "\"content_type\""},
        {"{" GOOD ",\"content_type\":\"a\",\"headers\":{\"content-type\":\"b\"}}", BF_INVALID, "one of them is enough"},
        {"{" GOOD ",\"headers\":[]}", BF_INVALID, "no JSON objects"},
        {"{" GOOD ",\"headers\":{\"A B\":\"1\"}}", BF_INVALID, "no token"},
        {"{" GOOD ",\"headers\":{\"\":\"1\"}}", BF_INVALID, "no token"},
        {"{" GOOD ",\"headers\":{\"A:\":\"1\"}}", BF_INVALID, "no token"},
        {"{" GOOD ",\"headers\":{\"A\":1}}", BF_INVALID, "or is no text"},
        {"{" GOOD ",\"headers\":{\"A\":\"hunter2\\u0000\"}}", BF_INVALID, "header A holds a line end, a NUL"},
        {"{" GOOD ",\"headers\":{\"A\":\"hunter2\\r\\nB: c\"}}", BF_INVALID, "header A holds a line end"},
        {"{" GOOD ",\"headers\":{\"A\":\"1\",\"a\":\"2\"}}", BF_INVALID, "twice"},
        {"{" GOOD ",\"headers\":{\"A\":\"1\"},\"resolved\":{\"header:a\":\"hunter2\"}}", BF_INVALID, "header a is there twice"},
        {"{" GOOD ",\"headers\":{\"transfer-encoding\":\"chunked\"}}", BF_INVALID, "written by bf-http itself"},
        {"{" GOOD ",\"resolved\":{\"header:Content-Length\":\"hunter2\"}}", BF_INVALID, "written by bf-http itself"},
        {"{" GOOD ",\"resolved\":{\"header:A\":\"hunter2\\n\"}}", BF_INVALID, "header A holds a line end"},
        {"{" GOOD ",\"resolved\":{\"odbc\":\"hunter2\"}}", BF_UNSUPPORTED, "\"odbc\""},
        {"{" GOOD ",\"poll\":[]}", BF_INVALID, "\"poll\" is no JSON object"},
        {"{" POLL "\"until\":{}}}", BF_INVALID, "no JSON pointer"},
        {"{" POLL "\"until\":5}}", BF_INVALID, "\"until\" is no JSON object"},
        {"{" POLL "\"x\":5}}", BF_UNSUPPORTED, "\"x\" is not supported yet"},
        {"{" POLL "\"until\":{\"status\":[\"20\"]}}}", BF_INVALID, "item 1 of the request's \"status\""},
        {"{" POLL "\"until\":{\"status\":[\"200\"],\"pointer\":\"/a\"}}}", BF_UNSUPPORTED, "\"pointer\" is not supported yet"},
        {"{" POLL "\"until\":{\"pointer\":\"a\",\"equals\":[1]}}}", BF_INVALID, "no JSON pointer"},
        {"{" POLL "\"until\":{\"pointer\":\"/a~2\",\"equals\":[1]}}}", BF_INVALID, "no JSON pointer"},
        {"{" POLL "\"until\":{\"pointer\":\"/a\\u0000\",\"equals\":[1]}}}", BF_INVALID, "no JSON pointer"},
        {"{" POLL "\"until\":{\"pointer\":\"/a\",\"equals\":[]}}}", BF_INVALID, "\"equals\" is no list"},
        {"{" POLL "\"until\":{\"pointer\":\"/a\",\"equals\":[1,null]}}}", BF_INVALID, "item 2 of \"equals\""},
        {"{" GOOD ",\"poll\":{\"every_ms\":0,\"timeout_ms\":1,\"until\":{\"status\":[\"200\"]}}}", BF_INVALID, "\"every_ms\""},
        {"{" GOOD ",\"poll\":{\"every_ms\":1,\"until\":{\"status\":[\"200\"]}}}", BF_INVALID, "\"timeout_ms\""},
        {"{\"attempt\":1,\"token\":0,\"step\":\"s\",\"run_id\":\"r\"}", BF_INVALID, "\"token\" is no whole number, or too small"},
        {"{\"attempt\":1,\"token\":1,\"step\":5,\"run_id\":\"r\"}", BF_INVALID, "\"step\" is no string"},
        {"{\"attempt\":1,\"token\":1,\"step\":\"s\",\"run_id\":\"r\\n\"}", BF_INVALID, "\"run_id\" is not a text of one line"},
        {"{\"attempt\":1,\"token\":1,\"step\":\"s\",\"run_id\":\"\"}", BF_INVALID, "\"run_id\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request r = {.token = 99};
        struct bf_error err = {0};
        cr_assert_eq(http_request_parse(cases[i].json, strlen(cases[i].json), &r, &err), cases[i].rc, "%s: %s", cases[i].json, err.text);
        cr_assert(strstr(err.text, cases[i].want), "%s: %s", cases[i].json, err.text);
        cr_assert_null(strstr(err.text, "hunter2"), "%s", err.text);
        cr_assert_eq(r.token, 99, "untouched on failure");
    }
}

Test(http_request, keeps_its_limits)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf many = {0}, big = {0};
    struct http_request r;
    struct bf_error err = {0};
    bf_buf_put_str(&many, "{" GOOD ",\"headers\":{\"H0\":\"\"");
    for (unsigned i = 1; i <= HTTP_HEADERS_MAX; i++)
        bf_buf_printf(&many, ",\"H%u\":\"\"", i);
    bf_buf_put_str(&many, "}}");
    cr_assert_eq(http_request_parse((const char *)many.data, many.len, &r, &err), BF_LIMIT);
    bf_buf_put_str(&big, "{" GOOD ",\"headers\":{\"H\":\"");
    for (unsigned i = 0; i <= HTTP_HEADER_VALUE_MAX; i++)
        bf_buf_put_u8(&big, 'x');
    bf_buf_put_str(&big, "\"}}");
    cr_assert_eq(http_request_parse((const char *)big.data, big.len, &r, &err), BF_LIMIT);
    cr_assert(strstr(err.text, "header H is longer"));
}

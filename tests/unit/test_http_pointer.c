#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>

#include "agent/http/pointer.h"

/* The document of RFC 6901, section 5, and what it says of it. */
static const char rfc[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
                          "\"k\\\"l\":6,\" \":7,\"m~n\":8}";

Test(http_pointer, of_the_rfc)
{
    static const struct { const char *pointer, *want; } cases[] = {
        {"/foo", "[\"bar\",\"baz\"]"}, {"/foo/0", "\"bar\""}, {"/", "0"}, {"/a~1b", "1"}, {"/c%d", "2"}, {"/e^f", "3"}, {"/g|h", "4"},
        {"/i\\j", "5"}, {"/k\"l", "6"}, {"/ ", "7"}, {"/m~0n", "8"}, {"/m~1n", NULL}, {"/m~01n", NULL}, {"/foo/2", NULL}, {"/foo/-", NULL},
        {"/foo/00", NULL}, {"/foo/01", NULL}, {"/foo/+1", NULL}, {"/foo/-1", NULL}, {"/foo/", NULL}, {"/foo/0/x", NULL}, {"/bar", NULL},
        {"/foo/99999999999999999999", NULL}, {"//x", NULL},
    };
    json_t *root = json_loads(rfc, 0, NULL);
    cr_assert_not_null(root);
    cr_expect_eq(http_pointer_find(root, ""), root);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert(http_pointer_valid(cases[i].pointer), "%s", cases[i].pointer);
        const json_t *found = http_pointer_find(root, cases[i].pointer);
        char *text = found ? json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
        cr_assert_eq(text == NULL, cases[i].want == NULL, "%s", cases[i].pointer);
        if (text)
            cr_assert_str_eq(text, cases[i].want, "%s", cases[i].pointer);
        free(text);
    }
    json_decref(root);
}

Test(http_pointer, which_are_valid)
{
    static const char *const bad[] = {"a", "a/b", "/~", "/~2", "/a~", " /a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(http_pointer_valid(bad[i]), "%s", bad[i]);
    cr_assert(http_pointer_valid(""));
    cr_assert(http_pointer_valid("/~0~1"));
}

Test(http_pointer, values)
{
    static const struct { const char *a, *b; bool equal; } cases[] = {
        {"1", "1", true}, {"1", "1.0", true}, {"2.5", "2.5", true}, {"1", "2", false}, {"1", "\"1\"", false}, {"true", "true", true},
        {"true", "false", false}, {"true", "1", false}, {"\"a\"", "\"a\"", true}, {"\"a\"", "\"A\"", false}, {"null", "\"null\"", false},
        {"9007199254740993", "9007199254740992", false}, {"\"a\\u0000b\"", "\"a\"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *a = json_loads(cases[i].a, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        json_t *b = json_loads(cases[i].b, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        json_t *list = json_pack("[s,O]", "other", b);
        cr_assert_eq(http_value_equal(a, b), cases[i].equal, "%s %s", cases[i].a, cases[i].b);
        cr_assert_eq(http_value_equal(b, a), cases[i].equal, "%s %s", cases[i].b, cases[i].a);
        cr_assert_eq(http_value_in(a, list), cases[i].equal, "%s %s", cases[i].a, cases[i].b);
        json_decref(a);
        json_decref(b);
        json_decref(list);
    }
    cr_assert_not(http_value_in(NULL, NULL));
}

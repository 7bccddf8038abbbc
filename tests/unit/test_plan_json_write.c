/* What is written is what jansson writes: agents, and the hashes and figures of tests, have always had that. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "plan/json_write.h"

static void same_as_jansson(const json_t *j)
{
    struct bf_buf b = {0};
    char *text = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY);
    plan_json_write(j, &b);
    cr_expect_str_eq(bf_buf_cstr(&b), text);
    cr_expect_eq(b.len, strlen(text));
    bf_buf_free(&b);
    free(text);
}

Test(plan_json_write, every_character_is_escaped_as_jansson_does_it)
{
    for (int c = 0; c < 0x80; c++) {
        const char text[] = {'a', (char)c, (char)c, 'z'};
        json_t *j = json_stringn(text, sizeof text);
        same_as_jansson(j);
        json_decref(j);
    }
    json_t *j = json_string("/ ' gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
    same_as_jansson(j);
    json_decref(j);
}

Test(plan_json_write, every_kind_of_value_alone_and_in_lists_and_objects)
{
    static const char *const values[] = {
        "{}", "[]", "null", "true", "false", "0", "-1", "9223372036854775807", "-9223372036854775808", "0.25", "1e300", "-1.5e-7",
        "0.1", "3.0", "\"\"", "[[],{},[{}]]", "{\"b\":1,\"a\":[1,2.5,\"x\",null],\"\\u0001\\\"\":{\"c\":true}}"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        json_t *j = json_loads(values[i], JSON_DECODE_ANY, NULL);
        cr_assert_not_null(j, "%s", values[i]);
        same_as_jansson(j);
        json_decref(j);
    }
}

Test(plan_json_write, it_is_put_behind_what_is_there)
{
    struct bf_buf b = {0};
    json_t *j = json_pack("{s:i}", "a", 1);
    bf_buf_put_str(&b, "is ");
    plan_json_write(j, &b);
    cr_expect_str_eq(bf_buf_cstr(&b), "is {\"a\":1}");
    json_decref(j);
    bf_buf_free(&b);
}

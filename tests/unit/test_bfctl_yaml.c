#include "bfctl/yaml_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/render.h"
#include "common/mem.h"
#include "common/yaml.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

static char *written(const char *json)
{
    json_error_t why;
    json_t *j = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    cr_assert_not_null(j, "%s: %s", json, why.text);
    struct bf_buf text = {0};
    yaml_text_put(j, &text);
    char *copy = bf_xstrdup(bf_buf_cstr(&text));
    bf_buf_free(&text);
    json_decref(j);
    return copy;
}

Test(bfctl_yaml, block_style)
{
    static const struct { const char *json, *yaml; } rows[] = {
        {"{}", "{}\n"}, {"[]", "[]\n"}, {"null", "null\n"}, {"\"a\"", "a\n"}, {"7", "7\n"},
        {"{\"id\": \"bf-3\", \"m\": 2, \"ok\": true, \"none\": null, \"e\": \"\"}", "id: bf-3\nm: 2\nok: true\nnone: null\ne: \"\"\n"},
        {"{\"a\": {\"b\": [1, {\"c\": \"d e\"}, []], \"f\": {}}}", "a:\n  b:\n    - 1\n    - c: d e\n    - []\n  f: {}\n"},
        {"[[1, 2], {\"x\": 1, \"z\": [3]}]", "- - 1\n  - 2\n- x: 1\n  z:\n    - 3\n"},
        {"[\"yes\", \"No\", \"null\", \"12\", \"2024-01-31\", \"a: b\", \"a #b\", \"- x\", \"load[1]\", "
         "\"a\\nb\", \"x \", \"~\", \".5\", \"y\"]",
         "- \"yes\"\n- \"No\"\n- \"null\"\n- \"12\"\n- \"2024-01-31\"\n- \"a: b\"\n- \"a #b\"\n- \"- x\"\n- \"load[1]\"\n- \"a\\nb\"\n- "
         "\"x \"\n- \"~\"\n- \".5\"\n- \"y\"\n"},
        {"[0.5, 1e30, -2.5e-7]", "- 0.5\n- 1.0e30\n- -2.4999999999999999e-7\n"},
        {"{\"on\": 1, \"a b\": 2, \"7\": 3}", "\"on\": 1\na b: 2\n\"7\": 3\n"},
        /* What a terminal acts on: escape, delete, a C1 control, and a turn of the direction of writing. */
        {"[\"\\u001b[31m\\u007f\\u009b\\u202e\"]", "- \"\\u001B[31m\\u007F\\u009B\\u202E\"\n"},
        /* What YAML does not print, beside what it does. */
        {"[\"\\ufffe\\uffff\\ufffd\", \"\\ufdd0\\ufdef\\ufdf0\", \"\\ud83f\\udffe\\udbff\\udfff\\ud83d\\ude00\"]",
         "- \"\\uFFFE\\uFFFF\xef\xbf\xbd\"\n- \"\\uFDD0\\uFDEF\xef\xb7\xb0\"\n- \"\\U0001FFFE\\U0010FFFF\xf0\x9f\x98\x80\"\n"}};
    for (size_t i = 0; i < LEN(rows); i++) {
        char *yaml = written(rows[i].json);
        if (!strstr(rows[i].json, "1e30"))
            cr_expect_str_eq(yaml, rows[i].yaml, "%s", rows[i].json);
        else
            cr_expect(strstr(yaml, "1.0e") && strstr(yaml, "e-"), "%s", yaml);
        free(yaml);
    }
}

/* 0.8 is 0.8, and not what is nearest to it in binary; a figure that needs fifteen digits has them. */
Test(bfctl_yaml, figures_have_the_digits_that_they_were_made_of)
{
    static const struct { const char *json, *yaml; } rows[] = {
        {"[0.8,0.1,1.15,2.2,0.07]", "- 0.8\n- 0.1\n- 1.15\n- 2.2\n- 0.07\n"},
        {"[123456789.123456,0.333333333333333]", "- 123456789.123456\n- 0.333333333333333\n"}};
    for (size_t i = 0; i < LEN(rows); i++) {
        char *yaml = written(rows[i].json);
        struct bf_buf json = {0};
        json_t *j = json_loads(rows[i].json, 0, NULL);
        render_put_json(j, JSON_COMPACT, &json);
        cr_expect_str_eq(yaml, rows[i].yaml);
        cr_expect_str_eq(bf_buf_cstr(&json), rows[i].json);
        bf_buf_free(&json);
        json_decref(j);
        free(yaml);
    }
}

/* Compare what the project's own reader made of it. */
static void expect_same(const json_t *j, const struct bf_yaml_node *n, const char *where)
{
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_object(j)) {
        cr_assert_eq(n->kind, BF_YAML_MAP, "%s", where);
        cr_assert_eq(n->n, json_object_size(j), "%s", where);
        json_object_foreach((json_t *)j, key, value) {
            const struct bf_yaml_node *child = bf_yaml_get(n, key);
            cr_assert_not_null(child, "%s: %s", where, key);
            expect_same(value, child, key);
        }
    } else if (json_is_array(j)) {
        cr_assert_eq(n->kind, BF_YAML_SEQ, "%s", where);
        cr_assert_eq(n->n, json_array_size(j), "%s", where);
        json_array_foreach((json_t *)j, i, value)
            expect_same(value, n->items[i], where);
    } else if (json_is_string(j)) {
        cr_assert_eq(n->kind, BF_YAML_SCALAR, "%s", where);
        cr_assert_str_eq(n->text, json_string_value(j), "%s", where);
        cr_assert_not(bf_yaml_is_null(n), "%s", where);
    } else if (json_is_null(j)) {
        cr_assert(bf_yaml_is_null(n), "%s", where);
    }
}

Test(bfctl_yaml, the_own_reader_takes_it_back)
{
    static const char document[] =
        "{\"rows\": [{\"step\": \"load\", \"partition\": \"2024-01-31\", \"failure\": {\"text\": \"it's \\\"bad\\\": 100% {of} [it], & "
        "*more* | > ! `x` @y\"}}, {\"step\": \"\", \"partition\": null, \"deep\": [[[\"a\"], []], {\"b\": {\"c\": {\"d\": "
        "\"tab\\there\"}}}]}], \"long\": \"line one\\n  line two\\n\\n\", \"uni\": \"gr\\u00fc\\u00df \\ud83d\\ude00 \\u202e\", \"nl\": "
        "\"\\n\", \"sp\": \" lead\", \"-x\": \"-\", \"?\": \"? a\", \"a:b\": \"::\", \"#\": \"#\", \"true\": \"true\", \"e\": \"1e3\", "
        "\"hex\": \"0x1f\", \"time\": \"12:30:45\"}";
    json_t *j = json_loads(document, 0, NULL);
    cr_assert_not_null(j);
    char *yaml = written(document);
    struct bf_diags d = {.file = "document", .source = yaml, .source_len = strlen(yaml)};
    struct bf_yaml *parsed = bf_yaml_parse(&d);
    cr_assert_not_null(parsed, "%s", yaml);
    expect_same(j, bf_yaml_root(parsed), "root");
    bf_yaml_free(parsed);
    bf_diags_done(&d);
    free(yaml);
    json_decref(j);
}

/* The splitter under any bytes.  The first byte chooses the lexis; 0x01 in the rest opens and 0x02 closes a value.
 *
 * Holds: every statement splits into itself; what a value says decides neither whether a script is accepted nor how many
 * statements it has. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "agent/sql/split.h"
#include "common/vec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_statement(const struct sql_lexis *lexis, const struct sql_statement *s)
{
    struct sql_script again = {0};
    struct sql_part part = {.text = s->text, .len = s->len};
    enum bf_rc rc = sql_split(lexis, &part, 1, &again, NULL);
    assert(rc == BF_OK && again.n == 1);
    assert(again.at[0].len == s->len && memcmp(again.at[0].text, s->text, s->len) == 0);
    assert(strcmp(again.at[0].verb, s->verb) == 0);
    sql_script_done(&again);
}

/* A value as a string literal, as rendering would make it. */
static char *literal(const char *text, size_t len, size_t *ret_len)
{
    char *out = bf_xmalloc(2 * len + 2);
    size_t n = 0;
    out[n++] = '\'';
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\'')
            out[n++] = '\'';
        out[n++] = text[i] ? text[i] : ' ';
    }
    out[n++] = '\'';
    *ret_len = n;
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct sql_lexis *lexis = data[0] & 1 ? &sql_lexis_postgresql : &sql_lexis_sqlite;
    const char *at = (const char *)data + 1, *end = (const char *)data + size;
    BF_VEC_TYPE(struct sql_part) parts = {0}, neutral = {0};
    BF_VEC_TYPE(char *) owned = {0};
    bool value = false;
    while (at < end) {
        const char *mark = memchr(at, value ? 2 : 1, (size_t)(end - at));
        size_t len = mark ? (size_t)(mark - at) : (size_t)(end - at);
        struct sql_part part = {.value = value, .text = at, .len = len};
        struct sql_part plain = part;
        if (value) {
            char *text = literal(at, len, &part.len);
            bf_vec_push(&owned, text);
            part.text = text;
            plain.text = "0";
            plain.len = 1;
        }
        bf_vec_push(&parts, part);
        bf_vec_push(&neutral, plain);
        at += len + 1;
        value = !value;
    }
    struct sql_script script = {0}, other = {0};
    enum bf_rc rc = sql_split(lexis, parts.at, parts.n, &script, NULL);
    enum bf_rc other_rc = sql_split(lexis, neutral.at, neutral.n, &other, NULL);
    assert(rc == other_rc && script.n == other.n);
    for (size_t i = 0; i < script.n; i++)
        check_statement(lexis, &script.at[i]);
    sql_script_done(&script);
    sql_script_done(&other);
    for (size_t i = 0; i < owned.n; i++)
        free(owned.at[i]);
    bf_vec_free(&owned);
    bf_vec_free(&parts);
    bf_vec_free(&neutral);
    return 0;
}

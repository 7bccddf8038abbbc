/* The splitter under any bytes.  The first byte chooses the lexis; 0x01 in the rest opens and 0x02 closes a value.
 *
 * Holds: every statement splits into itself; what a value says decides neither whether a script is accepted nor how many
 * statements it has; the tokens of the statements are those of the script, comments and semicolons apart, so that nothing is lost and
 * a value stays whole; those who look into statements accept what was split. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "agent/sql/guard.h"
#include "agent/sql/kind.h"
#include "agent/sql/lex.h"
#include "agent/sql/targets.h"
#include "common/buf.h"
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

static void look_into(const struct sql_lexis *lexis, const struct sql_statement *s)
{
    const struct sql_dialect dialect = {.dbms = "fuzz", .lexis = lexis};
    struct sql_targets targets = {0};
    (void)!sql_guard_check(&dialect, true, s, NULL);
    (void)!sql_guard_check(&dialect, false, s, NULL);
    (void)sql_statement_gives(lexis, s);
    sql_statement_targets(lexis, s, &targets);
    sql_targets_done(&targets);
}

/* The tokens without blanks, comments and semicolons, each ended by a NUL byte. */
static void put_tokens(struct lexer *x, struct bf_buf *ret)
{
    for (struct lex_token t = lex_next_solid(x); t.kind != LEX_END; t = lex_next_solid(x)) {
        if (t.kind == LEX_SEMICOLON)
            continue;
        bf_buf_put(ret, t.text, t.len);
        bf_buf_put_u8(ret, 0);
    }
}

static void check_tokens(const struct sql_lexis *lexis, const struct sql_part *parts, size_t n, const struct sql_script *script)
{
    struct bf_buf source = {0}, want = {0}, got = {0};
    BF_VEC_TYPE(struct lex_span) spans = {0};
    for (size_t i = 0; i < n; i++) {
        if (parts[i].value)
            bf_vec_push(&spans, (struct lex_span){source.len, source.len + parts[i].len});
        bf_buf_put(&source, parts[i].text, parts[i].len);
    }
    struct lexer x;
    lex_init(&x, lexis, bf_buf_cstr(&source), source.len, spans.at, spans.n);
    put_tokens(&x, &want);
    for (size_t i = 0; i < script->n; i++) {
        lex_init(&x, lexis, script->at[i].text, script->at[i].len, NULL, 0);
        put_tokens(&x, &got);
    }
    assert(want.len == got.len && (want.len == 0 || memcmp(want.data, got.data, want.len) == 0));
    bf_buf_free(&source);
    bf_buf_free(&want);
    bf_buf_free(&got);
    bf_vec_free(&spans);
}

/* A value as a string literal, as rendering would make it: without a backslash where nobody knows what it means. */
static char *literal(const struct sql_lexis *lexis, const char *text, size_t len, size_t *ret_len)
{
    char *out = bf_xmalloc(2 * len + 2);
    size_t n = 0;
    out[n++] = '\'';
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\'' || (text[i] == '\\' && lexis->backslashes))
            out[n++] = text[i];
        out[n++] = text[i] == '\0' || (text[i] == '\\' && lexis->doubtful) ? ' ' : text[i];
    }
    out[n++] = '\'';
    *ret_len = n;
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    static const struct sql_lexis *const lexes[] = {&sql_lexis_sqlite, &sql_lexis_postgresql, &sql_lexis_mariadb, &sql_lexis_ansi};
    const struct sql_lexis *lexis = lexes[data[0] % 4];
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
            char *text = literal(lexis, at, len, &part.len);
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
    for (size_t i = 0; i < script.n; i++) {
        check_statement(lexis, &script.at[i]);
        look_into(lexis, &script.at[i]);
    }
    if (rc == BF_OK)
        check_tokens(lexis, parts.at, parts.n, &script);
    sql_script_done(&script);
    sql_script_done(&other);
    for (size_t i = 0; i < owned.n; i++)
        free(owned.at[i]);
    bf_vec_free(&owned);
    bf_vec_free(&parts);
    bf_vec_free(&neutral);
    return 0;
}

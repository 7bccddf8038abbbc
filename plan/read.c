/* Readers of single values.  The words of a diagnostic name the key, what was found, and what fits. */
#include "plan/read.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/sql_limits.h"
#include "common/text.h"
#include "plan/plan.h"

const char *plan_clip(const char *s, char ret[PLAN_CLIP])
{
    size_t n = 0, max = PLAN_CLIP - 4;
    while (n < max && s[n])
        n++;
    bool cut = s[n] != '\0';
    if (cut)
        while (n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80)
            n--;
    for (size_t i = 0; i < n; i++)
        ret[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7F ? '?' : s[i];
    memcpy(ret + n, cut ? "…" : "", cut ? 4 : 1);
    return ret;
}

const char *plan_guess(const struct bf_diags *d, const char *word, const char *const *at, size_t n, struct bf_buf *sentence)
{
    /* The search is not cheap, and past the limit nobody would see what it found. */
    bool seen = !d || d->n < BF_DIAG_MAX;
    const char *near = seen && strlen(word) <= PLAN_NAME_MAX ? bf_nearest(word, at, n) : NULL;
    if (near)
        bf_buf_printf(sentence, "; did you mean `%s`?", near);
    return near;
}

const char *plan_unknown_words(const struct bf_diags *d, const char *what, const char *word, const char *const *at, size_t n,
                               const char *advice, struct bf_buf *ret)
{
    char shown[PLAN_CLIP];
    bf_buf_printf(ret, "unknown %s `%s`", what, plan_clip(word, shown));
    const char *near = plan_guess(d, word, at, n, ret);
    if (!near)
        bf_buf_put_str(ret, advice);
    return near;
}

void plan_unknown(struct bf_diags *d, struct bf_mark mark, const char *what, const char *word,
                  const char *const *at, size_t n, const char *advice)
{
    struct bf_buf sentence = {0};
    const char *near = plan_unknown_words(d, what, word, at, n, advice, &sentence);
    bf_diag_add(d, BF_DIAG_ERROR, mark, "%s", bf_buf_cstr(&sentence));
    if (near)
        bf_diag_fix(d, "write `%s`", near);
    bf_buf_free(&sentence);
}

const char *plan_ref_name(enum plan_ref ref)
{
    static const char *const names[] = {
        [PLAN_REF_POOL] = "pool", [PLAN_REF_CONNECTION] = "connection", [PLAN_REF_DATASET] = "dataset", [PLAN_REF_STEP] = "step",
        [PLAN_REF_FLAG] = "flag", [PLAN_REF_OWNER] = "owner", [PLAN_REF_BREAKER] = "pool, connection, dataset or step",
    };
    return names[ref];
}

bool plan_read_text(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, size_t max_bytes, const char **ret)
{
    if (n->kind != BF_YAML_SCALAR) {
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` must be a single value", key);
        return false;
    }
    if (bf_yaml_is_null(n)) {
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` has no value", key);
        return false;
    }
    if (memchr(n->text, '\0', n->text_len)) {
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` contains a NUL character", key);
        return false;
    }
    if (n->text_len > max_bytes) {
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` is too long: %zu bytes, at most %zu", key, n->text_len, max_bytes);
        return false;
    }
    *ret = n->text;
    return true;
}

bool plan_name_valid(const char *s)
{
    size_t n = 0;
    for (; s[n]; n++) {
        bool letter = (s[n] >= 'a' && s[n] <= 'z') || (s[n] >= 'A' && s[n] <= 'Z');
        if (!letter && !(s[n] >= '0' && s[n] <= '9') && s[n] != '_' && s[n] != '.' && s[n] != '-')
            return false;
        if (n == PLAN_NAME_MAX)
            return false;
    }
    return n > 0;
}

bool plan_table_valid(const char *s)
{
    size_t parts = 1, len = 0;
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7F || (*s == '.' && len == 0))
            return false;
        parts += *s == '.';
        len = *s == '.' ? 0 : len + 1;
        if (len > SQL_IDENT_MAX_BYTES)
            return false;
    }
    return len > 0 && parts <= SQL_TABLE_PARTS_MAX;
}

bool plan_identifier_valid(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_';
        if (!letter && (i == 0 || s[i] < '0' || s[i] > '9'))
            return false;
    }
    return n > 0;
}

/* "a unit", "an owner". */
static const char *article(const char *what)
{
    return strchr("aeio", what[0]) ? "an" : "a";
}

bool plan_read_name(struct bf_diags *d, const struct bf_yaml_node *n, const char *what, const char **ret)
{
    char shown[PLAN_CLIP];
    if (n->kind != BF_YAML_SCALAR) {
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "the name of %s %s must be a single value", article(what), what);
        return false;
    }
    if (memchr(n->text, '\0', n->text_len) || !plan_name_valid(n->text)) {
        bf_diag_add(d, BF_DIAG_ERROR, n->mark,
                    "`%s` cannot be the name of %s %s: use letters, digits, `_`, `.` and `-`, at most %u",
                    plan_clip(n->text, shown), article(what), what, PLAN_NAME_MAX);
        return false;
    }
    *ret = n->text;
    return true;
}

static bool is_one_of(const char *s, const char *a, const char *b, const char *c)
{
    return strcmp(s, a) == 0 || strcmp(s, b) == 0 || strcmp(s, c) == 0;
}

bool plan_read_bool(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, bool *ret)
{
    if (n->kind == BF_YAML_SCALAR && !n->quoted && is_one_of(n->text, "true", "True", "TRUE")) {
        *ret = true;
        return true;
    }
    if (n->kind == BF_YAML_SCALAR && !n->quoted && is_one_of(n->text, "false", "False", "FALSE")) {
        *ret = false;
        return true;
    }
    bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` must be true or false", key);
    return false;
}

bool plan_read_int(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, int64_t min, int64_t max, int64_t *ret)
{
    const char *text;
    char shown[PLAN_CLIP];
    if (!plan_read_text(d, n, key, PLAN_TEXT_MAX, &text))
        return false;
    int64_t value;
    if (n->quoted && bf_parse_int(text, min, max, &value)) {
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` must be a whole number, and what stands in quotes is text", key);
        bf_diag_fix(d, "write `%s` without quotes", text);
        return false;
    }
    if (n->quoted || !bf_parse_int(text, min, max, ret)) {
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` must be a whole number from %" PRId64 " to %" PRId64 ", not `%s`", key, min,
                    max, plan_clip(text, shown));
        return false;
    }
    return true;
}

bool plan_read_duration(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, int64_t min_ms, int64_t *ret_ms)
{
    const char *text;
    char shown[PLAN_CLIP];
    int64_t ms;
    if (!plan_read_text(d, n, key, PLAN_TEXT_MAX, &text))
        return false;
    if (!bf_parse_duration(text, &ms)) {
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` must be a duration like `90s`, `250ms` or `1h30m`, not `%s`", key,
                    plan_clip(text, shown));
        return false;
    }
    if (ms < min_ms) {
        char least[32];
        bf_format_duration(min_ms, least, sizeof least);
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` must be at least %s", key, least);
        return false;
    }
    *ret_ms = ms;
    return true;
}

bool plan_read_word(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_word *words, int *ret)
{
    enum { WORDS_MAX = 16 };
    const char *names[WORDS_MAX], *text;
    char what[64];
    if (!plan_read_text(d, n, key, PLAN_TEXT_MAX, &text))
        return false;
    size_t count = 0;
    for (size_t i = 0; words[i].word; i++) {
        if (!words[i].not_yet && count < WORDS_MAX)
            names[count++] = words[i].word;
        if (strcmp(words[i].word, text) != 0)
            continue;
        if (words[i].not_yet) {
            bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s: %s` is not supported yet (%s)", key, text, words[i].not_yet);
            return false;
        }
        *ret = words[i].value;
        return true;
    }
    snprintf(what, sizeof what, "value of `%.48s`:", key);
    struct bf_buf advice = {0};
    bf_buf_put_str(&advice, ": use ");
    for (size_t i = 0; i < count; i++)
        bf_buf_printf(&advice, "%s`%s`", i == 0 ? "" : i + 1 == count ? " or " : ", ", names[i]);
    plan_unknown(d, n->mark, what, text, names, count, bf_buf_cstr(&advice));
    bf_buf_free(&advice);
    return false;
}

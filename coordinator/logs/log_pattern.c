/* See log_pattern.h.
 *
 * PCRE2 and not POSIX regexec: it has a compiler to machine code, limits of its own, and says where a mistake is.  It backtracks, so
 * that an expression can be made that takes exponential time on one line; MATCH_STEPS_MAX ends that after about a millisecond.
 * A text that ignores case is left to PCRE2 too, as a literal.
 *
 * The needle of an expression is its longest row of plain characters outside any group, class or choice: every match contains it.
 * Where that is not plain to see (a choice, an option, a group with a question mark) there is none. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "coordinator/logs/log_pattern.h"

#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define MATCH_STEPS_MAX 100000u
#define MATCH_MEMORY_KIB 8192u
#define JIT_STACK_BYTES (512u << 10)

struct log_pattern {
    char *needle;                                /* every match contains it; "" : none is known */
    size_t needle_bytes;
    bool needle_is_all;                          /* and whatever contains it matches */
    pcre2_code *code;                            /* NULL: a plain text */
    bool literal;                                /* code is a text whose case does not count */
    pcre2_match_data *data;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
    uint64_t gave_up;
};

/* ---- the needle of an expression ---- */

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-:/=,;\"'<>@%&~!`";

/* The first byte behind what begins at s: an escape, a class, a group, or one character. */
static const char *atom_end(const char *s)
{
    if (*s == '\\')
        return s[1] ? s + 2 : s + 1;
    if (*s == '[') {
        s += 1 + (s[1] == '^');
        s += *s == ']';
        for (; *s && *s != ']'; s++) {
            if (*s == '\\' && s[1])
                s++;
            else if (*s == '[' && s[1] == ':')
                return strchr(s, '\0');          /* a named class: the rest is not looked at */
        }
        return *s ? s + 1 : s;
    }
    if (*s == '(') {
        int depth = 1;
        for (s++; *s && depth > 0; ) {
            if (*s == '[' || *s == '\\') {
                s = atom_end(s);
                continue;
            }
            depth += *s == '(';
            depth -= *s == ')';
            s++;
        }
        return s;
    }
    return s + 1;
}

static bool is_quantifier(char c) { return c == '*' || c == '?' || c == '{' || c == '+'; }

static void needle_find(const char *s, struct log_pattern *p)
{
    static const char *const hard[] = {"|", "(?", "(*", "\\Q", "\\E", "\\x", "\\c", "\\o", "\\N", "\\p", "\\P", "\\g", "\\k", "\\K"};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
        if (strstr(s, hard[i]))
            return;
    for (const char *b = strchr(s, '\\'); b; b = strchr(b + 1, '\\'))
        if (b[1] >= '0' && b[1] <= '9')
            return;
    size_t best = 0;
    const char *at = s;
    while (*s) {
        size_t n = strspn(s, plain);
        const char *end = s + n;
        size_t kept = n && is_quantifier(*end) ? n - 1 : n;      /* the last one may be there no times */
        if (kept > best) {
            best = kept;
            at = s;
        }
        s = n ? end : atom_end(s);
        while (is_quantifier(*s)) {
            if (*s == '{') {
                const char *close = strchr(s, '}');
                s = close ? close : s;
            }
            s++;
        }
    }
    if (best >= 3) {
        p->needle = bf_xmemdup(at, best);
        p->needle_bytes = best;
    }
}

/* ---- making ---- */

static enum bf_rc compile_failed(int code, size_t offset, struct bf_error *err)
{
    PCRE2_UCHAR text[128] = "";
    pcre2_get_error_message(code, text, sizeof text);
    return bf_fail(err, BF_INVALID, "the regular expression is not valid at character %zu: %s", offset + 1, (const char *)text);
}

static enum bf_rc pattern_compile(struct log_pattern *p, const char *text, uint32_t options, struct bf_error *err)
{
    int code;
    PCRE2_SIZE offset;
    p->code = pcre2_compile((PCRE2_SPTR)text, strlen(text), options, &code, &offset, NULL);
    if (!p->code)
        return compile_failed(code, offset, err);
    p->data = pcre2_match_data_create(1, NULL);
    p->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(p->limits, MATCH_STEPS_MAX);
    pcre2_set_heap_limit(p->limits, MATCH_MEMORY_KIB);
    /* Without a compiler for this machine it is interpreted: slower, the same answer. */
    if (pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE) == 0) {
        p->stack = pcre2_jit_stack_create(32 << 10, JIT_STACK_BYTES, NULL);
        pcre2_jit_stack_assign(p->limits, NULL, p->stack);
    }
    return BF_OK;
}

static const char setting_signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789=";

enum bf_rc log_pattern_new(const char *text, bool regex, bool ignore_case, struct log_pattern **ret, struct bf_error *err)
{
    if (strlen(text) > LOG_PATTERN_BYTES_MAX)
        return bf_fail(err, BF_LIMIT, "what is searched for has %zu bytes; at most %u are taken", strlen(text), LOG_PATTERN_BYTES_MAX);
    /* They change how the rest is read, and how long it may take. */
    if (regex && strncmp(text, "(*", 2) == 0)
        return bf_fail(err, BF_UNSUPPORTED, "the regular expression begins with a setting, `(*%.*s…`: they are not supported yet; begin "
                       "with what is searched for, as in `\\(\\*` for the signs themselves", (int)strspn(text + 2, setting_signs),
                       text + 2);
    struct log_pattern *p = bf_xcalloc(1, sizeof *p);
    enum bf_rc rc = BF_OK;
    if (regex && text[0]) {
        /* \C would split a character. */
        uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | (ignore_case ? PCRE2_CASELESS : 0);
        rc = pattern_compile(p, text, options, err);
        if (rc == BF_OK && !ignore_case)
            needle_find(text, p);
    } else if (ignore_case && text[0]) {
        p->literal = true;
        rc = pattern_compile(p, text, PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_LITERAL | PCRE2_CASELESS, err);
    } else {
        p->needle = bf_xstrdup(text);
        p->needle_bytes = strlen(text);
        p->needle_is_all = true;
    }
    if (rc != BF_OK) {
        log_pattern_free(p);
        return rc;
    }
    *ret = p;
    return BF_OK;
}

void log_pattern_free(struct log_pattern *p)
{
    if (!p)
        return;
    pcre2_match_data_free(p->data);
    pcre2_match_context_free(p->limits);
    pcre2_jit_stack_free(p->stack);
    pcre2_code_free(p->code);
    free(p->needle);
    free(p);
}

/* ---- using ---- */

bool log_pattern_all(const struct log_pattern *p) { return p->needle_is_all && p->needle_bytes == 0; }
uint64_t log_pattern_gave_up(const struct log_pattern *p) { return p->gave_up; }

/* The offset of the first match; n: none. */
static size_t code_find(struct log_pattern *x, const uint8_t *p, size_t n, bool *ret_gave_up)
{
    int rc = pcre2_match(x->code, p, n, 0, 0, x->data, x->limits);
    *ret_gave_up = rc < 0 && rc != PCRE2_ERROR_NOMATCH;
    return rc >= 0 ? pcre2_get_ovector_pointer(x->data)[0] : n;
}

size_t log_pattern_next(struct log_pattern *x, const uint8_t *p, size_t n)
{
    if (x->needle_bytes) {
        const uint8_t *at = memmem(p, n, x->needle, x->needle_bytes);
        return at ? (size_t)(at - p) : n;
    }
    bool gave_up = false;
    size_t at = x->literal ? code_find(x, p, n, &gave_up) : 0;
    return gave_up ? 0 : at;
}

bool log_pattern_match(struct log_pattern *x, const uint8_t *p, size_t n)
{
    if (x->needle_bytes && !memmem(p, n, x->needle, x->needle_bytes))
        return false;
    if (!x->code)
        return true;
    bool gave_up;
    /* An empty line matches an empty expression, at offset 0 = n. */
    int rc = pcre2_match(x->code, p, n, 0, 0, x->data, x->limits);
    gave_up = rc < 0 && rc != PCRE2_ERROR_NOMATCH;
    x->gave_up += gave_up;
    return rc >= 0;
}

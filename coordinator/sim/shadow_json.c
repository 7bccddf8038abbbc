/* JSON as the audit trail writes it: read by itself, in one walk, and compared while it is read.  What is not in that form is none. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/sim/shadow_json.h"

enum { NAMES_MAX = 64, DEPTH_MAX = 8 };

struct name { const char *at; size_t n; };
struct reading { const char *p, *end; const struct shadow_said *want; size_t n_want; uint64_t met; };      /* met: a bit for each */

static bool value(struct reading *r, unsigned depth, const char *word, bool *ret_same);

static bool take(struct reading *r, char c)
{
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

/* Of \uXXXX with what stands in a trail: a control character, which is one byte. */
static bool escaped(struct reading *r, char *ret)
{
    static const char digits[] = "0123456789abcdef", names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    unsigned code = 0;
    if (r->p == r->end)
        return false;
    const char *known = *r->p ? strchr(names, *r->p) : NULL;
    if (known) {
        *ret = bytes[known - names];
        r->p++;
        return true;
    }
    if (!take(r, 'u') || r->end - r->p < 4)
        return false;
    for (int i = 0; i < 4; i++, r->p++) {
        const char *digit = *r->p ? strchr(digits, *r->p) : NULL;
        if (!digit)
            return false;
        code = code << 4 | (unsigned)(digit - digits);
    }
    *ret = (char)code;
    return code > 0 && code < 0x80;
}

/* word NULL: whatever it says. */
static bool string(struct reading *r, const char *word, bool *ret_same)
{
    bool same = word != NULL;
    if (!take(r, '"'))
        return false;
    while (r->p < r->end && *r->p != '"') {
        char c = *r->p++;
        if ((unsigned char)c < 0x20 || (c == '\\' && !escaped(r, &c)))
            return false;
        same = same && *word == c;
        if (same)
            word++;
    }
    *ret_same = same && *word == '\0';
    return take(r, '"');
}

static bool is_new(const struct name *names, size_t n, struct name name)
{
    for (size_t i = 0; i < n; i++)
        if (names[i].n == name.n && memcmp(names[i].at, name.at, name.n) == 0)
            return false;
    return true;
}

/* The number of a member that is wanted; n_want: it is not. */
static size_t wanted(const struct reading *r, unsigned depth, struct name name)
{
    for (size_t i = 0; depth == 0 && i < r->n_want; i++)
        if (strncmp(r->want[i].name, name.at, name.n) == 0 && r->want[i].name[name.n] == '\0')
            return i;
    return r->n_want;
}

static bool object(struct reading *r, unsigned depth)
{
    struct name names[NAMES_MAX];
    bool same;
    for (size_t n = 0;; n++) {
        const char *at = r->p + 1;
        if (n == 0 && take(r, '}'))
            return true;
        if (n == NAMES_MAX || !string(r, NULL, &same))
            return false;
        names[n] = (struct name){at, (size_t)(r->p - 1 - at)};
        size_t want = wanted(r, depth, names[n]);
        if (!is_new(names, n, names[n]) || !take(r, ':') || !value(r, depth + 1, want < r->n_want ? r->want[want].word : NULL, &same))
            return false;
        if (want < r->n_want)
            r->met = same ? r->met | UINT64_C(1) << want : r->met & ~(UINT64_C(1) << want);
        if (take(r, '}'))
            return true;
        if (!take(r, ','))
            return false;
    }
}

static bool list(struct reading *r, unsigned depth)
{
    bool same;
    if (take(r, ']'))
        return true;
    do {
        if (!value(r, depth, NULL, &same))
            return false;
    } while (take(r, ','));
    return take(r, ']');
}

/* Numbers, true, false and null. */
static bool plain(struct reading *r)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if ((size_t)(r->end - r->p) >= strlen(words[i]) && memcmp(r->p, words[i], strlen(words[i])) == 0) {
            r->p += strlen(words[i]);
            return true;
        }
    (void)take(r, '-');
    const char *digits = r->p;
    while (r->p < r->end && ((*r->p >= '0' && *r->p <= '9') || (*r->p == '.' && r->p > digits)))
        r->p++;
    return r->p > digits;
}

static bool value(struct reading *r, unsigned depth, const char *word, bool *ret_same)
{
    *ret_same = false;
    if (r->p == r->end || depth > DEPTH_MAX)
        return false;
    if (*r->p == '"')
        return string(r, word, ret_same);
    if (take(r, '{'))
        return object(r, depth);
    return take(r, '[') ? list(r, depth + 1) : plain(r);
}

bool shadow_json_says(const char *text, size_t n, const struct shadow_said *want, size_t n_want, bool *ret_same)
{
    struct reading r = {.p = text, .end = text + n, .want = want, .n_want = n_want};
    assert(n_want < 64);
    for (size_t i = 0; i < n_want; i++)
        r.met |= *want[i].word ? 0 : UINT64_C(1) << i;
    if (n == 0 || !bf_utf8_valid(text, n) || !take(&r, '{') || !object(&r, 0) || r.p != r.end)
        return false;
    *ret_same = r.met == (UINT64_C(1) << n_want) - 1;
    return true;
}

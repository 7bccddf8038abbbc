/* Servers give back what they were sent, most of all when something is wrong with it; so every text from outside goes through
 * here. */
#include "agent/http/secrets.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "common/vec.h"

enum { SHORTEST_SECRET = 4 };

static void add(struct secrets *s, const char *text, size_t len)
{
    if (len >= SHORTEST_SECRET)
        bf_vec_push(s, bf_xstrndup(text, len));
}

static void add_as_json(struct secrets *s, const char *text)
{
    json_t *string = json_string(text);
    char *quoted = json_dumps(string, JSON_ENCODE_ANY);
    size_t n = quoted ? strlen(quoted) : 0;
    if (n > 2 && (n - 2 != strlen(text)))
        add(s, quoted + 1, n - 2);
    if (quoted)
        explicit_bzero(quoted, n);
    free(quoted);
    json_decref(string);
}

static int longest_first(const void *a, const void *b)
{
    size_t x = strlen(*(char *const *)a), y = strlen(*(char *const *)b);
    return x < y ? 1 : x > y ? -1 : 0;
}

void secrets_init(struct secrets *s, const struct http_request *r)
{
    *s = (struct secrets){0};
    for (size_t i = 0; i < r->n_headers; i++) {
        if (!r->headers[i].secret)
            continue;
        const char *value = r->headers[i].value, *blank = strchr(value, ' ');
        add(s, value, strlen(value));
        add_as_json(s, value);
        if (blank) {
            const char *rest = blank + strspn(blank, " ");
            add(s, rest, strlen(rest));
            add_as_json(s, rest);
        }
    }
    if (s->n > 1)
        qsort(s->at, s->n, sizeof *s->at, longest_first);
}

void secrets_done(struct secrets *s)
{
    for (size_t i = 0; i < s->n; i++) {
        explicit_bzero(s->at[i], strlen(s->at[i]));
        free(s->at[i]);
    }
    bf_vec_free(s);
}

static size_t secret_at(const struct secrets *s, const char *text, size_t len)
{
    for (size_t i = 0; i < s->n; i++) {
        size_t n = strlen(s->at[i]);
        if (n <= len && memcmp(text, s->at[i], n) == 0)
            return n;
    }
    return 0;
}

/* Append what stands at text, and return how many bytes of it that was. */
static size_t put_character(const char *text, size_t len, bool lines, struct bf_buf *ret)
{
    unsigned char c = (unsigned char)*text;
    if (c < 0x20 || c == 0x7f) {
        bf_buf_put_u8(ret, lines && (c == '\n' || c == '\t') ? c : ' ');
        return 1;
    }
    for (size_t n = 1; n <= 4 && n <= len; n++)
        if (bf_utf8_valid(text, n)) {
            bf_buf_put(ret, text, n);
            return n;
        }
    bf_buf_put_u8(ret, '?');
    return 1;
}

void secrets_put(const struct secrets *s, const char *text, size_t len, struct shown how, struct bf_buf *ret)
{
    size_t longest = s->n ? strlen(s->at[0]) : 0, begin = 0, until = len;
    bool begun = !how.cut_front;
    if (how.cut_back)
        until = len > longest ? len - longest : 0;
    if (how.cut_front)
        begin = longest;
    /* What is left out is read all the same: a secret that begins in it must be known where it ends. */
    for (size_t i = 0; i < until;) {
        size_t secret = secret_at(s, text + i, len - i);
        begun = begun || (i >= begin && ((unsigned char)text[i] & 0xC0) != 0x80);
        if (begun && secret)
            bf_buf_put_str(ret, "***");
        if (secret)
            i += secret;
        else
            i += begun ? put_character(text + i, len - i, how.lines, ret) : 1;
    }
}

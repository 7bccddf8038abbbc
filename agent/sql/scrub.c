/* Finds the attributes of a connection string (key=value;key={value};…) and blots their values out of texts. */
#include "agent/sql/scrub.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/plant.h"
#include "common/vec.h"

struct attribute {
    const char *key, *value;                   /* into the string; value without its braces */
    size_t key_len, value_len;
};

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \t\r\n");
}

static size_t trimmed(const char *s, size_t len)
{
    while (len && strchr(" \t\r\n", s[len - 1]))
        len--;
    return len;
}

/* The next attribute at *at; false at the end. */
static bool next_attribute(const char **at, struct attribute *ret)
{
    const char *s = *at;
    s += strspn(s, "; \t\r\n");
    if (!*s)
        return false;
    size_t key_len = strcspn(s, "=;");
    *ret = (struct attribute){.key = s, .key_len = trimmed(s, key_len), .value = s + key_len};
    s += key_len;
    if (*s == '=') {
        s = skip_blanks(s + 1);
        if (*s == '{') {
            const char *close = strchr(s, '}');
            while (close && close[1] == '}')
                close = strchr(close + 2, '}');
            ret->value = s + 1;
            ret->value_len = close ? (size_t)(close - s) - 1 : strlen(s + 1);
            s = close ? close : s + strlen(s);
            s += strcspn(s, ";");
        } else {
            ret->value = s;
            ret->value_len = trimmed(s, strcspn(s, ";"));
            s += strcspn(s, ";");
        }
    }
    *at = s;
    return true;
}

static bool key_in(const struct attribute *a, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a->key_len == strlen(keys[i]) && strncasecmp(a->key, keys[i], a->key_len) == 0)
            return true;
    return false;
}

static const char *const open_keys[] = {
    "driver", "timeout", "stepapi", "syncpragma", "journalmode", "nocreat", "notxn", "fksupport", "longnames", "shortnames", "nowchar",
    "port", "sslmode", "option", "charset", "auto_reconnect", "protocol", "usedeclarefetch", "tcpip"
};
static const char *const password_keys[] = {"pwd", "password", "passwd", "secret", "token", "accesstoken", "authtoken", "privatekey"};

static void add_secret(struct scrub *s, const char *text, size_t len)
{
    if (len)
        bf_vec_push(s, bf_xstrndup(text, len));
}

static int longest_first(const void *a, const void *b)
{
    size_t x = strlen(*(char *const *)a), y = strlen(*(char *const *)b);
    return x < y ? 1 : x > y ? -1 : 0;
}

static void add_attributes(struct scrub *s, const char *odbc)
{
    struct attribute a;
    for (const char *at = odbc; next_attribute(&at, &a);) {
        if (key_in(&a, open_keys, sizeof open_keys / sizeof *open_keys))
            continue;
        if (a.value_len >= SCRUB_SHORTEST || key_in(&a, password_keys, sizeof password_keys / sizeof *password_keys))
            add_secret(s, a.value, a.value_len);
    }
    if (s->n > 1)
        qsort(s->at, s->n, sizeof *s->at, longest_first);
}

void scrub_init(struct scrub *s, const char *odbc)
{
    *s = (struct scrub){0};
    add_secret(s, odbc, strlen(odbc));
    add_attributes(s, odbc);
}

void scrub_add(struct scrub *s, const char *value, bool always)
{
    if (always || strlen(value) >= SCRUB_SHORTEST)
        add_secret(s, value, strlen(value));
    add_attributes(s, value);
}

void scrub_done(struct scrub *s)
{
    for (size_t i = 0; i < s->n; i++) {
        explicit_bzero(s->at[i], strlen(s->at[i]));
        free(s->at[i]);
    }
    bf_vec_free(s);
}

static const char *secret_at(const struct scrub *s, const char *text, size_t len)
{
    for (size_t i = 0; i < s->n; i++) {
        size_t n = strlen(s->at[i]);
        if (n <= len && memcmp(text, s->at[i], n) == 0 && !BF_PLANTED("secret_told"))
            return s->at[i];
    }
    return NULL;
}

void scrub_put(const struct scrub *s, const char *text, size_t len, bool cut, struct bf_buf *ret)
{
    size_t until = len;
    if (cut && s->n) {
        size_t longest = strlen(s->at[0]);
        until = len > longest ? len - longest : 0;
    }
    for (size_t i = 0; i < until;) {
        const char *secret = secret_at(s, text + i, len - i);
        if (secret) {
            bf_buf_put_str(ret, "***");
            i += strlen(secret);
        } else {
            unsigned char c = (unsigned char)text[i++];
            bf_buf_put_u8(ret, c < 0x20 || c == 0x7f ? ' ' : c);
        }
    }
}

/* See token.h. */
#include "bfctl/token.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define PREFIX "bfenrol1."
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

void token_encode(const struct token *t, struct bf_buf *ret)
{
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", t->name, "api", t->api, "fleet", t->fleet, "logs", t->logs,
                          "server_key", t->server_key, "public", t->keys.public, "secret", t->keys.secret);
    char *text = json_dumps(j, JSON_COMPACT);
    size_t n = strlen(text), size = sodium_base64_ENCODED_LEN(n, VARIANT);
    char *coded = bf_xmalloc(size);
    sodium_bin2base64(coded, size, (const unsigned char *)text, n, VARIANT);
    bf_buf_printf(ret, PREFIX "%s", coded);
    sodium_memzero(coded, size);
    sodium_memzero(text, n);
    free(coded);
    free(text);
    json_decref(j);
}

static enum bf_rc malformed(struct bf_error *err)
{
    return bf_fail(err, BF_INVALID, "this is no enrolment token; bfctl agent enroll NAME prints one, of one line that begins with " PREFIX);
}

static bool take_key(const json_t *j, const char *name, char ret[KEY_TEXT])
{
    const char *s = json_string_value(json_object_get(j, name));
    if (!s || strlen(s) != KEY_TEXT - 1)
        return false;
    memcpy(ret, s, KEY_TEXT);
    return true;
}

static bool take_fields(const json_t *j, struct token *ret)
{
    const struct { const char *name; char **field; } fields[] = {
        {"name", &ret->name}, {"api", &ret->api}, {"fleet", &ret->fleet}, {"logs", &ret->logs}, {"server_key", &ret->server_key}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const char *s = json_string_value(json_object_get(j, fields[i].name));
        if (!s || !*s || strpbrk(s, "\n\r"))
            return false;
        *fields[i].field = bf_xstrdup(s);
    }
    return key_name_valid(ret->name) && take_key(j, "public", ret->keys.public) && take_key(j, "secret", ret->keys.secret);
}

enum bf_rc token_decode(const char *text, struct token *ret, struct bf_error *err)
{
    unsigned char json[TOKEN_MAX_BYTES];
    size_t n = strlen(text), got = 0;
    const char *end;
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        n--;
    if (n >= TOKEN_MAX_BYTES || strncmp(text, PREFIX, sizeof PREFIX - 1) != 0)
        return malformed(err);
    const char *coded = text + sizeof PREFIX - 1;
    if (sodium_base642bin(json, sizeof json, coded, n - (sizeof PREFIX - 1), NULL, &got, &end, VARIANT) != 0 || end != text + n)
        return malformed(err);
    json_t *j = json_loadb((const char *)json, got, JSON_REJECT_DUPLICATES, NULL);
    bool good = j && take_fields(j, ret);
    sodium_memzero(json, sizeof json);
    json_decref(j);
    return good ? BF_OK : malformed(err);
}

void token_done(struct token *t)
{
    free(t->name);
    free(t->api);
    free(t->fleet);
    free(t->logs);
    free(t->server_key);
    sodium_memzero(t, sizeof *t);
}

char *token_endpoint(const char *bound, const char *beside)
{
    bool all = strncmp(bound, "tcp://0.0.0.0:", 14) == 0 || strncmp(bound, "tcp://[::]:", 11) == 0;
    const char *port = strrchr(bound, ':'), *host_end = strrchr(beside, ':');
    if (!all || !port || !host_end || host_end <= beside + strlen("tcp://"))
        return bf_xstrdup(bound);
    return bf_xasprintf("%.*s%s", (int)(host_end - beside), beside, port);
}

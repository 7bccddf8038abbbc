/* Words for keys. */
#include "proto/key.h"

#include <string.h>

#include "common/z85.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

const struct key_entry key_empty = {.name = "", .by = "", .ended_by = ""};

static const struct { enum key_role role; const char *word; } roles[] = {
    {KEY_VIEWER, "viewer"}, {KEY_OPERATOR, "operator"}, {KEY_APPROVER, "approver"}, {KEY_AUDITOR, "auditor"}, {KEY_ADMIN, "admin"},
    {KEY_AGENT, "agent"}, {KEY_ENROL, "enrol"}};
#define N_ROLES (sizeof roles / sizeof *roles)

const char *key_role_name(enum key_role r)
{
    for (size_t i = 0; i < N_ROLES; i++)
        if (roles[i].role == r)
            return roles[i].word;
    return "none";
}

bool key_role_parse(const char *word, enum key_role *ret)
{
    for (size_t i = 0; i < N_ROLES; i++)
        if (strcmp(roles[i].word, word) == 0) {
            *ret = roles[i].role;
            return true;
        }
    return false;
}

const char *key_state_name(enum key_state s)
{
    switch (s) {
    case KEY_LIVE: return "live";
    case KEY_REVOKED: return "revoked";
    case KEY_USED: return "used";
    }
    return "unknown";
}

void key_format(const uint8_t key[BF_KEY_BYTES], char ret[KEY_TEXT])
{
    bf_z85_encode(key, BF_KEY_BYTES, ret);
}

bool key_parse(const char *text, uint8_t ret[BF_KEY_BYTES])
{
    return bf_z85_decode(text, BF_KEY_BYTES, ret);
}

static bool made_of(const char *s, const char *chars)
{
    size_t n = strspn(s, chars);
    return n > 0 && n <= KEY_NAME_MAX && s[n] == '\0';
}

bool key_name_valid(const char *s)
{
    return made_of(s, NAME_CHARS);
}

bool key_glob_valid(const char *s)
{
    return made_of(s, NAME_CHARS "*?");
}

static bool words_same(const char *const *a, size_t n_a, const char *const *b, size_t n_b)
{
    bool same = n_a == n_b;
    for (size_t i = 0; same && i < n_a; i++)
        same = strcmp(a[i], b[i]) == 0;
    return same;
}

bool key_same(const struct key_entry *a, const struct key_entry *b)
{
    return a->role == b->role && memcmp(a->key, b->key, BF_KEY_BYTES) == 0 && words_same(a->plans, a->n_plans, b->plans, b->n_plans) &&
           words_same(a->pools, a->n_pools, b->pools, b->n_pools);
}

bool key_name_reserved(const char *s)
{
    return strcmp(s, "coordinator") == 0 || strcmp(s, ".") == 0 || strcmp(s, "..") == 0;
}

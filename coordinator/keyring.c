/* See keyring.h. */
#include "coordinator/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"

struct keyring {
    const struct config_keys *configured;        /* NULL: none yet */
    struct bf_smap by_key;                       /* public key -> entry of configured */
    struct bf_smap seen;                         /* public key -> microseconds, in the pointer */
};

_Static_assert(sizeof(uintptr_t) >= sizeof(int64_t), "a time fits a pointer");

struct keyring *keyring_new(void)
{
    return bf_xcalloc(1, sizeof(struct keyring));
}

void keyring_free(struct keyring *k)
{
    if (!k)
        return;
    bf_smap_free(&k->by_key);
    bf_smap_free(&k->seen);
    free(k);
}

void keyring_configure(struct keyring *k, const struct config_keys *keys)
{
    bf_smap_free(&k->by_key);
    k->configured = keys;
    for (size_t i = 0; i < keyring_n(k); i++) {
        struct key_entry *e = &keys->at.at[i];
        bf_smap_put(&k->by_key, e->key, sizeof e->key, e);
    }
}

bool keyring_in_force(const struct engine *e, const struct key_entry *configured)
{
    return !engine_key_find(e, configured->key) && !engine_key_named(e, configured->name);
}

/* Times of keys that may not speak any more are dropped whenever keys may have gone: a key is seen only when it may. */
void keyring_forget_gone(struct keyring *k, const struct engine *e)
{
    struct bf_smap kept = {0};
    size_t pos = 0, key_len;
    const char *key;
    void *when;
    while (bf_smap_next(&k->seen, &pos, &key, &key_len, &when))
        if (keyring_find(k, e, (const uint8_t *)key))
            bf_smap_put(&kept, key, key_len, when);
    bf_smap_free(&k->seen);
    k->seen = kept;
}

static bool manages_keys(const struct key_entry *k)
{
    return k->role == KEY_ADMIN && !key_is_scoped(k);
}

bool keyring_has_admin(const struct config_keys *keys, const struct engine *e)
{
    bool found = false;
    for (size_t i = 0; i < engine_n_keys(e) && !found; i++)
        found = engine_key(e, i)->state == KEY_LIVE && manages_keys(engine_key(e, i));
    for (size_t i = 0; i < keys->at.n && !found; i++)
        found = manages_keys(&keys->at.at[i]) && keyring_in_force(e, &keys->at.at[i]);
    return found;
}

/* ---- the table ---- */

static struct zap_key zap_entry(const struct key_entry *k)
{
    struct zap_key z = {.role = k->role};
    memcpy(z.key, k->key, sizeof z.key);
    memcpy(z.name, k->name, strlen(k->name) + 1);
    return z;
}

/* A used token may speak on, to hear what became of it: its reply may be lost. */
static bool may_speak(const struct key_entry *k)
{
    return k->state == KEY_LIVE || k->state == KEY_USED;
}

struct zap_key *keyring_table(const struct keyring *k, const struct engine *e, size_t *ret_n)
{
    struct zap_key *table = bf_xcalloc(keyring_n(k) + engine_n_keys(e) + 1, sizeof *table);
    size_t n = 0;
    for (size_t i = 0; i < engine_n_keys(e); i++)
        if (may_speak(engine_key(e, i)))
            table[n++] = zap_entry(engine_key(e, i));
    for (size_t i = 0; i < keyring_n(k); i++) {
        const struct key_entry *c = keyring_at(k, i);
        const struct key_entry *known = engine_key_find(e, c->key);
        if (keyring_in_force(e, c))
            table[n++] = zap_entry(c);
        else if (!known || known->state != KEY_LIVE)
            bf_info("key_left_out", "name=%s why=%s", bf_log_quote(c->name),
                    known ? "\"it was revoked, and stays so until it is created anew\"" : "\"a key of this name was made by a command\"");
    }
    *ret_n = n;
    return table;
}

const struct key_entry *keyring_find(const struct keyring *k, const struct engine *e, const uint8_t key[BF_KEY_BYTES])
{
    const struct key_entry *found = engine_key_find(e, key);
    if (found)
        return may_speak(found) ? found : NULL;
    found = bf_smap_get(&k->by_key, key, BF_KEY_BYTES);
    return found && keyring_in_force(e, found) ? found : NULL;
}

size_t keyring_configured(const struct keyring *k, const struct engine *e, const char *name, const uint8_t key[BF_KEY_BYTES],
                          struct key_entry *ret, size_t max)
{
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++)         /* those of the name and the key first: they decide, and admins are many */
        for (size_t i = 0; i < keyring_n(k) && n < max; i++) {
            const struct key_entry *c = keyring_at(k, i);
            bool meant = strcmp(c->name, name) == 0 || memcmp(c->key, key, BF_KEY_BYTES) == 0;
            bool admin = manages_keys(c) && keyring_in_force(e, c);
            if (pass == 0 ? meant : !meant && admin)
                ret[n++] = *c;
        }
    return n;
}

/* ---- for views ---- */

size_t keyring_n(const struct keyring *k)
{
    return k->configured ? k->configured->at.n : 0;
}

const struct key_entry *keyring_at(const struct keyring *k, size_t i)
{
    return &k->configured->at.at[i];
}

void keyring_saw(struct keyring *k, const uint8_t key[BF_KEY_BYTES], int64_t wall_us)
{
    bf_smap_put(&k->seen, key, BF_KEY_BYTES, (void *)(uintptr_t)wall_us);
}

int64_t keyring_last_seen_us(const struct keyring *k, const uint8_t key[BF_KEY_BYTES])
{
    return (int64_t)(uintptr_t)bf_smap_get(&k->seen, key, BF_KEY_BYTES);
}

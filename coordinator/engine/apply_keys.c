/* apply, of keys: which may speak, which may not any more, and enrolment tokens.
 *
 * An entry stays when its key is revoked: it is what keeps a key out that the configuration still lists.  Only tokens that have
 * expired are forgotten.
 *
 *     LIVE -> REVOKED        by a command
 *     LIVE -> USED           a token, by the agent that joins with it
 *     REVOKED -> LIVE        an admin creates the key anew */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/internal.h"

static enum bf_rc corrupt(const struct record *r, const char *what, struct bf_error *err)
{
    return bf_fail(err, BF_CORRUPT, "record of kind %d (key \"%s\"): %s", (int)r->kind, record_rare(r)->entry.name, what);
}

/* ---- memory ---- */

static const char *const *words_copy(const char *const *words, size_t n)
{
    const char **copy = n ? bf_xcalloc(n, sizeof *copy) : NULL;
    for (size_t i = 0; i < n; i++)
        copy[i] = bf_xstrdup(words[i]);
    return copy;
}

static void words_free(const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)words[i]);
    free((void *)(uintptr_t)words);
}

static void entry_copy(struct key_entry *to, const struct key_entry *from)
{
    *to = *from;
    to->name = bf_xstrdup(from->name);
    to->by = bf_xstrdup(from->by ? from->by : "");
    to->ended_by = bf_xstrdup(from->ended_by ? from->ended_by : "");
    to->plans = words_copy(from->plans, from->n_plans);
    to->pools = words_copy(from->pools, from->n_pools);
}

static void entry_done(struct key_entry *k)
{
    free((void *)(uintptr_t)k->name);
    free((void *)(uintptr_t)k->by);
    free((void *)(uintptr_t)k->ended_by);
    words_free(k->plans, k->n_plans);
    words_free(k->pools, k->n_pools);
}

void key_free(struct key_entry *k)
{
    if (!k)
        return;
    entry_done(k);
    free(k);
}

/* ---- finding ---- */

struct key_entry *key_find(const struct engine *e, const uint8_t key[BF_KEY_BYTES])
{
    return bf_smap_get(&e->keys.by_key, key, BF_KEY_BYTES);
}

struct key_entry *key_find_name(const struct engine *e, const char *name)
{
    return bf_smap_get(&e->keys.by_name, name, strlen(name));
}

struct key_entry *token_find_name(const struct engine *e, const char *name)
{
    return bf_smap_get(&e->keys.tokens_by_name, name, strlen(name));
}

/* ---- state ---- */

static struct bf_smap *names_of(struct engine *e, const struct key_entry *k)
{
    return k->role == KEY_ENROL ? &e->keys.tokens_by_name : &e->keys.by_name;
}

static void set_state(struct engine *e, struct key_entry *k, enum key_state state)
{
    size_t n = strlen(k->name);
    if (bf_smap_get(names_of(e, k), k->name, n) == k)
        bf_smap_del(names_of(e, k), k->name, n);
    k->state = state;
    if (state == KEY_LIVE)
        bf_smap_put(names_of(e, k), k->name, n, k);
}

static void end(struct engine *e, struct key_entry *k, enum key_state state, const char *by, int64_t at_us)
{
    set_state(e, k, state);
    free((void *)(uintptr_t)k->ended_by);
    k->ended_by = bf_xstrdup(by ? by : "");
    k->ended_us = at_us;
    k->ended_ms = e->now_ms;
}

/* The entry as given, in the place of the one with the same key when there is one. */
static void keep(struct engine *e, const struct key_entry *entry)
{
    struct key_entry *k = key_find(e, entry->key);
    if (k) {
        set_state(e, k, KEY_REVOKED);            /* its name is given up */
        entry_done(k);
    } else {
        k = bf_xcalloc(1, sizeof *k);
        bf_vec_push(&e->keys, k);
        bf_smap_put(&e->keys.by_key, entry->key, BF_KEY_BYTES, k);
    }
    entry_copy(k, entry);
    set_state(e, k, entry->state);
}

static bool name_is_free(const struct engine *e, const struct key_entry *entry)
{
    return entry->role == KEY_ENROL ? !token_find_name(e, entry->name) : !key_find_name(e, entry->name);
}

/* ---- records ---- */

enum bf_rc apply_key_set(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    const struct key_entry *known = key_find(e, rare->entry.key);
    if ((known && known->state != KEY_REVOKED) || !name_is_free(e, &rare->entry) || rare->entry.state != KEY_LIVE)
        return corrupt(r, "the key or its name is in use, or it is not live", err);
    keep(e, &rare->entry);
    return BF_OK;
}

enum bf_rc apply_key_revoked(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    const struct key_entry *known = key_find(e, rare->entry.key);
    if (known && known->state != KEY_LIVE)
        return corrupt(r, "the key has ended before", err);
    if (!known)                                  /* of the configuration: what keeps it out is made here */
        keep(e, &rare->entry);
    end(e, key_find(e, rare->entry.key), KEY_REVOKED, rare->actor, r->at_us);
    return BF_OK;
}

enum bf_rc apply_token_used(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct key_entry *token = key_find(e, record_rare(r)->key);
    if (!token || token->role != KEY_ENROL)
        return corrupt(r, "there is no such enrolment token", err);
    end(e, token, KEY_USED, record_rare(r)->entry.name, r->at_us);
    return apply_key_set(e, r, err);
}

enum bf_rc apply_key_forgotten(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct key_entry *token = key_find(e, record_rare(r)->key);
    if (!token || token->role != KEY_ENROL)
        return corrupt(r, "only an enrolment token is forgotten", err);
    set_state(e, token, KEY_REVOKED);
    bf_smap_del(&e->keys.by_key, record_rare(r)->key, BF_KEY_BYTES);
    size_t i = 0;
    while (e->keys.at[i] != token)
        i++;
    memmove(&e->keys.at[i], &e->keys.at[i + 1], (e->keys.n - i - 1) * sizeof *e->keys.at);
    e->keys.n--;
    key_free(token);
    return BF_OK;
}

enum bf_rc apply_key(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    if (!e->recovering || key_find(e, rare->entry.key) || (rare->entry.state == KEY_LIVE && !name_is_free(e, &rare->entry)))
        return corrupt(r, "a key's state outside a recovery, or twice", err);
    keep(e, &rare->entry);
    return BF_OK;
}

/* The coordinator's configuration, shown; and which of it SIGHUP puts in force.
 *
 * What a socket, the store's file or a promise to agents hangs on is read at the start alone.  The rest may change between two turns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/config.h"

#define SHOWN_MAX 200u                           /* names in one value */

static const char *const reloaded[] = {"pools", "breakers", "keys", "checkpoint.turns", "checkpoint.bytes", "log_keep", "journal_keep",
                                       "details_keep"};

bool coordinator_setting_reloads(size_t i)
{
    for (size_t k = 0; k < sizeof reloaded / sizeof *reloaded; k++)
        if (strcmp(coordinator_setting(i)->key, reloaded[k]) == 0)
            return true;
    return false;
}

static void put_more(size_t n, struct bf_buf *ret)
{
    if (n > SHOWN_MAX)
        bf_buf_printf(ret, ", … and %zu more", n - SHOWN_MAX);
}

static void put_pools(const struct config_pools *pools, struct bf_buf *ret)
{
    for (size_t i = 0; i < pools->at.n && i < SHOWN_MAX; i++) {
        bf_buf_printf(ret, "%s%s: {slots: %u", i ? ", " : "{", pools->at.at[i].name, pools->at.at[i].slots);
        config_budget_put(&pools->at.at[i].budget, ret);
        bf_buf_put_str(ret, "}");
    }
    put_more(pools->at.n, ret);
    bf_buf_printf(ret, "%s", pools->at.n ? "}" : "");
}

const struct key_entry *config_key_named(const struct config_keys *keys, const char *name)
{
    for (size_t i = 0; i < keys->at.n; i++)
        if (strcmp(keys->at.at[i].name, name) == 0)
            return &keys->at.at[i];
    return NULL;
}

/* What does not show by itself: the public key, and which scopes. */
static const char *key_change(const struct key_entry *k, const struct key_entry *was)
{
    if (!was || key_same(k, was))
        return "";
    if (memcmp(k->key, was->key, sizeof k->key) != 0)
        return ", another key";
    return k->role == was->role ? ", other scopes" : "";
}

/* was NULL: changes are not told. */
static void put_keys(const struct config_keys *keys, const struct config_keys *was, struct bf_buf *ret)
{
    for (size_t i = 0; i < keys->at.n && i < SHOWN_MAX; i++) {
        const struct key_entry *k = &keys->at.at[i];
        bf_buf_printf(ret, "%s%s (%s%s%s)", i ? ", " : "", k->name, key_role_name(k->role), key_is_scoped(k) ? ", scoped" : "",
                      key_change(k, was ? config_key_named(was, k->name) : NULL));
    }
    put_more(keys->at.n, ret);
}

static bool keys_same(const struct config_keys *a, const struct config_keys *b)
{
    bool same = a->at.n == b->at.n;
    for (size_t i = 0; same && i < a->at.n; i++)
        same = strcmp(a->at.at[i].name, b->at.at[i].name) == 0 && key_same(&a->at.at[i], &b->at.at[i]);
    return same;
}

void coordinator_config_put_value(const struct coordinator_config *c, size_t i, struct bf_buf *ret)
{
    const struct bf_setting *s = coordinator_setting(i);
    if (strcmp(s->key, "pools") == 0)
        put_pools(&c->pools, ret);
    else if (strcmp(s->key, "breakers") == 0)
        config_breakers_put(&c->breakers, ret);
    else if (strcmp(s->key, "keys") == 0)
        put_keys(&c->keys, NULL, ret);
    else
        bf_config_put_value(s, c, ret);
}

bool coordinator_config_put_pending(const struct coordinator_config *now, const struct coordinator_config *fresh, size_t i,
                                    struct bf_buf *ret)
{
    struct bf_buf old = {0}, new = {0};
    bool keys = strcmp(coordinator_setting(i)->key, "keys") == 0;
    coordinator_config_put_value(now, i, &old);
    coordinator_config_put_value(fresh, i, &new);
    bool differs = keys ? !keys_same(&now->keys, &fresh->keys) : strcmp(bf_buf_cstr(&old), bf_buf_cstr(&new)) != 0;
    if (differs && keys)
        put_keys(&fresh->keys, &now->keys, ret);
    else if (differs)
        bf_buf_put(ret, new.data, new.len);
    bf_buf_free(&old);
    bf_buf_free(&new);
    return differs;
}

static void put_value(const void *config, size_t i, struct bf_buf *ret)
{
    coordinator_config_put_value(config, i, ret);
}

void coordinator_config_put(const struct coordinator_config *c, const char *path, struct bf_buf *ret)
{
    bf_config_put_lines(path, coordinator_setting(0), coordinator_settings_n(), c->origins, put_value, c, ret);
}

void coordinator_config_take(struct coordinator_config *c, struct coordinator_config *fresh)
{
    struct config_pools pools = c->pools;
    struct config_breakers breakers = c->breakers;
    struct config_keys keys = c->keys;
    c->pools = fresh->pools;
    c->breakers = fresh->breakers;
    c->keys = fresh->keys;
    fresh->pools = pools;
    fresh->breakers = breakers;
    fresh->keys = keys;
    c->checkpoint_turns = fresh->checkpoint_turns;
    c->checkpoint_bytes = fresh->checkpoint_bytes;
    c->log_keep_bytes = fresh->log_keep_bytes;
    c->journal_keep_bytes = fresh->journal_keep_bytes;
    c->details_keep_bytes = fresh->details_keep_bytes;
    for (size_t i = 0; i < coordinator_settings_n(); i++)
        if (coordinator_setting_reloads(i))
            c->origins[i] = fresh->origins[i];
}

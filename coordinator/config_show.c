/* The coordinator's configuration, shown; and which of it SIGHUP puts in force.
 *
 * What a socket, the store's file or a promise to agents hangs on is read at the start alone.  The rest may change between two turns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/config.h"

#define SHOWN_MAX 200u                           /* names in one value */

static const char *const reloaded[] = {"pools", "keys", "checkpoint.turns", "checkpoint.bytes", "log_keep", "journal_keep", "details_keep"};

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
    for (size_t i = 0; i < pools->at.n && i < SHOWN_MAX; i++)
        bf_buf_printf(ret, "%s%s: {slots: %u}", i ? ", " : "{", pools->at.at[i].name, pools->at.at[i].slots);
    put_more(pools->at.n, ret);
    bf_buf_printf(ret, "%s", pools->at.n ? "}" : "");
}

static void put_keys(const struct config_keys *keys, struct bf_buf *ret)
{
    for (size_t i = 0; i < keys->at.n && i < SHOWN_MAX; i++)
        bf_buf_printf(ret, "%s%s (%s)", i ? ", " : "", keys->at.at[i].name, key_role_name(keys->at.at[i].role));
    put_more(keys->at.n, ret);
}

void coordinator_config_put_value(const struct coordinator_config *c, size_t i, struct bf_buf *ret)
{
    const struct bf_setting *s = coordinator_setting(i);
    if (strcmp(s->key, "pools") == 0)
        put_pools(&c->pools, ret);
    else if (strcmp(s->key, "keys") == 0)
        put_keys(&c->keys, ret);
    else
        bf_config_put_value(s, c, ret);
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
    struct config_keys keys = c->keys;
    c->pools = fresh->pools;
    c->keys = fresh->keys;
    fresh->pools = pools;
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

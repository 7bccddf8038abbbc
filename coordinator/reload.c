/* SIGHUP: the configuration is read again, and what may change between two turns does.
 *
 * A file that is not valid changes nothing, and neither does one that would lock everybody out.  What needs a restart is told by
 * name, with both values, and stays as it is: what is in force and what waits is shown by `bfctl config show --server`. */
#include <string.h>

#include "common/log.h"
#include "coordinator/service_state.h"

/* Settings that differ and wait for the next start; how many. */
static size_t tell_waiting(const struct coordinator_config *now, const struct coordinator_config *fresh)
{
    size_t n = 0;
    for (size_t i = 0; i < coordinator_settings_n(); i++) {
        struct bf_buf old = {0}, new = {0}, text = {0};
        coordinator_config_put_value(now, i, &old);
        coordinator_config_put_value(fresh, i, &new);
        if (!coordinator_setting_reloads(i) && strcmp(bf_buf_cstr(&old), bf_buf_cstr(&new)) != 0) {
            bf_buf_printf(&text, "%s changed from %s to %s: takes effect at the next start", coordinator_setting(i)->key,
                          old.len ? bf_buf_cstr(&old) : "nothing", new.len ? bf_buf_cstr(&new) : "nothing");
            bf_warn("needs_restart", "key=%s text=%s", coordinator_setting(i)->key, bf_log_quote(bf_buf_cstr(&text)));
            n++;
        }
        bf_buf_free(&old);
        bf_buf_free(&new);
        bf_buf_free(&text);
    }
    return n;
}

/* A pool that is taken out of the file keeps its slots: the engine remembers it, and which number would hold instead nobody said. */
static void tell_pools_left(const struct coordinator_config *now, const struct coordinator_config *fresh)
{
    for (size_t i = 0; i < now->pools.at.n; i++) {
        bool there = false;
        for (size_t k = 0; k < fresh->pools.at.n; k++)
            there = there || strcmp(now->pools.at.at[i].name, fresh->pools.at.at[k].name) == 0;
        if (!there)
            bf_warn("pool_kept", "pool=%s slots=%u text=\"no longer in the file; it keeps its slots until the file gives it others\"",
                    bf_log_quote(now->pools.at.at[i].name), now->pools.at.at[i].slots);
    }
}

static void put_in_force(struct service *s)
{
    struct bf_error err = {0};
    if (service_set_keys(s, &err) != BF_OK)      /* cannot be: every part of the table was checked */
        bf_error_log("keys_not_set", "why=%s", bf_log_quote(err.text));
    for (size_t i = 0; i < s->config.pools.at.n; i++)
        turn_pool_budget(s->turns, s->config.pools.at.at[i].name, s->config.pools.at.at[i].slots, &s->config.pools.at.at[i].budget);
    service_set_breakers(s);
    store_keep(s->store, s->config.journal_keep_bytes, s->config.details_keep_bytes);
    turns_set_checkpoint(s->turns, (uint32_t)s->config.checkpoint_turns, service_checkpoint_bytes(s));
    logs_keep(s->logs, s->config.log_keep_bytes);
}

/* An empty or shortened file is valid, and would end the keys of all: nobody could make one again without a restart. */
static enum bf_rc check_admin(const struct service *s, const struct coordinator_config *fresh, struct bf_error *err)
{
    const struct engine *e = turn_engine(s->turns);
    if (keyring_has_admin(&fresh->keys, e) || !keyring_has_admin(&s->config.keys, e))
        return BF_OK;
    return bf_fail(err, BF_CONFLICT, "the file has no admin without scopes among its `keys`, and no command made one: nobody could manage "
                   "keys any more; nothing was changed");
}

void service_reload(struct service *s)
{
    struct coordinator_config fresh;
    struct bf_error err = {0};
    bf_supervisor_reloading(s->supervisor);
    enum bf_rc rc = coordinator_config_read(s->config_path, &fresh, &err);
    if (rc == BF_OK)
        rc = tell_check(&fresh, s->config_path, &err);
    if (rc == BF_OK)
        rc = check_admin(s, &fresh, &err);
    if (rc != BF_OK) {
        bf_error_log("reload_failed", "config=%s why=%s", bf_log_quote(s->config_path), bf_log_quote(err.text));
        trail_reload_failed(s, err.rc);
    } else {
        size_t waiting = tell_waiting(&s->config, &fresh);
        tell_pools_left(&s->config, &fresh);
        trail_reloaded(s, &fresh);
        coordinator_config_take(&s->config, &fresh);
        keyring_configure(s->keys, &s->config.keys);
        put_in_force(s);
        bf_info("reloaded", "config=%s keys=%zu pools=%zu need_restart=%zu", bf_log_quote(s->config_path), s->config.keys.at.n,
                s->config.pools.at.n, waiting);
    }
    coordinator_config_done(&fresh);
    bf_supervisor_ready(s->supervisor);
}

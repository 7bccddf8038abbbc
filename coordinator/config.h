/* The coordinator's configuration: one YAML file, read at start, and at SIGHUP again for what it puts in force. */
#ifndef BF_COORDINATOR_CONFIG_H
#define BF_COORDINATOR_CONFIG_H

#include "common/config.h"
#include "common/error.h"
#include "common/vec.h"
#include "coordinator/config_breakers.h"
#include "coordinator/engine/lease.h"
#include "coordinator/zap/zap.h"
#include "proto/pool.h"

struct config_pool { char *name; uint32_t slots; struct pool_budget budget; };
struct config_pools { BF_VEC_TYPE(struct config_pool) at; };
struct config_keys { BF_VEC_TYPE(struct key_entry) at; };      /* strings owned */

#define CONFIG_SETTINGS_MAX 64u

struct coordinator_config {
    char *api, *fleet, *logs;                    /* endpoints */
    char *store, *log_dir, *key_file;            /* paths */
    int64_t agent_ms, fence_ms, coordinator_ms, heartbeat_ms;
    struct config_pools pools;
    struct config_breakers breakers;
    struct config_keys keys;
    uint64_t store_max_bytes, store_reserve_bytes;
    int64_t checkpoint_turns;
    uint64_t checkpoint_bytes;
    int64_t log_keep_age_ms;
    uint64_t log_keep_bytes, journal_keep_bytes, details_keep_bytes, audit_keep_bytes;
    int64_t audit_keep_ms;
    char *http_listen; bool metrics_steps;
    char *alerts_webhook, *alerts_secret, *alerts_manager, *alerts_spool;
    uint64_t alerts_spool_bytes;
    int64_t alerts_spool_count;
    struct bf_origin origins[CONFIG_SETTINGS_MAX];   /* of each setting, in the order of the table */
};

/* The table of settings. */
size_t coordinator_settings_n(void);
const struct bf_setting *coordinator_setting(size_t i);

/* Read and check everything that can be checked without the key file.  *ret is released by coordinator_config_done(), also
 * after failure. */
enum bf_rc coordinator_config_read(const char *path, struct coordinator_config *ret, struct bf_error *err) BF_MUST_CHECK;
void coordinator_config_done(struct coordinator_config *c);
void config_keys_done(struct config_keys *keys);
/* NULL: none of this name. */
const struct key_entry *config_key_named(const struct config_keys *keys, const char *name);
struct lease_settings coordinator_config_lease(const struct coordinator_config *c);

/* --- config_pools.c --- */

/* Figures of a pool beside its slots; errors into d.  Released by pool_budget_done(). */
void config_budget_read(const char *pool, const struct bf_yaml_node *map, struct pool_budget *ret, struct bf_diags *d);
/* Append ", cpu: 16, …", as they could be written; nothing where nothing is said. */
void config_budget_put(const struct pool_budget *b, struct bf_buf *ret);

/* --- config_show.c --- */

/* Append the value of setting i as the file says it; of keys their names and roles, and that they are scoped. */
void coordinator_config_put_value(const struct coordinator_config *c, size_t i, struct bf_buf *ret);
/* Append the value that setting i will have, when it is not the one in force; of keys it is said which will be another key, or have other
 * scopes.  false: they are the same, and nothing is appended. */
bool coordinator_config_put_pending(const struct coordinator_config *now, const struct coordinator_config *fresh, size_t i,
                                    struct bf_buf *ret);
/* A line "key: value    # origin" for each setting. */
void coordinator_config_put(const struct coordinator_config *c, const char *path, struct bf_buf *ret);
/* Does SIGHUP put it in force?  Else the next start does. */
bool coordinator_setting_reloads(size_t i);
/* Take what SIGHUP puts in force from fresh, which is left as the one that may be released. */
void coordinator_config_take(struct coordinator_config *c, struct coordinator_config *fresh);

/* A key file: two lines "public: Z85" and "secret: Z85", readable by its owner alone. */
enum bf_rc coordinator_key_read(const char *path, uint8_t ret_public[ZAP_KEY_BYTES], uint8_t ret_secret[ZAP_KEY_BYTES],
                                struct bf_error *err) BF_MUST_CHECK;

#endif

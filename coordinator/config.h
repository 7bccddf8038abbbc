/* The coordinator's configuration: one YAML file, read at start and again for keys and pools at SIGHUP. */
#ifndef BF_COORDINATOR_CONFIG_H
#define BF_COORDINATOR_CONFIG_H

#include "common/error.h"
#include "common/vec.h"
#include "coordinator/engine/lease.h"
#include "coordinator/zap/zap.h"

struct config_pool { char *name; uint32_t slots; };
struct config_pools { BF_VEC_TYPE(struct config_pool) at; };
struct config_keys { BF_VEC_TYPE(struct key_entry) at; };      /* strings owned */

struct coordinator_config {
    char *api, *fleet, *logs;                    /* endpoints */
    char *store, *log_dir, *key_file;            /* paths */
    int64_t agent_ms, fence_ms, coordinator_ms, heartbeat_ms;
    struct config_pools pools;
    struct config_keys keys;
    uint64_t store_max_bytes, store_reserve_bytes;
    int64_t checkpoint_turns;
    uint64_t checkpoint_bytes;
    uint64_t log_keep_bytes, journal_keep_bytes, details_keep_bytes;
};

/* Read and check everything that can be checked without the key file.  *ret is released by coordinator_config_done(), also
 * after failure. */
enum bf_rc coordinator_config_read(const char *path, struct coordinator_config *ret, struct bf_error *err) BF_MUST_CHECK;
void coordinator_config_done(struct coordinator_config *c);
void config_keys_done(struct config_keys *keys);
struct lease_settings coordinator_config_lease(const struct coordinator_config *c);

/* A key file: two lines "public: Z85" and "secret: Z85", readable by its owner alone. */
enum bf_rc coordinator_key_read(const char *path, uint8_t ret_public[ZAP_KEY_BYTES], uint8_t ret_secret[ZAP_KEY_BYTES],
                                struct bf_error *err) BF_MUST_CHECK;

#endif

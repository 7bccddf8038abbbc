/* The keys that may speak now: the configuration's and those that commands made, less the revoked ones.
 *
 * The configuration's are found here; the rest is asked of the engine each time, which wins: a key that it has an entry for is what
 * that entry says, and of two live keys of one name the engine's holds.  The loop's thread alone uses this. */
#ifndef BF_COORDINATOR_KEYRING_H
#define BF_COORDINATOR_KEYRING_H

#include "coordinator/config.h"
#include "coordinator/engine/view.h"
#include "coordinator/zap/zap.h"

struct keyring;
struct keyring *keyring_new(void);
void keyring_free(struct keyring *k);            /* NULL is fine */
/* The keys of the configuration from now on: borrowed, until it is told others. */
void keyring_configure(struct keyring *k, const struct config_keys *keys);

/* The table for zap_open() and zap_set_keys(); the caller frees it.  What the configuration lists in vain is logged. */
struct zap_key *keyring_table(const struct keyring *k, const struct engine *e, size_t *ret_n);
/* The entry of a key that may speak; NULL: it may not. */
const struct key_entry *keyring_find(const struct keyring *k, const struct engine *e, const uint8_t key[BF_KEY_BYTES]);
/* For struct turn_ports. */
size_t keyring_configured(const struct keyring *k, const struct engine *e, const char *name, const uint8_t key[BF_KEY_BYTES],
                          struct key_entry *ret, size_t max);

/* All that the configuration lists, for views. */
size_t keyring_n(const struct keyring *k);
const struct key_entry *keyring_at(const struct keyring *k, size_t i);
/* Does the configuration's entry hold? */
bool keyring_in_force(const struct engine *e, const struct key_entry *configured);

/* Would there be an admin without scopes, who may manage keys, with this configuration? */
bool keyring_has_admin(const struct config_keys *keys, const struct engine *e);

/* When a key spoke last on the api socket, CLOCK_REALTIME; 0: not since the start. */
void keyring_saw(struct keyring *k, const uint8_t key[BF_KEY_BYTES], int64_t wall_us);
/* Drop the times of keys that may not speak any more.  To be called whenever the table is made anew. */
void keyring_forget_gone(struct keyring *k, const struct engine *e);
int64_t keyring_last_seen_us(const struct keyring *k, const uint8_t key[BF_KEY_BYTES]);

#endif

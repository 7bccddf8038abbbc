/* Who may speak: the table of public keys, and the ZAP handler that libzmq asks at each CURVE handshake.
 *
 * zap_open() makes the messaging context, binds the handler and starts its thread; doors (door.h) are opened after it and closed
 * before zap_close().  A handshake is let in only when the mechanism is CURVE and the role of the key fits the domain of the
 * socket.  Whoever takes a message asks zap_find() again, so that a key that was taken away is refused at its next message.
 * zap_set_keys() and zap_find() may be called from any thread. */
#ifndef BF_ZAP_H
#define BF_ZAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "proto/key.h"

#define ZAP_KEY_BYTES 32
#define ZAP_NAME_MAX KEY_NAME_MAX
#define ZAP_KEYS_MAX KEYS_MAX                    /* of the configuration; the table holds those of commands too */
#define ZAP_TABLE_MAX (2 * ZAP_KEYS_MAX)

enum zap_domain { DOMAIN_FLEET = 1, DOMAIN_API = 2, DOMAIN_LOGS = 3 };

struct zap_key {
    uint8_t key[ZAP_KEY_BYTES];
    enum key_role role;
    char name[ZAP_NAME_MAX + 1];
};

const char *zap_domain_name(enum zap_domain d);          /* "bf-fleet", "bf-api", "bf-logs" */
/* Agents speak on the fleet and log sockets, all others on the api socket. */
bool zap_role_fits(enum key_role role, enum zap_domain domain);

/* True when public belongs to secret. */
bool zap_key_pair(const uint8_t public_key[ZAP_KEY_BYTES], const uint8_t secret_key[ZAP_KEY_BYTES]);

struct zap;
/* keys are copied.  BF_INVALID when one key stands there twice. */
enum bf_rc zap_open(const struct zap_key *keys, size_t n, struct zap **ret, struct bf_error *err) BF_MUST_CHECK;
void zap_close(struct zap *z);                           /* NULL is fine */
/* Swap the whole table; on failure the old one stays. */
enum bf_rc zap_set_keys(struct zap *z, const struct zap_key *keys, size_t n, struct bf_error *err) BF_MUST_CHECK;
/* The key's entry, copied; false when it is not authorised for the domain. */
bool zap_find(struct zap *z, const uint8_t key[ZAP_KEY_BYTES], enum zap_domain domain, struct zap_key *ret);
/* Handshakes that were turned away so far. */
uint64_t zap_turned_away(struct zap *z);

/* For door.c: the context, and one more key of a probe (NULL: no more). */
void *zap_context(struct zap *z);
void zap_set_probe(struct zap *z, const struct zap_key *probe);

#endif

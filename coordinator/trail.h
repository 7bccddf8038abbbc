/* What the coordinator's process tells the audit trail: changes that it refused itself, its own start, reload and end, and handshakes
 * of unknown keys.  Bounded here, before anything is an input. */
#ifndef BF_TRAIL_H
#define BF_TRAIL_H

#include "common/map.h"
#include "coordinator/config.h"
#include "coordinator/zap/zap.h"
#include "proto/operator_msg.h"

/* Refusals of one key: so many at once, then one in this time. */
#define TRAIL_DENIED_BURST 10
#define TRAIL_DENIED_EVERY_MS 10000
#define TRAIL_DENIED_KEYS 4096u
/* Handshakes that were turned away, and agents whose key was taken away, are told at most once in this time, with how many they were. */
#define TRAIL_STRANGERS_EVERY_MS 600000

struct trail_quota { int64_t next_ms; uint32_t left_out; };
struct trail {
    struct bf_smap denied;                       /* key -> struct trail_quota, owned */
    uint64_t handshakes, messages;               /* handshakes turned away, messages of agents whose key was taken away: what was told */
    int64_t strangers_ms;                        /* when; 0: not yet */
};
void trail_done(struct trail *t);
/* Whether one more refusal of this key is told at now_ms, and then how many were not since the last. */
bool trail_quota(struct trail *t, const uint8_t key[ZAP_KEY_BYTES], int64_t now_ms, uint32_t *ret_left_out);
/* What differs between two configurations, as two small JSON objects: names of keys, pools and their slots. */
void trail_config_diff(const struct coordinator_config *before, const struct coordinator_config *after, struct bf_buf *ret_before,
                       struct bf_buf *ret_after);

struct service;
/* who NULL: the key is not authorised any more. */
void trail_denied(struct service *s, const uint8_t key[ZAP_KEY_BYTES], const struct zap_key *who, const struct op_request *req,
                  const char *target, const char *why);
void trail_started(struct service *s);
void trail_ended(struct service *s);
/* Before fresh takes the place of s->config: tells what changes. */
void trail_reloaded(struct service *s, const struct coordinator_config *fresh);
void trail_reload_failed(struct service *s, enum bf_rc rc);
void trail_strangers(struct service *s, int64_t now_ms);

#endif

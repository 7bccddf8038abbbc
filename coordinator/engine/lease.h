/* Leases of agents as the coordinator sees them: volatile, never journalled.  Pure; times are engine time (CLOCK_BOOTTIME based).
 *
 * Rule (safety.md): the agent's deadline is the send time of its last answered heartbeat + D_a; the coordinator gives its work to
 * another only D_c after it *received* the last heartbeat that it answered; D_c >= (1+rho) * (D_a / (1-rho) + K). */
#ifndef BF_ENGINE_LEASE_H
#define BF_ENGINE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct lease_settings { int64_t agent_ms /* D_a */, fence_ms /* K */, coordinator_ms /* D_c */, heartbeat_ms; };

#define LEASE_DRIFT_PPM 1000
/* Refuse settings that break the rule, with the smallest D_c that keeps it.  Heartbeat must be <= D_a / 4. */
enum bf_rc lease_settings_check(const struct lease_settings *s, struct bf_error *err) BF_MUST_CHECK;

struct lease_table;                                     /* opaque */
struct lease_table *lease_table_new(int64_t coordinator_ms);
void lease_table_free(struct lease_table *t);

/* After a restart of the coordinator: grace_ms is the largest D_c that was ever in force, because an agent may still hold a lease
 * from then.  No later call makes it end sooner. */
void lease_grace(struct lease_table *t, uint32_t agent, uint64_t incarnation, int64_t now_ms, int64_t grace_ms);
/* Start the lease of an agent: its HELLO is answered. */
void lease_start(struct lease_table *t, uint32_t agent, uint64_t incarnation, int64_t now_ms);
/* A heartbeat was received and will be answered.  false (and it must not be answered) when there is no such lease or it has
 * expired: the agent must say HELLO again. */
bool lease_renew(struct lease_table *t, uint32_t agent, uint64_t incarnation, uint64_t nonce, int64_t now_ms);
/* Newest nonce heard, for dispatches; 0 when none. */
uint64_t lease_nonce(const struct lease_table *t, uint32_t agent);
void lease_end(struct lease_table *t, uint32_t agent);
/* One agent whose lease has run out at now_ms; it is removed.  false when there is none. */
bool lease_expired(struct lease_table *t, int64_t now_ms, uint32_t *ret_agent, uint64_t *ret_incarnation);
/* Earliest expiry, INT64_MAX when none. */
int64_t lease_next_ms(const struct lease_table *t);

#endif

/* The fleet socket: messages to and from the agents.
 *
 * A peer is (public key, incarnation) and the connection on which that incarnation last said HELLO.  Only HELLO makes or moves a
 * route; other messages are heard only from the route's own connection, so an old or a second connection cannot speak for an
 * agent.  A key may have a few incarnations at once (two hosts with one key): each gets its own answers.
 *
 * Sending never waits.  What the library's queue does not take stands in the peer's outbox; an outbox that passes its bound means
 * that the agent does not read: the peer is dropped, and heard again after its next HELLO. */
#ifndef BF_FLEET_H
#define BF_FLEET_H

#include "coordinator/zap/zap.h"
#include "proto/agent_msg.h"

#define FLEET_OUTBOX_MESSAGES 1024u
#define FLEET_OUTBOX_BYTES (4u << 20)
#define FLEET_INCARNATIONS 4u                    /* of one key at a time; the one not heard for longest gives way */

struct fleet_stats {
    uint64_t received, malformed, unauthorised, bad_frames, unknown_peer;
    uint64_t sent, sent_bytes, no_route, peers_dropped;
};

struct fleet_options { const char *endpoint; const uint8_t *secret_key; };

struct fleet;
enum bf_rc fleet_open(struct zap *z, const struct fleet_options *o, struct fleet **ret, struct bf_error *err) BF_MUST_CHECK;
void fleet_close(struct fleet *f);               /* NULL is fine */
const char *fleet_endpoint(const struct fleet *f);
int fleet_fd(const struct fleet *f);
bool fleet_readable(const struct fleet *f);

/* A decoded message of an authorised agent; borrowed. */
typedef void fleet_told(void *arg, const uint8_t key[ZAP_KEY_BYTES], const struct agent_msg *msg);
/* Hand over at most max messages, until until_us (CLOCK_BOOTTIME).  Gives how many were taken from the socket, bad ones included. */
size_t fleet_receive(struct fleet *f, size_t max, int64_t until_us, fleet_told *told, void *arg);
/* To the peer with this key and msg->incarnation; counted and dropped when there is none. */
void fleet_send(struct fleet *f, const uint8_t key[ZAP_KEY_BYTES], const struct agent_msg *msg);
/* Offer the outboxes to the library again. */
void fleet_flush(struct fleet *f);
bool fleet_waiting(const struct fleet *f);       /* an outbox is not empty */
/* Forget the routes of keys that are no longer authorised. */
void fleet_forget_revoked(struct fleet *f);
const struct fleet_stats *fleet_stats(const struct fleet *f);

#endif

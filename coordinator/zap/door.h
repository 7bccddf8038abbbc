/* A door: one listening ROUTER socket with CURVE, set up against the known traps of the library, and one way in and out.
 *
 * The name of a peer is its public key, which the handshake proved; it is read from the body frame and looked up again at every
 * message.  Routing ids are those that the library itself hands out: a peer that brings its own is not heard, because the next
 * holder of that id would get what was meant for it.  A message is one frame.  One thread uses a door. */
#ifndef BF_DOOR_H
#define BF_DOOR_H

#include "coordinator/zap/zap.h"

#define DOOR_ID_BYTES 5
struct door_id { uint8_t bytes[DOOR_ID_BYTES]; };

struct door_options {
    const char *endpoint;                        /* "tcp://127.0.0.1:7411"; port "*" takes a free one */
    enum zap_domain domain;
    const uint8_t *secret_key;                   /* 32 bytes; of the coordinator */
    int receive_messages, send_messages;         /* bound of the library's queues, for each peer */
    int linger_ms;                               /* at close, for what was sent last */
};

struct door;
/* Binds, then probes: a stranger's key must be turned away and a right one let in, else BF_DENIED and no door. */
enum bf_rc door_open(struct zap *z, const struct door_options *o, struct door **ret, struct bf_error *err) BF_MUST_CHECK;
void door_close(struct door *d);                 /* NULL is fine */
const char *door_endpoint(const struct door *d); /* as bound, with the real port */
/* Becomes readable when something changed; edge-triggered: door_readable() is asked before any wait for it, and says whether something is
 * there that the descriptor may not tell of. */
int door_fd(const struct door *d);
bool door_readable(struct door *d);

enum door_got {
    DOOR_NONE,                                   /* nothing is waiting */
    DOOR_MESSAGE,                                /* everything is set */
    DOOR_UNAUTHORISED,                           /* the key was taken away meanwhile: all but who is set */
    DOOR_BAD                                     /* no key, a routing id of its own, or another shape: dropped */
};
struct door_message {
    struct zap_key who;
    uint8_t key[ZAP_KEY_BYTES];
    struct door_id id;
    const void *bytes; size_t n;                 /* borrowed until the next door_receive() */
};
enum door_got door_receive(struct door *d, struct door_message *ret);

/* DOOR_FULL: the peer's queue is full, nothing was sent.  DOOR_GONE: there is no such peer any more. */
enum door_sent { DOOR_SENT, DOOR_FULL, DOOR_GONE };
enum door_sent door_send(struct door *d, const struct door_id *id, const void *bytes, size_t n);

/* Lines of the log for what others can cause: true when one may be written; *ret_left_out: how many were not since the last. */
struct door_quota { int64_t window_ms; unsigned n; uint64_t left_out; };
bool door_quota(struct door_quota *q, uint64_t *ret_left_out);           /* what strangers cause: at most 10 in 10 s */
bool door_quota_second(struct door_quota *q, uint64_t *ret_left_out);    /* what a whole fleet causes at once: one in a second */

#endif

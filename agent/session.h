/* The agent's two connections to the coordinator: fleet (messages) and logs.  Nothing here ever waits.
 *
 * Both are DEALER sockets under CURVE with the coordinator's key pinned.  No ZMTP heartbeats (they abort the process under a full
 * queue); TCP keep-alive and the lease do that work.  The descriptors are edge-triggered: tell session_woke which one woke, then call
 * session_run and the receive functions until they give nothing, and do not sleep while session_ready says true. */
#ifndef BF_AGENT_SESSION_H
#define BF_AGENT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "proto/agent_msg.h"

#define SESSION_FDS_MAX 4u
#define SESSION_SERVER_KEYS_MAX 2u

struct session_options {
    const char *coordinator, *logs;          /* endpoints; logs may be NULL */
    const char *const *server_keys; size_t n_server_keys;    /* Z85; with two, whichever the peer owns */
    const char *public_key, *secret_key;     /* Z85 */
};

struct session;
/* The options' strings are borrowed until session_close. */
enum bf_rc session_open(const struct session_options *o, struct session **ret, struct bf_error *err) BF_MUST_CHECK;
/* linger_ms: how long what was sent may still go out.  NULL is allowed. */
void session_close(struct session *s, int linger_ms);

/* The descriptors to wake on; -1: not there.  They change when a socket is made anew: *ret_generation tells. */
void session_fds(const struct session *s, int ret_fds[SESSION_FDS_MAX], unsigned *ret_generation);
/* The descriptor of this number woke. */
void session_woke(struct session *s, size_t i);
/* Take what the sockets say of themselves; send what waited.  True when the fleet socket has a new connection. */
bool session_run(struct session *s, int64_t now_ms);
/* When session_run is due without a wake; INT64_MAX: never. */
int64_t session_next_ms(const struct session *s);
bool session_ready(struct session *s);           /* something is there to be received now, or room for what waits */

/* Queued for a short while when the socket is busy; dropped past a bound (the protocol repeats what matters). */
void session_send(struct session *s, const struct agent_msg *m);
/* false: nothing now.  Malformed messages are logged and passed over.  Release with agent_msg_done. */
bool session_receive(struct session *s, struct agent_msg *ret);
bool session_send_log(struct session *s, const struct log_msg *m);       /* false: not now */
bool session_receive_log(struct session *s, struct log_msg *ret);        /* release with log_msg_done */

#endif

/* The life of attempts on one agent, as a pure step function: events in, actions out.  It reads no clock, socket or process; the
 * real agent and the simulator run the same code.
 *
 * Lease.  HELLO and each HEARTBEAT carry a nonce; the core remembers when each was sent.  An acknowledged nonce (WELCOME,
 * HEARTBEAT_ACK) moves the deadline to its send time + lease_ms, told by ACTION_DEADLINE; the guardian enforces it.  A dispatch is
 * started only when the nonce that it echoes still gives a deadline in the future.  When the deadline passes, the core counts
 * every attempt as fenced: it asks to kill them (the guardian does so anyway), reports FENCED when they are known dead, and says
 * HELLO again.
 *
 * Life of an attempt:   (dispatch) -> WAITING -> SPAWNING -> RUNNING -> KILLING -> (CLOSING) -> ENDED -> (report acknowledged) gone
 *                                        \          \__________\_________________________^
 *                                         \___(never started)______________________________^
 * ENDED means: no process of it is left.  CLOSING means the same, but the attempt left a session at a server, and whoever owns processes
 * sees to its end within a bound of its own.  Nothing but the loss of the lease, or of the coordinator's interest, cuts that short.
 * A dispatch of an attempt that is held, or that ended within the last lease, is not started again.  NOOP attempts end at once without a
 * process.
 *
 * Waiting.  At most `slots` attempts are alive at a time: what is dispatched beyond that waits, and the first of them starts in the
 * step in which a slot ends, without a word of the coordinator.  Of what has waited, one starts only when its cpu and memory fit beside
 * what is alive within the capacity that HELLO tells, unless nothing is.  It starts under the lease of that moment; its timebox begins
 * then.  What still waits is ended as REVOKED, and so given back, when the coordinator asks for it (KILL with REVOKED), when the lease
 * runs out, and when the agent drains: once that is reported it is never started, because ended attempts are remembered.  REVOKED of
 * one that was started changes nothing: STARTED is told again.
 *
 * Round trip.  HELLO tells what lay between an end and its acknowledgement, on the average and rounded down to a power of two of
 * milliseconds (but 1 at least), so that it changes seldom; when it does, HELLO takes the place of the next heartbeat, the first time at
 * once. */
#ifndef BF_AGENT_CORE_H
#define BF_AGENT_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/agent_msg.h"

struct agent_core;                           /* opaque */

struct core_settings {
    uint64_t incarnation;
    struct agent_hello hello;                /* held is filled by the core; strings are borrowed and outlive the core */
    int64_t hello_retry_ms;                  /* HELLO again when unanswered (default 1,000), backing off with jitter to lease/6 */
    int64_t started_pause_ms;                /* what has ended by then tells its start with its end: one message and one commit for both */
    int64_t ended_pause_ms;                  /* while others wait here for a slot, ends are told together, each after so long at most */
};

enum core_event_kind {
    CORE_CONNECTED,          /* a socket to the coordinator exists (it may be silent) */
    CORE_MESSAGE,            /* msg */
    CORE_SPAWNED,            /* attempt runs */
    CORE_CLOSING,            /* attempt: no process of it is left, but it has a session at a server, which is being ended */
    CORE_ENDED,              /* attempt: outcome, note; no process of it is left, and no session, or nobody waits for that any more */
    CORE_TIMER,              /* time passed */
    CORE_DRAIN               /* take no more work, leave when the rest has ended */
};

struct core_event {
    enum core_event_kind kind;
    const struct agent_msg *msg;
    struct attempt_ref ref;
    const struct outcome *outcome;           /* CORE_ENDED: source EXIT/SIGNAL/OK/OOM/SQL/SPAWN…; the core turns it into
                                                TIMEOUT, CANCELLED or FENCED when it had asked for the kill */
    const char *note;                        /* CORE_ENDED: said after the outcome's text, whatever that becomes; NULL: nothing */
    int64_t at_us;                           /* CLOCK_REALTIME of SPAWNED, ENDED */
};

enum core_action_kind {
    ACTION_SEND,             /* msg to the coordinator */
    ACTION_SPAWN,            /* assignment (owned by the core until the attempt is gone) */
    ACTION_TERM, ACTION_KILL,/* ref: SIGTERM to its leader; SIGKILL to all of it */
    ACTION_DEADLINE,         /* deadline_ms for the guardian: CLOCK_BOOTTIME */
    ACTION_LEAVE             /* drained, BYE was sent: the process may exit */
};

struct core_action {
    enum core_action_kind kind;
    struct agent_msg *msg;                   /* borrowed until the next core_step */
    const struct assignment *assignment;
    struct attempt_ref ref;
    int64_t deadline_ms;
};

struct core_actions { struct core_action *at; size_t n, cap; };

struct agent_core *core_new(const struct core_settings *s);
void core_free(struct agent_core *c);
/* now_ms is CLOCK_BOOTTIME.  *ret is cleared first and borrowed until the next step. */
void core_step(struct agent_core *c, const struct core_event *ev, int64_t now_ms, struct core_actions **ret);
/* When CORE_TIMER is due at the latest. */
int64_t core_next_timer_ms(const struct agent_core *c);
int64_t core_deadline_ms(const struct agent_core *c);        /* INT64_MIN: no lease */
bool core_silent(const struct agent_core *c);                /* three heartbeats (or HELLOs) went unanswered */
/* Those that wait for a slot, in no order; at most max. */
size_t core_waiting(const struct agent_core *c, struct attempt_ref *ret, size_t max);
size_t core_n_attempts(const struct agent_core *c);          /* held: running, or ended and not acknowledged */

#endif

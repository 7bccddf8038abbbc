/* The state of the agent's core, and what its files do for one another.  Private to agent/core*.c; core.h has the protocol. */
#ifndef BF_AGENT_CORE_STATE_H
#define BF_AGENT_CORE_STATE_H

#include "agent/core.h"
#include "common/arena.h"
#include "common/map.h"
#include "common/prng.h"
#include "common/vec.h"

#define CORE_NEVER INT64_MAX
#define CORE_NONCES_MAX 128u                 /* sent and perhaps not yet answered; older ones count as expired */
#define CORE_LEASE_UNKNOWN_MS 60000          /* for back-off before the first WELCOME */
#define CORE_SILENT_HEARTBEATS 3
#define CORE_SEEN_CLUSTER_MAX 65

enum phase { PHASE_OFF, PHASE_HELLO, PHASE_WELCOMED };
enum attempt_state { ATTEMPT_WAITING, ATTEMPT_SPAWNING, ATTEMPT_RUNNING, ATTEMPT_KILLING, ATTEMPT_CLOSING, ATTEMPT_ENDED };
enum kill_cause { CAUSE_NONE, CAUSE_TIMEOUT, CAUSE_CANCELLED, CAUSE_STALE, CAUSE_FENCED };

struct attempt {
    struct bf_arena arena;                   /* owns what assignment and outcome point to */
    struct attempt_ref ref;
    enum attempt_state state;
    enum kill_cause cause;
    struct assignment assignment;            /* all-zero when no process was ever to be started */
    int64_t limit_at_ms;                     /* end of the timebox */
    int64_t kill_at_ms;                      /* SIGKILL after SIGTERM */
    int64_t report_at_ms;                    /* next repetition of the ENDED report; before the end: when STARTED is due */
    size_t flying_bytes;                     /* of the ENDED report that was sent; 0: none, or given up for lost */
    int64_t started_us, ended_us;
    int64_t ended_ms, told_ms;               /* of its end; since when its first answer is waited for, NEVER: not told, or told again */
    bool told, held_back;                    /* its end: reported; to be reported with others */
    uint64_t place;                          /* in the order in which they came */
    struct outcome outcome;
};

struct ended { struct attempt_ref ref; int64_t until_ms; };
struct sent_nonce { uint64_t nonce; int64_t sent_ms; };

struct agent_core {
    struct core_settings settings;
    struct bf_prng prng;
    enum phase phase;
    bool draining, left;
    uint64_t next_nonce;
    struct sent_nonce nonces[CORE_NONCES_MAX];    /* slot nonce % CORE_NONCES_MAX */
    int64_t lease_ms, heartbeat_ms;          /* 0 until WELCOME */
    int64_t deadline_ms;                     /* INT64_MIN: none */
    int64_t hello_at_ms, hello_wait_ms;      /* next HELLO, and the pause after it */
    int64_t heartbeat_at_ms, heard_ms;
    uint64_t unanswered;                     /* nonces sent since the coordinator last said anything to one */
    uint64_t heartbeats;                     /* sent when they were due */
    uint64_t dispatched;                     /* the newest token of a dispatch… */
    uint64_t seen;                           /* …or of an order to end one, which may come without it… */
    char seen_cluster[CORE_SEEN_CLUSTER_MAX];     /* …by this cluster */
    BF_VEC_TYPE(struct attempt *) attempts;  /* held; index by attempt id in by_id */
    struct bf_map by_id;
    BF_VEC_TYPE(struct ended) recent;        /* acknowledged, oldest first from recent_head on */
    size_t recent_head;
    struct bf_map recent_ids;
    struct core_actions actions;             /* of the current step */
    struct bf_arena scratch;                 /* messages of the current step */
    struct agent_msg *report;                /* the REPORT that still takes more, of the current step */
    size_t report_cap, report_bytes;
    size_t flying_bytes, details_bytes;      /* of all attempts */
    size_t n_held_back;                      /* attempts whose end is… */
    int64_t tell_held_back_ms;               /* …until then, when the first of them is due: all go with it */
    size_t n_alive, n_waiting;               /* attempts that are spawning, running or coming to their end; that wait for a slot */
    uint64_t next_place;
    int64_t trip_us; uint32_t n_trips;       /* the mean round trip, and of how many */
    bool trip_changed;                       /* since the last HELLO */
};

/* --- actions of this step (core.c) ------------------------------------------------------------------------------------ */

struct core_action *core_act(struct agent_core *c, enum core_action_kind kind);
void core_act_on(struct agent_core *c, enum core_action_kind kind, const struct attempt *a);
/* A message of this step, to be filled. */
struct agent_msg *core_send(struct agent_core *c, enum agent_msg_kind kind);

/* --- attempts (core_attempt.c) ---------------------------------------------------------------------------------------- */

struct attempt *core_attempt_find(const struct agent_core *c, uint64_t id);
struct attempt *core_attempt_find_ref(const struct agent_core *c, struct attempt_ref ref);     /* of this token */
/* Held from now on; ENDED, until it is set to something else. */
struct attempt *core_attempt_add(struct agent_core *c, struct attempt_ref ref);
void core_attempt_assign(struct attempt *a, const struct assignment *from);
bool core_attempt_is_alive(enum attempt_state s);        /* it has a process or a session, or will */
void core_attempt_set_state(struct agent_core *c, struct attempt *a, enum attempt_state next);
void core_attempt_remove(struct agent_core *c, struct attempt *a);
void core_attempt_free(struct attempt *a);
/* A copy in the arena; NULL is "". */
const char *core_keep(struct bf_arena *arena, const char *s);
bool core_ended_recently(struct agent_core *c, struct attempt_ref ref);
void core_remember_ended(struct agent_core *c, struct attempt_ref ref, int64_t now_ms);
void core_forget_ended(struct agent_core *c, int64_t now_ms);

/* --- the lease (core_lease.c) ----------------------------------------------------------------------------------------- */

/* Until when the nonce gives a lease; INT64_MIN when it was not sent or is forgotten. */
int64_t core_nonce_deadline_ms(const struct agent_core *c, uint64_t nonce);
void core_lease_begin_hello(struct agent_core *c, int64_t now_ms);
void core_lease_on_welcome(struct agent_core *c, const struct agent_msg *m, int64_t now_ms);
void core_lease_on_heartbeat_ack(struct agent_core *c, const struct agent_msg *m, int64_t now_ms);
void core_lease_on_refuse(struct agent_core *c, int64_t now_ms);
void core_lease_on_timer(struct agent_core *c, int64_t now_ms);
void core_lease_expire(struct agent_core *c, int64_t now_ms);
int64_t core_lease_next_ms(const struct agent_core *c);
void core_drain(struct agent_core *c, int64_t now_ms);
void core_leave_if_drained(struct agent_core *c);

/* --- waiting and starting (core_wait.c) ------------------------------------------------------------------------------- */

void core_wait_on_dispatch(struct agent_core *c, const struct agent_msg *m, int64_t at_us, int64_t now_ms);
void core_wait_start(struct agent_core *c, int64_t now_ms);
/* Answer for an attempt that never ran here: it is ended, and stays so. */
void core_wait_refuse(struct agent_core *c, struct attempt_ref ref, enum outcome_source source, const char *text, int64_t now_ms);
/* One that waits was never started, and never will be. */
void core_wait_give_back(struct agent_core *c, struct attempt *a, enum outcome_source source, const char *text, int64_t now_ms);
void core_wait_give_back_all(struct agent_core *c, const char *text, int64_t now_ms);

/* --- killing and ending (core_end.c) ---------------------------------------------------------------------------------- */

void core_end_kill(struct agent_core *c, struct attempt *a, enum kill_cause cause);
void core_end_set_outcome(struct attempt *a, enum outcome_source source, const char *text);
/* No process of it is left: report it.  at_us: CLOCK_REALTIME; 0: it never ran. */
void core_end_attempt(struct agent_core *c, struct attempt *a, int64_t at_us, int64_t now_ms);
void core_end_on_closing(struct agent_core *c, const struct core_event *ev, int64_t now_ms);
void core_end_on_ended(struct agent_core *c, const struct core_event *ev, int64_t now_ms);
void core_end_on_kill(struct agent_core *c, const struct agent_msg *m, int64_t now_ms);
void core_end_on_timer(struct agent_core *c, int64_t now_ms);

/* --- reports (core_report.c) ------------------------------------------------------------------------------------------ */

void core_report_send(struct agent_core *c, struct attempt *a, int64_t now_ms);
/* It has ended just now: told at once, or with others. */
void core_report_end(struct agent_core *c, struct attempt *a, int64_t now_ms);
/* Those that were held back, where nothing waits any more. */
void core_report_when_none_waits(struct agent_core *c, int64_t now_ms);
/* Send or repeat the reports that are due.  When the coordinator has just answered HELLO all ends, and what runs: it may have been told
 * of a start, and killed before that was durable. */
void core_report_send_due(struct agent_core *c, bool all, int64_t now_ms);
void core_report_on_ack(struct agent_core *c, const struct agent_msg *m, int64_t now_ms);

static inline int64_t core_earlier_ms(int64_t a, int64_t b) { return a < b ? a : b; }

#endif

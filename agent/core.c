/* The agent's pure core; see core.h for the protocol.
 *
 * Rules kept here, in this order at every step:
 *   1. The deadline is looked at first.  An agent that slept past it is fenced before it hears what waited for it.
 *   2. Only WELCOME begins a lease; HEARTBEAT_ACK prolongs one.  Both count from the send time of the nonce.
 *   3. Without a lease nothing is started: a dispatch is dropped, because the next HELLO tells what is held and the coordinator
 *      dispatches what is missing.  With a lease, a dispatch that echoes an expired nonce is answered as fenced, never run.
 *   4. What waits for a slot is looked at last: under the lease that is left then, it takes the slots that ended.
 *   5. Ended attempts are repeated to the coordinator until acknowledged, and remembered for one more lease.
 * Silence (three heartbeats without an answer) brings HELLO again, so that a coordinator which dropped the lease is found out. */
#include "agent/core.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/plant.h"
#include "common/prng.h"
#include "common/text.h"
#include "common/vec.h"

#define NONCES_MAX 128u                      /* sent and perhaps not yet answered; older ones count as expired */
#define REPORTS_PER_MESSAGE 256u
#define REPORT_BYTES_MAX (BF_MESSAGE_MAX_BYTES - (16u << 10))     /* of the reports in one message */
#define FLYING_BYTES_MAX (2u << 20)          /* ended reports sent and not yet acknowledged: a heartbeat waits behind no more */
#define REPORT_PAUSE_MS 50                   /* until a report that found no room is looked at again */
#define DETAILS_HELD_MAX (32u << 20)         /* details of all ended attempts; what is over it is cut, and says so */
#define GRACE_DEFAULT_MS 5000
#define LEASE_UNKNOWN_MS 60000               /* for back-off before the first WELCOME */
#define SILENT_HEARTBEATS 3
#define RECONCILE_HEARTBEATS 5               /* every so often a HELLO goes in place of a heartbeat */
#define SEEN_CLUSTER_MAX 65
#define NEVER INT64_MAX
#define TRIPS_LEAST 4u                       /* before a round trip is told… */
#define TRIPS_MOST 16u                       /* …and over which its mean goes */
#define PLANTED_LEASE_MS (365ll * 24 * 3600 * 1000)

enum phase { PHASE_OFF, PHASE_HELLO, PHASE_WELCOMED };
enum attempt_state { ATTEMPT_WAITING, ATTEMPT_SPAWNING, ATTEMPT_RUNNING, ATTEMPT_KILLING, ATTEMPT_ENDED };
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
    int64_t told_ms;                         /* when its end was reported, of one that was reported once; else NEVER */
    bool told;
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
    struct sent_nonce nonces[NONCES_MAX];    /* slot nonce % NONCES_MAX */
    int64_t lease_ms, heartbeat_ms;          /* 0 until WELCOME */
    int64_t deadline_ms;                     /* INT64_MIN: none */
    int64_t hello_at_ms, hello_wait_ms;      /* next HELLO, and the pause after it */
    int64_t heartbeat_at_ms, heard_ms;
    uint64_t unanswered;                     /* nonces sent since the coordinator last said anything to one */
    uint64_t heartbeats;                     /* sent, in all */
    uint64_t seen;                           /* the newest token of a dispatch… */
    char seen_cluster[SEEN_CLUSTER_MAX];     /* …by this cluster */
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
    size_t n_alive, n_waiting;               /* attempts that are spawning, running or being killed; that wait for a slot */
    uint64_t next_place;
    int64_t trip_us; uint32_t n_trips;       /* the mean round trip, and of how many */
    bool trip_changed;                       /* since the last HELLO */
};

/* --- actions ---------------------------------------------------------------------------------------------------------- */

static struct core_action *add_action(struct agent_core *c, enum core_action_kind kind)
{
    struct core_action *a = bf_vec_add(&c->actions);
    a->kind = kind;
    return a;
}

static void act_on(struct agent_core *c, enum core_action_kind kind, const struct attempt *a)
{
    struct core_action *action = add_action(c, kind);
    action->ref = a->ref;
    action->assignment = &a->assignment;
}

static struct agent_msg *send_msg(struct agent_core *c, enum agent_msg_kind kind)
{
    struct agent_msg *m = bf_arena_alloc(&c->scratch, sizeof *m);
    m->kind = kind;
    m->incarnation = c->settings.incarnation;
    m->text = "";
    m->draining = c->draining;
    add_action(c, ACTION_SEND)->msg = m;
    return m;
}

static uint64_t take_nonce(struct agent_core *c, int64_t now_ms)
{
    uint64_t nonce = c->next_nonce++;
    c->unanswered++;
    c->nonces[nonce % NONCES_MAX] = (struct sent_nonce){nonce, now_ms};
    return nonce;
}

/* Until when the nonce gives a lease; INT64_MIN when it was not sent or is forgotten. */
static int64_t nonce_deadline_ms(const struct agent_core *c, uint64_t nonce)
{
    const struct sent_nonce *s = &c->nonces[nonce % NONCES_MAX];
    return nonce != 0 && s->nonce == nonce && c->lease_ms > 0 ? s->sent_ms + c->lease_ms : INT64_MIN;
}

/* --- attempts --------------------------------------------------------------------------------------------------------- */

static struct attempt *find_attempt(const struct agent_core *c, uint64_t id)
{
    uint64_t index;
    return bf_map_get(&c->by_id, id, &index) ? c->attempts.at[index] : NULL;
}

static struct attempt *find_ref(const struct agent_core *c, struct attempt_ref ref)
{
    struct attempt *a = find_attempt(c, ref.attempt);
    return a && a->ref.token == ref.token ? a : NULL;
}

static struct attempt *add_attempt(struct agent_core *c, struct attempt_ref ref)
{
    struct attempt *a = bf_xcalloc(1, sizeof *a);
    a->ref = ref;
    a->limit_at_ms = a->kill_at_ms = a->report_at_ms = a->told_ms = NEVER;
    a->state = ATTEMPT_ENDED;
    a->place = c->next_place++;
    a->outcome = (struct outcome){.sqlstate = "", .dbms = "", .details = "", .text = "", .rows = -1};
    bf_map_put(&c->by_id, ref.attempt, c->attempts.n);
    bf_vec_push(&c->attempts, a);
    return a;
}

static bool is_alive(enum attempt_state s)
{
    return s == ATTEMPT_SPAWNING || s == ATTEMPT_RUNNING || s == ATTEMPT_KILLING;
}

static void set_state(struct agent_core *c, struct attempt *a, enum attempt_state next)
{
    c->n_alive += (size_t)is_alive(next) - (size_t)is_alive(a->state);
    c->n_waiting += (size_t)(next == ATTEMPT_WAITING) - (size_t)(a->state == ATTEMPT_WAITING);
    a->state = next;
}

static void free_attempt(struct attempt *a)
{
    bf_arena_free(&a->arena);
    free(a);
}

static void remove_attempt(struct agent_core *c, struct attempt *a)
{
    uint64_t index;
    bool found = bf_map_get(&c->by_id, a->ref.attempt, &index);
    assert(found && c->attempts.at[index] == a);
    bf_map_del(&c->by_id, a->ref.attempt);
    struct attempt *moved = c->attempts.at[--c->attempts.n];
    if (moved != a) {
        c->attempts.at[index] = moved;
        bf_map_put(&c->by_id, moved->ref.attempt, index);
    }
    c->flying_bytes -= a->flying_bytes;
    c->details_bytes -= strlen(a->outcome.details);
    free_attempt(a);
}

static bool ended_recently(struct agent_core *c, struct attempt_ref ref)
{
    if (BF_PLANTED("agent_forgets_ended"))
        return false;
    return bf_map_get(&c->recent_ids, ref.attempt, NULL);
}

static void remember_ended(struct agent_core *c, struct attempt_ref ref, int64_t now_ms)
{
    bf_vec_push(&c->recent, (struct ended){ref, now_ms + (c->lease_ms > 0 ? c->lease_ms : LEASE_UNKNOWN_MS)});
    bf_map_put(&c->recent_ids, ref.attempt, 1);
}

static void forget_old(struct agent_core *c, int64_t now_ms)
{
    while (c->recent_head < c->recent.n && c->recent.at[c->recent_head].until_ms <= now_ms)
        bf_map_del(&c->recent_ids, c->recent.at[c->recent_head++].ref.attempt);
    if (c->recent_head * 2 <= c->recent.n)
        return;
    c->recent.n -= c->recent_head;
    if (c->recent.n > 0)
        memmove(c->recent.at, c->recent.at + c->recent_head, c->recent.n * sizeof *c->recent.at);
    c->recent_head = 0;
}

static const char *keep(struct bf_arena *arena, const char *s)
{
    return bf_arena_strdup(arena, s ? s : "");
}

static void copy_assignment(struct attempt *a, const struct assignment *from)
{
    struct bf_arena *arena = &a->arena;
    struct assignment *to = &a->assignment;
    *to = *from;
    to->cluster = keep(arena, from->cluster);
    to->plan = keep(arena, from->plan);
    to->step = keep(arena, from->step);
    to->partition = keep(arena, from->partition);
    to->run_id = keep(arena, from->run_id);
    to->spec = keep(arena, from->spec);
    to->argv = bf_arena_alloc(arena, (from->n_argv + 1) * sizeof *to->argv);
    for (size_t i = 0; i < from->n_argv; i++)
        to->argv[i] = keep(arena, from->argv[i]);
    to->env = bf_arena_alloc(arena, (from->n_env + 1) * sizeof *to->env);
    for (size_t i = 0; i < from->n_env; i++)
        to->env[i] = (struct step_env){keep(arena, from->env[i].name), keep(arena, from->env[i].value)};
    to->refs = bf_arena_alloc(arena, (from->n_refs + 1) * sizeof *to->refs);
    for (size_t i = 0; i < from->n_refs; i++)
        to->refs[i] = (struct step_ref){keep(arena, from->refs[i].name), keep(arena, from->refs[i].text)};
}

/* --- reports ---------------------------------------------------------------------------------------------------------- */

static int64_t report_retry_ms(const struct agent_core *c)
{
    return c->heartbeat_ms > 1000 ? c->heartbeat_ms : 1000;
}

static struct agent_report report_of(const struct attempt *a)
{
    bool ended = a->state == ATTEMPT_ENDED;
    return (struct agent_report){
        .ref = a->ref, .kind = ended ? REPORT_ENDED : REPORT_STARTED,
        .started_us = a->started_us, .ended_us = ended ? a->ended_us : 0, .outcome = a->outcome};
}

/* Room for one more report in a message of this step.  Ends that come together go together, within the size of a message. */
static struct agent_report *add_report(struct agent_core *c, size_t bytes)
{
    if (!c->report || c->report->n_reports == REPORTS_PER_MESSAGE || c->report_bytes + bytes > REPORT_BYTES_MAX) {
        c->report = send_msg(c, AGENT_REPORT);
        c->report_cap = c->report_bytes = 0;
    }
    struct agent_msg *m = c->report;
    c->report_bytes += bytes;
    if (m->n_reports == c->report_cap) {
        size_t cap = c->report_cap == 0 ? 1 : c->report_cap * 4;
        struct agent_report *grown = bf_arena_alloc(&c->scratch, cap * sizeof *grown);
        if (m->n_reports > 0)
            memcpy(grown, m->reports, m->n_reports * sizeof *grown);
        m->reports = grown;
        c->report_cap = cap;
    }
    return &m->reports[m->n_reports++];
}

static void set_flying(struct agent_core *c, struct attempt *a, size_t bytes)
{
    c->flying_bytes += bytes;
    c->flying_bytes -= a->flying_bytes;
    a->flying_bytes = bytes;
}

/* The end of an attempt may tell much.  So that a heartbeat never waits behind a heap of such reports, those that find no room are kept
 * back until others are acknowledged. */
static void send_report(struct agent_core *c, struct attempt *a, int64_t now_ms)
{
    if (c->phase != PHASE_WELCOMED)
        return;
    struct agent_report report = report_of(a);
    size_t bytes = report_size_hint(&report);
    if (a->state == ATTEMPT_ENDED) {
        set_flying(c, a, 0);
        if (c->flying_bytes > 0 && c->flying_bytes + bytes > FLYING_BYTES_MAX) {
            a->report_at_ms = now_ms + REPORT_PAUSE_MS;
            return;
        }
        set_flying(c, a, bytes);
        a->told_ms = a->told ? NEVER : now_ms;           /* of what was told twice nobody knows which one is answered */
        a->told = true;
    }
    a->report_at_ms = a->state == ATTEMPT_ENDED ? now_ms + report_retry_ms(c) : NEVER;
    *add_report(c, bytes) = report;
}

/* Send or repeat the reports that are due.  When the coordinator has just answered HELLO all ends, and what runs: it may have been told
 * of a start, and killed before that was durable. */
static void send_due_reports(struct agent_core *c, bool all, int64_t now_ms)
{
    for (size_t i = 0; all && i < c->attempts.n; i++)
        set_flying(c, c->attempts.at[i], 0);             /* what was sent over an earlier connection is lost, or soon acknowledged */
    for (size_t i = 0; i < c->attempts.n; i++) {
        struct attempt *a = c->attempts.at[i];
        if (a->report_at_ms <= now_ms || (all && (a->state == ATTEMPT_ENDED || a->state == ATTEMPT_RUNNING)))
            send_report(c, a, now_ms);
    }
}

/* --- hello, heartbeat, leaving ---------------------------------------------------------------------------------------- */

static void send_hello(struct agent_core *c, int64_t now_ms)
{
    struct agent_msg *m = send_msg(c, AGENT_HELLO);
    m->nonce = take_nonce(c, now_ms);
    m->hello = c->settings.hello;
    m->hello.held = bf_arena_alloc(&c->scratch, (c->attempts.n + 1) * sizeof *m->hello.held);
    m->hello.n_held = c->attempts.n;
    m->hello.seen = c->seen;
    m->hello.seen_cluster = c->seen_cluster;
    for (size_t i = 0; i < c->attempts.n; i++)
        m->hello.held[i] = c->attempts.at[i]->ref;
    int64_t most = (c->lease_ms > 0 ? c->lease_ms : LEASE_UNKNOWN_MS) / 6;
    int64_t wait = c->hello_wait_ms < most ? c->hello_wait_ms : most;
    wait = wait > 1 ? wait : 1;
    /* Up to a quarter less, so that a fleet does not knock in step. */
    c->hello_at_ms = now_ms + wait - (int64_t)bf_prng_below(&c->prng, (uint64_t)wait / 4 + 1);
    c->hello_wait_ms = wait * 2;
    c->trip_changed = false;
}

static void begin_hello(struct agent_core *c, int64_t now_ms)
{
    c->phase = PHASE_HELLO;
    c->hello_wait_ms = c->settings.hello_retry_ms;
    send_hello(c, now_ms);
}

/* Now and then HELLO takes its place, so that a dispatch or an order to kill that was lost on the way is given again. */
static void send_heartbeat(struct agent_core *c, int64_t now_ms)
{
    c->heartbeat_at_ms = now_ms + c->heartbeat_ms;
    if (++c->heartbeats % RECONCILE_HEARTBEATS == 0 || c->trip_changed) {
        send_hello(c, now_ms);
        return;
    }
    struct agent_msg *m = send_msg(c, AGENT_HEARTBEAT);
    m->nonce = take_nonce(c, now_ms);
}

/* Drained: nothing held.  When there is no lease, ended attempts wait for nobody: the next HELLO of the host tells that they
 * are dead. */
static void leave_if_drained(struct agent_core *c)
{
    if (!c->draining || c->left)
        return;
    bool reachable = c->deadline_ms != INT64_MIN;
    for (size_t i = 0; i < c->attempts.n; i++)
        if (reachable || c->attempts.at[i]->state != ATTEMPT_ENDED)
            return;
    c->left = true;
    if (c->phase != PHASE_OFF)
        send_msg(c, AGENT_BYE);
    add_action(c, ACTION_LEAVE);
}

/* --- killing and ending ----------------------------------------------------------------------------------------------- */

static int64_t grace_ms(const struct attempt *a)
{
    return a->assignment.grace_ms > 0 ? a->assignment.grace_ms : GRACE_DEFAULT_MS;
}

static void term_attempt(struct agent_core *c, struct attempt *a, enum kill_cause cause, int64_t grace, int64_t now_ms)
{
    if (a->state == ATTEMPT_KILLING || a->state == ATTEMPT_ENDED)
        return;
    set_state(c, a, ATTEMPT_KILLING);
    a->cause = cause;
    a->limit_at_ms = NEVER;
    a->kill_at_ms = now_ms + grace;
    act_on(c, ACTION_TERM, a);
}

static void kill_attempt(struct agent_core *c, struct attempt *a, enum kill_cause cause)
{
    if (a->state == ATTEMPT_ENDED)
        return;
    set_state(c, a, ATTEMPT_KILLING);
    a->cause = cause;
    a->limit_at_ms = a->kill_at_ms = NEVER;
    act_on(c, ACTION_KILL, a);
}

/* The details stay: what a statement was at when its time was over is worth knowing. */
static void set_outcome(struct attempt *a, enum outcome_source source, const char *text)
{
    a->outcome.source = source;
    a->outcome.code = 0;
    a->outcome.sqlstate = a->outcome.dbms = "";
    a->outcome.text = bf_arena_strdup(&a->arena, text);
}

/* What the core asked for outranks what the process said: a step that traps SIGTERM and exits 0 has not done its work.  Only a helper's
 * success (SQL that is committed, a call that was answered) is kept, and that only under the lease. */
static void judge_outcome(struct attempt *a)
{
    bool committed = step_has_spec(a->assignment.kind) && a->outcome.source == OUTCOME_OK;
    char text[128], limit[48];
    switch (a->cause) {
    case CAUSE_NONE:
        return;
    case CAUSE_TIMEOUT:
        if (committed)
            return;
        bf_format_duration(a->assignment.timebox_ms, limit, sizeof limit);
        snprintf(text, sizeof text, "timed out after %s (limit of its timebox)", limit);
        set_outcome(a, OUTCOME_TIMEOUT, text);
        return;
    case CAUSE_CANCELLED:
        if (!committed)
            set_outcome(a, OUTCOME_CANCELLED, "cancelled by order of the coordinator");
        return;
    case CAUSE_STALE:
        set_outcome(a, OUTCOME_CANCELLED, "killed: the coordinator had given up this attempt");
        return;
    case CAUSE_FENCED:
        set_outcome(a, OUTCOME_FENCED, "fenced: the lease of the agent ran out");
        return;
    }
}

static void end_attempt(struct agent_core *c, struct attempt *a, int64_t at_us, int64_t now_ms)
{
    set_state(c, a, ATTEMPT_ENDED);
    a->ended_us = at_us;
    a->limit_at_ms = a->kill_at_ms = NEVER;
    a->report_at_ms = now_ms;
    send_report(c, a, now_ms);
}

static void take_outcome(struct agent_core *c, struct attempt *a, const struct outcome *o)
{
    size_t details = o->details ? strlen(o->details) : 0;
    bool room = c->details_bytes + details <= DETAILS_HELD_MAX;
    a->outcome = *o;
    a->outcome.sqlstate = keep(&a->arena, o->sqlstate);
    a->outcome.dbms = keep(&a->arena, o->dbms);
    a->outcome.details = room ? keep(&a->arena, o->details) : "{\"cut\":true}";
    c->details_bytes += strlen(a->outcome.details);
    size_t n = o->text ? strlen(o->text) : 0;
    a->outcome.text = bf_arena_strndup(&a->arena, o->text ? o->text : "", n < OUTCOME_TEXT_MAX ? n : OUTCOME_TEXT_MAX);
}

/* One that was never started, and never will be. */
static void give_back(struct agent_core *c, struct attempt *a, enum outcome_source source, const char *text, int64_t now_ms)
{
    set_outcome(a, source, text);
    end_attempt(c, a, 0, now_ms);
    if (BF_PLANTED("prefetch_starts_revoked")) {
        set_state(c, a, ATTEMPT_SPAWNING);
        act_on(c, ACTION_SPAWN, a);
        set_state(c, a, ATTEMPT_ENDED);
    }
}

static void give_back_all(struct agent_core *c, const char *text, int64_t now_ms)
{
    for (size_t i = 0; i < c->attempts.n; i++)
        if (c->attempts.at[i]->state == ATTEMPT_WAITING)
            give_back(c, c->attempts.at[i], OUTCOME_REVOKED, text, now_ms);
}

static void drain(struct agent_core *c, int64_t now_ms)
{
    if (c->draining)
        return;
    c->draining = true;
    give_back_all(c, "given back: the agent drains, and had not started it", now_ms);
    if (c->phase == PHASE_WELCOMED)
        send_heartbeat(c, now_ms);
}

/* The lease ran out: everything is fenced, and a new lease is asked for. */
static void expire(struct agent_core *c, int64_t now_ms)
{
    if (c->deadline_ms == INT64_MIN || now_ms < c->deadline_ms || BF_PLANTED("agent_ignores_lease"))
        return;
    c->deadline_ms = INT64_MIN;
    give_back_all(c, "given back: the lease of the agent ran out before it was started", now_ms);
    for (size_t i = 0; i < c->attempts.n; i++)
        kill_attempt(c, c->attempts.at[i], CAUSE_FENCED);
    if (c->phase == PHASE_WELCOMED)
        begin_hello(c, now_ms);
}

static void attempt_timers(struct agent_core *c, int64_t now_ms)
{
    for (size_t i = 0; i < c->attempts.n; i++) {
        struct attempt *a = c->attempts.at[i];
        if (a->limit_at_ms <= now_ms)
            term_attempt(c, a, CAUSE_TIMEOUT, grace_ms(a), now_ms);
        if (a->kill_at_ms <= now_ms)
            kill_attempt(c, a, a->cause);
    }
}

/* --- messages --------------------------------------------------------------------------------------------------------- */

static void renew(struct agent_core *c, uint64_t nonce, int64_t now_ms)
{
    int64_t deadline = nonce_deadline_ms(c, nonce);
    if (deadline <= now_ms || deadline <= c->deadline_ms)
        return;
    c->deadline_ms = BF_PLANTED("agent_ignores_lease") ? now_ms + PLANTED_LEASE_MS : deadline;
    add_action(c, ACTION_DEADLINE)->deadline_ms = c->deadline_ms;
}

static void hear(struct agent_core *c, int64_t now_ms)
{
    c->heard_ms = now_ms;
    c->unanswered = 0;
}

static void on_welcome(struct agent_core *c, const struct agent_msg *m, int64_t now_ms)
{
    const struct sent_nonce *s = &c->nonces[m->nonce % NONCES_MAX];
    if (c->phase == PHASE_OFF || m->lease_ms <= 0 || m->heartbeat_ms <= 0 || s->nonce != m->nonce || m->nonce == 0)
        return;
    if (s->sent_ms + m->lease_ms <= now_ms)
        return;                              /* came too late to be worth anything; HELLO is repeated */
    c->lease_ms = m->lease_ms;
    c->heartbeat_ms = m->heartbeat_ms;
    hear(c, now_ms);
    renew(c, m->nonce, now_ms);
    if (c->phase == PHASE_WELCOMED)
        return;
    c->phase = PHASE_WELCOMED;
    c->hello_at_ms = NEVER;
    c->heartbeat_at_ms = now_ms + c->heartbeat_ms;
    if (c->draining)
        send_heartbeat(c, now_ms);
    send_due_reports(c, true, now_ms);
}

static void on_heartbeat_ack(struct agent_core *c, const struct agent_msg *m, int64_t now_ms)
{
    if (c->phase != PHASE_WELCOMED)
        return;
    hear(c, now_ms);
    renew(c, m->nonce, now_ms);
}

/* Answer for an attempt that never ran here: it is ended, and stays so. */
static void refuse_attempt(struct agent_core *c, struct attempt_ref ref, enum outcome_source source, const char *text,
                           int64_t now_ms)
{
    struct attempt *a = add_attempt(c, ref);
    set_outcome(a, source, text);
    end_attempt(c, a, 0, now_ms);
}

/* Beside what is alive, within the capacity that was told; 0: none was. */
static bool fits(const struct agent_core *c, const struct attempt *waiting)
{
    const struct agent_hello *h = &c->settings.hello;
    uint64_t cpu = waiting->assignment.limits.cpu_milli, memory = waiting->assignment.limits.memory_bytes;
    for (size_t i = 0; i < c->attempts.n; i++) {
        const struct attempt *a = c->attempts.at[i];
        cpu += is_alive(a->state) ? a->assignment.limits.cpu_milli : 0;
        memory += is_alive(a->state) ? a->assignment.limits.memory_bytes : 0;
    }
    return (h->cpu_milli == 0 || cpu <= h->cpu_milli) && (h->memory_bytes == 0 || memory <= h->memory_bytes);
}

static struct attempt *first_waiting(const struct agent_core *c)
{
    struct attempt *first = NULL;
    for (size_t i = 0; c->n_waiting > 0 && i < c->attempts.n; i++)
        if (c->attempts.at[i]->state == ATTEMPT_WAITING && (!first || c->attempts.at[i]->place < first->place))
            first = c->attempts.at[i];
    return first;
}

/* What waits takes the slots that have ended, the first that came first.  Under the lease: without one nothing waits. */
static void start_waiting(struct agent_core *c)
{
    struct attempt *a;
    while ((c->n_alive < c->settings.hello.slots || BF_PLANTED("prefetch_over_slots")) && (a = first_waiting(c)) &&
           (c->n_alive == 0 || fits(c, a))) {
        set_state(c, a, ATTEMPT_SPAWNING);
        act_on(c, ACTION_SPAWN, a);
    }
}

static void start_attempt(struct agent_core *c, const struct assignment *from, int64_t at_us, int64_t now_ms)
{
    struct attempt *a = add_attempt(c, from->ref);
    if (from->kind == STEP_NOOP) {
        a->started_us = at_us;
        a->outcome.source = OUTCOME_OK;
        end_attempt(c, a, at_us, now_ms);
        return;
    }
    copy_assignment(a, from);
    bool waits = c->n_waiting > 0 || c->n_alive >= c->settings.hello.slots;
    set_state(c, a, waits ? ATTEMPT_WAITING : ATTEMPT_SPAWNING);
    if (!waits)
        act_on(c, ACTION_SPAWN, a);
}

/* So that a coordinator whose store is an old copy learns of it. */
static void note_token(struct agent_core *c, const struct assignment *from)
{
    const char *cluster = from->cluster ? from->cluster : "";
    if (strcmp(c->seen_cluster, cluster) != 0) {
        snprintf(c->seen_cluster, sizeof c->seen_cluster, "%s", cluster);
        c->seen = 0;
    }
    if (from->ref.token > c->seen)
        c->seen = from->ref.token;
}

static void on_dispatch(struct agent_core *c, const struct agent_msg *m, int64_t at_us, int64_t now_ms)
{
    bool reckless = BF_PLANTED("agent_ignores_lease");
    if (!reckless && (c->phase != PHASE_WELCOMED || c->deadline_ms == INT64_MIN))
        return;
    bool expired = !reckless && nonce_deadline_ms(c, m->nonce) <= now_ms;
    for (size_t i = 0; i < m->n_assignments; i++) {
        const struct assignment *from = &m->assignments[i];
        note_token(c, from);
        struct attempt *held = find_attempt(c, from->ref.attempt);
        if (held && held->state == ATTEMPT_ENDED && held->ref.token == from->ref.token)
            send_report(c, held, now_ms);    /* it seems that the coordinator did not hear */
        if (held || ended_recently(c, from->ref))
            continue;
        if (expired)
            refuse_attempt(c, from->ref, OUTCOME_FENCED, "not started: the dispatch arrived after its lease had run out", now_ms);
        else if (c->draining)
            refuse_attempt(c, from->ref, OUTCOME_FENCED, "not started: the agent takes no more work (it drains)", now_ms);
        else
            start_attempt(c, from, at_us, now_ms);
    }
}

static const char revoked[] = "given back: the coordinator asked for it, and it had not started";

/* The coordinator does not know it yet, or would not have asked. */
static void tell_started(struct agent_core *c, struct attempt *a, int64_t now_ms)
{
    if (a->state == ATTEMPT_RUNNING)
        send_report(c, a, now_ms);
}

static void give_back_to(struct agent_core *c, struct attempt *a, enum kill_reason reason, int64_t now_ms)
{
    if (reason == KILL_REVOKED)
        give_back(c, a, OUTCOME_REVOKED, revoked, now_ms);
    else
        give_back(c, a, OUTCOME_CANCELLED, "cancelled before it was started", now_ms);
}

/* An attempt that is not here.  A token that is newer than any that came is of one that did not start; of an older one that is not
 * remembered nobody knows: a coordinator on an old copy of its store may ask for what ran long ago. */
static void answer_unknown(struct agent_core *c, struct attempt_ref ref, enum kill_reason reason, int64_t now_ms)
{
    if (reason != KILL_REVOKED)
        refuse_attempt(c, ref, OUTCOME_CANCELLED, "cancelled before it was started", now_ms);
    else if (ref.token > c->seen)
        refuse_attempt(c, ref, OUTCOME_REVOKED, revoked, now_ms);
    else
        refuse_attempt(c, ref, OUTCOME_FENCED, "asked back, and not held any more: it may have run", now_ms);
}

static void on_kill(struct agent_core *c, const struct agent_msg *m, int64_t now_ms)
{
    for (size_t i = 0; i < m->n_refs; i++) {
        struct attempt *a = find_ref(c, m->refs[i]);
        int64_t most = c->lease_ms > 0 ? c->lease_ms / 2 : LEASE_UNKNOWN_MS / 2;
        if (a && a->state == ATTEMPT_ENDED)
            send_report(c, a, now_ms);
        else if (a && m->kill_reason == KILL_REVOKED && a->state != ATTEMPT_WAITING)
            tell_started(c, a, now_ms);
        else if (a && a->state == ATTEMPT_WAITING)
            give_back_to(c, a, m->kill_reason, now_ms);
        else if (a && m->kill_reason == KILL_STALE)
            kill_attempt(c, a, CAUSE_STALE);
        else if (a)
            term_attempt(c, a, CAUSE_CANCELLED, grace_ms(a) < most ? grace_ms(a) : most, now_ms);
        else if (!find_attempt(c, m->refs[i].attempt) && !ended_recently(c, m->refs[i]))
            answer_unknown(c, m->refs[i], m->kill_reason, now_ms);
    }
}

static uint32_t floor_power_us(int64_t us)
{
    int64_t ms = 1;
    while (ms * 2 <= us / 1000)
        ms *= 2;
    ms = us < 1000 ? 0 : ms;
    return ms * 1000 < AGENT_ROUND_TRIP_US_MAX ? (uint32_t)ms * 1000 : AGENT_ROUND_TRIP_US_MAX;
}

/* Told anew when it left the stretch that what was told stands for, by a good measure. */
static void take_trip(struct agent_core *c, const struct attempt *a, int64_t now_ms)
{
    if (a->told_ms == NEVER)
        return;
    c->n_trips += c->n_trips < TRIPS_MOST;
    c->trip_us += ((now_ms - a->told_ms) * 1000 - c->trip_us) / c->n_trips;
    int64_t told = c->settings.hello.round_trip_us;
    uint32_t now_us = floor_power_us(c->trip_us);
    bool left = told == 0 || c->trip_us < told - told / 4 || c->trip_us >= told * 3;
    if (c->n_trips < TRIPS_LEAST || !left || now_us == told)
        return;
    c->settings.hello.round_trip_us = now_us;
    c->trip_changed = true;
}

static void on_report_ack(struct agent_core *c, const struct agent_msg *m, int64_t now_ms)
{
    for (size_t i = 0; i < m->n_refs; i++) {
        struct attempt *a = find_ref(c, m->refs[i]);
        if (!a || a->state != ATTEMPT_ENDED)
            continue;
        take_trip(c, a, now_ms);
        remember_ended(c, a->ref, now_ms);
        remove_attempt(c, a);
    }
}

static void on_message(struct agent_core *c, const struct agent_msg *m, int64_t at_us, int64_t now_ms)
{
    if (m->incarnation != c->settings.incarnation)
        return;                              /* for an earlier life of this agent */
    switch (m->kind) {
    case AGENT_WELCOME: on_welcome(c, m, now_ms); return;
    case AGENT_HEARTBEAT_ACK: on_heartbeat_ack(c, m, now_ms); return;
    case AGENT_DISPATCH: on_dispatch(c, m, at_us, now_ms); return;
    case AGENT_KILL: on_kill(c, m, now_ms); return;
    case AGENT_REPORT_ACK: on_report_ack(c, m, now_ms); return;
    case AGENT_DRAIN: drain(c, now_ms); return;
    case AGENT_REFUSE:                       /* the shell tells people */
        c->unanswered = 0;                   /* an answer, if no good one */
        if (c->phase == PHASE_WELCOMED)      /* the coordinator does not know the lease; else HELLO is repeated at its own pace */
            begin_hello(c, now_ms);
        return;
    case AGENT_PROBE:                        /* of no attempt: prober.h */
    case AGENT_HELLO: case AGENT_HEARTBEAT: case AGENT_REPORT: case AGENT_BYE: case AGENT_PROBED:
        return;
    }
}

/* --- the step --------------------------------------------------------------------------------------------------------- */

static void on_spawned(struct agent_core *c, const struct core_event *ev, int64_t now_ms)
{
    struct attempt *a = find_ref(c, ev->ref);
    if (!a || a->state == ATTEMPT_ENDED)
        return;
    a->started_us = ev->at_us;
    if (a->state == ATTEMPT_SPAWNING) {
        set_state(c, a, ATTEMPT_RUNNING);
        if (a->assignment.timebox_ms > 0)
            a->limit_at_ms = now_ms + a->assignment.timebox_ms;
    }
    a->report_at_ms = now_ms + c->settings.started_pause_ms;
    if (a->report_at_ms <= now_ms)
        send_report(c, a, now_ms);
}

static void on_ended(struct agent_core *c, const struct core_event *ev, int64_t now_ms)
{
    struct attempt *a = find_ref(c, ev->ref);
    if (!a || a->state == ATTEMPT_ENDED)
        return;
    take_outcome(c, a, ev->outcome);
    judge_outcome(a);
    end_attempt(c, a, ev->at_us, now_ms);
}

static void on_timer(struct agent_core *c, int64_t now_ms)
{
    attempt_timers(c, now_ms);
    if (c->phase == PHASE_WELCOMED && now_ms - c->heard_ms >= SILENT_HEARTBEATS * c->heartbeat_ms)
        begin_hello(c, now_ms);
    else if (c->phase == PHASE_WELCOMED && c->heartbeat_at_ms <= now_ms)
        send_heartbeat(c, now_ms);
    else if (c->phase == PHASE_HELLO && c->hello_at_ms <= now_ms)
        send_hello(c, now_ms);
    send_due_reports(c, false, now_ms);
}

static void begin_step(struct agent_core *c)
{
    bf_vec_clear(&c->actions);
    bf_arena_clear(&c->scratch);
    c->report = NULL;
    if (BF_PLANTED("agent_drops_report"))
        for (size_t i = c->attempts.n; i-- > 0;)
            if (c->attempts.at[i]->state == ATTEMPT_ENDED)
                remove_attempt(c, c->attempts.at[i]);
}

void core_step(struct agent_core *c, const struct core_event *ev, int64_t now_ms, struct core_actions **ret)
{
    begin_step(c);
    if (!c->left) {
        expire(c, now_ms);
        forget_old(c, now_ms);
        switch (ev->kind) {
        case CORE_CONNECTED: begin_hello(c, now_ms); break;
        case CORE_MESSAGE: on_message(c, ev->msg, ev->at_us, now_ms); break;
        case CORE_SPAWNED: on_spawned(c, ev, now_ms); break;
        case CORE_ENDED: on_ended(c, ev, now_ms); break;
        case CORE_TIMER: on_timer(c, now_ms); break;
        case CORE_DRAIN: drain(c, now_ms); break;
        }
        start_waiting(c);
        leave_if_drained(c);
    }
    *ret = &c->actions;
}

struct agent_core *core_new(const struct core_settings *s)
{
    struct agent_core *c = bf_xcalloc(1, sizeof *c);
    c->settings = *s;
    if (c->settings.hello_retry_ms <= 0)
        c->settings.hello_retry_ms = 1000;
    bf_prng_seed(&c->prng, s->incarnation);
    c->next_nonce = 1;
    c->deadline_ms = INT64_MIN;
    c->hello_at_ms = c->heartbeat_at_ms = NEVER;
    return c;
}

void core_free(struct agent_core *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->attempts.n; i++)
        free_attempt(c->attempts.at[i]);
    bf_vec_free(&c->attempts);
    bf_map_free(&c->by_id);
    bf_vec_free(&c->recent);
    bf_map_free(&c->recent_ids);
    bf_vec_free(&c->actions);
    bf_arena_free(&c->scratch);
    free(c);
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t core_next_timer_ms(const struct agent_core *c)
{
    int64_t at = c->deadline_ms == INT64_MIN ? NEVER : c->deadline_ms;
    if (c->left)
        return NEVER;
    if (c->phase == PHASE_HELLO)
        at = earlier(at, c->hello_at_ms);
    if (c->phase == PHASE_WELCOMED)
        at = earlier(at, earlier(c->heartbeat_at_ms, c->heard_ms + SILENT_HEARTBEATS * c->heartbeat_ms));
    for (size_t i = 0; i < c->attempts.n; i++) {
        const struct attempt *a = c->attempts.at[i];
        at = earlier(at, earlier(a->limit_at_ms, a->kill_at_ms));
        if (c->phase == PHASE_WELCOMED)
            at = earlier(at, a->report_at_ms);
    }
    return at;
}

int64_t core_deadline_ms(const struct agent_core *c)
{
    return c->deadline_ms;
}

bool core_silent(const struct agent_core *c)
{
    return c->unanswered > SILENT_HEARTBEATS;        /* the last may still be on its way */
}

size_t core_n_attempts(const struct agent_core *c)
{
    return c->attempts.n;
}

size_t core_waiting(const struct agent_core *c, struct attempt_ref *ret, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < c->attempts.n && n < max; i++)
        if (c->attempts.at[i]->state == ATTEMPT_WAITING)
            ret[n++] = c->attempts.at[i]->ref;
    return n;
}

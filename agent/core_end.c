/* Killing attempts, and what their ends come to.
 *
 * A kill has a cause, and the first one that was acted on stays until a harder one comes: SIGTERM and a grace for a timebox or a cancel,
 * SIGKILL when the grace is over, the lease ran out, or the coordinator has given the attempt up.  The cause outranks what the process
 * says of itself when its end is judged. */
#include "agent/core_state.h"

#include <stdio.h>
#include <string.h>

#include "common/plant.h"
#include "common/text.h"

#define DETAILS_HELD_MAX (32u << 20)         /* details of all ended attempts; what is over it is cut, and says so */
#define GRACE_DEFAULT_MS 5000

static int64_t grace_ms(const struct attempt *a)
{
    return a->assignment.grace_ms > 0 ? a->assignment.grace_ms : GRACE_DEFAULT_MS;
}

static void term_attempt(struct agent_core *c, struct attempt *a, enum kill_cause cause, int64_t grace, int64_t now_ms)
{
    if (a->state == ATTEMPT_KILLING || a->state == ATTEMPT_CLOSING || a->state == ATTEMPT_ENDED)
        return;
    core_attempt_set_state(c, a, ATTEMPT_KILLING);
    a->cause = cause;
    a->limit_at_ms = CORE_NEVER;
    a->kill_at_ms = now_ms + grace;
    core_act_on(c, ACTION_TERM, a);
}

void core_end_kill(struct agent_core *c, struct attempt *a, enum kill_cause cause)
{
    if (a->state == ATTEMPT_ENDED || (a->state == ATTEMPT_SPAWNING && BF_PLANTED("start_outlives_lease")))
        return;
    core_attempt_set_state(c, a, ATTEMPT_KILLING);
    a->cause = cause;
    a->limit_at_ms = a->kill_at_ms = CORE_NEVER;
    core_act_on(c, ACTION_KILL, a);
}

/* The details stay: what a statement was at when its time was over is worth knowing. */
void core_end_set_outcome(struct attempt *a, enum outcome_source source, const char *text)
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
        core_end_set_outcome(a, OUTCOME_TIMEOUT, text);
        return;
    case CAUSE_CANCELLED:
        if (!committed)
            core_end_set_outcome(a, OUTCOME_CANCELLED, "cancelled by order of the coordinator");
        return;
    case CAUSE_STALE:
        core_end_set_outcome(a, OUTCOME_CANCELLED, "killed: the coordinator had given up this attempt");
        return;
    case CAUSE_FENCED:
        core_end_set_outcome(a, OUTCOME_FENCED, "fenced: the lease of the agent ran out");
        return;
    }
}

void core_end_attempt(struct agent_core *c, struct attempt *a, int64_t at_us, int64_t now_ms)
{
    core_attempt_set_state(c, a, ATTEMPT_ENDED);
    a->ended_us = at_us;
    a->limit_at_ms = a->kill_at_ms = CORE_NEVER;
    core_report_end(c, a, now_ms);
}

static void take_outcome(struct agent_core *c, struct attempt *a, const struct outcome *o)
{
    size_t details = o->details ? strlen(o->details) : 0;
    bool room = c->details_bytes + details <= DETAILS_HELD_MAX;
    a->outcome = *o;
    a->outcome.sqlstate = core_keep(&a->arena, o->sqlstate);
    a->outcome.dbms = core_keep(&a->arena, o->dbms);
    a->outcome.details = room ? core_keep(&a->arena, o->details) : "{\"cut\":true}";
    c->details_bytes += strlen(a->outcome.details);
    size_t n = o->text ? strlen(o->text) : 0;
    a->outcome.text = bf_arena_strndup(&a->arena, o->text ? o->text : "", n < OUTCOME_TEXT_MAX ? n : OUTCOME_TEXT_MAX);
}

/* The processes are dead, so nothing is left to kill or to time. */
void core_end_on_closing(struct agent_core *c, const struct core_event *ev, int64_t now_ms)
{
    struct attempt *a = core_attempt_find_ref(c, ev->ref);
    if (!a || a->state == ATTEMPT_ENDED)
        return;
    core_attempt_set_state(c, a, ATTEMPT_CLOSING);
    a->limit_at_ms = a->kill_at_ms = CORE_NEVER;
    core_report_send(c, a, now_ms);
}

/* Whole, behind as much of the text as there is room for. */
static void add_note(struct attempt *a, const char *note)
{
    size_t n = strlen(note), room = OUTCOME_TEXT_MAX - (n < OUTCOME_TEXT_MAX - 2 ? n : OUTCOME_TEXT_MAX - 2) - 2;
    int kept = (int)bf_utf8_cut(a->outcome.text, room);
    char text[OUTCOME_TEXT_MAX + 1];
    snprintf(text, sizeof text, "%.*s%s%s", kept, a->outcome.text, kept > 0 ? "; " : "", note);
    a->outcome.text = bf_arena_strdup(&a->arena, text);
}

void core_end_on_ended(struct agent_core *c, const struct core_event *ev, int64_t now_ms)
{
    struct attempt *a = core_attempt_find_ref(c, ev->ref);
    if (!a || a->state == ATTEMPT_ENDED)
        return;
    take_outcome(c, a, ev->outcome);
    judge_outcome(a);
    if (ev->note && *ev->note)
        add_note(a, ev->note);
    core_end_attempt(c, a, ev->at_us, now_ms);
}

void core_end_on_timer(struct agent_core *c, int64_t now_ms)
{
    for (size_t i = 0; i < c->attempts.n; i++) {
        struct attempt *a = c->attempts.at[i];
        if (a->limit_at_ms <= now_ms)
            term_attempt(c, a, CAUSE_TIMEOUT, grace_ms(a), now_ms);
        if (a->kill_at_ms <= now_ms)
            core_end_kill(c, a, a->cause);
    }
}

static const char revoked[] = "given back: the coordinator asked for it, and it had not started";

/* The coordinator does not know it yet, or would not have asked. */
static void tell_started(struct agent_core *c, struct attempt *a, int64_t now_ms)
{
    if (a->state == ATTEMPT_RUNNING)
        core_report_send(c, a, now_ms);
}

static void give_back_to(struct agent_core *c, struct attempt *a, enum kill_reason reason, int64_t now_ms)
{
    if (reason == KILL_REVOKED)
        core_wait_give_back(c, a, OUTCOME_REVOKED, revoked, now_ms);
    else
        core_wait_give_back(c, a, OUTCOME_CANCELLED, "cancelled before it was started", now_ms);
}

/* An attempt that is not here.  A token that is newer than any that came is of one that did not start; of an older one that is not
 * remembered nobody knows: a coordinator on an old copy of its store may ask for what ran long ago.
 *
 * The token was seen all the same: its dispatch may be lost, and a coordinator that gives it out again has to learn of it.  Not that of a
 * stale one: that order names what an agent said that it holds, whoever gave it out. */
static void answer_unknown(struct agent_core *c, struct attempt_ref ref, enum kill_reason reason, int64_t now_ms)
{
    if (reason != KILL_STALE && ref.token > c->seen)
        c->seen = ref.token;
    if (reason != KILL_REVOKED)
        core_wait_refuse(c, ref, OUTCOME_CANCELLED, "cancelled before it was started", now_ms);
    else if (ref.token > c->dispatched)
        core_wait_refuse(c, ref, OUTCOME_REVOKED, revoked, now_ms);
    else
        core_wait_refuse(c, ref, OUTCOME_FENCED, "asked back, and not held any more: it may have run", now_ms);
}

void core_end_on_kill(struct agent_core *c, const struct agent_msg *m, int64_t now_ms)
{
    for (size_t i = 0; i < m->n_refs; i++) {
        struct attempt *a = core_attempt_find_ref(c, m->refs[i]);
        int64_t most = c->lease_ms > 0 ? c->lease_ms / 2 : CORE_LEASE_UNKNOWN_MS / 2;
        if (a && a->state == ATTEMPT_ENDED)
            core_report_send(c, a, now_ms);
        else if (a && m->kill_reason == KILL_REVOKED && a->state != ATTEMPT_WAITING)
            tell_started(c, a, now_ms);
        else if (a && a->state == ATTEMPT_WAITING)
            give_back_to(c, a, m->kill_reason, now_ms);
        else if (a && m->kill_reason == KILL_STALE)
            core_end_kill(c, a, CAUSE_STALE);
        else if (a)
            term_attempt(c, a, CAUSE_CANCELLED, grace_ms(a) < most ? grace_ms(a) : most, now_ms);
        else if (!core_attempt_find(c, m->refs[i].attempt) && !core_ended_recently(c, m->refs[i]))
            answer_unknown(c, m->refs[i], m->kill_reason, now_ms);
    }
}

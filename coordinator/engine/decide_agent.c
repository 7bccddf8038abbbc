/* What agents say: HELLO, reports, BYE; and what their silence means: LOST.
 *
 * An attempt belongs to the key it was granted to (I11), and within it to the incarnation.  It is ended as lost when its agent's
 * lease ran out, or when the agent's next process says (previous) that its guardian saw every step of the old one dead; a step
 * that must not run twice at any price (wait_for_fence) only by the latter. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/plant.h"
#include "common/text.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/prefetch.h"

#define AGENTS_MAX 20000u
#define STALE_RECORDS_PER_TURN_MAX 256u
#define RETRIES_LEAST 10u                        /* that a retry budget always allows */

/* That an attempt told something beside its end is a record of its own.  What it told stays in the input: the shell takes it from
 * there to the store, the journal has it once, and the engine keeps nothing of it. */
static void keep_details(struct decision *d, const struct attempt *a, const char *details)
{
    if (!details || !*details)
        return;
    struct record *r = record_begin(d, RECORD_DETAILS);
    r->ref = a->ref;
    r->backfill = a->backfill;
    r->step = a->step;
    r->index = a->index;
    r->run = a->run;
    r->attempt_no = a->attempt_no;
    record_emit(d, r);
}

/* A check of severity halt failed: nothing more of the backfill starts until a person resumes it.  What runs goes on to its end.
 * The first reason stays; one that was paused by a person gets it too, so that the resume is not given unawares. */
static void halt(struct decision *d, const struct attempt *a, const struct outcome *o)
{
    const struct backfill *b = backfill_find(d->e, a->backfill);
    bool may = b->state == BACKFILL_RUNNING || (b->state == BACKFILL_PAUSED && !b->halted);
    if (o->source != OUTCOME_CHECK || o->code != CHECK_HALT || !may || BF_PLANTED("halt_ignored"))
        return;
    char key[PLAN_KEY_MAX];
    const struct plan_step *s = &b->plan->steps[a->step];
    plan_partition_key(s->partitions, a->index, key);
    const char *target = out_printf(d->out, "%s%s%s%s", s->name, *key ? "[" : "", key, *key ? "]" : "");
    const char *before = backfill_state_name(b->state);
    decide_backfill_state(d, b, BACKFILL_PAUSED, HALTED_BY_CHECK, out_printf(d->out, "halted by a check of %s: %s", target, o->text));
    audit_note(d, &(struct audit_note){.what = "halt", .target = target, .backfill = b->id, .ref = a->ref, .agent = a->agent,
                                       .text = b->halted, .before = out_printf(d->out, "{\"state\":\"%s\"}", before),
                                       .after = "{\"state\":\"paused\",\"halted\":true}"});
}

/* No attempt comes after this one, whatever its failure. */
static bool is_cancelled(const struct backfill *b, const struct instance *in)
{
    return b->state == BACKFILL_CANCELLED || ((in->flags & FLAG_CANCELLING) && !BF_PLANTED("steer_cancel_granted"));
}

static bool is_to_be_killed(const struct backfill *b, const struct attempt *a)
{
    const struct instance *in = &b->instances[instance_number(b, a->step, a->index)];
    return is_cancelled(b, in) && !(in->flags & FLAG_KEEP);
}

/* Retries of the whole backfill against its first attempts so far, of which ten retries are always possible: so that a failing warehouse
 * is not kept failing by what tries again.  One counts from when it is promised, which is here: counted from when it begins, any number
 * that fail together would all be promised one.  A breaker that is not closed keeps what tries again from becoming load by itself, and
 * a trial of it that fails must not use up its instance: such a retry is neither refused nor counted. */
static bool retries_left(const struct engine *e, const struct backfill *b, const struct attempt *a)
{
    const struct plan_retry *retry = &b->plan->steps[a->step].retry;
    uint64_t most = b->first_attempts * retry->budget_millionths / 1000000;
    most = most > RETRIES_LEAST ? most : RETRIES_LEAST;
    return retry->budget_millionths == 0 || b->retries < most || breakers_hold_back(e, b, a) || BF_PLANTED("retry_budget_ignored");
}

enum { SPENT_BYTES = 180 };                     /* of the sentence, with its numbers */

/* What the attempt told, and why nothing comes after it; in the output's arena. */
static const char *spent_text(struct decision *d, const struct backfill *b, const char *told)
{
    char *text = bf_arena_alloc(&d->out->arena, OUTCOME_TEXT_MAX + 1);
    snprintf(text, OUTCOME_TEXT_MAX + 1,
             "%.*s%snot tried again: the retry budget of the backfill is spent, %llu retries, begun or waiting, after %llu first attempts",
             (int)bf_utf8_cut(told, OUTCOME_TEXT_MAX - SPENT_BYTES), told, *told ? "; " : "", (unsigned long long)b->retries,
             (unsigned long long)b->first_attempts);
    return text;
}

/* End an attempt with this outcome: verdict, record, what it told, and what that means for its backfill. */
static void end_attempt(struct decision *d, const struct attempt *attempt, const struct outcome *o, int64_t started_us, int64_t ended_us)
{
    const struct attempt ended = *attempt, *a = &ended;      /* its slot is free once the end is applied */
    const struct backfill *b = backfill_find(d->e, a->backfill);
    const struct instance *in = &b->instances[instance_number(b, a->step, a->index)];
    struct ruling ruling = failure_rule(&d->e->config, &b->plan->steps[a->step], o, is_cancelled(b, in), a->attempt_no,
                                        in->lost, a->ref.token, BF_PLANTED("backoff_by_wall_clock") ? d->wall_us / 1000 : d->now_ms);
    if (o->source == OUTCOME_REVOKED && a->waits && !is_cancelled(b, in))      /* given back: nothing ran, and nothing is charged */
        ruling = (struct ruling){.verdict = VERDICT_REQUEUE};
    const char *rerun = is_cancelled(b, in) ? NULL : rerun_text(d, a, o);
    if (rerun && !BF_PLANTED("rerun_charged"))
        ruling = (struct ruling){.verdict = VERDICT_REQUEUE};
    bool budget_spent = ruling.verdict == VERDICT_RETRY && !sensor_answered(&b->plan->steps[a->step], o) &&
                        !retries_left(d->e, b, a);
    struct record *r = record_begin(d, RECORD_ENDED);
    r->ref = a->ref;
    r->backfill = a->backfill;
    r->step = a->step;
    r->index = a->index;
    r->n = a->n;
    r->run = a->run;
    r->attempt_no = a->attempt_no;
    r->agent = a->agent;
    r->started_us = started_us ? started_us : a->started_us;
    r->ended_us = ended_us;
    struct outcome said = *o;
    said.details = "";
    r->outcome = &said;
    r->verdict = budget_spent ? VERDICT_FAILED : ruling.verdict;
    r->failure_class = ruling.class;
    r->retry_at_ms = budget_spent ? 0 : ruling.retry_at_ms;
    r->budget_spent = budget_spent;
    if (budget_spent)
        said.text = spent_text(d, b, o->text);
    if (rerun)
        said.text = rerun;
    r->voted_ms = d->now_ms;
    if (sensor_answered(&b->plan->steps[a->step], o) && ruling.verdict != VERDICT_CANCELLED)
        sensor_rule(d, a, o, r);
    record_emit(d, r);
    decide_breakers_voted(d, a, o);
    keep_details(d, a, o->details);
    halt(d, a, o);
}

/* ---- HELLO ---- */

static void refuse(struct decision *d, const struct input *in, const char *text)
{
    struct effect *f = effect_add(d->out, EFFECT_REFUSE);
    memcpy(f->key, in->key, sizeof f->key);
    f->incarnation = in->incarnation;
    f->text = text;
}

/* Of an attempt that nobody tells the end of: did it perhaps leave a session at a server, which nobody looks for?  One that was given ahead
 * may have started too: the word of it comes later, or is lost with its agent. */
static bool left_session(const struct engine *e, const struct attempt *a)
{
    const struct plan *plan = backfill_find(e, a->backfill)->plan;
    return !BF_PLANTED("session_untold") && plan_step_has_session(plan, &plan->steps[a->step]);
}

/* Gives how many were. */
static uint32_t end_as_lost(struct decision *d, uint32_t agent, const char *text,
                        bool (*picked)(const struct decision *, const struct attempt *, uint64_t), uint64_t incarnation)
{
    struct outcome lost = {.source = OUTCOME_LOST, .sqlstate = "", .dbms = "", .details = "", .text = text, .rows = -1};
    const struct engine *e = d->e;
    uint32_t n = 0;
    for (uint32_t slot = agent_find(e, agent)->first; slot != NO_SLOT;) {
        const struct attempt *a = &e->attempts.at[slot];
        slot = a->agent_next;
        if (!picked(d, a, incarnation))
            continue;
        bool left = left_session(e, a);
        lost.usage.session = left ? SESSION_ASSUMED_GONE : SESSION_CLOSED;
        lost.text = left ? out_printf(d->out, "%s; its session at the server is assumed gone: nobody could look for it", text) : text;
        end_attempt(d, a, &lost, 0, 0);
        n++;
    }
    return n;
}

/* What holds of an agent's work no more, in one record however much it was. */
static void audit_work(struct decision *d, uint32_t agent, const char *what, const char *text, uint32_t ended)
{
    const struct agent *a = agent_find(d->e, agent);
    uint32_t kept = 0;
    for (uint32_t slot = a->first; slot != NO_SLOT; slot = d->e->attempts.at[slot].agent_next)
        kept++;
    audit_note(d, &(struct audit_note){.what = what, .target = a->hello.name, .agent = agent, .text = text,
                                       .before = out_printf(d->out, "{\"attempts\":%u}", ended + kept),
                                       .after = out_printf(d->out, "{\"attempts\":%u,\"requeued\":%u}", kept, ended)});
}

static bool granted_to_dead(const struct decision *d, const struct attempt *a, uint64_t incarnation)
{
    (void)d;
    return incarnation_is_dead(a->incarnation, incarnation);
}

static bool may_be_rerouted(const struct decision *d, const struct attempt *a, uint64_t incarnation)
{
    (void)incarnation;
    return !backfill_find(d->e, a->backfill)->plan->steps[a->step].wait_for_fence;
}

/* The agent does not hold it.  It was granted before a restore, and may have run since, and others in its place that may be alive. */
static bool is_of_earlier_epoch(const struct decision *d, const struct attempt *a, uint64_t incarnation)
{
    return a->mark != d->live->mark && a->incarnation == incarnation && epoch_of(a->ref.token) < d->e->epoch &&
           !BF_PLANTED("restore_dispatches_again");
}

/* Open attempts that the agent does not hold go out again; held ones that are not open are stale. */
static void reconcile(struct decision *d, uint32_t id, const struct agent_hello *hello)
{
    const struct engine *e = d->e;
    uint64_t mark = ++d->live->mark;
    for (size_t i = 0; i < hello->n_held; i++) {
        struct attempt *a = attempt_find(e, hello->held[i].attempt);
        if (a && a->agent == id && a->ref.token == hello->held[i].token)
            a->mark = mark;
        else
            effect_kill(d, id, hello->held[i], KILL_STALE);
    }
    const struct agent *agent = agent_find(e, id);
    static const char forgotten[] = "the store was restored from a backup, and the agent does not have it any more";
    uint32_t n = end_as_lost(d, id, forgotten, is_of_earlier_epoch, agent->incarnation);
    if (n > 0)
        audit_work(d, id, "attempts fenced", forgotten, n);
    for (uint32_t slot = agent->first; slot != NO_SLOT; slot = e->attempts.at[slot].agent_next) {
        const struct attempt *a = &e->attempts.at[slot];
        const struct backfill *b = backfill_find(e, a->backfill);
        if (is_to_be_killed(b, a) || rerun_is_asked(e, b, instance_number(b, a->step, a->index)))
            effect_kill(d, id, a->ref, KILL_CANCELLED);
        else if (a->revoked)
            effect_kill(d, id, a->ref, KILL_REVOKED);
        else if (a->mark != mark && a->incarnation == agent->incarnation && !e->outdated_token)
            effect_attempt(d, EFFECT_DISPATCH, a);
    }
}

static void join(struct decision *d, const struct input *in, uint32_t id)
{
    struct record *r = record_begin(d, RECORD_AGENT_JOINED);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    r->agent = id;
    memcpy(rare->key, in->key, sizeof rare->key);
    rare->incarnation = in->incarnation;
    rare->hello = input_rare(in)->hello;
    rare->hello.seen = 0;                        /* of this moment only */
    record_emit(d, r);
}

static void welcome(struct decision *d, uint32_t id, const struct agent_hello *hello)
{
    struct effect *f = effect_add(d->out, EFFECT_WELCOME);
    f->agent = id;
    f->incarnation = agent_find(d->e, id)->incarnation;
    reconcile(d, id, hello);
    if (agent_find(d->e, id)->state == AGENT_DRAINING)
        effect_add(d->out, EFFECT_DRAIN)->agent = id;
}

/* NULL when this peer may work as an agent. */
static const char *objection(struct decision *d, const struct input *in, const struct agent *known)
{
    const struct agent_hello *h = &input_rare(in)->hello;
    if (h->protocol != AGENT_PROTOCOL_VERSION)
        return out_printf(d->out, "protocol %u is not spoken here; the coordinator speaks %u: install the agent of its version",
                          h->protocol, AGENT_PROTOCOL_VERSION);
    const struct agent *named = agent_find_name(d->e, h->name);
    if (named && named != known)
        return out_printf(
            d->out, "another agent with the name %s is connected under another key; give this one a name of its own", h->name);
    if (!known && d->e->agents.n >= AGENTS_MAX)
        return out_printf(d->out, "the limit of %u agents is reached", AGENTS_MAX);
    if (known && agent_present(known) && known->incarnation != in->incarnation &&
        !incarnation_is_dead(known->incarnation, h->previous))
        return out_printf(d->out, "another process of this agent still holds its lease; try again when it has run out");
    return NULL;
}

void decide_hello(struct decision *d, const struct input *in)
{
    const struct agent *known = agent_find_key(d->e, in->key);
    const char *why_not = objection(d, in, known);
    if (!why_not)
        why_not = decide_seen(d, in);
    if (why_not) {
        refuse(d, in, why_not);
        return;
    }
    uint32_t id = known ? known->id : d->e->next_agent;
    bool same = known && known->incarnation == in->incarnation;
    static const char fenced[] = "the agent was restarted, and its guardian saw the step dead";
    /* Also of one that has joined: an earlier HELLO of this life may have said less. */
    bool tells = known && input_rare(in)->hello.previous != 0 && !incarnation_is_dead(in->incarnation, input_rare(in)->hello.previous);
    uint32_t n = tells ? end_as_lost(d, id, fenced, granted_to_dead, input_rare(in)->hello.previous) : 0;
    if (n > 0)
        audit_work(d, id, "attempts fenced", fenced, n);
    if (!same || !agent_present(known))
        join(d, in, id);
    decide_round_trip(d, id, input_rare(in)->hello.round_trip_us);
    welcome(d, id, &input_rare(in)->hello);
}

/* ---- reports ---- */

static void record_stale(struct decision *d, const struct input *in, const struct agent *sender)
{
    if (d->live->stale_records++ >= STALE_RECORDS_PER_TURN_MAX)
        return;                                  /* a flood of them is cut; the turn's first ones tell the story */
    uint32_t left_out = d->e->stale_left_out;
    int64_t next_ms = 0;
    bool due = audit_stale_due(d, &next_ms);
    struct record *r = record_begin(d, RECORD_STALE_REPORT);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    r->ref = in->report.ref;
    r->agent = sender ? sender->id : 0;
    memcpy(rare->key, in->key, sizeof rare->key);
    r->n = due;
    r->retry_at_ms = next_ms;
    record_emit(d, r);
    if (!due)
        return;
    const struct attempt *a = attempt_find(d->e, in->report.ref.attempt);
    const char *text = !sender ? "a report of an agent that has not joined" : !a ? "the attempt has ended, or there never was one"
                       : a->agent != sender->id ? "the attempt was granted to another agent" : "its token is not the current one";
    audit_note(d, &(struct audit_note){.what = "stale report", .actor = sender ? sender->hello.name : "", .role = "agent", .key = in->key,
                                       .agent = sender ? sender->id : 0, .ref = in->report.ref, .rc = BF_DENIED, .text = text,
                                       .left_out = left_out,
                                       .target = out_printf(d->out, "a-%llu", (unsigned long long)in->report.ref.attempt)});
}

#ifdef BF_PLANTS
/* "stale_token_accepted": a report of an attempt that has ended counts for the attempt that took its place. */
static struct attempt *planted_successor(const struct engine *e, const struct attempt_ref *ref)
{
    uint64_t key = 0;
    if (!BF_PLANTED("stale_token_accepted") || !bf_map_get(&e->planted_ended, ref->attempt, &key))
        return NULL;
    const struct backfill *b = backfill_find(e, (uint32_t)(key >> 32));
    return attempt_find(e, b->instances[(uint32_t)key].attempt);
}
#else
static struct attempt *planted_successor(const struct engine *e, const struct attempt_ref *ref)
{
    (void)e;
    (void)ref;
    return NULL;
}
#endif

/* Told again with each HELLO. */
static void report_closing(struct decision *d, const struct attempt *a)
{
    if (a->closing_us)
        return;
    if (BF_PLANTED("closing_gives_back")) {
        end_attempt(d, a, &(struct outcome){.source = OUTCOME_LOST, .sqlstate = "", .dbms = "", .details = "", .text = "", .rows = -1}, 0, 0);
        return;
    }
    struct record *r = record_begin(d, RECORD_CLOSING);
    r->ref = a->ref;
    r->backfill = a->backfill;
    r->step = a->step;
    r->index = a->index;
    record_emit(d, r);
}

static void report_started(struct decision *d, const struct input *in, const struct agent *sender)
{
    const struct attempt *a = attempt_find(d->e, in->report.ref.attempt);
    if (!a || a->ref.token != in->report.ref.token || !sender || a->agent != sender->id || a->incarnation != in->incarnation)
        return;
    const struct backfill *b = backfill_find(d->e, a->backfill);
    if (b->instances[instance_number(b, a->step, a->index)].state == INSTANCE_ASSIGNED) {
        struct record *r = record_begin(d, RECORD_STARTED);
        r->ref = a->ref;
        r->backfill = a->backfill;
        r->step = a->step;
        r->index = a->index;
        r->started_us = in->report.started_us;
        r->retry_at_ms = a->ahead_us > 0 ? d->now_ms : 0;
        record_emit(d, r);
    }
    if (in->report.closing)
        report_closing(d, a);
}

static void acknowledge(struct decision *d, const struct agent *sender, struct attempt_ref ref)
{
    struct effect *f = effect_add(d->out, EFFECT_REPORT_ACK);
    f->agent = sender->id;
    f->ref = ref;
}

static void report_ended(struct decision *d, const struct input *in, const struct agent *sender)
{
    const struct attempt *a = attempt_find(d->e, in->report.ref.attempt);
    const struct attempt *successor = a ? NULL : planted_successor(d->e, &in->report.ref);
    bool current = a && a->ref.token == in->report.ref.token;
    bool may = sender && (!a || a->agent == sender->id || BF_PLANTED("authority_unchecked"));
    if (successor)
        a = successor;
    if (may && (current || successor))
        end_attempt(d, a, &in->report.outcome, in->report.started_us, in->report.ended_us);
    else
        record_stale(d, in, sender);
    if (!(may && (current || successor)) && BF_PLANTED("details_of_stale_report"))
        keep_details(d, a ? a : &(struct attempt){.ref = in->report.ref}, in->report.outcome.details);
    if (may)
        acknowledge(d, sender, in->report.ref);
}

void decide_report(struct decision *d, const struct input *in)
{
    const struct agent *sender = agent_find_key(d->e, in->key);
    if (in->report.kind == REPORT_STARTED)
        report_started(d, in, sender);
    else if (in->report.kind == REPORT_ENDED)
        report_ended(d, in, sender);
}

/* ---- BYE, LOST ---- */

static void set_agent_state(struct decision *d, uint32_t id, enum agent_state state)
{
    struct record *r = record_begin(d, RECORD_AGENT_STATE);
    r->agent = id;
    record_rare_need(r, &d->out->arena)->agent_state = state;
    record_emit(d, r);
}

void decide_bye(struct decision *d, const struct input *in)
{
    const struct agent *a = agent_find_key(d->e, in->key);
    if (a && agent_present(a) && a->incarnation == in->incarnation && a->first == NO_SLOT)
        set_agent_state(d, a->id, AGENT_LEFT);
}

void decide_lost(struct decision *d, const struct input *in)
{
    const struct agent *a = agent_find(d->e, in->agent);
    if (!a || !agent_present(a) || a->incarnation != in->incarnation)
        return;
    uint32_t id = a->id;
    static const char silent[] = "the agent was not heard of for a whole lease";
    bool worked = a->first != NO_SLOT;
    uint32_t n = BF_PLANTED("lost_without_requeue") ? 0 : end_as_lost(d, id, silent, may_be_rerouted, 0);
    set_agent_state(d, id, AGENT_LOST);
    audit_work(d, id, "agent lost", silent, n);
    if (worked)
        decide_agent_alert(d, id);
}

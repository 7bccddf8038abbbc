/* See shadow.h.  The model: backfills with one cell for each instance, open attempts, pools, agents. */
#include "coordinator/sim/shadow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "coordinator/sim/coverage.h"
#include "coordinator/sim/shadow_checks.h"
#include "coordinator/sim/shadow_place.h"
#include "coordinator/sim/shadow_rerun.h"
#include "coordinator/sim/story.h"

struct shadow *shadow_new(struct world *w)
{
    struct shadow *s = bf_xcalloc(1, sizeof *s);
    s->w = w;
    return s;
}

void shadow_free(struct shadow *s)
{
    for (size_t b = 0; b < s->backfills.n; b++) {
        for (size_t i = 0; i < s->backfills.at[b].plan->n_steps; i++)
            free(s->backfills.at[b].cells[i]);
        free(s->backfills.at[b].cells);
        free(s->backfills.at[b].classes);
        free(s->backfills.at[b].things);
        plan_free(s->backfills.at[b].plan);
    }
    bf_vec_free(&s->backfills);
    bf_vec_free(&s->attempts);
    bf_vec_free(&s->open);
    bf_vec_free(&s->lost);
    bf_vec_free(&s->pools);
    shadow_draws_done(&s->draws);
    bf_vec_free(&s->shares);
    bf_vec_free(&s->yields);
    bf_vec_free(&s->agents);
    bf_vec_free(&s->alive);
    bf_vec_free(&s->replied);
    bf_vec_free(&s->keys);
    bf_vec_free(&s->claims);
    bf_vec_free(&s->commits);
    shadow_breakers_done(&s->breakers);
    free(s);
}

static struct shadow_backfill *backfill_by_id(struct shadow *s, uint32_t id)
{
    for (size_t i = 0; i < s->backfills.n; i++)
        if (s->backfills.at[i].id == id)
            return &s->backfills.at[i];
    world_violate(s->w, "record names backfill %u, which was never created", id);
    return NULL;
}

static struct shadow_agent *agent_by_id(struct shadow *s, uint32_t id)
{
    for (size_t i = 0; i < s->agents.n; i++)
        if (s->agents.at[i].id == id)
            return &s->agents.at[i];
    return NULL;
}

/* ---- records ---- */

static void on_created(struct shadow *s, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    if (s->low)
        world_violate(s->w, "low water: backfill %u is created", r->backfill);
    struct plan *plan = sim_plan_of(s->w, rare->plan_hash, rare->from, rare->to);
    if (!plan) {
        world_violate(s->w, "I3: backfill %u is committed without its plan", r->backfill);
        return;
    }
    struct shadow_backfill *b = bf_vec_add(&s->backfills);
    b->id = r->backfill;
    b->plan = plan;
    b->state = BACKFILL_QUEUED;
    b->ends = 1;
    b->reprocess = rare->reprocess;
    b->reuse_downstream = rare->reuse_downstream;
    b->first_run = shadow_first_run(s);
    b->cells = bf_xcalloc(plan->n_steps, sizeof *b->cells);
    b->classes = bf_xcalloc(plan->n_steps, sizeof *b->classes);
    b->things = bf_xcalloc(plan->n_steps, sizeof *b->things);
    for (size_t i = 0; i < plan->n_steps; i++) {
        b->classes[i] = (enum op_priority)(OP_CRITICAL + (plan->steps[i].priority - PLAN_CRITICAL));
        b->cells[i] = bf_xcalloc(plan->steps[i].partitions->n, sizeof **b->cells);
        for (uint32_t p = 0; p < plan->steps[i].partitions->n; p++)
            b->cells[i][p].run = b->first_run;
    }
    shadow_breakers_know(s, r);
}

static bool any_open(const struct shadow_backfill *b)
{
    for (size_t i = 0; i < b->plan->n_steps; i++)
        for (uint32_t p = 0; p < b->plan->steps[i].partitions->n; p++)
            if (b->cells[i][p].open)
                return true;
    return false;
}

static void on_backfill_state(struct shadow *s, const struct turn *t, const struct record *r)
{
    struct shadow_backfill *b = backfill_by_id(s, r->backfill);
    if (!b)
        return;
    shadow_check_queue(s, b, r);
    shadow_take_state(s, t, b, r);
    b->begun |= record_rare(r)->backfill_state == BACKFILL_RUNNING;
    b->state = record_rare(r)->backfill_state;
    b->over = b->state >= BACKFILL_SUCCEEDED && (b->state != BACKFILL_CANCELLED || !any_open(b));
    if (b->state >= BACKFILL_SUCCEEDED) {
        shadow_shares_over(s, b);
        shadow_rerun_over(b);
    }
    shadow_breakers_drawn(s);
    if (b->state == BACKFILL_RUNNING || b->state == BACKFILL_PAUSED)
        shadow_check_writers(s, b);
}

static void on_granted(struct shadow *s, const struct turn *t, const struct record *r)
{
    struct shadow_backfill *b = backfill_by_id(s, r->backfill);
    if (!b)
        return;
    struct shadow_cell *cell = &b->cells[r->step][r->index];
    const struct plan_step *step = &b->plan->steps[r->step];
    struct shadow_agent *agent = agent_by_id(s, r->agent);
    shadow_check_fresh(s, r);
    if (s->low)
        world_violate(s->w, "low water: a grant to backfill %u", b->id);
    if (b->halted)
        world_violate(s->w, "halt: a grant to backfill %u, which a check halted and nobody resumed", b->id);
    if (b->state != BACKFILL_RUNNING)
        world_violate(s->w, "I9: a grant to backfill %u, which is not running", b->id);
    if (cell->open || cell->end != CELL_WAITING)
        world_violate(s->w, "I5: a grant to %s[%u], which is %s", step->name, r->index, cell->open ? "open" : "ended");
    shadow_place_granted(s, t, b, r);
    shadow_check_look_granted(s, cell, step, r, t->now_ms);
    if (cell->charged >= step->retry.max_attempts)
        world_violate(s->w, "I5: %s[%u] had its %u attempts", step->name, r->index, cell->charged);
    if (r->run != cell->run)
        world_violate(s->w, "I5: %s[%u] granted in run %u, is in %u", step->name, r->index, r->run, cell->run);
    shadow_check_needs(s, b, r->step, r->index);
    shadow_check_steered_grant(s, b, r->step, r->index);
    shadow_check_class(s, b, r->step, r->index);
    shadow_breakers_granted(s, b, r);
    shadow_check_windows(s, b, r->step);
    shadow_draw(s, b, r->step, r);
    shadow_check_share(s, b, r->step, r->ref.attempt);
    shadow_count_attempt(b, cell, r);
    if (!agent || agent->state != AGENT_CONNECTED)
        world_violate(s->w, "a grant to agent %u, which is not there", r->agent);
    else
        shadow_check_ahead(s, b, agent, r);
    if (agent)
        agent->busy++;
    cell->open = r->ref.attempt;
    cell->granted = true;
    struct shadow_attempt a = {.ref = r->ref, .backfill = b->id, .step = r->step, .index = r->index, .agent = r->agent, .run = r->run,
                               .place = shadow_place(b, r->step, r->index), .granted_ms = t->now_ms, .open = true,
                               .loose = s->loose, .ahead_us = r->ahead_us};
    if (agent)
        memcpy(a.key, agent->key, sizeof a.key);
    shadow_attempt_add(s, &a);
}

static bool reported(const struct turn *t, const struct shadow_attempt *a)
{
    for (size_t i = 0; i < t->n_inputs; i++) {
        const struct input *in = &t->inputs[i];
        if (in->kind == INPUT_REPORT && in->report.kind == REPORT_ENDED && in->report.ref.attempt == a->ref.attempt &&
            in->report.ref.token == a->ref.token && memcmp(in->key, a->key, BF_KEY_BYTES) == 0)
            return true;
    }
    return false;
}

static bool failed_of_itself(const struct record *ended)
{
    enum outcome_source source = record_outcome(ended)->source;
    return ended->verdict != VERDICT_SUCCEEDED && ended->verdict != VERDICT_SKIPPED && ended->verdict != VERDICT_LOOK_AGAIN &&
           source != OUTCOME_CANCELLED && source != OUTCOME_REVOKED && source != OUTCOME_FENCED && source != OUTCOME_LOST;
}

/* Nothing ran: what the attempt before it did still counts. */
static bool was_given_back(const struct record *ended)
{
    return ended->verdict == VERDICT_REQUEUE && ended->failure_class == FAILURE_NONE;
}

static void on_ended(struct shadow *s, const struct turn *t, const struct record *r)
{
    struct shadow_attempt *a = shadow_attempt_find(s, r->ref.attempt);
    if (!a || !a->open || a->ref.token != r->ref.token) {
        world_violate(s->w, "I2: attempt %llu ended, which is not open with that token", (unsigned long long)r->ref.attempt);
        return;
    }
    if (record_outcome(r)->source != OUTCOME_LOST && !reported(t, a))
        world_violate(s->w, "I11: attempt %llu ended without a report of the agent that holds it", (unsigned long long)r->ref.attempt);
    struct shadow_backfill *b = backfill_by_id(s, a->backfill);
    struct shadow_cell *cell = &b->cells[a->step][a->index];
    const struct plan_step *step = &b->plan->steps[a->step];
    shadow_check_given_back(s, a, r);
    shadow_rerun_ended(s, a, r);
    shadow_attempt_close(s, a);
    shadow_check_committed(s, a, r, cell->run);
    shadow_check_session(s, a, r);
    bool held = shadow_breaker_keeps_load(s, b, a);          /* before its own vote */
    shadow_breakers_ended(s, t, b, a, r);
    shadow_check_retry(s, b, step, r, held);
    shadow_take_halt(b, r);
    shadow_take_profiled(s, r);
    cell->open = 0;
    cell->backing_off = r->verdict == VERDICT_RETRY || r->verdict == VERDICT_LOOK_AGAIN;
    cell->failing = was_given_back(r) ? cell->failing : failed_of_itself(r);
    cell->charged += r->verdict != VERDICT_REQUEUE && r->verdict != VERDICT_CANCELLED;
    shadow_check_look(s, t, cell, step, r);
    if (r->verdict == VERDICT_SUCCEEDED || r->verdict == VERDICT_SKIPPED)
        cell->end = CELL_DONE;
    cell->made_by = r->verdict == VERDICT_SUCCEEDED ? a->agent : 0;
    cell->made = a->ref.attempt;
    if (r->verdict == VERDICT_FAILED)
        cell->end = CELL_FAILED;
    if (r->verdict == VERDICT_CANCELLED)
        cell->end = CELL_CANCELLED;
    b->ends++;
    shadow_end_flags(cell, r);
    shadow_give_back(s, b->plan, step, a->granted_ms, t->now_ms);
    shadow_share_hold(s, b, step, true);
    struct shadow_agent *agent = agent_by_id(s, a->agent);
    if (agent)
        agent->busy--;
}

static void each_cell(struct shadow_backfill *b, void (*change)(struct shadow_cell *))
{
    for (size_t i = 0; i < b->plan->n_steps; i++)
        for (uint32_t p = 0; p < b->plan->steps[i].partitions->n; p++)
            change(&b->cells[i][p]);
}

static void cancel_cell(struct shadow_cell *c)
{
    if (c->end != CELL_WAITING || c->open)
        return;
    c->end = CELL_CANCELLED;
    c->held = false;
}

static void on_agent_joined(struct shadow *s, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    struct shadow_agent *a = agent_by_id(s, r->agent);
    if (!a)
        a = bf_vec_add(&s->agents);
    a->id = r->agent;
    a->slots = rare->hello.slots;
    a->round_trip_us = rare->hello.round_trip_us;
    a->cpu_milli = rare->hello.cpu_milli;
    a->memory_bytes = rare->hello.memory_bytes;
    a->state = AGENT_CONNECTED;
    a->probes = a->probes && a->incarnation == rare->incarnation;
    a->incarnation = rare->incarnation;
    memcpy(a->key, rare->key, sizeof a->key);
    snprintf(a->zone, sizeof a->zone, "%s", rare->hello.n_labels ? rare->hello.labels[0].value : "");
    shadow_breakers_know(s, r);
}

static void on_started(struct shadow *s, const struct turn *t, const struct record *r)
{
    struct shadow_attempt *a = shadow_attempt_find(s, r->ref.attempt);
    if (!a)
        return;
    a->started = true;
    a->granted_ms = a->ahead_us > 0 ? t->now_ms : a->granted_ms;       /* it has waited for a slot */
}

static void on_replied(struct shadow *s, const struct turn *t, const struct record *r)
{
    struct shadow_backfill *b;
    struct shadow_reply reply;
    memcpy(reply.id, record_rare(r)->request_id, sizeof reply.id);
    if (shadow_replied(s, reply.id))
        world_violate(s->w, "I4: one request was carried out twice");
    bf_vec_push(&s->replied, reply);
    if (record_rare(r)->rc == BF_OK && r->backfill && (b = backfill_by_id(s, r->backfill)))
        shadow_check_classes(s, t, b, r);
    shadow_check_key_answer(s, t, r);
}

/* What is about one backfill. */
static void on_record_of(struct shadow *s, const struct turn *t, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    struct shadow_backfill *b = backfill_by_id(s, r->backfill);
    if (!b)
        return;
    switch (r->kind) {
    case RECORD_REUSED:
        shadow_take_reused(s, b, r);
        b->ends++;
        break;
    case RECORD_STEERED:
    case RECORD_RETRIED:
        shadow_take_steer(s, t, b, r);
        b->ends++;
        if (r->kind == RECORD_RETRIED || (rare->action != STEER_HOLD && rare->action != STEER_RELEASE))
            shadow_place_forget(b);
        if (r->kind == RECORD_STEERED && rare->action == STEER_CANCEL)
            shadow_take_cancel(s, b, false);
        break;
    case RECORD_READY_AGAIN: b->cells[r->step][r->index].backing_off = false; break;
    case RECORD_TIMEBOX: shadow_take_timebox(s, t, b, r); break;
    case RECORD_WINDOW: shadow_take_window(s, b, r); break;
    case RECORD_PRIORITY_SET: shadow_take_classes(s, t, b, r); break;
    case RECORD_CANCELLED:
        each_cell(b, cancel_cell);
        b->ends++;
        shadow_place_forget(b);
        if (!(rare->steer_flags & STEER_KEEP_RUNNING))
            shadow_take_cancel(s, b, true);
        break;
    case RECORD_SHARE: shadow_take_share(s, b, r); break;
    case RECORD_NEAR: shadow_take_near(s, t, b, r); break;
    default: break;
    }
}

static void on_record(struct shadow *s, const struct turn *t, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    struct shadow_agent *a;
    switch (r->kind) {
    case RECORD_BACKFILL_CREATED: on_created(s, r); break;
    case RECORD_BACKFILL_STATE: on_backfill_state(s, t, r); break;
    case RECORD_GRANTED: on_granted(s, t, r); break;
    case RECORD_STARTED: on_started(s, t, r); break;
    case RECORD_ENDED: on_ended(s, t, r); break;
    case RECORD_AGENT_JOINED: on_agent_joined(s, r); break;
    case RECORD_AGENT_STATE:
        if ((a = agent_by_id(s, r->agent)))
            a->state = rare->agent_state;
        break;
    case RECORD_KEY_SET:
    case RECORD_KEY_REVOKED:
    case RECORD_TOKEN_USED:
    case RECORD_KEY_FORGOTTEN: shadow_take_key(s, t, r); break;
    case RECORD_COUNTERS: s->epoch = rare->epoch; break;
    case RECORD_RESTORED: shadow_take_restored(s, r); break;
    case RECORD_RESUMED: shadow_take_resumed(s, t, r); break;
    case RECORD_OUTDATED: shadow_take_outdated(s, r); break;
    case RECORD_ALERT: shadow_take_alert(s, t, r); break;
    case RECORD_LOW: s->low = rare->low; break;
    case RECORD_POOL_LIMIT: shadow_take_limit(s, t, shadow_pool_by_name(s, rare->pool_name), r); break;
    case RECORD_POOL_SET:
        shadow_pool_set(s, r);
        shadow_breakers_know(s, r);
        break;
    case RECORD_POOL_HEAD: shadow_pool_head(s, r); break;
    case RECORD_BREAKER:
    case RECORD_BREAKER_SETTINGS: shadow_breakers_take(s, t, r); break;
    case RECORD_BREAKER_FORGOTTEN: shadow_breakers_forgotten(s, t, r); break;
    case RECORD_RERUN: shadow_take_rerun(s, t, shadow_attempt_find(s, r->ref.attempt), r); break;
    case RECORD_REVOKED: shadow_take_revoked(s, shadow_attempt_find(s, r->ref.attempt)); break;
    case RECORD_ROUND_TRIP:
        if ((a = agent_by_id(s, r->agent)))
            a->round_trip_us = (uint32_t)r->numbers[0];
        break;
    case RECORD_YIELDED: shadow_take_yielded(s, t, r); break;
    case RECORD_REPLIED: on_replied(s, t, r); break;
    case RECORD_REUSED:
    case RECORD_STEERED:
    case RECORD_RETRIED:
    case RECORD_READY_AGAIN:
    case RECORD_TIMEBOX:
    case RECORD_WINDOW:
    case RECORD_PRIORITY_SET:
    case RECORD_CANCELLED:
    case RECORD_NEAR:
    case RECORD_SHARE: on_record_of(s, t, r); break;
    default: break;
    }
}

static void take_turn(struct shadow *s, const struct turn *t, const struct turn_commit *c)
{
    coverage_turn(s->w, t);
    s->wall_us = t->wall_us;
    s->turn_ms = t->now_ms;
    for (size_t i = 0; i < t->n_records; i++) {
        story_record(s->w, &t->records[i]);
        shadow_why_take(s, t, &t->records[i]);
        on_record(s, t, &t->records[i]);
    }
    shadow_check_hellos(s, t);
    shadow_check_details(s, t, c);
    shadow_check_halts(s);
    shadow_breakers_after(s, t);
    shadow_check_timeboxes(s, t);
    shadow_check_bounds(s, t, c);
    shadow_check_limits(s, t);
    shadow_check_yields(s, t);
    shadow_check_places(s, t);
    shadow_check_audit(s, t, c);
    shadow_check_probes(s, t);
    shadow_check_waiting(s, t);
    shadow_check_clock(s, t);
    s->w->stats.records += t->n_records;
}

void shadow_committed(struct shadow *s, const struct turn_commit *c)
{
    struct turn t = {0};
    struct bf_error err = {0};
    if (turn_decode(c->turn, c->turn_bytes, &t, &err) != BF_OK)
        world_violate(s->w, "codec: a stored turn does not decode: %s", err.text);
    else
        take_turn(s, &t, c);
    turn_done(&t);
}

/* ---- what is released, and what lives ---- */

void shadow_released(struct shadow *s, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg)
{
    for (size_t i = 0; msg->kind == AGENT_DISPATCH && i < msg->n_assignments; i++) {
        struct shadow_attempt *a = shadow_attempt_find(s, msg->assignments[i].ref.attempt);
        if (!a)
            world_violate(s->w, "I3: attempt %llu is dispatched before its grant is durable",
                          (unsigned long long)msg->assignments[i].ref.attempt);
        else if (s->outdated_token)
            world_violate(s->w, "I1: attempt %llu is dispatched, and the store is known to be an old copy",
                          (unsigned long long)a->ref.attempt);
        else
            a->loose |= s->loose;                /* an old copy may dispatch what has ended */
    }
    if (msg->kind == AGENT_PROBE)
        shadow_check_probing(s, key, msg);
    for (size_t i = 0; msg->kind == AGENT_REPORT_ACK && i < msg->n_refs; i++) {
        struct shadow_attempt *a = shadow_attempt_find(s, msg->refs[i].attempt);
        bool twice = s->loose || (a && a->loose);            /* an old copy may give out again what is acknowledged */
        if (a && a->open && a->ref.token == msg->refs[i].token && !twice)
            world_violate(s->w, "I3: the end of attempt %llu is acknowledged before it is durable",
                          (unsigned long long)msg->refs[i].attempt);
    }
}

uint64_t shadow_process_started(struct shadow *s, const struct assignment *as, const struct sim_agent *on)
{
    struct shadow_attempt *a = shadow_dispatched(s, &as->ref, on->key);
    uint64_t instance = a ? shadow_instance(as->backfill, a->step, a->index) : 0;
    bool loose = s->loose || (a && a->loose);
    if (!a)
        world_violate(s->w, "I11: %s starts attempt %llu, which was not granted to it", on->name, (unsigned long long)as->ref.attempt);
    for (size_t i = 0; i < s->alive.n && !loose; i++) {
        if (s->alive.at[i].loose)
            continue;
        if (s->alive.at[i].instance == instance)
            world_violate(s->w, "I1: %s[%s] runs as attempt %llu while attempt %llu is alive", as->step, as->partition,
                          (unsigned long long)as->ref.attempt, (unsigned long long)s->alive.at[i].attempt);
        if (s->alive.at[i].attempt == as->ref.attempt)
            world_violate(s->w, "I1: attempt %llu is started twice", (unsigned long long)as->ref.attempt);
    }
    if (a)
        shadow_check_not_given_back(s, a);
    if (a && !a->open && !loose)
        world_violate(s->w, "I1: attempt %llu begins after its end", (unsigned long long)as->ref.attempt);
    bool again = a && a->ran++;
    if (again && !loose)
        world_violate(s->w, "I1: attempt %llu runs a second time", (unsigned long long)as->ref.attempt);
    s->fence_void |= again;                      /* two clients with one token */
    bf_vec_push(&s->alive, ((struct shadow_alive){.instance = instance, .attempt = as->ref.attempt, .loose = loose}));
    return instance;
}

void shadow_process_ended(struct shadow *s, uint64_t instance, uint64_t attempt)
{
    for (size_t i = 0; i < s->alive.n; i++)
        if (s->alive.at[i].instance == instance && s->alive.at[i].attempt == attempt) {
            s->alive.at[i] = s->alive.at[--s->alive.n];
            return;
        }
}

bool shadow_replied(const struct shadow *s, const uint8_t id[OP_REQUEST_ID_BYTES])
{
    for (size_t i = 0; i < s->replied.n; i++)
        if (memcmp(s->replied.at[i].id, id, OP_REQUEST_ID_BYTES) == 0)
            return true;
    return false;
}

uint32_t shadow_backfills(const struct shadow *s)
{
    return (uint32_t)s->backfills.n;
}

bool shadow_is_paused(const struct shadow *s, uint32_t backfill)
{
    for (size_t i = 0; i < s->backfills.n; i++)
        if (s->backfills.at[i].id == backfill)
            return s->backfills.at[i].state == BACKFILL_PAUSED;
    return false;
}

bool shadow_is_held(const struct shadow *s, uint32_t backfill)
{
    for (size_t i = 0; i < s->backfills.n; i++)
        if (s->backfills.at[i].id == backfill)
            return s->backfills.at[i].state == BACKFILL_PAUSED && !s->backfills.at[i].begun;
    return false;
}

static bool is_terminal(enum backfill_state state)
{
    return state != BACKFILL_QUEUED && state != BACKFILL_RUNNING && state != BACKFILL_PAUSED;
}

bool shadow_all_terminal(const struct shadow *s)
{
    for (size_t i = 0; i < s->backfills.n; i++)
        if (!is_terminal(s->backfills.at[i].state))
            return false;
    return s->open.n == 0;
}

void shadow_check_end(struct shadow *s)
{
    for (size_t i = 0; i < s->backfills.n; i++)
        shadow_check_result(s, &s->backfills.at[i]);
}

void shadow_trace_left(const struct shadow *s)
{
    for (size_t i = 0; i < s->backfills.n; i++)
        if (!is_terminal(s->backfills.at[i].state))
            world_trace(s->w, "left: backfill %u in state %d", s->backfills.at[i].id, (int)s->backfills.at[i].state);
    for (size_t i = 0; i < s->open.n; i++)
        world_trace(s->w, "left: attempt %llu of backfill %u on agent %u", (unsigned long long)shadow_open_at(s, i)->ref.attempt,
                    shadow_open_at(s, i)->backfill, shadow_open_at(s, i)->agent);
    for (size_t i = 0; i < s->agents.n; i++)
        world_trace(s->w, "agent %u (key %u) in state %d, %u of %u slots", s->agents.at[i].id, s->agents.at[i].key[0],
                    (int)s->agents.at[i].state, s->agents.at[i].busy, s->agents.at[i].slots);
}

bool shadow_attempt_of_another(const struct shadow *s, const uint8_t key[BF_KEY_BYTES], struct attempt_ref *ret)
{
    for (size_t i = 0; i < s->open.n; i++)
        if (memcmp(shadow_open_at(s, i)->key, key, BF_KEY_BYTES) != 0) {
            *ret = shadow_open_at(s, i)->ref;
            return true;
        }
    return false;
}

bool shadow_attempt_of(const struct shadow *s, const uint8_t key[BF_KEY_BYTES], uint64_t from, struct attempt_ref *ret)
{
    for (size_t i = 0; i < s->attempts.n; i++) {
        const struct shadow_attempt *a = &s->attempts.at[(i + from) % s->attempts.n];
        if (memcmp(a->key, key, BF_KEY_BYTES) != 0)
            continue;
        *ret = a->ref;
        return true;
    }
    return false;
}

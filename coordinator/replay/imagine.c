/* A loop of turns at the times when something is due: a report, a timer of the engine, a turn of history.
 *
 * Engine time is the clock; the wall clock runs along with it from the last turn of history.  Order is by time, then by the order in
 * which things came to be, so the same history and policy give the same simulation. */
#include "coordinator/replay/imagine.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "coordinator/engine/heap.h"
#include "coordinator/replay/policy.h"

enum { TURNS_MAX = 20000000, IDLE_TURNS_MAX = 1000 };

/* An attempt at an agent. */
struct process {
    struct attempt_ref ref;
    uint8_t key[BF_KEY_BYTES];                   /* of the agent… */
    uint64_t incarnation;                        /* …and its process */
    uint32_t agent, backfill, step, index;
    int64_t due_ms, started_us;
    struct past_end end;
    bool own;                                    /* it ends by itself */
};

struct bye { uint8_t key[BF_KEY_BYTES]; uint64_t incarnation; };

struct imagine {
    struct replay *r;
    const struct replay_policy *policy;
    struct past *past;
    struct replay_state state;
    struct measure *measure;
    uint64_t by_seq, assumed, turns;
    bool fails, given_up;
    struct engine_out out;
    struct bf_arena arena;                       /* of the inputs of a turn */
    BF_VEC_TYPE(struct process) processes;
    struct bf_map running;                       /* attempt -> process */
    struct bf_map ended;                         /* instance (past_instance) -> own ends that were reported here */
    struct heap events;                          /* (time, process * 2, + 1 for its end) */
    BF_VEC_TYPE(struct bye) byes;                /* said in history while here there still is work */
};

struct imagine *imagine_new(struct replay *r, const struct replay_policy *policy, struct past *past, struct replay_state *state,
                            struct measure *m, bool fails)
{
    struct imagine *im = bf_xcalloc(1, sizeof *im);
    im->r = r;
    im->policy = policy;
    im->past = past;
    im->state = *state;
    im->measure = m;
    im->by_seq = state->seq;
    im->fails = fails;
    *state = (struct replay_state){0};
    return im;
}

void imagine_free(struct imagine *im)
{
    if (!im)
        return;
    engine_free(im->state.engine);
    engine_out_free(&im->out);
    bf_arena_free(&im->arena);
    bf_vec_free(&im->processes);
    bf_vec_free(&im->byes);
    bf_map_free(&im->running);
    bf_map_free(&im->ended);
    heap_done(&im->events);
    free(im);
}

uint64_t imagine_assumed(const struct imagine *im)
{
    return im->assumed;
}

static int64_t wall_at(const struct imagine *im, int64_t ms)
{
    return im->state.wall_us + (ms - im->state.now_ms) * 1000;
}

static uint64_t instance_of(const struct process *p)
{
    return past_instance(p->backfill, p->step, p->index);
}

/* ---- agents ---- */

/* granted_ms: may be long ago. */
static void take(struct imagine *im, const struct attempt_view *a, int64_t granted_ms, int64_t now_ms)
{
    struct agent_view agent;
    struct backfill_view b;
    uint64_t done = 0;
    if (bf_map_get(&im->running, a->ref.attempt, NULL) || !engine_agent(im->state.engine, a->agent, &agent) ||
        !engine_backfill(im->state.engine, a->backfill, &b))
        return;
    struct process p = {.ref = a->ref, .incarnation = agent.incarnation, .agent = a->agent, .backfill = a->backfill, .step = a->step,
                        .index = a->index, .started_us = a->started_us, .own = true};
    memcpy(p.key, agent.key, sizeof p.key);
    (void)bf_map_get(&im->ended, instance_of(&p), &done);
    past_end(im->past, a->backfill, a->step, a->index, past_ends_by(im->past, a->backfill, a->step, a->index, im->by_seq) + done, im->fails,
             b.plan->steps[a->step].expect_ms, &p.end);
    im->assumed += p.end.assumed;
    p.due_ms = granted_ms + p.end.end_ms > now_ms ? granted_ms + p.end.end_ms : now_ms;
    int64_t start_ms = granted_ms + p.end.start_ms > now_ms ? granted_ms + p.end.start_ms : now_ms;
    uint64_t at = im->processes.n;
    bf_vec_push(&im->processes, p);
    bf_map_put(&im->running, a->ref.attempt, at);
    if (!a->started_us && start_ms <= p.due_ms)
        heap_push(&im->events, (uint64_t)start_ms, at * 2);
    heap_push(&im->events, (uint64_t)p.due_ms, at * 2 + 1);
}

/* Cancelled, or given back; an order to give back comes too late for one that has started. */
static void kill_process(struct imagine *im, const struct effect *f, int64_t now_ms)
{
    static const struct outcome killed = {.source = OUTCOME_CANCELLED, .sqlstate = "", .dbms = "", .text = "", .details = "", .rows = -1},
                                revoked = {.source = OUTCOME_REVOKED, .sqlstate = "", .dbms = "", .text = "", .details = "", .rows = -1};
    bool asked_back = f->kill_reason == KILL_REVOKED;
    uint64_t at;
    if (!bf_map_get(&im->running, f->ref.attempt, &at))
        return;
    struct process *p = &im->processes.at[at];
    if (f->kill_reason != KILL_CANCELLED && !asked_back) {
        bf_map_del(&im->running, f->ref.attempt);
        return;
    }
    if (!p->own || (asked_back && p->started_us))
        return;
    p->own = false;
    p->end.outcome = asked_back ? revoked : killed;
    p->due_ms = now_ms;
    heap_push(&im->events, (uint64_t)now_ms, at * 2 + 1);
}

static void carry_out(struct imagine *im, const struct engine_out *out, int64_t now_ms)
{
    struct attempt_view a;
    for (size_t i = 0; i < out->n_effects; i++) {
        const struct effect *f = &out->effects[i];
        if (f->kind == EFFECT_DISPATCH && engine_find_attempt(im->state.engine, f->ref.attempt, &a))
            take(im, &a, now_ms, now_ms);
        else if (f->kind == EFFECT_KILL)
            kill_process(im, f, now_ms);
    }
}

/* What ran under an agent's process that is gone. */
static void drop_processes(struct imagine *im, uint32_t agent, uint64_t incarnation, bool earlier)
{
    uint64_t attempt, at;
    BF_VEC_TYPE(uint64_t) gone = {0};
    for (size_t pos = 0; bf_map_next(&im->running, &pos, &attempt, &at);) {
        const struct process *p = &im->processes.at[at];
        if (p->agent == agent && (earlier ? p->incarnation != incarnation : p->incarnation == incarnation))
            bf_vec_push(&gone, attempt);
    }
    for (size_t i = 0; i < gone.n; i++)
        bf_map_del(&im->running, gone.at[i]);
    bf_vec_free(&gone);
}

static int by_attempt(const void *a, const void *b)
{
    uint64_t x = ((const struct attempt_ref *)a)->attempt, y = ((const struct attempt_ref *)b)->attempt;
    return (x > y) - (x < y);
}

/* What this agent holds here, whatever it held in history; and of tokens it has seen none that was not given here. */
static void hold(struct imagine *im, struct input *in)
{
    struct agent_hello *hello = &input_rare_need(in, &im->arena)->hello;
    uint64_t attempt, at;
    BF_VEC_TYPE(struct attempt_ref) held = {0};
    drop_processes(im, engine_agent_by_key(im->state.engine, in->key), in->incarnation, true);
    for (size_t pos = 0; bf_map_next(&im->running, &pos, &attempt, &at);)
        if (memcmp(im->processes.at[at].key, in->key, BF_KEY_BYTES) == 0)
            bf_vec_push(&held, im->processes.at[at].ref);
    if (held.n > 0)
        qsort(held.at, held.n, sizeof *held.at, by_attempt);
    hello->held = held.n ? bf_arena_memdup(&im->arena, held.at, held.n * sizeof *held.at) : NULL;
    hello->n_held = held.n;
    hello->seen = 0;
    bf_vec_free(&held);
}

static bool works(const struct imagine *im, const uint8_t key[BF_KEY_BYTES])
{
    uint64_t attempt, at;
    for (size_t pos = 0; bf_map_next(&im->running, &pos, &attempt, &at);)
        if (memcmp(im->processes.at[at].key, key, BF_KEY_BYTES) == 0)
            return true;
    return false;
}

/* ---- a turn ---- */

static void report(struct imagine *im, uint64_t number, int64_t ms)
{
    struct process *p = &im->processes.at[number / 2];
    struct attempt_view a;
    bool ends = number & 1;
    if (!bf_map_get(&im->running, p->ref.attempt, NULL) || (ends && p->due_ms != ms))
        return;
    struct input in = {.kind = INPUT_REPORT, .incarnation = p->incarnation,
                       .report = {.ref = p->ref, .kind = ends ? REPORT_ENDED : REPORT_STARTED}};
    memcpy(in.key, p->key, sizeof in.key);
    if (!p->started_us && p->end.outcome.source != OUTCOME_REVOKED)
        p->started_us = wall_at(im, ms);
    in.report.started_us = p->started_us;
    if (ends) {
        in.report.ended_us = wall_at(im, ms);
        in.report.outcome = p->end.outcome;
        bf_map_del(&im->running, p->ref.attempt);
        uint64_t done = 0;
        (void)bf_map_get(&im->ended, instance_of(p), &done);
        if (p->own)
            bf_map_put(&im->ended, instance_of(p), done + 1);
    }
    if (engine_find_attempt(im->state.engine, p->ref.attempt, &a))
        engine_step(im->state.engine, &in, ms, wall_at(im, ms), &im->out);
}

static void say_byes(struct imagine *im, int64_t ms)
{
    for (size_t i = 0; i < im->byes.n;) {
        struct input in = {.kind = INPUT_BYE, .incarnation = im->byes.at[i].incarnation};
        memcpy(in.key, im->byes.at[i].key, sizeof in.key);
        if (works(im, in.key)) {
            i++;
            continue;
        }
        engine_step(im->state.engine, &in, ms, wall_at(im, ms), &im->out);
        im->byes.at[i] = im->byes.at[--im->byes.n];
    }
}

static bool goes_home(const struct input *in)
{
    return in->kind == INPUT_BYE || in->kind == INPUT_LOST || (in->kind == INPUT_COMMAND && input_rare(in)->command.verb == OP_AGENT_DRAIN);
}

static enum bf_rc feed(struct imagine *im, const struct turn *t, struct bf_error *err)
{
    for (size_t i = 0; i < t->n_inputs; i++) {
        struct input_rare rare;
        struct input in = input_apart(&t->inputs[i], &rare);
        const struct op_request *c = &input_rare(&in)->command;
        enum bf_rc rc = BF_OK;
        if (in.kind == INPUT_REPORT || (t->seq > past_last_end(im->past) && goes_home(&in)))
            continue;
        if (in.kind == INPUT_COMMAND && c->verb == OP_CREATE)
            rc = replay_plan(im->r, im->state.engine, im->policy, c->plan_hash, c->from, c->to, c->params, c->n_params, err);
        if (rc != BF_OK)
            return rc;
        replay_policy_to_input(im->policy, &in);
        if (in.kind == INPUT_HELLO)
            hold(im, &in);
        if (in.kind == INPUT_LOST)
            drop_processes(im, in.agent, in.incarnation, false);
        if (in.kind == INPUT_BYE && works(im, in.key)) {
            struct bye *bye = bf_vec_add(&im->byes);
            memcpy(bye->key, in.key, sizeof bye->key);
            bye->incarnation = in.incarnation;
            continue;
        }
        engine_step(im->state.engine, &in, t->now_ms, t->wall_us, &im->out);
    }
    return BF_OK;
}

/* t: of history, at its time; NULL: only what is due. */
static enum bf_rc one_turn(struct imagine *im, const struct turn *t, int64_t ms, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    engine_out_clear(&im->out);
    bf_arena_clear(&im->arena);
    im->turns++;
    if (t) {
        im->state.now_ms = t->now_ms;
        im->state.wall_us = t->wall_us;
    }
    while (im->events.n > 0 && (int64_t)im->events.at[0].a <= ms) {
        struct heap_item due = heap_pop(&im->events);
        report(im, due.b, (int64_t)due.a < ms ? ms : (int64_t)due.a);
    }
    if (t)
        rc = feed(im, t, err);
    say_byes(im, ms);
    engine_finish_turn(im->state.engine, ms, wall_at(im, ms), &im->out);
    measure_records(im->measure, im->state.engine, im->out.records, im->out.n_records, ms);
    carry_out(im, &im->out, ms);
    return rc;
}

/* Everything that is due before this time; the last moment of it is where the engine then stands. */
static void run_until(struct imagine *im, int64_t limit_ms)
{
    struct bf_error ignored;
    int64_t at_ms = im->state.now_ms;
    for (int idle = 0; !im->given_up;) {
        int64_t timer_ms = engine_next_timer_ms(im->state.engine);
        int64_t event_ms = im->events.n > 0 ? (int64_t)im->events.at[0].a : INT64_MAX, next_ms = timer_ms < event_ms ? timer_ms : event_ms;
        if (next_ms == INT64_MAX || next_ms >= limit_ms)
            break;
        at_ms = next_ms > at_ms ? next_ms : at_ms;
        (void)one_turn(im, NULL, at_ms, &ignored);         /* only inputs of history can fail */
        idle = im->out.n_records || event_ms <= at_ms ? 0 : idle + 1;
        im->given_up = im->turns > TURNS_MAX;
        if (idle > IDLE_TURNS_MAX)                         /* work that is left and cannot be done: another turn changes nothing */
            break;
    }
}

void imagine_begin(struct imagine *im, const struct engine_out *out)
{
    struct attempt_view a;
    for (uint64_t id = 0; (id = engine_next_attempt(im->state.engine, id)) != 0;) {
        if (!engine_find_attempt(im->state.engine, id, &a))
            continue;
        int64_t ago_ms = (im->state.wall_us - a.granted_us) / 1000;
        take(im, &a, im->state.now_ms - (ago_ms > 0 ? ago_ms : 0), im->state.now_ms);
    }
    carry_out(im, out, im->state.now_ms);
}

enum bf_rc imagine_turn(struct imagine *im, const struct turn *t, struct bf_error *err)
{
    run_until(im, t->now_ms);
    return one_turn(im, t, t->now_ms, err);
}

bool imagine_end(struct imagine *im)
{
    run_until(im, INT64_MAX);
    measure_end(im->measure, im->state.engine, im->measure->last_ms);
    return !im->given_up;
}

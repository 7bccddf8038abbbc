/* The creation of a backfill: what refuses it, and what is set before it runs, or waits in the queue. */
#include <stdio.h>
#include <string.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/reprocess.h"
#include "coordinator/engine/seed.h"

enum { QUEUED_MAX = 1000 };

static bool queue_is_full(const struct engine *e)
{
    uint32_t n = 0;
    for (size_t i = 0; i < e->live.n; i++)
        n += backfill_find(e, e->live.at[i])->state == BACKFILL_QUEUED;
    return n >= QUEUED_MAX;
}

/* A backfill is made on pools that are there: those that are not are made with it, and the others are set when it begins. */
static const struct backfill *emit_created(struct decision *d, const struct input *in, const struct plan *plan)
{
    for (size_t i = 0; i < plan->n_pools; i++)
        if (pool_find(d->e, plan->pools[i].name) == PLAN_NO_INDEX)
            decide_pool_new(d, &plan->pools[i]);
    const struct op_request *c = &input_rare(in)->command;
    uint32_t id = d->e->next_backfill;
    struct record *r = record_begin(d, RECORD_BACKFILL_CREATED);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    r->backfill = id;
    memcpy(rare->plan_hash, c->plan_hash, sizeof rare->plan_hash);
    rare->from = c->from;
    rare->to = c->to;
    rare->backward = c->backward;
    rare->params = c->params;
    rare->n_params = c->n_params;
    rare->actor = input_rare(in)->actor;
    rare->reason = c->reason;
    rare->reprocess = c->reprocess;
    rare->reuse_downstream = c->downstream;
    r->run = d->e->epoch > 1 ? first_run(d->e) : 0;
    record_emit(d, r);
    return backfill_find(d->e, id);
}

static const char *reuse_json(struct decision *d, const struct backfill *b, const struct reuse_counts *c)
{
    unsigned long long runs = 0;
    for (uint8_t v = 0; v < REUSE_VERDICTS; v++)
        runs += reuse_runs(v) ? c->n[v] : 0;
    if (b->reprocess == OP_REPROCESS_ALL || b->state == BACKFILL_QUEUED)
        return out_printf(d->out, "{\"mode\":\"%s\"}", op_reprocess_name(b->reprocess));
    return out_printf(d->out, "{\"mode\":\"%s\",\"run\":%llu,\"reused\":%llu,\"stale\":%llu,\"failed\":%llu}",
                      op_reprocess_name(b->reprocess), runs, (unsigned long long)(c->n[REUSE_TAKEN] + c->n[REUSE_TAKEN_STALE]),
                      (unsigned long long)c->n[REUSE_TAKEN_STALE], (unsigned long long)c->n[REUSE_TAKEN_FAILURE]);
}

/* The text is for people: it says in one sentence what standard output must not. */
static struct answer created(struct decision *d, const struct backfill *b, const struct reuse_counts *counts, uint32_t ahead,
                             const char *behind)
{
    char of[24] = "null";
    if (ahead)
        snprintf(of, sizeof of, "\"bf-%u\"", ahead);
    const char *text = behind ? out_printf(d->out, "bf-%u is queued: %s", b->id, behind)
                              : out_printf(d->out, "bf-%u%s", b->id, reuse_words(d, b, counts));
    static const char document[] = "{\"id\":\"bf-%u\",\"state\":\"%s\",\"steps\":{\"total\":%u},\"queued_behind\":%s,\"reprocess\":%s}";
    const char *json = out_printf(d->out, document, b->id, backfill_state_name(b->state), b->topology->n, of, reuse_json(d, b, counts));
    return (struct answer){.rc = BF_OK, .text = text, .json = json, .before = "", .after = json};
}

static struct answer create_queued(struct decision *d, const struct input *in, const struct known_plan *known, uint32_t ahead,
                                   const char *conflict)
{
    struct reuse_counts none = {0};
    if (queue_is_full(d->e))
        return command_refuse(BF_LIMIT, out_printf(d->out, "%d backfills are queued already: cancel some, or wait until some have begun",
                                                   QUEUED_MAX));
    const struct backfill *b = emit_created(d, in, known->plan);
    return created(d, b, &none, ahead, conflict);
}

static const char low_water[] = "the coordinator's store is short of room; free some, and create the backfill again";

enum bf_rc engine_create_refused(const struct engine *e, const struct engine_seed *seed, bool queue, struct bf_error *err)
{
    struct engine_out out = {0};
    struct decision d = {.e = e, .out = &out};
    const struct plan *plan = engine_seed_plan(seed);
    const char *why = limits_objection(&d, plan);
    enum bf_rc rc = e->low ? BF_FULL : why ? BF_LIMIT : BF_OK;
    const struct backfill *ahead = rc == BF_OK ? writers_conflict(&d, engine_seed_topology(seed), 0, &why) : NULL;
    if (ahead)
        why = writers_objection(&d, ahead, why, true);
    if ((ahead && !queue) || (rc == BF_OK && !ahead && (why = outside_missing(&d, plan)) != NULL))
        rc = BF_CONFLICT;
    if (rc != BF_OK)
        bf_fail(err, rc, "%s", rc == BF_FULL ? low_water : why);
    engine_out_free(&out);
    return rc;
}

struct answer decide_create(struct decision *d, const struct input *in)
{
    const struct op_request *c = &input_rare(in)->command;
    uint8_t key[32];
    const char *conflict = NULL;
    struct reuse_counts counts = {0};
    engine_plan_key(c->plan_hash, c->from, c->to, c->params, c->n_params, key);
    const struct known_plan *known = plan_find(d->e, key);
    if (d->e->low)
        return command_refuse(BF_FULL, low_water);
    if (!known)
        return command_refuse(BF_NOT_FOUND, "the plan is not known to the coordinator; send it before the backfill is created");
    if (c->downstream && c->reprocess == OP_REPROCESS_ALL)
        return command_refuse(BF_INVALID, "downstream goes with a reprocess of what is missing or failed: all of it runs anyway");
    const char *many = limits_objection(d, known->plan);
    if (many)
        return command_refuse(BF_LIMIT, many);
    const struct backfill *ahead = BF_PLANTED("one_writer_unchecked") ? NULL : writers_conflict(d, known->topology, 0, &conflict);
    if (ahead && c->queue)
        return create_queued(d, in, known, ahead->id, conflict);
    if (ahead)
        return command_refuse(BF_CONFLICT, writers_objection(d, ahead, conflict, true));
    if (!BF_PLANTED("outside_unchecked") && (conflict = outside_missing(d, known->plan)) != NULL)
        return command_refuse(BF_CONFLICT, conflict);
    const struct backfill *b = emit_created(d, in, known->plan);
    decide_begin(d, b, &counts);
    return created(d, b, &counts, 0, NULL);
}

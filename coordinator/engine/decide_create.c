/* The creation of a backfill: what refuses it, and what is set before it runs. */
#include <string.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"

static void set_state(struct decision *d, const struct backfill *b, enum backfill_state state)
{
    struct record *r = record_begin(d, RECORD_BACKFILL_STATE);
    r->backfill = b->id;
    r->backfill_state = state;
    record_emit(d, r);
}

static uint32_t create(struct decision *d, const struct input *in, const struct known_plan *known)
{
    const struct op_request *c = &in->command;
    for (size_t i = 0; i < known->plan->n_pools; i++)
        decide_pool(d, known->plan->pools[i].name, known->plan->pools[i].slots, POOL_FROM_PLAN);
    uint32_t id = d->e->next_backfill;
    struct record *r = record_begin(d, RECORD_BACKFILL_CREATED);
    r->backfill = id;
    memcpy(r->plan_hash, c->plan_hash, sizeof r->plan_hash);
    r->from = c->from;
    r->to = c->to;
    r->backward = c->backward;
    r->params = c->params;
    r->n_params = c->n_params;
    r->actor = in->actor;
    r->reason = c->reason;
    record_emit(d, r);
    set_state(d, backfill_find(d->e, id), BACKFILL_RUNNING);
    return id;
}

struct answer decide_create(struct decision *d, const struct input *in)
{
    const struct op_request *c = &in->command;
    uint8_t key[32];
    const char *conflict = NULL;
    engine_plan_key(c->plan_hash, c->from, c->to, c->params, c->n_params, key);
    const struct known_plan *known = plan_find(d->e, key);
    if (d->e->low)
        return command_refuse(BF_FULL, "the coordinator's store is short of room; free some, and create the backfill again");
    if (!known)
        return command_refuse(BF_NOT_FOUND, "the plan is not known to the coordinator; send it before the backfill is created");
    if (!BF_PLANTED("one_writer_unchecked") && writers_conflict(d, known->topology, 0, &conflict))
        return command_refuse(BF_CONFLICT, conflict);
    if (!BF_PLANTED("outside_unchecked") && (conflict = outside_missing(d, known->plan)) != NULL)
        return command_refuse(BF_CONFLICT, conflict);
    uint32_t id = create(d, in, known);
    return (struct answer){
        .rc = BF_OK,
        .text = out_printf(d->out, "bf-%u", id),
        .json = out_printf(d->out, "{\"id\":\"bf-%u\",\"state\":\"running\",\"steps\":{\"total\":%u}}", id, known->topology->n)};
}

/* I17: from an empty engine, decide again on the stored inputs at their stored times; every turn must give the stored records, and the
 * checkpoint the state that was reached.  The simulator's store in memory is what coordinator/replay reads. */
#include "coordinator/replay/replay.h"
#include "coordinator/sim/again.h"

/* ---- plans, for checkers that decide again themselves ---- */

bool sim_prepare(struct world *w, struct engine *e, const struct op_request *c)
{
    uint8_t key[32];
    engine_plan_key(c->plan_hash, c->from, c->to, c->params, c->n_params, key);
    if (engine_has_plan(e, key))
        return true;
    struct plan *plan = sim_plan_of(w, c->plan_hash, c->from, c->to);
    if (plan)
        engine_add_plan(e, key, plan);
    return plan != NULL;
}

/* ---- all of it ---- */

static enum bf_rc each_plan(void *arg, replay_visit *visit, void *visit_arg, struct bf_error *err)
{
    const struct sim_store *s = &((struct world *)arg)->store;
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; i < s->plans.n && rc == BF_OK; i++)
        rc = visit(visit_arg, 0, s->plans.at[i].hash, s->plans.at[i].bytes.data, s->plans.at[i].bytes.len, err);
    return rc;
}

static enum bf_rc each_chunk(void *arg, uint32_t generation, replay_visit *visit, void *visit_arg, struct bf_error *err)
{
    const struct sim_store *s = &((struct world *)arg)->store;
    enum bf_rc rc = BF_OK;
    (void)generation;                            /* there is one */
    for (size_t i = 0; i < s->chunks.n && rc == BF_OK; i++)
        rc = visit(visit_arg, i, NULL, s->chunks.at[i].bytes.data, s->chunks.at[i].bytes.len, err);
    return rc;
}

static enum bf_rc turns_from(void *arg, uint64_t seq, replay_visit *visit, void *visit_arg, struct bf_error *err)
{
    const struct sim_store *s = &((struct world *)arg)->store;
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; i < s->turns.n && rc == BF_OK; i++)
        if (s->turns.at[i].seq >= seq)
            rc = visit(visit_arg, s->turns.at[i].seq, NULL, s->turns.at[i].bytes.data, s->turns.at[i].bytes.len, err);
    return rc;
}

static void check_from(struct world *w, uint64_t first_seq)
{
    const struct sim_store *s = &w->store;
    const struct replay_checkpoint checkpoint = {.generation = 1, .seq = s->checkpoint_seq};
    const struct replay_source source = {.arg = w, .config = w->engine, .first_seq = first_seq, .last_seq = s->turns.at[s->turns.n - 1].seq,
                                         .checkpoints = &checkpoint, .n_checkpoints = s->chunks.n > 0, .each_plan = each_plan,
                                         .each_chunk = each_chunk, .turns_from = turns_from, .plan_known = sim_plan_known,
                                         .plan_made = sim_plan_made};
    struct replay_verdict verdict = {0};
    struct replay *r = NULL;
    struct bf_error err = {0};
    enum bf_rc rc = replay_open(&source, &r, &err);
    if (rc == BF_OK)
        rc = replay_verify(r, &verdict, &err);
    if (rc != BF_OK)
        world_violate(w, "I17 replay from turn %llu: %s", (unsigned long long)first_seq, err.text);
    else if (verdict.differences)
        world_violate(w, "I17 replay from turn %llu: %s", (unsigned long long)first_seq, verdict.words);
    replay_close(r);
}

/* Of a journal that is whole, and of one that was trimmed behind the checkpoint. */
void sim_replay_check(struct world *w)
{
    const struct sim_store *s = &w->store;
    if (s->turns.n > 0 && w->stats.violations == 0)
        check_from(w, s->turns.at[0].seq);
    if (s->chunks.n > 0 && s->checkpoint_seq < s->turns.at[s->turns.n - 1].seq && w->stats.violations == 0)
        check_from(w, s->checkpoint_seq + 1);
}

/* I17: from an empty engine, decide again on the stored inputs at their stored times; every turn must give the stored records. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/sim/world.h"

bool sim_prepare(struct world *w, struct engine *e, const struct op_request *c)
{
    uint8_t key[32];
    engine_plan_key(c->plan_hash, c->from, c->to, c->params, c->n_params, key);
    if (engine_has_plan(e, key))
        return true;
    for (size_t i = 0; i < w->store.plans.n; i++) {
        if (memcmp(w->store.plans.at[i].hash, c->plan_hash, 32) != 0)
            continue;
        struct plan_source source = {0};
        struct bf_error err = {0};
        struct bf_diags diags = {0};
        struct plan_options o = {.from = *c->from ? c->from : NULL, .to = *c->to ? c->to : NULL};
        struct plan *plan = plan_bundle_decode(w->store.plans.at[i].bytes.data, w->store.plans.at[i].bytes.len, &source, &err) == BF_OK
                                ? plan_compile(&source, &o, &diags) : NULL;
        if (plan)
            engine_add_plan(e, key, plan);
        bf_diags_done(&diags);
        plan_source_done(&source);
        return plan != NULL;
    }
    return false;
}

static bool same_records(const struct turn *t, const struct engine_out *out)
{
    struct bf_buf a = {0}, b = {0};
    records_encode(t->records, t->n_records, &a);
    records_encode(out->records, out->n_records, &b);
    bool same = a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
    bf_buf_free(&a);
    bf_buf_free(&b);
    return same;
}

void sim_replay_check(struct world *w)
{
    struct engine *e = engine_new(&w->engine);
    struct engine_out out = {0};
    for (size_t i = 0; i < w->store.turns.n && w->stats.violations == 0; i++) {
        struct turn t = {0};
        struct bf_error err = {0};
        if (turn_decode(w->store.turns.at[i].bytes.data, w->store.turns.at[i].bytes.len, &t, &err) != BF_OK) {
            world_violate(w, "I17 replay: %s", err.text);
            turn_done(&t);
            break;
        }
        engine_out_clear(&out);
        for (size_t k = 0; k < t.n_inputs; k++) {
            if (t.inputs[k].kind == INPUT_COMMAND && t.inputs[k].command.verb == OP_CREATE && !sim_prepare(w, e, &t.inputs[k].command))
                world_violate(w, "I17 replay: a stored plan does not compile");
            engine_step(e, &t.inputs[k], t.now_ms, t.wall_us, &out);
        }
        engine_finish_turn(e, t.now_ms, t.wall_us, &out);
        if (!same_records(&t, &out))
            world_violate(w, "I17 replay: turn %llu decides %zu records again, %zu are stored", (unsigned long long)t.seq, out.n_records, t.n_records);
        turn_done(&t);
    }
    engine_out_free(&out);
    engine_free(e);
}

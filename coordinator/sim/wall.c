/* I14: what is decided does not depend on the wall clock.
 *
 * Every stored turn is decided again with its inputs and its engine time, but at another time of day, up to a year before or after, and
 * with such times in the agents' reports too.  The records must be those that are stored, but for the times that they show. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/sim/again.h"

#define YEAR_US (INT64_C(365) * 86400 * 1000000)

/* Takes out what is for displays only. */
static void blot(struct record *r, struct alert_fact *alert)
{
    struct record_rare *rare = r->rare;
    r->at_us = r->started_us = r->ended_us = 0;
    if (!rare)
        return;
    rare->entry.made_us = rare->entry.ended_us = 0;
    if (!rare->alert)
        return;
    *alert = *rare->alert;
    alert->since_us = alert->acked_us = 0;
    alert->fired_us = alert->fired_us != 0;
    alert->ended_us = alert->ended_us != 0;
    rare->alert = alert;
}

static void encode_blotted(const struct record *records, size_t n, struct bf_buf *ret)
{
    struct record *copy = bf_xmemdup(records, n * sizeof *records);
    struct record_rare *rare = bf_xcalloc(n ? n : 1, sizeof *rare);
    struct alert_fact *alerts = bf_xcalloc(n ? n : 1, sizeof *alerts);
    for (size_t i = 0; i < n; i++) {
        copy[i] = record_apart(&records[i], &rare[i]);
        blot(&copy[i], &alerts[i]);
    }
    bf_buf_clear(ret);
    records_encode(copy, n, ret);
    free(alerts);
    free(rare);
    free(copy);
}

static void decide_elsewhen(struct world *w, struct engine *e, const struct turn *t, int64_t by_us, struct engine_out *out)
{
    engine_out_clear(out);
    for (size_t i = 0; i < t->n_inputs; i++) {
        struct input in = t->inputs[i];
        if (in.kind == INPUT_COMMAND && input_rare(&in)->command.verb == OP_CREATE && !sim_prepare(w, e, &input_rare(&in)->command))
            world_violate(w, "I14: a stored plan does not compile");
        if (in.kind == INPUT_REPORT) {
            in.report.started_us += by_us;
            in.report.ended_us += by_us;
        }
        engine_step(e, &in, t->now_ms, t->wall_us + by_us, out);
    }
    engine_finish_turn(e, t->now_ms, t->wall_us + by_us, out);
}

void sim_wall_check(struct world *w)
{
    struct engine *e = engine_new(&w->engine);
    struct engine_out out = {0};
    struct bf_buf stored = {0}, again = {0};
    for (size_t i = 0; i < w->store.turns.n && w->stats.violations == 0; i++) {
        struct turn t = {0};
        struct bf_error err = {0};
        if (turn_decode(w->store.turns.at[i].bytes.data, w->store.turns.at[i].bytes.len, &t, &err) != BF_OK) {
            world_violate(w, "I14: %s", err.text);
        } else {
            decide_elsewhen(w, e, &t, (int64_t)world_random(w, 2 * (uint64_t)YEAR_US) - YEAR_US, &out);
            encode_blotted(t.records, t.n_records, &stored);
            encode_blotted(out.records, out.n_records, &again);
            if (stored.len != again.len || memcmp(stored.data, again.data, stored.len) != 0)
                world_violate(w, "I14: turn %llu decides something else at another time of day", (unsigned long long)t.seq);
        }
        turn_done(&t);
    }
    bf_buf_free(&stored);
    bf_buf_free(&again);
    engine_out_free(&out);
    engine_free(e);
}

/* The arithmetic of views_progress.h, and its documents. */
#include "coordinator/views_progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/view_pools.h"

#define STEP_MS_MIN 1.0
#define EXPECT_NOTHING_MS 1000                   /* what a plan that says nothing expects of a step */
#define ETA_MAX_MS (1000.0 * 86400 * 365)
#define DEADLINES_TOLD 20u

/* Of all that have ended, whatever their step; 0: none has. */
static double mean_ms(const struct backfill_view *b, const struct step_tally *steps)
{
    double us = 0, n = 0;
    for (size_t s = 0; s < b->plan->n_steps; s++) {
        us += (double)steps[s].t.timed_us;
        n += (double)steps[s].t.timed;
    }
    return n > 0 ? us / 1000.0 / n : 0;
}

/* What one instance of a step weighs. */
static double step_ms(const struct plan_step *step, const struct tally *t, double any_ms)
{
    double ms = (double)step->expect_ms;
    if (t->timed > 0)
        ms = (double)t->timed_us / 1000.0 / (double)t->timed;
    else if (step->expect_ms == EXPECT_NOTHING_MS && any_ms > 0)
        ms = any_ms;
    return ms > STEP_MS_MIN ? ms : STEP_MS_MIN;
}

/* ---- work and rate ---- */

/* Gives the work that is left of the step. */
static double add_step(struct view_progress *p, const struct plan_step *step, const struct tally *t, double any_ms)
{
    double ms = step_ms(step, t, any_ms), left_ms = ms * (double)tally_left(t);
    double behind_ms = fmin((double)t->running_us / 1000.0, ms * (double)t->n[INSTANCE_RUNNING]);
    p->done_ms += ms * (double)tally_done(t);
    p->total_ms += ms * (double)step->partitions->n;
    p->left_ms += left_ms - behind_ms;
    if (t->timed == 0)
        p->guessed_ms += left_ms - behind_ms;
    return left_ms - behind_ms;
}

/* The pool that takes the longest for the work that is left and draws on it, with all its slots in use. */
static double slowest_pool(const struct view_source *v, const struct plan *plan, const double *pool_ms)
{
    double most = 0;
    for (size_t i = 0; i < plan->n_pools; i++)
        for (size_t k = 0; k < engine_n_pools(v->engine); k++) {
            struct pool_view p;
            engine_pool(v->engine, k, &p);
            if (strcmp(p.name, plan->pools[i].name) == 0 && p.slots > 0)
                most = fmax(most, pool_ms[i] / p.slots);
        }
    return most;
}

/* What ended within a window, of all steps; window TALLY_WINDOWS: since the start. */
static void rate_of(const struct backfill_view *b, const struct step_tally *steps, size_t window, int64_t since_start_us,
                    struct view_progress *ret)
{
    int64_t took_us = 0, span_us = window < TALLY_WINDOWS ? tally_window_us(window) : since_start_us;
    ret->ends = 0;
    for (size_t s = 0; s < b->plan->n_steps; s++) {
        const struct tally *t = &steps[s].t;
        uint64_t n = window < TALLY_WINDOWS ? t->recent[window].n : t->timed;
        int64_t step_us = window < TALLY_WINDOWS ? t->recent[window].took_us : t->timed_us;
        ret->ends += n;
        took_us += step_us > (int64_t)n * 1000 ? step_us : (int64_t)n * 1000;
    }
    ret->window_us = span_us < since_start_us ? span_us : since_start_us;
    ret->parallel = ret->window_us > 0 ? (double)took_us / (double)ret->window_us : 0;
}

static void find_rate(const struct view_source *v, const struct backfill_view *b, const struct step_tally *steps, struct view_progress *ret)
{
    int64_t from_us = b->started_us ? b->started_us : b->created_us, since_us = v->wall_us - from_us;
    ret->window_us = 0;
    ret->ends = 0;
    if (since_us <= 0)
        return;
    for (size_t w = 0; w <= TALLY_WINDOWS; w++) {
        rate_of(b, steps, w, since_us, ret);
        if (ret->ends >= RATE_ENDS_MIN || ret->window_us == since_us)
            break;
    }
    if (ret->ends < RATE_ENDS_FEWEST)
        ret->window_us = 0;
}

/* ---- the longest chain ---- */

/* Of what is left, the chain that ends with each step, itself included.  with_self: one step of it, the one where that makes most of
 * it, counts all its partitions that are left, because each needs the one before. */
struct chain { double plain, with_self; };

static bool needs_itself(const struct plan_step *step, uint32_t self)
{
    for (size_t e = 0; e < step->n_edges; e++)
        if (step->edges[e].upstream == self)
            return true;
    return false;
}

static struct chain *chains_new(const struct backfill_view *b, const struct step_tally *steps)
{
    struct chain *chains = bf_xcalloc(b->plan->n_steps ? b->plan->n_steps : 1, sizeof *chains);
    double any_ms = mean_ms(b, steps);
    for (size_t k = 0; k < b->plan->n_steps; k++) {
        uint32_t s = b->plan->order[k];
        const struct plan_step *step = &b->plan->steps[s];
        struct chain before = {0};
        for (size_t e = 0; e < step->n_edges; e++) {
            const struct chain *up = &chains[step->edges[e].upstream];
            before.plain = fmax(before.plain, up->plain);
            before.with_self = fmax(before.with_self, up->with_self);
        }
        double n = (double)tally_left(&steps[s].t), ms = step_ms(step, &steps[s].t, any_ms);
        double one = n > 0 ? ms : 0, all = needs_itself(step, s) ? n * ms : one;
        chains[s] = (struct chain){before.plain + one, fmax(before.plain + all, before.with_self + one)};
    }
    return chains;
}

static double longest(const struct backfill_view *b, const struct chain *chains)
{
    double most = 0;
    for (size_t s = 0; s < b->plan->n_steps; s++)
        most = fmax(most, chains[s].with_self);
    return most;
}

/* How long until the last of those that wait for another attempt may have it. */
static double backoff_left(const struct view_source *v, const struct backfill_view *b, const struct step_tally *steps)
{
    int64_t at_ms = 0;
    for (size_t s = 0; s < b->plan->n_steps; s++)
        at_ms = steps[s].t.retry_at_ms > at_ms ? steps[s].t.retry_at_ms : at_ms;
    return at_ms > v->engine_ms ? (double)(at_ms - v->engine_ms) : 0;
}

/* What is held waits for somebody to let it go, and the backfill's end with it. */
static bool any_held(const struct backfill_view *b, const struct step_tally *steps)
{
    for (size_t s = 0; s < b->plan->n_steps; s++)
        if (steps[s].t.held)
            return true;
    return false;
}

void view_progress(const struct view_source *v, const struct backfill_view *b, const struct step_tally *steps, struct view_progress *ret)
{
    *ret = (struct view_progress){.low_ms = -1, .high_ms = -1};
    double any_ms = mean_ms(b, steps);
    BF_AUTO_FREE double *pool_ms = bf_xcalloc(b->plan->n_pools + 1, sizeof *pool_ms);        /* the last: of those that draw on none */
    for (size_t s = 0; s < b->plan->n_steps; s++) {
        uint32_t pool = b->plan->steps[s].pool;
        pool_ms[pool == PLAN_NO_INDEX ? b->plan->n_pools : pool] += add_step(ret, &b->plan->steps[s], &steps[s].t, any_ms);
    }
    ret->pool_ms = slowest_pool(v, b->plan, pool_ms);
    BF_AUTO_FREE struct chain *chains = chains_new(b, steps);
    ret->chain_ms = longest(b, chains);
    if (b->state != BACKFILL_RUNNING)
        return;
    find_rate(v, b, steps, ret);
    if (ret->window_us == 0 || ret->parallel <= 0 || any_held(b, steps))
        return;
    double backoff_ms = backoff_left(v, b, steps);
    double least = ret->guessed_ms > 0 ? 0.5 : 1, most = ret->guessed_ms > 0 ? 2 : 1;
    double low = fmax((ret->left_ms - ret->guessed_ms / 2) / ret->parallel, least * fmax(ret->chain_ms, ret->pool_ms));
    double high = fmax((ret->left_ms + ret->guessed_ms) / ret->parallel, most * ret->pool_ms) + most * ret->chain_ms;
    if (high > ETA_MAX_MS)
        return;
    ret->low_ms = (int64_t)fmax(low, backoff_ms);
    ret->high_ms = (int64_t)(high + backoff_ms);
}

/* ---- risk ---- */

/* What a deadline is of: work undone, and the chain of what is left up to its end. */
struct due { bool undone; double chain_ms; };

static struct due step_due(const struct backfill_view *b, const struct step_tally *steps, const struct chain *chains, size_t s)
{
    const struct tally *t = &steps[s].t;
    return (struct due){tally_done(t) < b->plan->steps[s].partitions->n, tally_left(t) > 0 ? chains[s].with_self : 0};
}

/* A deadline that has passed with work undone, or that the chain alone takes longer than is left. */
static void put_deadline(json_t *list, const struct view_source *v, const char *what, const char *name, const struct plan_deadline *d,
                         struct due due)
{
    int64_t left_us = d->at_s * INT64_C(1000000) - v->wall_us;
    bool passed = left_us <= 0;
    if (!d->text || !due.undone || (!passed && due.chain_ms * 1000.0 <= (double)left_us) || json_array_size(list) >= DEADLINES_TOLD)
        return;
    json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:s}", "what", what, "name", name, "deadline",
                                          view_time(d->at_s * INT64_C(1000000)), "risk", passed ? "missed" : "will be missed"));
}

static json_t *deadlines(const struct view_source *v, const struct backfill_view *b, const struct step_tally *steps,
                         const struct chain *chains)
{
    const struct plan *p = b->plan;
    json_t *list = json_array();
    for (size_t s = 0; s < p->n_steps; s++)
        put_deadline(list, v, "step", p->steps[s].name, &p->steps[s].deadline, step_due(b, steps, chains, s));
    if (p->n_exposures == 0)
        return list;
    BF_AUTO_FREE struct due *writers = bf_xcalloc(p->n_datasets ? p->n_datasets : 1, sizeof *writers);
    for (size_t s = 0; s < p->n_steps; s++)
        for (size_t o = 0; o < p->steps[s].n_outputs; o++)
            writers[p->steps[s].outputs[o]] = step_due(b, steps, chains, s);
    for (size_t x = 0; x < p->n_exposures; x++) {
        struct due most = {0};
        for (size_t r = 0; r < p->exposures[x].n_reads; r++) {
            struct due one = writers[p->exposures[x].reads[r]];
            most = (struct due){most.undone || one.undone, fmax(most.chain_ms, one.chain_ms)};
        }
        put_deadline(list, v, "exposure", p->exposures[x].name, &p->exposures[x].deadline, most);
    }
    return list;
}

static json_t *risk(const struct view_source *v, const struct backfill_view *b, const struct step_tally *steps)
{
    json_int_t failed_steps = 0;
    for (size_t s = 0; s < b->plan->n_steps; s++)
        failed_steps += steps[s].t.n[INSTANCE_FAILED] > 0;
    BF_AUTO_FREE struct chain *chains = chains_new(b, steps);
    return json_pack("{s:I, s:o}", "failed_steps", failed_steps, "deadlines", deadlines(v, b, steps, chains));
}

/* ---- documents ---- */

static json_t *whole_ms(double ms)
{
    return json_integer((json_int_t)(ms < 9e18 ? ms : 9e18));
}

/* Nothing moves any more, and something is held: what is left waits for a person. */
static bool only_held(const struct backfill_view *b, const struct step_tally *steps)
{
    uint64_t moves = 0, held = 0;
    for (size_t s = 0; s < b->plan->n_steps; s++) {
        const struct tally *t = &steps[s].t;
        moves += t->n[INSTANCE_ASSIGNED] + t->n[INSTANCE_RUNNING] + t->n[INSTANCE_BACKING_OFF] + t->n[INSTANCE_READY] - t->held_ready;
        held += t->held;
    }
    return b->state == BACKFILL_RUNNING && moves == 0 && held > 0;
}

void view_put_progress(const struct view_source *v, const struct backfill_view *b, const struct view_tallies *tallies, json_t *j)
{
    struct view_progress p = {0};
    if (tallies->complete)
        view_progress(v, b, tallies->steps, &p);
    bool rate = tallies->complete && p.window_us > 0, eta = tallies->complete && p.low_ms >= 0 && p.total_ms > 0;
    json_object_set_new(j, "weight", !tallies->complete ? json_null() : json_pack("{s:o, s:o, s:o, s:o}", "done_ms", whole_ms(p.done_ms),
                        "total_ms", whole_ms(p.total_ms), "left_ms", whole_ms(p.left_ms), "guessed_ms", whole_ms(p.guessed_ms)));
    json_object_set_new(j, "rate", !rate ? json_null() : json_pack("{s:f, s:f, s:I}", "per_minute",
                        (double)p.ends * 60e6 / (double)p.window_us, "parallel", p.parallel, "window_ms",
                        (json_int_t)(p.window_us / 1000)));
    json_object_set_new(j, "eta", !eta ? json_null() : json_pack("{s:I, s:I, s:o, s:o, s:o}", "low_ms", (json_int_t)p.low_ms, "high_ms",
                        (json_int_t)p.high_ms, "low_at", view_time(v->wall_us + p.low_ms * 1000), "high_at",
                        view_time(v->wall_us + p.high_ms * 1000), "chain_ms", whole_ms(p.chain_ms)));
    json_object_set_new(j, "only_held", json_boolean(tallies->complete && only_held(b, tallies->steps)));
    json_object_set_new(j, "risk", tallies->complete ? risk(v, b, tallies->steps) : json_null());
}

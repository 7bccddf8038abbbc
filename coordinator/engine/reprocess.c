/* What of a backfill's work earlier backfills of the same plan have done already.
 *
 * An instance is that of an earlier backfill when the plan's name, the step's name, the grain and the boundaries of the partition
 * are the same.  Of those that began it the newest counts: what a backfill never began, it left as it was.  A result of
 * another version of the step (plan/hash.h) is none.  Parameters are compared only as far as the step's templates name them,
 * because they are part of its version.
 *
 * Then one walk in the plan's order finds what is done here although something upstream of it runs again: sums over each step's
 * partitions tell for a range of upstream partitions at once whether any of them does. */
#include "coordinator/engine/reprocess.h"

#include <string.h>

#include "common/mem.h"
#include "common/plant.h"
#include "coordinator/engine/internal.h"

/* One comparison.  sum: for each step in the plan's order n + 1 numbers, how many of its partitions were found to run or to be
 * old, so far in the walk: from the first one up, or from the last one down. */
struct walk {
    const struct engine *e;
    const struct plan *plan;
    const struct topology *topology;
    enum op_reprocess how;
    struct reuse *ret;
    uint32_t *sum, *base;
};

/* ---- what there is of it ---- */

static bool failed_of_itself(const struct engine *e, const struct backfill *b, uint32_t number)
{
    uint64_t i = 0;
    if (!bf_map_get(&e->failure_of, instance_key(b, number), &i))
        return false;
    enum outcome_source source = e->failures.at[i].outcome.source;
    return source != OUTCOME_CANCELLED && source != OUTCOME_FENCED && source != OUTCOME_LOST &&
           source != OUTCOME_REVOKED;
}

static bool was_begun(const struct backfill *b, const struct instance *in)
{
    return in->attempt != 0 || in->run > b->first_run || instance_satisfied(in) || in->state == INSTANCE_FAILED;
}

static enum reuse_verdict judge(const struct walk *w, uint32_t step, const struct backfill *b, uint32_t number)
{
    const struct instance *in = &b->instances[number];
    bool failed = in->state == INSTANCE_FAILED || (in->state == INSTANCE_CANCELLED && in->attempts > 0 &&
                                                   failed_of_itself(w->e, b, number));
    if (!instance_satisfied(in) && !failed)
        return REUSE_NEW;
    if (memcmp(b->plan->steps[in->step].hash, w->plan->steps[step].hash, PLAN_HASH_BYTES) != 0 && !BF_PLANTED("reuse_other_version"))
        return REUSE_CHANGED;
    if (failed && !BF_PLANTED("reuse_failed"))
        return w->how == OP_REPROCESS_MISSING ? REUSE_TAKEN_FAILURE : REUSE_AFTER_FAILURE;
    return in->flags & FLAG_STALE ? REUSE_TAKEN_STALE : REUSE_TAKEN;
}

/* What b has of the step's partitions that no newer one had. */
static void ask(const struct walk *w, uint32_t step, const struct backfill *b, uint32_t *left)
{
    uint32_t its = plan_find_step(b->plan, w->plan->steps[step].name), index = 0;
    const struct plan_partitions *mine = w->plan->steps[step].partitions;
    if (its == PLAN_NO_INDEX || b->plan->steps[its].partitions->grain != mine->grain || b->plan->steps[its].partitions->n == 0)
        return;
    const struct plan_partitions *have = b->plan->steps[its].partitions;
    for (uint32_t i = plan_partition_from(mine, have->start_s[0]); i < mine->n && mine->start_s[i] < have->start_s[have->n]; i++) {
        uint32_t number = w->topology->first[step] + i;
        if (w->ret->from[number] || !plan_partition_at(have, mine->start_s[i], &index) || have->start_s[index] != mine->start_s[i] ||
            have->start_s[index + 1] != mine->start_s[i + 1])
            continue;
        uint32_t there = instance_number(b, its, index);
        if (!was_begun(b, &b->instances[there]))
            continue;
        w->ret->verdict[number] = (uint8_t)judge(w, step, b, there);
        w->ret->from[number] = b->instances[there].flags & FLAG_REUSED ? b->origin[there] : b->id;
        (*left)--;
    }
}

/* ---- what is older than what it reads ---- */

static bool walks_up(const struct walk *w, uint32_t step)
{
    return w->topology->chain[step] >= 0;
}

static bool any_moves(const struct walk *w, uint32_t step, uint32_t first, uint32_t n)
{
    const uint32_t *sum = &w->sum[w->base[step]];
    return n > 0 && sum[first] != sum[first + n];
}

static bool upstream_moves(const struct walk *w, uint32_t step, uint32_t index)
{
    const struct topology *t = w->topology;
    for (uint32_t i = t->rule_first[step]; i < t->rule_first[step + 1]; i++) {
        struct index_range up = topology_waits_for(t, &t->rules[i], index);
        if (any_moves(w, t->rules[i].up, up.first, up.n))
            return true;
    }
    return false;
}

/* Whether it runs again or would have to; and if it is done and would have to, that is its verdict. */
static bool moves(const struct walk *w, uint32_t step, uint32_t index, bool downstream)
{
    uint8_t *v = &w->ret->verdict[w->topology->first[step] + index];
    if (*v != REUSE_TAKEN && *v != REUSE_TAKEN_STALE)
        return reuse_runs(*v);
    if (*v == REUSE_TAKEN && (!upstream_moves(w, step, index) || BF_PLANTED("reuse_age_unseen")))
        return false;
    *v = downstream ? REUSE_FOR_UPSTREAM : REUSE_TAKEN_STALE;
    return true;
}

/* Partitions of itself that a step needs come first in its walk. */
static void walk_step(const struct walk *w, uint32_t step, bool downstream)
{
    uint32_t n = w->plan->steps[step].partitions->n, *sum = &w->sum[w->base[step]];
    if (walks_up(w, step))
        for (uint32_t i = 0; i < n; i++)
            sum[i + 1] = sum[i] + moves(w, step, i, downstream);
    else
        for (uint32_t i = n; i-- > 0;)
            sum[i] = sum[i + 1] + moves(w, step, i, downstream);
}

void reuse_find(const struct engine *e, const struct plan *plan, const struct topology *t, uint32_t newest, enum op_reprocess how,
                bool downstream, struct reuse *ret)
{
    *ret = (struct reuse){.n = t->n, .verdict = bf_xcalloc(t->n, 1), .from = bf_xcalloc(t->n, sizeof *ret->from)};
    BF_AUTO_FREE uint32_t *sum = bf_xcalloc(t->n + plan->n_steps, sizeof *sum);
    BF_AUTO_FREE uint32_t *base = bf_xcalloc(plan->n_steps, sizeof *base);
    struct walk w = {.e = e, .plan = plan, .topology = t, .how = how, .ret = ret, .sum = sum, .base = base};
    for (uint32_t k = 0, next = 0; k < plan->n_steps; k++) {
        uint32_t step = plan->order[k], left = plan->steps[step].partitions->n;
        base[step] = next;
        next += left + 1;
        for (uint32_t id = newest, looked = 0; id && left > 0 && looked < REUSE_LOOK_BACK_MAX; id = backfill_find(e, id)->before, looked++)
            ask(&w, step, backfill_find(e, id), &left);
        walk_step(&w, step, downstream);
    }
    for (uint32_t i = 0; i < t->n; i++)
        ret->counts.n[ret->verdict[i]]++;
}

void reuse_done(struct reuse *r)
{
    free(r->verdict);
    free(r->from);
    *r = (struct reuse){0};
}

/* ---- for a record ---- */

static uint32_t code_of(const struct reuse *r, uint32_t i)
{
    enum reuse_kind kind = r->verdict[i] == REUSE_TAKEN ? REUSE_DONE : r->verdict[i] == REUSE_TAKEN_STALE ? REUSE_STALE
                         : r->verdict[i] == REUSE_TAKEN_FAILURE ? REUSE_FAILED : REUSE_RUNS;
    return kind == REUSE_RUNS ? REUSE_RUNS : r->from[i] << 2 | (uint32_t)kind;
}

size_t reuse_ranges(const struct reuse *r, uint32_t *at, struct reuse_range ret[RECORD_REUSED_MAX])
{
    size_t n = 0;
    while (*at < r->n && code_of(r, *at) == REUSE_RUNS)
        (*at)++;
    for (uint32_t i = *at; i < r->n && n < RECORD_REUSED_MAX;) {
        struct reuse_range range = {.from_kind = code_of(r, i)};
        while (i < r->n && code_of(r, i) == range.from_kind) {
            range.n++;
            i++;
        }
        ret[n++] = range;
    }
    while (n > 0 && ret[n - 1].from_kind == REUSE_RUNS)
        n--;
    return n;
}

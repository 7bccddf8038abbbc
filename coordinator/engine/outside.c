/* `outside: require_success`: what an edge needs outside the plan's range must have succeeded, or been skipped, in the newest earlier
 * backfill of a plan of this name that has the same step, of the same grain, and a partition with the same boundaries.
 *
 * Asked once, when a backfill begins (at its creation, or when its turn in the queue comes): what happens to the others later changes
 * nothing, and one that never began has changed nothing.  Backfills of one plan name are
 * chained from the newest on; each is asked only for the partitions that lie in its own range and that no newer one had. */
#include "plan/outside.h"

#include "common/mem.h"
#include "coordinator/engine/decide.h"

/* What an edge needs outside, and what was found of each partition. */
struct search {
    const struct plan_outside_partitions *need;
    const char *step;
    const struct instance **found;               /* by partition; NULL: not yet */
    uint32_t *where;                             /* by partition: the backfill that it is of */
    uint32_t left;                               /* not found yet */
};

static void look_up(struct search *s, uint32_t i, const struct backfill *b, uint32_t step)
{
    const struct plan_partitions *have = b->plan->steps[step].partitions, *need = &s->need->table;
    uint32_t index = 0;
    if (s->found[i] || !plan_partition_at(have, need->start_s[i], &index) || have->start_s[index] != need->start_s[i] ||
        have->start_s[index + 1] != s->need->end_s[i])
        return;
    s->found[i] = &b->instances[instance_number(b, step, index)];
    s->where[i] = b->id;
    s->left--;
}

static void ask(struct search *s, const struct backfill *b)
{
    uint32_t step = plan_find_step(b->plan, s->step);
    if (step == PLAN_NO_INDEX || b->started_us == 0)
        return;
    const struct plan_partitions *have = b->plan->steps[step].partitions, *need = &s->need->table;
    if (have->grain != need->grain || have->n == 0)
        return;
    for (uint32_t i = plan_partition_from(need, have->start_s[0]); i < need->n && need->start_s[i] < have->start_s[have->n]; i++)
        look_up(s, i, b, step);
}

static bool is_done(const struct search *s, uint32_t i)
{
    return s->found[i] && instance_satisfied(s->found[i]);
}

static const char *state_words(const struct instance *in)
{
    return in->state == INSTANCE_WAITING && in->blocked > 0 ? "blocked by a failure further up" : instance_state_name(in->state);
}

static const char *describe(struct decision *d, const struct plan_step *step, const struct search *s)
{
    uint32_t first = 0, n = 0;
    char key[PLAN_KEY_MAX];
    const char *found = "no backfill of this plan has it";
    for (uint32_t i = s->need->table.n; i-- > 0;)
        if (!is_done(s, i)) {
            first = i;
            n++;
        }
    plan_partition_key(&s->need->table, first, key);
    if (s->found[first])
        found = out_printf(d->out, "%s in bf-%u, the newest that has it", state_words(s->found[first]), s->where[first]);
    return out_printf(d->out,
                      "step %s requires the success of %s outside the range, and %u %s not succeeded, %s%s (%s): widen --from or --to, run "
                      "%s first, or say `outside: assume`",
                      step->name, s->step, n, n == 1 ? "partition has" : "partitions have", n == 1 ? "" : "the first ", key, found,
                      n == 1 ? "it" : "them");
}

static const char *check_edge(struct decision *d, const struct plan *p, uint32_t step, const struct plan_edge *edge)
{
    struct plan_outside_partitions need = {0};
    if (edge->outside != PLAN_REQUIRE_SUCCESS || !plan_outside(p, step, edge, &need))
        return NULL;
    BF_AUTO_FREE const struct instance **found = bf_xcalloc(need.table.n, sizeof *found);
    BF_AUTO_FREE uint32_t *where = bf_xcalloc(need.table.n, sizeof *where);
    struct search s = {.need = &need, .step = p->steps[edge->upstream].name, .found = found, .where = where, .left = need.table.n};
    for (uint32_t id = backfill_newest_of(d->e, p->name); id && s.left > 0; id = backfill_find(d->e, id)->before)
        ask(&s, backfill_find(d->e, id));
    bool done = true;
    for (uint32_t i = 0; i < need.table.n; i++)
        done &= is_done(&s, i);
    const char *text = done ? NULL : describe(d, &p->steps[step], &s);
    plan_outside_done(&need);
    return text;
}

const char *outside_missing(struct decision *d, const struct plan *p)
{
    const char *text = NULL;
    for (uint32_t step = 0; step < p->n_steps && !text; step++)
        for (size_t i = 0; i < p->steps[step].n_edges && !text; i++)
            text = check_edge(d, p, step, &p->steps[step].edges[i]);
    return text;
}

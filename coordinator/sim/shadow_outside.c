/* `outside: require_success`, worked out again the slow way: the calendar around the range, every partition of it, every earlier
 * backfill. */
#include <string.h>

#include "common/civil.h"
#include "coordinator/sim/shadow_checks.h"

enum { AROUND = 12 };             /* partitions on each side: more than any window of a scenario */

static int64_t longest_s(enum plan_grain g)
{
    return g == PLAN_HOUR ? 2 * BF_HOUR_S : g == PLAN_DAY ? 2 * BF_DAY_S : g == PLAN_WEEK ? 8 * BF_DAY_S : INT64_C(32) * BF_DAY_S;
}

/* Does any partition of the step need this one, which is number `place` seen from the first of the range? */
static bool is_needed(const struct plan_edge *edge, const struct plan_partitions *own, int64_t place, int64_t from_s, int64_t until_s)
{
    for (uint32_t p = 0; p < own->n; p++) {
        bool contained = from_s >= own->start_s[p] && until_s <= own->start_s[p + 1];
        bool reached = place - p >= edge->from && place - p <= edge->to;
        if (edge->mapping == PLAN_CONTAINED ? contained : reached)
            return true;
    }
    return false;
}

/* As the newest other backfill says that has begun and has the partition. */
static bool done_before(const struct shadow *s, const struct shadow_backfill *b, const struct plan_step *step, int64_t from_s,
                        int64_t until_s)
{
    for (size_t i = s->backfills.n; i-- > 0;) {
        const struct shadow_backfill *other = &s->backfills.at[i];
        if (other == b || !other->begun || strcmp(other->plan->name, b->plan->name) != 0)
            continue;
        for (uint32_t k = 0; k < other->plan->n_steps; k++) {
            const struct plan_step *its = &other->plan->steps[k];
            for (uint32_t p = 0; strcmp(its->name, step->name) == 0 && its->grain == step->grain && p < its->partitions->n; p++)
                if (its->partitions->start_s[p] == from_s && its->partitions->start_s[p + 1] == until_s)
                    return other->cells[k][p].end == CELL_DONE;
        }
    }
    return false;
}

static uint32_t check_edge(struct shadow *s, const struct shadow_backfill *b, const struct plan_step *step, const struct plan_edge *edge,
                           bool complain)
{
    const struct plan_step *up = &b->plan->steps[edge->upstream];
    const struct plan_partitions *own = step->partitions, *in = up->partitions;
    struct plan_partitions all = {0};
    int64_t from_s = in->start_s[0] < own->start_s[0] ? in->start_s[0] : own->start_s[0];
    int64_t until_s = in->start_s[in->n] > own->start_s[own->n] ? in->start_s[in->n] : own->start_s[own->n];
    plan_partitions_build(up->grain, b->plan->zone, from_s - AROUND * longest_s(up->grain), until_s + AROUND * longest_s(up->grain), &all);
    int64_t first = 0;
    uint32_t n = 0, missing = 0;
    while (first < all.n && all.start_s[first] != in->start_s[0])
        first++;
    for (uint32_t i = 0; i < all.n; i++) {
        bool inside = all.start_s[i] >= in->start_s[0] && all.start_s[i] < in->start_s[in->n];
        if (inside || !is_needed(edge, own, i - first, all.start_s[i], all.start_s[i + 1]))
            continue;
        n++;
        bool done = done_before(s, b, up, all.start_s[i], all.start_s[i + 1]);
        missing += !done;
        if (!done && complain)
            world_violate(s->w, "outside: backfill %u begins, and %s[%lld] has not succeeded before it, which %s requires", b->id, up->name,
                          (long long)(i - first), step->name);
    }
    world_trace(s->w, "backfill %u requires %u partitions outside its range", b->id, n);
    plan_partitions_done(&all);
    return missing;
}

uint32_t shadow_check_outside(struct shadow *s, const struct shadow_backfill *b, bool complain)
{
    uint32_t missing = 0;
    for (uint32_t i = 0; i < b->plan->n_steps; i++) {
        const struct plan_step *step = &b->plan->steps[i];
        for (size_t e = 0; e < step->n_edges; e++) {
            enum plan_mapping m = step->edges[e].mapping;
            bool may_lie_outside = m == PLAN_PREVIOUS || m == PLAN_WINDOW || (m == PLAN_CONTAINED && step->grain != PLAN_NONE);
            if (may_lie_outside && step->edges[e].outside == PLAN_REQUIRE_SUCCESS)
                missing += check_edge(s, b, step, &step->edges[e], complain);
        }
    }
    return missing;
}

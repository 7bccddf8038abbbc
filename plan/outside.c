/* Which upstream partitions lie outside the range: before it, behind it, or both.
 *
 * They are named by tables of their own, cut from the calendar on both sides of the plan's tables, once for all edges: the range itself is
 * never walked, and a hundred edges that reach far back share one table. */
#include "plan/outside.h"

#include <stdlib.h>

#include "common/civil.h"
#include "common/mem.h"

/* Longer than every partition of a grain, with room for what clocks are set back. */
static int64_t longest_s(enum plan_grain g)
{
    static const int64_t seconds[PLAN_GRAIN_COUNT] = {
        [PLAN_HOUR] = 2 * BF_HOUR_S, [PLAN_DAY] = 2 * BF_DAY_S, [PLAN_WEEK] = 8 * BF_DAY_S, [PLAN_MONTH] = 32 * BF_DAY_S};
    return seconds[g];
}

/* How far direct edges reach beyond the range, in partitions of the upstream's grain. */
static void reach_of(const struct plan *p, enum plan_grain g, int64_t *ret_before, int64_t *ret_behind)
{
    *ret_before = *ret_behind = 0;
    for (size_t s = 0; s < p->n_steps; s++) {
        for (size_t i = 0; i < p->steps[s].n_edges; i++) {
            const struct plan_edge *e = &p->steps[s].edges[i];
            if (p->steps[s].grain != g || (e->mapping != PLAN_PREVIOUS && e->mapping != PLAN_WINDOW))
                continue;
            *ret_before = -(int64_t)e->from > *ret_before ? -(int64_t)e->from : *ret_before;
            *ret_behind = e->to > *ret_behind ? e->to : *ret_behind;
        }
    }
}

void plan_outside_prepare(struct plan *p)
{
    for (enum plan_grain g = PLAN_HOUR; g <= PLAN_MONTH; g++) {
        const struct plan_partitions *t = &p->partitions[g];
        int64_t before, behind;
        reach_of(p, g, &before, &behind);
        if (t->n > 0 && before > 0)
            plan_partitions_build(g, p->zone, t->start_s[0] - (before + 1) * longest_s(g), t->start_s[0], &p->before[g]);
        if (t->n > 0 && behind > 0)
            plan_partitions_build(g, p->zone, t->start_s[t->n], t->start_s[t->n] + (behind + 1) * longest_s(g), &p->behind[g]);
    }
}

/* Rows [first, first + n) of a table; borrowed. */
struct rows { const struct plan_partitions *table; uint32_t first, n; };

/* Partitions number -far .. -near before the range (near 1: the last before it). */
static struct rows rows_before(const struct plan_partitions *t, int64_t near, int64_t far)
{
    int64_t until = (int64_t)t->n - near + 1, from = (int64_t)t->n - far;
    struct rows r = {.table = t, .first = from > 0 ? (uint32_t)from : 0};
    r.n = near <= far && until > r.first ? (uint32_t)(until - r.first) : 0;
    return r;
}

/* Partitions number near .. far behind the range (near 1: the first behind it). */
static struct rows rows_behind(const struct plan_partitions *t, int64_t near, int64_t far)
{
    int64_t until = far < t->n ? far : t->n;
    return (struct rows){.table = t, .first = (uint32_t)(near - 1), .n = until >= near ? (uint32_t)(until - near + 1) : 0};
}

/* Append rows to a table that has room for them. */
static void append(struct plan_outside_partitions *o, const struct rows *r)
{
    struct plan_partitions *t = &o->table;
    for (uint32_t i = r->first; i < r->first + r->n; i++, t->n++) {
        t->start_s[t->n] = r->table->start_s[i];
        t->label[t->n] = r->table->label[i];
        if (t->offset_s)
            t->offset_s[t->n] = r->table->offset_s[i];
        o->end_s[t->n] = t->start_s[t->n + 1] = r->table->start_s[i + 1];
    }
}

static bool join(enum plan_grain g, const struct rows *before, const struct rows *behind, struct plan_outside_partitions *ret)
{
    size_t n = (size_t)before->n + behind->n;
    if (n == 0)
        return false;
    *ret = (struct plan_outside_partitions){.table.grain = g, .end_s = bf_xcalloc(n, sizeof *ret->end_s)};
    ret->table.start_s = bf_xcalloc(n + 1, sizeof *ret->table.start_s);
    ret->table.label = bf_xcalloc(n, sizeof *ret->table.label);
    if (g == PLAN_HOUR)
        ret->table.offset_s = bf_xcalloc(n, sizeof *ret->table.offset_s);
    append(ret, before);
    append(ret, behind);
    return true;
}

static bool outside_direct(const struct plan *p, uint32_t step, const struct plan_edge *e, struct plan_outside_partitions *ret)
{
    /* Needed in all: from .. n - 1 + to; the range is 0 .. n - 1. */
    enum plan_grain g = p->steps[step].grain;
    int64_t n = p->steps[step].partitions->n, last = n - 1 + e->to;
    struct rows before = rows_before(&p->before[g], last < -1 ? -last : 1, -(int64_t)e->from);
    struct rows behind = rows_behind(&p->behind[g], e->from > n ? e->from - n + 1 : 1, last - n + 1);
    return join(g, &before, &behind, ret);
}

/* What the coarse partitions at the ends hold and the range cuts off. */
static bool outside_contained(const struct plan *p, uint32_t step, const struct plan_edge *e, struct plan_outside_partitions *ret)
{
    const struct plan_partitions *down = p->steps[step].partitions, *up = p->steps[e->upstream].partitions;
    struct plan_partitions first = {0}, last = {0};
    if (down->grain == PLAN_NONE)
        return false;
    if (down->start_s[0] < up->start_s[0])
        plan_partitions_build(up->grain, p->zone, down->start_s[0], up->start_s[0], &first);
    if (up->start_s[up->n] < down->start_s[down->n])
        plan_partitions_build(up->grain, p->zone, up->start_s[up->n], down->start_s[down->n], &last);
    bool any = join(up->grain, &(struct rows){&first, 0, first.n}, &(struct rows){&last, 0, last.n}, ret);
    plan_partitions_done(&first);
    plan_partitions_done(&last);
    return any;
}

bool plan_outside(const struct plan *p, uint32_t step, const struct plan_edge *e, struct plan_outside_partitions *ret)
{
    switch (e->mapping) {
    case PLAN_PREVIOUS:
    case PLAN_WINDOW: return outside_direct(p, step, e, ret);
    case PLAN_CONTAINED: return outside_contained(p, step, e, ret);
    case PLAN_SAME:
    case PLAN_CONTAINING:
    case PLAN_ALL: return false;
    }
    return false;
}

void plan_outside_done(struct plan_outside_partitions *o)
{
    plan_partitions_done(&o->table);
    free(o->end_s);
    *o = (struct plan_outside_partitions){0};
}

/* Which upstream partitions lie outside the range: before it, behind it, or both.
 *
 * They are named by tables of their own, cut from the calendar on both sides of the plan's table: the range itself is never walked. */
#include "plan/outside.h"

#include <stdlib.h>
#include <string.h>

#include "common/civil.h"
#include "common/mem.h"

/* Longer than every partition of a grain, with room for what clocks are set back. */
static int64_t longest_s(enum plan_grain g)
{
    static const int64_t seconds[PLAN_GRAIN_COUNT] = {
        [PLAN_HOUR] = 2 * BF_HOUR_S, [PLAN_DAY] = 2 * BF_DAY_S, [PLAN_WEEK] = 8 * BF_DAY_S, [PLAN_MONTH] = 32 * BF_DAY_S};
    return seconds[g];
}

/* Rows [first, first + n) of a table, of which the table keeps nothing else. */
struct rows { struct plan_partitions table; uint32_t first, n; };

/* Partitions number -far .. -near before a table (near 1: the last before it). */
static struct rows rows_before(const struct plan *p, const struct plan_partitions *t, int64_t near, int64_t far)
{
    struct rows r = {0};
    if (near > far)
        return r;
    plan_partitions_build(t->grain, p->zone, t->start_s[0] - (far + 1) * longest_s(t->grain), t->start_s[0], &r.table);
    int64_t until = (int64_t)r.table.n - near + 1, from = (int64_t)r.table.n - far;
    r.first = from > 0 ? (uint32_t)from : 0;
    r.n = until > r.first ? (uint32_t)(until - r.first) : 0;
    return r;
}

/* Partitions number near .. far behind a table (near 1: the first behind it). */
static struct rows rows_behind(const struct plan *p, const struct plan_partitions *t, int64_t near, int64_t far)
{
    struct rows r = {0};
    int64_t end_s = t->start_s[t->n];
    if (near > far)
        return r;
    plan_partitions_build(t->grain, p->zone, end_s, end_s + (far + 1) * longest_s(t->grain), &r.table);
    int64_t until = far < r.table.n ? far : r.table.n;
    r.first = (uint32_t)(near - 1);
    r.n = until >= near ? (uint32_t)(until - near + 1) : 0;
    return r;
}

static struct rows rows_within(const struct plan *p, enum plan_grain g, int64_t from_s, int64_t until_s)
{
    struct rows r = {0};
    if (from_s < until_s)
        plan_partitions_build(g, p->zone, from_s, until_s, &r.table);
    r.n = r.table.n;
    return r;
}

/* Append rows to a table that has room for them. */
static void append(struct plan_outside_partitions *o, const struct rows *r)
{
    struct plan_partitions *t = &o->table;
    for (uint32_t i = r->first; i < r->first + r->n; i++, t->n++) {
        t->start_s[t->n] = r->table.start_s[i];
        t->label[t->n] = r->table.label[i];
        if (t->offset_s)
            t->offset_s[t->n] = r->table.offset_s[i];
        o->end_s[t->n] = t->start_s[t->n + 1] = r->table.start_s[i + 1];
    }
}

static bool join(enum plan_grain g, struct rows *before, struct rows *behind, struct plan_outside_partitions *ret)
{
    size_t n = (size_t)before->n + behind->n;
    if (n > 0) {
        *ret = (struct plan_outside_partitions){.table.grain = g, .end_s = bf_xcalloc(n, sizeof *ret->end_s)};
        ret->table.start_s = bf_xcalloc(n + 1, sizeof *ret->table.start_s);
        ret->table.label = bf_xcalloc(n, sizeof *ret->table.label);
        if (g == PLAN_HOUR)
            ret->table.offset_s = bf_xcalloc(n, sizeof *ret->table.offset_s);
        append(ret, before);
        append(ret, behind);
    }
    plan_partitions_done(&before->table);
    plan_partitions_done(&behind->table);
    return n > 0;
}

bool plan_outside(const struct plan *p, uint32_t step, const struct plan_edge *e, struct plan_outside_partitions *ret)
{
    const struct plan_partitions *down = p->steps[step].partitions, *up = p->steps[e->upstream].partitions;
    struct rows before = {0}, behind = {0};
    if (e->mapping == PLAN_PREVIOUS || e->mapping == PLAN_WINDOW) {
        /* Needed in all: from .. n - 1 + to; the range is 0 .. n - 1. */
        int64_t n = down->n, last = n - 1 + e->to;
        before = rows_before(p, up, last < -1 ? -last : 1, -(int64_t)e->from);
        behind = rows_behind(p, up, e->from > n ? e->from - n + 1 : 1, last - n + 1);
    } else if (e->mapping == PLAN_CONTAINED && down->grain != PLAN_NONE) {
        before = rows_within(p, up->grain, down->start_s[0], up->start_s[0]);
        behind = rows_within(p, up->grain, up->start_s[up->n], down->start_s[down->n]);
    }
    return join(up->grain, &before, &behind, ret);
}

void plan_outside_done(struct plan_outside_partitions *o)
{
    plan_partitions_done(&o->table);
    free(o->end_s);
    *o = (struct plan_outside_partitions){0};
}

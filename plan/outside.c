/* Which upstream partitions lie outside the range: before it, behind it, or both.
 *
 * They are named by tables of their own, cut from the calendar on both sides of the plan's table: the range itself is never walked. */
#include "plan/outside.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "plan/compile.h"

#define FIRST_S INT64_C(-62135596800)          /* 0001-01-01: partitions have no names before it */
#define LAST_S INT64_C(253402300800)           /* 10000-01-01 */
#define DAY_S 86400

/* Longer than every partition of a grain, with room for what clocks are set back. */
static int64_t longest_s(enum plan_grain g)
{
    static const int64_t seconds[PLAN_GRAIN_COUNT] = {
        [PLAN_HOUR] = 2 * 3600, [PLAN_DAY] = 2 * DAY_S, [PLAN_WEEK] = 8 * DAY_S, [PLAN_MONTH] = 32 * DAY_S};
    return seconds[g];
}

static int64_t clamp(int64_t s)
{
    return s < FIRST_S ? FIRST_S : s > LAST_S ? LAST_S : s;
}

/* Rows [first, first + n) of a table, of which the table keeps nothing else. */
struct rows { struct plan_partitions table; uint32_t first, n; };

/* Partitions number -far .. -near before a table (near 1: the last before it). */
static struct rows rows_before(const struct plan *p, const struct plan_partitions *t, int64_t near, int64_t far)
{
    struct rows r = {0};
    if (near > far)
        return r;
    plan_partitions_build(t->grain, p->zone, clamp(t->start_s[0] - (far + 1) * longest_s(t->grain)), t->start_s[0], &r.table);
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
    plan_partitions_build(t->grain, p->zone, end_s, clamp(end_s + (far + 1) * longest_s(t->grain)), &r.table);
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

/* ---- outside: refuse ---- */

static void tell(struct plan_compiler *c, const struct plan_edge *e, const struct plan_partitions *table)
{
    const struct plan_step *up = &c->plan->steps[e->upstream];
    char first[PLAN_KEY_MAX], last[PLAN_KEY_MAX];
    plan_partition_key(table, 0, first);
    plan_partition_key(table, table->n - 1, last);
    if (table->n == 1)
        bf_diag_add(c->d, BF_DIAG_ERROR, e->mark, "a partition of `%s` that is needed lies outside the range: %s", up->name, first);
    else
        bf_diag_add(c->d, BF_DIAG_ERROR, e->mark, "%u partitions of `%s` that are needed lie outside the range: the first is %s, the last %s",
                    table->n, up->name, first, last);
    bf_diag_fix(c->d, "widen the range, or say `outside: assume` or `outside: require_success`");
}

void plan_outside_check(struct plan_compiler *c)
{
    for (uint32_t s = 0; s < c->plan->n_steps; s++) {
        const struct plan_step *step = &c->plan->steps[s];
        for (size_t i = 0; i < step->n_edges; i++) {
            struct plan_outside_partitions o;
            if (step->edges[i].outside != PLAN_REFUSE || !plan_outside(c->plan, s, &step->edges[i], &o))
                continue;
            tell(c, &step->edges[i], &o.table);
            plan_outside_done(&o);
        }
    }
}

/* Tables of boundaries.  A table is built in one walk, forward in time: hours along the spans of the zone, since each span is cut by
 * an arithmetic of its own; the coarser grains along their labels, since the zone knows when a label begins. */
#include "plan/partition.h"

#include <assert.h>
#include <stdlib.h>

#include "common/civil.h"
#include "common/vec.h"
#include "plan/calendar.h"

bool plan_grain_nests(enum plan_grain fine, enum plan_grain coarse)
{
    if (fine == coarse || coarse == PLAN_NONE)
        return true;
    if (fine == PLAN_HOUR)
        return true;
    return fine == PLAN_DAY && coarse != PLAN_HOUR;
}

/* --- built ------------------------------------------------------------------------------------------------------------- */

/* A table that grows; the end of its last partition comes at the end. */
struct builder { struct plan_partitions *p; size_t cap; };

static void reserve(struct builder *b, size_t want)
{
    struct plan_partitions *p = b->p;
    if (want <= b->cap)
        return;
    assert(want < UINT32_MAX);
    b->cap = bf_vec_grow(b->cap, want);
    p->start_s = bf_xreallocarray(p->start_s, b->cap + 1, sizeof *p->start_s);
    p->label = bf_xreallocarray(p->label, b->cap, sizeof *p->label);
    if (p->grain == PLAN_HOUR)
        p->offset_s = bf_xreallocarray(p->offset_s, b->cap, sizeof *p->offset_s);
}

/* Gives back what growing took too much, where that is worth a copy. */
static void finish(struct builder *b, int64_t end_s)
{
    struct plan_partitions *p = b->p;
    if (p->n == 0)
        return;
    p->start_s[p->n] = end_s;
    if (p->n > b->cap - b->cap / 8)
        return;
    p->start_s = bf_xreallocarray(p->start_s, (size_t)p->n + 1, sizeof *p->start_s);
    p->label = bf_xreallocarray(p->label, p->n, sizeof *p->label);
    if (p->grain == PLAN_HOUR)
        p->offset_s = bf_xreallocarray(p->offset_s, p->n, sizeof *p->offset_s);
}

static void build_hours(struct builder *b, const struct zone *z, int64_t from_s, int64_t until_s)
{
    struct plan_partitions *p = b->p;
    int64_t at_s = from_s;
    reserve(b, (size_t)((until_s - from_s) / BF_HOUR_S + 1));       /* nearly all: one more for each change of the offset */
    while (at_s < until_s) {
        struct zone_span s = zone_span_at(z, at_s);
        int64_t end_s = s.until_s < until_s ? s.until_s : until_s;
        int32_t first = calendar_label_at(PLAN_HOUR, at_s + s.offset_s), last = calendar_label_at(PLAN_HOUR, end_s - 1 + s.offset_s);
        int64_t start_s = calendar_label_start(PLAN_HOUR, first) - s.offset_s, hour_s = calendar_label_start(PLAN_HOUR, 1);
        reserve(b, (size_t)p->n + (size_t)(last - first) + 1);
        for (int32_t label = first; label <= last; label++, start_s += hour_s) {
            p->start_s[p->n] = start_s;
            p->offset_s[p->n] = s.offset_s;
            p->label[p->n++] = label;
        }
        /* The span may begin, and end, within an hour. */
        uint32_t i = p->n - 1 - (uint32_t)(last - first);
        p->start_s[i] = p->start_s[i] > s.from_s ? p->start_s[i] : s.from_s;
        at_s = start_s < s.until_s ? start_s : s.until_s;
    }
    finish(b, at_s);
}

/* zone_first_at() of local times that only grow: *span moves along with them, and most lie in the one of before. */
static int64_t first_at(const struct zone *z, struct zone_span *span, int64_t local_s)
{
    while (span->until_s != INT64_MAX && local_s - span->offset_s >= span->until_s)
        *span = zone_span_at(z, span->until_s);
    int64_t at_s = local_s - span->offset_s;
    return at_s > span->from_s ? at_s : span->from_s;
}

static void build_labels(struct builder *b, const struct zone *z, int64_t from_s, int64_t until_s)
{
    struct plan_partitions *p = b->p;
    enum plan_grain g = p->grain;
    /* Where the clock was set back over a boundary it shows an earlier label than that of the partition; it never shows a later one. */
    int32_t label = calendar_label_at(g, from_s + zone_span_at(z, from_s).offset_s);
    int64_t start_s = zone_first_at(z, calendar_label_start(g, label));
    struct zone_span span = zone_span_at(z, start_s);
    while (start_s < until_s) {
        int64_t next_s = first_at(z, &span, calendar_label_start(g, label + 1));
        /* Not of a label that the zone left out. */
        if (next_s > from_s && next_s > start_s) {
            reserve(b, (size_t)p->n + 1);
            p->start_s[p->n] = start_s;
            p->label[p->n++] = label;
        }
        start_s = next_s;
        label++;
    }
    finish(b, start_s);
}

static int64_t clamp(int64_t v, int64_t min, int64_t max)
{
    return v < min ? min : v > max ? max : v;
}

void plan_partitions_build(enum plan_grain g, const struct zone *z, int64_t from_s, int64_t until_s, struct plan_partitions *ret)
{
    *ret = (struct plan_partitions){.grain = g};
    struct builder b = {.p = ret};
    if (g == PLAN_NONE) {
        if (from_s >= until_s)
            return;
        reserve(&b, 1);
        ret->start_s[0] = INT64_MIN;
        ret->label[0] = 0;
        ret->n = 1;
        finish(&b, INT64_MAX);
        return;
    }
    /* Outside of these years no partition has a key. */
    int64_t min_s = zone_first_at(z, (int64_t)CALENDAR_DAY_FIRST * BF_DAY_S),
                    max_s = zone_first_at(z, (CALENDAR_DAY_LAST + INT64_C(1)) * BF_DAY_S);
    from_s = clamp(from_s, min_s, max_s);
    until_s = clamp(until_s, min_s, max_s);
    if (from_s >= until_s)
        return;
    if (g == PLAN_HOUR)
        build_hours(&b, z, from_s, until_s);
    else
        build_labels(&b, z, from_s, until_s);
}

void plan_partitions_done(struct plan_partitions *p)
{
    free(p->start_s);
    free(p->label);
    free(p->offset_s);
    *p = (struct plan_partitions){.grain = p->grain};
}

/* --- found ------------------------------------------------------------------------------------------------------------- */

uint32_t plan_partition_from(const struct plan_partitions *p, int64_t utc_s)
{
    uint32_t low = 0, high = p->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->start_s[middle] < utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool plan_partition_at(const struct plan_partitions *p, int64_t utc_s, uint32_t *ret_index)
{
    if (p->n == 0 || utc_s < p->start_s[0] || utc_s >= p->start_s[p->n])
        return false;
    uint32_t i = plan_partition_from(p, utc_s);
    *ret_index = i < p->n && p->start_s[i] == utc_s ? i : i - 1;
    return true;
}

void plan_partition_key(const struct plan_partitions *p, uint32_t index, char ret[PLAN_KEY_MAX])
{
    assert(index < p->n);
    calendar_label_write(p->grain, p->label[index], p->offset_s ? p->offset_s[index] : 0, ret);
}

void plan_key_of_day(enum plan_grain grain, int32_t day, char ret[PLAN_KEY_MAX])
{
    calendar_label_write(grain, calendar_label_at(grain, (int64_t)day * BF_DAY_S), 0, ret);
}

bool plan_partition_containing(const struct plan_partitions *fine, uint32_t index, const struct plan_partitions *coarse,
                               uint32_t *ret_index)
{
    assert(index < fine->n && plan_grain_nests(fine->grain, coarse->grain));
    return plan_partition_at(coarse, fine->start_s[index], ret_index);
}

void plan_partition_contained(const struct plan_partitions *coarse, uint32_t index, const struct plan_partitions *fine,
                              uint32_t *ret_first, uint32_t *ret_n)
{
    assert(index < coarse->n && plan_grain_nests(fine->grain, coarse->grain));
    *ret_first = plan_partition_from(fine, coarse->start_s[index]);
    *ret_n = plan_partition_from(fine, coarse->start_s[index + 1]) - *ret_first;
}

void plan_partition_days(const struct plan_partitions *p, uint32_t index, int32_t *ret_from, int32_t *ret_until)
{
    assert(index < p->n);
    if (p->grain == PLAN_NONE) {
        *ret_from = *ret_until = 0;
        return;
    }
    int32_t label = p->label[index];
    *ret_from = calendar_label_day(p->grain, label);
    *ret_until = p->grain == PLAN_HOUR ? *ret_from + 1 : calendar_label_day(p->grain, label + 1);
}

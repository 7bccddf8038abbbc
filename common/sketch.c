/* Buckets stand sparsely, in order: a step's values lie close together, so there are few of them, and adding is a search and seldom an
 * insertion. */
#include "common/sketch.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum { SHARE_BITS = 5, SHARES = 1 << SHARE_BITS, INDEX_END = 56 * SHARES, ROOM_FIRST = 8 };

static uint32_t index_of(uint64_t value)
{
    uint32_t e = 63u - (uint32_t)__builtin_clzll(value);
    return e * SHARES + (uint32_t)((value << SHARE_BITS >> e) & (SHARES - 1));
}

/* The smallest whole number of a bucket; of the next one, the first behind it. */
static uint64_t first_of(uint32_t index)
{
    return ((((uint64_t)SHARES + index % SHARES) << (index / SHARES)) + SHARES - 1) >> SHARE_BITS;
}

static uint64_t middle_of(uint32_t index)
{
    uint64_t first = first_of(index), behind = first_of(index + 1);
    return first + (behind > first ? (behind - 1 - first) / 2 : 0);
}

/* Where the bucket stands, or would. */
static uint32_t place_of(const struct bf_sketch *s, uint32_t index)
{
    uint32_t low = 0, high = s->n_at;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (s->at[mid].index < index)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static uint32_t sum_of(uint32_t a, uint32_t b) { return a < UINT32_MAX - b ? a + b : UINT32_MAX; }

static void insert(struct bf_sketch *s, uint32_t place, uint32_t index, uint32_t n)
{
    if (s->n_at == s->room) {
        s->room = s->room ? 2 * s->room : ROOM_FIRST;
        s->at = bf_xreallocarray(s->at, s->room, sizeof *s->at);
    }
    memmove(&s->at[place + 1], &s->at[place], (s->n_at - place) * sizeof *s->at);
    s->at[place] = (struct bf_sketch_bucket){.index = index, .n = n};
    if (++s->n_at <= BF_SKETCH_BUCKETS)
        return;
    s->at[1].n = sum_of(s->at[1].n, s->at[0].n);
    memmove(&s->at[0], &s->at[1], --s->n_at * sizeof *s->at);
}

static void add_to_bucket(struct bf_sketch *s, uint32_t index, uint32_t n)
{
    uint32_t place = place_of(s, index);
    if (place < s->n_at && s->at[place].index == index)
        s->at[place].n = sum_of(s->at[place].n, n);
    else
        insert(s, place, index, n);
}

static void span(struct bf_sketch *s, uint64_t min, uint64_t max)
{
    s->min = s->n == 0 || min < s->min ? min : s->min;
    s->max = s->n == 0 || max > s->max ? max : s->max;
}

void bf_sketch_add(struct bf_sketch *s, uint64_t value)
{
    value = value < BF_SKETCH_VALUE_MAX ? value : BF_SKETCH_VALUE_MAX;
    span(s, value, value);
    s->n++;
    if (value == 0)
        s->zeros++;
    else
        add_to_bucket(s, index_of(value), 1);
}

void bf_sketch_merge(struct bf_sketch *into, const struct bf_sketch *from)
{
    if (from->n == 0)
        return;
    span(into, from->min, from->max);
    into->n += from->n;
    into->zeros += from->zeros;
    for (uint32_t i = 0; i < from->n_at; i++)
        add_to_bucket(into, from->at[i].index, from->at[i].n);
}

uint64_t bf_sketch_quantile(const struct bf_sketch *s, uint32_t millionths)
{
    uint64_t whole = s->n / 1000000 * millionths, rank = whole + (s->n % 1000000 * millionths + 999999) / 1000000;
    uint64_t seen = s->zeros, value = s->max;
    if (s->n == 0)
        return 0;
    if (rank <= 1)
        return s->min;
    if (rank >= s->n)
        return s->max;
    if (rank <= seen)
        return 0;
    for (uint32_t i = 0; i < s->n_at; i++) {
        seen += s->at[i].n;
        if (seen >= rank) {
            value = middle_of(s->at[i].index);
            break;
        }
    }
    return value < s->min ? s->min : value > s->max ? s->max : value;
}

void bf_sketch_done(struct bf_sketch *s)
{
    free(s->at);
    *s = (struct bf_sketch){0};
}

void bf_sketch_put(const struct bf_sketch *s, struct bf_buf *ret)
{
    bf_buf_put_u64(ret, s->n);
    bf_buf_put_u64(ret, s->zeros);
    bf_buf_put_u64(ret, s->min);
    bf_buf_put_u64(ret, s->max);
    bf_buf_put_u16(ret, (uint16_t)s->n_at);
    for (uint32_t i = 0; i < s->n_at; i++) {
        bf_buf_put_u16(ret, (uint16_t)s->at[i].index);
        bf_buf_put_u32(ret, s->at[i].n);
    }
}

static bool take_buckets(struct bf_reader *r, struct bf_sketch *s, uint16_t n)
{
    uint64_t least = 0;
    for (uint16_t i = 0; i < n; i++) {
        uint16_t index = 0;
        uint32_t count = 0;
        if (!bf_take_u16(r, &index) || !bf_take_u32(r, &count) || count == 0 || index >= INDEX_END || index < least)
            return false;
        insert(s, s->n_at, index, count);
        least = (uint64_t)index + 1;
    }
    return true;
}

bool bf_sketch_take(struct bf_reader *r, struct bf_sketch *ret)
{
    struct bf_sketch s = {0};
    uint16_t n = 0;
    bool good = bf_take_u64(r, &s.n) && bf_take_u64(r, &s.zeros) && bf_take_u64(r, &s.min) && bf_take_u64(r, &s.max) &&
                bf_take_u16(r, &n) && n <= BF_SKETCH_BUCKETS && s.min <= s.max && s.max <= BF_SKETCH_VALUE_MAX && s.zeros <= s.n &&
                take_buckets(r, &s, n);
    if (!good) {
        bf_sketch_done(&s);
        r->bad = true;
    }
    *ret = s;
    return good;
}

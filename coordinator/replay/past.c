/* One entry for each own end, linked in order from its instance; medians of a step are made when they are asked for first. */
#include "coordinator/replay/past.h"

#include <stdlib.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/vec.h"

#define NONE UINT64_MAX

struct entry { uint64_t seq, next; int64_t start_ms, end_ms; struct outcome outcome; };
struct chain { uint64_t first, last; };
struct granted { int64_t at_ms, start_ms; };
struct times { BF_VEC_TYPE(int64_t) ms; bool sorted; };

struct past {
    uint64_t last_end;                           /* turn */
    struct bf_arena arena;                       /* texts of outcomes */
    BF_VEC_TYPE(struct entry) entries;
    BF_VEC_TYPE(struct chain) chains;
    struct bf_map chain_of;                      /* instance -> chain */
    BF_VEC_TYPE(struct granted) granted;
    struct bf_map open;                          /* attempt -> granted */
    BF_VEC_TYPE(struct times) times;
    struct bf_map times_of;                      /* step -> times */
};

_Static_assert(PLAN_STEPS_MAX <= 1u << 14, "a step has 14 bits of a key");

uint64_t past_instance(uint32_t backfill, uint32_t step, uint32_t index)
{
    return (uint64_t)backfill << 40 | (uint64_t)step << 26 | index;
}

struct past *past_new(void)
{
    return bf_xcalloc(1, sizeof(struct past));
}

void past_free(struct past *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->times.n; i++)
        bf_vec_free(&p->times.at[i].ms);
    bf_vec_free(&p->times);
    bf_vec_free(&p->entries);
    bf_vec_free(&p->chains);
    bf_vec_free(&p->granted);
    bf_map_free(&p->chain_of);
    bf_map_free(&p->open);
    bf_map_free(&p->times_of);
    bf_arena_free(&p->arena);
    free(p);
}

static bool is_own(enum outcome_source s)
{
    return s != OUTCOME_LOST && s != OUTCOME_CANCELLED && s != OUTCOME_FENCED && s != OUTCOME_REVOKED;
}

static void keep_time(struct past *p, uint64_t step_key, int64_t ms)
{
    uint64_t at;
    if (!bf_map_get(&p->times_of, step_key, &at)) {
        at = p->times.n;
        bf_vec_add(&p->times);
        bf_map_put(&p->times_of, step_key, at);
    }
    bf_vec_push(&p->times.at[at].ms, ms);
    p->times.at[at].sorted = false;
}

static struct outcome keep_outcome(struct past *p, const struct outcome *o)
{
    struct outcome ret = *o;
    ret.sqlstate = bf_arena_strdup(&p->arena, o->sqlstate);
    ret.dbms = bf_arena_strdup(&p->arena, o->dbms);
    ret.text = bf_arena_strdup(&p->arena, o->text);
    ret.details = "";
    return ret;
}

static void keep_end(struct past *p, const struct record *r, const struct granted *g, uint64_t seq, int64_t now_ms)
{
    uint64_t key = past_instance(r->backfill, r->step, r->index), at, entry = p->entries.n;
    int64_t end_ms = now_ms - g->at_ms;
    bf_vec_push(&p->entries, (struct entry){.seq = seq, .next = NONE, .start_ms = g->start_ms < 0 ? end_ms : g->start_ms, .end_ms = end_ms,
                                            .outcome = keep_outcome(p, record_outcome(r))});
    if (!bf_map_get(&p->chain_of, key, &at)) {
        bf_map_put(&p->chain_of, key, p->chains.n);
        bf_vec_push(&p->chains, (struct chain){entry, entry});
    } else {
        p->entries.at[p->chains.at[at].last].next = entry;
        p->chains.at[at].last = entry;
    }
    if (r->verdict == VERDICT_SUCCEEDED || r->verdict == VERDICT_SKIPPED)
        keep_time(p, past_instance(r->backfill, r->step, 0), end_ms);
}

void past_open(struct past *p, uint64_t attempt, int64_t granted_ms, int64_t start_ms)
{
    bf_map_put(&p->open, attempt, p->granted.n);
    bf_vec_push(&p->granted, (struct granted){.at_ms = granted_ms, .start_ms = start_ms});
}

void past_record(struct past *p, const struct record *r, uint64_t seq, int64_t now_ms)
{
    uint64_t at;
    if (r->kind == RECORD_GRANTED) {
        past_open(p, r->ref.attempt, now_ms, -1);
    } else if (r->kind == RECORD_STARTED && bf_map_get(&p->open, r->ref.attempt, &at)) {
        p->granted.at[at].start_ms = now_ms - p->granted.at[at].at_ms;
    } else if (r->kind == RECORD_ENDED) {
        p->last_end = seq;
    }
    if (r->kind == RECORD_ENDED && bf_map_get(&p->open, r->ref.attempt, &at)) {
        if (is_own(record_outcome(r)->source))
            keep_end(p, r, &p->granted.at[at], seq, now_ms);
        bf_map_del(&p->open, r->ref.attempt);
    }
}

uint64_t past_last_end(const struct past *p)
{
    return p->last_end;
}

static int earlier(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t median_ms(struct past *p, uint64_t step_key, int64_t preset_ms)
{
    uint64_t at;
    if (!bf_map_get(&p->times_of, step_key, &at))
        return preset_ms;
    struct times *t = &p->times.at[at];
    if (!t->sorted)
        qsort(t->ms.at, t->ms.n, sizeof *t->ms.at, earlier);
    t->sorted = true;
    return t->ms.at[t->ms.n / 2];
}

void past_end(struct past *p, uint32_t backfill, uint32_t step, uint32_t index, size_t nth, bool fails, int64_t preset_ms,
              struct past_end *ret)
{
    static const struct outcome well = {.source = OUTCOME_OK, .sqlstate = "", .dbms = "", .text = "", .details = "", .rows = -1};
    uint64_t at, entry = NONE, last = NONE;
    if (bf_map_get(&p->chain_of, past_instance(backfill, step, index), &at)) {
        entry = p->chains.at[at].first;
        last = p->chains.at[at].last;
        for (; nth > 0 && entry != NONE; nth--)
            entry = p->entries.at[entry].next;
    }
    if (entry != NONE) {
        const struct entry *e = &p->entries.at[entry];
        *ret = (struct past_end){.start_ms = e->start_ms, .end_ms = e->end_ms, .outcome = e->outcome};
        return;
    }
    int64_t ms = median_ms(p, past_instance(backfill, step, 0), preset_ms);
    *ret = (struct past_end){.end_ms = ms > 0 ? ms : 1, .outcome = well, .assumed = true};
    if (fails && last != NONE)
        ret->outcome = p->entries.at[last].outcome;
}

size_t past_ends_by(const struct past *p, uint32_t backfill, uint32_t step, uint32_t index, uint64_t seq)
{
    uint64_t at;
    size_t n = 0;
    if (!bf_map_get(&p->chain_of, past_instance(backfill, step, index), &at))
        return 0;
    for (uint64_t e = p->chains.at[at].first; e != NONE && p->entries.at[e].seq <= seq; e = p->entries.at[e].next)
        n++;
    return n;
}

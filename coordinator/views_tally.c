/* Counting a large backfill takes time (about 10 ms for a million instances), and queries must not hold up the coordinator's loop.
 *
 * So counts are kept by backfill, and a count is used again for a while in proportion to what it cost; who asks in that time does a little
 * of the next one.  A count goes through the steps in slices, one slice being what shares a character of a strip; a caller with a budget
 * stops between two of them, and the next call goes on from there.  The counts of a step change all at once, when its last slice is in. */
#include "coordinator/views_tally.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/vec.h"

#define CACHE_FACTOR 30                          /* a count that took 10 ms is good for 300 ms */
#define RENEW_PART (CACHE_FACTOR / 2)            /* meanwhile the next one goes on in so small a part of the time, by those who ask… */
#define RENEW_MOST_US 5000                       /* …and no longer at once: it is whole in half of that, and nobody waits for all of it */
#define CACHE_MAX 64
#define LOOK_EVERY 2048u                         /* instances between two looks at the clock */
#define CHEAP_US 1000                            /* what costs less is counted anew for each turn… */
#define STILL_US 500000                          /* …and without one, now and then: rates and times move by themselves */

struct counted {
    uint32_t backfill, n_steps;
    struct step_tally *steps;
    bool complete;                               /* each step has been counted once */
    uint64_t seq;                                /* turn in which the last whole count began */
    int64_t until_us, used_us, whole_us;         /* the last whole count: good until then, and its end */
    uint32_t step, bucket;                       /* the count that is under way: its next slice */
    uint64_t begun_seq;
    int64_t cost_us;
    uint32_t since_look;                         /* instances counted since the clock was read */
    struct step_tally building;
};
struct views_cache { BF_VEC_TYPE(struct counted) at; };

struct views_cache *views_cache_new(void)
{
    return bf_xcalloc(1, sizeof(struct views_cache));
}

void views_cache_free(struct views_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->at.n; i++)
        free(c->at.at[i].steps);
    bf_vec_free(&c->at);
    free(c);
}

/* ---- characters ---- */

/* Of partitions that share a character: what a person must see first wins. */
static char bucket_char(const struct tally *t)
{
    if (t->n[INSTANCE_FAILED])
        return 'x';
    if (t->n[INSTANCE_RUNNING])
        return '>';
    if (t->held)
        return '=';
    if (t->n[INSTANCE_READY] + t->n[INSTANCE_ASSIGNED] + t->n[INSTANCE_BACKING_OFF])
        return 'o';
    if (tally_done(t) == tally_total(t))
        return '#';
    if (t->upstream_failed)
        return '~';
    return t->n[INSTANCE_CANCELLED] ? '-' : '.';
}

char view_state_char(const struct instance_view *i)
{
    struct tally t = {.upstream_failed = i->state == INSTANCE_WAITING && i->upstream_failed, .held = i->held};
    if (i->state == INSTANCE_BACKING_OFF)
        return i->looking ? 'o' : '!';
    if (!t.upstream_failed)
        t.n[i->state] = 1;
    return bucket_char(&t);
}

/* ---- counting ---- */

/* One slice; true when it was the last of all. */
static bool count_slice(const struct view_source *v, const struct backfill_view *b, struct counted *c)
{
    uint32_t total = b->plan->steps[c->step].partitions->n, buckets = total < TALLY_STRIP_MAX ? total : TALLY_STRIP_MAX;
    if (c->bucket == 0)
        c->building = (struct step_tally){.counted = true};
    if (c->bucket < buckets) {
        uint32_t from = (uint32_t)((uint64_t)total * c->bucket / buckets), until = (uint32_t)((uint64_t)total * (c->bucket + 1) / buckets);
        struct tally slice = {.upstream_failed = c->building.t.upstream_failed, .held = c->building.t.held};
        memcpy(slice.n, c->building.t.n, sizeof slice.n);            /* before; then what the slice adds */
        engine_tally(v->engine, b->id, c->step, from, until - from, v->wall_us, &c->building.t);
        for (size_t s = 0; s < INSTANCE_STATE_COUNT; s++)
            slice.n[s] = c->building.t.n[s] - slice.n[s];
        slice.upstream_failed = c->building.t.upstream_failed - slice.upstream_failed;
        slice.held = c->building.t.held - slice.held;
        c->building.strip[c->bucket++] = bucket_char(&slice);
        c->since_look += until - from;
    }
    if (c->bucket < buckets)
        return false;
    c->steps[c->step++] = c->building;
    c->bucket = 0;
    return c->step >= c->n_steps;
}

/* Go on counting until the deadline, or until all steps are counted. */
static void count_on(const struct view_source *v, const struct backfill_view *b, struct counted *c, int64_t budget_us)
{
    int64_t began_us = bf_boottime_us(), now_us = began_us;
    bool over = c->n_steps == 0;
    if (c->step == 0 && c->bucket == 0) {
        c->begun_seq = v->seq;
        c->cost_us = 0;
    }
    while (!over && now_us - began_us < budget_us) {
        over = count_slice(v, b, c);
        if (!over && c->since_look < LOOK_EVERY)
            continue;
        c->since_look = 0;
        now_us = bf_boottime_us();
    }
    c->cost_us += now_us - began_us;
    c->used_us = now_us;
    if (!over)
        return;
    c->complete = true;
    c->seq = c->begun_seq;
    c->whole_us = now_us;
    c->until_us = c->cost_us > CHEAP_US ? now_us + CACHE_FACTOR * c->cost_us : 0;
    c->step = c->bucket = 0;
}

static void counted_begin(struct counted *c, const struct backfill_view *b)
{
    free(c->steps);
    *c = (struct counted){.backfill = b->id, .n_steps = (uint32_t)b->plan->n_steps};
    c->steps = bf_xcalloc(b->plan->n_steps ? b->plan->n_steps : 1, sizeof *c->steps);
}

static bool is_good(const struct view_source *v, const struct counted *c)
{
    int64_t now_us = bf_boottime_us();
    return c->complete && (now_us < c->until_us || (c->seq == v->seq && now_us - c->whole_us < STILL_US));
}

static struct counted *find(struct views_cache *cache, const struct backfill_view *b)
{
    struct counted *place = NULL;
    for (size_t i = 0; i < cache->at.n; i++) {
        struct counted *c = &cache->at.at[i];
        if (c->backfill == b->id && c->n_steps == b->plan->n_steps)
            return c;
        if (cache->at.n == CACHE_MAX && (!place || c->used_us < place->used_us))
            place = c;
    }
    if (!place)
        place = bf_vec_add(&cache->at);
    counted_begin(place, b);
    return place;
}

static void renew(const struct view_source *v, const struct backfill_view *b, struct counted *c)
{
    int64_t budget_us = (bf_boottime_us() - c->used_us) / RENEW_PART;
    if (budget_us > 0)
        count_on(v, b, c, budget_us < RENEW_MOST_US ? budget_us : RENEW_MOST_US);
}

struct view_tallies view_tallies(const struct view_source *v, const struct backfill_view *b, int64_t budget_us)
{
    if (!v->cache) {
        struct counted c = {0};
        counted_begin(&c, b);
        count_on(v, b, &c, INT64_MAX);
        return (struct view_tallies){.steps = c.steps, .complete = true, .owned = c.steps};
    }
    struct counted *c = find(v->cache, b);
    if (is_good(v, c)) {
        if (c->seq != v->seq)
            renew(v, b, c);
    } else {
        if (budget_us == INT64_MAX)
            c->step = c->bucket = 0;             /* of one moment */
        count_on(v, b, c, budget_us);
    }
    return (struct view_tallies){.steps = c->steps, .complete = c->complete};
}

void view_tallies_done(struct view_tallies *t)
{
    free(t->owned);
    *t = (struct view_tallies){0};
}

/* Starts of a throttled pool are spread over the time that an attempt takes.
 *
 * Attempts that begin together work together: each comes to its heavy statements when the others do, so that the warehouse's users feel all
 * of them at once and then none, and the governor, which sees that, holds the limit lower than as many that take turns would need.  That
 * happens when a limit rises by several, when a backfill begins, and after every pause.
 *
 * With so many at once as the limit says, which take as long as they did of late, one begins each lasts / limit (Little, 1961).  So the
 * next one is let begin after PACE_PART of that, which leaves room to catch up: what is allowed is in use before long.  It is the generic
 * cell rate algorithm, as in pools_rate.c, with a slack of PACE_SLACK_US, so that attempts of milliseconds need no turn each.  Nothing waits
 * longer than PACE_MOST_US, or while nothing of the pool runs, or before the first has ended.
 *
 * Like the start rate it goes by the moments that records say, so that a replay waits for the same. */
#include "common/least.h"
#include "common/plant.h"
#include "coordinator/engine/internal.h"

enum { PACE_PART = 750, PACE_SLACK_US = 50000, PACE_MOST_US = 5000000, LASTS_PART = 8 };     /* part: thousandths */

static int64_t each_us(const struct pool *p)
{
    return bf_least(p->governor->now.state.lasts_us / bf_most(1, p->limit) * PACE_PART / 1000, PACE_MOST_US);
}

/* From when the next is counted that begins at now_ms.  What begins before its time, because nothing runs, leaves no wait but its own. */
static int64_t from_us(const struct pool *p, int64_t now_ms)
{
    return bf_least(bf_most(p->governor->now.state.pace_us, now_ms * 1000 - PACE_SLACK_US), now_ms * 1000);
}

int64_t pace_nth_ms(const struct pool *p, int64_t now_ms, uint64_t n)
{
    if (!pool_is_throttled(p) || n > (uint64_t)UINT32_MAX || BF_PLANTED("pace_ignored"))
        return now_ms;
    int64_t first_us = p->used > 0 ? bf_most(p->governor->now.state.pace_us, now_ms * 1000 - PACE_SLACK_US) : from_us(p, now_ms);
    return bf_most(now_ms, (first_us + (int64_t)n * each_us(p) + 999) / 1000);
}

int64_t pace_ms(const struct pool *p, int64_t now_ms)
{
    return pace_nth_ms(p, now_ms, 0);
}

/* NULL: it has no pace. */
static struct pool *paced(const struct engine *e, const struct draw_item *item)
{
    struct pool *p = &e->pools.at[item->pool];
    return item->dim == DRAW_SLOT && pool_is_throttled(p) ? p : NULL;
}

void pace_granted(struct engine *e, const struct draw *d, int64_t now_ms)
{
    for (size_t i = 0; i < d->n && now_ms > 0; i++) {
        struct pool *p = paced(e, &d->items[i]);
        if (p)
            p->governor->now.state.pace_us = from_us(p, now_ms) + each_us(p);
    }
}

void pace_ended(struct engine *e, const struct draw *d, int64_t granted_ms, int64_t now_ms)
{
    /* Over an outage nobody saw how long it held. */
    for (size_t i = 0; i < d->n && granted_ms > e->deaf.since_ms && now_ms >= granted_ms; i++) {
        struct pool *p = paced(e, &d->items[i]);
        int64_t held_us = bf_least(now_ms - granted_ms, SERVICE_US_MAX / 1000) * 1000;
        if (!p)
            continue;
        int64_t *lasts_us = &p->governor->now.state.lasts_us;
        *lasts_us += *lasts_us == 0 ? held_us : (held_us - *lasts_us) / LASTS_PART;
    }
}

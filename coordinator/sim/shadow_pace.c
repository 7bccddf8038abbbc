/* The pace of throttled pools, from the committed turns alone: while something of a pool runs, the next begins three quarters of
 * (how long attempts held their slot of late) / (its limit) after the one before, but no later than five seconds; with 50 ms to catch up. */
#include <inttypes.h>

#include "coordinator/sim/shadow_model.h"

enum { SLACK_US = 50000, MOST_US = 5000000, NEWEST = 8 };

void shadow_pace_granted(struct shadow *s, struct shadow_pool *p, int64_t now_ms)
{
    if (p->limit == 0)
        return;
    int64_t now_us = now_ms * 1000, each_us = p->lasts_us / p->limit * 3 / 4;
    if (p->used > 0 && p->next_us > now_us)
        world_violate(s->w, "pace: an attempt of pool %s begins %" PRId64 " us before its time", p->name, p->next_us - now_us);
    if (p->next_us < now_us - SLACK_US)
        p->next_us = now_us - SLACK_US;
    if (p->next_us > now_us)                     /* nothing ran: no wait adds to the next */
        p->next_us = now_us;
    p->next_us += each_us < MOST_US ? each_us : MOST_US;
}

void shadow_pace_ended(const struct shadow *s, struct shadow_pool *p, int64_t granted_ms, int64_t now_ms)
{
    int64_t held_us = (now_ms - granted_ms) * 1000;
    if (p->throttled && granted_ms > s->deaf.since_ms)   /* what was there over an outage tells nothing */
        p->lasts_us = p->lasts_us == 0 ? held_us : p->lasts_us + (held_us - p->lasts_us) / NEWEST;
}

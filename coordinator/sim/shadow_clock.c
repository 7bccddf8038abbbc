/* Engine time, from the committed turns and the clock of the coordinator's host: within one boot it goes exactly as the boot clock does,
 * however often the process died between; over a reboot or a restore it goes on from the last turn or later, never back, and counts no
 * more than there was.  An outage that is recorded begins at the last turn before it,
 * or at a checkpoint of later. */
#include "coordinator/sim/shadow_checks.h"

enum { SPOKEN_MS = 4000 };                       /* whoever is there is heard again by then (recover.c), at heartbeats of a second */

int64_t shadow_judged_ms(const struct shadow *s, int64_t now_ms)
{
    return now_ms > s->deaf.since_ms && now_ms < s->deaf.until_ms ? s->deaf.since_ms : now_ms;
}

void shadow_take_resumed(struct shadow *s, const struct turn *t, const struct record *r)
{
    const uint64_t *n = r->numbers;
    if (r->n_numbers != 3 || (int64_t)n[0] < s->tick.engine_ms || (int64_t)n[1] != t->now_ms ||
        (int64_t)n[2] > t->now_ms + SPOKEN_MS) {
        world_violate(s->w, "clock: an outage is recorded that begins before the last turn, or ends late");
        return;
    }
    s->deaf.since_ms = (int64_t)n[0];
    s->deaf.until_ms = (int64_t)n[2];
    shadow_forgive_outage(s, (int64_t)(n[1] - n[0]));
}

void shadow_check_clock(struct shadow *s, const struct turn *t)
{
    const struct sim_clock *c = &s->w->clock;
    int64_t boot_ms = sim_clock_boot_ms(c, s->w->now_ms), passed_ms = t->now_ms - s->tick.engine_ms;
    if (passed_ms < 0)
        world_violate(s->w, "clock: engine time goes back by %lld ms", (long long)-passed_ms);
    if (s->tick.boot == c->boots + 1 && passed_ms != boot_ms - s->tick.boot_ms)
        world_violate(s->w, "clock: the host was up for %lld ms since the last turn, and engine time went on by %lld ms",
                      (long long)(boot_ms - s->tick.boot_ms), (long long)passed_ms);
    s->tick.boot = c->boots + 1;
    s->tick.boot_ms = boot_ms;
    s->tick.engine_ms = t->now_ms;
}

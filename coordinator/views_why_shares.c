/* Who is ahead in the queue of a pool, in words. */
#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"
#include "coordinator/engine/view_why.h"
#include "coordinator/views_parts.h"

static void per_cent(uint64_t millionths, char ret[32])
{
    snprintf(ret, 32, "%" PRIu64 ".%" PRIu64 "%%", millionths / 10000, millionths / 1000 % 10);
}

void why_ahead_tell(const struct view_source *v, const struct blocker *k, char *detail, size_t detail_size, char *remedy,
                    size_t remedy_size)
{
    const struct blocker_ahead *a = &k->ahead;
    char mine[32], theirs[32], passed[64] = "", after[64];
    struct view_id next;
    int n = snprintf(detail, detail_size, "it is ready; %s%" PRIu32 " step%s ahead of it", k->at_most ? "at most " : "", k->count,
                     k->count == 1 ? " is" : "s are");
    snprintf(remedy, remedy_size, "wait");
    if (a->by == AHEAD_NONE || n < 0 || (size_t)n >= detail_size)
        return;
    view_other_backfill(v, a->backfill, &next);
    per_cent(a->mine, mine);
    per_cent(a->theirs, theirs);
    bf_format_duration(a->age_after_ms, after, sizeof after);
    detail += n;
    detail_size -= (size_t)n;
    switch (a->by) {
    case AHEAD_CLASS:
        if (a->passed_ms)
            bf_format_duration(a->passed_ms, passed, sizeof passed);
        snprintf(detail, detail_size, "; %s is next, with work of a better class%s%s; after each %s it counts a class higher",
                 next.text, a->passed_ms ? ", and has passed it for " : "", passed, after);
        snprintf(remedy, remedy_size, "wait, or change the class: bfctl priority");
        break;
    case AHEAD_WAITED:
        snprintf(detail, detail_size, "; %s is next, raised by %" PRIu32 " class%s because it waited", next.text, a->raised,
                 a->raised == 1 ? "" : "es");
        break;
    case AHEAD_SHARE:
        snprintf(detail, detail_size, "; %s is next: it holds %s of the pool, and this backfill %s", next.text, theirs,
                 mine);
        break;
    case AHEAD_TURN:
        snprintf(detail, detail_size, "; %s is next: both hold %s of the pool, and it was served longer ago", next.text,
                 mine);
        break;
    default: snprintf(detail, detail_size, "; %s is next", next.text); break;
    }
}

/* Groups of what waits, without a look at any instance: all ready instances of a step need the same, and so wait for the same; one
 * that waits for its turn in the graph waits for a step before it that is not done. */
#include "coordinator/views_waits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/vec.h"
#include "coordinator/engine/view_why.h"

#define GROUPS_MAX 64u                           /* beside those of dependencies */

struct group { uint64_t count, steps; struct view_blocker is; };
struct groups { BF_VEC_TYPE(struct group) at; };

static void add(struct groups *g, const struct view_blocker *is, uint64_t count)
{
    if (count == 0)
        return;
    for (size_t i = 0; i < g->at.n; i++)
        if (strcmp(g->at.at[i].is.kind, is->kind) == 0 && strcmp(g->at.at[i].is.detail, is->detail) == 0) {
            g->at.at[i].count += count;
            g->at.at[i].steps++;
            return;
        }
    if (g->at.n < GROUPS_MAX)
        bf_vec_push(&g->at, (struct group){.count = count, .steps = 1, .is = *is});
}

/* The step before this one of which the most is left; PLAN_NO_INDEX: none but itself. */
static uint32_t waited_for(const struct backfill_view *b, const struct step_tally *steps, uint32_t s)
{
    const struct plan_step *step = &b->plan->steps[s];
    uint32_t most = PLAN_NO_INDEX;
    for (size_t e = 0; e < step->n_edges; e++) {
        uint32_t up = step->edges[e].upstream;
        if (up != s && tally_left(&steps[up].t) > 0 && (most == PLAN_NO_INDEX || tally_left(&steps[up].t) > tally_left(&steps[most].t)))
            most = up;
    }
    return most;
}

/* By the step that is waited for; the last of them: the partition before. */
struct waiting { uint64_t count, steps; };

static void add_waiting(struct waiting *w, const struct backfill_view *b, const struct step_tally *steps, uint32_t s)
{
    uint64_t count = steps[s].t.n[INSTANCE_WAITING];
    uint32_t up = count > 0 ? waited_for(b, steps, s) : PLAN_NO_INDEX;
    struct waiting *of = &w[up == PLAN_NO_INDEX ? b->plan->n_steps : up];
    of->count += count;
    of->steps += count > 0;
}

static int most_waited(const void *a, const void *b, void *arg)
{
    const struct waiting *w = arg, *x = &w[*(const uint32_t *)a], *y = &w[*(const uint32_t *)b];
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    return x->count != y->count ? (x->count > y->count ? -1 : 1) : i < k ? -1 : i > k;
}

/* The `max` that are waited for the most become groups. */
static void group_waiting(struct groups *g, const struct backfill_view *b, struct waiting *w, size_t max)
{
    size_t n = b->plan->n_steps + 1;
    BF_AUTO_FREE uint32_t *at = bf_xcalloc(n, sizeof *at);
    for (uint32_t i = 0; i < n; i++)
        at[i] = i;
    qsort_r(at, n, sizeof *at, most_waited, w);
    for (size_t i = 0; i < n && i < max && w[at[i]].count > 0; i++) {
        struct view_blocker is = {.kind = "dependency", .detail = "wait for the partition before them", .remedy = "wait"};
        if (at[i] < b->plan->n_steps)
            snprintf(is.detail, sizeof is.detail, "wait for %s", b->plan->steps[at[i]].name);
        bf_vec_push(&g->at, (struct group){.count = w[at[i]].count, .steps = w[at[i]].steps, .is = is});
    }
}

static void add_ready(struct groups *g, const struct view_source *v, const struct backfill_view *b, const struct step_tally *steps,
                      uint32_t s)
{
    struct view_blocker is = {.kind = "queue", .detail = "are ready and next", .remedy = "wait"};
    struct blocker k = {0};
    uint64_t ready = steps[s].t.n[INSTANCE_READY] - steps[s].t.held_ready;
    if (ready == 0)
        return;
    if (engine_why_ready(v->engine, b->id, s, &k, 1) > 0)
        view_blocker(v, b, s, &k, &is);
    add(g, &is, ready);
}

static int more_first(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return strcmp(x->is.detail, y->is.detail);
}

json_t *view_waits(const struct view_source *v, const struct backfill_view *b, const struct step_tally *steps, size_t max)
{
    struct groups g = {0};
    struct view_blocker backoff = {.kind = "backoff", .detail = "wait before the next attempt, because the last one failed",
                                   .remedy = "wait"},
                        looking = {.kind = "sensor", .detail = "are sensors, and what they wait for is not there yet", .remedy = "wait"},
                        held = {.kind = "held", .detail = "are held by a person"},
                        failed = {.kind = "upstream_failed", .detail = "cannot run: something before them failed"};
    snprintf(failed.remedy, sizeof failed.remedy, "mend what failed and run bfctl retry bf-%" PRIu32, b->id);
    snprintf(held.remedy, sizeof held.remedy, "bfctl steps bf-%" PRIu32 " --state held; bfctl resume bf-%" PRIu32 " SELECTOR", b->id,
             b->id);
    BF_AUTO_FREE struct waiting *waiting = bf_xcalloc(b->plan->n_steps + 1, sizeof *waiting);
    for (size_t k = 0; k < b->plan->n_steps; k++) {
        uint32_t s = b->plan->order[k];
        add_ready(&g, v, b, steps, s);
        add_waiting(waiting, b, steps, s);
        add(&g, &backoff, steps[s].t.n[INSTANCE_BACKING_OFF] - steps[s].t.looking);
        add(&g, &looking, steps[s].t.looking);
        add(&g, &held, steps[s].t.held);
        add(&g, &failed, steps[s].t.upstream_failed);
    }
    group_waiting(&g, b, waiting, max);
    if (g.at.n > 1)
        qsort(g.at.at, g.at.n, sizeof *g.at.at, more_first);
    json_t *list = json_array();
    for (size_t i = 0; i < g.at.n && i < max; i++)
        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:o, s:o}", "kind", g.at.at[i].is.kind, "count",
                                              (json_int_t)g.at.at[i].count, "steps", (json_int_t)g.at.at[i].steps, "detail",
                                              view_string(g.at.at[i].is.detail), "remedy", view_string(g.at.at[i].is.remedy)));
    bf_vec_free(&g.at);
    return list;
}

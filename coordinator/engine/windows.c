/* Sets of windows, and what they keep from being granted.  See windows.h. */
#include "coordinator/engine/windows.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plant.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/view_pools.h"

#define US_PER_S INT64_C(1000000)

static struct plan_windows windows_of(const struct window_set *s, uint32_t track)
{
    return (struct plan_windows){.at = s->plan->windows, .n = s->plan->n_windows, .pool = s->tracks[track].plan_pool,
                                 .zone = s->plan->zone};
}

/* ---- sets ---- */

/* Pools are compared by name: plans number them in their own ways. */
static bool same_windows(const struct plan *a, const struct plan *b)
{
    struct plan_windows x = {.at = a->windows, .n = a->n_windows, .zone = a->zone};
    struct plan_windows y = {.at = b->windows, .n = b->n_windows, .zone = b->zone};
    if (!plan_windows_equal(&x, &y))
        return false;
    for (size_t i = 0; i < a->n_windows; i++) {
        uint32_t p = a->windows[i].pool, q = b->windows[i].pool;
        if ((p == PLAN_NO_INDEX) != (q == PLAN_NO_INDEX) || (p != PLAN_NO_INDEX && strcmp(a->pools[p].name, b->pools[q].name) != 0))
            return false;
    }
    return true;
}

static uint32_t find_track(const struct window_set *s, uint32_t pool)
{
    for (uint32_t i = 1; i < s->n_tracks; i++)
        if (s->tracks[i].pool == pool)
            return i;
    return 0;
}

static void add_track(struct window_set *s, uint32_t plan_pool, uint32_t pool)
{
    s->tracks[s->n_tracks++] = (struct window_track){.plan_pool = plan_pool, .pool = pool, .budget = PLAN_WHOLE_BUDGET,
                                                     .window = PLAN_NO_WINDOW, .from_us = INT64_MAX, .until_us = INT64_MIN};
}

static void make_set(struct engine *e, const struct backfill *b)
{
    const struct plan *p = b->plan;
    struct window_set *s = bf_vec_add(&e->windows.sets);
    s->plan = p;
    s->tracks = bf_xcalloc(p->n_pools + 1, sizeof *s->tracks);
    add_track(s, PLAN_NO_INDEX, PLAN_NO_INDEX);
    for (size_t i = 0; i < p->n_windows; i++) {
        uint32_t pool = p->windows[i].pool;
        s->has_freeze |= p->windows[i].budget == 0;
        if (pool != PLAN_NO_INDEX && find_track(s, b->pools[pool]) == 0)
            add_track(s, pool, b->pools[pool]);
    }
}

void windows_attach(struct engine *e, struct backfill *b)
{
    b->windows = NO_WINDOWS;
    if (b->plan->n_windows == 0)
        return;
    for (uint32_t i = 0; i < e->windows.sets.n && b->windows == NO_WINDOWS; i++)
        if (same_windows(e->windows.sets.at[i].plan, b->plan))
            b->windows = i;
    if (b->windows != NO_WINDOWS)
        return;
    make_set(e, b);
    b->windows = (uint32_t)(e->windows.sets.n - 1);
}

uint32_t windows_need_of(struct engine *e, const struct backfill *b, uint32_t step)
{
    if (b->windows == NO_WINDOWS)
        return 0;
    bool freeze = e->windows.sets.at[b->windows].has_freeze;
    struct window_need need = {.set = b->windows, .expect_ms = freeze ? b->plan->steps[step].expect_ms : 0};
    for (uint32_t i = 0; i < e->windows.needs.n; i++)
        if (e->windows.needs.at[i].set == need.set && e->windows.needs.at[i].expect_ms == need.expect_ms)
            return i + 1;
    bf_vec_push(&e->windows.needs, need);
    return (uint32_t)e->windows.needs.n;
}

/* ---- what is not granted ---- */

/* Without a pool there is nothing to be budgeted: only a freeze keeps such a step. */
static bool over_budget(const struct engine *e, const struct window_track *t, uint32_t pool, uint32_t *ret_budget)
{
    if (t->window == PLAN_NO_WINDOW || BF_PLANTED("window_ignored"))
        return false;
    *ret_budget = 0;
    if (pool == PLAN_NO_INDEX)
        return t->budget == 0;
    const struct pool *p = &e->pools.at[pool];
    *ret_budget = plan_budget_of(p->slots, t->budget);
    bool stopped = p->slots == 0 && t->budget > 0;         /* by a person: the window takes nothing away */
    return !stopped && p->used >= *ret_budget + (BF_PLANTED("window_over_by_one") ? 1u : 0u);
}

static int64_t seconds_up(int64_t ms)
{
    return ms / 1000 + (ms % 1000 != 0);
}

static bool fits_later(const struct window_track *t, int64_t expect_ms)
{
    return t->freeze.longest_s >= seconds_up(expect_ms);
}

/* A freeze that has begun is the budget's business.  Where no later stretch between freezes is long enough either, the step begins as soon
 * as it may: it would never run otherwise. */
static bool too_late(const struct engine *e, const struct window_track *t, int64_t expect_ms)
{
    if (expect_ms == 0 || t->freeze.from_s == INT64_MAX || BF_PLANTED("freeze_run_into"))
        return false;
    int64_t left_ms = (t->freeze.from_s * US_PER_S - e->wall_us) / 1000;
    return left_ms > 0 && left_ms < expect_ms && fits_later(t, expect_ms);
}

/* What windows say of one pool that is drawn on. */
static size_t pool_blockers(const struct engine *e, const struct window_need *need, uint32_t pool, struct blocker *ret, size_t max)
{
    size_t n = 0;
    const struct window_set *s = &e->windows.sets.at[need->set];
    const struct window_track *t = &s->tracks[find_track(s, pool)];
    uint32_t left = 0;
    if (n < max && over_budget(e, t, pool, &left))
        ret[n++] = (struct blocker){.kind = BLOCKER_WINDOW, .pool = pool, .window = {.budget = t->budget, .left = left},
                                    .count = pool == PLAN_NO_INDEX ? 0 : e->pools.at[pool].used, .clears_at_ms = -1};
    if (n < max && too_late(e, t, need->expect_ms))
        ret[n++] = (struct blocker){.kind = BLOCKER_FREEZE_AHEAD, .pool = pool, .window = {.expect_ms = need->expect_ms},
                                    .clears_at_ms = -1};
    return n;
}

size_t windows_blockers(const struct engine *e, const struct demand *d, struct blocker *ret, size_t max)
{
    if (d->needs.window == 0 || max == 0)
        return 0;
    const struct window_need *need = &e->windows.needs.at[d->needs.window - 1];
    const struct draw *draw = &e->draws.at[d->needs.draw];
    if (draw->pool == PLAN_NO_INDEX)
        return pool_blockers(e, need, PLAN_NO_INDEX, ret, max);
    size_t n = 0;
    for (size_t i = 0; i < draw->n; i++)
        if (draw->items[i].dim == DRAW_SLOT)     /* one for each of its pools */
            n += pool_blockers(e, need, draw->items[i].pool, ret + n, max - n);
    return n;
}

static int64_t wall_of(int64_t at_s)
{
    return at_s == INT64_MAX ? INT64_MAX : at_s * US_PER_S;
}

static void clears_at(const struct engine *e, struct blocker *b, int64_t at_s)
{
    b->window.clears_at_us = wall_of(at_s);
    if (at_s == INT64_MAX)
        return;
    int64_t left_us = b->window.clears_at_us - e->wall_us;
    b->clears_at_ms = e->now_ms + (left_us > 0 ? (left_us + 999) / 1000 : 0);
    b->clock = CLOCK_TIMER;
}

void windows_tell(const struct engine *e, const struct demand *d, struct blocker *b)
{
    const struct window_need *need = &e->windows.needs.at[d->needs.window - 1];
    const struct window_set *s = &e->windows.sets.at[need->set];
    uint32_t track = find_track(s, (uint32_t)b->pool);
    const struct window_track *t = &s->tracks[track];
    struct plan_windows w = windows_of(s, track);
    if (b->kind == BLOCKER_WINDOW) {
        int64_t now_s = e->wall_us / US_PER_S;
        b->window.name = t->window < s->plan->n_windows ? s->plan->windows[t->window].name : "";
        if (t->from_us == INT64_MAX)
            return;
        b->window.until_us = wall_of(t->now.until_s);
        if (t->budget > 0)
            clears_at(e, b, plan_budget_rises_at(&w, now_s));
        else
            clears_at(e, b, plan_freeze_free_at(&w, now_s, fits_later(t, need->expect_ms) ? seconds_up(need->expect_ms) : 0));
        return;
    }
    b->window.name = t->freeze.window < s->plan->n_windows ? s->plan->windows[t->freeze.window].name : "";
    b->window.opens_at_us = t->freeze.from_s * US_PER_S;
    clears_at(e, b, plan_freeze_free_at(&w, t->freeze.from_s, seconds_up(need->expect_ms)));
}

/* ---- reading ---- */

static bool plan_draws_on(const struct backfill *b, size_t pool)
{
    for (size_t i = 0; i < b->plan->n_pools; i++)
        if (b->pools[i] == pool)
            return true;
    return false;
}

/* A state that is looked back to has not looked at the clock: the end is asked of the calendar, and told where it is the same window's. */
struct pool_window_view *engine_pool_windows(const struct engine *e, size_t pool, int64_t wall_us, size_t *ret_n)
{
    struct pool_window_view *at = bf_xcalloc(e->live.n + 1, sizeof *at);
    *ret_n = 0;
    for (size_t i = 0; i < e->live.n; i++) {
        const struct backfill *b = e->backfills.at[e->live.at[i] - 1];
        const struct window_set *s = b->windows != NO_WINDOWS ? &e->windows.sets.at[b->windows] : NULL;
        uint32_t track = s ? find_track(s, (uint32_t)pool) : 0;
        if (!s || s->tracks[track].window == PLAN_NO_WINDOW || !plan_draws_on(b, pool))
            continue;
        const struct window_track *t = &s->tracks[track];
        struct plan_windows w = windows_of(s, track);
        struct plan_budget now = plan_budget_at(&w, wall_us / US_PER_S);
        int64_t until_us = now.window != t->window ? 0 : now.until_s == INT64_MAX ? INT64_MAX : now.until_s * US_PER_S;
        at[(*ret_n)++] = (struct pool_window_view){b->id, t->budget, plan_budget_of(e->pools.at[pool].slots, t->budget),
                                                   s->plan->windows[t->window].name, until_us};
    }
    return at;
}

/* ---- state ---- */

enum bf_rc windows_apply(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    const struct backfill *b = backfill_find(e, r->backfill);
    const struct window_set *s = b && b->windows != NO_WINDOWS ? &e->windows.sets.at[b->windows] : NULL;
    bool none = rare->window.number == 0;
    if (!s || rare->window.track >= s->n_tracks || rare->window.number > s->plan->n_windows || rare->window.budget > PLAN_WHOLE_BUDGET ||
        (none && rare->window.budget != PLAN_WHOLE_BUDGET))
        return bf_fail(err, BF_CORRUPT, "record of kind %d (backfill %u): its plan has no such window", (int)r->kind, r->backfill);
    s->tracks[rare->window.track].budget = rare->window.budget;
    s->tracks[rare->window.track].window = none ? PLAN_NO_WINDOW : rare->window.number - 1;
    return BF_OK;
}

static void put_window(struct record_rare *rare, const struct window_set *s, uint32_t track, uint32_t budget, uint32_t window)
{
    const struct window_track *t = &s->tracks[track];
    bool none = window == PLAN_NO_WINDOW;
    rare->window = (struct record_window){.track = track, .budget = budget, .number = none ? 0 : window + 1,
                                          .name = none ? "" : s->plan->windows[window].name,
                                          .pool = t->plan_pool == PLAN_NO_INDEX ? "" : s->plan->pools[t->plan_pool].name};
}

void windows_snapshot(const struct engine *e, struct engine_out *out)
{
    for (uint32_t i = 0; i < e->windows.sets.n; i++) {
        const struct window_set *s = &e->windows.sets.at[i];
        uint32_t first = 0;                      /* a backfill that has them */
        for (size_t k = 0; k < e->backfills.n && first == 0; k++)
            first = e->backfills.at[k]->windows == i ? e->backfills.at[k]->id : 0;
        for (uint32_t t = 0; t < s->n_tracks; t++) {
            if (s->tracks[t].window == PLAN_NO_WINDOW || BF_PLANTED("checkpoint_forgets_window"))
                continue;
            struct record *r = record_add(out, RECORD_WINDOW);
            r->backfill = first;
            put_window(record_rare_need(r, &out->arena), s, t, s->tracks[t].budget, s->tracks[t].window);
            record_keep_strings(&out->arena, r);
        }
    }
}

void windows_reset(struct engine *e)
{
    bf_vec_free(&e->windows.needs);
}

void windows_free(struct engine *e)
{
    for (size_t i = 0; i < e->windows.sets.n; i++)
        free(e->windows.sets.at[i].tracks);
    bf_vec_free(&e->windows.sets);
    bf_vec_free(&e->windows.needs);
}

/* ---- looking at the clock ---- */

static void look(const struct window_set *s, uint32_t track, int64_t wall_us)
{
    struct window_track *t = &s->tracks[track];
    if (wall_us >= t->from_us && wall_us < t->until_us)
        return;
    struct plan_windows w = windows_of(s, track);
    int64_t at_s = wall_us / US_PER_S - (wall_us % US_PER_S < 0);
    t->now = plan_budget_at(&w, at_s);
    t->freeze = s->has_freeze ? plan_freeze_after(&w, at_s) : (struct plan_freeze){INT64_MAX, PLAN_NO_WINDOW, INT64_MAX};
    t->from_us = at_s * US_PER_S;
    t->until_us = t->now.until_s > INT64_MAX / US_PER_S ? INT64_MAX : t->now.until_s * US_PER_S;
}

static void look_at_set(struct decision *d, const struct backfill *b)
{
    const struct window_set *s = &d->e->windows.sets.at[b->windows];
    for (uint32_t i = 0; i < s->n_tracks; i++) {
        const struct window_track *t = &s->tracks[i];
        look(s, i, d->wall_us);
        int64_t left_ms = t->until_us == INT64_MAX ? WINDOWS_LOOK_MS : (t->until_us - d->wall_us + 999) / 1000;
        int64_t due_ms = d->now_ms + (left_ms < WINDOWS_LOOK_MS ? left_ms : WINDOWS_LOOK_MS);
        if (due_ms < d->live->windows.due_ms)
            d->live->windows.due_ms = due_ms;
        if (t->now.budget == t->budget && t->now.window == t->window)
            continue;
        struct record *r = record_begin(d, RECORD_WINDOW);
        struct record_rare *rare = record_rare_need(r, &d->out->arena);
        r->backfill = b->id;
        put_window(rare, s, i, t->now.budget, t->now.window);
        rare->window.until_us = t->until_us == INT64_MAX ? 0 : t->until_us;
        record_emit(d, r);
    }
}

void windows_decide(struct decision *d)
{
    const struct engine *e = d->e;
    d->live->windows.due_ms = INT64_MAX;
    for (size_t i = 0; i < e->live.n; i++) {
        const struct backfill *b = e->backfills.at[e->live.at[i] - 1];
        if (b->windows != NO_WINDOWS)
            look_at_set(d, b);
    }
}

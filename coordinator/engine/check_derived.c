/* What is derived, found again from what it is derived from: shares by what is open, lists by who waits, indexes by what they lead to. */
#include "coordinator/engine/check_derived.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/internal.h"

static bool broken(struct bf_error *err, const char *what, uint32_t id)
{
    bf_fail(err, BF_INTERNAL, "%s (%u)", what, id);
    return false;
}

/* ---- shares ---- */

/* What a backfill's open attempts hold: of each of its shares the slots, then the dimensions of the pool, all in one row. */
struct use { size_t *first; uint64_t *at; };

static void use_init(const struct engine *e, const struct backfill *b, struct use *u)
{
    size_t n = 0;
    u->first = bf_xcalloc(b->n_shares + 1, sizeof *u->first);
    for (size_t k = 0; k < b->n_shares; k++) {
        u->first[k] = n;
        n += 1 + (b->shares[k].pool == PLAN_NO_INDEX ? 0 : e->pools.at[b->shares[k].pool].dims.n);
    }
    u->at = bf_xcalloc(n + 1, sizeof *u->at);
}

static void use_done(struct use *u)
{
    free(u->first);
    free(u->at);
}

static void use_add(const struct backfill *b, const struct draw *d, struct use *u)
{
    for (size_t i = 0; i < d->n; i++) {
        size_t k = (size_t)(share_find(b, d->items[i].pool) - b->shares);
        u->at[u->first[k] + (d->items[i].dim == DRAW_SLOT ? 0 : 1 + d->items[i].dim)] += d->items[i].amount;
    }
    if (d->n == 0)
        u->at[u->first[share_find(b, PLAN_NO_INDEX) - b->shares]]++;
}

static bool share_agrees(const struct engine *e, const struct share *s, const uint64_t *use)
{
    size_t dims = s->pool == PLAN_NO_INDEX ? 0 : e->pools.at[s->pool].dims.n;
    bool good = s->used == use[0] && s->dims.n <= dims;
    for (size_t i = 0; good && i < dims; i++)
        good = (i < s->dims.n ? s->dims.at[i] : 0) == use[1 + i];
    return good;
}

static bool check_use(const struct engine *e, struct bf_error *err)
{
    struct use *use = bf_xcalloc(e->backfills.n + 1, sizeof *use);
    bool good = true;
    for (size_t i = 0; i < e->backfills.n; i++)
        use_init(e, e->backfills.at[i], &use[i]);
    for (uint32_t slot = e->first_attempt; slot != NO_SLOT; slot = e->attempts.at[slot].next) {
        const struct attempt *a = &e->attempts.at[slot];
        const struct backfill *b = backfill_find(e, a->backfill);
        use_add(b, step_draw(e, b, a->step), &use[b->id - 1]);
    }
    for (size_t i = 0; i < e->backfills.n; i++) {
        const struct backfill *b = e->backfills.at[i];
        for (size_t k = 0; good && k < b->n_shares; k++)
            good = share_agrees(e, &b->shares[k], use[i].at + use[i].first[k]) ||
                   broken(err, "what a backfill holds of a pool is not what its open attempts draw", b->id);
        use_done(&use[i]);
    }
    free(use);
    return good;
}

static bool check_waits(const struct engine *e, struct bf_error *err)
{
    uint32_t passed = 0, yielding = 0;
    for (size_t i = 0; i < e->backfills.n; i++)
        for (size_t k = 0; k < e->backfills.at[i]->n_shares; k++) {
            const struct share *s = &e->backfills.at[i]->shares[k];
            if (s->since_ms && backfill_finished(e->backfills.at[i]))
                return broken(err, "a backfill that has ended is passed in a pool", e->backfills.at[i]->id);
            passed += s->since_ms != 0;
            for (size_t class = 0; class < SHARE_CLASSES; class++)
                yielding += s->yielded[class].since_ms != 0;
        }
    if (passed != e->n_passed)
        return broken(err, "shares that a better class passes are miscounted", passed);
    return yielding == e->n_yielding || broken(err, "classes that yield are miscounted", yielding);
}

/* Each lane stands once in the share that it names, which is that of the first pool that it draws on. */
static bool check_share_lanes(const struct engine *e, struct bf_error *err)
{
    size_t listed = 0;
    for (size_t i = 0; i < e->backfills.n; i++)
        for (size_t k = 0; k < e->backfills.at[i]->n_shares; k++) {
            const struct share *s = &e->backfills.at[i]->shares[k];
            listed += s->lanes.n;
            for (size_t j = 0; j < s->lanes.n; j++) {
                const struct lane *l = &e->lanes.at[s->lanes.at[j]];
                if (&l->backfill->shares[l->share] != s || e->draws.at[e->demands.at[l->demand].needs.draw].pool != s->pool)
                    return broken(err, "a lane stands in the share of another pool", s->lanes.at[j]);
            }
        }
    return listed == e->lanes.n || broken(err, "lanes of shares are miscounted", (uint32_t)listed);
}

/* ---- who waits ---- */

static bool stands_at(const uint32_t *at, size_t n, uint32_t place, uint32_t what)
{
    return place < n && at[place] == what;
}

static bool check_waiting(const struct engine *e, struct bf_error *err)
{
    size_t listed = e->waiting.n, wait = 0;
    for (size_t i = 0; i < e->pools.n; i++)
        listed += e->pools.at[i].waiting.n;
    for (uint32_t i = 0; i < e->demands.n; i++) {
        const struct demand *d = &e->demands.at[i];
        const struct pool *p = d->only_pool == PLAN_NO_INDEX ? NULL : &e->pools.at[d->only_pool];
        wait += d->lanes.n > 0;
        if (d->lanes.n > 0 && !stands_at(p ? p->waiting.at : e->waiting.at, p ? p->waiting.n : e->waiting.n, d->place, i))
            return broken(err, "a demand waits, and not in the list of its pool", i);
    }
    return listed == wait || broken(err, "demands that wait are miscounted", (uint32_t)listed);
}

/* Ascending: those of the pools that have it. */
static bool check_heads(const struct engine *e, struct bf_error *err)
{
    size_t wait = 0, kept = 0;
    for (uint32_t i = 0; i < e->pools.n; i++) {
        const struct pool *p = &e->pools.at[i];
        if (p->head_backfill && !stands_at(e->waiting_pools.at, e->waiting_pools.n, (uint32_t)wait++, i))
            return broken(err, "a pool that somebody waits for is not in the list of these", i);
        if (p->reserved && !stands_at(e->reserved.at, e->reserved.n, (uint32_t)kept++, i))
            return broken(err, "a pool that is kept for somebody is not in the list of these", i);
    }
    return (wait == e->waiting_pools.n && kept == e->reserved.n) || broken(err, "pools that are waited for are miscounted", (uint32_t)wait);
}

static bool check_live(const struct engine *e, struct bf_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < e->backfills.n; i++) {
        if (backfill_finished(e->backfills.at[i]))
            continue;
        if (n >= e->live.n || e->live.at[n] != e->backfills.at[i]->id)
            return broken(err, "a backfill that has not finished is not in the list of these", e->backfills.at[i]->id);
        n++;
    }
    return n == e->live.n || broken(err, "backfills that have not finished are miscounted", (uint32_t)n);
}

/* ---- indexes ---- */

static bool check_index(const struct bf_map *of, uint64_t key, size_t place)
{
    uint64_t at = 0;
    return bf_map_get(of, key, &at) && at == place;
}

static bool check_indexes(const struct engine *e, struct bf_error *err)
{
    for (uint32_t i = 0; i < e->looks.n; i++)
        if (!check_index(&e->look_of, (uint64_t)e->looks.at[i].backfill << 32 | e->looks.at[i].number, i))
            return broken(err, "the answer of a sensor is not found", i);
    for (uint32_t i = 0; i < e->failures.n; i++)
        if (!check_index(&e->failure_of, (uint64_t)e->failures.at[i].backfill << 32 | e->failures.at[i].number, i))
            return broken(err, "a failure is not found", i);
    for (uint32_t slot = e->first_attempt; slot != NO_SLOT; slot = e->attempts.at[slot].next)
        if (!check_index(&e->slot_of, e->attempts.at[slot].ref.attempt, slot))
            return broken(err, "an open attempt is not found", slot);
    for (size_t i = 0; i < e->agents.n; i++) {
        const struct agent *a = &e->agents.at[i];
        if (agent_present(a) && agent_find_name(e, a->hello.name) != a)
            return broken(err, "an agent is not found by its name", a->id);
    }
    return (e->looks.n == e->look_of.n && e->failures.n == e->failure_of.n && e->n_open == e->slot_of.n) ||
           broken(err, "an index leads to what is not there", 0);
}

/* One that waits between two looks has been answered, and only a sensor does. */
static bool check_looks(const struct engine *e, struct bf_error *err)
{
    for (size_t i = 0; i < e->backfills.n; i++) {
        const struct backfill *b = e->backfills.at[i];
        for (uint32_t n = 0; n < b->topology->n; n++) {
            bool looked = sensor_has_looked(e, b, n), sensor = b->plan->steps[b->instances[n].step].kind == PLAN_SENSOR;
            if (looked ? !sensor : sensor && instance_looking(&b->instances[n]))
                return broken(err, "an answer of a sensor is missing, or is there of what is none", n);
        }
    }
    return true;
}

bool check_derived(const struct engine *e, struct bf_error *err)
{
    return check_use(e, err) && check_waits(e, err) && check_share_lanes(e, err) && check_waiting(e, err) && check_heads(e, err) &&
           check_live(e, err) && check_indexes(e, err) && check_looks(e, err);
}

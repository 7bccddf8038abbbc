/* Limits of pools that are throttled: what records make of them, how they are kept, and what ended attempts add.
 *
 * A pool's limit is base state.  A RECORD_POOL_LIMIT tells all of it; between two of them only the ends of attempts change it, and they
 * do so when their record is applied, in recovery too.  Baselines are kept by step of a backfill: the mean of what its attempts took,
 * which begins at what the plan expects and follows the last TYPICAL_MOST ends. */
#include "coordinator/engine/limits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/least.h"
#include "common/mem.h"
#include "common/plant.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/governor.h"
#include "coordinator/engine/view_pools.h"

enum { TYPICAL_MOST = 64, TYPICAL_EXPECTED = 4,        /* what a plan expects counts as so many ends */
       GRACE_READINGS = 3, GRACE_LEAST_MS = 10000, LIMIT_MOST = 1000000, TYPICAL_BYTES = 12 };

static enum bf_rc corrupt(const struct record *r, const char *what, struct bf_error *err)
{
    return bf_fail(err, BF_CORRUPT, "record of kind %d (pool %s, backfill %u): %s", (int)r->kind, record_rare(r)->pool_name,
                   r->backfill, what);
}

int64_t probe_grace_ms(const struct limit_probe *p)
{
    int64_t longest_ms = p->value ? 0 : p->limit / 1000;       /* one that takes so long is read, and tells */
    int64_t between_ms = longest_ms > p->every_ms ? longest_ms : p->every_ms;
    int64_t grace_ms = bf_least(between_ms, INT64_MAX / 8) * GRACE_READINGS;
    return grace_ms > GRACE_LEAST_MS ? grace_ms : GRACE_LEAST_MS;
}

struct limit_bounds limit_bounds_within(struct limit_bounds b, uint32_t slots)
{
    b.ceiling = (uint32_t)bf_least(b.ceiling, slots ? slots : 1);
    b.floor = (uint32_t)bf_least(b.floor, b.ceiling);
    return b;
}

void limit_bounds_meet(struct limit_bounds *b, const struct plan_throttle *t)
{
    if (t->algorithm == THROTTLE_NONE)
        return;
    bool first = b->algorithm == THROTTLE_NONE;
    *b = (struct limit_bounds){.algorithm = first ? t->algorithm : b->algorithm, .floor = first ? t->min : (uint32_t)bf_least(t->min, b->floor),
                               .ceiling = first ? t->max : (uint32_t)bf_least(t->max, b->ceiling)};
}

struct limit_bounds limit_bounds_planned(const struct engine *e, uint32_t pool, uint32_t *ret_of)
{
    struct limit_bounds bounds = {.algorithm = THROTTLE_NONE};
    for (size_t i = 0; i < e->live.n; i++) {
        const struct backfill *b = backfill_find(e, e->live.at[i]);
        for (size_t k = 0; b->started_us != 0 && k < b->plan->n_pools; k++) {
            uint32_t before = bounds.ceiling;                    /* 0: the first */
            if (b->pools[k] != pool)
                continue;
            limit_bounds_meet(&bounds, &b->plan->pools[k].throttle);
            if (ret_of && bounds.ceiling != before)
                *ret_of = b->id;
        }
    }
    return bounds;
}

struct limit_bounds limit_bounds_set(struct limit_bounds b, const struct pool *p)
{
    const struct pool_budget *by_hand = &p->layers[POOL_FROM_OPERATOR - 1].budget;
    if (b.algorithm == THROTTLE_NONE || BF_PLANTED("bounds_ignored"))
        return b;
    if (by_hand->ceiling) {
        b.ceiling = by_hand->ceiling;
        b.floor = (uint32_t)bf_least(b.floor, b.ceiling);
    }
    if (by_hand->floor) {
        b.floor = by_hand->floor;
        b.ceiling = b.ceiling > b.floor ? b.ceiling : b.floor;
    }
    return b;
}

bool pool_is_wanted(const struct engine *e, uint32_t pool)
{
    for (size_t i = 0; i < e->demands.n; i++)
        if (e->demands.at[i].lanes.n > 0 && draw_has_slot(&e->draws.at[e->demands.at[i].needs.draw], pool))
            return true;
    return false;
}

/* What nobody could hear is no silence. */
static int64_t silent_since_ms(const struct engine *e, const struct limit_probe *p)
{
    bool deaf = e->deaf.until_ms > p->read_ms && !BF_PLANTED("outage_is_silence");
    return deaf ? e->deaf.until_ms : p->read_ms;
}

bool probe_lapsed(const struct engine *e, const struct limit_probe *p)
{
    return e->now_ms - silent_since_ms(e, p) > probe_grace_ms(p) && engine_probe_is_wanted(e, p->connection);
}

/* When this one lapses; one that would have, and that nobody wants, does when something wants it, which is not by a timer. */
static int64_t lapses_ms(const struct engine *e, const struct limit_probe *p)
{
    int64_t at_ms = silent_since_ms(e, p) + probe_grace_ms(p) + 1;
    return at_ms > e->now_ms || probe_lapsed(e, p) ? at_ms : INT64_MAX;
}

int64_t limits_timer_ms(const struct engine *e)
{
    int64_t due_ms = INT64_MAX;
    for (size_t i = 0; i < e->pools.n; i++) {
        const struct pool *p = &e->pools.at[i];
        for (size_t k = 0; pool_is_throttled(p) && !p->governor->now.state.unreadable && k < p->governor->now.n_probes; k++)
            due_ms = bf_least(due_ms, lapses_ms(e, &p->governor->now.probes[k]));
    }
    return due_ms;
}

/* ---- records ---- */

static void probes_free(struct limit_probe *probes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free((char *)(uintptr_t)probes[i].connection);
        free((char *)(uintptr_t)probes[i].why);
    }
    free(probes);
}

void governor_free(struct pool_governor *g)
{
    if (!g)
        return;
    probes_free(g->now.probes, g->now.n_probes);
    free(g);
}

static bool within(int64_t n, int64_t low, int64_t high)
{
    return n >= low && n <= high;
}

/* What the arithmetic of the governor relies on. */
static bool is_sound(const struct pool_limit *l)
{
    const struct limit_state *s = &l->state;
    bool bounds = l->bounds.algorithm == THROTTLE_NONE ||
                  (l->bounds.floor >= 1 && l->bounds.floor <= l->bounds.ceiling && l->bounds.ceiling <= LIMIT_MOST);
    bool state = within(s->limit_milli, 1000, INT64_C(2000) * LIMIT_MOST) && within(s->threshold_milli, 0, INT64_C(2000) * LIMIT_MOST) &&
                 within(s->pressure_ppm, 0, 1000000000) && within(s->margin_ppm, 0, 999999) && within(s->service_milli, 0, 1000000) &&
                 within(s->centre_ppm, 0, 1000000000) && within(s->tail_ppm, s->centre_ppm > 0 ? 1000000 : 0, 100000000) &&
                 within(s->failed_ppm, 0, 1000000) && s->wait <= LIMIT_MOST && s->left <= LIMIT_MOST &&
                 within(s->lasts_us, 0, SERVICE_US_MAX) && within(s->pace_us, 0, INT64_MAX / 8);
    for (size_t i = 0; i < l->n_probes; i++)
        if (l->probes[i].target <= 0 || !within(l->probes[i].read_ms, 0, INT64_MAX / 8))
            return false;
    return bounds && state;
}

static struct limit_probe *probes_copy(const struct limit_probe *probes, size_t n)
{
    struct limit_probe *copy = bf_xcalloc(n ? n : 1, sizeof *copy);
    for (size_t i = 0; i < n; i++) {
        copy[i] = probes[i];
        copy[i].connection = bf_xstrdup(probes[i].connection);
        copy[i].why = bf_xstrdup(probes[i].why);
    }
    return copy;
}

/* What a snapshot's record tells of the steps of a backfill. */
static enum bf_rc apply_typical(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    struct backfill *b = backfill_find(e, r->backfill);
    struct bf_reader in = {.p = rare->bytes, .left = rare->n_bytes};
    if (!e->recovering || !b || rare->n_bytes != b->plan->n_steps * (size_t)TYPICAL_BYTES)
        return corrupt(r, "what steps take on the average does not fit the backfill", err);
    for (size_t i = 0; i < b->plan->n_steps; i++) {
        uint64_t mean_us = 0;
        bf_take_u32(&in, &b->typical[i].n);
        bf_take_u64(&in, &mean_us);
        b->typical[i].mean_us = (int64_t)mean_us;
        if (b->typical[i].n > TYPICAL_MOST || mean_us > SERVICE_US_MAX)
            return corrupt(r, "a step takes longer than there is time", err);
    }
    return BF_OK;
}

enum bf_rc apply_pool_limit(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    if (!rare->pool_name || !rare->pool_name[0])
        return apply_typical(e, r, err);
    uint32_t at = pool_find(e, rare->pool_name);
    if (at == PLAN_NO_INDEX || !rare->limit || !is_sound(rare->limit))
        return corrupt(r, "the pool is unknown, or its limit cannot be", err);
    struct pool *p = &e->pools.at[at];
    if (!p->governor)
        p->governor = bf_xcalloc(1, sizeof *p->governor);
    struct pool_governor *g = p->governor;
    struct limit_probe *probes = probes_copy(rare->limit->probes, rare->limit->n_probes);
    probes_free(g->now.probes, g->now.n_probes);
    g->now = *rare->limit;
    g->now.probes = probes;
    g->now.move.at_us = r->at_us;
    g->now.kept = false;
    if (rare->limit->kept)
        g->moves[g->n_moves++ % LIMIT_MOVES_KEPT] = g->now.move;
    p->limit = pool_is_throttled(p) ? governor_limit(&g->now.state) : 0;
    return BF_OK;
}

/* ---- readings ---- */

static void take_reading(struct limit_probe *p, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    free((char *)(uintptr_t)p->why);
    p->readable = p->fresh = rare->probe.readable;
    p->why = bf_xstrdup(rare->probe.readable ? "" : *rare->probe.why ? rare->probe.why : "no reason was given");
    if (!p->readable)
        return;
    p->reading = rare->probe.value_us;
    p->read_ms = r->retry_at_ms;
}

void limits_read(struct engine *e, const struct record *r)
{
    for (size_t i = 0; i < e->pools.n; i++)
        for (size_t k = 0; pool_is_throttled(&e->pools.at[i]) && k < e->pools.at[i].governor->now.n_probes; k++)
            if (strcmp(e->pools.at[i].governor->now.probes[k].connection, record_rare(r)->probe.connection) == 0)
                take_reading(&e->pools.at[i].governor->now.probes[k], r);
}

/* ---- ends of attempts ---- */

/* In thousandths of what is usual, before this one counts. */
static int64_t take_service(struct typical *t, const struct plan_step *s, int64_t took_us)
{
    if (t->n == 0 && s->expected && s->expect_ms > 0)
        *t = (struct typical){.mean_us = bf_least(s->expect_ms, SERVICE_US_MAX / 1000) * 1000, .n = TYPICAL_EXPECTED};
    int64_t milli = t->n > 0 && t->mean_us > 0 ? took_us * 1000 / t->mean_us : 0;
    t->n += t->n < TYPICAL_MOST;
    t->mean_us += (took_us - t->mean_us) / t->n;
    return milli;
}

/* What load may cause; a lost agent, or a wrong statement, is something else. */
static bool is_of_load(const struct record *r)
{
    bool failed = r->verdict == VERDICT_RETRY || r->verdict == VERDICT_FAILED;
    return failed && (r->failure_class == FAILURE_TRANSIENT || record_outcome(r)->source == OUTCOME_TIMEOUT);
}

static int64_t took_us(const struct record *r)
{
    int64_t us = record_outcome(r)->usage.wall_us;
    if (us <= 0 && r->started_us > 0 && r->ended_us > r->started_us)
        us = r->ended_us - r->started_us;
    return us < 0 ? 0 : bf_least(us, SERVICE_US_MAX);
}

void limits_ended(struct engine *e, struct backfill *b, const struct attempt *a, const struct record *r)
{
    const struct draw *draw = step_draw(e, b, a->step);
    pace_ended(e, draw, a->granted_ms, r->voted_ms);
    int64_t us = took_us(r), milli = 0;
    bool well = r->verdict == VERDICT_SUCCEEDED, failed = is_of_load(r);
    if (well && us > 0)
        milli = take_service(&b->typical[a->step], &b->plan->steps[a->step], us);
    for (size_t i = 0; i < draw->n && (well || failed); i++)
        if (draw->items[i].dim == DRAW_SLOT && pool_is_throttled(&e->pools.at[draw->items[i].pool]))
            governor_ended(&e->pools.at[draw->items[i].pool].governor->now.state, milli, failed);
}

/* ---- checkpoints, hashes, checks ---- */

static void add_limit(const struct pool *p, const struct limit_move *m, bool kept, struct engine_out *out)
{
    struct record *r = record_add(out, RECORD_POOL_LIMIT);
    struct record_rare *rare = record_rare_need(r, &out->arena);
    struct pool_limit l = p->governor->now;
    l.move = *m;
    l.kept = kept;
    l.n_probes = kept ? 0 : l.n_probes;
    rare->pool_name = p->name;
    rare->limit = &l;
    r->at_us = m->at_us;
    record_keep_strings(&out->arena, r);
}

void limits_snapshot(const struct engine *e, struct engine_out *out)
{
    for (size_t i = 0; i < e->pools.n; i++) {
        const struct pool_governor *g = e->pools.at[i].governor;
        uint64_t first = g && g->n_moves > LIMIT_MOVES_KEPT ? g->n_moves - LIMIT_MOVES_KEPT : 0;
        for (uint64_t k = first; g && k < g->n_moves; k++)
            add_limit(&e->pools.at[i], &g->moves[k % LIMIT_MOVES_KEPT], true, out);
        if (g)
            add_limit(&e->pools.at[i], &g->now.move, false, out);
    }
}

static void put_typical(const struct backfill *b, struct bf_buf *out)
{
    for (size_t i = 0; i < b->plan->n_steps; i++) {
        bf_buf_put_u32(out, b->typical[i].n);
        bf_buf_put_u64(out, (uint64_t)b->typical[i].mean_us);
    }
}

void limits_snapshot_typical(const struct backfill *b, struct engine_out *out)
{
    bool any = false;
    for (size_t i = 0; i < b->plan->n_steps && !any; i++)
        any = b->typical[i].n > 0;
    if (!any)
        return;
    struct bf_buf packed = {0};
    put_typical(b, &packed);
    struct record *r = record_add(out, RECORD_POOL_LIMIT);
    struct record_rare *rare = record_rare_need(r, &out->arena);
    r->backfill = b->id;
    rare->bytes = packed.data;
    rare->n_bytes = packed.len;
    record_keep_strings(&out->arena, r);
    bf_buf_free(&packed);
}

void limits_hash_typical(const struct backfill *b, struct bf_buf *out)
{
    put_typical(b, out);
}

static void put_times(struct bf_buf *out, const int64_t *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bf_buf_put_u64(out, (uint64_t)at[i]);
}

static void put_move(struct bf_buf *out, const struct limit_move *m)
{
    put_times(out, (const int64_t[]){m->at_us, m->reading, m->target, m->service_milli, m->failed_ppm, m->before, m->after, m->used}, 8);
    bf_buf_put_u8(out, (uint8_t)m->reason);
    bf_buf_put_u8(out, (uint8_t)(m->queued << 1 | m->value));
}

void limits_hash(const struct pool *p, struct bf_buf *out)
{
    const struct pool_governor *g = p->governor;
    bf_buf_put_u8(out, g != NULL);
    if (!g)
        return;
    const struct limit_state *s = &g->now.state;
    const struct limit_bounds *b = &g->now.bounds;
    put_times(out, (const int64_t[]){p->limit, (int64_t)b->algorithm, b->floor, b->ceiling, s->limit_milli, s->threshold_milli,
                                     s->pressure_ppm, s->margin_ppm, s->service_milli, s->failed_ppm, s->wait, s->left, s->served,
                                     s->ended, s->used_ms, s->stepped_ms, s->unreadable, s->centre_ppm, s->tail_ppm,
                                     s->readings, s->was_over, s->lasts_us, s->pace_us}, 23);
    put_move(out, &g->now.move);
    for (size_t i = 0; i < g->now.n_probes; i++) {
        const struct limit_probe *q = &g->now.probes[i];
        bf_buf_put(out, q->connection, strlen(q->connection) + 1);
        bf_buf_put(out, q->why, strlen(q->why) + 1);
        put_times(out, (const int64_t[]){q->value, q->every_ms, q->target, q->limit, q->readable, q->fresh, q->reading, q->read_ms}, 8);
    }
    uint64_t first = g->n_moves > LIMIT_MOVES_KEPT ? g->n_moves - LIMIT_MOVES_KEPT : 0;
    for (uint64_t k = first; k < g->n_moves; k++)
        put_move(out, &g->moves[k % LIMIT_MOVES_KEPT]);
}

bool limits_agree(const struct pool *p)
{
    if (!pool_is_throttled(p))
        return p->limit == 0;
    const struct limit_bounds *b = &p->governor->now.bounds;
    return p->limit >= 1 && p->limit <= b->ceiling && p->limit == governor_limit(&p->governor->now.state);
}

/* ---- for views ---- */

/* Would the governor let more run, by its last step? */
static bool sees_room(const struct pool_limit *l)
{
    switch (l->move.reason) {
    case LIMIT_LOWERED:
    case LIMIT_CUT:
    case LIMIT_UNREADABLE:
    case LIMIT_FAILING:
    case LIMIT_DRAINING:
    case LIMIT_SLOW_STEPS: return false;
    case LIMIT_BEGUN:
    case LIMIT_CHANGED:
    case LIMIT_RELEASED:
    case LIMIT_SLOW_START:
    case LIMIT_RAISED:
    case LIMIT_IDLE:
    case LIMIT_HELD:
    case LIMIT_UNUSED:
    case LIMIT_SET: break;
    }
    return !l->state.unreadable && l->state.pressure_ppm <= 1000000 - l->state.margin_ppm;
}

static void view_ceiling(const struct pool *p, struct limit_view *ret)
{
    const struct pool_budget *by_hand = &p->layers[POOL_FROM_OPERATOR - 1].budget;
    uint32_t ceiling = ret->now->bounds.ceiling;
    bool set = by_hand->ceiling || by_hand->floor > ret->planned.ceiling;
    ret->ceiling_by = ceiling >= p->slots ? CEILING_BY_SLOTS : set ? CEILING_BY_HAND : CEILING_BY_PLAN;
    ret->at_ceiling = ret->throttled && p->slots > 0 && ret->limit >= ceiling && p->used >= ret->limit && sees_room(ret->now);
}

bool engine_limit(const struct engine *e, size_t pool, struct limit_view *ret)
{
    const struct pool *p = &e->pools.at[pool];
    if (!p->governor)
        return false;
    uint64_t n = p->governor->n_moves;
    *ret = (struct limit_view){.now = &p->governor->now, .throttled = pool_is_throttled(p), .limit = limit_in_force(p->limit, p),
                               .n_moves = n < LIMIT_MOVES_KEPT ? (size_t)n : LIMIT_MOVES_KEPT, .moved = n};
    ret->planned = limit_bounds_planned(e, (uint32_t)pool, &ret->ceiling_of);
    view_ceiling(p, ret);
    ret->at_ceiling = ret->at_ceiling && pool_is_wanted(e, (uint32_t)pool);
    return true;
}

const struct limit_move *engine_limit_move(const struct engine *e, size_t pool, size_t i)
{
    const struct pool_governor *g = e->pools.at[pool].governor;
    uint64_t first = g->n_moves > LIMIT_MOVES_KEPT ? g->n_moves - LIMIT_MOVES_KEPT : 0;
    assert(first + i < g->n_moves);
    return &g->moves[(first + i) % LIMIT_MOVES_KEPT];
}

/* Deciding on the limits of throttled pools (governor.h has the controller).
 *
 * Which pools are throttled follows from the backfills that have begun and not ended: a pool is while one of them gives it a throttle.
 * Several on one pool: the lowest floor and the lowest ceiling hold, and the algorithm of the oldest; what a person sets (`bfctl pool set`)
 * holds over both.  The probes of a pool are those of the connections of all steps that draw on it, whosever; what is asked of one is the
 * same for every pool (engine_probe_asked()).  What would bring a pool more of them than it can have is refused.
 *
 * A reading is a record when it comes (probes.c), and is taken by the pools of its connection when that is applied (limits.c).  The step of
 * the governor is another, when the turn ends in which the worst probe was read, or one that is worse now: after the grants, when what is
 * in use is what is allowed if there is work for it.  Without a probe a step comes with the ends of attempts, at most one each STEP_MS.
 * A probe that is wanted (probes.c) and that nobody hears of for its grace (limits.c) is a timer; its step comes before the grants, which
 * must not go by what was known long ago.  Of one that nobody wants silence means nothing, and the limit stays. */
#include <string.h>

#include "coordinator/engine/decide.h"
#include "coordinator/engine/governor.h"

#define PPM INT64_C(1000000)
enum { STEP_MS = 5000 };

/* ---- who is throttled ---- */

struct wanted { struct limit_bounds bounds; struct limit_probe probes[LIMIT_PROBES_MAX]; size_t n_probes; };

static void want_probe(const struct engine *e, struct wanted *w, const char *connection)
{
    struct probe_asked asked;
    for (size_t i = 0; i < w->n_probes; i++)
        if (strcmp(w->probes[i].connection, connection) == 0)
            return;
    if (w->n_probes == LIMIT_PROBES_MAX || !engine_probe_asked(e, connection, &asked))
        return;
    const struct plan_probe *p = &asked.probe;
    w->probes[w->n_probes++] = (struct limit_probe){.connection = connection, .value = p->value, .every_ms = p->every_ms,
                                                    .target = p->target, .limit = p->limit, .reading = -1, .why = ""};
}

static bool is_probed(const struct plan *p, const struct plan_step *s)
{
    bool connects = s->kind == PLAN_SQL || s->kind == PLAN_WAREHOUSE || s->kind == PLAN_SENSOR;
    return connects && p->connections[s->connection].probe;
}

static void want_for(const struct engine *e, const struct backfill *b, struct wanted *wanted)
{
    const struct plan *plan = b->plan;
    for (size_t i = 0; i < plan->n_pools; i++)
        limit_bounds_meet(&wanted[b->pools[i]].bounds, &plan->pools[i].throttle);
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct plan_step *s = &plan->steps[i];
        const struct draw *draw = step_draw(e, b, (uint32_t)i);
        for (size_t k = 0; is_probed(plan, s) && k < draw->n; k++)
            if (draw->items[k].dim == DRAW_SLOT)
                want_probe(e, &wanted[draw->items[k].pool], plan->connections[s->connection].name);
    }
}

/* A probe that was there keeps what it read. */
static void keep_readings(struct wanted *w, const struct pool_governor *g, int64_t now_ms)
{
    for (size_t i = 0; i < w->n_probes; i++) {
        struct limit_probe *p = &w->probes[i];
        p->read_ms = now_ms;
        for (size_t k = 0; g && k < g->now.n_probes; k++) {
            const struct limit_probe *old = &g->now.probes[k];
            if (strcmp(old->connection, p->connection) != 0 || old->value != p->value)
                continue;
            p->readable = old->readable;
            p->fresh = old->fresh;
            p->reading = old->reading;
            p->read_ms = old->read_ms;
            p->why = old->why;
        }
    }
}

static bool same_probes(const struct wanted *w, const struct pool_limit *l)
{
    bool same = w->n_probes == l->n_probes;
    for (size_t i = 0; same && i < w->n_probes; i++) {
        const struct limit_probe *a = &w->probes[i], *b = &l->probes[i];
        same = strcmp(a->connection, b->connection) == 0 && a->value == b->value && a->every_ms == b->every_ms && a->target == b->target &&
               a->limit == b->limit;
    }
    return same;
}

static bool is_as_wanted(const struct pool *p, const struct wanted *w)
{
    if (!pool_is_throttled(p) || w->bounds.algorithm == THROTTLE_NONE)
        return !pool_is_throttled(p) && w->bounds.algorithm == THROTTLE_NONE;
    const struct limit_bounds *b = &p->governor->now.bounds, within = limit_bounds_within(*b, p->slots);
    return b->algorithm == w->bounds.algorithm && b->floor == w->bounds.floor && b->ceiling == w->bounds.ceiling &&
           p->limit >= within.floor && p->limit <= within.ceiling &&
           p->governor->now.move.after == limit_in_force(p->limit, p) && same_probes(w, &p->governor->now);
}

/* ---- before a backfill begins ---- */

/* Connections whose probes would govern a pool; of more than are possible one more. */
struct probe_names { const char *at[LIMIT_PROBES_MAX + 1]; size_t n; bool throttled; };

static bool takes_slot(const struct plan_step *s, uint32_t pool)
{
    for (uint32_t i = 0; i < s->n_also; i++)
        if (s->also[i] == pool)
            return true;
    return s->pool == pool;
}

static void name_probe(struct probe_names *names, const char *connection)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->at[i], connection) == 0)
            return;
    if (names->n <= LIMIT_PROBES_MAX)
        names->at[names->n++] = connection;
}

static void name_probes(const struct plan *p, const char *pool, struct probe_names *names)
{
    uint32_t at = 0;
    bool any = false;
    while (at < p->n_pools && strcmp(p->pools[at].name, pool) != 0)
        at++;
    for (size_t i = 0; i < p->n_connections && !any; i++)
        any = p->connections[i].probe != NULL;
    names->throttled |= at < p->n_pools && p->pools[at].throttle.algorithm != THROTTLE_NONE;
    for (size_t i = 0; at < p->n_pools && any && i < p->n_steps; i++)
        if (is_probed(p, &p->steps[i]) && takes_slot(&p->steps[i], at))
            name_probe(names, p->connections[p->steps[i].connection].name);
}

const char *limits_objection(struct decision *d, const struct plan *plan)
{
    for (size_t i = 0; i < plan->n_pools; i++) {
        struct probe_names names = {.n = 0};
        name_probes(plan, plan->pools[i].name, &names);
        bool may = names.n > 0 || names.throttled;
        for (size_t k = 0; may && k < d->e->live.n; k++)
            name_probes(backfill_find(d->e, d->e->live.at[k])->plan, plan->pools[i].name, &names);
        if (names.throttled && names.n > LIMIT_PROBES_MAX)
            return out_printf(d->out, "pool %s would be governed by the probes of more than %u connections, with those of the backfills "
                                      "that are not over: wait until some are, or give these steps a pool of their own",
                              plan->pools[i].name, LIMIT_PROBES_MAX);
    }
    return NULL;
}

/* ---- records ---- */

static bool is_told_again(const struct pool_governor *g, enum limit_reason reason)
{
    return g && g->n_moves > 0 && g->moves[(g->n_moves - 1) % LIMIT_MOVES_KEPT].reason == reason;
}

static bool is_told(enum limit_reason reason)
{
    return reason == LIMIT_BEGUN || reason == LIMIT_CHANGED || reason == LIMIT_RELEASED || reason == LIMIT_CUT ||
           reason == LIMIT_UNREADABLE || reason == LIMIT_SET;
}

/* Millionths of the target; -1: nothing was read.  Of a value of many millions whole targets are exact enough: it is far over any. */
static int64_t pressure_of(const struct limit_probe *p)
{
    int64_t millionths, times;
    if (p->reading < 0)
        return -1;
    if (!__builtin_mul_overflow(p->reading, PPM, &millionths))
        return millionths / p->target;
    times = p->reading / p->target;
    return times < INT64_MAX / PPM ? times * PPM : INT64_MAX;
}

/* NULL: nothing was read yet. */
static const struct limit_probe *worst_of(const struct pool_limit *l)
{
    const struct limit_probe *worst = NULL;
    for (size_t i = 0; i < l->n_probes; i++)
        if (l->probes[i].reading >= 0 && (!worst || pressure_of(&l->probes[i]) > pressure_of(worst)))
            worst = &l->probes[i];
    return worst;
}

static void emit(struct decision *d, uint32_t pool, struct pool_limit *l, enum limit_reason reason)
{
    const struct pool *p = &d->e->pools.at[pool];
    bool is = l->bounds.algorithm != THROTTLE_NONE;
    uint32_t before = pool_is_throttled(p) ? p->governor->now.move.after : 0;
    const struct limit_probe *worst = worst_of(l);
    l->move = (struct limit_move){.reason = reason, .at_us = d->wall_us, .before = before,
                                  .after = is ? limit_in_force(governor_limit(&l->state), p) : 0, .used = p->used,
                                  .queued = pool_is_wanted(d->e, pool), .service_milli = l->state.service_milli,
                                  .failed_ppm = l->state.failed_ppm};
    if (worst) {
        l->move.value = worst->value;
        l->move.reading = l->state.unreadable ? -1 : worst->reading;     /* that one moved nothing */
        l->move.target = worst->target;
    }
    l->kept = l->move.after != before || (is_told(reason) && !is_told_again(p->governor, reason));
    if (!is || l->move.after > before)
        d->live->work_left = true;               /* the grants of this turn did not know */
    struct record *r = record_begin(d, RECORD_POOL_LIMIT);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    rare->pool_name = p->name;
    rare->limit = l;
    record_emit(d, r);
}

/* again: why, where it is throttled before and after. */
static void change(struct decision *d, uint32_t pool, struct wanted *w, enum limit_reason again)
{
    const struct pool *p = &d->e->pools.at[pool];
    struct pool_limit l = {.bounds = w->bounds, .probes = w->probes, .n_probes = w->n_probes};
    bool was = pool_is_throttled(p), is = w->bounds.algorithm != THROTTLE_NONE;
    keep_readings(w, was ? p->governor : NULL, d->now_ms);
    if (!is)
        l.n_probes = 0;
    if (was || p->governor)
        l.state = p->governor->now.state;
    struct limit_bounds within = limit_bounds_within(w->bounds, p->slots);
    if (is && was)
        governor_rebound(&l.state, &within);
    else if (is)
        governor_begin(&l.state, &within, d->now_ms);
    emit(d, pool, &l, !is ? LIMIT_RELEASED : was ? again : LIMIT_BEGUN);
}

/* By pool; output's arena. */
static struct wanted *want_all(struct decision *d)
{
    const struct engine *e = d->e;
    struct wanted *wanted = bf_arena_alloc(&d->out->arena, e->pools.n * sizeof *wanted);
    for (size_t i = 0; i < e->live.n; i++) {
        const struct backfill *b = backfill_find(e, e->live.at[i]);
        if (b->started_us != 0)
            want_for(e, b, wanted);
    }
    for (size_t i = 0; i < e->pools.n; i++)
        wanted[i].bounds = limit_bounds_set(wanted[i].bounds, &e->pools.at[i]);
    return wanted;
}

void decide_throttles(struct decision *d)
{
    const struct engine *e = d->e;
    if (!e->throttles_due)
        return;
    d->live->throttles_due = false;
    struct wanted *wanted = want_all(d);
    for (uint32_t i = 0; i < e->pools.n; i++)
        if (!is_as_wanted(&e->pools.at[i], &wanted[i]))
            change(d, i, &wanted[i], LIMIT_CHANGED);
}

void decide_bounds_set(struct decision *d, uint32_t pool)
{
    struct wanted *wanted = want_all(d);
    if (!is_as_wanted(&d->e->pools.at[pool], &wanted[pool]))
        change(d, pool, &wanted[pool], LIMIT_SET);
}

/* ---- readings and steps ---- */

/* Has a reading come that says more than was known at the last step?  Of several probes the worst is what the limit goes by: steps with
 * the readings of others would grow it many times by one reading, and learn of that one again and again. */
static bool is_news(const struct pool_limit *l)
{
    const struct limit_probe *worst = worst_of(l);
    bool any = false;
    for (size_t i = 0; i < l->n_probes; i++) {
        const struct limit_probe *p = &l->probes[i];
        if (p->fresh && (p == worst || p->reading >= p->limit))
            return true;
        any = any || p->fresh;
    }
    bool another = worst && (worst->reading != l->move.reading || worst->target != l->move.target);
    return any && (another || l->state.unreadable || governor_is_failing(&l->state));
}

static void weigh_probes(const struct decision *d, const struct pool_limit *l, struct governor_inputs *in)
{
    const struct limit_probe *worst = worst_of(l);
    in->has_probe = l->n_probes > 0;
    in->summed_up = worst && worst->value;
    in->reading_ppm = worst ? pressure_of(worst) : 0;
    for (size_t i = 0; i < l->n_probes; i++) {
        const struct limit_probe *p = &l->probes[i];
        in->unreadable = in->unreadable || probe_lapsed(d->e, p);
        in->over = in->over || (p->readable && p->reading >= p->limit);
    }
}

static bool ends_are_due(const struct pool_limit *l, int64_t now_ms)
{
    return l->n_probes == 0 && (l->state.served > 0 || governor_is_failing(&l->state)) && now_ms - l->state.stepped_ms >= STEP_MS;
}

static void decide_limit(struct decision *d, uint32_t pool, bool only_lapsed)
{
    const struct pool *p = &d->e->pools.at[pool];
    struct pool_limit l = p->governor->now;
    struct limit_probe probes[LIMIT_PROBES_MAX];
    memcpy(probes, l.probes, l.n_probes * sizeof *probes);
    l.probes = probes;
    struct governor_inputs in = {.now_ms = d->now_ms, .used = p->used};
    weigh_probes(d, &l, &in);
    bool lapsed = in.unreadable && !l.state.unreadable;
    if (!lapsed && (only_lapsed || (!is_news(&l) && !ends_are_due(&l, d->now_ms))))
        return;
    for (size_t i = 0; i < l.n_probes; i++)
        probes[i].fresh = false;
    in.queued = pool_is_wanted(d->e, pool);
    struct limit_bounds bounds = limit_bounds_within(l.bounds, p->slots);
    enum limit_reason reason = governor_step(&l.state, &bounds, &in);
    emit(d, pool, &l, reason);
}

void decide_limits(struct decision *d, bool only_lapsed)
{
    for (uint32_t i = 0; i < d->e->pools.n; i++)
        if (pool_is_throttled(&d->e->pools.at[i]))
            decide_limit(d, i, only_lapsed);
}

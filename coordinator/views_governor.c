/* What governs a pool, as a document: the limit, what moved it last, and what it is moved by.  The words of `why` are made here too, from
 * the same state. */
#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"
#include "coordinator/engine/view_pools.h"
#include "coordinator/views_parts.h"

/* Of a limit that follows the pool's own steps and failures, as parts of one. */
static double part(int64_t n, int64_t whole)
{
    return (double)n / (double)whole;
}

/* Milliseconds, or the value itself. */
static json_t *reading(bool value, int64_t n)
{
    return n < 0 ? json_null() : json_real(part(n, value ? 1000000 : 1000));
}

static json_t *probe(const struct view_source *v, const struct limit_probe *p)
{
    json_t *j = json_object();
    json_object_set_new(j, "connection", view_string(p->connection));
    json_object_set_new(j, "measure", json_string(p->value ? "value" : "elapsed"));
    json_object_set_new(j, "unit", json_string(p->value ? "" : "ms"));
    json_object_set_new(j, "every_ms", json_integer(p->every_ms));
    json_object_set_new(j, "target", reading(p->value, p->target));
    json_object_set_new(j, "limit", reading(p->value, p->limit));
    json_object_set_new(j, "reading", reading(p->value, p->reading));
    json_object_set_new(j, "read_at", p->reading < 0 ? json_null() : view_engine_time(v, p->read_ms));
    json_object_set_new(j, "readable", json_boolean(p->readable));
    json_object_set_new(j, "why", *p->why ? view_string(p->why) : json_null());
    return j;
}

static json_t *move(const struct limit_move *m)
{
    json_t *j = json_object();
    json_object_set_new(j, "at", view_time(m->at_us));
    json_object_set_new(j, "reason", json_string(limit_reason_name(m->reason)));
    json_object_set_new(j, "before", m->reason == LIMIT_BEGUN ? json_null() : json_integer(m->before));
    json_object_set_new(j, "after", m->reason == LIMIT_RELEASED ? json_null() : json_integer(m->after));
    json_object_set_new(j, "used", json_integer(m->used));
    json_object_set_new(j, "queued", json_boolean(m->queued));
    json_object_set_new(j, "reading", m->target ? reading(m->value, m->reading) : json_null());
    json_object_set_new(j, "target", m->target ? reading(m->value, m->target) : json_null());
    json_object_set_new(j, "service", json_real(part(m->service_milli, 1000)));
    json_object_set_new(j, "failed", json_real(part(m->failed_ppm, 1000000)));
    return j;
}

/* Whose the ceiling is; of a plan that the key may not see, not which. */
static json_t *ceiling_by(const struct view_source *v, const struct limit_view *l)
{
    static const char *const sources[] = {[CEILING_BY_PLAN] = "plan", [CEILING_BY_HAND] = "operator", [CEILING_BY_SLOTS] = "slots"};
    struct view_id of;
    bool seen = l->ceiling_by == CEILING_BY_PLAN && view_other_backfill(v, l->ceiling_of, &of);
    return json_pack("{s:s, s:o}", "source", sources[l->ceiling_by], "backfill", seen ? json_string(of.text) : json_null());
}

json_t *view_throttle(const struct view_source *v, size_t pool, bool moves)
{
    struct limit_view l;
    if (!engine_limit(v->engine, pool, &l) || (!l.throttled && !moves))
        return json_null();
    const struct limit_state *s = &l.now->state;
    json_t *j = json_object(), *probes = json_array(), *last = json_array();
    json_object_set_new(j, "algorithm", json_string(throttle_algorithm_name(l.now->bounds.algorithm)));
    json_object_set_new(j, "limit", l.throttled ? json_integer(l.limit) : json_null());
    json_object_set_new(j, "floor", json_integer(l.now->bounds.floor));
    json_object_set_new(j, "ceiling", json_integer(l.now->bounds.ceiling));
    json_object_set_new(j, "planned", l.planned.algorithm == THROTTLE_NONE
                                          ? json_null()
                                          : json_pack("{s:I, s:I}", "floor", (json_int_t)l.planned.floor, "ceiling", (json_int_t)l.planned.ceiling));
    json_object_set_new(j, "ceiling_by", l.throttled ? ceiling_by(v, &l) : json_null());
    json_object_set_new(j, "at_ceiling", json_boolean(l.at_ceiling));
    json_object_set_new(j, "reason", json_string(limit_reason_name(l.now->move.reason)));
    json_object_set_new(j, "queued", json_boolean(l.now->move.queued));
    json_object_set_new(j, "pressure", s->pressure_ppm ? json_real(part(s->pressure_ppm, 1000000)) : json_null());
    json_object_set_new(j, "tail", s->tail_ppm ? json_real(part(s->tail_ppm, 1000000)) : json_null());
    json_object_set_new(j, "setpoint", json_real(part(1000000 - s->margin_ppm, 1000000)));
    json_object_set_new(j, "service", json_real(part(s->service_milli, 1000)));
    json_object_set_new(j, "failed", json_real(part(s->failed_ppm, 1000000)));
    json_object_set_new(j, "lasts_ms", s->lasts_us ? json_integer(s->lasts_us / 1000) : json_null());
    for (size_t i = 0; i < l.now->n_probes; i++)
        json_array_append_new(probes, probe(v, &l.now->probes[i]));
    json_object_set_new(j, "probes", probes);
    for (size_t i = 0; moves && i < l.n_moves; i++)
        json_array_append_new(last, move(engine_limit_move(v->engine, pool, i)));
    json_object_set_new(j, "moves", last);
    return j;
}

/* ---- why ---- */

/* To three places, as plans have them: "123456.5"; "under 0.001". */
static void value_words(int64_t millionths, char *ret, size_t size)
{
    int64_t thousandths = (millionths + 500) / 1000;
    bool under = millionths > 0 && thousandths == 0;
    thousandths += under;
    int n = snprintf(ret, size, "%s%" PRId64 ".%03d", under ? "under " : "", thousandths / 1000, (int)(thousandths % 1000));
    while (ret[n - 1] == '0')
        ret[--n] = '\0';
    if (ret[n - 1] == '.')
        ret[n - 1] = '\0';
}

/* "500ms", "under 1ms", or "12.5". */
static void amount(bool value, int64_t n, char *ret, size_t size)
{
    if (value)
        value_words(n, ret, size);
    else if (n > 0 && n < 1000)
        snprintf(ret, size, "under 1ms");
    else
        bf_format_duration((n + 500) / 1000, ret, size);
}

static const struct limit_probe *worst_of(const struct pool_limit *l)
{
    const struct limit_probe *worst = NULL;
    for (size_t i = 0; i < l->n_probes; i++)
        if (!worst || part(l->probes[i].reading, l->probes[i].target) > part(worst->reading, worst->target))
            worst = &l->probes[i];
    return worst;
}

/* Why the limit is at its floor while it is not readable: one that could not be read, else the one that was read the longest ago. */
static const struct limit_probe *unread_of(const struct pool_limit *l)
{
    const struct limit_probe *oldest = NULL;
    for (size_t i = 0; i < l->n_probes; i++) {
        const struct limit_probe *p = &l->probes[i];
        if (!p->readable)
            return p;
        oldest = !oldest || p->read_ms < oldest->read_ms ? p : oldest;
    }
    return oldest;
}

static void tell_probe(const struct view_source *v, const struct pool_limit *l, char *ret, size_t size)
{
    char read[32], target[32], silent[64];
    const struct limit_probe *p = l->state.unreadable ? unread_of(l) : worst_of(l);
    if (!p) {
        snprintf(ret, size, "its steps take %.1f times what they use to", part(l->state.service_milli, 1000));
        return;
    }
    amount(p->value, p->reading, read, sizeof read);
    amount(p->value, p->target, target, sizeof target);
    bf_format_duration(v->engine_ms - p->read_ms, silent, sizeof silent);
    if (l->state.unreadable && p->readable)      /* nobody asked, while nothing ran; or nobody has answered yet */
        snprintf(ret, size, "the probe of connection %s was not read for %s", p->connection, silent);
    else if (l->state.unreadable || p->reading < 0)
        snprintf(ret, size, "the probe of connection %s %s%s%.*s", p->connection,
                 p->reading < 0 && !*p->why ? "has not been read yet" : "is not readable", *p->why ? ": " : "",
                 (int)bf_utf8_cut(p->why, 100), p->why);
    else
        snprintf(ret, size, "the probe of connection %s reads %s, and its target is %s", p->connection, read, target);
}

uint32_t view_ceiling_enough(const struct view_source *v, size_t pool)
{
    struct pool_view p;
    struct limit_view l;
    engine_pool(v->engine, pool, &p);
    if (!engine_limit(v->engine, pool, &l) || !l.at_ceiling || l.limit >= p.slots)
        return 0;
    return p.used < p.slots ? p.used + 1 : p.slots;
}

/* ", its ceiling by the plan of bf-1", where it holds what waits. */
static void tell_ceiling(const struct view_source *v, size_t pool, const struct limit_view *l, char *ret, size_t size)
{
    char who[VIEW_SET_BY_MAX];
    struct view_id of;
    if (l->ceiling_by == CEILING_BY_HAND) {
        view_pool_set_by(v, pool, who);
        snprintf(ret, size, ", its ceiling, set by %s", who);
    } else {
        view_other_backfill(v, l->ceiling_of, &of);
        snprintf(ret, size, ", its ceiling by the plan of %s", of.text);
    }
}

void view_throttle_words(const struct view_source *v, size_t pool, char *detail, size_t detail_size, char *remedy, size_t remedy_size)
{
    struct pool_view p;
    struct limit_view l;
    struct pool_said_view said;
    char probe_words[256] = "", ceiling_words[VIEW_SET_BY_MAX + 32] = "";
    uint32_t enough = view_ceiling_enough(v, pool);
    engine_pool(v->engine, pool, &p);
    if (!engine_limit(v->engine, pool, &l))
        return;
    tell_probe(v, l.now, probe_words, sizeof probe_words);
    if (enough)
        tell_ceiling(v, pool, &l, ceiling_words, sizeof ceiling_words);
    snprintf(detail, detail_size, "pool %s is throttled: %" PRIu32 " run, and %" PRIu32 " of its %" PRIu32 " slots may be used now%s; %s",
             p.name, p.used, l.limit, p.slots, ceiling_words, probe_words);
    bool set = engine_pool_said(v->engine, pool, POOL_FROM_OPERATOR, &said) && said.budget->ceiling;
    if (enough)
        snprintf(remedy, remedy_size, "wait, or raise the ceiling: bfctl pool set %.100s --ceiling %" PRIu32 "%s", p.name, enough,
                 set ? "; or --ceiling reset, which takes back what was set" : "");
    else
        snprintf(remedy, remedy_size, "wait: the limit follows the load; bfctl pool show %s says why it is what it is", p.name);
}

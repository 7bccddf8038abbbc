/* The canonical pairs of a breaker that the plan speaks of.  They are no part of what a step does: tuning one runs nothing again. */
#include <inttypes.h>
#include <stdio.h>

#include "plan/canonical_walk.h"

static void add_percent(struct walk *w, const char *key, uint32_t millionths)
{
    bf_buf_printf(&w->value, "%" PRIu32 ".%04" PRIu32, millionths / 10000, millionths % 10000);
    while (w->value.data[w->value.len - 1] == '0')
        w->value.len--;
    w->value.len -= w->value.data[w->value.len - 1] == '.';
    bf_buf_put_str(&w->value, "%");
    walk_add(w, key, PLAN_NOTES);
}

static void add_factor(struct walk *w, const char *key, uint32_t milli)
{
    bf_buf_printf(&w->value, "%" PRIu32 ".%03" PRIu32, milli / 1000, milli % 1000);
    while (w->value.data[w->value.len - 1] == '0')
        w->value.len--;
    w->value.len -= w->value.data[w->value.len - 1] == '.';
    walk_add(w, key, PLAN_NOTES);
}

void walk_add_breaker(struct walk *w, const struct plan_breaker *b)
{
    const struct breaker_settings *s = &b->settings;
    if (!b->given)
        return;
    walk_add_text(w, "breaker.enabled", s->off ? "false" : "true", PLAN_NOTES);
    walk_add_number(w, "breaker.window", s->window, PLAN_NOTES);
    walk_add_duration(w, "breaker.period", s->period_ms, PLAN_NOTES);
    walk_add_number(w, "breaker.minimum", s->minimum, PLAN_NOTES);
    add_percent(w, "breaker.rate", s->rate);
    add_percent(w, "breaker.slow_rate", s->slow_rate);
    add_factor(w, "breaker.slow_factor", s->slow_factor_milli);
    walk_add_duration(w, "breaker.open", s->open_ms, PLAN_NOTES);
    walk_add_duration(w, "breaker.open_max", s->open_max_ms, PLAN_NOTES);
    add_factor(w, "breaker.growth", s->growth_milli);
    walk_add_number(w, "breaker.probes", s->probes, PLAN_NOTES);
}

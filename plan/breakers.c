/* The maps of breakers: `breakers` of the plan, by kind, and `breaker` of a pool, a connection, a dataset or a step.
 *
 * What tunes one thing is what its own map says, then the map of its kind, then the preset (and on), key by key.  A thing of which neither
 * map speaks has no settings by the plan: those of the coordinator hold, or of another plan that speaks of it. */
#include "plan/breakers.h"

#include "plan/compile.h"
#include "plan/keys.h"
#include "plan/read.h"

static bool percent(struct bf_diags *d, const struct bf_yaml_node *map, const char *key, uint32_t *ret)
{
    int64_t n;
    if (!plan_keys_percent(d, map, &plan_keys_breaker, key, &n))
        return false;
    *ret = (uint32_t)n;
    return true;
}

static bool whole(struct bf_diags *d, const struct bf_yaml_node *map, const char *key, uint32_t *ret)
{
    int64_t n;
    if (!plan_keys_int(d, map, &plan_keys_breaker, key, &n))
        return false;
    *ret = (uint32_t)n;
    return true;
}

static bool factor(struct bf_diags *d, const struct bf_yaml_node *map, const char *key, uint32_t *ret_milli)
{
    int64_t n;
    if (!plan_keys_number(d, map, &plan_keys_breaker, key, &n))
        return false;
    *ret_milli = (uint32_t)n;
    return true;
}

void plan_breaker_read(struct bf_diags *d, const struct bf_yaml_node *map, struct breaker_settings *settings)
{
    const struct plan_keys *keys = &plan_keys_breaker;
    struct breaker_settings s = *settings;
    size_t errors = d->n_errors;
    bool enabled = !s.off;
    if (!plan_keys_check(d, map, keys) || d->n_errors > errors)
        return;
    const struct bf_yaml_node *n = plan_keys_get(map, keys, "enabled");
    if (n)
        (void)plan_read_bool(d, n, "enabled", &enabled);
    s.off = !enabled;
    bool has_window = whole(d, map, "window", &s.window), has_minimum = whole(d, map, "minimum", &s.minimum);
    (void)whole(d, map, "probes", &s.probes);
    (void)percent(d, map, "rate", &s.rate);
    (void)percent(d, map, "slow_rate", &s.slow_rate);
    (void)factor(d, map, "slow_factor", &s.slow_factor_milli);
    (void)factor(d, map, "growth", &s.growth_milli);
    (void)plan_keys_duration(d, map, keys, "period", &s.period_ms);
    bool has_open = plan_keys_duration(d, map, keys, "open", &s.open_ms);
    bool has_most = plan_keys_duration(d, map, keys, "open_max", &s.open_max_ms);
    if (s.minimum > s.window && !has_minimum)
        s.minimum = s.window;
    if (s.minimum > s.window && !has_window)
        s.window = s.minimum;
    if (s.open_ms > s.open_max_ms && !has_open)
        s.open_ms = s.open_max_ms;
    if (s.open_ms > s.open_max_ms && !has_most)
        s.open_max_ms = s.open_ms;
    if (d->n_errors == errors)
        *settings = s;
}

/* ---- of a plan ---- */

void plan_breakers_read(struct plan_compiler *c)
{
    const struct bf_yaml_node *map = plan_keys_get(c->root, &plan_keys_top, "breakers"), *n;
    for (int k = BREAKER_POOL; k < BREAKER_KINDS; k++)
        c->breakers[k] = (struct plan_breaker){.settings = breaker_tuned((enum breaker_kind)k)};
    if (!map || !plan_keys_check(c->d, map, &plan_keys_breakers))
        return;
    for (int k = BREAKER_POOL; k < BREAKER_KINDS; k++) {
        if (!(n = plan_keys_get(map, &plan_keys_breakers, breaker_kind_name((enum breaker_kind)k))))
            continue;
        plan_breaker_read(c->d, n, &c->breakers[k].settings);
        c->breakers[k].given = true;
    }
}

struct plan_breaker plan_breaker_of(struct plan_compiler *c, const struct bf_yaml_node *body, const struct plan_keys *keys,
                                    enum breaker_kind kind)
{
    struct plan_breaker b = c->breakers[kind];
    const struct bf_yaml_node *map = body ? plan_keys_get(body, keys, "breaker") : NULL;
    if (map) {
        plan_breaker_read(c->d, map, &b.settings);
        b.given = true;
    }
    return b;
}

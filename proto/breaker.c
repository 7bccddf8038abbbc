/* Names, presets and arithmetic of breakers.  See breaker.h. */
#include "proto/breaker.h"

#include <stdio.h>
#include <string.h>

static const char *const kinds[BREAKER_KINDS] = {
    [BREAKER_POOL] = "pool", [BREAKER_STEP] = "step", [BREAKER_DATASET] = "dataset", [BREAKER_CONNECTION] = "connection",
    [BREAKER_AGENT] = "agent"};

enum { SECOND_MS = 1000, MINUTE_MS = 60000, PERCENT = 10000 };

/* A connection speaks for itself soon; a pool or an agent needs more, because much else fails on it; a dataset and a step are judged over
 * a longer time, and only when nearly nothing of them is good: one bad partition is no reason to hold the others.  A step's is off until
 * somebody tunes it: where the data of many partitions is bad, holding the step would only make its backfill end later. */
static const struct breaker_settings presets[BREAKER_KINDS] = {
    [BREAKER_POOL] = {.window = 50, .period_ms = 5 * MINUTE_MS, .minimum = 20, .rate = 80 * PERCENT, .slow_factor_milli = 10000,
                      .open_ms = 30 * SECOND_MS, .open_max_ms = 10 * MINUTE_MS, .growth_milli = 2000, .probes = 1},
    [BREAKER_STEP] = {.off = true, .window = 50, .period_ms = 30 * MINUTE_MS, .minimum = 20, .rate = 90 * PERCENT,
                      .slow_factor_milli = 10000, .open_ms = MINUTE_MS, .open_max_ms = 10 * MINUTE_MS, .growth_milli = 2000, .probes = 1},
    [BREAKER_DATASET] = {.window = 20, .period_ms = 30 * MINUTE_MS, .minimum = 10, .rate = 80 * PERCENT, .slow_factor_milli = 10000,
                         .open_ms = MINUTE_MS, .open_max_ms = 10 * MINUTE_MS, .growth_milli = 2000, .probes = 1},
    [BREAKER_CONNECTION] = {.window = 20, .period_ms = 5 * MINUTE_MS, .minimum = 10, .rate = 50 * PERCENT, .slow_rate = 90 * PERCENT,
                            .slow_factor_milli = 10000, .open_ms = 30 * SECOND_MS, .open_max_ms = 10 * MINUTE_MS, .growth_milli = 2000,
                            .probes = 1},
    [BREAKER_AGENT] = {.window = 20, .period_ms = 5 * MINUTE_MS, .minimum = 10, .rate = 80 * PERCENT, .slow_factor_milli = 10000,
                       .open_ms = MINUTE_MS, .open_max_ms = 15 * MINUTE_MS, .growth_milli = 2000, .probes = 1},
};

const char *breaker_kind_name(enum breaker_kind k)
{
    return (unsigned)k < BREAKER_KINDS && kinds[k] ? kinds[k] : "unknown";
}

const char *breaker_state_name(enum breaker_state s)
{
    switch (s) {
    case BREAKER_CLOSED: return "closed";
    case BREAKER_OPEN: return "open";
    case BREAKER_HALF_OPEN: return "half_open";
    }
    return "unknown";
}

bool breaker_kind_parse(const char *word, size_t n, enum breaker_kind *ret)
{
    for (int k = BREAKER_POOL; k < BREAKER_KINDS; k++)
        if (strlen(kinds[k]) == n && memcmp(kinds[k], word, n) == 0) {
            *ret = (enum breaker_kind)k;
            return true;
        }
    return false;
}

enum bf_rc breaker_name_parse(const char *text, enum breaker_kind *ret_kind, const char **ret_name, struct bf_error *err)
{
    const char *slash = strchr(text, '/');
    enum breaker_kind kind = BREAKER_POOL;
    if (!slash || !slash[1] || !breaker_kind_parse(text, (size_t)(slash - text), &kind))
        return bf_fail(err, BF_INVALID, "`%.100s` is no name of a breaker: write pool/NAME, step/PLAN.STEP, dataset/NAME, connection/NAME "
                       "or agent/NAME; bfctl breakers --all lists them", text);
    *ret_kind = kind;
    *ret_name = slash + 1;
    return BF_OK;
}

void breaker_step_name(const char *plan, const char *step, char ret[BREAKER_NAME_MAX])
{
    snprintf(ret, BREAKER_NAME_MAX, "%s%c%s", plan, strchr(plan, '.') ? '/' : '.', step);
}

/* No name of a plan or a step has a slash. */
bool breaker_step_parse(const char *name, size_t *ret_plan_len, const char **ret_step)
{
    const char *slash = strchr(name, '/'), *at = slash ? slash : strchr(name, '.');
    if (!at || at == name || !at[1] || strchr(at + 1, '/') || (slash && !memchr(name, '.', (size_t)(slash - name))))
        return false;
    *ret_plan_len = (size_t)(at - name);
    *ret_step = at + 1;
    return true;
}

const struct breaker_settings *breaker_preset(enum breaker_kind k)
{
    return &presets[k];
}

struct breaker_settings breaker_tuned(enum breaker_kind k)
{
    struct breaker_settings s = presets[k];
    s.off = false;
    return s;
}

bool breaker_settings_same(const struct breaker_settings *a, const struct breaker_settings *b)
{
    return a->off == b->off && a->window == b->window && a->period_ms == b->period_ms && a->minimum == b->minimum && a->rate == b->rate &&
           a->slow_rate == b->slow_rate && a->slow_factor_milli == b->slow_factor_milli && a->open_ms == b->open_ms &&
           a->open_max_ms == b->open_max_ms && a->growth_milli == b->growth_milli && a->probes == b->probes;
}

int64_t breaker_open_ms(const struct breaker_settings *s, uint32_t level)
{
    int64_t ms = s->open_ms;
    for (uint32_t i = 0; i < level && ms < s->open_max_ms && s->growth_milli > 1000; i++) {
        if (ms > INT64_MAX / s->growth_milli)
            return s->open_max_ms;
        ms = ms * s->growth_milli / 1000;
    }
    return ms < s->open_max_ms ? ms : s->open_max_ms;
}

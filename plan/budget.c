/* Budgets: what pools have and what attempts take, read from the document; and their figures as words. */
#include "plan/budget.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/form.h"
#include "plan/keys.h"
#include "plan/keys_table.h"
#include "plan/read.h"

static bool is(const char *a, const char *b) { return strcmp(a, b) == 0; }

/* ---- figures ---- */

/* The most of it that a pool can have. */
static uint64_t most_of(const char *dimension)
{
    if (is(dimension, "slots"))
        return POOL_SLOTS_LIMIT;
    if (is(dimension, "cpu"))
        return POOL_CPU_MILLI_MAX;
    return is(dimension, "memory") || is(dimension, "io") ? POOL_BYTES_MAX : POOL_UNIT_MAX;
}

bool plan_budget_parse(const char *dimension, const char *text, uint64_t *ret)
{
    int64_t n = 0;
    uint64_t bytes = 0;
    if (is(dimension, "memory") || is(dimension, "io")) {
        if (!(is(dimension, "io") ? plan_parse_rate(text, &bytes) : bf_parse_size(text, &bytes)) || bytes == 0 || bytes > most_of(dimension))
            return false;
        *ret = bytes;
        return true;
    }
    if (!(is(dimension, "cpu") ? plan_parse_number(text, &n) : bf_parse_int(text, 1, INT64_MAX, &n)))
        return false;
    if (n <= 0 || (uint64_t)n > most_of(dimension))
        return false;
    *ret = (uint64_t)n;
    return true;
}

const char *plan_budget_form(const char *dimension)
{
    if (is(dimension, "cpu"))
        return "a number from 0.001 to 1000000 with at most three places";
    if (is(dimension, "memory"))
        return "a size like `512Mi` or `4G`, more than 0 and at most 1Ei";
    return is(dimension, "io") ? "a rate like `400Mi/s`, more than 0 and at most 1Ei/s" : "a whole number from 1 to 1000000000";
}

bool plan_start_rate_parse(const char *text, uint32_t *ret_milli, uint32_t *ret_ms)
{
    const char *slash = strchr(text, '/');
    int64_t milli = 0;
    if (!slash || slash - text > 20 || strlen(slash) != 2 || !strchr("smh", slash[1]))
        return false;
    BF_AUTO_FREE char *number = bf_xstrndup(text, (size_t)(slash - text));
    if (!plan_parse_number(number, &milli) || milli <= 0 || milli > POOL_START_MILLI_MAX)
        return false;
    *ret_milli = (uint32_t)milli;
    *ret_ms = slash[1] == 's' ? 1000u : slash[1] == 'm' ? 60000u : 3600000u;
    return true;
}

static void format_milli(uint64_t milli, char ret[PLAN_BUDGET_TEXT_MAX])
{
    int n = snprintf(ret, PLAN_BUDGET_TEXT_MAX, "%" PRIu64 ".%03" PRIu64, milli / 1000, milli % 1000);
    while (n > 0 && ret[n - 1] == '0')
        ret[--n] = '\0';
    if (n > 0 && ret[n - 1] == '.')
        ret[n - 1] = '\0';
}

void plan_budget_format(const char *dimension, uint64_t n, char ret[PLAN_BUDGET_TEXT_MAX])
{
    char size[40];
    if (is(dimension, "cpu")) {
        format_milli(n, ret);
    } else if (is(dimension, "memory") || is(dimension, "io")) {
        bf_format_size(n, size, sizeof size);
        snprintf(ret, PLAN_BUDGET_TEXT_MAX, "%s%s", size, is(dimension, "io") ? "/s" : "");
    } else {
        snprintf(ret, PLAN_BUDGET_TEXT_MAX, "%" PRIu64, n);
    }
}

bool plan_budget_is_unit(const char *dimension)
{
    return !is(dimension, "slots") && !is(dimension, "cpu") && !is(dimension, "memory") && !is(dimension, "io");
}

/* As plan_budget_parse() reads it. */
static void format_exactly(const char *dimension, uint64_t n, char ret[PLAN_BUDGET_TEXT_MAX])
{
    static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    bool io = is(dimension, "io");
    size_t u = 0;
    if (!io && !is(dimension, "memory")) {
        plan_budget_format(dimension, n, ret);
        return;
    }
    while (n > 0 && n % 1024 == 0 && u + 1 < sizeof units / sizeof *units) {
        n /= 1024;
        u++;
    }
    snprintf(ret, PLAN_BUDGET_TEXT_MAX, "%" PRIu64 "%s%s", n, units[u], io ? "/s" : "");
}

bool plan_budget_option(const char *dimension, uint64_t n, char ret[PLAN_BUDGET_OPTION_MAX])
{
    char figure[PLAN_BUDGET_TEXT_MAX];
    if (n > most_of(dimension))
        return false;
    format_exactly(dimension, n, figure);
    snprintf(ret, PLAN_BUDGET_OPTION_MAX, plan_budget_is_unit(dimension) ? "--unit %s=%s" : "--%s %s", dimension, figure);
    return true;
}

void plan_start_rate_format(uint32_t milli, uint32_t ms, char ret[PLAN_BUDGET_TEXT_MAX])
{
    format_milli(milli, ret);
    size_t n = strlen(ret);
    snprintf(ret + n, PLAN_BUDGET_TEXT_MAX - n, "/%s", ms >= 3600000 ? "h" : ms >= 60000 ? "m" : "s");
}

/* ---- from the document ---- */

/* Arguments and environment of a program are at most 2 MiB, and its agent holds an attempt to no less. */
#define MEMORY_LEAST (UINT64_C(4) << 20)

static void read_figure(struct plan_compiler *c, const struct bf_yaml_node *map, const struct plan_keys *keys, const char *key,
                        uint64_t least, uint64_t most, uint64_t *ret)
{
    const struct bf_yaml_node *n = plan_keys_get(map, keys, key);
    char shown[PLAN_CLIP];
    uint64_t value;
    if (!n || !plan_value_check(c->d, n, key, plan_keys_find(keys, key)->type))
        return;
    if (!plan_budget_parse(key, n->text, &value))
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`%s` must be %s, not `%s`", key, plan_budget_form(key), plan_clip(n->text, shown));
    else if (value < least)
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`%s` of one attempt is at least 4Mi, not `%s`: no program begins in less", key,
                    plan_clip(n->text, shown));
    else if (value > most)
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`%s` of one attempt is at most 8Ti%s, not `%s`", key, is(key, "io") ? "/s" : "",
                    plan_clip(n->text, shown));
    else
        *ret = value;
}

static int by_unit_name(const void *a, const void *b)
{
    return strcmp(((const struct plan_unit *)a)->name, ((const struct plan_unit *)b)->name);
}

static void read_units(struct plan_compiler *c, const struct bf_yaml_node *map, const struct plan_keys *keys, struct plan_resources *ret)
{
    const struct bf_yaml_node *units = plan_keys_get(map, keys, "units");
    if (!units || !plan_value_check(c->d, units, "units", plan_keys_find(keys, "units")->type))
        return;
    if (units->n > POOL_UNITS_MAX) {
        bf_diag_add(c->d, BF_DIAG_ERROR, units->mark, "`units` has %zu kinds of unit; at most %u are possible", units->n, POOL_UNITS_MAX);
        return;
    }
    ret->units = bf_xcalloc(units->n + 1, sizeof *ret->units);
    for (size_t i = 0; i < units->n; i++) {
        uint64_t n = 0;
        if (!plan_budget_is_unit(units->keys[i]->text)) {
            bf_diag_add(c->d, BF_DIAG_ERROR, units->keys[i]->mark, "a unit cannot be called `%s`: the pool has that beside its units",
                        units->keys[i]->text);
            continue;
        }
        if (plan_budget_parse("unit", units->items[i]->text, &n))
            ret->units[ret->n_units++] = (struct plan_unit){.name = bf_xstrdup(units->keys[i]->text), .n = n};
    }
    qsort(ret->units, ret->n_units, sizeof *ret->units, by_unit_name);
}

void plan_budget_read(struct plan_compiler *c, const struct bf_yaml_node *map, const struct plan_keys *keys, bool of_attempt,
                      struct plan_resources *ret)
{
    uint64_t most = of_attempt ? POOL_DRAW_BYTES_MAX : POOL_BYTES_MAX;
    read_figure(c, map, keys, "cpu", 1, POOL_CPU_MILLI_MAX, &ret->cpu_milli);
    read_figure(c, map, keys, "memory", of_attempt ? MEMORY_LEAST : 1, most, &ret->memory_bytes);
    read_figure(c, map, keys, "io", 1, most, &ret->io_bytes_s);
    read_units(c, map, keys, ret);
}

void plan_start_rate_read(struct plan_compiler *c, const struct bf_yaml_node *map, struct plan_pool *pool)
{
    const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_pool, "start_rate");
    char shown[PLAN_CLIP];
    if (n && plan_value_check(c->d, n, "start_rate", plan_keys_find(&plan_keys_pool, "start_rate")->type) &&
        !plan_start_rate_parse(n->text, &pool->start_milli, &pool->start_ms))
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`start_rate` must be %s, not `%s`", PLAN_START_RATE_FORM, plan_clip(n->text, shown));
}

/* ---- which pool has what ---- */

static uint64_t unit_of(const struct plan_resources *r, const char *name)
{
    for (size_t i = 0; i < r->n_units; i++)
        if (is(r->units[i].name, name))
            return r->units[i].n;
    return 0;
}

uint64_t plan_resources_get(const struct plan_resources *r, const char *dimension)
{
    if (is(dimension, "cpu"))
        return r->cpu_milli;
    if (is(dimension, "memory"))
        return r->memory_bytes;
    return is(dimension, "io") ? r->io_bytes_s : unit_of(r, dimension);
}

uint32_t plan_step_draws_from(const struct plan *p, const struct plan_step *s, const char *dimension)
{
    if (s->pool == PLAN_NO_INDEX || plan_resources_get(&p->pools[s->pool].has, dimension))
        return s->pool;
    for (uint32_t i = 0; i < s->n_also; i++)
        if (plan_resources_get(&p->pools[s->also[i]].has, dimension))
            return s->also[i];
    return s->pool;
}

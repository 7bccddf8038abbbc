/* Budgets of pools in the coordinator's file: the keys that plans have, and their sentences. */
#include "coordinator/config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/yaml.h"
#include "plan/budget.h"

static void read_figure(const char *pool, const char *dimension, const struct bf_yaml_node *n, uint64_t *ret, struct bf_diags *d)
{
    bool scalar = n && n->kind == BF_YAML_SCALAR;
    if (n && !(scalar && plan_budget_parse(dimension, n->text, ret)))
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%.64s` of pool `%.64s` must be %s, not `%.40s`", dimension, pool,
                    plan_budget_form(dimension), scalar ? n->text : "a list or a map");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct pool_unit *)a)->name, ((const struct pool_unit *)b)->name);
}

static void read_units(const char *pool, const struct bf_yaml_node *map, struct pool_budget *ret, struct bf_diags *d)
{
    if (map->kind != BF_YAML_MAP || map->n > POOL_UNITS_MAX) {
        bf_diag_add(d, BF_DIAG_ERROR, map->mark, "`units` of pool `%.64s` is a map of at most %u units, as in {connections: 20}", pool,
                    POOL_UNITS_MAX);
        return;
    }
    struct pool_unit *units = bf_xcalloc(map->n + 1, sizeof *units);
    for (size_t i = 0; i < map->n; i++) {
        const char *name = map->keys[i]->text;
        uint64_t n = 0;
        if (!key_name_valid(name) || !plan_budget_is_unit(name)) {
            bf_diag_add(d, BF_DIAG_ERROR, map->keys[i]->mark, "`%.64s` is no name of a unit: letters, digits, _ . - are possible, and not "
                        "slots, cpu, memory, io", name);
            continue;
        }
        read_figure(pool, name, map->items[i], &n, d);
        units[ret->n_units++] = (struct pool_unit){.name = bf_xstrdup(name), .n = n};
    }
    qsort(units, ret->n_units, sizeof *units, by_name);
    ret->units = units;
}

void config_budget_read(const char *pool, const struct bf_yaml_node *map, struct pool_budget *ret, struct bf_diags *d)
{
    const struct bf_yaml_node *units = bf_yaml_get(map, "units"), *rate = bf_yaml_get(map, "start_rate");
    read_figure(pool, "cpu", bf_yaml_get(map, "cpu"), &ret->cpu_milli, d);
    read_figure(pool, "memory", bf_yaml_get(map, "memory"), &ret->memory_bytes, d);
    read_figure(pool, "io", bf_yaml_get(map, "io"), &ret->io_bytes_s, d);
    if (units)
        read_units(pool, units, ret, d);
    if (rate && !(rate->kind == BF_YAML_SCALAR && plan_start_rate_parse(rate->text, &ret->start_milli, &ret->start_ms)))
        bf_diag_add(d, BF_DIAG_ERROR, rate->mark, "`start_rate` of pool `%.64s` must be %s", pool, PLAN_START_RATE_FORM);
}

void config_budget_put(const struct pool_budget *b, struct bf_buf *ret)
{
    char text[PLAN_BUDGET_TEXT_MAX];
    if (b->cpu_milli) {
        plan_budget_format("cpu", b->cpu_milli, text);
        bf_buf_printf(ret, ", cpu: %s", text);
    }
    if (b->memory_bytes)
        bf_buf_printf(ret, ", memory: %" PRIu64, b->memory_bytes);
    if (b->io_bytes_s)
        bf_buf_printf(ret, ", io: %" PRIu64 "/s", b->io_bytes_s);
    for (size_t i = 0; i < b->n_units; i++)
        bf_buf_printf(ret, "%s%s: %" PRIu64, i ? ", " : ", units: {", b->units[i].name, b->units[i].n);
    bf_buf_put_str(ret, b->n_units ? "}" : "");
    if (b->start_milli) {
        plan_start_rate_format(b->start_milli, b->start_ms, text);
        bf_buf_printf(ret, ", start_rate: %s", text);
    }
}

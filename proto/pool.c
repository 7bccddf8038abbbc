/* Budgets of pools as values: comparing, copying, finding a unit. */
#include "proto/pool.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

bool pool_budget_same(const struct pool_budget *a, const struct pool_budget *b)
{
    bool same = a->no_slots == b->no_slots && a->cpu_milli == b->cpu_milli && a->memory_bytes == b->memory_bytes &&
                a->io_bytes_s == b->io_bytes_s && a->start_milli == b->start_milli && a->start_ms == b->start_ms &&
                a->floor == b->floor && a->ceiling == b->ceiling && a->n_units == b->n_units;
    for (size_t i = 0; same && i < a->n_units; i++)
        same = a->units[i].n == b->units[i].n && strcmp(a->units[i].name, b->units[i].name) == 0;
    return same;
}

bool pool_budget_is_empty(const struct pool_budget *b)
{
    return b->cpu_milli == 0 && b->memory_bytes == 0 && b->io_bytes_s == 0 && b->n_units == 0 && b->start_milli == 0 &&
           b->floor == 0 && b->ceiling == 0;
}

uint64_t pool_budget_unit(const struct pool_budget *b, const char *name)
{
    for (size_t i = 0; i < b->n_units; i++)
        if (strcmp(b->units[i].name, name) == 0)
            return b->units[i].n;
    return 0;
}

void pool_budget_copy(struct pool_budget *to, const struct pool_budget *from)
{
    struct pool_unit *units = from->n_units ? bf_xcalloc(from->n_units, sizeof *units) : NULL;
    *to = *from;
    for (size_t i = 0; i < from->n_units; i++)
        units[i] = (struct pool_unit){.name = bf_xstrdup(from->units[i].name), .n = from->units[i].n};
    to->units = units;
}

void pool_budget_done(struct pool_budget *b)
{
    for (size_t i = 0; i < b->n_units; i++)
        free((void *)(uintptr_t)b->units[i].name);
    free((void *)(uintptr_t)b->units);
    *b = (struct pool_budget){0};
}

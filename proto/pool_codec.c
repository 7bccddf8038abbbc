/* Budgets of pools on the wire: in requests, inputs and records alike. */
#include <string.h>

#include "proto/operator.pb-c.h"
#include "proto/parts.h"
#include "proto/wire.h"

enum { UNIT_NAME_MAX = 128 };

void pool_to_pb(const struct pool_budget *b, struct Pb__Pool *pb, struct bf_arena *tmp)
{
    WIRE_SET(pb, no_slots, b->no_slots);
    WIRE_SET(pb, cpu_milli, b->cpu_milli);
    WIRE_SET(pb, memory_bytes, b->memory_bytes);
    WIRE_SET(pb, io_bytes_s, b->io_bytes_s);
    WIRE_SET(pb, start_milli, b->start_milli);
    WIRE_SET(pb, start_ms, b->start_ms);
    WIRE_SET(pb, floor, b->floor);
    WIRE_SET(pb, ceiling, b->ceiling);
    pb->n_units = b->n_units;
    pb->units = b->n_units ? bf_arena_alloc(tmp, b->n_units * sizeof *pb->units) : NULL;
    for (size_t i = 0; i < b->n_units; i++) {
        pb->units[i] = bf_arena_alloc(tmp, sizeof **pb->units);
        pb__pool_unit__init(pb->units[i]);
        WIRE_SET_BYTES(pb->units[i], name, wire_from_str(b->units[i].name));
        WIRE_SET(pb->units[i], n, b->units[i].n);
    }
}

/* Within the bounds, so that sums over a pool cannot overflow; units in order of their names, each once. */
void pool_from_pb(struct wire_in *in, const struct Pb__Pool *pb, uint64_t least_unit, struct pool_budget *ret)
{
    *ret = (struct pool_budget){.no_slots = pb->no_slots, .cpu_milli = pb->cpu_milli, .memory_bytes = pb->memory_bytes,
                                .io_bytes_s = pb->io_bytes_s, .start_milli = pb->start_milli, .start_ms = pb->start_ms,
                                .floor = pb->floor, .ceiling = pb->ceiling};
    size_t n = wire_count(in, "units of a pool", pb->n_units, POOL_UNITS_MAX);
    struct pool_unit *units = n ? bf_arena_alloc(in->arena, n * sizeof *units) : NULL;
    bool fits = pb->cpu_milli <= POOL_CPU_MILLI_MAX && pb->memory_bytes <= POOL_BYTES_MAX && pb->io_bytes_s <= POOL_BYTES_MAX &&
                pb->start_milli <= POOL_START_MILLI_MAX && pb->start_ms <= POOL_START_MS_MAX &&
                (pb->start_milli == 0) == (pb->start_ms == 0) && pb->floor <= POOL_SLOTS_LIMIT && pb->ceiling <= POOL_SLOTS_LIMIT;
    for (size_t i = 0; i < n; i++) {
        units[i].name = wire_name(in, "name of a unit", pb->units[i]->name, UNIT_NAME_MAX);
        units[i].n = pb->units[i]->n;
        fits = fits && units[i].n >= least_unit && units[i].n <= POOL_UNIT_MAX && (i == 0 || strcmp(units[i - 1].name, units[i].name) < 0);
    }
    ret->units = units;
    ret->n_units = n;
    if (!fits)
        wire_bad(in, BF_PROTOCOL, "the budget of a pool has a figure out of its bounds, or its units are not in order");
}

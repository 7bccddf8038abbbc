/* Learned reservations: what a step would better ask for, from what its attempts used.
 *
 * Processors and disk traffic: the 95th percentile, because an attempt that wants more for a moment only takes longer.  Memory: the most
 * that was seen and a tenth, because an attempt that wants more is killed.  What was held to its limit wanted more than was measured: half
 * as much again as the limit is the least then.  Rounded up, so that the figures do not change with every run. */
#include <inttypes.h>
#include <stdio.h>

#include "coordinator/views_parts.h"

enum { MEASURED_LEAST = 5, HELD_EVERY = 20, CPU_STEP_MILLI = 50 };
#define MIB (UINT64_C(1) << 20)
#define MEMORY_STEP (16 * MIB)

static uint64_t quantile(const json_t *row, const char *figure, const char *which)
{
    json_int_t n = json_integer_value(json_object_get(json_object_get(row, figure), which));
    return n > 0 ? (uint64_t)n : 0;
}

static uint64_t up(uint64_t n, uint64_t step)
{
    return (n + step - 1) / step * step;
}

/* Attempts that ran into a limit, at least one of HELD_EVERY. */
static bool was_held(const json_t *row, const char *limit, uint64_t every)
{
    json_int_t hits = json_integer_value(json_object_get(json_object_get(row, "limits_hit"), limit));
    json_int_t measured = json_integer_value(json_object_get(row, "measured"));
    return hits > 0 && (uint64_t)hits * every >= (uint64_t)measured;
}

static uint64_t at_least_half_more(uint64_t n, uint64_t asked, bool held)
{
    return held && asked > 0 && n < asked + asked / 2 ? asked + asked / 2 : n;
}

static uint64_t cpu_milli(const struct plan_resources *r, const json_t *row)
{
    uint64_t n = quantile(row, "processors_milli", "p95");
    return up(at_least_half_more(n ? n : 1, r->cpu_milli, was_held(row, "cpu", HELD_EVERY)), CPU_STEP_MILLI);
}

static uint64_t memory_bytes(const struct plan_resources *r, const json_t *row)
{
    uint64_t most = quantile(row, "peak_memory_bytes", "max");
    if (most == 0)
        return r->memory_bytes;                  /* no host told: what is asked stays */
    bool held = was_held(row, "memory", UINT32_MAX);         /* once is enough */
    return up(at_least_half_more(most + most / 10, r->memory_bytes, held), MEMORY_STEP);
}

static uint64_t io_bytes_s(const struct plan_resources *r, const json_t *row)
{
    uint64_t n = quantile(row, "io_bytes_s", "p95");
    return n >= MIB || r->io_bytes_s ? up(n ? n : 1, MIB) : 0;
}

/* {"cpu_milli", "memory_bytes", "io_bytes_s", "resources": the line for the plan}, figures null where nothing is advised; null: too few
 * were measured. */
json_t *view_advice(const struct plan_resources *r, const json_t *row)
{
    char line[4096];
    if (json_integer_value(json_object_get(row, "measured")) < MEASURED_LEAST)
        return json_null();
    uint64_t cpu = cpu_milli(r, row), memory = memory_bytes(r, row), io = io_bytes_s(r, row);
    size_t n = (size_t)snprintf(line, sizeof line, "resources: {cpu: %" PRIu64 ".%03" PRIu64, cpu / 1000, cpu % 1000);
    while (line[n - 1] == '0')
        n--;
    n -= line[n - 1] == '.';
    if (memory)
        n += (size_t)snprintf(line + n, sizeof line - n, ", memory: %" PRIu64 "Mi", up(memory, MIB) / MIB);
    if (io)
        n += (size_t)snprintf(line + n, sizeof line - n, ", io: %" PRIu64 "Mi/s", io / MIB);
    for (size_t i = 0; i < r->n_units && n < sizeof line - 200; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, "%s%.128s: %" PRIu64, i ? ", " : ", units: {", r->units[i].name, r->units[i].n);
    snprintf(line + n, sizeof line - n, "%s", r->n_units ? "}}" : "}");
    return json_pack("{s:I, s:o, s:o, s:s}", "cpu_milli", (json_int_t)cpu, "memory_bytes",
                     memory ? json_integer((json_int_t)memory) : json_null(), "io_bytes_s", io ? json_integer((json_int_t)io) : json_null(),
                     "resources", line);
}

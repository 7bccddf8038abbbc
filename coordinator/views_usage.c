/* What attempts used, against what their steps asked for, and what hosts hold them to.
 *
 * OP_USAGE answers by step, from the last attempt of each instance: that is what is kept.  Quantiles are by nearest rank.  Of a step with
 * more instances than SAMPLE_MAX evenly spaced ones are taken, and the row says so.  A page has the steps that fit into PAGE_US; its
 * "next" is the place in the plan's order to go on at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "coordinator/views_parts.h"

#define SAMPLE_MAX 4096u
#define PAGE_US 4000
#define PAGE_ROWS 400u

enum figure { FIGURE_TIME, FIGURE_CPU, FIGURE_PROCESSORS, FIGURE_MEMORY, FIGURE_READ, FIGURE_WRITTEN, FIGURE_IO, FIGURE_PIDS,
              FIGURE_THROTTLED, FIGURE_COUNT };
static const char *const figure_names[FIGURE_COUNT] = {"duration_ms", "cpu_ms", "processors_milli", "peak_memory_bytes", "read_bytes",
                                                       "written_bytes", "io_bytes_s", "peak_pids", "throttled_ms"};

struct figures { uint64_t *at[FIGURE_COUNT]; size_t n[FIGURE_COUNT]; };

struct usage_row {
    uint32_t step;
    uint64_t instances, seen, measured;          /* picked; looked at; of these with a measure */
    uint64_t hits[3];                            /* cpu, memory, pids */
};

static const struct { const char *name; uint32_t bit; } host_limits[] = {
    {"cpu", HOST_CPU}, {"memory", HOST_MEMORY}, {"io", HOST_IO}, {"pids", HOST_PIDS}};
#define N_LIMITS (sizeof host_limits / sizeof *host_limits)

/* ---- documents that other views have too ---- */

static json_t *limit_names(uint32_t bits)
{
    json_t *list = json_array();
    for (size_t i = 0; i < N_LIMITS; i++)
        if (bits & host_limits[i].bit)
            json_array_append_new(list, json_string(host_limits[i].name));
    return list;
}

json_t *view_usage_of(const struct instance_usage *u)
{
    static const char *const by[] = {"unknown", "rusage", "cgroup_v1", "cgroup_v2"};
    if (!u->measured_by || u->measured_by >= sizeof by / sizeof *by)
        return json_null();
    json_t *j = json_pack("{s:I, s:I, s:I, s:I, s:s}", "cpu_ms", (json_int_t)u->cpu_ms, "peak_memory_bytes",
                          (json_int_t)u->peak_memory_kib << 10, "read_bytes", (json_int_t)u->read_kib << 10, "written_bytes",
                          (json_int_t)u->written_kib << 10, "measured_by", by[u->measured_by]);
    /* A thousand of them fit a page because what is rare is left out. */
    if (u->throttled_ms)
        json_object_set_new(j, "throttled_ms", json_integer(u->throttled_ms));
    if (u->peak_pids)
        json_object_set_new(j, "peak_pids", json_integer(u->peak_pids));
    if (u->limits_hit)
        json_object_set_new(j, "limits_hit", limit_names(u->limits_hit));
    return j;
}

json_t *view_asked(const struct plan_resources *r)
{
    if (!r->cpu_milli && !r->memory_bytes && !r->io_bytes_s)
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "cpu_milli", r->cpu_milli ? json_integer((json_int_t)r->cpu_milli) : json_null(), "memory_bytes",
                     r->memory_bytes ? json_integer((json_int_t)r->memory_bytes) : json_null(), "io_bytes_s",
                     r->io_bytes_s ? json_integer((json_int_t)r->io_bytes_s) : json_null());
}

void view_not_enforced(const struct view_source *v, const struct plan_resources *r, uint32_t agent, json_t *j)
{
    struct agent_view a;
    uint32_t asked = (r->cpu_milli ? HOST_CPU : 0u) | (r->memory_bytes ? HOST_MEMORY : 0u) | (r->io_bytes_s ? HOST_IO : 0u);
    if (agent && engine_agent(v->engine, agent, &a) && (asked & ~a.hello->enforced))
        json_object_set_new(j, "not_enforced", limit_names(asked & ~a.hello->enforced));
}

void view_agent_host(json_t *j, json_t *warnings, const struct agent_hello *h)
{
    uint32_t only = HOST_LIMITS & ~h->enforced;
    char text[160] = "";
    json_object_set_new(j, "cpu_milli", h->cpu_milli ? json_integer((json_int_t)h->cpu_milli) : json_null());
    json_object_set_new(j, "memory_bytes", h->memory_bytes ? json_integer((json_int_t)h->memory_bytes) : json_null());
    json_object_set_new(j, "enforced", limit_names(h->enforced));
    json_object_set_new(j, "measured_only", limit_names(only));
    if (!only)
        return;
    size_t used = 0;
    for (size_t i = 0; i < N_LIMITS; i++)
        if (only & host_limits[i].bit)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s",
                                     used ? ", " : "limits not enforced on this host, only measured: ", host_limits[i].name);
    json_array_append_new(warnings, json_string(text));
}

/* ---- figures of one step ---- */

static void add(struct figures *f, enum figure k, uint64_t value)
{
    f->at[k][f->n[k]++] = value;
}

static void take(struct figures *f, struct usage_row *row, const struct instance_view *i)
{
    const struct instance_usage *u = &i->usage;
    row->seen++;
    if (!u->measured_by)
        return;
    uint64_t ms = i->finished_us > i->started_us ? (uint64_t)(i->finished_us - i->started_us) / 1000 : 0;
    uint64_t read = (uint64_t)u->read_kib << 10, written = (uint64_t)u->written_kib << 10;
    row->measured++;
    add(f, FIGURE_TIME, ms);
    add(f, FIGURE_CPU, u->cpu_ms);
    add(f, FIGURE_READ, read);
    add(f, FIGURE_WRITTEN, written);
    add(f, FIGURE_THROTTLED, u->throttled_ms);
    if (u->peak_memory_kib)
        add(f, FIGURE_MEMORY, (uint64_t)u->peak_memory_kib << 10);
    if (u->peak_pids)
        add(f, FIGURE_PIDS, u->peak_pids);
    if (ms > 0) {
        add(f, FIGURE_PROCESSORS, (uint64_t)u->cpu_ms * 1000 / ms);
        add(f, FIGURE_IO, (read > written ? read : written) * 1000 / ms);
    }
    row->hits[0] += (u->limits_hit & HOST_CPU) != 0;
    row->hits[1] += (u->limits_hit & HOST_MEMORY) != 0;
    row->hits[2] += (u->limits_hit & HOST_PIDS) != 0;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* {"n", "p50", "p95", "max"}, or null when nobody told. */
static json_t *quantiles(uint64_t *at, size_t n)
{
    if (n == 0)
        return json_null();
    qsort(at, n, sizeof *at, by_size);
    return json_pack("{s:I, s:I, s:I, s:I}", "n", (json_int_t)n, "p50", (json_int_t)at[(n * 50 + 99) / 100 - 1], "p95",
                     (json_int_t)at[(n * 95 + 99) / 100 - 1], "max", (json_int_t)at[n - 1]);
}

static json_t *row_document(const struct backfill_view *b, const struct usage_row *row, struct figures *f)
{
    const struct plan_step *step = &b->plan->steps[row->step];
    json_t *j = json_pack("{s:s, s:I, s:I, s:b, s:o}", "step", step->name, "instances", (json_int_t)row->instances, "measured",
                          (json_int_t)row->measured, "sampled", row->seen < row->instances, "asked", view_asked(&step->resources));
    for (enum figure k = 0; k < FIGURE_COUNT; k++)
        json_object_set_new(j, figure_names[k], quantiles(f->at[k], f->n[k]));
    json_object_set_new(j, "limits_hit", json_pack("{s:I, s:I, s:I}", "cpu", (json_int_t)row->hits[0], "memory", (json_int_t)row->hits[1],
                                                   "pids", (json_int_t)row->hits[2]));
    json_object_set_new(j, "advice", view_advice(&step->resources, j));
    return j;
}

/* ---- the walk ---- */

/* All picked instances of a step, or as many as the sample takes, evenly spaced. */
static void walk_step(const struct view_source *v, const struct backfill_view *b, const struct plan_selection *picked, uint32_t step,
                      struct figures *f, struct usage_row *row)
{
    *row = (struct usage_row){.step = step, .instances = plan_selection_count_step(picked, step)};
    uint64_t stride = (row->instances + SAMPLE_MAX - 1) / SAMPLE_MAX, skip = 0;
    memset(f->n, 0, sizeof f->n);
    for (size_t r = picked->begin[step]; r < picked->begin[step + 1]; r++) {
        const struct plan_picked *range = &picked->ranges[r];
        uint64_t k = skip;
        for (; k < range->n; k += stride) {
            struct instance_view i;
            if (engine_instance(v->engine, b->id, step, range->first + (uint32_t)k, &i))
                take(f, row, &i);
        }
        skip = k - range->n;
    }
}

/* Steps in the plan's order from the place `from` on.  *ret_next: the place to go on at, or UINT64_MAX. */
static json_t *walk(const struct view_source *v, const struct backfill_view *b, const struct plan_selection *picked, uint64_t from,
                    struct figures *f, uint64_t *ret_next)
{
    json_t *rows = json_array();
    int64_t until_us = bf_boottime_us() + PAGE_US;
    *ret_next = UINT64_MAX;
    for (uint64_t place = from; place < b->plan->n_steps; place++) {
        struct usage_row row;
        uint32_t step = b->plan->order[place];
        if (!plan_selection_has_step(picked, step))
            continue;
        if (json_array_size(rows) == PAGE_ROWS || (json_array_size(rows) > 0 && bf_boottime_us() >= until_us)) {
            *ret_next = place;
            break;
        }
        walk_step(v, b, picked, step, f, &row);
        json_array_append_new(rows, row_document(b, &row, f));
    }
    return rows;
}

enum bf_rc view_usage(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    struct plan_selection picked;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc == BF_OK)
        rc = view_select(&b, req, &picked, err);
    if (rc != BF_OK)
        return rc;
    struct figures f = {0};
    uint64_t next;
    for (size_t k = 0; k < FIGURE_COUNT; k++)
        f.at[k] = bf_xcalloc(SAMPLE_MAX + 1, sizeof *f.at[k]);
    json_t *rows = walk(v, &b, &picked, req->page_offset, &f, &next);
    for (size_t k = 0; k < FIGURE_COUNT; k++)
        free(f.at[k]);
    plan_selection_done(&picked);
    *ret = json_pack("{s:o, s:o}", "rows", rows, "next", next == UINT64_MAX ? json_null() : json_integer((json_int_t)next));
    return BF_OK;
}

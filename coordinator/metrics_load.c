/* Metrics of how work goes under load: the time that classes lost, sensors that wait, attempts that take long, and what is usual.
 *
 * Stragglers are among the attempts that were granted longest ago, so only so many of the oldest are looked at. */
#include <inttypes.h>
#include <stdio.h>

#include "coordinator/engine/view_pools.h"
#include "coordinator/engine/view_profile.h"
#include "coordinator/metrics_parts.h"

static void write_yielded(struct writer *w, const struct backfill_view *b)
{
    struct yield_view y;
    for (size_t i = 0; engine_yielded(w->m->engine, b->id, i, &y); i++) {
        metrics_of_backfill(w, "bf_class_yielded_seconds_total", b);
        metrics_label(w, ",", "class", plan_priority_name(y.class));
        metrics_label(w, ",", "pool", y.pool ? y.pool : "");
        bf_buf_printf(w->out, "} %" PRIu64 ".%03u\n", y.lost_ms / 1000, (unsigned)(y.lost_ms % 1000));
    }
}

/* Of backfills that have sensors.  As many partitions are looked at as of attempts elsewhere. */
static void write_sensors(struct writer *w, const struct backfill_view *b)
{
    uint64_t n = 0, looked = 0;
    bool any = false;
    for (uint32_t s = 0; s < b->plan->n_steps; s++) {
        const struct plan_step *step = &b->plan->steps[s];
        any |= step->kind == PLAN_SENSOR;
        for (uint32_t i = 0; step->kind == PLAN_SENSOR && i < step->partitions->n && looked < METRICS_ATTEMPTS_MAX; i++, looked++) {
            struct instance_view instance;
            n += engine_instance(w->m->engine, b->id, s, i, &instance) && instance.looking;
        }
    }
    if (!any)
        return;
    metrics_of_backfill(w, "bf_sensors_waiting", b);
    bf_buf_printf(w->out, "} %" PRIu64 "\n", n);
}

static void write_stragglers(struct writer *w)
{
    uint64_t n = 0, attempt = 0;
    struct straggler_view s;
    for (uint32_t looked = 0; looked < METRICS_ATTEMPTS_MAX && (attempt = engine_next_attempt(w->m->engine, attempt)) != 0; looked++)
        n += engine_straggler(w->m->engine, attempt, w->m->wall_us, &s);
    metrics_family(w, "bf_stragglers", "gauge", "Attempts, of the oldest open ones, that take longer than their like.");
    bf_buf_printf(w->out, "bf_stragglers %" PRIu64 "\n", n);
    static const char *const phases[] = {[RERUN_ASKED] = "asked", [RERUN_DUE] = "due", [RERUN_RUNS] = "runs"};
    metrics_family(w, "bf_reruns", "gauge", "Stragglers that are run again elsewhere: asked to end, due, or running again.");
    for (int p = RERUN_ASKED; p <= RERUN_RUNS; p++) {
        bf_buf_put_str(w->out, "bf_reruns");
        metrics_label(w, "{", "phase", phases[p]);
        bf_buf_printf(w->out, "} %zu\n", engine_reruns(w->m->engine, (enum rerun_phase)p));
    }
}

/* ---- profiles, when steps are asked for ---- */

enum { VERSION_BYTES = 6 };

/* per_unit: of the profile's measure in what the metric is in. */
static void write_profile_family(struct writer *w, const char *name, const char *help, enum profile_measure measure, uint32_t millionths,
                                 double per_unit)
{
    const struct profile *at = NULL;
    struct profile_view p;
    metrics_family(w, name, "gauge", help);
    for (uint32_t n = 0; n < METRICS_STEPS_MAX && engine_next_profile(w->m->engine, &at, &p); n++) {
        char version[2 * VERSION_BYTES + 1];
        if (p.of[measure].n == 0)
            continue;
        for (size_t i = 0; i < VERSION_BYTES; i++)
            snprintf(version + 2 * i, 3, "%02x", p.hash[i]);
        bf_buf_put_str(w->out, name);
        metrics_label(w, "{", "plan", p.plan);
        metrics_label(w, ",", "step", p.step);
        metrics_label(w, ",", "version", version);
        bf_buf_printf(w->out, "} %.6f\n", (double)bf_sketch_quantile(&p.of[measure], millionths) / per_unit);
    }
}

static void write_profiles(struct writer *w)
{
    if (!w->m->steps)
        return;
    write_profile_family(w, "bf_step_duration_p50_seconds", "What half of the good attempts of a version of a step were done in.",
                         PROFILE_DURATION, 500000, 1e6);
    write_profile_family(w, "bf_step_duration_p95_seconds", "What 95 % of the good attempts of a version of a step were done in.",
                         PROFILE_DURATION, 950000, 1e6);
    write_profile_family(w, "bf_step_memory_p95_bytes", "The peak memory that 95 % of the good attempts of a version of a step kept to.",
                         PROFILE_MEMORY, 950000, 1);
}

void metrics_write_load(struct writer *w)
{
    metrics_family(w, "bf_class_yielded_seconds_total", "counter",
                   "Time for which a class of a live backfill yielded to better ones in a pool, what runs now included.");
    metrics_each_live(w, write_yielded);
    metrics_family(w, "bf_sensors_waiting", "gauge", "Sensors of a live backfill whose last look found nothing yet.");
    metrics_each_live(w, write_sensors);
    write_stragglers(w);
    write_profiles(w);
}

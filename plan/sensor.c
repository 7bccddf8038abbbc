/* What a `sensor` step waits for: a partition of a dataset that another system writes.
 *
 * Each look is one query, by bf-sql on the connection of the dataset (spec_sql.c).  Where the step has partitions and the dataset a
 * `partition_column`, a row in the partition is what it waits for; else, where the dataset promises `freshness`, a row that is new enough;
 * else, for a step without partitions, any row.  What cannot be told is refused here, where somebody can still say it. */
#include "plan/compile.h"
#include "plan/keys.h"
#include "plan/read.h"

#define EVERY_MS_PRESET 60000

static void check_dataset(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *n)
{
    const struct plan_dataset *d = &c->plan->datasets[step->sensor.dataset];
    bool parts = step->grain != PLAN_NONE && !c->step_sources[step - c->plan->steps].grain_bad;
    struct bf_mark declared = c->dataset_sources[step->sensor.dataset].mark;
    if (!d->external) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "a sensor waits for what another system writes, and dataset `%s` is not `external`",
                    d->name);
        bf_diag_fix(c->d, "say `external: true`, or name the step that writes it in `needs` instead of a sensor");
        bf_diag_add(c->d, BF_DIAG_NOTE, declared, "declared here");
    } else if (d->connection == PLAN_NO_INDEX) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "a sensor cannot look at dataset `%s`, which has no `connection`", d->name);
        bf_diag_fix(c->d, "say where it lives: `connection: NAME`");
        bf_diag_add(c->d, BF_DIAG_NOTE, declared, "declared here");
    } else if (parts && !d->partition_column && !d->fresh_column) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "a sensor cannot tell the partitions of dataset `%s`, which has no `partition_column`",
                    d->name);
        bf_diag_fix(c->d, "give it `partition_column`, or `freshness`, or the step `partitions: {grain: none}`");
        bf_diag_add(c->d, BF_DIAG_NOTE, declared, "declared here");
    }
}

void plan_sensor_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map)
{
    const struct plan_keys *keys = &plan_keys_sensor;
    if (!plan_keys_check(c->d, map, keys))
        return;
    const struct bf_yaml_node *dataset = plan_keys_get(map, keys, "dataset");
    step->sensor.every_ms = EVERY_MS_PRESET;
    (void)plan_keys_duration(c->d, map, keys, "every", &step->sensor.every_ms);
    (void)plan_keys_duration(c->d, map, keys, "timeout", &step->sensor.timeout_ms);
    if (step->n_outputs > 0) {
        bf_diag_add(c->d, BF_DIAG_ERROR, map->mark, "a sensor looks and writes nothing, and the step has `outputs`");
        bf_diag_fix(c->d, "leave out `outputs`");
    }
    if (!dataset || !plan_ref_read(c, dataset, PLAN_REF_DATASET, &step->sensor.dataset))
        return;
    step->connection = c->plan->datasets[step->sensor.dataset].connection;
    check_dataset(c, step, dataset);
}

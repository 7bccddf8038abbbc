/* WfCommons WfFormat 1.5 -> plan.
 *
 * Reads workflow.specification.tasks (id, parents) and workflow.execution.tasks (id, runtimeInSeconds).  Everything is checked
 * and capped before a line is written.  One step a line, in the order of the file:
 *
 *     mProject_1: {run: [sleep, "1.25"], expect: {duration: 1250ms}, needs: [stage_in]}
 *
 * A task that was never measured sleeps 0. */
#include "plan/import.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/yaml.h"
#include "plan/plan.h"
#include "plan/read.h"

#define JSON_MAX_BYTES ((size_t)64 << 20)
#define ID_MAX 4096u
#define TIME_MAX_MS (10000.0 * 86400e3)    /* what a duration may be */

struct task {
    const char *id;                        /* of the file; borrowed */
    char *name;                            /* of the step; owned */
    const json_t *parents;                 /* NULL: none */
    double runtime_s;
    bool measured;
};

struct workflow {
    json_t *root;
    struct task *tasks;
    size_t n;
    struct bf_smap by_id;                  /* id -> index + 1 */
};

static void workflow_done(struct workflow *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->tasks[i].name);
    free(w->tasks);
    bf_smap_free(&w->by_id);
    json_decref(w->root);
}

/* ---- reading ---- */

static enum bf_rc parse(const char *json, size_t len, struct workflow *w, struct bf_error *err)
{
    json_error_t where;
    char shown[PLAN_CLIP];
    if (len > JSON_MAX_BYTES)
        return bf_fail(err, BF_LIMIT, "the workflow has %zu bytes: the limit is %zu", len, JSON_MAX_BYTES);
    w->root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &where);
    if (!w->root)
        return bf_fail(err, BF_INVALID, "line %d, column %d: not JSON: %s", where.line, where.column, plan_clip(where.text, shown));
    const json_t *version = json_object_get(w->root, "schemaVersion");
    if (!json_is_string(version))
        return bf_fail(err, BF_INVALID, "`schemaVersion` is missing: this is no WfFormat workflow");
    if (strcmp(json_string_value(version), "1.5") != 0)
        return bf_fail(err, BF_UNSUPPORTED, "`schemaVersion` %s is not supported yet: only WfFormat 1.5 is",
                       plan_clip(json_string_value(version), shown));
    return BF_OK;
}

static enum bf_rc find_tasks(const struct workflow *w, const char *part, const json_t **ret, struct bf_error *err)
{
    const json_t *tasks = json_object_get(json_object_get(json_object_get(w->root, "workflow"), part), "tasks");
    if (!json_is_array(tasks))
        return bf_fail(err, BF_INVALID, "`workflow.%s.tasks` must be a list", part);
    if (json_array_size(tasks) > PLAN_STEPS_MAX)
        return bf_fail(err, BF_LIMIT, "`workflow.%s.tasks` has %zu tasks: the limit of steps in a plan is %u", part,
                       json_array_size(tasks), PLAN_STEPS_MAX);
    *ret = tasks;
    return BF_OK;
}

static enum bf_rc read_id(const json_t *value, const char *part, size_t index, const char *key, const char **ret, struct bf_error *err)
{
    if (!json_is_string(value) || json_string_length(value) == 0)
        return bf_fail(err, BF_INVALID, "`workflow.%s.tasks[%zu].%s` must be a task's id", part, index, key);
    if (json_string_length(value) > ID_MAX)
        return bf_fail(err, BF_LIMIT, "`workflow.%s.tasks[%zu].%s` is too long: at most %u bytes", part, index, key, ID_MAX);
    *ret = json_string_value(value);
    return BF_OK;
}

static size_t find_task(const struct workflow *w, const char *id)
{
    return (size_t)(uintptr_t)bf_smap_get(&w->by_id, id, strlen(id));
}

static enum bf_rc read_specification(struct workflow *w, struct bf_error *err)
{
    const json_t *tasks = NULL;
    enum bf_rc rc = find_tasks(w, "specification", &tasks, err);
    if (rc != BF_OK)
        return rc;
    if (json_array_size(tasks) == 0)
        return bf_fail(err, BF_INVALID, "`workflow.specification.tasks` is empty: a plan needs at least one step");
    w->tasks = bf_xcalloc(json_array_size(tasks), sizeof *w->tasks);
    for (size_t i = 0; i < json_array_size(tasks); i++) {
        const json_t *task = json_array_get(tasks, i), *parents = json_object_get(task, "parents");
        char shown[PLAN_CLIP];
        const char *id;
        if ((rc = read_id(json_object_get(task, "id"), "specification", i, "id", &id, err)) != BF_OK)
            return rc;
        if (find_task(w, id))
            return bf_fail(err, BF_INVALID, "`workflow.specification.tasks[%zu]`: the id `%s` is taken by tasks[%zu]", i,
                           plan_clip(id, shown), find_task(w, id) - 1);
        if (parents && !json_is_null(parents) && !json_is_array(parents))
            return bf_fail(err, BF_INVALID, "`workflow.specification.tasks[%zu].parents` must be a list", i);
        w->tasks[w->n++] = (struct task){.id = id, .parents = json_is_array(parents) ? parents : NULL};
        bf_smap_put(&w->by_id, id, strlen(id), (void *)(uintptr_t)w->n);
    }
    return BF_OK;
}

static enum bf_rc read_execution(struct workflow *w, double time_scale, struct bf_error *err)
{
    const json_t *tasks = NULL;
    if (!json_object_get(json_object_get(w->root, "workflow"), "execution"))
        return BF_OK;
    enum bf_rc rc = find_tasks(w, "execution", &tasks, err);
    for (size_t i = 0; rc == BF_OK && i < json_array_size(tasks); i++) {
        const json_t *task = json_array_get(tasks, i), *runtime = json_object_get(task, "runtimeInSeconds");
        char shown[PLAN_CLIP];
        const char *id;
        if ((rc = read_id(json_object_get(task, "id"), "execution", i, "id", &id, err)) != BF_OK)
            return rc;
        size_t at = find_task(w, id);
        if (at == 0)
            return bf_fail(err, BF_INVALID, "`workflow.execution.tasks[%zu].id`: the specification has no task `%s`", i,
                           plan_clip(id, shown));
        struct task *t = &w->tasks[at - 1];
        if (t->measured)
            return bf_fail(err, BF_INVALID, "`workflow.execution.tasks[%zu].id`: task `%s` is given twice", i,
                           plan_clip(id, shown));
        if (!runtime || json_is_null(runtime))
            continue;
        if (!json_is_number(runtime) || !isfinite(json_number_value(runtime)) || json_number_value(runtime) < 0)
            return bf_fail(err, BF_INVALID,
                           "`workflow.execution.tasks[%zu].runtimeInSeconds` must be a number of seconds, not negative", i);
        t->runtime_s = json_number_value(runtime);
        t->measured = true;
        if (t->runtime_s * time_scale * 1e3 > TIME_MAX_MS)
            return bf_fail(err, BF_LIMIT, "task `%s` ran %g s, times %g: a step may take 10,000 days", plan_clip(id, shown),
                           t->runtime_s, time_scale);
    }
    return rc;
}

static enum bf_rc check_parents(const struct workflow *w, struct bf_error *err)
{
    for (size_t i = 0; i < w->n; i++) {
        for (size_t p = 0; p < json_array_size(w->tasks[i].parents); p++) {
            const json_t *parent = json_array_get(w->tasks[i].parents, p);
            char shown[PLAN_CLIP];
            size_t at = json_is_string(parent) ? find_task(w, json_string_value(parent)) : 0;
            if (!json_is_string(parent))
                return bf_fail(err, BF_INVALID, "`workflow.specification.tasks[%zu].parents[%zu]` must be a task's id", i, p);
            if (at == 0)
                return bf_fail(err, BF_INVALID, "`workflow.specification.tasks[%zu].parents[%zu]`: there is no task `%s`", i, p,
                               plan_clip(json_string_value(parent), shown));
            if (at - 1 == i)
                return bf_fail(err, BF_INVALID, "`workflow.specification.tasks[%zu].parents[%zu]`: task `%s` is its own parent", i, p,
                               plan_clip(json_string_value(parent), shown));
        }
    }
    return BF_OK;
}

/* ---- names ---- */

static char *mangle(const char *id)
{
    char *name = bf_xstrndup(id, PLAN_NAME_MAX - 8);       /* room for a counter */
    for (char *p = name; *p; p++) {
        char one[2] = {*p, '\0'};
        if (!plan_name_valid(one))
            *p = '_';
    }
    return name;
}

/* Ids that are names already keep them; the others are mangled, and counted where the result is taken. */
static void name_steps(struct workflow *w)
{
    struct bf_smap taken = {0};
    for (size_t i = 0; i < w->n; i++) {
        if (!plan_name_valid(w->tasks[i].id))
            continue;
        w->tasks[i].name = bf_xstrdup(w->tasks[i].id);
        bf_smap_put(&taken, w->tasks[i].id, strlen(w->tasks[i].id), w);
    }
    for (size_t i = 0; i < w->n; i++) {
        if (w->tasks[i].name)
            continue;
        /* The index of the task makes a suffix that is nearly always free at once. */
        BF_AUTO_FREE char *base = mangle(w->tasks[i].id);
        char *name = bf_xstrdup(base);
        for (size_t k = i + 1; bf_smap_get(&taken, name, strlen(name)); k++) {
            free(name);
            name = bf_xasprintf("%s-%zu", base, k);
        }
        bf_smap_put(&taken, name, strlen(name), w);
        w->tasks[i].name = name;
    }
    bf_smap_free(&taken);
}

/* ---- writing ---- */

/* Quotes where YAML could read something else than a plain word. */
static void put_name(struct bf_buf *b, const char *name)
{
    bool letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');
    bool word = letter && strcasecmp(name, "null") != 0 && strcasecmp(name, "true") != 0 && strcasecmp(name, "false") != 0;
    bf_buf_printf(b, word ? "%s" : "\"%s\"", name);
}

/* Milliseconds as seconds: 1250 -> 1.25, 0 -> 0. */
static void put_seconds(struct bf_buf *b, uint64_t ms)
{
    uint64_t part = ms % 1000;
    int places = 3;
    bf_buf_printf(b, "%" PRIu64, ms / 1000);
    if (part == 0)
        return;
    while (part % 10 == 0) {
        part /= 10;
        places--;
    }
    bf_buf_printf(b, ".%0*" PRIu64, places, part);
}

static void put_needs(const struct workflow *w, const struct task *t, uint8_t *seen, struct bf_buf *b)
{
    const char *before = ", needs: [";
    for (size_t p = 0; p < json_array_size(t->parents); p++) {
        size_t at = find_task(w, json_string_value(json_array_get(t->parents, p))) - 1;
        if (seen[at])
            continue;
        seen[at] = 1;
        bf_buf_put_str(b, before);
        put_name(b, w->tasks[at].name);
        before = ", ";
    }
    for (size_t p = 0; p < json_array_size(t->parents); p++)
        seen[find_task(w, json_string_value(json_array_get(t->parents, p))) - 1] = 0;
    if (json_array_size(t->parents) > 0)
        bf_buf_put_str(b, "]");
}

static void put_steps(const struct workflow *w, double time_scale, struct bf_buf *b)
{
    BF_AUTO_FREE uint8_t *seen = bf_xcalloc(w->n, 1);
    for (size_t i = 0; i < w->n; i++) {
        const struct task *t = &w->tasks[i];
        uint64_t ms = (uint64_t)(t->runtime_s * time_scale * 1e3 + 0.5);
        bf_buf_put_str(b, "  ");
        put_name(b, t->name);
        bf_buf_put_str(b, ": {run: [sleep, \"");
        put_seconds(b, ms);
        bf_buf_printf(b, "\"], expect: {duration: %" PRIu64 "ms}", ms);
        put_needs(w, t, seen, b);
        bf_buf_put_str(b, "}\n");
    }
}

static void put_plan(const struct workflow *w, const char *name, double time_scale, struct bf_buf *b)
{
    BF_AUTO_FREE char *plan_name = mangle(name && *name ? name : "workflow");
    size_t unmeasured = 0;
    for (size_t i = 0; i < w->n; i++)
        unmeasured += !w->tasks[i].measured;
    if (unmeasured > 0)
        bf_buf_printf(b, "# Tasks without a measured run time, which sleep 0: %zu\n", unmeasured);
    bf_buf_put_str(b, "apiVersion: backfill/v1\nkind: Plan\nname: ");
    put_name(b, plan_name);
    bf_buf_printf(b, "\ndescription: Imported from WfFormat 1.5, times %g.\nsteps:\n", time_scale);
    put_steps(w, time_scale, b);
}

enum bf_rc plan_import_wfformat(const char *json, size_t len, const char *name, double time_scale, struct bf_buf *ret_yaml,
                                struct bf_error *err)
{
    BF_CLEANUP(workflow_done) struct workflow w = {0};
    if (!(time_scale > 0) || !isfinite(time_scale))
        return bf_fail(err, BF_USAGE, "the time scale must be a number over 0");
    enum bf_rc rc = parse(json, len, &w, err);
    if (rc == BF_OK)
        rc = read_specification(&w, err);
    if (rc == BF_OK)
        rc = read_execution(&w, time_scale, err);
    if (rc == BF_OK)
        rc = check_parents(&w, err);
    if (rc != BF_OK)
        return rc;
    name_steps(&w);
    struct bf_buf b = {0};
    put_plan(&w, name, time_scale, &b);
    if (b.len > BF_YAML_MAX_BYTES) {
        rc = bf_fail(err, BF_LIMIT, "the plan would have %zu bytes: the limit of a plan is %u", b.len, BF_YAML_MAX_BYTES);
        bf_buf_free(&b);
        return rc;
    }
    bf_buf_put(ret_yaml, b.data, b.len);
    bf_buf_free(&b);
    return BF_OK;
}

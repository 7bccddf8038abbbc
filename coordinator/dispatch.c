/* Rendering is pure: plan + attempt -> what the agent is told.  Nothing here is kept. */
#include "coordinator/dispatch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "plan/spec.h"

enum { RUN_ID_MOST = PLAN_NAME_MAX + PLAN_KEY_MAX + 64 };        /* what dispatch_assignment() writes: a name, a key and figures */

/* What a plan may say of an instance, an agent takes. */
_Static_assert(PLAN_SPEC_MAX <= STEP_SPEC_MAX_BYTES, "a specification that the plan accepts fits the message");
_Static_assert(RUN_ID_MOST <= PLAN_RUN_ID_MAX, "a specification is measured with the longest run id");
_Static_assert(PLAN_RUN_ID_MAX <= STEP_RUN_ID_MAX_BYTES, "a run id fits the message");

static const char *arena_rendered(struct bf_arena *arena, const struct template *t, const struct template_values *v)
{
    struct bf_buf text = {0};
    template_render(t, v, &text);
    const char *copy = bf_arena_strndup(arena, bf_buf_cstr(&text), text.len);
    bf_buf_free(&text);
    return copy;
}

#define PARTITION_ENV_MAX 8

/* BF_PARTITION_*: what the templates' partition.* of the same names say, as far as they mean something for the grain; KEY and INDEX
 * always, so that a script may use them whatever the grain. */
static size_t partition_env(const struct plan_partitions *partitions, uint32_t index, struct bf_arena *arena, struct step_env *ret)
{
    static const struct { const char *name; enum template_var var; } all[PARTITION_ENV_MAX] = {
        {"BF_PARTITION_KEY", TEMPLATE_PARTITION_KEY},     {"BF_PARTITION_INDEX", TEMPLATE_PARTITION_INDEX},
        {"BF_PARTITION_START", TEMPLATE_PARTITION_START}, {"BF_PARTITION_END", TEMPLATE_PARTITION_END},
        {"BF_PARTITION_DATE", TEMPLATE_PARTITION_DATE},   {"BF_PARTITION_HOUR", TEMPLATE_PARTITION_HOUR},
        {"BF_PARTITION_WEEK", TEMPLATE_PARTITION_WEEK},   {"BF_PARTITION_MONTH", TEMPLATE_PARTITION_MONTH}};
    size_t n = 0;
    for (size_t i = 0; i < PARTITION_ENV_MAX; i++) {
        bool always = all[i].var == TEMPLATE_PARTITION_KEY || all[i].var == TEMPLATE_PARTITION_INDEX;
        if (!always && !template_var_fits(all[i].var, partitions->grain))
            continue;
        struct template_value value = template_partition_value(all[i].var, partitions, index);
        ret[n++] = (struct step_env){all[i].name, bf_arena_strdup(arena, value.text)};
        free(value.text);
    }
    return n;
}

static void assignment_argv(const struct plan_step *step, const struct template_values *v, struct bf_arena *arena, struct assignment *ret)
{
    ret->n_argv = step->n_argv;
    ret->argv = bf_arena_alloc(arena, step->n_argv * sizeof *ret->argv);
    for (size_t i = 0; i < step->n_argv; i++)
        ret->argv[i] = arena_rendered(arena, &step->argv[i], v);
}

static void assignment_env(const struct plan_step *step, const struct template_values *v, struct bf_arena *arena, struct assignment *ret)
{
    ret->env = bf_arena_alloc(arena, (step->n_env + PARTITION_ENV_MAX) * sizeof *ret->env);
    ret->n_env = partition_env(v->partitions, v->index, arena, ret->env);
    for (size_t i = 0; i < step->n_env; i++)
        ret->env[ret->n_env++] = (struct step_env){step->env[i].name, arena_rendered(arena, &step->env[i].value, v)};
}

static void assignment_spec(const struct plan *plan, const struct plan_step *step, const struct template_values *v, struct bf_arena *arena,
                            struct assignment *ret)
{
    struct bf_buf spec = {0};
    struct plan_spec_ref *refs;
    plan_spec_render(plan, step, v, &spec);
    ret->spec = bf_arena_strndup(arena, bf_buf_cstr(&spec), spec.len);
    bf_buf_free(&spec);
    plan_spec_refs(plan, step, &refs, &ret->n_refs);
    ret->refs = bf_arena_alloc(arena, ret->n_refs * sizeof *ret->refs);
    for (size_t i = 0; i < ret->n_refs; i++)
        ret->refs[i] = (struct step_ref){bf_arena_strdup(arena, refs[i].name), bf_arena_strdup(arena, refs[i].text)};
    plan_spec_refs_free(refs, ret->n_refs);
}

static enum step_kind assignment_kind(enum plan_kind k)
{
    switch (k) {
    case PLAN_RUN: case PLAN_SHELL: return STEP_RUN;
    case PLAN_NOOP: return STEP_NOOP;
    case PLAN_SQL: case PLAN_WAREHOUSE: case PLAN_SENSOR: return STEP_SQL;
    case PLAN_HTTP: return STEP_HTTP;
    }
    assert(false && "plan kind");
    return STEP_NOOP;
}

static char *append(char *at, const char *s, size_t max)
{
    size_t n = strnlen(s, max);
    memcpy(at, s, n);
    return at + n;
}

static char *append_number(char *at, uint32_t v)
{
    char digits[10];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

/* "00112233-bf-7/load/2026-01-01/1", for every attempt of a run: by hand, as printf would be a tenth of what an assignment costs. */
static void run_id_write(const struct attempt_view *attempt, const char *cluster, const char *step, const char *key, char ret[RUN_ID_MOST])
{
    enum { CLUSTER_SHOWN = 8 };
    char *at = append(ret, cluster ? cluster : "", CLUSTER_SHOWN);
    at = append_number(append(at, "-bf-", 4), attempt->backfill);
    at = append(append(at, "/", 1), step, PLAN_NAME_MAX);
    at = append(append(at, "/", 1), key, PLAN_KEY_MAX);
    *append_number(append(at, "/", 1), attempt->run) = '\0';
}

void dispatch_assignment(const struct engine *e, const struct attempt_view *attempt, const char *cluster, int64_t grace_ms,
                         struct bf_arena *arena, struct assignment *ret)
{
    struct backfill_view backfill;
    bool found = engine_backfill(e, attempt->backfill, &backfill);
    assert(found);
    const struct plan *plan = backfill.plan;
    const struct plan_step *step = &plan->steps[attempt->step];
    char key[PLAN_KEY_MAX], run_id[RUN_ID_MOST];
    plan_partition_key(step->partitions, attempt->index, key);
    run_id_write(attempt, cluster, step->name, key, run_id);

    *ret = (struct assignment){
        .ref = attempt->ref, .cluster = cluster, .backfill = attempt->backfill, .run = attempt->run, .attempt_no = attempt->attempt_no,
        .plan = plan->name, .step = step->name, .partition = bf_arena_strdup(arena, key), .n_partitions = attempt->n,
        .run_id = bf_arena_strdup(arena, run_id), .kind = assignment_kind(step->kind), .timebox_ms = step->timebox_ms,
        .grace_ms = grace_ms, .spec = "",
        .limits = {step->resources.cpu_milli, step->resources.memory_bytes, step->resources.io_bytes_s},
    };
    const char **names = bf_arena_alloc(arena, plan->n_params * sizeof *names);
    const char **values = bf_arena_alloc(arena, plan->n_params * sizeof *values);
    for (size_t i = 0; i < plan->n_params; i++) {
        names[i] = plan->params[i].name;
        values[i] = plan->params[i].value;
    }
    struct template_values v = {
        .partitions = step->partitions, .index = attempt->index, .params = names, .param_values = values, .n_params = plan->n_params,
        .run_id = ret->run_id, .attempt = attempt->attempt_no, .token = attempt->ref.token,
    };
    if (ret->kind == STEP_RUN) {
        assignment_argv(step, &v, arena, ret);
        assignment_env(step, &v, arena, ret);
    }
    if (plan_spec_has(step))
        assignment_spec(plan, step, &v, arena, ret);
}

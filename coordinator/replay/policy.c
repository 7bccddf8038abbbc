/* Reading a policy file, and laying it over plans, inputs, state and stored records.
 *
 * The YAML stays: a `retry:` map overrides a step's own key by key, so it is read anew onto each step's retry. */
#include "coordinator/replay/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "common/vec.h"
#include "common/yaml.h"
#include "coordinator/engine/view.h"
#include "coordinator/engine/view_pools.h"
#include "plan/retry.h"

#define SLOTS_MAX 1000000
#define NAMES_MAX 10000u

struct step_change { const char *name; const struct bf_yaml_node *retry; bool has_priority; enum plan_priority priority; bool used; };
struct pool_change { const char *name; uint32_t slots; bool used; };

struct replay_policy {
    char *text;                                  /* what the tree points into */
    struct bf_yaml *yaml;                        /* names and maps below are its */
    const char *plan;                            /* NULL: of every plan */
    const struct bf_yaml_node *retry;            /* of every step; NULL: as it is */
    BF_VEC_TYPE(struct step_change) steps;
    BF_VEC_TYPE(struct pool_change) pools;
    bool plan_used;
};

/* What people may look for, and why it is not here. */
static const struct { const char *key, *why; } refused[] = {
    {"lease", "who was lost, and when, stands in the history: an agent's silence was decided on as it came"},
    {"timebox", "not supported yet: how long an attempt that was killed would have run stands nowhere"},
    {"agents", "the fleet is that of the history"}, {"resources", "not supported yet"}, {"needs", "the graph is that of the history"},
    {"pool", "not supported yet: a step draws on the pool that it drew on"}, {"weight", "not supported yet"},
    {"budget", "not supported yet"}, {"limits", "not supported yet"}, {"partitions", "the range is that of the history"},
};

/* Every key is known here; else an error each.  false when node is no map. */
static bool check_keys(const struct bf_yaml_node *node, const char *where, const char *const *known, size_t n, struct bf_diags *d)
{
    if (node->kind != BF_YAML_MAP) {
        bf_diag_add(d, BF_DIAG_ERROR, node->mark, "%s is a map", where);
        return false;
    }
    for (size_t i = 0; i < node->n; i++) {
        const struct bf_yaml_node *key = node->keys[i];
        bool found = false;
        for (size_t k = 0; k < n; k++)
            found |= strcmp(key->text, known[k]) == 0;
        const char *why = NULL;
        for (size_t k = 0; k < sizeof refused / sizeof *refused; k++)
            if (strcmp(key->text, refused[k].key) == 0)
                why = refused[k].why;
        if (!found && why)
            bf_diag_add(d, BF_DIAG_ERROR, key->mark, "`%s` cannot be changed in a replay: %s", key->text, why);
        else if (!found)
            bf_diag_add(d, BF_DIAG_ERROR, key->mark,
                        "unknown key `%.64s`; %s may change: plan, retry, steps (retry, priority) and pools (slots)",
                        key->text, where);
    }
    return true;
}

static const struct bf_yaml_node *read_retry(const struct bf_yaml_node *node, struct bf_diags *d)
{
    struct plan_retry scratch = {.max_attempts = 1, .initial_ms = 5000, .max_ms = 600000, .factor_milli = 2000};
    if (node)
        plan_retry_read(d, node, &scratch);
    return node;
}

static void read_step(struct replay_policy *p, const struct bf_yaml_node *name, const struct bf_yaml_node *node, struct bf_diags *d)
{
    static const char *const known[] = {"retry", "priority"};
    struct step_change step = {.name = name->text};
    if (!check_keys(node, "a step of a policy", known, 2, d))
        return;
    const struct bf_yaml_node *priority = bf_yaml_get(node, "priority");
    step.retry = read_retry(bf_yaml_get(node, "retry"), d);
    step.has_priority = priority != NULL;
    if (priority && (priority->kind != BF_YAML_SCALAR || !plan_priority_parse(priority->text, &step.priority)))
        bf_diag_add(d, BF_DIAG_ERROR, priority->mark, "`priority` is critical, high, normal or low");
    bf_vec_push(&p->steps, step);
}

static void read_pool(struct replay_policy *p, const struct bf_yaml_node *name, const struct bf_yaml_node *node, struct bf_diags *d)
{
    static const char *const known[] = {"slots"};
    int64_t n;
    if (!check_keys(node, "a pool of a policy", known, 1, d))
        return;
    const struct bf_yaml_node *slots = bf_yaml_get(node, "slots");
    if (!slots || slots->kind != BF_YAML_SCALAR || !bf_parse_int(slots->text, 0, SLOTS_MAX, &n))
        bf_diag_add(d, BF_DIAG_ERROR, node->mark, "pool `%.64s` needs slots: 0 to %d, as in {slots: 12}", name->text, SLOTS_MAX);
    else
        bf_vec_push(&p->pools, (struct pool_change){.name = name->text, .slots = (uint32_t)n});
}

static void read_map(struct replay_policy *p, const struct bf_yaml_node *map, const char *what, struct bf_diags *d,
                     void (*one)(struct replay_policy *, const struct bf_yaml_node *, const struct bf_yaml_node *, struct bf_diags *))
{
    if (!map)
        return;
    if (map->kind != BF_YAML_MAP || map->n > NAMES_MAX)
        bf_diag_add(d, BF_DIAG_ERROR, map->mark, "`%s` is a map by name, of at most %u", what, NAMES_MAX);
    for (size_t i = 0; map->kind == BF_YAML_MAP && i < map->n && map->n <= NAMES_MAX; i++)
        one(p, map->keys[i], map->items[i], d);
}

static void read_root(struct replay_policy *p, const struct bf_yaml_node *root, struct bf_diags *d)
{
    static const char *const known[] = {"plan", "retry", "steps", "pools"};
    if (!check_keys(root, "a policy", known, 4, d))
        return;
    const struct bf_yaml_node *plan = bf_yaml_get(root, "plan");
    if (plan && (plan->kind != BF_YAML_SCALAR || !*plan->text))
        bf_diag_add(d, BF_DIAG_ERROR, plan->mark, "`plan` is the name of a plan");
    else if (plan)
        p->plan = plan->text;
    p->retry = read_retry(bf_yaml_get(root, "retry"), d);
    read_map(p, bf_yaml_get(root, "steps"), "steps", d, read_step);
    read_map(p, bf_yaml_get(root, "pools"), "pools", d, read_pool);
    if (d->n_errors == 0 && !p->retry && p->steps.n == 0 && p->pools.n == 0)
        bf_diag_add(d, BF_DIAG_ERROR, root->mark, "the policy changes nothing: give retry, steps or pools");
}

enum bf_rc replay_policy_read(const char *name, const void *text, size_t n, struct replay_policy **ret, struct bf_error *err)
{
    struct replay_policy *p = bf_xcalloc(1, sizeof *p);
    p->text = bf_xcalloc(n + 1, 1);
    memcpy(p->text, text, n);
    struct bf_diags d = {.file = name, .source = p->text, .source_len = n};
    p->yaml = bf_yaml_parse(&d);
    if (p->yaml)
        read_root(p, bf_yaml_root(p->yaml), &d);
    enum bf_rc rc = BF_OK;
    if (d.n_errors) {
        BF_CLEANUP(bf_buf_free) struct bf_buf words = {0};
        bf_diags_print(&d, &words);
        const char *told = bf_buf_cstr(&words), *word = strstr(told, ": error: ");
        int head = word ? (int)(word - told) : 0;            /* whoever says a failure says "error:" */
        rc = bf_fail(err, BF_INVALID, "%.*s%s", head, told, word ? word + strlen(": error") : told);
        replay_policy_free(p);
    } else {
        *ret = p;
    }
    bf_diags_done(&d);
    return rc;
}

void replay_policy_free(struct replay_policy *p)
{
    if (!p)
        return;
    bf_vec_free(&p->steps);
    bf_vec_free(&p->pools);
    bf_yaml_free(p->yaml);
    free(p->text);
    free(p);
}

const char *replay_policy_unused(const struct replay_policy *p)
{
    if (p->plan && !p->plan_used)
        return p->plan;
    for (size_t i = 0; i < p->steps.n; i++)
        if (!p->steps.at[i].used)
            return p->steps.at[i].name;
    for (size_t i = 0; i < p->pools.n; i++)
        if (!p->pools.at[i].used)
            return p->pools.at[i].name;
    return NULL;
}

/* ---- laying it over ---- */

static struct pool_change *pool_named(const struct replay_policy *p, const char *name)
{
    for (size_t i = 0; i < p->pools.n; i++)
        if (strcmp(p->pools.at[i].name, name) == 0) {
            p->pools.at[i].used = true;
            return &p->pools.at[i];
        }
    return NULL;
}

/* It was found right when the policy was read; a step's own values may still make it wrong (a start over its limit): then the step keeps
 * what is right. */
static void lay_retry(const struct replay_policy *p, const struct bf_yaml_node *retry, struct plan_step *step)
{
    struct bf_diags d = {.file = "policy", .source = p->text, .source_len = strlen(p->text)};
    if (retry)
        plan_retry_read(&d, retry, &step->retry);
    if (step->retry.initial_ms > step->retry.max_ms)
        step->retry.initial_ms = step->retry.max_ms;
    bf_diags_done(&d);
}

static void lay_step(const struct replay_policy *p, struct plan_step *step)
{
    lay_retry(p, p->retry, step);
    for (size_t i = 0; i < p->steps.n; i++) {
        struct step_change *c = &p->steps.at[i];
        if (strcmp(c->name, step->name) != 0)
            continue;
        c->used = true;
        lay_retry(p, c->retry, step);
        if (c->has_priority)
            step->priority = c->priority;
    }
}

void replay_policy_to_plan(const struct replay_policy *p, struct plan *plan)
{
    for (size_t i = 0; i < plan->n_pools; i++) {
        const struct pool_change *c = pool_named(p, plan->pools[i].name);
        if (c)
            plan->pools[i].slots = c->slots;
    }
    if (p->plan && strcmp(p->plan, plan->name) != 0)
        return;
    ((struct replay_policy *)(uintptr_t)p)->plan_used = true;
    for (size_t i = 0; i < plan->n_steps; i++)
        lay_step(p, &plan->steps[i]);
}

void replay_policy_to_input(const struct replay_policy *p, struct input *in)
{
    struct input_rare *said = in->rare;
    const struct pool_change *c = in->kind == INPUT_POOL && said && !said->pool.no_slots ? pool_named(p, said->pool_name) : NULL;
    if (c)
        said->pool_slots = c->slots;
}

/* The source that says the slots says others; all else that it says stays. */
static enum bf_rc set_slots(struct engine *e, size_t pool, const struct pool_change *c, enum pool_source source, struct bf_error *err)
{
    struct pool_said_view said;
    (void)engine_pool_said(e, pool, source, &said);
    struct record_rare rare = {.pool_name = c->name, .pool_slots = c->slots, .pool_source = source, .pool = *said.budget,
                               .actor = said.by, .reason = said.reason};
    return engine_apply(e, &(struct record){.kind = RECORD_POOL_SET, .at_us = said.at_us, .rare = &rare}, err);
}

enum bf_rc replay_policy_to_state(const struct replay_policy *p, struct engine *e, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; i < engine_n_pools(e) && rc == BF_OK; i++) {
        struct pool_view pool;
        engine_pool(e, i, &pool);
        const struct pool_change *c = pool_named(p, pool.name);
        if (c)
            rc = set_slots(e, i, c, pool.source, err);
    }
    return rc;
}

void replay_policy_to_record(const struct replay_policy *p, struct record *r)
{
    struct record_rare *rare = r->rare;
    const struct pool_change *c = r->kind == RECORD_POOL_SET && rare && !rare->pool.no_slots ? pool_named(p, rare->pool_name) : NULL;
    if (c)
        rare->pool_slots = c->slots;
}

/* Retry, timebox, pool and priority: built-in values, then `defaults`, then the step, key by key. */
#include <string.h>

#include "common/text.h"
#include "plan/compile.h"
#include "plan/form.h"
#include "plan/keys.h"
#include "plan/retry.h"
#include "plan/words.h"

void plan_policy_init(struct plan_policy *policy)
{
    *policy = (struct plan_policy){
        .retry = {.max_attempts = 1, .initial_ms = 5000, .max_ms = 600000, .factor_milli = 2000},
        .timebox_ms = 0,
        .timebox_then = PLAN_KILL_AND_RETRY,
        .priority = PLAN_NORMAL,
    };
}

static void read_backoff(struct bf_diags *d, const struct bf_yaml_node *map, struct plan_retry *retry)
{
    const struct plan_keys *keys = &plan_keys_backoff;
    int64_t factor;
    int jitter;
    if (!plan_keys_check(d, map, keys))
        return;
    (void)plan_keys_duration(d, map, keys, "initial", &retry->initial_ms);
    (void)plan_keys_duration(d, map, keys, "max", &retry->max_ms);
    (void)plan_keys_word(d, map, keys, "jitter", &jitter);
    if (plan_keys_number(d, map, keys, "factor", &factor))
        retry->factor_milli = (uint32_t)factor;
    if (retry->initial_ms > retry->max_ms && !bf_yaml_get(map, "initial"))
        retry->initial_ms = retry->max_ms;      /* only the cap was given: it holds for the start too */
    if (retry->initial_ms <= retry->max_ms)
        return;
    char initial[32], max[32];
    bf_format_duration(retry->initial_ms, initial, sizeof initial);
    bf_format_duration(retry->max_ms, max, sizeof max);
    bf_diag_add(d, BF_DIAG_ERROR, map->mark, "the backoff begins at %s, over its `max` of %s", initial, max);
}

void plan_retry_read(struct bf_diags *d, const struct bf_yaml_node *map, struct plan_retry *retry)
{
    const struct bf_yaml_node *backoff;
    int64_t max, budget;
    if (!plan_keys_check(d, map, &plan_keys_retry))
        return;
    if (plan_keys_int(d, map, &plan_keys_retry, "max", &max))
        retry->max_attempts = (uint32_t)max;
    if ((backoff = plan_keys_get(map, &plan_keys_retry, "backoff")) != NULL)
        read_backoff(d, backoff, retry);
    const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_retry, "budget");
    if (n && plan_value_check(d, n, "budget", plan_keys_find(&plan_keys_retry, "budget")->type) && plan_parse_percent(n->text, &budget))
        retry->budget_millionths = (uint32_t)budget;
}

static void read_timebox(struct plan_compiler *c, const struct bf_yaml_node *map, struct plan_policy *policy)
{
    const struct plan_keys *keys = &plan_keys_timebox;
    int then;
    if (!plan_keys_check(c->d, map, keys))
        return;
    if (!plan_keys_duration(c->d, map, keys, "limit", &policy->timebox_ms) && policy->timebox_ms == 0)
        plan_keys_need(c->d, map, keys, "limit");
    if (plan_keys_word(c->d, map, keys, "then", &then))
        policy->timebox_then = (enum plan_timebox_then)then;
}

/* One pool, or several: each at most once. */
static void read_pools(struct plan_compiler *c, const struct bf_yaml_node *n, struct plan_policy *policy)
{
    const struct bf_yaml_node *const one[] = {n}, *const *at = n->kind == BF_YAML_SEQ ? (const struct bf_yaml_node *const *)n->items : one;
    size_t n_at = n->kind == BF_YAML_SEQ ? n->n : 1;
    policy->n_pools = 0;
    if (n_at == 0 || n_at > PLAN_STEP_POOLS_MAX) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`pool` names %zu pools: 1 to %u are possible", n_at, PLAN_STEP_POOLS_MAX);
        return;
    }
    for (size_t i = 0; i < n_at; i++) {
        uint32_t pool = PLAN_NO_INDEX;
        bool twice = false;
        if (!plan_ref_read(c, at[i], PLAN_REF_POOL, &pool))
            continue;
        for (uint32_t k = 0; k < policy->n_pools; k++)
            twice = twice || policy->pools[k] == pool;
        if (twice)
            bf_diag_add(c->d, BF_DIAG_ERROR, at[i]->mark, "pool `%s` is named twice: a step draws on a pool once",
                        c->plan->pools[pool].name);
        else
            policy->pools[policy->n_pools++] = pool;
    }
}

void plan_policy_read(struct plan_compiler *c, const struct bf_yaml_node *map, const struct plan_keys *keys,
                      struct plan_policy *policy)
{
    const struct bf_yaml_node *n;
    int priority;
    if ((n = plan_keys_get(map, keys, "retry")) != NULL)
        plan_retry_read(c->d, n, &policy->retry);
    if ((n = plan_keys_get(map, keys, "timebox")) != NULL)
        read_timebox(c, n, policy);
    if ((n = plan_keys_get(map, keys, "pool")) != NULL)
        read_pools(c, n, policy);
    if (plan_keys_word(c->d, map, keys, "priority", &priority))
        policy->priority = (enum plan_priority)priority;
}

bool plan_priority_parse(const char *word, enum plan_priority *ret)
{
    for (const struct plan_word *w = plan_priority_words; w->word; w++)
        if (strcmp(w->word, word) == 0) {
            *ret = (enum plan_priority)w->value;
            return true;
        }
    return false;
}

/* Retry, timebox, pool and priority: built-in values, then `defaults`, then the step, key by key. */
#include "plan/compile.h"
#include "plan/keys.h"
#include "plan/read.h"

#define ATTEMPTS_MAX 1000

void plan_policy_init(struct plan_policy *policy)
{
    *policy = (struct plan_policy){
        .retry = {.max_attempts = 1, .initial_ms = 5000, .max_ms = 600000, .factor_milli = 2000},
        .timebox_ms = 0,
        .timebox_then = PLAN_KILL_AND_RETRY,
        .pool = PLAN_NO_INDEX,
        .priority = PLAN_NORMAL,
    };
}

static void read_backoff(struct plan_compiler *c, const struct bf_yaml_node *map, struct plan_retry *retry)
{
    static const struct plan_word jitters[] = {{"full", 0, false}, {"none", 1, true}, {"equal", 2, true}};
    const struct bf_yaml_node *n;
    int jitter;
    if (!plan_keys_check(c->d, map, &plan_keys_backoff))
        return;
    if ((n = plan_keys_get(map, &plan_keys_backoff, "initial")) != NULL)
        (void)plan_read_duration(c->d, n, "initial", 1, &retry->initial_ms);
    if ((n = plan_keys_get(map, &plan_keys_backoff, "factor")) != NULL)
        (void)plan_read_factor(c->d, n, "factor", &retry->factor_milli);
    if ((n = plan_keys_get(map, &plan_keys_backoff, "max")) != NULL)
        (void)plan_read_duration(c->d, n, "max", 1, &retry->max_ms);
    if ((n = plan_keys_get(map, &plan_keys_backoff, "jitter")) != NULL)
        (void)plan_read_word(c->d, n, "jitter", jitters, 3, &jitter);
    if (retry->initial_ms > retry->max_ms && !bf_yaml_get(map, "initial"))
        retry->initial_ms = retry->max_ms;      /* only the cap was given: it holds for the start too */
    if (retry->initial_ms > retry->max_ms)
        bf_diag_add(c->d, BF_DIAG_ERROR, map->mark, "the backoff begins at %lldms, over its `max` of %lldms",
                    (long long)retry->initial_ms, (long long)retry->max_ms);
}

static void read_retry(struct plan_compiler *c, const struct bf_yaml_node *map, struct plan_retry *retry)
{
    const struct bf_yaml_node *n;
    int64_t max;
    if (!plan_keys_check(c->d, map, &plan_keys_retry))
        return;
    n = plan_keys_get(map, &plan_keys_retry, "max");
    if (n && plan_read_int(c->d, n, "max", 1, ATTEMPTS_MAX, &max))
        retry->max_attempts = (uint32_t)max;
    if ((n = plan_keys_get(map, &plan_keys_retry, "backoff")) != NULL)
        read_backoff(c, n, retry);
}

static void read_timebox(struct plan_compiler *c, const struct bf_yaml_node *map, struct plan_policy *policy)
{
    static const struct plan_word words[] = {
        {"kill_and_retry", PLAN_KILL_AND_RETRY, false}, {"kill_and_fail", PLAN_KILL_AND_FAIL, false}, {"warn", 0, true},
    };
    int then = 0;
    if (!plan_keys_check(c->d, map, &plan_keys_timebox))
        return;
    const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_timebox, "limit");
    if (n)
        (void)plan_read_duration(c->d, n, "limit", 1, &policy->timebox_ms);
    else if (policy->timebox_ms == 0 && plan_keys_missing(map, &plan_keys_timebox, "limit"))
        bf_diag_add(c->d, BF_DIAG_ERROR, map->mark, "`limit` is missing: a timebox needs one");
    n = plan_keys_get(map, &plan_keys_timebox, "then");
    if (n && plan_read_word(c->d, n, "then", words, 3, &then))
        policy->timebox_then = (enum plan_timebox_then)then;
}

void plan_policy_read(struct plan_compiler *c, const struct bf_yaml_node *retry, const struct bf_yaml_node *timebox,
                      const struct bf_yaml_node *pool, const struct bf_yaml_node *priority, struct plan_policy *policy)
{
    static const struct plan_word priorities[] = {
        {"critical", PLAN_CRITICAL, false}, {"high", PLAN_HIGH, false}, {"normal", PLAN_NORMAL, false}, {"low", PLAN_LOW, false},
    };
    const char *name;
    int value;
    if (retry)
        read_retry(c, retry, &policy->retry);
    if (timebox)
        read_timebox(c, timebox, policy);
    if (pool && plan_read_name(c->d, pool, "pool", &name)) {
        policy->pool = plan_names_find(&c->pools, name);
        if (policy->pool == PLAN_NO_INDEX)
            plan_unknown(c->d, pool->mark, "pool", name, c->pools.at, c->pools.n, ": declare it under `pools`");
    }
    if (priority && plan_read_word(c->d, priority, "priority", priorities, 4, &value))
        policy->priority = (enum plan_priority)value;
}

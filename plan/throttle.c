/* `throttle:` of pools, and which probes govern them (probe.c reads these).  A probe governs the pools with a throttle that steps of its
 * connection draw on. */
#include "plan/throttle.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/keys.h"
#include "plan/read.h"

const char *plan_throttle_word(enum throttle_algorithm a)
{
    return a == THROTTLE_AIMD ? "aimd" : "gradient";
}

/* ---- throttles ---- */

/* An attempt that is over the slots is never begun: such a bound is a slip. */
static bool within_slots(struct plan_compiler *c, const struct bf_yaml_node *map, const char *key, int64_t n, uint32_t slots,
                         const struct bf_yaml_node *slots_node)
{
    if (n <= slots || slots == 0)
        return true;
    bf_diag_add(c->d, BF_DIAG_ERROR, bf_yaml_get(map, key)->mark, "`%s` of a throttle is %lld, and the pool has %u slots", key,
                (long long)n, slots);
    bf_diag_fix(c->d, "take at most %u, or give the pool more `slots`", slots);
    if (slots_node)
        bf_diag_add(c->d, BF_DIAG_NOTE, slots_node->mark, "`slots` stands here");
    return false;
}

void plan_throttle_read(struct plan_compiler *c, const struct bf_yaml_node *map, const struct bf_yaml_node *slots, struct plan_pool *pool)
{
    const struct plan_keys *keys = &plan_keys_throttle;
    size_t errors = c->d->n_errors;
    int algorithm = THROTTLE_NONE;
    int64_t min = 1, max = pool->slots;
    if (!plan_keys_check(c->d, map, keys) || c->d->n_errors > errors)
        return;
    (void)plan_keys_word(c->d, map, keys, "algorithm", &algorithm);
    bool low = plan_keys_int(c->d, map, keys, "min", &min), high = plan_keys_int(c->d, map, keys, "max", &max);
    if ((high && !within_slots(c, map, "max", max, pool->slots, slots)) || (low && !within_slots(c, map, "min", min, pool->slots, slots)))
        return;
    pool->throttle = (struct plan_throttle){.algorithm = (enum throttle_algorithm)algorithm, .min = (uint32_t)min, .max = (uint32_t)max};
}

/* ---- the whole ---- */

static bool has_connection(const struct plan_step *s)
{
    return s->kind == PLAN_SQL || s->kind == PLAN_WAREHOUSE || s->kind == PLAN_SENSOR;
}

static bool draws_on(const struct plan_step *s, uint32_t pool)
{
    for (uint32_t i = 0; i < s->n_also; i++)
        if (s->also[i] == pool)
            return true;
    return s->pool == pool;
}

static bool governs(const struct plan *p, uint32_t connection, uint32_t pool)
{
    for (size_t i = 0; i < p->n_steps; i++)
        if (has_connection(&p->steps[i]) && p->steps[i].connection == connection && draws_on(&p->steps[i], pool))
            return true;
    return false;
}

static const struct bf_yaml_node *probe_node(const struct plan_compiler *c, const char *connection)
{
    const struct bf_yaml_node *map = plan_keys_get(c->root, &plan_keys_top, "connections");
    const struct bf_yaml_node *body = map ? bf_yaml_get(map, connection) : NULL;
    return body && body->kind == BF_YAML_MAP ? bf_yaml_get(body, "probe") : NULL;
}

/* One of a connection that no step uses is there to be seen. */
static void check_probe(struct plan_compiler *c, uint32_t connection)
{
    const struct plan *p = c->plan;
    bool used = false;
    for (size_t i = 0; i < p->n_steps && !used; i++)
        used = has_connection(&p->steps[i]) && p->steps[i].connection == connection;
    if (!used)
        return;
    for (uint32_t i = 0; i < p->n_pools; i++)
        if (p->pools[i].throttle.algorithm != THROTTLE_NONE && governs(p, connection, i))
            return;
    const struct bf_yaml_node *n = probe_node(c, p->connections[connection].name);
    if (n)
        bf_diag_add(c->d, BF_DIAG_WARNING, n->mark, "the probe of connection `%s` governs nothing: no step of it draws on a pool with a "
                    "`throttle`", p->connections[connection].name);
}

static void check_pool(struct plan_compiler *c, uint32_t pool)
{
    const struct plan *p = c->plan;
    size_t n = 0;
    bool drawn = false;
    for (uint32_t i = 0; i < p->n_connections; i++)
        n += p->connections[i].probe && governs(p, i, pool);
    for (size_t i = 0; i < p->n_steps && !drawn; i++)
        drawn = draws_on(&p->steps[i], pool);
    if (p->pools[pool].throttle.algorithm != THROTTLE_NONE && n > LIMIT_PROBES_MAX)
        bf_diag_add(c->d, BF_DIAG_ERROR, p->pools[pool].mark, "pool `%s` is governed by the probes of %zu connections, and %u "
                    "are possible: give their steps pools of their own", p->pools[pool].name, n, LIMIT_PROBES_MAX);
    if (p->pools[pool].throttle.algorithm != THROTTLE_NONE && n == 0 && drawn)
        bf_diag_add(c->d, BF_DIAG_WARNING, p->pools[pool].mark, "pool `%s` has a `throttle`, and no sql step that draws on it has a "
                    "connection with a `probe`: what its steps take moves the limit, and not the warehouse's load", p->pools[pool].name);
}

void plan_throttles_check(struct plan_compiler *c)
{
    if (c->d->n_errors > 0)
        return;
    for (uint32_t i = 0; i < c->plan->n_pools; i++)
        check_pool(c, i);
    for (uint32_t i = 0; i < c->plan->n_connections; i++)
        if (c->plan->connections[i].probe)
            check_probe(c, i);
}

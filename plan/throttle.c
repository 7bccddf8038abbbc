/* `throttle:` of pools and `probe:` of connections.  A probe governs the pools with a throttle that steps of its connection draw on. */
#include "plan/throttle.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/canonical_walk.h"
#include "plan/form.h"
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

/* ---- probes ---- */

void plan_probe_free(struct plan_probe *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_argv; i++)
        free(p->argv[i]);
    free(p->argv);
    free(p->sql);
    free(p->url);
    free(p->method);
    free(p);
}

/* A probe belongs to no partition, and what it says is shown. */
static bool plain(struct plan_compiler *c, const struct bf_yaml_node *n, const char *key)
{
    if (strstr(n->text, "{{"))
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`%s` of a probe is no template: a probe belongs to no step and no partition", key);
    else if (strstr(n->text, "${"))
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "a reference in `%s` of a probe is not supported yet: write the value", key);
    else
        return true;
    return false;
}

static void read_argv(struct plan_compiler *c, const struct bf_yaml_node *list, struct plan_probe *p)
{
    p->kind = PLAN_PROBE_RUN;
    p->argv = bf_xcalloc(list->n, sizeof *p->argv);
    for (size_t i = 0; i < list->n; i++)
        if (plain(c, list->items[i], "run"))
            p->argv[p->n_argv++] = bf_xstrdup(list->items[i]->text);
}

static void read_call(struct plan_compiler *c, const struct bf_yaml_node *map, struct plan_probe *p)
{
    const struct bf_yaml_node *url = plan_keys_get(map, &plan_keys_probe_http, "url");
    const struct bf_yaml_node *method = plan_keys_get(map, &plan_keys_probe_http, "method");
    p->kind = PLAN_PROBE_HTTP;
    p->method = bf_xstrdup(method ? method->text : "GET");
    if (url && plain(c, url, "url"))
        p->url = bf_xstrdup(url->text);
}

/* us of a duration, or millionths of a number; the rule of the keys has said whether it is the right one. */
static bool read_bound(const struct bf_yaml_node *map, const char *key, bool value, int64_t *ret)
{
    const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_probe, key);
    int64_t read = 0;
    if (!n || !(value ? plan_parse_number(n->text, &read) : bf_parse_duration(n->text, &read)) || read > INT64_MAX / 1000)
        return false;
    *ret = read * 1000;
    return true;
}

struct plan_probe *plan_probe_read(struct plan_compiler *c, const struct bf_yaml_node *map)
{
    const struct plan_keys *keys = &plan_keys_probe;
    const struct bf_yaml_node *n;
    size_t errors = c->d->n_errors;
    int value = 0;
    if (!plan_keys_check(c->d, map, keys) || c->d->n_errors > errors)
        return NULL;
    struct plan_probe *p = bf_xcalloc(1, sizeof *p);
    p->every_ms = PLAN_PROBE_EVERY_MS_PRESET;
    (void)plan_keys_word(c->d, map, keys, "measure", &value);
    p->value = value;
    (void)plan_keys_duration(c->d, map, keys, "every", &p->every_ms);
    if ((n = plan_keys_get(map, keys, "sql")) != NULL && plain(c, n, "sql"))
        p->sql = bf_xstrdup(n->text);
    if ((n = plan_keys_get(map, keys, "run")) != NULL)
        read_argv(c, n, p);
    if ((n = plan_keys_get(map, keys, "http")) != NULL)
        read_call(c, n, p);
    bool read = read_bound(map, "target", p->value, &p->target) && read_bound(map, "limit", p->value, &p->limit);
    if (read && p->target == 0)
        bf_diag_add(c->d, BF_DIAG_ERROR, bf_yaml_get(map, "target")->mark,
                    "the `target` of a probe must be more than 0: nothing is under it");
    if (read && c->d->n_errors == errors)
        return p;
    plan_probe_free(p);
    return NULL;
}

/* ---- the whole ---- */

static bool has_connection(const struct plan_step *s)
{
    return s->kind == PLAN_SQL || s->kind == PLAN_WAREHOUSE;
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

static void check_probe(struct plan_compiler *c, uint32_t connection)
{
    const struct plan *p = c->plan;
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
    for (uint32_t i = 0; i < p->n_connections; i++)
        n += p->connections[i].probe && governs(p, i, pool);
    if (p->pools[pool].throttle.algorithm != THROTTLE_NONE && n > LIMIT_PROBES_MAX)
        bf_diag_add(c->d, BF_DIAG_ERROR, p->pools[pool].mark, "pool `%s` is governed by the probes of %zu connections, and %u "
                    "are possible: give their steps pools of their own", p->pools[pool].name, n, LIMIT_PROBES_MAX);
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

/* ---- what it says ---- */

static void add_bound(struct walk *w, const char *key, bool value, int64_t n)
{
    if (value) {
        bf_buf_printf(&w->value, "%lld.%03lld", (long long)(n / 1000000), (long long)(n / 1000 % 1000));
        walk_add(w, key, PLAN_DOES);
    } else {
        walk_add_duration(w, key, n / 1000, PLAN_DOES);
    }
}

void walk_add_probe(struct walk *w, const struct plan_probe *p)
{
    walk_add_text(w, "probe.sql", p->sql, PLAN_DOES);
    for (size_t i = 0; i < p->n_argv; i++)
        bf_buf_printf(&w->value, "%s%s", i ? "\n" : "", p->argv[i]);
    if (p->n_argv > 0)
        walk_add(w, "probe.run", PLAN_DOES);
    walk_add_text(w, "probe.http.url", p->url, PLAN_DOES);
    walk_add_text(w, "probe.http.method", p->method, PLAN_DOES);
    walk_add_text(w, "probe.measure", p->value ? "value" : "elapsed", PLAN_DOES);
    walk_add_duration(w, "probe.every", p->every_ms, PLAN_DOES);
    add_bound(w, "probe.target", p->value, p->target);
    add_bound(w, "probe.limit", p->value, p->limit);
}

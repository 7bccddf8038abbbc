/* What a step takes against what its pool has: a step that asks for more than there is would wait for ever. */
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/form.h"
#include "plan/keys.h"
#include "plan/read.h"

enum { NAMES_MAX = 100 };        /* that are looked at for the nearest */

/* One figure of a step and of its pool. */
struct figure { const struct bf_yaml_node *node; uint64_t value; };

static bool parse_figure(const char *key, const char *text, uint64_t *ret)
{
    int64_t n;
    if (strcmp(key, "memory") == 0)
        return bf_parse_size(text, ret);
    if (strcmp(key, "io") == 0)
        return plan_parse_rate(text, ret);
    if (!(strcmp(key, "cpu") == 0 ? plan_parse_number(text, &n) : bf_parse_int(text, 1, INT64_MAX, &n)) || n <= 0)
        return false;
    *ret = (uint64_t)n;
    return true;
}

static bool figure_of(const struct bf_yaml_node *map, const char *key, const char *unit, struct figure *ret)
{
    ret->node = bf_yaml_get(map, unit);
    if (!ret->node || ret->node->kind != BF_YAML_SCALAR || bf_yaml_is_null(ret->node))
        return false;
    return parse_figure(key, ret->node->text, &ret->value);
}

/* key: what the figure is, "cpu"; unit: the key that it stands under, in both maps; pool: whose map `there` is. */
static void compare(struct plan_compiler *c, const struct plan_step *step, uint32_t pool, const struct bf_yaml_node *asked,
                    const struct bf_yaml_node *there, const char *key, const char *unit)
{
    struct figure want, have;
    if (!figure_of(asked, key, unit, &want) || !figure_of(there, key, unit, &have) || want.value <= have.value)
        return;
    bf_diag_add(c->d, BF_DIAG_ERROR, want.node->mark, "step `%s` fits no pool: it takes `%s: %s`, and pool `%s` has %s",
                step->name, unit, want.node->text, c->plan->pools[pool].name, have.node->text);
    bf_diag_fix(c->d, "take at most %s, or give the pool more", have.node->text);
    bf_diag_add(c->d, BF_DIAG_NOTE, have.node->mark, "the pool is here");
}

static void refuse_unit(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *unit,
                        const char *const *names, size_t n)
{
    const char *pool = c->plan->pools[step->pool].name;
    struct bf_buf sentence = {0};
    bf_buf_printf(&sentence, "pool `%s` has no units `%s`", pool, unit->text);
    const char *near = plan_guess(c->d, unit->text, names, n, &sentence);
    if (near) {
        bf_diag_add(c->d, BF_DIAG_ERROR, unit->mark, "%s", bf_buf_cstr(&sentence));
        bf_diag_fix(c->d, "write `%s`", near);
    } else {
        bf_diag_add(c->d, BF_DIAG_ERROR, unit->mark, "step `%s` fits no pool: %s", step->name, bf_buf_cstr(&sentence));
        bf_diag_fix(c->d, "add `%s` to the `units` of pool `%s`", unit->text, pool);
    }
    bf_buf_free(&sentence);
}

/* The map of a pool under a key; NULL where it has none, or none that is a map. */
static const struct bf_yaml_node *body_of(const struct bf_yaml_node *pool, const char *key)
{
    const struct bf_yaml_node *body = pool->kind == BF_YAML_MAP ? bf_yaml_get(pool, key) : NULL;
    return body && (strcmp(key, "units") != 0 || body->kind == BF_YAML_MAP) ? body : NULL;
}

/* The i-th pool of a step. */
static uint32_t pool_at(const struct plan_step *step, uint32_t i)
{
    return i == 0 ? step->pool : step->also[i - 1];
}

static void compare_units(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *asked,
                          const struct bf_yaml_node *const *bodies)
{
    const char *names[NAMES_MAX];
    size_t n = 0;
    const struct bf_yaml_node *mine = body_of(bodies[step->pool], "units");
    for (size_t i = 0; asked->kind == BF_YAML_MAP && mine && i < mine->n && n < NAMES_MAX; i++)
        names[n++] = mine->keys[i]->text;
    for (size_t i = 0; asked->kind == BF_YAML_MAP && i < asked->n; i++) {
        const struct bf_yaml_node *unit = asked->keys[i], *there = NULL;
        uint32_t at = 0;
        for (uint32_t k = 0; k <= step->n_also && !there; k++) {
            const struct bf_yaml_node *units = body_of(bodies[pool_at(step, k)], "units");
            there = units && bf_yaml_get(units, unit->text) ? units : NULL;
            at = pool_at(step, k);
        }
        if (there) {
            compare(c, step, at, asked, there, "units", unit->text);
            continue;
        }
        refuse_unit(c, step, unit, names, n);
        bf_diag_add(c->d, BF_DIAG_NOTE, mine ? mine->mark : c->plan->pools[step->pool].mark, "the pool is here");
    }
}

static void check_step(struct plan_compiler *c, size_t index, const struct bf_yaml_node *const *bodies)
{
    static const char *const keys[] = {"cpu", "memory", "io"};
    const struct plan_step *step = &c->plan->steps[index];
    const struct bf_yaml_node *body = c->step_sources[index].body, *asked = body ? bf_yaml_get(body, "resources") : NULL, *units;
    if (!asked || asked->kind != BF_YAML_MAP || step->pool == PLAN_NO_INDEX)
        return;
    if (bodies[step->pool]->kind != BF_YAML_MAP)
        return;
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        uint32_t i = 0;
        while (i < step->n_also && !body_of(bodies[pool_at(step, i)], keys[k]))
            i++;
        if (body_of(bodies[pool_at(step, i)], keys[k]))
            compare(c, step, pool_at(step, i), asked, bodies[pool_at(step, i)], keys[k], keys[k]);
    }
    if ((units = bf_yaml_get(asked, "units")) != NULL)
        compare_units(c, step, units, bodies);
}

void plan_resources_check(struct plan_compiler *c)
{
    const struct bf_yaml_node *pools = plan_keys_get(c->root, &plan_keys_top, "pools");
    BF_AUTO_FREE const struct bf_yaml_node **bodies = bf_xcalloc(c->plan->n_pools + 1, sizeof *bodies);
    for (size_t i = 0; pools && i < pools->n; i++) {
        uint32_t at = plan_names_find(&c->pools, pools->keys[i]->text);
        if (at != PLAN_NO_INDEX)
            bodies[at] = pools->items[i];
    }
    for (size_t i = 0; i < c->plan->n_steps && c->d->n < BF_DIAG_MAX; i++)
        check_step(c, i, bodies);
}

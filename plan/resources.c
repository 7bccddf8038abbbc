/* What a step takes against what its pool has: a step that asks for more than there is would wait for ever. */
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/form.h"
#include "plan/keys.h"
#include "plan/read.h"

enum { NAMES_MAX = 100 };        /* that are looked at for the nearest */
#define BYTES_MAX (UINT64_C(1) << 50)
#define MEMORY_LEAST (UINT64_C(4) << 20)     /* arguments and environment are at most 2 MiB, and the agent holds a step to no less */

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

/* key: what the figure is, "cpu"; unit: the key that it stands under, in both maps. */
static void compare(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *asked,
                    const struct bf_yaml_node *there, const char *key, const char *unit)
{
    struct figure want, have;
    if (!figure_of(asked, key, unit, &want) || !figure_of(there, key, unit, &have) || want.value <= have.value)
        return;
    bf_diag_add(c->d, BF_DIAG_ERROR, want.node->mark, "step `%s` fits no pool: it takes `%s: %s`, and pool `%s` has %s",
                step->name, unit, want.node->text, c->plan->pools[step->pool].name, have.node->text);
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

static void compare_units(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *asked,
                          const struct bf_yaml_node *pool, struct bf_mark pool_mark)
{
    const struct bf_yaml_node *there = bf_yaml_get(pool, "units");
    if (asked->kind != BF_YAML_MAP || (there && there->kind != BF_YAML_MAP))
        return;
    const char *names[NAMES_MAX];
    size_t n = 0;
    for (; there && n < there->n && n < NAMES_MAX; n++)
        names[n] = there->keys[n]->text;
    for (size_t i = 0; i < asked->n; i++) {
        const struct bf_yaml_node *unit = asked->keys[i];
        if (there && bf_yaml_get(there, unit->text)) {
            compare(c, step, asked, there, "units", unit->text);
            continue;
        }
        refuse_unit(c, step, unit, names, n);
        bf_diag_add(c->d, BF_DIAG_NOTE, there ? there->mark : pool_mark, "the pool is here");
    }
}

static void check_step(struct plan_compiler *c, size_t index, const struct bf_yaml_node *const *bodies)
{
    static const char *const keys[] = {"cpu", "memory", "io"};
    const struct plan_step *step = &c->plan->steps[index];
    const struct bf_yaml_node *body = c->step_sources[index].body, *asked = body ? bf_yaml_get(body, "resources") : NULL, *units;
    if (!asked || asked->kind != BF_YAML_MAP || step->pool == PLAN_NO_INDEX)
        return;
    const struct bf_yaml_node *pool = bodies[step->pool];
    if (pool->kind != BF_YAML_MAP)
        return;
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        compare(c, step, asked, pool, keys[k], keys[k]);
    if ((units = bf_yaml_get(asked, "units")) != NULL)
        compare_units(c, step, units, pool, c->plan->pools[step->pool].mark);
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

/* ---- what an attempt takes ---- */

static uint64_t take_bytes(struct plan_compiler *c, const struct bf_yaml_node *map, const char *key, uint64_t least)
{
    uint64_t bytes = 0;
    const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_resources, key);
    if (!n || !parse_figure(key, n->text, &bytes) || bytes == 0)
        return 0;                              /* what is no size at all was said */
    if (bytes >= least && bytes <= BYTES_MAX)
        return bytes;
    bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`%s: %s` is %s", key, n->text,
                bytes < least ? "less than 4Mi: no program begins in that" : "more than 1024Ti");
    return 0;
}

void plan_resources_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    const struct bf_yaml_node *map = plan_keys_get(body, &plan_keys_step, "resources");
    int64_t cpu_milli = 0;
    if (!map || !plan_keys_check(c->d, map, &plan_keys_resources))
        return;
    const struct bf_yaml_node *cpu = plan_keys_get(map, &plan_keys_resources, "cpu");
    if (cpu && plan_parse_number(cpu->text, &cpu_milli) && cpu_milli > 0)
        step->resources.cpu_milli = (uint64_t)cpu_milli;
    step->resources.memory_bytes = take_bytes(c, map, "memory", MEMORY_LEAST);
    step->resources.io_bytes_s = take_bytes(c, map, "io", 1);
}

/* What only the whole plan shows.
 *
 * The tables of keys say where names stand.  A walk over the document follows them: names in values that are not supported yet are looked
 * up here (those in values that are read were looked up by their readers), and owners everywhere.  Then, for a plan without errors, what
 * is declared and never used: with errors, half of it would only be their echo. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "plan/compile.h"
#include "plan/keys.h"
#include "plan/keys_rules.h"
#include "plan/read.h"

struct walk {
    struct plan_compiler *c;
    const struct plan_step *step;              /* the one that is walked; NULL outside steps */
    struct plan_names flags, owners;
    bool has_owners;                           /* `owners` is there: who is not in it is a stranger */
    uint8_t *owner_used;
};

static void walk_value(struct walk *w, const struct bf_yaml_node *n, const struct plan_type *type, bool not_yet);

/* ---- names ---- */

static void check_owner(struct walk *w, const struct bf_yaml_node *n)
{
    char shown[PLAN_CLIP];
    if (!w->has_owners || n->kind != BF_YAML_SCALAR)
        return;
    uint32_t at = plan_names_find(&w->owners, n->text);
    if (at != PLAN_NO_INDEX) {
        w->owner_used[at] = 1;
        return;
    }
    struct bf_diags *d = w->c->d;
    struct bf_buf sentence = {0};
    bf_buf_printf(&sentence, "owner `%s` does not stand under `owners`", plan_clip(n->text, shown));
    const char *near = plan_guess(d, n->text, w->owners.at, w->owners.n, &sentence);
    bf_diag_add(d, BF_DIAG_WARNING, n->mark, "%s", bf_buf_cstr(&sentence));
    bf_diag_fix(d, near ? "write `%s`" : "add `%s` to `owners`", near ? near : shown);
    bf_buf_free(&sentence);
}

static const struct plan_names *names_of(const struct walk *w, enum plan_ref ref)
{
    return ref == PLAN_REF_FLAG ? &w->flags : ref == PLAN_REF_OWNER ? &w->owners : plan_ref_names(w->c, ref);
}

/* Whatever has a breaker: pools, connections, datasets and steps share one space of names here. */
static void check_breaker(struct walk *w, const struct bf_yaml_node *n)
{
    static const enum plan_ref kinds[] = {PLAN_REF_POOL, PLAN_REF_CONNECTION, PLAN_REF_DATASET, PLAN_REF_STEP};
    struct plan_names all = {0};
    bool found = false;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds && !found; k++)
        found = plan_names_find(names_of(w, kinds[k]), n->text) != PLAN_NO_INDEX;
    if (found)
        return;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t i = 0; w->c->d->n < BF_DIAG_MAX && i < names_of(w, kinds[k])->n; i++)
            plan_names_add(&all, names_of(w, kinds[k])->at[i]);
    plan_ref_unknown(w->c->d, n, PLAN_REF_BREAKER, &all);
    plan_names_done(&all);
}

static void check_ref(struct walk *w, const struct bf_yaml_node *n, enum plan_ref ref)
{
    if (n->kind != BF_YAML_SCALAR || !plan_name_valid(n->text))
        return;
    if (ref == PLAN_REF_BREAKER) {
        check_breaker(w, n);
        return;
    }
    const struct plan_names *names = names_of(w, ref);
    if (plan_names_find(names, n->text) == PLAN_NO_INDEX)
        plan_ref_unknown(w->c->d, n, ref, names);
}

static void check_flag(struct walk *w, const struct bf_yaml_node *name, const struct bf_yaml_node *value)
{
    const struct bf_yaml_node *flags = bf_yaml_get(w->c->root, "flags");
    uint32_t at = plan_names_find(&w->flags, name->text);
    if (at != PLAN_NO_INDEX && flags->items[at]->kind == BF_YAML_MAP)
        plan_flag_value_check(w->c->d, value, name->text, flags->items[at]);
}

/* ---- the walk ---- */

static bool grain_known(const struct walk *w)
{
    return w->step && !w->c->step_sources[w->step - w->c->plan->steps].grain_bad;
}

/* Every text in it is a template. */
static void check_templates(struct walk *w, const struct bf_yaml_node *n, bool text_only)
{
    if (n->kind == BF_YAML_SCALAR && !bf_yaml_is_null(n) && grain_known(w))
        (void)plan_template_check(w->c, w->step, n, text_only);
    for (size_t i = 0; n->kind != BF_YAML_SCALAR && i < n->n; i++)
        check_templates(w, n->items[i], text_only);
}

static void walk_keys(struct walk *w, const struct bf_yaml_node *map, const struct plan_keys *keys, bool not_yet)
{
    for (size_t i = 0; i < map->n && w->c->d->n < BF_DIAG_MAX; i++) {
        const struct plan_key *k = plan_keys_find(keys, map->keys[i]->text);
        if (k && k->type && !bf_yaml_is_null(map->items[i]))
            walk_value(w, map->items[i], k->type, not_yet || k->status == PLAN_KEY_NOT_YET);
    }
}

static void walk_map(struct walk *w, const struct bf_yaml_node *map, const struct plan_type *type, bool not_yet)
{
    bool steps = type->of->value == PLAN_VALUE_KEYS && type->of->keys == &plan_keys_step;
    for (size_t i = 0; i < map->n; i++) {
        uint32_t at = steps ? plan_names_find(&w->c->steps, map->keys[i]->text) : PLAN_NO_INDEX;
        if (steps)
            w->step = at == PLAN_NO_INDEX ? NULL : &w->c->plan->steps[at];
        walk_value(w, map->keys[i], type->key, not_yet);
        if (type->key->value == PLAN_VALUE_REF && type->key->ref == PLAN_REF_FLAG)
            check_flag(w, map->keys[i], map->items[i]);
        walk_value(w, map->items[i], type->of, not_yet);
    }
    if (steps)
        w->step = NULL;
}

static void walk_value(struct walk *w, const struct bf_yaml_node *n, const struct plan_type *type, bool not_yet)
{
    if (!plan_value_has_shape(n, type))
        return;
    switch (type->value) {
    case PLAN_VALUE_REF:
        if (type->ref == PLAN_REF_OWNER)
            check_owner(w, n);
        else if (not_yet)
            check_ref(w, n, type->ref);
        break;
    case PLAN_VALUE_TEMPLATE: case PLAN_VALUE_URL: case PLAN_VALUE_ANY: case PLAN_VALUE_SQL:
        if (not_yet)
            check_templates(w, n, type->value != PLAN_VALUE_SQL);
        break;
    case PLAN_VALUE_LIST:
        for (size_t i = 0; i < n->n; i++)
            walk_value(w, n->items[i], type->of, not_yet);
        break;
    case PLAN_VALUE_MAP:
        walk_map(w, n, type, not_yet);
        break;
    case PLAN_VALUE_KEYS:
        walk_keys(w, n, type->keys, not_yet);
        break;
    case PLAN_VALUE_EITHER:
        walk_value(w, n, plan_type_meant(n, type), not_yet);
        break;
    default:
        break;
    }
}

/* ---- exposures ---- */

static struct bf_mark exposure_mark(const struct plan_compiler *c, const char *name)
{
    const struct bf_yaml_node *map = plan_keys_get(c->root, &plan_keys_top, "exposures");
    for (size_t i = 0; i < map->n && c->d->n < BF_DIAG_MAX; i++)
        if (strcmp(map->keys[i]->text, name) == 0)
            return map->keys[i]->mark;
    return (struct bf_mark){0};
}

static void check_exposures(struct plan_compiler *c)
{
    const struct plan *p = c->plan;
    BF_AUTO_FREE uint8_t *read = bf_xcalloc(p->n_datasets + 1, 1);
    for (size_t i = 0; i < p->n_steps; i++)
        for (size_t k = 0; k < p->steps[i].n_inputs; k++)
            read[p->steps[i].inputs[k]] = 1;
    for (size_t i = 0; i < p->n_exposures; i++) {
        const struct plan_exposure *x = &p->exposures[i];
        for (size_t k = 0; k < x->n_reads; k++) {
            uint32_t at = x->reads[k];
            if (read[at] || p->datasets[at].external || c->dataset_sources[at].writer != PLAN_NO_INDEX)
                continue;
            bf_diag_add(c->d, BF_DIAG_ERROR, c->dataset_sources[at].mark,
                        "exposure `%s` reads dataset `%s`, which no step writes", x->name,
                        p->datasets[at].name);
            bf_diag_fix(c->d, "let a step write it, or say `external: true`");
            bf_diag_add(c->d, BF_DIAG_NOTE, exposure_mark(c, x->name), "the exposure is here");
            read[at] = 1;
        }
    }
}

/* ---- unused ---- */

enum kind { POOLS, CONNECTIONS, DATASETS, PARAMS, OWNERS, KINDS };

struct used { uint8_t *at[KINDS]; };

static void use_template(const struct template *t, struct used *used)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct template_piece *piece = &t->pieces[i];
        if (piece->var == TEMPLATE_PARAM)
            used->at[PARAMS][piece->place] = 1;
        if (piece->var == TEMPLATE_DATASET || piece->var == TEMPLATE_STAGED)
            used->at[DATASETS][piece->place] = 1;
    }
}

static void use_http(const struct plan_http *http, struct used *used)
{
    use_template(&http->url, used);
    use_template(&http->body, used);
    use_template(&http->poll_url, used);
    for (size_t i = 0; i < http->n_headers; i++)
        use_template(&http->headers[i].value, used);
}

static void use_step(const struct plan_step *s, struct used *used)
{
    if (s->pool != PLAN_NO_INDEX)
        used->at[POOLS][s->pool] = 1;
    for (uint32_t i = 0; i < s->n_also; i++)
        used->at[POOLS][s->also[i]] = 1;
    if (s->connection != PLAN_NO_INDEX)
        used->at[CONNECTIONS][s->connection] = 1;
    for (size_t i = 0; i < s->n_inputs; i++)
        used->at[DATASETS][s->inputs[i]] = 1;
    for (size_t i = 0; i < s->n_outputs; i++)
        used->at[DATASETS][s->outputs[i]] = 1;
    for (size_t i = 0; i < s->n_argv; i++)
        use_template(&s->argv[i], used);
    for (size_t i = 0; i < s->n_env; i++)
        use_template(&s->env[i].value, used);
    use_template(&s->sql, used);
    for (size_t i = 0; i < s->n_checks; i++) {
        used->at[DATASETS][s->checks[i].dataset] = 1;
        if (s->checks[i].kind == PLAN_CHECK_RELATIONSHIPS)
            used->at[DATASETS][s->checks[i].to] = 1;
        for (size_t k = 0; k < PLAN_CHECK_QUERIES; k++)
            use_template(&s->checks[i].queries[k], used);
    }
    if (s->http)
        use_http(s->http, used);
    if (s->kind == PLAN_SENSOR)
        used->at[DATASETS][s->sensor.dataset] = 1;
}

static void use_plan(const struct plan_compiler *c, struct used *used)
{
    const struct plan *p = c->plan;
    for (size_t i = 0; i < p->n_steps; i++)
        use_step(&p->steps[i], used);
    for (size_t i = 0; i < p->n_datasets; i++)
        if (p->datasets[i].connection != PLAN_NO_INDEX)
            used->at[CONNECTIONS][p->datasets[i].connection] = 1;
    for (size_t i = 0; i < p->n_connections; i++)
        if (p->connections[i].probe)
            used->at[CONNECTIONS][i] = 1;
    for (size_t i = 0; i < p->n_exposures; i++)
        for (size_t k = 0; k < p->exposures[i].n_reads; k++)
            used->at[DATASETS][p->exposures[i].reads[k]] = 1;
}

/* In a plan without errors the nth key of a section is the nth thing of its kind. */
static void warn_unused(struct walk *w)
{
    static const struct { const char *section, *sentence; } kinds[KINDS] = {
        [POOLS] = {"pools", "no step draws on pool `%s`"},
        [CONNECTIONS] = {"connections", "no step and no dataset uses connection `%s`"},
        [DATASETS] = {"datasets", "nothing reads or writes dataset `%s`"},
        [PARAMS] = {"params", "no template names parameter `%s`"},
        [OWNERS] = {"owners", "nothing belongs to owner `%s`"},
    };
    struct plan_compiler *c = w->c;
    const size_t counts[KINDS] = {c->plan->n_pools, c->plan->n_connections, c->plan->n_datasets, c->plan->n_params,
        c->plan->n_owners};
    struct used used = {.at = {[OWNERS] = w->owner_used}};
    for (size_t k = 0; k < OWNERS; k++)
        used.at[k] = bf_xcalloc(counts[k] + 1, 1);
    use_plan(c, &used);
    for (size_t k = 0; k < KINDS; k++) {
        const struct bf_yaml_node *map = plan_keys_get(c->root, &plan_keys_top, kinds[k].section);
        for (size_t i = 0; i < counts[k]; i++) {
            if (used.at[k][i])
                continue;
            BF_AUTO_FREE char *sentence = bf_xasprintf(kinds[k].sentence, map->keys[i]->text);
            bf_diag_add(c->d, BF_DIAG_WARNING, map->keys[i]->mark, "%s", sentence);
        }
        if (k != OWNERS)
            free(used.at[k]);
    }
}

/* ---- the whole ---- */

static void add_keys(const struct bf_yaml_node *root, const char *section, struct plan_names *ret)
{
    const struct bf_yaml_node *map = bf_yaml_get(root, section);
    for (size_t i = 0; map && map->kind == BF_YAML_MAP && i < map->n; i++)
        plan_names_add(ret, map->keys[i]->text);
}

void plan_uses_check(struct plan_compiler *c)
{
    struct walk w = {.c = c, .has_owners = plan_keys_get(c->root, &plan_keys_top, "owners") != NULL};
    size_t errors = c->d->n_errors;
    add_keys(c->root, "flags", &w.flags);
    for (size_t i = 0; i < c->plan->n_owners; i++)
        plan_names_add(&w.owners, c->plan->owners[i].name);
    w.owner_used = bf_xcalloc(c->plan->n_owners + 1, 1);
    walk_keys(&w, c->root, &plan_keys_top, false);
    check_exposures(c);
    plan_resources_check(c);
    plan_throttles_check(c);
    if (errors == 0 && c->d->n_errors == 0)
        warn_unused(&w);
    free(w.owner_used);
    plan_names_done(&w.flags);
    plan_names_done(&w.owners);
}

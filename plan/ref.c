/* Names that stand where something declared is meant: read, looked up, and told where they would be declared. */
#include "common/mem.h"
#include "plan/compile.h"
#include "plan/read.h"

const struct plan_names *plan_ref_names(const struct plan_compiler *c, enum plan_ref ref)
{
    switch (ref) {
    case PLAN_REF_POOL: return &c->pools;
    case PLAN_REF_CONNECTION: return &c->connections;
    case PLAN_REF_DATASET: return &c->datasets;
    case PLAN_REF_STEP: return &c->steps;
    case PLAN_REF_FLAG: case PLAN_REF_OWNER: case PLAN_REF_BREAKER: break;
    }
    return NULL;
}

void plan_ref_unknown(struct bf_diags *d, const struct bf_yaml_node *n, enum plan_ref ref, const struct plan_names *names)
{
    static const char *const advice[] = {
        [PLAN_REF_POOL] = ": declare it under `pools`", [PLAN_REF_CONNECTION] = ": declare it under `connections`",
        [PLAN_REF_DATASET] = ": declare it under `datasets`", [PLAN_REF_STEP] = ": `needs` names steps of this plan",
        [PLAN_REF_FLAG] = ": declare it under `flags`", [PLAN_REF_OWNER] = "", [PLAN_REF_BREAKER] = "",
    };
    plan_unknown(d, n->mark, plan_ref_name(ref), n->text, names->at, names->n, advice[ref]);
}

bool plan_ref_read(struct plan_compiler *c, const struct bf_yaml_node *n, enum plan_ref ref, uint32_t *ret_index)
{
    const struct plan_names *names = plan_ref_names(c, ref);
    const char *name;
    if (!plan_read_name(c->d, n, plan_ref_name(ref), &name))
        return false;
    uint32_t at = plan_names_find(names, name);
    if (at == PLAN_NO_INDEX) {
        plan_ref_unknown(c->d, n, ref, names);
        return false;
    }
    *ret_index = at;
    return true;
}

void plan_datasets_read(struct plan_compiler *c, const struct bf_yaml_node *list, const char *key, uint32_t **ret, size_t *ret_n,
                        struct bf_mark **ret_marks)
{
    struct bf_map seen = {0};                  /* dataset -> its place in *ret */
    uint32_t at;
    uint64_t first;
    *ret = bf_xcalloc(list->n, sizeof **ret);
    *ret_marks = bf_xcalloc(list->n, sizeof **ret_marks);
    for (size_t i = 0; i < list->n; i++) {
        const struct bf_yaml_node *n = list->items[i];
        if (!plan_ref_read(c, n, PLAN_REF_DATASET, &at))
            continue;
        if (bf_map_get(&seen, at, &first)) {
            bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "dataset `%s` is given twice in `%s`", n->text, key);
            bf_diag_add(c->d, BF_DIAG_NOTE, (*ret_marks)[first], "first written here");
        } else {
            bf_map_put(&seen, at, *ret_n);
            (*ret_marks)[*ret_n] = n->mark;
            (*ret)[(*ret_n)++] = at;
        }
    }
    bf_map_free(&seen);
}

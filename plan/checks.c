/* The checks of a step: those that it gives, then those that its datasets promise.
 *
 * They run inside `sql` steps, on the connection of the step and before its marker, so that what they refuse was never there.  A promise
 * (`schema`, `freshness`) of a dataset that no such step writes is recorded and shown, and a warning says that nothing checks it. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/sql_limits.h"
#include "plan/compile.h"
#include "plan/form.h"
#include "plan/keys.h"
#include "plan/read.h"
#include "plan/sql_scan.h"
#include "plan/words.h"

struct reader {
    struct plan_compiler *c;
    struct plan_step *step;
    const struct bf_yaml_node *value;          /* of the key that says the kind */
    const struct plan_keys *keys;              /* of value, when it is meant as a map with a table; NULL: the short form */
    const char *kind;                          /* that key */
};

/* The value of a key in the map form, whose shape fits; NULL in the short form. */
static const struct bf_yaml_node *part(const struct reader *r, const char *key)
{
    return r->keys && plan_keys_find(r->keys, key) ? plan_keys_get(r->value, r->keys, key) : NULL;
}

/* ---- what a check is on ---- */

static bool touches(const struct plan_step *step, uint32_t dataset)
{
    for (size_t i = 0; i < step->n_outputs; i++)
        if (step->outputs[i] == dataset)
            return true;
    for (size_t i = 0; i < step->n_inputs; i++)
        if (step->inputs[i] == dataset)
            return true;
    return false;
}

static void tell_outputs(const struct reader *r)
{
    const struct plan_step *step = r->step;
    struct bf_buf list = {0};
    if (step->n_outputs == 0) {
        bf_diag_add(r->c->d, BF_DIAG_ERROR, r->value->mark, "a check is on what the step writes, and it has no `outputs`");
        bf_diag_fix(r->c->d, "name the dataset in the `outputs` of the step");
        return;
    }
    for (size_t i = 0; i < step->n_outputs; i++)
        bf_buf_printf(&list, "%s`%s`", i == 0 ? "" : i + 1 < step->n_outputs ? ", " : " or ", r->c->plan->datasets[step->outputs[i]].name);
    bf_diag_add(r->c->d, BF_DIAG_ERROR, r->value->mark, "`dataset` is missing: the step writes several, so "
                                                        "the check says which it is on: %s",
                bf_buf_cstr(&list));
    if (!r->keys && plan_keys_find(&plan_keys_one_check, r->kind)->type->either)
        bf_diag_fix(r->c->d, "write `%s` as a map, with `dataset`", r->kind);
    bf_buf_free(&list);
}

static void check_place(const struct reader *r, uint32_t dataset, struct bf_mark mark)
{
    const struct plan *p = r->c->plan;
    uint32_t connection = r->step->connection;
    if (connection == PLAN_NO_INDEX || p->datasets[dataset].connection == connection)
        return;
    bf_diag_add(r->c->d, BF_DIAG_ERROR, mark, "a check on dataset `%s` cannot run in the step: it does not live on connection `%s`",
                p->datasets[dataset].name, p->connections[connection].name);
    bf_diag_fix(r->c->d, "give the dataset `connection: %s`, or check it where it is", p->connections[connection].name);
    bf_diag_add(r->c->d, BF_DIAG_NOTE, r->c->dataset_sources[dataset].mark, "declared here");
}

static bool read_dataset(const struct reader *r, uint32_t *ret)
{
    const struct bf_yaml_node *n = part(r, "dataset");
    struct bf_mark mark = n ? n->mark : r->value->mark;
    if (n) {
        if (!plan_ref_read(r->c, n, PLAN_REF_DATASET, ret))
            return false;
        if (!touches(r->step, *ret)) {
            bf_diag_add(r->c->d, BF_DIAG_ERROR, n->mark, "the step neither writes nor reads dataset `%s`", n->text);
            bf_diag_fix(r->c->d, "name it in the `outputs` or `inputs` of the step");
            return false;
        }
    } else if (r->step->n_outputs == 1) {
        *ret = r->step->outputs[0];
    } else {
        bool misread = r->c->step_sources[r->step - r->c->plan->steps].has_outputs && r->step->n_outputs == 0;
        if (!misread)                            /* else said already */
            tell_outputs(r);
        return false;
    }
    check_place(r, *ret, mark);
    return true;
}

/* ---- the parts of checks ---- */

static void read_column(const struct reader *r, const char *key, uint32_t dataset, struct plan_check *check)
{
    const struct bf_yaml_node *n = part(r, key);
    if (!n)
        return;
    check->columns = bf_xcalloc(1, sizeof *check->columns);
    check->columns[check->n_columns++] = bf_xstrdup(n->text);
    plan_column_check(r->c->d, &r->c->plan->datasets[dataset], n->text, n->mark);
}

static void read_columns(const struct reader *r, struct plan_check *check)
{
    const struct bf_yaml_node *list = r->keys ? part(r, "columns") : r->value;
    if (!list || list->kind != BF_YAML_SEQ)
        return;
    plan_column_names_read(r->c, list, &check->columns, &check->n_columns);
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i]->kind == BF_YAML_SCALAR)
            plan_column_check(r->c->d, &r->c->plan->datasets[check->dataset], list->items[i]->text, list->items[i]->mark);
}

static void read_types(const struct reader *r, struct plan_check *check)
{
    const struct bf_yaml_node *map = r->keys ? part(r, "columns") : r->value;
    if (map && map->kind == BF_YAML_MAP)
        plan_schema_read(map, &check->types, &check->n_types);
}

static void read_query(const struct reader *r, const struct bf_yaml_node *n, const char *key, struct template *ret)
{
    if (!n || !plan_value_check(r->c->d, n, key, &(const struct plan_type){.value = PLAN_VALUE_SQL}))
        return;
    if (!plan_sql_is_query(n->text, n->text_len)) {
        bf_diag_add(r->c->d, BF_DIAG_ERROR, n->mark, "a check changes nothing: its SQL begins with `select`, `with`, `values`, `table` or "
                    "a bracket");
        return;
    }
    if (plan_template_read(r->c, r->step, n, PLAN_TEXT_QUERY, ret))
        plan_sql_pieces_check(r->c, key, n->mark, ret);
}

static void read_within(const struct reader *r, struct plan_within *ret)
{
    const struct bf_yaml_node *n = part(r, "within");
    int64_t value;
    if (n && plan_parse_percent(n->text, &value))
        *ret = (struct plan_within){PLAN_WITHIN_RATIO, value};
    else if (n && plan_parse_number(n->text, &value))
        *ret = (struct plan_within){PLAN_WITHIN_AMOUNT, value};
}

static void read_row_count(const struct reader *r, struct plan_check *check)
{
    const struct bf_yaml_node *ratio = part(r, "ratio_to");
    if (!r->keys)
        return;
    check->has_min = plan_keys_int(r->c->d, r->value, r->keys, "min", &check->min);
    check->has_max = plan_keys_int(r->c->d, r->value, r->keys, "max", &check->max);
    if (ratio)
        read_query(r, plan_keys_get(ratio, &plan_keys_ratio_to, "sql"), "sql", &check->queries[0]);
    read_within(r, &check->within);
}

static void read_relationships(const struct reader *r, struct plan_check *check)
{
    const struct bf_yaml_node *to = part(r, "to"), *field = part(r, "field");
    read_column(r, "column", check->dataset, check);
    check->to = check->dataset;
    if (!to || !plan_ref_read(r->c, to, PLAN_REF_DATASET, &check->to))
        return;
    check_place(r, check->to, to->mark);
    const char *name = field ? field->text : check->n_columns > 0 ? check->columns[0] : NULL;
    if (!name)
        return;
    check->field = bf_xstrdup(name);
    plan_column_check(r->c->d, &r->c->plan->datasets[check->to], name, field ? field->mark : to->mark);
}

static void read_aligned(const struct reader *r, struct plan_check *check)
{
    const struct bf_yaml_node *n = part(r, "grain");
    int grain;
    read_column(r, "column", check->dataset, check);
    if (n && plan_keys_word(r->c->d, r->value, r->keys, "grain", &grain))
        check->grain = (enum plan_grain)grain;
    else if (!n && r->step->grain == PLAN_NONE && !r->c->step_sources[r->step - r->c->plan->steps].grain_bad)
        bf_diag_add(r->c->d, BF_DIAG_ERROR, r->value->mark, "`aligned` needs `grain`: the step has no partitions that rows could lie in");
}

static void read_kind(const struct reader *r, struct plan_check *check)
{
    const struct bf_yaml_node *n;
    switch (check->kind) {
    case PLAN_CHECK_ROW_COUNT:
        read_row_count(r, check);
        break;
    case PLAN_CHECK_NOT_NULL: case PLAN_CHECK_UNIQUE:
        read_columns(r, check);
        break;
    case PLAN_CHECK_ACCEPTED_VALUES:
        read_column(r, "column", check->dataset, check);
        if ((n = part(r, "values")) != NULL)
            plan_scalars_read(n, &check->values, &check->n_values);
        break;
    case PLAN_CHECK_RELATIONSHIPS:
        read_relationships(r, check);
        break;
    case PLAN_CHECK_FRESHNESS:
        read_column(r, "column", check->dataset, check);
        (void)(r->keys && plan_keys_duration(r->c->d, r->value, r->keys, "max_age", &check->max_age_ms));
        break;
    case PLAN_CHECK_ALIGNED:
        read_aligned(r, check);
        break;
    case PLAN_CHECK_SCHEMA:
        read_types(r, check);
        break;
    case PLAN_CHECK_RECONCILE:
        read_query(r, part(r, "left"), "left", &check->queries[0]);
        read_query(r, part(r, "right"), "right", &check->queries[1]);
        read_within(r, &check->within);
        break;
    case PLAN_CHECK_SQL:
        read_query(r, r->keys ? part(r, "text") : r->value, "sql", &check->queries[0]);
        break;
    }
}

/* ---- one check ---- */

static bool name_taken(const struct plan_step *step, const char *name)
{
    for (size_t i = 0; i < step->n_checks; i++)
        if (step->checks[i].name && strcmp(step->checks[i].name, name) == 0)
            return true;
    return false;
}

static void read_common(const struct reader *r, struct plan_check *check)
{
    const struct bf_yaml_node *name = part(r, "name"), *sample = part(r, "sample");
    const char *text;
    int severity;
    int64_t part_millionths;
    if (!r->keys)
        return;
    if (plan_keys_word(r->c->d, r->value, r->keys, "severity", &severity))
        check->severity = (enum plan_severity)severity;
    if (plan_keys_find(r->keys, "timeout"))
        (void)plan_keys_duration(r->c->d, r->value, r->keys, "timeout", &check->timeout_ms);
    if (sample && plan_parse_percent(sample->text, &part_millionths) && part_millionths < 1000000)
        check->sample_millionths = (uint32_t)part_millionths;
    if (!name || !plan_read_name(r->c->d, name, "check", &text))
        return;
    if (name_taken(r->step, text))
        bf_diag_add(r->c->d, BF_DIAG_ERROR, name->mark, "the step has two checks that are called `%s`", text);
    else
        check->name = bf_xstrdup(text);
}

static void read_check(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *item, enum plan_severity preset)
{
    int kind = 0;
    while (plan_check_words[kind].word && (item->n != 1 || strcmp(plan_check_words[kind].word, item->keys[0]->text) != 0))
        kind++;
    if (!plan_check_words[kind].word)
        return;                                  /* said already: none, several, unknown or not supported yet */
    const struct plan_key *key = plan_keys_find(&plan_keys_one_check, plan_check_words[kind].word);
    struct reader r = {.c = c, .step = step, .value = item->items[0], .kind = key->name};
    if (!plan_value_has_shape(r.value, key->type))
        return;
    r.keys = plan_type_meant(r.value, key->type)->keys;
    struct plan_check check = {.kind = (enum plan_check_kind)plan_check_words[kind].value, .severity = preset, .mark = item->keys[0]->mark};
    if (!read_dataset(&r, &check.dataset))
        return;
    read_common(&r, &check);
    read_kind(&r, &check);
    step->checks[step->n_checks++] = check;
}

/* ---- promises ---- */

static size_t promises_of(const struct plan_dataset *d)
{
    return (d->n_schema > 0 ? 1u : 0u) + (d->fresh_column ? 1u : 0u);
}

static void tell_unchecked(struct plan_compiler *c, const struct plan_step *step, size_t output)
{
    const struct plan_dataset *d = &c->plan->datasets[step->outputs[output]];
    const struct plan_step_source *source = &c->step_sources[step - c->plan->steps];
    bf_diag_add(c->d, BF_DIAG_WARNING, source->output_marks[output], "nothing checks the %s that dataset `%s` promises: %s",
                d->n_schema == 0 ? "`freshness`" : d->fresh_column ? "`schema` and `freshness`" : "`schema`", d->name,
                step->kind == PLAN_SQL ? "it does not live on the connection of the step" : "checks run inside `sql` steps");
    if (step->kind == PLAN_SQL)
        bf_diag_fix(c->d, "give the dataset `connection: %s`", c->plan->connections[step->connection].name);
}

static void add_promises(struct plan_step *step, uint32_t dataset, const struct plan_dataset *d, enum plan_severity severity)
{
    struct plan_check check = {.severity = severity, .implied = true, .dataset = dataset, .mark = step->mark};
    if (d->n_schema > 0) {
        check.kind = PLAN_CHECK_SCHEMA;
        check.types = bf_xcalloc(d->n_schema, sizeof *check.types);
        for (; check.n_types < d->n_schema; check.n_types++)
            check.types[check.n_types] =
                (struct plan_column){bf_xstrdup(d->schema[check.n_types].name), bf_xstrdup(d->schema[check.n_types].type)};
        step->checks[step->n_checks++] = check;
        check.types = NULL;
        check.n_types = 0;
    }
    if (d->fresh_column) {
        check.kind = PLAN_CHECK_FRESHNESS;
        check.max_age_ms = d->max_age_ms;
        check.columns = bf_xcalloc(1, sizeof *check.columns);
        check.columns[check.n_columns++] = bf_xstrdup(d->fresh_column);
        step->checks[step->n_checks++] = check;
    }
}

static void read_promises(struct plan_compiler *c, struct plan_step *step, enum plan_severity severity)
{
    for (size_t i = 0; i < step->n_outputs; i++) {
        const struct plan_dataset *d = &c->plan->datasets[step->outputs[i]];
        if (promises_of(d) == 0 || (step->kind == PLAN_SQL && step->connection == PLAN_NO_INDEX))
            continue;
        if (step->kind == PLAN_SQL && d->connection == step->connection)
            add_promises(step, step->outputs[i], d, severity);
        else
            tell_unchecked(c, step, i);
    }
}

/* ---- the whole ---- */

/* Each that has no name of its own: its kind, and a number where that is taken. */
static void name_checks(struct plan_step *step)
{
    unsigned last[PLAN_CHECK_SQL + 1] = {0};     /* numbers up to there are taken */
    for (size_t i = 0; i < step->n_checks; i++) {
        const char *kind = plan_check_kind_name(step->checks[i].kind);
        unsigned *n = &last[step->checks[i].kind];
        char *name = NULL;
        while (!step->checks[i].name && (!name || name_taken(step, name))) {
            free(name);
            name = ++*n == 1 ? bf_xstrdup(kind) : bf_xasprintf("%s-%u", kind, *n);
        }
        if (name)
            step->checks[i].name = name;
    }
}

static void refuse(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *n, const char *key)
{
    bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`%s` is for `sql` steps: a check is a query that runs inside the step, on its "
                                              "connection, and a `%s` step has none", key,
                plan_kind_name(step->kind));
}

void plan_checks_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    const struct plan_type *type = plan_keys_find(&plan_keys_step, "checks")->type;
    const struct bf_yaml_node *list = plan_keys_get(body, &plan_keys_step, "checks");
    const struct bf_yaml_node *preset = plan_keys_get(body, &plan_keys_step, "check_severity");
    int severity = PLAN_ERROR;
    size_t most = list ? list->n : 0;
    (void)plan_keys_word(c->d, body, &plan_keys_step, "check_severity", &severity);
    if (preset && step->kind != PLAN_SQL)
        refuse(c, step, preset, "check_severity");
    if (list && step->kind != PLAN_SQL)
        refuse(c, step, list, "checks");
    if (list && !plan_value_count(c->d, list, "checks", type))
        return;
    for (size_t i = 0; i < step->n_outputs; i++)
        most += promises_of(&c->plan->datasets[step->outputs[i]]);
    step->checks = bf_xcalloc(most + 1, sizeof *step->checks);
    for (size_t i = 0; list && i < list->n; i++) {
        BF_AUTO_FREE char *what = bf_xasprintf("checks[%zu]", i);
        (void)plan_value_check(c->d, list->items[i], what, type->of);
        if (step->kind == PLAN_SQL && list->items[i]->kind == BF_YAML_MAP)
            read_check(c, step, list->items[i], (enum plan_severity)severity);
    }
    read_promises(c, step, (enum plan_severity)severity);
    if (step->n_checks > SQL_CHECKS_MAX)
        bf_diag_add(c->d, BF_DIAG_ERROR, list ? list->mark : step->mark, "the step has %zu checks, those that its datasets promise "
                    "included, and at most %u run in one", step->n_checks, SQL_CHECKS_MAX);
    else
        name_checks(step);
}

/* What bf-sql is asked to do for one instance:
 *
 *   "do"            "run", "look" (of a `sensor` step: whether the one check there passes), "test" or "init" (of a `warehouse` step, which
 *                   has the first four keys only)
 *   "connection"    its name;  "dialect" "ansi", and "fence_table", where the plan gives them
 *   "transaction"   true: statements, checks and marker are one transaction;  "publish" "swap", where it is
 *   "pieces"        the script: [{"t": type, "v": text}], text as it stands or a value of its type
 *   "bounds"        of the partition: {"grain", "key", "start", "end", "start_at", "end_at"}, for an hour that
 *                   the clock shows twice "ambiguous": true; absent for grain none
 *   "outputs"       the tables that the step writes on its connection;  "checks" what must hold for them, in the order in which they run
 *   "mask"          columns of the datasets on the connection whose values are never shown
 *
 * A table's name goes as the plan has it, with dots; one that stands in SQL as an identifier goes part by part. */
#include "plan/spec_sql.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* ---- text ---- */

json_t *plan_spec_text(const char *text, size_t len)
{
    json_t *j = json_stringn(text, len);
    assert(j && "the text of a plan is UTF-8");
    return j;
}

static json_t *words(const char *text)
{
    return plan_spec_text(text, strlen(text));
}

static void set(json_t *object, const char *key, json_t *value)
{
    int failed = json_object_set_new(object, key, value);
    assert(failed == 0);
    (void)failed;
}

static void set_words(json_t *object, const char *key, const char *text)
{
    if (text)
        set(object, key, words(text));
}

static json_t *strings(char *const *at, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, words(at[i]));
    return list;
}

json_t *plan_spec_scalars(const struct plan_scalar *scalars, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        bool text = scalars[i].type == PLAN_SCALAR_TEXT;
        json_array_append_new(list, text ? words(scalars[i].text)
                                         : json_loadb(scalars[i].text, strlen(scalars[i].text), JSON_DECODE_ANY, NULL));
    }
    return list;
}

/* ---- SQL ---- */

static void put_piece(json_t *list, const char *type, const char *text, size_t len)
{
    json_t *piece = json_object();
    set(piece, "t", words(type));
    set(piece, "v", plan_spec_text(text, len));
    json_array_append_new(list, piece);
}

/* The parts that dots divide are identifiers, the dots between them text. */
static void put_table(json_t *list, const char *table)
{
    for (const char *part = table; part;) {
        const char *dot = strchr(part, '.');
        put_piece(list, "ident", part, dot ? (size_t)(dot - part) : strlen(part));
        if (dot)
            put_piece(list, "text", ".", 1);
        part = dot ? dot + 1 : NULL;
    }
}

static json_t *pieces(const struct plan *p, const struct template *t, const struct template_values *v)
{
    static const char *const types[] = {
        [TEMPLATE_STRING] = "string", [TEMPLATE_INTEGER] = "integer", [TEMPLATE_DATE] = "date", [TEMPLATE_TIMESTAMP] = "timestamp",
        [TEMPLATE_IDENT] = "ident", [TEMPLATE_STAGED_TABLE] = "staged"};
    json_t *list = json_array();
    for (size_t i = 0; i < t->n; i++) {
        const struct template_piece *piece = &t->pieces[i];
        bool dataset = piece->var == TEMPLATE_DATASET || piece->var == TEMPLATE_STAGED;
        if (piece->var == TEMPLATE_TEXT) {
            put_piece(list, "text", piece->text, piece->text_len);
        } else if (piece->var == TEMPLATE_DATASET && piece->ident) {
            put_table(list, p->datasets[piece->place].table);
        } else {
            struct template_value value = template_piece_value(piece, v);
            const char *text = dataset ? p->datasets[piece->place].table : value.text;
            put_piece(list, types[value.type], text, strlen(text));
            free(value.text);
        }
    }
    return list;
}

/* ---- the partition ---- */

static void set_instant(json_t *j, const char *key, const struct zone *zone, int64_t at_s)
{
    BF_AUTO_FREE char *text = template_timestamp_text(at_s, zone_span_at(zone, at_s).offset_s);
    set_words(j, key, text);
}

/* Does the clock show this moment's time twice on its day? */
static bool shown_twice(const struct zone *z, int64_t at_s)
{
    int64_t instants[2];
    return zone_instants(z, at_s + zone_span_at(z, at_s).offset_s, instants) == 2;
}

static json_t *bounds(const struct plan *p, const struct template_values *v)
{
    const struct plan_partitions *t = v->partitions;
    char key[PLAN_KEY_MAX];
    json_t *j = json_object();
    struct template_value start = template_partition_value(TEMPLATE_PARTITION_START, t, v->index);
    struct template_value end = template_partition_value(TEMPLATE_PARTITION_END, t, v->index);
    plan_partition_key(t, v->index, key);
    set_words(j, "grain", plan_grain_name(t->grain));
    set_words(j, "key", key);
    set_words(j, "start", start.text);
    set_words(j, "end", end.text);
    set_instant(j, "start_at", p->zone, t->start_s[v->index]);
    set_instant(j, "end_at", p->zone, t->start_s[v->index + 1]);
    if (t->grain == PLAN_HOUR && shown_twice(p->zone, t->start_s[v->index]))
        set(j, "ambiguous", json_true());
    free(start.text);
    free(end.text);
    return j;
}

/* ---- checks ---- */

static json_t *within(const struct plan_within *w)
{
    json_t *j = json_object();
    if (w->kind == PLAN_WITHIN_RATIO)
        set(j, "ratio", json_real((double)w->value / 1e6));
    else if (w->value % 1000 == 0)
        set(j, "amount", json_integer(w->value / 1000));
    else
        set(j, "amount", json_real((double)w->value / 1e3));
    return j;
}

static void set_row_count(json_t *j, const struct plan *p, const struct plan_check *c, const struct template_values *v)
{
    if (c->has_min)
        set(j, "min", json_integer(c->min));
    if (c->has_max)
        set(j, "max", json_integer(c->max));
    if (c->queries[0].n == 0)
        return;
    set(j, "ratio_to", pieces(p, &c->queries[0], v));
    set(j, "within", within(&c->within));
}

static void set_kind(json_t *j, const struct plan *p, const struct plan_check *c, const struct template_values *v)
{
    switch (c->kind) {
    case PLAN_CHECK_ROW_COUNT:
        set_row_count(j, p, c, v);
        break;
    case PLAN_CHECK_NOT_NULL: case PLAN_CHECK_UNIQUE:
        set(j, "columns", strings(c->columns, c->n_columns));
        break;
    case PLAN_CHECK_ACCEPTED_VALUES:
        set_words(j, "column", c->columns[0]);
        set(j, "values", plan_spec_scalars(c->values, c->n_values));
        break;
    case PLAN_CHECK_RELATIONSHIPS:
        set_words(j, "column", c->columns[0]);
        set_words(j, "to_table", p->datasets[c->to].table);
        set_words(j, "field", c->field);
        break;
    case PLAN_CHECK_FRESHNESS:
        set_words(j, "column", c->columns[0]);
        set(j, "max_age_ms", json_integer(c->max_age_ms));
        break;
    case PLAN_CHECK_ALIGNED:
        set_words(j, "column", c->columns[0]);
        set_words(j, "grain", c->grain == PLAN_NONE ? NULL : plan_grain_name(c->grain));
        break;
    case PLAN_CHECK_SCHEMA: {
        json_t *types = json_object();
        for (size_t i = 0; i < c->n_types; i++)
            set_words(types, c->types[i].name, c->types[i].type);
        set(j, "columns_types", types);
        break;
    }
    case PLAN_CHECK_RECONCILE:
        set(j, "left", pieces(p, &c->queries[0], v));
        set(j, "right", pieces(p, &c->queries[1], v));
        if (c->within.kind != PLAN_WITHIN_NONE)
            set(j, "within", within(&c->within));
        break;
    case PLAN_CHECK_SQL:
        set(j, "pieces", pieces(p, &c->queries[0], v));
        break;
    }
}

/* The column by which rows of the partition are told from others, where the step has partitions. */
static const char *partition_column(const struct plan_step *s, const struct plan_dataset *d)
{
    return s->grain == PLAN_NONE ? NULL : d->partition_column;
}

static json_t *check_object(const struct plan *p, const struct plan_step *s, const struct plan_check *c, const struct template_values *v)
{
    const struct plan_dataset *d = &p->datasets[c->dataset];
    json_t *j = json_object();
    set_words(j, "name", c->name);
    set_words(j, "kind", plan_check_kind_name(c->kind));
    set_words(j, "severity", plan_severity_name(c->severity));
    set_words(j, "dataset", d->name);
    set_words(j, "table", d->table);
    set_words(j, "partition_column", partition_column(s, d));
    if (c->timeout_ms)
        set(j, "timeout_ms", json_integer(c->timeout_ms));
    if (c->sample_millionths)
        set(j, "sample", json_real((double)c->sample_millionths / 1e6));
    set_kind(j, p, c, v);
    return j;
}

/* ---- the whole ---- */

static void set_connection(json_t *j, const struct plan *p, uint32_t connection)
{
    const struct plan_connection *c = &p->connections[connection];
    set_words(j, "connection", c->name);
    set_words(j, "dialect", c->ansi ? "ansi" : NULL);
    set_words(j, "fence_table", c->fence_table);
}

static json_t *outputs(const struct plan *p, const struct plan_step *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->n_outputs; i++) {
        const struct plan_dataset *d = &p->datasets[s->outputs[i]];
        if (d->connection != s->connection)
            continue;
        json_t *j = json_object();
        set_words(j, "dataset", d->name);
        set_words(j, "table", d->table);
        set_words(j, "partition_column", partition_column(s, d));
        json_array_append_new(list, j);
    }
    return list;
}

/* Of every dataset there: a query may read any of them, whatever lineage says. */
static json_t *mask(const struct plan *p, uint32_t connection)
{
    json_t *list = json_array(), *seen = json_object();
    for (size_t i = 0; i < p->n_datasets; i++) {
        const struct plan_dataset *d = &p->datasets[i];
        for (size_t k = 0; d->connection == connection && k < d->n_mask; k++) {
            if (json_object_get(seen, d->mask[k]))
                continue;
            set(seen, d->mask[k], json_true());
            json_array_append_new(list, words(d->mask[k]));
        }
    }
    json_decref(seen);
    return list;
}

json_t *plan_spec_sql(const struct plan *p, const struct plan_step *s, const struct template_values *v)
{
    json_t *j = json_object(), *checks = json_array();
    set_words(j, "do", "run");
    set_connection(j, p, s->connection);
    set(j, "transaction", json_boolean(s->transaction));
    set_words(j, "publish", s->swap ? "swap" : NULL);
    set(j, "pieces", pieces(p, &s->sql, v));
    if (s->grain != PLAN_NONE)
        set(j, "bounds", bounds(p, v));
    set(j, "outputs", outputs(p, s));
    for (size_t i = 0; i < s->n_checks; i++)
        json_array_append_new(checks, check_object(p, s, &s->checks[i], v));
    set(j, "checks", checks);
    set(j, "mask", mask(p, s->connection));
    return j;
}

json_t *plan_spec_warehouse(const struct plan *p, const struct plan_step *s)
{
    json_t *j = json_object();
    set_words(j, "do", s->warehouse == PLAN_WAREHOUSE_INIT ? "init" : "test");
    set_connection(j, p, s->connection);
    return j;
}

/* One check, made by hand: a sensor has none of its own.  What it looks at: plan/sensor.c. */
static json_t *look_object(const struct plan *p, const struct plan_step *s)
{
    const struct plan_dataset *d = &p->datasets[s->sensor.dataset];
    bool row = partition_column(s, d) || !d->fresh_column;
    json_t *j = json_object();
    set_words(j, "name", "sensor");
    set_words(j, "kind", plan_check_kind_name(row ? PLAN_CHECK_ROW_COUNT : PLAN_CHECK_FRESHNESS));
    set_words(j, "severity", plan_severity_name(PLAN_ERROR));
    set_words(j, "dataset", d->name);
    set_words(j, "table", d->table);
    set_words(j, "partition_column", partition_column(s, d));
    if (row) {
        set(j, "min", json_integer(1));
    } else {
        set_words(j, "column", d->fresh_column);
        set(j, "max_age_ms", json_integer(d->max_age_ms));
    }
    return j;
}

json_t *plan_spec_sensor(const struct plan *p, const struct plan_step *s, const struct template_values *v)
{
    json_t *j = json_object(), *checks = json_array();
    set_words(j, "do", "look");
    set_connection(j, p, s->connection);
    if (s->grain != PLAN_NONE)
        set(j, "bounds", bounds(p, v));
    json_array_append_new(checks, look_object(p, s));
    set(j, "checks", checks);
    set(j, "mask", mask(p, s->connection));
    return j;
}

/* Names, not indices; times in RFC 3339; hashes whole.  A key is there in every plan; what the plan does not say is null. */
#include "bfctl/plan_document.h"

#include <string.h>

#include "bfctl/render.h"
#include "common/mem.h"
#include "common/text.h"
#include "plan/canonical.h"
#include "plan/outside.h"

static json_t *text(const char *s)
{
    return s ? json_string(s) : json_null();
}

static json_t *number(int64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *instant(int64_t utc_s)
{
    char s[BF_TIME_MAX];
    bf_format_time(utc_s * 1000000, s);
    return json_string(s);
}

static void set(json_t *j, const char *key, json_t *value)
{
    json_object_set_new(j, key, value);
}

static void set_words(json_t *j, const struct plan_words *w)
{
    for (size_t i = 0; i < PLAN_WORDS_COUNT; i++)
        set(j, plan_words_key(i), text(plan_words_text(w, i)));
}

static void set_deadline(json_t *j, const struct plan_deadline *d)
{
    set(j, "deadline", d->text ? instant(d->at_s) : json_null());
}

char *plan_document_mapping(const struct plan_edge *e)
{
    struct bf_buf b = {0};
    plan_edge_words(e, &b);
    char *s = bf_xstrdup(bf_buf_cstr(&b));
    bf_buf_free(&b);
    return s;
}

/* ---- steps ---- */

/* Partitions that an edge needs beyond the range; null when there are none. */
static json_t *outside(const struct plan *p, uint32_t step, const struct plan_edge *e)
{
    struct plan_outside_partitions o;
    char first[PLAN_KEY_MAX], last[PLAN_KEY_MAX];
    if (!plan_outside(p, step, e, &o))
        return json_null();
    plan_partition_key(&o.table, 0, first);
    plan_partition_key(&o.table, o.table.n - 1, last);
    json_t *j = json_pack("{s:I, s:s, s:s}", "n", (json_int_t)o.table.n, "first", first, "last", last);
    plan_outside_done(&o);
    return j;
}

static json_t *needs(const struct plan *p, uint32_t step)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->steps[step].n_edges; i++) {
        const struct plan_edge *e = &p->steps[step].edges[i];
        BF_AUTO_FREE char *mapping = plan_document_mapping(e);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "step", p->steps[e->upstream].name, "mapping", mapping, "outside",
                                              plan_outside_name(e->outside), "outside_partitions", outside(p, step, e)));
    }
    return list;
}

static json_t *datasets_of(const struct plan *p, const uint32_t *at, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(p->datasets[at[i]].name));
    return list;
}

static json_t *names(char *const *at, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(at[i]));
    return list;
}

static void set_range(json_t *j, const struct plan_step *s)
{
    char first[PLAN_KEY_MAX] = "", last[PLAN_KEY_MAX] = "";
    if (s->grain != PLAN_NONE && s->partitions->n > 0) {
        plan_partition_key(s->partitions, 0, first);
        plan_partition_key(s->partitions, s->partitions->n - 1, last);
    }
    set(j, "grain", text(plan_grain_name(s->grain)));
    set(j, "partitions", number(s->partitions->n));
    set(j, "first", text(first[0] ? first : NULL));
    set(j, "last", text(last[0] ? last : NULL));
}

/* The SQL of checks is not shown, as scripts are not: the line says what it can without. */
static json_t *checks(const struct plan *p, const struct plan_step *s)
{
    json_t *list = json_array();
    struct bf_buf says = {0};
    for (size_t i = 0; i < s->n_checks; i++) {
        const struct plan_check *c = &s->checks[i];
        bf_buf_clear(&says);
        plan_check_text(p, c, &says);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "name", c->name, "kind", plan_check_kind_name(c->kind),
                                              "severity", plan_severity_name(c->severity), "dataset", p->datasets[c->dataset].name,
                                              "promised", c->implied, "says", bf_buf_cstr(&says)));
    }
    bf_buf_free(&says);
    return list;
}

static json_t *failure(const struct plan_step *s)
{
    json_t *j = json_object();
    for (size_t i = 0; i < s->n_failure; i++) {
        BF_AUTO_FREE char *code = bf_xasprintf("%u", (unsigned)s->failure[i].exit_code);
        set(j, code, text(plan_failure_name(s->failure[i].means)));
    }
    return j;
}

/* How its statements commit. */
static const char *commits(const struct plan_step *s)
{
    return s->kind != PLAN_SQL ? NULL : s->transaction ? "transaction" : s->swap ? "swap" : "each_statement";
}

/* Processors as people count them, bytes, units by name; what is not said is left out. */
static void set_resources(json_t *j, const struct plan_resources *r)
{
    json_t *units = json_object();
    if (r->cpu_milli)
        set(j, "cpu", json_real((double)r->cpu_milli / 1000));
    if (r->memory_bytes)
        set(j, "memory_bytes", number((int64_t)r->memory_bytes));
    if (r->io_bytes_s)
        set(j, "io_bytes_s", number((int64_t)r->io_bytes_s));
    for (size_t i = 0; i < r->n_units; i++)
        set(units, r->units[i].name, number((int64_t)r->units[i].n));
    if (r->n_units)
        json_object_set(j, "units", units);
    json_decref(units);
}

static json_t *pools_of(const struct plan *p, const struct plan_step *s)
{
    json_t *list = json_array();
    if (s->pool != PLAN_NO_INDEX)
        json_array_append_new(list, text(p->pools[s->pool].name));
    for (uint32_t i = 0; i < s->n_also; i++)
        json_array_append_new(list, text(p->pools[s->also[i]].name));
    return list;
}

static json_t *step_object(const struct plan *p, const struct plan_selection *picked, uint32_t step)
{
    const struct plan_step *s = &p->steps[step];
    json_t *j = json_object();
    set(j, "name", text(s->name));
    set(j, "hash", render_hash_json(s->hash));
    set(j, "kind", text(plan_kind_name(s->kind)));
    set_range(j, s);
    set(j, "picked", number((int64_t)plan_selection_count_step(picked, step)));
    set(j, "pool", text(s->pool == PLAN_NO_INDEX ? NULL : p->pools[s->pool].name));
    set(j, "pools", pools_of(p, s));
    set(j, "resources", json_object());
    set_resources(json_object_get(j, "resources"), &s->resources);
    set(j, "priority", text(plan_priority_name(s->priority)));
    set(j, "weight", number(s->weight));
    set(j, "tags", names(s->tags, s->n_tags));
    set(j, "needs", needs(p, step));
    set(j, "inputs", datasets_of(p, s->inputs, s->n_inputs));
    set(j, "outputs", datasets_of(p, s->outputs, s->n_outputs));
    set(j, "connection", text(s->connection == PLAN_NO_INDEX ? NULL : p->connections[s->connection].name));
    set(j, "commits", text(commits(s)));
    set(j, "checks", checks(p, s));
    set(j, "failure", failure(s));
    set(j, "expect_ms", number(s->expect_ms));
    set(j, "timebox_ms", s->timebox_ms ? number(s->timebox_ms) : json_null());
    set(j, "attempts", number(s->retry.max_attempts));
    set(j, "tolerance_ms", s->tolerance_ms ? number(s->tolerance_ms) : json_null());
    set_deadline(j, &s->deadline);
    set_words(j, &s->words);
    return j;
}

/* ---- the rest ---- */

static json_t *range_object(const struct plan *p, const struct plan_facts *f)
{
    char from[PLAN_KEY_MAX], to[PLAN_KEY_MAX];
    json_t *changes = json_array(), *j = json_object();
    plan_range_text(p, from, to);
    for (size_t i = 0; i < f->n_changes; i++)
        json_array_append_new(changes, json_pack("{s:s, s:o, s:I, s:I}", "day", f->changes[i].day, "at", instant(f->changes[i].at_s),
                                                 "forwards_s", (json_int_t)f->changes[i].by_s, "day_s", (json_int_t)f->changes[i].day_s));
    set(j, "grain", text(plan_grain_name(p->grain)));
    set(j, "from", text(from[0] ? from : NULL));
    set(j, "to", text(to[0] ? to : NULL));
    set(j, "from_at", from[0] ? instant(p->from_s) : json_null());
    set(j, "until_at", from[0] ? instant(p->until_s) : json_null());
    set(j, "timezone", text(from[0] ? zone_name(p->zone) : NULL));
    set(j, "partial", json_boolean(p->partial));
    json_t *counts = json_object();
    for (enum plan_grain g = PLAN_HOUR; g < PLAN_GRAIN_COUNT; g++)
        if (p->partitions[g].n > 0)
            set(counts, plan_grain_name(g), number(p->partitions[g].n));
    set(j, "counts", counts);
    set(j, "clock_changes", changes);
    return j;
}

static json_t *schema(const struct plan_dataset *d)
{
    json_t *j = d->n_schema > 0 ? json_object() : json_null();
    for (size_t i = 0; i < d->n_schema; i++)
        set(j, d->schema[i].name, text(d->schema[i].type));
    return j;
}

static json_t *freshness(const struct plan_dataset *d)
{
    return d->fresh_column ? json_pack("{s:s, s:I}", "column", d->fresh_column, "max_age_ms", (json_int_t)d->max_age_ms) : json_null();
}

static json_t *dataset_object(const struct plan *p, const struct plan_facts *f, size_t i)
{
    const struct plan_dataset *d = &p->datasets[i];
    json_t *j = json_object(), *readers = json_array();
    for (size_t k = f->readers_begin[i]; k < f->readers_begin[i + 1]; k++)
        json_array_append_new(readers, json_string(p->steps[f->readers[k]].name));
    set(j, "name", text(d->name));
    set(j, "connection", text(d->connection == PLAN_NO_INDEX ? NULL : p->connections[d->connection].name));
    set(j, "table", text(d->table));
    set(j, "external", json_boolean(d->external));
    set(j, "schema", schema(d));
    set(j, "freshness", freshness(d));
    set(j, "mask", names(d->mask, d->n_mask));
    set(j, "partition_column", text(d->partition_column));
    set(j, "sensitivity", text(d->sensitivity));
    set(j, "writer", text(f->writer[i] == PLAN_NO_INDEX ? NULL : p->steps[f->writer[i]].name));
    set(j, "readers", readers);
    set_words(j, &d->words);
    return j;
}

static json_t *exposure_object(const struct plan *p, size_t i)
{
    json_t *j = json_object();
    set(j, "name", text(p->exposures[i].name));
    set(j, "reads", datasets_of(p, p->exposures[i].reads, p->exposures[i].n_reads));
    set_deadline(j, &p->exposures[i].deadline);
    set_words(j, &p->exposures[i].words);
    return j;
}

static json_t *window_object(const struct plan *p, uint32_t i)
{
    json_t *j = json_pack("{s:s}", "name", p->windows[i].name);
    char days[PLAN_DAYS_TEXT_MAX];
    struct plan_pairs pairs = {0};
    plan_pairs_of(p, PLAN_SECTION_WINDOWS, i, &pairs);
    for (size_t k = 0; k < pairs.n; k++) {
        if (pairs.at[k].key[0] && strncmp(pairs.at[k].key, "days.", 5) != 0)
            set(j, pairs.at[k].key, text(pairs.at[k].value));
    }
    plan_days_text(p->windows[i].days, days);
    set(j, "days", text(p->windows[i].n_dates == 0 ? days : NULL));
    plan_pairs_done(&pairs);
    return j;
}

static void set_tables(json_t *j, const struct plan *p, const struct plan_facts *f)
{
    json_t *datasets = json_array(), *exposures = json_array(), *owners = json_array(), *pools = json_array(), *params = json_object();
    json_t *windows = json_array();
    json_t *connections = json_array();
    for (size_t i = 0; i < p->n_connections; i++) {
        json_t *connection = json_pack("{s:s}", "name", p->connections[i].name);
        set(connection, "dialect", text(p->connections[i].ansi ? "ansi" : NULL));
        set(connection, "fence_table", text(p->connections[i].fence_table));
        set_words(connection, &p->connections[i].words);
        json_array_append_new(connections, connection);
    }
    for (size_t i = 0; i < p->n_datasets; i++)
        json_array_append_new(datasets, dataset_object(p, f, i));
    for (size_t i = 0; i < p->n_exposures; i++)
        json_array_append_new(exposures, exposure_object(p, i));
    for (size_t i = 0; i < p->n_owners; i++) {
        json_t *owner = json_pack("{s:s}", "name", p->owners[i].name);
        set_words(owner, &p->owners[i].words);
        json_array_append_new(owners, owner);
    }
    for (size_t i = 0; i < p->n_pools; i++) {
        json_t *pool = json_pack("{s:s, s:I}", "name", p->pools[i].name, "slots", (json_int_t)p->pools[i].slots);
        set_resources(pool, &p->pools[i].has);
        set_words(pool, &p->pools[i].words);
        json_array_append_new(pools, pool);
    }
    for (uint32_t i = 0; i < p->n_windows; i++)
        json_array_append_new(windows, window_object(p, i));
    for (size_t i = 0; i < p->n_params; i++)
        set(params, p->params[i].name, text(p->params[i].value));
    set(j, "connections", connections);
    set(j, "datasets", datasets);
    set(j, "exposures", exposures);
    set(j, "owners", owners);
    set(j, "pools", pools);
    set(j, "windows", windows);
    set(j, "params", params);
}

json_t *plan_document(const struct plan_load *l, const struct plan_facts *f, const struct plan_selection *picked)
{
    const struct plan *p = l->plan;
    json_t *j = json_object(), *steps = json_array();
    for (size_t i = 0; i < p->n_steps; i++)
        if (plan_selection_has_step(picked, p->order[i]))
            json_array_append_new(steps, step_object(p, picked, p->order[i]));
    set(j, "name", text(p->name));
    set(j, "from", text(l->label));
    set(j, "hash", render_hash_json(p->hash));
    set(j, "source_hash", render_hash_json(p->source_hash));
    set(j, "sensitivity", text(p->sensitivity));
    set(j, "change_ticket", text(p->change_ticket));
    set_words(j, &p->words);
    set(j, "partitions", range_object(p, f));
    set(j, "instances", number((int64_t)p->n_instances));
    set(j, "picked", number((int64_t)plan_selection_count(picked)));
    set(j, "steps", steps);
    set_tables(j, p, f);
    return j;
}

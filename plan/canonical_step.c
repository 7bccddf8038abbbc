/* The canonical pairs of a step. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "plan/budget.h"
#include "plan/canonical_walk.h"
#include "plan/words.h"

/* ---- edges ---- */

static int by_name_then_mapping(const void *a, const void *b)
{
    const struct plan_edge *x = *(const struct plan_edge *const *)a, *y = *(const struct plan_edge *const *)b;
    if (x->upstream != y->upstream)
        return x->upstream < y->upstream ? -1 : 1;
    if (x->mapping != y->mapping)
        return x->mapping < y->mapping ? -1 : 1;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

/* All edges to one upstream are one pair: "same; previous 2, outside refuse". */
static void add_edges(struct walk *w, const struct plan_step *s)
{
    BF_AUTO_FREE const struct plan_edge **at = bf_xcalloc(s->n_edges + 1, sizeof *at);
    for (size_t i = 0; i < s->n_edges; i++)
        at[i] = &s->edges[i];
    if (s->n_edges > 1)
        qsort(at, s->n_edges, sizeof *at, by_name_then_mapping);
    for (size_t i = 0; i < s->n_edges; i++) {
        plan_edge_words(at[i], &w->value);
        bf_buf_printf(&w->value, ", outside %s", plan_outside_name(at[i]->outside));
        if (i + 1 < s->n_edges && at[i + 1]->upstream == at[i]->upstream)
            bf_buf_put_str(&w->value, "; ");
        else
            walk_add_named(w, "needs", w->plan->steps[at[i]->upstream].name, PLAN_DOES);
    }
}

/* ---- what it runs ---- */

/* What the templates of a step name, each once. */
struct names { struct bf_map params, datasets; };

/* The values of parameters, and the tables of datasets that are called otherwise in their database. */
static void add_names(struct walk *w, const struct template *t, struct names *seen)
{
    for (size_t i = 0; i < t->n; i++) {
        uint32_t place = t->pieces[i].place;
        if (t->pieces[i].var == TEMPLATE_PARAM && !bf_map_get(&seen->params, place, NULL)) {
            bf_map_put(&seen->params, place, 0);
            bf_buf_put_str(&w->value, w->plan->params[place].value);
            walk_add_named(w, "params", w->plan->params[place].name, PLAN_DOES);
        }
        if (t->pieces[i].var == TEMPLATE_DATASET || t->pieces[i].var == TEMPLATE_STAGED)
            bf_map_put(&seen->datasets, place, 0);
    }
}

static void add_tables(struct walk *w, const struct plan_step *s, struct names *seen)
{
    for (size_t i = 0; i < s->n_outputs; i++)
        bf_map_put(&seen->datasets, s->outputs[i], 0);
    for (size_t i = 0; i < s->n_checks; i++) {
        bf_map_put(&seen->datasets, s->checks[i].dataset, 0);
        if (s->checks[i].kind == PLAN_CHECK_RELATIONSHIPS)
            bf_map_put(&seen->datasets, s->checks[i].to, 0);
    }
    for (uint32_t i = 0; s->kind == PLAN_SQL && i < w->plan->n_datasets; i++) {
        const struct plan_dataset *d = &w->plan->datasets[i];
        if (strcmp(d->table, d->name) == 0 || !bf_map_get(&seen->datasets, i, NULL))
            continue;
        bf_buf_put_str(&w->value, d->table);
        walk_add_named(w, "tables", d->name, PLAN_DOES);
    }
}

static void add_all_names(struct walk *w, const struct plan_step *s)
{
    struct names seen = {0};
    for (size_t i = 0; i < s->n_argv; i++)
        add_names(w, &s->argv[i], &seen);
    for (size_t i = 0; i < s->n_env; i++)
        add_names(w, &s->env[i].value, &seen);
    add_names(w, &s->sql, &seen);
    for (size_t i = 0; i < s->n_checks; i++)
        for (size_t k = 0; k < PLAN_CHECK_QUERIES; k++)
            add_names(w, &s->checks[i].queries[k], &seen);
    if (s->http) {
        add_names(w, &s->http->url, &seen);
        add_names(w, &s->http->body, &seen);
        add_names(w, &s->http->poll_url, &seen);
        for (size_t i = 0; i < s->http->n_headers; i++)
            add_names(w, &s->http->headers[i].value, &seen);
    }
    add_tables(w, s, &seen);
    bf_map_free(&seen.params);
    bf_map_free(&seen.datasets);
}

static void add_sql(struct walk *w, const struct plan_step *s)
{
    walk_add_text(w, "sql.connection", w->plan->connections[s->connection].name, PLAN_DOES);
    walk_add_text(w, "sql.transaction", s->transaction ? "true" : "false", PLAN_DOES);
    walk_add_text(w, "sql.publish", s->swap ? "swap" : NULL, PLAN_DOES);
    plan_template_text(&s->sql, &w->value);
    walk_add(w, "sql.text", PLAN_DOES);
    walk_add_checks(w, s);
}

/* All that a look looks at; how often and how long are for people to change without running again what has been seen. */
static void add_sensor(struct walk *w, const struct plan_step *s)
{
    const struct plan_dataset *d = &w->plan->datasets[s->sensor.dataset];
    walk_add_text(w, "sensor.dataset", d->name, PLAN_DOES);
    walk_add_text(w, "sensor.connection", w->plan->connections[s->connection].name, PLAN_DOES);
    walk_add_text(w, "sensor.table", d->table, PLAN_DOES);
    walk_add_text(w, "sensor.partition_column", d->partition_column, PLAN_DOES);
    walk_add_text(w, "sensor.fresh_column", d->fresh_column, PLAN_DOES);
    if (d->fresh_column)
        walk_add_duration(w, "sensor.max_age", d->max_age_ms, PLAN_DOES);
    walk_add_duration(w, "sensor.every", s->sensor.every_ms, PLAN_NOTES);
    if (s->sensor.timeout_ms)
        walk_add_duration(w, "sensor.timeout", s->sensor.timeout_ms, PLAN_NOTES);
}

static void add_script(struct walk *w, const struct plan_step *s)
{
    walk_add_text(w, "kind", plan_kind_name(s->kind), PLAN_DOES);
    if (s->kind == PLAN_RUN) {
        plan_argv_text(s, &w->value);
        walk_add(w, "run", PLAN_DOES);
    } else if (s->kind == PLAN_SHELL) {
        walk_add_text(w, "shell", s->argv[s->n_argv - 1].pieces[0].text, PLAN_DOES);
    } else if (s->kind == PLAN_SQL) {
        add_sql(w, s);
    } else if (s->kind == PLAN_HTTP) {
        walk_add_http(w, s->http);
    } else if (s->kind == PLAN_SENSOR) {
        add_sensor(w, s);
    } else if (s->kind == PLAN_WAREHOUSE) {
        walk_add_text(w, "warehouse.connection", w->plan->connections[s->connection].name, PLAN_DOES);
        walk_add_text(w, "warehouse.do", plan_word_of(plan_warehouse_words, (int)s->warehouse), PLAN_DOES);
    }
    for (size_t i = 0; i < s->n_env; i++) {
        plan_template_text(&s->env[i].value, &w->value);
        walk_add_named(w, "env", s->env[i].name, PLAN_DOES);
    }
    for (size_t i = 0; i < s->n_failure; i++) {
        char code[8];
        snprintf(code, sizeof code, "%u", (unsigned)s->failure[i].exit_code);
        bf_buf_put_str(&w->value, plan_word_of(plan_failure_words, (int)s->failure[i].means));
        walk_add_named(w, "failure", code, PLAN_DOES);
    }
    add_all_names(w, s);
}

/* ---- how it is scheduled ---- */

void walk_add_resources(struct walk *w, const char *prefix, const struct plan_resources *r, enum plan_fact fact)
{
    static const char *const dimensions[] = {"cpu", "memory", "io"};
    char key[32], text[PLAN_BUDGET_TEXT_MAX];
    for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++) {
        uint64_t n = plan_resources_get(r, dimensions[i]);
        if (n == 0)
            continue;
        snprintf(key, sizeof key, "%s%s", prefix, dimensions[i]);
        plan_budget_format(dimensions[i], n, text);
        if (i == 0)
            walk_add_text(w, key, text, fact);
        else
            walk_add_number(w, key, n, fact);
    }
    for (size_t i = 0; i < r->n_units; i++) {
        snprintf(key, sizeof key, "%sunits", prefix);
        bf_buf_put_number(&w->value, r->units[i].n);
        walk_add_named(w, key, r->units[i].name, fact);
    }
}

/* One pair: the order of several says which one a resource is drawn from. */
static void add_pools(struct walk *w, const struct plan_step *s)
{
    if (s->pool == PLAN_NO_INDEX)
        return;
    bf_buf_put_str(&w->value, w->plan->pools[s->pool].name);
    for (uint32_t i = 0; i < s->n_also; i++)
        bf_buf_printf(&w->value, ", %s", w->plan->pools[s->also[i]].name);
    walk_add(w, "pool", PLAN_DOES);
}

static void add_policy(struct walk *w, const struct plan_step *s)
{
    walk_add_text(w, "priority", plan_priority_name(s->priority), PLAN_DOES);
    add_pools(w, s);
    /* notes: whoever raises a limit does not want to run again what was done under the lower one */
    walk_add_resources(w, "resources.", &s->resources, PLAN_NOTES);
    walk_add_duration(w, "expect.duration", s->expect_ms, PLAN_DOES);
    if (s->weight)
        walk_add_number(w, "weight", s->weight, PLAN_DOES);
    if (s->timebox_ms) {
        walk_add_duration(w, "timebox.limit", s->timebox_ms, PLAN_DOES);
        walk_add_text(w, "timebox.then", plan_word_of(plan_then_words, (int)s->timebox_then), PLAN_DOES);
    }
    walk_add_number(w, "retry.max", s->retry.max_attempts, PLAN_DOES);
    walk_add_duration(w, "retry.backoff.initial", s->retry.initial_ms, PLAN_DOES);
    walk_add_duration(w, "retry.backoff.max", s->retry.max_ms, PLAN_DOES);
    bf_buf_printf(&w->value, "%" PRIu32 ".%03" PRIu32, s->retry.factor_milli / 1000, s->retry.factor_milli % 1000);
    while (w->value.data[w->value.len - 1] == '0')
        w->value.len--;
    w->value.len -= w->value.data[w->value.len - 1] == '.';
    walk_add(w, "retry.backoff.factor", PLAN_DOES);
    if (s->retry.budget_millionths) {
        bf_buf_printf(&w->value, "%" PRIu32 " millionths", s->retry.budget_millionths);
        walk_add(w, "retry.budget", PLAN_DOES);
    }
    walk_add_text(w, "on_lost", s->wait_for_fence ? plan_word_of(plan_lost_words, true) : NULL, PLAN_DOES);
    for (size_t i = 0; i < s->n_labels; i++) {
        bf_buf_put_str(&w->value, s->labels[i].value);
        walk_add_named(w, "agents.labels", s->labels[i].name, PLAN_DOES);
    }
}

/* Notes: what is done is the same wherever it is done, so whoever moves a step does not run again what was done elsewhere. */
static void add_placement(struct walk *w, const struct plan_placement *p)
{
    walk_add_text(w, "agents.prefer", p->prefer_inputs ? "inputs" : NULL, PLAN_NOTES);
    if (p->wait_ms)
        walk_add_duration(w, "agents.wait", p->wait_ms, PLAN_NOTES);
    walk_add_text(w, "agents.spread", p->spread, PLAN_NOTES);
}

/* A note for the same reason: an attempt that is run again does what the first one did. */
static void add_straggler(struct walk *w, const struct plan_step *s)
{
    walk_add_text(w, "on_straggler", s->rerun ? plan_word_of(plan_straggler_words, true) : NULL, PLAN_NOTES);
}

void walk_add_step(struct walk *w, uint32_t item)
{
    const struct plan_step *s = &w->plan->steps[item];
    walk_add_text(w, "partitions.grain", plan_grain_name(s->grain), PLAN_DOES);
    if (s->grain != PLAN_NONE)
        walk_add_text(w, "partitions.timezone", zone_name(w->plan->zone), PLAN_DOES);
    if (s->grain > PLAN_HOUR)                    /* no range cuts through an hour */
        walk_add_text(w, "partitions.partial", s->partial ? plan_word_of(plan_partial_words, true) : NULL, PLAN_NOTES);
    add_script(w, s);
    add_policy(w, s);
    add_placement(w, &s->placement);
    add_straggler(w, s);
    walk_add_datasets(w, "inputs", s->inputs, s->n_inputs);
    walk_add_datasets(w, "outputs", s->outputs, s->n_outputs);
    add_edges(w, s);
    for (size_t i = 0; i < s->n_tags; i++)
        walk_add_named(w, "tags", s->tags[i], PLAN_NOTES);
    if (s->tolerance_ms)
        walk_add_duration(w, "tolerance", s->tolerance_ms, PLAN_NOTES);
    walk_add_deadline(w, &s->deadline);
    walk_add_breaker(w, &s->breaker);
    walk_add_words(w, &s->words);
}

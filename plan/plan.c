/* The compiled plan as a value: look-up, release. */
#include "plan/plan.h"
#include "plan/probe.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>


void plan_edge_words(const struct plan_edge *e, struct bf_buf *ret)
{
    bf_buf_put_str(ret, plan_mapping_name(e->mapping));
    if (e->mapping == PLAN_PREVIOUS)
        bf_buf_printf(ret, " %d", -e->from);
    else if (e->mapping == PLAN_WINDOW)
        bf_buf_printf(ret, " %d..%d", e->from, e->to);
}

uint32_t plan_find_step(const struct plan *p, const char *name)
{
    size_t low = 0, high = p->n_steps;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, p->steps[p->by_name[middle]].name);
        if (order == 0)
            return p->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return PLAN_NO_INDEX;
}

/* ---- words for people ---- */

static const struct { const char *key; size_t at; } words[PLAN_WORDS_COUNT] = {
    {"description", offsetof(struct plan_words, description)}, {"owner", offsetof(struct plan_words, owner)},
    {"contact", offsetof(struct plan_words, contact)}, {"why", offsetof(struct plan_words, why)},
    {"playbook", offsetof(struct plan_words, playbook)},
};
static_assert(sizeof(struct plan_words) == PLAN_WORDS_COUNT * sizeof(char *), "the table has all words");

const char *plan_words_key(size_t i)
{
    assert(i < PLAN_WORDS_COUNT);
    return words[i].key;
}

char **plan_words_at(struct plan_words *w, size_t i)
{
    assert(i < PLAN_WORDS_COUNT);
    return (char **)(void *)((char *)w + words[i].at);
}

const char *plan_words_text(const struct plan_words *w, size_t i)
{
    assert(i < PLAN_WORDS_COUNT);
    return *(char *const *)(const void *)((const char *)w + words[i].at);
}

/* ---- release ---- */

static void words_done(struct plan_words *w)
{
    for (size_t i = 0; i < PLAN_WORDS_COUNT; i++)
        free(*plan_words_at(w, i));
}

static void resources_done(struct plan_resources *r)
{
    for (size_t i = 0; i < r->n_units; i++)
        free(r->units[i].name);
    free(r->units);
}

static void step_done(struct plan_step *s)
{
    for (size_t i = 0; i < s->n_argv; i++)
        template_done(&s->argv[i]);
    for (size_t i = 0; i < s->n_env; i++) {
        free(s->env[i].name);
        template_done(&s->env[i].value);
    }
    for (size_t i = 0; i < s->n_labels; i++) {
        free(s->labels[i].name);
        free(s->labels[i].value);
    }
    for (size_t i = 0; i < s->n_tags; i++)
        free(s->tags[i]);
    for (size_t i = 0; i < s->n_checks; i++)
        plan_check_done(&s->checks[i]);
    template_done(&s->sql);
    plan_http_free(s->http);
    words_done(&s->words);
    free(s->checks);
    free(s->failure);
    free(s->argv);
    free(s->env);
    free(s->labels);
    free(s->placement.spread);
    free(s->tags);
    free(s->inputs);
    free(s->outputs);
    free(s->edges);
    free(s->deadline.text);
    resources_done(&s->resources);
    free(s->name);
}

static void exposure_done(struct plan_exposure *x)
{
    words_done(&x->words);
    free(x->deadline.text);
    free(x->reads);
    free(x->name);
}

static void warehouse_done(struct plan *p)
{
    for (size_t i = 0; i < p->n_pools; i++) {
        words_done(&p->pools[i].words);
        resources_done(&p->pools[i].has);
        free(p->pools[i].name);
    }
    for (size_t i = 0; i < p->n_datasets; i++) {
        words_done(&p->datasets[i].words);
        free(p->datasets[i].name);
        free(p->datasets[i].table);
        free(p->datasets[i].fresh_column);
        plan_columns_free(p->datasets[i].schema, p->datasets[i].n_schema);
        plan_strings_free(p->datasets[i].mask, p->datasets[i].n_mask);
        free(p->datasets[i].partition_column);
        free(p->datasets[i].sensitivity);
    }
    for (size_t i = 0; i < p->n_connections; i++) {
        words_done(&p->connections[i].words);
        free(p->connections[i].name);
        free(p->connections[i].odbc);
        free(p->connections[i].fence_table);
        plan_probe_free(p->connections[i].probe);
    }
    free(p->pools);
    free(p->datasets);
    free(p->connections);
}

static void tables_done(struct plan *p)
{
    warehouse_done(p);
    for (size_t i = 0; i < p->n_params; i++) {
        free(p->params[i].name);
        free(p->params[i].value);
    }
    for (size_t i = 0; i < p->n_owners; i++) {
        words_done(&p->owners[i].words);
        free(p->owners[i].name);
    }
    for (size_t i = 0; i < p->n_exposures; i++)
        exposure_done(&p->exposures[i]);
    for (size_t i = 0; i < p->n_windows; i++)
        plan_window_done(&p->windows[i]);
    for (size_t i = 0; i < PLAN_GRAIN_COUNT; i++) {
        plan_partitions_done(&p->partitions[i]);
        plan_partitions_done(&p->before[i]);
        plan_partitions_done(&p->behind[i]);
    }
    free(p->params);
    free(p->owners);
    free(p->exposures);
    free(p->windows);
    zone_free(p->zone);
}

struct plan *plan_keep(const struct plan *p)
{
    struct plan *own = (struct plan *)(uintptr_t)p;          /* it is on the heap, and no constant */
    own->kept++;
    return own;
}

/* What has none says so (ansi), or by the name of its driver. */
bool plan_step_has_session(const struct plan *p, const struct plan_step *s)
{
    bool asks = (s->kind == PLAN_SQL || s->kind == PLAN_SENSOR) && s->connection != PLAN_NO_INDEX;
    return asks && !p->connections[s->connection].ansi && !strcasestr(p->connections[s->connection].odbc, "sqlite");
}

bool plan_only_asks(const struct plan *p)
{
    size_t n = 0;
    while (n < p->n_steps && p->steps[n].kind == PLAN_WAREHOUSE)
        n++;
    return n > 0 && n == p->n_steps;
}

void plan_free(struct plan *p)
{
    if (!p || p->kept-- > 0)
        return;
    for (size_t i = 0; i < p->n_steps; i++)
        step_done(&p->steps[i]);
    tables_done(p);
    words_done(&p->words);
    free(p->steps);
    free(p->order);
    free(p->by_name);
    free(p->name);
    free(p->change_ticket);
    free(p->sensitivity);
    free(p);
}

/* The compiled plan as a value: names, look-up, release. */
#include "plan/plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *plan_mapping_name(enum plan_mapping m)
{
    static const char *const names[] = {
        [PLAN_SAME] = "same", [PLAN_PREVIOUS] = "previous", [PLAN_CONTAINING] = "containing",
        [PLAN_CONTAINED] = "contained", [PLAN_ALL] = "all",
    };
    assert((size_t)m < sizeof names / sizeof *names);
    return names[m];
}

const char *plan_priority_name(enum plan_priority p)
{
    static const char *const names[] = {
        [PLAN_CRITICAL] = "critical", [PLAN_HIGH] = "high", [PLAN_NORMAL] = "normal", [PLAN_LOW] = "low",
    };
    assert((size_t)p < sizeof names / sizeof *names);
    return names[p];
}

const char *plan_kind_name(enum plan_kind k)
{
    static const char *const names[] = {[PLAN_RUN] = "run", [PLAN_NOOP] = "noop", [PLAN_SQL] = "sql"};
    assert((size_t)k < sizeof names / sizeof *names);
    return names[k];
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

static void step_free(struct plan_step *s)
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
    template_done(&s->sql);
    free(s->argv);
    free(s->env);
    free(s->labels);
    free(s->inputs);
    free(s->outputs);
    free(s->edges);
    free(s->name);
    free(s->owner);
    free(s->why);
    free(s->description);
}

static void tables_free(struct plan *p)
{
    for (size_t i = 0; i < p->n_pools; i++)
        free(p->pools[i].name);
    for (size_t i = 0; i < p->n_datasets; i++) {
        free(p->datasets[i].name);
        free(p->datasets[i].partition_column);
    }
    for (size_t i = 0; i < p->n_connections; i++) {
        free(p->connections[i].name);
        free(p->connections[i].odbc);
    }
    for (size_t i = 0; i < p->n_params; i++) {
        free(p->params[i].name);
        free(p->params[i].value);
    }
    free(p->pools);
    free(p->datasets);
    free(p->connections);
    free(p->params);
}

void plan_free(struct plan *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_steps; i++)
        step_free(&p->steps[i]);
    tables_free(p);
    free(p->steps);
    free(p->order);
    free(p->by_name);
    free(p->name);
    free(p->description);
    free(p->owner);
    free(p->change_ticket);
    free(p->sensitivity);
    free(p);
}

/* Slots are counted by the name of the plan's pool, from grants and ends: an engine that only applies records has no counters. */
#include "coordinator/replay/measure.h"

#include <stdio.h>
#include <string.h>

#include "coordinator/engine/view_pools.h"

static struct measure_pool *pool_named(struct measure *m, const char *name)
{
    for (size_t i = 0; i < m->pools.n; i++)
        if (strcmp(m->pools.at[i].name, name) == 0)
            return &m->pools.at[i];
    struct measure_pool *p = bf_vec_add(&m->pools);
    snprintf(p->name, sizeof p->name, "%s", name);
    return p;
}

static void use(struct measure *m, const struct engine *e, uint32_t backfill, uint32_t step, int by)
{
    struct backfill_view b;
    if (!engine_backfill(e, backfill, &b) || step >= b.plan->n_steps || b.plan->steps[step].pool == PLAN_NO_INDEX)
        return;
    struct measure_pool *p = pool_named(m, b.plan->pools[b.plan->steps[step].pool].name);
    if (by > 0 && ++p->used > p->peak)
        p->peak = p->used;
    if (by < 0 && p->used > 0)
        p->used--;
}

static void pass_time(struct measure *m, int64_t now_ms)
{
    for (size_t i = 0; i < m->pools.n && now_ms > m->last_ms; i++)
        m->pools.at[i].busy_ms += m->pools.at[i].used * (now_ms - m->last_ms);
    if (now_ms > m->last_ms)
        m->last_ms = now_ms;
}

static struct measure_backfill *backfill_of(struct measure *m, const struct engine *e, uint32_t id)
{
    struct backfill_view b;
    while (m->backfills.n < id)
        bf_vec_add(&m->backfills);
    struct measure_backfill *row = &m->backfills.at[id - 1];
    if (!row->id && engine_backfill(e, id, &b)) {
        row->id = id;
        snprintf(row->plan, sizeof row->plan, "%s", b.plan->name);
    }
    return row;
}

void measure_begin(struct measure *m, const struct engine *e, int64_t now_ms)
{
    struct attempt_view a;
    m->last_ms = now_ms;
    for (uint64_t id = 0; (id = engine_next_attempt(e, id)) != 0;)
        if (engine_find_attempt(e, id, &a))
            use(m, e, a.backfill, a.step, 1);
}

void measure_records(struct measure *m, const struct engine *e, const struct record *records, size_t n, int64_t now_ms)
{
    pass_time(m, now_ms);
    for (size_t i = 0; i < n; i++) {
        const struct record *r = &records[i];
        if (r->kind == RECORD_GRANTED) {
            struct measure_backfill *row = backfill_of(m, e, r->backfill);
            row->attempts++;
            row->retries += r->attempt_no > 1;
            use(m, e, r->backfill, r->step, 1);
        } else if (r->kind == RECORD_ENDED) {
            use(m, e, r->backfill, r->step, -1);
        } else if (r->kind == RECORD_BACKFILL_CREATED || r->kind == RECORD_BACKFILL_STATE) {
            struct measure_backfill *row = backfill_of(m, e, r->backfill);
            if (!row->first_end_us && r->kind == RECORD_BACKFILL_STATE && record_rare(r)->backfill_state >= BACKFILL_SUCCEEDED)
                row->first_end_us = r->at_us;
        }
    }
}

void measure_end(struct measure *m, const struct engine *e, int64_t now_ms)
{
    pass_time(m, now_ms);
    for (size_t i = 0; i < m->backfills.n; i++) {
        struct measure_backfill *row = &m->backfills.at[i];
        struct backfill_view b;
        if (!row->id || !engine_backfill(e, row->id, &b))
            continue;
        row->state = b.state;
        row->finished_us = b.finished_us;
        row->done = b.count[INSTANCE_SUCCEEDED] + b.count[INSTANCE_SKIPPED];
        row->failed = b.count[INSTANCE_FAILED];
        row->upstream_failed = b.upstream_failed;
        row->total = b.plan->n_instances;
    }
    for (size_t i = 0; i < m->pools.n; i++)
        for (size_t k = 0; k < engine_n_pools(e); k++) {
            struct pool_view p;
            engine_pool(e, k, &p);
            if (strcmp(p.name, m->pools.at[i].name) == 0)
                m->pools.at[i].slots = p.slots;
        }
}

void measure_done(struct measure *m)
{
    bf_vec_free(&m->backfills);
    bf_vec_free(&m->pools);
}

/* Readings of the load of the warehouses.
 *
 * Who probes, and what becomes of an agent that does not answer, is the shell's to say (coordinator/probes.h); here a reading arrives, is
 * a record, and the newest of each connection is kept, so that it is there again after a restart and a decision on it replays.  The
 * name of a connection means one warehouse for all plans, as it does for the one writer (I18).
 *
 * A probe is wanted while a backfill runs whose plan says it, and while anything draws on a pool that it governs, or could: what a paused
 * backfill left running, or another's.  A reading that nobody wants is no record, and none is while the store is short of room: nothing is
 * granted then. */
#include "coordinator/engine/probes.h"

#include <stdlib.h>
#include <string.h>

#include "common/least.h"
#include "common/mem.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/governor.h"

static bool governs_what_is_drawn_on(const struct engine *e, const char *connection)
{
    for (uint32_t i = 0; i < e->pools.n; i++) {
        const struct pool *p = &e->pools.at[i];
        for (size_t k = 0; pool_is_throttled(p) && k < p->governor->now.n_probes; k++)
            if (strcmp(p->governor->now.probes[k].connection, connection) == 0 && (p->used > 0 || pool_is_wanted(e, i)))
                return true;
    }
    return false;
}

bool engine_probe_is_wanted(const struct engine *e, const char *connection)
{
    for (size_t i = 0; i < e->live.n; i++) {
        const struct backfill *b = backfill_find(e, e->live.at[i]);
        for (size_t k = 0; b->state == BACKFILL_RUNNING && k < b->plan->n_connections; k++)
            if (b->plan->connections[k].probe && strcmp(b->plan->connections[k].name, connection) == 0)
                return true;
    }
    return governs_what_is_drawn_on(e, connection);
}

static void ask(const struct backfill *b, const char *connection, struct probe_asked *ret)
{
    for (uint32_t k = 0; b->started_us != 0 && k < b->plan->n_connections; k++) {
        const struct plan_probe *p = b->plan->connections[k].probe;
        if (!p || strcmp(b->plan->connections[k].name, connection) != 0)
            continue;
        if (ret->backfill == 0)
            *ret = (struct probe_asked){.backfill = b->id, .index = k, .probe = *p};
        if (ret->probe.value != p->value)
            continue;
        ret->probe.every_ms = bf_least(ret->probe.every_ms, p->every_ms);
        ret->probe.target = bf_least(ret->probe.target, p->target);
        ret->probe.limit = bf_least(ret->probe.limit, p->limit);
    }
}

bool engine_probe_asked(const struct engine *e, const char *connection, struct probe_asked *ret)
{
    struct probe_asked asked = {0};
    for (int runs = 1; runs >= 0; runs--)
        for (size_t i = 0; i < e->live.n; i++) {
            const struct backfill *b = backfill_find(e, e->live.at[i]);
            if ((b->state == BACKFILL_RUNNING) == runs)
                ask(b, connection, &asked);
        }
    if (asked.backfill)
        *ret = asked;
    return asked.backfill != 0;
}

void decide_probe(struct decision *d, const struct input *in)
{
    if (d->e->low || !engine_probe_is_wanted(d->e, input_rare(in)->probe.connection))
        return;
    struct record *r = record_begin(d, RECORD_PROBED);
    record_rare_need(r, &d->out->arena)->probe = input_rare(in)->probe;
    r->agent = in->agent;
    r->retry_at_ms = d->now_ms;
    record_emit(d, r);
}

static struct probe_last *last_of(const struct engine *e, const char *connection)
{
    for (size_t i = 0; i < e->probes.n; i++)
        if (strcmp(e->probes.at[i].connection, connection) == 0)
            return &e->probes.at[i];
    return NULL;
}

void probe_last_done(struct probe_last *p)
{
    free(p->connection);
    free(p->why);
}

/* At the end of the list, whose first one was read the longest ago.  Plans come and go, and what was measured for one that is long over
 * is of no use: the first goes when there are too many. */
static struct probe_last *make_newest(struct engine *e, const char *connection)
{
    struct probe_last *p = last_of(e, connection), newest = {0};
    if (!p && e->probes.n < PROBES_KEPT) {
        p = bf_vec_add(&e->probes);
        p->connection = bf_xstrdup(connection);
        return p;
    }
    if (!p) {
        p = e->probes.at;
        probe_last_done(p);
        *p = (struct probe_last){.connection = bf_xstrdup(connection)};
    }
    newest = *p;
    memmove(p, p + 1, (size_t)(e->probes.at + e->probes.n - p - 1) * sizeof *p);
    p = &e->probes.at[e->probes.n - 1];
    *p = newest;
    return p;
}

enum bf_rc apply_probed(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    if (rare->probe.value_us < 0 || r->retry_at_ms < 0 || (!rare->probe.readable && rare->probe.value_us != 0))
        return bf_fail(err, BF_CORRUPT, "a probed record has no load that can be: %lld", (long long)rare->probe.value_us);
    struct probe_last *p = make_newest(e, rare->probe.connection);
    free(p->why);
    p->why = bf_xstrdup(rare->probe.why);
    p->readable = rare->probe.readable;
    p->value_us = rare->probe.value_us;
    p->agent = r->agent;
    p->at_us = r->at_us;
    limits_read(e, r);
    return BF_OK;
}

bool engine_probe(const struct engine *e, const char *connection, struct probe_view *ret)
{
    const struct probe_last *p = last_of(e, connection);
    if (!p)
        return false;
    *ret = (struct probe_view){.readable = p->readable, .value_us = p->value_us, .why = p->why, .agent = p->agent, .at_us = p->at_us};
    return true;
}

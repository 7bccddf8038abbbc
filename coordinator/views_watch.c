/* One document for a screen (OP_WATCH): everything that `bfctl watch` shows of a backfill at a glance.
 *
 * Bounded, whatever the plan: a page of steps, or one step and a page of its partitions; the first few of agents, pools, failures and
 * waits.  Counting has a budget (views_tally.c), so that a viewer who asks twice a second costs the loop little. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "coordinator/engine/view_pools.h"
#include "coordinator/views_progress.h"
#include "coordinator/views_waits.h"

#define COUNT_BUDGET_US 3000
#define ROWS_MAX 128u
#define STATES_MAX 4096u
#define AGENTS_TOLD 12u
#define POOLS_TOLD 12u
#define FAILURES_TOLD 12u
#define FAILURE_TEXT_BYTES 400
#define WAITS_TOLD 24u

/* ---- steps ---- */

struct pick { const struct backfill_view *b; const struct step_tally *steps; const char *order; };

static int worst_first(const struct tally *x, const struct tally *y)
{
    const uint64_t a[] = {x->n[INSTANCE_FAILED], x->upstream_failed, x->n[INSTANCE_BACKING_OFF], x->n[INSTANCE_RUNNING], tally_left(x)};
    const uint64_t b[] = {y->n[INSTANCE_FAILED], y->upstream_failed, y->n[INSTANCE_BACKING_OFF], y->n[INSTANCE_RUNNING], tally_left(y)};
    for (size_t i = 0; i < sizeof a / sizeof *a; i++)
        if (a[i] != b[i])
            return a[i] > b[i] ? -1 : 1;
    return 0;
}

/* Places in the plan's order. */
static int compare(const void *a, const void *b, void *arg)
{
    const struct pick *p = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    uint32_t sx = p->b->plan->order[x], sy = p->b->plan->order[y];
    int by = 0;
    if (strcmp(p->order, "name") == 0)
        by = strcmp(p->b->plan->steps[sx].name, p->b->plan->steps[sy].name);
    else if (strcmp(p->order, "worst") == 0)
        by = worst_first(&p->steps[sx].t, &p->steps[sy].t);
    return by ? by : x < y ? -1 : x > y;
}

static void put_count(json_t *j, const char *key, uint64_t n)
{
    if (n > 0)
        json_object_set_new(j, key, json_integer((json_int_t)n));
}

/* What is 0 is left out. */
static json_t *step_row(const struct plan_step *step, const struct step_tally *c)
{
    json_t *j = json_object();
    json_object_set_new(j, "step", view_string(step->name));
    json_object_set_new(j, "kind", view_string(plan_kind_name(step->kind)));
    json_object_set_new(j, "grain", view_string(plan_grain_name(step->grain)));
    json_object_set_new(j, "total", json_integer(step->partitions->n));
    if (!c->counted)
        return j;                                /* without a strip: not counted yet */
    for (int s = INSTANCE_WAITING; s < INSTANCE_STATE_COUNT; s++)
        put_count(j, instance_state_name((enum instance_state)s), c->t.n[s]);
    put_count(j, "upstream_failed", c->t.upstream_failed);
    json_object_set_new(j, "mean_ms", c->t.timed ? json_integer(c->t.timed_us / 1000 / (json_int_t)c->t.timed) : json_null());
    json_object_set_new(j, "strip", view_string(c->strip));
    return j;
}

static json_t *step_page(const struct pick *p, const struct op_request *req)
{
    const struct plan *plan = p->b->plan;
    BF_AUTO_FREE uint32_t *places = bf_xcalloc(plan->n_steps ? plan->n_steps : 1, sizeof *places);
    size_t n = 0, limit = req->page_limit && req->page_limit < ROWS_MAX ? req->page_limit : ROWS_MAX;
    for (uint32_t k = 0; k < plan->n_steps; k++)
        if (!req->name[0] || strstr(plan->steps[plan->order[k]].name, req->name))
            places[n++] = k;
    qsort_r(places, n, sizeof *places, compare, (void *)(uintptr_t)p);
    json_t *at = json_array();
    for (uint64_t i = req->page_offset; i < n && json_array_size(at) < limit; i++)
        json_array_append_new(at, step_row(&plan->steps[plan->order[places[i]]], &p->steps[plan->order[places[i]]]));
    return json_pack("{s:I, s:I, s:I, s:o}", "all", (json_int_t)plan->n_steps, "total", (json_int_t)n, "offset",
                     (json_int_t)(req->page_offset < n ? req->page_offset : n), "at", at);
}

/* One step, and a page of the states of its partitions: a character for each. */
static json_t *one_step(const struct view_source *v, const struct pick *p, const struct op_request *req, uint32_t s)
{
    const struct plan_step *step = &p->b->plan->steps[s];
    uint32_t total = step->partitions->n, offset = req->page_offset < total ? (uint32_t)req->page_offset : total;
    uint32_t n = total - offset < STATES_MAX ? total - offset : STATES_MAX;
    char states[STATES_MAX + 1], first[PLAN_KEY_MAX] = "", last[PLAN_KEY_MAX] = "";
    for (uint32_t i = 0; i < n; i++) {
        struct instance_view in;
        states[i] = engine_instance(v->engine, p->b->id, s, offset + i, &in) ? view_state_char(&in) : '?';
    }
    states[n] = '\0';
    if (total > 0) {
        view_partition(step, 0, first);
        view_partition(step, total - 1, last);
    }
    json_t *j = step_row(step, &p->steps[s]);
    json_object_set_new(j, "first", view_string(first));
    json_object_set_new(j, "last", view_string(last));
    json_object_set_new(j, "offset", json_integer(offset));
    json_object_set_new(j, "states", view_string(states));
    return j;
}

/* ---- agents, pools, failures ---- */

struct told_agent { struct agent_view a; bool refused; };

static int agent_rank(const struct told_agent *t)
{
    return t->a.state == AGENT_LOST || t->refused ? 0 : t->a.state == AGENT_DRAINING ? 1 : 2;
}

static bool agent_before(const struct told_agent *x, const struct told_agent *y)
{
    if (agent_rank(x) != agent_rank(y))
        return agent_rank(x) < agent_rank(y);
    return x->a.busy != y->a.busy ? x->a.busy > y->a.busy : x->a.id < y->a.id;
}

static json_t *agent_told(const struct told_agent *t)
{
    return json_pack("{s:o, s:s, s:I, s:I, s:o}", "name", view_string(t->a.hello->name), "state",
                     t->refused ? "refused" : agent_state_name(t->a.state), "busy", (json_int_t)t->a.busy, "slots",
                     (json_int_t)t->a.hello->slots, "since", view_time(t->a.since_us));
}

/* Those that are lost, were refused or leave first, then the busiest. */
static json_t *agents(const struct view_source *v)
{
    struct told_agent top[AGENTS_TOLD], t;
    size_t n = 0;
    json_int_t connected = 0, draining = 0, lost = 0, refused = 0, slots = 0, busy = 0, prefetched = 0;
    for (uint32_t id = 0; (id = engine_next_agent(v->engine, id)) != 0;) {
        if (!engine_agent(v->engine, id, &t.a) || t.a.state == AGENT_LEFT)
            continue;
        t.refused = view_refusal(v, &t.a) != NULL;
        bool works = t.a.state != AGENT_LOST && !t.refused;
        connected += works && t.a.state == AGENT_CONNECTED;
        draining += works && t.a.state == AGENT_DRAINING;
        lost += t.a.state == AGENT_LOST;
        refused += t.refused;
        slots += works ? t.a.hello->slots : 0;
        busy += works ? t.a.busy : 0;
        prefetched += works ? t.a.prefetched : 0;
        size_t i = n < AGENTS_TOLD ? n++ : AGENTS_TOLD;
        for (; i > 0 && agent_before(&t, &top[i - 1]); i--)
            if (i < AGENTS_TOLD)
                top[i] = top[i - 1];
        if (i < AGENTS_TOLD)
            top[i] = t;
    }
    json_t *at = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(at, agent_told(&top[i]));
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "connected", connected, "draining", draining, "lost", lost, "refused", refused,
                     "slots", slots, "busy", busy, "prefetched", prefetched, "at", at);
}

static json_t *pools(const struct view_source *v)
{
    size_t n = engine_n_pools(v->engine), shown = n < POOLS_TOLD ? n : POOLS_TOLD;
    json_t *at = json_array();
    for (size_t i = 0; i < shown; i++) {
        struct pool_view p;
        engine_pool(v->engine, i, &p);
        json_array_append_new(at, json_pack("{s:s, s:I, s:I}", "name", p.name, "used", (json_int_t)p.used, "slots", (json_int_t)p.slots));
    }
    return json_pack("{s:I, s:o}", "total", (json_int_t)n, "at", at);
}

struct failed { uint32_t step, index; int64_t at_us; };

/* The last that failed and stand so, or wait for another attempt; newest first. */
static size_t last_failed(const struct backfill_view *b, const struct step_tally *steps, struct failed ret[FAILURES_TOLD])
{
    size_t n = 0;
    for (uint32_t s = 0; s < b->plan->n_steps; s++)
        for (size_t f = 0; f < steps[s].t.n_failed; f++) {
            struct failed one = {s, steps[s].t.failed[f].index, steps[s].t.failed[f].at_us};
            size_t i = n < FAILURES_TOLD ? n++ : FAILURES_TOLD;
            for (; i > 0 && ret[i - 1].at_us < one.at_us; i--)
                if (i < FAILURES_TOLD)
                    ret[i] = ret[i - 1];
            if (i < FAILURES_TOLD)
                ret[i] = one;
        }
    return n;
}

static json_t *failures(const struct view_source *v, const struct backfill_view *b, const struct step_tally *steps)
{
    struct failed last[FAILURES_TOLD];
    size_t n = last_failed(b, steps, last);
    json_t *rows = json_array();
    for (size_t k = 0; k < n; k++) {
        struct instance_view i;
        struct outcome o;
        enum failure_class class;
        const struct plan_step *step = &b->plan->steps[last[k].step];
        if (!engine_instance(v->engine, b->id, last[k].step, last[k].index, &i) ||
            (i.state != INSTANCE_FAILED && (i.state != INSTANCE_BACKING_OFF || i.looking)) ||
            !engine_failure(v->engine, b->id, last[k].step, last[k].index, &o, &class))
            continue;                            /* a moment ago it was so */
        char partition[PLAN_KEY_MAX], text[FAILURE_TEXT_BYTES + 1];
        size_t len = bf_utf8_cut(o.text, FAILURE_TEXT_BYTES);
        memcpy(text, o.text, len);
        text[len] = '\0';
        view_partition(step, last[k].index, partition);
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:o}", "step", step->name, "partition", partition, "state",
                                              instance_state_name(i.state), "class", failure_class_name(class), "text", view_string(text),
                                              "attempts", (json_int_t)i.attempts, "at", view_time(i.finished_us)));
    }
    return rows;
}

/* ---- the document ---- */

static enum bf_rc check(const struct backfill_view *b, const struct op_request *req, uint32_t *ret_step, struct bf_error *err)
{
    static const char *const orders[] = {"", "order", "worst", "name"};
    bool known = false;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        known |= strcmp(req->state, orders[i]) == 0;
    if (!known)
        return bf_fail(err, BF_INVALID, "unknown order of steps \"%s\"; there are order, worst and name", req->state);
    *ret_step = PLAN_NO_INDEX;
    if (req->n_selectors > 1)
        return bf_fail(err, BF_INVALID, "one step can be looked at, or all of them");
    if (req->n_selectors == 1 && (*ret_step = plan_find_step(b->plan, req->selectors[0])) == PLAN_NO_INDEX)
        return bf_fail(err, BF_NOT_FOUND, "bf-%" PRIu32 " has no step %s", b->id, req->selectors[0]);
    return BF_OK;
}

enum bf_rc view_watch(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    uint32_t step;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc == BF_OK)
        rc = check(&b, req, &step, err);
    if (rc != BF_OK)
        return rc;
    struct view_tallies counts = view_tallies(v, &b, COUNT_BUDGET_US);
    struct pick pick = {&b, counts.steps, req->state};
    int64_t until_us = b.finished_us ? b.finished_us : v->wall_us;
    json_t *j = json_object();
    json_object_set_new(j, "id", view_string(view_backfill_id(b.id).text));
    json_object_set_new(j, "name", view_string(b.plan->name));
    json_object_set_new(j, "state", view_string(backfill_state_name(b.state)));
    view_halt(&b, j);
    view_store_hold(v, j);
    json_object_set_new(j, "low_on_room", json_boolean(engine_low(v->engine)));
    json_object_set_new(j, "now", view_time(v->wall_us));
    json_object_set_new(j, "elapsed_ms", json_integer(until_us > b.created_us ? (until_us - b.created_us) / 1000 : 0));
    json_object_set_new(j, "counted", json_boolean(counts.complete));
    json_object_set_new(j, "steps", view_counts(&b));
    view_put_progress(v, &b, &counts, j);
    if (step == PLAN_NO_INDEX)
        json_object_set_new(j, "page", step_page(&pick, req));
    else
        json_object_set_new(j, "step", one_step(v, &pick, req, step));
    json_object_set_new(j, "agents", agents(v));
    json_object_set_new(j, "pools", pools(v));
    json_object_set_new(j, "failures", failures(v, &b, counts.steps));
    json_object_set_new(j, "waits", view_waits(v, &b, counts.steps, WAITS_TOLD));
    view_tallies_done(&counts);
    *ret = j;
    return BF_OK;
}

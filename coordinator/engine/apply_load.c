/* apply, continued: records that add things (backfills, agents, pools, answers), and those of snapshots alone. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/internal.h"
#include "coordinator/engine/seed.h"

static enum bf_rc corrupt(const struct record *r, const char *what, struct bf_error *err)
{
    return bf_fail(err, BF_CORRUPT, "record of kind %d (backfill %u, agent %u): %s", (int)r->kind, r->backfill, r->agent, what);
}

static const char *text_or_empty(const char *s)
{
    return s ? s : "";
}

/* ---- backfills ---- */

static void keep_texts(struct backfill *b, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    b->actor = bf_arena_strdup(&b->arena, text_or_empty(rare->actor));
    b->reason = bf_arena_strdup(&b->arena, text_or_empty(rare->reason));
    b->from = bf_arena_strdup(&b->arena, text_or_empty(rare->from));
    b->to = bf_arena_strdup(&b->arena, text_or_empty(rare->to));
    b->n_params = rare->n_params;
    b->params = bf_arena_alloc(&b->arena, rare->n_params * sizeof *b->params);
    for (size_t i = 0; i < rare->n_params; i++) {
        b->params[i].name = bf_arena_strdup(&b->arena, text_or_empty(rare->params[i].name));
        b->params[i].value = bf_arena_strdup(&b->arena, text_or_empty(rare->params[i].value));
    }
}

static bool find_pools(const struct engine *e, struct backfill *b)
{
    b->pools = bf_xcalloc(b->plan->n_pools, sizeof *b->pools);
    for (size_t i = 0; i < b->plan->n_pools; i++) {
        b->pools[i] = pool_find(e, b->plan->pools[i].name);
        if (b->pools[i] == PLAN_NO_INDEX)
            return false;
    }
    return true;
}

enum bf_rc apply_backfill_created(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    uint8_t key[32];
    engine_plan_key(rare->plan_hash, text_or_empty(rare->from), text_or_empty(rare->to), rare->params, rare->n_params, key);
    const struct known_plan *known = plan_find(e, key);
    if (!known)
        return corrupt(r, "its plan is not known; it has to be compiled and added first", err);
    if (r->backfill != e->backfills.n + 1)
        return corrupt(r, "the backfill's number does not follow the last one", err);
    uint32_t run = r->run ? r->run : 1;
    struct backfill *b = e->recovering ? seed_lay_out(known, rare->backward, run) : seed_take(e, known, rare->backward, run);
    b->id = r->backfill;
    b->created_us = r->at_us;
    b->reprocess = rare->reprocess;
    b->reuse_downstream = rare->reuse_downstream;
    memcpy(b->plan_hash, rare->plan_hash, sizeof b->plan_hash);
    if (!find_pools(e, b)) {
        backfill_free(b);
        return corrupt(r, "a pool of its plan was not set before", err);
    }
    pools_attach(e, b);
    windows_attach(e, b);
    keep_texts(b, r);
    b->before = backfill_newest_of(e, b->plan->name);
    bf_smap_put(&e->newest_by_plan, b->plan->name, strlen(b->plan->name), (void *)(uintptr_t)b->id);
    bf_vec_push(&e->backfills, b);
    bool told = rare->backfill_state != 0;       /* by a checkpoint */
    if (!told || !r->n)
        breakers_attach(e, b, told);
    if (r->backfill >= e->next_backfill)
        e->next_backfill = r->backfill + 1;
    if (e->recovering)
        return BF_OK;
    live_add(e, b->id);
    writers_queued(e, b);
    ready_attach(e, b);
    ready_adopt(e, b);
    return BF_OK;
}

/* ---- agents ---- */

static void name_agent(struct engine *e, const struct agent *a)
{
    if (e->recovering)
        return;
    const char *name = a->hello.name;
    if (agent_present(a))
        bf_smap_put(&e->agents_by_name, name, strlen(name), (void *)(uintptr_t)a->id);
    else if (agent_find_name(e, name) == a)
        bf_smap_del(&e->agents_by_name, name, strlen(name));
}

static struct agent *agent_add(struct engine *e, const struct record *r)
{
    struct agent *a = bf_vec_add(&e->agents);
    a->id = r->agent;
    a->first = a->last = NO_SLOT;
    a->breaker = NO_BREAKER;
    a->state = AGENT_LEFT;
    agent_hello_copy(&a->hello, &(struct agent_hello){0});
    memcpy(a->key, record_rare(r)->key, sizeof a->key);
    bf_smap_put(&e->agents_by_key, a->key, sizeof a->key, (void *)(uintptr_t)a->id);
    if (r->agent >= e->next_agent)
        e->next_agent = r->agent + 1;
    return a;
}

/* By its name.  Of one that has another name now, what the breaker of the old one let through is nobody's probe any more. */
static void take_breaker(struct engine *e, struct agent *a)
{
    uint32_t number = breaker_need(e, BREAKER_AGENT, a->hello.name);
    if (a->breaker != number) {
        breaker_use(e, number, true);
        if (a->breaker != NO_BREAKER) {
            e->breakers.at.at[a->breaker]->probes.n = 0;
            breaker_use(e, a->breaker, false);
        }
    }
    a->breaker = number;
    breaker_agent_here(e, number, true);
}

enum bf_rc apply_agent_joined(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    e->alerts.look = true;
    struct agent *a = agent_find(e, r->agent);
    if (a ? memcmp(a->key, rare->key, sizeof a->key) != 0 : r->agent != e->agents.n + 1 || agent_find_key(e, rare->key))
        return corrupt(r, "the agent's number and key do not belong together", err);
    if (!e->recovering)
        e->moves.agent[a ? a->state : 0][AGENT_CONNECTED]++;
    if (!a)
        a = agent_add(e, r);
    if (agent_present(a))
        breaker_agent_here(e, a->breaker, false);
    a->state = AGENT_LEFT;                       /* its old name is given up before it takes the new one */
    name_agent(e, a);
    agent_hello_done(&a->hello);
    agent_hello_copy(&a->hello, &rare->hello);
    a->state = AGENT_CONNECTED;
    a->incarnation = rare->incarnation;
    take_breaker(e, a);
    a->since_us = r->at_us;
    a->busy_max = agent_use_most(a);
    name_agent(e, a);
    if (!e->recovering)
        ready_agent_changed(e, a);
    return BF_OK;
}

enum bf_rc apply_agent_state(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    e->alerts.look = true;
    struct agent *a = agent_find(e, r->agent);
    if (!a || rare->agent_state < AGENT_CONNECTED || rare->agent_state > AGENT_LEFT)
        return corrupt(r, "the agent or its state is unknown", err);
    if (!agent_move_legal(a->state, rare->agent_state))
        return corrupt(r, "the agent's state may not follow the one that it is in", err);
    if (!e->recovering)
        e->moves.agent[a->state][rare->agent_state]++;
    bool was = agent_present(a);
    a->state = rare->agent_state;
    if (was != agent_present(a))
        breaker_agent_here(e, a->breaker, !was);
    a->since_us = r->at_us;
    name_agent(e, a);
    if (!e->recovering)
        ready_agent_changed(e, a);
    return BF_OK;
}

/* ---- pools and answers ---- */

enum bf_rc apply_pool_set(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    if (!rare->pool_name || !rare->pool_name[0] || rare->pool_source < POOL_FROM_PLAN || rare->pool_source > POOL_FROM_OPERATOR)
        return corrupt(r, "the pool has no name, or nobody says it", err);
    uint32_t i = pool_find(e, rare->pool_name);
    if (i == PLAN_NO_INDEX) {
        bf_vec_push(&e->pools, (struct pool){.name = bf_xstrdup(rare->pool_name)});
        i = (uint32_t)(e->pools.n - 1);
    }
    pool_lay(&e->pools.at[i], r);
    breaker_pool_set(e, i);
    e->throttles_due = e->throttles_due || !e->recovering;
    shares_limits_changed(e, i);
    return BF_OK;
}

enum bf_rc apply_pool_head(struct engine *e, const struct record *r, struct bf_error *err)
{
    uint32_t i = pool_find(e, record_rare(r)->pool_name);
    const struct backfill *b = backfill_find(e, r->backfill);
    bool nobody = r->backfill == 0;
    if (i == PLAN_NO_INDEX || (!nobody && (!b || r->step >= b->plan->n_steps || step_draw(e, b, r->step)->pool != i)))
        return corrupt(r, "the pool is unknown, or no such step waits for it", err);
    reserve_set(e, i, r->backfill, r->step, r->n_numbers ? r->numbers[0] : 0, record_rare(r)->last);
    return BF_OK;
}

/* Of a backfill what its retries are counted against; of a pool its bucket, and who waits for it. */
enum bf_rc apply_shares(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = backfill_find(e, r->backfill);
    if (b && r->n_numbers == SHARES_OF_BACKFILL) {
        b->first_attempts = r->numbers[0];
        b->retries = r->numbers[1];
        return BF_OK;
    }
    uint32_t i = pool_find(e, record_rare(r)->pool_name ? record_rare(r)->pool_name : "");
    if (i == PLAN_NO_INDEX || r->n_numbers != SHARES_OF_POOL)
        return corrupt(r, "the shares are of nothing that is known", err);
    struct pool *p = &e->pools.at[i];
    p->level = r->numbers[0];
    p->level_at_ms = (int64_t)r->numbers[1];
    p->level_ms = (uint32_t)r->numbers[2];
    p->draws = r->numbers[3];
    return BF_OK;
}

enum bf_rc apply_replied(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    if (e->config.replies_kept == 0)
        return BF_OK;
    if (reply_find(e, rare->key, rare->request_id))
        return corrupt(r, "the request was answered before", err);
    struct reply *p = bf_xcalloc(1, sizeof *p);
    memcpy(p->who, rare->key, BF_KEY_BYTES);
    memcpy(p->who + BF_KEY_BYTES, rare->request_id, OP_REQUEST_ID_BYTES);
    p->rc = rare->rc;
    p->text = bf_xstrdup(text_or_empty(rare->text));
    p->json = bf_xstrdup(text_or_empty(rare->json));
    p->at_us = r->at_us;
    if (e->replies.n < e->config.replies_kept) {
        bf_vec_push(&e->replies, p);
    } else {
        struct reply **oldest = &e->replies.at[e->replies_at];
        bf_smap_del(&e->replies_by_who, (*oldest)->who, sizeof (*oldest)->who);
        reply_free(*oldest);
        *oldest = p;
        e->replies_at = (e->replies_at + 1) % e->replies.n;
    }
    bf_smap_put(&e->replies_by_who, p->who, sizeof p->who, p);
    return BF_OK;
}

void engine_reword(struct engine *e, const struct record *replied)
{
    const struct record_rare *rare = record_rare(replied);
    struct reply *p = reply_find(e, rare->key, rare->request_id);
    if (!p)
        return;
    free(p->text);
    free(p->json);
    p->text = bf_xstrdup(text_or_empty(rare->text));
    p->json = bf_xstrdup(text_or_empty(rare->json));
}

/* ---- failures ---- */

void failure_store(struct engine *e, const struct backfill *b, uint32_t number, const struct outcome *o, enum failure_class class,
                   bool budget_spent)
{
    uint64_t i = 0;
    if (bf_map_get(&e->failure_of, instance_key(b, number), &i)) {
        alerts_leave(e, b, number);
        outcome_done(&e->failures.at[i].outcome);
    } else {
        i = e->failures.n;
        bf_vec_add(&e->failures);
        bf_map_put(&e->failure_of, instance_key(b, number), i);
    }
    struct failure *f = &e->failures.at[i];
    *f = (struct failure){.backfill = b->id, .number = number, .outcome = *o, .class = class, .budget_spent = budget_spent};
    f->outcome.sqlstate = bf_xstrdup(text_or_empty(o->sqlstate));
    f->outcome.dbms = bf_xstrdup(text_or_empty(o->dbms));
    f->outcome.text = bf_xstrdup(text_or_empty(o->text));
    f->outcome.details = "";                     /* the store has them */
}

/* ---- records of snapshots ---- */

enum bf_rc apply_instances(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    if (!e->recovering || !instance_find(e, r->backfill, r->step, r->index, &b, &number))
        return corrupt(r, "instances of an unknown backfill, or outside a recovery", err);
    return instances_unpack(b, number, record_rare(r)->bytes, record_rare(r)->n_bytes, err);
}

enum bf_rc apply_attempt(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    if (!e->recovering || !instance_find(e, r->backfill, r->step, r->index, &b, &number) || !agent_find(e, r->agent) ||
        attempt_find(e, r->ref.attempt))
        return corrupt(r, "the attempt does not fit the state", err);
    struct attempt open = {.ref = r->ref, .backfill = r->backfill, .step = r->step, .index = r->index, .n = r->n,
                           .run = r->run, .attempt_no = r->attempt_no, .agent = r->agent,
                           .incarnation = record_rare(r)->incarnation, .granted_us = r->at_us, .started_us = r->started_us,
                           .ahead_us = r->ahead_us, .revoked = record_rare(r)->revoked,
                           .granted_ms = r->retry_at_ms, .late_ms = r->n_numbers > 0 ? (int64_t)r->numbers[0] : 0};
    place_keep(&open, r);
    attempt_open(e, &open);
    return BF_OK;
}

enum bf_rc apply_failure(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    if (!instance_find(e, r->backfill, r->step, r->index, &b, &number))
        return corrupt(r, "failure of an unknown instance", err);
    failure_store(e, b, number, record_outcome(r), r->failure_class, r->budget_spent);
    return BF_OK;
}

enum bf_rc gate_lookup(struct engine *e, const struct record *r, struct backfill **ret, uint32_t *ret_gate, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    struct backfill *b = backfill_find(e, r->backfill);
    if (!b || r->step >= b->plan->n_steps || rare->edge >= b->plan->steps[r->step].n_edges)
        return corrupt(r, "gate of an unknown edge", err);
    const struct edge_rule *rule = &b->topology->rules[b->topology->rule_first[r->step] + rare->edge];
    if (rare->gate >= rule->n_gates || rare->upto > b->topology->gates[rule->gate_first + rare->gate].n_down)
        return corrupt(r, "the edge has no such gate", err);
    *ret = b;
    *ret_gate = rule->gate_first + rare->gate;
    return BF_OK;
}

enum bf_rc apply_gate(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = NULL;
    uint32_t gate = 0;
    enum bf_rc rc = gate_lookup(e, r, &b, &gate, err);
    if (rc == BF_OK && !e->recovering)
        rc = corrupt(r, "a gate's state outside a recovery", err);
    if (rc == BF_OK)
        b->gates[gate].upto = record_rare(r)->upto;
    return rc;
}

enum bf_rc apply_backoff(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    if (!e->recovering || !instance_find(e, r->backfill, r->step, r->index, &b, &number))
        return corrupt(r, "backoff of an unknown instance, or outside a recovery", err);
    b->instances[number].retry_at_ms = r->retry_at_ms;
    return BF_OK;
}

/* Checkpoints: the state as of one point, written in chunks while the engine goes on.
 *
 * What is small is made into records at the beginning.  Instances are written 4,096 at a time; one that changes before its chunk
 * was written has the chunk packed first (snapshot_touch).  A chunk that nothing has happened to is left out. */
#include "coordinator/engine/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/plant.h"
#include "coordinator/engine/decide.h"

enum { EAGER_RECORDS_PER_CALL = 1024, CHUNKS_PER_CALL = 64 };

void snapshot_touch(struct engine *e, struct backfill *b, uint32_t number)
{
    uint32_t chunk = number / SNAPSHOT_CHUNK;
    if (!b->unwritten || !b->unwritten[chunk])
        return;
    struct bf_buf packed = {0};
    b->unwritten[chunk] = 0;
    if (snapshot_pack(b, chunk, &packed))
        bf_vec_push(&e->snapshot.captured,
                    (struct captured){.backfill = b->id, .chunk = chunk, .bytes = packed.data, .n = packed.len});
    else
        bf_buf_free(&packed);
}

static void add_instances(const struct engine *e, uint32_t backfill, uint32_t chunk, const uint8_t *bytes, size_t n,
                          struct engine_out *out)
{
    const struct backfill *b = backfill_find(e, backfill);
    uint32_t number = chunk * SNAPSHOT_CHUNK;
    struct record *r = record_add(out, RECORD_INSTANCES);
    struct record_rare *rare = record_rare_need(r, &out->arena);
    r->backfill = backfill;
    r->step = b->instances[number].step;
    r->index = instance_index(b, number);
    rare->bytes = bf_arena_memdup(&out->arena, bytes, n);
    rare->n_bytes = n;
}

/* ---- what is small ---- */

static void add_agents(const struct engine *e, struct engine_out *out)
{
    for (size_t i = 0; i < e->agents.n; i++) {
        const struct agent *a = &e->agents.at[i];
        struct record *r = record_add(out, RECORD_AGENT_JOINED);
        struct record_rare *rare = record_rare_need(r, &out->arena);
        r->agent = a->id;
        memcpy(rare->key, a->key, sizeof rare->key);
        rare->incarnation = a->incarnation;
        rare->hello = a->hello;
        r->at_us = a->since_us;
        record_keep_strings(&out->arena, r);
        r = record_add(out, RECORD_AGENT_STATE);
        r->agent = a->id;
        record_rare_need(r, &out->arena)->agent_state = a->state;
        r->at_us = a->since_us;
    }
}

static void add_created(const struct backfill *b, struct engine_out *out)
{
    struct record *r = record_add(out, RECORD_BACKFILL_CREATED);
    struct record_rare *rare = record_rare_need(r, &out->arena);
    r->backfill = b->id;
    memcpy(rare->plan_hash, b->plan_hash, sizeof rare->plan_hash);
    rare->from = b->from;
    rare->to = b->to;
    rare->backward = b->backward;
    rare->params = b->params;
    rare->n_params = b->n_params;
    rare->actor = b->actor;
    rare->reason = b->reason;
    rare->reprocess = b->reprocess;
    rare->reuse_downstream = b->reuse_downstream;
    r->run = b->first_run > 1 ? b->first_run : 0;
    rare->backfill_state = b->state;
    r->n = backfill_finished(b);
    r->at_us = b->created_us;
    record_keep_strings(&out->arena, r);
}

/* What differs from the plan: a record for each class. */
static void add_classes(const struct backfill *b, struct engine_out *out)
{
    for (enum plan_priority class = PLAN_CRITICAL; class <= PLAN_LOW; class++) {
        BF_VEC_TYPE(uint32_t) steps = {0};
        for (uint32_t s = 0; s < b->plan->n_steps; s++)
            if (b->priority[s] == class && b->plan->steps[s].priority != class)
                bf_vec_push(&steps, s);
        if (steps.n > 0) {
            struct record *r = record_add(out, RECORD_PRIORITY_SET);
            struct record_rare *rare = record_rare_need(r, &out->arena);
            r->backfill = b->id;
            rare->priority = priority_number(class);
            rare->steps = steps.at;
            rare->n_steps = steps.n;
            record_keep_strings(&out->arena, r);
        }
        bf_vec_free(&steps);
    }
}

static void add_state(const struct backfill *b, enum backfill_state state, int64_t at_us, struct engine_out *out)
{
    struct record *r = record_add(out, RECORD_BACKFILL_STATE);
    r->backfill = b->id;
    record_rare_need(r, &out->arena)->backfill_state = state;
    r->at_us = at_us;
}

static void add_notes(const struct backfill *b, struct engine_out *out)
{
    for (size_t i = 0; i < b->notes.n; i++) {
        const struct steer_note *n = &b->notes.at[i];
        struct record *r = record_add(out, RECORD_STEER_NOTE);
        struct record_rare *rare = record_rare_need(r, &out->arena);
        r->backfill = b->id;
        rare->action = n->action;
        rare->steer_flags = n->flags;
        rare->ranges = n->ranges;
        rare->n_ranges = n->n_ranges;
        rare->actor = n->actor;
        rare->reason = n->reason;
        r->at_us = n->at_us;
        record_keep_strings(&out->arena, r);
    }
}

/* After its attempts, because a cancelled backfill has finished only when none is open. */
static void add_states(const struct backfill *b, struct engine_out *out)
{
    if (b->started_us != 0)
        add_state(b, BACKFILL_RUNNING, b->started_us, out);
    if (b->state == BACKFILL_RUNNING || b->state == BACKFILL_QUEUED)
        return;
    add_state(b, b->state, b->finished_us ? b->finished_us : b->started_us, out);
    if (b->halted) {
        out->records[out->n_records - 1].rare->reason = bf_arena_strdup(&out->arena, b->halted);
        out->records[out->n_records - 1].rare->halted_by = b->halted_by;
    }
}

static void add_timebox(const struct backfill *b, struct engine_out *out)
{
    if (b->timebox_at_ms == 0)
        return;
    struct record *r = record_add(out, RECORD_TIMEBOX);
    r->backfill = b->id;
    r->retry_at_ms = b->timebox_at_ms;
    r->n = b->timebox_over;
}

/* Before the numbers of its grant. */
static void put_late(const struct attempt *a, struct engine_out *out, struct record *r)
{
    uint64_t *numbers = bf_arena_alloc(&out->arena, (1 + r->n_numbers) * sizeof *numbers);
    numbers[0] = (uint64_t)a->late_ms;
    if (r->n_numbers)
        memcpy(numbers + 1, r->numbers, r->n_numbers * sizeof *numbers);
    r->numbers = numbers;
    r->n_numbers++;
}

static void add_attempts(const struct engine *e, struct engine_out *out)
{
    for (uint32_t slot = e->first_attempt; slot != NO_SLOT; slot = e->attempts.at[slot].next) {
        const struct attempt *a = &e->attempts.at[slot];
        struct record *r = record_add(out, RECORD_ATTEMPT);
        r->ref = a->ref;
        r->backfill = a->backfill;
        r->step = a->step;
        r->index = a->index;
        r->n = a->n;
        r->run = a->run;
        r->attempt_no = a->attempt_no;
        r->agent = a->agent;
        r->at_us = a->granted_us;
        r->started_us = a->started_us;
        r->ahead_us = a->ahead_us;
        r->retry_at_ms = a->granted_ms;
        struct record_rare *rare = record_rare_need(r, &out->arena);
        rare->incarnation = a->incarnation;
        rare->revoked = a->revoked;
        place_put(a, out, r);
        put_late(a, out, r);
        if (a->closing_us == 0)
            continue;
        r = record_add(out, RECORD_CLOSING);
        r->ref = a->ref;
        r->at_us = a->closing_us;
    }
}

static void add_gates(const struct backfill *b, struct engine_out *out)
{
    const struct topology *t = b->topology;
    for (uint32_t i = 0; i < t->n_gates; i++) {
        if (b->gates[i].upto == gate_released_at_start(&t->gates[i]))
            continue;
        const struct edge_rule *rule = &t->rules[t->gates[i].rule];
        struct record *r = record_add(out, RECORD_GATE);
        struct record_rare *rare = record_rare_need(r, &out->arena);
        r->backfill = b->id;
        r->step = rule->down;
        rare->edge = rule->edge;
        rare->gate = i - rule->gate_first;
        rare->upto = b->gates[i].upto;
    }
}

static void add_failures(const struct engine *e, struct engine_out *out)
{
    for (size_t i = 0; i < e->failures.n; i++) {
        const struct failure *f = &e->failures.at[i];
        const struct backfill *b = backfill_find(e, f->backfill);
        struct record *r = record_add(out, RECORD_FAILURE);
        r->backfill = f->backfill;
        r->step = b->instances[f->number].step;
        r->index = instance_index(b, f->number);
        r->outcome = &f->outcome;
        r->failure_class = f->class;
        r->budget_spent = f->budget_spent;
        record_keep_strings(&out->arena, r);
    }
}

static void add_replies(const struct engine *e, struct engine_out *out)
{
    for (size_t i = 0; i < e->replies.n; i++) {
        const struct reply *p = e->replies.at[(e->replies_at + i) % e->replies.n];
        struct record *r = record_add(out, RECORD_REPLIED);
        struct record_rare *rare = record_rare_need(r, &out->arena);
        memcpy(rare->key, p->who, BF_KEY_BYTES);
        memcpy(rare->request_id, p->who + BF_KEY_BYTES, OP_REQUEST_ID_BYTES);
        rare->rc = p->rc;
        rare->text = p->text;
        rare->json = p->json;
        r->at_us = p->at_us;
        record_keep_strings(&out->arena, r);
    }
}

static void add_keys(const struct engine *e, struct engine_out *out)
{
    for (size_t i = 0; i < e->keys.n; i++) {
        struct record *r = record_add(out, RECORD_KEY);
        record_rare_need(r, &out->arena)->entry = *e->keys.at[i];
        record_keep_strings(&out->arena, r);
    }
}

/* A layer is a record: the lowest first, as they came. */
static void add_pools(const struct engine *e, struct engine_out *out)
{
    for (size_t i = 0; i < e->pools.n; i++)
        for (int k = 0; k < POOL_SOURCES; k++) {
            const struct pool_layer *layer = &e->pools.at[i].layers[k];
            if (!layer->said)
                continue;
            struct record *r = record_add(out, RECORD_POOL_SET);
            struct record_rare *rare = record_rare_need(r, &out->arena);
            rare->pool_name = e->pools.at[i].name;
            rare->pool_slots = layer->slots;
            rare->pool_source = (enum pool_source)(k + 1);
            rare->pool = layer->budget;
            rare->actor = layer->by;
            rare->reason = layer->reason;
            r->at_us = layer->at_us;
            record_keep_strings(&out->arena, r);
        }
}

static struct record *numbers_add(struct engine_out *out, enum record_kind kind, const uint64_t *numbers, size_t n)
{
    struct record *r = record_add(out, kind);
    r->numbers = bf_arena_memdup(&out->arena, numbers, n * sizeof *numbers);
    r->n_numbers = n;
    return r;
}

static const char *share_pool_name(const struct engine *e, const struct share *s, struct engine_out *out)
{
    return s->pool == PLAN_NO_INDEX ? "" : bf_arena_strdup(&out->arena, e->pools.at[s->pool].name);
}

static void add_yielded(const struct engine *e, const struct backfill *b, const struct share *s, struct engine_out *out)
{
    for (uint64_t class = 0; class < SHARE_CLASSES; class++) {
        const struct yielded *y = &s->yielded[class];
        const uint64_t numbers[YIELD_NUMBERS] = {class, (uint64_t)y->since_ms, y->lost_ms, y->times};
        if (y->times == 0)
            continue;
        struct record *r = numbers_add(out, RECORD_YIELDED, numbers, YIELD_NUMBERS);
        r->backfill = b->id;
        record_rare_need(r, &out->arena)->pool_name = share_pool_name(e, s, out);
    }
}

static void add_parts(const struct engine *e, const struct backfill *b, struct engine_out *out)
{
    for (size_t i = 0; i < b->n_shares; i++) {
        const struct share *s = &b->shares[i];
        const uint64_t numbers[SHARE_NUMBERS] = {s->last, (uint64_t)s->since_ms, s->raised};
        add_yielded(e, b, s, out);
        if (s->last == 0 && s->since_ms == 0)
            continue;
        struct record *r = numbers_add(out, RECORD_SHARE, numbers, SHARE_NUMBERS);
        r->backfill = b->id;
        record_rare_need(r, &out->arena)->pool_name = share_pool_name(e, s, out);
    }
}

static void add_shares(const struct engine *e, struct engine_out *out)
{
    for (size_t i = 0; i < e->pools.n; i++) {
        const struct pool *p = &e->pools.at[i];
        const uint64_t of_pool[SHARES_OF_POOL] = {p->level, (uint64_t)p->level_at_ms, p->level_ms, p->draws};
        const char *name = bf_arena_strdup(&out->arena, p->name);
        struct record *r = numbers_add(out, RECORD_SHARES, of_pool, SHARES_OF_POOL);
        record_rare_need(r, &out->arena)->pool_name = name;
        if (p->head_backfill == 0)
            continue;
        r = numbers_add(out, RECORD_POOL_HEAD, &p->head_since, 1);
        struct record_rare *rare = record_rare_need(r, &out->arena);
        rare->pool_name = name;
        rare->last = p->reserved;
        r->backfill = p->head_backfill;
        r->step = p->head_step;
    }
    for (size_t i = 0; i < e->backfills.n; i++) {
        const struct backfill *b = e->backfills.at[i];
        const uint64_t of_backfill[SHARES_OF_BACKFILL] = {b->first_attempts, b->retries};
        if (b->first_attempts)
            numbers_add(out, RECORD_SHARES, of_backfill, SHARES_OF_BACKFILL)->backfill = b->id;
        add_parts(e, b, out);
    }
}

static void add_probes(const struct engine *e, struct engine_out *out)
{
    for (size_t i = 0; i < e->probes.n; i++) {
        const struct probe_last *p = &e->probes.at[i];
        struct record *r = record_add(out, RECORD_PROBED);
        record_rare_need(r, &out->arena)->probe = (struct input_probe){p->connection, p->readable, p->value_us, p->why};
        r->agent = p->agent;
        r->at_us = p->at_us;
        record_keep_strings(&out->arena, r);
    }
}

static void add_small(const struct engine *e, struct engine_out *out)
{
    struct record *r = record_add(out, RECORD_COUNTERS);
    struct record_rare *rare = record_rare_need(r, &out->arena);
    rare->epoch = e->epoch;
    rare->next_attempt = e->next_attempt;
    rare->next_backfill = e->next_backfill;
    rare->next_agent = e->next_agent;
    r->retry_at_ms = e->stale_next_ms;
    r->n = e->stale_left_out;
    snapshot_breakers(e, out);
    if (e->held_until_ms)
        record_add(out, RECORD_RESTORED)->retry_at_ms = e->held_until_ms;
    outage_snapshot(e, out);
    if (e->outdated_token)
        record_add(out, RECORD_OUTDATED)->ref.token = e->outdated_token;
    if (e->low)
        record_rare_need(record_add(out, RECORD_LOW), &out->arena)->low = true;
    add_probes(e, out);                          /* before the limits, which know what of it was taken */
    add_pools(e, out);
    limits_snapshot(e, out);
    add_keys(e, out);
    add_agents(e, out);
    for (size_t i = 0; i < e->backfills.n; i++)
        add_created(e->backfills.at[i], out);
    for (size_t i = 0; i < e->backfills.n; i++)
        limits_snapshot_typical(e->backfills.at[i], out);
    windows_snapshot(e, out);
    add_attempts(e, out);
    for (size_t i = 0; i < e->backfills.n; i++) {
        add_states(e->backfills.at[i], out);
        add_timebox(e->backfills.at[i], out);
        add_classes(e->backfills.at[i], out);
        add_notes(e->backfills.at[i], out);
        add_gates(e->backfills.at[i], out);
    }
    add_shares(e, out);
    add_failures(e, out);
    sensor_snapshot(e, out);
    near_snapshot(e, out);
    reruns_snapshot(e, out);
    alerts_snapshot(e, out);
    profiles_snapshot(e, out);
    add_replies(e, out);
}

/* ---- the run of a snapshot ---- */

void snapshot_drop(struct engine *e)
{
    struct snapshot *s = &e->snapshot;
    for (size_t i = s->captured_at; i < s->captured.n; i++)
        free(s->captured.at[i].bytes);
    bf_vec_clear(&s->captured);
    s->captured_at = 0;
    engine_out_free(&s->eager);
    for (size_t i = 0; i < e->backfills.n; i++) {
        free(e->backfills.at[i]->unwritten);
        e->backfills.at[i]->unwritten = NULL;
    }
    s->active = false;
}

void engine_snapshot_begin(struct engine *e)
{
    struct snapshot *s = &e->snapshot;
    snapshot_drop(e);
    add_small(e, &s->eager);
    for (size_t i = 0; i < e->backfills.n; i++) {
        struct backfill *b = e->backfills.at[i];
        b->unwritten = bf_xmalloc(snapshot_chunks(b));
        memset(b->unwritten, 1, snapshot_chunks(b));
    }
    s->backfills = (uint32_t)e->backfills.n;
    s->backfill = 1;
    s->chunk = 0;
    s->eager_at = 0;
    s->active = true;
}

bool engine_snapshot_active(const struct engine *e)
{
    return e->snapshot.active;
}

/* What they point to stays where it is until the snapshot is over. */
static void next_eager(struct snapshot *s, struct engine_out *out)
{
    for (size_t i = 0; i < EAGER_RECORDS_PER_CALL && s->eager_at < s->eager.n_records; i++) {
        const struct record *r = &s->eager.records[s->eager_at++];
        *record_add(out, r->kind) = *r;
    }
}

static void next_captured(struct engine *e, struct engine_out *out)
{
    struct captured *c = &e->snapshot.captured.at[e->snapshot.captured_at++];
    add_instances(e, c->backfill, c->chunk, c->bytes, c->n, out);
    free(c->bytes);
}

/* The next chunk that is still to be written, if it is among the next few.  false when all have been seen. */
static bool next_chunk(struct engine *e, struct engine_out *out)
{
    struct snapshot *s = &e->snapshot;
    struct bf_buf packed = {0};
    for (int i = 0; i < CHUNKS_PER_CALL && s->backfill <= s->backfills && packed.len == 0; i++) {
        struct backfill *b = backfill_find(e, s->backfill);
        if (s->chunk >= snapshot_chunks(b)) {
            s->backfill++;
            s->chunk = 0;
            continue;
        }
        if (b->unwritten[s->chunk] && snapshot_pack(b, s->chunk, &packed))
            add_instances(e, b->id, s->chunk, packed.data, packed.len, out);
        b->unwritten[s->chunk++] = 0;
    }
    bf_buf_free(&packed);
    return s->backfill <= s->backfills;
}

bool engine_snapshot_next(struct engine *e, struct engine_out *out)
{
    struct snapshot *s = &e->snapshot;
    if (!s->active)
        return false;
    size_t before = out->n_records;
    if (s->eager_at < s->eager.n_records)
        next_eager(s, out);
    else if (s->captured_at < s->captured.n)
        next_captured(e, out);
    else if (!next_chunk(e, out) && out->n_records == before) {
        snapshot_drop(e);
        return false;
    }
    return true;
}

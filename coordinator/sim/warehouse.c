/* See warehouse.h. */
#include "coordinator/sim/warehouse.h"

#include <stdio.h>
#include <string.h>

#include "agent/sql/scrub.h"
#include "common/token.h"
#include "coordinator/sim/shadow.h"
#include "coordinator/sim/world.h"

enum { LOCK_POLL_MS = 100, LOCK_WAITS_MAX = 50, UNNOTICED_MS = 9000, CLAIM_ROUNDS_MAX = 100 };

void sim_warehouse_init(struct world *w)
{
    static const char said[] = "connection refused for Driver=x;Server=db;UID=bf;PWD=" SIM_CANARY;
    struct scrub secrets = {0};
    struct bf_buf text = {0};
    scrub_init(&secrets, "Driver=x;Server=db;UID=bf;PWD=" SIM_CANARY);
    scrub_put(&secrets, said, sizeof said - 1, false, &text);
    snprintf(w->warehouse.driver_text, sizeof w->warehouse.driver_text, "%s", bf_buf_cstr(&text));
    bf_buf_free(&text);
    scrub_done(&secrets);
    w->warehouse.may_terminate = world_chance(w, 50);
}

void sim_warehouse_done(struct sim_warehouse *h)
{
    bf_vec_free(&h->sessions);
    bf_vec_free(&h->rows);
}

/* ---- rows ---- */

static struct sim_fence_row *row_of(struct sim_warehouse *h, const struct sim_fence_key *key)
{
    for (size_t i = 0; i < h->rows.n; i++)
        if (h->rows.at[i].key.instance == key->instance && h->rows.at[i].key.run == key->run)
            return &h->rows.at[i];
    return NULL;
}

/* Of the instance in any run, and of other backfills that write the same: also of one that a restore lost, whose number was given again. */
static bool is_family(const struct sim_fence_row *row, const struct sim_session *s)
{
    bool other = row->key.backfill != s->key.backfill || row->token >> TOKEN_EPOCH_SHIFT != s->ref.token >> TOKEN_EPOCH_SHIFT;
    return row->key.instance == s->key.instance || (other && row->key.place == s->key.place);
}

static bool is_held(const struct sim_fence_row *row)
{
    return row->attempt != 0 && !row->done;
}

/* The row that a token holds. */
static struct sim_fence_row *held_by(struct sim_warehouse *h, uint64_t token)
{
    for (size_t i = 0; i < h->rows.n; i++)
        if (h->rows.at[i].token == token && is_held(&h->rows.at[i]))
            return &h->rows.at[i];
    return NULL;
}

static enum fence_state judge(struct sim_warehouse *h, const struct sim_session *s)
{
    const struct sim_fence_row *row = row_of(h, &s->key);
    return row ? fence_judge(row->done, (int64_t)row->token, (int64_t)s->ref.token) : FENCE_NONE;
}

/* ---- sessions ---- */

static struct sim_session *session_by_id(struct sim_warehouse *h, uint64_t id)
{
    for (size_t i = 0; i < h->sessions.n; i++)
        if (h->sessions.at[i].id == id)
            return &h->sessions.at[i];
    return NULL;
}

/* Rolled back and gone. */
static void close_session(struct sim_warehouse *h, struct sim_session *s)
{
    for (size_t i = 0; i < h->rows.n; i++)
        if (h->rows.at[i].locked_by == s->id)
            h->rows.at[i].locked_by = 0;
    *s = h->sessions.at[--h->sessions.n];
}

static void step_at(struct world *w, struct sim_session *s, int64_t at_ms)
{
    s->due_ms = at_ms;
    world_push(w, (struct sim_event){.at_ms = at_ms, .kind = SIM_SESSION, .node = s->node, .number = s->id});
}

static void next_statement(struct world *w, struct sim_session *s, enum sim_statement next, int64_t wait_ms)
{
    bool claims = next <= SESSION_LOOK_AGAIN;
    if (w->freeze_next && s->client && world_faulty(w) && world_chance(w, claims ? 40 : 10)) {
        w->freeze_next = false;
        if (w->agents[s->node - 1].frozen_until_ms <= w->now_ms)
            sim_agent_freeze(w, &w->agents[s->node - 1]);
    }
    int64_t from_ms = w->now_ms, thaw_ms = w->agents[s->node - 1].frozen_until_ms;
    if (s->client && thaw_ms > from_ms)
        from_ms = thaw_ms;
    if (choice_strikes(w, s->node, next <= SESSION_RAISE ? 9 : 3)) {
        wait_ms += 1000 + (int64_t)world_random(w, 30000);
        sim_fault_note(w, SIM_FAULT_WAREHOUSE_DELAY);
    }
    s->next = next;
    step_at(w, s, from_ms + wait_ms);
}

/* Nobody sends another statement: the server takes note in a while. */
static void end_unnoticed(struct world *w, struct sim_session *s)
{
    s->next = SESSION_END;
    step_at(w, s, w->now_ms + (int64_t)world_random(w, UNNOTICED_MS));
}

/* The session is over, and the client, if it lives, ends with what it knows. */
static void finish(struct world *w, struct sim_session *s, const struct outcome *o)
{
    struct sim_agent *a = &w->agents[s->node - 1];
    if (s->client)
        sim_process_result(w, a, s->ref.attempt, o);
    close_session(&w->warehouse, s);
}

static void finish_plainly(struct world *w, struct sim_session *s, enum outcome_source source, const char *sqlstate, const char *text)
{
    struct outcome o = s->wanted;
    o.source = source;
    o.code = 0;
    o.sqlstate = sqlstate;
    o.dbms = *sqlstate ? "PostgreSQL" : "";
    o.text = text;
    o.details = "";
    finish(w, s, &o);
}

/* Where the role may, the session of a row's holder goes first: it may have locked what is wanted. */
static void end_holder(struct world *w, struct sim_session **s, const struct sim_fence_row *row)
{
    struct sim_warehouse *h = &w->warehouse;
    uint64_t own = (*s)->id;
    for (size_t i = 0; w->warehouse.may_terminate && i < h->sessions.n; i++)
        if (h->sessions.at[i].ref.attempt == row->attempt && h->sessions.at[i].key.instance == row->key.instance &&
            h->sessions.at[i].id != own) {
            world_trace(w, "warehouse: the session of attempt %llu is ended by attempt %llu", (unsigned long long)row->attempt,
                        (unsigned long long)(*s)->ref.attempt);
            finish_plainly(w, &h->sessions.at[i], OUTCOME_SQL, "57P01", w->warehouse.driver_text);
            break;
        }
    *s = session_by_id(h, own);
}

static bool waits_for_lock(struct world *w, struct sim_session *s, const struct sim_fence_row *row)
{
    if (!row || row->locked_by == 0 || row->locked_by == s->id) {
        s->waited = 0;
        return false;
    }
    if (++s->waited > LOCK_WAITS_MAX)
        finish_plainly(w, s, OUTCOME_SQL, "55P03", "a lock was not had in time");
    else
        step_at(w, s, w->now_ms + LOCK_POLL_MS);
    return true;
}

/* ---- the claim ---- */

static int64_t soon(struct world *w)
{
    return 1 + (int64_t)world_random(w, 3);
}

static void look(struct world *w, struct sim_session *s)
{
    struct sim_warehouse *h = &w->warehouse;
    if (++s->rounds > CLAIM_ROUNDS_MAX) {
        finish_plainly(w, s, OUTCOME_SQL, "40001", "others claim it at the same time");
        return;
    }
    s->seen = judge(h, s);
    if (!fence_may_raise(s->seen)) {
        bool done = s->seen == FENCE_DONE;
        world_trace(w, "warehouse: attempt %llu finds %s", (unsigned long long)s->ref.attempt, done ? "the work done" : "a higher token");
        finish_plainly(w, s, done ? OUTCOME_OK : OUTCOME_FENCED, "", done ? "already done" : "its token is stale");
        return;
    }
    const struct sim_fence_row *row = row_of(h, &s->key);
    s->seen_token = row ? row->token : 0;
    if (s->seen == FENCE_EARLIER)
        end_holder(w, &s, row);
    next_statement(w, s, SESSION_RAISE, soon(w));
}

static void raise_row(struct world *w, struct sim_session *s)
{
    struct sim_warehouse *h = &w->warehouse;
    struct sim_fence_row *row = row_of(h, &s->key);
    if (waits_for_lock(w, s, row))
        return;
    if (!row)
        bf_vec_push(&h->rows, ((struct sim_fence_row){.key = s->key, .token = s->ref.token, .attempt = s->ref.attempt}));
    else if (s->seen != FENCE_NONE && row->token == s->seen_token && !row->done) {
        row->token = s->ref.token;
        row->attempt = s->ref.attempt;
    }
    next_statement(w, s, SESSION_LOOK_AGAIN, soon(w));
}

static void look_for_later(struct world *w, struct sim_session *s)
{
    struct sim_warehouse *h = &w->warehouse;
    for (size_t i = 0; i < h->rows.n; i++)
        if (is_family(&h->rows.at[i], s) && h->rows.at[i].token > s->ref.token) {
            finish_plainly(w, s, OUTCOME_FENCED, "", "a later run or backfill has this partition");
            return;
        }
    next_statement(w, s, SESSION_LEFT, soon(w));
}

/* All is claimed: who else could still commit (I1)? */
static void claimed(struct world *w, const struct sim_session *s)
{
    struct sim_warehouse *h = &w->warehouse;
    for (size_t i = 0; i < h->sessions.n; i++) {
        const struct sim_session *other = &h->sessions.at[i];
        const struct sim_fence_row *row = held_by(h, other->ref.token);
        if (!shadow_fence_void(w->shadow) && other->id != s->id && other->in_transaction && other->next != SESSION_END && row &&
            is_family(row, s) && held_by(h, s->ref.token))
            world_violate(w, "I1: the sessions of attempts %llu and %llu may both commit", (unsigned long long)other->ref.attempt,
                          (unsigned long long)s->ref.attempt);
    }
    shadow_session_claimed(w->shadow, &s->key, s->ref.token);
}

/* The worst moment for a host that stood still to go on: another has just claimed what its client was at. */
static void wake_predecessor(struct world *w, const struct sim_session *s)
{
    struct sim_warehouse *h = &w->warehouse;
    for (size_t i = 0; i < h->sessions.n; i++) {
        struct sim_session *other = &h->sessions.at[i];
        struct sim_agent *a = &w->agents[other->node - 1];
        bool stands_still = other->id != s->id && other->key.place == s->key.place && other->client && a->frozen_until_ms > w->now_ms;
        if (!stands_still || !world_chance(w, 70))
            continue;
        sim_agent_thaw(w, a);
        step_at(w, other, w->now_ms + soon(w));
        return;
    }
}

static void look_for_left(struct world *w, struct sim_session *s)
{
    struct sim_warehouse *h = &w->warehouse;
    for (size_t i = 0; i < h->rows.n; i++) {
        const struct sim_fence_row *row = &h->rows.at[i];
        if (!is_family(row, s) || !is_held(row) || row->token >= s->ref.token)
            continue;
        s->seen_token = row->token;
        end_holder(w, &s, row);
        next_statement(w, s, SESSION_SUPERSEDE, soon(w));
        return;
    }
    claimed(w, s);
    wake_predecessor(w, s);
    next_statement(w, s, SESSION_WORK, 1 + (int64_t)world_random(w, world_chance(w, 20) ? 15000 : 400));
}

static void supersede(struct world *w, struct sim_session *s)
{
    struct sim_fence_row *row = held_by(&w->warehouse, s->seen_token);
    if (waits_for_lock(w, s, row))
        return;
    if (row) {
        row->token = s->ref.token;
        row->attempt = 0;
    }
    next_statement(w, s, SESSION_LEFT, soon(w));
}

/* ---- the work ---- */

static void work(struct world *w, struct sim_session *s)
{
    s->in_transaction = true;
    if (s->wanted.source != OUTCOME_OK) {
        finish(w, s, &s->wanted);
        return;
    }
    next_statement(w, s, SESSION_MARK, soon(w));
}

static void mark(struct world *w, struct sim_session *s)
{
    struct sim_fence_row *row = held_by(&w->warehouse, s->ref.token);
    if (waits_for_lock(w, s, row))
        return;
    if (!row) {
        world_trace(w, "warehouse: attempt %llu is fenced at its end", (unsigned long long)s->ref.attempt);
        finish_plainly(w, s, OUTCOME_FENCED, "", "its token was overtaken");
        return;
    }
    row->locked_by = s->id;
    next_statement(w, s, SESSION_COMMIT, soon(w));
}

static void commit(struct world *w, struct sim_session *s)
{
    struct sim_warehouse *h = &w->warehouse;
    for (size_t i = 0; i < h->rows.n; i++)
        if (h->rows.at[i].locked_by == s->id)
            h->rows.at[i].done = true;
    world_trace(w, "warehouse: attempt %llu commits%s", (unsigned long long)s->ref.attempt, s->client ? "" : ", and its client is dead");
    shadow_session_committed(w->shadow, &s->key, &s->ref);
    finish(w, s, &s->wanted);
}

/* ---- life ---- */

void sim_session_open(struct world *w, struct sim_agent *a, const struct assignment *as, uint64_t instance, const struct outcome *wanted)
{
    struct sim_session s = {.id = ++w->warehouse.next_session, .node = a->node, .ref = as->ref, .client = true, .wanted = *wanted};
    s.key = (struct sim_fence_key){.instance = instance, .backfill = as->backfill, .run = as->run,
                                   .place = shadow_place_of(w->shadow, as, a->key)};
    if (wanted->source != OUTCOME_OK && wanted->source != OUTCOME_CHECK && wanted->source != OUTCOME_SKIP) {
        bool contended = world_chance(w, 70), told = wanted->source == OUTCOME_SQL;
        s.wanted.source = OUTCOME_SQL;
        s.wanted.sqlstate = told ? wanted->sqlstate : contended ? "40001" : "23505";
        s.wanted.dbms = "PostgreSQL";
        s.wanted.text = w->warehouse.driver_text;
    }
    bf_vec_push(&w->warehouse.sessions, s);
    next_statement(w, &w->warehouse.sessions.at[w->warehouse.sessions.n - 1], SESSION_LOOK, soon(w));
}

void sim_session_client_gone(struct world *w, const struct sim_agent *a, uint64_t attempt)
{
    struct sim_warehouse *h = &w->warehouse;
    for (size_t i = 0; i < h->sessions.n; i++) {
        struct sim_session *s = &h->sessions.at[i];
        if (s->ref.attempt != attempt || s->node != a->node || !s->client)
            continue;
        s->client = false;
        sim_fault_note(w, SIM_FAULT_SESSION_ORPHANED);
        world_trace(w, "warehouse: the session of attempt %llu outlives its client", (unsigned long long)attempt);
        if (world_chance(w, 40))
            end_unnoticed(w, s);                 /* the next statement was not sent yet */
        return;
    }
}

bool sim_session_lives(struct world *w, uint32_t node, struct attempt_ref ref, bool end)
{
    struct sim_warehouse *h = &w->warehouse;
    for (size_t i = 0; i < h->sessions.n; i++) {
        struct sim_session *s = &h->sessions.at[i];
        if (s->ref.attempt != ref.attempt || s->ref.token != ref.token || s->node != node)
            continue;
        if (!end || !h->may_terminate)
            return true;
        close_session(h, s);
        return false;
    }
    return false;
}

void sim_session_step(struct world *w, uint64_t id)
{
    static void (*const statements[])(struct world *, struct sim_session *) = {
        [SESSION_LOOK] = look, [SESSION_RAISE] = raise_row, [SESSION_LATER] = look_for_later, [SESSION_LEFT] = look_for_left,
        [SESSION_SUPERSEDE] = supersede, [SESSION_WORK] = work, [SESSION_MARK] = mark, [SESSION_COMMIT] = commit};
    struct sim_warehouse *h = &w->warehouse;
    struct sim_session *s = session_by_id(h, id);
    if (!s || w->now_ms < s->due_ms)
        return;
    if (s->next == SESSION_END) {
        close_session(h, s);
        return;
    }
    bool late = !s->client;
    enum sim_statement was = s->next;
    if (late)
        sim_fault_note(w, SIM_FAULT_SESSION_LATE);
    if (was == SESSION_LOOK_AGAIN)
        next_statement(w, s, judge(h, s) == FENCE_OURS ? SESSION_LATER : SESSION_LOOK, soon(w));
    else
        statements[was](w, s);
    s = session_by_id(h, id);
    if (late && s && (s->next != was || s->waited == 0))
        end_unnoticed(w, s);
}

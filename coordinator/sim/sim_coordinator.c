/* The coordinator's process: real turns over a store in memory.  It dies between turns, before a commit, or after it; what it wrote
 * stays.  Each recovery must give the state that was in memory (I17). */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/view.h"
#include "coordinator/sim/coverage.h"
#include "coordinator/sim/shadow.h"
#include "coordinator/sim/world.h"

enum { TURN_GATHER_MS = 2, DEEP_CHECK_TURNS = 32 };

/* ---- the store ---- */

static void keep_plan(struct sim_store *s, const struct turn_blob *plan)
{
    for (size_t i = 0; i < s->plans.n; i++)
        if (memcmp(s->plans.at[i].hash, plan->key, 32) == 0)
            return;
    struct sim_stored_plan *kept = bf_vec_add(&s->plans);
    memcpy(kept->hash, plan->key, 32);
    bf_buf_put(&kept->bytes, plan->bytes, plan->n);
}

static void keep_chunks(struct sim_store *s, const struct turn_commit *c)
{
    if (c->checkpoint_begin) {
        for (size_t i = 0; i < s->new_chunks.n; i++)
            bf_buf_free(&s->new_chunks.at[i]);
        bf_vec_clear(&s->new_chunks);
        s->new_seq = c->checkpoint_seq;
    }
    for (size_t i = 0; i < c->n_chunks; i++)
        bf_buf_put(bf_vec_add(&s->new_chunks), c->chunks[i].bytes, c->chunks[i].n);
    if (!c->checkpoint_end)
        return;
    for (size_t i = 0; i < s->chunks.n; i++)
        bf_buf_free(&s->chunks.at[i]);
    bf_vec_clear(&s->chunks);
    for (size_t i = 0; i < s->new_chunks.n; i++)
        bf_vec_push(&s->chunks, s->new_chunks.at[i]);
    bf_vec_clear(&s->new_chunks);
    s->checkpoint_seq = s->new_seq;
}

static enum bf_rc port_commit(void *arg, const struct turn_commit *c, struct bf_error *err)
{
    struct world *w = arg;
    if (w->crash_next == SIM_CRASH_BEFORE_COMMIT) {
        w->coordinator_dead = true;
        w->state_hash_known = false;
        return bf_fail(err, BF_IO, "simulated crash before the commit");
    }
    for (size_t i = 0; i < c->n_plans; i++)
        keep_plan(&w->store, &c->plans[i]);
    keep_chunks(&w->store, c);
    coverage_chunks(w, c);
    if (c->seq) {
        struct sim_stored_turn *t = bf_vec_add(&w->store.turns);
        t->seq = c->seq;
        bf_buf_put(&t->bytes, c->turn, c->turn_bytes);
        if (c->n_audit) {
            const struct audit_entry *last = &c->audit[c->n_audit - 1].entry;
            w->store.audit.index = last->index;
            memcpy(w->store.audit.hash, last->hash, sizeof last->hash);
            w->store.has_audit = true;
        }
        w->stats.turns++;
        shadow_committed(w->shadow, c);
    }
    if (w->crash_next == SIM_CRASH_AFTER_COMMIT) {
        w->coordinator_dead = true;
        engine_state_hash(turn_engine(w->turns), w->state_hash);
        w->state_hash_known = true;
    }
    return BF_OK;
}

/* ---- what leaves ---- */

static void port_send_agent(void *arg, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg)
{
    struct world *w = arg;
    struct bf_buf bytes = {0};
    shadow_released(w->shadow, msg);
    if (!w->coordinator_dead) {
        world_trace_msg(w, "coordinator", key[0] >= 1 && key[0] <= w->n_agents ? w->agents[key[0] - 1].name : "nobody", msg);
        agent_msg_encode(msg, &bytes);
        if (key[0] >= 1 && key[0] <= w->n_agents)
            net_send(w, SIM_NODE_COORDINATOR, key[0], &bytes);
    }
    bf_buf_free(&bytes);
}

static void port_reply(void *arg, const uint8_t key[BF_KEY_BYTES], const struct op_reply *reply)
{
    struct world *w = arg;
    (void)key;
    if (!w->coordinator_dead)
        sim_operator_reply(w, reply);
}

/* ---- life ---- */

static enum bf_rc load(struct world *w, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; i < w->store.plans.n && rc == BF_OK; i++)
        rc = turns_load_plan(w->turns, w->store.plans.at[i].hash, w->store.plans.at[i].bytes.data, w->store.plans.at[i].bytes.len, err);
    for (size_t i = 0; i < w->store.chunks.n && rc == BF_OK; i++)
        rc = turns_load_chunk(w->turns, w->store.chunks.at[i].data, w->store.chunks.at[i].len, err);
    for (size_t i = 0; i < w->store.turns.n && rc == BF_OK; i++)
        if (w->store.turns.at[i].seq > w->store.checkpoint_seq)
            rc = turns_load_turn(w->turns, w->store.turns.at[i].bytes.data, w->store.turns.at[i].bytes.len, err);
    return rc == BF_OK ? turns_recovered(w->turns, w->now_ms, err) : rc;
}

void sim_coordinator_start(struct world *w)
{
    struct bf_error err = {0};
    uint8_t hash[32];
    struct turn_ports ports = {.arg = w, .commit = port_commit, .send_agent = port_send_agent, .reply = port_reply,
                               .configured_keys = sim_keys_configured};
    struct turn_settings s = {.lease = w->lease, .cluster = SIM_CLUSTER, .checkpoint_turns = 5 + (uint32_t)world_random(w, 60),
                              .chunks_per_turn = 1 + (uint32_t)world_random(w, 3), .engine = w->engine};
    w->turns = turns_new(&s, &ports, w->store.epoch);
    if (w->store.has_audit)
        turns_set_audit_head(w->turns, &w->store.audit);
    w->coordinator_generation++;
    w->turns_at_start = w->stats.turns;
    if (load(w, &err) != BF_OK) {
        world_violate(w, "recovery: %s", err.text);
        return;
    }
    engine_state_hash(turn_engine(w->turns), hash);
    if (w->state_hash_known && memcmp(hash, w->state_hash, sizeof hash) != 0)
        world_violate(w, "I17 recovery: the state rebuilt from the store is not the one that was in memory (turn %llu, checkpoint %llu)",
                      (unsigned long long)turn_seq(w->turns), (unsigned long long)w->store.checkpoint_seq);
    w->coordinator_up = true;
    w->coordinator_dead = false;
    w->crash_next = SIM_NO_CRASH;
    w->turn_at_ms = INT64_MAX;
    world_trace(w, "coordinator serves, turn %llu", (unsigned long long)turn_seq(w->turns));
    turn_service(w->turns, &(struct input_told){.what = "start", .target = "coordinator"});
    if (turn_seq(w->turns) == 0)
        turn_pool(w->turns, "fixed", 2);
    sim_coordinator_schedule(w, w->now_ms);
}

void sim_coordinator_stop(struct world *w, const char *why)
{
    if (!w->coordinator_up)
        return;
    world_trace(w, "coordinator dies: %s", why);
    if (!w->coordinator_dead) {
        /* Between turns: memory is what was committed. */
        engine_state_hash(turn_engine(w->turns), w->state_hash);
        w->state_hash_known = true;
    }
    coverage_life(w);
    turns_free(w->turns);
    w->turns = NULL;
    w->coordinator_up = false;
    w->stopped_until_ms = 0;
    w->coordinator_generation++;
    w->stats.crashes++;
    int64_t away_ms = world_chance(w, 80) ? (int64_t)world_random(w, 3000) : (int64_t)world_random(w, 40000);
    world_push(w, (struct sim_event){.at_ms = w->now_ms + 1 + away_ms, .kind = SIM_COORDINATOR_START});
}

void sim_coordinator_schedule(struct world *w, int64_t at_ms)
{
    if (at_ms < w->now_ms)
        at_ms = w->now_ms;
    if (!w->coordinator_up || at_ms == INT64_MAX || at_ms >= w->turn_at_ms)
        return;
    w->turn_at_ms = at_ms;
    world_push(w, (struct sim_event){.at_ms = at_ms, .kind = SIM_TURN, .number = w->coordinator_generation});
}

void sim_coordinator_turn(struct world *w)
{
    struct bf_error err = {0};
    w->turn_at_ms = INT64_MAX;
    if (w->now_ms < w->stopped_until_ms) {       /* what waits in its sockets comes before its first turn */
        sim_coordinator_schedule(w, w->stopped_until_ms + TURN_GATHER_MS);
        return;
    }
    turn_set_low(w->turns, w->now_ms < w->low_until_ms);
    enum bf_rc rc = turn_run(w->turns, w->now_ms, w->now_ms * 1000, &err);
    if (w->coordinator_dead) {
        sim_coordinator_stop(w, rc == BF_OK ? "after a commit" : "before a commit");
        return;
    }
    if (rc != BF_OK) {
        world_violate(w, "turn: %s", err.text);
        return;
    }
    if (!engine_check(turn_engine(w->turns), w->stats.turns % DEEP_CHECK_TURNS == 0, &err))
        world_violate(w, "%s", err.text);
    shadow_check_steered(w->shadow, turn_engine(w->turns), w->stats.turns % DEEP_CHECK_TURNS == 0);
    int64_t next_ms = turn_next_ms(w->turns);
    sim_coordinator_schedule(w, next_ms <= w->now_ms ? w->now_ms + TURN_GATHER_MS : next_ms);
}

void sim_coordinator_message(struct world *w, uint32_t from, const uint8_t *p, size_t n)
{
    struct agent_msg m = {0};
    struct bf_error err = {0};
    if (!w->coordinator_up)
        return;
    if (agent_msg_decode(p, n, &m, &err) != BF_OK)
        world_violate(w, "codec: a message of an agent does not decode: %s", err.text);
    else
        turn_agent_message(w->turns, w->agents[from - 1].key, &m, w->now_ms);
    agent_msg_done(&m);
    if (turn_pending(w->turns))
        sim_coordinator_schedule(w, w->now_ms + TURN_GATHER_MS);
}

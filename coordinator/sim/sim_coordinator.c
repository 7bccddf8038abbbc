/* The coordinator's process: real turns over a store in memory.  It dies between turns, before a commit, or after it; what it wrote
 * stays.  Each recovery must give the state that was in memory (I17); after a commit that failed it must end. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/view.h"
#include "coordinator/sim/coverage.h"
#include "coordinator/sim/operator.h"
#include "coordinator/sim/shadow.h"
#include "coordinator/sim/world.h"

enum { CLOCK_BEHIND_MS = 10000, TURN_GATHER_MS = 2, LATE_PERCENT = 5, DEEP_CHECK_TURNS = 32, RECOVERY_CHECK_TURNS = 256 };

/* ---- what leaves ---- */

static void port_send_agent(void *arg, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg)
{
    struct world *w = arg;
    if (w->commit_failed)
        world_violate(w, "I3: a message leaves the coordinator after a commit that failed");
    shadow_released(w->shadow, key, msg);
    bool known = key[0] >= 1 && key[0] <= w->n_agents;
    if (!w->coordinator_dead && (!known || sim_restore_connected(w, &w->agents[key[0] - 1]))) {
        world_trace_msg(w, "coordinator", key[0] >= 1 && key[0] <= w->n_agents ? w->agents[key[0] - 1].name : "nobody", msg);
        bf_buf_clear(&w->said);
        agent_msg_encode(msg, &w->said);
        bool sent = known && net_send(w, SIM_NODE_COORDINATOR, key[0], &w->said);
        if (known && msg->kind == AGENT_KILL && sent) {
            w->agents[key[0] - 1].order_under_way = true;
        } else if (known && msg->kind == AGENT_KILL) {
            w->agents[key[0] - 1].order_lost_ms = w->now_ms;
            sim_restore_cut(&w->agents[key[0] - 1]);
        }
    }
}

static void port_reply(void *arg, const uint8_t key[BF_KEY_BYTES], const struct op_reply *reply)
{
    struct world *w = arg;
    (void)key;
    if (w->commit_failed)
        world_violate(w, "I3: a request is answered after a commit that failed");
    if (!w->coordinator_dead)
        sim_operator_reply(w, reply);
}

/* ---- life ---- */

struct turn_settings sim_coordinator_settings(struct world *w)
{
    return (struct turn_settings){.lease = w->lease, .cluster = SIM_CLUSTER, .checkpoint_turns = SIM_CHECKPOINT_TURNS_MAX,
                                  .chunks_per_turn = 1, .engine = w->engine};
}

static void start_later(struct world *w, int64_t wait_ms)
{
    world_push(w, (struct sim_event){.at_ms = w->now_ms + 1 + wait_ms, .kind = SIM_COORDINATOR_START});
}

/* false: it does not serve, and will be started again. */
static bool recover(struct world *w)
{
    struct bf_error err = {0};
    struct sim_damage damage = sim_store_draw_damage(w);
    enum bf_rc rc = sim_store_load(w, w->turns, &damage, &err);
    if (damage.on && rc == BF_OK)
        world_violate(w, "store: a value that is damaged (%s) was taken for a whole one", sim_fault_name(damage.kind));
    if (rc == BF_OK)
        return true;
    if (!damage.on)
        world_violate(w, "recovery: %s", err.text);
    world_trace(w, "coordinator refuses to serve (%s): %s", sim_fault_name(damage.kind), err.text);
    turns_free(w->turns);
    w->turns = NULL;
    start_later(w, 1000 + (int64_t)world_random(w, 20000));       /* people put the verified copy in its place */
    return false;
}

/* What its file says, which is not the same at every start. */
static void configure_breakers(struct world *w)
{
    static const struct breaker_settings soon = {.window = 6, .period_ms = 60000, .minimum = 3, .rate = 600000, .slow_factor_milli = 3000,
                                                 .open_ms = 2000, .open_max_ms = 20000, .growth_milli = 2000, .probes = 1};
    bool says = w->stats.crashes % 4 != 3;
    turn_breaker(w->turns, BREAKER_AGENT, "", says ? &soon : breaker_preset(BREAKER_AGENT), says ? BREAKER_BY_CONFIG : BREAKER_BY_PRESET);
    for (int k = BREAKER_STEP; w->options.seed % 3 == 1 && k <= BREAKER_CONNECTION; k++)
        turn_breaker(w->turns, (enum breaker_kind)k, "", says ? &soon : breaker_preset((enum breaker_kind)k),
                     says ? BREAKER_BY_CONFIG : BREAKER_BY_PRESET);
    if (w->options.seed % 3 == 0)
        turn_breaker(w->turns, BREAKER_POOL, "own", &soon, says ? BREAKER_BY_CONFIG : BREAKER_BY_PRESET);
}

/* At a start, and where turns do not do it. */
static void keep_clock(struct world *w, int64_t behind_ms)
{
    struct engine_clock now;
    if (turn_clock(w->turns, sim_clock_boot_ms(&w->clock, w->now_ms), &now) < behind_ms)
        return;
    w->store.clock = now;
    turn_clock_kept(w->turns, &now);
}

void sim_coordinator_start(struct world *w)
{
    uint8_t hash[32];
    struct turn_ports ports = {.arg = w, .commit = sim_store_commit, .send_agent = port_send_agent, .reply = port_reply,
                               .configured_keys = sim_keys_configured, .plan_known = sim_plan_known, .plan_made = sim_plan_made,
                               .prepare = sim_create_put};
    struct turn_settings s = sim_coordinator_settings(w);
    s.checkpoint_turns = 5 + (uint32_t)world_random(w, SIM_CHECKPOINT_TURNS_MAX - 5);
    s.chunks_per_turn = 1 + (uint32_t)world_random(w, 3);
    w->turns = turns_new(&s, &ports, w->store.epoch);
    if (w->store.has_audit)
        turns_set_audit_head(w->turns, &w->store.audit);
    if (w->store.restored_epoch == w->store.epoch)
        turns_set_restored(w->turns, &(struct turn_restored){.by = "sim", .reason = "a drill", .told = "{\"backup\":\"sim\"}"});
    w->coordinator_generation++;
    sim_plans_life(w);
    if (!recover(w))
        return;
    if (w->state_hash_known)
        engine_state_hash(turn_engine(w->turns), hash);
    if (w->state_hash_known && memcmp(hash, w->state_hash, sizeof hash) != 0)
        world_violate(w, "I17 recovery: the state rebuilt from the store is not the one that was in memory (turn %llu, checkpoint %llu)",
                      (unsigned long long)turn_seq(w->turns), (unsigned long long)w->store.checkpoint_seq);
    keep_clock(w, INT64_MIN);
    w->coordinator_up = true;
    w->coordinator_dead = w->commit_failed = false;
    w->crash_next = SIM_NO_CRASH;
    w->turn_at_ms = INT64_MAX;
    world_trace(w, "coordinator serves, turn %llu", (unsigned long long)turn_seq(w->turns));
    turn_service(w->turns, &(struct input_told){.what = "start", .target = "coordinator"});
    if (turn_seq(w->turns) == 0 || w->now_ms >= w->faults_until_ms)
        turn_pool(w->turns, "fixed", 2);
    configure_breakers(w);
    sim_coordinator_schedule(w, w->now_ms);
}

void sim_coordinator_forget_late(struct world *w)
{
    for (size_t i = 0; i < w->late.n; i++)
        free(w->late.at[i].bytes);
    bf_vec_free(&w->late);
}

void sim_coordinator_stop(struct world *w, const char *why)
{
    if (!w->coordinator_up)
        return;
    world_trace(w, "coordinator dies: %s", why);
    if (!w->coordinator_dead && !w->commit_failed) {
        /* Between turns: memory is what was committed. */
        engine_state_hash(turn_engine(w->turns), w->state_hash);
        w->state_hash_known = true;
    }
    coverage_life(w);
    sim_coordinator_forget_late(w);
    sim_creates_forget(w);
    turns_free(w->turns);
    w->turns = NULL;
    w->coordinator_up = false;
    w->stopped_until_ms = 0;
    w->coordinator_generation++;
    w->stats.crashes++;
    int64_t away_ms = world_chance(w, 80) ? (int64_t)world_random(w, 3000) : (int64_t)world_random(w, 40000);
    start_later(w, away_ms);
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

static void check(struct world *w)
{
    struct bf_error err = {0};
    if (!engine_check(turn_engine(w->turns), w->stats.turns % DEEP_CHECK_TURNS == 0, &err))
        world_violate(w, "%s", err.text);
    shadow_check_steered(w->shadow, turn_engine(w->turns), w->stats.turns % DEEP_CHECK_TURNS == 0);
    shadow_check_alerts(w->shadow, turn_engine(w->turns));
    shadow_check_why(w->shadow, turn_engine(w->turns), turn_engine_ms(w->turns, sim_clock_boot_ms(&w->clock, w->now_ms)),
                     sim_clock_wall_us(&w->clock, w->now_ms));
    if (w->stats.turns % DEEP_CHECK_TURNS == 0)
        shadow_check_profiles(w->shadow, turn_engine(w->turns));
    if (w->stats.violations == 0 && (w->stats.turns + w->options.seed) % RECOVERY_CHECK_TURNS == 0)
        sim_store_check_recovery(w);
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
    enum bf_rc rc = turn_run(w->turns, sim_clock_boot_ms(&w->clock, w->now_ms), sim_clock_wall_us(&w->clock, w->now_ms), &err);
    if (w->commit_failed && rc == BF_OK)
        world_violate(w, "I3: the coordinator goes on after a commit that failed");
    if (w->coordinator_dead || w->commit_failed) {
        sim_coordinator_stop(w, w->commit_failed ? err.text : rc == BF_OK ? "after a commit" : "before a commit");
        return;
    }
    if (rc != BF_OK) {
        world_violate(w, "turn: %s", err.text);
        return;
    }
    sim_coordinator_hear_late(w);
    keep_clock(w, CLOCK_BEHIND_MS);
    if (!w->options.unchecked)
        check(w);
    int64_t next_ms = sim_clock_when_ms(&w->clock, turn_next_ms(w->turns));
    sim_coordinator_schedule(w, next_ms <= w->now_ms ? w->now_ms + TURN_GATHER_MS : next_ms);
}

static void hear(struct world *w, uint32_t from, const uint8_t *p, size_t n)
{
    struct agent_msg m = {0};
    struct bf_error err = {0};
    if (agent_msg_decode(p, n, &m, &err) != BF_OK)
        world_violate(w, "codec: a message of an agent does not decode: %s", err.text);
    else if (sim_restore_greets(w, &w->agents[from - 1], m.kind == AGENT_HELLO))
        turn_agent_message(w->turns, w->agents[from - 1].key, &m, sim_clock_boot_ms(&w->clock, w->now_ms));
    agent_msg_done(&m);
}

void sim_coordinator_hear_late(struct world *w)
{
    for (size_t i = 0; i < w->late.n; i++)
        hear(w, w->late.at[i].from, w->late.at[i].bytes, w->late.at[i].n);
    sim_coordinator_forget_late(w);
}

/* What one agent says keeps its order. */
static bool comes_late(struct world *w, uint32_t from)
{
    bool late = world_chance(w, LATE_PERCENT);
    for (size_t i = 0; i < w->late.n; i++)
        late = late || w->late.at[i].from == from;
    return late;
}

void sim_coordinator_message(struct world *w, uint32_t from, const uint8_t *p, size_t n)
{
    if (!w->coordinator_up)
        return;
    if (comes_late(w, from))
        bf_vec_push(&w->late, (struct sim_late){from, bf_xmemdup(p, n), n});
    else
        hear(w, from, p, n);
    if (turn_pending(w->turns) || w->late.n > 0)
        sim_coordinator_schedule(w, w->now_ms + TURN_GATHER_MS);
}

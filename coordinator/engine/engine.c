/* The engine's life, and the flat dispatch of a turn: inputs one by one, then engine_finish_turn() in a fixed order: backoffs
 * that are over, gates, breakers, grants, ends of backfills, and those that may begin after them. */
#include "coordinator/engine/engine.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/prefetch.h"
#include "coordinator/engine/seed.h"

#define OR_DEFAULT(value, otherwise) ((value) ? (value) : (otherwise))

struct engine *engine_new(const struct engine_config *config)
{
    struct engine *e = bf_xcalloc(1, sizeof *e);
    e->config = *config;
    e->config.lost_attempts_max = OR_DEFAULT(config->lost_attempts_max, 20);
    if (e->config.lost_attempts_max > UINT16_MAX)
        e->config.lost_attempts_max = UINT16_MAX;
    e->config.grants_per_turn_max = OR_DEFAULT(config->grants_per_turn_max, 1024);
    e->config.gate_openings_per_turn_max = OR_DEFAULT(config->gate_openings_per_turn_max, 4096);
    e->config.reserve_after = OR_DEFAULT(config->reserve_after, 16);
    e->config.age_after_ms = OR_DEFAULT(config->age_after_ms, ENGINE_AGE_AFTER_MS);
    e->admit_due_ms = INT64_MAX;
    e->config.replies_kept = OR_DEFAULT(config->replies_kept, 10000);
    breakers_init(&e->breakers);
    e->epoch = 1;
    e->next_attempt = 1;
    e->next_backfill = 1;
    e->next_agent = 1;
    e->first_attempt = e->last_attempt = e->first_ahead = e->last_ahead = NO_SLOT;
    e->windows.due_ms = e->timebox_due_ms = INT64_MAX;
    return e;
}

static void free_entities(struct engine *e)
{
    for (size_t i = 0; i < e->backfills.n; i++)
        backfill_free(e->backfills.at[i]);
    for (size_t i = 0; i < e->agents.n; i++)
        agent_hello_done(&e->agents.at[i].hello);
    for (size_t i = 0; i < e->replies.n; i++)
        reply_free(e->replies.at[i]);
    for (size_t i = 0; i < e->keys.n; i++)
        key_free(e->keys.at[i]);
    for (size_t i = 0; i < e->probes.n; i++)
        probe_last_done(&e->probes.at[i]);
    for (size_t i = 0; i < e->failures.n; i++)
        outcome_done(&e->failures.at[i].outcome);
    for (size_t i = 0; i < e->plans.n; i++)
        known_plan_free(e->plans.at[i]);
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    snapshot_drop(e);
    engine_out_free(&e->snapshot.eager);
    bf_vec_free(&e->snapshot.captured);
    seeds_drop(e);
    bf_vec_free(&e->seeds);
    ready_reset(e);
    windows_free(e);
    alerts_done(e);
    sensors_done(e);
    near_done(e);
    reruns_done(e);
    profiles_done(e);
    free_entities(e);
    bf_vec_free(&e->plans);
    bf_vec_free(&e->backfills);
    bf_vec_free(&e->live);
    heap_done(&e->late);
    bf_vec_free(&e->late_now);
    bf_map_free(&e->late_steps);
    bf_vec_free(&e->agents);
    pools_done(e);
    bf_vec_free(&e->waiting_pools);
    bf_vec_free(&e->reserved);
    bf_vec_free(&e->blocked_pools);
    bf_vec_free(&e->ended);
    bf_vec_free(&e->attempts);
    bf_vec_free(&e->free_slots);
    bf_vec_free(&e->failures);
    bf_vec_free(&e->replies);
    bf_vec_free(&e->work);
    bf_vec_free(&e->keys);
    breakers_done(&e->breakers);
    bf_vec_free(&e->probes);
    bf_smap_free(&e->keys.by_key);
    bf_smap_free(&e->keys.by_name);
    bf_smap_free(&e->keys.tokens_by_name);
    bf_smap_free(&e->plans_by_key);
    bf_smap_free(&e->newest_by_plan);
    bf_smap_free(&e->agents_by_key);
    bf_smap_free(&e->agents_by_name);
    bf_smap_free(&e->replies_by_who);
    bf_map_free(&e->slot_of);
    bf_map_free(&e->failure_of);
    heap_done(&e->timers);
    heap_done(&e->gates_due);
#ifdef BF_PLANTS
    bf_map_free(&e->planted_ended);
#endif
    free(e);
}

void plan_add(struct engine *e, struct known_plan *k)
{
    bf_vec_push(&e->plans, k);
    bf_smap_put(&e->plans_by_key, k->key, sizeof k->key, k);
}

void engine_add_plan(struct engine *e, const uint8_t key[32], struct plan *plan)
{
    if (plan_find(e, key)) {
        plan_free(plan);                         /* backfills refer to the one that is there */
        return;
    }
    plan_add(e, known_plan_new(key, plan));
}

bool engine_has_plan(const struct engine *e, const uint8_t key[32])
{
    return plan_find(e, key) != NULL;
}

const struct known_plan *engine_known_plan(const struct engine *e, const uint8_t key[32])
{
    return plan_find(e, key);
}

const struct plan *known_plan_of(const struct known_plan *known)
{
    return known->plan;
}

static void hash_text(crypto_generichash_state *h, const char *s)
{
    crypto_generichash_update(h, (const unsigned char *)s, strlen(s) + 1);
}

void engine_plan_key(const uint8_t source_hash[32], const char *from, const char *to, const struct op_param *params,
                     size_t n_params, uint8_t ret_key[32])
{
    crypto_generichash_state h;
    crypto_generichash_init(&h, NULL, 0, 32);
    crypto_generichash_update(&h, source_hash, 32);
    hash_text(&h, from ? from : "");
    hash_text(&h, to ? to : "");
    for (size_t i = 0; i < n_params; i++) {
        hash_text(&h, params[i].name);
        hash_text(&h, params[i].value);
    }
    crypto_generichash_final(&h, ret_key, 32);
}

static struct decision decision_at(struct engine *e, int64_t now_ms, int64_t wall_us, struct engine_out *out)
{
    assert(!e->recovering);                      /* engine_rebuild() comes first */
    e->now_ms = now_ms;
    e->wall_us = wall_us;
    return (struct decision){.e = e, .live = e, .now_ms = now_ms, .wall_us = wall_us, .out = out};
}

void engine_step(struct engine *e, const struct input *in, int64_t now_ms, int64_t wall_us, struct engine_out *out)
{
    struct decision d = decision_at(e, now_ms, wall_us, out);
    switch (in->kind) {
    case INPUT_HELLO: decide_hello(&d, in); break;
    case INPUT_REPORT: decide_report(&d, in); break;
    case INPUT_BYE: decide_bye(&d, in); break;
    case INPUT_LOST: decide_lost(&d, in); break;
    case INPUT_COMMAND: decide_command(&d, in); break;
    case INPUT_TIMER: break;
    case INPUT_EPOCH: decide_epoch(&d, input_rare(in)->epoch); break;
    case INPUT_RESTORED: decide_restored(&d, in); break;
    case INPUT_RESUMED: decide_resumed(&d, in); break;
    case INPUT_LOW: decide_low(&d, input_rare(in)->low); break;
    case INPUT_POOL: decide_pool_config(&d, in); break;
    case INPUT_BREAKER: decide_breaker_config(&d, in); break;
    case INPUT_PROBE: decide_probe(&d, in); break;
    case INPUT_DENIED:
    case INPUT_SERVICE: decide_told(&d, in); break;
    }
}

void engine_finish_turn(struct engine *e, int64_t now_ms, int64_t wall_us, struct engine_out *out)
{
    struct decision d = decision_at(e, now_ms, wall_us, out);
    e->work_left = false;
    e->stale_records = 0;
    seeds_drop(e);
    decide_ready_again(&d);
    decide_gates(&d);
    decide_pools_again(&d);
    decide_throttles(&d);
    timebox_decide(&d);
    windows_decide(&d);
    decide_breakers(&d);
    place_review(&d);
    decide_limits(&d, true);
    decide_grants(&d);
    decide_revokes(&d);
    decide_yields(&d);
    decide_limits(&d, false);
    breakers_note_holding(e);
    decide_backfill_ends(&d);
    decide_pools_again(&d);
    decide_queue(&d);
    decide_throttles(&d);
    decide_breakers(&d);                         /* other settings hold for some where a backfill has ended */
    e->work_left |= breakers_let_more(e);
    decide_breakers_forgotten(&d);
    decide_alerts(&d);
    decide_reruns(&d);
}

int64_t engine_next_timer_ms(const struct engine *e)
{
    if (e->work_left)
        return e->now_ms;
    int64_t timer_ms = e->timers.n > 0 ? (int64_t)e->timers.at[0].a : INT64_MAX, alert_ms = alerts_due_ms(e);
    int64_t breaker_ms = breakers_next_ms(e);
    timer_ms = breaker_ms < timer_ms ? breaker_ms : timer_ms;
    int64_t idle_ms = breakers_idle_ms(e);
    timer_ms = idle_ms < timer_ms ? idle_ms : timer_ms;
    timer_ms = e->admit_due_ms < timer_ms ? e->admit_due_ms : timer_ms;
    timer_ms = place_due_ms(e) < timer_ms ? place_due_ms(e) : timer_ms;
    timer_ms = e->timebox_due_ms < timer_ms ? e->timebox_due_ms : timer_ms;
    timer_ms = e->windows.due_ms < timer_ms ? e->windows.due_ms : timer_ms;
    timer_ms = alert_ms < timer_ms ? alert_ms : timer_ms;
    int64_t limits_ms = limits_timer_ms(e);
    timer_ms = limits_ms < timer_ms ? limits_ms : timer_ms;
    return e->held_until_ms > e->now_ms && e->held_until_ms < timer_ms ? e->held_until_ms : timer_ms;
}

void engine_at(struct engine *e, int64_t now_ms)
{
    e->now_ms = now_ms;
}

enum bf_rc engine_apply(struct engine *e, const struct record *r, struct bf_error *err)
{
    e->recovering = true;
    return apply_record(e, r, err);
}

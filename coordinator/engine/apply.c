/* apply: the only mutator, one function for each kind of record that a running engine makes (apply_load.c has the others).
 *
 * Stored records come from outside: one that does not fit the state is BF_CORRUPT, never an assert.  Base state always changes;
 * derived state only when the engine is not recovering. */
#include "common/plant.h"
#include "coordinator/engine/prefetch.h"

static enum bf_rc corrupt(const struct record *r, const char *what, struct bf_error *err)
{
    return bf_fail(err, BF_CORRUPT, "record of kind %d (backfill %u, attempt %llu): %s", (int)r->kind, r->backfill,
                   (unsigned long long)r->ref.attempt, what);
}

static enum bf_rc apply_counters(struct engine *e, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    e->epoch = rare->epoch > e->epoch ? rare->epoch : e->epoch;
    e->next_attempt = rare->next_attempt > e->next_attempt ? rare->next_attempt : e->next_attempt;
    e->next_backfill = rare->next_backfill > e->next_backfill ? rare->next_backfill : e->next_backfill;
    e->next_agent = rare->next_agent > e->next_agent ? rare->next_agent : e->next_agent;
    if (r->retry_at_ms || r->n) {                /* a snapshot's */
        e->stale_next_ms = r->retry_at_ms;
        e->stale_left_out = r->n;
    }
    return BF_OK;
}

static enum bf_rc apply_restored(struct engine *e, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    e->epoch = rare->epoch > e->epoch ? rare->epoch : e->epoch;
    e->next_attempt = rare->next_attempt > e->next_attempt ? rare->next_attempt : e->next_attempt;
    e->held_until_ms = r->retry_at_ms;
    e->outdated_token = 0;
    e->alerts.look = true;
    return BF_OK;
}

static enum bf_rc apply_stale_report(struct engine *e, const struct record *r)
{
    e->stale_left_out = r->n ? 0 : e->stale_left_out + 1;
    if (r->n)
        e->stale_next_ms = r->retry_at_ms;
    return BF_OK;
}

/* Of a halt from before its cause was kept beside its words: they tell one of a check, and only what has begun has a timebox. */
static enum halted_by halted_by_words(const struct backfill *b, const char *why)
{
    static const char of_check[] = "halted by a check of ";
    if (strncmp(why, of_check, sizeof of_check - 1) == 0)
        return HALTED_BY_CHECK;
    return b->started_us ? HALTED_BY_TIMEBOX : HALTED_BY_MISSING;
}

static enum bf_rc apply_backfill_state(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    struct backfill *b = backfill_find(e, r->backfill);
    const char *why = rare->reason ? rare->reason : "";
    bool again = b && b->state == BACKFILL_PAUSED && rare->backfill_state == BACKFILL_PAUSED && !*why;
    if (!b || again || !backfill_may_become(b, rare->backfill_state))
        return corrupt(r, "the backfill is unknown, or may not go to this state", err);
    backfill_set_state(e, b, rare->backfill_state, rare->halted_by || !*why ? rare->halted_by : halted_by_words(b, why), why, r->at_us);
    e->alerts.all = true;
    return BF_OK;
}

/* An attempt counts for the retry budget: its instance begins with it. */
static bool is_first(const struct engine *e, const struct backfill *b, uint32_t number, uint32_t attempt_no)
{
    return attempt_no == 1 && b->instances[number].lost == 0 && !sensor_has_looked(e, b, number);
}

static enum bf_rc apply_granted(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    struct agent *agent = agent_find(e, r->agent);
    if (!instance_find(e, r->backfill, r->step, r->index, &b, &number) || !agent)
        return corrupt(r, "granted to an unknown instance or agent", err);
    struct instance *in = &b->instances[number];
    if (!instance_may_become(in, INSTANCE_ASSIGNED) || r->ref.attempt < e->next_attempt)
        return corrupt(r, "the instance is not ready, or the attempt's number was used before", err);
    snapshot_touch(e, b, number);
    instance_set_state(e, b, number, INSTANCE_ASSIGNED);
    in->attempts = r->attempt_no;
    in->agent = r->agent;
    in->attempt = r->ref.attempt;
    in->started_us = in->finished_us = 0;
    near_drop(e, b, number);
    rerun_granted(e, b, number);
    e->next_attempt = r->ref.attempt + 1;
    b->first_attempts += is_first(e, b, number, r->attempt_no);
    pools_start(e, step_draw(e, b, r->step), r->retry_at_ms);
    pace_granted(e, step_draw(e, b, r->step), r->retry_at_ms);
    reserve_granted(e, step_draw(e, b, r->step));
    shares_granted(e, b, step_draw(e, b, r->step), r->ref.attempt);
    int64_t late_ms = r->retry_at_ms ? late_after_ms(e, r->backfill, r->step) : 0;
    struct attempt granted = {.ref = r->ref, .backfill = r->backfill, .step = r->step, .index = r->index, .n = r->n, .run = r->run,
                              .attempt_no = r->attempt_no, .agent = r->agent, .incarnation = agent->incarnation,
                              .granted_us = r->at_us, .granted_ms = r->retry_at_ms, .late_ms = late_ms ? r->retry_at_ms + late_ms : 0,
                              .ahead_us = r->ahead_us};
    place_keep(&granted, r);
    breakers_granted(e, b, attempt_open(e, &granted));
    return BF_OK;
}

static enum bf_rc apply_started(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct attempt *a = attempt_find(e, r->ref.attempt);
    if (!a)
        return corrupt(r, "the attempt that started is not open", err);
    struct backfill *b = backfill_find(e, a->backfill);
    uint32_t number = instance_number(b, a->step, a->index);
    if (!instance_may_become(&b->instances[number], INSTANCE_RUNNING))
        return corrupt(r, "the instance cannot start in its state", err);
    snapshot_touch(e, b, number);
    a->started_us = r->started_us;
    b->instances[number].started_us = r->started_us;
    prefetch_started(e, a);
    if (a->ahead_us > 0) {                       /* what it waited before is not its own */
        a->granted_us = r->at_us;
        late_started(e, a, r->retry_at_ms);
    }
    instance_set_state(e, b, number, INSTANCE_RUNNING);
    return BF_OK;
}

static enum bf_rc apply_closing(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct attempt *a = attempt_find(e, r->ref.attempt);
    if (!a)
        return corrupt(r, "the attempt whose session is being ended is not open", err);
    e->n_closing += a->closing_us == 0;
    a->closing_us = r->at_us;
    return BF_OK;
}

static enum instance_state state_after(enum verdict v)
{
    switch (v) {
    case VERDICT_SUCCEEDED: return INSTANCE_SUCCEEDED;
    case VERDICT_SKIPPED: return INSTANCE_SKIPPED;
    case VERDICT_FAILED: return INSTANCE_FAILED;
    case VERDICT_RETRY: return INSTANCE_BACKING_OFF;
    case VERDICT_REQUEUE: return INSTANCE_READY;
    case VERDICT_CANCELLED: return INSTANCE_CANCELLED;
    case VERDICT_LOOK_AGAIN: return INSTANCE_BACKING_OFF;
    }
    return 0;
}

static uint32_t saturated(uint64_t n) { return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX; }

static struct instance_usage usage_of(const struct attempt_usage *u)
{
    return (struct instance_usage){
        .cpu_ms = saturated(u->cpu_us > 0 ? (uint64_t)u->cpu_us / 1000 : 0), .peak_memory_kib = saturated(u->peak_memory_bytes >> 10),
        .read_kib = saturated(u->read_bytes >> 10), .written_kib = saturated(u->written_bytes >> 10),
        .throttled_ms = saturated(u->throttled_us > 0 ? (uint64_t)u->throttled_us / 1000 : 0),
        .peak_pids = u->peak_pids < UINT16_MAX ? (uint16_t)u->peak_pids : UINT16_MAX, .limits_hit = u->limits_hit,
        .measured_by = u->measured_by};
}

static void end_instance(struct instance *in, const struct attempt *a, const struct record *r)
{
    in->started_us = r->started_us ? r->started_us : in->started_us;
    in->finished_us = r->ended_us ? r->ended_us : r->at_us;
    if (r->verdict == VERDICT_RETRY)
        in->retry_at_ms = r->retry_at_ms;
    if (r->verdict == VERDICT_REQUEUE) {
        in->attempts = a->attempt_no - 1;
        if (r->failure_class == FAILURE_LOST)                    /* else it was only given back */
            in->lost++;
    }
}

/* What has ended is not held, and what is not satisfied is not stale: it has to run again anyway. */
static uint8_t flags_after(const struct instance *in, enum instance_state next)
{
    bool satisfied = next == INSTANCE_SUCCEEDED || next == INSTANCE_SKIPPED;
    bool goes_on = next == INSTANCE_READY || next == INSTANCE_BACKING_OFF;
    return in->flags & ((satisfied ? FLAG_STALE : 0) | (goes_on ? FLAG_HELD | FLAG_RERUN : 0));
}

static enum bf_rc apply_ended(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct attempt *a = attempt_find(e, r->ref.attempt);
    enum instance_state next = state_after(r->verdict);
    if (!a || next == 0)
        return corrupt(r, "the attempt that ended is not open, or its verdict is unknown", err);
    struct backfill *b = backfill_find(e, a->backfill);
    uint32_t number = instance_number(b, a->step, a->index);
    struct instance *in = &b->instances[number];
    if (in->attempt != a->ref.attempt || (in->state != INSTANCE_ASSIGNED && in->state != INSTANCE_RUNNING))
        return corrupt(r, "the instance has no such attempt", err);
    snapshot_touch(e, b, number);
    bool given_back = r->verdict == VERDICT_REQUEUE && r->failure_class == FAILURE_NONE;
    b->first_attempts -= given_back && is_first(e, b, number, a->attempt_no);
    end_instance(in, a, r);
    sensor_ended(e, b, number, r);
    const struct outcome *o = record_outcome(r);
    e->session_ends[o->usage.session] += !e->recovering;
    b->usage[number] = usage_of(&o->usage);
#ifdef BF_PLANTS
    bf_map_put(&e->planted_ended, a->ref.attempt, instance_key(b, number));
#endif
    b->retries += r->verdict == VERDICT_RETRY && !breakers_hold_back(e, b, a);       /* before its own vote, as it was ruled */
    breakers_voted(e, b, a, r);
    limits_ended(e, b, a, r);
    attempt_close(e, a);
    instance_set_flags(e, b, number, flags_after(in, next));
    bool told_why = r->verdict == VERDICT_SKIPPED && o->text && *o->text;   /* kept for whoever asks; its class is none */
    bool well = r->verdict == VERDICT_SUCCEEDED || r->verdict == VERDICT_SKIPPED || r->verdict == VERDICT_LOOK_AGAIN;
    if (told_why || (!well && !given_back))
        failure_store(e, b, number, o, r->failure_class, r->budget_spent);
    if (next == INSTANCE_READY)
        edges_wait_again(e, b, number);
    else
        instance_set_state(e, b, number, next);
    rerun_ended(e, b, number, next == INSTANCE_READY || next == INSTANCE_BACKING_OFF);
    alerts_ended(e, b, number);
    profiles_ended(e, b, in->step, r);
    if (e->recovering)
        return BF_OK;
    if (instance_satisfied(in))
        edges_satisfied(e, b, number);
    else if (next == INSTANCE_FAILED || next == INSTANCE_CANCELLED)
        edges_dead(e, b, number);
    return BF_OK;
}

static enum bf_rc apply_gate_opened(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    struct backfill *b = NULL;
    uint32_t gate = 0;
    enum bf_rc rc = gate_lookup(e, r, &b, &gate, err);
    if (rc != BF_OK)
        return rc;
    uint32_t from = b->gates[gate].upto;
    if (rare->upto <= from)
        return corrupt(r, "the gate is open further than that", err);
    b->gates[gate].upto = rare->upto;
    if (!e->recovering)
        edges_gate_opened(e, b, gate, from, rare->upto);
    return BF_OK;
}

static enum bf_rc apply_ready_again(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    if (!instance_find(e, r->backfill, r->step, r->index, &b, &number) || b->instances[number].state != INSTANCE_BACKING_OFF)
        return corrupt(r, "the instance is not backing off", err);
    snapshot_touch(e, b, number);
    edges_wait_again(e, b, number);
    b->instances[number].retry_at_ms = 0;
    return BF_OK;
}

static enum bf_rc apply_cancelled(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = backfill_find(e, r->backfill);
    if (!b)
        return corrupt(r, "the backfill is unknown", err);
    uint8_t keep = record_rare(r)->steer_flags & STEER_KEEP_RUNNING ? FLAG_KEEP : 0;
    near_forget(e, b);
    if (!e->recovering) {                        /* first, and whole: taking millions of heads one by one lasts longer than a lease */
        ready_clear(e, b);
        edges_forget_due(e, b);
    }
    for (uint32_t i = 0; i < b->topology->n; i++) {
        struct instance *in = &b->instances[i];
        if (instance_ended(in))
            continue;
        snapshot_touch(e, b, i);
        if (instance_open(in)) {
            instance_set_flags(e, b, i, (uint8_t)((in->flags & ~FLAG_KEEP) | keep));
            continue;
        }
        instance_set_state(e, b, i, INSTANCE_CANCELLED);
        instance_set_flags(e, b, i, 0);
        in->retry_at_ms = 0;
    }
    reruns_review(e, b);
    if (e->recovering)
        return BF_OK;
    edges_forget_dead(b);
    alerts_again(e, b);
    return BF_OK;
}

static enum bf_rc apply_priority_set(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    struct backfill *b = backfill_find(e, r->backfill);
    if (!b || rare->priority < OP_CRITICAL || rare->priority > OP_LOW)
        return corrupt(r, "the backfill or the priority class is unknown", err);
    for (size_t i = 0; i < rare->n_steps; i++)
        if (rare->steps[i] >= b->plan->n_steps)
            return corrupt(r, "its plan has no such step to give a priority class", err);
    for (size_t i = 0; i < rare->n_steps; i++)
        ready_set_class(e, b, rare->steps[i], priority_of(rare->priority));
    if (!e->recovering)
        ready_rank_again(e, b, rare->steps, rare->n_steps);
    e->alerts.look = true;
    return BF_OK;
}

enum bf_rc apply_record(struct engine *e, const struct record *r, struct bf_error *err)
{
    prefetch_note_record(e, r);
    switch (r->kind) {
    case RECORD_COUNTERS: return apply_counters(e, r);
    case RECORD_BACKFILL_CREATED: return apply_backfill_created(e, r, err);
    case RECORD_BACKFILL_STATE: return apply_backfill_state(e, r, err);
    case RECORD_GRANTED: return apply_granted(e, r, err);
    case RECORD_STARTED: return apply_started(e, r, err);
    case RECORD_ENDED: return apply_ended(e, r, err);
    case RECORD_RETRIED: return apply_retried(e, r, err);
    case RECORD_AGENT_JOINED: return apply_agent_joined(e, r, err);
    case RECORD_AGENT_STATE: return apply_agent_state(e, r, err);
    case RECORD_POOL_SET: return apply_pool_set(e, r, err);
    case RECORD_POOL_LIMIT: return apply_pool_limit(e, r, err);
    case RECORD_POOL_HEAD: return apply_pool_head(e, r, err);
    case RECORD_SHARE: return apply_share(e, r, err);
    case RECORD_YIELDED: return apply_yielded(e, r, err);
    case RECORD_REVOKED: return apply_revoked(e, r, err);
    case RECORD_CLOSING: return apply_closing(e, r, err);
    case RECORD_ROUND_TRIP: return apply_round_trip(e, r, err);
    case RECORD_SHARES: return apply_shares(e, r, err);
    case RECORD_TIMEBOX: return timebox_apply(e, r, err);
    case RECORD_WINDOW: return windows_apply(e, r, err);
    case RECORD_GATE_OPENED: return apply_gate_opened(e, r, err);
    case RECORD_REPLIED: return apply_replied(e, r, err);
    case RECORD_READY_AGAIN: return apply_ready_again(e, r, err);
    case RECORD_STALE_REPORT: return apply_stale_report(e, r);
    case RECORD_AUDIT:
    case RECORD_DETAILS: return BF_OK;           /* for the store only */
    case RECORD_CANCELLED: return apply_cancelled(e, r, err);
    case RECORD_RESTORED: return apply_restored(e, r);
    case RECORD_RESUMED: return apply_resumed(e, r, err);
    case RECORD_OUTDATED: e->outdated_token = r->ref.token; e->alerts.look = true; return BF_OK;
    case RECORD_LOW: e->low = record_rare(r)->low; e->alerts.look = true; return BF_OK;
    case RECORD_ALERT: return apply_alert(e, r, err);
    case RECORD_ALERT_ACKED: return apply_alert_acked(e, r, err);
    case RECORD_REUSED: return apply_reused(e, r, err);
    case RECORD_PRIORITY_SET: return apply_priority_set(e, r, err);
    case RECORD_STEERED: return apply_steered(e, r, err);
    case RECORD_STEER_NOTE: return apply_steer_note(e, r, err);
    case RECORD_KEY_SET: return apply_key_set(e, r, err);
    case RECORD_KEY_REVOKED: return apply_key_revoked(e, r, err);
    case RECORD_TOKEN_USED: return apply_token_used(e, r, err);
    case RECORD_KEY_FORGOTTEN: return apply_key_forgotten(e, r, err);
    case RECORD_KEY: return apply_key(e, r, err);
    case RECORD_PROBED: return apply_probed(e, r, err);
    case RECORD_INSTANCES: return apply_instances(e, r, err);
    case RECORD_ATTEMPT: return apply_attempt(e, r, err);
    case RECORD_FAILURE: return apply_failure(e, r, err);
    case RECORD_GATE: return apply_gate(e, r, err);
    case RECORD_BACKOFF: return apply_backoff(e, r, err);
    case RECORD_NEAR: return near_apply(e, r, err);
    case RECORD_RERUN: return rerun_apply(e, r, err);
    case RECORD_LOOKED: return sensor_apply(e, r, err);
    case RECORD_PROFILE: return apply_profile(e, r, err);
    case RECORD_BREAKER: return apply_breaker(e, r, err);
    case RECORD_BREAKER_SETTINGS: return apply_breaker_settings(e, r, err);
    case RECORD_BREAKER_FORGOTTEN: return apply_breaker_forgotten(e, r, err);
    }
    return bf_fail(err, BF_CORRUPT, "record of unknown kind %d", (int)r->kind);
}

/* A hash of the state in canonical order: base state, and what is derived from it, so that a recovery that derives something
 * else shows.  Volatile things (work left over, leases) are outside. */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/buf.h"
#include "common/le.h"
#include "coordinator/engine/internal.h"

struct hasher { crypto_generichash_state state; struct bf_buf buf; };

enum { FLUSH_BYTES = 1 << 16 };

static void flush_some(struct hasher *h, size_t at_least)
{
    if (h->buf.len < at_least)
        return;
    crypto_generichash_update(&h->state, h->buf.data, h->buf.len);
    bf_buf_clear(&h->buf);
}

static void put_text(struct hasher *h, const char *s)
{
    bf_buf_put(&h->buf, s, strlen(s) + 1);
}

static void put_time(struct hasher *h, int64_t t);

static void put_yielded(struct hasher *h, const struct yielded *y)
{
    put_time(h, y->since_ms);
    bf_buf_put_u64(&h->buf, y->lost_ms);
    bf_buf_put_u64(&h->buf, y->times);
}

static void put_time(struct hasher *h, int64_t t)
{
    bf_buf_put_u64(&h->buf, (uint64_t)t);
}

static void put_outcome(struct hasher *h, const struct outcome *o)
{
    bf_buf_put_u8(&h->buf, (uint8_t)o->source);
    bf_buf_put_u32(&h->buf, (uint32_t)o->code);
    put_text(h, o->sqlstate);
    put_text(h, o->dbms);
    put_text(h, o->text);
    put_time(h, o->rows);
    put_time(h, o->usage.wall_us);
    put_time(h, o->usage.cpu_us);
    bf_buf_put_u64(&h->buf, o->usage.peak_memory_bytes);
    bf_buf_put_u64(&h->buf, o->usage.read_bytes);
    bf_buf_put_u64(&h->buf, o->usage.written_bytes);
    bf_buf_put_u8(&h->buf, o->usage.measured_by);
    put_time(h, o->usage.throttled_us);
    bf_buf_put_u32(&h->buf, o->usage.peak_pids);
    bf_buf_put_u8(&h->buf, o->usage.limits_hit);
    bf_buf_put_u8(&h->buf, o->usage.session);
}

static inline uint8_t *raw(uint8_t *p, uint64_t v, size_t n)
{
    bf_le_put(p, v, n);
    return p + n;
}

/* All the numbers of an instance at once: they are most of a state. */
static void put_instance(struct hasher *h, const struct engine *e, const struct backfill *b, uint32_t number)
{
    enum { INSTANCE_BYTES = 4 * 1 + 2 * 2 + 11 * 4 + 4 * 8 };
    const struct instance *in = &b->instances[number];
    const struct instance_usage *u = &b->usage[number];
    uint64_t failure = 0;
    uint8_t bytes[INSTANCE_BYTES], *p = bytes;
    p = raw(p, in->state, 1);
    p = raw(p, in->flags, 1);
    p = raw(p, b->origin ? b->origin[number] : 0, 4);
    p = raw(p, in->lost, 2);
    p = raw(p, in->run, 4);
    p = raw(p, in->attempts, 4);
    p = raw(p, in->unmet, 4);
    p = raw(p, in->blocked, 4);
    p = raw(p, in->agent, 4);
    p = raw(p, in->attempt, 8);
    p = raw(p, (uint64_t)in->started_us, 8);
    p = raw(p, (uint64_t)in->finished_us, 8);
    p = raw(p, (uint64_t)in->retry_at_ms, 8);
    p = raw(p, u->cpu_ms, 4);
    p = raw(p, u->peak_memory_kib, 4);
    p = raw(p, u->read_kib, 4);
    p = raw(p, u->written_kib, 4);
    p = raw(p, u->measured_by, 1);
    p = raw(p, u->throttled_ms, 4);
    p = raw(p, u->peak_pids, 2);
    p = raw(p, u->limits_hit, 1);
    assert(p == bytes + sizeof bytes);
    bf_buf_put(&h->buf, bytes, sizeof bytes);
    if (bf_map_get(&e->failure_of, instance_key(b, number), &failure)) {
        bf_buf_put_u8(&h->buf, (uint8_t)e->failures.at[failure].class);
        put_outcome(h, &e->failures.at[failure].outcome);
    }
    sensor_hash(e, b, number, &h->buf);
    near_hash(e, b, number, &h->buf);
    rerun_hash(e, b, number, &h->buf);
    flush_some(h, FLUSH_BYTES);
}

static void put_notes(struct hasher *h, const struct backfill *b)
{
    for (size_t i = 0; i < b->notes.n; i++) {
        const struct steer_note *n = &b->notes.at[i];
        bf_buf_put_u8(&h->buf, (uint8_t)n->action);
        bf_buf_put_u32(&h->buf, n->flags);
        put_text(h, n->actor);
        put_text(h, n->reason);
        put_time(h, n->at_us);
        bf_buf_put(&h->buf, n->ranges, n->n_ranges * sizeof *n->ranges);
        flush_some(h, FLUSH_BYTES);
    }
}

static void put_backfill(struct hasher *h, const struct engine *e, const struct backfill *b)
{
    bf_buf_put(&h->buf, b->known->key, sizeof b->known->key);
    bf_buf_put(&h->buf, b->plan_hash, sizeof b->plan_hash);
    bf_buf_put_u8(&h->buf, (uint8_t)b->state);
    bf_buf_put_u8(&h->buf, b->backward);
    bf_buf_put_u8(&h->buf, (uint8_t)b->reprocess);
    bf_buf_put_u8(&h->buf, b->reuse_downstream);
    put_time(h, b->timebox_at_ms);
    bf_buf_put_u8(&h->buf, b->timebox_over);
    put_text(h, b->actor);
    put_text(h, b->reason);
    put_time(h, b->created_us);
    put_time(h, b->started_us);
    put_time(h, b->finished_us);
    put_text(h, b->halted ? b->halted : "");
    bf_buf_put_u8(&h->buf, (uint8_t)b->halted_by);
    bf_buf_put(&h->buf, b->priority, b->plan->n_steps);
    limits_hash_typical(b, &h->buf);
    for (int i = 0; i < INSTANCE_STATE_COUNT; i++)
        bf_buf_put_u64(&h->buf, b->count[i]);
    bf_buf_put_u64(&h->buf, b->upstream_failed);
    bf_buf_put_u64(&h->buf, b->held);
    bf_buf_put_u64(&h->buf, b->stale);
    bf_buf_put_u64(&h->buf, b->first_attempts);
    bf_buf_put_u64(&h->buf, b->retries);
    put_notes(h, b);
    bf_buf_put_u32(&h->buf, b->open);
    bf_buf_put_u32(&h->buf, b->gates_pending);
    for (uint32_t i = 0; i < b->topology->n_gates; i++) {
        bf_buf_put_u32(&h->buf, b->gates[i].closed);
        bf_buf_put_u32(&h->buf, b->gates[i].dead);
        bf_buf_put_u32(&h->buf, b->gates[i].upto);
        flush_some(h, FLUSH_BYTES);
    }
    for (uint32_t i = 0; i < b->topology->n; i++)
        put_instance(h, e, b, i);
}

static void put_agent(struct hasher *h, const struct agent *a)
{
    bf_buf_put_u8(&h->buf, (uint8_t)a->state);
    bf_buf_put(&h->buf, a->key, sizeof a->key);
    bf_buf_put_u64(&h->buf, a->incarnation);
    put_text(h, a->hello.name);
    put_text(h, a->hello.version);
    put_text(h, a->hello.boot_id);
    bf_buf_put_u32(&h->buf, a->hello.slots);
    bf_buf_put_u8(&h->buf, (uint8_t)a->hello.fence);
    bf_buf_put_u8(&h->buf, a->hello.separate_uid);
    bf_buf_put_u64(&h->buf, a->hello.cpu_milli);
    bf_buf_put_u64(&h->buf, a->hello.memory_bytes);
    bf_buf_put_u32(&h->buf, a->hello.enforced);
    for (size_t i = 0; i < a->hello.n_labels; i++) {
        put_text(h, a->hello.labels[i].name);
        put_text(h, a->hello.labels[i].value);
    }
    bf_buf_put_u32(&h->buf, a->hello.round_trip_us);
    bf_buf_put_u32(&h->buf, a->busy);
    bf_buf_put_u64(&h->buf, a->asked_cpu_milli);
    bf_buf_put_u64(&h->buf, a->asked_memory_bytes);
    bf_buf_put_u64(&h->buf, a->waiting_us);
    put_time(h, a->since_us);
}

static void put_attempt(struct hasher *h, const struct attempt *a)
{
    bf_buf_put_u64(&h->buf, a->ref.attempt);
    bf_buf_put_u64(&h->buf, a->ref.token);
    bf_buf_put_u64(&h->buf, a->ahead_us);
    bf_buf_put_u8(&h->buf, (uint8_t)a->revoked);
    put_time(h, a->closing_us);
    bf_buf_put_u32(&h->buf, a->backfill);
    bf_buf_put_u32(&h->buf, a->step);
    bf_buf_put_u32(&h->buf, a->index);
    bf_buf_put_u32(&h->buf, a->n);
    bf_buf_put_u32(&h->buf, a->run);
    bf_buf_put_u32(&h->buf, a->attempt_no);
    bf_buf_put_u32(&h->buf, a->agent);
    bf_buf_put_u64(&h->buf, a->incarnation);
    put_time(h, a->granted_us);
    put_time(h, a->started_us);
    for (size_t i = 0; i < PLACE_NUMBERS; i++)
        bf_buf_put_u64(&h->buf, a->placed[i]);
    put_time(h, a->granted_ms);
    put_time(h, a->late_ms);
}

static void put_words(struct hasher *h, const char *const *words, size_t n)
{
    bf_buf_put_u32(&h->buf, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        put_text(h, words[i]);
}

static void put_key(struct hasher *h, const struct key_entry *k)
{
    put_text(h, k->name);
    bf_buf_put_u8(&h->buf, (uint8_t)k->role);
    bf_buf_put_u8(&h->buf, (uint8_t)k->state);
    bf_buf_put(&h->buf, k->key, sizeof k->key);
    put_words(h, k->plans, k->n_plans);
    put_words(h, k->pools, k->n_pools);
    put_time(h, k->expires_ms);
    put_text(h, k->by);
    put_time(h, k->made_us);
    put_text(h, k->ended_by);
    put_time(h, k->ended_us);
    put_time(h, k->ended_ms);
    flush_some(h, FLUSH_BYTES);
}

static void put_layer(struct hasher *h, const struct pool_layer *layer)
{
    const struct pool_budget *b = &layer->budget;
    bf_buf_put_u8(&h->buf, layer->said);
    bf_buf_put_u8(&h->buf, b->no_slots);
    bf_buf_put_u32(&h->buf, layer->slots);
    bf_buf_put_u64(&h->buf, b->cpu_milli);
    bf_buf_put_u64(&h->buf, b->memory_bytes);
    bf_buf_put_u64(&h->buf, b->io_bytes_s);
    bf_buf_put_u32(&h->buf, b->start_milli);
    bf_buf_put_u32(&h->buf, b->start_ms);
    bf_buf_put_u32(&h->buf, b->floor);
    bf_buf_put_u32(&h->buf, b->ceiling);
    put_text(h, layer->said ? layer->by : "");
    put_text(h, layer->said ? layer->reason : "");
    put_time(h, layer->at_us);
    for (size_t i = 0; i < b->n_units; i++) {
        put_text(h, b->units[i].name);
        bf_buf_put_u64(&h->buf, b->units[i].n);
    }
    flush_some(h, FLUSH_BYTES);
}

static void put_breaker(struct hasher *h, const struct breaker *b, size_t number)
{
    if (!b)
        return;
    const struct breaker_settings *s = &b->settings;
    const uint32_t numbers[] = {(uint32_t)number, (uint32_t)b->kind, (uint32_t)b->source, (uint32_t)b->state, b->level, b->calls,
                                b->failures, b->slow, b->good, b->bad, s->off, s->window, s->minimum, s->rate, s->slow_rate,
                                s->slow_factor_milli, s->growth_milli, s->probes};
    const int64_t times[] = {b->since_ms, b->since_us, b->until_ms, s->period_ms, s->open_ms, s->open_max_ms};
    put_text(h, b->name);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        bf_buf_put_u32(&h->buf, numbers[i]);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        put_time(h, times[i]);
    put_text(h, b->cause);
    put_text(h, b->by);
    put_text(h, b->reason);
    for (size_t i = 0; i < b->window.n; i++) {
        put_time(h, b->window.at[i].at_ms);
        bf_buf_put_u32(&h->buf, b->window.at[i].voter);
        bf_buf_put_u8(&h->buf, b->window.at[i].bits);
    }
    for (size_t i = 0; i < b->probes.n; i++)
        bf_buf_put_u64(&h->buf, b->probes.at[i]);
    flush_some(h, FLUSH_BYTES);
}

static void put_rest(struct hasher *h, const struct engine *e)
{
    for (size_t i = 0; i < e->pools.n; i++) {
        put_text(h, e->pools.at[i].name);
        bf_buf_put_u32(&h->buf, e->pools.at[i].slots);
        bf_buf_put_u32(&h->buf, e->pools.at[i].used);
        bf_buf_put_u8(&h->buf, (uint8_t)e->pools.at[i].source);
        for (int k = 0; k < POOL_SOURCES; k++)
            put_layer(h, &e->pools.at[i].layers[k]);
        bf_buf_put_u64(&h->buf, e->pools.at[i].level);
        put_time(h, e->pools.at[i].level_at_ms);
        bf_buf_put_u32(&h->buf, e->pools.at[i].level_ms);
        bf_buf_put_u64(&h->buf, e->pools.at[i].draws);
        bf_buf_put_u32(&h->buf, e->pools.at[i].head_backfill);
        bf_buf_put_u32(&h->buf, e->pools.at[i].head_step);
        bf_buf_put_u64(&h->buf, e->pools.at[i].head_since);
        bf_buf_put_u8(&h->buf, e->pools.at[i].reserved);
        limits_hash(&e->pools.at[i], &h->buf);
        flush_some(h, FLUSH_BYTES);
    }
    for (size_t i = 0; i < e->breakers.at.n; i++)
        put_breaker(h, e->breakers.at.at[i], i);
    for (size_t i = 0; i < e->backfills.n; i++)
        for (size_t k = 0; k < e->backfills.at[i]->n_shares; k++) {
            bf_buf_put_u64(&h->buf, e->backfills.at[i]->shares[k].last);
            put_time(h, e->backfills.at[i]->shares[k].since_ms);
            bf_buf_put_u8(&h->buf, e->backfills.at[i]->shares[k].raised);
            for (size_t c = 0; c < SHARE_CLASSES; c++)
                put_yielded(h, &e->backfills.at[i]->shares[k].yielded[c]);
            flush_some(h, FLUSH_BYTES);
        }
    for (size_t i = 0; i < e->windows.sets.n; i++)
        for (uint32_t k = 0; k < e->windows.sets.at[i].n_tracks; k++) {
            bf_buf_put_u32(&h->buf, e->windows.sets.at[i].tracks[k].budget);
            bf_buf_put_u32(&h->buf, e->windows.sets.at[i].tracks[k].window);
        }
    for (size_t i = 0; i < e->probes.n; i++) {
        const struct probe_last *p = &e->probes.at[i];
        put_text(h, p->connection);
        put_text(h, p->why);
        bf_buf_put_u8(&h->buf, p->readable);
        bf_buf_put_u64(&h->buf, (uint64_t)p->value_us);
        put_time(h, p->at_us);
        bf_buf_put_u32(&h->buf, p->agent);
        flush_some(h, FLUSH_BYTES);
    }
    for (size_t i = 0; i < e->replies.n; i++) {
        const struct reply *p = e->replies.at[(e->replies_at + i) % e->replies.n];
        bf_buf_put(&h->buf, p->who, sizeof p->who);
        bf_buf_put_u8(&h->buf, (uint8_t)p->rc);
        put_text(h, p->text);
        put_text(h, p->json);
        put_time(h, p->at_us);
        flush_some(h, FLUSH_BYTES);
    }
}

static void put_alerts(struct hasher *h, const struct engine *e)
{
    bf_buf_put_u32(&h->buf, e->alerts.next);
    for (size_t i = 0; i < e->alerts.at.n; i++) {
        const struct alert_fact *a = &e->alerts.at.at[i];
        const uint32_t numbers[] = {a->id, a->kind, a->state, a->severity, a->backfill, a->step, a->agent, a->failure_class, a->source,
                                    (uint32_t)a->code};
        const int64_t times[] = {a->since_ms, a->since_us, a->fired_us, a->ended_us, a->acked_us};
        const char *const texts[] = {a->sqlstate, a->dbms, a->print, a->subject, a->acked_by, a->acked_reason};
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            bf_buf_put_u32(&h->buf, numbers[k]);
        for (size_t k = 0; k < sizeof times / sizeof *times; k++)
            put_time(h, times[k]);
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            put_text(h, texts[k]);
        flush_some(h, FLUSH_BYTES);
    }
}

static void put_profiles(struct hasher *h, const struct engine *e)
{
    for (const struct profile *p = NULL; profile_next_bytes(e, &p, &h->buf);)
        flush_some(h, FLUSH_BYTES);
}

void engine_state_hash(const struct engine *e, uint8_t ret[32])
{
    struct hasher h = {0};
    crypto_generichash_init(&h.state, NULL, 0, 32);
    bf_buf_put_u32(&h.buf, e->epoch);
    bf_buf_put_u64(&h.buf, e->next_attempt);
    bf_buf_put_u32(&h.buf, e->next_backfill);
    bf_buf_put_u32(&h.buf, e->next_agent);
    bf_buf_put_u8(&h.buf, e->low);
    put_time(&h, e->held_until_ms);
    put_time(&h, e->deaf.since_ms);
    put_time(&h, e->deaf.until_ms);
    bf_buf_put_u64(&h.buf, e->outdated_token);
    put_time(&h, e->stale_next_ms);
    bf_buf_put_u32(&h.buf, e->stale_left_out);
    for (size_t i = 0; i < e->agents.n; i++)
        put_agent(&h, &e->agents.at[i]);
    for (uint32_t slot = e->first_attempt; slot != NO_SLOT; slot = e->attempts.at[slot].next)
        put_attempt(&h, &e->attempts.at[slot]);
    put_rest(&h, e);
    put_alerts(&h, e);
    put_profiles(&h, e);
    for (size_t i = 0; i < e->keys.n; i++)
        put_key(&h, e->keys.at[i]);
    for (size_t i = 0; i < e->backfills.n; i++)
        put_backfill(&h, e, e->backfills.at[i]);
    flush_some(&h, 1);
    crypto_generichash_final(&h.state, ret, 32);
    bf_buf_free(&h.buf);
}

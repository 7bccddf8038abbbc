/* The order of a turn is the promise of this file: decide, commit, release.  See turn.h.
 *
 * Inputs are copied into the turn's arena when they arrive and are journalled only when they made records: deciding again on an
 * input that made none changes nothing.  Bundles of plans are kept by source hash and written with the turn that first names them. */
#include "coordinator/turn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plant.h"
#include "common/vec.h"
#include "coordinator/engine/view.h"
#include "coordinator/probes.h"
#include "coordinator/release.h"
#include "coordinator/turn_state.h"

enum { DEFAULT_CHECKPOINT_TURNS = 20000, DEFAULT_CHECKPOINT_BYTES = 64 << 20, DEFAULT_CHUNKS_PER_TURN = 2, DEFAULT_GRACE_MS = 5000 };

void turns_set_checkpoint(struct turns *t, uint32_t turns, uint64_t bytes)
{
    t->settings.checkpoint_turns = turns;
    t->settings.checkpoint_bytes = bytes;
}

void turns_set_restored(struct turns *t, const struct turn_restored *r)
{
    t->restored = *r;
}

void turns_set_clock(struct turns *t, const struct engine_clock *kept, const char *boot_id)
{
    t->kept = *kept;
    snprintf(t->boot_id, sizeof t->boot_id, "%s", boot_id);
}

struct turns *turns_new(const struct turn_settings *s, const struct turn_ports *ports, uint32_t epoch)
{
    struct turns *t = bf_xcalloc(1, sizeof *t);
    t->settings = *s;
    t->ports = *ports;
    t->epoch = epoch;
    if (t->settings.restart_grace_ms < s->lease.coordinator_ms)
        t->settings.restart_grace_ms = s->lease.coordinator_ms;
    if (!t->settings.checkpoint_turns)
        t->settings.checkpoint_turns = DEFAULT_CHECKPOINT_TURNS;
    if (!t->settings.checkpoint_bytes)
        t->settings.checkpoint_bytes = DEFAULT_CHECKPOINT_BYTES;
    if (!t->settings.chunks_per_turn)
        t->settings.chunks_per_turn = DEFAULT_CHUNKS_PER_TURN;
    if (!t->settings.grace_ms)
        t->settings.grace_ms = DEFAULT_GRACE_MS;
    t->engine = engine_new(&s->engine);
    t->leases = lease_table_new(s->lease.coordinator_ms);
    t->probes = probes_new();
    t->engine_base_ms = 1;
    turn_audit_init(t, s->cluster);
    return t;
}

static void intake_done(struct turn_intake *in)
{
    bf_vec_free(&in->inputs);
    bf_arena_free(&in->arena);
}

void turns_free(struct turns *t)
{
    if (!t)
        return;
    engine_free(t->engine);
    lease_table_free(t->leases);
    probes_free(t->probes);
    const char *key;
    size_t pos = 0, key_len;
    void *value;
    while (bf_smap_next(&t->bundles, &pos, &key, &key_len, &value)) {
        bf_buf_free(value);
        free(value);
    }
    bf_smap_free(&t->bundles);
    for (pos = 0; bf_smap_next(&t->peers, &pos, &key, &key_len, &value);)
        free(value);
    bf_smap_free(&t->peers);
    bf_vec_free(&t->preparing);
    intake_done(&t->gathered);
    intake_done(&t->decided);
    bf_vec_free(&t->staged);
    bf_vec_free(&t->details);
    bf_vec_free(&t->audit);
    bf_buf_free(&t->audit_texts);
    turn_release_done(&t->release);
    engine_out_free(&t->out);
    engine_out_free(&t->chunk_out);
    bf_buf_free(&t->encoded);
    bf_buf_free(&t->chunk_bytes);
    free(t);
}

/* ---- the turn ---- */

int64_t turn_engine_ms(const struct turns *t, int64_t boot_ms)
{
    int64_t elapsed_ms = boot_ms - t->boot_base_ms;
    return t->engine_base_ms + (elapsed_ms > 0 ? elapsed_ms : 0);
}

int64_t turn_clock(const struct turns *t, int64_t boot_ms, struct engine_clock *ret)
{
    *ret = (struct engine_clock){.boot_ms = boot_ms, .engine_ms = turn_engine_ms(t, boot_ms)};
    memcpy(ret->boot_id, t->boot_id, sizeof ret->boot_id);
    return ret->engine_ms - t->last_ms;
}

void turn_clock_kept(struct turns *t, const struct engine_clock *kept)
{
    t->last_ms = kept->engine_ms;
}

static int64_t boot_ms_of(const struct turns *t, int64_t engine_ms)
{
    return engine_ms == INT64_MAX ? INT64_MAX : t->boot_base_ms + (engine_ms - t->engine_base_ms);
}

int64_t turn_next_ms(const struct turns *t)
{
    if (turn_pending(t))
        return t->boot_base_ms;
    int64_t timer_ms = engine_next_timer_ms(t->engine), lease_ms = lease_next_ms(t->leases);
    int64_t next_ms = timer_ms < lease_ms ? timer_ms : lease_ms, probe_ms = probes_next_ms(t);
    return boot_ms_of(t, probe_ms < next_ms ? probe_ms : next_ms);
}

bool turn_pending(const struct turns *t)
{
    return t->gathered.inputs.n > 0 || t->snapshot_active;
}

size_t turn_gathered(const struct turns *t)
{
    return t->gathered.inputs.n;
}

const struct engine *turn_engine(const struct turns *t)
{
    return t->engine;
}

uint64_t turn_seq(const struct turns *t)
{
    return t->seq;
}

void turn_set_low(struct turns *t, bool low)
{
    if (t->low == low)
        return;
    t->low = low;
    turn_input_rare(t, turn_input_add(t, INPUT_LOW, NULL))->low = low;
}

uint64_t turn_take_dropped(struct turns *t)
{
    uint64_t n = t->details_dropped;
    t->details_dropped = 0;
    return n;
}

static void collect_lost(struct turns *t, int64_t now_ms)
{
    struct input in = {.kind = INPUT_LOST};
    while (lease_expired(t->leases, now_ms, &in.agent, &in.incarnation))
        bf_vec_push(&t->gathered.inputs, in);
}

/* A record says whose details are kept; what they are stands in the input that made it.  They are borrowed from there. */
static void take_details(struct turns *t, const struct input *in, size_t first_record)
{
    for (size_t i = first_record; i < t->out.n_records; i++) {
        const struct record *r = &t->out.records[i];
        if (r->kind != RECORD_DETAILS)
            continue;
        const char *told = BF_PLANTED("details_of_another") && t->details.n > 0 ? t->details.at[0].bytes : in->report.outcome.details;
        bf_vec_push(&t->details, (struct turn_details){.backfill = r->backfill, .step = r->step, .index = r->index, .run = r->run,
                                                       .attempt_no = r->attempt_no, .attempt = r->ref.attempt, .at_us = r->at_us,
                                                       .bytes = told, .n = strlen(told)});
    }
}

/* Decide on everything that waits.  Only inputs that made records are kept for the journal: nearly all do, and stay where they are. */
static void decide(struct turns *t, int64_t now_ms, int64_t wall_us)
{
    t->n_journalled = 0;
    bf_vec_clear(&t->details);
    for (size_t i = 0; i < t->decided.inputs.n; i++) {
        struct input *in = &t->decided.inputs.at[i];
        size_t before = t->out.n_records;
        engine_step(t->engine, in, now_ms, wall_us, &t->out);
        take_details(t, in, before);
        if (t->out.n_records == before)
            continue;
        if (t->n_journalled < i)
            t->decided.inputs.at[t->n_journalled] = *in;
        t->n_journalled++;
    }
    engine_finish_turn(t->engine, now_ms, wall_us, &t->out);
}

/* The plan of every create that is journalled, refused ones too: deciding again needs it. */
static void stage_plans(struct turns *t)
{
    bf_vec_clear(&t->staged);
    for (size_t i = 0; i < t->n_journalled; i++) {
        const struct input *in = &t->decided.inputs.at[i];
        const struct input_rare *said = input_rare(in);
        if (in->kind != INPUT_COMMAND || said->command.verb != OP_CREATE)
            continue;
        struct turn_blob *blob = bf_vec_add(&t->staged);
        memcpy(blob->key, said->command.plan_hash, sizeof blob->key);
        blob->bytes = turn_plan_bundle(t, said->command.plan_hash, &blob->n);
        assert(blob->bytes);
    }
}

/* The next chunks of a checkpoint in progress, encoded one after another in t->chunk_bytes. */
static void stage_chunks(struct turns *t, struct turn_commit *commit)
{
    size_t ends[TURN_CHUNKS_MAX];
    bf_buf_clear(&t->chunk_bytes);
    commit->checkpoint_begin = t->next_chunk == 0;
    commit->checkpoint_seq = t->snapshot_seq;
    while (commit->n_chunks < t->settings.chunks_per_turn && commit->n_chunks < TURN_CHUNKS_MAX) {
        engine_out_clear(&t->chunk_out);
        if (!engine_snapshot_next(t->engine, &t->chunk_out)) {
            commit->checkpoint_end = true;
            break;
        }
        struct turn chunk = {.seq = t->snapshot_seq, .now_ms = t->snapshot_ms, .records = t->chunk_out.records,
                             .n_records = t->chunk_out.n_records};
        turn_encode(&chunk, &t->chunk_bytes);
        ends[commit->n_chunks] = t->chunk_bytes.len;
        t->chunks[commit->n_chunks++] = (struct turn_blob){.index = t->next_chunk++};
    }
    for (size_t i = 0, from = 0; i < commit->n_chunks; from = ends[i++]) {
        t->chunks[i].bytes = t->chunk_bytes.data + from;
        t->chunks[i].n = ends[i] - from;
    }
    commit->chunks = t->chunks;
}

/* What is to be committed, in t->commit; nothing: neither a turn nor chunks. */
static void stage(struct turns *t, int64_t wall_us)
{
    struct turn_commit *c = &t->commit;
    *c = (struct turn_commit){0};
    bf_buf_clear(&t->encoded);
    if (t->out.n_records) {
        struct turn turn = {
            .seq = t->seq + 1, .now_ms = t->now_ms, .wall_us = wall_us, .inputs = t->decided.inputs.at, .n_inputs = t->n_journalled,
            .records = t->out.records, .n_records = t->out.n_records,
        };
        turn_encode(&turn, &t->encoded);
        stage_plans(t);
        c->seq = turn.seq;
        c->turn = t->encoded.data;
        c->turn_bytes = t->encoded.len;
        c->plans = t->staged.at;
        c->n_plans = t->staged.n;
        c->details = t->details.at;
        c->n_details = t->details.n;
        turn_audit_gather(t);
        c->audit = t->audit.at;
        c->n_audit = t->audit.n;
    }
    if (t->snapshot_active)
        stage_chunks(t, c);
}

static void note_committed(struct turns *t)
{
    const struct turn_commit *c = &t->commit;
    if (c->seq) {
        t->seq = c->seq;
        t->last_ms = t->now_ms;
        t->audit_head = t->audit_last;
    }
    if (c->checkpoint_end)
        t->snapshot_active = false;
    t->turns_since_checkpoint += c->seq != 0;
    t->bytes_since_checkpoint += c->turn_bytes;
}

/* After a commit the state is exactly that of seq: the moment to begin a checkpoint. */
static void checkpoint_maybe_begin(struct turns *t, int64_t now_ms)
{
    if (t->snapshot_active || BF_PLANTED("checkpoint_forgotten") || (t->turns_since_checkpoint < t->settings.checkpoint_turns &&
                               t->bytes_since_checkpoint < t->settings.checkpoint_bytes))
        return;
    engine_snapshot_begin(t->engine);
    t->snapshot_active = true;
    t->snapshot_seq = t->seq;
    t->snapshot_ms = now_ms;
    t->next_chunk = 0;
    t->turns_since_checkpoint = 0;
    t->bytes_since_checkpoint = 0;
}

const struct turn_commit *turn_begin(struct turns *t, int64_t boot_ms, int64_t wall_us)
{
    assert(!t->committing);
    t->committing = true;
    t->now_ms = turn_engine_ms(t, boot_ms);
    collect_lost(t, t->now_ms);
    probes_due(t, t->now_ms);
    const struct turn_intake emptied = t->decided;
    t->decided = t->gathered;
    t->gathered = emptied;
    engine_out_clear(&t->out);
    decide(t, t->now_ms, wall_us);
    if (BF_PLANTED("release_before_commit"))
        release_effects(t, t->now_ms);
    stage(t, wall_us);
    return t->commit.seq || t->snapshot_active ? &t->commit : NULL;
}

void turn_end(struct turns *t, int64_t boot_ms)
{
    assert(t->committing);
    int64_t now_ms = turn_engine_ms(t, boot_ms);
    note_committed(t);
    release_effects(t, now_ms);
    probes_settle(t, now_ms);
    bf_vec_clear(&t->decided.inputs);
    bf_arena_clear(&t->decided.arena);
    t->decided.details_bytes = 0;
    checkpoint_maybe_begin(t, t->now_ms);
    t->committing = false;
}

enum bf_rc turn_run(struct turns *t, int64_t boot_ms, int64_t wall_us, struct bf_error *err)
{
    int64_t by_ms = BF_PLANTED("lease_by_wall_clock") ? wall_us / 1000 : boot_ms;
    const struct turn_commit *commit = turn_begin(t, by_ms, wall_us);
    enum bf_rc rc = commit ? t->ports.commit(t->ports.arg, commit, err) : BF_OK;
    if (rc != BF_OK && !BF_PLANTED("failed_commit_ignored"))
        return rc;
    turn_end(t, by_ms);
    return BF_OK;
}

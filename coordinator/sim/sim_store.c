/* See sim_store.h. */
#include "coordinator/sim/sim_store.h"

#include <string.h>

#include "coordinator/engine/view.h"
#include "coordinator/sim/coverage.h"
#include "coordinator/sim/shadow.h"
#include "coordinator/sim/world.h"

enum { TABLE_PLAN = 1, TABLE_CHUNK = 2, TABLE_TURN = 3, FULL_FOR_MS = 10000 };

/* ---- writing ---- */

static void keep_plan(struct sim_store *s, const struct turn_blob *plan)
{
    for (size_t i = 0; i < s->plans.n; i++)
        if (memcmp(s->plans.at[i].hash, plan->key, 32) == 0)
            return;
    struct sim_stored_plan *kept = bf_vec_add(&s->plans);
    memcpy(kept->hash, plan->key, 32);
    bf_buf_put(&kept->bytes, plan->bytes, plan->n);
    seal_head(TABLE_PLAN, kept->hash, sizeof kept->hash, plan->bytes, plan->n, kept->head);
}

static void keep_chunks(struct sim_store *s, const struct turn_commit *c)
{
    if (c->checkpoint_begin) {
        for (size_t i = 0; i < s->new_chunks.n; i++)
            bf_buf_free(&s->new_chunks.at[i].bytes);
        bf_vec_clear(&s->new_chunks);
        s->new_seq = c->checkpoint_seq;
    }
    for (size_t i = 0; i < c->n_chunks; i++) {
        struct sim_stored_chunk *kept = bf_vec_add(&s->new_chunks);
        kept->key = s->new_seq << 16 | s->new_chunks.n;
        bf_buf_put(&kept->bytes, c->chunks[i].bytes, c->chunks[i].n);
        seal_head(TABLE_CHUNK, &kept->key, sizeof kept->key, c->chunks[i].bytes, c->chunks[i].n, kept->head);
    }
    if (!c->checkpoint_end)
        return;
    for (size_t i = 0; i < s->chunks.n; i++)
        bf_buf_free(&s->chunks.at[i].bytes);
    bf_vec_clear(&s->chunks);
    for (size_t i = 0; i < s->new_chunks.n; i++)
        bf_vec_push(&s->chunks, s->new_chunks.at[i]);
    bf_vec_clear(&s->new_chunks);
    s->checkpoint_seq = s->new_seq;
}

static void keep_turn(struct world *w, const struct turn_commit *c)
{
    struct sim_stored_turn *t = bf_vec_add(&w->store.turns);
    t->seq = c->seq;
    bf_buf_put(&t->bytes, c->turn, c->turn_bytes);
    seal_head(TABLE_TURN, &t->seq, sizeof t->seq, c->turn, c->turn_bytes, t->head);
    if (c->n_audit) {
        const struct audit_entry *last = &c->audit[c->n_audit - 1].entry;
        w->store.audit.index = last->index;
        memcpy(w->store.audit.hash, last->hash, sizeof last->hash);
        w->store.has_audit = true;
    }
    w->stats.turns++;
    shadow_committed(w->shadow, c);
}

/* What the faults make of a commit before anything is written; BF_OK: it goes on. */
static enum bf_rc fail_before(struct world *w, struct bf_error *err)
{
    switch (w->crash_next) {
    case SIM_CRASH_BEFORE_COMMIT:
        sim_fault_note(w, SIM_FAULT_CRASH_BEFORE_COMMIT);
        w->coordinator_dead = true;
        return bf_fail(err, BF_IO, "simulated crash before the commit");
    case SIM_COMMIT_LOST:
        sim_fault_note(w, SIM_FAULT_COMMIT_FAILED_LOST);
        w->commit_failed = true;
        return bf_fail(err, BF_IO, "simulated input/output error");
    case SIM_COMMIT_FULL:
        sim_fault_note(w, SIM_FAULT_STORE_FULL);
        w->commit_failed = true;
        w->low_until_ms = w->now_ms + FULL_FOR_MS + (int64_t)world_random(w, FULL_FOR_MS);
        world_push(w, (struct sim_event){.at_ms = w->low_until_ms, .kind = SIM_ROOM});
        return bf_fail(err, BF_FULL, "simulated full disk");
    default: return BF_OK;
    }
}

enum bf_rc sim_store_commit(void *arg, const struct turn_commit *c, struct bf_error *err)
{
    struct world *w = arg;
    if (w->commit_failed)
        world_violate(w, "I3: turn %llu is committed after a commit that failed", (unsigned long long)c->seq);
    sim_coordinator_hear_late(w);
    enum bf_rc rc = fail_before(w, err);
    if (rc != BF_OK) {
        w->state_hash_known = false;
        return rc;
    }
    for (size_t i = 0; i < c->n_plans; i++)
        keep_plan(&w->store, &c->plans[i]);
    keep_chunks(&w->store, c);
    coverage_chunks(w, c);
    if (c->seq)
        keep_turn(w, c);
    if (w->crash_next == SIM_CRASH_AFTER_COMMIT || w->crash_next == SIM_COMMIT_KEPT) {
        engine_state_hash(turn_engine(w->turns), w->state_hash);
        w->state_hash_known = true;
    }
    if (w->crash_next == SIM_CRASH_AFTER_COMMIT) {
        sim_fault_note(w, SIM_FAULT_CRASH_AFTER_COMMIT);
        w->coordinator_dead = true;
    }
    if (w->crash_next == SIM_COMMIT_KEPT) {
        sim_fault_note(w, SIM_FAULT_COMMIT_FAILED_KEPT);
        w->commit_failed = true;
        return bf_fail(err, BF_IO, "simulated input/output error, after the commit");
    }
    return BF_OK;
}

/* ---- reading ---- */

/* A recovery that is under way: the values that were read, and the last one's bytes. */
struct reading { struct world *w; const struct sim_damage *damage; size_t n; struct bf_buf value; };

/* Half of the value is what stood there before, or one bit of it is another one. */
static void harm(struct world *w, enum sim_fault kind, struct bf_buf *value)
{
    size_t half = value->len / 2;
    bool zeros = true;
    for (size_t i = half; i < value->len; i++)
        zeros = zeros && value->data[i] == 0;
    if (kind == SIM_FAULT_STORE_TORN && !zeros)
        memset(value->data + half, 0, value->len - half);
    else
        value->data[world_random(w, value->len)] ^= (uint8_t)(1u << world_random(w, 8));
}

static enum bf_rc read_value(struct reading *r, uint8_t table, const void *key, size_t key_n, const uint8_t head[SEAL_BYTES],
                             const struct bf_buf *bytes, const uint8_t **ret, size_t *ret_n, struct bf_error *err)
{
    bf_buf_clear(&r->value);
    bf_buf_put(&r->value, head, SEAL_BYTES);
    bf_buf_put(&r->value, bytes->data, bytes->len);
    if (r->damage && r->damage->on && r->n++ == r->damage->at)
        harm(r->w, r->damage->kind, &r->value);
    if (seal_open(table, key, key_n, r->value.data, r->value.len, ret, ret_n) != SEAL_WHOLE)
        return bf_fail(err, BF_CORRUPT, "a stored value is damaged");
    return BF_OK;
}

static enum bf_rc read_all(struct reading *r, struct turns *t, struct bf_error *err)
{
    struct sim_store *s = &r->w->store;
    const uint8_t *p;
    size_t n;
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; i < s->plans.n && rc == BF_OK; i++) {
        rc = read_value(r, TABLE_PLAN, s->plans.at[i].hash, 32, s->plans.at[i].head, &s->plans.at[i].bytes, &p, &n, err);
        if (rc == BF_OK)
            rc = turns_load_plan(t, s->plans.at[i].hash, p, n, err);
    }
    for (size_t i = 0; i < s->chunks.n && rc == BF_OK; i++) {
        const struct sim_stored_chunk *c = &s->chunks.at[i];
        rc = read_value(r, TABLE_CHUNK, &c->key, sizeof c->key, c->head, &c->bytes, &p, &n, err);
        if (rc == BF_OK)
            rc = turns_load_chunk(t, p, n, err);
    }
    for (size_t i = 0; i < s->turns.n && rc == BF_OK; i++) {
        const struct sim_stored_turn *v = &s->turns.at[i];
        if (v->seq <= s->checkpoint_seq)
            continue;
        rc = read_value(r, TABLE_TURN, &v->seq, sizeof v->seq, v->head, &v->bytes, &p, &n, err);
        if (rc == BF_OK)
            rc = turns_load_turn(t, p, n, err);
    }
    return rc;
}

enum bf_rc sim_store_load(struct world *w, struct turns *t, const struct sim_damage *damage, struct bf_error *err)
{
    struct reading r = {.w = w, .damage = damage};
    char boot_id[BOOT_ID_BYTES];
    sim_clock_boot_id(&w->clock, boot_id);
    turns_set_clock(t, &w->store.clock, boot_id);
    enum bf_rc rc = read_all(&r, t, err);
    bf_buf_free(&r.value);
    return rc == BF_OK ? turns_recovered(t, sim_clock_boot_ms(&w->clock, w->now_ms), err) : rc;
}

struct sim_damage sim_store_draw_damage(struct world *w)
{
    size_t n = w->store.plans.n + w->store.chunks.n;
    for (size_t i = 0; i < w->store.turns.n; i++)
        n += w->store.turns.at[i].seq > w->store.checkpoint_seq;
    if (n == 0 || !choice_strikes(w, SIM_NODE_COORDINATOR, 10))
        return (struct sim_damage){0};
    struct sim_damage d = {.on = true, .kind = world_chance(w, 50) ? SIM_FAULT_STORE_TORN : SIM_FAULT_STORE_FLIPPED};
    d.at = world_random(w, n);
    sim_fault_note(w, d.kind);
    return d;
}

void sim_store_check_recovery(struct world *w)
{
    struct bf_error err = {0};
    uint8_t now[32], then[32];
    struct turn_ports ports = {.arg = w, .commit = sim_store_commit, .plan_known = sim_plan_known, .plan_made = sim_plan_made};
    struct turn_settings s = sim_coordinator_settings(w);
    struct turns *copy = turns_new(&s, &ports, w->store.epoch);
    if (sim_store_load(w, copy, NULL, &err) != BF_OK) {
        world_violate(w, "recovery: %s", err.text);
    } else {
        engine_state_hash(turn_engine(w->turns), now);
        engine_state_hash(turn_engine(copy), then);
        if (memcmp(now, then, sizeof now) != 0)
            world_violate(w, "I17 recovery: after turn %llu the store gives another state than the one in memory (checkpoint %llu)",
                          (unsigned long long)turn_seq(copy), (unsigned long long)w->store.checkpoint_seq);
    }
    turns_free(copy);
}

static struct bf_buf copy_bytes(const struct bf_buf *from)
{
    struct bf_buf copy = {0};
    bf_buf_put(&copy, from->data, from->len);
    return copy;
}

void sim_store_copy(const struct sim_store *from, struct sim_store *ret)
{
    *ret = (struct sim_store){.checkpoint_seq = from->checkpoint_seq, .new_seq = from->new_seq, .audit = from->audit,
                              .has_audit = from->has_audit, .epoch = from->epoch, .restored_epoch = from->restored_epoch,
                              .clock = from->clock};
    for (size_t i = 0; i < from->turns.n; i++) {
        bf_vec_push(&ret->turns, from->turns.at[i]);
        ret->turns.at[i].bytes = copy_bytes(&from->turns.at[i].bytes);
    }
    for (size_t i = 0; i < from->plans.n; i++) {
        bf_vec_push(&ret->plans, from->plans.at[i]);
        ret->plans.at[i].bytes = copy_bytes(&from->plans.at[i].bytes);
    }
    for (size_t i = 0; i < from->chunks.n; i++) {
        bf_vec_push(&ret->chunks, from->chunks.at[i]);
        ret->chunks.at[i].bytes = copy_bytes(&from->chunks.at[i].bytes);
    }
    for (size_t i = 0; i < from->new_chunks.n; i++) {
        bf_vec_push(&ret->new_chunks, from->new_chunks.at[i]);
        ret->new_chunks.at[i].bytes = copy_bytes(&from->new_chunks.at[i].bytes);
    }
}

void sim_store_done(struct sim_store *s)
{
    for (size_t i = 0; i < s->turns.n; i++)
        bf_buf_free(&s->turns.at[i].bytes);
    for (size_t i = 0; i < s->plans.n; i++)
        bf_buf_free(&s->plans.at[i].bytes);
    for (size_t i = 0; i < s->chunks.n; i++)
        bf_buf_free(&s->chunks.at[i].bytes);
    for (size_t i = 0; i < s->new_chunks.n; i++)
        bf_buf_free(&s->new_chunks.at[i].bytes);
    bf_vec_free(&s->turns);
    bf_vec_free(&s->plans);
    bf_vec_free(&s->chunks);
    bf_vec_free(&s->new_chunks);
}

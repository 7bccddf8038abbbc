/* Anchors, and the way from one to a moment by applying records.
 *
 * It is recovery, stopped early: the checkpoint's chunks, then the turns after it, then what is derived (engine_rebuild). */
#include "coordinator/replay/replay.h"

#include <stdlib.h>

#include "common/mem.h"
#include "coordinator/replay/policy.h"
#include "coordinator/turn.h"

struct replay {
    struct replay_source source;
    struct turns *turns;                         /* only for the sources of plans */
};

static enum bf_rc keep_plan(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    (void)key;
    return turns_load_plan(((struct replay *)arg)->turns, hash, p, n, err);
}

enum bf_rc replay_open(const struct replay_source *source, struct replay **ret, struct bf_error *err)
{
    struct replay *r = bf_xcalloc(1, sizeof *r);
    r->source = *source;
    const struct turn_ports ports = {.arg = source->arg, .plan_known = source->plan_known, .plan_made = source->plan_made};
    r->turns = turns_new(&(struct turn_settings){.engine = source->config}, &ports, 0);
    enum bf_rc rc = source->each_plan(source->arg, keep_plan, r, err);
    if (rc != BF_OK) {
        replay_close(r);
        return rc;
    }
    *ret = r;
    return BF_OK;
}

void replay_close(struct replay *r)
{
    if (!r)
        return;
    turns_free(r->turns);
    free(r);
}

const struct turns *replay_turns(const struct replay *r)
{
    return r->turns;
}

const struct replay_source *replay_source_of(const struct replay *r)
{
    return &r->source;
}

/* ---- anchors ---- */

bool replay_reaches(const struct replay_source *s, uint64_t seq)
{
    return s->first_seq ? s->first_seq <= seq + 1 : seq == s->last_seq;
}

static enum bf_rc out_of_reach(const struct replay *r, uint64_t seq, struct bf_error *err)
{
    const struct replay_checkpoint *oldest;
    if (replay_oldest(r, &oldest, err) != BF_OK)
        return err->rc;
    return bf_fail(err, BF_NOT_FOUND, "turn %llu is not retained: replay reaches from turn %llu to turn %llu", (unsigned long long)seq,
                   (unsigned long long)(oldest ? oldest->seq : 0), (unsigned long long)r->source.last_seq);
}

enum bf_rc replay_oldest(const struct replay *r, const struct replay_checkpoint **ret, struct bf_error *err)
{
    const struct replay_source *s = &r->source;
    *ret = NULL;
    if (replay_reaches(s, 0) && (s->first_seq == 1 || s->n_checkpoints == 0))
        return BF_OK;
    for (size_t i = 0; i < s->n_checkpoints; i++)
        if (replay_reaches(s, s->checkpoints[i].seq)) {
            *ret = &s->checkpoints[i];
            return BF_OK;
        }
    if (!s->first_seq)
        return bf_fail(err, BF_CORRUPT, "the journal is empty, and no checkpoint is as of turn %llu, the last one",
                       (unsigned long long)s->last_seq);
    return bf_fail(err, BF_CORRUPT, "the journal begins at turn %llu, and no checkpoint reaches it", (unsigned long long)s->first_seq);
}

enum bf_rc replay_anchor(const struct replay *r, uint64_t seq, const struct replay_checkpoint **ret, struct bf_error *err)
{
    const struct replay_source *s = &r->source;
    const struct replay_checkpoint *oldest;
    enum bf_rc rc = replay_oldest(r, &oldest, err);
    if (rc != BF_OK)
        return rc;
    if (seq > s->last_seq || (oldest && seq < oldest->seq))
        return out_of_reach(r, seq, err);
    *ret = oldest;
    for (size_t i = 0; i < s->n_checkpoints && s->checkpoints[i].seq <= seq; i++)
        if (replay_reaches(s, s->checkpoints[i].seq))
            *ret = &s->checkpoints[i];
    return BF_OK;
}

/* ---- applying ---- */

struct applying {
    struct replay *r;
    const struct replay_policy *policy;
    struct replay_state *state;
    uint64_t until;                              /* the last turn; of chunks: any */
};

enum bf_rc replay_plan(struct replay *r, struct engine *e, const struct replay_policy *policy, const uint8_t hash[32], const char *from,
                       const char *to, const struct op_param *params, size_t n_params, struct bf_error *err)
{
    uint8_t key[32];
    struct plan *plan = NULL;
    engine_plan_key(hash, from, to, params, n_params, key);
    if (engine_has_plan(e, key))
        return BF_OK;
    enum bf_rc rc = turn_plan_compile(r->turns, hash, from, to, params, n_params, &plan, err);
    if (rc != BF_OK)
        return rc;
    if (policy)
        replay_policy_to_plan(policy, plan);
    engine_add_plan(e, key, plan);
    return BF_OK;
}

static enum bf_rc apply(struct applying *a, const struct turn *t, struct bf_error *err)
{
    struct engine *e = a->state->engine;
    engine_at(e, t->now_ms);
    for (size_t i = 0; i < t->n_records; i++) {
        const struct record *rec = &t->records[i];
        const struct record_rare *rare = record_rare(rec);
        enum bf_rc rc = BF_OK;
        if (rec->kind == RECORD_BACKFILL_CREATED)
            rc = replay_plan(a->r, e, a->policy, rare->plan_hash, rare->from, rare->to, rare->params, rare->n_params, err);
        if (rc == BF_OK)
            rc = engine_apply(e, rec, err);
        if (rc != BF_OK)
            return rc;
    }
    a->state->seq = t->seq;
    a->state->now_ms = t->now_ms;
    if (t->wall_us)                              /* chunks of a checkpoint do not have it */
        a->state->wall_us = t->wall_us;
    return BF_OK;
}

enum bf_rc replay_apply(struct replay *r, struct replay_state *state, const struct turn *t, struct bf_error *err)
{
    struct applying a = {.r = r, .state = state};
    return apply(&a, t, err);
}

static enum bf_rc apply_bytes(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    struct applying *a = arg;
    struct turn t = {0};
    (void)hash;
    if (a->until && key > a->until)
        return BF_LIMIT;
    if (a->until && key != a->state->seq + 1)
        return bf_fail(err, BF_CORRUPT, "turn %llu comes after turn %llu", (unsigned long long)key, (unsigned long long)a->state->seq);
    enum bf_rc rc = turn_decode(p, n, &t, err);
    if (rc == BF_OK)
        rc = apply(a, &t, err);
    turn_done(&t);
    return rc;
}

/* Everything up to the anchor, and what is derived not yet. */
static enum bf_rc load_base(struct replay *r, const struct replay_checkpoint *at, const struct replay_policy *policy,
                            struct replay_state *ret, struct bf_error *err)
{
    *ret = (struct replay_state){.engine = engine_new(&r->source.config), .now_ms = 1};
    struct applying a = {.r = r, .policy = policy, .state = ret};
    return at ? r->source.each_chunk(r->source.arg, at->generation, apply_bytes, &a, err) : BF_OK;
}

enum bf_rc replay_load(struct replay *r, const struct replay_checkpoint *at, const struct replay_policy *policy, struct replay_state *ret,
                       struct bf_error *err)
{
    enum bf_rc rc = load_base(r, at, policy, ret, err);
    if (rc == BF_OK && policy)
        rc = replay_policy_to_state(policy, ret->engine, err);
    if (rc == BF_OK)
        rc = engine_rebuild(ret->engine, ret->now_ms, err);
    if (rc != BF_OK) {
        engine_free(ret->engine);
        ret->engine = NULL;
    }
    return rc;
}

static enum bf_rc take_time(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    struct replay_state *state = arg;
    struct turn t = {0};
    (void)hash;
    if (key != state->seq)
        return BF_LIMIT;
    enum bf_rc rc = turn_decode(p, n, &t, err);
    state->wall_us = t.wall_us;
    turn_done(&t);
    return rc == BF_OK ? BF_LIMIT : rc;
}

/* A checkpoint does not say what the wall clock showed; its turn does, while it is there. */
static enum bf_rc time_of_anchor(struct replay *r, struct replay_state *state, struct bf_error *err)
{
    enum bf_rc rc = r->source.turns_from(r->source.arg, state->seq, take_time, state, err);
    return rc == BF_LIMIT ? BF_OK : rc;
}

/* From the nearest checkpoint that is still there: a coordinator lets go of them meanwhile, of the oldest last. */
static enum bf_rc load_nearest(struct replay *r, uint64_t seq, struct replay_state *ret, struct bf_error *err)
{
    for (;;) {
        const struct replay_checkpoint *at = NULL, *oldest = NULL;
        enum bf_rc rc = replay_anchor(r, seq, &at, err);
        if (rc == BF_OK)
            rc = load_base(r, at, NULL, ret, err);
        if (rc != BF_CONFLICT || !at || replay_oldest(r, &oldest, err) != BF_OK || at == oldest)
            return rc;
        engine_free(ret->engine);
        *ret = (struct replay_state){0};
        seq = at->seq - 1;
    }
}

enum bf_rc replay_state(struct replay *r, uint64_t seq, struct replay_state *ret, struct bf_error *err)
{
    struct replay_state state = {0};
    enum bf_rc rc = load_nearest(r, seq, &state, err);
    struct applying a = {.r = r, .state = &state, .until = seq};
    if (rc == BF_OK && seq > state.seq) {
        rc = r->source.turns_from(r->source.arg, state.seq + 1, apply_bytes, &a, err);
        if (rc == BF_LIMIT)
            rc = BF_OK;
        if (rc == BF_OK && state.seq != seq)
            rc = bf_fail(err, BF_CORRUPT, "the journal ends at turn %llu, before turn %llu", (unsigned long long)state.seq,
                         (unsigned long long)seq);
    }
    if (rc == BF_OK && !state.wall_us && state.seq)
        rc = time_of_anchor(r, &state, err);
    if (rc == BF_OK)
        rc = engine_rebuild(state.engine, state.now_ms, err);
    if (rc == BF_OK)
        *ret = state;
    else
        engine_free(state.engine);
    return rc;
}

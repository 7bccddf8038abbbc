/* Turns are copied out of the store some megabytes at a time, each in a short read transaction, and looked at after it: a page that a
 * reader holds cannot be used again, and deciding on a turn takes longer than copying it. */
#include "bfctl/replay_store.h"

#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "common/vec.h"

#define BATCH_BYTES (4u << 20)
#define BATCH_TURNS 4096u

struct batch_turn { uint64_t seq; size_t end; };          /* its bytes end there, and begin where the one before ends */
struct batch {
    struct bf_buf bytes;
    BF_VEC_TYPE(struct batch_turn) turns;
};

static void batch_done(struct batch *b)
{
    bf_buf_free(&b->bytes);
    bf_vec_free(&b->turns);
}

static enum bf_rc keep_turn(void *arg, uint64_t seq, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    struct batch *b = arg;
    (void)hash;
    (void)err;
    bf_buf_put(&b->bytes, p, n);
    bf_vec_push(&b->turns, (struct batch_turn){.seq = seq, .end = b->bytes.len});
    return b->bytes.len >= BATCH_BYTES || b->turns.n >= BATCH_TURNS ? BF_LIMIT : BF_OK;
}

static enum bf_rc hand_on(const struct batch *b, replay_visit *visit, void *visit_arg, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    size_t from = 0;
    for (size_t i = 0; i < b->turns.n && rc == BF_OK; from = b->turns.at[i++].end)
        rc = visit(visit_arg, b->turns.at[i].seq, NULL, b->bytes.data + from, b->turns.at[i].end - from, err);
    return rc;
}

static enum bf_rc take_first(void *arg, uint64_t seq, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    (void)hash;
    (void)p;
    (void)n;
    (void)err;
    *(uint64_t *)arg = seq;
    return BF_LIMIT;
}

/* Later ones are there: it is let go of, or lost. */
static enum bf_rc missing(struct store *s, uint64_t seq, struct bf_error *err)
{
    uint64_t first = 0;
    enum bf_rc rc = store_turns_from(s, 0, take_first, &first, err);
    if (rc != BF_OK && rc != BF_LIMIT)
        return rc;
    if (first > seq)
        return bf_fail(err, BF_CONFLICT, "the coordinator let go of turn %llu meanwhile: run it again", (unsigned long long)seq);
    return bf_fail(err, BF_CORRUPT, "turn %llu is not there, and later ones are: the store is damaged, bfctl fsck names what",
                   (unsigned long long)seq);
}

static enum bf_rc turns_from(void *arg, uint64_t seq, replay_visit *visit, void *visit_arg, struct bf_error *err)
{
    const struct replay_store *of = arg;
    struct store *s = of->store;
    const uint64_t last = store_last_seq(s);     /* as of the opening, however much comes meanwhile */
    if (seq < of->first_seq)
        seq = of->first_seq;
    for (bool more = true; more;) {
        BF_CLEANUP(batch_done) struct batch b = {0};
        enum bf_rc rc = store_turns_from(s, seq, keep_turn, &b, err);
        more = rc == BF_LIMIT;
        if (rc != BF_OK && !more)
            return rc;
        if (of->first_seq && b.turns.n > 0 && b.turns.at[0].seq != seq)
            return missing(s, seq, err);
        while (b.turns.n > 0 && b.turns.at[b.turns.n - 1].seq > last) {
            b.turns.n--;
            more = false;
        }
        rc = hand_on(&b, visit, visit_arg, err);
        if (rc != BF_OK)
            return rc;
        if (b.turns.n > 0)
            seq = b.turns.at[b.turns.n - 1].seq + 1;
    }
    return BF_OK;
}

static enum bf_rc each_plan(void *arg, replay_visit *visit, void *visit_arg, struct bf_error *err)
{
    return store_each_plan(((struct replay_store *)arg)->store, visit, visit_arg, err);
}

static enum bf_rc each_chunk(void *arg, uint32_t generation, replay_visit *visit, void *visit_arg, struct bf_error *err)
{
    return store_each_chunk_of(((struct replay_store *)arg)->store, generation, visit, visit_arg, err);
}

enum bf_rc replay_store_open(const char *dir, struct replay_store *ret, struct bf_error *err)
{
    struct store_checkpoint checkpoints[STORE_CHECKPOINTS_MAX];
    enum bf_rc rc = store_open_reading(dir, &ret->store, err);
    if (rc != BF_OK)
        return rc;
    const struct store_meta *meta = store_meta(ret->store);
    bf_hex(meta->cluster, sizeof meta->cluster, ret->cluster);
    struct replay_source source = {.arg = ret, .config = {.seed = meta->seed}, .last_seq = store_last_seq(ret->store),
                                   .checkpoints = ret->checkpoints, .n_checkpoints = store_checkpoints(ret->store, checkpoints),
                                   .each_plan = each_plan, .each_chunk = each_chunk, .turns_from = turns_from};
    for (size_t i = 0; i < source.n_checkpoints; i++)
        ret->checkpoints[i] = (struct replay_checkpoint){.generation = checkpoints[i].generation, .seq = checkpoints[i].seq};
    rc = store_turns_from(ret->store, 0, take_first, &ret->first_seq, err);
    source.first_seq = ret->first_seq;
    return rc == BF_OK || rc == BF_LIMIT ? replay_open(&source, &ret->replay, err) : rc;
}

void replay_store_close(struct replay_store *s)
{
    replay_close(s->replay);
    store_close(s->store);
    *s = (struct replay_store){0};
}

/* What a journal reaches, by a look at the head of every turn. */
#include "coordinator/replay/replay.h"

struct look {
    struct replay_span *span;
    uint64_t from_seq;                           /* the anchor's */
    int64_t wall_us;                             /* find: not later than this */
    uint64_t found;
};

static enum bf_rc count_turn(void *arg, uint64_t seq, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    struct look *k = arg;
    struct turn t = {0};
    (void)hash;
    enum bf_rc rc = turn_decode(p, n, &t, err);
    if (rc == BF_OK && seq == k->from_seq)
        k->span->from_us = t.wall_us;
    if (rc == BF_OK && seq > k->from_seq) {
        struct replay_span *s = k->span;
        if (!s->turns) {
            s->first_seq = seq;
            s->first_us = t.wall_us;
        }
        s->last_seq = seq;
        s->last_us = t.wall_us;
        s->turns++;
        s->inputs += t.n_inputs;
        s->records += t.n_records;
    }
    turn_done(&t);
    return rc;
}

static size_t count_anchors(const struct replay_source *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_checkpoints; i++)
        n += replay_reaches(s, s->checkpoints[i].seq);
    return n;
}

enum bf_rc replay_survey(struct replay *r, struct replay_span *ret, struct bf_error *err)
{
    const struct replay_source *s = replay_source_of(r);
    const struct replay_checkpoint *oldest = NULL;
    *ret = (struct replay_span){.checkpoints = count_anchors(s)};
    enum bf_rc rc = replay_oldest(r, &oldest, err);
    if (rc != BF_OK)
        return rc;
    ret->from_seq = oldest ? oldest->seq : 0;
    struct look k = {.span = ret, .from_seq = ret->from_seq};
    return s->turns_from(s->arg, ret->from_seq ? ret->from_seq : 1, count_turn, &k, err);
}

/* A wall clock may have been set back, so every turn is looked at: the last one that is not later is meant. */
static enum bf_rc look_at_time(void *arg, uint64_t seq, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    struct look *k = arg;
    struct turn t = {0};
    (void)hash;
    enum bf_rc rc = turn_decode(p, n, &t, err);
    if (rc == BF_OK && t.wall_us <= k->wall_us)
        k->found = seq;
    turn_done(&t);
    return rc;
}

enum bf_rc replay_find_time(struct replay *r, int64_t wall_us, uint64_t *ret_seq, struct bf_error *err)
{
    const struct replay_source *s = replay_source_of(r);
    const struct replay_checkpoint *oldest = NULL;
    struct look k = {.wall_us = wall_us};
    enum bf_rc rc = replay_oldest(r, &oldest, err);
    if (rc == BF_OK)
        rc = s->turns_from(s->arg, oldest ? oldest->seq : 1, look_at_time, &k, err);
    if (rc != BF_OK)
        return rc;
    if (!k.found)
        return bf_fail(err, BF_NOT_FOUND, "that moment is before all that is retained: `bfctl replay STORE` says how far back it reaches");
    *ret_seq = k.found;
    return BF_OK;
}

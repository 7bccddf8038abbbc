/* Replay: what a journal tells again.  To any moment that it reaches, and once more through the engine to see that nothing else is
 * decided.
 *
 * Pure, like the engine: where the bytes come from is the caller's (struct replay_source), who has a store on disk (bfctl) or one in
 * memory (the simulator).  Two ways lead along a journal.  Records are *applied*: that is recovery, and gives the state of a moment
 * (replay_state).  Inputs are *decided on again*: that gives records, which are compared with the stored ones (replay_verify), or,
 * under another policy, show where it would have decided otherwise (trial.h).
 *
 * Both begin at an anchor: a checkpoint that is kept, or the empty engine where the journal still has its first turn. */
#ifndef BF_REPLAY_H
#define BF_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "coordinator/engine/engine.h"
#include "proto/turn.h"

struct turns;
struct replay_policy;

/* key: chunk index or sequence number; hash: of a plan, else NULL.  Bytes are borrowed during the call. */
typedef enum bf_rc replay_visit(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err);

struct replay_checkpoint { uint32_t generation; uint64_t seq; };

/* A journal, its plans and its checkpoints.  All of it outlives the replay. */
struct replay_source {
    void *arg;
    struct engine_config config;                 /* of the engine that wrote it */
    uint64_t first_seq, last_seq;                /* turns that the journal has; 0: none */
    const struct replay_checkpoint *checkpoints; size_t n_checkpoints;       /* ascending */
    enum bf_rc (*each_plan)(void *arg, replay_visit *visit, void *visit_arg, struct bf_error *err);
    enum bf_rc (*each_chunk)(void *arg, uint32_t generation, replay_visit *visit, void *visit_arg, struct bf_error *err);
    /* From a turn on; a visitor that has had enough gives BF_LIMIT, and so does this. */
    enum bf_rc (*turns_from)(void *arg, uint64_t seq, replay_visit *visit, void *visit_arg, struct bf_error *err);
    /* May be NULL: plans that were compiled before, as turn_ports has them.  Not where a policy changes plans. */
    struct plan *(*plan_known)(void *arg, const uint8_t key[32]);
    void (*plan_made)(void *arg, const uint8_t key[32], const struct plan *plan);
};

struct replay;                                   /* opaque */
enum bf_rc replay_open(const struct replay_source *source, struct replay **ret, struct bf_error *err) BF_MUST_CHECK;
void replay_close(struct replay *r);             /* NULL is fine */
/* Sources of plans, for views. */
const struct turns *replay_turns(const struct replay *r);

/* ---- survey.c: what there is ---- */
struct replay_moment { uint64_t seq; int64_t wall_us, now_ms; };
struct replay_span {
    uint64_t from_seq;                           /* the first moment that can be rebuilt: after this turn; 0: before the first one */
    int64_t from_us;                             /* 0: the journal does not say */
    uint64_t first_seq, last_seq;                /* of the turns that can be decided on again, with what they have: */
    int64_t first_us, last_us;
    uint64_t turns, inputs, records;
    size_t checkpoints;                          /* that one can begin at */
};
enum bf_rc replay_survey(struct replay *r, struct replay_span *ret, struct bf_error *err) BF_MUST_CHECK;
/* The last turn in the order of the journal that is not later than the wall clock's wall_us.  BF_NOT_FOUND, naming what is retained, when
 * there is none that can be rebuilt. */
enum bf_rc replay_find_time(struct replay *r, int64_t wall_us, uint64_t *ret_seq, struct bf_error *err) BF_MUST_CHECK;

/* ---- replay.c: the state of a moment ---- */
struct replay_state { struct engine *engine; uint64_t seq; int64_t now_ms, wall_us; };
/* As it was after a turn; seq 0 is before the first.  BF_NOT_FOUND when it is out of reach.  The caller frees ret->engine. */
enum bf_rc replay_state(struct replay *r, uint64_t seq, struct replay_state *ret, struct bf_error *err) BF_MUST_CHECK;

/* ---- verify.c: decide again ---- */
#define REPLAY_WORDS_MAX 1200
struct replay_verdict {
    uint64_t turns, inputs, records;             /* reproduced */
    uint64_t texts;                              /* answers and audit records that say the same decision in other words */
    size_t states;                               /* compared by their hash, at checkpoints and at the end */
    uint64_t differences;                        /* 0, or 1: what comes after the first would follow from it */
    uint64_t seq;                                /* where it is */
    char words[REPLAY_WORDS_MAX];                /* what it is */
};
/* From the oldest anchor to the end.  A difference is no failure of this function. */
enum bf_rc replay_verify(struct replay *r, struct replay_verdict *ret, struct bf_error *err) BF_MUST_CHECK;

/* ---- shared by the files of this folder ---- */
/* The journal goes on behind this turn without a gap; an empty one does behind the last turn alone. */
bool replay_reaches(const struct replay_source *s, uint64_t seq);
/* The newest checkpoint that one can begin at, not after seq; NULL: the empty engine.  BF_NOT_FOUND: neither reaches. */
enum bf_rc replay_anchor(const struct replay *r, uint64_t seq, const struct replay_checkpoint **ret, struct bf_error *err) BF_MUST_CHECK;
/* The same, but the oldest of all. */
enum bf_rc replay_oldest(const struct replay *r, const struct replay_checkpoint **ret, struct bf_error *err) BF_MUST_CHECK;
/* The engine at an anchor, under a policy (NULL: the plans'), ready to decide. */
enum bf_rc replay_load(struct replay *r, const struct replay_checkpoint *at, const struct replay_policy *policy, struct replay_state *ret,
                       struct bf_error *err) BF_MUST_CHECK;
/* The plan that an input of this turn creates a backfill of, made known to the engine. */
enum bf_rc replay_plan(struct replay *r, struct engine *e, const struct replay_policy *policy, const uint8_t hash[32], const char *from,
                       const char *to, const struct op_param *params, size_t n_params, struct bf_error *err) BF_MUST_CHECK;
const struct replay_source *replay_source_of(const struct replay *r);
/* Apply a turn's records to a state; what is derived is not there until engine_rebuild(). */
enum bf_rc replay_apply(struct replay *r, struct replay_state *state, const struct turn *t, struct bf_error *err) BF_MUST_CHECK;
/* Decide again on a turn.  by_input (may be NULL) takes, for each input, how many records there were after it: n_inputs numbers. */
enum bf_rc replay_decide(struct replay *r, struct engine *e, const struct replay_policy *policy, const struct turn *t,
                         struct engine_out *out, size_t *by_input, struct bf_error *err) BF_MUST_CHECK;

/* words.c: a record in words, and the fields in which two differ, with both values.  Of lists: how many there are.  What is in them, how
 * much an attempt used, and most of a HELLO have no words; that two differ there is said. */
void replay_record_words(const struct engine *e, const struct record *r, struct bf_buf *ret);
void replay_record_difference(const struct record *stored, const struct record *decided, struct bf_buf *ret);
bool replay_records_equal(const struct record *a, const struct record *b);

#endif

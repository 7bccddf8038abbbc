/* The engine: events in, records and effects out.  Pure: it never reads a clock, a socket, a file or a random device.
 *
 * decide → record → apply.  engine_step() looks at an input, decides, makes records, and applies each at once, so that the next
 * decision of the same turn sees it.  Applying records is the only thing that changes state; recovery does nothing else, through
 * engine_apply().  Effects are messages for the shell to release after the turn's records are durable; each is idempotent by
 * (attempt, token) or request id.  After a recovery none are outstanding: agents say HELLO again and are reconciled.
 *
 * Order is never by address or hash: ties are broken by sequence numbers.  Jitter is a hash of (seed, token).
 *
 * Time: now_ms is engine time, monotonic over restarts (the shell continues it from the last turn); wall_us is for displays. */
#ifndef BF_ENGINE_H
#define BF_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "plan/plan.h"
#include "proto/input.h"
#include "proto/record.h"

struct engine;                                   /* opaque; one thread owns it */

#define ENGINE_AGE_AFTER_MS (INT64_C(30) * 60 * 1000)

struct engine_config {
    uint64_t seed;                               /* of the jitter; the cluster's, stored */
    uint32_t lost_attempts_max;                  /* how often the loss of an agent may requeue one run (default 20) */
    uint32_t grants_per_turn_max;                /* default 1,024: some milliseconds */
    uint32_t gate_openings_per_turn_max;         /* default 4,096 */
    uint32_t reserve_after;                      /* attempts that may be granted past a step before room is kept for it (default 16) */
    int64_t age_after_ms;                        /* what a better class passes counts a class higher after it (default 30 min) */
    uint32_t replies_kept;                       /* stored answers to request ids (default 10,000) */
};

enum effect_kind {
    EFFECT_DISPATCH = 1,    /* agent, attempt (engine_find_attempt), to its agent */
    EFFECT_KILL = 2,        /* agent, ref, kill_reason */
    EFFECT_REPORT_ACK = 3,  /* agent, ref: durable, or known to be stale: the agent may forget it */
    EFFECT_WELCOME = 4,     /* agent: HELLO is durable */
    EFFECT_REFUSE = 5,      /* key, incarnation, text: this peer may not work as an agent now */
    EFFECT_REPLY = 6,       /* key, request_id, rc, text, json: answer of a command */
    EFFECT_DRAIN = 7,       /* agent */
    EFFECT_KEYS = 8         /* which keys may speak has changed; before the reply that says so */
};

struct effect {
    enum effect_kind kind;
    uint32_t agent;
    struct attempt_ref ref;
    enum kill_reason kill_reason;
    uint8_t key[BF_KEY_BYTES];
    uint64_t incarnation;
    uint8_t request_id[OP_REQUEST_ID_BYTES];
    enum bf_rc rc;
    const char *text, *json;                     /* in the output's arena */
};

/* What a turn produced.  All-zero is empty; reuse with engine_out_clear(). */
struct engine_out {
    struct record *records; size_t n_records, cap_records;
    struct effect *effects; size_t n_effects, cap_effects;
    struct bf_arena arena;
};
void engine_out_clear(struct engine_out *out);
void engine_out_free(struct engine_out *out);

struct engine *engine_new(const struct engine_config *config);
void engine_free(struct engine *e);

/* Make a compiled plan known by its hash and options, before the CREATE or the records that name it.  The engine owns it after.
 * A backfill's plan is compiled with its from/to/params: key is that of engine_plan_key(). */
void engine_add_plan(struct engine *e, const uint8_t key[32], struct plan *plan);
bool engine_has_plan(const struct engine *e, const uint8_t key[32]);
/* What the engine made of it, NULL: it is not known.  That never changes: any thread may read it for as long as the engine lives. */
struct known_plan;
const struct known_plan *engine_known_plan(const struct engine *e, const uint8_t key[32]);
const struct plan *known_plan_of(const struct known_plan *known);
/* What a create takes long for, done beforehand: a plan with all that follows from it, and the backfill as it begins.  engine_seed_new()
 * owns the plan and needs no engine: any thread may call it.  run: engine_first_run().  It is added before the turn that decides on the
 * create, and makes its plan known; what that turn does not take is dropped at its end.  A create without one comes to the same. */
struct engine_seed;
struct engine_seed *engine_seed_new(const uint8_t key[32], struct plan *plan, bool backward, uint32_t run);
struct engine_seed *engine_seed_of_known(const struct known_plan *known, bool backward, uint32_t run);
void engine_seed_free(struct engine_seed *s);    /* NULL is fine */
const struct plan *engine_seed_plan(const struct engine_seed *s);
void engine_add_seed(struct engine *e, struct engine_seed *s);
uint32_t engine_first_run(const struct engine *e);
/* Whether a create of this plan, which the engine has not, would be refused as things stand: BF_OK, or why.  A plan that would be
 * is not worth keeping. */
enum bf_rc engine_create_refused(const struct engine *e, const struct engine_seed *seed, bool queue, struct bf_error *err) BF_MUST_CHECK;
/* BLAKE2b-256 over (source hash, from, to, params in order): one compiled plan for each distinct backfill shape. */
void engine_plan_key(const uint8_t source_hash[32], const char *from, const char *to,
                     const struct op_param *params, size_t n_params, uint8_t ret_key[32]);

/* Decide on one input at (now_ms, wall_us): append records and effects to *out, apply the records. */
void engine_step(struct engine *e, const struct input *in, int64_t now_ms, int64_t wall_us, struct engine_out *out);
/* End of a turn's inputs: backoffs that are over, gates, grants, ends of backfills.  Call once a turn, after its inputs. */
void engine_finish_turn(struct engine *e, int64_t now_ms, int64_t wall_us, struct engine_out *out);
/* Engine time at which the next timer is due (backoff), INT64_MAX when none; "now" when work is left over for the next turn. */
int64_t engine_next_timer_ms(const struct engine *e);

/* Recovery: the time of the turn, before its records are applied. */
void engine_at(struct engine *e, int64_t now_ms);
/* Recovery: apply one record.  BF_CORRUPT, naming the record, when it does not fit the state (never an assert on stored data). */
enum bf_rc engine_apply(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
/* After the last record: rebuild what is derived (counters, ready queues, gates); the next turn takes up what is due.  now_ms: of
 * the last turn. */
enum bf_rc engine_rebuild(struct engine *e, int64_t now_ms, struct bf_error *err) BF_MUST_CHECK;

/* Where the words of an answer that is kept are another program's: as this RECORD_REPLIED has them.  Only for replay. */
void engine_reword(struct engine *e, const struct record *replied);

/* ---- checkpoints: copy-on-write as of one point, in chunks of records ---- */
/* Begin; a snapshot in progress is dropped. */
void engine_snapshot_begin(struct engine *e);
/* Next chunk as records in *out (appended to out->records).  What they point to is there until it answers false: there is none left. */
bool engine_snapshot_next(struct engine *e, struct engine_out *out);
bool engine_snapshot_active(const struct engine *e);

/* BLAKE2b-256 over all state that recovery must restore, in canonical order.  Equal after live run and after recovery (I17). */
void engine_state_hash(const struct engine *e, uint8_t ret[32]);
/* Check the invariants that can be seen from inside (I2, I5, I6, counters against brute force when deep).  false, and err says which. */
bool engine_check(const struct engine *e, bool deep, struct bf_error *err);

#endif

/* The turn: collect → engine → one commit → release.  The only place that composes engine, store and sockets, through ports, so
 * that production and the simulator run the same code.
 *
 * Inputs gather until turn_run().  Then: every input is decided, the turn is encoded and committed with the plans and checkpoint
 * chunks that belong to it, and only after that its effects and replies are released.  A turn that made no records commits
 * nothing.  A failed commit is final: turn_run() fails and the process must end, because memory must never be ahead of disk.
 * Heartbeats renew leases, which are volatile, and are answered at once. */
#ifndef BF_TURN_H
#define BF_TURN_H

#include "common/error.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/lease.h"
#include "plan/plan.h"
#include "proto/agent_msg.h"
#include "proto/audit.h"
#include "proto/clock.h"
#include "proto/operator_msg.h"
#include "proto/turn.h"

/* One checkpoint chunk or plan to be written. */
struct turn_blob { uint8_t key[32]; uint32_t index; const void *bytes; size_t n; };

/* What one attempt told beside its end (proto/outcome.h), for the table of details. */
struct turn_details {
    uint32_t backfill, step, index, run, attempt_no;
    uint64_t attempt;
    int64_t at_us;
    const void *bytes; size_t n;                 /* of the input that told them */
};

/* One record of the audit trail, chained; its text lives until the next turn. */
struct turn_audit { struct audit_entry entry; int64_t at_us; };

struct turn_commit {
    uint64_t seq;                                /* 0: no turn, chunks only */
    const void *turn; size_t turn_bytes;
    const struct turn_blob *plans; size_t n_plans;
    bool checkpoint_begin, checkpoint_end;
    uint64_t checkpoint_seq;
    const struct turn_blob *chunks; size_t n_chunks;
    const struct turn_details *details; size_t n_details;      /* of the turn; recovery does not read them */
    const struct turn_audit *audit; size_t n_audit;            /* of the turn, in their order; nor these */
};

/* What the turn needs from outside.  Every call is made from within turn_* functions; arg is ports.arg. */
struct turn_create;

struct turn_ports {
    void *arg;
    /* Durable on BF_OK.  BF_FULL: nothing was written.  Else: unknown, the process ends. */
    enum bf_rc (*commit)(void *arg, const struct turn_commit *c, struct bf_error *err);
    /* To the newest peer with this key that said HELLO with this incarnation; dropped when there is none. */
    void (*send_agent)(void *arg, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg);
    /* Answer of a command. */
    void (*reply)(void *arg, const uint8_t key[BF_KEY_BYTES], const struct op_reply *reply);
    /* The rest may be NULL.  Which keys may speak has changed, durably; replies that say so come after. */
    void (*keys_changed)(void *arg);
    /* Keys of the configuration that a command about keys may need (decide_keys.c): those with this name or this public key, and
     * admins.  Gives how many, at most max; strings are borrowed. */
    size_t (*configured_keys)(void *arg, const char *name, const uint8_t public_key[BF_KEY_BYTES], struct key_entry *ret, size_t max);
    /* A plan that was compiled before under this key (engine_plan_key), to be freed as if it had just been; NULL: compile it.  And what
     * was compiled then.  For a simulator, which recovers all the time. */
    struct plan *(*plan_known)(void *arg, const uint8_t key[32]);
    void (*plan_made)(void *arg, const uint8_t key[32], const struct plan *plan);
    /* May this key create a backfill of this plan, as req asks?  BF_OK, or a sentence. */
    enum bf_rc (*may_create)(void *arg, const uint8_t key[BF_KEY_BYTES], const struct op_request *req, const struct plan *plan,
                             struct bf_error *err);
    /* Have a create prepared (create.h); takes it over on BF_OK, else says why it cannot be.  NULL: it is prepared at once. */
    enum bf_rc (*prepare)(void *arg, struct turn_create *create, struct bf_error *err);
};

struct turn_settings {
    struct lease_settings lease;
    int64_t restart_grace_ms;                    /* the largest D_c ever in force (default: lease.coordinator_ms) */
    struct engine_config engine;
    const char *cluster;                         /* hex of the cluster id; borrowed */
    uint32_t checkpoint_turns;                   /* a checkpoint begins after so many turns… (default 20,000) */
    uint64_t checkpoint_bytes;                   /* …or so many journal bytes (default 64 MiB) */
    uint32_t chunks_per_turn;                    /* default 2: a millisecond or two */
    int64_t grace_ms;                            /* SIGTERM to SIGKILL at a step's time limit (default 5,000) */
};

struct turns;                                    /* opaque */
struct turns *turns_new(const struct turn_settings *s, const struct turn_ports *ports, uint32_t epoch);
void turns_free(struct turns *t);
/* Where the trail goes on, before anything else; a new one begins for the cluster. */
void turns_set_audit_head(struct turns *t, const struct audit_head *head);
/* The store was restored from a backup to a higher epoch than its journal knows: who did so, why, and what of, for the record.  Before
 * recovery; texts are borrowed. */
struct turn_restored { const char *by, *reason, *told; };
void turns_set_restored(struct turns *t, const struct turn_restored *r);
/* Where engine time goes on at turns_recovered(): what the store keeps of it, and the boot of this process ("": not known).  Without it, or
 * in another boot, engine time goes on from the last turn that is known. */
void turns_set_clock(struct turns *t, const struct engine_clock *kept, const char *boot_id);
/* Engine time as it is to be kept, and how much of it would be lost by a reboot now.  The caller says when it is durable. */
int64_t turn_clock(const struct turns *t, int64_t boot_ms, struct engine_clock *ret);
void turn_clock_kept(struct turns *t, const struct engine_clock *kept);
/* From the next turn on: when a checkpoint begins.  Both more than 0. */
void turns_set_checkpoint(struct turns *t, uint32_t turns, uint64_t bytes);

/* Recovery, in the store's order: plans (bundle bytes), chunks, turns; then turns_recovered(), which rebuilds, starts the grace of
 * D_c for every agent that holds work, and is ready for inputs.  now_ms: CLOCK_BOOTTIME of this process. */
enum bf_rc turns_load_plan(struct turns *t, const uint8_t source_hash[32], const void *bundle, size_t n,
                           struct bf_error *err) BF_MUST_CHECK;
enum bf_rc turns_load_chunk(struct turns *t, const void *p, size_t n, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc turns_load_turn(struct turns *t, const void *p, size_t n, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc turns_recovered(struct turns *t, int64_t boot_ms, struct bf_error *err) BF_MUST_CHECK;

/* Intake.  boot_ms is CLOCK_BOOTTIME of the call: heartbeats are answered at once.
 *
 * Details are the one part of a result that may go: where the store is short of room, or one turn would carry more than
 * TURN_DETAILS_BYTES_MAX of them, TURN_DETAILS_LOW or TURN_DETAILS_MANY stands in their place, and is kept and shown. */
#define TURN_DETAILS_BYTES_MAX (1u << 20)
#define TURN_DETAILS_LOW "{\"dropped\":\"the store was short of room\"}"
#define TURN_DETAILS_MANY "{\"dropped\":\"too much was reported at one time\"}"
void turn_agent_message(struct turns *t, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg, int64_t boot_ms);
/* A change by an operator whose role (in words) the caller has checked.  bundle (encoded plan source) only with OP_CREATE: compiled,
 * here or where the port says; a plan that does not compile, is not there, or is outside of the key's scopes, is answered after that. */
void turn_command(struct turns *t, const uint8_t key[BF_KEY_BYTES], const char *actor, const char *role, const struct op_request *req,
                  const void *bundle, size_t bundle_bytes);
/* For the audit alone: a change that the caller refused, and what the process itself did.  The caller bounds how many there are. */
void turn_denied(struct turns *t, const uint8_t key[BF_KEY_BYTES], const char *actor, const char *role, const struct input_told *told);
void turn_service(struct turns *t, const struct input_told *told);
void turn_pool(struct turns *t, const char *name, uint32_t slots);
void turn_pool_budget(struct turns *t, const char *name, uint32_t slots, const struct pool_budget *budget);     /* copied */
/* What the configuration says of breakers, all of a kind (name "") or one; of a kind that it does not name: the preset. */
void turn_breaker(struct turns *t, enum breaker_kind kind, const char *name, const struct breaker_settings *settings,
                  enum breaker_source source);

/* Run one turn over what was gathered and what time brought (leases, backoffs).  Afterwards turn_next_ms() says when to call
 * again at the latest; turn_pending() whether inputs wait. */
enum bf_rc turn_run(struct turns *t, int64_t boot_ms, int64_t wall_us, struct bf_error *err) BF_MUST_CHECK;
/* The same in two halves, around a commit that the caller makes (durable, or the process ends).  Between them only messages of agents may
 * be taken in: they wait for the next turn, and who looks at the engine would see what is not committed.  NULL: there is nothing to
 * commit.  *ret is valid until turn_end(); its boot_ms: then, because leases that are granted count from there. */
const struct turn_commit *turn_begin(struct turns *t, int64_t boot_ms, int64_t wall_us);
void turn_end(struct turns *t, int64_t boot_ms);
size_t turn_gathered(const struct turns *t);      /* inputs that wait for the next turn */
int64_t turn_next_ms(const struct turns *t);      /* CLOCK_BOOTTIME; INT64_MAX: nothing */
bool turn_pending(const struct turns *t);
/* No creates and no grants while set (low water, read-only); cancels and results still commit.  Not set after a recovery. */
void turn_set_low(struct turns *t, bool low);

/* How many attempts' details were dropped since the last call. */
uint64_t turn_take_dropped(struct turns *t);

const struct engine *turn_engine(const struct turns *t);
int64_t turn_engine_ms(const struct turns *t, int64_t boot_ms);     /* engine time of a moment */
uint64_t turn_seq(const struct turns *t);
/* Who probes a connection now, and what came of it in the last PROBE_WINDOW_MS (probes.h); false: nobody is to.  now_ms: engine time. */
struct turn_probe {
    uint32_t backfill, agent;                    /* whose plan says it; agent 0: none that may is there */
    uint32_t readable, unreadable;               /* readings */
    int64_t p50_us, p95_us;                      /* of the readable ones; -1: there are none */
};
bool turn_probe(const struct turns *t, const char *connection, int64_t now_ms, struct turn_probe *ret);
/* The newest reading since the probe was asked for; false: there is none yet, or only of another measure. */
struct probe_view;
bool turn_probe_read(const struct turns *t, const char *connection, struct probe_view *ret);
/* Compile the kept bundle for these options.  The caller owns *ret: it gives it to the engine, or frees it.  BF_NOT_FOUND: no bundle
 * under this hash; BF_INVALID: its bytes have another hash, or do not compile. */
enum bf_rc turn_plan_compile(const struct turns *t, const uint8_t hash[32], const char *from, const char *to, const struct op_param *params,
                             size_t n_params, struct plan **ret, struct bf_error *err) BF_MUST_CHECK;
/* Encoded source of a plan by its source hash; NULL when not known. */
const void *turn_plan_bundle(const struct turns *t, const uint8_t source_hash[32], size_t *ret_n);

#endif

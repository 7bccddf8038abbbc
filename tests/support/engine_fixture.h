/* An engine under test: plans built by hand, agents and operators that speak to it, a journal of what it did, and a driver
 * that does random things to it.  Every turn's end is checked by engine_check(deep).  Failures abort the test through Criterion. */
#ifndef BF_TESTS_ENGINE_FIXTURE_H
#define BF_TESTS_ENGINE_FIXTURE_H

#include "common/prng.h"
#include "common/vec.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/view.h"
#include "coordinator/engine/view_pools.h"
#include "coordinator/engine/view_why.h"
#include "proto/turn.h"

/* ---- plans by hand; released by plan_free() ---- */
#define FX_JAN_1 19723                                    /* 2024-01-01, in days */
struct plan *fx_plan(void);                               /* named "test", in UTC */
/* Set before its days: the clock of Berlin as of 1996, set forward on 2024-03-31 and back on 2024-10-27. */
void fx_berlin(struct plan *p);
/* The plan's range: n days from one on (days since 1970-01-01); may be none.  Before its steps. */
void fx_days(struct plan *p, int32_t first, uint32_t n);
uint32_t fx_pool(struct plan *p, const char *name, uint32_t slots);
/* A noop step over all partitions of a grain; pool may be PLAN_NO_INDEX.  Three attempts, 1 s doubling to 4 s. */
uint32_t fx_step(struct plan *p, enum plan_grain grain, uint32_t pool);
void fx_edge(struct plan *p, uint32_t down, uint32_t up, enum plan_mapping mapping);
void fx_previous(struct plan *p, uint32_t down, uint32_t up, uint32_t n);
void fx_window(struct plan *p, uint32_t down, uint32_t up, int32_t from, int32_t to);
/* Of the edge that was added last. */
void fx_outside(struct plan *p, uint32_t down, enum plan_outside outside);
void fx_label(struct plan *p, uint32_t step, const char *name, const char *value);
void fx_output(struct plan *p, uint32_t step, const char *connection, const char *dataset);   /* connection NULL: none */
struct plan *fx_plan_done(struct plan *p);                /* order, names, count; steps must come upstream first */
typedef struct plan *fx_make(uint64_t seed);
/* Two steps over so many days from FX_JAN_1, the second after the first, which takes a slot of a pool of so many (0: of none). */
struct plan *fx_chain(uint32_t days, uint32_t slots);
/* Steps 1..6 of any grain, edges of any mapping that fits, over a clock change or not, pools, retries. */
struct plan *fx_random_plan(uint64_t seed);

/* ---- the engine and its surroundings ---- */
/* In an initialiser: what an input, or a record, says that few do. */
#define FX_SAYS(...) .rare = &(struct input_rare){__VA_ARGS__}
#define FX_RARE(...) .rare = &(struct record_rare){__VA_ARGS__}

struct fx_plan_source { fx_make *make; uint64_t seed; uint8_t hash[32]; };
struct fx_agent {
    uint8_t key[BF_KEY_BYTES];
    char name[16];
    uint64_t incarnation;
    uint32_t slots, round_trip_us;
    uint64_t cpu_milli, memory_bytes;                     /* that it tells; 0: nothing */
    int64_t takes_us;                                     /* each attempt that it ends; 0: as its report has it */
    struct agent_label labels[2]; size_t n_labels;
};

struct fx {
    struct engine_config config;
    struct engine *e;
    struct engine_out out;                                /* of the turn under way */
    int64_t now_ms, wall_us;
    uint64_t seq;
    uint32_t requests;
    BF_VEC_TYPE(struct fx_plan_source) plans;
    BF_VEC_TYPE(struct input) inputs;                     /* of the turn under way */
    BF_VEC_TYPE(struct bf_buf) journal;                   /* an encoded turn each */
    BF_VEC_TYPE(struct attempt_ref) ended;                /* attempts that are over: for stale reports */
    void (*after_input)(struct fx *f);                    /* NULL: nothing */
};

void fx_init(struct fx *f, const struct engine_config *config);
void fx_done(struct fx *f);
void fx_step_input(struct fx *f, const struct input *in);
/* finish_turn, check, journal.  Records and effects stay in f->out until the next input. */
void fx_turn(struct fx *f);

struct fx_agent fx_agent(uint32_t number, uint32_t slots);
uint32_t fx_hello(struct fx *f, const struct fx_agent *a, uint64_t previous);          /* engine's id, 0: refused */
void fx_hello_holding(struct fx *f, const struct fx_agent *a, struct attempt_ref *held, size_t n);
void fx_lost(struct fx *f, const struct fx_agent *a);
void fx_bye(struct fx *f, const struct fx_agent *a);
void fx_started(struct fx *f, const struct fx_agent *a, struct attempt_ref ref);
void fx_ended(struct fx *f, const struct fx_agent *a, struct attempt_ref ref, enum outcome_source source, int32_t code);
/* With what the attempt tells beside its end. */
void fx_told(struct fx *f, const struct fx_agent *a, struct attempt_ref ref, enum outcome_source source, int32_t code, const char *details);
struct op_request fx_request(struct fx *f, enum op_verb verb, uint32_t backfill);
/* The answer of the request, which stays in f->out. */
const struct effect *fx_command(struct fx *f, const struct op_request *r);
const struct effect *fx_ask(struct fx *f, enum op_verb verb, uint32_t backfill);
/* CREATE of make(seed); 0 when it was refused. */
uint32_t fx_create(struct fx *f, fx_make *make, uint64_t seed);

/* An engine, an agent that has said hello, and a backfill of make(seed); its first turn has ended. */
void fx_begin(struct fx *f, const struct fx_agent *agent, fx_make *make, uint64_t seed);

/* The same as fx_create() with the queue, reprocess and downstream of a request; the answer. */
const struct effect *fx_create_as(struct fx *f, fx_make *make, uint64_t seed, const struct op_request *how);

/* Looking. */
size_t fx_count_effects(const struct fx *f, enum effect_kind kind);
size_t fx_count_records(const struct fx *f, enum record_kind kind);
const struct record *fx_record(const struct fx *f, enum record_kind kind, size_t i);   /* i-th of the kind, or NULL */
enum instance_state fx_state(const struct fx *f, uint32_t backfill, uint32_t step, uint32_t index);
struct backfill_view fx_backfill(const struct fx *f, uint32_t id);
/* Open attempt of an instance; fails when there is none. */
struct attempt_ref fx_attempt(const struct fx *f, uint32_t backfill, uint32_t step, uint32_t index);

/* ---- recovery ---- */
/* A fresh engine with the same plans. */
struct engine *fx_fresh(const struct fx *f);
/* Apply records as decoded from their encoded form. */
void fx_apply_encoded(struct engine *e, const struct record *records, size_t n);
void fx_apply_turn(struct engine *e, const struct bf_buf *turn);
bool fx_same_state(const struct engine *a, const struct engine *b);
/* From its journal another engine comes to the same state, and its checks hold there; fails else. */
void fx_recovers(const struct fx *f);
void fx_recovers_both(struct fx *f);                      /* and from a snapshot */
/* It is halted by this, and a snapshot from before records said so comes to the same. */
void fx_halted_by(struct fx *f, uint32_t backfill, enum halted_by by);

/* ---- chaos (engine_chaos.c): random turns of a small fleet ---- */
struct chaos {
    struct bf_prng rng;
    struct fx_agent agents[4];
    bool here[4];
    bool steers;                                          /* and people steer instances */
    bool no_halts;                                        /* where thousands end in a turn, one of them would halt it each time */
};
void chaos_init(struct chaos *c, uint64_t seed);
void chaos_turn(struct chaos *c, struct fx *f);
/* Faults stop: agents come back, everything succeeds, until each backfill that can end has ended. */
void chaos_settle(struct chaos *c, struct fx *f);

#endif

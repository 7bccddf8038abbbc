/* The simulated world: one coordinator with a store in memory, agents with a guardian and processes, operators, and a network,
 * all in virtual time.  The engine, the turn, the agents' core and the codecs are the real ones.
 *
 * Everything random comes from the seed.  Events are ordered by (time, sequence number), so a seed and a commit reproduce a run.
 * Checkers look at every committed turn (shadow.h) and at every process that is started; the first violation is kept in words. */
#ifndef BF_SIM_WORLD_H
#define BF_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/prng.h"
#include "common/vec.h"
#include "coordinator/sim/choice.h"
#include "coordinator/sim/clock.h"
#include "coordinator/sim/faults.h"
#include "coordinator/sim/plans.h"
#include "coordinator/sim/sim_agent.h"
#include "coordinator/sim/sim_create.h"
#include "coordinator/sim/sim_probe.h"
#include "coordinator/sim/sim_restore.h"
#include "coordinator/sim/sim_store.h"
#include "coordinator/sim/warehouse.h"
#include "coordinator/turn.h"

/* A password of the warehouse: it must be in nothing that is kept or told (I15). */
#define SIM_CANARY "canary-7d1f90c2"
#define SIM_CLUSTER "00112233445566778899aabbccddeeff"
enum { SIM_AGENTS_MAX = 6, SIM_BACKFILLS_MAX = 8, SIM_NODE_COORDINATOR = 0, SIM_CHECKPOINT_TURNS_MAX = 65 };

struct coverage;

struct sim_options {
    uint64_t seed;
    FILE *trace;                             /* NULL: none */
    bool calm;                               /* no faults at all */
    bool unchecked;                          /* only the model that the scenarios need is kept up; nothing is compared after turns */
    const struct schedule *schedule;         /* what is left out; NULL: nothing */
    struct choice_list *used;                /* gets the injections that did something; NULL: nobody asks */
    struct coverage *coverage;               /* counts what the run reached; NULL: nobody asks */
};

struct sim_stats {
    uint64_t events, turns, records, crashes, faults, attempts, violations, virtual_ms;
    uint64_t by_fault[SIM_FAULTS_N];         /* they sum up to faults */
};

enum sim_event_kind { SIM_DELIVER, SIM_AGENT_TIMER, SIM_PROCESS_END, SIM_GUARDIAN, SIM_AGENT_START, SIM_COORDINATOR_START, SIM_TURN,
                      SIM_ROOM, SIM_FAULT, SIM_OPERATOR, SIM_SESSION, SIM_RESTORE, SIM_PROBE, SIM_CREATE,
                      SIM_CLOSED, SIM_START_DUE };

struct sim_event {
    int64_t at_ms;
    uint64_t seq;
    enum sim_event_kind kind;
    uint32_t node;                           /* 0: the coordinator; 1..: agents */
    uint32_t from;                           /* DELIVER */
    uint64_t number;                         /* attempt, or generation of the node: stale events are dropped; DELIVER: life of the store */
    uint8_t *bytes; size_t n_bytes;          /* DELIVER: owned */
};

/* What becomes of the next commit. */
enum sim_crash { SIM_NO_CRASH, SIM_CRASH_BEFORE_COMMIT, SIM_CRASH_AFTER_COMMIT, SIM_COMMIT_LOST, SIM_COMMIT_KEPT, SIM_COMMIT_FULL };

struct shadow;
struct sim_request;

struct sim_late { uint32_t from; uint8_t *bytes; size_t n; };

struct world {
    struct sim_options options;
    struct bf_prng prng;
    struct choices choices;
    struct sim_plans plans;
    uint32_t target;                         /* node that the event, or the fault in it, is about */
    struct sim_stats stats;
    int64_t now_ms, faults_until_ms, end_ms;
    uint64_t next_seq;
    BF_VEC_TYPE(struct sim_event) heap;
    struct lease_settings lease;
    struct engine_config engine;             /* small budgets, so that gates and grants are spread over turns */
    bool sensors;                            /* plans have some */
    bool brisk;                              /* steps are short and the network is far: much is given ahead */
    bool placed;                             /* steps say where they run */
    bool windows;                            /* plans have some: their decisions follow the wall clock */
    bool guardians_tell;                     /* a restarted agent always knows that its steps are dead: wait_for_fence can end */
    bool coordinator_up, coordinator_dead;   /* dead: within a turn, nothing leaves it any more */
    BF_VEC_TYPE(struct sim_late) late;       /* messages of agents that come while the next turn is being committed */
    bool commit_failed;                      /* it has to end: its memory may be ahead of the disk */
    struct sim_clock clock;                  /* the coordinator's */
    uint64_t coordinator_generation;
    int64_t turn_at_ms;                      /* next scheduled turn; INT64_MAX none */
    enum sim_crash crash_next;               /* at the next commit */
    bool freeze_next;                        /* the host of the next client of the warehouse, in the middle of what it does */
    int64_t stopped_until_ms;                /* the coordinator is stopped: what arrives waits in its sockets */
    int64_t low_until_ms;                    /* its store is short of room */
    int64_t next_death_ms;                   /* the first at which something cancelled must be dead */
    uint8_t state_hash[32]; bool state_hash_known;
    struct turns *turns;
    struct sim_store store;
    struct sim_backups backups;
    struct sim_warehouse warehouse;
    struct sim_agent agents[SIM_AGENTS_MAX];
    uint32_t n_agents;
    BF_VEC_TYPE(struct sim_request *) requests;
    uint32_t creates_sent;
    uint32_t drain_next, drains_left;        /* agents that people are about to drain, one after another */
    struct sim_probe probe;
    struct sim_creates creates;
    struct bf_buf said;                      /* a message on its way to net_send() */
    struct shadow *shadow;
    char violation[512];
};

/* Run one seed to its end.  false when an invariant was violated: ret_violation (512 bytes) says which. */
bool sim_run(const struct sim_options *o, struct sim_stats *ret_stats, char *ret_violation);

/* ---- within coordinator/sim only ---- */
void world_push(struct world *w, struct sim_event ev);
void world_violate(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_trace(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A message that is sent, unless it is a heartbeat or its answer. */
void world_trace_msg(struct world *w, const char *from, const char *to, const struct agent_msg *m);
uint64_t world_random(struct world *w, uint64_t below);
bool world_chance(struct world *w, uint32_t percent);         /* of 100 */
/* Put bytes on the network: they may be lost, delayed, doubled, overtaken.  false: they will not come, or come late. */
bool net_send(struct world *w, uint32_t from, uint32_t to, const struct bf_buf *bytes);

void sim_coordinator_start(struct world *w);
void sim_coordinator_stop(struct world *w, const char *why);
void sim_coordinator_message(struct world *w, uint32_t from, const uint8_t *p, size_t n);
void sim_coordinator_turn(struct world *w);
void sim_coordinator_forget_late(struct world *w);
void sim_coordinator_hear_late(struct world *w);      /* a commit is in progress, or there was none */
void sim_coordinator_schedule(struct world *w, int64_t at_ms);
struct turn_settings sim_coordinator_settings(struct world *w);

/* Faults (world_faults.c).  Whether there are any now; one random fault, and the next in a while. */
bool world_faulty(const struct world *w);
void sim_fault_any(struct world *w);
/* An agent that lies, of the kind that was drawn (sim_lies.c). */
void sim_lie(struct world *w, struct sim_agent *a);
uint32_t sim_claimed_slots(struct world *w, const struct sim_agent *a);      /* what its HELLO says */

/* A random plan as YAML, over a small family of datasets so that writers overlap. */
void scenario_plan(struct world *w, struct bf_buf *ret_yaml);
/* The file of the zone that it names. */
void scenario_zone(struct bf_buf *ret);

#endif

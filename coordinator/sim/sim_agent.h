/* An agent of the simulated world: its processes, its guardian, and what it knows.  The core is the real one. */
#ifndef BF_SIM_SIM_AGENT_H
#define BF_SIM_SIM_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core.h"
#include "common/vec.h"
#include "coordinator/sim/clock.h"
#include "proto/key.h"

struct world;

/* A process on an agent's host: alive until it ends, whoever is paused or dead above it. */
struct sim_process { struct attempt_ref ref; uint64_t instance; struct outcome outcome; bool killed; int64_t ends_ms; };

/* An attempt whose process is dead, and whose session the agent waits for, until this moment at most. */
struct sim_closing { struct attempt_ref ref; struct outcome outcome; int64_t until_ms; };

/* A process that is being started (sim_start.c).  just_in_time: it is to end, and executes all the same.  executed: its agent stood still. */
struct sim_start { const struct assignment *assignment; int64_t due_ms; bool given_up, kill, just_in_time, executed; };

struct sim_agent {
    uint32_t node;
    uint8_t key[BF_KEY_BYTES];
    char name[16];
    uint64_t generation;                     /* of the process; also its incarnation */
    uint64_t previous;                       /* what the next HELLO says of the last one */
    uint32_t starts;
    bool mute;                               /* a life ended that nobody can speak for: no later one may speak for it */
    bool up, paused;
    int64_t frozen_until_ms;                 /* its host stands still, the guardian too */
    uint32_t boots;
    char boot_id[40];                        /* of its newest life */
    struct agent_label zone;
    struct agent_core *core;
    struct sim_clock clock;
    int64_t deadline_ms;                     /* told to the guardian, on its own clock */
    int64_t cut_until_ms, cut_in, cut_out;   /* network: deaf, mute */
    int64_t last_in_ms, last_out_ms;         /* arrival of the message that comes last, of those that were sent */
    uint64_t heard_life, hello_life;         /* of the store, that it last heard of; that has its HELLO: it has a connection */
    int64_t order_lost_ms;                   /* newest order to kill, or HELLO that would repeat it, that was lost or is late */
    bool order_under_way, order_waits;       /* an order to kill was sent to it; and it stood still when that came */
    uint64_t timer;                          /* only the newest timer event counts */
    uint32_t slots, claimed_slots;           /* claimed: by the HELLO of this life */
    BF_VEC_TYPE(struct sim_process) processes;
    BF_VEC_TYPE(struct sim_closing) closings;    /* of this life */
    BF_VEC_TYPE(struct sim_start) starting;      /* of this life */
    struct { uint64_t id; int64_t every_ms; } probes[AGENT_PROBES_MAX];      /* that it runs */
    size_t n_probes;
    int64_t probe_mute_until_ms;             /* its canaries hang */
};

void sim_agent_start(struct world *w, struct sim_agent *a);
void sim_agent_kill(struct world *w, struct sim_agent *a);
void sim_agent_reboot(struct world *w, struct sim_agent *a);
void sim_agent_freeze(struct world *w, struct sim_agent *a);
void sim_agent_thaw(struct world *w, struct sim_agent *a);    /* it goes on now, and not when it was to */
void sim_agent_message(struct world *w, struct sim_agent *a, const uint8_t *p, size_t n);
void sim_agent_timer(struct world *w, struct sim_agent *a);
void sim_agent_wake(struct world *w, struct sim_agent *a);
/* An sql step's client has heard how it ended. */
void sim_process_result(struct world *w, struct sim_agent *a, uint64_t attempt, const struct outcome *o);
void sim_core_feed(struct world *w, struct sim_agent *a, struct core_event ev);
void sim_process_begin(struct world *w, struct sim_agent *a, const struct assignment *as);
void sim_process_kill(struct world *w, struct sim_agent *a, uint64_t attempt);
/* false: it executes at once, and nothing is to be waited for. */
bool sim_start_begin(struct world *w, struct sim_agent *a, const struct assignment *as);
bool sim_start_is_under_way(const struct sim_agent *a, uint64_t attempt);
void sim_start_give_up(struct world *w, struct sim_agent *a, uint64_t attempt, bool kill);
void sim_start_due(struct world *w, struct sim_agent *a, uint64_t attempt);
void sim_start_hear(struct world *w, struct sim_agent *a);      /* it goes on: of what executed meanwhile, and what did not */
/* The process is dead.  false: nothing is to be waited for. */
bool sim_closing_begin(struct world *w, struct sim_agent *a, struct sim_process *p);
void sim_closing_cut(struct world *w, struct sim_agent *a, uint64_t attempt);
void sim_closing_over(struct world *w, struct sim_agent *a, uint64_t attempt);
void sim_process_end(struct world *w, struct sim_agent *a, uint64_t attempt);
void sim_guardian(struct world *w, struct sim_agent *a, uint64_t generation);

#endif

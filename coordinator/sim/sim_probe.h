/* Probes in the simulation: the load that they read, and the canaries that read it. */
#ifndef BF_SIM_PROBE_H
#define BF_SIM_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/prng.h"

struct agent_msg;
struct op_request;
struct sim_agent;
struct world;

/* The load of the one connection that plans have: it wanders, with spikes. */
struct sim_probe { struct bf_prng prng; bool on; int64_t value_us, moved_ms, spike_until_ms; };

/* Plans with throttles, and the readings of their probe (sim_probe.c).  The words that a plan's pool and connection get. */
void sim_probe_init(struct world *w);
void sim_probe_throttle(struct world *w, uint32_t slots, struct bf_buf *ret);
/* In so many per cent; never in a world without probes. */
bool sim_probe_chance(struct world *w, uint32_t percent);
/* Into a pool set: some floor and ceiling, so that many are refused; or figures that are taken back. */
void sim_probe_bounds(struct world *w, struct op_request *ret);
void sim_probe_words(const struct world *w, struct bf_buf *ret);
/* Canaries (sim_probe.c): what it is told to run, and a reading that is due, number being the id. */
void sim_probe_told(struct world *w, struct sim_agent *a, const struct agent_msg *m);
void sim_probe_due(struct world *w, struct sim_agent *a, uint64_t id);

#endif

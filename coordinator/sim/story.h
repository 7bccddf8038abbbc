/* The trace of a run as a story: one line for each thing that happens, with the time of the virtual day, who, and what.
 *
 *     00:00:07.104  agent-2      starts s1[2024-02-05] attempt 4
 *     00:00:07.311  FAULT  >>>   agent_kill at agent-2 [f3]
 *     00:00:20.406  coordinator  bf-1 s1[2024-02-05]: attempt 4 ended: lost -> requeued
 *
 * Names: bf-N a backfill, STEP[PARTITION] a step instance, agent-N a host; in brackets the injection, as --only and --without take it.
 * What the coordinator decides is told when it is committed, from the records.  A violation says which invariant it breaks, what was
 * expected, and what was seen.  The same seed and commit tell the same story, byte for byte. */
#ifndef BF_SIM_STORY_H
#define BF_SIM_STORY_H

#include <stdint.h>
#include <stdio.h>

#include "coordinator/sim/faults.h"
#include "proto/record.h"

struct world;

/* A line of the world: its first word is who does it. */
void story_line(FILE *to, int64_t now_ms, const char *text);
/* A record that is committed, before the shadow takes it. */
void story_record(struct world *w, const struct record *r);
void story_fault(struct world *w, enum sim_fault kind);
/* text: "I5: what was seen". */
void story_violation(struct world *w, const char *text);
/* What an invariant, or another rule of the checkers, expects; by the word that violations begin with. */
const char *story_expected(const char *violation);

#endif

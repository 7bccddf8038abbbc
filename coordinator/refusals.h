/* Agents that this process did not let in, and why: the state knows only who worked before.  In memory, of known agents alone, so bounded
 * by their number. */
#ifndef BF_REFUSALS_H
#define BF_REFUSALS_H

#include "common/map.h"
#include "coordinator/engine/view.h"
#include "proto/agent_msg.h"

struct refusals { struct bf_smap by_key; };      /* zero: none */

void refusals_done(struct refusals *r);
/* What an agent is told: a WELCOME or a REFUSE changes what is known of it.  A reason that is new is logged, once. */
void refusals_told(struct refusals *r, const struct engine *e, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *m);
/* Why the process that the state takes for this agent was refused; NULL: it was not. */
const char *refusals_of(const void *refusals, const struct agent_view *a);

#endif

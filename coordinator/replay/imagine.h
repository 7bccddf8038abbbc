/* What is simulated: the real engine in virtual time, from a state on.
 *
 * Agents take what they are given and end it as history says (past.h).  What people did, and how agents came and went, is fed from
 * history at its time; what agents reported is not: here they report what they are made to.  When the last attempt of history has
 * ended, the fleet stays as it then is: that it was sent home, because nothing was left to do, says nothing about what is here. */
#ifndef BF_REPLAY_IMAGINE_H
#define BF_REPLAY_IMAGINE_H

#include "coordinator/replay/measure.h"
#include "coordinator/replay/past.h"
#include "coordinator/replay/replay.h"

struct imagine;                                  /* opaque */
/* From a state on, which it takes over with its measure; by_seq: what of history is over.  fails: attempts that history does not have end
 * as the instance's last one did. */
struct imagine *imagine_new(struct replay *r, const struct replay_policy *policy, struct past *past, struct replay_state *state,
                            struct measure *m, bool fails);
/* The first turn is decided already: what it sent out is carried out, and what is open goes on. */
void imagine_begin(struct imagine *im, const struct engine_out *out);
/* A turn of history: everything up to it, then its inputs but for reports. */
enum bf_rc imagine_turn(struct imagine *im, const struct turn *t, struct bf_error *err) BF_MUST_CHECK;
/* Until nothing is left to do; then the measure is whole.  false: it was given up. */
bool imagine_end(struct imagine *im);
/* Attempts that history has nothing of. */
uint64_t imagine_assumed(const struct imagine *im);
void imagine_free(struct imagine *im);           /* and the state */

#endif

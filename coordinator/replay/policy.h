/* A policy that is tried on history: what it changes, and where that goes into an engine.
 *
 * Retries and classes are the plan's, so they change in the plan as it is compiled; pools are state, so a pool's slots change in every
 * input that sets them and, where one begins at a checkpoint, in the state. */
#ifndef BF_REPLAY_POLICY_H
#define BF_REPLAY_POLICY_H

#include "common/error.h"
#include "coordinator/engine/engine.h"
#include "proto/input.h"
#include "proto/record.h"

struct replay_policy;                            /* opaque */
/* Read one: YAML, of a file that errors name as `name`.  What it asks for and cannot be changed is refused by name. */
enum bf_rc replay_policy_read(const char *name, const void *text, size_t n, struct replay_policy **ret, struct bf_error *err) BF_MUST_CHECK;
void replay_policy_free(struct replay_policy *p);         /* NULL is fine */
/* The first thing that it names and that no plan or pool of the history has, after all plans were given to it; NULL: none.  Borrowed. */
const char *replay_policy_unused(const struct replay_policy *p);

void replay_policy_to_plan(const struct replay_policy *p, struct plan *plan);
void replay_policy_to_input(const struct replay_policy *p, struct input *in);
/* Of an engine that is being recovered, before engine_rebuild(). */
enum bf_rc replay_policy_to_state(const struct replay_policy *p, struct engine *e, struct bf_error *err) BF_MUST_CHECK;
/* A stored record as it would be if nothing were decided otherwise under the policy. */
void replay_policy_to_record(const struct replay_policy *p, struct record *r);

#endif

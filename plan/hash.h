/* Content hashes: BLAKE2b-256 over the pairs of canonical.h, so that a hash changes exactly when what it covers says something
 * else.  plan_source_hash(), of the bytes as sent, is declared in plan.h. */
#ifndef BF_PLAN_HASH_H
#define BF_PLAN_HASH_H

#include "plan/canonical.h"

/* Of all that a plan says, words for people included. */
void plan_hash(const struct plan *p, uint8_t ret[PLAN_HASH_BYTES]);
/* Of what a step does and how it is scheduled: its name, the PLAN_DOES pairs, the values of the parameters that its templates name,
 * and the names of the steps that it needs.  Nothing else of other steps, and not the range of the backfill. */
void plan_step_hash(const struct plan *p, const struct plan_step *s, uint8_t ret[PLAN_HASH_BYTES]);

/* Another name for a step that an item's pairs mention; NULL: as it is. */
typedef const char *plan_rename(const void *arg, const char *step);
struct plan_step_hashing {
    bool nameless;               /* leave out the step's own name, where it needs itself too */
    bool no_params;              /* leave out the values of parameters */
    plan_rename *rename;         /* of the steps that it needs; NULL: none */
    const void *rename_arg;
};
/* The same under other rules, for comparing steps across plans.  Equal only to hashes made under the same rules. */
void plan_step_hash_as(const struct plan *p, const struct plan_step *s, const struct plan_step_hashing *how,
                       uint8_t ret[PLAN_HASH_BYTES]);

#endif

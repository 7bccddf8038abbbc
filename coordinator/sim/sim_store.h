/* The simulated disk: what was committed, sealed value by value, and what disks do.
 *
 * A commit is one transaction: after a crash within it nothing of it is there (what was not synced is lost), or all of it.  A commit
 * that reports an error may be either; the coordinator has to end, and sees when it comes back.  A value may be read torn or with a
 * changed bit: the shipped seal (store/seal.h) must refuse it, and recovery with it. */
#ifndef BF_SIM_STORE_H
#define BF_SIM_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/vec.h"
#include "coordinator/sim/faults.h"
#include "coordinator/store/seal.h"
#include "coordinator/turn.h"

/* Values as they are on disk: sealed (store/seal.h). */
struct sim_stored_turn { uint64_t seq; uint8_t head[SEAL_BYTES]; struct bf_buf bytes; };
struct sim_stored_plan { uint8_t hash[32], head[SEAL_BYTES]; struct bf_buf bytes; };
struct sim_stored_chunk { uint64_t key; uint8_t head[SEAL_BYTES]; struct bf_buf bytes; };
struct sim_store {                           /* what is durable */
    BF_VEC_TYPE(struct sim_stored_turn) turns;
    BF_VEC_TYPE(struct sim_stored_plan) plans;
    BF_VEC_TYPE(struct sim_stored_chunk) chunks, new_chunks;
    uint64_t checkpoint_seq, new_seq;
    struct audit_head audit; bool has_audit;
    struct engine_clock clock;
    uint32_t epoch, restored_epoch;          /* of the last restore, which its first start records; 0: never restored */
};

/* One stored value that is read damaged. */
struct sim_damage { enum sim_fault kind; bool on; size_t at; };

/* A commit as the turn's port, with what faults make of it. */
enum bf_rc sim_store_commit(void *world, const struct turn_commit *c, struct bf_error *err);
/* Damage is drawn for one recovery; the disk is mended afterwards, from a copy. */
struct sim_damage sim_store_draw_damage(struct world *w);
enum bf_rc sim_store_load(struct world *w, struct turns *t, const struct sim_damage *damage, struct bf_error *err);
/* I17, at a random moment: what would be recovered now is what is in memory. */
void sim_store_check_recovery(struct world *w);
void sim_store_copy(const struct sim_store *from, struct sim_store *ret);
void sim_store_done(struct sim_store *s);

#endif

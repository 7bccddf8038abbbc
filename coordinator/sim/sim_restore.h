/* Old copies of the store: backups, which are restored as bfctl restore does or put back by hand.
 *
 * Either is another life of the store.  Between two lives every connection breaks: what was on its way to the coordinator is lost, what was
 * on its way to an agent comes before anything of the next life or not at all, and an agent is heard again when its HELLO is there. */
#ifndef BF_SIM_RESTORE_H
#define BF_SIM_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/sim/sim_store.h"

struct shadow;
struct sim_agent;
struct world;

enum { SIM_BACKUPS_MAX = 3 };

/* What an operator had heard of a request. */
struct sim_heard { bool acknowledged; enum bf_rc rc; char *text; };
struct sim_backup { struct sim_store store; struct shadow *shadow; struct sim_heard *heard; size_t n_heard; };
struct sim_backups {
    struct sim_backup at[SIM_BACKUPS_MAX];       /* the newest last */
    uint32_t n;
    uint32_t newest_epoch;                       /* of any store that there ever was */
    uint64_t life;                               /* of the store: goes up with each restore, and each copy that is put back */
};
void sim_backups_done(struct sim_backups *b);

/* Somebody takes a backup now; the oldest may make room for it. */
void sim_backup(struct world *w);
/* The fault: the newest backup, or an older one, is restored or put back. */
void sim_restore_fault(struct world *w);
/* The store was found to be an old copy, and people restore it, or another. */
void sim_restore_found_out(struct world *w);
void sim_restore_due(struct world *w);

/* An agent gets a message that was sent in this life of the store; false: the connection that it was on is gone. */
bool sim_restore_heard(struct sim_agent *a, uint64_t life);
/* The coordinator gets one; false: it is no HELLO, and there was none in this life. */
bool sim_restore_greets(struct world *w, struct sim_agent *a, bool hello);
bool sim_restore_connected(const struct world *w, const struct sim_agent *a);
/* An order was lost.  A connection loses nothing in its middle, so it is broken from there on. */
void sim_restore_cut(struct sim_agent *a);

#endif

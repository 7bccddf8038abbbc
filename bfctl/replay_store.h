/* A store on disk as a source of replay: read only, a bounded part at a time, so that a coordinator at work is not held up. */
#ifndef BFCTL_REPLAY_STORE_H
#define BFCTL_REPLAY_STORE_H

#include "coordinator/replay/replay.h"
#include "coordinator/store/store.h"

/* All-zero is empty. */
struct replay_store {
    struct store *store;
    struct replay *replay;
    struct replay_checkpoint checkpoints[STORE_CHECKPOINTS_MAX];
    uint64_t first_seq;                          /* of the journal at the opening; 0: it was empty */
    char cluster[33];
};
#define REPLAY_STORE_AUTO __attribute__((cleanup(replay_store_close)))

enum bf_rc replay_store_open(const char *dir, struct replay_store *ret, struct bf_error *err) BF_MUST_CHECK;
void replay_store_close(struct replay_store *s);

#endif

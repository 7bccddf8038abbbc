/* A committed turn in the store's form: neither the turn nor the store knows the other. */
#ifndef BF_COMMIT_H
#define BF_COMMIT_H

#include "coordinator/store/store.h"
#include "coordinator/turn.h"

/* As store_commit(): all of it is durable on BF_OK, and nothing of it else. */
enum bf_rc commit_turn(struct store *s, const struct turn_commit *c, struct bf_error *err) BF_MUST_CHECK;

#endif

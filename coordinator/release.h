/* Effects of a committed turn, sent: replies at once, messages to agents batched by agent. */
#ifndef BF_RELEASE_H
#define BF_RELEASE_H

#include "coordinator/turn.h"

void release_effects(struct turns *t, int64_t now_ms);

#endif

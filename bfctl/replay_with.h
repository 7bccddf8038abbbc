/* bfctl replay --with: a policy tried on history, told. */
#ifndef BFCTL_REPLAY_WITH_H
#define BFCTL_REPLAY_WITH_H

#include "bfctl/ctl.h"
#include "bfctl/replay_store.h"

/* Gives the exit status. */
int replay_with(struct ctl_call *call, struct replay_store *s, const char *file, enum ctl_output output);

#endif

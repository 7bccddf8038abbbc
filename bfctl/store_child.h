/* A command that reads a store without its coordinator runs in a child process: a damaged page ends it, not bfctl without a word. */
#ifndef BFCTL_STORE_CHILD_H
#define BFCTL_STORE_CHILD_H

#include "bfctl/ctl.h"

/* Run work in a child, which writes to our standard output and error; gives its exit status.  When a signal of damage ended it: a sentence
 * that names the store, and the status of BF_CORRUPT.  Another signal ends us as it ended the child. */
int store_child(struct ctl_call *call, const char *store, int (*work)(struct ctl_call *call));

#endif

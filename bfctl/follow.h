/* Following a backfill to its end, through restarts of the coordinator. */
#ifndef BFCTL_FOLLOW_H
#define BFCTL_FOLLOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bfctl/session.h"

struct follow_options {
    FILE *out;                       /* progress goes there; NULL: none */
    int64_t timeout_ms;              /* 0: none */
    bool plain;                      /* lines, on a terminal too */
    bool until_halted;               /* one that a check halted, and of which nothing runs, has ended too */
};

/* Ask until the backfill has ended.  Once it was answered, a coordinator that is away is waited for.  BF_OK: *ret_status is the
 * last document (new reference), with "checks_warned" where that is known, and the sentence of the end was written to out.
 * BF_TIMED_OUT after timeout_ms. */
enum bf_rc follow(struct session *s, uint32_t backfill, const struct follow_options *o, json_t **ret_status,
                  struct bf_error *err) BF_MUST_CHECK;
/* The exit status that the end of a backfill means; 1 for one that is halted. */
int follow_exit(const json_t *status);

#endif

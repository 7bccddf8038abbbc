/* Sending a plan and creating its backfill, so that it is created once. */
#ifndef BFCTL_SUBMIT_H
#define BFCTL_SUBMIT_H

#include "bfctl/session.h"
#include "plan/plan.h"

/* create is a request of OP_CREATE without plan_hash, which is filled in.  *ret is all-zero before. */
enum bf_rc submit_plan(struct session *s, const struct plan_source *source, struct op_request *create, struct answer *ret,
                       struct bf_error *err) BF_MUST_CHECK;

#endif

/* A plan that a word of the command line names: a file, "-", or a backfill, whose version is fetched from the coordinator.
 *
 * A word that has the form of a backfill's id means the backfill; the file of that name is written ./3. */
#ifndef BFCTL_PLAN_LOAD_H
#define BFCTL_PLAN_LOAD_H

#include <jansson.h>

#include "bfctl/session.h"
#include "plan/plan.h"

/* All-zero is empty; released by plan_load_done(). */
struct plan_load {
    char *label;                               /* "orders.yaml", "bf-3" */
    struct plan_source source;
    struct plan *plan;
    json_t *fetched;                           /* from, to and params of the backfill; NULL for a file */
};

/* The plan as it is written, or, with as_run, under the dates and parameters of the backfill.  *s is opened when it is needed and is
 * not open yet.  *ret is all-zero before.  The errors of a plan go to standard error; its warnings
 * are for `plan validate` and `backfill create`. */
enum bf_rc plan_load(const struct ctl_common *common, struct session *s, const char *word, bool as_run, struct plan_load *ret,
                     struct bf_error *err) BF_MUST_CHECK;
void plan_load_done(struct plan_load *l);
#define PLAN_LOAD_AUTO __attribute__((cleanup(plan_load_done)))

/* The hash of a row of OP_PLAN_HISTORY, which the coordinator knows where a backfill ran the plan as it is written; else it is found here,
 * from the text that the backfill ran. */
enum bf_rc plan_load_hash(const struct ctl_common *common, struct session *s, json_t *row, struct bf_error *err) BF_MUST_CHECK;

/* "--from 2024-03-01 --param ledger=test", as the backfill was created; NULL when it has no such options.  The caller frees. */
char *plan_load_options(const struct plan_load *l);

#endif

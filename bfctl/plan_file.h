/* A plan on disk: the document, the files that it names beside it, and what the compiler says of them. */
#ifndef BFCTL_PLAN_FILE_H
#define BFCTL_PLAN_FILE_H

#include "common/error.h"
#include "plan/plan.h"

/* Read path ("-": standard input), the files it names, relative to its folder, and the time zone that it names, from the system's
 * database.  What it names and is not there is left out: the compiler says so with the place.  *ret is all-zero before; released by
 * plan_source_done(), also after failure. */
enum bf_rc plan_file_read(const char *path, struct plan_source *ret, struct bf_error *err) BF_MUST_CHECK;
/* Compile, with every diagnostic on standard error.  NULL when it is not valid; then err says how many errors there are.
 * ret_warnings may be NULL. */
struct plan *plan_file_compile(const struct plan_source *source, const struct plan_options *options, size_t *ret_warnings,
                               struct bf_error *err);
/* Say on standard error what is wrong with a plan that did not compile. */
enum bf_rc plan_file_refuse(const struct plan_source *source, struct bf_diags *d, struct bf_error *err);
/* "3 steps, day 2024-01-01 to 2024-12-31 (both inclusive, Europe/Berlin): 366 partitions, 1098 instances" */
void plan_file_summary(const struct plan *p, struct bf_buf *ret);

#endif

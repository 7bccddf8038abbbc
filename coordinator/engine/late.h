/* Open attempts that take long.  See late.c. */
#ifndef BF_ENGINE_LATE_H
#define BF_ENGINE_LATE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/alert.h"

struct engine;
struct attempt;

#define LATE_MILLIONTHS 950000u                              /* the quantile of a profile that is usual */

int64_t late_after_ms(const struct engine *e, uint32_t backfill, uint32_t step);
/* Both, and late_look(): now_ms is judged_ms(). */
bool late_straggles(const struct attempt *a, int64_t now_ms);
bool late_past_limit(const struct engine *e, const struct attempt *a, int64_t now_ms);
void late_opened(struct engine *e, const struct attempt *a);
/* One that was given ahead has begun (0: it is not known when), and waits no more. */
void late_started(struct engine *e, struct attempt *a, int64_t started_ms);
void late_closed(struct engine *e, const struct attempt *a);
void late_derive(struct engine *e);                          /* after a recovery */
void late_look(struct engine *e, int64_t now_ms);            /* those whose moment has come are listed */
int64_t late_due_ms(const struct engine *e);                 /* INT64_MAX: none */
/* Is any attempt of this step late, as an alert of this kind has it?  How many; the partition of the first. */
bool late_any(const struct engine *e, enum alert_kind kind, uint32_t backfill, uint32_t step, uint32_t *ret_n, uint32_t *ret_index);
const char *late_broken(const struct engine *e);             /* NULL: all is well */

#endif

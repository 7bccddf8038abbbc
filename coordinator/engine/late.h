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
/* now_ms, here and below: judged_ms(). */
bool late_straggles(const struct attempt *a, int64_t now_ms);
bool late_past_limit(const struct engine *e, const struct attempt *a, int64_t now_ms);
void late_opened(struct engine *e, const struct attempt *a);
/* One that was given ahead has begun (0: it is not known when), and waits no more. */
void late_started(struct engine *e, struct attempt *a, int64_t started_ms);
void late_closed(struct engine *e, const struct attempt *a);
void late_derive(struct engine *e);                          /* after a recovery */
void late_look(struct engine *e, int64_t now_ms);            /* those whose moment has come are listed */
int64_t late_due_ms(const struct engine *e);                 /* INT64_MAX: none */
/* As an alert of this kind has it. */
bool late_is(const struct engine *e, const struct attempt *a, enum alert_kind kind, int64_t now_ms);
/* Steps of attempts that are late, for a look at all alerts.  O(those attempts).  From then on: has a step any, as an alert of this kind
 * has it?  And the same, for whoever asks first. */
void late_gather(struct engine *e, int64_t now_ms);
bool late_has(const struct engine *e, enum alert_kind kind, uint32_t backfill, uint32_t step);
bool late_take(struct engine *e, enum alert_kind kind, uint32_t backfill, uint32_t step);
/* Is any attempt of this step late, as an alert of this kind has it?  How many; the partition of the first.  O(those that are late). */
bool late_any(const struct engine *e, enum alert_kind kind, uint32_t backfill, uint32_t step, uint32_t *ret_n, uint32_t *ret_index);
const char *late_broken(const struct engine *e);             /* NULL: all is well */

#endif

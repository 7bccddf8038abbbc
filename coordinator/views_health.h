/* The health of agents in documents and in `why`.  Only views*.c include this. */
#ifndef BF_VIEWS_HEALTH_H
#define BF_VIEWS_HEALTH_H

#include "coordinator/engine/view_breaker.h"
#include "coordinator/engine/view_profile.h"
#include "coordinator/views_parts.h"

/* Adds "quarantine" (null: it is not) and what is to be warned of.  Gives the word for its state, "quarantined" or "probation"; NULL: its
 * connection says it. */
const char *view_agent_health(const struct view_source *v, const struct agent_view *a, json_t *j, json_t *warnings);
/* Every agent that may run something is quarantined, b's the first to be tried again.  Cut to fit. */
void view_tell_quarantine(const struct view_source *v, const struct breaker_view *b, char *detail, size_t detail_size, char *remedy,
                          size_t remedy_size);
/* Attempts of a backfill that take longer than their like (view_profile.h), some of them where all were not looked at; the one of an
 * instance, or null. */
json_t *view_stragglers(const struct view_source *v, const struct backfill_view *b, bool *ret_complete);
/* One that was asked to end, to be run again elsewhere, until its next attempt has ended: null for all others. */
json_t *view_rerun(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index);
json_t *view_straggler(const struct view_source *v, const struct backfill_view *b, const struct instance_view *i);
/* How far the open attempt of an instance is past a timebox that only warns, and that; null: it is not. */
json_t *view_past_timebox(const struct view_source *v, const struct backfill_view *b, uint32_t step, const struct instance_view *i);

#endif

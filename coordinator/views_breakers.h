/* Breakers in documents and in `why`.  Only views*.c include this. */
#ifndef BF_VIEWS_BREAKERS_H
#define BF_VIEWS_BREAKERS_H

#include "coordinator/engine/view_breaker.h"
#include "coordinator/views_parts.h"

enum bf_rc view_breakers(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
/* What is not closed: of what a backfill draws on, or (pool) that of this one.  Not more than 20, and not agents. */
json_t *view_held_breakers(const struct view_source *v, uint32_t backfill, const char *pool);
/* Agents that are here and whose breakers are not closed, not more than 20: they get no work, or as much as a trial. */
json_t *view_held_agents(const struct view_source *v);
/* Why it opened: the failure of an attempt, which is of some plan; "" for a key of other plans, unless the breaker is a step's. */
const char *view_breaker_cause(const struct view_source *v, const struct breaker_view *b);
/* "connection/warehouse" */
void view_breaker_name(const struct breaker_view *b, char ret[BREAKER_NAME_MAX]);
/* Why a breaker holds something, and what an operator can do.  Cut to fit. */
void view_tell_breaker(const struct view_source *v, const struct blocker *k, char *detail, size_t detail_size, char *remedy,
                       size_t remedy_size);

#endif

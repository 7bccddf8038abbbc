/* The probe of a connection: a canary like the queries of the users, whose time or value says how the warehouse is. */
#ifndef BF_PLAN_PROBE_H
#define BF_PLAN_PROBE_H

#include "common/buf.h"
#include "plan/plan.h"

#define PLAN_PROBE_TEXT_MAX 8192u              /* bytes of its query, or of all its arguments */
#define PLAN_PROBE_EVERY_MS 5000               /* preset of `every` */
#define PLAN_PROBE_EVERY_MOST_MS 3600000

/* How long one canary may take before it is given up as unreadable: twice the limit where the time is measured, else twice the time
 * between two, and in any case 5 s to 60 s. */
int64_t plan_probe_patience_ms(const struct plan_probe *probe);
/* Append what a helper of the agent is told of the probe of this connection (bf-sql, bf-http), one JSON object; nothing where it is a
 * program. */
void plan_probe_spec(const struct plan_connection *c, const struct plan_probe *probe, struct bf_buf *ret);
const char *plan_probe_kind_name(enum plan_probe_kind kind);      /* "sql", "run", "http" */
void plan_probe_free(struct plan_probe *probe);                   /* NULL is fine */

#endif

/* Who probes which warehouse.  Volatile, as leases are: after a restart the probes are given out anew.
 *
 * While a backfill runs whose plan has a connection with a probe, and while anything draws on a pool that it governs though that backfill
 * is paused, exactly one agent is asked to run it, one that may run a step of that connection.  A connection's name means one warehouse;
 * where running backfills say different probes for it, that of the oldest counts.
 * The probe goes to another agent when its agent is lost, drains or leaves; when it says that it may not or cannot run it; and when it
 * gave nothing but unreadable readings, or none, for a while and another could take over.  One from which it was taken for that is
 * passed over for a while; but it is asked before nobody is.
 *
 * A reading becomes an input (INPUT_PROBE) when it carries the id of the giving that is in force, so that an agent from which the probe
 * was taken says nothing any more.  Where none comes although a canary that began within `every` must have ended or been given up, and
 * PROBE_GRACE_MS more are over, the coordinator makes an unreadable one itself: silence must never look like a quiet warehouse. */
#ifndef BF_COORDINATOR_PROBES_H
#define BF_COORDINATOR_PROBES_H

#include "coordinator/turn.h"

#define PROBE_GRACE_MS 2000
#define PROBE_EXCLUDED_MS 60000                  /* an agent that may not, or cannot, is asked again after this */
#define PROBE_FAILURES_MAX 3u                    /* unreadable in a row, before another agent is tried */
#define PROBES_REPEAT 3u                         /* of what is taken back, with the next HELLOs */
#define PROBE_WINDOW_MS 300000                   /* what the percentiles are of */

struct probes;                                   /* opaque; owned by struct turns */
struct probes *probes_new(void);
void probes_free(struct probes *p);              /* NULL is fine */

/* A PROBED message of an agent arrived. */
void probes_heard(struct turns *t, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg, int64_t now_ms);
/* Before a turn is decided: the readings that are missing. */
void probes_due(struct turns *t, int64_t now_ms);
/* After a turn was released: give out, take back, and say so again to those that were welcomed. */
void probes_settle(struct turns *t, int64_t now_ms);
int64_t probes_next_ms(const struct turns *t);   /* engine time at which a turn must look again; INT64_MAX: never */

#endif

/* The log socket and its thread: chunks of authorised agents go into the log store, credit goes back.
 *
 * Nothing here shares a queue or a lock with the fleet: a flood of logs fills the library's queue of this socket, and agents wait
 * for credit.  A chunk that cannot be written is acknowledged all the same and shows as a gap, so that no agent stands still. */
#ifndef BF_LOGS_H
#define BF_LOGS_H

#include "coordinator/logs/log_searches.h"
#include "coordinator/logs/log_store.h"
#include "coordinator/zap/zap.h"

struct logs_options { const char *endpoint, *dir; const uint8_t *secret_key; uint64_t keep_bytes; int64_t keep_age_ms; };

struct logs;
enum bf_rc logs_open(struct zap *z, const struct logs_options *o, struct logs **ret, struct bf_error *err) BF_MUST_CHECK;
void logs_close(struct logs *l);                 /* NULL is fine; syncs */
const char *logs_endpoint(const struct logs *l);
void logs_keep(struct logs *l, uint64_t keep_bytes);     /* from the next segment on */
struct log_store *logs_store(struct logs *l);    /* for readers of any thread */
struct bf_work_queue *logs_searches(struct logs *l);          /* for the engine's thread */

#endif

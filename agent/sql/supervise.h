/* Ends an attempt from inside when its time is up, or when it is told to stop: a thread that waits for SIGTERM and for the end of the
 * timebox, cancels what runs, and then ends the session from a second connection, so that nothing of the attempt lives in the warehouse
 * when the process is gone.  When the driver hangs, the process tells what it knows and ends all the same.
 *
 *     running --SIGTERM, time--> stopping --the statement fails--> the main thread rolls back, buries the session, reports
 *                                         --1 s--> the session is ended from here
 *                                         --3 s--> reported from here; the process ends
 *
 * A driver that never comes back from connecting is ended in the same way. */
#ifndef BF_AGENT_SQL_SUPERVISE_H
#define BF_AGENT_SQL_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sql/connection.h"
#include "agent/sql/dialect.h"

enum supervise_stop { SUPERVISE_RUNNING, SUPERVISE_TIMEBOX, SUPERVISE_TOLD };

/* Start the thread; once, before any other is.  result_fd (-1: none) is where a last word goes.  timebox_ms 0: no end. */
void supervise_start(int64_t timebox_ms, int result_fd);
/* A connection is being made, and whoever makes it may never come back: when it takes longer than this, the process tells so and ends.
 * 0: it is made, or has failed. */
void supervise_connecting(int64_t patience_ms);
/* The connection that works now; NULL before it is freed. */
void supervise_watch(struct sql_connection *c);
/* How the session is found and ended from another connection.  connect's string must live as long as the process. */
void supervise_session(const struct sql_connect_spec *connect, const struct sql_dialect *d, const char *name);
/* From here on nothing is cancelled: COMMIT is under way, and its answer or the row of the fence tells. */
void supervise_hold(void);

enum supervise_stop supervise_stopped(void);
/* "its time limit of 5s was reached", "it was told to stop"; "" while it runs. */
const char *supervise_reason(void);
/* When the time is up (CLOCK_BOOTTIME); 0: never. */
int64_t supervise_deadline_ms(void);
/* Where results go; -1: nowhere. */
int supervise_result_fd(void);
/* May the caller report?  True once in the life of the process. */
bool supervise_take_report(void);

#endif

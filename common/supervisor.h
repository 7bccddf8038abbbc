/* Words for the supervisor that started this process: ready, reloading, stopping, a status line, and the beat of a watchdog.
 * The protocol is that of sd_notify(3).  Nothing here ever waits, and without a supervisor every call does nothing. */
#ifndef BF_COMMON_SUPERVISOR_H
#define BF_COMMON_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#define BF_SUPERVISOR_STATUS_MAX 200u

struct bf_supervisor;

/* Take NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that no child speaks for this process: call it
 * before any thread starts.  Never NULL. */
struct bf_supervisor *bf_supervisor_open(void);
/* Sends what still waits, if it can.  NULL is allowed. */
void bf_supervisor_close(struct bf_supervisor *s);

void bf_supervisor_ready(struct bf_supervisor *s);               /* READY=1; also: the reload is over */
void bf_supervisor_reloading(struct bf_supervisor *s);           /* RELOADING=1 */
void bf_supervisor_stopping(struct bf_supervisor *s);            /* STOPPING=1 */
/* One line for people; the same line twice is sent once.  Cut after BF_SUPERVISOR_STATUS_MAX bytes. */
void bf_supervisor_status(struct bf_supervisor *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

bool bf_supervisor_listens(const struct bf_supervisor *s);       /* there is one */
/* Half the time after which the watchdog gives this process up; 0: there is no watchdog. */
int64_t bf_supervisor_beat_ms(const struct bf_supervisor *s);
/* The caller's loop has turned: send WATCHDOG=1 when half of the time is over, and again what the supervisor had no room for.
 * alive false: the work does not go on, so no beat.  now_ms is CLOCK_BOOTTIME.  True when a beat was sent. */
bool bf_supervisor_turn(struct bf_supervisor *s, bool alive, int64_t now_ms);
/* When the next call of bf_supervisor_turn is due; INT64_MAX: never. */
int64_t bf_supervisor_next_ms(const struct bf_supervisor *s);

#endif

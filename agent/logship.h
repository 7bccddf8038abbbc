/* Logs of attempts on their way up: bounded, credited, cut rather than in anyone's way.
 *
 * Each attempt has a buffer (256 KiB) before the socket and a credit (256 KiB) of bytes sent and not acknowledged.  When the
 * buffer is full the pipe is left alone, so that the step waits, for one second at most; then what comes is dropped and counted
 * until there is room.  The next chunk says how much was cut.  Past bytes_max of an attempt all is cut. */
#ifndef BF_AGENT_LOGSHIP_H
#define BF_AGENT_LOGSHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/agent_msg.h"

#define LOGSHIP_CHUNK_BYTES 65536u
#define LOGSHIP_BUFFER_BYTES (256u << 10)
#define LOGSHIP_CREDIT_BYTES (256u << 10)
#define LOGSHIP_PATIENCE_MS 1000             /* how long a step may wait for its log */
#define LOGSHIP_CREDIT_LOST_MS 5000          /* without a word, what was in flight counts as lost */
#define LOGSHIP_LINGER_MS 10000              /* what an ended attempt left is offered this long */

struct logship;
struct step_log;                             /* of one attempt */

/* false: not now; it will be offered again. */
typedef bool logship_send(void *arg, const struct log_msg *msg);
/* A full log takes bytes again. */
typedef void logship_room(void *owner);

struct logship *logship_new(uint64_t bytes_max, logship_send *send, logship_room *room, void *arg);
void logship_free(struct logship *s);

struct step_log *step_log_new(struct logship *s, struct attempt_ref ref, void *owner);
/* Take n bytes (at most LOGSHIP_CHUNK_BYTES); what does not fit is cut.  at_us: CLOCK_REALTIME. */
void step_log_write(struct step_log *l, uint8_t stream, const void *p, size_t n, int64_t at_us, int64_t now_ms);
/* False: the pipe should be left alone until `room` is called. */
bool step_log_has_room(const struct step_log *l);
/* No more will come.  The log belongs to the shipping from here on; owner is not called again. */
void step_log_end(struct step_log *l, int64_t now_ms);

void logship_credit(struct logship *s, const struct log_msg *credit, int64_t now_ms);
/* The socket takes messages again, or time passed. */
void logship_run(struct logship *s, int64_t now_ms);
int64_t logship_next_ms(const struct logship *s);            /* INT64_MAX: nothing waits for time */
bool logship_idle(const struct logship *s);                  /* nothing of ended attempts waits */

#endif

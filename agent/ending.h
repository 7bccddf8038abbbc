/* The end of an attempt that is known, and not told yet: its processes are dead, and what it left at a server is looked after first.
 *
 * Made when the attempt's own process is reaped.  Where bf-sql opened a session and did not say that it closed it, a second bf-sql is started
 * that does nothing but end this session and see it gone (agent/sql/close_left.c); what that one said last, or why there was none, becomes the
 * note, which is told after whatever the end comes to. */
#ifndef BF_AGENT_ENDING_H
#define BF_AGENT_ENDING_H

#include "agent/verdict.h"
#include "common/buf.h"

#define ENDING_NOTE_MAX (RESULT_SESSION_MAX + 96u)

struct ending {
    struct verdict verdict;
    char *details;                           /* what verdict.outcome.details points to */
    struct bf_buf remarks;                   /* for the attempt's log */
    bool session_open;                       /* it may live */
    int64_t wait_ms, began_ms, until_ms;     /* how long the session is waited for at most, since when and until when (CLOCK_BOOTTIME; 0: it is not) */
    const char *cut;                         /* why no longer than this; NULL: it was not cut short.  Static. */
    char note[ENDING_NOTE_MAX];
};

/* status, tail, limits as in verdict_of_end(); result stays the caller's. */
struct ending *ending_new(int status, struct step_result *result, const char *tail, size_t n, const struct verdict_limits *limits);
void ending_free(struct ending *e);

/* The helper that was to end the session has ended, having said this last. */
void ending_session_told(struct ending *e, const struct step_result *said);
/* Nobody sees the session gone; why: in words. */
void ending_session_assumed_gone(struct ending *e, const char *why);

#endif

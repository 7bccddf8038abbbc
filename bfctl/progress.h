/* The progress of a backfill as text, from the document of OP_STATUS.  Pure. */
#ifndef BFCTL_PROGRESS_H
#define BFCTL_PROGRESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/rc.h"

/* Instances of a backfill or of one step. */
struct progress_counts {
    int64_t total, succeeded, skipped, failed, cancelled, upstream_failed, running, waiting;
    int64_t held, stale;             /* beside their state */
};

void progress_counts(const json_t *o, struct progress_counts *ret);
/* Succeeded or skipped. */
int64_t progress_done(const struct progress_counts *c);

/* How fast a backfill has moved lately, as this viewer has seen it: between two answers one after the other, in both of which it
 * was running.  Older answers weigh less (30 s), but never so little that only a few instances are left to judge by.  All-zero is
 * ready for use. */
struct progress_rate {
    bool linked;                     /* the last answer can be compared with the next one */
    int64_t last_ms, last_settled;
    double settled, over_ms;         /* weighted sums */
};

/* An answer that came at now_ms (any clock that does not jump back). */
void progress_rate_answer(struct progress_rate *r, const json_t *status, int64_t now_ms);
/* A question went unanswered: the time until the next answer does not count, and until then nothing is said. */
void progress_rate_silence(struct progress_rate *r);
/* Milliseconds until so many more have settled; -1 when nothing can be said, always with r NULL. */
int64_t progress_eta_ms(const struct progress_rate *r, int64_t left);
/* A strip in at most width characters: of the buckets that share one, the worst shows.  ret has room for width + 1. */
void progress_strip(const char *strip, size_t width, char *ret);

/* True when the backfill has come to its end and nothing of it runs; then *ret_rc is what that means for an exit status. */
bool progress_ended(const json_t *status, enum bf_rc *ret_rc);

/* True when a check has halted it and nothing of it runs any more: it stands still until a person resumes it. */
bool progress_halted(const json_t *status);

/* What a person has to do that it goes on at all, where it stands still for that: all that is left is held, or it is paused.  A
 * sentence; nothing where it moves. */
void progress_stuck(const json_t *status, struct bf_buf *ret);
/* What a queued one waits for.  A sentence; nothing of one that has begun. */
void progress_queued(const json_t *status, struct bf_buf *ret);

/* Terminal to draw for; rate may be NULL: no ETA. */
struct progress_look { size_t width, height; bool color; const struct progress_rate *rate; };

/* The live view: whole lines, at most look->height - 1, none wider than the terminal.  note may be NULL. */
void progress_view(const json_t *status, const struct progress_look *look, const char *note, struct bf_buf *ret);
/* One line: what has changed when it has changed; the second adds what always changes (time, ETA).  rate may be NULL. */
void progress_line(const json_t *status, struct bf_buf *ret);
void progress_clock(const json_t *status, const struct progress_rate *rate, struct bf_buf *ret);
/* The last sentence: result, time, counts, checks that warned where "checks_warned" tells, and what to look at; of one that is halted
 * why, and what lets it go on. */
void progress_sentence(const json_t *status, struct bf_buf *ret);

#endif

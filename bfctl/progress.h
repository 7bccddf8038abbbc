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
};

void progress_counts(const json_t *o, struct progress_counts *ret);
/* Succeeded or skipped. */
int64_t progress_done(const struct progress_counts *c);

/* Milliseconds still to go at the rate so far; -1 when nothing can be said. */
int64_t progress_eta_ms(int64_t settled, int64_t total, int64_t elapsed_ms);
/* A strip in at most width characters: of the buckets that share one, the worst shows.  ret has room for width + 1. */
void progress_strip(const char *strip, size_t width, char *ret);

/* True when the backfill has come to its end and nothing of it runs; then *ret_rc is what that means for an exit status. */
bool progress_ended(const json_t *status, enum bf_rc *ret_rc);

/* Terminal to draw for. */
struct progress_look { size_t width, height; bool color; };

/* The live view: whole lines, at most look->height - 1, none wider than the terminal.  note may be NULL. */
void progress_view(const json_t *status, const struct progress_look *look, const char *note, struct bf_buf *ret);
/* One line: what has changed when it has changed; the second adds what always changes (time, ETA). */
void progress_line(const json_t *status, struct bf_buf *ret);
void progress_clock(const json_t *status, struct bf_buf *ret);
/* The last sentence: result, time, counts, and what to look at. */
void progress_sentence(const json_t *status, struct bf_buf *ret);

#endif

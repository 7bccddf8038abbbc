/* Lines out of frames.  Private to logs/.
 *
 * A line belongs to the frame in which it ends; what an earlier frame of the same stream has begun is looked up.  A line without an
 * end belongs to the last frame of its stream.  The writer marks frames that begin in the middle of a line (LOG_FLAG_MID), so a frame
 * is split by itself, and nothing is kept between frames. */
#ifndef BF_LOG_LINES_H
#define BF_LOG_LINES_H

#include "coordinator/logs/log_store_state.h"

/* The lines of one frame.  The first is head where an earlier frame has begun it. */
struct log_lines {
    uint64_t attempt;
    struct log_place place;
    bool has_head;
    struct bf_buf head;                          /* without its end; owned */
    const uint8_t *raw;                          /* of the reader: valid as log_reader_read() says */
    uint32_t from, end;                          /* [from, end) of raw are whole lines; before from ends the head */
    uint64_t cut_bytes;                          /* before this frame, by the agent or lost */
};
/* next: where the line behind it begins in raw. */
struct log_line { uint64_t offset; uint32_t from, next; const uint8_t *text; size_t n; };

/* live: a line without an end stays out, because the rest may come. */
enum log_found log_lines_read(struct log_reader *r, uint64_t attempt, const struct log_place *p, bool live, struct log_lines *ret);
void log_lines_done(struct log_lines *x);
/* The line that holds byte `at` of raw, or ends the head there; at < end.  Text without its end. */
void log_lines_at(const struct log_lines *x, uint32_t at, struct log_line *ret);

/* What stands open behind the place, the last of its stream: false when nothing does. */
bool log_lines_tail(struct log_reader *r, uint64_t attempt, const struct log_place *p, struct bf_buf *ret);

#endif

/* Searching the logs of a backfill: one page of an answer.
 *
 * A page is made from a question and a cursor alone; nothing is kept between pages, so that a client that is gone costs nothing and a
 * coordinator that was restarted goes on where the page before ended.  Each page ends by time, lines or bytes.
 *
 * Search: lines in order of time.  The time of a line is that of the chunk in which it ends; within an attempt lines stay in the order
 * in which they were written, whatever its clock did.  What is searched is what was there when the first page was asked for.
 * Follow: what was written behind a place in the segments, in the order in which it came in. */
#ifndef BF_LOG_SEARCH_H
#define BF_LOG_SEARCH_H

#include "common/vec.h"
#include "coordinator/logs/log_store.h"

#define LOG_PAGE_MS 1000
#define LOG_PAGE_LINES 1000u
#define LOG_PAGE_BYTES (400u << 10)              /* of JSON */
#define LOG_LINE_SHOWN_MAX (16u << 10)           /* of one line */
#define LOG_CONTEXT_MAX 1000u
#define LOG_CURSOR_MAX 128
#define LOG_WINDOW_FRAMES 65536u                 /* sorted at once */

struct log_range { uint32_t step, first, n; };

/* All zero but backfill: every line of the newest attempts that have a log. */
struct log_query {
    uint32_t backfill;
    bool picked;                                 /* only what ranges say */
    uint64_t n_instances;                        /* that are picked; for the answer */
    BF_VEC_TYPE(struct log_range) ranges;
    uint64_t attempt;                            /* 0: the newest of each instance; UINT64_MAX: all; else this one */
    bool by_agent;                               /* only what agents say */
    BF_VEC_TYPE(uint32_t) agents;
    int64_t since_us, until_us;                  /* [since, until); 0: open */
    uint8_t stream;                              /* 0: all */
    char *pattern;                               /* NULL: every line */
    bool regex, ignore_case;
    bool count;                                  /* no lines, only how many */
    bool backward;                               /* the newest first; without context */
    uint32_t before, after;                      /* lines of context, of the same attempt */
    uint32_t max_lines;                          /* of this page; 0: LOG_PAGE_LINES */
    int64_t max_ms;                              /* of this page; 0: LOG_PAGE_MS; negative: it ends behind the first line */
    char cursor[LOG_CURSOR_MAX];                 /* "" : from the beginning */
};
void log_query_done(struct log_query *q);

struct log_page {
    enum bf_rc rc; struct bf_error err;          /* of the page; the rest is empty unless BF_OK */
    struct bf_buf lines;                         /* JSON objects with commas between them */
    BF_VEC_TYPE(struct log_name) attempts;       /* that are in lines, each once */
    uint64_t matches;
    uint64_t searched_bytes, total_bytes;        /* of log, unpacked; up to the cursor, and in all */
    uint64_t cut_bytes;                          /* that agents cut, or that were lost, within this page */
    uint64_t damaged, gave_up;                   /* frames that cannot be read; lines that an expression was too slow for: of this page */
    uint64_t older_attempts;                     /* not looked at, because the newest of each was asked for */
    uint64_t open_logs;                          /* of those looked at: may still grow */
    int64_t gone_us;                             /* what was written before is dropped; 0: nothing */
    bool lost_place;                             /* follow: what came next was dropped before it was read */
    bool done;                                   /* nothing is left; of a follow: for now */
    char cursor[LOG_CURSOR_MAX];                 /* go on here */
    char follow[LOG_CURSOR_MAX];                 /* of a search: follow from here on */
};
/* Any thread but the writer's; takes a second at most, and a moment for each million of frames.  ret is all-zero before. */
void log_search_page(struct log_store *s, const struct log_query *q, struct log_page *ret);
void log_page_done(struct log_page *p);

#endif

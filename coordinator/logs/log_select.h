/* Which frames a search looks at, and in which order.  Private to logs/. */
#ifndef BF_LOG_SELECT_H
#define BF_LOG_SELECT_H

#include "coordinator/logs/log_search.h"
#include "coordinator/logs/log_store_state.h"

/* Of a frame in the order of a search: time first, then attempt, then offset.  line: lines of it that are done. */
struct log_key { int64_t at_us; uint64_t attempt, offset; uint32_t line; };
int log_key_compare(const struct log_key *a, const struct log_key *b);       /* by time, attempt, offset */

struct log_candidate { struct log_key key; struct log_place place; };

/* Where a search is. */
struct log_cursor {
    bool begun;                                  /* key is set */
    struct log_key key;                          /* the frame to go on in; a follow uses its line only */
    uint32_t segment, position;                  /* what was written from here on is not searched; of a follow: read next */
};
/* false: no cursor of this kind. */
bool log_cursor_read(const char *text, bool *ret_follow, struct log_cursor *ret);
void log_cursor_write(const struct log_cursor *c, bool follow, char ret[LOG_CURSOR_MAX]);

/* The attempts of a question, and the next frames of them. */
struct log_select {
    struct log_store *store;
    const struct log_query *query;
    BF_VEC_TYPE(struct log_named) attempts;
    BF_VEC_TYPE(struct log_candidate) window;    /* sorted; the next frames behind the cursor */
    bool more;                                   /* there are frames behind the window */
    uint64_t searched_bytes, total_bytes;        /* before the window, and in all */
    uint64_t older_attempts, open_logs;
};
void log_select_init(struct log_select *x, struct log_store *s, const struct log_query *q);
void log_select_done(struct log_select *x);
/* Fill the window with what comes at or behind the cursor. */
void log_select_window(struct log_select *x, const struct log_cursor *c);
/* Does the question pick this attempt, whatever its age among the attempts of its instance? */
bool log_select_picks(const struct log_query *q, const struct log_named *a);
bool log_select_frame(const struct log_query *q, int64_t at_us, uint8_t stream);

#endif

/* The page that a search fills.  Private to logs/. */
#ifndef BF_LOG_PAGE_H
#define BF_LOG_PAGE_H

#include "coordinator/logs/log_lines.h"
#include "coordinator/logs/log_pattern.h"
#include "coordinator/logs/log_search.h"

struct log_paging {
    const struct log_query *query;
    struct log_page *page;
    struct log_reader reader;
    struct log_pattern *pattern;
    struct log_lines lines, near;                /* of the frame in work; of one beside it */
    struct bf_map told;                          /* attempt -> offset behind the last line that was told, with context */
    uint64_t last_attempt, last_next;            /* of the line told last: a line that follows it is of its group */
    uint32_t n_lines, max_lines;
    int64_t until_ms;                            /* CLOCK_BOOTTIME */
};

/* Lines, bytes or time are used up. */
bool log_paging_full(const struct log_paging *x);
bool log_paging_late(const struct log_paging *x);
/* Tell a line that matches, with its context where that was asked for. */
void log_paging_hit(struct log_paging *x, const struct log_line *line);
/* Tell a line that stands outside a frame: what was open when its attempt ended. */
void log_paging_tail(struct log_paging *x, uint64_t attempt, const struct log_place *p, const struct bf_buf *text);
/* Count what is missing before a frame; where every line is wanted it is told in its place. */
void log_paging_cut(struct log_paging *x, uint64_t attempt, const struct log_place *p, uint64_t bytes);

#endif

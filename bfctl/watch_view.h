/* The state of the full-screen view: which page, where on it, and what to ask the coordinator for.  Pure: keys and documents in, a
 * changed state out; the pages are drawn from both (watch_draw.h). */
#ifndef BFCTL_WATCH_VIEW_H
#define BFCTL_WATCH_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "proto/operator_msg.h"

enum watch_page { PAGE_STEPS, PAGE_STEP, PAGE_INSTANCE, PAGE_LOG, PAGE_FAILURES, PAGE_AGENTS, PAGE_POOLS, PAGE_WAITS, PAGE_HELP,
                  PAGE_COUNT };
enum watch_order { ORDER_PLAN, ORDER_WORST, ORDER_NAME, ORDER_COUNT };
/* Beside characters. */
enum watch_key { WATCH_NOTHING = 0x110000, WATCH_CURSOR_UP, WATCH_CURSOR_DOWN, WATCH_CURSOR_LEFT, WATCH_CURSOR_RIGHT, WATCH_PAGE_UP,
                 WATCH_PAGE_DOWN, WATCH_FIRST, WATCH_LAST, WATCH_OPEN, WATCH_ESCAPE, WATCH_RUBOUT, WATCH_REDRAW };

#define WATCH_DEPTH 8
#define WATCH_FILTER_MAX 48
#define WATCH_NAME_MAX 256
#define WATCH_LOG_BYTES (256u << 10)             /* of a log, the end is kept */

struct watch_place { size_t at, top; };          /* what is selected, and what is on top */

struct watch_view {
    enum watch_page page, back[WATCH_DEPTH];
    size_t depth;
    struct watch_place place[PAGE_COUNT];
    size_t shown;                                /* rows that the page had room for when it was drawn last */
    size_t rows;                                 /* rows that it has in all */
    enum watch_order order;
    char filter[WATCH_FILTER_MAX];
    bool typing;                                 /* of the filter */
    bool frozen, quit;
    char selected[WATCH_NAME_MAX];               /* the step that is selected on PAGE_STEPS */
    char step[WATCH_NAME_MAX], partition[WATCH_NAME_MAX];    /* of the pages below */
    bool checks_next;                            /* PAGE_INSTANCE: its two documents are asked for in turn */
    struct bf_buf log;                           /* PAGE_LOG, safe text */
    uint64_t log_attempt, log_next, log_cut;
    bool log_end, log_away, log_moved;           /* it has ended; scrolled away from its end; the last answer had some */
    const char *selectors[1];                    /* of a request */
    char selector[2 * WATCH_NAME_MAX];
};

/* What there is to show.  References are owned. */
struct watch_data {
    json_t *watch;                               /* of OP_WATCH; never NULL where a page is drawn */
    json_t *detail; enum watch_page detail_page; uint64_t detail_offset;
    json_t *checks;                              /* PAGE_INSTANCE */
    int64_t silent_ms;                           /* no answer for so long; 0: it answers */
    bool ended;
    char notice[256];                            /* why the page's own document is not to be had; "" */
};

void watch_view_done(struct watch_view *v);
void watch_data_done(struct watch_data *d);
/* A character or an enum watch_key.  True: other documents are needed than there are. */
bool watch_view_key(struct watch_view *v, const struct watch_data *d, int key);
/* The request for the page's own document; verb 0: it has none.  Texts are borrowed from v until it changes. */
void watch_view_ask(struct watch_view *v, struct op_request *req);
void watch_view_ask_detail(struct watch_view *v, struct op_request *req);
/* An answer came (a new reference is taken). */
void watch_view_answer(struct watch_view *v, struct watch_data *d, json_t *watch);
void watch_view_answer_detail(struct watch_view *v, struct watch_data *d, const struct op_request *req, json_t *detail);
/* There is more of the log than was read: ask again at once. */
bool watch_view_behind(const struct watch_view *v);

#endif

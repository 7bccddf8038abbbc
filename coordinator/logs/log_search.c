/* One page: choose frames, split them, tell what matches, and say where to go on.
 *
 * A frame is unpacked whole and looked at whole: lines are split only around a place where the pattern may match.  The page ends
 * between two lines; its cursor names the frame and the byte of it. */
#include "coordinator/logs/log_search.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "coordinator/logs/log_page.h"
#include "coordinator/logs/log_select.h"

#define FRAME_DONE UINT32_MAX
#define GAVE_UP_MAX 1000u                        /* lines of one page, then the expression is refused */

/* ---- the lines of one frame ---- */

static bool expression_too_slow(struct log_paging *x)
{
    if (!x->pattern || log_pattern_gave_up(x->pattern) < GAVE_UP_MAX)
        return false;
    x->page->rc = bf_fail(&x->page->err, BF_INVALID, "the regular expression takes too long on %u lines; make it simpler", GAVE_UP_MAX);
    return true;
}

/* Forward from byte `at` on; gives where to go on, or FRAME_DONE. */
static uint32_t frame_forward(struct log_paging *x, uint32_t at)
{
    struct log_lines *l = &x->lines;
    struct log_line line;
    while (at < l->end) {
        bool in_head = l->has_head && at < l->from;
        if (!in_head && x->pattern) {
            size_t skip = log_pattern_next(x->pattern, l->raw + at, l->end - at);
            if (skip == l->end - at)
                break;
            at += (uint32_t)skip;
        }
        log_lines_at(l, at, &line);
        if (!x->pattern || log_pattern_match(x->pattern, line.text, line.n))
            log_paging_hit(x, &line);
        at = line.next;
        if (log_paging_full(x) || log_paging_late(x) || expression_too_slow(x))
            return at < l->end ? at : FRAME_DONE;
    }
    return FRAME_DONE;
}

/* Backward from what ends at byte `until`. */
static uint32_t frame_backward(struct log_paging *x, uint32_t until)
{
    struct log_lines *l = &x->lines;
    struct log_line line;
    if (x->pattern && until == l->end && !l->has_head && log_pattern_next(x->pattern, l->raw, l->end) == l->end)
        return FRAME_DONE;
    for (uint32_t at = until < l->end ? until : l->end; at > 0; at = line.from) {
        log_lines_at(l, at - 1, &line);
        if (!x->pattern || log_pattern_match(x->pattern, line.text, line.n))
            log_paging_hit(x, &line);
        if (log_paging_full(x) || log_paging_late(x) || expression_too_slow(x))
            return line.from ? line.from : FRAME_DONE;
    }
    return FRAME_DONE;
}

static bool frame_load(struct log_paging *x, uint64_t attempt, const struct log_place *p, bool live)
{
    enum log_found found = log_lines_read(&x->reader, attempt, p, live, &x->lines);
    x->page->damaged += found == LOG_DAMAGED;
    log_reader_pin(&x->reader, p);               /* context may be read beside it */
    if (found == LOG_DAMAGED)
        log_paging_cut(x, attempt, p, p->n);
    return found == LOG_FOUND;
}

/* ---- a search ---- */

static uint32_t candidate_search(struct log_paging *x, const struct log_candidate *c, uint32_t at)
{
    if (!frame_load(x, c->key.attempt, &c->place, false))
        return FRAME_DONE;
    if (x->query->backward) {
        uint32_t next = frame_backward(x, at ? at : x->lines.end);
        if (next == FRAME_DONE)
            log_paging_cut(x, c->key.attempt, &c->place, x->lines.cut_bytes);
        return next;
    }
    if (at == 0)
        log_paging_cut(x, c->key.attempt, &c->place, x->lines.cut_bytes);
    return frame_forward(x, at);
}

static void window_search(struct log_paging *x, struct log_select *select, struct log_cursor *c)
{
    x->page->searched_bytes = select->searched_bytes;
    for (size_t i = 0; i < select->window.n; i++) {
        const struct log_candidate *one = &select->window.at[i];
        bool same = c->begun && log_key_compare(&one->key, &c->key) == 0;
        uint32_t line = same ? c->key.line : 0;
        if (line == FRAME_DONE)
            continue;                            /* of the page before; a page that is late at once gets on nevertheless */
        line = candidate_search(x, one, line);
        c->begun = true;
        c->key = one->key;
        c->key.line = line;
        if (line == FRAME_DONE)
            x->page->searched_bytes += one->place.n;
        if (line != FRAME_DONE || log_paging_full(x) || log_paging_late(x) || x->page->rc != BF_OK) {
            x->page->done = line == FRAME_DONE && i + 1 == select->window.n && !select->more;
            return;
        }
    }
    x->page->done = !select->more;
}

static void search(struct log_paging *x, struct log_cursor *c)
{
    struct log_select select;
    log_select_init(&select, x->reader.store, x->query);
    do {
        log_select_window(&select, c);
        x->page->total_bytes = select.total_bytes;
        x->page->older_attempts = select.older_attempts;
        x->page->open_logs = select.open_logs;
        window_search(x, &select, c);
    } while (!x->page->done && !log_paging_full(x) && !log_paging_late(x) && x->page->rc == BF_OK);
    log_select_done(&select);
    const struct log_cursor follow = {.segment = c->segment, .position = c->position};
    log_cursor_write(c, false, x->page->cursor);
    log_cursor_write(&follow, true, x->page->follow);
}

/* ---- following ---- */

/* What stood open on this stream before p, or on all streams when the log has ended. */
static void follow_tails(struct log_paging *x, uint64_t attempt, const struct log_place *p)
{
    for (uint8_t stream = 1; stream < LOG_STREAMS; stream++) {
        struct log_place open;
        struct bf_buf text = {0};
        bool ended = p->flags & LOG_FLAG_LAST, broken = stream == p->stream && p->n && !(p->flags & LOG_FLAG_MID);
        uint64_t before = ended ? UINT64_MAX : p->offset;
        if ((ended || broken) && log_select_frame(x->query, p->at_us, stream) &&
            log_place_before(x->reader.store, attempt, before, stream, &open) && log_lines_tail(&x->reader, attempt, &open, &text))
            log_paging_tail(x, attempt, &open, &text);
        bf_buf_free(&text);
    }
}

/* From byte `at` of its lines on; gives where to go on, or FRAME_DONE. */
static uint32_t follow_frame(struct log_paging *x, const struct log_frame *f, const struct log_place *p, uint32_t at)
{
    struct log_store *s = x->reader.store;
    pthread_mutex_lock(&s->lock);
    const struct log_entry *e = log_index_named(&s->index, f->attempt);
    bool picked = e && memcmp(e->sender, f->sender, LOG_SENDER_BYTES) == 0 && e->name.backfill == x->query->backfill;
    if (picked) {
        struct log_named a = {e->attempt, e->name.step, e->name.index, e->name.agent, e->name.run};
        picked = log_select_picks(x->query, &a);
    }
    pthread_mutex_unlock(&s->lock);
    if (!picked)
        return FRAME_DONE;
    bool ended = p->flags & LOG_FLAG_LAST;
    uint32_t next = FRAME_DONE;
    if (!ended && at == 0)
        follow_tails(x, f->attempt, p);
    if (log_select_frame(x->query, p->at_us, p->stream) && frame_load(x, f->attempt, p, true)) {
        if (at == 0)
            log_paging_cut(x, f->attempt, p, x->lines.cut_bytes);
        next = frame_forward(x, at);
    }
    if (ended && next == FRAME_DONE)
        follow_tails(x, f->attempt, p);
    return next;
}

/* The segment to read at c, and how much of it there is; false when there is nothing behind c. */
static bool follow_segment(struct log_paging *x, struct log_cursor *c, uint64_t *ret_bytes)
{
    struct log_store *s = x->reader.store;
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->segments.n && !found; i++) {
        const struct log_segment *segment = &s->segments.at[i];
        if (segment->id < c->segment || (segment->id == c->segment && segment->bytes <= c->position))
            continue;
        if (segment->id != c->segment) {
            x->page->lost_place = x->page->lost_place || (i == 0 && segment->id > c->segment + 1 && c->segment > 0);
            c->segment = segment->id;
            c->position = c->key.line = 0;
        }
        *ret_bytes = segment->bytes;
        found = segment->bytes > 0;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static void follow(struct log_paging *x, struct log_cursor *c)
{
    uint64_t bytes = 0;
    x->page->done = true;
    while (follow_segment(x, c, &bytes)) {
        struct log_frame f;
        enum log_found found = log_reader_head(&x->reader, c->segment, c->position, &f);
        if (found != LOG_FOUND) {                /* a torn end, as after a crash, or a segment that is gone */
            x->page->damaged += found == LOG_DAMAGED;
            c->segment++;
            c->position = c->key.line = 0;
            continue;
        }
        struct log_place p = {.offset = f.offset, .at_us = f.at_us, .segment = c->segment, .position = c->position, .n = f.raw_bytes,
                              .stream = f.stream, .flags = f.flags};
        uint32_t next = f.flags & LOG_FLAG_NAME ? FRAME_DONE : follow_frame(x, &f, &p, c->key.line);
        c->key.line = next == FRAME_DONE ? 0 : next;
        if (next == FRAME_DONE)
            c->position += LOG_FRAME_BYTES + f.stored_bytes;
        if (next != FRAME_DONE || log_paging_full(x) || log_paging_late(x) || x->page->rc != BF_OK) {
            x->page->done = false;
            break;
        }
    }
    log_cursor_write(c, true, x->page->cursor);
}

/* ---- the page ---- */

/* The end of what is there: what a search that begins now will see. */
static void cursor_begin(struct log_store *s, struct log_cursor *ret)
{
    pthread_mutex_lock(&s->lock);
    const struct log_segment *newest = s->segments.n ? &s->segments.at[s->segments.n - 1] : NULL;
    *ret = (struct log_cursor){.segment = newest ? newest->id : 0, .position = newest ? (uint32_t)newest->bytes : 0};
    pthread_mutex_unlock(&s->lock);
}

static enum bf_rc query_check(const struct log_query *q, struct bf_error *err)
{
    if (q->backward && (q->before || q->after))
        return bf_fail(err, BF_UNSUPPORTED, "lines of context beside the newest lines are not supported yet");
    if (q->before > LOG_CONTEXT_MAX || q->after > LOG_CONTEXT_MAX)
        return bf_fail(err, BF_LIMIT, "at most %u lines of context are given", LOG_CONTEXT_MAX);
    if (q->since_us && q->until_us && q->since_us >= q->until_us)
        return bf_fail(err, BF_INVALID, "the search would end before it begins: --until must be later than --since");
    return BF_OK;
}

void log_search_page(struct log_store *s, const struct log_query *q, struct log_page *ret)
{
    struct log_paging x = {.query = q, .page = ret, .until_ms = bf_boottime_ms() + (q->max_ms ? q->max_ms : LOG_PAGE_MS),
                           .max_lines = q->max_lines && q->max_lines < LOG_PAGE_LINES ? q->max_lines : LOG_PAGE_LINES};
    struct log_cursor c;
    bool following = false;
    ret->rc = query_check(q, &ret->err);
    if (ret->rc == BF_OK && q->cursor[0] && !log_cursor_read(q->cursor, &following, &c))
        ret->rc = bf_fail(&ret->err, BF_INVALID, "the cursor of this page is not one of a search");
    if (ret->rc == BF_OK && q->pattern)
        ret->rc = log_pattern_new(q->pattern, q->regex, q->ignore_case, &x.pattern, &ret->err);
    if (ret->rc != BF_OK)
        return;
    log_reader_init(&x.reader, s);
    if (!q->cursor[0])
        cursor_begin(s, &c);
    if (following)
        follow(&x, &c);
    else
        search(&x, &c);
    ret->gave_up = x.pattern ? log_pattern_gave_up(x.pattern) : 0;
    struct log_store_stats stats;
    log_store_stats(s, &stats);
    ret->gone_us = stats.gone_us;
    log_pattern_free(x.pattern);
    log_lines_done(&x.lines);
    log_lines_done(&x.near);
    bf_map_free(&x.told);
    log_reader_done(&x.reader);
}

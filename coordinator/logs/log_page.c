/* Telling lines: JSON, context, and what is missing. */
#include "coordinator/logs/log_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"

#define CONTEXT_FRAMES_MAX 64u                   /* context is looked for in so many frames before and behind */

void log_query_done(struct log_query *q)
{
    bf_vec_free(&q->ranges);
    bf_vec_free(&q->agents);
    free(q->pattern);
    q->pattern = NULL;
}

void log_page_done(struct log_page *p)
{
    bf_buf_free(&p->lines);
    bf_vec_free(&p->attempts);
}

bool log_paging_late(const struct log_paging *x)
{
    return bf_boottime_ms() >= x->until_ms;
}

bool log_paging_full(const struct log_paging *x)
{
    return x->n_lines >= x->max_lines || x->page->lines.len >= LOG_PAGE_BYTES;
}

/* ---- one object ---- */

static const char *stream_name(uint8_t stream)
{
    return stream == 1 ? "stdout" : stream == 2 ? "stderr" : "agent";
}

/* Each attempt of a page is named once. */
static void attempt_note(struct log_paging *x, uint64_t attempt)
{
    struct log_page *page = x->page;
    for (size_t i = page->attempts.n; i-- > 0;)
        if (page->attempts.at[i].attempt == attempt)
            return;
    struct log_store *s = x->reader.store;
    struct log_name name = {.attempt = attempt};
    pthread_mutex_lock(&s->lock);
    const struct log_entry *e = log_index_named(&s->index, attempt);
    if (e)
        name = e->name;
    pthread_mutex_unlock(&s->lock);
    bf_vec_push(&page->attempts, name);
}

static void object_begin(struct log_paging *x, uint64_t attempt, const struct log_place *p, uint64_t offset)
{
    struct bf_buf *b = &x->page->lines;
    char at[BF_TIME_MAX];
    bf_format_time(p->at_us, at);
    bf_buf_printf(b, "%s{\"attempt\":\"a-%" PRIu64 "\",\"at\":\"%s\",\"stream\":\"%s\",\"offset\":%" PRIu64, b->len ? "," : "", attempt, at,
                  stream_name(p->stream), offset);
    attempt_note(x, attempt);
    x->n_lines++;
}

static void object_text(struct log_paging *x, const uint8_t *text, size_t n)
{
    struct bf_buf *b = &x->page->lines;
    size_t shown = bf_bytes_cut(text, n, LOG_LINE_SHOWN_MAX);
    if (shown < n)
        bf_buf_printf(b, ",\"more_bytes\":%zu", n - shown);
    bf_buf_put_str(b, ",\"text\":\"");
    bf_buf_put_json_bytes(b, text, shown);
    bf_buf_put_str(b, "\"}");
}

/* Tell one line of a frame, unless it was told as the context of another. */
static void line_tell(struct log_paging *x, const struct log_lines *lines, const struct log_line *line, bool context)
{
    bool with_context = x->query->before || x->query->after;
    uint64_t told = 0;
    if (with_context && bf_map_get(&x->told, lines->attempt, &told) && line->offset < told)
        return;
    object_begin(x, lines->attempt, &lines->place, line->offset);
    uint64_t next = lines->place.offset + line->next;
    if (with_context) {
        bool follows = lines->attempt == x->last_attempt && line->offset == x->last_next;
        bf_buf_printf(&x->page->lines, "%s%s", context ? ",\"context\":true" : "", follows ? "" : ",\"group\":true");
        bf_map_put(&x->told, lines->attempt, next);
        x->last_attempt = lines->attempt;
        x->last_next = next;
    }
    object_text(x, line->text, line->n);
}

void log_paging_tail(struct log_paging *x, uint64_t attempt, const struct log_place *p, const struct bf_buf *text)
{
    if (x->pattern && !log_pattern_match(x->pattern, text->data, text->len))
        return;
    x->page->matches++;
    if (x->query->count)
        return;
    object_begin(x, attempt, p, p->offset + p->n);
    object_text(x, text->data, text->len);
}

void log_paging_cut(struct log_paging *x, uint64_t attempt, const struct log_place *p, uint64_t bytes)
{
    x->page->cut_bytes += bytes;
    if (!bytes || x->query->count || x->query->pattern)
        return;
    object_begin(x, attempt, p, p->offset);
    bf_buf_printf(&x->page->lines, ",\"cut_bytes\":%" PRIu64 "}", bytes);
}

/* ---- context ---- */

static uint32_t lines_count(const struct log_lines *l, uint32_t until)
{
    uint32_t n = 0;
    struct log_line line;
    for (uint32_t at = 0; at < until && at < l->end; at = line.next, n++)
        log_lines_at(l, at, &line);
    return n;
}

/* Tell the lines of one frame from the skip-th on, before `until`, at most `most`; gives how many. */
static uint32_t lines_tell(struct log_paging *x, const struct log_lines *l, uint32_t at, uint32_t until, uint32_t skip, uint32_t most)
{
    uint32_t n = 0;
    struct log_line line;
    for (; at < until && at < l->end && n < skip + most; at = line.next, n++) {
        log_lines_at(l, at, &line);
        if (n >= skip)
            line_tell(x, l, &line, !x->pattern || !log_pattern_match(x->pattern, line.text, line.n));
    }
    return n > skip ? n - skip : 0;
}

static bool near_read(struct log_paging *x, uint64_t attempt, const struct log_place *p)
{
    return log_lines_read(&x->reader, attempt, p, false, &x->near) == LOG_FOUND;
}

static void context_before(struct log_paging *x, const struct log_line *hit)
{
    const struct log_lines *l = &x->lines;
    struct log_place frames[CONTEXT_FRAMES_MAX], at = l->place;
    uint32_t want = x->query->before, n = 0, own = lines_count(l, hit->from), have = own;
    while (have < want && n < CONTEXT_FRAMES_MAX && log_place_before(x->reader.store, l->attempt, at.offset, x->query->stream, &at)) {
        if (near_read(x, l->attempt, &at))
            have += lines_count(&x->near, x->near.end);
        frames[n++] = at;
    }
    uint32_t skip = have > want ? have - want : 0;
    while (n-- > 0)
        if (near_read(x, l->attempt, &frames[n])) {
            uint32_t here = lines_count(&x->near, x->near.end), over = skip < here ? skip : here;
            lines_tell(x, &x->near, 0, x->near.end, over, UINT32_MAX / 2);
            skip -= over;
        }
    lines_tell(x, l, 0, hit->from, skip, UINT32_MAX / 2);
}

static void context_after(struct log_paging *x, const struct log_line *hit)
{
    const struct log_lines *l = &x->lines;
    struct log_place at = l->place;
    uint32_t want = x->query->after, have = lines_tell(x, l, hit->next, l->end, 0, want);
    for (uint32_t n = 0; have < want && n < CONTEXT_FRAMES_MAX; n++) {
        if (!log_place_from(x->reader.store, l->attempt, at.offset + at.n, x->query->stream, &at))
            break;
        if (near_read(x, l->attempt, &at))
            have += lines_tell(x, &x->near, 0, x->near.end, 0, want - have);
    }
}

void log_paging_hit(struct log_paging *x, const struct log_line *line)
{
    x->page->matches++;
    if (x->query->count)
        return;
    if (x->query->before)
        context_before(x, line);
    line_tell(x, &x->lines, line, false);
    if (x->query->after)
        context_after(x, line);
}

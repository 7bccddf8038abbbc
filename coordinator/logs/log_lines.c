/* See log_lines.h.  Looking back is bounded: the writer marks no frame MID when the line before it is longer than 16 KiB, so that a
 * line without end is cut into pieces of a frame's size. */
#include "coordinator/logs/log_lines.h"

#include <string.h>

#include "common/vec.h"

#define BACK_FRAMES_MAX 4096u

/* Append what the frames before p have of the line that p goes on with. */
static void begun_line(struct log_reader *r, uint64_t attempt, const struct log_place *p, struct bf_buf *ret)
{
    struct part { struct log_place place; size_t from; };
    BF_VEC_TYPE(struct part) parts = {0};
    struct log_place at = *p, before;
    struct log_frame f;
    const uint8_t *raw;
    while (at.flags & LOG_FLAG_MID && parts.n < BACK_FRAMES_MAX && log_place_before(r->store, attempt, at.offset, p->stream, &before) &&
           log_reader_read(r, &before, &f, &raw) == LOG_FOUND) {
        const uint8_t *end = memrchr(raw, '\n', before.n);
        bf_vec_push(&parts, (struct part){before, end ? (size_t)(end - raw) + 1 : 0});
        at = before;
        if (end)
            break;
    }
    for (size_t i = parts.n; i-- > 0;)
        if (log_reader_read(r, &parts.at[i].place, &f, &raw) == LOG_FOUND)
            bf_buf_put(ret, raw + parts.at[i].from, parts.at[i].place.n - parts.at[i].from);
    bf_vec_free(&parts);
}

/* A frame that says nothing of a gap may still stand behind one: what was lost with a crash. */
static uint64_t cut_before(struct log_reader *r, uint64_t attempt, const struct log_place *p, const struct log_frame *f)
{
    struct log_place before;
    uint64_t gap = 0;
    if (log_place_before(r->store, attempt, p->offset, 0, &before) && before.offset + before.n < p->offset)
        gap = p->offset - before.offset - before.n;
    return f->cut_bytes > gap ? f->cut_bytes : gap;
}

/* Does what stands behind the last end of a line belong to this frame? */
static bool tail_is_here(struct log_reader *r, uint64_t attempt, const struct log_place *p)
{
    struct log_place next;
    return !log_place_from(r->store, attempt, p->offset + p->n, p->stream, &next) || !(next.flags & LOG_FLAG_MID);
}

enum log_found log_lines_read(struct log_reader *r, uint64_t attempt, const struct log_place *p, bool live, struct log_lines *ret)
{
    struct log_frame f;
    bf_buf_clear(&ret->head);
    ret->attempt = attempt;
    ret->place = *p;
    ret->has_head = false;
    ret->from = ret->end = 0;
    enum log_found found = log_reader_read(r, p, &f, &ret->raw);
    if (found != LOG_FOUND)
        return found;
    ret->cut_bytes = cut_before(r, attempt, p, &f);
    const uint8_t *last = p->n ? memrchr(ret->raw, '\n', p->n) : NULL;
    ret->end = last ? (uint32_t)(last - ret->raw) + 1 : 0;
    if (ret->end < p->n && !live && tail_is_here(r, attempt, p))
        ret->end = p->n;
    if (!(p->flags & LOG_FLAG_MID) || ret->end == 0)
        return LOG_FOUND;
    const uint8_t *first = memchr(ret->raw, '\n', ret->end);
    size_t n = first ? (size_t)(first - ret->raw) : ret->end;
    ret->has_head = true;
    ret->from = (uint32_t)n + (first != NULL);
    begun_line(r, attempt, p, &ret->head);
    found = log_reader_read(r, p, &f, &ret->raw);        /* it may have made room for those before it */
    if (found == LOG_FOUND)
        bf_buf_put(&ret->head, ret->raw, n);
    return found;
}

void log_lines_done(struct log_lines *x)
{
    bf_buf_free(&x->head);
}

/* A line that ends with "\r\n" ends before both. */
static size_t without_return(const uint8_t *p, size_t n)
{
    return n && p[n - 1] == '\r' ? n - 1 : n;
}

void log_lines_at(const struct log_lines *x, uint32_t at, struct log_line *ret)
{
    if (x->has_head && at < x->from) {
        *ret = (struct log_line){.offset = x->place.offset, .from = 0, .next = x->from, .text = x->head.data,
                                 .n = without_return(x->head.data, x->head.len)};
        return;
    }
    const uint8_t *before = at > x->from ? memrchr(x->raw + x->from, '\n', at - x->from) : NULL;
    uint32_t from = before ? (uint32_t)(before - x->raw) + 1 : x->from;
    const uint8_t *end = memchr(x->raw + at, '\n', x->end - at);
    uint32_t n = (end ? (uint32_t)(end - x->raw) : x->end) - from;
    *ret = (struct log_line){.offset = x->place.offset + from, .from = from, .next = from + n + (end != NULL), .text = x->raw + from,
                             .n = without_return(x->raw + from, n)};
}

bool log_lines_tail(struct log_reader *r, uint64_t attempt, const struct log_place *p, struct bf_buf *ret)
{
    struct log_frame f;
    const uint8_t *raw;
    if (!(p->flags & LOG_FLAG_OPEN) || log_reader_read(r, p, &f, &raw) != LOG_FOUND)
        return false;
    const uint8_t *last = memrchr(raw, '\n', p->n);
    size_t from = last ? (size_t)(last - raw) + 1 : 0;
    if (!last)
        begun_line(r, attempt, p, ret);
    if (log_reader_read(r, p, &f, &raw) != LOG_FOUND)
        return false;
    bf_buf_put(ret, raw + from, p->n - from);
    return true;
}

/* The reading side of the log store: places are copied out of the index under the lock, the disk is read outside it.
 *
 * A segment that was dropped meanwhile is gone, and said so; a frame whose checksum is wrong is damaged, and counted. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "common/crc32c.h"
#include "common/mem.h"
#include "coordinator/logs/log_store_state.h"

#define READ_PLACES_MAX 16384
#define STORED_BYTES_MAX (LOG_CHUNK_BYTES_MAX + 1024)

void log_reader_init(struct log_reader *r, struct log_store *s)
{
    memset(r, 0, sizeof *r);
    r->store = s;
    r->pinned = LOG_READER_FRAMES;
    for (size_t i = 0; i < LOG_READER_FILES; i++)
        r->files[i].fd = -1;
    r->zstd = ZSTD_createDCtx();
    r->stored = bf_xmalloc(STORED_BYTES_MAX);
}

void log_reader_done(struct log_reader *r)
{
    for (size_t i = 0; i < LOG_READER_FILES; i++)
        if (r->files[i].fd >= 0)
            close(r->files[i].fd);
    for (size_t i = 0; i < LOG_READER_FRAMES; i++)
        free(r->slots[i].raw);
    ZSTD_freeDCtx(r->zstd);
    free(r->stored);
}

/* -1: there is no such segment any more. */
static int reader_open(struct log_reader *r, uint32_t id)
{
    for (size_t i = 0; i < LOG_READER_FILES; i++)
        if (r->files[i].fd >= 0 && r->files[i].id == id)
            return r->files[i].fd;
    BF_AUTO_FREE char *path = log_segment_path(r->store, id);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    struct log_file *file = &r->files[r->next_file++ % LOG_READER_FILES];
    if (file->fd >= 0)
        close(file->fd);
    *file = (struct log_file){.fd = fd, .id = id};
    return fd;
}

enum log_found log_reader_head(struct log_reader *r, uint32_t segment, uint32_t position, struct log_frame *ret)
{
    uint8_t head[LOG_FRAME_BYTES];
    int fd = reader_open(r, segment);
    if (fd < 0)
        return LOG_GONE;
    return pread(fd, head, sizeof head, position) == (ssize_t)sizeof head && log_frame_decode(head, ret) ? LOG_FOUND : LOG_DAMAGED;
}

/* One frame into raw (LOG_CHUNK_BYTES_MAX). */
static enum log_found frame_read(struct log_reader *r, const struct log_place *p, struct log_frame *f, uint8_t *raw)
{
    enum log_found found = log_reader_head(r, p->segment, p->position, f);
    if (found != LOG_FOUND)
        return found;
    int fd = reader_open(r, p->segment);
    if (f->raw_bytes != p->n || f->stored_bytes > STORED_BYTES_MAX ||
        pread(fd, r->stored, f->stored_bytes, (off_t)p->position + LOG_FRAME_BYTES) != (ssize_t)f->stored_bytes ||
        bf_crc32c(0, r->stored, f->stored_bytes) != f->payload_crc)
        return LOG_DAMAGED;
    if (f->flags & LOG_FLAG_ZSTD)
        return ZSTD_decompressDCtx(r->zstd, raw, LOG_CHUNK_BYTES_MAX, r->stored, f->stored_bytes) == p->n ? LOG_FOUND : LOG_DAMAGED;
    if (f->stored_bytes != p->n)
        return LOG_DAMAGED;
    memcpy(raw, r->stored, p->n);
    return LOG_FOUND;
}

static size_t slot_of(const struct log_reader *r, const struct log_place *p)
{
    size_t i = 0;
    while (i < LOG_READER_FRAMES && (r->slots[i].segment != p->segment || r->slots[i].position != p->position))
        i++;
    return i;
}

enum log_found log_reader_read(struct log_reader *r, const struct log_place *p, struct log_frame *ret_frame, const uint8_t **ret_bytes)
{
    size_t i = slot_of(r, p);
    if (i == LOG_READER_FRAMES) {
        do
            i = r->next_slot++ % LOG_READER_FRAMES;
        while (i == r->pinned);
        struct log_slot *slot = &r->slots[i];
        if (!slot->raw)
            slot->raw = bf_xmalloc(LOG_CHUNK_BYTES_MAX);
        slot->segment = 0;
        enum log_found found = frame_read(r, p, &slot->frame, slot->raw);
        if (found != LOG_FOUND)
            return found;
        slot->segment = p->segment;
        slot->position = p->position;
    }
    *ret_frame = r->slots[i].frame;
    *ret_bytes = r->slots[i].raw;
    return LOG_FOUND;
}

void log_reader_pin(struct log_reader *r, const struct log_place *p)
{
    r->pinned = (unsigned)slot_of(r, p);
}

/* ---- places ---- */

bool log_place_before(struct log_store *s, uint64_t attempt, uint64_t offset, uint8_t stream, struct log_place *ret)
{
    bool found = false;
    pthread_mutex_lock(&s->lock);
    const struct log_entry *e = log_index_named(&s->index, attempt);
    if (e) {
        size_t low = 0, high = e->places.n;      /* the first place that begins at offset or behind */
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (e->places.at[middle].offset >= offset)
                high = middle;
            else
                low = middle + 1;
        }
        for (size_t left = LOG_NEAR_MAX; !found && low > 0 && left > 0; left--) {
            *ret = e->places.at[--low];
            found = ret->n && (!stream || ret->stream == stream);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

bool log_place_from(struct log_store *s, uint64_t attempt, uint64_t offset, uint8_t stream, struct log_place *ret)
{
    bool found = false;
    pthread_mutex_lock(&s->lock);
    const struct log_entry *e = log_index_named(&s->index, attempt);
    if (e) {
        size_t i = log_entry_place(e, offset);
        for (size_t left = LOG_NEAR_MAX; !found && i < e->places.n && left > 0; i++, left--) {
            *ret = e->places.at[i];
            found = ret->n && ret->offset >= offset && (!stream || ret->stream == stream);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

uint64_t log_store_end(struct log_store *s, uint64_t attempt, const uint8_t *key)
{
    pthread_mutex_lock(&s->lock);
    const struct log_entry *e = log_index_find(&s->index, attempt, key);
    uint64_t end = e ? e->end : 0;
    pthread_mutex_unlock(&s->lock);
    return end;
}

bool log_store_name(struct log_store *s, uint64_t attempt, struct log_name *ret)
{
    pthread_mutex_lock(&s->lock);
    const struct log_entry *e = log_index_named(&s->index, attempt);
    if (e)
        *ret = e->name;
    pthread_mutex_unlock(&s->lock);
    return e != NULL;
}

/* ---- the log of one attempt ---- */

struct log_reading {
    struct log_place *places; size_t n;
    uint64_t end;
    bool last, more;                             /* more: there are places that were not copied */
};

/* Copy what is needed of the index, so that the disk is read without the lock. */
static bool reading_begin(struct log_store *s, uint64_t attempt, const uint8_t *key, uint64_t offset, size_t max_bytes,
                          struct log_reading *ret)
{
    pthread_mutex_lock(&s->lock);
    const struct log_entry *e = log_index_find(&s->index, attempt, key);
    if (e) {
        size_t first = log_entry_place(e, offset), until = first;
        for (uint64_t bytes = 0; until < e->places.n && bytes < max_bytes && until - first < READ_PLACES_MAX; until++)
            bytes += e->places.at[until].n;
        *ret = (struct log_reading){.n = until - first, .end = e->end, .last = e->last, .more = until < e->places.n};
        ret->places = bf_xmemdup(e->places.at + first, ret->n * sizeof *ret->places);
    }
    pthread_mutex_unlock(&s->lock);
    return e != NULL;
}

enum bf_rc log_store_read(struct log_store *s, uint64_t attempt, const uint8_t *key, uint64_t offset, size_t max_bytes, log_told *told,
                          void *arg, struct log_end *ret, struct bf_error *err)
{
    struct log_reading reading = {0};
    if (!reading_begin(s, attempt, key, offset, max_bytes, &reading))
        return bf_fail(err, BF_NOT_FOUND, "no log is kept of this attempt: nothing was written yet, or it was dropped with age");
    struct log_reader reader;
    log_reader_init(&reader, s);
    BF_AUTO_FREE uint8_t *raw = bf_xmalloc(LOG_CHUNK_BYTES_MAX);
    struct log_end end = {.next = offset};
    size_t left = max_bytes, i = 0;
    bool stopped = false;
    for (; i < reading.n && left && !stopped; i++) {
        const struct log_place *p = &reading.places[i];
        struct log_frame f = {0};
        bool good = frame_read(&reader, p, &f, raw) == LOG_FOUND;
        uint64_t skip = end.next > p->offset ? end.next - p->offset : 0;
        size_t n = p->n - (size_t)skip, part = n < left ? n : left;
        uint64_t gap = skip ? 0 : p->offset - end.next;
        uint64_t cut = good && !skip && f.cut_bytes > gap ? f.cut_bytes : gap;
        struct log_piece piece = {.offset = p->offset + skip, .stream = f.stream, .at_us = f.at_us, .cut_bytes = cut, .bytes = raw + skip,
                                  .n = part};
        if (good && !told(arg, &piece)) {
            stopped = true;
            break;
        }
        end.cut_bytes += cut + (good ? 0 : n);
        end.next = p->offset + skip + (good ? part : n);
        left -= good ? part : 0;
        stopped = good && part < n;
    }
    log_reader_done(&reader);
    end.end = reading.last && !reading.more && !stopped && i == reading.n && end.next >= reading.end;
    free(reading.places);
    *ret = end;
    return BF_OK;
}

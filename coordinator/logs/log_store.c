/* Segments on disk and the lock over their index.
 *
 * Order of an append: the frame is written whole, then indexed, so that a reader never finds a place that is not there.  Readers
 * copy places under the lock and read the disk outside it; a segment that was dropped meanwhile is a gap to them. */
#include "coordinator/logs/log_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "common/crc32c.h"
#include "common/files.h"
#include "common/mem.h"
#include "coordinator/logs/log_index.h"

#define SEGMENT_NAME "%010u.seg"
#define READ_PLACES_MAX 16384
#define ZSTD_LEVEL 1

struct log_segment { uint32_t id; uint64_t bytes; };

struct log_store {
    char *dir;
    _Atomic uint64_t keep_bytes;
    uint32_t segment_bytes;
    int fd;                                      /* of the newest segment; the writer's */
    bool dirty;
    struct bf_buf scratch;                       /* the writer's */
    pthread_mutex_t lock;                        /* over all below; never held over a read or a write */
    BF_VEC_TYPE(struct log_segment) segments;    /* oldest first */
    uint64_t bytes, refused_bytes, damaged;
    struct log_index index;
};

static char *segment_path(const struct log_store *s, uint32_t id)
{
    return bf_xasprintf("%s/" SEGMENT_NAME, s->dir, id);
}

/* ---- opening ---- */

/* Index the frames of one segment.  Gives the bytes that are good. */
static uint64_t segment_scan(struct log_store *s, uint32_t id, const uint8_t *p, uint64_t n)
{
    uint64_t at = 0;
    struct log_frame f;
    while (n - at >= LOG_FRAME_BYTES && log_frame_decode(p + at, &f) && n - at - LOG_FRAME_BYTES >= f.stored_bytes) {
        log_index_add(&s->index, &f, id, (uint32_t)at);
        at += LOG_FRAME_BYTES + f.stored_bytes;
    }
    return at;
}

static enum bf_rc segment_load(struct log_store *s, uint32_t id, struct bf_error *err)
{
    BF_AUTO_FREE char *path = segment_path(s, id);
    BF_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return bf_fail_errno(err, BF_IO, errno, "%s cannot be read", path);
    uint64_t n = (uint64_t)st.st_size, good = 0;
    if (n > UINT32_MAX)
        return bf_fail(err, BF_CORRUPT, "%s is too large for a segment of logs; move it away", path);
    if (n) {
        void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            return bf_fail_errno(err, BF_IO, errno, "%s cannot be read", path);
        good = segment_scan(s, id, p, n);
        munmap(p, n);
    }
    s->damaged += good < n;                      /* a torn end, as after a crash: the rest of the segment is not used */
    s->bytes += n;
    bf_vec_push(&s->segments, (struct log_segment){.id = id, .bytes = n});
    return BF_OK;
}

static int id_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static enum bf_rc segments_load(struct log_store *s, struct bf_error *err)
{
    DIR *dir = opendir(s->dir);
    if (!dir)
        return bf_fail_errno(err, BF_IO, errno, "the folder of logs %s cannot be read", s->dir);
    BF_VEC_TYPE(uint32_t) ids = {0};
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        unsigned id;
        int n = 0;
        if (sscanf(entry->d_name, "%10u.seg%n", &id, &n) == 1 && n > 0 && entry->d_name[n] == '\0')
            bf_vec_push(&ids, id);
    }
    closedir(dir);
    if (ids.n)
        qsort(ids.at, ids.n, sizeof *ids.at, id_compare);
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; rc == BF_OK && i < ids.n; i++)
        rc = segment_load(s, ids.at[i], err);
    bf_vec_free(&ids);
    return rc;
}

enum bf_rc log_store_open(const char *dir, uint64_t keep_bytes, uint32_t segment_bytes, struct log_store **ret, struct bf_error *err)
{
    enum bf_rc rc = bf_mkdirs(dir, 0700, err);
    if (rc != BF_OK)
        return rc;
    struct log_store *s = bf_xcalloc(1, sizeof *s);
    s->dir = bf_xstrdup(dir);
    s->keep_bytes = keep_bytes;
    s->segment_bytes = segment_bytes;
    s->fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    rc = segments_load(s, err);
    if (rc != BF_OK) {
        log_store_close(s);
        return rc;
    }
    *ret = s;
    return BF_OK;
}

void log_store_close(struct log_store *s)
{
    if (!s)
        return;
    if (s->fd >= 0) {
        fdatasync(s->fd);
        close(s->fd);
    }
    log_index_done(&s->index);
    bf_vec_free(&s->segments);
    bf_buf_free(&s->scratch);
    pthread_mutex_destroy(&s->lock);
    free(s->dir);
    free(s);
}

/* ---- writing ---- */

/* Always into a fresh segment after a start: the end of the last one may be torn. */
static enum bf_rc segment_begin(struct log_store *s, struct bf_error *err)
{
    uint32_t id = s->segments.n ? s->segments.at[s->segments.n - 1].id + 1 : 1;
    BF_AUTO_FREE char *path = segment_path(s, id);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "the segment of logs %s cannot be made", path);
    if (s->fd >= 0) {
        fdatasync(s->fd);
        close(s->fd);
    }
    s->fd = fd;
    pthread_mutex_lock(&s->lock);
    bf_vec_push(&s->segments, (struct log_segment){.id = id});
    pthread_mutex_unlock(&s->lock);
    return BF_OK;
}

void log_store_keep(struct log_store *s, uint64_t keep_bytes)
{
    s->keep_bytes = keep_bytes;
}

/* The newest segment always stays. */
static void drop_oldest(struct log_store *s)
{
    while (s->segments.n > 1 && (s->bytes > s->keep_bytes || s->index.n_places > LOG_FRAMES_MAX)) {
        struct log_segment gone = s->segments.at[0];
        BF_AUTO_FREE char *path = segment_path(s, gone.id);
        unlink(path);
        pthread_mutex_lock(&s->lock);
        memmove(s->segments.at, s->segments.at + 1, (s->segments.n - 1) * sizeof *s->segments.at);
        s->segments.n--;
        s->bytes -= gone.bytes;
        log_index_drop_segment(&s->index, gone.id);
        pthread_mutex_unlock(&s->lock);
    }
}

/* Compress when it helps.  Header and payload stand in s->scratch afterwards. */
static void frame_build(struct log_store *s, struct log_frame *f, const uint8_t *bytes, size_t n)
{
    size_t bound = ZSTD_compressBound(n);
    bf_buf_clear(&s->scratch);
    bf_buf_reserve(&s->scratch, LOG_FRAME_BYTES + bound);
    uint8_t *payload = s->scratch.data + LOG_FRAME_BYTES;
    size_t packed = n ? ZSTD_compress(payload, bound, bytes, n, ZSTD_LEVEL) : 0;
    if (n && !ZSTD_isError(packed) && packed < n) {
        f->flags |= LOG_FLAG_ZSTD;
        f->stored_bytes = (uint32_t)packed;
    } else {
        if (n)
            memcpy(payload, bytes, n);
        f->stored_bytes = (uint32_t)n;
    }
    f->payload_crc = bf_crc32c(0, payload, f->stored_bytes);
    log_frame_encode(f, s->scratch.data);
    s->scratch.len = LOG_FRAME_BYTES + f->stored_bytes;
}

static enum bf_rc frame_write(struct log_store *s, const struct log_frame *f, struct bf_error *err)
{
    if (s->fd < 0 || s->segments.at[s->segments.n - 1].bytes + s->scratch.len > s->segment_bytes) {
        enum bf_rc rc = segment_begin(s, err);
        if (rc != BF_OK)
            return rc;
    }
    struct log_segment *segment = &s->segments.at[s->segments.n - 1];
    enum bf_rc rc = bf_write_all(s->fd, s->scratch.data, s->scratch.len, err);
    if (rc != BF_OK) {
        /* Half a frame may be there: it is cut off, or nothing more goes into this segment. */
        if (ftruncate(s->fd, (off_t)segment->bytes) != 0 || lseek(s->fd, (off_t)segment->bytes, SEEK_SET) < 0) {
            close(s->fd);
            s->fd = -1;
        }
        return rc;
    }
    s->dirty = true;
    pthread_mutex_lock(&s->lock);
    log_index_add(&s->index, f, segment->id, (uint32_t)segment->bytes);
    segment->bytes += s->scratch.len;
    s->bytes += s->scratch.len;
    pthread_mutex_unlock(&s->lock);
    drop_oldest(s);
    return BF_OK;
}

enum bf_rc log_store_append(struct log_store *s, const uint8_t key[LOG_KEY_BYTES], const struct log_msg *chunk, uint64_t *ret_acked,
                            struct bf_error *err)
{
    if (chunk->n_bytes > LOG_CHUNK_BYTES_MAX || chunk->offset > UINT64_MAX - chunk->n_bytes)
        return bf_fail(err, BF_LIMIT, "a chunk of %zu bytes of log is too large", chunk->n_bytes);
    struct log_frame f = {.attempt = chunk->attempt, .token = chunk->token, .offset = chunk->offset, .at_us = chunk->at_us,
                          .cut_bytes = chunk->cut_bytes, .stream = chunk->stream, .flags = chunk->last ? LOG_FLAG_LAST : 0};
    memcpy(f.sender, key, LOG_SENDER_BYTES);
    /* Only this thread changes the index, so it may look without the lock. */
    const struct log_entry *e = log_index_find(&s->index, f.attempt, f.sender);
    uint64_t end = e ? e->end : 0, skip = 0;
    if (e && chunk->offset < end)
        skip = end - chunk->offset < chunk->n_bytes ? end - chunk->offset : chunk->n_bytes;
    size_t n = chunk->n_bytes - (size_t)skip;
    f.offset += skip;
    f.raw_bytes = (uint32_t)n;
    bool news = n > 0 || (chunk->last && !(e && e->last)) || (!skip && chunk->cut_bytes);
    if (e && e->kept_bytes + n > LOG_ATTEMPT_BYTES_MAX) {
        s->refused_bytes += n;
        news = false;
    }
    if (news) {
        frame_build(s, &f, n > 0 ? chunk->bytes + skip : NULL, n);
        enum bf_rc rc = frame_write(s, &f, err);
        if (rc != BF_OK)
            return rc;
    }
    uint64_t here = chunk->offset + chunk->n_bytes;
    *ret_acked = here > end ? here : end;
    return BF_OK;
}

enum bf_rc log_store_sync(struct log_store *s, struct bf_error *err)
{
    if (!s->dirty || s->fd < 0)
        return BF_OK;
    s->dirty = false;
    return fdatasync(s->fd) == 0 ? BF_OK : bf_fail_errno(err, BF_IO, errno, "the logs in %s cannot be synced", s->dir);
}

void log_store_stats(struct log_store *s, struct log_store_stats *ret)
{
    pthread_mutex_lock(&s->lock);
    *ret = (struct log_store_stats){.bytes = s->bytes, .segments = s->segments.n, .frames = s->index.n_places,
                                    .attempts = s->index.n_entries, .refused_bytes = s->refused_bytes, .damaged = s->damaged};
    pthread_mutex_unlock(&s->lock);
}

/* ---- reading ---- */

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
        size_t low = 0, high = e->places.n;      /* the first place that reaches past offset */
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (e->places.at[middle].offset + e->places.at[middle].n > offset)
                high = middle;
            else
                low = middle + 1;
        }
        size_t until = low;
        for (uint64_t bytes = 0; until < e->places.n && bytes < max_bytes && until - low < READ_PLACES_MAX; until++)
            bytes += e->places.at[until].n;
        *ret = (struct log_reading){.n = until - low, .end = e->end, .last = e->last, .more = until < e->places.n};
        ret->places = bf_xmemdup(e->places.at + low, ret->n * sizeof *ret->places);
    }
    pthread_mutex_unlock(&s->lock);
    return e != NULL;
}

uint64_t log_store_end(struct log_store *s, uint64_t attempt, const uint8_t *key)
{
    pthread_mutex_lock(&s->lock);
    const struct log_entry *e = log_index_find(&s->index, attempt, key);
    uint64_t end = e ? e->end : 0;
    pthread_mutex_unlock(&s->lock);
    return end;
}

struct log_file { int fd; uint32_t id; };

/* One frame into raw; false when it is gone or damaged. */
static bool place_read(struct log_store *s, struct log_file *file, const struct log_place *p, struct log_frame *ret_frame,
                       uint8_t raw[LOG_CHUNK_BYTES_MAX])
{
    static const size_t stored_max = LOG_CHUNK_BYTES_MAX + 1024;
    if (file->fd < 0 || file->id != p->segment) {
        BF_AUTO_FREE char *path = segment_path(s, p->segment);
        if (file->fd >= 0)
            close(file->fd);
        file->fd = open(path, O_RDONLY | O_CLOEXEC);
        file->id = p->segment;
    }
    uint8_t head[LOG_FRAME_BYTES];
    if (file->fd < 0 || pread(file->fd, head, sizeof head, p->position) != (ssize_t)sizeof head ||
        !log_frame_decode(head, ret_frame) || ret_frame->raw_bytes != p->n || ret_frame->stored_bytes > stored_max)
        return false;
    BF_AUTO_FREE uint8_t *stored = bf_xmalloc(ret_frame->stored_bytes + 1);
    if (pread(file->fd, stored, ret_frame->stored_bytes, (off_t)p->position + LOG_FRAME_BYTES) != (ssize_t)ret_frame->stored_bytes ||
        bf_crc32c(0, stored, ret_frame->stored_bytes) != ret_frame->payload_crc)
        return false;
    if (ret_frame->flags & LOG_FLAG_ZSTD)
        return ZSTD_decompress(raw, LOG_CHUNK_BYTES_MAX, stored, ret_frame->stored_bytes) == p->n;
    if (ret_frame->stored_bytes != p->n)
        return false;
    memcpy(raw, stored, p->n);
    return true;
}

enum bf_rc log_store_read(struct log_store *s, uint64_t attempt, const uint8_t *key, uint64_t offset, size_t max_bytes, log_told *told,
                          void *arg, struct log_end *ret, struct bf_error *err)
{
    struct log_reading reading = {0};
    if (!reading_begin(s, attempt, key, offset, max_bytes, &reading))
        return bf_fail(err, BF_NOT_FOUND, "no log is kept of this attempt: nothing was written yet, or it was dropped with age");
    BF_AUTO_FREE uint8_t *raw = bf_xmalloc(LOG_CHUNK_BYTES_MAX);
    struct log_file file = {.fd = -1};
    struct log_end end = {.next = offset};
    size_t left = max_bytes, i = 0;
    bool stopped = false;
    for (; i < reading.n && left && !stopped; i++) {
        const struct log_place *p = &reading.places[i];
        struct log_frame f = {0};
        bool good = place_read(s, &file, p, &f, raw);
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
    if (file.fd >= 0)
        close(file.fd);
    end.end = reading.last && !reading.more && !stopped && i == reading.n && end.next >= reading.end;
    free(reading.places);
    *ret = end;
    return BF_OK;
}

/* Segments on disk and the lock over their index.
 *
 * Order of an append: the frame is written whole, then indexed, so that a reader never finds a place that is not there.  Readers
 * copy places under the lock and read the disk outside it; a segment that was dropped meanwhile is a gap to them. */
#include "coordinator/logs/log_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "common/clock.h"
#include "common/crc32c.h"
#include "common/files.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/logs/log_store_state.h"

#define SEGMENT_NAME "%010u.seg"
#define GONE_NAME "gone"                         /* since when logs are kept: microseconds since 1970, for people a line of text */
#define ZSTD_LEVEL 1
#define LINE_OPEN_MAX (16u << 10)                /* a line that is longer when a frame begins is cut there */
#define ROTATIONS_IN_AGE 10                      /* a segment is no longer in use than this part of the age that is kept */

char *log_segment_path(const struct log_store *s, uint32_t id)
{
    return bf_xasprintf("%s/" SEGMENT_NAME, s->dir, id);
}

/* ---- opening ---- */

/* What stands of the line that each stream is in, after a frame. */
static void entry_follow(struct log_entry *e, const struct log_frame *f, uint32_t open_bytes)
{
    if (e && f->stream < LOG_STREAMS && f->raw_bytes)
        e->open_bytes[f->stream] = open_bytes;
}

static void frame_index(struct log_store *s, const struct log_frame *f, const uint8_t *payload, uint32_t id, uint32_t at)
{
    struct log_name name;
    if (f->flags & LOG_FLAG_NAME) {
        if (log_name_decode(f, payload, &name))
            log_index_name(&s->index, &name, f->sender, id);
        return;
    }
    log_index_add(&s->index, f, id, at);
    entry_follow(log_index_find(&s->index, f->attempt, f->sender), f, f->flags & LOG_FLAG_OPEN ? f->raw_bytes : 0);
}

/* The next header behind damage: each has a checksum, so that a log which looks like one is not taken for it. */
static uint64_t segment_resume(const uint8_t *p, uint64_t at, uint64_t n)
{
    struct log_frame f;
    while (n - at > LOG_FRAME_BYTES) {
        const uint8_t *found = memmem(p + at + 1, n - at - 1, LOG_FRAME_MAGIC, sizeof LOG_FRAME_MAGIC - 1);
        if (!found)
            break;
        at = (uint64_t)(found - p);
        if (n - at >= LOG_FRAME_BYTES && log_frame_decode(found, &f))
            return at;
    }
    return n;
}

/* Index the frames of one segment.  Gives the bytes that are good; what is damaged is passed over. */
static uint64_t segment_scan(struct log_store *s, uint32_t id, const uint8_t *p, uint64_t n)
{
    uint64_t at = 0, lost = 0;
    struct log_frame f;
    while (n - at >= LOG_FRAME_BYTES) {
        if (!log_frame_decode(p + at, &f) || n - at - LOG_FRAME_BYTES < f.stored_bytes) {
            uint64_t next = segment_resume(p, at, n);
            lost += next - at;
            at = next;
            continue;
        }
        frame_index(s, &f, p + at + LOG_FRAME_BYTES, id, (uint32_t)at);
        at += LOG_FRAME_BYTES + f.stored_bytes;
    }
    return at - lost;
}

static enum bf_rc segment_load(struct log_store *s, uint32_t id, struct bf_error *err)
{
    BF_AUTO_FREE char *path = log_segment_path(s, id);
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
    s->damaged += good < n;                      /* a torn end, as after a crash, or worse */
    s->bytes += n;
    int64_t written_us = st.st_mtim.tv_sec * INT64_C(1000000) + st.st_mtim.tv_nsec / 1000;
    bf_vec_push(&s->segments, (struct log_segment){.id = id, .bytes = n, .began_us = written_us, .written_us = written_us});
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

/* A small file, for the sentence that older lines are gone; without it nothing is said. */
static void gone_load(struct log_store *s)
{
    BF_AUTO_FREE char *path = bf_xasprintf("%s/" GONE_NAME, s->dir);
    struct bf_buf text = {0};
    struct bf_error err;
    int64_t us;
    if (bf_file_read(path, 64, &text, &err) == BF_OK && bf_parse_int(bf_buf_cstr(&text), 1, INT64_MAX, &us))
        s->gone_us = us;
    bf_buf_free(&text);
}

static void gone_keep(const struct log_store *s)
{
    BF_AUTO_FREE char *path = bf_xasprintf("%s/" GONE_NAME, s->dir);
    BF_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)dprintf(fd, "%" PRId64, s->gone_us);
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
    log_names_init(&s->names);
    gone_load(s);
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
    log_names_done(&s->names);
    pthread_mutex_destroy(&s->lock);
    free(s->dir);
    free(s);
}

void log_store_keep_age(struct log_store *s, int64_t age_ms)
{
    s->keep_age_us = age_ms * 1000;
}

void log_store_granted(struct log_store *s, const uint8_t key[LOG_KEY_BYTES], const struct log_name *name)
{
    log_names_put(&s->names, name, key);
}

/* ---- writing ---- */

static struct log_segment *segment_newest(struct log_store *s)
{
    return s->segments.n ? &s->segments.at[s->segments.n - 1] : NULL;
}

/* Always into a fresh segment after a start: the end of the last one may be torn. */
static enum bf_rc segment_begin(struct log_store *s, struct bf_error *err)
{
    uint32_t id = s->segments.n ? segment_newest(s)->id + 1 : 1;
    BF_AUTO_FREE char *path = log_segment_path(s, id);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "the segment of logs %s cannot be made", path);
    if (s->fd >= 0) {
        fdatasync(s->fd);
        close(s->fd);
    }
    s->fd = fd;
    int64_t now_us = bf_realtime_us();
    pthread_mutex_lock(&s->lock);
    bf_vec_push(&s->segments, (struct log_segment){.id = id, .began_us = now_us, .written_us = now_us});
    pthread_mutex_unlock(&s->lock);
    return BF_OK;
}

void log_store_keep(struct log_store *s, uint64_t keep_bytes)
{
    s->keep_bytes = keep_bytes;
}

static void segment_drop_oldest(struct log_store *s)
{
    struct log_segment gone = s->segments.at[0];
    BF_AUTO_FREE char *path = log_segment_path(s, gone.id);
    unlink(path);
    pthread_mutex_lock(&s->lock);
    memmove(s->segments.at, s->segments.at + 1, (s->segments.n - 1) * sizeof *s->segments.at);
    s->segments.n--;
    s->bytes -= gone.bytes;
    s->gone_us = gone.written_us > s->gone_us ? gone.written_us : s->gone_us;
    log_index_drop_segment(&s->index, gone.id);
    pthread_mutex_unlock(&s->lock);
    gone_keep(s);
}

/* The newest segment always stays while there is too much; one that is too old is let go once nothing is written into it. */
void log_store_tidy(struct log_store *s, int64_t now_us)
{
    int64_t from_us = s->keep_age_us ? now_us - s->keep_age_us : INT64_MIN;
    if (s->fd >= 0 && s->keep_age_us && segment_newest(s)->began_us < now_us - s->keep_age_us / ROTATIONS_IN_AGE) {
        fdatasync(s->fd);
        close(s->fd);
        s->fd = -1;
    }
    while (s->segments.n > 1 && (s->bytes > s->keep_bytes || s->index.n_places > LOG_FRAMES_MAX))
        segment_drop_oldest(s);
    /* The newest gives its number to the next one, so that it goes only behind a fresh one. */
    struct bf_error err = {0};
    const struct log_segment *newest = segment_newest(s);
    if (s->fd < 0 && newest && newest->bytes && newest->written_us < from_us && segment_begin(s, &err) != BF_OK)
        return;
    while (s->segments.n > 1 && s->segments.at[0].written_us < from_us)
        segment_drop_oldest(s);
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

static enum bf_rc segment_write(struct log_store *s, const void *p, size_t n, struct bf_error *err)
{
    struct log_segment *segment = segment_newest(s);
    enum bf_rc rc = bf_write_all(s->fd, p, n, err);
    /* Half a frame may be there: it is cut off, or nothing more goes into this segment. */
    if (rc != BF_OK && (ftruncate(s->fd, (off_t)segment->bytes) != 0 || lseek(s->fd, (off_t)segment->bytes, SEEK_SET) < 0)) {
        close(s->fd);
        s->fd = -1;
    }
    s->dirty = true;
    return rc;
}

/* Under the lock, after the bytes are there. */
static void segment_grown(struct log_store *s, size_t n)
{
    struct log_segment *segment = segment_newest(s);
    segment->bytes += n;
    segment->written_us = bf_realtime_us();
    s->bytes += n;
}

/* Every segment names the attempts in it, so that it can be read without those before it. */
static enum bf_rc name_write(struct log_store *s, const struct log_frame *f, const struct log_name *name, struct bf_error *err)
{
    uint8_t bytes[LOG_FRAME_BYTES + LOG_NAME_BYTES];
    struct log_frame head = {.attempt = f->attempt, .token = f->token, .at_us = f->at_us, .stored_bytes = LOG_NAME_BYTES,
                             .flags = LOG_FLAG_NAME};
    memcpy(head.sender, f->sender, sizeof head.sender);
    log_name_encode(name, bytes + LOG_FRAME_BYTES);
    head.payload_crc = bf_crc32c(0, bytes + LOG_FRAME_BYTES, LOG_NAME_BYTES);
    log_frame_encode(&head, bytes);
    enum bf_rc rc = segment_write(s, bytes, sizeof bytes, err);
    if (rc == BF_OK) {
        pthread_mutex_lock(&s->lock);
        log_index_name(&s->index, name, f->sender, segment_newest(s)->id);
        segment_grown(s, sizeof bytes);
        pthread_mutex_unlock(&s->lock);
    }
    return rc;
}

/* What is in s->scratch, and the name of its attempt before it where this segment does not have it.  open_bytes: of its last line. */
static enum bf_rc frame_write(struct log_store *s, const struct log_frame *f, uint32_t open_bytes, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    size_t most = s->scratch.len + LOG_FRAME_BYTES + LOG_NAME_BYTES;
    if (s->fd < 0 || segment_newest(s)->bytes + most > s->segment_bytes)
        rc = segment_begin(s, err);
    const struct log_entry *e = log_index_find(&s->index, f->attempt, f->sender);
    struct log_name name = {0};
    if (rc == BF_OK && e && e->name.backfill)
        name = e->name;
    else if (rc == BF_OK)
        (void)log_names_take(&s->names, f->attempt, f->sender, &name);
    if (rc == BF_OK && name.backfill && !(e && e->name_segment == segment_newest(s)->id))
        rc = name_write(s, f, &name, err);
    if (rc == BF_OK)
        rc = segment_write(s, s->scratch.data, s->scratch.len, err);
    if (rc != BF_OK)
        return rc;
    pthread_mutex_lock(&s->lock);
    log_index_add(&s->index, f, segment_newest(s)->id, (uint32_t)segment_newest(s)->bytes);
    entry_follow(log_index_find(&s->index, f->attempt, f->sender), f, open_bytes);
    segment_grown(s, s->scratch.len);
    pthread_mutex_unlock(&s->lock);
    log_store_tidy(s, segment_newest(s)->written_us);
    return BF_OK;
}

/* Where lines stand in this frame: flags, and how much of a line is open behind it. */
static uint32_t frame_lines(struct log_frame *f, const struct log_entry *e, const uint8_t *p, size_t n)
{
    uint64_t end = e ? e->end : 0;
    uint32_t before = e && f->stream < LOG_STREAMS && f->offset == end && !f->cut_bytes ? e->open_bytes[f->stream] : 0;
    const uint8_t *last = n ? memrchr(p, '\n', n) : NULL;
    size_t open = last ? (size_t)(p + n - last) - 1 : n;
    if (n && before && before < LINE_OPEN_MAX)
        f->flags |= LOG_FLAG_MID;
    if (open)
        f->flags |= LOG_FLAG_OPEN;
    return (uint32_t)open + (last || !(f->flags & LOG_FLAG_MID) ? 0 : before);
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
        pthread_mutex_lock(&s->lock);            /* the threads of searches read the statistics */
        s->refused_bytes += n;
        pthread_mutex_unlock(&s->lock);
        news = false;
    }
    if (news) {
        uint32_t open_bytes = frame_lines(&f, e, chunk->bytes + skip, n);
        frame_build(s, &f, n > 0 ? chunk->bytes + skip : NULL, n);
        enum bf_rc rc = frame_write(s, &f, open_bytes, err);
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
                                    .attempts = s->index.n_entries, .refused_bytes = s->refused_bytes, .damaged = s->damaged,
                                    .gone_us = s->gone_us};
    pthread_mutex_unlock(&s->lock);
}

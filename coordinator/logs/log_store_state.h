/* The inside of the log store, shared by log_store.c, log_read.c and the search; nobody else includes it. */
#ifndef BF_LOG_STORE_STATE_H
#define BF_LOG_STORE_STATE_H

#include <pthread.h>

#include "coordinator/logs/log_index.h"
#include "coordinator/logs/log_names.h"
#include "coordinator/logs/log_store.h"

/* began_us, written_us: of its first and its newest frame, on the coordinator's clock; after a start both are the file's. */
struct log_segment { uint32_t id; uint64_t bytes; int64_t began_us, written_us; };

struct log_store {
    char *dir;
    _Atomic uint64_t keep_bytes;
    int64_t keep_age_us;                         /* 0: of any age */
    uint32_t segment_bytes;
    int fd;                                      /* of the newest segment; the writer's */
    bool dirty;
    struct bf_buf scratch;                       /* the writer's */
    struct log_names names;                      /* has a lock of its own */
    pthread_mutex_t lock;                        /* over all below; never held over a read or a write */
    BF_VEC_TYPE(struct log_segment) segments;    /* oldest first */
    uint64_t bytes, refused_bytes, damaged;
    int64_t gone_us;                             /* everything written before is dropped; 0: nothing was */
    struct log_index index;
};

char *log_segment_path(const struct log_store *s, uint32_t id);

/* Reads frames: a few open segments and the frames read last.  For one thread. */
#define LOG_READER_FILES 8u
#define LOG_READER_FRAMES 32u
enum log_found { LOG_FOUND, LOG_GONE, LOG_DAMAGED };         /* GONE: its segment was dropped */
struct log_file { int fd; uint32_t id; };
struct log_slot { uint32_t segment, position; struct log_frame frame; uint8_t *raw; };       /* segment 0: free */
struct log_reader {
    struct log_store *store;
    struct log_file files[LOG_READER_FILES];
    struct log_slot slots[LOG_READER_FRAMES];
    unsigned next_file, next_slot, pinned;       /* pinned: a slot that stays, or LOG_READER_FRAMES */
    void *zstd;
    uint8_t *stored;
};
void log_reader_init(struct log_reader *r, struct log_store *s);
void log_reader_done(struct log_reader *r);
/* *ret_bytes: p->n bytes, valid until LOG_READER_FRAMES others were read, or for as long as it is pinned. */
enum log_found log_reader_read(struct log_reader *r, const struct log_place *p, struct log_frame *ret_frame, const uint8_t **ret_bytes);
void log_reader_pin(struct log_reader *r, const struct log_place *p);
/* The header at a place of a segment.  LOG_GONE: there is none. */
enum log_found log_reader_head(struct log_reader *r, uint32_t segment, uint32_t position, struct log_frame *ret);

/* The nearest place of what the named sender sent of an attempt, on one stream (0: any): the last that begins before offset, or the
 * first that begins at offset or behind.  Looks at LOG_NEAR_MAX places at most.  Any thread. */
#define LOG_NEAR_MAX 4096u
bool log_place_before(struct log_store *s, uint64_t attempt, uint64_t offset, uint8_t stream, struct log_place *ret);
bool log_place_from(struct log_store *s, uint64_t attempt, uint64_t offset, uint8_t stream, struct log_place *ret);

#endif

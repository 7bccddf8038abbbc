/* Where the frames of each attempt are.  Private to logs/; the caller holds the lock. */
#ifndef BF_LOG_INDEX_H
#define BF_LOG_INDEX_H

#include "common/map.h"
#include "common/vec.h"
#include "coordinator/logs/log_frame.h"

struct log_place { uint64_t offset; uint32_t segment, position, n; };        /* n: bytes of log, not on disk */

/* What one sender sent of one attempt, in order of offset. */
struct log_entry {
    struct log_entry *next;                      /* another sender of the same attempt */
    uint64_t attempt;
    uint8_t sender[LOG_SENDER_BYTES];
    BF_VEC_TYPE(struct log_place) places;
    uint64_t end, kept_bytes;                    /* end: offset behind the newest byte */
    bool last;                                   /* the attempt said that nothing follows */
};

struct log_index { struct bf_map entries; uint64_t n_entries, n_places; };   /* attempt -> struct log_entry *, owned */

/* sender NULL: whoever was first. */
struct log_entry *log_index_find(const struct log_index *x, uint64_t attempt, const uint8_t *sender);
void log_index_add(struct log_index *x, const struct log_frame *f, uint32_t segment, uint32_t position);
/* Forget all places in a segment. */
void log_index_drop_segment(struct log_index *x, uint32_t segment);
void log_index_done(struct log_index *x);

#endif

/* Where the frames of each attempt are.  Private to logs/; the caller holds the lock. */
#ifndef BF_LOG_INDEX_H
#define BF_LOG_INDEX_H

#include "common/map.h"
#include "common/vec.h"
#include "coordinator/logs/log_frame.h"

#define LOG_STREAMS 4u                           /* numbers of streams are below */

/* n: bytes of log, not on disk. */
struct log_place { uint64_t offset; int64_t at_us; uint32_t segment, position, n; uint8_t stream, flags; };

/* What one sender sent of one attempt, in order of offset. */
struct log_entry {
    struct log_entry *next;                      /* another sender of the same attempt */
    uint64_t attempt;
    uint8_t sender[LOG_SENDER_BYTES];
    BF_VEC_TYPE(struct log_place) places;
    uint64_t end, kept_bytes;                    /* end: offset behind the newest byte */
    uint32_t open_bytes[LOG_STREAMS];            /* since the last end of a line, by stream */
    uint32_t name_segment;                       /* newest segment that has the name; 0: none */
    struct log_name name;                        /* backfill 0: not known */
    bool last;                                   /* the attempt said that nothing follows */
};

/* The attempts of a backfill that have a name and a log. */
struct log_named { uint64_t attempt; uint32_t step, index, agent, run; };
struct log_backfill { BF_VEC_TYPE(struct log_named) at; };

/* attempt -> struct log_entry *, backfill -> struct log_backfill *; both owned */
struct log_index { struct bf_map entries, backfills; uint64_t n_entries, n_places; };

/* sender NULL: the one that the attempt was granted to; where that is not known, whoever was first. */
struct log_entry *log_index_find(const struct log_index *x, uint64_t attempt, const uint8_t *sender);
void log_index_add(struct log_index *x, const struct log_frame *f, uint32_t segment, uint32_t position);
/* Say what an attempt ran that this sender was given; segment is where that is written. */
void log_index_name(struct log_index *x, const struct log_name *name, const uint8_t sender[LOG_SENDER_BYTES], uint32_t segment);
/* What the one sent that the attempt was granted to; NULL: not known. */
struct log_entry *log_index_named(const struct log_index *x, uint64_t attempt);
/* NULL: none. */
const struct log_backfill *log_index_backfill(const struct log_index *x, uint32_t backfill);
/* The first place of an entry that ends behind offset; places.n: none. */
size_t log_entry_place(const struct log_entry *e, uint64_t offset);
/* Forget all places in a segment. */
void log_index_drop_segment(struct log_index *x, uint32_t segment);
void log_index_done(struct log_index *x);

#endif

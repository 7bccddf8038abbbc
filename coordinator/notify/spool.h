/* Messages on disk, beside the store, until a receiver has taken them: one file each, oldest first, bounded by count and bytes.
 *
 * "0000000000000012-1.json" is message 12 of target 1.  A file is written beside, synced and renamed: it is there whole or not at all.
 * For one thread. */
#ifndef BF_NOTIFY_SPOOL_H
#define BF_NOTIFY_SPOOL_H

#include "common/buf.h"
#include "common/error.h"
#include "common/vec.h"

struct spooled { uint64_t number; unsigned target; uint64_t bytes; };

struct spool {
    char *dir;
    uint64_t max_bytes, max_count;
    BF_VEC_TYPE(struct spooled) at;              /* by number */
    uint64_t next, bytes;
    uint64_t dropped;                            /* since it was opened, because there was no room */
};

/* Make the folder where it is absent, and take what is in it. */
enum bf_rc spool_open(struct spool *s, const char *dir, uint64_t max_bytes, uint64_t max_count, struct bf_error *err) BF_MUST_CHECK;
void spool_done(struct spool *s);
/* Add one; the oldest go when there is no room.  BF_OK, or why it could not be written: then it is kept nowhere. */
enum bf_rc spool_put(struct spool *s, unsigned target, const void *p, size_t n, struct bf_error *err) BF_MUST_CHECK;
/* The oldest of a target; false: none. */
bool spool_first(const struct spool *s, unsigned target, struct spooled *ret);
enum bf_rc spool_read(const struct spool *s, const struct spooled *m, struct bf_buf *ret, struct bf_error *err) BF_MUST_CHECK;
void spool_remove(struct spool *s, const struct spooled *m);

#endif

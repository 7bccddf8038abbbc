/* The logs of attempts on disk: segments of compressed frames, and an index in memory.
 *
 * One writer appends; readers may come from other threads.  A frame is one chunk of an attempt, with its own header and checksum;
 * at start the headers are read and a torn end is left behind.  Segments are rotated at 64 MiB and the oldest are dropped when
 * there is more than is kept.  Logs are outside the journal: the last second may be lost, and shows as a gap.
 * Frames remember who sent them, so that one agent's log never shows another's lines. */
#ifndef BF_LOG_STORE_H
#define BF_LOG_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "coordinator/logs/log_frame.h"
#include "proto/agent_msg.h"

#define LOG_SEGMENT_BYTES (64u << 20)
#define LOG_FRAMES_MAX 2000000u                  /* in the index, 40 bytes each; the oldest segment goes when there are more */
#define LOG_ATTEMPT_BYTES_MAX (64u << 20)        /* kept of one attempt */
#define LOG_CHUNK_BYTES_MAX (64u << 10)
#define LOG_KEY_BYTES 32

struct log_store;
enum bf_rc log_store_open(const char *dir, uint64_t keep_bytes, uint32_t segment_bytes, struct log_store **ret,
                          struct bf_error *err) BF_MUST_CHECK;
void log_store_close(struct log_store *s);       /* NULL is fine */

/* Drop segments that nothing was written into for so long (default 0: of any age).  Before the first append. */
void log_store_keep_age(struct log_store *s, int64_t age_ms);
/* What an attempt runs that was granted to this agent: written down with its first chunk.  Any thread. */
void log_store_granted(struct log_store *s, const uint8_t key[LOG_KEY_BYTES], const struct log_name *name);

/* The writer's thread only: drop what is too much or too old.  Called by every append; needed by itself where age counts. */
void log_store_tidy(struct log_store *s, int64_t now_us);
/* Any thread: how much is kept from the next segment on. */
void log_store_keep(struct log_store *s, uint64_t keep_bytes);

/* The writer's thread only.  A chunk that does not follow what is there of its attempt is kept too: readers see the gap.
 * One that is there already is passed over.  *ret_acked: bytes of this attempt that need not be sent again. */
enum bf_rc log_store_append(struct log_store *s, const uint8_t key[LOG_KEY_BYTES], const struct log_msg *chunk, uint64_t *ret_acked,
                            struct bf_error *err) BF_MUST_CHECK;
enum bf_rc log_store_sync(struct log_store *s, struct bf_error *err) BF_MUST_CHECK;

/* One chunk of an answer; bytes are valid during the call.  offset is that of its first byte.  false stops. */
struct log_piece { uint64_t offset; uint8_t stream; int64_t at_us; uint64_t cut_bytes; const uint8_t *bytes; size_t n; };
typedef bool log_told(void *arg, const struct log_piece *piece);
struct log_end { uint64_t next, cut_bytes; bool end; };
/* Any thread.  From offset on, until told() says no or max_bytes.  key: only what this agent sent; NULL: whoever sent first.
 * *ret->next: where to go on; end: the attempt said that it was its last, and nothing is left.  cut_bytes: dropped by the
 * agent or by age within what was walked.  BF_NOT_FOUND when nothing is kept of the attempt. */
enum bf_rc log_store_read(struct log_store *s, uint64_t attempt, const uint8_t *key, uint64_t offset, size_t max_bytes, log_told *told,
                          void *arg, struct log_end *ret, struct bf_error *err) BF_MUST_CHECK;

/* Offset behind the newest byte that is there of an attempt; 0: nothing.  key as above.  Any thread. */
uint64_t log_store_end(struct log_store *s, uint64_t attempt, const uint8_t *key);

/* What an attempt ran, as it is written beside its log; false: nothing is kept of it, or by a version that wrote no names.  Any thread. */
bool log_store_name(struct log_store *s, uint64_t attempt, struct log_name *ret);

/* gone_us: everything that was written before is dropped, by size or age; 0: nothing was. */
struct log_store_stats { uint64_t bytes, segments, frames, attempts, refused_bytes, damaged; int64_t gone_us; };
void log_store_stats(struct log_store *s, struct log_store_stats *ret);

#endif

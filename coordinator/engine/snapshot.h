/* A checkpoint that is written a piece at a time, as of the moment it began (snapshot.c). */
#ifndef BF_ENGINE_SNAPSHOT_H
#define BF_ENGINE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/vec.h"
#include "coordinator/engine/engine.h"

struct backfill;

#define SNAPSHOT_CHUNK 4096u                     /* instances in a chunk */

struct captured { uint32_t backfill, chunk; uint8_t *bytes; size_t n; };
struct snapshot {
    bool active;
    struct engine_out eager;                     /* records as of the beginning */
    size_t eager_at;
    uint32_t backfills;                          /* those with an id up to this one */
    uint32_t backfill, chunk;                    /* next to be written */
    BF_VEC_TYPE(struct captured) captured;       /* written ahead, because they changed */
    size_t captured_at;
};

/* Call before base state of an instance changes: its chunk is captured if a snapshot still needs it. */
void snapshot_touch(struct engine *e, struct backfill *b, uint32_t number);
void snapshot_drop(struct engine *e);

/* ---- snapshot_pack.c ---- */
uint32_t snapshot_chunks(const struct backfill *b);
/* false: nothing has happened to any of the chunk, and nothing is written. */
bool snapshot_pack(const struct backfill *b, uint32_t chunk, struct bf_buf *out);
enum bf_rc instances_unpack(struct backfill *b, uint32_t number, const uint8_t *bytes, size_t n,
                            struct bf_error *err) BF_MUST_CHECK;

#endif

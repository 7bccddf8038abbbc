/* One turn: what was decided on together, and the records that this made; a value of the journal.
 *
 * Replay decides again on the inputs and compares the records. */
#ifndef BF_PROTO_TURN_H
#define BF_PROTO_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "proto/input.h"
#include "proto/record.h"

#define BF_TURN_VERSION 1u
#define TURN_MAX_BYTES (64u << 20)
#define TURN_INPUTS_MAX 65536u
#define TURN_RECORDS_MAX (1u << 20)          /* a decoded record takes 200 bytes, and a kilobyte more where it says what few do */

/* One turn: a journal value. */
struct turn {
    uint64_t seq;
    int64_t now_ms;                          /* engine time: monotonic over restarts */
    int64_t wall_us;                         /* CLOCK_REALTIME, for displays */
    struct input *inputs; size_t n_inputs;
    struct record *records; size_t n_records;
    struct bf_arena arena;
};

/* Append {version, header, inputs, records} to *ret; the store adds the checksum.  Asserts the three limits above, and kinds:
 * what could not be read again is never written.  The texts of outcomes and replies are cut and cleaned to valid UTF-8. */
void turn_encode(const struct turn *t, struct bf_buf *ret);
enum bf_rc turn_decode(const void *p, size_t n, struct turn *ret, struct bf_error *err) BF_MUST_CHECK;
/* The same without its records, for who decides again; and whether those that are stored are these, byte for byte.  n bytes at p: a turn
 * that turn_decode_inputs() has read.  scratch is overwritten. */
enum bf_rc turn_decode_inputs(const void *p, size_t n, struct turn *ret, struct bf_error *err) BF_MUST_CHECK;
bool turn_records_are(const void *p, size_t n, const struct record *records, size_t n_records, struct bf_buf *scratch) BF_MUST_CHECK;
void turn_done(struct turn *t);

/* A list of records alone, for checkpoint chunks; same encoding, decoded into arena. */
void records_encode(const struct record *records, size_t n, struct bf_buf *ret);
enum bf_rc records_decode(const void *p, size_t n, struct bf_arena *arena, struct record **ret, size_t *ret_n,
                          struct bf_error *err) BF_MUST_CHECK;

#endif

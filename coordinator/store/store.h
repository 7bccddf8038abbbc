/* The store: a journal of turns, plans, and checkpoints, in LMDB.  Nothing here knows what a record means.
 *
 * One turn is one appended value, keyed by its sequence number, with CRC-32C.  store_commit() is durable when it returns.  After
 * any commit error the outcome is unknown: the caller must exit, reopen and verify.
 *
 * Checkpoint: chunks are written under a new generation, a few with each turn; the pointer {generation, as-of sequence} is flipped
 * with the last.  Journal before the pointer, when it is more than is kept, and older generations are deleted in bounded slices later.
 * Older checkpoints are kept for replay, as long as the journal has the turn after them (history.c).
 * Details: what single attempts told, in a table of its own that recovery never reads.  At most STORE_DETAILS_ATTEMPTS of an instance
 * and details_bytes in all are kept; of the oldest backfills they go first.
 * Audit: the trail, in a table of its own (proto/audit.h), chained; what it lets go is bounded by size and age.
 * Low water: data.mdb is grown ahead; below the reserve the store says so, and only small turns (results, cancels) still fit.  It is
 * over when enough was deleted: with turns, and without them by store_tidy(). */
#ifndef BF_STORE_H
#define BF_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "proto/audit.h"
#include "proto/clock.h"

struct store;                                   /* opaque */

struct store_options {
    uint64_t max_bytes;                         /* the file's ceiling (default 16 GiB); it grows as needed */
    uint64_t reserve_bytes;                     /* low water: kept free on the disk and under max_bytes (default 64 MiB) */
    uint64_t journal_turns;                     /* kept before the checkpoint, for replay (default 100,000)… */
    uint64_t journal_bytes;                     /* …while the journal has no more than this (default 1 GiB) */
    uint64_t history_bytes;                     /* of the checkpoints before the current one: derived, as many as journal_bytes, held to
                                                   an eighth of max_bytes less reserve_bytes */
    uint64_t details_bytes;                     /* of the table of details (default 1 GiB).  Both are held to a quarter of max_bytes
                                                   less reserve_bytes */
    uint64_t audit_bytes;                       /* of the table of the audit (default 1 GiB), but nothing goes that is… */
    int64_t audit_keep_us;                      /* …younger than this (default 30 days), while the table has less than… */
    uint64_t audit_most;                        /* …this: derived, an eighth of max_bytes less reserve_bytes */
    bool create;
};

struct store_meta {
    uint32_t format;                            /* STORE_FORMAT */
    uint8_t cluster[16];                        /* random at creation */
    uint64_t seed;                              /* random at creation: jitter */
    uint32_t epoch;                             /* of fencing tokens; raised by restore */
    int64_t lease_ms;                           /* the largest D_c that was ever in force; 0: none yet */
};
#define STORE_FORMAT 2u                          /* format.c has the list */

/* The last restore from a backup.  epoch 0: there was none. */
struct store_restored {
    uint32_t epoch;                             /* that it raised the store to */
    char by[64], reason[512];                   /* who, and why; "" when not told */
    char told[1024];                            /* a JSON object for the audit: which backup, as of when */
};

/* Open or create DIR (0700).  Takes an exclusive flock on DIR/lock (BF_CONFLICT naming the holder's pid when taken), refuses
 * network filesystems, newer formats, a restore that was not finished and a file that is empty or cannot be looked at by name: a new
 * store is made only where there is none (store_is_new).  An older format is migrated, in one transaction. */
enum bf_rc store_open(const char *dir, const struct store_options *o, struct store **ret, struct bf_error *err) BF_MUST_CHECK;
/* Open one to read only, beside a coordinator that works on it or not: no lock is taken and nothing is written.  What is read is of the
 * moment of each call, and each is one short read transaction; plans and checkpoints as of the opening. */
enum bf_rc store_open_reading(const char *dir, struct store **ret, struct bf_error *err) BF_MUST_CHECK;
/* From now on: details and audit of moments after at_us are not seen; 0: all are. */
void store_look_back(struct store *s, int64_t at_us);
void store_close(struct store *s);              /* NULL is fine */
const struct store_meta *store_meta(const struct store *s);
const struct store_restored *store_restored(const struct store *s);
/* The format that the store had before this opening, which migrated it to STORE_FORMAT. */
uint32_t store_was_format(const struct store *s);
bool store_is_new(const struct store *s);        /* store_open() made it */

/* Where engine time stood, by the boot clock (proto/clock.h): kept durably, beside the turns; a restore keeps no boot.  BF_FULL: there is no
 * room, and nothing has changed. */
const struct engine_clock *store_clock(const struct store *s);
enum bf_rc store_keep_clock(struct store *s, const struct engine_clock *clock, struct bf_error *err) BF_MUST_CHECK;
/* Remember the largest D_c, durably, before a lease is given under it. */
enum bf_rc store_keep_lease(struct store *s, int64_t coordinator_ms, struct bf_error *err) BF_MUST_CHECK;

/* One plan source: bundle bytes by their key. */
struct store_plan { uint8_t key[32]; const void *bytes; size_t n; };
/* One checkpoint chunk to be written with this turn. */
struct store_chunk { uint32_t index; const void *bytes; size_t n; };

#define STORE_DETAILS_ATTEMPTS 10u

/* What one attempt told.  marks: the caller's own bits, by which a walk chooses without opening the bytes. */
struct store_details {
    uint32_t backfill, step, index, run, attempt_no;
    uint64_t attempt;                           /* grows; with the first three the key */
    int64_t at_us;
    uint8_t marks;
    const void *bytes; size_t n;
};

/* A record of the trail.  damaged: its checksum or form is not right; then its hash says what is left of it. */
struct store_audit { struct audit_entry entry; int64_t at_us; bool damaged; };

struct store_write {
    uint64_t seq;                               /* last + 1 */
    const void *turn; size_t turn_bytes;        /* may be NULL/0 when only chunks are written: seq is then ignored */
    const struct store_plan *plans; size_t n_plans;
    bool checkpoint_begin;                      /* a new generation begins here; chunks of an unfinished one are dropped */
    uint64_t checkpoint_seq;                    /* with begin: state is as of after this sequence number */
    const struct store_chunk *chunks; size_t n_chunks;
    bool checkpoint_end;                        /* flips the pointer */
    const struct store_details *details; size_t n_details;     /* only with a turn */
    const struct store_audit *audit; size_t n_audit;           /* only with a turn; chained to the head, in order */
};
/* Everything in one durable transaction.  BF_FULL: nothing was written and the store is still good.  Anything else: exit. */
enum bf_rc store_commit(struct store *s, const struct store_write *w, struct bf_error *err) BF_MUST_CHECK;

/* Recovery, in this order: plans, then chunks of the current checkpoint (ascending), then turns after it (ascending).
 * Bytes are borrowed during the call; a callback's failure stops the walk.  BF_CORRUPT names the key that is damaged. */
/* key: chunk index or sequence number; hash: of a plan, else NULL. */
typedef enum bf_rc store_visit(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err);
enum bf_rc store_each_plan(struct store *s, store_visit *visit, void *arg, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc store_each_chunk(struct store *s, store_visit *visit, void *arg, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc store_each_turn(struct store *s, store_visit *visit, void *arg, struct bf_error *err) BF_MUST_CHECK;
/* The turns from a sequence number on, or from the oldest that is kept.  A visitor that has had enough gives BF_LIMIT, and so does this. */
enum bf_rc store_turns_from(struct store *s, uint64_t seq, store_visit *visit, void *arg, struct bf_error *err) BF_MUST_CHECK;
/* Checkpoints that are there, the oldest first; the last is the current one.  Gives how many. */
#define STORE_CHECKPOINTS_MAX 65u
struct store_checkpoint { uint32_t generation; uint64_t seq; };
size_t store_checkpoints(const struct store *s, struct store_checkpoint ret[STORE_CHECKPOINTS_MAX]);
/* Chunks of one of them.  BF_NOT_FOUND: it is not kept; of a store that is only read BF_CONFLICT: not any more, since the opening. */
enum bf_rc store_each_chunk_of(struct store *s, uint32_t generation, store_visit *visit, void *arg, struct bf_error *err) BF_MUST_CHECK;
/* While on, a read that a damaged page leads out of the file ends the process with a sentence and status 1.  For the time of recovery. */
void store_guard_reads(bool on);
uint64_t store_last_seq(const struct store *s);
uint64_t store_checkpoint_seq(const struct store *s);       /* 0: none */

/* Details of the instances [first, first + n) of a step, by index and attempt. */
struct store_details_range {
    uint32_t backfill, step, first, n;
    bool newest;                                /* of each instance only its newest attempt that told something */
    uint8_t marks;                              /* only those with one of these; 0: all */
};
/* Bytes are borrowed during the call.  false: no further instance; the attempts of this one still come. */
typedef bool store_details_visit(void *arg, const struct store_details *d);
/* One short read transaction, until the range is done, visit() has had enough, or bf_boottime_us() passes until_us (at least one
 * instance is looked at).  *ret_next: index of the instance to go on with; first + n when none is left. */
enum bf_rc store_walk_details(struct store *s, const struct store_details_range *r, int64_t until_us, store_details_visit *visit, void *arg,
                              uint32_t *ret_next, struct bf_error *err) BF_MUST_CHECK;

/* Where the trail ends, and the last record that was let go (index 0: none).  known: the store says so, not only its records. */
struct store_audit_ends { struct audit_head head, anchor; bool known; };
void store_audit_ends(const struct store *s, struct store_audit_ends *ret);
/* Records from index `from` on (0: from the first, backward from the last), in one short read transaction, until visit() has had
 * enough or bf_boottime_us() passes until_us.  *ret_next: where to go on; 0 when none is left.  Bytes are borrowed. */
typedef bool store_audit_visit(void *arg, const struct store_audit *a);
enum bf_rc store_walk_audit(struct store *s, uint64_t from, bool backward, int64_t until_us, store_audit_visit *visit, void *arg,
                            uint64_t *ret_next, struct bf_error *err) BF_MUST_CHECK;
/* Check the whole trail of a store that need not be open; nothing is written.  Problems go to c->told. */
enum bf_rc store_verify_audit(const char *dir, struct audit_check *c, struct store_meta *ret_meta, struct store_audit_ends *ret,
                              struct bf_error *err) BF_MUST_CHECK;

/* Delete a slice of what is old or over its limit, durably; *ret_more: something was, so call again.  For a store that is low: its
 * turns are few, and what is deleted with them is little.  BF_FULL: nothing was done and the store is still good.  Anything else: exit. */
enum bf_rc store_tidy(struct store *s, bool *ret_more, struct bf_error *err) BF_MUST_CHECK;
/* From now on: what is kept of the journal and of details, held to the room as at the opening. */
void store_keep(struct store *s, uint64_t journal_bytes, uint64_t details_bytes);
/* Of the journal, in force: journal_bytes as it is held to the room.  With a checkpoint at half of it the journal stays about within it. */
uint64_t store_journal_bytes(const struct store *s);

struct store_room { uint64_t file_bytes, used_bytes, disk_free_bytes; bool low; };
void store_room(struct store *s, struct store_room *ret);

/* Check every page and value (checksum, version, keys without gaps) without a lock on a live store.  Problems are told one by one.
 * describe (may be NULL): what bytes of a kind are, as far as they can be read; false: they cannot, and words may say why.  It is called in
 * a child process, with bytes that may be damaged. */
enum store_kind { STORE_OTHER, STORE_PLAN, STORE_CHUNK, STORE_TURN };
typedef bool store_describe(enum store_kind kind, const void *p, size_t n, struct bf_buf *words);
typedef void store_fsck_told(void *arg, const char *problem);
enum bf_rc store_fsck(const char *dir, store_describe *describe, store_fsck_told *told, void *arg, struct bf_error *err) BF_MUST_CHECK;

#endif

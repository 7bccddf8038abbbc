/* The inside of the store, shared by its files.  lmdb.h is seen only here.
 *
 * Tables: meta ("meta", "pointer", "history", "audit", "restored"), plan (hash), checkpoint (generation, index), journal (sequence number),
 * details (backfill, step, index, attempt), audit (index), these two not in every store of format 1; numbers are big-endian, so that the
 * order of keys is theirs.  Every value is enveloped: magic, CRC-32C over table, key and bytes, then the bytes. */
#ifndef BF_STORE_STATE_H
#define BF_STORE_STATE_H

#include <lmdb.h>

#include "coordinator/store/seal.h"
#include "coordinator/store/store.h"

enum store_table { TABLE_META, TABLE_PLAN, TABLE_CHECKPOINT, TABLE_JOURNAL, TABLE_DETAILS, TABLE_AUDIT, TABLE_COUNT };
extern const char *const store_table_names[TABLE_COUNT];

#define STORE_ENVELOPE_BYTES SEAL_BYTES
#define STORE_DETAILS_KEY_BYTES 20u
#define STORE_NO_TABLE ((MDB_dbi)-1)            /* one that an old store does not have yet; only where tables are not made */
#define STORE_MAGIC SEAL_MAGIC

/* Which checkpoint is good; generation 0: none.  bytes: of its chunks; 0 where an older version wrote it. */
struct store_pointer { uint32_t generation, chunks; uint64_t seq, bytes; };

/* Older ones that are kept for replay, ascending (history.c). */
#define STORE_HISTORY_MAX (STORE_CHECKPOINTS_MAX - 1)
struct store_history { struct store_pointer at[STORE_HISTORY_MAX]; size_t n; };

struct store {
    MDB_env *env;
    MDB_dbi dbi[TABLE_COUNT];
    int lock_fd, data_fd;
    struct store_options options;
    struct store_meta meta;
    struct store_restored restored;
    struct engine_clock clock;
    uint32_t was_format;
    bool fresh;                                  /* this opening made it */
    struct store_pointer pointer;
    struct store_history history;
    uint32_t top_generation;                    /* highest ever written */
    uint32_t writing;                           /* generation of the checkpoint being written; 0: none */
    uint32_t writing_chunks;
    uint64_t writing_seq, writing_bytes;
    bool chunks_old;                            /* there may be chunks that neither the pointer nor the history names */
    bool reading;                               /* store_open_reading(): nothing is ever written */
    int64_t until_us;                           /* details and audit of later moments are not seen; 0: all are */
    uint64_t last_seq;                          /* of the journal; 0: empty */
    uint64_t reserved_bytes;                    /* of data.mdb, allocated ahead */
    bool low;
    struct store_audit_ends audit;
    int64_t audit_at_us;                        /* time of the newest record */
};

void store_put_be32(uint8_t *p, uint32_t v);
void store_put_be64(uint8_t *p, uint64_t v);
uint32_t store_get_be32(const uint8_t *p);
uint64_t store_get_be64(const uint8_t *p);
/* A key in words: "journal 12", "checkpoint 3/0", "details bf-3/0/12 a-77". */
void store_key_words(enum store_table table, const MDB_val *key, char *ret, size_t size);
uint32_t store_checksum(enum store_table table, const MDB_val *key, const void *p, size_t n);
/* Check an envelope and give what is inside; BF_CORRUPT names table and key. */
enum bf_rc store_open_value(enum store_table table, const MDB_val *key, const MDB_val *value, const uint8_t **ret, size_t *ret_n,
                            struct bf_error *err) BF_MUST_CHECK;
enum bf_rc store_read_meta(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], struct store_meta *ret_meta, struct store_pointer *ret_pointer,
                           struct bf_error *err) BF_MUST_CHECK;
/* For mdb_env_set_assert(): says what to do, and aborts. */
void store_page_damaged(MDB_env *env, const char *text);
enum bf_rc store_fail(struct bf_error *err, int lmdb_rc, const char *doing);
/* Open tables of an environment in a transaction; create makes what is missing, else a table of details or audit that is not there
 * is STORE_NO_TABLE. */
enum bf_rc store_open_tables(MDB_txn *txn, bool create, MDB_dbi ret[TABLE_COUNT], struct bf_error *err) BF_MUST_CHECK;
/* format.c: meta as s has it; the format that s->meta names becomes STORE_FORMAT, with all that belongs to it, in this transaction; what
 * the last restore left.  put gives LMDB's own code. */
int store_put_meta(struct store *s, MDB_txn *txn);
enum bf_rc store_migrate(struct store *s, MDB_txn *txn, struct bf_error *err) BF_MUST_CHECK;
int store_put_restored(struct store *s, MDB_txn *txn, const struct store_restored *r);
enum bf_rc store_read_restored(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], struct store_restored *ret,
                               struct bf_error *err) BF_MUST_CHECK;
/* The same of the clock; one that is not there is zeros. */
int store_put_clock(struct store *s, MDB_txn *txn, const struct engine_clock *clock);
enum bf_rc store_read_clock(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], struct engine_clock *ret, struct bf_error *err) BF_MUST_CHECK;
/* fsck.c.  Before LMDB is let at a file that nobody writes to: headers, records of tables, free pages; quick, whatever the size.
 * BF_CORRUPT. */
enum bf_rc store_look_at_pages(const char *path, struct bf_error *err) BF_MUST_CHECK;
/* reading.c: path, DIR/data.mdb, is a file: LMDB would wait for a pipe for ever.  BF_NOT_FOUND: nothing is there; BF_CORRUPT. */
enum bf_rc store_need_file(const char *dir, const char *path, uint64_t *ret_bytes, struct bf_error *err) BF_MUST_CHECK;
/* fsck.c.  An environment for reading.  A folder without lock.mdb gets none.  Gives LMDB's own code; *ret only when that is 0. */
int store_open_reader(const char *dir, MDB_env **ret);
/* store.c: the lock of a folder, as store_open() takes it; close the descriptor to let it go. */
enum bf_rc store_lock_dir(const char *dir, int *ret_fd, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc store_refuse_network(const char *dir, struct bf_error *err) BF_MUST_CHECK;
/* Put enveloped bytes.  Gives LMDB's own code. */
int store_put_value(struct store *s, MDB_txn *txn, enum store_table table, MDB_val *key, const void *p, size_t n, unsigned flags);
/* format.c: a small value of meta, by its name (less than 20 bytes).  Put gives LMDB's own code; read: p NULL, nothing left: it is not there. */
int store_put_note(struct store *s, MDB_txn *txn, const char *name, const struct bf_buf *b);
enum bf_rc store_read_note(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], const char *name, struct bf_reader *ret,
                           struct bf_error *err) BF_MUST_CHECK;
/* Of the pages of a table, as they are within the transaction. */
uint64_t store_table_bytes(const struct store *s, MDB_txn *txn, enum store_table table);
/* history.c: the list of meta; one that is not there is empty. */
enum bf_rc store_read_history(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], struct store_history *ret, struct bf_error *err) BF_MUST_CHECK;
/* The list of the store as it will be after the commit: add what was the current one, and let go what is of no use or over the limits.
 * first_seq: of the journal.  true: some went.  The others give LMDB's own code. */
void store_history_add(struct store *s, const struct store_pointer *was);
bool store_history_prune(struct store *s, uint64_t first_seq);
bool store_history_has(const struct store_history *h, uint32_t generation);
int store_put_history(struct store *s, MDB_txn *txn, const struct store_history *h);
int store_first_seq(const struct store *s, MDB_txn *txn, uint64_t *ret);
/* trim.c: delete a slice of old journal and old chunks, counted in *deleted.  s: the store as it will be after the commit.  Gives
 * LMDB's own code. */
int store_trim(struct store *s, MDB_txn *txn, size_t *deleted);
/* details.c: write those of a turn, and delete what is over the limits.  Gives LMDB's own code. */
int store_put_details(struct store *s, MDB_txn *txn, const struct store_write *w);
/* Delete a slice of what is over the table's limit, after so many were written; counted in *deleted.  Gives LMDB's own code. */
int store_trim_details(const struct store *s, MDB_txn *txn, size_t written, size_t *deleted);
/* Whether an opened value of the table is one of this format. */
bool store_details_valid(const MDB_val *key, const uint8_t *p, size_t n);
/* audit.c: the trail.  Read a value, whatever is left of it; find where the trail ends; write a turn's, into the store as it will be
 * after the commit; let go what is over.  Codes are LMDB's own, but for those that are results. */
void store_audit_open(const MDB_val *key, const MDB_val *value, struct store_audit *ret);
enum bf_rc store_read_audit_ends(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], const struct store_meta *meta, struct store_audit_ends *ret,
                                 struct bf_error *err) BF_MUST_CHECK;
enum bf_rc store_find_audit(struct store *s, MDB_txn *txn, struct bf_error *err) BF_MUST_CHECK;
bool store_audit_follows(const struct store *s, const struct store_write *w);
int store_put_audit(struct store *next, MDB_txn *txn, const struct store_write *w);
int store_trim_audit(struct store *next, MDB_txn *txn, size_t written, size_t *deleted);
/* audit_check.c: the whole trail, within a transaction. */
enum bf_rc store_check_audit(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], const struct store_meta *meta, struct audit_check *c,
                             struct store_audit_ends *ret, struct bf_error *err) BF_MUST_CHECK;

#endif

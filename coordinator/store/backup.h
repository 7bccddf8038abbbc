/* Copies of a store: taken beside a live coordinator, made the state of a new one, or put in the place of a file that has grown.
 *
 * Nothing here is called by the coordinator itself; bfctl does, in a process of its own. */
#ifndef BF_STORE_BACKUP_H
#define BF_STORE_BACKUP_H

#include "coordinator/store/store.h"

/* What a store holds, all of one moment. */
struct store_facts {
    struct store_meta meta;
    struct store_restored restored;
    struct store_audit_ends audit;
    uint64_t last_seq, checkpoint_seq;          /* of turns */
    uint64_t turns, plans, details, audit_records;
    uint64_t file_bytes, used_bytes;            /* of data.mdb, and of its pages that are in use: what a copy takes at most */
};
enum bf_rc store_facts(const char *dir, struct store_facts *ret, struct bf_error *err) BF_MUST_CHECK;

/* Copy DIR/data.mdb as of one moment, without free pages, to a new file (0600), and fsync it.  While it runs it is one long reader:
 * pages that the coordinator frees meanwhile are not used again, so its file grows by what it writes.  The copying is done in a child
 * process.  BF_CORRUPT: a page of the store is damaged.  After a failure there may be half a file. */
enum bf_rc store_copy(const char *dir, const char *to, struct bf_error *err) BF_MUST_CHECK;

/* Make PATH, a copy of data.mdb that nobody uses, the state of a coordinator that goes on from a higher epoch: in one transaction the store
 * is migrated to STORE_FORMAT, its epoch becomes r->epoch (BF_INVALID when that is not higher), the longest lease at least lease_ms,
 * and r is kept for the first start to record. */
enum bf_rc store_raise(const char *path, const struct store_restored *r, int64_t lease_ms, struct bf_error *err) BF_MUST_CHECK;

/* A folder that is to get a store: made when it is not there (0700), its lock taken (BF_CONFLICT naming who has it), and no store in it
 * (BF_CONFLICT).  *ret_fd holds the lock until it is closed. */
enum bf_rc store_claim(const char *dir, int *ret_fd, struct bf_error *err) BF_MUST_CHECK;
/* A store that is not in use, locked.  *ret_fd as above. */
enum bf_rc store_claim_stopped(const char *dir, int *ret_fd, struct bf_error *err) BF_MUST_CHECK;
/* Put the file `from`, on the same filesystem, in the place of DIR/data.mdb, durably.  The folder is claimed.  BF_CONFLICT: a process,
 * which is named, reads the store just now. */
enum bf_rc store_swap(const char *dir, const char *from, struct bf_error *err) BF_MUST_CHECK;

/* Name of a restored data.mdb in its folder until it is whole; store_open() refuses a folder that has one. */
#define STORE_RESTORING "data.mdb.restoring"

#endif

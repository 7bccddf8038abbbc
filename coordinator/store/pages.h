/* The pages of data.mdb, read without LMDB: whether they are the tree that they should be.
 *
 * LMDB 0.9 has no checksums and trusts what it reads, so a flipped byte in a page may lead it to an older page, to a page of another
 * table, or out of the file.  Here every page up to the last must be exactly one of: a part of a tree, a part of a value that is too
 * large for a leaf, or on the list of free pages; each tree must have the pages, the entries and the depth that its record says; keys
 * must ascend.  An older page is always on the list of free pages, so a pointer that leads to one is seen.  Bytes of values are not
 * looked at: the visitor has their checksums. */
#ifndef BF_STORE_PAGES_H
#define BF_STORE_PAGES_H

#include <lmdb.h>

#include "coordinator/store/store.h"

/* A problem in words, without "store: ". */
typedef void pages_told(void *arg, const char *problem);
/* A value of a table, in the order of keys within it; at: where it begins in the file.  Bytes are borrowed. */
typedef void pages_visit(void *arg, const char *table, const MDB_val *key, const MDB_val *value, uint64_t at);

struct pages_calls {
    pages_told *told;
    pages_visit *visit;                         /* may be NULL */
    void *arg;
    const char *const *tables; size_t n_tables; /* their names: those that are visited, in this order */
};

/* Whether LMDB may be let at this file at all: both headers are ones, and the file is as long as they say.  map: the file, or of it the
 * first two pages at least. */
bool pages_headers(const uint8_t *map, uint64_t map_bytes, uint64_t file_bytes, const struct pages_calls *c);
/* Check all pages as of transaction txn, which nobody may be writing over meanwhile (a reader's slot, or a file that is not in use).
 * shallow: only what is quick: the headers, the records of the tables, the list of free pages, and that no tree begins in a free page.
 * *ret_moved: the header of this transaction was written over meanwhile; nothing was told, take a newer one.
 * Gives the number of problems. */
unsigned pages_check(const uint8_t *map, uint64_t file_bytes, uint64_t txn, bool shallow, const struct pages_calls *c, bool *ret_moved);
/* The newest transaction in the headers. */
uint64_t pages_newest(const uint8_t *map);

#endif

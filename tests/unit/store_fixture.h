/* Stores as earlier programs left them. */
#ifndef BF_TEST_STORE_FIXTURE_H
#define BF_TEST_STORE_FIXTURE_H

#include <lmdb.h>

/* Let meta say that the store is of format 1, in a transaction of the caller's. */
void store_fixture_format_1(MDB_txn *txn);

#endif

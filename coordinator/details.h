/* What an attempt told beside its end, as the shell keeps it: the marks by which a listing chooses without reading it whole. */
#ifndef BF_DETAILS_H
#define BF_DETAILS_H

#include <stddef.h>
#include <stdint.h>

#include "coordinator/store/store.h"
#include "coordinator/turn.h"

/* Stored: append only. */
enum details_mark {
    DETAILS_PASSED = 1,          /* it has a check that passed */
    DETAILS_WARNED = 2,          /* one of severity warn that failed */
    DETAILS_FAILED = 4,          /* one of severity error or halt that failed */
    DETAILS_COULD_NOT_RUN = 8,   /* one that did not come to a result */
    DETAILS_STATEMENT = 16,      /* the statement that failed */
    DETAILS_DROPPED = 32         /* what it told was not kept, and why */
};

/* The mark of one check by its words; 0: none. */
uint8_t details_check_mark(const char *status, const char *severity);
/* One pass over the bytes, no tree: what is no JSON has no marks. */
uint8_t details_marks(const void *json, size_t n);
/* Borrows the bytes. */
struct store_details details_for_store(const struct turn_details *d);

#endif

/* The thread that prepares creates (create.h): compiles plans and lays out backfills, in the order in which they were put.
 *
 * When one is prepared the descriptor becomes readable.  At most PREPARER_CREATES wait, with plans of PREPARER_BYTES in all; the
 * thread has a lower priority than the loop. */
#ifndef BF_PREPARER_H
#define BF_PREPARER_H

#include "coordinator/create.h"

#define PREPARER_CREATES 256u
#define PREPARER_BYTES (64u << 20)

struct preparer;
enum bf_rc preparer_open(struct preparer **ret, struct bf_error *err) BF_MUST_CHECK;
/* Waits for the one in work: a plan of the largest size takes seconds. */
void preparer_close(struct preparer *p);         /* NULL is fine */
int preparer_fd(const struct preparer *p);
/* Takes c over; false: too many wait. */
bool preparer_put(struct preparer *p, struct turn_create *c);
/* One that is prepared, the caller's from now on; NULL: none, and the descriptor is quiet again. */
struct turn_create *preparer_take(struct preparer *p);

#endif

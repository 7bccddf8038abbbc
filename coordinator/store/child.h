/* Work on a store in a process of its own: a damaged page ends whoever reads it through LMDB by a signal, and that must not be us.
 *
 * The child is forked, not executed; it writes what it found to a pipe while the parent reads it. */
#ifndef BF_STORE_CHILD_H
#define BF_STORE_CHILD_H

#include <stdbool.h>

#include "common/error.h"

/* In the child: writes to `to`, and gives an exit status. */
typedef int child_work(void *arg, int to);
/* In the parent: reads `from` to its end. */
typedef void child_read(void *arg, int from);

/* How it ended: by a signal (0: it did not), or with a status. */
struct child_end { int signal, status; };

/* Run work in a child, which dies with us; take reads what it writes (NULL: nothing is).  Both get arg.  BF_IO: it could not be run. */
enum bf_rc child_run(child_work *work, child_read *take, void *arg, struct child_end *ret, struct bf_error *err) BF_MUST_CHECK;

/* The signals that a damaged file can end its reader by: it lies behind the end of the file, or LMDB, or we, found what cannot be. */
bool child_is_damage(int signal);

#endif

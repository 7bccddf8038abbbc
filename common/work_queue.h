/* Work beside a loop: a queue, threads with a priority of their own that do what waits in the order in which it was put, and a descriptor
 * that is readable when something is done.
 *
 * One thread, the loop's, opens, puts, takes and closes.  What is put belongs to the queue until it is taken.  The threads begin with the
 * first work, so that a process which has none has no threads; one that cannot be started is tried again with the next work. */
#ifndef BF_COMMON_WORK_QUEUE_H
#define BF_COMMON_WORK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

struct bf_work_queue;
struct bf_work_options {
    const char *what;                            /* "creates", for sentences; borrowed for as long as the queue lives */
    void (*run)(void *arg, void *work);          /* in one of the threads */
    void (*drop)(void *work);                    /* what nobody took, when the queue is closed */
    void *arg;
    unsigned n_threads;
    int nice;                                    /* of the threads alone */
    size_t waiting_max, waiting_bytes_max;       /* waiting_bytes_max 0: any */
};

enum bf_rc bf_work_queue_open(const struct bf_work_options *o, struct bf_work_queue **ret, struct bf_error *err) BF_MUST_CHECK;
/* Waits for what is in work, and drops the rest. */
void bf_work_queue_close(struct bf_work_queue *q);           /* NULL is fine */
int bf_work_queue_fd(const struct bf_work_queue *q);
/* Takes work of so many bytes over on BF_OK.  BF_LIMIT: too much waits.  BF_INTERNAL: there is no thread for it. */
enum bf_rc bf_work_queue_put(struct bf_work_queue *q, void *work, size_t bytes, struct bf_error *err) BF_MUST_CHECK;
/* One thread more, where there are fewer than most: for work that hangs in those that there are. */
void bf_work_queue_grow(struct bf_work_queue *q, unsigned most);
/* Work that is done, the caller's from now on; NULL: none, and the descriptor is quiet again. */
void *bf_work_queue_take(struct bf_work_queue *q);
/* How many of those that wait are alike: fewer may be a moment later, more only after a put. */
size_t bf_work_queue_alike(struct bf_work_queue *q, bool (*alike)(const void *work, const void *with), const void *with);

#endif

/* A thread that makes commits durable, so that the loop takes in what agents say meanwhile.  One commit at a time.
 *
 * Whoever gave a commit touches neither it nor what it writes to until committer_wait() has answered. */
#ifndef BF_COMMITTER_H
#define BF_COMMITTER_H

#include "coordinator/turn.h"

typedef enum bf_rc committer_run(void *arg, const struct turn_commit *c, struct bf_error *err);

struct committer;
/* Signals of the thread are those of the caller. */
enum bf_rc committer_new(committer_run *run, void *arg, struct committer **ret, struct bf_error *err) BF_MUST_CHECK;
void committer_free(struct committer *c);         /* NULL is fine; no commit is in progress */

void committer_begin(struct committer *c, const struct turn_commit *commit);
bool committer_busy(struct committer *c);         /* committer_wait() would wait */
/* What run() gave.  Between each begin and the next once. */
enum bf_rc committer_wait(struct committer *c, struct bf_error *err) BF_MUST_CHECK;

#endif

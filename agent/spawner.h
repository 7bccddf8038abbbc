/* Threads that start processes, so that whoever has other things to do goes on meanwhile.
 *
 * A start holds its thread until the child executes (spawn.h), and on a busy host the child waits for a processor first: with one thread for
 * all, processors stand idle.  Jobs begin in the order in which they came.  The threads live as long as the spawner does, because a child
 * is killed when the thread that started it ends (PR_SET_PDEATHSIG). */
#ifndef BF_AGENT_SPAWNER_H
#define BF_AGENT_SPAWNER_H

#include "agent/spawn.h"

struct spawn_job {
    struct spawn_request req;                /* what it points to stays until the job is done */
    int (*prepare)(struct spawn_job *job);   /* what may take long and comes before, in the same thread; an errno.  NULL: nothing does */
    void *owner;
    struct spawned process;                  /* once it is done, with errnum 0 */
    int64_t began_us;                        /* CLOCK_BOOTTIME; 0: never */
    int64_t executed_us;                     /* CLOCK_REALTIME; once it is done, with errnum 0 */
    int errnum;                              /* as of spawn_process, and what; ECANCELED: the spawner was stopped before */
    const char *what;
    struct spawn_job *next;                  /* the owner's */
    void (*drop)(struct spawn_job *job);     /* the owner's too: for what the spawner still has when it is freed; NULL: not needed */
    atomic_bool taken;                       /* the spawner's: a thread has begun it, or it was withdrawn */
};

/* Here and now, in the caller's thread. */
void spawn_job_run(struct spawn_job *job);

struct spawner;
/* NULL where there is no descriptor for it. */
struct spawner *spawner_new(unsigned n_threads);
/* Waits for what is under way.  NULL is allowed. */
void spawner_free(struct spawner *s);
int spawner_fd(const struct spawner *s);     /* readable when a job is done; borrowed */
/* false: there is no thread for it. */
bool spawner_add(struct spawner *s, struct spawn_job *job);
/* One thread more, where there are fewer than most. */
void spawner_grow(struct spawner *s, unsigned most);
/* true: no thread had begun it, and none will; until spawner_done gives it back it must stay all the same. */
bool spawner_withdraw(struct spawn_job *job);
/* One that is done or was withdrawn; NULL: none, and the descriptor is quiet again. */
struct spawn_job *spawner_done(struct spawner *s);
/* No job is begun any more, for good.  true: none is under way either. */
bool spawner_stop(struct spawner *s);

#endif

/* See spawner.h. */
#include "agent/spawner.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/work_queue.h"

struct spawner {
    struct bf_work_queue *queue;
    atomic_bool stopped;
    atomic_size_t under_way;                 /* counted before `stopped` is looked at */
};

void spawn_job_run(struct spawn_job *job)
{
    job->began_us = bf_boottime_us();
    job->what = SPAWN_EXECUTING;
    job->errnum = job->prepare ? job->prepare(job) : 0;
    if (job->errnum == 0)
        job->errnum = spawn_process(&job->req, &job->process, &job->what);
    job->executed_us = bf_realtime_us();
}

static void run(void *arg, void *work)
{
    struct spawner *s = arg;
    struct spawn_job *job = work;
    if (atomic_exchange(&job->taken, true))
        return;
    atomic_fetch_add(&s->under_way, 1);
    if (atomic_load(&s->stopped))
        job->errnum = ECANCELED;
    else
        spawn_job_run(job);
    atomic_fetch_sub(&s->under_way, 1);
}

static void drop(void *work)
{
    struct spawn_job *job = work;
    if (job->drop)
        job->drop(job);
}

struct spawner *spawner_new(unsigned n_threads)
{
    struct spawner *s = bf_xcalloc(1, sizeof *s);
    struct bf_error err = {0};
    /* Steps have the priority of the thread that starts them: the agent's own. */
    const struct bf_work_options options = {.what = "starts of steps", .run = run, .drop = drop, .arg = s, .n_threads = n_threads,
                                            .nice = getpriority(PRIO_PROCESS, 0), .waiting_max = SIZE_MAX};
    if (bf_work_queue_open(&options, &s->queue, &err) == BF_OK)
        return s;
    free(s);
    return NULL;
}

void spawner_free(struct spawner *s)
{
    if (!s)
        return;
    bf_work_queue_close(s->queue);
    free(s);
}

int spawner_fd(const struct spawner *s)
{
    return bf_work_queue_fd(s->queue);
}

bool spawner_add(struct spawner *s, struct spawn_job *job)
{
    struct bf_error err = {0};
    return bf_work_queue_put(s->queue, job, 0, &err) == BF_OK;
}

void spawner_grow(struct spawner *s, unsigned most)
{
    bf_work_queue_grow(s->queue, most);
}

bool spawner_withdraw(struct spawn_job *job)
{
    return !atomic_exchange(&job->taken, true);
}

struct spawn_job *spawner_done(struct spawner *s)
{
    return bf_work_queue_take(s->queue);
}

bool spawner_stop(struct spawner *s)
{
    atomic_store(&s->stopped, true);
    return atomic_load(&s->under_way) == 0;
}

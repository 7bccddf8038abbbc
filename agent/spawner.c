/* See spawner.h. */
#include "agent/spawner.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"

#define STACK_BYTES (256u << 10)             /* spawn_process has a child's stack on it */

struct queue { struct spawn_job *first, **last; };

struct spawner {
    pthread_mutex_t lock;                    /* of all below but threads */
    pthread_cond_t wake;
    struct queue waiting, done;
    size_t under_way;
    bool stopped, leaving;
    int event_fd;
    size_t n_threads;
    pthread_t threads[];
};

void spawn_job_run(struct spawn_job *job)
{
    job->began_us = bf_boottime_us();
    job->errnum = spawn_process(&job->req, &job->process, &job->what);
}

static void queue_put(struct queue *q, struct spawn_job *job)
{
    job->next = NULL;
    *q->last = job;
    q->last = &job->next;
}

/* All of it at once. */
static struct spawn_job *queue_take(struct queue *q)
{
    struct spawn_job *first = q->first;
    *q = (struct queue){NULL, &q->first};
    return first;
}

static struct spawn_job *next_job(struct spawner *s)
{
    while (!s->leaving && (s->stopped || !s->waiting.first))
        pthread_cond_wait(&s->wake, &s->lock);
    if (s->leaving)
        return NULL;
    struct spawn_job *job = s->waiting.first;
    s->waiting.first = job->next;
    if (!job->next)
        s->waiting.last = &s->waiting.first;
    s->under_way++;
    return job;
}

static void *work(void *arg)
{
    struct spawner *s = arg;
    struct spawn_job *job;
    uint64_t one = 1;
    pthread_mutex_lock(&s->lock);
    while ((job = next_job(s))) {
        pthread_mutex_unlock(&s->lock);
        spawn_job_run(job);
        pthread_mutex_lock(&s->lock);
        s->under_way--;
        bool first = !s->done.first;
        queue_put(&s->done, job);
        if (first)
            (void)!write(s->event_fd, &one, sizeof one);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* All signals are blocked in them: handlers and signalfd are the loop's. */
static void start_threads(struct spawner *s, size_t n)
{
    sigset_t all, before;
    pthread_attr_t attr;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (s->n_threads < n && pthread_create(&s->threads[s->n_threads], &attr, work, s) == 0)
        s->n_threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
}

struct spawner *spawner_new(size_t n_threads)
{
    struct spawner *s = bf_xcalloc(1, sizeof *s + n_threads * sizeof s->threads[0]);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    (void)queue_take(&s->waiting);
    (void)queue_take(&s->done);
    s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->event_fd >= 0)
        start_threads(s, n_threads);
    if (s->n_threads > 0)
        return s;
    spawner_free(s);
    return NULL;
}

void spawner_free(struct spawner *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    assert(s->under_way == 0 && !s->done.first && (s->stopped || !s->waiting.first));
    s->leaving = true;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < s->n_threads; i++)
        pthread_join(s->threads[i], NULL);
    bf_close_cleanup(&s->event_fd);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int spawner_fd(const struct spawner *s)
{
    return s->event_fd;
}

void spawner_add(struct spawner *s, struct spawn_job *job)
{
    pthread_mutex_lock(&s->lock);
    queue_put(&s->waiting, job);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

struct spawn_job *spawner_done(struct spawner *s)
{
    uint64_t count;
    (void)!read(s->event_fd, &count, sizeof count);
    pthread_mutex_lock(&s->lock);
    struct spawn_job *first = queue_take(&s->done);
    pthread_mutex_unlock(&s->lock);
    return first;
}

bool spawner_stop(struct spawner *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopped = true;
    bool still = s->under_way == 0;
    pthread_mutex_unlock(&s->lock);
    return still;
}

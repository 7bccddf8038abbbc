/* Two lists under one lock: what waits and what is done.
 *
 * What is done is in its list before the descriptor says so, and the descriptor is made quiet only under the lock and while the list is
 * empty: the loop may wake for nothing, and never sleeps on something. */
#include "common/work_queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/mem.h"

struct item { struct item *next; void *work; size_t bytes; };
struct item_list { struct item *first, **end; size_t n, bytes; };

struct bf_work_queue {
    struct bf_work_options options;
    int fd;
    pthread_t *threads;
    unsigned n_threads;                          /* that were started */
    pthread_mutex_t lock;                        /* over all below */
    pthread_cond_t changed;
    bool stop;
    struct item_list waiting, done;
};

static void list_put(struct item_list *l, struct item *i)
{
    i->next = NULL;
    *l->end = i;
    l->end = &i->next;
    l->n++;
    l->bytes += i->bytes;
}

static struct item *list_take(struct item_list *l)
{
    struct item *i = l->first;
    if (!i)
        return NULL;
    l->first = i->next;
    if (!l->first)
        l->end = &l->first;
    l->n--;
    l->bytes -= i->bytes;
    return i;
}

/* ---- the threads ---- */

/* NULL: the queue is closed. */
static struct item *wait_for_item(struct bf_work_queue *q)
{
    struct item *i = NULL;
    pthread_mutex_lock(&q->lock);
    while (!q->stop && !(i = list_take(&q->waiting)))
        pthread_cond_wait(&q->changed, &q->lock);
    pthread_mutex_unlock(&q->lock);
    return i;
}

/* The loop is woken after the unlock, so that it does not wake only to wait for the lock. */
static void item_done(struct bf_work_queue *q, struct item *i)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&q->lock);
    list_put(&q->done, i);
    pthread_mutex_unlock(&q->lock);
    (void)!write(q->fd, &one, sizeof one);       /* a counter: it cannot fill */
}

static void *thread_main(void *arg)
{
    struct bf_work_queue *q = arg;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), q->options.nice);
    for (struct item *i; (i = wait_for_item(q)) != NULL; item_done(q, i))
        q->options.run(q->options.arg, i->work);
    return NULL;
}

/* Some are enough. */
static enum bf_rc start_threads(struct bf_work_queue *q, struct bf_error *err)
{
    int failed = 0;
    while (!failed && q->n_threads < q->options.n_threads) {
        failed = pthread_create(&q->threads[q->n_threads], NULL, thread_main, q);
        q->n_threads += !failed;
    }
    return q->n_threads ? BF_OK
                        : bf_fail_errno(err, BF_INTERNAL, failed,
                                        "no thread can be started for %s; look at the limits of tasks and memory", q->options.what);
}

/* ---- the loop ---- */

enum bf_rc bf_work_queue_open(const struct bf_work_options *o, struct bf_work_queue **ret, struct bf_error *err)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return bf_fail_errno(err, BF_INTERNAL, errno, "no event descriptor for %s; look at the limit of open files", o->what);
    struct bf_work_queue *q = bf_xcalloc(1, sizeof *q);
    q->options = *o;
    q->fd = fd;
    q->threads = bf_xcalloc(o->n_threads, sizeof *q->threads);
    q->waiting.end = &q->waiting.first;
    q->done.end = &q->done.first;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->changed, NULL);
    *ret = q;
    return BF_OK;
}

static void stop_threads(struct bf_work_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->stop = true;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
    for (unsigned i = 0; i < q->n_threads; i++)
        pthread_join(q->threads[i], NULL);
}

void bf_work_queue_close(struct bf_work_queue *q)
{
    if (!q)
        return;
    stop_threads(q);
    for (struct item *i; (i = list_take(&q->waiting)) || (i = list_take(&q->done)); free(i))
        q->options.drop(i->work);
    close(q->fd);
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
    free(q->threads);
    free(q);
}

int bf_work_queue_fd(const struct bf_work_queue *q) { return q->fd; }

static enum bf_rc put_locked(struct bf_work_queue *q, void *work, size_t bytes, struct bf_error *err)
{
    const struct bf_work_options *o = &q->options;
    if (q->waiting.n >= o->waiting_max || (o->waiting_bytes_max && q->waiting.bytes + bytes > o->waiting_bytes_max))
        return bf_fail(err, BF_LIMIT, "%zu %s are waiting already; try again in a few seconds", q->waiting.n, o->what);
    struct item *i = bf_xmalloc(sizeof *i);
    *i = (struct item){.work = work, .bytes = bytes};
    list_put(&q->waiting, i);
    pthread_cond_signal(&q->changed);
    return BF_OK;
}

enum bf_rc bf_work_queue_put(struct bf_work_queue *q, void *work, size_t bytes, struct bf_error *err)
{
    enum bf_rc rc = start_threads(q, err);
    if (rc != BF_OK)
        return rc;
    pthread_mutex_lock(&q->lock);
    rc = put_locked(q, work, bytes, err);
    pthread_mutex_unlock(&q->lock);
    return rc;
}

void bf_work_queue_grow(struct bf_work_queue *q, unsigned most)
{
    struct bf_error ignored = {0};
    if (q->options.n_threads >= most)
        return;
    q->threads = bf_xrealloc(q->threads, ++q->options.n_threads * sizeof *q->threads);
    (void)start_threads(q, &ignored);
}

void *bf_work_queue_take(struct bf_work_queue *q)
{
    uint64_t n;
    pthread_mutex_lock(&q->lock);
    struct item *i = list_take(&q->done);
    if (!i)
        (void)!read(q->fd, &n, sizeof n);
    pthread_mutex_unlock(&q->lock);
    void *work = i ? i->work : NULL;
    free(i);
    return work;
}

size_t bf_work_queue_alike(struct bf_work_queue *q, bool (*alike)(const void *work, const void *with), const void *with)
{
    size_t n = 0;
    pthread_mutex_lock(&q->lock);
    for (const struct item *i = q->waiting.first; i; i = i->next)
        n += alike(i->work, with);
    pthread_mutex_unlock(&q->lock);
    return n;
}

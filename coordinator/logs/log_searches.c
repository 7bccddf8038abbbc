/* Two lists under one lock: what waits and what is ready.  The threads begin with the first question, so that a coordinator which
 * nobody asks has none. */
#include "coordinator/logs/log_searches.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/mem.h"

#define NICE 10                                  /* heartbeats, commands and the intake of logs come first */

struct job_list { struct log_job *first, **end; size_t n; };

struct log_searches {
    struct log_store *store;
    int fd;
    pthread_t threads[LOG_SEARCH_THREADS];
    unsigned n_threads;
    pthread_mutex_t lock;                        /* over all below */
    pthread_cond_t work;
    bool stop;
    struct job_list waiting, ready;
};

void log_job_free(struct log_job *j)
{
    if (!j)
        return;
    log_query_done(&j->query);
    log_page_done(&j->page);
    free(j);
}

static void list_put(struct job_list *l, struct log_job *j)
{
    j->next = NULL;
    *l->end = j;
    l->end = &j->next;
    l->n++;
}

static struct log_job *list_take(struct job_list *l)
{
    struct log_job *j = l->first;
    if (!j)
        return NULL;
    l->first = j->next;
    if (!l->first)
        l->end = &l->first;
    l->n--;
    return j;
}

static void *search_main(void *arg)
{
    struct log_searches *x = arg;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);       /* of this thread alone */
    pthread_mutex_lock(&x->lock);
    while (!x->stop) {
        struct log_job *j = list_take(&x->waiting);
        if (!j) {
            pthread_cond_wait(&x->work, &x->lock);
            continue;
        }
        pthread_mutex_unlock(&x->lock);
        log_search_page(x->store, &j->query, &j->page);
        pthread_mutex_lock(&x->lock);
        list_put(&x->ready, j);
        uint64_t one = 1;
        (void)!write(x->fd, &one, sizeof one);   /* a counter: it cannot fill */
    }
    pthread_mutex_unlock(&x->lock);
    return NULL;
}

enum bf_rc log_searches_open(struct log_store *s, struct log_searches **ret, struct bf_error *err)
{
    struct log_searches *x = bf_xcalloc(1, sizeof *x);
    x->store = s;
    x->waiting.end = &x->waiting.first;
    x->ready.end = &x->ready.first;
    pthread_mutex_init(&x->lock, NULL);
    pthread_cond_init(&x->work, NULL);
    x->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (x->fd < 0) {
        log_searches_close(x);
        return bf_fail(err, BF_INTERNAL, "no event descriptor for the search of logs");
    }
    *ret = x;
    return BF_OK;
}

void log_searches_close(struct log_searches *x)
{
    if (!x)
        return;
    pthread_mutex_lock(&x->lock);
    x->stop = true;
    pthread_cond_broadcast(&x->work);
    pthread_mutex_unlock(&x->lock);
    for (unsigned i = 0; i < x->n_threads; i++)
        pthread_join(x->threads[i], NULL);
    for (struct log_job *j; (j = list_take(&x->waiting)) || (j = list_take(&x->ready));)
        log_job_free(j);
    if (x->fd >= 0)
        close(x->fd);
    pthread_cond_destroy(&x->work);
    pthread_mutex_destroy(&x->lock);
    free(x);
}

int log_searches_fd(const struct log_searches *x) { return x->fd; }

static enum bf_rc queue_check(const struct log_searches *x, const struct log_job *job, struct bf_error *err)
{
    size_t same = 0;
    for (const struct log_job *j = x->waiting.first; j; j = j->next)
        same += memcmp(j->key, job->key, LOG_KEY_BYTES) == 0;
    if (same >= LOG_SEARCHES_EACH)
        return bf_fail(err, BF_LIMIT, "%zu searches of this key are waiting; wait for one of them to end", same);
    if (x->waiting.n >= LOG_SEARCHES_WAITING)
        return bf_fail(err, BF_LIMIT, "%zu searches of logs are waiting already; try again in a few seconds", x->waiting.n);
    return BF_OK;
}

enum bf_rc log_searches_ask(struct log_searches *x, struct log_job *job, struct bf_error *err)
{
    while (x->n_threads < LOG_SEARCH_THREADS && pthread_create(&x->threads[x->n_threads], NULL, search_main, x) == 0)
        x->n_threads++;
    if (!x->n_threads)
        return bf_fail(err, BF_INTERNAL, "no thread can be started to search the logs");
    pthread_mutex_lock(&x->lock);
    enum bf_rc rc = queue_check(x, job, err);
    if (rc == BF_OK) {
        list_put(&x->waiting, job);
        pthread_cond_signal(&x->work);
    }
    pthread_mutex_unlock(&x->lock);
    return rc;
}

struct log_job *log_searches_take(struct log_searches *x)
{
    uint64_t n;
    pthread_mutex_lock(&x->lock);
    struct log_job *j = list_take(&x->ready);
    if (!j)
        (void)!read(x->fd, &n, sizeof n);
    pthread_mutex_unlock(&x->lock);
    return j;
}

/* Two lists under one lock: what waits and what is ready.  The thread begins with the first create, so that a coordinator which is idle
 * has none. */
#include "coordinator/preparer.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/mem.h"

#define NICE 5                                   /* heartbeats and queries come first, and a create still goes on under load */

struct create_list { struct turn_create *first, **end; };

struct preparer {
    int fd;
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock;                        /* over all below */
    pthread_cond_t work;
    bool stop;
    struct create_list waiting, ready;
    size_t n_waiting, bytes_waiting;
};

static void list_put(struct create_list *l, struct turn_create *c)
{
    c->next = NULL;
    *l->end = c;
    l->end = &c->next;
}

static struct turn_create *list_take(struct create_list *l)
{
    struct turn_create *c = l->first;
    if (!c)
        return NULL;
    l->first = c->next;
    if (!l->first)
        l->end = &l->first;
    return c;
}

static void *prepare(void *arg)
{
    struct preparer *p = arg;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);       /* of this thread alone */
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        struct turn_create *c = list_take(&p->waiting);
        if (!c) {
            pthread_cond_wait(&p->work, &p->lock);
            continue;
        }
        p->n_waiting--;
        p->bytes_waiting -= c->bundle.len;
        pthread_mutex_unlock(&p->lock);
        turn_create_work(c);
        pthread_mutex_lock(&p->lock);
        list_put(&p->ready, c);
        uint64_t one = 1;
        (void)!write(p->fd, &one, sizeof one);   /* a counter: it cannot fill */
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

enum bf_rc preparer_open(struct preparer **ret, struct bf_error *err)
{
    struct preparer *p = bf_xcalloc(1, sizeof *p);
    p->waiting.end = &p->waiting.first;
    p->ready.end = &p->ready.first;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->fd < 0) {
        preparer_close(p);
        return bf_fail(err, BF_INTERNAL, "no event descriptor for creates");
    }
    *ret = p;
    return BF_OK;
}

void preparer_close(struct preparer *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
    if (p->runs)
        pthread_join(p->thread, NULL);
    for (struct turn_create *c; (c = list_take(&p->waiting)) || (c = list_take(&p->ready));)
        turn_create_free(c);
    if (p->fd >= 0)
        close(p->fd);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int preparer_fd(const struct preparer *p) { return p->fd; }

bool preparer_put(struct preparer *p, struct turn_create *c)
{
    p->runs = p->runs || pthread_create(&p->thread, NULL, prepare, p) == 0;
    pthread_mutex_lock(&p->lock);
    bool room = p->runs && p->n_waiting < PREPARER_CREATES && p->bytes_waiting + c->bundle.len <= PREPARER_BYTES;
    if (room) {
        list_put(&p->waiting, c);
        p->n_waiting++;
        p->bytes_waiting += c->bundle.len;
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    return room;
}

struct turn_create *preparer_take(struct preparer *p)
{
    uint64_t n;
    pthread_mutex_lock(&p->lock);
    struct turn_create *c = list_take(&p->ready);
    if (!c)
        (void)!read(p->fd, &n, sizeof n);
    pthread_mutex_unlock(&p->lock);
    return c;
}

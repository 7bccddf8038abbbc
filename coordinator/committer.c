/* One thread, one place for a commit.
 *
 *   idle ─► begun (the loop) ─► done (the thread) ─► idle (the loop, which has the answer) */
#include "coordinator/committer.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/mem.h"

enum committer_state { IDLE, BEGUN, DONE, ENDING };

struct committer {
    committer_run *run;
    void *arg;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum committer_state state;
    const struct turn_commit *commit;
    enum bf_rc rc;
    struct bf_error err;
};

static void *work(void *arg)
{
    struct committer *c = arg;
    pthread_mutex_lock(&c->lock);
    for (;;) {
        while (c->state != BEGUN && c->state != ENDING)
            pthread_cond_wait(&c->changed, &c->lock);
        if (c->state == ENDING)
            break;
        pthread_mutex_unlock(&c->lock);
        struct bf_error err = {0};
        enum bf_rc rc = c->run(c->arg, c->commit, &err);
        pthread_mutex_lock(&c->lock);
        c->rc = rc;
        c->err = err;
        c->state = DONE;
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

enum bf_rc committer_new(committer_run *run, void *arg, struct committer **ret, struct bf_error *err)
{
    struct committer *c = bf_xcalloc(1, sizeof *c);
    c->run = run;
    c->arg = arg;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    int failed = pthread_create(&c->thread, NULL, work, c);
    if (failed) {
        free(c);
        return bf_fail_errno(err, BF_INTERNAL, failed, "no thread for commits");
    }
    *ret = c;
    return BF_OK;
}

static void set_state(struct committer *c, enum committer_state from, enum committer_state to)
{
    pthread_mutex_lock(&c->lock);
    assert(c->state == from);
    (void)from;
    c->state = to;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

void committer_free(struct committer *c)
{
    if (!c)
        return;
    set_state(c, IDLE, ENDING);
    pthread_join(c->thread, NULL);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void committer_begin(struct committer *c, const struct turn_commit *commit)
{
    c->commit = commit;
    set_state(c, IDLE, BEGUN);
}

bool committer_busy(struct committer *c)
{
    pthread_mutex_lock(&c->lock);
    bool busy = c->state == BEGUN;
    pthread_mutex_unlock(&c->lock);
    return busy;
}

enum bf_rc committer_wait(struct committer *c, struct bf_error *err)
{
    pthread_mutex_lock(&c->lock);
    assert(c->state != IDLE);
    while (c->state == BEGUN)
        pthread_cond_wait(&c->changed, &c->lock);
    enum bf_rc rc = c->rc;
    *err = c->err;
    c->state = IDLE;
    pthread_mutex_unlock(&c->lock);
    return rc;
}

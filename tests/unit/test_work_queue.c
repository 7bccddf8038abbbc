/* The queue alone, with work that a test holds up: nothing here waits for time, only for the threads. */
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

#include "common/work_queue.h"

#define MOST 4u
#define MOST_BYTES 100u

struct job { int key; bool ran, dropped; };

static struct { sem_t begun, go; bool held; } gate;

static void run(void *arg, void *work)
{
    struct job *j = work;
    cr_assert_eq(arg, &gate);
    sem_post(&gate.begun);
    if (gate.held)
        sem_wait(&gate.go);
    j->ran = true;
}

static void drop(void *work)
{
    ((struct job *)work)->dropped = true;
}

static struct bf_work_queue *open_queue(unsigned n_threads, bool held)
{
    const struct bf_work_options o = {.what = "jobs", .run = run, .drop = drop, .arg = &gate, .n_threads = n_threads, .nice = 1,
                                      .waiting_max = MOST, .waiting_bytes_max = MOST_BYTES};
    struct bf_work_queue *q = NULL;
    sem_init(&gate.begun, 0, 0);
    sem_init(&gate.go, 0, 0);
    gate.held = held;
    cr_assert_eq(bf_work_queue_open(&o, &q, NULL), BF_OK);
    return q;
}

static enum bf_rc put(struct bf_work_queue *q, struct job *j, size_t bytes)
{
    struct bf_error err = {0};
    enum bf_rc rc = bf_work_queue_put(q, j, bytes, &err);
    cr_expect(rc == BF_OK || strstr(err.text, "jobs"), "%s", err.text);
    return rc;
}

/* One is in work and holds the only thread. */
static void put_and_hold(struct bf_work_queue *q, struct job *j)
{
    cr_assert_eq(put(q, j, 0), BF_OK);
    sem_wait(&gate.begun);
}

static bool readable(struct bf_work_queue *q)
{
    struct pollfd fd = {.fd = bf_work_queue_fd(q), .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static struct job *wait_and_take(struct bf_work_queue *q)
{
    struct pollfd fd = {.fd = bf_work_queue_fd(q), .events = POLLIN};
    struct job *j;
    while (!(j = bf_work_queue_take(q)))
        cr_assert_eq(poll(&fd, 1, -1), 1);
    return j;
}

Test(work_queue, gives_work_back_in_its_order_and_is_quiet_then)
{
    struct job jobs[MOST] = {0};
    struct bf_work_queue *q = open_queue(1, false);
    cr_expect(!readable(q));
    cr_expect_null(bf_work_queue_take(q));
    for (size_t i = 0; i < MOST; i++)
        cr_assert_eq(put(q, &jobs[i], 1), BF_OK);
    for (size_t i = 0; i < MOST; i++) {
        cr_expect_eq(wait_and_take(q), &jobs[i]);
        cr_expect(jobs[i].ran);
    }
    bf_work_queue_close(q);
}

/* A thread that has put something into the list and not yet said so may make the descriptor readable once more: with one that is held
 * before its work nothing of that kind is under way. */
Test(work_queue, the_descriptor_says_what_is_done)
{
    struct job jobs[2] = {0};
    struct bf_work_queue *q = open_queue(1, true);
    struct pollfd fd = {.fd = bf_work_queue_fd(q), .events = POLLIN};
    put_and_hold(q, &jobs[0]);
    cr_assert_eq(put(q, &jobs[1], 0), BF_OK);
    cr_expect(!readable(q), "nothing is done");
    sem_post(&gate.go);
    sem_wait(&gate.begun);                       /* of the second: the first was told before */
    cr_assert_eq(poll(&fd, 1, -1), 1);
    cr_expect_eq(bf_work_queue_take(q), &jobs[0]);
    cr_expect(readable(q), "it is quiet only after a take that found nothing");
    cr_expect_null(bf_work_queue_take(q));
    cr_expect(!readable(q));
    sem_post(&gate.go);
    cr_expect_eq(wait_and_take(q), &jobs[1]);
    bf_work_queue_close(q);
}

Test(work_queue, refuses_what_is_too_much)
{
    struct job jobs[MOST + 2] = {0};
    struct bf_work_queue *q = open_queue(1, true);
    put_and_hold(q, &jobs[0]);
    for (size_t i = 1; i <= MOST; i++)
        cr_assert_eq(put(q, &jobs[i], MOST_BYTES / MOST), BF_OK);
    cr_expect_eq(put(q, &jobs[MOST + 1], 0), BF_LIMIT);
    sem_post(&gate.go);
    sem_wait(&gate.begun);
    cr_expect_eq(put(q, &jobs[MOST + 1], MOST_BYTES / MOST + 1), BF_LIMIT, "too many bytes");
    cr_expect_eq(put(q, &jobs[MOST + 1], MOST_BYTES / MOST), BF_OK, "there is room again");
    for (size_t i = 0; i <= MOST; i++)
        sem_post(&gate.go);
    for (size_t i = 0; i < MOST + 2; i++)
        cr_expect_eq(wait_and_take(q), &jobs[i]);
    bf_work_queue_close(q);
}

static bool same_key(const void *work, const void *with)
{
    return ((const struct job *)work)->key == ((const struct job *)with)->key;
}

Test(work_queue, counts_those_that_wait)
{
    struct job jobs[] = {{.key = 1}, {.key = 1}, {.key = 2}, {.key = 1}};
    struct bf_work_queue *q = open_queue(1, true);
    put_and_hold(q, &jobs[0]);
    for (size_t i = 1; i < 4; i++)
        cr_assert_eq(put(q, &jobs[i], 0), BF_OK);
    cr_expect_eq(bf_work_queue_alike(q, same_key, &jobs[0]), 2u, "not the one that is in work");
    for (size_t i = 0; i < 4; i++)
        sem_post(&gate.go);
    bf_work_queue_close(q);
}

Test(work_queue, has_as_many_threads_as_it_may)
{
    struct job jobs[2] = {0};
    struct bf_work_queue *q = open_queue(2, true);
    put_and_hold(q, &jobs[0]);
    put_and_hold(q, &jobs[1]);                   /* or it would wait here for ever */
    sem_post(&gate.go);
    sem_post(&gate.go);
    cr_expect_neq(wait_and_take(q), wait_and_take(q));
    bf_work_queue_close(q);
}

/* The linker brings the queue here (common.cmake): a close has told the threads to end, and waits for them.  What is held goes on. */
int __real_pthread_join(pthread_t thread, void **ret);
int __wrap_pthread_join(pthread_t thread, void **ret);
int __wrap_pthread_join(pthread_t thread, void **ret)
{
    sem_post(&gate.go);
    return __real_pthread_join(thread, ret);
}

Test(work_queue, closes_with_work_in_it)
{
    struct job jobs[3] = {0};
    struct bf_work_queue *q = open_queue(1, true);
    put_and_hold(q, &jobs[0]);
    cr_assert_eq(put(q, &jobs[1], 0), BF_OK);
    cr_assert_eq(put(q, &jobs[2], 0), BF_OK);
    sem_post(&gate.go);
    sem_wait(&gate.begun);
    bf_work_queue_close(q);
    cr_expect(jobs[0].ran && jobs[0].dropped, "done, and taken by nobody");
    cr_expect(jobs[1].ran && jobs[1].dropped, "in work: waited for");
    cr_expect(!jobs[2].ran && jobs[2].dropped, "it had not begun");
    bf_work_queue_close(NULL);
}

Test(work_queue, closes_without_ever_having_had_any)
{
    bf_work_queue_close(open_queue(2, false));
}

/* More than any address space has. */
static void set_stack_of_threads(size_t bytes)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    cr_assert_eq(pthread_attr_setstacksize(&attr, bytes), 0);
    cr_assert_eq(pthread_setattr_default_np(&attr), 0);
    pthread_attr_destroy(&attr);
}

Test(work_queue, says_that_there_is_no_thread)
{
    struct job jobs[2] = {0};
    struct bf_error err = {0};
    struct bf_work_queue *q = open_queue(2, false);
    set_stack_of_threads((size_t)1 << 50);
    cr_assert_eq(bf_work_queue_put(q, &jobs[0], 0, &err), BF_INTERNAL);
    cr_expect_str_eq(err.text, "no thread can be started for jobs; look at the limits of tasks and memory: "
                               "Resource temporarily unavailable");
    cr_expect_eq(bf_work_queue_alike(q, same_key, &jobs[0]), 0u, "it is still the caller's");
    set_stack_of_threads((size_t)1 << 20);
    cr_assert_eq(put(q, &jobs[1], 0), BF_OK, "it is tried again");
    cr_expect_eq(wait_and_take(q), &jobs[1]);
    bf_work_queue_close(q);
    cr_expect(!jobs[0].ran && !jobs[0].dropped);
}

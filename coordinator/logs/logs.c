/* The thread of the log socket: take chunks, keep them, give credit, sync once a second while something is new.
 *
 * The door, the counters and the writing side of the store belong to this thread alone between logs_open() and the write to
 * stop_fd that ends it; only the store's reading side is shared. */
#include "coordinator/logs/logs.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "coordinator/zap/door.h"

#define RECEIVE_MESSAGES 64                      /* of at most 64 KiB each, for each agent */
#define SEND_MESSAGES 1000                       /* credits are small */
#define SYNC_MS 1000
#define TIDY_MS 60000                           /* where logs are kept by age */
#define DRAIN_MESSAGES 256                       /* between two looks at the clock and the stop */

struct logs {
    struct door *door;
    struct log_store *store;
    struct bf_work_queue *searches;
    bool by_age;                                 /* segments go with time alone */
    pthread_t thread;
    int stop_fd;
    struct door_quota quota;
    struct bf_buf scratch;
    uint64_t chunks;                             /* taken so far; of the thread */
};

static void complain(struct logs *l, const char *event, const char *why)
{
    uint64_t left_out;
    if (door_quota(&l->quota, &left_out))
        bf_warn(event, "socket=logs why=%s left_out=%lu", bf_log_quote(why), (unsigned long)left_out);
}

static void credit(struct logs *l, const struct door_message *m, const struct log_msg *chunk, uint64_t acked)
{
    struct log_msg answer = {.kind = LOG_CREDIT, .attempt = chunk->attempt, .token = chunk->token, .credit_bytes = acked};
    bf_buf_clear(&l->scratch);
    log_msg_encode(&answer, &l->scratch);
    (void)door_send(l->door, &m->id, l->scratch.data, l->scratch.len);      /* one that is gone sends again from its last credit */
}

static void chunk_take(struct logs *l, const struct door_message *m)
{
    struct log_msg chunk;
    struct bf_error err = {0};
    enum bf_rc rc = log_msg_decode(m->bytes, m->n, &chunk, &err);
    if (rc != BF_OK || chunk.kind != LOG_CHUNK) {
        complain(l, "message_malformed", rc != BF_OK ? err.text : "a kind that only the coordinator sends");
    } else {
        uint64_t acked = chunk.offset + chunk.n_bytes;
        if (log_store_append(l->store, m->key, &chunk, &acked, &err) != BF_OK)
            complain(l, "log_not_kept", err.text);
        l->chunks++;
        credit(l, m, &chunk, acked);
    }
    log_msg_done(&chunk);
}

static void drain(struct logs *l)
{
    struct door_message m;
    enum door_got got;
    for (size_t n = 0; n < DRAIN_MESSAGES && (got = door_receive(l->door, &m)) != DOOR_NONE; n++) {
        if (got == DOOR_MESSAGE)
            chunk_take(l, &m);
        else
            complain(l, "key_refused", "not authorised, or a message of another shape");
    }
}

static void *logs_main(void *arg)
{
    struct logs *l = arg;
    struct pollfd fds[] = {{.fd = l->stop_fd, .events = POLLIN}, {.fd = door_fd(l->door), .events = POLLIN}};
    int64_t synced_ms = bf_boottime_ms(), tidied_ms = INT64_MIN / 2;
    uint64_t synced_chunks = 0;
    for (bool dirty = false; !fds[0].revents;) {
        drain(l);
        /* The descriptor tells of changes only: whether something waits is asked before the wait. */
        bool more = door_readable(l->door);
        int64_t now_ms = bf_boottime_ms();
        uint64_t chunks = l->chunks;
        dirty = dirty || chunks != synced_chunks;
        if (dirty && now_ms - synced_ms >= SYNC_MS) {
            struct bf_error err = {0};
            if (log_store_sync(l->store, &err) != BF_OK)
                complain(l, "log_not_synced", err.text);
            dirty = false;
            synced_ms = now_ms;
            synced_chunks = chunks;
        }
        if (l->by_age && now_ms - tidied_ms >= TIDY_MS) {
            log_store_tidy(l->store, bf_realtime_us());
            tidied_ms = now_ms;
        }
        poll(fds, 2, more ? 0 : dirty ? SYNC_MS : l->by_age ? TIDY_MS : -1);
    }
    return NULL;
}

enum bf_rc logs_open(struct zap *z, const struct logs_options *o, struct logs **ret, struct bf_error *err)
{
    const struct door_options door = {.endpoint = o->endpoint, .domain = DOMAIN_LOGS, .secret_key = o->secret_key,
                                      .receive_messages = RECEIVE_MESSAGES, .send_messages = SEND_MESSAGES, .linger_ms = 0};
    struct logs *l = bf_xcalloc(1, sizeof *l);
    enum bf_rc rc = log_store_open(o->dir, o->keep_bytes, LOG_SEGMENT_BYTES, &l->store, err);
    l->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (rc == BF_OK) {
        l->by_age = o->keep_age_ms > 0;
        log_store_keep_age(l->store, o->keep_age_ms);
        rc = log_searches_open(l->store, &l->searches, err);
    }
    if (rc == BF_OK && l->stop_fd < 0)
        rc = bf_fail(err, BF_INTERNAL, "no event descriptor for the log thread");
    if (rc == BF_OK)
        rc = door_open(z, &door, &l->door, err);
    if (rc == BF_OK && pthread_create(&l->thread, NULL, logs_main, l) != 0) {
        rc = bf_fail(err, BF_INTERNAL, "the log thread cannot be started");
        door_close(l->door);
        l->door = NULL;
    }
    if (rc != BF_OK) {
        if (l->stop_fd >= 0)
            close(l->stop_fd);
        bf_work_queue_close(l->searches);
        log_store_close(l->store);
        free(l);
        return rc;
    }
    *ret = l;
    return BF_OK;
}

void logs_close(struct logs *l)
{
    if (!l)
        return;
    uint64_t one = 1;
    if (write(l->stop_fd, &one, sizeof one) == (ssize_t)sizeof one)
        pthread_join(l->thread, NULL);
    door_close(l->door);
    close(l->stop_fd);
    bf_work_queue_close(l->searches);
    log_store_close(l->store);
    bf_buf_free(&l->scratch);
    free(l);
}

const char *logs_endpoint(const struct logs *l) { return door_endpoint(l->door); }
struct log_store *logs_store(struct logs *l) { return l->store; }
struct bf_work_queue *logs_searches(struct logs *l) { return l->searches; }

void logs_keep(struct logs *l, uint64_t keep_bytes)
{
    log_store_keep(l->store, keep_bytes);
}

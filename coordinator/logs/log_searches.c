/* A queue of work (common/work_queue.h), of which no key has more than its share. */
#include "coordinator/logs/log_searches.h"

#include <stdlib.h>
#include <string.h>

#define NICE 10                                  /* heartbeats, commands and the intake of logs come first */

void log_job_free(struct log_job *j)
{
    if (!j)
        return;
    log_query_done(&j->query);
    log_page_done(&j->page);
    free(j);
}

static void search(void *store, void *job)
{
    struct log_job *j = job;
    log_search_page(store, &j->query, &j->page);
}

static void drop(void *job)
{
    log_job_free(job);
}

enum bf_rc log_searches_open(struct log_store *s, struct bf_work_queue **ret, struct bf_error *err)
{
    const struct bf_work_options o = {.what = "searches of logs", .run = search, .drop = drop, .arg = s, .n_threads = LOG_SEARCH_THREADS,
                                      .nice = NICE, .waiting_max = LOG_SEARCHES_WAITING};
    return bf_work_queue_open(&o, ret, err);
}

static bool same_key(const void *job, const void *with)
{
    const struct log_job *a = job, *b = with;
    return memcmp(a->key, b->key, LOG_KEY_BYTES) == 0;
}

enum bf_rc log_searches_ask(struct bf_work_queue *q, struct log_job *job, struct bf_error *err)
{
    size_t same = bf_work_queue_alike(q, same_key, job);
    if (same >= LOG_SEARCHES_EACH)
        return bf_fail(err, BF_LIMIT, "%zu searches of this key are waiting; wait for one of them to end", same);
    return bf_work_queue_put(q, job, 0, err);
}

/* The threads that search logs: pages in, pages out.
 *
 * A page is asked for by the engine's thread and made by one of two threads of low priority; when it is ready the descriptor becomes
 * readable.  At most LOG_SEARCHES_WAITING pages wait, LOG_SEARCHES_EACH of one key; more are refused by name.  Nothing is kept between
 * pages: a client that does not ask again has ended its search. */
#ifndef BF_LOG_SEARCHES_H
#define BF_LOG_SEARCHES_H

#include "common/work_queue.h"
#include "coordinator/logs/log_search.h"

#define LOG_SEARCH_THREADS 2u
#define LOG_SEARCHES_WAITING 16u
#define LOG_SEARCHES_EACH 4u
#define LOG_ASK_ID_BYTES 16

struct log_job {
    uint8_t key[LOG_KEY_BYTES], id[LOG_ASK_ID_BYTES];        /* who asked, and how the question is called */
    struct log_query query;
    struct log_page page;
};
void log_job_free(struct log_job *j);            /* NULL is fine */

/* A queue of log_jobs; to close it takes a second at most, for pages in work. */
enum bf_rc log_searches_open(struct log_store *s, struct bf_work_queue **ret, struct bf_error *err) BF_MUST_CHECK;
/* Takes *job over on BF_OK.  BF_LIMIT: too many wait.  BF_INTERNAL: there is no thread for it. */
enum bf_rc log_searches_ask(struct bf_work_queue *q, struct log_job *job, struct bf_error *err) BF_MUST_CHECK;

#endif

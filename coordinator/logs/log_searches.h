/* The threads that search logs: pages in, pages out.
 *
 * A page is asked for by the engine's thread and made by one of two threads of low priority; when it is ready the descriptor becomes
 * readable.  At most LOG_SEARCHES_WAITING pages wait, LOG_SEARCHES_EACH of one key; more are refused by name.  Nothing is kept between
 * pages: a client that does not ask again has ended its search. */
#ifndef BF_LOG_SEARCHES_H
#define BF_LOG_SEARCHES_H

#include "coordinator/logs/log_search.h"

#define LOG_SEARCH_THREADS 2u
#define LOG_SEARCHES_WAITING 16u
#define LOG_SEARCHES_EACH 4u
#define LOG_ASK_ID_BYTES 16

struct log_job {
    struct log_job *next;
    uint8_t key[LOG_KEY_BYTES], id[LOG_ASK_ID_BYTES];        /* who asked, and how the question is called */
    struct log_query query;
    struct log_page page;
};
void log_job_free(struct log_job *j);            /* NULL is fine */

struct log_searches;
enum bf_rc log_searches_open(struct log_store *s, struct log_searches **ret, struct bf_error *err) BF_MUST_CHECK;
/* Waits for pages in work: a second at most. */
void log_searches_close(struct log_searches *x); /* NULL is fine */
int log_searches_fd(const struct log_searches *x);
/* Takes *job over on BF_OK.  BF_LIMIT: too many wait. */
enum bf_rc log_searches_ask(struct log_searches *x, struct log_job *job, struct bf_error *err) BF_MUST_CHECK;
/* A page that is ready, the caller's from now on; NULL: none, and the descriptor is quiet again. */
struct log_job *log_searches_take(struct log_searches *x);

#endif

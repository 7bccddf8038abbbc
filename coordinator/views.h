/* The JSON documents that answer queries: one function for each, the same bytes for bfctl and HTTP.
 *
 * Reads the engine between turns.  Documents stay under 1 MiB: lists are paged, texts are left out when a page grows large. */
#ifndef BF_VIEWS_H
#define BF_VIEWS_H

#include "common/buf.h"
#include "common/error.h"
#include "coordinator/engine/view.h"
#include "proto/operator_msg.h"

struct keyring;
struct log_job;
struct log_query;
struct log_store;
struct store;
struct turns;
struct views_cache;
struct coordinator_config;

struct view_source {
    const struct engine *engine;
    const char *cluster;                         /* hex */
    uint32_t store_format;
    int64_t engine_ms, wall_us;                  /* of now */
    int64_t zero_us;                             /* wall clock when engine time began, held still: a moment reads the same each time; 0: not known */
    uint64_t seq;                                /* last turn: what was counted before it may be old */
    struct log_store *logs;                      /* NULL: none are kept */
    uint64_t log_keep_bytes; int64_t log_keep_age_ms;        /* settings, for the answers that say what is gone */
    struct store *store;                         /* has the details of attempts; NULL: none are kept */
    struct views_cache *cache;                   /* NULL: none */
    const struct turns *turns;                   /* has the sources of plans; NULL: none are kept */
    const struct coordinator_config *config;     /* in force; NULL: not known */
    const char *config_path;
    const struct keyring *keys;                  /* NULL: none are kept */
    const struct key_entry *who;                 /* asks: lists are cut to what it sees; NULL: all */
    /* Why an agent that the state takes for present was refused (refusals.h); NULL, or it gives NULL: it was not. */
    const char *(*refused)(const void *arg, const struct agent_view *a); const void *refused_arg;
    const struct plan *tried;                    /* of a create that is only tried; NULL: it is not known */
    const char *api, *fleet, *logs_at;           /* endpoints as bound; NULL: not known */
};

/* Counting a large backfill step by step takes time; a count is used again for a while in proportion to what it cost. */
struct views_cache *views_cache_new(void);
void views_cache_free(struct views_cache *c);

/* Append the document that answers a query. */
enum bf_rc views_answer(const struct view_source *v, const struct op_request *req, struct bf_buf *ret_json,
                        struct bf_error *err) BF_MUST_CHECK;
/* The question that an OP_LOG_SEARCH asks of the logs; released by log_query_done(), also after failure.  *ret is all-zero before. */
enum bf_rc view_log_query(const struct view_source *v, const struct op_request *req, struct log_query *ret,
                          struct bf_error *err) BF_MUST_CHECK;
/* Append the document that answers it. */
enum bf_rc view_log_page(const struct view_source *v, const struct log_job *job, struct bf_buf *ret_json,
                         struct bf_error *err) BF_MUST_CHECK;

#endif

/* What the agent asks for: one JSON document on standard input.  It holds the connection string, so it is never shown. */
#ifndef BF_AGENT_SQL_REQUEST_H
#define BF_AGENT_SQL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sql/pieces.h"
#include "common/error.h"

#define SQL_REQUEST_MAX_BYTES (16u << 20)      /* a message of 1 MiB, every byte escaped, and room */

struct sql_request {
    char *odbc;                                /* secret */
    char *connection;                          /* its name in the plan */
    char *cluster, *plan, *step, *partition, *run_id;
    int64_t attempt, token, backfill, run;     /* >= 1 */
    int64_t timebox_ms;                        /* 0: none */
    struct sql_request_piece *pieces;
    size_t n_pieces;
};

/* Parse a document.  Unknown, missing and doubled keys are errors; texts never quote values.  *ret untouched on failure. */
enum bf_rc sql_request_parse(const char *json, size_t len, struct sql_request *ret, struct bf_error *err) BF_MUST_CHECK;
void sql_request_done(struct sql_request *r);

#endif

/* One attempt of a SQL step, from request to result. */
#ifndef BF_AGENT_SQL_RUN_H
#define BF_AGENT_SQL_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sql/fault.h"
#include "agent/sql/request.h"
#include "common/buf.h"

enum run_end {
    RUN_DONE,                                  /* committed: rows */
    RUN_ALREADY_DONE,                          /* an earlier attempt of this run committed; nothing was changed */
    RUN_FENCED,                                /* another token owns the row; nothing was changed */
    RUN_FAULT,                                 /* the database or the script: fault; nothing was changed, or see transient */
    RUN_CHECK_FAILED,                          /* rolled back because of the data; lines say why */
    RUN_TESTED,                                /* do: test or init; lines hold the findings, transient is unused */
    RUN_TEST_FAILED,
    RUN_NOT_YET,                               /* do: look, and what it looks for is not there */
    RUN_END_COUNT
};

#define RUN_EXCERPT_MAX 401

/* No secrets in it.  All-zero is empty; released with run_result_done(). */
struct run_result {
    enum run_end end;
    int64_t rows;                              /* changed by the script, triggers included */
    bool transient;                            /* RUN_FAULT: trying again may help, and is always safe */
    struct sql_fault fault;
    uint32_t statement, line, column;          /* RUN_FAULT: where in the script; 0: nowhere, or not told */
    char excerpt[RUN_EXCERPT_MAX];             /* of the statement */
    char text[1024];                           /* one sentence */
    struct bf_buf lines;                       /* JSON lines that go before ours */
};

/* Run what the request asks for, to its end: *ret says how, and there is no error beside it.  supervise_start() comes first.  Nothing of
 * the
 * request is kept. */
void sql_run(const struct sql_request *r, struct run_result *ret);
void run_result_done(struct run_result *r);

#endif

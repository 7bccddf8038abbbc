/* One attempt of a SQL step with `transaction: true`: the protocol that makes it effectively once. */
#ifndef BF_AGENT_SQL_RUN_H
#define BF_AGENT_SQL_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sql/fault.h"
#include "agent/sql/request.h"

enum run_end {
    RUN_DONE,                                  /* committed: rows */
    RUN_ALREADY_DONE,                          /* an earlier attempt of this run committed; nothing was changed */
    RUN_FENCED,                                /* another token owns the row; nothing was changed */
    RUN_FAULT,                                 /* the database or the script: fault; nothing was changed, or see transient */
    RUN_END_COUNT
};

/* A value.  No secrets in it. */
struct run_result {
    enum run_end end;
    int64_t rows;                              /* changed by the script, triggers included */
    bool transient;                            /* RUN_FAULT: trying again may help, and is always safe */
    struct sql_fault fault;
    char text[1024];                           /* one sentence */
};

void sql_run(const struct sql_request *r, struct run_result *ret);

#endif

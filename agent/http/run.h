/* One attempt of an `http` step: the call, its judgement, and the polls. */
#ifndef BF_AGENT_HTTP_RUN_H
#define BF_AGENT_HTTP_RUN_H

#include "agent/http/request.h"
#include "common/buf.h"

/* All-zero before.  No secrets in it. */
struct http_result {
    bool good;
    bool transient;                            /* not good: trying again may help */
    int status;                                /* not good: the status that decided; 0: none did */
    struct bf_buf text;                        /* one sentence */
    struct bf_buf shown;                       /* for standard output: the beginning of the answers */
};

/* stop_fd: becomes readable when the attempt must end at once.  ret is filled whatever happens. */
void http_run(const struct http_request *r, int stop_fd, struct http_result *ret);
void http_result_done(struct http_result *r);

#endif

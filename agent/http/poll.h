/* Looking again and again whether the work that a call began is done. */
#ifndef BF_AGENT_HTTP_POLL_H
#define BF_AGENT_HTTP_POLL_H

#include "agent/http/client.h"
#include "agent/http/request.h"
#include "agent/http/secrets.h"

enum http_poll_end {
    HTTP_POLL_DONE,
    HTTP_POLL_FAILED,                          /* the work failed, or the answer ends the wait: permanent */
    HTTP_POLL_TIMED_OUT,                       /* not done in time */
    HTTP_POLL_STOPPED
};

struct http_poll_result {
    enum http_poll_end end;
    int status;                                /* of the last look; 0: none came */
    unsigned looks;
    char *state;                               /* what was last seen, fit to be shown: "200, /state is \"running\"" */
};

/* Wait, look, judge, until one of the ends.  Each change of what is seen is told on standard error.  deadline_ms: of the attempt,
 * CLOCK_BOOTTIME.  answer holds the last answer. */
void http_poll_run(struct http_client *c, const struct http_request *r, const struct secrets *s, const char *url, int64_t deadline_ms,
                   struct http_answer *answer, struct http_poll_result *ret);
void http_poll_result_done(struct http_poll_result *p);

#endif

/* What the status of an answer means.  Pure. */
#ifndef BF_AGENT_HTTP_STATUS_H
#define BF_AGENT_HTTP_STATUS_H

#include <stdbool.h>
#include <stddef.h>

/* A range of statuses that are good. */
struct http_expect {
    int low, high;                             /* both included */
};

/* "2xx" or "204", from 100 to 599.  false, and *ret untouched, when it is neither. */
bool http_expect_parse(const char *word, struct http_expect *ret);
bool http_expected(const struct http_expect *ranges, size_t n, int status);

/* May another try be answered differently?  408, 425, 429 and 5xx. */
bool http_status_transient(int status);
/* "Service Unavailable"; "" when the status is not in the table. */
const char *http_status_words(int status);

#endif

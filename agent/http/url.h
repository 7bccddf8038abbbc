/* Addresses of the web: parts, resolution, what may be called. */
#ifndef BF_AGENT_HTTP_URL_H
#define BF_AGENT_HTTP_URL_H

#include <stdbool.h>

#include "common/error.h"

/* http or https, a host that may be called as far as it can be told before a name is looked up, and no user in it. */
enum bf_rc http_url_check(const char *url, struct bf_error *err) BF_MUST_CHECK;
/* What reference (a Location) means at base; the caller frees.  NULL when it means nothing. */
char *http_url_resolve(const char *base, const char *reference);
/* Same scheme, host and port. */
bool http_url_same_origin(const char *a, const char *b);
/* For people: scheme, host, port and path; a query may hold a key, so it is left out.  The caller frees.  The library takes
 * percent signs out of hosts, so that it may be no UTF-8: secrets_put cleans it. */
char *http_url_shown(const char *url);

#endif

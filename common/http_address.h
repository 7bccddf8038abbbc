/* Addresses that nothing of ours calls, be it for a step or to tell of an alert.  Pure. */
#ifndef BF_COMMON_HTTP_ADDRESS_H
#define BF_COMMON_HTTP_ADDRESS_H

#include <sys/socket.h>

/* Why sa may not be called, as the end of "ADDRESS is …"; NULL when it may.  Anything but IPv4 and IPv6 may not. */
const char *http_address_refusal(const struct sockaddr *sa);
/* The same for a host as it stands in an address of the web: "169.254.1.1", "[fe80::1]".  A name is NULL: what it stands for is
 * not known yet. */
const char *http_host_refusal(const char *host);

#define HTTP_ADDRESS_MAX 48
/* As people write it: "169.254.169.254". */
void http_address_text(const struct sockaddr *sa, char ret[HTTP_ADDRESS_MAX]);

#endif

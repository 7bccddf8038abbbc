/* Why there is no answer: the library's codes as sentences, and whether another try may help. */
#ifndef BF_AGENT_HTTP_FAULT_H
#define BF_AGENT_HTTP_FAULT_H

#include <stdbool.h>

struct http_fault {
    bool permanent;                            /* a repeat would end the same way */
    const char *words;                         /* "could not connect" */
};

/* code: a CURLcode other than CURLE_OK. */
struct http_fault http_fault_of(int code);

#endif

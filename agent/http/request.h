/* What the agent asks for: one JSON document on standard input.  Some of its headers are secrets, so it is never shown. */
#ifndef BF_AGENT_HTTP_REQUEST_H
#define BF_AGENT_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/http/status.h"
#include "common/error.h"

#define HTTP_REQUEST_MAX_BYTES (16u << 20)     /* a message of 1 MiB, every byte escaped, and room */
#define HTTP_HEADERS_MAX 100u
#define HTTP_HEADER_VALUE_MAX 16384u
#define HTTP_URL_MAX 16384u
#define HTTP_EXPECT_MAX 100u
#define HTTP_EQUALS_MAX 100u
#define HTTP_POINTER_MAX 1024u

struct json_t;

struct http_header {
    char *name, *value;
    bool secret;                               /* came by reference */
};

/* "the value at this place is one of these". */
struct http_match {
    char *pointer;                             /* RFC 6901; NULL: no such condition */
    struct json_t *equals;                     /* a list of strings, numbers and booleans */
};

struct http_ranges {
    struct http_expect *at;
    size_t n;
};

struct http_poll {
    bool wanted;
    char *url;                                 /* NULL: the Location of the answer */
    int64_t every_ms, timeout_ms;
    struct http_ranges until_status;           /* either this */
    struct http_match until;                   /* or this */
    struct http_match failed;                  /* optional */
};

/* Called again and again, as a probe, until it is killed. */
struct http_probe {
    bool wanted;
    bool value;                                /* the number that it answers, else the time that it takes */
    int64_t every_ms, limit_ms;                /* >= 1 */
};

struct http_request {
    char *step, *run_id;
    int64_t token;                             /* >= 1 */
    int64_t timebox_ms;                        /* 0: none */
    char *method, *url;
    struct http_header *headers;               /* names differ, whatever their case */
    size_t n_headers;
    char *body;                                /* NULL: none; any bytes */
    size_t body_len;
    char *content_type;                        /* NULL: none */
    struct http_ranges expect;                 /* at least one */
    struct http_poll poll;
    struct http_probe probe;
};

/* Parse a document.  Unknown, missing and doubled keys are errors; texts never quote values.  *ret untouched on failure. */
enum bf_rc http_request_parse(const char *json, size_t len, struct http_request *ret, struct bf_error *err) BF_MUST_CHECK;
/* Wipes what was secret. */
void http_request_done(struct http_request *r);

const struct http_header *http_request_header(const struct http_request *r, const char *name);   /* NULL: not there */

#endif

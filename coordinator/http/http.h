/* Three pages for machines: /metrics, /healthz, /readyz.  Read only, and for anybody who reaches the port: nothing else is served here.
 *
 * A thread of the library answers from pages that were handed over; it never sees the engine.  Connections are few, one request each,
 * small, and end by a deadline, so that whoever reads slowly, or sends without end, holds up nobody but himself. */
#ifndef BF_HTTP_HTTP_H
#define BF_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define HTTP_CONNECTIONS_MAX 64u
#define HTTP_OF_ADDRESS_MAX 32u                  /* connections of one address */
#define HTTP_MEMORY_BYTES (16u << 10)            /* of one connection: the longest request */
#define HTTP_DEADLINE_MS 20000                   /* of one connection, however busy */
#define HTTP_ALIVE_MS 10000                      /* pages older than this: the coordinator's loop is stuck */

struct http;                                     /* opaque */
struct http_counts { uint64_t requests, refused, late; };      /* answered; refused for what they asked; ended by the deadline */

/* listen: "ADDRESS:PORT", "[ADDRESS]:PORT"; port 0: any that is free.  Checked by http_listen_check(). */
enum bf_rc http_open(const char *listen, struct http **ret, struct bf_error *err) BF_MUST_CHECK;
void http_close(struct http *h);                 /* NULL is fine */
/* As bound: "127.0.0.1:9464". */
const char *http_endpoint(const struct http *h);
/* New pages: the metrics, copied; and why the coordinator is not ready for work, "" when it is.  Ends connections that are past
 * their deadline.  Never waits for a client. */
void http_publish(struct http *h, const char *metrics, size_t n, const char *not_ready);
struct http_counts http_counted(struct http *h);
enum bf_rc http_listen_check(const char *listen, struct bf_error *err) BF_MUST_CHECK;

#endif

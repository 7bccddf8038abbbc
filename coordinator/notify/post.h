/* One message on its way to one receiver: a transfer that is begun, and asked about; it never waits. */
#ifndef BF_NOTIFY_POST_H
#define BF_NOTIFY_POST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/error.h"

#define POST_TIMEOUT_MS 10000                    /* of one try, from the connection to the end of the answer */

struct post;                                     /* opaque */
struct post_target { char *url; void *secret; size_t secret_bytes; };      /* secret: signs each message; NULL: none does */

enum bf_rc post_new(const struct post_target *target, void *multi, struct post **ret, struct bf_error *err) BF_MUST_CHECK;
void post_free(struct post *p);                  /* ends a transfer; NULL is fine */
/* Begin; body is copied.  unix_s: time of the signature. */
void post_begin(struct post *p, const struct bf_buf *body, long long unix_s);
bool post_busy(const struct post *p);
/* The transfer of this handle is over: POST_TAKEN, POST_REFUSED (for good: redirects, 4xx but 408, 425, 429), POST_FAILED (try again); why
 * in words. */
enum post_end { POST_TAKEN, POST_REFUSED, POST_FAILED };
enum post_end post_ended(struct post *p, int curl_result, char *ret_why, size_t size);
/* "t=1700000000,v1=<hex>", HMAC-SHA256 of "1700000000.<body>"; ret: POST_SIGNATURE_MAX. */
#define POST_SIGNATURE_MAX 128
void post_sign(const void *secret, size_t secret_bytes, const void *body, size_t n, long long unix_s, char *ret);

#endif

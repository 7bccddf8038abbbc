/* The api socket: requests of operators and their replies.
 *
 * Each request is checked against the role of its key.  Changes go to the caller's command(), which answers later through
 * api_reply(); queries are answered at once.  Slices of a plan are staged here until the CREATE that names their hash.
 * A reply goes to the connection that asked last with this request id; a client that does not read loses its reply and asks
 * again with the same id. */
#ifndef BF_API_H
#define BF_API_H

#include "coordinator/api/access.h"
#include "coordinator/zap/zap.h"
#include "proto/operator_msg.h"

#define API_PENDING_MAX 4096u                    /* changes that wait for their turn */

struct api_stats {
    uint64_t received, malformed, unauthorised, denied, bad_frames, replies, replies_lost;
};

struct api_calls {
    void *arg;
    /* A change, allowed by role, or a CREATE that is only tried.  bundle: the staged plan of a CREATE, NULL when there is none;
     * borrowed. */
    void (*command)(void *arg, const uint8_t key[ZAP_KEY_BYTES], const char *actor, enum key_role role, const struct op_request *req,
                    const void *bundle, size_t bundle_bytes);
    /* Refused here: the role may not change, or read the audit (who is set); or the key is not authorised any more (who NULL). */
    void (*denied)(void *arg, const uint8_t key[ZAP_KEY_BYTES], const struct zap_key *who, const struct op_request *req, const char *why);
    /* Append the document to *ret_json, or fail with a sentence. */
    enum bf_rc (*query)(void *arg, const uint8_t key[ZAP_KEY_BYTES], const struct op_request *req, struct bf_buf *ret_json,
                        struct bf_error *err);
    /* A query that takes longer: on BF_OK it is answered later through api_reply(). */
    enum bf_rc (*search)(void *arg, const uint8_t key[ZAP_KEY_BYTES], const struct op_request *req, struct bf_error *err);
    /* Is what is asked for within the scopes of the key?  BF_OK, or a sentence.  *backfill is the request's: "latest" becomes a number
     * for a key that does not see all.  Asked for every request that the role allows. */
    enum bf_rc (*permit)(void *arg, const struct zap_key *who, const struct op_request *req, uint32_t *backfill, struct bf_error *err);
    /* The name of a key that was taken away; "" when it is not known. */
    const char *(*gone)(void *arg, const uint8_t key[ZAP_KEY_BYTES]);
};

struct api_options { const char *endpoint; const uint8_t *secret_key; struct api_calls calls; };

struct api;
enum bf_rc api_open(struct zap *z, const struct api_options *o, struct api **ret, struct bf_error *err) BF_MUST_CHECK;
void api_close(struct api *a);                   /* NULL is fine */
const char *api_endpoint(const struct api *a);
int api_fd(const struct api *a);
bool api_readable(const struct api *a);
/* Take at most max requests, until until_us (CLOCK_BOOTTIME); gives how many were taken from the socket. */
size_t api_receive(struct api *a, size_t max, int64_t until_us);
/* The answer of a command. */
void api_reply(struct api *a, const uint8_t key[ZAP_KEY_BYTES], const struct op_reply *reply);
/* Counts and logs a request that was refused behind the socket, for want of a scope, as those that are refused here. */
void api_denied(struct api *a, const char *who, const char *why);
/* Forget staged plans that are too old.  now_ms: CLOCK_BOOTTIME. */
void api_tidy(struct api *a, int64_t now_ms);
const struct api_stats *api_stats(const struct api *a);

#endif

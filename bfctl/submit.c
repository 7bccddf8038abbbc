/* A plan travels in chunks and is only staged until CREATE names its hash.  A coordinator that restarted between the two has
 * forgotten it: then it is sent again, and CREATE is repeated under the same id, so that one that was carried out after all is
 * answered again instead of being made twice. */
#include "bfctl/submit.h"

#include <string.h>

#include "common/buf.h"
#include "proto/bundle.h"

#define ROUNDS_MAX 5

static enum bf_rc put_plan(struct session *s, const uint8_t hash[PLAN_HASH_BYTES], const struct bf_buf *bundle,
                           struct bf_error *err)
{
    for (size_t at = 0; at < bundle->len;) {
        size_t n = bundle->len - at < OP_PLAN_CHUNK_BYTES ? bundle->len - at : OP_PLAN_CHUNK_BYTES;
        struct op_request put;
        client_request(&put, OP_PLAN_PUT);
        memcpy(put.plan_hash, hash, PLAN_HASH_BYTES);
        put.total_bytes = bundle->len;
        put.offset_bytes = at;
        put.bytes = bundle->data + at;
        put.n_bytes = n;
        ANSWER_AUTO struct answer a = {0};
        enum bf_rc rc = session_ask(s, &put, &a, err);
        if (rc != BF_OK)
            return rc;
        at += n;
    }
    return BF_OK;
}

enum bf_rc submit_plan(struct session *s, const struct plan_source *source, struct op_request *create, struct answer *ret,
                       struct bf_error *err)
{
    struct bf_buf bundle = {0};
    const char *slash = strrchr(source->name, '/');
    struct plan_source sent = *source;         /* where it lies here is nobody's business there */
    if (slash)
        sent.name += slash + 1 - source->name;
    plan_source_hash(&sent, create->plan_hash);
    plan_bundle_encode(&sent, &bundle);
    enum bf_rc rc = BF_NOT_FOUND, put_rc = BF_OK;
    for (int round = 0; rc == BF_NOT_FOUND && round < ROUNDS_MAX; round++) {
        /* A chunk is refused when the ones before it were forgotten meanwhile: all again. */
        put_rc = put_plan(s, create->plan_hash, &bundle, err);
        if (put_rc == BF_OK)
            rc = session_ask(s, create, ret, err);
        else if (put_rc != BF_NOT_FOUND && put_rc != BF_CONFLICT)
            rc = put_rc;
    }
    bf_buf_free(&bundle);
    return rc;
}

/* Requests and replies of operators; the first byte chooses. */
#include <assert.h>
#include <string.h>

#include "proto/operator_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void request(const uint8_t *p, size_t n, struct bf_buf *a, struct bf_buf *b)
{
    struct op_request m, again;
    if (op_request_decode(p, n, &m, NULL) == BF_OK) {
        op_request_encode(&m, a);
        enum bf_rc rc = op_request_decode(a->data, a->len, &again, NULL);
        assert(rc == BF_OK);
        op_request_encode(&again, b);
        assert(a->len == b->len && memcmp(a->data, b->data, a->len) == 0);
        op_request_done(&again);
    }
    op_request_done(&m);
}

static void reply(const uint8_t *p, size_t n, struct bf_buf *a, struct bf_buf *b)
{
    struct op_reply m, again;
    if (op_reply_decode(p, n, &m, NULL) == BF_OK) {
        op_reply_encode(&m, a);
        enum bf_rc rc = op_reply_decode(a->data, a->len, &again, NULL);
        assert(rc == BF_OK);
        op_reply_encode(&again, b);
        assert(a->len == b->len && memcmp(a->data, b->data, a->len) == 0);
        op_reply_done(&again);
    }
    op_reply_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bf_buf a = {0}, b = {0};
    if (n) {
        if (*p & 1)
            request(p + 1, n - 1, &a, &b);
        else
            reply(p + 1, n - 1, &a, &b);
    }
    bf_buf_free(&a);
    bf_buf_free(&b);
    return 0;
}

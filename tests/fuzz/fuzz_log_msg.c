/* The log socket: any bytes are answered; what is accepted encodes to bytes that are accepted. */
#include <assert.h>

#include "proto/agent_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct log_msg m, again;
    struct bf_buf b = {0};
    if (log_msg_decode(p, n, &m, NULL) == BF_OK) {
        log_msg_encode(&m, &b);
        enum bf_rc rc = log_msg_decode(b.data, b.len, &again, NULL);
        assert(rc == BF_OK && again.offset == m.offset && again.n_bytes == m.n_bytes);
        log_msg_done(&again);
    }
    log_msg_done(&m);
    bf_buf_free(&b);
    return 0;
}

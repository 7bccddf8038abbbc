/* Messages of agents: any bytes are answered; what is accepted encodes to bytes that are accepted, and are the same again. */
#include <assert.h>
#include <string.h>

#include "proto/agent_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct agent_msg m, again;
    struct bf_buf a = {0}, b = {0};
    if (agent_msg_decode(p, n, &m, NULL) == BF_OK) {
        agent_msg_encode(&m, &a);
        enum bf_rc rc = agent_msg_decode(a.data, a.len, &again, NULL);
        assert(rc == BF_OK);
        agent_msg_encode(&again, &b);
        assert(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
        agent_msg_done(&again);
    }
    agent_msg_done(&m);
    bf_buf_free(&a);
    bf_buf_free(&b);
    return 0;
}

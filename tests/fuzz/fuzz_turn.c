/* Turns of the journal: any bytes are answered; what is accepted encodes to bytes that are accepted, and are the same again. */
#include <assert.h>
#include <string.h>

#include "proto/turn.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct turn t, again;
    struct bf_buf a = {0}, b = {0};
    if (turn_decode(p, n, &t, NULL) == BF_OK) {
        turn_encode(&t, &a);
        enum bf_rc rc = turn_decode(a.data, a.len, &again, NULL);
        assert(rc == BF_OK);
        turn_encode(&again, &b);
        assert(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
        turn_done(&again);
    }
    turn_done(&t);
    bf_buf_free(&a);
    bf_buf_free(&b);
    return 0;
}

/* Plans on their way in, slice by slice, until a CREATE names them.  Bounded for each key and in all; forgotten with age. */
#ifndef BF_STAGING_H
#define BF_STAGING_H

#include <stdint.h>

#include "common/buf.h"
#include "common/vec.h"
#include "coordinator/zap/zap.h"
#include "proto/operator_msg.h"

#define STAGING_OF_A_KEY_MAX 256u               /* as many as creates may wait: after a restart all of them are sent again at once */
#define STAGING_KEY_BYTES_MAX (18u << 20)        /* of one key: one plan of the largest size, or several small ones */
#define STAGING_BYTES_MAX (256u << 20)           /* of all keys */
#define STAGING_AGE_MS (10 * 60 * 1000)

struct staged {
    uint8_t key[ZAP_KEY_BYTES], hash[32];
    uint64_t total_bytes;
    int64_t touched_ms;
    struct bf_buf bytes;
};
/* All-zero is empty. */
struct staging { BF_VEC_TYPE(struct staged) at; };

/* Take a slice.  Slices come in order; one that is there already is taken again without effect, offset 0 with another total
 * begins again.  *ret_have: bytes that are there now.  now_ms: CLOCK_BOOTTIME. */
enum bf_rc staging_put(struct staging *s, const uint8_t key[ZAP_KEY_BYTES], const struct op_request *slice, int64_t now_ms,
                       uint64_t *ret_have, struct bf_error *err) BF_MUST_CHECK;
/* The whole plan with this hash from this key, or NULL. */
const struct bf_buf *staging_find(const struct staging *s, const uint8_t key[ZAP_KEY_BYTES], const uint8_t hash[32]);
void staging_forget_old(struct staging *s, int64_t now_ms);
void staging_done(struct staging *s);

#endif

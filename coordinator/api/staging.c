/* Slices of plans, joined in order.  A slice that is sent again must be the same; one that leaves a gap is refused, and the sender
 * begins anew.  A key that stages more than its share loses its own oldest plan, never another key's. */
#include "coordinator/api/staging.h"

#include <string.h>

#include "proto/bundle.h"

static void staged_remove(struct staging *s, size_t i)
{
    bf_buf_free(&s->at.at[i].bytes);
    s->at.at[i] = s->at.at[--s->at.n];
}

static struct staged *staged_find(const struct staging *s, const uint8_t *key, const uint8_t *hash)
{
    for (size_t i = 0; i < s->at.n; i++)
        if (memcmp(s->at.at[i].key, key, ZAP_KEY_BYTES) == 0 && memcmp(s->at.at[i].hash, hash, 32) == 0)
            return &s->at.at[i];
    return NULL;
}

/* Make room for one more of this key by forgetting its oldest. */
static void key_make_room(struct staging *s, const uint8_t *key, uint64_t more_bytes)
{
    for (;;) {
        size_t n = 0, oldest = 0;
        uint64_t bytes = 0;
        for (size_t i = 0; i < s->at.n; i++) {
            if (memcmp(s->at.at[i].key, key, ZAP_KEY_BYTES) != 0)
                continue;
            if (n == 0 || s->at.at[i].touched_ms < s->at.at[oldest].touched_ms)
                oldest = i;
            n++;
            bytes += s->at.at[i].total_bytes;
        }
        if (n == 0 || (n < STAGING_OF_A_KEY_MAX && bytes + more_bytes <= STAGING_KEY_BYTES_MAX))
            return;
        staged_remove(s, oldest);
    }
}

static uint64_t bytes_in_all(const struct staging *s)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->at.n; i++)
        bytes += s->at.at[i].total_bytes;
    return bytes;
}

static enum bf_rc staged_begin(struct staging *s, const uint8_t *key, const struct op_request *slice, struct staged **ret,
                               struct bf_error *err)
{
    if (slice->total_bytes == 0 || slice->total_bytes > BF_BUNDLE_MAX_BYTES)
        return bf_fail(err, BF_LIMIT, "a plan of %llu bytes is too large; 16 MiB with its files is the most",
                       (unsigned long long)slice->total_bytes);
    key_make_room(s, key, slice->total_bytes);
    if (bytes_in_all(s) + slice->total_bytes > STAGING_BYTES_MAX)
        return bf_fail(err, BF_LIMIT, "too many plans are on their way in; try again in a minute");
    struct staged *fresh = bf_vec_add(&s->at);
    memcpy(fresh->key, key, ZAP_KEY_BYTES);
    memcpy(fresh->hash, slice->plan_hash, sizeof fresh->hash);
    fresh->total_bytes = slice->total_bytes;
    *ret = fresh;
    return BF_OK;
}

enum bf_rc staging_put(struct staging *s, const uint8_t key[ZAP_KEY_BYTES], const struct op_request *slice, int64_t now_ms,
                       uint64_t *ret_have, struct bf_error *err)
{
    struct staged *it = staged_find(s, key, slice->plan_hash);
    if (it && it->total_bytes != slice->total_bytes && slice->offset_bytes == 0) {
        staged_remove(s, (size_t)(it - s->at.at));
        it = NULL;
    }
    if (!it && slice->offset_bytes == 0) {
        enum bf_rc rc = staged_begin(s, key, slice, &it, err);
        if (rc != BF_OK)
            return rc;
    }
    if (!it || slice->total_bytes != it->total_bytes || slice->offset_bytes > it->bytes.len ||
        slice->n_bytes > it->total_bytes - slice->offset_bytes)
        return bf_fail(err, BF_CONFLICT, "this slice does not continue what was sent of the plan; send it from the beginning");
    size_t there = it->bytes.len - (size_t)slice->offset_bytes;
    size_t same = there < slice->n_bytes ? there : slice->n_bytes;
    if (same && memcmp(it->bytes.data + slice->offset_bytes, slice->bytes, same) != 0)
        return bf_fail(err, BF_CONFLICT, "this slice differs from the one sent before with the same hash");
    if (slice->n_bytes > same)
        bf_buf_put(&it->bytes, slice->bytes + same, slice->n_bytes - same);
    it->touched_ms = now_ms;
    *ret_have = it->bytes.len;
    return BF_OK;
}

const struct bf_buf *staging_find(const struct staging *s, const uint8_t key[ZAP_KEY_BYTES], const uint8_t hash[32])
{
    const struct staged *it = staged_find(s, key, hash);
    return it && it->bytes.len == it->total_bytes ? &it->bytes : NULL;
}

void staging_forget_old(struct staging *s, int64_t now_ms)
{
    for (size_t i = s->at.n; i-- > 0;)
        if (now_ms - s->at.at[i].touched_ms > STAGING_AGE_MS)
            staged_remove(s, i);
}

void staging_done(struct staging *s)
{
    while (s->at.n)
        staged_remove(s, s->at.n - 1);
    bf_vec_free(&s->at);
}

/* What a run is made of: reports, and the records that say nothing but what stands in a record itself, grants and ends among them.
 *
 * They are written straight from the plain struct, with the numbers of record.proto.  Another is left to the generated code, which writes
 * whatever is set: so the bytes are the same in any case.  What is looked at here and what is written there must not drift apart:
 * tests/unit/test_proto_hot.c sets each word of the structs by itself. */
#include <assert.h>
#include <string.h>

#include "proto/record_parts.h"

enum { FIXED_ROOM = (24 + RECORD_NUMBERS_MAX) * PB_NUMBER_ROOM };      /* numbers, a key, and the ends of what is nested */

static bool is_zero(const uint8_t *p, size_t n)
{
    static const uint8_t zeros[BF_KEY_BYTES];
    return memcmp(p, zeros, n) == 0;
}

static size_t details_bytes(const struct outcome *o)
{
    return o->details ? strlen(o->details) : 0;
}

/* ---- inputs ---- */

bool input_put_hot(const struct input *i, uint32_t field, struct bf_buf *b, struct bf_arena *tmp)
{
    if (i->kind != INPUT_REPORT || i->rare)
        return false;
    struct pb_out o = put_begin(b, FIXED_ROOM + report_size_hint(&i->report) + REPORT_ROOM);
    uint8_t *at = pb_begin(&o, field);
    pb_put_uint(&o, 1, (uint32_t)i->kind);
    if (!is_zero(i->key, sizeof i->key))
        pb_put_element(&o, 3, i->key, sizeof i->key);
    pb_put_fixed64(&o, 4, i->incarnation);
    pb_put_uint(&o, 5, i->agent);
    report_put(&i->report, 6, &o, tmp);
    pb_end(&o, at);
    put_end(b, o);
    return true;
}

void input_put(const struct input *i, uint32_t field, struct bf_buf *b, struct bf_arena *tmp)
{
    if (!input_put_hot(i, field, b, tmp))
        input_put_generated(i, field, b, tmp);
}

/* ---- records ---- */

static void put_numbers(struct pb_out *o, const uint64_t *numbers, size_t n)
{
    if (n == 0)
        return;
    uint8_t *at = pb_begin(o, 46);
    for (size_t i = 0; i < n; i++)
        o->p = pb_varint(o->p, numbers[i]);
    pb_end(o, at);
}

bool record_put_hot(const struct record *r, uint32_t field, struct bf_buf *b, struct bf_arena *tmp)
{
    assert(record_kind_is_known(r->kind));
    if (r->rare || r->n_numbers > RECORD_NUMBERS_MAX)
        return false;
    const struct outcome *outcome = record_outcome(r);
    struct pb_out o = put_begin(b, FIXED_ROOM + OUTCOME_ROOM + details_bytes(outcome));
    uint8_t *at = pb_begin(&o, field);
    pb_put_uint(&o, 1, (uint32_t)r->kind);
    pb_put_uint(&o, 2, r->backfill);
    pb_put_uint(&o, 3, r->step);
    pb_put_uint(&o, 4, r->index);
    pb_put_uint(&o, 5, r->ref.attempt);
    pb_put_uint(&o, 6, r->ref.token);
    pb_put_uint(&o, 7, r->agent);
    pb_put_uint(&o, 8, r->n);
    pb_put_uint(&o, 9, r->run);
    pb_put_uint(&o, 10, r->attempt_no);
    pb_put_fixed64(&o, 11, (uint64_t)r->started_us);
    if (r->ended_us)
        pb_put_always(&o, 12, pb_zigzag(time_after(r->ended_us, r->started_us)));
    outcome_put(outcome, 13, &o, tmp);
    pb_put_uint(&o, 14, (uint32_t)r->verdict);
    pb_put_uint(&o, 15, (uint32_t)r->failure_class);
    pb_put_fixed64(&o, 17, (uint64_t)r->at_us);
    pb_put_int(&o, 18, r->retry_at_ms);
    put_numbers(&o, r->numbers, r->n_numbers);
    pb_put_uint(&o, 47, r->budget_spent);
    if (r->voted_ms) {
        uint8_t *breaker = pb_begin(&o, 49);
        pb_put_int(&o, 4, r->voted_ms);
        pb_end(&o, breaker);
    }
    pb_put_uint(&o, 62, r->ahead_us);
    pb_end(&o, at);
    put_end(b, o);
    return true;
}

void record_put(const struct record *r, uint32_t field, struct bf_buf *b, struct bf_arena *tmp)
{
    if (!record_put_hot(r, field, b, tmp))
        record_put_generated(r, field, b, tmp);
}

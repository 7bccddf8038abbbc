/* A turn, and lists of records: what the journal and the checkpoints hold.
 *
 * The list elements are written and read one by one: a turn of 4,096 records needs memory for its plain form and no more, and each
 * generated struct is still in the cache when it is used. */
#include <assert.h>
#include <string.h>

#include "proto/record.pb-c.h"
#include "proto/record_parts.h"
#include "proto/turn.h"
#include "proto/wire.h"

enum { TURN_INPUTS = 5, TURN_RECORDS = 6 };      /* fields of Turn */
enum { HEAD_FIELDS_MAX = 64, ITEM_VERSION = 1 };

void item_version(struct wire_in *in, const char *what, bool has_version, uint32_t version)
{
    if (has_version && version != ITEM_VERSION)
        wire_bad(in, BF_UNSUPPORTED, "%s is of version %u; this program reads version %d: use a newer one", what, version,
                 ITEM_VERSION);
}

static void put_head(const struct turn *t, struct bf_buf *b)
{
    Pb__Turn pb = PB__TURN__INIT;
    WIRE_SET(&pb, version, BF_TURN_VERSION);
    WIRE_SET(&pb, seq, t->seq);
    WIRE_SET(&pb, now_ms, t->now_ms);
    WIRE_SET(&pb, wall_us, t->wall_us);
    wire_put(b, &pb.base);
}

static void put_records(const struct record *records, size_t n, struct bf_buf *b, struct bf_arena *tmp)
{
    assert(n <= TURN_RECORDS_MAX);
    for (size_t i = 0; i < n; i++) {
        bf_arena_clear(tmp);
        record_put(&records[i], TURN_RECORDS, b, tmp);
    }
}

void turn_encode(const struct turn *t, struct bf_buf *ret)
{
    size_t before = ret->len;
    struct bf_arena tmp = {0};
    assert(t->n_inputs <= TURN_INPUTS_MAX);
    put_head(t, ret);
    for (size_t i = 0; i < t->n_inputs; i++) {
        bf_arena_clear(&tmp);
        input_put(&t->inputs[i], TURN_INPUTS, ret, &tmp);
    }
    put_records(t->records, t->n_records, ret, &tmp);
    bf_arena_free(&tmp);
    assert(ret->len - before <= TURN_MAX_BYTES);
}

void records_encode(const struct record *records, size_t n, struct bf_buf *ret)
{
    size_t before = ret->len;
    struct bf_arena tmp = {0};
    put_head(&(struct turn){0}, ret);
    put_records(records, n, ret, &tmp);
    bf_arena_free(&tmp);
    assert(ret->len - before <= TURN_MAX_BYTES);
}

static void take_head(struct wire_in *in, struct wire_scratch *scratch, const struct wire_head *head, struct turn *ret)
{
    const Pb__Turn *pb = wire_unpack(in, scratch, &pb__turn__descriptor, head->p, head->n, HEAD_FIELDS_MAX, "a turn");
    if (!pb)
        return;
    if (pb->version != BF_TURN_VERSION)
        wire_bad(in, BF_UNSUPPORTED, "a turn is of version %u; this program reads version %u: use a newer one", pb->version,
                 BF_TURN_VERSION);
    ret->seq = pb->seq;
    ret->now_ms = pb->now_ms;
    ret->wall_us = pb->wall_us;
}

static void take_inputs(struct wire_in *in, struct wire_scratch *scratch, const struct wire_list *list, struct turn *ret)
{
    struct wire_field f;
    struct wire_cursor c = list->at;
    ret->inputs = list->n ? bf_arena_alloc(in->arena, list->n * sizeof *ret->inputs) : NULL;
    while (!in->rc && ret->n_inputs < list->n && wire_next_element(&c, list->id, &f))
        input_take(in, scratch, f.value, f.len, &ret->inputs[ret->n_inputs++]);
}

static void take_records(struct wire_in *in, struct wire_scratch *scratch, const struct wire_list *list, struct turn *ret)
{
    struct wire_field f;
    struct wire_cursor c = list->at;
    ret->records = list->n ? bf_arena_alloc(in->arena, list->n * sizeof *ret->records) : NULL;
    while (!in->rc && ret->n_records < list->n && wire_next_element(&c, list->id, &f))
        record_take(in, scratch, f.value, f.len, &ret->records[ret->n_records++]);
}

static void take_turn(struct wire_in *in, struct wire_scratch *scratch, const uint8_t *p, size_t n, bool records, struct wire_head *head,
                      struct turn *ret)
{
    struct wire_list lists[] = {{.id = TURN_INPUTS, .max = TURN_INPUTS_MAX, .what = "inputs"},
                                {.id = TURN_RECORDS, .max = TURN_RECORDS_MAX, .what = "records"}};
    in->rc = wire_split(p, n, lists, 2, head, "a turn", in->err);
    if (in->rc)
        return;
    take_head(in, scratch, head, ret);
    if (in->rc)
        return;
    take_inputs(in, scratch, &lists[0], ret);
    if (records)
        take_records(in, scratch, &lists[1], ret);
}

/* Read into ret, but for its arena: what is read lives in arena. */
static enum bf_rc decode_into(const void *p, size_t n, bool records, struct bf_arena *arena, struct turn *ret, struct bf_error *err)
{
    if (n > TURN_MAX_BYTES)
        return bf_fail(err, BF_LIMIT, "a turn has %zu bytes; at most %u are allowed", n, TURN_MAX_BYTES);
    struct wire_head head = {0};
    struct wire_scratch scratch;
    wire_scratch_init(&scratch);
    struct wire_in in = {arena, err, BF_OK};
    take_turn(&in, &scratch, p, n, records, &head, ret);
    wire_scratch_done(&scratch);
    wire_head_done(&head);
    return in.rc;
}

enum bf_rc turn_decode(const void *p, size_t n, struct turn *ret, struct bf_error *err)
{
    *ret = (struct turn){0};
    return decode_into(p, n, true, &ret->arena, ret, err);
}

enum bf_rc turn_decode_inputs(const void *p, size_t n, struct turn *ret, struct bf_error *err)
{
    *ret = (struct turn){0};
    return decode_into(p, n, false, &ret->arena, ret, err);
}

bool turn_records_are(const void *p, size_t n, const struct record *records, size_t n_records, struct bf_buf *scratch)
{
    struct wire_cursor c = {p, (const uint8_t *)p + n, false};
    struct wire_field f;
    struct bf_arena tmp = {0};
    bf_buf_clear(scratch);
    put_records(records, n_records, scratch, &tmp);
    bf_arena_free(&tmp);
    const uint8_t *from = wire_next_element(&c, TURN_RECORDS, &f) ? f.start : c.end;
    size_t stored = (size_t)(c.end - from);
    return stored == scratch->len && (stored == 0 || memcmp(from, scratch->data, stored) == 0);
}

void turn_done(struct turn *t)
{
    if (!t)
        return;
    bf_arena_free(&t->arena);
    *t = (struct turn){0};
}

enum bf_rc records_decode(const void *p, size_t n, struct bf_arena *arena, struct record **ret, size_t *ret_n,
                          struct bf_error *err)
{
    struct turn t = {0};
    enum bf_rc rc = decode_into(p, n, true, arena, &t, err);
    if (!rc && t.n_inputs)
        rc = bf_fail(err, BF_PROTOCOL, "a list of records holds inputs");
    if (rc)
        return rc;
    *ret = t.records;
    *ret_n = t.n_records;
    return BF_OK;
}

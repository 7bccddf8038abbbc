/* Messages made to hurt: deep, many, huge, cut.  All are refused, and memory stays flat meanwhile. */
#include <criterion/criterion.h>
#include <string.h>

#include "proto/turn.h"
#include "proto/wire.h"
#include "proto_samples.h"

enum { FLAT_BYTES = 48 << 20, TIMES = 20 };

static void put_varint(struct bf_buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        bf_buf_put_u8(b, (uint8_t)(v | 0x80));
    bf_buf_put_u8(b, (uint8_t)v);
}

static void put_tag(struct bf_buf *b, unsigned field, unsigned type) { put_varint(b, field << 3 | type); }
static void put_kind(struct bf_buf *b, unsigned kind) { put_tag(b, 1, 0); put_varint(b, kind); }

static void put_repeated(struct bf_buf *b, unsigned field, size_t times, const char *bytes, size_t n)
{
    for (size_t i = 0; i < times; i++) {
        put_tag(b, field, 2);
        put_varint(b, n);
        bf_buf_put(b, bytes, n);
    }
}

static void groups(struct bf_buf *b)
{
    for (size_t i = 0; i < 34 << 10; i++)
        put_tag(b, 12, 3);
}

static void nested(struct bf_buf *b)              /* lengths within lengths, as far as they go */
{
    for (size_t i = 0; i < 11000; i++) {
        put_tag(b, 5, 2);
        put_varint(b, 33000 - 3 * i);
    }
}

static void put_numbers(struct bf_buf *b, unsigned field, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        put_tag(b, field, 0);
        put_varint(b, 1);
    }
}

static void million_fields(struct bf_buf *b) { put_kind(b, 2); put_numbers(b, 3, 500000); }
static void empty_reports(struct bf_buf *b) { put_kind(b, 3); put_repeated(b, 12, 500000, "", 0); }
static void many_reports(struct bf_buf *b) { put_kind(b, 3); put_repeated(b, 12, 250000, "\x08\x01", 2); }
static void empty_hellos(struct bf_buf *b) { put_kind(b, 1); put_repeated(b, 5, 500000, "", 0); }
static void unknown_fields(struct bf_buf *b) { put_kind(b, 2); put_repeated(b, 4000, 250000, "", 0); }
static void huge_length(struct bf_buf *b) { put_kind(b, 3); put_tag(b, 12, 2); put_varint(b, UINT64_MAX); }
static void huge_length_text(struct bf_buf *b) { put_kind(b, 21); put_tag(b, 11, 2); put_varint(b, 1ull << 31); }
static void long_varint(struct bf_buf *b) { put_tag(b, 1, 0); bf_buf_put(b, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11); }
static void field_zero(struct bf_buf *b) { put_tag(b, 0, 0); put_varint(b, 1); }
static void kind_as_text(struct bf_buf *b) { put_tag(b, 1, 2); put_varint(b, 1); bf_buf_put_u8(b, 'x'); }

static void oversized(struct bf_buf *b)
{
    put_kind(b, 2);
    put_tag(b, 4000, 2);
    put_varint(b, 2 << 20);
    while (b->len < 3 << 20)
        bf_buf_put_u64(b, 0);
}

static void many_arguments(struct bf_buf *b)
{
    put_kind(b, 18);
    put_tag(b, 13, 2);
    put_varint(b, 2 * 500000);
    put_repeated(b, 13, 500000, "", 0);           /* the tag of argv is 0x6a: one byte */
}

static void many_empty_labels(struct bf_buf *b)
{
    put_kind(b, 1);
    put_tag(b, 5, 2);
    put_varint(b, 2 * 500000);
    put_repeated(b, 7, 500000, "", 0);
}

static void packed_ones(struct bf_buf *b)
{
    put_kind(b, 20);
    put_tag(b, 6, 2);
    put_varint(b, 1000000);
    for (size_t i = 0; i < 1000000; i++)
        bf_buf_put_u8(b, 1);
}

static void odd_refs(struct bf_buf *b) { put_kind(b, 20); put_repeated(b, 6, 1, "\x01\x02\x03", 3); }
static void nul_in_name(struct bf_buf *b) { put_kind(b, 1); put_repeated(b, 5, 1, "\x12\x03" "a\0b", 5); }

static const struct hostile { const char *name; void (*make)(struct bf_buf *b); enum bf_rc rc; const char *says; } messages[] = {
    {"34 Ki groups", groups, BF_PROTOCOL, "malformed"},
    {"nested 11,000 deep", nested, BF_PROTOCOL, "malformed"},
    {"half a million fields", million_fields, BF_LIMIT, "more than 1024 fields"},
    {"empty reports", empty_reports, BF_PROTOCOL, "empty element among the reports"},
    {"too many reports", many_reports, BF_LIMIT, "more than 4096 reports"},
    {"half a million hellos", empty_hellos, BF_LIMIT, "more than 1024 fields"},
    {"fields of no meaning", unknown_fields, BF_LIMIT, "more than 1024 fields"},
    {"length of all bits", huge_length, BF_PROTOCOL, "malformed"},
    {"length of 2 GiB", huge_length_text, BF_PROTOCOL, "malformed"},
    {"varint of 11 bytes", long_varint, BF_PROTOCOL, "malformed"},
    {"field 0", field_zero, BF_PROTOCOL, "malformed"},
    {"wrong wire type", kind_as_text, BF_PROTOCOL, "do not fit the protocol"},
    {"3 MiB", oversized, BF_LIMIT, "at most 1048576"},
    {"half a million arguments", many_arguments, BF_LIMIT, "more than 32768 fields"},
    {"half a million labels", many_empty_labels, BF_LIMIT, "more than 1024 fields"},
    {"half a million references", packed_ones, BF_LIMIT, "more than 131072 numbers"},
    {"half a reference", odd_refs, BF_PROTOCOL, "without its token"},
    {"NUL in a name", nul_in_name, BF_PROTOCOL, "not a name"},
};

Test(proto_hostile, agent_messages)
{
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        struct bf_buf b = {0};
        messages[i].make(&b);
        size_t before = peak_memory_bytes();
        for (int times = 0; times < TIMES; times++) {
            struct bf_error err = {0};
            struct agent_msg m;
            cr_assert_eq(agent_msg_decode(b.data, b.len, &m, &err), messages[i].rc, "%s: %s", messages[i].name, err.text);
            cr_assert_not_null(strstr(err.text, messages[i].says), "%s: said \"%s\"", messages[i].name, err.text);
            cr_assert_leq(m.arena.used_bytes, 1 << 20, "%s: kept %zu bytes", messages[i].name, m.arena.used_bytes);
            agent_msg_done(&m);
        }
        cr_assert_lt(peak_memory_bytes() - before, FLAT_BYTES, "%s: memory grew by %zu MiB", messages[i].name,
                     (peak_memory_bytes() - before) >> 20);
        bf_buf_free(&b);
    }
}

/* The same bytes, given to the decoders that they were not made for. */
Test(proto_hostile, other_messages)
{
    size_t before = peak_memory_bytes();
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        struct bf_buf b = {0};
        struct op_request request;
        struct op_reply reply;
        struct log_msg log;
        struct bf_error err = {0};
        messages[i].make(&b);
        cr_assert_neq(op_request_decode(b.data, b.len, &request, &err), BF_OK, "%s", messages[i].name);
        op_request_done(&request);
        cr_assert_neq(op_reply_decode(b.data, b.len, &reply, &err), BF_OK, "%s", messages[i].name);
        op_reply_done(&reply);
        (void)!log_msg_decode(b.data, b.len, &log, &err);
        log_msg_done(&log);
        bf_buf_free(&b);
    }
    cr_assert_lt(peak_memory_bytes() - before, FLAT_BYTES);
}

static void empty_records(struct bf_buf *b) { put_kind(b, 1); put_repeated(b, 6, 1000000, "", 0); }
static void too_many_records(struct bf_buf *b) { put_kind(b, 1); put_repeated(b, 6, 1100000, "\x08\x05", 2); }
static void too_many_inputs(struct bf_buf *b) { put_kind(b, 1); put_repeated(b, 5, 70000, "\x08\x06", 2); }
static void huge_turn(struct bf_buf *b) { bf_buf_reserve(b, 65 << 20); memset(b->data, 0, 65 << 20); b->len = 65 << 20; }

static void record_of_many(struct bf_buf *b)
{
    struct bf_buf record = {0};
    put_kind(&record, 2);
    put_numbers(&record, 2, 1000000);
    put_kind(b, 1);
    put_tag(b, 6, 2);
    put_varint(b, record.len);
    bf_buf_put(b, record.data, record.len);
    bf_buf_free(&record);
}

Test(proto_hostile, turns)
{
    static const struct hostile cases[] = {
        {"a million empty records", empty_records, BF_PROTOCOL, "empty element"},
        {"too many records", too_many_records, BF_LIMIT, "more than 1048576 records"},
        {"too many inputs", too_many_inputs, BF_LIMIT, "more than 65536 inputs"},
        {"a record of a million fields", record_of_many, BF_LIMIT, "more than 2048 fields"},
        {"65 MiB", huge_turn, BF_LIMIT, "at most 67108864"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_buf b = {0};
        struct turn t;
        struct bf_error err = {0};
        cases[i].make(&b);
        size_t before = peak_memory_bytes();
        cr_assert_eq(turn_decode(b.data, b.len, &t, &err), cases[i].rc, "%s: %s", cases[i].name, err.text);
        cr_assert_not_null(strstr(err.text, cases[i].says), "%s: said \"%s\"", cases[i].name, err.text);
        cr_assert_lt(peak_memory_bytes() - before, FLAT_BYTES, "%s", cases[i].name);
        turn_done(&t);
        bf_buf_free(&b);
    }
}

/* Requests: a list is counted before anything is kept of it. */
static void many_selectors(struct bf_buf *b) { put_repeated(b, 1, 1, "0123456789abcdef",
                                                            16); put_numbers(b, 2, 1); put_repeated(b, 20, 65, "", 0); }
static void flood_of_selectors(struct bf_buf *b) { put_repeated(b, 20, 300000, "", 0); }
static void selector_with_nul(struct bf_buf *b) { put_repeated(b, 1, 1, "0123456789abcdef",
                                                               16); put_numbers(b, 2, 1); put_repeated(b, 20, 1, "a\0b", 3); }

Test(proto_hostile, requests)
{
    static const struct hostile cases[] = {
        {"65 selectors", many_selectors, BF_LIMIT, "65 selectors; at most 64"},
        {"a flood of selectors", flood_of_selectors, BF_LIMIT, "more than 2048 fields"},
        {"NUL in a selector", selector_with_nul, BF_PROTOCOL, "selector"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_buf b = {0};
        struct op_request m;
        struct bf_error err = {0};
        cases[i].make(&b);
        size_t before = peak_memory_bytes();
        cr_assert_eq(op_request_decode(b.data, b.len, &m, &err), cases[i].rc, "%s: %s", cases[i].name, err.text);
        cr_assert_not_null(strstr(err.text, cases[i].says), "%s: said \"%s\"", cases[i].name, err.text);
        cr_assert_lt(peak_memory_bytes() - before, FLAT_BYTES, "%s", cases[i].name);
        op_request_done(&m);
        bf_buf_free(&b);
    }
}

/* The worst that is let in: as many of everything as fits 1 MiB, each as small as can be. */
Test(proto_hostile, the_worst_accepted_message_is_bounded)
{
    struct bf_buf b = {0};
    struct agent_msg m;
    struct bf_error err = {0};
    put_kind(&b, 3);
    put_repeated(&b, 12, 4096, "\x18\x01", 2);
    size_t before = peak_memory_bytes();
    cr_assert_eq(agent_msg_decode(b.data, b.len, &m, &err), BF_OK, "%s", err.text);
    cr_assert_eq(m.n_reports, 4096);
    cr_assert_lt(peak_memory_bytes() - before, 8 << 20);
    agent_msg_done(&m);
    bf_buf_free(&b);
}

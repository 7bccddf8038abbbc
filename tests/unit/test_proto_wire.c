/* What lies below the codecs: the walk over fields, splitting, and cleaning of text. */
#include <criterion/criterion.h>
#include <string.h>

#include "proto/wire.h"

#define BYTES(s) (const uint8_t *)s, sizeof s - 1

Test(proto_wire, fields_are_walked)
{
    static const struct { const char *name; const uint8_t *p; size_t n, fields; bool bad; } cases[] = {
        {"nothing", BYTES(""), 0, false},
        {"varint", BYTES("\x08\x96\x01"), 1, false},
        {"fixed64", BYTES("\x09" "12345678"), 1, false},
        {"fixed64 cut", BYTES("\x09" "1234567"), 0, true},
        {"fixed32", BYTES("\x0d" "1234"), 1, false},
        {"bytes", BYTES("\x12\x03" "abc\x08\x01"), 2, false},
        {"bytes cut", BYTES("\x12\x03" "ab"), 0, true},
        {"tag cut", BYTES("\x08\x01\x80"), 1, true},
        {"tag of field 0", BYTES("\x02\x00"), 0, true},
        {"start of a group", BYTES("\x0b\x0c"), 0, true},
        {"end of a group", BYTES("\x0c"), 0, true},
        {"wire type 6", BYTES("\x0e\x01"), 0, true},
        {"wire type 7", BYTES("\x0f\x01"), 0, true},
        {"ten bytes of varint", BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 1, false},
        {"more than 64 bits", BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), 0, true},
        {"field number too large", BYTES("\x80\x80\x80\x80\x10\x01"), 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wire_cursor c = {cases[i].p, cases[i].p + cases[i].n, false};
        struct wire_field f;
        size_t fields = 0;
        while (wire_next(&c, &f)) {
            fields++;
            cr_assert(f.type != 0 || (!f.value && !f.len), "%s: a number has no payload", cases[i].name);
        }
        cr_assert_eq(fields, cases[i].fields, "%s: %zu", cases[i].name, fields);
        cr_assert_eq(c.bad, cases[i].bad, "%s", cases[i].name);
    }
}

Test(proto_wire, lists_are_split_from_the_head)
{
    static const char bytes[] = "\x08\x01\x12\x01" "a\x18\x02\x12\x02" "bc\x22\x01" "z";
    struct wire_list lists[] = {{.id = 2, .max = 2, .what = "letters"}};
    struct wire_head head = {0};
    struct bf_error err = {0};
    cr_assert_eq(wire_split(bytes, sizeof bytes - 1, lists, 1, &head, "a test", &err), BF_OK, "%s", err.text);
    cr_assert_eq(lists[0].n, 2);
    cr_assert(head.n == 7 && memcmp(head.p, "\x08\x01\x18\x02\x22\x01z", 7) == 0);
    struct wire_cursor c = lists[0].at;
    cr_assert(c.p == (const uint8_t *)bytes + 2, "from the first of them on");
    struct wire_field f;
    cr_assert(wire_next_element(&c, 2, &f) && f.len == 1 && *f.value == 'a');
    cr_assert(wire_next_element(&c, 2, &f) && f.len == 2 && *f.value == 'b');
    cr_assert(!wire_next_element(&c, 2, &f));
    lists[0].max = 1;
    struct wire_head less = {0};
    cr_assert_eq(wire_split(bytes, sizeof bytes - 1, lists, 1, &less, "a test", &err), BF_LIMIT);
    wire_head_done(&head);
    wire_head_done(&less);
}

Test(proto_wire, a_head_of_one_piece_is_lent)
{
    static const struct { const char *bytes; size_t n, from, head; } cases[] = {
        {"\x08\x01\x18\x02\x12\x01" "a\x12\x01" "b", 10, 0, 4},      /* before the list, as it is written */
        {"\x12\x01" "a\x12\x01" "b\x18\x02", 8, 6, 2},
        {"\x08\x01\x18\x02", 4, 0, 4}, {"\x12\x01" "a", 3, 0, 0}, {"", 0, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wire_list lists[] = {{.id = 2, .max = 2, .what = "letters"}};
        struct wire_head head = {0};
        struct bf_error err = {0};
        cr_assert_eq(wire_split(cases[i].bytes, cases[i].n, lists, 1, &head, "a test", &err), BF_OK, "%zu: %s", i, err.text);
        cr_expect_eq(head.n, cases[i].head, "%zu", i);
        cr_expect(head.n == 0 || head.p == (const uint8_t *)cases[i].bytes + cases[i].from, "%zu", i);
        cr_expect_null(head.pieces.data, "%zu: nothing is copied", i);
        wire_head_done(&head);
    }
}

Test(proto_wire, the_first_failure_stays)
{
    struct bf_arena arena = {0};
    struct bf_error err = {0};
    struct wire_in in = {&arena, &err, BF_OK};
    uint8_t four[] = "abcd", out[8] = {7};
    cr_assert_eq(wire_enum(&in, "colour", 9, 1, 3), 0);
    cr_assert_str_eq(wire_str(&in, "name", (ProtobufCBinaryData){4, four}, 10), "");
    wire_exact(&in, "key", (ProtobufCBinaryData){4, four}, out, 8);
    cr_assert_eq(wire_count(&in, "things", 1, 2), 0);
    cr_assert_eq(in.rc, BF_PROTOCOL);
    cr_assert_not_null(strstr(err.text, "colour 9 is not known here (1 to 3 are)"), "%s", err.text);
    cr_assert_eq(out[0], 7);
    cr_assert_eq(arena.used_bytes, 0);
    bf_arena_free(&arena);
}

Test(proto_wire, strings_are_terminated_copies)
{
    struct bf_arena arena = {0};
    struct wire_in in = {&arena, NULL, BF_OK};
    uint8_t bytes[] = {'a', 'b', 'X'};
    const char *s = wire_str(&in, "s", (ProtobufCBinaryData){2, bytes}, 2);
    bytes[0] = 'Y';
    cr_assert_str_eq(s, "ab");
    cr_assert_eq(in.rc, BF_OK);
    (void)wire_str(&in, "s", (ProtobufCBinaryData){3, bytes}, 2);
    cr_assert_eq(in.rc, BF_LIMIT);
    bf_arena_free(&arena);
}

#include "common/buf.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

Test(buf, integers_are_little_endian_and_read_back)
{
    struct bf_buf b = {0};
    bf_buf_put_u8(&b, 0x01);
    bf_buf_put_u16(&b, 0x0302);
    bf_buf_put_u32(&b, 0x07060504);
    bf_buf_put_u64(&b, 0x0f0e0d0c0b0a0908);
    cr_assert_eq(b.len, 15);
    for (size_t i = 0; i < b.len; i++)
        cr_expect_eq(b.data[i], i + 1);
    struct bf_reader r = {.p = b.data, .left = b.len};
    uint8_t a = 0;
    uint16_t c = 0;
    uint32_t d = 0;
    uint64_t e = 0;
    cr_assert(bf_take_u8(&r, &a) && bf_take_u16(&r, &c) && bf_take_u32(&r, &d) && bf_take_u64(&r, &e));
    cr_expect(a == 0x01 && c == 0x0302 && d == 0x07060504 && e == 0x0f0e0d0c0b0a0908 && r.left == 0 && !r.bad);
    bf_buf_free(&b);
}

Test(buf, text)
{
    struct bf_buf b = {0};
    cr_expect_str_eq(bf_buf_cstr(&b), "");
    bf_buf_put_str(&b, "steps ");
    for (int i = 0; i < 100; i++)
        bf_buf_printf(&b, "%d,", i);
    cr_expect_eq(b.len, 6 + 10 * 2 + 90 * 3);
    cr_expect_eq(strlen(bf_buf_cstr(&b)), b.len);
    cr_expect_eq(memcmp(b.data, "steps 0,1,2,", 12), 0);
    bf_buf_clear(&b);
    bf_buf_put(&b, NULL, 0);
    cr_expect_eq(b.len, 0);
    bf_buf_free(&b);
}

Test(buf, json_strings)
{
    static const struct { const char *in, *out; } cases[] = {
        {"", "\"\""}, {"plain", "\"plain\""}, {"a\"b\\c", "\"a\\\"b\\\\c\""}, {"\n\x1f\x7f", "\"\\u000a\\u001f\x7f\""},
        {"日\xf0\x9f\x98\x80", "\"日\xf0\x9f\x98\x80\""}, {"\\", "\"\\\\\""}, {"/</", "\"/</\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_buf b = {0};
        bf_buf_put_json(&b, cases[i].in);
        cr_expect_str_eq(bf_buf_cstr(&b), cases[i].out, "%s: %s", cases[i].in, bf_buf_cstr(&b));
        bf_buf_free(&b);
    }
}

Test(buf, any_bytes_become_json)
{
    static const struct { const char *in; size_t n; const char *out; } cases[] = {
        {"", 0, ""}, {"a\"b\\c", 5, "a\\\"b\\\\c"}, {"\n\x7f", 2, "\\u000a\\u007f"}, {"a\0b", 3, "a\xef\xbf\xbd""b"},
        {"\xc3\xa4\xc3", 3, "\xc3\xa4\xef\xbf\xbd"}, {"\xff\xe2\x82", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_buf b = {0};
        bf_buf_put_json_bytes(&b, (const uint8_t *)cases[i].in, cases[i].n);
        cr_expect_str_eq(bf_buf_cstr(&b), cases[i].out, "case %zu: %s", i, bf_buf_cstr(&b));
        bf_buf_free(&b);
    }
}

Test(buf, printf_at_every_fill)
{
    for (size_t fill = 0; fill < 130; fill++) {
        struct bf_buf b = {0};
        for (size_t i = 0; i < fill; i++)
            bf_buf_put_u8(&b, 'x');
        bf_buf_printf(&b, "%s", "0123456789");
        cr_assert_eq(b.len, fill + 10);
        cr_expect_str_eq(bf_buf_cstr(&b) + fill, "0123456789", "fill %zu", fill);
        bf_buf_free(&b);
    }
}

Test(buf, a_reader_that_ran_out_stays_bad)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5};
    struct bf_reader r = {.p = bytes, .left = sizeof bytes};
    uint32_t v = 99;
    uint8_t w = 99;
    cr_assert(bf_take_u32(&r, &v));
    cr_expect_not(bf_take_u32(&r, &v));
    cr_expect_eq(v, 0x04030201, "untouched on failure");
    cr_expect_not(bf_take_u8(&r, &w), "one byte is left, but the reader is bad");
    cr_expect(r.bad && w == 99);
}

Test(buf, take_bytes_borrows_and_bounds)
{
    static const struct { size_t n; bool ok; } rows[] = {{0, true}, {5, true}, {6, false}, {SIZE_MAX, false}};
    static const uint8_t bytes[5] = "hello";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bf_reader r = {.p = bytes, .left = sizeof bytes};
        const uint8_t *p = NULL;
        cr_expect_eq(bf_take_bytes(&r, rows[i].n, &p), rows[i].ok, "row %zu", i);
        cr_expect_eq(p == bytes, rows[i].ok);
    }
}

Test(buf, a_length_that_overflows_is_a_bug, .signal = SIGABRT)
{
    struct bf_buf b = {0};
    bf_buf_put_u8(&b, 1);
    bf_buf_reserve(&b, SIZE_MAX);
}

Test(buf, numbers_are_put_in_decimal)
{
    static const struct { uint64_t v; const char *text; } cases[] = {
        {0, "0"}, {7, "7"}, {10, "10"}, {1234567890, "1234567890"}, {UINT64_MAX, "18446744073709551615"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_buf b = {0};
        bf_buf_put_number(&b, cases[i].v);
        cr_expect_str_eq(bf_buf_cstr(&b), cases[i].text);
        bf_buf_free(&b);
    }
}

#include "common/text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define LEN(a) (sizeof(a) / sizeof *(a))

Test(text, durations)
{
    static const struct { const char *s; int64_t ms; } good[] = {
        {"0", 0}, {"0s", 0}, {"250ms", 250}, {"90s", 90000}, {"1h30m", 5400000}, {"2d", 172800000}, {"1m", 60000},
        {"1d2h3m4s5ms", 93784005}, {"10000d", INT64_C(864000000000)}, {"1m500ms", 60500}, {"007s", 7000},
    };
    static const char *const bad[] = {
        "", "1", "00", "-1s", "+1s", "1 s", " 1s", "1s ", "1.5h", "s", "1x", "1hh", "1h1h", "30m1h", "5ms1s", "10001d",
        "10000d1ms", "99999999999999999999s", "184467440737095516160ms", "1h30", "1H", "1S",
    };
    for (size_t i = 0; i < LEN(good); i++) {
        int64_t ms = -1;
        cr_expect(bf_parse_duration(good[i].s, &ms), "%s", good[i].s);
        cr_expect_eq(ms, good[i].ms, "%s", good[i].s);
    }
    for (size_t i = 0; i < LEN(bad); i++) {
        int64_t ms = -1;
        cr_expect_not(bf_parse_duration(bad[i], &ms), "\"%s\"", bad[i]);
        cr_expect_eq(ms, -1, "untouched: \"%s\"", bad[i]);
    }
}

Test(text, sizes)
{
    static const struct { const char *s; uint64_t bytes; } good[] = {
        {"0", 0}, {"100", 100}, {"1K", 1000}, {"1Ki", 1024}, {"512Mi", 536870912}, {"4G", UINT64_C(4000000000)},
        {"2Gi", UINT64_C(2147483648)}, {"1T", UINT64_C(1000000000000)}, {"1Ti", UINT64_C(1) << 40}, {"3M", 3000000},
        {"1024Pi", UINT64_C(1) << 60}, {"1Ei", UINT64_C(1) << 60}, {"15Ei", UINT64_C(15) << 60}, {"2P", UINT64_C(2000000000000000)},
        {"18E", UINT64_C(18000000000000000000)}, {"18446744073709551615", UINT64_MAX},
    };
    static const char *const bad[] = {"", "K", "-1", "1 K", "1k", "1KiB", "1B", "1.5G", "18446744073709551616", "16777216Ti", "16Ei", "19E", "1Eib", "1K1"};
    for (size_t i = 0; i < LEN(good); i++) {
        uint64_t bytes = 7;
        cr_expect(bf_parse_size(good[i].s, &bytes), "%s", good[i].s);
        cr_expect_eq(bytes, good[i].bytes, "%s", good[i].s);
    }
    for (size_t i = 0; i < LEN(bad); i++) {
        uint64_t bytes = 7;
        cr_expect_not(bf_parse_size(bad[i], &bytes), "\"%s\"", bad[i]);
        cr_expect_eq(bytes, 7);
    }
}

Test(text, integers)
{
    static const struct { const char *s; int64_t min, max, value; bool ok; } rows[] = {
        {"5", 0, 10, 5, true}, {"-5", -5, 10, -5, true}, {"0", 0, 0, 0, true}, {"11", 0, 10, 0, false},
        {"-1", 0, 10, 0, false}, {"+5", 0, 10, 0, false}, {" 5", 0, 10, 0, false}, {"5 ", 0, 10, 0, false},
        {"", 0, 10, 0, false}, {"-", -9, 10, 0, false}, {"--5", -9, 10, 0, false}, {"0x5", 0, 10, 0, false},
        {"5.0", 0, 10, 0, false}, {"1e1", 0, 10, 0, false},
        {"9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, true},
        {"9223372036854775808", INT64_MIN, INT64_MAX, 0, false},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, true},
        {"-9223372036854775809", INT64_MIN, INT64_MAX, 0, false},
        {"99999999999999999999", INT64_MIN, INT64_MAX, 0, false},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        int64_t v = 0;
        cr_expect_eq(bf_parse_int(rows[i].s, rows[i].min, rows[i].max, &v), rows[i].ok, "\"%s\"", rows[i].s);
        cr_expect_eq(v, rows[i].value, "\"%s\"", rows[i].s);
    }
}

Test(text, shown_durations)
{
    static const struct { int64_t ms; const char *s; } rows[] = {
        {0, "0s"}, {1, "1ms"}, {250, "250ms"}, {999, "999ms"}, {1000, "1s"}, {1550, "1.5s"}, {40000, "40s"},
        {60000, "1m"}, {65000, "1m 5s"}, {3900000, "1h 5m"}, {3600000, "1h"}, {3601000, "1h"}, {86400000, "1d"},
        {90000000, "1d 1h"}, {-65000, "-1m 5s"}, {INT64_MIN, "-106751991167d 7h"},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        char s[64];
        bf_format_duration(rows[i].ms, s, sizeof s);
        cr_expect_str_eq(s, rows[i].s);
    }
    char small[4];
    bf_format_duration(3900000, small, sizeof small);
    cr_expect_str_eq(small, "1h ");
}

Test(text, shown_sizes)
{
    static const struct { uint64_t bytes; const char *s; } rows[] = {
        {0, "0 B"}, {1023, "1023 B"}, {1024, "1 KiB"}, {1536, "1.5 KiB"}, {536870912, "512 MiB"},
        {UINT64_C(1) << 40, "1 TiB"}, {UINT64_MAX, "15.9 EiB"}, {(1u << 20) - 1, "1023.9 KiB"},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        char s[32];
        bf_format_size(rows[i].bytes, s, sizeof s);
        cr_expect_str_eq(s, rows[i].s);
    }
}

Test(text, times)
{
    static const struct { int64_t us; const char *s; } rows[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {INT64_C(1706680800000001), "2024-01-31T06:00:00.000001Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {INT64_C(1709164799999999), "2024-02-28T23:59:59.999999Z"},
        {INT64_C(1709164800000000), "2024-02-29T00:00:00.000000Z"},
        {INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z"},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        char s[BF_TIME_MAX];
        bf_format_time(rows[i].us, s);
        cr_expect_str_eq(s, rows[i].s);
    }
    char s[BF_TIME_MAX];
    bf_format_time(INT64_MAX, s);
    cr_expect(strlen(s) < BF_TIME_MAX);
    bf_format_time(INT64_MIN, s);
    cr_expect(strlen(s) < BF_TIME_MAX);
}

Test(text, hex)
{
    unsigned char bytes[4] = {0x00, 0x9f, 0xab, 0xff}, back[4] = {1, 1, 1, 1};
    char s[9];
    bf_hex(bytes, 4, s);
    cr_expect_str_eq(s, "009fabff");
    cr_assert(bf_unhex("009FabfF", back, 4));
    cr_expect_eq(memcmp(bytes, back, 4), 0);
    static const char *const bad[] = {"", "009fabf", "009fabff0", "009fabfg", "009fabff00", " 09fabff", "0x9fabff"};
    for (size_t i = 0; i < LEN(bad); i++) {
        unsigned char same[4] = {9, 9, 9, 9};
        cr_expect_not(bf_unhex(bad[i], same, 4), "\"%s\"", bad[i]);
        cr_expect(same[0] == 9 && same[3] == 9, "untouched: \"%s\"", bad[i]);
    }
}

Test(text, utf8)
{
    static const struct { const char *s; size_t n; bool ok; } rows[] = {
        {"", 0, true}, {"plain", 5, true}, {"\xc3\xa9", 2, true}, {"\xe2\x82\xac", 3, true}, {"\xf0\x9f\x98\x80", 4, true},
        {"\xef\xbf\xbf", 3, true}, {"\xf4\x8f\xbf\xbf", 4, true},
        {"a\0b", 3, false}, {"\xff", 1, false}, {"\x80", 1, false}, {"\xc3", 1, false}, {"\xc3(", 2, false},
        {"\xc0\xaf", 2, false}, {"\xc1\xbf", 2, false}, {"\xe0\x80\xaf", 3, false}, {"\xf0\x80\x80\xaf", 4, false},
        {"\xed\xa0\x80", 3, false}, {"\xed\x9f\xbf", 3, true}, {"\xf4\x90\x80\x80", 4, false}, {"\xf5\x80\x80\x80", 4, false},
        {"\xe2\x82", 2, false}, {"\xe2\x82(", 3, false}, {"\xf0\x9f\x98", 3, false}, {"ok\xe2\x82\xac.", 6, true},
    };
    for (size_t i = 0; i < LEN(rows); i++)
        cr_expect_eq(bf_utf8_valid(rows[i].s, rows[i].n), rows[i].ok, "row %zu", i);
}

Test(text, bytes_are_cut_at_a_character_where_there_is_one)
{
    static const struct { const char *bytes; size_t n, max, want; } rows[] = {
        {"abc", 3, 3, 3}, {"abc", 3, 2, 2}, {"a\xe2\x82\xac", 4, 4, 4}, {"a\xe2\x82\xac", 4, 3, 1}, {"a\xe2\x82\xac", 4, 2, 1},
        {"a\xe2\x82\xacz", 5, 4, 4}, {"\x80\x80\x80\x80\x80\x80", 6, 5, 5}, {"\xff\xff\xff", 3, 2, 2}, {"ab\xc3\xa4", 4, 3, 2},
        {"", 0, 5, 0},
        {"abc", 3, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(bf_bytes_cut((const uint8_t *)rows[i].bytes, rows[i].n, rows[i].max), rows[i].want, "row %zu", i);
}

Test(text, utf8_is_cut_at_a_character)
{
    static const struct { const char *s; size_t max, want; } rows[] = {
        {"", 9, 0}, {"plain", 9, 5}, {"plain", 5, 5}, {"plain", 3, 3}, {"plain", 0, 0}, {"a\xc3\xa9", 2, 1}, {"a\xc3\xa9", 3, 3},
        {"\xe2\x82\xac.", 2, 0}, {"\xe2\x82\xac.", 3, 3}, {"ok\xf0\x9f\x98\x80", 5, 2}, {"ok\xff and more", 20, 2}, {"ok\xc3", 20, 2},
        {"a\0b", 3, 1}, {"a\xe2\x82\0\xac", 5, 1},
    };
    for (size_t i = 0; i < LEN(rows); i++)
        cr_expect_eq(bf_utf8_cut(rows[i].s, rows[i].max), rows[i].want, "row %zu", i);
    size_t n = 8u << 20;
    char *bad = malloc(n + 1);
    memset(bad, 'a', n / 2);
    memset(bad + n / 2, 0x80, n / 2);
    bad[n] = '\0';
    cr_expect_eq(bf_utf8_cut(bad, n), n / 2);  /* in one pass: a look at the whole for each byte would never end */
    free(bad);
}

/* What is not ASCII, or no text, is found wherever it stands among what is. */
Test(text, utf8_is_checked_at_each_place)
{
    static const struct { const char *bytes; size_t n; bool ok; } parts[] = {
        {"\xe2\x82\xac", 3, true}, {"\xc3\xa9", 2, true}, {"\0", 1, false}, {"\x80", 1, false}, {"\x01", 1, true}, {"\xff", 1, false}};
    char text[32];
    for (size_t i = 0; i < LEN(parts); i++)
        for (size_t at = 0; at + parts[i].n <= sizeof text; at++) {
            memset(text, 'a', sizeof text);
            memcpy(text + at, parts[i].bytes, parts[i].n);
            cr_expect_eq(bf_utf8_valid(text, sizeof text), parts[i].ok, "part %zu at %zu", i, at);
            cr_expect_eq(bf_utf8_valid(text, at + parts[i].n), parts[i].ok, "part %zu at %zu, at the end", i, at);
            cr_expect(bf_utf8_valid(text, at), "part %zu at %zu, before it", i, at);
        }
}

Test(text, nearest)
{
    static const char *const keys[] = {"partition", "inputs", "outputs", "pool", "retry", "rety"};
    static const struct { const char *word, *near; } rows[] = {
        {"partiton", "partition"}, {"input", "inputs"}, {"otuputs", "outputs"}, {"pol", "pool"}, {"pool", "pool"},
        {"warehouse", NULL}, {"", NULL}, {"x", NULL}, {"retr", "retry"}, {"ipnut", "inputs"},
        {"Pool", "pool"}, {"PARTITION", "partition"}, {"PARTITON", "partition"}, {"POL", "pool"}, {"X", NULL},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        const char *near = bf_nearest(rows[i].word, keys, LEN(keys));
        cr_expect(rows[i].near ? near && strcmp(near, rows[i].near) == 0 : !near, "%s -> %s", rows[i].word, near ? near : "none");
    }
    char big[1000];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    cr_expect_null(bf_nearest(big, keys, LEN(keys)));
    cr_expect_null(bf_nearest("pool", NULL, 0));
}

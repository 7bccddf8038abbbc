#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/http/body.h"
#include "agent/http/secrets.h"
#include "common/mem.h"
#include "common/text.h"

static struct http_header headers[] = {
    {"Authorization", "Bearer hunter2-token", true}, {"X-Quoted", "a\"b\\cd", true}, {"X-Short", "abc", true},
    {"X-Open", "plain text", false},
};
static const struct http_request request = {.headers = headers, .n_headers = sizeof headers / sizeof *headers};

static const char *shown(const char *text, size_t len, struct shown how, struct bf_buf *b)
{
    struct secrets s;
    secrets_init(&s, &request);
    bf_buf_clear(b);
    secrets_put(&s, text, len, how, b);
    secrets_done(&s);
    return bf_buf_cstr(b);
}

Test(http_shown, secrets_and_controls)
{
    static const struct { const char *text, *one_line, *lines; } cases[] = {
        {"", "", ""}, {"plain text abc", "plain text abc", "plain text abc"}, {"x Bearer hunter2-token y", "x *** y", "x *** y"},
        {"hunter2-token", "***", "***"}, {"hunter2-toke", "hunter2-toke", "hunter2-toke"}, {"{\"k\":\"a\\\"b\\\\cd\"}", "{\"k\":\"***\"}",
                                                                                            "{\"k\":\"***\"}"},
        {"a\"b\\cd", "***", "***"}, {"a\r\nb\tc\x1b[1m\x7f", "a  b c [1m ", "a \nb\tc [1m "}, {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80",
                                                                                               "\xf0\x9f\x98\x80"},
        {"\xff\xc3+\xed\xa0\x80", "??+???", "??+???"},
    };
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].text);
        cr_assert_str_eq(shown(cases[i].text, n, (struct shown){0}, &b), cases[i].one_line, "%zu", i);
        cr_assert_str_eq(shown(cases[i].text, n, (struct shown){.lines = true}, &b), cases[i].lines, "%zu", i);
    }
    cr_assert_str_eq(shown("a\0b", 3, (struct shown){0}, &b), "a b");
}

Test(http_shown, cut_texts)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    const char half[] = "hunter2-token and hunter2-to", rest[] = "unter2-token and more of it";
    cr_assert_null(strstr(shown(half, strlen(half), (struct shown){.cut_back = true}, &b), "hunter2"));
    cr_assert_null(strstr(shown(rest, strlen(rest), (struct shown){.cut_front = true}, &b), "unter2"));
    cr_assert(strstr(bf_buf_cstr(&b), "of it"));
    cr_assert_str_eq(shown("x", 1, (struct shown){.cut_front = true, .cut_back = true}, &b), "");
}

/* A body of n bytes that came in pieces; what is shown is the same whatever the pieces. */
static void fill(struct http_body *b, const char *text, size_t n, size_t piece)
{
    http_body_clear(b);
    for (size_t i = 0; i < n; i += piece)
        cr_assert(http_body_take(b, text + i, n - i < piece ? n - i : piece));
    cr_assert_eq(b->bytes, n);
}

Test(http_shown, bodies_of_every_size)
{
    static const size_t sizes[] = {0, 1, 2047, 2048, 2049, 65535, 65536, 65537, HTTP_BODY_KEPT - 1, HTTP_BODY_KEPT, HTTP_BODY_KEPT + 1,
                                   HTTP_BODY_KEPT + 65536, HTTP_BODY_KEPT + 65537, HTTP_BODY_KEPT + 500000};
    static const size_t pieces[] = {1000, 16384, 70000, 300000};
    size_t largest = sizes[sizeof sizes / sizeof *sizes - 1];
    BF_AUTO_FREE char *text = bf_xmalloc(largest);
    for (size_t i = 0; i < largest; i++)
        text[i] = (char)('a' + i % 23);
    struct secrets none = {0};
    BF_CLEANUP(http_body_done) struct http_body body = {0};
    BF_CLEANUP(bf_buf_free) struct bf_buf out = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof pieces / sizeof *pieces; j++) {
            size_t n = sizes[i], want = n < HTTP_BODY_SHOWN ? n : HTTP_BODY_SHOWN;
            fill(&body, text, n, pieces[j]);
            bf_buf_clear(&out);
            http_body_put_first(&body, &none, &out);
            cr_assert_eq(out.len, want, "%zu", n);
            cr_assert(memcmp(out.data ? out.data : (const uint8_t *)"", text, want) == 0);
            bf_buf_clear(&out);
            http_body_put_last(&body, &none, &out);
            cr_assert_geq(out.len, want);
            cr_assert(want == 0 || memcmp(out.data + out.len - want, text + n - want, want) == 0, "%zu in pieces of %zu", n, pieces[j]);
            cr_assert_leq(body.head.cap + body.tail.cap, 4u << 20);
        }
}

Test(http_shown, cuts_between_characters)
{
    BF_AUTO_FREE char *text = bf_xmalloc(9001);
    BF_CLEANUP(http_body_done) struct http_body body = {0};
    BF_CLEANUP(bf_buf_free) struct bf_buf out = {0};
    struct secrets none = {0};
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 <= 9000; i += 4)
            memcpy(text + i, "\xf0\x9f\x98\x80", 4);
        fill(&body, text, shift + 8000, 999);
        bf_buf_clear(&out);
        http_body_put_first(&body, &none, &out);
        http_body_put_last(&body, &none, &out);
        cr_assert(bf_utf8_valid(out.data, out.len));
        cr_assert_null(memchr(out.data, '?', out.len), "no character was torn");
    }
}

/* Blotted secrets are short, so that what is shown can reach back to where the kept bytes begin, in the middle of one. */
Test(http_shown, a_body_of_secrets)
{
    static const char secret[] = "Bearer hunter2-token";
    size_t n = HTTP_BODY_KEPT + 200000;
    BF_AUTO_FREE char *text = bf_xmalloc(n);
    BF_CLEANUP(http_body_done) struct http_body body = {0};
    BF_CLEANUP(bf_buf_free) struct bf_buf out = {0};
    static char long_value[8001];
    memset(long_value, 'k', 8000);
    struct http_header keys[] = {{"X-Long", long_value, true}, {"Authorization", (char *)(uintptr_t)secret, true}};
    const struct http_request with_keys = {.headers = keys, .n_headers = 2};
    struct secrets s;
    secrets_init(&s, &with_keys);
    for (size_t i = 0; i < n; i++)
        text[i] = i % 9000 < 8000 ? 'k' : secret[(i % 9000 - 8000) % (sizeof secret - 1)];
    static const size_t sizes[] = {4001, 70001, 500009, HTTP_BODY_KEPT + 11, HTTP_BODY_KEPT + 66001, HTTP_BODY_KEPT + 200000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        /* The end is where a secret ends. */
        size_t len = sizes[i] / 9000 * 9000;
        fill(&body, text, len, 10007);
        bf_buf_clear(&out);
        http_body_put_last(&body, &s, &out);
        http_body_put_first(&body, &s, &out);
        cr_assert(len == 0 || strstr(bf_buf_cstr(&out), "***"));
        cr_assert_null(strstr(bf_buf_cstr(&out), "kkkk"), "%zu", len);
        cr_assert_null(strstr(bf_buf_cstr(&out), "hunter2-token"), "%zu", len);
    }
    secrets_done(&s);
}

Test(http_shown, a_body_without_end)
{
    struct http_body body = {.bytes = HTTP_BODY_MAX - 1};
    cr_assert(http_body_take(&body, "x", 1));
    cr_assert_not(http_body_take(&body, "y", 1));
    cr_assert_eq(body.bytes, HTTP_BODY_MAX);
    http_body_done(&body);
}

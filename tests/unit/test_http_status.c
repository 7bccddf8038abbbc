#include <criterion/criterion.h>
#include <string.h>

#include "agent/http/status.h"

Test(http_status, which_are_transient)
{
    static const int transient[] = {408, 425, 429};
    for (int status = 100; status < 700; status++) {
        bool want = status >= 500 && status <= 599;
        for (size_t i = 0; i < sizeof transient / sizeof *transient; i++)
            want = want || status == transient[i];
        cr_assert_eq(http_status_transient(status), want, "%d", status);
    }
}

Test(http_status, reads_what_is_expected)
{
    static const struct { const char *word; bool good; int low, high; } cases[] = {
        {"2xx", true, 200, 299}, {"5xx", true, 500, 599}, {"204", true, 204, 204}, {"100", true, 100, 100}, {"599", true, 599, 599},
        {"", false, 0, 0}, {"2", false, 0, 0}, {"20", false, 0, 0}, {"2000", false, 0, 0}, {"6xx", false, 0, 0}, {"099", false, 0, 0},
        {"xxx", false, 0, 0}, {"2x4", false, 0, 0}, {"20x", false, 0, 0}, {"2XX", false, 0, 0}, {" 20", false, 0, 0}, {"600", false, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_expect e = {-1, -1};
        cr_assert_eq(http_expect_parse(cases[i].word, &e), cases[i].good, "%s", cases[i].word);
        cr_assert_eq(e.low, cases[i].good ? cases[i].low : -1, "%s", cases[i].word);
        cr_assert_eq(e.high, cases[i].good ? cases[i].high : -1, "%s", cases[i].word);
    }
}

Test(http_status, ranges)
{
    static const struct http_expect ranges[] = {{200, 299}, {404, 404}};
    cr_expect(http_expected(ranges, 2, 200));
    cr_expect(http_expected(ranges, 2, 299));
    cr_expect(http_expected(ranges, 2, 404));
    cr_expect_not(http_expected(ranges, 2, 300));
    cr_expect_not(http_expected(ranges, 2, 199));
    cr_expect_not(http_expected(ranges, 0, 200));
    cr_expect_not(http_expected(ranges, 2, 0));
}

Test(http_status, words)
{
    cr_expect_str_eq(http_status_words(503), "Service Unavailable");
    cr_expect_str_eq(http_status_words(418), "");
}

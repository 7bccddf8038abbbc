/* What a canary gave is a load, or it is told why it is none. */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/probe_value.h"

Test(probe_value, what_is_a_load)
{
    static const struct { const char *text; int64_t millionths; const char *why; } cases[] = {
        {"0", 0, NULL}, {"12.5", 12500000, NULL}, {" 7\n", 7000000, NULL}, {"1e3", 1000000000, NULL}, {"+2", 2000000, NULL},
        {"0.0000004", 0, NULL}, {"0.0000006", 1, NULL}, {"-0", 0, NULL}, {"1000000000000", INT64_C(1000000000000000000), NULL},
        {"", 0, "nothing"}, {" \n\t", 0, "nothing"}, {"NaN", 0, "NaN"}, {"-nan", 0, "NaN"}, {"-3", 0, "negative number (-3)"},
        {"-1e-9", 0, "negative"}, {"seven", 0, "text"}, {"7 apples", 0, "text"}, {"1.2.3", 0, "text"}, {"0x10", 0, "text"},
        {"inf", 0, "text"},
        {"1e400", 0, "over"}, {"1000000000001", 0, "over"}, {"-", 0, "text"}, {"e", 0, "text"}, {"1 2", 0, "text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_error err = {0};
        int64_t got = -7;
        enum bf_rc rc = probe_value_read(cases[i].text, strlen(cases[i].text), &got, &err);
        cr_expect_eq(rc, cases[i].why ? BF_INVALID : BF_OK, "`%s`: %s", cases[i].text, err.text);
        cr_expect_eq(got, cases[i].why ? -7 : cases[i].millionths, "`%s`: %lld", cases[i].text, (long long)got);
        if (cases[i].why)
            cr_expect_not_null(strstr(err.text, cases[i].why), "`%s`: %s", cases[i].text, err.text);
    }
}

Test(probe_value, long_text_is_none)
{
    char many[5000];
    struct bf_error err = {0};
    int64_t got;
    memset(many, '1', sizeof many);
    cr_expect_eq(probe_value_read(many, sizeof many, &got, &err), BF_INVALID);
}

#include <criterion/criterion.h>
#include <string.h>

#include "agent/sql/decimal.h"

static struct decimal number(const char *s)
{
    struct decimal d = {0};
    cr_assert(decimal_parse(s, strlen(s), &d), "%s", s);
    return d;
}

Test(sql_decimal, what_is_a_number)
{
    static const char *const good[] = {"0", "-0", "1", "+1", "-12.50", ".5", "5.", "1e3", "1E-05", " 42 ",
                                       "123456789012345678901234567890.123456789",
                                       "1.7976931348623157e+308"};
    static const char *const bad[] = {"", " ", "-", ".", "e5", "1e", "1e+", "1e401", "NaN", "Infinity", "-inf", "1 2", "1,5", "0x10",
                                      "1.2.3", "--1", "t"};
    struct decimal d;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(decimal_parse(good[i], strlen(good[i]), &d), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(decimal_parse(bad[i], strlen(bad[i]), &d), "%s", bad[i]);
    char longest[DECIMAL_TEXT_MAX + 2];
    memset(longest, '9', sizeof longest);
    cr_expect(decimal_parse(longest, DECIMAL_TEXT_MAX, &d));
    cr_expect_not(decimal_parse(longest, DECIMAL_TEXT_MAX + 1, &d));
}

Test(sql_decimal, order)
{
    static const char *const ascending[] = {"-1e400", "-10", "-9.999", "-1.01", "-1", "-0.0000001", "0", "1e-400", "0.1",
                                            "0.10000000000000001", "1",
                                            "9007199254740992", "9007199254740993", "1e17", "1e400"};
    size_t n = sizeof ascending / sizeof *ascending;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            struct decimal a = number(ascending[i]), b = number(ascending[k]);
            int got = decimal_compare(&a, &b), wanted = i < k ? -1 : i > k;
            cr_expect_eq((got > 0) - (got < 0), wanted, "%s against %s", ascending[i], ascending[k]);
        }
    }
    static const char *const equal[][2] = {{"1.50", "1.5"}, {"0", "-0.00"}, {"1e3", "1000"}, {"0012", "12"}, {"+7", "7.000"},
                                           {"1.25e1", "12.5"}};
    for (size_t i = 0; i < sizeof equal / sizeof *equal; i++) {
        struct decimal a = number(equal[i][0]), b = number(equal[i][1]);
        cr_expect_eq(decimal_compare(&a, &b), 0, "%s against %s", equal[i][0], equal[i][1]);
    }
}

Test(sql_decimal, distance_and_product)
{
    static const struct { const char *a, *b, *distance, *product; } cases[] = {
        {"10", "3", "7", "30"},
        {"3", "10", "7", "30"},
        {"-3", "10", "13", "30"},
        {"0.1", "0.3", "0.2", "0.03"},
        {"1000", "0.001", "999.999", "1"},
        {"99.99", "-0.01", "100", "0.9999"},
        {"9999999999999999999999", "1", "9999999999999999999998", "9999999999999999999999"},
        {"1e400", "1e-400", NULL, "1"},
        {"99999", "99999", "0", "9999800001"},
        {"0", "0", "0", "0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct decimal a = number(cases[i].a), b = number(cases[i].b), got, wanted = number(cases[i].product);
        decimal_product(&a, &b, &got);
        cr_expect_eq(decimal_compare(&got, &wanted), 0, "%s * %s", cases[i].a, cases[i].b);
        decimal_distance(&a, &b, &got);
        if (cases[i].distance) {
            wanted = number(cases[i].distance);
            cr_expect_eq(decimal_compare(&got, &wanted), 0, "|%s - %s|", cases[i].a, cases[i].b);
        }
    }
}

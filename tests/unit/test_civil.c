#include "common/civil.h"

#include <criterion/criterion.h>
#include <time.h>

#define LEN(a) (sizeof(a) / sizeof *(a))

/* Every day of the years 1 to 9999, against glibc's calendar. */
Test(civil, agrees_with_the_c_library_for_every_day)
{
    int32_t first = bf_days_from_date((struct bf_date){1, 1, 1}), last = bf_days_from_date((struct bf_date){9999, 12, 31});
    cr_assert_eq(first, -719162);
    cr_assert_eq(last, 2932896);
    for (int32_t day = first; day <= last; day++) {
        time_t t = (time_t)day * 86400;
        struct tm tm;
        gmtime_r(&t, &tm);
        struct bf_date d = bf_date_from_days(day);
        cr_assert(d.year == tm.tm_year + 1900 && d.month == tm.tm_mon + 1 && d.day == tm.tm_mday, "day %d", day);
        cr_assert(bf_date_valid(d) && bf_days_from_date(d) == day, "day %d", day);
    }
}

Test(civil, far_days_do_not_overflow)
{
    static const int32_t rows[] = {INT32_MIN, INT32_MAX, -800000000, 800000000};
    for (size_t i = 0; i < LEN(rows); i++) {
        struct bf_date d = bf_date_from_days(rows[i]);
        cr_expect(d.month >= 1 && d.month <= 12 && d.day >= 1 && d.day <= bf_days_in_month(d.year, d.month));
    }
}

Test(civil, months)
{
    static const struct { int32_t year; uint8_t month, days; } rows[] = {
        {2024, 1, 31}, {2024, 2, 29}, {2023, 2, 28}, {1900, 2, 28}, {2000, 2, 29}, {2024, 4, 30}, {2024, 12, 31},
        {2024, 0, 0}, {2024, 13, 0},
    };
    for (size_t i = 0; i < LEN(rows); i++)
        cr_expect_eq(bf_days_in_month(rows[i].year, rows[i].month), rows[i].days, "row %zu", i);
}

Test(civil, parse)
{
    static const struct { const char *s; bool date; } rows[] = {
        {"2024-02-29", true}, {"2024-02", false}, {"0001-01-01", true}, {"9999-12-31", true},
        {"2023-02-29", false}, {"2024-13-01", false}, {"2024-00-01", false}, {"2024-01-00", false},
        {"2024-01-32", false}, {"0000-01-01", false}, {"2024-1-01", false}, {"2024-01-1", false},
        {"2024-01-01 ", false}, {" 2024-01-01", false}, {"2024/01/01", false}, {"", false},
        {"20240101", false}, {"-024-01-01", false}, {"2024-13", false}, {"2024-", false},
        {"2024-02-291", false}, {"2024-01-01T00:00", false},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        struct bf_date d = {0, 0, 0};
        cr_expect_eq(bf_parse_date(rows[i].s, &d), rows[i].date, "\"%s\"", rows[i].s);
        cr_expect_eq(d.year != 0, rows[i].date, "untouched on failure: \"%s\"", rows[i].s);
    }
    struct bf_date d = {0, 0, 0};
    cr_assert(bf_parse_date("2024-02-29", &d));
    cr_expect(d.year == 2024 && d.month == 2 && d.day == 29);
}

Test(civil, floor_div)
{
    static const struct { int64_t a, b, floor; } rows[] = {
        {0, 7, 0}, {6, 7, 0}, {7, 7, 1}, {-1, 7, -1}, {-7, 7, -1}, {-8, 7, -2}, {INT64_MIN, 1, INT64_MIN},
        {INT64_MIN, BF_DAY_S, -106751991167301},
    };
    for (size_t i = 0; i < LEN(rows); i++)
        cr_expect_eq(bf_floor_div(rows[i].a, rows[i].b), rows[i].floor, "row %zu", i);
}

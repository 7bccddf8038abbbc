/* Partitions against calendar arithmetic of another make: counting day by day, with the leap rule written out. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/buf.h"
#include "plan/partition.h"

struct calendar { int32_t day; int year, month, date; };

static int month_length(int year, int month)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return lengths[month - 1] + (month == 2 && leap);
}

static void next_day(struct calendar *c)
{
    c->day++;
    if (++c->date <= month_length(c->year, c->month))
        return;
    c->date = 1;
    if (++c->month <= 12)
        return;
    c->month = 1;
    c->year++;
}

static void two_digits(char *p, int value)
{
    p[0] = (char)('0' + value / 10);
    p[1] = (char)('0' + value % 10);
}

static void write_key(const struct calendar *c, char ret[PLAN_KEY_MAX])
{
    memcpy(ret, "0000-00-00", 11);
    two_digits(ret, c->year / 100);
    two_digits(ret + 2, c->year % 100);
    two_digits(ret + 5, c->month);
    two_digits(ret + 8, c->date);
}

/* 1600-01-01 is 135140 days before 1970-01-01; through three centuries of leap rules to 2420. */
Test(plan_partition, days_and_months)
{
    struct calendar c = {.day = -135140, .year = 1600, .month = 1, .date = 1};
    int32_t month = -370 * 12;
    for (; c.year < 2420; next_day(&c)) {
        char wanted[PLAN_KEY_MAX], got[PLAN_KEY_MAX];
        int32_t ordinal = 0, from, until;
        if (c.date == 1 && !(c.year == 1600 && c.month == 1))
            month++;
        write_key(&c, wanted);
        plan_partition_key(PLAN_DAY, c.day, got);
        cr_assert_str_eq(got, wanted);
        cr_assert(plan_partition_parse(PLAN_DAY, wanted, &ordinal) && ordinal == c.day, "%s", wanted);
        plan_partition_days(PLAN_DAY, c.day, &from, &until);
        cr_assert(from == c.day && until == c.day + 1);
        cr_assert_eq(plan_partition_containing(PLAN_DAY, c.day, PLAN_MONTH), month, "%s", wanted);
        if (c.date != 1)
            continue;
        wanted[7] = '\0';
        plan_partition_key(PLAN_MONTH, month, got);
        cr_assert_str_eq(got, wanted);
        cr_assert(plan_partition_parse(PLAN_MONTH, wanted, &ordinal) && ordinal == month, "%s", wanted);
        plan_partition_days(PLAN_MONTH, month, &from, &until);
        cr_assert(from == c.day && until == c.day + month_length(c.year, c.month), "%s", wanted);
    }
}

Test(plan_partition, ends_of_the_calendar)
{
    char key[PLAN_KEY_MAX];
    int32_t ordinal;
    cr_assert(plan_partition_parse(PLAN_DAY, "0001-01-01", &ordinal));
    plan_partition_key(PLAN_DAY, ordinal, key);
    cr_expect_str_eq(key, "0001-01-01");
    cr_assert(plan_partition_parse(PLAN_MONTH, "9999-12", &ordinal));
    plan_partition_key(PLAN_MONTH, ordinal, key);
    cr_expect_str_eq(key, "9999-12");
}

Test(plan_partition, none)
{
    char key[PLAN_KEY_MAX];
    int32_t ordinal = 7, from = 1, until = 1;
    plan_partition_key(PLAN_NONE, 0, key);
    cr_expect_str_eq(key, "");
    cr_expect(plan_partition_parse(PLAN_NONE, "", &ordinal) && ordinal == 0);
    plan_partition_days(PLAN_NONE, 0, &from, &until);
    cr_expect(from == 0 && until == 0);
    cr_expect_eq(plan_partition_containing(PLAN_DAY, 19800, PLAN_NONE), 0);
    cr_expect_eq(plan_partition_containing(PLAN_MONTH, 600, PLAN_NONE), 0);
    cr_expect_eq(plan_partition_containing(PLAN_DAY, 19800, PLAN_DAY), 19800);
}

Test(plan_partition, keys_refused)
{
    static const struct { enum plan_grain grain; const char *key; } cases[] = {
        {PLAN_DAY, ""}, {PLAN_DAY, "2024-02-30"}, {PLAN_DAY, "2023-02-29"}, {PLAN_DAY, "2024-1-1"}, {PLAN_DAY, "2024-01"}, {PLAN_DAY, "2024-01-01 "},
        {PLAN_DAY, "0000-01-01"}, {PLAN_MONTH, "2024-00"}, {PLAN_MONTH, "2024-13"}, {PLAN_MONTH, "2024-01-01"}, {PLAN_MONTH, ""}, {PLAN_NONE, "x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t ordinal = 4711;
        cr_expect_not(plan_partition_parse(cases[i].grain, cases[i].key, &ordinal), "%s", cases[i].key);
        cr_expect_eq(ordinal, 4711, "untouched");
    }
}

/* 2024-01-01 is day 19723; 2024-01 is month 648. */
Test(plan_partition, contained)
{
    static const struct plan_range year = {PLAN_DAY, 19723, 366}, part = {PLAN_DAY, 19728, 10}, months = {PLAN_MONTH, 648, 12}, none = {PLAN_NONE, 0, 1};
    static const struct { enum plan_grain coarse; int32_t ordinal; const struct plan_range *fine; int32_t first; uint32_t n; } cases[] = {
        {PLAN_MONTH, 648, &year, 19723, 31},  {PLAN_MONTH, 649, &year, 19754, 29},  {PLAN_MONTH, 659, &year, 20058, 31},
        {PLAN_MONTH, 648, &part, 19728, 10},  {PLAN_MONTH, 649, &part, 19728, 0},   {PLAN_MONTH, 647, &year, 19723, 0},
        {PLAN_NONE, 0, &year, 19723, 366},    {PLAN_NONE, 0, &months, 648, 12},     {PLAN_NONE, 0, &none, 0, 1},
        {PLAN_DAY, 19730, &year, 19730, 1},   {PLAN_MONTH, 650, &months, 650, 1},   {PLAN_DAY, 19722, &year, 19723, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t first = -1;
        uint32_t n = 99;
        plan_partition_contained(cases[i].coarse, cases[i].ordinal, cases[i].fine, &first, &n);
        cr_expect(first == cases[i].first && n == cases[i].n, "case %zu: %d, %u", i, first, n);
    }
}

/* Containing and contained are each other's inverse over a range. */
Test(plan_partition, inverse)
{
    static const struct plan_range years = {PLAN_DAY, 19358, 3 * 365 + 1};      /* 2023 to 2025 */
    uint32_t counted = 0;
    for (int32_t month = 636; month < 672; month++) {
        int32_t first;
        uint32_t n;
        plan_partition_contained(PLAN_MONTH, month, &years, &first, &n);
        for (uint32_t i = 0; i < n; i++, counted++)
            cr_assert_eq(plan_partition_containing(PLAN_DAY, first + (int32_t)i, PLAN_MONTH), month);
    }
    cr_expect_eq(counted, years.n);
}

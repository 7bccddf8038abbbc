/* Partitions: the calendar against one of another make (counting day by day, with the leap rule written out), and the days, weeks and
 * hours of clocks that are changed. */
#include <criterion/criterion.h>
#include <string.h>

#include "plan/partition.h"
#include "plan/span.h"
#include "zone_fixture.h"

enum { HOUR_S = 3600, DAY_S = 86400 };

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

/* A table of a zone of the system, from one local midnight to another. */
static struct plan_partitions table(enum plan_grain g, const char *zone, const char *from, const char *until)
{
    struct plan_partitions p;
    struct zone *z = zone_of_system(zone);
    plan_partitions_build(g, z, zone_first_at(z, seconds_of(from, 0, 0)), zone_first_at(z, seconds_of(until, 0, 0)), &p);
    zone_free(z);
    return p;
}

/* The partition with a key. */
static bool find(const struct plan_partitions *p, const struct zone *z, const char *key, uint32_t *ret_index)
{
    struct plan_span s;
    char found[PLAN_KEY_MAX];
    if (plan_span_parse(z, key, &s) != PLAN_SPAN_OK || !plan_partition_at(p, s.from_s, ret_index))
        return false;
    plan_partition_key(p, *ret_index, found);
    return strcmp(found, key) == 0;
}

/* 1600-01-01 is 135140 days before 1970-01-01; through three centuries of leap rules to 2420. */
Test(plan_partition, days_and_months)
{
    struct calendar c = {.day = -135140, .year = 1600, .month = 1, .date = 1};
    struct plan_partitions days = table(PLAN_DAY, "UTC", "1600-01-01", "2420-01-01"), months = table(PLAN_MONTH, "UTC", "1600-01-01",
                                                                                                     "2420-01-01");
    uint32_t month = 0, i = 0;
    struct zone *utc = zone_utc();
    cr_assert_eq(months.n, 820 * 12);
    for (; c.year < 2420; next_day(&c), i++) {
        char wanted[PLAN_KEY_MAX], got[PLAN_KEY_MAX];
        uint32_t found = 0;
        int32_t from, until;
        month += c.date == 1 && i > 0;
        write_key(&c, wanted);
        plan_partition_key(&days, i, got);
        cr_assert_str_eq(got, wanted);
        cr_assert(find(&days, utc, wanted, &found) && found == i, "%s", wanted);
        plan_partition_days(&days, i, &from, &until);
        cr_assert(from == c.day && until == c.day + 1 && days.start_s[i] == (int64_t)c.day * DAY_S && days.label[i] == c.day);
        cr_assert(plan_partition_containing(&days, i, &months, &found) && found == month, "%s", wanted);
        if (c.date != 1)
            continue;
        wanted[7] = '\0';
        plan_partition_key(&months, month, got);
        cr_assert_str_eq(got, wanted);
        cr_assert(find(&months, utc, wanted, &found) && found == month, "%s", wanted);
        plan_partition_days(&months, month, &from, &until);
        cr_assert(from == c.day && until == c.day + month_length(c.year, c.month), "%s", wanted);
    }
    cr_assert(days.n == i && days.start_s[i] == (int64_t)c.day * DAY_S);
    zone_free(utc);
    plan_partitions_done(&days);
    plan_partitions_done(&months);
}

/* Nothing lies outside of the years 1 to 9999, whatever is asked for. */
Test(plan_partition, ends_of_the_calendar)
{
    static const struct { enum plan_grain g; uint32_t n; const char *first, *last; } cases[] = {
        {PLAN_DAY, 3652059, "0001-01-01", "9999-12-31"}, {PLAN_WEEK, 521723, "0001-W01", "9999-W52"},
        {PLAN_MONTH, 119988, "0001-01", "9999-12"},
    };
    struct zone *z = zone_of_system("Europe/Berlin");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan_partitions p;
        char key[PLAN_KEY_MAX];
        plan_partitions_build(cases[i].g, z, INT64_MIN, INT64_MAX, &p);
        cr_assert_eq(p.n, cases[i].n);
        plan_partition_key(&p, 0, key);
        cr_expect_str_eq(key, cases[i].first);
        plan_partition_key(&p, p.n - 1, key);
        cr_expect_str_eq(key, cases[i].last);
        plan_partitions_done(&p);
    }
    zone_free(z);
}

Test(plan_partition, none)
{
    struct plan_partitions none, days = table(PLAN_DAY, "Europe/Berlin", "2024-01-01", "2024-02-01");
    struct zone *z = zone_utc();
    char key[PLAN_KEY_MAX];
    uint32_t i = 7, n = 7;
    int32_t from = 1, until = 1;
    plan_partitions_build(PLAN_NONE, z, 0, 1, &none);
    cr_assert(none.n == 1 && none.start_s[0] == INT64_MIN && none.start_s[1] == INT64_MAX && !none.offset_s);
    plan_partition_key(&none, 0, key);
    cr_expect_str_eq(key, "");
    plan_partition_days(&none, 0, &from, &until);
    cr_expect(from == 0 && until == 0);
    cr_expect(plan_partition_containing(&days, 3, &none, &i) && i == 0);
    cr_expect(plan_partition_containing(&none, 0, &none, &i) && i == 0);
    plan_partition_contained(&none, 0, &days, &i, &n);
    cr_expect(i == 0 && n == 31);
    plan_partitions_done(&none);
    plan_partitions_done(&days);
    zone_free(z);
}

Test(plan_partition, empty)
{
    struct zone *z = zone_utc();
    for (enum plan_grain g = PLAN_NONE; g < PLAN_GRAIN_COUNT; g++) {
        struct plan_partitions p;
        uint32_t i = 4711;
        plan_partitions_build(g, z, 1000, 1000, &p);
        cr_expect(p.n == 0 && p.grain == g);
        cr_expect_not(plan_partition_at(&p, 1000, &i));
        cr_expect_eq(plan_partition_from(&p, 1000), 0);
        cr_expect_eq(i, 4711, "untouched");
        plan_partitions_done(&p);
    }
    zone_free(z);
}

Test(plan_partition, names_and_nesting)
{
    static const char *const names[] = {"none", "hour", "day", "week", "month"};
    static const bool nests[PLAN_GRAIN_COUNT][PLAN_GRAIN_COUNT] = {         /* fine, coarse */
        {1, 0, 0, 0, 0}, {1, 1, 1, 1, 1}, {1, 0, 1, 1, 1}, {1, 0, 0, 1, 0}, {1, 0, 0, 0, 1},
    };
    for (enum plan_grain fine = PLAN_NONE; fine < PLAN_GRAIN_COUNT; fine++) {
        cr_expect_str_eq(plan_grain_name(fine), names[fine]);
        for (enum plan_grain coarse = PLAN_NONE; coarse < PLAN_GRAIN_COUNT; coarse++)
            cr_expect_eq(plan_grain_nests(fine, coarse), nests[fine][coarse], "%s in %s", names[fine], names[coarse]);
    }
}

/* The ISO week of a few days that every list of hard cases has. */
Test(plan_partition, weeks)
{
    static const struct { const char *day, *week; } cases[] = {
        {"2005-01-01", "2004-W53"}, {"2005-01-02", "2004-W53"}, {"2005-12-31", "2005-W52"}, {"2006-01-01", "2005-W52"},
        {"2006-01-02", "2006-W01"},
        {"2006-12-31", "2006-W52"}, {"2007-01-01", "2007-W01"}, {"2007-12-30", "2007-W52"}, {"2007-12-31", "2008-W01"},
        {"2008-12-28", "2008-W52"},
        {"2008-12-29", "2009-W01"}, {"2009-12-31", "2009-W53"}, {"2010-01-03", "2009-W53"}, {"2010-01-04", "2010-W01"},
        {"2024-01-31", "2024-W05"},
    };
    struct plan_partitions weeks = table(PLAN_WEEK, "Europe/Berlin", "2004-01-01", "2025-01-01"),
                                   days = table(PLAN_DAY, "Europe/Berlin", "2004-01-01", "2025-01-01");
    struct zone *berlin = zone_of_system("Europe/Berlin");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t day, week, again;
        char key[PLAN_KEY_MAX];
        int32_t from, until;
        cr_assert(find(&days, berlin, cases[i].day, &day));
        cr_assert(plan_partition_containing(&days, day, &weeks, &week));
        plan_partition_key(&weeks, week, key);
        cr_expect_str_eq(key, cases[i].week, "%s: %s", cases[i].day, key);
        cr_expect(find(&weeks, berlin, key, &again) && again == week);
        plan_partition_days(&weeks, week, &from, &until);
        cr_expect(until == from + 7 && days.label[day] >= from && days.label[day] < until);
    }
    cr_expect_eq(weeks.label[0], 1774, "the week of 2004-01-01 is whole: it begins 2003-12-29");
    zone_free(berlin);
    plan_partitions_done(&weeks);
    plan_partitions_done(&days);
}

/* Hours in a day: 24 but where the clock is changed. */
Test(plan_partition, lengths)
{
    static const struct { enum plan_grain g; const char *zone, *key; int64_t seconds; } cases[] = {
        {PLAN_DAY, "Europe/Berlin", "2024-03-30", 24 * HOUR_S}, {PLAN_DAY, "Europe/Berlin", "2024-03-31", 23 * HOUR_S},
        {PLAN_DAY, "Europe/Berlin", "2024-10-27", 25 * HOUR_S}, {PLAN_WEEK, "Europe/Berlin", "2024-W13", 7 * DAY_S - HOUR_S},
        {PLAN_MONTH, "Europe/Berlin", "2024-10", 31 * DAY_S + HOUR_S}, {PLAN_DAY, "Australia/Lord_Howe", "2024-10-06", 24 * HOUR_S - 1800},
        {PLAN_DAY, "Australia/Lord_Howe", "2024-04-07", 24 * HOUR_S + 1800}, {PLAN_DAY, "America/Sao_Paulo", "2018-11-04", 23 * HOUR_S},
        {PLAN_DAY, "America/Sao_Paulo", "2018-02-17", 25 * HOUR_S}, {PLAN_DAY, "America/St_Johns", "2006-10-29", 25 * HOUR_S},
        {PLAN_DAY, "America/St_Johns", "2006-10-28", 24 * HOUR_S}, {PLAN_DAY, "Pacific/Apia", "2011-12-29", 24 * HOUR_S},
        {PLAN_DAY, "Pacific/Apia", "2011-12-31", 24 * HOUR_S}, {PLAN_WEEK, "Pacific/Apia", "2011-W52", 6 * DAY_S},
        {PLAN_MONTH, "Pacific/Apia", "2011-12", 30 * DAY_S}, {PLAN_DAY, "Asia/Kathmandu", "1986-01-01", 24 * HOUR_S - 900},
        {PLAN_HOUR, "Europe/Berlin", "2024-10-27T02+02:00", HOUR_S}, {PLAN_HOUR, "Europe/Berlin", "2024-10-27T02+01:00", HOUR_S},
        {PLAN_HOUR, "Australia/Lord_Howe", "2024-04-07T01+11:00", HOUR_S}, {PLAN_HOUR, "Australia/Lord_Howe", "2024-04-07T01+10:30", 1800},
        {PLAN_HOUR, "Australia/Lord_Howe", "2024-10-06T02+11:00", 1800}, {PLAN_HOUR, "America/St_Johns", "2006-10-29T00-02:30", 60},
        {PLAN_HOUR, "America/St_Johns", "2006-10-28T23-03:30", 59 * 60}, {PLAN_HOUR, "America/St_Johns", "2006-10-29T00-03:30", HOUR_S},
        {PLAN_HOUR, "Africa/Monrovia", "1972-01-06T23-00:44:30", HOUR_S}, {PLAN_HOUR, "Africa/Monrovia", "1972-01-07T00+00:00", 930},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan_partitions p = table(cases[i].g, cases[i].zone, "1970-01-01", "2025-01-01");
        struct zone *z = zone_of_system(cases[i].zone);
        uint32_t index = 0;
        cr_assert(find(&p, z, cases[i].key, &index), "%s %s", cases[i].zone, cases[i].key);
        zone_free(z);
        int64_t seconds = p.start_s[index + 1] - p.start_s[index];
        cr_expect_eq(seconds, cases[i].seconds, "%s %s: %ld", cases[i].zone, cases[i].key, (long)seconds);
        plan_partitions_done(&p);
    }
}

Test(plan_partition, a_day_that_was_left_out)
{
    struct plan_partitions p = table(PLAN_DAY, "Pacific/Apia", "2011-12-28", "2012-01-02");
    static const char *const keys[] = {"2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"};
    cr_assert_eq(p.n, 4);
    for (uint32_t i = 0; i < p.n; i++) {
        char key[PLAN_KEY_MAX];
        plan_partition_key(&p, i, key);
        cr_expect_str_eq(key, keys[i]);
    }
    plan_partitions_done(&p);
}

/* Hours of one label, in the order of time. */
Test(plan_partition, hours_of_a_change)
{
    static const struct { const char *zone, *from, *until, *keys[8]; } cases[] = {
        {"Europe/Berlin", "2024-03-31", "2024-04-01", {"2024-03-31T00+01:00", "2024-03-31T01+01:00", "2024-03-31T03+02:00",
                                                       "2024-03-31T04+02:00"}},
        {"Europe/Berlin", "2024-10-27", "2024-10-28", {"2024-10-27T00+02:00", "2024-10-27T01+02:00", "2024-10-27T02+02:00",
                                                       "2024-10-27T02+01:00", "2024-10-27T03+01:00"}},
        {"America/St_Johns", "2006-10-29", "2006-10-30", {"2006-10-29T00-02:30", "2006-10-28T23-03:30", "2006-10-29T00-03:30",
                                                          "2006-10-29T01-03:30"}},
        {"Australia/Lord_Howe", "2024-10-06", "2024-10-07", {"2024-10-06T00+10:30", "2024-10-06T01+10:30", "2024-10-06T02+11:00",
                                                             "2024-10-06T03+11:00"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan_partitions p = table(PLAN_HOUR, cases[i].zone, cases[i].from, cases[i].until);
        for (uint32_t k = 0; cases[i].keys[k]; k++) {
            char key[PLAN_KEY_MAX];
            plan_partition_key(&p, k, key);
            cr_expect_str_eq(key, cases[i].keys[k], "%s: %s", cases[i].keys[k], key);
        }
        plan_partitions_done(&p);
    }
}

/* Keys are names: each is found again, at its own place.  And instants lie where the boundaries say. */
Test(plan_partition, keys_found_again)
{
    static const char *const zones[] = {"Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca",
                                        "UTC"};
    for (size_t k = 0; k < sizeof zones / sizeof *zones; k++) {
        struct zone *z = zone_of_system(zones[k]);
        for (enum plan_grain g = PLAN_HOUR; g < PLAN_GRAIN_COUNT; g++) {
            struct plan_partitions p = table(g, zones[k], "2005-12-20", "2008-01-10");
            uint32_t found;
            cr_assert(p.n > 20 && (p.offset_s != NULL) == (g == PLAN_HOUR));
            for (uint32_t i = 0; i < p.n; i++) {
                char key[PLAN_KEY_MAX];
                plan_partition_key(&p, i, key);
                cr_assert(find(&p, z, key, &found) && found == i, "%s %s", zones[k], key);
                cr_assert_lt(p.start_s[i], p.start_s[i + 1]);
                cr_assert(plan_partition_from(&p, p.start_s[i]) == i && plan_partition_from(&p, p.start_s[i + 1] - 1) == i + 1);
                cr_assert(plan_partition_at(&p, p.start_s[i], &found) && found == i);
                cr_assert(plan_partition_at(&p, p.start_s[i + 1] - 1, &found) && found == i);
            }
            cr_assert_not(plan_partition_at(&p, p.start_s[0] - 1, &found));
            cr_assert_not(plan_partition_at(&p, p.start_s[p.n], &found));
            plan_partitions_done(&p);
        }
        zone_free(z);
    }
}

/* A part of a partition asks for the whole of it. */
Test(plan_partition, whole_at_the_ends)
{
    struct zone *z = zone_of_system("Europe/Berlin");
    int64_t from_s = zone_first_at(z, seconds_of("2024-01-31", 5, 30)), until_s = zone_first_at(z, seconds_of("2024-02-01", 7, 1));
    static const struct { enum plan_grain g; uint32_t n; const char *first, *last; } cases[] = {
        {PLAN_HOUR, 27, "2024-01-31T05+01:00", "2024-02-01T07+01:00"}, {PLAN_DAY, 2, "2024-01-31", "2024-02-01"},
        {PLAN_WEEK, 1, "2024-W05", "2024-W05"}, {PLAN_MONTH, 2, "2024-01", "2024-02"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan_partitions p;
        char key[PLAN_KEY_MAX];
        plan_partitions_build(cases[i].g, z, from_s, until_s, &p);
        cr_assert_eq(p.n, cases[i].n, "%s: %u", plan_grain_name(cases[i].g), p.n);
        cr_expect(p.start_s[0] < from_s && p.start_s[p.n] > until_s);
        plan_partition_key(&p, 0, key);
        cr_expect_str_eq(key, cases[i].first);
        plan_partition_key(&p, p.n - 1, key);
        cr_expect_str_eq(key, cases[i].last);
        plan_partitions_done(&p);
        /* From boundary to boundary there is nothing to add. */
        plan_partitions_build(cases[i].g, z, zone_first_at(z, seconds_of("2024-01-01", 0, 0)),
                              zone_first_at(z, seconds_of("2024-01-01", 1, 0)), &p);
        cr_expect_eq(p.n, 1);
        plan_partitions_done(&p);
    }
    zone_free(z);
}

/* Fifty-nine minutes after midnight show 23:01 to 24:00 of the day before; they are of the day that had begun. */
Test(plan_partition, set_back_over_midnight)
{
    struct zone *z = zone_of_system("America/St_Johns");
    int64_t from_s = seconds_of("2006-10-29", 2, 40);
    struct plan_partitions p;
    char key[PLAN_KEY_MAX];
    plan_partitions_build(PLAN_DAY, z, from_s, from_s + 60, &p);
    cr_assert_eq(p.n, 1);
    plan_partition_key(&p, 0, key);
    cr_expect_str_eq(key, "2006-10-29");
    cr_expect_eq(p.start_s[0], seconds_of("2006-10-29", 2, 30));
    plan_partitions_done(&p);
    zone_free(z);
}

Test(plan_partition, contained)
{
    struct plan_partitions year = table(PLAN_DAY, "Europe/Berlin", "2024-01-01", "2025-01-01"),
                                  part = table(PLAN_DAY, "Europe/Berlin", "2024-01-06", "2024-01-16"),
                           months = table(PLAN_MONTH, "Europe/Berlin", "2023-12-01", "2025-01-01"),
                                    hours = table(PLAN_HOUR, "Europe/Berlin", "2024-01-01", "2025-01-01"),
                           weeks = table(PLAN_WEEK, "Europe/Berlin", "2024-01-01", "2024-12-30");
    const struct {
        const struct plan_partitions *coarse; const char *key; const struct plan_partitions *fine; const char *first; uint32_t n;
    } cases[] = {
        {&months, "2024-01", &year, "2024-01-01", 31}, {&months, "2024-02", &year, "2024-02-01", 29},
        {&months, "2024-12", &year, "2024-12-01", 31},
        {&months, "2024-01", &part, "2024-01-06", 10}, {&months, "2024-02", &part, NULL, 0},          {&months, "2023-12", &year, NULL, 0},
        {&year, "2024-03-31", &hours, "2024-03-31T00+01:00", 23},  {&year, "2024-10-27", &hours, "2024-10-27T00+02:00", 25},
        {&months, "2024-10", &hours, "2024-10-01T00+02:00", 745},  {&weeks, "2024-W13", &hours, "2024-03-25T00+01:00", 167},
        {&weeks, "2024-W02", &part, "2024-01-08", 7},              {&year, "2024-01-06", &part, "2024-01-06", 1},
    };
    struct zone *berlin = zone_of_system("Europe/Berlin");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t coarse, first = 99, n = 99, wanted = 0;
        cr_assert(find(cases[i].coarse, berlin, cases[i].key, &coarse), "%s", cases[i].key);
        cr_assert(!cases[i].first || find(cases[i].fine, berlin, cases[i].first, &wanted));
        plan_partition_contained(cases[i].coarse, coarse, cases[i].fine, &first, &n);
        cr_expect(n == cases[i].n && (n == 0 || first == wanted), "case %zu: %u, %u", i, first, n);
    }
    uint32_t index = 4711;
    cr_expect_not(plan_partition_containing(&hours, 0, &part, &index), "the table does not reach there");
    cr_expect_eq(index, 4711);
    zone_free(berlin);
    plan_partitions_done(&year);
    plan_partitions_done(&part);
    plan_partitions_done(&months);
    plan_partitions_done(&hours);
    plan_partitions_done(&weeks);
}

/* Containing and contained are each other's inverse, for every pair that nests, where clocks do what they like. */
Test(plan_partition, inverse)
{
    static const char *const zones[] = {"Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe", "America/Sao_Paulo"};
    for (size_t k = 0; k < sizeof zones / sizeof *zones; k++) {
        for (enum plan_grain coarse = PLAN_DAY; coarse < PLAN_GRAIN_COUNT; coarse++) {
            struct plan_partitions a = table(coarse, zones[k], "2006-01-01", "2012-01-01");
            for (enum plan_grain fine = PLAN_HOUR; fine < PLAN_GRAIN_COUNT; fine++) {
                if (!plan_grain_nests(fine, coarse))
                    continue;
                struct plan_partitions b = table(fine, zones[k], "2006-02-01", "2011-12-31");
                uint32_t counted = 0;
                for (uint32_t i = 0; i < a.n; i++) {
                    uint32_t first, n, back;
                    plan_partition_contained(&a, i, &b, &first, &n);
                    for (uint32_t j = first; j < first + n; j++, counted++) {
                        cr_assert(plan_partition_containing(&b, j, &a, &back) && back == i);
                        cr_assert(b.start_s[j] >= a.start_s[i] && b.start_s[j + 1] <= a.start_s[i + 1], "one lies in the other whole");
                    }
                }
                cr_expect_eq(counted, b.n, "%s, %s in %s: %u of %u", zones[k], plan_grain_name(fine), plan_grain_name(coarse), counted,
                             b.n);
                plan_partitions_done(&b);
            }
            plan_partitions_done(&a);
        }
    }
}

/* As many as a backfill may have. */
Test(plan_partition, ten_million_hours)
{
    struct zone *z = zone_of_system("Australia/Lord_Howe");
    struct plan_partitions p;
    int64_t from_s = seconds_of("1970-01-01", 0, 0);
    plan_partitions_build(PLAN_HOUR, z, from_s, from_s + INT64_C(10000000) * HOUR_S, &p);
    cr_assert(p.n > 10000000 && p.n < 10010000);
    for (uint32_t i = 0; i < p.n; i++)
        cr_assert(p.start_s[i + 1] > p.start_s[i] && p.start_s[i + 1] - p.start_s[i] <= HOUR_S);
    plan_partitions_done(&p);
    zone_free(z);
}

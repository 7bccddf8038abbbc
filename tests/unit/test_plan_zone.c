/* Zones: hand-picked clocks of the system's database, rules of every form, and files that are no good. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "zone_fixture.h"

enum { HOUR_S = 3600 };

/* --- clocks of the world ----------------------------------------------------------------------------------------------- */

Test(plan_zone, offsets)
{
    static const struct { const char *zone, *date; int hour, minute; int32_t offset_s; } cases[] = {   /* instants: UTC */
        {"UTC", "1970-01-01", 0, 0, 0},
        {"Etc/GMT+5", "2024-01-01", 0, 0, -5 * HOUR_S},
        {"Europe/Berlin", "2024-03-31", 0, 59, 1 * HOUR_S},          {"Europe/Berlin", "2024-03-31", 1, 0, 2 * HOUR_S},
        {"Europe/Berlin", "2024-10-27", 0, 59, 2 * HOUR_S},          {"Europe/Berlin", "2024-10-27", 1, 0, 1 * HOUR_S},
        {"Europe/Berlin", "1975-07-01", 0, 0, 1 * HOUR_S},           {"Europe/Berlin", "9999-07-01", 0, 0, 2 * HOUR_S},
        {"Europe/Dublin", "2024-07-01", 0, 0, 1 * HOUR_S},           {"Europe/Dublin", "2050-01-01", 0, 0, 0},
        {"America/New_York", "2007-03-11", 6, 59, -5 * HOUR_S},      {"America/New_York", "2007-03-11", 7, 0, -4 * HOUR_S},
        {"America/New_York", "2400-02-29", 0, 0, -5 * HOUR_S},       {"America/New_York", "2400-07-01", 0, 0, -4 * HOUR_S},
        {"America/St_Johns", "2006-10-29", 2, 30, -9000},            {"America/St_Johns", "2006-10-29", 2, 31, -12600},
        {"Asia/Kathmandu", "1985-12-31", 18, 29, 19800},             {"Asia/Kathmandu", "1985-12-31", 18, 30, 20700},
        {"Australia/Lord_Howe", "2024-10-05", 15, 29, 37800},        {"Australia/Lord_Howe", "2024-10-05", 15, 30, 39600},
        {"Pacific/Apia", "2011-12-30", 9, 59, -10 * HOUR_S},         {"Pacific/Apia", "2011-12-30", 10, 0, 14 * HOUR_S},
        {"Africa/Monrovia", "1972-01-07", 0, 44, -2670},             {"Africa/Monrovia", "1972-01-07", 0, 45, 0},
        {"America/Nuuk", "2050-01-01", 0, 0, -2 * HOUR_S},           {"America/Nuuk", "2050-07-01", 0, 0, -1 * HOUR_S},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct zone *z = zone_of_system(cases[i].zone);
        struct zone_span s = zone_span_at(z, seconds_of(cases[i].date, cases[i].hour, cases[i].minute));
        cr_expect_eq(s.offset_s, cases[i].offset_s, "%s %s: %d", cases[i].zone, cases[i].date, s.offset_s);
        cr_expect_str_eq(zone_name(z), cases[i].zone);
        zone_free(z);
    }
}

/* What the clock shows once, twice and never; times are local, instants UTC. */
Test(plan_zone, instants)
{
    static const struct {
        const char *zone, *date; int hour, minute;
        size_t n; const char *first_date; int first_hour, first_minute, second_hour, second_minute;
    } cases[] = {
        {"Europe/Berlin", "2024-06-01", 12, 0, 1, "2024-06-01", 10, 0, 0, 0},
        {"Europe/Berlin", "2024-03-31", 1, 59, 1, "2024-03-31", 0, 59, 0, 0},
        {"Europe/Berlin", "2024-03-31", 2, 0, 0, "2024-03-31", 1, 0, 0, 0},
        {"Europe/Berlin", "2024-03-31", 2, 59, 0, "2024-03-31", 1, 0, 0, 0},
        {"Europe/Berlin", "2024-03-31", 3, 0, 1, "2024-03-31", 1, 0, 0, 0},
        {"Europe/Berlin", "2024-10-27", 1, 59, 1, "2024-10-26", 23, 59, 0, 0},
        {"Europe/Berlin", "2024-10-27", 2, 0, 2, "2024-10-27", 0, 0, 1, 0},
        {"Europe/Berlin", "2024-10-27", 2, 59, 2, "2024-10-27", 0, 59, 1, 59},
        {"Europe/Berlin", "2024-10-27", 3, 0, 1, "2024-10-27", 2, 0, 0, 0},
        {"America/St_Johns", "2006-10-29", 0, 0, 2, "2006-10-29", 2, 30, 3, 30},
        {"Australia/Lord_Howe", "2024-04-07", 1, 30, 2, "2024-04-06", 14, 30, 15, 0},
        {"Pacific/Apia", "2011-12-30", 0, 0, 0, "2011-12-30", 10, 0, 0, 0},
        {"Pacific/Apia", "2011-12-30", 23, 59, 0, "2011-12-30", 10, 0, 0, 0},
        {"America/Sao_Paulo", "2018-11-04", 0, 0, 0, "2018-11-04", 3, 0, 0, 0},
        {"Europe/Berlin", "9999-10-31", 2, 30, 2, "9999-10-31", 0, 30, 1, 30},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct zone *z = zone_of_system(cases[i].zone);
        int64_t local_s = seconds_of(cases[i].date, cases[i].hour, cases[i].minute), at_s[2] = {0, 0};
        int64_t first_s = seconds_of(cases[i].first_date, cases[i].first_hour, cases[i].first_minute);
        size_t n = zone_instants(z, local_s, at_s);
        cr_expect_eq(n, cases[i].n, "case %zu: %zu", i, n);
        cr_expect_eq(zone_first_at(z, local_s), first_s, "case %zu: %ld", i, (long)zone_first_at(z, local_s));
        cr_expect(n == 0 || at_s[0] == first_s, "case %zu", i);
        cr_expect(n < 2 || at_s[1] == seconds_of(cases[i].first_date, cases[i].second_hour, cases[i].second_minute), "case %zu", i);
        zone_free(z);
    }
}

Test(plan_zone, spans_cover_all_time)
{
    static const char *const names[] = {"UTC", "Europe/Berlin", "Europe/Dublin", "Asia/Gaza", "Africa/Casablanca", "America/St_Johns",
                                        "Australia/Lord_Howe", "Pacific/Apia", "Antarctica/Troll", "Asia/Tokyo"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct zone *z = zone_of_system(names[i]);
        zone_check_spans(z, INT64_MIN, seconds_of("9999-12-31", 0, 0));
        cr_expect_eq(zone_span_at(z, INT64_MIN).from_s, INT64_MIN);
        cr_expect_eq(zone_span_at(z, INT64_MAX).until_s, INT64_MAX, "%s", names[i]);
        /* The ends of time are no place for a clock, but answers come. */
        int64_t at_s[2];
        cr_expect(zone_instants(z, INT64_MIN, at_s) <= 2 && zone_instants(z, INT64_MAX, at_s) <= 2);
        cr_expect(zone_first_at(z, INT64_MIN) < zone_first_at(z, INT64_MAX));
        zone_free(z);
    }
}

/* The Gregorian calendar comes again after 146,097 days; a period and its repetitions are different code. */
Test(plan_zone, four_hundred_years)
{
    struct zone *z = zone_of_system("Europe/Berlin");
    const int64_t period_s = INT64_C(146097) * 86400;
    for (int64_t at_s = seconds_of("2100-01-01", 0, 0); at_s < seconds_of("2140-01-01", 0, 0); at_s += 7 * HOUR_S) {
        struct zone_span a = zone_span_at(z, at_s);
        for (int64_t k = 1; k <= 19; k += 6) {
            struct zone_span b = zone_span_at(z, at_s + k * period_s);
            cr_assert(b.offset_s == a.offset_s && b.from_s == a.from_s + k * period_s && b.until_s == a.until_s + k * period_s);
        }
    }
    zone_free(z);
}

Test(plan_zone, utc)
{
    struct zone *z = zone_utc();
    int64_t at_s[2];
    cr_expect_str_eq(zone_name(z), "UTC");
    cr_expect_eq(zone_span_at(z, 0).offset_s, 0);
    cr_expect(zone_instants(z, 77, at_s) == 1 && at_s[0] == 77 && zone_first_at(z, 77) == 77);
    zone_free(z);
}

/* --- rules ------------------------------------------------------------------------------------------------------------- */

Test(plan_zone, rules)
{
    static const struct { const char *footer, *date; int hour, minute; int32_t offset_s; } cases[] = {   /* instants: UTC */
        {"UTC0", "2024-07-01", 0, 0, 0},
        {"EST5", "2024-07-01", 0, 0, -5 * HOUR_S},
        {"<+03>-3", "2024-07-01", 0, 0, 3 * HOUR_S},
        {"<-0330>3:30", "2024-07-01", 0, 0, -12600},
        {"LMT-0:53:28", "2024-07-01", 0, 0, 3208},
        {"ABC+24:59:59", "2024-07-01", 0, 0, -89999},
        {"EST5EDT,M3.2.0,M11.1.0", "2024-03-10", 6, 59, -5 * HOUR_S},     {"EST5EDT,M3.2.0,M11.1.0", "2024-03-10", 7, 0, -4 * HOUR_S},
        {"EST5EDT,M3.2.0,M11.1.0", "2024-11-03", 5, 59, -4 * HOUR_S},     {"EST5EDT,M3.2.0,M11.1.0", "2024-11-03", 6, 0, -5 * HOUR_S},
        {"NZST-12NZDT,M9.5.0,M4.1.0/3", "2024-01-01", 0, 0, 13 * HOUR_S}, {"NZST-12NZDT,M9.5.0,M4.1.0/3", "2024-07-01", 0, 0, 12 * HOUR_S},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2024-07-01", 0, 0, 1 * HOUR_S},   {"IST-1GMT0,M10.5.0,M3.5.0/1", "2024-01-01", 0, 0, 0},
        /* The last Sunday is the fourth or the fifth. */
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2024-03-31", 0, 59, HOUR_S},      {"CET-1CEST,M3.5.0,M10.5.0/3", "2024-03-31", 1, 0, 2 * HOUR_S},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2027-03-28", 0, 59, HOUR_S},      {"CET-1CEST,M3.5.0,M10.5.0/3", "2027-03-28", 1, 0, 2 * HOUR_S},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2024-10-27", 0, 59, 2 * HOUR_S},  {"CET-1CEST,M3.5.0,M10.5.0/3", "2024-10-27", 1, 0, HOUR_S},
        /* J60 is 1 March in every year, 59 is 29 February in a leap year. */
        {"AAA0BBB,J60/0,J300/0", "2024-02-29", 23, 59, 0},                {"AAA0BBB,J60/0,J300/0", "2024-03-01", 0, 0, HOUR_S},
        {"AAA0BBB,J60/0,J300/0", "2023-02-28", 23, 59, 0},                {"AAA0BBB,J60/0,J300/0", "2023-03-01", 0, 0, HOUR_S},
        {"AAA0BBB,J59/0,J300/0", "2024-02-28", 0, 0, HOUR_S},             {"AAA0BBB,59/0,300/0", "2024-02-28", 23, 59, 0},
        {"AAA0BBB,59/0,300/0", "2024-02-29", 0, 0, HOUR_S},               {"AAA0BBB,59/0,300/0", "2023-03-01", 0, 0, HOUR_S},
        {"AAA0BBB,0/0,100/0", "2024-01-01", 0, 0, HOUR_S},                {"AAA0BBB,0/0,100/0", "2023-12-31", 23, 59, 0},
        {"AAA0BBB,M2.1.0/0,365/0", "2024-12-30", 22, 59, HOUR_S},         {"AAA0BBB,M2.1.0/0,365/0", "2024-12-30", 23, 0, 0},
        {"AAA0BBB,M2.1.0/0,365/0", "2024-12-31", 0, 0, 0},
        /* Times before the day and days after it; 50 h after Thursday 24 October is Saturday 2:00. */
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2024-03-31", 0, 59, -2 * HOUR_S}, {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2024-03-31", 1, 0,
                                                                                -1 * HOUR_S},
        {"EET-2EEST,M3.4.4/50,M10.4.4/50", "2024-10-25", 22, 59, 3 * HOUR_S},  {"EET-2EEST,M3.4.4/50,M10.4.4/50", "2024-10-25", 23, 0,
                                                                                2 * HOUR_S},
        {"EET-2EEST,M3.4.4/50,M10.4.4/50", "2024-10-26", 0, 0, 2 * HOUR_S},
        {"AAA0BBB,J1/-167,J100/0", "2023-12-25", 0, 59, 0},               {"AAA0BBB,J1/-167,J100/0", "2023-12-25", 1, 0, HOUR_S},
        {"AAA0BBB,J100/0,J365/167", "2024-01-06", 21, 59, HOUR_S},        {"AAA0BBB,J100/0,J365/167", "2024-01-06", 22, 0, 0},
        {"AAA0BBB-2:30:30,J100/1:30:30,J200", "2024-04-10", 1, 31, 9030}, {"AAA0BBB-2:30:30,J100/1:30:30,J200", "2024-04-10", 1, 30, 0},
        /* Summer time all year, as RFC 9636 writes it. */
        {"XXX3EDT4,0/0,J365/23", "2024-01-01", 0, 0, -4 * HOUR_S},        {"XXX3EDT4,0/0,J365/23", "2024-12-31", 23, 0, -4 * HOUR_S},
        {"XXX3EDT4,0/0,J365/23", "2025-01-01", 3, 0, -4 * HOUR_S},        {"XXX3EDT4,0/0,J365/23", "2024-07-01", 0, 0, -4 * HOUR_S},
        {"AAA0BBB0,J60,J300", "2024-07-01", 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_error err = {0};
        struct zone *z = footer_zone(cases[i].footer, &err);
        cr_assert(z, "%s: %s", cases[i].footer, err.text);
        struct zone_span s = zone_span_at(z, seconds_of(cases[i].date, cases[i].hour, cases[i].minute));
        cr_expect_eq(s.offset_s, cases[i].offset_s, "%s at %s %d:%02d: %d", cases[i].footer, cases[i].date, cases[i].hour, cases[i].minute,
                     s.offset_s);
        zone_check_spans(z, INT64_MIN, seconds_of("3000-01-01", 0, 0));
        zone_free(z);
    }
}

Test(plan_zone, summer_all_year_is_one_span)
{
    struct bf_error err = {0};
    struct zone *z = footer_zone("XXX3EDT4,0/0,J365/23", &err);
    cr_assert(z, "%s", err.text);
    struct zone_span s = zone_span_at(z, 0);
    cr_expect(s.from_s == INT64_MIN && s.until_s == INT64_MAX && s.offset_s == -4 * HOUR_S);
    zone_free(z);
}

Test(plan_zone, rules_refused)
{
    static const char *const footers[] = {
        "U0", "UT0", "UTC", "UTC25", "UTC0:60", "UTC0:", "UTC0x", " UTC0", "UTC0 ", "<+03-3", "<>3", "<+3>", "5", "EST5EDT", "EST5EDT,",
        "EST5EDT,M3.2.0", "EST5EDT,M3.2.0,", "EST5EDT,M13.2.0,M11.1.0", "EST5EDT,M3.6.0,M11.1.0", "EST5EDT,M3.0.0,M11.1.0",
        "EST5EDT,M3.2.7,M11.1.0", "EST5EDT,M3.2,M11.1.0", "EST5EDT,J0,J100", "EST5EDT,J366,J100", "EST5EDT,366,100",
        "EST5EDT,M3.2.0/168,M11.1.0",
        "EST5EDT,M3.2.0/-168,M11.1.0", "EST5EDT,M3.2.0,M11.1.0/", "EST5EDT,M3.2.0,M11.1.0,", "EST5,M3.2.0,M11.1.0",
        "EST5EDT4x,M3.2.0,M11.1.0",
        "EST5EDT,0001,J100", "EST99999999999EDT", "AAA0BBB,J100/0,J100/1:30",
    };
    for (size_t i = 0; i < sizeof footers / sizeof *footers; i++) {
        struct bf_error err = {0};
        cr_expect_null(footer_zone(footers[i], &err), "%s", footers[i]);
        cr_expect(strstr(err.text, "time zone Test/Zone: it"), "%s: %s", footers[i], err.text);
    }
}

/* --- files ------------------------------------------------------------------------------------------------------------- */

/* Before the first transition type 0 holds, after the last one the footer, without a footer the last type. */
Test(plan_zone, transitions)
{
    struct tzif t = {.version = '2', .n_times = 3, .n_types = 3, .times = {-100000, 0, 500000}, .indices = {1, 1, 2},
                     .offsets = {60, 120, 180}, .footer = ""};
    for (int form = 0; form < 3; form++) {
        static const char versions[] = {'\0', '2', '3'};
        static const char *const footers[] = {"", "", "ABC-2"};
        static const int32_t last[] = {180, 180, 2 * HOUR_S};
        struct bf_error err = {0};
        t.version = versions[form];
        t.footer = footers[form];
        struct zone *z = tzif_zone(&t, &err);
        cr_assert(z, "%s", err.text);
        struct zone_span before = zone_span_at(z, -100001), middle = zone_span_at(z, 3), after = zone_span_at(z, 500000);
        cr_expect(before.from_s == INT64_MIN && before.until_s == -100000 && before.offset_s == 60);
        cr_expect(middle.from_s == -100000 && middle.until_s == 500000 && middle.offset_s == 120, "the change to the same offset is none");
        cr_expect(after.from_s == 500000 && after.until_s == INT64_MAX && after.offset_s == last[form], "%d", after.offset_s);
        zone_free(z);
    }
}

/* A file for readers of version 1 says of 1970 to 2037 what the whole file says. */
Test(plan_zone, version_1)
{
    struct bf_buf b = {0};
    struct bf_error err = {0};
    zone_bytes_of_system("Europe/Berlin", &b);
    struct zone *whole = zone_parse("whole", b.data, b.len, &err);
    b.data[4] = '\0';
    struct zone *first = zone_parse("first", b.data, b.len, &err);
    cr_assert(whole && first, "%s", err.text);
    size_t changes = 0;
    if (zone_span_at(first, 0).until_s != INT64_MAX)       /* a slim file has an empty first block */
        for (int64_t at_s = 0; at_s < seconds_of("2037-12-31", 0, 0); at_s = zone_span_at(whole, at_s).until_s, changes++)
            cr_assert_eq(zone_span_at(first, at_s).offset_s, zone_span_at(whole, at_s).offset_s);
    cr_expect(changes == 0 || changes > 100);
    zone_free(whole);
    zone_free(first);
    bf_buf_free(&b);
}

Test(plan_zone, files_refused)
{
    static const struct tzif good = {.version = '2', .n_times = 2, .n_types = 2, .times = {0, 5000000}, .indices = {1, 0},
                                     .offsets = {0, HOUR_S}, .footer = "UTC0"};
    enum { V2 = 44 + 2 * 5 + 2 * 6 + 4 };                  /* where the second header begins */
    static const struct { size_t at; uint8_t byte; const char *said; } cases[] = {
        {0, 'X', "does not begin"}, {4, '1', "version"}, {V2, 'X', "does not begin"}, {V2 + 4, 'x', "version"},
        {V2 + 23, 1, "contradict"}, {V2 + 27, 1, "contradict"}, {V2 + 31, 1, "shorter"},
        {V2 + 43, 5, "cut off in its footer"},             /* one more byte is counted, so the footer begins a byte late */
        {V2 + 28, 0x80, "shorter"}, {V2 + 32, 0xff, "shorter"}, {V2 + 36, 0xff, "shorter"}, {V2 + 40, 0xff, "shorter"},
        {32, 0x7f, "shorter"}, {V2 + 44, 0x7f, "out of order"}, {V2 + 44 + 16, 2, "type that is not there"},
        {V2 + 44 + 18, 0x7f, "more than a day"}, {V2 + 44 + 18, 0x80, "more than a day"}, {V2 + 44 + 18 + 4, 2, "malformed"},
        {V2 + 44 + 18 + 5, 4, "malformed"},
    };
    struct bf_buf b = {0};
    tzif_write(&good, &b);
    struct zone *z = zone_parse("Test/Zone", b.data, b.len, NULL);
    cr_assert(z);
    zone_free(z);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_error err = {0};
        tzif_write(&good, &b);
        b.data[cases[i].at] = cases[i].byte;
        cr_expect_null(zone_parse("Test/Zone", b.data, b.len, &err), "case %zu", i);
        cr_expect(strstr(err.text, cases[i].said) && strstr(err.text, "Test/Zone"), "case %zu: %s", i, err.text);
    }
    bf_buf_free(&b);
}

Test(plan_zone, contents_refused)
{
    static const struct { struct tzif t; const char *said; } cases[] = {
        {{.version = '2', .n_types = 0, .footer = "UTC0"}, "no local time type"},
        {{.version = '\0', .n_types = 0}, "no local time type"},
        {{.version = '2', .n_times = 2, .n_types = 1, .times = {7, 7}, .footer = ""}, "out of order"},
        {{.version = '2', .n_times = 2, .n_types = 1, .times = {7, 6}, .footer = ""}, "out of order"},
        {{.version = '2', .n_times = 2, .n_types = 2, .times = {0, 3599}, .indices = {1, 0}, .offsets = {0, 60}, .footer = ""},
         "twice within an hour"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_error err = {0};
        cr_expect_null(tzif_zone(&cases[i].t, &err), "case %zu", i);
        cr_expect(strstr(err.text, cases[i].said), "case %zu: %s", i, err.text);
    }
    struct bf_error err = {0};
    static const char name[] = "Area/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    cr_expect_null(zone_parse(name, "TZif", 4, &err));
    cr_expect_eq(err.rc, BF_LIMIT);
    char *large = calloc(1, ZONE_FILE_MAX_BYTES + 1);
    cr_expect_null(zone_parse("Large", large, ZONE_FILE_MAX_BYTES + 1, &err));
    cr_expect_eq(err.rc, BF_LIMIT);
    free(large);
}

Test(plan_zone, leap_seconds_refused)
{
    struct bf_error err = {0};
    struct bf_buf b = {0};
    const struct tzif t = {.version = '\0', .n_types = 1};
    tzif_write(&t, &b);
    b.data[31] = 1;
    bf_buf_put(&b, "\0\0\0\7\0\0\0\1", 8);
    cr_expect_null(zone_parse("right/Test", b.data, b.len, &err));
    cr_expect(strstr(err.text, "leap seconds") && strstr(err.text, "right/Test"), "%s", err.text);
    bf_buf_free(&b);
}

/* No file that is cut off is a file; each copy has the very size, so that a reader beyond it shows under the sanitizers. */
Test(plan_zone, cut_off_anywhere)
{
    static const char *const names[] = {"Europe/Berlin", "Asia/Gaza", "UTC", "Australia/Lord_Howe"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct bf_buf b = {0};
        zone_bytes_of_system(names[i], &b);
        for (size_t n = 0; n < b.len; n++) {
            struct bf_error err = {0};
            char *copy = malloc(n ? n : 1);
            memcpy(copy, b.data, n);
            cr_assert_null(zone_parse(names[i], copy, n, &err), "%s, %zu bytes", names[i], n);
            cr_assert(strstr(err.text, names[i]), "%s", err.text);
            free(copy);
        }
        bf_buf_free(&b);
    }
}

/* Whatever a damaged file is taken for, it has a sound clock. */
Test(plan_zone, every_bit_flipped)
{
    static const struct tzif small = {.version = '2', .n_times = 3, .n_types = 3, .times = {-3000000, 0, 1000000000}, .indices = {1, 2, 1},
                                      .offsets = {-2670, HOUR_S, 2 * HOUR_S}, .footer = "CET-1CEST,M3.5.0,M10.5.0/3"};
    size_t refused = 0, taken = 0;
    struct bf_buf b = {0};
    tzif_write(&small, &b);
    for (size_t bit = 0; bit < b.len * 8; bit++) {
        struct bf_error err = {0};
        b.data[bit / 8] = (uint8_t)(b.data[bit / 8] ^ 1u << bit % 8);
        struct zone *z = zone_parse("Test/Zone", b.data, b.len, &err);
        refused += !z;
        taken += z != NULL;
        cr_assert(z || strstr(err.text, "Test/Zone"), "bit %zu: %s", bit, err.text);
        if (z) {
            int64_t at_s[2];
            zone_check_spans(z, INT64_MIN, seconds_of("2500-01-01", 0, 0));
            for (int64_t local_s = -4000000; local_s < 4000000; local_s += 7919)
                for (size_t i = 0, n = zone_instants(z, local_s, at_s); i < n; i++)
                    cr_assert_eq(at_s[i] + zone_span_at(z, at_s[i]).offset_s, local_s);
        }
        zone_free(z);
        b.data[bit / 8] = (uint8_t)(b.data[bit / 8] ^ 1u << bit % 8);
    }
    cr_expect(refused > 500 && taken > 500, "%zu refused, %zu taken", refused, taken);
    bf_buf_free(&b);
}

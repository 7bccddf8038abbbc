/* Words for stretches of time: every form, what is no form, and the hours that a clock shows twice or never. */
#include <criterion/criterion.h>
#include <string.h>

#include "plan/span.h"
#include "zone_fixture.h"

enum { HOUR_S = 3600, DAY_S = 86400 };

Test(plan_span, forms)
{
    static const struct { const char *zone, *word; enum plan_grain g; const char *date; int hour, minute; int64_t seconds; } cases[] =
        {   /* UTC */
        {"UTC", "2024-01-31T05", PLAN_HOUR, "2024-01-31", 5, 0, HOUR_S},                {"UTC", "2024-01-31T05Z", PLAN_HOUR, "2024-01-31",
                                                                                         5, 0, HOUR_S},
        {"UTC", "2024-01-31T05:00", PLAN_HOUR, "2024-01-31", 5, 0, HOUR_S},             {"UTC", "2024-01-31T05:00:00", PLAN_HOUR,
                                                                                         "2024-01-31", 5, 0, HOUR_S},
        {"UTC", "2024-01-31T05:00:00Z", PLAN_HOUR, "2024-01-31", 5, 0, HOUR_S},         {"UTC", "2024-01-31T05+00:00", PLAN_HOUR,
                                                                                         "2024-01-31", 5, 0, HOUR_S},
        {"UTC", "2024-01-31T23:00-0000", PLAN_HOUR, "2024-01-31", 23, 0, HOUR_S},
        {"Europe/Berlin", "2024-01-31T05", PLAN_HOUR, "2024-01-31", 4, 0, HOUR_S},      {"Europe/Berlin", "2024-01-31T05+01:00", PLAN_HOUR,
                                                                                         "2024-01-31", 4, 0, HOUR_S},
        {"Europe/Berlin", "2024-01-31T05:00+0100", PLAN_HOUR, "2024-01-31", 4, 0, HOUR_S},
        {"Europe/Berlin", "2024-10-27T02+02:00", PLAN_HOUR, "2024-10-27", 0, 0, HOUR_S}, {"Europe/Berlin", "2024-10-27T02+01:00", PLAN_HOUR,
                                                                                          "2024-10-27", 1, 0, HOUR_S},
        {"Europe/Berlin", "2024-10-27T01", PLAN_HOUR, "2024-10-26", 23, 0, HOUR_S},     {"Europe/Berlin", "2024-10-27T03", PLAN_HOUR,
                                                                                         "2024-10-27", 2, 0, HOUR_S},
        {"Europe/Berlin", "9999-12-31T23", PLAN_HOUR, "9999-12-31", 22, 0, HOUR_S},
        {"Australia/Lord_Howe", "2024-10-06T02", PLAN_HOUR, "2024-10-05", 15, 30, 1800}, {"Australia/Lord_Howe", "2024-04-07T01+10:30",
                                                                                          PLAN_HOUR, "2024-04-06", 15, 0, 1800},
        {"America/St_Johns", "2006-10-29T00-02:30", PLAN_HOUR, "2006-10-29", 2, 30, 60}, {"Africa/Monrovia", "1972-01-01T00-00:44:30",
                                                                                          PLAN_HOUR, "1972-01-01", 0, 44, HOUR_S},
        {"Africa/Monrovia", "1972-01-01T00-004430", PLAN_HOUR, "1972-01-01", 0, 44, HOUR_S},
        {"Europe/Berlin", "2024-03-31", PLAN_DAY, "2024-03-30", 23, 0, 23 * HOUR_S},    {"Europe/Berlin", "2024-10-27", PLAN_DAY,
                                                                                         "2024-10-26", 22, 0, 25 * HOUR_S},
        {"America/Sao_Paulo", "2018-11-04", PLAN_DAY, "2018-11-04", 3, 0, 23 * HOUR_S}, {"America/Sao_Paulo", "2018-02-17", PLAN_DAY,
                                                                                         "2018-02-17", 2, 0, 25 * HOUR_S},
        {"UTC", "0001-01-01", PLAN_DAY, "0001-01-01", 0, 0, DAY_S},                     {"UTC", "9999-12-31", PLAN_DAY, "9999-12-31", 0, 0,
                                                                                         DAY_S},
        {"UTC", "2024-W05", PLAN_WEEK, "2024-01-29", 0, 0, 7 * DAY_S},                  {"UTC", "2020-W53", PLAN_WEEK, "2020-12-28", 0, 0,
                                                                                         7 * DAY_S},
        {"UTC", "2025-W01", PLAN_WEEK, "2024-12-30", 0, 0, 7 * DAY_S},                  {"UTC", "0001-W01", PLAN_WEEK, "0001-01-01", 0, 0,
                                                                                         7 * DAY_S},
        {"UTC", "9999-W52", PLAN_WEEK, "9999-12-27", 0, 0, 7 * DAY_S},                  {"Pacific/Apia", "2011-W52", PLAN_WEEK,
                                                                                         "2011-12-26", 10, 0, 6 * DAY_S},
        {"UTC", "2024-02", PLAN_MONTH, "2024-02-01", 0, 0, 29 * DAY_S},                 {"Pacific/Apia", "2011-12", PLAN_MONTH,
                                                                                         "2011-12-01", 10, 0, 30 * DAY_S},
        {"UTC", "0001-01", PLAN_MONTH, "0001-01-01", 0, 0, 31 * DAY_S},                 {"UTC", "9999-12", PLAN_MONTH, "9999-12-01", 0, 0,
                                                                                         31 * DAY_S},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct zone *z = zone_of_system(cases[i].zone);
        struct plan_span s = {0};
        cr_assert_eq(plan_span_parse(z, cases[i].word, &s), PLAN_SPAN_OK, "%s", cases[i].word);
        int64_t from_s = seconds_of(cases[i].date, cases[i].hour, cases[i].minute);
        from_s += strncmp(cases[i].zone, "Africa/Monrovia", 15) == 0 ? 30 : 0;
        cr_expect_eq(s.grain, cases[i].g, "%s", cases[i].word);
        cr_expect_eq(s.from_s, from_s, "%s: %ld", cases[i].word, (long)(s.from_s - from_s));
        cr_expect_eq(s.until_s - s.from_s, cases[i].seconds, "%s: %ld", cases[i].word, (long)(s.until_s - s.from_s));
        zone_free(z);
    }
}

Test(plan_span, malformed)
{
    static const char *const words[] = {
        "", " ", "2024", "2024-", "2024-1", "2024-13", "2024-00", "0000-01", "0000-01-01", "10000-01-01", "-2024-01-01", "+2024-01",
            "2024-02-30",
        "2023-02-29", "2024-01-00", "2024-01-32", "2024-1-1", "2024-01-1", "2024/01/01", "20240101", "2024-01-01 ", " 2024-01-01",
        "2024-01-01x",
        "2024-W00", "2024-W53", "2024-W54", "2024-W5", "2024-w05", "2024W05", "2024-W05-1", "0000-W01", "2024-01-31T", "2024-01-31T5",
        "2024-01-31T24",
        "2024-01-31t05", "2024-01-31 05", "2024-01-31T05:", "2024-01-31T05:0", "2024-01-31T05:01", "2024-01-31T05:30",
        "2024-01-31T05:00:01",
        "2024-01-31T05:00:00:00", "2024-01-31T05:00:00.0", "2024-01-31T05z", "2024-01-31T05ZZ", "2024-01-31T05+", "2024-01-31T05+1",
        "2024-01-31T05+01",
        "2024-01-31T05+01:", "2024-01-31T05+01:0", "2024-01-31T05+01:60", "2024-01-31T05+99:00", "2024-01-31T05+01:00Z",
        "2024-01-31T05+01:0000",
        "2024-01-31T05+0100:00", "2024-02-30T05", "2024-W05T05", "2024-01T05", "today", "2024-01-31T05+01:00:60",
        "\xd9\xa2\xd9\xa0\xd9\xa2\xd9\xa4-01-01",
    };
    struct zone *z = zone_utc();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct plan_span s = {.from_s = 4711};
        cr_expect_eq(plan_span_parse(z, words[i], &s), PLAN_SPAN_MALFORMED, "%s", words[i]);
        cr_expect_eq(s.from_s, 4711, "untouched");
    }
    zone_free(z);
}

Test(plan_span, missing)
{
    static const struct { const char *zone, *word; } cases[] = {
        {"Europe/Berlin", "2024-03-31T02"}, {"Europe/Berlin", "2024-03-31T02:00"}, {"Europe/Berlin", "2024-03-31T02+01:00"},
        {"Europe/Berlin", "2024-03-31T02+02:00"},
        {"Europe/Berlin", "2024-01-31T05Z"}, {"Europe/Berlin", "2024-01-31T05+02:00"}, {"Europe/Berlin", "2024-10-27T02Z"},
        {"Europe/Berlin", "2024-10-27T01+01:00"},
        {"Europe/Berlin", "2024-10-27T03+02:00"}, {"UTC", "2024-01-31T05+01:00"}, {"UTC", "2024-01-31T05-00:00:01"},
        {"Pacific/Apia", "2011-12-30"},
        {"Pacific/Apia", "2011-12-30T00"}, {"Pacific/Apia", "2011-12-30T23+14:00"}, {"America/Sao_Paulo", "2018-11-04T00"},
        {"Australia/Lord_Howe", "2024-10-06T02+10:30"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct zone *z = zone_of_system(cases[i].zone);
        struct plan_span s = {.from_s = 4711};
        cr_expect_eq(plan_span_parse(z, cases[i].word, &s), PLAN_SPAN_MISSING, "%s %s", cases[i].zone, cases[i].word);
        cr_expect_eq(s.from_s, 4711, "untouched");
        zone_free(z);
    }
}

Test(plan_span, ambiguous)
{
    static const struct { const char *zone, *word; int32_t first_s, second_s; } cases[] = {
        {"Europe/Berlin", "2024-10-27T02", 2 * HOUR_S, 1 * HOUR_S},       {"Europe/Berlin", "2024-10-27T02:00:00", 2 * HOUR_S, 1 * HOUR_S},
        {"America/New_York", "2024-11-03T01", -4 * HOUR_S, -5 * HOUR_S},  {"Australia/Lord_Howe", "2024-04-07T01", 39600, 37800},
        {"America/St_Johns", "2006-10-28T23", -9000, -12600},             {"America/St_Johns", "2006-10-29T00", -9000, -12600},
        {"Europe/Berlin", "9999-10-31T02", 2 * HOUR_S, 1 * HOUR_S},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct zone *z = zone_of_system(cases[i].zone);
        struct plan_span s = {.from_s = 4711};
        cr_assert_eq(plan_span_parse(z, cases[i].word, &s), PLAN_SPAN_AMBIGUOUS, "%s %s", cases[i].zone, cases[i].word);
        cr_expect(s.grain == PLAN_HOUR && s.offset_s[0] == cases[i].first_s && s.offset_s[1] == cases[i].second_s, "%s: %d, %d",
                  cases[i].word, s.offset_s[0], s.offset_s[1]);
        cr_expect_eq(s.from_s, 4711, "untouched");
        zone_free(z);
    }
}

/* A partition's key is a word for just that partition. */
Test(plan_span, keys)
{
    static const char *const zones[] = {"Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Monrovia"};
    static const char *const years[] = {"2024-01-01", "2006-01-01", "2024-01-01", "2011-06-01", "1971-06-01"};
    for (size_t k = 0; k < sizeof zones / sizeof *zones; k++) {
        struct zone *z = zone_of_system(zones[k]);
        int64_t from_s = zone_first_at(z, seconds_of(years[k], 0, 0));
        for (enum plan_grain g = PLAN_HOUR; g < PLAN_GRAIN_COUNT; g++) {
            struct plan_partitions p;
            plan_partitions_build(g, z, from_s, from_s + 366 * (int64_t)DAY_S, &p);
            for (uint32_t i = 0; i < p.n; i++) {
                char key[PLAN_KEY_MAX];
                struct plan_span s = {0};
                plan_partition_key(&p, i, key);
                cr_assert_eq(plan_span_parse(z, key, &s), PLAN_SPAN_OK, "%s %s", zones[k], key);
                cr_assert(s.grain == g && s.from_s == p.start_s[i] && s.until_s == p.start_s[i + 1], "%s %s", zones[k], key);
            }
            plan_partitions_done(&p);
        }
        zone_free(z);
    }
}

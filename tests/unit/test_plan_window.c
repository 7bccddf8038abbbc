/* Windows on the clocks of real zones: nights of 7, 8 and 9 hours, times that the clock leaves out or shows twice, days of dates; what
 * overlaps; freezes and the stretches between them; and every answer against one that looks at each minute. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/civil.h"
#include "common/prng.h"
#include "plan/plan.h"
#include "plan/window.h"
#include "zone_fixture.h"

enum { HOUR_S = 3600, MINUTE_S = 60 };

static int32_t day_of(const char *date)
{
    struct bf_date d;
    cr_assert(bf_parse_date(date, &d));
    return bf_days_from_date(d);
}

static int32_t clock_s(int hour, int minute)
{
    return hour * HOUR_S + minute * MINUTE_S;
}

static struct plan_window window(int32_t from_s, int32_t to_s, uint32_t percent)
{
    return (struct plan_window){.name = (char *)(uintptr_t)"w", .pool = PLAN_NO_INDEX, .days = PLAN_EVERY_DAY, .from_s = from_s,
                                .to_s = to_s, .budget = percent * 10000};
}

static struct plan_windows of(const struct plan_window *w, size_t n, const struct zone *z)
{
    return (struct plan_windows){.at = w, .n = n, .pool = PLAN_NO_INDEX, .zone = z};
}

/* The one stretch that begins on a day: instants are UTC. */
Test(plan_window, stretches_on_real_clocks)
{
    static const struct {
        const char *zone; int from_h, from_m, to_h, to_m; const char *date;
        const char *begins; int begin_h, begin_m; const char *ends; int end_h, end_m;
    } cases[] = {
        {"UTC", 8, 0, 19, 0, "2024-06-03", "2024-06-03", 8, 0, "2024-06-03", 19, 0},
        {"UTC", 22, 0, 6, 0, "2024-06-03", "2024-06-03", 22, 0, "2024-06-04", 6, 0},
        {"UTC", 22, 0, 24, 0, "2024-06-03", "2024-06-03", 22, 0, "2024-06-04", 0, 0},
        {"UTC", 22, 0, 0, 0, "2024-06-03", "2024-06-03", 22, 0, "2024-06-04", 0, 0},
        {"Europe/Berlin", 8, 0, 19, 0, "2024-06-03", "2024-06-03", 6, 0, "2024-06-03", 17, 0},
        /* A night of seven hours, and one of nine. */
        {"Europe/Berlin", 22, 0, 6, 0, "2024-03-30", "2024-03-30", 21, 0, "2024-03-31", 4, 0},
        {"Europe/Berlin", 22, 0, 6, 0, "2024-10-26", "2024-10-26", 20, 0, "2024-10-27", 5, 0},
        /* The clock goes from 02:00 to 03:00. */
        {"Europe/Berlin", 2, 30, 5, 0, "2024-03-31", "2024-03-31", 1, 0, "2024-03-31", 3, 0},
        {"Europe/Berlin", 1, 0, 2, 30, "2024-03-31", "2024-03-31", 0, 0, "2024-03-31", 1, 0},
        {"Europe/Berlin", 1, 0, 4, 0, "2024-03-31", "2024-03-31", 0, 0, "2024-03-31", 2, 0},
        /* It shows 02:00 to 03:00 twice: from the first time on, until the last. */
        {"Europe/Berlin", 2, 30, 4, 0, "2024-10-27", "2024-10-27", 0, 30, "2024-10-27", 3, 0},
        {"Europe/Berlin", 1, 0, 2, 30, "2024-10-27", "2024-10-26", 23, 0, "2024-10-27", 1, 30},
        {"Europe/Berlin", 0, 0, 24, 0, "2024-10-27", "2024-10-26", 22, 0, "2024-10-27", 23, 0},
        {"Europe/Berlin", 0, 0, 24, 0, "2024-03-31", "2024-03-30", 23, 0, "2024-03-31", 22, 0},
        {"Asia/Kathmandu", 9, 15, 17, 45, "2024-06-03", "2024-06-03", 3, 30, "2024-06-03", 12, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct zone *z = strcmp(cases[i].zone, "UTC") == 0 ? zone_utc() : zone_of_system(cases[i].zone);
        struct plan_window w = window(clock_s(cases[i].from_h, cases[i].from_m), clock_s(cases[i].to_h, cases[i].to_m), 20);
        struct plan_window_dates day = {day_of(cases[i].date), day_of(cases[i].date)};
        w.dates = &day;
        w.n_dates = 1;
        struct plan_windows all = of(&w, 1, z);
        int64_t begins_s = seconds_of(cases[i].begins, cases[i].begin_h, cases[i].begin_m);
        int64_t ends_s = seconds_of(cases[i].ends, cases[i].end_h, cases[i].end_m);
        struct plan_budget before = plan_budget_at(&all, begins_s - 86400), in = plan_budget_at(&all, begins_s);
        struct plan_budget after = plan_budget_at(&all, ends_s);
        cr_expect_eq(before.until_s, begins_s, "case %zu: %ld", i, (long)(before.until_s - begins_s));
        cr_expect_eq(in.until_s, ends_s, "case %zu: %ld", i, (long)(in.until_s - ends_s));
        cr_expect(in.budget == 200000 && in.window == 0, "case %zu", i);
        cr_expect(before.window == PLAN_NO_WINDOW && after.budget == PLAN_WHOLE_BUDGET, "case %zu", i);
        cr_expect_eq(plan_budget_at(&all, begins_s - 1).window, PLAN_NO_WINDOW, "case %zu", i);
        cr_expect_eq(plan_budget_at(&all, ends_s - 1).window, 0u, "case %zu", i);
        cr_expect_eq(after.until_s, INT64_MAX, "case %zu", i);
        cr_expect(plan_window_opens(&w, z, ends_s - 1) && !plan_window_opens(&w, z, ends_s), "case %zu", i);
        zone_free(z);
    }
}

Test(plan_window, a_window_that_the_clock_leaves_out_does_not_open)
{
    struct zone *z = zone_of_system("Europe/Berlin"), *samoa = zone_of_system("Pacific/Apia");
    struct plan_window w = window(clock_s(2, 10), clock_s(2, 50), 0);
    struct plan_window_dates day = {day_of("2024-03-31"), day_of("2024-03-31")};
    w.dates = &day;
    w.n_dates = 1;
    cr_expect(!plan_window_opens(&w, z, INT64_MIN));
    day = (struct plan_window_dates){day_of("2011-12-30"), day_of("2011-12-30")};        /* a day that Samoa never had */
    w.from_s = 0;
    w.to_s = 86400;
    cr_expect(!plan_window_opens(&w, samoa, INT64_MIN));
    zone_free(z);
    zone_free(samoa);
}

Test(plan_window, what_a_budget_leaves)
{
    static const struct { uint32_t n, percent, left; } cases[] = {
        {12, 20, 2}, {12, 100, 12}, {12, 0, 0}, {4, 20, 1}, {1, 1, 1}, {0, 50, 0}, {3, 67, 2}, {1000000, 99, 990000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(plan_budget_of(cases[i].n, cases[i].percent * 10000), cases[i].left, "case %zu", i);
    char text[PLAN_WINDOW_BUDGET_TEXT_MAX];
    plan_budget_text(125000, text);
    cr_expect_str_eq(text, "12.5%");
    plan_budget_text(0, text);
    cr_expect_str_eq(text, "0%");
    plan_budget_text(PLAN_WHOLE_BUDGET, text);
    cr_expect_str_eq(text, "100%");
    plan_budget_text(1, text);
    cr_expect_str_eq(text, "0.0001%");
}

Test(plan_window, freezes_and_what_lies_between)
{
    struct zone *z = zone_utc();
    struct plan_window w[] = {window(clock_s(6, 0), clock_s(20, 0), 0), window(clock_s(19, 0), clock_s(23, 0), 50)};
    struct plan_window_dates xmas = {day_of("2024-12-24"), day_of("2024-12-26")};
    int64_t night_s = seconds_of("2024-06-03", 22, 0);
    struct plan_windows all = of(w, 2, z);
    struct plan_freeze f = plan_freeze_after(&all, night_s);
    cr_expect_eq(f.from_s, seconds_of("2024-06-04", 6, 0));
    cr_expect_eq(f.window, 0u);
    cr_expect_eq(f.longest_s, 10 * HOUR_S);
    cr_expect_eq(plan_freeze_after(&all, seconds_of("2024-06-04", 7, 0)).from_s, seconds_of("2024-06-04", 7, 0), "it holds");
    cr_expect_eq(plan_freeze_free_at(&all, night_s, 8 * HOUR_S), night_s);
    cr_expect_eq(plan_freeze_free_at(&all, night_s, 9 * HOUR_S), seconds_of("2024-06-04", 20, 0));
    cr_expect_eq(plan_freeze_free_at(&all, night_s, 11 * HOUR_S), INT64_MAX);
    w[0] = window(0, 86400, 0);
    w[0].dates = &xmas;
    w[0].n_dates = 1;
    f = plan_freeze_after(&all, night_s);
    cr_expect_eq(f.from_s, seconds_of("2024-12-24", 0, 0), "days that follow on one another are one freeze");
    cr_expect_eq(f.longest_s, INT64_MAX);
    cr_expect_eq(plan_freeze_free_at(&all, f.from_s, 1), seconds_of("2024-12-27", 0, 0));
    cr_expect_eq(plan_freeze_after(&all, seconds_of("2025-01-01", 0, 0)).from_s, INT64_MAX);
    cr_expect(plan_windows_freeze(&all));
    cr_expect(!plan_windows_freeze(&(struct plan_windows){.at = w + 1, .n = 1, .zone = z}));
    zone_free(z);
}

/* However long it lasts: whole days by dates, by weekdays, under a peak that opens and closes every day behind it. */
Test(plan_window, the_end_of_what_lasts_long)
{
    static const struct { const char *first, *last, *ends; } cases[] = {
        {"2026-11-28", "2027-01-20", "2027-01-21"}, {"2026-11-28", "2027-06-15", "2027-06-16"}, {"2026-11-28", "2041-12-31", "2042-01-01"},
        {"0001-01-01", "9998-12-31", "9999-01-01"}, {"2026-11-28", "9999-12-31", NULL}, {"0001-01-01", "9999-12-31", NULL}};
    struct zone *z = zone_of_system("Europe/Berlin");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t peaks = 0; peaks < 2; peaks++) {
            struct plan_window w[] = {window(0, 86400, 0), window(clock_s(8, 0), clock_s(19, 0), 0)};
            struct plan_window_dates dates = {day_of(cases[i].first), day_of(cases[i].last)};
            w[0].dates = &dates;
            w[0].n_dates = 1;
            w[1].budget = peaks ? 200000 : PLAN_WHOLE_BUDGET;
            struct plan_windows all = of(w, 1 + peaks, z);
            int64_t at_s = seconds_of("2026-11-29", 0, 0), ends_s = INT64_MAX, local_s = 0;
            if (cases[i].ends) {
                local_s = (int64_t)day_of(cases[i].ends) * 86400;
                ends_s = zone_first_at(z, local_s);
            }
            struct plan_budget b = plan_budget_at(&all, at_s);
            cr_expect(b.window == 0 && b.budget == 0, "case %zu", i);
            cr_expect_eq(b.until_s, ends_s, "case %zu, %zu: %ld s", i, peaks, (long)(b.until_s - ends_s));
            struct plan_freeze f = plan_freeze_after(&all, at_s);
            cr_expect_eq(f.from_s, at_s, "case %zu", i);
            cr_expect_eq(f.longest_s, cases[i].ends ? INT64_MAX : 0, "case %zu: never free, or free for good", i);
        }
    zone_free(z);
}

/* A half for all of January, within it a fifth each day from 8 to 19 and nothing from 12 to 13. */
Test(plan_window, when_more_is_left_again)
{
    struct zone *z = zone_utc();
    struct plan_window w[] = {window(0, 86400, 0), window(clock_s(8, 0), clock_s(19, 0), 0), window(clock_s(12, 0), clock_s(13, 0), 0)};
    struct plan_window_dates january = {day_of("2027-01-01"), day_of("2027-01-31")};
    w[0].dates = &january;
    w[0].n_dates = 1;
    w[0].budget = 500000;
    w[1].budget = 200000;
    struct plan_windows all = of(w, 3, z);
    cr_expect_eq(plan_budget_rises_at(&all, seconds_of("2027-01-02", 0, 0)), seconds_of("2027-02-01", 0, 0), "no window within leaves more");
    cr_expect_eq(plan_budget_rises_at(&all, seconds_of("2027-01-02", 9, 0)), seconds_of("2027-01-02", 19, 0), "behind the freeze");
    cr_expect_eq(plan_budget_rises_at(&all, seconds_of("2027-01-02", 12, 30)), seconds_of("2027-01-02", 13, 0));
    cr_expect_eq(plan_budget_rises_at(&all, seconds_of("2027-02-02", 20, 0)), INT64_MAX, "there is no more than all");
    w[0].n_dates = 0;
    w[0].dates = NULL;
    cr_expect_eq(plan_budget_rises_at(&all, seconds_of("2027-01-02", 0, 0)), INT64_MAX, "a half for ever");
    zone_free(z);
}

Test(plan_window, whole_days_by_weekdays)
{
    struct zone *z = zone_utc();
    struct plan_window w = window(0, 86400, 20);
    struct plan_windows all = of(&w, 1, z);
    int64_t wednesday_s = seconds_of("2024-06-05", 12, 0);
    cr_expect_eq(plan_budget_at(&all, wednesday_s).until_s, INT64_MAX, "every day is for ever");
    w.days = 31;
    cr_expect_eq(plan_budget_at(&all, wednesday_s).until_s, seconds_of("2024-06-08", 0, 0), "monday to friday");
    w.days = 64 | 1;                             /* sunday and monday: over the turn of the week */
    cr_expect_eq(plan_budget_at(&all, seconds_of("2024-06-09", 12, 0)).until_s, seconds_of("2024-06-11", 0, 0));
    zone_free(z);
}

/* A freeze that another one hides for years, day after day, has the end of the longer one. */
Test(plan_window, a_long_freeze_behind_short_ones)
{
    struct zone *z = zone_utc();
    struct plan_window w[] = {window(clock_s(6, 0), clock_s(20, 0), 0), window(0, 86400, 0)};
    struct plan_window_dates years = {day_of("2024-01-01"), day_of("2027-12-31")};
    w[1].dates = &years;
    w[1].n_dates = 1;
    struct plan_windows all = of(w, 2, z);
    struct plan_freeze f = plan_freeze_after(&all, seconds_of("2024-06-03", 7, 0));
    cr_expect_eq(f.longest_s, 10 * HOUR_S, "the nights after it: %ld s", (long)f.longest_s);
    cr_expect_eq(plan_budget_at(&all, seconds_of("2024-06-03", 7, 0)).until_s, seconds_of("2024-06-03", 20, 0), "the first of equal ones");
    cr_expect_eq(plan_budget_at(&all, seconds_of("2024-06-03", 20, 0)).until_s, seconds_of("2024-06-04", 6, 0));
    zone_free(z);
}

/* ---- against every minute ---- */

static bool opens_on(const struct plan_window *w, int64_t day)
{
    for (size_t i = 0; i < w->n_dates; i++)
        if (day >= w->dates[i].first && day <= w->dates[i].last)
            return true;
    return w->n_dates == 0 && (w->days >> ((day + 3) % 7) & 1u);
}

/* Inside by the rule of window.h, from the table of what the clock shows at each minute. */
static bool is_inside(const struct plan_window *w, const struct zone *z, int64_t at_s)
{
    for (int64_t back = -2; back <= 2; back++) {
        int64_t day = bf_floor_div(at_s, 86400) + back;
        if (!opens_on(w, day))
            continue;
        int64_t from_s = day * 86400 + w->from_s, to_s = day * 86400 + w->to_s + (w->to_s <= w->from_s ? 86400 : 0);
        bool begun = false, over = true;
        for (int64_t t = at_s - 30 * HOUR_S; t <= at_s; t += 15 * MINUTE_S)
            begun |= t + zone_span_at(z, t).offset_s >= from_s;
        for (int64_t t = at_s; t <= at_s + 6 * HOUR_S; t += 15 * MINUTE_S)
            over &= t + zone_span_at(z, t).offset_s >= to_s;
        if (begun && !over)
            return true;
    }
    return false;
}

Test(plan_window, every_quarter_of_an_hour_against_a_look_at_the_clock, .timeout = 60)
{
    static const char *const zones[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"};
    static const char *const starts[] = {"2024-03-29", "2018-11-02", "2024-10-25", "2024-04-05", "2018-02-16", "2024-11-01"};
    struct bf_prng rng;
    bf_prng_seed(&rng, 7);
    for (int round = 0; round < 20; round++) {
        struct zone *z = zone_of_system(zones[bf_prng_below(&rng, 5)]);
        int64_t start_s = seconds_of(starts[bf_prng_below(&rng, 6)], 0, 0);
        struct plan_window w[3];
        struct plan_window_dates dates[3];
        size_t n = 1 + bf_prng_below(&rng, 3);
        for (size_t i = 0; i < n; i++) {
            int32_t from_s = (int32_t)bf_prng_below(&rng, 96) * 15 * MINUTE_S;
            int32_t length_s = (int32_t)(1 + bf_prng_below(&rng, 80)) * 15 * MINUTE_S;
            w[i] = window(from_s, (from_s + length_s) % 86400, (uint32_t)bf_prng_below(&rng, 4) * 25);
            w[i].days = (uint8_t)(1 + bf_prng_below(&rng, 127));
            int32_t first = (int32_t)(start_s / 86400 + (int64_t)bf_prng_below(&rng, 4));
            dates[i] = (struct plan_window_dates){first, first + (int32_t)bf_prng_below(&rng, 3)};
            w[i].dates = &dates[i];
            w[i].n_dates = bf_prng_below(&rng, 2);
        }
        struct plan_windows all = of(w, n, z);
        struct plan_budget held = plan_budget_at(&all, start_s);
        for (int64_t at_s = start_s; at_s < start_s + 4 * 86400; at_s += 15 * MINUTE_S) {
            uint32_t least = PLAN_WHOLE_BUDGET;
            for (size_t i = 0; i < n; i++)
                if (is_inside(&w[i], z, at_s) && w[i].budget < least)
                    least = w[i].budget;
            if (at_s >= held.until_s) {
                cr_expect_eq(at_s, held.until_s, "round %d: an edge is not on a quarter of an hour", round);
                held = plan_budget_at(&all, at_s);
            }
            cr_assert_eq(held.budget, least, "round %d in %s, %ld s: %u and %u", round, zone_name(z), (long)(at_s - start_s),
                         held.budget, least);
            cr_assert_eq(plan_budget_at(&all, at_s).budget, least);
            cr_assert_eq(plan_freeze_after(&all, at_s).from_s == at_s, least == 0);
        }
        zone_free(z);
    }
}

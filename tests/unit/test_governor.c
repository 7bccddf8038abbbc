/* The controller alone: bounds, cuts, the grace, work that is missing, failures, and readings that flap. */
#include <criterion/criterion.h>

#include "coordinator/engine/governor.h"

static const struct limit_bounds bounds = {.algorithm = THROTTLE_GRADIENT, .floor = 2, .ceiling = 12};

static struct limit_state begun(const struct limit_bounds *b)
{
    struct limit_state g;
    governor_begin(&g, b, 0);
    return g;
}

/* One reading every five seconds, of a pool that is used as far as its limit goes. */
static enum limit_reason read_busy(struct limit_state *g, const struct limit_bounds *b, int64_t i, int64_t ppm)
{
    return governor_step(g, b, &(struct governor_inputs){.now_ms = 5000 * i, .has_probe = true, .reading_ppm = ppm, .over = ppm >= 4000000,
                                                         .used = governor_limit(g), .queued = true});
}

Test(governor, it_begins_at_the_floor_and_comes_to_the_ceiling_where_nothing_is_felt)
{
    struct limit_state g = begun(&bounds);
    cr_assert_eq(governor_limit(&g), 2u);
    int64_t i = 1;
    while (governor_limit(&g) < 12 && i < 100)
        read_busy(&g, &bounds, i++, 100000);
    cr_assert_eq(governor_limit(&g), 12u);
    cr_assert_leq(i, 11, "slow start doubles with every third: %lld readings", (long long)i);
    for (; i < 200; i++) {
        read_busy(&g, &bounds, i, 100000);
        cr_assert_eq(governor_limit(&g), 12u, "never over the ceiling");
    }
}

Test(governor, at_the_limit_of_the_probe_it_is_cut_to_the_floor_and_never_below)
{
    struct limit_state g = begun(&bounds);
    for (int64_t i = 1; i < 20; i++)
        read_busy(&g, &bounds, i, 100000);
    cr_assert_eq(read_busy(&g, &bounds, 20, 4000000), LIMIT_CUT);
    cr_assert_eq(governor_limit(&g), 2u);
    for (int64_t i = 21; i < 60; i++) {
        read_busy(&g, &bounds, i, 9000000);
        cr_assert_eq(governor_limit(&g), 2u);
    }
}

/* After a cut what runs takes its time to end: that it is still too much is not what the setpoint can help. */
Test(governor, at_the_floor_the_margin_does_not_widen)
{
    struct limit_state g = begun(&bounds);
    for (int64_t i = 1; i < 20; i++)
        read_busy(&g, &bounds, i, 100000);
    cr_assert_eq(read_busy(&g, &bounds, 20, 4000000), LIMIT_CUT);
    int64_t margin_ppm = g.margin_ppm;
    for (int64_t i = 21; i < 30; i++)
        governor_step(&g, &bounds, &(struct governor_inputs){.now_ms = 5000 * i, .has_probe = true, .reading_ppm = 2000000, .used = 12,
                                                             .queued = true});
    cr_assert_eq(g.margin_ppm, margin_ppm);
}

/* The smoothed pressure comes down late; the newest reading says that what was done is enough. */
Test(governor, it_goes_no_lower_once_the_newest_reading_is_good)
{
    struct limit_state g = begun(&bounds);
    int64_t i = 1;
    for (; i < 20; i++)
        read_busy(&g, &bounds, i, 100000);
    cr_assert_eq(governor_limit(&g), 12u);
    while (governor_limit(&g) > 8)
        read_busy(&g, &bounds, i++, 3000000);
    uint32_t limit = governor_limit(&g);
    while (g.pressure_ppm > 1000000) {
        read_busy(&g, &bounds, i++, 100000);
        cr_assert_eq(governor_limit(&g), limit, "at a pressure of %lld", (long long)g.pressure_ppm);
    }
}

/* Nor where the readings sum up many queries: there the newest is compared as it is, and not by what it would mean to the slowest. */
Test(governor, what_sums_up_many_queries_is_good_as_it_is)
{
    struct limit_state g = begun(&bounds);
    struct governor_inputs in = {.has_probe = true, .summed_up = true, .queued = true};
    static const struct { int n; int64_t ppm; } readings[] = {{20, 100000}, {2, 3000000}, {1, 900000}};
    enum limit_reason why = 0;
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++)
        for (int k = 0; k < readings[i].n; k++) {
            in.now_ms += 5000;
            in.reading_ppm = readings[i].ppm;
            in.used = governor_limit(&g);
            why = governor_step(&g, &bounds, &in);
        }
    cr_assert_gt(g.pressure_ppm, 1000000, "it is over still: %lld", (long long)g.pressure_ppm);
    cr_assert_gt(g.tail_ppm * 9 / 10, 1000000, "and with its tail the newest would be");
    cr_expect_eq(why, LIMIT_HELD);
}

/* Others make the pressure: a setpoint further from the target would hold back the work that comes, and help nobody. */
Test(governor, a_limit_that_is_not_used_widens_no_margin)
{
    struct limit_state g = begun(&bounds);
    for (int64_t i = 1; i < 40; i++)
        read_busy(&g, &bounds, i, 100000);
    int64_t margin_ppm = g.margin_ppm;
    cr_assert_geq(governor_limit(&g), 6u);
    for (int64_t i = 40; i < 42; i++)            /* the second in a row counts in full */
        governor_step(&g, &bounds, &(struct governor_inputs){.now_ms = 5000 * i, .has_probe = true, .reading_ppm = 3000000, .used = 5});
    cr_assert_gt(g.pressure_ppm, 1000000);
    cr_assert_eq(g.margin_ppm, margin_ppm);
    for (int64_t i = 42; i < 80; i++)
        read_busy(&g, &bounds, i, 100000);
    margin_ppm = g.margin_ppm;
    for (int64_t i = 80; i < 82; i++)
        read_busy(&g, &bounds, i, 3000000);
    cr_assert_gt(g.margin_ppm, margin_ppm, "one that is used does");
}

/* However much too much it was, a few good readings are enough to go up again. */
Test(governor, huge_readings_are_over_soon)
{
    struct limit_state g = begun(&bounds);
    for (int64_t i = 1; i < 20; i++)
        read_busy(&g, &bounds, i, 100000);
    int64_t i = 20;
    for (; i < 24; i++)
        read_busy(&g, &bounds, i, 90000000);
    while (g.pressure_ppm > 900000 && i < 40)
        read_busy(&g, &bounds, i++, 100000);
    cr_assert_leq(i - 24, 6, "%lld readings", (long long)(i - 24));
}

/* Trials that were too much made it wait for 32 readings until the next one: that is not how long slow start waits.  And a cut that goes
 * on for some readings is one. */
Test(governor, after_a_cut_it_doubles_with_every_third_reading)
{
    struct limit_bounds b = {.algorithm = THROTTLE_GRADIENT, .floor = 1, .ceiling = 40};
    struct limit_state g = begun(&b);
    int64_t i = 1;
    for (; i < 400 && g.left < 20; i++)
        read_busy(&g, &b, i, governor_limit(&g) > 8 ? 1500000 : 850000);
    cr_assert_geq(g.left, 20u, "it is between two trials");
    for (int n = 0; n < 3; n++)                  /* what runs takes its time to end */
        cr_assert_eq(read_busy(&g, &b, i++, 4000000), LIMIT_CUT);
    cr_assert_geq(g.threshold_milli, 2000, "slow start goes on to half of what was too much");
    int64_t quiet = 0;
    for (int64_t n = 0; n < 60 && governor_limit(&g) == 1; n++, quiet++)
        read_busy(&g, &b, i++, 100000);
    cr_expect_leq(quiet, 12, "%lld readings of an idle warehouse until the first step up", (long long)quiet);
}

Test(governor, an_unreadable_probe_takes_it_to_the_floor)
{
    struct limit_state g = begun(&bounds);
    for (int64_t i = 1; i < 20; i++)
        read_busy(&g, &bounds, i, 100000);
    struct governor_inputs in = {.now_ms = 200000, .has_probe = true, .unreadable = true, .reading_ppm = 100000, .used = 12,
                                 .queued = true};
    cr_assert_eq(governor_step(&g, &bounds, &in), LIMIT_UNREADABLE);
    cr_assert_eq(governor_limit(&g), 2u);
    cr_assert(g.unreadable);
    read_busy(&g, &bounds, 50, 100000);
    cr_assert(!g.unreadable, "and it is over with the next reading");
}

/* Nothing ran, so nothing was too much: it goes up again as after idleness, and not one by one. */
Test(governor, silence_while_nothing_ran_teaches_no_threshold)
{
    struct limit_bounds b = {.algorithm = THROTTLE_AIMD, .floor = 1, .ceiling = 40};
    struct limit_state g = begun(&b);
    int64_t i = 1, first;
    for (; i < 100 && governor_limit(&g) < 40; i++)
        read_busy(&g, &b, i, 100000);
    first = i;
    struct governor_inputs in = {.now_ms = 5000 * i, .has_probe = true, .unreadable = true, .reading_ppm = 100000, .queued = true};
    cr_assert_eq(governor_step(&g, &b, &in), LIMIT_UNREADABLE);
    cr_assert_eq(governor_limit(&g), 1u);
    for (i++; i < 400 && governor_limit(&g) < 40; i++)
        read_busy(&g, &b, i, 100000);
    cr_assert_eq(governor_limit(&g), 40u);
    cr_expect_leq(i - first, first + 2, "%lld readings, and %lld from the beginning", (long long)(i - first), (long long)first);
}

Test(governor, a_ceiling_that_is_taken_back_leaves_where_slow_start_ends)
{
    struct limit_bounds wide = {.algorithm = THROTTLE_AIMD, .floor = 1, .ceiling = 40}, low = {.algorithm = THROTTLE_AIMD, .floor = 1, .ceiling = 2};
    struct limit_state g = begun(&wide);
    int64_t before = g.threshold_milli;
    governor_rebound(&g, &low);
    cr_assert_eq(governor_limit(&g), 1u);
    governor_rebound(&g, &wide);
    cr_expect_eq(g.threshold_milli, before);
}

Test(governor, too_little_work_does_not_wind_it_up)
{
    struct limit_state g = begun(&bounds);
    for (int64_t i = 1; i < 4; i++)
        read_busy(&g, &bounds, i, 100000);
    uint32_t limit = governor_limit(&g);
    for (int64_t i = 4; i < 200; i++) {
        struct governor_inputs in = {.now_ms = 5000 * i, .has_probe = true, .reading_ppm = 50000, .used = 1};
        governor_step(&g, &bounds, &in);
        cr_assert_leq(governor_limit(&g), limit, "reading %lld", (long long)i);
    }
    cr_assert_eq(governor_limit(&g), 2u, "and after idleness it begins at the floor again");
}

/* The limit is lowered once for what runs already: the attempts over it go on to their ends. */
Test(governor, what_still_runs_does_not_lower_it_again)
{
    struct limit_state g = begun(&bounds);
    for (int64_t i = 1; i < 20; i++)
        read_busy(&g, &bounds, i, 100000);
    struct governor_inputs in = {.now_ms = 200000, .has_probe = true, .reading_ppm = 1200000, .used = 12, .queued = true};
    for (int i = 0; i < 4; i++)
        governor_step(&g, &bounds, &in);
    uint32_t lowered = governor_limit(&g);
    cr_assert_lt(lowered, 12u);
    enum limit_reason why = LIMIT_HELD;
    for (int i = 0; i < 10; i++) {
        in.now_ms += 5000;
        in.reading_ppm = 1100000;
        why = governor_step(&g, &bounds, &in);
    }
    cr_assert_eq(why, LIMIT_DRAINING);
    cr_assert_geq(2 * governor_limit(&g), lowered, "%u after %u", governor_limit(&g), lowered);
}

Test(governor, failures_lower_it_and_it_does_not_grow_while_they_go_on)
{
    struct limit_state g = begun(&bounds);
    for (int64_t i = 1; i < 20; i++)
        read_busy(&g, &bounds, i, 100000);
    for (int i = 0; i < 20; i++)
        governor_ended(&g, 0, true);
    cr_assert_eq(read_busy(&g, &bounds, 20, 100000), LIMIT_FAILING);
    uint32_t lowered = governor_limit(&g);
    cr_assert_eq(lowered, 6u);
    read_busy(&g, &bounds, 21, 100000);
    cr_assert_eq(governor_limit(&g), lowered);
}

Test(governor, without_a_probe_it_follows_its_own_steps)
{
    struct limit_state g = begun(&bounds);
    struct governor_inputs in = {.queued = true};
    for (int i = 1; i < 30; i++) {
        in.now_ms = 5000 * i;
        in.used = governor_limit(&g);
        governor_ended(&g, 1000, false);
        governor_step(&g, &bounds, &in);
    }
    uint32_t calm = governor_limit(&g);
    cr_assert_gt(calm, 2u);
    for (int i = 30; i < 90; i++) {
        in.now_ms = 5000 * i;
        in.used = governor_limit(&g);
        governor_ended(&g, 5000, false);
        governor_step(&g, &bounds, &in);
    }
    cr_assert_eq(governor_limit(&g), 2u, "five times as long as usual");
}

/* One statement in ten takes three times as long as the others, which is what the target is about: the others alone would let twelve
 * run; four are what keeps it. */
Test(governor, the_slowest_in_twenty_count_and_not_the_mean)
{
    struct limit_bounds b = {.algorithm = THROTTLE_GRADIENT, .floor = 1, .ceiling = 40};
    struct limit_state g = begun(&b);
    uint64_t x = 7, sum = 0, over = 0;
    for (int64_t i = 1; i <= 2000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        int64_t ppm = governor_limit(&g) * ((x >> 33) % 10 ? INT64_C(80000) : INT64_C(240000));
        sum += i > 1000 ? governor_limit(&g) : 0;
        over += i > 1000 && ppm > 1000000;
        read_busy(&g, &b, i, ppm);
    }
    cr_assert_leq(over, 50u, "%llu of 1,000 readings over the target", (unsigned long long)over);
    cr_assert_geq(sum, 2500u, "and no less than it allows: %g at a time", (double)sum / 1000);
}

/* What others told of many queries scatters too, but the tail is in it: five are what keeps it at the target. */
Test(governor, what_sums_up_many_queries_is_kept_at_the_target_itself)
{
    struct limit_bounds b = {.algorithm = THROTTLE_GRADIENT, .floor = 1, .ceiling = 40};
    struct limit_state one = begun(&b), many = begun(&b);
    uint64_t x = 7, sum_one = 0, sum_many = 0, told = 0;
    for (int64_t i = 1; i <= 2000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        int64_t scatter = 100000 + (int64_t)((x >> 33) % 200000);
        struct governor_inputs in = {.now_ms = 5000 * i, .has_probe = true, .summed_up = true, .used = governor_limit(&many), .queued = true};
        in.reading_ppm = governor_limit(&many) * scatter;
        sum_many += i > 1000 ? governor_limit(&many) : 0;
        told += i > 1000 ? (uint64_t)in.reading_ppm : 0;
        governor_step(&many, &b, &in);
        sum_one += i > 1000 ? governor_limit(&one) : 0;
        read_busy(&one, &b, i, governor_limit(&one) * scatter);
    }
    cr_assert_geq(sum_many, 3900u, "%g at a time", (double)sum_many / 1000);
    cr_assert_leq(told / 1000, 1050000u, "%g of the target", (double)told / 1e9);
    cr_assert_lt(sum_one + 500, sum_many, "%g at a time where each is a query of its own", (double)sum_one / 1000);
}

/* A target that is missed and met in turn: what the limit swings by does not grow, for either algorithm and any rhythm. */
Test(governor, flapping_readings_do_not_make_it_swing_more_and_more)
{
    static const enum throttle_algorithm algorithms[] = {THROTTLE_GRADIENT, THROTTLE_AIMD};
    for (size_t a = 0; a < 2; a++)
        for (int64_t rhythm = 1; rhythm <= 40; rhythm++) {
            struct limit_bounds b = {.algorithm = algorithms[a], .floor = 1, .ceiling = 100000};
            struct limit_state g = begun(&b);
            uint32_t first = 0, last = 0;
            for (int64_t i = 1; i <= 4000; i++) {
                read_busy(&g, &b, i, i / rhythm % 2 ? 2500000 : 300000);
                uint32_t *most = i <= 1000 ? &first : i > 3000 ? &last : NULL;
                if (most && governor_limit(&g) > *most)
                    *most = governor_limit(&g);
            }
            cr_assert_leq(last, first, "a rhythm of %lld readings: up to %u at first, to %u at last", (long long)rhythm, first, last);
        }
}

/* Whatever is read, in whatever order. */
Test(governor, nothing_takes_it_out_of_its_bounds)
{
    uint64_t x = 1;
    struct limit_state g = begun(&bounds);
    for (int64_t i = 1; i < 20000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        struct governor_inputs in = {.now_ms = 1000 * i, .has_probe = x >> 60 > 3, .over = x >> 59 == 7, .unreadable = x >> 59 == 9,
                                     .reading_ppm = (int64_t)(x >> (20 + x % 40)), .used = (uint32_t)(x >> 33) % 20, .queued = x >> 63};
        if (x & 64)
            governor_ended(&g, (int64_t)(x >> (24 + x % 40)), x & 128);
        governor_step(&g, &bounds, &in);
        cr_assert(governor_limit(&g) >= 2 && governor_limit(&g) <= 12);
        cr_assert(g.margin_ppm >= 0 && g.margin_ppm <= 300000 && g.tail_ppm >= 0 && g.tail_ppm <= 8000000);
        cr_assert(g.failed_ppm >= 0 && g.failed_ppm <= 1000000);
    }
}

/* `outside: require_success`: what a create needs of earlier backfills, and how `why` tells what lies outside. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/support/engine_fixture.h"

enum kind { LOAD, WINDOW, FORWARD, MONTHS, OTHER_NAME, HOURS, BERLIN, KINDS };

/* What to make, as a seed: a kind, days from 2023-12-01 on, how many. */
static uint64_t days(enum kind kind, uint32_t from, uint32_t n)
{
    return (uint64_t)kind * 10000 + from * 100 + n;
}

/* Step s0 loads; s1, where there is one, needs what is outside of it. */
static struct plan *make(uint64_t seed)
{
    enum kind kind = (enum kind)(seed / 10000);
    struct plan *p = fx_plan();
    if (kind == OTHER_NAME) {
        free(p->name);
        p->name = bf_xstrdup("other");
    }
    if (kind == BERLIN)
        fx_berlin(p);
    fx_days(p, FX_JAN_1 - 31 + (int32_t)(seed / 100 % 100), (uint32_t)(seed % 100));
    uint32_t load = fx_step(p, kind == HOURS ? PLAN_HOUR : PLAN_DAY, PLAN_NO_INDEX);
    if (kind == WINDOW || kind == FORWARD) {
        uint32_t s = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
        fx_window(p, s, load, kind == WINDOW ? -3 : 0, kind == WINDOW ? -1 : 2);
        fx_outside(p, s, PLAN_REQUIRE_SUCCESS);
    } else if (kind == MONTHS) {
        uint32_t s = fx_step(p, PLAN_MONTH, PLAN_NO_INDEX);
        fx_edge(p, s, load, PLAN_CONTAINED);
        fx_outside(p, s, PLAN_REQUIRE_SUCCESS);
    }
    return fx_plan_done(p);
}

static struct fx_agent everywhere(void)
{
    return fx_agent(1, 2000);
}

/* Create, run to the end; how step s0 ends.  0 when it is refused. */
static uint32_t finished(struct fx *f, uint64_t seed, enum outcome_source source)
{
    struct fx_agent agent = everywhere();
    uint32_t id = fx_create(f, make, seed);
    for (int i = 0; id && fx_backfill(f, id).finished_us == 0 && i < 5; i++) {
        fx_turn(f);
        for (uint64_t a = engine_next_attempt(f->e, 0), next; a; a = next) {
            struct attempt_view v;
            next = engine_next_attempt(f->e, a);
            cr_assert(engine_find_attempt(f->e, a, &v));
            fx_ended(f, &agent, v.ref, source, source == OUTCOME_EXIT ? 126 : 0);
        }
        fx_turn(f);
    }
    return id;
}

static void begin(struct fx *f)
{
    struct fx_agent agent = everywhere();
    fx_init(f, NULL);
    fx_hello(f, &agent, 0);
    fx_turn(f);
}

static void refused(struct fx *f, uint64_t seed, const char *words)
{
    cr_assert_eq(fx_create(f, make, seed), 0u, "not refused: %s", words);
    const struct effect *reply = &f->out.effects[f->out.n_effects - 1];
    cr_assert_eq(reply->rc, BF_CONFLICT);
    cr_assert_not_null(strstr(reply->text, words), "\"%s\" is not in: %s", words, reply->text);
    fx_turn(f);
}

Test(engine_outside, the_sentence_says_what_is_missing_and_what_to_do)
{
    struct fx f;
    begin(&f);
    refused(&f, days(WINDOW, 31, 5),
            "step s1 requires the success of s0 outside the range, and 3 partitions have not succeeded, the first 2023-12-29 "
            "(no backfill of this plan has it): widen --from or --to, run them first, or say `outside: assume`");
    finished(&f, days(LOAD, 28, 1), OUTCOME_OK);
    finished(&f, days(LOAD, 30, 1), OUTCOME_OK);
    refused(&f, days(WINDOW, 31, 5), "1 partition has not succeeded, 2023-12-30 (no backfill");
    finished(&f, days(LOAD, 29, 1), OUTCOME_OK);
    cr_assert_neq(fx_create(&f, make, days(WINDOW, 31, 5)), 0u);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_outside, the_newest_that_has_a_partition_counts)
{
    struct fx f;
    begin(&f);
    cr_assert_eq(finished(&f, days(LOAD, 20, 11), OUTCOME_OK), 1u);
    cr_assert_eq(finished(&f, days(LOAD, 29, 1), OUTCOME_EXIT), 2u);
    refused(&f, days(WINDOW, 31, 5), "1 partition has not succeeded, 2023-12-30 (failed in bf-2, the newest that has it)");
    cr_assert_eq(finished(&f, days(LOAD, 29, 1), OUTCOME_SKIP), 3u, "skipped is done");
    cr_assert_eq(finished(&f, days(WINDOW, 31, 1), OUTCOME_OK), 4u, "and what has none of them does not matter");
    cr_assert_eq(finished(&f, days(WINDOW, 32, 1), OUTCOME_OK), 5u);
    cr_assert_eq(fx_create(&f, make, days(LOAD, 30, 1)), 6u);
    refused(&f, days(WINDOW, 31, 5), "in bf-6, the newest that has it");
    fx_done(&f);
}

Test(engine_outside, another_plan_grain_or_clock_does_not_count)
{
    static const enum kind kinds[] = {OTHER_NAME, HOURS, BERLIN};
    for (size_t i = 0; i < 3; i++) {
        struct fx f;
        begin(&f);
        cr_assert_eq(finished(&f, days(kinds[i], 20, 11), OUTCOME_OK), 1u);
        refused(&f, days(WINDOW, 31, 5), "3 partitions have not succeeded, the first 2023-12-29 (no backfill of this plan has it)");
        fx_done(&f);
    }
}

Test(engine_outside, behind_the_range_and_on_both_sides_of_it)
{
    struct fx f;
    begin(&f);
    refused(&f, days(FORWARD, 31, 5), "2 partitions have not succeeded, the first 2024-01-06");
    cr_assert_eq(finished(&f, days(LOAD, 36, 2), OUTCOME_OK), 1u);
    cr_assert_eq(finished(&f, days(FORWARD, 31, 5), OUTCOME_OK), 2u);
    refused(&f, days(MONTHS, 10, 36), "26 partitions have not succeeded, the first 2023-12-01");    /* 12-11 to 01-15 */
    cr_assert_eq(finished(&f, days(LOAD, 0, 10), OUTCOME_OK), 3u);
    refused(&f, days(MONTHS, 10, 36), "16 partitions have not succeeded, the first 2024-01-16");
    cr_assert_eq(finished(&f, days(LOAD, 46, 16), OUTCOME_OK), 4u);
    cr_assert_eq(finished(&f, days(MONTHS, 10, 36), OUTCOME_OK), 5u);
    static const char *const keys[2][2] = {{"2023-12-01", "2023-12-10"}, {"2024-01-16", "2024-01-31"}};
    struct outside_need out;
    for (uint32_t i = 0; i < 2; i++) {           /* December lacks its beginning, January its end */
        cr_assert_eq(engine_outside(f.e, 5, 1, i, &out, 1), 1u);
        cr_assert_eq(out.count, i == 0 ? 10u : 16u);
        cr_assert_str_eq(out.first, keys[i][0]);
        cr_assert_str_eq(out.last, keys[i][1]);
    }
    fx_done(&f);
}

Test(engine_outside, it_is_known_again_after_a_recovery)
{
    struct fx f;
    struct bf_error err = {0};
    begin(&f);
    finished(&f, days(LOAD, 20, 11), OUTCOME_OK);
    finished(&f, days(LOAD, 29, 1), OUTCOME_EXIT);
    struct engine *e = fx_fresh(&f);
    struct engine_out chunk = {0};
    engine_snapshot_begin(f.e);
    while (engine_snapshot_next(f.e, &chunk)) {
        fx_apply_encoded(e, chunk.records, chunk.n_records);
        engine_out_clear(&chunk);
    }
    engine_out_free(&chunk);
    cr_assert_eq(engine_rebuild(e, f.now_ms, &err), BF_OK, "%s", err.text);
    engine_free(f.e);
    f.e = e;
    refused(&f, days(WINDOW, 31, 5), "2023-12-30 (failed in bf-2");
    cr_assert_eq(finished(&f, days(LOAD, 29, 1), OUTCOME_OK), 3u);
    cr_assert_eq(finished(&f, days(WINDOW, 31, 5), OUTCOME_OK), 4u);
    fx_done(&f);
}

/* ---- what why says ---- */

Test(engine_outside, why_names_the_missing_of_a_window_and_what_lies_outside)
{
    struct fx f;
    begin(&f);
    finished(&f, days(LOAD, 20, 11), OUTCOME_OK);
    cr_assert_eq(fx_create(&f, make, days(WINDOW, 31, 8)), 2u);
    struct blocker why[4];
    cr_assert_eq(engine_why(f.e, 2, 1, 7, why, 4), 1u);
    cr_assert_eq(why[0].kind, BLOCKER_DEPENDENCY);
    cr_assert_eq(why[0].count, 3u);
    cr_assert_eq(why[0].n_named, 3u);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert(why[0].named[i].step == 0 && why[0].named[i].index == 4 + i);
    struct outside_need out[2];
    static const struct { uint32_t count; const char *first, *last; } expected[] = {
        {3, "2023-12-29", "2023-12-31"}, {2, "2023-12-30", "2023-12-31"}, {1, "2023-12-31", "2023-12-31"}, {0, "", ""}};
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(engine_outside(f.e, 2, 1, i, out, 2), expected[i].count ? 1u : 0u, "partition %u", i);
        if (expected[i].count == 0)
            continue;
        cr_assert_eq(out[0].step, 0u);
        cr_assert_eq(out[0].outside, PLAN_REQUIRE_SUCCESS);
        cr_assert_eq(out[0].count, expected[i].count);
        cr_assert_str_eq(out[0].first, expected[i].first);
        cr_assert_str_eq(out[0].last, expected[i].last);
    }
    fx_turn(&f);
    fx_done(&f);
}

static struct plan *far_reaching(uint64_t seed)
{
    static const int32_t windows[][2] = {{-9, -6}, {4, 9}, {-2, 2}};
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 2);
    uint32_t a = fx_step(p, PLAN_DAY, PLAN_NO_INDEX), b = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_window(p, b, a, windows[seed][0], windows[seed][1]);
    return fx_plan_done(p);
}

Test(engine_outside, a_window_that_reaches_past_the_range_needs_none_of_the_nearest)
{
    struct fx f;
    struct outside_need out[2];
    static const char *const keys[2][2][2] = {{{"2023-12-23", "2023-12-26"}, {"2023-12-24", "2023-12-27"}},
                                              {{"2024-01-05", "2024-01-10"}, {"2024-01-06", "2024-01-11"}}};
    begin(&f);
    for (uint32_t k = 0; k < 2; k++) {
        fx_create(&f, far_reaching, k);
        for (uint32_t i = 0; i < 2; i++) {
            cr_assert_eq(engine_outside(f.e, k + 1, 1, i, out, 2), 1u);
            cr_assert_str_eq(out[0].first, keys[k][i][0]);
            cr_assert_str_eq(out[0].last, keys[k][i][1]);
        }
    }
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_outside, both_sides_of_the_range_are_told_apart)
{
    struct fx f;
    struct outside_need out[3];
    begin(&f);
    fx_create(&f, far_reaching, 2);
    cr_assert_eq(engine_outside(f.e, 1, 1, 1, out, 3), 2u);
    cr_assert(out[0].count == 1 && strcmp(out[0].first, "2023-12-31") == 0);
    cr_assert(out[1].count == 2 && strcmp(out[1].first, "2024-01-03") == 0 && strcmp(out[1].last, "2024-01-04") == 0);
    cr_assert_eq(engine_outside(f.e, 1, 1, 1, out, 1), 1u, "at most as many as there is room for");
    fx_turn(&f);
    fx_done(&f);
}

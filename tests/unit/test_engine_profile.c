/* Profiles in the engine: what is taken, and of whom; that they outlive backfills and checkpoints, and a full book; what is
 * usual for a step. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/profile.h"
#include "tests/support/engine_fixture.h"

/* One step of ten days; the seed is what it is expected to take in seconds, and makes its version. */
static struct plan *ten_days(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 10);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    p->steps[0].expect_ms = (int64_t)seed * 1000;
    p->steps[0].expected = true;
    memset(p->steps[0].hash, (int)seed, sizeof p->steps[0].hash);
    return fx_plan_done(p);
}

static void begin(struct fx *f, struct fx_agent *a, uint64_t seed)
{
    *a = fx_agent(1, 40);
    fx_init(f, NULL);
    f->wall_us = INT64_C(1704067200000000);
    fx_hello(f, a, 0);
    cr_assert_eq(fx_create(f, ten_days, seed), 1u);
    fx_turn(f);
}

/* The attempt of a day ends so after so many seconds; rows as long. */
static void end(struct fx *f, const struct fx_agent *a, uint32_t backfill, uint32_t day, enum outcome_source source, int64_t seconds)
{
    struct input in = {.kind = INPUT_REPORT, .incarnation = a->incarnation};
    memcpy(in.key, a->key, sizeof in.key);
    in.report = (struct agent_report){.ref = fx_attempt(f, backfill, 0, day), .kind = REPORT_ENDED, .started_us = f->wall_us,
                                      .ended_us = f->wall_us + seconds * 1000000};
    in.report.outcome = (struct outcome){.source = source, .sqlstate = "", .dbms = "", .text = "", .details = "", .rows = seconds,
                                         .usage = {.cpu_us = seconds * 500000, .peak_memory_bytes = 1 << 20, .measured_by = 3}};
    fx_step_input(f, &in);
    fx_turn(f);
}

static bool profile(const struct fx *f, uint64_t seed, struct profile_view *ret)
{
    uint8_t hash[32];
    memset(hash, (int)seed, sizeof hash);
    return engine_profile(f->e, "test", "s0", hash, ret);
}

static size_t count(const struct engine *e)
{
    struct profile_view p;
    size_t n = 0;
    for (const struct profile *at = NULL; engine_next_profile(e, &at, &p);)
        n++;
    return n;
}

static struct engine *by_snapshot(struct fx *f)
{
    struct engine *e = fx_fresh(f);
    struct engine_out out = {0};
    engine_snapshot_begin(f->e);
    while (engine_snapshot_next(f->e, &out)) {
        fx_apply_encoded(e, out.records, out.n_records);
        engine_out_clear(&out);
    }
    engine_out_free(&out);
    struct bf_error err = {0};
    cr_assert_eq(engine_rebuild(e, f->now_ms, &err), BF_OK, "%s", err.text);
    return e;
}

Test(engine_profile, takes_what_successful_attempts_took)
{
    struct fx f;
    struct fx_agent a;
    struct profile_view p;
    begin(&f, &a, 40);
    cr_assert_not(profile(&f, 40, &p));
    for (uint32_t day = 0; day < 4; day++)
        end(&f, &a, 1, day, OUTCOME_OK, 10 + day);
    end(&f, &a, 1, 4, OUTCOME_EXIT, 500);
    end(&f, &a, 1, 5, OUTCOME_SKIP, 500);
    cr_assert(profile(&f, 40, &p));
    cr_assert(strcmp(p.plan, "test") == 0 && strcmp(p.step, "s0") == 0 && p.backfill == 1 && p.last_us >= p.first_us);
    cr_assert_eq(p.of[PROFILE_DURATION].n, 4u, "neither what failed nor what was skipped");
    cr_assert(p.of[PROFILE_DURATION].max == 13000000 && p.of[PROFILE_DURATION].min == 10000000);
    cr_assert(p.of[PROFILE_CPU].max == 6500000 && p.of[PROFILE_MEMORY].max == 1 << 20 && p.of[PROFILE_ROWS].max == 13);
    cr_assert(p.of[PROFILE_READ].n == 4 && p.of[PROFILE_READ].max == 0);
    fx_done(&f);
}

Test(engine_profile, is_the_baseline_from_five_attempts_on)
{
    struct fx f;
    struct fx_agent a;
    uint64_t us = 0;
    begin(&f, &a, 40);
    cr_assert_eq(engine_baseline(f.e, 1, 0, PROFILE_DURATION, 500000, &us), BASELINE_EXPECTED);
    cr_assert_eq(us, 40000000u);
    cr_assert_eq(engine_baseline(f.e, 1, 0, PROFILE_CPU, 500000, &us), BASELINE_NONE);
    cr_assert_eq(engine_baseline(f.e, 9, 0, PROFILE_DURATION, 500000, &us), BASELINE_NONE);
    for (uint32_t day = 0; day < 5; day++)
        end(&f, &a, 1, day, OUTCOME_OK, 10 + day);
    cr_assert_eq(engine_baseline(f.e, 1, 0, PROFILE_DURATION, 500000, &us), BASELINE_PROFILE);
    cr_assert(us >= 12000000 - 12000000 / 64 && us <= 12000000 + 12000000 / 64, "the median is told as %llu", (unsigned long long)us);
    cr_assert_eq(engine_baseline(f.e, 1, 0, PROFILE_CPU, 1000000, &us), BASELINE_PROFILE);
    cr_assert_eq(us, 7000000u);
    fx_done(&f);
}

Test(engine_profile, goes_on_over_backfills_and_begins_anew_with_a_version)
{
    struct fx f;
    struct fx_agent a;
    struct profile_view p;
    begin(&f, &a, 40);
    for (uint32_t day = 0; day < 10; day++)
        end(&f, &a, 1, day, OUTCOME_OK, 10);
    cr_assert_eq(fx_create(&f, ten_days, 40), 2u);
    fx_turn(&f);
    end(&f, &a, 2, 0, OUTCOME_OK, 20);
    cr_assert(profile(&f, 40, &p) && p.of[PROFILE_DURATION].n == 11 && p.backfill == 2);
    for (uint32_t day = 1; day < 10; day++)
        end(&f, &a, 2, day, OUTCOME_OK, 10);
    cr_assert_eq(fx_create(&f, ten_days, 41), 3u);
    fx_turn(&f);
    end(&f, &a, 3, 0, OUTCOME_OK, 30);
    cr_assert(profile(&f, 41, &p) && p.of[PROFILE_DURATION].n == 1);
    cr_assert(profile(&f, 40, &p) && p.of[PROFILE_DURATION].n == 20 && count(f.e) == 2);
    fx_done(&f);
}

Test(engine_profile, a_checkpoint_has_them)
{
    struct fx f;
    struct fx_agent a;
    begin(&f, &a, 40);
    for (uint32_t day = 0; day < 9; day++)
        end(&f, &a, 1, day, OUTCOME_OK, 1 << day);
    struct engine *e = by_snapshot(&f);
    cr_assert(fx_same_state(f.e, e));
    cr_assert_eq(count(e), 1u);
    engine_free(e);
    fx_done(&f);
}

Test(engine_profile, a_full_book_forgets_what_was_used_longest_ago)
{
    struct fx f;
    struct fx_agent a;
    struct profile_view p;
    begin(&f, &a, 40);
    end(&f, &a, 1, 0, OUTCOME_OK, 10);
    struct engine *full = by_snapshot(&f);
    struct engine_out out = {0};
    engine_snapshot_begin(f.e);
    struct bf_buf bytes = {0};
    while (engine_snapshot_next(f.e, &out))
        for (size_t i = 0; i < out.n_records; i++)
            if (out.records[i].kind == RECORD_PROFILE && bytes.len == 0)
                bf_buf_put(&bytes, out.records[i].rare->bytes, out.records[i].rare->n_bytes);
    cr_assert_gt(bytes.len, 33u);
    struct bf_error err = {0};
    for (uint32_t i = 0; i < PROFILES_MAX; i++) {          /* others of the same form, by their hash */
        memset(bytes.data + 1, 0xee, 32);
        memcpy(bytes.data + 1, &i, sizeof i);
        struct record other = {.kind = RECORD_PROFILE, FX_RARE(.bytes = bytes.data, .n_bytes = bytes.len)};
        cr_assert_eq(engine_apply(full, &other, &err), BF_OK);
    }
    uint8_t hash[32];
    memset(hash, 40, sizeof hash);
    cr_assert_eq(count(full), PROFILES_MAX);
    cr_assert_not(engine_profile(full, "test", "s0", hash, &p));
    struct record again = {.kind = RECORD_PROFILE, FX_RARE(.bytes = bytes.data, .n_bytes = bytes.len)};
    cr_assert_eq(engine_apply(full, &again, &err), BF_CORRUPT, "it is there twice");
    again.rare->n_bytes--;
    cr_assert_eq(engine_apply(full, &again, &err), BF_CORRUPT);
    bf_buf_free(&bytes);
    engine_out_free(&out);
    engine_free(full);
    fx_done(&f);
}

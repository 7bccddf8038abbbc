/* The coordinator was away and engine time went on: what is judged at once, and what waits until agents could be heard again. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/view_alerts.h"
#include "coordinator/engine/view_pools.h"
#include "tests/support/engine_fixture.h"

enum { LIMIT_MS = 60000, HOUR_MS = 3600000, SPOKEN_MS = 3000 };

/* The first turn after an outage of so long. */
static void away(struct fx *f, int64_t ms)
{
    int64_t since_ms = f->now_ms;
    f->now_ms += ms;
    fx_step_input(f, &(struct input){.kind = INPUT_RESUMED, FX_SAYS(.since_ms = since_ms, .hold_ms = SPOKEN_MS)});
    fx_turn(f);
    cr_assert_eq(fx_count_records(f, RECORD_RESUMED), 1u);
}

static void after(struct fx *f, int64_t ms)
{
    f->now_ms += ms;
    fx_turn(f);
}

/* ---- timeboxes ---- */

static struct plan *boxed(uint64_t days)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, (uint32_t)days);
    fx_step(p, PLAN_DAY, fx_pool(p, "small", 8));
    p->timebox_ms = LIMIT_MS;
    p->timebox_then = PLAN_END_CANCEL;
    return fx_plan_done(p);
}

static struct fx_agent start(struct fx *f, fx_make *make, uint64_t days)
{
    struct fx_agent a = fx_agent(1, 8);
    fx_init(f, NULL);
    fx_hello(f, &a, 0);
    cr_assert_eq(fx_create(f, make, days), 1u);
    fx_turn(f);
    return a;
}

Test(engine_outage, a_timebox_that_ended_meanwhile_ends_when_agents_could_be_heard)
{
    struct fx f;
    start(&f, boxed, 1);
    away(&f, LIMIT_MS);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_RUNNING);
    cr_assert_eq(engine_next_timer_ms(f.e), f.now_ms + SPOKEN_MS, "nothing is looked at in vain");
    fx_recovers_both(&f);
    after(&f, SPOKEN_MS - 1);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_RUNNING);
    after(&f, 1);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_CANCELLED);
    fx_done(&f);
}

Test(engine_outage, what_was_done_in_time_counts)
{
    struct fx f;
    struct fx_agent a = start(&f, boxed, 1);
    away(&f, HOUR_MS);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    fx_done(&f);
}

Test(engine_outage, a_process_that_dies_again_puts_nothing_off)
{
    struct fx f;
    start(&f, boxed, 1);
    away(&f, LIMIT_MS);
    away(&f, 1000);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_CANCELLED);
    fx_done(&f);
}

Test(engine_outage, a_timebox_goes_on_over_it)
{
    struct fx f;
    start(&f, boxed, 1);
    away(&f, LIMIT_MS / 2);
    cr_assert_eq(engine_next_timer_ms(f.e), f.now_ms + LIMIT_MS / 2);
    after(&f, LIMIT_MS / 2);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_CANCELLED);
    fx_done(&f);
}

/* ---- alerts ---- */

/* Its attempts only warn past their limit. */
static struct plan *warned(uint64_t days)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, (uint32_t)days);
    uint32_t step = fx_step(p, PLAN_DAY, fx_pool(p, "small", 8));
    p->steps[step].timebox_ms = LIMIT_MS;
    p->steps[step].timebox_then = PLAN_ONLY_WARN;
    return fx_plan_done(p);
}

static enum alert_state alert_of(const struct fx *f, enum alert_kind kind)
{
    for (size_t i = engine_n_alerts(f->e); i-- > 0;)
        if (engine_alert(f->e, i)->kind == kind)
            return engine_alert(f->e, i)->state;
    return 0;
}

Test(engine_outage, an_agent_that_is_back_is_not_told_of)
{
    struct fx f;
    struct fx_agent a = start(&f, warned, 1);
    fx_lost(&f, &a);
    fx_turn(&f);
    cr_assert_eq(alert_of(&f, ALERT_AGENT_LOST), ALERT_PENDING);
    away(&f, HOUR_MS);
    cr_assert_eq(alert_of(&f, ALERT_AGENT_LOST), ALERT_PENDING, "it had no chance to say that it is there");
    fx_recovers_both(&f);
    a.incarnation++;
    fx_hello(&f, &a, a.incarnation - 1);
    fx_turn(&f);
    cr_assert_eq(alert_of(&f, ALERT_AGENT_LOST), 0, "nobody hears of it");
    fx_done(&f);
}

Test(engine_outage, one_that_is_not_back_is_told_of_soon)
{
    struct fx f;
    struct fx_agent a = start(&f, warned, 1);
    fx_lost(&f, &a);
    fx_turn(&f);
    away(&f, HOUR_MS);
    cr_assert_eq(engine_next_timer_ms(f.e), f.now_ms + SPOKEN_MS);
    after(&f, SPOKEN_MS);
    cr_assert_eq(alert_of(&f, ALERT_AGENT_LOST), ALERT_FIRING);
    fx_done(&f);
}

/* ---- attempts past a timebox that warns ---- */

Test(engine_outage, an_attempt_that_ended_meanwhile_is_not_told_as_past_its_limit)
{
    struct fx f;
    struct fx_agent a = start(&f, warned, 2);
    away(&f, HOUR_MS);
    cr_assert_eq(fx_count_records(&f, RECORD_ALERT), 0u);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_ALERT), 0u);
    after(&f, SPOKEN_MS);
    cr_assert_eq(alert_of(&f, ALERT_TIMEBOX), ALERT_FIRING, "the other one goes on");
    fx_recovers_both(&f);
    fx_done(&f);
}

/* ---- probes ---- */

static struct plan *probed(uint64_t days)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "warehouse", 4), step;
    p->pools[pool].throttle = (struct plan_throttle){.algorithm = THROTTLE_GRADIENT, .min = 1, .max = 3};
    fx_days(p, FX_JAN_1, (uint32_t)days);
    step = fx_step(p, PLAN_DAY, 0);
    fx_output(p, step, "wh", "mart.d");
    p->steps[step].kind = PLAN_SQL;
    p->steps[step].connection = 0;
    struct plan_probe *probe = bf_xcalloc(1, sizeof *probe);
    *probe = (struct plan_probe){.sql = bf_xstrdup("select 1"), .every_ms = 5000, .target = 500000, .limit = 2000000};
    p->connections[0].probe = probe;
    return fx_plan_done(p);
}

static struct limit_view limit(const struct fx *f)
{
    struct limit_view l = {0};
    cr_assert(engine_limit(f->e, 0, &l));
    return l;
}

static void read_well(struct fx *f)
{
    f->now_ms += 5000;
    fx_step_input(f, &(struct input){.kind = INPUT_PROBE,
                                     FX_SAYS(.probe = {.connection = "wh", .readable = true, .value_us = 1000, .why = ""})});
    fx_turn(f);
    fx_turn(f);
}

Test(engine_outage, silence_that_nobody_could_break_sends_no_pool_to_its_floor)
{
    enum { GRACE_MS = 15000 };
    struct fx f;
    start(&f, probed, 20);
    while (limit(&f).limit < 3)
        read_well(&f);
    away(&f, HOUR_MS);
    cr_assert_eq(limit(&f).limit, 3u);
    after(&f, SPOKEN_MS + GRACE_MS);
    cr_assert(limit(&f).limit == 3 && !limit(&f).now->state.unreadable);
    cr_assert_eq(engine_next_timer_ms(f.e), f.now_ms + 1);
    after(&f, 1);
    cr_assert(limit(&f).limit == 1 && limit(&f).now->state.unreadable, "then it is silence");
    fx_recovers_both(&f);
    fx_done(&f);
}

/* ---- records ---- */

Test(engine_outage, one_that_cannot_be_is_refused)
{
    struct fx f;
    struct bf_error err = {0};
    const uint64_t backwards[] = {5, 4, 9}, two[] = {4, 5};
    fx_init(&f, NULL);
    cr_expect_eq(engine_apply(f.e, &(struct record){.kind = RECORD_RESUMED, .numbers = backwards, .n_numbers = 3}, &err), BF_CORRUPT);
    cr_expect_eq(engine_apply(f.e, &(struct record){.kind = RECORD_RESUMED, .numbers = two, .n_numbers = 2}, &err), BF_CORRUPT);
    fx_done(&f);
}

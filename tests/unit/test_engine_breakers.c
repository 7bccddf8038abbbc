/* Breakers (I7): who votes on what, when one opens, what it holds, what it lets through, and that all of it survives a restart. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/breaker.h"
#include "coordinator/engine/internal.h"
#include "coordinator/engine/view_alerts.h"
#include "coordinator/engine/view_breaker.h"
#include "tests/support/engine_fixture.h"

/* ---- an engine ---- */

static const struct breaker_settings soon = {.window = 4, .period_ms = 60000, .minimum = 4, .rate = 750000, .slow_factor_milli = 1000,
                                             .open_ms = 10000, .open_max_ms = 30000, .growth_milli = 2000, .probes = 1};

/* bad: 20 days, each tried once; behind: after it; other: 20 days of something else.  seed: slots of the one pool. */
static struct plan *bad_and_other(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 20);
    uint32_t pool = fx_pool(p, "small", (uint32_t)seed);
    for (uint32_t i = 0; i < 3; i++)
        fx_step(p, PLAN_DAY, pool);
    fx_edge(p, 1, 0, PLAN_SAME);
    p->steps[0].retry.max_attempts = 1;
    p->steps[0].priority = PLAN_CRITICAL;
    p->steps[0].breaker = (struct plan_breaker){.given = true, .settings = soon};
    return fx_plan_done(p);
}

static struct breaker_view named(const struct fx *f, enum breaker_kind kind, const char *name)
{
    struct breaker_view b = {0};
    for (size_t i = 0; i < engine_n_breakers(f->e); i++) {
        if (engine_breaker(f->e, i, &b) && b.kind == kind && strcmp(b.name, name) == 0)
            return b;
    }
    cr_assert_fail("no breaker %s/%s", breaker_kind_name(kind), name);
    return b;
}

static struct breaker_view of_bad(const struct fx *f)
{
    return named(f, BREAKER_STEP, "test.s0");
}

/* Ends every open attempt: of step 0 as told, of the others well. */
static void end_all(struct fx *f, const struct fx_agent *a, enum outcome_source source, int32_t code)
{
    struct attempt_view v;
    for (uint64_t id = 0; (id = engine_next_attempt(f->e, id)) != 0;) {
        cr_assert(engine_find_attempt(f->e, id, &v));
        bool bad = v.step == 0 && source != OUTCOME_OK;
        fx_ended(f, a, v.ref, bad ? source : OUTCOME_OK, bad ? code : 0);
    }
    fx_turn(f);
}

/* The open alert about a breaker; NULL: none. */
static const struct alert_fact *alert_about(const struct fx *f, const char *name)
{
    for (size_t i = 0; i < engine_n_alerts(f->e); i++) {
        const struct alert_fact *a = engine_alert(f->e, i);
        if (a->kind == ALERT_BREAKER && a->state != ALERT_RESOLVED && strcmp(a->subject, name) == 0)
            return a;
    }
    return NULL;
}

enum { ANY = UINT32_MAX };

/* Open attempts of the step of the backfill. */
static uint32_t running_of(const struct fx *f, uint32_t backfill, uint32_t step)
{
    uint32_t n = 0;
    struct attempt_view v;
    for (uint64_t id = 0; (id = engine_next_attempt(f->e, id)) != 0;)
        n += engine_find_attempt(f->e, id, &v) && (backfill == ANY || v.backfill == backfill) && (step == ANY || v.step == step);
    return n;
}

static struct fx_agent start(struct fx *f, fx_make *make, uint64_t seed)
{
    struct fx_agent a = fx_agent(1, 100);
    fx_init(f, &(struct engine_config){0});
    fx_hello(f, &a, 0);
    fx_create(f, make, seed);
    fx_turn(f);
    return a;
}

/* Four of step 0 failed, and its breaker is open. */
static struct fx_agent opened(struct fx *f)
{
    struct fx_agent a = start(f, bad_and_other, 4);
    cr_assert_eq(running_of(f, ANY, 0), 4u);
    end_all(f, &a, OUTCOME_EXIT, 1);
    cr_assert_eq(of_bad(f).state, BREAKER_OPEN);
    return a;
}

static void later(struct fx *f, int64_t ms)
{
    f->now_ms += ms;
    f->wall_us += ms * 1000;
    fx_turn(f);
}

Test(engine_breakers, one_that_stays_open_is_an_alert_and_one_by_hand_is_none)
{
    struct fx f;
    struct fx_agent a = opened(&f);
    const struct alert_fact *told = alert_about(&f, "step/test.s0");
    cr_assert(told && told->state == ALERT_PENDING, "it may close again soon");
    later(&f, 119000);
    cr_assert_eq(alert_about(&f, "step/test.s0")->state, ALERT_PENDING);
    later(&f, 1000);
    told = alert_about(&f, "step/test.s0");
    cr_assert_eq(told->state, ALERT_FIRING);
    struct alert_more more = {0};
    engine_alert_more(f.e, told, &more);
    const struct alert_fact *cause = engine_find_alert(f.e, more.inhibited_by);
    cr_assert(cause && cause->kind == ALERT_STEP, "the step that fails for good is what it follows from");
    end_all(&f, &a, OUTCOME_OK, 0);              /* the probe took two minutes: slow, which is bad */
    cr_assert_eq(alert_about(&f, "step/test.s0")->state, ALERT_FIRING);
    later(&f, 30000);
    end_all(&f, &a, OUTCOME_OK, 0);
    cr_assert_eq(of_bad(&f).state, BREAKER_CLOSED);
    cr_expect_null(alert_about(&f, "step/test.s0"));
    struct op_request r = fx_request(&f, OP_BREAKER_OPEN, 0);
    r.name = "step/test.s0";
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    later(&f, 600000);
    cr_expect_null(alert_about(&f, "step/test.s0"), "whoever opened it knows");
    fx_done(&f);
}

static const struct alert_fact *alert_of_step(const struct fx *f, uint32_t step)
{
    for (size_t i = 0; i < engine_n_alerts(f->e); i++) {
        const struct alert_fact *a = engine_alert(f->e, i);
        if (a->kind == ALERT_STEP && a->state != ALERT_RESOLVED && a->step == step)
            return a;
    }
    cr_assert_fail("no alert about s%u", step);
    return NULL;
}

/* The one that it follows from; 0: none. */
static uint32_t inhibitor(const struct fx *f, const struct alert_fact *a)
{
    struct alert_more more = {0};
    engine_alert_more(f->e, a, &more);
    return more.inhibited_by;
}

Test(engine_breakers, it_is_no_alert_any_more_when_nothing_is_left_that_it_could_hold)
{
    struct fx f;
    struct fx_agent a = opened(&f);
    later(&f, 120000);
    uint32_t id = alert_about(&f, "step/test.s0")->id;
    fx_ask(&f, OP_CANCEL, 1);
    fx_turn(&f);
    cr_assert_eq(alert_about(&f, "step/test.s0")->state, ALERT_FIRING, "what runs is not dead yet");
    end_all(&f, &a, OUTCOME_CANCELLED, 0);
    cr_assert_neq(of_bad(&f).state, BREAKER_CLOSED);
    cr_expect_eq(engine_find_alert(f.e, id)->state, ALERT_RESOLVED);
    later(&f, 600000);
    cr_expect_null(alert_about(&f, "step/test.s0"), "and it does not come again");
    fx_recovers_both(&f);
    uint32_t number = breaker_number(f.e, BREAKER_STEP, "test.s0");
    cr_assert_not(f.e->alerts.look);
    breaker_use(f.e, number, true);              /* as one that is queued does */
    cr_expect(f.e->alerts.look, "looked at in the same turn, as a recovery would");
    breaker_use(f.e, number, false);
    fx_create(&f, bad_and_other, 4);
    later(&f, 1000);
    cr_expect(alert_about(&f, "step/test.s0"), "it holds what is created now");
    fx_done(&f);
}

Test(engine_breakers, what_failed_for_good_is_not_hidden_behind_one_that_closes_by_itself)
{
    struct fx f;
    struct fx_agent a = start(&f, bad_and_other, 4);
    end_all(&f, &a, OUTCOME_HTTP, 503);           /* a failure that passes, and no attempt is left */
    cr_assert_eq(of_bad(&f).state, BREAKER_OPEN);
    later(&f, 120000);
    const struct alert_fact *breaker = alert_about(&f, "step/test.s0"), *step = alert_of_step(&f, 0);
    cr_assert(breaker->state == ALERT_FIRING && step->state == ALERT_FIRING && step->failure_class == FAILURE_TRANSIENT);
    cr_expect_eq(inhibitor(&f, step), 0u, "a person has to retry it");
    cr_expect_eq(inhibitor(&f, breaker), step->id);
    fx_done(&f);
}

static struct plan *bad_and_patient(uint64_t seed)
{
    struct plan *p = bad_and_other(seed);
    p->steps[0].retry.max_attempts = 9;
    p->steps[0].retry.initial_ms = p->steps[0].retry.max_ms = 3600000;
    return p;
}

Test(engine_breakers, what_is_tried_again_follows_from_one_that_holds_it)
{
    static const struct { enum outcome_source source; int32_t code; } ends[] = {{OUTCOME_HTTP, 503}, {OUTCOME_EXIT, 1}};
    for (size_t i = 0; i < 2; i++) {
        struct fx f;
        struct fx_agent a = start(&f, bad_and_patient, 4);
        end_all(&f, &a, ends[i].source, ends[i].code);
        later(&f, 16 * 60000);
        const struct alert_fact *breaker = alert_about(&f, "step/test.s0"), *step = alert_of_step(&f, 0);
        cr_assert(breaker->state == ALERT_FIRING && step->state == ALERT_FIRING);
        cr_expect_eq(inhibitor(&f, step), breaker->id, "code %d", ends[i].code);
        cr_expect_eq(inhibitor(&f, breaker), 0u);
        fx_done(&f);
    }
}

Test(engine_breakers, an_open_one_holds_its_step_and_what_is_behind_it_and_nothing_else)
{
    struct fx f;
    struct fx_agent a = opened(&f);
    struct breaker_view b = of_bad(&f);
    cr_expect(b.opened_calls == 4 && b.opened_failures == 4 && b.until_ms == f.now_ms + 10000 && !b.held);
    cr_expect(strstr(b.cause, "s0[2024-01-04] of bf-1: it said no"), "%s", b.cause);
    cr_expect_eq(running_of(&f, ANY, 0), 0u);
    cr_expect_eq(running_of(&f, ANY, 2), 4u, "the pool goes to the others");
    struct blocker k[4];
    cr_assert_geq(engine_why(f.e, 1, 0, 10, k, 4), 1u);
    cr_expect(k[0].kind == BLOCKER_BREAKER && k[0].clears_at_ms == b.until_ms);
    for (int i = 0; i < 4; i++) {
        end_all(&f, &a, OUTCOME_OK, 0);
        cr_expect_eq(running_of(&f, ANY, 0) + running_of(&f, ANY, 1), 0u);
    }
    size_t number = 0;
    for (struct breaker_view at; engine_breaker(f.e, number, &at), at.kind != BREAKER_STEP || strcmp(at.name, "test.s0") != 0; number++)
        ;
    cr_expect_eq(engine_breaker_holds(f.e, number), 16u);
    uint64_t *holds = calloc(engine_n_breakers(f.e), sizeof *holds);
    engine_breakers_hold(f.e, holds);
    for (size_t i = 0; i < engine_n_breakers(f.e); i++)
        cr_expect_eq(holds[i], i == number ? 16u : 0u);
    free(holds);
    struct alert_more more = {0};
    engine_alert_more(f.e, alert_about(&f, "step/test.s0"), &more);
    cr_expect(more.members == 16 && more.held == 16 && more.cause && strstr(more.cause, "s0[2024-01-04] of bf-1"));
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_breakers, half_open_lets_one_through_and_a_good_one_closes)
{
    struct fx f;
    struct fx_agent a = opened(&f);
    cr_expect_leq(engine_next_timer_ms(f.e), f.now_ms + 10000, "somebody wakes it");
    end_all(&f, &a, OUTCOME_OK, 0);
    later(&f, 9000);
    cr_expect_eq(of_bad(&f).state, BREAKER_OPEN);
    end_all(&f, &a, OUTCOME_OK, 0);
    later(&f, 1000);
    cr_expect_eq(of_bad(&f).state, BREAKER_HALF_OPEN);
    end_all(&f, &a, OUTCOME_OK, 0);
    cr_assert_eq(running_of(&f, ANY, 0), 1u, "one probe");
    later(&f, 100000);
    cr_expect_eq(running_of(&f, ANY, 0), 1u, "and no second one while it runs");
    fx_recovers_both(&f);
    end_all(&f, &a, OUTCOME_OK, 0);
    cr_expect_eq(of_bad(&f).state, BREAKER_CLOSED);
    cr_expect_eq(running_of(&f, ANY, 0), 4u);
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_breakers, a_bad_probe_opens_for_longer_and_never_longer_than_the_most)
{
    static const int64_t open_ms[] = {20000, 30000, 30000};
    struct fx f;
    struct fx_agent a = opened(&f);
    for (size_t i = 0; i < 3; i++) {
        for (int k = 0; k < 6; k++)              /* until the others leave the pool to it */
            end_all(&f, &a, OUTCOME_OK, 0);
        later(&f, 30000);
        cr_assert_eq(running_of(&f, ANY, 0), 1u);
        end_all(&f, &a, OUTCOME_EXIT, 1);
        cr_expect_eq(of_bad(&f).state, BREAKER_OPEN);
        cr_expect_eq(of_bad(&f).until_ms, f.now_ms + open_ms[i], "time %zu", i);
    }
    fx_done(&f);
}

/* Forty days of one step, which may fail often, and whose backfill may retry ten times and no more. */
static struct plan *tried_often(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 40);
    fx_step(p, PLAN_DAY, fx_pool(p, "small", (uint32_t)seed));
    p->steps[0].retry.max_attempts = 50;
    p->steps[0].retry.budget_millionths = 100000;
    p->steps[0].breaker = (struct plan_breaker){.given = true, .settings = soon};
    return fx_plan_done(p);
}

Test(engine_breakers, what_an_open_one_holds_back_takes_nothing_of_the_retry_budget)
{
    struct fx f;
    struct fx_agent a = start(&f, tried_often, 14);
    end_all(&f, &a, OUTCOME_EXIT, 1);
    cr_assert_eq(of_bad(&f).state, BREAKER_OPEN);
    for (int i = 0; i < 12; i++) {
        later(&f, 30000);
        cr_assert_eq(running_of(&f, ANY, 0), 1u, "one is let through, for the %dth time", i + 1);
        end_all(&f, &a, OUTCOME_EXIT, 1);
        cr_assert_eq(of_bad(&f).state, BREAKER_OPEN);
    }
    for (uint32_t i = 0; i < 40; i++)
        cr_expect_not(engine_failure_unretried(f.e, 1, 0, i), "day %u", i);
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_breakers, a_probe_that_is_lost_says_nothing_and_another_goes)
{
    struct fx f;
    struct fx_agent a = opened(&f);
    for (int k = 0; k < 6; k++)
        end_all(&f, &a, OUTCOME_OK, 0);
    later(&f, 10000);
    cr_assert_eq(running_of(&f, ANY, 0), 1u);
    uint64_t first = fx_attempt(&f, 1, 0, 4).attempt;
    fx_lost(&f, &a);
    fx_turn(&f);
    a.incarnation++;
    fx_hello(&f, &a, 0);
    fx_turn(&f);
    cr_expect_eq(of_bad(&f).state, BREAKER_HALF_OPEN);
    cr_expect_eq(running_of(&f, ANY, 0), 1u);
    cr_expect_neq(fx_attempt(&f, 1, 0, 4).attempt, first);
    fx_done(&f);
}

Test(engine_breakers, one_bad_partition_holds_nothing)
{
    struct fx f;
    struct fx_agent a = start(&f, bad_and_other, 4);
    for (int turn = 0; turn < 20; turn++) {
        struct attempt_view v;
        for (uint64_t id = 0; (id = engine_next_attempt(f.e, id)) != 0;)
            if (engine_find_attempt(f.e, id, &v))
                fx_ended(&f, &a, v.ref, v.step == 0 && v.index == 3 ? OUTCOME_CHECK : OUTCOME_OK, CHECK_ERROR);
        fx_turn(&f);
        cr_expect_eq(of_bad(&f).state, BREAKER_CLOSED);
    }
    cr_expect_eq(fx_backfill(&f, 1).state, BACKFILL_PARTLY);
    fx_done(&f);
}

Test(engine_breakers, late_ends_are_not_heard_by_one_that_is_open)
{
    struct fx f;
    struct fx_agent a = start(&f, bad_and_other, 8);
    cr_assert_eq(running_of(&f, ANY, 0), 8u);
    for (uint32_t i = 0; i < 4; i++)
        fx_ended(&f, &a, fx_attempt(&f, 1, 0, i), OUTCOME_EXIT, 1);
    fx_turn(&f);
    cr_assert_eq(of_bad(&f).state, BREAKER_OPEN);
    for (int k = 0; k < 5; k++) {                /* the four that were granted before end badly too */
        struct attempt_view v;
        for (uint64_t id = 0; (id = engine_next_attempt(f.e, id)) != 0;)
            if (engine_find_attempt(f.e, id, &v) && (v.step != 0 || k == 1))
                fx_ended(&f, &a, v.ref, v.step == 0 ? OUTCOME_EXIT : OUTCOME_OK, v.step == 0);
        fx_turn(&f);
    }
    cr_expect_eq(of_bad(&f).level, 0u);
    cr_expect_eq(of_bad(&f).until_ms, f.now_ms + 10000 - (f.now_ms - of_bad(&f).since_ms));
    fx_done(&f);
}

/* ---- by hand ---- */

static const struct effect *ask(struct fx *f, enum op_verb verb, const char *name)
{
    struct op_request r = fx_request(f, verb, 0);
    r.name = name;
    r.reason = "a reason";
    return fx_command(f, &r);
}

Test(engine_breakers, one_that_was_tripped_stays_by_hand_until_its_probes_decide)
{
    struct fx f;
    struct fx_agent a = start(&f, bad_and_other, 4);
    cr_assert_eq(ask(&f, OP_BREAKER_TRIP, "step/test.s0")->rc, BF_OK);
    end_all(&f, &a, OUTCOME_OK, 0);
    later(&f, 10000);
    end_all(&f, &a, OUTCOME_OK, 0);
    cr_assert_eq(of_bad(&f).state, BREAKER_HALF_OPEN);
    cr_assert_eq(running_of(&f, ANY, 0), 1u);
    cr_expect(*of_bad(&f).by && strcmp(of_bad(&f).reason, "a reason") == 0, "by %s: %s", of_bad(&f).by, of_bad(&f).reason);
    later(&f, 600000);
    cr_expect_null(alert_about(&f, "step/test.s0"), "whoever tripped it knows");
    fx_recovers_both(&f);
    end_all(&f, &a, OUTCOME_EXIT, 1);
    cr_assert_eq(of_bad(&f).state, BREAKER_OPEN);
    cr_expect(!*of_bad(&f).by && alert_about(&f, "step/test.s0"), "that it did itself");
    fx_done(&f);
}

Test(engine_breakers, what_opened_one_is_an_attempt_that_failed)
{
    struct fx f;
    struct fx_agent a = start(&f, bad_and_other, 4);
    for (uint32_t day = 0; day < 3; day++)
        fx_ended(&f, &a, fx_attempt(&f, 1, 0, day), OUTCOME_EXIT, 1);
    fx_turn(&f);
    cr_expect(strstr(of_bad(&f).cause, "s0[2024-01-03]"), "closed: %s", of_bad(&f).cause);
    fx_recovers_both(&f);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 3), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(of_bad(&f).state, BREAKER_OPEN);
    cr_expect(strstr(of_bad(&f).cause, "s0[2024-01-03] of bf-1"), "%s", of_bad(&f).cause);
    cr_expect(strstr(record_rare(fx_record(&f, RECORD_AUDIT, 0))->text, "3 of 4 attempts failed; the last: s0[2024-01-03]"));
    fx_done(&f);
}

Test(engine_breakers, by_hand)
{
    struct fx f;
    struct fx_agent a = start(&f, bad_and_other, 4);
    cr_expect_eq(ask(&f, OP_BREAKER_OPEN, "step/test.s0")->rc, BF_OK);
    cr_expect_eq(of_bad(&f).state, BREAKER_OPEN);
    cr_expect(of_bad(&f).held && of_bad(&f).until_ms == -1);
    end_all(&f, &a, OUTCOME_OK, 0);
    later(&f, 10000000);
    cr_expect_eq(of_bad(&f).state, BREAKER_OPEN, "until somebody closes it");
    cr_expect_eq(running_of(&f, ANY, 0), 0u);
    fx_recovers_both(&f);
    cr_expect_eq(ask(&f, OP_BREAKER_TRIP, "step/test.s0")->rc, BF_OK);
    cr_expect_eq(of_bad(&f).until_ms, f.now_ms + 10000);
    cr_expect_eq(ask(&f, OP_BREAKER_CLOSE, "step/test.s0")->rc, BF_OK);
    fx_turn(&f);
    cr_expect_eq(of_bad(&f).state, BREAKER_CLOSED);
    cr_expect_eq(ask(&f, OP_BREAKER_CLOSE, "step/test.s0")->rc, BF_OK, "again is said, not done");
    cr_expect_eq(ask(&f, OP_BREAKER_TRIP, "step/test.s9")->rc, BF_NOT_FOUND);
    cr_expect_eq(ask(&f, OP_BREAKER_TRIP, "warehouse")->rc, BF_INVALID);
    fx_done(&f);
}

/* ---- what a plan says holds while its backfill lives ---- */

/* Of the same step: that of seed 1 lets three probes through and has 20 days to do, that of seed 2 one probe, and goes first. */
static struct plan *probed(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 20);
    fx_step(p, seed == 1 ? PLAN_DAY : PLAN_NONE, PLAN_NO_INDEX);
    p->steps[0].priority = seed == 1 ? PLAN_LOW : PLAN_CRITICAL;
    p->steps[0].breaker = (struct plan_breaker){.given = true, .settings = soon};
    p->steps[0].breaker.settings.probes = seed == 1 ? 3 : 1;
    return fx_plan_done(p);
}

Test(engine_breakers, probes_that_an_end_allows_begin_without_another_event)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 4);
    fx_init(&f, &(struct engine_config){0});
    cr_assert(fx_create(&f, probed, 1) == 1 && fx_create(&f, probed, 2) == 2);
    fx_hello(&f, &a, 0);
    fx_turn(&f);
    cr_assert_eq(ask(&f, OP_BREAKER_TRIP, "step/test.s0")->rc, BF_OK);
    for (uint32_t day = 0; day < 3; day++)
        fx_ended(&f, &a, fx_attempt(&f, 1, 0, day), OUTCOME_OK, 0);
    later(&f, 10000);
    cr_assert_eq(of_bad(&f).state, BREAKER_HALF_OPEN);
    cr_assert_eq(running_of(&f, 1, ANY), 1u, "as the plan says that came last");
    fx_ended(&f, &a, fx_attempt(&f, 2, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_backfill(&f, 2).state, BACKFILL_SUCCEEDED);
    for (int i = 0; i < 3 && engine_next_timer_ms(f.e) <= f.now_ms; i++)
        fx_turn(&f);
    cr_expect_eq(running_of(&f, 1, ANY), 3u, "the other plan's word is the last now");
    fx_recovers_both(&f);
    fx_done(&f);
}

/* Of two steps: that of seed 1 lets three probes of its first through and one of its second, that of seed 2 the other way round, and goes
 * first. */
static struct plan *probed_in_turn(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 20);
    for (uint32_t i = 0; i < 2; i++) {
        fx_step(p, seed == 1 && i == 0 ? PLAN_DAY : PLAN_NONE, PLAN_NO_INDEX);
        p->steps[i].priority = seed == 1 ? PLAN_LOW : PLAN_CRITICAL;
        p->steps[i].breaker = (struct plan_breaker){.given = true, .settings = soon};
        p->steps[i].breaker.settings.probes = (seed == 1) == (i == 0) ? 3 : 1;
    }
    return fx_plan_done(p);
}

Test(engine_breakers, probes_that_an_end_allows_begin_though_another_breaker_holds_more)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 2), another = fx_agent(2, 8);
    fx_init(&f, &(struct engine_config){0});
    cr_assert(fx_create(&f, probed_in_turn, 1) == 1 && fx_create(&f, probed_in_turn, 2) == 2);
    fx_hello(&f, &a, 0);
    fx_turn(&f);
    cr_assert_eq(running_of(&f, 2, ANY), 2u);
    cr_assert(ask(&f, OP_BREAKER_TRIP, "step/test.s0")->rc == BF_OK && ask(&f, OP_BREAKER_TRIP, "step/test.s1")->rc == BF_OK);
    fx_ended(&f, &a, fx_attempt(&f, 2, 1, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    fx_hello(&f, &another, 0);
    later(&f, 10000);
    cr_assert(running_of(&f, ANY, 0) == 2u && running_of(&f, ANY, 1) == 1u, "one probe of each beside what ran before");
    fx_ended(&f, &a, fx_attempt(&f, 2, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_backfill(&f, 2).state, BACKFILL_SUCCEEDED);
    for (int i = 0; i < 3 && engine_next_timer_ms(f.e) <= f.now_ms; i++)
        fx_turn(&f);
    cr_expect_eq(running_of(&f, ANY, 0), 3u, "the second step's breaker holds now, and the first one's does not");
    cr_expect_eq(running_of(&f, ANY, 1), 1u);
    fx_recovers_both(&f);
    fx_done(&f);
}

/* ---- names with dots ---- */

/* Plan a.b has the step c, and plan a the step b.c: seed 1, 2. */
static struct plan *dotted(uint64_t seed)
{
    struct plan *p = fx_plan();
    free(p->name);
    p->name = bf_xstrdup(seed == 1 ? "a.b" : "a");
    fx_days(p, FX_JAN_1, 4);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    free(p->steps[0].name);
    p->steps[0].name = bf_xstrdup(seed == 1 ? "c" : "b.c");
    return fx_plan_done(p);
}

Test(engine_breakers, steps_whose_plans_have_dots_are_held_each_by_its_own)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 100);
    fx_init(&f, &(struct engine_config){0});
    cr_assert_eq(fx_create(&f, dotted, 1), 1u);
    fx_turn(&f);
    cr_expect_eq(ask(&f, OP_BREAKER_OPEN, "step/a.b.c")->rc, BF_NOT_FOUND, "of plan a nothing is known");
    cr_assert_eq(fx_create(&f, dotted, 2), 2u);
    cr_expect_eq(ask(&f, OP_BREAKER_OPEN, "step/a.b/c")->rc, BF_OK);
    fx_turn(&f);
    fx_hello(&f, &a, 0);
    fx_turn(&f);
    cr_expect_eq(running_of(&f, 1, ANY), 0u, "its breaker is open");
    cr_expect_eq(running_of(&f, 2, ANY), 4u, "that of the other is not");
    cr_expect_eq(named(&f, BREAKER_STEP, "a.b.c").state, BREAKER_CLOSED);
    fx_recovers_both(&f);
    fx_done(&f);
}

/* ---- agents ---- */

/* Ten steps that run once, first, so that more than one speaks of an agent; then many days of another. */
static struct plan *many(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 200);
    for (uint32_t i = 0; i < 11; i++) {
        uint32_t step = fx_step(p, i < 10 ? PLAN_NONE : PLAN_DAY, PLAN_NO_INDEX);
        p->steps[step].retry.max_attempts = (uint32_t)seed;
        p->steps[step].priority = i < 10 ? PLAN_CRITICAL : PLAN_NORMAL;
    }
    return fx_plan_done(p);
}

static void start_many(struct fx *f, const struct fx_agent *agents, size_t n)
{
    fx_init(f, &(struct engine_config){0});
    for (size_t i = 0; i < n; i++)
        fx_hello(f, &agents[i], 0);
    fx_create(f, many, 3);
    fx_turn(f);
}

/* Each of these agents has 10 slots; what runs on agent i ends by how[i]. */
static void end_by_agent(struct fx *f, const struct fx_agent *agents, const enum outcome_source *how)
{
    struct attempt_view v;
    struct agent_view at;
    for (uint64_t id = 0; (id = engine_next_attempt(f->e, id)) != 0;) {
        cr_assert(engine_find_attempt(f->e, id, &v) && engine_agent(f->e, v.agent, &at));
        size_t i = at.key[0] == agents[0].key[0] ? 0 : 1;
        fx_ended(f, &agents[i], v.ref, how[i], how[i] == OUTCOME_OK ? 0 : 11);
    }
    fx_turn(f);
}

Test(engine_breakers, an_agent_on_which_fails_what_goes_well_elsewhere_gets_nothing)
{
    static const enum outcome_source first_is_sick[] = {OUTCOME_SIGNAL, OUTCOME_OK}, all_bad[] = {OUTCOME_SIGNAL, OUTCOME_SIGNAL};
    for (int sick = 0; sick < 2; sick++) {
        struct fx f;
        struct fx_agent agents[] = {fx_agent(1, 10), fx_agent(2, 10)};
        start_many(&f, agents, 2);
        for (int i = 0; i < 3; i++)
            end_by_agent(&f, agents, sick ? first_is_sick : all_bad);
        enum breaker_state state = named(&f, BREAKER_AGENT, agents[0].name).state;
        cr_expect_eq(state, sick ? BREAKER_OPEN : BREAKER_CLOSED, "%s", sick ? "it alone is bad" : "it is not the agent's fault");
        cr_expect_eq(named(&f, BREAKER_AGENT, agents[1].name).state, BREAKER_CLOSED);
        struct agent_view at;
        cr_assert(engine_agent(f.e, engine_agent_by_key(f.e, agents[0].key), &at));
        if (sick)
            cr_expect_eq(at.busy, 0u);
        fx_recovers_both(&f);
        fx_done(&f);
    }
}

/* What runs on one of three agents. */
static void end_on(struct fx *f, const struct fx_agent *a, enum outcome_source how)
{
    struct attempt_view v;
    struct agent_view at;
    for (uint64_t id = 0; (id = engine_next_attempt(f->e, id)) != 0;) {
        cr_assert(engine_find_attempt(f->e, id, &v) && engine_agent(f->e, v.agent, &at));
        if (memcmp(at.key, a->key, BF_KEY_BYTES) == 0)
            fx_ended(f, a, v.ref, how, how == OUTCOME_OK ? 0 : 11);
    }
    fx_turn(f);
}

Test(engine_breakers, an_agent_is_judged_by_what_was_heard_of_late_on_others_that_are_here)
{
    static const struct { const char *name; bool old, left; enum breaker_state state; } cases[] = {
        {"well on another", false, false, BREAKER_OPEN}, {"long ago", true, false, BREAKER_CLOSED},
        {"it left", false, true, BREAKER_CLOSED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fx f;
        struct fx_agent agents[] = {fx_agent(1, 10), fx_agent(2, 10), fx_agent(3, 10)};
        start_many(&f, agents, 3);
        end_on(&f, &agents[1], OUTCOME_OK);
        if (cases[i].left)
            fx_lost(&f, &agents[1]);
        later(&f, cases[i].old ? 301000 : 1000);
        for (int k = 0; k < 2; k++)
            end_on(&f, &agents[0], OUTCOME_SIGNAL);
        cr_expect_eq(named(&f, BREAKER_AGENT, agents[0].name).state, cases[i].state, "%s", cases[i].name);
        fx_recovers_both(&f);
        fx_done(&f);
    }
}

Test(engine_breakers, one_of_an_agent_that_is_gone_is_no_alert)
{
    struct fx f;
    struct fx_agent agents[] = {fx_agent(1, 10), fx_agent(2, 10)};
    static const enum outcome_source first_is_sick[] = {OUTCOME_SIGNAL, OUTCOME_OK};
    char name[64];
    start_many(&f, agents, 2);
    for (int i = 0; i < 3; i++)
        end_by_agent(&f, agents, first_is_sick);
    snprintf(name, sizeof name, "agent/%s", agents[0].name);
    cr_assert(alert_about(&f, name));
    fx_lost(&f, &agents[0]);
    later(&f, 120000);
    cr_expect_eq(named(&f, BREAKER_AGENT, agents[0].name).state, BREAKER_HALF_OPEN);
    cr_expect_null(alert_about(&f, name));
    fx_recovers_both(&f);
    fx_done(&f);
}

/* ---- datasets ---- */

/* Two steps read what a third writes; seed 1: only one of them does. */
static struct plan *readers(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 20);
    for (uint32_t i = 0; i < 3; i++)
        fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_output(p, 2, NULL, "raw");
    for (uint32_t i = 0; i < seed; i++) {
        p->steps[i].retry.max_attempts = 1;
        p->steps[i].inputs = calloc(1, sizeof *p->steps[i].inputs);
        p->steps[i].n_inputs = 1;
    }
    p->datasets[0].breaker = (struct plan_breaker){.given = true, .settings = soon};
    return fx_plan_done(p);
}

Test(engine_breakers, one_reader_speaks_of_itself_and_two_of_the_dataset)
{
    for (uint32_t n = 1; n <= 2; n++) {
        struct fx f;
        struct fx_agent a = start(&f, readers, n);
        for (uint32_t day = 0; day < 5; day++)
            for (uint32_t step = 0; step < n; step++)
                fx_ended(&f, &a, fx_attempt(&f, 1, step, day), OUTCOME_CHECK, CHECK_ERROR);
        fx_turn(&f);
        cr_expect_eq(named(&f, BREAKER_DATASET, "raw").state, n == 1 ? BREAKER_CLOSED : BREAKER_OPEN, "%u readers", n);
        fx_done(&f);
    }
}

/* Many days of one step whose data is bad: what was never tuned lets it come to its end at once. */
static struct plan *bad_days(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 60);
    fx_step(p, PLAN_DAY, fx_pool(p, "small", 10));
    p->steps[0].retry.max_attempts = 1;
    p->steps[0].breaker = (struct plan_breaker){.given = seed, .settings = breaker_tuned(BREAKER_STEP)};
    return fx_plan_done(p);
}

Test(engine_breakers, a_step_that_nobody_tuned_fails_to_its_end)
{
    for (uint64_t tuned = 0; tuned <= 1; tuned++) {
        struct fx f;
        struct fx_agent a = start(&f, bad_days, tuned);
        uint32_t tried = 0;
        for (int i = 0; i < 6; i++) {
            tried += running_of(&f, ANY, 0);
            cr_expect_eq(named(&f, BREAKER_POOL, "small").state, BREAKER_CLOSED, "bad data says nothing of the pool");
            end_all(&f, &a, OUTCOME_CHECK, CHECK_ERROR);
        }
        cr_expect_eq(of_bad(&f).state, tuned ? BREAKER_OPEN : BREAKER_CLOSED);
        cr_expect_eq(tried, tuned ? 20u : 60u);
        fx_done(&f);
    }
}

/* ---- a question to the warehouse ---- */

/* What `bfctl warehouse test` makes: one step without partitions, pools or datasets, that only asks. */
static struct plan *question(uint64_t seed)
{
    (void)seed;
    struct plan *p = fx_plan();
    uint32_t s = fx_step(p, PLAN_NONE, PLAN_NO_INDEX);
    p->n_connections = 1;
    p->connections = bf_xcalloc(1, sizeof *p->connections);
    p->connections[0] = (struct plan_connection){.name = bf_xstrdup("wh"), .odbc = bf_xstrdup("")};
    p->steps[s].kind = PLAN_WAREHOUSE;
    p->steps[s].connection = 0;
    p->steps[s].retry.max_attempts = 1;
    return fx_plan_done(p);
}

Test(engine_breakers, the_end_of_a_question_counts_for_its_agent_and_not_for_its_connection)
{
    static const struct { enum outcome_source source; int32_t code; uint32_t calls, failures; } ends[] = {
        {OUTCOME_OK, 0, 1, 0}, {OUTCOME_SIGNAL, 11, 1, 1}, {OUTCOME_TIMEOUT, 0, 1, 1}, {OUTCOME_EXIT, 1, 1, 1},
        {OUTCOME_CANCELLED, 0, 0, 0}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct fx f;
        struct fx_agent a = start(&f, question, 1);
        cr_assert_eq(running_of(&f, ANY, 0), 1u);
        end_all(&f, &a, ends[i].source, ends[i].code);
        struct breaker_view agent = named(&f, BREAKER_AGENT, "agent-1");
        cr_expect(agent.calls == ends[i].calls && agent.failures == ends[i].failures, "%zu: %u of %u", i, agent.failures, agent.calls);
        for (size_t k = 0; k < engine_n_breakers(f.e); k++) {
            struct breaker_view b;
            cr_expect(!engine_breaker(f.e, k, &b) || b.kind != BREAKER_CONNECTION || b.calls == 0, "it asks how the connection is");
        }
        fx_recovers_both(&f);
        fx_done(&f);
    }
}

/* ---- configuration ---- */

Test(engine_breakers, the_configuration_holds_where_no_plan_speaks_and_a_name_outranks_plans)
{
    struct fx f;
    struct fx_agent a = start(&f, bad_and_other, 4);
    struct input in = {.kind = INPUT_BREAKER,
                       FX_SAYS(.breaker = {.kind = BREAKER_STEP, .name = "", .source = BREAKER_BY_CONFIG, .settings = soon})};
    in.rare->breaker.settings.window = 7;
    fx_step_input(&f, &in);
    cr_expect_eq(fx_count_records(&f, RECORD_BREAKER_SETTINGS), 1u);
    fx_step_input(&f, &in);
    cr_expect_eq(fx_count_records(&f, RECORD_BREAKER_SETTINGS), 1u, "no news");
    fx_turn(&f);
    cr_expect_eq(named(&f, BREAKER_STEP, "test.s1").settings->window, 7u);
    cr_expect_eq(of_bad(&f).settings->window, 4u, "the plan speaks of it");
    in.rare->breaker.name = "test.s0";
    fx_step_input(&f, &in);
    fx_turn(&f);
    cr_expect_eq(of_bad(&f).settings->window, 7u);
    (void)a;
    fx_recovers_both(&f);
    fx_done(&f);
}

/* Sensors: "not there yet" backs off without being a failure, an attempt or a retry; the time-out fails by name. */
#include <criterion/criterion.h>
#include <string.h>

#include "coordinator/engine/decide.h"
#include "coordinator/engine/tally.h"
#include "tests/support/engine_fixture.h"

enum { EVERY_MS = 60000, TIMEOUT_MS = 150000 };

/* A sensor in a pool of one slot, with two attempts and a retry budget. */
static struct plan *sensor_plan(uint64_t timeout_ms)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "warehouse", 1), s = fx_step(p, PLAN_NONE, pool);
    fx_output(p, s, "wh", "raw");
    p->steps[s].n_outputs = 0;
    p->steps[s].kind = PLAN_SENSOR;
    p->steps[s].connection = 0;
    p->steps[s].sensor = (struct plan_sensor){.dataset = 0, .every_ms = EVERY_MS, .timeout_ms = (int64_t)timeout_ms};
    p->steps[s].retry.max_attempts = 2;
    p->steps[s].retry.budget_millionths = 10000;
    return fx_plan_done(p);
}

static void begin(struct fx *f, struct fx_agent *a, uint64_t timeout_ms)
{
    *a = fx_agent(1, 1);
    fx_init(f, NULL);
    fx_hello(f, a, 0);
    fx_create(f, sensor_plan, timeout_ms);
    fx_turn(f);
}

/* A look that finds nothing; then the next one is due. */
static void look(struct fx *f, const struct fx_agent *a)
{
    fx_started(f, a, fx_attempt(f, 1, 0, 0));
    fx_ended(f, a, fx_attempt(f, 1, 0, 0), OUTCOME_NOT_YET, 0);
}

static void wait_for_look(struct fx *f)
{
    struct instance_view v;
    cr_assert(engine_instance(f->e, 1, 0, 0, &v));
    f->now_ms = v.retry_at_ms;
    fx_turn(f);
}

Test(engine_sensor, an_answer_is_no_attempt_and_holds_nothing)
{
    struct fx f;
    struct fx_agent a;
    struct look_view l;
    struct pool_view pool;
    begin(&f, &a, 0);
    cr_assert_not(engine_looks(f.e, 1, 0, 0, &l));
    for (uint32_t n = 1; n <= 30; n++) {
        struct instance_view v;
        struct blocker why[2];
        struct tally t = {0};
        look(&f, &a);
        cr_assert(engine_instance(f.e, 1, 0, 0, &v));
        cr_assert_eq(v.state, INSTANCE_BACKING_OFF);
        cr_assert(v.looking);
        cr_assert_eq(v.attempts, 0u);
        cr_assert_eq(v.retry_at_ms, f.now_ms + EVERY_MS);
        engine_pool(f.e, 0, &pool);
        cr_assert_eq(pool.used, 0u);
        cr_assert(engine_looks(f.e, 1, 0, 0, &l));
        cr_assert_eq(l.looks, n);
        cr_assert_eq(l.gives_up_ms, -1);
        cr_assert_eq(engine_why(f.e, 1, 0, 0, why, 2), 1u);
        cr_assert_eq(why[0].kind, BLOCKER_SENSOR);
        cr_assert_eq(why[0].clears_at_ms, v.retry_at_ms);
        engine_tally(f.e, 1, 0, 0, 1, f.wall_us, &t);
        cr_assert_eq(t.looking, 1u);
        cr_assert_eq(t.n_failed, 0u, "it is none of those that failed last");
        f.now_ms = v.retry_at_ms - 1;
        fx_turn(&f);
        cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_BACKING_OFF, "not before its time");
        wait_for_look(&f);
        cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_ASSIGNED);
    }
    const struct backfill *b = backfill_find(f.e, 1);
    cr_assert_eq(b->first_attempts, 1u, "one first attempt, for the retry budget");
    cr_assert_eq(b->retries, 0u);
    cr_assert_eq(f.e->alerts.member_of.n, 0u, "nothing to alert of");
    cr_assert_neq(*l.text, '\0');
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert(engine_looks(f.e, 1, 0, 0, &l) && l.looks == 30);
    cr_assert_eq(*l.text, '\0', "what it was told is not kept for ever");
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    fx_done(&f);
}

Test(engine_sensor, it_gives_up_at_its_time_out_and_says_so)
{
    struct fx f;
    struct fx_agent a;
    begin(&f, &a, TIMEOUT_MS);
    int64_t since_ms = f.now_ms;
    for (int n = 1; n <= 3; n++) {
        look(&f, &a);
        cr_assert_eq(fx_record(&f, RECORD_ENDED, 0)->verdict, VERDICT_LOOK_AGAIN);
        wait_for_look(&f);
    }
    cr_assert_leq(f.now_ms, since_ms + TIMEOUT_MS + 1000, "the last look is at the time-out, not after it");
    look(&f, &a);
    const struct record *r = fx_record(&f, RECORD_ENDED, 0);
    cr_assert_eq(r->verdict, VERDICT_FAILED);
    cr_assert_eq(r->failure_class, FAILURE_PERMANENT);
    cr_assert(strstr(record_outcome(r)->text, "raw is still not there after 2m 30s, looked 4 times"), "%s", record_outcome(r)->text);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_FAILED);
    fx_ask(&f, OP_RETRY, 1);
    fx_turn(&f);
    struct look_view l;
    cr_assert_not(engine_looks(f.e, 1, 0, 0, &l), "a new run begins anew");
    fx_done(&f);
}

Test(engine_sensor, failures_count_since_the_last_answer)
{
    struct fx f;
    struct fx_agent a;
    begin(&f, &a, 0);
    for (int n = 0; n < 5; n++) {
        fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_EXIT, 75);
        cr_assert_eq(fx_record(&f, RECORD_ENDED, 0)->verdict, VERDICT_RETRY);
        wait_for_look(&f);
        look(&f, &a);
        cr_assert_eq(fx_record(&f, RECORD_ENDED, 0)->verdict, VERDICT_LOOK_AGAIN);
        wait_for_look(&f);
    }
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_EXIT, 75);
    wait_for_look(&f);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_EXIT, 75);
    cr_assert_eq(fx_record(&f, RECORD_ENDED, 0)->verdict, VERDICT_FAILED, "two in a row are all that its plan allows");
    fx_done(&f);
}

static struct plan *ordinary(uint64_t days) { return fx_chain((uint32_t)days, 0); }

/* No agent of ours says so of such a step; one that lies makes no sensor of it. */
Test(engine_sensor, such_an_answer_of_another_step_is_a_failure)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 1);
    struct look_view l;
    fx_init(&f, NULL);
    fx_hello(&f, &a, 0);
    fx_create(&f, ordinary, 1);
    fx_turn(&f);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_NOT_YET, 0);
    const struct record *r = fx_record(&f, RECORD_ENDED, 0);
    cr_assert_eq(r->verdict, VERDICT_RETRY);
    cr_assert_eq(r->failure_class, FAILURE_UNKNOWN);
    cr_assert_eq(r->n_numbers, 0u);
    cr_assert_not(engine_looks(f.e, 1, 0, 0, &l));
    fx_turn(&f);
    fx_done(&f);
}

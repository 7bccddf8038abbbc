/* Stragglers that are run again elsewhere: who is asked to end and who is not, that the next attempt comes after the end and elsewhere,
 * what is charged, and that a recovery knows it all. */
#include <criterion/criterion.h>
#include <string.h>

#include "coordinator/engine/place.h"
#include "coordinator/engine/rerun.h"
#include "tests/support/engine_fixture.h"

enum { LATE_MS = 6002 };                         /* a plan that expects a second: three times that, and 5 s more than it at least */

/* One step over so many days that may be run again, with a single attempt. */
static struct plan *declared(uint64_t days)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, (uint32_t)days);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    p->steps[0].expect_ms = 1000;
    p->steps[0].expected = true;
    p->steps[0].rerun = true;
    p->steps[0].retry.max_attempts = 1;
    return fx_plan_done(p);
}

static struct plan *undeclared(uint64_t days)
{
    struct plan *p = declared(days);
    p->steps[0].rerun = false;
    return p;
}

static void pass(struct fx *f, int64_t ms)
{
    f->now_ms += ms;
    f->wall_us += ms * 1000;
    fx_turn(f);
}

static uint32_t agent_of(const struct fx *f, uint32_t index)
{
    struct attempt_view a;
    cr_assert(engine_find_attempt(f->e, fx_attempt(f, 1, 0, index).attempt, &a));
    return a.agent;
}

static enum rerun_phase phase_of(const struct fx *f, uint32_t index)
{
    struct rerun_view r;
    return engine_rerun(f->e, 1, 0, index, &r) ? r.phase : 0;
}

static size_t kills(const struct fx *f, struct attempt_ref ref)
{
    size_t n = 0;
    for (size_t i = 0; i < f->out.n_effects; i++)
        n += f->out.effects[i].kind == EFFECT_KILL && f->out.effects[i].kill_reason == KILL_CANCELLED &&
             f->out.effects[i].ref.attempt == ref.attempt;
    return n;
}

/* An agent runs the days; a second one, which comes when they run, has so many slots. */
static void begin(struct fx *f, struct fx_agent a[2], fx_make *make, uint32_t days, uint32_t slots)
{
    a[0] = fx_agent(1, days);
    a[1] = fx_agent(2, slots);
    fx_begin(f, &a[0], make, days);
    if (slots > 0)
        fx_hello(f, &a[1], 0);
    fx_turn(f);
    for (uint32_t i = 0; i < days; i++)
        cr_assert_eq(agent_of(f, i), 1u);
}

Test(engine_rerun, a_straggler_is_ended_and_then_run_again_elsewhere)
{
    struct fx f;
    struct fx_agent a[2];
    begin(&f, a, declared, 1, 1);
    struct attempt_ref first = fx_attempt(&f, 1, 0, 0);
    fx_started(&f, &a[0], first);
    pass(&f, LATE_MS - 2);
    cr_assert_eq(fx_count_records(&f, RECORD_RERUN), 0u, "not yet");
    pass(&f, 2);
    const struct record *r = fx_record(&f, RECORD_RERUN, 0);
    cr_assert(r && r->numbers[0] == RERUN_ASKED && r->numbers[1] == LATE_MS && r->numbers[2] == 1000 && r->agent == 1);
    cr_assert_eq(kills(&f, first), 1u);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_RUNNING);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u, "the first is alive");
    const struct record *told = fx_record(&f, RECORD_AUDIT, 0);
    cr_assert(told);
    cr_assert_str_eq(record_rare(told)->what, "rerun");
    fx_recovers_both(&f);
    pass(&f, 60000);
    cr_assert_eq(fx_count_records(&f, RECORD_RERUN), 0u, "it is asked once");
    cr_assert_eq(fx_attempt(&f, 1, 0, 0).attempt, first.attempt, "and nothing else runs before its end");
    fx_ended(&f, &a[0], first, OUTCOME_CANCELLED, 0);
    const struct record *end = fx_record(&f, RECORD_ENDED, 0);
    cr_assert(end && end->verdict == VERDICT_REQUEUE && end->failure_class == FAILURE_NONE);
    cr_assert_eq(phase_of(&f, 0), RERUN_DUE);
    fx_turn(&f);
    cr_assert_eq(agent_of(&f, 0), 2u, "though the first is as little busy, and has the lower number");
    cr_assert_eq(phase_of(&f, 0), RERUN_RUNS);
    struct attempt_view v;
    cr_assert(engine_find_attempt(f.e, fx_attempt(&f, 1, 0, 0).attempt, &v));
    cr_assert(v.placed && v.by == PLACE_ELSEWHERE && v.near == 1 && v.attempt_no == 1);
    fx_recovers_both(&f);
    pass(&f, 2 * LATE_MS);
    cr_assert_eq(fx_count_records(&f, RECORD_RERUN), 0u, "once in a run");
    cr_assert_eq(engine_rerun_bar(f.e, fx_attempt(&f, 1, 0, 0).attempt), RERUN_BAR_ONCE);
    fx_ended(&f, &a[1], fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    cr_assert_eq(phase_of(&f, 0), 0);
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_rerun, a_success_that_comes_first_stands)
{
    struct fx f;
    struct fx_agent a[2];
    begin(&f, a, declared, 1, 1);
    pass(&f, LATE_MS);
    cr_assert_eq(phase_of(&f, 0), RERUN_ASKED);
    fx_ended(&f, &a[0], fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_SUCCEEDED);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    fx_recovers_both(&f);
    fx_done(&f);
}

/* Of itself: its one attempt was that. */
Test(engine_rerun, a_failure_that_comes_first_is_a_failure)
{
    struct fx f;
    struct fx_agent a[2];
    begin(&f, a, declared, 1, 1);
    pass(&f, LATE_MS);
    fx_ended(&f, &a[0], fx_attempt(&f, 1, 0, 0), OUTCOME_EXIT, 1);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_FAILED);
    cr_assert_eq(phase_of(&f, 0), 0);
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_rerun, only_where_its_step_says_so)
{
    struct fx f;
    struct fx_agent a[2];
    begin(&f, a, undeclared, 1, 1);
    pass(&f, 10 * LATE_MS);
    cr_assert_eq(fx_count_records(&f, RECORD_RERUN), 0u);
    cr_assert_eq(engine_rerun_bar(f.e, fx_attempt(&f, 1, 0, 0).attempt), RERUN_BAR_UNDECLARED);
    fx_done(&f);
}

Test(engine_rerun, it_goes_on_until_another_agent_has_room)
{
    struct fx f;
    struct fx_agent a[2], third = fx_agent(3, 1);
    begin(&f, a, declared, 2, 0);
    pass(&f, LATE_MS);
    cr_assert_eq(fx_count_records(&f, RECORD_RERUN), 0u);
    cr_assert_eq(engine_rerun_bar(f.e, fx_attempt(&f, 1, 0, 0).attempt), RERUN_BAR_NO_AGENT);
    fx_hello(&f, &third, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_RERUN), 1u, "one of ten at a time, and one always");
    cr_assert_eq(engine_rerun_bar(f.e, fx_attempt(&f, 1, 0, 1).attempt), RERUN_BAR_OTHERS);
    fx_ended(&f, &a[0], fx_attempt(&f, 1, 0, 0), OUTCOME_CANCELLED, 0);
    fx_turn(&f);
    cr_assert_eq(agent_of(&f, 0), 2u);
    fx_ended(&f, &third, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(phase_of(&f, 1), RERUN_ASKED, "its turn");
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_rerun, one_in_ten_at_a_time_and_no_more_than_there_is_room_for)
{
    struct fx f;
    struct fx_agent a[2];
    begin(&f, a, declared, 30, 2);
    pass(&f, LATE_MS);
    cr_assert_eq(fx_count_records(&f, RECORD_RERUN), 2u, "three might be, and there is room for two");
    cr_assert_eq(engine_rerun_bar(f.e, fx_attempt(&f, 1, 0, 2).attempt), RERUN_BAR_BUSY);
    struct fx_agent third = fx_agent(3, 20);
    fx_hello(&f, &third, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_RERUN), 1u);
    cr_assert_eq(engine_rerun_bar(f.e, fx_attempt(&f, 1, 0, 3).attempt), RERUN_BAR_OTHERS);
    fx_recovers_both(&f);
    fx_done(&f);
}

/* Others take as long by now: its time is up later, and it is looked at then though nothing else happens. */
Test(engine_rerun, by_what_is_usual_now)
{
    struct fx f;
    struct fx_agent a[2];
    begin(&f, a, declared, 6, 1);
    for (uint32_t i = 0; i < 5; i++) {
        struct input in = {.kind = INPUT_REPORT, .incarnation = a[0].incarnation};
        memcpy(in.key, a[0].key, sizeof in.key);
        in.report = (struct agent_report){.ref = fx_attempt(&f, 1, 0, i), .kind = REPORT_ENDED, .started_us = f.wall_us,
                                          .ended_us = f.wall_us + 5000000};
        in.report.outcome = (struct outcome){.source = OUTCOME_OK, .sqlstate = "", .dbms = "", .text = "", .details = "", .rows = -1};
        fx_step_input(&f, &in);
    }
    fx_turn(&f);
    pass(&f, LATE_MS);
    cr_assert_eq(fx_count_records(&f, RECORD_RERUN), 0u);
    cr_assert_eq(engine_rerun_bar(f.e, fx_attempt(&f, 1, 0, 5).attempt), RERUN_BAR_NOT_LATE);
    int64_t due_ms = engine_next_timer_ms(f.e);
    cr_assert(due_ms > f.now_ms && due_ms < f.now_ms + LATE_MS, "%lld", (long long)(due_ms - f.now_ms));
    pass(&f, due_ms - f.now_ms);
    cr_assert_eq(phase_of(&f, 5), RERUN_ASKED);
    fx_done(&f);
}

Test(engine_rerun, not_while_its_backfill_is_paused)
{
    struct fx f;
    struct fx_agent a[2];
    begin(&f, a, declared, 1, 1);
    fx_ask(&f, OP_PAUSE, 1);
    pass(&f, LATE_MS);
    cr_assert_eq(fx_count_records(&f, RECORD_RERUN), 0u);
    cr_assert_eq(engine_rerun_bar(f.e, fx_attempt(&f, 1, 0, 0).attempt), RERUN_BAR_STOPPED);
    fx_ask(&f, OP_RESUME, 1);
    fx_turn(&f);
    cr_assert_eq(phase_of(&f, 0), RERUN_ASKED);
    fx_done(&f);
}

/* A straggler is asked, its backfill paused, and it ends: its next attempt is due. */
static void due_while_paused(struct fx *f, struct fx_agent *agent)
{
    pass(f, LATE_MS);
    fx_ask(f, OP_PAUSE, 1);
    fx_ended(f, agent, fx_attempt(f, 1, 0, 0), OUTCOME_CANCELLED, 0);
    fx_turn(f);
}

/* Paused after it was asked: what is due waits for the resume. */
Test(engine_rerun, a_pause_in_the_middle_keeps_it_due)
{
    struct fx f;
    struct fx_agent a[2];
    begin(&f, a, declared, 1, 1);
    due_while_paused(&f, &a[0]);
    cr_assert_eq(phase_of(&f, 0), RERUN_DUE);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_READY);
    fx_recovers_both(&f);
    fx_ask(&f, OP_RESUME, 1);
    fx_turn(&f);
    cr_assert_eq(agent_of(&f, 0), 2u);
    fx_done(&f);
}

Test(engine_rerun, a_cancel_in_the_middle_ends_it)
{
    struct fx f;
    struct fx_agent a[2];
    begin(&f, a, declared, 1, 1);
    pass(&f, LATE_MS);
    fx_ask(&f, OP_CANCEL, 1);
    fx_ended(&f, &a[0], fx_attempt(&f, 1, 0, 0), OUTCOME_CANCELLED, 0);
    cr_assert_eq(fx_record(&f, RECORD_ENDED, 0)->verdict, VERDICT_CANCELLED);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_CANCELLED);
    cr_assert_eq(phase_of(&f, 0), 0);
    fx_recovers_both(&f);
    fx_done(&f);
}

/* While it is due it is forgotten with its backfill. */
Test(engine_rerun, a_cancel_of_what_is_due)
{
    struct fx f;
    struct fx_agent a[2];
    begin(&f, a, declared, 1, 1);
    due_while_paused(&f, &a[0]);
    fx_ask(&f, OP_CANCEL, 1);
    fx_turn(&f);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_CANCELLED);
    cr_assert_eq(phase_of(&f, 0), 0);
    fx_recovers_both(&f);
    fx_done(&f);
}

/* The second step may be run again; it needs the first, which has a single attempt. */
static struct plan *after_another(uint64_t days)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, (uint32_t)days);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_edge(p, 1, 0, PLAN_SAME);
    p->steps[0].retry.max_attempts = 1;
    p->steps[1].expect_ms = 1000;
    p->steps[1].expected = p->steps[1].rerun = true;
    return fx_plan_done(p);
}

/* What it needs runs again meanwhile, and fails: what is due can never run, and keeps no slot for itself. */
Test(engine_rerun, what_is_due_when_its_backfill_is_over_is_forgotten)
{
    static const char *const first_step[] = {"s0"};
    struct fx f;
    struct fx_agent a[2] = {fx_agent(1, 1), fx_agent(2, 1)};
    fx_begin(&f, &a[0], after_another, 1);
    fx_ended(&f, &a[0], fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    fx_hello(&f, &a[1], 0);
    pass(&f, LATE_MS);
    struct attempt_ref straggler = fx_attempt(&f, 1, 1, 0);
    cr_assert_eq(engine_reruns(f.e, RERUN_ASKED), 1u);
    struct op_request r = fx_request(&f, OP_FORCE, 1);
    r.selectors = first_step;
    r.n_selectors = 1;
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    fx_turn(&f);
    fx_ended(&f, &a[0], straggler, OUTCOME_CANCELLED, 0);
    fx_turn(&f);
    cr_assert_eq(engine_reruns(f.e, RERUN_DUE), 1u);
    fx_recovers_both(&f);
    fx_ended(&f, &a[1], fx_attempt(&f, 1, 0, 0), OUTCOME_EXIT, 1);
    fx_turn(&f);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_FAILED);
    cr_expect_eq(engine_reruns(f.e, RERUN_DUE), 0u);
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_rerun, an_agent_that_is_lost_in_the_middle_is_fenced_first)
{
    struct fx f;
    struct fx_agent a[2];
    begin(&f, a, declared, 1, 1);
    pass(&f, LATE_MS);
    struct attempt_ref first = fx_attempt(&f, 1, 0, 0);
    pass(&f, 30000);
    cr_assert_eq(fx_attempt(&f, 1, 0, 0).attempt, first.attempt, "nobody knows that it is dead");
    fx_lost(&f, &a[0]);
    cr_assert_eq(fx_record(&f, RECORD_ENDED, 0)->failure_class, FAILURE_LOST);
    fx_turn(&f);
    cr_assert_eq(agent_of(&f, 0), 2u);
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_rerun, an_agent_that_comes_back_is_told_again)
{
    struct fx f;
    struct fx_agent a[2];
    begin(&f, a, declared, 1, 1);
    pass(&f, LATE_MS);
    struct attempt_ref first = fx_attempt(&f, 1, 0, 0);
    fx_hello_holding(&f, &a[0], &first, 1);
    cr_assert_eq(kills(&f, first), 1u);
    fx_done(&f);
}

/* The other agent's slot is taken meanwhile: it waits for it, and after a minute the first one will do. */
Test(engine_rerun, it_waits_a_minute_for_another_agent)
{
    struct fx f;
    struct fx_agent a[2];
    struct blocker k[16];
    struct near_view n;
    begin(&f, a, declared, 1, 1);
    pass(&f, LATE_MS);
    cr_assert_eq(fx_create(&f, undeclared, 1), 2u);
    fx_turn(&f);
    fx_ended(&f, &a[0], fx_attempt(&f, 1, 0, 0), OUTCOME_CANCELLED, 0);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_READY, "though the first agent has a slot free");
    cr_assert(engine_near(f.e, 1, 0, 0, &n));
    cr_assert(n.waits && n.agent == 2 && n.until_ms == f.now_ms + RERUN_WAIT_MS);
    cr_assert(engine_why(f.e, 1, 0, 0, k, 16) > 0 && k[0].kind == BLOCKER_NEAR && k[0].straggled == 1);
    fx_recovers_both(&f);
    pass(&f, RERUN_WAIT_MS - 1);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_READY);
    pass(&f, 1);
    cr_assert_eq(agent_of(&f, 0), 1u);
    fx_recovers_both(&f);
    fx_done(&f);
}

/* Where as many wait for one agent as it has slots, the next waits for another that is as busy. */
Test(engine_rerun, two_wait_for_two_agents)
{
    struct fx f;
    struct fx_agent a[2], third = fx_agent(3, 1);
    struct near_view n[2];
    begin(&f, a, declared, 20, 1);
    fx_hello(&f, &third, 0);
    pass(&f, LATE_MS);
    cr_assert_eq(engine_reruns(f.e, RERUN_ASKED), 2u);
    cr_assert_eq(fx_create(&f, undeclared, 2), 2u);
    fx_turn(&f);
    for (uint32_t i = 0; i < 2; i++) {
        fx_ended(&f, &a[0], fx_attempt(&f, 1, 0, i), OUTCOME_CANCELLED, 0);
        fx_turn(&f);
        cr_assert(engine_near(f.e, 1, 0, i, &n[i]) && n[i].waits, "day %u goes back to where it straggled", i);
    }
    cr_assert_eq(n[0].agent + n[1].agent, 2u + 3u);
    fx_done(&f);
}

Test(engine_rerun, records_that_do_not_fit_are_damage)
{
    struct fx f;
    struct fx_agent a[2];
    struct bf_error err = {0};
    begin(&f, a, declared, 1, 1);
    pass(&f, LATE_MS);
    uint64_t numbers[RERUN_NUMBERS] = {RERUN_ASKED, 1, 1};
    struct record r = {.kind = RECORD_RERUN, .backfill = 1, .agent = 1, .run = 1, .numbers = numbers, .n_numbers = RERUN_NUMBERS};
    struct engine *e = fx_fresh(&f);
    for (size_t i = 0; i < f.journal.n; i++)
        fx_apply_turn(e, &f.journal.at[i]);
    cr_assert_eq(engine_apply(e, &r, &err), BF_CORRUPT, "it is asked already");
    numbers[0] = 4;
    cr_assert_eq(engine_apply(e, &r, &err), BF_CORRUPT);
    engine_free(e);
    fx_done(&f);
}

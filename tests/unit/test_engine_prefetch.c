/* Attempts that are given to an agent before it has a slot free: how many, of what, and how they come back. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/view_alerts.h"
#include "tests/support/engine_fixture.h"

enum { TAKES_US = 10000, TRIP_US = 40000, AHEAD = TRIP_US / TAKES_US };

enum { SHORT, UNITS, FENCED, POOL, WARNS };
enum { LIMIT_MS = 60000 };

static struct plan *many(uint64_t what)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 30);
    uint32_t pool = what == UNITS || what == POOL ? fx_pool(p, "a", 3) : PLAN_NO_INDEX;
    uint32_t step = fx_step(p, PLAN_DAY, pool);
    p->steps[step].wait_for_fence = what == FENCED;
    if (what == WARNS) {
        p->steps[step].timebox_ms = LIMIT_MS;
        p->steps[step].timebox_then = PLAN_ONLY_WARN;
    }
    if (what == UNITS) {
        struct plan_resources *has = &p->pools[0].has;
        has->units = bf_xcalloc(1, sizeof *has->units);
        has->units[has->n_units++] = (struct plan_unit){.name = bf_xstrdup("conn"), .n = 9};
    }
    return fx_plan_done(p);
}

static struct plan *urgent(uint64_t class)
{
    struct plan *p = fx_plan();
    fx_step(p, PLAN_NONE, PLAN_NO_INDEX);
    p->steps[0].priority = (enum plan_priority)class;
    return fx_plan_done(p);
}

static struct fx_agent near(uint32_t slots)
{
    struct fx_agent a = fx_agent(1, slots);
    a.round_trip_us = TRIP_US;
    a.takes_us = TAKES_US;
    return a;
}

/* The first attempt has ended: from then on it is known what they take. */
static struct fx_agent start(struct fx *f, uint64_t what)
{
    struct fx_agent a = near(1);
    fx_begin(f, &a, many, what);
    cr_assert_eq(fx_backfill(f, 1).open_attempts, 1u, "nothing ahead of what is not known");
    fx_ended(f, &a, fx_attempt(f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(f);
    return a;
}

static struct agent_view the_agent(const struct fx *f)
{
    struct agent_view v;
    cr_assert(engine_agent(f->e, 1, &v));
    return v;
}

static bool asked_back(const struct fx *f, struct attempt_ref ref)
{
    for (size_t i = 0; i < f->out.n_effects; i++)
        if (f->out.effects[i].kind == EFFECT_KILL && f->out.effects[i].kill_reason == KILL_REVOKED &&
            f->out.effects[i].ref.attempt == ref.attempt)
            return true;
    return false;
}

Test(engine_prefetch, what_waits_takes_at_most_one_round_trip)
{
    struct fx f;
    struct fx_agent a = start(&f, SHORT);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 1u + AHEAD);
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->ahead_us, 0u, "the first has the slot");
    for (size_t i = 1; i <= AHEAD; i++)
        cr_assert_eq(fx_record(&f, RECORD_GRANTED, i)->ahead_us, (uint64_t)TAKES_US);
    cr_assert_eq(the_agent(&f).busy, 1u);
    cr_assert_eq(the_agent(&f).prefetched, (uint32_t)AHEAD);
    fx_started(&f, &a, fx_attempt(&f, 1, 0, 1));
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 1), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 1u, "one of those that wait has taken the slot");
    cr_assert_gt(fx_record(&f, RECORD_GRANTED, 0)->ahead_us, 0u);
    fx_started(&f, &a, fx_attempt(&f, 1, 0, 2));
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u, "that it has is no news");
    fx_done(&f);
}

Test(engine_prefetch, what_waits_holds_its_slot_of_the_pool)
{
    struct fx f;
    start(&f, POOL);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 3u);
    struct pool_view pool;
    engine_pool(f.e, engine_pool_named(f.e, "a"), &pool);
    cr_assert_eq(pool.used, 3u);
    fx_done(&f);
}

Test(engine_prefetch, some_are_never_given_ahead)
{
    static const uint64_t never[] = {UNITS, FENCED};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        struct fx f;
        start(&f, never[i]);
        cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 1u);
        fx_done(&f);
    }
    struct fx f;
    struct fx_agent a = near(1);
    a.takes_us = TRIP_US + 1;
    fx_begin(&f, &a, many, SHORT);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 1u, "it takes longer than a round trip");
    a.round_trip_us = 2 * TRIP_US;
    fx_hello(&f, &a, 0);
    cr_assert_eq(fx_count_records(&f, RECORD_ROUND_TRIP), 1u);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 1u);
    fx_done(&f);
}

Test(engine_prefetch, a_pause_asks_back_and_what_comes_back_is_not_charged)
{
    struct fx f;
    struct fx_agent a = start(&f, SHORT);
    struct attempt_ref running = fx_attempt(&f, 1, 0, 1), waits = fx_attempt(&f, 1, 0, 2);
    fx_ask(&f, OP_PAUSE, 1);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_REVOKED), (size_t)AHEAD);
    cr_assert_eq(record_rare(fx_record(&f, RECORD_REVOKED, 0))->revoked, REVOKE_PAUSED);
    cr_assert(asked_back(&f, waits));
    cr_assert_not(asked_back(&f, running));
    cr_assert_eq(fx_state(&f, 1, 0, 2), INSTANCE_ASSIGNED, "not before its agent says so");
    fx_hello_holding(&f, &a, &running, 1);       /* the order, or the attempt, was lost on the way */
    cr_assert(asked_back(&f, waits));
    cr_assert_eq(fx_count_effects(&f, EFFECT_DISPATCH), 0u);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_REVOKED), 0u, "once is enough");
    for (uint32_t i = 2; i < 2 + AHEAD; i++)
        fx_ended(&f, &a, fx_attempt(&f, 1, 0, i), OUTCOME_REVOKED, 0);
    fx_turn(&f);
    cr_assert_eq(fx_record(&f, RECORD_ENDED, 0)->verdict, VERDICT_REQUEUE);
    cr_assert_eq(fx_record(&f, RECORD_ENDED, 0)->failure_class, FAILURE_NONE);
    cr_assert_eq(fx_state(&f, 1, 0, 2), INSTANCE_READY);
    struct outcome o;
    enum failure_class class;
    cr_assert_not(engine_failure(f.e, 1, 0, 2, &o, &class), "nothing failed");
    fx_ask(&f, OP_RESUME, 1);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), (size_t)AHEAD);
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->attempt_no, 1u);
    cr_assert_gt(fx_record(&f, RECORD_GRANTED, 0)->ref.token, waits.token);
    fx_done(&f);
}

Test(engine_prefetch, one_that_started_all_the_same_runs_on)
{
    struct fx f;
    struct fx_agent a = start(&f, SHORT);
    struct attempt_ref waits = fx_attempt(&f, 1, 0, 2);
    fx_ask(&f, OP_PAUSE, 1);
    fx_turn(&f);
    fx_started(&f, &a, waits);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 2), INSTANCE_RUNNING);
    struct attempt_ref held[] = {fx_attempt(&f, 1, 0, 1), waits};
    fx_hello_holding(&f, &a, held, 2);
    cr_assert_not(asked_back(&f, waits));
    fx_ended(&f, &a, waits, OUTCOME_REVOKED, 0);
    cr_assert_eq(fx_record(&f, RECORD_ENDED, 0)->failure_class, FAILURE_LOST, "it ran: that it did not is no word to take");
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_prefetch, what_is_more_urgent_does_not_wait_behind_it)
{
    struct fx f;
    struct fx_agent a = start(&f, SHORT);
    cr_assert_eq(fx_create(&f, urgent, PLAN_CRITICAL), 2u);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_REVOKED), (size_t)AHEAD);
    cr_assert_eq(record_rare(fx_record(&f, RECORD_REVOKED, 0))->revoked, REVOKE_PRIORITY);
    for (uint32_t i = 2; i < 2 + AHEAD; i++)
        fx_ended(&f, &a, fx_attempt(&f, 1, 0, i), OUTCOME_REVOKED, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u, "nothing goes ahead of it");
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 1), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->backfill, 2u);
    fx_done(&f);
}

Test(engine_prefetch, what_is_alike_and_cannot_be_given_ahead_gets_its_turn)
{
    struct fx f;
    struct fx_agent a = start(&f, SHORT);
    cr_assert_eq(fx_create(&f, urgent, PLAN_NORMAL), 2u);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_REVOKED), 0u);
    bool granted = false;
    for (uint32_t i = 1; i <= 1 + AHEAD && !granted; i++) {
        fx_ended(&f, &a, fx_attempt(&f, 1, 0, i), OUTCOME_OK, 0);
        if (i < 1 + AHEAD)
            fx_started(&f, &a, fx_attempt(&f, 1, 0, i + 1));
        fx_turn(&f);
        granted = fx_count_records(&f, RECORD_GRANTED) > 0 && fx_record(&f, RECORD_GRANTED, 0)->backfill == 2;
        cr_assert(granted || fx_count_records(&f, RECORD_GRANTED) == 0, "nothing more goes ahead while it waits");
    }
    cr_assert(granted);
    fx_done(&f);
}

/* Attempts that are past their timebox, which only warns. */
static uint32_t n_past(const struct fx *f)
{
    for (size_t i = 0; i < engine_n_alerts(f->e); i++) {
        const struct alert_fact *a = engine_alert(f->e, i);
        struct alert_more more;
        if (a->kind != ALERT_TIMEBOX || a->state == ALERT_RESOLVED)
            continue;
        engine_alert_more(f->e, a, &more);
        return (uint32_t)more.members;
    }
    return 0;
}

static void pass(struct fx *f, int64_t ms)
{
    f->now_ms += ms;
    f->wall_us += ms * 1000;
    fx_turn(f);
}

Test(engine_prefetch, what_waits_for_a_slot_is_not_late)
{
    struct fx f;
    struct fx_agent a = start(&f, WARNS);
    fx_started(&f, &a, fx_attempt(&f, 1, 0, 1));
    pass(&f, LIMIT_MS + 1);
    cr_assert_eq(n_past(&f), 1u, "the one that runs; behind it wait others, which have not begun");
    fx_recovers(&f);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 1), OUTCOME_OK, 0);
    fx_started(&f, &a, fx_attempt(&f, 1, 0, 2));
    fx_turn(&f);
    cr_assert_eq(n_past(&f), 0u, "its timebox begins when it starts");
    fx_recovers(&f);
    pass(&f, LIMIT_MS - 1);
    cr_assert_eq(n_past(&f), 0u);
    pass(&f, 1);
    cr_assert_eq(n_past(&f), 1u);
    fx_recovers(&f);
    fx_done(&f);
}

static struct plan *urgent_in_zone_a(uint64_t class)
{
    struct plan *p = urgent(class);
    fx_label(p, 0, "zone", "a");
    return p;
}

/* Two agents with a slot each, of which the first has zone a; what waits for that one alone is no reason to leave the other idle. */
Test(engine_prefetch, who_waits_for_one_agent_keeps_nothing_from_the_other)
{
    struct fx f;
    struct fx_agent a = near(1), b = fx_agent(2, 1);
    a.labels[a.n_labels++] = (struct agent_label){"zone", "a"};
    b.round_trip_us = TRIP_US;
    b.takes_us = TAKES_US;
    fx_init(&f, NULL);
    fx_hello(&f, &a, 0);
    fx_hello(&f, &b, 0);
    cr_assert_eq(fx_create(&f, many, SHORT), 1u);
    fx_turn(&f);
    cr_assert_eq(fx_create(&f, urgent_in_zone_a, PLAN_CRITICAL), 2u);
    fx_turn(&f);
    uint32_t at_b = 0;
    struct attempt_view v;
    for (uint32_t i = 0; i < 2; i++)
        if (engine_find_attempt(f.e, fx_attempt(&f, 1, 0, i).attempt, &v) && v.agent == 2)
            at_b = i;
    fx_ended(&f, &b, fx_attempt(&f, 1, 0, at_b), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 1u + AHEAD, "the second has a slot, and room ahead");
    for (size_t i = 0; i <= AHEAD; i++)
        cr_assert_eq(fx_record(&f, RECORD_GRANTED, i)->agent, 2u);
    fx_done(&f);
}

Test(engine_prefetch, a_draining_agent_is_asked_for_what_waits)
{
    struct fx f;
    struct fx_agent a = start(&f, SHORT);
    struct op_request r = fx_request(&f, OP_AGENT_DRAIN, 0);
    r.name = a.name;
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_REVOKED), (size_t)AHEAD);
    cr_assert_eq(record_rare(fx_record(&f, RECORD_REVOKED, 0))->revoked, REVOKE_AGENT);
    fx_done(&f);
}

Test(engine_prefetch, a_restart_knows_what_waits)
{
    struct fx f;
    struct bf_error err = {0};
    start(&f, SHORT);
    fx_ask(&f, OP_PAUSE, 1);
    fx_turn(&f);
    struct engine *e = fx_fresh(&f);
    for (size_t i = 0; i < f.journal.n; i++)
        fx_apply_turn(e, &f.journal.at[i]);
    cr_assert_eq(engine_rebuild(e, f.now_ms, &err), BF_OK, "%s", err.text);
    cr_assert(engine_check(e, true, &err), "%s", err.text);
    cr_assert(fx_same_state(e, f.e));
    struct instance_view v;
    cr_assert(engine_instance(e, 1, 0, 2, &v));
    cr_assert(v.prefetched);
    cr_assert_eq(v.revoked, REVOKE_PAUSED);
    engine_free(e);
    fx_done(&f);
}

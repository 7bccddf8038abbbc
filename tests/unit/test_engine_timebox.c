/* The timebox of a backfill: what follows at its end, once; what a pause, a queue, a retry and a recovery make of it. */
#include <criterion/criterion.h>
#include <string.h>

#include "coordinator/engine/view_alerts.h"
#include "tests/support/engine_fixture.h"

enum { LIMIT_MS = 60000 };

static struct plan *boxed(uint64_t then)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 4);
    fx_step(p, PLAN_DAY, fx_pool(p, "small", 1));
    p->timebox_ms = LIMIT_MS;
    p->timebox_then = (enum plan_end_then)then;
    return fx_plan_done(p);
}

static struct fx_agent start(struct fx *f, enum plan_end_then then)
{
    struct fx_agent a = fx_agent(1, 4);
    fx_init(f, NULL);
    fx_hello(f, &a, 0);
    cr_assert_eq(fx_create(f, boxed, (uint64_t)then), 1u);
    fx_turn(f);
    return a;
}

static void at(struct fx *f, int64_t now_ms)
{
    f->now_ms = now_ms;
    fx_turn(f);
}

/* The moment of its end, from the record of its beginning. */
static int64_t begun(const struct fx *f)
{
    const struct record *r = fx_record(f, RECORD_TIMEBOX, 0);
    cr_assert(r && r->n == 0);
    return r->retry_at_ms;
}

Test(engine_timebox, a_pause_lets_what_runs_end_and_starts_nothing_more)
{
    struct fx f;
    struct fx_agent a = start(&f, PLAN_END_PAUSE);
    int64_t end_ms = begun(&f);
    cr_assert_eq(engine_next_timer_ms(f.e), end_ms);
    at(&f, end_ms - 1);
    cr_assert_eq(f.out.n_records, 0u);
    at(&f, end_ms);
    struct backfill_view b = fx_backfill(&f, 1);
    cr_assert(b.state == BACKFILL_PAUSED && b.timebox_over);
    cr_assert_str_eq(b.halted, "its timebox of 1m is over");
    fx_halted_by(&f, 1, HALTED_BY_TIMEBOX);
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 0u);
    cr_assert_eq(fx_count_records(&f, RECORD_AUDIT), 1u);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    cr_assert_eq(fx_ask(&f, OP_RESUME, 1)->rc, BF_OK);
    at(&f, end_ms + 10 * LIMIT_MS);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 1u, "it goes on without a limit");
    cr_assert_eq(fx_count_records(&f, RECORD_TIMEBOX), 0u);
    fx_done(&f);
}

Test(engine_timebox, what_is_retried_in_its_pause_is_told_that_it_is_paused_and_not_halted_by_a_check)
{
    struct fx f;
    struct fx_agent a = start(&f, PLAN_END_PAUSE);
    int64_t end_ms = begun(&f);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_EXIT, 127);
    at(&f, end_ms);
    const char *text = fx_ask(&f, OP_RETRY, 1)->text;
    cr_expect(strstr(text, "it is paused: bfctl resume bf-1 lets it go on"), "%s", text);
    fx_done(&f);
}

Test(engine_timebox, a_cancel_kills)
{
    struct fx f;
    start(&f, PLAN_END_CANCEL);
    at(&f, begun(&f));
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_CANCELLED);
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 1u);
    cr_assert_eq(fx_state(&f, 1, 0, 3), INSTANCE_CANCELLED);
    cr_assert_str_eq(record_rare(fx_record(&f, RECORD_AUDIT, 0))->what, "timebox");
    fx_done(&f);
}

Test(engine_timebox, a_warning_changes_nothing_else)
{
    struct fx f;
    start(&f, PLAN_END_WARN);
    at(&f, begun(&f));
    cr_assert(fx_count_records(&f, RECORD_TIMEBOX) == 1 && fx_count_records(&f, RECORD_AUDIT) == 1);
    cr_assert_eq(f.out.n_records, 2 + fx_count_records(&f, RECORD_ALERT), "and no more");
    cr_assert(fx_backfill(&f, 1).state == BACKFILL_RUNNING && fx_backfill(&f, 1).timebox_over);
    cr_assert_str_eq(record_rare(fx_record(&f, RECORD_AUDIT, 0))->what, "timebox");
    cr_assert(engine_n_alerts(f.e) == 1 && engine_alert(f.e, 0)->kind == ALERT_OVERTIME && engine_alert(f.e, 0)->state == ALERT_FIRING);
    fx_done(&f);
}

Test(engine_timebox, pauses_count_and_a_retry_begins_anew)
{
    struct fx f;
    struct fx_agent a = start(&f, PLAN_END_PAUSE);
    int64_t end_ms = begun(&f);
    cr_assert_eq(fx_ask(&f, OP_PAUSE, 1)->rc, BF_OK);
    at(&f, end_ms);
    cr_assert(fx_backfill(&f, 1).timebox_over && fx_backfill(&f, 1).halted);
    cr_assert_eq(fx_ask(&f, OP_RESUME, 1)->rc, BF_OK);
    fx_turn(&f);
    for (uint32_t i = 0; i < 4; i++) {
        fx_ended(&f, &a, fx_attempt(&f, 1, 0, i), OUTCOME_EXIT, 127);
        fx_turn(&f);
    }
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_FAILED);
    cr_assert(!fx_backfill(&f, 1).timebox_over);
    cr_assert_eq(fx_ask(&f, OP_RETRY, 1)->rc, BF_OK);
    at(&f, end_ms + LIMIT_MS);
    cr_assert_eq(begun(&f), end_ms + 2 * LIMIT_MS);
    fx_done(&f);
}

Test(engine_timebox, recovery_and_a_snapshot_know_it)
{
    struct fx f;
    start(&f, PLAN_END_PAUSE);
    int64_t end_ms = begun(&f);
    struct bf_error err = {0};
    for (int over = 0; over < 2; over++) {
        struct engine *again = fx_fresh(&f), *from_snapshot = fx_fresh(&f);
        struct engine_out out = {0};
        for (size_t i = 0; i < f.journal.n; i++)
            fx_apply_turn(again, &f.journal.at[i]);
        cr_assert_eq(engine_rebuild(again, f.now_ms, &err), BF_OK, "%s", err.text);
        cr_assert(fx_same_state(again, f.e));
        engine_snapshot_begin(f.e);
        while (engine_snapshot_next(f.e, &out)) {
            fx_apply_encoded(from_snapshot, out.records, out.n_records);
            engine_out_clear(&out);
        }
        cr_assert_eq(engine_rebuild(from_snapshot, f.now_ms, &err), BF_OK, "%s", err.text);
        cr_assert(fx_same_state(from_snapshot, f.e));
        engine_out_free(&out);
        engine_free(again);
        engine_free(from_snapshot);
        at(&f, end_ms);
    }
    const struct record bad = {.kind = RECORD_TIMEBOX, .backfill = 2, .retry_at_ms = 1};
    struct engine *fresh = fx_fresh(&f);
    cr_expect_eq(engine_apply(fresh, &bad, &err), BF_CORRUPT);
    engine_free(fresh);
    fx_done(&f);
}

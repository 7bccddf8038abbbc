/* What an attempt tells beside its end, and checks that halt a backfill. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/engine_fixture.h"

#define DETAILS "{\"checks\":[{\"name\":\"unique\",\"status\":\"failed\"}]}"

static struct plan *three_days(uint64_t slots)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 3);
    uint32_t pool = fx_pool(p, "small", (uint32_t)slots);
    fx_step(p, PLAN_DAY, pool);
    fx_step(p, PLAN_DAY, pool);
    fx_edge(p, 1, 0, PLAN_SAME);
    return fx_plan_done(p);
}

/* One agent, two of the three days of the first step granted. */
static struct fx_agent start(struct fx *f)
{
    struct fx_agent a = fx_agent(1, 8);
    fx_init(f, &(struct engine_config){.lost_attempts_max = 2});
    fx_hello(f, &a, 0);
    fx_create(f, three_days, 2);
    fx_turn(f);
    cr_assert_eq(fx_backfill(f, 1).open_attempts, 2u);
    return a;
}

Test(engine_halt, details_go_to_a_record_of_their_own)
{
    struct fx f;
    struct fx_agent a = start(&f);
    struct attempt_ref first = fx_attempt(&f, 1, 0, 0);
    fx_told(&f, &a, first, OUTCOME_OK, 0, DETAILS);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_DETAILS), 1u);
    const struct record *r = fx_record(&f, RECORD_DETAILS, 0), *ended = fx_record(&f, RECORD_ENDED, 0);
    cr_expect_eq(r, ended + 1, "beside the end");
    cr_expect(r->ref.attempt == first.attempt && r->backfill == 1 && r->step == 0 && r->index == 0 && r->run == 1 && r->attempt_no == 1);
    cr_expect_eq(record_rare(r)->n_bytes, 0u, "what was told stays in the input");
    cr_expect_str_eq(ended->outcome->details, "");
    fx_done(&f);
}

Test(engine_halt, stale_foreign_and_silent_reports_leave_none)
{
    struct fx f;
    struct fx_agent a = start(&f), other = fx_agent(2, 1);
    struct attempt_ref first = fx_attempt(&f, 1, 0, 0), second = fx_attempt(&f, 1, 0, 1);
    fx_hello(&f, &other, 0);
    fx_told(&f, &other, first, OUTCOME_OK, 0, DETAILS);
    fx_told(&f, &a, (struct attempt_ref){second.attempt, second.token + 1}, OUTCOME_CHECK, CHECK_HALT, DETAILS);
    fx_ended(&f, &a, first, OUTCOME_OK, 0);
    fx_told(&f, &a, first, OUTCOME_CHECK, CHECK_HALT, DETAILS);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_STALE_REPORT), 3u);
    cr_assert_eq(fx_count_records(&f, RECORD_DETAILS), 0u);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_RUNNING, "what is stale halts nothing");
    fx_done(&f);
}

Test(engine_halt, a_check_of_severity_error_fails_the_instance_alone)
{
    struct fx f;
    struct fx_agent a = start(&f);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_CHECK, CHECK_ERROR);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_FAILED, "for good: the same inputs give the same data");
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_RUNNING);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 1u);
    fx_done(&f);
}

Test(engine_halt, a_halt_pauses_lets_run_and_grants_nothing_until_resume)
{
    struct fx f;
    struct fx_agent a = start(&f);
    fx_told(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_CHECK, CHECK_HALT, DETAILS);
    fx_turn(&f);
    const char *why = "halted by a check of s0[2024-01-01]: it said no";
    cr_assert_eq(fx_count_records(&f, RECORD_BACKFILL_STATE), 1u);
    cr_expect_str_eq(record_rare(fx_record(&f, RECORD_BACKFILL_STATE, 0))->reason, why);
    cr_expect_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    struct backfill_view b = fx_backfill(&f, 1);
    cr_assert_eq(b.state, BACKFILL_PAUSED);
    cr_assert_str_eq(b.halted, why);
    cr_assert_eq(record_rare(fx_record(&f, RECORD_BACKFILL_STATE, 0))->halted_by, HALTED_BY_CHECK);
    fx_halted_by(&f, 1, HALTED_BY_CHECK);
    cr_assert_eq(b.open_attempts, 1u, "what runs goes on");
    struct blocker blockers[4];
    cr_assert_eq(engine_why(f.e, 1, 0, 2, blockers, 4), 1u);
    cr_expect_eq(blockers[0].kind, BLOCKER_HALTED);

    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 1), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 1), INSTANCE_SUCCEEDED);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    fx_ask(&f, OP_PAUSE, 1);
    cr_assert(strstr(fx_ask(&f, OP_RETRY, 1)->text, "halted by a check: bfctl resume bf-1 lets it go on"));
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u, "neither a pause nor a retry lifts it");
    cr_assert_str_eq(fx_backfill(&f, 1).halted, why);
    fx_ask(&f, OP_RESUME, 1);
    fx_turn(&f);
    cr_assert_null(fx_backfill(&f, 1).halted);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 2u);
    fx_done(&f);
}

Test(engine_halt, the_first_reason_stays_and_a_paused_one_gets_it)
{
    struct fx f;
    struct fx_agent a = start(&f);
    fx_ask(&f, OP_PAUSE, 1);
    fx_turn(&f);
    cr_assert_null(fx_backfill(&f, 1).halted);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 1), OUTCOME_CHECK, CHECK_HALT);
    fx_turn(&f);
    cr_assert(strstr(fx_backfill(&f, 1).halted, "s0[2024-01-02]"), "%s", fx_backfill(&f, 1).halted);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_CHECK, CHECK_HALT);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_BACKFILL_STATE), 0u);
    cr_assert(strstr(fx_backfill(&f, 1).halted, "s0[2024-01-02]"));
    fx_done(&f);
}

Test(engine_halt, a_cancelled_one_is_not_halted)
{
    struct fx f;
    struct fx_agent a = start(&f);
    fx_ask(&f, OP_CANCEL, 1);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_CHECK, CHECK_HALT);
    fx_turn(&f);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_CANCELLED);
    cr_assert_null(fx_backfill(&f, 1).halted);
    fx_done(&f);
}

/* A halted one that is cancelled is over: no reason is left behind, in memory or after a recovery. */
Test(engine_halt, recovery_restores_it_from_the_journal_and_from_a_snapshot)
{
    struct fx f;
    struct fx_agent a = start(&f);
    struct bf_error err = {0};
    fx_told(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_CHECK, CHECK_HALT, DETAILS);
    fx_turn(&f);
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        struct engine *journal = fx_fresh(&f), *snapshot = fx_fresh(&f);
        for (size_t i = 0; i < f.journal.n; i++)
            fx_apply_turn(journal, &f.journal.at[i]);
        struct engine_out chunk = {0};
        engine_snapshot_begin(f.e);
        while (engine_snapshot_next(f.e, &chunk)) {
            fx_apply_encoded(snapshot, chunk.records, chunk.n_records);
            engine_out_clear(&chunk);
        }
        engine_out_free(&chunk);
        struct engine *both[] = {journal, snapshot};
        for (size_t i = 0; i < 2; i++) {
            struct backfill_view b;
            cr_assert_eq(engine_rebuild(both[i], f.now_ms, &err), BF_OK, "%s", err.text);
            cr_assert(engine_check(both[i], true, &err), "%s", err.text);
            cr_assert(fx_same_state(f.e, both[i]), "%s, cancelled %d", i ? "snapshot" : "journal", cancelled);
            cr_assert(engine_backfill(both[i], 1, &b));
            cr_assert_eq(b.halted != NULL, cancelled == 0);
            engine_free(both[i]);
        }
        fx_ask(&f, OP_CANCEL, 1);
        fx_turn(&f);
    }
    fx_done(&f);
}

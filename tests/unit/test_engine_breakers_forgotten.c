/* Breakers that are no more: when one is forgotten, what keeps one, what a plan leaves behind, and that a restart ends with the same. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/engine/breaker.h"
#include "coordinator/engine/view_breaker.h"
#include "tests/support/engine_fixture.h"

static const struct breaker_settings soon = {.window = 4, .period_ms = 60000, .minimum = 4, .rate = 750000, .slow_factor_milli = 1000,
                                             .open_ms = 10000, .open_max_ms = 30000, .growth_milli = 2000, .probes = 1};

/* Four days of one step, each tried once, in a pool of its own: "pool-SEED".  The plan tunes both. */
static struct plan *one_step(uint64_t seed)
{
    char name[32];
    struct plan *p = fx_plan();
    snprintf(name, sizeof name, "pool-%u", (unsigned)seed);
    fx_days(p, FX_JAN_1, 4);
    fx_step(p, PLAN_DAY, fx_pool(p, name, 4));
    p->steps[0].retry.max_attempts = 1;
    p->steps[0].breaker = p->pools[0].breaker = (struct plan_breaker){.given = true, .settings = soon};
    p->steps[0].breaker.settings.window = 4 + (uint32_t)seed % 10;
    return fx_plan_done(p);
}

static bool known(const struct fx *f, enum breaker_kind kind, const char *name, struct breaker_view *ret)
{
    for (size_t i = 0; i < engine_n_breakers(f->e); i++)
        if (engine_breaker(f->e, i, ret) && ret->kind == kind && strcmp(ret->name, name) == 0)
            return true;
    return false;
}

static bool is_known(const struct fx *f, enum breaker_kind kind, const char *name)
{
    struct breaker_view b;
    return known(f, kind, name, &b);
}

static void end_all(struct fx *f, const struct fx_agent *a, enum outcome_source source, int32_t code)
{
    struct attempt_view v;
    for (uint64_t id = 0; (id = engine_next_attempt(f->e, id)) != 0;) {
        cr_assert(engine_find_attempt(f->e, id, &v));
        fx_ended(f, a, v.ref, source, code);
    }
    fx_turn(f);
}

static void later(struct fx *f, int64_t ms)
{
    f->now_ms += ms;
    f->wall_us += ms * 1000;
    fx_turn(f);
}

static struct fx_agent start(struct fx *f)
{
    struct fx_agent a = fx_agent(1, 100);
    fx_init(f, &(struct engine_config){0});
    fx_hello(f, &a, 0);
    fx_turn(f);
    return a;
}

static enum bf_rc by_hand(struct fx *f, enum op_verb verb, const char *name)
{
    struct op_request r = fx_request(f, verb, 0);
    r.name = name;
    enum bf_rc rc = fx_command(f, &r)->rc;
    fx_turn(f);
    return rc;
}

static void check(struct fx *f)
{
    struct bf_error err = {0};
    cr_assert(engine_check(f->e, true, &err), "%s", err.text);
    struct engine *e = fx_fresh(f);
    for (size_t i = 0; i < f->journal.n; i++)
        fx_apply_turn(e, &f->journal.at[i]);
    cr_assert_eq(engine_rebuild(e, f->now_ms, &err), BF_OK, "%s", err.text);
    cr_expect(fx_same_state(f->e, e), "from the journal");
    cr_expect(engine_check(e, true, &err), "%s", err.text);
    engine_free(e);
    e = fx_fresh(f);
    struct engine_out chunk = {0};
    engine_snapshot_begin(f->e);
    while (engine_snapshot_next(f->e, &chunk)) {
        fx_apply_encoded(e, chunk.records, chunk.n_records);
        engine_out_clear(&chunk);
    }
    cr_assert_eq(engine_rebuild(e, f->now_ms, &err), BF_OK, "%s", err.text);
    cr_expect(fx_same_state(f->e, e), "from a checkpoint");
    cr_expect(engine_check(e, true, &err), "%s", err.text);
    engine_out_free(&chunk);
    engine_free(e);
}

Test(engine_breakers_forgotten, one_goes_when_nothing_draws_on_it_and_its_votes_are_old)
{
    struct fx f;
    struct breaker_view b;
    struct fx_agent a = start(&f);
    fx_create(&f, one_step, 1);
    fx_turn(&f);
    int64_t voted_ms = f.now_ms;
    end_all(&f, &a, OUTCOME_OK, 0);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    cr_assert(known(&f, BREAKER_POOL, "pool-1", &b) && b.source == BREAKER_BY_PRESET && b.calls == 4, "the plan's word is over");
    cr_expect(is_known(&f, BREAKER_STEP, "test.s0"));
    check(&f);
    later(&f, voted_ms + b.settings->period_ms - f.now_ms);
    cr_expect(is_known(&f, BREAKER_POOL, "pool-1"), "its votes are young enough");
    cr_expect_eq(fx_count_records(&f, RECORD_BREAKER_FORGOTTEN), 0u);
    cr_expect_eq(engine_next_timer_ms(f.e), f.now_ms + 1);
    later(&f, 1);
    cr_expect_not(is_known(&f, BREAKER_POOL, "pool-1"));
    cr_expect(is_known(&f, BREAKER_STEP, "test.s0"), "a step's votes count for longer");
    check(&f);
    later(&f, 30 * 60000);
    cr_expect_not(is_known(&f, BREAKER_STEP, "test.s0"));
    cr_expect(is_known(&f, BREAKER_AGENT, "agent-1"), "an agent is known");
    check(&f);
    fx_done(&f);
}

Test(engine_breakers_forgotten, however_many_backfills_there_were_no_more_are_kept_than_live)
{
    struct fx f;
    struct fx_agent a = start(&f);
    size_t first = 0;
    for (uint64_t i = 1; i <= 40; i++) {
        fx_create(&f, one_step, i);
        fx_turn(&f);
        end_all(&f, &a, OUTCOME_OK, 0);
        later(&f, 3600 * 1000);
        first = i == 1 ? engine_n_breakers(f.e) : first;
        cr_assert_eq(engine_n_breakers(f.e), first, "after %u", (unsigned)i);
    }
    check(&f);
    fx_done(&f);
}

Test(engine_breakers_forgotten, what_is_open_or_held_by_a_person_stays_and_what_nobody_tries_goes_after_a_day)
{
    struct fx f;
    struct breaker_view b;
    struct fx_agent a = start(&f);
    fx_create(&f, one_step, 4);
    fx_turn(&f);
    end_all(&f, &a, OUTCOME_EXIT, 1);
    cr_assert(known(&f, BREAKER_STEP, "test.s0", &b) && b.state == BREAKER_OPEN);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_FAILED);
    cr_assert_eq(by_hand(&f, OP_BREAKER_OPEN, "pool/pool-4"), BF_OK);
    later(&f, 60000);
    cr_assert(known(&f, BREAKER_STEP, "test.s0", &b) && b.state == BREAKER_HALF_OPEN);
    check(&f);
    later(&f, BREAKER_UNTRIED_MS - 50001);
    cr_expect(is_known(&f, BREAKER_STEP, "test.s0"));
    later(&f, 50001);
    cr_expect_not(is_known(&f, BREAKER_STEP, "test.s0"), "nobody is left whom it could protect");
    later(&f, 10 * BREAKER_UNTRIED_MS);
    cr_assert(known(&f, BREAKER_POOL, "pool-4", &b) && b.held, "a person holds it");
    cr_assert_eq(by_hand(&f, OP_BREAKER_CLOSE, "pool/pool-4"), BF_OK);
    later(&f, 600000);
    cr_expect_not(is_known(&f, BREAKER_POOL, "pool-4"));
    check(&f);
    fx_done(&f);
}

Test(engine_breakers_forgotten, a_person_may_open_what_a_known_plan_names_though_it_is_forgotten)
{
    struct fx f;
    struct breaker_view b;
    struct fx_agent a = start(&f);
    fx_create(&f, one_step, 5);
    fx_turn(&f);
    end_all(&f, &a, OUTCOME_OK, 0);
    later(&f, 3600 * 1000);
    cr_assert_not(is_known(&f, BREAKER_STEP, "test.s0"));
    cr_expect_eq(by_hand(&f, OP_BREAKER_OPEN, "step/test.s1"), BF_NOT_FOUND);
    cr_expect_eq(by_hand(&f, OP_BREAKER_OPEN, "step/other.s0"), BF_NOT_FOUND);
    cr_expect_eq(by_hand(&f, OP_BREAKER_CLOSE, "step/test.s0"), BF_OK, "it is closed already");
    cr_expect_not(is_known(&f, BREAKER_STEP, "test.s0"));
    cr_assert_eq(by_hand(&f, OP_BREAKER_OPEN, "step/test.s0"), BF_OK);
    cr_assert(known(&f, BREAKER_STEP, "test.s0", &b) && b.held);
    check(&f);
    fx_create(&f, one_step, 5);
    fx_turn(&f);
    cr_expect_eq(engine_next_attempt(f.e, 0), 0u, "it holds the next backfill of that plan");
    cr_assert_eq(by_hand(&f, OP_BREAKER_CLOSE, "step/test.s0"), BF_OK);
    cr_expect_neq(engine_next_attempt(f.e, 0), 0u);
    check(&f);
    fx_done(&f);
}

Test(engine_breakers_forgotten, of_live_plans_the_youngest_is_heard_and_the_older_again_when_it_is_over)
{
    struct fx f;
    struct breaker_view b;
    struct fx_agent a = start(&f);
    fx_create(&f, one_step, 11);                 /* window 5 */
    fx_turn(&f);
    fx_create(&f, one_step, 13);                 /* window 7 */
    cr_assert(known(&f, BREAKER_STEP, "test.s0", &b) && b.settings->window == 7 && b.source == BREAKER_BY_PLAN);
    cr_assert_eq(fx_ask(&f, OP_CANCEL, 2)->rc, BF_OK);
    fx_turn(&f);
    end_all(&f, &a, OUTCOME_OK, 0);
    cr_assert(known(&f, BREAKER_STEP, "test.s0", &b));
    cr_expect_eq(b.source, fx_backfill(&f, 1).state == BACKFILL_SUCCEEDED ? BREAKER_BY_PRESET : BREAKER_BY_PLAN);
    check(&f);
    fx_done(&f);
}

Test(engine_breakers_forgotten, a_backfill_that_is_taken_up_again_has_its_breakers_again)
{
    struct fx f;
    struct breaker_view b;
    struct fx_agent a = start(&f);
    fx_create(&f, one_step, 6);
    fx_turn(&f);
    end_all(&f, &a, OUTCOME_SPAWN, 1);
    later(&f, 2 * BREAKER_UNTRIED_MS);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_FAILED);
    cr_assert_not(is_known(&f, BREAKER_POOL, "pool-6"));
    fx_create(&f, one_step, 7);                  /* takes the numbers */
    fx_turn(&f);
    cr_assert_eq(fx_ask(&f, OP_RETRY, 1)->rc, BF_OK);
    fx_turn(&f);
    cr_assert(known(&f, BREAKER_POOL, "pool-6", &b) && b.source == BREAKER_BY_PLAN);
    check(&f);
    cr_assert_eq(by_hand(&f, OP_BREAKER_OPEN, "pool/pool-6"), BF_OK);
    end_all(&f, &a, OUTCOME_LOST, 0);
    struct attempt_view v;
    for (uint64_t id = 0; (id = engine_next_attempt(f.e, id)) != 0;)
        cr_expect(engine_find_attempt(f.e, id, &v) && v.backfill == 2, "pool-6 is open, and pool-7 is not");
    check(&f);
    fx_done(&f);
}

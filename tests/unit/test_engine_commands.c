/* Commands: pause, resume, cancel, retry, repeated requests, one writer. */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "common/civil.h"
#include "tests/support/engine_fixture.h"

static struct plan *days(uint64_t n)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "small", 2);
    fx_days(p, FX_JAN_1, (uint32_t)n);
    uint32_t a = fx_step(p, PLAN_DAY, pool);
    uint32_t b = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_edge(p, b, a, PLAN_SAME);
    p->steps[a].retry.max_attempts = 1;
    return fx_plan_done(p);
}

static struct fx_agent start(struct fx *f, uint32_t n)
{
    struct fx_agent a = fx_agent(1, 10);
    fx_init(f, NULL);
    fx_hello(f, &a, 0);
    fx_create(f, days, n);
    fx_turn(f);
    return a;
}

static void finish(struct fx *f, const struct fx_agent *agent, enum outcome_source source, int32_t code)
{
    for (uint64_t id = engine_next_attempt(f->e, 0), next; id; id = next) {
        struct attempt_view a;
        next = engine_next_attempt(f->e, id);
        cr_assert(engine_find_attempt(f->e, id, &a));
        fx_ended(f, agent, a.ref, source, code);
    }
    fx_turn(f);
}

Test(engine_commands, paused_grants_nothing_and_takes_results)
{
    struct fx f;
    struct fx_agent a = start(&f, 4);
    cr_assert_eq(fx_ask(&f, OP_PAUSE, 0)->rc, BF_OK);
    cr_assert_eq(fx_ask(&f, OP_PAUSE, 1)->rc, BF_OK, "paused already: said, not refused");
    finish(&f, &a, OUTCOME_OK, 0);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    cr_assert_eq(fx_backfill(&f, 1).count[INSTANCE_SUCCEEDED], 2u);
    cr_assert_eq(fx_ask(&f, OP_RESUME, 1)->rc, BF_OK);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 4u);
    for (int i = 0; i < 4; i++)
        finish(&f, &a, OUTCOME_OK, 0);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    static const enum op_verb verbs[] = {OP_PAUSE, OP_RESUME, OP_CANCEL, OP_RETRY};
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(fx_ask(&f, verbs[i], 1)->rc, BF_CONFLICT, "verb %d on one that succeeded", (int)verbs[i]);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_commands, cancel_kills_what_runs_and_ends_when_it_is_dead)
{
    struct fx f;
    struct fx_agent a = start(&f, 3);
    fx_ask(&f, OP_CANCEL, 1);
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 2u);
    fx_turn(&f);
    struct backfill_view b = fx_backfill(&f, 1);
    cr_assert_eq(b.state, BACKFILL_CANCELLED);
    cr_assert_eq(b.finished_us, 0, "two are still alive");
    cr_assert_eq(b.count[INSTANCE_CANCELLED], 4u);
    cr_assert_eq(fx_ask(&f, OP_CANCEL, 1)->rc, BF_OK);
    cr_assert_eq(fx_ask(&f, OP_RETRY, 1)->rc, BF_CONFLICT);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);      /* it was faster than the kill */
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 1), OUTCOME_EXIT, 75);   /* transient, but nothing is retried now */
    fx_turn(&f);
    b = fx_backfill(&f, 1);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    cr_assert_neq(b.finished_us, 0);
    cr_assert_eq(b.count[INSTANCE_SUCCEEDED], 1u);
    cr_assert_eq(b.count[INSTANCE_CANCELLED], 5u);
    fx_done(&f);
}

/* The time of a cancel is that of one walk over the instances, however many of them are ready: the agents' leases run on. */
static struct plan *wide(uint64_t n)
{
    struct plan *p = fx_plan();
    fx_days(p, 0, (uint32_t)n);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    return fx_plan_done(p);
}

Test(engine_commands, cancel_of_a_wide_one_is_no_slower_than_its_creation)
{
    struct fx f;
    fx_init(&f, NULL);
    clock_t began = clock();
    fx_create(&f, wide, 1000000);
    clock_t created = clock();
    cr_assert_eq(fx_ask(&f, OP_CANCEL, 1)->rc, BF_OK);
    clock_t cancelled = clock();
    cr_assert_eq(fx_backfill(&f, 1).count[INSTANCE_CANCELLED], 1000000u);
    cr_expect_leq(cancelled - created, created - began, "created in %ld, cancelled in %ld us of processor time",
                  (long)(created - began), (long)(cancelled - created));
    fx_done(&f);
}

Test(engine_commands, a_paused_one_can_be_cancelled)
{
    struct fx f;
    fx_init(&f, NULL);
    fx_create(&f, days, 3);
    fx_ask(&f, OP_PAUSE, 1);
    cr_assert_eq(fx_ask(&f, OP_CANCEL, 1)->rc, BF_OK);
    fx_turn(&f);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_CANCELLED);
    cr_assert_neq(fx_backfill(&f, 1).finished_us, 0, "nothing of it was alive");
    fx_done(&f);
}

Test(engine_commands, retry_begins_a_new_run)
{
    struct fx f;
    struct fx_agent a = start(&f, 3);
    cr_assert_eq(fx_ask(&f, OP_RETRY, 1)->rc, BF_OK, "nothing failed: said, not refused");
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_EXIT, 1);
    fx_turn(&f);
    for (int i = 0; i < 4; i++)
        finish(&f, &a, OUTCOME_OK, 0);
    struct backfill_view b = fx_backfill(&f, 1);
    cr_assert_eq(b.state, BACKFILL_PARTLY);
    cr_assert_eq(b.upstream_failed, 1u);
    int64_t started = b.started_us;
    cr_assert_eq(fx_ask(&f, OP_RETRY, OP_LATEST)->rc, BF_OK);
    fx_turn(&f);
    b = fx_backfill(&f, 1);
    cr_assert_eq(b.state, BACKFILL_RUNNING);
    cr_assert_eq(b.finished_us, 0);
    cr_assert_eq(b.started_us, started);
    cr_assert_eq(b.upstream_failed, 0u);
    struct instance_view v;
    cr_assert(engine_instance(f.e, 1, 0, 0, &v));
    cr_assert_eq(v.run, 2u);
    cr_assert_eq(v.attempts, 1u);
    finish(&f, &a, OUTCOME_OK, 0);
    finish(&f, &a, OUTCOME_OK, 0);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    fx_done(&f);
}

Test(engine_commands, retry_of_a_paused_one_stays_paused)
{
    struct fx f;
    struct fx_agent a = start(&f, 2);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_EXIT, 1);
    fx_ask(&f, OP_PAUSE, 1);
    cr_assert_eq(fx_ask(&f, OP_RETRY, 1)->rc, BF_OK);
    fx_turn(&f);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_PAUSED);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_READY);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    fx_done(&f);
}

Test(engine_commands, a_repeated_request_gets_the_stored_answer)
{
    struct fx f;
    fx_init(&f, &(struct engine_config){.replies_kept = 2});
    fx_create(&f, days, 2);
    fx_turn(&f);
    struct op_request pause = fx_request(&f, OP_PAUSE, 1);
    char text[128];
    strcpy(text, fx_command(&f, &pause)->text);
    fx_ask(&f, OP_RESUME, 1);
    fx_turn(&f);
    const struct effect *again = fx_command(&f, &pause);
    cr_assert_str_eq(again->text, text);
    cr_assert_eq(f.out.n_records, 0u, "nothing is done twice");
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_RUNNING);
    fx_ask(&f, OP_RESUME, 1);                    /* two newer answers: the oldest is forgotten */
    fx_command(&f, &pause);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_PAUSED);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_commands, what_is_not_there_is_said)
{
    struct fx f;
    fx_init(&f, NULL);
    cr_assert_eq(fx_ask(&f, OP_PAUSE, OP_LATEST)->rc, BF_NOT_FOUND);
    cr_assert_eq(fx_ask(&f, OP_PAUSE, 7)->rc, BF_NOT_FOUND);
    cr_assert_eq(fx_ask(&f, OP_CREATE, 0)->rc, BF_NOT_FOUND, "a plan that was never sent");
    cr_assert_eq(fx_ask(&f, (enum op_verb)29, 0)->rc, BF_UNSUPPORTED);
    fx_turn(&f);
    fx_done(&f);
}

/* ---- one writer ---- */

enum { WRITE_JAN = 0, WRITE_FEB, WRITE_JAN_BY_MONTH, WRITE_WHOLE, WRITE_HOURS, OTHER_CONNECTION, OTHER_DATASET, NO_CONNECTION };

static struct plan *writer(uint64_t what)
{
    static const struct { enum plan_grain grain; int32_t first; uint32_t n; const char *connection, *dataset; } table[] = {
        [WRITE_JAN] = {PLAN_DAY, 19723, 31, "wh", "mart.revenue"},            /* 2024-01 */
        [WRITE_FEB] = {PLAN_DAY, 19754, 29, "wh", "mart.revenue"},
        [WRITE_JAN_BY_MONTH] = {PLAN_MONTH, 19723, 31, "wh", "mart.revenue"},
        [WRITE_WHOLE] = {PLAN_NONE, 0, 0, "wh", "mart.revenue"},
        [WRITE_HOURS] = {PLAN_HOUR, 19725, 1, "wh", "mart.revenue"},          /* 2024-01-03 */
        [OTHER_CONNECTION] = {PLAN_DAY, 19723, 31, "lake", "mart.revenue"},
        [OTHER_DATASET] = {PLAN_DAY, 19723, 31, "wh", "mart.margin"},
        [NO_CONNECTION] = {PLAN_DAY, 19723, 31, NULL, "mart.revenue"},
    };
    struct plan *p = fx_plan();
    fx_days(p, table[what].first, table[what].n);
    uint32_t s = fx_step(p, table[what].grain, PLAN_NO_INDEX);
    fx_output(p, s, table[what].connection, table[what].dataset);
    uint32_t b = fx_step(p, PLAN_NONE, PLAN_NO_INDEX);
    fx_output(p, b, NULL, "a.first.in.order");
    p->steps[b].n_outputs = what == WRITE_FEB ? 1 : 0;   /* the lists are walked side by side */
    return fx_plan_done(p);
}

Test(engine_commands, one_writer_for_each_day_of_a_dataset)
{
    static const struct { uint64_t first, second; bool conflict;
    } cases[] = {
        {WRITE_JAN, WRITE_JAN, true},           {WRITE_JAN, WRITE_FEB, false},     {WRITE_JAN, WRITE_JAN_BY_MONTH, true},
        {WRITE_FEB, WRITE_JAN_BY_MONTH, false}, {WRITE_FEB, WRITE_WHOLE, true},    {WRITE_WHOLE, WRITE_JAN, true},
        {WRITE_JAN, OTHER_CONNECTION, false},   {WRITE_JAN, OTHER_DATASET, false}, {WRITE_JAN, NO_CONNECTION, false},
        {NO_CONNECTION, NO_CONNECTION, true},   {WRITE_JAN, WRITE_HOURS, true},    {WRITE_HOURS, WRITE_FEB, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fx f;
        fx_init(&f, NULL);
        cr_assert_eq(fx_create(&f, writer, cases[i].first), 1u);
        uint32_t second = fx_create(&f, writer, cases[i].second);
        cr_assert_eq(second, cases[i].conflict ? 0u : 2u, "case %zu", i);
        if (cases[i].conflict) {
            const struct effect *reply = &f.out.effects[f.out.n_effects - 1];
            cr_assert_eq(reply->rc, BF_CONFLICT);
            cr_assert_not_null(strstr(reply->text, "bf-1"), "%s", reply->text);
            cr_assert_not_null(strstr(reply->text, "mart.revenue"), "%s", reply->text);
        }
        fx_turn(&f);
        fx_done(&f);
    }
}

Test(engine_commands, the_overlap_is_named_by_the_finer_partitions)
{
    static const struct { uint64_t first, second; const char *words; } cases[] = {
        {WRITE_JAN, WRITE_JAN_BY_MONTH, " for 2024-01-01 to 2024-01-31, and"},
        {WRITE_JAN_BY_MONTH, WRITE_JAN_BY_MONTH, " for 2024-01, and"},
        {WRITE_HOURS, WRITE_JAN, " for 2024-01-03T00+00:00 to 2024-01-03T23+00:00, and"},
        {WRITE_WHOLE, WRITE_FEB, " for 2024-02-01 to 2024-02-29, and"},
        {WRITE_WHOLE, WRITE_WHOLE, "mart.revenue, and"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fx f;
        fx_init(&f, NULL);
        fx_create(&f, writer, cases[i].first);
        fx_create(&f, writer, cases[i].second);
        const char *text = f.out.effects[f.out.n_effects - 1].text;
        cr_assert_not_null(strstr(text, cases[i].words), "case %zu: %s", i, text);
        fx_turn(&f);
        fx_done(&f);
    }
}

Test(engine_commands, a_cancelled_writer_holds_until_it_is_dead_and_retry_asks_again)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 1);
    fx_init(&f, NULL);
    fx_hello(&f, &a, 0);
    fx_create(&f, writer, WRITE_JAN);
    fx_turn(&f);
    fx_ask(&f, OP_CANCEL, 1);
    cr_assert_eq(fx_create(&f, writer, WRITE_JAN), 0u);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_CANCELLED, 0);
    fx_turn(&f);
    cr_assert_eq(fx_create(&f, writer, WRITE_WHOLE), 2u);
    fx_turn(&f);
    for (int i = 0; i < 2; i++) {
        for (uint64_t id; (id = engine_next_attempt(f.e, 0)) != 0;) {
            struct attempt_view v;
            cr_assert(engine_find_attempt(f.e, id, &v));
            fx_ended(&f, &a, v.ref, OUTCOME_EXIT, 127);
        }
        fx_turn(&f);
    }
    cr_assert_eq(fx_backfill(&f, 2).state, BACKFILL_FAILED);
    cr_assert_eq(fx_create(&f, writer, WRITE_FEB), 3u);
    cr_assert_eq(fx_ask(&f, OP_RETRY, 2)->rc, BF_CONFLICT, "another writes it by now");
    fx_turn(&f);
    fx_done(&f);
}

/* ---- pools ---- */

Test(engine_commands, the_configuration_beats_the_plan_and_lowering_kills_nothing)
{
    struct fx f;
    struct fx_agent a = start(&f, 6);
    struct pool_view p;
    engine_pool(f.e, 0, &p);
    cr_assert_eq(p.source, POOL_FROM_PLAN);
    fx_step_input(&f, &(struct input){.kind = INPUT_POOL, FX_SAYS(.pool_name = "small", .pool_slots = 1)});
    cr_assert_eq(fx_count_records(&f, RECORD_POOL_SET), 1u);
    fx_step_input(&f, &(struct input){.kind = INPUT_POOL, FX_SAYS(.pool_name = "small", .pool_slots = 1)});
    cr_assert_eq(fx_count_records(&f, RECORD_POOL_SET), 1u, "nothing new");
    fx_turn(&f);
    engine_pool(f.e, 0, &p);
    cr_assert_eq(p.used, 2u);
    cr_assert_eq(p.slots, 1u);
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 0u);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    engine_pool(f.e, 0, &p);
    cr_assert_eq(p.used, 1u, "no grant until use is under the slots");
    fx_create(&f, days, 1);
    engine_pool(f.e, 0, &p);
    cr_assert_eq(p.slots, 1u, "a later plan does not overrule the configuration");
    fx_turn(&f);
    fx_done(&f);
}

static struct plan *pooled(uint64_t slots)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 9);
    fx_step(p, PLAN_DAY, fx_pool(p, "warehouse", (uint32_t)slots));
    return fx_plan_done(p);
}

static void expect_slots(const struct fx *f, uint32_t slots)
{
    struct pool_view p;
    engine_pool(f->e, 0, &p);
    cr_expect_eq(p.slots, slots, "%u slots", p.slots);
}

/* A plan may lower the budget that a running backfill of another plan set, and never raise it. */
Test(engine_commands, the_smaller_of_two_pools_holds)
{
    struct fx f;
    fx_init(&f, NULL);
    uint32_t first = fx_create(&f, pooled, 2);
    expect_slots(&f, 2);
    uint32_t second = fx_create(&f, pooled, 5);
    expect_slots(&f, 2);
    uint32_t third = fx_create(&f, pooled, 1);
    expect_slots(&f, 1);
    for (uint32_t id = first; id <= third; id++)
        cr_assert_eq(fx_ask(&f, OP_CANCEL, id)->rc, BF_OK);
    fx_turn(&f);
    cr_assert_eq(second, first + 1);
    fx_create(&f, pooled, 5);
    expect_slots(&f, 5);
    fx_turn(&f);
    fx_done(&f);
}

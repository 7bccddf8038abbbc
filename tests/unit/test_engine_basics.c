/* Create, grant, end: order of grants, budgets, gates, ends of backfills, why. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/engine_fixture.h"

static struct plan *chain_of_days(uint64_t days)
{
    return fx_chain((uint32_t)days, 2);
}

Test(engine_basics, create_grant_end)
{
    struct fx f;
    fx_init(&f, NULL);
    struct fx_agent agent = fx_agent(1, 4);
    cr_assert_eq(fx_hello(&f, &agent, 0), 1u);
    cr_assert_eq(fx_create(&f, chain_of_days, 1), 1u);
    fx_turn(&f);
    cr_assert_eq(fx_count_effects(&f, EFFECT_DISPATCH), 1u);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_ASSIGNED);
    cr_assert_eq(fx_state(&f, 1, 1, 0), INSTANCE_WAITING);
    struct attempt_ref ref = fx_attempt(&f, 1, 0, 0);
    cr_assert_eq(ref.token, (UINT64_C(1) << 40) | ref.attempt);
    fx_started(&f, &agent, ref);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_RUNNING);
    fx_ended(&f, &agent, ref, OUTCOME_OK, 0);
    cr_assert_eq(fx_count_effects(&f, EFFECT_REPORT_ACK), 1u);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_SUCCEEDED);
    cr_assert_eq(fx_state(&f, 1, 1, 0), INSTANCE_ASSIGNED);
    fx_ended(&f, &agent, fx_attempt(&f, 1, 1, 0), OUTCOME_SKIP, 0);
    fx_turn(&f);
    struct backfill_view b = fx_backfill(&f, 1);
    cr_assert_eq(b.state, BACKFILL_SUCCEEDED);
    cr_assert_neq(b.finished_us, 0);
    cr_assert_eq(b.count[INSTANCE_SKIPPED], 1u);
    fx_done(&f);
}

Test(engine_basics, a_pool_and_slots_bound_what_runs)
{
    struct fx f;
    struct fx_agent agent = fx_agent(1, 10);
    fx_begin(&f, &agent, chain_of_days, 9);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 2u, "two slots in the pool");
    struct pool_view pool;
    engine_pool(f.e, 0, &pool);
    cr_assert_eq(pool.used, 2u);
    /* What runs without the pool is not hidden by the full one: step 1 of day 0 goes out as soon as it may. */
    fx_ended(&f, &agent, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 2u);
    cr_assert_eq(fx_state(&f, 1, 1, 0), INSTANCE_ASSIGNED);
    fx_done(&f);
}

static struct plan *ranked(uint64_t seed)
{
    (void)seed;
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 2);
    uint32_t low = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    uint32_t shorter = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    uint32_t longer = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    uint32_t critical = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    p->steps[low].priority = PLAN_LOW;
    p->steps[critical].priority = PLAN_CRITICAL;
    p->steps[shorter].expect_ms = 5;
    p->steps[critical].expect_ms = 1;
    (void)longer;
    return fx_plan_done(p);
}

static void grants_in_order(bool backward, const uint32_t (*expected)[2], size_t n)
{
    struct fx f;
    fx_init(&f, NULL);
    struct fx_agent agent = fx_agent(1, 8);
    struct fx_plan_source s = {.make = ranked};
    bf_vec_push(&f.plans, s);
    uint8_t key[32];
    engine_plan_key(s.hash, "", "", NULL, 0, key);
    engine_add_plan(f.e, key, ranked(0));
    struct op_request r = fx_request(&f, OP_CREATE, 0);
    r.backward = backward;
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    fx_hello(&f, &agent, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), n);
    for (size_t i = 0; i < n; i++) {
        const struct record *g = fx_record(&f, RECORD_GRANTED, i);
        cr_assert_eq(g->step, expected[i][0], "grant %zu went to step %u", i, g->step);
        cr_assert_eq(g->index, expected[i][1], "grant %zu went to partition %u", i, g->index);
    }
    fx_done(&f);
}

Test(engine_basics, order_is_class_then_weight_then_partition)
{
    static const uint32_t forward[][2] = {{3, 0}, {3, 1}, {2, 0}, {2, 1}, {1, 0}, {1, 1}, {0, 0}, {0, 1}};
    static const uint32_t backward[][2] = {{3, 1}, {3, 0}, {2, 1}, {2, 0}, {1, 1}, {1, 0}, {0, 1}, {0, 0}};
    grants_in_order(false, forward, 8);
    grants_in_order(true, backward, 8);
}

/* Steps of one class: weight goes before the longest way, however long that is; newest first also across grains. */
static struct plan *weighted(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 31 + 28);               /* January and most of February */
    uint32_t days = fx_step(p, PLAN_DAY, PLAN_NO_INDEX), months = fx_step(p, PLAN_MONTH, PLAN_NO_INDEX);
    uint32_t heavy = fx_step(p, PLAN_MONTH, PLAN_NO_INDEX), heavier = fx_step(p, PLAN_MONTH, PLAN_NO_INDEX);
    p->steps[heavy].weight = PLAN_WEIGHT_MAX - 1;
    p->steps[heavy].expect_ms = INT64_MAX / 8;
    p->steps[heavier].weight = PLAN_WEIGHT_MAX;
    p->steps[heavier].expect_ms = 0;
    p->steps[days].weight = p->steps[months].weight = (uint32_t)seed;
    return fx_plan_done(p);
}

Test(engine_basics, weight_goes_before_the_way_and_backward_is_newest_first_in_all_grains)
{
    static const uint32_t expected[][2] = {{3, 1}, {3, 0}, {2, 1}, {2, 0}, {1, 1}, {0, 58}, {0, 57}};
    struct fx f;
    fx_init(&f, NULL);
    struct fx_agent agent = fx_agent(1, 100);
    fx_create(&f, weighted, 1);                  /* makes the plan known under its key */
    fx_ask(&f, OP_CANCEL, 1);
    struct op_request r = fx_request(&f, OP_CREATE, 0);
    memcpy(r.plan_hash, f.plans.at[0].hash, sizeof r.plan_hash);
    r.backward = true;
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    fx_hello(&f, &agent, 0);
    fx_turn(&f);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct record *g = fx_record(&f, RECORD_GRANTED, i);
        cr_assert(g->step == expected[i][0] && g->index == expected[i][1], "grant %zu went to step %u, partition %u", i, g->step, g->index);
    }
    /* The first month ends with January: after the last day of it, or before, but not among those of February. */
    for (size_t i = 0; i < fx_count_records(&f, RECORD_GRANTED); i++) {
        const struct record *g = fx_record(&f, RECORD_GRANTED, i);
        if (g->step == 1 && g->index == 0)
            cr_assert_eq(i, 5u + 28u + 1u, "the older month comes at place %zu", i);
    }
    fx_done(&f);
}

Test(engine_basics, agents_fill_up_evenly_and_labels_are_kept)
{
    struct fx f;
    fx_init(&f, NULL);
    struct fx_agent small = fx_agent(1, 2), large = fx_agent(2, 4);
    fx_hello(&f, &small, 0);
    fx_hello(&f, &large, 0);
    fx_create(&f, ranked, 0);
    fx_turn(&f);
    static const uint32_t expected[] = {1, 2, 2, 1, 2, 2};       /* by busy/slots, the lower id first */
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 6u);
    for (size_t i = 0; i < 6; i++)
        cr_assert_eq(fx_record(&f, RECORD_GRANTED, i)->agent, expected[i], "grant %zu went to agent %u", i,
                     fx_record(&f, RECORD_GRANTED, i)->agent);
    fx_done(&f);
}

static struct plan *labelled(uint64_t seed)
{
    (void)seed;
    struct plan *p = fx_plan();
    uint32_t s = fx_step(p, PLAN_NONE, PLAN_NO_INDEX);
    fx_label(p, s, "zone", "b");
    fx_step(p, PLAN_NONE, PLAN_NO_INDEX);
    return fx_plan_done(p);
}

Test(engine_basics, labels_choose_the_agent)
{
    struct fx f;
    fx_init(&f, NULL);
    struct fx_agent a = fx_agent(1, 1), b = fx_agent(2, 1);
    a.labels[0] = (struct agent_label){"zone", "a"};
    b.labels[0] = (struct agent_label){"zone", "b"};
    a.n_labels = b.n_labels = 1;
    fx_hello(&f, &a, 0);
    fx_create(&f, labelled, 0);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_READY);
    cr_assert_eq(fx_state(&f, 1, 1, 0), INSTANCE_ASSIGNED, "a step that nobody fits does not hide another");
    struct blocker why[4];
    cr_assert_eq(engine_why(f.e, 1, 0, 0, why, 4), 1u);
    cr_assert_eq(why[0].kind, BLOCKER_NO_AGENT);
    fx_hello(&f, &b, 0);
    fx_turn(&f);
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->agent, 2u);
    fx_done(&f);
}

static struct plan *all_over_all(uint64_t n)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, (uint32_t)n);
    uint32_t a = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    uint32_t b = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_edge(p, b, a, PLAN_ALL);
    return fx_plan_done(p);
}

Test(engine_basics, a_large_gate_opens_over_turns)
{
    struct fx f;
    fx_init(&f, &(struct engine_config){.gate_openings_per_turn_max = 4});
    struct fx_agent agent = fx_agent(1, 10);
    fx_hello(&f, &agent, 0);
    fx_create(&f, all_over_all, 10);
    fx_turn(&f);
    for (uint32_t i = 0; i < 10; i++)
        fx_ended(&f, &agent, fx_attempt(&f, 1, 0, i), OUTCOME_OK, 0);
    static const uint32_t granted[] = {4, 4, 2};
    for (size_t turn = 0; turn < 3; turn++) {
        fx_turn(&f);
        cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), granted[turn]);
        cr_assert_eq(engine_next_timer_ms(f.e) == f.now_ms, turn < 2, "work that is left over asks for the next turn");
        cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_RUNNING);
    }
    fx_done(&f);
}

static uint32_t finish_all(struct fx *f, const struct fx_agent *agent, enum outcome_source source, int32_t code)
{
    uint32_t n = 0;
    for (uint64_t id = engine_next_attempt(f->e, 0), next; id; id = next, n++) {
        struct attempt_view a;
        next = engine_next_attempt(f->e, id);
        cr_assert(engine_find_attempt(f->e, id, &a));
        fx_ended(f, agent, a.ref, source, code);
    }
    fx_turn(f);
    return n;
}

Test(engine_basics, how_a_backfill_ends)
{
    static const struct { enum outcome_source first, rest; int32_t code; enum backfill_state state; } cases[] = {
        {OUTCOME_OK, OUTCOME_OK, 0, BACKFILL_SUCCEEDED},
        {OUTCOME_OK, OUTCOME_EXIT, 126, BACKFILL_PARTLY},
        {OUTCOME_EXIT, OUTCOME_EXIT, 126, BACKFILL_FAILED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fx f;
        fx_init(&f, NULL);
        struct fx_agent agent = fx_agent(1, 100);
        fx_hello(&f, &agent, 0);
        fx_create(&f, all_over_all, 3);
        fx_turn(&f);
        finish_all(&f, &agent, cases[i].first, cases[i].code);
        finish_all(&f, &agent, cases[i].rest, cases[i].code);
        struct backfill_view b = fx_backfill(&f, 1);
        cr_assert_eq(b.state, cases[i].state, "case %zu ended %s", i, backfill_state_name(b.state));
        cr_assert_neq(b.finished_us, 0);
        if (b.state == BACKFILL_FAILED) {
            cr_assert_eq(b.upstream_failed, 3u);
            struct blocker why[4];
            cr_assert_geq(engine_why(f.e, 1, 1, 0, why, 4), 1u);
            cr_assert_eq(why[0].kind, BLOCKER_UPSTREAM_FAILED);
            cr_assert_eq(why[0].count, 3u);
            cr_assert_eq(why[0].step, 0u);
        }
        fx_done(&f);
    }
}

Test(engine_basics, why_names_what_must_clear_first)
{
    struct fx f;
    fx_init(&f, NULL);
    fx_create(&f, chain_of_days, 5);
    struct blocker why[4];
    cr_assert_eq(engine_why(f.e, 1, 1, 2, why, 4), 1u);
    cr_assert_eq(why[0].kind, BLOCKER_DEPENDENCY);
    cr_assert_eq(why[0].step, 0u);
    cr_assert_eq(why[0].index, 2u);
    fx_ask(&f, OP_PAUSE, 1);
    cr_assert_eq(engine_why(f.e, 1, 0, 0, why, 4), 2u);
    cr_assert_eq(why[0].kind, BLOCKER_PAUSED);
    cr_assert_eq(why[1].kind, BLOCKER_NO_AGENT);
    fx_ask(&f, OP_RESUME, 1);
    struct fx_agent agent = fx_agent(1, 1);
    fx_hello(&f, &agent, 0);
    fx_turn(&f);
    cr_assert_eq(engine_why(f.e, 1, 0, 0, why, 4), 0u, "it runs");
    size_t n = engine_why(f.e, 1, 0, 4, why, 4);
    cr_assert_eq(n, 2u);
    cr_assert_eq(why[0].kind, BLOCKER_AGENTS_BUSY);
    cr_assert_eq(why[1].kind, BLOCKER_QUEUE);
    cr_assert_eq(why[1].count, 3u);
    fx_step_input(&f, &(struct input){.kind = INPUT_POOL, FX_SAYS(.pool_name = "small", .pool_slots = 1)});
    engine_why(f.e, 1, 0, 4, why, 4);
    cr_assert_eq(why[0].kind, BLOCKER_POOL);
    fx_done(&f);
}

Test(engine_basics, a_backfill_without_work_succeeds_at_once)
{
    struct fx f;
    fx_init(&f, NULL);
    fx_create(&f, chain_of_days, 0);
    fx_turn(&f);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    fx_done(&f);
}

Test(engine_basics, low_store_stops_grants_and_creates_but_takes_results)
{
    struct fx f;
    struct fx_agent agent = fx_agent(1, 1);
    fx_begin(&f, &agent, chain_of_days, 3);
    fx_step_input(&f, &(struct input){.kind = INPUT_LOW, FX_SAYS(.low = true)});
    cr_assert_eq(fx_create(&f, all_over_all, 1), 0u);
    fx_ended(&f, &agent, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_SUCCEEDED);
    fx_step_input(&f, &(struct input){.kind = INPUT_LOW, FX_SAYS(.low = false)});
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 1u);
    fx_done(&f);
}

Test(engine_basics, tokens_go_on_from_a_higher_epoch)
{
    struct fx f;
    struct fx_agent agent = fx_agent(1, 1);
    fx_begin(&f, &agent, chain_of_days, 3);
    fx_step_input(&f, &(struct input){.kind = INPUT_EPOCH, FX_SAYS(.epoch = 5)});
    fx_ended(&f, &agent, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(engine_epoch(f.e), 5u);
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->ref.token, (UINT64_C(5) << 40) | 2);
    fx_done(&f);
}

/* Floors and ceilings of throttled pools that a person sets while they are in use: what moves, what is refused, who wins, what is known
 * again. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/engine_fixture.h"

/* One step of `days` days in four slots under a limit from one to three, which follows its own steps. */
static struct plan *bounded(uint64_t days, uint32_t min, uint32_t max)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "wh", 4);
    p->pools[pool].throttle = (struct plan_throttle){.algorithm = max ? THROTTLE_AIMD : THROTTLE_NONE, .min = min, .max = max};
    fx_days(p, FX_JAN_1, (uint32_t)days);
    fx_step(p, PLAN_DAY, pool);
    return fx_plan_done(p);
}

static struct plan *one_to_three(uint64_t days) { return bounded(days, 1, 3); }
static struct plan *two_to_four(uint64_t days) { return bounded(days, 2, 4); }
static struct plan *three_to_three(uint64_t days) { return bounded(days, 3, 3); }
static struct plan *four_to_four(uint64_t days) { return bounded(days, 4, 4); }
static struct plan *unthrottled(uint64_t days) { return bounded(days, 0, 0); }

static struct fx_agent start(struct fx *f, fx_make *make)
{
    struct fx_agent agent = fx_agent(1, 8);
    fx_begin(f, &agent, make, 20);
    fx_turn(f);
    return agent;
}

/* 0: not said. */
static const struct effect *set(struct fx *f, uint32_t floor, uint32_t ceiling)
{
    struct op_request r = fx_request(f, OP_POOL_SET, 0);
    r.name = "wh";
    r.reason = "the users first";
    r.pool = (struct pool_budget){.no_slots = true, .floor = floor, .ceiling = ceiling};
    return fx_command(f, &r);
}

static const struct effect *take_back(struct fx *f, uint32_t what)
{
    struct op_request r = fx_request(f, OP_POOL_SET, 0);
    r.name = "wh";
    r.pool.no_slots = true;
    r.pool_back = what;
    r.reset = what == POOL_BACK_ALL;
    return fx_command(f, &r);
}

static struct limit_view limit_of(const struct fx *f)
{
    struct limit_view l = {0};
    cr_assert(engine_limit(f->e, 0, &l));
    return l;
}

static void expect_bounds(const struct fx *f, uint32_t floor, uint32_t ceiling, uint32_t limit, const char *when)
{
    struct limit_view l = limit_of(f);
    cr_expect(l.now->bounds.floor == floor && l.now->bounds.ceiling == ceiling && l.limit == limit, "%s: %u of %u to %u", when, l.limit,
              l.now->bounds.floor, l.now->bounds.ceiling);
}

static uint32_t used(const struct fx *f)
{
    struct pool_view p;
    engine_pool(f->e, 0, &p);
    return p.used;
}

Test(engine_bounds, a_lower_ceiling_takes_the_limit_down_at_once_and_kills_nothing)
{
    struct fx f;
    start(&f, three_to_three);
    cr_assert_eq(used(&f), 3u);
    const struct effect *answer = set(&f, 0, 0);
    cr_expect_eq(answer->rc, BF_INVALID, "nothing is said");
    answer = set(&f, 1, 1);
    cr_expect_str_eq(answer->text, "pool wh: 4 slots, floor 3, ceiling 3 -> 4 slots, floor 1, ceiling 1; 3 run under a limit of 1: nothing is "
                                   "killed, and nothing starts until fewer do");
    cr_expect(strstr(answer->json, "\"floor\":\"1\",\"ceiling\":\"1\",\"by\":\"tester\""), "%s", answer->json);
    expect_bounds(&f, 1, 1, 1, "in the turn of the command");
    cr_assert_eq(fx_count_records(&f, RECORD_POOL_LIMIT), 1u);
    fx_turn(&f);
    cr_expect_eq(fx_count_records(&f, RECORD_POOL_LIMIT), 1u, "no second move");
    cr_expect_eq(fx_count_effects(&f, EFFECT_KILL), 0u);
    cr_expect_eq(used(&f), 3u, "what runs goes on");
    const struct limit_move *m = engine_limit_move(f.e, 0, limit_of(&f).n_moves - 1);
    cr_expect(m->reason == LIMIT_SET && m->before == 3 && m->after == 1, "%s: %u to %u", limit_reason_name(m->reason), m->before, m->after);
    fx_recovers_both(&f);
    fx_done(&f);
}

/* All slots are in use too, and more of them would let nothing begin. */
Test(engine_bounds, what_waits_under_a_limit_below_the_slots_is_throttled_and_not_a_full_pool)
{
    struct fx f;
    struct blocker b[4];
    start(&f, four_to_four);
    cr_assert_eq(used(&f), 4u);
    cr_assert_geq(engine_why(f.e, 1, 0, 9, b, 4), 1u);
    cr_expect_eq(b[0].kind, BLOCKER_POOL, "the limit is the slots");
    cr_assert_eq(set(&f, 1, 1)->rc, BF_OK);
    cr_assert_geq(engine_why(f.e, 1, 0, 9, b, 4), 1u);
    cr_expect(b[0].kind == BLOCKER_THROTTLE && b[0].limit == 1 && b[0].used == 4, "kind %d", (int)b[0].kind);
    fx_done(&f);
}

Test(engine_bounds, a_higher_floor_takes_it_up_and_more_begin)
{
    struct fx f;
    start(&f, one_to_three);
    cr_assert_eq(used(&f), 1u);
    cr_assert_eq(set(&f, 3, 0)->rc, BF_OK);
    fx_turn(&f);
    expect_bounds(&f, 3, 3, 3, "a floor of three");
    f.now_ms += 5000;                            /* starts are spread */
    fx_turn(&f);
    cr_expect_gt(used(&f), 1u);
    fx_recovers_both(&f);
    cr_assert_eq(take_back(&f, POOL_BACK_FLOOR)->rc, BF_OK);
    expect_bounds(&f, 1, 3, 3, "taken back: the limit is its own again");
    fx_done(&f);
}

Test(engine_bounds, what_cannot_be_is_refused_with_what_to_do)
{
    static const struct { uint32_t floor, ceiling; const char *says; } rows[] = {
        {0, 5, "pool wh: a ceiling of 5 is over its 4 slots; say --ceiling 4, or --slots 5 with it"},
        {5, 0, "pool wh: a floor of 5 is over its 4 slots; say --floor 4, or --slots 5 with it"},
        {3, 2, "pool wh: the floor would be 3 (set by hand) and the ceiling 2 (set by hand); say both: --floor 2 --ceiling 2"},
        {4, 0, "pool wh: the floor would be 4 (set by hand) and the ceiling 3 (the plan's); say both: --floor 4 --ceiling 4"}};
    struct fx f;
    start(&f, one_to_three);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct effect *answer = set(&f, rows[i].floor, rows[i].ceiling);
        cr_expect_eq(answer->rc, BF_INVALID);
        cr_expect_str_eq(answer->text, rows[i].says);
        cr_expect_eq(fx_count_records(&f, RECORD_POOL_SET) + fx_count_records(&f, RECORD_POOL_LIMIT), 0u);
    }
    cr_expect_eq(set(&f, 4, 4)->rc, BF_OK, "both");
    expect_bounds(&f, 4, 4, 4, "over the plan's");
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_bounds, a_pool_that_no_plan_throttles_has_none)
{
    struct fx f;
    start(&f, unthrottled);
    const struct effect *answer = set(&f, 0, 2);
    cr_expect_eq(answer->rc, BF_INVALID);
    cr_expect(strstr(answer->text, "pool wh has no throttle now") && strstr(answer->text, "--slots N"), "%s", answer->text);
    cr_expect_eq(fx_count_records(&f, RECORD_POOL_SET), 0u);
    cr_expect_eq(take_back(&f, POOL_BACK_CEILING)->rc, BF_OK, "which was not set");
    fx_turn(&f);
    fx_done(&f);
}

/* In the turn of the create, too. */
Test(engine_bounds, a_person_wins_over_the_plans_that_come)
{
    struct fx f;
    start(&f, two_to_four);
    cr_assert_eq(set(&f, 0, 2)->rc, BF_OK);
    expect_bounds(&f, 2, 2, 2, "a ceiling of two");
    cr_assert_eq(fx_create(&f, three_to_three, 20), 2u);
    fx_turn(&f);
    expect_bounds(&f, 2, 2, 2, "with a plan that asks for three, whose floor moves along");
    cr_expect_eq(limit_of(&f).planned.ceiling, 3u, "the lowest that plans say");
    cr_assert_eq(take_back(&f, POOL_BACK_CEILING)->rc, BF_OK);
    expect_bounds(&f, 2, 3, 2, "the lowest of both plans");
    cr_assert_eq(set(&f, 3, 0)->rc, BF_OK);
    cr_assert_eq(fx_create(&f, one_to_three, 20), 3u);
    fx_turn(&f);
    expect_bounds(&f, 3, 3, 3, "a floor of three");
    fx_recovers_both(&f);
    cr_assert_eq(take_back(&f, POOL_BACK_ALL)->rc, BF_OK);
    expect_bounds(&f, 1, 3, 3, "--reset");
    fx_turn(&f);
    fx_recovers(&f);
    fx_done(&f);
}

Test(engine_bounds, what_a_person_set_holds_for_the_next_backfill)
{
    struct fx f;
    struct pool_said_view said;
    struct fx_agent agent = start(&f, one_to_three);
    cr_assert_eq(set(&f, 2, 2)->rc, BF_OK);
    cr_assert_eq(fx_ask(&f, OP_CANCEL, 1)->rc, BF_OK);
    struct attempt_view a;
    for (uint64_t id = 0; (id = engine_next_attempt(f.e, 0)) != 0 && engine_find_attempt(f.e, id, &a);)
        fx_ended(&f, &agent, a.ref, OUTCOME_CANCELLED, 0);
    fx_turn(&f);
    cr_assert_not(limit_of(&f).throttled);
    cr_assert(engine_pool_said(f.e, 0, POOL_FROM_OPERATOR, &said));
    cr_expect(said.budget->floor == 2 && said.budget->ceiling == 2);
    cr_expect(strcmp(said.by, "tester") == 0 && strcmp(said.reason, "the users first") == 0 && said.at_us > 0, "who, why and when");
    cr_assert_eq(fx_create(&f, one_to_three, 20), 2u);
    fx_turn(&f);
    expect_bounds(&f, 2, 2, 2, "from its beginning");
    fx_recovers_both(&f);
    fx_done(&f);
}

/* Fewer slots than the ceiling that was set: the limit keeps within them, and what was set holds again with them. */
Test(engine_bounds, fewer_slots_hold_over_them)
{
    struct fx f;
    start(&f, one_to_three);
    cr_assert_eq(set(&f, 4, 4)->rc, BF_OK);
    struct op_request r = fx_request(&f, OP_POOL_SET, 0);
    r.name = "wh";
    r.pool_slots = 2;
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    fx_turn(&f);
    expect_bounds(&f, 4, 4, 2, "two slots");
    cr_assert_eq(take_back(&f, POOL_BACK_SLOTS)->rc, BF_OK);
    fx_turn(&f);
    expect_bounds(&f, 4, 4, 4, "the plan's slots again");
    fx_recovers_both(&f);
    fx_done(&f);
}

/* A thousand times between two readings. */
Test(engine_bounds, bounds_that_change_without_end)
{
    struct fx f;
    start(&f, one_to_three);
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t ceiling = 1 + i * 7 % 4, floor = 1 + i * 3 % ceiling;
        f.now_ms++;
        cr_assert_eq(set(&f, floor, ceiling)->rc, BF_OK);
        struct limit_view l = limit_of(&f);
        cr_assert(l.limit >= floor && l.limit <= ceiling, "%u of %u to %u", l.limit, floor, ceiling);
        fx_turn(&f);
    }
    cr_expect_eq(fx_count_effects(&f, EFFECT_KILL), 0u);
    fx_recovers_both(&f);
    fx_done(&f);
}

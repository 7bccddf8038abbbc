/* Pools: all-or-nothing draws over several dimensions and pools, live changes, start rates, room kept for wide steps, retry budgets; and
 * that a recovery knows all of it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/support/engine_fixture.h"

static void has_unit(struct plan_resources *r, const char *name, uint64_t n)
{
    r->units = bf_xreallocarray(r->units, r->n_units + 1, sizeof *r->units);
    r->units[r->n_units++] = (struct plan_unit){.name = bf_xstrdup(name), .n = n};
}

/* Two pools; step 0 draws on both and takes 2 cpu of the first and 3 conn of the second, step 1 is narrow and draws on the first. */
static struct plan *vectors(uint64_t days)
{
    struct plan *p = fx_plan();
    uint32_t a = fx_pool(p, "a", 8), b = fx_pool(p, "b", 8);
    p->pools[a].has.cpu_milli = 4000;
    has_unit(&p->pools[b].has, "conn", 5);
    fx_days(p, FX_JAN_1, (uint32_t)days);
    uint32_t wide = fx_step(p, PLAN_DAY, a), narrow = fx_step(p, PLAN_DAY, a);
    p->steps[wide].also[p->steps[wide].n_also++] = b;
    p->steps[wide].resources.cpu_milli = 2000;
    has_unit(&p->steps[wide].resources, "conn", 3);
    p->steps[narrow].resources.cpu_milli = 1000;
    p->steps[wide].weight = 10;
    return fx_plan_done(p);
}

static uint64_t used_of(const struct fx *f, const char *pool, const char *dimension)
{
    size_t n = 0;
    uint64_t used = 0;
    struct pool_dimension_view *at = engine_pool_dimensions(f->e, engine_pool_named(f->e, pool), &n);
    for (size_t i = 0; i < n; i++)
        used += strcmp(at[i].name, dimension) == 0 ? at[i].used : 0;
    free(at);
    return used;
}

static struct fx_agent start(struct fx *f, fx_make *make, uint64_t seed)
{
    struct fx_agent agent = fx_agent(1, 64);
    fx_init(f, NULL);
    fx_hello(f, &agent, 0);
    cr_assert_eq(fx_create(f, make, seed), 1u);
    fx_turn(f);
    return agent;
}

static const struct effect *set(struct fx *f, const char *pool, const struct pool_budget *budget, uint32_t slots, bool reset)
{
    struct op_request r = fx_request(f, OP_POOL_SET, 0);
    r.name = pool;
    r.pool = *budget;
    r.pool_slots = slots;
    r.reset = reset;
    return fx_command(f, &r);
}

static void end_all(struct fx *f, const struct fx_agent *agent)
{
    struct attempt_view a;
    for (uint64_t id = 0; (id = engine_next_attempt(f->e, 0)) != 0 && engine_find_attempt(f->e, id, &a);)
        fx_ended(f, agent, a.ref, OUTCOME_OK, 0);
}

Test(engine_pools, an_attempt_takes_all_or_nothing)
{
    struct fx f;
    struct fx_agent agent = start(&f, vectors, 4);
    /* The second wide one lacks conn (3 of 5 in use) and takes no cpu for it: two narrow ones have it. */
    cr_assert_eq(used_of(&f, "a", "cpu"), 4000u);
    cr_assert_eq(used_of(&f, "b", "conn"), 3u);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_ASSIGNED);
    cr_assert_eq(fx_state(&f, 1, 0, 1), INSTANCE_READY);
    struct blocker why[8];
    size_t n = engine_why(f.e, 1, 0, 1, why, 8);
    cr_assert_geq(n, 2u, "both pools hold it back");
    cr_assert_eq(why[0].kind, BLOCKER_POOL);
    cr_assert_str_eq(engine_pool_dimension_name(f.e, why[0].pool, why[0].dim), "cpu");
    cr_assert_str_eq(engine_pool_dimension_name(f.e, why[1].pool, why[1].dim), "conn");
    fx_recovers(&f);
    end_all(&f, &agent);
    cr_assert_eq(used_of(&f, "a", "cpu"), 0u);
    cr_assert_eq(used_of(&f, "b", "conn"), 0u);
    fx_turn(&f);
    fx_done(&f);
}

/* For people in words; the audit and documents have the objects. */
Test(engine_pools, a_change_is_answered_in_words)
{
    static const struct pool_budget slower = {.no_slots = true, .cpu_milli = 3500, .memory_bytes = 4ull << 30, .start_milli = 3000,
                                              .start_ms = 60000};
    struct fx f;
    start(&f, vectors, 1);
    const struct effect *answer = set(&f, "a", &slower, 0, false);
    cr_expect_str_eq(answer->text, "pool a: 8 slots, cpu 4 -> 8 slots, cpu 3.5, memory 4 GiB, start rate 3/m");
    cr_expect(strstr(answer->json, "\"after\":{\"slots\":8,\"source\":\"plan\",\"cpu\":\"3.5\""), "%s", answer->json);
    fx_turn(&f);
    cr_expect_str_eq(set(&f, "a", &slower, 0, false)->text, "pool a is so already: 8 slots, cpu 3.5, memory 4 GiB, start rate 3/m");
    cr_expect_str_eq(set(&f, "b", &(const struct pool_budget){0}, 1, false)->text,
                     "pool b: 8 slots, conn 5 -> 1 slot, conn 5");
    fx_turn(&f);
    fx_done(&f);
}

static const struct effect *take_back(struct fx *f, const char *pool, uint32_t what, const struct pool_unit *units, size_t n)
{
    struct op_request r = fx_request(f, OP_POOL_SET, 0);
    r.name = pool;
    r.pool = (struct pool_budget){.no_slots = true, .units = units, .n_units = n};
    r.pool_back = what;
    return fx_command(f, &r);
}

/* All that is in use beyond what there is, and not the first of it alone. */
Test(engine_pools, what_is_over_is_all_named)
{
    static const struct pool_unit one_conn[] = {{"conn", 1}}, conn[] = {{"conn", 0}};
    static const struct pool_budget one_cpu = {.no_slots = true, .cpu_milli = 1000}, none = {0}, conns = {.units = one_conn, .n_units = 1};
    struct fx f;
    start(&f, vectors, 4);                       /* a: three attempts with 4 cpu; b: one with 3 conn */
    cr_expect_str_eq(set(&f, "a", &one_cpu, 0, false)->text,
                     "pool a: 8 slots, cpu 4 -> 8 slots, cpu 1; 4 of cpu is in use: nothing is killed, and nothing starts until it fits");
    cr_expect_str_eq(set(&f, "a", &none, 1, false)->text,
                     "pool a: 8 slots, cpu 1 -> 1 slot, cpu 1; 3 slots and 4 of cpu are in use: nothing is killed, and nothing starts "
                     "until it fits");
    cr_expect_str_eq(set(&f, "b", &conns, 0, false)->text,
                     "pool b: 8 slots, conn 5 -> 0 slots, conn 1; 1 slot and 3 of conn are in use: nothing is killed, and nothing starts "
                     "until it fits");
    cr_expect_str_eq(take_back(&f, "b", 0, conn, 1)->text,
                     "pool b: 0 slots, conn 1 -> 0 slots, conn 5; 1 slot is in use: nothing is killed, and nothing starts until it fits");
    fx_turn(&f);
    fx_recovers_both(&f);
    fx_done(&f);
}

/* One figure of those that were set, and no other. */
Test(engine_pools, a_figure_is_taken_back_alone)
{
    static const struct pool_budget slower = {.cpu_milli = 3500, .start_milli = 3000, .start_ms = 60000};
    struct fx f;
    start(&f, vectors, 1);
    set(&f, "a", &slower, 6, false);
    cr_expect_str_eq(take_back(&f, "a", POOL_BACK_START_RATE, NULL, 0)->text,
                     "pool a: 6 slots, cpu 3.5, start rate 3/m -> 6 slots, cpu 3.5");
    cr_expect_str_eq(take_back(&f, "a", POOL_BACK_START_RATE, NULL, 0)->text, "pool a is so already: 6 slots, cpu 3.5");
    cr_expect_str_eq(take_back(&f, "a", POOL_BACK_SLOTS, NULL, 0)->text, "pool a: 6 slots, cpu 3.5 -> 8 slots, cpu 3.5");
    cr_expect_str_eq(take_back(&f, "a", POOL_BACK_CPU, NULL, 0)->text, "pool a: 8 slots, cpu 3.5 -> 8 slots, cpu 4");
    struct pool_said_view said;
    cr_expect_not(engine_pool_said(f.e, 0, POOL_FROM_OPERATOR, &said), "nothing is left of it");
    fx_turn(&f);
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_pools, a_unit_that_the_pool_has_not_is_refused_with_those_it_has)
{
    static const struct pool_unit mistyped[] = {{"con", 2}}, right[] = {{"conn", 2}};
    struct fx f;
    start(&f, vectors, 1);
    const struct effect *answer = set(&f, "b", &(const struct pool_budget){.no_slots = true, .units = mistyped, .n_units = 1}, 0, false);
    cr_expect_eq(answer->rc, BF_INVALID);
    cr_expect_str_eq(answer->text, "pool b has no unit 'con'; it has conn");
    answer = set(&f, "a", &(const struct pool_budget){.no_slots = true, .units = right, .n_units = 1}, 0, false);
    cr_expect_eq(answer->rc, BF_INVALID);
    cr_expect_str_eq(answer->text, "pool a has no unit 'conn', and no other: plans and the configuration give it units");
    cr_expect_eq(fx_count_records(&f, RECORD_POOL_SET), 0u);
    cr_expect_eq(set(&f, "b", &(const struct pool_budget){.no_slots = true, .units = right, .n_units = 1}, 0, false)->rc, BF_OK);
    fx_turn(&f);
    fx_done(&f);
}

/* Who said last what holds, and when: as the record has it, and after a restart. */
Test(engine_pools, who_set_it_is_known)
{
    struct fx f;
    struct pool_said_view said;
    start(&f, vectors, 1);
    cr_expect_not(engine_pool_said(f.e, 0, POOL_FROM_OPERATOR, &said), "nobody");
    const struct effect *answer = set(&f, "a", &(const struct pool_budget){.no_slots = true, .cpu_milli = 3500}, 0, false);
    cr_expect(strstr(answer->json, "\"after\":{\"slots\":8,\"source\":\"plan\",\"cpu\":\"3.5\",\"by\":\"tester\"}"), "%s", answer->json);
    const struct record *r = fx_record(&f, RECORD_POOL_SET, 0);
    cr_assert_not_null(r);
    cr_expect_str_eq(record_rare(r)->actor, "tester");
    cr_expect(engine_pool_said(f.e, 0, POOL_FROM_OPERATOR, &said) && strcmp(said.by, "tester") == 0 && said.at_us == r->at_us);
    fx_turn(&f);
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_pools, a_person_wins_until_reset_and_lowering_kills_nothing)
{
    struct fx f;
    struct fx_agent agent = start(&f, vectors, 4);
    struct pool_view p;
    const struct pool_budget slower = {.no_slots = true, .cpu_milli = 1000}, none = {.no_slots = true};
    cr_assert_eq(set(&f, "a", &slower, 0, false)->rc, BF_OK);
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 0u);
    cr_assert_eq(used_of(&f, "a", "cpu"), 4000u, "what runs keeps what it holds");
    fx_step_input(&f, &(struct input){.kind = INPUT_POOL, FX_SAYS(.pool_name = "a", .pool_slots = 6, .pool = {.cpu_milli = 9000})});
    fx_turn(&f);
    engine_pool(f.e, 0, &p);
    cr_assert_eq(p.slots, 6u, "the configuration says the slots, which no person did");
    end_all(&f, &agent);
    fx_turn(&f);
    cr_assert_eq(used_of(&f, "a", "cpu"), 1000u, "one narrow one fits, and no wide one");
    struct blocker why[8];
    cr_assert_geq(engine_why(f.e, 1, 0, 1, why, 8), 1u);
    cr_assert_eq(why[0].kind, BLOCKER_POOL_TOO_SMALL);
    fx_recovers(&f);
    cr_assert_eq(set(&f, "a", &slower, 0, false)->rc, BF_OK);
    cr_assert_eq(fx_count_records(&f, RECORD_POOL_SET), 0u, "it is so already");
    cr_assert_eq(set(&f, "a", &none, 0, true)->rc, BF_OK);
    fx_turn(&f);
    cr_assert_geq(used_of(&f, "a", "cpu"), 3000u, "the configuration's nine hold again");
    fx_recovers(&f);
    fx_done(&f);
}

Test(engine_pools, what_cannot_be_set_is_refused_with_a_sentence)
{
    struct fx f;
    start(&f, vectors, 1);
    const struct pool_budget none = {.no_slots = true}, slots = {0};
    cr_assert_eq(set(&f, "c", &slots, 1, false)->rc, BF_NOT_FOUND);
    cr_assert_eq(set(&f, "a", &none, 0, false)->rc, BF_INVALID);
    cr_assert_eq(set(&f, "a", &slots, POOL_SLOTS_LIMIT + 1, false)->rc, BF_INVALID);
    cr_assert_eq(fx_count_records(&f, RECORD_POOL_SET), 0u);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_pools, a_pool_changed_a_thousand_times_is_the_last_one)
{
    struct fx f;
    start(&f, vectors, 2);
    struct pool_view p;
    for (uint32_t i = 1; i <= 1000; i++)
        cr_assert_eq(set(&f, "b", &(struct pool_budget){.start_milli = 1000 + i, .start_ms = 1000}, i % 7, false)->rc, BF_OK);
    engine_pool(f.e, 1, &p);
    cr_assert_eq(p.slots, 1000 % 7);
    cr_assert_eq(p.start_milli, 2000u);
    fx_turn(&f);
    fx_recovers(&f);
    fx_done(&f);
}

static struct plan *rated(uint64_t days)
{
    struct plan *p = fx_plan();
    uint32_t a = fx_pool(p, "a", 100);
    p->pools[a].start_milli = 2000;
    p->pools[a].start_ms = 1000;
    fx_days(p, FX_JAN_1, (uint32_t)days);
    fx_step(p, PLAN_DAY, a);
    return fx_plan_done(p);
}

Test(engine_pools, a_start_rate_lets_so_many_begin)
{
    struct fx f;
    start(&f, rated, 9);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 2u, "what a second allows");
    struct blocker why[4];
    cr_assert_geq(engine_why(f.e, 1, 0, 5, why, 4), 1u);
    cr_assert_eq(why[0].kind, BLOCKER_START_RATE);
    int64_t due_ms = engine_next_timer_ms(f.e);
    cr_assert_eq(due_ms, why[0].clears_at_ms, "a turn comes by itself");
    cr_assert_eq(due_ms, f.now_ms + 500);
    f.now_ms = due_ms - 1;
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    f.now_ms = due_ms > f.now_ms ? due_ms : f.now_ms;
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 1u);
    fx_recovers(&f);
    fx_done(&f);
}

/* One wide step of four slots' worth, and narrow ones that always have the next ready. */
static struct plan *starved(uint64_t days)
{
    struct plan *p = fx_plan();
    uint32_t a = fx_pool(p, "a", 100);
    has_unit(&p->pools[a].has, "conn", 4);
    fx_days(p, FX_JAN_1, (uint32_t)days);
    uint32_t narrow = fx_step(p, PLAN_DAY, a), wide = fx_step(p, PLAN_NONE, a);
    has_unit(&p->steps[narrow].resources, "conn", 1);
    has_unit(&p->steps[wide].resources, "conn", 4);
    p->steps[narrow].weight = 10;
    return fx_plan_done(p);
}

/* The same, in a pool whose limit is all in use whenever a wide step could be looked at. */
static struct plan *starved_under_a_limit(uint64_t days)
{
    struct plan *p = starved(days);
    p->pools[0].throttle = (struct plan_throttle){.algorithm = THROTTLE_AIMD, .min = 4, .max = 4};
    return p;
}

Test(engine_pools, a_wide_step_is_not_starved_by_a_limit)
{
    struct fx f;
    struct fx_agent agent = start(&f, starved_under_a_limit, 100);
    struct attempt_view oldest;
    uint32_t ends = 0;
    for (; ends < 60 && fx_state(&f, 1, 1, 0) == INSTANCE_READY; ends++) {
        cr_assert(engine_find_attempt(f.e, engine_next_attempt(f.e, 0), &oldest));
        fx_ended(&f, &agent, oldest.ref, OUTCOME_OK, 0);
        fx_turn(&f);
        fx_turn(&f);                             /* all of the limit is in use in this one */
    }
    cr_assert_eq(fx_state(&f, 1, 1, 0), INSTANCE_ASSIGNED);
    cr_assert_leq(ends, 24u);
    fx_done(&f);
}

Test(engine_pools, a_wide_step_is_not_starved)
{
    struct fx f;
    struct fx_agent agent = start(&f, starved, 100);
    struct attempt_view oldest;
    struct pool_waiting_view w = {0};
    uint32_t ends = 0;
    for (; ends < 60 && fx_state(&f, 1, 1, 0) == INSTANCE_READY; ends++) {
        cr_assert(engine_find_attempt(f.e, engine_next_attempt(f.e, 0), &oldest));
        fx_ended(&f, &agent, oldest.ref, OUTCOME_OK, 0);         /* one at a time: four are never free at once by themselves */
        fx_turn(&f);
        engine_pool_waiting(f.e, 0, &w);
        if (ends == 18) {
            struct blocker why[4];
            cr_assert(w.reserved, "after sixteen that passed it, room is kept for it");
            cr_assert_geq(engine_why(f.e, 1, 0, 99, why, 4), 1u);
            cr_assert_eq(why[0].kind, BLOCKER_RESERVED);
            fx_recovers(&f);
        }
    }
    cr_assert_eq(fx_state(&f, 1, 1, 0), INSTANCE_ASSIGNED, "it begins when enough has ended");
    cr_assert_leq(ends, 24u);
    engine_pool_waiting(f.e, 0, &w);
    cr_assert(!w.reserved);
    fx_done(&f);
}

/* Of one step over three days that takes 3 conn; the pool has so many slots, conn and starts a second as the seed says. */
static struct plan *sized(uint64_t seed)
{
    struct plan *p = fx_plan();
    uint32_t a = fx_pool(p, "a", (uint32_t)seed);
    has_unit(&p->pools[a].has, "conn", seed);
    p->pools[a].has.cpu_milli = seed * 1000;
    p->pools[a].start_milli = (uint32_t)seed * 1000;
    p->pools[a].start_ms = 1000;
    fx_days(p, FX_JAN_1, seed < 6 ? 1 : 3);
    uint32_t s = fx_step(p, PLAN_DAY, a);
    has_unit(&p->steps[s].resources, "conn", seed < 6 ? 1 : 3);
    return fx_plan_done(p);
}

static void expect_pool(struct fx *f, uint32_t n)
{
    struct pool_view v;
    size_t n_dims = 0;
    size_t pool = engine_pool_named(f->e, "a");
    engine_pool(f->e, pool, &v);
    cr_expect(v.slots == n && v.start_milli == n * 1000, "%u slots, not %u; starts %u", v.slots, n, v.start_milli);
    struct pool_dimension_view *at = engine_pool_dimensions(f->e, pool, &n_dims);
    for (size_t i = 0; i < n_dims; i++)
        if (at[i].limit)
            cr_expect_eq(at[i].limit, strcmp(at[i].name, "conn") == 0 ? n : n * 1000, "%s", at[i].name);
    free(at);
}

/* A step that waits for room which only the ended one's figure took away would wait for ever. */
Test(engine_pools, the_smaller_figure_of_a_plan_goes_with_its_backfill)
{
    struct fx f;
    struct fx_agent a = start(&f, sized, 6);
    expect_pool(&f, 6);
    cr_assert_eq(fx_create(&f, sized, 2), 2u);
    cr_assert_eq(fx_create(&f, sized, 4), 3u);
    fx_turn(&f);
    expect_pool(&f, 2);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 1), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 2), INSTANCE_READY, "it takes more than there is");
    for (uint32_t id = 2; id <= 3; id++) {
        f.now_ms += 2000;
        fx_turn(&f);
        fx_ended(&f, &a, fx_attempt(&f, id, 0, 0), id == 2 ? OUTCOME_EXIT : OUTCOME_OK, id == 2 ? 126 : 0);
        fx_turn(&f);
        cr_assert(fx_backfill(&f, id).state == (id == 2 ? BACKFILL_FAILED : BACKFILL_SUCCEEDED));
        expect_pool(&f, id == 2 ? 4 : 6);
        fx_recovers_both(&f);
    }
    f.now_ms += 2000;
    fx_turn(&f);
    cr_expect_eq(fx_state(&f, 1, 0, 2), INSTANCE_ASSIGNED);
    struct op_request again = fx_request(&f, OP_RETRY, 2);
    cr_assert_eq(fx_command(&f, &again)->rc, BF_OK);
    fx_turn(&f);
    expect_pool(&f, 2);
    fx_recovers_both(&f);
    fx_done(&f);
}

/* With nothing running the command itself is its end. */
Test(engine_pools, the_smaller_figure_of_a_plan_goes_when_its_backfill_is_cancelled)
{
    struct fx f;
    start(&f, sized, 6);
    fx_turn(&f);
    cr_assert_eq(fx_create(&f, sized, 2), 2u);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 2, 0, 0), INSTANCE_READY, "the first one holds all that there is now");
    expect_pool(&f, 2);
    struct op_request cancel = fx_request(&f, OP_CANCEL, 2);
    cr_assert_eq(fx_command(&f, &cancel)->rc, BF_OK);
    fx_turn(&f);
    expect_pool(&f, 6);
    fx_recovers_both(&f);
    fx_done(&f);
}

/* The trail's only word on the pool, about this backfill. */
static void expect_told_of(const struct fx *f, const char *text)
{
    size_t n = 0;
    const struct record *r;
    for (size_t i = 0; (r = fx_record(f, RECORD_AUDIT, i)) != NULL; i++)
        if (strcmp(record_rare(r)->what, "pool set") == 0) {
            n++;
            cr_expect_str_eq(record_rare(r)->text, text);
        }
    cr_expect_eq(n, 1u, "%zu", n);
}

/* Each holds what the one before it leaves. */
Test(engine_pools, many_ends_of_a_turn_set_a_pool_once)
{
    struct fx f;
    start(&f, sized, 6);
    for (uint32_t id = 2; id <= 5; id++)
        cr_assert_eq(fx_create(&f, sized, id), id);
    fx_turn(&f);
    expect_pool(&f, 2);
    for (uint32_t id = 2; id <= 5; id++) {
        fx_ask(&f, OP_CANCEL, id);
        cr_expect_eq(fx_count_records(&f, RECORD_POOL_SET), 0u, "the turn has not ended");
    }
    fx_turn(&f);
    expect_pool(&f, 6);
    cr_expect_eq(fx_count_records(&f, RECORD_POOL_SET), 1u);
    expect_told_of(&f, "bf-2 has ended: the smaller figure of each plan that is left holds");
    fx_recovers_both(&f);
    fx_done(&f);
}

/* The one that begins finds what is left of those that ended before it. */
Test(engine_pools, an_end_and_a_begin_of_a_turn_are_told_apart)
{
    struct fx f;
    start(&f, sized, 6);
    cr_assert_eq(fx_create(&f, sized, 2), 2u);
    fx_turn(&f);
    expect_pool(&f, 2);
    fx_ask(&f, OP_CANCEL, 2);
    cr_assert_eq(fx_create(&f, sized, 4), 3u);
    cr_expect_eq(fx_count_records(&f, RECORD_POOL_SET), 2u);
    expect_told_of(&f, "bf-2 has ended: the smaller figure of each plan that is left holds");
    fx_turn(&f);
    expect_pool(&f, 4);
    fx_recovers_both(&f);
    fx_done(&f);
}

static struct plan *retried(uint64_t days)
{
    struct plan *p = fx_plan();
    uint32_t a = fx_pool(p, "a", 100);
    fx_days(p, FX_JAN_1, (uint32_t)days);
    uint32_t s = fx_step(p, PLAN_DAY, a);
    p->steps[s].retry.max_attempts = 9;
    p->steps[s].retry.budget_millionths = 100000;
    return fx_plan_done(p);
}

Test(engine_pools, retries_end_with_their_budget)
{
    struct fx f;
    struct fx_agent agent = start(&f, retried, 30);
    struct attempt_view a;
    uint32_t retries = 0, failed = 0;
    for (uint64_t id = 0; (id = engine_next_attempt(f.e, 0)) != 0 && engine_find_attempt(f.e, id, &a);) {
        fx_ended(&f, &agent, a.ref, OUTCOME_EXIT, 75);
        const struct record *ended = fx_record(&f, RECORD_ENDED, fx_count_records(&f, RECORD_ENDED) - 1);
        retries += ended->verdict == VERDICT_RETRY;
        failed += ended->verdict == VERDICT_FAILED && ended->budget_spent;
    }
    cr_assert_eq(retries, 10u, "%u retries, %u failed: ten are always possible, and a tenth of thirty is less", retries, failed);
    cr_assert_eq(failed, 20u);
    cr_assert(engine_failure_unretried(f.e, 1, 0, 29));
    fx_turn(&f);
    fx_recovers(&f);
    fx_done(&f);
}

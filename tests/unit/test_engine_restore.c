/* A state that is older than what the fleet has seen: restored on purpose, or put back by hand. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/engine_fixture.h"

static struct plan *chain_of_days(uint64_t days)
{
    return fx_chain((uint32_t)days, 0);
}

static const struct input restored = {.kind = INPUT_RESTORED, FX_SAYS(.epoch = 2, .hold_ms = 66000, .actor = "nora",
                                                                      .told = {.reason = "the disk died", .after = "{\"epoch\":2}"})};

Test(engine_restore, nothing_is_granted_for_the_longest_lease_and_numbers_are_fresh)
{
    struct fx f;
    struct fx_agent agent = fx_agent(1, 1);
    fx_begin(&f, &agent, chain_of_days, 3);
    fx_step_input(&f, &restored);
    int64_t until_ms = f.now_ms + 66000;
    fx_ended(&f, &agent, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    struct blocker b[4];
    cr_assert_geq(engine_why(f.e, 1, 0, 1, b, 4), 1u);
    cr_assert_eq(b[0].kind, BLOCKER_RESTORED);
    cr_assert_eq(b[0].clears_at_ms, until_ms);
    cr_assert_eq(engine_next_timer_ms(f.e), until_ms);
    f.now_ms = until_ms - 1;
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    f.now_ms = until_ms;
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 1u);
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->ref.attempt, UINT64_C(1000000001));
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->ref.token, UINT64_C(2) << 40 | UINT64_C(1000000001));
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->run, 1u, "a run that was begun before goes on");
    uint32_t fresh = fx_create(&f, chain_of_days, 1);
    cr_assert_gt(fresh, 0u);
    struct instance_view i;
    cr_assert(engine_instance(f.e, fresh, 0, 0, &i));
    cr_assert_eq(i.run, 1001u, "no warehouse takes it for one that was lost");
    fx_step_input(&f, &restored);
    cr_assert_eq(fx_count_records(&f, RECORD_RESTORED), 0u, "once is enough");
    fx_done(&f);
}

static struct input hello_that_saw(const struct fx_agent *a, uint64_t seen, struct input_rare *said)
{
    struct input in = {.kind = INPUT_HELLO, .incarnation = 7, .rare = said};
    *said = input_rare_none;
    said->hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = "other", .version = "1", .boot_id = "", .slots = 1,
                                       .fence = FENCE_WEAK, .seen = seen, .seen_cluster = ""};
    memcpy(in.key, a->key, sizeof in.key);
    return in;
}

Test(engine_restore, an_agent_that_has_seen_newer_tokens_stops_grants_until_a_restore)
{
    struct fx f;
    fx_init(&f, NULL);
    struct fx_agent agent = fx_agent(1, 1), other = fx_agent(2, 1);
    fx_hello(&f, &agent, 0);
    fx_create(&f, chain_of_days, 3);
    struct input_rare said;
    struct input hello = hello_that_saw(&other, UINT64_C(1) << 40 | 0, &said);
    fx_step_input(&f, &hello);
    cr_assert_eq(fx_count_records(&f, RECORD_OUTDATED), 0u, "it has seen nothing that is not ours");
    said.hello.seen = UINT64_C(1) << 40 | 900;
    for (int i = 0; i < 2; i++) {
        fx_step_input(&f, &hello);
        cr_assert_eq(fx_count_records(&f, RECORD_OUTDATED), 1u, "said once");
    }
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    struct blocker b[4];
    cr_assert_geq(engine_why(f.e, 1, 0, 0, b, 4), 1u);
    cr_assert_eq(b[0].kind, BLOCKER_OUTDATED);
    fx_step_input(&f, &restored);
    f.now_ms += 66000;
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 2u, "one on each agent");
    fx_done(&f);
}

Test(engine_restore, an_attempt_of_the_backup_goes_on_where_its_agent_has_it_and_is_lost_where_not)
{
    struct fx f;
    struct fx_agent agent = fx_agent(1, 2);
    fx_begin(&f, &agent, chain_of_days, 2);
    struct attempt_ref held = fx_attempt(&f, 1, 0, 0);
    fx_step_input(&f, &restored);
    fx_turn(&f);
    fx_hello_holding(&f, &agent, &held, 1);
    cr_assert_eq(fx_count_effects(&f, EFFECT_DISPATCH), 0u, "another may have come after it");
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 0u);
    cr_assert_eq(fx_count_records(&f, RECORD_ENDED), 1u);
    cr_assert_eq(fx_record(&f, RECORD_ENDED, 0)->outcome->source, OUTCOME_LOST);
    cr_assert_eq(fx_record(&f, RECORD_ENDED, 0)->index, 1u);
    cr_assert_eq(fx_count_records(&f, RECORD_AUDIT), 1u);
    fx_turn(&f);
    fx_ended(&f, &agent, held, OUTCOME_OK, 0);
    cr_assert_eq(fx_count_records(&f, RECORD_ENDED), 1u, "its end counts");
    fx_done(&f);
}

Test(engine_restore, one_backup_that_is_restored_twice_gives_no_attempt_number_twice)
{
    struct fx f;
    fx_init(&f, NULL);
    struct fx_agent agent = fx_agent(1, 1);
    fx_hello(&f, &agent, 0);
    struct input_rare said;
    struct input again = input_apart(&restored, &said);
    said.epoch = 3;                              /* epoch 2 was given to the same backup before, which does not know */
    fx_step_input(&f, &again);
    fx_create(&f, chain_of_days, 1);
    f.now_ms += said.hold_ms;
    fx_turn(&f);
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->ref.attempt, UINT64_C(2000000001));
    fx_done(&f);
}

/* The first agent asks, and is to get its attempt again; then the second one shows that the state is an old copy. */
Test(engine_restore, a_turn_that_finds_an_old_copy_sends_no_dispatch)
{
    struct fx f;
    struct fx_agent agent = fx_agent(1, 1), other = fx_agent(2, 1);
    fx_begin(&f, &agent, chain_of_days, 3);
    cr_assert_eq(fx_count_effects(&f, EFFECT_DISPATCH), 1u);
    fx_hello(&f, &agent, 0);
    cr_assert_eq(fx_count_effects(&f, EFFECT_DISPATCH), 1u, "it does not hold its attempt");
    size_t others = f.out.n_effects - 1;
    struct input_rare said;
    struct input hello = hello_that_saw(&other, UINT64_C(1) << 40 | 900, &said);
    fx_step_input(&f, &hello);
    cr_assert_eq(fx_count_records(&f, RECORD_OUTDATED), 1u);
    cr_assert_eq(fx_count_effects(&f, EFFECT_DISPATCH), 0u, "the other copy may have ended it, and given out the token again");
    cr_assert_eq(fx_count_effects(&f, EFFECT_WELCOME), 1u);
    cr_assert_eq(fx_count_effects(&f, EFFECT_REFUSE), 1u);
    cr_assert_geq(f.out.n_effects, others + 1, "nothing else is left out");
    fx_turn(&f);
    cr_assert_eq(fx_count_effects(&f, EFFECT_DISPATCH), 0u);
    fx_done(&f);
}

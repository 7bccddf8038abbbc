/* HELLO, reconcile, LOST, BYE, stale and foreign reports: who may say what about an attempt. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/engine_fixture.h"

static struct plan *two_steps(uint64_t wait_for_fence)
{
    struct plan *p = fx_plan();
    fx_step(p, PLAN_NONE, PLAN_NO_INDEX);
    fx_step(p, PLAN_NONE, PLAN_NO_INDEX);
    p->steps[1].wait_for_fence = wait_for_fence != 0;
    return fx_plan_done(p);
}

/* One agent with two slots that was granted both steps. */
static struct fx_agent start(struct fx *f, bool wait_for_fence)
{
    struct fx_agent a = fx_agent(1, 2);
    fx_init(f, &(struct engine_config){.lost_attempts_max = 2});
    fx_hello(f, &a, 0);
    fx_create(f, two_steps, wait_for_fence);
    fx_turn(f);
    cr_assert_eq(fx_backfill(f, 1).open_attempts, 2u);
    return a;
}

static enum agent_state state_of(const struct fx *f, const struct fx_agent *a)
{
    struct agent_view v;
    cr_assert(engine_agent(f->e, engine_agent_by_key(f->e, a->key), &v));
    return v.state;
}

static bool killed(const struct fx *f, struct attempt_ref ref, enum kill_reason reason)
{
    for (size_t i = 0; i < f->out.n_effects; i++) {
        const struct effect *x = &f->out.effects[i];
        if (x->kind == EFFECT_KILL && x->ref.attempt == ref.attempt && x->ref.token == ref.token && x->kill_reason == reason)
            return true;
    }
    return false;
}

Test(engine_agents, hello_is_refused_when_it_must_be)
{
    struct fx f;
    struct fx_agent a = start(&f, false), same_name = fx_agent(1001, 1), again = a, old = fx_agent(3, 1);
    memset(same_name.key, 9, sizeof same_name.key);
    cr_assert_eq(fx_hello(&f, &same_name, 0), 0u, "two keys with one name");
    again.incarnation = 500;
    cr_assert_eq(fx_hello(&f, &again, 0), 0u, "another process while the lease runs");
    cr_assert_eq(fx_hello(&f, &again, 77), 0u, "previous is not the one that holds the lease");
    struct input in = {.kind = INPUT_HELLO, .incarnation = 1,
                       FX_SAYS(.hello = {.protocol = 99, .name = "x", .version = "", .boot_id = ""})};
    memcpy(in.key, old.key, sizeof in.key);
    fx_step_input(&f, &in);
    cr_assert_eq(f.out.effects[f.out.n_effects - 1].kind, EFFECT_REFUSE);
    cr_assert_eq(engine_agent_by_key(f.e, old.key), 0u);
    cr_assert_eq(f.out.n_records, 0u, "a refusal leaves no trace");
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_agents, a_reconnect_is_reconciled)
{
    struct fx f;
    struct fx_agent a = start(&f, false);
    struct attempt_ref held[] = {fx_attempt(&f, 1, 0, 0), {.attempt = 999, .token = 999}, fx_attempt(&f, 1, 1, 0)};
    held[2].token++;
    fx_hello_holding(&f, &a, held, 3);
    cr_assert_eq(f.out.n_records, 0u, "the same process: nothing new to keep");
    cr_assert_eq(fx_count_effects(&f, EFFECT_WELCOME), 1u);
    cr_assert(killed(&f, held[1], KILL_STALE));
    cr_assert(killed(&f, held[2], KILL_STALE), "a token that is not current");
    cr_assert_eq(fx_count_effects(&f, EFFECT_DISPATCH), 1u, "what it does not hold goes out again");
    cr_assert_not(killed(&f, held[0], KILL_STALE));
    fx_turn(&f);
    fx_ask(&f, OP_CANCEL, 1);
    fx_turn(&f);
    fx_hello_holding(&f, &a, held, 1);
    cr_assert(killed(&f, held[0], KILL_CANCELLED));
    cr_assert_eq(fx_count_effects(&f, EFFECT_DISPATCH), 0u);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_agents, lost_requeues_without_charge_until_it_is_too_often)
{
    struct fx f;
    struct fx_agent a = start(&f, false);
    uint64_t last_token = 0;
    for (int i = 0; i < 3; i++) {
        struct attempt_ref ref = fx_attempt(&f, 1, 0, 0);
        cr_assert_gt(ref.token, last_token);
        last_token = ref.token;
        struct attempt_view v;
        cr_assert(engine_find_attempt(f.e, ref.attempt, &v));
        cr_assert_eq(v.attempt_no, 1u, "the loss of an agent is not the step's");
        fx_lost(&f, &a);
        cr_assert_eq(state_of(&f, &a), AGENT_LOST);
        fx_hello(&f, &a, 0);
        cr_assert_eq(state_of(&f, &a), AGENT_CONNECTED);
        fx_turn(&f);
    }
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_FAILED);
    struct outcome o;
    enum failure_class class;
    cr_assert(engine_failure(f.e, 1, 0, 0, &o, &class));
    cr_assert_eq(class, FAILURE_LOST);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_FAILED);
    fx_ask(&f, OP_RETRY, 1);
    fx_turn(&f);
    fx_lost(&f, &a);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_READY, "a new run may lose its agent as often again");
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_agents, names_are_known_after_a_recovery)
{
    struct fx f;
    struct fx_agent a = start(&f, false), same_name = fx_agent(1001, 1);
    memset(same_name.key, 9, sizeof same_name.key);
    struct engine *e = fx_fresh(&f);
    struct bf_error err = {0};
    for (size_t i = 0; i < f.journal.n; i++)
        fx_apply_turn(e, &f.journal.at[i]);
    cr_assert_eq(engine_rebuild(e, f.now_ms, &err), BF_OK, "%s", err.text);
    engine_free(f.e);
    f.e = e;
    cr_assert_eq(engine_next_timer_ms(e), f.now_ms, "it wants a turn");
    cr_assert_eq(fx_hello(&f, &same_name, 0), 0u);
    fx_lost(&f, &a);
    fx_turn(&f);
    cr_assert_eq(fx_hello(&f, &same_name, 0), 2u, "the name is free when its holder is lost");
    cr_assert_eq(fx_hello(&f, &a, 0), 0u);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_agents, lost_of_an_old_incarnation_is_nothing)
{
    struct fx f;
    struct fx_agent a = start(&f, false), before = a;
    before.incarnation--;
    fx_lost(&f, &before);
    cr_assert_eq(f.out.n_records, 0u);
    cr_assert_eq(state_of(&f, &a), AGENT_CONNECTED);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_agents, wait_for_fence_outlives_the_loss)
{
    struct fx f;
    struct fx_agent a = start(&f, true);
    struct attempt_ref kept = fx_attempt(&f, 1, 1, 0);
    fx_lost(&f, &a);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_READY);
    cr_assert_eq(fx_attempt(&f, 1, 1, 0).attempt, kept.attempt);
    struct agent_view v;
    cr_assert(engine_agent(f.e, 1, &v));
    cr_assert_eq(v.busy, 1u, "it keeps its units");
    uint64_t old = a.incarnation;
    a.incarnation = 900;
    fx_hello(&f, &a, 0);                         /* nobody saw the old step dead */
    fx_turn(&f);
    cr_assert_eq(fx_attempt(&f, 1, 1, 0).attempt, kept.attempt);
    cr_assert_eq(fx_count_effects(&f, EFFECT_DISPATCH), 1u, "the other step alone");
    fx_lost(&f, &a);
    a.incarnation = 901;
    fx_hello(&f, &a, old);                       /* now a guardian did */
    fx_turn(&f);
    cr_assert_gt(fx_attempt(&f, 1, 1, 0).attempt, kept.attempt);
    fx_done(&f);
}

Test(engine_agents, a_restart_whose_guardian_fenced_takes_over_at_once)
{
    struct fx f;
    struct fx_agent a = start(&f, true);
    uint64_t old = a.incarnation;
    a.incarnation = 900;
    cr_assert_eq(fx_hello(&f, &a, old), 1u);
    cr_assert_eq(fx_count_records(&f, RECORD_ENDED), 2u);
    cr_assert_eq(fx_record(&f, RECORD_ENDED, 0)->verdict, VERDICT_REQUEUE);
    cr_assert_eq(fx_record(&f, RECORD_ENDED, 0)->outcome->source, OUTCOME_LOST);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 2u);
    fx_done(&f);
}

/* previous speaks for every earlier start in the same state folder, and for no other folder. */
Test(engine_agents, a_guardian_speaks_for_the_lives_before_too)
{
    static const struct { uint64_t previous; bool ended; } cases[] = {
        {150, true}, {101, true}, {99, false}, {(UINT64_C(1) << 32) + 150, false}, {0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fx f;
        struct fx_agent a = start(&f, true);     /* incarnation 101 */
        struct attempt_ref kept = fx_attempt(&f, 1, 1, 0);
        fx_lost(&f, &a);
        a.incarnation = cases[i].previous + 1;
        cr_assert_eq(fx_hello(&f, &a, cases[i].previous), 1u);
        fx_turn(&f);
        cr_assert_eq(fx_attempt(&f, 1, 1, 0).attempt != kept.attempt, cases[i].ended, "case %zu", i);
        fx_done(&f);
    }
}

Test(engine_agents, bye_only_when_nothing_is_open)
{
    struct fx f;
    struct fx_agent a = start(&f, false);
    fx_bye(&f, &a);
    cr_assert_eq(state_of(&f, &a), AGENT_CONNECTED);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_ended(&f, &a, fx_attempt(&f, 1, 1, 0), OUTCOME_OK, 0);
    fx_bye(&f, &a);
    cr_assert_eq(state_of(&f, &a), AGENT_LEFT);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_agents, only_the_holder_may_report)
{
    struct fx f;
    struct fx_agent a = start(&f, false), b = fx_agent(2, 1), stranger = fx_agent(3, 1);
    struct attempt_ref ref = fx_attempt(&f, 1, 0, 0), wrong = {ref.attempt, ref.token + 1};
    fx_hello(&f, &b, 0);
    fx_turn(&f);
    static const char *const what[] = {"another agent", "no agent at all", "the holder, with another token"};
    for (int i = 0; i < 3; i++) {
        fx_ended(&f, i == 0 ? &b : i == 1 ? &stranger : &a, i == 2 ? wrong : ref, OUTCOME_OK, 0);
        cr_assert_eq(fx_count_records(&f, RECORD_STALE_REPORT), 1u, "%s", what[i]);
        cr_assert_eq(fx_count_records(&f, RECORD_ENDED), 0u, "%s", what[i]);
        cr_assert_eq(fx_count_effects(&f, EFFECT_REPORT_ACK), i == 2 ? 1u : 0u, "%s", what[i]);
        cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_ASSIGNED);
        fx_turn(&f);
    }
    fx_started(&f, &b, ref);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_ASSIGNED, "a STARTED of another agent");
    struct fx_agent before = a;
    before.incarnation--;
    fx_started(&f, &before, ref);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_ASSIGNED, "a STARTED of another process");
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_agents, a_report_that_comes_too_late_changes_nothing)
{
    struct fx f;
    struct fx_agent a = start(&f, false), b = fx_agent(2, 2);
    struct attempt_ref old = fx_attempt(&f, 1, 0, 0);
    fx_lost(&f, &a);
    fx_hello(&f, &b, 0);
    fx_turn(&f);
    struct attempt_ref current = fx_attempt(&f, 1, 0, 0);
    cr_assert_neq(old.attempt, current.attempt);
    fx_ended(&f, &a, old, OUTCOME_OK, 0);
    cr_assert_eq(fx_count_records(&f, RECORD_STALE_REPORT), 1u);
    cr_assert_eq(fx_count_effects(&f, EFFECT_REPORT_ACK), 1u, "so that the agent forgets it");
    cr_assert_eq(fx_attempt(&f, 1, 0, 0).attempt, current.attempt);
    fx_ended(&f, &b, current, OUTCOME_OK, 0);
    fx_ended(&f, &b, current, OUTCOME_OK, 0);    /* its acknowledgement was lost */
    cr_assert_eq(fx_count_records(&f, RECORD_ENDED), 1u);
    cr_assert_eq(fx_count_effects(&f, EFFECT_REPORT_ACK), 3u);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_agents, a_flood_of_stale_reports_is_cut)
{
    struct fx f;
    struct fx_agent a = start(&f, false);
    for (int i = 0; i < 2000; i++)
        fx_ended(&f, &a, (struct attempt_ref){5000, 1}, OUTCOME_OK, 0);
    cr_assert_leq(fx_count_records(&f, RECORD_STALE_REPORT), 256u);
    cr_assert_eq(fx_count_effects(&f, EFFECT_REPORT_ACK), 2000u);
    fx_turn(&f);
    fx_ended(&f, &a, (struct attempt_ref){5000, 1}, OUTCOME_OK, 0);
    cr_assert_eq(fx_count_records(&f, RECORD_STALE_REPORT), 1u, "the next turn tells again");
    fx_turn(&f);
    fx_done(&f);
}

/* So a script may drain a host twice; of one that is lost nobody knows. */
Test(engine_agents, one_that_has_left_is_drained_and_one_that_is_lost_is_not)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 2), b = fx_agent(2, 2);
    fx_init(&f, NULL);
    fx_hello(&f, &a, 0);
    fx_hello(&f, &b, 0);
    fx_bye(&f, &a);
    fx_lost(&f, &b);
    fx_turn(&f);
    struct op_request r = fx_request(&f, OP_AGENT_DRAIN, 0);
    r.name = "agent-1";
    cr_expect_eq(fx_command(&f, &r)->rc, BF_OK);
    cr_expect_eq(state_of(&f, &a), AGENT_LEFT);
    struct op_request lost = fx_request(&f, OP_AGENT_DRAIN, 0);
    lost.name = "agent-2";
    cr_expect_eq(fx_command(&f, &lost)->rc, BF_CONFLICT);
    cr_expect_eq(state_of(&f, &b), AGENT_LOST);
    cr_expect_eq(fx_count_effects(&f, EFFECT_DRAIN), 0u);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_agents, draining_gets_nothing_new)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 2);
    fx_init(&f, NULL);
    fx_hello(&f, &a, 0);
    struct op_request r = fx_request(&f, OP_AGENT_DRAIN, 0);
    r.name = "agent-1";
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    cr_assert_eq(fx_count_effects(&f, EFFECT_DRAIN), 1u);
    fx_create(&f, two_steps, 0);
    fx_turn(&f);
    cr_assert_eq(state_of(&f, &a), AGENT_DRAINING);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    fx_hello(&f, &a, 0);
    cr_assert_eq(fx_count_effects(&f, EFFECT_DRAIN), 1u, "said again to one that reconnects");
    struct op_request unknown = fx_request(&f, OP_AGENT_DRAIN, 0);
    unknown.name = "nobody";
    cr_assert_eq(fx_command(&f, &unknown)->rc, BF_NOT_FOUND);
    fx_turn(&f);
    fx_done(&f);
}

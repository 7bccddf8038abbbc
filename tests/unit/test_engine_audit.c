/* What goes into the audit trail: one record for each command answered anew and each decision that overrides another; bounded. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/engine_fixture.h"

static struct plan *pooled(uint64_t slots)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 3);
    fx_step(p, PLAN_DAY, fx_pool(p, "small", (uint32_t)slots));
    return fx_plan_done(p);
}

static struct fx_agent start(struct fx *f)
{
    struct fx_agent a = fx_agent(1, 8);
    fx_init(f, NULL);
    fx_hello(f, &a, 0);
    fx_create(f, pooled, 2);
    fx_turn(f);
    return a;
}

/* The newest audit record of this turn. */
static const struct record *audit(const struct fx *f)
{
    size_t n = fx_count_records(f, RECORD_AUDIT);
    cr_assert_gt(n, 0u);
    return fx_record(f, RECORD_AUDIT, n - 1);
}

Test(engine_audit, a_command_has_one_record_carried_out_or_refused)
{
    struct fx f;
    start(&f);
    struct op_request r = fx_request(&f, OP_PAUSE, OP_LATEST);
    r.reason = "why not";
    fx_command(&f, &r);
    const struct record *a = audit(&f);
    const struct record_rare *x = record_rare(a);
    cr_expect_eq(fx_count_records(&f, RECORD_AUDIT), 1u);
    cr_expect_eq(x->audit, AUDIT_REQUEST);
    cr_expect(strcmp(x->actor, "tester") == 0 && strcmp(x->what, "pause") == 0 && strcmp(x->target, "bf-1") == 0 &&
              strcmp(x->reason, "why not") == 0);
    cr_expect(a->backfill == 1 && x->rc == BF_OK && x->key[0] == 0xee && memcmp(x->request_id, r.id, sizeof r.id) == 0);
    cr_expect_str_eq(x->before, "{\"state\":\"running\",\"ready\":1,\"assigned\":2}");
    cr_expect_str_eq(x->after, "{\"state\":\"paused\",\"ready\":1,\"assigned\":2}");
    fx_turn(&f);
    fx_command(&f, &r);
    cr_expect_eq(fx_count_records(&f, RECORD_AUDIT), 0u, "the same request again changes nothing");
    cr_expect_eq(fx_ask(&f, OP_CANCEL, 77)->rc, BF_NOT_FOUND);
    cr_expect_eq(fx_count_records(&f, RECORD_AUDIT), 1u);
    a = audit(&f);
    x = record_rare(a);
    cr_expect(x->rc == BF_NOT_FOUND && a->backfill == 77 && *x->before == 0 && strstr(x->text, "there is no backfill bf-77"));
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_audit, a_refused_create_names_its_plan)
{
    struct fx f;
    start(&f);
    fx_step_input(&f, &(struct input){.kind = INPUT_LOW, FX_SAYS(.low = true)});
    cr_expect_str_eq(record_rare(audit(&f))->what, "low water");
    struct op_request r = fx_request(&f, OP_CREATE, 0);
    memset(r.plan_hash, 0xab, sizeof r.plan_hash);
    cr_expect_eq(fx_command(&f, &r)->rc, BF_FULL);
    cr_expect_str_eq(record_rare(audit(&f))->target, "plan abababababab");
    cr_expect_eq(audit(&f)->backfill, 0u);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_audit, a_change_of_keys_is_about_a_key_and_no_backfill)
{
    struct fx f;
    start(&f);
    for (enum op_verb verb = OP_KEY_CREATE; verb <= OP_AGENT_JOIN; verb++)
        for (int named = 0; named < 2; named++) {
            struct op_request r = fx_request(&f, verb, 0);
            r.name = named ? "olga" : "";
            fx_command(&f, &r);
            cr_expect_str_eq(record_rare(audit(&f))->what, op_verb_name(verb));
            const char *own = verb == OP_KEY_ROTATE || verb == OP_AGENT_JOIN ? "tester" : "";      /* without a name: one's own */
            cr_expect_str_eq(record_rare(audit(&f))->target, named && verb != OP_AGENT_JOIN ? "olga" : own, "%s", op_verb_name(verb));
            cr_expect_eq(audit(&f)->backfill, 0u);
        }
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_audit, a_lost_agent_is_one_record_however_much_it_held)
{
    struct fx f;
    struct fx_agent a = start(&f);
    fx_lost(&f, &a);
    cr_expect_eq(fx_count_records(&f, RECORD_ENDED), 2u);
    cr_expect_eq(fx_count_records(&f, RECORD_AUDIT), 1u);
    const struct record *r = audit(&f);
    const struct record_rare *rare = record_rare(r);
    cr_expect(rare->audit == AUDIT_DECISION && strcmp(rare->what, "agent lost") == 0 && strcmp(rare->actor, "coordinator") == 0);
    cr_expect_str_eq(rare->target, "agent-1");
    cr_expect_str_eq(rare->before, "{\"attempts\":2}");
    cr_expect_str_eq(rare->after, "{\"attempts\":0,\"requeued\":2}");
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_audit, a_restarted_agent_is_told_where_it_held_work)
{
    struct fx f;
    struct fx_agent a = start(&f);
    uint64_t previous = a.incarnation++;
    fx_hello(&f, &a, previous);
    cr_expect_str_eq(record_rare(audit(&f))->what, "attempts fenced");
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_audit, stale_reports_are_told_at_a_bounded_rate_that_recovery_keeps)
{
    struct fx f;
    struct fx_agent a = start(&f);
    for (int i = 0; i < 100; i++)
        fx_ended(&f, &a, (struct attempt_ref){5000, 1}, OUTCOME_OK, 0);
    cr_expect_eq(fx_count_records(&f, RECORD_STALE_REPORT), 100u);
    cr_expect_eq(fx_count_records(&f, RECORD_AUDIT), 16u, "a burst");
    cr_expect_eq(audit(&f)->ref.attempt, 5000u);
    cr_expect_str_eq(record_rare(audit(&f))->actor, "agent-1");
    cr_expect_eq(record_rare(audit(&f))->rc, BF_DENIED);
    fx_turn(&f);

    struct engine *again = fx_fresh(&f);
    for (size_t i = 0; i < f.journal.n; i++)
        fx_apply_turn(again, &f.journal.at[i]);
    struct bf_error err;
    cr_assert_eq(engine_rebuild(again, f.now_ms, &err), BF_OK);
    cr_expect(fx_same_state(f.e, again), "what was told is state");
    engine_free(again);

    f.now_ms += 10000;
    for (int i = 0; i < 5; i++)
        fx_ended(&f, &a, (struct attempt_ref){5000, 1}, OUTCOME_OK, 0);
    cr_expect_eq(fx_count_records(&f, RECORD_AUDIT), 1u, "one in ten seconds");
    cr_expect_eq(audit(&f)->n, 84u, "and how many were left out");
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_audit, pools_that_another_setting_holds_for)
{
    struct fx f;
    struct fx_agent a = start(&f);
    (void)a;
    struct input pool = {.kind = INPUT_POOL, FX_SAYS(.pool_name = "small", .pool_slots = 1)};
    fx_step_input(&f, &pool);
    cr_expect_str_eq(record_rare(audit(&f))->what, "pool set");
    cr_expect_str_eq(record_rare(audit(&f))->before, "{\"slots\":2,\"source\":\"plan\"}");
    cr_expect_str_eq(record_rare(audit(&f))->after, "{\"slots\":1,\"source\":\"config\"}");
    fx_turn(&f);
    fx_step_input(&f, &pool);
    cr_expect_eq(fx_count_records(&f, RECORD_AUDIT), 0u, "it says so already");
    cr_assert_eq(fx_create(&f, pooled, 9), 2u);
    cr_expect_eq(fx_count_records(&f, RECORD_AUDIT), 2u);
    const struct record *kept = fx_record(&f, RECORD_AUDIT, 0);
    cr_expect_str_eq(record_rare(kept)->what, "pool kept");
    cr_expect_str_eq(record_rare(kept)->before, "{\"slots\":9,\"source\":\"plan\"}");
    cr_expect_eq(kept->backfill, 2u);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_audit, what_the_shell_tells_is_recorded_as_it_stands)
{
    struct fx f;
    start(&f);
    fx_step_input(&f, &(struct input){.kind = INPUT_DENIED,
                                      FX_SAYS(.actor = "eve", .role = "viewer",
                                              .told = {.what = "cancel", .target = "bf-1", .reason = "mine", .text = "no", .left_out = 4,
                                                       .rc = BF_DENIED})});
    const struct record *r = audit(&f);
    const struct record_rare *rare = record_rare(r);
    cr_expect(rare->audit == AUDIT_DENIED && strcmp(rare->actor, "eve") == 0 && strcmp(rare->role, "viewer") == 0 && r->n == 4 &&
              rare->rc == BF_DENIED);
    fx_step_input(&f, &(struct input){.kind = INPUT_SERVICE, FX_SAYS(.told = {.what = "start", .target = "coordinator"})});
    cr_expect(record_rare(audit(&f))->audit == AUDIT_SERVICE && strcmp(record_rare(audit(&f))->actor, "coordinator") == 0);
    fx_step_input(&f, &(struct input){.kind = INPUT_EPOCH, FX_SAYS(.epoch = 5)});
    cr_expect_str_eq(record_rare(audit(&f))->after, "{\"epoch\":5}");
    fx_turn(&f);
    fx_done(&f);
}

/* The words of alerts: what is said of each cause, and that what is to be done about it can be done. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "views_fixture.h"

static void later(struct world *w, int64_t ms)
{
    w->boot_ms += ms;
    w->wall_us += ms * 1000;
    run(w);
}

/* The newest alert of a kind, whatever its state; a new reference. */
static json_t *alert(struct world *w, const char *kind)
{
    struct op_request req = query(OP_ALERTS);
    size_t i;
    json_t *row, *found = NULL;
    req.state = "all";
    json_t *rows = ask(w, &req, BF_OK, NULL);
    json_array_foreach(rows, i, row)
        found = !found && strcmp(text(row, "kind"), kind) == 0 ? json_incref(row) : found;
    json_decref(rows);
    cr_assert(found, "no alert %s", kind);
    return found;
}

static void expect(const json_t *alert, const char *key, const char *wanted)
{
    cr_expect_str_eq(text(alert, key), wanted);
}

Test(views_alerts, a_timebox_that_is_over_is_no_matter_of_data)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: boxed\ntimebox: {limit: 20s, then: pause}\nsteps:\n  m: {run: [echo]}\n");
    hello(w, 2);
    later(w, 21000);
    json_t *a = alert(w, "backfill_halted");
    expect(a, "summary", "bf-1 is paused: its timebox of 20s is over");
    expect(a, "todo", "bfctl resume bf-1, which goes on without a limit, or bfctl cancel bf-1");
    json_decref(a);
    world_free(w);
}

Test(views_alerts, a_check_that_halts_is)
{
    struct world *w = world_new();
    create(w, plan_text);
    hello(w, 2);
    end_first_with(w, OUTCOME_CHECK, CHECK_HALT, "3 rows twice", "", "", "");
    json_t *a = alert(w, "backfill_halted");
    expect(a, "summary", "bf-1 is halted by a check of stg[2024-01-01]: 3 rows twice");
    expect(a, "todo", "look at the data: bfctl checks bf-1; then bfctl resume bf-1, or cancel it");
    json_decref(a);
    world_free(w);
}

/* The alert about m, which failed for good in this way. */
static json_t *failed(struct world *w, enum outcome_source source, int32_t code)
{
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: one\nsteps:\n  m: {run: [echo], retry: {max: 1}}\n");
    hello(w, 2);
    end_first(w, source, code, "it failed");
    return alert(w, "step_failing");
}

Test(views_alerts, no_retry_is_offered_beside_a_remedy_that_says_it_does_not_help)
{
    static const struct { enum outcome_source source; int32_t code; bool retry; } cases[] = {
        {OUTCOME_OOM, OOM_OWN_LIMIT, false}, {OUTCOME_NOT_YET, 0, false}, {OUTCOME_TIMEOUT, 0, false}, {OUTCOME_EXIT, 126, true},
        {OUTCOME_SIGNAL, 10, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world *w = world_new();
        json_t *a = failed(w, cases[i].source, cases[i].code);
        const char *todo = text(a, "todo");
        cr_expect(strstr(todo, "bfctl failures bf-1 m shows it"), "case %zu: %s", i, todo);
        cr_expect_eq(strstr(todo, "bfctl retry bf-1 m runs it again") != NULL, cases[i].retry, "case %zu: %s", i, todo);
        cr_expect_eq(strstr(todo, "because retry runs the old version of the plan") == NULL, cases[i].retry, "case %zu: %s", i, todo);
        json_decref(a);
        world_free(w);
    }
}

/* ---- one that ended because somebody cancelled something ---- */

/* Of a person, and done. */
static void carry_out(struct world *w, struct op_request *req)
{
    static uint8_t number = 100;
    memset(req->id, ++number, sizeof req->id);
    turn_command(w->turns, operator_key, "ada", "admin", req, NULL, 0);
    run(w);
    cr_assert_eq(w->rc, BF_OK, "%s", w->reply);
}

static void steer(struct world *w, enum op_verb verb, const char *selector)
{
    struct op_request req = query(verb);
    req.backfill = 1;
    req.selectors = &selector;
    req.n_selectors = 1;
    carry_out(w, &req);
}

Test(views_alerts, of_what_was_cancelled_no_retry_is_offered_and_what_is_runs_it)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: days\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-03}\n"
              "steps:\n  m: {run: [echo]}\n");
    hello(w, 1);
    steer(w, OP_CANCEL, "m[2024-01-02]");
    while (w->n_held > 0)
        end_first(w, OUTCOME_OK, 0, "");
    json_t *a = alert(w, "backfill_ended");
    expect(a, "todo", "nothing failed: m[2024-01-02] was cancelled; bfctl force bf-1 'm[2024-01-02]' runs it again");
    json_decref(a);
    steer(w, OP_FORCE, "m[2024-01-02]");
    cr_expect_eq(w->n_held, 1u, "%s", w->reply);
    steer(w, OP_FORCE, "m[2024-01-03]");
    steer(w, OP_CANCEL, "m[2024-01-03]");
    steer(w, OP_CANCEL, "m[2024-01-02]");
    end_first(w, OUTCOME_CANCELLED, 0, "");
    a = alert(w, "backfill_ended");
    expect(a, "todo", "nothing failed: 2 step instances were cancelled, and bfctl steps bf-1 --state cancelled lists them; "
                      "bfctl force bf-1 'm[2024-01-02]' runs the first again");
    json_decref(a);
    world_free(w);
}

/* ---- nobody is let ---- */

static void expect_no_agent(struct world *w, const char *state, int64_t ms)
{
    for (int64_t told = 0; told < ms; told += 10000) {
        later(w, 10000 - 20);
        hello(w, 1);
    }
    json_t *a = alert(w, "no_agent");
    expect(a, "state", state);
    expect(a, "summary", "bf-1 has steps that are ready, and every agent that may run them is quarantined");
    json_decref(a);
}

Test(views_alerts, that_all_agents_are_quarantined_is_told_after_two_minutes)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: days\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-03}\n"
              "steps:\n  m: {run: [echo]}\n");
    hello(w, 1);
    struct op_request req = query(OP_BREAKER_OPEN);
    memset(req.id, 99, sizeof req.id);
    req.name = "agent/agent-1";
    turn_command(w->turns, operator_key, "ada", "admin", &req, NULL, 0);
    run(w);
    expect_no_agent(w, "pending", 110000);
    expect_no_agent(w, "firing", 20000);
    world_free(w);
}

/* ---- a pool that is too small ---- */

static void set_pool(struct world *w, uint32_t slots, uint64_t memory_bytes)
{
    struct op_request req = query(OP_POOL_SET);
    req.name = "wh";
    req.pool_slots = slots;
    req.pool = (struct pool_budget){.no_slots = memory_bytes > 0, .memory_bytes = memory_bytes};
    carry_out(w, &req);
}

Test(views_alerts, a_pool_that_is_too_small_says_for_what_and_what_to_do)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: big\npools: {wh: {slots: 2}}\n"
              "steps:\n  m: {run: [echo], pool: wh, resources: {memory: 2Gi}}\n");
    set_pool(w, 0, UINT64_C(1) << 30);
    later(w, 121000);
    json_t *a = alert(w, "pool_too_small");
    expect(a, "state", "firing");
    expect(a, "subject", "wh");
    expect(a, "summary", "m of bf-1 cannot begin, whatever ends: pool wh is too small for it: it takes 2 GiB of memory, and the pool has 1 GiB");
    expect(a, "todo", "raise it: bfctl pool set wh --memory 2Gi");
    cr_expect_eq(number(a, "count"), 1);
    json_decref(a);
    set_pool(w, 0, 0);
    a = alert(w, "pool_too_small");
    expect(a, "summary", "m of bf-1 cannot begin, whatever ends: pool wh is stopped: it has 0 slots, set by bfctl pool set, last by ada");
    expect(a, "todo", "bfctl pool set wh --slots N, or --slots reset, which takes back what was set");
    json_decref(a);
    set_pool(w, 2, 0);
    set_pool(w, 0, UINT64_C(2) << 30);
    a = alert(w, "pool_too_small");
    expect(a, "state", "resolved");
    expect(a, "summary", "pool wh keeps nothing from beginning any more");
    json_decref(a);
    world_free(w);
}

/* ---- a step that only its lost agent can end ---- */

static struct world *fenced(void)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: fenced\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-03}\nsteps:\n"
              "  notify: {run: [echo], on_lost: wait_for_fence}\n  after: {run: [echo], needs: [notify]}\n");
    hello(w, 2);
    cr_assert_eq(w->n_held, 2u);
    later(w, 70000);
    return w;
}

static json_t *why_of(struct world *w, const char *selector)
{
    struct op_request req = query(OP_WHY);
    req.backfill = 1;
    req.selectors = &selector;
    req.n_selectors = 1;
    return ask(w, &req, BF_OK, NULL);
}

Test(views_alerts, of_a_lost_agent_it_says_how_many_steps_wait_for_it_alone)
{
    struct world *w = fenced();
    json_t *a = alert(w, "agent_lost");
    expect(a, "todo", "see whether the host lives and reaches the coordinator, and start its agent again; 2 step instances have on_lost: "
                      "wait_for_fence: no other agent takes what this one had until it is back");
    json_decref(a);
    world_free(w);
}

Test(views_alerts, why_says_that_a_step_waits_for_its_lost_agent)
{
    struct world *w = fenced();
    json_t *j = why_of(w, "notify[2024-01-01]");
    expect(j, "summary", "notify[2024-01-01] was given to agent-1, which is lost; the step has on_lost: wait_for_fence, so it waits until "
                         "this agent is back and says how it ended. Start the agent on its host again: nothing else ends it");
    json_decref(j);
    hello(w, 2);
    j = why_of(w, "notify[2024-01-01]");
    cr_expect_null(strstr(text(j, "summary"), "lost"), "it is back: %s", text(j, "summary"));
    json_decref(j);
    world_free(w);
}

/* Another life of the agent; previous: the last one of which it knows that nothing lives. */
static void hello_anew(struct world *w, uint64_t incarnation, uint64_t previous)
{
    struct agent_msg m = {.kind = AGENT_HELLO, .incarnation = incarnation, .nonce = incarnation, .text = ""};
    m.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = "agent-1", .version = "0.1.0", .slots = 2,
                                   .previous = previous, .fence = FENCE_WEAK, .boot_id = "00000000-0000-0000-0000-000000000000"};
    turn_agent_message(w->turns, agent_key, &m, w->boot_ms);
    run(w);
}

static json_t *step_row(struct world *w, const char *selector)
{
    struct op_request req = query(OP_STEPS);
    req.backfill = 1;
    req.selectors = &selector;
    req.n_selectors = 1;
    json_t *rows = ask(w, &req, BF_OK, NULL), *row = json_incref(json_array_get(rows, 0));
    json_decref(rows);
    return row;
}

Test(views_alerts, what_an_agent_that_is_back_does_not_know_is_told_until_it_does)
{
    struct world *w = fenced();
    later(w, 130000);
    hello_anew(w, 8, 0);
    json_t *j = alert(w, "agent_lost");
    expect(j, "state", "firing");
    expect(j, "summary", "agent agent-1 was lost with work, is back, and does not know how 2 of its step instances ended, which have "
                         "on_lost: wait_for_fence");
    json_decref(j);
    j = why_of(w, "notify[2024-01-01]");
    expect(j, "summary", "notify[2024-01-01] was given to agent-1 before that was started anew, and the agent does not know how it ended: it "
                         "may still run there. The step has on_lost: wait_for_fence, so no agent is given it again. A restart of the host ends "
                         "it, after which the agent can tell; or, when you know that it is dead, bfctl cancel bf-1 'notify[2024-01-01]'");
    json_decref(j);
    j = step_row(w, "notify[2024-01-01]");
    cr_expect(json_is_true(json_object_get(j, "unheard")));
    json_decref(j);
    struct op_request req = query(OP_WHY_SUMMARY);
    j = ask(w, &req, BF_OK, NULL);
    const json_t *c = json_array_get(json_object_get(j, "causes"), 0);
    expect(c, "kind", "agent_lost");
    expect(c, "detail", "agent-1 is back and does not know how they ended, and on_lost: wait_for_fence lets them wait until it does");
    json_decref(j);
    hello_anew(w, 9, 8);
    j = alert(w, "agent_lost");
    expect(j, "state", "resolved");
    json_decref(j);
    j = step_row(w, "notify[2024-01-01]");
    cr_expect(json_is_false(json_object_get(j, "unheard")) && strcmp(text(j, "state"), "assigned") == 0, "given out again");
    json_decref(j);
    world_free(w);
}

Test(views_alerts, what_it_was_not_known_of_ends_by_the_word_of_its_agent)
{
    struct world *w = fenced();
    later(w, 130000);
    hello_anew(w, 8, 0);
    for (size_t i = 0; i < 2; i++) {
        struct agent_report r = {.ref = w->held[i].ref, .kind = REPORT_ENDED, .ended_us = w->wall_us,
                                 .outcome = {.source = OUTCOME_OK, .sqlstate = "", .dbms = "", .details = "", .text = "", .rows = -1}};
        struct agent_msg m = {.kind = AGENT_REPORT, .incarnation = 8, .reports = &r, .n_reports = 1, .text = ""};
        json_t *a = alert(w, "agent_lost");
        expect(a, "state", "firing");
        json_decref(a);
        turn_agent_message(w->turns, agent_key, &m, w->boot_ms);
        run(w);
    }
    json_t *a = alert(w, "agent_lost");
    expect(a, "state", "resolved");
    json_decref(a);
    world_free(w);
}

Test(views_alerts, what_waits_for_a_lost_agent_is_a_cause)
{
    struct world *w = fenced();
    struct op_request req = query(OP_WHY_SUMMARY);
    json_t *j = ask(w, &req, BF_OK, NULL), *found = NULL, *c;
    size_t i;
    json_array_foreach(json_object_get(j, "causes"), i, c) {
        found = strcmp(text(c, "kind"), "agent_lost") == 0 ? c : found;
        cr_expect_str_neq(text(c, "kind"), "running", "nothing runs");
    }
    cr_assert(found);
    expect(found, "detail", "agent-1 is lost, and on_lost: wait_for_fence lets them wait until it is back and says how they ended");
    cr_expect(number(found, "holds") == 2 && number(found, "behind") == 2);
    cr_expect_eq(json_array_size(json_object_get(found, "examples")), 2u);
    json_decref(j);
    world_free(w);
}

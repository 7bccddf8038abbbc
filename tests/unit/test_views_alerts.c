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

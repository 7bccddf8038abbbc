/* bfctl breakers: what waits for that of an agent. */
#include <criterion/criterion.h>
#include <string.h>

#include "views_fixture.h"

static void move_agents(struct world *w, enum op_verb verb)
{
    struct op_request req = query(verb);
    memset(req.id, (int)verb, sizeof req.id);
    req.name = "agent/agent-1";
    turn_command(w->turns, operator_key, "ada", "admin", &req, NULL, 0);
    run(w);
    cr_assert_eq(w->rc, BF_OK, "%s", w->reply);
}

static void expect_holds(struct world *w, json_int_t holds)
{
    struct op_request req = query(OP_BREAKERS);
    req.name = "agent/agent-1";
    json_t *rows = ask(w, &req, BF_OK, NULL);
    cr_expect_eq(number(json_array_get(rows, 0), "holds"), holds);
    json_decref(rows);
}

/* Of what it could run, while no other could: nothing that waits for another agent, and nothing that runs. */
Test(views_breakers, what_only_a_quarantined_agent_could_run_waits_for_it)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-05}\nsteps:\n"
              "  here: {run: [echo], agents: {labels: {zone: near}}}\n  beside: {run: [echo], agents: {labels: {zone: near}}}\n"
              "  far: {run: [echo], agents: {labels: {zone: far}}}\n");
    hello(w, 2);
    run(w);
    cr_assert_eq(w->n_held, 2u);
    expect_holds(w, 0);
    move_agents(w, OP_BREAKER_OPEN);
    expect_holds(w, 8);
    struct agent_label near[] = {{"zone", "near"}};
    struct agent_msg m = {.kind = AGENT_HELLO, .incarnation = 7, .nonce = 1, .text = ""};
    const uint8_t other_key[32] = {77};
    m.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = "agent-2", .version = "0.1.0", .slots = 1,
                                   .fence = FENCE_WEAK, .boot_id = "00000000-0000-0000-0000-000000000000", .labels = near, .n_labels = 1};
    turn_agent_message(w->turns, other_key, &m, w->boot_ms);
    run(w);
    expect_holds(w, 0);
    world_free(w);
}

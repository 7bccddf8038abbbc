/* Who probes: one agent, which may change, and whose silence is told. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/engine/view.h"
#include "coordinator/probes.h"
#include "coordinator/turn.h"
#include "proto/bundle.h"

enum { AGENTS = 3 };
static const uint8_t operator_key[32] = {100};
static const struct lease_settings lease = {.agent_ms = 10000, .fence_ms = 2000, .coordinator_ms = 13000, .heartbeat_ms = 1000};
#define PLAN(bounds) \
    "apiVersion: backfill/v1\nkind: Plan\nname: p\nconnections:\n" \
    "  wh: {odbc: \"${env:X}\", probe: {sql: select 1, every: 5s, " bounds "}}\n" \
    "steps:\n  a: {warehouse: {do: test, connection: wh}, agents: {labels: {near: \"yes\"}}}\n"
static const char quick[] = PLAN("target: 100ms, limit: 1s"), slow[] = PLAN("target: 10s, limit: 20s");

/* What each agent was told last: how many probes, the id of the first; and how often it was told. */
struct told { size_t n, times; uint64_t id; int64_t every_ms; };
struct world { struct turns *turns; const char *plan; int64_t boot_ms; struct told told[AGENTS]; uint64_t nonce; };

static enum bf_rc commit(void *arg, const struct turn_commit *c, struct bf_error *err)
{
    (void)arg, (void)c, (void)err;
    return BF_OK;
}

static void send_agent(void *arg, const uint8_t key[32], const struct agent_msg *msg)
{
    struct told *t = &((struct world *)arg)->told[key[0]];
    if (msg->kind != AGENT_PROBE)
        return;
    *t = (struct told){.n = msg->n_probes, .times = t->times + 1, .id = msg->n_probes ? msg->probes[0].id : 0};
    if (msg->n_probes == 0)
        return;
    cr_expect_str_eq(msg->probes[0].connection, "wh");
    t->every_ms = msg->probes[0].every_ms;
    cr_expect_str_eq(msg->probes[0].refs[0].text, "${env:X}", "the reference travels, never its value");
    cr_expect_not_null(strstr(msg->probes[0].spec, "\"sql\":\"select 1\""));
}

static void reply(void *arg, const uint8_t key[32], const struct op_reply *r)
{
    (void)arg, (void)key;
    cr_assert_eq(r->rc, BF_OK, "%s", r->text);
}

static void run_after(struct world *w, int64_t ms)
{
    struct bf_error err = {0};
    w->boot_ms += ms;
    cr_assert_eq(turn_run(w->turns, w->boot_ms, w->boot_ms * 1000, &err), BF_OK, "%s", err.text);
}

static void say(struct world *w, uint8_t agent, struct agent_msg m)
{
    static struct agent_label near = {"near", "yes"};
    uint8_t key[32] = {agent};
    m.incarnation = agent + 1u;
    m.nonce = ++w->nonce;
    m.text = "";
    m.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = agent == 0 ? "a0" : agent == 1 ? "a1" : "a2", .version = "1",
                                   .slots = 1, .fence = FENCE_WEAK, .boot_id = "00000000-0000-0000-0000-000000000000",
                                   .labels = &near, .n_labels = agent == 0 ? 0 : 1};      /* the first may run no step of the connection */
    turn_agent_message(w->turns, key, &m, w->boot_ms);
}

static void read_from(struct world *w, uint8_t agent, struct probe_reading r)
{
    r.why = r.why ? r.why : "";
    say(w, agent, (struct agent_msg){.kind = AGENT_PROBED, .probed = &r, .n_probed = 1});
}

static struct probe_view newest(const struct world *w)
{
    struct probe_view p = {0};
    (void)engine_probe(turn_engine(w->turns), "wh", &p);
    return p;
}

/* Time passes, second by second, with heartbeats of all agents but one. */
static void pass_without(struct world *w, int64_t seconds, uint8_t silent)
{
    for (int64_t i = 0; i < seconds; i++) {
        for (uint8_t a = 0; a < AGENTS; a++)
            if (a != silent)
                say(w, a, (struct agent_msg){.kind = AGENT_HEARTBEAT});
        run_after(w, 1000);
    }
}

static void pass(struct world *w, int64_t seconds)
{
    pass_without(w, seconds, AGENTS);
}

static void command_as(struct world *w, enum op_verb verb, uint8_t id)
{
    struct plan_source source = {.name = strdup("p.yaml"), .text = strdup(w->plan), .text_len = strlen(w->plan)};
    struct op_request req = {.id = {id}, .verb = verb, .backfill = verb == OP_CREATE ? 0 : 1, .reason = "",
                             .from = "", .to = "", .state = "", .name = ""};
    struct bf_buf bundle = {0};
    plan_source_hash(&source, req.plan_hash);
    plan_bundle_encode(&source, &bundle);
    turn_command(w->turns, operator_key, "ada", "admin", &req, bundle.data, bundle.len);
    bf_buf_free(&bundle);
    plan_source_done(&source);
    run_after(w, 1);
}

static void command(struct world *w, enum op_verb verb)
{
    command_as(w, verb, (uint8_t)verb);
}

static void begin_with(struct world *w, const char *plan)
{
    const struct turn_ports ports = {.arg = w, .commit = commit, .send_agent = send_agent, .reply = reply};
    const struct turn_settings settings = {.lease = lease, .engine = {.seed = 1}, .cluster = "c1"};
    struct bf_error err = {0};
    *w = (struct world){.plan = plan, .boot_ms = 1000};
    w->turns = turns_new(&settings, &ports, 1);
    cr_assert_eq(turns_recovered(w->turns, w->boot_ms, &err), BF_OK, "%s", err.text);
    for (uint8_t a = 0; a < AGENTS; a++)
        say(w, a, (struct agent_msg){.kind = AGENT_HELLO});
    run_after(w, 1);
    cr_assert_eq(w->told[1].n, 0, "nothing runs yet");
    command(w, OP_CREATE);
}

static void begin(struct world *w)
{
    begin_with(w, quick);
}

Test(probes, one_agent_that_may)
{
    struct world w;
    begin(&w);
    cr_expect_eq(w.told[0].n, 0, "it may run no step of the connection");
    cr_expect_eq(w.told[1].n, 1);
    cr_expect_eq(w.told[1].every_ms, 5000);
    cr_expect_eq(w.told[2].n, 0);
    read_from(&w, 1, (struct probe_reading){.id = w.told[1].id, .readable = true, .value_us = 700});
    run_after(&w, 10);
    cr_expect(newest(&w).readable);
    cr_expect_eq(newest(&w).value_us, 700);
    /* Too often, of another id, of another agent: not heard. */
    read_from(&w, 1, (struct probe_reading){.id = w.told[1].id, .readable = true, .value_us = 1});
    run_after(&w, 2500);
    read_from(&w, 1, (struct probe_reading){.id = w.told[1].id + 1, .readable = true, .value_us = 2});
    read_from(&w, 2, (struct probe_reading){.id = w.told[1].id, .readable = true, .value_us = 3});
    run_after(&w, 10);
    cr_expect_eq(newest(&w).value_us, 700);
    struct turn_probe now;
    cr_assert(turn_probe(w.turns, "wh", turn_engine_ms(w.turns, w.boot_ms), &now));
    cr_expect_eq(now.readable, 1);
    cr_expect_eq(now.p95_us, 700);
    command(&w, OP_PAUSE);
    cr_expect_eq(w.told[1].n, 0, "nothing runs any more");
    cr_expect(!turn_probe(w.turns, "wh", 0, &now));
    turns_free(w.turns);
}

/* Of one connection the shortest `every` holds, whosever plan says it. */
Test(probes, it_is_asked_as_often_as_the_plan_that_wants_it_most_often)
{
    static const char often[] = "apiVersion: backfill/v1\nkind: Plan\nname: often\nconnections:\n"
                                "  wh: {odbc: \"${env:X}\", probe: {sql: select 1, every: 2s, target: 1s, limit: 5s}}\n"
                                "steps:\n  a: {warehouse: {do: test, connection: wh}, agents: {labels: {near: \"yes\"}}}\n";
    struct world w;
    begin(&w);
    uint64_t id = w.told[1].id;
    w.plan = often;
    command_as(&w, OP_CREATE, 201);
    uint8_t who = w.told[1].n ? 1 : 2;
    cr_expect_eq(w.told[who].n, 1);
    cr_expect_eq(w.told[who].every_ms, 2000);
    cr_expect_neq(w.told[who].id, id, "it was given anew");
    turns_free(w.turns);
}

Test(probes, it_goes_on_for_what_a_paused_backfill_left_running_in_a_governed_pool)
{
    static const char governed[] =
        "apiVersion: backfill/v1\nkind: Plan\nname: p\npools: {small: {slots: 1, throttle: {algorithm: gradient, min: 1, max: 1}}}\n"
        "connections:\n  wh: {odbc: \"${env:X}\", probe: {sql: select 1, every: 5s, target: 100ms, limit: 1s}}\n"
        "steps:\n  a: {warehouse: {do: test, connection: wh}, pool: small}\n";
    struct world w;
    struct turn_probe now;
    struct attempt_view a = {0};
    begin_with(&w, governed);
    uint8_t who = w.told[0].n ? 0 : w.told[1].n ? 1 : 2;
    cr_assert_eq(w.told[who].n, 1);
    cr_assert(engine_find_attempt(turn_engine(w.turns), engine_next_attempt(turn_engine(w.turns), 0), &a), "a step runs");
    command(&w, OP_PAUSE);
    cr_expect_eq(w.told[who].n, 1, "the probe stays where it is");
    read_from(&w, who, (struct probe_reading){.id = w.told[who].id, .readable = true, .value_us = 700});
    run_after(&w, 10);
    cr_expect_eq(newest(&w).value_us, 700);
    cr_expect(turn_probe(w.turns, "wh", turn_engine_ms(w.turns, w.boot_ms), &now));
    struct agent_report well = {.ref = a.ref, .kind = REPORT_ENDED, .outcome = {.source = OUTCOME_OK, .sqlstate = "", .dbms = "", .text = "",
                                                                                .details = "", .rows = -1}};
    say(&w, (uint8_t)(a.agent - 1), (struct agent_msg){.kind = AGENT_REPORT, .reports = &well, .n_reports = 1});
    run_after(&w, 10);
    cr_expect_eq(engine_next_attempt(turn_engine(w.turns), 0), 0u);
    cr_expect_eq(w.told[who].n, 0, "nothing draws on the pool any more");
    turns_free(w.turns);
}

Test(probes, silence_is_told_and_another_takes_over)
{
    struct world w;
    begin(&w);
    pass(&w, 13);
    cr_expect(!newest(&w).readable);
    cr_expect_str_eq(newest(&w).why, "no answer from agent a1 for 12 s");
    cr_expect_eq(w.told[1].n, 1, "one silence is not enough");
    cr_expect_gt(w.told[1].times, 1, "it is told again: the order may have been lost");
    pass(&w, 2 * 12 + 2);
    cr_expect_eq(w.told[1].n, 0);
    cr_expect_eq(w.told[2].n, 1);
    read_from(&w, 1, (struct probe_reading){.id = w.told[2].id, .readable = true, .value_us = 9});
    run_after(&w, 1);
    cr_expect(!newest(&w).readable, "from whom it was taken");
    turns_free(w.turns);
}

/* As long as a canary may take, and its agent has not given it up, nothing is missing. */
Test(probes, a_canary_that_takes_long_is_no_silence)
{
    struct world w;
    begin_with(&w, slow);
    for (int i = 0; i < 3; i++) {
        pass(&w, 40);
        read_from(&w, 1, (struct probe_reading){.id = w.told[1].id, .readable = true, .value_us = 40000000});
        run_after(&w, 10);
        struct turn_probe now;
        cr_assert(turn_probe(w.turns, "wh", turn_engine_ms(w.turns, w.boot_ms), &now));
        cr_expect_eq(now.unreadable, 0, "nothing was missing in round %d", i);
        cr_expect(newest(&w).readable);
    }
    pass(&w, 5 + 2 * 20 + 3);
    cr_expect_str_eq(newest(&w).why, "no answer from agent a1 for 47 s");
    turns_free(w.turns);
}

/* Nobody else is there: that it was silent a while ago is no reason to ask nobody. */
Test(probes, one_that_was_silent_is_asked_before_nobody)
{
    struct world w;
    begin(&w);
    pass(&w, 3 * 12 + 3);
    cr_assert_eq(w.told[2].n, 1);
    pass_without(&w, 15, 2);
    cr_expect_eq(w.told[1].n, 1, "the other is lost");
    read_from(&w, 1, (struct probe_reading){.id = w.told[1].id, .readable = true, .value_us = 9});
    run_after(&w, 1);
    cr_expect(newest(&w).readable);
    pass(&w, 3 * 12 + 3);
    cr_expect_eq(w.told[1].n, 1, "silent again, and it is the only one");
    turns_free(w.turns);
}

/* One that said that it may not would say so again. */
Test(probes, one_that_may_not_is_not_asked_for_want_of_another)
{
    struct world w;
    begin(&w);
    read_from(&w, 1, (struct probe_reading){.id = w.told[1].id, .why = "X is not allowed", .refused = true});
    run_after(&w, 10);
    cr_assert_eq(w.told[2].n, 1);
    size_t times = w.told[1].times;
    pass_without(&w, 15, 2);
    cr_expect_eq(w.told[1].n, 0);
    cr_expect_eq(w.told[1].times, times);
    turns_free(w.turns);
}

Test(probes, one_that_may_not_is_passed_over)
{
    struct world w;
    begin(&w);
    read_from(&w, 1, (struct probe_reading){.id = w.told[1].id, .why = "X is not allowed", .refused = true});
    run_after(&w, 10);
    cr_expect_eq(w.told[1].n, 0);
    cr_expect_eq(w.told[2].n, 1);
    read_from(&w, 2, (struct probe_reading){.id = w.told[2].id, .why = "nor here", .refused = true});
    run_after(&w, 10);
    cr_expect_eq(w.told[2].n, 0);
    pass(&w, 13);
    cr_expect_str_eq(newest(&w).why, "no agent can run it; the last one said: nor here");
    pass(&w, 60);
    cr_expect_eq(w.told[1].n, 1, "after a minute it may be allowed");
    turns_free(w.turns);
}

Test(probes, told_again_after_hello_and_moves_when_its_agent_is_lost)
{
    struct world w;
    begin(&w);
    size_t times = w.told[1].times;
    say(&w, 1, (struct agent_msg){.kind = AGENT_HELLO});
    run_after(&w, 10);
    cr_expect_eq(w.told[1].n, 1);
    cr_expect_gt(w.told[1].times, times);
    pass_without(&w, 15, 1);
    cr_expect_eq(w.told[2].n, 1, "it is lost");
    turns_free(w.turns);
}

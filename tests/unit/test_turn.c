/* The turn over ports of its own: what it lets go, and what it keeps. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/create.h"
#include "coordinator/engine/view.h"
#include "coordinator/turn.h"
#include "proto/bundle.h"

static const uint8_t operator_key[32] = {1}, agent_key[32] = {2};
static const struct lease_settings lease = {.agent_ms = 10000, .fence_ms = 2000, .coordinator_ms = 13000, .heartbeat_ms = 1000};

struct world {
    struct turns *turns;
    int64_t boot_ms;
    enum bf_rc commit_rc;                        /* what the store says */
    size_t commits, welcomes, acks, refusals, replies;
    enum bf_rc reply_rc;
    char env[512];                               /* BF_PARTITION_* of the last dispatch's first assignment */
    struct attempt_ref granted;                  /* of that assignment */
    const char *marker;                          /* looked for in what is committed; NULL: nothing */
    size_t marked_turn, marked_details;          /* how often it stands in the journal's values, and in the details */
    bool create_denied;                          /* by scope */
    size_t plans;                                /* committed */
    bool prepares;                               /* creates are kept until they are prepared */
    enum bf_rc unprepared;                       /* not BF_OK: none can be */
    struct turn_create *creates[4];
    size_t n_creates, compiled;
};

static size_t occurrences(const char *marker, const void *p, size_t n)
{
    size_t found = 0, len = strlen(marker);
    const char *at = p, *end = at + n;
    while ((at = memmem(at, (size_t)(end - at), marker, len))) {
        found++;
        at += len;
    }
    return found;
}

static enum bf_rc commit(void *arg, const struct turn_commit *c, struct bf_error *err)
{
    struct world *w = arg;
    w->commits += c->seq != 0;
    w->plans += c->n_plans;
    if (w->marker && c->turn_bytes)
        w->marked_turn += occurrences(w->marker, c->turn, c->turn_bytes);
    for (size_t i = 0; w->marker && i < c->n_details; i++)
        w->marked_details += occurrences(w->marker, c->details[i].bytes, c->details[i].n);
    return w->commit_rc == BF_OK ? BF_OK : bf_fail(err, w->commit_rc, "planned");
}

static void send_agent(void *arg, const uint8_t key[32], const struct agent_msg *msg)
{
    struct world *w = arg;
    cr_assert_eq(memcmp(key, agent_key, 32), 0);
    w->welcomes += msg->kind == AGENT_WELCOME;
    w->acks += msg->kind == AGENT_HEARTBEAT_ACK;
    w->refusals += msg->kind == AGENT_REFUSE;
    if (msg->kind == AGENT_DISPATCH)
        w->granted = msg->assignments[0].ref;
    struct bf_buf env = {0};
    for (size_t i = 0; msg->kind == AGENT_DISPATCH && i < msg->assignments[0].n_env; i++)
        bf_buf_printf(&env, "%s%s=%s", i ? " " : "", msg->assignments[0].env[i].name + strlen("BF_PARTITION_"),
                      msg->assignments[0].env[i].value);
    if (env.len)
        snprintf(w->env, sizeof w->env, "%s", bf_buf_cstr(&env));
    bf_buf_free(&env);
}

static void reply(void *arg, const uint8_t key[32], const struct op_reply *r)
{
    struct world *w = arg;
    cr_assert_eq(memcmp(key, operator_key, 32), 0);
    w->replies++;
    w->reply_rc = r->rc;
}

static enum bf_rc may_create(void *arg, const uint8_t key[32], const struct op_request *req, const struct plan *plan, struct bf_error *err)
{
    const struct world *w = arg;
    cr_assert_eq(memcmp(key, operator_key, 32), 0);
    cr_assert(req->verb == OP_CREATE && strcmp(req->reason, "why not") == 0 && strcmp(plan->name, "p") == 0);
    return w->create_denied ? bf_fail(err, BF_DENIED, "outside of the plans of this key") : BF_OK;
}

static enum bf_rc prepare(void *arg, struct turn_create *create, struct bf_error *err)
{
    struct world *w = arg;
    if (w->unprepared)
        return bf_fail(err, w->unprepared, "why not");
    w->creates[w->n_creates++] = create;
    if (!w->prepares) {
        turn_create_work(create);
        w->compiled += create->compiled;
        turn_created(w->turns, w->creates[--w->n_creates]);
    }
    return BF_OK;
}

static void world_init(struct world *w)
{
    const struct turn_ports ports = {.arg = w, .commit = commit, .send_agent = send_agent, .reply = reply, .may_create = may_create,
                                     .prepare = prepare};
    const struct turn_settings settings = {.lease = lease, .engine = {.seed = 1}, .cluster = "c1"};
    struct bf_error err = {0};
    *w = (struct world){.boot_ms = 1000, .commit_rc = BF_OK};
    w->turns = turns_new(&settings, &ports, 1);
    cr_assert_eq(turns_recovered(w->turns, w->boot_ms, &err), BF_OK, "%s", err.text);
}

static enum bf_rc run_after(struct world *w, int64_t ms)
{
    struct bf_error err = {0};
    w->boot_ms += ms;
    return turn_run(w->turns, w->boot_ms, w->boot_ms * 1000, &err);
}

static void tell(struct world *w, enum agent_msg_kind kind, uint64_t nonce)
{
    struct agent_msg m = {.kind = kind, .incarnation = 7, .nonce = nonce, .text = ""};
    m.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = "agent-1", .version = "0.1.0", .slots = 2,
                                   .fence = FENCE_WEAK,
                                   .boot_id = "00000000-0000-0000-0000-000000000000"};
    turn_agent_message(w->turns, agent_key, &m, w->boot_ms);
}

static enum agent_state state_of_agent(const struct world *w)
{
    struct agent_view agent;
    cr_assert(engine_agent(turn_engine(w->turns), 1, &agent));
    return agent.state;
}

/* CREATE of this text, with this request id, sent under its hash or, when lying, under another. */
static void send_plan_as(struct world *w, const char *text, uint8_t id, bool lying, uint8_t ret_hash[32])
{
    struct plan_source source = {.name = strdup("p.yaml"), .text = strdup(text), .text_len = strlen(text)};
    struct op_request req = {.verb = OP_CREATE, .id = {id}, .reason = "why not", .from = "", .to = "", .state = "", .name = ""};
    struct bf_buf bundle = {0};
    plan_source_hash(&source, req.plan_hash);
    req.plan_hash[0] ^= lying ? 1 : 0;
    memcpy(ret_hash, req.plan_hash, 32);
    plan_bundle_encode(&source, &bundle);
    turn_command(w->turns, operator_key, "ada", "admin", &req, bundle.data, bundle.len);
    bf_buf_free(&bundle);
    plan_source_done(&source);
}

static void send_plan(struct world *w, const char *text, bool lying, uint8_t ret_hash[32])
{
    send_plan_as(w, text, 0, lying, ret_hash);
}

static const char good[] = "apiVersion: backfill/v1\nkind: Plan\nname: p\nsteps:\n  a:\n    run: [echo]\n";

/* An operator who sends bad plans all day must not fill the memory with them. */
Test(turn, keeps_no_plan_that_is_not_taken)
{
    static const struct { const char *text; bool lying; enum bf_rc want; bool kept; } cases[] = {
        {good, false, BF_OK, true},
        {good, true, BF_INVALID, false},
        {"apiVersion: backfill/v1\nkind: Plan\nname: p\n", false, BF_INVALID, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        uint8_t hash[32];
        size_t n = 0;
        world_init(&w);
        send_plan(&w, cases[i].text, cases[i].lying, hash);
        cr_assert_eq(run_after(&w, 1), BF_OK);
        cr_expect_eq(w.replies, 1, "case %zu: %zu replies", i, w.replies);
        cr_expect_eq(w.reply_rc, cases[i].want, "case %zu: rc %d", i, (int)w.reply_rc);
        cr_expect_eq(turn_plan_bundle(w.turns, hash, &n) != NULL, cases[i].kept, "case %zu", i);
        turns_free(w.turns);
    }
}

/* Of a plan that the key may not create nothing is known afterwards, to nobody. */
Test(turn, keeps_no_plan_that_is_denied)
{
    struct world w;
    uint8_t hash[32];
    size_t n = 0;
    world_init(&w);
    w.create_denied = true;
    send_plan(&w, good, false, hash);
    cr_expect_eq(w.reply_rc, BF_DENIED);
    cr_expect(!turn_plan_bundle(w.turns, hash, &n));
    w.create_denied = false;
    struct op_request req = {.verb = OP_CREATE, .id = {9}, .reason = "why not", .from = "", .to = "", .state = "", .name = ""};
    memcpy(req.plan_hash, hash, 32);
    turn_command(w.turns, operator_key, "ada", "admin", &req, NULL, 0);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_expect_eq(w.reply_rc, BF_NOT_FOUND, "rc %d: the plan must be sent again", (int)w.reply_rc);
    send_plan(&w, good, false, hash);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_expect_eq(w.reply_rc, BF_OK);
    cr_expect_eq(w.plans, 1u);
    turns_free(w.turns);
}

/* I4: what is sent again is answered as it was, whatever the key may do by now and whether or not the plan comes with it. */
Test(turn, answers_a_repeated_create_as_before)
{
    struct world w;
    uint8_t hash[32];
    world_init(&w);
    send_plan(&w, good, false, hash);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_assert_eq(w.reply_rc, BF_OK);
    w.create_denied = true;
    send_plan(&w, good, false, hash);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_expect_eq(w.replies, 2u);
    cr_expect_eq(w.reply_rc, BF_OK, "rc %d", (int)w.reply_rc);
    cr_expect_eq(engine_latest_backfill(turn_engine(w.turns)), 1u);
    cr_expect_eq(w.plans, 1u);
    turns_free(w.turns);
}

/* A plan that is known stays, when later options for it do not compile. */
Test(turn, keeps_a_plan_that_was_taken)
{
    struct world w;
    uint8_t hash[32];
    size_t n = 0;
    world_init(&w);
    send_plan(&w, good, false, hash);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    struct op_request req = {.verb = OP_CREATE, .id = {9}, .reason = "", .from = "no date", .to = "", .state = "", .name = ""};
    memcpy(req.plan_hash, hash, 32);
    turn_command(w.turns, operator_key, "ada", "admin", &req, NULL, 0);
    cr_expect_eq(w.replies, 2);
    cr_expect_eq(w.reply_rc, BF_INVALID);
    cr_expect(turn_plan_bundle(w.turns, hash, &n));
    turns_free(w.turns);
}

/* The thread of creates has done with the oldest. */
static void prepared(struct world *w)
{
    struct turn_create *c = w->creates[0];
    cr_assert_gt(w->n_creates, 0u);
    memmove(w->creates, w->creates + 1, --w->n_creates * sizeof *w->creates);
    turn_create_work(c);
    turn_created(w->turns, c);
}

/* Turns go on: an agent is welcomed and heard, another command is answered. */
Test(turn, waits_for_no_create)
{
    struct world w;
    uint8_t hash[32];
    struct op_request pools = {.verb = OP_POOL_SET, .id = {7}, .reason = "", .from = "", .to = "", .state = "", .name = "lake",
                               .pool_slots = 3};
    world_init(&w);
    w.prepares = true;
    send_plan(&w, good, false, hash);
    tell(&w, AGENT_HELLO, 1);
    turn_command(w.turns, operator_key, "ada", "admin", &pools, NULL, 0);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    tell(&w, AGENT_HEARTBEAT, 2);
    cr_expect(w.welcomes == 1 && w.acks == 1 && w.replies == 1, "%zu welcomes, %zu acks, %zu replies", w.welcomes, w.acks,
              w.replies);
    cr_expect_eq(engine_latest_backfill(turn_engine(w.turns)), 0u);
    prepared(&w);
    cr_expect_eq(w.replies, 1u, "it is answered before its turn");
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_expect(w.replies == 2 && w.reply_rc == BF_OK && w.plans == 1);
    cr_expect_eq(engine_latest_backfill(turn_engine(w.turns)), 1u);
    turns_free(w.turns);
}

/* I4, I18: one request that was sent twice is one backfill; of two that would write the same the second is refused, although nothing
 * spoke against it when it came. */
Test(turn, decides_on_a_create_as_things_stand_when_it_is_prepared)
{
    static const char writes[] = "apiVersion: backfill/v1\nkind: Plan\nname: p\ndatasets: {d: {}}\nsteps:\n"
                                 "  a: {run: [echo], outputs: [d]}\n";
    struct world w;
    uint8_t hash[32];
    world_init(&w);
    w.prepares = true;
    send_plan_as(&w, writes, 1, false, hash);
    send_plan_as(&w, writes, 1, false, hash);
    send_plan_as(&w, writes, 2, false, hash);
    cr_assert_eq(w.n_creates, 2u, "a second copy waits for the answer to the first: refused and made would be two answers");
    prepared(&w);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_expect(w.replies == 1 && w.reply_rc == BF_OK);
    send_plan_as(&w, writes, 1, false, hash);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_expect(w.replies == 2 && w.reply_rc == BF_OK, "the same answer");
    prepared(&w);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_expect(w.replies == 3 && w.reply_rc == BF_CONFLICT, "rc %d", (int)w.reply_rc);
    cr_expect_eq(engine_latest_backfill(turn_engine(w.turns)), 1u);
    turns_free(w.turns);
}

/* What the engine made of a plan goes for all its backfills; its bundle is there too. */
Test(turn, compiles_a_plan_once)
{
    struct world w;
    uint8_t hash[32];
    world_init(&w);
    for (uint8_t id = 1; id <= 3; id++) {
        send_plan_as(&w, good, id, false, hash);
        cr_assert_eq(run_after(&w, 1), BF_OK);
        cr_expect(w.replies == id && w.reply_rc == BF_OK && w.plans == id, "create %d", (int)id);
    }
    cr_expect_eq(w.compiled, 1u);
    cr_expect_eq(engine_latest_backfill(turn_engine(w.turns)), 3u);
    turns_free(w.turns);
}

/* Nor is one that is only tried, and it becomes no backfill. */
Test(turn, compiles_no_known_plan_to_try_it)
{
    struct world w;
    struct op_request req = {.verb = OP_CREATE, .id = {2}, .reason = "", .from = "", .to = "", .state = "", .name = "", .dry_run = true};
    world_init(&w);
    send_plan_as(&w, good, 1, false, req.plan_hash);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    for (int known = 1; known >= 0; known--) {
        req.plan_hash[0] ^= known ? 0 : 1;
        struct turn_create *c = turn_create_try(turn_engine(w.turns), operator_key, &req, "no plan", 7);
        turn_create_work(c);
        cr_expect_eq(turn_create_tried(c) != NULL, known == 1);
        cr_expect(!c->compiled && !c->seed && c->bundle.len == (known ? 0 : 7) && (c->err.rc == BF_OK) == known, "known %d", known);
        turn_create_free(c);
    }
    cr_expect_eq(engine_latest_backfill(turn_engine(w.turns)), 1u);
    turns_free(w.turns);
}

/* The key lost its right meanwhile. */
Test(turn, asks_again_who_may_create)
{
    struct world w;
    uint8_t hash[32];
    size_t n = 0;
    world_init(&w);
    w.prepares = true;
    send_plan(&w, good, false, hash);
    w.create_denied = true;
    prepared(&w);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_expect(w.replies == 1 && w.reply_rc == BF_DENIED);
    cr_expect(!turn_plan_bundle(w.turns, hash, &n));
    turns_free(w.turns);
}

/* And says why: too many wait, or there is no thread for any. */
Test(turn, refuses_a_create_that_cannot_be_prepared)
{
    struct world w;
    uint8_t hash[32];
    world_init(&w);
    w.unprepared = BF_LIMIT;
    send_plan(&w, good, false, hash);
    cr_expect(w.replies == 1 && w.reply_rc == BF_LIMIT);
    w.unprepared = BF_INTERNAL;
    send_plan(&w, good, false, hash);
    cr_expect(w.replies == 2 && w.reply_rc == BF_INTERNAL);
    w.unprepared = BF_OK;
    send_plan(&w, good, false, hash);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_expect(w.replies == 3 && w.reply_rc == BF_OK);
    turns_free(w.turns);
}

Test(turn, lets_nothing_go_before_its_commit)
{
    struct world w;
    uint8_t hash[32];
    world_init(&w);
    tell(&w, AGENT_HELLO, 1);
    send_plan(&w, good, false, hash);
    w.commit_rc = BF_FULL;
    cr_expect_eq(run_after(&w, 1), BF_FULL);
    cr_expect_eq(w.commits, 1);
    cr_expect_eq(w.welcomes + w.refusals + w.replies, 0, "let go without a commit");
    turns_free(w.turns);
}

/* Its HELLO waited in the socket of a coordinator that was stopped for longer than the lease. */
Test(turn, does_not_welcome_an_agent_that_it_loses_in_the_same_turn)
{
    struct world w;
    world_init(&w);
    tell(&w, AGENT_HELLO, 1);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_assert_eq(w.welcomes, 1);
    tell(&w, AGENT_HELLO, 2);
    cr_assert_eq(run_after(&w, lease.coordinator_ms), BF_OK);
    cr_expect_eq(state_of_agent(&w), AGENT_LOST);
    cr_expect_eq(w.welcomes, 1);
    tell(&w, AGENT_HEARTBEAT, 3);
    cr_expect_eq(w.acks, 0, "a lost agent's lease is renewed");
    cr_expect_eq(w.refusals, 1);
    tell(&w, AGENT_HELLO, 4);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_expect_eq(w.welcomes, 2);
    cr_expect_eq(state_of_agent(&w), AGENT_CONNECTED);
    turns_free(w.turns);
}

/* SIGTERM on its host: the coordinator learns it from a heartbeat, and nobody is answered. */
Test(turn, an_agent_that_drains_by_itself_gets_no_more_work)
{
    struct world w;
    world_init(&w);
    tell(&w, AGENT_HELLO, 1);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_assert_eq(state_of_agent(&w), AGENT_CONNECTED);
    struct agent_msg m = {.kind = AGENT_HEARTBEAT, .incarnation = 7, .nonce = 2, .text = "", .draining = true};
    for (; m.nonce < 5; m.nonce++) {
        turn_agent_message(w.turns, agent_key, &m, w.boot_ms);
        cr_assert_eq(run_after(&w, 1), BF_OK);
        cr_expect_eq(state_of_agent(&w), AGENT_DRAINING);
    }
    cr_expect_eq(w.acks, 3, "its lease is renewed all the same");
    cr_expect_eq(w.replies, 0, "a reply for an operator who asked nothing");
    turns_free(w.turns);
}

/* What a step finds of its partition: what means something for the grain, and nothing else. */
Test(turn, a_step_finds_its_partition_in_its_environment)
{
    static const struct { const char *partitions, *env; } cases[] = {
        {"", "KEY= INDEX=0"},
        {"partitions: {grain: day, from: 2024-02-29, to: 2024-03-01}\n",
         "KEY=2024-02-29 INDEX=0 START=2024-02-29 END=2024-03-01 DATE=2024-02-29 WEEK=2024-W09 MONTH=2024-02"},
        {"partitions: {grain: month, from: 2024-02, to: 2024-02}\n", "KEY=2024-02 INDEX=0 START=2024-02-01 END=2024-03-01 MONTH=2024-02"},
        {"partitions: {grain: week, from: 2024-W01, to: 2024-W02}\n", "KEY=2024-W01 INDEX=0 START=2024-01-01 END=2024-01-08 WEEK=2024-W01"},
        {"partitions: {grain: hour, from: 2024-01-31T05, to: 2024-01-31T06}\n",
         "KEY=2024-01-31T05+00:00 INDEX=0 START=2024-01-31T05:00:00+00:00 END=2024-01-31T06:00:00+00:00 DATE=2024-01-31 "
         "HOUR=2024-01-31T05 WEEK=2024-W05 MONTH=2024-01"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        struct bf_buf text = {0};
        uint8_t hash[32];
        world_init(&w);
        bf_buf_printf(&text, "apiVersion: backfill/v1\nkind: Plan\nname: p\n%ssteps:\n  a:\n    run: [echo]\n", cases[i].partitions);
        send_plan(&w, bf_buf_cstr(&text), false, hash);
        tell(&w, AGENT_HELLO, 1);
        cr_assert_eq(run_after(&w, 1), BF_OK);
        cr_assert_eq(w.reply_rc, BF_OK, "case %zu", i);
        cr_expect_str_eq(w.env, cases[i].env, "case %zu: %s", i, w.env);
        bf_buf_free(&text);
        turns_free(w.turns);
    }
}

static void report_one(struct world *w, struct attempt_ref ref, const char *details)
{
    struct agent_report r = {.ref = ref, .kind = REPORT_ENDED,
                             .outcome = {.source = OUTCOME_OK, .sqlstate = "", .dbms = "", .text = "", .details = details, .rows = -1}};
    struct agent_msg m = {.kind = AGENT_REPORT, .incarnation = 7, .reports = &r, .n_reports = 1, .text = ""};
    turn_agent_message(w->turns, agent_key, &m, w->boot_ms);
}

static void report_many(struct world *w, const char *details, size_t n)
{
    for (size_t i = 0; i < n; i++)
        report_one(w, (struct attempt_ref){1000 + i, 1}, details);
}

/* The journal has them once, in the input that told them: they are most of what it weighs. */
Test(turn, journals_details_once)
{
    struct world w;
    uint8_t hash[32];
    world_init(&w);
    w.marker = "told-once";
    tell(&w, AGENT_HELLO, 1);
    send_plan(&w, good, false, hash);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_assert(w.granted.attempt);
    report_many(&w, "{\"metrics\":{\"told-else\":1}}", 1);
    report_one(&w, w.granted, "{\"metrics\":{\"told-once\":1}}");
    report_one(&w, w.granted, "{\"metrics\":{\"told-late\":1}}");
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_expect_eq(w.marked_turn, 1u, "the journal has it %zu times", w.marked_turn);
    cr_expect_eq(w.marked_details, 1u, "the details have it %zu times", w.marked_details);
    turns_free(w.turns);
}

/* A turn has a limit of bytes that no agent may push it over: what is too much is dropped, and counted, and the next turn begins anew. */
Test(turn, bounds_the_details_of_one_turn)
{
    static char details[OUTCOME_DETAILS_MAX + 1];
    const size_t fit = TURN_DETAILS_BYTES_MAX / OUTCOME_DETAILS_MAX;
    struct world w;
    memset(details, ' ', OUTCOME_DETAILS_MAX);
    details[0] = '{';
    details[OUTCOME_DETAILS_MAX - 1] = '}';
    world_init(&w);
    tell(&w, AGENT_HELLO, 1);
    for (int turn = 0; turn < 2; turn++) {
        report_many(&w, details, fit + 1000);
        cr_assert_eq(run_after(&w, 1), BF_OK);
        cr_expect_eq(turn_take_dropped(w.turns), 1000);
    }
    turn_set_low(w.turns, true);
    report_many(&w, details, 3);
    report_many(&w, "{}", 3);
    cr_assert_eq(run_after(&w, 1), BF_OK);
    cr_expect_eq(turn_take_dropped(w.turns), 3, "what is small stays, also at low water");
    turns_free(w.turns);
}

/* What comes while a turn is being committed is of the next one, and nothing of either is lost. */
Test(turn, gathers_the_next_turn_while_one_is_committed)
{
    struct world w;
    world_init(&w);
    tell(&w, AGENT_HELLO, 5);
    const struct turn_commit *c = turn_begin(w.turns, w.boot_ms, w.boot_ms * 1000);
    cr_assert(c && c->seq > 0);
    uint64_t seq = c->seq;
    cr_expect_eq(w.welcomes, 0u, "nothing leaves before the commit");
    send_plan(&w, good, false, (uint8_t[32]){0});
    tell(&w, AGENT_HEARTBEAT, 6);
    cr_expect_eq(turn_gathered(w.turns), 1u);
    cr_expect_eq(c->seq, seq);
    turn_end(w.turns, w.boot_ms + 3);
    cr_expect_eq(w.welcomes, 1u);
    cr_expect_eq(turn_seq(w.turns), seq);
    cr_expect_eq(w.replies, 0u);
    cr_assert(turn_pending(w.turns));
    cr_assert_eq(run_after(&w, 4), BF_OK);
    cr_expect_eq(w.replies, 1u);
    cr_expect_eq(w.reply_rc, BF_OK);
    cr_expect_eq(engine_latest_backfill(turn_engine(w.turns)), 1u);
    cr_expect_eq(w.granted.attempt, 1u, "the agent that was welcomed has the step");
    turns_free(w.turns);
}

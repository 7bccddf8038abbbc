/* The documents, over the real engine and turn with a store in memory. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/logs/log_store.h"
#include "coordinator/turn.h"
#include "coordinator/views.h"
#include "proto/bundle.h"

static const uint8_t operator_key[32] = {1}, agent_key[32] = {2};

struct world {
    struct turns *turns;
    struct log_store *logs;
    int64_t boot_ms, wall_us;
    char reply[2048];
    enum bf_rc rc;
    struct assignment held[64]; size_t n_held;   /* references only */
    char dir[64];
};

static enum bf_rc commit(void *arg, const struct turn_commit *c, struct bf_error *err)
{
    (void)arg;
    (void)c;
    (void)err;
    return BF_OK;
}

static void send_agent(void *arg, const uint8_t key[32], const struct agent_msg *msg)
{
    (void)key;
    struct world *w = arg;
    for (size_t i = 0; msg->kind == AGENT_DISPATCH && i < msg->n_assignments && w->n_held < 64; i++)
        w->held[w->n_held++].ref = msg->assignments[i].ref;
}

static void reply(void *arg, const uint8_t key[32], const struct op_reply *r)
{
    (void)key;
    struct world *w = arg;
    w->rc = r->rc;
    snprintf(w->reply, sizeof w->reply, "%s", r->text);
}

static void run(struct world *w)
{
    struct bf_error err = {0};
    w->boot_ms += 10;
    w->wall_us += 10000;
    cr_assert_eq(turn_run(w->turns, w->boot_ms, w->wall_us, &err), BF_OK, "%s", err.text);
}

static const char plan_text[] =
    "apiVersion: backfill/v1\nkind: Plan\nname: orders\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-10}\n"
    "pools: {warehouse: {slots: 2}}\nsteps:\n"
    "  stg:\n    run: [echo, \"{{ partition.key }}\"]\n    pool: warehouse\n"
    "  fct:\n    run: [echo]\n    needs: [stg]\n"
    "  end:\n    run: [echo]\n    needs: [fct]\n    agents: {labels: {zone: far}}\n";

static void create(struct world *w, const char *text)
{
    struct plan_source source = {.name = strdup("p.yaml"), .text = strdup(text), .text_len = strlen(text)};
    struct op_request req = {.verb = OP_CREATE, .reason = "", .from = "", .to = "", .step = "", .partition = "", .state = "", .name = ""};
    static uint8_t id;
    memset(req.id, ++id, sizeof req.id);
    plan_source_hash(&source, req.plan_hash);
    struct bf_buf bundle = {0};
    plan_bundle_encode(&source, &bundle);
    turn_command(w->turns, operator_key, "ada", &req, bundle.data, bundle.len);
    run(w);
    cr_assert_eq(w->rc, BF_OK, "%s", w->reply);
    bf_buf_free(&bundle);
    plan_source_done(&source);
}

static void hello(struct world *w, uint32_t slots)
{
    struct agent_msg m = {.kind = AGENT_HELLO, .incarnation = 7, .nonce = 1, .text = ""};
    struct agent_label labels[] = {{"zone", "near"}};
    m.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = "agent-1", .version = "0.1.0", .slots = slots, .fence = FENCE_WEAK,
                                   .boot_id = "00000000-0000-0000-0000-000000000000", .labels = labels, .n_labels = 1};
    turn_agent_message(w->turns, agent_key, &m, w->boot_ms);
    run(w);
}

static void end_first(struct world *w, enum outcome_source source, int32_t code, const char *text)
{
    cr_assert_gt(w->n_held, 0);
    struct agent_report r = {.ref = w->held[0].ref, .kind = REPORT_ENDED, .started_us = w->wall_us, .ended_us = w->wall_us + 5000,
                             .outcome = {.source = source, .code = code, .sqlstate = "", .dbms = "", .text = text, .rows = -1}};
    memmove(w->held, w->held + 1, --w->n_held * sizeof *w->held);
    struct agent_msg m = {.kind = AGENT_REPORT, .incarnation = 7, .reports = &r, .n_reports = 1, .text = ""};
    turn_agent_message(w->turns, agent_key, &m, w->boot_ms);
    run(w);
}

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);
    cr_assert(w);
    w->boot_ms = 1000;
    w->wall_us = 1704067200000000;
    const struct turn_ports ports = {.arg = w, .commit = commit, .send_agent = send_agent, .reply = reply};
    const struct turn_settings settings = {.lease = {60000, 5000, 66000, 5000}, .engine = {.seed = 1}, .cluster = "c1"};
    struct bf_error err = {0};
    w->turns = turns_new(&settings, &ports, 1);
    cr_assert_eq(turns_recovered(w->turns, w->boot_ms, &err), BF_OK, "%s", err.text);
    snprintf(w->dir, sizeof w->dir, "/tmp/bf-views-XXXXXX");
    cr_assert(mkdtemp(w->dir));
    cr_assert_eq(log_store_open(w->dir, 64 << 20, 1 << 20, &w->logs, &err), BF_OK);
    return w;
}

static void world_free(struct world *w)
{
    turns_free(w->turns);
    log_store_close(w->logs);
    char rm[128];
    snprintf(rm, sizeof rm, "rm -rf %s", w->dir);
    cr_assert_eq(system(rm), 0);
    free(w);
}

static struct op_request query(enum op_verb verb)
{
    return (struct op_request){.verb = verb, .reason = "", .from = "", .to = "", .step = "", .partition = "", .state = "", .name = ""};
}

static json_t *ask(struct world *w, const struct op_request *req, enum bf_rc want, char *ret_error)
{
    const struct view_source v = {.engine = turn_engine(w->turns), .cluster = "c1", .store_format = 1, .wall_us = w->wall_us,
                                  .engine_ms = turn_engine_ms(w->turns, w->boot_ms), .seq = turn_seq(w->turns), .logs = w->logs};
    struct bf_buf b = {0};
    struct bf_error err = {0};
    enum bf_rc rc = views_answer(&v, req, &b, &err);
    cr_assert_eq(rc, want, "rc %d: %s", (int)rc, err.text);
    if (ret_error)
        snprintf(ret_error, 256, "%.255s", err.text);
    json_t *j = rc == BF_OK ? json_loadb((const char *)b.data, b.len, JSON_DECODE_ANY, NULL) : NULL;
    cr_assert(rc != BF_OK || j, "no JSON");
    cr_assert_lt(b.len, 1 << 20);
    bf_buf_free(&b);
    return j;
}

static json_int_t number(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    cr_assert(json_is_integer(v), "no number %s", key);
    return json_integer_value(v);
}

static const char *text(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    cr_assert(json_is_string(v), "no text %s", key);
    return json_string_value(v);
}

Test(views, empty_coordinator)
{
    struct world *w = world_new();
    struct op_request req = query(OP_LIST);
    json_t *j = ask(w, &req, BF_OK, NULL);
    cr_expect_eq(json_array_size(j), 0);
    json_decref(j);
    req = query(OP_VERSION);
    j = ask(w, &req, BF_OK, NULL);
    cr_expect_str_eq(text(j, "cluster"), "c1");
    cr_expect_eq(number(j, "store_format"), 1);
    json_decref(j);
    char error[256];
    req = query(OP_GET);
    ask(w, &req, BF_NOT_FOUND, error);
    cr_expect(strstr(error, "bfctl backfill create"), "%s", error);
    world_free(w);
}

Test(views, a_backfill_from_all_sides)
{
    struct world *w = world_new();
    create(w, plan_text);
    struct op_request req = query(OP_GET);
    json_t *j = ask(w, &req, BF_OK, NULL), *steps = json_object_get(j, "steps");
    cr_expect_str_eq(text(j, "id"), "bf-1");
    cr_expect_str_eq(text(j, "state"), "running");
    cr_expect_str_eq(text(j, "by"), "ada");
    cr_expect_str_eq(text(j, "from"), "2024-01-01");
    cr_expect_str_eq(text(j, "to"), "2024-01-10");
    cr_expect_str_eq(text(j, "order"), "forward");
    cr_expect(json_is_null(json_object_get(j, "finished_at")));
    cr_expect_eq(strlen(text(j, "plan_hash")), 64);
    cr_expect_eq(number(steps, "total"), 30);
    cr_expect_eq(number(steps, "ready") + number(steps, "waiting"), 30);
    json_decref(j);

    hello(w, 8);
    cr_assert_eq(w->n_held, 2, "the pool has two slots");
    end_first(w, OUTCOME_OK, 0, "");
    end_first(w, OUTCOME_EXIT, 126, "exit status 126: not executable");
    req = query(OP_STATUS);
    j = ask(w, &req, BF_OK, NULL);
    const json_t *row = json_array_get(json_object_get(j, "by_step"), 0), *failure = json_array_get(json_object_get(j, "failures"), 0);
    cr_expect_eq(json_array_size(json_object_get(j, "by_step")), 3);
    cr_expect_str_eq(text(row, "step"), "stg");
    cr_expect_eq(number(row, "total"), 10);
    cr_expect_eq(number(row, "succeeded"), 1);
    cr_expect_eq(number(row, "failed"), 1);
    cr_expect_eq(strlen(text(row, "strip")), 10);
    cr_expect_eq(strncmp(text(row, "strip"), "#x", 2), 0, "%s", text(row, "strip"));
    cr_expect_str_eq(text(json_array_get(json_object_get(j, "by_step"), 2), "strip"), ".~........");
    cr_expect_str_eq(text(failure, "step"), "stg");
    cr_expect_str_eq(text(failure, "partition"), "2024-01-02");
    cr_expect_str_eq(text(failure, "class"), "permanent");
    cr_expect_eq(number(json_object_get(j, "agents"), "slots"), 8);
    json_decref(j);

    req = query(OP_AGENTS);
    j = ask(w, &req, BF_OK, NULL);
    row = json_array_get(j, 0);
    cr_expect_str_eq(text(row, "name"), "agent-1");
    cr_expect_str_eq(text(row, "fence"), "weak");
    cr_expect_str_eq(text(json_object_get(row, "labels"), "zone"), "near");
    cr_expect_eq(json_array_size(json_object_get(row, "warnings")), 2);
    json_decref(j);

    req = query(OP_POOLS);
    j = ask(w, &req, BF_OK, NULL);
    cr_expect_str_eq(text(json_array_get(j, 0), "name"), "warehouse");
    cr_expect_eq(number(json_array_get(j, 0), "slots"), 2);
    cr_expect_str_eq(text(json_array_get(j, 0), "source"), "plan");
    json_decref(j);
    world_free(w);
}

Test(views, steps_are_paged_and_filtered)
{
    struct world *w = world_new();
    create(w, plan_text);
    hello(w, 8);
    end_first(w, OUTCOME_OK, 0, "");
    static const struct { const char *step, *partition, *state; uint64_t offset; uint32_t limit; size_t rows; const char *first; } cases[] = {
        {"", "", "", 0, 0, 30, "stg 2024-01-01"},
        {"", "", "", 9, 2, 2, "stg 2024-01-10"},
        {"", "", "", 10, 3, 3, "fct 2024-01-01"},
        {"", "", "", 29, 10, 1, "end 2024-01-10"},
        {"", "", "", 30, 10, 0, ""},
        {"", "", "", UINT64_MAX, 10, 0, ""},
        {"fct", "", "", 0, 0, 10, "fct 2024-01-01"},
        {"fct", "", "", 4, 1, 1, "fct 2024-01-05"},
        {"fct", "2024-01-03", "", 0, 0, 1, "fct 2024-01-03"},
        {"", "2024-01-03", "", 0, 0, 3, "stg 2024-01-03"},
        {"", "", "succeeded", 0, 0, 1, "stg 2024-01-01"},
        {"", "", "failed", 0, 0, 0, ""},
        {"stg", "", "ready", 2, 0, 5, "stg 2024-01-06"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct op_request req = query(OP_STEPS);
        req.step = cases[i].step;
        req.partition = cases[i].partition;
        req.state = cases[i].state;
        req.page_offset = cases[i].offset;
        req.page_limit = cases[i].limit;
        json_t *j = ask(w, &req, BF_OK, NULL);
        char first[64] = "";
        cr_expect_eq(json_array_size(j), cases[i].rows, "case %zu: %zu rows", i, json_array_size(j));
        if (json_array_size(j))
            snprintf(first, sizeof first, "%s %s", text(json_array_get(j, 0), "step"), text(json_array_get(j, 0), "partition"));
        cr_expect_str_eq(first, cases[i].first, "case %zu", i);
        json_decref(j);
    }
    char error[256];
    struct op_request req = query(OP_STEPS);
    req.state = "done";
    ask(w, &req, BF_INVALID, error);
    req = query(OP_STEPS);
    req.step = "stgg";
    ask(w, &req, BF_NOT_FOUND, error);
    cr_expect(strstr(error, "stgg"), "%s", error);
    static const char *const impossible[] = {"2024-13-01", "2024-02-30", "2024-01", "May"};
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++)
        for (int named = 0; named < 2; named++) {
            req = query(OP_STEPS);
            req.partition = impossible[i];
            req.step = named ? "fct" : "";
            ask(w, &req, BF_INVALID, error);
            cr_expect(strstr(error, impossible[i]), "%s", error);
        }
    world_free(w);
}

Test(views, a_partition_of_a_plan_without_partitions_is_refused)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: one\nsteps:\n  only: {run: [echo]}\n");
    char error[256];
    struct op_request req = query(OP_STEPS);
    req.partition = "2024-01-01";
    ask(w, &req, BF_INVALID, error);
    cr_expect(strstr(error, "no step of bf-1 has partitions"), "%s", error);
    world_free(w);
}

static json_t *why(struct world *w, const char *step, const char *partition)
{
    struct op_request req = query(OP_WHY);
    req.step = step;
    req.partition = partition;
    return ask(w, &req, BF_OK, NULL);
}

static void expect_why(struct world *w, const char *step, const char *partition, const char *kind, const char *says)
{
    json_t *j = why(w, step, partition);
    const json_t *blocker = json_array_get(json_object_get(j, "blockers"), 0);
    cr_assert(blocker, "%s[%s] has no blocker: %s", step, partition, text(j, "summary"));
    cr_expect_str_eq(text(blocker, "kind"), kind, "%s", text(j, "summary"));
    cr_expect(strstr(text(blocker, "detail"), says), "%s", text(blocker, "detail"));
    cr_expect_gt(strlen(text(blocker, "remedy")), 3);
    cr_expect(strstr(text(j, "summary"), step));
    json_decref(j);
}

Test(views, why_names_what_blocks_and_what_to_do)
{
    struct world *w = world_new();
    create(w, plan_text);
    expect_why(w, "stg", "2024-01-01", "no_agent", "no connected agent");
    turn_set_low(w->turns, true);
    run(w);
    expect_why(w, "stg", "2024-01-01", "low_water", "the store is short of room");
    turn_set_low(w->turns, false);
    run(w);
    expect_why(w, "stg", "2024-01-01", "no_agent", "no connected agent");
    hello(w, 8);
    expect_why(w, "stg", "2024-01-05", "pool", "pool warehouse is full: 2 of 2 slots in use");
    expect_why(w, "fct", "2024-01-01", "dependency", "waits for stg[2024-01-01], which is assigned");
    end_first(w, OUTCOME_OK, 0, "");                     /* stg 01 */
    cr_assert_eq(w->n_held, 3);
    memmove(w->held, w->held + 1, --w->n_held * sizeof *w->held);     /* stg 02 stays with the agent */
    for (int i = 0; i < 2; i++)
        end_first(w, OUTCOME_EXIT, 126, "exit status 126: \"broken\"");
    expect_why(w, "end", "2024-01-01", "upstream_failed", "fct[2024-01-01]");
    json_t *j = why(w, "fct", "2024-01-01");
    if (strcmp(text(j, "state"), "failed") == 0) {
        cr_expect(strstr(text(j, "summary"), "broken"), "%s", text(j, "summary"));
        cr_expect_str_eq(text(json_object_get(j, "failure"), "source"), "exit");
        cr_expect_eq(number(json_object_get(j, "failure"), "code"), 126);
    } else
        cr_expect_fail("fct[2024-01-01] is %s", text(j, "state"));
    json_decref(j);
    char error[256];
    struct op_request req = query(OP_WHY);
    static const struct { const char *step, *partition, *says; } wrong[] = {
        {"fxt", "2024-01-01", "did you mean \"fct\""}, {"fct", "2025-01-01", "they run from 2024-01-01 to 2024-01-10"}, {"fct", "", "name one"},
        {"fct", "May", "no partition"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        req.step = wrong[i].step;
        req.partition = wrong[i].partition;
        ask(w, &req, strcmp(wrong[i].partition, "May") == 0 ? BF_INVALID : BF_NOT_FOUND, error);
        cr_expect(strstr(error, wrong[i].says), "%s", error);
    }
    world_free(w);
}

Test(views, logs_are_pages_of_text)
{
    struct world *w = world_new();
    create(w, plan_text);
    hello(w, 8);
    const uint8_t bytes[] = "line \"one\"\n\xff\xfe\x00\x1b[0m\xc3\xa4\n";
    struct log_msg m = {.kind = LOG_CHUNK, .attempt = w->held[0].ref.attempt, .token = w->held[0].ref.token, .stream = 2, .at_us = w->wall_us,
                        .last = true, .bytes = bytes, .n_bytes = sizeof bytes - 1};
    uint64_t acked;
    struct bf_error err = {0};
    uint8_t forger[32] = {9};
    struct log_msg forged = m;
    forged.bytes = (const uint8_t *)"forged";
    forged.n_bytes = 6;
    cr_assert_eq(log_store_append(w->logs, forger, &forged, &acked, &err), BF_OK);
    cr_assert_eq(log_store_append(w->logs, agent_key, &m, &acked, &err), BF_OK);
    struct op_request req = query(OP_LOGS);
    req.step = "stg";
    req.partition = "2024-01-01";
    json_t *j = ask(w, &req, BF_OK, NULL);
    const json_t *chunk = json_array_get(json_object_get(j, "chunks"), 0);
    cr_expect_str_eq(text(chunk, "stream"), "stderr");
    cr_expect_str_eq(text(chunk, "text"), "line \"one\"\n\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\x1b[0m\xc3\xa4\n");
    cr_expect_eq(number(j, "next"), (json_int_t)sizeof bytes - 1);
    cr_expect(json_is_true(json_object_get(j, "end")));
    json_decref(j);
    req.page_limit = 4;
    j = ask(w, &req, BF_OK, NULL);
    cr_expect_eq(number(j, "next"), 4);
    cr_expect(json_is_false(json_object_get(j, "end")));
    json_decref(j);
    req.partition = "2024-01-02";
    j = ask(w, &req, BF_OK, NULL);
    cr_expect(json_is_false(json_object_get(j, "end")), "it runs and has written nothing yet");
    json_decref(j);
    req.partition = "2024-01-10";
    ask(w, &req, BF_NOT_FOUND, NULL);
    world_free(w);
}

/* A document of many steps, or of long texts, stays within a message (ask() checks the size). */
Test(views, large_documents_stay_within_a_message)
{
    struct world *w = world_new();
    struct bf_buf plan = {0};
    bf_buf_put_str(&plan, "apiVersion: backfill/v1\nkind: Plan\nname: wide\nsteps:\n");
    for (int i = 0; i < 5000; i++)
        bf_buf_printf(&plan, "  a_step_with_a_name_that_is_rather_long_so_that_rows_are_long_%05d: {run: [echo]}\n", i);
    create(w, bf_buf_cstr(&plan));
    bf_buf_free(&plan);
    struct op_request req = query(OP_STATUS);
    json_t *j = ask(w, &req, BF_OK, NULL);
    cr_expect_eq(json_array_size(json_object_get(j, "by_step")) + (size_t)number(j, "by_step_left_out"), 5000);
    json_decref(j);
    hello(w, 64);
    char long_text[OUTCOME_TEXT_MAX];
    memset(long_text, '"', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    size_t failed = 0;
    for (; failed < 1000 && w->n_held; failed++)
        end_first(w, OUTCOME_EXIT, 126, long_text);
    cr_assert_eq(failed, 1000);
    req = query(OP_STEPS);
    req.state = "failed";
    j = ask(w, &req, BF_OK, NULL);
    cr_expect_eq(json_array_size(j), 1000);
    cr_expect_str_eq(text(json_object_get(json_array_get(j, 0), "failure"), "text"), long_text);
    json_decref(j);
    world_free(w);
}

/* The documents of backfills, steps, agents and logs. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "views_fixture.h"

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
    cr_expect_str_eq(text(j, "timezone"), "UTC");
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
    cr_expect_eq(json_array_size(json_object_get(row, "warnings")), 3);
    cr_expect_eq(json_array_size(json_object_get(row, "enforced")), 0);
    cr_expect_eq(json_array_size(json_object_get(row, "measured_only")), 4);
    cr_expect(json_is_null(json_object_get(row, "memory_bytes")), "it did not tell");
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
    static const struct { const char *selectors[2], *state; uint64_t offset; uint32_t limit; size_t rows; const char *first; } cases[] = {
        {{NULL}, "", 0, 0, 30, "stg 2024-01-01"},
        {{NULL}, "", 9, 2, 2, "stg 2024-01-10"},
        {{NULL}, "", 10, 3, 3, "fct 2024-01-01"},
        {{NULL}, "", 29, 10, 1, "end 2024-01-10"},
        {{NULL}, "", 30, 10, 0, ""},
        {{NULL}, "", UINT64_MAX, 10, 0, ""},
        {{"fct"}, "", 0, 0, 10, "fct 2024-01-01"},
        {{"fct"}, "", 4, 1, 1, "fct 2024-01-05"},
        {{"fct[2024-01-03]"}, "", 0, 0, 1, "fct 2024-01-03"},
        {{"*[2024-01-03]"}, "", 0, 0, 3, "stg 2024-01-03"},
        {{"*[2024-01-03..2024-01-05]"}, "", 2, 2, 2, "stg 2024-01-05"},
        {{"*[2024-01-03..2024-01-05]"}, "", 3, 0, 6, "fct 2024-01-03"},
        {{"fct[2024-01-09..]", "fct[..2024-01-02]"}, "", 0, 0, 4, "fct 2024-01-01"},
        {{"fct[2024-01-09..]", "fct[..2024-01-02]"}, "", 2, 0, 2, "fct 2024-01-09"},
        {{"fct[2024-01-09..]", "fct[..2024-01-02]"}, "waiting", 1, 2, 2, "fct 2024-01-09"},
        {{"fct+[2024-01]"}, "", 10, 0, 10, "end 2024-01-01"},
        {{"+fct"}, "", 0, 0, 20, "stg 2024-01-01"},
        {{NULL}, "succeeded", 0, 0, 1, "stg 2024-01-01"},
        {{NULL}, "failed", 0, 0, 0, ""},
        {{"stg"}, "ready", 2, 0, 5, "stg 2024-01-06"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct op_request req = query(OP_STEPS);
        req.selectors = cases[i].selectors;
        req.n_selectors = (size_t)(cases[i].selectors[0] != NULL) + (cases[i].selectors[1] != NULL);
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
    world_free(w);
}

static void refused(struct world *w, enum op_verb verb, const char *selector, enum bf_rc rc, const char *says)
{
    struct op_request req = query(verb);
    char error[256];
    req.selectors = &selector;
    req.n_selectors = selector != NULL;
    ask(w, &req, rc, error);
    cr_expect(strstr(error, says), "%s: %s", selector ? selector : "(none)", error);
}

Test(views, selectors_that_pick_nothing_are_refused)
{
    struct world *w = world_new();
    create(w, plan_text);
    char error[256];
    struct op_request req = query(OP_STEPS);
    req.state = "done";
    ask(w, &req, BF_INVALID, error);
    refused(w, OP_STEPS, "stgg", BF_NOT_FOUND, "did you mean `stg`");
    refused(w, OP_STEPS, "*[2024-13-01]", BF_INVALID, "2024-13-01");
    refused(w, OP_STEPS, "fct[2024-02-30]", BF_INVALID, "2024-02-30");
    refused(w, OP_STEPS, "fct[May]", BF_INVALID, "May");
    refused(w, OP_STEPS, "*[2025-01-01]", BF_INVALID, "run from 2024-01-01 to 2024-01-10");
    refused(w, OP_STEPS, "fct[", BF_INVALID, "fct[");
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: one\nsteps:\n  only: {run: [echo]}\n");
    refused(w, OP_STEPS, "only[2024-01-01]", BF_INVALID, "the step has no partitions");
    world_free(w);
}

/* `why` and `logs` are of one instance, however it is written. */
Test(views, one_instance_is_needed)
{
    struct world *w = world_new();
    create(w, plan_text);
    static const enum op_verb verbs[] = {OP_WHY, OP_LOGS};
    for (size_t i = 0; i < 2; i++) {
        refused(w, verbs[i], NULL, BF_INVALID, "30 step instances are picked, and one is needed: stg[2024-01-01], "
                                               "stg[2024-01-02], stg[2024-01-03], …");
        refused(w, verbs[i], "end", BF_INVALID, "10 step instances are picked, and one is needed: end[2024-01-01], ");
        refused(w, verbs[i], "+fct[2024-01-04]", BF_INVALID,
                "2 step instances are picked, and one is needed: stg[2024-01-04], fct[2024-01-04]");
        refused(w, verbs[i], "fxt[2024-01-01]", BF_NOT_FOUND, "did you mean `fct`");
    }
    static const char *const ones[] = {"f*[2024-01-04]", "fct[2024-01-04..2024-01-04]", "fct[2024-01-04]"};
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++) {
        struct op_request req = query(OP_WHY);
        req.selectors = &ones[i];
        req.n_selectors = 1;
        json_t *j = ask(w, &req, BF_OK, NULL);
        cr_expect_str_eq(text(j, "step"), "fct");
        cr_expect_str_eq(text(j, "partition"), "2024-01-04");
        json_decref(j);
    }
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: one\nsteps:\n  only: {run: [echo]}\n");
    struct op_request req = query(OP_WHY);
    json_decref(ask(w, &req, BF_OK, NULL));                /* there is but one */
    world_free(w);
}

static json_t *why(struct world *w, const char *step, const char *partition)
{
    struct op_request req = query(OP_WHY);
    char word[96];
    const char *selectors[] = {word};
    snprintf(word, sizeof word, "%s[%s]", step, partition);
    req.selectors = selectors;
    req.n_selectors = 1;
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

Test(views, why_shows_what_the_plan_says_of_the_step)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-02, timezone: "
              "UTC}\nsteps:\n  a: {noop: true}\n"
              "  b: {run: [echo], priority: high, weight: 7, expect: {duration: 40s}, tolerance: 2h, deadline: \"2024-06-01T06:00\", "
              "owner: finance, why: they close on it, contact: \"#fin\", playbook: p.md}\n");
    json_t *j = why(w, "b", "2024-01-01"), *a = json_object_get(j, "annotations");
    static const char *const words[][2] = {{"priority", "high"}, {"deadline", "2024-06-01T06:00:00.000000Z"}, {"owner", "finance"},
                                           {"why", "they close on it"}, {"contact", "#fin"}, {"playbook", "p.md"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        cr_expect_str_eq(text(a, words[i][0]), words[i][1]);
    cr_expect_eq(json_integer_value(json_object_get(a, "weight")), 7);
    cr_expect_eq(json_integer_value(json_object_get(a, "expected_ms")), 40000);
    cr_expect_eq(json_integer_value(json_object_get(a, "tolerance_ms")), 7200000);
    json_decref(j);
    j = why(w, "a", "2024-01-01");
    a = json_object_get(j, "annotations");
    cr_expect(json_is_null(json_object_get(a, "deadline")) && json_is_null(json_object_get(a, "tolerance_ms")) &&
              json_is_null(json_object_get(a, "owner")));
    json_decref(j);
    world_free(w);
}

static struct op_request priority_of(enum op_priority class, const char *const *words, size_t n)
{
    static uint8_t id = 100;
    struct op_request req = {.verb = OP_PRIORITY, .reason = "", .from = "", .to = "", .state = "", .name = "", .priority = class,
                             .selectors = words, .n_selectors = n};
    memset(req.id, ++id, sizeof req.id);
    return req;
}

static void expect_classes(struct world *w, const char *step, const char *now, const char *plan)
{
    json_t *j = why(w, step, "2024-01-01"), *a = json_object_get(j, "annotations");
    cr_expect_str_eq(text(a, "priority"), now);
    cr_expect_str_eq(text(a, "plan_priority"), plan);
    json_decref(j);
}

Test(views, a_dry_run_of_priority_lists_what_would_change_and_why_shows_what_has)
{
    static const char *const down[] = {"fct+"}, *const range[] = {"stg[2024-01]"}, *const unknown[] = {"sgt"};
    struct world *w = world_new();
    char error[256];
    create(w, plan_text);
    struct op_request req = priority_of(OP_HIGH, down, 1);
    req.dry_run = true;
    json_t *rows = ask(w, &req, BF_OK, NULL);
    cr_assert_eq(json_array_size(rows), 2);
    static const char *const want[][2] = {{"step", "fct"}, {"before", "normal"}, {"after", "high"}, {"plan", "normal"}};
    for (size_t i = 0; i < 4; i++)
        cr_expect_str_eq(text(json_array_get(rows, 0), want[i][0]), want[i][1]);
    json_decref(rows);
    req.page_offset = 1;
    rows = ask(w, &req, BF_OK, NULL);
    cr_assert_eq(json_array_size(rows), 1);
    cr_expect_str_eq(text(json_array_get(rows, 0), "step"), "end");
    json_decref(rows);
    expect_classes(w, "fct", "normal", "normal");
    req = priority_of(OP_HIGH, down, 1);
    turn_command(w->turns, operator_key, "ada", "admin", &req, NULL, 0);
    run(w);
    cr_assert_eq(w->rc, BF_OK, "%s", w->reply);
    cr_expect_str_eq(w->reply, "bf-1: all 2 steps are high");
    expect_classes(w, "fct", "high", "normal");
    expect_classes(w, "stg", "normal", "normal");
    req = priority_of(OP_LOW, range, 1);
    req.dry_run = true;
    ask(w, &req, BF_INVALID, error);
    cr_expect(strstr(error, "write `stg`"), "%s", error);
    req = priority_of(OP_LOW, unknown, 1);
    req.dry_run = true;
    ask(w, &req, BF_NOT_FOUND, error);
    cr_expect(strstr(error, "did you mean `stg`?"), "%s", error);
    world_free(w);
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
    refused(w, OP_WHY, "fct[2025-01-01]", BF_INVALID, "run from 2024-01-01 to 2024-01-10");
    refused(w, OP_WHY, "fct", BF_INVALID, "one is needed");
    refused(w, OP_WHY, "fct[May]", BF_INVALID, "`May` is no real date");
    world_free(w);
}

/* Names of the greatest length are told whole: they are typed again. */
Test(views, why_cuts_no_name)
{
    enum { UPSTREAMS = 5, TOLD = 4 };
    struct world *w = world_new();
    struct bf_buf plan = {0};
    char long_name[PLAN_NAME_MAX];
    memset(long_name, 'u', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    bf_buf_put_str(&plan, "apiVersion: backfill/v1\nkind: Plan\nname: long\n"
                          "partitions: {grain: hour, from: 2024-01-01T05, to: 2024-01-01T05}\nsteps:\n");
    for (int i = 0; i < UPSTREAMS; i++)
        bf_buf_printf(&plan, "  %s%d: {noop: true, needs: [gate]}\n", long_name, i);
    bf_buf_put_str(&plan, "  gate: {run: [echo]}\n  end:\n    noop: true\n    needs:\n");
    for (int i = 0; i < UPSTREAMS; i++)
        bf_buf_printf(&plan, "      - %s%d\n", long_name, i);
    create(w, bf_buf_cstr(&plan));
    bf_buf_free(&plan);
    json_t *j = why(w, "end", "2024-01-01T05");
    const json_t *blocker = json_array_get(json_object_get(j, "blockers"), 0);
    for (int i = 0; i < TOLD; i++) {
        char wanted[PLAN_NAME_MAX + 64];
        snprintf(wanted, sizeof wanted, "%s%d[2024-01-01T05+00:00]", long_name, i);
        cr_expect(strstr(text(blocker, "detail"), wanted), "%s", text(blocker, "detail"));
    }
    cr_expect(strstr(text(blocker, "detail"), " and 1 more"), "%s", text(blocker, "detail"));
    cr_expect(strstr(text(j, "summary"), "end[2024-01-01T05+00:00] waits for u"), "%s", text(j, "summary"));
    json_decref(j);
    world_free(w);
}

Test(views, logs_are_pages_of_text)
{
    struct world *w = world_new();
    create(w, plan_text);
    hello(w, 8);
    const uint8_t bytes[] = "line \"one\"\n\xff\xfe\x00\x1b[0m\xc3\xa4\n";
    struct log_msg m = {.kind = LOG_CHUNK, .attempt = w->held[0].ref.attempt, .token = w->held[0].ref.token, .stream = 2,
                        .at_us = w->wall_us,
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
    const char *selector = "stg[2024-01-01]";
    req.selectors = &selector;
    req.n_selectors = 1;
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
    selector = "stg[2024-01-02]";
    j = ask(w, &req, BF_OK, NULL);
    cr_expect(json_is_false(json_object_get(j, "end")), "it runs and has written nothing yet");
    json_decref(j);
    selector = "stg[2024-01-10]";
    ask(w, &req, BF_NOT_FOUND, NULL);
    world_free(w);
}

static void write_log(struct world *w, uint64_t attempt, const struct log_name *name)
{
    const struct log_msg m = {.kind = LOG_CHUNK, .attempt = attempt, .token = 1, .stream = 1, .at_us = w->wall_us, .last = true,
                              .bytes = (const uint8_t *)"a line\n", .n_bytes = 7};
    uint64_t acked;
    struct bf_error err = {0};
    if (name)
        log_store_granted(w->logs, agent_key, name);
    cr_assert_eq(log_store_append(w->logs, agent_key, &m, &acked, &err), BF_OK);
}

/* What a key may see hangs on the backfill: no number of an attempt leads out of it. */
Test(views, a_log_is_of_the_instance_that_was_asked_for)
{
    enum { MINE = 1001, OF_ANOTHER_DAY, OF_ANOTHER_STEP, OF_ANOTHER_BACKFILL, UNNAMED };
    struct world *w = world_new();
    char error[256];
    create(w, plan_text);
    hello(w, 8);
    const uint64_t running = w->held[0].ref.attempt, other = w->held[1].ref.attempt;
    const struct log_name mine = {.attempt = MINE, .backfill = 1, .n = 1};
    struct log_name names[] = {mine, mine, mine, mine};
    names[1].index = 1;
    names[2].step = 1;
    names[3].backfill = 2;
    for (uint64_t k = 0; k < 4; k++) {
        names[k].attempt = MINE + k;
        write_log(w, MINE + k, &names[k]);
    }
    write_log(w, UNNAMED, NULL);
    static const char *const plans[] = {"orders"};
    const struct key_entry scoped = {.plans = plans, .n_plans = 1};
    const struct { uint64_t attempt; enum bf_rc all, within; } rows[] = {
        {0, BF_OK, BF_OK}, {running, BF_OK, BF_OK}, {other, BF_NOT_FOUND, BF_NOT_FOUND}, {MINE, BF_OK, BF_OK},
        {OF_ANOTHER_DAY, BF_NOT_FOUND, BF_NOT_FOUND}, {OF_ANOTHER_STEP, BF_NOT_FOUND, BF_NOT_FOUND},
        {OF_ANOTHER_BACKFILL, BF_NOT_FOUND, BF_NOT_FOUND}, {UNNAMED, BF_OK, BF_NOT_FOUND}};
    struct op_request req = query(OP_LOGS);
    const char *selector = "stg[2024-01-01]";
    req.selectors = &selector;
    req.n_selectors = 1;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        req.attempt = rows[k].attempt;
        w->who = NULL;
        json_decref(ask(w, &req, rows[k].all, error));
        w->who = &scoped;
        json_decref(ask(w, &req, rows[k].within, error));
        cr_expect(rows[k].within == BF_OK || strstr(error, "is no attempt of stg[2024-01-01] in bf-1"), "row %zu: %s", k, error);
    }
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

/* Every dimension of a pool has a name of up to 128 bytes: pages of pools end early. */
Test(views, pages_of_pools_stay_within_a_message)
{
    enum { POOLS = 100, UNITS = 60 };
    struct world *w = world_new();
    struct bf_buf plan = {0};
    bf_buf_put_str(&plan, "apiVersion: backfill/v1\nkind: Plan\nname: wide\npools:\n");
    for (int i = 0; i < POOLS; i++) {
        bf_buf_printf(&plan, "  p%03d: {slots: 1, units: {", i);
        for (int k = 0; k < UNITS; k++)
            bf_buf_printf(&plan, "%su%02d%0120d: 1", k ? ", " : "", k, 0);
        bf_buf_put_str(&plan, "}}\n");
    }
    bf_buf_put_str(&plan, "steps: {s: {run: [echo], pool: p000}}\n");
    create(w, bf_buf_cstr(&plan));
    bf_buf_free(&plan);
    struct op_request req = query(OP_POOLS);
    size_t n = 0, pages = 0;
    for (size_t rows = 1; rows > 0; n += rows) {
        req.page_offset = n;
        json_t *j = ask(w, &req, BF_OK, NULL);
        rows = json_array_size(j);
        pages += rows > 0;
        json_decref(j);
    }
    cr_expect(n == POOLS && pages > 1, "%zu pools in %zu pages", n, pages);
    world_free(w);
}

static size_t breakers_of(struct world *w, const char *plan, const char *name)
{
    const char *const plans[] = {plan};
    struct key_entry who = key_empty;
    struct op_request req = query(OP_BREAKERS);
    size_t n = 0, i;
    const json_t *row;
    who.plans = plans;
    who.n_plans = 1;
    w->who = &who;
    req.state = "all";
    json_t *j = ask(w, &req, BF_OK, NULL);
    json_array_foreach(j, i, row)
        n += strcmp(text(row, "name"), name) == 0;
    json_decref(j);
    w->who = NULL;
    return n;
}

/* Steps of plan a.b and of plan a, whose names come to the same with dots. */
Test(views, a_key_sees_the_breakers_of_the_steps_of_its_own_plans)
{
    static const char form[] = "apiVersion: backfill/v1\nkind: Plan\nname: %s\nsteps: {%s: {run: [echo]}}\n";
    static const char *const plans[] = {"a.b", "a"}, *const steps[] = {"c", "b.c"}, *const names[] = {"step/a.b/c", "step/a.b.c"};
    struct world *w = world_new();
    for (size_t i = 0; i < 2; i++) {
        char plan[200];
        snprintf(plan, sizeof plan, form, plans[i], steps[i]);
        create(w, plan);
    }
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 2; k++)
            cr_expect_eq(breakers_of(w, plans[i], names[k]), (size_t)(i == k), "plan %s, %s", plans[i], names[k]);
    world_free(w);
}

/* Nothing begins there for now, and its governor goes on. */
Test(views, a_pool_without_slots_still_has_its_throttle)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: p\npools: {wh: {slots: 3, throttle: {algorithm: aimd, min: 2, max: 3}}}\n"
              "steps: {s: {run: [echo], pool: wh}}\n");
    struct op_request set = query(OP_POOL_SET), show = query(OP_POOLS);
    memset(set.id, 200, sizeof set.id);
    set.name = show.name = "wh";
    turn_command(w->turns, operator_key, "ada", "admin", &set, NULL, 0);
    run(w);
    cr_assert_eq(w->rc, BF_OK, "%s", w->reply);
    json_t *one = ask(w, &show, BF_OK, NULL), *t = json_object_get(one, "throttle");
    cr_expect_eq(number(one, "slots"), 0);
    cr_assert(json_is_object(t), "it is not throttled");
    cr_expect_eq(number(t, "limit"), 0, "of what may begin");
    cr_expect(json_is_true(json_object_get(t, "queued")), "s waits for it");
    cr_expect_str_eq(text(t, "reason"), "changed");
    json_t *moves = json_object_get(t, "moves"), *last = json_array_get(moves, json_array_size(moves) - 1);
    cr_expect(number(last, "before") == 2 && number(last, "after") == 0, "%lld to %lld", (long long)number(last, "before"),
              (long long)number(last, "after"));
    cr_expect(json_is_null(json_object_get(json_array_get(moves, 0), "before")), "there was none");
    json_decref(one);
    show.name = "";
    json_t *all = ask(w, &show, BF_OK, NULL);
    cr_expect(json_is_object(json_object_get(json_array_get(all, 0), "throttle")), "nor in the list");
    json_decref(all);
    memset(set.id, 202, sizeof set.id);
    set.pool_slots = 3;
    turn_command(w->turns, operator_key, "ada", "admin", &set, NULL, 0);
    run(w);
    show.name = "wh";
    one = ask(w, &show, BF_OK, NULL);
    t = json_object_get(one, "throttle");
    moves = json_object_get(t, "moves");
    last = json_array_get(moves, json_array_size(moves) - 1);
    cr_expect(number(last, "before") == 0 && number(last, "after") == 2 && number(t, "limit") == 2, "with its slots it is there again");
    json_decref(one);
    world_free(w);
}

/* Beside what holds: what the plan says, and who set something else. */
Test(views, bounds_that_a_person_set_are_told_with_the_plans_and_who_it_was)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: p\npools: {wh: {slots: 4, throttle: {algorithm: aimd, min: 2, max: 3}}}\n"
              "steps: {s: {run: [echo], pool: wh}}\n");
    struct op_request set = query(OP_POOL_SET), show = query(OP_POOLS);
    set.name = show.name = "wh";
    json_t *one = ask(w, &show, BF_OK, NULL);
    cr_expect(json_is_null(json_object_get(one, "by_hand")), "nobody set anything");
    json_decref(one);
    memset(set.id, 201, sizeof set.id);
    set.reason = "the users first";
    set.pool = (struct pool_budget){.no_slots = true, .ceiling = 4};
    turn_command(w->turns, operator_key, "ada", "admin", &set, NULL, 0);
    run(w);
    cr_assert_eq(w->rc, BF_OK, "%s", w->reply);
    one = ask(w, &show, BF_OK, NULL);
    const json_t *t = json_object_get(one, "throttle"), *planned = json_object_get(t, "planned"), *by_hand = json_object_get(one, "by_hand");
    const json_t *moves = json_object_get(t, "moves"), *last = json_array_get(moves, json_array_size(moves) - 1);
    cr_expect(number(t, "floor") == 2 && number(t, "ceiling") == 4 && number(planned, "floor") == 2 && number(planned, "ceiling") == 3);
    cr_expect_str_eq(text(last, "reason"), "set");
    cr_expect_eq(json_array_size(json_object_get(by_hand, "figures")), 1u);
    cr_expect_str_eq(json_string_value(json_array_get(json_object_get(by_hand, "figures"), 0)), "ceiling");
    cr_expect_str_eq(text(by_hand, "by"), "ada");
    cr_expect_str_eq(text(by_hand, "reason"), "the users first");
    cr_expect(json_is_string(json_object_get(by_hand, "at")));
    json_decref(one);
    world_free(w);
}

/* Nine days of a step in a pool that the probe governs, whose newest reading is this. */
static struct world *probed(const char *probe, int64_t reading)
{
    struct world *w = world_new();
    char plan[512];
    snprintf(plan, sizeof plan, "apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-09}\n"
             "connections: {db: {odbc: x, probe: {sql: select 1, %s}}}\n"
             "pools: {wh: {slots: 3, throttle: {algorithm: aimd, min: 1, max: 3}}}\n"
             "steps: {s: {sql: {connection: db, transaction: true, text: select 1}, pool: wh}}\n", probe);
    create(w, plan);
    hello(w, 8);
    run(w);
    cr_assert_neq(w->probe, 0);
    struct probe_reading read = {.id = w->probe, .readable = true, .value_us = reading, .why = ""};
    turn_agent_message(w->turns, agent_key, &(struct agent_msg){.kind = AGENT_PROBED, .incarnation = 7, .nonce = 2, .text = "",
                                                                .probed = &read, .n_probed = 1}, w->boot_ms);
    run(w);
    return w;
}

/* What `why` says then of a step that waits for the limit. */
static void expect_probe_told(const char *probe, int64_t reading, const char *words)
{
    struct world *w = probed(probe, reading);
    expect_why(w, "s", "2024-01-09", "throttle", words);
    world_free(w);
}

static void ask_for(struct world *w, enum op_verb verb)
{
    struct op_request req = query(verb);
    req.id[0] = (uint8_t)verb;
    req.backfill = 1;
    turn_command(w->turns, operator_key, "ada", "admin", &req, NULL, 0);
    run(w);
}

/* While nothing ran nobody asked it. */
Test(views, a_probe_that_nobody_asked_for_a_while_is_not_called_unreadable)
{
    struct world *w = probed("every: 5s, target: 500ms, limit: 2s", 100000);
    ask_for(w, OP_PAUSE);
    while (engine_next_attempt(turn_engine(w->turns), 0) != 0)
        end_first(w, OUTCOME_OK, 0, "");
    w->boot_ms += 20000;
    w->wall_us += 20000000;
    ask_for(w, OP_RESUME);
    expect_why(w, "s", "2024-01-09", "throttle", "the probe of connection db was not read for 20s");
    world_free(w);
}

/* Of a table in memory: no user feels that, and it is not nothing. */
Test(views, a_probe_that_takes_less_than_a_millisecond_says_so)
{
    expect_probe_told("target: 500ms, limit: 2s", 197, "the probe of connection db reads under 1ms, and its target is 500ms");
}

Test(views, a_value_that_a_probe_tells_has_all_its_digits)
{
    const char *queue = "measure: value, target: 123456, limit: 200000", *lag = "measure: value, target: 0.25, limit: 1";
    expect_probe_told(queue, 123457500000, "the probe of connection db reads 123457.5, and its target is 123456");
    expect_probe_told(queue, 100000000000, "reads 100000, and its target is 123456");
    expect_probe_told(queue, 12345678500000, "reads 12345678.5, and its target is 123456");
    expect_probe_told(lag, 230400, "reads 0.23, and its target is 0.25");
    expect_probe_told(lag, 100, "reads under 0.001, and its target is 0.25");
    expect_probe_told(lag, 0, "reads 0, and its target is 0.25");
}

/* The clock of the world: 2024-01-01T00:00Z, a Monday. */
#define WINDOWS_HEAD "apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-09}\n" \
                     "pools: {wh: {slots: 4}, other: {slots: 2}}\n"
#define WINDOWS_STEPS "steps: {s: {run: [echo], pool: wh}, t: {run: [echo], pool: other}}\n"

/* The windows of a pool in its document: the first of n. */
static void expect_window(struct world *w, const char *pool, size_t n, const char *name, double percent, int slots, const char *until,
                          bool for_ever)
{
    struct op_request show = query(OP_POOLS);
    show.name = pool;
    json_t *one = ask(w, &show, BF_OK, NULL), *list = json_object_get(one, "windows"), *row = json_array_get(list, 0);
    cr_assert_eq(json_array_size(list), n, "pool %s: %zu", pool, json_array_size(list));
    if (n > 0) {
        cr_expect_str_eq(text(row, "window"), name);
        cr_expect_str_eq(text(row, "backfill"), "bf-1");
        cr_expect_float_eq(json_number_value(json_object_get(row, "budget_percent")), percent, 1e-9);
        cr_expect_eq(number(row, "slots"), slots);
        const char *told = json_string_value(json_object_get(row, "until"));
        cr_expect(until ? told && strcmp(told, until) == 0 : told == NULL, "%s", told ? told : "null");
        cr_expect_eq(json_is_true(json_object_get(row, "for_ever")), for_ever);
    }
    json_decref(one);
}

static void expect_status_window(struct world *w, size_t n, int count, const char *detail)
{
    struct op_request req = query(OP_STATUS);
    json_t *j = ask(w, &req, BF_OK, NULL), *list = json_object_get(j, "windows"), *row = json_array_get(list, 0);
    cr_assert_eq(json_array_size(list), n, "%zu", json_array_size(list));
    if (n > 0) {
        cr_expect_eq(number(row, "count"), count);
        cr_expect_str_eq(text(row, "detail"), detail);
    }
    json_decref(j);
}

Test(views, what_follows_a_window_is_told_where_it_leaves_no_more)
{
    struct world *w = world_new();
    create(w, WINDOWS_HEAD "windows: [{name: day, dates: [2024-01-01], budget: 0%}, {name: ever, dates: [2024-01-02..9999-12-31], budget: 0%}]\n"
           WINDOWS_STEPS);
    hello(w, 20);
    expect_status_window(w, 2, 9, "window day freezes pool other until 2024-01-02T00:00:00Z; what follows leaves it no time either");
    world_free(w);
}

Test(views, a_pool_and_a_status_name_the_window_that_holds)
{
    struct world *w = world_new();
    create(w, WINDOWS_HEAD "windows: [{name: peak, pool: wh, days: mon-fri, from: \"00:00\", to: \"08:00\", budget: 50%}]\n" WINDOWS_STEPS);
    hello(w, 20);
    expect_window(w, "wh", 1, "peak", 50, 2, "2024-01-01T08:00:00.000000Z", false);
    expect_window(w, "other", 0, NULL, 0, 0, NULL, false);
    expect_status_window(w, 1, 7, "window peak leaves 50% of pool wh until 2024-01-01T08:00:00Z, 2 of 4 slots: 2 are in use");
    w->wall_us += INT64_C(8) * 3600 * 1000000;
    w->boot_ms += 8 * 3600 * 1000;
    run(w);
    expect_window(w, "wh", 0, NULL, 0, 0, NULL, false);
    expect_status_window(w, 0, 0, NULL);
    world_free(w);
}

Test(views, a_freeze_without_an_end_says_so)
{
    struct world *w = world_new();
    create(w, WINDOWS_HEAD "windows: [{name: closed, dates: [2023-12-01..9999-12-31], budget: 0%}]\n" WINDOWS_STEPS);
    hello(w, 20);
    expect_window(w, "wh", 1, "closed", 0, 0, NULL, true);
    expect_window(w, "other", 1, "closed", 0, 0, NULL, true);
    expect_status_window(w, 2, 9, "window closed freezes pool other for ever");
    world_free(w);
}

/* Nor is it said to be not over of one that its timebox has cancelled. */
Test(views, an_end_leaves_nothing_to_say_of_a_timebox)
{
    struct world *w = world_new();
    struct op_request get = query(OP_GET);
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: p\ntimebox: {limit: 1h, then: cancel}\nsteps: {s: {run: [echo]}}\n");
    json_t *j = ask(w, &get, BF_OK, NULL);
    cr_expect(json_is_false(json_object_get(json_object_get(j, "timebox"), "over")));
    json_decref(j);
    w->boot_ms += 3600000;
    run(w);
    run(w);
    j = ask(w, &get, BF_OK, NULL);
    const json_t *timebox = json_object_get(j, "timebox");
    cr_assert_str_eq(text(j, "state"), "cancelled");
    cr_expect(json_is_null(json_object_get(timebox, "over")) && json_is_null(json_object_get(timebox, "ends_at")));
    json_decref(j);
    world_free(w);
}

/* A date of 1970 is worse than none. */
Test(views, engine_time_without_a_clock_is_no_date)
{
    struct world *w = world_new();
    struct op_request get = query(OP_GET);
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: p\ntimebox: {limit: 1h, then: pause}\nsteps: {s: {run: [echo]}}\n");
    json_t *j = ask(w, &get, BF_OK, NULL), *timebox = json_object_get(j, "timebox");
    cr_expect_str_eq(text(timebox, "ends_at"), "2024-01-01T01:00:00.010000Z");
    json_decref(j);
    w->no_clock = true;
    j = ask(w, &get, BF_OK, NULL);
    timebox = json_object_get(j, "timebox");
    cr_expect(json_is_null(json_object_get(timebox, "ends_at")), "%s", json_string_value(json_object_get(timebox, "ends_at")));
    json_decref(j);
    world_free(w);
}

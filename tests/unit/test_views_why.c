/* The causes of a whole backfill, as the document shows them. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/buf.h"
#include "views_fixture.h"

/* Ten days: load in a pool of two; by the same day what is built on it, and a week of that; and what fails. */
static const char graph[] =
    "apiVersion: backfill/v1\nkind: Plan\nname: graph\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-10}\n"
    "pools: {warehouse: {slots: 2}}\n"
    "steps:\n  load: {run: [echo], pool: warehouse, expect: {duration: 10s}, retry: {max: 1}}\n  made: {run: [echo], needs: [load]}\n"
    "  week: {run: [echo], needs: [{made: \"window -2..0\", outside: assume}]}\n"
    "  chain: {run: [echo], agents: {labels: {egress: \"yes\"}}}\n";

static json_t *summary(struct world *w)
{
    struct op_request req = query(OP_WHY_SUMMARY);
    return ask(w, &req, BF_OK, NULL);
}

/* The cause of a kind; fails when there is none. */
static const json_t *cause(const json_t *j, const char *kind)
{
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(j, "causes"), i, c)
        if (strcmp(text(c, "kind"), kind) == 0)
            return c;
    cr_assert_fail("no %s among %zu causes", kind, json_array_size(json_object_get(j, "causes")));
    return NULL;
}

Test(views_why, causes_are_counted_with_what_waits_behind)
{
    struct world *w = world_new();
    create(w, graph);
    hello(w, 8);
    json_t *j = summary(w);
    cr_expect(json_is_true(json_object_get(j, "complete")));
    const json_t *pool = cause(j, "pool"), *label = cause(j, "no_agent"), *running = cause(j, "running");
    cr_expect_eq(number(pool, "holds"), 8);
    cr_expect_eq(number(pool, "behind"), 8 + 10, "a day of made for each, and any week");
    cr_expect_str_eq(text(pool, "do"), "bfctl pool set warehouse --slots 3");
    cr_expect_str_eq(text(pool, "clears_by"), "baseline");
    cr_expect_eq(json_array_size(json_object_get(pool, "examples")), 3u);
    cr_expect(json_array_get(json_object_get(j, "causes"), 0) == pool, "the one that holds most is the first");
    cr_expect(number(label, "holds") == 10 && number(label, "behind") == 0);
    cr_expect(json_is_null(json_object_get(label, "clears_at")) && json_is_null(json_object_get(label, "do")));
    cr_expect(number(running, "holds") == 0 && number(running, "behind") == 2 + 6, "two of made, and three weeks for each at most");
    json_decref(j);
    world_free(w);
}

Test(views_why, what_failed_is_counted_exactly)
{
    struct world *w = world_new();
    create(w, graph);
    hello(w, 8);
    end_first(w, OUTCOME_EXIT, 126, "broken");
    json_t *j = summary(w);
    const json_t *failed = cause(j, "upstream_failed");
    cr_expect_eq(number(failed, "holds"), 1 + 3);
    cr_expect_eq(number(failed, "behind"), 0);
    cr_expect_str_eq(json_string_value(json_array_get(json_object_get(failed, "examples"), 0)), "load[2024-01-01]");
    cr_expect_str_eq(text(failed, "do"), "bfctl retry bf-1");
    json_decref(j);
    world_free(w);
}

/* The answer of `why` about a step of bf-1; its first blocker of a kind. */
static json_t *why(struct world *w, const char *step, const char *kind, const json_t **ret)
{
    struct op_request req = query(OP_WHY);
    req.backfill = 1;
    req.selectors = &step;
    req.n_selectors = 1;
    json_t *j = ask(w, &req, BF_OK, NULL), *row;
    size_t i;
    *ret = NULL;
    json_array_foreach(json_object_get(j, "blockers"), i, row)
        *ret = !*ret && strcmp(text(row, "kind"), kind) == 0 ? row : *ret;
    cr_assert(*ret, "no %s", kind);
    return j;
}

/* A retry leaves alone what a person cancelled. */
Test(views_why, what_was_cancelled_is_run_again_by_force)
{
    static const char *const first[] = {"load[2024-01-01]"};
    struct world *w = world_new();
    const json_t *k;
    create(w, graph);
    struct op_request cancel = query(OP_CANCEL);
    cancel.backfill = 1;
    cancel.selectors = first;
    cancel.n_selectors = 1;
    memset(cancel.id, 7, sizeof cancel.id);
    turn_command(w->turns, operator_key, "ada", "admin", &cancel, NULL, 0);
    run(w);
    cr_assert_eq(w->rc, BF_OK, "%s", w->reply);
    json_t *j = why(w, "made[2024-01-01]", "upstream_failed", &k);
    cr_expect_str_eq(text(k, "remedy"), "it was cancelled: bfctl force bf-1 'load[2024-01-01]' runs it again");
    cr_expect_str_eq(text(k, "do"), "bfctl force bf-1 'load[2024-01-01]'");
    json_decref(j);
    j = why(w, "week[2024-01-01]", "upstream_failed", &k);
    cr_expect_str_eq(text(k, "do"), "bfctl why bf-1 'made[2024-01-01]'");
    json_decref(j);
    j = summary(w);
    cr_expect(strstr(text(cause(j, "upstream_failed"), "remedy"), "bfctl force bf-1"), "%s", text(cause(j, "upstream_failed"), "remedy"));
    json_decref(j);
    world_free(w);
}

Test(views_why, thousands_of_steps_that_need_the_same_are_asked_for_once)
{
    struct world *w = world_new();
    struct bf_buf plan = {0};
    bf_buf_put_str(&plan, "apiVersion: backfill/v1\nkind: Plan\nname: wide\npools: {a: {slots: 1}}\nsteps:\n");
    for (int i = 0; i < 10000; i++)
        bf_buf_printf(&plan, "  s%05d: {run: [echo], pool: a}\n", i);
    create(w, bf_buf_cstr(&plan));
    hello(w, 8);
    json_t *j = summary(w);
    for (int i = 0; i < 20 && !json_is_true(json_object_get(j, "complete")); i++) {
        json_decref(j);                          /* the machine took this one's time for another program */
        j = summary(w);
    }
    cr_expect(json_is_true(json_object_get(j, "complete")), "each step by itself takes longer than an answer may");
    cr_expect_eq(number(cause(j, "pool"), "holds"), 9999);
    json_decref(j);
    bf_buf_free(&plan);
    world_free(w);
}

/* A text may be cut within a sign; what is left has to be text still. */
Test(views_why, what_a_sensor_was_told_is_cut_between_signs)
{
    static const char plan[] =
        "apiVersion: backfill/v1\nkind: Plan\nname: waits\nconnections: {wh: {odbc: \"DSN=x\"}}\n"
        "datasets: {raw: {external: true, connection: wh}}\nsteps:\n  there: {sensor: {dataset: raw, every: 1m, timeout: 6h}}\n";
    struct world *w = world_new();
    const json_t *k;
    char told[OUTCOME_TEXT_MAX] = "";
    memset(told, 'x', 99);
    strcpy(told + 99, "\xe2\x82\xac and more");
    create(w, plan);
    hello(w, 8);
    end_first(w, OUTCOME_NOT_YET, 0, told);
    json_t *j = why(w, "there", "sensor", &k);
    cr_expect(strstr(text(k, "detail"), "xxx") != NULL, "%s", text(k, "detail"));
    json_decref(j);
    world_free(w);
}

/* Two plans in one pool: who goes first is told by name, but to a key that may not see the other plan. */
Test(views_why, a_key_with_scopes_is_told_of_another_backfill_and_not_which)
{
    static const char *const scopes[] = {"mine"};
    const struct key_entry scoped = {.plans = scopes, .n_plans = 1};
    static const char form[] = "apiVersion: backfill/v1\nkind: Plan\nname: %s\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-10}\n"
                               "pools: {a: {slots: 2}}\nsteps:\n  load: {run: [echo], pool: a, priority: %s}\n";
    char mine[512], others[512];
    struct world *w = world_new();
    const json_t *k;
    snprintf(mine, sizeof mine, form, "mine", "normal");
    snprintf(others, sizeof others, form, "others", "high");
    create(w, mine);
    create(w, others);
    hello(w, 8);
    json_t *j = why(w, "load[2024-01-05]", "queue", &k);
    cr_expect(strstr(text(k, "detail"), "bf-2 is next"), "%s", text(k, "detail"));
    json_decref(j);
    w->who = &scoped;
    j = why(w, "load[2024-01-05]", "queue", &k);
    cr_expect(strstr(text(k, "detail"), "another backfill is next"), "%s", text(k, "detail"));
    json_decref(j);
    world_free(w);
}

static void command(struct world *w, struct op_request *req, const char *name)
{
    static uint8_t id = 150;
    memset(req->id, ++id, sizeof req->id);
    req->name = name;
    turn_command(w->turns, operator_key, "ada", "admin", req, NULL, 0);
    run(w);
    cr_assert_eq(w->rc, BF_OK, "%s", w->reply);
}

/* Nothing that ends gives a slot back to a pool that has none: waiting is no advice. */
Test(views_why, a_pool_without_slots_is_stopped_and_not_full)
{
    struct world *w = world_new();
    const json_t *k;
    create(w, graph);
    struct op_request set = query(OP_POOL_SET);
    set.reason = "the reports run";
    command(w, &set, "warehouse");
    hello(w, 8);
    json_t *j = why(w, "load[2024-01-05]", "pool", &k);
    cr_expect_str_eq(text(k, "detail"), "pool warehouse is stopped: it has 0 slots, set by bfctl pool set, last by ada: the reports run");
    cr_expect_str_eq(text(k, "remedy"), "bfctl pool set warehouse --slots N, or --slots reset, which takes back what was set");
    json_decref(j);
    struct op_request reset = query(OP_POOL_SET);
    reset.reset = reset.pool.no_slots = true;
    command(w, &reset, "warehouse");
    j = why(w, "load[2024-01-05]", "pool", &k);
    cr_expect_str_eq(text(k, "detail"), "pool warehouse is full: 2 of 2 slots in use");
    json_decref(j);
    command(w, &set, "warehouse");
    j = why(w, "load[2024-01-05]", "pool", &k);
    cr_expect_str_eq(text(k, "detail"), "pool warehouse is stopped: it has 0 slots, set by bfctl pool set, last by ada: the reports run; "
                     "what runs there goes on to its end");
    json_decref(j);
    struct op_request show = query(OP_POOLS);
    show.name = "warehouse";
    j = ask(w, &show, BF_OK, NULL);
    k = json_array_get(json_object_get(j, "shares"), 0);
    cr_expect_eq(number(k, "used"), 2);
    cr_expect(json_is_null(json_object_get(k, "percent")), "two of none");
    json_decref(j);
    world_free(w);
}

/* The figure is one that people write, and what is too small stays so. */
Test(views_why, what_is_to_be_set_is_written_as_people_write_it)
{
    static const char plan[] = "apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-10}\n"
                               "pools: {a: {slots: 8, memory: 16Mi, io: 3Mi/s}}\n"
                               "steps: {s: {run: [echo], pool: a, resources: {memory: 16Mi, io: 2500Ki/s}}}\n";
    struct world *w = world_new();
    const json_t *k;
    create(w, plan);
    hello(w, 8);
    json_t *j = why(w, "s[2024-01-05]", "pool", &k);
    cr_expect_str_eq(text(k, "remedy"), "wait, or raise it: bfctl pool set a --memory 32Mi");
    cr_expect_str_eq(text(k, "do"), "bfctl pool set a --memory 32Mi");
    k = json_array_get(json_object_get(j, "blockers"), 1);
    cr_expect_str_eq(text(k, "do"), "bfctl pool set a --io 5000Ki/s");
    json_decref(j);
    struct op_request set = query(OP_POOL_SET);
    set.pool.no_slots = true;
    set.pool.memory_bytes = 8 << 20;
    command(w, &set, "a");
    j = why(w, "s[2024-01-05]", "pool_too_small", &k);
    cr_expect_str_eq(text(k, "remedy"), "raise it: bfctl pool set a --memory 16Mi");
    json_decref(j);
    world_free(w);
}

/* What a pool can have at most can be typed, and no more than that is advised. */
Test(views_why, what_is_to_be_set_is_never_more_than_a_pool_can_have)
{
    static const char form[] = "apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-10}\n"
                               "pools: {a: {slots: 8, cpu: 1000000}}\nsteps: {s: {run: [echo], pool: a, resources: {cpu: %s}}}\n";
    static const struct { const char *cpu, *remedy, *act; } rows[] = {
        {"1000000", "wait: no pool can have more", NULL}, {"500000.001", "wait: no pool can have more", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = world_new();
        const json_t *k;
        char plan[512];
        snprintf(plan, sizeof plan, form, rows[i].cpu);
        create(w, plan);
        hello(w, 8);
        json_t *j = why(w, "s[2024-01-05]", "pool", &k);
        cr_expect_str_eq(text(k, "remedy"), rows[i].remedy);
        cr_expect(json_is_null(json_object_get(k, "do")));
        json_decref(j);
        struct op_request set = query(OP_POOL_SET);
        set.pool.no_slots = true;
        set.pool.cpu_milli = 1;
        command(w, &set, "a");
        j = why(w, "s[2024-01-05]", "pool_too_small", &k);
        cr_expect(strstr(text(k, "do"), rows[i].cpu), "%s", text(k, "do"));
        json_decref(j);
        world_free(w);
    }
}

static void expect_ceiling(struct world *w, const char *detail, const char *remedy, const char *act)
{
    const json_t *k;
    json_t *j = why(w, "s[2024-01-09]", "throttle", &k);
    cr_expect(strstr(text(k, "detail"), detail), "%s", text(k, "detail"));
    cr_expect_eq(strstr(text(k, "detail"), "ceiling") != NULL, act != NULL, "%s", text(k, "detail"));
    cr_expect_str_eq(text(k, "remedy"), remedy);
    if (act)
        cr_expect_str_eq(text(k, "do"), act);
    else
        cr_expect(json_is_null(json_object_get(k, "do")));
    json_decref(j);
}

static void expect_ceiling_by(struct world *w, bool reached, const char *source, const char *of)
{
    struct op_request show = query(OP_POOLS);
    show.name = "wh";
    json_t *one = ask(w, &show, BF_OK, NULL), *t = json_object_get(one, "throttle"), *by = json_object_get(t, "ceiling_by");
    cr_expect_eq(json_is_true(json_object_get(t, "at_ceiling")), reached);
    cr_expect_str_eq(text(by, "source"), source);
    if (of)
        cr_expect_str_eq(text(by, "backfill"), of);
    else
        cr_expect(json_is_null(json_object_get(by, "backfill")));
    json_decref(one);
}

/* Where the load would bear more, waiting for it is no advice: the ceiling is told, whose it is, and what raises it. */
Test(views_why, a_ceiling_that_holds_what_waits_is_told_with_whose_it_is)
{
    static const char plan[] = "apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-09}\n"
                               "pools: {wh: {slots: 4, throttle: {algorithm: aimd, min: 2, max: 2}}}\nsteps: {s: {run: [echo], pool: wh}}\n";
    struct world *w = world_new();
    create(w, plan);
    hello(w, 8);
    expect_ceiling(w, "2 run, and 2 of its 4 slots may be used now, its ceiling by the plan of bf-1; its steps take",
                   "wait, or raise the ceiling: bfctl pool set wh --ceiling 3", "bfctl pool set wh --ceiling 3");
    expect_ceiling_by(w, true, "plan", "bf-1");
    struct op_request set = query(OP_POOL_SET);
    set.pool = (struct pool_budget){.no_slots = true, .ceiling = 3};
    command(w, &set, "wh");
    expect_ceiling(w, "2 run, and 2 of its 4 slots may be used now; its steps take",
                   "wait: the limit follows the load; bfctl pool show wh says why it is what it is", NULL);
    expect_ceiling_by(w, false, "operator", NULL);
    set.pool.floor = 3;
    command(w, &set, "wh");
    run(w);
    expect_ceiling(w, "3 run, and 3 of its 4 slots may be used now, its ceiling, set by bfctl pool set, last by ada; its steps take",
                   "wait, or raise the ceiling: bfctl pool set wh --ceiling 4; or --ceiling reset, which takes back what was set",
                   "bfctl pool set wh --ceiling 4");
    expect_ceiling_by(w, true, "operator", NULL);
    set.pool.floor = set.pool.ceiling = 4;
    command(w, &set, "wh");
    run(w);
    expect_ceiling_by(w, true, "slots", NULL);
    set.pool.floor = 1;
    set.pool.ceiling = 2;
    command(w, &set, "wh");
    expect_ceiling(w, "4 run, and 2 of its 4 slots may be used now, its ceiling, set by bfctl pool set, last by ada; its steps take",
                   "wait, or raise the ceiling: bfctl pool set wh --ceiling 4; or --ceiling reset, which takes back what was set",
                   "bfctl pool set wh --ceiling 4");
    world_free(w);
}

/* A limit that can neither rise nor fall: over the target it is the load that holds it, and a higher ceiling would not be used. */
Test(views_why, a_ceiling_is_not_blamed_for_what_the_load_holds)
{
    static const char plan[] = "apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-09}\n"
                               "connections: {db: {odbc: x, probe: {sql: select 1, target: 500ms, limit: 2s}}}\n"
                               "pools: {wh: {slots: 4, throttle: {algorithm: aimd, min: 2, max: 2}}}\n"
                               "steps: {s: {sql: {connection: db, transaction: true, text: select 1}, pool: wh}}\n";
    struct world *w = world_new();
    create(w, plan);
    hello(w, 8);
    run(w);
    cr_assert_neq(w->probe, 0);
    struct probe_reading read = {.id = w->probe, .readable = true, .value_us = 900000, .why = ""};
    turn_agent_message(w->turns, agent_key, &(struct agent_msg){.kind = AGENT_PROBED, .incarnation = 7, .nonce = 2, .text = "",
                                                                .probed = &read, .n_probed = 1}, w->boot_ms);
    run(w);
    expect_ceiling(w, "2 run, and 2 of its 4 slots may be used now; the probe of connection db reads 900ms",
                   "wait: the limit follows the load; bfctl pool show wh says why it is what it is", NULL);
    expect_ceiling_by(w, false, "plan", "bf-1");
    world_free(w);
}

static json_int_t expected_of(struct world *w, const char *step)
{
    struct op_request req = query(OP_WHY);
    req.backfill = 1;
    req.selectors = &step;
    req.n_selectors = 1;
    json_t *j = ask(w, &req, BF_OK, NULL), *ms = json_object_get(json_object_get(j, "annotations"), "expected_ms");
    cr_assert(json_is_null(ms) || json_is_integer(ms));
    json_int_t n = json_is_null(ms) ? -1 : json_integer_value(ms);
    json_decref(j);
    return n;
}

/* The median of what its attempts took, once there are five; before, what the plan says; and nothing that nobody said. */
Test(views_why, what_a_step_takes_is_told_of_its_profile)
{
    struct world *w = world_new();
    create(w, graph);
    hello(w, 8);
    cr_expect_eq(expected_of(w, "load[2024-01-05]"), 10000);
    cr_expect_eq(expected_of(w, "made[2024-01-05]"), -1, "a preset is no knowledge");
    for (int i = 0; i < 16; i++)
        end_first(w, OUTCOME_OK, 0, "");
    json_int_t ms = expected_of(w, "load[2024-01-10]");
    cr_expect(ms >= 4 && ms <= 6, "attempts take 5 ms, and not %lld", (long long)ms);
    world_free(w);
}

/* One that is quarantined is connected, and is not what is busy. */
Test(views_why, a_quarantined_agent_is_not_counted_among_the_busy)
{
    static const char plan[] = "apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-10}\n"
                               "steps: {s: {run: [echo]}}\n";
    static const uint8_t second_key[32] = {3};
    struct world *w = world_new();
    struct agent_msg m = {.kind = AGENT_HELLO, .incarnation = 8, .nonce = 2, .text = ""};
    const json_t *k;
    create(w, plan);
    hello(w, 1);
    json_t *j = why(w, "s[2024-01-05]", "agents_busy", &k);
    cr_expect_str_eq(text(k, "detail"), "every fitting agent is busy; 1 is connected");
    json_decref(j);
    m.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = "agent-2", .version = "0.1.0", .slots = 1, .fence = FENCE_WEAK,
                                   .boot_id = "00000000-0000-0000-0000-000000000000"};
    turn_agent_message(w->turns, second_key, &m, w->boot_ms);
    run(w);
    j = why(w, "s[2024-01-05]", "agents_busy", &k);
    cr_expect_str_eq(text(k, "detail"), "every fitting agent is busy; 2 are connected");
    json_decref(j);
    struct op_request hold = query(OP_BREAKER_OPEN);
    command(w, &hold, "agent/agent-2");
    j = why(w, "s[2024-01-05]", "agents_busy", &k);
    cr_expect_str_eq(text(k, "detail"), "every fitting agent is busy; of 2 connected, 1 is quarantined");
    json_decref(j);
    world_free(w);
}

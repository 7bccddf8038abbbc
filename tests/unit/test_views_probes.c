/* bfctl probes: a reading counts for the probe that it is of, and from when that was asked for. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "views_fixture.h"

static void create_probed(struct world *w, const char *name, const char *probe)
{
    char plan[512];
    snprintf(plan, sizeof plan, "apiVersion: backfill/v1\nkind: Plan\nname: %s\nconnections: {db: {odbc: x, probe: {%s}}}\n"
             "steps: {s: {sql: {connection: db, transaction: true, text: select 1}}}\n", name, probe);
    create(w, plan);
}

static struct world *begin(const char *probe)
{
    struct world *w = world_new();
    create_probed(w, "first", probe);
    hello(w, 8);
    run(w);
    cr_assert_neq(w->probe, 0);
    return w;
}

static void tell(struct world *w, uint32_t backfill, enum op_verb verb)
{
    static uint8_t id;
    struct op_request req = query(verb);
    memset(req.id, 200, sizeof req.id);
    req.id[0] = ++id;
    req.backfill = backfill;
    turn_command(w->turns, operator_key, "ada", "admin", &req, NULL, 0);
    run(w);
    cr_assert_eq(w->rc, BF_OK, "%s", w->reply);
}

static void read_now(struct world *w, int64_t value_us)
{
    struct probe_reading read = {.id = w->probe, .readable = value_us >= 0, .value_us = value_us >= 0 ? value_us : 0,
                                 .why = value_us >= 0 ? "" : "it gave NULL"};
    turn_agent_message(w->turns, agent_key, &(struct agent_msg){.kind = AGENT_PROBED, .incarnation = 7, .nonce = 2, .text = "",
                                                                .probed = &read, .n_probed = 1}, w->boot_ms);
    run(w);
}

static void expect_state(struct world *w, const char *state, size_t readable, double p95)
{
    struct op_request req = query(OP_PROBES);
    json_t *list = ask(w, &req, BF_OK, NULL);
    const json_t *row = json_array_get(list, 0);
    cr_assert_eq(json_array_size(list), 1u);
    cr_expect_str_eq(text(row, "state"), state);
    cr_expect_eq((size_t)number(row, "readable"), readable);
    cr_expect_eq(json_is_null(json_object_get(row, "age_ms")), strcmp(state, "waiting") == 0);
    if (readable > 0)
        cr_expect_float_eq(json_number_value(json_object_get(row, "p95")), p95, 1e-9);
    else
        cr_expect(json_is_null(json_object_get(row, "p50")) && json_is_null(json_object_get(row, "p95")));
    json_decref(list);
}

Test(views_probes, a_reading_of_before_it_was_asked_for_anew_does_not_count)
{
    struct world *w = begin("sql: select 1, every: 5s, target: 500ms, limit: 2s");
    expect_state(w, "waiting", 0, 0);
    read_now(w, -1);
    expect_state(w, "unreadable", 0, 0);
    tell(w, 1, OP_CANCEL);
    create_probed(w, "second", "sql: select 1, every: 5s, target: 500ms, limit: 2s");
    expect_state(w, "waiting", 0, 0);
    read_now(w, 90000);
    expect_state(w, "ok", 1, 90);
    tell(w, 2, OP_PAUSE);
    tell(w, 2, OP_RESUME);
    expect_state(w, "waiting", 0, 0);
    world_free(w);
}

Test(views_probes, a_reading_of_another_measure_does_not_count)
{
    struct world *w = begin("sql: select 4, measure: value, every: 5s, target: 5, limit: 20");
    create_probed(w, "second", "sql: select 4, every: 5s, target: 500ms, limit: 2s");
    create_probed(w, "third", "sql: select 5, every: 5s, target: 500ms, limit: 2s");
    read_now(w, 4000000);
    expect_state(w, "ok", 1, 4);
    tell(w, 1, OP_CANCEL);
    expect_state(w, "waiting", 0, 0);
    read_now(w, 90000);
    expect_state(w, "ok", 1, 90);
    tell(w, 2, OP_CANCEL);
    expect_state(w, "waiting", 0, 0);
    world_free(w);
}

/* It is asked for more often, under another id: what is measured is the same. */
Test(views_probes, a_reading_of_the_same_measure_counts_whoever_asks)
{
    struct world *w = begin("sql: select 1, every: 5s, target: 500ms, limit: 2s");
    uint64_t id = w->probe;
    read_now(w, 90000);
    create_probed(w, "second", "sql: select 1, every: 2s, target: 500ms, limit: 2s");
    cr_assert_neq(w->probe, id);
    expect_state(w, "ok", 1, 90);
    tell(w, 1, OP_CANCEL);
    expect_state(w, "ok", 1, 90);
    world_free(w);
}

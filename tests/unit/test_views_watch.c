/* The document of a screen, and what is said of progress: weights, rate, band, risk. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "views_fixture.h"

static json_t *watch(struct world *w, const char *name, const char *order, const char *step)
{
    struct op_request req = query(OP_WATCH);
    const char *selectors[] = {step};
    req.name = name;
    req.state = order;
    req.selectors = selectors;
    req.n_selectors = step != NULL;
    return ask(w, &req, BF_OK, NULL);
}

static const json_t *row(const json_t *j, size_t i)
{
    return json_array_get(json_object_get(json_object_get(j, "page"), "at"), i);
}

static void expect_wait(const json_t *j, size_t i, const char *kind, json_int_t count, const char *says)
{
    const json_t *wait = json_array_get(json_object_get(j, "waits"), i);
    cr_assert(wait, "%zu waits", json_array_size(json_object_get(j, "waits")));
    cr_expect_str_eq(text(wait, "kind"), kind, "%zu", i);
    cr_expect_eq(number(wait, "count"), count, "%zu: %lld", i, (long long)number(wait, "count"));
    cr_expect(strstr(text(wait, "detail"), says), "%zu: %s", i, text(wait, "detail"));
}

Test(views_watch, all_of_a_backfill_at_a_glance)
{
    struct world *w = world_new();
    create(w, plan_text);
    json_t *j = watch(w, "", "", NULL);
    cr_expect_str_eq(text(j, "id"), "bf-1");
    cr_expect(json_is_null(json_object_get(j, "rate")) && json_is_null(json_object_get(j, "eta")), "nothing has run");
    cr_expect_eq(number(json_object_get(j, "weight"), "total_ms"), 30000, "a second each, as the plan says nothing");
    cr_expect_eq(number(json_object_get(j, "weight"), "guessed_ms"), 30000);
    cr_expect_eq(number(json_object_get(j, "weight"), "done_ms"), 0);
    expect_wait(j, 0, "no_agent", 10, "no connected agent fits");
    expect_wait(j, 1, "dependency", 10, "wait for fct");
    expect_wait(j, 2, "dependency", 10, "wait for stg");
    json_decref(j);

    hello(w, 8);
    end_first(w, OUTCOME_OK, 0, "");
    end_first(w, OUTCOME_EXIT, 126, "exit status 126: \"broken\"");
    j = watch(w, "", "", NULL);
    const json_t *stg = row(j, 0), *failure = json_array_get(json_object_get(j, "failures"), 0);
    cr_expect_str_eq(text(stg, "step"), "stg");
    cr_expect_eq(number(stg, "succeeded"), 1);
    cr_expect_eq(number(stg, "failed"), 1);
    cr_expect_eq(number(stg, "mean_ms"), 5);
    cr_expect(json_is_null(json_object_get(row(j, 1), "mean_ms")), "none of fct has ended");
    cr_expect_str_eq(text(failure, "partition"), "2024-01-02");
    cr_expect_str_eq(text(failure, "text"), "exit status 126: \"broken\"");
    cr_expect_eq(number(json_object_get(j, "risk"), "failed_steps"), 1);
    /* What has run took 5 ms; of fct and end, of which none has, the plan says nothing. */
    const json_t *weight = json_object_get(j, "weight"), *eta = json_object_get(j, "eta"), *rate = json_object_get(j, "rate");
    cr_expect_eq(number(weight, "done_ms"), 5);
    cr_expect_eq(number(weight, "total_ms"), 150);
    cr_expect_eq(number(weight, "guessed_ms"), 90, "of fct and end nine each can still run: %lld", (long long)number(weight, "guessed_ms"));
    cr_expect(json_is_null(rate) && json_is_null(eta), "one has ended: that is no rate");
    json_decref(j);
    end_first(w, OUTCOME_OK, 0, "");
    end_first(w, OUTCOME_OK, 0, "");
    j = watch(w, "", "", NULL);
    eta = json_object_get(j, "eta");
    cr_expect_gt(number(json_object_get(j, "rate"), "window_ms"), 0);
    cr_expect_leq(number(eta, "low_ms"), number(eta, "high_ms"));
    cr_expect_geq(number(eta, "low_ms"), 15 / 2, "half of the chain, most of which is guessed");
    cr_expect_eq(number(eta, "chain_ms"), 15);
    json_decref(j);

    const char *one[] = {"fct[2024-01-10]"};
    struct op_request hold = query(OP_PAUSE);
    hold.id[0] = 77;
    hold.selectors = one;
    hold.n_selectors = 1;
    turn_command(w->turns, operator_key, "ada", "admin", &hold, NULL, 0);
    run(w);
    cr_assert_eq(w->rc, BF_OK, "%s", w->reply);
    j = watch(w, "", "", NULL);
    cr_expect(json_is_object(json_object_get(j, "rate")), "it goes on");
    cr_expect(json_is_null(json_object_get(j, "eta")), "somebody must let go what is held");
    json_decref(j);
    struct op_request why = query(OP_WHY);
    why.selectors = (const char *[]){"end[2024-01-10]"};
    why.n_selectors = 1;
    j = ask(w, &why, BF_OK, NULL);
    cr_expect(strstr(text(j, "summary"), "fct[2024-01-10], which is held"), "%s", text(j, "summary"));
    json_decref(j);
    world_free(w);
}

/* The band holds the end that a fleet of the same parallelism comes to, and narrows to nothing. */
Test(views_watch, the_band_holds_the_end)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: even\npartitions: {grain: day, from: 2024-01-01, to: 2024-02-09}\n"
              "steps:\n  a: {run: [echo]}\n  b: {run: [echo], needs: [a]}\n");
    hello(w, 2);
    int64_t ends[80], low[80], high[80];
    size_t n = 0, known = 0;
    for (; n < 80 && w->n_held; n++) {
        end_first(w, OUTCOME_OK, 0, "");
        ends[n] = w->wall_us;
        json_t *j = watch(w, "", "", NULL);
        const json_t *eta = json_object_get(j, "eta");
        low[n] = json_is_object(eta) ? number(eta, "low_ms") : -1;
        high[n] = json_is_object(eta) ? number(eta, "high_ms") : -1;
        json_decref(j);
    }
    cr_assert_eq(n, 80);
    for (size_t i = 0; i + 1 < n; i++) {
        int64_t left_ms = (ends[n - 1] - ends[i]) / 1000;
        known += low[i] >= 0;
        if (low[i] >= 0)
            cr_expect(low[i] <= left_ms + left_ms / 4 + 20 && high[i] + 20 >= left_ms - left_ms / 4, "%zu: %lld in %lld..%lld", i,
                      (long long)left_ms, (long long)low[i], (long long)high[i]);
    }
    cr_expect_gt(known, 70, "%zu", known);
    cr_expect_eq(low[n - 1], -1, "it has ended");
    world_free(w);
}

Test(views_watch, a_chain_of_a_step_on_itself_bounds_the_end)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: chain\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-20}\nsteps:\n"
              "  a: {run: [echo], expect: {duration: 2s}}\n  b: {run: [echo], needs: [{a: same}, {b: previous "
              "1}], expect: {duration: 10s}}\n");
    hello(w, 8);
    json_t *j = watch(w, "", "", NULL);
    cr_expect(json_is_null(json_object_get(j, "eta")));
    json_decref(j);
    for (int i = 0; i < 3; i++)
        end_first(w, OUTCOME_OK, 0, "");
    j = watch(w, "", "", NULL);
    cr_expect_eq(number(json_object_get(j, "eta"), "chain_ms"), 5 + 20 * 10000, "one of a, then each of b after the one before");
    cr_expect_geq(number(json_object_get(j, "eta"), "low_ms"), 100000, "guessed: half of it at least");
    cr_expect_eq(number(json_object_get(j, "weight"), "total_ms"), 20 * 5 + 20 * 10000);
    json_decref(j);
    world_free(w);
}

Test(views_watch, a_narrow_pool_bounds_the_end)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: narrow\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-20}\npools: {one: "
              "{slots: 1}}\nsteps:\n  a: {run: [echo]}\n  b: {run: [echo], pool: one, needs: [a], expect: {duration: 1h}}\n");
    hello(w, 8);
    for (int i = 0; i < 3; i++)
        end_first(w, OUTCOME_OK, 0, "");
    json_t *j = watch(w, "", "", NULL), *eta = json_object_get(j, "eta");
    cr_expect_geq(number(eta, "low_ms"), 10 * 3600000, "guessed: half of twenty hours at least: %lld", (long long)number(eta, "low_ms"));
    cr_expect_geq(number(eta, "high_ms"), 20 * 3600000);
    json_decref(j);
    world_free(w);
}

Test(views_watch, deadlines_that_will_be_missed_are_told)
{
    struct world *w = world_new();                             /* it is 2024-01-01 00:00 */
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: late\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-10, timezone: "
              "UTC}\nsteps:\n  past: {run: [echo], deadline: \"2023-12-01T00:00\"}\n"
              "  soon: {run: [echo], needs: [past], expect: {duration: 2h}, deadline: \"2024-01-01T01:00\"}\n"
              "  fine: {run: [echo], needs: [soon], deadline: \"2024-01-01T06:00\"}\n");
    json_t *j = watch(w, "", "", NULL);
    const json_t *list = json_object_get(json_object_get(j, "risk"), "deadlines");
    cr_assert_eq(json_array_size(list), 2);
    cr_expect_str_eq(text(json_array_get(list, 0), "name"), "past");
    cr_expect_str_eq(text(json_array_get(list, 0), "risk"), "missed");
    cr_expect_str_eq(text(json_array_get(list, 1), "name"), "soon");
    cr_expect_str_eq(text(json_array_get(list, 1), "risk"), "will be missed");
    json_decref(j);
    world_free(w);
}

/* A sign of three bytes stands over the cut. */
Test(views_watch, a_long_text_of_a_failure_is_cut_between_signs)
{
    struct world *w = world_new();
    char long_text[500];
    memset(long_text, 'x', sizeof long_text - 1);
    memcpy(long_text + 398, "\xe2\x82\xac", 3);
    long_text[sizeof long_text - 1] = '\0';
    create(w, plan_text);
    hello(w, 8);
    end_first(w, OUTCOME_EXIT, 126, long_text);
    json_t *j = watch(w, "", "", NULL);
    const char *shown = text(json_array_get(json_object_get(j, "failures"), 0), "text");
    cr_expect_eq(strlen(shown), 398u, "%s", shown);
    cr_expect_null(strchr(shown, '\xe2'));
    json_decref(j);
    world_free(w);
}

Test(views_watch, steps_are_sorted_filtered_and_opened)
{
    struct world *w = world_new();
    char error[256];
    create(w, plan_text);
    hello(w, 8);
    end_first(w, OUTCOME_EXIT, 126, "no");
    static const struct { const char *name, *order, *first; size_t n; } cases[] = {
        {"", "", "stg", 3}, {"", "order", "stg", 3}, {"", "name", "end", 3}, {"", "worst", "stg", 3}, {"t", "name", "fct", 2},
        {"zzz", "", "", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *j = watch(w, cases[i].name, cases[i].order, NULL);
        cr_expect_eq((size_t)number(json_object_get(j, "page"), "total"), cases[i].n, "case %zu", i);
        cr_expect_str_eq(cases[i].n ? text(row(j, 0), "step") : "", cases[i].first, "case %zu", i);
        json_decref(j);
    }
    json_t *j = watch(w, "", "", "stg"), *step = json_object_get(j, "step");
    cr_expect_null(json_object_get(j, "page"));
    cr_expect_str_eq(text(step, "states"), "xooooooooo", "%s", text(step, "states"));
    cr_expect_str_eq(text(step, "first"), "2024-01-01");
    cr_expect_str_eq(text(step, "last"), "2024-01-10");
    json_decref(j);
    struct op_request req = query(OP_WATCH);
    req.state = "size";
    ask(w, &req, BF_INVALID, error);
    cr_expect(strstr(error, "there are order, worst and name"), "%s", error);
    const char *unknown[] = {"sgt"};
    req = query(OP_WATCH);
    req.selectors = unknown;
    req.n_selectors = 1;
    ask(w, &req, BF_NOT_FOUND, error);
    cr_expect(strstr(error, "no step sgt"), "%s", error);
    world_free(w);
}

/* Of this thread: other programs of the machine do not count. */
static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void create_large(struct world *w)
{
    struct bf_buf plan = {0};
    bf_buf_put_str(&plan, "apiVersion: backfill/v1\nkind: Plan\nname: large\npartitions: {grain: day, from: "
                          "2021-01-01, to: 2023-09-27}\nsteps:\n");
    for (int i = 0; i < 1000; i++) {
        bf_buf_printf(&plan, "  a_step_with_a_long_name_%04d: {run: [echo]", i);
        if (i > 0)
            bf_buf_printf(&plan, ", needs: [a_step_with_a_long_name_%04d]", i - 1);
        bf_buf_put_str(&plan, "}\n");
    }
    create(w, bf_buf_cstr(&plan));
    bf_buf_free(&plan);
}

/* A million instances: small answers, each after a little counting; what is not counted yet says so. */
Test(views_watch, a_million_instances_are_counted_in_slices)
{
    enum { ASKED = 200 };
    struct world *w = world_new();
    struct views_cache *cache = views_cache_new();
    struct bf_error err;
    int64_t took_us[ASKED];
    size_t most = 0, first_whole = ASKED;
    create_large(w);
    hello(w, 8);
    for (size_t i = 0; i < ASKED; i++) {
        struct view_source v = {.engine = turn_engine(w->turns), .cluster = "c1", .wall_us = w->wall_us, .seq = i, .cache = cache,
                                .engine_ms = turn_engine_ms(w->turns, w->boot_ms)};
        struct op_request req = query(OP_WATCH);
        const char *step[] = {"a_step_with_a_long_name_0500"};
        struct bf_buf b = {0};
        req.selectors = step;
        req.n_selectors = i % 4 == 3;
        int64_t began_us = cpu_us();
        cr_assert_eq(views_answer(&v, &req, &b, &err), BF_OK, "%s", err.text);
        took_us[i] = cpu_us() - began_us;
        most = b.len > most ? b.len : most;
        json_t *j = json_loadb((const char *)b.data, b.len, 0, NULL);
        bool whole = json_is_true(json_object_get(j, "counted"));
        cr_expect_eq(json_is_null(json_object_get(j, "weight")), !whole);
        if (whole && first_whole == ASKED)
            first_whole = i;
        if (whole)
            cr_expect_eq(number(json_object_get(j, "weight"), "total_ms"), 1000000000);
        json_decref(j);
        bf_buf_free(&b);
    }
    qsort(took_us, ASKED, sizeof *took_us, by_value);
    fprintf(stderr, "1,000,000 instances: %zu bytes at most, median %lld us, p99 %lld us of cpu; counted after %zu answers\n", most,
            (long long)took_us[ASKED / 2], (long long)took_us[ASKED * 99 / 100], first_whole + 1);
    cr_expect_lt(most, 100000);
    cr_expect_lt(first_whole, ASKED, "it was never counted to the end");
    views_cache_free(cache);
    world_free(w);
}

/* The state still has it as connected: what this process told it counts. */
Test(views_watch, an_agent_that_was_refused_is_not_connected)
{
    struct world *w = world_new();
    create(w, plan_text);
    hello(w, 8);
    json_t *j = watch(w, "", "", NULL);
    cr_expect_eq(number(json_object_get(j, "agents"), "connected"), 1);
    cr_expect_eq(number(json_object_get(j, "agents"), "refused"), 0);
    json_decref(j);
    w->refusal = "its protocol is not spoken here";
    j = watch(w, "", "", NULL);
    const json_t *agents = json_object_get(j, "agents");
    cr_expect_eq(number(agents, "connected"), 0);
    cr_expect_eq(number(agents, "refused"), 1);
    cr_expect_eq(number(agents, "slots"), 0);
    cr_expect(json_is_integer(json_object_get(agents, "prefetched")));
    cr_expect_str_eq(text(json_array_get(json_object_get(agents, "at"), 0), "state"), "refused");
    json_decref(j);
    struct op_request req = query(OP_STATUS);
    j = ask(w, &req, BF_OK, NULL);
    cr_expect_eq(number(json_object_get(j, "agents"), "connected"), 0);
    cr_expect_eq(number(json_object_get(j, "agents"), "slots"), 0);
    json_decref(j);
    req = query(OP_AGENTS);
    j = ask(w, &req, BF_OK, NULL);
    cr_expect_str_eq(text(json_array_get(j, 0), "state"), "refused");
    json_decref(j);
    world_free(w);
}

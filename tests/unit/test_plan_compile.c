/* What a compiled plan holds, the options of a backfill, limits, speed, and the files that a plan names. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "test_plan_support.h"

#define HEAD "apiVersion: backfill/v1\nkind: Plan\nname: p\n"
#define DAYS "partitions: {grain: day, from: 2024-01-01, to: 2024-01-31}\n"
#define GOOD BF_SOURCE_DIR "/tests/unit/plans/good"

static const struct plan_step *step_of(const struct plan *p, const char *name)
{
    uint32_t at = plan_find_step(p, name);
    cr_assert_neq(at, PLAN_NO_INDEX, "no step %s", name);
    return &p->steps[at];
}

Test(plan_compile, header)
{
    struct compiled c = compile_file(GOOD, "everything.yaml");
    const struct plan *p = c.plan;
    cr_assert_not_null(p, "%s", (char *)c.said.data);
    cr_expect_str_eq(p->name, "orders-rebuild");
    cr_expect_str_eq(p->words.description, "Rebuild order facts.");
    cr_expect_str_eq(p->words.owner, "analytics-eng");
    cr_expect_str_eq(p->sensitivity, "restricted");
    cr_expect_str_eq(p->change_ticket, "DATA-4211");
    cr_expect_eq(p->grain, PLAN_DAY);
    cr_expect_eq(p->from_s, 19723 * INT64_C(86400));
    cr_expect_eq(p->until_s, p->from_s + 366 * INT64_C(86400));
    cr_expect_eq(p->partitions[PLAN_DAY].n, 366);
    cr_expect_eq(p->n_pools, 1);
    cr_expect_eq(p->pools[0].slots, 12);
    cr_expect_eq(p->n_connections, 1);
    cr_expect_str_eq(p->connections[0].odbc, "Driver=PostgreSQL;Server=${env:HOST};UID=u;PWD=${env:PASSWORD}");
    cr_expect_eq(p->n_datasets, 4);
    cr_expect(p->datasets[0].external && !p->datasets[1].external);
    cr_expect_str_eq(p->datasets[1].partition_column, "order_date");
    cr_expect_eq(p->datasets[3].connection, 0);
    compiled_done(&c);
}

/* Defaults reach a step key by key; its own keys win. */
Test(plan_compile, policy)
{
    struct compiled c = compile_file(GOOD, "everything.yaml");
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    const struct plan_step *stg = step_of(c.plan, "stg_orders"), *fx = step_of(c.plan, "fx_rates"), *rev = step_of(c.plan, "revenue");
    cr_expect_eq(stg->priority, PLAN_CRITICAL);
    cr_expect_eq(fx->priority, PLAN_HIGH);
    cr_expect_eq(stg->retry.max_attempts, 4);
    cr_expect_eq(fx->retry.max_attempts, 2);
    cr_expect_eq(fx->retry.initial_ms, 5000);
    cr_expect_eq(fx->retry.max_ms, 600000);
    cr_expect_eq(fx->retry.factor_milli, 2000);
    cr_expect_eq(fx->timebox_ms, 3600000);
    cr_expect_eq(fx->timebox_then, PLAN_KILL_AND_FAIL);
    cr_expect_eq(rev->timebox_then, PLAN_KILL_AND_RETRY);
    cr_expect_eq(stg->expect_ms, 40000);
    cr_expect_eq(rev->expect_ms, 1000);
    cr_expect_eq(rev->pool, 0);
    cr_expect(fx->wait_for_fence && !rev->wait_for_fence);
    cr_expect_str_eq(rev->words.why, "finance closes on this table");
    cr_expect_str_eq(rev->words.owner, "finance");
    cr_expect_str_eq(rev->words.description, "the fact");
    cr_expect(rev->transaction && rev->kind == PLAN_SQL && rev->connection == 0);
    compiled_done(&c);
}

Test(plan_compile, presets)
{
    struct compiled c = compile_text(HEAD "steps:\n  a: {noop: true}\n  b: {run: [x]}\n  c: {run: [x], retry: {backoff: {max: 1s}}}\n");
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    const struct plan_step *a = &c.plan->steps[0], *b = &c.plan->steps[1];
    cr_expect_eq(a->expect_ms, 0);
    cr_expect_eq(b->expect_ms, 1000);
    cr_expect_eq(b->priority, PLAN_NORMAL);
    cr_expect_eq(b->pool, PLAN_NO_INDEX);
    cr_expect_eq(b->timebox_ms, 0);
    cr_expect_eq(b->retry.max_attempts, 1);
    cr_expect_eq(c.plan->steps[2].retry.initial_ms, 1000, "a cap under the preset start holds for the start");
    cr_expect_eq(plan_find_step(c.plan, "nothing"), PLAN_NO_INDEX);
    cr_expect_eq(a->mark.line, 5);
    cr_expect_eq(a->mark.column, 3);
    compiled_done(&c);
}

Test(plan_compile, run_env_and_labels)
{
    struct compiled c = compile_file(GOOD, "kinds.yaml");
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    const struct plan_step *r = step_of(c.plan, "r");
    static const char *const wanted[] = {"close", "test", "--day=2024-01-31", "{{.Names}}", "5", "true"};
    const char *names[] = {"ledger", "empty"}, *values[] = {"test", ""};
    struct template_values v = {.partitions = r->partitions, .index = 30, .params = names, .param_values = values, .n_params = 2};
    cr_assert_eq(r->n_argv, 6);
    for (size_t i = 0; i < 6; i++) {
        struct bf_buf b = {0};
        template_render(&r->argv[i], &v, &b);
        cr_expect_str_eq(bf_buf_cstr(&b), wanted[i]);
        bf_buf_free(&b);
    }
    cr_assert_eq(r->n_env, 3);
    cr_expect_str_eq(r->env[0].name, "DAY");
    cr_expect_str_eq(r->env[1].name, "EMPTY");
    cr_assert_eq(r->n_labels, 2);
    cr_expect_str_eq(r->labels[0].name, "egress");
    cr_expect_str_eq(r->labels[0].value, "yes");
    cr_expect_str_eq(r->labels[1].name, "zone");
    cr_expect_gt(step_of(c.plan, "f")->sql.n, 1, "the file's text is compiled");
    compiled_done(&c);
}

/* ---- options ---- */

static struct compiled compile_options(const char *text, const struct plan_options *o)
{
    struct compiled c;
    compiled_init(&c, text);
    compile(&c, o);
    return c;
}

Test(plan_compile, options_change_the_range)
{
    struct plan_options o = {.from = "2024-02-01", .to = "2024-03-31"};
    struct compiled c = compile_options(HEAD DAYS "steps:\n  a: {noop: true}\n  m: {noop: true, partitions: {grain: month}}\n", &o);
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    cr_expect_eq(c.plan->partitions[PLAN_DAY].n, 60);
    cr_expect_eq(c.plan->steps[1].partitions->n, 2);
    compiled_done(&c);
}

Test(plan_compile, options_refused)
{
    static const struct plan_param unknown = {"legder", "x"}, latin = {"ledger", "M\xfcller"};
    static const struct { struct plan_options o; const char *text, *wanted; } cases[] = {
        {{.from = "2024-01-32"}, HEAD DAYS "steps: {a: {noop: true}}\n", "plan.yaml: error: --from must be a real date"},
        {{.to = "2023-12-31"}, HEAD DAYS "steps: {a: {noop: true}}\n",
         "plan.yaml: error: the range is empty: `from` 2024-01-01 is after --to 2023-12-31 (both"},
        {{.from = "2024-02-05"}, HEAD DAYS "steps: {a: {noop: true}}\n",
         "plan.yaml: error: the range is empty: --from 2024-02-05 is after `to` 2024-01-31 (both"},
        {{.from = "2024-02-05", .to = "2024-02-04"}, HEAD DAYS "steps: {a: {noop: true}}\n",
         "--from 2024-02-05 is after --to 2024-02-04 (both"},
        {{.from = "2024-01-02"}, HEAD DAYS "steps: {a: {noop: true, partitions: {grain: month}}}\n",
         "plan.yaml: error: step `a` has grain month, and the range of --from 2024-01-02 and `to` 2024-01-31 covers a month only in part\n"
         "    fix: give --from 2024-01-01 --to 2024-01-31, or say `partial: allow`"},
        {{.from = "2024-01-01"}, HEAD "steps: {a: {noop: true}}\n", "but the plan has no partitions"},
        {{.to = "2024-01-01"}, HEAD "partitions: {grain: none}\nsteps: {a: {noop: true}}\n", "but the plan has no partitions"},
        {{.params = &unknown, .n_params = 1}, HEAD "params: {ledger: a}\nsteps: {a: {noop: true}}\n", "did you mean `ledger`?"},
        {{.params = &unknown, .n_params = 1}, HEAD "steps: {a: {noop: true}}\n", "the plan declares none of that name"},
        {{.params = &latin, .n_params = 1}, HEAD "params: {ledger: a}\nsteps: {a: {noop: true}}\n", "`ledger` is not UTF-8 text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct compiled c = compile_options(cases[i].text, &cases[i].o);
        cr_expect_null(c.plan, "case %zu is accepted", i);
        cr_expect_not_null(strstr((char *)c.said.data, cases[i].wanted), "case %zu: %s", i, (char *)c.said.data);
        if (cases[i].o.from || cases[i].o.to)
            cr_expect_null(strchr((char *)c.said.data, '^'), "case %zu points into the document: %s", i, (char *)c.said.data);
        compiled_done(&c);
    }
}

Test(plan_compile, options_set_params)
{
    static const struct plan_param set = {"ledger", "test"};
    struct plan_options o = {.params = &set, .n_params = 1};
    struct compiled c = compile_options(HEAD "params: {ledger: main, other: x}\nsteps: {a: {noop: true}}\n", &o);
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    cr_expect_str_eq(c.plan->params[0].value, "test");
    cr_expect_str_eq(c.plan->params[1].value, "x");
    compiled_done(&c);
}

/* A range that only the options give. */
Test(plan_compile, options_give_the_range)
{
    struct plan_options o = {.from = "2024-01", .to = "2024-12"};
    struct compiled c = compile_options(HEAD "partitions: {grain: month}\nsteps: {a: {noop: true}}\n", &o);
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    cr_expect_eq(c.plan->n_instances, 12);
    compiled_done(&c);
}

/* ---- files ---- */

Test(plan_compile, wanted_files)
{
    struct plan_file held = {(char *)"sql/b.sql", (char *)"select 1", 8};
    const char *text = HEAD "steps:\n  a: {sql: {file: sql/a.sql}}\n  b: {sql: {file: sql/b.sql}}\n  c: {sql: {file: sql/a.sql}}\n"
                            "  d: {sql: {file: ../x.sql}}\n  e: {sql: {file: /x.sql}}\n  f: {sql: {file: [x]}}\n  g: "
                            "1\n  h: {sql: {file: c.sql}}\n";
    struct plan_source source = {.name = (char *)"p", .text = (char *)text, .text_len = strlen(text), .files = &held, .n_files = 1};
    char **paths;
    size_t n;
    plan_source_wanted(&source, &paths, &n);
    cr_assert_eq(n, 2);
    cr_expect_str_eq(paths[0], "sql/a.sql");
    cr_expect_str_eq(paths[1], "c.sql");
    free(paths[0]);
    free(paths[1]);
    free(paths);
    source.text_len -= 3;
    source.text = (char *)"steps: {a: {sql: {file: x.sql}";
    source.text_len = strlen(source.text);
    plan_source_wanted(&source, &paths, &n);
    cr_expect_eq(n, 0, "a malformed document wants nothing");
    free(paths);
}

/* ---- limits ---- */

static void put_chain(struct bf_buf *b, size_t n, bool closed)
{
    bf_buf_put_str(b, HEAD DAYS "datasets: {raw: {external: true}");
    for (size_t i = 0; i < n; i++)
        bf_buf_printf(b, ", mart.%zu: {}", i);
    bf_buf_put_str(b, "}\nsteps:\n");
    for (size_t i = 0; i < n; i++) {
        bf_buf_printf(b, "  step_%zu: {run: [echo, \"{{ partition.date }}\", \"{{ dataset.mart.%zu }}\"], ", i, i);
        if (i > 0)
            bf_buf_printf(b, "inputs: [raw, mart.%zu], outputs: [mart.%zu], needs: [{step_%zu: same}]}\n", i - 1, i, i - 1);
        else if (closed)
            bf_buf_printf(b, "outputs: [mart.0], needs: [step_%zu]}\n", n - 1);
        else
            bf_buf_put_str(b, "inputs: [raw], outputs: [mart.0]}\n");
    }
    bf_buf_cstr(b);
}

/* Steps in the reverse of their order, so that nothing is ready when it is read. */
Test(plan_compile, ten_thousand_steps)
{
    struct bf_buf b = {0};
    put_chain(&b, PLAN_STEPS_MAX, false);
    struct compiled c = compile_text((char *)b.data);
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    cr_expect_eq(c.plan->n_instances, 310000);
    cr_expect_eq(c.plan->order[9999], 9999);
    compiled_done(&c);
    bf_buf_free(&b);
}

/* A cycle through every step neither overflows the stack nor loses its names. */
Test(plan_compile, cycle_of_ten_thousand)
{
    struct bf_buf b = {0};
    put_chain(&b, PLAN_STEPS_MAX, true);
    struct compiled c = compile_text((char *)b.data);
    cr_assert_null(c.plan);
    cr_expect_eq(c.d.n_errors, 1, "%s", (char *)c.said.data);
    cr_expect_not_null(strstr((char *)c.said.data, "cycle: `step_0` needs `step_9999` needs `step_9998` needs"));
    cr_expect_not_null(strstr((char *)c.said.data, "(10000 steps in all) needs `step_0`"));
    compiled_done(&c);
    bf_buf_free(&b);
}

Test(plan_compile, cycle_in_notes)
{
    struct bf_buf b = {0};
    put_chain(&b, 200, true);
    struct compiled c = compile_text((char *)b.data);
    cr_expect_null(c.plan);
    for (size_t i = 0; i < 200; i++) {
        BF_AUTO_FREE char *name = bf_xasprintf("`step_%zu` needs", i);
        cr_expect_not_null(strstr((char *)c.said.data, name), "%s is not told", name);
    }
    compiled_done(&c);
    bf_buf_free(&b);
}

Test(plan_compile, too_many_steps)
{
    struct bf_buf b = {0};
    put_chain(&b, PLAN_STEPS_MAX + 1, false);
    struct compiled c = compile_text((char *)b.data);
    cr_expect_null(c.plan);
    cr_expect_not_null(strstr((char *)c.said.data, "the plan has 10001 steps: the limit of steps in a plan is 10000"));
    compiled_done(&c);
    bf_buf_free(&b);
}

/* Errors past the last one that is kept are still counted. */
Test(plan_compile, ten_thousand_errors)
{
    struct bf_buf b = {0};
    bf_buf_put_str(&b, HEAD "steps:\n");
    for (size_t i = 0; i < PLAN_STEPS_MAX; i++)
        bf_buf_printf(&b, "  some_long_step_name_%zu: {noop: true, needs: [some_lung_step_name_%zu], prioriti: high}\n", i, i);
    struct compiled c = compile_text(bf_buf_cstr(&b));
    cr_expect_null(c.plan);
    cr_expect_eq(c.d.n_errors, 2 * PLAN_STEPS_MAX);
    cr_expect_eq(c.d.n, BF_DIAG_MAX);
    compiled_done(&c);
    bf_buf_free(&b);
}

/* What a step becomes with its values must fit into one message: a plan that passes here can be dispatched. */
Test(plan_compile, too_long_with_its_values)
{
    static const struct { const char *before, *each; unsigned n; const char *after, *said; } cases[] = {
        {"a: {run: [echo, \"", "{{ params.x }}", 17, "\"]}", "an argument of run is too long with its values"},
        {"a: {run: [echo, \"", "{{ run.id }}", 65, "\"]}", "an argument of run is too long with its values"},
        {"a: {run: [echo", ", \"{{ params.x }}\"", 70, "]}", "`run` is too long with its values"},
        {"a: {run: [echo], env: {A: \"", "{{ params.x }}", 17, "\"}}", "A is too long with its values"},
        {"a: {sql: {connection: c, transaction: true, text: \"select 1", ", {{ params.x }}", 140, "\"}}",
         "`sql` is too long with its values"},
        {"a: {sql: {connection: c, transaction: true, text: \"select 1", ", {{ params.y }}", 2100, "\"}}",
         "`sql` has too many expressions"},
        {"a: {run: [echo, \"", "{{ params.x }}", 15, "\"]}", NULL},
        {"a: {sql: {connection: c, transaction: true, text: \"select 1", ", {{ params.y }}", 2000, "\"}}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_buf b = {0};
        bf_buf_put_str(&b, HEAD "connections: {c: {odbc: \"${env:X}\"}}\nparams: {y: z, x: ");
        for (unsigned k = 0; k < 4000; k++)
            bf_buf_put_str(&b, "x");
        bf_buf_printf(&b, "}\nsteps:\n  %s", cases[i].before);
        for (unsigned k = 0; k < cases[i].n; k++)
            bf_buf_put_str(&b, cases[i].each);
        bf_buf_printf(&b, "%s\n", cases[i].after);
        struct compiled c = compile_text(bf_buf_cstr(&b));
        cr_expect_eq(c.plan == NULL, cases[i].said != NULL, "case %zu: %s", i, (char *)c.said.data);
        if (cases[i].said)
            cr_expect_not_null(strstr((char *)c.said.data, cases[i].said), "case %zu says %s", i, (char *)c.said.data);
        compiled_done(&c);
        bf_buf_free(&b);
    }
}

/* Steps that name one file have its text each: a plan of 3 KB would else become one of gigabytes. */
Test(plan_compile, scripts_together)
{
    enum { FILE_BYTES = 500 << 10, FIT = 65 };
    for (unsigned n = FIT; n <= FIT + 2; n++) {
        struct bf_buf b = {0};
        struct compiled c;
        bf_buf_put_str(&b, HEAD "connections: {c: {odbc: \"${env:X}\"}}\nsteps:\n");
        for (unsigned i = 0; i < n; i++)
            bf_buf_printf(&b, "  s%u: {sql: {connection: c, transaction: true, file: q.sql}}\n", i);
        compiled_init(&c, bf_buf_cstr(&b));
        c.source.files = bf_xcalloc(1, sizeof *c.source.files);
        c.source.files[0] = (struct plan_file){.path = bf_xstrdup("q.sql"), .text = bf_xcalloc(1, FILE_BYTES + 1), .text_len = FILE_BYTES};
        c.source.n_files = 1;
        memset(c.source.files[0].text, 'x', FILE_BYTES);
        compile(&c, NULL);
        cr_expect_eq(c.plan != NULL, n == FIT, "%u steps: %.300s", n, (char *)c.said.data);
        cr_expect_eq(c.d.n_errors, n > FIT, "told once");
        cr_expect_eq(strstr(bf_buf_cstr(&c.said), "the scripts of the steps have more than 33554432 bytes together") != NULL, n > FIT);
        compiled_done(&c);
        bf_buf_free(&b);
    }
}

Test(plan_compile, too_many_variables)
{
    struct bf_buf b = {0};
    bf_buf_put_str(&b, HEAD "steps:\n  a:\n    run: [env]\n    env:\n");
    for (unsigned i = 0; i < 1001; i++)
        bf_buf_printf(&b, "      V%u: x\n", i);
    struct compiled c = compile_text(bf_buf_cstr(&b));
    cr_expect_not_null(strstr((char *)c.said.data, "`env` has 1001 items: it takes at most 1000"), "%s", (char *)c.said.data);
    compiled_done(&c);
    bf_buf_free(&b);
}

/* Every prefix of a full document is refused or accepted, never worse. */
Test(plan_compile, every_prefix)
{
    struct compiled whole = compile_file(GOOD, "everything.yaml");
    for (size_t len = 0; len < whole.source.text_len; len += 3) {
        BF_AUTO_FREE char *text = bf_xstrndup(whole.source.text, len);
        struct compiled c = compile_text(text);
        cr_expect(c.plan || c.d.n_errors > 0);
        compiled_done(&c);
    }
    compiled_done(&whole);
}

/* Upstream first, for every good plan. */
Test(plan_compile, order_is_upstream_first)
{
    char **names;
    size_t n = list_folder(GOOD, ".yaml", &names);
    for (size_t i = 0; i < n; i++) {
        struct compiled c = compile_file(GOOD, names[i]);
        const struct plan *p = c.plan;
        cr_assert_not_null(p, "%s", names[i]);
        bool *done = bf_xcalloc(p->n_steps, sizeof *done);
        for (size_t k = 0; k < p->n_steps; k++) {
            const struct plan_step *s = &p->steps[p->order[k]];
            for (size_t e = 0; e < s->n_edges; e++)
                cr_expect(done[s->edges[e].upstream] || s->edges[e].upstream == p->order[k], "%s: %s", names[i], s->name);
            cr_expect_not(done[p->order[k]]);
            done[p->order[k]] = true;
        }
        free(done);
        compiled_done(&c);
        free(names[i]);
    }
    free(names);
}

Test(plan_compile, example)
{
    struct compiled c = compile_file(BF_SOURCE_DIR "/examples", "minimal.yaml");
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    cr_expect_eq(c.plan->n_steps, 3);
    cr_expect_eq(c.d.n_warnings, 0);
    compiled_done(&c);
}

#define WINDOWS(dates, budget) HEAD "pools: {wh: {slots: 2}}\nwindows:\n  - {name: shut, " dates ", budget: " budget "}\n" \
                               "steps: {a: {run: [x], pool: wh}}\n"

Test(plan_compile, a_freeze_that_never_ends_is_warned_of)
{
    static const struct { const char *text, *says; } cases[] = {
        {WINDOWS("dates: [0001-01-01..9999-12-31]", "0%"),
         "warning: window `shut` never ends: from 0001-01-01 on it leaves 0% of every pool, for ever"},
        {WINDOWS("pool: wh, dates: [2024-01-01, 2026-11-28..9999-12-31]", "0%"),
         "warning: window `shut` never ends: from 2026-11-28 on it leaves 0% of pool `wh`, for ever"},
        {WINDOWS("dates: [2026-11-28..9999-12-30]", "0%"), NULL},
        {WINDOWS("dates: [2026-11-28..9999-12-31], from: \"08:00\", to: \"24:00\"", "0%"), NULL},
        {WINDOWS("dates: [2026-11-28..9999-12-31]", "20%"), NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct compiled c = compile_text(cases[i].text);
        const char *said = bf_buf_cstr(&c.said);
        cr_assert_not_null(c.plan, "%s", said);
        cr_expect_eq(c.d.n_warnings, cases[i].says ? 1u : 0u, "case %zu: %s", i, said);
        cr_expect(!cases[i].says || (strstr(said, cases[i].says) && strstr(said, "plan.yaml:")), "case %zu: %s", i, said);
        compiled_done(&c);
    }
}

/* By what day it is: 2024-06-05T22:00Z, and the second before. */
Test(plan_compile, a_window_that_is_over_is_warned_of)
{
    struct compiled c = compile_text(WINDOWS("dates: [2024-01-01, 2024-06-01..2024-06-05], from: \"20:00\", to: \"22:00\"", "0%"));
    cr_assert_not_null(c.plan, "%s", bf_buf_cstr(&c.said));
    const int64_t over_s = INT64_C(1717624800);
    plan_windows_warn_past(c.plan, over_s - 1, &c.d);
    cr_expect_eq(c.d.n_warnings, 0);
    plan_windows_warn_past(c.plan, over_s, &c.d);
    cr_assert_eq(c.d.n_warnings, 1);
    struct bf_buf said = {0};
    bf_diags_print(&c.d, &said);
    cr_expect(strstr(bf_buf_cstr(&said), "warning: window `shut` never opens again: its last day was 2024-06-05"), "%s", bf_buf_cstr(&said));
    cr_expect(strncmp(bf_buf_cstr(&said), "plan.yaml:", strlen("plan.yaml:")) == 0);
    bf_buf_free(&said);
    compiled_done(&c);
}

/* Hashes: what changes them, and what must not. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/zonefiles.h"
#include "common/prng.h"
#include "common/text.h"
#include "common/yaml.h"
#include "plan/hash.h"
#include "test_plan_support.h"

#define HEAD "apiVersion: backfill/v1\nkind: Plan\nname: p\n"
#define REST "partitions: {grain: day, from: 2024-01-01, to: 2024-01-31}\npools: {w: {slots: 1}, v: {slots: 1}}\n" \
    "params: {k: one, other: x}\nconnections: {c: {odbc: x}, d: {odbc: x}}\n" \
    "datasets: {x: {}, y: {}, r: {external: true}, s: {external: true}}\n"
#define UP "  up: {noop: true, outputs: [x]}\n"
#define STEP "{run: [echo, \"{{ params.k }}\"], env: {A: \"1\", B: \"2\"}, inputs: [x, r], outputs: [y], needs: " \
             "[{up: same}, {up: previous 2}]}"

static char *hash_of(const char *text, const char *step, const struct plan_options *o)
{
    struct compiled c;
    compiled_init(&c, text);
    compile(&c, o);
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    char *hex = bf_xcalloc(1, 2 * PLAN_HASH_BYTES + 1);
    bf_hex(step ? c.plan->steps[plan_find_step(c.plan, step)].hash : c.plan->hash, PLAN_HASH_BYTES, hex);
    compiled_done(&c);
    return hex;
}

/* Each rewriting leaves the hash of `a` as it was. */
Test(plan_hash, step_same)
{
    static const char *const same[] = {
        HEAD REST "steps:\n" UP "  a: " STEP "\n",
        HEAD "# a comment\n" REST "steps:\n  a: " STEP "   # another\n" UP,
        HEAD REST "steps:\n" UP "  a: {needs: [{up: previous 2}, up], outputs: [y], inputs: [r, x], env: {B: '2', A: '1'}, "
                                "run: [echo, '{{params.k}}']}\n",
        HEAD REST "owner: me\nsteps:\n  zero: {noop: true}\n  up: {run: [other], outputs: [x], priority: low}\n  a: " STEP "\n",
        HEAD REST "steps:\n" UP "  a: {why: because, owner: me, description: words, contact: x, priority: normal, retry: {max: 1}, run: "
            "[echo, \"{{ params.k }}\"], env: {A: \"1\", B: \"2\"}, inputs: [x, r], outputs: [y], needs: [{up: same}, {up: previous 2}]}\n",
        HEAD REST "steps:\n" UP "  a: {agents: {prefer: inputs, wait: 30s, spread: zone}, run: [echo, \"{{ params.k }}\"], "
            "env: {A: \"1\", B: \"2\"}, inputs: [x, r], outputs: [y], needs: [{up: same}, {up: previous 2}]}\n",
        HEAD REST "steps:\n" UP "  a: {on_straggler: rerun, run: [echo, \"{{ params.k }}\"], "
            "env: {A: \"1\", B: \"2\"}, inputs: [x, r], outputs: [y], needs: [{up: same}, {up: previous 2}]}\n",
    };
    BF_AUTO_FREE char *wanted = hash_of(same[0], "a", NULL);
    for (size_t i = 1; i < sizeof same / sizeof *same; i++) {
        BF_AUTO_FREE char *got = hash_of(same[i], "a", NULL);
        cr_expect_str_eq(got, wanted, "case %zu", i);
    }
    struct plan_options range = {.from = "2024-01-05", .to = "2024-01-06"};
    BF_AUTO_FREE char *got = hash_of(same[0], "a", &range);
    cr_expect_str_eq(got, wanted, "the range of a backfill is not part of a step");
}

/* Each of these steps differs from each other one. */
Test(plan_hash, step_different)
{
    static const char *const bodies[] = {
        "{noop: true}", "{run: [echo]}", "{run: [echo, \"\"]}", "{run: [ec, ho]}", "{run: [echo], env: {A: b}}",
            "{run: [echo], env: {A: c}}",
        "{run: [echo, \"{{ params.k }}\"]}", "{run: [echo, \"{{ params.other }}\"]}", "{run: [echo, params.k]}",
        "{run: [echo, \"{{ partition.date }}\"]}",
        "{run: [echo, \"{{ partition.start }}\"]}", "{run: [echo], pool: w}", "{run: [echo], pool: v}", "{run: [echo], priority: high}",
        "{run: [echo], retry: {max: 2}}", "{run: [echo], retry: {backoff: {initial: 1s}}}", "{run: [echo], retry: {backoff: {factor: 3}}}",
        "{run: [echo], retry: {backoff: {max: 1h}}}", "{run: [echo], timebox: {limit: 1h}}",
        "{run: [echo], timebox: {limit: 1h, then: kill_and_fail}}",
        "{run: [echo], expect: {duration: 3s}}", "{run: [echo], on_lost: wait_for_fence}", "{run: [echo], agents: {labels: {a: b}}}",
        "{run: [echo], agents: {labels: {a: c}}}", "{run: [echo], partitions: {grain: month}}", "{run: [echo], needs: [up]}",
        "{run: [echo], needs: [up: previous 1]}", "{run: [echo], needs: [up: previous 2]}", "{run: [echo], needs: [up: all]}",
        "{run: [echo], inputs: [r]}", "{run: [echo], inputs: [s]}", "{run: [echo], outputs: [y]}",
        "{sql: {connection: c, transaction: true, text: echo}}", "{sql: {connection: d, transaction: true, text: echo}}",
        "{sql: {connection: c, transaction: true, text: \"{{ dataset.x }}\"}}",
        "{sql: {connection: c, transaction: true, text: \"{{ dataset.x | ident }}\"}}",
        "{sql: {connection: c, text: echo}}", "{shell: echo}", "{shell: \"echo \"}", "{run: [/bin/sh, -c, echo]}",
        "{shell: echo, failure: {3: transient}}",
        "{shell: echo, failure: {3: permanent}}", "{shell: echo, failure: {4: transient}}", "{shell: echo, env: {A: b}}",
        "{http: {url: \"http://h/\"}}", "{http: {url: \"http://h/x\"}}", "{http: {url: \"http://h/{{ params.k }}\"}}",
        "{http: {url: \"http://h/\", method: POST}}",
        "{http: {url: \"http://h/\", headers: {A: b}}}", "{http: {url: \"http://h/\", headers: {A: \"${env:b}\"}}}",
        "{http: {url: \"http://h/\", expect: 200}}",
        "{http: {url: \"http://h/\", method: POST, body: \"1\"}}", "{http: {url: \"http://h/\", method: POST, body: [1]}}",
        "{http: {url: \"http://h/\", method: POST, body: \"[1]\"}}", "{http: {url: \"http://h/\", method: POST, body: [\"1\"]}}",
        "{http: {url: \"http://h/\", poll: {until: {status: 200}, timeout: 1m}}}",
        "{http: {url: \"http://h/\", poll: {until: {status: 201}, timeout: 1m}}}",
        "{http: {url: \"http://h/\", poll: {until: {status: 200}, timeout: 2m}}}",
        "{http: {url: \"http://h/\", poll: {until: {status: 200}, timeout: 1m, every: 2s}}}",
        "{http: {url: \"http://h/\", poll: {until: {json: /a, equals: 1}, timeout: 1m}}}",
        "{http: {url: \"http://h/\", poll: {until: {json: /a, equals: \"1\"}, timeout: 1m}}}",
        "{http: {url: \"http://h/\", poll: {until: {json: /b, equals: 1}, timeout: 1m}}}",
        "{http: {url: \"http://h/\", poll: {until: {json: /a, equals: 1}, failed: {json: /b, equals: 1}, timeout: 1m}}}",
        "{http: {url: \"http://h/\", poll: {url: \"http://h/\", until: {json: /a, equals: 1}, timeout: 1m}}}",
        "{warehouse: {connection: c, do: test}, partitions: {grain: none}}",
        "{warehouse: {connection: c, do: init}, partitions: {grain: none}}",
    };
    enum { N = sizeof bodies / sizeof *bodies };
    char *hashes[N];
    for (size_t i = 0; i < N; i++) {
        BF_AUTO_FREE char *text = bf_xasprintf("%s%ssteps:\n%s  a: %s\n", HEAD, REST, UP, bodies[i]);
        hashes[i] = hash_of(text, "a", NULL);
        for (size_t k = 0; k < i; k++)
            cr_expect_str_neq(hashes[i], hashes[k], "%s and %s", bodies[k], bodies[i]);
    }
    for (size_t i = 0; i < N; i++)
        free(hashes[i]);
}

#define CHECKED HEAD "partitions: {grain: day, from: 2024-01-01, to: 2024-01-31}\nparams: {k: one}\nconnections: {c: {odbc: x}}\n"

/* Each of these checks makes another step of the same script; so do the table of a dataset and what it promises, which is a check too. */
Test(plan_hash, step_checks_different)
{
    static const struct { const char *dataset, *keys; } cases[] = {
        {"", ""}, {"table: o", ""}, {"schema: {a: int}", ""}, {"schema: {a: text}", ""}, {"schema: {b: int}", ""},
        {"freshness: {column: a, max_age: 1h}", ""}, {"freshness: {column: a, max_age: 2h}", ""}, {"freshness: {column: b, max_age: 1h}",
                                                                                                   ""},
        {"schema: {a: int}", "check_severity: warn"}, {"", "checks: [{row_count: {min: 1}}]"}, {"", "checks: [{row_count: {max: 1}}]"},
        {"", "checks: [{row_count: {min: 1}}, {row_count: {max: 1}}]"}, {"", "checks: [{row_count: {min: 1, max: 1}}]"},
        {"", "checks: [{row_count: {ratio_to: {sql: select 1}}}]"}, {"", "checks: [{row_count: {ratio_to: {sql: select 1}, within: 1%}}]"},
        {"", "checks: [{row_count: {ratio_to: {sql: select 1}, within: 1}}]"}, {"", "checks: [{not_null: [a]}]"},
        {"", "checks: [{not_null: [a, b]}]"}, {"", "checks: [{not_null: [\"a, b\"]}]"}, {"", "checks: [{not_null: [b, a]}]"},
        {"", "checks: [{unique: [a]}]"}, {"", "checks: [{not_null: {columns: [a], severity: warn}}]"},
        {"", "checks: [{not_null: {columns: [a], name: x}}]"},
        {"", "checks: [{not_null: {columns: [a], timeout: 1s}}]"}, {"", "checks: [{not_null: {columns: [a], sample: 1%}}]"},
        {"", "checks: [{not_null: {columns: [a], dataset: r}}]"}, {"", "checks: [{accepted_values: {column: a, values: [1]}}]"},
        {"", "checks: [{accepted_values: {column: a, values: [\"1\"]}}]"}, {"", "checks: [{relationships: {column: a, to: r}}]"},
        {"", "checks: [{relationships: {column: a, to: r, field: b}}]"}, {"", "checks: [{freshness: {column: c, max_age: 1h}}]"},
        {"", "checks: [{aligned: {column: a}}]"}, {"", "checks: [{aligned: {column: a, grain: day}}]"},
        {"", "checks: [{schema: {c: int}}]"},
        {"", "checks: [{reconcile: {left: select 1, right: select 2}}]"}, {"", "checks: [{reconcile: {left: select 2, right: select 1}}]"},
        {"", "checks: [{reconcile: {left: \"(select 1)\\n(select 2)\", right: (select 3)}}]"},
        {"", "checks: [{reconcile: {left: (select 1), right: \"(select 2)\\n(select 3)\"}}]"}, {"", "checks: [{sql: select 1}]"},
        {"", "checks: [{sql: \"select {{ params.k }}\"}]"}, {"", "checks: [{sql: \"select {{ dataset.y }}\"}]"},
    };
    enum { N = sizeof cases / sizeof *cases };
    char *hashes[N];
    for (size_t i = 0; i < N; i++) {
        BF_AUTO_FREE char *text = bf_xasprintf(CHECKED "datasets: {r: {external: true, connection: c}, y: {connection: c%s%s}}\n"
                                               "steps: {a: {sql: {connection: c, text: select 1}, inputs: [r], outputs: [y]%s%s}}\n",
                                               cases[i].dataset[0] ? ", " : "", cases[i].dataset, cases[i].keys[0] ? ", " : "",
                                               cases[i].keys);
        hashes[i] = hash_of(text, "a", NULL);
        for (size_t k = 0; k < i; k++)
            cr_expect_str_neq(hashes[i], hashes[k], "%s %s and %s %s", cases[k].dataset, cases[k].keys, cases[i].dataset, cases[i].keys);
    }
    for (size_t i = 0; i < N; i++)
        free(hashes[i]);
}

/* Spellings that say the same. */
Test(plan_hash, step_checks_same)
{
    static const char *const same[] = {
        "checks: [{not_null: [a]}, {schema: {a: int, b: text}}], outputs: [y]",
        "outputs: [y], checks: [{not_null: {columns: [a]}}, {schema: {columns: {b: text, a: int}}}], check_severity: error",
        "checks: [{not_null: {dataset: y, severity: error, columns: [a], sample: 100%}}, {schema: {b: \" text\", a: int}}], outputs: [y]",
    };
    BF_AUTO_FREE char *wanted = NULL;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        BF_AUTO_FREE char *text = bf_xasprintf(CHECKED "datasets: {y: {connection: c}}\nsteps: {a: {sql: "
                                                       "{connection: c, text: select 1}, %s}}\n", same[i]);
        char *got = hash_of(text, "a", NULL);
        if (!wanted) {
            wanted = got;
            continue;
        }
        cr_expect_str_eq(got, wanted, "%s", same[i]);
        free(got);
    }
}

/* A parameter's value is part of the steps that name it, and of no other. */
Test(plan_hash, step_params)
{
    static const char text[] = HEAD REST "steps:\n" UP "  a: " STEP "\n  b: {run: [echo]}\n";
    static const struct plan_param set = {"k", "two"};
    struct plan_options o = {.params = &set, .n_params = 1};
    BF_AUTO_FREE char *a = hash_of(text, "a", NULL), *a_set = hash_of(text, "a", &o), *b = hash_of(text, "b", NULL),
                           *b_set = hash_of(text, "b", &o);
    cr_expect_str_neq(a, a_set);
    cr_expect_str_eq(b, b_set);
}

static void source_hash(const char *text, const struct plan_file *files, size_t n, uint8_t ret[PLAN_HASH_BYTES])
{
    struct plan_source s = {.name = (char *)"x", .text = (char *)text, .text_len = strlen(text), .files = (struct plan_file *)files,
                            .n_files = n};
    plan_source_hash(&s, ret);
}

Test(plan_hash, source)
{
    struct plan_file files[] = {{(char *)"a", (char *)"1", 1}, {(char *)"b", (char *)"2", 1}};
    struct plan_file turned[] = {files[1], files[0]}, moved[] = {{(char *)"a", (char *)"12", 2}, {(char *)"b", (char *)"", 0}};
    uint8_t h[5][PLAN_HASH_BYTES];
    source_hash("text", NULL, 0, h[0]);
    source_hash("text\n", NULL, 0, h[1]);
    source_hash("text", files, 2, h[2]);
    source_hash("text", turned, 2, h[3]);
    source_hash("text", moved, 2, h[4]);
    cr_expect_neq(memcmp(h[0], h[1], PLAN_HASH_BYTES), 0, "every byte counts");
    cr_expect_neq(memcmp(h[0], h[2], PLAN_HASH_BYTES), 0, "files count");
    cr_expect_eq(memcmp(h[2], h[3], PLAN_HASH_BYTES), 0, "the order in which files came does not");
    cr_expect_neq(memcmp(h[2], h[4], PLAN_HASH_BYTES), 0, "which file holds the bytes does");
    /* Computed with another implementation of BLAKE2b over the same encoding. */
    char hex[2 * PLAN_HASH_BYTES + 1];
    bf_hex(h[0], PLAN_HASH_BYTES, hex);
    cr_expect_str_eq(hex, "98bf2f18ee56c0752793d9abf063a577d12c67a05ade67bd111c5daaae9088b5");
}

/* ---- the whole plan ---- */

static void expect_plan_hash(const char *a, const char *b, bool same, const char *what)
{
    BF_AUTO_FREE char *x = hash_of(a, NULL, NULL), *y = hash_of(b, NULL, NULL);
    cr_expect_eq(strcmp(x, y) == 0, same, "%s", what);
}

/* Everything that a plan says counts, words included; what only a step's hash leaves out is here. */
Test(plan_hash, plan_different)
{
    static const char base[] = HEAD REST "steps: {up: {noop: true, outputs: [x]}}\n";
    static const char *const others[] = {
        HEAD "owner: me\n" REST "steps: {up: {noop: true, outputs: [x]}}\n",
        HEAD "change_ticket: T-1\n" REST "steps: {up: {noop: true, outputs: [x]}}\n",
        HEAD "sensitivity: restricted\n" REST "steps: {up: {noop: true, outputs: [x]}}\n",
        HEAD "owners: {me: {}}\n" REST "steps: {up: {noop: true, outputs: [x]}}\n",
        HEAD "exposures: {e: {reads: [x]}}\n" REST "steps: {up: {noop: true, outputs: [x]}}\n",
        HEAD REST "steps: {up: {noop: true, outputs: [x], description: words}}\n",
        HEAD REST "steps: {up: {noop: true, outputs: [x], tags: [t]}}\n",
        HEAD REST "steps: {up: {noop: true, outputs: [x], tolerance: 1h}}\n",
        HEAD REST "steps: {up: {noop: true, outputs: [x], deadline: \"2024-06-01T06:00\"}}\n",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        expect_plan_hash(base, others[i], false, others[i]);
        BF_AUTO_FREE char *a = hash_of(base, "up", NULL), *b = hash_of(others[i], "up", NULL);
        cr_expect_str_eq(a, b, "no step does anything else: %s", others[i]);
    }
    struct plan_options range = {.to = "2024-01-30"};
    BF_AUTO_FREE char *a = hash_of(base, NULL, NULL), *b = hash_of(base, NULL, &range);
    cr_expect_str_neq(a, b, "the range is part of the plan");
}

Test(plan_hash, plan_same)
{
    static const char *const same[][2] = {
        {"steps: {a: {noop: true}}\n", "steps: {a: {noop: true, priority: normal, weight: 0, retry: {max: 1}}}\n"},
        {"defaults: {priority: high}\nsteps: {a: {noop: true}}\n", "steps: {a: {priority: high, noop: true}}\n"},
        {"steps: {a: {noop: true, timebox: {limit: 90m}}}\n", "defaults: {timebox: {limit: 1h30m}}\nsteps: {a: {noop: true}}\n"},
        {"steps: {a: {run: [e, \"{{ partition.key }}\"]}}\n", "steps: {a: {run: [e, '{{partition.key}}']}}\n"},
        {"steps: {a: {noop: true}, b: {noop: true, needs: [a]}}\n", "steps: {b: {noop: true, needs: [{a: same}]}, a: {noop: true}}\n"},
        {"steps: {a: {noop: true, deadline: \"2024-06-01T06:00\"}}\n", "steps: {a: {noop: true, deadline: \"2024-06-01T06:00Z\"}}\n"},
        {"steps: {a: {noop: true}, b: {noop: true, needs: [{a: window -2..-2}]}}\n",
         "steps: {a: {noop: true}, b: {noop: true, needs: [{a: previous 2}]}}\n"},
        {"steps: {a: {noop: true}, b: {noop: true, needs: [{a: window 0..0}]}}\n",
         "steps: {a: {noop: true}, b: {noop: true, needs: [a]}}\n"},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        BF_AUTO_FREE char *a = bf_xasprintf("%s%s%s", HEAD, REST, same[i][0]), *b = bf_xasprintf("%s%s%s", HEAD, REST, same[i][1]);
        expect_plan_hash(a, b, true, same[i][1]);
    }
}

/* A step keeps its hash under other names of itself and its upstream, where the rules say so. */
static const char *as_old(const void *arg, const char *step)
{
    (void)arg;
    return strcmp(step, "second") == 0 ? "first" : NULL;
}

Test(plan_hash, step_as)
{
    struct compiled a = compile_text(HEAD REST "steps: {first: {noop: true}, x: {noop: true, needs: [first, {x: previous 1}]}}\n");
    struct compiled b = compile_text(HEAD REST "steps: {second: {noop: true}, y: {noop: true, needs: [second, {y: previous 1}]}}\n");
    const struct plan_step_hashing nameless = {.nameless = true}, renamed = {.nameless = true, .rename = as_old};
    const struct plan_step *x = &a.plan->steps[plan_find_step(a.plan, "x")], *y = &b.plan->steps[plan_find_step(b.plan, "y")];
    uint8_t h[4][PLAN_HASH_BYTES];
    plan_step_hash_as(a.plan, x, &nameless, h[0]);
    plan_step_hash_as(b.plan, y, &nameless, h[1]);
    plan_step_hash_as(b.plan, y, &renamed, h[2]);
    plan_step_hash(b.plan, y, h[3]);
    cr_expect_neq(memcmp(h[0], h[1], PLAN_HASH_BYTES), 0, "the upstream has another name");
    cr_expect_eq(memcmp(h[0], h[2], PLAN_HASH_BYTES), 0);
    cr_expect_eq(memcmp(h[3], y->hash, PLAN_HASH_BYTES), 0, "the compiler's own");
    cr_expect_neq(memcmp(h[3], h[2], PLAN_HASH_BYTES), 0);
    compiled_done(&a);
    compiled_done(&b);
}

/* ---- any way to write it ---- */

/* Writes a tree again: keys shuffled, block or flow style, comments, other quotes.  Lists keep their order but for those named. */
struct rewriter { struct bf_prng r; struct bf_buf out; };

static bool one_of(struct rewriter *w, uint64_t n)
{
    return bf_prng_below(&w->r, n) == 0;
}

static void shuffle(struct rewriter *w, size_t *order, size_t n, bool really)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; really && i > 1; i--) {
        size_t k = (size_t)bf_prng_below(&w->r, i), t = order[i - 1];
        order[i - 1] = order[k];
        order[k] = t;
    }
}

static void put_scalar(struct rewriter *w, const struct bf_yaml_node *n)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/+";
    bool simple = n->text_len > 0 && strspn(n->text, plain) == n->text_len &&
                  n->text[0] != '-' && n->text[0] != '+';
    if (bf_yaml_is_null(n)) {
        bf_buf_put_str(&w->out, "null");
    } else if (!n->quoted && simple) {
        bf_buf_put_str(&w->out, n->text);
    } else if (!strpbrk(n->text, "'\n\t") && one_of(w, 2)) {
        bf_buf_printf(&w->out, "'%s'", n->text);
    } else {
        bf_buf_put_u8(&w->out, '"');
        for (size_t i = 0; i < n->text_len; i++) {
            char c = n->text[i];
            if (c == '\n' || c == '\t')
                bf_buf_put_str(&w->out, c == '\n' ? "\\n" : "\\t");
            else if (c == '"' || c == '\\')
                bf_buf_printf(&w->out, "\\%c", c);
            else
                bf_buf_put_u8(&w->out, (uint8_t)c);
        }
        bf_buf_put_u8(&w->out, '"');
    }
}

static void put_node(struct rewriter *w, const struct bf_yaml_node *n, const char *key, int indent, bool flow);

static void put_child(struct rewriter *w, const struct bf_yaml_node *n, size_t i, const char *key, int indent, bool flow)
{
    const char *child = n->kind == BF_YAML_MAP ? n->keys[i]->text : key;
    if (n->kind == BF_YAML_MAP) {
        put_scalar(w, n->keys[i]);
        bf_buf_put_str(&w->out, ": ");
    }
    put_node(w, n->items[i], child, indent, flow);
}

static void put_node(struct rewriter *w, const struct bf_yaml_node *n, const char *key, int indent, bool flow)
{
    if (n->kind == BF_YAML_SCALAR) {
        put_scalar(w, n);
        return;
    }
    bool map = n->kind == BF_YAML_MAP;
    bool set = key && (strcmp(key, "inputs") == 0 || strcmp(key, "outputs") == 0 || strcmp(key, "tags") == 0 || strcmp(key, "needs") == 0 ||
                       strcmp(key, "reads") == 0);
    BF_AUTO_FREE size_t *order = bf_xcalloc(n->n + 1, sizeof *order);
    shuffle(w, order, n->n, map || set);
    if (flow || n->n == 0 || (indent > 0 && one_of(w, 2))) {
        bf_buf_put_str(&w->out, map ? "{" : "[");
        for (size_t i = 0; i < n->n; i++) {
            bf_buf_put_str(&w->out, i ? ", " : one_of(w, 2) ? " " : "");
            put_child(w, n, order[i], key, indent, true);
        }
        bf_buf_put_str(&w->out, map ? "}" : "]");
        return;
    }
    for (size_t i = 0; i < n->n; i++) {
        if (one_of(w, 4))
            bf_buf_put_str(&w->out, "   # a word about what follows\n");
        else if (i > 0 || indent > 0)
            bf_buf_put_str(&w->out, "\n");
        bf_buf_printf(&w->out, "%*s%s", indent, "", map ? "" : "- ");
        put_child(w, n, order[i], key, indent + 2 + (int)bf_prng_below(&w->r, 3), !map && n->items[order[i]]->kind != BF_YAML_SCALAR);
    }
}

static char *rewrite(const struct compiled *c, uint64_t seed)
{
    struct rewriter w = {0};
    struct bf_diags d = {.file = "plan.yaml", .source = c->source.text, .source_len = c->source.text_len};
    struct bf_yaml *y = bf_yaml_parse(&d);
    cr_assert_not_null(y);
    bf_prng_seed(&w.r, seed);
    put_node(&w, bf_yaml_root(y), NULL, 0, false);
    bf_buf_put_str(&w.out, "\n");
    char *text = bf_xstrdup(bf_buf_cstr(&w.out));
    bf_buf_free(&w.out);
    bf_yaml_free(y);
    bf_diags_done(&d);
    return text;
}

static void expect_same_plan(const struct plan *a, const struct plan *b, const char *text)
{
    cr_expect_eq(memcmp(a->hash, b->hash, PLAN_HASH_BYTES), 0, "another hash:\n%s", text);
    for (size_t i = 0; i < a->n_steps; i++) {
        uint32_t k = plan_find_step(b, a->steps[i].name);
        cr_assert_neq(k, PLAN_NO_INDEX);
        cr_expect_eq(memcmp(a->steps[i].hash, b->steps[k].hash, PLAN_HASH_BYTES), 0, "step %s has another hash:\n%s", a->steps[i].name,
                     text);
    }
}

/* Every good document, rewritten, is the same plan of the same steps; and no two of them are. */
Test(plan_hash, rewritten)
{
    const char *folder = BF_SOURCE_DIR "/tests/unit/plans/good";
    char **names;
    size_t n = list_folder(folder, ".yaml", &names), n_rewritten = 0;
    for (size_t i = 0; i < n; i++) {
        struct compiled c = compile_file(folder, names[i]);
        cr_assert_not_null(c.plan, "%s: %s", names[i], (char *)c.said.data);
        for (uint64_t seed = 1; seed <= 20; seed++) {
            BF_AUTO_FREE char *text = rewrite(&c, seed);
            struct compiled again = {.source = c.source};
            again.source.text = text;
            again.source.text_len = strlen(text);
            again.plan = plan_compile(&again.source, NULL, &again.d);
            bf_diags_print(&again.d, &again.said);
            cr_assert_not_null(again.plan, "%s, seed %llu: %s\n%s", names[i], (unsigned long long)seed, bf_buf_cstr(&again.said), text);
            expect_same_plan(c.plan, again.plan, text);
            n_rewritten += strcmp(text, c.source.text) != 0;
            plan_free(again.plan);
            bf_diags_done(&again.d);
            bf_buf_free(&again.said);
        }
        compiled_done(&c);
        free(names[i]);
    }
    free(names);
    cr_expect_geq(n_rewritten, 200);
}

/* ---- every word ---- */

struct word_walk { const struct compiled *c; size_t n; };

/* One more letter in the scalar at mark, and nothing else. */
static void expect_counts(struct word_walk *w, const struct bf_yaml_node *n, const char *key)
{
    const char *text = w->c->source.text, *at = text;
    for (uint32_t line = 1; line < n->mark.line; line++)
        at = strchr(at, '\n') + 1;
    at += n->mark.column - 1;
    at += *at == '"';
    BF_AUTO_FREE char *other = bf_xasprintf("%.*sx%s", (int)(at - text), text, at);
    struct compiled c = compile_text(other);
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    cr_expect_neq(memcmp(c.plan->hash, w->c->plan->hash, PLAN_HASH_BYTES), 0, "`%s` in line %u does not count", key, n->mark.line);
    for (size_t i = 0; i < c.plan->n_steps; i++)
        cr_expect_eq(memcmp(c.plan->steps[i].hash, w->c->plan->steps[i].hash, PLAN_HASH_BYTES), 0, "`%s` in line %u changes a step", key,
                     n->mark.line);
    w->n++;
    compiled_done(&c);
}

static void walk_words(struct word_walk *w, const struct bf_yaml_node *n)
{
    static const char *const words[] = {"description", "owner", "why", "contact", "playbook"};
    for (size_t i = 0; n->kind == BF_YAML_MAP && i < n->n; i++) {
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            if (strcmp(n->keys[i]->text, words[k]) == 0)
                expect_counts(w, n->items[i], words[k]);
        walk_words(w, n->items[i]);
    }
}

/* Words for people, wherever they may stand, are part of the plan and of no step. */
Test(plan_hash, words)
{
    struct compiled c = compile_file(BF_SOURCE_DIR "/tests/unit/plans/good", "words_everywhere.yaml");
    struct bf_diags d = {.file = "plan.yaml", .source = c.source.text, .source_len = c.source.text_len};
    struct bf_yaml *y = bf_yaml_parse(&d);
    struct word_walk w = {.c = &c};
    walk_words(&w, bf_yaml_root(y));
    cr_expect_geq(w.n, 34);
    bf_yaml_free(y);
    bf_diags_done(&d);
    compiled_done(&c);
}

/* The hash of one plan under a zone whose clock is that of another; first and last of its days too. */
static void hash_under(const char *clock, const char *days, uint8_t ret[PLAN_HASH_BYTES])
{
    BF_AUTO_FREE char *text = bf_xasprintf("apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: day, %s, timezone: "
                                           "Test/Zone}\nsteps: {a: {noop: true}}\n", days);
    struct bf_buf bytes = {0};
    struct bf_error err = {0};
    struct compiled c;
    cr_assert_eq(bf_zone_file_read(clock, ZONE_FILE_MAX_BYTES, &bytes, &err), BF_OK, "%s", err.text);
    compiled_init(&c, text);
    c.source.files = bf_xcalloc(1, sizeof *c.source.files);
    c.source.n_files = 1;
    c.source.files[0] = (struct plan_file){bf_xstrdup(PLAN_ZONE_PATH "Test/Zone"), bf_xmemdup(bytes.data, bytes.len), bytes.len};
    compile(&c, NULL);
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    memcpy(ret, c.plan->hash, PLAN_HASH_BYTES);
    bf_buf_free(&bytes);
    compiled_done(&c);
}

/* Berlin and Paris have had one clock since 1980, and not before. */
Test(plan_hash, the_clock_in_the_range_counts)
{
    uint8_t berlin[PLAN_HASH_BYTES], paris[PLAN_HASH_BYTES];
    hash_under("Europe/Berlin", "from: 2024-01-01, to: 2024-12-31", berlin);
    hash_under("Europe/Paris", "from: 2024-01-01, to: 2024-12-31", paris);
    cr_expect_eq(memcmp(berlin, paris, sizeof berlin), 0);
    hash_under("Europe/Berlin", "from: 1976-01-01, to: 1976-12-31", berlin);
    hash_under("Europe/Paris", "from: 1976-01-01, to: 1976-12-31", paris);
    cr_expect_neq(memcmp(berlin, paris, sizeof berlin), 0);
}

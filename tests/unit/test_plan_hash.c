/* Hashes: what changes them, and what must not. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "test_plan_support.h"

#define HEAD "apiVersion: backfill/v1\nkind: Plan\nname: p\n"
#define REST "partitions: {grain: day, from: 2024-01-01, to: 2024-01-31}\npools: {w: {slots: 1}, v: {slots: 1}}\n" \
    "params: {k: one, other: x}\nconnections: {c: {odbc: x}, d: {odbc: x}}\n" \
    "datasets: {x: {}, y: {}, r: {external: true}, s: {external: true}}\n"
#define UP "  up: {noop: true, outputs: [x]}\n"
#define STEP "{run: [echo, \"{{ params.k }}\"], env: {A: \"1\", B: \"2\"}, inputs: [x, r], outputs: [y], needs: [{up: same}, {up: previous 2}]}"

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
        HEAD REST "steps:\n" UP "  a: {needs: [{up: previous 2}, up], outputs: [y], inputs: [r, x], env: {B: '2', A: '1'}, run: [echo, '{{params.k}}']}\n",
        HEAD REST "owner: me\nsteps:\n  zero: {noop: true}\n  up: {run: [other], outputs: [x], priority: low}\n  a: " STEP "\n",
        HEAD REST "steps:\n" UP "  a: {why: because, owner: me, description: words, contact: x, priority: normal, retry: {max: 1}, run: [echo, \"{{ params.k }}\"],"
            " env: {A: \"1\", B: \"2\"}, inputs: [x, r], outputs: [y], needs: [{up: same}, {up: previous 2}]}\n",
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
        "{noop: true}", "{run: [echo]}", "{run: [echo, \"\"]}", "{run: [ec, ho]}", "{run: [echo], env: {A: b}}", "{run: [echo], env: {A: c}}",
        "{run: [echo, \"{{ params.k }}\"]}", "{run: [echo, \"{{ params.other }}\"]}", "{run: [echo, params.k]}", "{run: [echo, \"{{ partition.date }}\"]}",
        "{run: [echo, \"{{ partition.start }}\"]}", "{run: [echo], pool: w}", "{run: [echo], pool: v}", "{run: [echo], priority: high}",
        "{run: [echo], retry: {max: 2}}", "{run: [echo], retry: {backoff: {initial: 1s}}}", "{run: [echo], retry: {backoff: {factor: 3}}}",
        "{run: [echo], retry: {backoff: {max: 1h}}}", "{run: [echo], timebox: {limit: 1h}}", "{run: [echo], timebox: {limit: 1h, then: kill_and_fail}}",
        "{run: [echo], expect: {duration: 3s}}", "{run: [echo], on_lost: wait_for_fence}", "{run: [echo], agents: {labels: {a: b}}}",
        "{run: [echo], agents: {labels: {a: c}}}", "{run: [echo], partitions: {grain: month}}", "{run: [echo], needs: [up]}",
        "{run: [echo], needs: [up: previous 1]}", "{run: [echo], needs: [up: previous 2]}", "{run: [echo], needs: [up: all]}",
        "{run: [echo], inputs: [r]}", "{run: [echo], inputs: [s]}", "{run: [echo], outputs: [y]}",
        "{sql: {connection: c, transaction: true, text: echo}}", "{sql: {connection: d, transaction: true, text: echo}}",
        "{sql: {connection: c, transaction: true, text: \"{{ dataset.x }}\"}}", "{sql: {connection: c, transaction: true, text: \"{{ dataset.x | ident }}\"}}",
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

/* A parameter's value is part of the steps that name it, and of no other. */
Test(plan_hash, step_params)
{
    static const char text[] = HEAD REST "steps:\n" UP "  a: " STEP "\n  b: {run: [echo]}\n";
    static const struct plan_param set = {"k", "two"};
    struct plan_options o = {.params = &set, .n_params = 1};
    BF_AUTO_FREE char *a = hash_of(text, "a", NULL), *a_set = hash_of(text, "a", &o), *b = hash_of(text, "b", NULL), *b_set = hash_of(text, "b", &o);
    cr_expect_str_neq(a, a_set);
    cr_expect_str_eq(b, b_set);
}

static void source_hash(const char *text, const struct plan_file *files, size_t n, uint8_t ret[PLAN_HASH_BYTES])
{
    struct plan_source s = {.name = (char *)"x", .text = (char *)text, .text_len = strlen(text), .files = (struct plan_file *)files, .n_files = n};
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

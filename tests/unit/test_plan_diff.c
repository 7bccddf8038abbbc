/* What differs between two plans, and that it is nothing exactly when their hashes are equal. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "plan/diff.h"
#include "plan/line_diff.h"
#include "test_plan_support.h"

#define HEAD "apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-31}\n"

/* "changed steps.a: priority normal -> high; …" a line for each item, then the totals. */
static char *differences(const char *old_text, const char *new_text)
{
    struct compiled a = compile_text(old_text), b = compile_text(new_text);
    cr_assert_not_null(a.plan, "%s", (char *)a.said.data);
    cr_assert_not_null(b.plan, "%s", (char *)b.said.data);
    struct plan_diff d = {0};
    struct bf_buf out = {0};
    plan_diff(a.plan, b.plan, &d);
    cr_expect_eq(d.n_items == 0, memcmp(a.plan->hash, b.plan->hash, PLAN_HASH_BYTES) == 0, "%s", new_text);
    for (size_t i = 0; i < d.n_items; i++) {
        const struct plan_diff_item *item = &d.items[i];
        bf_buf_printf(&out, "%s ", plan_change_name(item->change));
        plan_path(item->section, item->name, "", &out);
        if (item->old_name)
            bf_buf_printf(&out, " from %s", item->old_name);
        for (size_t k = item->first; (item->change == PLAN_CHANGED || item->change == PLAN_RENAMED) && k < item->first + item->n; k++)
            bf_buf_printf(&out, "%s %s %s -> %s", k > item->first ? ";" : ":", d.pairs[k].key, d.pairs[k].old_value
                          ? d.pairs[k].old_value : "none", d.pairs[k].new_value ? d.pairs[k].new_value : "none");
        bf_buf_printf(&out, "%s%s\n", item->words_only ? " (words only)" : "", item->section == PLAN_SECTION_STEPS &&
                      item->does ? " (hash)" : "");
    }
    bf_buf_printf(&out, "+%zu -%zu ~%zu >%zu, %zu hashes, %zu downstream\n", d.n_steps[PLAN_ADDED], d.n_steps[PLAN_REMOVED],
                  d.n_steps[PLAN_CHANGED], d.n_steps[PLAN_RENAMED], d.n_does, d.n_downstream);
    char *text = bf_xstrdup(bf_buf_cstr(&out));
    bf_buf_free(&out);
    plan_diff_done(&d);
    compiled_done(&a);
    compiled_done(&b);
    return text;
}

#define STEPS "steps:\n  a: {noop: true}\n  b: {noop: true, needs: [a]}\n  c: {run: [c], needs: [b]}\n"

Test(plan_diff, cases)
{
    static const struct { const char *old_text, *new_text, *wanted; } cases[] = {
        {HEAD STEPS, HEAD "# a comment\n" STEPS, "+0 -0 ~0 >0, 0 hashes, 0 downstream\n"},
        {HEAD STEPS, HEAD "steps:\n  a: {noop: true, priority: high}\n  b: {noop: true, needs: [a]}\n  c: {run: [c], needs: [b]}\n",
         "changed steps.a: priority normal -> high (hash)\n+0 -0 ~1 >0, 1 hashes, 2 downstream\n"},
        {HEAD STEPS, HEAD "steps:\n  a: {noop: true, why: because}\n  b: {noop: true, needs: [a], tags: "
                          "[t]}\n  c: {run: [c], needs: [b]}\n",
         "changed steps.a: why none -> because (words only)\nchanged steps.b: tags.t none -> \n+0 -0 ~2 >0, 0 hashes, 0 downstream\n"},
        {HEAD STEPS, HEAD "steps:\n  a: {noop: true}\n  b: {noop: true, needs: [{a: previous 1}]}\n",
         "changed steps.b: needs.a same, outside assume -> previous 1, outside assume (hash)\nremoved steps.c (hash)\n"
         "+0 -1 ~1 >0, 1 hashes, 0 downstream\n"},
        {HEAD STEPS, HEAD STEPS "  d: {noop: true, needs: [c]}\n  e: {noop: true, needs: [d]}\n",
         "added steps.d (hash)\nadded steps.e (hash)\n+2 -0 ~0 >0, 0 hashes, 0 downstream\n"},
        /* A chain of renamed steps, each with the words that changed besides; c only needs another name. */
        {HEAD STEPS, HEAD "steps:\n  x: {noop: true, why: because}\n  y: {noop: true, needs: [x]}\n  c: {run: [c], needs: [y]}\n",
         "changed steps.c: needs.b same, outside assume -> none; needs.y none -> same, outside assume (hash)\n"
         "renamed steps.x from a: why none -> because (hash)\nrenamed steps.y from b (hash)\n+0 -0 ~1 >2, 3 hashes, 0 downstream\n"},
        /* Two that are gone did the same as one that is new: nobody knows which it was. */
        {HEAD "steps: {a: {noop: true}, b: {noop: true}}\n", HEAD "steps: {c: {noop: true}}\n",
         "removed steps.a (hash)\nremoved steps.b (hash)\nadded steps.c (hash)\n+1 -2 ~0 >0, 0 hashes, 0 downstream\n"},
        {HEAD "steps: {c: {noop: true}}\n", HEAD "steps: {a: {noop: true}, b: {noop: true}}\n",
         "added steps.a (hash)\nadded steps.b (hash)\nremoved steps.c (hash)\n+2 -1 ~0 >0, 0 hashes, 0 downstream\n"},
        {HEAD "steps: {a: {run: [a], needs: [{a: previous 1}]}}\n", HEAD "steps: {b: {run: [a], needs: [{b: previous 1}]}}\n",
         "renamed steps.b from a (hash)\n+0 -0 ~0 >1, 1 hashes, 0 downstream\n"},
        {HEAD "params: {k: one}\nsteps: {a: {run: [\"{{ params.k }}\"]}, b: {run: [b]}}\n",
         HEAD "params: {k: two}\nsteps: {a: {run: [\"{{ params.k }}\"]}, b: {run: [b]}}\n",
         "changed params.k:  one -> two\nchanged steps.a: params.k one -> two (hash)\n+0 -0 ~1 >0, 1 hashes, 0 downstream\n"},
        {HEAD "pools: {w: {slots: 1}, v: {slots: 1}}\nowners: {me: {}}\n" STEPS,
         HEAD "pools: {w: {slots: 2}}\nowners: {me: {contact: here}}\nowner: me\n" STEPS,
         "changed plan: owner none -> me (words only)\nremoved pools.v\nchanged pools.w: slots 1 -> 2\n"
         "changed owners.me: contact none -> here (words only)\n+0 -0 ~0 >0, 0 hashes, 0 downstream\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BF_AUTO_FREE char *got = differences(cases[i].old_text, cases[i].new_text);
        cr_expect_str_eq(got, cases[i].wanted, "case %zu:\n%s", i, got);
        BF_AUTO_FREE char *back = differences(cases[i].new_text, cases[i].old_text);
        cr_expect_eq(strchr(back, '\n') == strrchr(back, '\n'), strchr(got, '\n') == strrchr(got, '\n'), "case %zu backwards:\n%s", i,
                     back);
    }
}

/* Any two good documents: no differences exactly when the hashes are equal, and the sides can be exchanged. */
Test(plan_diff, pairs)
{
    const char *folder = BF_SOURCE_DIR "/tests/unit/plans/good";
    char **names;
    size_t n = list_folder(folder, ".yaml", &names);
    struct compiled *all = bf_xcalloc(n + 1, sizeof *all);
    for (size_t i = 0; i < n; i++) {
        all[i] = compile_file(folder, names[i]);
        cr_assert_not_null(all[i].plan, "%s: %s", names[i], (char *)all[i].said.data);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            struct plan_diff there = {0}, back = {0};
            plan_diff(all[i].plan, all[k].plan, &there);
            plan_diff(all[k].plan, all[i].plan, &back);
            cr_expect_eq(there.n_items == 0, memcmp(all[i].plan->hash, all[k].plan->hash, PLAN_HASH_BYTES) == 0, "%s and %s", names[i],
                         names[k]);
            cr_expect_eq(there.n_steps[PLAN_ADDED], back.n_steps[PLAN_REMOVED], "%s and %s", names[i], names[k]);
            cr_expect_eq(there.n_steps[PLAN_CHANGED], back.n_steps[PLAN_CHANGED], "%s and %s", names[i], names[k]);
            plan_diff_done(&there);
            plan_diff_done(&back);
        }
    }
    for (size_t i = 0; i < n; i++) {
        compiled_done(&all[i]);
        free(names[i]);
    }
    free(all);
    free(names);
}

static char *lines_of(const char *a, const char *b)
{
    struct plan_lines lines = {0};
    struct bf_buf out = {0};
    plan_line_diff(a, strlen(a), b, strlen(b), &lines);
    for (size_t i = 0; i < lines.n; i++) {
        const struct plan_line *line = &lines.at[i];
        if (line->sign == '@')
            bf_buf_printf(&out, "@%zu|", line->len);
        else
            bf_buf_printf(&out, "%c%.*s%s|", line->sign, (int)line->len, line->text, line->unended ? "$" : "");
    }
    bf_buf_printf(&out, "%zu", lines.n_differ);
    char *text = bf_xstrdup(bf_buf_cstr(&out));
    bf_buf_free(&out);
    plan_lines_done(&lines);
    return text;
}

Test(plan_diff, lines)
{
    static const struct { const char *a, *b, *wanted; } cases[] = {
        {"", "", "0"},
        {"a\n", "a\n", " a|0"},
        {"", "a\n", "+a|1"},
        {"a\nb\nc\n", "a\nx\nc\n", " a|-b|+x| c|2"},
        {"a\nb\n", "b\n", "-a| b|1"},
        {"a", "a\n", "-a$|+a|2"},
        {"1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\n5\n6\n7\nx\n", "@5| 6| 7|-8|+x|2"},
        {"x\n1\n2\n3\n4\n5\n6\ny\n", "1\n2\n3\n4\n5\n6\n", "-x| 1| 2|@2| 5| 6|-y|2"},
        {"x\n1\n2\n3\n4\n5\ny\n", "1\n2\n3\n4\n5\n", "-x| 1| 2| 3| 4| 5|-y|2"},
        {"a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n", "-a|-b| c|-a| b|+a| b| a|+c|5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BF_AUTO_FREE char *got = lines_of(cases[i].a, cases[i].b);
        cr_expect_str_eq(got, cases[i].wanted, "case %zu: %s", i, got);
    }
}

/* Past the bound there is a count instead of a table of gigabytes. */
Test(plan_diff, lines_too_many)
{
    enum { N = 3000 };
    struct bf_buf a = {0}, b = {0};
    for (int i = 0; i < N; i++) {
        bf_buf_printf(&a, "old %d\n", i);
        bf_buf_printf(&b, "new %d\n", i);
    }
    struct plan_lines lines = {0};
    plan_line_diff((char *)a.data, a.len, (char *)b.data, b.len, &lines);
    cr_expect(lines.too_large);
    cr_expect_eq(lines.n_differ, N);
    cr_expect_eq(lines.n, 0);
    plan_lines_done(&lines);
    bf_buf_free(&a);
    bf_buf_free(&b);
}

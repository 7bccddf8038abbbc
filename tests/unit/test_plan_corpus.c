/* Every document in tests/unit/plans/bad with exactly the diagnostics beside it, and every one in good with its edges. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "test_plan_support.h"

static char *expected_path(const char *folder, const char *name)
{
    return bf_xasprintf("%s/%.*s.expected", folder, (int)(strlen(name) - strlen(".yaml")), name);
}

Test(plan_corpus, bad)
{
    const char *folder = BF_SOURCE_DIR "/tests/unit/plans/bad";
    char **names;
    size_t n = list_folder(folder, ".yaml", &names);
    cr_assert_geq(n, 40, "only %zu documents in %s", n, folder);
    for (size_t i = 0; i < n; i++) {
        BF_AUTO_FREE char *path = expected_path(folder, names[i]);
        struct compiled c = compile_file(folder, names[i]);
        cr_expect_null(c.plan, "%s is accepted", names[i]);
        expect_file(path, (char *)c.said.data);
        compiled_done(&c);
        free(names[i]);
    }
    free(names);
}

/* What is said (warnings) comes first, then the plan. */
Test(plan_corpus, good)
{
    const char *folder = BF_SOURCE_DIR "/tests/unit/plans/good";
    char **names;
    size_t n = list_folder(folder, ".yaml", &names);
    cr_assert_geq(n, 15, "only %zu documents in %s", n, folder);
    for (size_t i = 0; i < n; i++) {
        BF_AUTO_FREE char *path = expected_path(folder, names[i]);
        struct compiled c = compile_file(folder, names[i]);
        cr_expect_not_null(c.plan, "%s is refused:\n%s", names[i], (char *)c.said.data);
        if (c.plan) {
            plan_write(c.plan, &c.said);
            expect_file(path, (char *)c.said.data);
        }
        compiled_done(&c);
        free(names[i]);
    }
    free(names);
}

/* Every example of the plan reference is a plan, or part of one: what is left out is added. */
Test(plan_corpus, reference)
{
    static const char path[] = BF_SOURCE_DIR "/docs/plan-reference.md", fence[] = "\n```yaml\n";
    size_t len, n = 0;
    BF_AUTO_FREE char *page = read_whole(path, &len);
    cr_assert_not_null(page, "%s cannot be read", path);
    for (char *p = strstr(page, fence); p; p = strstr(p, fence), n++) {
        char *from = p + strlen(fence), *until = strstr(from, "\n```\n");
        cr_assert_not_null(until);
        BF_AUTO_FREE char *block = bf_xasprintf("%.*s\n", (int)(until - from), from);
        bool whole = strncmp(block, "apiVersion:", 11) == 0, steps = strncmp(block, "steps:", 6) == 0 || strstr(block, "\nsteps:");
        BF_AUTO_FREE char *text = bf_xasprintf("%s%s%s", whole ? "" : "apiVersion: backfill/v1\nkind: Plan\nname: p\n", block,
                                               steps ? "" : "steps: {a: {noop: true}}\n");
        struct compiled c = compile_text(text);
        cr_expect_not_null(c.plan, "%s\n%s", (char *)c.said.data, text);
        cr_expect_eq(c.d.n_warnings, 0, "%s", (char *)c.said.data);
        compiled_done(&c);
        p = until;
    }
    cr_expect_geq(n, 20);
}

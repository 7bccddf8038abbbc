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
    cr_assert_geq(n, 150, "only %zu documents in %s", n, folder);
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
    cr_assert_geq(n, 60, "only %zu documents in %s", n, folder);
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

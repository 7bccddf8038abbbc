/* WfFormat: small documents, and the real ones where they are at hand (folder BF_CASES, or ../shared/cases beside the source). */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "plan/import.h"
#include "test_plan_support.h"

#define DOC(spec, exec) "{\"schemaVersion\":\"1.5\",\"workflow\":{\"specification\":{\"tasks\":[" spec "]}," \
                        "\"execution\":{\"tasks\":[" exec "]}}}"
#define A "{\"id\":\"a\",\"parents\":[]}"

static char *import(const char *json, double scale, struct bf_error *err)
{
    struct bf_buf yaml = {0};
    if (plan_import_wfformat(json, strlen(json), "wf", scale, &yaml, err) != BF_OK) {
        cr_expect_eq(yaml.len, 0, "untouched on failure");
        return NULL;
    }
    bf_buf_cstr(&yaml);
    return (char *)yaml.data;
}

Test(plan_wfformat, small)
{
    struct bf_error err = {0};
    BF_AUTO_FREE char *yaml = import(DOC(A ",{\"id\":\"b:1\",\"parents\":[\"a\",\"a\"]},{\"id\":\"b_1\",\"parents\":[\"b:1\"]},"
                                           "{\"id\":\"null\",\"parents\":[\"b_1\",\"a\"]}",
                                     "{\"id\":\"a\",\"runtimeInSeconds\":2.5},{\"id\":\"b:1\",\"runtimeInSeconds\":0},"
                                     "{\"id\":\"b_1\",\"runtimeInSeconds\":120}"), 0.5, &err);
    cr_assert_not_null(yaml, "%s", err.text);
    cr_expect_str_eq(yaml, "# Tasks without a measured run time, which sleep 0: 1\napiVersion: backfill/v1\nkind: Plan\nname: wf\n"
                           "description: Imported from WfFormat 1.5, times 0.5.\nsteps:\n"
                           "  a: {run: [sleep, \"1.25\"], expect: {duration: 1250ms}}\n"
                           "  b_1-2: {run: [sleep, \"0\"], expect: {duration: 0ms}, needs: [a]}\n"
                           "  b_1: {run: [sleep, \"60\"], expect: {duration: 60000ms}, needs: [b_1-2]}\n"
                           "  \"null\": {run: [sleep, \"0\"], expect: {duration: 0ms}, needs: [b_1, a]}\n");
    struct compiled c = compile_text(yaml);
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    cr_expect_eq(c.plan->steps[0].expect_ms, 1250);
    compiled_done(&c);
}

/* Long and foreign ids become distinct names that a plan takes. */
Test(plan_wfformat, names)
{
    struct bf_error err = {0};
    struct bf_buf spec = {0};
    static const char *const ids[] = {"a b", "a_b", "a/b", "a.b", "\xc3\xa9", "-", "..", "1", "true"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        bf_buf_printf(&spec, "{\"id\":\"%s\"},", ids[i]);
    for (char last = 'x'; last <= 'z'; last++)
        bf_buf_printf(&spec, "%s{\"id\":\"%0200d%c\",\"parents\":[\"-\"]}", last == 'x' ? "" : ",", 0, last);
    BF_AUTO_FREE char *json = bf_xasprintf("{\"schemaVersion\":\"1.5\",\"workflow\":{\"specification\":{\"tasks\":[%s]}}}",
                                           bf_buf_cstr(&spec));
    BF_AUTO_FREE char *yaml = import(json, 1, &err);
    cr_assert_not_null(yaml, "%s", err.text);
    struct compiled c = compile_text(yaml);
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    cr_expect_eq(c.plan->n_steps, 12);
    cr_expect_str_eq(c.plan->steps[1].name, "a_b", "an id that is a name keeps it");
    cr_expect_str_eq(c.plan->steps[0].name, "a_b-1");
    cr_expect_eq(c.plan->steps[11].n_edges, 1);
    compiled_done(&c);
    bf_buf_free(&spec);
}

Test(plan_wfformat, refused)
{
    static const struct { const char *json; enum bf_rc rc; const char *wanted; } cases[] = {
        {"", BF_INVALID, "line 1, column 0: not JSON"},
        {"{\n \"a\": }", BF_INVALID, "line 2, column 7: not JSON"},
        {"{\"schemaVersion\":\"1.5\",\"schemaVersion\":\"1.5\"}", BF_INVALID, "duplicate"},
        {"[]", BF_INVALID, "`schemaVersion` is missing"},
        {"{\"schemaVersion\":\"1.4\"}", BF_UNSUPPORTED, "1.4 is not supported yet"},
        {"{\"schemaVersion\":\"1.5\",\"workflow\":{}}", BF_INVALID, "`workflow.specification.tasks` must be a list"},
        {DOC("", ""), BF_INVALID, "is empty"},
        {DOC("7", ""), BF_INVALID, "tasks[0].id` must be a task's id"},
        {DOC("{\"id\":\"\"}", ""), BF_INVALID, "tasks[0].id` must be a task's id"},
        {DOC(A "," A, ""), BF_INVALID, "tasks[1]`: the id `a` is taken by tasks[0]"},
        {DOC("{\"id\":\"a\",\"parents\":\"b\"}", ""), BF_INVALID, "tasks[0].parents` must be a list"},
        {DOC("{\"id\":\"a\",\"parents\":[7]}", ""), BF_INVALID, "tasks[0].parents[0]` must be a task's id"},
        {DOC("{\"id\":\"a\",\"parents\":[\"b\"]}", ""), BF_INVALID, "there is no task `b`"},
        {DOC("{\"id\":\"a\",\"parents\":[\"a\"]}", ""), BF_INVALID, "task `a` is its own parent"},
        {DOC(A, "{\"id\":\"b\",\"runtimeInSeconds\":1}"), BF_INVALID, "the specification has no task `b`"},
        {DOC(A, "{\"id\":\"a\",\"runtimeInSeconds\":1},{\"id\":\"a\",\"runtimeInSeconds\":1}"), BF_INVALID, "is given twice"},
        {DOC(A, "{\"id\":\"a\",\"runtimeInSeconds\":-1}"), BF_INVALID, "not negative"},
        {DOC(A, "{\"id\":\"a\",\"runtimeInSeconds\":\"1\"}"), BF_INVALID, "must be a number"},
        {DOC(A, "{\"id\":\"a\",\"runtimeInSeconds\":1e10}"), BF_LIMIT, "a step may take 10,000 days"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_error err = {0};
        BF_AUTO_FREE char *yaml = import(cases[i].json, 1, &err);
        cr_expect_null(yaml, "case %zu is accepted", i);
        cr_expect_eq(err.rc, cases[i].rc, "case %zu: %s", i, err.text);
        cr_expect_not_null(strstr(err.text, cases[i].wanted), "case %zu: %s", i, err.text);
    }
    struct bf_error err = {0};
    cr_expect_null(import(DOC(A, ""), 0, &err));
    cr_expect_eq(err.rc, BF_USAGE);
}

Test(plan_wfformat, too_many_tasks)
{
    struct bf_error err = {0};
    struct bf_buf b = {0};
    bf_buf_put_str(&b, "{\"schemaVersion\":\"1.5\",\"workflow\":{\"specification\":{\"tasks\":[{\"id\":\"x\"}");
    for (size_t i = 0; i < PLAN_STEPS_MAX; i++)
        bf_buf_printf(&b, ",{\"id\":\"%zu\"}", i);
    bf_buf_put_str(&b, "]}}}");
    cr_expect_null(import(bf_buf_cstr(&b), 1, &err));
    cr_expect_eq(err.rc, BF_LIMIT);
    bf_buf_free(&b);
}

/* ---- real ones ---- */

static const json_t *tasks_of(const json_t *root, const char *part)
{
    return json_object_get(json_object_get(json_object_get(root, "workflow"), part), "tasks");
}

static bool has_edge(const struct plan *p, const char *step, const char *parent)
{
    uint32_t s = plan_find_step(p, step), up = plan_find_step(p, parent);
    cr_assert(s != PLAN_NO_INDEX && up != PLAN_NO_INDEX, "%s, %s", step, parent);
    for (size_t i = 0; i < p->steps[s].n_edges; i++)
        if (p->steps[s].edges[i].upstream == up && p->steps[s].edges[i].mapping == PLAN_SAME)
            return true;
    return false;
}

/* The ids of these files are step names, so that names can be compared as they are. */
static void check_case(const char *folder, const char *name)
{
    BF_AUTO_FREE char *path = bf_xasprintf("%s/%s", folder, name);
    struct bf_error err = {0};
    size_t len, edges = 0, parents = 0;
    BF_AUTO_FREE char *json = read_whole(path, &len);
    BF_AUTO_FREE char *yaml = import(json, 0.001, &err);
    cr_assert_not_null(yaml, "%s: %s", name, err.text);
    struct compiled c = compile_text(yaml);
    cr_assert_not_null(c.plan, "%s: %s", name, (char *)c.said.data);
    cr_expect_eq(c.d.n_warnings, 0);
    json_t *root = json_loadb(json, len, 0, NULL);
    const json_t *tasks = tasks_of(root, "specification"), *runs = tasks_of(root, "execution");
    cr_expect_eq(c.plan->n_steps, json_array_size(tasks));
    for (size_t i = 0; i < json_array_size(tasks); i++) {
        const json_t *task = json_array_get(tasks, i), *list = json_object_get(task, "parents");
        parents += json_array_size(list);
        edges += c.plan->steps[i].n_edges;
        for (size_t k = 0; k < json_array_size(list); k++)
            cr_expect(has_edge(c.plan, json_string_value(json_object_get(task, "id")), json_string_value(json_array_get(list, k))));
    }
    cr_expect_eq(edges, parents, "%s", name);
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        const struct plan_step *s = &c.plan->steps[plan_find_step(c.plan, json_string_value(json_object_get(run, "id")))];
        double ms = json_number_value(json_object_get(run, "runtimeInSeconds"));      /* seconds times 0.001 */
        cr_expect_leq((double)s->expect_ms - ms, 0.5001);
        cr_expect_geq((double)s->expect_ms - ms, -0.5001);
    }
    json_decref(root);
    compiled_done(&c);
}

Test(plan_wfformat, real)
{
    const char *cases = getenv("BF_CASES");
    BF_AUTO_FREE char *folder = bf_xasprintf("%s/wfformat", cases ? cases : BF_SOURCE_DIR "/../shared/cases");
    char **names;
    size_t n = list_folder(folder, ".json", &names);
    if (n == 0)
        cr_skip_test("no workflows in %s: set BF_CASES to a folder that has wfformat/*.json", folder);
    for (size_t i = 0; i < n; i++) {
        check_case(folder, names[i]);
        free(names[i]);
    }
    free(names);
}

/* The causes of a whole backfill, as the document shows them. */
#include <criterion/criterion.h>
#include <string.h>

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

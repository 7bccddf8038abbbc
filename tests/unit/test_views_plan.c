/* The documents of plans: their sources page by page, and their versions. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "views_fixture.h"

#define VERSIONED "apiVersion: backfill/v1\nkind: Plan\nname: v\npartitions: {grain: day, from: 2024-01-01, to: " \
                  "2024-01-02}\nparams: {k: one}\nsteps:\n"

Test(views_plan, the_source_of_a_plan_comes_in_pages)
{
    struct world *w = world_new();
    struct op_request req = query(OP_PLAN_GET);
    ask(w, &req, BF_NOT_FOUND, NULL);
    enum { LINE = 40, LINES = 40000 };
    char *text = malloc(strlen(plan_text) + 1 + LINE * LINES), *end = stpcpy(text, plan_text);
    for (int i = 0; i < LINES; i++)
        end += sprintf(end, "# %036d\n", i);
    create_with(w, text, "2024-01-09", NULL, "");
    size_t got = 0, total = 1, pages = 0;
    struct bf_buf bundle = {0};
    for (; got < total; pages++) {
        req.page_offset = got;
        json_t *page = ask(w, &req, BF_OK, NULL);
        const char *bytes = json_string_value(json_object_get(page, "bytes"));
        cr_assert_str_eq(json_string_value(json_object_get(page, "backfill")), "bf-1");
        cr_assert_str_eq(json_string_value(json_object_get(page, "from")), "2024-01-09");
        cr_assert(json_is_null(json_object_get(page, "to")));
        cr_assert_eq((size_t)json_integer_value(json_object_get(page, "offset")), got);
        total = (size_t)json_integer_value(json_object_get(page, "total_bytes"));
        size_t n = 0, len = strlen(bytes);
        bf_buf_reserve(&bundle, len);
        cr_assert_eq(sodium_base642bin(bundle.data + bundle.len, len, bytes, len, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL), 0);
        bundle.len += n;
        got += n;
        json_decref(page);
    }
    cr_expect_eq(pages, 3);
    struct plan_source source = {0};
    struct bf_error err = {0};
    cr_assert_eq(plan_bundle_decode(bundle.data, bundle.len, &source, &err), BF_OK, "%s", err.text);
    cr_expect_str_eq(source.text, text);
    req.page_offset = total;
    ask(w, &req, BF_USAGE, NULL);
    req = query(OP_PLAN_GET);
    req.backfill = 2;
    ask(w, &req, BF_NOT_FOUND, NULL);
    plan_source_done(&source);
    bf_buf_free(&bundle);
    free(text);
    world_free(w);
}

/* "VERSION:+added-removed~changed/backfills", newest first; "?" where the hash is not known. */
static void history(struct world *w, const char *name, uint64_t offset, const char *wanted)
{
    struct op_request req = query(OP_PLAN_HISTORY);
    req.name = name;
    req.page_offset = offset;
    json_t *rows = ask(w, &req, BF_OK, NULL), *row;
    size_t i;
    char got[512] = "";
    json_array_foreach(rows, i, row) {
        json_t *steps = json_object_get(row, "steps");
        size_t n = strlen(got);
        snprintf(got + n, sizeof got - n, "%s%d%s:+%d-%d~%d/%d %s", i ? ", " : "", (int)json_integer_value(json_object_get(row, "version")),
                 json_is_null(json_object_get(row, "hash")) ? "?" : "", (int)json_integer_value(json_object_get(steps, "added")),
                 (int)json_integer_value(json_object_get(steps, "removed")), (int)json_integer_value(json_object_get(steps, "changed")),
                 (int)json_integer_value(json_object_get(row, "n_backfills")), json_string_value(json_object_get(row, "reason")));
    }
    cr_expect_str_eq(got, wanted, "%s", got);
    json_decref(rows);
}

Test(views_plan, the_versions_of_a_plan)
{
    struct world *w = world_new();
    struct op_request req = query(OP_PLAN_HISTORY);
    struct op_param two = {"k", "two"};
    req.name = "v";
    ask(w, &req, BF_NOT_FOUND, NULL);
    create_with(w, VERSIONED "  a: {run: [\"{{ params.k }}\"]}\n", NULL, &two, "first");
    history(w, "v", 0, "1?:+0-0~0/1 first");
    create_with(w, VERSIONED "  a: {run: [\"{{ params.k }}\"]}\n", NULL, NULL, "again");
    create(w, plan_text);
    history(w, "v", 0, "1:+0-0~0/2 first");
    /* Another step; that the first backfill was given another parameter is no change of `a`. */
    create_with(w, VERSIONED "  a: {run: [\"{{ params.k }}\"]}\n  b: {noop: true}\n", "2024-01-02", &two, "second");
    create_with(w, VERSIONED "  b: {run: [b]}\n", NULL, NULL, "third");
    history(w, "v", 0, "3:+0-1~1/1 third, 2?:+1-0~0/1 second, 1:+0-0~0/2 first");
    history(w, "v", 2, "1:+0-0~0/2 first");
    history(w, "v", 3, "");
    world_free(w);
}

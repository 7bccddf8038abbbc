/* docs/plan-reference.md and examples/reference.yaml against the tables of keys that the compiler reads. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "plan/keys.h"
#include "plan/template.h"
#include "test_plan_support.h"

#define PAGE BF_SOURCE_DIR "/docs/plan-reference.md"
#define TABLES_MAX 100u

/* ---- every table, from the plan's own downwards ---- */

struct tables { const struct plan_keys *at[TABLES_MAX]; size_t n; };

static void collect(const struct plan_keys *keys, struct tables *ret);

static void collect_type(const struct plan_type *type, struct tables *ret)
{
    if (!type)
        return;
    collect_type(type->of, ret);
    for (size_t i = 0; type->either && type->either[i]; i++)
        collect_type(type->either[i], ret);
    if (type->keys)
        collect(type->keys, ret);
}

static void collect(const struct plan_keys *keys, struct tables *ret)
{
    for (size_t i = 0; i < ret->n; i++)
        if (ret->at[i] == keys)
            return;
    cr_assert_lt(ret->n, TABLES_MAX);
    ret->at[ret->n++] = keys;
    for (size_t i = 0; i < keys->n; i++)
        collect_type(keys->at[i].type, ret);
}

static struct tables all_tables(void)
{
    struct tables tables = {0};
    collect(&plan_keys_top, &tables);
    return tables;
}

/* ---- the page ---- */

/* "a map (retry)" -> "a map: [retry](#retry)", and no bar that would end a cell. */
static void put_values(const struct plan_key *k, struct bf_buf *ret)
{
    static const char map[] = "a map (";
    struct bf_buf words = {0};
    plan_type_words(k->type, &words);
    for (const char *p = bf_buf_cstr(&words); *p; p++) {
        size_t len = strncmp(p, map, strlen(map)) == 0 ? strcspn(p, ")") - strlen(map) : 0;
        if (len == 0) {
            bf_buf_printf(ret, *p == '|' ? "\\|" : "%c", *p);
            continue;
        }
        p += strlen(map);
        bf_buf_printf(ret, "a map: [%.*s](#", (int)len, p);
        for (size_t i = 0; i < len; i++)
            bf_buf_printf(ret, "%c", p[i] == ' ' ? '-' : p[i]);
        bf_buf_put_str(ret, ")");
        p += len;
    }
    bf_buf_free(&words);
}

static void put_table(const struct plan_keys *keys, struct bf_buf *ret)
{
    bf_buf_put_str(ret, "| key | value | meaning |\n|---|---|---|\n");
    for (size_t i = 0; i < keys->n; i++) {
        const struct plan_key *k = &keys->at[i];
        if (k->status == PLAN_KEY_REFUSED)
            continue;
        bf_buf_printf(ret, "| `%s` | ", k->name);
        put_values(k, ret);
        bf_buf_put_str(ret, " | ");
        if (k->required)
            bf_buf_put_str(ret, "required: ");
        bf_buf_put_str(ret, k->help);
        if (k->status == PLAN_KEY_NOT_YET)
            bf_buf_printf(ret, ". Not supported yet (%s)", k->id ? k->id : "each by its own id");
        bf_buf_put_str(ret, " |\n");
    }
    if (keys->only_one)
        bf_buf_put_str(ret, "\nExactly one of them.\n");
    for (size_t i = 0; keys->one_of && keys->one_of[i]; i++)
        bf_buf_printf(ret, "%s`%s`%s", i == 0 ? "\nExactly one of " : keys->one_of[i + 1] ? ", " : " and ", keys->one_of[i],
                      keys->one_of[i + 1] ? "" : ".\n");
}

/* The page with every table written anew.  Fails for a table that the page does not have. */
static void write_page(const char *page, const struct tables *tables, struct bf_buf *ret)
{
    static const char end[] = "<!-- /keys -->";
    for (size_t i = 0; i < tables->n; i++) {
        BF_AUTO_FREE char *begin = bf_xasprintf("<!-- keys: %s -->\n", tables->at[i]->name);
        BF_AUTO_FREE char *heading = bf_xasprintf("# %s\n", tables->at[i]->name);
        cr_expect_not_null(strstr(page, begin), "%s has no line %s", PAGE, begin);
        cr_expect_not_null(strstr(page, heading), "%s has no heading %s", PAGE, heading);
    }
    while (true) {
        const char *mark = strstr(page, "<!-- keys: "), *line = mark ? strchr(mark, '\n') : NULL, *until = line ? strstr(line,
                end) : NULL;
        bf_buf_put(ret, page, line ? (size_t)(line + 1 - page) : strlen(page));
        if (!line)
            return;
        cr_assert_not_null(until, "a table in %s does not end", PAGE);
        size_t len = strcspn(mark + 11, "\n") - strlen(" -->");
        for (size_t i = 0; i < tables->n; i++)
            if (strlen(tables->at[i]->name) == len && strncmp(tables->at[i]->name, mark + 11, len) == 0)
                put_table(tables->at[i], ret);
        page = until;
    }
}

Test(plan_reference, tables)
{
    struct tables tables = all_tables();
    struct bf_buf page = {0};
    size_t len;
    BF_AUTO_FREE char *old = read_whole(PAGE, &len);
    cr_assert_not_null(old);
    write_page(old, &tables, &page);
    expect_file(PAGE, bf_buf_cstr(&page));
    bf_buf_free(&page);
}

/* ---- the examples of the page ---- */

/* An example of a part declares what it does not use; a whole plan does not. */
static bool only_unused(const struct bf_diags *d)
{
    static const char *const words[] = {"no step draws on pool", "no step and no dataset uses", "nothing reads or writes",
        "nothing belongs to"};
    for (size_t i = 0; i < d->n; i++) {
        bool known = false;
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            known |= strncmp(d->at[i].text, words[k], strlen(words[k])) == 0;
        if (!known)
            return false;
    }
    return true;
}

/* Every example of the plan reference is a plan, or part of one: what is left out is added. */
Test(plan_reference, examples)
{
    static const char fence[] = "\n```yaml\n";
    size_t len, n = 0;
    BF_AUTO_FREE char *page = read_whole(PAGE, &len);
    cr_assert_not_null(page, "%s cannot be read", PAGE);
    for (char *p = strstr(page, fence); p; p = strstr(p, fence), n++) {
        char *from = p + strlen(fence), *until = strstr(from, "\n```\n");
        cr_assert_not_null(until);
        BF_AUTO_FREE char *block = bf_xasprintf("%.*s\n", (int)(until - from), from);
        bool whole = strncmp(block, "apiVersion:", 11) == 0, steps = strncmp(block, "steps:", 6) == 0 || strstr(block, "\nsteps:");
        BF_AUTO_FREE char *text = bf_xasprintf("%s%s%s", whole ? "" : "apiVersion: backfill/v1\nkind: Plan\nname: p\n", block,
                                               steps ? "" : "steps: {a: {noop: true}}\n");
        struct compiled c = compile_text(text);
        cr_expect_not_null(c.plan, "%s\n%s", (char *)c.said.data, text);
        cr_expect(whole ? c.d.n_warnings == 0 : only_unused(&c.d), "%s", (char *)c.said.data);
        compiled_done(&c);
        p = until;
    }
    cr_expect_geq(n, 20);
}

/* ---- examples/reference.yaml ---- */

/* Marks the keys of a table that stand in a map. */
static void mark_keys(const struct bf_yaml_node *map, const struct plan_keys *keys, const struct tables *tables, uint64_t *seen);

static void mark_value(const struct bf_yaml_node *n, const struct plan_type *type, const struct tables *tables, uint64_t *seen)
{
    if (!type || !plan_value_has_shape(n, type))
        return;
    type = plan_type_meant(n, type);
    for (size_t i = 0; n->kind != BF_YAML_SCALAR && type->of && i < n->n; i++)
        mark_value(n->items[i], type->of, tables, seen);
    if (type->keys)
        mark_keys(n, type->keys, tables, seen);
}

static void mark_keys(const struct bf_yaml_node *map, const struct plan_keys *keys, const struct tables *tables, uint64_t *seen)
{
    size_t t = 0;
    while (tables->at[t] != keys)
        t++;
    for (size_t i = 0; i < map->n; i++) {
        const struct plan_key *k = plan_keys_find(keys, map->keys[i]->text);
        cr_assert_not_null(k);
        cr_assert_lt((size_t)(k - keys->at), 64);
        seen[t] |= UINT64_C(1) << (k - keys->at);
        mark_value(map->items[i], k->type, tables, seen);
    }
}

Test(plan_reference, every_key_that_works_stands_in_the_example)
{
    struct tables tables = all_tables();
    uint64_t seen[TABLES_MAX] = {0};
    struct compiled c = compile_file(BF_SOURCE_DIR "/examples", "reference.yaml");
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    cr_expect_eq(c.d.n_warnings, 0, "%s", (char *)c.said.data);
    struct bf_diags d = {.source = c.source.text, .source_len = c.source.text_len};
    struct bf_yaml *y = bf_yaml_parse(&d);
    cr_assert_not_null(y);
    mark_keys(bf_yaml_root(y), &plan_keys_top, &tables, seen);
    for (size_t t = 0; t < tables.n; t++) {
        for (size_t i = 0; i < tables.at[t]->n; i++) {
            const struct plan_key *k = &tables.at[t]->at[i];
            bool works = k->status == PLAN_KEY_READ || k->status == PLAN_KEY_DESCRIBES;
            cr_expect(!works || (seen[t] >> i & 1), "`%s` of %s does not stand in examples/reference.yaml", k->name,
                      tables.at[t]->where);
            cr_expect(works || !(seen[t] >> i & 1), "`%s` of %s is not supported, and stands in examples/reference.yaml", k->name,
                      tables.at[t]->where);
        }
    }
    bf_yaml_free(y);
    bf_diags_done(&d);
    compiled_done(&c);
}

Test(plan_reference, page_has_every_name_of_a_template)
{
    size_t len;
    BF_AUTO_FREE char *page = read_whole(PAGE, &len);
    size_t n = 0;
    for (const char *name; (name = template_name(n)) != NULL; n++) {
        BF_AUTO_FREE char *cell = bf_xasprintf("| `%s` |", name);
        cr_expect_not_null(strstr(page, cell), "%s has no row for %s", PAGE, name);
    }
    cr_expect_geq(n, 14);
}

/* ---- keys that are not supported yet ---- */

/* Where a key of a table can stand alone in a small plan; %s is "key: value". */
static const struct { const char *table, *key, *plan; } places[] = {
    {"plan", NULL, "%s\nsteps: {a: {noop: true}}\n"},
    {"owner", NULL, "owner: o\nowners: {o: {%s}}\nsteps: {a: {noop: true}}\n"},
    {"connection", NULL, "connections: {c: {odbc: DSN=c, %s}}\nsteps: {a: {noop: true}}\n"},
    {"pool", NULL, "pools: {p: {slots: 1, %s}}\nsteps: {a: {noop: true, pool: p}}\n"},
    {"retry", NULL, "defaults: {retry: {%s}}\nsteps: {a: {noop: true}}\n"},
    {"check", NULL, "connections: {c: {odbc: DSN=c}}\ndatasets: {d: {connection: c}}\n"
        "steps: {a: {sql: {connection: c, transaction: true, text: select 1}, outputs: [d], checks: [{%s}]}}\n"},
    {"step", "sensor", "datasets: {raw: {external: true}}\nsteps: {a: {%s, inputs: [raw]}}\n"},
    {"step", "on_coordinator_loss",
        "connections: {c: {odbc: DSN=c}}\nsteps: {a: {sql: {connection: c, transaction: true, text: select 1}, %s}}\n"},
    {"step", "fallback",
        "connections: {warehouse: {odbc: DSN=c}}\nflags: {source: {type: string, default: x}}\nsteps: {a: {noop: true, %s}}\n"},
    {"step", NULL, "steps: {a: {noop: true, %s}}\n"},
    {"resources", NULL, "steps: {a: {noop: true, resources: {%s}}}\n"},
};

static const char *place_of(const struct plan_keys *keys, const struct plan_key *k)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(places[i].table, keys->name) == 0 && (!places[i].key || strcmp(places[i].key, k->name) == 0))
            return places[i].plan;
    return NULL;
}

static void check_not_yet(const struct plan_keys *keys, const struct plan_key *k)
{
    const char *place = place_of(keys, k), *at = place ? strstr(place, "%s") : NULL;
    cr_assert_not_null(at, "the test has no place for `%s` of %s", k->name, keys->where);
    const char *quote = !strchr("{[", k->example[0]) && strchr(k->example, ' ') ? "'" : "";
    BF_AUTO_FREE char *text = bf_xasprintf("apiVersion: backfill/v1\nkind: Plan\nname: p\n%.*s%s: %s%s%s%s", (int)(at - place),
                                           place, k->name,
                                           quote, k->example, quote, at + 2);
    struct compiled c = compile_text(text);
    BF_AUTO_FREE char *wanted = bf_xasprintf("`%s` is not supported yet (%s)", k->name, k->id);
    size_t said = 0, others = strcmp(k->name, "fallback") == 0 ? 1 : 0;      /* flags, without which it has nothing to name */
    for (size_t i = 0; i < c.d.n; i++)
        said += c.d.at[i].severity == BF_DIAG_ERROR && strcmp(c.d.at[i].text, wanted) == 0;
    cr_expect_eq(said, 1, "%s\nis not said of\n%s\nbut\n%s", wanted, text, (char *)c.said.data);
    cr_expect_eq(c.d.n_errors, 1 + others, "%s\n%s", text, (char *)c.said.data);
    compiled_done(&c);
}

Test(plan_reference, keys_that_are_not_supported_yet)
{
    struct tables tables = all_tables();
    size_t n = 0;
    for (size_t t = 0; t < tables.n; t++) {
        for (size_t i = 0; i < tables.at[t]->n; i++) {
            const struct plan_key *k = &tables.at[t]->at[i];
            if (k->status != PLAN_KEY_NOT_YET || !k->id)
                continue;
            check_not_yet(tables.at[t], k);
            n++;
        }
    }
    cr_expect_geq(n, 11);
}

/* ---- the tables themselves ---- */

Test(plan_reference, entries_are_whole)
{
    struct tables tables = all_tables();
    for (size_t t = 0; t < tables.n; t++) {
        const struct plan_keys *keys = tables.at[t];
        cr_expect(keys->name && keys->where && keys->n > 0 && keys->n <= 64);
        for (size_t i = 0; i < keys->n; i++) {
            const struct plan_key *k = &keys->at[i];
            cr_expect(k->help && *k->help, "`%s` of %s", k->name, keys->where);
            cr_expect_eq(k->type == NULL, k->status == PLAN_KEY_REFUSED, "`%s` of %s", k->name, keys->where);
            cr_expect_eq(plan_keys_find(keys, k->name), k, "`%s` stands twice in %s", k->name, keys->where);
            if (k->status != PLAN_KEY_NOT_YET)
                cr_expect_null(k->id, "`%s` of %s", k->name, keys->where);
            else if (k->id)
                cr_expect(strchr("GRDPCOX", k->id[0]) && strspn(k->id + 1, "0123456789") == strlen(k->id + 1) && k->example,
                          "`%s` of %s", k->name,
                          keys->where);
        }
    }
}

#include "common/config.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/files.h"
#include "common/mem.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

struct config {
    char *name, *store;
    int64_t port, lease_ms;
    bool tls;
    uint64_t cache_bytes;
    struct bf_strings peers, pins;
    struct bf_string_map labels;
    size_t n_pools;
};

static void count_pools(const struct bf_yaml_node *node, void *field, struct bf_diags *d)
{
    if (node->kind != BF_YAML_SEQ)
        bf_diag_add(d, BF_DIAG_ERROR, node->mark, "pools must be a list");
    *(size_t *)field = node->n;
}

#define AT(field) offsetof(struct config, field)
static const struct bf_setting table[] = {
    {"name", BF_SET_STRING, AT(name), NULL, 0, 0, "", NULL},
    {"store.path", BF_SET_PATH, AT(store), "/var/lib/bf", 0, 0, "", NULL},
    {"store.cache", BF_SET_SIZE, AT(cache_bytes), "64Mi", 1 << 20, INT64_C(1) << 40, "", NULL},
    {"port", BF_SET_INT, AT(port), "7600", 1, 65535, "", NULL},
    {"tls", BF_SET_BOOL, AT(tls), "true", 0, 0, "", NULL},
    {"lease.agent", BF_SET_DURATION, AT(lease_ms), "30s", 1000, 3600000, "", NULL},
    {"peers", BF_SET_STRINGS, AT(peers), NULL, 0, 0, "", NULL},
    {"pins", BF_SET_WORDS, AT(pins), NULL, 0, 0, "", NULL},
    {"labels", BF_SET_STRING_MAP, AT(labels), NULL, 0, 0, "", NULL},
    {"pools", BF_SET_CUSTOM, AT(n_pools), NULL, 0, 0, "", count_pools},
};

static char folder[64];

static void make_folder(void)
{
    strcpy(folder, "/tmp/bf-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void drop_folder(void)
{
    BF_AUTO_FREE char *path = bf_path_join(folder, "c.yaml");
    unlink(path);
    rmdir(folder);
}

TestSuite(config, .init = make_folder, .fini = drop_folder);

static enum bf_rc read_text(const char *text, struct config *c, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(folder, "c.yaml");
    cr_assert_eq(bf_file_write(path, text, strlen(text), 0600, err), BF_OK);
    return bf_config_read(path, table, LEN(table), c, err);
}

static void expect_presets(const struct config *c)
{
    cr_expect_null(c->name);
    cr_expect_str_eq(c->store, "/var/lib/bf");
    cr_expect(c->port == 7600 && c->tls && c->lease_ms == 30000 && c->cache_bytes == 64 << 20);
    cr_expect(c->peers.n == 0 && c->labels.n == 0 && c->n_pools == 0);
}

Test(config, without_a_word_the_presets_hold)
{
    static const char *const rows[] = {"", "\n", "# name: x\n\n  # port: 1\n", "port:\nlease:\n", "lease:\n  agent:\n"};
    for (size_t i = 0; i < LEN(rows); i++) {
        struct config c = {0};
        struct bf_error err = {0};
        cr_assert_eq(read_text(rows[i], &c, &err), BF_OK, "row %zu: %s", i, err.text);
        expect_presets(&c);
        bf_config_done(table, LEN(table), &c);
    }
    struct config c = {0};
    struct bf_error err = {0};
    cr_assert_eq(bf_config_read(NULL, table, LEN(table), &c, &err), BF_OK);
    expect_presets(&c);
    bf_config_done(table, LEN(table), &c);
}

Test(config, every_kind_is_read)
{
    struct config c = {0};
    struct bf_error err = {0};
    cr_assert_eq(read_text("name: \"a b\"\nstore:\n  path: data/store\n  cache: 1Gi\nport: 80\ntls: false\nlease: {agent: 1m}\n"
                           "peers: [a, 'b c']\nlabels:\n  zone: eu\n  \"1\": 2\npools:\n  - x\n  - y: {}\n",
                           &c, &err), BF_OK, "%s", err.text);
    BF_AUTO_FREE char *store = bf_path_join(folder, "data/store");
    cr_expect_str_eq(c.name, "a b");
    cr_expect_str_eq(c.store, store, "relative to the file's folder");
    cr_expect(c.port == 80 && !c.tls && c.lease_ms == 60000 && c.cache_bytes == 1 << 30 && c.n_pools == 2);
    cr_assert(c.peers.n == 2 && c.labels.n == 2);
    cr_expect_str_eq(c.peers.at[1], "b c");
    cr_expect_str_eq(c.labels.keys[1], "1");
    cr_expect_str_eq(c.labels.values[1], "2");
    bf_config_done(table, LEN(table), &c);
    cr_expect(c.name == NULL && c.peers.at == NULL);
}

Test(config, bounds_are_inclusive)
{
    static const struct { const char *text; int64_t port, lease_ms; uint64_t cache; } rows[] = {
        {"port: 1\nlease: {agent: 1s}\nstore: {cache: 1Mi}\n", 1, 1000, 1 << 20},
        {"port: 65535\nlease: {agent: 1h}\nstore: {cache: 1Ti}\n", 65535, 3600000, UINT64_C(1) << 40},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        struct config c = {0};
        struct bf_error err = {0};
        cr_expect_eq(read_text(rows[i].text, &c, &err), BF_OK, "row %zu: %s", i, err.text);
        cr_expect(c.port == rows[i].port && c.lease_ms == rows[i].lease_ms && c.cache_bytes == rows[i].cache, "row %zu", i);
        bf_config_done(table, LEN(table), &c);
    }
}

Test(config, refusals_name_place_key_and_remedy)
{
    static const struct { const char *text, *says; } rows[] = {
        {"nmae: x\n", "c.yaml:1:1: error: unknown key nmae; did you mean name?"},
        {"lese: {}\n", "c.yaml:1:1: error: unknown key lese; did you mean lease?"},
        {"lease:\n  agnet: 1s\n", "c.yaml:2:3: error: unknown key lease.agnet; did you mean lease.agent?"},
        {"colour: red\n", "error: unknown key colour\n"},
        {"port: x\n", "c.yaml:1:7: error: port must be a whole number, not \"x\""},
        {"port: 0\n", "port must be 1 to 65535, not \"0\""},
        {"port: 65536\n", "port must be 1 to 65535"},
        {"port: [1]\n", "port takes one value"},
        {"tls: yes\n", "tls must be true or false, not \"yes\""},
        {"lease: {agent: 5}\n", "lease.agent must be a duration (\"90s\", \"1h30m\"), not \"5\""},
        {"lease: {agent: 999ms}\n", "lease.agent must be 1s to 1h, not \"999ms\""},
        {"store: {cache: 1MB}\n", "store.cache must be a size"},
        {"store: {cache: 1K}\n", "store.cache must be 1 MiB to 1 TiB"},
        {"store: {cache: 18446744073709551615}\n", "store.cache must be a size"},
        {"lease.agent: 1s\n", "write lease.agent as a map"},
        {"lease: 1s\n", "lease must be a map"},
        {"peers: a\n", "peers must be a list"},
        {"peers: [a, [b]]\n", "c.yaml:1:12: error: each item of peers must be text"},
        {"labels: [a]\n", "labels must be a map"},
        {"labels: {a: }\n", "each value of labels must be text"},
        {"pools: 3\n", "c.yaml:1:8: error: pools must be a list"},
        {"[1]\n", "must be a map of keys"},
        {"port: 1\nport: 2\n", "c.yaml:2:1: error: the key \"port\" is given twice"},
        {"port: &a 1\n", "anchors"},
        {"port: [\n", "c.yaml:2:1: error"},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        struct config c = {0};
        struct bf_error err = {0};
        cr_expect_eq(read_text(rows[i].text, &c, &err), BF_INVALID, "row %zu", i);
        cr_expect_not_null(strstr(err.text, rows[i].says), "row %zu: %s", i, err.text);
        bf_config_done(table, LEN(table), &c);
    }
}

Test(config, all_mistakes_are_told_at_once)
{
    struct config c = {0};
    struct bf_error err = {0};
    cr_expect_eq(read_text("port: x\ntls: 1\nnmae: y\n", &c, &err), BF_INVALID);
    cr_expect(strstr(err.text, ":1:7:") && strstr(err.text, ":2:6:") && strstr(err.text, ":3:1:"), "%s", err.text);
    bf_config_done(table, LEN(table), &c);
}

Test(config, the_environment_wins)
{
    struct config c = {0};
    struct bf_error err = {0};
    setenv("BF_PORT", "81", 1);
    setenv("BF_LEASE_AGENT", "2m", 1);
    setenv("BF_STORE_PATH", "here", 1);
    cr_assert_eq(read_text("port: 80\nlease: {agent: 1m}\nstore: {path: there}\n", &c, &err), BF_OK, "%s", err.text);
    cr_expect(c.port == 81 && c.lease_ms == 120000);
    cr_expect_str_eq(c.store, "here", "relative to the working folder");
    bf_config_done(table, LEN(table), &c);
    static const struct { const char *name, *value, *says; } rows[] = {
        {"BF_PORT", "x", "BF_PORT: port must be a whole number"},
        {"BF_PORT", "", "BF_PORT: port must be a whole number"},
        {"BF_PEERS", "a", "peers cannot be set by BF_PEERS"},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        struct config again = {0};
        unsetenv("BF_PORT");
        setenv(rows[i].name, rows[i].value, 1);
        cr_expect_eq(bf_config_read(NULL, table, LEN(table), &again, &err), BF_INVALID, "row %zu", i);
        cr_expect_not_null(strstr(err.text, rows[i].says), "row %zu: %s", i, err.text);
        unsetenv(rows[i].name);
        bf_config_done(table, LEN(table), &again);
    }
}

Test(config, a_file_that_is_not_there_is_named)
{
    struct config c = {0};
    struct bf_error err = {0};
    cr_expect_eq(bf_config_read("/nonexistent/x.yaml", table, LEN(table), &c, &err), BF_NOT_FOUND);
    cr_expect_not_null(strstr(err.text, "/nonexistent/x.yaml"));
    bf_config_done(table, LEN(table), &c);
}

static void put_value(const void *config, size_t i, struct bf_buf *ret)
{
    bf_config_put_value(&table[i], config, ret);
}

Test(config, each_value_is_shown_with_where_it_came_from)
{
    struct config c = {0};
    struct bf_error err = {0};
    struct bf_origin origins[LEN(table)] = {0};
    struct bf_buf text = {0};
    BF_AUTO_FREE char *path = bf_path_join(folder, "c.yaml");
    static const char file[] = "name: x\nlease:\n  agent: 65s\nport:\npeers: [a, b]\nlabels: {k: v}\nstore: {cache: 1536Mi}\n";
    cr_assert_eq(bf_file_write(path, file, sizeof file - 1, 0600, &err), BF_OK);
    setenv("BF_TLS", "false", 1);
    cr_assert_eq(bf_config_read_origins(path, table, LEN(table), &c, origins, &err), BF_OK, "%s", err.text);
    unsetenv("BF_TLS");
    bf_config_put_lines("c.yaml", table, LEN(table), origins, put_value, &c, &text);
    static const char *const rows[] = {"name:", " x ", "# c.yaml:1\n", "\nstore.path:", " /var/lib/bf ", "# default\n", "\nstore.cache:",
                                       " 1536Mi ",
                                       "# c.yaml:7\n", "\nport:", " 7600 ", "# default\n", "\ntls:", " false ", "# BF_TLS (environment)\n",
                                       "\nlease.agent:", " 1m5s ", "# c.yaml:3\n", "\npeers:", " [a, b] ", "# c.yaml:5\n", "\nlabels:",
                                       " {k: v} ",
                                       "# c.yaml:6\n", "\npools:", "# default\n"};
    const char *from = bf_buf_cstr(&text);
    for (size_t i = 0; i < LEN(rows); i++) {
        /* The end of a line may be asked for twice: as its end, and as the begin of the next. */
        const char *at = strstr(from, rows[i]);
        cr_assert_not_null(at, "row %zu: %s", i, bf_buf_cstr(&text));
        from = at + strlen(rows[i]) - (rows[i][strlen(rows[i]) - 1] == '\n' || rows[i][strlen(rows[i]) - 1] == ' ');
    }
    bf_buf_free(&text);
    bf_config_done(table, LEN(table), &c);
}

Test(config, words_are_one_text_or_a_list)
{
    static const struct { const char *text, *env; size_t n; const char *last; } cases[] = {
        {"pins: one\n", NULL, 1, "one"}, {"pins: \" one  two \"\n", NULL, 2, "two"}, {"pins: [one, two]\n", NULL, 2, "two"},
        {"pins:\n", NULL, 0, NULL}, {"pins: [one, two]\n", "three", 1, "three"}, {"port: 1\n", "a b", 2, "b"}};
    for (size_t i = 0; i < LEN(cases); i++) {
        struct config c = {0};
        struct bf_error err = {0};
        if (cases[i].env)
            setenv("BF_PINS", cases[i].env, 1);
        cr_assert_eq(read_text(cases[i].text, &c, &err), BF_OK, "%s", err.text);
        cr_assert_eq(c.pins.n, cases[i].n, "case %zu", i);
        if (cases[i].n)
            cr_expect_str_eq(c.pins.at[cases[i].n - 1], cases[i].last);
        bf_config_done(table, LEN(table), &c);
        unsetenv("BF_PINS");
    }
    struct config c = {0};
    struct bf_error err = {0};
    cr_expect_neq(read_text("pins: {a: b}\n", &c, &err), BF_OK);
    bf_config_done(table, LEN(table), &c);
}

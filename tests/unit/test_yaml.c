#include "common/yaml.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "common/mem.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

static struct bf_diags diags_of(const char *source, size_t n)
{
    return (struct bf_diags){.file = "t.yaml", .source = source, .source_len = n};
}

static struct bf_yaml *parse_good(const char *source)
{
    struct bf_diags d = diags_of(source, strlen(source));
    struct bf_yaml *y = bf_yaml_parse(&d);
    cr_assert_not_null(y, "%s: %s", source, d.n ? d.at[0].text : "no diagnostic");
    cr_assert_eq(d.n, 0);
    return y;
}

/* The tree in one line: {key: value}, [item], plain scalars bare, others in quotes; each scalar with @line.column. */
static void show(const struct bf_yaml_node *n, struct bf_buf *b)
{
    if (n->kind == BF_YAML_SCALAR) {
        bf_buf_printf(b, n->quoted ? "'%s'@%u.%u" : "%s@%u.%u", n->text, n->mark.line, n->mark.column);
        return;
    }
    bf_buf_put_str(b, n->kind == BF_YAML_MAP ? "{" : "[");
    for (size_t i = 0; i < n->n; i++) {
        bf_buf_put_str(b, i ? ", " : "");
        if (n->keys) {
            show(n->keys[i], b);
            bf_buf_put_str(b, ": ");
        }
        show(n->items[i], b);
    }
    bf_buf_put_str(b, n->kind == BF_YAML_MAP ? "}" : "]");
}

Test(yaml, trees)
{
    static const struct { const char *source, *tree; } rows[] = {
        {"a: 1\nb: x y\n", "{a@1.1: 1@1.4, b@2.1: x y@2.4}"},
        {"a: 'q'\nb: \"\\u00e9\"\n", "{a@1.1: 'q'@1.4, b@2.1: '\xc3\xa9'@2.4}"},
        {"- a\n- - b\n  - c\n", "[a@1.3, [b@2.5, c@3.5]]"},
        {"{a: [1, 2], \"b\": {}}", "{a@1.2: [1@1.6, 2@1.9], 'b'@1.13: {}}"},
        {"s: |\n  l1\n  l2\n", "{s@1.1: 'l1\nl2\n'@2.1}"},
        {"s: >-\n  l1\n  l2\nt: 1\n", "{s@1.1: 'l1 l2'@2.1, t@4.1: 1@4.4}"},
        {"\xc3\xa9\xe2\x82\xac: x\n", "{\xc3\xa9\xe2\x82\xac@1.1: x@1.5}"},
        {"a:\nb: ~\n", "{a@1.1: @1.1, b@2.1: ~@2.4}"},
        {"- # a - b\n-\n- c\n", "[@1.1, @2.1, c@3.3]"},
        {"a: 1\r\nb: 2\r\n", "{a@1.1: 1@1.4, b@2.1: 2@2.4}"},
        {"--- # one\na: 1\n...\n", "{a@2.1: 1@2.4}"},
        {"\xef\xbb\xbf" "a: 1\n", "{a@1.1: 1@1.4}"},
        {"a: b # c\n# d\n", "{a@1.1: b@1.4}"},
        {"plain", "plain@1.1"},
        {"{\"json\": [true, null, 1.5, \"x\\ty\"]}", "{'json'@1.2: [true@1.11, null@1.17, 1.5@1.23, 'x\ty'@1.28]}"},
        {"a: a:b,c\n", "{a@1.1: a:b,c@1.4}"},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        struct bf_yaml *y = parse_good(rows[i].source);
        struct bf_buf b = {0};
        show(bf_yaml_root(y), &b);
        cr_expect_str_eq(bf_buf_cstr(&b), rows[i].tree, "row %zu: %s, not %s", i, (char *)b.data, rows[i].tree);
        bf_buf_free(&b);
        bf_yaml_free(y);
    }
}

Test(yaml, refusals_name_the_place)
{
    static const struct { const char *source; uint32_t line, column; const char *word; } rows[] = {
        {"", 1, 1, "empty"}, {"# only\n", 1, 1, "empty"}, {"---\n", 1, 1, "empty"}, {" \n\n", 1, 1, "empty"},
        {"a: &x 1\n", 1, 4, "anchors"}, {"a: 1\nb: *x\n", 2, 4, "aliases"}, {"*x : 1\n", 1, 1, "aliases"},
        {"a: !!str 1\n", 1, 4, "tags"}, {"a: !x [1]\n", 1, 4, "tags"}, {"&r\na: 1\n", 1, 1, "anchors"},
        {"a:\n  <<: {b: 1}\n", 2, 3, "merge"},
        {"a: 1\nb: 2\na: 3\n", 3, 1, "twice"}, {"a: 1\n\"a\": 3\n", 2, 1, "twice"}, {"{a: 1, b: 2, a: 1}", 1, 14, "twice"},
        {"? [a]\n: b\n", 1, 3, "key"}, {"{{a: 1}: 2}", 1, 2, "key"}, {": x\n", 1, 1, "missing"},
        {"a: 1\n---\nb: 1\n", 2, 1, "second document"}, {"a: 1\n...\nb: 1\n", 3, 1, "second document"},
        {"%YAML 1.2\n---\na: 1\n", 1, 1, "directives"},
        {"a: \"x\\0y\"\n", 1, 4, "NUL"},
        {"a: b: c\n", 1, 5, ""}, {"a:\n\tb: 1\n", 2, 1, "tab"}, {"a: [1, 2\n", 2, 1, "closing"}, {"a: 1\n b: 2\n", 1, 4, ""},
        {"a: 1\rb: \x02\r\nc: 1\n", 2, 4, "0x02"}, {"\xef\xbb\xbf" "a\xff", 1, 2, "0xff"},
        {"\xc3\xa9: \xff\n", 1, 4, "0xff"}, {"ok: 1\nx: \x01\n", 2, 4, "0x01"}, {"a: \xed\xa0\x80\n", 1, 4, "0xed"},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        struct bf_diags d = diags_of(rows[i].source, strlen(rows[i].source));
        struct bf_yaml *y = bf_yaml_parse(&d);
        cr_expect_null(y, "row %zu was accepted: %s", i, rows[i].source);
        cr_assert(d.n_errors >= 1, "row %zu", i);
        cr_expect(d.at[0].mark.line == rows[i].line && d.at[0].mark.column == rows[i].column, "row %zu: at %u:%u: %s", i,
                  d.at[0].mark.line, d.at[0].mark.column, d.at[0].text);
        cr_expect_not_null(strstr(d.at[0].text, rows[i].word), "row %zu: %s", i, d.at[0].text);
        bf_yaml_free(y);
        bf_diags_done(&d);
    }
    struct bf_diags d = diags_of("a: x\0y", 6);
    cr_expect_null(bf_yaml_parse(&d));
    cr_expect(d.n == 1 && d.at[0].mark.column == 5 && strstr(d.at[0].text, "0x00"));
    bf_diags_done(&d);
}

/* What is wrong in words of the file, what to do about it, and what began it. */
Test(yaml, troubles_are_explained)
{
    static const struct { const char *source, *said; } rows[] = {
        {"a: 1\nb: 2\na: 3\n", "t.yaml:3:1: error: the key \"a\" is given twice\n    a: 3\n    ^\n    fix: keep one of the two\n"
                               "t.yaml:1:1: note: first written here\n    a: 1\n    ^\n"},
        {"a:\n\tb: 1\n", "t.yaml:2:1: error: a tab may not be used for indentation\n        b: 1\n    ^\n    fix: indent with spaces\n"},
        {"a: 'x', \"y\", [1, '[', \"]\", # ]\n", "t.yaml:1:7: error: nothing may follow the closing quote\n    a: 'x', \"y\", [1, '[', "
                                               "\"]\", # ]\n          ^\n    fix: write '' for a quote within the string\n"},
        {"a: [1, 2\n", "t.yaml:2:1: error: the document ends before the closing bracket\n    fix: write the closing \"]\"\n"
                       "t.yaml:1:4: note: the \"[\" is opened here\n    a: [1, 2\n       ^\n"},
        {"b: [x]\na:\n  - {c: [1, '[', \"{\\\"\"], # ]}\n     d: {e: 1}\n",
         "t.yaml:5:1: error: a \",\" or the closing \"}\" is missing before this\n"
         "t.yaml:3:5: note: the \"{\" is opened here\n      - {c: [1, '[', \"{\\\"\"], # ]}\n        ^\n"},
        {"a: [1, [2, {b: 3]\n", "t.yaml:1:17: error: this bracket does not close the one that is open\n    a: [1, [2, {b: 3]\n"
                                "                    ^\n    fix: write the closing \"}\"\n"
                                "t.yaml:1:12: note: the \"{\" is opened here\n    a: [1, [2, {b: 3]\n               ^\n"},
        {"a: [{b: 1}, 2}\n", "t.yaml:1:14: error: this bracket does not close the one that is open\n    a: [{b: 1}, 2}\n"
                              "                 ^\n    fix: write the closing \"]\"\n"
                              "t.yaml:1:4: note: the \"[\" is opened here\n    a: [{b: 1}, 2}\n       ^\n"},
        {"[[1], {x: 1}, \"{\", # {\n 2}", "t.yaml:2:3: error: this bracket does not close the one that is open\n     2}\n      ^\n"
                                         "    fix: write the closing \"]\"\nt.yaml:1:1: note: the \"[\" is opened here\n"
                                         "    [[1], {x: 1}, \"{\", # {\n    ^\n"},
        {"a: {x: 1\nb: 3\n", "t.yaml:2:2: error: a \",\" or the closing \"}\" is missing before this\n    b: 3\n     ^\n"
                             "t.yaml:1:4: note: the \"{\" is opened here\n    a: {x: 1\n       ^\n"},
        {"a: ]\n", "t.yaml:1:4: error: this bracket closes nothing\n    a: ]\n       ^\n    fix: remove it, or put the value in quotes\n"},
        {"a: \"x\n  y\n", "t.yaml:1:4: error: the string that begins here has no closing quote\n    a: \"x\n       ^\n"
                          "    fix: write the closing \"\n"},
        {"s:\n  load\n\n  run: [a]\n", "t.yaml:2:3: error: this goes on in the next line, where a \":\" follows: a key must be in one "
                                       "line\n      load\n      ^~~~\n    fix: write \": \" behind the key, or mend the indentation of the "
                                       "next line\nt.yaml:4:3: note: this line is read as a part of it\n      run: [a]\n      ^~~\n"},
        {"a: {{ x }}\n", "t.yaml:1:4: error: a value with \"{{\" must be in quotes\n    a: {{ x }}\n       "
                         "^\n    fix: write \"{{ … }}\"\n"},
        {"a: &b 1\n", "t.yaml:1:4: error: anchors (&name) are not allowed\n    a: &b 1\n       ^\n"
                      "    fix: write the value out\n"},
        {"a: \xff\n", "t.yaml:1:4: error: the byte 0xff is not UTF-8\n    a: \xef\xbf\xbd\n       ^\n    fix: save the file as UTF-8\n"},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        struct bf_diags d = diags_of(rows[i].source, strlen(rows[i].source));
        struct bf_buf said = {0};
        cr_expect_null(bf_yaml_parse(&d), "row %zu", i);
        bf_diags_print(&d, &said);
        cr_expect_str_eq(bf_buf_cstr(&said), rows[i].said, "row %zu\n%s--- not\n%s", i, (char *)said.data, rows[i].said);
        bf_buf_free(&said);
        bf_diags_done(&d);
    }
}

Test(yaml, a_large_map_finds_its_duplicates)
{
    struct bf_buf b = {0};
    for (int i = 0; i < 500; i++)
        bf_buf_printf(&b, "k%d: 1\n", i % 450);
    struct bf_diags d = diags_of((char *)b.data, b.len);
    cr_expect_null(bf_yaml_parse(&d));
    cr_assert_eq(d.n_errors, 20, "%zu", d.n_errors);
    cr_expect(d.at[0].mark.line == 451 && strstr(d.at[0].text, "\"k0\" is given twice") && d.at[1].mark.line == 1, "%s", d.at[0].text);
    bf_diags_done(&d);
    bf_buf_free(&b);
}

static struct bf_buf nested(const char *open, const char *core, const char *close, size_t depth)
{
    struct bf_buf b = {0};
    for (size_t i = 0; i < depth; i++)
        bf_buf_put_str(&b, open);
    bf_buf_put_str(&b, core);
    for (size_t i = 0; i < depth; i++)
        bf_buf_put_str(&b, close);
    return b;
}

Test(yaml, depth_is_exact)
{
    static const struct { const char *open, *core, *close; } rows[] = {{"[", "1", "]"}, {"{a: ", "1", "}"}, {"- ", "1", ""}};
    for (size_t i = 0; i < LEN(rows); i++)
        for (size_t depth = BF_YAML_MAX_DEPTH; depth <= BF_YAML_MAX_DEPTH + 1; depth++) {
            struct bf_buf b = nested(rows[i].open, rows[i].core, rows[i].close, depth);
            struct bf_diags d = diags_of((char *)b.data, b.len);
            struct bf_yaml *y = bf_yaml_parse(&d);
            cr_expect_eq(y != NULL, depth == BF_YAML_MAX_DEPTH, "row %zu depth %zu", i, depth);
            cr_expect(y || strstr(d.at[0].text, "deep"));
            bf_yaml_free(y);
            bf_diags_done(&d);
            bf_buf_free(&b);
        }
}

static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* What a harmless document of 50,000 items costs here and now, in microseconds: the least of three.  The yardstick for the others. */
static int64_t harmless_us(void)
{
    int64_t least = INT64_MAX;
    for (int k = 0; k < 3; k++) {
        struct bf_buf b = {0};
        for (size_t i = 0; i < 50000; i++)
            bf_buf_put_str(&b, "- a\n");
        struct bf_diags d = diags_of((char *)b.data, b.len);
        int64_t before = cpu_us();
        bf_yaml_free(bf_yaml_parse(&d));
        int64_t took = cpu_us() - before;
        least = took < least ? took : least;
        cr_assert_eq(d.n_errors, 0);
        bf_diags_done(&d);
        bf_buf_free(&b);
    }
    return least;
}

/* Documents made to hurt: each is refused, soon (as so many times a harmless one) and in little memory.  The sanitizers are slower and
 * larger by design. */
Test(yaml, hostile_documents_are_refused_cheaply)
{
    static const struct { const char *head, *unit; size_t n; int64_t times; long mib; } rows[] = {
        {"", "[", 200000, 20, 100}, {"", "{", 200000, 20, 100}, {"", "{a: ", 200000, 20, 100}, {"", "- ", 200000, 20, 100},
        {"", "[", 99000, 20, 100}, {"", "? ", 200000, 20, 100}, {"", "- [", 90000, 20, 100}, {"", "[", BF_YAML_MAX_BYTES, 40, 150},
        {"", "*a ", 200000, 20, 150}, {"", "&a ", 200000, 20, 150}, {"", "---\n", 4000000, 40, 200},
        {"", "%", BF_YAML_MAX_BYTES, 40, 200}, {"a: >\n", "\n", BF_YAML_MAX_BYTES - 10, 60, 200},
        {"[", "a,", 8000000, 40, 200}, {"", "-\n", 8000000, 100, 300}, {"", "\"", BF_YAML_MAX_BYTES, 150, 300},
        {"", "x", BF_YAML_MAX_BYTES + 1, 10, 300},
    };
    const int64_t harmless = harmless_us();
    for (size_t i = 0; i < LEN(rows); i++) {
        struct bf_buf b = {0};
        bf_buf_put_str(&b, rows[i].head);
        for (size_t k = 0; k < rows[i].n; k++)
            bf_buf_put_str(&b, rows[i].unit);
        struct bf_diags d = diags_of((char *)b.data, b.len);
        int64_t before = cpu_us();
        struct bf_yaml *y = bf_yaml_parse(&d);
        int64_t took = cpu_us() - before;
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        cr_expect_null(y, "row %zu", i);
        cr_assert_geq(d.n_errors, 1);
        cr_expect(d.at[0].mark.line >= 1 && d.at[0].mark.column >= 1, "row %zu", i);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        cr_expect_leq(took, rows[i].times * harmless, "row %zu took %lld us, a harmless document %lld", i, (long long)took,
                      (long long)harmless);
        cr_expect_leq(usage.ru_maxrss / 1024, rows[i].mib, "row %zu: peak %ld MiB", i, usage.ru_maxrss / 1024);
#else
        (void)took;
        (void)harmless;
#endif
        bf_diags_done(&d);
        bf_buf_free(&b);
    }
}

Test(yaml, get_and_null)
{
    struct bf_yaml *y = parse_good("a: 1\nb:\nc: ~\nd: null\ne: ''\nf: 'null'\ng: []\nh: Null\ni: nULL\n");
    static const struct { const char *key; bool null; } rows[] = {
        {"a", false}, {"b", true}, {"c", true}, {"d", true}, {"e", false}, {"f", false}, {"g", false}, {"h", true}, {"i", false},
    };
    const struct bf_yaml_node *root = bf_yaml_root(y);
    for (size_t i = 0; i < LEN(rows); i++) {
        cr_assert_not_null(bf_yaml_get(root, rows[i].key), "%s", rows[i].key);
        cr_expect_eq(bf_yaml_is_null(bf_yaml_get(root, rows[i].key)), rows[i].null, "%s", rows[i].key);
    }
    cr_expect_null(bf_yaml_get(root, "z"));
    cr_expect_null(bf_yaml_get(bf_yaml_get(root, "a"), "x"));
    cr_expect_null(bf_yaml_get(NULL, "x"));
    bf_yaml_free(y);
    bf_yaml_free(NULL);
}

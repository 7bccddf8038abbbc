#include "common/options.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>

#define LEN(a) (sizeof(a) / sizeof *(a))

struct values {
    bool yes, watch;
    const char *output, *slots;
    struct bf_option_list labels;
};

static const struct bf_option table[] = {
    {"yes", 'y', BF_OPT_FLAG, offsetof(struct values, yes), NULL, "do not ask"},
    {"watch", 'w', BF_OPT_FLAG, offsetof(struct values, watch), NULL, "stay"},
    {"output", 'o', BF_OPT_STRING, offsetof(struct values, output), "FORMAT", "table, json"},
    {"slots", 's', BF_OPT_ONCE, offsetof(struct values, slots), "N", "how many"},
    {"label", 'l', BF_OPT_STRINGS, offsetof(struct values, labels), "KEY=VALUE", "only these"},
    {"a-very-long-option-name-indeed", 0, BF_OPT_FLAG, offsetof(struct values, watch), NULL, "wraps"},
};

/* Words are separated by one blank in the rows. */
static enum bf_rc parse(const char *line, struct values *v, const char **words, size_t max, size_t *n, char ***rest, int *rest_n,
                        struct bf_error *err)
{
    static char text[256];
    static char *argv[64];
    int argc = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
        argv[argc++] = w;
    return bf_options_parse(argc, argv, table, LEN(table), v, words, max, n, rest, rest_n, err);
}

Test(options, accepted)
{
    static const struct { const char *line; bool yes, watch; const char *output; size_t labels; const char *words; } rows[] = {
        {"", false, false, NULL, 0, ""},
        {"a b", false, false, NULL, 0, "a b "},
        {"--yes a --output json b", true, false, "json", 0, "a b "},
        {"--output=json", false, false, "json", 0, ""},
        {"--output=", false, false, "", 0, ""},
        {"-o json -y", true, false, "json", 0, ""},
        {"-ojson", false, false, "json", 0, ""},
        {"-yw", true, true, NULL, 0, ""},
        {"-ywo json", true, true, "json", 0, ""},
        {"-l a=1 --label b=2 --label=c=3", false, false, NULL, 3, ""},
        {"-o a -o b", false, false, "b", 0, ""},
        {"--slots 3 -y", true, false, NULL, 0, ""},
        {"- x", false, false, NULL, 0, "- x "},
        {"-y -- -w --nope", true, false, NULL, 0, "-w --nope "},
        {"--output -- x", false, false, "--", 0, "x "},
        {"--output -y", false, false, "-y", 0, ""},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        struct values v = {0};
        struct bf_error err = {0};
        const char *words[4];
        size_t n = 0;
        char joined[64] = "";
        cr_assert_eq(parse(rows[i].line, &v, words, 4, &n, NULL, NULL, &err), BF_OK, "%s: %s", rows[i].line, err.text);
        for (size_t k = 0; k < n; k++) {
            strcat(joined, words[k]);
            strcat(joined, " ");
        }
        cr_expect_str_eq(joined, rows[i].words);
        cr_expect(v.yes == rows[i].yes && v.watch == rows[i].watch, "%s", rows[i].line);
        cr_expect(v.output == rows[i].output || strcmp(v.output, rows[i].output) == 0, "%s: %s", rows[i].line, v.output);
        cr_expect_eq(v.labels.n, rows[i].labels, "%s", rows[i].line);
    }
}

Test(options, refused)
{
    static const struct { const char *line, *says; } rows[] = {
        {"--outptu json", "unknown option --outptu; did you mean --output?"},
        {"--outptu=json", "did you mean --output?"},
        {"--zzzzzz", "unknown option --zzzzzz; --help lists them"},
        {"--out json", "unknown option --out"},
        {"-z", "unknown option -z"},
        {"-yz", "unknown option -z"},
        {"--output", "--output needs an argument: --output FORMAT"},
        {"-o", "--output needs an argument"},
        {"--slots 3 --slots 5", "--slots is given twice; say it once"},
        {"--slots=3 -s 3", "--slots is given twice"},
        {"--yes=1", "--yes takes no argument"},
        {"a b c d e", "unexpected word \"e\""},
        {"--=x", "unknown option --"},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        struct values v = {0};
        struct bf_error err = {0};
        const char *words[4];
        size_t n = 99;
        cr_expect_eq(parse(rows[i].line, &v, words, 4, &n, NULL, NULL, &err), BF_USAGE, "%s", rows[i].line);
        cr_expect_not_null(strstr(err.text, rows[i].says), "%s: %s", rows[i].line, err.text);
        cr_expect_eq(n, 99, "untouched: %s", rows[i].line);
    }
}

Test(options, a_list_has_an_end)
{
    struct values v = {0};
    struct bf_error err = {0};
    char word[] = "-lx", *argv[65];
    size_t n = 0;
    for (size_t i = 0; i < LEN(argv); i++)
        argv[i] = word;
    cr_expect_eq(bf_options_parse(64, argv, table, LEN(table), &v, NULL, 0, &n, NULL, NULL, &err), BF_OK);
    v.labels.n = 0;
    cr_expect_eq(bf_options_parse(65, argv, table, LEN(table), &v, NULL, 0, &n, NULL, NULL, &err), BF_USAGE);
}

Test(options, the_rest_is_handed_over)
{
    static const struct { const char *line; int rest_n; const char *first; size_t words; } rows[] = {
        {"dev -- cmd -y --x", 3, "cmd", 1}, {"dev --", 0, NULL, 1}, {"dev", 0, NULL, 1}, {"-- -- a", 2, "--", 0},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        struct values v = {0};
        struct bf_error err = {0};
        const char *words[4];
        size_t n = 0;
        char **rest = NULL;
        int rest_n = -1;
        cr_assert_eq(parse(rows[i].line, &v, words, 4, &n, &rest, &rest_n, &err), BF_OK, "%s", err.text);
        cr_expect(rest_n == rows[i].rest_n && n == rows[i].words && !v.yes, "%s", rows[i].line);
        cr_expect(!rows[i].first || strcmp(rest[0], rows[i].first) == 0);
    }
}

Test(options, help_is_aligned, .init = cr_redirect_stdout)
{
    bf_options_help(table, LEN(table));
    fflush(stdout);
    cr_assert_stdout_eq_str("  -y, --yes              do not ask\n"
                            "  -w, --watch            stay\n"
                            "  -o, --output FORMAT    table, json\n"
                            "  -s, --slots N          how many\n"
                           "  -l, --label KEY=VALUE  only these\n"
                            "      --a-very-long-option-name-indeed\n"
                            "                         wraps\n");
}

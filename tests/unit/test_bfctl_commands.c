#include "bfctl/commands.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>

#include "common/rc.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

/* What the last run of the test's own command saw. */
static struct { unsigned runs; size_t n_words; bool yes; const char *output; } seen;

struct values {
    struct ctl_common common;
    bool yes;
};

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    seen.runs++;
    seen.n_words = call->n_words;
    seen.yes = v->yes;
    seen.output = v->common.output;
    return 42;
}

static const struct bf_option options[] = {
    {"yes", 'y', BF_OPT_FLAG, offsetof(struct values, yes), NULL, "do not ask"},
    CTL_OPTION_OUTPUT(struct values, "table or json"),
    CTL_OPTION_HELP(struct values)};
static const struct ctl_command command = {
    .usage = "thing make NAME", .options = options, .n_options = LEN(options), .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 2, .run = run};
static const struct ctl_entry entries[] = {
    {"thing make", "make a thing", &command}, {"thing", "the thing itself", &command}, {"watch", "look at it", &command}, {"later", 0, 0},
    {"noun only", "of two words", &command}};
static const struct ctl_alias aliases[] = {{"show things", "thing make"}, {"look", "watch"}};
static const struct ctl_table table = {entries, LEN(entries), aliases, LEN(aliases)};

static int run_line(const char *line)
{
    static char text[256];
    char *argv[32] = {"bfctl"};
    int argc = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
        argv[argc++] = w;
    return ctl_main(&table, argc, argv);
}

static void redirect(void)
{
    cr_redirect_stdout();
    cr_redirect_stderr();
}

Test(bfctl_commands, arguments, .init = redirect)
{
    static const struct { const char *line; int status; unsigned runs; size_t n_words; bool yes; } rows[] = {
        {"thing make a", 42, 1, 1, false}, {"thing make a b", 42, 1, 2, false}, {"thing a -y", 42, 1, 1, true},
        {"thing make --yes a -o json", 42, 1, 1, true}, {"watch x", 42, 1, 1, false},
        {"show things a -y", 42, 1, 1, true}, {"look x", 42, 1, 1, false}, {"show", 2, 0, 0, false}, {"show thigns", 2, 0, 0, false},
        {"thing make", 2, 0, 0, false}, {"thing make a b c", 2, 0, 0, false}, {"thing make a --nope", 2, 0, 0, false},
        {"thing make a --since 3", 2, 0, 0, false}, {"thing make a --flag=x", 2, 0, 0, false}, {"thing make --help", 0, 0, 0, false},
        {"later", 2, 0, 0, false}, {"later --help", 2, 0, 0, false}, {"wacth", 2, 0, 0, false}, {"noun", 2, 0, 0, false},
        {"", 2, 0, 0, false},
        {"-y thing", 2, 0, 0, false}, {"--help", 0, 0, 0, false}};
    for (size_t i = 0; i < LEN(rows); i++) {
        memset(&seen, 0, sizeof seen);
        cr_expect_eq(run_line(rows[i].line), rows[i].status, "'%s'", rows[i].line);
        cr_expect_eq(seen.runs, rows[i].runs, "'%s'", rows[i].line);
        cr_expect_eq(seen.n_words, rows[i].n_words, "'%s'", rows[i].line);
        cr_expect_eq(seen.yes, rows[i].yes, "'%s'", rows[i].line);
    }
}

Test(bfctl_commands, finding)
{
    static const struct { const char *one, *two; const char *found; int used; const char *near; } rows[] = {
        {"thing", "make", "thing make", 2, NULL}, {"thing", "other", "thing", 1, NULL}, {"thing", NULL, "thing", 1, NULL},
        {"thing", "--yes", "thing", 1, NULL}, {"wacth", NULL, NULL, 0, "watch"}, {"wacth", "x", NULL, 0, "watch"},
        {"zzzzzzz", NULL, NULL, 0, NULL}, {"noun", "onyl", NULL, 0, "noun only"}, {"later", NULL, "later", 1, NULL}};
    for (size_t i = 0; i < LEN(rows); i++) {
        char one[32], two[32];
        snprintf(one, sizeof one, "%s", rows[i].one);
        snprintf(two, sizeof two, "%s", rows[i].two ? rows[i].two : "");
        char *argv[] = {one, two};
        int used = 0;
        const char *near = NULL;
        const struct ctl_entry *e = ctl_find(&table, rows[i].two ? 2 : 1, argv, &used, &near);
        cr_expect_str_eq(e ? e->name : "none", rows[i].found ? rows[i].found : "none");
        cr_expect_eq(used, rows[i].used, "%s", one);
        cr_expect_str_eq(near ? near : "none", rows[i].near ? rows[i].near : "none");
    }
}

Test(bfctl_commands, unsupported_says_so, .init = redirect)
{
    cr_assert_eq(run_line("later"), 2);
    fflush(stderr);
    cr_assert_stderr_eq_str("bfctl: error: 'later' is not supported yet\n");
}

Test(bfctl_commands, outputs)
{
    static const struct { const char *word; enum bf_rc rc; enum ctl_output output; } rows[] = {
        {NULL, BF_OK, CTL_TABLE}, {"table", BF_OK, CTL_TABLE}, {"json", BF_OK, CTL_JSON}, {"name", BF_UNSUPPORTED, 0},
        {"wide", BF_UNSUPPORTED, 0}, {"yaml", BF_OK, CTL_JSON}, {"xml", BF_USAGE, 0}, {"", BF_USAGE, 0}};
    for (size_t i = 0; i < LEN(rows); i++) {
        const struct ctl_common common = {.output = rows[i].word};
        enum ctl_output output = 0;
        struct bf_error err = {0};
        cr_expect_eq(ctl_output(&common, CTL_TABLE, CTL_TABLE | CTL_JSON, &output, &err), rows[i].rc, "row %zu", i);
        cr_expect_eq(output, rows[i].output, "row %zu", i);
    }
}

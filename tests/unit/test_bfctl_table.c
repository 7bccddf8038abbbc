/* The table of bfctl's own commands, and what is made of it: help, completion, examples. */
#define main bfctl_main
#include "bfctl/main.c"
#undef main

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/complete.h"
#include "common/mem.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

static bool is_hidden(const struct ctl_entry *e)
{
    return e->name[0] == '_';
}

Test(bfctl_table, every_command_is_whole)
{
    for (size_t i = 0; i < table.n; i++) {
        const struct ctl_entry *e = &table.at[i];
        const struct ctl_command *c = e->command;
        for (size_t k = 0; k < i; k++)
            cr_expect_neq(strcmp(e->name, table.at[k].name), 0, "%s is there twice", e->name);
        if (!c || is_hidden(e))
            continue;
        size_t n = strlen(e->name);
        cr_expect(e->help && *e->help, "%s has no line of help", e->name);
        cr_expect(strncmp(c->usage, e->name, n) == 0 && (c->usage[n] == ' ' || c->usage[n] == '\0'), "usage of %s: %s", e->name, c->usage);
        cr_expect_not_null(c->run, "%s", e->name);
        cr_expect_leq(c->min_words, c->max_words, "%s", e->name);
        cr_expect_leq(c->max_words, CTL_WORDS_MAX, "%s", e->name);
        bool help = false;
        for (size_t k = 0; k < c->n_options; k++) {
            const struct bf_option *o = &c->options[k];
            help |= strcmp(o->name, "help") == 0;
            size_t size = o->kind == BF_OPT_FLAG ? sizeof(bool) : o->kind == BF_OPT_STRINGS ? sizeof(struct bf_option_list) : sizeof(char *);
            cr_expect_leq(o->offset + size, c->values_bytes, "%s --%s", e->name, o->name);
            cr_expect(o->help && *o->help, "%s --%s has no help", e->name, o->name);
            cr_expect_eq(o->arg == NULL, o->kind == BF_OPT_FLAG, "%s --%s", e->name, o->name);
            for (size_t j = 0; j < k; j++) {
                cr_expect_neq(strcmp(o->name, c->options[j].name), 0, "%s --%s is there twice", e->name, o->name);
                cr_expect(!o->letter || o->letter != c->options[j].letter, "%s -%c is there twice", e->name, o->letter);
            }
        }
        cr_expect(help, "%s has no --help", e->name);
    }
}

/* Options that mean one thing everywhere have one letter everywhere. */
Test(bfctl_table, letters)
{
    static const struct { char letter; const char *name; } rows[] = {
        {'o', "output"}, {'w', "watch"}, {'f', "follow"}, {'y', "yes"}, {'l', "selector"}, {'h', "help"}};
    for (size_t i = 0; i < table.n; i++) {
        const struct ctl_command *c = table.at[i].command;
        for (size_t k = 0; c && k < c->n_options; k++)
            for (size_t r = 0; r < LEN(rows); r++)
                cr_expect_eq(c->options[k].letter == rows[r].letter, strcmp(c->options[k].name, rows[r].name) == 0, "%s --%s",
                             table.at[i].name, c->options[k].name);
    }
}

Test(bfctl_table, aliases_lead_to_commands)
{
    for (size_t i = 0; i < table.n_aliases; i++) {
        char one[32], two[32] = "";
        cr_assert_geq(sscanf(table.aliases[i].name, "%31s %31s", one, two), 1);
        char *argv[] = {one, two};
        int n, used;
        const char *near;
        BF_AUTO_FREE char **words = ctl_resolve(&table, two[0] ? 2 : 1, argv, &n);
        const struct ctl_entry *e = ctl_find(&table, n, words, &used, &near);
        cr_expect(e && e->command, "%s leads nowhere", table.aliases[i].name);
    }
}

/* ---- examples ---- */

/* Words of a line as a shell has them, at most max; quotes go.  Gives -1 where a pipe or an assignment makes it more than a command. */
static int shell_words(char *line, char **argv, int max)
{
    int n = 0;
    for (char *p = line; *p && n < max;) {
        while (*p == ' ')
            p++;
        if (!*p || *p == '>' || *p == '|' || *p == '<')
            break;
        char *out = argv[n++] = p;
        for (char quote = 0; *p && (quote || *p != ' '); p++) {
            if ((*p == '\'' || *p == '"') && (!quote || quote == *p))
                quote = quote ? 0 : *p;
            else
                *out++ = *p;
        }
        p += *p == ' ';
        *out = '\0';
    }
    return n;
}

static void expect_parses(const struct ctl_entry *of, const char *example, size_t length)
{
    BF_AUTO_FREE char *line = bf_xstrndup(example, length);
    const char *begin = strstr(line, "bfctl ");
    cr_assert_not_null(begin, "%s: the example is none: %s", of->name, line);
    char *argv[32], *close = strchr(line, ')');
    if (close && (line[strspn(line, " ")] != 'b'))
        *close = '\0';                           /* id=$(bfctl …), source <(bfctl …) */
    int argc = shell_words(line + (begin - line) + 6, argv, LEN(argv)), n, used, n_rest = 0;
    const char *near, *words[CTL_WORDS_MAX];
    BF_AUTO_FREE char **resolved = ctl_resolve(&table, argc, argv, &n);
    const struct ctl_entry *e = ctl_find(&table, n, resolved, &used, &near);
    cr_assert(e && e->command, "%s: %.*s", of->name, (int)length, example);
    const struct ctl_command *c = e->command;
    BF_AUTO_FREE void *values = bf_xcalloc(1, c->values_bytes);
    char **rest;
    size_t n_words = 0;
    struct bf_error err = {0};
    enum bf_rc rc = bf_options_parse(ctl_own_words(c, n - used, resolved + used), resolved + used, c->options, c->n_options, values, words,
                                     LEN(words), &n_words, c->takes_rest ? &rest : NULL, c->takes_rest ? &n_rest : NULL, &err);
    cr_expect_eq(rc, BF_OK, "%.*s: %s", (int)length, example, err.text);
    cr_expect(n_words >= c->min_words && n_words <= c->max_words, "%.*s: %zu words", (int)length, example, n_words);
}

Test(bfctl_table, examples_parse)
{
    size_t n = 0;
    for (size_t i = 0; i < table.n; i++) {
        const struct ctl_command *c = table.at[i].command;
        for (const char *at = c && c->examples ? c->examples : ""; *at; n++) {
            size_t length = strcspn(at, "\n");
            expect_parses(&table.at[i], at, length);
            at += length + (at[length] == '\n');
        }
    }
    cr_assert_gt(n, 30, "only %zu examples were found", n);
}

/* ---- completion ---- */

/* Stands in for the coordinator. */
static void ask(const struct complete_question *q, struct bf_buf *ret)
{
    static const char *const answers[] = {
        [COMPLETE_BACKFILLS] = "bf-2\torders\nbf-1\tolder\n", [COMPLETE_STEPS] = "load\tstep\nsum\tstep\n",
                               [COMPLETE_AGENTS] = "agent-1\tup\n",
        [COMPLETE_POOLS] = "wh\tpool\n", [COMPLETE_PLANS] = "orders\tplan\n",
        [COMPLETE_KEYS] = "ada\tadmin\nvic\tviewer\n"};
    if (q->kind == COMPLETE_STEPS && !q->backfill)
        return;
    bf_buf_put_str(ret, answers[q->kind]);
}

/* What is offered, joined by blanks, without descriptions. */
static const char *offered(const char *line)
{
    static char ret[4096];
    char text[256], *argv[32];
    int argc = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *w = text; w; argc++) {
        argv[argc] = w;
        w = strchr(w, ' ');
        if (w)
            *w++ = '\0';
    }
    struct bf_buf lines = {0};
    complete_words(&table, argc, argv, ask, &lines);
    size_t n = 0;
    for (const char *at = bf_buf_cstr(&lines); *at && n < sizeof ret - 1;) {
        size_t word = strcspn(at, "\t\n");
        n += (size_t)snprintf(ret + n, sizeof ret - n, "%s%.*s", n ? " " : "", (int)word, at);
        at += strcspn(at, "\n") + 1;
    }
    ret[n] = '\0';
    bf_buf_free(&lines);
    return ret;
}

Test(bfctl_table, completion)
{
    static const struct { const char *line, *offered; } rows[] = {
        {"back", "backfill backup"}, {"backfill c", "create cancel"}, {"get ag", "agents agent"}, {"steps ", "bf-2 bf-1 @latest"},
        {"steps bf-2 ", "load sum"},
        {"steps bf-2 load s", "sum"}, {"get steps @latest lo", "load"}, {"steps bf-2 --output ", "table wide json yaml name"},
        {"steps bf-2 --output = j", "json"}, {"steps bf-2 --output =", "table wide json yaml name"},
        {"steps bf-2 --output=ya", "--output=yaml"},
        {"steps -o wi", "wide"}, {"steps --wat", "--watch"}, {"steps bf-2 --state fa", "failed"}, {"checks bf-2 --status w", "warned"},
        {"agent drain ", "agent-1"}, {"agents ", "agent-1"}, {"pools ", "wh"}, {"describe ", "backfill step agent pool"},
        {"describe agent ", "agent-1"},
        {"describe step bf-2 ", "load sum"}, {"describe pool ", "wh"}, {"backfill describe ", "bf-2 bf-1"}, {"plan history ", "orders"},
        {"plan validate ", ":files"}, {"plan show ", ":files bf-2 bf-1 @latest"}, {"priority bf-2 ", "critical high normal low"},
        {"priority bf-2 low ", "load sum"}, {"completion ", "bash zsh fish"}, {"help comp", "compact completion"},
        {"help plan va", "validate"}, {"nonsense ", ""}, {"steps bf-2 --limit ", ""}, {"backfill get bf-2 ", ""},
        {"plan graph x -o d", "dot"}, {"backfill create p --order f", "forward"},
        {"keys revoke ", "ada vic"}, {"keys rotate v", "vic"}, {"keys create ", ""}, {"keys create x --pool ", "wh"},
        {"keys create x --plan o", "orders"}, {"audit --who a", "ada"}, {"audit --what pa", "pause"}, {"support --backfill ", "bf-2 bf-1"},
        {"backfill create p --reprocess m", "missing"}, {"wait ", "bf-2 bf-1 @latest"}, {"__comp", ""}};
    for (size_t i = 0; i < LEN(rows); i++)
        cr_expect_str_eq(offered(rows[i].line), rows[i].offered, "'%s'", rows[i].line);
    cr_expect_not_null(strstr(offered(""), "describe"), "every first word");
    cr_expect_null(strstr(offered(""), "__"));
}

/* Every command completes its options, and every option of formats has some. */
Test(bfctl_table, every_command_completes)
{
    for (size_t i = 0; i < table.n; i++) {
        const struct ctl_command *c = table.at[i].command;
        if (!c || is_hidden(&table.at[i]))
            continue;
        char line[128];
        snprintf(line, sizeof line, "%s --he", table.at[i].name);
        cr_expect_str_eq(offered(line), "--help", "%s", line);
        for (size_t k = 0; k < c->n_options; k++)
            if (c->options[k].arg && strcmp(c->options[k].arg, "FORMAT") == 0) {
                snprintf(line, sizeof line, "%s -o ", table.at[i].name);
                cr_expect_not_null(strstr(offered(line), "json yaml"), "%s", line);
            }
    }
}

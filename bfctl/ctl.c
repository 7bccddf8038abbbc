/* Finding a command, reading its options, its help page, and the forms in which bfctl speaks.
 *
 * Results go to standard output, everything else to standard error, so that a script can take the result as it is.  Every
 * failure is one line "bfctl: error: sentence"; the exit status comes from the table in common/rc.h. */
#include "bfctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bfctl/render.h"
#include "common/mem.h"
#include "common/text.h"

#define NAMES_MAX 256

static const struct ctl_table *commands;

const struct ctl_table *ctl_commands(void)
{
    return commands;
}

/* ---- speaking ---- */

int ctl_failed(const struct bf_error *err)
{
    fflush(stdout);
    fprintf(stderr, "bfctl: error: %s\n", err->text[0] ? err->text : bf_rc_words(err->rc));
    return bf_rc_exit(err->rc);
}

int ctl_fail(enum bf_rc rc, const char *fmt, ...)
{
    struct bf_error err = {.rc = rc};
    va_list args;
    va_start(args, fmt);
    vsnprintf(err.text, sizeof err.text, fmt, args);
    va_end(args);
    return ctl_failed(&err);
}

void ctl_note(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fflush(stdout);
    fputs("bfctl: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

void ctl_note_times(int64_t since_us, int64_t until_us)
{
    char text[BF_TIME_MAX], since[RENDER_TIME_MAX], until[RENDER_TIME_MAX];
    bf_format_time(since_us, text);
    render_time(text, since);
    bf_format_time(until_us, text);
    render_time(text, until);
    if (since_us && until_us)
        ctl_note("from %s (inclusive) to %s (exclusive), UTC", since, until);
    else if (since_us || until_us)
        ctl_note("%s %s (%s), UTC", since_us ? "since" : "until", since_us ? since : until, since_us ? "inclusive" : "exclusive");
}

bool ctl_confirm(bool yes, const char *question, struct bf_error *err)
{
    if (yes)
        return true;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        bf_fail(err, BF_USAGE, "%s: there is no terminal to ask on; give --yes", question);
        return false;
    }
    fprintf(stderr, "%s? [y/N] ", question);
    char answer[16];
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    bf_fail(err, BF_USAGE, "not confirmed; nothing was changed");
    return false;
}

enum bf_rc ctl_output(const struct ctl_common *common, enum ctl_output preset, unsigned allowed, enum ctl_output *ret,
                      struct bf_error *err)
{
    /* The first few are forms that operators expect of any command. */
    static const struct { const char *word; enum ctl_output output; } words[] = {
        {"table", CTL_TABLE}, {"json", CTL_JSON}, {"name", CTL_NAME}, {"wide", CTL_WIDE}, {"yaml", CTL_JSON},
        {"text", CTL_TEXT}, {"dot", CTL_DOT}, {"mermaid", CTL_MERMAID}};
    enum { N = sizeof words / sizeof words[0], N_EXPECTED = 5 };
    char list[80] = "";
    if (!common->output) {
        *ret = preset;
        return BF_OK;
    }
    for (size_t i = 0; i < N; i++) {
        bool fits = (allowed & words[i].output) != 0, meant = strcmp(common->output, words[i].word) == 0;
        if (meant && !fits && i < N_EXPECTED)
            return bf_fail(err, BF_UNSUPPORTED, "output '%s' is not supported yet here", words[i].word);
        if (meant && fits) {
            *ret = words[i].output;
            render_as(strcmp(words[i].word, "yaml") == 0 ? RENDER_YAML : RENDER_JSON);
            return BF_OK;
        }
        size_t n = strlen(list);
        if (fits)
            snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", words[i].word);
    }
    return bf_fail(err, BF_USAGE, "unknown output '%s': known here are %s", common->output, list);
}

/* ---- help ---- */

void ctl_help_command(const struct ctl_entry *e)
{
    const struct ctl_command *c = e->command;
    printf("bfctl %s: %s\n\nUsage:\n  bfctl %s\n", e->name, e->help, c->usage);
    if (c->about)
        printf("\n%s\n", c->about);
    printf("\nOptions:\n");
    fflush(stdout);
    bf_options_help(c->options, c->n_options);
    if (c->examples)
        printf("\nExamples:\n%s\n", c->examples);
}

void ctl_help_all(const struct ctl_table *table)
{
    printf("bfctl drives backfills: it sends plans to a coordinator, follows them, and explains them.\n\n"
           "Usage:\n  bfctl COMMAND [ARGUMENTS] [OPTIONS]\n\nCommands:\n");
    for (size_t i = 0; i < table->n; i++)
        if (table->at[i].command && table->at[i].name[0] != '_')
            printf("  %-18s %s\n", table->at[i].name, table->at[i].help);
    printf("\n`bfctl COMMAND --help` shows the options of a command.\n"
           "Exit status: 0 ok, 1 the work failed, 2 usage or invalid plan, 3 partly succeeded, 5 conflict,\n"
           "6 coordinator unreachable, 7 denied, 124 timed out.\n");
}

/* ---- finding ---- */

const struct ctl_entry *ctl_find(const struct ctl_table *table, int argc, char **argv, int *ret_used,
                                 const char **ret_near)
{
    char two[128] = "";
    if (argc > 1 && argv[1][0] != '-')
        snprintf(two, sizeof two, "%s %s", argv[0], argv[1]);
    const char *names[NAMES_MAX];
    size_t n_names = 0;
    const struct ctl_entry *one = NULL;
    for (size_t i = 0; i < table->n_aliases && n_names < NAMES_MAX; i++)
        names[n_names++] = table->aliases[i].name;
    for (size_t i = 0; i < table->n && n_names < NAMES_MAX; i++) {
        const struct ctl_entry *e = &table->at[i];
        if (!e->help || *e->help)            /* the others are not shown, and not meant */
            names[n_names++] = e->name;
        if (strcmp(e->name, two) == 0) {
            *ret_used = 2;
            return e;
        }
        if (strcmp(e->name, argv[0]) == 0)
            one = e;
    }
    if (one) {
        *ret_used = 1;
        return one;
    }
    *ret_near = two[0] ? bf_nearest(two, names, n_names) : NULL;
    if (!*ret_near)
        *ret_near = bf_nearest(argv[0], names, n_names);
    return NULL;
}

/* The words of an alias, one or two, in memory that stays. */
static int alias_words(const struct ctl_alias *a, char *ret[2])
{
    static char memory[128];
    snprintf(memory, sizeof memory, "%s", a->words);
    ret[0] = memory;
    char *blank = strchr(memory, ' ');
    if (!blank)
        return 1;
    *blank = '\0';
    ret[1] = blank + 1;
    return 2;
}

/* How many of the first words are this name: 1, 2, or 0 when they are not. */
static int words_that_are(const char *name, int argc, char **argv)
{
    size_t n = argc > 0 ? strlen(argv[0]) : 0;
    if (n == 0 || strncmp(name, argv[0], n) != 0)
        return 0;
    if (name[n] == '\0')
        return 1;
    return name[n] == ' ' && argc > 1 && strcmp(name + n + 1, argv[1]) == 0 ? 2 : 0;
}

char **ctl_resolve(const struct ctl_table *table, int argc, char **argv, int *ret_argc)
{
    char **ret = bf_xcalloc((size_t)argc + 3, sizeof *ret), *words[2];
    int used = 0, n = 0;
    for (size_t i = 0; i < table->n_aliases && used == 0; i++) {
        used = words_that_are(table->aliases[i].name, argc, argv);
        if (used > 0)
            n = alias_words(&table->aliases[i], words);
    }
    for (int i = 0; i < n; i++)
        ret[i] = words[i];
    for (int i = used; i < argc; i++)
        ret[n++] = argv[i];
    *ret_argc = n;
    return ret;
}

/* name is one of two words, of which word is the first, a noun such as "plan". */
static bool is_of(const char *name, const char *word)
{
    size_t n = strlen(word);
    return strncmp(name, word, n) == 0 && name[n] == ' ';
}

/* Is there something to call behind this word? */
static bool is_noun(const struct ctl_table *table, const char *word)
{
    for (size_t i = 0; i < table->n; i++)
        if (table->at[i].command && is_of(table->at[i].name, word))
            return true;
    for (size_t i = 0; i < table->n_aliases; i++)
        if (is_of(table->aliases[i].name, word))
            return true;
    return false;
}

bool ctl_help_noun(const struct ctl_table *table, const char *word)
{
    if (!is_noun(table, word))
        return false;
    printf("bfctl %s: one of the commands below\n\nUsage:\n  bfctl %s COMMAND [ARGUMENTS] [OPTIONS]\n\nCommands:\n", word, word);
    for (size_t i = 0; i < table->n; i++)
        if (table->at[i].command && is_of(table->at[i].name, word))
            printf("  %-18s %s\n", table->at[i].name, table->at[i].help);
    for (size_t i = 0; i < table->n_aliases; i++)
        if (is_of(table->aliases[i].name, word))
            printf("  %-18s the same as `bfctl %s`\n", table->aliases[i].name, table->aliases[i].words);
    printf("\n`bfctl COMMAND --help` shows the options of a command.\n");
    return true;
}

static int unknown_command(const struct ctl_table *table, int argc, char **argv, const char *near)
{
    if (argv[0][0] == '-')
        return ctl_fail(BF_USAGE, "options come behind the command: bfctl COMMAND %s", argv[0]);
    if (is_noun(table, argv[0])) {
        fprintf(stderr, "bfctl: error: '%s' needs one of:", argv[0]);
        size_t n = strlen(argv[0]);
        for (size_t i = 0; i < table->n; i++)
            if (table->at[i].command && is_of(table->at[i].name, argv[0]))
                fprintf(stderr, " %s", table->at[i].name + n + 1);
        for (size_t i = 0; i < table->n_aliases; i++)
            if (is_of(table->aliases[i].name, argv[0]))
                fprintf(stderr, " %s", table->aliases[i].name + n + 1);
        if (argc > 1 && near)
            fprintf(stderr, "; did you mean '%s'?", near);
        fputc('\n', stderr);
        return bf_rc_exit(BF_USAGE);
    }
    for (size_t i = 0; i < table->n; i++)
        if (is_of(table->at[i].name, argv[0]))
            return ctl_fail(BF_UNSUPPORTED, "'%s' is not supported yet", table->at[i].name);
    if (near)
        return ctl_fail(BF_USAGE, "unknown command '%s'; did you mean '%s'?", argv[0], near);
    return ctl_fail(BF_USAGE, "unknown command '%s'; `bfctl help` lists the commands", argv[0]);
}

/* ---- running ---- */

/* Options that operators may expect and that no command has yet, or that a command has no more: refused by name, never ignored. */
static const char *const options_not_yet[] = {"flag", "lineage", "strict", "delay", "without-kill"};

static enum bf_rc check_not_yet(const struct ctl_command *c, int argc, char **argv, struct bf_error *err)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--", 2) != 0)
            continue;
        const char *name = argv[i] + 2;
        size_t n = strcspn(name, "=");
        bool known = false;
        for (size_t k = 0; k < c->n_options; k++)
            known |= strncmp(c->options[k].name, name, n) == 0 && c->options[k].name[n] == '\0';
        for (size_t k = 0; !known && k < sizeof options_not_yet / sizeof options_not_yet[0]; k++)
            if (strncmp(options_not_yet[k], name, n) == 0 && options_not_yet[k][n] == '\0')
                return bf_fail(err, BF_UNSUPPORTED, "option '--%s' is not supported yet", options_not_yet[k]);
        for (size_t k = 0; !known && k < c->n_gone; k++)
            if (strncmp(c->gone[k].name, name, n) == 0 && c->gone[k].name[n] == '\0')
                return bf_fail(err, BF_USAGE, "there is no option '--%s' any more: %s", c->gone[k].name, c->gone[k].instead);
    }
    return BF_OK;
}

/* A request is text, but for the names of files, which never get into one. */
static enum bf_rc check_text(const struct bf_option *o, const char *value, struct bf_error *err)
{
    bool names_file = o->arg && (strcmp(o->arg, "FILE") == 0 || strcmp(o->arg, "DIR") == 0);
    if (!value || names_file || bf_utf8_valid(value, strlen(value)))
        return BF_OK;
    return bf_fail(err, BF_USAGE, "what is given to --%s is no UTF-8 text", o->name);
}

static enum bf_rc check_texts(const struct ctl_command *c, const void *values, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; i < c->n_options && rc == BF_OK; i++) {
        const struct bf_option *o = &c->options[i];
        const void *field = (const char *)values + o->offset;
        if (o->kind == BF_OPT_STRING || o->kind == BF_OPT_ONCE)
            rc = check_text(o, *(const char *const *)field, err);
        const struct bf_option_list *list = o->kind == BF_OPT_STRINGS ? field : NULL;
        for (size_t k = 0; list && k < list->n && rc == BF_OK; k++)
            rc = check_text(o, list->at[k], err);
    }
    return rc;
}

/* Does this option stand alone, its value in the next word? */
static bool takes_next(const struct ctl_command *c, const char *arg)
{
    bool is_long = strncmp(arg, "--", 2) == 0;
    for (size_t k = 0; k < c->n_options; k++) {
        const struct bf_option *o = &c->options[k];
        if (o->kind != BF_OPT_FLAG && (is_long ? strcmp(o->name, arg + 2) == 0 : o->letter && arg[1] == o->letter && !arg[2]))
            return true;
    }
    return false;
}

int ctl_own_words(const struct ctl_command *c, int argc, char **argv)
{
    size_t words = 0;
    for (int i = 0; i < argc && c->command_after; i++) {
        if (argv[i][0] != '-' || !argv[i][1])
            words++;
        else if (takes_next(c, argv[i]))
            i++;
        if (words > c->command_after)
            return i;
    }
    return argc;
}

static enum bf_rc read_arguments(struct ctl_call *call, int argc, char **argv)
{
    const struct ctl_command *c = call->command;
    int own = ctl_own_words(c, argc, argv);
    if (own < argc) {
        call->rest = argv + own;
        call->n_rest = argc - own;
        argc = own;
    }
    enum bf_rc rc = check_not_yet(c, argc, argv, &call->err);
    if (rc != BF_OK)
        return rc;
    rc = bf_options_parse(argc, argv, c->options, c->n_options, call->values, call->words,
                          sizeof call->words / sizeof call->words[0], &call->n_words,
                          c->takes_rest ? &call->rest : NULL, c->takes_rest ? &call->n_rest : NULL, &call->err);
    return rc == BF_OK ? check_texts(c, call->values, &call->err) : rc;
}

static int run_entry(const struct ctl_entry *e, int argc, char **argv)
{
    const struct ctl_command *c = e->command;
    BF_AUTO_FREE void *values = bf_xcalloc(1, c->values_bytes);
    struct ctl_call call = {.command = c, .values = values};
    if (read_arguments(&call, argc, argv) != BF_OK)
        return ctl_failed(&call.err);
    if (ctl_common(&call)->help) {
        ctl_help_command(e);
        return 0;
    }
    if (call.n_words < c->min_words || call.n_words > c->max_words)
        return ctl_fail(BF_USAGE, "too %s arguments; usage: bfctl %s", call.n_words < c->min_words ? "few" : "many",
                        c->usage);
    return c->run(&call);
}

static int run_words(const struct ctl_table *table, int argc, char **argv)
{
    int used = 0;
    const char *near = NULL;
    const struct ctl_entry *e = ctl_find(table, argc, argv, &used, &near);
    if (!e && argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) && ctl_help_noun(table, argv[0]))
        return 0;
    if (!e)
        return unknown_command(table, argc, argv, near);
    if (!e->command)
        return ctl_fail(BF_UNSUPPORTED, "'%s' is not supported yet", e->name);
    return run_entry(e, argc - used, argv + used);
}

int ctl_run_within(int argc, char **argv)
{
    int n;
    BF_AUTO_FREE char **words = ctl_resolve(commands, argc, argv, &n);
    return run_words(commands, n, words);
}

int ctl_flush(int status)
{
    struct bf_error err;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    bf_fail(&err, BF_IO, "cannot write to standard output");
    return status ? status : ctl_failed(&err);
}

int ctl_main(const struct ctl_table *table, int argc, char **argv)
{
    commands = table;
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        ctl_help_all(table);
        return argc < 2 ? bf_rc_exit(BF_USAGE) : 0;
    }
    static char version[] = "version";
    if (strcmp(argv[1], "--version") == 0)
        argv[1] = version;
    int n_words;
    BF_AUTO_FREE char **words = ctl_resolve(table, argc - 1, argv + 1, &n_words);
    return ctl_flush(run_words(table, n_words, words));
}

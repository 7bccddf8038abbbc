/* The part of the manual page that the tables know, in the language of scdoc; the build puts it into bfctl(1). */
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"

static const struct bf_option options[] = {CTL_OPTION_HELP(struct ctl_plain)};

/* Text as it is: what scdoc would take for a mark stands behind a backslash. */
static void put_text(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] && (strchr("*_[]\\#~<>|`", s[i]) || (i == 0 && strchr("-.", s[i]))))
            putchar('\\');
        putchar(s[i]);
    }
}

/* A paragraph, or lines that stay lines. */
static void put_lines(const char *text, bool lines)
{
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, "\n");
        while (n > 0 && *at == ' ') {
            at++;
            n--;
        }
        putchar('\t');
        put_text(at, n);
        at += n + (at[n] == '\n');
        fputs(lines && *at ? "++\n" : "\n", stdout);
    }
}

static void put_option(const struct bf_option *o)
{
    fputs("\t", stdout);
    if (o->letter)
        printf("*-%c*, ", o->letter);
    printf("*--%s*", o->name);
    if (o->kind != BF_OPT_FLAG) {
        printf(" _");
        for (const char *c = o->arg ? o->arg : "VALUE"; *c; c++) {
            if (*c == '_')
                putchar('\\');
            putchar(*c);
        }
        putchar('_');
    }
    fputs("\n\t\t", stdout);
    put_text(o->help, strlen(o->help));
    fputs("\n\n", stdout);
}

static void put_command(const struct ctl_entry *e)
{
    const struct ctl_command *c = e->command;
    printf("## ");
    put_text(e->name, strlen(e->name));
    printf("\n\n*bfctl* ");
    put_text(c->usage, strlen(c->usage));
    printf("\n\n\t");
    put_text(e->help, strlen(e->help));
    fputs("\n\n", stdout);
    if (c->about) {
        put_lines(c->about, false);
        fputs("\n", stdout);
    }
    for (size_t i = 0; i < c->n_options; i++)
        if (strcmp(c->options[i].name, "help") != 0)
            put_option(&c->options[i]);
    if (c->examples) {
        fputs("\tExamples:\n\n", stdout);
        put_lines(c->examples, true);
        fputs("\n", stdout);
    }
}

static int run(struct ctl_call *call)
{
    (void)call;
    const struct ctl_table *table = ctl_commands();
    for (size_t i = 0; i < table->n; i++)
        if (table->at[i].command && table->at[i].name[0] != '_')
            put_command(&table->at[i]);
    fputs("## Other words for them\n\n", stdout);
    for (size_t i = 0; i < table->n_aliases; i++)
        printf("*bfctl %s*: the same as *bfctl %s*%s\n", table->aliases[i].name, table->aliases[i].words,
               i + 1 < table->n_aliases ? "++" : "");
    return 0;
}

const struct ctl_command cmd_manual = {
    .usage = "__manual",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain), .run = run};

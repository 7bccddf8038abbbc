/* What may stand where comes from the tables of the commands: their names and options, and for the other words the line of usage,
 * whose words in capitals say what is meant.  A command that is added to the table has its completion with it. */
#include "bfctl/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/words.h"
#include "common/mem.h"

struct place {
    const struct ctl_table *table;
    const struct ctl_entry *entry;               /* NULL: no command yet */
    const char *begun;                           /* of the word that is completed */
    const char *before;                          /* stands in the word before the value: "--output=" */
    const char *words[CTL_WORDS_MAX];            /* what is no option, before it */
    size_t n_words;
    const char *config;                          /* --config, where it was given */
    complete_ask *ask;
    struct bf_buf *ret;
};

static void offer(const struct place *p, const char *word, size_t n, const char *what)
{
    size_t begun = strlen(p->begun);
    if (n < begun || strncmp(word, p->begun, begun) != 0)
        return;
    bf_buf_printf(p->ret, "%s%.*s\t%s\n", p->before ? p->before : "", (int)n, word, what);
}

static void offer_word(const struct place *p, const char *word)
{
    offer(p, word, strlen(word), "");
}

/* Lines of ask(), which know nothing of what was begun. */
static void offer_names(const struct place *p, enum complete_kind kind, const char *backfill)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf names = {0};
    const struct complete_question q = {.kind = kind, .config = p->config, .backfill = backfill, .begun = p->begun};
    p->ask(&q, &names);
    for (const char *at = bf_buf_cstr(&names); *at;) {
        size_t line = strcspn(at, "\n"), word = strcspn(at, "\t\n");
        BF_AUTO_FREE char *what = bf_xstrndup(at + word + (word < line), line - word - (word < line));
        offer(p, at, word, what);
        at += line + (at[line] == '\n');
    }
}

/* ---- commands ---- */

static void offer_first(const struct place *p, const char *name, const char *help)
{
    size_t n = strcspn(name, " ");
    BF_AUTO_FREE char *line = bf_xasprintf("\n%.*s\t", (int)n, name), *text = bf_xasprintf("\n%s", bf_buf_cstr(p->ret));
    if (name[0] != '_' && !strstr(text, line))
        offer(p, name, n, name[n] ? "" : help);
}

static void offer_second(const struct place *p, const char *first, const char *name, const char *help)
{
    size_t n = strlen(first);
    if (strncmp(name, first, n) == 0 && name[n] == ' ')
        offer(p, name + n + 1, strlen(name + n + 1), help);
}

/* First words, or with a first word the second ones. */
static void offer_commands(const struct place *p, const char *first)
{
    for (size_t i = 0; i < p->table->n; i++) {
        const struct ctl_entry *e = &p->table->at[i];
        if (!e->command)
            continue;
        if (first)
            offer_second(p, first, e->name, e->help);
        else
            offer_first(p, e->name, e->help);
    }
    for (size_t i = 0; first && i < p->table->n_aliases; i++) {
        BF_AUTO_FREE char *same = bf_xasprintf("the same as %s", p->table->aliases[i].words);
        offer_second(p, first, p->table->aliases[i].name, same);
    }
}

/* ---- words ---- */

/* The first of the words that is a backfill; NULL: none. */
static const char *backfill_of(const struct place *p)
{
    uint32_t id;
    for (size_t i = 0; i < p->n_words; i++)
        if (words_backfill(p->words[i], &id, NULL) == BF_OK)
            return p->words[i];
    return NULL;
}

/* Does the command, or its first word, speak of this? */
static bool is_about(const struct place *p, const char *what)
{
    return strstr(p->entry->name, what) || (p->n_words > 0 && strstr(p->words[0], what));
}

static void offer_list(const struct place *p, const char *const *list)
{
    for (; *list; list++)
        offer_word(p, *list);
}

static void offer_named(const struct place *p)
{
    const char *name = p->entry->name;
    if (strcmp(name, "keys create") == 0 || strcmp(name, "agent enroll") == 0)
        return;                                  /* a new one */
    if (is_about(p, "keys"))
        offer_names(p, COMPLETE_KEYS, NULL);
    else if (is_about(p, "agent"))
        offer_names(p, COMPLETE_AGENTS, NULL);
    else if (is_about(p, "pool"))
        offer_names(p, COMPLETE_POOLS, NULL);
    else if (is_about(p, "plan"))
        offer_names(p, COMPLETE_PLANS, NULL);
}

/* One word of a usage: in capitals what it means, else the word itself.  Gives false for one that is not known. */
static bool offer_meaning(const struct place *p, const char *meaning)
{
    static const struct { const char *meaning; const char *const words[13]; } fixed[] = {
        {"CLASS", {"critical", "high", "normal", "low"}}, {"ORDER", {"forward", "backward"}},
        {"KIND", {"backfill", "step", "agent", "pool"}}, {"STATUS", {"failed", "warned", "passed", "could_not_run"}},
        {"STATE", {"waiting", "ready", "assigned", "running", "backing_off", "succeeded", "skipped", "failed", "cancelled",
                   "upstream_failed", "held", "stale"}},
        {"ROLE", {"viewer", "operator", "approver", "auditor", "admin", "agent"}},
        {"WHAT", {"missing", "failed", "all"}},
        {"VERB,…", {"create", "pause", "resume", "cancel", "retry", "force", "skip", "mark", "priority", "halt"}}};
    static const char *const files[] = {"FILE", "PLAN", "DIR", "MANIFEST", "PATH", "A", "B", NULL};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (strcmp(meaning, fixed[i].meaning) == 0) {
            offer_list(p, fixed[i].words);
            return true;
        }
    for (size_t i = 0; files[i]; i++)
        if (strcmp(meaning, files[i]) == 0) {
            bf_buf_put_str(p->ret, ":files\n");
            return true;
        }
    bool of_fleet = p->n_words > 0 && (strcmp(p->words[0], "agent") == 0 || strcmp(p->words[0], "pool") == 0);
    if (strcmp(meaning, "ID") == 0 && of_fleet)
        return true;                             /* describe agent NAME */
    if (strcmp(meaning, "ID") == 0)
        offer_names(p, COMPLETE_BACKFILLS, NULL);
    else if (strcmp(meaning, "SELECTOR") == 0)
        offer_names(p, COMPLETE_STEPS, backfill_of(p));
    else if (strcmp(meaning, "BREAKER") == 0)
        offer_names(p, COMPLETE_BREAKERS, NULL);
    else if (strcmp(meaning, "NAME") == 0)
        offer_named(p);
    else if (strcmp(meaning, "COMMAND") == 0)
        offer_commands(p, p->n_words == 1 ? p->words[0] : NULL);
    else if (meaning[0] == '@' || (meaning[0] >= 'a' && meaning[0] <= 'z'))
        offer_word(p, meaning);
    else
        return false;
    return true;
}

/* The words of the usage behind the command's own: "ID|@latest", "SELECTOR…".  The last stands for all that follow where it says so. */
static void offer_from_usage(const struct place *p)
{
    BF_AUTO_FREE char *usage = bf_xstrdup(p->entry->command->usage);
    size_t own = strchr(p->entry->name, ' ') ? 2 : 1, at = 0;
    char *rest = NULL, *meant = NULL;
    for (char *w = strtok_r(usage, " ", &rest); w; w = strtok_r(NULL, " ", &rest), at++) {
        if (at < own)
            continue;
        if (w[0] == '-' || strncmp(w, "[-", 2) == 0 || strcmp(w, "[options]") == 0)
            break;
        if (at - own > p->n_words)
            break;
        meant = at - own == p->n_words || strstr(w, "…") ? w : NULL;
    }
    for (char *w = meant ? strtok_r(meant, "[]|", &rest) : NULL; w; w = strtok_r(NULL, "[]|", &rest)) {
        char *more = strstr(w, "…");
        if (more)
            *more = '\0';
        if (*w)
            offer_meaning(p, w);
    }
}

/* ---- options ---- */

static void offer_options(const struct place *p)
{
    const struct ctl_command *c = p->entry->command;
    for (size_t i = 0; i < c->n_options; i++) {
        BF_AUTO_FREE char *word = bf_xasprintf("--%s", c->options[i].name);
        offer(p, word, strlen(word), c->options[i].help);
    }
}

/* The formats that the help of -o names. */
static void offer_formats(const struct place *p, const char *help)
{
    static const char *const formats[] = {"table", "wide", "json", "yaml", "name", "text", "dot", "mermaid", NULL};
    for (size_t i = 0; formats[i]; i++) {
        const char *found = strstr(help, formats[i]);
        if (found && (found == help || strchr(" (", found[-1])))
            offer_word(p, formats[i]);
    }
}

static void offer_values(const struct place *p, const struct bf_option *o)
{
    if (strcmp(o->arg, "FORMAT") == 0)
        offer_formats(p, o->help);
    else if (strcmp(o->name, "agent") == 0)
        offer_names(p, COMPLETE_AGENTS, NULL);
    else if (strcmp(o->name, "pool") == 0)
        offer_names(p, COMPLETE_POOLS, NULL);
    else if (strcmp(o->name, "plan") == 0 && strcmp(o->arg, "GLOB") == 0)
        offer_names(p, COMPLETE_PLANS, NULL);
    else if (strcmp(o->name, "who") == 0)
        offer_names(p, COMPLETE_KEYS, NULL);
    else if (strcmp(o->name, "step") == 0)
        offer_names(p, COMPLETE_STEPS, backfill_of(p));
    else if (strcmp(o->name, "backfill") == 0)
        offer_names(p, COMPLETE_BACKFILLS, NULL);
    else if (strcmp(o->arg, "NAME") != 0 && strcmp(o->arg, "ID") != 0)
        offer_meaning(p, o->arg);
}

/* The option that a word is, when it takes a value; *ret_value is the value where it is in the same word, else NULL. */
static const struct bf_option *valued(const struct ctl_command *c, const char *word, const char **ret_value)
{
    *ret_value = NULL;
    if (word[0] != '-' || word[1] == '\0')
        return NULL;
    bool is_long = word[1] == '-';
    size_t n = is_long ? strcspn(word + 2, "=") : 1;
    for (size_t i = 0; i < c->n_options; i++) {
        const struct bf_option *o = &c->options[i];
        bool is_it = is_long ? strncmp(o->name, word + 2, n) == 0 && o->name[n] == '\0' : o->letter && o->letter == word[1];
        if (!is_it || o->kind == BF_OPT_FLAG)
            continue;
        if (is_long && word[2 + n] == '=')
            *ret_value = word + 3 + n;
        else if (!is_long && word[2])
            *ret_value = word + 2;
        return o;
    }
    return NULL;
}

/* ---- the place ---- */

/* The words before the last: which are values of options, and which stand alone.  Gives the option whose value comes last. */
static const struct bf_option *read_before(struct place *p, int argc, char **argv, bool *ret_rest)
{
    const struct bf_option *open = NULL;
    *ret_rest = false;
    for (int i = 0; i < argc; i++) {
        const char *value = NULL, *word = argv[i];
        const struct bf_option *o = open ? open : valued(p->entry->command, word, &value);
        if (open && strcmp(word, "=") == 0)
            continue;
        if (open)
            value = word;
        if (o && value && strcmp(o->name, "config") == 0)
            p->config = value;
        open = o && !value ? o : NULL;
        if (strcmp(word, "--") == 0)
            *ret_rest = true;
        else if (!o && (word[0] != '-' || word[1] == '\0') && p->n_words < CTL_WORDS_MAX)
            p->words[p->n_words++] = word;
    }
    return open;
}

static void complete_in(struct place *p, int argc, char **argv)
{
    bool rest;
    const struct bf_option *open = read_before(p, argc, argv, &rest);
    const char *value;
    const struct bf_option *same = open ? NULL : valued(p->entry->command, p->begun, &value);
    if (rest) {
        bf_buf_put_str(p->ret, ":files\n");
    } else if (open) {
        p->begun = strcmp(p->begun, "=") == 0 ? "" : p->begun;
        offer_values(p, open);
    } else if (same && value && p->begun[1] == '-') {
        BF_AUTO_FREE char *before = bf_xstrndup(p->begun, (size_t)(value - p->begun));
        p->before = before;
        p->begun = value;
        offer_values(p, same);
        p->before = NULL;
    } else if (p->begun[0] == '-') {
        offer_options(p);
    } else {
        offer_from_usage(p);
    }
}

void complete_words(const struct ctl_table *table, int argc, char **argv, complete_ask *ask, struct bf_buf *ret)
{
    static char empty[] = "";
    char *nothing[] = {empty};
    if (argc < 1) {
        argc = 1;
        argv = nothing;
    }
    struct place p = {.table = table, .begun = argv[argc - 1], .ask = ask, .ret = ret};
    int n, used = 0;
    const char *near;
    BF_AUTO_FREE char **words = ctl_resolve(table, argc - 1, argv, &n);
    if (n == 0)
        offer_commands(&p, NULL);
    if (argc == 2)
        offer_commands(&p, argv[0]);
    p.entry = n > 0 ? ctl_find(table, n, words, &used, &near) : NULL;
    if (p.entry && p.entry->command && !(argc == 2 && ret->len > 0))
        complete_in(&p, n - used, words + used);
}

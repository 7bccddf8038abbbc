/* One pass over the words; a value is borrowed from argv and put where the table says. */
#include "common/options.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"

struct parse {
    const struct bf_option *table;
    size_t n;
    char *values;
    int argc, at;
    char **argv;
    struct bf_error *err;
};

static const struct bf_option *by_name(const struct parse *p, const char *name, size_t len)
{
    for (size_t i = 0; i < p->n; i++)
        if (strlen(p->table[i].name) == len && memcmp(p->table[i].name, name, len) == 0)
            return &p->table[i];
    return NULL;
}

static const struct bf_option *by_letter(const struct parse *p, char letter)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->table[i].letter && p->table[i].letter == letter)
            return &p->table[i];
    return NULL;
}

static enum bf_rc unknown(const struct parse *p, const char *name, size_t len)
{
    BF_AUTO_FREE char *word = bf_xstrndup(name, len);
    BF_AUTO_FREE const char **names = bf_xcalloc(p->n, sizeof *names);
    for (size_t i = 0; i < p->n; i++)
        names[i] = p->table[i].name;
    const char *near = bf_nearest(word, names, p->n);
    if (near)
        return bf_fail(p->err, BF_USAGE, "unknown option --%.100s; did you mean --%s?", word, near);
    return bf_fail(p->err, BF_USAGE, "unknown option --%.100s; --help lists them", word);
}

static enum bf_rc store(const struct parse *p, const struct bf_option *o, const char *value)
{
    void *field = p->values + o->offset;
    if (o->kind == BF_OPT_FLAG) {
        *(bool *)field = true;
    } else if (o->kind == BF_OPT_STRING || o->kind == BF_OPT_ONCE) {
        if (o->kind == BF_OPT_ONCE && *(const char **)field)
            return bf_fail(p->err, BF_USAGE, "--%s is given twice; say it once", o->name);
        *(const char **)field = value;
    } else {
        struct bf_option_list *list = field;
        if (list->n == sizeof list->at / sizeof *list->at)
            return bf_fail(p->err, BF_USAGE, "--%s is given more than %zu times", o->name, list->n);
        list->at[list->n++] = value;
    }
    return BF_OK;
}

/* The next word as the option's argument. */
static enum bf_rc store_next(struct parse *p, const struct bf_option *o)
{
    if (p->at + 1 >= p->argc)
        return bf_fail(p->err, BF_USAGE, "--%s needs an argument: --%s %s", o->name, o->name, o->arg ? o->arg : "VALUE");
    return store(p, o, p->argv[++p->at]);
}

static enum bf_rc long_option(struct parse *p, const char *word)
{
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const struct bf_option *o = by_name(p, word, len);
    if (!o)
        return unknown(p, word, len);
    if (o->kind == BF_OPT_FLAG && equals)
        return bf_fail(p->err, BF_USAGE, "--%s takes no argument", o->name);
    if (o->kind == BF_OPT_FLAG)
        return store(p, o, NULL);
    return equals ? store(p, o, equals + 1) : store_next(p, o);
}

/* "-x value", "-xvalue", and flags together: "-yw". */
static enum bf_rc short_options(struct parse *p, const char *word)
{
    for (; *word; word++) {
        const struct bf_option *o = by_letter(p, *word);
        if (!o)
            return bf_fail(p->err, BF_USAGE, "unknown option -%c; --help lists them", *word);
        if (o->kind != BF_OPT_FLAG)
            return word[1] ? store(p, o, word + 1) : store_next(p, o);
        enum bf_rc rc = store(p, o, NULL);
        if (rc)
            return rc;
    }
    return BF_OK;
}

enum bf_rc bf_options_parse(int argc, char **argv, const struct bf_option *table, size_t n, void *values,
                            const char **positional, size_t max_positional, size_t *ret_positional_n,
                            char ***ret_rest, int *ret_rest_n, struct bf_error *err)
{
    struct parse p = {.table = table, .n = n, .values = values, .argc = argc, .argv = argv, .err = err};
    size_t n_positional = 0;
    bool only_words = false;
    char **rest = NULL;
    int rest_n = 0;
    for (; p.at < argc; p.at++) {
        const char *word = argv[p.at];
        enum bf_rc rc = BF_OK;
        if (!only_words && strcmp(word, "--") == 0) {
            if (ret_rest) {
                rest = argv + p.at + 1;
                rest_n = argc - p.at - 1;
                break;
            }
            only_words = true;
        } else if (only_words || word[0] != '-' || word[1] == '\0') {
            if (n_positional == max_positional)
                return bf_fail(err, BF_USAGE, "unexpected word \"%.100s\"", word);
            positional[n_positional++] = word;
        } else {
            rc = word[1] == '-' ? long_option(&p, word + 2) : short_options(&p, word + 1);
        }
        if (rc)
            return rc;
    }
    *ret_positional_n = n_positional;
    if (ret_rest) {
        *ret_rest = rest;
        *ret_rest_n = rest_n;
    }
    return BF_OK;
}

void bf_options_help(const struct bf_option *table, size_t n)
{
    enum { WIDEST = 30 };
    int width = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < n; i++) {
            const struct bf_option *o = &table[i];
            char left[96], letter[4] = "   ";
            if (o->letter)
                snprintf(letter, sizeof letter, "-%c,", o->letter);
            const char *arg = o->kind == BF_OPT_FLAG ? "" : o->arg ? o->arg : "VALUE";
            int len = snprintf(left, sizeof left, "%s --%s%s%s", letter, o->name, *arg ? " " : "", arg);
            if (pass == 0 && len > width && len <= WIDEST)
                width = len;
            if (pass == 1 && len > WIDEST)
                printf("  %s\n  %*s  %s\n", left, width, "", o->help);
            else if (pass == 1)
                printf("  %-*s  %s\n", width, left, o->help);
        }
}

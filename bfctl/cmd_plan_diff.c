/* bfctl plan diff: what differs between two plans, of what they say and not of how it is written. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bfctl/commands.h"
#include "bfctl/plan_load.h"
#include "bfctl/render.h"
#include "common/mem.h"
#include "plan/diff.h"
#include "plan/line_diff.h"
#include "plan/odbc.h"

#define ONE_LINE_MAX 100                         /* longer values stand below each other */
#define EXIT_DIFFERENT 1                         /* as diff(1) has it; 2 is an invalid plan */

struct values {
    struct ctl_common common;
    bool detailed;
};

static const struct bf_option options[] = {
    {"detailed-exitcode", 0, BF_OPT_FLAG, offsetof(struct values, detailed), NULL, "exit 0 without differences, 1 with; errors as always"},
    CTL_OPTION_OUTPUT(struct values, "text (default) or json"),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* ---- values ---- */

/* A connection may hold a password that should have been a reference: it is not shown. */
static char *masked(const char *odbc)
{
    struct bf_buf out = {0};
    plan_odbc_mask(odbc, &out);
    char *text = bf_xstrdup(bf_buf_cstr(&out));
    bf_buf_free(&out);
    return text;
}

/* A copy of a value as it may be shown; NULL stays NULL. */
static char *shown(const struct plan_diff_item *item, const struct plan_diff_pair *pair, const char *value)
{
    bool secret = item->section == PLAN_SECTION_CONNECTIONS && strcmp(pair->key, "odbc") == 0;
    return !value ? NULL : secret ? masked(value) : bf_xstrdup(value);
}

/* Text from outside for a terminal, without a limit of length. */
static void put_safe(const char *text, size_t n)
{
    struct bf_buf clean = {0};
    render_put_safe(text, n, &clean);
    fwrite(clean.data, 1, clean.len, stdout);
    bf_buf_free(&clean);
}

/* ---- text ---- */

static void print_lines(const char *old_value, const char *new_value, int indent)
{
    struct plan_lines lines = {0};
    plan_line_diff(old_value, strlen(old_value), new_value, strlen(new_value), &lines);
    if (lines.too_large)
        printf("%*s%zu lines differ\n", indent, "", lines.n_differ);
    for (size_t i = 0; i < lines.n; i++) {
        const struct plan_line *line = &lines.at[i];
        if (line->sign == '@') {
            printf("%*s@ %zu equal lines\n", indent, "", line->len);
            continue;
        }
        printf("%*s%c ", indent, "", line->sign);
        put_safe(line->text, line->len);
        printf("%s\n", line->unended && line->sign != ' ' ? "  (no newline at the end)" : "");
    }
    plan_lines_done(&lines);
}

static void print_value(int indent, char sign, const char *key, const char *value)
{
    printf("%*s%c %s", indent, "", sign, key);
    if (*value)
        printf(": ");
    put_safe(value, strlen(value));
    putchar('\n');
}

static void print_pair(const struct plan_diff_item *item, const struct plan_diff_pair *pair, int indent)
{
    BF_AUTO_FREE char *a = shown(item, pair, pair->old_value), *b = shown(item, pair, pair->new_value);
    const char *key = pair->key[0] ? pair->key : "value";
    bool many = (a && strchr(a, '\n')) || (b && strchr(b, '\n'));
    if (many) {
        printf("%*s%c %s:\n", indent, "", !a ? '+' : !b ? '-' : '~', key);
        print_lines(a ? a : "", b ? b : "", indent + 4);
    } else if (a && b && strlen(a) + strlen(b) <= ONE_LINE_MAX) {
        printf("%*s~ %s: ", indent, "", key);
        put_safe(a, strlen(a));
        printf(" -> ");
        put_safe(b, strlen(b));
        putchar('\n');
    } else {
        if (a)
            print_value(indent, '-', key, a);
        if (b)
            print_value(indent, '+', key, b);
    }
}

/* Of what is new or gone a few words are enough; json has all of it. */
static void print_summary(const struct plan_diff *d, const struct plan_diff_item *item)
{
    static const char *const told[] = {"kind", "partitions.grain", "pool", "slots", "connection", "external", "owner"};
    const char *gap = "  ";
    for (size_t i = item->first; i < item->first + item->n; i++) {
        const struct plan_diff_pair *pair = &d->pairs[i];
        const char *value = pair->new_value ? pair->new_value : pair->old_value;
        bool tell = item->section == PLAN_SECTION_PARAMS || strncmp(pair->key, "needs.", 6) == 0 || strncmp(pair->key, "reads.", 6) == 0;
        for (size_t k = 0; k < sizeof told / sizeof *told; k++)
            tell |= strcmp(pair->key, told[k]) == 0;
        if (!tell)
            continue;
        const char *dot = strrchr(pair->key, '.');
        const char *key = strcmp(pair->key, "partitions.grain") == 0 ? "grain" : dot && !*value ? "reads" : pair->key;
        printf("%s%s%s", gap, key, *key ? " " : "");
        if (dot && !*value)
            value = pair->key + strlen("reads.");
        put_safe(value, strlen(value));
        gap = "; ";
    }
}

static void print_item(const struct plan_diff *d, const struct plan_diff_item *item)
{
    static const char signs[PLAN_CHANGE_COUNT] = {[PLAN_ADDED] = '+', [PLAN_REMOVED] = '-', [PLAN_CHANGED] = '~', [PLAN_RENAMED] = '>'};
    int indent = 2;
    if (item->name[0]) {
        printf("  %c %s", signs[item->change], item->change == PLAN_RENAMED ? item->old_name : item->name);
        if (item->change == PLAN_RENAMED)
            printf(" -> %s  renamed", item->name);
        else if (item->change != PLAN_CHANGED)
            print_summary(d, item);
        else if (item->section == PLAN_SECTION_STEPS)
            printf("  %s", item->words_only ? "words only" : item->does ? "hash changed" : "same hash");
        else if (item->words_only)
            printf("  words only");
        putchar('\n');
        indent = 6;
    }
    for (size_t i = item->first; (item->change == PLAN_CHANGED || item->change == PLAN_RENAMED) && i < item->first + item->n; i++)
        print_pair(item, &d->pairs[i], indent);
}

static void print_head(char sign, const struct plan_load *l)
{
    printf("%c%c%c %s  %s  %s\n", sign, sign, sign, render_safe(l->label), l->plan->name, render_hash(l->plan->hash).text);
}

static void print_totals(const struct plan_diff *d, const struct plan *new_plan)
{
    size_t words = 0;
    for (size_t i = 0; i < d->n_items; i++)
        words += d->items[i].section == PLAN_SECTION_STEPS && d->items[i].words_only;
    printf("\nsteps: %zu added, %zu removed, %zu renamed, %zu changed", d->n_steps[PLAN_ADDED], d->n_steps[PLAN_REMOVED],
           d->n_steps[PLAN_RENAMED], d->n_steps[PLAN_CHANGED]);
    if (words)
        printf(" (%zu in words only)", words);
    printf("\n%zu hash%s changed; %zu more of %zu steps lie downstream of what is new or changed\n", d->n_does, d->n_does == 1 ? "" : "es",
           d->n_downstream, new_plan->n_steps);
}

static void print_text(const struct plan_diff *d, const struct plan_load *a, const struct plan_load *b)
{
    print_head('-', a);
    print_head('+', b);
    if (d->n_items == 0) {
        printf("\nno differences\n");
        return;
    }
    for (size_t i = 0; i < d->n_items; i++) {
        if (i == 0 || d->items[i].section != d->items[i - 1].section)
            printf("\n%s\n", plan_section_name(d->items[i].section));
        print_item(d, &d->items[i]);
    }
    print_totals(d, b->plan);
}

/* ---- json ---- */

static json_t *side(const struct plan_load *l)
{
    return json_pack("{s:s, s:s, s:o}", "from", l->label, "name", l->plan->name, "hash", render_hash_json(l->plan->hash));
}

static json_t *pair_object(const struct plan_diff_item *item, const struct plan_diff_pair *pair)
{
    static const char *const facts[] = {[PLAN_DOES] = "does", [PLAN_NOTES] = "notes", [PLAN_WORDS] = "words"};
    BF_AUTO_FREE char *a = shown(item, pair, pair->old_value), *b = shown(item, pair, pair->new_value);
    struct bf_buf path = {0};
    plan_path(item->section, item->name, pair->key, &path);
    json_t *j = json_pack("{s:s, s:s?, s:s?, s:s}", "path", bf_buf_cstr(&path), "old", a, "new", b, "fact", facts[pair->fact]);
    bf_buf_free(&path);
    return j;
}

static json_t *document(const struct plan_diff *d, const struct plan_load *a, const struct plan_load *b)
{
    json_t *items = json_array(), *steps = json_object();
    for (size_t i = 0; i < d->n_items; i++) {
        const struct plan_diff_item *item = &d->items[i];
        json_t *pairs = json_array();
        for (size_t k = item->first; k < item->first + item->n; k++)
            json_array_append_new(pairs, pair_object(item, &d->pairs[k]));
        json_t *j = json_pack("{s:s, s:s, s:s?, s:s, s:b, s:o}", "section", plan_section_name(item->section), "name", item->name,
                              "old_name",
                              item->old_name, "change", plan_change_name(item->change), "words_only", item->words_only, "pairs", pairs);
        if (item->section == PLAN_SECTION_STEPS)
            json_object_set_new(j, "hash_changed", json_boolean(item->does));
        json_array_append_new(items, j);
    }
    for (enum plan_change c = 0; c < PLAN_CHANGE_COUNT; c++)
        json_object_set_new(steps, plan_change_name(c), json_integer((json_int_t)d->n_steps[c]));
    json_object_set_new(steps, "hash_changed", json_integer((json_int_t)d->n_does));
    json_object_set_new(steps, "downstream", json_integer((json_int_t)d->n_downstream));
    return json_pack("{s:b, s:o, s:o, s:o, s:o}", "equal", d->n_items == 0, "old", side(a), "new", side(b), "steps", steps, "changes",
                     items);
}

/* ---- the command ---- */

/* Versions are compared as they are written; what one backfill was told besides is no part of its plan. */
static void note_options(const struct plan_load *l)
{
    BF_AUTO_FREE char *given = l->fetched ? plan_load_options(l) : NULL;
    if (given)
        ctl_note("%s runs its plan with %s; compared is the plan as it is written", l->label, render_safe(given));
}

static enum bf_rc show(struct ctl_call *call, enum ctl_output output, struct plan_load *a, struct plan_load *b, bool *ret_differ)
{
    enum bf_rc rc = BF_OK;
    struct plan_diff d = {0};
    note_options(a);
    note_options(b);
    plan_diff(a->plan, b->plan, &d);
    *ret_differ = d.n_items > 0;
    if (output == CTL_JSON) {
        json_t *j = document(&d, a, b);
        rc = render_json(j, &call->err);
        json_decref(j);
    } else {
        print_text(&d, a, b);
    }
    plan_diff_done(&d);
    return rc;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    enum ctl_output output;
    bool differ = false;
    SESSION_AUTO struct session s = {0};
    PLAN_LOAD_AUTO struct plan_load a = {0}, b = {0};
    enum bf_rc rc = ctl_output(&v->common, CTL_TEXT, CTL_TEXT | CTL_JSON, &output, &call->err);
    if (rc == BF_OK && strcmp(call->words[0], "-") == 0 && strcmp(call->words[1], "-") == 0)
        rc = bf_fail(&call->err, BF_USAGE, "standard input can be only one of the two plans");
    if (rc == BF_OK)
        rc = plan_load(&v->common, &s, call->words[0], false, &a, &call->err);
    if (rc == BF_OK)
        rc = plan_load(&v->common, &s, call->words[1], false, &b, &call->err);
    if (rc == BF_OK)
        rc = show(call, output, &a, &b, &differ);
    return rc != BF_OK ? ctl_failed(&call->err) : differ && v->detailed ? EXIT_DIFFERENT : 0;
}

const struct ctl_command cmd_plan_diff = {
    .usage = "plan diff A B [--detailed-exitcode] [-o text|json] [options]",
    .about = "A and B are plan files, - for standard input, or backfills (bf-3, 3, @latest: the version that it runs).  Compared is what\n"
             "the plans say: comments, order of keys and style make no difference.  Exit status 0; with --detailed-exitcode 0 when the\n"
             "plans are equal and 1 when they differ, as diff(1) has it; an invalid plan is 2 in any case.\n"
             "Signs: + new, - gone, ~ changed, > renamed.",
    .examples = "  bfctl plan diff old.yaml new.yaml\n"
                "  bfctl plan diff @latest orders.yaml --detailed-exitcode\n"
                "  git show HEAD:orders.yaml | bfctl plan diff - orders.yaml",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 2, .max_words = 2, .run = run};

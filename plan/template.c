/* Templates: "{{ name }}" compiled into pieces once, so that an unknown name is found when the plan is validated and
 * rendering cannot fail.
 *
 *     text {{ partition.date }} text {{ dataset.mart.revenue | ident }}
 *
 * Two braces that are meant as text are written {{ "{{" }}.  There is no raw splice: in SQL every expression becomes a
 * literal or a quoted identifier, made by bf-sql, so an expression inside quotes is refused here. */
#include "plan/template.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/vec.h"
#include "plan/read.h"
#include "plan/sql_scan.h"

#define NO_PLACE UINT32_MAX
#define GRAIN(g) (1u << (g))
#define DATED (GRAIN(PLAN_HOUR) | GRAIN(PLAN_DAY) | GRAIN(PLAN_WEEK) | GRAIN(PLAN_MONTH))
#define ANY_GRAIN (GRAIN(PLAN_NONE) | DATED)

struct variable {
    const char *name;
    enum template_var var;
    unsigned grains;             /* where it means something */
};

static const struct variable variables[] = {
    {"partition.start", TEMPLATE_PARTITION_START, DATED},
    {"partition.end", TEMPLATE_PARTITION_END, DATED},
    {"partition.date", TEMPLATE_PARTITION_DATE, GRAIN(PLAN_HOUR) | GRAIN(PLAN_DAY)},
    {"partition.hour", TEMPLATE_PARTITION_HOUR, GRAIN(PLAN_HOUR)},
    {"partition.week", TEMPLATE_PARTITION_WEEK, GRAIN(PLAN_HOUR) | GRAIN(PLAN_DAY) | GRAIN(PLAN_WEEK)},
    {"partition.month", TEMPLATE_PARTITION_MONTH, GRAIN(PLAN_HOUR) | GRAIN(PLAN_DAY) | GRAIN(PLAN_MONTH)},
    {"partition.key", TEMPLATE_PARTITION_KEY, DATED},
    {"partition.index", TEMPLATE_PARTITION_INDEX, DATED},
    {"run.id", TEMPLATE_RUN_ID, ANY_GRAIN},
    {"run.attempt", TEMPLATE_RUN_ATTEMPT, ANY_GRAIN},
    {"run.token", TEMPLATE_RUN_TOKEN, ANY_GRAIN},
};
#define N_VARIABLES (sizeof variables / sizeof *variables)

/* Names that plans give: NAME stands for any. */
enum space { SPACE_PARAMS, SPACE_DATASET, SPACE_STAGED, SPACE_FLAG, SPACE_COUNT };
static const char *const spaces[SPACE_COUNT] = {
    [SPACE_PARAMS] = "params.NAME", [SPACE_DATASET] = "dataset.NAME", [SPACE_STAGED] = "staged.NAME", [SPACE_FLAG] = "flag.NAME"};

const char *template_name(size_t i)
{
    return i < N_VARIABLES ? variables[i].name : i - N_VARIABLES < SPACE_COUNT ? spaces[i - N_VARIABLES] : NULL;
}

struct compiler {
    const char *text;
    size_t len;
    const struct template_place *place;
    const struct template_scope *scope;
    struct bf_diags *d;
    struct template_piece *at;
    size_t n, cap;
    size_t known_to;             /* offset whose line and column are known: errors come in the order of the text */
    uint32_t line, column;
    bool one_line, bad;
};

/* ---- places ---- */

static void find_place(struct compiler *c, size_t offset)
{
    if (offset < c->known_to || c->line == 0) {
        c->known_to = 0;
        c->line = c->column = 1;
    }
    for (; c->known_to < offset; c->known_to++) {
        if (c->text[c->known_to] == '\n') {
            c->line++;
            c->column = 1;
        } else if (((unsigned char)c->text[c->known_to] & 0xC0) != 0x80) {
            c->column++;
        }
    }
}

static struct bf_mark mark_of(const struct compiler *c, uint32_t line, uint32_t column)
{
    struct bf_mark m = c->place->mark;
    if (m.line == 0 || c->place->whole)
        return m;
    if (c->place->block) {
        m.line += line - 1;
        m.column = c->place->indent + column;
    } else if (c->one_line) {
        m.column += column - 1;
    }
    return m;
}

/* One error; fix may be NULL. */
static void complain_with(struct compiler *c, size_t offset, const char *sentence, const char *fix)
{
    find_place(c, offset);
    c->bad = true;
    if (c->place->source)
        bf_diag_add_in(c->d, c->place->source, BF_DIAG_ERROR, (struct bf_mark){c->line, c->column}, "%s", sentence);
    else
        bf_diag_add(c->d, BF_DIAG_ERROR, mark_of(c, c->line, c->column), "%s", sentence);
    if (fix)
        bf_diag_fix(c->d, "%s", fix);
    if (c->place->source)
        bf_diag_add(c->d, BF_DIAG_NOTE, c->place->mark, "the file is named here");
}

static void complain(struct compiler *c, size_t offset, const char *sentence)
{
    complain_with(c, offset, sentence, NULL);
}

/* ---- compiling ---- */

static struct template_piece *add_piece(struct compiler *c)
{
    if (c->n == c->cap) {
        c->cap = bf_vec_grow(c->cap, c->n + 1);
        c->at = bf_xreallocarray(c->at, c->cap, sizeof *c->at);
    }
    memset(&c->at[c->n], 0, sizeof *c->at);
    return &c->at[c->n++];
}

static void add_text(struct compiler *c, const char *text, size_t len)
{
    if (len == 0)
        return;
    struct template_piece *p = add_piece(c);
    p->var = TEMPLATE_TEXT;
    p->text = bf_xstrndup(text, len);
    p->text_len = len;
}

/* The place of a name in its list, or NO_PLACE. */
static uint32_t place_of(const char *name, const char *const *at, size_t n, const struct bf_smap *index)
{
    uintptr_t found = index ? (uintptr_t)bf_smap_get(index, name, strlen(name)) : 0;
    if (index)
        return found ? (uint32_t)(found - 1) : NO_PLACE;
    for (size_t i = 0; i < n; i++)
        if (strcmp(at[i], name) == 0)
            return (uint32_t)i;
    return NO_PLACE;
}

/* prefix: what stands before the name in the expression, "params." */
static void complain_unknown(struct compiler *c, size_t offset, const char *what, const char *prefix, const char *name,
                             const char *const *at, size_t n, const char *advice)
{
    struct bf_buf sentence = {0};
    const char *near = plan_unknown_words(c->d, what, name, at, n, advice, &sentence);
    BF_AUTO_FREE char *fix = near ? bf_xasprintf("write `%s%s`", prefix, near) : NULL;
    complain_with(c, offset, bf_buf_cstr(&sentence), fix);
    bf_buf_free(&sentence);
}

/* What follows "params." and the like; NULL when name is not of that space. */
static const char *name_in(const char *name, enum space space)
{
    size_t len = strcspn(spaces[space], ".") + 1;
    return strncmp(name, spaces[space], len) == 0 ? name + len : NULL;
}

/* staged.NAME: of the datasets, those that the step writes and publishes. */
static void staged_value(struct compiler *c, size_t offset, struct template_piece *p)
{
    const struct template_scope *s = c->scope;
    if (!s->staged) {
        complain(c, offset, "`staged.…` stands for a table that `publish: swap` will rename: this is not SQL of such a step");
        return;
    }
    BF_AUTO_FREE const char **names = bf_xcalloc(s->n_staged + 1, sizeof *names);
    for (size_t i = 0; i < s->n_staged; i++) {
        names[i] = s->datasets[s->staged[i]];
        if (strcmp(names[i], p->text) == 0) {
            p->place = s->staged[i];
            return;
        }
    }
    complain_unknown(c, offset, "staged dataset", "staged.", p->text, names, s->n_staged,
                     ": it must be an output of the step, on the step's connection");
}

/* params.NAME, dataset.NAME and staged.NAME. */
static bool named_value(struct compiler *c, size_t offset, const char *name, struct template_piece *p)
{
    const struct template_scope *s = c->scope;
    const char *rest;
    if ((rest = name_in(name, SPACE_PARAMS)) != NULL) {
        p->var = TEMPLATE_PARAM;
        p->text = bf_xstrdup(rest);
        p->place = place_of(p->text, s->params, s->n_params, s->param_index);
        if (p->place == NO_PLACE)
            complain_unknown(c, offset, "parameter", "params.", p->text, s->params, s->n_params,
                             ": declare it under `params`");
    } else if ((rest = name_in(name, SPACE_DATASET)) != NULL) {
        p->var = TEMPLATE_DATASET;
        p->text = bf_xstrdup(rest);
        p->place = place_of(p->text, s->datasets, s->n_datasets, s->dataset_index);
        if (p->place == NO_PLACE)
            complain_unknown(c, offset, "dataset", "dataset.", p->text, s->datasets, s->n_datasets,
                             ": declare it under `datasets`");
    } else if ((rest = name_in(name, SPACE_STAGED)) != NULL) {
        p->var = TEMPLATE_STAGED;
        p->text = bf_xstrdup(rest);
        staged_value(c, offset, p);
    } else {
        return false;
    }
    p->text_len = strlen(p->text);
    return true;
}

static void check_grain(struct compiler *c, size_t offset, const struct variable *v)
{
    if (c->scope->grain_bad || v->grains & GRAIN(c->scope->grain))
        return;
    BF_AUTO_FREE char *s = NULL;
    if (c->scope->grain == PLAN_NONE)
        s = bf_xasprintf("`%s` means nothing here: the step has no partitions (grain none)", v->name);
    else
        s = bf_xasprintf("`%s` means nothing here: the step has grain %s", v->name,
                         plan_grain_name(c->scope->grain));
    complain(c, offset, s);
}

static void resolve(struct compiler *c, size_t offset, const char *name, struct template_piece *p)
{
    if (named_value(c, offset, name, p))
        return;
    for (size_t i = 0; i < N_VARIABLES; i++) {
        if (strcmp(variables[i].name, name) == 0) {
            p->var = variables[i].var;
            check_grain(c, offset, &variables[i]);
            return;
        }
    }
    if (name_in(name, SPACE_FLAG)) {
        complain(c, offset, "`flag.…` in a template is not supported yet (R15)");
        return;
    }
    const char *names[N_VARIABLES];
    for (size_t i = 0; i < N_VARIABLES; i++)
        names[i] = variables[i].name;
    complain_unknown(c, offset, "name", "", name, names, N_VARIABLES,
                     " in a template: it knows partition.…, params.…, flag.…, run.…, dataset.… and staged.…");
}

static bool blank(char ch) { return ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r'; }

static void trim(const char *text, size_t *from, size_t *until)
{
    while (*from < *until && blank(text[*from]))
        ++*from;
    while (*until > *from && blank(text[*until - 1]))
        --*until;
}

static void filter(struct compiler *c, size_t from, size_t until, struct template_piece *p)
{
    trim(c->text, &from, &until);
    if (until - from != 5 || memcmp(c->text + from, "ident", 5) != 0) {
        complain(c, from, "after `|` only `ident` is known");
        return;
    }
    p->ident = p->var != TEMPLATE_STAGED;        /* which is an identifier anyway */
    if (c->scope->text_only)
        complain(c, from, "`| ident` is for SQL: here a value is plain text");
}

/* The expression between the braces, text [from, until). */
static void expression(struct compiler *c, size_t from, size_t until)
{
    const char *bar = memchr(c->text + from, '|', until - from);
    size_t name_from = from, name_until = bar ? (size_t)(bar - c->text) : until;
    trim(c->text, &name_from, &name_until);
    size_t len = name_until - name_from;
    if (!bar && len == 4 && memcmp(c->text + name_from, "\"{{\"", 4) == 0) {
        add_text(c, "{{", 2);
        return;
    }
    struct template_piece p = {0};
    if (len == 0) {
        complain(c, from, "nothing between `{{` and `}}`");
    } else {
        BF_AUTO_FREE char *name = bf_xstrndup(c->text + name_from, len);
        resolve(c, name_from, name, &p);
    }
    if (bar)
        filter(c, (size_t)(bar - c->text) + 1, until, &p);
    if (c->bad)
        free(p.text);
    else
        *add_piece(c) = p;
}

static const char *find(const char *from, const char *until, const char *two)
{
    for (const char *p = from; p + 1 < until; p++)
        if (p[0] == two[0] && p[1] == two[1])
            return p;
    return NULL;
}

static void on_sql(void *arg, enum sql_finding what, size_t offset, size_t len)
{
    struct compiler *c = arg;
    if (what == SQL_EXPRESSION_IN_QUOTES) {
        complain_with(c, offset, "an expression between quotes: it becomes a quoted literal of its type by itself",
                      "remove the quotes around it");
        return;
    }
    const char *sentence = "`%.*s` cannot stand in the script: its statements and its marker are one transaction";
    if (c->scope->query)
        sentence = what == SQL_NEXT_STATEMENT ? "`%.*s` begins a second statement: a check is one query, which changes nothing"
                                              : "`%.*s` cannot stand in a check: it is one query, which changes nothing";
    else if (what == SQL_NEXT_STATEMENT || c->scope->own_transactions)
        return;
    BF_AUTO_FREE char *s = bf_xasprintf(sentence, (int)len, c->text + offset);
    complain_with(c, offset, s, "remove the statement");
}

struct bf_mark template_mark(const struct template_place *place, const char *text, size_t offset)
{
    struct compiler c = {.text = text, .len = strlen(text), .place = place, .one_line = !strchr(text, '\n')};
    find_place(&c, offset);
    return mark_of(&c, c.line, c.column);
}

bool template_compile_at(const char *text, size_t len, const struct template_place *place,
                         const struct template_scope *scope, struct bf_diags *d, struct template *ret)
{
    struct compiler c = {.text = text, .len = len, .place = place, .scope = scope, .d = d, .one_line = !memchr(text, '\n', len)};
    const char *end = text + len, *pos = text, *open;
    bool bad = false;
    while ((open = find(pos, end, "{{")) != NULL) {
        add_text(&c, pos, (size_t)(open - pos));
        const char *in = open + 2;
        /* What is in quotes stands before the first `}}`: each part of the text is looked through once. */
        const char *close = find(in, end, "}}"), *quoted = close ? find(in, close, "\"{") : NULL;
        if (quoted && quoted + 4 <= close && memcmp(quoted, "\"{{\"", 4) == 0)
            close = find(quoted + 4, end, "}}");
        if (!close) {
            complain(&c, (size_t)(open - text), "`{{` has no `}}`");
            bad = true;
            pos = end;
            break;
        }
        expression(&c, (size_t)(in - text), (size_t)(close - text));
        bad |= c.bad;
        c.bad = false;
        pos = close + 2;
    }
    add_text(&c, pos, (size_t)(end - pos));
    if (!scope->text_only)
        plan_sql_scan(text, len, on_sql, &c);
    bad |= c.bad;
    struct template t = {.pieces = c.at, .n = c.n};
    if (bad) {
        template_done(&t);
        return false;
    }
    *ret = t;
    return true;
}

bool template_var_fits(enum template_var var, enum plan_grain grain)
{
    for (size_t i = 0; i < N_VARIABLES; i++)
        if (variables[i].var == var)
            return (variables[i].grains & GRAIN(grain)) != 0;
    return false;
}

void template_done(struct template *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->pieces[i].text);
    free(t->pieces);
    *t = (struct template){0};
}

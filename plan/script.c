/* What a step runs (its table sees to it that there is exactly one), with its templates compiled: programs here, SQL in sql_step.c, calls
 * in http_step.c. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/keys.h"
#include "plan/read.h"
#include "plan/words.h"

/* A whole assignment must fit into one message of 1 MiB. */
#define COMMAND_MAX (256u << 10)
#define VALUE_MAX 1024u          /* of every value but a parameter's: the run's id is the longest */

struct template_scope plan_template_scope(const struct plan_compiler *c, const struct plan_step *step, enum plan_text_use use)
{
    const struct plan_step_source *source = &c->step_sources[step - c->plan->steps];
    struct template_scope scope = {
        .grain = step->grain, .grain_bad = source->grain_bad, .params = c->params.at, .n_params = c->params.n, .datasets = c->datasets.at,
        .n_datasets = c->datasets.n, .param_index = &c->params.index, .dataset_index = &c->datasets.index,
        .text_only = use == PLAN_TEXT_PLAIN, .query = use == PLAN_TEXT_QUERY,
    };
    if (use == PLAN_TEXT_PLAIN)
        return scope;
    scope.staged = source->staged;
    scope.n_staged = source->n_staged;
    scope.own_transactions = use == PLAN_TEXT_SCRIPT && step->kind == PLAN_SQL && !step->transaction;
    return scope;
}

bool plan_template_read(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *n, enum plan_text_use use,
                        struct template *ret)
{
    struct template_scope scope = plan_template_scope(c, step, use);
    struct template_place place = {.mark = n->mark};
    if (memchr(n->text, '{', n->text_len) || use != PLAN_TEXT_PLAIN)
        place = place_of_value(&c->lines, n);
    return template_compile_at(n->text, n->text_len, &place, &scope, c->d, ret);
}

bool plan_template_check(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *n, bool text_only)
{
    struct template t;
    if (!plan_template_read(c, step, n, text_only ? PLAN_TEXT_PLAIN : PLAN_TEXT_SCRIPT, &t))
        return false;
    template_done(&t);
    return true;
}

/* What passes the limits here must fit into a message whatever the partition is: later nobody is left who could be told. */
size_t plan_template_bytes_max(const struct plan_compiler *c, const struct template *t)
{
    size_t bytes = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct template_piece *piece = &t->pieces[i];
        if (piece->var == TEMPLATE_TEXT)
            bytes += piece->text_len;
        else if (piece->var == TEMPLATE_PARAM)
            bytes += strlen(c->plan->params[piece->place].value);
        else
            bytes += VALUE_MAX;
    }
    return bytes;
}

/* Compile one argument or value; *bytes grows by what it may become. */
static bool compile_argument(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *n, const char *what,
                             size_t *bytes, struct template *ret)
{
    if (!plan_template_read(c, step, n, PLAN_TEXT_PLAIN, ret))
        return false;
    size_t most = plan_template_bytes_max(c, ret);
    *bytes += most;
    if (most > PLAN_ARGUMENT_MAX)
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "%s is too long with its values: %zu bytes, at most %u", what, most,
                    PLAN_ARGUMENT_MAX);
    return true;
}

/* ---- run ---- */

static void read_run(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *list)
{
    const struct plan_type *type = plan_keys_find(&plan_keys_step, "run")->type;
    size_t bytes = 0;
    if (!plan_value_count(c->d, list, "run", type))
        return;
    step->argv = bf_xcalloc(list->n, sizeof *step->argv);
    for (size_t i = 0; i < list->n; i++) {
        const struct bf_yaml_node *n = list->items[i];
        if (!plan_value_check(c->d, n, "an argument of run", type->of))
            continue;
        if (i == 0 && !n->text[0])
            bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "the first item of `run` is the program: it cannot be empty");
        if (compile_argument(c, step, n, "an argument of run", &bytes, &step->argv[step->n_argv]))
            step->n_argv++;
    }
    if (bytes > COMMAND_MAX)
        bf_diag_add(c->d, BF_DIAG_ERROR, list->mark, "`run` is too long with its values: %zu bytes, at most %u", bytes, COMMAND_MAX);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct plan_env *)a)->name, ((const struct plan_env *)b)->name);
}

static bool env_name_valid(struct plan_compiler *c, const struct bf_yaml_node *key)
{
    char shown[PLAN_CLIP];
    if (!plan_identifier_valid(key->text, key->text_len) || key->text_len > PLAN_NAME_MAX) {
        bf_diag_add(c->d, BF_DIAG_ERROR, key->mark, "`%s` cannot be the name of an environment variable", plan_clip(key->text, shown));
        return false;
    }
    if (strncmp(key->text, "BF_", 3) == 0) {
        bf_diag_add(c->d, BF_DIAG_ERROR, key->mark, "`%s`: names that begin with BF_ are set by the system", key->text);
        return false;
    }
    return true;
}

static void read_env(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map)
{
    const struct plan_type *type = plan_keys_find(&plan_keys_step, "env")->type;
    size_t bytes = 0;
    if (!plan_value_count(c->d, map, "env", type))
        return;
    step->env = bf_xcalloc(map->n, sizeof *step->env);
    for (size_t i = 0; i < map->n; i++) {
        struct template value;
        if (!env_name_valid(c, map->keys[i]) || !plan_value_check(c->d, map->items[i], map->keys[i]->text, type->of))
            continue;
        if (strstr(map->items[i]->text, "${env:") || strstr(map->items[i]->text, "${secret:")) {
            bf_diag_add(c->d, BF_DIAG_ERROR, map->items[i]->mark, "a reference in `env` would be passed on as text: references are "
                        "resolved in connections and in `http` headers only");
            bf_diag_fix(c->d, "let the agent pass the variable on: list it in `allow_env` of its configuration");
            continue;
        }
        bytes += map->keys[i]->text_len;
        if (compile_argument(c, step, map->items[i], map->keys[i]->text, &bytes, &value))
            step->env[step->n_env++] = (struct plan_env){.name = bf_xstrdup(map->keys[i]->text), .value = value};
    }
    if (step->n_env > 1)
        qsort(step->env, step->n_env, sizeof *step->env, by_name);
    if (bytes > COMMAND_MAX)
        bf_diag_add(c->d, BF_DIAG_ERROR, map->mark, "`env` is too long with its values: %zu bytes, at most %u", bytes, COMMAND_MAX);
}

/* ---- noop, failure ---- */

static void read_noop(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *n)
{
    bool value;
    (void)step;
    if (plan_read_bool(c->d, n, "noop", &value) && !value)
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`noop` can only be true: leave it out where the step does something");
}

/* The script as one text: values stand in its environment, so that none of them can become a part of it. */
static void read_shell(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *n)
{
    static const char *const before[] = {"/bin/sh", "-c"};
    if (!plan_value_check(c->d, n, "shell", plan_keys_find(&plan_keys_step, "shell")->type))
        return;
    const char *braces = strstr(n->text, "{{");
    if (braces) {
        struct template_place place = place_of_value(&c->lines, n);
        bf_diag_add(c->d, BF_DIAG_ERROR, template_mark(&place, n->text, (size_t)(braces - n->text)),
                    "`{{` in `shell`: values are never put into a script, they stand in its environment");
        bf_diag_fix(c->d, "use a variable like `\"$BF_PARTITION_KEY\"`, or give the step `env` with the expression");
        return;
    }
    step->argv = bf_xcalloc(3, sizeof *step->argv);
    for (size_t i = 0; i < 3; i++) {
        const char *text = i < 2 ? before[i] : n->text;
        struct template_piece *piece = bf_xcalloc(1, sizeof *piece);
        *piece = (struct template_piece){.var = TEMPLATE_TEXT, .text = bf_xstrdup(text), .text_len = strlen(text)};
        step->argv[step->n_argv++] = (struct template){.pieces = piece, .n = 1};
    }
}

static int by_exit_code(const void *a, const void *b)
{
    return (int)((const struct plan_failure *)a)->exit_code - (int)((const struct plan_failure *)b)->exit_code;
}

/* Codes that mean the same for every program. */
static enum plan_failure_class fixed_meaning(int64_t code)
{
    return code == 75 ? PLAN_TRANSIENT : code == 126 || code == 127 ? PLAN_PERMANENT : PLAN_UNKNOWN;
}

static bool failure_given(const struct plan_step *step, int64_t code)
{
    for (size_t i = 0; i < step->n_failure; i++)
        if (step->failure[i].exit_code == code)
            return true;
    return false;
}

static void read_failure(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map)
{
    const struct plan_type *type = plan_keys_find(&plan_keys_step, "failure")->type;
    if (!plan_value_check(c->d, map, "failure", type))
        return;
    step->failure = bf_xcalloc(map->n, sizeof *step->failure);
    for (size_t i = 0; i < map->n; i++) {
        int64_t code = 0;
        int means = 0;
        if (!plan_read_int(c->d, map->keys[i], "a key of failure", type->key->min, type->key->max, &code) ||
            !plan_read_word(c->d, map->items[i], map->keys[i]->text, type->of->words, &means))
            continue;
        if (fixed_meaning(code) != PLAN_UNKNOWN && fixed_meaning(code) != (enum plan_failure_class)means) {
            bf_diag_add(c->d, BF_DIAG_ERROR, map->keys[i]->mark, "exit code %d always means %s", (int)code,
                        plan_word_of(plan_failure_words, (int)fixed_meaning(code)));
            bf_diag_fix(c->d, "leave it out, or let the program exit with another");
        } else if (failure_given(step, code)) {
            bf_diag_add(c->d, BF_DIAG_ERROR, map->keys[i]->mark, "exit code %d is given twice", (int)code);
        } else {
            step->failure[step->n_failure++] = (struct plan_failure){(uint8_t)code, (enum plan_failure_class)means};
        }
    }
    if (step->n_failure > 1)
        qsort(step->failure, step->n_failure, sizeof *step->failure, by_exit_code);
}

/* ---- which ---- */

/* `env` and `failure`, which only programs have. */
static void read_program_keys(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body, bool program)
{
    const struct bf_yaml_node *env = plan_keys_get(body, &plan_keys_step, "env"),
                                     *failure = plan_keys_get(body, &plan_keys_step, "failure");
    if (env && program)
        read_env(c, step, env);
    else if (env)
        bf_diag_add(c->d, BF_DIAG_ERROR, env->mark, "`env` is for `run` and `shell` steps");
    if (failure && program)
        read_failure(c, step, failure);
    else if (failure)
        bf_diag_add(c->d, BF_DIAG_ERROR, failure->mark, "`failure` says what exit codes mean: it is for `run` and `shell` steps");
}

void plan_script_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    static const struct {
        const char *key;
        enum plan_kind kind;
        void (*read)(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *n);
    } kinds[] = {
        {"run", PLAN_RUN, read_run}, {"shell", PLAN_SHELL, read_shell}, {"sql", PLAN_SQL, plan_sql_read},
        {"http", PLAN_HTTP, plan_http_read},
        {"warehouse", PLAN_WAREHOUSE, plan_warehouse_read}, {"noop", PLAN_NOOP, read_noop},
        {"sensor", PLAN_SENSOR, plan_sensor_read},
    };
    bool any = false, program = false;
    step->kind = PLAN_NOOP;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct bf_yaml_node *n = plan_keys_get(body, &plan_keys_step, kinds[i].key);
        if (!n)
            continue;
        if (!any)
            step->kind = kinds[i].kind;
        any = true;
        program |= kinds[i].kind == PLAN_RUN || kinds[i].kind == PLAN_SHELL;
        if (step->kind == kinds[i].kind)
            kinds[i].read(c, step, n);
    }
    read_program_keys(c, step, body, program || !any);
}

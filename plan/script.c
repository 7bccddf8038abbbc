/* What a step runs: `run`, `noop` or `sql` (its table sees to it that there is exactly one), with its templates compiled. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/keys.h"
#include "plan/read.h"

/* A whole assignment must fit into one message of 1 MiB. */
#define COMMAND_MAX (256u << 10)
#define SQL_PIECES_MAX 4096u
#define SQL_TOGETHER_MAX (32u << 20)   /* of all steps: many may name one file, and each has its own text of it */
#define VALUE_MAX 1024u          /* of every value but a parameter's: the run's id is the longest */

static struct template_scope scope_of(const struct plan_compiler *c, const struct plan_step *step, bool text_only)
{
    return (struct template_scope){
        .grain = step->grain, .grain_bad = c->step_sources[step - c->plan->steps].grain_bad, .params = c->params.at, .n_params = c->params.n, .datasets = c->datasets.at,
        .n_datasets = c->datasets.n, .param_index = &c->params.index, .dataset_index = &c->datasets.index, .text_only = text_only,
    };
}

static bool compile_text(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *n, bool text_only,
                         struct template *ret)
{
    struct template_scope scope = scope_of(c, step, text_only);
    struct template_place place = {.mark = n->mark};
    if (memchr(n->text, '{', n->text_len))
        place = place_of_value(&c->lines, n);
    return template_compile_at(n->text, n->text_len, &place, &scope, c->d, ret);
}

bool plan_template_check(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *n, bool text_only)
{
    struct template t;
    if (!compile_text(c, step, n, text_only, &t))
        return false;
    template_done(&t);
    return true;
}

/* The most that a template becomes with the values of this compilation.  What passes the limits here must fit into a message
 * whatever the partition is: later nobody is left who could be told. */
static size_t rendered_max(const struct plan_compiler *c, const struct template *t)
{
    size_t bytes = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct template_piece *piece = &t->pieces[i];
        if (piece->var == TEMPLATE_TEXT)
            bytes += piece->text_len;
        else if (piece->var == TEMPLATE_PARAM)
            bytes += strlen(c->plan->params[plan_names_find(&c->params, piece->text)].value);
        else
            bytes += VALUE_MAX;
    }
    return bytes;
}

/* Compile one argument or value; *bytes grows by what it may become. */
static bool compile_argument(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *n, const char *what,
                             size_t *bytes, struct template *ret)
{
    if (!compile_text(c, step, n, true, ret))
        return false;
    size_t most = rendered_max(c, ret);
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
        bytes += map->keys[i]->text_len;
        if (compile_argument(c, step, map->items[i], map->keys[i]->text, &bytes, &value))
            step->env[step->n_env++] = (struct plan_env){.name = bf_xstrdup(map->keys[i]->text), .value = value};
    }
    if (step->n_env > 1)
        qsort(step->env, step->n_env, sizeof *step->env, by_name);
    if (bytes > COMMAND_MAX)
        bf_diag_add(c->d, BF_DIAG_ERROR, map->mark, "`env` is too long with its values: %zu bytes, at most %u", bytes, COMMAND_MAX);
}

/* ---- sql ---- */

bool plan_path_valid(const char *path)
{
    if (!*path || *path == '/' || strlen(path) > 1024)
        return false;
    for (const char *p = path; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
            return false;
    }
    return true;
}

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\n' && text[i] != '\r')
            return false;
    return true;
}

/* Is there room for one more script?  Told once. */
static bool sql_fits(struct plan_compiler *c, const struct bf_yaml_node *n, size_t bytes)
{
    bool told = c->sql_bytes > SQL_TOGETHER_MAX;
    c->sql_bytes += bytes;
    if (c->sql_bytes <= SQL_TOGETHER_MAX)
        return true;
    if (!told)
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "the scripts of the steps have more than %u bytes together, which is the limit of a plan: a "
                    "file counts for each step that names it", SQL_TOGETHER_MAX);
    return false;
}

static void read_sql_text(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *n)
{
    if (plan_value_check(c->d, n, "text", plan_keys_find(&plan_keys_sql, "text")->type) && sql_fits(c, n, n->text_len))
        (void)compile_text(c, step, n, false, &step->sql);
}

static void read_sql_file(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *n)
{
    const char *path;
    if (!plan_read_text(c->d, n, "file", PLAN_TEXT_MAX, &path))
        return;
    if (!plan_path_valid(path)) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`file` must be a path beside the plan or below it, without `..`");
        return;
    }
    uint32_t at = plan_names_find(&c->files, path);
    if (at == PLAN_NO_INDEX) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "file `%s` is not there: paths begin at the folder of the plan", path);
        return;
    }
    const struct plan_file *file = &c->source->files[at];
    if (!sql_fits(c, n, file->text_len))
        return;
    if (file->text_len > PLAN_SCRIPT_MAX)
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "file `%s` is too long: %zu bytes, at most %u", path, file->text_len, PLAN_SCRIPT_MAX);
    else if (!bf_utf8_valid(file->text, file->text_len))
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "file `%s` is not UTF-8 text", path);
    else if (is_blank(file->text, file->text_len))
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "file `%s` holds no statement", path);
    else {
        struct template_scope scope = scope_of(c, step, false);
        const struct bf_diag_source text = {.file = file->path, .text = file->text, .len = file->text_len};
        struct template_place place = {.mark = n->mark, .source = &text};
        (void)template_compile_at(file->text, file->text_len, &place, &scope, c->d, &step->sql);
    }
}

static void read_transaction(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map)
{
    const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_sql, "transaction");
    if (n && plan_read_bool(c->d, n, "transaction", &step->transaction) && !step->transaction)
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`transaction: false` is not supported yet (R11): write `transaction: true`");
}

static void check_sql_size(struct plan_compiler *c, struct plan_step *step, struct bf_mark mark)
{
    size_t bytes = rendered_max(c, &step->sql);
    if (bytes > PLAN_SCRIPT_MAX)
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "`sql` is too long with its values: %zu bytes, at most %u", bytes, PLAN_SCRIPT_MAX);
    if (step->sql.n <= SQL_PIECES_MAX)
        return;
    bf_diag_add(c->d, BF_DIAG_ERROR, mark, "`sql` has too many expressions: %zu pieces of text and values, at most %u", step->sql.n,
                SQL_PIECES_MAX);
    template_done(&step->sql);
}

static void read_sql(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map)
{
    if (!plan_keys_check(c->d, map, &plan_keys_sql))
        return;
    const struct bf_yaml_node *connection = plan_keys_get(map, &plan_keys_sql, "connection");
    if (connection)
        (void)plan_ref_read(c, connection, PLAN_REF_CONNECTION, &step->connection);
    read_transaction(c, step, map);
    const struct bf_yaml_node *file = plan_keys_get(map, &plan_keys_sql, "file"), *text = plan_keys_get(map, &plan_keys_sql, "text");
    if (text)
        read_sql_text(c, step, text);
    else if (file)
        read_sql_file(c, step, file);
    check_sql_size(c, step, map->mark);
}

static void read_noop(struct plan_compiler *c, const struct bf_yaml_node *n)
{
    bool value;
    if (plan_read_bool(c->d, n, "noop", &value) && !value)
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`noop` can only be true: leave it out where the step does something");
}

/* ---- which ---- */

void plan_script_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    const struct bf_yaml_node *run = plan_keys_get(body, &plan_keys_step, "run"), *sql = plan_keys_get(body, &plan_keys_step, "sql");
    const struct bf_yaml_node *noop = plan_keys_get(body, &plan_keys_step, "noop"), *env = plan_keys_get(body, &plan_keys_step, "env");
    step->kind = run ? PLAN_RUN : sql ? PLAN_SQL : PLAN_NOOP;
    if (run)
        read_run(c, step, run);
    if (sql)
        read_sql(c, step, sql);
    if (noop)
        read_noop(c, noop);
    if (env && !run && (sql || noop))
        bf_diag_add(c->d, BF_DIAG_ERROR, env->mark, "`env` is for `run` steps");
    else if (env)
        read_env(c, step, env);
}

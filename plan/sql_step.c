/* What `sql` and `warehouse` steps say: the script from the plan or from a file beside it, how it commits, and what it publishes. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/sql_limits.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/keys.h"
#include "plan/read.h"

#define SQL_TOGETHER_MAX (32u << 20)   /* of all steps: many may name one file, and each has its own text of it */

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
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "the scripts of the steps have more than %u bytes together, which is the limit of a "
                    "plan: a file counts for each step that names it", SQL_TOGETHER_MAX);
    return false;
}

static void read_sql_text(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *n)
{
    if (plan_value_check(c->d, n, "text", plan_keys_find(&plan_keys_sql, "text")->type) && sql_fits(c, n, n->text_len))
        (void)plan_template_read(c, step, n, PLAN_TEXT_SCRIPT, &step->sql);
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
        struct template_scope scope = plan_template_scope(c, step, PLAN_TEXT_SCRIPT);
        const struct bf_diag_source text = {.file = file->path, .text = file->text, .len = file->text_len};
        struct template_place place = {.mark = n->mark, .source = &text};
        (void)template_compile_at(file->text, file->text_len, &place, &scope, c->d, &step->sql);
    }
}

/* ---- publish ---- */

/* The outputs that live where the step runs: those that it can stage. */
static void find_staged(struct plan_compiler *c, const struct plan_step *step)
{
    struct plan_step_source *source = &c->step_sources[step - c->plan->steps];
    source->staged = bf_xcalloc(step->n_outputs + 1, sizeof *source->staged);
    for (size_t i = 0; i < step->n_outputs; i++)
        if (c->plan->datasets[step->outputs[i]].connection == step->connection)
            source->staged[source->n_staged++] = step->outputs[i];
}

static void read_publish(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map)
{
    const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_sql, "publish");
    const struct plan_step_source *source = &c->step_sources[step - c->plan->steps];
    int word;
    if (!plan_keys_word(c->d, map, &plan_keys_sql, "publish", &word))
        return;
    step->swap = true;
    if (step->transaction) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`publish: swap` is for databases and statements that `transaction: true` cannot cover: "
                    "one of the two, not both");
        bf_diag_fix(c->d, "leave out `publish`, or `transaction: true`");
    }
    if (step->grain != PLAN_NONE && !source->grain_bad) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`publish: swap` replaces whole tables, and the step writes one %s of them at a time",
                    plan_grain_name(step->grain));
        bf_diag_fix(c->d, "give the step `partitions: {grain: none}`, or write `transaction: true` instead of `publish: swap`");
    }
    if (step->connection == PLAN_NO_INDEX)
        return;                                  /* said already; nobody can say what is staged */
    find_staged(c, step);
    if (source->n_staged > 0)
        return;
    bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`publish: swap` has nothing to publish: the step has no output on connection `%s`",
                c->plan->connections[step->connection].name);
    bf_diag_fix(c->d, "name the dataset in its `outputs`, and give the dataset `connection: %s`",
                c->plan->connections[step->connection].name);
}

/* Each staged table must be written: what the script does not name would be published as it was found. */
static void check_staged_named(struct plan_compiler *c, const struct plan_step *step, struct bf_mark mark)
{
    const struct plan_step_source *source = &c->step_sources[step - c->plan->steps];
    for (size_t i = 0; i < source->n_staged && step->sql.n > 0; i++) {
        const char *name = c->plan->datasets[source->staged[i]].name;
        bool named = false;
        for (size_t k = 0; k < step->sql.n; k++)
            named |= step->sql.pieces[k].var == TEMPLATE_STAGED && step->sql.pieces[k].place == source->staged[i];
        if (named)
            continue;
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "the script does not name the staged table of its output `%s`, "
                                               "which would be published as it is",
                    name);
        bf_diag_fix(c->d, "write to `{{ staged.%s }}` in the script", name);
    }
}

/* ---- the whole ---- */

void plan_sql_pieces_check(struct plan_compiler *c, const char *key, struct bf_mark mark, struct template *t)
{
    if (t->n <= SQL_PLAN_PIECES_MAX)
        return;
    bf_diag_add(c->d, BF_DIAG_ERROR, mark, "`%s` has too many expressions: %zu pieces of text and values, at most %u", key, t->n,
                SQL_PLAN_PIECES_MAX);
    template_done(t);
}

static void check_sql_size(struct plan_compiler *c, struct plan_step *step, struct bf_mark mark)
{
    size_t bytes = plan_template_bytes_max(c, &step->sql);
    if (bytes > PLAN_SCRIPT_MAX)
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "`sql` is too long with its values: %zu bytes, at most %u", bytes, PLAN_SCRIPT_MAX);
    plan_sql_pieces_check(c, "sql", mark, &step->sql);
}

static void check_outputs(struct plan_compiler *c, const struct plan_step *step, struct bf_mark mark)
{
    if (step->n_outputs > SQL_OUTPUTS_MAX)
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "the step has %zu outputs, and a `sql` step at most %u", step->n_outputs, SQL_OUTPUTS_MAX);
}

void plan_sql_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map)
{
    if (!plan_keys_check(c->d, map, &plan_keys_sql))
        return;
    const struct bf_yaml_node *n;
    if ((n = plan_keys_get(map, &plan_keys_sql, "connection")) != NULL)
        (void)plan_ref_read(c, n, PLAN_REF_CONNECTION, &step->connection);
    if ((n = plan_keys_get(map, &plan_keys_sql, "transaction")) != NULL)
        (void)plan_read_bool(c->d, n, "transaction", &step->transaction);
    read_publish(c, step, map);
    const struct bf_yaml_node *file = plan_keys_get(map, &plan_keys_sql, "file"), *text = plan_keys_get(map, &plan_keys_sql, "text");
    if (text)
        read_sql_text(c, step, text);
    else if (file)
        read_sql_file(c, step, file);
    check_sql_size(c, step, map->mark);
    check_outputs(c, step, map->mark);
    check_staged_named(c, step, map->mark);
}

void plan_warehouse_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map)
{
    const struct plan_keys *keys = &plan_keys_warehouse;
    int word;
    if (!plan_keys_check(c->d, map, keys))
        return;
    const struct bf_yaml_node *connection = plan_keys_get(map, keys, "connection");
    if (connection)
        (void)plan_ref_read(c, connection, PLAN_REF_CONNECTION, &step->connection);
    if (plan_keys_word(c->d, map, keys, "do", &word))
        step->warehouse = (enum plan_warehouse)word;
    if (step->grain != PLAN_NONE && !c->step_sources[step - c->plan->steps].grain_bad) {
        bf_diag_add(c->d, BF_DIAG_ERROR, map->mark, "a `warehouse` step looks at a connection once, and this one has grain %s",
                    plan_grain_name(step->grain));
        bf_diag_fix(c->d, "give the step `partitions: {grain: none}`");
    }
}

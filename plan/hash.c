/* Content hashes: BLAKE2b-256 over length-prefixed fields, so that no two contents share an encoding.
 *
 * A step's hash covers what the step does and how it is scheduled: kind, templates with the values of the parameters they name,
 * environment, grain, datasets, edges, policy.  Order that means nothing is sorted away.  It leaves out what only describes
 * (owner, why, description), the range of a backfill, and everything of other steps but their names. */
#include <assert.h>
#include <sodium/crypto_generichash.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "plan/compile.h"

static_assert(PLAN_HASH_BYTES == crypto_generichash_BYTES, "BLAKE2b-256");

static void finish(const struct bf_buf *b, uint8_t ret[PLAN_HASH_BYTES])
{
    int failed = crypto_generichash(ret, PLAN_HASH_BYTES, b->data, b->len, NULL, 0);
    assert(failed == 0);
    (void)failed;
}

static void put_bytes(struct bf_buf *b, const void *p, size_t n)
{
    bf_buf_put_u64(b, n);
    bf_buf_put(b, p, n);
}

static void put_text(struct bf_buf *b, const char *s)
{
    put_bytes(b, s ? s : "", s ? strlen(s) : 0);
}

/* ---- source ---- */

static int by_path(const void *a, const void *b)
{
    return strcmp((*(const struct plan_file *const *)a)->path, (*(const struct plan_file *const *)b)->path);
}

void plan_source_hash(const struct plan_source *source, uint8_t ret[PLAN_HASH_BYTES])
{
    const struct plan_file **files = bf_xcalloc(source->n_files + 1, sizeof *files);
    struct bf_buf b = {0};
    for (size_t i = 0; i < source->n_files; i++)
        files[i] = &source->files[i];
    if (source->n_files > 1)
        qsort(files, source->n_files, sizeof *files, by_path);
    put_text(&b, "bf-plan-1");
    put_bytes(&b, source->text, source->text_len);
    bf_buf_put_u64(&b, source->n_files);
    for (size_t i = 0; i < source->n_files; i++) {
        put_text(&b, files[i]->path);
        put_bytes(&b, files[i]->text, files[i]->text_len);
    }
    finish(&b, ret);
    bf_buf_free(&b);
    free(files);
}

/* ---- step ---- */

static void put_template(struct bf_buf *b, const struct plan_compiler *c, const struct template *t)
{
    bf_buf_put_u64(b, t->n);
    for (size_t i = 0; i < t->n; i++) {
        const struct template_piece *piece = &t->pieces[i];
        bf_buf_put_u8(b, (uint8_t)piece->var);
        bf_buf_put_u8(b, piece->ident);
        put_bytes(b, piece->text, piece->text_len);
        if (piece->var == TEMPLATE_PARAM)
            put_text(b, c->plan->params[plan_names_find(&c->params, piece->text)].value);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_datasets(struct bf_buf *b, const struct plan *p, const uint32_t *at, size_t n)
{
    const char **names = bf_xcalloc(n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++)
        names[i] = p->datasets[at[i]].name;
    if (n > 1)
        qsort(names, n, sizeof *names, by_text);
    bf_buf_put_u64(b, n);
    for (size_t i = 0; i < n; i++)
        put_text(b, names[i]);
    free(names);
}

/* Edges by name, mapping and n, encoded first so that sorting needs no look-up. */
struct edge_key { const char *name; uint32_t mapping, previous; };

static int by_edge(const void *a, const void *b)
{
    const struct edge_key *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    if (order != 0)
        return order;
    if (x->mapping != y->mapping)
        return x->mapping < y->mapping ? -1 : 1;
    return (x->previous > y->previous) - (x->previous < y->previous);
}

static void put_edges(struct bf_buf *b, const struct plan *p, const struct plan_step *step)
{
    struct edge_key *keys = bf_xcalloc(step->n_edges + 1, sizeof *keys);
    for (size_t i = 0; i < step->n_edges; i++)
        keys[i] = (struct edge_key){p->steps[step->edges[i].upstream].name, step->edges[i].mapping, step->edges[i].previous};
    if (step->n_edges > 1)
        qsort(keys, step->n_edges, sizeof *keys, by_edge);
    bf_buf_put_u64(b, step->n_edges);
    for (size_t i = 0; i < step->n_edges; i++) {
        put_text(b, keys[i].name);
        put_text(b, plan_mapping_name((enum plan_mapping)keys[i].mapping));
        bf_buf_put_u32(b, keys[i].previous);
    }
    free(keys);
}

static void put_policy(struct bf_buf *b, const struct plan *p, const struct plan_step *step)
{
    put_text(b, plan_priority_name(step->priority));
    put_text(b, step->pool == PLAN_NO_INDEX ? NULL : p->pools[step->pool].name);
    bf_buf_put_u64(b, (uint64_t)step->expect_ms);
    bf_buf_put_u64(b, (uint64_t)step->timebox_ms);
    bf_buf_put_u8(b, step->timebox_then == PLAN_KILL_AND_FAIL);
    bf_buf_put_u32(b, step->retry.max_attempts);
    bf_buf_put_u64(b, (uint64_t)step->retry.initial_ms);
    bf_buf_put_u64(b, (uint64_t)step->retry.max_ms);
    bf_buf_put_u32(b, step->retry.factor_milli);
    bf_buf_put_u8(b, step->wait_for_fence);
    bf_buf_put_u64(b, step->n_labels);
    for (size_t i = 0; i < step->n_labels; i++) {
        put_text(b, step->labels[i].name);
        put_text(b, step->labels[i].value);
    }
}

static void put_script(struct bf_buf *b, const struct plan_compiler *c, const struct plan_step *step)
{
    put_text(b, plan_kind_name(step->kind));
    bf_buf_put_u64(b, step->n_argv);
    for (size_t i = 0; i < step->n_argv; i++)
        put_template(b, c, &step->argv[i]);
    bf_buf_put_u64(b, step->n_env);
    for (size_t i = 0; i < step->n_env; i++) {
        put_text(b, step->env[i].name);
        put_template(b, c, &step->env[i].value);
    }
    put_text(b, step->connection == PLAN_NO_INDEX ? NULL : c->plan->connections[step->connection].name);
    bf_buf_put_u8(b, step->transaction);
    put_template(b, c, &step->sql);
}

void plan_step_hash(const struct plan_compiler *c, struct plan_step *step)
{
    const struct plan *p = c->plan;
    struct bf_buf b = {0};
    put_text(&b, "bf-step-1");
    put_text(&b, step->name);
    put_text(&b, plan_grain_name(step->range.grain));
    put_script(&b, c, step);
    put_policy(&b, p, step);
    put_datasets(&b, p, step->inputs, step->n_inputs);
    put_datasets(&b, p, step->outputs, step->n_outputs);
    put_edges(&b, p, step);
    finish(&b, step->hash);
    bf_buf_free(&b);
}

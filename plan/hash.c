/* Content hashes: BLAKE2b-256 over length-prefixed fields, so that no two contents share an encoding. */
#include "plan/hash.h"

#include <assert.h>
#include <sodium/crypto_generichash.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

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

/* ---- plans and steps ---- */

static void put_pair(struct bf_buf *b, const struct plan_pair *pair)
{
    put_text(b, pair->key);
    put_bytes(b, pair->value, pair->value_len);
}

void plan_hash(const struct plan *p, uint8_t ret[PLAN_HASH_BYTES])
{
    struct plan_pairs pairs = {0};
    struct bf_buf b = {0};
    crypto_generichash_state state;
    int failed = crypto_generichash_init(&state, NULL, 0, PLAN_HASH_BYTES);
    put_text(&b, "bf-plan-said-1");
    for (enum plan_section s = 0; s < PLAN_SECTION_COUNT; s++) {
        size_t n = plan_section_items(p, s);
        if (s == PLAN_SECTION_WINDOWS && n == 0)
            continue;                            /* plans had a hash before there were any */
        BF_AUTO_FREE uint32_t *order = plan_section_sorted(p, s);
        bf_buf_put_u64(&b, n);
        for (size_t i = 0; i < n; i++) {
            plan_pairs_of(p, s, order[i], &pairs);
            put_text(&b, plan_item_name(p, s, order[i]));
            bf_buf_put_u64(&b, pairs.n);
            for (size_t k = 0; k < pairs.n; k++)
                put_pair(&b, &pairs.at[k]);
            failed |= crypto_generichash_update(&state, b.data, b.len);
            bf_buf_clear(&b);
        }
    }
    failed |= crypto_generichash_update(&state, b.data, b.len);
    failed |= crypto_generichash_final(&state, ret, PLAN_HASH_BYTES);
    assert(failed == 0);
    (void)failed;
    plan_pairs_done(&pairs);
    bf_buf_free(&b);
}

static const char *after(const char *key, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(key, prefix, n) == 0 ? key + n : NULL;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct plan_pair *)a)->key, ((const struct plan_pair *)b)->key);
}

/* The keys `needs.STEP` under the names that the rules give; no step has the name that stands for the step itself. */
static void rename_needs(const struct plan_step *s, const struct plan_step_hashing *how, struct plan_pairs *pairs)
{
    for (size_t i = 0; i < pairs->n; i++) {
        const char *step = after(pairs->at[i].key, "needs."), *name = NULL;
        if (step && how->nameless && strcmp(step, s->name) == 0)
            name = "(itself)";
        else if (step && how->rename)
            name = how->rename(how->rename_arg, step);
        if (!name)
            continue;
        size_t len = strlen("needs.") + strlen(name) + 1;
        char *key = bf_arena_alloc(&pairs->arena, len);
        memcpy(key, "needs.", strlen("needs."));
        memcpy(key + strlen("needs."), name, strlen(name));
        pairs->at[i].key = key;
    }
    qsort(pairs->at, pairs->n, sizeof *pairs->at, by_key);
}

void plan_step_hash_as(const struct plan *p, const struct plan_step *s, const struct plan_step_hashing *how, uint8_t ret[PLAN_HASH_BYTES])
{
    struct plan_pairs pairs = {0};
    struct bf_buf b = {0};
    plan_pairs_of(p, PLAN_SECTION_STEPS, (uint32_t)(s - p->steps), &pairs);
    rename_needs(s, how, &pairs);
    put_text(&b, "bf-step-2");
    put_text(&b, how->nameless ? "" : s->name);
    for (size_t i = 0; i < pairs.n; i++)
        if (pairs.at[i].fact == PLAN_DOES && !(how->no_params && after(pairs.at[i].key, "params.")))
            put_pair(&b, &pairs.at[i]);
    finish(&b, ret);
    plan_pairs_done(&pairs);
    bf_buf_free(&b);
}

void plan_step_hash(const struct plan *p, const struct plan_step *s, uint8_t ret[PLAN_HASH_BYTES])
{
    plan_step_hash_as(p, s, &(struct plan_step_hashing){0}, ret);
}

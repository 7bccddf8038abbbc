/* The walk over a plan that gives its canonical pairs.
 *
 * One function for each section fills the pairs of one item; they are sorted at the end, so that no function needs to know the order
 * of another's keys.  Values that mean "nothing" (no time limit, no weight) give no pair: written out or left out is the same.
 * Whatever is added to struct plan is added here too, or two different plans would have one hash. */
#include "plan/canonical.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium/crypto_generichash.h>
#include <stdlib.h>
#include <string.h>

#include "common/civil.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/vec.h"
#include "plan/words.h"

/* ---- pairs ---- */

struct walk {
    const struct plan *plan;
    struct plan_pairs *pairs;
    struct bf_buf key, value;                    /* of the next pair */
};

static void add(struct walk *w, const char *key, enum plan_fact fact)
{
    struct plan_pairs *pairs = w->pairs;
    char *value = bf_arena_strndup(&pairs->arena, (const char *)w->value.data, w->value.len);
    struct plan_pair pair = {bf_arena_strdup(&pairs->arena, key), value, w->value.len, fact};
    bf_vec_push(pairs, pair);
    bf_buf_clear(&w->value);
}

static void add_text(struct walk *w, const char *key, const char *text, enum plan_fact fact)
{
    if (!text)
        return;
    bf_buf_put_str(&w->value, text);
    add(w, key, fact);
}

static void add_number(struct walk *w, const char *key, uint64_t n, enum plan_fact fact)
{
    bf_buf_printf(&w->value, "%" PRIu64, n);
    add(w, key, fact);
}

static void add_duration(struct walk *w, const char *key, int64_t ms, enum plan_fact fact)
{
    plan_duration_text(ms, &w->value);
    add(w, key, fact);
}

/* "PREFIX.NAME", with what is in w->value. */
static void add_named(struct walk *w, const char *prefix, const char *name, enum plan_fact fact)
{
    bf_buf_clear(&w->key);
    bf_buf_printf(&w->key, "%s.%s", prefix, name);
    add(w, bf_buf_cstr(&w->key), fact);
}

static void add_datasets(struct walk *w, const char *prefix, const uint32_t *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add_named(w, prefix, w->plan->datasets[at[i]].name, PLAN_DOES);
}

static void add_words(struct walk *w, const struct plan_words *words)
{
    for (size_t i = 0; i < PLAN_WORDS_COUNT; i++)
        add_text(w, plan_words_key(i), plan_words_text(words, i), PLAN_WORDS);
}

/* As an instant: the same moment may be written in several ways. */
static void add_deadline(struct walk *w, const struct plan_deadline *d)
{
    if (!d->text)
        return;
    int64_t day = bf_floor_div(d->at_s, BF_DAY_S), second = d->at_s - day * BF_DAY_S;
    struct bf_date date = bf_date_from_days((int32_t)day);
    bf_buf_printf(&w->value, "%04d-%02u-%02uT%02" PRId64 ":%02" PRId64 ":%02" PRId64 "Z", (int)date.year, (unsigned)date.month,
                  (unsigned)date.day, second / 3600, second / 60 % 60, second % 60);
    add(w, "deadline", PLAN_NOTES);
}

/* ---- steps ---- */

static int by_name_then_mapping(const void *a, const void *b)
{
    const struct plan_edge *x = *(const struct plan_edge *const *)a, *y = *(const struct plan_edge *const *)b;
    if (x->upstream != y->upstream)
        return x->upstream < y->upstream ? -1 : 1;
    if (x->mapping != y->mapping)
        return x->mapping < y->mapping ? -1 : 1;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

/* All edges to one upstream are one pair: "same; previous 2, outside refuse". */
static void add_edges(struct walk *w, const struct plan_step *s)
{
    BF_AUTO_FREE const struct plan_edge **at = bf_xcalloc(s->n_edges + 1, sizeof *at);
    for (size_t i = 0; i < s->n_edges; i++)
        at[i] = &s->edges[i];
    if (s->n_edges > 1)
        qsort(at, s->n_edges, sizeof *at, by_name_then_mapping);
    for (size_t i = 0; i < s->n_edges; i++) {
        plan_edge_words(at[i], &w->value);
        bf_buf_printf(&w->value, ", outside %s", plan_outside_name(at[i]->outside));
        if (i + 1 < s->n_edges && at[i + 1]->upstream == at[i]->upstream)
            bf_buf_put_str(&w->value, "; ");
        else
            add_named(w, "needs", w->plan->steps[at[i]->upstream].name, PLAN_DOES);
    }
}

/* The values of the parameters that a template names, each once: *seen has those that were named before. */
static void add_params(struct walk *w, const struct template *t, struct bf_map *seen)
{
    for (size_t i = 0; i < t->n; i++) {
        uint32_t param = t->pieces[i].param;
        if (t->pieces[i].var != TEMPLATE_PARAM || bf_map_get(seen, param, NULL))
            continue;
        bf_map_put(seen, param, 0);
        bf_buf_put_str(&w->value, w->plan->params[param].value);
        add_named(w, "params", w->plan->params[param].name, PLAN_DOES);
    }
}

static void add_script(struct walk *w, const struct plan_step *s)
{
    add_text(w, "kind", plan_kind_name(s->kind), PLAN_DOES);
    if (s->kind == PLAN_RUN) {
        plan_argv_text(s, &w->value);
        add(w, "run", PLAN_DOES);
    }
    if (s->kind == PLAN_SQL) {
        add_text(w, "sql.connection", w->plan->connections[s->connection].name, PLAN_DOES);
        add_text(w, "sql.transaction", s->transaction ? "true" : "false", PLAN_DOES);
        plan_template_text(&s->sql, &w->value);
        add(w, "sql.text", PLAN_DOES);
    }
    for (size_t i = 0; i < s->n_env; i++) {
        plan_template_text(&s->env[i].value, &w->value);
        add_named(w, "env", s->env[i].name, PLAN_DOES);
    }
    struct bf_map seen = {0};
    for (size_t i = 0; i < s->n_argv; i++)
        add_params(w, &s->argv[i], &seen);
    for (size_t i = 0; i < s->n_env; i++)
        add_params(w, &s->env[i].value, &seen);
    add_params(w, &s->sql, &seen);
    bf_map_free(&seen);
}

static void add_policy(struct walk *w, const struct plan_step *s)
{
    add_text(w, "priority", plan_priority_name(s->priority), PLAN_DOES);
    add_text(w, "pool", s->pool == PLAN_NO_INDEX ? NULL : w->plan->pools[s->pool].name, PLAN_DOES);
    add_duration(w, "expect.duration", s->expect_ms, PLAN_DOES);
    if (s->weight)
        add_number(w, "weight", s->weight, PLAN_DOES);
    if (s->timebox_ms) {
        add_duration(w, "timebox.limit", s->timebox_ms, PLAN_DOES);
        add_text(w, "timebox.then", plan_word_of(plan_then_words, (int)s->timebox_then), PLAN_DOES);
    }
    add_number(w, "retry.max", s->retry.max_attempts, PLAN_DOES);
    add_duration(w, "retry.backoff.initial", s->retry.initial_ms, PLAN_DOES);
    add_duration(w, "retry.backoff.max", s->retry.max_ms, PLAN_DOES);
    bf_buf_printf(&w->value, "%" PRIu32 ".%03" PRIu32, s->retry.factor_milli / 1000, s->retry.factor_milli % 1000);
    while (w->value.data[w->value.len - 1] == '0')
        w->value.len--;
    w->value.len -= w->value.data[w->value.len - 1] == '.';
    add(w, "retry.backoff.factor", PLAN_DOES);
    add_text(w, "on_lost", s->wait_for_fence ? plan_word_of(plan_lost_words, true) : NULL, PLAN_DOES);
    for (size_t i = 0; i < s->n_labels; i++) {
        bf_buf_put_str(&w->value, s->labels[i].value);
        add_named(w, "agents.labels", s->labels[i].name, PLAN_DOES);
    }
}

static void add_step(struct walk *w, uint32_t item)
{
    const struct plan_step *s = &w->plan->steps[item];
    add_text(w, "partitions.grain", plan_grain_name(s->grain), PLAN_DOES);
    if (s->grain != PLAN_NONE)
        add_text(w, "partitions.timezone", zone_name(w->plan->zone), PLAN_DOES);
    if (s->grain > PLAN_HOUR)                    /* no range cuts through an hour */
        add_text(w, "partitions.partial", s->partial ? plan_word_of(plan_partial_words, true) : NULL, PLAN_NOTES);
    add_script(w, s);
    add_policy(w, s);
    add_datasets(w, "inputs", s->inputs, s->n_inputs);
    add_datasets(w, "outputs", s->outputs, s->n_outputs);
    add_edges(w, s);
    for (size_t i = 0; i < s->n_tags; i++)
        add_named(w, "tags", s->tags[i], PLAN_NOTES);
    if (s->tolerance_ms)
        add_duration(w, "tolerance", s->tolerance_ms, PLAN_NOTES);
    add_deadline(w, &s->deadline);
    add_words(w, &s->words);
}

/* ---- the other sections ---- */

static void add_plan(struct walk *w, uint32_t item)
{
    (void)item;
    add_text(w, "name", w->plan->name, PLAN_DOES);
    add_text(w, "sensitivity", w->plan->sensitivity, PLAN_NOTES);
    add_text(w, "change_ticket", w->plan->change_ticket, PLAN_WORDS);
    add_words(w, &w->plan->words);
}

/* How the clock of the zone went in the range: two zone databases that differ there cut other partitions out of the same words. */
static void add_clock(struct walk *w)
{
    const struct plan *p = w->plan;
    struct bf_buf spans = {0};
    uint8_t digest[crypto_generichash_BYTES_MIN];
    char hex[2 * sizeof digest + 1];
    for (int64_t at_s = p->from_s; at_s < p->until_s;) {
        struct zone_span span = zone_span_at(p->zone, at_s);
        bf_buf_put_u64(&spans, (uint64_t)at_s);
        bf_buf_put_u32(&spans, (uint32_t)span.offset_s);
        at_s = span.until_s;
    }
    int failed = crypto_generichash(digest, sizeof digest, spans.data, spans.len, NULL, 0);
    assert(failed == 0);
    (void)failed;
    bf_hex(digest, sizeof digest, hex);
    add_text(w, "clock", hex, PLAN_DOES);
    bf_buf_free(&spans);
}

static void add_range(struct walk *w, uint32_t item)
{
    (void)item;
    char from[PLAN_KEY_MAX], to[PLAN_KEY_MAX];
    add_text(w, "grain", plan_grain_name(w->plan->grain), PLAN_DOES);
    plan_range_text(w->plan, from, to);
    if (!from[0])
        return;
    add_text(w, "from", from, PLAN_DOES);
    add_text(w, "to", to, PLAN_DOES);
    add_text(w, "timezone", zone_name(w->plan->zone), PLAN_DOES);
    add_clock(w);
}

static void add_pool(struct walk *w, uint32_t item)
{
    add_number(w, "slots", w->plan->pools[item].slots, PLAN_DOES);
    add_words(w, &w->plan->pools[item].words);
}

static void add_connection(struct walk *w, uint32_t item)
{
    add_text(w, "odbc", w->plan->connections[item].odbc, PLAN_DOES);
    add_words(w, &w->plan->connections[item].words);
}

static void add_dataset(struct walk *w, uint32_t item)
{
    const struct plan_dataset *d = &w->plan->datasets[item];
    add_text(w, "connection", d->connection == PLAN_NO_INDEX ? NULL : w->plan->connections[d->connection].name, PLAN_DOES);
    add_text(w, "external", d->external ? "true" : NULL, PLAN_DOES);
    add_text(w, "partition_column", d->partition_column, PLAN_DOES);
    add_text(w, "sensitivity", d->sensitivity, PLAN_NOTES);
    add_words(w, &d->words);
}

static void add_exposure(struct walk *w, uint32_t item)
{
    const struct plan_exposure *e = &w->plan->exposures[item];
    add_datasets(w, "reads", e->reads, e->n_reads);
    add_deadline(w, &e->deadline);
    add_words(w, &e->words);
}

/* A parameter is its value: `params.ledger` has no keys below it. */
static void add_param(struct walk *w, uint32_t item)
{
    w->pairs->at[0].value = bf_arena_strdup(&w->pairs->arena, w->plan->params[item].value);
    w->pairs->at[0].value_len = strlen(w->pairs->at[0].value);
}

static void add_owner(struct walk *w, uint32_t item)
{
    add_words(w, &w->plan->owners[item].words);
}

/* ---- sections ---- */

/* Arrays of items whose first field is their name; offset 0 in size: the section is one item. */
static const struct section {
    const char *name;
    size_t at, n, item_bytes;                    /* offsets of the array and its length in struct plan; bytes of an element */
    void (*add)(struct walk *w, uint32_t item);
} sections[PLAN_SECTION_COUNT] = {
#define ARRAY(field, type) offsetof(struct plan, field), offsetof(struct plan, n_##field), sizeof(struct type)
    [PLAN_SECTION_PLAN] = {"plan", 0, 0, 0, add_plan},
    [PLAN_SECTION_PARTITIONS] = {"partitions", 0, 0, 0, add_range},
    [PLAN_SECTION_POOLS] = {"pools", ARRAY(pools, plan_pool), add_pool},
    [PLAN_SECTION_CONNECTIONS] = {"connections", ARRAY(connections, plan_connection), add_connection},
    [PLAN_SECTION_DATASETS] = {"datasets", ARRAY(datasets, plan_dataset), add_dataset},
    [PLAN_SECTION_EXPOSURES] = {"exposures", ARRAY(exposures, plan_exposure), add_exposure},
    [PLAN_SECTION_PARAMS] = {"params", ARRAY(params, plan_param), add_param},
    [PLAN_SECTION_OWNERS] = {"owners", ARRAY(owners, plan_owner), add_owner},
    [PLAN_SECTION_STEPS] = {"steps", ARRAY(steps, plan_step), add_step},
#undef ARRAY
};
static_assert(offsetof(struct plan_pool, name) == 0 && offsetof(struct plan_connection, name) == 0 &&
              offsetof(struct plan_dataset, name) == 0 && offsetof(struct plan_exposure, name) == 0 &&
              offsetof(struct plan_param, name) == 0 && offsetof(struct plan_owner, name) == 0 && offsetof(struct plan_step, name) == 0,
              "an item begins with its name");

const char *plan_section_name(enum plan_section s)
{
    return sections[s].name;
}

size_t plan_section_items(const struct plan *p, enum plan_section s)
{
    return sections[s].item_bytes ? *(const size_t *)(const void *)((const char *)p + sections[s].n) : 1;
}

const char *plan_item_name(const struct plan *p, enum plan_section s, uint32_t item)
{
    const struct section *section = &sections[s];
    if (!section->item_bytes)
        return "";
    const char *array = *(const char *const *)(const void *)((const char *)p + section->at);
    return *(const char *const *)(const void *)(array + item * section->item_bytes);
}

struct named { const char *name; uint32_t item; };

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

uint32_t *plan_section_sorted(const struct plan *p, enum plan_section s)
{
    size_t n = plan_section_items(p, s);
    BF_AUTO_FREE struct named *names = bf_xcalloc(n + 1, sizeof *names);
    uint32_t *order = bf_xcalloc(n + 1, sizeof *order);
    for (uint32_t i = 0; i < n; i++)
        names[i] = (struct named){plan_item_name(p, s, i), i};
    if (n > 1)
        qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++)
        order[i] = names[i].item;
    return order;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct plan_pair *)a)->key, ((const struct plan_pair *)b)->key);
}

void plan_pairs_of(const struct plan *p, enum plan_section s, uint32_t item, struct plan_pairs *ret)
{
    struct walk w = {.plan = p, .pairs = ret};
    ret->n = 0;
    bf_arena_clear(&ret->arena);
    add(&w, "", PLAN_DOES);
    sections[s].add(&w, item);
    qsort(ret->at, ret->n, sizeof *ret->at, by_key);
    for (size_t i = 1; i < ret->n; i++)
        assert(strcmp(ret->at[i - 1].key, ret->at[i].key) < 0);
    bf_buf_free(&w.key);
    bf_buf_free(&w.value);
}

void plan_pairs_done(struct plan_pairs *pairs)
{
    bf_vec_free(pairs);
    bf_arena_free(&pairs->arena);
}

void plan_path(enum plan_section s, const char *item, const char *key, struct bf_buf *ret)
{
    bf_buf_put_str(ret, sections[s].name);
    if (item[0])
        bf_buf_printf(ret, ".%s", item);
    if (key[0])
        bf_buf_printf(ret, ".%s", key);
}

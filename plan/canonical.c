/* The walk over a plan that gives its canonical pairs.
 *
 * One function for each section fills the pairs of one item; they are sorted at the end, so that no function needs to know the order
 * of another's keys.  Values that mean "nothing" (no time limit, no weight) give no pair: written out or left out is the same.
 * Whatever is added to struct plan is added here too, or two different plans would have one hash. */
#include "plan/canonical.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium/crypto_generichash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/civil.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/vec.h"
#include "plan/budget.h"
#include "plan/canonical_walk.h"
#include "plan/throttle.h"
#include "plan/words.h"

/* ---- pairs ---- */

void walk_add(struct walk *w, const char *key, enum plan_fact fact)
{
    struct plan_pairs *pairs = w->pairs;
    char *value = bf_arena_strndup(&pairs->arena, (const char *)w->value.data, w->value.len);
    struct plan_pair pair = {bf_arena_strdup(&pairs->arena, key), value, w->value.len, fact};
    bf_vec_push(pairs, pair);
    bf_buf_clear(&w->value);
}

void walk_add_text(struct walk *w, const char *key, const char *text, enum plan_fact fact)
{
    if (!text)
        return;
    bf_buf_put_str(&w->value, text);
    walk_add(w, key, fact);
}

void walk_add_number(struct walk *w, const char *key, uint64_t n, enum plan_fact fact)
{
    bf_buf_put_number(&w->value, n);
    walk_add(w, key, fact);
}

void walk_add_duration(struct walk *w, const char *key, int64_t ms, enum plan_fact fact)
{
    plan_duration_text(ms, &w->value);
    walk_add(w, key, fact);
}

/* "PREFIX.NAME", with what is in w->value. */
void walk_add_named(struct walk *w, const char *prefix, const char *name, enum plan_fact fact)
{
    bf_buf_clear(&w->key);
    bf_buf_put_str(&w->key, prefix);
    bf_buf_put_u8(&w->key, '.');
    bf_buf_put_str(&w->key, name);
    walk_add(w, bf_buf_cstr(&w->key), fact);
}

void walk_add_columns(struct walk *w, const char *prefix, const struct plan_column *columns, size_t n, enum plan_fact fact)
{
    for (size_t i = 0; i < n; i++) {
        bf_buf_put_str(&w->value, columns[i].type);
        walk_add_named(w, prefix, columns[i].name, fact);
    }
}

void walk_add_datasets(struct walk *w, const char *prefix, const uint32_t *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        walk_add_named(w, prefix, w->plan->datasets[at[i]].name, PLAN_DOES);
}

void walk_add_words(struct walk *w, const struct plan_words *words)
{
    for (size_t i = 0; i < PLAN_WORDS_COUNT; i++)
        walk_add_text(w, plan_words_key(i), plan_words_text(words, i), PLAN_WORDS);
}

/* As an instant: the same moment may be written in several ways. */
void walk_add_deadline(struct walk *w, const struct plan_deadline *d)
{
    if (!d->text)
        return;
    int64_t day = bf_floor_div(d->at_s, BF_DAY_S), second = d->at_s - day * BF_DAY_S;
    struct bf_date date = bf_date_from_days((int32_t)day);
    bf_buf_printf(&w->value, "%04d-%02u-%02uT%02" PRId64 ":%02" PRId64 ":%02" PRId64 "Z", (int)date.year, (unsigned)date.month,
                  (unsigned)date.day, second / 3600, second / 60 % 60, second % 60);
    walk_add(w, "deadline", PLAN_NOTES);
}

/* ---- the other sections ---- */

static void add_plan(struct walk *w, uint32_t item)
{
    (void)item;
    walk_add_text(w, "name", w->plan->name, PLAN_DOES);
    walk_add_text(w, "sensitivity", w->plan->sensitivity, PLAN_NOTES);
    if (w->plan->timebox_ms) {
        walk_add_duration(w, "timebox.limit", w->plan->timebox_ms, PLAN_DOES);
        walk_add_text(w, "timebox.then", plan_word_of(plan_end_words, (int)w->plan->timebox_then), PLAN_DOES);
    }
    walk_add_text(w, "change_ticket", w->plan->change_ticket, PLAN_WORDS);
    walk_add_words(w, &w->plan->words);
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
    walk_add_text(w, "clock", hex, PLAN_DOES);
    bf_buf_free(&spans);
}

static void add_range(struct walk *w, uint32_t item)
{
    (void)item;
    char from[PLAN_KEY_MAX], to[PLAN_KEY_MAX];
    walk_add_text(w, "grain", plan_grain_name(w->plan->grain), PLAN_DOES);
    plan_range_text(w->plan, from, to);
    if (!from[0])
        return;
    walk_add_text(w, "from", from, PLAN_DOES);
    walk_add_text(w, "to", to, PLAN_DOES);
    walk_add_text(w, "timezone", zone_name(w->plan->zone), PLAN_DOES);
    add_clock(w);
}

static void add_throttle(struct walk *w, const struct plan_throttle *t)
{
    if (t->algorithm == THROTTLE_NONE)
        return;
    walk_add_text(w, "throttle.algorithm", plan_throttle_word(t->algorithm), PLAN_DOES);
    walk_add_number(w, "throttle.min", t->min, PLAN_DOES);
    walk_add_number(w, "throttle.max", t->max, PLAN_DOES);
}

static void add_pool(struct walk *w, uint32_t item)
{
    const struct plan_pool *p = &w->plan->pools[item];
    char rate[PLAN_BUDGET_TEXT_MAX];
    walk_add_number(w, "slots", p->slots, PLAN_DOES);
    walk_add_resources(w, "", &p->has, PLAN_DOES);
    if (p->start_milli) {
        plan_start_rate_format(p->start_milli, p->start_ms, rate);
        walk_add_text(w, "start_rate", rate, PLAN_DOES);
    }
    walk_add_breaker(w, &p->breaker);
    add_throttle(w, &p->throttle);
    walk_add_words(w, &w->plan->pools[item].words);
}

/* A bound in the spelling of its kind: "500ms", or "0.25". */
static void add_bound(struct walk *w, const char *key, const struct plan_probe *probe, int64_t bound)
{
    if (!probe->value) {
        walk_add_duration(w, key, bound / 1000, PLAN_DOES);
        return;
    }
    bf_buf_printf(&w->value, "%" PRId64, bound / 1000000);
    if (bound % 1000000)
        bf_buf_printf(&w->value, ".%03" PRId64, bound % 1000000 / 1000);
    walk_add(w, key, PLAN_DOES);
}

static void add_probe(struct walk *w, const struct plan_probe *probe)
{
    walk_add_text(w, "probe.sql", probe->sql, PLAN_DOES);
    for (size_t i = 0; i < probe->n_argv; i++) {
        char key[40];
        snprintf(key, sizeof key, "probe.run.%04zu", i + 1);
        walk_add_text(w, key, probe->argv[i], PLAN_DOES);
    }
    walk_add_text(w, "probe.http.url", probe->url, PLAN_DOES);
    walk_add_text(w, "probe.http.method", probe->method, PLAN_DOES);
    walk_add_text(w, "probe.measure", probe->value ? "value" : "elapsed", PLAN_DOES);
    walk_add_duration(w, "probe.every", probe->every_ms, PLAN_DOES);
    add_bound(w, "probe.target", probe, probe->target);
    add_bound(w, "probe.limit", probe, probe->limit);
}

static void add_connection(struct walk *w, uint32_t item)
{
    walk_add_text(w, "odbc", w->plan->connections[item].odbc, PLAN_DOES);
    walk_add_text(w, "dialect", w->plan->connections[item].ansi ? "ansi" : NULL, PLAN_DOES);
    walk_add_text(w, "fence_table", w->plan->connections[item].fence_table, PLAN_DOES);
    walk_add_breaker(w, &w->plan->connections[item].breaker);
    walk_add_words(w, &w->plan->connections[item].words);
    if (w->plan->connections[item].probe)
        add_probe(w, w->plan->connections[item].probe);
}

static void add_dataset(struct walk *w, uint32_t item)
{
    const struct plan_dataset *d = &w->plan->datasets[item];
    walk_add_text(w, "connection", d->connection == PLAN_NO_INDEX ? NULL : w->plan->connections[d->connection].name, PLAN_DOES);
    walk_add_text(w, "external", d->external ? "true" : NULL, PLAN_DOES);
    walk_add_text(w, "partition_column", d->partition_column, PLAN_DOES);
    walk_add_text(w, "table", strcmp(d->table, d->name) == 0 ? NULL : d->table, PLAN_DOES);
    walk_add_columns(w, "schema", d->schema, d->n_schema, PLAN_DOES);
    walk_add_text(w, "freshness.column", d->fresh_column, PLAN_DOES);
    if (d->fresh_column)
        walk_add_duration(w, "freshness.max_age", d->max_age_ms, PLAN_DOES);
    for (size_t i = 0; i < d->n_mask; i++)
        walk_add_named(w, "mask", d->mask[i], PLAN_NOTES);
    walk_add_text(w, "sensitivity", d->sensitivity, PLAN_NOTES);
    walk_add_breaker(w, &d->breaker);
    walk_add_words(w, &d->words);
}

static void add_exposure(struct walk *w, uint32_t item)
{
    const struct plan_exposure *e = &w->plan->exposures[item];
    walk_add_datasets(w, "reads", e->reads, e->n_reads);
    walk_add_deadline(w, &e->deadline);
    walk_add_words(w, &e->words);
}

/* A parameter is its value: `params.ledger` has no keys below it. */
static void add_param(struct walk *w, uint32_t item)
{
    w->pairs->at[0].value = bf_arena_strdup(&w->pairs->arena, w->plan->params[item].value);
    w->pairs->at[0].value_len = strlen(w->pairs->at[0].value);
}

static void add_owner(struct walk *w, uint32_t item)
{
    walk_add_words(w, &w->plan->owners[item].words);
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
    [PLAN_SECTION_WINDOWS] = {"windows", ARRAY(windows, plan_window), walk_add_window},
    [PLAN_SECTION_STEPS] = {"steps", ARRAY(steps, plan_step), walk_add_step},
#undef ARRAY
};
static_assert(offsetof(struct plan_pool, name) == 0 && offsetof(struct plan_connection, name) == 0 &&
              offsetof(struct plan_dataset, name) == 0 && offsetof(struct plan_exposure, name) == 0 &&
              offsetof(struct plan_param, name) == 0 && offsetof(struct plan_owner, name) == 0 && offsetof(struct plan_step, name) == 0 &&
              offsetof(struct plan_window, name) == 0,
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
    walk_add(&w, "", PLAN_DOES);
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

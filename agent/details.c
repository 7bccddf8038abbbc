/* See details.h.  Every value is copied by a table of what may stand there, so that a step's own keys, depths and sizes go nowhere. */
#include "agent/details.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "proto/outcome.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15))
#define CUT_ROOM sizeof ",\"cut\":true"
#define NAME_MAX_BYTES 64u
#define FIGURES_MAX 32u

struct text_rule { const char *key; size_t max; bool needed; };

/* --- copying ---------------------------------------------------------------------------------------------------------- */

/* s cut to max bytes, at a character. */
static json_t *cut_text(const char *s, size_t max)
{
    return json_stringn(s, bf_utf8_cut(s, max));
}

/* false: a text that is needed is not there. */
static bool copy_texts(json_t *to, const json_t *from, const struct text_rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_object_get(from, rules[i].key));
        if (rules[i].needed && (!s || !*s))
            return false;
        if (s)
            json_object_set_new(to, rules[i].key, cut_text(s, rules[i].max));
    }
    return true;
}

static bool is_among(const json_t *object, const char *key, const char *const *words, size_t n)
{
    const char *s = json_string_value(json_object_get(object, key));
    for (size_t i = 0; s && i < n; i++)
        if (strcmp(s, words[i]) == 0)
            return true;
    return false;
}

/* Scalars alone: up to max of them, texts cut. */
static json_t *copy_scalars(const json_t *from, size_t max)
{
    json_t *to = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)from, key, value) {
        if (json_object_size(to) >= max || json_is_object(value) || json_is_array(value))
            continue;
        BF_AUTO_FREE char *name = NULL;
        json_t *shown = cut_text(key, NAME_MAX_BYTES);
        name = bf_xstrdup(json_string_value(shown));
        json_decref(shown);
        json_object_set_new(to, name, json_is_string(value) ? cut_text(json_string_value(value), DETAILS_VALUE_MAX)
                                                            : json_deep_copy(value));
    }
    return to;
}

/* --- checks ----------------------------------------------------------------------------------------------------------- */

static json_t *copy_rows(const json_t *from)
{
    json_t *to = json_array();
    for (size_t i = 0; i < json_array_size(from) && i < DETAILS_ROWS_MAX; i++)
        if (json_is_object(json_array_get(from, i)))
            json_array_append_new(to, copy_scalars(json_array_get(from, i), DETAILS_COLUMNS_MAX));
    return to;
}

static void copy_figures(json_t *to, const json_t *from)
{
    const json_t *figures = json_object_get(from, "figures"), *rows = json_object_get(from, "offending");
    const json_t *ms = json_object_get(from, "ms"), *sample = json_object_get(from, "sample");
    if (json_is_object(figures))
        json_object_set_new(to, "figures", copy_scalars(figures, FIGURES_MAX));
    if (json_array_size(rows) > 0)
        json_object_set_new(to, "offending", copy_rows(rows));
    if (json_is_integer(ms) && json_integer_value(ms) >= 0)
        json_object_set_new(to, "ms", json_integer(json_integer_value(ms)));
    if (json_is_number(sample))
        json_object_set_new(to, "sample", json_real(json_number_value(sample)));
}

const char *details_add_check(struct details *d, const json_t *check)
{
    static const struct text_rule texts[] = {{"name", 128, true}, {"kind", 32, true}, {"severity", 8, true}, {"dataset", 256, false},
                                             {"status", 16, true}, {"text", OUTCOME_TEXT_MAX, true}, {"sql", DETAILS_SQL_MAX, false}};
    static const char *const severities[] = {"warn", "error", "halt"}, *const states[] = {"passed", "failed", "could_not_run"};
    if (!json_is_object(check) || !is_among(check, "severity", severities, 3) || !is_among(check, "status", states, 3))
        return "`check` must be an object with a known `severity` and `status`";
    json_t *copy = json_object();
    if (!copy_texts(copy, check, texts, sizeof texts / sizeof texts[0])) {
        json_decref(copy);
        return "`check` must have `name`, `kind` and `text`";
    }
    if (json_array_size(d->checks) >= DETAILS_CHECKS_MAX) {
        json_decref(copy);
        d->cut = true;
        return "left out: at most 1,000 checks are kept";
    }
    copy_figures(copy, check);
    if (!d->checks)
        d->checks = json_array();
    json_array_append_new(d->checks, copy);
    return NULL;
}

/* --- metrics, statements, warehouses ---------------------------------------------------------------------------------- */

static bool is_metric_name(const char *s)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t n = strspn(s, letters);
    return n > 0 && n <= NAME_MAX_BYTES && s[n] == '\0';
}

const char *details_add_metric(struct details *d, const json_t *metric)
{
    const char *name = json_string_value(json_object_get(metric, "name"));
    json_t *value = json_object_get(metric, "value");
    if (!name || !is_metric_name(name))
        return "`metric` needs a `name` of letters, digits, `_`, `.` and `-`, at most 64 characters";
    if (!json_is_number(value))
        return "`metric` needs a `value` that is a number";
    if (!json_object_get(d->metrics, name) && json_object_size(d->metrics) >= DETAILS_METRICS_MAX) {
        d->cut = true;
        return "`metric` left out: at most 64 are kept";
    }
    if (!d->metrics)
        d->metrics = json_object();
    json_object_set_new(d->metrics, name, json_deep_copy(value));
    return NULL;
}

const char *details_set_statement(struct details *d, const json_t *sql)
{
    static const struct text_rule texts[] = {{"excerpt", DETAILS_EXCERPT_MAX, false}};
    static const char *const numbers[] = {"statement", "line", "column"};
    json_t *copy = json_object();
    for (size_t i = 0; i < 3; i++) {
        json_int_t n = json_integer_value(json_object_get(sql, numbers[i]));
        if (n > 0)
            json_object_set_new(copy, numbers[i], json_integer(n));
    }
    (void)copy_texts(copy, sql, texts, 1);
    json_decref(d->sql);
    d->sql = json_object_size(copy) > 0 ? json_incref(copy) : NULL;
    json_decref(copy);
    return NULL;
}

const char *details_set_warehouse(struct details *d, const json_t *topics)
{
    static const struct text_rule texts[] = {{"topic", 32, true}, {"status", 16, true}, {"text", OUTCOME_TEXT_MAX, true},
                                             {"remedy", OUTCOME_TEXT_MAX, false}};
    static const char *const states[] = {"ok", "warning", "failed"};
    json_t *list = json_array();
    const char *wrong = json_is_array(topics) ? NULL : "`warehouse` must be a list";
    for (size_t i = 0; !wrong && i < json_array_size(topics) && i < DETAILS_TOPICS_MAX; i++) {
        const json_t *from = json_array_get(topics, i);
        json_t *to = json_object();
        if (!json_is_object(from) || !is_among(from, "status", states, 3) || !copy_texts(to, from, texts, sizeof texts / sizeof texts[0]))
            wrong = "each item of `warehouse` needs `topic`, `text` and a known `status`";
        json_array_append_new(list, to);
    }
    d->cut |= !wrong && json_array_size(topics) > DETAILS_TOPICS_MAX;
    if (!wrong) {
        json_decref(d->warehouse);
        d->warehouse = json_incref(list);
    }
    json_decref(list);
    return wrong;
}

/* --- rendering -------------------------------------------------------------------------------------------------------- */

static size_t size_of(const json_t *v)
{
    return json_dumpb(v, NULL, 0, DUMP_FLAGS);
}

static bool passed(const json_t *check)
{
    return strcmp(json_string_value(json_object_get(check, "status")), "passed") == 0;
}

/* Take key, or with NULL the whole check, out of checks from the end until size fits; what is left of it. */
static size_t cut_checks(struct details *d, const char *key, size_t size)
{
    for (int round = 0; round < 2; round++)
        for (size_t i = json_array_size(d->checks); i-- > 0 && size > OUTCOME_DETAILS_MAX - CUT_ROOM;) {
            json_t *check = json_array_get(d->checks, i);
            if (passed(check) != (round == 0) || (key && !json_object_get(check, key)))
                continue;
            size_t before = size_of(check);
            d->cut = true;
            if (key) {
                json_object_del(check, key);
                size -= before - size_of(check);
            } else {
                json_array_remove(d->checks, i);
                size -= before + 1;
            }
        }
    return size;
}

static void cut_topics(struct details *d, size_t size)
{
    for (size_t i = json_array_size(d->warehouse); i-- > 0 && size > OUTCOME_DETAILS_MAX - CUT_ROOM;) {
        size -= size_of(json_array_get(d->warehouse, i)) + 1;
        json_array_remove(d->warehouse, i);
        d->cut = true;
    }
}

static json_t *whole(const struct details *d)
{
    json_t *root = json_object();
    const struct { const char *key; json_t *value; } parts[] = {
        {"checks", d->checks}, {"metrics", d->metrics}, {"sql", d->sql}, {"warehouse", d->warehouse}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (json_array_size(parts[i].value) + json_object_size(parts[i].value) > 0)
            json_object_set(root, parts[i].key, parts[i].value);
    if (d->cut)
        json_object_set_new(root, "cut", json_true());
    return root;
}

char *details_render(struct details *d)
{
    json_t *root = whole(d);
    size_t size = size_of(root);
    if (size > OUTCOME_DETAILS_MAX) {
        size = cut_checks(d, "offending", size);
        size = cut_checks(d, "sql", size);
        size = cut_checks(d, NULL, size);
        cut_topics(d, size);
        json_decref(root);
        root = whole(d);
    }
    char *text = json_object_size(root) > 0 ? json_dumps(root, DUMP_FLAGS) : NULL;
    json_decref(root);
    for (char *p = text; p && *p; p++)
        if (*p == 0x7f)                      /* the one control character that JSON lets through */
            *p = ' ';
    return text ? text : bf_xstrdup("");
}

void details_done(struct details *d)
{
    json_decref(d->checks);
    json_decref(d->metrics);
    json_decref(d->sql);
    json_decref(d->warehouse);
    *d = (struct details){0};
}

/* Reads the request.  Error texts name keys and never quote values, because one of them is a secret. */
#include "agent/sql/request.h"

#include <stdlib.h>
#include <string.h>

#include "common/crc32c.h"
#include "common/mem.h"
#include "common/sql_limits.h"

struct text_key { const char *key; size_t offset; const char *otherwise; };        /* otherwise: NULL when it is required */
struct number_key { const char *key; size_t offset; int64_t min; bool required; };

#define AT(member) offsetof(struct sql_request, member)

static const struct text_key text_keys[] = {
    {"connection", AT(connection), ""}, {"cluster", AT(cluster), NULL}, {"step", AT(step), NULL},
    {"partition", AT(partition), NULL}, {"dialect", AT(dialect), ""},   {"fence_table", AT(fence_table), SQL_FENCE_DEFAULT},
};

static const struct number_key number_keys[] = {
    {"attempt", AT(attempt), 1, true}, {"token", AT(token), 1, true},           {"backfill", AT(backfill), 0, true},
    {"run", AT(run), 0, true},         {"timebox_ms", AT(timebox_ms), 0, false}, {"close_ms", AT(close_ms), 1, false},
};

/* plan and run_id come with every request, for helpers that show them. */
static const char *const other_keys[] = {"plan",    "run_id", "do",      "resolved", "substituted", "transaction",
                                         "publish", "pieces", "outputs", "checks",   "bounds",      "mask",
                                         "probe"};

#define LENGTH(array) (sizeof (array) / sizeof *(array))

static bool has_nul(const json_t *string)
{
    return memchr(json_string_value(string), '\0', json_string_length(string)) != NULL;
}

/* A copy of the text under key, or of otherwise when it is absent. */
static enum bf_rc read_text(const json_t *o, const char *key, const char *otherwise, char **ret, struct bf_error *err)
{
    const json_t *v = json_object_get(o, key);
    if (!v && otherwise) {
        *ret = bf_xstrdup(otherwise);
        return BF_OK;
    }
    if (!json_is_string(v) || has_nul(v))
        return bf_fail(err, BF_INVALID, "the request's \"%s\" is %s", key, v ? "not a string without NUL" : "missing");
    *ret = bf_xstrdup(json_string_value(v));
    return BF_OK;
}

static enum bf_rc read_number(const json_t *root, const struct number_key *k, struct sql_request *r, struct bf_error *err)
{
    int64_t *ret = (int64_t *)(void *)((char *)r + k->offset);
    const json_t *v = json_object_get(root, k->key);
    if (!v && !k->required)
        return BF_OK;
    if (!json_is_integer(v) || json_integer_value(v) < k->min)
        return bf_fail(err, BF_INVALID, "the request's \"%s\" is %s %lld", k->key, v ? "not a whole number from"
                                                                                     : "missing; it is at least",
                       (long long)k->min);
    *ret = json_integer_value(v);
    return BF_OK;
}

/* The number of the word under key among words, ended by NULL; 0 when it is absent. */
static enum bf_rc read_word(const json_t *root, const char *key, const char *const *words, int *ret, struct bf_error *err)
{
    const json_t *v = json_object_get(root, key);
    *ret = 0;
    if (!v)
        return BF_OK;
    for (int i = 0; words[i]; i++) {
        if (json_is_string(v) && strcmp(json_string_value(v), words[i]) == 0) {
            *ret = i;
            return BF_OK;
        }
    }
    return bf_fail(err, BF_UNSUPPORTED, "what the request's \"%s\" says is not supported yet", key);
}

static bool known_key(const char *key)
{
    for (size_t i = 0; i < LENGTH(text_keys); i++)
        if (strcmp(key, text_keys[i].key) == 0)
            return true;
    for (size_t i = 0; i < LENGTH(number_keys); i++)
        if (strcmp(key, number_keys[i].key) == 0)
            return true;
    for (size_t i = 0; i < LENGTH(other_keys); i++)
        if (strcmp(key, other_keys[i]) == 0)
            return true;
    return false;
}

static enum bf_rc read_secret(const json_t *root, struct sql_request *r, struct bf_error *err)
{
    const json_t *resolved = json_object_get(root, "resolved");
    if (!json_is_object(resolved) || json_object_size(resolved) != 1)
        return bf_fail(err, BF_INVALID, "the request's \"resolved\" is %s", resolved ? "not {\"odbc\": text}" : "missing");
    return read_text(resolved, "odbc", NULL, &r->odbc, err);
}

static enum bf_rc read_substituted(const json_t *root, struct sql_request *r, struct bf_error *err)
{
    const json_t *list = json_object_get(root, "substituted");
    if (list && !json_is_array(list))
        return bf_fail(err, BF_INVALID, "the request's \"substituted\" is no list");
    size_t n = json_array_size(list);
    r->substituted = bf_xcalloc(n ? n : 1, sizeof *r->substituted);
    for (; r->n_substituted < n; r->n_substituted++) {
        const json_t *item = json_array_get(list, r->n_substituted), *value = json_object_get(item, "value");
        const json_t *secret = json_object_get(item, "secret");
        if (json_object_size(item) != 2 || !json_is_boolean(secret) || !json_is_string(value) || has_nul(value))
            return bf_fail(err, BF_INVALID, "item %zu of the request's \"substituted\" is not {\"secret\": true or false, \"value\": text}",
                           r->n_substituted + 1);
        r->substituted[r->n_substituted] = (struct sql_substituted){bf_xstrdup(json_string_value(value)), json_is_true(secret)};
    }
    return BF_OK;
}

char *sql_request_table(const struct sql_request *r, const char *table, const char *kind, int64_t token)
{
    return bf_xasprintf("%s__bf_%s%08x_%lld", table, kind, bf_crc32c(0, r->cluster, strlen(r->cluster)), (long long)token);
}

static enum bf_rc read_output(const json_t *item, size_t number, struct sql_request *r, struct sql_output *ret, struct bf_error *err)
{
    const json_t *table = json_object_get(item, "table");
    if (!json_is_string(table) || has_nul(table) || !*json_string_value(table))
        return bf_fail(err, BF_INVALID, "output %zu of the request has no \"table\"", number);
    for (void *it = json_object_iter((json_t *)(uintptr_t)item); it; it = json_object_iter_next((json_t *)(uintptr_t)item, it)) {
        const char *key = json_object_iter_key(it);
        if (strcmp(key, "table") != 0 && strcmp(key, "dataset") != 0 && strcmp(key, "partition_column") != 0)
            return bf_fail(err, BF_UNSUPPORTED, "the key \"%.32s\" of output %zu is not supported yet", key, number);
    }
    const char *name = json_string_value(table);
    *ret = (struct sql_output){.table = bf_xstrdup(name), .staged = sql_request_table(r, name, "", r->token),
                               .old = sql_request_table(r, name, "old_", r->token)};
    return BF_OK;
}

static enum bf_rc read_outputs(const json_t *root, struct sql_request *r, struct bf_error *err)
{
    const json_t *outputs = json_object_get(root, "outputs");
    if (outputs && !json_is_array(outputs))
        return bf_fail(err, BF_INVALID, "the request's \"outputs\" is no list");
    size_t n = json_array_size(outputs);
    if (n > SQL_OUTPUTS_MAX)
        return bf_fail(err, BF_LIMIT, "the step has more than %u outputs", SQL_OUTPUTS_MAX);
    r->outputs = bf_xcalloc(n ? n : 1, sizeof *r->outputs);
    for (; r->n_outputs < n; r->n_outputs++) {
        enum bf_rc rc = read_output(json_array_get(outputs, r->n_outputs), r->n_outputs + 1, r, &r->outputs[r->n_outputs], err);
        if (rc != BF_OK)
            return rc;
    }
    if (r->swap && n == 0)
        return bf_fail(err, BF_INVALID, "publish: swap needs the tables that the step makes, in \"outputs\"");
    return BF_OK;
}

/* Pieces that name an output become the table that it is staged in. */
static enum bf_rc resolve_staged(struct sql_request *r, struct bf_error *err)
{
    for (size_t i = 0; i < r->script.n; i++) {
        struct sql_request_piece *p = &r->script.at[i];
        if (!p->value || p->type != VALUE_STAGED)
            continue;
        const struct sql_output *found = NULL;
        for (size_t k = 0; k < r->n_outputs && !found; k++)
            found = strcmp(r->outputs[k].table, p->text) == 0 ? &r->outputs[k] : NULL;
        if (!r->swap || !found)
            return bf_fail(err, BF_INVALID, "piece %zu of the script names a staged table, but %s", i + 1,
                           r->swap ? "no output of the step" : "the step does not publish: swap");
        free(p->text);
        p->text = bf_xstrdup(found->staged);
        p->len = strlen(p->text);
        p->type = VALUE_TABLE;
    }
    return BF_OK;
}

static enum bf_rc keep(const json_t *root, const char *key, bool object, json_t **ret, struct bf_error *err)
{
    json_t *v = json_object_get(root, key);
    if (v && !(object ? json_is_object(v) : json_is_array(v)))
        return bf_fail(err, BF_INVALID, "the request's \"%s\" is no %s", key, object ? "object" : "list");
    *ret = json_incref(v);
    return BF_OK;
}

static enum bf_rc read_mode(const json_t *root, struct sql_request *r, struct bf_error *err)
{
    static const char *const dos[] = {"run", "test", "init", "probe", "look", NULL}, *const publishes[] = {"", "swap", NULL};
    const json_t *transaction = json_object_get(root, "transaction");
    int what = 0, publish = 0;
    if (transaction && !json_is_boolean(transaction))
        return bf_fail(err, BF_INVALID, "the request's \"transaction\" is not true or false");
    r->transaction = json_is_true(transaction);
    enum bf_rc rc = read_word(root, "do", dos, &what, err);
    if (rc == BF_OK)
        rc = read_word(root, "publish", publishes, &publish, err);
    r->what = r->close_ms > 0 ? SQL_DO_CLOSE : (enum sql_do)what;      /* whatever the step was to do */
    r->swap = publish != 0;
    return rc;
}

static enum bf_rc read_probe(const json_t *root, struct sql_request *r, struct bf_error *err)
{
    const json_t *o = json_object_get(root, "probe"), *value = json_object_get(o, "value");
    const json_t *every = json_object_get(o, "every_ms"), *limit = json_object_get(o, "limit_ms");
    if ((o != NULL) != (r->what == SQL_DO_PROBE))
        return bf_fail(err, BF_INVALID, "the request's \"probe\" is %s", o ? "there, and nothing is to be probed" : "missing");
    if (!o)
        return BF_OK;
    if (json_object_size(o) != 4 || !json_is_boolean(value) || json_integer_value(every) < 1 || json_integer_value(limit) < 1)
        return bf_fail(err, BF_INVALID, "the request's \"probe\" is not {\"sql\", \"value\", \"every_ms\", \"limit_ms\"}");
    r->probe.value = json_is_true(value);
    r->probe.every_ms = json_integer_value(every);
    r->probe.limit_ms = json_integer_value(limit);
    return read_text(o, "sql", NULL, &r->probe.text, err);
}

static enum bf_rc read_script(const json_t *root, struct sql_request *r, struct bf_error *err)
{
    enum bf_rc rc = sql_pieces_parse(json_object_get(root, "pieces"), "the request's \"pieces\"", &r->script, err);
    if (rc == BF_OK)
        rc = read_outputs(root, r, err);
    return rc == BF_OK ? resolve_staged(r, err) : rc;
}

static enum bf_rc read_work(const json_t *root, struct sql_request *r, struct bf_error *err)
{
    if (r->what != SQL_DO_RUN && r->what != SQL_DO_LOOK)
        return BF_OK;
    if (r->backfill < 1 || r->run < 1)
        return bf_fail(err, BF_INVALID, "the request's \"backfill\" and \"run\" are not whole numbers from 1");
    enum bf_rc rc = r->what == SQL_DO_RUN ? read_script(root, r, err) : BF_OK;
    if (rc == BF_OK && r->what == SQL_DO_LOOK && json_array_size(json_object_get(root, "checks")) == 0)
        rc = bf_fail(err, BF_INVALID, "the request's \"checks\" do not say what to look for");
    if (rc == BF_OK)
        rc = keep(root, "checks", false, &r->checks, err);
    if (rc == BF_OK)
        rc = keep(root, "bounds", true, &r->bounds, err);
    return rc == BF_OK ? keep(root, "mask", false, &r->mask, err) : rc;
}

static enum bf_rc read_request(json_t *root, struct sql_request *r, struct bf_error *err)
{
    if (!json_is_object(root))
        return bf_fail(err, BF_INVALID, "the request is no JSON object");
    for (void *it = json_object_iter(root); it; it = json_object_iter_next(root, it))
        if (!known_key(json_object_iter_key(it)))
            return bf_fail(err, BF_UNSUPPORTED, "the request's key \"%.32s\" is not supported yet", json_object_iter_key(it));
    enum bf_rc rc = read_secret(root, r, err);
    if (rc == BF_OK)
        rc = read_substituted(root, r, err);
    for (size_t i = 0; rc == BF_OK && i < LENGTH(text_keys); i++)
        rc = read_text(root, text_keys[i].key, text_keys[i].otherwise, (char **)((char *)r + text_keys[i].offset), err);
    for (size_t i = 0; rc == BF_OK && i < LENGTH(number_keys); i++)
        rc = read_number(root, &number_keys[i], r, err);
    if (rc == BF_OK && (!*r->odbc || !*r->cluster || !*r->step || !*r->fence_table))
        rc = bf_fail(err, BF_INVALID, "the request's \"odbc\", \"cluster\", \"step\" and \"fence_table\" may not be empty");
    if (rc == BF_OK)
        rc = read_mode(root, r, err);
    if (rc == BF_OK)
        rc = read_probe(root, r, err);
    return rc == BF_OK ? read_work(root, r, err) : rc;
}

enum bf_rc sql_request_parse(const char *json, size_t len, struct sql_request *ret, struct bf_error *err)
{
    json_error_t where;
    json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    if (!root)
        return bf_fail(err, BF_INVALID, "the request is not valid JSON (line %d, column %d)", where.line, where.column);
    struct sql_request r = {0};
    enum bf_rc rc = read_request(root, &r, err);
    json_decref(root);
    if (rc == BF_OK)
        *ret = r;
    else
        sql_request_done(&r);
    return rc;
}

void sql_request_wipe(struct sql_request *r)
{
    if (r->odbc)
        explicit_bzero(r->odbc, strlen(r->odbc));
    for (size_t i = 0; i < r->n_substituted; i++)
        explicit_bzero(r->substituted[i].value, strlen(r->substituted[i].value));
}

void sql_request_done(struct sql_request *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < LENGTH(text_keys); i++)
        free(*(char **)((char *)r + text_keys[i].offset));
    sql_request_wipe(r);
    free(r->odbc);
    for (size_t i = 0; i < r->n_substituted; i++)
        free(r->substituted[i].value);
    free(r->substituted);
    sql_pieces_done(&r->script);
    for (size_t i = 0; i < r->n_outputs; i++) {
        free(r->outputs[i].table);
        free(r->outputs[i].staged);
        free(r->outputs[i].old);
    }
    free(r->outputs);
    json_decref(r->checks);
    json_decref(r->bounds);
    json_decref(r->mask);
    free(r->probe.text);
    *r = (struct sql_request){0};
}

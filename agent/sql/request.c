/* Reads the request.  Error texts name keys and never quote values, because one of them is a secret. */
#include "agent/sql/request.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct text_key { const char *key; size_t offset; bool required; };
struct number_key { const char *key; size_t offset; int64_t min; bool required; };

#define AT(member) offsetof(struct sql_request, member)

static const struct text_key text_keys[] = {
    {"odbc", AT(odbc), true},     {"connection", AT(connection), false}, {"cluster", AT(cluster), true},
    {"plan", AT(plan), false},    {"step", AT(step), true},              {"partition", AT(partition), true},
    {"run_id", AT(run_id), false},
};

static const struct number_key number_keys[] = {
    {"attempt", AT(attempt), 1, true}, {"token", AT(token), 1, true},           {"backfill", AT(backfill), 1, true},
    {"run", AT(run), 1, true},         {"timebox_ms", AT(timebox_ms), 0, false},
};

#define N_TEXT_KEYS (sizeof text_keys / sizeof *text_keys)
#define N_NUMBER_KEYS (sizeof number_keys / sizeof *number_keys)

static bool has_nul(const json_t *string)
{
    return memchr(json_string_value(string), '\0', json_string_length(string)) != NULL;
}

static enum bf_rc read_text(const json_t *root, const struct text_key *k, struct sql_request *r, struct bf_error *err)
{
    char **ret = (char **)((char *)r + k->offset);
    const json_t *v = json_object_get(root, k->key);
    if (!v && !k->required) {
        *ret = bf_xstrdup("");
        return BF_OK;
    }
    if (!json_is_string(v) || has_nul(v))
        return bf_fail(err, BF_INVALID, "the request's \"%s\" is %s", k->key, v ? "not a string without NUL" : "missing");
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
        return bf_fail(err, BF_INVALID, "the request's \"%s\" is %s %lld", k->key, v ? "not a whole number from" : "missing; it is at least",
                       (long long)k->min);
    *ret = json_integer_value(v);
    return BF_OK;
}

static bool known_key(const char *key)
{
    for (size_t i = 0; i < N_TEXT_KEYS; i++)
        if (strcmp(key, text_keys[i].key) == 0)
            return true;
    for (size_t i = 0; i < N_NUMBER_KEYS; i++)
        if (strcmp(key, number_keys[i].key) == 0)
            return true;
    return strcmp(key, "pieces") == 0;
}

static enum bf_rc read_request(json_t *root, struct sql_request *r, struct bf_error *err)
{
    if (!json_is_object(root))
        return bf_fail(err, BF_INVALID, "the request is no JSON object");
    for (void *it = json_object_iter(root); it; it = json_object_iter_next(root, it))
        if (!known_key(json_object_iter_key(it)))
            return bf_fail(err, BF_UNSUPPORTED, "the request's key \"%.32s\" is not supported yet", json_object_iter_key(it));
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; rc == BF_OK && i < N_TEXT_KEYS; i++)
        rc = read_text(root, &text_keys[i], r, err);
    for (size_t i = 0; rc == BF_OK && i < N_NUMBER_KEYS; i++)
        rc = read_number(root, &number_keys[i], r, err);
    if (rc == BF_OK)
        rc = sql_pieces_parse(json_object_get(root, "pieces"), "the script (\"pieces\")", &r->script, err);
    if (rc == BF_OK && (!*r->odbc || !*r->cluster || !*r->step))
        rc = bf_fail(err, BF_INVALID, "the request's \"odbc\", \"cluster\" and \"step\" may not be empty");
    return rc;
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

void sql_request_done(struct sql_request *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < N_TEXT_KEYS; i++)
        free(*(char **)((char *)r + text_keys[i].offset));
    sql_pieces_done(&r->script);
    *r = (struct sql_request){0};
}

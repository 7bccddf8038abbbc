/* Reads the request's checks.  Which keys a kind has stands in one table; a key that its kind does not have is an error, so that
 * nothing that a plan says is passed over in silence. */
#include "agent/sql/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sql/check_words.h"
#include "agent/sql/decimal.h"
#include "common/mem.h"
#include "common/sql_limits.h"
#include "common/text.h"

static const char *const severity_words[SQL_CHECK_SEVERITY_COUNT] = {[SQL_CHECK_WARN] = "warn", [SQL_CHECK_ERROR] = "error",
                                                                     [SQL_CHECK_HALT] = "halt"};

static const char *const kind_words[CHECK_KIND_COUNT] = {
    [CHECK_ROW_COUNT] = "row_count", [CHECK_NOT_NULL] = "not_null", [CHECK_UNIQUE] = "unique",
    [CHECK_ACCEPTED_VALUES] = "accepted_values", [CHECK_RELATIONSHIPS] = "relationships", [CHECK_FRESHNESS] = "freshness",
    [CHECK_ALIGNED] = "aligned", [CHECK_SCHEMA] = "schema", [CHECK_RECONCILE] = "reconcile", [CHECK_SQL] = "sql",
};

const char *sql_check_kind_word(enum check_kind kind)
{
    return kind_words[kind];
}

const char *sql_check_severity_word(enum sql_check_severity severity)
{
    return severity_words[severity];
}

/* A check being read, and its name for errors. */
struct reading {
    const json_t *object;
    struct sql_check *check;
    struct bf_error *err;
};

typedef enum bf_rc read_fn(const struct reading *r, const char *key, const json_t *v);

static enum bf_rc refuse(const struct reading *r, const char *key, const char *wanted)
{
    const char *name = r->check->name && *r->check->name ? r->check->name : "(without a name)";
    return bf_fail(r->err, BF_INVALID, "check %.64s: \"%s\" is not %s", name, key, wanted);
}

static enum bf_rc refuse_count(const struct reading *r, const char *key, const char *what, unsigned most)
{
    char wanted[96];
    snprintf(wanted, sizeof wanted, what, most);
    return refuse(r, key, wanted);
}

static bool is_text(const json_t *v, size_t most)
{
    size_t n = json_string_length(v);
    return json_is_string(v) && n > 0 && n <= most && bf_utf8_valid(json_string_value(v), n);
}

static enum bf_rc read_text_into(const struct reading *r, const char *key, const json_t *v, unsigned most, char **ret)
{
    if (!is_text(v, most))
        return refuse_count(r, key, "a name of 1 to %u bytes", most);
    *ret = bf_xstrdup(json_string_value(v));
    return BF_OK;
}

static enum bf_rc read_name_into(const struct reading *r, const char *key, const json_t *v, char **ret)
{
    return read_text_into(r, key, v, SQL_IDENT_MAX_BYTES, ret);
}

static enum bf_rc read_dataset(const struct reading *r, const char *key, const json_t *v)
{
    return read_name_into(r, key, v, &r->check->dataset);
}

static enum bf_rc read_table(const struct reading *r, const char *key, const json_t *v)
{
    return read_text_into(r, key, v, SQL_TABLE_MAX_BYTES, &r->check->table);
}

static enum bf_rc read_partition_column(const struct reading *r, const char *key, const json_t *v)
{
    return read_name_into(r, key, v, &r->check->partition_column);
}

static enum bf_rc read_to_table(const struct reading *r, const char *key, const json_t *v)
{
    return read_text_into(r, key, v, SQL_TABLE_MAX_BYTES, &r->check->to_table);
}

static enum bf_rc read_field(const struct reading *r, const char *key, const json_t *v)
{
    return read_name_into(r, key, v, &r->check->field);
}

static enum bf_rc read_whole(const struct reading *r, const char *key, const json_t *v, int64_t least, int64_t *ret)
{
    if (!json_is_integer(v) || json_integer_value(v) < least)
        return refuse(r, key, least ? "a whole number from 1" : "a whole number from 0");
    *ret = json_integer_value(v);
    return BF_OK;
}

static enum bf_rc read_timeout(const struct reading *r, const char *key, const json_t *v)
{
    return read_whole(r, key, v, 1, &r->check->timeout_ms);
}

static enum bf_rc read_max_age(const struct reading *r, const char *key, const json_t *v)
{
    return read_whole(r, key, v, 1, &r->check->max_age_ms);
}

static enum bf_rc read_min(const struct reading *r, const char *key, const json_t *v)
{
    r->check->has_min = true;
    return read_whole(r, key, v, 0, &r->check->min);
}

static enum bf_rc read_max(const struct reading *r, const char *key, const json_t *v)
{
    r->check->has_max = true;
    return read_whole(r, key, v, 0, &r->check->max);
}

static enum bf_rc read_sample(const struct reading *r, const char *key, const json_t *v)
{
    double f = json_number_value(v);
    if (!json_is_number(v) || !(f > 0 && f <= 1))
        return refuse(r, key, "a fraction above 0, up to 1");
    r->check->sample = f < 1 ? f : 0;
    return BF_OK;
}

static enum bf_rc read_pieces(const struct reading *r, const char *key, const json_t *v, struct sql_pieces *ret)
{
    char what[128];
    snprintf(what, sizeof what, "\"%s\" of check %.64s", key, r->check->name);
    return sql_pieces_parse(v, what, ret, r->err);
}

static enum bf_rc read_query(const struct reading *r, const char *key, const json_t *v)
{
    r->check->has_ratio_to = r->check->kind == CHECK_ROW_COUNT;
    return read_pieces(r, key, v, &r->check->query);
}

static enum bf_rc read_right(const struct reading *r, const char *key, const json_t *v)
{
    return read_pieces(r, key, v, &r->check->right);
}

/* A JSON number as the decimal that stood in the plan: 15 digits carry any decimal of 15 digits there and back. */
static char *number_text(const json_t *v)
{
    return json_is_integer(v) ? bf_xasprintf("%lld", (long long)json_integer_value(v)) : bf_xasprintf("%.15g", json_real_value(v));
}

static enum bf_rc read_within(const struct reading *r, const char *key, const json_t *v)
{
    const json_t *ratio = json_object_get(v, "ratio"), *amount = json_object_get(v, "amount");
    const json_t *number = ratio ? ratio : amount;
    struct decimal parsed;
    if (json_object_size(v) != 1 || !json_is_number(number) || json_number_value(number) < 0)
        return refuse(r, key, "{\"ratio\": number} or {\"amount\": number} from 0");
    r->check->within = ratio ? WITHIN_RATIO : WITHIN_AMOUNT;
    r->check->within_text = number_text(number);
    if (!decimal_parse(r->check->within_text, strlen(r->check->within_text), &parsed))
        return refuse(r, key, "a number that can be reckoned with");
    return BF_OK;
}

static enum bf_rc read_columns(const struct reading *r, const char *key, const json_t *v)
{
    size_t n = json_array_size(v);
    if (n == 0 || n > SQL_CHECK_COLUMNS_MAX)
        return refuse_count(r, key, "a list of 1 to %u names", SQL_CHECK_COLUMNS_MAX);
    struct check_names *names = &r->check->columns;
    names->at = bf_xcalloc(n, sizeof *names->at);
    for (; names->n < n; names->n++) {
        enum bf_rc rc = read_name_into(r, key, json_array_get(v, names->n), &names->at[names->n]);
        if (rc != BF_OK)
            return rc;
    }
    return BF_OK;
}

static enum bf_rc read_column(const struct reading *r, const char *key, const json_t *v)
{
    struct check_names *names = &r->check->columns;
    names->at = bf_xcalloc(1, sizeof *names->at);
    enum bf_rc rc = read_name_into(r, key, v, &names->at[0]);
    names->n = rc == BF_OK;
    return rc;
}

static enum bf_rc read_columns_types(const struct reading *r, const char *key, const json_t *v)
{
    struct sql_check *c = r->check;
    size_t n = json_object_size(v);
    if (n == 0 || n > SQL_CHECK_COLUMNS_MAX)
        return refuse_count(r, key, "an object of 1 to %u columns and their types", SQL_CHECK_COLUMNS_MAX);
    c->columns.at = bf_xcalloc(n, sizeof *c->columns.at);
    c->types.at = bf_xcalloc(n, sizeof *c->types.at);
    const char *column;
    json_t *type;
    json_object_foreach((json_t *)(uintptr_t)v, column, type) {
        size_t len = strlen(column);
        if (len == 0 || len > SQL_IDENT_MAX_BYTES || !is_text(type, SQL_TYPE_MAX_BYTES))
            return refuse(r, key, "an object of columns and their types");
        c->columns.at[c->columns.n++] = bf_xstrdup(column);
        c->types.at[c->types.n++] = bf_xstrdup(json_string_value(type));
    }
    return BF_OK;
}

static bool read_value(const json_t *v, struct check_value *ret)
{
    if (json_is_string(v)) {
        if (!bf_utf8_valid(json_string_value(v), json_string_length(v)))
            return false;
        *ret = (struct check_value){CHECK_VALUE_STRING, bf_xstrdup(json_string_value(v))};
    } else if (json_is_number(v)) {
        *ret = (struct check_value){CHECK_VALUE_NUMBER, number_text(v)};
    } else if (json_is_boolean(v)) {
        *ret = (struct check_value){CHECK_VALUE_BOOLEAN, bf_xstrdup(json_is_true(v) ? "true" : "false")};
    } else {
        return false;
    }
    return true;
}

static enum bf_rc read_values(const struct reading *r, const char *key, const json_t *v)
{
    size_t n = json_array_size(v);
    if (n == 0 || n > SQL_CHECK_VALUES_MAX)
        return refuse_count(r, key, "a list of 1 to %u values", SQL_CHECK_VALUES_MAX);
    r->check->values = bf_xcalloc(n, sizeof *r->check->values);
    for (; r->check->n_values < n; r->check->n_values++)
        if (!read_value(json_array_get(v, r->check->n_values), &r->check->values[r->check->n_values]))
            return refuse(r, key, "a list of texts, numbers or booleans");
    return BF_OK;
}

static enum bf_rc read_grain(const struct reading *r, const char *key, const json_t *v)
{
    if (!json_is_string(v) || !sql_grain_find(json_string_value(v), &r->check->grain))
        return refuse(r, key, "hour, day, week or month");
    return BF_OK;
}

static enum bf_rc read_severity(const struct reading *r, const char *key, const json_t *v)
{
    for (int s = 0; json_is_string(v) && s < SQL_CHECK_SEVERITY_COUNT; s++) {
        if (strcmp(severity_words[s], json_string_value(v)) == 0) {
            r->check->severity = (enum sql_check_severity)s;
            return BF_OK;
        }
    }
    return refuse(r, key, "warn, error or halt");
}

static enum bf_rc read_nothing(const struct reading *r, const char *key, const json_t *v)
{
    (void)r, (void)key, (void)v;
    return BF_OK;
}

#define K(kind) (1u << CHECK_##kind)
#define ALL_KINDS ((1u << CHECK_KIND_COUNT) - 1)
#define OF_A_TABLE (ALL_KINDS & ~(K(RECONCILE) | K(SQL)))
#define OF_ONE_COLUMN (K(ACCEPTED_VALUES) | K(RELATIONSHIPS) | K(FRESHNESS) | K(ALIGNED))

/* In the order in which they are read; name and kind are read before. */
static const struct check_key { const char *key; unsigned kinds, required; read_fn *read; } keys[] = {
    {"name", ALL_KINDS, ALL_KINDS, read_nothing},
    {"kind", ALL_KINDS, ALL_KINDS, read_nothing},
    {"severity", ALL_KINDS, ALL_KINDS, read_severity},
    {"dataset", ALL_KINDS, OF_A_TABLE, read_dataset},
    {"table", ALL_KINDS, OF_A_TABLE, read_table},
    {"partition_column", ALL_KINDS, 0, read_partition_column},
    {"timeout_ms", ALL_KINDS, 0, read_timeout},
    {"sample", K(NOT_NULL) | K(ACCEPTED_VALUES) | K(RELATIONSHIPS) | K(ALIGNED), 0, read_sample},
    {"min", K(ROW_COUNT), 0, read_min},
    {"max", K(ROW_COUNT), 0, read_max},
    {"ratio_to", K(ROW_COUNT), 0, read_query},
    {"within", K(ROW_COUNT) | K(RECONCILE), 0, read_within},
    {"columns", K(NOT_NULL) | K(UNIQUE), K(NOT_NULL) | K(UNIQUE), read_columns},
    {"column", OF_ONE_COLUMN, OF_ONE_COLUMN, read_column},
    {"values", K(ACCEPTED_VALUES), K(ACCEPTED_VALUES), read_values},
    {"to_table", K(RELATIONSHIPS), K(RELATIONSHIPS), read_to_table},
    {"field", K(RELATIONSHIPS), K(RELATIONSHIPS), read_field},
    {"max_age_ms", K(FRESHNESS), K(FRESHNESS), read_max_age},
    {"grain", K(ALIGNED), 0, read_grain},
    {"columns_types", K(SCHEMA), K(SCHEMA), read_columns_types},
    {"left", K(RECONCILE), K(RECONCILE), read_query},
    {"right", K(RECONCILE), K(RECONCILE), read_right},
    {"pieces", K(SQL), K(SQL), read_query},
};

#define N_KEYS (sizeof keys / sizeof *keys)

static enum bf_rc refuse_strange_keys(const struct reading *r)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)r->object, key, value) {
        bool known = false;
        for (size_t i = 0; i < N_KEYS; i++)
            known = known || (strcmp(keys[i].key, key) == 0 && (keys[i].kinds & (1u << r->check->kind)));
        if (!known)
            return bf_fail(r->err, BF_UNSUPPORTED, "check %.64s: the key \"%.32s\" is not supported for %s", r->check->name, key,
                           kind_words[r->check->kind]);
    }
    return BF_OK;
}

static enum bf_rc read_kind(const struct reading *r)
{
    const char *word = json_string_value(json_object_get(r->object, "kind"));
    for (int k = 0; word && k < CHECK_KIND_COUNT; k++) {
        if (strcmp(kind_words[k], word) == 0) {
            r->check->kind = (enum check_kind)k;
            return BF_OK;
        }
    }
    return bf_fail(r->err, BF_UNSUPPORTED, "check %.64s: the kind \"%.32s\" is not supported yet", r->check->name, word ? word : "");
}

static enum bf_rc read_check(const struct reading *r)
{
    enum bf_rc rc = read_name_into(r, "name", json_object_get(r->object, "name"), &r->check->name);
    if (rc == BF_OK)
        rc = read_kind(r);
    if (rc == BF_OK)
        rc = refuse_strange_keys(r);
    for (size_t i = 0; rc == BF_OK && i < N_KEYS; i++) {
        const json_t *v = json_object_get(r->object, keys[i].key);
        if (v)
            rc = keys[i].read(r, keys[i].key, v);
        else if (keys[i].required & (1u << r->check->kind))
            rc = refuse(r, keys[i].key, "there, and it must be");
    }
    const struct sql_check *c = r->check;
    if (rc == BF_OK && c->kind == CHECK_ROW_COUNT && !c->has_min && !c->has_max && !c->has_ratio_to)
        rc = bf_fail(r->err, BF_INVALID, "check %.64s needs \"min\", \"max\" or \"ratio_to\"", c->name);
    if (rc == BF_OK && c->within != WITHIN_EQUAL && c->kind == CHECK_ROW_COUNT && !c->has_ratio_to)
        rc = bf_fail(r->err, BF_INVALID, "check %.64s has \"within\" without \"ratio_to\"", c->name);
    if (rc == BF_OK && !c->dataset)
        r->check->dataset = bf_xstrdup("");
    if (rc == BF_OK && !c->table)
        r->check->table = bf_xstrdup("");
    return rc;
}

enum bf_rc sql_checks_parse(const json_t *array, struct sql_checks *ret, struct bf_error *err)
{
    size_t n = json_array_size(array);
    if (!json_is_array(array))
        return bf_fail(err, BF_INVALID, "the request's \"checks\" are no list");
    if (n > SQL_CHECKS_MAX)
        return bf_fail(err, BF_LIMIT, "a step has at most %u checks", SQL_CHECKS_MAX);
    struct sql_checks checks = {.at = bf_xcalloc(n ? n : 1, sizeof *checks.at)};
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; rc == BF_OK && i < n; i++) {
        struct reading r = {json_array_get(array, i), &checks.at[checks.n++], err};
        rc = json_is_object(r.object) ? read_check(&r) : bf_fail(err, BF_INVALID, "check %zu of the request is no object", i + 1);
    }
    if (rc == BF_OK)
        *ret = checks;
    else
        sql_checks_done(&checks);
    return rc;
}

static void names_done(struct check_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->at[i]);
    free(names->at);
}

static void check_done(struct sql_check *c)
{
    char *const texts[] = {c->name, c->dataset, c->table, c->partition_column, c->within_text, c->to_table, c->field};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    for (size_t i = 0; i < c->n_values; i++)
        free(c->values[i].text);
    free(c->values);
    names_done(&c->columns);
    names_done(&c->types);
    sql_pieces_done(&c->query);
    sql_pieces_done(&c->right);
}

void sql_checks_done(struct sql_checks *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        check_done(&c->at[i]);
    free(c->at);
    *c = (struct sql_checks){0};
}

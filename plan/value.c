/* Values by type.  A single value is either read by plan/read.h, which has bounds to name, or has a form (plan/form.h). */
#include "plan/value.h"

#include <inttypes.h>
#include <string.h>

#include "common/mem.h"
#include "plan/form.h"
#include "plan/keys.h"
#include "plan/read.h"

/* ---- words ---- */

/* Ten-thousandths of a percent, or thousandths, without zeros at the end. */
static void put_decimal(int64_t value, int64_t unit, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%" PRId64, value / unit);
    if (value % unit == 0)
        return;
    bf_buf_put_str(ret, ".");
    for (value %= unit; value > 0; value %= unit) {
        value *= 10;
        bf_buf_printf(ret, "%" PRId64, value / unit);
    }
}

static void put_list_words(const struct plan_type *type, struct bf_buf *ret)
{
    bf_buf_put_str(ret, type->value == PLAN_VALUE_LIST ? "a list" : "a map");
    if (type->max > 0)
        bf_buf_printf(ret, " of at most %" PRId64, type->max);
    bf_buf_put_str(ret, type->value == PLAN_VALUE_LIST ? "; each item " : "; each value ");
    plan_type_words(type->of, ret);
}

static void put_choice(const struct plan_type *type, struct bf_buf *ret)
{
    if (type->value == PLAN_VALUE_EITHER) {
        for (size_t i = 0; type->either[i]; i++) {
            bf_buf_put_str(ret, i == 0 ? "" : type->either[i + 1] ? ", " : " or ");
            plan_type_words(type->either[i], ret);
        }
        return;
    }
    for (size_t i = 0; type->words[i].word; i++)
        bf_buf_printf(ret, "%s`%s`", i == 0 ? "" : type->words[i + 1].word ? ", " : " or ", type->words[i].word);
}

static void put_bounds(const struct plan_type *type, struct bf_buf *ret)
{
    bool percent = type->value == PLAN_VALUE_PERCENT;
    int64_t unit = percent ? 10000 : type->value == PLAN_VALUE_NUMBER ? 1000 : 1;
    bf_buf_put_str(ret, percent ? "a percentage from " : unit == 1 ? "a whole number from " : "a number from ");
    put_decimal(type->min, unit, ret);
    bf_buf_put_str(ret, percent ? "% to " : " to ");
    put_decimal(type->max, unit, ret);
    bf_buf_put_str(ret, percent ? "%" : unit == 1 ? "" : " with at most three places");
}

void plan_type_words(const struct plan_type *type, struct bf_buf *ret)
{
    static const char *const refs[] = {
        [PLAN_REF_POOL] = "a pool", [PLAN_REF_CONNECTION] = "a connection", [PLAN_REF_DATASET] = "a dataset",
            [PLAN_REF_STEP] = "a step",
        [PLAN_REF_FLAG] = "a flag", [PLAN_REF_OWNER] = "text", [PLAN_REF_BREAKER] = "a pool, connection, dataset or step",
    };
    switch (type->value) {
    case PLAN_VALUE_TEXT: bf_buf_put_str(ret, type->what ? type->what : "text"); break;
    case PLAN_VALUE_TEMPLATE: bf_buf_put_str(ret, "text with `{{ … }}`"); break;
    case PLAN_VALUE_SQL: bf_buf_put_str(ret, "SQL with `{{ … }}`"); break;
    case PLAN_VALUE_NAME: bf_buf_put_str(ret, "a name"); break;
    case PLAN_VALUE_REF: bf_buf_put_str(ret, refs[type->ref]); break;
    case PLAN_VALUE_DURATION: bf_buf_put_str(ret, "a duration like `90s` or `1h30m`"); break;
    case PLAN_VALUE_BOOL: bf_buf_put_str(ret, "`true` or `false`"); break;
    case PLAN_VALUE_ANY: bf_buf_put_str(ret, type->what); break;
    case PLAN_VALUE_INT: case PLAN_VALUE_NUMBER: case PLAN_VALUE_PERCENT: put_bounds(type, ret); break;
    case PLAN_VALUE_WORD: case PLAN_VALUE_EITHER: put_choice(type, ret); break;
    case PLAN_VALUE_LIST: case PLAN_VALUE_MAP: put_list_words(type, ret); break;
    case PLAN_VALUE_KEYS: bf_buf_printf(ret, "a map (%s)", type->keys->name); break;
    default: bf_buf_put_str(ret, plan_form_of(type->value)->words); break;
    }
}

/* ---- checks ---- */

bool plan_value_has_shape(const struct bf_yaml_node *n, const struct plan_type *type)
{
    switch (type->value) {
    case PLAN_VALUE_ANY:
        return true;
    case PLAN_VALUE_LIST:
        return n->kind == BF_YAML_SEQ;
    case PLAN_VALUE_MAP: case PLAN_VALUE_KEYS:
        return n->kind == BF_YAML_MAP;
    case PLAN_VALUE_EITHER:
        for (size_t i = 0; type->either[i]; i++)
            if (plan_value_has_shape(n, type->either[i]))
                return true;
        return false;
    default:
        return n->kind == BF_YAML_SCALAR && !bf_yaml_is_null(n);
    }
}

static const char *shape_words(const struct plan_type *type)
{
    switch (type->value) {
    case PLAN_VALUE_LIST: return "a list";
    case PLAN_VALUE_MAP: case PLAN_VALUE_KEYS: return "a map";
    default: return "a single value";
    }
}

bool plan_value_shape(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_type *type)
{
    if (plan_value_has_shape(n, type))
        return true;
    struct bf_buf words = {0};
    if (type->value == PLAN_VALUE_EITHER)
        plan_type_words(type, &words);
    else
        bf_buf_put_str(&words, shape_words(type));
    if (n->kind == BF_YAML_SCALAR && bf_yaml_is_null(n))
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` has no value: it must be %s", key, bf_buf_cstr(&words));
    else
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` must be %s", key, bf_buf_cstr(&words));
    bf_buf_free(&words);
    return false;
}

static bool misfit(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_type *type)
{
    char shown[PLAN_CLIP];
    struct bf_buf words = {0};
    plan_type_words(type, &words);
    bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` must be %s, not `%s`", key, bf_buf_cstr(&words), plan_clip(n->text, shown));
    bf_buf_free(&words);
    return false;
}

static bool check_text(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_type *type)
{
    const char *text;
    size_t max = type->max ? (size_t)type->max : type->value == PLAN_VALUE_TEXT ? PLAN_TEXT_MAX : PLAN_SCRIPT_MAX;
    if (!plan_read_text(d, n, key, max, &text))
        return false;
    bool blank = text[strspn(text, " \t\r\n")] == '\0';
    if (blank && (type->min > 0 || type->value == PLAN_VALUE_SQL)) {
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, type->value == PLAN_VALUE_SQL ? "`%s` holds no statement" : "`%s` has no value", key);
        return false;
    }
    return true;
}

static bool check_figure(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_type *type)
{
    const char *text;
    int64_t value;
    if (!plan_read_text(d, n, key, PLAN_TEXT_MAX, &text))
        return false;
    bool percent = type->value == PLAN_VALUE_PERCENT;
    bool good = percent ? plan_parse_percent(text, &value) : plan_parse_number(text, &value);
    if (good && !percent && n->quoted) {
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` must be a number, and what stands in quotes is text", key);
        bf_diag_fix(d, "write `%s` without quotes", text);
        return false;
    }
    return (good && value >= type->min && value <= type->max) || misfit(d, n, key, type);
}

static bool check_form(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_type *type)
{
    const char *text;
    if (!plan_read_text(d, n, key, PLAN_TEXT_MAX, &text))
        return false;
    return plan_form_of(type->value)->fits(text) || misfit(d, n, key, type);
}

/* Values of one key of the items, which must differ: bounded, because what is past it will be refused elsewhere. */
static void check_unique(struct bf_diags *d, const struct bf_yaml_node *list, const char *key)
{
    enum { COMPARED_MAX = 1000 };
    for (size_t i = 1; i < list->n && i < COMPARED_MAX; i++) {
        const struct bf_yaml_node *a = bf_yaml_get(list->items[i], key), *b = NULL;
        for (size_t j = 0; a && a->kind == BF_YAML_SCALAR && j < i; j++) {
            b = bf_yaml_get(list->items[j], key);
            if (b && b->kind == BF_YAML_SCALAR && strcmp(a->text, b->text) == 0)
                break;
            b = NULL;
        }
        if (b) {
            char shown[PLAN_CLIP];
            bf_diag_add(d, BF_DIAG_ERROR, a->mark, "the %s `%s` is given twice", key, plan_clip(a->text, shown));
            bf_diag_add(d, BF_DIAG_NOTE, b->mark, "first written here");
        }
    }
}

bool plan_value_count(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_type *type)
{
    if ((int64_t)n->n >= type->min && (type->max == 0 || (int64_t)n->n <= type->max))
        return true;
    if (n->n == 0)
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` is empty", key);
    else if (type->min > 0)
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` has %zu items: it takes %" PRId64 " to %" PRId64, key, n->n, type->min, type->max);
    else
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` has %zu items: it takes at most %" PRId64, key, n->n, type->max);
    return false;
}

static bool check_list(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_type *type)
{
    bool good = plan_value_count(d, n, key, type);
    for (size_t i = 0; i < n->n; i++) {
        BF_AUTO_FREE char *item = bf_xasprintf("%s[%zu]", key, i);
        good &= plan_value_check(d, n->items[i], item, type->of);
    }
    if (type->unique)
        check_unique(d, n, type->unique);
    return good;
}

static bool check_map(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_type *type)
{
    BF_AUTO_FREE char *what = bf_xasprintf("a key of %s", key);
    bool good = plan_value_count(d, n, key, type);
    for (size_t i = 0; i < n->n; i++) {
        char shown[PLAN_CLIP];
        good &= plan_value_check(d, n->keys[i], what, type->key);
        good &= plan_value_check(d, n->items[i], plan_clip(n->keys[i]->text, shown), type->of);
    }
    return good;
}

/* Does a map hold the first key of a table, with a value of its shape?  Then it is meant as one of that table. */
static bool meant_as(const struct bf_yaml_node *n, const struct plan_type *type)
{
    const struct bf_yaml_node *first = type->keys ? bf_yaml_get(n, type->keys->at[0].name) : NULL;
    return first && plan_value_has_shape(first, type->keys->at[0].type);
}

const struct plan_type *plan_type_meant(const struct bf_yaml_node *n, const struct plan_type *type)
{
    const struct plan_type *first = NULL;
    if (type->value != PLAN_VALUE_EITHER)
        return type;
    for (size_t i = 0; type->either[i]; i++) {
        if (!plan_value_has_shape(n, type->either[i]))
            continue;
        if (meant_as(n, type->either[i]))
            return type->either[i];
        first = first ? first : type->either[i];
    }
    return first ? first : type;
}

/* The first alternative that fits; where only one has the shape, or is meant, its own errors say more. */
static bool check_either(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_type *type)
{
    const struct plan_type *only = NULL;
    size_t shaped = 0;
    for (size_t i = 0; type->either[i]; i++) {
        if (!plan_value_has_shape(n, type->either[i]))
            continue;
        only = type->either[i];
        shaped++;
    }
    if (n->kind == BF_YAML_MAP && shaped > 0)
        return plan_value_check(d, n, key, plan_type_meant(n, type));
    if (shaped == 1)
        return plan_value_check(d, n, key, only);
    for (size_t i = 0; type->either[i]; i++) {
        struct bf_diags unsaid = {0};
        bool good = plan_value_check(&unsaid, n, key, type->either[i]);
        bf_diags_done(&unsaid);
        if (good)
            return true;
    }
    return n->kind == BF_YAML_SCALAR ? misfit(d, n, key, type) : plan_value_shape(d, n, key, type);
}

bool plan_value_check(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_type *type)
{
    const char *name;
    int64_t number;
    int word;
    bool flag;
    if (!plan_value_shape(d, n, key, type))
        return false;
    switch (type->value) {
    case PLAN_VALUE_TEXT: case PLAN_VALUE_TEMPLATE: case PLAN_VALUE_SQL:
        return check_text(d, n, key, type);
    case PLAN_VALUE_NAME:
        return plan_read_name(d, n, type->what, &name);
    case PLAN_VALUE_REF:
        return type->ref == PLAN_REF_OWNER ? plan_read_text(d, n, key, PLAN_TEXT_MAX, &name)
                                           : plan_read_name(d, n, plan_ref_name(type->ref), &name);
    case PLAN_VALUE_INT:
        return plan_read_int(d, n, key, type->min, type->max, &number);
    case PLAN_VALUE_NUMBER: case PLAN_VALUE_PERCENT:
        return check_figure(d, n, key, type);
    case PLAN_VALUE_DURATION:
        return plan_read_duration(d, n, key, type->min, &number);
    case PLAN_VALUE_BOOL:
        return plan_read_bool(d, n, key, &flag);
    case PLAN_VALUE_WORD:
        return plan_read_word(d, n, key, type->words, &word);
    case PLAN_VALUE_ANY:
        return true;
    case PLAN_VALUE_LIST:
        return check_list(d, n, key, type);
    case PLAN_VALUE_MAP:
        return check_map(d, n, key, type);
    case PLAN_VALUE_KEYS: {
        size_t before = d->n_errors;
        return plan_keys_check(d, n, type->keys) && d->n_errors == before;
    }
    case PLAN_VALUE_EITHER:
        return check_either(d, n, key, type);
    default:
        return check_form(d, n, key, type);
    }
}

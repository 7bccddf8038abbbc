/* Columns, their types and single values, as checks and datasets have them: read, compared with a schema, released. */
#include "plan/check.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "plan/compile.h"
#include "plan/read.h"

/* ---- columns ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct plan_column *)a)->name, ((const struct plan_column *)b)->name);
}

/* "bigint  NOT null " says what "bigint NOT null" does. */
static char *one_spaced(const char *text)
{
    char *ret = bf_xcalloc(strlen(text) + 1, 1);
    size_t n = 0;
    for (; *text; text++)
        if (*text != ' ' || (n > 0 && text[1] != ' ' && text[1] != '\0'))
            ret[n++] = *text;
    return ret;
}

void plan_schema_read(const struct bf_yaml_node *map, struct plan_column **ret, size_t *ret_n)
{
    *ret = bf_xcalloc(map->n + 1, sizeof **ret);
    *ret_n = 0;
    for (size_t i = 0; i < map->n; i++)
        if (map->items[i]->kind == BF_YAML_SCALAR)
            (*ret)[(*ret_n)++] = (struct plan_column){bf_xstrdup(map->keys[i]->text), one_spaced(map->items[i]->text)};
    if (*ret_n > 1)
        qsort(*ret, *ret_n, sizeof **ret, by_name);
}

static bool has_string(char *const *at, size_t n, const char *s)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(at[i], s) == 0)
            return true;
    return false;
}

void plan_column_names_read(struct plan_compiler *c, const struct bf_yaml_node *list, char ***ret, size_t *ret_n)
{
    *ret = bf_xcalloc(list->n + 1, sizeof **ret);
    *ret_n = 0;
    for (size_t i = 0; i < list->n; i++) {
        const struct bf_yaml_node *n = list->items[i];
        if (n->kind != BF_YAML_SCALAR)
            continue;
        if (has_string(*ret, *ret_n, n->text)) {
            char shown[PLAN_CLIP];
            bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "the column `%s` is given twice", plan_clip(n->text, shown));
        } else {
            (*ret)[(*ret_n)++] = bf_xstrdup(n->text);
        }
    }
}

void plan_column_check(struct bf_diags *d, const struct plan_dataset *dataset, const char *column, struct bf_mark mark)
{
    char shown[PLAN_CLIP];
    if (dataset->n_schema == 0)
        return;
    BF_AUTO_FREE const char **names = bf_xcalloc(dataset->n_schema, sizeof *names);
    for (size_t i = 0; i < dataset->n_schema; i++) {
        names[i] = dataset->schema[i].name;
        if (strcmp(names[i], column) == 0)
            return;
    }
    struct bf_buf sentence = {0};
    bf_buf_printf(&sentence, "the `schema` of dataset `%s` has no column `%s`", dataset->name, plan_clip(column, shown));
    const char *near = plan_guess(d, column, names, dataset->n_schema, &sentence);
    bf_diag_add(d, BF_DIAG_WARNING, mark, "%s", bf_buf_cstr(&sentence));
    if (near)
        bf_diag_fix(d, "write `%s`", near);
    bf_buf_free(&sentence);
}

/* ---- single values ---- */

/* What stands in quotes is text; else what JSON calls a number or a boolean is one. */
static struct plan_scalar scalar_of(const struct bf_yaml_node *n)
{
    enum plan_scalar_type type = PLAN_SCALAR_TEXT;
    json_t *j = n->quoted ? NULL : json_loadb(n->text, n->text_len, JSON_DECODE_ANY, NULL);
    if (json_is_number(j))
        type = PLAN_SCALAR_NUMBER;
    else if (json_is_boolean(j))
        type = PLAN_SCALAR_BOOL;
    json_decref(j);
    return (struct plan_scalar){type, bf_xstrdup(n->text)};
}

void plan_scalars_read(const struct bf_yaml_node *n, struct plan_scalar **ret, size_t *ret_n)
{
    size_t most = n->kind == BF_YAML_SEQ ? n->n : 1;
    *ret = bf_xcalloc(most + 1, sizeof **ret);
    *ret_n = 0;
    for (size_t i = 0; i < most; i++) {
        const struct bf_yaml_node *item = n->kind == BF_YAML_SEQ ? n->items[i] : n;
        if (item->kind == BF_YAML_SCALAR)
            (*ret)[(*ret_n)++] = scalar_of(item);
    }
}

/* ---- release ---- */

void plan_strings_free(char **strings, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(strings[i]);
    free(strings);
}

void plan_columns_free(struct plan_column *columns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(columns[i].name);
        free(columns[i].type);
    }
    free(columns);
}

void plan_scalars_free(struct plan_scalar *scalars, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(scalars[i].text);
    free(scalars);
}

void plan_check_done(struct plan_check *check)
{
    free(check->name);
    free(check->field);
    plan_strings_free(check->columns, check->n_columns);
    plan_scalars_free(check->values, check->n_values);
    plan_columns_free(check->types, check->n_types);
    for (size_t i = 0; i < PLAN_CHECK_QUERIES; i++)
        template_done(&check->queries[i]);
    *check = (struct plan_check){0};
}

/* The kind schema: columns that should be there, with their types.  More columns than the plan names are no fault. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/sql/check_run.h"

/* "bigint not null" in its parts.  A type without a word on NULL takes both. */
static bool take_not_null(const char *text, char type[SQL_COLUMN_TYPE_MAX])
{
    snprintf(type, SQL_COLUMN_TYPE_MAX, "%.*s", SQL_COLUMN_TYPE_MAX - 1, text);
    size_t n = strlen(type);
    bool not_null = false;
    if (n > 4 && strcasecmp(type + n - 4, "null") == 0 && strchr(" \t", type[n - 5])) {
        n -= 5;
        while (n && strchr(" \t", type[n - 1]))
            n--;
        if (n > 3 && strncasecmp(type + n - 3, "not", 3) == 0 && strchr(" \t", type[n - 4])) {
            not_null = true;
            n -= 4;
        }
        type[n] = '\0';
    }
    return not_null;
}

static void add_difference(struct check_run *x, const char *column, const char *wanted, const char *found)
{
    json_t *offending = x->result->offending;
    if (json_array_size(offending) < CHECK_OFFENDING_MAX)
        json_array_append_new(offending, json_pack("{s:s,s:s,s:s?}", "column", column, "expected", wanted, "found", found));
}

/* Does the column meet what the plan says?  If not, the difference is evidence. */
static bool judge_column(struct check_run *x, const struct check_table *t, const char *column, const char *wanted)
{
    char type[SQL_COLUMN_TYPE_MAX], found[SQL_COLUMN_TYPE_MAX + 16];
    struct check_type want, have;
    bool not_null = take_not_null(wanted, type);
    const struct check_column *c = NULL;
    for (size_t i = 0; i < t->n && !c; i++)
        if (check_is_named(x, column, t->columns[i].name))
            c = &t->columns[i];
    if (!c) {
        add_difference(x, column, wanted, NULL);
        return false;
    }
    check_type_parse(x->dialect, type, &want);
    check_type_parse(x->dialect, c->type, &have);
    if (check_type_meets(&want, &have) && (!not_null || c->not_null))
        return true;
    snprintf(found, sizeof found, "%s%s", c->type, c->not_null ? " not null" : "");
    add_difference(x, column, wanted, found);
    return false;
}

bool check_schema(struct check_run *x)
{
    const struct sql_check *c = x->check;
    const struct check_table *t = NULL;
    char label[160];
    if (!check_table_read(x, c->table, &t))
        return false;
    int64_t wrong = 0;
    for (size_t i = 0; i < c->columns.n; i++)
        wrong += !judge_column(x, t, c->columns.at[i], c->types.at[i]);
    check_figure(x, "columns", (int64_t)t->n);
    check_figure(x, "expected", (int64_t)c->columns.n);
    check_figure(x, "wrong", wrong);
    check_label(x, label);
    if (!wrong)
        return check_end(x, true, "%s: all %zu columns are as the plan says", label, c->columns.n);
    json_t *first = json_array_get(x->result->offending, 0);
    const char *found = json_string_value(json_object_get(first, "found"));
    return check_end(x, false, "%s: %" PRId64 " column%s not as the plan says, e.g. %.60s, which should be %.60s and is %.60s", label,
                     wrong, wrong == 1 ? " is" : "s are", json_string_value(json_object_get(first, "column")),
                     json_string_value(json_object_get(first, "expected")), found ? found : "not there");
}

/* The columns of a table, from the database's own catalogue where the types stand there in full, else as ODBC describes a query. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/sql/check_run.h"
#include "common/mem.h"

static void put_postgresql(struct check_run *x, const char *table, struct bf_buf *b)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf name = {0};
    check_put_table(x, table, &name);
    bf_buf_put_str(b, "select a.attname, pg_catalog.format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), "
                      "case when t.typbasetype = 0 then a.atttypmod else t.typtypmod end), "
                      "case when a.attnotnull or t.typnotnull then 1 else 0 end "
                      "from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid "
                      "where a.attnum > 0 and not a.attisdropped and a.attrelid = cast(");
    check_put_string(x, bf_buf_cstr(&name), b);
    bf_buf_put_str(b, " as pg_catalog.regclass) order by a.attnum");
}

/* SHOW COLUMNS knows temporary tables, which the information schema does not. */
static void put_mariadb(struct check_run *x, const char *table, struct bf_buf *b)
{
    bf_buf_put_str(b, "show columns from ");
    check_put_table(x, table, b);
}

/* A schema is an attached database there. */
static void put_sqlite(struct check_run *x, const char *table, struct bf_buf *b)
{
    table = check_stand_in(x, table);
    const char *dot = strrchr(table, '.');
    bf_buf_put_str(b, "select name, type, case when \"notnull\" = 1 or (pk = 1 and lower(type) = 'integer') then 1 else 0 end "
                      "from pragma_table_info(");
    check_put_string(x, dot ? dot + 1 : table, b);
    if (dot) {
        BF_AUTO_FREE char *schema = bf_xstrndup(table, (size_t)(dot - table));
        bf_buf_put_str(b, ", ");
        check_put_string(x, schema, b);
    }
    bf_buf_put_str(b, ") order by cid");
}

static void put_ansi(struct check_run *x, const char *table, struct bf_buf *b)
{
    bf_buf_put_str(b, "select * from ");
    check_put_table(x, table, b);
    bf_buf_put_str(b, " where 1 = 0");
}

static void add_column(struct check_run *x, struct check_table *t, const char *name, const char *type, bool not_null)
{
    struct check_type parsed;
    struct check_column *c = &t->columns[t->n++];
    *c = (struct check_column){.not_null = not_null};
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->type, sizeof c->type, "%.*s", SQL_COLUMN_TYPE_MAX - 1, type);
    check_type_parse(x->dialect, type, &parsed);
    c->class = parsed.class;
}

static void take_rows(struct check_run *x, const struct sql_rows *rows, struct check_table *t)
{
    bool described = x->dialect->described;
    size_t n = described ? rows->n_columns : rows->n_rows;
    t->columns = bf_xcalloc(n + 1, sizeof *t->columns);
    for (size_t i = 0; i < n; i++) {
        if (described) {
            add_column(x, t, rows->columns[i].name, rows->columns[i].type, !rows->columns[i].nullable);
            continue;
        }
        const char *name = sql_rows_cell(rows, i, 0)->text, *type = sql_rows_cell(rows, i, 1)->text,
                           *word = sql_rows_cell(rows, i, 2)->text;
        bool not_null = word && (strcmp(word, "1") == 0 || strcasecmp(word, "NO") == 0);
        if (name)
            add_column(x, t, name, type ? type : "", not_null);
    }
}

static bool read_table(struct check_run *x, const char *table, struct check_table *ret)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf sql = {0};
    static void (*const put[CHECK_DBMS_COUNT])(struct check_run *, const char *, struct bf_buf *) = {
        [CHECK_POSTGRESQL] = put_postgresql, [CHECK_MARIADB] = put_mariadb, [CHECK_SQLITE] = put_sqlite, [CHECK_ANSI] = put_ansi
    };
    struct sql_rows_limit limit = {SQL_COLUMNS_MAX, SQL_COLUMNS_MAX, SQL_COLUMN_NAME_MAX - 1};
    struct sql_rows rows = {0};
    put[x->dialect->dbms](x, table, &sql);
    if (!check_query_limited(x, &sql, limit, &rows))
        return false;
    *ret = (struct check_table){.name = bf_xstrdup(table)};
    if (x->dialect->described || rows.n_columns >= 3)
        take_rows(x, &rows, ret);
    sql_rows_done(&rows);
    return ret->n ? true : (check_table_done(ret), check_stop(x, "there is no table %s", table));
}

bool check_table_read(struct check_run *x, const char *table, const struct check_table **ret)
{
    for (size_t i = 0; i < x->tables->n; i++) {
        if (strcmp(x->tables->at[i].name, table) == 0) {
            *ret = &x->tables->at[i];
            return true;
        }
    }
    struct check_table t = {0};
    if (!read_table(x, table, &t))
        return false;
    bf_vec_push(x->tables, t);
    *ret = &x->tables->at[x->tables->n - 1];
    return true;
}

bool check_is_named(const struct check_run *x, const char *wanted, const char *name)
{
    return x->dialect->exact_names ? strcmp(wanted, name) == 0 : strcasecmp(wanted, name) == 0;
}

bool check_column_find(struct check_run *x, const char *table, const char *column, const struct check_column **ret)
{
    const struct check_table *t = NULL;
    if (!check_table_read(x, table, &t))
        return false;
    for (size_t i = 0; i < t->n; i++) {
        if (check_is_named(x, column, t->columns[i].name)) {
            *ret = &t->columns[i];
            return true;
        }
    }
    return check_stop(x, "%s has no column %s", table, column);
}

void check_table_done(struct check_table *t)
{
    free(t->name);
    free(t->columns);
    *t = (struct check_table){0};
}

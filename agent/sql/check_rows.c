/* Kinds that look at rows: not_null, unique, accepted_values, relationships, aligned.
 *
 * One query counts, the rows looked at and those that are wrong; only when some are wrong a second one fetches the first ten.  Where
 * the wrong thing is a value, the evidence is the values with how often each stands, else whole rows.  NULL is not_null's business:
 * the other kinds pass over rows in which their column is NULL, as SQL's own constraints do. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/sql/check_run.h"

static void put_column(struct check_run *x, const char *column, struct bf_buf *b)
{
    bf_buf_put_str(b, "bf_t.");
    check_put_name(x, column, b);
}

/* A query about rows in parts.  where: what rows are looked at; wrong: which of them are wrong. */
struct row_check {
    struct bf_buf where, wrong;
    const char *found;                         /* "12 rows …": what is said of the wrong ones, behind their number */
    bool by_value;                             /* evidence: values of the column, with counts */
    bool by_bytes;                             /* values that differ in case only are two */
};

static void row_check_done(struct row_check *q)
{
    bf_buf_free(&q->where);
    bf_buf_free(&q->wrong);
}

static void put_counts(struct check_run *x, struct row_check *q, bool sample, struct bf_buf *sql)
{
    bf_buf_printf(sql, "select count(*), sum(case when %s then 1 else 0 end)", bf_buf_cstr(&q->wrong));
    check_put_from(x, sample, sql);
    bf_buf_printf(sql, " where %s", bf_buf_cstr(&q->where));
    check_put_row_sample(x, sample, sql);
}

static bool count_wrong(struct check_run *x, struct row_check *q, bool sample, int64_t ret[2])
{
    BF_CLEANUP(bf_buf_free) struct bf_buf sql = {0};
    put_counts(x, q, sample, &sql);
    return check_query_counts(x, &sql, true, ret, 2);
}

/* The evidence is not sampled: rows that are found wrong are wrong. */
static bool fetch_wrong(struct check_run *x, struct row_check *q)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf sql = {0}, column = {0};
    bf_buf_put_str(&column, q->by_bytes ? x->dialect->bytes_before : "");
    put_column(x, x->check->columns.at[0], &column);
    bf_buf_put_str(&column, q->by_bytes ? x->dialect->bytes_after : "");
    bf_buf_put_str(&sql, "select ");
    if (q->by_value) {
        bf_buf_printf(&sql, "%s as ", bf_buf_cstr(&column));
        check_put_name(x, x->check->columns.at[0], &sql);
        bf_buf_put_str(&sql, ", count(*) as bf_rows");
    } else {
        bf_buf_put_str(&sql, "bf_t.*");
    }
    check_put_from(x, false, &sql);
    bf_buf_printf(&sql, " where %s and %s", bf_buf_cstr(&q->where), bf_buf_cstr(&q->wrong));
    if (q->by_value)
        bf_buf_printf(&sql, " group by %s order by count(*) desc", bf_buf_cstr(&column));
    return check_query_offending(x, &sql);
}

static const char *sample_words(const struct check_run *x, char ret[64])
{
    ret[0] = '\0';
    if (x->result->sampled)
        snprintf(ret, 64, " (in a sample of %.4g %% of the rows)", x->check->sample * 100);
    return ret;
}

static bool judge_rows(struct check_run *x, struct row_check *q)
{
    int64_t n[2] = {0, 0};
    bool sample = x->check->sample > 0;
    char label[160], example[96], words[64];
    if (sample && !x->dialect->table_sample && !x->dialect->row_sample)
        return check_stop(x, "%s could not run: how this database samples rows is not known here; leave sample out", check_label(x, label));
    if (!count_wrong(x, q, sample, n))
        return false;
    /* A sample without a row says nothing; a table from which none was drawn is small enough to be read. */
    if (sample && n[0] == 0) {
        sample = false;
        if (!count_wrong(x, q, false, n))
            return false;
    }
    x->result->sampled = sample;
    check_figure(x, "rows", n[0]);
    check_figure(x, "wrong", n[1]);
    if (n[1] == 0)
        return check_end(x, true, "%s: %" PRId64 " rows looked at, none of them wrong%s", check_label(x, label), n[0],
                         sample_words(x, words));
    if (!fetch_wrong(x, q))
        return false;
    return check_end(x, false, "%s: %" PRId64 " of %" PRId64 " rows %s%s%s", check_label(x, label), n[1], n[0], q->found,
                     sample_words(x, words), q->by_value ? check_example(x, example) : "");
}

/* --- kinds --------------------------------------------------------------------------------------------------------------- */

bool check_not_null(struct check_run *x)
{
    BF_CLEANUP(row_check_done) struct row_check q = {.found = "hold NULL there"};
    const struct sql_check *c = x->check;
    bool own = false;
    bf_buf_put_str(&q.wrong, "(");
    for (size_t i = 0; i < c->columns.n; i++) {
        own = own || (c->partition_column && strcmp(c->columns.at[i], c->partition_column) == 0);
        bf_buf_put_str(&q.wrong, i ? " or " : "");
        put_column(x, c->columns.at[i], &q.wrong);
        bf_buf_put_str(&q.wrong, " is null");
    }
    bf_buf_put_str(&q.wrong, ")");
    /* A row whose partition column is NULL is in no partition, so each one's check has to look at it. */
    return check_put_partition(x, own, &q.where) && judge_rows(x, &q);
}

static void put_key(struct check_run *x, const char *before, const char *between, const char *after, struct bf_buf *b)
{
    for (size_t i = 0; i < x->check->columns.n; i++) {
        bf_buf_put_str(b, i ? between : before);
        put_column(x, x->check->columns.at[i], b);
    }
    bf_buf_put_str(b, after);
}

bool check_unique(struct check_run *x)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf where = {0}, groups = {0}, sql = {0}, rows = {0};
    char label[160], example[96];
    int64_t n[2] = {0, 0};
    if (!check_put_partition(x, false, &where))
        return false;
    check_put_from(x, false, &groups);
    bf_buf_printf(&groups, " where %s", bf_buf_cstr(&where));
    put_key(x, " and ", " is not null and ", " is not null", &groups);
    put_key(x, " group by ", ", ", " having count(*) > 1", &groups);
    bf_buf_printf(&sql, "select count(*), sum(bf_rows) from (select count(*) as bf_rows%s) bf_q", bf_buf_cstr(&groups));
    if (!check_query_counts(x, &sql, true, n, 2))
        return false;
    check_figure(x, "values", n[0]);
    check_figure(x, "rows", n[1]);
    if (n[0] == 0)
        return check_end(x, true, "%s: no value stands twice", check_label(x, label));
    put_key(x, "select ", ", ", ", count(*) as bf_rows", &rows);
    bf_buf_printf(&rows, "%s order by count(*) desc", bf_buf_cstr(&groups));
    if (!check_query_offending(x, &rows))
        return false;
    return check_end(x, false, "%s: %" PRId64 " value%s more than once, in %" PRId64 " rows%s", check_label(x, label), n[0],
                     n[0] == 1 ? " stands" : "s stand", n[1], check_example(x, example));
}

/* A value as a literal that the column's type compares without a conversion: MariaDB takes any text for 0. */
static bool put_value(struct check_run *x, const struct check_value *v, enum column_class class, struct bf_buf *b)
{
    struct decimal parsed;
    if (class == COLUMN_TEXT && v->type != CHECK_VALUE_BOOLEAN && !x->dialect->types_by_value) {
        check_put_string(x, v->text, b);
    } else if (v->type == CHECK_VALUE_BOOLEAN) {
        bf_buf_put_str(b, x->dialect->truth[strcmp(v->text, "true") == 0]);
    } else if (class == COLUMN_NUMBER && !decimal_parse(v->text, strlen(v->text), &parsed)) {
        return check_stop(x, "the column %s holds numbers, and \"%.60s\" of the accepted values is none", x->check->columns.at[0], v->text);
    } else if (v->type == CHECK_VALUE_NUMBER || class == COLUMN_NUMBER) {
        bf_buf_put_str(b, v->text);
    } else {
        check_put_string(x, v->text, b);
    }
    return true;
}

bool check_accepted_values(struct check_run *x)
{
    BF_CLEANUP(row_check_done) struct row_check q = {.found = "hold a value that is not accepted", .by_value = true};
    const struct check_column *column = NULL;
    const struct sql_check *c = x->check;
    if (!check_column_find(x, c->table, c->columns.at[0], &column) || !check_put_partition(x, false, &q.where))
        return false;
    BF_CLEANUP(bf_buf_free) struct bf_buf name = {0};
    put_column(x, c->columns.at[0], &name);
    bf_buf_printf(&q.where, " and %s is not null", bf_buf_cstr(&name));
    q.by_bytes = column->class == COLUMN_TEXT;
    bf_buf_printf(&q.wrong, "%s%s%s not in (", q.by_bytes ? x->dialect->bytes_before : "", bf_buf_cstr(&name),
                  q.by_bytes ? x->dialect->bytes_after : "");
    for (size_t i = 0; i < c->n_values; i++) {
        bf_buf_put_str(&q.wrong, i ? ", " : "");
        if (!put_value(x, &c->values[i], column->class, &q.wrong))
            return false;
    }
    bf_buf_put_str(&q.wrong, ")");
    return judge_rows(x, &q);
}

bool check_relationships(struct check_run *x)
{
    BF_CLEANUP(row_check_done) struct row_check q = {.by_value = true};
    BF_CLEANUP(bf_buf_free) struct bf_buf found = {0};
    const struct sql_check *c = x->check;
    if (!check_put_partition(x, false, &q.where))
        return false;
    bf_buf_put_str(&q.where, " and ");
    put_column(x, c->columns.at[0], &q.where);
    bf_buf_put_str(&q.where, " is not null");
    bf_buf_put_str(&q.wrong, "not exists (select 1 from ");
    check_put_table(x, c->to_table, &q.wrong);
    bf_buf_put_str(&q.wrong, " bf_u where bf_u.");
    check_put_name(x, c->field, &q.wrong);
    bf_buf_put_str(&q.wrong, " = ");
    put_column(x, c->columns.at[0], &q.wrong);
    bf_buf_put_str(&q.wrong, ")");
    bf_buf_printf(&found, "hold a value that %.60s(%.40s) does not have", c->to_table, c->field);
    q.found = bf_buf_cstr(&found);
    return judge_rows(x, &q);
}

/* --- aligned --------------------------------------------------------------------------------------------------------------- */

static struct sql_instant midnight(struct bf_date d, int32_t offset_s)
{
    return (struct sql_instant){.date = d, .offset_s = offset_s};
}

/* A grain coarser than the partition: the one value that is right is the start of the unit that holds the partition. */
static void widen(struct sql_bounds *b, enum sql_grain grain)
{
    int32_t day = bf_days_from_date(b->start), end = day + 1;
    if (grain == SQL_GRAIN_WEEK) {
        day = (int32_t)(bf_floor_div(day - 4, 7) * 7 + 4);
        end = day + 7;
    } else if (grain == SQL_GRAIN_MONTH) {
        struct bf_date first = {b->start.year, b->start.month, 1};
        day = bf_days_from_date(first);
        end = day + bf_days_in_month(first.year, first.month);
    }
    b->grain = grain;
    b->twice = false;
    b->start = bf_date_from_days(day);
    b->end = bf_date_from_days(end);
    b->start_at = midnight(b->start, b->start_at.offset_s);
    b->end_at = midnight(b->end, b->end_at.offset_s);
    b->key[0] = '\0';
}

bool check_aligned(struct check_run *x)
{
    BF_CLEANUP(row_check_done) struct row_check q = {.found = "are NULL, outside the partition or off its grain", .by_value = true};
    const struct sql_check *c = x->check;
    const struct check_column *column = NULL;
    const struct sql_bounds *place = x->place->bounds;
    struct sql_bounds bounds = place ? *place : (struct sql_bounds){0};
    bool partition = bounds.grain != SQL_GRAIN_NONE, own = c->partition_column && strcmp(c->partition_column, c->columns.at[0]) == 0;
    if (!partition && c->grain == SQL_GRAIN_NONE)
        return check_stop(x, "the step has no partitions, so there is nothing to be aligned with; give the check a grain");
    if (!check_column_find(x, c->table, c->columns.at[0], &column) || !check_put_partition(x, own, &q.where))
        return false;
    if (partition && c->grain > bounds.grain) {
        if (column->class == COLUMN_INSTANT)
            return check_stop(x, "the start of the %s that holds the partition %s depends on the zone, which is not known here; use a "
                              "column of the type date", sql_grain_word(c->grain), bounds.key);
        widen(&bounds, c->grain);
    }
    bf_buf_put_str(&q.wrong, "case when ");
    if (partition && !check_put_inside(x, c->columns.at[0], &bounds, &q.wrong))
        return false;
    if (c->grain != SQL_GRAIN_NONE) {
        bf_buf_put_str(&q.wrong, partition ? " and " : "");
        if (!check_put_on_grain(x, column, c->grain, partition ? &bounds : NULL, &q.wrong))
            return false;
    }
    bf_buf_put_str(&q.wrong, " then 0 else 1 end = 1");
    return judge_rows(x, &q);
}

/* Kinds that judge by numbers: row_count, reconcile, freshness, sql.
 *
 * Numbers are compared as the decimals that the database wrote, exactly.  With `within` the distance is exact too: for an amount a,
 * |left - right| <= a; for a ratio r, |left - right| <= r * |right| where right is what the left is measured by (the query of ratio_to),
 * and for reconcile r * |left|, because left is the source. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sql/check_run.h"
#include "common/mem.h"
#include "common/text.h"

/* measure: what a ratio is of. */
static bool is_within(const struct sql_check *c, const char *a, const char *b, const char *measure)
{
    BF_AUTO_FREE struct decimal *d = bf_xcalloc(6, sizeof *d);
    bool parsed = decimal_parse(a, strlen(a), &d[0]) && decimal_parse(b, strlen(b), &d[1]) &&
                  decimal_parse(measure, strlen(measure), &d[2]);
    if (!parsed)
        return false;
    if (c->within == WITHIN_EQUAL)
        return decimal_compare(&d[0], &d[1]) == 0;
    if (!decimal_parse(c->within_text, strlen(c->within_text), &d[3]))
        return false;
    decimal_distance(&d[0], &d[1], &d[4]);
    if (c->within == WITHIN_AMOUNT)
        return decimal_compare(&d[4], &d[3]) <= 0;
    decimal_product(&d[2], &d[3], &d[5]);
    return decimal_compare(&d[4], &d[5]) <= 0;
}

static const char *within_words(const struct sql_check *c, char ret[96])
{
    snprintf(ret, 96, "equal");
    if (c->within == WITHIN_AMOUNT)
        snprintf(ret, 96, "within %.40s of one another", c->within_text);
    if (c->within == WITHIN_RATIO)
        snprintf(ret, 96, "within %.6g %% of one another", strtod(c->within_text, NULL) * 100);
    return ret;
}

bool check_row_count(struct check_run *x)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf sql = {0}, where = {0};
    const struct sql_check *c = x->check;
    char label[160], words[96], rows_text[32], reference[DECIMAL_TEXT_MAX + 1] = "";
    int64_t rows = 0;
    if (!check_put_partition(x, false, &where))
        return false;
    bf_buf_put_str(&sql, "select count(*)");
    check_put_from(x, false, &sql);
    bf_buf_printf(&sql, " where %s", bf_buf_cstr(&where));
    if (!check_query_counts(x, &sql, true, &rows, 1))
        return false;
    snprintf(rows_text, sizeof rows_text, "%" PRId64, rows);
    check_figure(x, "rows", rows);
    if (c->has_min)
        check_figure(x, "min", c->min);
    if (c->has_max)
        check_figure(x, "max", c->max);
    if (c->has_ratio_to && !check_query_number(x, &c->query, "the query of ratio_to", false, reference, NULL))
        return false;
    if (c->has_ratio_to)
        check_figure_decimal(x, "reference", reference);
    check_label(x, label);
    if (c->has_min && rows < c->min)
        return check_end(x, false, "%s: %" PRId64 " rows, and there should be at least %" PRId64, label, rows, c->min);
    if (c->has_max && rows > c->max)
        return check_end(x, false, "%s: %" PRId64 " rows, and there should be at most %" PRId64, label, rows, c->max);
    if (c->has_ratio_to && !is_within(c, rows_text, reference, reference))
        return check_end(x, false, "%s: %" PRId64 " rows against %s of the reference; they should be %s", label, rows, reference,
                         within_words(c, words));
    return check_end(x, true, "%s: %" PRId64 " rows%s%s", label, rows, *reference ? " against " : "", reference);
}

/* NULL on both sides is what sums over nothing are: equal, and said so.  NULL on one side is a difference. */
bool check_reconcile(struct check_run *x)
{
    const struct sql_check *c = x->check;
    char label[160], words[96], left[DECIMAL_TEXT_MAX + 1], right[DECIMAL_TEXT_MAX + 1];
    bool left_null = false, right_null = false;
    if (!check_query_number(x, &c->query, "the left query", true, left, &left_null))
        return false;
    BF_AUTO_FREE char *left_sql = bf_xstrdup(x->result->sql);
    if (!check_query_number(x, &c->right, "the right query", true, right, &right_null))
        return false;
    char *both = bf_xasprintf("%s\n%s", left_sql, x->result->sql);
    free(x->result->sql);
    x->result->sql = both;
    if (!left_null)
        check_figure_decimal(x, "left", left);
    if (!right_null)
        check_figure_decimal(x, "right", right);
    check_label(x, label);
    if (left_null && right_null)
        return check_end(x, true, "%s: NULL on both sides, as sums over no rows are; taken as equal", label);
    if (left_null || right_null)
        return check_end(x, false, "%s: the left is %.150s and the right is %.150s", label, left_null ? "NULL" : left,
                         right_null ? "NULL" : right);
    bool ok = is_within(c, left, right, left);
    return check_end(x, ok, "%s: the left is %.130s and the right is %.130s%s%s", label, left, right, ok ? "" : "; they should be ",
                     ok ? "" : within_words(c, words));
}

bool check_freshness(struct check_run *x)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf sql = {0}, where = {0}, epoch = {0};
    const struct sql_check *c = x->check;
    const struct check_column *column = NULL;
    char label[160], age_words[32], limit_words[32];
    if (!check_column_find(x, c->table, c->columns.at[0], &column) || !check_put_partition(x, false, &where) ||
        !check_put_epoch(x, column, &epoch))
        return false;
    bf_buf_printf(&sql, "select count(*), count(%s), %s - max(%s)", bf_buf_cstr(&epoch), x->dialect->now_epoch, bf_buf_cstr(&epoch));
    check_put_from(x, false, &sql);
    bf_buf_printf(&sql, " where %s", bf_buf_cstr(&where));
    struct sql_rows rows = {0};
    if (!check_query(x, &sql, true, &rows))
        return false;
    const struct sql_cell *cell = rows.n_rows == 1 && rows.n_columns == 3 ? sql_rows_cell(&rows, 0, 0) : NULL;
    bool none = !cell || !cell[2].text, no_rows = cell && cell[0].text && strcmp(cell[0].text, "0") == 0;
    double age_s = none ? 0 : strtod(cell[2].text, NULL);
    sql_rows_done(&rows);
    check_label(x, label);
    if (none)
        return check_end(x, false, "%s: %s", label, no_rows ? "there is no row" : "no row has a time there");
    int64_t age_ms = (int64_t)(age_s * 1000);
    check_figure(x, "age_ms", age_ms);
    check_figure(x, "max_age_ms", c->max_age_ms);
    bf_format_duration(age_ms < 0 ? 0 : age_ms / 1000 * 1000, age_words, sizeof age_words);
    bf_format_duration(c->max_age_ms, limit_words, sizeof limit_words);
    if (age_ms > c->max_age_ms)
        return check_end(x, false, "%s: the newest row is %s old, and the limit is %s", label, age_words, limit_words);
    return check_end(x, true, "%s: the newest row is %s old", label, age_words);
}

bool check_sql(struct check_run *x)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf query = {0}, sql = {0}, rows = {0};
    char label[160];
    int64_t n = 0;
    if (!check_put_query(x, &x->check->query, "the query", &query))
        return false;
    bf_buf_printf(&sql, "select count(*) from (%s) bf_q", bf_buf_cstr(&query));
    if (!check_query_counts(x, &sql, true, &n, 1))
        return false;
    check_figure(x, "wrong", n);
    check_label(x, label);
    if (n == 0)
        return check_end(x, true, "%s: the query found no row that is wrong", label);
    /* Masks go by the names of columns, and a query gives columns what names it likes. */
    bool shown = x->place->n_mask == 0;
    bf_buf_printf(&rows, "select * from (%s) bf_q", bf_buf_cstr(&query));
    if (shown && !check_query_offending(x, &rows))
        return false;
    return check_end(x, false, "%s: the query found %" PRId64 " row%s wrong%s", label, n, n == 1 ? " that is" : "s that are",
                     shown ? "" : "; rows of a query are not shown where columns are masked");
}

/* Which rows are of the partition: a condition on a column, by what the column's type can tell.
 *
 *   date, and time without zone    the wall clock of the plan's zone
 *   time with zone                 instants, so that days of 23 and 25 hours have their hours
 *   text                           either, value by value (check_text.c)
 *
 * What cannot be told ends the check with a sentence.  A condition that is right for most rows would be a silent pass for the others. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/sql/check_run.h"

#define WALL_MAX 32

static void write_date(struct bf_date d, char ret[WALL_MAX])
{
    snprintf(ret, WALL_MAX, "%04d-%02d-%02d", (int)d.year, (int)d.month, (int)d.day);
}

/* "2024-01-31 05:00:00" */
static void write_wall(const struct sql_instant *i, char ret[WALL_MAX])
{
    char day[WALL_MAX];
    write_date(i->date, day);
    snprintf(ret, WALL_MAX, "%.10s %02d:%02d:%02d", day, (int)(i->second / BF_HOUR_S), (int)(i->second / 60 % 60), (int)(i->second % 60));
}

/* "2024-01-31 05:00:00+01:00" */
static void write_instant(const struct sql_instant *i, char ret[WALL_MAX])
{
    char wall[WALL_MAX];
    int minutes = (i->offset_s < 0 ? -i->offset_s : i->offset_s) / 60;
    write_wall(i, wall);
    snprintf(ret, WALL_MAX, "%.19s%c%02d:%02d", wall, i->offset_s < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

static struct bf_date day_beside(struct bf_date d, int days)
{
    return bf_date_from_days(bf_days_from_date(d) + days);
}

/* The bounds as the wall clock shows them: hours by their times, all others by their days. */
static void wall_bounds(const struct sql_bounds *b, char from[WALL_MAX], char until[WALL_MAX])
{
    if (b->grain == SQL_GRAIN_HOUR) {
        write_wall(&b->start_at, from);
        write_wall(&b->end_at, until);
        return;
    }
    struct sql_instant start = {.date = b->start}, end = {.date = b->end};
    write_wall(&start, from);
    write_wall(&end, until);
}

static bool stop_twice(struct check_run *x, const char *column, const struct sql_bounds *b)
{
    return check_stop(x, "the hour %s stands twice on its day, and %s bears no offset that would tell the two apart; keep such times with "
                      "a zone or in text with an offset", b->key, column);
}

static bool put_date(struct check_run *x, const char *column, const char *name, const struct sql_bounds *b, struct bf_buf *ret)
{
    char from[WALL_MAX], until[WALL_MAX];
    if (b->grain == SQL_GRAIN_HOUR)
        return check_stop(x, "the column %s is a date, which cannot tell hours apart; name a column of times as partition_column", column);
    write_date(b->start, from);
    write_date(b->end, until);
    bf_buf_printf(ret, "(%s >= date '%s' and %s < date '%s')", name, from, name, until);
    return true;
}

static bool put_wall(struct check_run *x, const char *column, const char *name, const struct sql_bounds *b, struct bf_buf *ret)
{
    char from[WALL_MAX], until[WALL_MAX];
    if (b->twice)
        return stop_twice(x, column, b);
    wall_bounds(b, from, until);
    bf_buf_printf(ret, "(%s >= timestamp '%s' and %s < timestamp '%s')", name, from, name, until);
    return true;
}

static bool put_instant(struct check_run *x, const char *column, const char *name, const struct sql_bounds *b, struct bf_buf *ret)
{
    char from[WALL_MAX], until[WALL_MAX];
    int64_t from_s = sql_instant_epoch(&b->start_at), until_s = sql_instant_epoch(&b->end_at);
    if (x->dialect->dbms == CHECK_POSTGRESQL) {
        write_instant(&b->start_at, from);
        write_instant(&b->end_at, until);
        bf_buf_printf(ret, "(%s >= timestamp with time zone '%s' and %s < timestamp with time zone '%s')", name, from, name, until);
        return true;
    }
    if (x->dialect->dbms == CHECK_MARIADB) {
        /* The first two are wide and can use an index; the zone of the session may show two instants as one time. */
        bf_buf_printf(ret, "(%s >= from_unixtime(%" PRId64 ") and %s < from_unixtime(%" PRId64 ") and unix_timestamp(%s) >= %" PRId64
                      " and unix_timestamp(%s) < %" PRId64 ")", name, from_s - BF_DAY_S, name, until_s + BF_DAY_S, name, from_s, name,
                      until_s);
        return true;
    }
    return check_stop(x, "how this database compares %s, a time with a zone, is not known here; use a check of the kind sql", column);
}

/* --- text -------------------------------------------------------------------------------------------------------------- */

/* Is there a row of the table that meets the condition? */
static bool is_there(struct check_run *x, const char *condition, bool *ret)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf sql = {0};
    int64_t n = 0;
    bf_buf_put_str(&sql, "select count(*) from (select 1 as one");
    check_put_from(x, false, &sql);
    bf_buf_printf(&sql, " where %s", condition);
    check_put_limit(x, 1, &sql);
    bf_buf_put_str(&sql, ") bf_q");
    if (!check_query_counts(x, &sql, false, &n, 1))
        return false;
    *ret = n > 0;
    return true;
}

/* Text without an offset, inside the wall clock's bounds. */
static bool put_unzoned(struct check_run *x, const char *v, const struct sql_bounds *b, struct bf_buf *ret)
{
    char from[WALL_MAX], until[WALL_MAX];
    wall_bounds(b, from, until);
    if (b->grain == SQL_GRAIN_HOUR && (b->start_at.second % BF_HOUR_S || b->end_at.second % BF_HOUR_S))
        return check_stop(x, "the hour %s does not begin at a full hour of the clock, so that text cannot be told by it", b->key);
    if (b->grain == SQL_GRAIN_HOUR) {
        bf_buf_printf(ret, "(length(%s) >= 13 and replace(substr(%s, 1, 13), 'T', ' ') >= '%.13s' and "
                           "replace(substr(%s, 1, 13), 'T', ' ') < '%.13s')", v, v, from, v, until);
        return true;
    }
    /* Months by what all forms begin with, so that YYYY-MM is in; in days it would stand in the last one of the month before. */
    if (b->grain == SQL_GRAIN_MONTH)
        bf_buf_printf(ret, "(%s >= '%.7s' and %s < '%.7s')", v, from, v, until);
    else
        bf_buf_printf(ret, "(%s >= '%.10s' and %s < '%.10s' and length(%s) >= 10)", v, from, v, until, v);
    return true;
}

/* Where a column of text may hold numbers, they compare as less than any text. */
static bool refuse_numbers(struct check_run *x, const char *column, const char *v)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf condition = {0};
    bool there = false;
    if (!x->dialect->types_by_value)
        return true;
    bf_buf_printf(&condition, "%s < ''", v);
    if (!is_there(x, bf_buf_cstr(&condition), &there))
        return false;
    return there ? check_stop(x, "%s holds numbers, and rows of a partition are told by dates in ISO form; write 'YYYY-MM-DD', or use a "
                                 "check of the kind sql", column) : true;
}

/* Offsets are less than a day, so this can use an index and loses nothing. */
static void put_near(const char *v, const struct sql_bounds *b, struct bf_buf *ret)
{
    char first[WALL_MAX], last[WALL_MAX];
    write_date(day_beside(b->start, -1), first);
    write_date(day_beside(b->end, 2), last);
    /* A month written YYYY-MM is less than its first day. */
    bf_buf_printf(ret, "%s >= '%.*s' and %s < '%s'", v, b->grain == SQL_GRAIN_MONTH ? 7 : 10, first, v, last);
}

bool check_text_is_zoned(struct check_run *x, const char *v, const struct sql_bounds *b, bool *ret)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf condition = {0};
    if (b) {
        put_near(v, b, &condition);
        bf_buf_put_str(&condition, " and ");
    }
    check_put_zoned(v, &condition);
    return is_there(x, bf_buf_cstr(&condition), ret);
}

/* The hour stands twice on its day: text without an offset cannot be told, and text with one can. */
static bool refuse_unzoned_twice(struct check_run *x, const char *column, const char *v, const struct sql_bounds *b)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf condition = {0};
    char hour[WALL_MAX];
    bool there = false;
    write_wall(&b->start_at, hour);
    put_near(v, b, &condition);
    bf_buf_put_str(&condition, " and not ");
    check_put_zoned(v, &condition);
    bf_buf_printf(&condition, " and replace(substr(%s, 1, 13), 'T', ' ') = '%.13s'", v, hour);
    return is_there(x, bf_buf_cstr(&condition), &there) && (!there || stop_twice(x, column, b));
}

static bool put_text(struct check_run *x, const char *column, const char *v, const struct sql_bounds *b, struct bf_buf *ret)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf unzoned = {0}, epoch = {0};
    bool zoned = false;
    if (!refuse_numbers(x, column, v) || !check_text_is_zoned(x, v, b, &zoned) || !put_unzoned(x, v, b, &unzoned))
        return false;
    if (zoned && !check_reads_zoned(x))
        return check_stop(x, "%s holds times with an offset as text, which this database is not known to read; use a check of the kind sql",
                          column);
    if (b->twice && !refuse_unzoned_twice(x, column, v, b))
        return false;
    bf_buf_put_str(ret, "((");
    if (zoned) {
        check_put_zoned_epoch(x, v, &epoch);
        put_near(v, b, ret);
        bf_buf_put_str(ret, " and case when ");
        check_put_zoned(v, ret);
        bf_buf_printf(ret, " then case when %s >= %" PRId64, bf_buf_cstr(&epoch), sql_instant_epoch(&b->start_at));
        bf_buf_printf(ret, " and %s < %" PRId64 " then 1 else 0 end ", bf_buf_cstr(&epoch), sql_instant_epoch(&b->end_at));
        bf_buf_printf(ret, "when %s then 1 else 0 end = 1)", b->twice ? "1 = 0" : bf_buf_cstr(&unzoned));
    } else {
        bf_buf_printf(ret, "%s)", b->twice ? "1 = 0" : bf_buf_cstr(&unzoned));
    }
    if (*b->key) {
        bf_buf_printf(ret, " or %s = ", v);
        check_put_string(x, b->key, ret);
    }
    bf_buf_put_str(ret, ")");
    return true;
}

/* --- by type ------------------------------------------------------------------------------------------------------------- */

bool check_put_inside(struct check_run *x, const char *column, const struct sql_bounds *b, struct bf_buf *ret)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf name = {0}, bytes = {0};
    const struct check_column *c = NULL;
    if (!check_column_find(x, x->check->table, column, &c))
        return false;
    bf_buf_put_str(&name, "bf_t.");
    check_put_name(x, column, &name);
    bf_buf_printf(&bytes, "%s%s%s", x->dialect->bytes_before, bf_buf_cstr(&name), x->dialect->bytes_after);
    switch (c->class) {
    case COLUMN_DATE:
        return put_date(x, column, bf_buf_cstr(&name), b, ret);
    case COLUMN_WALL:
        return put_wall(x, column, bf_buf_cstr(&name), b, ret);
    case COLUMN_INSTANT:
        return put_instant(x, column, bf_buf_cstr(&name), b, ret);
    case COLUMN_TEXT:
        return put_text(x, column, x->dialect->bytes_in_ranges ? bf_buf_cstr(&bytes) : bf_buf_cstr(&name), b, ret);
    case COLUMN_NUMBER:
    case COLUMN_BOOLEAN:
    case COLUMN_OTHER:
        break;
    }
    return check_stop(x, "the column %s of %s is of the type %s, by which rows of a partition cannot be told; name a date, a time or text "
                      "in ISO form, or use a check of the kind sql", column, x->check->table, *c->type ? c->type : "(none)");
}

bool check_put_partition(struct check_run *x, bool with_null, struct bf_buf *ret)
{
    const struct sql_check *c = x->check;
    const struct sql_bounds *b = x->place->bounds;
    if (!c->partition_column || !b || b->grain == SQL_GRAIN_NONE) {
        bf_buf_put_str(ret, "1 = 1");
        return true;
    }
    bf_buf_put_str(ret, "(");
    if (!check_put_inside(x, c->partition_column, b, ret))
        return false;
    if (with_null) {
        bf_buf_put_str(ret, " or bf_t.");
        check_put_name(x, c->partition_column, ret);
        bf_buf_put_str(ret, " is null");
    }
    bf_buf_put_str(ret, ")");
    return true;
}

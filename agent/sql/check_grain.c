/* Whether a value is the start of an hour, day, week or month.
 *
 * Of instants that depends on the offset of the zone.  Two are known, those of the partition's ends; in a partition that holds a
 * change of clocks a start by either of them is taken, unless the grain is the partition's own: then there is one start only. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/sql/check_run.h"

enum { WEEK_S = 7 * BF_DAY_S, MONDAY_S = 4 * BF_DAY_S /* 1970-01-05 */ };

static bool put_wall_postgresql(const char *name, enum sql_grain grain, struct bf_buf *ret)
{
    bf_buf_printf(ret, "(%s = date_trunc('%s', %s))", name, sql_grain_word(grain), name);
    return true;
}

static bool put_wall_parts(struct check_run *x, const char *column, const char *name, enum sql_grain grain, bool date, struct bf_buf *ret)
{
    bool maria = x->dialect->dbms == CHECK_MARIADB;
    if (date) {
        bf_buf_put_str(ret, "(1 = 1");
    } else if (maria) {
        bf_buf_printf(ret, "(minute(%s) = 0 and second(%s) = 0 and microsecond(%s) = 0", name, name, name);
    } else {
        bf_buf_printf(ret, "(extract(minute from %s) = 0 and extract(second from %s) = 0", name, name);
    }
    if (!date && grain != SQL_GRAIN_HOUR)
        bf_buf_printf(ret, " and extract(hour from %s) = 0", name);
    if (grain == SQL_GRAIN_MONTH)
        bf_buf_printf(ret, " and extract(day from %s) = 1", name);
    if (grain == SQL_GRAIN_WEEK && maria)
        bf_buf_printf(ret, " and weekday(%s) = 0", name);
    bf_buf_put_str(ret, ")");
    if (grain == SQL_GRAIN_WEEK && !maria)
        return check_stop(x, "how this database finds the Monday of %s is not known here; use a check of the kind sql", column);
    return true;
}

static bool put_wall(struct check_run *x, const struct check_column *c, const char *name, enum sql_grain grain, struct bf_buf *ret)
{
    bool date = c->class == COLUMN_DATE;
    if (x->dialect->dbms == CHECK_POSTGRESQL && date && grain == SQL_GRAIN_HOUR) {
        bf_buf_put_str(ret, "(1 = 1)");
        return true;
    }
    if (x->dialect->dbms == CHECK_POSTGRESQL)
        return put_wall_postgresql(name, grain, ret);
    return put_wall_parts(x, c->name, name, grain, date, ret);
}

/* --- instants ---------------------------------------------------------------------------------------------------------- */

static void put_remainder(const struct check_run *x, const char *epoch, int64_t add, int64_t unit, struct bf_buf *ret)
{
    bf_buf_printf(ret, x->dialect->remainder, epoch, add, unit);
}

/* The starts of months from the one that holds b->start until b->end, as the wall clock's seconds. */
static void put_months(const char *epoch, int32_t offset_s, const struct sql_bounds *b, struct bf_buf *ret)
{
    struct bf_date d = {b->start.year, b->start.month, 1};
    bf_buf_printf(ret, "%s + %d in (", epoch, (int)offset_s);
    for (int i = 0; i < 240 && bf_days_from_date(d) <= bf_days_from_date(b->end); i++) {
        bf_buf_printf(ret, "%s%" PRId64, i ? ", " : "", (int64_t)bf_days_from_date(d) * BF_DAY_S);
        d = d.month == 12 ? (struct bf_date){d.year + 1, 1, 1} : (struct bf_date){d.year, (uint8_t)(d.month + 1), 1};
    }
    bf_buf_put_str(ret, ")");
}

static void put_epoch_on_grain(const struct check_run *x, const char *epoch, enum sql_grain grain, int32_t offset_s,
                               const struct sql_bounds *b, struct bf_buf *ret)
{
    switch (grain) {
    case SQL_GRAIN_HOUR:
        put_remainder(x, epoch, offset_s, BF_HOUR_S, ret);
        break;
    case SQL_GRAIN_WEEK:
        put_remainder(x, epoch, offset_s - MONDAY_S, WEEK_S, ret);
        break;
    case SQL_GRAIN_MONTH:
        put_months(epoch, offset_s, b, ret);
        break;
    case SQL_GRAIN_NONE:
    case SQL_GRAIN_DAY:
    case SQL_GRAIN_COUNT:
        put_remainder(x, epoch, offset_s, BF_DAY_S, ret);
        break;
    }
}

static bool put_instant(struct check_run *x, const char *column, const char *epoch, enum sql_grain grain, const struct sql_bounds *b,
                        struct bf_buf *ret)
{
    if (!b)
        return check_stop(x, "without a partition the zone is not known in which %s should stand at the start of a %s", column,
                          sql_grain_word(grain));
    /* A partition of the same grain has one start only, and it is known. */
    if (b->grain == grain) {
        bf_buf_printf(ret, "(%s = %" PRId64 ")", epoch, sql_instant_epoch(&b->start_at));
        return true;
    }
    bf_buf_put_str(ret, "(");
    put_epoch_on_grain(x, epoch, grain, b->start_at.offset_s, b, ret);
    if (b->end_at.offset_s != b->start_at.offset_s) {
        bf_buf_put_str(ret, " or ");
        put_epoch_on_grain(x, epoch, grain, b->end_at.offset_s, b, ret);
    }
    bf_buf_put_str(ret, ")");
    return true;
}

/* --- text -------------------------------------------------------------------------------------------------------------- */

/* What may stand behind the hour, at position 14 (position 11 is behind the date). */
#define NO_MINUTES "'', ':00', ':00:00', ':00:00.0', ':00:00.000', ':00:00.000000'"
#define NO_TIME "'', ' 00', 'T00', ' 00:00', 'T00:00', ' 00:00:00', 'T00:00:00', ' 00:00:00.0', 'T00:00:00.0', " \
                "' 00:00:00.000', 'T00:00:00.000', ' 00:00:00.000000', 'T00:00:00.000000'"

static void put_mondays(const char *v, const struct sql_bounds *b, struct bf_buf *ret)
{
    int32_t first = bf_days_from_date(b->start), last = bf_days_from_date(b->end);
    bf_buf_printf(ret, "substr(%s, 1, 10) in ('-'", v);
    for (int32_t day = first - 6; day < last && day < first + 800; day++) {
        struct bf_date d = bf_date_from_days(day);
        if (bf_floor_div(day - 4, 7) * 7 == day - 4)
            bf_buf_printf(ret, ", '%04d-%02d-%02d'", (int)d.year, (int)d.month, (int)d.day);
    }
    bf_buf_put_str(ret, ")");
}

static bool put_unzoned_text(struct check_run *x, const char *column, const char *v, enum sql_grain grain, const struct sql_bounds *b,
                             struct bf_buf *ret)
{
    if (grain == SQL_GRAIN_WEEK && !b)
        return check_stop(x, "without a partition the Mondays of %s, which is text, cannot be told", column);
    if (grain == SQL_GRAIN_HOUR)
        bf_buf_printf(ret, "(substr(%s, 11) in (" NO_TIME ") or (substr(%s, 11, 1) in (' ', 'T') and length(%s) >= 13 and "
                           "substr(%s, 14) in (" NO_MINUTES ")))", v, v, v, v);
    else
        bf_buf_printf(ret, "(substr(%s, 11) in (" NO_TIME ")", v);
    if (grain == SQL_GRAIN_DAY)
        bf_buf_printf(ret, " and length(%s) >= 10)", v);
    if (grain == SQL_GRAIN_MONTH)
        bf_buf_printf(ret, " and (length(%s) = 7 or substr(%s, 9, 2) = '01'))", v, v);
    if (grain == SQL_GRAIN_WEEK) {
        bf_buf_put_str(ret, " and ");
        put_mondays(v, b, ret);
        bf_buf_put_str(ret, ")");
    }
    return true;
}

static bool put_text(struct check_run *x, const char *column, const char *v, enum sql_grain grain, const struct sql_bounds *b,
                     struct bf_buf *ret)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf epoch = {0};
    bool zoned = false;
    if (!check_text_is_zoned(x, v, b, &zoned))
        return false;
    if (zoned && !b)
        return check_stop(x, "without a partition the zone is not known in which %s should stand at the start of a %s", column,
                          sql_grain_word(grain));
    bf_buf_put_str(ret, "case when ");
    if (zoned) {
        check_put_zoned_epoch(x, v, &epoch);
        check_put_zoned(v, ret);
        bf_buf_put_str(ret, " then case when ");
        if (!put_instant(x, column, bf_buf_cstr(&epoch), grain, b, ret))
            return false;
        bf_buf_put_str(ret, " and ");
        check_put_whole_second(x, v, ret);
        bf_buf_put_str(ret, " then 1 else 0 end when ");
    }
    if (!put_unzoned_text(x, column, v, grain, b, ret))
        return false;
    if (b && b->grain == grain) {
        bf_buf_printf(ret, " or %s = ", v);
        check_put_string(x, b->key, ret);
    }
    bf_buf_put_str(ret, " then 1 else 0 end = 1");
    return true;
}

/* --- by type ------------------------------------------------------------------------------------------------------------- */

bool check_put_on_grain(struct check_run *x, const struct check_column *c, enum sql_grain grain, const struct sql_bounds *b,
                        struct bf_buf *ret)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf name = {0}, epoch = {0};
    bf_buf_put_str(&name, "bf_t.");
    check_put_name(x, c->name, &name);
    const char *v = bf_buf_cstr(&name);
    switch (c->class) {
    case COLUMN_DATE:
    case COLUMN_WALL:
        return put_wall(x, c, v, grain, ret);
    case COLUMN_INSTANT:
        return check_put_epoch(x, c, &epoch) && put_instant(x, c->name, bf_buf_cstr(&epoch), grain, b, ret);
    case COLUMN_TEXT:
        return put_text(x, c->name, v, grain, b, ret);
    case COLUMN_NUMBER:
    case COLUMN_BOOLEAN:
    case COLUMN_OTHER:
        break;
    }
    return check_stop(x, "the column %s of %s is of the type %s, and only dates, times and text in ISO form have a grain", c->name,
                      x->check->table, *c->type ? c->type : "(none)");
}

bool check_put_epoch(struct check_run *x, const struct check_column *c, struct bf_buf *ret)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf name = {0};
    bf_buf_put_str(&name, "bf_t.");
    check_put_name(x, c->name, &name);
    const char *v = bf_buf_cstr(&name);
    if (c->class != COLUMN_DATE && c->class != COLUMN_WALL && c->class != COLUMN_INSTANT && c->class != COLUMN_TEXT)
        return check_stop(x, "the column %s of %s is of the type %s and no time", c->name, x->check->table, *c->type ? c->type : "(none)");
    switch (x->dialect->dbms) {
    case CHECK_POSTGRESQL:
        bf_buf_printf(ret, "cast(extract(epoch from cast(%s as timestamp with time zone)) as numeric)", v);
        return true;
    case CHECK_MARIADB:
        if (c->class == COLUMN_TEXT) {
            bf_buf_put_str(ret, "(case when ");
            check_put_zoned(v, ret);
            bf_buf_put_str(ret, " then ");
            check_put_zoned_epoch(x, v, ret);
            bf_buf_printf(ret, " else unix_timestamp(%s) end)", v);
        } else {
            bf_buf_printf(ret, "unix_timestamp(%s)", v);
        }
        return true;
    case CHECK_SQLITE:
        check_put_zoned_epoch(x, v, ret);
        return true;
    case CHECK_ANSI:
    case CHECK_DBMS_COUNT:
        break;
    }
    return check_stop(x, "how this database counts the seconds of %s is not known here; use a check of the kind sql", c->name);
}

/* Times kept as text: dates, times with a blank or a T between, with or without an offset, months as YYYY-MM, and the keys of
 * partitions.  A value with an offset is an instant; one without is what the wall clock of the plan's zone shows.
 *
 * The forms are told by LIKE, which reads the same everywhere. */
#include "agent/sql/check_run.h"

bool check_reads_zoned(const struct check_run *x)
{
    return x->dialect->reads_zoned;
}

static void put_any(const char *name, const char *const *patterns, size_t n, struct bf_buf *ret)
{
    for (size_t i = 0; i < n; i++)
        bf_buf_printf(ret, "%s%s like '%s'", i ? " or " : "(", name, patterns[i]);
    bf_buf_put_str(ret, ")");
}

/* Keys of hours have no minutes: 2024-01-31T05+01:00. */
static const char *const hour_keys[] = {"____-__-__T__+__:__", "____-__-__T__-__:__"};
/* As PostgreSQL shows whole hours. */
static const char *const short_offsets[] = {"%+__", "%:%-__"};

void check_put_zoned(const char *name, struct bf_buf *ret)
{
    static const char *const zoned[] = {"%Z", "%+__:__", "%-__:__", "%+__", "%:%-__"};
    put_any(name, zoned, sizeof zoned / sizeof *zoned, ret);
}

static void put_joined(const struct check_run *x, const char *a, const char *b, const char *c, struct bf_buf *ret)
{
    const struct check_dialect *d = x->dialect;
    bf_buf_printf(ret, "%s%s%s%s", d->concat_begin, a, d->concat_glue, b);
    if (c)
        bf_buf_printf(ret, "%s%s", d->concat_glue, c);
    bf_buf_put_str(ret, ")");
}

/* The value in the form YYYY-MM-DDTHH:MM…+HH:MM or …Z. */
static void put_full_form(const struct check_run *x, const char *name, struct bf_buf *ret)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf head = {0}, tail = {0};
    bf_buf_printf(&head, "substr(%s, 1, 13)", name);
    bf_buf_printf(&tail, "substr(%s, 14)", name);
    bf_buf_put_str(ret, "case when ");
    put_any(name, hour_keys, sizeof hour_keys / sizeof *hour_keys, ret);
    bf_buf_put_str(ret, " then ");
    put_joined(x, bf_buf_cstr(&head), "':00'", bf_buf_cstr(&tail), ret);
    bf_buf_put_str(ret, " when ");
    put_any(name, short_offsets, sizeof short_offsets / sizeof *short_offsets, ret);
    bf_buf_put_str(ret, " then ");
    put_joined(x, name, "':00'", NULL, ret);
    bf_buf_printf(ret, " else %s end", name);
}

void check_put_zoned_epoch(const struct check_run *x, const char *name, struct bf_buf *ret)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf full = {0};
    put_full_form(x, name, &full);
    const char *v = bf_buf_cstr(&full);
    switch (x->dialect->dbms) {
    case CHECK_POSTGRESQL:
        bf_buf_printf(ret, "cast(extract(epoch from cast(%s as timestamp with time zone)) as numeric)", v);
        break;
    case CHECK_MARIADB:
        bf_buf_printf(ret, "(timestampdiff(microsecond, '1970-01-01', convert_tz(replace(case when %s like '%%Z' then "
                           "left(%s, char_length(%s) - 1) else trim(left(%s, char_length(%s) - 6)) end, 'T', ' '), "
                           "case when %s like '%%Z' then '+00:00' else right(%s, 6) end, '+00:00')) / 1000000)", name, name, name, v, v,
                           name, v);
        break;
    case CHECK_SQLITE:
        bf_buf_printf(ret, "cast(strftime('%%s', %s) as integer)", v);
        break;
    case CHECK_ANSI:
    case CHECK_DBMS_COUNT:
        bf_buf_put_str(ret, "cast(null as integer)");
        break;
    }
}

void check_put_whole_second(const struct check_run *x, const char *name, struct bf_buf *ret)
{
    if (!x->dialect->whole_epochs) {
        bf_buf_put_str(ret, "1 = 1");          /* the epoch keeps fractions */
        return;
    }
    bf_buf_put_str(ret, "strftime('%f', ");
    put_full_form(x, name, ret);
    bf_buf_put_str(ret, ") like '%.000'");
}

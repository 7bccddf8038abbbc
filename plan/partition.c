/* Partitions as ordinals.  Every boundary comes from the calendar (common/civil.h), never from a division of seconds. */
#include "plan/partition.h"

#include <assert.h>
#include <string.h>

#include "common/civil.h"

static const char *const grain_names[] = {[PLAN_NONE] = "none", [PLAN_DAY] = "day", [PLAN_MONTH] = "month"};

const char *plan_grain_name(enum plan_grain g)
{
    assert((size_t)g < sizeof grain_names / sizeof *grain_names);
    return grain_names[g];
}

/* Months since 1970-01, for years before 1970 too. */
static int32_t month_of_date(struct bf_date d)
{
    return (d.year - 1970) * 12 + (int32_t)d.month - 1;
}

static struct bf_date date_of_month(int32_t ordinal)
{
    int32_t year = ordinal / 12, month = ordinal % 12;
    if (month < 0) {
        month += 12;
        year--;
    }
    return (struct bf_date){.year = 1970 + year, .month = (uint8_t)(month + 1), .day = 1};
}

static char *put_digits(char *p, uint32_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return p + width;
}

void plan_partition_key(enum plan_grain g, int32_t ordinal, char ret[PLAN_KEY_MAX])
{
    memset(ret, 0, PLAN_KEY_MAX);
    if (g == PLAN_NONE)
        return;
    struct bf_date d = g == PLAN_DAY ? bf_date_from_days(ordinal) : date_of_month(ordinal);
    char *p = put_digits(ret, (uint32_t)d.year, 4);
    *p++ = '-';
    p = put_digits(p, d.month, 2);
    if (g == PLAN_DAY) {
        *p++ = '-';
        put_digits(p, d.day, 2);
    }
}

bool plan_partition_parse(enum plan_grain g, const char *key, int32_t *ret_ordinal)
{
    struct bf_date d;
    switch (g) {
    case PLAN_NONE:
        if (*key)
            return false;
        *ret_ordinal = 0;
        return true;
    case PLAN_DAY:
        if (!bf_parse_date(key, &d))
            return false;
        *ret_ordinal = bf_days_from_date(d);
        return true;
    case PLAN_MONTH:
        if (!bf_parse_month(key, &d))
            return false;
        *ret_ordinal = month_of_date(d);
        return true;
    }
    return false;
}

void plan_partition_days(enum plan_grain g, int32_t ordinal, int32_t *ret_from, int32_t *ret_until)
{
    switch (g) {
    case PLAN_NONE:
        *ret_from = *ret_until = 0;
        return;
    case PLAN_DAY:
        *ret_from = ordinal;
        *ret_until = ordinal + 1;
        return;
    case PLAN_MONTH:
        *ret_from = bf_days_from_date(date_of_month(ordinal));
        *ret_until = bf_days_from_date(date_of_month(ordinal + 1));
        return;
    }
}

int32_t plan_partition_containing(enum plan_grain fine, int32_t ordinal, enum plan_grain coarse)
{
    if (coarse == PLAN_NONE)
        return 0;
    if (fine == coarse)
        return ordinal;
    assert(fine == PLAN_DAY && coarse == PLAN_MONTH);
    return month_of_date(bf_date_from_days(ordinal));
}

void plan_partition_contained(enum plan_grain coarse, int32_t ordinal, const struct plan_range *fine,
                              int32_t *ret_first, uint32_t *ret_n)
{
    if (coarse == PLAN_NONE) {
        *ret_first = fine->first;
        *ret_n = fine->n;
        return;
    }
    int32_t from = ordinal, until = ordinal + 1;
    if (fine->grain != coarse) {
        assert(coarse == PLAN_MONTH && fine->grain == PLAN_DAY);
        plan_partition_days(coarse, ordinal, &from, &until);
    }
    int64_t range_until = (int64_t)fine->first + fine->n;
    if (from < fine->first)
        from = fine->first;
    if (until > range_until)
        until = (int32_t)range_until;
    *ret_first = from < until ? from : fine->first;
    *ret_n = from < until ? (uint32_t)(until - from) : 0;
}

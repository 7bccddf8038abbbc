/* Labels by calendar arithmetic, and their words by ISO 8601. */
#include "plan/calendar.h"

#include <string.h>

#include "common/civil.h"

enum { MINUTE_S = 60, DAY_H = 24, WEEK_DAYS = 7, YEAR_MONTHS = 12, MONDAY = -3 };

static int32_t month_of_day(int32_t day)
{
    struct bf_date d = bf_date_from_days(day);
    return (d.year - 1970) * YEAR_MONTHS + d.month - 1;
}

static struct bf_date date_of_month(int32_t label)
{
    int32_t year = (int32_t)bf_floor_div(label, YEAR_MONTHS);
    return (struct bf_date){.year = 1970 + year, .month = (uint8_t)(label - year * YEAR_MONTHS + 1), .day = 1};
}

int32_t calendar_label_at(enum plan_grain g, int64_t local_s)
{
    if (g == PLAN_HOUR)
        return (int32_t)bf_floor_div(local_s, BF_HOUR_S);
    int32_t day = (int32_t)bf_floor_div(local_s, BF_DAY_S);
    switch (g) {
    case PLAN_WEEK: return (int32_t)bf_floor_div(day - MONDAY, WEEK_DAYS);
    case PLAN_MONTH: return month_of_day(day);
    default: return day;
    }
}

int32_t calendar_label_day(enum plan_grain g, int32_t label)
{
    switch (g) {
    case PLAN_HOUR: return (int32_t)bf_floor_div(label, DAY_H);
    case PLAN_WEEK: return label * WEEK_DAYS + MONDAY;
    case PLAN_MONTH: return bf_days_from_date(date_of_month(label));
    default: return label;
    }
}

int64_t calendar_label_start(enum plan_grain g, int32_t label)
{
    return g == PLAN_HOUR ? (int64_t)label * BF_HOUR_S : (int64_t)calendar_label_day(g, label) * BF_DAY_S;
}

/* --- written ----------------------------------------------------------------------------------------------------------- */

static char *put_digits(char *p, int32_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return p + width;
}

static char *put_part(char *p, char before, int32_t value)
{
    *p = before;
    return put_digits(p + 1, value, 2);
}

static char *put_offset(char *p, int32_t offset_s)
{
    int32_t size_s = offset_s < 0 ? -offset_s : offset_s;
    p = put_part(p, offset_s < 0 ? '-' : '+', size_s / BF_HOUR_S);
    p = put_part(p, ':', size_s / MINUTE_S % 60);
    return size_s % MINUTE_S ? put_part(p, ':', size_s % MINUTE_S) : p;
}

/* A week belongs to the year of its Thursday. */
static char *put_week(char *p, int32_t label)
{
    int32_t thursday = label * WEEK_DAYS, year = bf_date_from_days(thursday).year;
    int32_t week = (thursday - bf_days_from_date((struct bf_date){year, 1, 1})) / WEEK_DAYS + 1;
    p = put_digits(p, year, 4);
    *p++ = '-';
    return put_part(p, 'W', week);
}

void calendar_label_write(enum plan_grain g, int32_t label, int32_t offset_s, char ret[PLAN_KEY_MAX])
{
    memset(ret, 0, PLAN_KEY_MAX);
    if (g == PLAN_NONE)
        return;
    if (g == PLAN_WEEK) {
        put_week(ret, label);
        return;
    }
    int32_t day = calendar_label_day(g, label);
    struct bf_date d = bf_date_from_days(day);
    char *p = put_digits(ret, d.year, 4);
    p = put_part(p, '-', d.month);
    if (g != PLAN_MONTH)
        p = put_part(p, '-', d.day);
    if (g == PLAN_HOUR)
        put_offset(put_part(p, 'T', label - day * DAY_H), offset_s);
}

void calendar_offset_write(int32_t offset_s, char ret[CALENDAR_OFFSET_MAX])
{
    memset(ret, 0, CALENDAR_OFFSET_MAX);
    put_offset(ret, offset_s);
}

/* --- read -------------------------------------------------------------------------------------------------------------- */

static bool take(const char **s, char wanted)
{
    if (**s != wanted)
        return false;
    ++*s;
    return true;
}

static bool take_digits(const char **s, int width, int32_t max, int32_t *ret)
{
    int32_t value = 0;
    for (int i = 0; i < width; i++, ++*s) {
        if (**s < '0' || **s > '9')
            return false;
        value = value * 10 + (**s - '0');
    }
    *ret = value;
    return value <= max;
}

bool calendar_offset_take(const char **s, int32_t *ret_offset_s)
{
    int32_t h = 0, m = 0, sec = 0;
    if (take(s, 'Z')) {
        *ret_offset_s = 0;
        return true;
    }
    bool west = take(s, '-');
    if ((!west && !take(s, '+')) || !take_digits(s, 2, DAY_H + 2, &h))
        return false;
    bool colons = take(s, ':');
    if (!take_digits(s, 2, 59, &m) || (**s != '\0' && ((colons && !take(s, ':')) || !take_digits(s, 2, 59, &sec))))
        return false;
    *ret_offset_s = (h * BF_HOUR_S + m * MINUTE_S + sec) * (west ? -1 : 1);
    return true;
}

/* After the T: HH, HH:00 or HH:00:00, then an offset or nothing. */
static bool take_hour(const char **s, int32_t day, struct calendar_word *w)
{
    int32_t hour = 0, zero = 0;
    if (!take_digits(s, 2, DAY_H - 1, &hour))
        return false;
    for (int i = 0; i < 2 && take(s, ':'); i++)
        if (!take_digits(s, 2, 0, &zero))
            return false;
    w->grain = PLAN_HOUR;
    w->label = day * DAY_H + hour;
    w->has_offset = **s != '\0';
    return !w->has_offset || calendar_offset_take(s, &w->offset_s);
}

static bool take_week(const char **s, int32_t year, struct calendar_word *w)
{
    int32_t week = 0;
    if (!take_digits(s, 2, 53, &week) || week == 0)
        return false;
    /* 4 January is in the first week. */
    int64_t january_s = (int64_t)bf_days_from_date((struct bf_date){year, 1, 4}) * BF_DAY_S;
    w->grain = PLAN_WEEK;
    w->label = calendar_label_at(PLAN_WEEK, january_s) + week - 1;
    return bf_date_from_days(w->label * WEEK_DAYS).year == year;
}

static bool take_word(const char **s, struct calendar_word *w)
{
    int32_t year = 0, month = 0, day = 1;
    if (!take_digits(s, 4, 9999, &year) || year == 0 || !take(s, '-'))
        return false;
    if (take(s, 'W'))
        return take_week(s, year, w);
    if (!take_digits(s, 2, YEAR_MONTHS, &month))
        return false;
    bool has_day = take(s, '-');
    if (has_day && !take_digits(s, 2, 31, &day))
        return false;
    struct bf_date d = {.year = year, .month = (uint8_t)month, .day = (uint8_t)day};
    if (!bf_date_valid(d))
        return false;
    int32_t days = bf_days_from_date(d);
    if (has_day && take(s, 'T'))
        return take_hour(s, days, w);
    w->grain = has_day ? PLAN_DAY : PLAN_MONTH;
    w->label = has_day ? days : month_of_day(days);
    return true;
}

bool calendar_word_parse(const char *word, struct calendar_word *ret)
{
    struct calendar_word w = {.has_offset = false};
    if (!take_word(&word, &w) || *word != '\0')
        return false;
    *ret = w;
    return true;
}

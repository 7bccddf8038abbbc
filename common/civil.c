#include "common/civil.h"

#include <stddef.h>

/* Years begin in March, so that the leap day is the last one; eras are 400 years. */
enum { DAYS_PER_ERA = 146097, DAYS_TO_1970 = 719468 };

int32_t bf_days_from_date(struct bf_date d)
{
    int32_t y = d.year - (d.month <= 2);
    int32_t era = (y >= 0 ? y : y - 399) / 400;
    int32_t year_of_era = y - era * 400;
    int32_t month = d.month > 2 ? d.month - 3 : d.month + 9;
    int32_t day_of_year = (153 * month + 2) / 5 + d.day - 1;
    int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

struct bf_date bf_date_from_days(int32_t days)
{
    int64_t z = (int64_t)days + DAYS_TO_1970;
    int64_t era = (z >= 0 ? z : z - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int32_t day_of_era = (int32_t)(z - era * DAYS_PER_ERA);
    int32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int32_t month = (5 * day_of_year + 2) / 153;
    struct bf_date d = {
        .year = year_of_era + (int32_t)era * 400,
        .month = (uint8_t)(month < 10 ? month + 3 : month - 9),
        .day = (uint8_t)(day_of_year - (153 * month + 2) / 5 + 1),
    };
    d.year += d.month <= 2;
    return d;
}

static bool is_leap(int32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

uint8_t bf_days_in_month(int32_t year, uint8_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12)
        return 0;
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

bool bf_date_valid(struct bf_date d)
{
    return d.year >= 1 && d.year <= 9999 && d.day >= 1 && d.day <= bf_days_in_month(d.year, d.month);
}

int64_t bf_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* n digits at *s, moved past. */
static bool take_digits(const char **s, size_t n, int32_t *ret)
{
    int32_t v = 0;
    for (size_t i = 0; i < n; i++) {
        char c = (*s)[i];
        if (c < '0' || c > '9')
            return false;
        v = v * 10 + (c - '0');
    }
    *s += n;
    *ret = v;
    return true;
}

static bool take_dash(const char **s)
{
    if (**s != '-')
        return false;
    (*s)++;
    return true;
}

bool bf_parse_date(const char *s, struct bf_date *ret)
{
    int32_t year, month, day;
    if (!take_digits(&s, 4, &year) || !take_dash(&s) || !take_digits(&s, 2, &month) || !take_dash(&s) || !take_digits(&s, 2, &day) ||
        *s != '\0')
        return false;
    struct bf_date d = {.year = year, .month = (uint8_t)month, .day = (uint8_t)day};
    if (!bf_date_valid(d))
        return false;
    *ret = d;
    return true;
}

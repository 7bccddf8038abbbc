/* TZ strings: std offset [dst [offset] , start [/time] , end [/time]].  Offsets are written west of UTC and kept east of it. */
#include "plan/zone_rule.h"

#include "common/civil.h"

enum { MINUTE_S = 60, NAME_MIN = 3, OFFSET_MAX_H = 24, TIME_MAX_H = 167 };

struct cursor { const char *at, *end; };

static bool take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* One to three digits with a value of min to max. */
static bool take_number(struct cursor *c, int32_t min, int32_t max, int32_t *ret)
{
    int32_t value = 0, digits = 0;
    for (; c->at < c->end && is_digit(*c->at) && digits < 3; c->at++, digits++)
        value = value * 10 + (*c->at - '0');
    if (digits == 0 || (c->at < c->end && is_digit(*c->at)) || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

/* Letters, or letters, digits and signs in angle brackets.  The name itself is of no use here. */
static bool take_name(struct cursor *c)
{
    bool quoted = take(c, '<');
    const char *from = c->at;
    while (c->at < c->end && (is_letter(*c->at) || (quoted && (is_digit(*c->at) || *c->at == '+' || *c->at == '-'))))
        c->at++;
    return c->at - from >= NAME_MIN && (!quoted || take(c, '>'));
}

/* [+-]h[:mm[:ss]] */
static bool take_time(struct cursor *c, int32_t max_h, int32_t *ret_s)
{
    int32_t h = 0, m = 0, s = 0;
    bool negative = take(c, '-');
    if (!negative)
        (void)take(c, '+');
    if (!take_number(c, 0, max_h, &h))
        return false;
    if (take(c, ':') && (!take_number(c, 0, 59, &m) || (take(c, ':') && !take_number(c, 0, 59, &s))))
        return false;
    int32_t value = h * BF_HOUR_S + m * MINUTE_S + s;
    *ret_s = negative ? -value : value;
    return true;
}

static bool take_day(struct cursor *c, struct zone_rule_date *ret)
{
    if (take(c, 'J')) {
        ret->kind = ZONE_RULE_JULIAN;
        return take_number(c, 1, 365, &ret->day);
    }
    if (take(c, 'M')) {
        ret->kind = ZONE_RULE_WEEKDAY;
        return take_number(c, 1, 12, &ret->month) && take(c, '.') && take_number(c, 1, 5, &ret->week) && take(c, '.')
               && take_number(c, 0, 6, &ret->day);
    }
    ret->kind = ZONE_RULE_ORDINAL;
    return take_number(c, 0, 365, &ret->day);
}

static bool take_date(struct cursor *c, struct zone_rule_date *ret)
{
    ret->time_s = 2 * BF_HOUR_S;
    return take(c, ',') && take_day(c, ret) && (!take(c, '/') || take_time(c, TIME_MAX_H, &ret->time_s));
}

const char *zone_rule_parse(const char *s, size_t n, struct zone_rule *ret)
{
    struct cursor c = {s, s + n};
    struct zone_rule r = {.changes = false};
    int32_t west_s = 0;
    if (!take_name(&c) || !take_time(&c, OFFSET_MAX_H, &west_s))
        return "it does not begin with a name and an offset";
    r.standard_s = r.summer_s = -west_s;
    if (c.at < c.end) {
        if (!take_name(&c))
            return "the name of its summer time is malformed";
        r.summer_s = r.standard_s + BF_HOUR_S;
        if (c.at < c.end && *c.at != ',') {
            if (!take_time(&c, OFFSET_MAX_H, &west_s))
                return "the offset of its summer time is malformed";
            r.summer_s = -west_s;
        }
        if (!take_date(&c, &r.start) || !take_date(&c, &r.end))
            return "it does not say when summer time starts and ends";
        r.changes = r.summer_s != r.standard_s;
    }
    if (c.at < c.end)
        return "something follows its end";
    *ret = r;
    return NULL;
}

static int32_t day_of(const struct zone_rule_date *d, int32_t year)
{
    int32_t january = bf_days_from_date((struct bf_date){year, 1, 1});
    switch (d->kind) {
    case ZONE_RULE_JULIAN:
        return january + d->day - 1 + (d->day > 59 && bf_days_in_month(year, 2) == 29);
    case ZONE_RULE_ORDINAL:
        return january + d->day;
    case ZONE_RULE_WEEKDAY:
        break;
    }
    int32_t first = bf_days_from_date((struct bf_date){year, (uint8_t)d->month, 1});
    int32_t weekday = ((first + 4) % 7 + 7) % 7;            /* 1970-01-01 was a Thursday */
    int32_t day = (d->day - weekday + 7) % 7 + (d->week - 1) * 7;
    return first + (day < bf_days_in_month(year, (uint8_t)d->month) ? day : day - 7);
}

static int64_t local_of(const struct zone_rule_date *d, int32_t year)
{
    return (int64_t)day_of(d, year) * BF_DAY_S + d->time_s;
}

int64_t zone_rule_start(const struct zone_rule *r, int32_t year)
{
    return local_of(&r->start, year) - r->standard_s;
}

int64_t zone_rule_end(const struct zone_rule *r, int32_t year)
{
    return local_of(&r->end, year) - r->summer_s;
}

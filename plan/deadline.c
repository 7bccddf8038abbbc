/* A moment is read by its own clock first; the zone then says which instant that is, if any, or which two. */
#include "plan/deadline.h"

#include <stdio.h>
#include <string.h>

#include "common/civil.h"
#include "common/mem.h"
#include "plan/calendar.h"
#include "plan/read.h"

/* Two digits, 0..max; *s moves on. */
static bool two_digits(const char **s, int max, int *ret)
{
    const char *p = *s;
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return false;
    *ret = (p[0] - '0') * 10 + p[1] - '0';
    *s = p + 2;
    return *ret <= max;
}

bool plan_moment_parse(const char *s, struct plan_moment *ret)
{
    char day[11];
    struct bf_date date;
    struct plan_moment moment = {0};
    int hour, minute, second = 0;
    if (strnlen(s, sizeof day) < sizeof day || s[10] != 'T')
        return false;
    memcpy(day, s, 10);
    day[10] = '\0';
    s += 11;
    if (!bf_parse_date(day, &date) || !two_digits(&s, 23, &hour) || *s++ != ':' || !two_digits(&s, 59, &minute))
        return false;
    if (*s == ':') {
        s++;
        if (!two_digits(&s, 59, &second))
            return false;
    }
    moment.has_offset = *s != '\0';
    if (moment.has_offset && (!calendar_offset_take(&s, &moment.offset_s) || *s))
        return false;
    moment.local_s = (int64_t)bf_days_from_date(date) * BF_DAY_S + hour * BF_HOUR_S + minute * 60 + second;
    *ret = moment;
    return true;
}

enum { CLOCK_MAX = 32 };

static void put_clock(int64_t local_s, char ret[CLOCK_MAX])
{
    int64_t days = bf_floor_div(local_s, BF_DAY_S), s = local_s - days * BF_DAY_S;
    struct bf_date date = bf_date_from_days((int32_t)days);
    snprintf(ret, CLOCK_MAX, "%04d-%02u-%02uT%02d:%02d", (int)date.year, date.month, date.day, (int)(s / 3600), (int)(s / 60 % 60));
}

static void complain_gap(struct plan_compiler *c, const struct bf_yaml_node *n, int64_t local_s)
{
    char after[CLOCK_MAX];
    const struct zone *z = c->plan->zone;
    int64_t at = zone_first_at(z, local_s);
    put_clock(at + zone_span_at(z, at).offset_s, after);
    bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`deadline`: the clock of %s never shows %s: it is set forward to %s", zone_name(z),
                n->text, after);
    bf_diag_fix(c->d, "write `%s`", after);
}

static void complain_twice(struct plan_compiler *c, const struct bf_yaml_node *n, const int64_t at_s[2])
{
    char offsets[2][CALENDAR_OFFSET_MAX];
    const struct zone *z = c->plan->zone;
    for (size_t i = 0; i < 2; i++)
        calendar_offset_write(zone_span_at(z, at_s[i]).offset_s, offsets[i]);
    bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`deadline`: the clock of %s shows %s twice", zone_name(z), n->text);
    bf_diag_fix(c->d, "write the offset: `%s%s` or `%s%s`", n->text, offsets[0], n->text, offsets[1]);
}

void plan_deadline_read(struct plan_compiler *c, const struct bf_yaml_node *n, struct plan_deadline *ret)
{
    const char *text;
    char shown[PLAN_CLIP];
    struct plan_moment moment;
    int64_t at_s[2];
    if (!plan_read_text(c->d, n, "deadline", PLAN_TEXT_MAX, &text))
        return;
    if (!plan_moment_parse(text, &moment)) {
        struct bf_date date;
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`deadline` must be a date and time like `2024-06-01T06:00`, not `%s`",
                    plan_clip(text, shown));
        if (bf_parse_date(text, &date))
            bf_diag_fix(c->d, "write `%sT00:00`", text);
        return;
    }
    size_t n_at = 1;
    at_s[0] = moment.local_s - moment.offset_s;
    if (!moment.has_offset && c->plan->zone)
        n_at = zone_instants(c->plan->zone, moment.local_s, at_s);
    if (n_at == 0)
        complain_gap(c, n, moment.local_s);
    else if (n_at == 2)
        complain_twice(c, n, at_s);
    else
        *ret = (struct plan_deadline){.text = bf_xstrdup(text), .at_s = at_s[0]};
}

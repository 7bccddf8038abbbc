/* Reads the bounds of a partition.  They come from the coordinator; what is wrong in them is a defect, told by its key. */
#include "agent/sql/bounds.h"

#include <string.h>

static const char *const words[SQL_GRAIN_COUNT] = {
    [SQL_GRAIN_NONE] = "none", [SQL_GRAIN_HOUR] = "hour", [SQL_GRAIN_DAY] = "day", [SQL_GRAIN_WEEK] = "week", [SQL_GRAIN_MONTH] = "month"
};

bool sql_grain_find(const char *word, enum sql_grain *ret)
{
    for (int g = SQL_GRAIN_HOUR; g < SQL_GRAIN_COUNT; g++) {
        if (strcmp(words[g], word) == 0) {
            *ret = (enum sql_grain)g;
            return true;
        }
    }
    return false;
}

const char *sql_grain_word(enum sql_grain grain)
{
    return words[grain];
}

/* As the wall clock reads, without its offset. */
static int64_t wall(const struct sql_instant *i)
{
    return (int64_t)bf_days_from_date(i->date) * BF_DAY_S + i->second;
}

int64_t sql_instant_epoch(const struct sql_instant *i)
{
    return wall(i) - i->offset_s;
}

static int two_digits(const char *s)
{
    return (s[0] - '0') * 10 + (s[1] - '0');
}

static bool fits(const char *s, const char *form)
{
    if (strlen(s) != strlen(form))
        return false;
    for (size_t i = 0; form[i]; i++) {
        bool digit = s[i] >= '0' && s[i] <= '9';
        if (form[i] == 'd' ? !digit : s[i] != form[i] && !(form[i] == '+' && s[i] == '-'))
            return false;
    }
    return true;
}

/* "2024-01-31T00:00:00+01:00" */
static bool parse_instant(const char *s, struct sql_instant *ret)
{
    char day[11];
    struct sql_instant i = {0};
    if (!fits(s, "dddd-dd-ddTdd:dd:dd+dd:dd"))
        return false;
    memcpy(day, s, 10);
    day[10] = '\0';
    int hour = two_digits(s + 11), minute = two_digits(s + 14), second = two_digits(s + 17);
    int offset = two_digits(s + 20) * BF_HOUR_S + two_digits(s + 23) * 60;
    if (!bf_parse_date(day, &i.date) || hour > 23 || minute > 59 || second > 59 || offset >= BF_DAY_S)
        return false;
    i.second = hour * BF_HOUR_S + minute * 60 + second;
    i.offset_s = s[19] == '-' ? -offset : offset;
    *ret = i;
    return true;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

static enum bf_rc known_keys_only(const json_t *object, struct bf_error *err)
{
    static const char *const keys[] = {"grain", "key", "start", "end", "start_at", "end_at", "ambiguous"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        bool known = false;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            known = known || strcmp(keys[i], key) == 0;
        if (!known)
            return bf_fail(err, BF_UNSUPPORTED, "the key \"%.32s\" of the request's \"bounds\" is not supported yet", key);
    }
    return BF_OK;
}

enum bf_rc sql_bounds_parse(const json_t *object, struct sql_bounds *ret, struct bf_error *err)
{
    struct sql_bounds b = {0};
    if (!json_is_object(object))
        return bf_fail(err, BF_INVALID, "the request's \"bounds\" is no object");
    enum bf_rc rc = known_keys_only(object, err);
    if (rc != BF_OK)
        return rc;
    const char *key = text_of(object, "key");
    if (!sql_grain_find(text_of(object, "grain"), &b.grain) || strlen(key) == 0 || strlen(key) >= sizeof b.key)
        return bf_fail(err, BF_INVALID, "the request's \"bounds\" need a \"grain\" (hour, day, week, month) and a \"key\"");
    memcpy(b.key, key, strlen(key) + 1);
    if (!parse_instant(text_of(object, "start_at"), &b.start_at) || !parse_instant(text_of(object, "end_at"), &b.end_at)
        || sql_instant_epoch(&b.end_at) <= sql_instant_epoch(&b.start_at))
        return bf_fail(err, BF_INVALID, "the request's \"bounds\" need \"start_at\" and a later \"end_at\", "
                                        "written YYYY-MM-DDTHH:MM:SS+HH:MM");
    b.start = b.start_at.date;
    b.end = b.end_at.date;
    if (b.grain != SQL_GRAIN_HOUR && (!bf_parse_date(text_of(object, "start"), &b.start) || !bf_parse_date(text_of(object, "end"), &b.end)
                                      || bf_days_from_date(b.end) <= bf_days_from_date(b.start)))
        return bf_fail(err, BF_INVALID, "the request's \"bounds\" need \"start\" and a later \"end\", written YYYY-MM-DD");
    /* The first of two hours of one name ends where its name begins anew. */
    b.twice = json_is_true(json_object_get(object, "ambiguous"))
              || (b.grain == SQL_GRAIN_HOUR && wall(&b.end_at) <= wall(&b.start_at));
    *ret = b;
    return BF_OK;
}

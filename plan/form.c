/* Figures and forms: what single values look like, and the words that show it.  Pure. */
#include "plan/form.h"

#include <string.h>

#include "common/civil.h"
#include "common/mem.h"
#include "common/sql_limits.h"
#include "common/text.h"
#include "plan/deadline.h"
#include "plan/read.h"

/* ---- figures ---- */

/* A decimal number with up to `places` places, in units of the last of them; *end is behind it. */
static bool parse_decimal(const char *s, unsigned places, const char **end, int64_t *ret)
{
    int64_t value = 0;
    size_t digits = 0;
    for (; *s >= '0' && *s <= '9'; s++, digits++) {
        if (digits == 9)
            return false;
        value = value * 10 + (*s - '0');
    }
    if (digits == 0)
        return false;
    if (*s == '.') {
        s++;
        if (*s < '0' || *s > '9')
            return false;
        for (; *s >= '0' && *s <= '9'; s++, places--) {
            if (places == 0)
                return false;
            value = value * 10 + (*s - '0');
        }
    }
    for (; places > 0; places--)
        value *= 10;
    *end = s;
    *ret = value;
    return true;
}

bool plan_parse_number(const char *s, int64_t *ret_milli)
{
    const char *end;
    int64_t value;
    bool minus = *s == '-';
    if (!parse_decimal(s + minus, 3, &end, &value) || *end)
        return false;
    *ret_milli = minus ? -value : value;
    return true;
}

bool plan_parse_percent(const char *s, int64_t *ret_millionths)
{
    const char *end;
    int64_t value;
    if (!parse_decimal(s, 4, &end, &value) || strcmp(end, "%") != 0)
        return false;
    *ret_millionths = value;
    return true;
}

bool plan_parse_rate(const char *s, uint64_t *ret_bytes_per_s)
{
    size_t n = strlen(s);
    if (n < 3 || n > 40 || strcmp(s + n - 2, "/s") != 0)
        return false;
    BF_AUTO_FREE char *size = bf_xstrndup(s, n - 2);
    return bf_parse_size(size, ret_bytes_per_s);
}

/* ---- forms ---- */

static bool size_fits(const char *s)
{
    uint64_t bytes;
    return bf_parse_size(s, &bytes) && bytes > 0;
}

static bool rate_fits(const char *s)
{
    uint64_t rate;
    return plan_parse_rate(s, &rate) && rate > 0;
}

static bool frequency_fits(const char *s)
{
    const char *end;
    int64_t n;
    return parse_decimal(s, 3, &end, &n) && n > 0 && (strcmp(end, "/s") == 0 || strcmp(end, "/m") == 0 || strcmp(end, "/h") == 0);
}

static bool clock_fits(const char *s)
{
    if (strlen(s) != 5 || s[2] != ':' || strspn(s, "0123456789") != 2 || strspn(s + 3, "0123456789") != 2)
        return false;
    int hour = (s[0] - '0') * 10 + s[1] - '0', minute = (s[3] - '0') * 10 + s[4] - '0';
    return (hour < 24 && minute < 60) || strcmp(s, "24:00") == 0;
}

static bool dates_fit(const char *s)
{
    struct bf_date first, last;
    const char *dots = strstr(s, "..");
    if (!dots)
        return bf_parse_date(s, &first);
    BF_AUTO_FREE char *from = bf_xstrndup(s, (size_t)(dots - s));
    return bf_parse_date(from, &first) && bf_parse_date(dots + 2, &last) && bf_days_from_date(first) <= bf_days_from_date(last);
}

static bool is_weekday(const char *s)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    for (size_t i = 0; i < sizeof days / sizeof *days; i++)
        if (strncmp(s, days[i], 3) == 0)
            return true;
    return false;
}

static bool weekdays_fit(const char *s)
{
    for (;; s++) {
        if (!is_weekday(s))
            return false;
        s += 3;
        if (*s == '-') {
            if (!is_weekday(s + 1))
                return false;
            s += 4;
        }
        if (*s != ',')
            return *s == '\0';
    }
}

static bool moment_fits(const char *s)
{
    struct plan_moment moment;
    return plan_moment_parse(s, &moment);
}

static bool secret_fits(const char *s)
{
    size_t n = strlen(s);
    return n > 10 && n <= PLAN_NAME_MAX && strncmp(s, "${secret:", 9) == 0 && s[n - 1] == '}' && strspn(s + 9,
            "abcdefghijklmnopqrstuvwxyz"
           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") == n - 10 && !strstr(s, "..") && s[9] != '/';
}

static bool url_fits(const char *s)
{
    size_t scheme = strncmp(s, "https://", 8) == 0 ? 8 : strncmp(s, "http://", 7) == 0 ? 7 : 0;
    return scheme > 0 && s[scheme] && s[scheme] != '/' && !strpbrk(s, "\t\r\n");
}

static bool status_fits(const char *s)
{
    return strlen(s) == 3 && s[0] >= '1' && s[0] <= '5' &&
           (strcmp(s + 1, "xx") == 0 || (s[1] >= '0' && s[1] <= '9' && s[2] >= '0' && s[2] <= '9'));
}

static bool variable_fits(const char *s)
{
    return plan_identifier_valid(s, strlen(s)) && strlen(s) <= PLAN_NAME_MAX && strncmp(s, "BF_", 3) != 0;
}

/* A token of RFC 9110; the length and the connection are the client's own. */
static bool header_fits(const char *s)
{
    static const char *const ours[] = {"content-length", "transfer-encoding", "connection", "host", NULL};
    for (size_t i = 0; ours[i]; i++)
        if (strcasecmp(s, ours[i]) == 0)
            return false;
    size_t n = strlen(s);
    return n > 0 && n <= PLAN_NAME_MAX && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~") == n;
}

static bool pointer_fits(const char *s)
{
    for (const char *p = s; *p; p++)
        if ((*p == '~' && p[1] != '0' && p[1] != '1') || (unsigned char)*p < 0x20)
            return false;
    return *s == '\0' || *s == '/';
}

static bool table_fits(const char *s)
{
    return strlen(s) <= SQL_TABLE_MAX_BYTES && plan_table_valid(s);
}

/* NAME or SCHEMA.NAME. */
static bool fence_fits(const char *s)
{
    const char *dot = strchr(s, '.'), *name = dot ? dot + 1 : s;
    return strlen(s) <= PLAN_NAME_MAX && plan_identifier_valid(name, strlen(name)) && (!dot || plan_identifier_valid(s, (size_t)(dot - s)));
}

/* A type is more than the words that may follow it. */
static bool column_type_fits(const char *s)
{
    size_t n = 0, blanks = strspn(s, " ");
    for (; s[n]; n++)
        if ((unsigned char)s[n] < 0x20 || s[n] == ';' || s[n] == 0x7f)
            return false;
    s += blanks;
    return n > blanks && n <= SQL_TYPE_MAX_BYTES && strncasecmp(s, "not null", 8) != 0 && strncasecmp(s, "null", 5) != 0;
}

static bool anything(const char *s)
{
    (void)s;
    return true;
}

static const struct plan_form forms[] = {
    [PLAN_VALUE_SIZE] = {size_fits, "a size like `512Mi` or `4G`"},
    [PLAN_VALUE_RATE] = {rate_fits, "a rate like `400Mi/s`"},
    [PLAN_VALUE_FREQUENCY] = {frequency_fits, "a rate like `5/s`, `30/m` or `100/h`"},
    [PLAN_VALUE_CLOCK] = {clock_fits, "a time of day like `\"08:00\"`"},
    [PLAN_VALUE_DATES] = {dates_fit, "a date, or two in order like `2024-12-30..2025-01-02`"},
    [PLAN_VALUE_WEEKDAYS] = {weekdays_fit, "weekdays like `mon-fri` or `\"sat,sun\"`"},
    [PLAN_VALUE_MOMENT] = {moment_fits, "a date and time like `2024-06-01T06:00`"},
    [PLAN_VALUE_SECRET] = {secret_fits, "a reference like `\"${secret:fx/api_key}\"`"},
    [PLAN_VALUE_URL] = {url_fits, "an address that begins with `https://` or `http://`"},
    [PLAN_VALUE_STATUS] = {status_fits, "a status like `2xx` or `204`"},
    [PLAN_VALUE_VARIABLE] = {variable_fits, "the name of an environment variable, not one that begins with `BF_`"},
    [PLAN_VALUE_HEADER] = {header_fits, "the name of a header, and none of `Host`, `Connection`, `Content-Length` and `Transfer-Encoding`"},
    [PLAN_VALUE_POINTER] = {pointer_fits, "a JSON pointer like `/state` or `/jobs/0/state`"},
    [PLAN_VALUE_TABLE] = {table_fits, "the name of a table like `revenue` or `mart.revenue`"},
    [PLAN_VALUE_FENCE] = {fence_fits, "a name like `bf_fence` or `ops.bf_fence`, of letters, digits and `_`"},
    [PLAN_VALUE_COLUMN_TYPE] = {column_type_fits, "a type like `bigint` or `bigint not null`"},
    [PLAN_VALUE_SCALAR] = {anything, "a single value"},
};

const struct plan_form *plan_form_of(enum plan_value value)
{
    return (size_t)value < sizeof forms / sizeof *forms && forms[value].fits ? &forms[value] : NULL;
}

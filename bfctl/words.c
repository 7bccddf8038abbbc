/* Reading the words of the command line that are more than text. */
#include "bfctl/words.h"

#include <assert.h>
#include <string.h>

#include "bfctl/ctl.h"
#include "common/civil.h"
#include "common/mem.h"
#include "common/text.h"
#include "plan/selector.h"

/* What is typed fits into a request, and what a request holds can be picked. */
static_assert(OP_SELECTORS_MAX == PLAN_SELECTORS_MAX && CTL_WORDS_MAX == OP_SELECTORS_MAX + 2, "an id, a class and the selectors");

enum bf_rc words_backfill(const char *word, uint32_t *ret, struct bf_error *err)
{
    if (strcmp(word, "@latest") == 0) {
        *ret = OP_LATEST;
        return BF_OK;
    }
    const char *digits = strncmp(word, "bf-", 3) == 0 ? word + 3 : word;
    int64_t n;
    if (!bf_parse_int(digits, 1, UINT32_MAX, &n))
        return bf_fail(err, BF_USAGE, "'%.60s' is no backfill: give an id such as bf-3, or @latest", word);
    *ret = (uint32_t)n;
    return BF_OK;
}

enum bf_rc words_selectors(const char *const *words, size_t n, struct op_request *req, struct bf_error *err)
{
    if (n > OP_SELECTORS_MAX)
        return bf_fail(err, BF_USAGE, "%zu selectors are given; at most %u are taken", n, OP_SELECTORS_MAX);
    for (size_t i = 0; i < n; i++) {
        enum bf_rc rc = plan_selector_check(words[i], err);
        if (rc != BF_OK)
            return rc;
    }
    req->selectors = words;
    req->n_selectors = n;
    return BF_OK;
}

enum bf_rc words_priority(const char *word, enum op_priority *ret, struct bf_error *err)
{
    static const char *const names[] = {"critical", "high", "normal", "low"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(word, names[i]) == 0) {
            *ret = (enum op_priority)(OP_CRITICAL + i);
            return BF_OK;
        }
    const char *near = bf_nearest(word, names, sizeof names / sizeof *names);
    return bf_fail(err, BF_USAGE, "'%.60s' is no priority class: write critical, high, normal or low%s%s%s", word,
                   near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

enum bf_rc words_attempt(const char *word, uint64_t *ret, struct bf_error *err)
{
    if (!word) {
        *ret = 0;
        return BF_OK;
    }
    int64_t n;
    if (!bf_parse_int(strncmp(word, "a-", 2) == 0 ? word + 2 : word, 1, INT64_MAX, &n))
        return bf_fail(err, BF_USAGE, "'%.60s' is no attempt: give an id such as a-12", word);
    *ret = (uint64_t)n;
    return BF_OK;
}

enum bf_rc words_duration(const char *option, const char *word, int64_t preset_ms, int64_t *ret_ms, struct bf_error *err)
{
    int64_t ms = preset_ms;
    if (word && (!bf_parse_duration(word, &ms) || ms < 1))
        return bf_fail(err, BF_USAGE, "--%s '%.60s' is no time: write a number and a unit, as in 30s or 5m", option, word);
    *ret_ms = ms;
    return BF_OK;
}

/* ---- moments ---- */

/* Two digits within [0, max] at *at, which moves behind them. */
static bool take_two(const char **at, int max, int *ret)
{
    const char *s = *at;
    if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
        return false;
    *ret = (s[0] - '0') * 10 + (s[1] - '0');
    *at = s + 2;
    return *ret <= max;
}

/* "06:00", "06:00:00", "06:00:00.25": microseconds of the day. */
static bool take_clock(const char **at, int64_t *ret_us)
{
    int hour, minute, second = 0;
    int64_t us = 0;
    if (!take_two(at, 23, &hour) || *(*at)++ != ':' || !take_two(at, 59, &minute))
        return false;
    if (**at == ':') {
        ++*at;
        if (!take_two(at, 59, &second))
            return false;
        if (**at == '.') {
            const char *digits = ++*at;
            for (int64_t unit = 100000; **at >= '0' && **at <= '9'; ++*at, unit /= 10)
                us += (**at - '0') * unit;
            if (*at == digits)
                return false;
        }
    }
    *ret_us = (((int64_t)hour * 60 + minute) * 60 + second) * 1000000 + us;
    return true;
}

/* "", "Z", "+01:00", "-0530": microseconds east of UTC. */
static bool take_zone(const char **at, int64_t *ret_us)
{
    *ret_us = 0;
    if (**at == 'Z' || **at == 'z') {
        ++*at;
        return true;
    }
    if (**at != '+' && **at != '-')
        return true;
    int sign = *(*at)++ == '-' ? -1 : 1, hours, minutes = 0;
    if (!take_two(at, 23, &hours))
        return false;
    *at += **at == ':';
    if (**at && !take_two(at, 59, &minutes))
        return false;
    *ret_us = sign * ((int64_t)hours * 60 + minutes) * 60 * 1000000;
    return true;
}

static bool parse_moment(const char *word, enum words_edge edge, int64_t *ret_us)
{
    char day[11];
    struct bf_date date;
    int64_t clock_us = 0, east_us = 0;
    if (strlen(word) < 10)
        return false;
    memcpy(day, word, 10);
    day[10] = '\0';
    if (!bf_parse_date(day, &date))
        return false;
    const char *at = word + 10;
    bool whole_day = *at != 'T' && *at != 't' && *at != ' ';
    if (!whole_day) {
        at++;
        if (!take_clock(&at, &clock_us))
            return false;
    }
    if (!take_zone(&at, &east_us) || *at)
        return false;
    int64_t days = bf_days_from_date(date) + (whole_day && edge == WORDS_UNTIL);
    *ret_us = days * BF_DAY_S * 1000000 + clock_us - east_us;
    return true;
}

enum bf_rc words_time(const char *option, const char *word, enum words_edge edge, int64_t now_us, int64_t *ret_us, struct bf_error *err)
{
    int64_t ms, us;
    if (strcmp(word, "now") == 0)
        us = now_us;
    else if (bf_parse_duration(word, &ms))
        us = now_us - ms * 1000;
    else if (!parse_moment(word, edge, &us))
        return bf_fail(err, BF_USAGE, "--%s '%.60s' is no time: write how long ago (2h, 1d), a day (2024-01-31), or a day and a time "
                       "(2024-01-31T06:00:00Z)", option, word);
    *ret_us = us > 0 ? us : 1;                   /* 0 is an open end, and nothing is older */
    return BF_OK;
}

enum bf_rc words_times(const char *since, const char *until, int64_t now_us, int64_t *ret_since_us, int64_t *ret_until_us,
                       struct bf_error *err)
{
    int64_t since_us = 0, until_us = 0;
    enum bf_rc rc = BF_OK;
    if (since)
        rc = words_time("since", since, WORDS_SINCE, now_us, &since_us, err);
    if (rc == BF_OK && until)
        rc = words_time("until", until, WORDS_UNTIL, now_us, &until_us, err);
    if (rc == BF_OK && since && until && since_us >= until_us)
        rc = bf_fail(err, BF_USAGE, "--since %.60s is not before --until %.60s: nothing lies between them", since, until);
    if (rc != BF_OK)
        return rc;
    *ret_since_us = since_us;
    *ret_until_us = until_us;
    return BF_OK;
}

/* ---- numbers ---- */

enum bf_rc words_number(const char *option, const char *word, int64_t preset, int64_t min, int64_t max, int64_t *ret,
                        struct bf_error *err)
{
    int64_t n = preset;
    if (word && !bf_parse_int(word, min, max, &n))
        return bf_fail(err, BF_USAGE, "--%s '%.60s' is no number from %lld to %lld", option, word, (long long)min,
                       (long long)max);
    *ret = n;
    return BF_OK;
}

enum bf_rc words_params(const struct bf_option_list *list, struct op_param *params, size_t *ret_n, char **ret_memory,
                        struct bf_error *err)
{
    size_t total = 1;
    for (size_t i = 0; i < list->n; i++)
        total += strlen(list->at[i]) + 1;
    BF_AUTO_FREE char *memory = bf_xmalloc(total);
    char *next = memory;
    for (size_t i = 0; i < list->n; i++) {
        const char *equals = strchr(list->at[i], '=');
        if (!equals || equals == list->at[i])
            return bf_fail(err, BF_USAGE, "--param '%.60s' is not of the form name=value", list->at[i]);
        size_t n = (size_t)(equals - list->at[i]);
        memcpy(next, list->at[i], n);
        next[n] = '\0';
        for (size_t k = 0; k < i; k++)
            if (strcmp(params[k].name, next) == 0)
                return bf_fail(err, BF_USAGE, "--param %s is given twice", next);
        params[i] = (struct op_param){.name = next, .value = equals + 1};
        next += n + 1;
    }
    *ret_n = list->n;
    *ret_memory = BF_TAKE(memory);
    return BF_OK;
}

/* Words of people: durations, sizes, numbers, times, hex, UTF-8 and near matches. */
#include "common/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/civil.h"

static const int64_t duration_max_ms = INT64_C(10000) * 86400 * 1000;

struct unit { const char *name; uint64_t factor; };

/* The longest name stands first where one begins another. */
static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 86400 * 1000},
};
static const struct unit size_units[] = {
    {"Ki", UINT64_C(1) << 10}, {"Mi", UINT64_C(1) << 20}, {"Gi", UINT64_C(1) << 30}, {"Ti", UINT64_C(1) << 40},
    {"Pi", UINT64_C(1) << 50}, {"Ei", UINT64_C(1) << 60},
    {"K", 1000}, {"M", 1000000}, {"G", 1000000000}, {"T", UINT64_C(1000000000000)}, {"P", UINT64_C(1000000000000000)},
    {"E", UINT64_C(1000000000000000000)},
};

/* Digits at *s, moved past; false when there are none or they overflow. */
static bool take_number(const char **s, uint64_t *ret)
{
    const char *p = *s;
    uint64_t v = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return false;
    if (p == *s)
        return false;
    *s = p;
    *ret = v;
    return true;
}

static const struct unit *take_unit(const char **s, const struct unit *units, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(units[i].name);
        if (strncmp(*s, units[i].name, len) == 0) {
            *s += len;
            return &units[i];
        }
    }
    return NULL;
}

bool bf_parse_duration(const char *s, int64_t *ret_ms)
{
    if (strcmp(s, "0") == 0) {
        *ret_ms = 0;
        return true;
    }
    if (*s == '\0')
        return false;
    uint64_t total = 0, last_factor = UINT64_MAX;
    while (*s) {
        uint64_t v = 0;
        if (!take_number(&s, &v))
            return false;
        const struct unit *u = take_unit(&s, time_units, sizeof time_units / sizeof *time_units);
        /* Units fall: "1h30m", never "30m1h" or "1h1h", which are slips. */
        if (!u || u->factor >= last_factor)
            return false;
        last_factor = u->factor;
        if (__builtin_mul_overflow(v, u->factor, &v) || __builtin_add_overflow(total, v, &total) ||
            total > (uint64_t)duration_max_ms)
            return false;
    }
    *ret_ms = (int64_t)total;
    return true;
}

bool bf_parse_size(const char *s, uint64_t *ret_bytes)
{
    uint64_t v = 0;
    if (!take_number(&s, &v))
        return false;
    if (*s) {
        const struct unit *u = take_unit(&s, size_units, sizeof size_units / sizeof *size_units);
        if (!u || *s || __builtin_mul_overflow(v, u->factor, &v))
            return false;
    }
    *ret_bytes = v;
    return true;
}

bool bf_parse_int(const char *s, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = *s == '-';
    s += negative;
    uint64_t v = 0;
    if (!take_number(&s, &v) || *s)
        return false;
    if (v > (uint64_t)INT64_MAX + negative)
        return false;
    int64_t value = negative ? (int64_t)(0 - v) : (int64_t)v;
    if (value < min || value > max)
        return false;
    *ret = value;
    return true;
}

void bf_format_duration(int64_t ms, char *ret, size_t ret_size)
{
    const char *sign = ms < 0 ? "-" : "";
    uint64_t v = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    /* Two units at most: the second is a remainder, and is left out when zero. */
    static const struct { uint64_t factor, lower; const char *name, *lower_name; } steps[] = {
        {86400000, 3600000, "d", "h"}, {3600000, 60000, "h", "m"}, {60000, 1000, "m", "s"},
    };
    int n = -1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && n < 0; i++) {
        if (v < steps[i].factor)
            continue;
        unsigned long long whole = v / steps[i].factor, part = v % steps[i].factor / steps[i].lower;
        n = part ? snprintf(ret, ret_size, "%s%llu%s %llu%s", sign, whole, steps[i].name, part, steps[i].lower_name)
                 : snprintf(ret, ret_size, "%s%llu%s", sign, whole, steps[i].name);
    }
    if (n < 0 && v >= 1000) {
        unsigned long long whole = v / 1000, tenths = v % 1000 / 100;
        n = tenths ? snprintf(ret, ret_size, "%s%llu.%llus", sign, whole, tenths)
                   : snprintf(ret, ret_size, "%s%llus", sign, whole);
    } else if (n < 0) {
        n = v ? snprintf(ret, ret_size, "%s%llums", sign, (unsigned long long)v) : snprintf(ret, ret_size, "0s");
    }
    assert(n > 0);
}

void bf_format_size(uint64_t bytes, char *ret, size_t ret_size)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        snprintf(ret, ret_size, "%llu B", (unsigned long long)bytes);
        return;
    }
    unsigned shift = 10;
    size_t i = 0;
    while (shift < 60 && bytes >> shift >= 1024) {
        shift += 10;
        i++;
    }
    unsigned long long whole = bytes >> shift;
    unsigned long long tenths = ((bytes >> (shift - 10)) & 1023) * 10 / 1024;
    if (tenths)
        snprintf(ret, ret_size, "%llu.%llu %s", whole, tenths, names[i]);
    else
        snprintf(ret, ret_size, "%llu %s", whole, names[i]);
}

/* The last n digits of v. */
static void put_digits(char *at, size_t n, uint32_t v)
{
    for (; n-- > 0; v /= 10)
        at[n] = (char)('0' + v % 10);
}

/* Written for each record of the audit trail and each line of a log, so without printf. */
void bf_format_time(int64_t realtime_us, char ret[BF_TIME_MAX])
{
    const int64_t day_us = INT64_C(1000000) * BF_DAY_S;
    int64_t days = bf_floor_div(realtime_us, day_us), rest = realtime_us % day_us + (realtime_us % day_us < 0 ? day_us : 0);
    struct bf_date d = bf_date_from_days((int32_t)days);
    uint32_t s = (uint32_t)(rest / 1000000);
    char clock[] = "-00-00T00:00:00.000000Z";
    put_digits(clock + 1, 2, d.month);
    put_digits(clock + 4, 2, d.day);
    put_digits(clock + 7, 2, s / 3600);
    put_digits(clock + 10, 2, s / 60 % 60);
    put_digits(clock + 13, 2, s % 60);
    put_digits(clock + 16, 6, (uint32_t)(rest % 1000000));
    if (d.year >= 0 && d.year <= 9999) {
        put_digits(ret, 4, (uint32_t)d.year);
        memcpy(ret + 4, clock, sizeof clock);
    } else {
        snprintf(ret, BF_TIME_MAX, "%04d%s", (int)d.year, clock);
    }
}

void bf_hex(const void *p, size_t n, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = p;
    for (size_t i = 0; i < n; i++) {
        *ret++ = digits[at[i] >> 4];
        *ret++ = digits[at[i] & 15];
    }
    *ret = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool bf_unhex(const char *s, void *ret, size_t n)
{
    if (strnlen(s, 2 * n + 1) != 2 * n)
        return false;
    for (size_t i = 0; i < 2 * n; i++)
        if (hex_digit(s[i]) < 0)
            return false;
    uint8_t *to = ret;
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(hex_digit(s[2 * i]) << 4 | hex_digit(s[2 * i + 1]));
    return true;
}

/* Bytes of the sequence that begins at p, 0 when it is malformed.  Table 3-7 of the Unicode standard. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
    uint8_t c = p[0];
    if (c < 0x80)
        return c != 0;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || left < n)
        return 0;
    uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

size_t bf_utf8_cut(const char *s, size_t max)
{
    size_t n = 0;
    while (n < max) {
        size_t len = utf8_sequence((const uint8_t *)s + n, max - n);
        if (len == 0)
            break;
        n += len;
    }
    return n;
}

size_t bf_bytes_cut(const uint8_t *p, size_t n, size_t max)
{
    if (n <= max)
        return n;
    size_t at = max;
    for (int i = 0; i < 3 && at > 0 && (p[at] & 0xc0) == 0x80; i++)
        at--;
    return (p[at] & 0xc0) == 0xc0 ? at : max;    /* bytes without a beginning are no sign */
}

/* Are these eight bytes ASCII without a NUL?  (x - 1) & ~x has a byte's high bit when the byte is 0. */
static bool eight_ascii(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return ((x | ((x - UINT64_C(0x0101010101010101)) & ~x)) & UINT64_C(0x8080808080808080)) == 0;
}

/* Nearly all text is ASCII.  n bytes are there, which bf_utf8_cut() does not know. */
bool bf_utf8_valid(const void *p, size_t n)
{
    const uint8_t *at = p, *end = at + n;
    while (at < end) {
        size_t len = end - at >= 8 && eight_ascii(at) ? 8 : *at - 1u < 0x7f ? 1 : utf8_sequence(at, (size_t)(end - at));
        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

enum { NEAREST_MAX = 63 };

/* Edit distance with adjacent swaps (optimal string alignment), both at most NEAREST_MAX long. */
static size_t edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t rows[3][NEAREST_MAX + 1];
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *now = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && above2[j - 2] + 1 < best)
                best = above2[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[na % 3][nb];
}

/* ASCII letters in lower case, cut behind NEAREST_MAX + 1.  Returns the length. */
static size_t fold(const char *s, char ret[NEAREST_MAX + 1])
{
    size_t n = 0;
    for (; n <= NEAREST_MAX && s[n]; n++)
        ret[n] = (char)(s[n] >= 'A' && s[n] <= 'Z' ? s[n] - 'A' + 'a' : s[n]);
    return n;
}

const char *bf_nearest(const char *word, const char *const *candidates, size_t n)
{
    char folded[NEAREST_MAX + 1], candidate[NEAREST_MAX + 1];
    size_t len = fold(word, folded);
    const char *nearest = NULL;
    size_t limit = 1 + len / 4;
    for (size_t i = 0; i < n; i++) {
        if (strcasecmp(word, candidates[i]) == 0 && *word)
            return candidates[i];
        size_t candidate_len = fold(candidates[i], candidate);
        if (len > NEAREST_MAX || candidate_len > NEAREST_MAX)
            continue;
        size_t d = edit_distance(folded, len, candidate, candidate_len);
        if (d <= limit && d < len) { /* at least one letter is kept */
            nearest = candidates[i];
            limit = d - 1; /* ties go to the first */
        }
    }
    return nearest;
}

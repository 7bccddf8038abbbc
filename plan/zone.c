/* TZif files as a list of cuts: instants at which the offset becomes another one.
 *
 * The rule in a file's footer is written out for one period of the Gregorian calendar, 400 years, which is a whole number of weeks;
 * later instants are moved back by whole periods.  So every question is a binary search, for the year 9999 as for 1970.
 *
 * Bytes are hostile: each count is checked against what is left before anything is read or allocated.  Changes of less than an hour
 * after one another are refused; no clock was ever set so, and an hour with two changes could not be named by its offset. */
#include "plan/zone.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/civil.h"
#include "common/vec.h"
#include "plan/zone_rule.h"

#define PERIOD_S (INT64_C(146097) * BF_DAY_S)
enum { PERIOD_YEARS = 400, YEAR_MIN = 0, YEAR_MAX = 9999 };
enum { HEADER_BYTES = 44, TYPE_BYTES = 6, OFFSET_MIN_S = -89999, OFFSET_MAX_S = 93599 };   /* RFC 9636, 3.2: utoff */

struct cut { int64_t from_s; int32_t offset_s; };
struct cuts { struct cut *at; size_t n, cap; };              /* see common/vec.h */

struct zone {
    char name[ZONE_NAME_MAX + 1];
    struct cuts cuts;                        /* ascending, the first at INT64_MIN, neighbours differ in offset */
    size_t cycle;                            /* cuts from here on are one period, which comes again and again; cuts.n: none */
    int32_t offset_min_s, offset_max_s;
};

struct reader { const char *name; const uint8_t *at; size_t left; struct bf_error *err; };

struct header {
    char version;
    uint32_t n_ut, n_standard, n_leap, n_times, n_types, n_chars;
    unsigned time_bytes;                     /* 4 in the first block, 8 in the second */
};

static bool refuse(const struct reader *r, const char *what)
{
    bf_fail(r->err, BF_INVALID, "time zone %s: %s; reinstall the zone database (tzdata)", r->name, what);
    return false;
}

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

static uint64_t big_endian(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

static int64_t time_at(const uint8_t *p, unsigned bytes)
{
    uint64_t v = big_endian(p, bytes);
    return bytes == 4 ? (int32_t)(uint32_t)v : (int64_t)v;
}

/* --- the file ---------------------------------------------------------------------------------------------------------- */

static bool read_header(struct reader *r, unsigned time_bytes, struct header *ret)
{
    if (r->left < HEADER_BYTES)
        return refuse(r, "the file is cut off in a header");
    if (memcmp(r->at, "TZif", 4) != 0)
        return refuse(r, "the file does not begin as a TZif file does");
    *ret = (struct header){.version = (char)r->at[4], .time_bytes = time_bytes};
    uint32_t *const counts[] = {&ret->n_ut, &ret->n_standard, &ret->n_leap, &ret->n_times, &ret->n_types, &ret->n_chars};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        *counts[i] = (uint32_t)big_endian(r->at + 20 + 4 * i, 4);
    if (ret->version != '\0' && (ret->version < '2' || ret->version > '9'))
        return refuse(r, "the file has no known version");
    r->at += HEADER_BYTES;
    r->left -= HEADER_BYTES;
    return true;
}

/* Counts have 32 bits, so the sum cannot overflow 64. */
static uint64_t block_bytes(const struct header *h)
{
    return (uint64_t)h->n_times * (h->time_bytes + 1) + (uint64_t)h->n_types * TYPE_BYTES + h->n_chars
           + (uint64_t)h->n_leap * (h->time_bytes + 4) + h->n_standard + h->n_ut;
}

static bool skip_block(struct reader *r, const struct header *h)
{
    uint64_t bytes = block_bytes(h);
    if (bytes > r->left)
        return refuse(r, "the file is shorter than its header says");
    r->at += bytes;
    r->left -= (size_t)bytes;
    return true;
}

static bool check_types(const struct reader *r, const struct header *h, const uint8_t *types)
{
    for (uint32_t i = 0; i < h->n_types; i++) {
        const uint8_t *t = types + (size_t)i * TYPE_BYTES;
        int32_t offset_s = (int32_t)time_at(t, 4);
        if (offset_s < OFFSET_MIN_S || offset_s > OFFSET_MAX_S)
            return refuse(r, "it has an offset of more than a day");
        if (t[4] > 1 || t[5] >= h->n_chars)
            return refuse(r, "one of its local time types is malformed");
    }
    return true;
}

/* From at_s on the offset is offset_s, whatever was said of that time before. */
static void cut(struct cuts *c, int64_t at_s, int32_t offset_s)
{
    while (c->n > 0 && c->at[c->n - 1].from_s >= at_s)
        c->n--;
    if (c->n == 0 || c->at[c->n - 1].offset_s != offset_s)
        bf_vec_push(c, (struct cut){at_s, offset_s});
}

/* *ret_last_s: the last transition, INT64_MIN when there is none. */
static bool read_block(struct reader *r, const struct header *h, struct zone *z, int64_t *ret_last_s)
{
    const uint8_t *times = r->at;
    if (!skip_block(r, h))
        return false;
    if (h->n_leap != 0)
        return refuse(r, "it counts leap seconds, which no database of a warehouse does; take the zone without them");
    if (h->n_types == 0 || h->n_types > 256 || h->n_chars == 0)
        return refuse(r, "it has no local time type");
    if ((h->n_ut != 0 && h->n_ut != h->n_types) || (h->n_standard != 0 && h->n_standard != h->n_types))
        return refuse(r, "the counts of its header contradict one another");
    const uint8_t *indices = times + (size_t)h->n_times * h->time_bytes, *types = indices + h->n_times;
    if (!check_types(r, h, types))
        return false;
    int64_t last_s = INT64_MIN;
    cut(&z->cuts, INT64_MIN, (int32_t)time_at(types, 4));
    for (uint32_t i = 0; i < h->n_times; i++) {
        int64_t at_s = time_at(times + (size_t)i * h->time_bytes, h->time_bytes);
        if (i > 0 && at_s <= last_s)
            return refuse(r, "its transitions are out of order");
        if (indices[i] >= h->n_types)
            return refuse(r, "a transition leads to a local time type that is not there");
        cut(&z->cuts, at_s, (int32_t)time_at(types + (size_t)indices[i] * TYPE_BYTES, 4));
        last_s = at_s;
    }
    *ret_last_s = last_s;
    return true;
}

/* A rule for each year, from the instant last_s on. */
static void expand_rule(struct zone *z, const struct zone_rule *rule, int64_t last_s)
{
    int64_t min_s = (int64_t)bf_days_from_date((struct bf_date){YEAR_MIN, 1, 1}) * BF_DAY_S;
    int64_t max_s = (int64_t)bf_days_from_date((struct bf_date){YEAR_MAX + 1, 1, 1}) * BF_DAY_S;
    if (last_s >= max_s)
        return;
    int64_t from_s = last_s < min_s ? min_s : last_s;
    int64_t days = bf_floor_div(from_s, BF_DAY_S);
    int32_t year = bf_date_from_days((int32_t)days).year;
    struct cuts c = {0};
    /* A time of 167 hours may move a change into the next year, so there are some to spare at both ends.  Where summer time starts
     * again before it has ended, cut() lets it go on. */
    int32_t end_year = year + PERIOD_YEARS + 4;
    for (int32_t y = year - 2; y <= end_year; y++) {
        int64_t start_s = zone_rule_start(rule, y), end_s = zone_rule_end(rule, y);
        if (end_s < start_s)
            cut(&c, end_s, rule->standard_s);
        cut(&c, start_s, rule->summer_s);
        if (end_s >= start_s)
            cut(&c, end_s, rule->standard_s);
    }
    /* What the year after the last one would have replaced. */
    int64_t sure_s = (bf_days_from_date((struct bf_date){end_year, 1, 1}) - INT64_C(10)) * BF_DAY_S;
    while (c.at[c.n - 1].from_s >= sure_s)
        c.n--;
    size_t i = 0;
    while (i + 1 < c.n && c.at[i + 1].from_s <= from_s)
        i++;
    cut(&z->cuts, last_s, c.at[i].offset_s);
    if (++i < c.n) {
        int64_t until_s = c.at[i].from_s + PERIOD_S;
        z->cycle = z->cuts.n;
        for (; i < c.n && c.at[i].from_s < until_s; i++)
            bf_vec_push(&z->cuts, c.at[i]);
        assert(i < c.n && c.at[i].from_s == until_s && c.at[i].offset_s == z->cuts.at[z->cycle].offset_s);
    }
    bf_vec_free(&c);
}

/* "\n<TZ string>\n"; an empty one: nothing is known but that the last offset stays. */
static bool read_footer(struct reader *r, struct zone *z, int64_t last_s)
{
    const uint8_t *end = r->left > 0 && *r->at == '\n' ? memchr(r->at + 1, '\n', r->left - 1) : NULL;
    if (!end)
        return refuse(r, "the file is cut off in its footer");
    const char *text = (const char *)r->at + 1;
    size_t n = (size_t)(end - r->at) - 1;
    if (n == 0)
        return true;
    struct zone_rule rule;
    const char *what = zone_rule_parse(text, n, &rule);
    if (what) {
        char sentence[160];
        snprintf(sentence, sizeof sentence, "its rule for the years to come is malformed: %s", what);
        return refuse(r, sentence);
    }
    if (rule.changes)
        expand_rule(z, &rule, last_s);
    else
        cut(&z->cuts, last_s, rule.standard_s);
    return true;
}

/* What holds for every zone that is handed out. */
static bool finish(const struct reader *r, struct zone *z)
{
    if (z->cycle == 0)
        z->cycle = z->cuts.n;
    z->offset_min_s = z->offset_max_s = z->cuts.at[0].offset_s;
    for (size_t i = 1; i < z->cuts.n; i++) {
        const struct cut *c = &z->cuts.at[i];
        if (i > 1 && (uint64_t)c->from_s - (uint64_t)c[-1].from_s < BF_HOUR_S)
            return refuse(r, "its clock changes twice within an hour");
        z->offset_min_s = c->offset_s < z->offset_min_s ? c->offset_s : z->offset_min_s;
        z->offset_max_s = c->offset_s > z->offset_max_s ? c->offset_s : z->offset_max_s;
    }
    return true;
}

static struct zone *zone_new(const char *name)
{
    struct zone *z = bf_xcalloc(1, sizeof *z);
    memcpy(z->name, name, strlen(name));
    return z;
}

static bool read_file(struct reader *r, struct zone *z)
{
    struct header h;
    int64_t last_s = INT64_MIN;
    if (!read_header(r, 4, &h))
        return false;
    if (h.version == '\0')
        return read_block(r, &h, z, &last_s) && finish(r, z);
    /* The first block is for readers of version 1; the second says the same, and more. */
    return skip_block(r, &h) && read_header(r, 8, &h) && read_block(r, &h, z, &last_s) && read_footer(r, z, last_s) && finish(r, z);
}

struct zone *zone_parse(const char *name, const void *bytes, size_t n, struct bf_error *err)
{
    if (strlen(name) > ZONE_NAME_MAX) {
        bf_fail(err, BF_LIMIT, "the name of the time zone %.*s… is longer than %d bytes", ZONE_NAME_MAX, name, ZONE_NAME_MAX);
        return NULL;
    }
    if (n > ZONE_FILE_MAX_BYTES) {
        bf_fail(err, BF_LIMIT, "time zone %s: the file has %zu bytes; %u are the most", name, n, ZONE_FILE_MAX_BYTES);
        return NULL;
    }
    struct reader r = {name, bytes, n, err};
    struct zone *z = zone_new(name);
    if (!read_file(&r, z)) {
        zone_free(z);
        return NULL;
    }
    return z;
}

struct zone *zone_utc(void)
{
    struct zone *z = zone_new("UTC");
    cut(&z->cuts, INT64_MIN, 0);
    z->cycle = z->cuts.n;
    return z;
}

void zone_free(struct zone *z)
{
    if (!z)
        return;
    bf_vec_free(&z->cuts);
    free(z);
}

const char *zone_name(const struct zone *z)
{
    return z->name;
}

bool zone_equal(const struct zone *a, const struct zone *b)
{
    if (strcmp(a->name, b->name) != 0 || a->cuts.n != b->cuts.n || a->cycle != b->cycle)
        return false;
    for (size_t i = 0; i < a->cuts.n; i++)
        if (a->cuts.at[i].from_s != b->cuts.at[i].from_s || a->cuts.at[i].offset_s != b->cuts.at[i].offset_s)
            return false;
    return true;
}

/* --- questions --------------------------------------------------------------------------------------------------------- */

struct zone_span zone_span_at(const struct zone *z, int64_t utc_s)
{
    const struct cut *cuts = z->cuts.at;
    size_t n = z->cuts.n;
    uint64_t moved_s = 0;                    /* modulo 2^64, as is what it is added to: the sums fit again */
    if (z->cycle < n && utc_s >= cuts[z->cycle].from_s)
        moved_s = ((uint64_t)utc_s - (uint64_t)cuts[z->cycle].from_s) / (uint64_t)PERIOD_S * (uint64_t)PERIOD_S;
    int64_t at_s = (int64_t)((uint64_t)utc_s - moved_s);
    size_t low = 0, high = n;                /* cuts[low].from_s <= at_s < cuts[high].from_s */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (cuts[middle].from_s <= at_s)
            low = middle;
        else
            high = middle;
    }
    struct zone_span s = {INT64_MIN, INT64_MAX, cuts[low].offset_s};
    if (low > 0)
        s.from_s = (int64_t)((uint64_t)cuts[low].from_s + moved_s);
    if (high < n)
        s.until_s = cuts[high].from_s;
    else if (z->cycle < n)
        s.until_s = cuts[z->cycle].from_s + PERIOD_S;
    if (moved_s > 0)
        s.until_s = add(s.from_s, s.until_s - cuts[low].from_s);
    return s;
}

int64_t zone_never_before(const struct zone *z, int64_t local_s)
{
    return add(local_s, -(int64_t)z->offset_max_s);
}

int64_t zone_always_from(const struct zone *z, int64_t local_s)
{
    return add(local_s, -(int64_t)z->offset_min_s);
}

int64_t zone_first_at(const struct zone *z, int64_t local_s)
{
    struct zone_span s = zone_span_at(z, zone_never_before(z, local_s));
    while (s.until_s != INT64_MAX && add(s.until_s, s.offset_s) <= local_s)
        s = zone_span_at(z, s.until_s);
    int64_t at_s = add(local_s, -(int64_t)s.offset_s);
    return at_s > s.from_s ? at_s : s.from_s;
}

size_t zone_instants(const struct zone *z, int64_t local_s, int64_t ret_utc_s[2])
{
    size_t n = 0;
    int64_t last_s = zone_always_from(z, local_s);
    struct zone_span s = zone_span_at(z, zone_never_before(z, local_s));
    for (;; s = zone_span_at(z, s.until_s)) {
        int64_t at_s = add(local_s, -(int64_t)s.offset_s);
        if (at_s >= s.from_s && at_s < s.until_s)
            ret_utc_s[n++] = at_s;
        if (n == 2 || s.until_s > last_s || s.until_s == INT64_MAX)
            return n;
    }
}

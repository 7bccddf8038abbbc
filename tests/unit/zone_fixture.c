#include "zone_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/civil.h"
#include "common/files.h"
#include "common/mem.h"

void zone_bytes_of_system(const char *name, struct bf_buf *ret)
{
    struct bf_error err = {0};
    BF_AUTO_FREE char *path = bf_path_join("/usr/share/zoneinfo", name);
    cr_assert_eq(bf_file_read(path, ZONE_FILE_MAX_BYTES, ret, &err), BF_OK, "%s", err.text);
}

struct zone *zone_of_system(const char *name)
{
    struct bf_buf b = {0};
    struct bf_error err = {0};
    zone_bytes_of_system(name, &b);
    struct zone *z = zone_parse(name, b.data, b.len, &err);
    cr_assert(z, "%s", err.text);
    bf_buf_free(&b);
    return z;
}

static void put(struct bf_buf *b, uint64_t v, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        uint8_t byte = (uint8_t)(i < 8 ? v >> (8 * i) : 0);
        bf_buf_put(b, &byte, 1);
    }
}

static void put_block(struct bf_buf *b, const struct tzif *t, int time_bytes)
{
    bf_buf_put(b, "TZif", 4);
    put(b, (uint8_t)t->version, 1);
    put(b, 0, 15);
    const uint64_t counts[] = {0, 0, 0, t->n_times, t->n_types, 4};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        put(b, counts[i], 4);
    for (size_t i = 0; i < t->n_times; i++)
        put(b, (uint64_t)t->times[i], time_bytes);
    bf_buf_put(b, t->indices, t->n_times);
    for (size_t i = 0; i < t->n_types; i++) {
        put(b, (uint32_t)t->offsets[i], 4);
        put(b, 0, 2);
    }
    bf_buf_put(b, "XYZ", 4);
}

void tzif_write(const struct tzif *t, struct bf_buf *ret)
{
    bf_buf_clear(ret);
    put_block(ret, t, 4);
    if (t->version == '\0')
        return;
    put_block(ret, t, 8);
    bf_buf_put(ret, "\n", 1);
    bf_buf_put(ret, t->footer, strlen(t->footer));
    bf_buf_put(ret, "\n", 1);
}

struct zone *tzif_zone(const struct tzif *t, struct bf_error *err)
{
    struct bf_buf b = {0};
    tzif_write(t, &b);
    struct zone *z = zone_parse("Test/Zone", b.data, b.len, err);
    bf_buf_free(&b);
    return z;
}

struct zone *footer_zone(const char *footer, struct bf_error *err)
{
    const struct tzif t = {.version = '2', .n_types = 1, .footer = footer};
    return tzif_zone(&t, err);
}

void zone_check_spans(const struct zone *z, int64_t from_s, int64_t until_s)
{
    struct zone_span s = zone_span_at(z, from_s);
    cr_assert(s.from_s <= from_s && s.from_s < s.until_s);
    while (s.until_s < until_s) {
        struct zone_span next = zone_span_at(z, s.until_s), last = zone_span_at(z, s.until_s - 1);
        cr_assert_eq(next.from_s, s.until_s, "%s", zone_name(z));
        cr_assert(next.until_s > next.from_s && next.offset_s != s.offset_s, "%s", zone_name(z));
        cr_assert(last.from_s == s.from_s && last.until_s == s.until_s && last.offset_s == s.offset_s, "%s", zone_name(z));
        s = next;
    }
}

int64_t seconds_of(const char *date, int hour, int minute)
{
    struct bf_date d;
    cr_assert(bf_parse_date(date, &d), "%s", date);
    return ((int64_t)bf_days_from_date(d) * 24 + hour) * 3600 + minute * 60;
}

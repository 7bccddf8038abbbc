/* TZif files: what is taken for a zone has a sound clock, and cuts time into sound partitions. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "plan/span.h"

enum { HOUR_S = 3600, DAY_S = 86400, SPANS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What zone_first_at promises, near an instant. */
static void check_clock(const struct zone *z, int64_t utc_s)
{
    static const int64_t beside_s[] = {-DAY_S, -HOUR_S, -1, 0, 1, HOUR_S, DAY_S};
    for (size_t i = 0; i < sizeof beside_s / sizeof *beside_s; i++) {
        int64_t local_s = utc_s + zone_span_at(z, utc_s).offset_s + beside_s[i], at_s[2];
        int64_t first_s = zone_first_at(z, local_s);
        assert(first_s + zone_span_at(z, first_s).offset_s >= local_s);
        assert(first_s - 1 + zone_span_at(z, first_s - 1).offset_s < local_s);
        size_t found = zone_instants(z, local_s, at_s);
        for (size_t k = 0; k < found; k++)
            assert(at_s[k] + zone_span_at(z, at_s[k]).offset_s == local_s && at_s[k] >= first_s);
        assert(found < 2 || at_s[0] < at_s[1]);
        /* A clock may jump over a time, be set back soon after, and show it then. */
        assert(found == 0 || at_s[0] == first_s || first_s + zone_span_at(z, first_s).offset_s > local_s);
        assert(zone_first_at(z, local_s + 1) >= first_s);
    }
}

/* Spans ascend from one to the next; the instants at their edges are the interesting ones. */
static void check_spans(const struct zone *z, int64_t utc_s)
{
    struct zone_span s = zone_span_at(z, utc_s);
    assert(s.from_s <= utc_s && utc_s < s.until_s);
    for (int i = 0; i < SPANS && s.until_s < INT64_MAX; i++) {
        struct zone_span next = zone_span_at(z, s.until_s), last = zone_span_at(z, s.until_s - 1);
        assert(next.from_s == s.until_s && next.until_s > next.from_s && next.offset_s != s.offset_s);
        assert(last.from_s == s.from_s && last.offset_s == s.offset_s);
        if (s.until_s > INT64_MIN / 2 && s.until_s < INT64_MAX / 2)
            check_clock(z, s.until_s);
        s = next;
    }
}

static void check_partitions(const struct zone *z, int64_t from_s)
{
    static const int64_t lengths_s[PLAN_GRAIN_COUNT] = {1, 5 * DAY_S, 40 * DAY_S, 100 * DAY_S, 200 * DAY_S};
    for (enum plan_grain g = PLAN_NONE; g < PLAN_GRAIN_COUNT; g++) {
        struct plan_partitions t;
        int64_t until_s = from_s + lengths_s[g];
        plan_partitions_build(g, z, from_s, until_s, &t);
        assert(t.n > 0 && t.start_s[0] <= from_s && t.start_s[1] > from_s && t.start_s[t.n] >= until_s && t.start_s[t.n - 1] < until_s);
        for (uint32_t i = 0; i < t.n; i++) {
            char key[PLAN_KEY_MAX];
            uint32_t found;
            struct plan_span s;
            assert(t.start_s[i] < t.start_s[i + 1]);
            assert(i == 0 || g == PLAN_HOUR || t.label[i - 1] < t.label[i]);
            plan_partition_key(&t, i, key);
            assert(plan_partition_at(&t, t.start_s[i + 1] - 1, &found) && found == i);
            if (g == PLAN_NONE)
                continue;
            assert(plan_span_parse(z, key, &s) == PLAN_SPAN_OK && s.from_s == t.start_s[i] && s.until_s == t.start_s[i + 1]);
        }
        plan_partitions_done(&t);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bf_error err = {0};
    struct zone *z = zone_parse("Fuzz/Zone", p, n, &err);
    assert(z || strstr(err.text, "Fuzz/Zone"));
    if (!z)
        return 0;
    static const int64_t starts_s[] = {INT64_MIN, -62135596800, 0, 1700000000, 4102444800, 253370764800, INT64_MAX - 1};
    for (size_t i = 0; i < sizeof starts_s / sizeof *starts_s; i++)
        check_spans(z, starts_s[i]);
    struct zone_span s = zone_span_at(z, 0);
    for (int i = 0; i < 4; i++) {
        check_partitions(z, s.from_s > -1000000000 ? s.from_s - DAY_S : 0);
        if (s.until_s > 200000000000)
            break;
        s = zone_span_at(z, s.until_s);
    }
    zone_free(z);
    return 0;
}

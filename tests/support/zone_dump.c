/* zone_dump NAME FILE FROM UNTIL [no-hours]: what the reader of zones makes of a file, for a comparison with another reader.
 *
 * Standard input: local times, as int64.  Standard output, in the machine's byte order: for hours (if wanted), days, weeks and
 * months, int64 n, n + 1 starts (int64), n labels (int32), for hours n offsets (int32); for each local time zone_first_at, the
 * number of instants and two of them or zeros (int64); then, up to the end, an index among the hours (int64) and its key (32 bytes)
 * for every 997th and for those beside a change.  Each of these keys must be found again, and be a word for its partition. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/files.h"
#include "plan/span.h"

static void put(const void *p, size_t size, size_t n)
{
    if (n > 0 && fwrite(p, size, n, stdout) != n)
        abort();
}

static void put_table(const struct plan_partitions *p)
{
    int64_t n = p->n;
    put(&n, sizeof n, 1);
    put(p->start_s, sizeof *p->start_s, (size_t)p->n + 1);
    put(p->label, sizeof *p->label, p->n);
    if (p->offset_s)
        put(p->offset_s, sizeof *p->offset_s, p->n);
}

static void answer(const struct zone *z)
{
    int64_t local_s;
    while (fread(&local_s, sizeof local_s, 1, stdin) == 1) {
        int64_t answers[4] = {zone_first_at(z, local_s), 0, 0, 0}, at_s[2] = {0, 0};
        answers[1] = (int64_t)zone_instants(z, local_s, at_s);
        answers[2] = at_s[0];
        answers[3] = at_s[1];
        put(answers, sizeof *answers, 4);
    }
}

static bool put_key(const struct zone *z, const struct plan_partitions *p, uint32_t i, bool quiet)
{
    char key[PLAN_KEY_MAX];
    uint32_t found = 0;
    struct plan_span s = {0};
    int64_t index = i;
    plan_partition_key(p, i, key);
    if (plan_span_parse(z, key, &s) != PLAN_SPAN_OK || s.grain != p->grain || !plan_partition_at(p, s.from_s, &found) || found != i
        || s.from_s != p->start_s[i] || s.until_s != p->start_s[i + 1]) {
        fprintf(stderr, "%s: the key %s of partition %u is not its name\n", zone_name(z), key, i);
        return false;
    }
    if (!quiet) {
        put(&index, sizeof index, 1);
        put(key, sizeof key, 1);
    }
    return true;
}

/* Hours of one offset that are whole, as are their neighbours, are much alike. */
static bool put_hour_keys(const struct zone *z, const struct plan_partitions *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t from = i >= 2 ? i - 2 : 0, until = i + 2 < p->n ? i + 2 : p->n;
        bool dull = p->start_s[until] - p->start_s[from] == (int64_t)(until - from) * 3600 && p->offset_s[from] == p->offset_s[until - 1];
        if ((!dull || i % 997 == 0) && !put_key(z, p, i, false))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct bf_buf b = {0};
    struct bf_error err = {0};
    if (argc < 5 || bf_file_read(argv[2], ZONE_FILE_MAX_BYTES, &b, &err) != BF_OK) {
        fprintf(stderr, "zone_dump NAME FILE FROM UNTIL [no-hours]: %s\n", err.text);
        return 2;
    }
    struct zone *z = zone_parse(argv[1], b.data, b.len, &err);
    bf_buf_free(&b);
    if (!z) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    struct plan_partitions tables[PLAN_GRAIN_COUNT] = {0};
    bool ok = true;
    for (enum plan_grain g = argc > 5 ? PLAN_DAY : PLAN_HOUR; g < PLAN_GRAIN_COUNT; g++) {
        plan_partitions_build(g, z, strtoll(argv[3], NULL, 10), strtoll(argv[4], NULL, 10), &tables[g]);
        put_table(&tables[g]);
        for (uint32_t i = 0; ok && g != PLAN_HOUR && i < tables[g].n; i += 7)
            ok = put_key(z, &tables[g], i, true);
    }
    answer(z);
    ok = ok && put_hour_keys(z, &tables[PLAN_HOUR]);
    for (enum plan_grain g = PLAN_NONE; g < PLAN_GRAIN_COUNT; g++)
        plan_partitions_done(&tables[g]);
    zone_free(z);
    return ok && fflush(stdout) == 0 ? 0 : 1;
}

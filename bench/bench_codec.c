/* How fast a turn of 4,096 ended steps is encoded and decoded, and how many bytes each takes.
 *
 * The table is for people; the last line is one JSON object.  Medians of repeats.  Figures are of one thread. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/figures.h"
#include "bench/words.h"
#include "common/mem.h"
#include "proto/turn.h"

enum { N = 4096, REPEATS = 41 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, REPEATS, sizeof *v, by_value);
    return v[REPEATS / 2];
}

static const struct outcome good = {.source = OUTCOME_OK, .sqlstate = "", .dbms = "", .details = "", .text = "", .rows = -1,
                                    .usage = {20123, 8045, 3 << 20, 4096, 0, 3}};

static struct attempt_ref ref_of(uint64_t i)
{
    return (struct attempt_ref){1000000 + i, (1ull << 32) + 1000000 + i};
}

static void ended_records(struct record *r)
{
    for (uint32_t i = 0; i < N; i++)
        r[i] = (struct record){.kind = RECORD_ENDED, .backfill = 7, .step = i % 100, .index = i, .ref = ref_of(i), .n = 1, .run = 1,
                               .attempt_no = 1, .started_us = 1700000000000000 + i, .ended_us = 1700000000020123 + 2 * i,
                               .outcome = &good, .verdict = VERDICT_SUCCEEDED};
}

static void granted_records(struct record *r)
{
    for (uint32_t i = 0; i < N; i++)
        r[i] = (struct record){.kind = RECORD_GRANTED, .backfill = 7, .step = i % 100, .index = i, .ref = ref_of(i), .n = 1,
                               .run = 1, .attempt_no = 1, .agent = i % 50};
}

static void report_inputs(struct input *in)
{
    for (uint32_t i = 0; i < N; i++) {
        in[i] = (struct input){.kind = INPUT_REPORT, .incarnation = 0x1234567890abcdef, .key = {1, 2, 3, 4}};
        in[i].report = (struct agent_report){ref_of(i), REPORT_ENDED, false, 1700000000000000 + i, 1700000000020123 + 2 * i, good};
    }
}

struct rates { double encode, decode; size_t bytes; };    /* items a second; bytes an item */

static struct rates measure(const struct turn *t)
{
    double encode_s[REPEATS], decode_s[REPEATS];
    struct bf_buf b = {0};
    for (int i = 0; i < REPEATS; i++) {
        struct turn back;
        struct bf_error err = {0};
        bf_buf_clear(&b);
        double start = figures_now_s();
        turn_encode(t, &b);
        double middle = figures_now_s();
        if (turn_decode(b.data, b.len, &back, &err)) {
            fprintf(stderr, "%s\n", err.text);
            exit(1);
        }
        turn_done(&back);
        decode_s[i] = figures_now_s() - middle;
        encode_s[i] = middle - start;
    }
    struct rates f = {N / median(encode_s), N / median(decode_s), b.len / N};
    bf_buf_free(&b);
    return f;
}

int main(int argc, char **argv)
{
    bench_help_if_asked(argc, argv, "");
    if (argc > 1)
        bench_fail(argv[1], "nothing is expected after the name of the program");
    struct record *records = bf_xcalloc(N, sizeof *records);
    struct input *inputs = bf_xcalloc(N, sizeof *inputs);
    granted_records(records);
    struct rates granted = measure(&(struct turn){.seq = 1, .records = records, .n_records = N});
    report_inputs(inputs);
    struct rates report = measure(&(struct turn){.seq = 1, .inputs = inputs, .n_inputs = N});
    ended_records(records);
    struct rates ended = measure(&(struct turn){.seq = 1, .records = records, .n_records = N});
    printf("%-16s %12s %12s %8s\n", "turn of 4,096", "encode/s", "decode/s", "bytes");
    printf("%-16s %12.0f %12.0f %8zu\n", "granted", granted.encode, granted.decode, granted.bytes);
    printf("%-16s %12.0f %12.0f %8zu\n", "ended", ended.encode, ended.decode, ended.bytes);
    printf("%-16s %12.0f %12.0f %8zu\n", "report input", report.encode, report.decode, report.bytes);
    double both = 1 / (1 / ended.encode + 1 / ended.decode);
    printf("{\"bench\":\"codec\",\"value\":%.0f,\"unit\":\"ended records encoded and decoded/s\",\"encode\":%.0f,\"decode\":%.0f,"
           "\"bytes\":%zu}\n", both, ended.encode, ended.decode, ended.bytes);
    free(records);
    free(inputs);
    return 0;
}

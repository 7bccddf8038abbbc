/* Searching 10,000,000 lines of logs (about 1 GB) of 1,000 attempts, written by the log store's own writer.
 *
 * The table is for people; the last line is one JSON object.  A search is all its pages, on one thread; the second and later ones
 * find the segments in the page cache, as the first does what was just written.  Memory is the peak over what the process had before
 * the search.  bench_log_search [LINES] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/figures.h"
#include "bench/words.h"
#include "common/mem.h"
#include "coordinator/logs/log_search.h"

enum { ATTEMPTS = 1000, CHUNK_LINES = 320, LINE_MAX_BYTES = 160, STEPS = 10 };
#define BEGAN_US INT64_C(1700000000000000)
#define LINE_US 1000                             /* between two lines of an attempt */

static const uint8_t key[LOG_KEY_BYTES] = {7};

/* From /proc/self/status, in MiB; 0 where there is none. */
static double memory_mib(const char *what)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[128];
    double kib = 0;
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, what, strlen(what)) == 0)
            kib = strtod(line + strlen(what), NULL);
    if (f)
        fclose(f);
    return kib / 1024;
}

static void memory_peak_reset(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "we");
    if (f) {
        fputs("5", f);
        fclose(f);
    }
}

/* Lines as programs write them: a number that grows, words that repeat, one in ten with a warning, one in a million that is rare. */
static size_t line_put(char *p, uint64_t i, unsigned attempt)
{
    uint64_t mixed = i * UINT64_C(0x9e3779b97f4a7c15) >> 20;
    const char *what = i % 1000003 == 500000 ? "ERROR disk quota exceeded while flushing"
                       : i % 10 == 3         ? "WARN slow read, retrying"
                                             : "INFO batch loaded";
    return (size_t)snprintf(p, LINE_MAX_BYTES,
                            "2024-01-31T06:%02" PRIu64 ":%02" PRIu64 " attempt=%u %s rows=%" PRIu64 " key=%08" PRIx64
                            " table=mart.orders_daily part=%" PRIu64 "\n",
                            mixed % 60, mixed % 59, attempt, what, mixed % 100000, mixed & 0xffffffff, i % 365);
}

static uint64_t fill(struct log_store *s, uint64_t n_lines)
{
    char *chunk = bf_xmalloc((size_t)CHUNK_LINES * LINE_MAX_BYTES);
    uint64_t *offsets = bf_xcalloc(ATTEMPTS, sizeof *offsets), bytes = 0;
    struct bf_error err = {0};
    for (uint32_t a = 0; a < ATTEMPTS; a++) {
        const struct log_name name = {.attempt = a + 1, .backfill = 1, .step = a % STEPS, .index = a / STEPS, .n = 1, .run = 1,
                                      .attempt_no = 1, .agent = 1 + a % 4};
        log_store_granted(s, key, &name);
    }
    for (uint64_t i = 0, round = 0; i < n_lines; round++) {
        unsigned a = (unsigned)(round % ATTEMPTS);
        size_t n = 0;
        for (int k = 0; k < CHUNK_LINES && i < n_lines; k++)
            n += line_put(chunk + n, i++, a + 1);
        const struct log_msg m = {.kind = LOG_CHUNK, .attempt = a + 1, .token = a + 1, .stream = 1, .offset = offsets[a],
                                  .at_us = BEGAN_US + (int64_t)i * LINE_US / ATTEMPTS,
                                  .bytes = (const uint8_t *)chunk, .n_bytes = n};
        uint64_t acked;
        if (log_store_append(s, key, &m, &acked, &err) != BF_OK) {
            fprintf(stderr, "%s\n", err.text);
            exit(1);
        }
        offsets[a] += n;
        bytes += n;
    }
    free(chunk);
    free(offsets);
    return bytes;
}

struct asked { const char *name, *pattern; bool regex, ignore_case, count; uint32_t step; double from, until; };
struct took { double seconds, peak_mib, longest_page_s; uint64_t matches, pages, searched_bytes; };

static struct took ask(struct log_store *s, const struct asked *a, uint64_t n_lines)
{
    struct took t = {0};
    char cursor[LOG_CURSOR_MAX] = "";
    memory_peak_reset();
    double before_mib = memory_mib("VmRSS:"), began = figures_now_s();
    for (bool done = false; !done; t.pages++) {
        struct log_query q = {.backfill = 1, .pattern = a->pattern ? bf_xstrdup(a->pattern) : NULL, .regex = a->regex,
                              .ignore_case = a->ignore_case, .count = a->count};
        struct log_page page = {0};
        if (a->step < STEPS) {
            q.picked = true;
            bf_vec_push(&q.ranges, (struct log_range){.step = a->step, .n = UINT32_MAX});
        }
        double span_us = (double)n_lines * LINE_US / ATTEMPTS;
        q.since_us = a->until > 0 ? BEGAN_US + (int64_t)(a->from * span_us) : 0;
        q.until_us = a->until > 0 ? BEGAN_US + (int64_t)(a->until * span_us) : 0;
        memcpy(q.cursor, cursor, sizeof cursor);
        double page_began = figures_now_s();
        log_search_page(s, &q, &page);
        double page_s = figures_now_s() - page_began;
        t.longest_page_s = page_s > t.longest_page_s ? page_s : t.longest_page_s;
        if (page.rc != BF_OK) {
            fprintf(stderr, "%s: %s\n", a->name, page.err.text);
            exit(1);
        }
        memcpy(cursor, page.cursor, sizeof cursor);
        done = page.done;
        t.matches += page.matches;
        t.searched_bytes = page.total_bytes;
        log_page_done(&page);
        log_query_done(&q);
    }
    t.seconds = figures_now_s() - began;
    t.peak_mib = memory_mib("VmHWM:") - before_mib;
    return t;
}

int main(int argc, char **argv)
{
    static const struct asked all[] = {
        {"text, rare", "disk quota exceeded", false, false, false, STEPS, 0, 0},
        {"text, absent", "this was never written", false, false, false, STEPS, 0, 0},
        {"text, one line in ten, counted", "slow read", false, false, true, STEPS, 0, 0},
        {"text, rare, case ignored", "DISK QUOTA EXCEEDED", false, true, false, STEPS, 0, 0},
        {"regex with a plain part, rare", "ERROR disk \\w+ exceeded.*rows=\\d+", true, false, false, STEPS, 0, 0},
        {"regex without one, counted", "rows=\\d*7{4}", true, true, true, STEPS, 0, 0},
        {"text, one line in ten, one step, counted", "slow read", false, false, true, 3, 0, 0},
        {"text, rare, a hundredth of the time", "disk quota exceeded", false, false, false, STEPS, 0.5, 0.51},
    };
    bench_help_if_asked(argc, argv, "[LINES]");
    uint64_t n_lines = (uint64_t)bench_number(argv[1], 10000000, 1, INT64_C(100000000000));
    char dir[] = "/tmp/bf-bench-logs-XXXXXX", rm[64];
    struct log_store *s = NULL;
    struct log_store_stats stats;
    struct bf_error err = {0};
    if (!mkdtemp(dir) || log_store_open(dir, UINT64_C(16) << 30, LOG_SEGMENT_BYTES, &s, &err) != BF_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    double began = figures_now_s();
    uint64_t bytes = fill(s, n_lines);
    log_store_stats(s, &stats);
    printf("%" PRIu64 " lines, %.0f MB, %.0f MB on disk in %" PRIu64 " frames; written in %.1f s; %.0f MiB resident\n\n", n_lines,
           (double)bytes / 1e6, (double)stats.bytes / 1e6, stats.frames, figures_now_s() - began, memory_mib("VmRSS:"));
    printf("%-40s %8s %10s %10s %6s %13s %10s\n", "search", "seconds", "matches", "MB", "pages", "longest page", "memory");
    struct took first = {0};
    double most_mib = 0, most_s = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct took t = ask(s, &all[i], n_lines);
        printf("%-40s %8.2f %10" PRIu64 " %10.0f %6" PRIu64 " %11.2f s %6.1f MiB\n", all[i].name, t.seconds, t.matches,
               (double)t.searched_bytes / 1e6, t.pages, t.longest_page_s, t.peak_mib);
        first = i == 0 ? t : first;
        most_mib = t.peak_mib > most_mib ? t.peak_mib : most_mib;
        most_s = t.seconds > most_s ? t.seconds : most_s;
    }
    log_store_close(s);
    snprintf(rm, sizeof rm, "rm -r %s", dir);
    printf("{\"bench\":\"log_search\",\"value\":%.2f,\"unit\":\"s\",\"target\":5,\"lines\":%" PRIu64 ",\"bytes\":%" PRIu64
           ",\"slowest_s\":%.2f,\"peak_mib\":%.1f}\n", first.seconds, n_lines, bytes, most_s, most_mib);
    return system(rm) == 0 && first.matches > 0 ? 0 : 1;
}

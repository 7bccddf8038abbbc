#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/logs/log_store.h"

#define KEEP (64u << 20)
#define SEGMENT (1u << 20)

static char dir[64];
static const uint8_t key_a[LOG_KEY_BYTES] = {1}, key_b[LOG_KEY_BYTES] = {2};

static void make_dir(void)
{
    snprintf(dir, sizeof dir, "/tmp/bf-logs-XXXXXX");
    cr_assert(mkdtemp(dir));
}

static void drop_dir(void)
{
    char rm[128];
    snprintf(rm, sizeof rm, "rm -rf %s", dir);
    cr_assert_eq(system(rm), 0);
}

static struct log_store *open_store(uint64_t keep, uint32_t segment)
{
    struct log_store *s = NULL;
    struct bf_error err = {0};
    cr_assert_eq(log_store_open(dir, keep, segment, &s, &err), BF_OK, "%s", err.text);
    return s;
}

static uint64_t add(struct log_store *s, const uint8_t *key, uint64_t attempt, uint64_t offset, const void *p, size_t n, uint64_t cut,
                    bool last)
{
    const struct log_msg m = {.kind = LOG_CHUNK, .attempt = attempt, .token = attempt, .stream = 1, .offset = offset, .at_us = 5,
                              .cut_bytes = cut, .last = last, .bytes = p, .n_bytes = n};
    uint64_t acked = 0;
    struct bf_error err = {0};
    cr_assert_eq(log_store_append(s, key, &m, &acked, &err), BF_OK, "%s", err.text);
    return acked;
}
#define SAY(s, attempt, offset, text, last) add((s), key_a, (attempt), (offset), (text), strlen(text), 0, (last))

struct got { char text[1 << 18]; size_t n, pieces, most; };
static struct got got;

static bool hear(void *arg, const struct log_piece *piece)
{
    (void)arg;
    if (got.most && got.pieces == got.most)
        return false;
    memcpy(got.text + got.n, piece->bytes, piece->n);
    got.n += piece->n;
    got.text[got.n] = '\0';
    got.pieces++;
    return true;
}

static struct log_end read_at(struct log_store *s, uint64_t attempt, const uint8_t *key, uint64_t offset, size_t max)
{
    struct log_end end = {0};
    struct bf_error err = {0};
    size_t most = got.most;
    memset(&got, 0, sizeof got);
    got.most = most;
    cr_assert_eq(log_store_read(s, attempt, key, offset, max, hear, NULL, &end, &err), BF_OK, "%s", err.text);
    return end;
}

TestSuite(log_store, .init = make_dir, .fini = drop_dir);

Test(log_store, pages_join_without_loss_and_survive_a_restart)
{
    struct log_store *s = open_store(KEEP, SEGMENT);
    cr_expect_eq(SAY(s, 1, 0, "alpha\n", false), 6);
    cr_expect_eq(SAY(s, 2, 0, "other\n", false), 6);
    cr_expect_eq(SAY(s, 1, 6, "beta\n", false), 11);
    for (int round = 0; round < 2; round++) {
        for (size_t page = 1; page <= 12; page++) {
            char all[64] = "";
            struct log_end end = {0};
            for (uint64_t at = 0; at < 11; at = end.next) {
                end = read_at(s, 1, key_a, at, page);
                cr_assert_gt(end.next, at);
                cr_assert_leq(got.n, page);
                strcat(all, got.text);
                cr_expect(!end.end, "it did not say that it is its last");
            }
            cr_expect_str_eq(all, "alpha\nbeta\n", "pages of %zu bytes", page);
        }
        log_store_close(s);
        s = open_store(KEEP, SEGMENT);
    }
    cr_expect_eq(SAY(s, 1, 11, "", true), 11);
    cr_expect(read_at(s, 1, NULL, 0, 100).end);
    cr_expect_str_eq(got.text, "alpha\nbeta\n");
    cr_expect(!read_at(s, 1, NULL, 0, 5).end, "a page that ends early is not the end");
    cr_expect(read_at(s, 1, NULL, 11, 100).end);
    log_store_close(s);
}

Test(log_store, repeats_are_passed_over_and_gaps_are_told)
{
    struct log_store *s = open_store(KEEP, SEGMENT);
    cr_expect_eq(SAY(s, 1, 0, "abcdef", false), 6);
    cr_expect_eq(SAY(s, 1, 0, "abcdef", false), 6);
    cr_expect_eq(SAY(s, 1, 2, "cdefgh", false), 8, "it overlaps");
    cr_expect_eq(SAY(s, 1, 20, "xyz", false), 23, "12 bytes are missing");
    cr_expect_eq(add(s, key_a, 1, 23, "end", 3, 100, true), 26);
    struct log_end end = read_at(s, 1, key_a, 0, 1000);
    cr_expect_str_eq(got.text, "abcdefghxyzend");
    cr_expect_eq(end.cut_bytes, 112);
    cr_expect_eq(end.next, 26);
    cr_expect(end.end);
    log_store_close(s);
}

Test(log_store, a_reader_that_stops_goes_on_where_it_stopped)
{
    struct log_store *s = open_store(KEEP, SEGMENT);
    SAY(s, 1, 0, "one", false);
    SAY(s, 1, 3, "two", true);
    got.most = 1;
    struct log_end end = read_at(s, 1, NULL, 0, 1000);
    cr_expect_str_eq(got.text, "one");
    cr_expect_eq(end.next, 3);
    cr_expect(!end.end);
    end = read_at(s, 1, NULL, end.next, 1000);
    cr_expect_str_eq(got.text, "two");
    cr_expect(end.end);
    log_store_close(s);
}

Test(log_store, senders_are_kept_apart)
{
    struct log_store *s = open_store(KEEP, SEGMENT);
    add(s, key_b, 1, 0, "forged", 6, 0, false);
    add(s, key_a, 1, 0, "true", 4, 0, false);
    for (int round = 0; round < 2; round++) {
        read_at(s, 1, key_a, 0, 100);
        cr_expect_str_eq(got.text, "true");
        read_at(s, 1, key_b, 0, 100);
        cr_expect_str_eq(got.text, "forged");
        log_store_close(s);
        s = open_store(KEEP, SEGMENT);
    }
    struct log_end end;
    struct bf_error err = {0};
    cr_expect_eq(log_store_read(s, 99, NULL, 0, 10, hear, NULL, &end, &err), BF_NOT_FOUND);
    log_store_close(s);
}

/* Bytes that do not compress, so that sizes are what they seem. */
static void noise(uint8_t *p, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        p[i] = (uint8_t)(seed >> 56);
    }
}

Test(log_store, the_oldest_segments_go_and_the_rest_stays_readable)
{
    static uint8_t chunk[LOG_CHUNK_BYTES_MAX];
    struct log_store *s = open_store(4 * SEGMENT, SEGMENT);
    for (uint64_t i = 0; i < 200; i++) {
        noise(chunk, sizeof chunk, i);
        add(s, key_a, 100 + i, 0, chunk, sizeof chunk, 0, true);
    }
    struct log_store_stats stats;
    for (int round = 0; round < 2; round++) {
        log_store_stats(s, &stats);
        cr_expect_leq(stats.bytes, 4 * SEGMENT);
        cr_expect_gt(stats.bytes, 2 * SEGMENT);
        cr_expect_leq(stats.attempts, 4 * SEGMENT / sizeof chunk);
        struct log_end end;
        struct bf_error err = {0};
        cr_expect_eq(log_store_read(s, 100, NULL, 0, 10, hear, NULL, &end, &err), BF_NOT_FOUND, "the oldest is gone");
        read_at(s, 299, NULL, 0, sizeof chunk);
        noise(chunk, sizeof chunk, 199);
        cr_expect_arr_eq(got.text, chunk, sizeof chunk);
        log_store_close(s);
        s = open_store(4 * SEGMENT, SEGMENT);
    }
    log_store_close(s);
}

Test(log_store, one_attempt_is_bounded)
{
    static uint8_t chunk[LOG_CHUNK_BYTES_MAX];
    struct log_store *s = open_store(1ull << 30, 64u << 20);
    uint64_t offset = 0;
    for (; offset < LOG_ATTEMPT_BYTES_MAX + 10 * sizeof chunk; offset += sizeof chunk)
        cr_assert_eq(add(s, key_a, 1, offset, chunk, sizeof chunk, 0, false), offset + sizeof chunk, "it is credited all the same");
    struct log_store_stats stats;
    log_store_stats(s, &stats);
    cr_expect_eq(stats.refused_bytes, 10 * sizeof chunk);
    cr_expect_lt(stats.bytes, 1 << 20, "zeros compress");
    log_store_close(s);
}

Test(log_store, damage_costs_only_what_was_damaged)
{
    struct log_store *s = open_store(KEEP, SEGMENT);
    SAY(s, 1, 0, "first", false);
    SAY(s, 1, 5, "second", false);
    SAY(s, 1, 11, "third", true);
    log_store_close(s);
    char path[128];
    snprintf(path, sizeof path, "%s/0000000001.seg", dir);
    int fd = open(path, O_RDWR);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, "X", 1, 80 + 5 + 80 + 2), 1);               /* in the payload of the second */
    off_t size = lseek(fd, 0, SEEK_END);
    cr_assert_eq(ftruncate(fd, size - 1), 0);                            /* the third is torn */
    close(fd);
    s = open_store(KEEP, SEGMENT);
    struct log_end end = read_at(s, 1, key_a, 0, 1000);
    cr_expect_str_eq(got.text, "first");
    cr_expect_eq(end.cut_bytes, 6);
    cr_expect(!end.end);
    struct log_store_stats stats;
    log_store_stats(s, &stats);
    cr_expect_eq(stats.damaged, 1);
    SAY(s, 1, 16, "fourth", true);
    end = read_at(s, 1, key_a, 0, 1000);
    cr_expect_str_eq(got.text, "firstfourth");
    cr_expect_eq(end.cut_bytes, 11);
    cr_expect(end.end);
    log_store_close(s);
}

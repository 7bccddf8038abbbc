/* Lines out of frames, the order of a search, its cursor, and damage. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"
#include "coordinator/logs/log_pattern.h"
#include "coordinator/logs/log_search.h"
#include "coordinator/logs/log_searches.h"

static char dir[64];
static const uint8_t key_a[LOG_KEY_BYTES] = {1}, key_b[LOG_KEY_BYTES] = {2};
static struct log_store *store;
static struct log_page page;
static char found[1 << 17];

static void store_again(uint64_t keep)
{
    struct bf_error err = {0};
    log_store_close(store);
    cr_assert_eq(log_store_open(dir, keep, 1 << 20, &store, &err), BF_OK, "%s", err.text);
}

static void begin(void)
{
    snprintf(dir, sizeof dir, "/tmp/bf-logs-XXXXXX");
    cr_assert(mkdtemp(dir));
    store_again(64 << 20);
    /* Two attempts of one instance, and one of another. */
    for (uint64_t attempt = 1; attempt <= 3; attempt++) {
        const struct log_name name = {.attempt = attempt, .backfill = 7, .step = 0, .index = attempt == 3, .n = 1, .run = 1,
                                      .attempt_no = (uint32_t)attempt, .agent = (uint32_t)attempt};
        log_store_granted(store, key_a, &name);
    }
}

static void end(void)
{
    char rm[128];
    log_page_done(&page);
    log_store_close(store);
    snprintf(rm, sizeof rm, "rm -rf %s", dir);
    cr_assert_eq(system(rm), 0);
}

static uint64_t ends[8][2];                      /* by attempt and sender */

static void put(const uint8_t *key, uint64_t attempt, uint8_t stream, int64_t at_us, const char *text, bool last, uint64_t lost)
{
    uint64_t *offset = &ends[attempt][key == key_b], acked;
    struct bf_error err = {0};
    *offset += lost;
    const struct log_msg m = {.kind = LOG_CHUNK, .attempt = attempt, .token = attempt, .stream = stream, .offset = *offset, .at_us = at_us,
                              .last = last, .bytes = (const uint8_t *)text, .n_bytes = strlen(text)};
    cr_assert_eq(log_store_append(store, key, &m, &acked, &err), BF_OK, "%s", err.text);
    *offset += m.n_bytes;
}
#define SAY(attempt, at_us, text) put(key_a, (attempt), 1, (at_us), (text), false, 0)

/* The texts of the lines of a page, in order, with '/' between them; "~N" is a cut. */
static const char *texts(void)
{
    char *out = found;
    const char *end_of = page.lines.data ? bf_buf_cstr(&page.lines) : "";
    for (const char *at = end_of; (at = strstr(at, "{\"attempt\"")) != NULL; at++) {
        const char *text = strstr(at, "\"text\":\""), *cut = strstr(at, "\"cut_bytes\":"), *next = strstr(at + 1, "{\"attempt\"");
        if (out != found)
            *out++ = '/';
        if (text && (!next || text < next))
            out += sprintf(out, "%.*s", (int)(strchr(text + 8, '"') - text - 8), text + 8);
        else if (cut)
            out += sprintf(out, "~%d", atoi(cut + 12));
    }
    *out = '\0';
    return found;
}

static const char *ask(struct log_query q, const char *pattern, const char *cursor)
{
    log_page_done(&page);
    memset(&page, 0, sizeof page);
    q.backfill = 7;
    q.pattern = pattern ? bf_xstrdup(pattern) : NULL;
    snprintf(q.cursor, sizeof q.cursor, "%s", cursor);
    log_search_page(store, &q, &page);
    free(q.pattern);
    cr_assert_eq(page.rc, BF_OK, "%s", page.err.text);
    return texts();
}

TestSuite(log_search, .init = begin, .fini = end);

Test(log_search, lines_are_put_together_over_frames_and_streams)
{
    SAY(2, 10, "one\ntw");
    put(key_a, 2, 2, 11, "err", false, 0);
    SAY(2, 12, "o\nthr");
    SAY(2, 13, "e");
    put(key_a, 2, 2, 14, "or\n", false, 0);
    SAY(2, 15, "e\n");
    SAY(2, 16, "no end");
    cr_expect_str_eq(ask((struct log_query){0}, NULL, ""), "one/two/error/three/no end");
    cr_expect_str_eq(ask((struct log_query){0}, "three", ""), "three");
    cr_expect_str_eq(ask((struct log_query){.regex = true}, "^t.*[oe]$", ""), "two/three");
    cr_expect_str_eq(ask((struct log_query){.stream = 2}, NULL, ""), "error");
    cr_expect_str_eq(ask((struct log_query){.backward = true}, NULL, ""), "no end/three/error/two/one");
    cr_expect_str_eq(ask((struct log_query){.before = 1, .after = 1, .stream = 1}, "two", ""), "one/two/three");
}

Test(log_search, order_is_of_time_and_within_an_attempt_of_offset)
{
    SAY(2, 10, "a1\n");
    SAY(3, 20, "b1\n");
    SAY(2, 40, "a2\n");
    SAY(2, 5, "a3\n");                           /* the clock went back */
    SAY(3, 50, "b2\n");
    SAY(3, 30, "b3\n");
    cr_expect_str_eq(ask((struct log_query){0}, NULL, ""), "a1/b1/a2/a3/b2/b3");
    cr_expect_str_eq(ask((struct log_query){.since_us = 20, .until_us = 50}, NULL, ""), "b1/a2/b3");
}

Test(log_search, a_cursor_goes_on_at_the_next_line_and_sees_what_there_was)
{
    SAY(2, 10, "a\nb\nc\n");
    SAY(3, 20, "d\ne\n");
    static const char *const forward[] = {"a/b", "c/d", "e"}, *const backward[] = {"later/e", "d/c", "b/a"};
    for (int back = 0; back < 2; back++) {
        char cursor[LOG_CURSOR_MAX] = "";
        for (int i = 0; i < 3; i++) {
            cr_expect_str_eq(ask((struct log_query){.max_lines = 2, .backward = back}, NULL, cursor), (back ? backward : forward)[i]);
            cr_expect_eq(page.done, i == 2);
            memcpy(cursor, page.cursor, sizeof cursor);
            if (i == 1 && !back)
                SAY(3, 30, "later\n");
        }
    }
    /* What came after the first page is followed. */
    char follow[LOG_CURSOR_MAX];
    memcpy(follow, page.follow, sizeof follow);
    SAY(3, 40, "last\n");
    cr_expect_str_eq(ask((struct log_query){0}, NULL, follow), "last");
    struct log_query bad = {.backfill = 7, .cursor = "s1-2-nonsense"};
    log_page_done(&page);
    memset(&page, 0, sizeof page);
    log_search_page(store, &bad, &page);
    cr_expect_eq(page.rc, BF_INVALID);
}

Test(log_search, attempts_are_the_newest_unless_asked_for_and_only_of_whom_they_were_granted_to)
{
    SAY(1, 10, "first try\n");
    SAY(2, 20, "second try\n");
    SAY(3, 30, "third\n");
    put(key_b, 2, 1, 21, "forged\n", false, 0);
    cr_expect_str_eq(ask((struct log_query){0}, NULL, ""), "second try/third");
    cr_expect_eq(page.older_attempts, 1);
    cr_expect_str_eq(ask((struct log_query){.attempt = UINT64_MAX}, "try", ""), "first try/second try");
    cr_expect_str_eq(ask((struct log_query){.attempt = 1}, NULL, ""), "first try");
    struct log_range range = {.step = 0, .first = 1, .n = 1};
    cr_expect_str_eq(ask((struct log_query){.picked = true, .ranges = {&range, 1, 1}, .attempt = UINT64_MAX}, NULL, ""), "third");
    uint32_t agent = 1;
    cr_expect_str_eq(ask((struct log_query){.by_agent = true, .agents = {&agent, 1, 1}, .attempt = UINT64_MAX}, NULL, ""), "first try");
    /* All of it is read from the segments again. */
    store_again(64 << 20);
    cr_expect_str_eq(ask((struct log_query){.attempt = UINT64_MAX}, NULL, ""), "first try/second try/third");
    cr_expect_eq(page.attempts.at[1].attempt_no, 2);
}

Test(log_search, following_tells_whole_lines_and_the_rest_when_a_log_ends)
{
    ask((struct log_query){0}, NULL, "");
    char cursor[LOG_CURSOR_MAX];
    memcpy(cursor, page.follow, sizeof cursor);
    SAY(2, 10, "one\ntw");
    cr_expect_str_eq(ask((struct log_query){0}, NULL, cursor), "one");
    memcpy(cursor, page.cursor, sizeof cursor);
    SAY(2, 11, "o\nlast");
    cr_expect_str_eq(ask((struct log_query){0}, NULL, cursor), "two");
    memcpy(cursor, page.cursor, sizeof cursor);
    put(key_a, 2, 3, 12, "", true, 0);
    cr_expect_str_eq(ask((struct log_query){0}, NULL, cursor), "last");
    memcpy(cursor, page.cursor, sizeof cursor);
    store_again(64 << 20);                       /* a new segment after a restart */
    SAY(3, 13, "on\n");
    cr_expect_str_eq(ask((struct log_query){0}, NULL, cursor), "");      /* its name was granted before, and is not known any more */
    cr_expect(page.done);
}

/* Pages that are late from the start: each ends behind one line, and the next goes on with the line after it. */
Test(log_search, a_page_that_is_late_ends_within_a_frame_and_no_line_is_lost)
{
    static const char *const want[] = {"abcd", "dcba", "abcd"};
    char cursor[LOG_CURSOR_MAX], follow[LOG_CURSOR_MAX];
    ask((struct log_query){0}, NULL, "");
    memcpy(follow, page.follow, sizeof follow);
    SAY(2, 10, "a\nb\nc\n");
    SAY(2, 11, "d\n");
    for (int how = 0; how < 3; how++) {          /* forward, backward, following */
        char lines[8] = "";
        snprintf(cursor, sizeof cursor, "%s", how == 2 ? follow : "");
        for (int pages = 0; (pages == 0 || !page.done) && pages < 10; pages++) {
            const char *line = ask((struct log_query){.max_ms = -1, .backward = how == 1}, NULL, cursor);
            cr_expect(strlen(line) <= 1, "%d: %s", how, line);
            if (strlen(line) == 1 && strlen(lines) < sizeof lines - 1)
                strncat(lines, line, 1);
            memcpy(cursor, page.cursor, sizeof cursor);
        }
        cr_expect_str_eq(lines, want[how]);
        cr_expect(page.done);
    }
}

Test(log_search, following_a_frame_of_more_lines_than_a_page_has_room_for)
{
    enum { LINES = 9000 };
    BF_AUTO_FREE char *text = bf_xcalloc(LINES + 1, 2);
    ask((struct log_query){0}, NULL, "");
    char cursor[LOG_CURSOR_MAX];
    memcpy(cursor, page.follow, sizeof cursor);
    for (size_t i = 0; i < LINES; i++)
        memcpy(text + 2 * i, "x\n", 2);
    SAY(2, 10, text);
    size_t lines = 0;
    for (int pages = 0; (pages == 0 || !page.done) && pages < 100; pages++) {
        for (const char *at = ask((struct log_query){0}, NULL, cursor); *at; at++)
            lines += *at == 'x';
        memcpy(cursor, page.cursor, sizeof cursor);
    }
    cr_expect_eq(lines, (size_t)LINES);
}

Test(log_search, gaps_and_damage_are_said_and_passed_over)
{
    char path[128];
    SAY(2, 10, "before\n");
    put(key_a, 2, 1, 11, "after\n", false, 100);
    cr_expect_str_eq(ask((struct log_query){0}, NULL, ""), "before/~100/after");
    cr_expect_str_eq(ask((struct log_query){0}, "e", ""), "before/after");
    cr_expect_eq(page.cut_bytes, 100);
    /* A byte of the first payload; then a byte of the second header, and a torn end. */
    snprintf(path, sizeof path, "%s/0000000001.seg", dir);
    int fd = open(path, O_RDWR);
    const off_t name = LOG_FRAME_BYTES + LOG_NAME_BYTES, second = name + LOG_FRAME_BYTES + 7;
    cr_assert(pwrite(fd, "B", 1, name + LOG_FRAME_BYTES) == 1);
    cr_expect_str_eq(ask((struct log_query){0}, NULL, ""), "~7/~100/after");
    cr_expect_eq(page.damaged, 1);
    SAY(2, 12, "third\n");
    cr_assert(pwrite(fd, "\xff", 1, second + 20) == 1);
    off_t size = lseek(fd, 0, SEEK_END);
    cr_assert_eq(ftruncate(fd, size - 1), 0);
    store_again(64 << 20);
    cr_expect_str_eq(ask((struct log_query){0}, NULL, ""), "~7");
    cr_assert(pwrite(fd, "\n", 1, size - 1) == 1);
    store_again(64 << 20);
    cr_expect_str_eq(ask((struct log_query){0}, NULL, ""), "~7/~106/third");
    close(fd);
}

Test(log_search, a_segment_that_goes_under_a_search_is_passed_over_and_said)
{
    char noise[60001], cursor[LOG_CURSOR_MAX];
    unsigned random = 1;
    for (size_t i = 0; i < sizeof noise - 1; i++)
        noise[i] = (char)(35 + (random = random * 1103515245 + 12345) / 65536 % 57);
    noise[sizeof noise - 2] = '\n';
    noise[sizeof noise - 1] = '\0';
    store_again(1);
    for (uint64_t attempt = 2; attempt <= 3; attempt++) {
        const struct log_name name = {.attempt = attempt, .backfill = 7, .index = (uint32_t)attempt, .n = 1};
        log_store_granted(store, key_a, &name);
    }
    SAY(2, 10, "old\n");
    SAY(2, 11, "old too\n");
    cr_expect_str_eq(ask((struct log_query){.max_lines = 1}, NULL, ""), "old");
    memcpy(cursor, page.cursor, sizeof cursor);
    for (int i = 0; i < 40; i++)
        SAY(3, 20 + i, noise);
    cr_expect_gt(page.gone_us, -1);
    ask((struct log_query){0}, NULL, cursor);
    cr_expect_gt(page.gone_us, 0);
    cr_expect_null(strstr(texts(), "old"));
}

Test(log_search, segments_go_with_age)
{
    struct log_store_stats stats;
    log_store_keep_age(store, 60000);
    SAY(2, 10, "old\n");
    log_store_stats(store, &stats);
    cr_expect_eq(stats.gone_us, 0);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    log_store_tidy(store, (t.tv_sec + 30) * INT64_C(1000000));
    cr_expect_str_eq(ask((struct log_query){0}, NULL, ""), "old");
    log_store_tidy(store, (t.tv_sec + 62) * INT64_C(1000000));
    cr_expect_str_eq(ask((struct log_query){0}, NULL, ""), "");
    log_store_stats(store, &stats);
    cr_expect_gt(stats.gone_us, 0);
    store_again(64 << 20);
    log_store_stats(store, &stats);
    cr_expect_gt(stats.gone_us, 0);
}

Test(log_search, long_lines_are_cut_into_pieces)
{
    char *big = bf_xmalloc(40001);
    memset(big, 'x', 40000);
    big[40000] = '\0';
    for (int i = 0; i < 5; i++)
        SAY(2, 10 + i, big);
    SAY(2, 20, "end\nshort\n");
    ask((struct log_query){.count = true}, "x", "");
    cr_expect_eq(page.matches, 5);               /* pieces of a frame's size, none of 200,000 */
    cr_expect_str_eq(ask((struct log_query){0}, "short", ""), "short");
    free(big);
}

Test(log_pattern, the_needle_never_hides_a_match)
{
    static const struct { const char *re, *text; bool match; } cases[] = {
        {"rows=\\d+", "rows=12", true},      {"abc?def", "abdef", true},        {"abcd*", "abc", true},        {"(foo)?bar", "bar", true},
        {"foo|bar", "bar", true},            {"(?i)ERROR", "error", true},      {"\\Qa.b\\E", "a.b", true},    {"a\\.bcd", "a.bcd", true},
        {"[abc]def", "cdef", true},          {"[]abc]xyz", "]xyz", true},       {"x{0}abc", "abc", true},      {"abcx{0,2}", "abc", true},
        {"abc\\+def", "abc+def", true},      {"^abc$", "abc", true},            {"ab(c[)]d)efg", "abc)defg", true},
        {"\\x41bcd", "Abcd", true},          {"\\101bcd", "Abcd", true},        {"abc+", "ab", false},         {"^$", "", true},
        {"[[:digit:]]abc", "1abc", true},    {"a{b", "a{b", true},              {"abcé+", "abcé", true},
        {"\\babc\\b", "x abc y", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct log_pattern *p = NULL;
        struct bf_error err = {0};
        cr_assert_eq(log_pattern_new(cases[i].re, true, false, &p, &err), BF_OK, "%s: %s", cases[i].re, err.text);
        cr_expect_eq(log_pattern_match(p, (const uint8_t *)cases[i].text, strlen(cases[i].text)), cases[i].match, "%s", cases[i].re);
        log_pattern_free(p);
    }
}

Test(log_pattern, mistakes_have_a_place_and_slow_expressions_give_up)
{
    struct log_pattern *p = NULL;
    struct bf_error err = {0};
    cr_expect_eq(log_pattern_new("ab[c", true, false, &p, &err), BF_INVALID);
    cr_expect_not_null(strstr(err.text, "at character 5"), "%s", err.text);
    static const char *const settings[] = {"(*LIMIT_MATCH=1)x", "(*UTF)x", "(*NO_JIT)x", "(*"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        cr_expect_eq(log_pattern_new(settings[i], true, false, &p, &err), BF_UNSUPPORTED);
        cr_expect_not_null(strstr(err.text, i ? "`(*" : "`(*LIMIT_MATCH=1…`"), "%s", err.text);
    }
    cr_assert_eq(log_pattern_new("(*UTF)x", false, false, &p, &err), BF_OK);       /* a text */
    log_pattern_free(p);
    cr_assert_eq(log_pattern_new("(x+x+)+[yz]", true, false, &p, &err), BF_OK);
    static const char xs[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    cr_expect_not(log_pattern_match(p, (const uint8_t *)xs, sizeof xs - 1));
    cr_expect_eq(log_pattern_gave_up(p), 1);
    log_pattern_free(p);
    cr_assert_eq(log_pattern_new("\xc3\x84rger", false, true, &p, &err), BF_OK);
    cr_expect(log_pattern_match(p, (const uint8_t *)"gro\xff\xc3\xa4RGER", 11));
    log_pattern_free(p);
}

Test(log_search, threads_answer_and_too_many_are_refused)
{
    struct bf_work_queue *x = NULL;
    struct bf_error err = {0};
    SAY(2, 10, "found\n");
    cr_assert_eq(log_searches_open(store, &x, &err), BF_OK);
    size_t asked = 0, refused = 0, answered = 0;
    for (int i = 0; i < 200; i++) {
        struct log_job *j = bf_xcalloc(1, sizeof *j);
        j->query.backfill = 7;
        if (log_searches_ask(x, j, &err) == BF_OK) {
            asked++;
        } else {
            refused++;
            cr_expect_not_null(strstr(err.text, "waiting"), "%s", err.text);
            log_job_free(j);
        }
    }
    while (answered < asked)
        for (struct log_job *j; (j = bf_work_queue_take(x)) != NULL; log_job_free(j), answered++)
            cr_expect_eq(j->page.matches, 1);
    cr_expect_eq(asked + refused, 200);
    bf_work_queue_close(x);
}

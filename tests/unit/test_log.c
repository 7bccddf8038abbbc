#include "common/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LEN(a) (sizeof(a) / sizeof *(a))

/* Standard error goes into a pipe for the length of one test. */
static int pipe_out(int *saved)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    *saved = dup(STDERR_FILENO);
    cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
    return ends[0];
}

/* What one read gives: a line is one write. */
static size_t take(int fd, char *ret, size_t size)
{
    ssize_t n = read(fd, ret, size - 1);
    ret[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

Test(log, a_line_has_its_parts_and_is_one_write)
{
    int saved = -1, fd = pipe_out(&saved);
    char line[8192];
    bf_log_open("agent", BF_LOG_INFO);
    bf_info("agent_lost", "agent=%s after_ms=%d", bf_log_quote("a 1"), 40);
    size_t n = take(fd, line, sizeof line);
    bf_info("bare", NULL);
    char bare[256];
    take(fd, bare, sizeof bare);
    dup2(saved, STDERR_FILENO);
    cr_assert_gt(n, 0);
    cr_expect_eq(strncmp(line, "time=20", 7), 0);
    cr_expect_not_null(strstr(line, " level=info component=agent event=agent_lost agent=\"a 1\" after_ms=40\n"));
    cr_expect_not_null(strstr(bare, " event=bare\n"));
}

static int evaluated(int *n)
{
    return ++*n;
}

Test(log, the_level_is_tested_before_the_arguments)
{
    int saved = -1, fd = pipe_out(&saved), n = 0;
    char line[512];
    bf_log_open("x", BF_LOG_WARN);
    bf_info("quiet", "n=%d", evaluated(&n));
    size_t quiet = take(fd, line, sizeof line);
    bf_warn("loud", "n=%d", evaluated(&n));
    size_t loud = take(fd, line, sizeof line);
    dup2(saved, STDERR_FILENO);
    cr_expect_eq(quiet, 0);
    cr_expect_gt(loud, 0);
    cr_expect_eq(n, 1);
}

Test(log, no_value_forges_a_second_line_and_long_ones_are_cut)
{
    int saved = -1, fd = pipe_out(&saved);
    char line[8192], big[6000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    bf_log_open("x", BF_LOG_INFO);
    bf_info("e", "text=%s", "one\ntime=forged");
    size_t n = take(fd, line, sizeof line);
    bf_info("e", "text=%s", big);
    char cut[8192];
    size_t cut_n = take(fd, cut, sizeof cut);
    dup2(saved, STDERR_FILENO);
    cr_expect_eq(strchr(line, '\n') - line, (long)n - 1);
    cr_expect(cut_n <= 4096 && cut[cut_n - 1] == '\n');
}

Test(log, quoting)
{
    static const struct { const char *in, *out; } rows[] = {
        {"plain", "plain"}, {"a-b_c.d/e:f", "a-b_c.d/e:f"}, {"", "\"\""}, {NULL, "\"\""}, {"a b", "\"a b\""},
        {"a\"b", "\"a\\\"b\""}, {"a\\b", "\"a\\\\b\""}, {"a=b", "\"a=b\""}, {"l1\nl2\t\r", "\"l1\\nl2\\t\\r\""},
        {"\x1b[31m", "\"\\x1b[31m\""}, {"\xc3\xa9", "\xc3\xa9"},
    };
    for (size_t i = 0; i < LEN(rows); i++)
        cr_expect_str_eq(bf_log_quote(rows[i].in), rows[i].out);
    char big[2000];
    memset(big, ' ', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    const char *cut = bf_log_quote(big);
    cr_expect(strlen(cut) < 512 && strcmp(cut + strlen(cut) - 4, "...\"") == 0);
    const char *first = bf_log_quote("first");
    for (int i = 0; i < 7; i++)
        bf_log_quote("other");
    cr_expect_str_eq(first, "first", "eight results live at once");
}

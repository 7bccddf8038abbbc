/* A socket of the test stands in for the supervisor: what it hears, in which order, and that nothing ever waits for it. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/supervisor.h"

struct ear { int fd; char dir[64], path[96]; };

static struct ear ear_open(const char *usec)
{
    struct ear ear = {.dir = "/tmp/bf-ear-XXXXXX"};
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    cr_assert_not_null(mkdtemp(ear.dir));
    snprintf(ear.path, sizeof ear.path, "%s/notify", ear.dir);
    strcpy(at.sun_path, ear.path);
    ear.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(ear.fd, (struct sockaddr *)&at, sizeof at), 0);
    setenv("NOTIFY_SOCKET", ear.path, 1);
    unsetenv("WATCHDOG_PID");
    if (usec)
        setenv("WATCHDOG_USEC", usec, 1);
    else
        unsetenv("WATCHDOG_USEC");
    return ear;
}

static void ear_close(struct ear *ear)
{
    close(ear->fd);
    unlink(ear->path);
    rmdir(ear->dir);
}

/* The next word, "" when there is none. */
static const char *hear(const struct ear *ear)
{
    static char word[512];
    ssize_t n = recv(ear->fd, word, sizeof word - 1, 0);
    word[n > 0 ? n : 0] = '\0';
    return word;
}

Test(supervisor, states_and_status_arrive_in_order_and_a_line_that_did_not_change_once)
{
    struct ear ear = ear_open(NULL);
    struct bf_supervisor *s = bf_supervisor_open();
    cr_expect(bf_supervisor_listens(s));
    cr_expect_null(getenv("NOTIFY_SOCKET"), "children could speak in our name");
    bf_supervisor_status(s, "recovering");
    bf_supervisor_ready(s);
    bf_supervisor_status(s, "serving %d", 1);
    bf_supervisor_status(s, "serving %d", 1);
    bf_supervisor_reloading(s);
    bf_supervisor_ready(s);
    bf_supervisor_stopping(s);
    cr_expect_str_eq(hear(&ear), "STATUS=recovering");
    cr_expect_str_eq(hear(&ear), "READY=1");
    cr_expect_str_eq(hear(&ear), "STATUS=serving 1");
    const char *word = hear(&ear);
    cr_expect_eq(strncmp(word, "RELOADING=1\nMONOTONIC_USEC=", 27), 0, "%s", word);
    cr_expect_str_eq(hear(&ear), "READY=1");
    cr_expect_str_eq(hear(&ear), "STOPPING=1");
    cr_expect_str_eq(hear(&ear), "");
    cr_expect_eq(bf_supervisor_next_ms(s), INT64_MAX, "without a watchdog nothing is due");
    bf_supervisor_close(s);
    ear_close(&ear);
}

Test(supervisor, a_line_break_or_a_long_text_forges_no_word)
{
    struct ear ear = ear_open(NULL);
    struct bf_supervisor *s = bf_supervisor_open();
    char large[2 * BF_SUPERVISOR_STATUS_MAX];
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    bf_supervisor_status(s, "why\nSTOPPING=1");
    cr_expect_str_eq(hear(&ear), "STATUS=why STOPPING=1");
    bf_supervisor_status(s, "%s", large);
    cr_expect_eq(strlen(hear(&ear)), strlen("STATUS=") + BF_SUPERVISOR_STATUS_MAX);
    bf_supervisor_close(s);
    ear_close(&ear);
}

Test(supervisor, beats_come_at_half_of_the_time_and_only_while_the_work_goes_on)
{
    struct ear ear = ear_open("2000000");
    struct bf_supervisor *s = bf_supervisor_open();
    cr_expect_eq(bf_supervisor_beat_ms(s), 1000);
    const struct { int64_t at_ms; bool alive, beat; } rows[] = {
        {5000, true, true}, {5999, true, false}, {6000, true, true}, {7000, false, false}, {7050, true, false}, {7100, true, true},
        {8099, true, false}, {8100, true, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_eq(bf_supervisor_turn(s, rows[i].alive, rows[i].at_ms), rows[i].beat, "row %zu", i);
        cr_expect_str_eq(hear(&ear), rows[i].beat ? "WATCHDOG=1" : "", "row %zu", i);
        cr_expect_gt(bf_supervisor_next_ms(s), rows[i].at_ms, "row %zu: the loop would spin", i);
    }
    bf_supervisor_close(s);
    ear_close(&ear);
}

Test(supervisor, a_supervisor_that_does_not_read_delays_nobody_and_misses_no_state)
{
    struct ear ear = ear_open("2000000");
    struct bf_supervisor *s = bf_supervisor_open();
    int64_t now_ms = 1000, begin_ms = bf_boottime_ms();
    unsigned sent = 0;
    while (bf_supervisor_turn(s, true, now_ms) && sent < 100000) {
        sent++;
        now_ms += 1000;
    }
    cr_assert_lt(sent, 100000u, "the queue of the socket has no end here");
    bf_supervisor_ready(s);
    bf_supervisor_status(s, "serving");
    bf_supervisor_stopping(s);
    cr_expect_lt(bf_boottime_ms() - begin_ms, 5000, "it waited");
    for (unsigned i = 0; i < sent; i++)
        cr_assert_str_eq(hear(&ear), "WATCHDOG=1");
    cr_expect_str_eq(hear(&ear), "");
    bf_supervisor_turn(s, false, now_ms + 1000);
    cr_expect_str_eq(hear(&ear), "READY=1");
    cr_expect_str_eq(hear(&ear), "STOPPING=1");
    cr_expect_str_eq(hear(&ear), "STATUS=serving");
    cr_expect_str_eq(hear(&ear), "");
    bf_supervisor_close(s);
    ear_close(&ear);
}

Test(supervisor, without_one_or_with_anothers_watchdog_nothing_is_done)
{
    const char *const nobody[] = {NULL, "", "relative", "@"};
    for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) {
        if (nobody[i])
            setenv("NOTIFY_SOCKET", nobody[i], 1);
        else
            unsetenv("NOTIFY_SOCKET");
        setenv("WATCHDOG_USEC", "2000000", 1);
        struct bf_supervisor *s = bf_supervisor_open();
        cr_expect(!bf_supervisor_listens(s), "row %zu", i);
        cr_expect_eq(bf_supervisor_beat_ms(s), 0, "row %zu", i);
        bf_supervisor_ready(s);
        bf_supervisor_status(s, "x");
        cr_expect(!bf_supervisor_turn(s, true, 1));
        cr_expect_eq(bf_supervisor_next_ms(s), INT64_MAX, "row %zu", i);
        bf_supervisor_close(s);
    }
    const char *const times[] = {"0", "-5", "soon", "", "99999999999999999999"};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct ear ear = ear_open(times[i]);
        struct bf_supervisor *s = bf_supervisor_open();
        cr_expect_eq(bf_supervisor_beat_ms(s), 0, "WATCHDOG_USEC=%s", times[i]);
        bf_supervisor_close(s);
        ear_close(&ear);
    }
    struct ear ear = ear_open("2000000");
    setenv("WATCHDOG_PID", "1", 1);
    struct bf_supervisor *s = bf_supervisor_open();
    cr_expect_eq(bf_supervisor_beat_ms(s), 0, "that watchdog is for process 1");
    cr_expect(bf_supervisor_listens(s));
    bf_supervisor_close(s);
    ear_close(&ear);
    bf_supervisor_close(NULL);
}

Test(supervisor, a_name_in_the_abstract_namespace_is_reached)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char name[64];
    int n = snprintf(name, sizeof name, "@bf-ear-%d", (int)getpid());
    memcpy(at.sun_path, name, (size_t)n);
    at.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    struct bf_supervisor *s = bf_supervisor_open();
    bf_supervisor_ready(s);
    char word[16] = "";
    cr_expect_eq(recv(fd, word, sizeof word - 1, 0), 7);
    cr_expect_str_eq(word, "READY=1");
    bf_supervisor_close(s);
    close(fd);
}

/* Canaries as real processes under the prober: what is told when the agent has no descriptor left or a start hangs, and that nothing of the
 * try stays. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/prober.h"
#include "common/clock.h"
#include "tests/support/dead_mount.h"

#define LIMIT_MS 20000
#define FILES 256                            /* of this process, at most */

struct heard { size_t n; bool readable, refused; char why[PROBE_WHY_MAX]; };

static void on_read(void *arg, const struct probe_reading *r)
{
    struct heard *h = arg;
    h->n++;
    h->readable = r->readable;
    h->refused = r->refused;
    snprintf(h->why, sizeof h->why, "%s", r->why);
}

static size_t open_files(void)
{
    size_t n = 0;
    for (int fd = 0; fd < FILES; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Until the next reading, or until what runs has ended. */
static void turn(struct prober *p, int epoll_fd)
{
    struct epoll_event events[8];
    int64_t wait = prober_next_ms(p) - bf_boottime_ms();
    int n = epoll_wait(epoll_fd, events, 8, wait < 0 ? 0 : wait < LIMIT_MS ? (int)wait : LIMIT_MS);
    for (int i = 0; i < n; i++)
        prober_event(p, events[i].data.ptr);
    prober_run(p, bf_boottime_ms());
}

/* Each time one descriptor more is free, until there are enough.  The agent lives, says why, and says it again for nothing the next time. */
static void starve(enum cgroup_mode mode, enum probe_kind kind, unsigned n_spawners)
{
    static const char *const own_env[] = {"PATH=/usr/bin:/bin", NULL};
    static const char *argv[] = {"/bin/true"};
    struct agent_config config = {.name = "unit", .sql_helper = "/bin/true", .http_helper = "/bin/true"};
    struct fence_page page = {0};
    struct heard heard = {0};
    struct bf_error err = {0};
    struct rlimit files;
    struct cgroup_tree *cgroups;
    int taken[FILES];
    size_t n_taken = 0, unreadable = 0;
    atomic_store(&page.deadline_ms, INT64_MAX);
    cr_assert_eq(cgroup_open(mode, "prober", "/tmp/bf-prober", &cgroups, &err), BF_OK);
    struct prober_setup setup = {.config = &config, .cgroups = cgroups, .page = &page, .own_env = own_env, .work_dir = "/tmp",
                                 .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .n_spawners = n_spawners, .read = on_read, .arg = &heard};
    struct prober *p = prober_new(&setup);
    struct probe_order order = {.id = 1, .connection = "w", .kind = kind, .every_ms = 3600000, .limit_ms = 5000, .argv = argv,
                                .n_argv = kind == PROBE_RUN, .spec = kind == PROBE_RUN ? "" : "{}"};
    cr_assert(getrlimit(RLIMIT_NOFILE, &files) == 0);
    cr_assert(setrlimit(RLIMIT_NOFILE, &(struct rlimit){FILES, files.rlim_max}) == 0);
    for (int fd; n_taken < FILES && (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;)
        taken[n_taken++] = fd;
    for (bool enough = false; !enough; order.id++) {
        cr_assert_gt(n_taken, 0, "it never had enough");
        size_t before = open_files();
        heard.n = 0;
        prober_set(p, &order, 1);
        while (heard.n == 0)
            turn(p, setup.epoll_fd);
        enough = heard.readable || strstr(heard.why, "its helper ended");
        if (!enough) {
            unreadable++;
            cr_expect(strstr(heard.why, "too many open files") || strstr(heard.why, "Too many open files"), "%s", heard.why);
            cr_expect_not(heard.refused, "for want of a file it is refused for good: %s", heard.why);
            size_t kept = mode == CGROUP_OFF ? 0 : CGROUP_LEAF_FILES;    /* of the group that is there for the next one */
            cr_expect_leq(open_files(), before + kept, "%s: %zu files, and %zu before", heard.why, open_files(), before);
        }
        prober_set(p, NULL, 0);
        while (prober_next_ms(p) != INT64_MAX)
            turn(p, setup.epoll_fd);
        close(taken[--n_taken]);
    }
    cr_expect_gt(unreadable, 3, "there were files enough from the beginning");
    while (n_taken > 0)
        close(taken[--n_taken]);
    prober_free(p);
    close(setup.epoll_fd);
    cgroup_close(cgroups);
    cr_assert(setrlimit(RLIMIT_NOFILE, &files) == 0);
}

Test(agent_prober, says_that_files_ran_out_and_goes_on)
{
    static const enum cgroup_mode modes[] = {CGROUP_OFF, CGROUP_AUTO};
    for (size_t m = 0; m < 4; m++) {
        starve(modes[m % 2], PROBE_RUN, m < 2);
        starve(modes[m % 2], PROBE_HTTP, m < 2);
    }
}

/* Two programs on a file system that does not answer, one of which waits for the thread meanwhile: the loop goes on, and both are told. */
static void hang(enum cgroup_mode mode, const char *dir)
{
    static const char *const own_env[] = {"PATH=/usr/bin:/bin", NULL};
    const char *argv[] = {"away/program"};
    struct agent_config config = {.name = "unit"};
    struct fence_page page = {0};
    struct heard heard = {0};
    struct bf_error err = {0};
    struct cgroup_tree *cgroups;
    atomic_store(&page.deadline_ms, INT64_MAX);
    cr_assert_eq(cgroup_open(mode, "prober", dir, &cgroups, &err), BF_OK);
    struct prober_setup setup = {.config = &config, .cgroups = cgroups, .page = &page, .own_env = own_env, .work_dir = dir,
                                 .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .n_spawners = 1, .read = on_read, .arg = &heard};
    struct probe_order orders[2] = {
        {.id = 1, .connection = "a", .kind = PROBE_RUN, .every_ms = 3600000, .limit_ms = 200, .argv = argv, .n_argv = 1, .spec = ""},
        {.id = 2, .connection = "b", .kind = PROBE_RUN, .every_ms = 3600000, .limit_ms = 200, .argv = argv, .n_argv = 1, .spec = ""}};
    struct prober *p = prober_new(&setup);
    prober_set(p, orders, 2);
    while (heard.n < 2) {
        turn(p, setup.epoll_fd);
        cr_expect(heard.n == 0 || (!heard.readable && strcmp(heard.why, "no answer within 200ms") == 0), "%s", heard.why);
    }
    orders[0].id = 3;                        /* it hangs again, and nobody wants it any more */
    prober_set(p, orders, 1);
    turn(p, setup.epoll_fd);
    prober_set(p, NULL, 0);
    while (prober_next_ms(p) != INT64_MAX)
        turn(p, setup.epoll_fd);
    orders[0].id = 4;
    prober_set(p, orders, 2);
    turn(p, setup.epoll_fd);
    prober_free(p);
    cr_expect_eq(heard.n, 2);
    close(setup.epoll_fd);
    cr_expect(cgroup_all_empty(cgroups));
    cgroup_close(cgroups);
}

/* With a thread more than what hangs: a limit that is shorter than the one of what hangs is kept. */
static void hang_beside(const char *dir)
{
    static const char *const own_env[] = {"PATH=/usr/bin:/bin", NULL};
    const char *hangs[] = {"away/program"}, *works[] = {"true"};
    struct agent_config config = {.name = "unit"};
    struct fence_page page = {0};
    struct heard heard = {0};
    struct bf_error err = {0};
    struct cgroup_tree *cgroups;
    atomic_store(&page.deadline_ms, INT64_MAX);
    cr_assert_eq(cgroup_open(CGROUP_OFF, "prober", "/tmp/bf-prober-hangs", &cgroups, &err), BF_OK);
    struct prober_setup setup = {.config = &config, .cgroups = cgroups, .page = &page, .own_env = own_env, .work_dir = dir,
                                 .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .n_spawners = 2, .read = on_read, .arg = &heard};
    const struct probe_order orders[2] = {
        {.id = 1, .connection = "a", .kind = PROBE_RUN, .every_ms = 3600000, .limit_ms = 3600000, .argv = hangs, .n_argv = 1, .spec = ""},
        {.id = 2, .connection = "b", .kind = PROBE_RUN, .every_ms = 3600000, .limit_ms = LIMIT_MS, .argv = works, .n_argv = 1, .spec = ""}};
    struct prober *p = prober_new(&setup);
    prober_set(p, orders, 1);
    prober_run(p, bf_boottime_ms());
    cr_assert(dead_await(LIMIT_MS));
    prober_set(p, orders, 2);
    while (heard.n == 0)
        turn(p, setup.epoll_fd);
    cr_expect(heard.readable, "%s", heard.why);
    prober_free(p);
    close(setup.epoll_fd);
    cgroup_close(cgroups);
}

/* No signal ends what waits for a secret in a thread of the agent's own: others go on beside it, and an agent that ends, alone or not,
 * does not wait for it. */
static void hang_in_a_secret(const char *dir, char *away)
{
    static const char *const own_env[] = {"PATH=/usr/bin:/bin", NULL};
    const char *works[] = {"true"};
    char *secrets[] = {"dsn"};
    struct step_ref dsn = {"odbc", "${secret:dsn}"};
    struct agent_config config = {.name = "unit", .sql_helper = "/bin/cat", .secrets_dir = away, .allow_secrets = {secrets, 1}};
    struct fence_page page = {0};
    struct heard heard = {0};
    struct bf_error err = {0};
    struct cgroup_tree *cgroups;
    int64_t until_ms = bf_boottime_ms() + LIMIT_MS;
    atomic_store(&page.deadline_ms, INT64_MAX);
    cr_assert_eq(cgroup_open(CGROUP_OFF, "prober", "/tmp/bf-prober-hangs", &cgroups, &err), BF_OK);
    struct prober_setup setup = {.config = &config, .cgroups = cgroups, .page = &page, .own_env = own_env, .work_dir = dir,
                                 .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .n_spawners = 1, .read = on_read, .arg = &heard};
    const struct runner_setup steps = {.config = &config, .cgroups = cgroups, .page = &page, .epoll_fd = setup.epoll_fd};
    const struct probe_order orders[2] = {
        {.id = 2, .connection = "b", .kind = PROBE_RUN, .every_ms = 100, .limit_ms = 1000, .argv = works, .n_argv = 1, .spec = ""},
        {.id = 1, .connection = "a", .kind = PROBE_SQL, .every_ms = 3600000, .limit_ms = 200, .spec = "{}", .refs = &dsn, .n_refs = 1}};
    static struct prober *p;                 /* it stays */
    p = prober_new(&setup);
    struct runner *runner = runner_new(&steps);
    prober_set(p, orders, 2);
    while (!heard.readable && bf_boottime_ms() < until_ms)
        turn(p, setup.epoll_fd);
    cr_expect(heard.readable, "%s", heard.why);
    cr_expect_not(runner_end_all(runner, p, 100), "a start is under way");
    prober_free(p);
    dead_unmount(away);
    cr_expect(runner_end_all(runner, p, LIMIT_MS));
    runner_free(runner);
    close(setup.epoll_fd);
    cgroup_close(cgroups);
}

Test(agent_prober, a_start_that_hangs_is_no_answer)
{
    char dir[] = "/tmp/bf-prober-XXXXXX", away[64];
    cr_assert_not_null(mkdtemp(dir));
    snprintf(away, sizeof away, "%s/away", dir);
    cr_assert_eq(mkdir(away, 0755), 0);
    bool there = dead_mount(away);
    if (there) {
        hang(CGROUP_OFF, dir);
        hang(CGROUP_AUTO, dir);
        hang_beside(dir);
        hang_in_a_secret(dir, away);
    }
    (void)rmdir(away);
    (void)rmdir(dir);
    if (!there)
        cr_skip("no file system can be mounted here");
}

/* What this machine gives at best, of the things that a step is made of.
 *
 *     bench_floors spawn PROGRAM [--count N] [--spawners N] [--cgroups] [--repeats N]
 *     bench_floors commit DIR [--count N]                one small turn after another into a store in DIR
 *     bench_floors echo [--count N] [--size N]           one message there and back over TCP with CURVE, between two processes
 *
 * spawn: so many spawners, each a process, each with one child at a time: posix_spawn as small as it can be, or with --cgroups the
 * agent's own: pipes for both streams, a recycled control group that is joined, proved empty and read, and nothing above that.
 * The last line is one JSON object. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "agent/cgroup.h"
#include "agent/child_pipes.h"
#include "agent/spawn.h"
#include "bench/figures.h"
#include "bench/words.h"
#include "common/options.h"
#include "coordinator/store/store.h"

extern char **environ;

struct options { const char *count, *spawners, *repeats, *size; bool cgroups, help; };

static const struct bf_option table[] = {
    {"count", 0, BF_OPT_STRING, offsetof(struct options, count), "N", "how many in all (default 2000)"},
    {"spawners", 0, BF_OPT_STRING, offsetof(struct options, spawners), "N", "processes that spawn (default 2)"},
    {"repeats", 0, BF_OPT_STRING, offsetof(struct options, repeats), "N", "default 3"},
    {"size", 0, BF_OPT_STRING, offsetof(struct options, size), "N", "bytes of a message (default 100)"},
    {"cgroups", 0, BF_OPT_FLAG, offsetof(struct options, cgroups), NULL, "with an agent's control groups and pipes"},
    {"help", 'h', BF_OPT_FLAG, offsetof(struct options, help), NULL, "print this page"},
};
#define N_OPTIONS (sizeof table / sizeof *table)
enum { NUMBER_MAX = 100000000 };

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_floors: %s: %s\n", what, why);
    _exit(1);
}

/* ---- children ---- */

static void spawn_bare(const char *program, int64_t n)
{
    char *const argv[] = {(char *)(uintptr_t)program, NULL};
    for (int64_t i = 0; i < n; i++) {
        pid_t pid;
        int status, errnum = posix_spawn(&pid, program, NULL, NULL, argv, environ);
        if (errnum != 0)
            fail(program, strerror(errnum));
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
}

/* As the agent's runner, in its order, one child at a time. */
static void run_in_group(struct cgroup_tree *tree, const char *program, int null_fd)
{
    const char *const argv[] = {program, NULL};
    struct bf_error err = {0};
    struct child_pipes pipes = {.in = fcntl(null_fd, F_DUPFD_CLOEXEC, 3), .read = {-1, -1}, .write = {-1, -1}};
    struct cgroup_leaf *leaf = NULL;
    struct cgroup_meters meters;
    struct spawned child;
    int procs[CGROUP_FDS_MAX], status;
    const char *what = "";
    char byte;
    if (child_pipes_open(&pipes) != 0)
        fail("pipes", strerror(errno));
    if (cgroup_take(tree, &(struct cgroup_limits){0}, &leaf, &err) != BF_OK)
        fail("a control group", err.text);
    const struct spawn_request req = {.program = program, .argv = argv, .env = (const char *const *)environ, .in_fd = pipes.in,
                                      .out_fd = pipes.write[0], .err_fd = pipes.write[1], .procs_fds = procs,
                                      .n_procs_fds = leaf ? cgroup_leaf_procs(leaf, procs) : 0};
    int errnum = spawn_process(&req, &child, &what);
    if (errnum != 0)
        fail(what, strerror(errnum));
    close(pipes.in);
    close(pipes.write[0]);
    close(pipes.write[1]);
    struct pollfd wait = {.fd = child.pidfd, .events = POLLIN};
    while (poll(&wait, 1, -1) < 0 && errno == EINTR)
        ;
    (void)waitpid(child.pid, &status, 0);
    for (size_t i = 0; i < 2; i++) {
        (void)!read(pipes.read[i], &byte, 1);
        close(pipes.read[i]);
    }
    close(child.pidfd);
    while (leaf && !cgroup_leaf_empty(leaf))
        cgroup_leaf_kill(leaf);
    if (leaf)
        cgroup_leaf_meters(leaf, &meters);
    cgroup_give(tree, leaf);
}

static void spawn_grouped(const char *program, int64_t n, int number_of_spawner)
{
    struct cgroup_tree *tree = NULL;
    struct bf_error err = {0};
    char state[64];
    snprintf(state, sizeof state, "/tmp/bench-%d-%d", (int)getpid(), number_of_spawner);
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (cgroup_open(CGROUP_AUTO, "bench", state, &tree, &err) != BF_OK)
        fail("control groups", err.text);
    for (int64_t i = 0; i < n; i++)
        run_in_group(tree, program, null_fd);
    cgroup_close(tree);
    close(null_fd);
}

static int spawn(const struct options *o, const char *program)
{
    int64_t n = bench_number(o->count, 2000, 1, NUMBER_MAX), spawners = bench_number(o->spawners, 2, 1, NUMBER_MAX);
    int64_t repeats = bench_number(o->repeats, 3, 1, NUMBER_MAX);
    struct figures rate = {0};
    for (int64_t r = 0; r < repeats; r++) {
        double began_s = figures_now_s();
        for (int64_t k = 0; k < spawners; k++) {
            pid_t pid = fork();
            if (pid < 0)
                fail("fork", strerror(errno));
            if (pid == 0) {
                if (o->cgroups)
                    spawn_grouped(program, n / spawners, (int)k);
                else
                    spawn_bare(program, n / spawners);
                _exit(0);
            }
        }
        int status, bad = 0;
        for (int64_t k = 0; k < spawners; k++)
            bad |= wait(&status) < 0 || status != 0;
        if (bad)
            return 1;
        figures_add(&rate, (double)(n / spawners * spawners) / (figures_now_s() - began_s));
    }
    printf("%s, %" PRId64 " spawner(s)%s: %.0f/s\n", program, spawners, o->cgroups ? ", control groups" : "", figures_quantile(&rate, 0.5));
    printf("{\"bench\":\"spawn\",\"program\":\"%s\",\"spawners\":%" PRId64 ",\"cgroups\":%s", program, spawners,
           o->cgroups ? "true" : "false");
    figures_json(stdout, "per_s", &rate);
    printf("}\n");
    return 0;
}

/* ---- the store ---- */

static int commit(const struct options *o, const char *dir)
{
    const struct store_options options = {.create = true};
    struct store *s = NULL;
    struct bf_error err = {0};
    struct figures ms = {0};
    static const uint8_t bytes[200];
    int64_t n = bench_number(o->count, 200, 1, NUMBER_MAX);
    if (store_open(dir, &options, &s, &err) != BF_OK)
        fail(dir, err.text);
    for (int64_t i = 0; i < n; i++) {
        const struct store_write w = {.seq = store_last_seq(s) + 1, .turn = bytes, .turn_bytes = sizeof bytes};
        double began_s = figures_now_s();
        if (store_commit(s, &w, &err) != BF_OK)
            fail(dir, err.text);
        figures_add(&ms, 1e3 * (figures_now_s() - began_s));
    }
    store_close(s);
    printf("commit of one small turn: %.3f ms\n{\"bench\":\"commit\"", figures_quantile(&ms, 0.5));
    figures_json(stdout, "ms", &ms);
    printf("}\n");
    return 0;
}

/* ---- the wire ---- */

static void *curve_socket(void *context, int type, const char *server_public, const char *server_secret)
{
    void *socket = zmq_socket(context, type);
    char public_key[41], secret_key[41];
    int on = 1, linger = 0;
    (void)zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    if (server_secret) {
        (void)zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &on, sizeof on);
        (void)zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, server_secret, 41);
        return socket;
    }
    (void)zmq_curve_keypair(public_key, secret_key);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_public, 41);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, 41);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, 41);
    return socket;
}

static void answer(const char *public_key, const char *secret_key, int tell_fd, int64_t n)
{
    void *context = zmq_ctx_new(), *socket = curve_socket(context, ZMQ_REP, public_key, secret_key);
    char where[256] = "", buffer[65536];
    size_t size = sizeof where;
    if (zmq_bind(socket, "tcp://127.0.0.1:*") != 0 || zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, where, &size) != 0)
        fail("echo", zmq_strerror(errno));
    (void)!write(tell_fd, where, sizeof where);
    for (int64_t i = 0; i < n; i++) {
        int got = zmq_recv(socket, buffer, sizeof buffer, 0);
        (void)zmq_send(socket, buffer, got < 0 ? 0 : (size_t)got, 0);
    }
    int linger = 1000;
    (void)zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close(socket);
    zmq_ctx_term(context);
}

static int echo(const struct options *o)
{
    int64_t n = bench_number(o->count, 100, 1, NUMBER_MAX) + 1, size = bench_number(o->size, 100, 1, NUMBER_MAX);
    char public_key[41], secret_key[41], where[256], buffer[65536] = "";
    int fds[2];
    struct figures ms = {0};
    (void)zmq_curve_keypair(public_key, secret_key);
    if (pipe(fds) != 0 || size > (int64_t)sizeof buffer)
        fail("echo", "no pipe, or too large a message");
    pid_t pid = fork();
    if (pid == 0) {
        answer(public_key, secret_key, fds[1], n);
        _exit(0);
    }
    if (pid < 0 || read(fds[0], where, sizeof where) != (ssize_t)sizeof where)
        fail("echo", "the other side does not start");
    void *context = zmq_ctx_new(), *socket = curve_socket(context, ZMQ_REQ, public_key, NULL);
    if (zmq_connect(socket, where) != 0)
        fail("echo", zmq_strerror(errno));
    for (int64_t i = 0; i < n; i++) {
        double began_s = figures_now_s();
        if (zmq_send(socket, buffer, (size_t)size, 0) < 0 || zmq_recv(socket, buffer, sizeof buffer, 0) < 0)
            fail("echo", zmq_strerror(errno));
        if (i > 0)                               /* the first one agrees on the keys */
            figures_add(&ms, 1e3 * (figures_now_s() - began_s));
    }
    zmq_close(socket);
    zmq_ctx_term(context);
    (void)waitpid(pid, NULL, 0);
    printf("there and back with CURVE, %" PRId64 " bytes: %.3f ms\n{\"bench\":\"echo\"", size, figures_quantile(&ms, 0.5));
    figures_json(stdout, "ms", &ms);
    printf("}\n");
    return 0;
}

int main(int argc, char **argv)
{
    static const char usage[] = "spawn PROGRAM | commit DIR | echo";
    struct options o = {0};
    struct bf_error err = {0};
    const char *words[2] = {0};
    size_t n = 0;
    if (bf_options_parse(argc - 1, argv + 1, table, N_OPTIONS, &o, words, 2, &n, NULL, NULL, &err) != BF_OK) {
        fprintf(stderr, "bench_floors: %s\n", err.text);
        return 2;
    }
    if (o.help)
        bench_help(usage, table, N_OPTIONS);
    if (n == 2 && strcmp(words[0], "spawn") == 0)
        return spawn(&o, words[1]);
    if (n == 2 && strcmp(words[0], "commit") == 0)
        return commit(&o, words[1]);
    if (n == 1 && strcmp(words[0], "echo") == 0)
        return echo(&o);
    fprintf(stderr, "usage: bench_floors %s\n", usage);
    return 2;
}

/* The whole agent (guardian, loop, session, runner) against a coordinator that the test plays on real sockets under CURVE. */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "agent/guardian.h"
#include "agent/loop.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

#define LIMIT_MS 20000
#define LEASE_MS 3000

struct coordinator {
    char dir[64];
    char server_public[41], server_secret[41];
    struct agent_keys keys;
    void *context, *fleet, *logs;
    char fleet_at[128], logs_at[128];
    uint8_t peer[64];                        /* routing id of the agent */
    size_t peer_len;
    uint64_t incarnation, nonce;             /* newest heard */
    pid_t guardian;
    char log[4096];
    size_t log_len;
    bool log_last;
    struct agent_msg msg;                    /* the newest that expect() found */
};

static void *bind_socket(struct coordinator *c, char *ret_at, size_t size)
{
    void *s = zmq_socket(c->context, ZMQ_ROUTER);
    int one = 1, zero = 0;
    zmq_setsockopt(s, ZMQ_CURVE_SERVER, &one, sizeof one);
    zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, c->server_secret, strlen(c->server_secret));
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    cr_assert_eq(zmq_bind(s, "tcp://127.0.0.1:*"), 0);
    cr_assert_eq(zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, ret_at, &size), 0);
    return s;
}

static struct coordinator *coordinator_new(void)
{
    struct coordinator *c = calloc(1, sizeof *c);
    snprintf(c->dir, sizeof c->dir, "/tmp/bf-session-XXXXXX");
    cr_assert_not_null(mkdtemp(c->dir));
    zmq_curve_keypair(c->server_public, c->server_secret);
    zmq_curve_keypair(c->keys.public_key, c->keys.secret_key);
    bf_log_max = BF_LOG_ERROR;
    return c;
}

static void open_sockets(struct coordinator *c)
{
    c->context = zmq_ctx_new();
    c->fleet = bind_socket(c, c->fleet_at, sizeof c->fleet_at);
    c->logs = bind_socket(c, c->logs_at, sizeof c->logs_at);
}

/* Forks before the library has threads here: a child of a process with threads may find any lock held for ever.  So the addresses, which
 * are known later, come to it by a pipe.  Gives the end that they are written to. */
static int start_agent(struct coordinator *c, const char *server_key)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    c->guardian = fork();
    cr_assert_geq(c->guardian, 0);
    if (c->guardian != 0) {
        close(ends[0]);
        return ends[1];
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);        /* a test that fails leaves no guardian behind */
    close(ends[1]);
    if (read(ends[0], c->fleet_at, sizeof c->fleet_at) != sizeof c->fleet_at ||
        read(ends[0], c->logs_at, sizeof c->logs_at) != sizeof c->logs_at)
        _exit(98);
    close(ends[0]);
    static char *allowed[] = {"PATH"};
    char *pinned[] = {bf_xstrdup(server_key)};
    char work[128];
    snprintf(work, sizeof work, "%s/work", c->dir);
    struct agent_config config = {
        .name = "unit-agent", .coordinator = c->fleet_at, .logs = c->logs_at, .server_keys = {pinned, 1}, .state_dir = c->dir,
        .work_dir = work, .slots = 4, .allow_env = {allowed, 1}, .sql_helper = bf_xstrdup("/bin/cat"), .log_bytes_max = 1 << 20};
    static const char *const own_env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
    const struct guardian_setup guardian = {.name = "unit", .state_dir = c->dir, .cgroup_mode = CGROUP_AUTO};
    struct agent_setup agent = {.config = &config, .keys = &c->keys, .own_env = own_env};
    struct bf_error err = {0};
    int status = 99;
    if (guardian_run(&guardian, agent_loop, &agent, &status, &err) != BF_OK)
        fprintf(stderr, "%s\n", err.text);
    _exit(status);
}

static void start_all(struct coordinator *c)
{
    int to_agent = start_agent(c, c->server_public);
    open_sockets(c);
    cr_assert_eq(write(to_agent, c->fleet_at, sizeof c->fleet_at), (ssize_t)sizeof c->fleet_at);
    cr_assert_eq(write(to_agent, c->logs_at, sizeof c->logs_at), (ssize_t)sizeof c->logs_at);
    close(to_agent);
}

static void end_all(struct coordinator *c)
{
    int status, pidfd = (int)syscall(SYS_pidfd_open, c->guardian, 0);
    struct pollfd p = {pidfd, POLLIN, 0};
    if (poll(&p, 1, LIMIT_MS) != 1) {
        kill(c->guardian, SIGKILL);
        cr_assert_fail("the guardian does not end");
    }
    cr_assert_eq(waitpid(c->guardian, &status, 0), c->guardian);
    cr_expect_eq(status, 0, "exit status %x", (unsigned)status);
    close(pidfd);
    agent_msg_done(&c->msg);
    zmq_close(c->fleet);
    zmq_close(c->logs);
    zmq_ctx_term(c->context);
    char words[128];
    snprintf(words, sizeof words, "rm -rf %s", c->dir);
    (void)!system(words);
    free(c);
}

static bool receive(void *socket, uint8_t *ret_peer, size_t *ret_peer_len, uint8_t *ret_body, size_t size, size_t *ret_n)
{
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    if (zmq_poll(&item, 1, LIMIT_MS) != 1)
        return false;
    int n = zmq_recv(socket, ret_peer, 64, 0);
    cr_assert_gt(n, 0);
    *ret_peer_len = (size_t)n;
    n = zmq_recv(socket, ret_body, size, 0);
    cr_assert(n > 0 && (size_t)n <= size);
    *ret_n = (size_t)n;
    return true;
}

static void send_msg(struct coordinator *c, struct agent_msg m)
{
    struct bf_buf wire = {0};
    m.incarnation = c->incarnation;
    m.nonce = c->nonce;
    m.lease_ms = LEASE_MS;
    m.fence_ms = 1000;
    m.heartbeat_ms = LEASE_MS / 4;
    if (!m.text)
        m.text = "";
    agent_msg_encode(&m, &wire);
    zmq_send(c->fleet, c->peer, c->peer_len, ZMQ_SNDMORE);
    zmq_send(c->fleet, wire.data, wire.len, 0);
    bf_buf_free(&wire);
}

/* Hear messages, answering heartbeats where asked to, until one of this kind (a report: of this kind of report). */
static const struct agent_msg *expect(struct coordinator *c, enum agent_msg_kind kind, int report, bool answer)
{
    static uint8_t body[1 << 20];
    size_t n;
    for (;;) {
        struct bf_error err = {0};
        cr_assert(receive(c->fleet, c->peer, &c->peer_len, body, sizeof body, &n), "message %d did not come", (int)kind);
        agent_msg_done(&c->msg);
        cr_assert_eq(agent_msg_decode(body, n, &c->msg, &err), BF_OK, "%s", err.text);
        c->incarnation = c->msg.incarnation;
        if (c->msg.nonce > 0)
            c->nonce = c->msg.nonce;
        if (c->msg.kind == AGENT_HEARTBEAT && answer)
            send_msg(c, (struct agent_msg){.kind = AGENT_HEARTBEAT_ACK});
        if (c->msg.kind != kind || (kind == AGENT_REPORT && report && (int)c->msg.reports[0].kind != report))
            continue;
        return &c->msg;
    }
}

static void read_logs_to_the_last(struct coordinator *c)
{
    static uint8_t body[1 << 17];
    uint8_t peer[64];
    size_t peer_len, n;
    while (!c->log_last) {
        struct log_msg m;
        struct bf_error err = {0};
        cr_assert(receive(c->logs, peer, &peer_len, body, sizeof body, &n), "the log did not come");
        cr_assert_eq(log_msg_decode(body, n, &m, &err), BF_OK, "%s", err.text);
        if (c->log_len + m.n_bytes < sizeof c->log && m.n_bytes > 0) {
            memcpy(c->log + c->log_len, m.bytes, m.n_bytes);
            c->log_len += m.n_bytes;
        }
        c->log_last = m.last;
        log_msg_done(&m);
    }
}

static void dispatch(struct coordinator *c, uint64_t id, const char *script)
{
    const char *argv[] = {"sh", "-c", script};
    struct assignment a = {.ref = {id, 1000 + id}, .cluster = "c0", .plan = "p", .step = "s", .partition = "", .n_partitions = 1,
                           .run_id = "1/s//1",
                           .run = 1, .attempt_no = 1, .kind = STEP_RUN, .argv = argv, .n_argv = 3, .spec = ""};
    send_msg(c, (struct agent_msg){.kind = AGENT_DISPATCH, .assignments = &a, .n_assignments = 1});
}

static void acknowledge(struct coordinator *c, uint64_t id)
{
    struct attempt_ref ref = {id, 1000 + id};
    send_msg(c, (struct agent_msg){.kind = AGENT_REPORT_ACK, .refs = &ref, .n_refs = 1});
}

Test(agent_session, hello_work_report_drain)
{
    struct coordinator *c = coordinator_new();
    start_all(c);
    const struct agent_msg *m = expect(c, AGENT_HELLO, 0, false);
    cr_expect_str_eq(m->hello.name, "unit-agent");
    cr_expect_eq(m->hello.slots, 4);
    cr_expect_eq(m->hello.previous, 0);
    cr_expect_eq(m->hello.n_held, 0);
    send_msg(c, (struct agent_msg){.kind = AGENT_WELCOME});
    dispatch(c, 1, "echo out; echo no such table >&2; exit 3");
    m = expect(c, AGENT_REPORT, REPORT_ENDED, true);
    cr_expect_eq(m->reports[0].ref.token, 1001);
    cr_expect_gt(m->reports[0].started_us, 0);
    cr_expect_eq(m->reports[0].outcome.source, OUTCOME_EXIT);
    cr_expect_eq(m->reports[0].outcome.code, 3);
    cr_expect_str_eq(m->reports[0].outcome.text, "exit status 3: no such table");
    cr_expect_gt(m->reports[0].outcome.usage.wall_us, 0);
    m = expect(c, AGENT_REPORT, REPORT_ENDED, true);         /* again, until acknowledged */
    cr_expect_eq(m->reports[0].ref.attempt, 1);
    acknowledge(c, 1);
    read_logs_to_the_last(c);
    cr_expect(strstr(c->log, "out\n"), "%s", c->log);
    cr_expect(strstr(c->log, "no such table\n"), "%s", c->log);
    kill(c->guardian, SIGTERM);
    expect(c, AGENT_BYE, 0, true);
    end_all(c);
}

Test(agent_session, unanswered_heartbeats_end_in_the_fence_and_hello)
{
    struct coordinator *c = coordinator_new();
    start_all(c);
    expect(c, AGENT_HELLO, 0, false);
    send_msg(c, (struct agent_msg){.kind = AGENT_WELCOME});
    dispatch(c, 1, "trap '' TERM; (setsid sleep 600 &); sleep 600");
    expect(c, AGENT_REPORT, REPORT_STARTED, false);
    int64_t begun_ms = bf_boottime_ms();
    /* No answer from now on: HELLO for the silence, and the attempt is still held when the lease is over. */
    const struct agent_msg *m = expect(c, AGENT_HELLO, 0, false);
    while (bf_boottime_ms() - begun_ms < LEASE_MS)
        m = expect(c, AGENT_HELLO, 0, false);
    cr_expect_eq(m->hello.n_held, 1);
    send_msg(c, (struct agent_msg){.kind = AGENT_WELCOME});
    m = expect(c, AGENT_REPORT, REPORT_ENDED, true);
    cr_expect_eq(m->reports[0].outcome.source, OUTCOME_FENCED, "source %d: %s", m->reports[0].outcome.source, m->reports[0].outcome.text);
    acknowledge(c, 1);
    kill(c->guardian, SIGTERM);
    expect(c, AGENT_BYE, 0, true);
    end_all(c);
}

Test(agent_session, cancel_and_missing_program)
{
    struct coordinator *c = coordinator_new();
    start_all(c);
    expect(c, AGENT_HELLO, 0, false);
    send_msg(c, (struct agent_msg){.kind = AGENT_WELCOME});
    dispatch(c, 1, "exec sleep 600");
    expect(c, AGENT_REPORT, REPORT_STARTED, true);
    struct attempt_ref ref = {1, 1001};
    send_msg(c, (struct agent_msg){.kind = AGENT_KILL, .refs = &ref, .n_refs = 1, .kill_reason = KILL_CANCELLED});
    const struct agent_msg *m = expect(c, AGENT_REPORT, REPORT_ENDED, true);
    cr_expect_eq(m->reports[0].outcome.source, OUTCOME_CANCELLED);
    acknowledge(c, 1);

    const char *argv[] = {"no-such-step"};
    struct assignment a = {.ref = {2, 1002}, .cluster = "c0", .plan = "p", .step = "s", .partition = "", .n_partitions = 1,
                           .run_id = "1/s//1",
                           .run = 1, .attempt_no = 1, .kind = STEP_RUN, .argv = argv, .n_argv = 1, .spec = ""};
    send_msg(c, (struct agent_msg){.kind = AGENT_DISPATCH, .assignments = &a, .n_assignments = 1});
    for (m = expect(c, AGENT_REPORT, REPORT_ENDED, true); m->reports[0].ref.attempt != 2; m = expect(c, AGENT_REPORT, REPORT_ENDED, true))
        ;
    cr_expect_eq(m->reports[0].outcome.source, OUTCOME_SPAWN);
    cr_expect_str_eq(m->reports[0].outcome.text, "step program not found: no-such-step");
    acknowledge(c, 2);
    send_msg(c, (struct agent_msg){.kind = AGENT_DRAIN});
    expect(c, AGENT_BYE, 0, true);
    end_all(c);
}

/* The coordinator as a process: start, recovery after a kill at the worst moments, reload, end.  Endpoints are free ports of the
 * loopback, told by the ready line. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/files.h"
#include "common/mem.h"
#include "plan/plan.h"
#include "proto/agent_msg.h"
#include "proto/operator_msg.h"
#include "tests/integration/peer.h"

extern char **environ;

#define START_WAIT_MS 60000                      /* until it says that it serves; also under valgrind */

struct site {
    char dir[64], config[96], log[96];
    struct key_pair server, agent, admin, other;
    void *context;
    pid_t pid;
    char api[64], fleet[64], logs[64];
    unsigned long long seq;
};

static void write_file(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void write_file(const char *path, const char *fmt, ...)
{
    char text[4096];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct bf_error err = {0};
    cr_assert_eq(bf_file_write(path, text, strlen(text), 0600, &err), BF_OK, "%s", err.text);
}

static void configure(const struct site *s, bool with_admin, unsigned slots)
{
    char admin[200];                             /* one there must be, or a reload is refused */
    snprintf(admin, sizeof admin, "  - {name: admin, role: admin, key: \"%s\"}\n",
             with_admin ? s->admin.public_text : s->other.public_text);
    write_file(s->config,
               "api: tcp://127.0.0.1:*\nfleet: tcp://127.0.0.1:*\nlogs: tcp://127.0.0.1:*\nstore: store\nlog_dir: logs\n"
               "key_file: coordinator.key\nlease: {agent: 10s, fence: 2s, coordinator: 13s, heartbeat: 1s}\n"
               "store_max: 64Mi\nstore_reserve: 4Mi\npools: {lake: {slots: %u}}\nkeys:\n"
               "  - {name: agent-1, role: agent, key: \"%s\"}\n%s", slots, s->agent.public_text, admin);
}

static struct site *site_new(void)
{
    struct site *s = bf_xcalloc(1, sizeof *s);
    snprintf(s->dir, sizeof s->dir, "/tmp/bf-coordinator-XXXXXX");
    cr_assert(mkdtemp(s->dir));
    snprintf(s->config, sizeof s->config, "%s/coordinator.conf", s->dir);
    snprintf(s->log, sizeof s->log, "%s/log", s->dir);
    s->server = key_pair_new();
    s->agent = key_pair_new();
    s->admin = key_pair_new();
    s->other = key_pair_new();
    char key[96];
    snprintf(key, sizeof key, "%s/coordinator.key", s->dir);
    write_file(key, "public: %s\nsecret: %s\n", s->server.public_text, s->server.secret_text);
    configure(s, true, 3);
    s->context = zmq_ctx_new();
    return s;
}

static int wait_end(struct site *s)
{
    int status;
    cr_assert_eq(waitpid(s->pid, &status, 0), s->pid);
    s->pid = 0;
    return status;
}

static void site_free(struct site *s)
{
    if (s->pid) {
        kill(s->pid, SIGKILL);
        wait_end(s);
    }
    zmq_ctx_term(s->context);
    char rm[128];
    snprintf(rm, sizeof rm, "rm -rf %s", s->dir);
    cr_assert_eq(system(rm), 0);
    free(s);
}

/* Read one line from fd, within START_WAIT_MS. */
static bool read_line(int fd, char *line, size_t size)
{
    for (size_t n = 0; n < size - 1;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, START_WAIT_MS) <= 0 || read(fd, line + n, 1) != 1)
            return false;
        line[++n] = '\0';
        if (line[n - 1] == '\n')
            return true;
    }
    return false;
}

/* failpoint may be NULL.  True when it says that it serves. */
static bool start(struct site *s, const char *failpoint)
{
    int out[2];
    cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, s->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    char config[] = "--config";
    char *argv[] = {(char[]){"bfcoordinator"}, config, s->config, NULL};
    if (failpoint)
        setenv("BF_FAILPOINT", failpoint, 1);
    else
        unsetenv("BF_FAILPOINT");
    cr_assert_eq(posix_spawn(&s->pid, BF_COORDINATOR, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    char line[512] = "";
    bool ready = read_line(out[0], line, sizeof line);
    close(out[0]);
    if (ready) {
        cr_assert_eq(sscanf(line, "ready api=%63s fleet=%63s logs=%63s seq=%llu", s->api, s->fleet, s->logs, &s->seq), 4, "%s", line);
    } else {
        kill(s->pid, SIGKILL);                   /* it has ended, or took too long: an end is not waited for in vain */
        wait_end(s);
    }
    return ready;
}

static struct peer operator_of(struct site *s)
{
    const struct peer_options o = {.endpoint = s->api, .server = &s->server, .own = &s->admin, .no_reconnect = true};
    return peer_connect(s->context, &o);
}

struct answer { bool came; uint8_t id; enum bf_rc rc; char text[512], json[4096]; };

static void say(struct peer *p, struct op_request *req, uint8_t id)
{
    memset(req->id, id, sizeof req->id);
    req->reason = req->reason ? req->reason : "";
    req->from = req->to = req->state = "";
    req->name = req->name ? req->name : "";
    struct bf_buf b = {0};
    op_request_encode(req, &b);
    cr_assert(peer_send(p, b.data, b.len));
    bf_buf_free(&b);
}

static struct answer hear(struct peer *p)
{
    static uint8_t bytes[1 << 20];
    struct answer a = {0};
    /* A coordinator that is killed closes the connection: no need to wait for long. */
    zmq_pollitem_t items[] = {{.socket = p->socket, .events = ZMQ_POLLIN}, {.socket = p->monitor, .events = ZMQ_POLLIN}};
    for (;;) {
        cr_assert_gt(zmq_poll(items, 2, PEER_WAIT_MS), 0, "neither an answer nor an end");
        if (items[0].revents)
            break;
        uint8_t event[8] = {0};
        char address[256];
        zmq_recv(p->monitor, event, sizeof event, 0);
        zmq_recv(p->monitor, address, sizeof address, 0);
        if (((unsigned)event[0] | (unsigned)event[1] << 8) == ZMQ_EVENT_DISCONNECTED && peer_receive(p, bytes, 0, 0) < 0)
            return a;
    }
    int n = zmq_recv(p->socket, bytes, sizeof bytes, 0);
    struct op_reply reply;
    struct bf_error err = {0};
    cr_assert_gt(n, 0);
    cr_assert_eq(op_reply_decode(bytes, (size_t)n, &reply, &err), BF_OK, "%s", err.text);
    a = (struct answer){.came = true, .id = reply.id[0], .rc = reply.rc};
    snprintf(a.text, sizeof a.text, "%s", reply.text);
    snprintf(a.json, sizeof a.json, "%.*s", (int)reply.json_len, reply.json);
    op_reply_done(&reply);
    return a;
}

static struct answer ask(struct peer *p, struct op_request *req, uint8_t id)
{
    say(p, req, id);
    return hear(p);
}

static struct answer ask_once(struct site *s, enum op_verb verb, uint8_t id)
{
    struct peer p = operator_of(s);
    struct op_request req = {.verb = verb};
    struct answer a = ask(&p, &req, id);
    peer_close(&p);
    return a;
}

/* PLAN_PUT in two slices. */
static void put_plan(struct peer *p, const char *text, uint8_t ret_hash[32])
{
    struct plan_source source = {.name = bf_xstrdup("small.yaml"), .text = bf_xstrdup(text), .text_len = strlen(text)};
    struct bf_buf bundle = {0};
    plan_bundle_encode(&source, &bundle);
    plan_source_hash(&source, ret_hash);
    for (size_t i = 0; i < 2; i++) {
        size_t from = i ? bundle.len / 2 : 0, until = i ? bundle.len : bundle.len / 2;
        struct op_request put = {.verb = OP_PLAN_PUT, .total_bytes = bundle.len, .offset_bytes = from, .bytes = bundle.data + from,
                                 .n_bytes = until - from};
        memcpy(put.plan_hash, ret_hash, sizeof put.plan_hash);
        struct answer a = ask(p, &put, (uint8_t)(200 + i));
        cr_assert(a.came && a.rc == BF_OK, "%s", a.text);
    }
    bf_buf_free(&bundle);
    plan_source_done(&source);
}

/* A small plan, then CREATE with this request id. */
static struct answer create(struct site *s, uint8_t id)
{
    struct peer p = operator_of(s);
    struct op_request req = {.verb = OP_CREATE};
    put_plan(&p, "apiVersion: backfill/v1\nkind: Plan\nname: small\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-03}\nsteps:\n"
                 "  only:\n    run: [echo]\n", req.plan_hash);
    struct answer a = ask(&p, &req, id);
    peer_close(&p);
    return a;
}

Test(coordinator, starts_answers_and_ends)
{
    struct site *s = site_new();
    cr_assert(start(s, NULL));
    struct answer a = ask_once(s, OP_VERSION, 1);
    cr_expect(a.came && a.rc == BF_OK && strstr(a.json, "\"cluster\""), "%s %s", a.text, a.json);
    a = create(s, 2);
    cr_expect(a.came && a.rc == BF_OK, "%s", a.text);
    cr_expect(strstr(a.json, "\"bf-1\""), "%s", a.json);
    a = ask_once(s, OP_POOLS, 3);
    cr_expect(strstr(a.json, "\"lake\"") && strstr(a.json, "\"config\""), "%s", a.json);
    kill(s->pid, SIGTERM);
    int status = wait_end(s);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cr_assert(start(s, NULL), "and again");
    cr_expect_gt(s->seq, 0);
    a = ask_once(s, OP_GET, 4);
    cr_expect(strstr(a.json, "\"small\""), "%s", a.json);
    site_free(s);
}

/* Two million instances take a while; what is asked after the create is answered before it, and a create that never was is not there
 * after a kill. */
Test(coordinator, nobody_waits_for_the_create_of_a_large_backfill)
{
    struct site *s = site_new();
    cr_assert(start(s, NULL));
    struct peer p = operator_of(s);
    struct op_request req = {.verb = OP_CREATE}, question = {.verb = OP_POOLS};
    put_plan(&p, "apiVersion: backfill/v1\nkind: Plan\nname: large\npartitions: {grain: hour, from: 1970-01-01T00, to: 1999-01-01T00}\n"
                 "steps:\n  a: {noop: true}\n  b: {noop: true, needs: [{a: window -6..0}]}\n  c: {noop: true, needs: [{a: previous 1}]}\n"
                 "  d: {noop: true}\n  e: {noop: true}\n  f: {noop: true}\n  g: {noop: true}\n  h: {noop: true}\n", req.plan_hash);
    say(&p, &req, 7);
    struct answer a = ask(&p, &question, 8);
    cr_expect(a.id == 8 && a.rc == BF_OK, "answered first: %d: %s", a.id, a.text);
    a = hear(&p);
    cr_expect(a.id == 7 && a.rc == BF_OK && strstr(a.json, "\"bf-1\""), "%d: %s", a.id, a.text);
    say(&p, &req, 9);
    a = ask(&p, &question, 10);
    cr_expect(a.id == 10, "answered first: %d: %s", a.id, a.text);
    kill(s->pid, SIGKILL);
    wait_end(s);
    peer_close(&p);
    cr_assert(start(s, NULL), "and again");
    a = ask_once(s, OP_GET, 4);
    cr_expect(strstr(a.json, "\"bf-1\""), "%s", a.json);
    site_free(s);
}

Test(coordinator, an_agent_is_welcomed_with_the_lease_of_the_configuration)
{
    struct site *s = site_new();
    cr_assert(start(s, NULL));
    const struct peer_options o = {.endpoint = s->fleet, .server = &s->server, .own = &s->agent};
    struct peer p = peer_connect(s->context, &o);
    struct agent_msg hello = {.kind = AGENT_HELLO, .incarnation = 5, .nonce = 9, .text = ""};
    hello.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = "agent-1", .version = "1", .slots = 2,
                                       .fence = FENCE_WEAK,
                                       .boot_id = "00000000-0000-0000-0000-000000000000"};
    struct bf_buf b = {0};
    agent_msg_encode(&hello, &b);
    cr_assert(peer_send(&p, b.data, b.len));
    bf_buf_free(&b);
    uint8_t bytes[4096];
    long n = peer_receive(&p, bytes, sizeof bytes, PEER_WAIT_MS);
    cr_assert_gt(n, 0);
    struct agent_msg m;
    struct bf_error err = {0};
    cr_assert_eq(agent_msg_decode(bytes, (size_t)n, &m, &err), BF_OK, "%s", err.text);
    cr_expect_eq(m.kind, AGENT_WELCOME);
    cr_expect_eq(m.nonce, 9);
    cr_expect_eq(m.lease_ms, 10000);
    agent_msg_done(&m);
    peer_close(&p);
    site_free(s);
}

/* Receive as an agent until a message of this kind comes. */
static void agent_wait(struct peer *p, enum agent_msg_kind kind, struct agent_msg *ret)
{
    static uint8_t bytes[1 << 20];
    for (;;) {
        long n = peer_receive(p, bytes, sizeof bytes, PEER_WAIT_MS);
        struct bf_error err = {0};
        cr_assert_gt(n, 0, "no message of kind %d", (int)kind);
        cr_assert_eq(agent_msg_decode(bytes, (size_t)n, ret, &err), BF_OK, "%s", err.text);
        if (ret->kind == kind)
            return;
        agent_msg_done(ret);
    }
}

static void agent_tell(struct peer *p, const struct agent_msg *m)
{
    struct bf_buf b = {0};
    agent_msg_encode(m, &b);
    cr_assert(peer_send(p, b.data, b.len));
    bf_buf_free(&b);
}

/* An agent of one slot that ends the first attempt with a check of severity halt. */
static void report_halt(struct site *s)
{
    const struct peer_options o = {.endpoint = s->fleet, .server = &s->server, .own = &s->agent};
    struct peer p = peer_connect(s->context, &o);
    struct agent_msg hello = {.kind = AGENT_HELLO, .incarnation = 5, .nonce = 1, .text = ""}, m;
    hello.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = "agent-1", .version = "1", .slots = 1,
                                       .fence = FENCE_WEAK,
                                       .boot_id = "00000000-0000-0000-0000-000000000000"};
    agent_tell(&p, &hello);
    agent_wait(&p, AGENT_DISPATCH, &m);
    cr_assert_eq(m.n_assignments, 1);
    struct agent_report r = {.ref = m.assignments[0].ref, .kind = REPORT_ENDED, .started_us = 1, .ended_us = 2};
    r.outcome = (struct outcome){.source = OUTCOME_CHECK, .code = CHECK_HALT, .sqlstate = "", .dbms = "", .rows = -1,
                                 .text = "check unique of stg failed: 3 rows are there twice",
                                 .details = "{\"checks\":[{\"name\":\"unique\",\"kind\":\"unique\",\"severity\":\"halt\","
                                            "\"dataset\":\"stg\",\"status\":\"failed\",\"text\":\"3 rows\"}]}"};
    agent_msg_done(&m);
    agent_tell(&p, &(struct agent_msg){.kind = AGENT_REPORT, .incarnation = 5, .reports = &r, .n_reports = 1, .text = ""});
    agent_wait(&p, AGENT_REPORT_ACK, &m);
    agent_msg_done(&m);
    peer_close(&p);
}

/* Acknowledged is durable, its details too; and nothing of a halted backfill is granted after the restart either. */
Test(coordinator, a_halt_and_its_checks_survive_a_kill)
{
    struct site *s = site_new();
    cr_assert(start(s, NULL));
    cr_assert_eq(create(s, 2).rc, BF_OK);
    report_halt(s);
    kill(s->pid, SIGKILL);
    wait_end(s);
    cr_assert(start(s, NULL));
    struct answer a = ask_once(s, OP_GET, 3);
    cr_expect(strstr(a.json, "\"state\":\"paused\"") && strstr(a.json,
                                                               "\"halted\":\"halted by a check of only[2024-01-01]: check unique of stg"),
                                                               "%s",
              a.json);
    cr_expect(strstr(a.json, "\"failed\":1") && strstr(a.json, "\"ready\":2"), "%s", a.json);
    a = ask_once(s, OP_CHECKS, 4);
    cr_expect(strstr(a.json, "\"name\":\"unique\"") && strstr(a.json, "\"status\":\"failed\"") && strstr(a.json, "\"next\":null"), "%s",
              a.json);
    a = ask_once(s, OP_FAILURES, 5);
    cr_expect(strstr(a.json, "\"source\":\"check\"") && strstr(a.json, "bfctl resume"), "%s", a.json);
    site_free(s);
}

/* Killed before the commit nothing has happened; after it everything has.  The same request gives one backfill either way. */
Test(coordinator, a_kill_at_the_worst_moment_loses_nothing_and_repeats_nothing)
{
    static const struct { const char *failpoint; bool answered, kept; } cases[] = {
        {"before_commit:2", false, false}, {"after_commit:2", false, true}, {"after_ack", true, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct site *s = site_new();
        cr_assert(start(s, cases[i].failpoint));           /* the first commit is that of the pool */
        struct answer first = create(s, 7);
        cr_expect_eq(first.came, cases[i].answered, "%s", cases[i].failpoint);
        int status = wait_end(s);
        cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: status %d", cases[i].failpoint, status);
        cr_assert(start(s, NULL));
        struct answer got = ask_once(s, OP_GET, 8);
        cr_expect_eq(got.rc, cases[i].kept ? BF_OK : BF_NOT_FOUND, "%s: %s", cases[i].failpoint, got.text);
        struct answer again = create(s, 7);
        cr_expect(again.came && again.rc == BF_OK && strstr(again.json, "\"bf-1\""), "%s: %s %s", cases[i].failpoint, again.text,
                  again.json);
        if (first.came)
            cr_expect_str_eq(again.json, first.json);
        struct answer list = ask_once(s, OP_LIST, 9);
        cr_expect(!strstr(list.json, "bf-2"), "%s: %s", cases[i].failpoint, list.json);
        site_free(s);
    }
}

/* Ask for the pools until the answer holds what is expected: a reload is taken between two turns. */
static bool pools_become(struct site *s, const char *part)
{
    int64_t until_ms = bf_boottime_ms() + PEER_WAIT_MS;
    while (bf_boottime_ms() < until_ms) {
        struct answer a = ask_once(s, OP_POOLS, 1);
        if (a.came && strstr(a.json, part))
            return true;
    }
    return false;
}

Test(coordinator, reload_changes_pools_and_takes_keys_away)
{
    struct site *s = site_new();
    cr_assert(start(s, NULL));
    struct peer p = operator_of(s);
    struct op_request req = {.verb = OP_VERSION};
    cr_assert_eq(ask(&p, &req, 1).rc, BF_OK);
    configure(s, true, 17);
    kill(s->pid, SIGHUP);
    cr_assert(pools_become(s, "\"slots\":17"));
    write_file(s->config, "pools: [not, a, map]\n");
    kill(s->pid, SIGHUP);
    cr_assert_eq(ask(&p, &req, 2).rc, BF_OK, "a configuration that is not valid changes nothing");
    configure(s, false, 17);
    kill(s->pid, SIGHUP);
    enum bf_rc rc = BF_OK;
    for (int i = 0; i < 10000 && rc == BF_OK; i++)
        rc = ask(&p, &req, 3).rc;
    cr_assert_eq(rc, BF_DENIED, "the key is gone from the configuration");
    peer_close(&p);
    site_free(s);
}

static bool log_has(const struct site *s, const char *part)
{
    struct bf_buf text = {0};
    struct bf_error err = {0};
    cr_assert_eq(bf_file_read(s->log, 1 << 20, &text, &err), BF_OK, "%s", err.text);
    bool found = strstr(bf_buf_cstr(&text), part) != NULL;
    if (!found)
        fprintf(stderr, "not in the log: %s\n%s", part, bf_buf_cstr(&text));
    bf_buf_free(&text);
    return found;
}

/* Who changed what, and with what end: both lines of a change are written before its answer leaves. */
Test(coordinator, the_log_tells_commands_and_refusals)
{
    struct site *s = site_new();
    cr_assert(start(s, NULL));
    cr_assert_eq(create(s, 2).rc, BF_OK);
    struct peer p = operator_of(s);
    struct op_request pause = {.verb = OP_PAUSE, .backfill = OP_LATEST, .reason = "month end"};
    cr_assert_eq(ask(&p, &pause, 3).rc, BF_OK);
    struct op_request cancel = {.verb = OP_CANCEL, .backfill = 77, .reason = ""};
    cr_assert_eq(ask(&p, &cancel, 4).rc, BF_NOT_FOUND);
    struct op_request drain = {.verb = OP_AGENT_DRAIN, .name = "agent-9", .reason = ""};
    cr_assert_neq(ask(&p, &drain, 5).rc, BF_OK);
    peer_close(&p);
    cr_expect(log_has(s, "event=command verb=create target=new "));
    cr_expect(log_has(s, "event=command verb=pause target=latest request=03030303 by=admin reason=\"month end\""));
    cr_expect(log_has(s, "event=command_done request=03030303 by=admin "));
    cr_expect(log_has(s, "event=command verb=cancel target=bf-77 "));
    cr_expect(log_has(s, "event=command_refused request=04040404 by=admin rc=not_found "));
    cr_expect(log_has(s, "event=command verb=\"agent drain\" target=agent-9 "));
    cr_expect(log_has(s, "event=command_refused request=05050505 by=admin rc="));
    site_free(s);
}

Test(coordinator, what_cannot_be_served_is_refused)
{
    struct site *s = site_new(), second;
    cr_assert(start(s, NULL));
    second = *s;
    cr_expect(!start(&second, NULL), "two coordinators on one store");
    write_file(s->config, "lease: {agent: 60s, fence: 5s, coordinator: 61s, heartbeat: 5s}\n");
    second = *s;
    cr_expect(!start(&second, NULL), "a lease that breaks the rule");
    configure(s, true, 1);
    second = *s;
    cr_expect(!start(&second, "at_lunch"), "an unknown failpoint");
    site_free(s);
}

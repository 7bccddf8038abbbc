/* Thousands of agents in one process: real sockets with CURVE and the real protocol, and steps that are held and never run.
 *
 *     bench_fleet keys N FILE                              a name, a public and a secret key a line
 *     bench_fleet run FILE FROM N ENDPOINT SERVER_KEY [--heartbeat-ms N] [--slots N]
 *
 * Heartbeats are spread over their period.  An agent that is not answered for two of them says HELLO again, with what it holds.  Each
 * second, and whenever the number that is connected reaches N, a line of JSON says how many are connected, and what came since the
 * beginning: welcomes, answers, refusals, dispatches, kills.  "end" on standard input ends all steps that are held; its end ends
 * the process. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zmq.h>

#include "bench/figures.h"
#include "bench/words.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/vec.h"
#include "proto/agent_msg.h"

enum { NAME = 64, KEY_TEXT_BYTES = 41, EVENTS = 256, HANDSHAKE_MS = 3000, RECONNECT_MS = 100, RECONNECT_MOST_MS = 1600,
       NUMBER_MAX = 1000000 };

struct options { const char *heartbeat_ms, *slots; bool help; };
static const struct bf_option table[] = {
    {"heartbeat-ms", 0, BF_OPT_STRING, offsetof(struct options, heartbeat_ms), "N", "default 2000"},
    {"slots", 0, BF_OPT_STRING, offsetof(struct options, slots), "N", "of each agent (default 1)"},
    {"help", 'h', BF_OPT_FLAG, offsetof(struct options, help), NULL, "print this page"},
};

struct peer {
    char name[NAME], public_key[KEY_TEXT_BYTES], secret_key[KEY_TEXT_BYTES];
    void *socket;
    uint64_t incarnation, nonce, seen;
    bool connected;                              /* welcomed, and answered since */
    double beat_at_s, answered_s;
    struct { struct attempt_ref *at; size_t n, cap; } held;
};

struct fleet {
    struct peer *peers;
    size_t n, connected;
    double heartbeat_s;
    uint32_t slots;
    int epoll;
    uint64_t welcomes, answers, refusals, dispatches, kills, malformed;
    char cluster[128];
    struct bf_buf scratch;
};

/* ---- keys ---- */

static int make_keys(int64_t n, const char *path)
{
    char public_key[KEY_TEXT_BYTES], secret_key[KEY_TEXT_BYTES];
    FILE *f = fopen(path, "we");
    if (!f)
        bench_fail(path, strerror(errno));
    for (int64_t i = 0; i < n; i++) {
        if (zmq_curve_keypair(public_key, secret_key) != 0)
            bench_fail("keys", zmq_strerror(errno));
        fprintf(f, "sim-%" PRId64 " %s %s\n", i, public_key, secret_key);
    }
    return fclose(f) == 0 ? 0 : 1;
}

static void read_keys(struct fleet *f, const char *path, size_t from)
{
    char line[256];
    FILE *in = fopen(path, "re");
    if (!in)
        bench_fail(path, strerror(errno));
    for (size_t i = 0; i < from + f->n; i++) {
        struct peer *p = i >= from ? &f->peers[i - from] : NULL;
        if (!fgets(line, sizeof line, in))
            bench_fail(path, "too few keys");
        if (p && sscanf(line, "%63s %40s %40s", p->name, p->public_key, p->secret_key) != 3)
            bench_fail(path, line);
    }
    fclose(in);
}

/* ---- messages ---- */

static void say(struct fleet *f, struct peer *p, const struct agent_msg *m)
{
    bf_buf_clear(&f->scratch);
    agent_msg_encode(m, &f->scratch);
    (void)zmq_send(p->socket, f->scratch.data, f->scratch.len, ZMQ_DONTWAIT);
}

static void set_connected(struct fleet *f, struct peer *p, bool connected)
{
    f->connected = f->connected + connected - p->connected;
    p->connected = connected;
}

static void hello(struct fleet *f, struct peer *p)
{
    struct agent_msg m = {.kind = AGENT_HELLO, .incarnation = p->incarnation, .nonce = ++p->nonce, .text = ""};
    m.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = p->name, .version = BF_VERSION, .slots = f->slots,
                                   .boot_id = "00000000-0000-0000-0000-000000000000", .fence = FENCE_CGROUP_V2,
                                   .held = p->held.at, .n_held = p->held.n, .seen = p->seen, .seen_cluster = f->cluster};
    set_connected(f, p, false);
    say(f, p, &m);
}

static void beat(struct fleet *f, struct peer *p, double now_s)
{
    p->beat_at_s += f->heartbeat_s;
    if (p->beat_at_s < now_s)
        p->beat_at_s = now_s + f->heartbeat_s;
    if (!p->connected || now_s - p->answered_s > 2 * f->heartbeat_s) {
        hello(f, p);
        return;
    }
    const struct agent_msg m = {.kind = AGENT_HEARTBEAT, .incarnation = p->incarnation, .nonce = ++p->nonce, .text = ""};
    say(f, p, &m);
}

static void take(struct fleet *f, struct peer *p, const struct assignment *a)
{
    for (size_t i = 0; i < p->held.n; i++)
        if (p->held.at[i].attempt == a->ref.attempt)
            return;                              /* once more */
    bf_vec_push(&p->held, a->ref);
    p->seen = a->ref.token > p->seen ? a->ref.token : p->seen;
    snprintf(f->cluster, sizeof f->cluster, "%s", a->cluster);
    f->dispatches++;
}

static void drop(struct peer *p, const struct attempt_ref *refs, size_t n)
{
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < p->held.n; i++)
            if (p->held.at[i].attempt == refs[k].attempt)
                p->held.at[i--] = p->held.at[--p->held.n];
}

static void hear(struct fleet *f, struct peer *p, const struct agent_msg *m, double now_s)
{
    switch (m->kind) {
    case AGENT_WELCOME:
        f->welcomes++;
        set_connected(f, p, true);
        break;
    case AGENT_HEARTBEAT_ACK:
        f->answers++;
        break;
    case AGENT_REFUSE:
        f->refusals++;
        set_connected(f, p, false);
        break;
    case AGENT_DISPATCH:
        for (size_t i = 0; i < m->n_assignments; i++)
            take(f, p, &m->assignments[i]);
        break;
    case AGENT_KILL:
        f->kills += m->n_refs;
        drop(p, m->refs, m->n_refs);
        break;
    case AGENT_REPORT_ACK:
        drop(p, m->refs, m->n_refs);
        break;
    default:
        break;
    }
    if (m->kind != AGENT_REFUSE)
        p->answered_s = now_s;
}

static void drain(struct fleet *f, struct peer *p)
{
    static uint8_t bytes[BF_MESSAGE_MAX_BYTES];
    struct bf_error err = {0};
    int n;
    while ((n = zmq_recv(p->socket, bytes, sizeof bytes, ZMQ_DONTWAIT)) >= 0) {
        struct agent_msg m = {0};
        if (n <= (int)sizeof bytes && agent_msg_decode(bytes, (size_t)n, &m, &err) == BF_OK)
            hear(f, p, &m, figures_now_s());
        else
            f->malformed++;
        agent_msg_done(&m);
    }
}

static void end_all(struct fleet *f)
{
    for (size_t i = 0; i < f->n; i++) {
        struct peer *p = &f->peers[i];
        for (size_t k = 0; k < p->held.n; k++) {
            struct agent_report r = {p->held.at[k], REPORT_ENDED, false, 1, 2, {.source = OUTCOME_OK, .sqlstate = "", .dbms = "",
                                                                         .details = "", .text = "", .rows = -1}};
            const struct agent_msg m = {.kind = AGENT_REPORT, .incarnation = p->incarnation, .text = "", .reports = &r, .n_reports = 1};
            say(f, p, &m);
        }
    }
}

/* ---- sockets ---- */

static void set_int(void *socket, int option, int value)
{
    (void)zmq_setsockopt(socket, option, &value, sizeof value);
}

static void connect_peer(struct fleet *f, struct peer *p, void *context, const char *endpoint, const char *server_key)
{
    p->socket = zmq_socket(context, ZMQ_DEALER);
    if (!p->socket)
        bench_fail(p->name, zmq_strerror(errno));
    set_int(p->socket, ZMQ_LINGER, 0);
    set_int(p->socket, ZMQ_IMMEDIATE, 1);
    set_int(p->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    set_int(p->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MOST_MS);
    set_int(p->socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    (void)zmq_setsockopt(p->socket, ZMQ_CURVE_SERVERKEY, server_key, KEY_TEXT_BYTES - 1);
    (void)zmq_setsockopt(p->socket, ZMQ_CURVE_PUBLICKEY, p->public_key, KEY_TEXT_BYTES - 1);
    (void)zmq_setsockopt(p->socket, ZMQ_CURVE_SECRETKEY, p->secret_key, KEY_TEXT_BYTES - 1);
    if (zmq_connect(p->socket, endpoint) != 0)
        bench_fail(endpoint, zmq_strerror(errno));
    int fd;
    size_t size = sizeof fd;
    (void)zmq_getsockopt(p->socket, ZMQ_FD, &fd, &size);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = p};
    if (epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        bench_fail(p->name, strerror(errno));
}

static void tell(const struct fleet *f, double began_s)
{
    printf("{\"at_s\":%.3f,\"connected\":%zu,\"welcomes\":%" PRIu64 ",\"answers\":%" PRIu64 ",\"refusals\":%" PRIu64
           ",\"dispatches\":%" PRIu64 ",\"kills\":%" PRIu64 ",\"malformed\":%" PRIu64 "}\n", figures_now_s() - began_s, f->connected,
           f->welcomes, f->answers, f->refusals, f->dispatches, f->kills, f->malformed);
    fflush(stdout);
}

/* false: standard input has ended. */
static bool commands(struct fleet *f)
{
    char line[64];
    ssize_t n = read(STDIN_FILENO, line, sizeof line);
    if (n > 0 && strncmp(line, "end", 3) == 0)
        end_all(f);
    return n != 0;
}

static void serve(struct fleet *f)
{
    struct epoll_event events[EVENTS];
    double began_s = figures_now_s(), tell_at_s = began_s;
    size_t next = 0, told = 0;
    for (size_t i = 0; i < f->n; i++)
        f->peers[i].beat_at_s = began_s + f->heartbeat_s * (double)i / (double)f->n;
    (void)fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    while (commands(f)) {
        int n = epoll_wait(f->epoll, events, EVENTS, 2);
        for (int i = 0; i < n; i++)
            drain(f, events[i].data.ptr);
        double now_s = figures_now_s();
        /* In the order of their times, which goes round. */
        for (size_t k = 0; k < f->n && f->peers[next].beat_at_s <= now_s; k++, next = (next + 1) % f->n) {
            beat(f, &f->peers[next], now_s);
            drain(f, &f->peers[next]);           /* a send may swallow an edge */
        }
        if (now_s >= tell_at_s || (f->connected == f->n && told != f->n)) {
            tell(f, began_s);
            tell_at_s = now_s + 1;
            told = f->connected;
        }
    }
    tell(f, began_s);
}

int main(int argc, char **argv)
{
    static const char usage[] = "keys N FILE | run FILE FROM N ENDPOINT SERVER_KEY [--heartbeat-ms N] [--slots N]";
    struct options o = {0};
    struct bf_error err = {0};
    const char *words[6] = {0};
    size_t n = 0;
    enum bf_rc rc = bf_options_parse(argc - 1, argv + 1, table, sizeof table / sizeof *table, &o, words, 6, &n, NULL, NULL, &err);
    if (rc == BF_OK && o.help)
        bench_help(usage, table, sizeof table / sizeof *table);
    if (rc == BF_OK && n == 3 && strcmp(words[0], "keys") == 0)
        return make_keys(bench_number(words[1], 0, 0, NUMBER_MAX), words[2]);
    if (rc != BF_OK || n != 6 || strcmp(words[0], "run") != 0) {
        fprintf(stderr, "usage: bench_fleet %s\n", usage);
        return 2;
    }
    struct fleet f = {.n = (size_t)bench_number(words[3], 0, 0, NUMBER_MAX),
                      .heartbeat_s = (double)bench_number(o.heartbeat_ms, 2000, 0, NUMBER_MAX) / 1e3,
                      .slots = (uint32_t)bench_number(o.slots, 1, 0, NUMBER_MAX), .epoll = epoll_create1(EPOLL_CLOEXEC)};
    f.peers = bf_xcalloc(f.n + 1, sizeof *f.peers);
    read_keys(&f, words[1], (size_t)bench_number(words[2], 0, 0, NUMBER_MAX));
    void *context = zmq_ctx_new();
    (void)zmq_ctx_set(context, ZMQ_MAX_SOCKETS, (int)f.n + 64);
    for (size_t i = 0; i < f.n; i++) {
        f.peers[i].incarnation = (uint64_t)(getpid()) << 32 | (i + 1);
        connect_peer(&f, &f.peers[i], context, words[4], words[5]);
    }
    serve(&f);
    _exit(0);                                    /* thousands of sockets need not be closed one by one */
}

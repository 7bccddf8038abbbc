/* The traps of safety.md, on real sockets of the loopback: who is let in, what is heard, and what a hostile peer can do. */
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "coordinator/api/api.h"
#include "coordinator/fleet/fleet.h"
#include "coordinator/logs/logs.h"
#include "tests/integration/peer.h"

/* The address sanitizer keeps freed memory for a while: sizes mean nothing under it. */
#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_TELLS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMORY_TELLS 0
#endif
#endif
#ifndef MEMORY_TELLS
#define MEMORY_TELLS 1
#endif

#define SHORT_MS 500                             /* how long nothing must come */

enum who { AGENT_A, AGENT_B, VIEWER, OPERATOR, ADMIN, N_WHO };

/* The three sockets of a coordinator, and what they told. */
struct world {
    struct zap *zap;
    struct fleet *fleet;
    struct api *api;
    struct logs *logs;
    struct key_pair server, keys[N_WHO];
    struct zap_key table[N_WHO];
    void *context;                               /* of the peers */
    char dir[64];
    unsigned told, commands, queries, denied, strangers;
    uint8_t told_key[32];
    enum agent_msg_kind told_kind;
};

static enum bf_rc permit(void *arg, const struct zap_key *who, const struct op_request *req, uint32_t *backfill, struct bf_error *err)
{
    (void)arg;
    (void)who;
    (void)req;
    (void)backfill;
    (void)err;
    return BF_OK;
}

static const char *gone(void *arg, const uint8_t key[32])
{
    (void)arg;
    (void)key;
    return "";
}

static enum bf_rc query(void *arg, const uint8_t key[32], const struct op_request *req, struct bf_buf *ret_json, struct bf_error *err)
{
    (void)key;
    (void)req;
    (void)err;
    ((struct world *)arg)->queries++;
    bf_buf_put_str(ret_json, "{\"version\":\"x\"}");
    return BF_OK;
}

static void command(void *arg, const uint8_t key[32], const char *actor, enum key_role role, const struct op_request *req,
                    const void *bundle, size_t n)
{
    (void)actor;
    (void)role;
    (void)bundle;
    (void)n;
    struct world *w = arg;
    w->commands++;
    struct op_reply reply = {.rc = BF_OK, .text = "done", .json = ""};
    memcpy(reply.id, req->id, sizeof reply.id);
    api_reply(w->api, key, &reply);
}

static void denied(void *arg, const uint8_t key[32], const struct zap_key *who, const struct op_request *req, const char *why)
{
    struct world *w = arg;
    (void)key;
    (void)req;
    cr_assert(*why);
    w->denied++;
    w->strangers += who == NULL;
}

static void told(void *arg, const uint8_t key[32], const struct agent_msg *msg)
{
    struct world *w = arg;
    w->told++;
    w->told_kind = msg->kind;
    memcpy(w->told_key, key, 32);
}

static struct world *world_new(void)
{
    static const struct { const char *name; enum key_role role; } names[N_WHO] = {
        {"agent-a", KEY_AGENT}, {"agent-b", KEY_AGENT}, {"viewer", KEY_VIEWER}, {"operator", KEY_OPERATOR}, {"admin", KEY_ADMIN}};
    bf_log_max = BF_LOG_ERROR;
    struct world *w = bf_xcalloc(1, sizeof *w);
    struct bf_error err = {0};
    w->server = key_pair_new();
    for (size_t i = 0; i < N_WHO; i++) {
        w->keys[i] = key_pair_new();
        w->table[i].role = names[i].role;
        memcpy(w->table[i].key, w->keys[i].public_key, 32);
        snprintf(w->table[i].name, sizeof w->table[i].name, "%s", names[i].name);
    }
    snprintf(w->dir, sizeof w->dir, "/tmp/bf-sockets-XXXXXX");
    cr_assert(mkdtemp(w->dir));
    cr_assert_eq(zap_open(w->table, N_WHO, &w->zap, &err), BF_OK, "%s", err.text);
    const struct fleet_options fleet = {.endpoint = "tcp://127.0.0.1:*", .secret_key = w->server.secret_key};
    const struct api_options api = {.endpoint = "tcp://127.0.0.1:*", .secret_key = w->server.secret_key,
                                    .calls = {.arg = w, .command = command, .denied = denied, .query = query, .permit = permit,
                                              .gone = gone}};
    const struct logs_options logs = {.endpoint = "tcp://127.0.0.1:*", .dir = w->dir, .secret_key = w->server.secret_key,
                                      .keep_bytes = 64 << 20};
    cr_assert_eq(fleet_open(w->zap, &fleet, &w->fleet, &err), BF_OK, "%s", err.text);
    cr_assert_eq(api_open(w->zap, &api, &w->api, &err), BF_OK, "%s", err.text);
    cr_assert_eq(logs_open(w->zap, &logs, &w->logs, &err), BF_OK, "%s", err.text);
    w->context = zmq_ctx_new();
    return w;
}

static void world_free(struct world *w)
{
    zmq_ctx_term(w->context);
    api_close(w->api);
    fleet_close(w->fleet);
    logs_close(w->logs);
    zap_close(w->zap);
    char rm[128];
    snprintf(rm, sizeof rm, "rm -rf %s", w->dir);
    cr_assert_eq(system(rm), 0);
    free(w);
}

static struct peer connect_as(struct world *w, const char *endpoint, enum who who)
{
    const struct peer_options o = {.endpoint = endpoint, .server = &w->server, .own = &w->keys[who]};
    return peer_connect(w->context, &o);
}

/* Serve the fleet and the api until *counter moves past from, or wait_ms are over; true when it moved. */
static bool serve_until(struct world *w, const void *counter, size_t size, uint64_t from, int wait_ms)
{
    int64_t until_ms = bf_boottime_ms() + wait_ms;
    struct pollfd fds[] = {{.fd = fleet_fd(w->fleet), .events = POLLIN}, {.fd = api_fd(w->api), .events = POLLIN}};
    for (;;) {
        fleet_receive(w->fleet, 1000, INT64_MAX, told, w);
        api_receive(w->api, 1000, INT64_MAX);
        uint64_t now = 0;
        memcpy(&now, counter, size);
        if (now > from)
            return true;
        int64_t left_ms = until_ms - bf_boottime_ms();
        if (left_ms <= 0)
            return false;
        if (!fleet_readable(w->fleet) && !api_readable(w->api))
            poll(fds, 2, (int)left_ms);
    }
}
#define SERVE_UNTIL(w, counter, from, ms) serve_until((w), &(counter), sizeof(counter), (from), (ms))

static void send_agent(struct peer *p, enum agent_msg_kind kind, uint64_t incarnation)
{
    struct agent_msg m = {.kind = kind, .incarnation = incarnation, .nonce = 1, .text = ""};
    m.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = "a", .version = "1", .slots = 1, .fence = FENCE_WEAK,
                                   .boot_id = "00000000-0000-0000-0000-000000000000"};
    struct bf_buf b = {0};
    agent_msg_encode(&m, &b);
    cr_assert(peer_send(p, b.data, b.len));
    bf_buf_free(&b);
}

static void fleet_say(struct world *w, enum who who, uint64_t incarnation, enum agent_msg_kind kind)
{
    struct agent_msg m = {.kind = kind, .incarnation = incarnation, .nonce = 1, .lease_ms = 60000, .fence_ms = 5000, .heartbeat_ms = 5000,
                          .text = ""};
    fleet_send(w->fleet, w->keys[who].public_key, &m);
}

static bool dry_run;                             /* of the next requests */

static enum bf_rc ask_of(struct world *w, struct peer *p, enum op_verb verb, const char *selector, char *ret_text)
{
    static uint8_t last_id;
    struct op_request req = {.verb = verb, .reason = "", .from = "", .to = "", .state = "", .name = "x",
                             .selectors = &selector, .n_selectors = selector != NULL, .priority = OP_HIGH, .dry_run = dry_run};
    memset(req.id, ++last_id, sizeof req.id);
    struct bf_buf b = {0};
    op_request_encode(&req, &b);
    uint64_t before = api_stats(w->api)->replies;
    cr_assert(peer_send(p, b.data, b.len));
    bf_buf_free(&b);
    cr_assert(SERVE_UNTIL(w, api_stats(w->api)->replies, before, PEER_WAIT_MS), "no reply was sent");
    static uint8_t bytes[1 << 16];
    long n = peer_receive(p, bytes, sizeof bytes, PEER_WAIT_MS);
    cr_assert_gt(n, 0);
    struct op_reply reply;
    struct bf_error err = {0};
    cr_assert_eq(op_reply_decode(bytes, (size_t)n, &reply, &err), BF_OK, "%s", err.text);
    cr_assert_arr_eq(reply.id, req.id, sizeof req.id);
    if (ret_text)
        snprintf(ret_text, 256, "%s", reply.text);
    enum bf_rc rc = reply.rc;
    op_reply_done(&reply);
    return rc;
}

static enum bf_rc ask(struct world *w, struct peer *p, enum op_verb verb, char *ret_text)
{
    return ask_of(w, p, verb, NULL, ret_text);
}

static long rss_kib(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    long kib = 0;
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "VmRSS: %ld", &kib);
    if (f)
        fclose(f);
    return kib;
}

/* ---- who is let in ---- */

Test(sockets, right_keys_are_let_in_where_they_belong_and_nowhere_else)
{
    struct world *w = world_new();
    const struct { const char *endpoint; bool let_in[N_WHO]; } doors[] = {
        {fleet_endpoint(w->fleet), {true, true, false, false, false}},
        {logs_endpoint(w->logs), {true, true, false, false, false}},
        {api_endpoint(w->api), {false, false, true, true, true}},
    };
    for (size_t d = 0; d < 3; d++)
        for (int who = 0; who < N_WHO; who++) {
            struct peer p = connect_as(w, doors[d].endpoint, (enum who)who);
            enum peer_event seen = peer_handshake(&p, PEER_WAIT_MS);
            cr_expect_eq(seen, doors[d].let_in[who] ? PEER_LET_IN : PEER_TURNED_AWAY, "door %zu, who %d: %d", d, who, (int)seen);
            peer_close(&p);
        }
    world_free(w);
}

Test(sockets, strangers_are_turned_away_at_every_door)
{
    struct world *w = world_new();
    const char *endpoints[] = {fleet_endpoint(w->fleet), logs_endpoint(w->logs), api_endpoint(w->api)};
    struct key_pair stranger = key_pair_new(), other_server = key_pair_new();
    const struct peer_options cases[] = {
        {.server = &w->server, .own = &stranger},                             /* a bogus key */
        {.server = &other_server, .own = &w->keys[ADMIN]},                    /* a right key, for another coordinator */
        {.mechanism = PEER_NULL},                                             /* no key at all */
        {.mechanism = PEER_PLAIN},
    };
    for (size_t d = 0; d < 3; d++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            struct peer_options o = cases[c];
            o.endpoint = endpoints[d];
            o.no_reconnect = true;
            struct peer p = peer_connect(w->context, &o);
            cr_expect_neq(peer_handshake(&p, PEER_WAIT_MS), PEER_LET_IN, "door %zu, case %zu", d, c);
            peer_close(&p);
        }
    world_free(w);
}

/* ---- what is heard ---- */

Test(sockets, an_agent_is_welcomed_by_its_key)
{
    struct world *w = world_new();
    struct peer a = connect_as(w, fleet_endpoint(w->fleet), AGENT_A);
    send_agent(&a, AGENT_HELLO, 7);
    cr_assert(SERVE_UNTIL(w, w->told, 0, PEER_WAIT_MS));
    cr_assert_arr_eq(w->told_key, w->keys[AGENT_A].public_key, 32);
    fleet_say(w, AGENT_A, 7, AGENT_WELCOME);
    uint8_t bytes[1024];
    long n = peer_receive(&a, bytes, sizeof bytes, PEER_WAIT_MS);
    cr_assert_gt(n, 0);
    struct agent_msg m;
    struct bf_error err = {0};
    cr_assert_eq(agent_msg_decode(bytes, (size_t)n, &m, &err), BF_OK);
    cr_assert_eq(m.kind, AGENT_WELCOME);
    cr_assert_eq(m.incarnation, 7);
    agent_msg_done(&m);
    peer_close(&a);
    world_free(w);
}

Test(sockets, only_the_connection_that_said_hello_is_heard)
{
    struct world *w = world_new();
    struct peer a = connect_as(w, fleet_endpoint(w->fleet), AGENT_A), second = connect_as(w, fleet_endpoint(w->fleet), AGENT_A);
    send_agent(&a, AGENT_HELLO, 7);
    cr_assert(SERVE_UNTIL(w, w->told, 0, PEER_WAIT_MS));
    send_agent(&second, AGENT_HEARTBEAT, 7);
    cr_assert(SERVE_UNTIL(w, fleet_stats(w->fleet)->unknown_peer, 0, PEER_WAIT_MS));
    cr_assert_eq(w->told, 1, "a heartbeat on another connection must not count");
    uint8_t bytes[1024];
    struct agent_msg m;
    struct bf_error err = {0};
    long n = peer_receive(&second, bytes, sizeof bytes, PEER_WAIT_MS);
    cr_assert_gt(n, 0, "it must be told to say HELLO");
    cr_assert_eq(agent_msg_decode(bytes, (size_t)n, &m, &err), BF_OK);
    cr_assert_eq(m.kind, AGENT_REFUSE);
    agent_msg_done(&m);
    send_agent(&a, AGENT_HEARTBEAT, 7);
    cr_assert(SERVE_UNTIL(w, w->told, 1, PEER_WAIT_MS), "the first connection must still be heard");
    peer_close(&a);
    peer_close(&second);
    world_free(w);
}

/* A send may take the edge of the descriptor, and with it the only word of a message that came meanwhile. */
Test(sockets, what_came_before_a_send_is_seen_after_it)
{
    struct world *w = world_new();
    struct peer a = connect_as(w, fleet_endpoint(w->fleet), AGENT_A);
    send_agent(&a, AGENT_HELLO, 7);
    cr_assert(SERVE_UNTIL(w, w->told, 0, PEER_WAIT_MS));
    while (fleet_receive(w->fleet, 1000, INT64_MAX, told, w) > 0)
        continue;
    cr_expect_not(fleet_readable(w->fleet), "found empty");
    send_agent(&a, AGENT_HEARTBEAT, 7);
    bool seen = false;
    for (int64_t until_ms = bf_boottime_ms() + PEER_WAIT_MS; !seen && bf_boottime_ms() < until_ms;) {
        struct pollfd fd = {.fd = fleet_fd(w->fleet), .events = POLLIN};
        poll(&fd, 1, 10);
        fleet_say(w, AGENT_A, 7, AGENT_WELCOME);
        seen = fleet_readable(w->fleet);
    }
    cr_assert(seen);
    cr_expect_eq(fleet_receive(w->fleet, 1000, INT64_MAX, told, w), 1);
    cr_expect_eq(w->told, 2);
    peer_close(&a);
    world_free(w);
}

/* An agent that leaves sends BYE and closes: that an answer to an earlier message finds it gone must not make its BYE unheard. */
Test(sockets, what_a_peer_said_before_it_went_is_heard)
{
    struct world *w = world_new();
    struct peer a = connect_as(w, fleet_endpoint(w->fleet), AGENT_A);
    send_agent(&a, AGENT_HELLO, 7);
    cr_assert(SERVE_UNTIL(w, w->told, 0, PEER_WAIT_MS));
    fleet_say(w, AGENT_A, 7, AGENT_WELCOME);
    uint8_t bytes[1024];
    cr_assert_gt(peer_receive(&a, bytes, sizeof bytes, PEER_WAIT_MS), 0);
    send_agent(&a, AGENT_BYE, 7);
    int linger = PEER_WAIT_MS;
    zmq_setsockopt(a.socket, ZMQ_LINGER, &linger, sizeof linger);
    peer_close(&a);
    zmq_ctx_term(w->context);                    /* returns when all is sent and closed */
    w->context = zmq_ctx_new();
    uint64_t before = fleet_stats(w->fleet)->no_route;
    for (int i = 0; i < 5000 && fleet_stats(w->fleet)->no_route == before; i++) {
        fleet_say(w, AGENT_A, 7, AGENT_HEARTBEAT_ACK);
        zmq_poll(NULL, 0, 1);                    /* nothing tells a ROUTER that a peer went but a send that fails */
    }
    cr_assert_gt(fleet_stats(w->fleet)->no_route, before);
    cr_assert(SERVE_UNTIL(w, w->told, 1, PEER_WAIT_MS), "its last words were not heard");
    cr_assert_eq(w->told_kind, AGENT_BYE);
    world_free(w);
}

Test(sockets, two_hosts_with_one_key_get_their_own_answers)
{
    struct world *w = world_new();
    struct peer a = connect_as(w, fleet_endpoint(w->fleet), AGENT_A), twin = connect_as(w, fleet_endpoint(w->fleet), AGENT_A);
    uint8_t bytes[1024];
    send_agent(&a, AGENT_HELLO, 7);
    cr_assert(SERVE_UNTIL(w, w->told, 0, PEER_WAIT_MS));
    send_agent(&twin, AGENT_HELLO, 8);
    cr_assert(SERVE_UNTIL(w, w->told, 1, PEER_WAIT_MS));
    fleet_say(w, AGENT_A, 7, AGENT_HEARTBEAT_ACK);
    cr_assert_gt(peer_receive(&a, bytes, sizeof bytes, PEER_WAIT_MS), 0);
    cr_assert_eq(peer_receive(&twin, bytes, sizeof bytes, SHORT_MS), -1, "the twin must not get what was for the first");
    fleet_say(w, AGENT_A, 8, AGENT_REFUSE);
    cr_assert_gt(peer_receive(&twin, bytes, sizeof bytes, PEER_WAIT_MS), 0);
    peer_close(&a);
    peer_close(&twin);
    world_free(w);
}

Test(sockets, a_claimed_routing_id_gets_nothing_of_another)
{
    struct world *w = world_new();
    uint8_t bytes[1024];
    const struct peer_options first = {.endpoint = fleet_endpoint(w->fleet), .server = &w->server, .own = &w->keys[AGENT_A],
                                       .routing_id = "agent-a"};
    const struct peer_options thief = {.endpoint = fleet_endpoint(w->fleet), .server = &w->server, .own = &w->keys[AGENT_B],
                                       .routing_id = "agent-a"};
    /* A connects under a name of its own choice and goes away; B takes the name.  What is for A must not reach B. */
    struct peer a = peer_connect(w->context, &first);
    send_agent(&a, AGENT_HELLO, 7);
    cr_assert(SERVE_UNTIL(w, fleet_stats(w->fleet)->received, 0, PEER_WAIT_MS));
    peer_close(&a);
    struct peer b = peer_connect(w->context, &thief);
    cr_assert_eq(peer_handshake(&b, PEER_WAIT_MS), PEER_LET_IN);
    long got = -1;
    for (int i = 0; i < 20 && got < 0; i++) {    /* until the library has let go of A's name */
        fleet_say(w, AGENT_A, 7, AGENT_DRAIN);
        got = peer_receive(&b, bytes, sizeof bytes, 50);
    }
    cr_assert_eq(got, -1, "B got a message that was meant for A");
    /* And without a claim A is served while the thief stays silent. */
    struct peer honest = connect_as(w, fleet_endpoint(w->fleet), AGENT_A);
    send_agent(&honest, AGENT_HELLO, 9);
    cr_assert(SERVE_UNTIL(w, w->told, 0, PEER_WAIT_MS));
    fleet_say(w, AGENT_A, 9, AGENT_WELCOME);
    cr_assert_gt(peer_receive(&honest, bytes, sizeof bytes, PEER_WAIT_MS), 0);
    cr_assert_eq(peer_receive(&b, bytes, sizeof bytes, SHORT_MS), -1);
    peer_close(&honest);
    peer_close(&b);
    world_free(w);
}

Test(sockets, a_revoked_key_is_refused_at_its_next_message)
{
    struct world *w = world_new();
    struct peer a = connect_as(w, fleet_endpoint(w->fleet), AGENT_A), v = connect_as(w, api_endpoint(w->api), ADMIN);
    struct bf_error err = {0};
    send_agent(&a, AGENT_HELLO, 7);
    cr_assert(SERVE_UNTIL(w, w->told, 0, PEER_WAIT_MS));
    cr_assert_eq(ask(w, &v, OP_VERSION, NULL), BF_OK);
    cr_assert_eq(zap_set_keys(w->zap, &w->table[AGENT_B], 1, &err), BF_OK);
    fleet_forget_revoked(w->fleet);
    send_agent(&a, AGENT_HEARTBEAT, 7);
    cr_assert(SERVE_UNTIL(w, fleet_stats(w->fleet)->unauthorised, 0, PEER_WAIT_MS));
    cr_assert_eq(w->told, 1);
    fleet_say(w, AGENT_A, 7, AGENT_DRAIN);
    uint8_t bytes[1024];
    cr_assert_eq(peer_receive(&a, bytes, sizeof bytes, SHORT_MS), -1, "a revoked agent must get nothing");
    cr_assert_eq(ask(w, &v, OP_VERSION, NULL), BF_DENIED);
    cr_assert_eq(w->queries, 1);
    cr_assert(w->denied == 1 && w->strangers == 1, "it is told, whatever was asked for");
    peer_close(&a);
    peer_close(&v);
    world_free(w);
}

Test(sockets, roles_are_checked_for_each_verb)
{
    struct world *w = world_new();
    static const struct { enum who who; enum op_verb verb; enum bf_rc want; } cases[] = {
        {VIEWER, OP_VERSION, BF_OK}, {VIEWER, OP_CREATE, BF_DENIED}, {VIEWER, OP_PLAN_PUT, BF_DENIED}, {VIEWER, OP_CANCEL, BF_DENIED},
        {OPERATOR, OP_PAUSE, BF_OK}, {OPERATOR, OP_AGENT_DRAIN, BF_DENIED}, {ADMIN, OP_AGENT_DRAIN, BF_OK}, {ADMIN, OP_CANCEL, BF_OK},
        {OPERATOR, OP_AUDIT, BF_DENIED}, {ADMIN, OP_AUDIT, BF_OK},
    };
    unsigned commands = 0, denied = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer p = connect_as(w, api_endpoint(w->api), cases[i].who);
        char text[256];
        cr_expect_eq(ask(w, &p, cases[i].verb, text), cases[i].want, "case %zu: %s", i, text);
        commands += cases[i].want == BF_OK && cases[i].verb < OP_VERSION;
        denied += cases[i].want == BF_DENIED && cases[i].verb != OP_PLAN_PUT;
        if (cases[i].want == BF_DENIED)
            cr_expect(strstr(text, "role"), "%s", text);
        peer_close(&p);
    }
    cr_assert_eq(w->commands, commands, "a denied request must not become a command");
    cr_assert(w->denied == denied && w->strangers == 0, "%u of %u are told for the audit; a slice of a plan changes nothing", w->denied,
              denied);
    world_free(w);
}

/* ---- what a hostile peer can do ---- */

/* The engine decides what a selector may pick; a dry run is a question, and what cannot be tried is not carried out instead. */
Test(sockets, changes_of_what_selectors_pick_are_handed_on_and_dry_runs_are_not)
{
    struct world *w = world_new();
    struct peer p = connect_as(w, api_endpoint(w->api), ADMIN);
    static const enum op_verb verbs[] = {OP_PAUSE, OP_RESUME, OP_CANCEL, OP_RETRY, OP_FORCE, OP_SKIP, OP_PRIORITY};
    uint64_t n = sizeof verbs / sizeof *verbs, queries = (uint64_t)w->queries;
    for (size_t i = 0; i < n; i++)
        cr_expect_eq(ask_of(w, &p, verbs[i], "load[2024-01]", NULL), BF_OK, "%s", op_verb_name(verbs[i]));
    cr_assert_eq((uint64_t)w->commands, n);
    dry_run = true;
    for (size_t i = 0; i < n; i++)
        cr_expect_eq(ask_of(w, &p, verbs[i], "load", NULL), BF_OK, "%s", op_verb_name(verbs[i]));
    cr_expect_eq(ask_of(w, &p, OP_AGENT_DRAIN, NULL, NULL), BF_UNSUPPORTED, "what cannot be tried");
    dry_run = false;
    cr_assert_eq((uint64_t)w->commands, n, "a dry run is no change");
    cr_assert_eq((uint64_t)w->queries, queries + n);
    peer_close(&p);
    world_free(w);
}

Test(sockets, malformed_messages_are_dropped_and_counted)
{
    struct world *w = world_new();
    struct peer a = connect_as(w, fleet_endpoint(w->fleet), AGENT_A), v = connect_as(w, api_endpoint(w->api), VIEWER);
    static uint8_t bytes[4096];
    uint64_t bad = 0, bad_requests = 0;
    for (size_t i = 0; i < 300; i++) {
        size_t n = i % 2 ? i : sizeof bytes - i;
        for (size_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)(i * 31 + k * k * 7 + 0xff);
        cr_assert(peer_send(&a, bytes, n));
        cr_assert(SERVE_UNTIL(w, fleet_stats(w->fleet)->malformed, bad, PEER_WAIT_MS), "case %zu was heard", i);
        bad = fleet_stats(w->fleet)->malformed;
        cr_assert(peer_send(&v, bytes, n));
        cr_assert(SERVE_UNTIL(w, api_stats(w->api)->malformed, bad_requests, PEER_WAIT_MS));
        bad_requests = api_stats(w->api)->malformed;
    }
    /* Several frames, and a message that only the coordinator sends. */
    zmq_send(a.socket, "x", 1, ZMQ_SNDMORE);
    zmq_send(a.socket, "y", 1, ZMQ_SNDMORE);
    zmq_send(a.socket, "z", 1, 0);
    cr_assert(SERVE_UNTIL(w, fleet_stats(w->fleet)->bad_frames, 0, PEER_WAIT_MS));
    send_agent(&a, AGENT_DRAIN, 7);
    cr_assert(SERVE_UNTIL(w, fleet_stats(w->fleet)->malformed, bad, PEER_WAIT_MS));
    cr_assert_eq(w->told, 0);
    send_agent(&a, AGENT_HELLO, 7);
    cr_assert(SERVE_UNTIL(w, w->told, 0, PEER_WAIT_MS), "and still serves");
    peer_close(&a);
    peer_close(&v);
    world_free(w);
}

Test(sockets, an_oversized_message_drops_its_sender_and_memory_stays_flat)
{
    struct world *w = world_new();
    size_t n = (1u << 20) + 1;
    uint8_t *large = bf_xcalloc(1, n);
    struct peer fine = connect_as(w, fleet_endpoint(w->fleet), AGENT_A);
    cr_assert(peer_send(&fine, large, n - 1));
    cr_assert(SERVE_UNTIL(w, fleet_stats(w->fleet)->received, 0, PEER_WAIT_MS), "1 MiB must pass");
    peer_close(&fine);
    long before_kib = 0;
    for (int i = 0; i < 30; i++) {
        struct peer p = connect_as(w, fleet_endpoint(w->fleet), AGENT_B);
        cr_assert_eq(peer_handshake(&p, PEER_WAIT_MS), PEER_LET_IN);
        cr_assert(peer_send(&p, large, n));
        cr_assert_eq(peer_disconnected(&p, PEER_WAIT_MS), PEER_DISCONNECTED, "1 MiB and one byte must drop the peer");
        peer_close(&p);
        if (i == 5)
            before_kib = rss_kib();
    }
    cr_assert_eq(fleet_stats(w->fleet)->received, 1);
    if (MEMORY_TELLS)
        cr_assert_lt(rss_kib() - before_kib, 16 * 1024, "memory grew");
    free(large);
    world_free(w);
}

Test(sockets, an_agent_that_does_not_read_is_dropped_and_others_are_served)
{
    struct world *w = world_new();
    struct peer slow = connect_as(w, fleet_endpoint(w->fleet), AGENT_A), quick = connect_as(w, fleet_endpoint(w->fleet), AGENT_B);
    send_agent(&slow, AGENT_HELLO, 7);
    cr_assert(SERVE_UNTIL(w, w->told, 0, PEER_WAIT_MS));
    send_agent(&quick, AGENT_HELLO, 8);
    cr_assert(SERVE_UNTIL(w, w->told, 1, PEER_WAIT_MS));
    static char text[500];
    memset(text, 'x', sizeof text - 1);
    struct agent_msg m = {.kind = AGENT_REFUSE, .incarnation = 7, .text = text};
    long before_kib = rss_kib();
    for (int i = 0; i < 4000000 && fleet_stats(w->fleet)->peers_dropped == 0; i++)
        fleet_send(w->fleet, w->keys[AGENT_A].public_key, &m);
    cr_assert_eq(fleet_stats(w->fleet)->peers_dropped, 1, "the outbox has no bound");
    cr_assert(!fleet_waiting(w->fleet));
    if (MEMORY_TELLS)
        cr_assert_lt(rss_kib() - before_kib, 96 * 1024);
    uint8_t bytes[1024];
    fleet_say(w, AGENT_B, 8, AGENT_HEARTBEAT_ACK);
    cr_assert_gt(peer_receive(&quick, bytes, sizeof bytes, PEER_WAIT_MS), 0);
    peer_close(&slow);
    peer_close(&quick);
    world_free(w);
}

Test(sockets, what_waited_in_an_outbox_arrives_in_order)
{
    struct world *w = world_new();
    struct peer a = connect_as(w, fleet_endpoint(w->fleet), AGENT_A);
    send_agent(&a, AGENT_HELLO, 7);
    cr_assert(SERVE_UNTIL(w, w->told, 0, PEER_WAIT_MS));
    static char text[500];
    memset(text, 'x', sizeof text - 1);
    uint64_t sent = 0;
    while (!fleet_waiting(w->fleet) || sent % 100) {
        struct agent_msg m = {.kind = AGENT_REFUSE, .incarnation = 7, .nonce = sent++, .text = text};
        fleet_send(w->fleet, w->keys[AGENT_A].public_key, &m);
        cr_assert_lt(sent, 1000000);
    }
    for (uint64_t i = 0; i < sent; i++) {
        uint8_t bytes[1024];
        long n;
        while ((n = peer_receive(&a, bytes, sizeof bytes, 1)) < 0)
            fleet_flush(w->fleet);
        struct agent_msg m;
        struct bf_error err = {0};
        cr_assert_eq(agent_msg_decode(bytes, (size_t)n, &m, &err), BF_OK);
        cr_assert_eq(m.nonce, i);
        agent_msg_done(&m);
        fleet_flush(w->fleet);
    }
    cr_assert(!fleet_waiting(w->fleet));
    peer_close(&a);
    world_free(w);
}

/* ---- logs ---- */

struct heard { char text[4096]; size_t n; };

static bool hear(void *arg, const struct log_piece *piece)
{
    struct heard *h = arg;
    memcpy(h->text + h->n, piece->bytes, piece->n);
    h->n += piece->n;
    return true;
}

static uint64_t send_chunk(struct peer *p, uint64_t attempt, uint64_t offset, const char *text, bool last)
{
    struct log_msg m = {.kind = LOG_CHUNK, .attempt = attempt, .token = attempt, .stream = 1, .offset = offset, .at_us = 1, .last = last,
                        .bytes = (const uint8_t *)text, .n_bytes = strlen(text)};
    struct bf_buf b = {0};
    log_msg_encode(&m, &b);
    cr_assert(peer_send(p, b.data, b.len));
    bf_buf_free(&b);
    uint8_t bytes[1024];
    long n = peer_receive(p, bytes, sizeof bytes, PEER_WAIT_MS);
    cr_assert_gt(n, 0, "no credit came");
    struct bf_error err = {0};
    cr_assert_eq(log_msg_decode(bytes, (size_t)n, &m, &err), BF_OK);
    cr_assert_eq(m.kind, LOG_CREDIT);
    uint64_t credit = m.credit_bytes;
    log_msg_done(&m);
    return credit;
}

Test(sockets, logs_are_kept_credited_and_not_mixed_between_agents)
{
    struct world *w = world_new();
    struct peer a = connect_as(w, logs_endpoint(w->logs), AGENT_A), b = connect_as(w, logs_endpoint(w->logs), AGENT_B);
    cr_assert_eq(send_chunk(&b, 5, 0, "forged\n", true), 7);
    cr_assert_eq(send_chunk(&a, 5, 0, "one\n", false), 4);
    cr_assert_eq(send_chunk(&a, 5, 0, "one\n", false), 4, "sent again after a lost credit");
    cr_assert_eq(send_chunk(&a, 5, 4, "two\n", true), 8);
    struct heard h = {.n = 0};
    struct log_end end;
    struct bf_error err = {0};
    cr_assert_eq(log_store_read(logs_store(w->logs), 5, w->keys[AGENT_A].public_key, 0, 1000, hear, &h, &end, &err), BF_OK);
    cr_assert_str_eq(h.text, "one\ntwo\n");
    cr_assert(end.end);
    cr_assert_eq(end.next, 8);
    cr_assert_eq(end.cut_bytes, 0);
    peer_close(&a);
    peer_close(&b);
    world_free(w);
}

/* The DEALER socket, its monitor, and the repeating of a request over lost connections. */
#include "bfctl/client.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

#define RECONNECT_MS 100
#define RECONNECT_MAX_MS 1000
#define HANDSHAKE_MS 3000
/* A peer that does not own the pinned key drops us at once and every time; one that is just stopping does so once. */
#define QUICK_DROP_MS 1000
#define QUICK_DROPS_DENIED 3
#define HOPELESS_RETRIES 5                       /* about two seconds */
#define EVENTS (ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | \
                ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)

struct client {
    const struct client_settings *settings;
    void *ctx, *socket, *monitor;
    struct client_keys keys;                     /* to open anew with another server_key; wiped at the end */
    size_t server_key;                           /* which of the pinned ones is tried */
    unsigned opened;                             /* sockets so far */
    bool connected, greeted;                     /* TCP is up; the handshake is done */
    bool was_greeted;                            /* …at least once */
    bool refused;                                /* the coordinator does not know our key */
    bool again;                                  /* a new connection: what was sent may be lost */
    bool other;                                  /* the other server_key is to be tried */
    int64_t connected_ms;
    unsigned quick_drops;                        /* in a row, before the end of the handshake */
    unsigned retries;                            /* connections that were refused or timed out, in all */
};

/* ---- opening ---- */

static enum bf_rc socket_failed(struct bf_error *err, const char *what)
{
    return bf_fail(err, BF_INTERNAL, "cannot %s: %s", what, zmq_strerror(zmq_errno()));
}

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static enum bf_rc set_up(struct client *c, struct bf_error *err)
{
    void *s = c->socket;
    const struct client_keys *keys = &c->keys;
    const char *server_key = c->settings->server_keys.at[c->server_key];
    if (strlen(server_key) != KEY_TEXT - 1 || zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, server_key, KEY_TEXT) != 0)
        return bf_fail(err, BF_INVALID, "%s: server_key is no key: 40 characters of Z85 are needed", c->settings->path);
    if (zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, keys->public, KEY_TEXT) != 0 ||
        zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, keys->secret, KEY_TEXT) != 0)
        return bf_fail(err, BF_INVALID, "%s: not a pair of Z85 keys", c->settings->key_file);
    if (!set_int(s, ZMQ_LINGER, 0) || !set_int(s, ZMQ_RECONNECT_IVL, RECONNECT_MS) ||
        !set_int(s, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) || !set_int(s, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) ||
        !set_int(s, ZMQ_TCP_KEEPALIVE, 1))
        return socket_failed(err, "set up the connection");
    char monitor[48];
    snprintf(monitor, sizeof monitor, "inproc://bfctl-monitor-%u", c->opened++);
    if (zmq_socket_monitor(s, monitor, EVENTS) != 0)
        return socket_failed(err, "watch the connection");
    c->monitor = zmq_socket(c->ctx, ZMQ_PAIR);
    if (!c->monitor || !set_int(c->monitor, ZMQ_LINGER, 0) || zmq_connect(c->monitor, monitor) != 0)
        return socket_failed(err, "watch the connection");
    if (zmq_connect(s, c->settings->api) != 0)
        return bf_fail(err, BF_INVALID, "%s: api '%s' is no endpoint: %s", c->settings->path, c->settings->api,
                       zmq_strerror(zmq_errno()));
    return BF_OK;
}

static enum bf_rc open_socket(struct client *c, struct bf_error *err)
{
    c->socket = c->ctx ? zmq_socket(c->ctx, ZMQ_DEALER) : NULL;
    return c->socket ? set_up(c, err) : socket_failed(err, "open a socket");
}

static void close_socket(struct client *c)
{
    if (c->socket) {
        /* First: an event that finds its reader gone blocks the I/O thread of the library for good. */
        (void)zmq_socket_monitor(c->socket, NULL, 0);
        zmq_close(c->socket);
    }
    if (c->monitor)
        zmq_close(c->monitor);
    c->socket = c->monitor = NULL;
}

enum bf_rc client_open_with(const struct client_settings *settings, const struct client_keys *keys, struct client **ret,
                            struct bf_error *err)
{
    struct client *c = bf_xcalloc(1, sizeof *c);
    c->settings = settings;
    c->keys = *keys;
    c->ctx = zmq_ctx_new();
    enum bf_rc rc = open_socket(c, err);
    if (rc != BF_OK) {
        client_close(c);
        return rc;
    }
    *ret = c;
    return BF_OK;
}

enum bf_rc client_open(const struct client_settings *settings, struct client **ret, struct bf_error *err)
{
    struct client_keys keys;
    enum bf_rc rc = client_keys_read(settings->key_file, &keys, err);
    if (rc == BF_OK)
        rc = client_open_with(settings, &keys, ret, err);
    sodium_memzero(&keys, sizeof keys);
    return rc;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    close_socket(c);
    if (c->ctx)
        zmq_ctx_term(c->ctx);
    sodium_memzero(&c->keys, sizeof c->keys);
    free(c);
}

/* The other pinned key, on a socket of its own: the library cannot change it on this one. */
static enum bf_rc try_other_key(struct client *c, struct bf_error *err)
{
    c->other = c->connected = c->greeted = false;
    c->server_key = (c->server_key + 1) % c->settings->server_keys.n;
    close_socket(c);
    return open_socket(c, err);
}

/* ---- what the monitor tells ---- */

static void note_drop(struct client *c)
{
    if (!c->greeted && c->connected && bf_boottime_ms() - c->connected_ms < QUICK_DROP_MS) {
        c->quick_drops++;
        c->other = c->settings->server_keys.n > 1;
    }
    c->connected = c->greeted = false;
}

static void note_event(struct client *c, uint16_t event)
{
    switch (event) {
    case ZMQ_EVENT_CONNECTED:
        c->connected = true;
        c->greeted = false;
        c->connected_ms = bf_boottime_ms();
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        c->again = c->was_greeted;
        c->greeted = c->was_greeted = true;
        c->other = false;
        c->quick_drops = 0;
        break;
    case ZMQ_EVENT_CONNECT_RETRIED:
        c->retries++;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        c->refused = true;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_DISCONNECTED:
        note_drop(c);
        break;
    default:
        break;
    }
}

/* Whole message into *ret, the last frame counts; false when there is none. */
static bool receive(void *socket, struct bf_buf *first, struct bf_buf *ret)
{
    zmq_msg_t m;
    zmq_msg_init(&m);
    bool any = false, more = true;
    while (more && zmq_msg_recv(&m, socket, ZMQ_DONTWAIT) >= 0) {
        struct bf_buf *into = !any && first ? first : ret;
        bf_buf_clear(into);
        bf_buf_put(into, zmq_msg_data(&m), zmq_msg_size(&m));
        more = zmq_msg_more(&m) != 0;
        any = true;
    }
    zmq_msg_close(&m);
    return any;
}

static void take_events(struct client *c)
{
    struct bf_buf event = {0}, address = {0};
    while (receive(c->monitor, &event, &address)) {
        uint16_t number;
        if (event.len < sizeof number)
            continue;
        memcpy(&number, event.data, sizeof number);
        note_event(c, number);
    }
    bf_buf_free(&event);
    bf_buf_free(&address);
}

static enum bf_rc check_keys(const struct client *c, struct bf_error *err)
{
    if (c->refused) {
        BF_AUTO_FREE char *fresh = bf_xasprintf("%s.new", c->settings->key_file);
        return bf_fail(err, BF_DENIED,
                       "the coordinator at %s refuses the key in %s: it is not in the coordinator's list of keys, or was revoked%s",
                       c->settings->api, c->settings->key_file,
                       access(fresh, F_OK) == 0 ? "; a rotation was interrupted: bfctl keys rotate finishes it" : "");
    }
    if (c->quick_drops >= QUICK_DROPS_DENIED * c->settings->server_keys.n)
        return bf_fail(err, BF_DENIED, "what answers at %s does not own the server_key in %s; is it the right coordinator?",
                       c->settings->api, c->settings->path);
    return BF_OK;
}

/* ---- a call ---- */

void client_request(struct op_request *ret, enum op_verb verb)
{
    *ret = (struct op_request){.verb = verb, .reason = "", .from = "", .to = "", .state = "", .name = "", .pattern = "", .cursor = ""};
    client_new_id(ret);
}

void client_new_id(struct op_request *req)
{
    int ready = sodium_init();
    assert(ready >= 0);
    randombytes_buf(req->id, sizeof req->id);
}

static enum bf_rc send_bytes(struct client *c, const struct bf_buf *bytes, struct bf_error *err)
{
    c->again = false;
    if (zmq_send(c->socket, bytes->data, bytes->len, ZMQ_DONTWAIT) < 0 && zmq_errno() != EAGAIN)
        return socket_failed(err, "send a request");
    return BF_OK;
}

/* One reply for this request, if it has come. */
static enum bf_rc take_reply(struct client *c, const struct op_request *req, struct op_reply *ret, bool *ret_got,
                             struct bf_error *err)
{
    struct bf_buf body = {0};
    enum bf_rc rc = BF_OK;
    *ret_got = false;
    while (rc == BF_OK && !*ret_got && receive(c->socket, NULL, &body)) {
        struct op_reply reply = {0};
        rc = op_reply_decode(body.data, body.len, &reply, err);
        if (rc == BF_OK && memcmp(reply.id, req->id, sizeof reply.id) == 0) {
            *ret = reply;
            *ret_got = true;
        } else {
            op_reply_done(&reply);               /* the second answer to a request that was sent twice */
        }
    }
    bf_buf_free(&body);
    return rc;
}

static enum bf_rc no_answer(const struct client *c, const struct op_request *req, struct bf_error *err)
{
    char limit[32];
    bf_format_duration(c->settings->request_timeout_ms, limit, sizeof limit);
    if (!c->was_greeted)
        return bf_fail(err, BF_UNREACHABLE, "the coordinator at %s cannot be reached (%s); is it running?", c->settings->api,
                       c->connected ? "no handshake" : "no connection");
    return bf_fail(err, BF_UNREACHABLE, "the coordinator at %s did not answer '%s' within %s%s", c->settings->api,
                   op_verb_name(req->verb), limit,
                   req->verb < OP_PLAN_PUT ? "; whether the change was made is not known" : "");
}

/* Nobody listens there, and a question need not wait for it; a change is tried until its time is over. */
static bool is_hopeless(const struct client *c, const struct op_request *req)
{
    return req->verb > OP_PLAN_PUT && !c->was_greeted && !c->connected && c->retries >= HOPELESS_RETRIES;
}

static enum bf_rc exchange(struct client *c, const struct op_request *req, const struct bf_buf *bytes, struct op_reply *ret,
                           struct bf_error *err)
{
    int64_t deadline_ms = bf_boottime_ms() + c->settings->request_timeout_ms;
    take_events(c);
    enum bf_rc rc = send_bytes(c, bytes, err);
    while (rc == BF_OK) {
        bool got;
        rc = take_reply(c, req, ret, &got, err);
        if (rc != BF_OK || got)
            return rc;
        take_events(c);
        if ((rc = check_keys(c, err)) != BF_OK)
            return rc;
        bool other = c->other;
        if (other && (rc = try_other_key(c, err)) != BF_OK)
            return rc;
        if ((c->again || other) && (rc = send_bytes(c, bytes, err)) != BF_OK)
            return rc;
        int64_t left_ms = deadline_ms - bf_boottime_ms();
        if (left_ms <= 0 || is_hopeless(c, req))
            return no_answer(c, req, err);
        zmq_pollitem_t items[] = {{.socket = c->socket, .events = ZMQ_POLLIN}, {.socket = c->monitor, .events = ZMQ_POLLIN}};
        if (zmq_poll(items, 2, (long)left_ms) < 0 && zmq_errno() != EINTR)
            return socket_failed(err, "wait for the coordinator");
    }
    return rc;
}

enum bf_rc client_call(struct client *c, const struct op_request *req, struct op_reply *ret, struct bf_error *err)
{
    struct bf_buf bytes = {0};
    op_request_encode(req, &bytes);
    enum bf_rc rc = exchange(c, req, &bytes, ret, err);
    bf_buf_free(&bytes);
    return rc;
}

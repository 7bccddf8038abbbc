/* See session.h.  A connection whose handshake failed for good (wrong key on either side) is left by the library for dead; it is told
 * once in the log and the socket is made anew after a pause, because the other side may learn our key meanwhile.  Where two keys of
 * the coordinator are pinned, a handshake that fails is tried with the other one at once.
 *
 * Every look at a socket of the library costs two system calls, also when nothing is there, and a turn of the loop has many reasons.  So a
 * socket that gave nothing is `dry`, and not looked at until its descriptor wakes the loop.  Whatever is done with a socket may take its
 * wake away (the library hears its commands at every call), so one that was sent to is dry no more; a monitor is never sent to. */
#include "agent/session.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

#define CURVE_BYTES 33                       /* what CURVE adds to a message; the library's bound is of the sum */
#define OUTBOX_MAX 256u
#define RECONNECT_FIRST_MS 100
#define RECONNECT_MOST_MS 1600               /* a sixth of the shortest usual lease (10 s) */
#define HANDSHAKE_MS 3000
#define ANEW_MS 5000
#define OTHER_KEY_MS 200
#define QUEUE_MESSAGES 1000
#define QUIET_MS 60000                       /* the same trouble is told once in this time */

struct channel {
    const char *what;                        /* "fleet", "logs" */
    const char *endpoint;
    void *socket, *monitor;
    size_t server_key;                       /* which of the pinned ones is tried */
    bool connected, is_new;                  /* is_new: connected since the last look */
    bool dry, monitor_dry;                   /* nothing is there, and what comes will wake its descriptor */
    int64_t anew_at_ms;                      /* INT64_MAX: the socket is fine */
    int64_t told_at_ms;                      /* trouble was last logged */
};

struct session {
    struct session_options options;
    void *context;
    struct channel fleet, logs;              /* logs.socket may be NULL */
    unsigned generation;
    struct bf_buf scratch;
    struct bf_buf outbox[OUTBOX_MAX];        /* fleet only: ring */
    size_t out_head, out_n;
    bool logs_blocked;                       /* a log message was not taken */
};

/* --- sockets ---------------------------------------------------------------------------------------------------------- */

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool set_text(void *socket, int option, const char *value)
{
    return zmq_setsockopt(socket, option, value, strlen(value)) == 0;
}

static bool configure(struct session *s, const struct channel *c, void *socket)
{
    int64_t message_max = BF_MESSAGE_MAX_BYTES + CURVE_BYTES;
    return set_text(socket, ZMQ_CURVE_SERVERKEY, s->options.server_keys[c->server_key]) &&
           set_text(socket, ZMQ_CURVE_PUBLICKEY, s->options.public_key) &&
           set_text(socket, ZMQ_CURVE_SECRETKEY, s->options.secret_key) &&
           zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max) == 0 && set_int(socket, ZMQ_LINGER, 0) &&
           set_int(socket, ZMQ_IMMEDIATE, 1) && set_int(socket, ZMQ_SNDHWM, QUEUE_MESSAGES) &&
           set_int(socket, ZMQ_RCVHWM, QUEUE_MESSAGES) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE, 1) && set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, 30) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, 10) && set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, 3) &&
           set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_FIRST_MS) && set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MOST_MS) &&
           set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) && set_int(socket, ZMQ_IPV6, 1);
}

static void close_channel(struct channel *c, int linger_ms)
{
    if (c->socket) {
        /* First: an event that finds its reader gone blocks the I/O thread of the library for good. */
        (void)zmq_socket_monitor(c->socket, NULL, 0);
        (void)set_int(c->socket, ZMQ_LINGER, linger_ms);
        zmq_close(c->socket);
    }
    if (c->monitor)
        zmq_close(c->monitor);
    c->socket = c->monitor = NULL;
    c->connected = c->dry = c->monitor_dry = false;
}

static enum bf_rc open_channel(struct session *s, struct channel *c, struct bf_error *err)
{
    char events[64];
    const int wanted = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                       ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    snprintf(events, sizeof events, "inproc://%s-%u", c->what, s->generation++);
    c->anew_at_ms = INT64_MAX;
    c->socket = zmq_socket(s->context, ZMQ_DEALER);
    c->monitor = zmq_socket(s->context, ZMQ_PAIR);
    if (c->socket && c->monitor && configure(s, c, c->socket) && zmq_socket_monitor(c->socket, events, wanted) == 0 &&
        set_int(c->monitor, ZMQ_LINGER, 0) && zmq_connect(c->monitor, events) == 0 && zmq_connect(c->socket, c->endpoint) == 0)
        return BF_OK;
    int errnum = errno;
    close_channel(c, 0);
    return bf_fail(err, BF_INVALID, "the %s connection to %s cannot be made: %s; check the endpoint and the keys in the configuration",
                   c->what, c->endpoint, zmq_strerror(errnum));
}

enum bf_rc session_open(const struct session_options *o, struct session **ret, struct bf_error *err)
{
    struct session *s = bf_xcalloc(1, sizeof *s);
    s->options = *o;
    s->context = zmq_ctx_new();
    assert(s->context);
    s->fleet = (struct channel){.what = "fleet", .endpoint = o->coordinator, .anew_at_ms = INT64_MAX, .told_at_ms = INT64_MIN};
    s->logs = (struct channel){.what = "logs", .endpoint = o->logs, .anew_at_ms = INT64_MAX, .told_at_ms = INT64_MIN};
    enum bf_rc rc = open_channel(s, &s->fleet, err);
    if (rc == BF_OK && o->logs)
        rc = open_channel(s, &s->logs, err);
    if (rc != BF_OK) {
        session_close(s, 0);
        return rc;
    }
    *ret = s;
    return BF_OK;
}

void session_close(struct session *s, int linger_ms)
{
    if (!s)
        return;
    close_channel(&s->fleet, linger_ms);
    close_channel(&s->logs, linger_ms);
    while (zmq_ctx_term(s->context) != 0 && errno == EINTR)
        ;
    for (size_t i = 0; i < OUTBOX_MAX; i++)
        bf_buf_free(&s->outbox[i]);
    bf_buf_free(&s->scratch);
    free(s);
}

static int fd_of(void *socket)
{
    int fd = -1;
    size_t n = sizeof fd;
    (void)zmq_getsockopt(socket, ZMQ_FD, &fd, &n);
    return fd;
}

static int events_of(void *socket)
{
    int events = 0;
    size_t n = sizeof events;
    if (socket)
        (void)zmq_getsockopt(socket, ZMQ_EVENTS, &events, &n);
    return events;
}

void session_fds(const struct session *s, int ret_fds[SESSION_FDS_MAX], unsigned *ret_generation)
{
    void *const sockets[SESSION_FDS_MAX] = {s->fleet.socket, s->fleet.monitor, s->logs.socket, s->logs.monitor};
    for (size_t i = 0; i < SESSION_FDS_MAX; i++)
        ret_fds[i] = sockets[i] ? fd_of(sockets[i]) : -1;
    *ret_generation = s->generation;
}

void session_woke(struct session *s, size_t i)
{
    bool *const dry[SESSION_FDS_MAX] = {&s->fleet.dry, &s->fleet.monitor_dry, &s->logs.dry, &s->logs.monitor_dry};
    assert(i < SESSION_FDS_MAX);
    *dry[i] = false;
}

/* Also when a socket that was busy takes messages again: its descriptor may have been heard before. */
static bool is_ready(struct channel *c, bool wants_out)
{
    if (!c->socket || (c->dry && !wants_out))
        return false;
    int events = events_of(c->socket);
    c->dry = (events & ZMQ_POLLIN) == 0;
    return !c->dry || (wants_out && (events & ZMQ_POLLOUT) != 0);
}

bool session_ready(struct session *s)
{
    bool fleet = is_ready(&s->fleet, s->out_n > 0), logs = is_ready(&s->logs, s->logs_blocked);
    bool monitors = (s->fleet.monitor && !s->fleet.monitor_dry) || (s->logs.monitor && !s->logs.monitor_dry);
    return fleet || logs || monitors;
}

/* --- what the sockets say of themselves ------------------------------------------------------------------------------- */

static void tell_trouble(struct channel *c, int64_t now_ms, const char *event, const char *sentence, int detail)
{
    if (c->told_at_ms != INT64_MIN && now_ms - c->told_at_ms < QUIET_MS)
        return;
    c->told_at_ms = now_ms;
    bf_error_log(event, "connection=%s endpoint=%s detail=%d text=%s", c->what, c->endpoint, detail, bf_log_quote(sentence));
}

/* The peer may own the other key that is pinned.  Once for each socket: the library goes on with the first until then. */
static void try_other_key(const struct session *s, struct channel *c, int64_t now_ms)
{
    if (s->options.n_server_keys < 2 || c->anew_at_ms != INT64_MAX)
        return;
    c->server_key = (c->server_key + 1) % s->options.n_server_keys;
    c->anew_at_ms = now_ms + OTHER_KEY_MS;
}

static void on_event(const struct session *s, struct channel *c, unsigned event, int value, int64_t now_ms)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        c->connected = c->is_new = true;
        c->told_at_ms = INT64_MIN;
        bf_info("connected", "connection=%s endpoint=%s", c->what, c->endpoint);
        return;
    case ZMQ_EVENT_DISCONNECTED:
        if (c->connected)
            bf_warn("disconnected", "connection=%s endpoint=%s", c->what, c->endpoint);
        c->connected = false;
        return;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        tell_trouble(c, now_ms, "key_refused", "the coordinator refuses this agent's key: add the public key of its key_file to the "
                     "coordinator's agents", value);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        tell_trouble(c, now_ms, "handshake_failed", "the peer is not the coordinator that server_key names: check server_key and the "
                     "endpoint", value);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        /* The library tries again by itself. */
        tell_trouble(c, now_ms, "handshake_failed", "the peer closed the connection before the keys were agreed: check server_key, the "
                     "endpoint, and that the coordinator knows this agent's key", value);
        try_other_key(s, c, now_ms);
        return;
    default:
        return;
    }
    c->connected = false;
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
        try_other_key(s, c, now_ms);
    if (c->anew_at_ms == INT64_MAX)
        c->anew_at_ms = now_ms + ANEW_MS;
}

static void read_monitor(const struct session *s, struct channel *c, int64_t now_ms)
{
    uint8_t frame[6];
    if (!c->monitor || c->monitor_dry)
        return;
    while (zmq_recv(c->monitor, frame, sizeof frame, ZMQ_DONTWAIT) == (int)sizeof frame) {
        uint16_t event;
        int32_t value;
        char address[512];
        memcpy(&event, frame, sizeof event);
        memcpy(&value, frame + 2, sizeof value);
        (void)zmq_recv(c->monitor, address, sizeof address, ZMQ_DONTWAIT);
        on_event(s, c, event, value, now_ms);
    }
    c->monitor_dry = errno == EAGAIN;
}

static void clear_outbox(struct session *s)
{
    s->out_head = s->out_n = 0;
}

static bool put(struct channel *c, const struct bf_buf *b)
{
    c->dry = false;
    return c->socket && zmq_send(c->socket, b->data, b->len, ZMQ_DONTWAIT) >= 0;
}

static void flush(struct session *s)
{
    while (s->out_n > 0 && put(&s->fleet, &s->outbox[s->out_head])) {
        s->out_head = (s->out_head + 1) % OUTBOX_MAX;
        s->out_n--;
    }
}

static void make_anew(struct session *s, struct channel *c, int64_t now_ms)
{
    struct bf_error err = {0};
    if (now_ms < c->anew_at_ms)
        return;
    close_channel(c, 0);
    if (open_channel(s, c, &err) != BF_OK) {
        bf_error_log("connect_failed", "text=%s", bf_log_quote(err.text));
        c->anew_at_ms = now_ms + ANEW_MS;
    }
}

bool session_run(struct session *s, int64_t now_ms)
{
    read_monitor(s, &s->fleet, now_ms);
    read_monitor(s, &s->logs, now_ms);
    make_anew(s, &s->fleet, now_ms);
    make_anew(s, &s->logs, now_ms);
    bool is_new = s->fleet.is_new;
    s->fleet.is_new = s->logs.is_new = false;
    if (is_new)
        clear_outbox(s);                     /* for a connection that is gone; HELLO tells anew */
    flush(s);
    s->logs_blocked = false;
    return is_new;
}

int64_t session_next_ms(const struct session *s)
{
    return s->fleet.anew_at_ms < s->logs.anew_at_ms ? s->fleet.anew_at_ms : s->logs.anew_at_ms;
}

/* --- messages --------------------------------------------------------------------------------------------------------- */

void session_send(struct session *s, const struct agent_msg *m)
{
    bf_buf_clear(&s->scratch);
    agent_msg_encode(m, &s->scratch);
    if (s->out_n == 0 && put(&s->fleet, &s->scratch))
        return;
    if (s->out_n == OUTBOX_MAX)
        return;
    struct bf_buf *slot = &s->outbox[(s->out_head + s->out_n++) % OUTBOX_MAX];
    bf_buf_clear(slot);
    bf_buf_put(slot, s->scratch.data, s->scratch.len);
}

bool session_send_log(struct session *s, const struct log_msg *m)
{
    bf_buf_clear(&s->scratch);
    log_msg_encode(m, &s->scratch);
    bool taken = put(&s->logs, &s->scratch);
    s->logs_blocked |= !taken;
    return taken;
}

/* One message of one frame; false: nothing now.  Others are passed over. */
static bool get(struct channel *c, zmq_msg_t *ret)
{
    if (!c->socket || c->dry)
        return false;
    while (zmq_msg_recv(ret, c->socket, ZMQ_DONTWAIT) >= 0) {
        if (!zmq_msg_more(ret))
            return true;
        while (zmq_msg_more(ret) && zmq_msg_recv(ret, c->socket, ZMQ_DONTWAIT) >= 0)
            ;
        bf_warn("message_malformed", "connection=%s text=\"more than one frame\"", c->what);
    }
    c->dry = errno == EAGAIN;
    return false;
}

bool session_receive(struct session *s, struct agent_msg *ret)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    bool good = false;
    while (!good && get(&s->fleet, &frame)) {
        struct bf_error err = {0};
        good = agent_msg_decode(zmq_msg_data(&frame), zmq_msg_size(&frame), ret, &err) == BF_OK;
        if (!good) {
            agent_msg_done(ret);
            bf_warn("message_malformed", "connection=fleet text=%s", bf_log_quote(err.text));
        }
    }
    zmq_msg_close(&frame);
    return good;
}

bool session_receive_log(struct session *s, struct log_msg *ret)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    bool good = false;
    while (!good && get(&s->logs, &frame)) {
        struct bf_error err = {0};
        good = log_msg_decode(zmq_msg_data(&frame), zmq_msg_size(&frame), ret, &err) == BF_OK;
        if (!good) {
            log_msg_done(ret);
            bf_warn("message_malformed", "connection=logs text=%s", bf_log_quote(err.text));
        }
    }
    zmq_msg_close(&frame);
    return good;
}

/* One listening ROUTER socket: options before bind, a probe after it, then messages in and out without ever waiting.
 *
 * The library's traps are closed here: no domain without the handler of keys, no peer that takes over another's routing id, no
 * queue without a bound.  The sender of a message is the key that its handshake proved, looked up anew each time. */
#include "coordinator/zap/door.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/mem.h"
#include "coordinator/zap/probe.h"
#include "proto/agent_msg.h"

#define OPTION_ENFORCE_DOMAIN 93                 /* ZMQ_ZAP_ENFORCE_DOMAIN; absent from some releases' header */
#define HANDSHAKE_MS 3000
#define BACKLOG 4096
#define CURVE_BYTES 33                           /* what CURVE adds to a message; the library's bound is of the sum */
#define QUOTA_WINDOW_MS 10000
#define QUOTA_LINES 10

struct door {
    struct zap *zap;
    void *socket;
    enum zap_domain domain;
    char endpoint[256];
    zmq_msg_t body;                              /* what door_receive() lent out last */
    bool dry;                                    /* the last look found nothing and nothing was sent since: the descriptor tells of more */
};

struct int_option { int option, value; };

/* All of these stand before bind: a peer that connects early would escape them. */
static enum bf_rc door_configure(struct door *d, const struct door_options *o, struct bf_error *err)
{
    const struct int_option options[] = {
        {ZMQ_CURVE_SERVER, 1},
        {OPTION_ENFORCE_DOMAIN, 1},
        {ZMQ_ROUTER_MANDATORY, 1},
        {ZMQ_ROUTER_HANDOVER, 0},
        {ZMQ_HEARTBEAT_IVL, 0},
        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
        {ZMQ_BACKLOG, BACKLOG},
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, 30},
        {ZMQ_TCP_KEEPALIVE_INTVL, 10},
        {ZMQ_TCP_KEEPALIVE_CNT, 3},
        {ZMQ_RCVHWM, o->receive_messages},
        {ZMQ_SNDHWM, o->send_messages},
        {ZMQ_LINGER, o->linger_ms},
        {ZMQ_IPV6, strchr(o->endpoint, '[') != NULL},
    };
    const char *domain = zap_domain_name(o->domain);
    int64_t max_bytes = BF_MESSAGE_MAX_BYTES + CURVE_BYTES;
    bool good = zmq_setsockopt(d->socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) == 0 &&
                zmq_setsockopt(d->socket, ZMQ_CURVE_SECRETKEY, o->secret_key, ZAP_KEY_BYTES) == 0 &&
                zmq_setsockopt(d->socket, ZMQ_MAXMSGSIZE, &max_bytes, sizeof max_bytes) == 0;
    for (size_t i = 0; good && i < sizeof options / sizeof *options; i++)
        good = zmq_setsockopt(d->socket, options[i].option, &options[i].value, sizeof options[i].value) == 0;
    if (!good)
        return bf_fail(err, BF_INTERNAL, "%s: the socket cannot be set up: %s", o->endpoint, zmq_strerror(zmq_errno()));
    return BF_OK;
}

static enum bf_rc bind_failed(const char *endpoint, int why, struct bf_error *err)
{
    if (why == EADDRINUSE)
        return bf_fail(err, BF_CONFLICT, "%s cannot be bound: another program listens there; end it (`ss -ltnp` names it), or give this "
                       "coordinator another port", endpoint);
    return bf_fail(err, BF_IO, "%s cannot be bound: %s; give an address of this host, or 0.0.0.0 for all, and a port from 1024 on",
                   endpoint, zmq_strerror(why));
}

static enum bf_rc door_bind(struct door *d, const struct door_options *o, struct bf_error *err)
{
    if (zmq_bind(d->socket, o->endpoint) != 0)
        return bind_failed(o->endpoint, zmq_errno(), err);
    size_t n = sizeof d->endpoint;
    if (zmq_getsockopt(d->socket, ZMQ_LAST_ENDPOINT, d->endpoint, &n) != 0)
        return bf_fail(err, BF_INTERNAL, "%s: the bound address is not known: %s", o->endpoint, zmq_strerror(zmq_errno()));
    return BF_OK;
}

enum bf_rc door_open(struct zap *z, const struct door_options *o, struct door **ret, struct bf_error *err)
{
    if (strncmp(o->endpoint, "tcp://", 6) != 0)
        return bf_fail(err, BF_INVALID, "%s: only tcp:// endpoints are supported", o->endpoint);
    struct door *d = bf_xcalloc(1, sizeof *d);
    d->zap = z;
    d->domain = o->domain;
    zmq_msg_init(&d->body);
    d->socket = zmq_socket(zap_context(z), ZMQ_ROUTER);
    enum bf_rc rc = BF_OK;
    if (!d->socket)
        rc = bf_fail(err, BF_INTERNAL, "no socket for %s: %s", o->endpoint, zmq_strerror(zmq_errno()));
    if (rc == BF_OK)
        rc = door_configure(d, o, err);
    if (rc == BF_OK)
        rc = door_bind(d, o, err);
    if (rc == BF_OK)
        rc = door_probe(z, d->endpoint, o->domain, o->secret_key, err);
    if (rc != BF_OK) {
        door_close(d);
        return rc;
    }
    *ret = d;
    return BF_OK;
}

void door_close(struct door *d)
{
    if (!d)
        return;
    zmq_msg_close(&d->body);
    if (d->socket)
        zmq_close(d->socket);
    free(d);
}

const char *door_endpoint(const struct door *d)
{
    return d->endpoint;
}

int door_fd(const struct door *d)
{
    int fd = -1;
    size_t n = sizeof fd;
    int rc = zmq_getsockopt(d->socket, ZMQ_FD, &fd, &n);
    assert(rc == 0);
    return fd;
}

/* A look costs two system calls, and takes the edge of the descriptor; so where the last one found nothing, none is taken again. */
bool door_readable(struct door *d)
{
    int events = 0;
    size_t n = sizeof events;
    if (d->dry || zmq_getsockopt(d->socket, ZMQ_EVENTS, &events, &n) != 0)
        return false;
    d->dry = !(events & ZMQ_POLLIN);
    return !d->dry;
}

/* The frames of one message: the routing id, and the body into d->body.  false when the shape is another; all of it is taken. */
static bool frames_read(struct door *d, struct door_id *ret_id, bool *ret_none)
{
    zmq_msg_t part;
    zmq_msg_init(&part);
    bool got = zmq_msg_recv(&part, d->socket, ZMQ_DONTWAIT) >= 0;
    d->dry = !got && zmq_errno() == EAGAIN;
    if (!got) {
        *ret_none = true;
        zmq_msg_close(&part);
        return false;
    }
    bool more = zmq_msg_more(&part) != 0;
    /* Ids that the library hands out are five bytes and begin with a zero; it lets nobody choose such a one. */
    bool good = more && zmq_msg_size(&part) == DOOR_ID_BYTES && *(uint8_t *)zmq_msg_data(&part) == 0;
    if (good)
        memcpy(ret_id->bytes, zmq_msg_data(&part), DOOR_ID_BYTES);
    for (size_t i = 0; more; i++) {
        zmq_msg_t *into = i == 0 ? &d->body : &part;
        if (zmq_msg_recv(into, d->socket, ZMQ_DONTWAIT) < 0) {
            good = false;
            break;
        }
        more = zmq_msg_more(into) != 0;
        good = good && i == 0;
    }
    zmq_msg_close(&part);
    return good;
}

enum door_got door_receive(struct door *d, struct door_message *ret)
{
    bool none = false;
    if (!frames_read(d, &ret->id, &none))
        return none ? DOOR_NONE : DOOR_BAD;
    const char *user = zmq_msg_gets(&d->body, "User-Id");
    if (!user || !key_parse(user, ret->key))
        return DOOR_BAD;
    ret->bytes = zmq_msg_data(&d->body);
    ret->n = zmq_msg_size(&d->body);
    return zap_find(d->zap, ret->key, d->domain, &ret->who) ? DOOR_MESSAGE : DOOR_UNAUTHORISED;
}

enum door_sent door_send(struct door *d, const struct door_id *id, const void *bytes, size_t n)
{
    assert(n <= BF_MESSAGE_MAX_BYTES);
    d->dry = false;                              /* sending may take the edge */
    if (zmq_send(d->socket, id->bytes, DOOR_ID_BYTES, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return zmq_errno() == EAGAIN ? DOOR_FULL : DOOR_GONE;
    return zmq_send(d->socket, bytes, n, ZMQ_DONTWAIT) < 0 ? DOOR_GONE : DOOR_SENT;
}

static bool quota_take(struct door_quota *q, int64_t window_ms, unsigned lines, uint64_t *ret_left_out)
{
    int64_t now = bf_boottime_ms();
    if (q->window_ms == 0 || now - q->window_ms >= window_ms) {
        q->window_ms = now;
        q->n = 0;
    }
    if (q->n >= lines) {
        q->left_out++;
        return false;
    }
    q->n++;
    *ret_left_out = q->left_out;
    q->left_out = 0;
    return true;
}

bool door_quota(struct door_quota *q, uint64_t *ret_left_out)
{
    return quota_take(q, QUOTA_WINDOW_MS, QUOTA_LINES, ret_left_out);
}

bool door_quota_second(struct door_quota *q, uint64_t *ret_left_out)
{
    return quota_take(q, 1000, 1, ret_left_out);
}

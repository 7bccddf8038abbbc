#include "tests/integration/peer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "common/clock.h"

struct key_pair key_pair_new(void)
{
    struct key_pair k;
    int rc = zmq_curve_keypair(k.public_text, k.secret_text);
    assert(rc == 0);
    zmq_z85_decode(k.public_key, k.public_text);
    zmq_z85_decode(k.secret_key, k.secret_text);
    return k;
}

static void set_int(void *socket, int option, int value)
{
    int rc = zmq_setsockopt(socket, option, &value, sizeof value);
    assert(rc == 0);
}

struct peer peer_connect(void *context, const struct peer_options *o)
{
    static unsigned count;
    struct peer p = {.context = context, .socket = zmq_socket(context, ZMQ_DEALER), .monitor = zmq_socket(context, ZMQ_PAIR)};
    char name[64];
    snprintf(name, sizeof name, "inproc://test-peer-%u", ++count);
    set_int(p.socket, ZMQ_LINGER, 0);
    set_int(p.socket, ZMQ_RECONNECT_IVL, o->no_reconnect ? -1 : 50);
    if (o->mechanism == PEER_CURVE) {
        zmq_setsockopt(p.socket, ZMQ_CURVE_SERVERKEY, o->server->public_key, 32);
        zmq_setsockopt(p.socket, ZMQ_CURVE_PUBLICKEY, o->own->public_key, 32);
        zmq_setsockopt(p.socket, ZMQ_CURVE_SECRETKEY, o->own->secret_key, 32);
    } else if (o->mechanism == PEER_PLAIN) {
        zmq_setsockopt(p.socket, ZMQ_PLAIN_USERNAME, "admin", 5);
        zmq_setsockopt(p.socket, ZMQ_PLAIN_PASSWORD, "admin", 5);
    }
    if (o->routing_id)
        zmq_setsockopt(p.socket, ZMQ_ROUTING_ID, o->routing_id, strlen(o->routing_id));
    int rc = zmq_socket_monitor(p.socket, name, ZMQ_EVENT_ALL);
    assert(rc == 0);
    rc = zmq_connect(p.monitor, name);
    assert(rc == 0);
    rc = zmq_connect(p.socket, o->endpoint);
    assert(rc == 0);
    return p;
}

void peer_close(struct peer *p)
{
    /* First: an event that finds its reader gone blocks an I/O thread of the library for good. */
    (void)zmq_socket_monitor(p->socket, NULL, 0);
    zmq_close(p->socket);
    set_int(p->monitor, ZMQ_LINGER, 0);
    zmq_close(p->monitor);
}

static unsigned next_event(struct peer *p, int64_t until_ms)
{
    zmq_pollitem_t item = {.socket = p->monitor, .events = ZMQ_POLLIN};
    int64_t left = until_ms - bf_boottime_ms();
    if (zmq_poll(&item, 1, left > 0 ? (long)left : 0) <= 0)
        return 0;
    uint8_t event[8] = {0};
    char address[256];
    zmq_recv(p->monitor, event, sizeof event, 0);
    zmq_recv(p->monitor, address, sizeof address, 0);
    return (unsigned)event[0] | (unsigned)event[1] << 8;
}

enum peer_event peer_handshake(struct peer *p, int wait_ms)
{
    int64_t until_ms = bf_boottime_ms() + wait_ms;
    for (unsigned event; (event = next_event(p, until_ms)) != 0;) {
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            return PEER_LET_IN;
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH || event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL ||
            event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)
            return PEER_TURNED_AWAY;
        if (event == ZMQ_EVENT_DISCONNECTED)
            return PEER_DISCONNECTED;
    }
    return PEER_NOTHING;
}

enum peer_event peer_disconnected(struct peer *p, int wait_ms)
{
    int64_t until_ms = bf_boottime_ms() + wait_ms;
    for (unsigned event; (event = next_event(p, until_ms)) != 0;)
        if (event == ZMQ_EVENT_DISCONNECTED)
            return PEER_DISCONNECTED;
    return PEER_NOTHING;
}

bool peer_send(struct peer *p, const void *bytes, size_t n)
{
    return zmq_send(p->socket, bytes, n, 0) >= 0;
}

long peer_receive(struct peer *p, void *bytes, size_t max, int wait_ms)
{
    zmq_pollitem_t item = {.socket = p->socket, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, wait_ms) <= 0)
        return -1;
    return zmq_recv(p->socket, bytes, max, 0);
}

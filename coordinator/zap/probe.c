/* The probe: two connections from this host to a door that was just bound, one with a key that nobody knows, one with a key that
 * the table knows for that moment only.  The socket's monitor tells how each handshake ended; nothing is sent. */
#include "coordinator/zap/probe.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "common/clock.h"

#define PROBE_WAIT_MS 5000

/* The refusal itself can be lost when the server closes right behind it; then only the closed connection is seen. */
#define TURNED_AWAY (ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_DISCONNECTED)

enum probe_seen { PROBE_LET_IN, PROBE_TURNED_AWAY, PROBE_SILENT };

/* A wildcard is no address to connect to. */
static void reachable(const char *endpoint, char *ret, size_t size)
{
    const char *port = strrchr(endpoint, ':');
    if (strncmp(endpoint, "tcp://0.0.0.0:", 14) == 0)
        snprintf(ret, size, "tcp://127.0.0.1%s", port);
    else if (strncmp(endpoint, "tcp://[::]:", 11) == 0)
        snprintf(ret, size, "tcp://[::1]%s", port);
    else
        snprintf(ret, size, "%s", endpoint);
}

/* The next event of the monitored socket; 0 when none came in time. */
static unsigned next_event(void *monitor, int64_t until_ms)
{
    int64_t left = until_ms - bf_boottime_ms();
    zmq_pollitem_t item = {.socket = monitor, .events = ZMQ_POLLIN};
    if (left <= 0 || zmq_poll(&item, 1, (long)left) <= 0)
        return 0;
    uint8_t event[8] = {0};
    char address[256];
    if (zmq_recv(monitor, event, sizeof event, 0) < 2)
        return 0;
    zmq_recv(monitor, address, sizeof address, 0);
    return (unsigned)event[0] | (unsigned)event[1] << 8;
}

static enum probe_seen watch(void *monitor)
{
    int64_t until_ms = bf_boottime_ms() + PROBE_WAIT_MS;
    for (;;) {
        unsigned event = next_event(monitor, until_ms);
        if (event == 0)
            return PROBE_SILENT;
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            return PROBE_LET_IN;
        if (event & TURNED_AWAY)
            return PROBE_TURNED_AWAY;
    }
}

static bool client_set_up(void *socket, const char *server_key, const char *public_key, const char *secret_key)
{
    int linger = 0, reconnect = -1, ipv6 = 1;
    return zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
           zmq_setsockopt(socket, ZMQ_RECONNECT_IVL, &reconnect, sizeof reconnect) == 0 &&
           zmq_setsockopt(socket, ZMQ_IPV6, &ipv6, sizeof ipv6) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, KEY_TEXT) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, KEY_TEXT) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, KEY_TEXT) == 0;
}

static enum probe_seen knock(void *context, const char *endpoint, const char *server_key, const char *public_key,
                             const char *secret_key)
{
    static _Atomic unsigned count;               /* the library frees the name of a monitor some time after its socket */
    char address[300], monitor_name[64];
    snprintf(monitor_name, sizeof monitor_name, "inproc://probe-%u", ++count);
    reachable(endpoint, address, sizeof address);
    void *socket = zmq_socket(context, ZMQ_DEALER);
    void *monitor = zmq_socket(context, ZMQ_PAIR);
    enum probe_seen seen = PROBE_SILENT;
    if (socket && monitor && client_set_up(socket, server_key, public_key, secret_key) &&
        zmq_socket_monitor(socket, monitor_name, ZMQ_EVENT_HANDSHAKE_SUCCEEDED | TURNED_AWAY) == 0 &&
        zmq_connect(monitor, monitor_name) == 0 && zmq_connect(socket, address) == 0)
        seen = watch(monitor);
    if (socket) {
        /* First: an event that finds its reader gone blocks an I/O thread of the library for good. */
        (void)zmq_socket_monitor(socket, NULL, 0);
        zmq_close(socket);
    }
    if (monitor) {
        int linger = 0;
        zmq_setsockopt(monitor, ZMQ_LINGER, &linger, sizeof linger);
        zmq_close(monitor);
    }
    return seen;
}

enum bf_rc door_probe(struct zap *z, const char *endpoint, enum zap_domain domain, const uint8_t secret_key[ZAP_KEY_BYTES],
                      struct bf_error *err)
{
    char server_secret[KEY_TEXT], server_key[KEY_TEXT], public_key[KEY_TEXT], probe_secret[KEY_TEXT];
    key_format(secret_key, server_secret);
    int made = zmq_curve_public(server_key, server_secret);
    explicit_bzero(server_secret, sizeof server_secret);
    if (made != 0 || zmq_curve_keypair(public_key, probe_secret) != 0)
        return bf_fail(err, BF_INTERNAL, "no keys for the probe of %s: this libzmq has no CURVE", endpoint);

    enum probe_seen stranger = knock(zap_context(z), endpoint, server_key, public_key, probe_secret);
    if (stranger == PROBE_LET_IN)
        return bf_fail(err, BF_DENIED, "%s lets strangers in: the handler of keys is not asked; refusing to serve", endpoint);

    struct zap_key known = {.role = domain == DOMAIN_API ? KEY_VIEWER : KEY_AGENT, .name = "probe"};
    if (!key_parse(public_key, known.key))
        return bf_fail(err, BF_INTERNAL, "the probe of %s has no key", endpoint);
    zap_set_probe(z, &known);
    enum probe_seen friendly = knock(zap_context(z), endpoint, server_key, public_key, probe_secret);
    zap_set_probe(z, NULL);
    if (stranger == PROBE_TURNED_AWAY && friendly == PROBE_LET_IN)
        return BF_OK;
    if (friendly == PROBE_TURNED_AWAY)
        return bf_fail(err, BF_DENIED, "%s turns away a key that it knows; refusing to serve", endpoint);
    return bf_fail(err, BF_TIMED_OUT, "%s does not answer its own probe within %d s; is the host overloaded, or the address not "
                   "of this host?", endpoint, PROBE_WAIT_MS / 1000);
}

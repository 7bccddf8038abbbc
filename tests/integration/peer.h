/* A client of the coordinator's sockets for tests: as strict or as hostile as the test wants.  Waits for events, never sleeps. */
#ifndef BF_TEST_PEER_H
#define BF_TEST_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_WAIT_MS 10000

struct key_pair { uint8_t public_key[32], secret_key[32]; char public_text[41], secret_text[41]; };
struct key_pair key_pair_new(void);

enum peer_mechanism { PEER_CURVE, PEER_NULL, PEER_PLAIN };
struct peer_options {
    const char *endpoint;
    const struct key_pair *server, *own;
    enum peer_mechanism mechanism;
    const char *routing_id;                      /* NULL: none */
    bool no_reconnect;
};
struct peer { void *context, *socket, *monitor; };

struct peer peer_connect(void *context, const struct peer_options *o);
void peer_close(struct peer *p);

enum peer_event { PEER_LET_IN, PEER_TURNED_AWAY, PEER_DISCONNECTED, PEER_NOTHING };
/* The end of the handshake, or PEER_NOTHING after wait_ms. */
enum peer_event peer_handshake(struct peer *p, int wait_ms);
/* The next disconnection. */
enum peer_event peer_disconnected(struct peer *p, int wait_ms);
bool peer_send(struct peer *p, const void *bytes, size_t n);
/* One message of at most max bytes into bytes; -1 when none came in time. */
long peer_receive(struct peer *p, void *bytes, size_t max, int wait_ms);

#endif

/* The fleet socket: who speaks for which incarnation, and what waits for whom.
 *
 * Owns the agents, their peers and outboxes.  A peer stands in the list of waiting ones exactly while its outbox is not empty, and
 * what is sent to one peer keeps its order: a message goes straight to the library only when nothing waits before it. */
#include "coordinator/fleet/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "coordinator/fleet/outbox.h"
#include "coordinator/zap/door.h"

#define LINGER_MS 200
/* What the library itself may hold for one peer.  Small: its bound is of messages, ours is of bytes too. */
#define RECEIVE_MESSAGES 64
#define SEND_MESSAGES 16

/* One incarnation of an agent.  It stands in the list of waiting peers exactly while its outbox is not empty. */
struct fleet_peer {
    bool used;
    bool gone;                                   /* its connection ended: what it said before is still heard, nothing is sent */
    uint64_t incarnation;
    struct door_id id;
    uint64_t heard;                              /* order of the last message */
    struct outbox outbox;
    struct fleet_agent *agent;
    struct fleet_peer *previous, *next;          /* of the waiting list */
};

struct fleet_agent {
    uint8_t key[ZAP_KEY_BYTES];
    struct fleet_peer peers[FLEET_INCARNATIONS];
};

struct fleet {
    struct zap *zap;
    struct door *door;
    struct bf_smap agents;                       /* key -> struct fleet_agent, owned */
    struct fleet_peer *waiting;
    uint64_t heard;
    struct fleet_stats stats;
    struct door_quota quota, unknown_quota;
    struct bf_buf scratch;
};

enum bf_rc fleet_open(struct zap *z, const struct fleet_options *o, struct fleet **ret, struct bf_error *err)
{
    const struct door_options door = {.endpoint = o->endpoint, .domain = DOMAIN_FLEET, .secret_key = o->secret_key,
                                      .receive_messages = RECEIVE_MESSAGES, .send_messages = SEND_MESSAGES,
                                      .linger_ms = LINGER_MS};
    struct door *opened;
    enum bf_rc rc = door_open(z, &door, &opened, err);
    if (rc != BF_OK)
        return rc;
    struct fleet *f = bf_xcalloc(1, sizeof *f);
    f->zap = z;
    f->door = opened;
    *ret = f;
    return BF_OK;
}

const char *fleet_endpoint(const struct fleet *f) { return door_endpoint(f->door); }
int fleet_fd(const struct fleet *f) { return door_fd(f->door); }
bool fleet_readable(const struct fleet *f) { return door_readable(f->door); }
bool fleet_waiting(const struct fleet *f) { return f->waiting != NULL; }
const struct fleet_stats *fleet_stats(const struct fleet *f) { return &f->stats; }

/* ---- peers ---- */

static void waiting_add(struct fleet *f, struct fleet_peer *p)
{
    p->previous = NULL;
    p->next = f->waiting;
    if (f->waiting)
        f->waiting->previous = p;
    f->waiting = p;
}

static void waiting_remove(struct fleet *f, struct fleet_peer *p)
{
    if (p->previous)
        p->previous->next = p->next;
    else
        f->waiting = p->next;
    if (p->next)
        p->next->previous = p->previous;
    p->previous = p->next = NULL;
}

static void peer_empty(struct fleet *f, struct fleet_peer *p)
{
    if (p->outbox.first)
        waiting_remove(f, p);
    outbox_clear(&p->outbox);
}

/* The peer is as if it had never said HELLO. */
static void peer_forget(struct fleet *f, struct fleet_peer *p)
{
    peer_empty(f, p);
    p->used = false;
}

static void agent_free(struct fleet *f, struct fleet_agent *a)
{
    for (size_t i = 0; i < FLEET_INCARNATIONS; i++)
        if (a->peers[i].used)
            peer_forget(f, &a->peers[i]);
    free(a);
}

void fleet_close(struct fleet *f)
{
    if (!f)
        return;
    size_t pos = 0, key_len;
    const char *key;
    void *agent;
    while (bf_smap_next(&f->agents, &pos, &key, &key_len, &agent))
        agent_free(f, agent);
    bf_smap_free(&f->agents);
    bf_buf_free(&f->scratch);
    door_close(f->door);
    free(f);
}

static struct fleet_peer *peer_find(const struct fleet *f, const uint8_t key[ZAP_KEY_BYTES], uint64_t incarnation)
{
    struct fleet_agent *a = bf_smap_get(&f->agents, key, ZAP_KEY_BYTES);
    for (size_t i = 0; a && i < FLEET_INCARNATIONS; i++)
        if (a->peers[i].used && a->peers[i].incarnation == incarnation)
            return &a->peers[i];
    return NULL;
}

/* A free place, or that of the incarnation that was silent for longest. */
static struct fleet_peer *agent_place(struct fleet *f, struct fleet_agent *a)
{
    struct fleet_peer *oldest = &a->peers[0];
    for (size_t i = 0; i < FLEET_INCARNATIONS; i++) {
        if (!a->peers[i].used)
            return &a->peers[i];
        if (a->peers[i].heard < oldest->heard)
            oldest = &a->peers[i];
    }
    peer_forget(f, oldest);
    return oldest;
}

/* HELLO: this connection speaks for this incarnation from now on. */
static struct fleet_peer *peer_hello(struct fleet *f, const struct door_message *m, uint64_t incarnation)
{
    struct fleet_peer *p = peer_find(f, m->key, incarnation);
    if (p && memcmp(&p->id, &m->id, sizeof m->id) == 0)
        return p;
    if (p)
        peer_forget(f, p);                       /* what waited was for the old connection */
    struct fleet_agent *a = bf_smap_get(&f->agents, m->key, ZAP_KEY_BYTES);
    if (!a) {
        a = bf_xcalloc(1, sizeof *a);
        memcpy(a->key, m->key, ZAP_KEY_BYTES);
        bf_smap_put(&f->agents, a->key, ZAP_KEY_BYTES, a);
    }
    p = agent_place(f, a);
    *p = (struct fleet_peer){.used = true, .incarnation = incarnation, .id = m->id, .agent = a};
    return p;
}

void fleet_forget_revoked(struct fleet *f)
{
    struct fleet_agent *gone;
    do {                                         /* the map must not change while it is walked */
        gone = NULL;
        size_t pos = 0, key_len;
        const char *key;
        void *agent;
        while (!gone && bf_smap_next(&f->agents, &pos, &key, &key_len, &agent)) {
            struct zap_key entry;
            if (!zap_find(f->zap, (const uint8_t *)key, DOMAIN_FLEET, &entry))
                gone = agent;
        }
        if (gone) {
            bf_smap_del(&f->agents, gone->key, ZAP_KEY_BYTES);
            agent_free(f, gone);
        }
    } while (gone);
}

/* ---- in ---- */

/* One line for what was refused; strangers can cause many. */
static void refused(struct fleet *f, uint64_t *counter, const char *event, const uint8_t *key, const char *why)
{
    (*counter)++;
    uint64_t left_out;
    /* After a restart every agent of the fleet is unknown at once: that must not use up the lines for strangers. */
    if (!(counter == &f->stats.unknown_peer ? door_quota_second(&f->unknown_quota, &left_out) : door_quota(&f->quota, &left_out)))
        return;
    char text[KEY_TEXT] = "-";
    if (key)
        key_format(key, text);
    bf_warn(event, "socket=fleet key=%s why=%s left_out=%lu", bf_log_quote(text), bf_log_quote(why), (unsigned long)left_out);
}

/* A heartbeat on a connection without HELLO, as after a restart of the coordinator: its sender cannot know.  Told on the same
 * connection, without a route. */
static void hello_wanted(struct fleet *f, const struct door_message *m, const struct agent_msg *msg)
{
    refused(f, &f->stats.unknown_peer, "peer_unknown", m->key, "no HELLO of this incarnation on this connection");
    if (msg->kind != AGENT_HEARTBEAT)
        return;
    struct agent_msg answer = {.kind = AGENT_REFUSE, .incarnation = msg->incarnation, .nonce = msg->nonce,
                               .text = "this connection is not known: say HELLO again"};
    bf_buf_clear(&f->scratch);
    agent_msg_encode(&answer, &f->scratch);
    if (door_send(f->door, &m->id, f->scratch.data, f->scratch.len) == DOOR_SENT)
        f->stats.sent++;
}

static void message_take(struct fleet *f, const struct door_message *m, fleet_told *told, void *arg)
{
    struct agent_msg msg;
    struct bf_error err = {0};
    if (agent_msg_decode(m->bytes, m->n, &msg, &err) != BF_OK)
        refused(f, &f->stats.malformed, "message_malformed", m->key, err.text);
    else if (msg.kind >= AGENT_WELCOME)
        refused(f, &f->stats.malformed, "message_malformed", m->key, "a kind that only the coordinator sends");
    else {
        struct fleet_peer *p = msg.kind == AGENT_HELLO ? peer_hello(f, m, msg.incarnation)
                                                       : peer_find(f, m->key, msg.incarnation);
        if (!p || memcmp(&p->id, &m->id, sizeof m->id) != 0)
            hello_wanted(f, m, &msg);
        else {
            p->heard = ++f->heard;
            told(arg, m->key, &msg);
        }
    }
    agent_msg_done(&msg);
}

size_t fleet_receive(struct fleet *f, size_t max, int64_t until_us, fleet_told *told, void *arg)
{
    size_t n = 0;
    for (; n < max; n++) {
        struct door_message m;
        enum door_got got = door_receive(f->door, &m);
        if (got == DOOR_NONE)
            break;
        f->stats.received++;
        if (got == DOOR_UNAUTHORISED)
            refused(f, &f->stats.unauthorised, "key_refused", m.key, "the key is not authorised as an agent");
        else if (got == DOOR_BAD)
            refused(f, &f->stats.bad_frames, "message_malformed", NULL, "no key, a routing id of its own, or another shape");
        else
            message_take(f, &m, told, arg);
        if (bf_boottime_us() >= until_us)
            return n + 1;
    }
    return n;
}

/* ---- out ---- */

static void peer_drop(struct fleet *f, struct fleet_peer *p)
{
    char text[KEY_TEXT];
    key_format(p->agent->key, text);
    bf_warn("peer_dropped", "socket=fleet key=%s why=%s waiting=%zu waiting_bytes=%zu", bf_log_quote(text),
            bf_log_quote("it does not read what it is sent"), p->outbox.messages, p->outbox.bytes);
    f->stats.peers_dropped++;
    peer_forget(f, p);
}

static enum door_sent peer_offer(struct fleet *f, struct fleet_peer *p, const void *bytes, size_t n)
{
    enum door_sent sent = door_send(f->door, &p->id, bytes, n);
    if (sent == DOOR_SENT) {
        f->stats.sent++;
        f->stats.sent_bytes += n;
    } else if (sent == DOOR_GONE) {
        f->stats.no_route++;
        peer_empty(f, p);
        p->gone = true;
    }
    return sent;
}

void fleet_send(struct fleet *f, const uint8_t key[ZAP_KEY_BYTES], const struct agent_msg *msg)
{
    struct fleet_peer *p = peer_find(f, key, msg->incarnation);
    struct zap_key entry;
    if (!p || p->gone || !zap_find(f->zap, key, DOMAIN_FLEET, &entry)) {
        f->stats.no_route++;
        return;
    }
    bf_buf_clear(&f->scratch);
    agent_msg_encode(msg, &f->scratch);
    bool queued = p->outbox.first != NULL;       /* order is kept */
    if (!queued && peer_offer(f, p, f->scratch.data, f->scratch.len) != DOOR_FULL)
        return;
    if (!outbox_put(&p->outbox, f->scratch.data, f->scratch.len, FLEET_OUTBOX_MESSAGES, FLEET_OUTBOX_BYTES))
        peer_drop(f, p);
    else if (!queued)
        waiting_add(f, p);
}

void fleet_flush(struct fleet *f)
{
    for (struct fleet_peer *p = f->waiting, *next; p; p = next) {
        next = p->next;
        while (p->outbox.first) {
            /* Of a peer that is gone nothing waits any more. */
            if (peer_offer(f, p, p->outbox.first->bytes, p->outbox.first->n) != DOOR_SENT)
                break;
            if (p->outbox.messages == 1)
                waiting_remove(f, p);
            outbox_drop_first(&p->outbox);
        }
    }
}

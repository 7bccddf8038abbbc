/* The handler of ZAP 1.0 (ZeroMQ RFC 27): one thread, one REP socket at inproc://zeromq.zap.01, the keys in memory.
 *
 * The table is sorted by key and never changed in place: a new one is built, then swapped under the lock.  Every answer that is
 * not "200" is "400" without a reason, so that a stranger learns nothing. */
#include "coordinator/zap/zap.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/mem.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_FRAMES 7                             /* version, request id, domain, address, identity, mechanism, credentials */
#define ZAP_FRAME_MAX 255

struct zap_table { struct zap_key *at; size_t n; };

struct zap {
    void *context, *socket;
    pthread_t thread;
    bool running;
    pthread_rwlock_t lock;                       /* over all below */
    struct zap_table table;
    struct zap_key probe;
    bool probing;
    uint64_t turned_away;
};

const char *zap_domain_name(enum zap_domain d)
{
    switch (d) {
    case DOMAIN_FLEET: return "bf-fleet";
    case DOMAIN_API: return "bf-api";
    case DOMAIN_LOGS: return "bf-logs";
    }
    return "";
}

bool zap_role_fits(enum key_role role, enum zap_domain domain)
{
    return (role == KEY_AGENT) == (domain != DOMAIN_API);
}

bool zap_key_pair(const uint8_t public_key[ZAP_KEY_BYTES], const uint8_t secret_key[ZAP_KEY_BYTES])
{
    char secret_text[KEY_TEXT], derived[KEY_TEXT], public_text[KEY_TEXT];
    key_format(secret_key, secret_text);
    key_format(public_key, public_text);
    bool same = zmq_curve_public(derived, secret_text) == 0 && memcmp(derived, public_text, KEY_TEXT - 1) == 0;
    explicit_bzero(secret_text, sizeof secret_text);
    return same;
}

/* ---- the table ---- */

static int key_compare(const void *a, const void *b)
{
    return memcmp(((const struct zap_key *)a)->key, ((const struct zap_key *)b)->key, ZAP_KEY_BYTES);
}

static enum bf_rc table_make(const struct zap_key *keys, size_t n, struct zap_table *ret, struct bf_error *err)
{
    if (n > ZAP_TABLE_MAX)
        return bf_fail(err, BF_LIMIT, "there are %zu keys; at most %u are possible", n, ZAP_TABLE_MAX);
    struct zap_key *at = bf_xcalloc(n ? n : 1, sizeof *at);
    if (n)
        memcpy(at, keys, n * sizeof *at);
    qsort(at, n, sizeof *at, key_compare);
    for (size_t i = 1; i < n; i++)
        if (key_compare(&at[i - 1], &at[i]) == 0) {
            bf_fail(err, BF_INVALID, "keys: \"%s\" and \"%s\" have the same key; give each its own", at[i - 1].name, at[i].name);
            free(at);
            return BF_INVALID;
        }
    *ret = (struct zap_table){.at = at, .n = n};
    return BF_OK;
}

enum bf_rc zap_set_keys(struct zap *z, const struct zap_key *keys, size_t n, struct bf_error *err)
{
    struct zap_table fresh;
    enum bf_rc rc = table_make(keys, n, &fresh, err);
    if (rc != BF_OK)
        return rc;
    pthread_rwlock_wrlock(&z->lock);
    struct zap_key *old = z->table.at;
    z->table = fresh;
    pthread_rwlock_unlock(&z->lock);
    free(old);
    return BF_OK;
}

bool zap_find(struct zap *z, const uint8_t key[ZAP_KEY_BYTES], enum zap_domain domain, struct zap_key *ret)
{
    struct zap_key wanted;
    memcpy(wanted.key, key, ZAP_KEY_BYTES);
    pthread_rwlock_rdlock(&z->lock);
    const struct zap_key *found = bsearch(&wanted, z->table.at, z->table.n, sizeof wanted, key_compare);
    if (!found && z->probing && key_compare(&wanted, &z->probe) == 0)
        found = &z->probe;
    bool fits = found && zap_role_fits(found->role, domain);
    if (fits)
        *ret = *found;
    pthread_rwlock_unlock(&z->lock);
    return fits;
}

uint64_t zap_turned_away(struct zap *z)
{
    pthread_rwlock_rdlock(&z->lock);
    uint64_t n = z->turned_away;
    pthread_rwlock_unlock(&z->lock);
    return n;
}

void *zap_context(struct zap *z)
{
    return z->context;
}

void zap_set_probe(struct zap *z, const struct zap_key *probe)
{
    pthread_rwlock_wrlock(&z->lock);
    z->probing = probe != NULL;
    if (probe)
        z->probe = *probe;
    pthread_rwlock_unlock(&z->lock);
}

/* ---- the handler ---- */

struct zap_frame { char bytes[ZAP_FRAME_MAX + 1]; size_t n; };

static bool frame_is(const struct zap_frame *f, const char *word)
{
    return f->n == strlen(word) && memcmp(f->bytes, word, f->n) == 0;
}

/* All frames of one request; false when it has another shape.  *ret_end: the context ends. */
static bool request_read(void *socket, struct zap_frame frames[ZAP_FRAMES], bool *ret_end)
{
    bool good = true;
    for (size_t i = 0;; i++) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, 0) < 0) {
            *ret_end = zmq_errno() == ETERM;
            zmq_msg_close(&part);
            return false;
        }
        size_t n = zmq_msg_size(&part);
        if (i >= ZAP_FRAMES || n > ZAP_FRAME_MAX)
            good = false;
        else {
            memcpy(frames[i].bytes, zmq_msg_data(&part), n);
            frames[i].n = n;
        }
        bool more = zmq_msg_more(&part) != 0;
        zmq_msg_close(&part);
        if (!more)
            return good && i + 1 == ZAP_FRAMES;
    }
}

static bool request_admit(struct zap *z, const struct zap_frame frames[ZAP_FRAMES])
{
    if (!frame_is(&frames[0], "1.0") || !frame_is(&frames[5], "CURVE") || frames[6].n != ZAP_KEY_BYTES)
        return false;
    for (int d = DOMAIN_FLEET; d <= DOMAIN_LOGS; d++)
        if (frame_is(&frames[2], zap_domain_name((enum zap_domain)d))) {
            struct zap_key entry;
            return zap_find(z, (const uint8_t *)frames[6].bytes, (enum zap_domain)d, &entry);
        }
    return false;
}

static void request_answer(void *socket, const struct zap_frame frames[ZAP_FRAMES], bool admitted)
{
    char user[KEY_TEXT] = "";
    if (admitted)
        key_format((const uint8_t *)frames[6].bytes, user);
    const char *status = admitted ? "200" : "400", *text = admitted ? "OK" : "";
    zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(socket, frames[1].bytes, frames[1].n, ZMQ_SNDMORE);
    zmq_send(socket, status, 3, ZMQ_SNDMORE);
    zmq_send(socket, text, strlen(text), ZMQ_SNDMORE);
    zmq_send(socket, user, strlen(user), ZMQ_SNDMORE);
    zmq_send(socket, "", 0, 0);
}

static void *handler_main(void *arg)
{
    struct zap *z = arg;
    for (bool end = false; !end;) {
        struct zap_frame frames[ZAP_FRAMES];
        memset(frames, 0, sizeof frames);
        bool admitted = request_read(z->socket, frames, &end) && request_admit(z, frames);
        if (end)
            break;
        if (!admitted) {
            pthread_rwlock_wrlock(&z->lock);
            z->turned_away++;
            pthread_rwlock_unlock(&z->lock);
        }
        request_answer(z->socket, frames, admitted);
    }
    zmq_close(z->socket);
    return NULL;
}

enum bf_rc zap_open(const struct zap_key *keys, size_t n, struct zap **ret, struct bf_error *err)
{
    struct zap_table table;
    enum bf_rc rc = table_make(keys, n, &table, err);
    if (rc != BF_OK)
        return rc;
    struct zap *z = bf_xcalloc(1, sizeof *z);
    z->table = table;
    pthread_rwlock_init(&z->lock, NULL);
    z->context = zmq_ctx_new();
    assert(z->context);
    zmq_ctx_set(z->context, ZMQ_IO_THREADS, 2);
    z->socket = zmq_socket(z->context, ZMQ_REP);
    int linger = 0;
    if (!z->socket || zmq_setsockopt(z->socket, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_bind(z->socket, ZAP_ENDPOINT) != 0) {
        rc = bf_fail(err, BF_INTERNAL, "the handler of keys cannot be bound: %s", zmq_strerror(zmq_errno()));
        zap_close(z);
        return rc;
    }
    if (pthread_create(&z->thread, NULL, handler_main, z) != 0) {
        rc = bf_fail(err, BF_INTERNAL, "the handler of keys cannot start a thread");
        zap_close(z);
        return rc;
    }
    z->running = true;
    *ret = z;
    return BF_OK;
}

void zap_close(struct zap *z)
{
    if (!z)
        return;
    zmq_ctx_shutdown(z->context);
    if (z->running)
        pthread_join(z->thread, NULL);
    else if (z->socket)
        zmq_close(z->socket);
    zmq_ctx_term(z->context);
    pthread_rwlock_destroy(&z->lock);
    free(z->table.at);
    free(z);
}

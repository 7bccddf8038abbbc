/* The library, narrowed: a table of three paths, GET and HEAD, no bodies, no keep-alive.
 *
 * The library takes the path apart before it calls us (%2f, %00): it is told to leave it as it came, and only whole paths are
 * compared.  It has a time-out for silence, not for slowness: each connection is noted when it begins, and http_publish() shuts the
 * socket of one that is past its deadline, which the library then takes for the client's doing.
 *
 * Lock order: one mutex, held for moments; no call to the network under it, but for shutdown(), which does not wait. */
#include "coordinator/http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"

#define IDLE_S 5u
#define ENDPOINT_MAX 64

struct open_connection { const struct MHD_Connection *id; int fd; int64_t since_ms; bool shut; };

struct http {
    struct MHD_Daemon *daemon;
    char endpoint[ENDPOINT_MAX];
    pthread_mutex_t lock;                        /* of what follows */
    struct MHD_Response *metrics;
    char *not_ready;                             /* "": it is */
    int64_t published_ms;
    struct open_connection open[HTTP_CONNECTIONS_MAX];
    struct http_counts counts;
};

/* ---- where to listen ---- */

struct place { struct sockaddr_storage address; socklen_t len; };

static enum bf_rc place_read(const char *listen, struct place *ret, struct bf_error *err)
{
    const char *colon = strrchr(listen, ':');
    int64_t port = 0;
    char host[48] = "";
    size_t n = colon ? (size_t)(colon - listen) : 0;
    bool v6 = n > 2 && listen[0] == '[' && listen[n - 1] == ']';
    *ret = (struct place){0};
    if (colon && n < sizeof host && bf_parse_int(colon + 1, 0, 65535, &port))
        snprintf(host, sizeof host, "%.*s", (int)(v6 ? n - 2 : n), listen + v6);
    struct sockaddr_in *in = (struct sockaddr_in *)&ret->address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ret->address;
    if (*host && !v6 && inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        ret->len = sizeof *in;
    } else if (*host && v6 && inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        ret->len = sizeof *in6;
    } else {
        return bf_fail(err, BF_INVALID, "http_listen: `%.64s` is no address to listen at: off, or an address and a port, as in "
                       "127.0.0.1:9464 or [::1]:9464", listen);
    }
    return BF_OK;
}

enum bf_rc http_listen_check(const char *listen, struct bf_error *err)
{
    struct place place;
    return place_read(listen, &place, err);
}

/* ---- connections ---- */

static void noted(void *self, struct MHD_Connection *c, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
    struct http *h = self;
    (void)socket_context;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        struct open_connection *o = &h->open[i];
        bool begins = code == MHD_CONNECTION_NOTIFY_STARTED;
        if (o->id != (begins ? NULL : c))
            continue;
        *o = begins && info ? (struct open_connection){.id = c, .fd = info->connect_fd, .since_ms = bf_boottime_ms()}
                            : (struct open_connection){0};
        break;
    }
    pthread_mutex_unlock(&h->lock);
}

static void end_late(struct http *h, int64_t now_ms)
{
    for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        struct open_connection *o = &h->open[i];
        if (!o->id || o->shut || now_ms - o->since_ms < HTTP_DEADLINE_MS)
            continue;
        shutdown(o->fd, SHUT_RDWR);
        o->shut = true;
        h->counts.late++;
    }
}

/* ---- answers ---- */

static enum MHD_Result send_text(struct MHD_Connection *c, unsigned status, const char *text)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (!r)
        return MHD_NO;
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result sent = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return sent;
}

static enum MHD_Result refuse(struct http *h, struct MHD_Connection *c, unsigned status, const char *text)
{
    pthread_mutex_lock(&h->lock);
    h->counts.refused++;
    pthread_mutex_unlock(&h->lock);
    return send_text(c, status, text);
}

static enum MHD_Result send_metrics(struct http *h, struct MHD_Connection *c)
{
    pthread_mutex_lock(&h->lock);
    h->counts.requests++;
    enum MHD_Result sent = h->metrics ? MHD_queue_response(c, MHD_HTTP_OK, h->metrics) : MHD_NO;      /* keeps a reference of its own */
    bool none = !h->metrics;
    pthread_mutex_unlock(&h->lock);
    return none ? send_text(c, MHD_HTTP_SERVICE_UNAVAILABLE, "not yet\n") : sent;
}

static enum MHD_Result send_state(struct http *h, struct MHD_Connection *c, bool of_work)
{
    char text[512];
    pthread_mutex_lock(&h->lock);
    h->counts.requests++;
    bool alive = bf_boottime_ms() - h->published_ms < HTTP_ALIVE_MS, ready = h->not_ready && !*h->not_ready;
    snprintf(text, sizeof text, "%s\n", !alive ? "the coordinator's loop is stuck" : !of_work || ready ? "ok"
             : h->not_ready ? h->not_ready : "starting");
    pthread_mutex_unlock(&h->lock);
    return send_text(c, alive && (ready || !of_work) ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, text);
}

static enum MHD_Result answer(void *self, struct MHD_Connection *c, const char *path, const char *method, const char *version,
                              const char *body, size_t *body_bytes, void **request)
{
    static int seen;
    struct http *h = self;
    (void)version;
    (void)body;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return refuse(h, c, MHD_HTTP_METHOD_NOT_ALLOWED, "these pages are read with GET\n");
    if (!*request) {                             /* the headers are here; an answer comes when what may follow them has come */
        *request = &seen;
        return MHD_YES;
    }
    if (*body_bytes > 0)
        return MHD_NO;                           /* a body, which no page takes: the connection ends */
    if (strcmp(path, "/metrics") == 0)
        return send_metrics(h, c);
    if (strcmp(path, "/healthz") == 0)
        return send_state(h, c, false);
    if (strcmp(path, "/readyz") == 0)
        return send_state(h, c, true);
    return refuse(h, c, MHD_HTTP_NOT_FOUND, "the pages are /metrics, /healthz and /readyz\n");
}

static size_t leave_as_it_is(void *self, struct MHD_Connection *c, char *s)
{
    (void)self;
    (void)c;
    return strlen(s);
}

/* What the library would print of clients that break off says nothing to an operator. */
static void say_nothing(void *self, const char *format, va_list args)
{
    (void)self;
    (void)format;
    (void)args;
}

/* ---- life ---- */

static void name_endpoint(struct http *h, int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    char host[INET6_ADDRSTRLEN] = "?";
    unsigned port = 0;
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return;
    bool v6 = a.ss_family == AF_INET6;
    if (v6) {
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&a)->sin6_addr, host, sizeof host);
        port = ntohs(((struct sockaddr_in6 *)&a)->sin6_port);
    } else {
        inet_ntop(AF_INET, &((struct sockaddr_in *)&a)->sin_addr, host, sizeof host);
        port = ntohs(((struct sockaddr_in *)&a)->sin_port);
    }
    snprintf(h->endpoint, sizeof h->endpoint, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

/* A socket of our own, so that its error is ours to tell. */
static enum bf_rc bind_place(const char *listen_at, const struct place *place, int *ret_fd, struct bf_error *err)
{
    int one = 1, fd = socket(place->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return bf_fail(err, BF_INTERNAL, "http_listen: no socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)&place->address, place->len) != 0 || listen(fd, 128) != 0) {
        int why = errno;
        close(fd);
        return bf_fail(err, BF_INVALID, "http_listen: cannot listen at %s: %s", listen_at, strerror(why));
    }
    *ret_fd = fd;
    return BF_OK;
}

enum bf_rc http_open(const char *listen_at, struct http **ret, struct bf_error *err)
{
    struct place place;
    int fd = -1;
    enum bf_rc rc = place_read(listen_at, &place, err);
    if (rc == BF_OK)
        rc = bind_place(listen_at, &place, &fd, err);
    if (rc != BF_OK)
        return rc;
    struct http *h = bf_xcalloc(1, sizeof *h);
    pthread_mutex_init(&h->lock, NULL);
    h->published_ms = bf_boottime_ms();
    name_endpoint(h, fd);
    h->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL, answer, h, MHD_OPTION_EXTERNAL_LOGGER,
                                 say_nothing, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS_MAX,
                                 MHD_OPTION_PER_IP_CONNECTION_LIMIT, HTTP_OF_ADDRESS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY_BYTES, MHD_OPTION_UNESCAPE_CALLBACK,
                                 leave_as_it_is, NULL, MHD_OPTION_NOTIFY_CONNECTION, noted, h, MHD_OPTION_END);
    if (!h->daemon) {
        close(fd);
        http_close(h);
        return bf_fail(err, BF_INTERNAL, "http_listen: the server cannot be started at %s", listen_at);
    }
    *ret = h;
    return BF_OK;
}

void http_close(struct http *h)
{
    if (!h)
        return;
    if (h->daemon)
        MHD_stop_daemon(h->daemon);
    if (h->metrics)
        MHD_destroy_response(h->metrics);
    pthread_mutex_destroy(&h->lock);
    free(h->not_ready);
    free(h);
}

const char *http_endpoint(const struct http *h)
{
    return h->endpoint;
}

void http_publish(struct http *h, const char *metrics, size_t n, const char *not_ready)
{
    struct MHD_Response *fresh = MHD_create_response_from_buffer(n, (void *)(uintptr_t)metrics, MHD_RESPMEM_MUST_COPY);
    if (fresh) {
        MHD_add_response_header(fresh, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
        MHD_add_response_header(fresh, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    int64_t now_ms = bf_boottime_ms();
    char *why = bf_xstrdup(not_ready);
    pthread_mutex_lock(&h->lock);
    struct MHD_Response *old = h->metrics;
    char *was = h->not_ready;
    h->metrics = fresh;
    h->not_ready = why;
    h->published_ms = now_ms;
    end_late(h, now_ms);
    pthread_mutex_unlock(&h->lock);
    if (old)
        MHD_destroy_response(old);
    free(was);
}

struct http_counts http_counted(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    struct http_counts counts = h->counts;
    pthread_mutex_unlock(&h->lock);
    return counts;
}

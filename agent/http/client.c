/* The library behind one function.  What it may do is narrowed here, once: http and https, certificates checked, TLS 1.2 at
 * least, no redirects, no user in the address, no .netrc, no cookies, no compressed answers (which could unfold without end).
 *
 * Each socket is checked when its address is known, after the name was looked up and for each of a name's addresses, so that a
 * name cannot stand for a harmless address when asked and for another when called.
 *
 * A message is a transfer of a multi handle, because that can wait for a descriptor of ours beside the sockets: SIGTERM ends a
 * call at once. */
#include "agent/http/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/http_address.h"
#include "agent/http/fault.h"
#include "common/clock.h"
#include "common/mem.h"

#define CONNECT_MS 10000
#define HEADERS_MAX_BYTES (256u << 10)

struct http_client {
    int stop_fd;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *lines;                  /* of the message in hand */
    struct http_body *body;
    size_t header_bytes;
    char refused[256];                         /* the address that a socket was not opened to */
    char detail[CURL_ERROR_SIZE];
};

static curl_socket_t open_socket(void *self, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct http_client *c = self;
    const char *why = http_address_refusal(&a->addr);
    if (purpose == CURLSOCKTYPE_IPCXN && why) {
        char shown[HTTP_ADDRESS_MAX];
        http_address_text(&a->addr, shown);
        snprintf(c->refused, sizeof c->refused, "the host's address %s is %s: steps may not call it", shown, why);
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t take_body(char *p, size_t size, size_t n, void *self)
{
    struct http_client *c = self;
    return http_body_take(c->body, p, size * n) ? size * n : 0;
}

/* The library keeps every header of an answer, and some servers never stop. */
static size_t take_header(char *p, size_t size, size_t n, void *self)
{
    struct http_client *c = self;
    (void)p;
    c->header_bytes += size * n;
    return c->header_bytes <= HEADERS_MAX_BYTES ? size * n : 0;
}

/* An option that the library refuses is a build of it that cannot keep our rules: asked once, at the start. */
#define SET(option, value)                                                                             \
    do {                                                                                               \
        if (curl_easy_setopt(c->easy, option, value) != CURLE_OK)                                      \
            return bf_fail(err, BF_UNSUPPORTED, "libcurl on this host does not know %s", #option);     \
    } while (0)

static enum bf_rc set_rules(struct http_client *c, struct bf_error *err)
{
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L);               /* a look-up that hangs does not hold us when the call is over */
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, c);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, c);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, c);
    SET(CURLOPT_ERRORBUFFER, c->detail);
    return BF_OK;
}

/* Certificates to trust in place of the system's.  Proxies the library takes from the environment by itself: the agent lets
 * only those through that its configuration allows. */
static enum bf_rc set_surroundings(struct http_client *c, struct bf_error *err)
{
    const char *file = getenv("SSL_CERT_FILE"), *folder = getenv("SSL_CERT_DIR");
    if (file && *file)
        SET(CURLOPT_CAINFO, file);
    if (folder && *folder)
        SET(CURLOPT_CAPATH, folder);
    return BF_OK;
}

enum bf_rc http_client_new(int stop_fd, struct http_client **ret, struct bf_error *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return bf_fail(err, BF_INTERNAL, "libcurl cannot be set up");
    struct http_client *c = bf_xcalloc(1, sizeof *c);
    c->stop_fd = stop_fd;
    c->multi = curl_multi_init();
    c->easy = curl_easy_init();
    enum bf_rc rc = c->multi && c->easy ? BF_OK : bf_fail(err, BF_INTERNAL, "libcurl cannot be set up");
    if (rc == BF_OK)
        rc = set_rules(c, err);
    if (rc == BF_OK)
        rc = set_surroundings(c, err);
    if (rc == BF_OK)
        *ret = c;
    else
        http_client_free(c);
    return rc;
}

/* The lines hold secrets. */
static void drop_lines(struct http_client *c)
{
    for (struct curl_slist *l = c->lines; l; l = l->next)
        explicit_bzero(l->data, strlen(l->data));
    curl_slist_free_all(c->lines);
    c->lines = NULL;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    drop_lines(c);
    curl_easy_cleanup(c->easy);
    if (c->multi)
        curl_multi_cleanup(c->multi);
    curl_global_cleanup();
    free(c);
}

static void add_line(struct http_client *c, const char *line)
{
    struct curl_slist *longer = curl_slist_append(c->lines, line);
    if (!longer)
        abort();                               /* out of memory, as everywhere */
    c->lines = longer;
}

/* The library writes some headers by itself; "Name:" takes one away, "Name;" sends one that is empty. */
static void make_lines(struct http_client *c, const struct http_message *m)
{
    bool typed = false;
    drop_lines(c);
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct http_field *f = &m->fields[i];
        bool empty = f->value[strspn(f->value, " \t")] == '\0';
        char *line = empty ? bf_xasprintf("%s;", f->name) : bf_xasprintf("%s: %s", f->name, f->value);
        add_line(c, line);
        explicit_bzero(line, strlen(line));
        free(line);
        typed = typed || strcasecmp(f->name, "Content-Type") == 0;
    }
    if (!typed)
        add_line(c, "Content-Type:");
    add_line(c, "Expect:");
}

/* PATCH and PUT are a POST under another name; a POST without a body says that its length is 0. */
static CURLcode set_message(struct http_client *c, const struct http_message *m)
{
    bool post = m->body || strcmp(m->method, "POST") == 0 || strcmp(m->method, "PUT") == 0 || strcmp(m->method, "PATCH") == 0;
    bool head = strcmp(m->method, "HEAD") == 0;
    long limit = m->limit_ms < LONG_MAX ? (long)m->limit_ms : LONG_MAX;
    make_lines(c, m);
    CURLcode code = curl_easy_setopt(c->easy, CURLOPT_URL, m->url);
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->lines);
    curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, limit);
    curl_easy_setopt(c->easy, CURLOPT_HTTPGET, 1L);
    if (post) {
        curl_easy_setopt(c->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, m->body ? m->body : "");
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)m->body_len);
    }
    curl_easy_setopt(c->easy, CURLOPT_NOBODY, head ? 1L : 0L);
    /* Told at once where the length is told; the length that HEAD tells is none of ours. */
    curl_easy_setopt(c->easy, CURLOPT_MAXFILESIZE_LARGE, head ? (curl_off_t)0 : (curl_off_t)HTTP_BODY_MAX);
    curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, head ? NULL : m->method);
    return code;
}

static bool readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return fd >= 0 && poll(&p, 1, timeout_ms) > 0;
}

/* Drive the transfer to its end.  false: stopped. */
static bool drive(struct http_client *c, CURLcode *ret)
{
    *ret = CURLE_FAILED_INIT;
    for (int running = 1;;) {
        if (curl_multi_perform(c->multi, &running) != CURLM_OK)
            return true;
        int left;
        for (CURLMsg *msg; (msg = curl_multi_info_read(c->multi, &left)) != NULL;)
            if (msg->msg == CURLMSG_DONE)
                *ret = msg->data.result;
        if (running == 0)
            return true;
        struct curl_waitfd stop = {.fd = c->stop_fd, .events = CURL_WAIT_POLLIN};
        if (curl_multi_poll(c->multi, &stop, c->stop_fd >= 0 ? 1 : 0, 1000, NULL) != CURLM_OK)
            return true;
        if (readable(c->stop_fd, 0))
            return false;
    }
}

/* For a time limit: how far it had come. */
static const char *stage(const struct http_client *c, const struct http_answer *a)
{
    curl_off_t connected = 0;
    curl_easy_getinfo(c->easy, CURLINFO_CONNECT_TIME_T, &connected);
    if (a->body.bytes > 0 || a->status > 0)
        return "in the middle of the answer";
    if (a->sent)
        return "while waiting for the answer";
    return connected > 0 ? "while setting up the connection" : "while connecting";
}

static void no_answer(const struct http_client *c, CURLcode code, struct http_answer *ret)
{
    struct http_fault fault = http_fault_of((int)code);
    const char *detail = *c->detail ? c->detail : curl_easy_strerror(code);
    long errnum = 0;
    curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &errnum);
    ret->end = HTTP_NO_ANSWER;
    ret->permanent = fault.permanent;
    if (*c->refused) {
        ret->permanent = true;
        snprintf(ret->text, sizeof ret->text, "%s", c->refused);
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        snprintf(ret->text, sizeof ret->text, "time limit %s: %s", stage(c, ret), detail);
    } else if (code == CURLE_COULDNT_CONNECT && errnum != 0) {
        snprintf(ret->text, sizeof ret->text, "%s: %s (%s)", fault.words, strerror((int)errnum), detail);
    } else {
        snprintf(ret->text, sizeof ret->text, "%s: %s", fault.words, detail);
    }
}

static void read_answer(const struct http_client *c, struct http_answer *ret)
{
    long status = 0, request_bytes = 0;
    curl_off_t after = 0;
    struct curl_header *location;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &after);
    ret->status = (int)status;
    ret->sent = request_bytes > 0;
    ret->retry_after_s = after;
    curl_off_t total_us = 0, before_us = 0;
    curl_easy_getinfo(c->easy, CURLINFO_TOTAL_TIME_T, &total_us);
    curl_easy_getinfo(c->easy, CURLINFO_PRETRANSFER_TIME_T, &before_us);
    ret->server_us = total_us > before_us ? total_us - before_us : 0;
    if (curl_easy_header(c->easy, "Location", 0, CURLH_HEADER, -1, &location) == CURLHE_OK)
        ret->location = bf_xstrdup(location->value);
}

static void answer_clear(struct http_answer *a)
{
    struct http_body body = a->body;
    free(a->location);
    http_body_clear(&body);
    *a = (struct http_answer){.body = body};
}

void http_client_send(struct http_client *c, const struct http_message *m, struct http_answer *ret)
{
    answer_clear(ret);
    c->body = &ret->body;
    c->header_bytes = 0;
    c->refused[0] = c->detail[0] = '\0';
    int64_t began = bf_boottime_ms();
    CURLcode code = set_message(c, m);
    bool stopped = false;
    if (code == CURLE_OK && curl_multi_add_handle(c->multi, c->easy) == CURLM_OK)
        stopped = !drive(c, &code);
    read_answer(c, ret);
    (void)curl_multi_remove_handle(c->multi, c->easy);
    ret->took_ms = bf_boottime_ms() - began;
    if (stopped)
        ret->end = HTTP_STOPPED;
    else if (code != CURLE_OK)
        no_answer(c, code, ret);
}

bool http_client_wait(const struct http_client *c, int64_t ms)
{
    for (int64_t until = bf_boottime_ms() + ms;;) {
        int64_t rest = until - bf_boottime_ms();
        if (readable(c->stop_fd, rest <= 0 ? 0 : rest < INT_MAX ? (int)rest : INT_MAX))
            return false;
        if (rest <= 0)
            return true;
    }
}

void http_answer_done(struct http_answer *a)
{
    free(a->location);
    http_body_done(&a->body);
    *a = (struct http_answer){0};
}

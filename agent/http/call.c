/* Redirects are followed here and not by the library, which would take a secret header with any name but Authorization along to
 * whatever host the answer names.  Only GET and HEAD are followed: any other method could do its work twice, or somewhere that
 * the plan never named. */
#include "agent/http/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/http/url.h"
#include "common/clock.h"
#include "common/mem.h"

enum { OWN_FIELDS = 4 };

static bool stays_home(const struct http_header *h)
{
    return h->secret || strcasecmp(h->name, "Authorization") == 0 || strcasecmp(h->name, "Cookie") == 0;
}

static void add_own(const struct http_request *r, const char *name, const char *value, struct http_message *m,
                    struct http_field *fields)
{
    if (!http_request_header(r, name))
        fields[m->n_fields++] = (struct http_field){name, value};
}

/* fields has room for the plan's and ours.  token: text of the fencing token. */
static void set_fields(const struct http_request *r, const struct http_call *call, bool abroad, const char *token,
                       struct http_message *m, struct http_field *fields)
{
    m->fields = fields;
    m->n_fields = 0;
    add_own(r, "User-Agent", "backfill-fabric/" BF_VERSION, m, fields);
    add_own(r, "X-BF-Fencing-Token", token, m, fields);
    if (!call->look)
        add_own(r, "Idempotency-Key", r->run_id, m, fields);
    if (!call->look && r->content_type)
        add_own(r, "Content-Type", r->content_type, m, fields);
    for (size_t i = 0; i < r->n_headers; i++) {
        const struct http_header *h = &r->headers[i];
        /* A server that knows the key may answer a poll with what it once answered to the call. */
        bool of_call = strcasecmp(h->name, "Content-Type") == 0 || strcasecmp(h->name, "Idempotency-Key") == 0;
        if (!(abroad && stays_home(h)) && !(call->look && of_call))
            fields[m->n_fields++] = (struct http_field){h->name, h->value};
    }
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void refuse(struct http_answer *a, const char *text)
{
    a->end = HTTP_NO_ANSWER;
    a->permanent = true;
    snprintf(a->text, sizeof a->text, "%s", text);
}

/* May the answer's redirect be followed?  Then *url is the new address.  Where it may not though it should, the answer says why. */
static bool next_url(struct http_answer *a, int n_followed, char **url)
{
    if (n_followed == HTTP_REDIRECTS_MAX) {
        refuse(a, "redirected more than 5 times");
        return false;
    }
    BF_AUTO_FREE char *next = http_url_resolve(*url, a->location);
    struct bf_error err = {0};
    if (!next || strlen(next) > HTTP_URL_MAX) {
        refuse(a, "redirected to an address that cannot be read");
        return false;
    }
    if (http_url_check(next, &err) != BF_OK) {
        BF_AUTO_FREE char *text = bf_xasprintf("redirected to another address: %s", err.text);
        refuse(a, text);
        return false;
    }
    free(*url);
    *url = BF_TAKE(next);
    return true;
}

static int64_t time_for(const struct http_call *call)
{
    int64_t rest = call->deadline_ms - bf_boottime_ms();
    return rest < 1 ? 1 : rest < call->limit_ms ? rest : call->limit_ms;
}

void http_call(struct http_client *c, const struct http_request *r, const struct http_call *call, struct http_answer *ret,
               char **ret_url)
{
    char token[24];
    struct http_field fields[HTTP_HEADERS_MAX + OWN_FIELDS];
    struct http_message m = {.method = call->look ? "GET" : r->method};
    bool follow = strcmp(m.method, "GET") == 0 || strcmp(m.method, "HEAD") == 0;
    char *url = bf_xstrdup(call->url);
    snprintf(token, sizeof token, "%" PRId64, r->token);
    if (!call->look) {
        m.body = r->body;
        m.body_len = r->body_len;
    }
    for (int n_followed = 0;; n_followed++) {
        set_fields(r, call, !http_url_same_origin(call->url, url), token, &m, fields);
        m.url = url;
        m.limit_ms = time_for(call);
        http_client_send(c, &m, ret);
        if (ret->end != HTTP_ANSWERED || !follow || !ret->location || !is_redirect(ret->status) ||
            http_expected(call->wanted.at, call->wanted.n, ret->status) || !next_url(ret, n_followed, &url))
            break;
    }
    *ret_url = url;
}

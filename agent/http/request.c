/* Reads the request.  Error texts name keys and never quote values, because some of them are secrets.
 *
 * What could be read as more than it says is refused here, whatever checked the plan: a header's value with a line end would be two
 * headers, and a header that frames the message (Content-Length, Transfer-Encoding) could make it two messages. */
#include "agent/http/request.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/http/pointer.h"
#include "common/mem.h"

struct id_key { const char *key; bool text, required; int64_t min; };

/* What the agent adds to each spec.  Only some of it is kept. */
static const struct id_key ids[] = {
    {"cluster", true, false, 0},   {"plan", true, false, 0},      {"step", true, true, 0},       {"partition", true, false, 0},
    {"run_id", true, true, 0},     {"attempt", false, true, 1},   {"token", false, true, 1},     {"backfill", false, false, 1},
    {"run", false, false, 1},      {"timebox_ms", false, false, 0},
};
static const char *const spec_keys[] = {"method", "url", "headers", "body", "content_type", "expect", "poll", "resolved", "probe",
                                         NULL};
static const char *const poll_keys[] = {"url", "every_ms", "timeout_ms", "until", "failed", NULL};
static const char *const match_keys[] = {"pointer", "equals", NULL};
static const char *const status_keys[] = {"status", NULL};
static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", NULL};

/* The message's frame and the way to the server: they are ours. */
static const char *const our_headers[] = {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Trailer",
                                          "Upgrade", "Expect", "Proxy-Authorization", "Proxy-Connection", NULL};

#define N_IDS (sizeof ids / sizeof *ids)

static bool listed(const char *const *words, const char *word)
{
    for (; *words; words++)
        if (strcasecmp(*words, word) == 0)
            return true;
    return false;
}

static enum bf_rc check_keys(const json_t *o, const char *where, const char *const *known, bool with_ids, struct bf_error *err)
{
    if (!json_is_object(o))
        return bf_fail(err, BF_INVALID, "%s is no JSON object", where);
    for (void *it = json_object_iter((json_t *)(uintptr_t)o); it; it = json_object_iter_next((json_t *)(uintptr_t)o, it)) {
        const char *key = json_object_iter_key(it);
        bool found = false;
        for (size_t i = 0; known[i]; i++)
            found = found || strcmp(known[i], key) == 0;
        for (size_t i = 0; with_ids && i < N_IDS; i++)
            found = found || strcmp(ids[i].key, key) == 0;
        if (!found)
            return bf_fail(err, BF_UNSUPPORTED, "%s: the key \"%.32s\" is not supported yet", where, key);
    }
    return BF_OK;
}

static enum bf_rc check_ids(const json_t *root, struct bf_error *err)
{
    for (size_t i = 0; i < N_IDS; i++) {
        const json_t *v = json_object_get(root, ids[i].key);
        if (!v && !ids[i].required)
            continue;
        if (ids[i].text ? !json_is_string(v) : !json_is_integer(v) || json_integer_value(v) < ids[i].min)
            return bf_fail(err, BF_INVALID, "the request's \"%s\" is %s", ids[i].key,
                           !v ? "missing" : ids[i].text ? "no string" : "no whole number, or too small");
    }
    return BF_OK;
}

/* A string that fits into one line of a message: no NUL, no line end, no other control but the tab. */
static bool one_line(const json_t *string)
{
    const char *s = json_string_value(string);
    for (size_t i = 0; i < json_string_length(string); i++)
        if ((unsigned char)s[i] == 0x7f || ((unsigned char)s[i] < 0x20 && s[i] != '\t'))
            return false;
    return true;
}

static enum bf_rc read_line(const json_t *o, const char *key, size_t max, char **ret, struct bf_error *err)
{
    const json_t *v = json_object_get(o, key);
    if (!v)
        return BF_OK;
    if (!json_is_string(v) || !one_line(v) || json_string_length(v) == 0)
        return bf_fail(err, BF_INVALID, "the request's \"%s\" is not a text of one line, without control characters", key);
    if (json_string_length(v) > max)
        return bf_fail(err, BF_LIMIT, "the request's \"%s\" is longer than %zu bytes", key, max);
    *ret = bf_xstrdup(json_string_value(v));
    return BF_OK;
}

/* A token of RFC 9110. */
static bool is_token(const char *s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || strchr(marks, s[i])))
            return false;
    return n > 0 && n <= 256;
}

const struct http_header *http_request_header(const struct http_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return &r->headers[i];
    return NULL;
}

static enum bf_rc add_header(struct http_request *r, const char *name, const json_t *value, bool secret, struct bf_error *err)
{
    if (!is_token(name))
        return bf_fail(err, BF_INVALID, "a header's name is no token (letters, digits and !#$%%&'*+-.^_`|~)");
    if (listed(our_headers, name))
        return bf_fail(err, BF_INVALID, "header %.64s is written by bf-http itself: take it out of `headers`", name);
    if (!json_is_string(value) || !one_line(value))
        return bf_fail(err, BF_INVALID, "the value of header %.64s holds a line end, a NUL or another control character, or is no text",
                       name);
    if (json_string_length(value) > HTTP_HEADER_VALUE_MAX)
        return bf_fail(err, BF_LIMIT, "the value of header %.64s is longer than %u bytes", name, HTTP_HEADER_VALUE_MAX);
    if (http_request_header(r, name))
        return bf_fail(err, BF_INVALID, "header %.64s is there twice", name);
    if (r->n_headers == HTTP_HEADERS_MAX)
        return bf_fail(err, BF_LIMIT, "more than %u headers", HTTP_HEADERS_MAX);
    r->headers[r->n_headers++] = (struct http_header){bf_xstrdup(name), bf_xstrdup(json_string_value(value)), secret};
    return BF_OK;
}

static enum bf_rc read_headers(const json_t *root, struct http_request *r, struct bf_error *err)
{
    static const char prefix[] = "header:";
    json_t *plain = json_object_get(root, "headers"), *resolved = json_object_get(root, "resolved");
    if ((plain && !json_is_object(plain)) || (resolved && !json_is_object(resolved)))
        return bf_fail(err, BF_INVALID, "the request's \"headers\" and \"resolved\" are no JSON objects");
    r->headers = bf_xcalloc(HTTP_HEADERS_MAX, sizeof *r->headers);
    const char *name;
    json_t *value;
    enum bf_rc rc = BF_OK;
    json_object_foreach(plain, name, value)
        if (rc == BF_OK)
            rc = add_header(r, name, value, false, err);
    json_object_foreach(resolved, name, value) {
        if (rc == BF_OK && strncmp(name, prefix, sizeof prefix - 1) != 0)
            rc = bf_fail(err, BF_UNSUPPORTED, "the reference \"%.64s\" of the request is not supported yet: only headers have them",
                         name);
        if (rc == BF_OK)
            rc = add_header(r, name + sizeof prefix - 1, value, true, err);
    }
    return rc;
}

static enum bf_rc read_ranges(const json_t *list, const char *key, struct http_ranges *ret, struct bf_error *err)
{
    size_t n = json_array_size(list);
    if (n == 0 || n > HTTP_EXPECT_MAX)
        return bf_fail(err, BF_INVALID, "the request's \"%s\" is no list of 1 to %u statuses", key, HTTP_EXPECT_MAX);
    ret->at = bf_xcalloc(n, sizeof *ret->at);
    for (; ret->n < n; ret->n++) {
        const char *word = json_string_value(json_array_get(list, ret->n));
        if (!word || !http_expect_parse(word, &ret->at[ret->n]))
            return bf_fail(err, BF_INVALID, "item %zu of the request's \"%s\" is neither a status like \"204\" nor a class like \"2xx\"",
                           ret->n + 1, key);
    }
    return BF_OK;
}

static enum bf_rc read_match(const json_t *o, const char *key, struct http_match *ret, struct bf_error *err)
{
    enum bf_rc rc = check_keys(o, key, match_keys, false, err);
    if (rc != BF_OK)
        return rc;
    const json_t *pointer = json_object_get(o, "pointer"), *equals = json_object_get(o, "equals");
    if (!json_is_string(pointer) || json_string_length(pointer) > HTTP_POINTER_MAX ||
        strlen(json_string_value(pointer)) != json_string_length(pointer) || !http_pointer_valid(json_string_value(pointer)))
        return bf_fail(err, BF_INVALID, "%s: \"pointer\" is no JSON pointer like \"/state\" (RFC 6901)", key);
    size_t n = json_array_size(equals);
    if (n == 0 || n > HTTP_EQUALS_MAX)
        return bf_fail(err, BF_INVALID, "%s: \"equals\" is no list of 1 to %u values", key, HTTP_EQUALS_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(equals, i);
        if (!json_is_string(v) && !json_is_number(v) && !json_is_boolean(v))
            return bf_fail(err, BF_INVALID, "%s: item %zu of \"equals\" is no string, number or boolean", key, i + 1);
    }
    ret->pointer = bf_xstrdup(json_string_value(pointer));
    ret->equals = json_incref((json_t *)(uintptr_t)equals);
    return BF_OK;
}

static enum bf_rc read_time(const json_t *o, const char *key, int64_t *ret, struct bf_error *err)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v) || json_integer_value(v) < 1)
        return bf_fail(err, BF_INVALID, "the poll's \"%s\" is no whole number of milliseconds, 1 or more", key);
    *ret = json_integer_value(v);
    return BF_OK;
}

static enum bf_rc read_poll(const json_t *root, struct http_poll *p, struct bf_error *err)
{
    const json_t *o = json_object_get(root, "poll");
    if (!o)
        return BF_OK;
    p->wanted = true;
    enum bf_rc rc = check_keys(o, "the request's \"poll\"", poll_keys, false, err);
    if (rc == BF_OK)
        rc = read_line(o, "url", HTTP_URL_MAX, &p->url, err);
    if (rc == BF_OK)
        rc = read_time(o, "every_ms", &p->every_ms, err);
    if (rc == BF_OK)
        rc = read_time(o, "timeout_ms", &p->timeout_ms, err);
    const json_t *until = json_object_get(o, "until"), *failed = json_object_get(o, "failed");
    const json_t *status = json_object_get(until, "status");
    if (rc == BF_OK && status) {
        rc = check_keys(until, "the poll's \"until\"", status_keys, false, err);
        if (rc == BF_OK)
            rc = read_ranges(status, "status", &p->until_status, err);
    } else if (rc == BF_OK) {
        rc = read_match(until, "the poll's \"until\"", &p->until, err);
    }
    if (rc == BF_OK && failed)
        rc = read_match(failed, "the poll's \"failed\"", &p->failed, err);
    return rc;
}

static enum bf_rc read_probe(const json_t *root, struct http_probe *p, struct bf_error *err)
{
    const json_t *o = json_object_get(root, "probe"), *value = json_object_get(o, "value");
    const json_t *every = json_object_get(o, "every_ms"), *limit = json_object_get(o, "limit_ms");
    if (!o)
        return BF_OK;
    if (json_object_size(o) != 3 || !json_is_boolean(value) || json_integer_value(every) < 1 || json_integer_value(limit) < 1)
        return bf_fail(err, BF_INVALID, "the request's \"probe\" is not {\"value\", \"every_ms\", \"limit_ms\"}");
    *p = (struct http_probe){.wanted = true, .value = json_is_true(value), .every_ms = json_integer_value(every),
                             .limit_ms = json_integer_value(limit)};
    return BF_OK;
}

static enum bf_rc read_call(const json_t *root, struct http_request *r, struct bf_error *err)
{
    enum bf_rc rc = read_line(root, "method", 16, &r->method, err);
    if (rc == BF_OK)
        rc = read_line(root, "url", HTTP_URL_MAX, &r->url, err);
    if (rc == BF_OK)
        rc = read_line(root, "content_type", HTTP_HEADER_VALUE_MAX, &r->content_type, err);
    if (rc != BF_OK)
        return rc;
    bool known = false;
    for (size_t i = 0; r->method && methods[i]; i++)
        known = known || strcmp(r->method, methods[i]) == 0;
    if (!known)
        return bf_fail(err, BF_UNSUPPORTED, "the request's \"method\" is none of GET, HEAD, POST, PUT, PATCH and DELETE");
    if (!r->url)
        return bf_fail(err, BF_INVALID, "the request's \"url\" is missing");
    const json_t *body = json_object_get(root, "body");
    if (body && (!json_is_string(body) || strcmp(r->method, "HEAD") == 0))
        return bf_fail(err, BF_INVALID, "the request's \"body\" is no text, or stands beside HEAD, which has none");
    if (body) {
        r->body_len = json_string_length(body);
        r->body = bf_xmemdup(json_string_value(body), r->body_len + 1);
    }
    return BF_OK;
}

static enum bf_rc read_request(const json_t *root, struct http_request *r, struct bf_error *err)
{
    enum bf_rc rc = check_keys(root, "the request", spec_keys, true, err);
    if (rc == BF_OK)
        rc = check_ids(root, err);
    if (rc == BF_OK)
        rc = read_line(root, "step", 1024, &r->step, err);
    if (rc == BF_OK)
        rc = read_line(root, "run_id", HTTP_HEADER_VALUE_MAX, &r->run_id, err);
    if (rc == BF_OK)
        rc = read_call(root, r, err);
    if (rc == BF_OK)
        rc = read_headers(root, r, err);
    if (rc == BF_OK && r->content_type && http_request_header(r, "Content-Type"))
        rc = bf_fail(err, BF_INVALID, "the request has a \"content_type\" and a header Content-Type: one of them is enough");
    if (rc == BF_OK)
        rc = read_ranges(json_object_get(root, "expect"), "expect", &r->expect, err);
    if (rc == BF_OK)
        rc = read_poll(root, &r->poll, err);
    if (rc == BF_OK)
        rc = read_probe(root, &r->probe, err);
    r->token = json_integer_value(json_object_get(root, "token"));
    r->timebox_ms = json_integer_value(json_object_get(root, "timebox_ms"));
    return rc;
}

enum bf_rc http_request_parse(const char *json, size_t len, struct http_request *ret, struct bf_error *err)
{
    json_error_t where;
    json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    if (!root)
        return bf_fail(err, BF_INVALID, "the request is not valid JSON (line %d, column %d)", where.line, where.column);
    struct http_request r = {0};
    enum bf_rc rc = read_request(root, &r, err);
    json_decref(root);
    if (rc == BF_OK)
        *ret = r;
    else
        http_request_done(&r);
    return rc;
}

static void match_done(struct http_match *m)
{
    free(m->pointer);
    json_decref(m->equals);
}

void http_request_done(struct http_request *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_headers; i++) {
        explicit_bzero(r->headers[i].value, strlen(r->headers[i].value));
        free(r->headers[i].value);
        free(r->headers[i].name);
    }
    match_done(&r->poll.until);
    match_done(&r->poll.failed);
    char *const texts[] = {r->step, r->run_id, r->method, r->url, r->body, r->content_type, r->poll.url};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    free(r->headers);
    free(r->expect.at);
    free(r->poll.until_status.at);
    *r = (struct http_request){0};
}

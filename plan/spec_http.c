/* An `http` step for one instance: spec_http.h has the shape. */
#include "plan/spec_http.h"

#include <stdlib.h>
#include <string.h>

#include "plan/json_text.h"
#include "plan/spec_sql.h"

void plan_json_put(const char *text, size_t len, struct bf_buf *ret)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            bf_buf_printf(ret, "\\%c", c);
        else if (c < 0x20)
            bf_buf_printf(ret, "\\u%04x", c);
        else
            bf_buf_put_u8(ret, c);
    }
}

/* RFC 3986: what is not unreserved is encoded, so that a value stays one part of the address. */
static void put_percent(const char *text, size_t len, struct bf_buf *ret)
{
    static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    for (size_t i = 0; i < len; i++)
        bf_buf_printf(ret, strchr(unreserved, text[i]) ? "%c" : "%%%02X", (unsigned char)text[i]);
}

static void put_plain(const char *text, size_t len, struct bf_buf *ret)
{
    bf_buf_put(ret, text, len);
}

/* The text of a template whose values go through put. */
static json_t *rendered(const struct template *t, const struct template_values *v, void (*put)(const char *text, size_t len,
                                                                                               struct bf_buf *ret))
{
    struct bf_buf b = {0};
    for (size_t i = 0; i < t->n; i++) {
        if (t->pieces[i].var == TEMPLATE_TEXT) {
            bf_buf_put(&b, t->pieces[i].text, t->pieces[i].text_len);
            continue;
        }
        struct template_value value = template_piece_value(&t->pieces[i], v);
        put(value.text, strlen(value.text), &b);
        free(value.text);
    }
    json_t *j = plan_spec_text(bf_buf_cstr(&b), b.len);
    bf_buf_free(&b);
    return j;
}

static json_t *strings(char *const *at, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(at[i]));
    return list;
}

static bool names_type(const struct plan_http *http)
{
    for (size_t i = 0; i < http->n_headers; i++)
        if (strcasecmp(http->headers[i].name, "content-type") == 0)
            return true;
    return false;
}

static void set_headers(json_t *j, const struct plan_http *http, const struct template_values *v)
{
    json_t *headers = json_object();
    for (size_t i = 0; i < http->n_headers; i++)
        if (!http->headers[i].reference)
            json_object_set_new(headers, http->headers[i].name, rendered(&http->headers[i].value, v, put_plain));
    if (json_object_size(headers) > 0)
        json_object_set(j, "headers", headers);
    json_decref(headers);
}

static json_t *match(const struct plan_match *m)
{
    return json_pack("{s:s, s:o}", "pointer", m->pointer, "equals", plan_spec_scalars(m->equals, m->n_equals));
}

static json_t *poll(const struct plan_http *http, const struct template_values *v)
{
    json_t *j = json_object();
    if (http->poll_url.n > 0)
        json_object_set_new(j, "url", rendered(&http->poll_url, v, put_percent));
    json_object_set_new(j, "every_ms", json_integer(http->every_ms));
    json_object_set_new(j, "timeout_ms", json_integer(http->timeout_ms));
    json_object_set_new(j, "until", http->n_until_status > 0 ? json_pack("{s:o}", "status",
                                                                         strings(http->until_status, http->n_until_status))
                                                              : match(&http->until));
    if (http->failed.pointer)
        json_object_set_new(j, "failed", match(&http->failed));
    return j;
}

json_t *plan_spec_http(const struct plan_http *http, const struct template_values *v)
{
    json_t *j = json_object();
    json_object_set_new(j, "method", json_string(http->method));
    json_object_set_new(j, "url", rendered(&http->url, v, put_percent));
    set_headers(j, http, v);
    if (http->body_kind != PLAN_BODY_NONE) {
        bool json = http->body_kind == PLAN_BODY_JSON;
        json_object_set_new(j, "body", rendered(&http->body, v, json ? plan_json_put : put_plain));
        if (!names_type(http))
            json_object_set_new(j, "content_type", json_string(json ? "application/json" : "text/plain; charset=utf-8"));
    }
    json_object_set_new(j, "expect", strings(http->expect, http->n_expect));
    if (http->polls)
        json_object_set_new(j, "poll", poll(http, v));
    return j;
}

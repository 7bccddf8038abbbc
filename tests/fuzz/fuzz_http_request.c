/* The request of bf-http under any bytes.
 *
 * Holds: what is accepted has one method of the six, headers that are one line each with names that differ, and a text of its
 * own for every refusal; and whatever a server answers, what is shown of it is UTF-8 without the secrets. */
#include <assert.h>
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "agent/http/pointer.h"
#include "agent/http/request.h"
#include "agent/http/secrets.h"
#include "agent/http/url.h"
#include "common/mem.h"
#include "common/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_headers(const struct http_request *r)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        const struct http_header *h = &r->headers[i];
        assert(*h->name && !strpbrk(h->name, "\r\n: ") && !strpbrk(h->value, "\r\n"));
        assert(strcasecmp(h->name, "Content-Length") != 0 && strcasecmp(h->name, "Transfer-Encoding") != 0);
        assert(http_request_header(r, h->name) == h);
    }
}

static void check_shown(const struct http_request *r, const uint8_t *data, size_t size)
{
    struct secrets s;
    BF_CLEANUP(bf_buf_free) struct bf_buf out = {0};
    secrets_init(&s, r);
    secrets_put(&s, (const char *)data, size, (struct shown){.cut_front = true, .cut_back = true}, &out);
    assert(out.len == 0 || bf_utf8_valid(out.data, out.len));
    /* What is put in place of secrets, bad bytes and controls can make up a secret of such signs by chance. */
    for (size_t i = 0; out.len && i < s.n; i++)
        assert(strpbrk(s.at[i], "*? ") || !memmem(out.data, out.len, s.at[i], strlen(s.at[i])));
    secrets_done(&s);
}

static void check_match(const struct http_match *m, const json_t *root)
{
    if (m->pointer)
        (void)http_value_in(http_pointer_find(root, m->pointer), m->equals);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_request r;
    struct bf_error err = {0};
    if (http_request_parse((const char *)data, size, &r, &err) != BF_OK) {
        assert(*err.text);
        return 0;
    }
    assert(strlen(r.method) <= 6 && *r.url && r.expect.n > 0 && r.token > 0);
    assert(!r.poll.wanted || (r.poll.until_status.n > 0) != (r.poll.until.pointer != NULL));
    check_headers(&r);
    check_shown(&r, data, size);
    json_t *root = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
    check_match(&r.poll.until, root);
    check_match(&r.poll.failed, root);
    json_decref(root);
    (void)http_url_check(r.url, &err);
    BF_AUTO_FREE char *shown = http_url_shown(r.url);
    check_shown(&r, (const uint8_t *)shown, strlen(shown));
    http_request_done(&r);
    return 0;
}

/* Requests on behalf of a command. */
#include "bfctl/session.h"

#include <stdlib.h>
#include <string.h>

#include "bfctl/words.h"
#include "common/mem.h"

static struct { session_answers *fn; void *arg; } elsewhere;

void session_answer_from(session_answers *fn, void *arg)
{
    elsewhere.fn = fn;
    elsewhere.arg = arg;
}

enum bf_rc session_open(const struct ctl_common *common, struct session *ret, struct bf_error *err)
{
    if (elsewhere.fn)
        return BF_OK;
    enum bf_rc rc = client_settings_read(common->config, &ret->settings, err);
    int64_t *timeout_ms = &ret->settings.request_timeout_ms;
    if (rc == BF_OK)
        rc = words_duration("request-timeout", common->request_timeout, *timeout_ms, timeout_ms, err);
    if (rc == BF_OK)
        rc = client_open(&ret->settings, &ret->client, err);
    return rc;
}

void session_done(struct session *s)
{
    client_close(s->client);
    s->client = NULL;
    client_settings_done(&s->settings);
}

void answer_done(struct answer *a)
{
    free(a->text);
    json_decref(a->json);
    *a = (struct answer){0};
}

static enum bf_rc read_reply(const struct op_request *req, const struct op_reply *reply, struct answer *ret,
                             struct bf_error *err)
{
    if (reply->rc != BF_OK)
        return bf_fail(err, reply->rc, "%s", reply->text[0] ? reply->text : bf_rc_words(reply->rc));
    json_t *json = NULL;
    if (reply->json_len > 0) {
        json_error_t why;
        json = json_loadb(reply->json, reply->json_len, JSON_DECODE_ANY, &why);
        if (!json)
            return bf_fail(err, BF_PROTOCOL, "the coordinator answered '%s' with a damaged document: %s",
                           op_verb_name(req->verb), why.text);
    }
    ret->text = bf_xstrdup(reply->text);
    ret->json = json;
    return BF_OK;
}

static enum bf_rc ask_elsewhere(const struct op_request *req, struct answer *ret, struct bf_error *err)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf json = {0};
    enum bf_rc rc = elsewhere.fn(elsewhere.arg, req, &json, err);
    if (rc != BF_OK)
        return rc;
    struct op_reply reply = {.rc = BF_OK, .text = "", .json = bf_buf_cstr(&json), .json_len = json.len};
    return read_reply(req, &reply, ret, err);
}

enum bf_rc session_ask(struct session *s, const struct op_request *req, struct answer *ret, struct bf_error *err)
{
    struct op_reply reply = {0};
    if (elsewhere.fn)
        return ask_elsewhere(req, ret, err);
    enum bf_rc rc = client_call(s->client, req, &reply, err);
    if (rc == BF_OK) {
        rc = read_reply(req, &reply, ret, err);
        op_reply_done(&reply);
    }
    return rc;
}

enum bf_rc session_query(struct session *s, struct op_request *req, struct answer *ret, struct bf_error *err)
{
    client_new_id(req);
    enum bf_rc rc = session_ask(s, req, ret, err);
    if (rc == BF_OK && !ret->json)
        rc = bf_fail(err, BF_PROTOCOL, "the coordinator answered '%s' without a document", op_verb_name(req->verb));
    return rc;
}

enum bf_rc session_query_pages(struct session *s, struct op_request *req, uint64_t max_rows, struct answer *ret,
                               bool *ret_more, struct bf_error *err)
{
    ret->json = json_array();
    *ret_more = false;
    for (;;) {
        uint64_t have = json_array_size(ret->json);
        uint64_t want = max_rows > 0 ? max_rows - have + 1 : OP_PAGE_MAX;     /* one more tells whether there are more */
        req->page_offset = have;
        req->page_limit = want < OP_PAGE_MAX ? (uint32_t)want : OP_PAGE_MAX;
        ANSWER_AUTO struct answer page = {0};
        enum bf_rc rc = session_query(s, req, &page, err);
        if (rc != BF_OK)
            return rc;
        if (!json_is_array(page.json))
            return bf_fail(err, BF_PROTOCOL, "the coordinator answered '%s' with no list", op_verb_name(req->verb));
        size_t got = json_array_size(page.json);
        json_array_extend(ret->json, page.json);
        if (max_rows > 0 && json_array_size(ret->json) > max_rows) {
            while (json_array_size(ret->json) > max_rows)
                json_array_remove(ret->json, json_array_size(ret->json) - 1);
            *ret_more = true;
            return BF_OK;
        }
        if (got < req->page_limit)
            return BF_OK;
    }
}

enum bf_rc session_query_walk(struct session *s, struct op_request *req, uint64_t max_rows, struct answer *ret, bool *ret_more,
                              struct bf_error *err)
{
    ret->json = json_array();
    *ret_more = false;
    req->page_offset = 0;
    for (;;) {
        ANSWER_AUTO struct answer page = {0};
        enum bf_rc rc = session_query(s, req, &page, err);
        if (rc != BF_OK)
            return rc;
        const json_t *rows = json_object_get(page.json, "rows"), *next = json_object_get(page.json, "next");
        bool on = json_is_integer(next);
        uint64_t to = on ? (uint64_t)json_integer_value(next) : 0;
        if (!json_is_array(rows) || (on && to <= req->page_offset))
            return bf_fail(err, BF_PROTOCOL, "the coordinator answered '%s' with no page", op_verb_name(req->verb));
        json_array_extend(ret->json, (json_t *)(uintptr_t)rows);
        bool full = max_rows > 0 && json_array_size(ret->json) >= max_rows;
        if (full || !on) {
            *ret_more = max_rows > 0 && (json_array_size(ret->json) > max_rows || on);
            while (max_rows > 0 && json_array_size(ret->json) > max_rows)
                json_array_remove(ret->json, json_array_size(ret->json) - 1);
            return BF_OK;
        }
        req->page_offset = to;
    }
}

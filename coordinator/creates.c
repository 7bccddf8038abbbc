/* Creates between the loop and the thread that prepares them: those that are to be, and those that are only tried.
 *
 * Both are checked again when they are prepared: the key may have been taken away meanwhile (turn_ports.may_create, and here). */
#include <string.h>

#include "coordinator/service_state.h"

bool service_prepare(void *service, struct turn_create *create)
{
    struct service *s = service;
    return preparer_put(s->preparer, create);
}

static void answer(struct service *s, const uint8_t key[BF_KEY_BYTES], const uint8_t id[OP_REQUEST_ID_BYTES], const struct bf_error *err,
                   struct bf_buf *json)
{
    struct op_reply reply = {.rc = err->rc, .text = err->text, .json = json ? bf_buf_cstr(json) : "", .json_len = json ? json->len : 0};
    memcpy(reply.id, id, sizeof reply.id);
    api_reply(s->api, key, &reply);
}

void service_try_create(struct service *s, const uint8_t key[BF_KEY_BYTES], const struct op_request *req, const void *bundle, size_t n)
{
    struct bf_error err = {0};
    if (!bundle) {
        bf_fail(&err, BF_NOT_FOUND, "the plan is not known here: send it again");
        answer(s, key, req->id, &err, NULL);
        return;
    }
    struct turn_create *c = turn_create_try(key, req, bundle, n);
    if (preparer_put(s->preparer, c))
        return;
    bf_fail(&err, BF_LIMIT, "too many creates are being prepared; try again in a few seconds");
    answer(s, key, req->id, &err, NULL);
    turn_create_free(c);
}

static void tried(struct service *s, struct turn_create *c)
{
    struct bf_error err = c->err;
    struct bf_buf json = {0};
    struct view_source v = service_view(s, c->key);
    v.tried = c->plan;
    enum bf_rc rc = err.rc;
    if (c->plan && !v.who)
        rc = bf_fail(&err, BF_DENIED, "this key is not authorised any more");
    else if (c->plan)
        rc = views_answer(&v, &c->req, &json, &err);
    answer(s, c->key, c->req.id, &err, rc == BF_OK ? &json : NULL);
    bf_buf_free(&json);
    turn_create_free(c);
}

void service_created(struct service *s)
{
    for (struct turn_create *c; (c = preparer_take(s->preparer)) != NULL;)
        if (c->req.dry_run)
            tried(s, c);
        else
            turn_created(s->turns, c);
}

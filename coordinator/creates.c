/* Creates between the loop and the thread that prepares them (common/work_queue.h): those that are to be, and those that are only tried.
 *
 * Both are checked again when they are prepared: the key may have been taken away meanwhile (turn_ports.may_create, and here). */
#include <string.h>

#include "coordinator/authority.h"
#include "coordinator/create.h"
#include "coordinator/service_state.h"

#define NICE 5                                   /* heartbeats and queries come first, and a create still goes on under load */
#define WAITING_MAX 256u
#define WAITING_BYTES_MAX (64u << 20)            /* of their plans */

static void prepare(void *arg, void *create)
{
    (void)arg;
    turn_create_work(create);
}

static void drop(void *create)
{
    turn_create_free(create);
}

/* To close it takes seconds where a plan of the largest size is in work. */
enum bf_rc service_creates_open(struct service *s, struct bf_error *err)
{
    const struct bf_work_options o = {.what = "creates", .run = prepare, .drop = drop, .n_threads = 1, .nice = NICE,
                                      .waiting_max = WAITING_MAX, .waiting_bytes_max = WAITING_BYTES_MAX};
    return bf_work_queue_open(&o, &s->creates, err);
}

enum bf_rc service_prepare(void *service, struct turn_create *create, struct bf_error *err)
{
    struct service *s = service;
    return service_put_told(bf_work_queue_put(s->creates, create, create->bundle.len, err), err);
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
    struct turn_create *c = turn_create_try(turn_engine(s->turns), key, req, bundle, n);
    if (service_prepare(s, c, &err) == BF_OK)
        return;
    answer(s, key, req->id, &err, NULL);
    turn_create_free(c);
}

static void tried(struct service *s, struct turn_create *c)
{
    struct bf_error err = c->err;
    struct bf_buf json = {0};
    struct view_source v = service_view(s, c->key);
    v.tried = turn_create_tried(c);
    enum bf_rc rc = err.rc;
    if (v.tried && !v.who)
        rc = authority_gone(turn_engine(s->turns), c->key, &err);
    else if (v.tried)
        rc = views_answer(&v, &c->req, &json, &err);
    answer(s, c->key, c->req.id, &err, rc == BF_OK ? &json : NULL);
    bf_buf_free(&json);
    turn_create_free(c);
}

void service_created(struct service *s)
{
    for (struct turn_create *c; (c = bf_work_queue_take(s->creates)) != NULL;)
        if (c->req.dry_run)
            tried(s, c);
        else
            turn_created(s->turns, c);
}

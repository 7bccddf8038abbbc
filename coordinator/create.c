/* See create.h.  Of a create that is refused before its turn nothing stays: a later one that finds the plan in the engine must find its
 * bundle too (stage_plans in turn.c). */
#include "coordinator/create.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plant.h"
#include "coordinator/engine/view.h"
#include "coordinator/turn_state.h"

void turn_create_free(struct turn_create *c)
{
    if (!c)
        return;
    engine_seed_free(c->seed);
    plan_free(c->plan);
    bf_buf_free(&c->bundle);
    bf_arena_free(&c->arena);
    free(c);
}

void turn_create_work(struct turn_create *c)
{
    const struct op_request *req = &c->req;
    if (c->known) {
        c->seed = req->dry_run ? NULL : engine_seed_of_known(c->known, req->backward, c->run);
        return;
    }
    if (!c->plan) {
        c->compiled = turn_bundle_compile(c->bundle.data, c->bundle.len, req->plan_hash, req->from, req->to, req->params, req->n_params,
                                          &c->plan, &c->err) == BF_OK;
        if (!c->compiled)
            return;
    }
    if (!req->dry_run)
        c->seed = engine_seed_new(c->plan_key, BF_TAKE(c->plan), req->backward, c->run);
}

/* ---- sent again while it is prepared: the first copy is answered, to whoever sent the newest ---- */

/* Its place; preparing.n: it has none. */
static size_t place_of(const struct turns *t, const uint8_t key[BF_KEY_BYTES], const uint8_t id[OP_REQUEST_ID_BYTES])
{
    size_t i = 0;
    while (i < t->preparing.n && (memcmp(t->preparing.at[i].key, key, BF_KEY_BYTES) != 0 ||
                                  memcmp(t->preparing.at[i].id, id, OP_REQUEST_ID_BYTES) != 0))
        i++;
    return i;
}

static void preparing_add(struct turns *t, const struct turn_create *c)
{
    struct turn_preparing p;
    memcpy(p.key, c->key, sizeof p.key);
    memcpy(p.id, c->req.id, sizeof p.id);
    bf_vec_push(&t->preparing, p);
}

static void preparing_over(struct turns *t, const struct turn_create *c)
{
    size_t i = place_of(t, c->key, c->req.id);
    if (i < t->preparing.n)
        t->preparing.at[i] = t->preparing.at[--t->preparing.n];
}

/* ---- after it ---- */

static void answer(struct turns *t, const uint8_t key[BF_KEY_BYTES], const struct op_request *req, const struct bf_error *err)
{
    struct op_reply reply = {.rc = err->rc, .text = err->text, .json = ""};
    memcpy(reply.id, req->id, sizeof reply.id);
    t->ports.reply(t->ports.arg, key, &reply);
}

/* The plan is compiled, it lies within the key's scopes, and as things stand now nothing speaks against it.  *ret_decided: the engine would
 * have refused it, and written that down. */
static enum bf_rc check(struct turns *t, const struct turn_create *c, bool *ret_decided, struct bf_error *err)
{
    *ret_decided = false;
    *err = c->err;
    if (!c->seed)
        return err->rc;
    enum bf_rc rc = BF_OK;
    if (t->ports.may_create)
        rc = t->ports.may_create(t->ports.arg, c->key, &c->req, engine_seed_plan(c->seed), err);
    bool known = engine_has_plan(t->engine, c->plan_key);
    if (rc == BF_OK && !known && !BF_PLANTED("one_writer_unchecked") && !BF_PLANTED("outside_unchecked")) {
        rc = engine_create_refused(t->engine, c->seed, c->req.queue, err);
        *ret_decided = rc != BF_OK;
    }
    return rc;
}

void turn_created(struct turns *t, struct turn_create *c)
{
    struct bf_error err = {0};
    bool decided = false;
    preparing_over(t, c);
    if (c->compiled && t->ports.plan_made)
        t->ports.plan_made(t->ports.arg, c->plan_key, engine_seed_plan(c->seed));
    if (engine_replied(t->engine, c->key, c->req.id)) {      /* it was sent twice, and is answered as before */
        turn_command_add(t, c->key, c->actor, c->role, &c->req);
    } else if (check(t, c, &decided, &err) != BF_OK) {
        answer(t, c->key, &c->req, &err);
        if (decided)
            turn_denied(t, c->key, c->actor, c->role, &(struct input_told){.what = op_verb_name(c->req.verb), .target = "new",
                                                                           .reason = c->req.reason, .text = err.text, .rc = err.rc});
    } else {
        if (!c->known)
            turn_bundle_keep(t, c->req.plan_hash, c->bundle.data, c->bundle.len);
        engine_add_seed(t->engine, BF_TAKE(c->seed));
        turn_command_add(t, c->key, c->actor, c->role, &c->req);
    }
    turn_create_free(c);
}

/* ---- before it ---- */

static struct turn_create *create_new(const uint8_t key[BF_KEY_BYTES], const char *actor, const char *role, const struct op_request *req)
{
    struct turn_create *c = bf_xcalloc(1, sizeof *c);
    memcpy(c->key, key, sizeof c->key);
    c->actor = bf_arena_strdup(&c->arena, actor);
    c->role = bf_arena_strdup(&c->arena, role);
    c->req = turn_request_copy(&c->arena, req);
    engine_plan_key(c->req.plan_hash, c->req.from, c->req.to, c->req.params, c->req.n_params, c->plan_key);
    return c;
}

/* A plan that the engine knows needs no bundle. */
static void find_plan(struct turn_create *c, const struct engine *e, const void *bundle, size_t n)
{
    c->known = engine_known_plan(e, c->plan_key);
    if (!c->known)
        bf_buf_put(&c->bundle, bundle, n);
}

struct turn_create *turn_create_try(const struct engine *e, const uint8_t key[BF_KEY_BYTES], const struct op_request *req,
                                    const void *bundle, size_t n)
{
    struct turn_create *c = create_new(key, "", "", req);
    find_plan(c, e, bundle, n);
    return c;
}

const struct plan *turn_create_tried(const struct turn_create *c)
{
    return c->known ? known_plan_of(c->known) : c->plan;
}

void turn_create(struct turns *t, const uint8_t key[BF_KEY_BYTES], const char *actor, const char *role, const struct op_request *req,
                 const void *bundle, size_t n)
{
    struct bf_error err = {0};
    if (place_of(t, key, req->id) < t->preparing.n)
        return;
    if (!bundle)
        bundle = turn_plan_bundle(t, req->plan_hash, &n);
    if (!bundle) {
        bf_fail(&err, BF_NOT_FOUND, "the plan is not known here: send it again");
        answer(t, key, req, &err);
        return;
    }
    struct turn_create *c = create_new(key, actor, role, req);
    c->run = engine_first_run(t->engine);
    find_plan(c, t->engine, bundle, n);
    if (!c->known && t->ports.plan_known)
        c->plan = t->ports.plan_known(t->ports.arg, c->plan_key);
    preparing_add(t, c);
    if (!t->ports.prepare) {
        turn_create_work(c);
        turn_created(t, c);
    } else if (t->ports.prepare(t->ports.arg, c, &err) != BF_OK) {
        answer(t, key, req, &err);
        preparing_over(t, c);
        turn_create_free(c);
    }
}

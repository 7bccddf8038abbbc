/* Plans as they were sent: the source of a backfill's plan, page by page, and the versions of a plan that backfills ran.
 *
 * A version is a source; its hash says what it says.  The hash is known where a backfill ran it without other dates or parameters: a
 * plan is compiled under these, and is not compiled again for a query. */
#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/vec.h"
#include "coordinator/turn.h"
#include "coordinator/views_parts.h"
#include "plan/hash.h"

#define PAGE_BYTES (512u << 10)                  /* of the source; a third more as base64 */
#define BACKFILLS_TOLD 20u                       /* ids of a version, the newest */
#define STEPS_COMPARED_MAX 50000u                /* in one page, so that a query stays short */

/* ---- the source ---- */

static json_t *params_object(const struct backfill_view *b)
{
    json_t *params = json_object();
    for (size_t i = 0; i < b->n_params; i++)
        json_object_set_new(params, b->params[i].name, view_string(b->params[i].value));
    return params;
}

enum bf_rc view_plan_get(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc != BF_OK)
        return rc;
    size_t total = 0;
    const uint8_t *bundle = v->turns ? turn_plan_bundle(v->turns, b.plan->source_hash, &total) : NULL;
    if (!bundle)
        return bf_fail(err, BF_NOT_FOUND, "the source of the plan of bf-%" PRIu32 " is not kept here", b.id);
    if (req->page_offset >= total)
        return bf_fail(err, BF_USAGE, "the plan of bf-%" PRIu32 " has %zu bytes: there is no page at %" PRIu64, b.id, total,
                       req->page_offset);
    size_t offset = (size_t)req->page_offset, n = total - offset < PAGE_BYTES ? total - offset : PAGE_BYTES;
    size_t room = sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);
    BF_AUTO_FREE char *bytes = bf_xmalloc(room);
    sodium_bin2base64(bytes, room, bundle + offset, n, sodium_base64_VARIANT_ORIGINAL);
    json_t *j = json_object();
    json_object_set_new(j, "backfill", view_string(view_backfill_id(b.id).text));
    json_object_set_new(j, "name", view_string(b.plan->name));
    json_object_set_new(j, "hash", view_hash(b.plan->source_hash));
    json_object_set_new(j, "from", view_string(b.from[0] ? b.from : NULL));
    json_object_set_new(j, "to", view_string(b.to[0] ? b.to : NULL));
    json_object_set_new(j, "params", params_object(&b));
    json_object_set_new(j, "total_bytes", json_integer((json_int_t)total));
    json_object_set_new(j, "offset", json_integer((json_int_t)offset));
    json_object_set_new(j, "bytes", view_string(bytes));
    *ret = j;
    return BF_OK;
}

/* ---- versions ---- */

struct version {
    uint32_t first, last;                        /* backfills that ran it */
    uint32_t sample;                             /* one of them: without options where there is such a one */
    bool plain;                                  /* the sample has no options */
    size_t n;
};

struct versions {
    BF_VEC_TYPE(struct version) at;              /* in order of first use */
    BF_VEC_TYPE(uint32_t) of;                    /* version of each backfill of this plan, in order of backfills */
    BF_VEC_TYPE(uint32_t) backfills;
    struct bf_smap by_source;                    /* source hash -> version + 1 */
};

static struct backfill_view backfill_at(const struct view_source *v, uint32_t id)
{
    struct backfill_view b;
    bool found = engine_backfill(v->engine, id, &b);
    assert(found);
    (void)found;
    return b;
}

static void add_backfill(struct versions *all, const struct backfill_view *b)
{
    uintptr_t i = (uintptr_t)bf_smap_get(&all->by_source, b->plan->source_hash, PLAN_HASH_BYTES);
    bool plain = !b->from[0] && !b->to[0] && b->n_params == 0;
    if (i == 0) {
        struct version fresh = {.first = b->id, .sample = b->id, .plain = plain};
        bf_vec_push(&all->at, fresh);
        i = all->at.n;
        bf_smap_put(&all->by_source, b->plan->source_hash, PLAN_HASH_BYTES, (void *)i);
    }
    struct version *version = &all->at.at[i - 1];
    version->last = b->id;
    version->n++;
    if (plain && !version->plain) {
        version->sample = b->id;
        version->plain = true;
    }
    bf_vec_push(&all->of, (uint32_t)(i - 1));
    bf_vec_push(&all->backfills, b->id);
}

static void collect(const struct view_source *v, const char *name, struct versions *ret)
{
    for (uint32_t id = engine_next_backfill(v->engine, 0); id; id = engine_next_backfill(v->engine, id)) {
        struct backfill_view b = backfill_at(v, id);
        if (strcmp(b.plan->name, name) == 0)
            add_backfill(ret, &b);
    }
}

static void versions_done(struct versions *all)
{
    bf_vec_free(&all->at);
    bf_vec_free(&all->of);
    bf_vec_free(&all->backfills);
    bf_smap_free(&all->by_source);
}

/* Does a step of two versions do the same?  Parameters that only a backfill was given are no change of the plan. */
static bool same_step(const struct plan *a, const struct plan_step *x, const struct plan *b, const struct plan_step *y, bool params_given)
{
    const struct plan_step_hashing without = {.no_params = true};
    uint8_t p[PLAN_HASH_BYTES], q[PLAN_HASH_BYTES];
    if (memcmp(x->hash, y->hash, PLAN_HASH_BYTES) == 0)
        return true;
    if (!params_given)
        return false;
    plan_step_hash_as(a, x, &without, p);
    plan_step_hash_as(b, y, &without, q);
    return memcmp(p, q, PLAN_HASH_BYTES) == 0;
}

/* Against the version before; null for the first. */
static json_t *steps_changed(const struct view_source *v, const struct version *before, const struct version *at)
{
    struct backfill_view b = backfill_at(v, at->sample);
    json_int_t added = 0, changed = 0, kept = 0;
    if (!before)
        return json_pack("{s:I, s:n, s:n, s:n}", "total", (json_int_t)b.plan->n_steps, "added", "removed", "changed");
    struct backfill_view a = backfill_at(v, before->sample);
    bool params_given = a.n_params > 0 || b.n_params > 0;
    for (size_t i = 0; i < b.plan->n_steps; i++) {
        const struct plan_step *step = &b.plan->steps[i];
        uint32_t old = plan_find_step(a.plan, step->name);
        added += old == PLAN_NO_INDEX;
        kept += old != PLAN_NO_INDEX;
        changed += old != PLAN_NO_INDEX && !same_step(a.plan, &a.plan->steps[old], b.plan, step, params_given);
    }
    return json_pack("{s:I, s:I, s:I, s:I}", "total", (json_int_t)b.plan->n_steps, "added", added, "removed",
                     (json_int_t)a.plan->n_steps - kept, "changed", changed);
}

static json_t *ids_of(const struct versions *all, uint32_t version)
{
    json_t *ids = json_array();
    for (size_t i = all->of.n; i-- > 0 && json_array_size(ids) < BACKFILLS_TOLD;)
        if (all->of.at[i] == version)
            json_array_append_new(ids, view_string(view_backfill_id(all->backfills.at[i]).text));
    return ids;
}

static json_t *version_row(const struct view_source *v, const struct versions *all, uint32_t i)
{
    const struct version *at = &all->at.at[i];
    struct backfill_view first = backfill_at(v, at->first), last = backfill_at(v, at->last), sample = backfill_at(v, at->sample);
    json_t *j = json_object();
    json_object_set_new(j, "version", json_integer((json_int_t)i + 1));
    json_object_set_new(j, "hash", at->plain ? view_hash(sample.plan->hash) : json_null());
    json_object_set_new(j, "source_hash", view_hash(sample.plan->source_hash));
    json_object_set_new(j, "first_used", view_time(first.created_us));
    json_object_set_new(j, "last_used", view_time(last.created_us));
    json_object_set_new(j, "n_backfills", json_integer((json_int_t)at->n));
    json_object_set_new(j, "backfills", ids_of(all, i));
    json_object_set_new(j, "by", view_string(first.actor));
    json_object_set_new(j, "reason", view_string(first.reason[0] ? first.reason : NULL));
    json_object_set_new(j, "steps", steps_changed(v, i > 0 ? at - 1 : NULL, at));
    return j;
}

/* Newest first.  A page ends early where the plans are large: the caller goes on at offset + rows until a page is empty. */
enum bf_rc view_plan_history(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct versions all = {0};
    size_t compared = 0;
    collect(v, req->name, &all);
    if (all.at.n == 0)
        return bf_fail(err, BF_NOT_FOUND, "no backfill ran a plan of the name \"%.128s\"; bfctl backfill list shows the names", req->name);
    *ret = json_array();
    for (uint64_t i = req->page_offset; i < all.at.n && json_array_size(*ret) < view_page_limit(req) &&
         compared < STEPS_COMPARED_MAX; i++) {
        uint32_t version = (uint32_t)(all.at.n - 1 - i);
        compared += backfill_at(v, all.at.at[version].sample).plan->n_steps;
        json_array_append_new(*ret, version_row(v, &all, version));
    }
    versions_done(&all);
    return BF_OK;
}

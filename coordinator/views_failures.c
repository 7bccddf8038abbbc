/* Failures by cause: what has failed or waits for its next attempt, in groups of one step, class, code and message.
 *
 * A page groups the instances that it walked, at most PAGE_INSTANCES or PAGE_US, and says where to go on; groups of the same key on
 * later pages belong together, and bfctl adds them up.  The first instance of a group is its example. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/vec.h"
#include "common/fingerprint.h"
#include "coordinator/remedies.h"
#include "coordinator/views_parts.h"

#define PAGE_US 4000
#define PAGE_INSTANCES 100000u
#define PAGE_GROUPS 32u                          /* each may need the details of its example */
#define LOOK_EVERY 64u

struct group {
    uint32_t step, first, last;                  /* indexes */
    uint64_t attempt;
    enum failure_class class;
    struct outcome example;                      /* borrowed from the engine */
    uint64_t count, backing_off;
    char print[FINGERPRINT_MAX];
};

struct failures_walk {
    const struct view_source *v;
    const struct backfill_view *b;
    int64_t until_us;
    uint64_t seen;
    BF_VEC_TYPE(struct group) groups;
    struct bf_smap by_key;                       /* key -> index + 1 */
};

static void key_of(const struct group *g, struct bf_buf *ret)
{
    bf_buf_clear(ret);
    bf_buf_printf(ret, "%u|%d|%d|%d|%s|%s|%s", g->step, (int)g->class, (int)g->example.source, g->example.code, g->example.sqlstate,
                  g->example.dbms, g->print);
}

/* It failed in this run, and its next attempt has not begun: its backoff lasts, or a breaker, a pool or agents keep it waiting. */
static bool is_again(const struct instance_view *i)
{
    return i->state == INSTANCE_BACKING_OFF || (i->state == INSTANCE_READY && i->attempts > 0);
}

/* false: the page is full, and this one is not in it. */
static bool take(struct failures_walk *w, uint32_t step, uint32_t index, const struct instance_view *i, struct bf_buf *key)
{
    struct group g = {.step = step, .first = index, .last = index, .attempt = i->attempt, .count = 1,
                      .backing_off = is_again(i)};
    if (i->looking || !engine_failure(w->v->engine, w->b->id, step, index, &g.example, &g.class))
        return true;
    bf_fingerprint(g.example.text, g.print);
    key_of(&g, key);
    size_t at = (size_t)(uintptr_t)bf_smap_get(&w->by_key, key->data, key->len);
    if (at) {
        struct group *known = &w->groups.at[at - 1];
        known->last = index;
        known->count++;
        known->backing_off += g.backing_off;
        return true;
    }
    if (w->groups.n == PAGE_GROUPS)
        return false;
    bf_vec_push(&w->groups, g);
    bf_smap_put(&w->by_key, key->data, key->len, (void *)(uintptr_t)w->groups.n);
    return true;
}

static bool is_enough(const struct failures_walk *w)
{
    return w->seen >= PAGE_INSTANCES || (w->seen > 0 && w->seen % LOOK_EVERY == 0 && bf_boottime_us() >= w->until_us);
}

/* Instances [first, first + n) of a step; gives how many were walked. */
static uint32_t walk_step(struct failures_walk *w, uint32_t step, uint32_t first, uint32_t n, struct bf_buf *key)
{
    for (uint32_t k = 0; k < n; k++, w->seen++) {
        struct instance_view i;
        if (is_enough(w))
            return k;
        bool found = engine_instance(w->v->engine, w->b->id, step, first + k, &i);
        if (found && (i.state == INSTANCE_FAILED || is_again(&i)) && !take(w, step, first + k, &i, key))
            return k;
    }
    return n;
}

static uint64_t walk_picked(struct failures_walk *w, const struct plan_selection *picked, uint64_t offset)
{
    struct plan_selection_walk at = {0};
    struct bf_buf key = {0};
    uint64_t passed = 0, next = UINT64_MAX;
    while (next == UINT64_MAX && plan_selection_next(picked, &at)) {
        uint64_t skip = offset > passed ? offset - passed : 0;
        if (skip < at.range.n) {
            uint32_t n = at.range.n - (uint32_t)skip, walked = walk_step(w, at.step, at.range.first + (uint32_t)skip, n, &key);
            if (walked < n)
                next = passed + skip + walked;
        }
        passed += at.range.n;
    }
    bf_buf_free(&key);
    return next;
}

static json_t *group_row(const struct view_source *v, const struct backfill_view *b, const struct group *g)
{
    const struct plan_step *step = &b->plan->steps[g->step];
    const struct outcome *o = &g->example;
    char first[PLAN_KEY_MAX], last[PLAN_KEY_MAX];
    view_partition(step, g->first, first);
    view_partition(step, g->last, last);
    json_t *details = o->source == OUTCOME_SQL ? view_details(v, b->id, g->step, g->first, g->attempt) : NULL;
    json_t *j = json_object();
    json_object_set_new(j, "step", view_string(step->name));
    json_object_set_new(j, "class", view_string(failure_class_name(g->class)));
    json_object_set_new(j, "source", view_string(view_source_name(o->source)));
    json_object_set_new(j, "code", json_integer(o->code));
    json_object_set_new(j, "sqlstate", view_string(*o->sqlstate ? o->sqlstate : NULL));
    json_object_set_new(j, "dbms", view_string(*o->dbms ? o->dbms : NULL));
    json_object_set_new(j, "fingerprint", view_string(g->print));
    json_object_set_new(j, "count", json_integer((json_int_t)g->count));
    json_object_set_new(j, "backing_off", json_integer((json_int_t)g->backing_off));
    json_object_set_new(j, "first", view_string(first));
    json_object_set_new(j, "last", view_string(last));
    json_object_set_new(j, "attempt", view_string(view_attempt_id(g->attempt).text));
    json_object_set_new(j, "text", view_string(o->text));
    json_object_set_new(j, "sql", view_statement(details));
    json_object_set_new(j, "fix", view_string(remedy_of(o, engine_failure_unretried(v->engine, b->id, g->step, g->first))));
    json_decref(details);
    return j;
}

enum bf_rc view_failures(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    struct plan_selection picked;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc == BF_OK)
        rc = view_select(&b, req, &picked, err);
    if (rc != BF_OK)
        return rc;
    struct failures_walk w = {.v = v, .b = &b, .until_us = bf_boottime_us() + PAGE_US};
    uint64_t next = UINT64_MAX;
    if (b.count[INSTANCE_FAILED] + b.count[INSTANCE_BACKING_OFF] + b.count[INSTANCE_READY] > 0)
        next = walk_picked(&w, &picked, req->page_offset);
    json_t *rows = json_array();
    for (size_t i = 0; i < w.groups.n; i++)
        json_array_append_new(rows, group_row(v, &b, &w.groups.at[i]));
    plan_selection_done(&picked);
    bf_smap_free(&w.by_key);
    bf_vec_free(&w.groups);
    *ret = json_pack("{s:o, s:o}", "rows", rows, "next", next == UINT64_MAX ? json_null() : json_integer((json_int_t)next));
    return BF_OK;
}

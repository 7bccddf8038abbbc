/* Profiles as documents: what each version of a step usually takes.
 *
 * By plan and step, the version that was used last first.  A page ends early, and "next" is the row to go on at; null at the end. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/authority.h"
#include "coordinator/engine/view_profile.h"
#include "coordinator/views_parts.h"

enum { PAGE_ROWS = 400 };

struct rows { struct profile_view *at; size_t n, cap; };

static int by_name(const void *a, const void *b)
{
    const struct profile_view *x = a, *y = b;
    int c = strcmp(x->plan, y->plan);
    c = c ? c : strcmp(x->step, y->step);
    c = c ? c : (x->last_us < y->last_us) - (x->last_us > y->last_us);
    return c ? c : memcmp(x->hash, y->hash, 32);
}

static void collect(const struct view_source *v, const char *plan, const char *step, struct rows *ret)
{
    struct profile_view p;
    for (const struct profile *at = NULL; engine_next_profile(v->engine, &at, &p);) {
        if ((*plan && strcmp(p.plan, plan) != 0) || (*step && strcmp(p.step, step) != 0) || !authority_sees(v->who, p.plan))
            continue;
        if (ret->n == ret->cap) {
            ret->cap = ret->cap ? 2 * ret->cap : 64;
            ret->at = bf_xreallocarray(ret->at, ret->cap, sizeof *ret->at);
        }
        ret->at[ret->n++] = p;
    }
    if (ret->n > 0)
        qsort(ret->at, ret->n, sizeof *ret->at, by_name);
}

static json_t *quantiles(const struct bf_sketch *s)
{
    if (s->n == 0)
        return json_null();                      /* nobody measured it */
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "n", (json_int_t)s->n, "min", (json_int_t)s->min, "p50",
                     (json_int_t)bf_sketch_quantile(s, 500000), "p80", (json_int_t)bf_sketch_quantile(s, 800000), "p95",
                     (json_int_t)bf_sketch_quantile(s, 950000), "max", (json_int_t)s->max);
}

static json_t *row(const struct profile_view *p)
{
    json_t *j = json_object();
    json_object_set_new(j, "plan", view_string(p->plan));
    json_object_set_new(j, "step", view_string(p->step));
    json_object_set_new(j, "version", view_hash(p->hash));
    json_object_set_new(j, "attempts", json_integer((json_int_t)p->of[PROFILE_DURATION].n));
    json_object_set_new(j, "baseline", json_boolean(p->of[PROFILE_DURATION].n >= PROFILE_TRUSTED));
    for (enum profile_measure m = 0; m < PROFILE_MEASURES; m++)
        json_object_set_new(j, profile_measure_name(m), quantiles(&p->of[m]));
    json_object_set_new(j, "first_at", view_time(p->first_us));
    json_object_set_new(j, "last_at", view_time(p->last_us));
    json_object_set_new(j, "last_backfill", view_string(view_backfill_id(p->backfill).text));
    return j;
}

enum bf_rc view_profile(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct rows rows = {0};
    const char *step = req->n_selectors > 0 ? req->selectors[0] : "";
    collect(v, req->name, step, &rows);
    if (rows.n == 0 && *req->name)
        return bf_fail(err, BF_NOT_FOUND, "no attempt of %s%s%.128s has succeeded yet; `bfctl profile` lists those that have",
                       *step ? step : "a plan with the name", *step ? " of " : " ", req->name);
    json_t *list = json_array();
    uint64_t i = req->page_offset;
    for (; i < rows.n && json_array_size(list) < PAGE_ROWS; i++)
        json_array_append_new(list, row(&rows.at[i]));
    *ret = json_pack("{s:o, s:o}", "rows", list, "next", i < rows.n ? json_integer((json_int_t)i) : json_null());
    free(rows.at);
    return BF_OK;
}

/* Results of checks, and other details of attempts, from the store.
 *
 * A page walks the picked instances in the order of the plan until it is long enough or PAGE_US have passed, and says where to go on:
 * {"rows": […], "next": offset or null}.  The offset counts picked instances, so that a page begins without a walk over those before it.
 * Every attempt's document was written by an agent: what does not fit is left out, and nothing of it is taken on trust. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "coordinator/details.h"
#include "coordinator/views_parts.h"

#define PAGE_US 4000
#define PAGE_BYTES (256u << 10)                  /* and the attempts of one instance more */
#define ROW_BYTES 450                            /* of a row, beside what the check itself says */
#define ROWS_OF_ATTEMPT_MAX 200u

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static const char *const status_words[] = {"passed", "warned", "failed", "could_not_run"};

/* The word for a mark, and the mark for a word. */
static const char *status_of(uint8_t mark)
{
    for (size_t i = 0; i < sizeof status_words / sizeof *status_words; i++)
        if (mark == 1u << i)
            return status_words[i];
    return "";
}

static uint8_t mark_of(const char *status)
{
    for (size_t i = 0; i < sizeof status_words / sizeof *status_words; i++)
        if (strcmp(status, status_words[i]) == 0)
            return (uint8_t)(1u << i);
    return 0;
}

_Static_assert(DETAILS_PASSED == 1 && DETAILS_WARNED == 2 && DETAILS_FAILED == 4 && DETAILS_COULD_NOT_RUN == 8,
               "in the order of status_words");

json_t *view_details_document(const struct store_details *d)
{
    json_t *j = json_loadb(d->bytes, d->n, 0, NULL);
    if (!json_is_object(j)) {
        json_decref(j);
        return json_object();
    }
    return j;
}

/* ---- rows ---- */

struct checks_walk {
    const struct view_source *v;
    const struct backfill_view *b;
    uint8_t marks;                               /* of the status that is asked for; 0: all */
    uint64_t limit;
    size_t bytes;
    json_t *rows;
};

static json_t *row_begin(const struct checks_walk *w, const struct store_details *d)
{
    char partition[PLAN_KEY_MAX];
    const struct plan_step *step = &w->b->plan->steps[d->step];
    view_partition(step, d->index, partition);
    json_t *j = json_object();
    json_object_set_new(j, "step", view_string(step->name));
    json_object_set_new(j, "partition", view_string(partition));
    json_object_set_new(j, "run", json_integer(d->run));
    json_object_set_new(j, "attempt", view_string(view_attempt_id(d->attempt).text));
    json_object_set_new(j, "attempt_no", json_integer(d->attempt_no));
    json_object_set_new(j, "at", view_time(d->at_us));
    return j;
}

static void add_check(struct checks_walk *w, const struct store_details *d, const json_t *check, uint8_t mark)
{
    static const char *const texts[] = {"name", "kind", "severity", "dataset"}, *const others[] = {"sql", "figures", "offending", "ms",
                                                                                                   "sample"};
    json_t *j = row_begin(w, d);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        json_object_set_new(j, texts[i], view_string(text_of(check, texts[i])));
    json_object_set_new(j, "status", view_string(status_of(mark)));
    json_object_set_new(j, "text", view_string(text_of(check, "text")));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        json_t *value = json_object_get(check, others[i]);
        if (value)
            json_object_set(j, others[i], value);
    }
    json_array_append_new(w->rows, j);
}

/* What was not kept shows as a row of its own. */
static void add_dropped(struct checks_walk *w, const struct store_details *d, const char *text)
{
    json_t *j = row_begin(w, d);
    json_object_set_new(j, "status", view_string("not_kept"));
    json_object_set_new(j, "text", view_string(text));
    json_array_append_new(w->rows, j);
}

static bool checks_of(void *arg, const struct store_details *d)
{
    struct checks_walk *w = arg;
    size_t i, before = json_array_size(w->rows), seen = 0;
    json_t *check, *document;
    if (d->step >= w->b->plan->n_steps || d->index >= w->b->plan->steps[d->step].partitions->n)
        return true;                             /* cannot be: the key was made from the plan */
    document = view_details_document(d);
    if (!w->marks && json_object_get(document, "dropped"))
        add_dropped(w, d, text_of(document, "dropped"));
    json_array_foreach(json_object_get(document, "checks"), i, check) {
        uint8_t mark = details_check_mark(text_of(check, "status"), text_of(check, "severity"));
        if (mark && (!w->marks || (mark & w->marks)) && seen++ < ROWS_OF_ATTEMPT_MAX)
            add_check(w, d, check, mark);
    }
    json_decref(document);
    w->bytes += d->n + (json_array_size(w->rows) - before) * ROW_BYTES;
    return w->bytes < PAGE_BYTES && json_array_size(w->rows) < w->limit;
}

static bool is_full(const struct checks_walk *w, int64_t until_us)
{
    return w->bytes >= PAGE_BYTES || json_array_size(w->rows) >= w->limit || bf_boottime_us() >= until_us;
}

/* The picked instances from offset on: at least one, whatever the time.  *ret_next: those that are passed afterwards, UINT64_MAX when
 * that is all. */
static enum bf_rc walk_picked(struct checks_walk *w, const struct plan_selection *picked, uint64_t offset, bool newest, uint64_t *ret_next,
                              struct bf_error *err)
{
    struct plan_selection_walk at = {0};
    int64_t until_us = bf_boottime_us() + PAGE_US;
    uint64_t passed = 0;
    bool moved = false;
    *ret_next = UINT64_MAX;
    while (plan_selection_next(picked, &at)) {
        uint64_t skip = offset > passed ? offset - passed : 0, before = passed;
        passed += at.range.n;
        if (skip >= at.range.n)
            continue;
        if (moved && is_full(w, until_us)) {
            *ret_next = before + skip;
            return BF_OK;
        }
        const struct store_details_range r = {.backfill = w->b->id, .step = at.step, .first = at.range.first + (uint32_t)skip,
                                              .n = at.range.n - (uint32_t)skip, .newest = newest,
                                              .marks = w->marks ? w->marks : (uint8_t)(15 | DETAILS_DROPPED)};
        uint32_t next = 0;
        moved = true;
        enum bf_rc rc = store_walk_details(w->v->store, &r, until_us, checks_of, w, &next, err);
        if (rc != BF_OK)
            return rc;
        if (next < r.first + r.n) {
            *ret_next = before + (next - at.range.first);
            return BF_OK;
        }
    }
    return BF_OK;
}

enum bf_rc view_checks(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    struct plan_selection picked;
    struct checks_walk w = {.v = v, .b = &b, .marks = mark_of(req->state), .limit = view_page_limit(req)};
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc != BF_OK)
        return rc;
    if (*req->state && !w.marks)
        return bf_fail(err, BF_INVALID, "unknown status \"%s\" of a check; known are failed, warned, passed and could_not_run", req->state);
    if (!v->store)
        return bf_fail(err, BF_UNSUPPORTED, "no results of checks are kept here");
    rc = view_select(&b, req, &picked, err);
    if (rc != BF_OK)
        return rc;
    uint64_t next = UINT64_MAX;
    w.rows = json_array();
    rc = walk_picked(&w, &picked, req->page_offset, req->attempt != OP_ALL_ATTEMPTS, &next, err);
    plan_selection_done(&picked);
    if (rc != BF_OK) {
        json_decref(w.rows);
        return rc;
    }
    *ret = json_pack("{s:o, s:o}", "rows", w.rows, "next", next == UINT64_MAX ? json_null() : json_integer((json_int_t)next));
    return BF_OK;
}

/* ---- of one attempt ---- */

struct one { uint64_t attempt; json_t *document; };

static bool take_one(void *arg, const struct store_details *d)
{
    struct one *one = arg;
    if (d->attempt == one->attempt)
        one->document = view_details_document(d);
    return true;
}

json_t *view_details(const struct view_source *v, uint32_t backfill, uint32_t step, uint32_t index, uint64_t attempt)
{
    const struct store_details_range r = {.backfill = backfill, .step = step, .first = index, .n = 1};
    struct one one = {.attempt = attempt};
    struct bf_error err = {0};
    uint32_t next;
    if (v->store && attempt && store_walk_details(v->store, &r, INT64_MAX, take_one, &one, &next, &err) != BF_OK) {
        json_decref(one.document);
        return NULL;
    }
    return one.document;
}

json_t *view_failed_checks(const json_t *document)
{
    json_t *list = json_array(), *check;
    size_t i;
    json_array_foreach(json_object_get(document, "checks"), i, check) {
        uint8_t mark = details_check_mark(text_of(check, "status"), text_of(check, "severity"));
        if ((mark & (DETAILS_FAILED | DETAILS_WARNED | DETAILS_COULD_NOT_RUN)) && json_array_size(list) < VIEW_CHECKS_MAX)
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "name", text_of(check, "name"), "severity",
                                                  text_of(check, "severity"),
                                                  "status", status_of(mark), "text", text_of(check, "text")));
    }
    return list;
}

json_t *view_statement(const json_t *document)
{
    json_t *sql = json_object_get(document, "sql");
    return json_is_object(sql) ? json_incref(sql) : json_null();
}

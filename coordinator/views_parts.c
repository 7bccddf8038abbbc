/* Parts that documents share: names, times, counts, failures, and finding what a request names.
 *
 * One name for one thing: an id, a partition or a state is written here and nowhere else, so that every document says the same.
 * A name that is not found is refused with what there is instead. */
#include "coordinator/views_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/authority.h"

struct view_id view_backfill_id(uint32_t id)
{
    struct view_id ret;
    snprintf(ret.text, sizeof ret.text, "bf-%" PRIu32, id);
    return ret;
}

bool view_other_backfill(const struct view_source *v, uint32_t id, struct view_id *ret)
{
    struct backfill_view b;
    bool seen = engine_backfill(v->engine, id, &b) && authority_sees(v->who, b.plan->name);
    *ret = seen ? view_backfill_id(id) : (struct view_id){"another backfill"};
    return seen;
}

struct view_id view_attempt_id(uint64_t attempt)
{
    struct view_id ret;
    snprintf(ret.text, sizeof ret.text, "a-%" PRIu64, attempt);
    return ret;
}

const char *view_refusal(const struct view_source *v, const struct agent_view *a)
{
    return v->refused ? v->refused(v->refused_arg, a) : NULL;
}

json_t *view_time(int64_t us)
{
    char text[BF_TIME_MAX];
    if (us == 0)
        return json_null();
    bf_format_time(us, text);
    return json_string(text);
}

json_t *view_engine_time(const struct view_source *v, int64_t engine_ms)
{
    if (engine_ms < 0 || engine_ms == INT64_MAX || v->zero_us == 0)
        return json_null();
    return view_time(v->zero_us + engine_ms * 1000);
}

void view_engine_words(const struct view_source *v, int64_t engine_ms, char ret[BF_TIME_MAX])
{
    if (v->zero_us == 0)
        strcpy(ret, "a time not known");
    else
        bf_format_time(v->zero_us + engine_ms * 1000, ret);
}

void view_moment(int64_t us, char ret[BF_TIME_MAX])
{
    bf_format_time(us, ret);
    char *fraction = strchr(ret, '.');
    if (fraction)
        strcpy(fraction, "Z");
}

void view_cut(const char *text, char *ret, size_t size)
{
    static const char dots[] = "…";
    size_t n = strlen(text);
    bool whole = n < size;
    int keep = (int)(whole ? n : bf_utf8_cut(text, size - sizeof dots));
    snprintf(ret, size, "%.*s%s", keep, text, whole ? "" : dots);
}

json_t *view_string(const char *s)
{
    json_t *j = s ? json_string(s) : json_null();
    return j ? j : json_string("?");             /* not UTF-8: cannot be, the codecs check */
}

json_t *view_hash(const uint8_t hash[PLAN_HASH_BYTES])
{
    char hex[2 * PLAN_HASH_BYTES + 1];
    bf_hex(hash, PLAN_HASH_BYTES, hex);
    return view_string(hex);
}

void view_partition(const struct plan_step *step, uint32_t index, char ret[PLAN_KEY_MAX])
{
    plan_partition_key(step->partitions, index, ret);
}

void view_instance_name(const struct plan_step *step, uint32_t index, char *ret, size_t ret_size)
{
    char partition[PLAN_KEY_MAX];
    view_partition(step, index, partition);
    if (partition[0])
        snprintf(ret, ret_size, "%s[%s]", step->name, partition);
    else
        snprintf(ret, ret_size, "%s", step->name);
}

const char *view_state_name(const struct instance_view *i)
{
    return i->state == INSTANCE_WAITING && i->upstream_failed ? "upstream_failed" : instance_state_name(i->state);
}

json_t *view_counts(const struct backfill_view *b)
{
    json_t *counts = json_object();
    uint64_t total = 0;
    for (int s = INSTANCE_WAITING; s < INSTANCE_STATE_COUNT; s++)
        total += b->count[s];
    json_object_set_new(counts, "total", json_integer((json_int_t)total));
    for (int s = INSTANCE_WAITING; s < INSTANCE_STATE_COUNT; s++) {
        uint64_t n = b->count[s];
        if (s == INSTANCE_WAITING)
            n -= b->upstream_failed < n ? b->upstream_failed : n;
        json_object_set_new(counts, instance_state_name((enum instance_state)s), json_integer((json_int_t)n));
    }
    json_object_set_new(counts, "upstream_failed", json_integer((json_int_t)b->upstream_failed));
    json_object_set_new(counts, "held", json_integer((json_int_t)b->held));      /* these two are in a state beside */
    json_object_set_new(counts, "stale", json_integer((json_int_t)b->stale));
    return counts;
}

const char *view_halted_by_word(enum halted_by by)
{
    switch (by) {
    case NOT_HALTED: return NULL;
    case HALTED_BY_CHECK: return "check";
    case HALTED_BY_TIMEBOX: return "timebox";
    case HALTED_BY_MISSING: return "missing";
    }
    return NULL;
}

void view_halt(const struct backfill_view *b, json_t *j)
{
    json_object_set_new(j, "halted", view_string(b->halted));
    json_object_set_new(j, "halted_by", view_string(view_halted_by_word(b->halted_by)));
}

const char *view_source_name(enum outcome_source s)
{
    switch (s) {
    case OUTCOME_OK: return "ok";
    case OUTCOME_SKIP: return "skip";
    case OUTCOME_EXIT: return "exit";
    case OUTCOME_SIGNAL: return "signal";
    case OUTCOME_OOM: return "out_of_memory";
    case OUTCOME_TIMEOUT: return "timeout";
    case OUTCOME_SQL: return "sql";
    case OUTCOME_SPAWN: return "spawn";
    case OUTCOME_CANCELLED: return "cancelled";
    case OUTCOME_FENCED: return "fenced";
    case OUTCOME_LOST: return "lost";
    case OUTCOME_CHECK: return "check";
    case OUTCOME_HTTP: return "http";
    case OUTCOME_NOT_YET: return "not_yet";
    case OUTCOME_REVOKED: return "revoked";
    }
    return "unknown";
}

const char *view_session_name(uint8_t session)
{
    switch ((enum session_end)session) {
    case SESSION_CLOSED: return NULL;
    case SESSION_ENDED: return "ended";
    case SESSION_ASSUMED_GONE: return "assumed_gone";
    }
    return NULL;
}

json_t *view_failure(const struct view_source *v, uint32_t backfill, uint32_t step, uint32_t index, size_t *text_left_bytes)
{
    struct outcome o;
    enum failure_class class;
    if (!engine_failure(v->engine, backfill, step, index, &o, &class) || class == FAILURE_NONE)
        return json_null();                      /* a step that skipped itself said why, and did not fail */
    json_t *j = json_object();
    json_object_set_new(j, "class", view_string(failure_class_name(class)));
    json_object_set_new(j, "source", view_string(view_source_name(o.source)));
    json_object_set_new(j, "code", json_integer(o.code));
    json_object_set_new(j, "session", view_string(view_session_name(o.usage.session)));
    size_t n = strlen(o.text) * 6;               /* the most that escapes can make of it */
    bool fits = n <= *text_left_bytes;
    json_object_set_new(j, "text", view_string(fits ? o.text : "(left out: ask for a smaller page)"));
    *text_left_bytes -= fits ? n : 0;
    return j;
}

enum bf_rc view_find_backfill(const struct view_source *v, const struct op_request *req, struct backfill_view *ret, struct bf_error *err)
{
    uint32_t id = req->backfill == OP_LATEST ? engine_latest_of_work(v->engine) : req->backfill;
    if (id == 0)
        return bf_fail(err, BF_NOT_FOUND, "there is no backfill yet; bfctl backfill create PLAN makes one");
    if (!engine_backfill(v->engine, id, ret))
        return bf_fail(err, BF_NOT_FOUND, "there is no backfill bf-%" PRIu32 "; bfctl backfill list shows those that are known", id);
    return BF_OK;
}

enum bf_rc view_select(const struct backfill_view *b, const struct op_request *req, struct plan_selection *ret, struct bf_error *err)
{
    return plan_select(b->plan, req->selectors, req->n_selectors, ret, err);
}

/* "load[2024-01-01], load[2024-01-02], …" */
static void first_few(const struct plan_selection *s, char *ret, size_t size)
{
    struct plan_selection_walk w = {0};
    size_t used = 0;
    ret[0] = '\0';
    for (int left = VIEW_PICKED_SHOWN; left > 0 && plan_selection_next(s, &w);)
        for (uint32_t k = 0; k < w.range.n && left > 0; k++, left--) {
            char name[VIEW_NAME_MAX];
            view_instance_name(&s->plan->steps[w.step], w.range.first + k, name, sizeof name);
            int n = snprintf(ret + used, size - used, "%s%s", used ? ", " : "", name);
            used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
        }
}

enum bf_rc view_find_instance(const struct backfill_view *b, const struct op_request *req, uint32_t *ret_step,
                              uint32_t *ret_index, struct bf_error *err)
{
    struct plan_selection s;
    struct plan_selection_walk w = {0};
    enum bf_rc rc = view_select(b, req, &s, err);
    if (rc != BF_OK)
        return rc;
    uint64_t n = plan_selection_count(&s);
    if (n == 1 && plan_selection_next(&s, &w)) {
        *ret_step = w.step;
        *ret_index = w.range.first;
    } else if (n == 0) {
        rc = bf_fail(err, BF_NOT_FOUND, "no step instance of bf-%" PRIu32 " is picked; one is needed", b->id);
    } else {
        char few[VIEW_PICKED_SHOWN * VIEW_NAME_MAX];
        first_few(&s, few, sizeof few);
        rc = bf_fail(err, BF_INVALID, "%" PRIu64 " step instances are picked, and one is needed: %s%s", n, few, n > VIEW_PICKED_SHOWN
                     ? ", …" : "");
    }
    plan_selection_done(&s);
    return rc;
}

uint64_t view_page_limit(const struct op_request *req)
{
    return req->page_limit == 0 || req->page_limit > OP_PAGE_MAX ? OP_PAGE_MAX : req->page_limit;
}

static int append(const char *p, size_t n, void *arg)
{
    bf_buf_put(arg, p, n);
    return 0;
}

void view_write(json_t *j, struct bf_buf *ret)
{
    json_dump_callback(j, append, ret, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(j);
}

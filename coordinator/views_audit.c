/* The audit trail, page by page.
 *
 * A page walks the table from an index, forwards or backwards, until it is long enough or PAGE_US have passed, and says where to go
 * on.  Each row has the text as it is stored, and its hashes: whoever asks can verify, and need not believe.  What a filter leaves out
 * is judged by the text, but for the time, which the store keeps beside it. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "coordinator/views_parts.h"

#define PAGE_US 4000
/* Backwards, a walk ends where records are older than what is asked for by this much: clocks are set back, but not by days. */
#define CLOCK_BACK_US (86400ll * 1000000)

struct audit_walk {
    const struct op_request *req;
    char backfill[24];                           /* "" : all */
    json_t *rows;
    uint64_t limit;
    size_t bytes;
    bool over;                                   /* nothing that is wanted comes any more */
};

/* Is value one of the words between commas? */
static bool is_one_of(const char *value, const char *words)
{
    size_t n = strlen(value);
    for (const char *w = words; *w;) {
        size_t len = strcspn(w, ",");
        if (len == n && memcmp(w, value, n) == 0)
            return true;
        w += len + (w[len] == ',');
    }
    return false;
}

static const char *field(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

static bool is_wanted(const struct audit_walk *w, const struct store_audit *a)
{
    const struct op_request *q = w->req;
    if ((q->since_us && a->at_us < q->since_us) || (q->until_us && a->at_us >= q->until_us))
        return false;
    if (!*q->who && !*q->what && !*w->backfill)
        return true;
    /* Reals: a token that a lying agent claims may be past INT64_MAX, and its record is not to be passed over. */
    json_t *j = json_loadb(a->entry.text, a->entry.n, JSON_DECODE_INT_AS_REAL, NULL);
    bool wanted = j && (!*q->who || strcmp(field(j, "who"), q->who) == 0) && (!*q->what || is_one_of(field(j, "what"), q->what)) &&
                  (!*w->backfill || strcmp(field(j, "backfill"), w->backfill) == 0);
    json_decref(j);
    return wanted;
}

static json_t *hash_text(const uint8_t hash[AUDIT_HASH_BYTES])
{
    char hex[2 * AUDIT_HASH_BYTES + 1];
    bf_hex(hash, AUDIT_HASH_BYTES, hex);
    return json_string(hex);
}

static bool take(void *arg, const struct store_audit *a)
{
    struct audit_walk *w = arg;
    const struct op_request *q = w->req;
    w->over = q->backward ? q->since_us && a->at_us + CLOCK_BACK_US < q->since_us : false;
    if (w->over)
        return false;
    if (!is_wanted(w, a))
        return true;
    json_t *text = json_stringn(a->entry.text, a->entry.n);      /* NULL: damaged, no text any more */
    json_array_append_new(w->rows, json_pack("{s:I, s:o, s:o, s:o, s:b}", "index", (json_int_t)a->entry.index, "prev",
                                             hash_text(a->entry.prev),
                                             "hash", hash_text(a->entry.hash), "text", text ? text : json_string(""), "damaged",
                                             a->damaged || !text));
    w->bytes += 2 * a->entry.n + 260;
    return w->bytes < VIEW_BYTES_MAX / 2 && json_array_size(w->rows) < w->limit;
}

static json_t *head_json(const struct audit_head *h)
{
    return json_pack("{s:I, s:o}", "index", (json_int_t)h->index, "hash", hash_text(h->hash));
}

enum bf_rc view_audit(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct audit_walk w = {.req = req, .limit = view_page_limit(req)};
    struct store_audit_ends ends;
    uint64_t next = 0;
    if (!v->store)
        return bf_fail(err, BF_UNSUPPORTED, "no audit trail is kept here");
    if (req->backfill != OP_LATEST)
        snprintf(w.backfill, sizeof w.backfill, "%s", view_backfill_id(req->backfill).text);
    w.rows = json_array();
    store_audit_ends(v->store, &ends);
    enum bf_rc rc = store_walk_audit(v->store, req->page_offset, req->backward, bf_boottime_us() + PAGE_US, take, &w, &next, err);
    if (rc != BF_OK) {
        json_decref(w.rows);
        return rc;
    }
    *ret = json_pack("{s:s, s:o, s:o, s:o, s:o}", "cluster", v->cluster, "head", head_json(&ends.head), "anchor", head_json(&ends.anchor),
                     "rows", w.rows, "next", next && !w.over ? json_integer((json_int_t)next) : json_null());
    return BF_OK;
}

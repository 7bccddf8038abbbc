/* The log of one attempt, page by page. */
#include <inttypes.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/logs/log_store.h"
#include "coordinator/views_parts.h"

/* Bytes that are no UTF-8 become U+FFFD, so that the document is JSON whatever a step writes. */
static void append_text(struct bf_buf *b, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t len = p[i] < 0x80 ? 1 : p[i] < 0xe0 ? 2 : p[i] < 0xf0 ? 3 : 4;
        if (p[i] != 0 && len <= n - i && bf_utf8_valid(p + i, len)) {
            bf_buf_put(b, p + i, len);
            i += len;
        } else {
            bf_buf_put_str(b, "\xef\xbf\xbd");
            i++;
        }
    }
}

/* What text grows to in JSON. */
static size_t escaped_bytes(const uint8_t *p, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += p[i] >= 0x20 && p[i] < 0x80 ? 1u + (p[i] == '"' || p[i] == '\\' || p[i] == '/') : 6u;
    return bytes;
}

enum { STREAM_AGENT = 3 };                       /* the agent's own remarks */

static const char *stream_name(uint8_t stream)
{
    return stream == 1 ? "stdout" : stream == 2 ? "stderr" : "agent";
}

struct page { json_t *chunks; size_t bytes; struct bf_buf text; };

static bool page_add(void *arg, const struct log_piece *piece)
{
    struct page *page = arg;
    size_t bytes = escaped_bytes(piece->bytes, piece->n) + 120;
    if (page->bytes && page->bytes + bytes > VIEW_BYTES_MAX)
        return false;
    page->bytes += bytes;
    if (piece->n == 0)
        return true;
    bf_buf_clear(&page->text);
    append_text(&page->text, piece->bytes, piece->n);
    json_array_append_new(page->chunks, json_pack("{s:o, s:s, s:o}", "at", view_time(piece->at_us), "stream", stream_name(piece->stream),
                                                  "text", view_string(bf_buf_cstr(&page->text))));
    return true;
}

/* The agent that the attempt was granted to, when the engine still knows: only its lines are shown. */
static const uint8_t *sender_key(const struct view_source *v, uint64_t attempt, const struct instance_view *i)
{
    struct attempt_view open;
    struct agent_view agent;
    uint32_t id = engine_find_attempt(v->engine, attempt, &open) ? open.agent : attempt == i->attempt ? i->agent : 0;
    return id && engine_agent(v->engine, id, &agent) ? agent.key : NULL;
}

/* The attempt is a number that anybody can write: what the key may see was asked of the backfill, so only what ran this instance is
 * read.  Logs of older versions do not say what they are of: who sees every plan may read them, a key with scopes may not. */
static bool attempt_is_of(const struct view_source *v, uint64_t attempt, const struct backfill_view *b, uint32_t step, uint32_t index)
{
    struct attempt_view open;
    struct log_name name;
    if (engine_find_attempt(v->engine, attempt, &open))
        name = (struct log_name){.backfill = open.backfill, .step = open.step, .index = open.index, .n = open.n};
    else if (!log_store_name(v->logs, attempt, &name))
        return !v->who || v->who->n_plans == 0;
    return name.backfill == b->id && name.step == step && index >= name.index && index - name.index < name.n;
}

enum bf_rc view_logs(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    struct instance_view i = {0};
    uint32_t step, index;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc == BF_OK)
        rc = view_find_instance(&b, req, &step, &index, err);
    if (rc != BF_OK)
        return rc;
    char name[160];
    view_instance_name(&b.plan->steps[step], index, name, sizeof name);
    uint64_t attempt = req->attempt;
    bool there = engine_instance(v->engine, b.id, step, index, &i);
    if (there && !attempt && !i.attempt && i.reused_from)
        return bf_fail(err, BF_NOT_FOUND, "%s was not run here but in bf-%" PRIu32 ": bfctl logs bf-%" PRIu32 " '%s'", name, i.reused_from,
                       i.reused_from, name);
    if (!there || (!attempt && !i.attempt))
        return bf_fail(err, BF_NOT_FOUND, "%s has not run yet: there is no attempt with a log", name);
    if (!attempt)
        attempt = i.attempt;
    if (!v->logs)
        return bf_fail(err, BF_UNSUPPORTED, "no logs are kept here");
    if (attempt != i.attempt && !attempt_is_of(v, attempt, &b, step, index))
        return bf_fail(err, BF_NOT_FOUND, "%s is no attempt of %s in %s, or nothing is kept that says so; bfctl logs %s '%s' "
                       "--all-attempts shows those there are", view_attempt_id(attempt).text, name, view_backfill_id(b.id).text,
                       view_backfill_id(b.id).text, name);
    bool open = engine_find_attempt(v->engine, attempt, &(struct attempt_view){0});
    size_t limit = req->page_limit == 0 || req->page_limit > OP_LOG_PAGE_BYTES ? OP_LOG_PAGE_BYTES : req->page_limit;
    struct page page = {.chunks = json_array()};
    struct log_end end = {.next = req->page_offset, .end = !open};
    rc = log_store_read(v->logs, attempt, sender_key(v, attempt, &i), req->page_offset, limit, page_add, &page, &end, err);
    bf_buf_free(&page.text);
    if (rc != BF_OK && rc != BF_NOT_FOUND) {
        json_decref(page.chunks);
        return rc;
    }
    *ret = json_pack("{s:s, s:I, s:I, s:b, s:o, s:I}", "attempt", view_attempt_id(attempt).text, "offset", (json_int_t)req->page_offset,
                     "next", (json_int_t)end.next, "end", end.end ? 1 : 0, "chunks", page.chunks, "cut_bytes", (json_int_t)end.cut_bytes);
    return BF_OK;
}

/* ---- the last line ---- */

#define TAIL_BYTES 4096u

static bool tail_add(void *arg, const struct log_piece *piece)
{
    if (piece->stream != STREAM_AGENT)
        bf_buf_put(arg, piece->bytes, piece->n);
    return true;
}

void view_last_line(const struct view_source *v, const struct instance_view *i, char ret[VIEW_LINE_MAX])
{
    struct bf_buf raw = {0}, text = {0};
    struct log_end end;
    struct bf_error err;
    const uint8_t *key = sender_key(v, i->attempt, i);
    uint64_t bytes = v->logs && i->attempt ? log_store_end(v->logs, i->attempt, key) : 0;
    ret[0] = '\0';
    uint64_t from = bytes > TAIL_BYTES ? bytes - TAIL_BYTES : 0;
    if (bytes && log_store_read(v->logs, i->attempt, key, from, TAIL_BYTES, tail_add, &raw, &end, &err) == BF_OK) {
        while (raw.len && (raw.data[raw.len - 1] == '\n' || raw.data[raw.len - 1] == '\r' || raw.data[raw.len - 1] == ' '))
            raw.len--;
        size_t at = raw.len, most = (VIEW_LINE_MAX - 1) / 3;         /* a byte that is no text becomes three */
        while (at > 0 && raw.data[at - 1] != '\n')
            at--;
        append_text(&text, raw.data + at, bf_bytes_cut(raw.data + at, raw.len - at, most));
        memcpy(ret, bf_buf_cstr(&text), text.len + 1);
    }
    bf_buf_free(&raw);
    bf_buf_free(&text);
}

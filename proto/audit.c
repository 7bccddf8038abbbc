/* Texts of audit records, the chain, and its check.  One place for all, so that what the coordinator writes and what bfctl verifies
 * cannot drift apart; that both are right is shown by a test that hashes with another library. */
#include "proto/audit.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/rc.h"
#include "common/text.h"

/* ---- text ---- */

static const char *kind_name(enum audit_kind k)
{
    switch (k) {
    case AUDIT_REQUEST: return "request";
    case AUDIT_DENIED: return "denied";
    case AUDIT_DECISION: return "decision";
    case AUDIT_SERVICE: return "service";
    }
    return "unknown";
}

static void put_name(struct bf_buf *b, const char *name)
{
    bf_buf_put_str(b, ",\"");
    bf_buf_put_str(b, name);
    bf_buf_put_str(b, "\":");
}

static void put_text(struct bf_buf *b, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    put_name(b, name);
    bf_buf_put_json(b, value);
}

/* An object as it is; what is none is kept as a string, so that the record stays JSON whatever it was given. */
static void put_object(struct bf_buf *b, const char *name, const char *value)
{
    size_t n = value ? strlen(value) : 0;
    if (n < 2 || value[0] != '{' || value[n - 1] != '}' || strchr(value, '\n')) {
        put_text(b, name, value);
        return;
    }
    put_name(b, name);
    bf_buf_put(b, value, n);
}

static bool is_set(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return true;
    return false;
}

void audit_text(const struct record *r, struct bf_buf *ret)
{
    const struct record_rare *rare = record_rare(r);
    char at[BF_TIME_MAX], key[KEY_TEXT], request[2 * OP_REQUEST_ID_BYTES + 1];
    bf_format_time(r->at_us, at);
    bf_buf_printf(ret, "{\"at\":\"%s\",\"kind\":\"%s\"", at, kind_name(rare->audit));
    put_text(ret, "who", rare->actor);
    put_text(ret, "role", rare->role);
    if (is_set(rare->key, sizeof rare->key)) {
        key_format(rare->key, key);
        put_text(ret, "key", key);
    }
    put_text(ret, "what", rare->what);
    put_text(ret, "target", rare->target);
    if (r->backfill)
        bf_buf_printf(ret, ",\"backfill\":\"bf-%" PRIu32 "\"", r->backfill);
    if (r->ref.attempt)
        bf_buf_printf(ret, ",\"attempt\":\"a-%" PRIu64 "\",\"token\":%" PRIu64, r->ref.attempt, r->ref.token);
    if (is_set(rare->request_id, sizeof rare->request_id)) {
        bf_hex(rare->request_id, sizeof rare->request_id, request);
        put_text(ret, "request", request);
    }
    put_text(ret, "reason", rare->reason);
    put_text(ret, "result", bf_rc_name(rare->rc));
    put_text(ret, "text", rare->text);
    put_object(ret, "before", rare->before);
    put_object(ret, "after", rare->after);
    if (r->n)
        bf_buf_printf(ret, ",\"left_out\":%" PRIu32, r->n);
    bf_buf_put_str(ret, "}");
}

/* ---- chain ---- */

struct audit_head audit_genesis(const uint8_t cluster[AUDIT_CLUSTER_BYTES])
{
    struct audit_head h = {0};
    crypto_generichash(h.hash, sizeof h.hash, cluster, AUDIT_CLUSTER_BYTES, NULL, 0);
    return h;
}

struct audit_head audit_next(const struct audit_head *head, const void *text, size_t n)
{
    struct audit_head next = {.index = head->index + 1};
    crypto_generichash_state state;
    char index[24];
    int len = snprintf(index, sizeof index, "%" PRIu64 " ", next.index);
    crypto_generichash_init(&state, NULL, 0, sizeof next.hash);
    crypto_generichash_update(&state, head->hash, sizeof head->hash);
    crypto_generichash_update(&state, (const unsigned char *)index, (unsigned long long)len);
    crypto_generichash_update(&state, text, n);
    crypto_generichash_final(&state, next.hash, sizeof next.hash);
    return next;
}

/* ---- checking ---- */

static void tell(struct audit_check *c, const char *fmt, ...) BF_PRINTF(2, 3);
static void tell(struct audit_check *c, const char *fmt, ...)
{
    char text[320];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->problems++;
    c->told(c->arg, text);
}

static bool same(const uint8_t a[AUDIT_HASH_BYTES], const uint8_t b[AUDIT_HASH_BYTES])
{
    return memcmp(a, b, AUDIT_HASH_BYTES) == 0;
}

/* What it holds, and whether it is the one that is looked for. */
static void check_own(struct audit_check *c, const struct audit_entry *e)
{
    struct audit_head before = {.index = e->index - 1};
    memcpy(before.hash, e->prev, sizeof before.hash);
    struct audit_head real = audit_next(&before, e->text, e->n);
    if (!same(real.hash, e->hash))
        tell(c, "record %" PRIu64 " was changed: its hash does not fit", e->index);
    if (c->expected && e->index == c->expect.index) {
        c->met = true;
        if (!same(e->hash, c->expect.hash))
            tell(c, "record %" PRIu64 " has another hash than the one that was kept: the trail was written anew", e->index);
    }
    c->at.index = e->index;
    memcpy(c->at.hash, e->hash, sizeof c->at.hash);
    c->seen++;
}

void audit_check_first(struct audit_check *c, const struct audit_entry *e, const struct audit_head *start)
{
    c->first = e->index;
    if (start && e->index > start->index + 1)
        tell(c,
             "records %" PRIu64 " to %" PRIu64 " are missing: the trail begins at %" PRIu64 ", and nothing "
                                                                                            "says that older ones were let go",
             start->index + 1, e->index - 1, e->index);
    else if (start && !same(e->prev, start->hash))
        tell(c, start->index ? "record %" PRIu64 " is not chained to the anchor before it"
                             : "record %" PRIu64 " is not chained to the beginning of this cluster's trail: it is of another cluster",
                             e->index);
    if (start && start->index && e->index <= start->index)
        tell(c, "record %" PRIu64 " stands before the anchor %" PRIu64, e->index, start->index);
    check_own(c, e);
}

void audit_check_next(struct audit_check *c, const struct audit_entry *e)
{
    uint64_t last = c->at.index;
    if (e->index <= last)
        tell(c, "record %" PRIu64 " stands behind record %" PRIu64 ": the order was changed", e->index, last);
    else if (e->index == last + 2)
        tell(c, "record %" PRIu64 " is missing between %" PRIu64 " and %" PRIu64, last + 1, last, e->index);
    else if (e->index > last + 2)
        tell(c, "records %" PRIu64 " to %" PRIu64 " are missing between %" PRIu64 " and %" PRIu64, last + 1, e->index - 1, last, e->index);
    else if (!same(e->prev, c->at.hash))
        tell(c, "record %" PRIu64 " is not chained to record %" PRIu64 " as it stands: one of them was written anew", e->index, last);
    check_own(c, e);
}

void audit_check_tell(struct audit_check *c, uint64_t index, const char *words)
{
    tell(c, "record %" PRIu64 " %s", index, words);
}

void audit_check_end(struct audit_check *c, const struct audit_head *head)
{
    if (head && head->index > c->at.index)
        tell(c, "the trail ends at record %" PRIu64 ", and its head says %" PRIu64 ": the tail was cut", c->at.index, head->index);
    else if (head && head->index < c->at.index)
        tell(c, "the trail ends at record %" PRIu64 ", behind its head at %" PRIu64, c->at.index, head->index);
    else if (head && head->index && !same(head->hash, c->at.hash))
        tell(c, "the head of the trail has another hash than record %" PRIu64, head->index);
    if (c->expected && !c->met && c->expect.index > c->at.index)
        tell(c, "the trail ends at record %" PRIu64 ", and record %" PRIu64 " is expected: the tail was cut", c->at.index, c->expect.index);
    else if (c->expected && !c->met && c->expect.index < c->first)
        tell(c, "record %" PRIu64 ", which is expected, is older than the first of this trail, %" PRIu64, c->expect.index, c->first);
    else if (c->expected && !c->met)
        tell(c, "record %" PRIu64 ", which is expected, is not there", c->expect.index);
}

/* A record in words: its kind, and each field that says something, by the name that proto/record.h gives it.
 *
 * One table of fields serves showing and comparing.  Of a list it has how many there are.  Not in it: what is in the lists, how much an
 * attempt used, and most of a HELLO; records that differ only there are said to differ in a part that is not shown. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "coordinator/engine/view.h"
#include "coordinator/replay/replay.h"

static const char *verdict_word(uint32_t v)
{
    static const char *const words[] = {NULL, "succeeded", "skipped", "failed", "retry", "requeue", "cancelled"};
    return v < sizeof words / sizeof *words ? words[v] : NULL;
}

static const char *class_word(uint32_t v)
{
    return v <= FAILURE_LOST ? failure_class_name((enum failure_class)v) : NULL;
}

static const char *backfill_word(uint32_t v)
{
    return v <= BACKFILL_CANCELLED ? backfill_state_name((enum backfill_state)v) : NULL;
}

static const char *agent_word(uint32_t v)
{
    return v <= AGENT_LEFT ? agent_state_name((enum agent_state)v) : NULL;
}

static const char *role_word(uint32_t v)
{
    return v <= KEY_ENROL ? key_role_name((enum key_role)v) : NULL;
}

static const char *key_word(uint32_t v)
{
    return v <= KEY_USED ? key_state_name((enum key_state)v) : NULL;
}

enum field_kind { FIELD_U32, FIELD_U64, FIELD_I64, FIELD_FLAG, FIELD_TEXT, FIELD_KEY, FIELD_ID, FIELD_COUNT, FIELD_ROWS };
/* word: of a number that is an enum, where people have one for it. */
struct field { const char *name; enum field_kind kind; size_t offset; const char *(*word)(uint32_t); };

#define FIELD(field, kind) {#field, kind, offsetof(struct record, field), NULL}
#define PART(name, field, kind) {name, kind, offsetof(struct record, field), NULL}
#define ENUM_PART(name, field, word) {name, FIELD_U32, offsetof(struct record, field), word}
#define ENUM(field, word) {#field, FIELD_U32, offsetof(struct record, field), word}
static const struct field fields[] = {
    FIELD(step, FIELD_U32), FIELD(index, FIELD_U32), FIELD(backfill, FIELD_U32),
    PART("attempt", ref.attempt, FIELD_U64),
    PART("token", ref.token, FIELD_U64), FIELD(agent, FIELD_U32), FIELD(n, FIELD_U32), FIELD(run, FIELD_U32),
    FIELD(attempt_no, FIELD_U32), ENUM(verdict, verdict_word), ENUM(failure_class, class_word), FIELD(retry_at_ms, FIELD_I64),
    FIELD(started_us, FIELD_I64), FIELD(ended_us, FIELD_I64), PART("outcome.source", outcome.source, FIELD_U32),
    PART("outcome.code", outcome.code, FIELD_U32),
    PART("outcome.sqlstate", outcome.sqlstate, FIELD_TEXT), PART("outcome.dbms", outcome.dbms, FIELD_TEXT),
    PART("outcome.text", outcome.text, FIELD_TEXT), PART("outcome.rows", outcome.rows, FIELD_ROWS),
    ENUM(backfill_state, backfill_word), ENUM(agent_state, agent_word), FIELD(edge, FIELD_U32), FIELD(gate, FIELD_U32),
    FIELD(upto, FIELD_U32),
    FIELD(pool_name, FIELD_TEXT), FIELD(pool_slots, FIELD_U32), FIELD(pool_source, FIELD_U32),
    FIELD(pool.cpu_milli, FIELD_U64), FIELD(pool.memory_bytes, FIELD_U64), FIELD(pool.io_bytes_s, FIELD_U64),
    FIELD(pool.start_milli, FIELD_U32),
    {"window.pool", FIELD_TEXT, offsetof(struct record, window.pool), NULL},
    {"window.name", FIELD_TEXT, offsetof(struct record, window.name), NULL},
    {"window.budget", FIELD_U32, offsetof(struct record, window.budget), NULL},
    {"window.track", FIELD_U32, offsetof(struct record, window.track), NULL},
    {"window.number", FIELD_U32, offsetof(struct record, window.number), NULL},
    {"window.until_us", FIELD_I64, offsetof(struct record, window.until_us), NULL}, FIELD(priority, FIELD_U32),
    FIELD(action, FIELD_U32), FIELD(steer_flags, FIELD_U32), FIELD(reprocess, FIELD_U32), FIELD(reuse_downstream, FIELD_FLAG),
    FIELD(last, FIELD_FLAG), FIELD(backward, FIELD_FLAG), FIELD(low, FIELD_FLAG), FIELD(from, FIELD_TEXT), FIELD(to, FIELD_TEXT),
    FIELD(actor, FIELD_TEXT), FIELD(reason, FIELD_TEXT), FIELD(rc, FIELD_U32), FIELD(text, FIELD_TEXT), FIELD(json, FIELD_TEXT),
    FIELD(audit, FIELD_U32), FIELD(role, FIELD_TEXT), FIELD(what, FIELD_TEXT), FIELD(target, FIELD_TEXT), FIELD(before, FIELD_TEXT),
    FIELD(after, FIELD_TEXT), PART("entry.name", entry.name, FIELD_TEXT), ENUM_PART("entry.role", entry.role, role_word),
    ENUM_PART("entry.state", entry.state, key_word), PART("entry.key", entry.key, FIELD_KEY), PART("entry.by", entry.by, FIELD_TEXT),
    PART("entry.expires_ms", entry.expires_ms, FIELD_I64), PART("hello.name", hello.name, FIELD_TEXT),
    PART("hello.slots", hello.slots, FIELD_U32), PART("params", n_params, FIELD_COUNT), PART("steps", n_steps, FIELD_COUNT),
    PART("ranges", n_ranges, FIELD_COUNT), PART("reused", n_reused, FIELD_COUNT), PART("bytes", n_bytes, FIELD_COUNT),
    PART("entry.plans", entry.n_plans, FIELD_COUNT), PART("entry.pools", entry.n_pools, FIELD_COUNT), FIELD(epoch, FIELD_U32),
    FIELD(next_backfill, FIELD_U32), FIELD(next_agent, FIELD_U32), FIELD(next_attempt, FIELD_U64), FIELD(incarnation, FIELD_U64),
    {"breaker", FIELD_TEXT, offsetof(struct record, breaker.name), NULL}, PART("breaker.kind", breaker.kind, FIELD_U32),
    PART("breaker.state", breaker.state, FIELD_U32), PART("breaker.at_ms", breaker.at_ms, FIELD_I64),
    PART("breaker.until_ms", breaker.until_ms, FIELD_I64), PART("breaker.level", breaker.level, FIELD_U32),
    PART("breaker.calls", breaker.calls, FIELD_U32), PART("breaker.failures", breaker.failures, FIELD_U32),
    PART("breaker.slow", breaker.slow, FIELD_U32), PART("breaker.source", breaker.source, FIELD_U32),
    FIELD(key, FIELD_KEY), FIELD(plan_hash, FIELD_KEY), FIELD(request_id, FIELD_ID), FIELD(at_us, FIELD_I64),
};
enum { N_FIELDS = sizeof fields / sizeof *fields, SHOWN_BYTES = 6 };
_Static_assert(sizeof(enum verdict) == sizeof(uint32_t), "an enum is read as the number that it is");

static void put_bytes(const uint8_t *p, struct bf_buf *ret)
{
    char hex[2 * SHOWN_BYTES + 1];
    bf_hex(p, SHOWN_BYTES, hex);
    bf_buf_put_str(ret, hex);
}

/* What a field says; nothing when it says nothing. */
static void put_value(const struct record *r, const struct field *f, struct bf_buf *ret)
{
    static const uint8_t none[BF_KEY_BYTES];
    const void *at = (const char *)r + f->offset;
    const char *text;
    uint32_t number;
    switch (f->kind) {
    case FIELD_U32:
        number = *(const uint32_t *)at;
        text = f->word && number ? f->word(number) : NULL;
        if (text)
            bf_buf_put_str(ret, text);
        else if (number)
            bf_buf_printf(ret, "%" PRIu32, number);
        break;
    case FIELD_U64:
        if (*(const uint64_t *)at)
            bf_buf_printf(ret, "%" PRIu64, *(const uint64_t *)at);
        break;
    case FIELD_I64:
        if (*(const int64_t *)at)
            bf_buf_printf(ret, "%" PRId64, *(const int64_t *)at);
        break;
    case FIELD_ROWS:                             /* -1: not known */
        if (*(const int64_t *)at > 0)
            bf_buf_printf(ret, "%" PRId64, *(const int64_t *)at);
        break;
    case FIELD_COUNT:
        if (*(const size_t *)at)
            bf_buf_printf(ret, "%zu", *(const size_t *)at);
        break;
    case FIELD_FLAG:
        if (*(const bool *)at)
            bf_buf_put_str(ret, "true");
        break;
    case FIELD_TEXT:
        text = *(const char *const *)at;
        if (text && *text)
            bf_buf_printf(ret, "'%.160s'", text);
        break;
    case FIELD_KEY:
        if (memcmp(at, none, BF_KEY_BYTES) != 0)
            put_bytes(at, ret);
        break;
    case FIELD_ID:
        if (memcmp(at, none, OP_REQUEST_ID_BYTES) != 0)
            put_bytes(at, ret);
        break;
    }
}

/* "load[2024-01-03] of bf-1", where the engine knows what that is. */
static bool put_instance(const struct engine *e, const struct record *r, struct bf_buf *ret)
{
    struct backfill_view b;
    char key[PLAN_KEY_MAX];
    bool of_instance = r->kind == RECORD_GRANTED || r->kind == RECORD_STARTED || r->kind == RECORD_ENDED || r->kind == RECORD_READY_AGAIN ||
                       r->kind == RECORD_DETAILS;
    if (!of_instance || !engine_backfill(e, r->backfill, &b) || r->step >= b.plan->n_steps)
        return false;
    const struct plan_step *s = &b.plan->steps[r->step];
    if (r->index >= s->partitions->n)
        return false;
    plan_partition_key(s->partitions, r->index, key);
    bf_buf_printf(ret, " %s%s%s%s of bf-%" PRIu32, s->name, *key ? "[" : "", key, *key ? "]" : "", r->backfill);
    return true;
}

void replay_record_words(const struct engine *e, const struct record *r, struct bf_buf *ret)
{
    const char *name = record_kind_name(r->kind);
    BF_CLEANUP(bf_buf_free) struct bf_buf value = {0};
    bf_buf_put_str(ret, name ? name : "a record of no known kind");
    bool named = put_instance(e, r, ret);
    for (size_t i = named ? 3 : 0; i < N_FIELDS; i++) {          /* the first three are its name */
        bf_buf_clear(&value);
        put_value(r, &fields[i], &value);
        if (value.len > 0 && strcmp(fields[i].name, "at_us") != 0)
            bf_buf_printf(ret, " %s=%s", fields[i].name, bf_buf_cstr(&value));
    }
}

bool replay_records_equal(const struct record *a, const struct record *b)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf x = {0};
    BF_CLEANUP(bf_buf_free) struct bf_buf y = {0};
    records_encode(a, 1, &x);
    records_encode(b, 1, &y);
    return x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
}

void replay_record_difference(const struct record *stored, const struct record *decided, struct bf_buf *ret)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf x = {0};
    BF_CLEANUP(bf_buf_free) struct bf_buf y = {0};
    size_t before = ret->len;
    for (size_t i = 0; i < N_FIELDS && stored->kind == decided->kind; i++) {
        bf_buf_clear(&x);
        bf_buf_clear(&y);
        put_value(stored, &fields[i], &x);
        put_value(decided, &fields[i], &y);
        if (strcmp(bf_buf_cstr(&x), bf_buf_cstr(&y)) != 0)
            bf_buf_printf(ret, "%s%s: %s there, %s now", ret->len > before ? "; " : "", fields[i].name, x.len ? bf_buf_cstr(&x) : "nothing",
                          y.len ? bf_buf_cstr(&y) : "nothing");
    }
    if (ret->len == before)
        bf_buf_put_str(ret, stored->kind == decided->kind ? "they differ in a part that is not shown" : "another kind");
}

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
enum field_place { IN_RECORD, IN_OUTCOME, IN_RARE };
/* word: of a number that is an enum, where people have one for it. */
struct field { const char *name; enum field_kind kind; enum field_place place; size_t offset; const char *(*word)(uint32_t); };

#define FIELD(field, kind) {#field, kind, IN_RECORD, offsetof(struct record, field), NULL}
#define PART(name, field, kind) {name, kind, IN_RECORD, offsetof(struct record, field), NULL}
#define ENUM(field, word) {#field, FIELD_U32, IN_RECORD, offsetof(struct record, field), word}
#define OUTCOME(field, kind) {"outcome." #field, kind, IN_OUTCOME, offsetof(struct outcome, field), NULL}
#define RARE(field, kind) {#field, kind, IN_RARE, offsetof(struct record_rare, field), NULL}
#define RARE_PART(name, field, kind) {name, kind, IN_RARE, offsetof(struct record_rare, field), NULL}
#define RARE_ENUM(field, word) {#field, FIELD_U32, IN_RARE, offsetof(struct record_rare, field), word}
static const struct field fields[] = {
    FIELD(step, FIELD_U32), FIELD(index, FIELD_U32), FIELD(backfill, FIELD_U32), PART("attempt", ref.attempt, FIELD_U64),
    PART("token", ref.token, FIELD_U64), FIELD(agent, FIELD_U32), FIELD(n, FIELD_U32), FIELD(run, FIELD_U32),
    FIELD(attempt_no, FIELD_U32), ENUM(verdict, verdict_word), ENUM(failure_class, class_word), FIELD(retry_at_ms, FIELD_I64),
    FIELD(started_us, FIELD_I64), FIELD(ended_us, FIELD_I64), FIELD(voted_ms, FIELD_I64), OUTCOME(source, FIELD_U32),
    OUTCOME(code, FIELD_U32), OUTCOME(sqlstate, FIELD_TEXT), OUTCOME(dbms, FIELD_TEXT), OUTCOME(text, FIELD_TEXT),
    OUTCOME(rows, FIELD_ROWS), RARE_ENUM(backfill_state, backfill_word), RARE_ENUM(agent_state, agent_word), RARE(edge, FIELD_U32),
    RARE(gate, FIELD_U32), RARE(upto, FIELD_U32), RARE(pool_name, FIELD_TEXT), RARE(pool_slots, FIELD_U32), RARE(pool_source, FIELD_U32),
    RARE(pool.cpu_milli, FIELD_U64), RARE(pool.memory_bytes, FIELD_U64), RARE(pool.io_bytes_s, FIELD_U64),
    RARE(pool.start_milli, FIELD_U32), RARE(window.pool, FIELD_TEXT), RARE(window.name, FIELD_TEXT), RARE(window.budget, FIELD_U32),
    RARE(window.track, FIELD_U32), RARE(window.number, FIELD_U32), RARE(window.until_us, FIELD_I64), RARE(priority, FIELD_U32),
    RARE(action, FIELD_U32), RARE(steer_flags, FIELD_U32), RARE(reprocess, FIELD_U32), RARE(reuse_downstream, FIELD_FLAG),
    RARE(last, FIELD_FLAG), RARE(backward, FIELD_FLAG), RARE(low, FIELD_FLAG), RARE(from, FIELD_TEXT), RARE(to, FIELD_TEXT),
    RARE(actor, FIELD_TEXT), RARE(reason, FIELD_TEXT), RARE(rc, FIELD_U32), RARE(text, FIELD_TEXT), RARE(json, FIELD_TEXT),
    RARE(audit, FIELD_U32), RARE(role, FIELD_TEXT), RARE(what, FIELD_TEXT), RARE(target, FIELD_TEXT), RARE(before, FIELD_TEXT),
    RARE(after, FIELD_TEXT), RARE(probe.connection, FIELD_TEXT), RARE(probe.readable, FIELD_FLAG), RARE(probe.value_us, FIELD_I64),
    RARE(probe.why, FIELD_TEXT), RARE(entry.name, FIELD_TEXT), RARE_ENUM(entry.role, role_word), RARE_ENUM(entry.state, key_word),
    RARE(entry.key, FIELD_KEY), RARE(entry.by, FIELD_TEXT), RARE(entry.expires_ms, FIELD_I64), RARE(hello.name, FIELD_TEXT),
    RARE(hello.slots, FIELD_U32), RARE_PART("params", n_params, FIELD_COUNT), RARE_PART("steps", n_steps, FIELD_COUNT),
    RARE_PART("ranges", n_ranges, FIELD_COUNT), RARE_PART("reused", n_reused, FIELD_COUNT), RARE_PART("bytes", n_bytes, FIELD_COUNT),
    RARE_PART("entry.plans", entry.n_plans, FIELD_COUNT), RARE_PART("entry.pools", entry.n_pools, FIELD_COUNT), RARE(epoch, FIELD_U32),
    RARE(next_backfill, FIELD_U32), RARE(next_agent, FIELD_U32), RARE(next_attempt, FIELD_U64), RARE(incarnation, FIELD_U64),
    RARE_PART("breaker", breaker.name, FIELD_TEXT), RARE(breaker.kind, FIELD_U32), RARE(breaker.state, FIELD_U32),
    RARE(breaker.at_ms, FIELD_I64), RARE(breaker.until_ms, FIELD_I64), RARE(breaker.level, FIELD_U32), RARE(breaker.calls, FIELD_U32),
    RARE(breaker.failures, FIELD_U32), RARE(breaker.slow, FIELD_U32), RARE(breaker.source, FIELD_U32), RARE(key, FIELD_KEY),
    RARE(plan_hash, FIELD_KEY), RARE(request_id, FIELD_ID), FIELD(at_us, FIELD_I64),
};
enum { N_FIELDS = sizeof fields / sizeof *fields, SHOWN_BYTES = 6 };
_Static_assert(sizeof(enum verdict) == sizeof(uint32_t), "an enum is read as the number that it is");

static void put_bytes(const uint8_t *p, struct bf_buf *ret)
{
    char hex[2 * SHOWN_BYTES + 1];
    bf_hex(p, SHOWN_BYTES, hex);
    bf_buf_put_str(ret, hex);
}

static const void *at_field(const struct record *r, const struct field *f)
{
    const void *const places[] = {[IN_RECORD] = r, [IN_OUTCOME] = record_outcome(r), [IN_RARE] = record_rare(r)};
    return (const char *)places[f->place] + f->offset;
}

/* What a field says; nothing when it says nothing. */
static void put_value(const struct record *r, const struct field *f, struct bf_buf *ret)
{
    static const uint8_t none[BF_KEY_BYTES];
    const void *at = at_field(r, f);
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

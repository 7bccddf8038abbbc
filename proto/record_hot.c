/* The inputs and records that a run is made of: reports, grants and ends, two or three for every step.
 *
 * They are written straight from the plain struct, with the numbers of record.proto.  A record of these kinds that holds anything
 * else than what its kind is listed with in record.h is left to the generated code, which writes whatever is set: so the bytes are
 * the same in any case.  What is looked at here and what is written there must not drift apart: tests/unit/test_proto_hot.c sets
 * each word of the structs by itself. */
#include <string.h>

#include "proto/record_parts.h"

enum { FIXED_ROOM = 24 * PB_NUMBER_ROOM };       /* numbers, a key, and the ends of what is nested */

static bool set(const char *s)
{
    return s && *s;
}

static bool is_zero(const uint8_t *p, size_t n)
{
    static const uint8_t zeros[BF_KEY_BYTES];
    return memcmp(p, zeros, n) == 0;
}

static size_t details_bytes(const struct outcome *o)
{
    return set(o->details) ? strlen(o->details) : 0;
}

/* ---- inputs ---- */

bool input_put_hot(const struct input *i, uint32_t field, struct bf_buf *b, struct bf_arena *tmp)
{
    if (i->kind != INPUT_REPORT || set(i->actor) || set(i->role) || set(i->pool_name) || i->pool_slots || i->epoch || i->low ||
        i->hold_ms || i->n_configured)
        return false;
    struct pb_out o = put_begin(b, FIXED_ROOM + report_size_hint(&i->report) + REPORT_ROOM);
    uint8_t *at = pb_begin(&o, field);
    pb_put_uint(&o, 1, (uint32_t)i->kind);
    if (!is_zero(i->key, sizeof i->key))
        pb_put_element(&o, 3, i->key, sizeof i->key);
    pb_put_fixed64(&o, 4, i->incarnation);
    pb_put_uint(&o, 5, i->agent);
    report_put(&i->report, 6, &o, tmp);
    pb_end(&o, at);
    put_end(b, o);
    return true;
}

void input_put(const struct input *i, uint32_t field, struct bf_buf *b, struct bf_arena *tmp)
{
    if (!input_put_hot(i, field, b, tmp))
        input_put_generated(i, field, b, tmp);
}

/* ---- records ---- */

/* No more of a breaker than when it heard of this. */
static bool breaker_is_plain(const struct record_breaker *b)
{
    static const struct breaker_settings none;
    return !b->kind && (!b->at_ms || (!set(b->name) && !b->state && !b->source && !b->until_ms && !b->level && !b->calls &&
                                      !b->failures && !b->slow && !b->good && !b->bad && breaker_settings_same(&b->settings, &none)));
}

/* Numbers that are written, and are none of a grant's or an end's. */
static bool has_other_numbers(const struct record *r)
{
    const struct record_window *w = &r->window;
    return (r->edge | r->gate | r->upto | r->pool_slots | r->epoch | r->next_backfill | r->next_agent | r->steer_flags | w->track |
            w->budget | w->number) != 0 ||
           (r->next_attempt | r->incarnation | (uint64_t)w->until_us) != 0 || r->backfill_state || r->agent_state || r->pool_source ||
           r->rc || r->priority || r->action || r->reprocess || r->audit || r->revoked || r->backward || r->low || r->reuse_downstream || r->last;
}

/* The same of lists, bytes and parts. */
static bool has_other_parts(const struct record *r)
{
    return (r->n_bytes | r->n_numbers | r->n_steps | r->n_ranges | r->n_reused | r->n_params) != 0 || r->limit || r->alert ||
           !is_zero(r->key, sizeof r->key) || !is_zero(r->plan_hash, sizeof r->plan_hash) ||
           !is_zero(r->request_id, sizeof r->request_id) || !breaker_is_plain(&r->breaker);
}

static bool has_other_texts(const struct record *r)
{
    return set(r->hello.name) || set(r->actor) || set(r->reason) || set(r->from) || set(r->to) || set(r->pool_name) || set(r->text) ||
           set(r->json) || set(r->role) || set(r->what) || set(r->target) || set(r->before) || set(r->after) || set(r->window.name) ||
           set(r->window.pool) || set(r->entry.name) || set(r->probe.connection);
}

bool record_put_hot(const struct record *r, uint32_t field, struct bf_buf *b, struct bf_arena *tmp)
{
    if ((r->kind != RECORD_GRANTED && r->kind != RECORD_ENDED) || has_other_numbers(r) || has_other_parts(r) || has_other_texts(r))
        return false;
    struct pb_out o = put_begin(b, FIXED_ROOM + OUTCOME_ROOM + details_bytes(&r->outcome));
    uint8_t *at = pb_begin(&o, field);
    pb_put_uint(&o, 1, (uint32_t)r->kind);
    pb_put_uint(&o, 2, r->backfill);
    pb_put_uint(&o, 3, r->step);
    pb_put_uint(&o, 4, r->index);
    pb_put_uint(&o, 5, r->ref.attempt);
    pb_put_uint(&o, 6, r->ref.token);
    pb_put_uint(&o, 7, r->agent);
    pb_put_uint(&o, 8, r->n);
    pb_put_uint(&o, 9, r->run);
    pb_put_uint(&o, 10, r->attempt_no);
    pb_put_fixed64(&o, 11, (uint64_t)r->started_us);
    if (r->ended_us)
        pb_put_always(&o, 12, pb_zigzag(time_after(r->ended_us, r->started_us)));
    outcome_put(&r->outcome, 13, &o, tmp);
    pb_put_uint(&o, 14, (uint32_t)r->verdict);
    pb_put_uint(&o, 15, (uint32_t)r->failure_class);
    pb_put_fixed64(&o, 17, (uint64_t)r->at_us);
    pb_put_int(&o, 18, r->retry_at_ms);
    pb_put_uint(&o, 47, r->budget_spent);
    if (r->breaker.at_ms) {
        uint8_t *breaker = pb_begin(&o, 49);
        pb_put_int(&o, 4, r->breaker.at_ms);
        pb_end(&o, breaker);
    }
    pb_put_uint(&o, 62, r->ahead_us);
    pb_end(&o, at);
    put_end(b, o);
    return true;
}

void record_put(const struct record *r, uint32_t field, struct bf_buf *b, struct bf_arena *tmp)
{
    if (!record_put_hot(r, field, b, tmp))
        record_put_generated(r, field, b, tmp);
}

/* The tail of the journal for people: which records each turn made, and what they were made from.
 *
 * For reports that leave the house, so only what the engine itself made is shown: numbers, kinds, states, and the names of steps' owners
 * (backfills, agents, pools, keys).  Whatever people or programs wrote (texts, reasons, values of parameters, plans, labels) is left out.
 * A page is bounded by turns, bytes and time; "next" is the sequence number to go on with. */
#include <string.h>

#include "common/clock.h"
#include "coordinator/views_parts.h"
#include "proto/turn.h"

#define PAGE_US 20000
#define ROW_BYTES 420                            /* the most that a row takes, about */

struct page {
    json_t *rows;
    uint64_t turns_left, next;
    bool any;                                    /* a page has at least one turn */
    int64_t until_us;
};

static const char *verdict_name(enum verdict v)
{
    switch (v) {
    case VERDICT_SUCCEEDED: return "succeeded";
    case VERDICT_SKIPPED: return "skipped";
    case VERDICT_FAILED: return "failed";
    case VERDICT_RETRY: return "retry";
    case VERDICT_REQUEUE: return "requeue";
    case VERDICT_CANCELLED: return "cancelled";
    case VERDICT_LOOK_AGAIN: return "look_again";
    }
    return "unknown";
}

static const char *revoke_reason_name(enum revoke_reason r)
{
    switch (r) {
    case REVOKE_PAUSED: return "paused";
    case REVOKE_HELD: return "held";
    case REVOKE_AGENT: return "agent";
    case REVOKE_BREAKER: return "breaker";
    case REVOKE_PRIORITY: return "priority";
    }
    return "unknown";
}

static void put_number(json_t *j, const char *key, uint64_t n)
{
    if (n)
        json_object_set_new(j, key, json_integer((json_int_t)n));
}

static void put_word(json_t *j, const char *key, const char *word)
{
    if (word && *word)
        json_object_set_new(j, key, view_string(word));
}

static json_t *row_new(const struct turn *t)
{
    json_t *j = json_object();
    json_object_set_new(j, "seq", json_integer((json_int_t)t->seq));
    json_object_set_new(j, "at", view_time(t->wall_us));
    return j;
}

static void put_names(json_t *j, const struct op_param *params, size_t n)
{
    if (!n)
        return;
    json_t *names = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(names, view_string(params[i].name));
    json_object_set_new(j, "params", names);
}

static json_t *input_row(const struct turn *t, const struct input *i)
{
    const struct input_rare *said = input_rare(i);
    json_t *j = row_new(t);
    json_object_set_new(j, "input", view_string(input_kind_name(i->kind)));
    put_number(j, "agent", i->agent);
    put_word(j, "actor", said->actor);
    put_word(j, "pool", said->pool_name);
    put_word(j, "breaker", said->breaker.name);
    if (i->kind == INPUT_COMMAND) {
        put_word(j, "verb", op_verb_name(said->command.verb));
        put_number(j, "backfill", said->command.backfill);
        put_names(j, said->command.params, said->command.n_params);
    }
    return j;
}

static json_t *record_row(const struct turn *t, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    json_t *j = row_new(t);
    json_object_set_new(j, "record", view_string(record_kind_name(r->kind)));
    put_number(j, "backfill", r->backfill);
    if (r->backfill) {
        json_object_set_new(j, "step", json_integer(r->step));
        json_object_set_new(j, "index", json_integer(r->index));
    }
    put_number(j, "attempt", r->ref.attempt);
    put_number(j, "token", r->ref.token);
    put_number(j, "agent", r->agent);
    put_number(j, "run", r->run);
    put_number(j, "attempt_no", r->attempt_no);
    put_word(j, "agent_name", rare->hello.name);
    put_word(j, "actor", rare->actor);
    put_word(j, "pool", rare->pool_name);
    put_word(j, "breaker", rare->breaker.name);
    if (r->kind == RECORD_BREAKER)
        put_word(j, "state", breaker_state_name(rare->breaker.state));
    put_number(j, "slots", rare->pool_slots);
    put_number(j, "ahead_us", r->ahead_us);
    if (r->kind == RECORD_REVOKED)
        put_word(j, "reason", revoke_reason_name(rare->revoked));
    put_names(j, rare->params, rare->n_params);
    if (r->kind == RECORD_ENDED) {
        put_word(j, "verdict", verdict_name(r->verdict));
        put_word(j, "class", failure_class_name(r->failure_class));
        put_word(j, "source", view_source_name(record_outcome(r)->source));
        json_object_set_new(j, "code", json_integer(record_outcome(r)->code));
        put_word(j, "session", view_session_name(record_outcome(r)->usage.session));
    }
    if (r->kind == RECORD_GRANTED && r->n_numbers == PLACE_NUMBERS) {
        put_word(j, "placed_by", view_place_word((enum place_by)r->numbers[0]));
        put_number(j, "prefers_agent", r->numbers[1]);
        put_number(j, "waited_ms", r->numbers[2]);
    }
    if (r->kind == RECORD_RERUN && r->n_numbers == 3) {
        put_number(j, "took_ms", r->numbers[1]);
        put_number(j, "usual_ms", r->numbers[2]);
    }
    if (r->kind == RECORD_RESUMED && r->n_numbers == 3)
        put_number(j, "away_ms", r->numbers[1] - r->numbers[0]);
    if (r->kind == RECORD_NEAR)
        json_object_set_new(j, "waits", json_boolean(r->n == 1));
    if (r->kind == RECORD_BACKFILL_STATE)
        put_word(j, "state", backfill_state_name(rare->backfill_state));
    if (rare->halted_by)
        put_word(j, "halted_by", view_halted_by_word(rare->halted_by));
    if (r->kind == RECORD_AGENT_STATE)
        put_word(j, "state", agent_state_name(rare->agent_state));
    if (r->kind == RECORD_REPLIED)
        put_word(j, "rc", bf_rc_name(rare->rc));
    if (r->kind == RECORD_PROBED) {
        put_word(j, "connection", rare->probe.connection);
        json_object_set_new(j, "readable", json_boolean(rare->probe.readable));
        json_object_set_new(j, "value_us", json_integer(rare->probe.value_us));
    }
    return j;
}

static enum bf_rc take_turn(void *arg, uint64_t seq, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    struct page *page = arg;
    (void)hash;
    const size_t rows_max = VIEW_BYTES_MAX / ROW_BYTES;
    page->next = seq;
    if (page->turns_left == 0 || (page->any && (json_array_size(page->rows) >= rows_max || bf_boottime_us() > page->until_us)))
        return BF_LIMIT;
    struct turn t;
    enum bf_rc rc = turn_decode(p, n, &t, err);
    size_t left = rows_max - json_array_size(page->rows);
    for (size_t i = 0; rc == BF_OK && i < t.n_inputs && left > 0; i++, left--)
        json_array_append_new(page->rows, input_row(&t, &t.inputs[i]));
    for (size_t i = 0; rc == BF_OK && i < t.n_records && left > 0; i++, left--)
        json_array_append_new(page->rows, record_row(&t, &t.records[i]));
    turn_done(&t);
    page->turns_left--;
    page->any = true;
    return rc;
}

enum bf_rc view_journal(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    if (!v->store)
        return bf_fail(err, BF_NOT_FOUND, "no journal is kept here");
    const uint64_t limit = view_page_limit(req), last = store_last_seq(v->store);
    const uint64_t from = req->page_offset ? req->page_offset : last > limit ? last - limit + 1 : 1;
    struct page page = {.rows = json_array(), .turns_left = limit, .until_us = bf_boottime_us() + PAGE_US};
    enum bf_rc rc = store_turns_from(v->store, from, take_turn, &page, err);
    if (rc != BF_OK && rc != BF_LIMIT) {
        json_decref(page.rows);
        return rc;
    }
    *ret = json_object();
    json_object_set_new(*ret, "rows", page.rows);
    json_object_set_new(*ret, "next", rc == BF_LIMIT ? json_integer((json_int_t)page.next) : json_null());
    return BF_OK;
}

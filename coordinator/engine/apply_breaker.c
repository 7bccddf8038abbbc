/* Records of breakers, applied; and the records that a checkpoint has of them.
 *
 * A checkpoint tells of them before anything else, with their numbers: what is made afterwards finds them there.  Packed form of
 * what a breaker has heard: version, votes (time, voter, bits), probes; little-endian. */
#include <string.h>

#include "common/buf.h"
#include "common/plant.h"
#include "coordinator/engine/decide.h"

enum { PACK_VERSION = 1 };

static enum bf_rc corrupt(const struct record *r, const char *what, struct bf_error *err)
{
    return bf_fail(err, BF_CORRUPT, "record of kind %d (breaker %s/%s): %s", (int)r->kind,
                   breaker_kind_name(record_rare(r)->breaker.kind), record_rare(r)->breaker.name, what);
}

static bool is_whole(const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    return rare->breaker.kind >= BREAKER_POOL && rare->breaker.kind <= BREAKER_AGENT && rare->breaker.name;
}

/* ---- settings ---- */

enum bf_rc apply_breaker_settings(struct engine *e, const struct record *r, struct bf_error *err)
{
    if (!is_whole(r))
        return corrupt(r, "it says nothing of a breaker", err);
    const struct record_breaker *s = &record_rare(r)->breaker;
    struct breaker_book *book = &e->breakers;
    if (*s->name) {
        uint32_t number = breaker_need(e, s->kind, s->name);     /* may move the list */
        if (s->source == BREAKER_BY_PRESET)
            breaker_settle(e, number);
        else
            breaker_tune(e, number, &s->settings, s->source);
        return BF_OK;
    }
    book->kinds[s->kind].settings = s->settings;
    book->kinds[s->kind].source = s->source;
    for (uint32_t i = 0; i < book->at.n; i++)
        if (book->at.at[i] && book->at.at[i]->kind == s->kind && book->at.at[i]->source == BREAKER_BY_PRESET)
            breaker_tune(e, i, &s->settings, BREAKER_BY_PRESET);
    return BF_OK;
}

/* ---- moves, and what a checkpoint says ---- */

static bool unpack(struct engine *e, uint32_t number, const struct record *r)
{
    struct breaker *b = e->breakers.at.at[number];
    struct bf_reader in = {.p = record_rare(r)->bytes, .left = record_rare(r)->n_bytes};
    uint8_t version = 0;
    uint32_t n = 0;
    if (!bf_take_u8(&in, &version) || version != PACK_VERSION || !bf_take_u32(&in, &n) || n > BREAKER_WINDOW_MAX)
        return false;
    for (uint32_t i = 0; i < n && !in.bad; i++) {
        struct ballot v = {0};
        uint64_t at_ms = 0;
        bf_take_u64(&in, &at_ms);
        bf_take_u32(&in, &v.voter);
        bf_take_u8(&in, &v.bits);
        v.at_ms = (int64_t)at_ms;
        if (!in.bad)
            breaker_hear(e, number, v);
    }
    if (!bf_take_u32(&in, &n) || n > BREAKER_PROBES_MAX * 2)
        return false;
    for (uint32_t i = 0; i < n && !in.bad; i++) {
        uint64_t attempt = 0;
        if (bf_take_u64(&in, &attempt))
            bf_vec_push(&b->probes, attempt);
    }
    return !in.bad && in.left == 0 && (b->state == BREAKER_CLOSED || b->window.n == 0) &&
           (b->state == BREAKER_HALF_OPEN || b->probes.n == 0);
}

enum bf_rc apply_breaker(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    if (!is_whole(r) || !*rare->breaker.name || rare->breaker.state < BREAKER_CLOSED || rare->breaker.state > BREAKER_HALF_OPEN)
        return corrupt(r, "it says nothing of a breaker", err);
    bool by_hand = rare->breaker.state == BREAKER_OPEN && rare->actor && *rare->actor;     /* people may open what nothing draws on yet */
    if (!rare->n_bytes && !by_hand && !breaker_find(e, rare->breaker.kind, rare->breaker.name))
        return corrupt(r, "nothing of this name is known", err);
    if (rare->n_bytes && r->index && !breaker_need_at(e, rare->breaker.kind, rare->breaker.name, r->index - 1))
        return corrupt(r, "its number is another's", err);
    uint32_t number = breaker_need(e, rare->breaker.kind, rare->breaker.name);
    struct breaker *b = e->breakers.at.at[number];
    if (!rare->n_bytes && !breaker_move_legal(b->state, rare->breaker.state))
        return corrupt(r, "its state may not follow the one that it is in", err);
    if (!rare->n_bytes) {
        breaker_set_state(e, number, r);
        return BF_OK;
    }
    breaker_tune(e, number, &rare->breaker.settings, rare->breaker.source);
    breaker_set_state(e, number, r);
    return unpack(e, number, r) ? BF_OK : corrupt(r, "what it has heard is malformed", err);
}

enum bf_rc apply_breaker_forgotten(struct engine *e, const struct record *r, struct bf_error *err)
{
    uint32_t number = is_whole(r) ? breaker_number(e, record_rare(r)->breaker.kind, record_rare(r)->breaker.name) : NO_BREAKER;
    const struct breaker *b = number == NO_BREAKER ? NULL : e->breakers.at.at[number];
    if (!b || b->uses > 0 || b->here > 0 || (b->state == BREAKER_OPEN && !BF_PLANTED("breaker_open_forgotten")))
        return corrupt(r, "it is forgotten, and is not known, is open, or something draws on it", err);
    breaker_drop(e, number);
    return BF_OK;
}

static void pack(const struct breaker *b, struct bf_buf *ret)
{
    bf_buf_put_u8(ret, PACK_VERSION);
    bf_buf_put_u32(ret, (uint32_t)b->window.n);
    for (size_t i = 0; i < b->window.n; i++) {
        bf_buf_put_u64(ret, (uint64_t)b->window.at[i].at_ms);
        bf_buf_put_u32(ret, b->window.at[i].voter);
        bf_buf_put_u8(ret, b->window.at[i].bits);
    }
    bf_buf_put_u32(ret, (uint32_t)b->probes.n);
    for (size_t i = 0; i < b->probes.n; i++)
        bf_buf_put_u64(ret, b->probes.at[i]);
}

static void add_breaker(const struct breaker *b, uint32_t number, struct engine_out *out)
{
    struct bf_buf packed = {0};
    bool forgets = BF_PLANTED("breaker_not_in_checkpoint") && b->state == BREAKER_OPEN;
    const struct breaker shut = {.state = BREAKER_CLOSED}, *heard = forgets ? &shut : b;
    struct record *r = record_add(out, RECORD_BREAKER);
    struct record_rare *rare = record_rare_need(r, &out->arena);
    rare->breaker = (struct record_breaker){.kind = b->kind, .name = b->name, .state = heard->state, .source = b->source,
                                         .at_ms = b->since_ms, .until_ms = heard->until_ms, .level = b->level, .calls = b->calls,
                                         .failures = b->failures, .slow = b->slow, .good = b->good, .bad = b->bad,
                                         .settings = b->settings};
    pack(heard, &packed);
    r->index = number + 1;
    r->at_us = b->since_us;
    rare->text = b->cause;
    rare->actor = b->by;
    rare->reason = b->reason;
    rare->bytes = packed.data;
    rare->n_bytes = packed.len;
    record_keep_strings(&out->arena, r);
    bf_buf_free(&packed);
}

void snapshot_breakers(const struct engine *e, struct engine_out *out)
{
    for (int k = BREAKER_POOL; k < BREAKER_KINDS; k++) {
        if (e->breakers.kinds[k].source == BREAKER_BY_PRESET)
            continue;
        record_rare_need(record_add(out, RECORD_BREAKER_SETTINGS), &out->arena)->breaker = (struct record_breaker){
            .kind = (enum breaker_kind)k, .name = "", .source = e->breakers.kinds[k].source, .settings = e->breakers.kinds[k].settings};
    }
    for (uint32_t i = 0; i < e->breakers.at.n; i++)
        if (e->breakers.at.at[i])
            add_breaker(e->breakers.at.at[i], i, out);
}

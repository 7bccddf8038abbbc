/* What goes into the audit trail: every command that is answered anew, and every decision that overrides another.
 *
 * A record is made beside the records of what it tells, so that both are in one transaction (I10).  The engine keeps nothing of the
 * trail: what is told here is what a record says, and the shell chains it (turn_audit.c).  Decisions that follow from others by the
 * rules of a plan (grants, retries by policy, ends) are no overrides; docs/audit.md has the list of those that are.
 *
 * Nothing that one agent can send at will fills the trail.  Stale reports: AUDIT_STALE_BURST at once, then one in
 * AUDIT_STALE_EVERY_MS, by an arrival time that moves ahead of the clock; it is state, so that replay makes the same choice.  The
 * others are bounded by what they tell of: an agent is lost once a lease, an attempt is fenced once. */
#include <stdio.h>
#include <string.h>

#include "common/plant.h"
#include "common/text.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/view.h"
#include "proto/audit.h"

enum { TEXT_MAX = 2048, AUDIT_STALE_BURST = 16, AUDIT_STALE_EVERY_MS = 10000 };

/* What is valid UTF-8 of it, bounded; NULL as "". */
static const char *words(struct decision *d, const char *s, size_t max)
{
    if (!s)
        return "";
    size_t n = bf_utf8_cut(s, max);
    return s[n] ? bf_arena_strndup(&d->out->arena, s, n) : s;
}

/* A document that is too long is no document any more when it is cut. */
static const char *object(const char *s)
{
    return !s || strlen(s) <= AUDIT_REASON_MAX ? s : "{\"left_out\":\"too long\"}";
}

/* ---- decisions ---- */

void audit_note(struct decision *d, const struct audit_note *n)
{
    const char *text = words(d, n->text, TEXT_MAX), *target = words(d, n->target, AUDIT_WORD_MAX);
    struct record *r = record_begin(d, RECORD_AUDIT);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    rare->audit = AUDIT_DECISION;
    rare->actor = n->actor ? n->actor : "coordinator";
    rare->role = n->role ? n->role : "";
    rare->what = n->what;
    rare->target = target;
    rare->reason = n->reason;
    rare->text = text;
    rare->before = object(n->before);
    rare->after = object(n->after);
    if (n->key)
        memcpy(rare->key, n->key, sizeof rare->key);
    r->backfill = n->backfill;
    r->agent = n->agent;
    r->ref = n->ref;
    r->n = n->left_out;
    rare->rc = n->rc;
    record_emit(d, r);
}

bool audit_stale_due(const struct decision *d, int64_t *ret_next_ms)
{
    int64_t at_ms = d->e->stale_next_ms > d->now_ms ? d->e->stale_next_ms : d->now_ms;
    if (at_ms - d->now_ms > (AUDIT_STALE_BURST - 1) * AUDIT_STALE_EVERY_MS)
        return false;
    *ret_next_ms = at_ms + AUDIT_STALE_EVERY_MS;
    return true;
}

/* ---- commands ---- */

/* The verbs that are about a backfill which is there. */
static bool on_backfill(enum op_verb verb)
{
    switch (verb) {
    case OP_PAUSE:
    case OP_RESUME:
    case OP_CANCEL:
    case OP_RETRY:
    case OP_PRIORITY:
    case OP_FORCE:
    case OP_SKIP:
    case OP_MARK: return true;
    default: return false;
    }
}

/* The backfill that a command was about: the one it made, or named. */
static uint32_t backfill_of(const struct decision *d, const struct op_request *c, const struct answer *a, uint32_t latest_before)
{
    if (c->verb == OP_CREATE)
        return a->rc == BF_OK && d->e->next_backfill - 1 != latest_before ? d->e->next_backfill - 1 : 0;
    if (!on_backfill(c->verb) && !BF_PLANTED("audit_latest_for_all"))
        return 0;
    return c->backfill == OP_LATEST ? engine_latest_of_work(d->e) : c->backfill;
}

/* What a command was about that is no backfill: the name in it, or, of a rotation without one and of a join, whose key or token it is. */
static const char *name_of(const struct decision *d, const struct input *in)
{
    const struct op_request *c = &input_rare(in)->command;
    const struct key_entry *token = c->verb == OP_AGENT_JOIN ? key_find(d->e, in->key) : NULL;
    if (token)
        return token->name;
    if (c->verb == OP_AGENT_JOIN || (c->verb == OP_KEY_ROTATE && !(c->name && *c->name)))
        return input_rare(in)->actor;
    return c->name && !on_backfill(c->verb) ? c->name : "";
}

/* "bf-3 load[2024-01-31] tag:finance", "agent-1", "nora", "plan 0a1b2c3d4e5f". */
static const char *target_of(struct decision *d, const struct input *in, uint32_t backfill)
{
    const struct op_request *c = &input_rare(in)->command;
    char text[AUDIT_WORD_MAX], hex[13];
    int n = backfill ? snprintf(text, sizeof text, "bf-%u", backfill) : snprintf(text, sizeof text, "%s", name_of(d, in));
    if (!backfill && c->verb == OP_CREATE) {
        bf_hex(c->plan_hash, 6, hex);
        n = snprintf(text, sizeof text, "plan %s", hex);
    }
    for (size_t i = 0; i < c->n_selectors && n >= 0 && (size_t)n < sizeof text; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, " %s", c->selectors[i]);
    return bf_arena_strndup(&d->out->arena, text, bf_utf8_cut(text, AUDIT_WORD_MAX));
}

void audit_command(struct decision *d, const struct input *in, const struct answer *a, uint32_t latest_before)
{
    const struct input_rare *said = input_rare(in);
    const struct op_request *c = &said->command;
    if (BF_PLANTED("audit_missing") && c->verb == OP_CANCEL)
        return;
    uint32_t backfill = backfill_of(d, c, a, latest_before);
    const char *target = target_of(d, in, backfill), *text = words(d, a->text, TEXT_MAX);
    struct record *r = record_begin(d, RECORD_AUDIT);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    rare->audit = AUDIT_REQUEST;
    memcpy(rare->key, in->key, sizeof rare->key);
    memcpy(rare->request_id, c->id, sizeof rare->request_id);
    rare->actor = said->actor;
    rare->role = said->role;
    rare->what = op_verb_name(c->verb);
    rare->target = target;
    r->backfill = backfill;
    rare->reason = c->reason;
    rare->rc = a->rc;
    rare->text = text;
    rare->before = object(a->before);
    rare->after = object(a->after);
    record_emit(d, r);
}

/* ---- what the shell tells ---- */

void decide_told(struct decision *d, const struct input *in)
{
    const struct input_rare *said = input_rare(in);
    const struct input_told *t = &said->told;
    struct record *r = record_begin(d, RECORD_AUDIT);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    rare->audit = in->kind == INPUT_DENIED ? AUDIT_DENIED : AUDIT_SERVICE;
    memcpy(rare->key, in->key, sizeof rare->key);
    rare->actor = in->kind == INPUT_DENIED ? said->actor : "coordinator";
    rare->role = said->role;
    rare->what = t->what;
    rare->target = t->target;
    rare->reason = t->reason;
    rare->rc = t->rc;
    rare->text = t->text;
    rare->before = object(t->before);
    rare->after = object(t->after);
    r->n = t->left_out;
    record_emit(d, r);
}

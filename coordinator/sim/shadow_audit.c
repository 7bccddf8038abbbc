/* The audit trail, from the committed turns alone (I10).
 *
 * Every command that a turn carries has one record in the same turn, and there is none without a command; so for refusals that were
 * told, for agents that are lost, checks that halt, and low water.  What is handed to the store is those records in their order, as
 * JSON, chained from the first to the last over all crashes.  The hash is made here in its own way: over one buffer. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/rc.h"
#include "common/text.h"
#include "coordinator/sim/shadow_checks.h"
#include "coordinator/sim/shadow_json.h"

/* The first word of the target, as far as the command alone says it: a key's or an agent's name, a number, a plan.  Latest: any number. */
static bool is_about(const struct turn *t, const struct input *in, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    const struct op_request *c = &input_rare(in)->command;
    const char *name = c->name && *c->name ? c->name : input_rare(in)->actor;
    char want[24];
    switch (c->verb) {
    case OP_CREATE: return strncmp(rare->target, r->backfill ? "bf-" : "plan ", r->backfill ? 3 : 5) == 0;
    case OP_AGENT_JOIN:
        for (size_t i = 0; i < t->n_records && rare->rc == BF_OK; i++)
            if (t->records[i].kind == RECORD_TOKEN_USED && memcmp(record_rare(&t->records[i])->key, in->key, BF_KEY_BYTES) == 0)
                name = record_rare(&t->records[i])->entry.name;
        return r->backfill == 0 && (rare->rc != BF_OK || strcmp(rare->target, name) == 0);
    case OP_BREAKER_TRIP:
    case OP_BREAKER_OPEN:
    case OP_BREAKER_CLOSE:
    case OP_AGENT_DRAIN:
    case OP_POOL_SET:
    case OP_ALERT_ACK:
    case OP_KEY_CREATE:
    case OP_KEY_REVOKE:
    case OP_KEY_ROTATE:
    case OP_AGENT_ENROLL: return r->backfill == 0 && strcmp(rare->target, name) == 0;
    default: break;
    }
    if (r->backfill == 0 || (c->backfill != OP_LATEST && c->backfill != r->backfill))
        return r->backfill == 0 && c->backfill == OP_LATEST;
    size_t n = (size_t)snprintf(want, sizeof want, "bf-%" PRIu32, r->backfill);
    return strncmp(rare->target, want, n) == 0 && (rare->target[n] == '\0' || rare->target[n] == ' ');
}

static unsigned requests_with(const struct turn *t, const struct input *in)
{
    const struct input_rare *said = input_rare(in);
    unsigned n = 0;
    for (size_t i = 0; i < t->n_records; i++) {
        const struct record *r = &t->records[i];
        const struct record_rare *x = record_rare(r);
        bool its = r->kind == RECORD_AUDIT && x->audit == AUDIT_REQUEST &&
                   memcmp(x->request_id, said->command.id, sizeof x->request_id) == 0;
        n += its && memcmp(x->key, in->key, sizeof x->key) == 0 && strcmp(x->what, op_verb_name(said->command.verb)) == 0 &&
             strcmp(x->actor, said->actor) == 0 && strcmp(x->role, said->role) == 0 && strcmp(x->reason, said->command.reason) == 0 &&
             is_about(t, in, r);
    }
    return n;
}

static unsigned audits(const struct turn *t, enum audit_kind kind, const char *what)
{
    unsigned n = 0;
    for (size_t i = 0; i < t->n_records; i++) {
        const struct record_rare *x = record_rare(&t->records[i]);
        n += t->records[i].kind == RECORD_AUDIT && x->audit == kind && (!what || strcmp(x->what, what) == 0);
    }
    return n;
}

/* So many facts, so many records about them. */
static void expect(struct shadow *s, const struct turn *t, enum audit_kind kind, const char *what, unsigned facts)
{
    unsigned n = audits(t, kind, what);
    if (n != facts)
        world_violate(s->w, "I10: turn %" PRIu64 " has %u audit record%s about \"%s\", and %u of that happened", t->seq, n,
                      n == 1 ? "" : "s",
                      what ? what : "a request", facts);
}

static void check_records(struct shadow *s, const struct turn *t)
{
    unsigned commands = 0, denied = 0, services = 0, lost = 0, halts = 0, low = 0, stale = 0, restored = 0, outdated = 0;
    unsigned moved = 0, tuned = 0, reruns = 0;
    for (size_t i = 0; i < t->n_inputs; i++) {
        const struct input *in = &t->inputs[i];
        denied += in->kind == INPUT_DENIED;
        services += in->kind == INPUT_SERVICE;
        if (in->kind != INPUT_COMMAND)
            continue;
        commands++;
        if (requests_with(t, in) != 1)
            world_violate(s->w, "I10: %s by %s has %u audit records in its turn", op_verb_name(input_rare(in)->command.verb),
                          input_rare(in)->actor, requests_with(t, in));
    }
    for (size_t i = 0; i < t->n_records; i++) {
        const struct record *r = &t->records[i];
        const struct record_rare *rare = record_rare(r);
        lost += r->kind == RECORD_AGENT_STATE && rare->agent_state == AGENT_LOST;
        halts += r->kind == RECORD_BACKFILL_STATE && rare->backfill_state == BACKFILL_PAUSED && *rare->reason;
        low += r->kind == RECORD_LOW;
        restored += r->kind == RECORD_RESTORED;
        outdated += r->kind == RECORD_OUTDATED;
        stale += r->kind == RECORD_STALE_REPORT && r->n;
        moved += r->kind == RECORD_BREAKER && (!*rare->actor || rare->breaker.state == BREAKER_HALF_OPEN);
        tuned += r->kind == RECORD_BREAKER_SETTINGS;
        reruns += r->kind == RECORD_RERUN;
    }
    expect(s, t, AUDIT_REQUEST, NULL, commands);
    expect(s, t, AUDIT_DENIED, NULL, denied);
    expect(s, t, AUDIT_SERVICE, NULL, services);
    expect(s, t, AUDIT_DECISION, "agent lost", lost);
    expect(s, t, AUDIT_DECISION, "halt", halts);
    expect(s, t, AUDIT_DECISION, "rerun", reruns);
    expect(s, t, AUDIT_DECISION, "stale report", stale);
    expect(s, t, AUDIT_DECISION, "restore", restored);
    expect(s, t, AUDIT_DECISION, "old store", outdated);
    expect(s, t, AUDIT_DECISION, "breaker settings", tuned);
    if (audits(t, AUDIT_DECISION, "breaker open") + audits(t, AUDIT_DECISION, "breaker half-open") +
            audits(t, AUDIT_DECISION, "breaker closed") != moved)
        world_violate(s->w, "I10: turn %" PRIu64 ": a breaker moved without its audit record", t->seq);
    if (audits(t, AUDIT_DECISION, "low water") + audits(t, AUDIT_DECISION, "room again") != low)
        world_violate(s->w, "I10: turn %" PRIu64 ": low water without its audit record", t->seq);
}

/* A text is the record it stands for. */
static void check_text(struct shadow *s, const struct record *r, const struct audit_entry *e)
{
    const struct record_rare *rare = record_rare(r);
    const struct shadow_said want[] = {{"what", rare->what}, {"who", rare->actor}, {"role", rare->role}, {"target", rare->target},
                                       {"reason", rare->reason}, {"text", rare->text}, {"result", bf_rc_name(rare->rc)}};
    bool same = false;
    if (!shadow_json_says(e->text, e->n, want, sizeof want / sizeof *want, &same))
        world_violate(s->w, "audit: record %" PRIu64 " is no JSON on one line: %.*s", e->index, (int)(e->n < 200 ? e->n : 200), e->text);
    else if (!same)
        world_violate(s->w, "audit: record %" PRIu64 " says something else than what was decided: %.*s", e->index,
                      (int)(e->n < 200 ? e->n : 200), e->text);
}

static void check_link(struct shadow *s, const struct audit_entry *e)
{
    struct bf_buf b = {0};
    uint8_t hash[32];
    if (s->audit_index == 0)
        bf_unhex(SIM_CLUSTER, hash, 16);
    if (s->audit_index == 0)
        crypto_generichash(s->audit_hash, 32, hash, 16, NULL, 0);
    bf_buf_put(&b, s->audit_hash, 32);
    bf_buf_printf(&b, "%" PRIu64 " ", s->audit_index + 1);
    bf_buf_put(&b, e->text, e->n);
    crypto_generichash(hash, 32, b.data, b.len, NULL, 0);
    if (e->index != s->audit_index + 1)
        world_violate(s->w, "audit: record %" PRIu64 " is committed after %" PRIu64, e->index, s->audit_index);
    else if (memcmp(e->prev, s->audit_hash, 32) != 0 || memcmp(e->hash, hash, 32) != 0)
        world_violate(s->w, "audit: record %" PRIu64 " is not chained to the one before it", e->index);
    s->audit_index++;
    memcpy(s->audit_hash, hash, 32);
    bf_buf_free(&b);
}

void shadow_check_audit(struct shadow *s, const struct turn *t, const struct turn_commit *c)
{
    size_t n = 0;
    check_records(s, t);
    for (size_t i = 0; i < t->n_records; i++) {
        if (t->records[i].kind != RECORD_AUDIT)
            continue;
        if (n < c->n_audit) {
            check_text(s, &t->records[i], &c->audit[n].entry);
            check_link(s, &c->audit[n].entry);
        }
        n++;
    }
    if (n != c->n_audit)
        world_violate(s->w, "audit: %zu records in turn %" PRIu64 ", and %zu are handed to the store", n, t->seq, c->n_audit);
}

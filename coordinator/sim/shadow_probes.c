/* Readings of probes.
 *
 * While a backfill runs whose warehouse has a probe, or something draws on a pool that it governs, the newest reading is never older than
 * the time between two, that after which a canary is given up, and a grace: who steers by it must see silence as silence.  And no two
 * agents that are here are asked to probe one warehouse.  All plans of a run name one warehouse, and say the same probe for it. */
#include <string.h>

#include "coordinator/sim/shadow_checks.h"

enum { EVERY_MS = 2000, PATIENCE_MS = 5000, GRACE_MS = 2000, SLACK_MS = 100 };       /* of sim_probe.c, plan/probe.h and coordinator/probes.h */

static bool is_probed(const struct shadow_backfill *b)
{
    for (size_t i = 0; b->state == BACKFILL_RUNNING && i < b->plan->n_connections; i++)
        if (b->plan->connections[i].probe)
            return true;
    return false;
}

bool shadow_probe_is_wanted(const struct shadow *s)
{
    for (size_t i = 0; i < s->backfills.n; i++)
        if (is_probed(&s->backfills.at[i]))
            return true;
    return shadow_probe_governs(s);
}

/* It is not here, or drains: what it runs is no longer what it was asked for.  0: all. */
static void forget(struct shadow *s, uint32_t agent)
{
    for (size_t i = 0; i < s->agents.n; i++)
        s->agents.at[i].probes &= agent != 0 && s->agents.at[i].id != agent;
}

static bool begins_in(const struct turn *t, uint32_t backfill)
{
    for (size_t i = 0; i < t->n_records; i++) {
        const struct record *r = &t->records[i];
        if (r->kind == RECORD_BACKFILL_STATE && r->backfill == backfill && record_rare(r)->backfill_state == BACKFILL_RUNNING)
            return true;
    }
    return false;
}

/* What wanted the probe before may have ended earlier in this turn, and nobody did in between: then what is told of it goes to nobody,
 * and silence is counted from the beginning on. */
bool shadow_probe_begins_anew(const struct shadow *s, const struct turn *t)
{
    bool anew = false;
    for (size_t i = 0; i < s->backfills.n; i++) {
        if (!is_probed(&s->backfills.at[i]))
            continue;
        if (!begins_in(t, s->backfills.at[i].id))
            return false;
        anew = true;
    }
    return anew;
}

void shadow_check_probes(struct shadow *s, const struct turn *t)
{
    bool probed = shadow_probe_is_wanted(s), fresh = shadow_probe_begins_anew(s, t);
    for (size_t i = 0; i < t->n_records; i++) {
        const struct record *r = &t->records[i];
        bool began = r->kind == RECORD_AUDIT && record_rare(r)->audit == AUDIT_SERVICE && strcmp(record_rare(r)->what, "start") == 0;
        fresh = fresh || began || r->kind == RECORD_PROBED || r->kind == RECORD_LOW;
        if (began)
            forget(s, 0);
        else if (r->kind == RECORD_AGENT_STATE)
            forget(s, r->agent);
    }
    if (!s->probed || !probed || s->low || fresh)
        s->probed_ms = t->now_ms;
    s->probed = probed;
    if (t->now_ms - s->probed_ms > EVERY_MS + PATIENCE_MS + GRACE_MS + SLACK_MS)
        world_violate(s->w, "probe: nothing is known of the load of the warehouse for %lld ms, and nobody says so",
                      (long long)(t->now_ms - s->probed_ms));
}

void shadow_check_probing(struct shadow *s, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg)
{
    struct shadow_agent *asked = NULL, *other = NULL;
    for (size_t i = 0; i < s->agents.n; i++) {
        struct shadow_agent *a = &s->agents.at[i];
        if (memcmp(a->key, key, sizeof a->key) == 0 && a->incarnation == msg->incarnation)
            asked = a;
        else if (a->probes && a->state == AGENT_CONNECTED)
            other = a;
    }
    if (asked)
        asked->probes = msg->n_probes > 0;
    if (asked && other && msg->n_probes > 0)
        world_violate(s->w, "probe: agents %u and %u are both asked to probe one warehouse", other->id, asked->id);
}

/* Batches: one DISPATCH, KILL and REPORT_ACK message for each agent and turn, split where a message would grow too large.
 *
 * WELCOME goes out first of what an agent gets, so that it has a lease before its dispatches arrive.  The memory of it all is used again
 * by the next turn: where messages carry one step each, its coming and going would cost as much as a message. */
#include "coordinator/release.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/dispatch.h"
#include "coordinator/engine/view.h"
#include "coordinator/turn_state.h"

enum { BATCH_BYTES = BF_MESSAGE_MAX_BYTES / 2, BATCH_ITEMS = 4096 };

static struct batch *batch_of(struct turn_release *r, uint32_t agent, uint32_t effect)
{
    while (r->place.n <= agent)
        bf_vec_push(&r->place, 0);
    uint32_t *place = &r->place.at[agent];
    if (!*place) {
        bf_vec_push(&r->batches, (struct batch){.agent = agent, .first = effect, .last = effect});
        *place = (uint32_t)r->batches.n;
    }
    return &r->batches.at[*place - 1];
}

/* Effects of one agent hang together, in their order. */
static void batch_add(struct turn_release *r, uint32_t agent, uint32_t effect)
{
    struct batch *batch = batch_of(r, agent, effect);
    r->next.at[batch->last] = effect;
    r->next.at[effect] = TURN_NO_EFFECT;
    batch->last = effect;
}

void turn_release_done(struct turn_release *r)
{
    bf_vec_free(&r->place);
    bf_vec_free(&r->batches);
    bf_vec_free(&r->next);
    bf_vec_free(&r->dispatches);
    bf_vec_free(&r->acks);
    for (size_t k = 0; k < sizeof r->kills / sizeof *r->kills; k++)
        bf_vec_free(&r->kills[k]);
    bf_vec_free(&r->assignments);
    bf_arena_free(&r->arena);
}

static void send_refs(struct turns *t, const struct agent_view *agent, enum agent_msg_kind kind, enum kill_reason reason,
                      struct attempt_ref *refs, size_t n)
{
    for (size_t i = 0; i < n; i += BATCH_ITEMS) {
        struct agent_msg m = {.kind = kind, .incarnation = agent->incarnation, .kill_reason = reason, .refs = refs + i,
                              .n_refs = n - i < BATCH_ITEMS ? n - i : BATCH_ITEMS, .text = ""};
        t->ports.send_agent(t->ports.arg, agent->key, &m);
    }
}

static void send_assignments(struct turns *t, const struct agent_view *agent, struct assignment *items, size_t n)
{
    struct agent_msg m = {.kind = AGENT_DISPATCH, .incarnation = agent->incarnation, .nonce = lease_nonce(t->leases, agent->id),
                          .assignments = items, .n_assignments = n, .text = ""};
    if (n)
        t->ports.send_agent(t->ports.arg, agent->key, &m);
}

static void send_dispatches(struct turns *t, const struct agent_view *agent)
{
    struct turn_release *r = &t->release;
    size_t bytes = 0;
    bf_arena_clear(&r->arena);
    bf_vec_clear(&r->assignments);
    for (size_t i = 0; i < r->dispatches.n; i++) {
        struct attempt_view attempt;
        if (!engine_find_attempt(t->engine, r->dispatches.at[i], &attempt))
            continue;                                  /* ended within the same turn */
        struct assignment a;
        dispatch_assignment(t->engine, &attempt, t->settings.cluster, t->settings.grace_ms, &r->arena, &a);
        size_t more = assignment_size_hint(&a);
        if (r->assignments.n == BATCH_ITEMS || (r->assignments.n && bytes + more > BATCH_BYTES)) {
            send_assignments(t, agent, r->assignments.at, r->assignments.n);
            bf_vec_clear(&r->assignments);
            bytes = 0;
        }
        bf_vec_push(&r->assignments, a);
        bytes += more;
    }
    send_assignments(t, agent, r->assignments.at, r->assignments.n);
}

static void send_welcome(struct turns *t, const struct agent_view *agent, int64_t now_ms)
{
    struct peer *peer = turn_peer(t, agent->key);
    peer->agent = agent->id;
    lease_start(t->leases, agent->id, agent->incarnation, now_ms);
    uint64_t nonce = peer->incarnation == agent->incarnation ? peer->hello_nonce : 0;
    bool renewed = lease_renew(t->leases, agent->id, agent->incarnation, nonce, now_ms);
    assert(renewed);
    struct agent_msg m = {.kind = AGENT_WELCOME, .incarnation = agent->incarnation, .nonce = nonce,
                          .lease_ms = t->settings.lease.agent_ms, .fence_ms = t->settings.lease.fence_ms,
                          .heartbeat_ms = t->settings.lease.heartbeat_ms, .text = ""};
    t->ports.send_agent(t->ports.arg, agent->key, &m);
}

/* What the batch says, by what becomes a message. */
static void unfold(struct turns *t, const struct batch *batch, bool *ret_welcome, bool *ret_drain)
{
    struct turn_release *r = &t->release;
    bf_vec_clear(&r->dispatches);
    bf_vec_clear(&r->acks);
    for (size_t k = 0; k < sizeof r->kills / sizeof *r->kills; k++)
        bf_vec_clear(&r->kills[k]);
    for (uint32_t i = batch->first; i != TURN_NO_EFFECT; i = r->next.at[i]) {
        const struct effect *f = &t->out.effects[i];
        switch (f->kind) {
        case EFFECT_DISPATCH: bf_vec_push(&r->dispatches, f->ref.attempt); break;
        case EFFECT_KILL: bf_vec_push(&r->kills[f->kill_reason], f->ref); break;
        case EFFECT_REPORT_ACK: bf_vec_push(&r->acks, f->ref); break;
        case EFFECT_WELCOME: *ret_welcome = true; break;
        case EFFECT_DRAIN: *ret_drain = true; break;
        case EFFECT_REFUSE: case EFFECT_REPLY: case EFFECT_KEYS: assert(false && "not of a batch"); break;
        }
    }
}

static void send_batch(struct turns *t, const struct batch *batch, int64_t now_ms)
{
    const struct turn_release *r = &t->release;
    struct agent_view agent;
    bool welcome = false, drain = false;
    if (!engine_agent(t->engine, batch->agent, &agent))
        return;
    unfold(t, batch, &welcome, &drain);
    /* An agent whose lease ran out in the turn of its HELLO is not there: it has no answer, and says HELLO again. */
    if (welcome && (agent.state == AGENT_CONNECTED || agent.state == AGENT_DRAINING))
        send_welcome(t, &agent, now_ms);
    if (drain) {
        struct agent_msg m = {.kind = AGENT_DRAIN, .incarnation = agent.incarnation, .text = ""};
        t->ports.send_agent(t->ports.arg, agent.key, &m);
    }
    send_refs(t, &agent, AGENT_REPORT_ACK, KILL_STALE, r->acks.at, r->acks.n);
    for (int reason = KILL_CANCELLED; reason <= KILL_REASONS_MAX; reason++)
        send_refs(t, &agent, AGENT_KILL, (enum kill_reason)reason, r->kills[reason].at, r->kills[reason].n);
    send_dispatches(t, &agent);
}

static void send_refuse(struct turns *t, const struct effect *f)
{
    struct agent_msg m = {.kind = AGENT_REFUSE, .incarnation = f->incarnation, .text = f->text};
    t->ports.send_agent(t->ports.arg, f->key, &m);
}

static void send_reply(struct turns *t, const struct effect *f)
{
    if (bf_smap_get(&t->peers, f->key, BF_KEY_BYTES))
        return;                                  /* an agent's own command */
    struct op_reply reply = {.rc = f->rc, .text = f->text, .json = f->json, .json_len = strlen(f->json)};
    memcpy(reply.id, f->request_id, sizeof reply.id);
    t->ports.reply(t->ports.arg, f->key, &reply);
}

void release_effects(struct turns *t, int64_t now_ms)
{
    struct turn_release *r = &t->release;
    bf_vec_reserve(&r->next, t->out.n_effects);
    for (uint32_t i = 0; i < t->out.n_effects; i++) {
        const struct effect *f = &t->out.effects[i];
        switch (f->kind) {
        case EFFECT_DISPATCH: case EFFECT_KILL: case EFFECT_REPORT_ACK: case EFFECT_WELCOME: case EFFECT_DRAIN:
            batch_add(r, f->agent, i);
            break;
        case EFFECT_REFUSE: send_refuse(t, f); break;
        case EFFECT_REPLY: send_reply(t, f); break;
        case EFFECT_KEYS:
            if (t->ports.keys_changed)
                t->ports.keys_changed(t->ports.arg);
            break;
        }
    }
    for (size_t i = 0; i < r->batches.n; i++) {
        send_batch(t, &r->batches.at[i], now_ms);
        r->place.at[r->batches.at[i].agent] = 0;
    }
    bf_vec_clear(&r->batches);
}

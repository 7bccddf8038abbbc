/* Batches: one DISPATCH, KILL and REPORT_ACK message for each agent and turn, split where a message would grow too large.
 *
 * WELCOME goes out first of what an agent gets, so that it has a lease before its dispatches arrive. */
#include "coordinator/release.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/dispatch.h"
#include "coordinator/engine/view.h"
#include "coordinator/turn_state.h"

enum { BATCH_BYTES = BF_MESSAGE_MAX_BYTES / 2, BATCH_ITEMS = 4096 };

struct batch {
    uint32_t agent;
    bool welcome, drain;
    BF_VEC_TYPE(uint64_t) dispatches;
    BF_VEC_TYPE(struct attempt_ref) acks;
    BF_VEC_TYPE(struct attempt_ref) kills[KILL_REASONS_MAX + 1];     /* by reason */
};

struct batches {
    BF_VEC_TYPE(struct batch) at;
    struct bf_map by_agent;
};

static struct batch *batch_of(struct batches *b, uint32_t agent)
{
    uint64_t i;
    if (bf_map_get(&b->by_agent, agent, &i))
        return &b->at.at[i];
    bf_map_put(&b->by_agent, agent, b->at.n);
    struct batch *fresh = bf_vec_add(&b->at);
    fresh->agent = agent;
    return fresh;
}

static void batches_done(struct batches *b)
{
    for (size_t i = 0; i < b->at.n; i++) {
        struct batch *batch = &b->at.at[i];
        bf_vec_free(&batch->dispatches);
        bf_vec_free(&batch->acks);
        for (size_t k = 0; k < sizeof batch->kills / sizeof *batch->kills; k++)
            bf_vec_free(&batch->kills[k]);
    }
    bf_vec_free(&b->at);
    bf_map_free(&b->by_agent);
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

static void send_dispatches(struct turns *t, const struct batch *batch, const struct agent_view *agent)
{
    struct bf_arena arena = {0};
    BF_VEC_TYPE(struct assignment) items = {0};
    size_t bytes = 0;
    for (size_t i = 0; i < batch->dispatches.n; i++) {
        struct attempt_view attempt;
        if (!engine_find_attempt(t->engine, batch->dispatches.at[i], &attempt))
            continue;                                  /* ended within the same turn */
        struct assignment a;
        dispatch_assignment(t->engine, &attempt, t->settings.cluster, t->settings.grace_ms, &arena, &a);
        size_t more = assignment_size_hint(&a);
        if (items.n == BATCH_ITEMS || (items.n && bytes + more > BATCH_BYTES)) {
            send_assignments(t, agent, items.at, items.n);
            bf_vec_clear(&items);
            bytes = 0;
        }
        bf_vec_push(&items, a);
        bytes += more;
    }
    send_assignments(t, agent, items.at, items.n);
    bf_vec_free(&items);
    bf_arena_free(&arena);
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

static void send_batch(struct turns *t, struct batch *batch, int64_t now_ms)
{
    struct agent_view agent;
    if (!engine_agent(t->engine, batch->agent, &agent))
        return;
    /* An agent whose lease ran out in the turn of its HELLO is not there: it has no answer, and says HELLO again. */
    if (batch->welcome && (agent.state == AGENT_CONNECTED || agent.state == AGENT_DRAINING))
        send_welcome(t, &agent, now_ms);
    if (batch->drain) {
        struct agent_msg m = {.kind = AGENT_DRAIN, .incarnation = agent.incarnation, .text = ""};
        t->ports.send_agent(t->ports.arg, agent.key, &m);
    }
    send_refs(t, &agent, AGENT_REPORT_ACK, KILL_STALE, batch->acks.at, batch->acks.n);
    for (int reason = KILL_CANCELLED; reason <= KILL_REASONS_MAX; reason++)
        send_refs(t, &agent, AGENT_KILL, (enum kill_reason)reason, batch->kills[reason].at, batch->kills[reason].n);
    send_dispatches(t, batch, &agent);
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
    struct batches batches = {0};
    for (size_t i = 0; i < t->out.n_effects; i++) {
        const struct effect *f = &t->out.effects[i];
        switch (f->kind) {
        case EFFECT_DISPATCH: bf_vec_push(&batch_of(&batches, f->agent)->dispatches, f->ref.attempt); break;
        case EFFECT_KILL: bf_vec_push(&batch_of(&batches, f->agent)->kills[f->kill_reason], f->ref); break;
        case EFFECT_REPORT_ACK: bf_vec_push(&batch_of(&batches, f->agent)->acks, f->ref); break;
        case EFFECT_WELCOME: batch_of(&batches, f->agent)->welcome = true; break;
        case EFFECT_DRAIN: batch_of(&batches, f->agent)->drain = true; break;
        case EFFECT_REFUSE: send_refuse(t, f); break;
        case EFFECT_REPLY: send_reply(t, f); break;
        case EFFECT_KEYS:
            if (t->ports.keys_changed)
                t->ports.keys_changed(t->ports.arg);
            break;
        }
    }
    for (size_t i = 0; i < batches.at.n; i++)
        send_batch(t, &batches.at.at[i], now_ms);
    batches_done(&batches);
}

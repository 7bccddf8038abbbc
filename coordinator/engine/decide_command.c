/* What operators ask for.  Every command is answered by a record, so that the same request id gets the same answer again,
 * whatever happened in between. */
#include <stdio.h>
#include <string.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"

struct answer command_refuse(enum bf_rc rc, const char *text)
{
    return (struct answer){.rc = rc, .text = text, .json = ""};
}

struct answer command_accept(struct decision *d, const struct backfill *b, const char *text)
{
    const char *json = out_printf(d->out, "{\"id\":\"bf-%u\",\"state\":\"%s\"}", b->id, backfill_state_name(b->state));
    return (struct answer){.rc = BF_OK, .text = text, .json = json};
}

static void set_state(struct decision *d, const struct backfill *b, enum backfill_state state)
{
    struct record *r = record_begin(d, RECORD_BACKFILL_STATE);
    r->backfill = b->id;
    r->backfill_state = state;
    record_emit(d, r);
}

/* ---- what the shell says of itself: epoch, room, pools ---- */

/* Tokens go on from a higher epoch; a lower one would break their order, and is not taken. */
void decide_epoch(struct decision *d, uint32_t epoch)
{
    if (epoch <= d->e->epoch)
        return;
    struct record *r = record_begin(d, RECORD_COUNTERS);
    r->epoch = epoch;
    r->next_attempt = d->e->next_attempt;
    r->next_backfill = d->e->next_backfill;
    r->next_agent = d->e->next_agent;
    record_emit(d, r);
}

void decide_low(struct decision *d, bool low)
{
    if (low == d->e->low)
        return;
    struct record *r = record_begin(d, RECORD_LOW);
    r->low = low;
    record_emit(d, r);
}

static bool drawn_on(const struct engine *e, uint32_t pool)
{
    for (size_t i = 0; i < e->live.n; i++) {
        const struct backfill *b = backfill_find(e, e->live.at[i]);
        for (size_t k = 0; k < b->plan->n_pools; k++)
            if (b->pools[k] == pool)
                return true;
    }
    return false;
}

/* The configuration wins.  One plan must not raise the budget of another whose backfill is live: the smaller of two holds. */
void decide_pool(struct decision *d, const char *name, uint32_t slots, enum pool_source source)
{
    uint32_t i = pool_find(d->e, name);
    if (i != PLAN_NO_INDEX) {
        const struct pool *p = &d->e->pools.at[i];
        bool overruled = source == POOL_FROM_PLAN && (p->source == POOL_FROM_CONFIG || (slots > p->slots && drawn_on(d->e, i)));
        if (overruled || (p->slots == slots && p->source == source))
            return;
    }
    struct record *r = record_begin(d, RECORD_POOL_SET);
    r->pool_name = name;
    r->pool_slots = slots;
    r->pool_source = source;
    record_emit(d, r);
}

/* ---- create ---- */

static uint32_t create(struct decision *d, const struct input *in, const struct known_plan *known)
{
    const struct op_request *c = &in->command;
    for (size_t i = 0; i < known->plan->n_pools; i++)
        decide_pool(d, known->plan->pools[i].name, known->plan->pools[i].slots, POOL_FROM_PLAN);
    uint32_t id = d->e->next_backfill;
    struct record *r = record_begin(d, RECORD_BACKFILL_CREATED);
    r->backfill = id;
    memcpy(r->plan_hash, c->plan_hash, sizeof r->plan_hash);
    r->from = c->from;
    r->to = c->to;
    r->backward = c->backward;
    r->params = c->params;
    r->n_params = c->n_params;
    r->actor = in->actor;
    r->reason = c->reason;
    record_emit(d, r);
    set_state(d, backfill_find(d->e, id), BACKFILL_RUNNING);
    return id;
}

static struct answer command_create(struct decision *d, const struct input *in)
{
    const struct op_request *c = &in->command;
    uint8_t key[32];
    const char *conflict = NULL;
    engine_plan_key(c->plan_hash, c->from, c->to, c->params, c->n_params, key);
    const struct known_plan *known = plan_find(d->e, key);
    if (d->e->low)
        return command_refuse(BF_FULL, "the coordinator's store is short of room; free some, and create the backfill again");
    if (!known)
        return command_refuse(BF_NOT_FOUND, "the plan is not known to the coordinator; send it before the backfill is created");
    if (!BF_PLANTED("one_writer_unchecked") && writers_conflict(d, known->topology, 0, &conflict))
        return command_refuse(BF_CONFLICT, conflict);
    if (!BF_PLANTED("outside_unchecked") && (conflict = outside_missing(d, known->plan)) != NULL)
        return command_refuse(BF_CONFLICT, conflict);
    uint32_t id = create(d, in, known);
    return (struct answer){
        .rc = BF_OK,
        .text = out_printf(d->out, "bf-%u", id),
        .json = out_printf(d->out, "{\"id\":\"bf-%u\",\"state\":\"running\",\"steps\":{\"total\":%u}}", id, known->topology->n)};
}

/* ---- pause, resume, cancel, retry ---- */

static struct answer already(struct decision *d, const struct backfill *b)
{
    return command_accept(d, b, out_printf(d->out, "bf-%u is %s already", b->id, backfill_state_name(b->state)));
}

static struct answer now_is(struct decision *d, const struct backfill *b)
{
    return command_accept(d, b, out_printf(d->out, "bf-%u is %s", b->id, backfill_state_name(b->state)));
}

static struct answer wrong_state(struct decision *d, const struct backfill *b, const char *needs)
{
    return command_refuse(BF_CONFLICT, out_printf(d->out, "bf-%u is %s; %s", b->id, backfill_state_name(b->state), needs));
}

static struct answer command_pause(struct decision *d, const struct backfill *b)
{
    if (b->state == BACKFILL_PAUSED)
        return already(d, b);
    if (b->state != BACKFILL_RUNNING)
        return wrong_state(d, b, "only a running backfill can be paused");
    set_state(d, b, BACKFILL_PAUSED);
    return now_is(d, b);
}

static struct answer command_resume(struct decision *d, const struct backfill *b)
{
    if (b->state == BACKFILL_RUNNING)
        return already(d, b);
    if (b->state != BACKFILL_PAUSED)
        return wrong_state(d, b, "only a paused backfill can be resumed");
    set_state(d, b, BACKFILL_RUNNING);
    return now_is(d, b);
}

static void kill_open(struct decision *d, const struct backfill *b)
{
    const struct engine *e = d->e;
    uint32_t left = b->open;
    for (uint32_t slot = e->first_attempt; slot != NO_SLOT && left > 0; slot = e->attempts.at[slot].next) {
        const struct attempt *a = &e->attempts.at[slot];
        if (a->backfill != b->id)
            continue;
        effect_kill(d, a->agent, a->ref, KILL_CANCELLED);
        left--;
    }
}

static struct answer command_cancel(struct decision *d, const struct backfill *b)
{
    if (b->state == BACKFILL_CANCELLED)
        return already(d, b);
    if (b->state != BACKFILL_RUNNING && b->state != BACKFILL_PAUSED && b->state != BACKFILL_QUEUED)
        return wrong_state(d, b, "it is over, and nothing is left to cancel");
    struct record *r = record_begin(d, RECORD_CANCELLED);
    r->backfill = b->id;
    record_emit(d, r);
    set_state(d, b, BACKFILL_CANCELLED);
    kill_open(d, b);
    if (b->open == 0)
        return command_accept(d, b, out_printf(d->out, "bf-%u is cancelled", b->id));
    return command_accept(d, b, out_printf(d->out, "bf-%u is cancelled; %u running step%s being killed", b->id, b->open,
                                           b->open == 1 ? " is" : "s are"));
}

static struct answer command_retry(struct decision *d, const struct backfill *b)
{
    const char *conflict = NULL;
    if (b->state == BACKFILL_CANCELLED || b->state == BACKFILL_SUCCEEDED)
        return wrong_state(d, b, "only a backfill with failed steps can be retried");
    uint64_t failed = b->count[INSTANCE_FAILED];
    if (failed == 0)
        return command_accept(d, b, out_printf(d->out, "bf-%u has no failed step to retry", b->id));
    if (!BF_PLANTED("one_writer_unchecked") && writers_conflict(d, b->topology, b->id, &conflict))
        return command_refuse(BF_CONFLICT, conflict);
    struct record *r = record_begin(d, RECORD_RETRIED);
    r->backfill = b->id;
    record_emit(d, r);
    if (b->state == BACKFILL_PARTLY || b->state == BACKFILL_FAILED)
        set_state(d, b, BACKFILL_RUNNING);
    char still[96] = "";
    if (b->state == BACKFILL_PAUSED)
        snprintf(still, sizeof still, "; it is %s: bfctl resume bf-%u lets it go on", b->halted ? "halted by a check" : "paused", b->id);
    return command_accept(d, b, out_printf(d->out, "bf-%u: %llu failed step%s a new run%s", b->id, (unsigned long long)failed,
                                       failed == 1 ? " begins" : "s begin", still));
}

/* ---- priority ---- */

static struct answer tell_priority(struct decision *d, const struct backfill *b, const struct op_request *c, uint32_t picked,
                                   uint32_t changed, const char *first)
{
    const char *class = plan_priority_name(priority_of(c->priority)), *text;
    if (picked == 1)
        text = out_printf(d->out, "bf-%u: %s is %s%s", b->id, first, class, changed ? "" : " already");
    else if (changed == 0)
        text = out_printf(d->out, "bf-%u: all %u steps are %s already", b->id, picked, class);
    else if (changed == picked)
        text = out_printf(d->out, "bf-%u: all %u steps are %s", b->id, picked, class);
    else
        text = out_printf(d->out, "bf-%u: %u of %u steps changed to %s; the others have it already", b->id, changed, picked, class);
    const char *json = out_printf(d->out, "{\"id\":\"bf-%u\",\"state\":\"%s\",\"priority\":\"%s\",\"steps\":%u,\"changed\":%u}", b->id,
                                  backfill_state_name(b->state), class, picked, changed);
    return (struct answer){.rc = BF_OK, .text = text, .json = json};
}

static struct answer command_priority(struct decision *d, const struct backfill *b, const struct op_request *c)
{
    struct plan_selection picked;
    struct plan_selection_walk w = {0};
    struct bf_error err = {0};
    enum bf_rc rc = engine_priority_pick(d->e, b->id, c, &picked, &err);
    if (rc != BF_OK)
        return command_refuse(rc, bf_arena_strdup(&d->out->arena, err.text));
    uint32_t *steps = bf_arena_alloc(&d->out->arena, b->plan->n_steps * sizeof *steps), n = 0, changed = 0;
    const char *first = "";
    while (plan_selection_next(&picked, &w)) {
        first = n++ == 0 ? b->plan->steps[w.step].name : first;
        if (b->priority[w.step] != priority_of(c->priority))
            steps[changed++] = w.step;
    }
    plan_selection_done(&picked);
    if (n == 0)
        return command_refuse(BF_NOT_FOUND, out_printf(d->out, "no step of bf-%u is picked", b->id));
    if (changed > 0) {
        struct record *r = record_begin(d, RECORD_PRIORITY_SET);
        r->backfill = b->id;
        r->priority = c->priority;
        r->steps = steps;
        r->n_steps = changed;
        record_emit(d, r);
    }
    return tell_priority(d, b, c, n, changed, first);
}

/* ---- agents ---- */

static struct answer command_drain(struct decision *d, const char *name)
{
    const struct agent *a = agent_find_name(d->e, name);
    if (!a)
        return command_refuse(BF_NOT_FOUND, out_printf(d->out, "no agent with the name %s is connected; see bfctl agents", name));
    uint32_t id = a->id;
    bool before = a->state == AGENT_DRAINING;
    if (!before) {
        struct record *r = record_begin(d, RECORD_AGENT_STATE);
        r->agent = id;
        r->agent_state = AGENT_DRAINING;
        record_emit(d, r);
        effect_add(d->out, EFFECT_DRAIN)->agent = id;
    }
    return (struct answer){.rc = BF_OK, .text = out_printf(d->out, "agent %s is draining%s", name, before ? " already" : ""),
                           .json = out_printf(d->out, "{\"agent\":\"%s\",\"state\":\"draining\"}", name)};
}

/* ---- dispatch ---- */

static struct answer command_on_backfill(struct decision *d, const struct op_request *c)
{
    uint32_t id = c->backfill == OP_LATEST ? engine_latest_backfill(d->e) : c->backfill;
    const struct backfill *b = backfill_find(d->e, id);
    if (!b)
        return command_refuse(BF_NOT_FOUND, id ? out_printf(d->out, "there is no backfill bf-%u; see bfctl backfill list", id)
                                       : "there is no backfill yet");
    switch (c->verb) {
    case OP_PAUSE: return command_pause(d, b);
    case OP_RESUME: return command_resume(d, b);
    case OP_CANCEL: return command_cancel(d, b);
    case OP_PRIORITY: return command_priority(d, b, c);
    default: return command_retry(d, b);
    }
}

static struct answer carry_out(struct decision *d, const struct input *in)
{
    const struct op_request *c = &in->command;
    const struct key_entry *sender = key_find(d->e, in->key);
    if (sender && sender->state == KEY_REVOKED)  /* by a command before this one in the same turn */
        return command_refuse(BF_DENIED, out_printf(d->out, "the key of %s was revoked", sender->name));
    switch (c->verb) {
    case OP_CREATE: return command_create(d, in);
    case OP_PAUSE:
    case OP_RESUME:
    case OP_CANCEL:
    case OP_RETRY:
    case OP_PRIORITY: return command_on_backfill(d, c);
    case OP_AGENT_DRAIN: return command_drain(d, c->name ? c->name : "");
    case OP_KEY_CREATE:
    case OP_KEY_REVOKE:
    case OP_KEY_ROTATE:
    case OP_AGENT_ENROLL:
    case OP_AGENT_JOIN: return decide_keys(d, in);
    default:
        return command_refuse(BF_UNSUPPORTED, out_printf(d->out, "command %d is not supported yet by this coordinator", (int)c->verb));
    }
}

static void reply(struct decision *d, const struct input *in, const struct answer *a)
{
    struct effect *f = effect_add(d->out, EFFECT_REPLY);
    memcpy(f->key, in->key, sizeof f->key);
    memcpy(f->request_id, in->command.id, sizeof f->request_id);
    f->rc = a->rc;
    f->text = bf_arena_strdup(&d->out->arena, a->text);
    f->json = bf_arena_strdup(&d->out->arena, a->json);
}

static void record_reply(struct decision *d, const struct input *in, const struct answer *a)
{
    struct record *r = record_begin(d, RECORD_REPLIED);
    memcpy(r->key, in->key, sizeof r->key);
    memcpy(r->request_id, in->command.id, sizeof r->request_id);
    r->rc = a->rc;
    r->text = a->text;
    r->json = a->json;
    r->backfill = in->command.backfill;
    record_emit(d, r);
}

void decide_command(struct decision *d, const struct input *in)
{
    const struct reply *before = reply_find(d->e, in->key, in->command.id);
    if (before && !BF_PLANTED("request_repeated")) {
        reply(d, in, &(struct answer){.rc = before->rc, .text = before->text, .json = before->json});
        return;
    }
    struct answer a = carry_out(d, in);
    if (!before)
        record_reply(d, in, &a);
    reply(d, in, &a);
}

/* What operators ask for.  Every command is answered by a record, so that the same request id gets the same answer again,
 * whatever happened in between. */
#include <stdio.h>
#include <string.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/steer.h"

struct answer command_refuse(enum bf_rc rc, const char *text)
{
    return (struct answer){.rc = rc, .text = text, .json = ""};
}

struct answer command_accept(struct decision *d, const struct backfill *b, const char *text)
{
    const char *json = out_printf(d->out, "{\"id\":\"bf-%u\",\"state\":\"%s\"}", b->id, backfill_state_name(b->state));
    return (struct answer){.rc = BF_OK, .text = text, .json = json};
}

const char *command_counts(struct decision *d, const struct backfill *b)
{
    char text[512];
    int used = snprintf(text, sizeof text, "{\"state\":\"%s\"", backfill_state_name(b->state));
    for (int s = INSTANCE_WAITING; s < INSTANCE_STATE_COUNT; s++)
        if (b->count[s] > 0)
            used += snprintf(text + used, sizeof text - (size_t)used, ",\"%s\":%llu", instance_state_name((enum instance_state)s),
                             (unsigned long long)b->count[s]);
    if (b->held > 0)
        used += snprintf(text + used, sizeof text - (size_t)used, ",\"held\":%llu", (unsigned long long)b->held);
    if (b->stale > 0)
        used += snprintf(text + used, sizeof text - (size_t)used, ",\"stale\":%llu", (unsigned long long)b->stale);
    return out_printf(d->out, "%s%s}", text, b->halted ? ",\"halted\":true" : "");
}

/* ---- what the shell says of itself: epoch, room ---- */

/* Tokens go on from a higher epoch; a lower one would break their order, and is not taken. */
void decide_epoch(struct decision *d, uint32_t epoch)
{
    if (epoch <= d->e->epoch)
        return;
    struct record *r = record_begin(d, RECORD_COUNTERS);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    rare->epoch = epoch;
    rare->next_attempt = d->e->next_attempt;
    rare->next_backfill = d->e->next_backfill;
    rare->next_agent = d->e->next_agent;
    uint32_t before = d->e->epoch;
    record_emit(d, r);
    audit_note(d, &(struct audit_note){.what = "epoch", .target = "store", .before = out_printf(d->out, "{\"epoch\":%u}", before),
                                       .after = out_printf(d->out, "{\"epoch\":%u}", epoch),
                                       .text = "tokens go on from a higher epoch: the store is new, or was restored"});
}

void decide_low(struct decision *d, bool low)
{
    if (low == d->e->low)
        return;
    struct record *r = record_begin(d, RECORD_LOW);
    record_rare_need(r, &d->out->arena)->low = low;
    record_emit(d, r);
    audit_note(d, &(struct audit_note){.what = low ? "low water" : "room again", .target = "store",
                                       .text = low ? "no creates and no grants until there is room" : "creates and grants go on"});
}

/* ---- pause, resume, cancel, retry ---- */

/* What a person holds is not let go by a resume of the whole; "" when there is nothing. */
static const char *still_held(struct decision *d, const struct backfill *b)
{
    if (b->state != BACKFILL_RUNNING || b->held == 0)
        return "";
    return out_printf(d->out, "; %llu step instance%s still held: bfctl resume bf-%u '*' lets %s go", (unsigned long long)b->held,
                      b->held == 1 ? " is" : "s are", b->id, b->held == 1 ? "it" : "them");
}

static struct answer already(struct decision *d, const struct backfill *b)
{
    return command_accept(d, b, out_printf(d->out, "bf-%u is %s already%s", b->id, backfill_state_name(b->state), still_held(d, b)));
}

/* Changed to this state just now. */
static struct answer now_is(struct decision *d, const struct backfill *b, const char *before)
{
    const char *text = out_printf(d->out, "bf-%u is %s%s", b->id, backfill_state_name(b->state), still_held(d, b));
    struct answer a = command_accept(d, b, text);
    a.before = before;
    a.after = command_counts(d, b);
    return a;
}

static const char *wrong_state(struct decision *d, const struct backfill *b, const char *needs)
{
    return out_printf(d->out, "bf-%u is %s; %s", b->id, backfill_state_name(b->state), needs);
}

static const char *pause_objection(struct decision *d, const struct backfill *b)
{
    if (b->state == BACKFILL_QUEUED)
        return wrong_state(d, b, "it has not begun: cancel it, or pause it when it runs");
    return b->state == BACKFILL_RUNNING || b->state == BACKFILL_PAUSED ? NULL : wrong_state(d, b, "only a running backfill can be paused");
}

static const char *resume_objection(struct decision *d, const struct backfill *b, enum bf_rc *ret_rc)
{
    if (b->state == BACKFILL_QUEUED)
        return wrong_state(d, b, "it begins by itself when what it waits for is over; bfctl backfill get shows what that is");
    if (b->state == BACKFILL_PAUSED && b->started_us == 0)
        return begin_objection(d, b, ret_rc);
    return b->state == BACKFILL_RUNNING || b->state == BACKFILL_PAUSED ? NULL : wrong_state(d, b, "only a paused backfill can be resumed");
}

static const char *cancel_objection(struct decision *d, const struct backfill *b)
{
    bool over = b->state == BACKFILL_SUCCEEDED || b->state == BACKFILL_PARTLY || b->state == BACKFILL_FAILED;
    return over ? wrong_state(d, b, "it is over, and nothing is left to cancel") : NULL;
}

static const char *retry_objection(struct decision *d, const struct backfill *b, enum bf_rc *ret_rc)
{
    if (b->state == BACKFILL_CANCELLED || b->state == BACKFILL_SUCCEEDED)
        return wrong_state(d, b, "only a backfill with failed steps can be retried");
    bool again = backfill_finished(b) && b->count[INSTANCE_FAILED] > 0;
    return again && !BF_PLANTED("one_writer_unchecked") ? again_objection(d, b, ret_rc) : NULL;
}

const char *command_objection(struct decision *d, const struct backfill *b, enum op_verb verb, enum bf_rc *ret_rc)
{
    *ret_rc = BF_CONFLICT;
    switch (verb) {
    case OP_PAUSE: return pause_objection(d, b);
    case OP_RESUME: return resume_objection(d, b, ret_rc);
    case OP_CANCEL: return cancel_objection(d, b);
    default: return retry_objection(d, b, ret_rc);
    }
}

static struct answer command_pause(struct decision *d, const struct backfill *b)
{
    if (b->state == BACKFILL_PAUSED)
        return already(d, b);
    const char *before = command_counts(d, b);
    decide_backfill_state(d, b, BACKFILL_PAUSED, NOT_HALTED, "");
    return now_is(d, b, before);
}

static struct answer command_resume(struct decision *d, const struct backfill *b)
{
    if (b->state == BACKFILL_RUNNING)
        return already(d, b);
    if (b->started_us == 0)
        return decide_begin_held(d, b);
    const char *before = command_counts(d, b);
    decide_backfill_state(d, b, BACKFILL_RUNNING, NOT_HALTED, "");
    return now_is(d, b, before);
}

void kill_open(struct decision *d, const struct backfill *b)
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

uint32_t attempts_out_of_reach(const struct engine *e, const struct backfill *b, const struct steer_outcome *o)
{
    uint32_t n = 0, left = b->open;
    for (uint32_t slot = e->first_attempt; slot != NO_SLOT && left > 0; slot = e->attempts.at[slot].next) {
        const struct attempt *a = &e->attempts.at[slot];
        if (a->backfill != b->id)
            continue;
        left--;
        n += agent_find(e, a->agent)->state == AGENT_LOST && (!o || steer_changes(o, instance_number(b, a->step, a->index)));
    }
    return n;
}

const char *out_of_reach_words(struct decision *d, uint64_t n, bool keep_running)
{
    if (n == 0)
        return "";
    if (keep_running)
        return out_printf(d->out, "; %llu running step%s at an agent that is lost, and only its word ends %s", (unsigned long long)n,
                          n == 1 ? " is" : "s are", n == 1 ? "it" : "them");
    return out_printf(d->out, "; %llu running step%s at an agent that is lost, and end%s when it is back", (unsigned long long)n,
                      n == 1 ? " is" : "s are", n == 1 ? "s" : "");
}

static bool any_kept(const struct backfill *b)
{
    for (uint32_t i = 0; b->open > 0 && i < b->topology->n; i++)
        if (b->instances[i].flags & FLAG_KEEP)
            return true;
    return false;
}

bool command_cancels(const struct backfill *b, bool keep_running)
{
    return b->state != BACKFILL_CANCELLED || (!keep_running && any_kept(b));
}

static const char *cancel_words(struct decision *d, const struct backfill *b, bool keep_running)
{
    uint32_t lost = attempts_out_of_reach(d->e, b, NULL), here = b->open - lost;
    const char *on = "";
    if (here > 0 && keep_running)
        on = out_printf(d->out, "; %u running step%s on to the end", here, here == 1 ? " goes" : "s go");
    else if (here > 0)
        on = out_printf(d->out, "; %u running step%s being killed", here, here == 1 ? " is" : "s are");
    return out_printf(d->out, "bf-%u is cancelled%s%s", b->id, on, out_of_reach_words(d, lost, keep_running));
}

/* Again is said, not done; but what was kept running is killed when that is asked for now. */
static struct answer command_cancel(struct decision *d, const struct backfill *b, bool keep_running)
{
    bool again = b->state == BACKFILL_CANCELLED;
    if (!command_cancels(b, keep_running))
        return already(d, b);
    const char *before = command_counts(d, b);
    struct record *r = record_begin(d, RECORD_CANCELLED);
    r->backfill = b->id;
    record_rare_need(r, &d->out->arena)->steer_flags = keep_running ? STEER_KEEP_RUNNING : 0;
    record_emit(d, r);
    if (!again)
        decide_backfill_state(d, b, BACKFILL_CANCELLED, NOT_HALTED, "");
    if (!keep_running)
        kill_open(d, b);
    struct answer a = command_accept(d, b, cancel_words(d, b, keep_running));
    a.before = before;
    a.after = command_counts(d, b);
    return a;
}

static struct answer command_retry(struct decision *d, const struct backfill *b)
{
    uint64_t failed = b->count[INSTANCE_FAILED];
    if (failed == 0)
        return command_accept(d, b, out_printf(d->out, "bf-%u has no failed step to retry", b->id));
    const char *before = command_counts(d, b);
    struct record *r = record_begin(d, RECORD_RETRIED);
    r->backfill = b->id;
    record_emit(d, r);
    if (b->state == BACKFILL_PARTLY || b->state == BACKFILL_FAILED)
        decide_backfill_state(d, b, BACKFILL_RUNNING, NOT_HALTED, "");
    char still[96] = "";
    if (b->state == BACKFILL_PAUSED)
        snprintf(still, sizeof still, "; it is %s: bfctl resume bf-%u lets it go on", backfill_stands(b), b->id);
    struct answer a = command_accept(d, b, out_printf(d->out, "bf-%u: %llu failed step%s a new run%s", b->id, (unsigned long long)failed,
                                                      failed == 1 ? " begins" : "s begin", still));
    a.before = before;
    a.after = command_counts(d, b);
    return a;
}

/* ---- priority ---- */

/* How many of these steps have each class. */
static const char *class_words(struct decision *d, const struct backfill *b, const uint32_t *steps, uint32_t n)
{
    uint32_t of[OP_LOW] = {0};
    for (uint32_t i = 0; i < n; i++)
        of[b->priority[steps[i]]]++;
    return out_printf(d->out, "{\"critical\":%u,\"high\":%u,\"normal\":%u,\"low\":%u}", of[PLAN_CRITICAL], of[PLAN_HIGH], of[PLAN_NORMAL],
                      of[PLAN_LOW]);
}

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
    const char *before = class_words(d, b, steps, changed);
    if (changed > 0) {
        struct record *r = record_begin(d, RECORD_PRIORITY_SET);
        struct record_rare *rare = record_rare_need(r, &d->out->arena);
        r->backfill = b->id;
        rare->priority = c->priority;
        rare->steps = steps;
        rare->n_steps = changed;
        record_emit(d, r);
    }
    struct answer a = tell_priority(d, b, c, n, changed, first);
    a.before = before;
    a.after = class_words(d, b, steps, changed);
    return a;
}

/* ---- agents ---- */

/* The newest of this name that is not here any more; NULL: none. */
static const struct agent *find_gone(const struct engine *e, const char *name)
{
    const struct agent *newest = NULL;
    for (size_t i = 0; i < e->agents.n; i++) {
        const struct agent *a = &e->agents.at[i];
        if (strcmp(a->hello.name, name) == 0 && (!newest || a->since_us > newest->since_us))
            newest = a;
    }
    return newest;
}

/* A change that finds its end reached is no mistake. */
static struct answer drain_gone(struct decision *d, const char *name)
{
    const struct agent *a = find_gone(d->e, name);
    if (!a)
        return command_refuse(BF_NOT_FOUND, out_printf(d->out, "no agent has the name %s; see bfctl agents", name));
    if (a->state != AGENT_LEFT)
        return command_refuse(BF_CONFLICT, out_printf(d->out, "agent %s is lost, and hears nothing; when it is back, drain it", name));
    return (struct answer){.rc = BF_OK, .text = out_printf(d->out, "agent %s has left already", name),
                           .json = out_printf(d->out, "{\"agent\":\"%s\",\"state\":\"left\"}", name),
                           .before = "{\"state\":\"left\"}", .after = "{\"state\":\"left\"}"};
}

static struct answer command_drain(struct decision *d, const char *name)
{
    const struct agent *a = agent_find_name(d->e, name);
    if (!a)
        return drain_gone(d, name);
    uint32_t id = a->id;
    const char *state = agent_state_name(a->state);
    bool before = a->state == AGENT_DRAINING;
    if (!before) {
        struct record *r = record_begin(d, RECORD_AGENT_STATE);
        r->agent = id;
        record_rare_need(r, &d->out->arena)->agent_state = AGENT_DRAINING;
        record_emit(d, r);
        effect_add(d->out, EFFECT_DRAIN)->agent = id;
    }
    return (struct answer){.rc = BF_OK, .text = out_printf(d->out, "agent %s is draining%s", name, before ? " already" : ""),
                           .json = out_printf(d->out, "{\"agent\":\"%s\",\"state\":\"draining\"}", name),
                           .before = out_printf(d->out, "{\"state\":\"%s\"}", state), .after = "{\"state\":\"draining\"}"};
}

/* ---- dispatch ---- */

static struct answer carry_out_on(struct decision *d, const struct input *in, const struct backfill *b)
{
    const struct op_request *c = &input_rare(in)->command;
    if (c->verb == OP_PRIORITY)
        return command_priority(d, b, c);
    if (!steer_is_whole(c))
        return command_steer(d, in, b);
    enum bf_rc rc = BF_OK;
    const char *why_not = command_objection(d, b, c->verb, &rc);
    if (why_not)
        return command_refuse(rc, why_not);
    switch (c->verb) {
    case OP_PAUSE: return command_pause(d, b);
    case OP_RESUME: return command_resume(d, b);
    case OP_CANCEL: return command_cancel(d, b, c->keep_running);
    default: return command_retry(d, b);
    }
}

static struct answer command_on_backfill(struct decision *d, const struct input *in)
{
    const struct op_request *c = &input_rare(in)->command;
    uint32_t id = c->backfill == OP_LATEST ? engine_latest_of_work(d->e) : c->backfill;
    const struct backfill *b = backfill_find(d->e, id);
    if (!b)
        return command_refuse(BF_NOT_FOUND, id ? out_printf(d->out, "there is no backfill bf-%u; see bfctl backfill list", id)
                                       : "there is no backfill yet");
    const char *before = command_counts(d, b);
    struct answer a = carry_out_on(d, in, b);
    if (a.rc == BF_OK && !a.before && !a.after) {
        a.before = before;
        a.after = command_counts(d, b);
    }
    return a;
}

static struct answer carry_out(struct decision *d, const struct input *in)
{
    const struct op_request *c = &input_rare(in)->command;
    const struct key_entry *sender = key_find(d->e, in->key);
    if (sender && sender->state == KEY_REVOKED)  /* by a command before this one in the same turn */
        return command_refuse(BF_DENIED, out_printf(d->out, "the key of %s was revoked", sender->name));
    bool of_thing = c->verb == OP_POOL_SET || c->verb == OP_ALERT_ACK || (c->verb >= OP_BREAKER_TRIP && c->verb <= OP_BREAKER_CLOSE);
    if (c->n_selectors > 0 && (c->verb == OP_CREATE || c->verb == OP_AGENT_DRAIN || of_thing))
        return command_refuse(BF_INVALID, out_printf(d->out, "%s takes no selectors", op_verb_name(c->verb)));
    switch (c->verb) {
    case OP_CREATE: return decide_create(d, in);
    case OP_PAUSE:
    case OP_RESUME:
    case OP_CANCEL:
    case OP_RETRY:
    case OP_FORCE:
    case OP_SKIP:
    case OP_MARK:
    case OP_PRIORITY: return command_on_backfill(d, in);
    case OP_AGENT_DRAIN: return command_drain(d, c->name ? c->name : "");
    case OP_POOL_SET: return command_pool_set(d, in);
    case OP_ALERT_ACK: return decide_alert_ack(d, in);
    case OP_BREAKER_TRIP:
    case OP_BREAKER_OPEN:
    case OP_BREAKER_CLOSE: return decide_breaker_command(d, in);
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
    memcpy(f->request_id, input_rare(in)->command.id, sizeof f->request_id);
    f->rc = a->rc;
    f->text = bf_arena_strdup(&d->out->arena, a->text);
    f->json = bf_arena_strdup(&d->out->arena, a->json);
}

static void record_reply(struct decision *d, const struct input *in, const struct answer *a)
{
    struct record *r = record_begin(d, RECORD_REPLIED);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    memcpy(rare->key, in->key, sizeof rare->key);
    memcpy(rare->request_id, input_rare(in)->command.id, sizeof rare->request_id);
    rare->rc = a->rc;
    rare->text = a->text;
    rare->json = a->json;
    r->backfill = input_rare(in)->command.backfill;
    record_emit(d, r);
}

void decide_command(struct decision *d, const struct input *in)
{
    const struct reply *before = reply_find(d->e, in->key, input_rare(in)->command.id);
    if (before && !BF_PLANTED("request_repeated")) {
        reply(d, in, &(struct answer){.rc = before->rc, .text = before->text, .json = before->json});
        return;
    }
    uint32_t latest = engine_latest_backfill(d->e);
    struct answer a = carry_out(d, in);
    if (!before) {
        record_reply(d, in, &a);
        audit_command(d, in, &a, latest);
    }
    reply(d, in, &a);
}

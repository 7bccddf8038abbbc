/* Steering step instances: hold, release, cancel, retry, force, skip, mark.
 *
 * One path for all: the request becomes an action on ranges of partitions, steer.c says what that comes to, one record holds what was
 * picked, and the answer tells how many were picked, how many change, and how many were left and why.  Everything that is picked is
 * found in the plan and in the state of this moment, so that a replay of the input decides the same. */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/steer.h"

/* ---- what a request asks for ---- */

static enum bf_rc action_of(const struct op_request *req, enum steer_action *ret, struct bf_error *err)
{
    switch (req->verb) {
    case OP_PAUSE: *ret = STEER_HOLD; return BF_OK;
    case OP_RESUME: *ret = STEER_RELEASE; return BF_OK;
    case OP_CANCEL: *ret = STEER_CANCEL; return BF_OK;
    case OP_RETRY: *ret = STEER_RETRY; return BF_OK;
    case OP_FORCE: *ret = STEER_FORCE; return BF_OK;
    case OP_SKIP: *ret = STEER_SKIP; return BF_OK;
    default: break;
    }
    if (strcmp(req->state, "succeeded") != 0 && strcmp(req->state, "failed") != 0)
        return bf_fail(err, BF_INVALID, "mark takes succeeded or failed, and then what it is about");
    *ret = *req->state == 's' ? STEER_MARK_SUCCEEDED : STEER_MARK_FAILED;
    return BF_OK;
}

static enum bf_rc check_flags(const struct op_request *req, struct bf_error *err)
{
    bool reaches = req->verb == OP_CANCEL || req->verb == OP_RETRY || req->verb == OP_FORCE || req->verb == OP_SKIP;
    if (req->downstream && !reaches)
        return bf_fail(err, BF_INVALID, "%s has no --downstream; a selector with a plus behind it, as in load+, picks what depends on it",
                       op_verb_name(req->verb));
    if (req->keep_running && req->verb != OP_CANCEL)
        return bf_fail(err, BF_INVALID, "%s has no --keep-running; only cancel ends what runs", op_verb_name(req->verb));
    if (req->n_selectors == 0 && (req->verb == OP_FORCE || req->verb == OP_SKIP || req->verb == OP_MARK))
        return bf_fail(err, BF_INVALID, "%s needs to know of what: write selectors, as in 'load[2024-01-31]', or '*' for everything",
                       op_verb_name(req->verb));
    return BF_OK;
}

/* Which actions a backfill in this state takes. */
static enum bf_rc check_state(const struct backfill *b, enum steer_action action, struct bf_error *err)
{
    const char *state = backfill_state_name(b->state);
    bool over = b->state == BACKFILL_SUCCEEDED || b->state == BACKFILL_PARTLY || b->state == BACKFILL_FAILED;
    if (b->state == BACKFILL_CANCELLED)
        return bf_fail(err, BF_CONFLICT, "bf-%u is cancelled, and nothing of it changes any more; bfctl backfill create begins a new one",
                       b->id);
    if (b->started_us == 0)
        return bf_fail(err, BF_CONFLICT, "bf-%u is %s and has not begun yet; when it has, its step instances can be steered", b->id, state);
    if (over && action == STEER_HOLD)
        return bf_fail(err, BF_CONFLICT, "bf-%u is %s, and nothing is left to hold", b->id, state);
    if (over && action == STEER_CANCEL)
        return bf_fail(err, BF_CONFLICT, "bf-%u is %s: it is over, and nothing is left to cancel; bfctl mark bf-%u failed says that a "
                       "result is wrong", b->id, state, b->id);
    if (b->state == BACKFILL_SUCCEEDED && (action == STEER_SKIP || action == STEER_RETRY))
        return bf_fail(err, BF_CONFLICT, "bf-%u is succeeded, and nothing of it failed or waits; bfctl force bf-%u runs again what has "
                       "ended", b->id, b->id);
    return BF_OK;
}

bool steer_is_whole(const struct op_request *req)
{
    if (req->n_selectors > 0)
        return false;
    if (req->verb == OP_CANCEL)
        return true;
    return (req->verb == OP_PAUSE || req->verb == OP_RESUME || req->verb == OP_RETRY) && !req->downstream && !req->keep_running;
}

static enum bf_rc ranges_of(const struct backfill *b, const struct op_request *req, struct steer *s, struct steer_range **ret,
                            struct bf_error *err)
{
    struct plan_selection picked;
    struct plan_selection_walk w = {0};
    enum bf_rc rc = plan_select(b->plan, req->selectors, req->n_selectors, &picked, err);
    if (rc != BF_OK)
        return rc;
    size_t n = picked.begin[b->plan->n_steps];
    uint64_t instances = plan_selection_count(&picked);
    if (instances == 0)
        rc = bf_fail(err, BF_NOT_FOUND, "no step instance of bf-%u is picked", b->id);
    else if (n > RECORD_RANGES_MAX)
        rc = bf_fail(err, BF_LIMIT, "%zu ranges of partitions are picked, at most %u can be at once; pick fewer steps at a time", n,
                     RECORD_RANGES_MAX);
    if (rc == BF_OK && instances < b->topology->n) {
        *ret = bf_xcalloc(n, sizeof **ret);
        while (plan_selection_next(&picked, &w))
            (*ret)[s->n_ranges++] = (struct steer_range){w.step, w.range.first, w.range.n};
        s->ranges = *ret;
    }
    plan_selection_done(&picked);
    return rc;
}

enum bf_rc steer_of_request(const struct backfill *b, const struct op_request *req, struct steer *ret, struct steer_range **ret_ranges,
                            struct bf_error *err)
{
    *ret_ranges = NULL;
    *ret = (struct steer){.flags = (req->downstream ? STEER_DOWNSTREAM : 0) | (req->keep_running ? STEER_KEEP_RUNNING : 0)};
    enum bf_rc rc = action_of(req, &ret->action, err);
    if (rc == BF_OK)
        rc = check_flags(req, err);
    if (rc == BF_OK)
        rc = check_state(b, ret->action, err);
    return rc == BF_OK ? ranges_of(b, req, ret, ret_ranges, err) : rc;
}

/* ---- the answer ---- */

/* What is said of one, and of several. */
struct words { const char *one, *many; };
static const struct words done_words[] = {
    [STEER_HOLD] = {"is held", "are held"}, [STEER_RELEASE] = {"is no longer held", "are no longer held"},
    [STEER_CANCEL] = {"is cancelled", "are cancelled"}, [STEER_RETRY] = {"begins a new run", "begin a new run"},
    [STEER_FORCE] = {"begins a new run", "begin a new run"}, [STEER_SKIP] = {"is skipped", "are skipped"},
    [STEER_MARK_SUCCEEDED] = {"is marked succeeded", "are marked succeeded"},
    [STEER_MARK_FAILED] = {"is marked failed", "are marked failed"}};
static const struct words already_words[] = {
    [STEER_HOLD] = {"is held already", "are held already"}, [STEER_RELEASE] = {"is not held", "are not held"},
    [STEER_CANCEL] = {"is cancelled already", "are cancelled already"}, [STEER_RETRY] = {"", ""}, [STEER_FORCE] = {"", ""},
    [STEER_SKIP] = {"is skipped already", "are skipped already"},
    [STEER_MARK_SUCCEEDED] = {"has succeeded already", "have succeeded already"},
    [STEER_MARK_FAILED] = {"has failed already", "have failed already"}};
static const struct words left_words[FATE_COUNT] = {
    [FATE_LEFT_OPEN] = {"runs now and was left", "run now and were left"},
    [FATE_LEFT_WAITING] = {"has not ended and was left", "have not ended and were left"},
    [FATE_LEFT_DONE] = {"has succeeded or was skipped, and was left", "have succeeded or were skipped, and were left"},
    [FATE_LEFT_OVER] = {"has failed or was cancelled, and was left", "have failed or were cancelled, and were left"}};

static const char *word(const struct words *w, uint64_t n)
{
    return n == 1 ? w->one : w->many;
}

/* What to do about those that were left; "" where nothing is to be done. */
static const char *left_advice(enum steer_action action, enum steer_fate fate, uint64_t n)
{
    if (fate == FATE_LEFT_OPEN && action != STEER_RETRY)
        return n == 1 ? ": cancel it first, or wait" : ": cancel them first, or wait";
    if (action == STEER_RETRY && (fate == FATE_LEFT_DONE || fate == FATE_LEFT_OVER))
        return ": bfctl force runs again what has ended";
    return "";
}

static enum steer_fate only_fate(const struct steer_outcome *o)
{
    enum steer_fate f = FATE_CHANGED;
    while (f + 1 < FATE_COUNT && (o->n[f] == 0 || f == FATE_ALONG))
        f++;
    return f;
}

static void tell_changed(const struct steer *s, const struct steer_outcome *o, const char *name, struct bf_buf *text)
{
    uint64_t n = o->n[FATE_CHANGED];
    if (n > 0 && o->picked == 1)
        bf_buf_printf(text, "%s %s", name, done_words[s->action].one);
    else if (n > 0)
        bf_buf_printf(text, "%llu of %llu step instances %s", (unsigned long long)n, (unsigned long long)o->picked,
                      word(&done_words[s->action], n));
    else if (o->picked == 1 && only_fate(o) == FATE_ALREADY)
        bf_buf_printf(text, "%s %s", name, already_words[s->action].one);
    else if (o->picked == 1)
        bf_buf_printf(text, "%s %s%s", name, left_words[only_fate(o)].one, left_advice(s->action, only_fate(o), 1));
    else
        bf_buf_put_str(text, "nothing changes");
    if (o->n[FATE_ALONG] > 0)
        bf_buf_printf(text, ", and %llu downstream", (unsigned long long)o->n[FATE_ALONG]);
}

static void tell_rest(struct decision *d, const struct steer *s, const struct steer_outcome *o, struct bf_buf *text)
{
    uint64_t already = o->n[FATE_ALREADY];
    if (o->to_kill > 0 && (s->flags & STEER_KEEP_RUNNING))
        bf_buf_printf(text, "; %llu of them run%s on to the end", (unsigned long long)o->to_kill, o->to_kill == 1 ? "s" : "");
    else if (o->to_kill > 0)
        bf_buf_printf(text, "; %llu of them run%s and %s being killed", (unsigned long long)o->to_kill, o->to_kill == 1 ? "s" : "",
                      o->to_kill == 1 ? "is" : "are");
    bf_buf_put_str(text, out_of_reach_words(d, o->lost, (s->flags & STEER_KEEP_RUNNING) != 0));
    if (already > 0 && o->picked > 1)
        bf_buf_printf(text, "; %llu %s", (unsigned long long)already, word(&already_words[s->action], already));
    for (enum steer_fate f = FATE_LEFT_OPEN; f < FATE_COUNT && o->picked > 1; f++)
        if (o->n[f] > 0)
            bf_buf_printf(text, "; %llu %s%s", (unsigned long long)o->n[f], word(&left_words[f], o->n[f]),
                          left_advice(s->action, f, o->n[f]));
    if (o->stale > 0)
        bf_buf_printf(text, "; %llu downstream %s now%s", (unsigned long long)o->stale, o->stale == 1 ? "is stale" : "are stale",
                      s->action == STEER_MARK_FAILED || (s->flags & STEER_DOWNSTREAM) ? "" : ": --downstream runs those again too");
}

static void tell_paused(const struct backfill *b, const struct steer *s, const struct steer_outcome *o, struct bf_buf *text)
{
    if (b->state == BACKFILL_PAUSED && s->action != STEER_HOLD && s->action != STEER_CANCEL && o->n[FATE_CHANGED] > 0)
        bf_buf_printf(text, "; it is %s: bfctl resume bf-%u lets it go on", backfill_stands(b), b->id);
}

static const char *action_name(enum steer_action a)
{
    switch (a) {
    case STEER_HOLD: return "pause";
    case STEER_RELEASE: return "resume";
    case STEER_CANCEL: return "cancel";
    case STEER_RETRY: return "retry";
    case STEER_FORCE: return "force";
    case STEER_SKIP: return "skip";
    case STEER_MARK_SUCCEEDED: return "mark succeeded";
    case STEER_MARK_FAILED: return "mark failed";
    }
    return "unknown";
}

static const char *document(struct decision *d, const struct backfill *b, const struct steer *s, const struct steer_outcome *o)
{
    const uint64_t *n = o->n;
    return out_printf(d->out, "{\"id\":\"bf-%u\",\"state\":\"%s\",\"action\":\"%s\",\"picked\":%llu,\"changed\":%llu,\"downstream\":%llu,"
                      "\"already\":%llu,\"left\":{\"running\":%llu,\"waiting\":%llu,\"done\":%llu,"
                      "\"over\":%llu},\"stale\":%llu,\"%s\":%llu,\"at_lost_agents\":%llu}",
                      b->id, backfill_state_name(b->state), action_name(s->action), (unsigned long long)o->picked,
                      (unsigned long long)n[FATE_CHANGED], (unsigned long long)n[FATE_ALONG], (unsigned long long)n[FATE_ALREADY],
                      (unsigned long long)n[FATE_LEFT_OPEN], (unsigned long long)n[FATE_LEFT_WAITING],
                      (unsigned long long)n[FATE_LEFT_DONE], (unsigned long long)n[FATE_LEFT_OVER], (unsigned long long)o->stale,
                      s->flags & STEER_KEEP_RUNNING ? "going_on" : "killed", (unsigned long long)o->to_kill,
                      (unsigned long long)o->lost);
}

/* ---- carrying it out ---- */

/* The first one that is picked, for a sentence about a single one. */
static const char *first_name(struct decision *d, const struct backfill *b, const struct steer_outcome *o)
{
    char key[PLAN_KEY_MAX];
    uint32_t i = 0;
    while (i + 1 < b->topology->n && (steer_fate(o, i) == FATE_NONE || steer_fate(o, i) == FATE_ALONG))
        i++;
    const struct plan_step *step = &b->plan->steps[b->instances[i].step];
    plan_partition_key(step->partitions, instance_index(b, i), key);
    return *key ? out_printf(d->out, "%s[%s]", step->name, key) : step->name;
}

static void kill_cancelled(struct decision *d, const struct backfill *b)
{
    const struct engine *e = d->e;
    for (uint32_t slot = e->first_attempt; slot != NO_SLOT; slot = e->attempts.at[slot].next) {
        const struct attempt *a = &e->attempts.at[slot];
        if (a->backfill != b->id)
            continue;
        const struct instance *in = &b->instances[instance_number(b, a->step, a->index)];
        if ((in->flags & FLAG_CANCELLING) && !(in->flags & FLAG_KEEP))
            effect_kill(d, a->agent, a->ref, KILL_CANCELLED);
    }
}

static void carry_out(struct decision *d, const struct input *in, const struct backfill *b, const struct steer *s)
{
    struct record *r = record_begin(d, RECORD_STEERED);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    r->backfill = b->id;
    rare->action = s->action;
    rare->steer_flags = s->flags;
    rare->ranges = s->ranges;
    rare->n_ranges = s->n_ranges;
    rare->actor = input_rare(in)->actor;
    rare->reason = input_rare(in)->command.reason;
    record_emit(d, r);
    if (s->action == STEER_CANCEL)
        kill_cancelled(d, b);
    if (b->state != BACKFILL_SUCCEEDED && b->state != BACKFILL_PARTLY && b->state != BACKFILL_FAILED)
        return;
    decide_backfill_state(d, b, BACKFILL_RUNNING, NOT_HALTED, "");
}

const char *again_objection(struct decision *d, const struct backfill *b, enum bf_rc *ret_rc)
{
    const char *conflict = NULL;
    const struct backfill *other = writers_conflict(d, b->topology, b->id, &conflict);
    *ret_rc = other ? BF_CONFLICT : BF_LIMIT;
    return other ? writers_objection(d, other, conflict, false) : limits_objection(d, b->plan);
}

const char *steer_objection(struct decision *d, const struct backfill *b, const struct steer_outcome *o, enum bf_rc *ret_rc)
{
    return o->n[FATE_CHANGED] > 0 && backfill_finished(b) ? again_objection(d, b, ret_rc) : NULL;
}

static struct answer steer(struct decision *d, const struct input *in, const struct backfill *b, const struct steer *s)
{
    struct steer_outcome o;
    const char *before = command_counts(d, b);
    steer_resolve(b, s, &o);
    bool changes = o.n[FATE_CHANGED] > 0;
    enum bf_rc rc = BF_OK;
    const char *why_not = steer_objection(d, b, &o, &rc);
    if (why_not) {
        steer_outcome_done(&o);
        return command_refuse(rc, why_not);
    }
    const char *name = o.picked == 1 ? first_name(d, b, &o) : "";
    if (changes && s->action == STEER_CANCEL) {
        o.lost = attempts_out_of_reach(d->e, b, &o);
        o.to_kill -= o.lost;
    }
    if (changes)
        carry_out(d, in, b, s);
    struct bf_buf text = {0};
    bf_buf_printf(&text, "bf-%u: ", b->id);
    tell_changed(s, &o, name, &text);
    tell_rest(d, s, &o, &text);
    tell_paused(b, s, &o, &text);
    struct answer a = {.rc = BF_OK, .text = bf_arena_strdup(&d->out->arena, bf_buf_cstr(&text)), .json = document(d, b, s, &o),
                       .before = before, .after = command_counts(d, b)};
    bf_buf_free(&text);
    steer_outcome_done(&o);
    return a;
}

struct answer command_steer(struct decision *d, const struct input *in, const struct backfill *b)
{
    struct steer s;
    BF_AUTO_FREE struct steer_range *ranges = NULL;
    struct bf_error err = {0};
    enum bf_rc rc = steer_of_request(b, &input_rare(in)->command, &s, &ranges, &err);
    if (rc != BF_OK)
        return command_refuse(rc, bf_arena_strdup(&d->out->arena, err.text));
    return steer(d, in, b, &s);
}

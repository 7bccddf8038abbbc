/* Why a step instance does not run, in plain words with what to do about it. */
#include "coordinator/views_why.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/engine/view_breaker.h"
#include "coordinator/engine/view_profile.h"
#include "coordinator/engine/view_why.h"
#include "coordinator/remedies.h"
#include "coordinator/views_breakers.h"
#include "coordinator/views_health.h"
#include "coordinator/views_yields.h"

#define BLOCKERS_MAX 16
#define OTHERS_MAX (BLOCKER_NAMED_MAX * VIEW_NAME_MAX)
#define DETAIL_MAX (VIEW_NAME_MAX + OTHERS_MAX + 160)

struct blocker_text {
    const char *kind;
    bool has_verb;                             /* the detail goes on from the name: "waits for …" */
    char detail[DETAIL_MAX], remedy[256];
};

static const struct plan_step *why_step(const struct backfill_view *b, uint32_t step)
{
    return &b->plan->steps[step];
}

/* ", which is running since 2024-…" for the upstream that is waited for. */
static void upstream_state(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index, char *ret,
                           size_t size)
{
    struct instance_view i;
    char since[BF_TIME_MAX] = "";
    ret[0] = '\0';
    if (!engine_instance(v->engine, b->id, step, index, &i))
        return;
    if (i.state == INSTANCE_RUNNING && i.started_us)
        view_moment(i.started_us, since);
    const char *word = strcmp(view_state_name(&i), "backing_off") == 0 ? "waiting for its next attempt" : view_state_name(&i);
    if (strcmp(word, "upstream_failed") == 0)
        word = "blocked by a failure further up";
    if (i.held && i.state != INSTANCE_RUNNING)
        word = "held";
    snprintf(ret, size, ", which is %s%s%s", word, since[0] ? " since " : "", since);
}

/* "; also load[2024-01-02], load[2024-01-03] and 4 more": the others than the first. */
static void other_upstreams(const struct backfill_view *b, const struct blocker *k, char *ret, size_t size)
{
    size_t used = 0;
    ret[0] = '\0';
    for (uint32_t i = 1; i < k->n_named && used < size; i++) {
        char name[VIEW_NAME_MAX];
        view_instance_name(why_step(b, k->named[i].step), k->named[i].index, name, sizeof name);
        int n = snprintf(ret + used, size - used, "%s%s", i == 1 ? "; also " : ", ", name);
        used += n > 0 ? (size_t)n : 0;
    }
    if (k->count > k->n_named && used < size)
        snprintf(ret + used, size - used, " and %" PRIu32 " more", k->count - k->n_named);
}

static void tell_dependency(const struct view_source *v, const struct backfill_view *b, const struct blocker *k, struct blocker_text *t)
{
    char name[VIEW_NAME_MAX], state[128], others[OTHERS_MAX];
    view_instance_name(why_step(b, k->step), k->index, name, sizeof name);
    upstream_state(v, b, k->step, k->index, state, sizeof state);
    other_upstreams(b, k, others, sizeof others);
    t->kind = "dependency";
    t->has_verb = true;
    snprintf(t->detail, sizeof t->detail, "waits for %s%s%s", name, state, others);
    snprintf(t->remedy, sizeof t->remedy, "wait; or ask why of %s", name);
}

/* A retry runs what failed again, and not what a person cancelled. */
static void tell_upstream_failed(const struct view_source *v, const struct backfill_view *b, const struct blocker *k, struct blocker_text *t)
{
    struct instance_view first = {.state = INSTANCE_WAITING};
    char name[VIEW_NAME_MAX], others[OTHERS_MAX];
    view_instance_name(why_step(b, k->step), k->index, name, sizeof name);
    other_upstreams(b, k, others, sizeof others);
    t->kind = "upstream_failed";
    t->has_verb = true;
    snprintf(t->detail, sizeof t->detail, "needs %s, which will not succeed in this run%s", name, others);
    engine_instance(v->engine, b->id, k->step, k->index, &first);
    if (first.state == INSTANCE_CANCELLED)
        snprintf(t->remedy, sizeof t->remedy, "it was cancelled: bfctl force bf-%" PRIu32 " '%s' runs it again", b->id, name);
    else if (b->count[INSTANCE_FAILED] == 0)
        snprintf(t->remedy, sizeof t->remedy, "what it needs was cancelled; ask why of %s", name);
    else
        snprintf(t->remedy, sizeof t->remedy, "mend what failed and run bfctl retry bf-%" PRIu32, b->id);
}

/* "2 are connected", "of 2 connected, 1 is quarantined": one of these gets no work, and is not what is busy. */
static void connected_agents(const struct view_source *v, char *ret, size_t size)
{
    uint32_t connected = 0, held = 0;
    for (uint32_t id = 0; (id = engine_next_agent(v->engine, id)) != 0;) {
        struct agent_view a;
        struct breaker_view breaker;
        bool spared;
        if (!engine_agent(v->engine, id, &a) || a.state != AGENT_CONNECTED || view_refusal(v, &a))
            continue;
        connected++;
        held += engine_agent_breaker(v->engine, id, &breaker, &spared) && breaker.state != BREAKER_CLOSED;
    }
    if (held > 0)
        snprintf(ret, size, "of %" PRIu32 " connected, %" PRIu32 " %s quarantined", connected, held, held == 1 ? "is" : "are");
    else
        snprintf(ret, size, "%" PRIu32 " %s connected", connected, connected == 1 ? "is" : "are");
}

static void tell_agents(const struct view_source *v, const struct backfill_view *b, uint32_t step, bool busy, struct blocker_text *t)
{
    char connected[64];
    connected_agents(v, connected, sizeof connected);
    char labels[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < why_step(b, step)->n_labels && used < sizeof labels - 1; i++) {
        const struct plan_label *l = &why_step(b, step)->labels[i];
        int n = snprintf(labels + used, sizeof labels - used, "%s%s=%s", i ? ", " : " with labels ", l->name, l->value);
        used += n > 0 ? (size_t)n : 0;
    }
    t->kind = busy ? "agents_busy" : "no_agent";
    if (busy) {
        snprintf(t->detail, sizeof t->detail, "every fitting agent is busy%s; %s", labels, connected);
        snprintf(t->remedy, sizeof t->remedy, "wait, or start more agents or raise their slots");
    } else {
        snprintf(t->detail, sizeof t->detail, "no connected agent%s fits; %s", labels, connected);
        snprintf(t->remedy, sizeof t->remedy, "start an agent%s", labels[0] ? " with these labels" : "; bfctl agents shows what is known");
    }
}

static void tell_backoff(const struct view_source *v, const struct blocker *k, struct blocker_text *t)
{
    char left[64] = "a moment";
    if (k->clears_at_ms > v->engine_ms)
        bf_format_duration(k->clears_at_ms - v->engine_ms, left, sizeof left);
    t->kind = "backoff";
    t->has_verb = true;
    snprintf(t->detail, sizeof t->detail, "waits %s before the next attempt, because the last one failed", left);
    snprintf(t->remedy, sizeof t->remedy, "wait");
}

static void tell_restored(const struct view_source *v, const struct blocker *k, struct blocker_text *t)
{
    char left[64] = "a moment";
    if (k->clears_at_ms > v->engine_ms)
        bf_format_duration(k->clears_at_ms - v->engine_ms, left, sizeof left);
    t->kind = "restored";
    snprintf(t->detail, sizeof t->detail,
             "the store was restored from a backup: nothing starts for %s, until what ran before is surely dead", left);
    snprintf(t->remedy, sizeof t->remedy, "wait");
}

static void tell_held(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index, struct blocker_text *t)
{
    char name[VIEW_NAME_MAX], who[WHY_WHO_MAX];
    view_instance_name(why_step(b, step), index, name, sizeof name);
    why_by_whom(v, b, step, index, who);
    t->kind = "held";
    t->has_verb = true;
    snprintf(t->detail, sizeof t->detail, "is held%s", who);
    snprintf(t->remedy, sizeof t->remedy, "bfctl resume bf-%" PRIu32 " '%s'", b->id, name);
}

static void tell_queued(const struct view_source *v, const struct backfill_view *b, struct blocker_text *t)
{
    char behind[VIEW_NAME_MAX + 160];
    uint32_t ahead = 0;
    t->kind = "queued";
    if (view_queued_behind(v, b->id, behind, sizeof behind, &ahead)) {
        snprintf(t->detail, sizeof t->detail, "bf-%" PRIu32 " is queued behind %s", b->id, behind);
        snprintf(t->remedy, sizeof t->remedy, ahead ? "wait for bf-%" PRIu32 ", or bfctl cancel bf-%" PRIu32 : "wait", ahead, ahead);
    } else {
        snprintf(t->detail, sizeof t->detail, "bf-%" PRIu32 " is queued and begins in a moment", b->id);
        snprintf(t->remedy, sizeof t->remedy, "wait");
    }
}

static void tell_window(const struct view_source *v, const struct blocker *k, struct blocker_text *t)
{
    struct view_blocker told;
    view_blocker_of_window(v, k, &told);
    t->kind = told.kind;
    t->has_verb = k->kind == BLOCKER_FREEZE_AHEAD;
    snprintf(t->detail, sizeof t->detail, "%s", told.detail);
    snprintf(t->remedy, sizeof t->remedy, "%s", told.remedy);
}

static void tell_gate(const struct blocker *k, struct blocker_text *t)
{
    t->kind = "gate";
    if (k->count > 0)
        snprintf(t->detail, sizeof t->detail, "all that it needs is done; many wait for the same, and %" PRIu32 " of them go before it",
                 k->count);
    else
        snprintf(t->detail, sizeof t->detail, "all that it needs is done, and it goes on in a moment");
    snprintf(t->remedy, sizeof t->remedy, "wait");
}

const char *view_clears_by(const struct blocker *k)
{
    return k->clears_at_ms < 0 || k->clock == CLOCK_UNKNOWN ? NULL : k->clock == CLOCK_TIMER ? "timer" : "baseline";
}

/* The end of a window is a moment of the wall clock; all others are of engine time. */
json_t *view_clears_at(const struct view_source *v, const struct blocker *k)
{
    return k->clock == CLOCK_TIMER && k->window.clears_at_us ? view_time(k->window.clears_at_us) : view_engine_time(v, k->clears_at_ms);
}

static void tell_halted(const struct backfill_view *b, struct blocker_text *t)
{
    t->kind = "halted";
    snprintf(t->detail, sizeof t->detail, "%s", b->halted ? b->halted : "");
    if (b->halted_by == HALTED_BY_MISSING)
        snprintf(t->remedy, sizeof t->remedy, "see to what is missing, then bfctl resume bf-%" PRIu32 "; or bfctl cancel bf-%" PRIu32,
                 b->id, b->id);
    else if (b->halted_by == HALTED_BY_TIMEBOX)
        snprintf(t->remedy, sizeof t->remedy, "bfctl resume bf-%" PRIu32 ", which goes on without a limit; or bfctl cancel bf-%" PRIu32,
                 b->id, b->id);
    else
        snprintf(t->remedy, sizeof t->remedy, "mend what the check found, run bfctl retry bf-%" PRIu32 ", then bfctl resume bf-%" PRIu32,
                 b->id, b->id);
}

static struct blocker_text blocker_tell(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index,
                                        const struct blocker *k)
{
    struct blocker_text t = {.kind = "queue"};
    switch (k->kind) {
    case BLOCKER_DEPENDENCY: tell_dependency(v, b, k, &t); break;
    case BLOCKER_UPSTREAM_FAILED: tell_upstream_failed(v, b, k, &t); break;
    case BLOCKER_POOL:
    case BLOCKER_POOL_TOO_SMALL:
    case BLOCKER_RESERVED:
    case BLOCKER_PACE:
    case BLOCKER_START_RATE: t.kind = why_pool_tell(v, k, t.detail, sizeof t.detail, t.remedy, sizeof t.remedy); break;
    case BLOCKER_THROTTLE:
        t.kind = "throttle";
        view_throttle_words(v, k->pool, t.detail, sizeof t.detail, t.remedy, sizeof t.remedy);
        break;
    case BLOCKER_NO_AGENT: tell_agents(v, b, step, false, &t); break;
    case BLOCKER_AGENTS_BUSY: tell_agents(v, b, step, true, &t); break;
    case BLOCKER_BACKOFF: tell_backoff(v, k, &t); break;
    case BLOCKER_SENSOR:
        t.kind = "sensor";
        t.has_verb = true;
        view_sensor_words(v, b, k, t.detail, sizeof t.detail, t.remedy, sizeof t.remedy);
        break;
    case BLOCKER_NEAR:
        t.kind = k->straggled ? "another_agent" : "inputs_agent";
        t.has_verb = true;
        view_near_words(v, k, t.detail, sizeof t.detail, t.remedy, sizeof t.remedy);
        break;
    case BLOCKER_HELD: tell_held(v, b, step, index, &t); break;
    case BLOCKER_BREAKER:
        t.kind = "breaker";
        view_tell_breaker(v, k, t.detail, sizeof t.detail, t.remedy, sizeof t.remedy);
        break;
    case BLOCKER_PAUSED:
        t.kind = "paused";
        snprintf(t.detail, sizeof t.detail, "bf-%" PRIu32 " is paused", b->id);
        snprintf(t.remedy, sizeof t.remedy, "bfctl resume bf-%" PRIu32, b->id);
        break;
    case BLOCKER_QUEUED: tell_queued(v, b, &t); break;
    case BLOCKER_HALTED: tell_halted(b, &t); break;
    case BLOCKER_LOW_WATER:
        t.kind = "low_water";
        snprintf(t.detail, sizeof t.detail, "the store is short of room: nothing new starts until there is more");
        snprintf(t.remedy, sizeof t.remedy, "make room on the coordinator's disk, or raise store_max and start it again");
        break;
    case BLOCKER_RESTORED: tell_restored(v, k, &t); break;
    case BLOCKER_WINDOW:
    case BLOCKER_FREEZE_AHEAD: tell_window(v, k, &t); break;
    case BLOCKER_OUTDATED:
        t.kind = "old_store";
        snprintf(t.detail, sizeof t.detail, "the coordinator's store is an old copy: an agent has seen newer tokens");
        snprintf(t.remedy, sizeof t.remedy,
                 "stop the coordinator and put the newest store back, or bfctl restore a backup; bfctl audit says which agent");
        break;
    case BLOCKER_GATE: tell_gate(k, &t); break;
    case BLOCKER_QUEUE:
        why_ahead_tell(v, k, t.detail, sizeof t.detail, t.remedy, sizeof t.remedy);
        break;
    }
    return t;
}

void view_blocker(const struct view_source *v, const struct backfill_view *b, uint32_t step, const struct blocker *k,
                  struct view_blocker *ret)
{
    struct blocker_text t = blocker_tell(v, b, step, 0, k);
    ret->kind = t.kind;
    view_cut(t.detail, ret->detail, sizeof ret->detail);
    snprintf(ret->remedy, sizeof ret->remedy, "%s", t.remedy);
}

void view_store_hold(const struct view_source *v, json_t *j)
{
    struct blocker k;
    struct view_blocker t;
    json_t *hold = NULL;
    if (engine_why_store(v->engine, &k)) {
        view_blocker(v, NULL, 0, &k, &t);
        hold = json_pack("{s:s, s:s, s:s, s:o}", "kind", t.kind, "detail", t.detail, "remedy", t.remedy, "clears_at",
                         view_engine_time(v, k.clears_at_ms));
    }
    json_object_set_new(j, "store_hold", hold ? hold : json_null());
}

/* What it needs outside the range: nothing there is waited for. */
static json_t *outside_list(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index)
{
    struct outside_need needs[BLOCKERS_MAX];
    size_t n = engine_outside(v->engine, b->id, step, index, needs, BLOCKERS_MAX);
    static const char required[] = "has to be done by other backfills when this one begins";
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct outside_need *o = &needs[i];
        const char *name = why_step(b, o->step)->name;
        char detail[512];
        snprintf(detail, sizeof detail, "%" PRIu32 " of %s outside the range, %s%s%s: %s", o->count, name, o->first, o->count > 1
                 ? " to " : "", o->count > 1 ? o->last : "",
                 o->outside != PLAN_REQUIRE_SUCCESS ? "taken as done"
                 : b->started_us ? "done by earlier backfills when this one began" : required);
        json_array_append_new(list, json_pack("{s:s, s:I, s:s, s:s, s:s, s:o}", "step", name, "partitions", (json_int_t)o->count, "first",
                                              o->first,
                                              "last", o->last, "outside", plan_outside_name(o->outside), "detail", view_string(detail)));
    }
    return list;
}

/* What an attempt of the step usually takes, by its profile or else by its plan; null: nobody knows. */
static json_t *expected_ms(const struct engine *e, uint32_t backfill, uint32_t step)
{
    uint64_t us = 0;
    enum baseline_source source = engine_baseline(e, backfill, step, PROFILE_DURATION, 500000, &us);
    bool known = source == BASELINE_PROFILE || source == BASELINE_EXPECTED;
    return known ? json_integer((json_int_t)(us / 1000)) : json_null();
}

/* What the plan says of the step, the class that it has now, and how long it takes: how urgent it is, when it hurts, and whom. */
static json_t *annotations(const struct engine *e, uint32_t backfill, uint32_t step, const struct plan_step *s)
{
    enum plan_priority now = engine_priority(e, backfill, step);
    json_t *deadline = s->deadline.text ? view_time(s->deadline.at_s * INT64_C(1000000)) : json_null();
    json_t *j = json_pack("{s:s, s:s, s:I, s:o, s:o, s:o}", "priority", plan_priority_name(now), "plan_priority",
                          plan_priority_name(s->priority), "weight", (json_int_t)s->weight, "expected_ms", expected_ms(e, backfill, step),
                          "tolerance_ms", s->tolerance_ms ? json_integer(s->tolerance_ms) : json_null(), "deadline", deadline);
    for (size_t i = 1; i < PLAN_WORDS_COUNT; i++)      /* without the description, which is the first */
        json_object_set_new(j, plan_words_key(i), view_string(plan_words_text(&s->words, i)));
    return j;
}

/* What mends its last failure, what the checks and the statement of its newest attempt were, what one that runs said last, and what the
 * newest used against what the step asks for. */
static void told_by_attempt(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index,
                            const struct instance_view *i, const struct outcome *failure, json_t *j)
{
    bool ended_well = i->state == INSTANCE_SUCCEEDED || i->state == INSTANCE_SKIPPED;
    char line[VIEW_LINE_MAX] = "";
    const char *fix = failure && !ended_well ? remedy_of(failure, engine_failure_unretried(v->engine, b->id, step, index)) : NULL;
    json_t *details = view_details(v, b->id, step, index, i->attempt), *warehouse = json_object_get(details, "warehouse");
    if (i->state == INSTANCE_RUNNING)
        view_last_line(v, i, line);
    json_object_set_new(j, "fix", view_string(fix));
    json_object_set_new(j, "sql", view_statement(details));
    json_object_set_new(j, "checks", view_failed_checks(details));
    json_object_set(j, "warehouse", json_is_array(warehouse) ? warehouse : json_null());
    json_object_set_new(j, "last_said", view_string(line[0] ? line : NULL));
    json_object_set_new(j, "usage", view_usage_of(&i->usage));
    json_object_set_new(j, "asked", view_asked(&why_step(b, step)->resources));
    view_not_enforced(v, &why_step(b, step)->resources, i->agent, j);
    json_decref(details);
}

/* The blockers of an instance; summary: the first of them in a sentence, unless there is none. */
static json_t *blocker_list(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index, const char *name,
                            char *summary, size_t size)
{
    struct blocker k[BLOCKERS_MAX];
    json_t *list = json_array();
    size_t n = engine_why(v->engine, b->id, step, index, k, BLOCKERS_MAX);
    engine_why_when(v->engine, &(struct why_of){.backfill = b->id, .step = step, .index = index, .one = true}, v->engine_ms, v->wall_us, k,
                    n);
    for (size_t i = 0; i < n; i++) {
        char act[VIEW_DO_MAX];
        struct blocker_text t = blocker_tell(v, b, step, index, &k[i]);
        why_do(v, b, step, index, &k[i], act);
        if (i == 0)
            snprintf(summary, size, "%s %s%s%s", name, t.has_verb ? "" : "does not run: ", t.detail, n > 1 ? " (and more)" : "");
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "kind", t.kind, "detail", view_string(t.detail),
                                              "clears_at", view_clears_at(v, &k[i]), "clears_by", view_string(view_clears_by(&k[i])),
                                              "remedy", view_string(t.remedy), "do", view_string(*act ? act : NULL)));
    }
    return list;
}

enum bf_rc view_why(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    uint32_t step, index;
    struct instance_view i;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc == BF_OK)
        rc = view_find_instance(&b, req, &step, &index, err);
    if (rc != BF_OK)
        return rc;
    if (!engine_instance(v->engine, b.id, step, index, &i))
        return bf_fail(err, BF_NOT_FOUND, "bf-%" PRIu32 " has no such instance", b.id);
    char name[VIEW_NAME_MAX], partition[PLAN_KEY_MAX], summary[VIEW_NAME_MAX + DETAIL_MAX + WHY_WHO_MAX];
    view_instance_name(why_step(&b, step), index, name, sizeof name);
    view_partition(why_step(&b, step), index, partition);
    struct outcome last = {.text = ""};
    enum failure_class class;
    bool told = engine_failure(v->engine, b.id, step, index, &last, &class), failed = told && class != FAILURE_NONE && !i.looking;
    if (i.reused_from)
        why_tell_reused(v, &b, &(struct why_named){step, index, name}, &i, told ? last.text : "", summary, sizeof summary);
    else
        why_tell_state(v, &b, step, index, &i, told ? last.text : "", summary, sizeof summary);

    json_t *j = json_object(), *list = blocker_list(v, &b, step, index, name, summary, sizeof summary);
    size_t text_left_bytes = VIEW_TEXT_BYTES_MAX;
    json_object_set_new(j, "backfill", view_string(view_backfill_id(b.id).text));
    json_object_set_new(j, "step", view_string(why_step(&b, step)->name));
    json_object_set_new(j, "partition", view_string(partition));
    json_object_set_new(j, "state", view_string(view_state_name(&i)));
    json_object_set_new(j, "held", json_boolean(i.held));
    json_object_set_new(j, "stale", json_boolean(i.stale));
    json_object_set_new(j, "summary", view_string(summary));
    json_object_set_new(j, "reused_from", view_string(i.reused_from ? view_backfill_id(i.reused_from).text : NULL));
    json_object_set_new(j, "blockers", list);
    json_object_set_new(j, "sensor", view_sensor(v, b.id, step, index));
    json_object_set_new(j, "placed", view_placed(v, &b, &i));
    json_object_set_new(j, "straggler", view_straggler(v, &b, &i));
    json_object_set_new(j, "rerun", view_rerun(v, &b, step, index));
    json_object_set_new(j, "past_timebox", view_past_timebox(v, &b, step, &i));
    json_object_set_new(j, "yielded", view_yielded_by(v, &b, step));
    json_object_set_new(j, "outside", outside_list(v, &b, step, index));
    json_object_set_new(j, "failure", i.looking ? json_null() : view_failure(v, b.id, step, index, &text_left_bytes));
    told_by_attempt(v, &b, step, index, &i, failed ? &last : NULL, j);
    json_object_set_new(j, "attempts", json_integer(i.attempts));
    json_object_set_new(j, "annotations", annotations(v->engine, b.id, step, why_step(&b, step)));
    *ret = j;
    return BF_OK;
}

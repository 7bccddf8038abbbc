/* The alerts: what fires, since when, whose it is, what came of it, and what to do. */
#include "coordinator/views_alerts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/authority.h"
#include "coordinator/remedies.h"
#include "coordinator/views_parts.h"

#define SENTENCE_MAX 700
#define LOOK_MAX 100000u                         /* step instances, for one that is an example */

struct lack_words { char detail[SENTENCE_MAX / 2], remedy[SENTENCE_MAX / 2]; };

bool view_alert_seen(const struct view_source *v, const struct alert_fact *a)
{
    struct backfill_view b;
    if (!a->backfill)
        return !v->who || v->who->n_plans == 0;
    return engine_backfill(v->engine, a->backfill, &b) && authority_sees(v->who, b.plan->name);
}

/* ---- words ---- */

static const char *owner_name(const struct plan *p, const struct plan_words *w)
{
    return w && w->owner ? w->owner : p->words.owner;
}

/* Whose it is: the step's word, or the exposure's, else the plan's; where to reach them and what to do by the entry of `owners`. */
static void put_owner(json_t *j, const struct plan *p, const struct plan_words *w)
{
    const char *owner = p ? owner_name(p, w) : NULL, *contact = w ? w->contact : NULL, *playbook = w ? w->playbook : NULL;
    for (size_t i = 0; owner && i < p->n_owners; i++) {
        if (strcmp(p->owners[i].name, owner) != 0)
            continue;
        contact = contact ? contact : p->owners[i].words.contact;
        playbook = playbook ? playbook : p->owners[i].words.playbook;
    }
    contact = contact || !p ? contact : p->words.contact;
    playbook = playbook || !p ? playbook : p->words.playbook;
    json_object_set_new(j, "owner", view_string(owner));
    json_object_set_new(j, "contact", view_string(contact));
    json_object_set_new(j, "playbook", view_string(playbook));
}

static bool is_of_step(const struct alert_fact *a)
{
    return a->kind == ALERT_STEP || a->kind == ALERT_STRAGGLER || a->kind == ALERT_TIMEBOX || (a->kind == ALERT_DEADLINE && !*a->subject);
}

static const struct plan_words *words_of(const struct backfill_view *b, const struct alert_fact *a)
{
    if (is_of_step(a))
        return &b->plan->steps[a->step].words;
    for (size_t x = 0; a->kind == ALERT_DEADLINE && x < b->plan->n_exposures; x++)
        if (strcmp(b->plan->exposures[x].name, a->subject) == 0)
            return &b->plan->exposures[x].words;
    return NULL;
}

static const char *agent_of(const struct view_source *v, const struct alert_fact *a)
{
    struct agent_view agent;
    return a->agent && engine_agent(v->engine, a->agent, &agent) ? agent.hello->name : NULL;
}

static bool is_back(const struct view_source *v, const struct alert_fact *a)
{
    struct agent_view agent;
    return engine_agent(v->engine, a->agent, &agent) && agent.state != AGENT_LOST;
}

/* The pattern of a message for people: what varies is left out. */
static void put_pattern(const char *print, char ret[SENTENCE_MAX])
{
    size_t n = 0;
    while (*print && n + 4 < SENTENCE_MAX) {
        size_t token = strcspn(print, ">") + 1;
        bool varies = strncmp(print, "<n>", 3) == 0 || strncmp(print, "<date>", 6) == 0 || strncmp(print, "<hex>", 5) == 0 ||
                      strncmp(print, "<text>", 6) == 0;
        memcpy(ret + n, varies ? "…" : print, varies ? strlen("…") : 1);
        n += varies ? strlen("…") : 1;
        print += varies ? token : 1;
    }
    ret[n] = '\0';
}

/* What a pool has too little of, and the command that gives it more; false: nothing lacks it. */
static bool lack_tell(const struct view_source *v, const struct alert_more *m, struct lack_words *ret)
{
    char detail[SENTENCE_MAX], remedy[SENTENCE_MAX];
    if (m->members == 0)
        return false;
    (void)why_pool_tell(v, &m->lack, detail, sizeof detail, remedy, sizeof remedy);
    view_cut(detail, ret->detail, sizeof ret->detail);
    view_cut(remedy, ret->remedy, sizeof ret->remedy);
    return true;
}

static void say_step(const struct backfill_view *b, const struct alert_fact *a, const struct alert_more *m, const char *text, char *ret)
{
    const char *step = b->plan->steps[a->step].name;
    char pattern[SENTENCE_MAX];
    put_pattern(a->print, pattern);
    if (a->state == ALERT_RESOLVED)
        snprintf(ret, SENTENCE_MAX, "%s of bf-%" PRIu32 " does not fail of it any more: %s", step, b->id, pattern);
    else if (m->failed > 0)
        snprintf(ret, SENTENCE_MAX, "%s of bf-%" PRIu32 " failed for good (%" PRIu64 "): %s", step, b->id, m->failed, text);
    else
        snprintf(ret, SENTENCE_MAX, "%s of bf-%" PRIu32 " is delayed by failures that are tried again (%" PRIu64 "): %s", step, b->id,
                 m->members, text);
}

static void say_backfill(const struct view_source *v, const struct backfill_view *b, const struct alert_fact *a,
                         const struct alert_more *m, char *ret)
{
    struct step_left left = {0};
    char limit[48];
    switch (a->kind) {
    case ALERT_OVERTIME:
        bf_format_duration(b->plan->timebox_ms, limit, sizeof limit);
        snprintf(ret, SENTENCE_MAX, a->state == ALERT_RESOLVED ? "bf-%" PRIu32 " went on past its timebox of %s, and has ended"
                 : "bf-%" PRIu32 " goes on past its timebox of %s, which only warns", b->id, limit);
        break;
    case ALERT_HALTED:
        snprintf(ret, SENTENCE_MAX, "bf-%" PRIu32 " is %s%s", b->id, b->halted_by > HALTED_BY_CHECK
                 ? "paused: " : "", b->halted ? b->halted : "not halted any more");
        break;
    case ALERT_ENDED: snprintf(ret, SENTENCE_MAX, "bf-%" PRIu32 " is %s", b->id, backfill_state_name(b->state)); break;
    case ALERT_NO_AGENT:
        snprintf(ret, SENTENCE_MAX, "bf-%" PRIu32 " has steps that are ready, and %s", b->id,
                 m->quarantined ? "every agent that may run them is quarantined" : "no connected agent has their labels");
        break;
    case ALERT_DEADLINE:
        if (*a->subject)
            snprintf(ret, SENTENCE_MAX, "exposure %s of bf-%" PRIu32 " is late: what it reads is not done", a->subject, b->id);
        else if (engine_step_left(v->engine, b->id, a->step, &left))
            snprintf(ret, SENTENCE_MAX, "%s of bf-%" PRIu32 " is late: %" PRIu32 " of its partitions are not done",
                     b->plan->steps[a->step].name, b->id, left.left);
        break;
    case ALERT_STRAGGLER:
        snprintf(ret, SENTENCE_MAX, "%s of bf-%" PRIu32 ": %" PRIu64 " attempt%s far longer than its like", b->plan->steps[a->step].name,
                 b->id, m->members, m->members == 1 ? " takes" : "s take");
        break;
    case ALERT_TIMEBOX:
        snprintf(ret, SENTENCE_MAX, "%s of bf-%" PRIu32 ": %" PRIu64 " attempt%s on past the step's timebox, which only warns",
                 b->plan->steps[a->step].name, b->id, m->members, m->members == 1 ? " goes" : "s go");
        break;
    default: break;
    }
}

static void say_pool(const struct view_source *v, const struct alert_fact *a, const struct alert_more *m, char *ret)
{
    struct backfill_view b;
    struct lack_words w;
    char others[64] = "";
    if (!lack_tell(v, m, &w) || !engine_backfill(v->engine, m->backfill, &b)) {
        snprintf(ret, SENTENCE_MAX, "pool %s keeps nothing from beginning any more", a->subject);
        return;
    }
    if (m->backfills > 1)
        snprintf(others, sizeof others, ", and steps of %" PRIu32 " more backfill%s", m->backfills - 1, m->backfills > 2 ? "s" : "");
    snprintf(ret, SENTENCE_MAX, "%s of bf-%" PRIu32 "%s cannot begin, whatever ends: %s", b.plan->steps[m->step].name, b.id, others,
             w.detail);
}

static void say(const struct view_source *v, const struct backfill_view *b, const struct alert_fact *a, const struct alert_more *m,
                const char *text, char ret[SENTENCE_MAX])
{
    const char *agent = agent_of(v, a);
    ret[0] = '\0';
    switch (a->kind) {
    case ALERT_STEP: say_step(b, a, m, text, ret); break;
    case ALERT_HALTED:
    case ALERT_ENDED:
    case ALERT_NO_AGENT:
    case ALERT_STRAGGLER:
    case ALERT_TIMEBOX:
    case ALERT_OVERTIME:
    case ALERT_DEADLINE: say_backfill(v, b, a, m, ret); break;
    case ALERT_AGENT_LOST:
        if (m->fenced > 0 && is_back(v, a))
            snprintf(ret, SENTENCE_MAX, "agent %s was lost with work, is back, and does not know how %" PRIu64 " of its step instances "
                     "ended, which have on_lost: wait_for_fence", agent ? agent : "?", m->fenced);
        else
            snprintf(ret, SENTENCE_MAX, "agent %s was lost with work, and has not come back", agent ? agent : "?");
        break;
    case ALERT_STORE_LOW: snprintf(ret, SENTENCE_MAX, "the store is short of room: nothing new starts"); break;
    case ALERT_STORE_OLD: snprintf(ret, SENTENCE_MAX, "the store is an old copy: nothing starts"); break;
    case ALERT_POOL: say_pool(v, a, m, ret); break;
    case ALERT_BREAKER:
        snprintf(ret, SENTENCE_MAX, "breaker %s opened and has not closed: nothing that draws on it starts%s%s", a->subject,
                 m->cause ? "; the last failure: " : "", m->cause ? m->cause : "");
        break;
    }
}

/* A remedy that asks for another plan says that a retry does not take it up: none is offered beside it. */
static void mend_step(const struct view_source *v, const struct alert_fact *a, const struct alert_more *m, const char *step,
                      const struct outcome *o, char *ret)
{
    const char *fix = o ? remedy_of(o, engine_failure_unretried(v->engine, a->backfill, a->step, m->example)) : NULL;
    char again[SENTENCE_MAX] = "";
    if (m->failed == 0)
        snprintf(again, sizeof again, "; it is tried again by itself");
    else if (!fix || !remedy_asks_for_plan(fix))
        snprintf(again, sizeof again, "; bfctl retry bf-%" PRIu32 " %s runs it again", a->backfill, step);
    snprintf(ret, SENTENCE_MAX, "%s%sbfctl failures bf-%" PRIu32 " %s shows it%s", fix ? fix : "", fix ? "; " : "", a->backfill, step, again);
}

static void let_go_on(const struct backfill_view *b, char *ret)
{
    switch (b->halted_by) {
    case HALTED_BY_TIMEBOX:
        snprintf(ret, SENTENCE_MAX, "bfctl resume bf-%" PRIu32 ", which goes on without a limit, or bfctl cancel bf-%" PRIu32, b->id, b->id);
        break;
    case HALTED_BY_MISSING:
        snprintf(ret, SENTENCE_MAX, "see to what is missing, then bfctl resume bf-%" PRIu32 "; or bfctl cancel bf-%" PRIu32, b->id, b->id);
        break;
    case HALTED_BY_CHECK:
    case NOT_HALTED:
        snprintf(ret, SENTENCE_MAX, "look at the data: bfctl checks bf-%" PRIu32 "; then bfctl resume bf-%" PRIu32 ", or cancel it", b->id,
                 b->id);
        break;
    }
}

static void bring_back(const struct view_source *v, const struct alert_fact *a, const struct alert_more *m, char *ret)
{
    char waits[160] = "";
    if (m->fenced > 0 && is_back(v, a)) {
        snprintf(ret, SENTENCE_MAX, "bfctl why of one says what ends it; bfctl steps ID --state running shows them as unheard");
        return;
    }
    if (m->fenced > 0)
        snprintf(waits, sizeof waits, "; %" PRIu64 " step instance%s on_lost: wait_for_fence: no other agent takes what this one had until "
                 "it is back", m->fenced, m->fenced == 1 ? " has" : "s have");
    snprintf(ret, SENTENCE_MAX, "see whether the host lives and reaches the coordinator, and start its agent again%s", waits);
}

/* The first step instance that is cancelled, if it is among the first of all; false: none is. */
static bool find_cancelled(const struct view_source *v, const struct backfill_view *b, char ret[VIEW_NAME_MAX])
{
    struct instance_view i;
    uint32_t looked = 0;
    for (uint32_t k = 0; b->count[INSTANCE_CANCELLED] > 0 && k < b->plan->n_steps; k++) {
        const struct plan_step *s = &b->plan->steps[b->plan->order[k]];
        for (uint32_t index = 0; looked < LOOK_MAX && engine_instance(v->engine, b->id, b->plan->order[k], index, &i); index++, looked++)
            if (i.state == INSTANCE_CANCELLED) {
                view_instance_name(s, index, ret, VIEW_NAME_MAX);
                return true;
            }
    }
    return false;
}

/* A retry runs what failed again, and not what a person cancelled. */
static void run_again(const struct view_source *v, const struct backfill_view *b, char *ret)
{
    char name[VIEW_NAME_MAX];
    if (b->count[INSTANCE_FAILED] > 0 || b->count[INSTANCE_CANCELLED] == 0)
        snprintf(ret, SENTENCE_MAX, "bfctl failures bf-%" PRIu32 " shows why; bfctl retry bf-%" PRIu32 " runs what failed again", b->id,
                 b->id);
    else if (!find_cancelled(v, b, name))
        snprintf(ret, SENTENCE_MAX, "nothing failed; bfctl steps bf-%" PRIu32 " --state cancelled lists what was cancelled, and bfctl force "
                 "bf-%" PRIu32 " SELECTOR runs it again", b->id, b->id);
    else if (b->count[INSTANCE_CANCELLED] == 1)
        snprintf(ret, SENTENCE_MAX, "nothing failed: %s was cancelled; bfctl force bf-%" PRIu32 " '%s' runs it again", name, b->id, name);
    else
        snprintf(ret, SENTENCE_MAX, "nothing failed: %" PRIu64 " step instances were cancelled, and bfctl steps bf-%" PRIu32 " --state "
                 "cancelled lists them; bfctl force bf-%" PRIu32 " '%s' runs the first again", b->count[INSTANCE_CANCELLED], b->id, b->id,
                 name);
}

/* What an operator can do about it, with the commands. */
static void what_to_do(const struct view_source *v, const struct backfill_view *b, const struct alert_fact *a,
                       const struct alert_more *m, const char *step, const struct outcome *o, char ret[SENTENCE_MAX])
{
    struct lack_words lack;
    switch (a->kind) {
    case ALERT_STEP: mend_step(v, a, m, step, o, ret); break;
    case ALERT_HALTED: let_go_on(b, ret); break;
    case ALERT_ENDED: run_again(v, b, ret); break;
    case ALERT_DEADLINE:
        snprintf(ret, SENTENCE_MAX, "bfctl status bf-%" PRIu32 " shows what is left; bfctl priority bf-%" PRIu32 " lets it go first",
                 a->backfill, a->backfill);
        break;
    case ALERT_OVERTIME:
        snprintf(ret, SENTENCE_MAX, "bfctl status bf-%" PRIu32 " shows what is left; bfctl pause bf-%" PRIu32 " or bfctl cancel bf-%" PRIu32
                 " stops it", a->backfill, a->backfill, a->backfill);
        break;
    case ALERT_AGENT_LOST: bring_back(v, a, m, ret); break;
    case ALERT_NO_AGENT:
        if (m->quarantined)
            snprintf(ret, SENTENCE_MAX, "bfctl agents shows what failed there; bfctl agent release NAME gives one work again");
        else
            snprintf(ret, SENTENCE_MAX, "bfctl agents shows who is there; start an agent with the labels that the steps ask for");
        break;
    case ALERT_POOL:
        snprintf(ret, SENTENCE_MAX, "%s", lack_tell(v, m, &lack) ? lack.remedy : "");
        break;
    case ALERT_STORE_LOW: snprintf(ret, SENTENCE_MAX, "raise store_max, or make room on the disk of the store"); break;
    case ALERT_STORE_OLD: snprintf(ret, SENTENCE_MAX, "stop, and put the newest store back, or bfctl restore a backup"); break;
    case ALERT_STRAGGLER:
    case ALERT_TIMEBOX:
        snprintf(ret, SENTENCE_MAX, "bfctl status bf-%" PRIu32 " and bfctl steps bf-%" PRIu32 " %s --state running show them; bfctl logs "
                 "what they say", a->backfill, a->backfill, step);
        break;
    case ALERT_BREAKER: snprintf(ret, SENTENCE_MAX, "bfctl breakers %s shows what fails; it is tried again by itself", a->subject); break;
    }
}

/* ---- the document ---- */

static void put_cause(json_t *j, const struct alert_fact *a, const struct alert_more *m, const struct outcome *example)
{
    bool step = a->kind == ALERT_STEP;
    json_object_set_new(j, "class", view_string(step ? failure_class_name(a->failure_class) : NULL));
    json_object_set_new(j, "source", view_string(step ? view_source_name(a->source) : NULL));
    json_object_set_new(j, "code", step ? json_integer(a->code) : json_null());
    json_object_set_new(j, "sqlstate", view_string(*a->sqlstate ? a->sqlstate : NULL));
    json_object_set_new(j, "dbms", view_string(*a->dbms ? a->dbms : NULL));
    json_object_set_new(j, "fingerprint", view_string(step ? a->print : NULL));
    json_object_set_new(j, "text", view_string(example ? example->text : m->cause));
}

static void put_ripple(json_t *j, const struct alert_more *m)
{
    json_object_set_new(j, "count", json_integer((json_int_t)m->members));
    json_object_set_new(j, "failed", json_integer((json_int_t)m->failed));
    json_object_set_new(j, "downstream", json_pack("{s:i, s:I, s:i, s:o}", "steps", (int)m->steps, "held", (json_int_t)m->held, "exposures",
                                                   (int)m->exposures, "exposure", view_string(m->exposure)));
}

static void put_times(json_t *j, const struct alert_fact *a)
{
    json_object_set_new(j, "since", view_time(a->since_us));
    json_object_set_new(j, "fired_at", view_time(a->fired_us));
    json_object_set_new(j, "ended_at", view_time(a->ended_us));
    json_object_set_new(j, "acked_by", view_string(*a->acked_by ? a->acked_by : NULL));
    json_object_set_new(j, "acked_reason", view_string(*a->acked_reason ? a->acked_reason : NULL));
    json_object_set_new(j, "acked_at", view_time(a->acked_us));
}

json_t *view_alert(const struct view_source *v, const struct alert_fact *a, const struct alert_more *m)
{
    struct backfill_view b;
    struct outcome o;
    enum failure_class class;
    char id[24], sentence[SENTENCE_MAX], todo[SENTENCE_MAX], instance[VIEW_NAME_MAX] = "";
    bool of_backfill = a->backfill && engine_backfill(v->engine, a->backfill, &b);
    bool step = of_backfill && is_of_step(a), late = a->kind == ALERT_STRAGGLER || a->kind == ALERT_TIMEBOX;
    const char *name = step ? b.plan->steps[a->step].name : NULL;
    bool example = a->kind == ALERT_STEP && m->members > 0 && engine_failure(v->engine, a->backfill, a->step, m->example, &o, &class);
    if (example || (step && late && m->members > 0))
        view_instance_name(&b.plan->steps[a->step], m->example, instance, sizeof instance);
    json_t *j = json_object();
    snprintf(id, sizeof id, "al-%" PRIu32, a->id);
    say(v, of_backfill ? &b : NULL, a, m, example ? o.text : a->print, sentence);
    what_to_do(v, of_backfill ? &b : NULL, a, m, name ? name : "", example ? &o : NULL, todo);
    json_object_set_new(j, "id", view_string(id));
    json_object_set_new(j, "kind", view_string(alert_kind_name(a->kind)));
    json_object_set_new(j, "state", view_string(alert_state_name(a->state)));
    json_object_set_new(j, "severity", view_string(alert_severity_name(a->severity)));
    snprintf(id, sizeof id, "al-%" PRIu32, m->inhibited_by);
    json_object_set_new(j, "inhibited_by", view_string(m->inhibited_by ? id : NULL));
    json_object_set_new(j, "summary", view_string(sentence));
    json_object_set_new(j, "todo", view_string(a->state == ALERT_RESOLVED ? NULL : todo));
    json_object_set_new(j, "backfill", view_string(of_backfill ? view_backfill_id(a->backfill).text : NULL));
    json_object_set_new(j, "plan", view_string(of_backfill ? b.plan->name : NULL));
    json_object_set_new(j, "step", view_string(name));
    json_object_set_new(j, "example", view_string(*instance ? instance : NULL));
    json_object_set_new(j, "agent", view_string(agent_of(v, a)));
    json_object_set_new(j, "subject", view_string(*a->subject ? a->subject : NULL));
    put_owner(j, of_backfill ? b.plan : NULL, of_backfill ? words_of(&b, a) : NULL);
    put_cause(j, a, m, example ? &o : NULL);
    put_ripple(j, m);
    put_times(j, a);
    return j;
}

/* state "" : what fires and does not follow from another that this key sees; "all": pending, inhibited and resolved ones too.  name: of an
 * owner. */
static bool is_wanted(const struct view_source *v, const struct op_request *req, const struct alert_fact *a, const struct alert_more *m)
{
    const struct alert_fact *cause = m->inhibited_by ? engine_find_alert(v->engine, m->inhibited_by) : NULL;
    return strcmp(req->state, "all") == 0 || (a->state == ALERT_FIRING && !(cause && view_alert_seen(v, cause)));
}

enum bf_rc view_alerts(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    uint64_t limit = view_page_limit(req), seen = 0;
    size_t bytes = 0;
    if (*req->state && strcmp(req->state, "all") != 0)
        return bf_fail(err, BF_INVALID, "alerts: `%s` is no choice of them; leave it out for those that fire, or say all", req->state);
    *ret = json_array();
    for (size_t i = engine_n_alerts(v->engine); i-- > 0 && json_array_size(*ret) < limit && bytes < VIEW_BYTES_MAX;) {
        const struct alert_fact *a = engine_alert(v->engine, i);
        struct alert_more more;
        if (!view_alert_seen(v, a))
            continue;
        engine_alert_more(v->engine, a, &more);
        if (!is_wanted(v, req, a, &more))
            continue;
        json_t *row = view_alert(v, a, &more);
        const char *owner = json_string_value(json_object_get(row, "owner"));
        if ((*req->name && strcmp(owner ? owner : "", req->name) != 0) || seen++ < req->page_offset) {
            json_decref(row);
            continue;
        }
        bytes += 6 * SENTENCE_MAX;
        json_array_append_new(*ret, row);
    }
    return BF_OK;
}

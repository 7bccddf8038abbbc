/* The state of alerts: groups of causes as attempts end, and the alerts themselves as records say.  See alerts.h.
 *
 * Within a run an instance joins or leaves a group only when an attempt of it ends; what people do begins new runs, by the hundred, and
 * everything is derived again then.  So the two ways to come to the groups have one rule, trouble_of(). */
#include "coordinator/engine/alerts.h"

#include <stdlib.h>
#include <string.h>

#include "common/fingerprint.h"
#include "common/mem.h"
#include "coordinator/engine/decide.h"

enum trouble { TROUBLE_NONE, TROUBLE_RETRIED, TROUBLE_FAILED };

static const char *text_or_empty(const char *s) { return s ? s : ""; }

/* ---- facts ---- */

static void fact_own(struct alert_fact *to, const struct alert_fact *from)
{
    *to = *from;
    to->sqlstate = bf_xstrdup(text_or_empty(from->sqlstate));
    to->dbms = bf_xstrdup(text_or_empty(from->dbms));
    to->print = bf_xstrdup(text_or_empty(from->print));
    to->subject = bf_xstrdup(text_or_empty(from->subject));
    to->acked_by = bf_xstrdup(text_or_empty(from->acked_by));
    to->acked_reason = bf_xstrdup(text_or_empty(from->acked_reason));
}

static void fact_done(struct alert_fact *a)
{
    const char *owned[] = {a->sqlstate, a->dbms, a->print, a->subject, a->acked_by, a->acked_reason};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free((void *)(uintptr_t)owned[i]);
}

static bool is_open(const struct alert_fact *a) { return a->state != ALERT_RESOLVED; }

bool alert_same_cause(const struct alert_fact *a, const struct alert_fact *b)
{
    return a->kind == b->kind && a->backfill == b->backfill && a->step == b->step && a->agent == b->agent &&
           a->failure_class == b->failure_class && a->source == b->source && a->code == b->code &&
           strcmp(a->sqlstate, b->sqlstate) == 0 && strcmp(a->dbms, b->dbms) == 0 && strcmp(a->print, b->print) == 0 &&
           strcmp(a->subject, b->subject) == 0;
}

struct alert_fact *alert_find(const struct engine *e, uint32_t id)
{
    const struct alert_book *k = &e->alerts;
    size_t from = 0, until = k->at.n;
    while (from < until) {
        size_t mid = from + (until - from) / 2;
        if (k->at.at[mid].id < id)
            from = mid + 1;
        else
            until = mid;
    }
    return from < k->at.n && k->at.at[from].id == id ? &k->at.at[from] : NULL;
}

const struct alert_fact *alert_like(const struct engine *e, const struct alert_fact *cause)
{
    for (size_t i = 0; i < e->alerts.at.n; i++)
        if (is_open(&e->alerts.at.at[i]) && alert_same_cause(&e->alerts.at.at[i], cause))
            return &e->alerts.at.at[i];
    return NULL;
}

/* ---- groups ---- */

enum { KEY_NUMBERS = 5, KEY_TEXTS = 3 };
struct group_key { size_t n; uint8_t at[KEY_NUMBERS * sizeof(uint32_t) + KEY_TEXTS * FINGERPRINT_MAX]; };

/* A fingerprint is the longest of the texts; what is longer is cut, and comes from nobody.  Only what is set is written. */
static void key_of(const struct alert_fact *c, struct group_key *ret)
{
    const uint32_t numbers[KEY_NUMBERS] = {c->backfill, c->step, (uint32_t)c->failure_class, (uint32_t)c->source, (uint32_t)c->code};
    const char *const texts[KEY_TEXTS] = {c->sqlstate, c->dbms, c->print};
    memcpy(ret->at, numbers, sizeof numbers);
    ret->n = sizeof numbers;
    for (size_t i = 0; i < KEY_TEXTS; i++) {
        size_t n = strnlen(texts[i], FINGERPRINT_MAX - 1);
        memcpy(ret->at + ret->n, texts[i], n);
        ret->at[ret->n + n] = '\0';
        ret->n += n + 1;
    }
}

struct alert_group *alert_group_of(const struct engine *e, const struct alert_fact *cause)
{
    struct group_key key;
    key_of(cause, &key);
    uintptr_t at = (uintptr_t)bf_smap_get(&e->alerts.group_of, key.at, key.n);
    return at ? &e->alerts.groups.at[at - 1] : NULL;
}

static void mark(struct alert_book *k, uint32_t group)
{
    if (k->groups.at[group].dirty)
        return;
    k->groups.at[group].dirty = true;
    bf_vec_push(&k->dirty, group);
}

static uint32_t group_for(struct engine *e, const struct alert_fact *cause)
{
    struct alert_book *k = &e->alerts;
    struct group_key key;
    key_of(cause, &key);
    uintptr_t at = (uintptr_t)bf_smap_get(&k->group_of, key.at, key.n);
    if (!at) {
        uint32_t slot = (uint32_t)k->groups.n;
        if (k->free_groups.n > 0)
            slot = k->free_groups.at[--k->free_groups.n];
        else
            bf_vec_add(&k->groups);
        bool dirty = k->groups.at[slot].dirty;   /* freed in this turn: it is in the list */
        k->groups.at[slot] = (struct alert_group){.dirty = dirty};
        fact_own(&k->groups.at[slot].cause, cause);
        bf_smap_put(&k->group_of, key.at, key.n, (void *)(uintptr_t)(slot + 1));
        const struct alert_fact *a = alert_like(e, cause);
        k->groups.at[slot].alert = a ? a->id : 0;
        at = slot + 1;
    }
    return (uint32_t)(at - 1);
}

static void group_free(struct alert_book *k, uint32_t group)
{
    struct alert_group *g = &k->groups.at[group];
    struct group_key key;
    key_of(&g->cause, &key);
    bf_smap_del(&k->group_of, key.at, key.n);
    fact_done(&g->cause);
    g->cause = (struct alert_fact){0};
    bf_vec_push(&k->free_groups, group);
}

/* What becomes of a failed instance follows from its state alone: the counts of a run begin again with it, and an attempt that is open
 * is the first of its run unless one was charged, or lost, before it. */
static enum trouble trouble_of(const struct instance *in)
{
    switch ((enum instance_state)in->state) {
    case INSTANCE_FAILED: return TROUBLE_FAILED;
    case INSTANCE_BACKING_OFF: return instance_looking(in) ? TROUBLE_NONE : TROUBLE_RETRIED;
    case INSTANCE_WAITING:
    case INSTANCE_READY: return in->attempts > 0 || in->lost > 0 ? TROUBLE_RETRIED : TROUBLE_NONE;
    case INSTANCE_ASSIGNED:
    case INSTANCE_RUNNING: return in->attempts > 1 || in->lost > 0 ? TROUBLE_RETRIED : TROUBLE_NONE;
    case INSTANCE_SUCCEEDED:
    case INSTANCE_SKIPPED:
    case INSTANCE_CANCELLED: return TROUBLE_NONE;
    }
    return TROUBLE_NONE;
}

static void leave(struct alert_book *k, uint64_t key)
{
    uint64_t member = 0;
    if (!bf_map_get(&k->member_of, key, &member))
        return;
    uint32_t group = (uint32_t)(member >> 1);
    struct alert_group *g = &k->groups.at[group];
    bf_map_del(&k->member_of, key);
    g->members--;
    g->failed -= member & 1;
    mark(k, group);
    if (g->members == 0)
        group_free(k, group);
}

static void join(struct engine *e, const struct backfill *b, uint32_t number, bool failed)
{
    struct alert_book *k = &e->alerts;
    uint64_t i = 0;
    char print[FINGERPRINT_MAX];
    if (!bf_map_get(&e->failure_of, instance_key(b, number), &i))
        return;
    const struct failure *f = &e->failures.at[i];
    bf_fingerprint(f->outcome.text, print);
    uint32_t group = group_for(e, &(struct alert_fact){
        .kind = ALERT_STEP, .backfill = b->id, .step = b->instances[number].step, .failure_class = f->class, .source = f->outcome.source,
        .code = f->outcome.code, .sqlstate = f->outcome.sqlstate, .dbms = f->outcome.dbms, .print = print, .subject = ""});
    struct alert_group *g = &k->groups.at[group];
    g->members++;
    g->failed += failed;
    if (g->members == 1 || (failed && g->failed == 1))
        mark(k, group);
    bf_map_put(&k->member_of, instance_key(b, number), (uint64_t)group << 1 | failed);
}

void alerts_ended(struct engine *e, const struct backfill *b, uint32_t number)
{
    if (e->recovering)
        return;
    leave(&e->alerts, instance_key(b, number));
    enum trouble t = trouble_of(&b->instances[number]);
    if (t != TROUBLE_NONE)
        join(e, b, number, t == TROUBLE_FAILED);
}

void alerts_leave(struct engine *e, const struct backfill *b, uint32_t number)
{
    leave(&e->alerts, instance_key(b, number));
}

/* Those that are in another trouble than before, or in none, leave; those that are in trouble and in no group join. */
void alerts_again(struct engine *e, const struct backfill *b)
{
    if (e->recovering)
        return;
    size_t pos = 0;
    for (uint64_t key, member; bf_map_next(&e->alerts.member_of, &pos, &key, &member);) {
        enum trouble t = key >> 32 == b->id ? trouble_of(&b->instances[(uint32_t)key]) : TROUBLE_NONE;
        if (key >> 32 == b->id && (t == TROUBLE_NONE || (member & 1) != (t == TROUBLE_FAILED)))
            leave(&e->alerts, key);
    }
    for (uint32_t i = 0; i < b->topology->n; i++) {
        enum trouble t = trouble_of(&b->instances[i]);
        if (t != TROUBLE_NONE && !bf_map_get(&e->alerts.member_of, instance_key(b, i), NULL))
            join(e, b, i, t == TROUBLE_FAILED);
    }
    e->alerts.all = true;
}

int64_t alerts_due_ms(const struct engine *e)
{
    const struct alert_book *k = &e->alerts;
    int64_t due_ms = late_due_ms(e) < k->due_ms ? late_due_ms(e) : k->due_ms;
    if (k->due_us == INT64_MAX)
        return due_ms;
    int64_t wall_ms = e->now_ms + (k->due_us - e->wall_us) / 1000 + 1;
    wall_ms = wall_ms > e->now_ms ? wall_ms : e->now_ms;
    return wall_ms < due_ms ? wall_ms : due_ms;
}

static void forget_groups(struct alert_book *k)
{
    for (size_t i = 0; i < k->groups.n; i++)
        if (k->groups.at[i].members > 0)
            fact_done(&k->groups.at[i].cause);
    bf_vec_clear(&k->groups);
    bf_vec_clear(&k->free_groups);
    bf_vec_clear(&k->dirty);
    bf_smap_free(&k->group_of);
    bf_map_free(&k->member_of);
}

void alerts_derive(struct engine *e)
{
    forget_groups(&e->alerts);
    for (size_t i = 0; i < e->failures.n; i++) {
        const struct backfill *b = backfill_find(e, e->failures.at[i].backfill);
        uint32_t number = e->failures.at[i].number;
        enum trouble t = trouble_of(&b->instances[number]);
        if (t != TROUBLE_NONE)
            join(e, b, number, t == TROUBLE_FAILED);
    }
    e->alerts.all = true;
}

void alerts_done(struct engine *e)
{
    struct alert_book *k = &e->alerts;
    forget_groups(k);
    bf_vec_free(&k->groups);
    bf_vec_free(&k->free_groups);
    bf_vec_free(&k->dirty);
    for (size_t i = 0; i < k->at.n; i++)
        fact_done(&k->at.at[i]);
    bf_vec_free(&k->at);
}

/* ---- records ---- */

static void drop(struct alert_book *k, size_t i)
{
    fact_done(&k->at.at[i]);
    memmove(k->at.at + i, k->at.at + i + 1, (k->at.n - i - 1) * sizeof *k->at.at);
    k->at.n--;
}

/* Of those that are over only the newest stay, by id. */
static void forget_old(struct alert_book *k)
{
    size_t resolved = k->at.n - k->n_open;
    for (size_t i = 0; resolved > ALERTS_RESOLVED_MAX && i < k->at.n;) {
        if (is_open(&k->at.at[i])) {
            i++;
            continue;
        }
        drop(k, i);
        resolved--;
    }
}

/* The group knows its alert, in both directions. */
static void tie(struct engine *e, const struct alert_fact *a)
{
    struct alert_group *g = a->kind == ALERT_STEP && !e->recovering ? alert_group_of(e, a) : NULL;
    if (g)
        g->alert = is_open(a) ? a->id : 0;
}

static bool fits(const struct engine *e, const struct alert_fact *a)
{
    const struct backfill *b = backfill_find(e, a->backfill);
    bool of_step = a->kind == ALERT_STEP || a->kind == ALERT_STRAGGLER || a->kind == ALERT_TIMEBOX ||
                   (a->kind == ALERT_DEADLINE && !*a->subject);
    bool of_backfill = of_step || a->kind == ALERT_HALTED || a->kind == ALERT_ENDED || a->kind == ALERT_DEADLINE ||
                       a->kind == ALERT_NO_AGENT || a->kind == ALERT_OVERTIME;
    return a->kind != 0 && a->state != 0 && a->severity != 0 && (!of_backfill || b) && (!of_step || a->step < b->plan->n_steps) &&
           (a->kind != ALERT_AGENT_LOST || agent_find(e, a->agent)) &&
           (a->kind != ALERT_POOL || pool_find(e, a->subject) != PLAN_NO_INDEX);
}

enum bf_rc apply_alert(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct alert_book *k = &e->alerts;
    const struct alert_fact *a = record_rare(r)->alert;
    if (a->id == 0) {
        k->next = a->next > k->next ? a->next : k->next;
        return BF_OK;
    }
    if (!fits(e, a))
        return bf_fail(err, BF_CORRUPT, "record of alert al-%u: what it is about is not there", a->id);
    struct alert_fact *known = alert_find(e, a->id);
    if (!known && k->at.n > 0 && k->at.at[k->at.n - 1].id > a->id)
        return bf_fail(err, BF_CORRUPT, "record of alert al-%u: its number is of the past", a->id);
    k->n_open += is_open(a);
    if (known) {
        struct alert_fact before = *known;
        k->n_open -= is_open(&before);
        fact_own(known, a);
        fact_done(&before);
    } else {
        fact_own(bf_vec_add(&k->at), a);
    }
    k->next = a->id > k->next ? a->id : k->next;
    tie(e, a);
    known = alert_find(e, a->id);
    if (!is_open(a) && known->fired_us == 0)
        drop(k, (size_t)(known - k->at.at));     /* it was a delay */
    forget_old(k);
    k->look = true;
    return BF_OK;
}

enum bf_rc apply_alert_acked(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    struct alert_fact *a = alert_find(e, rare->alert->id);
    if (!a)
        return bf_fail(err, BF_CORRUPT, "record of alert al-%u, which is acknowledged: there is no such alert", rare->alert->id);
    free((void *)(uintptr_t)a->acked_by);
    free((void *)(uintptr_t)a->acked_reason);
    a->acked_by = bf_xstrdup(text_or_empty(rare->alert->acked_by));
    a->acked_reason = bf_xstrdup(text_or_empty(rare->alert->acked_reason));
    a->acked_us = rare->alert->acked_us;
    return BF_OK;
}

void alerts_snapshot(const struct engine *e, struct engine_out *out)
{
    struct record *r;
    for (size_t i = 0; i < e->alerts.at.n; i++) {
        r = record_add(out, RECORD_ALERT);
        record_rare_need(r, &out->arena)->alert = &e->alerts.at.at[i];
        record_keep_strings(&out->arena, r);
    }
    if (e->alerts.next == 0)
        return;
    r = record_add(out, RECORD_ALERT);
    record_rare_need(r, &out->arena)->alert = &(struct alert_fact){.next = e->alerts.next};
    record_keep_strings(&out->arena, r);
}

/* ---- checks ---- */

const char *alerts_broken(const struct engine *e)
{
    const struct alert_book *k = &e->alerts;
    uint32_t open = 0;
    uint64_t members = 0, troubled = 0;
    for (size_t i = 0; i < k->at.n; i++) {
        open += is_open(&k->at.at[i]);
        if (i > 0 && k->at.at[i].id <= k->at.at[i - 1].id)
            return "alerts are not in order";
    }
    if (open != k->n_open || open > ALERTS_OPEN_MAX || k->at.n - open > ALERTS_RESOLVED_MAX)
        return "open alerts are miscounted, or too many";
    for (size_t i = 0; i < k->groups.n; i++)
        members += k->groups.at[i].members;
    for (size_t i = 0; i < e->failures.n; i++) {
        const struct backfill *b = backfill_find(e, e->failures.at[i].backfill);
        enum trouble t = trouble_of(&b->instances[e->failures.at[i].number]);
        uint64_t member = 0;
        bool is_member = bf_map_get(&k->member_of, instance_key(b, e->failures.at[i].number), &member);
        if (is_member != (t != TROUBLE_NONE) || (is_member && (member & 1) != (t == TROUBLE_FAILED)))
            return "an instance in trouble is in no group, or in a wrong one";
        troubled += t != TROUBLE_NONE;
    }
    return members == troubled ? NULL : "groups of causes are miscounted";
}

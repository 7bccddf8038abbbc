/* The end of a turn, last part: alerts that are raised, fire, grow worse, or are over; and what people say to one.  See alerts.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/plant.h"
#include "common/text.h"
#include "coordinator/engine/decide.h"

static void emit(struct decision *d, const struct alert_fact *a)
{
    struct record *r = record_begin(d, RECORD_ALERT);
    record_rare_need(r, &d->out->arena)->alert = a;
    record_emit(d, r);
}

static bool is_due(const struct decision *d, const struct alert_fact *a)
{
    int64_t at_ms, at_us;
    alert_fires_at(d->e, a, &at_ms, &at_us);
    return d->now_ms >= at_ms || d->wall_us >= at_us;
}

/* Raise one about this cause, if there is none and there is room.  Gives its id; 0: there was no room. */
static uint32_t raise(struct decision *d, const struct alert_fact *cause)
{
    const struct alert_fact *known = alert_like(d->e, cause);
    if (known)
        return known->id;
    if (d->e->alerts.n_open >= ALERTS_OPEN_MAX) {
        d->live->alerts.left_out++;
        return 0;
    }
    struct alert_fact a = *cause;
    a.id = d->e->alerts.next + 1;
    a.since_ms = d->now_ms;
    a.since_us = d->wall_us;
    a.severity = alert_severity_of(d->e, &a);
    a.state = is_due(d, &a) ? ALERT_FIRING : ALERT_PENDING;
    a.fired_us = a.state == ALERT_FIRING ? d->wall_us : 0;
    emit(d, &a);
    return a.id;
}

static struct alert_fact cause_of(enum alert_kind kind, uint32_t backfill)
{
    return (struct alert_fact){.kind = kind, .backfill = backfill, .sqlstate = "", .dbms = "", .print = "", .subject = "",
                               .acked_by = "", .acked_reason = ""};
}

/* ---- what may raise one ---- */

static void raise_group(struct decision *d, const struct alert_group *g)
{
    const struct backfill *b = backfill_find(d->e, g->cause.backfill);
    bool forgotten = BF_PLANTED("alert_missed") && g->cause.failure_class == FAILURE_TRANSIENT;
    if (g->alert == 0 && alert_concerns(d->e, b) && !forgotten)
        raise(d, &g->cause);
}

static int compare_numbers(int64_t a, int64_t b) { return (a > b) - (a < b); }

/* By what the cause says: slots, and the order in which groups became dirty, depend on what was in memory before. */
static int by_cause(const void *left, const void *right)
{
    const struct alert_fact *a = &(*(const struct alert_group *const *)left)->cause;
    const struct alert_fact *b = &(*(const struct alert_group *const *)right)->cause;
    const int64_t numbers[][2] = {{a->backfill, b->backfill}, {a->step, b->step}, {a->failure_class, b->failure_class},
                                  {a->source, b->source}, {a->code, b->code}};
    int c = 0;
    for (size_t i = 0; c == 0 && i < sizeof numbers / sizeof *numbers; i++)
        c = compare_numbers(numbers[i][0], numbers[i][1]);
    c = c ? c : strcmp(a->sqlstate, b->sqlstate);
    c = c ? c : strcmp(a->dbms, b->dbms);
    return c ? c : strcmp(a->print, b->print);
}

static void raise_groups(struct decision *d)
{
    struct alert_book *k = &d->live->alerts;
    BF_VEC_TYPE(const struct alert_group *) causes = {0};
    for (size_t i = 0, n = k->all ? k->groups.n : k->dirty.n; i < n; i++) {
        const struct alert_group *g = &k->groups.at[k->all ? i : k->dirty.at[i]];
        if (g->members > 0)
            bf_vec_push(&causes, g);
    }
    for (size_t i = 0; i < k->dirty.n; i++)
        k->groups.at[k->dirty.at[i]].dirty = false;
    bf_vec_clear(&k->dirty);
    if (causes.n > 0)
        qsort(causes.at, causes.n, sizeof *causes.at, by_cause);
    for (size_t i = 0; i < causes.n; i++)        /* a record of an alert adds no group */
        raise_group(d, causes.at[i]);
    bf_vec_free(&causes);
}

static void raise_about_backfill(struct decision *d, const struct backfill *b)
{
    struct alert_fact halted = cause_of(ALERT_HALTED, b->id), ended = cause_of(ALERT_ENDED, b->id), late = cause_of(ALERT_OVERTIME, b->id);
    if (b->halted)
        raise(d, &halted);
    if (timebox_warns(b))
        raise(d, &late);
    if (alert_holds(d->e, &ended))
        raise(d, &ended);
}

/* Those that ended lately, and those that are live however old they are. */
static void raise_about_backfills(struct decision *d)
{
    const struct engine *e = d->e;
    size_t first = e->backfills.n > ALERT_ENDED_MAX ? e->backfills.n - ALERT_ENDED_MAX : 0;
    for (size_t i = 0; i < e->live.n && e->live.at[i] <= first; i++)
        raise_about_backfill(d, backfill_find(e, e->live.at[i]));
    for (size_t i = first; i < e->backfills.n; i++)
        raise_about_backfill(d, e->backfills.at[i]);
}

static void earliest(int64_t *at, int64_t other)
{
    if (other < *at)
        *at = other;
}

/* One deadline: late now, or *next_us. */
static void look_at_deadline(struct decision *d, const struct alert_fact *cause, int64_t late_us, uint32_t left, int64_t *next_us)
{
    if (late_us == INT64_MAX || left == 0)
        return;
    if (d->wall_us >= late_us)
        raise(d, cause);
    else
        earliest(next_us, late_us);
}

static void look_at_deadlines(struct decision *d, const struct backfill *b, int64_t *next_us)
{
    if (b->state != BACKFILL_RUNNING && b->state != BACKFILL_PAUSED)
        return;
    for (uint32_t s = 0; s < b->plan->n_steps; s++) {
        struct alert_fact a = cause_of(ALERT_DEADLINE, b->id);
        const struct plan_step *step = &b->plan->steps[s];
        a.step = s;
        look_at_deadline(d, &a, alert_late_us(b, &step->deadline, step->tolerance_ms), b->by_step[s].left, next_us);
    }
    for (size_t x = 0; x < b->plan->n_exposures; x++) {
        struct alert_fact a = cause_of(ALERT_DEADLINE, b->id);
        const struct plan_exposure *exposure = &b->plan->exposures[x];
        int64_t late_us = alert_late_us(b, &exposure->deadline, 0);
        a.subject = exposure->name;
        if (late_us != INT64_MAX)
            look_at_deadline(d, &a, late_us, alert_left_of_exposure(b, exposure), next_us);
    }
}

static void raise_about_store(struct decision *d)
{
    struct alert_fact low = cause_of(ALERT_STORE_LOW, 0), old = cause_of(ALERT_STORE_OLD, 0);
    if (d->e->low)
        raise(d, &low);
    if (d->e->outdated_token)
        raise(d, &old);
}

static void tell_limit(struct decision *d, const struct backfill *b, const struct attempt *a)
{
    char limit[64], key[PLAN_KEY_MAX];
    const struct plan_step *s = &b->plan->steps[a->step];
    bf_format_duration(s->timebox_ms, limit, sizeof limit);
    plan_partition_key(s->partitions, a->index, key);
    const char *target = out_printf(d->out, "%s%s%s%s", s->name, *key ? "[" : "", key, *key ? "]" : "");
    audit_note(d, &(struct audit_note){.what = "timebox", .target = target, .backfill = b->id, .ref = a->ref, .agent = a->agent,
                                       .text = out_printf(d->out, "it goes on past its timebox of %s, which only warns", limit),
                                       .before = "{\"state\":\"running\"}", .after = "{\"state\":\"running\"}"});
}

static void raise_about_breakers(struct decision *d)
{
    const struct breaker_book *book = &d->e->breakers;
    for (size_t i = 0; i < book->not_closed.n; i++) {
        const struct breaker *b = book->at.at[book->not_closed.at[i]];
        struct alert_fact a = cause_of(ALERT_BREAKER, 0);
        char name[BREAKER_NAME_MAX];
        breaker_full_name(b->kind, b->name, name);
        a.subject = name;
        if (alert_breaker(b))
            raise(d, &a);
    }
}

/* One of each kind for a step, however many of its attempts are late.  What a timebox that warns says is in the audit trail too: it is what
 * the plan does at the limit. */
static void raise_about_late(struct decision *d)
{
    struct engine *e = d->live;
    int64_t now_ms = judged_ms(e, d->now_ms);
    late_gather(e, now_ms);
    for (size_t i = 0; i < e->alerts.at.n; i++) {
        const struct alert_fact *a = &e->alerts.at.at[i];
        if ((a->kind == ALERT_STRAGGLER || a->kind == ALERT_TIMEBOX) && a->state != ALERT_RESOLVED)
            (void)late_take(e, a->kind, a->backfill, a->step);       /* it is told */
    }
    for (size_t i = 0; i < e->late_now.n; i++) {
        const struct attempt *at = &e->attempts.at[e->late_now.at[i]];
        const struct backfill *b = backfill_find(e, at->backfill);
        struct alert_fact slow = cause_of(ALERT_STRAGGLER, b->id), past = cause_of(ALERT_TIMEBOX, b->id);
        slow.step = past.step = at->step;
        if (!alert_concerns(e, b))
            continue;
        if (late_is(e, at, ALERT_STRAGGLER, now_ms) && late_take(e, ALERT_STRAGGLER, at->backfill, at->step))
            raise(d, &slow);
        if (late_is(e, at, ALERT_TIMEBOX, now_ms) && late_take(e, ALERT_TIMEBOX, at->backfill, at->step) && raise(d, &past))
            tell_limit(d, b, at);
    }
}

/* ---- what becomes of those that there are ---- */

/* false: it is over, and gone or resolved. */
static bool settle(struct decision *d, const struct alert_fact *known)
{
    struct alert_fact a = *known;                /* strings are of the book, and outlive the record's copy */
    bool stays = BF_PLANTED("alert_stays") && a.kind == ALERT_STEP && alert_concerns(d->e, backfill_find(d->e, a.backfill));
    if (!alert_holds(d->e, &a) && !stays) {
        a.state = ALERT_RESOLVED;
        a.ended_us = d->wall_us;
        emit(d, &a);
        return false;
    }
    enum alert_severity severity = alert_severity_of(d->e, &a);
    bool fires = a.state == ALERT_PENDING && is_due(d, &a), worse = severity > a.severity;
    if (!fires && !worse)
        return true;
    a.severity = worse ? severity : a.severity;
    a.fired_us = fires ? d->wall_us : a.fired_us;
    a.state = fires ? ALERT_FIRING : a.state;
    emit(d, &a);
    return true;
}

/* Whether any was over.  Ids are looked up anew: a record may move what is behind it. */
static bool settle_all(struct decision *d)
{
    const struct alert_book *k = &d->e->alerts;
    bool any_over = false;
    for (uint32_t last = k->next, i = 0; i < k->at.n;) {
        const struct alert_fact *a = &k->at.at[i];
        uint32_t id = a->id;
        if (id > last)
            break;
        if (a->state != ALERT_RESOLVED && !settle(d, a))
            any_over = true;
        i = 0;
        while (i < k->at.n && k->at.at[i].id <= id)
            i++;
    }
    return any_over;
}

/* ---- the look of a turn ---- */

/* What was left out since there were so many is counted where it is looked at again. */
static uint32_t count_apart(struct alert_book *k, uint32_t before)
{
    uint32_t n = k->left_out - before;
    k->left_out = before;
    return n;
}

static void look(struct decision *d)
{
    const struct engine *e = d->e;
    struct alert_book *k = &d->live->alerts;
    int64_t next_us = INT64_MAX, next_ms = INT64_MAX;
    k->left_out = k->all ? 0 : k->left_out;
    raise_groups(d);
    if (k->all)
        raise_about_backfills(d);
    uint32_t before = k->left_out;
    raise_about_store(d);
    raise_about_breakers(d);
    raise_about_late(d);
    for (size_t i = 0; i < e->live.n; i++)
        look_at_deadlines(d, backfill_find(e, e->live.at[i]), &next_us);
    k->looked_out = count_apart(k, before);
    bool room = settle_all(d) && k->left_out + k->looked_out > 0;
    k->all = room;                               /* those that found none are looked at again, in this turn */
    k->look = false;
    for (size_t i = 0; i < k->at.n; i++) {
        int64_t at_ms, at_us;
        if (k->at.at[i].state != ALERT_PENDING)
            continue;
        alert_fires_at(e, &k->at.at[i], &at_ms, &at_us);
        earliest(&next_ms, at_ms);
        earliest(&next_us, at_us);
    }
    k->due_ms = next_ms;
    k->due_us = next_us;
}

/* ---- what is stuck: work that nothing lets begin, whatever ends ---- */

/* Of a demand: its backfills where no agent may take it, the pools where some are too small for it. */
static void mark_stuck(struct engine *e, const struct demand *demand, bool no_agent, bool lack)
{
    const struct draw *draw = &e->draws.at[demand->needs.draw];
    bool any = false;
    for (size_t i = 0; i < demand->lanes.n && (no_agent || !any); i++) {
        struct backfill *b = e->lanes.at[demand->lanes.at[i]].backfill;
        if (plan_only_asks(b->plan))
            continue;
        any = true;
        if (no_agent)
            b->stuck = e->mark;
    }
    for (size_t i = 0; any && lack && i < draw->n; i++)
        if (alert_lacks(e, &draw->items[i]))
            e->pools.at[draw->items[i].pool].stuck = e->mark;
}

/* Those that have an alert are marked no more; one that was not marked is over. */
static void unmark_told(struct engine *e)
{
    for (size_t i = 0; i < e->alerts.at.n; i++) {
        const struct alert_fact *a = &e->alerts.at.at[i];
        if ((a->kind != ALERT_NO_AGENT && a->kind != ALERT_POOL) || a->state == ALERT_RESOLVED)
            continue;
        uint64_t *stuck = a->kind == ALERT_POOL ? &e->pools.at[pool_find(e, a->subject)].stuck : &backfill_find(e, a->backfill)->stuck;
        e->alerts.look |= *stuck != e->mark;
        *stuck = 0;
    }
}

/* Marked by demands, which stand in no order, and raised in that of what is marked: each once, however much waits for it. */
static void raise_about_stuck(struct decision *d)
{
    const struct engine *e = d->e;
    struct alert_book *k = &d->live->alerts;
    uint32_t before = k->left_out;
    for (size_t i = 0; i < e->live.n; i++) {
        struct alert_fact a = cause_of(ALERT_NO_AGENT, e->live.at[i]);
        if (backfill_find(e, a.backfill)->stuck == e->mark)
            raise(d, &a);
    }
    for (size_t i = 0; i < e->pools.n; i++) {
        struct alert_fact a = cause_of(ALERT_POOL, 0);
        a.subject = e->pools.at[i].name;
        if (e->pools.at[i].stuck == e->mark)
            raise(d, &a);
    }
    k->stuck_out = count_apart(k, before);
}

/* In every turn: it hangs on lanes, agents and pools alike. */
static void look_for_stuck(struct decision *d)
{
    struct engine *e = d->live;
    bool lack = false, any = false;
    uint32_t last = UINT32_MAX;                  /* the draw of the one before: most take the same */
    e->mark++;
    for (size_t i = 0; i < e->demands.n && e->n_ready > 0; i++) {
        const struct demand *demand = &e->demands.at[i];
        if (demand->lanes.n == 0)
            continue;
        bool no_agent = e->fits.at[demand->needs.fit].agents.n == 0;
        if (demand->needs.draw != last)
            lack = alert_lack(e, &e->draws.at[demand->needs.draw], PLAN_NO_INDEX) != NULL;
        last = demand->needs.draw;
        if (no_agent || lack)
            mark_stuck(e, demand, no_agent, lack);
        any |= no_agent || lack;
    }
    unmark_told(e);
    e->alerts.stuck_out = 0;
    if (any)
        raise_about_stuck(d);
}

void decide_alerts(struct decision *d)
{
    struct alert_book *k = &d->live->alerts;
    look_for_stuck(d);
    late_look(d->live, judged_ms(d->e, d->now_ms));
    while (k->look || k->all || k->dirty.n > 0 || d->now_ms >= k->due_ms || d->wall_us >= k->due_us)
        look(d);
    d->live->work_left |= k->stuck_out > 0 && k->n_open < ALERTS_OPEN_MAX;       /* there is room now */
}

void decide_agent_alert(struct decision *d, uint32_t agent)
{
    struct alert_fact a = cause_of(ALERT_AGENT_LOST, 0);
    a.agent = agent;
    raise(d, &a);
}

/* ---- people ---- */

static bool read_id(const char *s, uint32_t *ret)
{
    if (strncmp(s, "al-", 3) == 0)
        s += 3;
    uint64_t n = 0;
    for (; *s >= '0' && *s <= '9' && n <= UINT32_MAX; s++)
        n = n * 10 + (uint64_t)(*s - '0');
    *ret = (uint32_t)n;
    return *s == '\0' && n > 0 && n <= UINT32_MAX;
}

static const char *ack_words(struct decision *d, const struct alert_fact *a)
{
    return out_printf(d->out, "{\"state\":\"%s\",\"acknowledged\":%s}", alert_state_name(a->state), *a->acked_by ? "true" : "false");
}

struct answer decide_alert_ack(struct decision *d, const struct input *in)
{
    const struct input_rare *said = input_rare(in);
    const char *name = said->command.name ? said->command.name : "";
    uint32_t id = 0;
    const struct alert_fact *a = read_id(name, &id) ? alert_find(d->e, id) : NULL;
    if (id == 0)
        return command_refuse(BF_INVALID, out_printf(d->out, "`%s` is no alert: it is named as in al-12; see bfctl alerts", name));
    if (!a || a->state == ALERT_RESOLVED)
        return command_refuse(BF_NOT_FOUND, out_printf(d->out, "alert al-%u is %s; see bfctl alerts", id,
                                                       a ? "resolved already" : "not there"));
    const char *before = ack_words(d, a);
    if (*a->acked_by)
        return (struct answer){.rc = BF_OK, .json = out_printf(d->out, "{\"id\":\"al-%u\"}", id), .before = before, .after = before,
                               .text = out_printf(d->out, "al-%u was acknowledged already, by %s", id, a->acked_by)};
    struct alert_fact acked = {.id = id, .acked_by = said->actor, .acked_reason = said->command.reason, .acked_us = d->wall_us};
    struct record *r = record_begin(d, RECORD_ALERT_ACKED);
    record_rare_need(r, &d->out->arena)->alert = &acked;
    record_emit(d, r);
    return (struct answer){.rc = BF_OK, .text = out_printf(d->out, "al-%u is acknowledged; it is told again only when it grows worse", id),
                           .json = out_printf(d->out, "{\"id\":\"al-%u\"}", id), .before = before,
                           .after = ack_words(d, alert_find(d->e, id))};
}

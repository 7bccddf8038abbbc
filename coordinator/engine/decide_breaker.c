/* When breakers move: after votes, when their time is over, and by hand.
 *
 * Each move is a record, and what moved by itself is told in the audit trail too: it overrides what the plan would do next.  How often
 * that can be is bounded by the time that a breaker is open, whatever agents report. */
#include <string.h>

#include "common/plant.h"
#include "common/text.h"
#include "coordinator/engine/decide.h"

static const struct breaker *at(const struct decision *d, uint32_t number)
{
    return d->e->breakers.at.at[number];
}

static const char *full_name(struct decision *d, const struct breaker *b)
{
    return out_printf(d->out, "%s/%s", breaker_kind_name(b->kind), b->name);
}

static const char *state_json(struct decision *d, const struct breaker *b)
{
    bool held = b->state == BREAKER_OPEN && b->until_ms == 0;
    return out_printf(d->out, "{\"state\":\"%s\"%s}", breaker_state_name(b->state), held ? ",\"held\":true" : "");
}

/* to: what changes; the rest is filled in here. */
struct move { enum breaker_state state; int64_t until_ms; uint32_t level, calls, failures, slow; const char *cause, *by, *reason; };

static void make(struct decision *d, const struct breaker *b, const struct move *m)
{
    struct record *r = record_begin(d, RECORD_BREAKER);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    rare->breaker = (struct record_breaker){.kind = b->kind, .name = b->name, .state = m->state, .source = b->source, .at_ms = d->now_ms,
                                         .until_ms = m->until_ms, .level = m->level, .calls = m->calls, .failures = m->failures,
                                         .slow = m->slow,
                                         .settings = b->settings};
    rare->text = m->cause;
    rare->actor = m->by;
    rare->reason = m->reason;
    record_emit(d, r);
}

static void tell(struct decision *d, uint32_t number, const char *what, const char *before, const char *text)
{
    const struct breaker *b = at(d, number);
    audit_note(d, &(struct audit_note){.what = what, .target = full_name(d, b), .before = before, .after = state_json(d, b), .text = text});
}

/* ---- by itself ---- */

static const char *cause_of(struct decision *d, const struct attempt *a, const struct outcome *o)
{
    char text[BREAKER_CAUSE_MAX];
    breaker_cause(backfill_find(d->e, a->backfill), a, o, text);
    return out_printf(d->out, "%s", text);
}

/* One that was closed for less time than it had been open is not well yet: it goes on growing. */
static uint32_t level_now(const struct decision *d, const struct breaker *b)
{
    bool soon = b->since_ms > 0 && d->now_ms - b->since_ms < breaker_open_ms(&b->settings, b->level);
    return soon ? b->level + 1 : 0;
}

static void open_for(struct decision *d, uint32_t number, struct move m, const char *text)
{
    const char *before = state_json(d, at(d, number));
    m.state = BREAKER_OPEN;
    m.until_ms = d->now_ms + breaker_open_ms(&at(d, number)->settings, m.level);
    make(d, at(d, number), &m);
    tell(d, number, "breaker open", before, text);
}

/* cause: the last of those that opened it; "" where the end that it opens at is none of them. */
static void trip(struct decision *d, uint32_t number, enum breaker_verdict why, const char *cause)
{
    const struct breaker *b = at(d, number);
    struct move m = {.level = level_now(d, b), .calls = (uint32_t)b->window.n, .failures = b->n_bad, .slow = b->n_slow, .cause = cause};
    const char *text = out_printf(d->out, "%u of %u attempts %s%s%s", why == BREAKER_FAILING ? m.failures : m.slow, m.calls,
                                  why == BREAKER_FAILING ? "failed" : "were slow", *cause ? "; the last: " : "", cause);
    open_for(d, number, m, text);
}

static void look_at_probes(struct decision *d, uint32_t number, const char *cause)
{
    const struct breaker *b = at(d, number);
    if (b->bad > 0) {
        struct move m = {.level = b->level + 1, .calls = b->calls, .failures = b->failures, .slow = b->slow, .cause = cause};
        open_for(d, number, m, out_printf(d->out, "an attempt that was let through did not go well: %s", cause));
    } else if (b->good >= b->settings.probes) {
        const char *before = state_json(d, b);
        uint32_t good = b->good;
        make(d, b, &(struct move){.state = BREAKER_CLOSED, .level = b->level});
        tell(d, number, "breaker closed", before, out_printf(d->out, "%u attempt%s let through, and went well", good,
                                                             good == 1 ? " was" : "s were"));
    }
}

static const struct plan_step *step_of(const struct decision *d, const struct attempt *a)
{
    return &backfill_find(d->e, a->backfill)->plan->steps[a->step];
}

static void look_at(struct decision *d, uint32_t number, const struct attempt *a, const struct outcome *o)
{
    const struct breaker *b = at(d, number);
    enum breaker_verdict v = breaker_judge(d->e, b);
    bool spared = v != BREAKER_STAYS && b->kind == BREAKER_AGENT && agent_is_last(d->e, agent_find(d->e, a->agent)) &&
                  !BF_PLANTED("quarantine_takes_last");
    if (v == BREAKER_FAILING && !spared)
        trip(d, number, v, out_printf(d->out, "%s", b->cause));
    else if (v == BREAKER_SLOWING && !spared)
        trip(d, number, v, breaker_is_slow(step_of(d, a), &b->settings, o) ? cause_of(d, a, o) : "");
    else if (b->state == BREAKER_HALF_OPEN && (b->good > 0 || b->bad > 0))
        look_at_probes(d, number, b->bad > 0 ? cause_of(d, a, o) : "");
}

void decide_breakers_voted(struct decision *d, const struct attempt *a, const struct outcome *o)
{
    const struct backfill *b = backfill_find(d->e, a->backfill);
    const struct guard *g = &d->e->breakers.guards.at[step_guard(b, a->step)];
    for (uint32_t i = 0; i < g->n; i++)
        look_at(d, g->at[i], a, o);
    look_at(d, agent_find(d->e, a->agent)->breaker, a, o);
}

/* Those whose time is over let attempts through, and whoever tripped one still stands by it: until its probes say otherwise it is by hand.
 * And where other settings came meanwhile, fewer good probes may be enough.  Backwards: one that closes leaves the list. */
void decide_breakers(struct decision *d)
{
    const struct breaker_book *book = &d->e->breakers;
    for (size_t i = book->not_closed.n; i-- > 0;) {
        uint32_t number = book->not_closed.at[i];
        const struct breaker *b = at(d, number);
        if (b->state == BREAKER_HALF_OPEN && b->good >= b->settings.probes)
            look_at_probes(d, number, "");
        if (b->state != BREAKER_OPEN || b->until_ms == 0 || b->until_ms > d->now_ms || BF_PLANTED("breaker_stays_open"))
            continue;
        const char *before = state_json(d, b);
        make(d, b, &(struct move){.state = BREAKER_HALF_OPEN, .level = b->level, .calls = b->calls, .failures = b->failures,
                                       .slow = b->slow, .cause = b->cause, .by = BF_PLANTED("breaker_forgets_hand") ? "" : b->by,
                                       .reason = b->reason});
        tell(d, number, "breaker half-open", before, "its time is over: attempts are let through again, and how they end decides");
    }
}

int64_t breakers_next_ms(const struct engine *e)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < e->breakers.not_closed.n; i++) {
        const struct breaker *b = e->breakers.at.at[e->breakers.not_closed.at[i]];
        if (b->state == BREAKER_OPEN && b->until_ms != 0 && b->until_ms < next_ms)
            next_ms = b->until_ms;
    }
    return next_ms;
}

/* ---- by hand ---- */

static struct answer now_is(struct decision *d, const struct breaker *b, const char *text)
{
    return (struct answer){.rc = BF_OK, .text = text, .json = out_printf(d->out, "{\"breaker\":\"%s\",\"state\":\"%s\"}", full_name(d, b),
                                                                         breaker_state_name(b->state))};
}

/* Counts and cause go with it: why it was open before stays to be seen. */
static struct answer change(struct decision *d, const struct input *in, const struct breaker *b, struct move m, const char *text)
{
    const char *before = state_json(d, b);
    m.by = input_rare(in)->actor;
    m.reason = input_rare(in)->command.reason;
    make(d, b, &m);
    b = breaker_find(d->e, b->kind, b->name);    /* it may have been no more than known of */
    struct answer a = now_is(d, b, text);
    a.before = before;
    a.after = state_json(d, b);
    return a;
}

static const char *duration(struct decision *d, int64_t ms)
{
    char text[64];
    bf_format_duration(ms, text, sizeof text);
    return out_printf(d->out, "%s", text);
}

/* OPEN and CLOSE of an agent's: what runs there goes on. */
static struct answer quarantine(struct decision *d, const struct input *in, const struct breaker *b)
{
    bool open = input_rare(in)->command.verb == OP_BREAKER_OPEN, held = b->state == BREAKER_OPEN && b->until_ms == 0;
    if (open && held)
        return now_is(d, b, out_printf(d->out, "%s is quarantined already", b->name));
    if (open)
        return change(d, in, b, (struct move){.state = BREAKER_OPEN},
                      out_printf(d->out, "%s is quarantined until bfctl agent release %s", b->name, b->name));
    if (b->state == BREAKER_CLOSED)
        return now_is(d, b, out_printf(d->out, "%s is not quarantined", b->name));
    return change(d, in, b, (struct move){.state = BREAKER_CLOSED}, out_printf(d->out, "%s may be given work again", b->name));
}

struct answer decide_breaker_command(struct decision *d, const struct input *in)
{
    const struct op_request *c = &input_rare(in)->command;
    enum breaker_kind kind = BREAKER_POOL;
    const char *name = "";
    struct bf_error err = {0};
    enum bf_rc rc = breaker_name_parse(c->name ? c->name : "", &kind, &name, &err);
    if (rc != BF_OK)
        return command_refuse(rc, out_printf(d->out, "%s", err.text));
    const struct breaker unmade = {.kind = kind, .name = (char *)(uintptr_t)name, .settings = d->e->breakers.kinds[kind].settings,
                                   .state = BREAKER_CLOSED, .cause = "", .by = "", .reason = ""};
    const struct breaker *b = breaker_find(d->e, kind, name);
    if (!b && breaker_may_be(d->e, kind, name))
        b = &unmade;
    if (!b && kind == BREAKER_AGENT)
        return command_refuse(BF_NOT_FOUND, out_printf(d->out, "there is no agent %s; bfctl agents shows those that are known", name));
    if (!b)
        return command_refuse(BF_NOT_FOUND, out_printf(d->out, "nothing that is known here is called %s, so it has no breaker; bfctl "
                                                       "breakers --all lists them", c->name));
    int64_t open_ms = breaker_open_ms(&b->settings, 0);
    if (kind == BREAKER_AGENT && c->verb != OP_BREAKER_TRIP)
        return quarantine(d, in, b);
    switch (c->verb) {
    case OP_BREAKER_TRIP:
        return change(d, in, b, (struct move){.state = BREAKER_OPEN, .until_ms = d->now_ms + open_ms},
                      out_printf(d->out, "%s is open for %s, then attempts are let through one by one", c->name, duration(d, open_ms)));
    case OP_BREAKER_OPEN:
        if (b->state == BREAKER_OPEN && b->until_ms == 0)
            return now_is(d, b, out_printf(d->out, "%s is held open already", c->name));
        return change(d, in, b, (struct move){.state = BREAKER_OPEN},
                      out_printf(d->out, "%s is open until bfctl breaker close %s", c->name, c->name));
    default:
        if (b->state == BREAKER_CLOSED)
            return now_is(d, b, out_printf(d->out, "%s is closed already", c->name));
        return change(d, in, b, (struct move){.state = BREAKER_CLOSED}, out_printf(d->out, "%s is closed", c->name));
    }
}

/* ---- the configuration ---- */

static bool is_news(const struct engine *e, const struct record_breaker *s)
{
    const struct breaker *b = *s->name ? breaker_find(e, s->kind, s->name) : NULL;
    if (!b && *s->name)
        return s->source != BREAKER_BY_PRESET;
    if (*s->name && s->source == BREAKER_BY_PRESET)
        return b->source == BREAKER_BY_CONFIG;
    if (*s->name)
        return b->source != s->source || !breaker_settings_same(&b->settings, &s->settings);
    return e->breakers.kinds[s->kind].source != s->source || !breaker_settings_same(&e->breakers.kinds[s->kind].settings, &s->settings);
}

void decide_breaker_config(struct decision *d, const struct input *in)
{
    const struct input_rare *said = input_rare(in);
    if (!is_news(d->e, &said->breaker))
        return;
    struct record *r = record_begin(d, RECORD_BREAKER_SETTINGS);
    record_rare_need(r, &d->out->arena)->breaker = said->breaker;
    record_emit(d, r);
    const char *target = out_printf(d->out, "%s%s%s", breaker_kind_name(said->breaker.kind), *said->breaker.name ? "/" : "",
                                    said->breaker.name);
    audit_note(d, &(struct audit_note){.what = "breaker settings", .target = target, .text = "the configuration says so"});
}

/* I7, worked out again: an open breaker lets nothing through, a half-open one no more than its probes, each attempt votes once for each
 * thing, and a breaker opens when the votes say so and not otherwise.  All of it from committed records: so it holds over restarts too. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/sim/shadow_model.h"

enum { SLOW_MS = 5000 };

/* ---- the book ---- */

void shadow_breakers_copy(struct shadow_breakers *to, const struct shadow_breakers *from)
{
    *to = *from;
    memset(&to->at, 0, sizeof to->at);
    memset(&to->agents, 0, sizeof to->agents);
    for (size_t i = 0; i < from->agents.n; i++)
        bf_vec_push(&to->agents, from->agents.at[i]);
    for (size_t i = 0; i < from->at.n; i++) {
        struct shadow_breaker b = from->at.at[i];
        memset(&b.votes, 0, sizeof b.votes);
        memset(&b.probes, 0, sizeof b.probes);
        for (size_t k = 0; k < from->at.at[i].votes.n; k++)
            bf_vec_push(&b.votes, from->at.at[i].votes.at[k]);
        for (size_t k = 0; k < from->at.at[i].probes.n; k++)
            bf_vec_push(&b.probes, from->at.at[i].probes.at[k]);
        bf_vec_push(&to->at, b);
    }
}

void shadow_breakers_done(struct shadow_breakers *b)
{
    for (size_t i = 0; i < b->at.n; i++) {
        bf_vec_free(&b->at.at[i].votes);
        bf_vec_free(&b->at.at[i].probes);
    }
    bf_vec_free(&b->at);
    bf_vec_free(&b->agents);
}

static uint32_t need(struct shadow *s, enum breaker_kind kind, const char *name)
{
    struct shadow_breakers *book = &s->breakers;
    size_t own = strlen(breaker_kind_name(kind)) + 1;        /* in a full name, where its own begins */
    for (uint32_t i = 0; i < book->at.n; i++)
        if (book->at.at[i].kind == kind && strcmp(book->at.at[i].name + own, name) == 0)
            return i;
    struct shadow_breaker *b = bf_vec_add(&book->at);
    snprintf(b->name, sizeof b->name, "%s/%s", breaker_kind_name(kind), name);
    b->kind = kind;
    b->state = BREAKER_CLOSED;
    b->settings = book->kinds[kind].given ? book->kinds[kind].settings : *breaker_preset(kind);
    return (uint32_t)(book->at.n - 1);
}

struct shadow_breaker *shadow_breaker_at(struct shadow *s, enum breaker_kind kind, const char *name)
{
    uint32_t i = need(s, kind, name);                        /* may move them all */
    return &s->breakers.at.at[i];
}

static void step_name(const struct shadow_backfill *b, uint32_t step, char ret[BREAKER_NAME_MAX])
{
    breaker_step_name(b->plan->name, b->plan->steps[step].name, ret);
}

void shadow_breakers_know(struct shadow *s, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    if (r->kind == RECORD_AGENT_JOINED) {
        while (s->breakers.agents.n < r->agent)
            bf_vec_push(&s->breakers.agents, 0);
        s->breakers.agents.at[r->agent - 1] = need(s, BREAKER_AGENT, rare->hello.name);
    }
    if (r->kind == RECORD_POOL_SET) {
        struct shadow_breaker *b = shadow_breaker_at(s, BREAKER_POOL, rare->pool_name);
        b->said[rare->pool_source] = !rare->pool.no_slots || !pool_budget_is_empty(&rare->pool);
        b->known |= b->said[POOL_FROM_CONFIG] || b->said[POOL_FROM_OPERATOR];
    } else {
        shadow_breakers_drawn(s);
    }
}

static void add_thing(struct shadow_things *t, uint32_t breaker, char how)
{
    if (t->n < SHADOW_THINGS - 1)                            /* the last is the agent's */
        t->at[t->n++] = (struct shadow_thing){breaker, how};
}

static void look_up_things(struct shadow *s, const struct shadow_backfill *b, uint32_t step, struct shadow_things *t)
{
    const struct plan_step *st = &b->plan->steps[step];
    char name[BREAKER_NAME_MAX];
    step_name(b, step, name);
    add_thing(t, need(s, BREAKER_STEP, name), 's');
    if (st->pool != PLAN_NO_INDEX)
        add_thing(t, need(s, BREAKER_POOL, b->plan->pools[st->pool].name), 'p');
    for (uint32_t i = 0; st->pool != PLAN_NO_INDEX && i < st->n_also; i++)
        add_thing(t, need(s, BREAKER_POOL, b->plan->pools[st->also[i]].name), 'p');
    if (st->kind == PLAN_SQL || st->kind == PLAN_SENSOR)
        add_thing(t, need(s, BREAKER_CONNECTION, b->plan->connections[st->connection].name), 'c');
    for (size_t i = 0; i < st->n_outputs; i++)
        add_thing(t, need(s, BREAKER_DATASET, b->plan->datasets[st->outputs[i]].name), 'w');
    for (size_t i = 0; i < st->n_inputs; i++) {
        uint32_t breaker = need(s, BREAKER_DATASET, b->plan->datasets[st->inputs[i]].name);
        bool again = false;
        for (size_t k = 0; k < t->n; k++)
            again = again || t->at[k].breaker == breaker;
        if (!again)
            add_thing(t, breaker, 'r');
    }
}

/* Names are compared once for each step; the rest is numbers. */
static struct shadow_things *things_of(struct shadow *s, const struct shadow_backfill *b, uint32_t step)
{
    struct shadow_things *t = &b->things[step];
    if (t->n == 0)
        look_up_things(s, b, step, t);
    return t;
}

/* With the agent that it is granted to. */
static struct shadow_things granted_things(struct shadow *s, const struct shadow_backfill *b, uint32_t step, uint32_t agent)
{
    struct shadow_things t = *things_of(s, b, step);
    t.at[t.n++] = (struct shadow_thing){s->breakers.agents.at[agent - 1], 'a'};
    return t;
}

/* ---- grants ---- */

static bool lets(const struct shadow_breaker *b)
{
    return b->state == BREAKER_CLOSED || (b->state == BREAKER_HALF_OPEN && b->probes.n < b->settings.probes);
}

bool shadow_breaker_lets_agent(const struct shadow *s, uint32_t agent)
{
    return lets(&s->breakers.at.at[s->breakers.agents.at[agent - 1]]);
}

bool shadow_breaker_holds(struct shadow *s, const struct shadow_backfill *b, uint32_t step)
{
    const struct shadow_things *t = things_of(s, b, step);
    for (size_t i = 0; i < t->n; i++)
        if (!lets(&s->breakers.at.at[t->at[i].breaker]))
            return true;
    return false;
}

bool shadow_breaker_keeps_load(struct shadow *s, const struct shadow_backfill *b, const struct shadow_attempt *a)
{
    const struct shadow_things *t = things_of(s, b, a->step);
    const struct shadow_breaker *agent = &s->breakers.at.at[s->breakers.agents.at[a->agent - 1]];
    for (size_t i = 0; i < t->n; i++)
        if (s->breakers.at.at[t->at[i].breaker].state != BREAKER_CLOSED)
            return true;
    for (size_t i = 0; i < agent->probes.n; i++)
        if (agent->probes.at[i] == a->ref.attempt)
            return true;
    return false;
}

void shadow_breakers_granted(struct shadow *s, const struct shadow_backfill *b, const struct record *r)
{
    const struct shadow_things things = granted_things(s, b, r->step, r->agent);
    for (size_t i = 0; i < things.n; i++) {
        struct shadow_breaker *br = &s->breakers.at.at[things.at[i].breaker];
        if (br->state == BREAKER_OPEN)
            world_violate(s->w, "I7: %s[%u] of backfill %u is granted, and %s is open", b->plan->steps[r->step].name, r->index, b->id,
                          br->name);
        if (br->state != BREAKER_HALF_OPEN)
            continue;
        if (br->probes.n >= br->settings.probes)
            world_violate(s->w, "I7: %s is half-open and lets through more than %u attempts", br->name, br->settings.probes);
        bf_vec_push(&br->probes, r->ref.attempt);
    }
}

/* ---- votes ---- */

/* What is usual on agents is what was heard of late on those that are here. */
static void age(struct shadow *s, int64_t now_ms)
{
    for (size_t i = 0; i < s->breakers.at.n; i++) {
        struct shadow_breaker *b = &s->breakers.at.at[i];
        size_t keep = 0;
        for (size_t k = 0; b->kind == BREAKER_AGENT && k < b->votes.n; k++)
            if (b->votes.at[k].at_ms >= now_ms - b->settings.period_ms)
                b->votes.at[keep++] = b->votes.at[k];
        b->votes.n = b->kind == BREAKER_AGENT ? keep : b->votes.n;
    }
}

static bool is_here(const struct shadow *s, size_t breaker)
{
    for (size_t i = 0; i < s->agents.n; i++) {
        const struct shadow_agent *a = &s->agents.at[i];
        if ((a->state == AGENT_CONNECTED || a->state == AGENT_DRAINING) && s->breakers.agents.at[a->id - 1] == breaker)
            return true;
    }
    return false;
}

/* How an outcome counts for step, pool, connection, written, read, agent: + good, - bad, ! bad by itself, else nothing. */
static const char *row_of(const struct record *r)
{
    const struct outcome *o = record_outcome(r);
    switch (o->source) {
    case OUTCOME_OK:
    case OUTCOME_SKIP: return "++++++";
    case OUTCOME_NOT_YET:
    case OUTCOME_REVOKED: return "......";
    case OUTCOME_CHECK: return "-.+!-+";
    case OUTCOME_SQL:
        if (strncmp(o->sqlstate, "40", 2) == 0 || strcmp(o->sqlstate, "55P03") == 0)
            return "......";
        if (strncmp(o->sqlstate, "08", 2) == 0 || strncmp(o->sqlstate, "57P0", 4) == 0)
            return ".-!..-";
        return strncmp(o->sqlstate, "23", 2) == 0 ? "-.+!-+" : "-.....";
    case OUTCOME_EXIT: return o->code == 75 ? ".-...-" : "-....-";
    case OUTCOME_TIMEOUT: return "---..-";
    case OUTCOME_SIGNAL:
    case OUTCOME_OOM:
    case OUTCOME_SPAWN: return "-....-";
    default: return "......";
    }
}

static char vote_of(const struct record *r, char how)
{
    static const char order[] = "spcwra";
    return r->verdict == VERDICT_CANCELLED ? '.' : row_of(r)[strchr(order, how) - order];
}

/* Failures, or slow ones, that count: of a thing that is shared those of two steps at least, or such as stand alone. */
static uint32_t count(const struct shadow_breaker *b, bool slow)
{
    uint32_t all = 0, alone = 0;
    bool two = false;
    const struct shadow_vote *first = NULL;
    for (size_t i = 0; i < b->votes.n; i++) {
        const struct shadow_vote *v = &b->votes.at[i];
        if (!(slow ? v->slow : v->bad))
            continue;
        all++;
        alone += !slow && v->alone;
        two = two || (first && first->step != v->step);
        first = first ? first : v;
    }
    return two || b->kind == BREAKER_STEP ? all : alone;
}

static bool worse_than_others(const struct shadow *s, const struct shadow_breaker *b, bool slow)
{
    uint64_t mine = 0, theirs = 0, others = 0;
    for (size_t i = 0; b->kind == BREAKER_AGENT && i < s->breakers.at.n; i++) {
        const struct shadow_breaker *o = &s->breakers.at.at[i];
        bool counts = o->kind == BREAKER_AGENT && (o == b || is_here(s, i));
        for (size_t k = 0; counts && k < o->votes.n; k++) {
            bool hit = slow ? o->votes.at[k].slow : o->votes.at[k].bad;
            mine += o == b && hit;
            theirs += o != b && hit;
            others += o != b;
        }
    }
    return b->kind != BREAKER_AGENT || (others >= b->settings.minimum && mine * others >= 2 * theirs * b->votes.n);
}

static bool must_open(const struct shadow *s, const struct shadow_breaker *b)
{
    uint32_t bad = 0, slow = 0;
    double n = (double)b->votes.n;
    for (size_t i = 0; i < b->votes.n; i++) {
        bad += b->votes.at[i].bad;
        slow += b->votes.at[i].slow;
    }
    uint32_t heard = count(b, false) < bad ? count(b, false) : bad, dragged = count(b, true) < slow ? count(b, true) : slow;
    if (b->state != BREAKER_CLOSED || b->settings.off || b->votes.n < b->settings.minimum)
        return false;
    if (heard * 1e6 >= b->settings.rate * n && worse_than_others(s, b, false))
        return true;
    return b->settings.slow_rate && dragged * 1e6 >= b->settings.slow_rate * n && worse_than_others(s, b, true);
}

/* No plan asks for labels here, so any other agent would do. */
static bool is_last_agent(const struct shadow *s, const struct shadow_breaker *b, uint32_t agent)
{
    for (size_t i = 0; b->kind == BREAKER_AGENT && i < s->agents.n; i++) {
        const struct shadow_agent *a = &s->agents.at[i];
        if (a->id != agent && a->state == AGENT_CONNECTED && a->slots > 0 && lets(&s->breakers.at.at[s->breakers.agents.at[a->id - 1]]))
            return false;
    }
    return b->kind == BREAKER_AGENT;
}

static void put_vote(struct shadow_breaker *b, struct shadow_vote v)
{
    size_t keep = 0;
    bf_vec_push(&b->votes, v);
    for (size_t i = 0; i < b->votes.n; i++)
        if (b->votes.at[i].at_ms >= v.at_ms - b->settings.period_ms && b->votes.n - i <= b->settings.window)
            b->votes.at[keep++] = b->votes.at[i];
    b->votes.n = keep;
}

static bool forget_probe(struct shadow_breaker *b, uint64_t attempt)
{
    for (size_t i = 0; i < b->probes.n; i++)
        if (b->probes.at[i] == attempt) {
            b->probes.at[i] = b->probes.at[--b->probes.n];
            return true;
        }
    return false;
}

void shadow_breakers_ended(struct shadow *s, const struct turn *t, const struct shadow_backfill *b, const struct shadow_attempt *a,
                           const struct record *r)
{
    const struct plan_step *step = &b->plan->steps[a->step];
    const struct shadow_things things = granted_things(s, b, a->step, a->agent);
    age(s, t->now_ms);
    if (r->voted_ms != t->now_ms)
        world_violate(s->w, "I7: the end of attempt %" PRIu64 " is counted at another time than that of its turn", a->ref.attempt);
    for (size_t i = 0; i < things.n; i++) {
        struct shadow_breaker *br = &s->breakers.at.at[things.at[i].breaker];
        bool probe = forget_probe(br, a->ref.attempt), bad = strchr("-!", vote_of(r, things.at[i].how)) != NULL;
        double ms = (double)record_outcome(r)->usage.wall_us / 1000;
        bool slow = br->settings.slow_rate && step->expected && ms >= SLOW_MS &&
                    (int64_t)ms > step->expect_ms * (int64_t)br->settings.slow_factor_milli / 1000;
        if (vote_of(r, things.at[i].how) == '.')
            continue;
        if (br->state == BREAKER_HALF_OPEN && probe)
            bad || slow ? br->bad++ : br->good++;
        if (br->state == BREAKER_CLOSED)
            put_vote(br, (struct shadow_vote){.at_ms = t->now_ms, .step = things.at[0].breaker, .bad = bad, .slow = slow,
                                              .alone = vote_of(r, things.at[i].how) == '!' || (bad && things.at[i].how == 's')});
    }
    for (size_t i = 0; i < things.n; i++) {                  /* as a whole: an agent is measured by the others */
        struct shadow_breaker *br = &s->breakers.at.at[things.at[i].breaker];
        br->due |= must_open(s, br) && !is_last_agent(s, br, a->agent);
    }
}

/* ---- moves ---- */

static bool was_asked(const struct turn *t, const struct shadow_breaker *b, enum breaker_state to, bool held)
{
    enum op_verb verb = to == BREAKER_CLOSED ? OP_BREAKER_CLOSE : held ? OP_BREAKER_OPEN : OP_BREAKER_TRIP;
    for (size_t i = 0; i < t->n_inputs; i++) {
        const struct op_request *c = &input_rare(&t->inputs[i])->command;
        if (t->inputs[i].kind == INPUT_COMMAND && c->verb == verb && strcmp(c->name, b->name) == 0)
            return true;
    }
    return false;
}

static const char *what_is_wrong(const struct turn *t, const struct shadow_breaker *b, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    enum breaker_state to = rare->breaker.state;
    bool held = to == BREAKER_OPEN && rare->breaker.until_ms == 0;
    int64_t open_ms = rare->breaker.until_ms - t->now_ms;
    if (to == BREAKER_OPEN && !held && (open_ms < b->settings.open_ms || open_ms > b->settings.open_max_ms))
        return "opens for a time outside of its settings";
    char by[sizeof b->by], reason[sizeof b->reason];
    snprintf(by, sizeof by, "%s", rare->actor);
    snprintf(reason, sizeof reason, "%s", rare->reason);
    if (to == BREAKER_HALF_OPEN && (strcmp(by, b->by) != 0 || strcmp(reason, b->reason) != 0))
        return "half-opens, and not in the name of whoever opened it";
    if (*rare->actor && to != BREAKER_HALF_OPEN)
        return was_asked(t, b, to, held) ? NULL : "moves by hand, and nobody asked for it";
    if (to == BREAKER_HALF_OPEN)
        return b->state == BREAKER_OPEN && b->until_ms != 0 && b->until_ms <= t->now_ms ? NULL : "half-opens before its time";
    if (to == BREAKER_CLOSED)
        return b->state == BREAKER_HALF_OPEN && b->bad == 0 && b->good >= b->settings.probes ? NULL : "closes without good probes";
    if (b->state == BREAKER_HALF_OPEN)
        return b->bad > 0 ? NULL : "opens again, and no probe ended badly";
    return b->state == BREAKER_CLOSED && b->due ? NULL : "opens, and the votes on it do not say so";
}

void shadow_breakers_take(struct shadow *s, const struct turn *t, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    if (r->kind == RECORD_BREAKER_SETTINGS) {
        if (*rare->breaker.name) {
            struct shadow_breaker *one = shadow_breaker_at(s, rare->breaker.kind, rare->breaker.name);
            one->known = true;
            one->settings = rare->breaker.settings;
            one->source = rare->breaker.source;
            shadow_breakers_drawn(s);
            return;
        }
        s->breakers.kinds[rare->breaker.kind].settings = rare->breaker.settings;
        s->breakers.kinds[rare->breaker.kind].given = true;
        for (size_t i = 0; i < s->breakers.at.n; i++)
            if (s->breakers.at.at[i].kind == rare->breaker.kind && s->breakers.at.at[i].source == BREAKER_BY_PRESET)
                s->breakers.at.at[i].settings = rare->breaker.settings;
        return;
    }
    struct shadow_breaker *b = shadow_breaker_at(s, rare->breaker.kind, rare->breaker.name);
    const char *wrong = b->known || *rare->actor ? what_is_wrong(t, b, r) : "moves, and is not known";
    b->known = true;
    if (wrong)
        world_violate(s->w, "I7: %s %s (it is %s, %zu votes)", b->name, wrong, breaker_state_name(b->state), b->votes.n);
    b->state = rare->breaker.state;
    b->until_ms = rare->breaker.until_ms;
    b->since_ms = rare->breaker.at_ms;
    b->level = rare->breaker.level;
    snprintf(b->by, sizeof b->by, "%s", rare->actor);
    snprintf(b->reason, sizeof b->reason, "%s", rare->reason);
    b->votes.n = b->probes.n = 0;
    b->good = b->bad = 0;
    b->due = false;
}

void shadow_breakers_after(struct shadow *s, const struct turn *t)
{
    for (size_t i = 0; i < s->breakers.at.n; i++) {
        struct shadow_breaker *b = &s->breakers.at.at[i];
        if (b->due && b->state == BREAKER_CLOSED)
            world_violate(s->w, "I7: the votes on %s say that it must open, and it does not", b->name);
        if (b->state == BREAKER_HALF_OPEN && (b->bad > 0 || b->good >= b->settings.probes))
            world_violate(s->w, "I7: the probes of %s have decided, and it stays half-open", b->name);
        if (b->state == BREAKER_OPEN && b->until_ms != 0 && b->until_ms <= t->now_ms)
            world_violate(s->w, "I7: %s stays open after its time", b->name);
        b->due = false;
    }
    shadow_breakers_kept(s, t);
}

/* ---- for the operators ---- */

const char *shadow_held_breaker(const struct shadow *s, size_t i)
{
    for (size_t k = 0; k < s->breakers.at.n; k++)
        if (s->breakers.at.at[k].state == BREAKER_OPEN && s->breakers.at.at[k].until_ms == 0 && i-- == 0)
            return s->breakers.at.at[k].name;
    return NULL;
}

const char *shadow_some_breaker(const struct shadow *s, uint64_t from)
{
    return s->breakers.at.n ? s->breakers.at.at[from % s->breakers.at.n].name : NULL;
}

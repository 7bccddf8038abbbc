/* What the end of an attempt says of the things that it drew on: a table, and the judgement over a window of such votes.
 *
 * A breaker hears only what speaks of its own thing.  A constraint that is violated says that the database answered; a server that cannot
 * be reached says nothing of the data; the loss of an agent says nothing of either.  A row of the table that is missing is no vote.
 *
 *                          step    pool    connection   writes   reads   agent
 *     ok, skipped          good    good    good         good     good    good
 *     check failed         bad     -       good         BAD      bad     good
 *     sql, data (22, 23)   bad     -       good         BAD      bad     good
 *     sql, permanent       bad     -       good         -        -       good
 *     sql, unknown         bad     -       -            -        -       -
 *     sql, transient       -       bad     BAD          -        -       bad
 *     sql, a lock          -       -       -            -        -       -
 *     timeout              bad     bad     bad          -        -       bad
 *     exit, permanent      bad     -       -            -        bad     -      (126, 127: as spawn)
 *     exit, unknown        bad     -       -            -        -       bad
 *     exit, transient      -       bad     -            -        -       bad
 *     signal, out of mem.  bad     -       -            -        -       bad
 *     spawn                bad     -       -            -        -       bad
 *     http, transient      bad     bad     -            -        -       bad
 *     http, permanent      bad     -       -            -        -       good
 *     lost, fenced, cancelled: nobody votes
 *
 * BAD stands for itself; "bad" of a thing that several steps share counts only where at least two steps say it, because one step alone
 * rather speaks of itself (and has a breaker of its own).  An agent is judged beside the others: what fails everywhere alike is not its
 * fault. */
#include <stdio.h>
#include <string.h>

#include "common/plant.h"
#include "common/text.h"
#include "coordinator/engine/internal.h"

enum { MILLIONTHS = 1000000, SLOW_LEAST_MS = 5000, VOICES = 2, AGENT_WORSE = 2, CAUSE_TEXT_MAX = 400 };

/* ---- the table ---- */

/* Others hold what it wanted: contention, and no ill of anything. */
static bool is_lock(const struct outcome *o)
{
    if (strncmp(o->sqlstate, "40", 2) == 0 || strcmp(o->sqlstate, "55P03") == 0)
        return true;
    bool mysql = strcmp(o->dbms, "MariaDB") == 0 || strcmp(o->dbms, "MySQL") == 0;
    return (mysql && (o->code == 1205 || o->code == 1213)) || (strcmp(o->dbms, "SQLite") == 0 && (o->code == 5 || o->code == 6));
}

static enum breaker_vote vote_of_sql(enum breaker_role role, const struct outcome *o, enum failure_class class)
{
    bool data = strncmp(o->sqlstate, "22", 2) == 0 || strncmp(o->sqlstate, "23", 2) == 0;
    bool lock = class == FAILURE_TRANSIENT && is_lock(o), transient = class == FAILURE_TRANSIENT && !lock;
    switch (role) {
    case ROLE_STEP: return class == FAILURE_TRANSIENT ? BREAKER_NO_VOTE : BREAKER_BAD;
    case ROLE_POOL: return transient ? BREAKER_BAD : BREAKER_NO_VOTE;
    case ROLE_CONNECTION: return transient ? BREAKER_BAD_DIRECT : class == FAILURE_PERMANENT ? BREAKER_GOOD : BREAKER_NO_VOTE;
    case ROLE_WRITES: return data ? BREAKER_BAD_DIRECT : BREAKER_NO_VOTE;
    case ROLE_READS: return data ? BREAKER_BAD : BREAKER_NO_VOTE;
    case ROLE_AGENT: return transient ? BREAKER_BAD : class == FAILURE_PERMANENT ? BREAKER_GOOD : BREAKER_NO_VOTE;
    case ROLE_AGAIN: break;
    }
    return BREAKER_NO_VOTE;
}

static enum breaker_vote vote_of_check(enum breaker_role role)
{
    switch (role) {
    case ROLE_STEP:
    case ROLE_READS: return BREAKER_BAD;
    case ROLE_POOL: return BREAKER_NO_VOTE;
    case ROLE_CONNECTION: return BF_PLANTED("breaker_foreign_failure") ? BREAKER_BAD_DIRECT : BREAKER_GOOD;
    case ROLE_WRITES: return BREAKER_BAD_DIRECT;
    case ROLE_AGENT: return BREAKER_GOOD;
    case ROLE_AGAIN: break;
    }
    return BREAKER_NO_VOTE;
}

static enum breaker_vote vote_of_exit(enum breaker_role role, const struct outcome *o, enum failure_class class)
{
    bool spawn = o->code == 126 || o->code == 127;
    switch (role) {
    case ROLE_STEP: return class == FAILURE_TRANSIENT ? BREAKER_NO_VOTE : BREAKER_BAD;
    case ROLE_POOL: return class == FAILURE_TRANSIENT ? BREAKER_BAD : BREAKER_NO_VOTE;
    case ROLE_READS: return class == FAILURE_PERMANENT && !spawn ? BREAKER_BAD : BREAKER_NO_VOTE;
    case ROLE_AGENT: return class != FAILURE_PERMANENT || spawn ? BREAKER_BAD : BREAKER_NO_VOTE;
    case ROLE_CONNECTION:
    case ROLE_AGAIN:
    case ROLE_WRITES: return BREAKER_NO_VOTE;
    }
    return BREAKER_NO_VOTE;
}

static enum breaker_vote vote_of_http(enum breaker_role role, enum failure_class class)
{
    bool transient = class == FAILURE_TRANSIENT;
    switch (role) {
    case ROLE_STEP: return BREAKER_BAD;
    case ROLE_POOL: return transient ? BREAKER_BAD : BREAKER_NO_VOTE;
    case ROLE_AGENT: return transient ? BREAKER_BAD : BREAKER_GOOD;
    case ROLE_CONNECTION:
    case ROLE_AGAIN:
    case ROLE_WRITES:
    case ROLE_READS: return BREAKER_NO_VOTE;
    }
    return BREAKER_NO_VOTE;
}

enum breaker_vote breaker_vote(enum breaker_role role, const struct outcome *o, enum failure_class class)
{
    switch (o->source) {
    case OUTCOME_OK:
    case OUTCOME_SKIP: return BREAKER_GOOD;
    case OUTCOME_CHECK: return vote_of_check(role);
    case OUTCOME_SQL: return vote_of_sql(role, o, class);
    case OUTCOME_EXIT: return vote_of_exit(role, o, class);
    case OUTCOME_HTTP: return vote_of_http(role, class);
    case OUTCOME_TIMEOUT: return role == ROLE_WRITES || role == ROLE_READS ? BREAKER_NO_VOTE : BREAKER_BAD;
    case OUTCOME_SIGNAL:
    case OUTCOME_OOM:
    case OUTCOME_SPAWN: return role == ROLE_STEP || role == ROLE_AGENT ? BREAKER_BAD : BREAKER_NO_VOTE;
    case OUTCOME_NOT_YET:
    case OUTCOME_CANCELLED:
    case OUTCOME_REVOKED:
    case OUTCOME_FENCED:
    case OUTCOME_LOST: return BREAKER_NO_VOTE;
    }
    return BREAKER_NO_VOTE;
}

/* ---- votes ---- */

/* Without a word of the plan nothing is slow, and nothing that is short is. */
bool breaker_is_slow(const struct plan_step *s, const struct breaker_settings *settings, const struct outcome *o)
{
    int64_t ms = o->usage.wall_us / 1000, factor_milli = settings->slow_factor_milli;
    return s->expected && ms >= SLOW_LEAST_MS && s->expect_ms <= INT64_MAX / factor_milli && ms > s->expect_ms * factor_milli / 1000;
}

void breaker_cause(const struct backfill *b, const struct attempt *a, const struct outcome *o, char ret[BREAKER_CAUSE_MAX])
{
    char key[PLAN_KEY_MAX];
    const struct plan_step *s = &b->plan->steps[a->step];
    plan_partition_key(s->partitions, a->index, key);
    snprintf(ret, BREAKER_CAUSE_MAX, "%s%s%s%s of bf-%u: %.*s", s->name, *key ? "[" : "", key, *key ? "]" : "", b->id,
             (int)bf_utf8_cut(o->text, CAUSE_TEXT_MAX), o->text);
}

static bool takes_probe(struct breaker *b, uint64_t attempt)
{
    for (size_t i = 0; i < b->probes.n; i++)
        if (b->probes.at[i] == attempt) {
            b->probes.n--;
            memmove(b->probes.at + i, b->probes.at + i + 1, (b->probes.n - i) * sizeof *b->probes.at);
            return true;
        }
    return false;
}

static void vote(struct engine *e, struct breaker_draw draw, const struct backfill *b, const struct attempt *a, const struct record *ended)
{
    struct breaker *br = e->breakers.at.at[draw.breaker];
    const struct plan_step *s = &b->plan->steps[a->step];
    bool probe = takes_probe(br, a->ref.attempt);
    enum breaker_vote v = breaker_vote(draw.role, record_outcome(ended), ended->failure_class);
    if (v == BREAKER_NO_VOTE || ended->verdict == VERDICT_CANCELLED)
        return;
    bool bad = v != BREAKER_GOOD, slow = br->settings.slow_rate > 0 && breaker_is_slow(s, &br->settings, record_outcome(ended));
    if (br->state == BREAKER_HALF_OPEN && probe) {
        br->good += !bad && !slow;
        br->bad += bad || slow;
    }
    if (br->state != BREAKER_CLOSED)
        return;
    bool direct = v == BREAKER_BAD_DIRECT || (bad && draw.role == ROLE_STEP);
    uint32_t voter = breaker_voter(e->breakers.at.at[b->drawn.steps[a->step]]->name);
    breaker_count(e, draw.breaker, (struct ballot){.at_ms = ended->voted_ms, .voter = voter,
                                                    .bits = (uint8_t)((bad ? BALLOT_BAD : 0) | (slow ? BALLOT_SLOW : 0) |
                                                                      (direct ? BALLOT_DIRECT : 0))});
    if (bad) {
        char cause[BREAKER_CAUSE_MAX];
        breaker_cause(b, a, record_outcome(ended), cause);
        breaker_set_cause(br, cause);
    }
    if (BF_PLANTED("breaker_votes_twice") && bad)
        breaker_count(e, draw.breaker, br->window.at[br->window.n - 1]);
}

void breakers_voted(struct engine *e, const struct backfill *b, const struct attempt *a, const struct record *ended)
{
    struct breaker_draw draw;
    struct agent *agent = agent_find(e, a->agent);
    breakers_age(e, ended->voted_ms);
    for (uint32_t i = 0; breaker_drawn(b, a->step, i, &draw); i++)
        if (draw.role != ROLE_AGAIN)
            vote(e, draw, b, a, ended);
    vote(e, (struct breaker_draw){agent->breaker, ROLE_AGENT}, b, a, ended);
    if (!e->recovering && e->breakers.at.at[agent->breaker]->state != BREAKER_CLOSED)
        ready_agent_changed(e, agent);
}

/* ---- the judgement ---- */

/* Votes with this bit that count: all, where two steps or more say so; else those that stand for themselves. */
static uint32_t heard(const struct breaker *b, uint8_t bit)
{
    uint32_t n = 0, direct = 0, voices = 0, first = NO_BREAKER;
    for (size_t i = 0; i < b->window.n; i++) {
        const struct ballot *v = &b->window.at[i];
        if (!(v->bits & bit))
            continue;
        n++;
        direct += bit == BALLOT_BAD && (v->bits & BALLOT_DIRECT);
        if (voices < VOICES && v->voter != first) {
            voices++;
            first = first == NO_BREAKER ? v->voter : first;
        }
    }
    return voices >= VOICES || b->kind == BREAKER_STEP ? n : direct;
}

/* n of its calls, and m of those on all agents that are here, its own among them where it is: is it worse than the others are? */
static bool is_worse(const struct engine *e, const struct breaker *b, uint64_t n, uint64_t m)
{
    if (b->kind != BREAKER_AGENT)
        return true;
    uint64_t others = e->breakers.agent_calls - (b->here ? b->window.n : 0), theirs = m - (b->here ? n : 0);
    return others >= b->settings.minimum && n * others >= AGENT_WORSE * theirs * b->window.n;
}

enum breaker_verdict breaker_judge(const struct engine *e, const struct breaker *b)
{
    const struct breaker_settings *s = &b->settings;
    uint64_t calls = b->window.n;
    if (b->state != BREAKER_CLOSED || s->off || calls < s->minimum)
        return BREAKER_STAYS;
    if ((uint64_t)b->n_bad * MILLIONTHS >= s->rate * calls && (uint64_t)heard(b, BALLOT_BAD) * MILLIONTHS >= s->rate * calls &&
        is_worse(e, b, b->n_bad, e->breakers.agent_bad))
        return BREAKER_FAILING;
    if (s->slow_rate > 0 && (uint64_t)b->n_slow * MILLIONTHS >= s->slow_rate * calls &&
        (uint64_t)heard(b, BALLOT_SLOW) * MILLIONTHS >= s->slow_rate * calls && is_worse(e, b, b->n_slow, e->breakers.agent_slow))
        return BREAKER_SLOWING;
    return BREAKER_STAYS;
}

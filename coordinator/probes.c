/* See probes.h.  A row is a connection that is probed now; all that an agent is to probe goes to it in one message, so that what it was
 * told before needs no taking back. */
#include "coordinator/probes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plant.h"
#include "common/text.h"
#include "coordinator/engine/view.h"
#include "coordinator/turn_state.h"
#include "plan/probe.h"

struct kept { int64_t at_ms, value_us; bool readable; };
struct excluded { uint32_t agent; int64_t until_ms; bool refused; };

struct row {
    char *connection;
    struct probe_asked asked;                    /* backfill 0: not known yet */
    uint64_t id;                                 /* of this giving; 0: nobody has it */
    uint32_t agent;
    uint64_t incarnation;
    int64_t quiet_since_ms;                      /* it was given out, or answered last */
    int64_t answered_ms;                         /* INT64_MIN: not since it was given out */
    int64_t due_ms;                              /* silence is told then */
    uint32_t failures;                           /* unreadable in a row, of this agent */
    char refusal[PROBE_WHY_MAX];                 /* what the last agent that may not said; "" : none did */
    BF_VEC_TYPE(struct excluded) excluded;
    BF_VEC_TYPE(struct kept) kept;               /* of what is measured now; the oldest first */
    int64_t stale_us;                            /* the engine's newest reading is none of it if it was taken then; -1: it is one */
    bool needed;
};

/* A probe of plans whose backfills do not run: what draws on its pools says whether it is wanted, and any record may change that. */
struct held { const char *connection; bool wanted; };          /* of a plan, which the engine keeps; when it was looked */

struct probes {
    BF_VEC_TYPE(struct row) rows;
    BF_VEC_TYPE(uint32_t) told;                  /* agents whose list changed */
    uint64_t given;                              /* how often a probe was given out, by this process */
    bool look;                                   /* what runs, or who is here, changed */
    bool looked;                                 /* once: what is asked for from then on is asked for anew */
    BF_VEC_TYPE(struct held) held;
};

struct probes *probes_new(void)
{
    struct probes *p = bf_xcalloc(1, sizeof *p);
    p->look = true;
    return p;
}

static void row_done(struct row *r)
{
    free(r->connection);
    bf_vec_free(&r->excluded);
    bf_vec_free(&r->kept);
}

void probes_free(struct probes *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->rows.n; i++)
        row_done(&p->rows.at[i]);
    bf_vec_free(&p->rows);
    bf_vec_free(&p->told);
    bf_vec_free(&p->held);
    free(p);
}

static const struct plan *plan_of(const struct turns *t, const struct probe_asked *asked)
{
    struct backfill_view b;
    return engine_backfill(t->engine, asked->backfill, &b) ? b.plan : NULL;
}

/* An agent that is alive has spoken by then: its next canary begins within `every`, and is given up after its patience. */
static int64_t silence_ms(const struct row *r)
{
    const struct plan_probe *p = &r->asked.probe;
    int64_t patience_ms = plan_probe_patience_ms(p);
    return p->every_ms + (patience_ms > p->every_ms ? patience_ms : p->every_ms) + PROBE_GRACE_MS;
}

/* ---- readings ---- */

static void keep(struct row *r, int64_t now_ms, bool readable, int64_t value_us)
{
    size_t old = 0;
    while (old < r->kept.n && r->kept.at[old].at_ms <= now_ms - PROBE_WINDOW_MS)
        old++;
    if (old > 0)
        memmove(r->kept.at, r->kept.at + old, (r->kept.n - old) * sizeof *r->kept.at);
    r->kept.n -= old;
    bf_vec_push(&r->kept, (struct kept){now_ms, value_us, readable});
}

static void read_one(struct turns *t, struct row *r, const struct probe_reading *reading, uint32_t agent, int64_t now_ms)
{
    struct input *in = turn_input_add(t, INPUT_PROBE, NULL);
    in->agent = agent;
    turn_input_rare(t, in)->probe = (struct input_probe){bf_arena_strdup(&t->gathered.arena, r->connection), reading->readable,
                                                         reading->value_us, bf_arena_strdup(&t->gathered.arena, reading->why)};
    keep(r, now_ms, reading->readable, reading->value_us);
    r->due_ms = now_ms + silence_ms(r);
    r->failures = reading->readable ? 0 : r->failures + 1;
    if (r->failures >= PROBE_FAILURES_MAX)
        t->probes->look = true;
}

static void exclude(struct row *r, uint32_t agent, bool refused, int64_t now_ms)
{
    const struct excluded one = {agent, now_ms + PROBE_EXCLUDED_MS, refused};
    for (size_t i = 0; i < r->excluded.n; i++)
        if (r->excluded.at[i].agent == agent) {
            r->excluded.at[i] = one;
            return;
        }
    bf_vec_push(&r->excluded, one);
}

static void take_back(struct probes *p, struct row *r)
{
    if (r->agent && !BF_PLANTED("probe_given_twice"))
        bf_vec_push(&p->told, r->agent);
    r->agent = 0;
    r->id = 0;
    r->failures = 0;
}

void probes_heard(struct turns *t, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg, int64_t now_ms)
{
    const struct peer *peer = turn_peer(t, key);
    for (size_t i = 0; peer->agent && i < msg->n_probed; i++) {
        const struct probe_reading *reading = &msg->probed[i];
        for (size_t k = 0; k < t->probes->rows.n; k++) {
            struct row *r = &t->probes->rows.at[k];
            bool current = r->id != 0 && r->id == reading->id && r->agent == peer->agent && r->incarnation == msg->incarnation;
            /* One that tells more often than it was asked to is heard as often as it was asked to. */
            if (!current || (r->answered_ms != INT64_MIN && now_ms - r->answered_ms < r->asked.probe.every_ms / 2))
                continue;
            r->quiet_since_ms = r->answered_ms = now_ms;
            read_one(t, r, reading, peer->agent, now_ms);
            if (!reading->refused)
                continue;
            snprintf(r->refusal, sizeof r->refusal, "%.*s", (int)bf_utf8_cut(reading->why, sizeof r->refusal - 1), reading->why);
            exclude(r, peer->agent, true, now_ms);
            take_back(t->probes, r);
            t->probes->look = true;
        }
    }
}

void probes_due(struct turns *t, int64_t now_ms)
{
    for (size_t i = 0; i < t->probes->rows.n; i++) {
        struct row *r = &t->probes->rows.at[i];
        struct agent_view agent;
        char why[PROBE_WHY_MAX + 128];
        if (r->due_ms > now_ms || BF_PLANTED("probe_silence_unheard"))
            continue;
        int64_t silent_s = (now_ms - r->quiet_since_ms) / 1000;
        if (r->agent && engine_agent(t->engine, r->agent, &agent))
            snprintf(why, sizeof why, "no answer from agent %s for %lld s", agent.hello->name, (long long)silent_s);
        else if (*r->refusal)
            snprintf(why, sizeof why, "no agent can run it; the last one said: %s", r->refusal);
        else
            snprintf(why, sizeof why, "no agent is connected that may run a step of connection %s", r->connection);
        why[bf_utf8_cut(why, PROBE_WHY_MAX - 1)] = '\0';
        const struct probe_reading none = {.why = why};
        read_one(t, r, &none, 0, now_ms);
        if (r->agent)
            bf_vec_push(&t->probes->told, r->agent);         /* what it was told may have been lost */
        t->probes->look = true;
    }
}

/* ---- who ---- */

static bool has_labels(const struct agent_hello *hello, const struct plan_step *s)
{
    for (size_t i = 0; i < s->n_labels; i++) {
        bool found = false;
        for (size_t k = 0; k < hello->n_labels && !found; k++)
            found = strcmp(hello->labels[k].name, s->labels[i].name) == 0 && strcmp(hello->labels[k].value, s->labels[i].value) == 0;
        if (!found)
            return false;
    }
    return true;
}

/* One that may run a step of the connection; where only programs and calls use it, any. */
static bool fits(const struct turns *t, const struct row *r, const struct agent_hello *hello)
{
    const struct plan *p = plan_of(t, &r->asked);
    bool used = false;
    for (size_t i = 0; i < p->n_steps; i++) {
        if (p->steps[i].connection != r->asked.index)
            continue;
        used = true;
        if (has_labels(hello, &p->steps[i]))
            return true;
    }
    return !used;
}

static void forgive(struct row *r, int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < r->excluded.n; i++)
        if (r->excluded.at[i].until_ms > now_ms)
            r->excluded.at[n++] = r->excluded.at[i];
    r->excluded.n = n;
}

static bool is_excluded(const struct row *r, uint32_t agent, bool anyone)
{
    for (size_t i = 0; i < r->excluded.n; i++)
        if (r->excluded.at[i].agent == agent)
            return r->excluded.at[i].refused || !anyone;
    return false;
}

static size_t n_probes(const struct probes *p, uint32_t agent)
{
    size_t n = 0;
    for (size_t i = 0; i < p->rows.n; i++)
        n += p->rows.at[i].agent == agent;
    return n;
}

/* The one with the fewest probes; of these the one that is here for longest.  false: there is none.  anyone: one that gave nothing readable
 * a while ago, too; never one that said that it may not. */
static bool choose(const struct turns *t, const struct row *r, bool anyone, struct agent_view *ret)
{
    size_t least = AGENT_PROBES_MAX;
    struct agent_view a;
    for (uint32_t id = engine_next_agent(t->engine, 0); id; id = engine_next_agent(t->engine, id)) {
        if (!engine_agent(t->engine, id, &a) || a.state != AGENT_CONNECTED || id == r->agent || is_excluded(r, id, anyone) ||
            !fits(t, r, a.hello))
            continue;
        size_t n = n_probes(t->probes, id);
        if (n < least) {
            least = n;
            *ret = a;
        }
    }
    return least < AGENT_PROBES_MAX;
}

static void give(struct turns *t, struct row *r, int64_t now_ms)
{
    struct agent_view a = {0};
    struct probes *p = t->probes;
    /* Where one has it, another that failed too is no better; where nobody has it, it is better than nobody. */
    if (!choose(t, r, false, &a) && (r->agent || !choose(t, r, true, &a)))
        return;
    if (r->agent) {
        exclude(r, r->agent, false, now_ms);
        take_back(p, r);
    }
    r->agent = a.id;
    r->incarnation = a.incarnation;
    r->id = (UINT64_C(1) << 62) + (t->seq << 20) + ++p->given;      /* not that of an earlier life, whose journal ended before seq */
    r->quiet_since_ms = now_ms;
    r->answered_ms = INT64_MIN;
    r->failures = 0;
    bf_vec_push(&p->told, a.id);
}

static bool still_runs(const struct turns *t, const struct row *r)
{
    struct agent_view a;
    return engine_agent(t->engine, r->agent, &a) && a.state == AGENT_CONNECTED && a.incarnation == r->incarnation;
}

/* ---- what is needed ---- */

static struct row *row_find(const struct probes *p, const char *connection)
{
    for (size_t i = 0; i < p->rows.n; i++)
        if (strcmp(p->rows.at[i].connection, connection) == 0)
            return &p->rows.at[i];
    return NULL;
}

static struct row *row_need(struct probes *p, const char *connection, int64_t now_ms)
{
    struct row *r = row_find(p, connection);
    if (r)
        return r;
    r = bf_vec_add(&p->rows);
    *r = (struct row){.connection = bf_xstrdup(connection), .quiet_since_ms = now_ms, .answered_ms = INT64_MIN};
    return r;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Readings of both can be held against each other. */
static bool same_measure(const struct turns *t, const struct probe_asked *a, const struct probe_asked *b)
{
    const struct plan_probe *p = &a->probe, *q = &b->probe;
    const struct plan_connection *x = &plan_of(t, a)->connections[a->index], *y = &plan_of(t, b)->connections[b->index];
    bool same = p->kind == q->kind && p->value == q->value && p->n_argv == q->n_argv && same_text(p->sql, q->sql) &&
                same_text(p->method, q->method) && same_text(p->url, q->url) && same_text(x->odbc, y->odbc) && x->ansi == y->ansi;
    for (size_t i = 0; same && i < p->n_argv; i++)
        same = strcmp(p->argv[i], q->argv[i]) == 0;
    return same;
}

/* So is what an agent is told of them, but for the id. */
static bool same_pace(const struct plan_probe *p, const struct plan_probe *q)
{
    return p->every_ms == q->every_ms && plan_probe_patience_ms(p) == plan_probe_patience_ms(q);
}

/* What was read up to now says nothing of the probe.  What ran when this process began was measured by the one before it. */
static void begin_anew(const struct turns *t, struct row *r, const struct probe_asked *asked)
{
    struct probe_view last;
    struct backfill_view b = {0};
    bool counts = !t->probes->looked && engine_backfill(t->engine, asked->backfill, &b);
    bool any = engine_probe(t->engine, r->connection, &last);
    r->stale_us = any && !(counts && last.at_us >= b.started_us) ? last.at_us : -1;
    bf_vec_clear(&r->kept);
}

static void need(struct turns *t, const char *connection, int64_t now_ms)
{
    struct probe_asked asked;
    if (!engine_probe_asked(t->engine, connection, &asked))
        return;
    struct row *r = row_need(t->probes, connection, now_ms);
    bool fresh = r->asked.backfill == 0, other = fresh || !same_measure(t, &r->asked, &asked);
    if (other)
        begin_anew(t, r, &asked);
    if (other || !same_pace(&r->asked.probe, &asked.probe))
        take_back(t->probes, r);
    r->needed = true;
    r->asked = asked;
    /* Whatever changes, silence is counted on. */
    if (fresh || now_ms + silence_ms(r) < r->due_ms)
        r->due_ms = now_ms + silence_ms(r);
}

/* Of one that does not run.  Asked about once, whatever number of them has it. */
static bool held_is_wanted(struct turns *t, const char *connection)
{
    struct probes *p = t->probes;
    for (size_t i = 0; i < p->held.n; i++)
        if (strcmp(p->held.at[i].connection, connection) == 0)
            return p->held.at[i].wanted;
    bf_vec_push(&p->held, ((struct held){connection, engine_probe_is_wanted(t->engine, connection)}));
    return p->held.at[p->held.n - 1].wanted;
}

static bool is_needed(const struct probes *p, const char *connection)
{
    const struct row *r = row_find(p, connection);
    return r && r->needed;
}

/* Those that run come first: what one that does not says counts where the probe is wanted nevertheless. */
static void find_needed(struct turns *t, int64_t now_ms)
{
    struct backfill_view b;
    bf_vec_clear(&t->probes->held);
    for (int runs = 1; runs >= 0; runs--)
        for (uint32_t id = 0; (id = engine_next_live(t->engine, id)) != 0;)
            for (uint32_t k = 0; engine_backfill(t->engine, id, &b) && (b.state == BACKFILL_RUNNING) == runs && k < b.plan->n_connections;
                 k++) {
                const struct plan_connection *c = &b.plan->connections[k];
                if (c->probe && !is_needed(t->probes, c->name) && (runs || held_is_wanted(t, c->name)))
                    need(t, c->name, now_ms);
            }
}

static void look(struct turns *t, int64_t now_ms)
{
    struct probes *p = t->probes;
    for (size_t i = 0; i < p->rows.n; i++)
        p->rows.at[i].needed = false;
    find_needed(t, now_ms);
    for (size_t i = p->rows.n; i-- > 0;) {
        struct row *r = &p->rows.at[i];
        if (r->needed)
            continue;
        take_back(p, r);
        row_done(r);
        memmove(r, r + 1, (p->rows.n - i - 1) * sizeof *r);
        p->rows.n--;
    }
    for (size_t i = 0; i < p->rows.n; i++) {
        struct row *r = &p->rows.at[i];
        forgive(r, now_ms);
        if (r->agent && !still_runs(t, r))
            take_back(p, r);
        if (!r->agent || r->failures >= PROBE_FAILURES_MAX)
            give(t, r, now_ms);
    }
}

/* ---- what is sent ---- */

static void order_of(const struct turns *t, const struct row *r, struct bf_arena *arena, struct probe_order *ret)
{
    const struct plan_connection *c = &plan_of(t, &r->asked)->connections[r->asked.index];
    const struct plan_probe *p = &r->asked.probe;
    static const enum probe_kind kinds[] = {[PLAN_PROBE_SQL] = PROBE_SQL, [PLAN_PROBE_RUN] = PROBE_RUN, [PLAN_PROBE_HTTP] = PROBE_HTTP};
    struct bf_buf spec = {0};
    plan_probe_spec(c, p, &spec);
    *ret = (struct probe_order){.id = r->id, .connection = r->connection, .kind = kinds[p->kind], .value = p->value,
                                .every_ms = p->every_ms, .limit_ms = plan_probe_patience_ms(p),
                                .spec = bf_arena_strndup(arena, bf_buf_cstr(&spec), spec.len), .n_argv = p->n_argv};
    bf_buf_free(&spec);
    ret->argv = bf_arena_alloc(arena, (p->n_argv + 1) * sizeof *ret->argv);
    for (size_t i = 0; i < p->n_argv; i++)
        ret->argv[i] = p->argv[i];
    if (p->kind != PLAN_PROBE_SQL)
        return;
    ret->n_refs = 1;
    ret->refs = bf_arena_alloc(arena, sizeof *ret->refs);
    ret->refs[0] = (struct step_ref){"odbc", c->odbc};
}

static void send_list(struct turns *t, uint32_t agent)
{
    struct bf_arena arena = {0};
    struct agent_view a;
    struct probe_order orders[AGENT_PROBES_MAX];
    struct agent_msg m = {.kind = AGENT_PROBE, .text = "", .probes = orders};
    bool here = engine_agent(t->engine, agent, &a) && (a.state == AGENT_CONNECTED || a.state == AGENT_DRAINING);
    for (size_t i = 0; here && i < t->probes->rows.n && m.n_probes < AGENT_PROBES_MAX; i++)
        if (t->probes->rows.at[i].agent == agent)
            order_of(t, &t->probes->rows.at[i], &arena, &orders[m.n_probes++]);
    m.incarnation = here ? a.incarnation : 0;
    if (here) {
        if (m.n_probes > 0)
            turn_peer(t, a.key)->probes_repeat = PROBES_REPEAT;
        t->ports.send_agent(t->ports.arg, a.key, &m);
    }
    bf_arena_free(&arena);
}

/* A message may have been lost with its connection, and an agent may go on with what the coordinator's predecessor told it. */
static void note_welcomes(struct turns *t)
{
    for (size_t i = 0; i < t->out.n_effects; i++) {
        struct agent_view a;
        if (t->out.effects[i].kind != EFFECT_WELCOME || !engine_agent(t->engine, t->out.effects[i].agent, &a))
            continue;
        struct peer *peer = turn_peer(t, a.key);
        bool runs = n_probes(t->probes, a.id) > 0;
        if (runs || peer->probes_repeat > 0)
            bf_vec_push(&t->probes->told, a.id);
        peer->probes_repeat -= !runs && peer->probes_repeat > 0;
    }
}

static void note_changes(struct turns *t)
{
    const struct probes *p = t->probes;
    for (size_t i = 0; i < p->held.n && t->out.n_records > 0 && !p->look; i++)
        t->probes->look = engine_probe_is_wanted(t->engine, p->held.at[i].connection) != p->held.at[i].wanted;
    for (size_t i = 0; i < t->out.n_records && !t->probes->look; i++) {
        enum record_kind k = t->out.records[i].kind;
        t->probes->look = k == RECORD_BACKFILL_STATE || k == RECORD_AGENT_JOINED || k == RECORD_AGENT_STATE;
    }
}

void probes_settle(struct turns *t, int64_t now_ms)
{
    struct probes *p = t->probes;
    note_changes(t);
    if (!p->look && p->rows.n > 0)
        p->look = probes_next_ms(t) <= now_ms;
    if (p->look)
        look(t, now_ms);
    p->looked = p->looked || p->look;
    p->look = false;
    note_welcomes(t);
    for (size_t i = 0; i < p->told.n; i++) {
        bool before = false;
        for (size_t k = 0; k < i; k++)
            before = before || p->told.at[k] == p->told.at[i];
        if (!before)
            send_list(t, p->told.at[i]);
    }
    bf_vec_clear(&p->told);
}

int64_t probes_next_ms(const struct turns *t)
{
    int64_t at_ms = t->probes->look ? 0 : INT64_MAX;
    for (size_t i = 0; i < t->probes->rows.n; i++) {
        const struct row *r = &t->probes->rows.at[i];
        if (!BF_PLANTED("probe_silence_unheard") && r->due_ms < at_ms)
            at_ms = r->due_ms;
        for (size_t k = 0; !r->agent && k < r->excluded.n; k++)
            if (r->excluded.at[k].until_ms < at_ms)
                at_ms = r->excluded.at[k].until_ms;
    }
    return at_ms;
}

/* ---- for views ---- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

bool turn_probe_read(const struct turns *t, const char *connection, struct probe_view *ret)
{
    const struct row *r = row_find(t->probes, connection);
    return engine_probe(t->engine, connection, ret) && !(r && ret->at_us == r->stale_us);
}

bool turn_probe(const struct turns *t, const char *connection, int64_t now_ms, struct turn_probe *ret)
{
    for (size_t i = 0; i < t->probes->rows.n; i++) {
        const struct row *r = &t->probes->rows.at[i];
        if (strcmp(r->connection, connection) != 0)
            continue;
        *ret = (struct turn_probe){.backfill = r->asked.backfill, .agent = r->agent, .p50_us = -1, .p95_us = -1};
        BF_AUTO_FREE int64_t *values = bf_xcalloc(r->kept.n + 1, sizeof *values);
        for (size_t k = 0; k < r->kept.n; k++) {
            if (r->kept.at[k].at_ms <= now_ms - PROBE_WINDOW_MS)
                continue;
            if (r->kept.at[k].readable)
                values[ret->readable++] = r->kept.at[k].value_us;
            else
                ret->unreadable++;
        }
        qsort(values, ret->readable, sizeof *values, by_value);
        if (ret->readable > 0) {
            ret->p50_us = values[(ret->readable - 1) / 2];
            ret->p95_us = values[(ret->readable * 95 + 99) / 100 - 1];
        }
        return true;
    }
    return false;
}

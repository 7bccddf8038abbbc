/* Thirty incidents, each a delay or a failure that matters by construction: which alerts are told of them, and in how many pieces.
 *
 * A small fleet runs a small plan, minute by minute, for three hours of engine time.  An incident says how attempts end, which agents
 * are there, and what people do.  Told is what fires and follows from nothing else, at any time. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/alerts.h"
#include "coordinator/engine/view_alerts.h"
#include "coordinator/engine/view_profile.h"
#include "tests/support/engine_fixture.h"

enum { DAYS = 4, TICK_MS = 1000, TICKS = 3 * 3600, TOLD_MAX = 16 };

struct told { uint32_t id; enum alert_kind kind; };
struct play {
    struct fx f;
    struct fx_agent agents[2];
    bool here[2];
    int64_t ms;                                              /* since it began */
    struct told told[TOLD_MAX]; size_t n_told;
    uint32_t pending;                                        /* alerts that were raised at all */
};

/* How attempt_no of an instance ends; OUTCOME_OK: well; 0: it goes on. */
struct end { enum outcome_source source; int32_t code; };
struct incident {
    const char *name;
    bool matters;
    size_t pieces;                                           /* alerts that are told */
    enum alert_kind kind;                                    /* of the first */
    struct end (*end)(uint32_t step, uint32_t index, uint32_t attempt_no, int64_t ms);
    void (*plan)(struct plan *p);                            /* NULL: the plain plan */
    void (*act)(struct play *p);                             /* before each tick; NULL: nothing */
};

static const struct incident *incident;

/* ---- ends ---- */

static const struct end well = {OUTCOME_OK, 0}, passing = {OUTCOME_EXIT, 75}, broken = {OUTCOME_EXIT, 127}, goes_on = {0, 0};

static struct end all_well(uint32_t s, uint32_t i, uint32_t n, int64_t ms) { (void)s; (void)i; (void)n; (void)ms; return well; }
static struct end once(uint32_t s, uint32_t i, uint32_t n, int64_t ms) { (void)ms; return s == 0 && i == 1 && n == 1 ? passing : well; }
static struct end all_once(uint32_t s, uint32_t i, uint32_t n, int64_t ms) { (void)s; (void)i; (void)ms; return n == 1 ? passing : well; }
static struct end twice(uint32_t s, uint32_t i, uint32_t n, int64_t ms) { (void)i; (void)ms; return s == 0 && n < 3 ? passing : well; }
static struct end slow_for_minutes(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)n;
    return s == 1 && i == 2 && ms < 480000 ? (struct end){0, 0} : well;
}
static struct end slow_for_an_hour(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)n;
    return s == 1 && i == 2 && ms < 3600000 ? (struct end){0, 0} : well;
}
static struct end all_slow_for_an_hour(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)i;
    (void)n;
    return s == 1 && ms < 3600000 ? (struct end){0, 0} : well;
}
static struct end unknown_once(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)ms;
    return s == 1 && i == 0 && n == 1 ? (struct end){OUTCOME_EXIT, 1} : well;
}
static struct end http_busy(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)i;
    (void)ms;
    return s == 0 && n < 3 ? (struct end){OUTCOME_HTTP, n == 1 ? 503 : 429} : well;
}
static struct end killed_once(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)ms;
    return s == 0 && i == 2 && n == 1 ? (struct end){OUTCOME_SIGNAL, 9} : well;
}
static struct end out_of_time_once(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)ms;
    return s == 0 && i == 0 && n == 1 ? (struct end){OUTCOME_TIMEOUT, 0} : well;
}
static struct end last_day_passing(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)ms;
    return s == 1 && i == DAYS - 1 && n < 3 ? passing : well;
}
static struct end one_broken(uint32_t s, uint32_t i, uint32_t n, int64_t ms) { (void)n; (void)ms; return s == 0 && i == 1 ? broken : well; }
static struct end all_broken(uint32_t s, uint32_t i, uint32_t n, int64_t ms) { (void)i; (void)n; (void)ms; return s == 0 ? broken : well; }
static struct end never_passes(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)i;
    (void)n;
    (void)ms;
    return s == 0 ? passing : well;
}
static struct end two_causes(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)n;
    (void)ms;
    return s == 0 && i == 0 ? broken : s == 0 && i == 1 ? (struct end){OUTCOME_EXIT, 126} : well;
}
static struct end two_steps(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)n;
    (void)ms;
    return (s == 0 && i == 0) || (s == 1 && i == 3) ? broken : well;
}
static struct end leaf_broken(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)n;
    (void)ms;
    return s == 2 && i == 0 ? broken : well;
}
static struct end checked(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)n;
    (void)ms;
    return s == 0 && i == 0 ? (struct end){OUTCOME_CHECK, CHECK_HALT} : well;
}
static struct end check_fails(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)n;
    (void)ms;
    return s == 1 && i == 2 ? (struct end){OUTCOME_CHECK, CHECK_ERROR} : well;
}
static struct end long_run(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)s;
    (void)i;
    (void)n;
    return ms < 600000 ? goes_on : well;
}
static struct end very_long_run(uint32_t s, uint32_t i, uint32_t n, int64_t ms)
{
    (void)s;
    (void)i;
    (void)n;
    return ms < 7200000 ? goes_on : well;
}

/* ---- plans ---- */

static void longer_waits(struct plan *p, int64_t ms)
{
    for (size_t s = 0; s < p->n_steps; s++)
        p->steps[s].retry = (struct plan_retry){.max_attempts = 3, .initial_ms = ms, .max_ms = ms, .factor_milli = 1000};
}

/* The longest wait is jittered down to any part of it: 20 h make sure that one is longer than what is borne. */
static void waits_long(struct plan *p) { longer_waits(p, 72000000); }
static void waits_and_tolerates(struct plan *p)
{
    longer_waits(p, 1200000);
    for (size_t s = 0; s < p->n_steps; s++)
        p->steps[s].tolerance_ms = 7200000;
}
static void deadline(struct plan *p, uint32_t step, int64_t after_s)
{
    p->steps[step].deadline = (struct plan_deadline){.text = bf_xstrdup("then"), .at_s = 1700000000 + after_s};
}
static void due_tomorrow(struct plan *p) { deadline(p, 2, 86400); }
static void due_in_half_an_hour(struct plan *p) { deadline(p, 2, 1800); }
static void due_soon_and_waits(struct plan *p)
{
    waits_long(p);
    deadline(p, 2, 120);
}
static void shown_in_half_an_hour(struct plan *p)
{
    p->n_datasets = 1;
    p->datasets = bf_xcalloc(1, sizeof *p->datasets);
    p->datasets[0] = (struct plan_dataset){.name = bf_xstrdup("mart"), .table = bf_xstrdup("mart"), .connection = PLAN_NO_INDEX};
    p->steps[2].outputs = bf_xcalloc(1, sizeof *p->steps[2].outputs);
    p->steps[2].n_outputs = 1;
    p->n_exposures = 1;
    p->exposures = bf_xcalloc(1, sizeof *p->exposures);
    p->exposures[0] = (struct plan_exposure){.name = bf_xstrdup("board"), .reads = bf_xcalloc(1, sizeof(uint32_t)), .n_reads = 1,
                                             .deadline = {.text = bf_xstrdup("then"), .at_s = 1700000000 + 1800}};
}
static void needs_a_label(struct plan *p) { fx_label(p, 1, "gpu", "yes"); }
static void expects_a_second(struct plan *p)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        p->steps[i].expected = true;
        p->steps[i].expect_ms = 1000;
    }
}
static void expects_and_is_due_soon(struct plan *p)
{
    expects_a_second(p);
    due_soon_and_waits(p);
}
static void warns_at_ten_minutes(struct plan *p)
{
    p->steps[1].timebox_ms = 600000;
    p->steps[1].timebox_then = PLAN_ONLY_WARN;
}
static void may_take_ten_minutes(struct plan *p)
{
    p->timebox_ms = 600000;
    p->timebox_then = PLAN_END_WARN;
}
static void warns_and_expects(struct plan *p)
{
    expects_a_second(p);
    warns_at_ten_minutes(p);
}

static void pooled(struct plan *p)
{
    uint32_t pool = fx_pool(p, "warehouse", DAYS);
    for (size_t s = 0; s < p->n_steps; s++)
        p->steps[s].pool = pool;
    p->steps[1].resources.memory_bytes = UINT64_C(1) << 30;
}
static void pooled_and_due(struct plan *p)
{
    pooled(p);
    due_in_half_an_hour(p);
}

static struct plan *make(uint64_t seed)
{
    (void)seed;
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, DAYS);
    for (int s = 0; s < 3; s++)
        fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_edge(p, 1, 0, PLAN_SAME);
    fx_edge(p, 2, 1, PLAN_SAME);
    if (incident->plan)
        incident->plan(p);
    return fx_plan_done(p);
}

/* ---- agents and people ---- */

static bool at(const struct play *p, int64_t ms) { return p->ms == ms; }

static void lose(struct play *p, int k)
{
    fx_lost(&p->f, &p->agents[k]);
    p->here[k] = false;
}

/* A new process: what the old one ran is dead. */
static void bring_back(struct play *p, int k)
{
    uint64_t previous = p->agents[k].incarnation;
    p->agents[k].incarnation += 1000;
    fx_hello(&p->f, &p->agents[k], previous);
    p->here[k] = true;
}

static void lost_for_a_minute(struct play *p)
{
    if (at(p, 5000))
        lose(p, 0);
    if (at(p, 65000))
        bring_back(p, 0);
}
static void idle_one_lost(struct play *p)
{
    if (at(p, 3600000))
        lose(p, 0);
}
static void restarted(struct play *p)
{
    if (at(p, 5000))
        bring_back(p, 0);
}
static void all_lost_for_a_minute(struct play *p)
{
    if (at(p, 5000)) {
        lose(p, 0);
        lose(p, 1);
    }
    if (at(p, 65000)) {
        bring_back(p, 0);
        bring_back(p, 1);
    }
}
static void low_for(struct play *p, int64_t ms)
{
    if (at(p, 5000) || at(p, 5000 + ms))
        fx_step_input(&p->f, &(struct input){.kind = INPUT_LOW, FX_SAYS(.low = at(p, 5000))});
}
static void low_for_a_moment(struct play *p) { low_for(p, 10000); }
static void low_for_long(struct play *p) { low_for(p, 600000); }
static void cancelled(struct play *p)
{
    if (at(p, 2000))
        fx_ask(&p->f, OP_CANCEL, 1);
}
static void paused_and_resumed(struct play *p)
{
    if (at(p, 2000))
        fx_ask(&p->f, OP_PAUSE, 1);
    if (at(p, 3600000))
        fx_ask(&p->f, OP_RESUME, 1);
}
static void one_lost_for_good(struct play *p)
{
    if (at(p, 5000))
        lose(p, 0);
}
static void all_lost_for_good(struct play *p)
{
    if (at(p, 5000)) {
        lose(p, 0);
        lose(p, 1);
    }
}

/* Of slots nothing is said where they are none of the figures. */
static void set_pool(struct play *p, int64_t ms, uint32_t slots, uint64_t memory_bytes)
{
    if (!at(p, ms))
        return;
    struct op_request r = fx_request(&p->f, OP_POOL_SET, 0);
    r.name = "warehouse";
    r.pool = (struct pool_budget){.no_slots = memory_bytes > 0, .memory_bytes = memory_bytes};
    r.pool_slots = slots;
    cr_assert_eq(fx_command(&p->f, &r)->rc, BF_OK);
}
static void stopped(struct play *p) { set_pool(p, 1000, 0, 0); }
static void stopped_for_a_minute(struct play *p)
{
    set_pool(p, 1000, 0, 0);
    set_pool(p, 61000, DAYS, 0);
}
static void stopped_while_paused(struct play *p)
{
    paused_and_resumed(p);
    set_pool(p, 60000, 0, 0);
    set_pool(p, 3599000, DAYS, 0);
}
static void one_at_a_time(struct play *p) { set_pool(p, 1000, 1, 0); }
static void memory_for_half(struct play *p) { set_pool(p, 1000, 0, UINT64_C(1) << 29); }

/* ---- more than thirty ---- */

static const struct incident incidents[] = {
    {"nothing happens", false, 0, 0, all_well, NULL, NULL},
    {"one partition fails once", false, 0, 0, once, NULL, NULL},
    {"every instance fails once", false, 0, 0, all_once, NULL, NULL},
    {"a step needs its last attempt", false, 0, 0, twice, NULL, NULL},
    {"an unknown failure, once", false, 0, 0, unknown_once, NULL, NULL},
    {"a service is busy, twice", false, 0, 0, http_busy, NULL, NULL},
    {"killed by a signal, once", false, 0, 0, killed_once, NULL, NULL},
    {"out of time, once", false, 0, 0, out_of_time_once, NULL, NULL},
    {"long waits, within the tolerance", false, 0, 0, twice, waits_and_tolerates, NULL},
    {"retries with a deadline tomorrow", false, 0, 0, last_day_passing, due_tomorrow, NULL},
    {"an agent with work is away for a minute", false, 0, 0, long_run, NULL, lost_for_a_minute},
    {"an agent without work is lost", false, 0, 0, all_well, NULL, idle_one_lost},
    {"an agent is started again", false, 0, 0, long_run, NULL, restarted},
    {"no agent for a minute", false, 0, 0, long_run, NULL, all_lost_for_a_minute},
    {"low on room for ten seconds", false, 0, 0, long_run, NULL, low_for_a_moment},
    {"cancelled while it retries", false, 0, 0, never_passes, waits_long, cancelled},
    {"paused for an hour", false, 0, 0, long_run, NULL, paused_and_resumed},
    {"one partition fails for good", true, 1, ALERT_STEP, one_broken, NULL, NULL},
    {"all fail for good, of one cause", true, 1, ALERT_STEP, all_broken, NULL, NULL},
    {"retries do not help", true, 1, ALERT_STEP, never_passes, NULL, NULL},
    {"two causes in one step", true, 2, ALERT_STEP, two_causes, NULL, NULL},
    {"two steps fail", true, 2, ALERT_STEP, two_steps, NULL, NULL},
    {"the last step fails", true, 1, ALERT_STEP, leaf_broken, due_tomorrow, NULL},
    {"a check halts it", true, 1, ALERT_HALTED, checked, NULL, NULL},
    {"a check fails", true, 1, ALERT_STEP, check_fails, NULL, NULL},
    {"longer in trouble than anybody minds", true, 1, ALERT_STEP, never_passes, waits_long, NULL},
    {"no slack is left before the deadline", true, 1, ALERT_STEP, never_passes, due_soon_and_waits, NULL},
    {"late", true, 1, ALERT_DEADLINE, very_long_run, due_in_half_an_hour, NULL},
    {"an exposure is late", true, 1, ALERT_DEADLINE, very_long_run, shown_in_half_an_hour, NULL},
    {"late, because a step before it failed", true, 1, ALERT_STEP, all_broken, due_in_half_an_hour, NULL},
    {"an agent with work is lost for good", true, 1, ALERT_AGENT_LOST, very_long_run, NULL, one_lost_for_good},
    {"every agent is lost for good", true, 2, ALERT_AGENT_LOST, very_long_run, NULL, all_lost_for_good},
    {"nobody has the label", true, 1, ALERT_NO_AGENT, all_well, needs_a_label, NULL},
    {"an attempt takes minutes, not seconds", false, 0, 0, slow_for_minutes, expects_a_second, NULL},
    {"over before its timebox", false, 0, 0, slow_for_minutes, warns_at_ten_minutes, NULL},
    {"an attempt takes an hour, not seconds", true, 1, ALERT_STRAGGLER, slow_for_an_hour, expects_a_second, NULL},
    {"all of a step take an hour", true, 1, ALERT_STRAGGLER, all_slow_for_an_hour, expects_a_second, NULL},
    {"slow, and what hangs on it is late then", true, 2, ALERT_STRAGGLER, slow_for_minutes, expects_and_is_due_soon, NULL},
    {"past a timebox that warns", true, 1, ALERT_TIMEBOX, slow_for_an_hour, warns_at_ten_minutes, NULL},
    {"past it, and slow: of one cause", true, 1, ALERT_TIMEBOX, slow_for_an_hour, warns_and_expects, NULL},
    {"past the plan's timebox, which warns", true, 1, ALERT_OVERTIME, slow_for_an_hour, may_take_ten_minutes, NULL},
    {"a pool is stopped for a minute", false, 0, 0, all_well, pooled, stopped_for_a_minute},
    {"a pool is stopped for a backfill that is paused", false, 0, 0, long_run, pooled, stopped_while_paused},
    {"a pool is busy for an hour", false, 0, 0, very_long_run, pooled, one_at_a_time},
    {"a pool is stopped, and stays so", true, 1, ALERT_POOL, all_well, pooled, stopped},
    {"a pool has less than a step takes", true, 1, ALERT_POOL, all_well, pooled, memory_for_half},
    {"late, because a pool is stopped", true, 1, ALERT_POOL, all_well, pooled_and_due, stopped},
    {"low on room for ten minutes", true, 1, ALERT_STORE_LOW, very_long_run, NULL, low_for_long},
};
enum { INCIDENTS = sizeof incidents / sizeof *incidents };

/* ---- the play ---- */

static void end_attempts(struct play *p)
{
    struct attempt_view open[2 * DAYS * 3];
    size_t n = 0;
    for (uint64_t id = 0; (id = engine_next_attempt(p->f.e, id)) != 0 && n < sizeof open / sizeof *open;)
        n += engine_find_attempt(p->f.e, id, &open[n]);
    for (size_t i = 0; i < n; i++) {
        struct agent_view agent;
        int k = engine_agent(p->f.e, open[i].agent, &agent) && memcmp(agent.key, p->agents[0].key, BF_KEY_BYTES) == 0 ? 0 : 1;
        struct end end = incident->end(open[i].step, open[i].index, open[i].attempt_no, p->ms);
        if (p->here[k] && end.source != 0)
            fx_ended(&p->f, &p->agents[k], open[i].ref, end.source, end.code);
    }
}

static void look(struct play *p)
{
    for (size_t i = 0; i < engine_n_alerts(p->f.e); i++) {
        const struct alert_fact *a = engine_alert(p->f.e, i);
        struct alert_more more;
        bool known = false;
        p->pending = a->id > p->pending ? a->id : p->pending;
        engine_alert_more(p->f.e, a, &more);
        for (size_t k = 0; k < p->n_told; k++)
            known |= p->told[k].id == a->id;
        if (a->state != ALERT_FIRING || more.inhibited_by || known || p->n_told == TOLD_MAX)
            continue;
        p->told[p->n_told++] = (struct told){a->id, a->kind};
    }
}

static void begin(struct play *p, const struct incident *i)
{
    *p = (struct play){.agents = {fx_agent(1, 8), fx_agent(2, 8)}, .here = {true, true}};
    incident = i;
    fx_init(&p->f, NULL);
    fx_hello(&p->f, &p->agents[0], 0);
    fx_hello(&p->f, &p->agents[1], 0);
    cr_assert_eq(fx_create(&p->f, make, 1), 1u);
    fx_turn(&p->f);
}

/* Each second while something happens, then only when the engine asks for it. */
static void run_for(struct play *p, int64_t ticks)
{
    for (int64_t k = 0; k < ticks; k++) {
        p->ms += TICK_MS;
        p->f.now_ms += TICK_MS;
        p->f.wall_us = 1700000000000000 + p->ms * 1000;
        size_t inputs = p->f.inputs.n;
        if (incident->act)
            incident->act(p);
        end_attempts(p);
        if (p->f.inputs.n == inputs && engine_next_timer_ms(p->f.e) > p->f.now_ms)
            continue;
        fx_turn(&p->f);
        look(p);
    }
}

static void run(struct play *p) { run_for(p, TICKS); }

/* A recovery has the same alerts, and makes no others of the same moment. */
static void recover(struct play *p)
{
    struct bf_error err = {0};
    struct engine *e = fx_fresh(&p->f);
    struct engine_out out = {0};
    for (size_t i = 0; i < p->f.journal.n; i++)
        fx_apply_turn(e, &p->f.journal.at[i]);
    cr_assert_eq(engine_rebuild(e, p->f.now_ms, &err), BF_OK, "%s", err.text);
    cr_expect(fx_same_state(e, p->f.e), "%s: a recovery comes to another state", incident->name);
    engine_finish_turn(e, p->f.now_ms, p->f.wall_us, &out);
    for (size_t i = 0; i < out.n_records; i++)
        cr_expect_neq(out.records[i].kind, RECORD_ALERT, "%s: a recovery raises what was not", incident->name);
    engine_out_free(&out);
    engine_free(e);
}

Test(engine_alerts, incidents_are_told_apart)
{
    size_t missed = 0, wrong = 0, raised = 0, told = 0, pieces = 0, transient = 0;
    for (size_t i = 0; i < INCIDENTS; i++) {
        struct play p;
        begin(&p, &incidents[i]);
        run(&p);
        recover(&p);
        missed += incident->matters && p.n_told == 0;
        wrong += !incident->matters && p.n_told > 0;
        transient += !incident->matters;
        raised += p.pending;
        told += p.n_told;
        pieces += incident->pieces;
        cr_expect_eq(p.n_told, incident->pieces, "%s: told in %zu pieces, not in %zu", incident->name, p.n_told, incident->pieces);
        if (p.n_told > 0 && incident->matters)
            cr_expect_eq(p.told[0].kind, incident->kind, "%s: told as %s", incident->name, alert_kind_name(p.told[0].kind));
        fx_done(&p.f);
    }
    printf("incidents: %d, of them delays: %zu; causes looked at: %zu; alerts told: %zu (by construction %zu); missed: %zu; false: %zu\n",
           (int)INCIDENTS, transient, raised, told, pieces, missed, wrong);
    cr_assert(INCIDENTS >= 30 && missed == 0 && wrong == 0);
}

static const struct incident *named(const char *name)
{
    size_t i = 0;
    while (i < INCIDENTS && strcmp(incidents[i].name, name) != 0)
        i++;
    cr_assert_lt(i, (size_t)INCIDENTS, "no incident %s", name);
    return &incidents[i];
}

static const struct effect *ack(struct play *p, const char *id)
{
    struct op_request r = fx_request(&p->f, OP_ALERT_ACK, 0);
    r.name = id;
    r.reason = "mine";
    return fx_command(&p->f, &r);
}

Test(engine_alerts, one_is_acknowledged_once_and_a_recovery_knows)
{
    struct play p;
    begin(&p, named("one partition fails for good"));
    run(&p);
    cr_assert_eq(ack(&p, "al-x")->rc, BF_INVALID);
    cr_assert_eq(ack(&p, "al-99")->rc, BF_NOT_FOUND);
    char id[16];
    snprintf(id, sizeof id, "al-%u", p.told[0].id);
    cr_assert_eq(ack(&p, id)->rc, BF_OK);
    cr_assert_eq(fx_count_records(&p.f, RECORD_ALERT_ACKED), 1u);
    cr_assert_eq(ack(&p, id + 3)->rc, BF_OK);
    cr_assert_eq(fx_count_records(&p.f, RECORD_ALERT_ACKED), 1u, "and not twice");
    fx_turn(&p.f);
    const struct alert_fact *a = engine_find_alert(p.f.e, p.told[0].id);
    cr_assert_str_eq(a->acked_by, "tester");
    cr_assert_str_eq(a->acked_reason, "mine");
    recover(&p);
    fx_done(&p.f);
}

Test(engine_alerts, a_retry_ends_it_and_another_failure_is_another)
{
    struct play p;
    begin(&p, named("one partition fails for good"));
    run(&p);
    cr_assert_eq(p.n_told, 1u);
    fx_ask(&p.f, OP_RETRY, 1);
    fx_turn(&p.f);
    const struct alert_fact *a = engine_find_alert(p.f.e, p.told[0].id);
    cr_assert(a && a->state == ALERT_RESOLVED && a->ended_us != 0, "it runs again");
    run(&p);
    cr_assert_eq(p.n_told, 2u);
    cr_assert_gt(p.told[1].id, p.told[0].id);
    recover(&p);
    fx_done(&p.f);
}

Test(engine_alerts, what_a_pool_is_too_small_for_is_one_cause_for_all_that_waits_and_over_with_it)
{
    struct play p;
    struct alert_more more;
    begin(&p, named("a pool has less than a step takes"));
    cr_assert_eq(fx_create(&p.f, make, 2), 2u);
    run(&p);
    cr_assert_eq(p.n_told, 1u, "of two backfills");
    const struct alert_fact *a = engine_find_alert(p.f.e, p.told[0].id);
    engine_alert_more(p.f.e, a, &more);
    cr_assert(a->state == ALERT_FIRING && a->severity == ALERT_CRITICAL && strcmp(a->subject, "warehouse") == 0);
    cr_assert_eq(a->fired_us - a->since_us, 120000000, "after the grace, to the second");
    cr_assert(more.members == 2 * DAYS && more.backfills == 2 && more.backfill == 1 && more.step == 1);
    cr_assert(more.lack.kind == BLOCKER_POOL_TOO_SMALL && more.lack.amount == UINT64_C(1) << 30 && more.lack.limit == UINT64_C(1) << 29);
    set_pool(&p, p.ms, 0, UINT64_C(1) << 30);
    fx_turn(&p.f);
    a = engine_find_alert(p.f.e, p.told[0].id);
    cr_assert(a->state == ALERT_RESOLVED, "it has enough");
    fx_ask(&p.f, OP_PAUSE, 1);
    fx_ask(&p.f, OP_PAUSE, 2);
    set_pool(&p, p.ms, 0, UINT64_C(1) << 29);
    fx_turn(&p.f);
    cr_assert_eq(engine_n_alerts(p.f.e), 1u);
    fx_ask(&p.f, OP_RESUME, 2);
    fx_turn(&p.f);
    cr_assert(engine_n_alerts(p.f.e) == 2 && engine_alert(p.f.e, 1)->state == ALERT_PENDING);
    fx_ask(&p.f, OP_PAUSE, 2);
    fx_turn(&p.f);
    cr_assert_eq(engine_n_alerts(p.f.e), 1u, "what waits for a person waits for no pool");
    recover(&p);
    fx_done(&p.f);
}

static struct plan *make_for_nobody(uint64_t seed)
{
    (void)seed;
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 1);
    fx_label(p, fx_step(p, PLAN_DAY, PLAN_NO_INDEX), "site", "none");
    return fx_plan_done(p);
}

/* Steps that draw on two pools by turns. */
static struct plan *make_by_turns(uint64_t seed)
{
    (void)seed;
    struct plan *p = fx_plan();
    uint32_t pools[] = {fx_pool(p, "warehouse", DAYS), fx_pool(p, "lake", DAYS)};
    fx_days(p, FX_JAN_1, 1);
    for (int s = 0; s < 20; s++)
        fx_step(p, PLAN_DAY, pools[s % 2]);
    return fx_plan_done(p);
}

Test(engine_alerts, a_cause_without_room_is_counted_once_however_much_waits_and_however_often_it_is_looked_at)
{
    struct play p;
    begin(&p, named("nothing happens"));
    fx_ask(&p.f, OP_CANCEL, 1);
    for (uint32_t i = 0; i < ALERTS_OPEN_MAX; i++)
        cr_assert_neq(fx_create(&p.f, make_for_nobody, 1), 0u);
    fx_turn(&p.f);
    cr_assert_eq(engine_n_alerts(p.f.e), ALERTS_OPEN_MAX, "one for each");
    uint32_t last = fx_create(&p.f, make_by_turns, 1);
    set_pool(&p, p.ms, 0, 0);
    struct op_request r = fx_request(&p.f, OP_POOL_SET, 0);
    r.name = "lake";
    cr_assert_eq(fx_command(&p.f, &r)->rc, BF_OK);
    for (int i = 0; i < 3; i++) {
        fx_turn(&p.f);
        cr_expect_eq(engine_alerts_left_out(p.f.e), 2u, "two pools, not %u causes", engine_alerts_left_out(p.f.e));
        p.f.now_ms++;
    }
    fx_ask(&p.f, OP_CANCEL, last - 1);
    fx_ask(&p.f, OP_CANCEL, last - 2);
    fx_turn(&p.f);
    cr_expect(engine_next_timer_ms(p.f.e) <= p.f.now_ms, "there is room: at once");
    fx_turn(&p.f);
    cr_expect_eq(engine_alerts_left_out(p.f.e), 0u);
    cr_expect_eq(strcmp(engine_alert(p.f.e, ALERTS_OPEN_MAX - 2)->subject, "warehouse"), 0);
    cr_expect_eq(strcmp(engine_alert(p.f.e, ALERTS_OPEN_MAX - 1)->subject, "lake"), 0);
    recover(&p);
    fx_done(&p.f);
}

Test(engine_alerts, a_step_without_room_is_counted_once_however_many_of_its_attempts_are_late)
{
    struct play p;
    begin(&p, named("all of a step take an hour"));
    for (uint32_t i = 0; i < ALERTS_OPEN_MAX; i++)
        cr_assert_neq(fx_create(&p.f, make_for_nobody, 1), 0u);
    fx_turn(&p.f);
    for (int64_t s = 0; s < 600; s++) {
        p.ms += TICK_MS;
        p.f.now_ms += TICK_MS;
        end_attempts(&p);
        fx_turn(&p.f);
    }
    cr_assert_neq(engine_next_attempt(p.f.e, 0), 0u, "they run on");
    cr_expect_eq(engine_alerts_left_out(p.f.e), 1u, "one step, not %u", engine_alerts_left_out(p.f.e));
    for (uint32_t id = 2; id < 4; id++) {
        fx_ask(&p.f, OP_CANCEL, id);
        fx_turn(&p.f);
    }
    fx_turn(&p.f);
    cr_expect_eq(engine_alerts_left_out(p.f.e), 0u);
    cr_expect_eq(engine_alert(p.f.e, engine_n_alerts(p.f.e) - 1)->kind, ALERT_STRAGGLER);
    recover(&p);
    fx_done(&p.f);
}

static struct plan *make_small(uint64_t seed)
{
    (void)seed;
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, DAYS);
    uint32_t pool = fx_pool(p, "warehouse", DAYS);
    p->pools[pool].has.memory_bytes = UINT64_C(1) << 29;
    fx_step(p, PLAN_DAY, pool);
    return fx_plan_done(p);
}

/* A plan gives its own steps enough, and the figure of another goes with its backfill. */
Test(engine_alerts, the_smaller_figure_of_another_plan_is_a_delay)
{
    struct play p;
    struct blocker why;
    static const struct incident waits = {"another plan gives the pool less", false, 0, 0, all_well, pooled, NULL};
    begin(&p, &waits);
    cr_assert_eq(fx_create(&p.f, make_small, 1), 2u);
    fx_ask(&p.f, OP_PAUSE, 2);
    fx_turn(&p.f);
    run_for(&p, 2 * ALERT_POOL_MS / TICK_MS);
    cr_assert(engine_why_ready(p.f.e, 1, 1, &why, 1) == 1 && why.kind == BLOCKER_POOL_TOO_SMALL, "it waits, for longer than the grace");
    fx_ask(&p.f, OP_RESUME, 2);
    fx_turn(&p.f);
    run(&p);
    cr_assert_eq(p.pending, 0u);
    cr_assert_eq(fx_backfill(&p.f, 1).state, BACKFILL_SUCCEEDED);
    recover(&p);
    fx_done(&p.f);
}

Test(engine_alerts, past_a_timebox_that_warns_it_goes_on_and_the_trail_says_so)
{
    struct play p;
    begin(&p, named("past a timebox that warns"));
    cr_expect_eq(engine_past_timebox_ms(p.f.e, 1, p.f.now_ms), -1);
    run(&p);
    cr_assert_eq(p.n_told, 1u);
    const struct alert_fact *a = engine_find_alert(p.f.e, p.told[0].id);
    cr_assert(a->state == ALERT_RESOLVED && a->step == 1 && a->fired_us == a->since_us, "at once, and over with the attempt");
    cr_expect_eq(fx_backfill(&p.f, 1).state, BACKFILL_SUCCEEDED, "nothing was killed, or tried again");
    cr_expect_eq(fx_backfill(&p.f, 1).count[INSTANCE_SUCCEEDED], 3u * DAYS);
    fx_done(&p.f);
}

Test(engine_alerts, an_attempt_that_is_slow_is_open_news_after_a_recovery_too)
{
    struct play p;
    struct bf_error err = {0};
    begin(&p, named("past it, and slow: of one cause"));
    for (int64_t k = 0; k < 900; k++) {
        p.ms += TICK_MS;
        p.f.now_ms += TICK_MS;
        p.f.wall_us = 1700000000000000 + p.ms * 1000;
        end_attempts(&p);
        fx_turn(&p.f);
        look(&p);
    }
    cr_assert_eq(p.n_told, 1u);
    cr_expect_eq(engine_past_timebox_ms(p.f.e, engine_next_attempt(p.f.e, 0), p.f.now_ms) / 1000, 900 - 600 - 1);
    cr_assert(engine_check(p.f.e, true, &err), "%s", err.text);
    recover(&p);
    fx_done(&p.f);
}

Test(engine_alerts, what_is_downstream_is_counted_and_not_told)
{
    struct play p;
    struct alert_more more;
    begin(&p, named("all fail for good, of one cause"));
    run(&p);
    cr_assert_eq(p.n_told, 1u);
    const struct alert_fact *a = engine_find_alert(p.f.e, p.told[0].id);
    engine_alert_more(p.f.e, a, &more);
    cr_assert(more.members == DAYS && more.failed == DAYS && more.steps == 2 && more.held == 2 * DAYS && more.exposures == 0);
    fx_done(&p.f);
}

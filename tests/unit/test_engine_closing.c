/* Attempts that are dead and have a session at a server: what they hold, and what is recorded when nobody sees it gone. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/engine_fixture.h"

enum { SQL, SQLITE, ANSI, RUN };

/* Two steps that draw on a pool of one slot, the first as asked. */
static struct plan *steps_on(uint64_t what)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "warehouse", 1);
    uint32_t first = fx_step(p, PLAN_NONE, pool);
    fx_step(p, PLAN_NONE, pool);
    if (what == RUN)
        return fx_plan_done(p);
    fx_output(p, first, "warehouse", "mart.sales");
    p->steps[first].kind = PLAN_SQL;
    p->steps[first].connection = 0;
    p->connections[0].ansi = what == ANSI;
    free(p->connections[0].odbc);
    p->connections[0].odbc = strdup(what == SQLITE ? "Driver=SQLite3;Database=/x.db" : "Driver=PostgreSQL Unicode;Server=db");
    return fx_plan_done(p);
}

static struct fx_agent begin(struct fx *f, uint64_t what)
{
    struct fx_agent a = fx_agent(1, 2);
    fx_init(f, &(struct engine_config){.lost_attempts_max = 5});
    fx_hello(f, &a, 0);
    fx_create(f, steps_on, what);
    fx_turn(f);
    cr_assert_eq(fx_state(f, 1, 0, 0), INSTANCE_ASSIGNED);
    return a;
}

static void report_closing(struct fx *f, const struct fx_agent *a, struct attempt_ref ref)
{
    struct input in = {.kind = INPUT_REPORT, .incarnation = a->incarnation};
    memcpy(in.key, a->key, sizeof in.key);
    in.report = (struct agent_report){.ref = ref, .kind = REPORT_STARTED, .closing = true, .started_us = f->wall_us,
                                      .outcome = {.sqlstate = "", .dbms = "", .details = "", .text = ""}};
    fx_step_input(f, &in);
}

static int64_t closing_us(const struct fx *f)
{
    struct instance_view v;
    cr_assert(engine_instance(f->e, 1, 0, 0, &v));
    return v.closing_us;
}

Test(engine_closing, it_holds_what_it_drew_until_its_end_is_told)
{
    struct fx f;
    struct fx_agent a = begin(&f, SQL);
    struct attempt_ref ref = fx_attempt(&f, 1, 0, 0);
    report_closing(&f, &a, ref);
    cr_expect_eq(fx_count_records(&f, RECORD_STARTED), 1u, "the word of its start may have been this one");
    cr_expect_eq(fx_count_records(&f, RECORD_CLOSING), 1u);
    cr_expect_eq(fx_state(&f, 1, 0, 0), INSTANCE_RUNNING);
    cr_expect_neq(closing_us(&f), 0);
    cr_expect_eq(engine_closing(f.e, NULL), 1u);
    cr_expect_eq(engine_closing(f.e, "warehouse"), 1u);
    cr_expect_eq(engine_closing(f.e, "another"), 0u);
    fx_turn(&f);
    cr_expect_eq(fx_state(&f, 1, 1, 0), INSTANCE_READY, "the slot of the pool is not free");
    fx_recovers_both(&f);
    report_closing(&f, &a, ref);
    cr_expect_eq(fx_count_records(&f, RECORD_CLOSING), 0u, "once is enough");
    fx_turn(&f);
    fx_ended(&f, &a, ref, OUTCOME_SIGNAL, 9);
    fx_turn(&f);
    cr_expect_eq(engine_closing(f.e, NULL), 0u);
    cr_expect_eq(closing_us(&f), 0);
    cr_expect_eq(fx_state(&f, 1, 1, 0), INSTANCE_ASSIGNED, "and now it is");
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_closing, only_the_agent_that_holds_it_may_say_so)
{
    struct fx f;
    struct fx_agent a = begin(&f, SQL), other = fx_agent(2, 1);
    struct attempt_ref ref = fx_attempt(&f, 1, 0, 0);
    fx_hello(&f, &other, 0);
    report_closing(&f, &other, ref);
    cr_expect_eq(engine_closing(f.e, NULL), 0u);
    ref.token++;
    report_closing(&f, &a, ref);
    cr_expect_eq(engine_closing(f.e, NULL), 0u);
    fx_turn(&f);
    fx_done(&f);
}

static const char gone[] = "its session at the server is assumed gone";

Test(engine_closing, of_a_lost_agent_the_session_is_assumed_gone)
{
    static const struct { uint64_t what; bool started, assumed; } cases[] = {
        {SQL, true, true}, {SQL, false, true}, {SQLITE, true, false}, {ANSI, true, false}, {RUN, true, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fx f;
        struct fx_agent a = begin(&f, cases[i].what);
        if (cases[i].started)
            fx_started(&f, &a, fx_attempt(&f, 1, 0, 0));
        fx_turn(&f);
        fx_lost(&f, &a);
        const struct outcome *o = record_outcome(fx_record(&f, RECORD_ENDED, 0));
        cr_expect_eq(o->source, OUTCOME_LOST);
        cr_expect_eq(o->usage.session, cases[i].assumed ? SESSION_ASSUMED_GONE : SESSION_CLOSED, "case %zu", i);
        cr_expect_eq(strstr(o->text, gone) != NULL, cases[i].assumed, "case %zu: %s", i, o->text);
        cr_expect_eq(engine_session_ends(f.e, SESSION_ASSUMED_GONE), cases[i].assumed);
        struct outcome kept;
        enum failure_class class;
        cr_assert(engine_failure(f.e, 1, 0, 0, &kept, &class));
        cr_expect_eq(kept.usage.session, o->usage.session);
        fx_turn(&f);
        fx_recovers_both(&f);
        fx_done(&f);
    }
}

Test(engine_closing, of_a_restarted_agent_too)
{
    struct fx f;
    struct fx_agent a = begin(&f, SQL), again = a;
    report_closing(&f, &a, fx_attempt(&f, 1, 0, 0));
    fx_turn(&f);
    again.incarnation = a.incarnation + 1;
    cr_assert_neq(fx_hello(&f, &again, a.incarnation), 0u);
    cr_expect_eq(record_outcome(fx_record(&f, RECORD_ENDED, 0))->usage.session, SESSION_ASSUMED_GONE);
    cr_expect_eq(engine_closing(f.e, NULL), 0u);
    fx_turn(&f);
    fx_done(&f);
}

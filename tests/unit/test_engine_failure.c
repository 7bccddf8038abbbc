/* Classes of failure, retries and their backoff. */
#include <criterion/criterion.h>
#include <errno.h>

#include "coordinator/engine/decide.h"
#include "tests/support/engine_fixture.h"

/* What each outcome is, one a line. */
static const struct {
    enum outcome_source source;
    int32_t code;
    const char *dbms, *sqlstate;
    enum failure_class class;
} outcomes[] = {
    {OUTCOME_EXIT, 1, "", "", FAILURE_UNKNOWN},
    {OUTCOME_EXIT, 75, "", "", FAILURE_TRANSIENT},
    {OUTCOME_EXIT, 126, "", "", FAILURE_PERMANENT},
    {OUTCOME_EXIT, 127, "", "", FAILURE_PERMANENT},
    {OUTCOME_SIGNAL, 11, "", "", FAILURE_UNKNOWN},
    {OUTCOME_OOM, 0, "", "", FAILURE_UNKNOWN},
    {OUTCOME_SPAWN, ENOENT, "", "", FAILURE_PERMANENT},
    {OUTCOME_SPAWN, EACCES, "", "", FAILURE_PERMANENT},
    {OUTCOME_SPAWN, EPERM, "", "", FAILURE_PERMANENT},                  /* a reference that the agent does not allow */
    {OUTCOME_SPAWN, ENOEXEC, "", "", FAILURE_PERMANENT},
    {OUTCOME_SPAWN, EAGAIN, "", "", FAILURE_TRANSIENT},
    {OUTCOME_TIMEOUT, 0, "", "", FAILURE_TRANSIENT},
    {OUTCOME_LOST, 0, "", "", FAILURE_LOST},
    {OUTCOME_FENCED, 0, "", "", FAILURE_LOST},
    {OUTCOME_SQL, 7, "PostgreSQL", "08006", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "40001", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "53300", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "55P03", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "55000", FAILURE_UNKNOWN},
    {OUTCOME_SQL, 1, "PostgreSQL", "57P01", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "57P03", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "57014", FAILURE_UNKNOWN},
    {OUTCOME_SQL, 1, "PostgreSQL", "22012", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1, "postgresql", "23505", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "42P01", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1205, "MariaDB", "HY000", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1213, "MySQL", "40001", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 2006, "MariaDB", "HY000", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 2013, "MariaDB", "HY000", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1064, "MariaDB", "42000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 5, "SQLite", "HY000", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 6, "SQLite", "HY000", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1, "SQLite", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 19, "SQLite", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 13, "SQLite", "HY000", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 261, "SQLite", "HY000", FAILURE_TRANSIENT},           /* SQLITE_BUSY_RECOVERY */
    {OUTCOME_SQL, 2067, "SQLite", "HY000", FAILURE_PERMANENT},          /* SQLITE_CONSTRAINT_UNIQUE */
    {OUTCOME_SQL, 8, "SQLite", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 11, "SQLite", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 14, "SQLite", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 26, "SQLite", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 10, "SQLite", "HY000", FAILURE_UNKNOWN},
    {OUTCOME_SQL, 1, "PostgreSQL", "53100", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "57P05", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "25001", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "25006", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "0A000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "2D000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "28P01", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "08P01", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1, "PostgreSQL", "58030", FAILURE_UNKNOWN},
    {OUTCOME_SQL, 1, "PostgreSQL", "XX000", FAILURE_UNKNOWN},
    {OUTCOME_SQL, 1, "PostgreSQL", "P0001", FAILURE_PERMANENT},
    {OUTCOME_SQL, 0, "PostgreSQL", "IM002", FAILURE_PERMANENT},
    {OUTCOME_SQL, 0, "", "IM002", FAILURE_PERMANENT},
    {OUTCOME_SQL, 0, "", "HYT01", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1040, "MariaDB", "08004", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1053, "MariaDB", "08S01", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1159, "MariaDB", "08S01", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1161, "MariaDB", "08S01", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1162, "MariaDB", "HY000", FAILURE_UNKNOWN},
    {OUTCOME_SQL, 1290, "MariaDB", "HY000", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1927, "MariaDB", "70100", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 1969, "MariaDB", "70100", FAILURE_UNKNOWN},
    {OUTCOME_SQL, 3024, "MySQL", "HY000", FAILURE_UNKNOWN},
    {OUTCOME_SQL, 1044, "MariaDB", "42000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1045, "MariaDB", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1049, "MariaDB", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1054, "MariaDB", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1062, "MariaDB", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1142, "MariaDB", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1146, "MariaDB", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1451, "MariaDB", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 1452, "MariaDB", "HY000", FAILURE_PERMANENT},
    {OUTCOME_SQL, 2002, "MariaDB", "HY000", FAILURE_TRANSIENT},
    {OUTCOME_CHECK, CHECK_ERROR, "", "", FAILURE_PERMANENT},
    {OUTCOME_CHECK, CHECK_HALT, "", "", FAILURE_PERMANENT},
    {OUTCOME_HTTP, 0, "", "", FAILURE_TRANSIENT},
    {OUTCOME_HTTP, 404, "", "", FAILURE_PERMANENT},
    {OUTCOME_HTTP, 429, "", "", FAILURE_TRANSIENT},
    {OUTCOME_HTTP, 503, "", "", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 5, "Oracle", "HY000", FAILURE_UNKNOWN},
    {OUTCOME_SQL, 0, "Oracle", "08S01", FAILURE_TRANSIENT},
    {OUTCOME_SQL, 0, "", "23000", FAILURE_PERMANENT},
};

Test(engine_failure, classes)
{
    struct plan_step s = {.timebox_then = PLAN_KILL_AND_RETRY};
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        struct outcome o = {
            .source = outcomes[i].source, .code = outcomes[i].code, .dbms = outcomes[i].dbms, .sqlstate = outcomes[i].sqlstate, .text = ""};
        enum failure_class class = failure_classify(&o, &s);
        cr_assert_eq(class, outcomes[i].class, "case %zu (%s %s %d) is %s", i, o.dbms, o.sqlstate, o.code,
                     failure_class_name(class));
    }
    s.timebox_then = PLAN_KILL_AND_FAIL;
    cr_assert_eq(failure_classify(&(struct outcome){.source = OUTCOME_TIMEOUT}, &s), FAILURE_PERMANENT);
}

Test(engine_failure, exit_codes_mean_what_the_step_says)
{
    struct plan_failure says[] = {{3, PLAN_TRANSIENT}, {4, PLAN_PERMANENT}, {75, PLAN_UNKNOWN}, {127, PLAN_TRANSIENT}};
    struct plan_step s = {.failure = says, .n_failure = sizeof says / sizeof *says};
    static const struct { int32_t code; enum failure_class class; } cases[] = {
        {3, FAILURE_TRANSIENT}, {4, FAILURE_PERMANENT}, {75, FAILURE_UNKNOWN}, {127, FAILURE_TRANSIENT}, {5, FAILURE_UNKNOWN},
        {126, FAILURE_PERMANENT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct outcome o = {.source = OUTCOME_EXIT, .code = cases[i].code, .sqlstate = "", .dbms = "", .text = "", .details = ""};
        cr_expect_eq(failure_classify(&o, &s), cases[i].class, "exit status %d", cases[i].code);
    }
    const struct outcome signal = {.source = OUTCOME_SIGNAL, .code = 3, .sqlstate = "", .dbms = "", .text = "", .details = ""};
    cr_expect_eq(failure_classify(&signal, &s), FAILURE_UNKNOWN, "a signal is no exit status");
}

Test(engine_failure, backoff_grows_to_its_maximum)
{
    static const struct { struct plan_retry retry; uint32_t attempt; int64_t ms;
    } cases[] = {
        {{9, 1000, 60000, 2000, 0}, 1, 1000},
        {{9, 1000, 60000, 2000, 0}, 2, 2000},
        {{9, 1000, 60000, 2000, 0}, 6, 32000},
        {{9, 1000, 60000, 2000, 0}, 7, 60000},
        {{9, 1000, 60000, 2000, 0}, 4000000000u, 60000},
        {{9, 1000, 60000, 1000, 0}, 4000000000u, 1000},
        {{9, 1000, 60000, 1500, 0}, 3, 2250},
        {{9, 0, 60000, 2000, 0}, 5, 0},
        {{9, 100000, 60000, 2000, 0}, 1, 60000},
        {{9, 1, INT64_MAX, UINT32_MAX, 0}, 10, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(failure_backoff_ms(&cases[i].retry, cases[i].attempt), cases[i].ms, "case %zu gives %lld", i,
                     (long long)failure_backoff_ms(&cases[i].retry, cases[i].attempt));
}

Test(engine_failure, rulings)
{
    struct engine_config config = {.seed = 3, .lost_attempts_max = 2};
    struct plan_step s = {.retry = {3, 1000, 8000, 2000}};
    static const struct {
        enum outcome_source source;
        int32_t code;
        bool cancelled;
        uint32_t attempt, lost;
        enum verdict verdict;
    } cases[] = {
        {OUTCOME_OK, 0, false, 1, 0, VERDICT_SUCCEEDED},      {OUTCOME_OK, 0, true, 1, 0, VERDICT_SUCCEEDED},
        {OUTCOME_SKIP, 0, false, 3, 0, VERDICT_SKIPPED},      {OUTCOME_EXIT, 1, false, 1, 0, VERDICT_RETRY},
        {OUTCOME_EXIT, 1, false, 2, 9, VERDICT_RETRY},        {OUTCOME_EXIT, 1, false, 3, 0, VERDICT_FAILED},
        {OUTCOME_EXIT, 75, false, 2, 0, VERDICT_RETRY},       {OUTCOME_EXIT, 127, false, 1, 0, VERDICT_FAILED},
        {OUTCOME_EXIT, 127, true, 1, 0, VERDICT_CANCELLED},   {OUTCOME_CANCELLED, 0, true, 1, 0, VERDICT_CANCELLED},
        {OUTCOME_CANCELLED, 0, false, 1, 0, VERDICT_REQUEUE}, {OUTCOME_LOST, 0, false, 3, 0, VERDICT_REQUEUE},
        {OUTCOME_LOST, 0, false, 1, 1, VERDICT_REQUEUE},      {OUTCOME_LOST, 0, false, 1, 2, VERDICT_FAILED},
        {OUTCOME_FENCED, 0, false, 1, 2, VERDICT_FAILED},     {OUTCOME_LOST, 0, true, 1, 0, VERDICT_CANCELLED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o = {.source = cases[i].source, .code = cases[i].code, .dbms = "", .details = "", .sqlstate = "", .text = ""};
        struct ruling r = failure_rule(&config, &s, &o, cases[i].cancelled, cases[i].attempt, cases[i].lost, 77, 1000);
        cr_assert_eq(r.verdict, cases[i].verdict, "case %zu is %d", i, (int)r.verdict);
    }
}

/* Full jitter: within [0, window], and spread over it. */
Test(engine_failure, jitter_is_bounded_spread_and_repeatable)
{
    struct engine_config config = {.seed = 3};
    struct plan_step s = {.retry = {9, 1000, 8000, 2000}};
    struct outcome o = {.source = OUTCOME_EXIT, .code = 1, .dbms = "", .details = "", .sqlstate = "", .text = ""};
    for (uint32_t attempt = 1; attempt <= 5; attempt++) {
        int64_t window = failure_backoff_ms(&s.retry, attempt), least = INT64_MAX, most = 0, sum = 0;
        for (uint64_t token = 1; token <= 1000; token++) {
            int64_t wait = failure_rule(&config, &s, &o, false, attempt, 0, token, 5000).retry_at_ms - 5000;
            cr_assert(wait >= 0 && wait <= window);
            cr_assert_eq(wait, failure_rule(&config, &s, &o, false, attempt, 0, token, 5000).retry_at_ms - 5000);
            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
            sum += wait;
        }
        cr_assert_lt(least, window / 20);
        cr_assert_gt(most, window - window / 20);
        cr_assert(sum / 1000 > window * 4 / 10 && sum / 1000 < window * 6 / 10);
    }
}

static struct plan *one_step(uint64_t max_attempts)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "small", 1);
    fx_step(p, PLAN_NONE, pool);
    p->steps[0].retry.max_attempts = (uint32_t)max_attempts;
    return fx_plan_done(p);
}

Test(engine_failure, retries_back_off_hold_nothing_and_end)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 1);
    fx_init(&f, NULL);
    fx_hello(&f, &a, 0);
    fx_create(&f, one_step, 3);
    fx_turn(&f);
    for (uint32_t attempt = 1; attempt <= 2; attempt++) {
        struct instance_view v;
        fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_EXIT, 1);
        cr_assert(engine_instance(f.e, 1, 0, 0, &v));
        cr_assert_eq(v.state, INSTANCE_BACKING_OFF);
        cr_assert_eq(v.attempts, attempt);
        cr_assert_eq(engine_next_timer_ms(f.e), v.retry_at_ms);
        struct pool_view pool;
        engine_pool(f.e, 0, &pool);
        cr_assert_eq(pool.used, 0u);
        struct blocker why[2];
        cr_assert_eq(engine_why(f.e, 1, 0, 0, why, 2), 1u);
        cr_assert_eq(why[0].kind, BLOCKER_BACKOFF);
        cr_assert_eq(why[0].clears_at_ms, v.retry_at_ms);
        if (v.retry_at_ms > f.now_ms) {
            f.now_ms = v.retry_at_ms - 1;
            fx_turn(&f);
            cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_BACKING_OFF, "not before its time");
        }
        f.now_ms = v.retry_at_ms;
        fx_turn(&f);
        cr_assert_eq(fx_count_records(&f, RECORD_READY_AGAIN), 1u);
        cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_ASSIGNED);
    }
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_EXIT, 1);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_FAILED, "three attempts, no more");
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_FAILED);
    cr_assert_eq(engine_next_timer_ms(f.e), INT64_MAX);
    fx_done(&f);
}

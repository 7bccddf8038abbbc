/* Throttled pools in the engine: who is throttled, what readings and silence do, what is granted and told, and that recovery knows it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/view_create.h"
#include "tests/support/engine_fixture.h"

/* A step that draws on the plan's only pool, on a connection with a probe. */
static void probed_step(struct plan *p, const char *connection, const char *dataset)
{
    uint32_t step = fx_step(p, PLAN_DAY, 0), at = (uint32_t)p->n_connections;
    fx_output(p, step, connection, dataset);
    p->steps[step].kind = PLAN_SQL;
    p->steps[step].connection = at;
    struct plan_probe *probe = bf_xcalloc(1, sizeof *probe);
    *probe = (struct plan_probe){.sql = bf_xstrdup("select 1"), .every_ms = 5000, .target = 500000, .limit = 2000000};
    p->connections[at].probe = probe;
}

static struct plan *without_steps(uint64_t days)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "warehouse", 4);
    p->pools[pool].throttle = (struct plan_throttle){.algorithm = THROTTLE_GRADIENT, .min = 1, .max = 3};
    fx_days(p, FX_JAN_1, (uint32_t)days);
    return p;
}

/* The same, and its canary may take longer than the time between two. */
static struct plan *slowly_probed(uint64_t days)
{
    struct plan *p = without_steps(days);
    probed_step(p, "wh", "mart.d");
    p->connections[0].probe->limit = 20000000;
    return fx_plan_done(p);
}

/* One step of `days` days on a warehouse whose probe governs its pool: four slots, a limit from one to three. */
static struct plan *throttled(uint64_t days)
{
    struct plan *p = without_steps(days);
    probed_step(p, "wh", "mart.d");
    return fx_plan_done(p);
}

static struct fx_agent start_with(struct fx *f, fx_make *make)
{
    struct fx_agent a = fx_agent(1, 8);
    fx_init(f, NULL);
    fx_hello(f, &a, 0);
    cr_assert_eq(fx_create(f, make, 20), 1u);
    fx_turn(f);
    return a;
}

static struct fx_agent start(struct fx *f)
{
    return start_with(f, throttled);
}

static void reading(struct fx *f, bool readable, int64_t us)
{
    f->now_ms += 5000;
    fx_step_input(f, &(struct input){.kind = INPUT_PROBE, FX_SAYS(.probe = {.connection = "wh", .readable = readable, .value_us = us,
                                                                            .why = readable ? "" : "NULL"})});
    fx_turn(f);
    fx_turn(f);                                  /* grants under a limit that was raised */
}

static uint32_t limit(const struct engine *e)
{
    struct limit_view l = {0};
    cr_assert(engine_limit(e, 0, &l));
    return l.limit;
}

static uint32_t used(const struct engine *e)
{
    struct pool_view p;
    engine_pool(e, 0, &p);
    return p.used;
}

Test(engine_governor, it_begins_at_the_floor_grows_to_the_ceiling_and_is_cut)
{
    struct fx f;
    start(&f);
    cr_assert_eq(limit(f.e), 1u);
    cr_assert_eq(used(f.e), 1u, "one of four slots");
    for (int i = 0; i < 12; i++)
        reading(&f, true, 50000);
    cr_assert_eq(limit(f.e), 3u);
    cr_assert_eq(used(f.e), 3u);
    reading(&f, true, 2000000);
    cr_assert_eq(limit(f.e), 1u);
    cr_assert_eq(used(f.e), 3u, "nothing is killed");
    fx_done(&f);
}

static struct plan *told(uint64_t days)
{
    struct plan *p = without_steps(days);
    probed_step(p, "wh", "mart.d");
    p->connections[0].probe->value = true;
    return fx_plan_done(p);
}

/* A lag or a queue is 0 most of the time. */
Test(engine_governor, what_is_told_has_its_tail_in_it_when_it_is_zero_too)
{
    struct fx f;
    struct limit_view l = {0};
    start_with(&f, told);
    for (int i = 0; i < 40; i++) {
        reading(&f, true, i % 2 ? 0 : 450000);
        cr_assert(engine_limit(f.e, 0, &l));
        cr_assert_eq(l.now->state.pressure_ppm, l.now->state.centre_ppm, "reading %d", i);
    }
    cr_assert_gt(l.now->state.tail_ppm, 1000000, "there is one");
    cr_assert_eq(limit(f.e), 3u, "never over the target");
    fx_done(&f);
}

static struct plan *of_a_long_queue(uint64_t days)
{
    struct plan *p = told(days);
    p->connections[0].probe->target = INT64_C(900000) * 1000000;
    p->connections[0].probe->limit = INT64_C(1000000) * 1000000;
    return p;
}

/* A backlog of messages may be of any length. */
Test(engine_governor, a_value_of_many_millions_is_kept_as_it_is)
{
    static const struct { int64_t value, pressure_least, pressure_most; } cases[] = {
        {INT64_C(5000000) * 1000000, 5555555, 5555555}, {INT64_C(9000000) * 1000000, 6000000, 10000000},
        {INT64_C(1000000000000) * 1000000, 8000000, 10000000}, {INT64_MAX / 4, 9000000, 10000000}};
    struct fx f;
    struct limit_view l = {0};
    start_with(&f, of_a_long_queue);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        reading(&f, true, cases[i].value);
        cr_assert(engine_limit(f.e, 0, &l));
        cr_expect(l.now->probes[0].reading == cases[i].value && l.now->move.reading == cases[i].value);
        int64_t pressure_ppm = l.now->state.pressure_ppm;
        cr_expect(pressure_ppm >= cases[i].pressure_least && pressure_ppm <= cases[i].pressure_most, "%zu: %lld", i,
                  (long long)pressure_ppm);
        cr_expect_eq(l.now->move.reason, LIMIT_CUT);
    }
    fx_recovers_both(&f);
    fx_done(&f);
}

/* Five connections with a probe each, whose steps draw on one pool; named from `first` on. */
static struct plan *probed(uint64_t first)
{
    struct plan *p = without_steps(1);
    for (unsigned i = 0; i < 5; i++) {
        char connection[16], dataset[16];
        snprintf(connection, sizeof connection, "c%u", (unsigned)first + i);
        snprintf(dataset, sizeof dataset, "d%u", (unsigned)first + i);
        probed_step(p, connection, dataset);
        p->steps[i].retry.max_attempts = 1;
    }
    return fx_plan_done(p);
}

Test(engine_governor, more_probes_than_a_pool_can_have_are_refused)
{
    struct fx f;
    start(&f);
    struct op_request how = fx_request(&f, OP_CREATE, 0);
    const struct effect *first = fx_create_as(&f, probed, 1, &how);
    cr_assert_eq(first->rc, BF_OK, "%s", first->text);
    fx_turn(&f);
    const struct effect *second = fx_create_as(&f, probed, 11, &how);
    cr_assert_eq(second->rc, BF_LIMIT, "%s", second->text);
    cr_expect(strstr(second->text, "pool warehouse") && strstr(second->text, "more than 8 connections"), "%s", second->text);
    fx_done(&f);
}

/* Two probes on one pool, one of which is read once in ten minutes. */
static struct plan *slow_and_quick(uint64_t days)
{
    struct plan *p = without_steps(days);
    probed_step(p, "slow", "d1");
    probed_step(p, "quick", "d2");
    p->connections[0].probe->every_ms = 600000;
    return fx_plan_done(p);
}

static void reading_of(struct fx *f, const char *connection, int64_t us)
{
    f->now_ms += 5000;
    fx_step_input(f, &(struct input){.kind = INPUT_PROBE,
                                     FX_SAYS(.probe = {.connection = connection, .readable = true, .value_us = us, .why = ""})});
    fx_turn(f);
    fx_turn(f);
}

/* One warehouse whosever plan names it: what one plan asks of its probe holds for the pools of another. */
static struct plan *asks_more_elsewhere(uint64_t days)
{
    struct plan *p = fx_plan();
    fx_pool(p, "other", 4);
    fx_days(p, FX_JAN_1, (uint32_t)days);
    probed_step(p, "wh", "mart.other");
    p->connections[0].probe->every_ms = 2000;
    p->connections[0].probe->target = 200000;
    return fx_plan_done(p);
}

Test(engine_governor, what_is_asked_of_a_probe_is_the_same_for_all_that_look_at_it)
{
    struct fx f;
    struct probe_asked asked;
    struct limit_view l;
    start(&f);
    cr_assert(engine_probe_asked(f.e, "wh", &asked));
    cr_assert(asked.backfill == 1 && asked.probe.every_ms == 5000 && asked.probe.target == 500000);
    cr_assert_eq(fx_create(&f, asks_more_elsewhere, 20), 2u);
    fx_turn(&f);
    cr_assert(engine_probe_asked(f.e, "wh", &asked) && engine_limit(f.e, 0, &l) && l.now->n_probes == 1);
    cr_expect(asked.backfill == 1 && asked.probe.every_ms == 2000 && asked.probe.target == 200000 && asked.probe.limit == 2000000);
    cr_expect(l.now->probes[0].every_ms == 2000 && l.now->probes[0].target == 200000 && l.now->probes[0].limit == 2000000);
    fx_ask(&f, OP_PAUSE, 1);
    fx_turn(&f);
    cr_assert(engine_probe_asked(f.e, "wh", &asked) && engine_limit(f.e, 0, &l));
    cr_expect(asked.backfill == 2 && asked.probe.target == 200000 && l.now->probes[0].target == 200000, "that of one that runs is run");
    fx_ask(&f, OP_CANCEL, 2);
    f.now_ms += 1000;
    fx_turn(&f);
    fx_recovers(&f);
    fx_done(&f);
}

/* What the better one says is no news of the worse. */
Test(engine_governor, of_two_probes_the_worse_one_moves_it)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 8);
    fx_begin(&f, &a, slow_and_quick, 20);
    reading_of(&f, "slow", 250000);
    uint32_t after_one = limit(f.e);
    for (int i = 0; i < 30; i++)
        reading_of(&f, "quick", 50000);
    cr_expect_eq(limit(f.e), after_one, "one reading of the slow one is not thirty");
    for (int i = 0; i < 12; i++) {
        reading_of(&f, "slow", 250000);
        reading_of(&f, "quick", 50000);
    }
    cr_expect_eq(limit(f.e), 3u);
    reading_of(&f, "quick", 2000000);
    cr_expect_eq(limit(f.e), 1u, "either one cuts it");
    fx_done(&f);
}

/* Whatever is open fails, until nothing is. */
static void fail_all(struct fx *f, const struct fx_agent *a)
{
    struct attempt_view v;
    for (uint64_t id; (id = engine_next_attempt(f->e, 0)) != 0; fx_turn(f)) {
        cr_assert(engine_find_attempt(f->e, id, &v));
        fx_ended(f, a, v.ref, OUTCOME_EXIT, 1);
    }
}

/* A retry of a backfill that is over, of all of it, and of what is picked. */
static enum bf_rc retry(struct fx *f, bool downstream)
{
    struct op_request r = fx_request(f, OP_RETRY, 1);
    r.downstream = downstream;
    const struct effect *answer = fx_command(f, &r);
    cr_expect(answer->rc == BF_OK || strstr(answer->text, "pool warehouse"), "%s", answer->text);
    return answer->rc;
}

Test(engine_governor, what_is_over_brings_no_more_probes_back_than_a_pool_can_have)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 8);
    fx_begin(&f, &a, probed, 1);
    fail_all(&f, &a);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_FAILED);
    cr_assert_eq(fx_create(&f, probed, 11), 2u, "the first is over");
    fx_turn(&f);
    cr_expect_eq(retry(&f, false), BF_LIMIT);
    cr_expect_eq(retry(&f, true), BF_LIMIT);
    fx_turn(&f);
    cr_expect_eq(fx_backfill(&f, 1).state, BACKFILL_FAILED);
    fail_all(&f, &a);
    cr_expect_eq(retry(&f, false), BF_OK);
    fx_turn(&f);
    cr_expect_eq(fx_backfill(&f, 1).state, BACKFILL_RUNNING);
    fx_done(&f);
}

/* Before anything is sent for good, and in a dry run. */
Test(engine_governor, too_many_probes_are_told_before_a_create)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 8);
    struct engine_out out = {0};
    struct bf_error err = {0};
    struct reuse_step by_step[5] = {0};
    struct create_preview p = {.by_step = by_step};
    fx_begin(&f, &a, probed, 1);
    struct plan *more = probed(5), *few = probed(4);
    struct engine_seed *seed = engine_seed_new((uint8_t[32]){1}, probed(5), false, 1);
    cr_expect_eq(engine_create_refused(f.e, seed, true, &err), BF_LIMIT, "c1 to c5 and c5 to c9 are nine");
    engine_seed_free(seed);
    cr_expect(strstr(err.text, "more than 8 connections"), "%s", err.text);
    engine_create_preview(f.e, more, OP_REPROCESS_ALL, false, &out, &p);
    cr_expect(p.limit && strcmp(p.limit, err.text) == 0);
    engine_create_preview(f.e, few, OP_REPROCESS_ALL, false, &out, &p);
    cr_expect_null(p.limit);
    engine_out_free(&out);
    plan_free(more);
    plan_free(few);
    fx_done(&f);
}

Test(engine_governor, what_waits_for_the_limit_says_so)
{
    struct fx f;
    struct blocker b[4];
    start(&f);
    size_t n = engine_why(f.e, 1, 0, 5, b, 4);
    cr_assert_geq(n, 1u);
    cr_assert_eq(b[0].kind, BLOCKER_THROTTLE);
    cr_assert_eq(b[0].count, 1u);
    fx_done(&f);
}

Test(engine_governor, silence_past_the_grace_is_the_floor_and_is_a_timer)
{
    struct fx f;
    start(&f);
    for (int i = 0; i < 12; i++)
        reading(&f, true, 50000);
    int64_t due_ms = f.now_ms + 15000 + 1;
    cr_assert_eq(engine_next_timer_ms(f.e), due_ms);
    reading(&f, false, 0);
    cr_assert_eq(limit(f.e), 3u, "within the grace");
    f.now_ms = due_ms;
    fx_turn(&f);
    cr_assert_eq(limit(f.e), 1u);
    struct limit_view l;
    cr_assert(engine_limit(f.e, 0, &l));
    const struct limit_move *m = engine_limit_move(f.e, 0, l.n_moves - 1);
    cr_assert_eq(m->reason, LIMIT_UNREADABLE);
    cr_assert(m->target == 500000 && m->reading == -1, "what was read long ago is no cause: %lld", (long long)m->reading);
    cr_assert_eq(engine_next_timer_ms(f.e), INT64_MAX, "said once");
    fx_done(&f);
}

Test(engine_governor, what_a_paused_backfill_left_running_is_governed_on)
{
    struct fx f;
    start(&f);
    for (int i = 0; i < 12; i++)
        reading(&f, true, 50000);
    fx_ask(&f, OP_PAUSE, 1);
    fx_turn(&f);
    cr_assert_eq(used(f.e), 3u);
    cr_assert(engine_probe_is_wanted(f.e, "wh"));
    for (int i = 0; i < 12; i++)
        reading(&f, true, 50000);
    cr_assert_eq(limit(f.e), 3u, "it is read, and silence is none");
    reading(&f, true, 2000000);
    cr_assert_eq(limit(f.e), 1u);
    fx_recovers(&f);
    fx_done(&f);
}

/* Where the first record of a kind stands in the turn; SIZE_MAX: nowhere. */
static size_t place_of(const struct fx *f, enum record_kind kind)
{
    for (size_t i = 0; i < f->out.n_records; i++)
        if (f->out.records[i].kind == kind)
            return i;
    return SIZE_MAX;
}

Test(engine_governor, silence_that_nobody_wants_to_end_is_no_move_until_something_begins)
{
    struct fx f;
    struct fx_agent agent = start(&f);
    struct attempt_view a;
    for (int i = 0; i < 12; i++)
        reading(&f, true, 50000);
    fx_ask(&f, OP_PAUSE, 1);
    fx_turn(&f);
    for (uint64_t id = 0; (id = engine_next_attempt(f.e, 0)) != 0 && engine_find_attempt(f.e, id, &a);)
        fx_ended(&f, &agent, a.ref, OUTCOME_OK, 0);
    cr_assert_not(engine_probe_is_wanted(f.e, "wh"));
    f.now_ms += 600000;
    fx_turn(&f);
    cr_assert_eq(limit(f.e), 3u);
    cr_assert_gt(engine_next_timer_ms(f.e), f.now_ms, "nor is it looked at again and again");
    fx_ask(&f, OP_RESUME, 1);
    fx_turn(&f);
    cr_assert_eq(limit(f.e), 1u, "what was read ten minutes ago says nothing of now");
    cr_assert_eq(used(f.e), 1u);
    cr_assert_neq(place_of(&f, RECORD_GRANTED), SIZE_MAX);
    cr_assert_lt(place_of(&f, RECORD_POOL_LIMIT), place_of(&f, RECORD_GRANTED), "it is lowered before anything begins");
    reading(&f, true, 50000);
    cr_assert_eq(used(f.e), limit(f.e));
    fx_recovers(&f);
    fx_done(&f);
}

/* One that is at its limit comes when three times the time between two are over. */
Test(engine_governor, a_canary_that_takes_long_is_within_the_grace)
{
    struct fx f;
    start_with(&f, slowly_probed);
    for (int i = 0; i < 12; i++)
        reading(&f, true, 50000);
    cr_assert_eq(limit(f.e), 3u);
    f.now_ms += 3 * 20000;
    fx_turn(&f);
    cr_assert_eq(limit(f.e), 3u);
    f.now_ms++;
    fx_turn(&f);
    cr_assert_eq(limit(f.e), 1u);
    fx_done(&f);
}

Test(engine_governor, a_probe_that_no_backfill_has_is_nothing)
{
    struct fx f;
    start(&f);
    fx_step_input(&f, &(struct input){.kind = INPUT_PROBE,
                                      FX_SAYS(.probe = {.connection = "other", .readable = true, .value_us = 1, .why = ""})});
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_POOL_LIMIT), 0u);
    fx_done(&f);
}

/* By hand, a thousand times between two readings: the limit is within its bounds all the time, and grows again. */
Test(engine_governor, slots_that_change_without_end)
{
    struct fx f;
    struct pool_view p;
    start(&f);
    for (int i = 0; i < 12; i++)
        reading(&f, true, 50000);
    for (uint32_t i = 0; i < 1000; i++) {
        struct op_request r = fx_request(&f, OP_POOL_SET, 0);
        r.name = "warehouse";
        r.pool_slots = (i * 5 + 1) % 7;
        f.now_ms++;
        cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
        fx_turn(&f);
        engine_pool(f.e, 0, &p);
        cr_assert(limit(f.e) <= 3 && limit(f.e) <= p.slots && (limit(f.e) > 0 || p.slots == 0), "%u of %u", limit(f.e), p.slots);
    }
    fx_recovers_both(&f);
    struct op_request r = fx_request(&f, OP_POOL_SET, 0);
    r.name = "warehouse";
    r.reset = r.pool.no_slots = true;
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    for (int i = 0; i < 12; i++)
        reading(&f, true, 50000);
    cr_assert_eq(limit(f.e), 3u);
    fx_done(&f);
}

Test(engine_governor, the_throttle_ends_with_its_last_backfill)
{
    struct fx f;
    start(&f);
    struct op_request r = fx_request(&f, OP_CANCEL, 1);
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    fx_turn(&f);
    cr_assert_eq(limit(f.e), 1u, "what runs goes on under it");
    struct fx_agent a = fx_agent(1, 8);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_CANCELLED, 0);
    fx_turn(&f);
    cr_assert_eq(limit(f.e), 0u);
    fx_done(&f);
}

/* Without a probe. */
static struct plan *unprobed(uint64_t days)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "warehouse", 4);
    p->pools[pool].throttle = (struct plan_throttle){.algorithm = THROTTLE_GRADIENT, .min = 1, .max = 3};
    fx_days(p, FX_JAN_1, (uint32_t)days);
    fx_step(p, PLAN_DAY, pool);
    return fx_plan_done(p);
}

Test(engine_governor, without_a_probe_nothing_is_written_when_nothing_ends)
{
    static const struct { enum outcome_source how; int32_t code; } ends[] = {{OUTCOME_OK, 0}, {OUTCOME_EXIT, 75}, {OUTCOME_TIMEOUT, 0}};
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        struct fx f;
        struct fx_agent a = fx_agent(1, 8);
        size_t steps = 0;
        fx_init(&f, NULL);
        fx_hello(&f, &a, 0);
        fx_create(&f, unprobed, 20);
        fx_turn(&f);
        f.now_ms += 5000;
        fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), ends[k].how, ends[k].code);
        fx_turn(&f);
        for (int i = 0; i < 20; i++) {           /* others run on, and somebody wakes it */
            f.now_ms += 5000;
            fx_step_input(&f, &(struct input){.kind = INPUT_TIMER});
            fx_turn(&f);
            steps += fx_count_records(&f, RECORD_POOL_LIMIT);
        }
        cr_expect_leq(steps, 1u, "end %zu: %zu records in %d turns without news", k, steps, 20);
        fx_done(&f);
    }
}

/* From the journal, and from a checkpoint. */
Test(engine_governor, recovery_restores_limits_moves_and_baselines)
{
    struct fx f;
    struct fx_agent a = start(&f);
    for (int i = 0; i < 4; i++)
        reading(&f, true, 50000);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    reading(&f, true, 600000);
    struct engine *journal = fx_fresh(&f), *snapshot = fx_fresh(&f), *both[] = {journal, snapshot};
    for (size_t i = 0; i < f.journal.n; i++)
        fx_apply_turn(journal, &f.journal.at[i]);
    struct engine_out chunk = {0};
    engine_snapshot_begin(f.e);
    while (engine_snapshot_next(f.e, &chunk)) {
        fx_apply_encoded(snapshot, chunk.records, chunk.n_records);
        engine_out_clear(&chunk);
    }
    for (size_t i = 0; i < 2; i++) {
        struct bf_error err = {0};
        struct limit_view live, again;
        cr_assert_eq(engine_rebuild(both[i], f.now_ms, &err), BF_OK, "%s", err.text);
        cr_assert(fx_same_state(f.e, both[i]), "engine %zu", i);
        cr_assert(engine_limit(f.e, 0, &live) && engine_limit(both[i], 0, &again));
        cr_assert_eq(live.n_moves, again.n_moves);
    }
    engine_out_free(&chunk);
    engine_free(journal);
    engine_free(snapshot);
    fx_done(&f);
}

static enum bf_rc apply_limit(struct fx *f, const char *pool, const struct pool_limit *l)
{
    struct bf_error err = {0};
    return engine_apply(f->e, &(struct record){.kind = RECORD_POOL_LIMIT, FX_RARE(.pool_name = pool, .limit = l)}, &err);
}

Test(engine_governor, records_that_cannot_be_are_refused)
{
    struct fx f;
    start(&f);
    struct limit_state s = {.limit_milli = 1000, .service_milli = 1000};
    const struct pool_limit bad[] = {
        {.bounds = {THROTTLE_AIMD, 0, 3}, .state = s}, {.bounds = {THROTTLE_AIMD, 3, 2}, .state = s},
        {.bounds = {THROTTLE_AIMD, 1, 2000000}, .state = s}, {.bounds = {THROTTLE_AIMD, 1, 2}, .state = {.limit_milli = -5}},
        {.bounds = {THROTTLE_AIMD, 1, 2}, .state = {.limit_milli = 1000, .margin_ppm = 2000000}}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(apply_limit(&f, "warehouse", &bad[i]), BF_CORRUPT, "%zu", i);
    cr_assert_eq(apply_limit(&f, "none", &bad[0]), BF_CORRUPT);
    fx_done(&f);
}

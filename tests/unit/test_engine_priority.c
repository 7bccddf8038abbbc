/* Changing classes while a backfill runs: who is next, what is refused, and that recovery knows it. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/engine_fixture.h"

/* Three steps of `days` days without needs, in one pool of one slot; and one that needs the last. */
static struct plan *rivals(uint64_t days)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "small", 1);
    fx_days(p, FX_JAN_1, (uint32_t)days);
    for (int i = 0; i < 3; i++)
        fx_step(p, PLAN_DAY, pool);
    uint32_t last = fx_step(p, PLAN_DAY, pool);
    fx_edge(p, last, 2, PLAN_SAME);
    for (size_t i = 0; i < p->n_steps; i++)      /* the order of the plan decides, but for the class */
        p->steps[i].weight = (uint32_t)(p->n_steps - i);
    return fx_plan_done(p);
}

static struct fx_agent start(struct fx *f, uint32_t days)
{
    struct fx_agent a = fx_agent(1, 4);
    fx_init(f, NULL);
    fx_hello(f, &a, 0);
    cr_assert_eq(fx_create(f, rivals, days), 1u);
    fx_turn(f);
    return a;
}

static const struct effect *set(struct fx *f, uint32_t backfill, enum op_priority class, const char *word)
{
    struct op_request r = fx_request(f, OP_PRIORITY, backfill);
    const char *const words[] = {word};
    r.priority = class;
    r.selectors = words;
    r.n_selectors = word != NULL;
    const struct effect *reply = fx_command(f, &r);
    /* words is gone when the journal is written; records are what counts */
    f->inputs.at[f->inputs.n - 1].rare->command.n_selectors = 0;
    return reply;
}

/* End what runs; gives the step that is granted next. */
static uint32_t next(struct fx *f, const struct fx_agent *agent)
{
    struct attempt_view a;
    cr_assert(engine_find_attempt(f->e, engine_next_attempt(f->e, 0), &a));
    fx_ended(f, agent, a.ref, OUTCOME_OK, 0);
    fx_turn(f);
    cr_assert_eq(fx_count_records(f, RECORD_GRANTED), 1u);
    return fx_record(f, RECORD_GRANTED, 0)->step;
}

Test(engine_priority, a_raised_step_is_next_and_what_runs_goes_on)
{
    struct fx f;
    struct fx_agent a = start(&f, 3);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_ASSIGNED);
    cr_assert_eq(set(&f, 1, OP_HIGH, "s2")->rc, BF_OK);
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 0u);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 0, 0), INSTANCE_ASSIGNED);
    cr_assert_eq(next(&f, &a), 2u);
    set(&f, 1, OP_CRITICAL, "s1");
    cr_assert_eq(next(&f, &a), 1u, "one that is ready already is ranked again");
    set(&f, 1, OP_CRITICAL, "s3");
    cr_assert_eq(next(&f, &a), 1u, "s1 and s3 are critical, s1 is heavier");
    cr_assert_eq(next(&f, &a), 1u);
    cr_assert_eq(next(&f, &a), 3u, "of the day that s2 has done");
    set(&f, 1, OP_LOW, NULL);
    cr_assert_eq(next(&f, &a), 0u, "all alike: as the plan has it");
    fx_done(&f);
}

Test(engine_priority, another_backfill_of_the_same_pool_goes_first)
{
    struct fx f;
    struct fx_agent a = start(&f, 3);
    cr_assert_eq(fx_create(&f, rivals, 2), 2u);
    cr_assert_eq(set(&f, 2, OP_HIGH, "s1")->rc, BF_OK);
    fx_turn(&f);
    cr_assert_eq(next(&f, &a), 1u);
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->backfill, 2u);
    set(&f, 2, OP_LOW, NULL);
    cr_assert_eq(next(&f, &a), 0u);
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->backfill, 1u, "its lane falls back behind the other's");
    fx_done(&f);
}

Test(engine_priority, answers_name_what_changed_and_repeating_changes_nothing)
{
    static const struct { enum op_priority class; const char *word, *says; size_t changed; } steps[] = {
        {OP_HIGH, "s1", "bf-1: s1 is high", 1},
        {OP_HIGH, "s1", "bf-1: s1 is high already", 0},
        {OP_HIGH, "+s3", "bf-1: all 2 steps are high", 2},
        {OP_HIGH, "s*", "bf-1: 1 of 4 steps changed to high; the others have it already", 1},
        {OP_HIGH, NULL, "bf-1: all 4 steps are high already", 0},
        {OP_NORMAL, NULL, "bf-1: all 4 steps are normal", 4}};
    struct fx f;
    start(&f, 2);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const struct effect *reply = set(&f, 1, steps[i].class, steps[i].word);
        cr_assert_eq(reply->rc, BF_OK, "%s", reply->text);
        cr_assert_str_eq(reply->text, steps[i].says);
        cr_assert_eq(fx_count_records(&f, RECORD_PRIORITY_SET), steps[i].changed > 0, "one record for all that change");
        if (steps[i].changed > 0)
            cr_assert_eq(record_rare(fx_record(&f, RECORD_PRIORITY_SET, 0))->n_steps, steps[i].changed);
        fx_turn(&f);
    }
    struct op_request r = fx_request(&f, OP_PRIORITY, 1);
    r.priority = OP_LOW;
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    fx_turn(&f);
    cr_assert_str_eq(fx_command(&f, &r)->text, "bf-1: all 4 steps are low", "the answer of then");
    cr_assert_eq(fx_count_records(&f, RECORD_PRIORITY_SET), 0u);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_priority, refusals_say_what_to_do_and_change_nothing)
{
    static const struct { uint32_t backfill; enum op_priority class; const char *word; enum bf_rc rc; const char *says; } cases[] = {
        {1, OP_HIGH, "s7", BF_NOT_FOUND, "the plan has no step `s7`"},
        {1, OP_HIGH, "tag:x", BF_NOT_FOUND, "no step has the tag `x`"},
        {1, OP_HIGH, "s1[2024-01-01]", BF_INVALID, "`s1[2024-01-01]`: a priority class is of whole steps, not "
                                                   "of some partitions: write `s1`"},
        {1, OP_HIGH, "s1[", BF_INVALID, "no selector"},
        {1, (enum op_priority)0, "s1", BF_INVALID, "needs a class"},
        {1, (enum op_priority)5, "s1", BF_INVALID, "needs a class"},
        {7, OP_HIGH, "s1", BF_NOT_FOUND, "there is no backfill bf-7"}};
    struct fx f;
    uint8_t before[32], after[32];
    start(&f, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct effect *reply = set(&f, cases[i].backfill, cases[i].class, cases[i].word);
        cr_assert_eq(reply->rc, cases[i].rc, "case %zu: %s", i, reply->text);
        cr_assert(strstr(reply->text, cases[i].says), "case %zu: %s", i, reply->text);
        cr_assert_eq(fx_count_records(&f, RECORD_PRIORITY_SET), 0u);
    }
    for (uint32_t s = 0; s < 4; s++)
        cr_assert_eq(engine_priority(f.e, 1, s), PLAN_NORMAL);
    engine_state_hash(f.e, before);
    set(&f, 1, OP_LOW, "s3");
    engine_state_hash(f.e, after);
    cr_assert_neq(memcmp(before, after, 32), 0);
    fx_ask(&f, OP_CANCEL, 1);
    const struct effect *reply = set(&f, 1, OP_HIGH, "s1");
    cr_assert_eq(reply->rc, BF_CONFLICT, "%s", reply->text);
    cr_assert_str_eq(reply->text, "bf-1 is cancelled; only steps of a backfill that has not ended get another priority");
    fx_done(&f);
}

Test(engine_priority, a_paused_backfill_keeps_it_for_later)
{
    struct fx f;
    struct fx_agent a = start(&f, 2);
    fx_ask(&f, OP_PAUSE, 1);
    cr_assert_eq(set(&f, 0, OP_CRITICAL, "s2")->rc, BF_OK, "of the newest one");
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    fx_ask(&f, OP_RESUME, 1);
    fx_turn(&f);
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->step, 2u);
    fx_done(&f);
}

static void rebuild(struct engine *e, int64_t now_ms)
{
    struct bf_error err = {0};
    cr_assert_eq(engine_rebuild(e, now_ms, &err), BF_OK, "%s", err.text);
    cr_assert(engine_check(e, true, &err), "%s", err.text);
}

/* From the journal, and from a checkpoint; two backfills of one plan, of which only one was changed. */
Test(engine_priority, recovery_restores_the_classes)
{
    struct fx f;
    struct fx_agent a = start(&f, 3);
    cr_assert_eq(fx_create(&f, rivals, 3), 2u);
    set(&f, 2, OP_HIGH, "s1");
    set(&f, 2, OP_LOW, "s0");
    set(&f, 2, OP_HIGH, "s3");
    set(&f, 2, OP_CRITICAL, "s3");
    fx_turn(&f);
    struct engine *journal = fx_fresh(&f), *snapshot = fx_fresh(&f);
    for (size_t i = 0; i < f.journal.n; i++)
        fx_apply_turn(journal, &f.journal.at[i]);
    struct engine_out chunk = {0};
    size_t records = 0;
    engine_snapshot_begin(f.e);
    while (engine_snapshot_next(f.e, &chunk)) {
        fx_apply_encoded(snapshot, chunk.records, chunk.n_records);
        for (size_t i = 0; i < chunk.n_records; i++)
            records += chunk.records[i].kind == RECORD_PRIORITY_SET;
        engine_out_clear(&chunk);
    }
    cr_assert_eq(records, 3u, "one for each class that differs from the plan's");
    struct engine *both[] = {journal, snapshot};
    static const enum plan_priority want[2][4] = {{PLAN_NORMAL, PLAN_NORMAL, PLAN_NORMAL, PLAN_NORMAL},
                                                  {PLAN_LOW, PLAN_HIGH, PLAN_NORMAL, PLAN_CRITICAL}};
    for (size_t i = 0; i < 2; i++) {
        rebuild(both[i], f.now_ms);
        cr_assert(fx_same_state(f.e, both[i]), "engine %zu", i);
        for (uint32_t b = 0; b < 2; b++)
            for (uint32_t s = 0; s < 4; s++)
                cr_assert_eq(engine_priority(both[i], b + 1, s), want[b][s]);
    }
    engine_out_free(&chunk);
    engine_free(journal);
    engine_free(f.e);
    f.e = snapshot;                              /* goes on as the one before it would have */
    cr_assert_eq(next(&f, &a), 1u);
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->backfill, 2u);
    fx_done(&f);
}

Test(engine_priority, records_that_do_not_fit_are_corrupt)
{
    static const uint32_t good[] = {0, 3}, bad[] = {0, 4};
    struct fx f;
    start(&f, 2);
    const struct record cases[] = {
        {.kind = RECORD_PRIORITY_SET, .backfill = 1, FX_RARE(.priority = OP_HIGH, .steps = bad, .n_steps = 2)},
        {.kind = RECORD_PRIORITY_SET, .backfill = 2, FX_RARE(.priority = OP_HIGH, .steps = good, .n_steps = 2)},
        {.kind = RECORD_PRIORITY_SET, .backfill = 1, FX_RARE(.priority = (enum op_priority)0, .steps = good, .n_steps = 2)},
        {.kind = RECORD_PRIORITY_SET, .backfill = 1, FX_RARE(.priority = (enum op_priority)5, .steps = good, .n_steps = 2)},
        {.kind = RECORD_PRIORITY_SET, .backfill = 1, FX_RARE(.priority = OP_HIGH, .steps = good, .n_steps = 2)}};
    struct engine *e = fx_fresh(&f);
    for (size_t i = 0; i < f.journal.n; i++)
        fx_apply_turn(e, &f.journal.at[i]);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_error err = {0};
        bool last = i + 1 == sizeof cases / sizeof *cases;
        cr_assert_eq(engine_apply(e, &cases[i], &err), last ? BF_OK : BF_CORRUPT, "case %zu: %s", i, err.text);
        cr_assert_eq(engine_priority(e, 1, 0), last ? PLAN_HIGH : PLAN_NORMAL, "case %zu: all or nothing", i);
    }
    engine_free(e);
    fx_done(&f);
}

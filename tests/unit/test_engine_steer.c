/* Steering step instances: what each action does to what state, downstream and not, and what the answer says of it. */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "coordinator/engine/view.h"
#include "coordinator/engine/view_steer.h"
#include "tests/support/engine_fixture.h"

enum { LOAD, SUM, REPORT, SLOTS = 2 };

/* load[day] -> sum[day] -> report, which needs all days and so stands behind a gate. */
static struct plan *chain(uint64_t n)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, (uint32_t)n);
    uint32_t load = fx_step(p, PLAN_DAY, PLAN_NO_INDEX), sum = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    uint32_t report = fx_step(p, PLAN_NONE, PLAN_NO_INDEX);
    fx_edge(p, sum, load, PLAN_SAME);
    fx_edge(p, report, sum, PLAN_ALL);
    p->steps[load].retry.max_attempts = 1;
    fx_output(p, load, NULL, "raw");
    return fx_plan_done(p);
}

static struct fx_agent start(struct fx *f, uint32_t days, uint32_t slots)
{
    struct fx_agent a = fx_agent(1, slots);
    fx_init(f, NULL);
    if (slots)
        fx_hello(f, &a, 0);
    fx_create(f, chain, days);
    fx_turn(f);
    return a;
}

/* A place for a selector that lasts until the turn is written down. */
static const char *const *kept(const char *word)
{
    static const char *words[16];
    static size_t n;
    words[n % 16] = word;
    return &words[n++ % 16];
}

static const struct effect *act(struct fx *f, enum op_verb verb, const char *word, bool downstream)
{
    struct op_request r = fx_request(f, verb, 1);
    r.selectors = kept(word);
    r.n_selectors = word != NULL;
    r.downstream = downstream;
    r.reason = "by night";
    return fx_command(f, &r);
}

static const struct effect *mark(struct fx *f, const char *state, const char *word)
{
    struct op_request r = fx_request(f, OP_MARK, 1);
    r.selectors = kept(word);
    r.n_selectors = 1;
    r.state = state;
    return fx_command(f, &r);
}

static void says(const struct effect *e, enum bf_rc rc, const char *words)
{
    cr_assert_eq(e->rc, rc, "%s", e->text);
    cr_assert_not_null(strstr(e->text, words), "not \"%s\": %s", words, e->text);
}
#define SAYS(answer, words) says(answer, BF_OK, words)
#define REFUSED(answer, code, words) says(answer, code, words)

/* Everything open ends well, as often as there is something. */
static void finish_all(struct fx *f, const struct fx_agent *agent)
{
    while (engine_next_attempt(f->e, 0)) {
        f->wall_us += 1000000;
        for (uint64_t id = engine_next_attempt(f->e, 0), next; id; id = next) {
            struct attempt_view a;
            next = engine_next_attempt(f->e, id);
            cr_assert(engine_find_attempt(f->e, id, &a));
            fx_ended(f, agent, a.ref, OUTCOME_OK, 0);
        }
        fx_turn(f);
    }
}

static struct instance_view look(const struct fx *f, uint32_t step, uint32_t index)
{
    struct instance_view v;
    cr_assert(engine_instance(f->e, 1, step, index, &v));
    return v;
}

Test(engine_steer, what_is_held_is_not_granted_and_hides_nothing)
{
    struct fx f;
    struct fx_agent a = start(&f, 4, 0);
    SAYS(act(&f, OP_PAUSE, "s0[2024-01-01..2024-01-03]", false), "3 of 3 step instances are held");
    SAYS(act(&f, OP_PAUSE, "s0[2024-01-01]", false), "s0[2024-01-01] is held already");
    cr_assert_eq(fx_backfill(&f, 1).held, 3u);
    fx_hello(&f, &a, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u, "the agent has no slot");
    struct fx_agent wide = fx_agent(2, 4);
    fx_hello(&f, &wide, 0);
    fx_turn(&f);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 1u, "the fourth stands behind three that are held");
    cr_assert_eq(fx_record(&f, RECORD_GRANTED, 0)->index, 3u);
    struct blocker why[4];
    cr_assert_eq(engine_why(f.e, 1, LOAD, 0, why, 4), 1u);
    cr_assert_eq(why[0].kind, BLOCKER_HELD);
    struct steer_view who;
    cr_assert(engine_steered(f.e, 1, LOAD, 0, &who));
    cr_assert_str_eq(who.reason, "by night");
    cr_assert(!engine_steered(f.e, 1, LOAD, 3, &who));
    finish_all(&f, &wide);
    struct backfill_view b = fx_backfill(&f, 1);
    cr_assert_eq(b.state, BACKFILL_RUNNING, "what is held is not over");
    cr_assert_eq(b.count[INSTANCE_SUCCEEDED], 2u);
    fx_ask(&f, OP_PAUSE, 1);
    SAYS(fx_ask(&f, OP_RESUME, 1), "3 step instances are still held: bfctl resume bf-1 '*'");
    SAYS(act(&f, OP_RESUME, "*", false), "3 of 9 step instances are no longer held; 6 are not held");
    fx_turn(&f);
    finish_all(&f, &wide);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    REFUSED(act(&f, OP_PAUSE, "*", false), BF_CONFLICT, "nothing is left to hold");
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_steer, one_that_is_held_while_it_runs_goes_on_but_is_not_tried_again)
{
    struct fx f;
    struct fx_agent a = start(&f, 1, SLOTS);
    struct op_request r = fx_request(&f, OP_PAUSE, 1);
    const char *word = "s0";
    r.selectors = &word;
    r.n_selectors = 1;
    SAYS(fx_command(&f, &r), "is held");
    fx_lost(&f, &a);
    a.incarnation += 100;
    fx_hello(&f, &a, 0);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, LOAD, 0), INSTANCE_READY);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    SAYS(act(&f, OP_RESUME, "s0", false), "no longer held");
    fx_turn(&f);
    fx_ended(&f, &a, fx_attempt(&f, 1, LOAD, 0), OUTCOME_EXIT, 1);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, LOAD, 0), INSTANCE_FAILED);
    fx_done(&f);
}

Test(engine_steer, cancel_kills_what_runs_and_grants_no_more)
{
    struct fx f;
    struct fx_agent a = start(&f, 3, SLOTS);
    SAYS(act(&f, OP_CANCEL, "s0[2024-01-01]", false), "s0[2024-01-01] is cancelled; 1 of them runs and is being killed");
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 1u);
    SAYS(act(&f, OP_CANCEL, "s0[2024-01-01]", false), "is cancelled already");
    SAYS(act(&f, OP_CANCEL, "s0[2024-01-03]", false), "is cancelled");
    cr_assert_eq(fx_state(&f, 1, LOAD, 2), INSTANCE_CANCELLED);
    cr_assert(look(&f, SUM, 2).upstream_failed);
    fx_ended(&f, &a, fx_attempt(&f, 1, LOAD, 0), OUTCOME_EXIT, 75);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, LOAD, 0), INSTANCE_CANCELLED, "no attempt after a transient failure either");
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    cr_assert(look(&f, SUM, 0).upstream_failed);
    finish_all(&f, &a);
    struct backfill_view b = fx_backfill(&f, 1);
    cr_assert_eq(b.state, BACKFILL_PARTLY);
    cr_assert_eq(b.upstream_failed, 3u);
    REFUSED(act(&f, OP_CANCEL, "s1", false), BF_CONFLICT, "it is over");
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_steer, cancel_with_keep_running_lets_an_attempt_end)
{
    struct fx f;
    struct fx_agent a = start(&f, 2, SLOTS);
    struct op_request r = fx_request(&f, OP_CANCEL, 1);
    const char *word = "s0+";
    r.selectors = &word;
    r.n_selectors = 1;
    r.keep_running = true;
    SAYS(fx_command(&f, &r), "5 of 5 step instances are cancelled; 2 of them run on to the end");
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 0u);
    fx_hello_holding(&f, &a, NULL, 0);
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 0u, "nor when its agent comes again");
    fx_ended(&f, &a, fx_attempt(&f, 1, LOAD, 0), OUTCOME_OK, 0);
    SAYS(act(&f, OP_CANCEL, "s0", false), "1 of 2 step instances is cancelled; 1 of them runs and is being killed");
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 1u, "asked for again, without");
    fx_ended(&f, &a, fx_attempt(&f, 1, LOAD, 1), OUTCOME_CANCELLED, 0);
    fx_turn(&f);
    struct backfill_view b = fx_backfill(&f, 1);
    cr_assert_eq(b.count[INSTANCE_SUCCEEDED], 1u);
    cr_assert_eq(b.count[INSTANCE_CANCELLED], 4u);
    cr_assert_eq(b.state, BACKFILL_PARTLY);
    fx_done(&f);
}

Test(engine_steer, a_whole_cancel_can_keep_running_too)
{
    struct fx f;
    struct fx_agent a = start(&f, 3, SLOTS);
    struct op_request r = fx_request(&f, OP_CANCEL, 1);
    r.keep_running = true;
    SAYS(fx_command(&f, &r), "bf-1 is cancelled; 2 running steps go on to the end");
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 0u);
    fx_turn(&f);
    fx_ended(&f, &a, fx_attempt(&f, 1, LOAD, 0), OUTCOME_OK, 0);
    SAYS(fx_ask(&f, OP_CANCEL, 1), "1 running step is being killed");
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 1u);
    SAYS(fx_ask(&f, OP_CANCEL, 1), "already");
    REFUSED(act(&f, OP_FORCE, "s0", false), BF_CONFLICT, "is cancelled");
    fx_turn(&f);
    fx_done(&f);
}

static struct plan *fenced(uint64_t n)
{
    struct plan *p = chain(n);
    p->steps[LOAD].wait_for_fence = true;
    return p;
}

/* Nobody kills what runs where nobody listens. */
Test(engine_steer, a_cancel_says_what_it_does_not_reach)
{
    for (int whole = 0; whole < 2; whole++) {
        struct fx f;
        struct fx_agent a = fx_agent(1, 1), b = fx_agent(2, 1);
        fx_init(&f, NULL);
        fx_hello(&f, &a, 0);
        fx_hello(&f, &b, 0);
        fx_create(&f, fenced, 3);
        fx_turn(&f);
        fx_lost(&f, &a);
        fx_turn(&f);
        cr_assert_eq(fx_backfill(&f, 1).open_attempts, 2u);
        const char *lost = "; 1 running step is at an agent that is lost, and ends when it is back";
        const struct effect *e = whole ? fx_ask(&f, OP_CANCEL, 1) : act(&f, OP_CANCEL, "s0", false);
        SAYS(e, whole ? "bf-1 is cancelled; 1 running step is being killed" : "1 of them runs and is being killed");
        SAYS(e, lost);
        if (!whole)
            cr_expect(strstr(e->json, "\"killed\":1,\"at_lost_agents\":1}"), "%s", e->json);
        fx_turn(&f);
        struct attempt_view left = {0};
        for (uint64_t id = 0; left.agent != 1 && (id = engine_next_attempt(f.e, id)) != 0;)
            cr_assert(engine_find_attempt(f.e, id, &left));
        fx_hello_holding(&f, &a, &left.ref, 1);
        cr_expect_eq(fx_count_effects(&f, EFFECT_KILL), 1u, "it is back, and is told");
        fx_ended(&f, &a, left.ref, OUTCOME_CANCELLED, 0);
        fx_turn(&f);
        cr_expect_eq(fx_backfill(&f, 1).open_attempts, 1u);
        fx_done(&f);
    }
}

Test(engine_steer, a_cancel_that_kills_nothing_promises_no_end_of_what_is_lost)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 1);
    fx_init(&f, NULL);
    fx_hello(&f, &a, 0);
    fx_create(&f, fenced, 3);
    fx_turn(&f);
    fx_lost(&f, &a);
    fx_turn(&f);
    struct op_request r = fx_request(&f, OP_CANCEL, 1);
    r.keep_running = true;
    SAYS(fx_command(&f, &r), "; 1 running step is at an agent that is lost, and only its word ends it");
    fx_done(&f);
}

Test(engine_steer, force_closes_the_gate_and_makes_what_was_built_on_it_stale)
{
    struct fx f;
    struct fx_agent a = start(&f, 3, SLOTS);
    finish_all(&f, &a);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    fx_lost(&f, &a);
    f.wall_us += 1000000;
    SAYS(act(&f, OP_FORCE, "s0[2024-01-02]", false),
         "s0[2024-01-02] begins a new run; 2 downstream are stale now: --downstream runs those again too");
    fx_turn(&f);
    struct backfill_view b = fx_backfill(&f, 1);
    cr_assert_eq(b.state, BACKFILL_RUNNING, "a finished one goes on");
    cr_assert_eq(b.stale, 2u);
    cr_assert_eq(b.finished_us, 0);
    cr_assert_eq(look(&f, LOAD, 1).run, 2u);
    cr_assert_eq(fx_state(&f, 1, LOAD, 1), INSTANCE_READY);
    cr_assert(look(&f, SUM, 1).stale && look(&f, REPORT, 0).stale && !look(&f, SUM, 0).stale);
    uint32_t step, index;
    cr_assert(engine_stale_cause(f.e, 1, REPORT, 0, &step, &index));
    cr_assert(step == LOAD && index == 1);
    a.incarnation += 100;
    fx_hello(&f, &a, a.incarnation - 100);
    fx_turn(&f);
    finish_all(&f, &a);
    b = fx_backfill(&f, 1);
    cr_assert_eq(b.state, BACKFILL_SUCCEEDED);
    cr_assert_eq(b.stale, 2u, "an end of the upstream does not mend it");
    SAYS(act(&f, OP_FORCE, "s1[2024-01-02]", true), "begins a new run, and 1 downstream");
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, REPORT, 0), INSTANCE_WAITING, "behind a gate that has closed again");
    finish_all(&f, &a);
    b = fx_backfill(&f, 1);
    cr_assert_eq(b.state, BACKFILL_SUCCEEDED);
    cr_assert_eq(b.stale, 0u);
    cr_assert_eq(look(&f, REPORT, 0).run, 2u);
    fx_done(&f);
}

Test(engine_steer, what_is_ready_waits_again_and_what_runs_is_stale)
{
    struct fx f;
    struct fx_agent a = start(&f, 2, 1);
    fx_ended(&f, &a, fx_attempt(&f, 1, LOAD, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    fx_ended(&f, &a, fx_attempt(&f, 1, LOAD, 1), OUTCOME_OK, 0);
    fx_turn(&f);
    bool first_runs = fx_state(&f, 1, SUM, 0) == INSTANCE_ASSIGNED;
    uint32_t runs = first_runs ? 0 : 1, ready = 1 - runs;
    cr_assert_eq(fx_state(&f, 1, SUM, ready), INSTANCE_READY);
    SAYS(act(&f, OP_FORCE, "s0", false), "2 of 2 step instances begin a new run; 1 downstream is stale now");
    cr_assert_eq(fx_state(&f, 1, SUM, ready), INSTANCE_WAITING);
    cr_assert(look(&f, SUM, runs).stale);
    fx_ended(&f, &a, fx_attempt(&f, 1, SUM, runs), OUTCOME_EXIT, 75);
    cr_assert(!look(&f, SUM, runs).stale, "it is tried again anyway");
    fx_turn(&f);
    f.now_ms += 60000;
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, SUM, runs), INSTANCE_WAITING, "and waits for what runs again now");
    finish_all(&f, &a);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    fx_done(&f);
}

Test(engine_steer, skip_lets_the_rest_go_on_and_mark_says_what_was_done_by_hand)
{
    struct fx f;
    struct fx_agent a = start(&f, 2, SLOTS);
    fx_ended(&f, &a, fx_attempt(&f, 1, LOAD, 0), OUTCOME_EXIT, 1);
    fx_turn(&f);
    cr_assert(look(&f, SUM, 0).upstream_failed);
    SAYS(act(&f, OP_SKIP, "s0[2024-01-01]", false), "s0[2024-01-01] is skipped");
    SAYS(act(&f, OP_SKIP, "s0[2024-01-01]", false), "is skipped already");
    struct steer_view who;
    cr_assert(engine_steered(f.e, 1, LOAD, 0, &who));
    cr_assert_str_eq(who.reason, "by night");
    cr_assert_eq(look(&f, LOAD, 0).run, 2u, "an end is final within a run");
    SAYS(act(&f, OP_SKIP, "s0", false), "1 runs now and was left: cancel it first, or wait");
    fx_turn(&f);
    finish_all(&f, &a);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    REFUSED(act(&f, OP_SKIP, "s0", false), BF_CONFLICT, "bfctl force bf-1");
    SAYS(mark(&f, "failed", "s1[2024-01-02]"), "s1[2024-01-02] is marked failed; 1 downstream is stale now");
    fx_turn(&f);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_PARTLY);
    struct outcome o;
    enum failure_class class;
    cr_assert(engine_failure(f.e, 1, SUM, 1, &o, &class));
    cr_assert_not_null(strstr(o.text, "marked failed by"), "%s", o.text);
    SAYS(mark(&f, "succeeded", "s1[2024-01-02]"), "is marked succeeded");
    fx_turn(&f);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    cr_assert_eq(look(&f, SUM, 1).run, 3u);
    SAYS(mark(&f, "succeeded", "s1[2024-01-02]"), "has succeeded already");
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_steer, one_that_failed_for_good_is_retried_with_what_hangs_on_it)
{
    struct fx f;
    struct fx_agent a = start(&f, 2, SLOTS);
    fx_ended(&f, &a, fx_attempt(&f, 1, LOAD, 0), OUTCOME_EXIT, 1);
    fx_turn(&f);
    SAYS(mark(&f, "succeeded", "s1[2024-01-01]"), "is marked succeeded");
    finish_all(&f, &a);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_PARTLY);
    SAYS(act(&f, OP_RETRY, "s0", true),
         "1 of 2 step instances begins a new run, and 2 downstream; 1 has succeeded or was skipped, and was left");
    fx_turn(&f);
    cr_assert_eq(look(&f, SUM, 0).run, 2u);
    cr_assert_eq(look(&f, REPORT, 0).run, 2u);
    finish_all(&f, &a);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    fx_done(&f);
}

Test(engine_steer, what_it_does_not_take_is_said)
{
    struct fx f;
    start(&f, 2, 0);
    REFUSED(act(&f, OP_FORCE, NULL, false), BF_INVALID, "'*' for everything");
    REFUSED(act(&f, OP_SKIP, NULL, false), BF_INVALID, "write selectors");
    REFUSED(act(&f, OP_PAUSE, "s0", true), BF_INVALID, "pause has no --downstream");
    REFUSED(mark(&f, "done", "s0"), BF_INVALID, "succeeded or failed");
    REFUSED(act(&f, OP_CANCEL, "s7", false), BF_NOT_FOUND, "no step `s7`");
    struct op_request many = fx_request(&f, OP_PAUSE, 1);
    const char *words[65];
    for (size_t i = 0; i < 65; i++)
        words[i] = "s0";
    many.selectors = words;
    many.n_selectors = 65;
    REFUSED(fx_command(&f, &many), BF_LIMIT, "64");
    cr_assert_eq(fx_count_records(&f, RECORD_STEERED), 0u);
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_steer, a_dry_run_tells_what_the_command_does)
{
    struct fx f;
    struct fx_agent a = start(&f, 2, SLOTS);
    finish_all(&f, &a);
    struct op_request r = fx_request(&f, OP_FORCE, 1);
    const char *word = "s0[2024-01-01]";
    r.selectors = &word;
    r.n_selectors = 1;
    for (int downstream = 0; downstream < 2; downstream++) {
        struct steer_preview *p = NULL;
        struct steer_row row;
        struct bf_error err = {0};
        size_t n = 0;
        r.downstream = downstream;
        cr_assert_eq(engine_steer_begin(f.e, 1, &r, &p, &err), BF_OK, "%s", err.text);
        for (; engine_steer_next(p, &row); n++) {
            bool first = row.step == LOAD;
            cr_assert(row.before == INSTANCE_SUCCEEDED && row.stale == (!first && !downstream) && row.along == (!first && downstream));
            cr_assert_eq(row.after, first || downstream ? INSTANCE_WAITING : INSTANCE_SUCCEEDED);
        }
        cr_assert_eq(n, 3u);
        engine_steer_end(p);
    }
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED, "nothing was changed");
    fx_done(&f);
}

/* The dry run: how many instances would change, or the code of the refusal below 0. */
static int tried(const struct fx *f, uint32_t id, enum op_verb verb, const char *word, bool keep_running, char text[1024])
{
    struct op_request r = {.verb = verb, .backfill = id, .keep_running = keep_running, .state = "", .selectors = kept(word),
                           .n_selectors = word != NULL};
    struct steer_preview *p = NULL;
    struct steer_row row;
    struct bf_error err = {0};
    int n = 0;
    enum bf_rc rc = engine_steer_begin(f->e, id, &r, &p, &err);
    memcpy(text, err.text, 1024);
    if (rc != BF_OK)
        return -(int)rc;
    while (engine_steer_next(p, &row))
        n++;
    engine_steer_end(p);
    return n;
}

/* Where the command refuses, the dry run does, with the same words. */
static void refused_alike(struct fx *f, uint32_t id, enum op_verb verb)
{
    char text[1024];
    cr_expect_eq(tried(f, id, verb, NULL, false, text), -(int)BF_CONFLICT, "%s", op_verb_name(verb));
    const struct effect *e = fx_ask(f, verb, id);
    cr_expect(e->rc == BF_CONFLICT && strcmp(e->text, text) == 0, "%s: %s, and tried: %s", op_verb_name(verb), e->text, text);
    fx_turn(f);
}

static void end_all_of(struct fx *f, const struct fx_agent *agent, uint32_t backfill)
{
    while (fx_backfill(f, backfill).state == BACKFILL_RUNNING) {
        for (uint64_t id = engine_next_attempt(f->e, 0), next; id; id = next) {
            struct attempt_view a;
            next = engine_next_attempt(f->e, id);
            cr_assert(engine_find_attempt(f->e, id, &a));
            if (a.backfill == backfill)
                fx_ended(f, agent, a.ref, OUTCOME_OK, 0);
        }
        fx_turn(f);
    }
}

Test(engine_steer, a_dry_run_is_refused_where_the_command_is)
{
    struct fx f;
    char text[1024];
    struct fx_agent a = start(&f, 2, SLOTS);
    cr_assert_eq(fx_create_as(&f, chain, 2, &(struct op_request){.queue = true})->rc, BF_OK);
    fx_turn(&f);
    cr_assert_eq(fx_backfill(&f, 2).state, BACKFILL_QUEUED);
    refused_alike(&f, 2, OP_PAUSE);
    refused_alike(&f, 2, OP_RESUME);
    cr_expect_eq(tried(&f, 1, OP_PAUSE, NULL, false, text), 0, "no instance changes");
    end_all_of(&f, &a, 1);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    cr_assert_eq(fx_backfill(&f, 2).state, BACKFILL_RUNNING);
    refused_alike(&f, 1, OP_CANCEL);
    refused_alike(&f, 1, OP_RETRY);
    cr_expect_eq(tried(&f, 1, OP_FORCE, "s0", false, text), -(int)BF_CONFLICT, "bf-2 writes it");
    cr_expect_eq(tried(&f, 1, OP_MARK, "s0", false, text), -(int)BF_INVALID);
    cr_expect_eq(tried(&f, 1, OP_RESUME, "s0", false, text), 0, "nothing changes, so nobody is in the way: %s", text);
    struct op_request r = fx_request(&f, OP_CANCEL, 2);
    r.keep_running = true;
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    fx_turn(&f);
    cr_expect_eq(tried(&f, 2, OP_CANCEL, NULL, true, text), 0, "already");
    cr_expect_eq(tried(&f, 2, OP_CANCEL, NULL, false, text), SLOTS, "what was kept is killed: %s", text);
    fx_done(&f);
}

static struct plan *wide(uint64_t n)
{
    struct plan *p = fx_plan();
    fx_days(p, 0, (uint32_t)n);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    return fx_plan_done(p);
}

/* The agents' leases run on meanwhile. */
Test(engine_steer, steering_one_of_a_million_takes_no_longer_than_to_create_them)
{
    struct fx f;
    fx_init(&f, NULL);
    clock_t began = clock();
    fx_create(&f, wide, 1000000);
    clock_t created = clock();
    SAYS(act(&f, OP_PAUSE, "s0[2024-01-01]", false), "is held");
    clock_t held = clock();
    SAYS(act(&f, OP_SKIP, "s0[2024-01-02]", false), "is skipped");
    clock_t skipped = clock();
    cr_log_info("created in %ld, held in %ld, skipped in %ld us", (long)(created - began), (long)(held - created), (long)(skipped - held));
    cr_expect_leq(held - created, created - began);
    cr_expect_leq(skipped - held, 2 * (created - began));
    fx_done(&f);
}

/* Random turns of a small fleet: see engine_fixture.h. */
#include "tests/support/engine_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

void chaos_init(struct chaos *c, uint64_t seed)
{
    static const char *const zones[] = {"a", "b", "a", "b"};
    bf_prng_seed(&c->rng, seed);
    for (uint32_t i = 0; i < 4; i++) {
        c->agents[i] = fx_agent(i + 1, 1 + (uint32_t)bf_prng_below(&c->rng, 5));
        c->agents[i].labels[0] = (struct agent_label){"zone", zones[i]};
        c->agents[i].n_labels = 1;
        c->agents[i].round_trip_us = i % 2 ? 50000 : 0;
        c->agents[i].takes_us = 10000;
        c->here[i] = false;
    }
    c->no_halts = false;
}

static bool chance(struct chaos *c, uint64_t one_in)
{
    return bf_prng_below(&c->rng, one_in) == 0;
}

static const struct fx_agent *agent_of(const struct chaos *c, const struct fx *f, uint32_t id)
{
    struct agent_view v;
    cr_assert(engine_agent(f->e, id, &v));
    for (int i = 0; i < 4; i++)
        if (memcmp(c->agents[i].key, v.key, BF_KEY_BYTES) == 0)
            return &c->agents[i];
    cr_assert(false, "an agent that nobody is");
    return NULL;
}

static enum outcome_source random_end(struct chaos *c, int32_t *ret_code)
{
    static const enum outcome_source rare[] = {OUTCOME_EXIT,  OUTCOME_EXIT,      OUTCOME_EXIT,  OUTCOME_SKIP,
                                               OUTCOME_SKIP,  OUTCOME_SIGNAL,    OUTCOME_OOM,   OUTCOME_TIMEOUT,
                                               OUTCOME_SPAWN, OUTCOME_CANCELLED, OUTCOME_FENCED, OUTCOME_CHECK,
                                               OUTCOME_REVOKED};
    static const int32_t codes[] = {75, 1, 126};
    *ret_code = codes[bf_prng_below(&c->rng, 3)];
    enum outcome_source source = bf_prng_below(&c->rng, 100) < 70 ? OUTCOME_OK : rare[bf_prng_below(&c->rng, sizeof rare / sizeof *rare)];
    if (source == OUTCOME_CHECK)
        *ret_code = !c->no_halts && chance(c, 3) ? CHECK_HALT : CHECK_ERROR;
    return source;
}

static void some_reports(struct chaos *c, struct fx *f)
{
    for (uint64_t id = engine_next_attempt(f->e, 0), next; id; id = next) {
        struct attempt_view a;
        next = engine_next_attempt(f->e, id);
        cr_assert(engine_find_attempt(f->e, id, &a));
        int32_t code = 0;
        if (chance(c, 3))
            fx_started(f, agent_of(c, f, a.agent), a.ref);
        if (chance(c, 2)) {
            enum outcome_source source = random_end(c, &code);
            fx_told(f, agent_of(c, f, a.agent), a.ref, source, code, chance(c, 4) ? "{\"metrics\":{}}" : "");
        } else if (chance(c, 20)) {              /* somebody else's, or with another token */
            struct attempt_ref wrong = {.attempt = a.ref.attempt, .token = a.ref.token + (chance(c, 2) ? 1 : 0)};
            fx_ended(f, &c->agents[bf_prng_below(&c->rng, 4)],
                     wrong.token == a.ref.token ? (struct attempt_ref){a.ref.attempt, a.ref.token - 1} : wrong, OUTCOME_OK, 0);
        }
    }
    if (f->ended.n > 0 && chance(c, 4))
        fx_ended(f, &c->agents[bf_prng_below(&c->rng, 4)], f->ended.at[bf_prng_below(&c->rng, f->ended.n)], OUTCOME_OK, 0);
}

static void agent_comes_or_goes(struct chaos *c, struct fx *f)
{
    size_t i = bf_prng_below(&c->rng, 4);
    struct fx_agent *a = &c->agents[i];
    if (!c->here[i]) {
        uint64_t previous = a->incarnation;
        if (chance(c, 2))
            a->incarnation += 100;
        c->here[i] = fx_hello(f, a, a->incarnation == previous ? 0 : previous) != 0;
    } else if (chance(c, 3)) {
        fx_lost(f, a);
        c->here[i] = false;
    } else if (chance(c, 2)) {                   /* restarted: its guardian saw the old steps dead */
        uint64_t previous = a->incarnation;
        a->incarnation += 100;
        fx_hello(f, a, previous);
    } else {
        fx_bye(f, a);
        struct agent_view v;
        cr_assert(engine_agent(f->e, engine_agent_by_key(f->e, a->key), &v));
        c->here[i] = v.state != AGENT_LEFT;
    }
}

static void some_priority(struct chaos *c, struct fx *f, uint32_t id)
{
    static const char *words[] = {"s0", "s1", "s2", "+s3", "s1+", "s9", "s0[2024-01]"};
    struct op_request r = fx_request(f, OP_PRIORITY, id);
    r.priority = (enum op_priority)(OP_CRITICAL + bf_prng_below(&c->rng, 4));
    r.selectors = &words[bf_prng_below(&c->rng, 7)];
    r.n_selectors = bf_prng_below(&c->rng, 4) > 0;
    fx_command(f, &r);
}

static void some_steering(struct chaos *c, struct fx *f, uint32_t id)
{
    static const enum op_verb verbs[] = {OP_PAUSE, OP_RESUME, OP_RESUME, OP_CANCEL, OP_RETRY, OP_RETRY, OP_FORCE, OP_FORCE, OP_SKIP,
                                         OP_MARK};
    static const char *words[] = {"s0", "s1", "s2", "+s3", "s1+", "*", "s0[2024-03-31]", "s1[2024-03-31]", "s2[..2024-03-31]"};
    struct op_request r = fx_request(f, verbs[bf_prng_below(&c->rng, sizeof verbs / sizeof *verbs)], id);
    bool reaches = r.verb == OP_CANCEL || r.verb == OP_RETRY || r.verb == OP_FORCE || r.verb == OP_SKIP;
    r.selectors = &words[bf_prng_below(&c->rng, sizeof words / sizeof *words)];
    r.n_selectors = 1;
    r.downstream = reaches && chance(c, 3);
    r.keep_running = r.verb == OP_CANCEL && chance(c, 2);
    r.state = r.verb == OP_MARK ? chance(c, 2) ? "failed" : "succeeded" : "";
    fx_command(f, &r);
}

static void some_command(struct chaos *c, struct fx *f)
{
    static const enum op_verb verbs[] = {OP_PAUSE, OP_RESUME, OP_RESUME, OP_RESUME, OP_RETRY, OP_RETRY};
    uint32_t n = engine_latest_backfill(f->e);
    if (n == 0)
        return;
    uint32_t id = 1 + (uint32_t)bf_prng_below(&c->rng, n);
    if (c->steers && chance(c, 2))
        some_steering(c, f, id);
    else if (chance(c, 3))
        some_priority(c, f, id);
    else
        fx_ask(f, chance(c, 30) ? OP_CANCEL : verbs[bf_prng_below(&c->rng, 6)], id);
}

void chaos_turn(struct chaos *c, struct fx *f)
{
    f->now_ms += (int64_t)bf_prng_below(&c->rng, 2000);      /* a turn is one moment */
    some_reports(c, f);
    if (chance(c, 6))
        agent_comes_or_goes(c, f);
    if (chance(c, 8))
        some_command(c, f);
    if (chance(c, 20))
        fx_step_input(
            f, &(struct input){.kind = INPUT_POOL, FX_SAYS(.pool_name = "small", .pool_slots = (uint32_t)bf_prng_below(&c->rng, 4))});
    fx_turn(f);
}

static bool unfinished(const struct fx *f)
{
    for (uint32_t id = engine_next_backfill(f->e, 0); id; id = engine_next_backfill(f->e, id))
        if (fx_backfill(f, id).finished_us == 0)
            return true;
    return false;
}

static void finish_open(struct chaos *c, struct fx *f)
{
    for (uint64_t id = engine_next_attempt(f->e, 0), next; id; id = next) {
        struct attempt_view a;
        next = engine_next_attempt(f->e, id);
        cr_assert(engine_find_attempt(f->e, id, &a));
        fx_ended(f, agent_of(c, f, a.agent), a.ref, OUTCOME_OK, 0);
    }
}

static void let_all_go(struct fx *f)
{
    static const char *everything = "*";
    for (uint32_t id = engine_next_backfill(f->e, 0); id; id = engine_next_backfill(f->e, id)) {
        struct op_request r = fx_request(f, OP_RESUME, id);
        r.selectors = &everything;
        r.n_selectors = 1;
        if (fx_backfill(f, id).held > 0)
            fx_command(f, &r);
    }
}

void chaos_settle(struct chaos *c, struct fx *f)
{
    fx_step_input(f, &(struct input){.kind = INPUT_POOL, FX_SAYS(.pool_name = "small", .pool_slots = 4)});
    for (int i = 0; i < 4; i++)
        c->here[i] = c->here[i] || fx_hello(f, &c->agents[i], 0) != 0;
    for (uint32_t id = engine_next_backfill(f->e, 0); id; id = engine_next_backfill(f->e, id))
        fx_ask(f, OP_RESUME, id);
    let_all_go(f);
    for (int i = 0; i < 20000 && unfinished(f); i++) {
        f->now_ms += 5000;
        finish_open(c, f);
        fx_turn(f);
    }
    cr_assert(!unfinished(f), "a backfill does not end although every step succeeds");
}

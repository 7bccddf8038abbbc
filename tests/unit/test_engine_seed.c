/* A create whose backfill was laid out beforehand (seed.h): nobody can tell it from one without. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/engine_fixture.h"

/* How the create of a run is prepared. */
enum seeding { NO_SEED, A_SEED, SEED_OF_ANOTHER_DIRECTION, SEED_OF_A_KNOWN_PLAN };

static void key_of(struct fx *f, fx_make *make, uint64_t seed, uint8_t ret_hash[32], uint8_t ret_key[32])
{
    struct fx_plan_source s = {.make = make, .seed = seed};
    uint64_t n = f->plans.n + 1;
    memcpy(s.hash, &n, sizeof n);
    bf_vec_push(&f->plans, s);
    memcpy(ret_hash, s.hash, 32);
    engine_plan_key(s.hash, "", "", NULL, 0, ret_key);
}

static const struct effect *create(struct fx *f, fx_make *make, uint64_t seed, const struct op_request *how, enum seeding seeding)
{
    uint8_t hash[32], key[32];
    key_of(f, make, seed, hash, key);
    if (seeding == NO_SEED || seeding == SEED_OF_A_KNOWN_PLAN)
        engine_add_plan(f->e, key, make(seed));
    if (seeding == SEED_OF_A_KNOWN_PLAN)
        engine_add_seed(f->e, engine_seed_of_known(engine_known_plan(f->e, key), how->backward, engine_first_run(f->e)));
    else if (seeding != NO_SEED)
        engine_add_seed(f->e, engine_seed_new(key, make(seed), how->backward != (seeding == SEED_OF_ANOTHER_DIRECTION),
                                              engine_first_run(f->e)));
    struct op_request r = fx_request(f, OP_CREATE, 0);
    memcpy(r.plan_hash, hash, sizeof r.plan_hash);
    r.backward = how->backward;
    r.queue = how->queue;
    r.reprocess = how->reprocess;
    return fx_command(f, &r);
}

static void run(struct fx *f, uint64_t seed, enum seeding seeding)
{
    struct chaos c;
    fx_init(f, &(struct engine_config){.seed = seed, .gate_openings_per_turn_max = 5, .grants_per_turn_max = 6, .lost_attempts_max = 3});
    chaos_init(&c, seed);
    c.steers = seed % 2;
    for (uint32_t i = 0; i < 3; i++) {
        const struct op_request how = {.backward = (seed + i) % 2, .queue = i == 2,
                                       .reprocess = i == 1 ? OP_REPROCESS_MISSING : OP_REPROCESS_ALL};
        create(f, fx_random_plan, seed * 10 + i / 2, &how, seeding);
        for (int turn = 0; turn < 12; turn++)
            chaos_turn(&c, f);
    }
    for (int turn = 0; turn < 40; turn++)
        chaos_turn(&c, f);
}

static void same(const struct fx *a, const struct fx *b, uint64_t seed)
{
    cr_assert_eq(a->journal.n, b->journal.n);
    for (size_t i = 0; i < a->journal.n; i++)
        cr_assert(a->journal.at[i].len == b->journal.at[i].len &&
                  memcmp(a->journal.at[i].data, b->journal.at[i].data, a->journal.at[i].len) == 0, "seed %llu, turn %zu",
                  (unsigned long long)seed, i);
    cr_assert(fx_same_state(a->e, b->e), "seed %llu", (unsigned long long)seed);
}

/* The journal has the decisions of every turn; counters are compared with what they count after each, in fx_turn(). */
Test(engine_seed, every_later_decision_is_the_same)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct fx plain, seeded, mistaken, known;
        run(&plain, seed, NO_SEED);
        run(&seeded, seed, A_SEED);
        run(&mistaken, seed, SEED_OF_ANOTHER_DIRECTION);
        run(&known, seed, SEED_OF_A_KNOWN_PLAN);
        same(&plain, &seeded, seed);
        same(&plain, &mistaken, seed);
        same(&plain, &known, seed);
        fx_recovers_both(&seeded);
        fx_done(&plain);
        fx_done(&seeded);
        fx_done(&mistaken);
        fx_done(&known);
    }
}

static struct plan *days(uint64_t n)
{
    return fx_chain((uint32_t)n, 0);
}

/* One that was laid out in vain is not taken by a later create, and its plan stays. */
Test(engine_seed, what_a_turn_does_not_take_is_dropped)
{
    struct fx f;
    uint8_t hash[32], key[32];
    fx_init(&f, NULL);
    key_of(&f, days, 3, hash, key);
    engine_add_seed(f.e, engine_seed_new(key, days(3), false, engine_first_run(f.e)));
    fx_turn(&f);
    cr_expect(engine_has_plan(f.e, key));
    struct op_request r = fx_request(&f, OP_CREATE, 0);
    memcpy(r.plan_hash, hash, sizeof r.plan_hash);
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    fx_turn(&f);
    struct backfill_view b = fx_backfill(&f, 1);
    cr_expect_eq(b.state, BACKFILL_RUNNING);
    fx_recovers_both(&f);
    fx_done(&f);
}

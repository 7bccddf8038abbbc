/* Scopes: what a key sees and changes. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/authority.h"
#include "tests/support/engine_fixture.h"

static const char *const mine[] = {"te*"}, *const others[] = {"other"}, *const pools[] = {"small"};

static struct plan *make(uint64_t seed)
{
    struct plan *p = fx_plan();
    (void)seed;
    fx_days(p, FX_JAN_1, 1);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    return fx_plan_done(p);
}

static enum bf_rc permit(const struct fx *f, const struct key_entry *who, uint32_t backfill, uint32_t *ret)
{
    const struct op_request req = {.verb = OP_CANCEL, .backfill = backfill, .name = ""};
    struct bf_error err = {0};
    *ret = backfill;
    enum bf_rc rc = authority_permit(f->e, who, &req, ret, &err);
    cr_expect_eq(*err.text == 0, rc == BF_OK, "%s", err.text);
    return rc;
}

/* One that a create in the same turn may make must not pass because it is not there yet. */
Test(authority, what_is_not_there_is_refused_at_once_for_a_key_with_scopes)
{
    struct key_entry all = key_empty, plans = key_empty, pool = key_empty, other = key_empty;
    plans.plans = mine;
    other.plans = others;
    plans.n_plans = other.n_plans = 1;
    pool.pools = pools;
    pool.n_pools = 1;
    struct fx f;
    uint32_t id = 0;
    fx_init(&f, NULL);
    for (uint32_t backfill = 0; backfill < 2; backfill++) {
        cr_expect_eq(permit(&f, &all, backfill, &id), BF_OK, "whoever carries it out says so");
        cr_expect_eq(permit(&f, &plans, backfill, &id), BF_NOT_FOUND);
        cr_expect_eq(permit(&f, &pool, backfill, &id), BF_NOT_FOUND);
        cr_expect_eq(permit(&f, &other, backfill, &id), BF_NOT_FOUND);
    }
    fx_create(&f, make, 1);
    fx_turn(&f);
    cr_expect(permit(&f, &plans, OP_LATEST, &id) == BF_OK && id == 1);
    cr_expect(permit(&f, &pool, OP_LATEST, &id) == BF_OK && id == 1);
    cr_expect_eq(permit(&f, &other, OP_LATEST, &id), BF_NOT_FOUND);
    cr_expect_eq(permit(&f, &other, 1, &id), BF_DENIED);
    cr_expect_eq(permit(&f, &plans, 2, &id), BF_NOT_FOUND);
    fx_done(&f);
}

/* What a key may not move by hand it may not tune by a plan. */
Test(authority, a_plan_may_tune_the_breakers_of_shared_things_for_a_key_without_scopes_alone)
{
    struct key_entry all = key_empty, plans = key_empty, pool = key_empty, viewer = key_empty;
    all.role = plans.role = pool.role = KEY_OPERATOR;
    viewer.role = KEY_VIEWER;
    plans.plans = mine;
    plans.n_plans = 1;
    pool.pools = pools;
    pool.n_pools = 1;
    static const struct { bool pool, dataset, connection, step; enum bf_rc of_plans, of_pool; } cases[] = {
        {false, false, false, true, BF_OK, BF_OK}, {true, false, false, false, BF_DENIED, BF_OK},
        {false, true, false, false, BF_DENIED, BF_DENIED}, {false, false, true, false, BF_DENIED, BF_DENIED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_error err = {0};
        struct plan *p = fx_plan();
        fx_days(p, FX_JAN_1, 1);
        fx_output(p, fx_step(p, PLAN_DAY, fx_pool(p, "small", 4)), "wh", "mart.d");
        p = fx_plan_done(p);
        p->pools[0].breaker.given = cases[i].pool;
        p->datasets[0].breaker.given = cases[i].dataset;
        p->connections[0].breaker.given = cases[i].connection;
        p->steps[0].breaker.given = cases[i].step;
        cr_expect_eq(authority_may_create(&all, p, &err), BF_OK);
        cr_expect_eq(authority_may_create(&viewer, p, &err), BF_DENIED, "its role was another when the create came");
        cr_expect_eq(authority_may_create(&plans, p, &err), cases[i].of_plans, "case %zu: %s", i, err.text);
        cr_expect_eq(authority_may_create(&pool, p, &err), cases[i].of_pool, "case %zu: %s", i, err.text);
        plan_free(p);
    }
}

static enum bf_rc command(struct fx *f, enum op_verb verb, enum key_role role, uint8_t key)
{
    struct op_request r = fx_request(f, verb, 0);
    r.name = "wendy";
    r.key_role = role;
    r.public_key[0] = key;
    return fx_command(f, &r)->rc;
}

/* What they asked for took longer than they had a right to it. */
Test(authority, who_may_not_speak_any_more_is_told_why)
{
    static const uint8_t wendys[BF_KEY_BYTES] = {77}, unknown[BF_KEY_BYTES] = {78};
    struct fx f;
    struct bf_error err = {0};
    fx_init(&f, NULL);
    cr_assert_eq(command(&f, OP_KEY_CREATE, KEY_OPERATOR, 77), BF_OK);
    cr_assert_eq(command(&f, OP_KEY_REVOKE, 0, 0), BF_OK);
    cr_expect_eq(authority_gone(f.e, wendys, &err), BF_DENIED);
    cr_expect_str_eq(err.text, "the key of wendy was revoked, and may not speak any more");
    cr_expect_eq(authority_gone(f.e, unknown, &err), BF_DENIED);
    cr_expect_str_eq(err.text, "this key is not authorised any more");
    fx_done(&f);
}

static struct plan *dotted(uint64_t seed)
{
    struct plan *p = make(seed);
    free(p->name);
    p->name = bf_xstrdup(seed == 1 ? "a.b" : "a");
    return p;
}

/* step/a.b.s0 is a step of plan a, and step/a.b/s0 one of plan a.b: a key for the one has no say in the other. */
Test(authority, the_breaker_of_a_step_belongs_to_its_plan_whatever_dots_there_are)
{
    static const char *const a[] = {"a"}, *const ab[] = {"a.b"};
    static const struct { const char *const *plans, *breaker; enum bf_rc rc; } cases[] = {
        {a, "step/a.s0", BF_OK}, {a, "step/a.b.s0", BF_OK}, {a, "step/a.b/s0", BF_DENIED},
        {ab, "step/a.b/s0", BF_OK}, {ab, "step/a.s0", BF_DENIED}, {ab, "step/a.b.s0", BF_DENIED}};
    struct fx f;
    fx_init(&f, NULL);
    cr_assert_eq(fx_create(&f, dotted, 1), 1u);
    cr_assert_eq(fx_create(&f, dotted, 2), 2u);
    fx_turn(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct op_request req = {.verb = OP_BREAKER_TRIP, .name = cases[i].breaker};
        struct key_entry who = key_empty;
        struct bf_error err = {0};
        uint32_t backfill = 0;
        who.plans = cases[i].plans;
        who.n_plans = 1;
        cr_expect_eq(authority_permit(f.e, &who, &req, &backfill, &err), cases[i].rc, "%s of %s: %s", cases[i].breaker, cases[i].plans[0],
                     err.text);
    }
    fx_done(&f);
}

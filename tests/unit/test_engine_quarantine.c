/* Quarantine: the last agent that may do the work is spared, however much fails on it. */
#include <criterion/criterion.h>
#include <string.h>

#include "coordinator/engine/view_breaker.h"
#include "tests/support/engine_fixture.h"

/* Ten steps that run once, so that more than one speaks of an agent; then many days of another. */
static struct plan *many(uint64_t seed)
{
    (void)seed;
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 200);
    for (uint32_t i = 0; i < 11; i++) {
        uint32_t step = fx_step(p, i < 10 ? PLAN_NONE : PLAN_DAY, PLAN_NO_INDEX);
        p->steps[step].priority = i < 10 ? PLAN_CRITICAL : PLAN_NORMAL;
    }
    return fx_plan_done(p);
}

/* All that runs on an agent ends so. */
static void end_on(struct fx *f, const struct fx_agent *a, enum outcome_source how)
{
    struct attempt_view v;
    uint32_t agent = engine_agent_by_key(f->e, a->key);
    for (uint64_t id = 0; (id = engine_next_attempt(f->e, id)) != 0;)
        if (engine_find_attempt(f->e, id, &v) && v.agent == agent)
            fx_ended(f, a, v.ref, how, how == OUTCOME_OK ? 0 : 11);
    fx_turn(f);
}

static struct breaker_view breaker(const struct fx *f, const struct fx_agent *a, bool *ret_spared)
{
    struct breaker_view b = {0};
    cr_assert(engine_agent_breaker(f->e, engine_agent_by_key(f->e, a->key), &b, ret_spared));
    return b;
}

Test(engine_quarantine, the_last_agent_that_may_do_the_work_is_spared)
{
    struct fx f;
    bool spared = false;
    struct fx_agent sick = fx_agent(1, 10), well = fx_agent(2, 10);
    fx_init(&f, NULL);
    fx_hello(&f, &sick, 0);
    fx_hello(&f, &well, 0);
    cr_assert_eq(fx_create(&f, many, 1), 1u);
    fx_turn(&f);
    end_on(&f, &well, OUTCOME_OK);
    end_on(&f, &well, OUTCOME_OK);
    fx_lost(&f, &well);
    fx_turn(&f);
    for (int i = 0; i < 3; i++)
        end_on(&f, &sick, OUTCOME_SIGNAL);
    cr_expect_eq(breaker(&f, &sick, &spared).state, BREAKER_CLOSED, "nobody else could go on");
    cr_expect(spared);
    fx_done(&f);
}

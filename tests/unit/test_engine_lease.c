/* Leases: the arithmetic of the settings, and who has run out when. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "common/prng.h"
#include "coordinator/engine/lease.h"

Test(engine_lease, settings)
{
    static const struct { struct lease_settings s; bool good;
    } cases[] = {
        {{60000, 5000, 66000, 15000}, true},  {{10000, 2000, 13000, 2000}, true}, {{60000, 5000, 65000, 10000}, false},
        {{60000, 5000, 66000, 15001}, false}, {{0, 5000, 66000, 100}, false},     {{60000, 0, 66000, 100}, false},
        {{60000, 5000, 66000, 0}, false},     {{-1, 5000, 66000, 100}, false},    {{INT64_MAX, 5000, INT64_MAX, 100}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_error err = {0};
        enum bf_rc rc = lease_settings_check(&cases[i].s, &err);
        cr_assert_eq(rc, cases[i].good ? BF_OK : BF_INVALID, "case %zu: %s", i, err.text);
    }
}

/* The smallest D_c that is taken is that of the formula, never less, and at most two milliseconds more (rounding up twice). */
Test(engine_lease, smallest_wait_is_that_of_the_formula)
{
    struct bf_prng rng;
    bf_prng_seed(&rng, 1);
    const double rho = 0.001;
    for (int i = 0; i < 2000; i++) {
        struct lease_settings s = {.agent_ms = 1000 + (int64_t)bf_prng_below(&rng, 100000),
                                   .fence_ms = 1 + (int64_t)bf_prng_below(&rng, 20000),
                                   .heartbeat_ms = 1};
        double exact = (1 + rho) * ((double)s.agent_ms / (1 - rho) + (double)s.fence_ms);
        s.coordinator_ms = (int64_t)ceil(exact) + 2;
        cr_assert_eq(lease_settings_check(&s, NULL), BF_OK);
        s.coordinator_ms = (int64_t)ceil(exact) - 1;
        struct bf_error err = {0};
        cr_assert_eq(lease_settings_check(&s, &err), BF_INVALID, "D_a %lld, K %lld: %lld is under %.3f", (long long)s.agent_ms,
                     (long long)s.fence_ms, (long long)s.coordinator_ms, exact);
    }
}

Test(engine_lease, renewed_expired_and_gone)
{
    struct lease_table *t = lease_table_new(100);
    uint32_t agent = 0;
    uint64_t incarnation = 0;
    cr_assert_eq(lease_next_ms(t), INT64_MAX);
    lease_start(t, 3, 30, 1000);
    lease_start(t, 1, 10, 1010);
    cr_assert_eq(lease_next_ms(t), 1100);
    cr_assert(lease_renew(t, 3, 30, 7, 1050));
    cr_assert_eq(lease_next_ms(t), 1110);
    cr_assert_eq(lease_nonce(t, 3), 7u);
    cr_assert(lease_renew(t, 3, 30, 5, 1060));
    cr_assert_eq(lease_nonce(t, 3), 7u, "an older heartbeat does not turn the nonce back");
    cr_assert_not(lease_renew(t, 3, 31, 8, 1060), "another incarnation");
    cr_assert_not(lease_renew(t, 2, 20, 1, 1060), "no lease");
    cr_assert_not(lease_expired(t, 1109, &agent, &incarnation));
    cr_assert_not(lease_renew(t, 1, 10, 1, 1110), "too late: it must say HELLO");
    cr_assert(lease_expired(t, 1110, &agent, &incarnation));
    cr_assert_eq(agent, 1u);
    cr_assert_eq(incarnation, 10u);
    cr_assert_not(lease_expired(t, 1110, &agent, &incarnation), "only once");
    lease_end(t, 3);
    cr_assert_eq(lease_next_ms(t), INT64_MAX);
    cr_assert_eq(lease_nonce(t, 3), 0u);
    lease_end(t, 99);
    lease_table_free(t);
}

Test(engine_lease, the_earliest_of_many_comes_first)
{
    struct lease_table *t = lease_table_new(1000);
    struct bf_prng rng;
    int64_t expires[200];
    bf_prng_seed(&rng, 9);
    for (uint32_t i = 0; i < 200; i++) {
        lease_start(t, i, i + 1, 0);
        expires[i] = 1000;
    }
    for (int k = 0; k < 1000; k++) {
        uint32_t i = (uint32_t)bf_prng_below(&rng, 200);
        int64_t now = (int64_t)bf_prng_below(&rng, 900);
        cr_assert(lease_renew(t, i, i + 1, (uint64_t)k + 1, now));
        expires[i] = now + 1000 > expires[i] ? now + 1000 : expires[i];
    }
    int64_t last = 0;
    uint32_t agent = 0, n = 0;
    uint64_t incarnation = 0;
    for (; lease_expired(t, 10000, &agent, &incarnation); n++) {
        cr_assert_geq(expires[agent], last);
        cr_assert_eq(incarnation, agent + 1u);
        last = expires[agent];
    }
    cr_assert_eq(n, 200u);
    lease_table_free(t);
}

Test(engine_lease, a_longer_lease_from_before_a_restart_is_waited_for)
{
    struct lease_table *t = lease_table_new(100);
    uint32_t agent = 0;
    uint64_t incarnation = 0;
    lease_grace(t, 1, 10, 1000, 600);
    lease_start(t, 1, 10, 1010);
    cr_assert(lease_renew(t, 1, 10, 1, 1020));
    cr_assert_eq(lease_next_ms(t), 1600, "neither HELLO nor a heartbeat makes it shorter");
    cr_assert(lease_renew(t, 1, 10, 2, 1550));
    cr_assert_eq(lease_next_ms(t), 1650);
    cr_assert(lease_expired(t, 1650, &agent, &incarnation));
    lease_start(t, 1, 11, 2000);
    cr_assert_eq(lease_next_ms(t), 2100, "what has expired is owed no more");
    lease_table_free(t);
}

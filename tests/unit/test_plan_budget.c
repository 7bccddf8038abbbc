/* Figures of a pool: the bound that a refusal tells is accepted as it is told, and what is advised can be typed. */
#include <criterion/criterion.h>
#include <string.h>

#include "plan/budget.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

Test(plan_budget, the_bound_is_accepted_as_it_is_told_and_nothing_over_it)
{
    static const struct { const char *dimension, *bound, *over[3]; } rows[] = {
        {"cpu", "1000000", {"1000000.001", "2000000"}}, {"memory", "1Ei", {"1025Pi", "1048577Ti", "1152921504606846977"}},
        {"io", "1Ei/s", {"1025Pi/s", "2E/s"}}, {"connections", "1000000000", {"1000000001", "9223372036854775807"}}};
    for (size_t i = 0; i < LEN(rows); i++) {
        uint64_t most = 0, n = 7;
        cr_expect(strstr(plan_budget_form(rows[i].dimension), rows[i].bound), "%s", plan_budget_form(rows[i].dimension));
        cr_expect(plan_budget_parse(rows[i].dimension, rows[i].bound, &most), "%s %s", rows[i].dimension, rows[i].bound);
        for (size_t k = 0; k < LEN(rows[i].over) && rows[i].over[k]; k++)
            cr_expect_not(plan_budget_parse(rows[i].dimension, rows[i].over[k], &n), "%s %s", rows[i].dimension, rows[i].over[k]);
        cr_expect_eq(n, 7u, "untouched");
        char option[PLAN_BUDGET_OPTION_MAX] = "";
        cr_expect(plan_budget_option(rows[i].dimension, most, option) && strstr(option, rows[i].bound), "%s", option);
        cr_expect_not(plan_budget_option(rows[i].dimension, most + 1, option), "%s", rows[i].dimension);
    }
}

Test(plan_budget, one_amount_has_many_forms)
{
    static const char *const same[] = {"1Ei", "1024Pi", "1048576Ti", "1152921504606846976"};
    for (size_t i = 0; i < LEN(same); i++) {
        uint64_t n = 0;
        cr_expect(plan_budget_parse("memory", same[i], &n) && n == POOL_BYTES_MAX, "%s", same[i]);
    }
}

Test(plan_budget, slots_are_advised_up_to_what_pool_set_takes)
{
    char option[PLAN_BUDGET_OPTION_MAX] = "";
    cr_expect(plan_budget_option("slots", POOL_SLOTS_LIMIT, option));
    cr_expect_str_eq(option, "--slots 1000000");
    cr_expect_not(plan_budget_option("slots", POOL_SLOTS_LIMIT + 1, option));
}

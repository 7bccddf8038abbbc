/* Words with values, and the names of values that come of them. */
#include "plan/words.h"

#include <stdlib.h>

#include "plan/plan.h"

#define END {NULL, 0, NULL}

const struct plan_word plan_grain_words[] = {
    {"hour", PLAN_HOUR, NULL}, {"day", PLAN_DAY, NULL}, {"week", PLAN_WEEK, NULL}, {"month", PLAN_MONTH, NULL}, {"none", PLAN_NONE, NULL},
    END,
};
const struct plan_word plan_partial_words[] = {{"refuse", false, NULL}, {"allow", true, NULL}, END};
const struct plan_word plan_priority_words[] = {
    {"critical", PLAN_CRITICAL, NULL}, {"high", PLAN_HIGH, NULL}, {"normal", PLAN_NORMAL, NULL}, {"low", PLAN_LOW, NULL}, END,
};
const struct plan_word plan_then_words[] = {
    {"kill_and_retry", PLAN_KILL_AND_RETRY, NULL}, {"kill_and_fail", PLAN_KILL_AND_FAIL, NULL}, {"warn", -1, "R12"}, END,
};
const struct plan_word plan_lost_words[] = {{"reroute_after_lease", false, NULL}, {"wait_for_fence", true, NULL}, END};
const struct plan_word plan_mapping_words[] = {
    {"same", PLAN_SAME, NULL}, {"previous", PLAN_PREVIOUS, NULL}, {"window", PLAN_WINDOW, NULL}, {"containing", PLAN_CONTAINING, NULL},
    {"contained", PLAN_CONTAINED, NULL}, {"all", PLAN_ALL, NULL}, END,
};
const struct plan_word plan_outside_words[] = {
    {"assume", PLAN_ASSUME, NULL}, {"require_success", PLAN_REQUIRE_SUCCESS, NULL}, {"refuse", PLAN_REFUSE, NULL}, END,
};
static const struct plan_word kind_words[] = {{"run", PLAN_RUN, NULL}, {"noop", PLAN_NOOP, NULL}, {"sql", PLAN_SQL, NULL}, END};

const char *plan_word_of(const struct plan_word *words, int value)
{
    for (; words->word; words++)
        if (words->value == value)
            return words->word;
    abort();                     /* every value of the enum stands in its table */
}

const char *plan_grain_name(enum plan_grain g)
{
    return plan_word_of(plan_grain_words, (int)g);
}

const char *plan_mapping_name(enum plan_mapping m)
{
    return plan_word_of(plan_mapping_words, (int)m);
}

const char *plan_outside_name(enum plan_outside o)
{
    return plan_word_of(plan_outside_words, (int)o);
}

const char *plan_priority_name(enum plan_priority p)
{
    return plan_word_of(plan_priority_words, (int)p);
}

const char *plan_kind_name(enum plan_kind k)
{
    return plan_word_of(kind_words, (int)k);
}

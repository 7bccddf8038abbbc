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
    {"kill_and_retry", PLAN_KILL_AND_RETRY, NULL}, {"kill_and_fail", PLAN_KILL_AND_FAIL, NULL}, {"warn", PLAN_ONLY_WARN, NULL}, END,
};
const struct plan_word plan_end_words[] = {
    {"pause", PLAN_END_PAUSE, NULL}, {"cancel", PLAN_END_CANCEL, NULL}, {"warn", PLAN_END_WARN, NULL}, END,
};
const struct plan_word plan_lost_words[] = {{"reroute_after_lease", false, NULL}, {"wait_for_fence", true, NULL}, END};
const struct plan_word plan_straggler_words[] = {{"go_on", false, NULL}, {"rerun", true, NULL}, END};
const struct plan_word plan_mapping_words[] = {
    {"same", PLAN_SAME, NULL}, {"previous", PLAN_PREVIOUS, NULL}, {"window", PLAN_WINDOW, NULL}, {"containing", PLAN_CONTAINING, NULL},
    {"contained", PLAN_CONTAINED, NULL}, {"all", PLAN_ALL, NULL}, END,
};
const struct plan_word plan_outside_words[] = {
    {"assume", PLAN_ASSUME, NULL}, {"require_success", PLAN_REQUIRE_SUCCESS, NULL}, {"refuse", PLAN_REFUSE, NULL}, END,
};
const struct plan_word plan_severity_words[] = {{"warn", PLAN_WARN, NULL}, {"error", PLAN_ERROR, NULL}, {"halt", PLAN_HALT, NULL}, END};
const struct plan_word plan_failure_words[] = {
    {"transient", PLAN_TRANSIENT, NULL}, {"permanent", PLAN_PERMANENT, NULL}, {"unknown", PLAN_UNKNOWN, NULL}, END,
};
const struct plan_word plan_warehouse_words[] = {{"test", PLAN_WAREHOUSE_TEST, NULL}, {"init", PLAN_WAREHOUSE_INIT, NULL}, END};
const struct plan_word plan_check_words[] = {
    {"row_count", PLAN_CHECK_ROW_COUNT, NULL}, {"not_null", PLAN_CHECK_NOT_NULL, NULL}, {"unique", PLAN_CHECK_UNIQUE, NULL},
    {"accepted_values", PLAN_CHECK_ACCEPTED_VALUES, NULL}, {"relationships", PLAN_CHECK_RELATIONSHIPS, NULL},
    {"freshness", PLAN_CHECK_FRESHNESS, NULL}, {"aligned", PLAN_CHECK_ALIGNED, NULL}, {"schema", PLAN_CHECK_SCHEMA, NULL},
    {"reconcile", PLAN_CHECK_RECONCILE, NULL}, {"sql", PLAN_CHECK_SQL, NULL}, END,
};
static const struct plan_word kind_words[] = {
    {"run", PLAN_RUN, NULL}, {"noop", PLAN_NOOP, NULL}, {"sql", PLAN_SQL, NULL}, {"shell", PLAN_SHELL, NULL}, {"http", PLAN_HTTP, NULL},
    {"warehouse", PLAN_WAREHOUSE, NULL}, {"sensor", PLAN_SENSOR, NULL}, END,
};

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

const char *plan_check_kind_name(enum plan_check_kind k)
{
    return plan_word_of(plan_check_words, (int)k);
}

const char *plan_severity_name(enum plan_severity s)
{
    return plan_word_of(plan_severity_words, (int)s);
}

const char *plan_failure_name(enum plan_failure_class f)
{
    return plan_word_of(plan_failure_words, (int)f);
}

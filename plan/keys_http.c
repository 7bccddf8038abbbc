/* The tables of an `http` step. */
#include "plan/keys_table.h"

#include "plan/keys_rules.h"

static const struct plan_word methods[] = {
    {"GET", 0, NULL}, {"HEAD", 0, NULL}, {"POST", 0, NULL}, {"PUT", 0, NULL}, {"PATCH", 0, NULL}, {"DELETE", 0, NULL}, {NULL, 0, NULL},
};

#define STATUS EITHER(T(PLAN_VALUE_STATUS), LIST(1, 100, T(PLAN_VALUE_STATUS)))
#define EQUALS EITHER(T(PLAN_VALUE_SCALAR), LIST(1, 100, T(PLAN_VALUE_SCALAR)))

static const struct plan_key until[] = {
    READ("status", STATUS, "done when the answer has this status; any other means not yet"),
    READ("json", T(PLAN_VALUE_POINTER), "done when the value there in the answer is what `equals` says"),
    READ("equals", EQUALS, "with `json`: the value, or several of which one is enough"),
};
static const char *const signs[] = {"status", "json", NULL};
KEYS(until, "until", "`until`", .one_of = signs, .whole = true, .rule = plan_rule_until);

static const struct plan_key failed[] = {
    REQUIRED("json", T(PLAN_VALUE_POINTER), "where in the answer the value stands"),
    REQUIRED("equals", EQUALS, "the value that means that it has failed, or several"),
};
KEYS(failed, "failed", "`failed`", .whole = true);

static const struct plan_key poll[] = {
    READ("url", T(PLAN_VALUE_URL), "the address, with `{{ … }}`; preset: the `Location` of the answer to the call"),
    READ("every", DURATION(1000), "the wait before each; preset `10s`"),
    REQUIRED("until", KEYS_OF(plan_keys_until), "what says that it is done"),
    READ("failed", KEYS_OF(plan_keys_failed), "what says that it will not be done"),
    REQUIRED("timeout", DURATION(1000), "how long it may take"),
};
KEYS(poll, "poll", "`poll`", .whole = true, .rule = plan_rule_poll);

static const struct plan_key http[] = {
    READ("method", T(PLAN_VALUE_WORD, .words = methods), "preset `GET`"),
    REQUIRED("url", T(PLAN_VALUE_URL), "the address, with `{{ … }}`"),
    READ("headers", T(PLAN_VALUE_MAP, .max = 100, .key = T(PLAN_VALUE_HEADER), .of = TEMPLATE),
         "headers of the call; one may hold `${env:NAME}` or `${secret:NAME}`, resolved on the agent, instead of `{{ … }}`"),
    READ("body", T(PLAN_VALUE_ANY, .what = "text, or a list or map that is sent as JSON"), "what is sent, with `{{ … }}`"),
    READ("expect", STATUS, "the answers that are good; preset `2xx`"),
    READ("poll", KEYS_OF(plan_keys_poll), "asks until what the call began is done"),
};
KEYS(http, "http", "`http`", .whole = true);

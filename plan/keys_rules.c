/* Each rule finds the keys that it needs by itself; where one is missing or of the wrong kind it has nothing to say. */
#include "plan/keys_rules.h"

#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/form.h"
#include "plan/keys_table.h"

/* A single value's text; NULL when the key is absent or holds something else. */
static const char *text_of(const struct bf_yaml_node *map, const char *key)
{
    const struct bf_yaml_node *n = bf_yaml_get(map, key);
    return n && n->kind == BF_YAML_SCALAR && !bf_yaml_is_null(n) ? n->text : NULL;
}

static bool int_of(const struct bf_yaml_node *map, const char *key, int64_t *ret)
{
    const char *text = text_of(map, key);
    return text && bf_parse_int(text, 0, INT64_MAX, ret);
}

static bool duration_of(const struct bf_yaml_node *map, const char *key, int64_t *ret_ms)
{
    const char *text = text_of(map, key);
    return text && bf_parse_duration(text, ret_ms);
}

/* An error at key `at` of map, with a note at key `other`. */
static void clash(struct bf_diags *d, const struct bf_yaml_node *map, const char *at, const char *other, const char *sentence)
{
    bf_diag_add(d, BF_DIAG_ERROR, bf_yaml_get(map, at)->mark, "%s", sentence);
    bf_diag_add(d, BF_DIAG_NOTE, bf_yaml_get(map, other)->mark, "`%s` stands here", other);
}

void plan_rule_min_max(struct bf_diags *d, const struct bf_yaml_node *map)
{
    int64_t min, max;
    if (int_of(map, "min", &min) && int_of(map, "max", &max) && min > max)
        clash(d, map, "max", "min", "`max` is less than `min`");
}

void plan_rule_row_count(struct bf_diags *d, const struct bf_yaml_node *map)
{
    plan_rule_min_max(d, map);
    if (bf_yaml_get(map, "within") && !bf_yaml_get(map, "ratio_to"))
        bf_diag_add(d, BF_DIAG_ERROR, bf_yaml_get(map, "within")->mark,
                    "`within` needs `ratio_to`: it says how near to that the count must be");
    if (!bf_yaml_get(map, "min") && !bf_yaml_get(map, "max") && !bf_yaml_get(map, "ratio_to") && !bf_yaml_get(map, "within"))
        bf_diag_add(d, BF_DIAG_ERROR, map->mark, "`row_count` needs one of `min`, `max` and `ratio_to`");
}

/* A bound is a duration where the time is measured, else a number; "0" is both. */
static void check_bound(struct bf_diags *d, const struct bf_yaml_node *map, const char *key, bool elapsed)
{
    const char *text = text_of(map, key);
    int64_t number;
    if (!text)
        return;
    if (elapsed && !bf_parse_duration(text, &number) && plan_parse_number(text, &number)) {
        bf_diag_add(d, BF_DIAG_ERROR, bf_yaml_get(map, key)->mark,
                    "`%s` must be a duration: the probe measures the time that it takes", key);
        bf_diag_fix(d, "write `%sms`, or `measure: value`", text);
    } else if (!elapsed && bf_parse_duration(text, &number) && !plan_parse_number(text, &number)) {
        bf_diag_add(d, BF_DIAG_ERROR, bf_yaml_get(map, key)->mark,
                    "`%s` must be a number: the probe measures the value that it gives", key);
    }
}

void plan_rule_probe(struct bf_diags *d, const struct bf_yaml_node *map)
{
    const char *measure = text_of(map, "measure"), *target = text_of(map, "target"), *limit = text_of(map, "limit");
    int64_t low, high;
    bool elapsed = !measure || strcmp(measure, "value") != 0;
    check_bound(d, map, "target", elapsed);
    check_bound(d, map, "limit", elapsed);
    bool both = target && limit && (elapsed ? bf_parse_duration(target, &low) && bf_parse_duration(limit, &high)
                                            : plan_parse_number(target, &low) && plan_parse_number(limit, &high));
    if (both && low >= high)
        clash(d, map, "limit", "target", "the `limit` of a probe must be over its `target`");
}

void plan_rule_window(struct bf_diags *d, const struct bf_yaml_node *map)
{
    const char *from = text_of(map, "from"), *to = text_of(map, "to");
    if (from && !bf_yaml_get(map, "to"))
        bf_diag_add(d, BF_DIAG_ERROR, bf_yaml_get(map, "from")->mark, "`to` is missing: a window with `from` needs its end");
    if (to && !bf_yaml_get(map, "from"))
        bf_diag_add(d, BF_DIAG_ERROR, bf_yaml_get(map, "to")->mark, "`from` is missing: a window with `to` needs its beginning");
    if (from && to && strcmp(from, to) == 0)
        clash(d, map, "to", "from", "the window is empty: it ends when it begins");
    if (bf_yaml_get(map, "days") && bf_yaml_get(map, "dates"))
        clash(d, map, "dates", "days", "a window has `days` or `dates`, not both");
    if (!from && !to && plan_keys_missing(map, &plan_keys_window, "days") && plan_keys_missing(map, &plan_keys_window, "dates") &&
        plan_keys_missing(map, &plan_keys_window, "from"))
        bf_diag_add(d, BF_DIAG_ERROR, map->mark, "the window says no time: give it `days`, `dates`, or `from` and `to`");
}

/* ---- flags ---- */

enum flag_type { FLAG_STRING, FLAG_INT, FLAG_NUMBER, FLAG_BOOL, FLAG_DURATION };

const struct plan_word plan_flag_types[] = {
    {"string", FLAG_STRING, NULL}, {"int", FLAG_INT, NULL}, {"number", FLAG_NUMBER, NULL}, {"bool", FLAG_BOOL, NULL},
    {"duration", FLAG_DURATION, NULL}, {NULL, 0, NULL},
};

static const struct plan_word *flag_type(const char *word)
{
    for (size_t i = 0; word && plan_flag_types[i].word; i++)
        if (strcmp(plan_flag_types[i].word, word) == 0)
            return &plan_flag_types[i];
    return NULL;
}

static bool check_flag_value(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const char *type)
{
    static const struct plan_type types[] = {
        [FLAG_STRING] = {.value = PLAN_VALUE_TEXT}, [FLAG_INT] = {.value = PLAN_VALUE_INT, .min = -1000000000000000,
            .max = 1000000000000000},
        [FLAG_NUMBER] = {.value = PLAN_VALUE_NUMBER, .min = -999999999999, .max = 999999999999},
        [FLAG_BOOL] = {.value = PLAN_VALUE_BOOL},
        [FLAG_DURATION] = {.value = PLAN_VALUE_DURATION},
    };
    const struct plan_word *word = flag_type(type);
    return !word || plan_value_check(d, n, key, &types[word->value]);
}

/* Is the value among those of the list, or is there no list? */
static bool is_allowed(const struct bf_yaml_node *value, const struct bf_yaml_node *allowed)
{
    if (!allowed || allowed->kind != BF_YAML_SEQ || allowed->n == 0)
        return true;
    for (size_t i = 0; i < allowed->n; i++)
        if (allowed->items[i]->kind == BF_YAML_SCALAR && strcmp(allowed->items[i]->text, value->text) == 0)
            return true;
    return false;
}

void plan_flag_value_check(struct bf_diags *d, const struct bf_yaml_node *n, const char *flag, const struct bf_yaml_node *body)
{
    const struct bf_yaml_node *allowed = bf_yaml_get(body, "allowed");
    char shown[PLAN_CLIP];
    if (n->kind != BF_YAML_SCALAR || bf_yaml_is_null(n) || !check_flag_value(d, n, flag, text_of(body, "type")) || is_allowed(n,
            allowed))
        return;
    bf_diag_add(d, BF_DIAG_ERROR, n->mark, "flag `%s` cannot be `%s`: its `allowed` does not have it", flag, plan_clip(n->text,
            shown));
    bf_diag_add(d, BF_DIAG_NOTE, allowed->mark, "`allowed` stands here");
}

void plan_rule_flag(struct bf_diags *d, const struct bf_yaml_node *map)
{
    const char *type = text_of(map, "type");
    const struct bf_yaml_node *value = bf_yaml_get(map, "default"), *allowed = bf_yaml_get(map, "allowed");
    bool good = value && text_of(map, "default") && check_flag_value(d, value, "default", type);
    for (size_t i = 0; allowed && allowed->kind == BF_YAML_SEQ && i < allowed->n; i++) {
        const struct bf_yaml_node *item = allowed->items[i];
        BF_AUTO_FREE char *key = bf_xasprintf("allowed[%zu]", i);
        if (item->kind == BF_YAML_SCALAR && !bf_yaml_is_null(item))
            (void)check_flag_value(d, item, key, type);
    }
    if (good && !is_allowed(value, allowed))
        clash(d, map, "default", "allowed", "the `default` is none of the values that are `allowed`");
}

/* ---- rollout, sensor, step ---- */

void plan_rule_rollout(struct bf_diags *d, const struct bf_yaml_node *map)
{
    const struct bf_yaml_node *then = bf_yaml_get(map, "then");
    int64_t before = 0, n;
    if (map->n == 0)
        bf_diag_add(d, BF_DIAG_ERROR, map->mark, "`rollout` needs `canary` or `then`");
    for (size_t i = 0; then && then->kind == BF_YAML_SEQ && i < then->n; i++) {
        const struct bf_yaml_node *item = then->items[i];
        bool all = item->kind == BF_YAML_SCALAR && strcmp(item->text, "all") == 0;
        if (all && i + 1 < then->n) {
            bf_diag_add(d, BF_DIAG_ERROR, then->items[i + 1]->mark, "nothing can follow `all` in `then`");
            return;
        }
        if (all || item->kind != BF_YAML_SCALAR || !bf_parse_int(item->text, 1, INT64_MAX, &n))
            continue;
        if (n <= before)
            bf_diag_add(d, BF_DIAG_ERROR, item->mark, "`then` must grow: %lld is not more than %lld", (long long)n,
                        (long long)before);
        before = n;
    }
}

void plan_rule_sensor(struct bf_diags *d, const struct bf_yaml_node *map)
{
    int64_t every, timeout;
    if (duration_of(map, "every", &every) && duration_of(map, "timeout", &timeout) && timeout < every)
        clash(d, map, "timeout", "every", "the sensor gives up before it looks a second time: `timeout` is less than `every`");
}

void plan_rule_agents(struct bf_diags *d, const struct bf_yaml_node *map)
{
    if (bf_yaml_get(map, "wait") && plan_keys_missing(map, &plan_keys_agents, "prefer")) {
        bf_diag_add(d, BF_DIAG_ERROR, bf_yaml_get(map, "wait")->mark, "`wait` needs `prefer`: it says for which agent to wait");
        bf_diag_fix(d, "write `prefer: inputs` beside it");
    }
}

void plan_rule_until(struct bf_diags *d, const struct bf_yaml_node *map)
{
    if (bf_yaml_get(map, "json") && !bf_yaml_get(map, "status") && plan_keys_missing(map, &plan_keys_until, "equals"))
        bf_diag_add(d, BF_DIAG_ERROR, map->mark, "`equals` is missing: say which value of `json` means that it is done");
    if (bf_yaml_get(map, "equals") && !bf_yaml_get(map, "json"))
        bf_diag_add(d, BF_DIAG_ERROR, bf_yaml_get(map, "equals")->mark, "`equals` needs `json`, which says where the value stands");
}

void plan_rule_poll(struct bf_diags *d, const struct bf_yaml_node *map)
{
    int64_t every, timeout;
    if (duration_of(map, "every", &every) && duration_of(map, "timeout", &timeout) && timeout < every)
        clash(d, map, "timeout", "every", "the poll gives up before it asks: `timeout` is less than `every`");
}

void plan_rule_breaker(struct bf_diags *d, const struct bf_yaml_node *map)
{
    int64_t least, most;
    if (int_of(map, "minimum", &least) && int_of(map, "window", &most) && least > most)
        clash(d, map, "minimum", "window", "the breaker never opens: its `minimum` of votes is more than its `window` holds");
    if (duration_of(map, "open", &least) && duration_of(map, "open_max", &most) && least > most)
        clash(d, map, "open_max", "open", "`open_max` is less than `open`");
}

static bool is_true(const char *text)
{
    return text && strcasecmp(text, "true") == 0;
}

/* The word is a promise that the step may be ended half-way and run again: here is what shows that it may not, or gains nothing by it. */
static void rule_straggler(struct bf_diags *d, const struct bf_yaml_node *map)
{
    static const char *const idle[] = {"noop", "sensor"};
    const char *said = text_of(map, "on_straggler"), *lost = text_of(map, "on_lost");
    const struct bf_yaml_node *mark = bf_yaml_get(map, "on_straggler"), *sql = bf_yaml_get(map, "sql");
    if (!said || strcmp(said, "rerun") != 0)
        return;
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
        if (bf_yaml_get(map, idle[i]))
            bf_diag_add(d, BF_DIAG_ERROR, mark->mark, "`on_straggler: rerun` is for steps that work: an attempt of "
                                                             "a `%s` step ends at once", idle[i]);
    if (lost && strcmp(lost, "wait_for_fence") == 0) {
        bf_diag_add(d, BF_DIAG_ERROR, mark->mark,
                    "`on_lost: wait_for_fence` says that the step may not run twice at any price, and `on_straggler: rerun` that it may");
        bf_diag_fix(d, "leave one out");
    }
    if (sql && !is_true(text_of(sql, "transaction")) && !text_of(sql, "publish")) {
        bf_diag_add(d, BF_DIAG_WARNING, mark->mark,
                    "what the statements wrote before the step is ended stays, and is written again: the step is not in a transaction");
        bf_diag_fix(d, "add `transaction: true` under `sql`");
    }
}

void plan_rule_step(struct bf_diags *d, const struct bf_yaml_node *map)
{
    const struct bf_yaml_node *loss = bf_yaml_get(map, "on_coordinator_loss"), *sql = bf_yaml_get(map, "sql");
    rule_straggler(d, map);
    if (loss && !(sql && is_true(text_of(sql, "transaction"))))
        bf_diag_add(d, BF_DIAG_ERROR, loss->mark,
                    "only a `sql` step with `transaction: true` may go on without the coordinator: nothing "
                    "else has a fence in the warehouse");
}

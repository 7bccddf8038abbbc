/* The table of keys.  A key moves from "not supported yet" to "read" by changing its entry here and reading it. */
#include "plan/keys.h"

#include <string.h>

#include "common/text.h"
#include "plan/read.h"

#define READ(name, kind) {name, PLAN_KEY_READ, PLAN_KEY_##kind}
#define SHOWN(name) {name, PLAN_KEY_DESCRIBES, PLAN_KEY_SCALAR}
#define NOT_YET(name) {name, PLAN_KEY_NOT_YET, PLAN_KEY_ANY}
#define KEYS(where, table) {where, table, sizeof table / sizeof *table}

static const struct plan_key top[] = {
    READ("apiVersion", SCALAR), READ("kind", SCALAR), READ("name", SCALAR),
    SHOWN("description"), SHOWN("owner"), SHOWN("change_ticket"), SHOWN("sensitivity"), SHOWN("why"), SHOWN("contact"),
    SHOWN("playbook"), {"owners", PLAN_KEY_DESCRIBES, PLAN_KEY_MAP},
    READ("partitions", MAP), READ("connections", MAP), READ("pools", MAP), READ("datasets", MAP), READ("defaults", MAP),
    READ("params", MAP), READ("steps", MAP),
    NOT_YET("windows"), NOT_YET("flags"), NOT_YET("exposures"), NOT_YET("rollout"), NOT_YET("ceilings"),
};
static const struct plan_key owner[] = {
    SHOWN("contact"), SHOWN("playbook"), SHOWN("description"), NOT_YET("escalation"),
};
static const struct plan_key partitions[] = {
    READ("grain", SCALAR), READ("from", SCALAR), READ("to", SCALAR), READ("timezone", SCALAR), NOT_YET("partial"),
};
static const struct plan_key step_partitions[] = {
    READ("grain", SCALAR), NOT_YET("from"), NOT_YET("to"), NOT_YET("timezone"), NOT_YET("partial"),
};
static const struct plan_key connection[] = {
    READ("odbc", SCALAR), SHOWN("description"), SHOWN("owner"), NOT_YET("probe"), NOT_YET("dialect"),
};
static const struct plan_key pool[] = {
    READ("slots", SCALAR), SHOWN("description"), SHOWN("owner"),
    NOT_YET("cpu"), NOT_YET("memory"), NOT_YET("io"), NOT_YET("units"), NOT_YET("throttle"), NOT_YET("start_rate"),
};
static const struct plan_key dataset[] = {
    READ("external", SCALAR), READ("connection", SCALAR), READ("partition_column", SCALAR),
    SHOWN("description"), SHOWN("owner"), SHOWN("contact"),
    NOT_YET("sensitivity"), NOT_YET("freshness"), NOT_YET("schema"),
};
static const struct plan_key defaults[] = {
    READ("retry", MAP), READ("timebox", MAP), READ("pool", SCALAR), READ("priority", SCALAR),
};
static const struct plan_key retry[] = {
    READ("max", SCALAR), READ("backoff", MAP), NOT_YET("budget"),
};
static const struct plan_key backoff[] = {
    READ("initial", SCALAR), READ("factor", SCALAR), READ("max", SCALAR), READ("jitter", SCALAR),
};
static const struct plan_key timebox[] = {
    READ("limit", SCALAR), READ("then", SCALAR),
};
static const struct plan_key step[] = {
    READ("run", LIST), READ("noop", SCALAR), READ("sql", MAP),
    READ("inputs", LIST), READ("outputs", LIST), READ("needs", LIST), READ("partitions", MAP),
    READ("pool", SCALAR), READ("priority", SCALAR), READ("env", MAP), READ("agents", MAP), READ("expect", MAP),
    READ("retry", MAP), READ("timebox", MAP), READ("on_lost", SCALAR),
    SHOWN("description"), SHOWN("owner"), SHOWN("why"), SHOWN("contact"), SHOWN("playbook"),
    NOT_YET("shell"), NOT_YET("http"), NOT_YET("sensor"), NOT_YET("tolerance"), NOT_YET("deadline"), NOT_YET("resources"),
    NOT_YET("checks"), NOT_YET("check_severity"), NOT_YET("rollback"), NOT_YET("fallback"), NOT_YET("batch"),
    NOT_YET("secrets"), NOT_YET("tags"), NOT_YET("weight"), NOT_YET("failure"), NOT_YET("on_coordinator_loss"),
};
static const struct plan_key expect[] = {
    READ("duration", SCALAR),
};
static const struct plan_key sql[] = {
    READ("connection", SCALAR), READ("transaction", SCALAR), READ("file", SCALAR), READ("text", SCALAR), NOT_YET("publish"),
};
static const struct plan_key agents[] = {
    READ("labels", MAP),
};

const struct plan_keys plan_keys_top = KEYS("a plan", top);
const struct plan_keys plan_keys_owner = KEYS("an owner", owner);
const struct plan_keys plan_keys_partitions = KEYS("`partitions`", partitions);
const struct plan_keys plan_keys_step_partitions = KEYS("a step's `partitions`", step_partitions);
const struct plan_keys plan_keys_connection = KEYS("a connection", connection);
const struct plan_keys plan_keys_pool = KEYS("a pool", pool);
const struct plan_keys plan_keys_dataset = KEYS("a dataset", dataset);
const struct plan_keys plan_keys_defaults = KEYS("`defaults`", defaults);
const struct plan_keys plan_keys_retry = KEYS("`retry`", retry);
const struct plan_keys plan_keys_backoff = KEYS("`backoff`", backoff);
const struct plan_keys plan_keys_timebox = KEYS("`timebox`", timebox);
const struct plan_keys plan_keys_step = KEYS("a step", step);
const struct plan_keys plan_keys_expect = KEYS("`expect`", expect);
const struct plan_keys plan_keys_sql = KEYS("`sql`", sql);
const struct plan_keys plan_keys_agents = KEYS("`agents`", agents);

static const struct plan_key *find(const struct plan_keys *keys, const char *name)
{
    for (size_t i = 0; i < keys->n; i++)
        if (strcmp(keys->at[i].name, name) == 0)
            return &keys->at[i];
    return NULL;
}

static bool kind_fits(const struct bf_yaml_node *n, enum plan_key_kind kind)
{
    switch (kind) {
    case PLAN_KEY_SCALAR: return n->kind == BF_YAML_SCALAR && !bf_yaml_is_null(n);
    case PLAN_KEY_LIST: return n->kind == BF_YAML_SEQ;
    case PLAN_KEY_MAP: return n->kind == BF_YAML_MAP;
    case PLAN_KEY_ANY: return true;
    }
    return false;
}

static void complain_kind(struct bf_diags *d, const struct bf_yaml_node *n, const char *name, enum plan_key_kind kind)
{
    static const char *const kinds[] = {
        [PLAN_KEY_SCALAR] = "a single value", [PLAN_KEY_LIST] = "a list", [PLAN_KEY_MAP] = "a map", [PLAN_KEY_ANY] = "a value",
    };
    if (n->kind == BF_YAML_SCALAR && bf_yaml_is_null(n))
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` has no value: it must be %s", name, kinds[kind]);
    else
        bf_diag_add(d, BF_DIAG_ERROR, n->mark, "`%s` must be %s", name, kinds[kind]);
}

enum { KEYS_MAX = 64 };

static size_t key_names(const struct plan_keys *keys, const char *ret[KEYS_MAX])
{
    size_t n = 0;
    for (; n < keys->n && n < KEYS_MAX; n++)
        ret[n] = keys->at[n].name;
    return n;
}

/* Past the last diagnostic that is kept, the nearest name is not looked for. */
static void unknown_key(struct bf_diags *d, const struct bf_yaml_node *key, const struct plan_keys *keys)
{
    if (d->n >= BF_DIAG_MAX) {
        bf_diag_add(d, BF_DIAG_ERROR, key->mark, "unknown key");
        return;
    }
    const char *names[KEYS_MAX];
    struct bf_buf what = {0};
    size_t n = key_names(keys, names);
    bf_buf_printf(&what, "key of %s:", keys->where);
    plan_unknown(d, key->mark, bf_buf_cstr(&what), key->text, names, n, "");
    bf_buf_free(&what);
}

static void check_pair(struct bf_diags *d, const struct bf_yaml_node *key, const struct bf_yaml_node *value,
                       const struct plan_keys *keys)
{
    const char *text;
    const struct plan_key *k = find(keys, key->text);
    if (!k)
        unknown_key(d, key, keys);
    else if (k->status == PLAN_KEY_NOT_YET)
        bf_diag_add(d, BF_DIAG_ERROR, key->mark, "`%s` of %s is not supported yet", k->name, keys->where);
    else if (!kind_fits(value, k->kind))
        complain_kind(d, value, k->name, k->kind);
    else if (k->status == PLAN_KEY_DESCRIBES && k->kind == PLAN_KEY_SCALAR)
        (void)plan_read_text(d, value, k->name, PLAN_TEXT_MAX, &text);
}

bool plan_keys_check(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys)
{
    if (map->kind != BF_YAML_MAP) {
        bf_diag_add(d, BF_DIAG_ERROR, map->mark, "%s must be a map", keys->where);
        return false;
    }
    for (size_t i = 0; i < map->n; i++)
        check_pair(d, map->keys[i], map->items[i], keys);
    return true;
}

const struct bf_yaml_node *plan_keys_get(const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name)
{
    const struct plan_key *k = find(keys, name);
    const struct bf_yaml_node *value = bf_yaml_get(map, name);
    return k && value && k->status != PLAN_KEY_NOT_YET && kind_fits(value, k->kind) ? value : NULL;
}

bool plan_keys_missing(const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name)
{
    const char *names[KEYS_MAX];
    size_t n = key_names(keys, names);
    if (bf_yaml_get(map, name))
        return false;
    for (size_t i = 0; i < map->n && i < BF_DIAG_MAX; i++) {
        const struct bf_yaml_node *key = map->keys[i];
        const char *near = find(keys, key->text) || key->text_len > 64 ? NULL : bf_nearest(key->text, names, n);
        if (near && strcmp(near, name) == 0)
            return false;
    }
    return true;
}

/* A map against its table of keys. */
#include "plan/keys.h"

#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/form.h"
#include "plan/read.h"

enum {
    KEYS_MAX = 64,
    CROWD = 1000                 /* so many keys are not read on: each look-up would walk them all */
};

const struct plan_key *plan_keys_find(const struct plan_keys *keys, const char *name)
{
    for (size_t i = 0; i < keys->n; i++)
        if (keys->at[i].name[0] == name[0] && strcmp(keys->at[i].name, name) == 0)
            return &keys->at[i];
    return NULL;
}

static size_t key_names(const struct plan_keys *keys, const char *ret[KEYS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < keys->n && n < KEYS_MAX; i++)
        if (keys->at[i].status != PLAN_KEY_REFUSED)
            ret[n++] = keys->at[i].name;
    return n;
}

/* What other tools call our keys. */
static const struct { const char *theirs, *ours; } other_words[] = {
    {"depends_on", "needs"}, {"dependencies", "needs"}, {"upstream", "needs"}, {"refs", "inputs"}, {"reads", "inputs"},
    {"sources", "inputs"},
    {"writes", "outputs"}, {"command", "run"}, {"cmd", "run"}, {"args", "run"}, {"bash_command", "shell"}, {"script", "shell"},
    {"environment", "env"}, {"retries", "retry"}, {"timeout", "timebox"}, {"execution_timeout", "timebox"}, {"priority_weight", "weight"},
    {"tests", "checks"}, {"tasks", "steps"}, {"jobs", "steps"}, {"models", "steps"}, {"variables", "params"}, {"vars", "params"},
    {"parameters", "params"}, {"start_date", "from"}, {"end_date", "to"}, {"start", "from"}, {"end", "to"}, {"tz", "timezone"},
    {"granularity", "grain"},
};

static const char *our_word(const struct plan_keys *keys, const char *theirs)
{
    for (size_t i = 0; i < sizeof other_words / sizeof *other_words; i++)
        if (strcmp(other_words[i].theirs, theirs) == 0 && plan_keys_find(keys, other_words[i].ours))
            return other_words[i].ours;
    return NULL;
}

/* The key that an unknown one was meant for, or NULL. */
static const char *meant(const struct plan_keys *keys, const char *word)
{
    const char *names[KEYS_MAX], *ours = our_word(keys, word);
    return ours ? ours : bf_nearest(word, names, key_names(keys, names));
}

/* Past the last diagnostic that is kept, the nearest name is not looked for. */
static void unknown_key(struct bf_diags *d, const struct bf_yaml_node *key, const struct plan_keys *keys)
{
    if (d->n >= BF_DIAG_MAX) {
        bf_diag_add(d, BF_DIAG_ERROR, key->mark, "unknown key");
        return;
    }
    const char *names[KEYS_MAX], *ours = our_word(keys, key->text);
    BF_AUTO_FREE char *what = bf_xasprintf("key of %s:", keys->where);
    if (ours) {
        bf_diag_add(d, BF_DIAG_ERROR, key->mark, "unknown %s `%s`; here it is `%s`", what, key->text, ours);
        bf_diag_fix(d, "write `%s`", ours);
        return;
    }
    if (strcmp(key->text, "schedule") == 0 || strcmp(key->text, "schedule_interval") == 0 || strcmp(key->text, "cron") == 0) {
        bf_diag_add(d, BF_DIAG_ERROR, key->mark, "unknown %s `%s`: a backfill runs when it is created", what, key->text);
        bf_diag_fix(d, "leave it out, and let cron or a timer call `bfctl backfill create`");
        return;
    }
    size_t n = key_names(keys, names);
    plan_unknown(d, key->mark, what, key->text, names, n, "");
}

static void check_pair(struct bf_diags *d, const struct bf_yaml_node *key, const struct bf_yaml_node *value,
                       const struct plan_keys *keys)
{
    const struct plan_key *k = plan_keys_find(keys, key->text);
    if (!k) {
        unknown_key(d, key, keys);
        return;
    }
    switch (k->status) {
    case PLAN_KEY_READ:
        (void)(keys->whole ? plan_value_check : plan_value_shape)(d, value, k->name, k->type);
        break;
    case PLAN_KEY_DESCRIBES:
    case PLAN_KEY_PART:
        (void)plan_value_check(d, value, k->name, k->type);
        break;
    case PLAN_KEY_NOT_YET:
        (void)plan_value_check(d, value, k->name, k->type);
        if (k->id)
            bf_diag_add(d, BF_DIAG_ERROR, key->mark, "`%s` is not supported yet (%s)", k->name, k->id);
        break;
    case PLAN_KEY_REFUSED:
        bf_diag_add(d, BF_DIAG_ERROR, key->mark, "`%s` cannot stand in %s: %s", k->name, keys->where, k->help);
        bf_diag_fix(d, "leave it out");
        break;
    }
}

void plan_keys_need(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name)
{
    const struct plan_key *k = plan_keys_find(keys, name);
    if (!plan_keys_missing(map, keys, name))
        return;
    struct bf_buf phrase = {0};
    if (k->missing) {
        bf_buf_put_str(&phrase, k->missing);
    } else if (k->type->value == PLAN_VALUE_WORD) {
        bf_buf_put_str(&phrase, "use ");
        plan_type_words(k->type, &phrase);
    } else {
        bf_buf_printf(&phrase, "%s needs it", keys->where);
    }
    bf_diag_add(d, BF_DIAG_ERROR, map->mark, "`%s` is missing: %s", name, bf_buf_cstr(&phrase));
    bf_buf_free(&phrase);
}

static void complain_missing(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys)
{
    for (size_t i = 0; i < keys->n; i++)
        if (keys->at[i].required)
            plan_keys_need(d, map, keys, keys->at[i].name);
}

/* Is key one of those of which a map has exactly one? */
static bool is_choice(const struct plan_keys *keys, const char *key)
{
    for (size_t i = 0; keys->one_of && keys->one_of[i]; i++)
        if (strcmp(keys->one_of[i], key) == 0)
            return true;
    return keys->only_one && plan_keys_find(keys, key);
}

/* "a step needs one of `run`, `sql` or `noop`": of those that work, where there are some. */
static void complain_choice(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys)
{
    const char *names[KEYS_MAX];
    size_t n = 0;
    for (size_t pass = 0; pass < 2 && n == 0; pass++)
        for (size_t i = 0; i < keys->n && n < KEYS_MAX; i++)
            if (is_choice(keys, keys->at[i].name) && (pass == 1 || keys->at[i].status == PLAN_KEY_READ))
                names[n++] = keys->at[i].name;
    struct bf_buf list = {0};
    for (size_t i = 0; i < n; i++)
        bf_buf_printf(&list, "%s`%s`", i == 0 ? "" : i + 1 < n ? ", " : " or ", names[i]);
    bf_diag_add(d, BF_DIAG_ERROR, map->mark, "%s needs one of %s", keys->where, bf_buf_cstr(&list));
    bf_buf_free(&list);
}

/* Was one of the choice meant by an unknown key?  Past the last diagnostic that is kept it does not matter. */
static bool means_choice(const struct bf_diags *d, const struct plan_keys *keys, const struct bf_yaml_node *key)
{
    if (plan_keys_find(keys, key->text))
        return false;
    const char *near = d->n >= BF_DIAG_MAX ? NULL : meant(keys, key->text);
    return d->n >= BF_DIAG_MAX || (near && is_choice(keys, near));
}

static void check_choice(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys)
{
    const struct bf_yaml_node *first = NULL;
    bool meant = false;
    for (size_t i = 0; i < map->n; i++) {
        const struct bf_yaml_node *key = map->keys[i];
        if (!is_choice(keys, key->text)) {
            meant = meant || means_choice(d, keys, key);
        } else if (first) {
            bf_diag_add(d, BF_DIAG_ERROR, key->mark, "%s takes one of `%s` and `%s`, not both", keys->where, first->text,
                        key->text);
            bf_diag_add(d, BF_DIAG_NOTE, first->mark, "`%s` stands here", first->text);
        } else {
            first = key;
        }
    }
    if (!first && !meant)
        complain_choice(d, map, keys);
}

bool plan_keys_check(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys)
{
    if (map->kind != BF_YAML_MAP) {
        bf_diag_add(d, BF_DIAG_ERROR, map->mark, "%s must be a map", keys->where);
        return false;
    }
    for (size_t i = 0; i < map->n; i++)
        check_pair(d, map->keys[i], map->items[i], keys);
    if (map->n > CROWD)
        return false;
    complain_missing(d, map, keys);
    if (keys->only_one || keys->one_of)
        check_choice(d, map, keys);
    if (keys->rule)
        keys->rule(d, map);
    return true;
}

const struct bf_yaml_node *plan_keys_get(const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name)
{
    const struct plan_key *k = plan_keys_find(keys, name);
    const struct bf_yaml_node *value = k && map->n <= CROWD ? bf_yaml_get(map, name) : NULL;
    bool works = value && (k->status == PLAN_KEY_READ || k->status == PLAN_KEY_DESCRIBES);
    return works && plan_value_has_shape(value, k->type) ? value : NULL;
}

bool plan_keys_missing(const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name)
{
    if (bf_yaml_get(map, name))
        return false;
    for (size_t i = 0; i < map->n && i < BF_DIAG_MAX; i++) {
        const struct bf_yaml_node *key = map->keys[i];
        const char *near = plan_keys_find(keys, key->text) || key->text_len > 64 ? NULL : meant(keys, key->text);
        if (near && strcmp(near, name) == 0)
            return false;
    }
    return true;
}

bool plan_keys_word(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name, int *ret)
{
    const struct bf_yaml_node *n = plan_keys_get(map, keys, name);
    return n && plan_read_word(d, n, name, plan_keys_find(keys, name)->type->words, ret);
}

bool plan_keys_int(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name, int64_t *ret)
{
    const struct bf_yaml_node *n = plan_keys_get(map, keys, name);
    const struct plan_type *type = plan_keys_find(keys, name)->type;
    return n && plan_read_int(d, n, name, type->min, type->max, ret);
}

bool plan_keys_number(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name,
                      int64_t *ret_milli)
{
    const struct bf_yaml_node *n = plan_keys_get(map, keys, name);
    return n && plan_value_check(d, n, name, plan_keys_find(keys, name)->type) && plan_parse_number(n->text, ret_milli);
}

bool plan_keys_percent(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name,
                       int64_t *ret_millionths)
{
    const struct bf_yaml_node *n = plan_keys_get(map, keys, name);
    return n && plan_value_check(d, n, name, plan_keys_find(keys, name)->type) && plan_parse_percent(n->text, ret_millionths);
}

bool plan_keys_duration(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name,
                        int64_t *ret_ms)
{
    const struct bf_yaml_node *n = plan_keys_get(map, keys, name);
    return n && plan_read_duration(d, n, name, plan_keys_find(keys, name)->type->min, ret_ms);
}

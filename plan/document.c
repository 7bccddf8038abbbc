/* The plan's own maps: header, owners, connections, pools, datasets, exposures, params, defaults.  Entries keep the order of the document;
 * an entry that could not be read keeps its name, so that uses of it are not called unknown on top. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/deadline.h"
#include "plan/keys.h"
#include "plan/odbc.h"
#include "plan/read.h"

static char *shown_text(const struct bf_yaml_node *map, const struct plan_keys *keys, const char *key)
{
    const struct bf_yaml_node *n = plan_keys_get(map, keys, key);
    return n ? bf_xstrdup(n->text) : NULL;
}

void plan_words_read(const struct bf_yaml_node *map, const struct plan_keys *keys, struct plan_words *ret)
{
    for (size_t i = 0; i < PLAN_WORDS_COUNT; i++)
        *plan_words_at(ret, i) = shown_text(map, keys, plan_words_key(i));
}

/* A section of the plan; NULL when it is absent or no map. */
static const struct bf_yaml_node *section(struct plan_compiler *c, const char *key)
{
    return plan_keys_get(c->root, &plan_keys_top, key);
}

static void must_be(struct plan_compiler *c, const char *key, const char *value)
{
    const struct bf_yaml_node *n = plan_keys_get(c->root, &plan_keys_top, key);
    if (n && strcmp(n->text, value) != 0)
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`%s` must be `%s`", key, value);
}

static void read_owners(struct plan_compiler *c)
{
    const struct bf_yaml_node *map = section(c, "owners");
    const char *name;
    if (!map)
        return;
    c->plan->owners = bf_xcalloc(map->n, sizeof *c->plan->owners);
    for (size_t i = 0; i < map->n; i++) {
        if (!plan_read_name(c->d, map->keys[i], "owner", &name))
            continue;
        struct plan_owner *owner = &c->plan->owners[c->plan->n_owners++];
        owner->name = bf_xstrdup(name);
        if (!bf_yaml_is_null(map->items[i]) && plan_keys_check(c->d, map->items[i], &plan_keys_owner))
            plan_words_read(map->items[i], &plan_keys_owner, &owner->words);
    }
}

static void read_header(struct plan_compiler *c)
{
    struct plan *p = c->plan;
    const char *name = NULL;
    must_be(c, "apiVersion", "backfill/v1");
    must_be(c, "kind", "Plan");
    const struct bf_yaml_node *n = plan_keys_get(c->root, &plan_keys_top, "name");
    if (n && plan_read_name(c->d, n, "plan", &name))
        p->name = bf_xstrdup(name);
    p->sensitivity = shown_text(c->root, &plan_keys_top, "sensitivity");
    p->change_ticket = shown_text(c->root, &plan_keys_top, "change_ticket");
    plan_words_read(c->root, &plan_keys_top, &p->words);
    read_owners(c);
}

static void read_odbc(struct plan_compiler *c, const struct bf_yaml_node *body, struct plan_connection *connection)
{
    const char *text;
    bool any;
    const struct bf_yaml_node *n = plan_keys_get(body, &plan_keys_connection, "odbc");
    if (!n || !plan_read_text(c->d, n, "odbc", PLAN_TEXT_MAX, &text))
        return;
    if (!*text)
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`odbc` has no value");
    plan_references_check(c->d, n, "odbc", &any);
    if (plan_odbc_has_password(text))
        bf_diag_add(c->d, BF_DIAG_WARNING, n->mark,
                    "a password stands in the plan, which is stored and shown: put it into `${env:NAME}` or `${secret:NAME}`");
    connection->odbc = bf_xstrdup(text);
}

static void read_connection(struct plan_compiler *c, const struct bf_yaml_node *body, struct plan_connection *connection)
{
    const struct plan_keys *keys = &plan_keys_connection;
    const struct bf_yaml_node *n = plan_keys_get(body, keys, "fence_table");
    int word;
    read_odbc(c, body, connection);
    connection->ansi = plan_keys_word(c->d, body, keys, "dialect", &word);
    if (n && plan_value_check(c->d, n, "fence_table", plan_keys_find(keys, "fence_table")->type))
        connection->fence_table = bf_xstrdup(n->text);
    connection->breaker = plan_breaker_of(c, body, keys, BREAKER_CONNECTION);
    plan_words_read(body, keys, &connection->words);
}

static void read_connections(struct plan_compiler *c)
{
    const struct bf_yaml_node *map = section(c, "connections");
    const char *name;
    if (!map)
        return;
    c->plan->connections = bf_xcalloc(map->n, sizeof *c->plan->connections);
    for (size_t i = 0; i < map->n; i++) {
        if (!plan_read_name(c->d, map->keys[i], "connection", &name))
            continue;
        struct plan_connection *connection = &c->plan->connections[c->plan->n_connections++];
        connection->name = bf_xstrdup(name);
        plan_names_add(&c->connections, connection->name);
        if (plan_keys_check(c->d, map->items[i], &plan_keys_connection))
            read_connection(c, map->items[i], connection);
    }
}

static void read_pool(struct plan_compiler *c, const struct bf_yaml_node *body, struct plan_pool *pool)
{
    int64_t slots;
    if (plan_keys_int(c->d, body, &plan_keys_pool, "slots", &slots))
        pool->slots = (uint32_t)slots;
    plan_budget_read(c, body, &plan_keys_pool, false, &pool->has);
    plan_start_rate_read(c, body, pool);
    pool->breaker = plan_breaker_of(c, body, &plan_keys_pool, BREAKER_POOL);
    plan_words_read(body, &plan_keys_pool, &pool->words);
}

static void read_pools(struct plan_compiler *c)
{
    const struct bf_yaml_node *map = section(c, "pools");
    const char *name;
    if (!map)
        return;
    c->plan->pools = bf_xcalloc(map->n, sizeof *c->plan->pools);
    for (size_t i = 0; i < map->n; i++) {
        if (!plan_read_name(c->d, map->keys[i], "pool", &name))
            continue;
        struct plan_pool *pool = &c->plan->pools[c->plan->n_pools++];
        *pool = (struct plan_pool){.name = bf_xstrdup(name), .mark = map->keys[i]->mark};
        plan_names_add(&c->pools, pool->name);
        if (plan_keys_check(c->d, map->items[i], &plan_keys_pool))
            read_pool(c, map->items[i], pool);
    }
}

/* What it is called in its database.  A name that dots divide into empty parts is none there. */
static void read_table(struct plan_compiler *c, const struct bf_yaml_node *body, struct plan_dataset *dataset)
{
    const struct bf_yaml_node *n = plan_keys_get(body, &plan_keys_dataset, "table");
    bool given = n && plan_value_check(c->d, n, "table", plan_keys_find(&plan_keys_dataset, "table")->type);
    if (given) {
        free(dataset->table);
        dataset->table = bf_xstrdup(n->text);
    } else if (!n && dataset->connection != PLAN_NO_INDEX && !plan_table_valid(dataset->name)) {
        bf_diag_add(c->d, BF_DIAG_ERROR, body->mark, "`table` is missing: `%s` cannot be the name of a table, which has one to four parts "
                    "that dots divide", dataset->name);
    }
}

/* What the dataset promises, and what of it is not shown. */
static void read_promises(struct plan_compiler *c, const struct bf_yaml_node *body, struct plan_dataset *dataset)
{
    const struct plan_keys *keys = &plan_keys_dataset;
    const struct bf_yaml_node *schema = plan_keys_get(body, keys, "schema"), *fresh = plan_keys_get(body, keys, "freshness"), *n;
    const struct bf_yaml_node *mask = plan_keys_get(body, keys, "mask");
    if (schema && plan_value_check(c->d, schema, "schema", plan_keys_find(keys, "schema")->type))
        plan_schema_read(schema, &dataset->schema, &dataset->n_schema);
    if (fresh && plan_keys_check(c->d, fresh, &plan_keys_dataset_freshness) &&
        plan_keys_duration(c->d, fresh, &plan_keys_dataset_freshness, "max_age", &dataset->max_age_ms) &&
        (n = plan_keys_get(fresh, &plan_keys_dataset_freshness, "column")) != NULL) {
        dataset->fresh_column = bf_xstrdup(n->text);
        plan_column_check(c->d, dataset, n->text, n->mark);
    }
    if (!mask || !plan_value_check(c->d, mask, "mask", plan_keys_find(keys, "mask")->type))
        return;
    plan_column_names_read(c, mask, &dataset->mask, &dataset->n_mask);
    for (size_t i = 0; i < mask->n; i++)
        plan_column_check(c->d, dataset, mask->items[i]->text, mask->items[i]->mark);
}

static void read_dataset(struct plan_compiler *c, const struct bf_yaml_node *body, struct plan_dataset *dataset)
{
    const struct plan_keys *keys = &plan_keys_dataset;
    const struct bf_yaml_node *n;
    int word;
    if (!plan_keys_check(c->d, body, keys))
        return;
    if ((n = plan_keys_get(body, keys, "external")) != NULL)
        (void)plan_read_bool(c->d, n, "external", &dataset->external);
    n = plan_keys_get(body, keys, "connection");
    if (n)
        (void)plan_ref_read(c, n, PLAN_REF_CONNECTION, &dataset->connection);
    n = plan_keys_get(body, keys, "partition_column");
    if (n && plan_value_check(c->d, n, "partition_column", plan_keys_find(keys, "partition_column")->type))
        dataset->partition_column = bf_xstrdup(n->text);
    read_table(c, body, dataset);
    read_promises(c, body, dataset);
    dataset->breaker = plan_breaker_of(c, body, keys, BREAKER_DATASET);
    if (plan_keys_word(c->d, body, keys, "sensitivity", &word))
        dataset->sensitivity = shown_text(body, keys, "sensitivity");
    plan_words_read(body, keys, &dataset->words);
}

static void read_datasets(struct plan_compiler *c)
{
    const struct bf_yaml_node *map = section(c, "datasets");
    const char *name;
    if (!map)
        return;
    c->plan->datasets = bf_xcalloc(map->n, sizeof *c->plan->datasets);
    c->dataset_sources = bf_xcalloc(map->n, sizeof *c->dataset_sources);
    for (size_t i = 0; i < map->n; i++) {
        if (!plan_read_name(c->d, map->keys[i], "dataset", &name))
            continue;
        struct plan_dataset *dataset = &c->plan->datasets[c->plan->n_datasets];
        c->dataset_sources[c->plan->n_datasets++] =
            (struct plan_dataset_source){.mark = map->keys[i]->mark, .writer = PLAN_NO_INDEX};
        *dataset = (struct plan_dataset){.name = bf_xstrdup(name), .table = bf_xstrdup(name), .connection = PLAN_NO_INDEX,
                                           .breaker = c->breakers[BREAKER_DATASET]};
        plan_names_add(&c->datasets, dataset->name);
        /* `name: {}` and `name:` both say that there is nothing to say. */
        if (!bf_yaml_is_null(map->items[i]))
            read_dataset(c, map->items[i], dataset);
    }
}

static void read_exposure_reads(struct plan_compiler *c, const struct bf_yaml_node *list, struct plan_exposure *exposure)
{
    struct bf_mark *marks;
    if (!plan_value_count(c->d, list, "reads", plan_keys_find(&plan_keys_exposure, "reads")->type))
        return;
    plan_datasets_read(c, list, "reads", &exposure->reads, &exposure->n_reads, &marks);
    free(marks);
}

static void read_exposures(struct plan_compiler *c)
{
    const struct plan_keys *keys = &plan_keys_exposure;
    const struct bf_yaml_node *map = section(c, "exposures"), *n;
    const char *name;
    if (!map)
        return;
    c->plan->exposures = bf_xcalloc(map->n, sizeof *c->plan->exposures);
    for (size_t i = 0; i < map->n; i++) {
        const struct bf_yaml_node *body = map->items[i];
        if (!plan_read_name(c->d, map->keys[i], "exposure", &name))
            continue;
        struct plan_exposure *exposure = &c->plan->exposures[c->plan->n_exposures++];
        exposure->name = bf_xstrdup(name);
        if (!plan_keys_check(c->d, body, keys))
            continue;
        plan_words_read(body, keys, &exposure->words);
        if ((n = plan_keys_get(body, keys, "reads")) != NULL)
            read_exposure_reads(c, n, exposure);
        if ((n = plan_keys_get(body, keys, "deadline")) != NULL)
            plan_deadline_read(c, n, &exposure->deadline);
    }
}

static void override_params(struct plan_compiler *c)
{
    const struct plan_options *o = c->options;
    for (size_t i = 0; o && i < o->n_params; i++) {
        uint32_t at = plan_names_find(&c->params, o->params[i].name);
        if (at == PLAN_NO_INDEX) {
            plan_unknown(c->d, (struct bf_mark){0}, "parameter", o->params[i].name, c->params.at, c->params.n,
                         ": the plan declares none of that name under `params`");
        } else if (strlen(o->params[i].value) > PLAN_TEXT_MAX) {
            bf_diag_add(c->d, BF_DIAG_ERROR, (struct bf_mark){0}, "the value of parameter `%s` is too long: at most %u bytes",
                        o->params[i].name, PLAN_TEXT_MAX);
        } else if (!bf_utf8_valid(o->params[i].value, strlen(o->params[i].value))) {
            bf_diag_add(c->d, BF_DIAG_ERROR, (struct bf_mark){0}, "the value of parameter `%s` is not UTF-8 text", o->params[i].name);
        } else {
            free(c->plan->params[at].value);
            c->plan->params[at].value = bf_xstrdup(o->params[i].value);
        }
    }
}

static void read_params(struct plan_compiler *c)
{
    const struct bf_yaml_node *map = section(c, "params");
    const char *name, *value;
    if (map)
        c->plan->params = bf_xcalloc(map->n, sizeof *c->plan->params);
    for (size_t i = 0; map && i < map->n; i++) {
        if (!plan_read_name(c->d, map->keys[i], "parameter", &name))
            continue;
        if (!plan_read_text(c->d, map->items[i], name, PLAN_TEXT_MAX, &value))
            value = "";
        struct plan_param *param = &c->plan->params[c->plan->n_params++];
        *param = (struct plan_param){.name = bf_xstrdup(name), .value = bf_xstrdup(value)};
        plan_names_add(&c->params, param->name);
    }
    override_params(c);
}

static void read_defaults(struct plan_compiler *c)
{
    const struct bf_yaml_node *map = section(c, "defaults");
    plan_policy_init(&c->defaults);
    if (!map || !plan_keys_check(c->d, map, &plan_keys_defaults))
        return;
    plan_policy_read(c, map, &plan_keys_defaults, &c->defaults);
}

/* Of the whole backfill. */
static void read_timebox(struct plan_compiler *c)
{
    const struct bf_yaml_node *map = section(c, "timebox");
    int then;
    if (!map || !plan_keys_check(c->d, map, &plan_keys_plan_timebox))
        return;
    (void)plan_keys_duration(c->d, map, &plan_keys_plan_timebox, "limit", &c->plan->timebox_ms);
    if (plan_keys_word(c->d, map, &plan_keys_plan_timebox, "then", &then))
        c->plan->timebox_then = (enum plan_end_then)then;
}

bool plan_document_read(struct plan_compiler *c)
{
    if (c->root->kind != BF_YAML_MAP) {
        bf_diag_add(c->d, BF_DIAG_ERROR, c->root->mark, "a plan is a map that begins with `apiVersion: backfill/v1`");
        return false;
    }
    (void)plan_keys_check(c->d, c->root, &plan_keys_top);
    read_header(c);
    plan_partitions_read(c);
    plan_breakers_read(c);
    read_connections(c);
    read_pools(c);
    plan_windows_read(c);
    read_datasets(c);
    read_exposures(c);
    read_params(c);
    read_defaults(c);
    read_timebox(c);
    return true;
}

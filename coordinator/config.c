/* The coordinator's file and its key file: one table of settings, and the checks that no single setting can make.
 *
 * Every mistake of the file itself is told at once with its place; rules between settings (lease, keys, room of the store) come
 * after.  A key file must be private, and its two halves must belong together, before either is used. */
#include "coordinator/config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/config.h"
#include "common/files.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/yaml.h"
#include "coordinator/turn.h"

#define POOLS_MAX 1000u
#define SLOTS_MAX 1000000

static void read_pools(const struct bf_yaml_node *node, void *field, struct bf_diags *d);
static void read_keys(const struct bf_yaml_node *node, void *field, struct bf_diags *d);

#define AT(member) offsetof(struct coordinator_config, member)
static const struct bf_setting settings[] = {
    {.key = "api", .kind = BF_SET_STRING, .offset = AT(api), .preset = "tcp://127.0.0.1:7410", .help = "where operators connect"},
    {.key = "fleet", .kind = BF_SET_STRING, .offset = AT(fleet), .preset = "tcp://127.0.0.1:7411", .help = "where agents connect"},
    {.key = "logs", .kind = BF_SET_STRING, .offset = AT(logs), .preset = "tcp://127.0.0.1:7412",
     .help = "where agents send the logs of attempts"},
    {.key = "store", .kind = BF_SET_PATH, .offset = AT(store), .preset = "store", .help = "folder of the store"},
    {.key = "log_dir", .kind = BF_SET_PATH, .offset = AT(log_dir), .preset = "logs", .help = "folder of the logs of attempts"},
    {.key = "key_file", .kind = BF_SET_PATH, .offset = AT(key_file), .preset = "keys/coordinator.key",
     .help = "the coordinator's own key pair"},
    {.key = "lease.agent", .kind = BF_SET_DURATION, .offset = AT(agent_ms), .preset = "60s", .min = 100, .max = 86400000,
     .help = "how long an agent may work unheard (D_a)"},
    {.key = "lease.fence", .kind = BF_SET_DURATION, .offset = AT(fence_ms), .preset = "5s", .min = 10, .max = 86400000,
     .help = "worst time to fence (K)"},
    {.key = "lease.coordinator", .kind = BF_SET_DURATION, .offset = AT(coordinator_ms), .preset = "66s", .min = 100,
     .max = 172800000, .help = "when the work of a silent agent is given away (D_c)"},
    {.key = "lease.heartbeat", .kind = BF_SET_DURATION, .offset = AT(heartbeat_ms), .preset = "5s", .min = 10, .max = 86400000,
     .help = "time between heartbeats"},
    {.key = "pools", .kind = BF_SET_CUSTOM, .offset = AT(pools), .help = "slots of pools, over those of plans", .custom = read_pools},
    {.key = "breakers", .kind = BF_SET_CUSTOM, .offset = AT(breakers), .help = "when breakers open, by kind or by name",
     .custom = config_breakers_read},
    {.key = "keys", .kind = BF_SET_CUSTOM, .offset = AT(keys), .help = "who may speak: name, role, key, plans, pools", .custom = read_keys},
    {.key = "store_max", .kind = BF_SET_SIZE, .offset = AT(store_max_bytes), .preset = "16Gi", .min = 16 << 20, .max = INT64_MAX,
     .help = "ceiling of the store's file"},
    {.key = "store_reserve", .kind = BF_SET_SIZE, .offset = AT(store_reserve_bytes), .preset = "64Mi", .min = 1,
     .max = INT64_MAX, .help = "kept free for cancels and results"},
    {.key = "checkpoint.turns", .kind = BF_SET_INT, .offset = AT(checkpoint_turns), .preset = "20000", .min = 10, .max = 10000000,
     .help = "turns between checkpoints"},
    {.key = "checkpoint.bytes", .kind = BF_SET_SIZE, .offset = AT(checkpoint_bytes), .preset = "64Mi", .min = 1 << 16,
     .max = INT64_MAX, .help = "journal between checkpoints"},
    {.key = "log_keep", .kind = BF_SET_SIZE, .offset = AT(log_keep_bytes), .preset = "1Gi", .min = 1 << 20, .max = INT64_MAX,
     .help = "logs of attempts that are kept"},
    {.key = "log_keep_age", .kind = BF_SET_DURATION, .offset = AT(log_keep_age_ms), .preset = "0", .min = 0, .max = 864000000000,
     .help = "and for how long; 0: whatever their age"},
    {.key = "journal_keep", .kind = BF_SET_SIZE, .offset = AT(journal_keep_bytes), .preset = "1Gi", .min = 1 << 20, .max = INT64_MAX,
     .help = "journal that is kept in the store, for replay"},
    {.key = "details_keep", .kind = BF_SET_SIZE, .offset = AT(details_keep_bytes), .preset = "1Gi", .min = 1 << 20, .max = INT64_MAX,
     .help = "results of checks, metrics and failed statements that are kept"},
    {.key = "audit_keep", .kind = BF_SET_SIZE, .offset = AT(audit_keep_bytes), .preset = "1Gi", .min = 1 << 20, .max = INT64_MAX,
     .help = "audit trail that is kept; what is older than audit_keep_for goes first"},
    {.key = "audit_keep_for", .kind = BF_SET_DURATION, .offset = AT(audit_keep_ms), .preset = "30d", .min = 3600000, .max = 864000000000,
     .help = "age below which no record of the audit trail goes"},
    {.key = "http_listen", .kind = BF_SET_STRING, .offset = AT(http_listen), .preset = "off",
     .help = "where /metrics, /healthz and /readyz are read, without a key: off, or as 127.0.0.1:9464"},
    {.key = "metrics_steps", .kind = BF_SET_BOOL, .offset = AT(metrics_steps), .preset = "false",
     .help = "also metrics of each step of the live backfills"},
    {.key = "alerts.webhook", .kind = BF_SET_STRING, .offset = AT(alerts_webhook), .help = "address that alerts are posted to, as JSON"},
    {.key = "alerts.webhook_secret", .kind = BF_SET_STRING, .offset = AT(alerts_secret),
     .help = "what signs them: file:PATH or env:NAME"},
    {.key = "alerts.alertmanager", .kind = BF_SET_STRING, .offset = AT(alerts_manager), .help = "an Alertmanager that alerts are sent to"},
    {.key = "alerts.spool", .kind = BF_SET_PATH, .offset = AT(alerts_spool), .preset = "alerts",
     .help = "folder of alerts that are not sent yet"},
    {.key = "alerts.spool_max", .kind = BF_SET_SIZE, .offset = AT(alerts_spool_bytes), .preset = "16Mi", .min = 4096, .max = INT64_MAX,
     .help = "its largest size; the oldest go"},
    {.key = "alerts.spool_count", .kind = BF_SET_INT, .offset = AT(alerts_spool_count), .preset = "10000", .min = 1, .max = 1000000,
     .help = "and how many are kept in it"},
};
#define N_SETTINGS (sizeof settings / sizeof *settings)
_Static_assert(N_SETTINGS <= CONFIG_SETTINGS_MAX, "raise CONFIG_SETTINGS_MAX");

size_t coordinator_settings_n(void) { return N_SETTINGS; }
const struct bf_setting *coordinator_setting(size_t i) { return &settings[i]; }

/* [A-Za-z0-9_.-]+, as in plans. */
static bool name_valid(const char *s)
{
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
    return n > 0 && n <= ZAP_NAME_MAX && s[n] == '\0';
}

/* Every key of map is one of at[0..n); one error each else. */
static bool map_keys_known(const struct bf_yaml_node *map, const char *const *at, size_t n, struct bf_diags *d)
{
    bool good = true;
    for (size_t i = 0; i < map->n; i++) {
        bool known = false;
        for (size_t k = 0; k < n; k++)
            known = known || strcmp(map->keys[i]->text, at[k]) == 0;
        if (!known) {
            char list[128];
            size_t used = 0;
            for (size_t k = 0; k < n; k++)
                used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", k ? ", " : "", at[k]);
            bf_diag_add(d, BF_DIAG_ERROR, map->keys[i]->mark, "unknown key `%.64s`; known here: %s", map->keys[i]->text, list);
            good = false;
        }
    }
    return good;
}

/* What pools of plans have, and these do not. */
static bool pool_keys_built(const char *pool, const struct bf_yaml_node *map, struct bf_diags *d)
{
    const struct bf_yaml_node *throttle = bf_yaml_get(map, "throttle"), *breaker = bf_yaml_get(map, "breaker");
    if (throttle)
        bf_diag_add(d, BF_DIAG_ERROR, throttle->mark, "`throttle` of pool `%.64s` is not supported yet in this file: write it in the plans "
                    "that draw on the pool", pool);
    if (breaker)
        bf_diag_add(d, BF_DIAG_ERROR, breaker->mark, "the breaker of pool `%.64s` stands under `breakers` in this file, as in "
                    "breakers: {pool/%.64s: {rate: 50%%}}", pool, pool);
    return !throttle && !breaker;
}

static void read_pools(const struct bf_yaml_node *node, void *field, struct bf_diags *d)
{
    static const char *const known[] = {"slots", "cpu", "memory", "io", "units", "start_rate"};
    struct config_pools *pools = field;
    if (bf_yaml_is_null(node))
        return;
    if (node->kind != BF_YAML_MAP || node->n > POOLS_MAX) {
        bf_diag_add(d, BF_DIAG_ERROR, node->mark, "`pools` is a map of at most %u pools, as in {warehouse: {slots: 12}}", POOLS_MAX);
        return;
    }
    for (size_t i = 0; i < node->n; i++) {
        const struct bf_yaml_node *name = node->keys[i], *value = node->items[i];
        const struct bf_yaml_node *slots = bf_yaml_get(value, "slots");
        int64_t n;
        if (!name_valid(name->text))
            bf_diag_add(d, BF_DIAG_ERROR, name->mark, "`%.64s` is no name of a pool: letters, digits, _ . - are possible", name->text);
        else if (value->kind != BF_YAML_MAP || !slots || slots->kind != BF_YAML_SCALAR || !bf_parse_int(slots->text, 0, SLOTS_MAX, &n))
            bf_diag_add(d, BF_DIAG_ERROR, value->mark, "pool `%s` needs slots: 0 to %d, as in {slots: 12}", name->text, SLOTS_MAX);
        else if (pool_keys_built(name->text, value, d) && map_keys_known(value, known, sizeof known / sizeof *known, d)) {
            bf_vec_push(&pools->at, (struct config_pool){.name = bf_xstrdup(name->text), .slots = (uint32_t)n});
            config_budget_read(name->text, value, &pools->at.at[pools->at.n - 1].budget, d);
        }
    }
}

/* The words of a scope of a key, each valid.  false, and told, when they are not. */
static bool read_scope(const struct bf_yaml_node *node, const char *what, bool (*valid)(const char *), const char *const **ret,
                       size_t *ret_n, struct bf_diags *d)
{
    if (!node)
        return true;
    if (node->kind != BF_YAML_SEQ || node->n == 0 || node->n > KEY_SCOPES_MAX) {
        bf_diag_add(d, BF_DIAG_ERROR, node->mark, "`%s` of a key is a list of 1 to %u names; leave it out for all", what, KEY_SCOPES_MAX);
        return false;
    }
    const char **words = bf_xcalloc(node->n, sizeof *words);
    *ret = words;
    for (size_t i = 0; i < node->n; i++) {
        const struct bf_yaml_node *word = node->items[i];
        if (word->kind != BF_YAML_SCALAR || !valid(word->text)) {
            bf_diag_add(d, BF_DIAG_ERROR, word->mark, "`%.64s` is no name in `%s`: letters, digits, _ . - are possible, and * ? for plans",
                        word->kind == BF_YAML_SCALAR ? word->text : "", what);
            return false;
        }
        words[(*ret_n)++] = bf_xstrdup(word->text);
    }
    return true;
}

static void words_free(const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)words[i]);
    free((void *)(uintptr_t)words);
}

static void read_key(const struct bf_yaml_node *item, struct config_keys *keys, struct bf_diags *d)
{
    static const char *const known[] = {"name", "role", "key", "plans", "pools"};
    const struct bf_yaml_node *field[3] = {0};
    if (item->kind != BF_YAML_MAP) {
        bf_diag_add(d, BF_DIAG_ERROR, item->mark, "an entry of `keys` is a map, as in {name: agent-1, role: agent, key: \"…\"}");
        return;
    }
    if (!map_keys_known(item, known, 5, d))
        return;
    for (size_t i = 0; i < 3; i++) {
        field[i] = bf_yaml_get(item, known[i]);
        if (!field[i] || field[i]->kind != BF_YAML_SCALAR) {
            bf_diag_add(d, BF_DIAG_ERROR, item->mark, "this entry of `keys` has no `%s`", known[i]);
            return;
        }
    }
    struct key_entry key = key_empty;
    key.state = KEY_LIVE;
    if (!name_valid(field[0]->text))
        bf_diag_add(d, BF_DIAG_ERROR, field[0]->mark, "`%.64s` is no name: letters, digits, _ . - are possible", field[0]->text);
    else if (key_name_reserved(field[0]->text))
        bf_diag_add(d, BF_DIAG_ERROR, field[0]->mark, "no key may have the name `%s`; take another", field[0]->text);
    else if (!key_role_parse(field[1]->text, &key.role) || key.role == KEY_ENROL)
        bf_diag_add(d, BF_DIAG_ERROR, field[1]->mark,
                    "unknown role `%.64s`; roles are viewer, operator, approver, auditor, admin and agent", field[1]->text);
    else if (!key_parse(field[2]->text, key.key))
        bf_diag_add(d, BF_DIAG_ERROR, field[2]->mark, "the key of `%s` is no public key: 40 characters of Z85, in quotes", field[0]->text);
    else if (key.role == KEY_AGENT && (bf_yaml_get(item, "plans") || bf_yaml_get(item, "pools")))
        bf_diag_add(d, BF_DIAG_ERROR, item->mark, "`%s` is an agent, and an agent's key has no scopes", field[0]->text);
    else if (read_scope(bf_yaml_get(item, "plans"), "plans", key_glob_valid, &key.plans, &key.n_plans, d) &&
             read_scope(bf_yaml_get(item, "pools"), "pools", key_name_valid, &key.pools, &key.n_pools, d)) {
        key.name = bf_xstrdup(field[0]->text);
        bf_vec_push(&keys->at, key);
        return;
    }
    words_free(key.plans, key.n_plans);
    words_free(key.pools, key.n_pools);
}

static void read_keys(const struct bf_yaml_node *node, void *field, struct bf_diags *d)
{
    if (bf_yaml_is_null(node))
        return;
    if (node->kind != BF_YAML_SEQ || node->n > ZAP_KEYS_MAX) {
        bf_diag_add(d, BF_DIAG_ERROR, node->mark, "`keys` is a list of at most %u keys", ZAP_KEYS_MAX);
        return;
    }
    for (size_t i = 0; i < node->n; i++)
        read_key(node->items[i], field, d);
}

/* One name is one key and one key one name: the audit names names. */
static enum bf_rc check_keys(const struct coordinator_config *c, const char *path, struct bf_error *err)
{
    struct bf_smap names = {0}, keys = {0};
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; rc == BF_OK && i < c->keys.at.n; i++) {
        struct key_entry *key = &c->keys.at.at[i];
        const struct key_entry *same = bf_smap_get(&keys, key->key, ZAP_KEY_BYTES);
        if (bf_smap_get(&names, key->name, strlen(key->name)))
            rc = bf_fail(err, BF_INVALID, "%s: keys: the name \"%s\" is given twice", path, key->name);
        else if (same)
            rc = bf_fail(err, BF_INVALID, "%s: keys: \"%s\" and \"%s\" have the same key; give each its own", path, same->name, key->name);
        bf_smap_put(&names, key->name, strlen(key->name), key);
        bf_smap_put(&keys, key->key, ZAP_KEY_BYTES, key);
    }
    bf_smap_free(&names);
    bf_smap_free(&keys);
    return rc;
}

/* A turn of results is written twice over, as journal and as details, and LMDB needs pages of its own: what is kept free must take the
 * largest, else results end the process at low water instead of being kept. */
static enum bf_rc check_room(const struct coordinator_config *c, const char *path, struct bf_error *err)
{
    const unsigned long long least = 4ull * TURN_DETAILS_BYTES_MAX, reserve = c->store_reserve_bytes, most = c->store_max_bytes;
    if (reserve < least)
        return bf_fail(err, BF_INVALID, "%s: store_reserve (%llu bytes) must be at least %llu bytes (%lluMi), else the results of one turn "
                       "may not fit when the store is low", path, reserve, least, least >> 20);
    if (reserve >= most)
        return bf_fail(err, BF_INVALID, "%s: store_reserve (%llu bytes) must be less than store_max (%llu bytes), else there is never room "
                       "for a backfill; raise store_max or lower store_reserve", path, reserve, most);
    return BF_OK;
}

struct lease_settings coordinator_config_lease(const struct coordinator_config *c)
{
    return (struct lease_settings){.agent_ms = c->agent_ms, .fence_ms = c->fence_ms, .coordinator_ms = c->coordinator_ms,
                                   .heartbeat_ms = c->heartbeat_ms};
}

enum bf_rc coordinator_config_read(const char *path, struct coordinator_config *ret, struct bf_error *err)
{
    memset(ret, 0, sizeof *ret);
    enum bf_rc rc = bf_config_read_origins(path, settings, N_SETTINGS, ret, ret->origins, err);
    if (rc == BF_OK)
        rc = check_keys(ret, path, err);
    if (rc != BF_OK)
        return rc;
    rc = check_room(ret, path, err);
    if (rc != BF_OK)
        return rc;
    struct lease_settings lease = coordinator_config_lease(ret);
    struct bf_error why = {0};
    rc = lease_settings_check(&lease, &why);
    return rc == BF_OK ? BF_OK : bf_fail(err, rc, "%s: lease: %s", path, why.text);
}

void coordinator_config_done(struct coordinator_config *c)
{
    bf_config_done(settings, N_SETTINGS, c);
    for (size_t i = 0; i < c->pools.at.n; i++) {
        free(c->pools.at.at[i].name);
        pool_budget_done(&c->pools.at.at[i].budget);
    }
    bf_vec_free(&c->pools.at);
    config_breakers_done(&c->breakers);
    config_keys_done(&c->keys);
}

void config_keys_done(struct config_keys *keys)
{
    for (size_t i = 0; i < keys->at.n; i++) {
        free((void *)(uintptr_t)keys->at.at[i].name);
        words_free(keys->at.at[i].plans, keys->at.at[i].n_plans);
        words_free(keys->at.at[i].pools, keys->at.at[i].n_pools);
    }
    bf_vec_free(&keys->at);
}

/* The word after "NAME:" on a line of its own. */
static bool key_line(const char *text, const char *name, uint8_t ret[ZAP_KEY_BYTES])
{
    size_t name_len = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, name_len) != 0 || line[name_len] != ':')
            continue;
        line += name_len + 1;
        line += strspn(line, " \t\"");
        char z85[KEY_TEXT] = "";
        strncpy(z85, line, KEY_TEXT - 1);
        bool good = key_parse(z85, ret);
        explicit_bzero(z85, sizeof z85);
        return good;
    }
    return false;
}

enum bf_rc coordinator_key_read(const char *path, uint8_t ret_public[ZAP_KEY_BYTES], uint8_t ret_secret[ZAP_KEY_BYTES],
                                struct bf_error *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && (st.st_mode & 077))
        return bf_fail(err, BF_INVALID, "%s can be read by others than its owner; run chmod 600 on it", path);
    struct bf_buf text = {0};
    uint8_t public_key[ZAP_KEY_BYTES], secret_key[ZAP_KEY_BYTES];
    enum bf_rc rc = bf_file_read(path, 4096, &text, err);
    if (rc == BF_OK) {
        const char *s = bf_buf_cstr(&text);
        if (!key_line(s, "public", public_key) || !key_line(s, "secret", secret_key))
            rc = bf_fail(err, BF_INVALID, "%s is no key file: two lines are needed, \"public: Z85\" and \"secret: Z85\"", path);
        else if (!zap_key_pair(public_key, secret_key))
            rc = bf_fail(err, BF_INVALID, "%s: the public key does not belong to the secret one", path);
        explicit_bzero(text.data, text.len);
    }
    bf_buf_free(&text);
    if (rc == BF_OK) {
        memcpy(ret_public, public_key, sizeof public_key);
        memcpy(ret_secret, secret_key, sizeof secret_key);
    }
    explicit_bzero(secret_key, sizeof secret_key);
    return rc;
}

/* See environ.h.
 *
 * Owns the rule of what a step sees.  Layers, each over the one before: the agent's own variables that pass, the step user's USER and HOME,
 * the plan's, and BF_… last, so that no plan can forge its token.  To a program pass a fixed few, LC_* and allow_env.  A helper (bf-sql,
 * bf-http) reads its request on standard input: to it pass only what its libraries ask for, nothing of the plan, and of allow_env only a
 * proxy, to bf-http.  What is for connections alone (connection_env, secret_env) passes to nobody. */
#include "agent/environ.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"

struct list {
    struct bf_arena *arena;
    const char **at;
    size_t n, cap;
};

static bool same_name(const char *entry, const char *name, size_t name_len)
{
    return strncmp(entry, name, name_len) == 0 && entry[name_len] == '=';
}

/* Last one wins, in the place of the first. */
static void set_entry(struct list *l, const char *entry)
{
    size_t n = strcspn(entry, "=");
    for (size_t i = 0; i < l->n; i++)
        if (same_name(l->at[i], entry, n)) {
            l->at[i] = entry;
            return;
        }
    assert(l->n < l->cap);
    l->at[l->n++] = entry;
}

static void set(struct list *l, const char *name, const char *value)
{
    size_t n = strlen(name), m = strlen(value);
    char *entry = bf_arena_alloc(l->arena, n + m + 2);
    memcpy(entry, name, n);
    entry[n] = '=';
    memcpy(entry + n + 1, value, m);
    set_entry(l, entry);
}

static void set_number(struct list *l, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    set(l, name, text);
}

static bool among(const char *const *names, size_t n, const char *entry)
{
    for (size_t i = 0; i < n; i++)
        if (same_name(entry, names[i], strlen(names[i])))
            return true;
    return false;
}

static bool is_for_connections(const struct agent_config *c, const char *entry)
{
    return agent_lists(&c->connection_env, entry, strcspn(entry, "=")) || among((const char *const *)c->secret_env.values, c->secret_env.n,
                                                                                entry);
}

static bool passes(const struct agent_config *c, enum step_kind kind, const char *entry)
{
    static const char *const always[] = {"PATH", "HOME", "LANG", "TZ", "USER"};
    static const char *const helpers[] = {"ODBCSYSINI", "ODBCINI", "ODBCINSTINI", "SSL_CERT_FILE", "SSL_CERT_DIR"};
    static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"};
    static const char *const failpoints[] = {"BF_SQL_FAILPOINT"};    /* tests only */
    if (is_for_connections(c, entry))
        return false;
    if (strncmp(entry, "LC_", 3) == 0 || among(always, sizeof always / sizeof always[0], entry))
        return true;
    bool allowed = agent_lists(&c->allow_env, entry, strcspn(entry, "="));
    if (!step_has_spec(kind))
        return allowed;
    return among(helpers, sizeof helpers / sizeof helpers[0], entry) ||
           (allowed && kind == STEP_HTTP && among(proxies, sizeof proxies / sizeof proxies[0], entry)) ||
           (allowed && kind == STEP_SQL && among(failpoints, sizeof failpoints / sizeof failpoints[0], entry));
}

const char *environ_get(const char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; env && *env; env++)
        if (same_name(*env, name, n))
            return *env + n + 1;
    return NULL;
}

const char *const *environ_build(const struct agent_config *c, const struct assignment *a, const char *const *own,
                                 const char *result_path, int64_t deadline_us, struct bf_arena *arena)
{
    size_t n_own = 0;
    while (own[n_own])
        n_own++;
    struct list l = {.arena = arena, .cap = n_own + a->n_env + 16};
    l.at = bf_arena_alloc(arena, (l.cap + 1) * sizeof *l.at);
    for (size_t i = 0; i < n_own; i++)
        if (passes(c, a->kind, own[i]))
            set_entry(&l, own[i]);
    if (c->step_user)
        set(&l, "USER", c->step_user);
    if (c->step_home)
        set(&l, "HOME", c->step_home);
    for (size_t i = 0; i < a->n_env && !step_has_spec(a->kind); i++)
        set(&l, a->env[i].name, a->env[i].value);
    set(&l, "BF_STEP", a->step);
    set_number(&l, "BF_ATTEMPT", a->ref.attempt);
    set_number(&l, "BF_RUN", a->run);
    set_number(&l, "BF_FENCING_TOKEN", a->ref.token);
    set(&l, "BF_IDEMPOTENCY_KEY", a->run_id);
    set(&l, "BF_RESULT", result_path);
    if (deadline_us > 0) {
        char text[BF_TIME_MAX];
        bf_format_time(deadline_us, text);
        set(&l, "BF_DEADLINE", text);
    }
    return l.at;                             /* the arena gave zeroes: terminated */
}

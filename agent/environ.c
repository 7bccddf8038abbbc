/* See environ.h.
 *
 * Owns the rule of what a step sees.  Layers, each over the one before: the agent's own variables that pass (a fixed few, LC_*, and
 * allow_env), the step user's USER and HOME, the plan's, and BF_… last, so that no plan can forge its token.  A reference ${env:NAME}
 * is resolved only for names in allow_env, in one pass: a value that holds "${env:" is not read again. */
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

static bool listed(const struct bf_strings *names, const char *name, size_t n)
{
    for (size_t i = 0; i < names->n; i++)
        if (strlen(names->at[i]) == n && memcmp(names->at[i], name, n) == 0)
            return true;
    return false;
}

static bool passes(const struct agent_config *c, const char *entry)
{
    static const char *const always[] = {"PATH", "HOME", "LANG", "TZ", "USER"};
    size_t n = strcspn(entry, "=");
    if (strncmp(entry, "LC_", 3) == 0)
        return true;
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (same_name(entry, always[i], strlen(always[i])))
            return true;
    return listed(&c->allow_env, entry, n);
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
        if (passes(c, own[i]))
            set_entry(&l, own[i]);
    if (c->step_user)
        set(&l, "USER", c->step_user);
    if (c->step_home)
        set(&l, "HOME", c->step_home);
    for (size_t i = 0; i < a->n_env; i++)
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

enum bf_rc environ_resolve(const struct agent_config *c, const char *text, const char *const *own, struct bf_buf *ret,
                           struct bf_error *err)
{
    static const char opening[] = "${env:";
    bf_buf_clear(ret);
    for (const char *p = text;;) {
        const char *ref = strstr(p, opening);
        if (!ref) {
            bf_buf_put_str(ret, p);
            return BF_OK;
        }
        bf_buf_put(ret, p, (size_t)(ref - p));
        const char *name = ref + sizeof opening - 1, *close = strchr(name, '}');
        if (!close)
            return bf_fail(err, BF_INVALID, "the connection's reference has no closing brace: write `${env:NAME}`");
        size_t n = (size_t)(close - name);
        BF_AUTO_FREE char *word = bf_xstrndup(name, n);
        if (!listed(&c->allow_env, name, n))
            return bf_fail(err, BF_DENIED, "environment variable %s is not allowed on agent %s: list it in `allow_env` of its configuration",
                           word, c->name);
        const char *value = environ_get(own, word);
        if (!value)
            return bf_fail(err, BF_NOT_FOUND, "environment variable %s is allowed (`allow_env`) but not set on agent %s", word, c->name);
        bf_buf_put_str(ret, value);
        p = close + 1;
    }
}

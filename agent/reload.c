/* The agent's SIGHUP.
 *
 * Only the lists of what plans may name change while the agent lives: they are looked at anew for each attempt.  Name, labels and slots
 * were told to the coordinator with the first word, folders and control groups hold what runs, and limits of logs were given to their
 * buffers: these wait for the next start.  To restart an agent without loss: bfctl agent drain. */
#include <stdlib.h>
#include <string.h>

#include "agent/agent_config.h"
#include "common/log.h"
#include "common/mem.h"

static const char *const reloaded[] = {"allow_env", "connection_env", "allow_secrets", "secret_env"};

static bool reloads(const char *key)
{
    for (size_t i = 0; i < sizeof reloaded / sizeof *reloaded; i++)
        if (strcmp(reloaded[i], key) == 0)
            return true;
    return false;
}

/* Settings that differ and wait for the next start; how many. */
static size_t tell_waiting(const struct agent_config *now, const struct agent_config *fresh)
{
    size_t n = 0;
    for (size_t i = 0; i < agent_config_n(); i++) {
        const struct bf_setting *s = agent_setting(i);
        struct bf_buf old = {0}, new = {0}, text = {0};
        bf_config_put_value(s, now, &old);
        bf_config_put_value(s, fresh, &new);
        if (!reloads(s->key) && strcmp(bf_buf_cstr(&old), bf_buf_cstr(&new)) != 0) {
            bf_buf_printf(&text, "%s changed from %s to %s: takes effect at the next start", s->key, bf_buf_cstr(&old), bf_buf_cstr(&new));
            bf_warn("needs_restart", "key=%s text=%s", s->key, bf_log_quote(bf_buf_cstr(&text)));
            n++;
        }
        bf_buf_free(&old);
        bf_buf_free(&new);
        bf_buf_free(&text);
    }
    return n;
}

static void swap_strings(struct bf_strings *a, struct bf_strings *b)
{
    struct bf_strings t = *a;
    *a = *b;
    *b = t;
}

void agent_config_reload(struct agent_config *now, const char *path)
{
    struct agent_config fresh = {0};
    struct bf_error err = {0};
    if (agent_config_read(path, &fresh, &err) != BF_OK) {
        bf_error_log("reload_failed", "config=%s why=%s", bf_log_quote(path), bf_log_quote(err.text));
    } else {
        size_t waiting = tell_waiting(now, &fresh);
        struct bf_string_map secrets = now->secret_env;
        now->secret_env = fresh.secret_env;
        fresh.secret_env = secrets;
        swap_strings(&now->allow_env, &fresh.allow_env);
        swap_strings(&now->connection_env, &fresh.connection_env);
        swap_strings(&now->allow_secrets, &fresh.allow_secrets);
        bf_info("reloaded", "config=%s need_restart=%zu", bf_log_quote(path), waiting);
    }
    agent_config_done(&fresh);
}

static char **copy_texts(char *const *texts, size_t n)
{
    char **copy = bf_xcalloc(n + 1, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = bf_xstrdup(texts[i]);
    return copy;
}

static void free_texts(char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}

struct agent_config *agent_config_keep(const struct agent_config *now)
{
    struct agent_config *c = bf_xcalloc(1, sizeof *c);
    *c = *now;
    c->allow_env.at = copy_texts(now->allow_env.at, now->allow_env.n);
    c->connection_env.at = copy_texts(now->connection_env.at, now->connection_env.n);
    c->allow_secrets.at = copy_texts(now->allow_secrets.at, now->allow_secrets.n);
    c->secret_env.keys = copy_texts(now->secret_env.keys, now->secret_env.n);
    c->secret_env.values = copy_texts(now->secret_env.values, now->secret_env.n);
    return c;
}

void agent_config_let_go(struct agent_config *c)
{
    if (!c)
        return;
    free_texts(c->allow_env.at, c->allow_env.n);
    free_texts(c->connection_env.at, c->connection_env.n);
    free_texts(c->allow_secrets.at, c->allow_secrets.n);
    free_texts(c->secret_env.keys, c->secret_env.n);
    free_texts(c->secret_env.values, c->secret_env.n);
    free(c);
}

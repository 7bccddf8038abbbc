/* The agent's SIGHUP.
 *
 * Only the lists of what plans may name change while the agent lives: they are looked at anew for each attempt.  Name, labels and slots
 * were told to the coordinator with the first word, folders and control groups hold what runs, and limits of logs were given to their
 * buffers: these wait for the next start.  To restart an agent without loss: bfctl agent drain. */
#include <string.h>

#include "agent/agent_config.h"
#include "common/log.h"

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

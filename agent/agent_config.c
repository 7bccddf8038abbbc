/* See agent_config.h.
 *
 * Owns the table of settings and the rules between them.  In this order: the file is read by the table, each value is checked by itself,
 * the step user is looked up, and only then defaults that depend on the host (slots, work_dir, secrets_dir, helpers) are filled in.
 * A key pair is taken only from a file that its owner alone can read; copies that were made on the way are wiped. */
#include "agent/agent_config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/capacity.h"
#include "agent/session.h"
#include "common/files.h"
#include "common/mem.h"
#include "proto/agent_msg.h"

#ifndef BF_LIBEXECDIR
#define BF_LIBEXECDIR "/usr/libexec"
#endif

#define AT(field) offsetof(struct agent_config, field)
#define SLOTS_MAX 100000
#define PIDS_MAX (1 << 22)                   /* the kernel has no more numbers */
#define SECRET_NAME_MAX 255u

static const struct bf_setting agent_settings[] = {
    {"name", BF_SET_STRING, AT(name), NULL, 0, 0, "name of this agent, as operators see it: letters, digits, . _ -", NULL},
    {"coordinator", BF_SET_STRING, AT(coordinator), NULL, 0, 0, "the coordinator's fleet socket, as in tcp://127.0.0.1:7411", NULL},
    {"logs", BF_SET_STRING, AT(logs), NULL, 0, 0, "the coordinator's log socket; absent: logs of steps are not sent", NULL},
    {"server_key", BF_SET_WORDS, AT(server_keys), NULL, 0, 0,
     "public key of the coordinator (Z85), or a list of two while it is being changed", NULL},
    {"key_file", BF_SET_PATH, AT(key_file), NULL, 0, 0, "file with the agent's own key pair, readable by its owner only", NULL},
    {"state_dir", BF_SET_PATH, AT(state_dir), "/var/lib/bfagent", 0, 0, "folder for the lock and the agent's marks", NULL},
    {"work_dir", BF_SET_PATH, AT(work_dir), NULL, 0, 0, "folder in which steps run; default: work in state_dir", NULL},
    {"slots", BF_SET_INT, AT(slots), "0", 0, SLOTS_MAX, "attempts at a time; 0: the processors that the agent may use", NULL},
    {"labels", BF_SET_STRING_MAP, AT(labels), NULL, 0, 0, "labels that steps select by; `agent` is always the agent's own name", NULL},
    {"allow_env", BF_SET_STRINGS, AT(allow_env), NULL, 0, 0,
     "names of environment variables that plans may refer to and that pass to steps", NULL},
    {"connection_env", BF_SET_STRINGS, AT(connection_env), NULL, 0, 0,
     "names of environment variables that connections and headers of plans may refer to, and that pass to no step", NULL},
    {"allow_secrets", BF_SET_STRINGS, AT(allow_secrets), NULL, 0, 0, "names of secrets that connections and headers of plans may refer to",
     NULL},
    {"secrets_dir", BF_SET_PATH, AT(secrets_dir), NULL, 0, 0, "folder with a file for each secret; default: $CREDENTIALS_DIRECTORY, if set",
     NULL},
    {"secret_env", BF_SET_STRING_MAP, AT(secret_env), NULL, 0, 0, "environment variables that hold a secret, by the secret's name", NULL},
    {"step_user", BF_SET_STRING, AT(step_user), NULL, 0, 0, "user under whom steps run, when the agent is root", NULL},
    {"cgroup", BF_SET_STRING, AT(cgroup), "auto", 0, 0, "auto, v2, v1 or off", NULL},
    {"step_pids", BF_SET_INT, AT(step_pids), "4096", 0, PIDS_MAX, "processes and threads of one attempt at a time; 0: no limit", NULL},
    {"session_wait", BF_SET_DURATION, AT(session_wait_ms), "30s", 1000, 3600000,
     "how long an SQL attempt whose helper died counts as running until its session at the server is seen gone", NULL},
    {"sql_helper", BF_SET_PATH, AT(sql_helper), NULL, 0, 0, "path of bf-sql; default: beside the agent, then the installed one", NULL},
    {"http_helper", BF_SET_PATH, AT(http_helper), NULL, 0, 0, "path of bf-http; default: beside the agent, then the installed one", NULL},
    {"log_bytes_max", BF_SET_SIZE, AT(log_bytes_max), "64Mi", 0, 1LL << 40, "log kept of one attempt; more is cut, and said", NULL},
};
static const size_t agent_settings_n = sizeof agent_settings / sizeof agent_settings[0];
_Static_assert(sizeof agent_settings / sizeof agent_settings[0] <= AGENT_SETTINGS_MAX, "raise AGENT_SETTINGS_MAX");

static bool name_valid(const char *s)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("._-", s[i]))
            return false;
    return n > 0 && n <= AGENT_NAME_MAX && s[0] != '.';
}

bool agent_lists(const struct bf_strings *names, const char *name, size_t n)
{
    for (size_t i = 0; i < names->n; i++)
        if (strlen(names->at[i]) == n && memcmp(names->at[i], name, n) == 0)
            return true;
    return false;
}

bool agent_secret_name_valid(const char *name)
{
    size_t part = 0;
    if (!*name || strlen(name) > SECRET_NAME_MAX)
        return false;
    for (const char *p = name; *p; p++) {
        if (*p == '/' ? part == 0 : !isalnum((unsigned char)*p) && !strchr("._-", *p))
            return false;
        if (*p == '.' && part == 0)
            return false;
        part = *p == '/' ? 0 : part + 1;
    }
    return part > 0;
}

static enum bf_rc need(const char *value, const char *key, const char *path, struct bf_error *err)
{
    if (value && *value)
        return BF_OK;
    return bf_fail(err, BF_INVALID, "%s: `%s` is missing; the agent cannot run without it", path ? path : "environment", key);
}

static enum bf_rc check_words(struct agent_config *c, const char *path, struct bf_error *err)
{
    const struct { const char *key, *value; } needed[] = {
        {"name", c->name}, {"coordinator", c->coordinator}, {"server_key", c->server_keys.n ? c->server_keys.at[0] : NULL},
        {"key_file", c->key_file}, {"state_dir", c->state_dir}};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (need(needed[i].value, needed[i].key, path, err) != BF_OK)
            return BF_INVALID;
    if (!name_valid(c->name))
        return bf_fail(err, BF_INVALID, "name `%s`: use letters, digits, `.`, `_` and `-`, at most %u characters", c->name, AGENT_NAME_MAX);
    if (!strstr(c->coordinator, "://") || (c->logs && !strstr(c->logs, "://")))
        return bf_fail(err, BF_INVALID, "`coordinator` and `logs` are endpoints, as in tcp://127.0.0.1:7411");
    if (c->server_keys.n > SESSION_SERVER_KEYS_MAX)
        return bf_fail(err, BF_INVALID, "`server_key` lists %zu keys; at most %u are possible", c->server_keys.n, SESSION_SERVER_KEYS_MAX);
    for (size_t i = 0; i < c->server_keys.n; i++)
        if (strlen(c->server_keys.at[i]) != AGENT_KEY_CHARS)
            return bf_fail(err, BF_INVALID, "`server_key` has %zu characters; a public key in Z85 has %d", strlen(c->server_keys.at[i]),
                           AGENT_KEY_CHARS);
    if (!cgroup_mode_parse(c->cgroup, &c->cgroup_mode))
        return bf_fail(err, BF_INVALID, "cgroup: `%s` is none of auto, v2, v1, off", c->cgroup);
    if (c->labels.n > AGENT_LABELS_MAX - 1)
        return bf_fail(err, BF_LIMIT, "%zu labels; at most %u are allowed", c->labels.n, AGENT_LABELS_MAX - 1);
    for (size_t i = 0; i < c->labels.n; i++)
        if (strcmp(c->labels.keys[i], AGENT_NAME_LABEL) == 0)
            return bf_fail(err, BF_INVALID, "labels: `" AGENT_NAME_LABEL "` is always the agent's own name; give this label another name");
    return BF_OK;
}

/* What is said of a variable or a secret in two places must not contradict itself. */
static enum bf_rc check_secrets(const struct agent_config *c, struct bf_error *err)
{
    for (size_t i = 0; i < c->connection_env.n; i++)
        if (agent_lists(&c->allow_env, c->connection_env.at[i], strlen(c->connection_env.at[i])))
            return bf_fail(err, BF_INVALID, "`%s` stands in `allow_env`, which steps see, and in "
                                            "`connection_env`, which they do not: keep one",
                           c->connection_env.at[i]);
    for (size_t i = 0; i < c->allow_secrets.n; i++)
        if (!agent_secret_name_valid(c->allow_secrets.at[i]))
            return bf_fail(err, BF_INVALID, "allow_secrets: `%s` is no name of a secret; write parts of letters, digits, `_`, `.` and `-` "
                           "with `/` between them, none with a `.` in front", c->allow_secrets.at[i]);
    for (size_t i = 0; i < c->secret_env.n; i++) {
        const char *name = c->secret_env.keys[i], *variable = c->secret_env.values[i];
        if (!agent_lists(&c->allow_secrets, name, strlen(name)))
            return bf_fail(err, BF_INVALID, "secret_env: `%s` is not in `allow_secrets`; list it there too", name);
        if (agent_lists(&c->allow_env, variable, strlen(variable)))
            return bf_fail(err, BF_INVALID, "secret_env: `%s` stands in `allow_env`, so every step would see the secret: take it out there",
                           variable);
    }
    return BF_OK;
}

static enum bf_rc find_step_user(struct agent_config *c, struct bf_error *err)
{
    if (!c->step_user)
        return BF_OK;
    errno = 0;
    struct passwd *pw = getpwnam(c->step_user);
    if (!pw)
        return bf_fail(err, BF_NOT_FOUND, "step_user: there is no user `%s` on this host", c->step_user);
    if (geteuid() != 0 && geteuid() != pw->pw_uid)
        return bf_fail(err, BF_DENIED, "step_user: only an agent that runs as root can run steps as `%s`", c->step_user);
    if (pw->pw_uid == 0)
        return bf_fail(err, BF_INVALID, "step_user: steps do not run as root by name; leave `step_user` out if that is meant");
    c->switch_user = geteuid() == 0;
    c->step_uid = pw->pw_uid;
    c->step_gid = pw->pw_gid;
    c->step_home = bf_xstrdup(pw->pw_dir);
    return BF_OK;
}

static char *default_helper(const char *name)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = '\0';
        BF_AUTO_FREE char *dir = bf_path_dir(self);
        BF_AUTO_FREE char *near = bf_xasprintf("%s/../libexec/%s", dir, name);
        if (access(near, X_OK) == 0)
            return BF_TAKE(near);
    }
    return bf_path_join(BF_LIBEXECDIR, name);
}

enum bf_rc agent_config_read(const char *path, struct agent_config *ret, struct bf_error *err)
{
    enum bf_rc rc = bf_config_read_origins(path, agent_settings, agent_settings_n, ret, ret->origins, err);
    if (rc == BF_OK)
        rc = check_words(ret, path, err);
    if (rc == BF_OK)
        rc = check_secrets(ret, err);
    if (rc == BF_OK)
        rc = find_step_user(ret, err);
    if (rc != BF_OK)
        return rc;
    if (ret->slots == 0)
        ret->slots = agent_processors();
    if (!ret->work_dir)
        ret->work_dir = bf_path_join(ret->state_dir, "work");
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (!ret->secrets_dir && credentials && *credentials)
        ret->secrets_dir = bf_xstrdup(credentials);
    if (!ret->sql_helper)
        ret->sql_helper = default_helper("bf-sql");
    if (!ret->http_helper)
        ret->http_helper = default_helper("bf-http");
    return BF_OK;
}

void agent_config_done(struct agent_config *c)
{
    bf_config_done(agent_settings, agent_settings_n, c);
    free(c->step_home);
    *c = (struct agent_config){0};
}

size_t agent_config_n(void) { return agent_settings_n; }
const struct bf_setting *agent_setting(size_t i) { return &agent_settings[i]; }

static void put_value(const void *config, size_t i, struct bf_buf *ret)
{
    bf_config_put_value(&agent_settings[i], config, ret);
}

void agent_config_put(const struct agent_config *c, const char *path, struct bf_buf *ret)
{
    bf_config_put_lines(path, agent_settings, agent_settings_n, c->origins, put_value, c, ret);
}

/* --- keys ------------------------------------------------------------------------------------------------------------- */

static bool take_key(const char *text, const char *word, char ret[AGENT_KEY_CHARS + 1])
{
    size_t n = strlen(word);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, word, n) != 0)
            continue;
        const char *value = line + n + strspn(line + n, " \t\"'");
        if (strcspn(value, " \t\r\n\"") < AGENT_KEY_CHARS)
            return false;
        memcpy(ret, value, AGENT_KEY_CHARS);
        ret[AGENT_KEY_CHARS] = '\0';
        return true;
    }
    return false;
}

enum bf_rc agent_keys_read(const char *path, struct agent_keys *ret, struct bf_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return bf_fail_errno(err, BF_NOT_FOUND, errno, "key file %s", path);
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
        return bf_fail(err, BF_DENIED, "key file %s can be read by others than its owner (mode %04o); make it 0600", path,
                       (unsigned)st.st_mode & 07777u);
    struct bf_buf text = {0};
    struct agent_keys keys;
    enum bf_rc rc = bf_file_read(path, 4096, &text, err);
    if (rc == BF_OK && (!take_key(bf_buf_cstr(&text), "public:", keys.public_key) ||
                        !take_key(bf_buf_cstr(&text), "secret:", keys.secret_key)))
        rc = bf_fail(err, BF_INVALID, "key file %s: two lines are expected, `public: KEY` and `secret: KEY`, "
                                      "each key of %d characters (Z85)",
                     path, AGENT_KEY_CHARS);
    if (rc == BF_OK)
        *ret = keys;
    if (text.data)
        explicit_bzero(text.data, text.cap);
    explicit_bzero(&keys, sizeof keys);
    bf_buf_free(&text);
    return rc;
}

/* --- capacity --------------------------------------------------------------------------------------------------------- */

unsigned agent_processors(void)
{
    return (unsigned)((capacity_cpu_milli() + 999) / 1000);
}

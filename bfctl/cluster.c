/* Writing a cluster's configuration.  Secret parts of keys never leave their files. */
#include "bfctl/cluster.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bfctl/client.h"
#include "common/buf.h"
#include "common/files.h"
#include "common/mem.h"

struct ports { int api, fleet, logs; };

/* Everything that the files are written from.  Wiped after use: it holds secrets. */
struct layout {
    const struct cluster_settings *s;
    const char *dir;
    struct ports ports;
    struct client_keys coordinator, admin, operator, viewer;
    struct client_keys agents[CLUSTER_AGENTS_MAX];
};

char *cluster_program_dir(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return bf_xstrdup(".");
    path[n] = '\0';
    return bf_path_dir(path);
}

/* ---- ports ---- */

static enum bf_rc free_ports(struct ports *ret, struct bf_error *err)
{
    int fds[3] = {-1, -1, -1}, found[3];
    enum bf_rc rc = BF_OK;
    for (int i = 0; i < 3 && rc == BF_OK; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof a;
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fds[i] < 0 || bind(fds[i], (struct sockaddr *)&a, n) != 0 || getsockname(fds[i], (struct sockaddr *)&a, &n) != 0)
            rc = bf_fail_errno(err, BF_IO, errno, "cannot find a free port on 127.0.0.1");
        else
            found[i] = ntohs(a.sin_port);
    }
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (rc == BF_OK)
        *ret = (struct ports){.api = found[0], .fleet = found[1], .logs = found[2]};
    return rc;
}

/* ---- checks ---- */

static enum bf_rc check_names(const char *option, const struct bf_option_list *names, struct bf_error *err)
{
    for (size_t i = 0; names && i < names->n; i++) {
        const char *s = names->at[i];
        bool good = isalpha((unsigned char)*s) || *s == '_';
        for (; good && *s; s++)
            good = isalnum((unsigned char)*s) || *s == '_';
        if (!good)
            return bf_fail(err, BF_USAGE, "--%s '%.60s' is no name of an environment variable", option, names->at[i]);
    }
    return BF_OK;
}

static bool there(const char *dir, const char *name)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, name);
    return access(path, F_OK) == 0;
}

static unsigned count_agents(const char *dir)
{
    for (unsigned n = 0; n < CLUSTER_AGENTS_MAX; n++) {
        BF_AUTO_FREE char *name = bf_xasprintf("agent-%u.conf", n + 1);
        if (!there(dir, name))
            return n;
    }
    return CLUSTER_AGENTS_MAX;
}

/* ---- files ---- */

static enum bf_rc put(const char *dir, const char *name, const struct bf_buf *text, mode_t mode, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, name);
    return bf_file_write(path, text->data, text->len, mode, err);
}

static enum bf_rc put_keys(const char *dir, const char *name, struct client_keys *keys, struct bf_error *err)
{
    enum bf_rc rc = client_keys_make(keys, err);
    if (rc != BF_OK)
        return rc;
    BF_AUTO_FREE char *file = bf_xasprintf("keys/%s.key", name);
    struct bf_buf text = {0};
    bf_buf_printf(&text, "public: %s\nsecret: %s\n", keys->public, keys->secret);
    rc = put(dir, file, &text, 0600, err);
    explicit_bzero(text.data, text.cap);
    bf_buf_free(&text);
    return rc;
}

static enum bf_rc put_all_keys(struct layout *l, struct bf_error *err)
{
    const struct { const char *name; struct client_keys *keys; } others[] = {
        {"coordinator", &l->coordinator}, {"admin", &l->admin}, {"operator", &l->operator}, {"viewer", &l->viewer}};
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; i < 4 && rc == BF_OK; i++)
        rc = put_keys(l->dir, others[i].name, others[i].keys, err);
    for (unsigned i = 0; i < l->s->agents && rc == BF_OK; i++) {
        BF_AUTO_FREE char *name = bf_xasprintf("agent-%u", i + 1);
        rc = put_keys(l->dir, name, &l->agents[i], err);
    }
    return rc;
}

void cluster_put_quoted(const char *s, struct bf_buf *ret)
{
    bf_buf_put_str(ret, "\"");
    for (; *s; s++)
        if (*s == '"' || *s == '\\')
            bf_buf_printf(ret, "\\%c", *s);
        else
            bf_buf_put(ret, s, 1);
    bf_buf_put_str(ret, "\"");
}

static void write_key(const char *name, const char *role, const struct client_keys *keys, struct bf_buf *ret)
{
    bf_buf_printf(ret, "  - {name: %s, role: %s, key: ", name, role);
    cluster_put_quoted(keys->public, ret);
    bf_buf_put_str(ret, "}\n");
}

static enum bf_rc put_coordinator(const struct layout *l, struct bf_error *err)
{
    struct bf_buf text = {0};
    bf_buf_printf(&text, "# The coordinator.  Paths are relative to this file.\n"
                  "# SIGHUP reads pools, breakers, keys, checkpoint, log_keep, journal_keep and details_keep again; the rest wants a restart.\n"
                  "api: tcp://127.0.0.1:%d\nfleet: tcp://127.0.0.1:%d\nlogs: tcp://127.0.0.1:%d\n"
                  "store: store\nlog_dir: logs\nkey_file: keys/coordinator.key\n", l->ports.api, l->ports.fleet, l->ports.logs);
    bf_buf_put_str(&text, l->s->dev ? "lease: {agent: 10s, fence: 2s, coordinator: 13s, heartbeat: 1s}\n"
                                    : "lease: {agent: 60s, fence: 5s, coordinator: 66s, heartbeat: 5s}\n");
    bf_buf_put_str(&text, "# pools: {warehouse: {slots: 12}}     # a pool named here wins over the plan's of the same name\n"
                          "keys:                                 # who may speak, by public key\n");
    for (unsigned i = 0; i < l->s->agents; i++) {
        BF_AUTO_FREE char *name = bf_xasprintf("agent-%u", i + 1);
        write_key(name, "agent", &l->agents[i], &text);
    }
    write_key("admin", "admin", &l->admin, &text);
    write_key("operator", "operator", &l->operator, &text);
    write_key("viewer", "viewer", &l->viewer, &text);
    bf_buf_put_str(&text, "store_max: 16Gi\nstore_reserve: 64Mi\ncheckpoint: {turns: 20000, bytes: 64Mi}\nlog_keep: 1Gi\n");
    enum bf_rc rc = put(l->dir, "coordinator.conf", &text, 0644, err);
    bf_buf_free(&text);
    return rc;
}

/* "key: [A, B]          # what it is" */
static void put_names(const char *key, const struct bf_option_list *names, const char *what, struct bf_buf *b)
{
    bf_buf_printf(b, "%s: [", key);
    for (size_t i = 0; names && i < names->n; i++)
        bf_buf_printf(b, "%s%s", i ? ", " : "", names->at[i]);
    bf_buf_printf(b, "]          # %s\n", what);
}

static enum bf_rc put_agent(const struct layout *l, unsigned number, struct bf_error *err)
{
    struct bf_buf text = {0};
    bf_buf_printf(&text, "name: agent-%u\ncoordinator: tcp://127.0.0.1:%d\nlogs: tcp://127.0.0.1:%d\nserver_key: ", number,
                  l->ports.fleet, l->ports.logs);
    cluster_put_quoted(l->coordinator.public, &text);
    bf_buf_printf(&text, "\nkey_file: keys/agent-%u.key\nstate_dir: agent-%u\nslots: %u\nlabels: {}\n", number,
                  number, l->s->slots);
    put_names("allow_env", l->s->allow_env, "environment variables that plans may name, and that steps see", &text);
    if (l->s->connection_env && l->s->connection_env->n > 0)
        put_names("connection_env", l->s->connection_env, "those that plans may name in connections and headers, and that no step sees",
                  &text);
    BF_AUTO_FREE char *name = bf_xasprintf("agent-%u.conf", number);
    enum bf_rc rc = put(l->dir, name, &text, 0644, err);
    bf_buf_free(&text);
    return rc;
}

static enum bf_rc put_bfctl(const struct layout *l, struct bf_error *err)
{
    struct bf_buf text = {0};
    bf_buf_printf(&text, "# bfctl --config FILE, or BFCTL_CONFIG=FILE.  keys/operator.key and keys/viewer.key may do less.\n"
                  "api: tcp://127.0.0.1:%d\nserver_key: ", l->ports.api);
    cluster_put_quoted(l->coordinator.public, &text);
    bf_buf_put_str(&text, "\nkey_file: keys/admin.key\n");
    enum bf_rc rc = put(l->dir, "bfctl.conf", &text, 0644, err);
    bf_buf_free(&text);
    return rc;
}

/* A folder that another user's steps pass through on their way to work_dir: open to all whatever the umask.  One that is there
 * already stays as its owner made it. */
static enum bf_rc make_passage(const char *path, struct bf_error *err)
{
    bool found = access(path, F_OK) == 0;
    enum bf_rc rc = bf_mkdirs(path, 0755, err);
    if (rc == BF_OK && !found && chmod(path, 0755) != 0)
        rc = bf_fail_errno(err, BF_IO, errno, "cannot open the folder %s to others", path);
    return rc;
}

static enum bf_rc make_dirs(const char *dir, unsigned agents, struct bf_error *err)
{
    static const struct { const char *name; mode_t mode; } dirs[] = {{"keys", 0700}, {"run", 0755}, {"log", 0755}, {"logs", 0700}};
    enum bf_rc rc = make_passage(dir, err);
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0] && rc == BF_OK; i++) {
        BF_AUTO_FREE char *path = bf_path_join(dir, dirs[i].name);
        rc = bf_mkdirs(path, dirs[i].mode, err);
    }
    for (unsigned i = 0; i < agents && rc == BF_OK; i++) {
        BF_AUTO_FREE char *path = bf_xasprintf("%s/agent-%u", dir, i + 1);
        rc = make_passage(path, err);
    }
    return rc;
}

static enum bf_rc write_files(struct layout *l, struct bf_error *err)
{
    enum bf_rc rc = put_all_keys(l, err);
    for (unsigned i = 0; i < l->s->agents && rc == BF_OK; i++)
        rc = put_agent(l, i + 1, err);
    if (rc == BF_OK)
        rc = put_bfctl(l, err);
    if (rc == BF_OK)
        rc = put_coordinator(l, err);
    return rc;
}

static enum bf_rc make_new(const struct cluster_settings *s, const char *dir, struct bf_error *err)
{
    struct layout *l = bf_xcalloc(1, sizeof *l);
    *l = (struct layout){.s = s, .dir = dir, .ports = {s->base_port, s->base_port + 1, s->base_port + 2}};
    enum bf_rc rc = s->base_port > 0 ? BF_OK : free_ports(&l->ports, err);
    if (rc == BF_OK)
        rc = write_files(l, err);
    explicit_bzero(l, sizeof *l);
    free(l);
    return rc;
}

enum bf_rc cluster_make(const struct cluster_settings *s, struct cluster *ret, struct bf_error *err)
{
    enum bf_rc rc = check_names("allow-env", s->allow_env, err);
    if (rc == BF_OK)
        rc = check_names("connection-env", s->connection_env, err);
    if (rc == BF_OK)
        rc = make_dirs(s->dir, 0, err);
    if (rc != BF_OK)
        return rc;
    ret->dir = realpath(s->dir, NULL);
    if (!ret->dir)
        return bf_fail_errno(err, BF_IO, errno, "cannot find %s", s->dir);
    ret->bfctl_conf = bf_path_join(ret->dir, "bfctl.conf");
    ret->found = there(ret->dir, "coordinator.conf");
    ret->agents = ret->found ? count_agents(ret->dir) : s->agents;
    rc = make_dirs(ret->dir, ret->agents, err);
    if (rc == BF_OK && !ret->found)
        rc = make_new(s, ret->dir, err);
    return rc;
}

void cluster_done(struct cluster *c)
{
    free(c->dir);
    free(c->bfctl_conf);
    *c = (struct cluster){0};
}

#include "bfctl/cluster.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bfctl/client.h"
#include "common/files.h"
#include "common/mem.h"

static char *folder(void)
{
    char pattern[] = "/tmp/bfctl-cluster-XXXXXX";
    cr_assert_not_null(mkdtemp(pattern));
    return bf_xstrdup(pattern);
}

static void remove_folder(const char *dir)
{
    BF_AUTO_FREE char *command = bf_xasprintf("rm -rf '%s'", dir);
    cr_assert_eq(system(command), 0);
}

static char *contents(const char *dir, const char *name)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, name);
    struct bf_buf text = {0};
    struct bf_error err = {0};
    cr_assert_eq(bf_file_read(path, 1 << 20, &text, &err), BF_OK, "%s", err.text);
    return (char *)bf_buf_cstr(&text);
}

Test(bfctl_cluster, makes_what_fits_together)
{
    BF_AUTO_FREE char *dir = folder();
    const struct bf_option_list env = {.at = {"WAREHOUSE", "TZ"}, .n = 2};
    const struct bf_option_list secret = {.at = {"DSN"}, .n = 1};
    const struct cluster_settings s = {.dir = dir, .agents = 2, .slots = 5, .base_port = 7600, .allow_env = &env,
                                       .connection_env = &secret};
    struct cluster c = {0};
    struct bf_error err = {0};
    cr_assert_eq(cluster_make(&s, &c, &err), BF_OK, "%s", err.text);
    cr_assert_not(c.found);
    cr_assert_eq(c.agents, 2);

    BF_AUTO_FREE char *key_file = bf_path_join(dir, "keys/agent-2.key"), *server_file = bf_path_join(dir, "keys/coordinator.key");
    struct client_keys agent, server;
    cr_assert_eq(client_keys_read(key_file, &agent, &err), BF_OK, "%s", err.text);
    cr_assert_eq(client_keys_read(server_file, &server, &err), BF_OK, "%s", err.text);
    struct stat st;
    cr_assert_eq(stat(key_file, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600);

    BF_AUTO_FREE char *coordinator = contents(dir, "coordinator.conf"), *conf = contents(dir, "agent-2.conf");
    cr_assert(strstr(coordinator, agent.public), "the agent's key is listed");
    cr_assert(strstr(coordinator, "lease: {agent: 60s, fence: 5s, coordinator: 66s, heartbeat: 5s}"));
    cr_assert_null(strstr(coordinator, server.secret));
    cr_assert(strstr(conf, server.public));
    cr_assert(strstr(conf, "coordinator: tcp://127.0.0.1:7601"));
    cr_assert(strstr(conf, "logs: tcp://127.0.0.1:7602"));
    cr_assert(strstr(conf, "slots: 5"));
    cr_assert(strstr(conf, "allow_env: [WAREHOUSE, TZ]"));
    cr_assert(strstr(conf, "connection_env: [DSN]"));

    struct client_settings settings = {0};
    cr_assert_eq(client_settings_read(c.bfctl_conf, &settings, &err), BF_OK, "%s", err.text);
    cr_assert_str_eq(settings.api, "tcp://127.0.0.1:7600");
    cr_assert_eq(settings.server_keys.n, 1);
    cr_assert_str_eq(settings.server_keys.at[0], server.public);
    cr_assert_eq(access(settings.key_file, R_OK), 0, "relative to the file");
    client_settings_done(&settings);
    cluster_done(&c);
    remove_folder(dir);
}

static mode_t mode_of(const char *dir, const char *name)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, name);
    struct stat st;
    cr_assert_eq(stat(path, &st), 0, "%s", path);
    return st.st_mode & 0777;
}

/* A step's own user must reach the agent's work folder, also when the cluster was made under a narrow umask; keys stay closed. */
Test(bfctl_cluster, steps_of_another_user_can_pass)
{
    BF_AUTO_FREE char *parent = folder();
    BF_AUTO_FREE char *dir = bf_path_join(parent, "site"), *private = bf_path_join(parent, "mine");
    struct cluster_settings s = {.dir = dir, .agents = 2, .slots = 1};
    struct cluster c = {0}, in_mine = {0};
    struct bf_error err = {0};
    mode_t before = umask(077);
    cr_assert_eq(cluster_make(&s, &c, &err), BF_OK, "%s", err.text);
    cr_assert_eq(mkdir(private, 0700), 0);
    s.dir = private;
    cr_assert_eq(cluster_make(&s, &in_mine, &err), BF_OK, "%s", err.text);
    umask(before);
    cr_expect_eq(mode_of(dir, "."), 0755);
    cr_expect_eq(mode_of(dir, "agent-1"), 0755);
    cr_expect_eq(mode_of(dir, "agent-2"), 0755);
    cr_expect_eq(mode_of(dir, "keys"), 0700);
    cr_expect_eq(mode_of(dir, "logs"), 0700);
    cr_expect_eq(mode_of(dir, "keys/agent-1.key"), 0600);
    cr_expect_eq(mode_of(private, "."), 0700, "a folder that was there stays as it was");
    cluster_done(&c);
    cluster_done(&in_mine);
    remove_folder(parent);
}

Test(bfctl_cluster, keeps_what_is_there)
{
    BF_AUTO_FREE char *dir = folder();
    struct cluster_settings s = {.dir = dir, .agents = 2, .slots = 4, .dev = true};
    struct cluster c = {0}, again = {0};
    struct bf_error err = {0};
    cr_assert_eq(cluster_make(&s, &c, &err), BF_OK, "%s", err.text);
    BF_AUTO_FREE char *before = contents(dir, "coordinator.conf");
    s.agents = 7;
    s.base_port = 9000;
    cr_assert_eq(cluster_make(&s, &again, &err), BF_OK, "%s", err.text);
    cr_assert(again.found);
    cr_assert_eq(again.agents, 2);
    BF_AUTO_FREE char *after = contents(dir, "coordinator.conf");
    cr_assert_str_eq(before, after);
    cr_assert(strstr(before, "lease: {agent: 10s, fence: 2s, coordinator: 13s, heartbeat: 1s}"));
    cluster_done(&c);
    cluster_done(&again);
    remove_folder(dir);
}

Test(bfctl_cluster, refuses_what_is_no_name)
{
    const struct bf_option_list env = {.at = {"A B"}, .n = 1};
    const struct cluster_settings s = {.dir = "/nonexistent/never", .agents = 1, .slots = 1, .allow_env = &env};
    struct cluster c = {0};
    struct bf_error err = {0};
    cr_assert_eq(cluster_make(&s, &c, &err), BF_USAGE);
    cr_assert(strstr(err.text, "A B"));
    cr_assert_neq(access("/nonexistent", F_OK), 0, "nothing was made");
}

Test(bfctl_cluster, key_files)
{
    BF_AUTO_FREE char *dir = folder();
    BF_AUTO_FREE char *path = bf_path_join(dir, "k");
    static const struct { const char *text; enum bf_rc rc; } rows[] = {
        {"public: 0123456789012345678901234567890123456789\nsecret: abcdefghijabcdefghijabcdefghijabcdefghij\n", BF_OK},
        {"# mine\nsecret: abcdefghijabcdefghijabcdefghijabcdefghij\npublic: \"0123456789012345678901234567890123456789\"\n", BF_OK},
        {"public: 0123456789012345678901234567890123456789\n", BF_INVALID}, {"", BF_INVALID},
        {"public: short\nsecret: abcdefghijabcdefghijabcdefghijabcdefghij\n", BF_INVALID}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct client_keys keys = {0};
        struct bf_error err = {0};
        cr_assert_eq(bf_file_write(path, rows[i].text, strlen(rows[i].text), 0600, &err), BF_OK);
        cr_assert_eq(client_keys_read(path, &keys, &err), rows[i].rc, "row %zu: %s", i, err.text);
        cr_assert(rows[i].rc != BF_OK || strcmp(keys.secret, "abcdefghijabcdefghijabcdefghijabcdefghij") == 0);
    }
    static const mode_t open_modes[] = {0640, 0604, 0666};
    cr_assert_eq(unlink(path), 0);
    for (size_t i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
        struct client_keys keys = {0};
        struct bf_error err = {0};
        cr_assert_eq(bf_file_write(path, rows[0].text, strlen(rows[0].text), 0600, &err), BF_OK);
        cr_assert_eq(chmod(path, open_modes[i]), 0);
        cr_assert_eq(client_keys_read(path, &keys, &err), BF_INVALID, "mode %o", (unsigned)open_modes[i]);
        cr_assert(strstr(err.text, "chmod 600"), "%s", err.text);
        cr_assert_eq(keys.secret[0], '\0', "nothing was read");
    }
    remove_folder(dir);
}

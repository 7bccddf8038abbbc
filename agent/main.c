/* bfagent: runs steps for a coordinator.  The process that is started becomes the guardian; the agent is its child. */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/agent_config.h"
#include "agent/guardian.h"
#include "agent/loop.h"
#include "agent/probe.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/options.h"

extern char **environ;

struct words { const char *config, *probe; bool check, show, version, help, verbose; };

static const struct bf_option options[] = {
    {"config", 'c', BF_OPT_STRING, offsetof(struct words, config), "FILE", "the agent's configuration (YAML)"},
    {"check-config", 0, BF_OPT_FLAG, offsetof(struct words, check), NULL,
     "read the configuration and the keys, say whether they are good, and exit"},
    {"show-config", 0, BF_OPT_FLAG, offsetof(struct words, show), NULL, "print each setting, its value and where it comes from, and exit"},
    {"probe", 0, BF_OPT_STRING, offsetof(struct words, probe), "QUESTION",
     "ask the agent that runs with this configuration: live or ready; exit status 0 means yes"},
    {"verbose", 'v', BF_OPT_FLAG, offsetof(struct words, verbose), NULL, "log every attempt"},
    {"version", 0, BF_OPT_FLAG, offsetof(struct words, version), NULL, "print the version"},
    {"help", 'h', BF_OPT_FLAG, offsetof(struct words, help), NULL, "print this"},
};
static const size_t options_n = sizeof options / sizeof options[0];

static int complain(const struct bf_error *err)
{
    fprintf(stderr, "bfagent: %s\n", err->text);
    return bf_rc_exit(err->rc);
}

static int help(void)
{
    puts("Usage: bfagent --config FILE [--check-config]\n\nRuns steps for a coordinator.\n");
    bf_options_help(options, options_n);
    return 0;
}

static int show_config(const char *path, struct agent_config *config)
{
    struct bf_error err = {0};
    struct bf_buf text = {0};
    if (agent_config_read(path, config, &err) != BF_OK)
        return complain(&err);
    agent_config_put(config, path, &text);
    fputs(bf_buf_cstr(&text), stdout);
    bf_buf_free(&text);
    return 0;
}

/* The guardian's copies. */
static void forget(void *arg)
{
    explicit_bzero(arg, sizeof(struct agent_keys));
    for (char **variable = environ; variable && *variable; variable++)
        explicit_bzero(*variable, strlen(*variable));
    clearenv();
}

static int run(const struct words *words, struct agent_config *config)
{
    struct bf_error err = {0};
    struct agent_keys keys;
    int status = 0;
    if (words->show)
        return show_config(words->config, config);
    if (words->probe && agent_config_read(words->config, config, &err) == BF_OK &&
        probe_ask(config->state_dir, words->probe, &err) == BF_OK) {
        puts(words->probe);
        return 0;
    }
    if (words->probe)
        return complain(&err);
    if (agent_config_read(words->config, config, &err) != BF_OK || agent_keys_read(config->key_file, &keys, &err) != BF_OK)
        return complain(&err);
    if (words->check) {
        printf("%s is good: agent %s, %lld slots\n", words->config, config->name, (long long)config->slots);
        return 0;
    }
    bf_log_open("agent", words->verbose ? BF_LOG_DEBUG : BF_LOG_INFO);
    const struct guardian_setup guardian = {.name = config->name, .state_dir = config->state_dir, .cgroup_mode = config->cgroup_mode,
                                             .forget = forget, .arg = &keys};
    struct agent_setup agent = {.config = config, .config_path = words->config, .keys = &keys, .own_env = (const char *const *)environ};
    if (guardian_run(&guardian, agent_loop, &agent, &status, &err) != BF_OK)
        return complain(&err);
    return status;
}

/* Standard files must exist, or a pipe would become one of them. */
static void fill_standard_files(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2)
        fd = open("/dev/null", O_RDWR);
    if (fd > 2)
        close(fd);
}

int main(int argc, char **argv)
{
    struct words words = {0};
    struct bf_error err = {0};
    struct agent_config config = {0};
    const char *positional[1];
    size_t n = 0;
    /* The agent's key, its environment and what it resolves are in its memory: no core file, and no other process of its user, shows them.
     * Steps, which execute, do not inherit this; the guardian wipes them and lifts it. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    fill_standard_files();
    if (bf_options_parse(argc - 1, argv + 1, options, options_n, &words, positional, 0, &n, NULL, NULL, &err) != BF_OK)
        return complain(&err);
    if (words.help)
        return help();
    if (words.version) {
        puts("bfagent " BF_VERSION);
        return 0;
    }
    if (!words.config) {
        fputs("bfagent: --config FILE is missing; see bfagent --help\n", stderr);
        return 2;
    }
    int status = run(&words, &config);
    agent_config_done(&config);
    return status;
}

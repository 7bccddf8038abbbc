/* bfctl dev: a private cluster on the loopback, for trying, testing and demonstrations. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "bfctl/commands.h"
#include "bfctl/dev.h"
#include "bfctl/dev_control.h"
#include "bfctl/words.h"

#define START_MS 60000                /* agents of an earlier run may still hold their lease */

struct values {
    struct ctl_common common;
    const char *dir, *agents, *base_port, *slots, *restart, *timeout;
    struct bf_option_list allow_env, connection_env;
};

static const struct bf_option options[] = {
    {"dir", 0, BF_OPT_STRING, offsetof(struct values, dir), "DIR", "folder of the cluster; kept, and used again the next time"},
    {"agents", 0, BF_OPT_STRING, offsetof(struct values, agents), "N", "agents to run (default 3, or as many as DIR has)"},
    {"base-port", 0, BF_OPT_STRING, offsetof(struct values, base_port), "PORT",
     "port of the API; fleet and logs follow (default: free ports)"},
    {"slots", 0, BF_OPT_STRING, offsetof(struct values, slots), "N", "slots of each agent (default 4)"},
    {"allow-env", 0, BF_OPT_STRINGS, offsetof(struct values, allow_env), "NAME",
     "environment variable that plans may name, and that steps see; may be repeated"},
    {"connection-env", 0, BF_OPT_STRINGS, offsetof(struct values, connection_env), "NAME",
     "the same for connection strings and headers alone: no step sees it; may be repeated"},
    {"timeout", 0, BF_OPT_STRING, offsetof(struct values, timeout), "TIME", "give up when not all is ready after this (default 60s)"},
    {"restart", 0, BF_OPT_STRING, offsetof(struct values, restart), "NAME",
     "coordinator or agent-N of the cluster that runs in DIR: start it again"},
    CTL_OPTION_HELP(struct values)};

static enum bf_rc make(const struct values *v, struct dev *d, struct bf_error *err)
{
    int64_t agents, port, slots;
    enum bf_rc rc = words_number("agents", v->agents, 3, 0, CLUSTER_AGENTS_MAX, &agents, err);
    if (rc == BF_OK)
        rc = words_number("base-port", v->base_port, 0, 1, 65533, &port, err);
    if (rc == BF_OK)
        rc = words_number("slots", v->slots, 4, 1, 10000, &slots, err);
    if (rc == BF_OK)
        rc = words_duration("timeout", v->timeout, START_MS, &d->start_ms, err);
    if (rc != BF_OK)
        return rc;
    const struct cluster_settings s = {.dir = v->dir, .agents = (unsigned)agents, .slots = (unsigned)slots,
                                       .base_port = (int)port, .dev = true, .allow_env = &v->allow_env,
                                       .connection_env = &v->connection_env};
    rc = cluster_make(&s, &d->cluster, err);
    if (rc != BF_OK)
        return rc;
    d->agents = v->agents || !d->cluster.found ? (unsigned)agents : d->cluster.agents;
    if (d->agents > d->cluster.agents)
        return bf_fail(err, BF_CONFLICT, "%s was made for %u agents; take another folder for %u", v->dir, d->cluster.agents,
                       d->agents);
    if (d->cluster.found && (v->base_port || v->slots || v->allow_env.n > 0 || v->connection_env.n > 0))
        ctl_note("%s is there already and keeps its configuration; --base-port, --slots, --allow-env and --connection-env change nothing",
                 v->dir);
    return BF_OK;
}

/* Exit status of a command as a shell gives it. */
static int shell_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static enum bf_rc serve(struct dev *d, char **command, int *ret_status, struct bf_error *err)
{
    enum bf_rc rc = dev_start(d, err);
    if (rc != BF_OK)
        return rc;
    if (!command) {
        printf("ready: %u agent%s; export BFCTL_CONFIG=%s\n", d->agents, d->agents == 1 ? "" : "s", d->cluster.bfctl_conf);
        fflush(stdout);
        while (!d->stop_signal)
            dev_step(d, -1);
        return BF_OK;
    }
    rc = dev_command_start(command, d->cluster.bfctl_conf, &d->command, err);
    while (rc == BF_OK && d->command > 0)
        dev_step(d, -1);
    *ret_status = shell_status(d->command_status);
    return rc;
}

static int run_cluster(struct ctl_call *call)
{
    struct dev d = {0};
    int status = 0;
    enum bf_rc rc = make(call->values, &d, &call->err);
    if (rc == BF_OK) {
        rc = dev_open(&d, &call->err);
        if (rc == BF_OK) {
            rc = serve(&d, call->n_rest > 0 ? call->rest : NULL, &status, &call->err);
            dev_stop(&d);
        }
        dev_close(&d);
    }
    cluster_done(&d.cluster);
    return rc == BF_OK ? status : ctl_failed(&call->err);
}

static int restart(struct ctl_call *call, const struct values *v)
{
    char answer[DEV_LINE_MAX];
    if (call->n_rest > 0 || v->agents || v->base_port || v->slots || v->allow_env.n > 0 || v->connection_env.n > 0 || v->timeout)
        return ctl_fail(BF_USAGE, "--restart takes --dir and nothing else");
    if (dev_control_restart(v->dir, v->restart, answer, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    puts(answer);
    return 0;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    if (!v->dir)
        return ctl_fail(BF_USAGE, "--dir DIR is needed");
    return v->restart ? restart(call, v) : run_cluster(call);
}

const struct ctl_command cmd_dev = {
    .usage = "dev --dir DIR [--agents N] [--base-port PORT] [--slots N] [--allow-env NAME]… [--connection-env NAME]… [--timeout TIME] "
             "[-- COMMAND…]",
    .about = "Runs a coordinator and agents under DIR, with keys, configuration, store and logs there.  With COMMAND: runs it with\n"
             "BFCTL_CONFIG set, stops the cluster, and exits with its status.  Without: stays until it is interrupted.  Nothing that\n"
             "was started is left behind.  A program that dies is not started again; --restart does that from another shell, with\n"
             "BF_FAILPOINT as it is there.  Process ids are in DIR/run, logs in DIR/log.",
    .examples = "  bfctl dev --dir /tmp/try -- bfctl backfill create orders.yaml --wait\n"
                "  bfctl dev --dir /tmp/try --restart agent-2",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .takes_rest = true, .run = run};

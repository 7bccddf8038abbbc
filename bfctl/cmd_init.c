/* bfctl init: the files of a new cluster. */
#include <stdio.h>

#include "bfctl/cluster.h"
#include "bfctl/commands.h"
#include "bfctl/words.h"

struct values {
    struct ctl_common common;
    const char *dir, *agents, *base_port, *slots;
    struct bf_option_list allow_env, connection_env;
};

static const struct bf_option options[] = {
    {"dir", 0, BF_OPT_STRING, offsetof(struct values, dir), "DIR", "folder of the cluster; made when it is not there"},
    {"agents", 0, BF_OPT_STRING, offsetof(struct values, agents), "N", "agents to make keys and configuration for (default 3)"},
    {"base-port", 0, BF_OPT_STRING, offsetof(struct values, base_port), "PORT",
     "port of the API; fleet and logs follow (default 7410)"},
    {"slots", 0, BF_OPT_STRING, offsetof(struct values, slots), "N", "slots of each agent (default 4)"},
    {"allow-env", 0, BF_OPT_STRINGS, offsetof(struct values, allow_env), "NAME",
     "environment variable that plans may name, and that steps see; may be repeated"},
    {"connection-env", 0, BF_OPT_STRINGS, offsetof(struct values, connection_env), "NAME",
     "the same for connection strings and headers alone: no step sees it; may be repeated"},
    CTL_OPTION_HELP(struct values)};

static enum bf_rc make(const struct values *v, struct cluster *cluster, struct bf_error *err)
{
    int64_t agents, port, slots;
    if (!v->dir)
        return bf_fail(err, BF_USAGE, "--dir DIR is needed");
    enum bf_rc rc = words_number("agents", v->agents, 3, 0, CLUSTER_AGENTS_MAX, &agents, err);
    if (rc == BF_OK)
        rc = words_number("base-port", v->base_port, CLUSTER_BASE_PORT, 1, 65533, &port, err);
    if (rc == BF_OK)
        rc = words_number("slots", v->slots, 4, 1, 10000, &slots, err);
    if (rc != BF_OK)
        return rc;
    const struct cluster_settings s = {.dir = v->dir, .agents = (unsigned)agents, .slots = (unsigned)slots,
                                       .base_port = (int)port, .allow_env = &v->allow_env,
                                       .connection_env = &v->connection_env};
    rc = cluster_make(&s, cluster, err);
    if (rc == BF_OK && cluster->found)
        rc = bf_fail(err, BF_CONFLICT, "%s holds a cluster already; nothing was changed", v->dir);
    return rc;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct cluster cluster = {0};
    enum bf_rc rc = make(v, &cluster, &call->err);
    if (rc == BF_OK)
        printf("made %s: start `bfcoordinator --config %s/coordinator.conf`, then `bfagent --config %s/agent-1.conf` for each agent,\n"
               "and use it with BFCTL_CONFIG=%s\n", cluster.dir, cluster.dir, cluster.dir, cluster.bfctl_conf);
    cluster_done(&cluster);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_init = {
    .usage = "init --dir DIR [--agents N] [--base-port PORT] [--slots N] [--allow-env NAME]… [--connection-env NAME]…",
    .about = "Makes key pairs for the coordinator, each agent and the roles admin, operator and viewer, and the configuration of\n"
             "each program.  Take an agent's .conf and .key to its host and put the coordinator's address there.",
    .examples = "  bfctl init --dir /etc/bf --agents 8",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values), .run = run};

/* The agent proper: one loop in one thread, between the core, the session, the runner and the logs. */
#ifndef BF_AGENT_LOOP_H
#define BF_AGENT_LOOP_H

#include "agent/agent_config.h"
#include "agent/guardian.h"

struct agent_setup {
    struct agent_config *config;             /* changed by SIGHUP alone */
    const char *config_path;
    const struct agent_keys *keys;
    const char *const *own_env;
};

/* Runs until it is drained; the exit status.  arg is a struct agent_setup: this is guardian_run's callback. */
int agent_loop(const struct agent_start *start, void *arg);

#endif

/* The canaries that this agent runs for the coordinator (struct probe_order): beside its steps, against no slot of theirs and behind none
 * of them.
 *
 * A probe of SQL or a call has one helper process that stays, with a connection of its own; a program is started anew for each reading.
 * At most one measurement of a probe is on its way, and it has a time limit from outside, its start too.  Their processes live in control
 * groups like those of steps, so whatever ends steps when the lease runs out ends them too. */
#ifndef BF_AGENT_PROBER_H
#define BF_AGENT_PROBER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/agent_config.h"
#include "agent/cgroup.h"
#include "agent/fence_page.h"
#include "agent/runner.h"

/* A reading; borrowed for the call. */
typedef void prober_read(void *arg, const struct probe_reading *reading);

struct prober_setup {
    const struct agent_config *config;
    struct cgroup_tree *cgroups;
    const struct fence_page *page;
    const char *const *own_env;
    const char *work_dir;                    /* absolute */
    int epoll_fd;
    unsigned n_spawners;                     /* threads that start them; 0: the caller's own does */
    uint64_t nofile_soft;
    prober_read *read;
    void *arg;
};

struct prober;
struct prober *prober_new(const struct prober_setup *setup);
/* No probe is begun any more, for good.  true: none is under way either. */
bool prober_stop(const struct prober *p);
/* Kills what is left and waits for it.  A start that waits for the file server of a secret is not to be killed: where one does, the prober
 * stays as it is, for the process that is to exit; the start never executes.  NULL is fine. */
void prober_free(struct prober *p);
/* What is to run from now on: what runs under another id is killed.  n 0: nothing. */
void prober_set(struct prober *p, const struct probe_order *orders, size_t n);
/* An event of one of the prober's sources (SOURCE_PROBE_…). */
void prober_event(struct prober *p, const struct source *s);
/* What time brings.  Call once a turn, after the events. */
void prober_run(struct prober *p, int64_t now_ms);
int64_t prober_next_ms(const struct prober *p);      /* CLOCK_BOOTTIME; INT64_MAX: nothing */

#endif

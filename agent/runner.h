/* The processes of attempts on this host: started, watched, killed, and known to be gone before their end is told. */
#ifndef BF_AGENT_RUNNER_H
#define BF_AGENT_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/agent_config.h"
#include "agent/cgroup.h"
#include "agent/fence_page.h"
#include "agent/logship.h"
#include "agent/verdict.h"

/* What stands in epoll_event.data.ptr, here and in the loop. */
enum source_kind { SOURCE_LOOP, SOURCE_SOCKET, SOURCE_SPAWNER, SOURCE_LEADER, SOURCE_STDOUT, SOURCE_STDERR,
                   SOURCE_PROBE_LEADER, SOURCE_PROBE_STDOUT, SOURCE_PROBE_STDERR, SOURCE_PROBE_SPAWNER };       /* of prober.h */
struct source { enum source_kind kind; void *owner; };

/* Its process executes, since then (CLOCK_REALTIME). */
typedef void runner_started(void *arg, struct attempt_ref ref, int64_t at_us);
/* It never ran; borrowed for the call. */
typedef void runner_failed(void *arg, const struct assignment *a, const struct outcome *why);
/* No process of the attempt is left, and no session, or nobody waits for that any more: outcome.usage.session, and note in words ("": nothing
 * to tell).  Both are borrowed for the call; at_us: CLOCK_REALTIME. */
typedef void runner_ended(void *arg, struct attempt_ref ref, const struct outcome *outcome, const char *note, int64_t at_us);
/* No process of it is left, but it has a session at a server, which is being ended. */
typedef void runner_closing(void *arg, struct attempt_ref ref);

struct runner_setup {
    const struct agent_config *config;
    struct cgroup_tree *cgroups;
    struct logship *logs;                    /* NULL: logs go nowhere */
    const struct fence_page *page;
    const char *const *own_env;
    const char *work_dir, *result_dir;       /* absolute */
    int epoll_fd;
    unsigned n_spawners;                      /* threads that start processes; 0: the caller's own does */
    uint64_t nofile_soft;                    /* of steps */
    uint64_t cpu_milli, memory_bytes;        /* what the host has for all of them */
    runner_started *started;                 /* each from within runner_event and runner_run */
    runner_failed *failed;
    runner_closing *closing;
    runner_ended *ended;
    void *arg;
};

struct runner;
struct prober;
struct runner *runner_new(const struct runner_setup *setup);
/* Nothing may run any more. */
void runner_free(struct runner *r);

/* *a must stay until it is told that it failed or ended. */
void runner_start(struct runner *r, const struct assignment *a);
/* Of what does not execute yet: it never will, and is told as failed. */
void runner_term(struct runner *r, struct attempt_ref ref);
void runner_kill(struct runner *r, struct attempt_ref ref);
/* An event of one of the runner's sources. */
void runner_event(struct runner *r, const struct source *s);
/* Tell what has started; look again after what is being killed; free what is gone.  Call once a turn, after the events. */
void runner_run(struct runner *r, int64_t now_ms);
int64_t runner_next_ms(const struct runner *r);
/* SIGKILL every process of every attempt, and of every probe (NULL: there are none), until none is left and none is being started, or
 * limit_ms have passed (false).  No end is told: only for an agent that exits right after, because its guardian is dead. */
bool runner_end_all(struct runner *r, const struct prober *also, int64_t limit_ms) BF_MUST_CHECK;
size_t runner_n_runs(const struct runner *r);
/* logship's `room`. */
void runner_room(void *owner);

#endif

/* The running private cluster: its processes and the loop that watches them. */
#ifndef BFCTL_DEV_H
#define BFCTL_DEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "bfctl/cluster.h"
#include "bfctl/dev_process.h"

struct dev {
    struct cluster cluster;
    unsigned agents;                         /* that run; the first ones of the cluster */
    int64_t start_ms;                        /* give up when they are not ready after this */
    struct dev_process *processes;           /* the coordinator, then the agents */
    size_t n_processes;
    pid_t command;                           /* 0: none */
    int command_status;                      /* as waitpid() gives it, once command is 0 again */
    int signal_fd, lock_fd, listen_fd;
    int asker_fd;                            /* who waits for a restart; -1: nobody */
    struct dev_process *restarting;
    int64_t restart_until_ms;
    int stop_signal;                         /* the first signal that asked us to end; 0: none */
    unsigned n_stop_signals;
    FILE *log;                               /* DIR/log/dev.log */
};

/* Lock the folder, become the subreaper, catch signals.  d->cluster and d->agents are set. */
enum bf_rc dev_open(struct dev *d, struct bf_error *err) BF_MUST_CHECK;
/* Coordinator, then agents; BF_OK when all are ready. */
enum bf_rc dev_start(struct dev *d, struct bf_error *err) BF_MUST_CHECK;
/* Handle what happens for at most wait_ms (-1: until something does). */
void dev_step(struct dev *d, int64_t wait_ms);
/* Agents, then the coordinator, then whatever is left. */
void dev_stop(struct dev *d);
void dev_close(struct dev *d);

#endif

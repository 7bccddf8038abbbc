/* A program of the private cluster: started, watched, stopped.  Every one is a child of the running `bfctl dev`. */
#ifndef BFCTL_DEV_PROCESS_H
#define BFCTL_DEV_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/error.h"

/* All-zero but for out -1 is one that was never started.  Strings are owned. */
struct dev_process {
    char *name;                              /* "coordinator", "agent-1" */
    char *program, *config;                  /* absolute paths */
    char *pid_file, *log_file;
    pid_t pid;                               /* 0: not running */
    int out;                                 /* its standard output; -1: closed */
    struct bf_buf line;                      /* of its output, not yet ended */
    bool started, ready;                     /* once at least; it has said that it is */
    int64_t kill_at_ms;                      /* CLOCK_BOOTTIME: SIGKILL then; 0: not asked to end */
};

void dev_process_init(struct dev_process *p, const char *dir, const char *programs, const char *program, const char *name);
void dev_process_done(struct dev_process *p);

/* Start it: output to its log, its own process group, killed when we die.  Writes the pid file. */
enum bf_rc dev_process_start(struct dev_process *p, struct bf_error *err) BF_MUST_CHECK;
/* Take what it has written, into its log; sets ready at its line "ready …". */
void dev_process_read(struct dev_process *p);
/* SIGTERM now, SIGKILL grace_ms later (by dev_process_tick). */
void dev_process_stop(struct dev_process *p, int64_t grace_ms);
void dev_process_tick(struct dev_process *p, int64_t now_ms);
/* The last line of its log, which is why it ended when it ended by itself; "" when there is none. */
#define DEV_LAST_WORDS_MAX 512
void dev_process_last_words(const struct dev_process *p, char ret[DEV_LAST_WORDS_MAX]);
/* It was reaped: forget the pid, remove the pid file. */
void dev_process_ended(struct dev_process *p);

/* Run argv in the foreground group with BFCTL_CONFIG set, killed when we die. */
enum bf_rc dev_command_start(char **argv, const char *bfctl_conf, pid_t *ret_pid, struct bf_error *err) BF_MUST_CHECK;
/* Kill and reap every child, and whatever is handed to us as the subreaper, until none is left. */
void dev_kill_all(void);

#endif

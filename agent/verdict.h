/* What the end of a process means: an outcome with its sentence. */
#ifndef BF_AGENT_VERDICT_H
#define BF_AGENT_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/result.h"
#include "proto/outcome.h"

/* An outcome with the memory behind it; do not copy by value. */
struct verdict {
    struct outcome outcome;                  /* its details are borrowed */
    char text[OUTCOME_TEXT_MAX + 1];
    char sqlstate[6], dbms[33];
};

/* What the kernel said of the attempt's limits. */
struct verdict_limits {
    bool oom, own;                           /* a process of it was killed for want of memory; and it was its own limit that was reached */
    uint64_t memory_bytes, peak_bytes;       /* its own limit; the most that it had: 0 where not known */
    uint64_t host_bytes;                     /* what the agent has for all steps; 0: not known */
    uint64_t pids, pids_hits;                /* its limit of processes, and how often one more was refused */
};

/* status as of wait(2); result may be NULL; details: what the result's render to; tail: the end of standard error (n bytes, any bytes) */
void verdict_of_end(int status, const struct step_result *result, const char *details, const char *tail, size_t n,
                    const struct verdict_limits *limits, struct verdict *ret);
/* It never ran. */
void verdict_of_spawn(int errnum, const char *text, struct verdict *ret);

/* Make s one line of valid UTF-8 within size bytes: control characters become blanks, bad bytes '?'. */
void verdict_line(char *ret, size_t size, const char *s);
/* The last non-empty line of n bytes, the same way; "" when there is none. */
void verdict_last_line(char *ret, size_t size, const char *p, size_t n);

#endif

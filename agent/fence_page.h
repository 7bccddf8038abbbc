/* The page that the guardian and its agent share; probes read it (probe.c: a change here needs another number there). */
#ifndef BF_AGENT_FENCE_PAGE_H
#define BF_AGENT_FENCE_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Written by the agent: deadline_ms, turns, turned_ms, attempts, draining.  Written by the guardian: the rest. */
struct fence_page {
    _Atomic int64_t deadline_ms;             /* CLOCK_BOOTTIME; INT64_MIN before the first lease */
    _Atomic uint64_t turns;                  /* of the agent's loop: while they grow, it works */
    _Atomic int64_t turned_ms;               /* when the last of them began */
    _Atomic uint32_t attempts;               /* that it holds */
    _Atomic bool draining;
    _Atomic uint64_t fences;                 /* counted up before the first kill of a fence */
    _Atomic int64_t fence_last_us;           /* from the deadline until nothing was left */
    _Atomic int64_t fence_worst_us;
    uint64_t incarnation;                    /* set before the agent is started */
    int64_t turn_within_ms;                  /* the same: the agent's loop turns at least so often */
    int wake_fd;                             /* eventfd: the agent has a lease where it had none */
};

#endif

/* Reading what a create would come to: as view.h. */
#ifndef BF_ENGINE_VIEW_CREATE_H
#define BF_ENGINE_VIEW_CREATE_H

#include "coordinator/engine/view.h"

/* What a create of this plan would come to. */
enum reuse_verdict { REUSE_NEW,              /* no earlier backfill has brought it to an end: runs */
                     REUSE_AFTER_FAILURE,    /* failed, or was cancelled while it ran: runs */
                     REUSE_CHANGED,          /* another version of the step did it: runs */
                     REUSE_FOR_UPSTREAM,     /* done, and something upstream of it runs: runs, by --downstream */
                     REUSE_TAKEN, REUSE_TAKEN_STALE,   /* done: not run; STALE: although something upstream of it runs */
                     REUSE_TAKEN_FAILURE,    /* failed: not run, and what is downstream cannot run */
                     REUSE_VERDICTS };
struct reuse_counts { uint64_t n[REUSE_VERDICTS]; };
#define REUSE_SOURCES_MAX 8u
/* from: newest first; the rest is left out. */
struct reuse_step { struct reuse_counts counts; uint32_t from[REUSE_SOURCES_MAX]; uint32_t n_from; };
struct create_preview {
    struct reuse_step *by_step;              /* the caller's: one for each step of the plan, all-zero */
    const char *conflict;                    /* who writes what it would write; NULL: nobody */
    const char *missing;                     /* what it requires outside its range; NULL: nothing */
    const char *limit;                       /* which pool would have too many probes; NULL: none */
};
/* The sentences are in out's arena. */
void engine_create_preview(const struct engine *e, const struct plan *plan, enum op_reprocess how, bool downstream, struct engine_out *out,
                           struct create_preview *ret);

#endif

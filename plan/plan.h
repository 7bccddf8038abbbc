/* A compiled plan: immutable, shared by the coordinator and bfctl.  Made by plan_compile().
 *
 * A plan is a small graph of step templates.  A backfill is templates x partitions; edges are rules, never stored for each
 * partition.  Steps are in step.h, what they draw on in thing.h.  All of it is plain data; indices refer to the arrays of the same plan. */
#ifndef BF_PLAN_PLAN_H
#define BF_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "common/error.h"
#include "plan/partition.h"
#include "plan/step.h"
#include "plan/thing.h"
#include "plan/window.h"
#include "proto/bundle.h"

#define PLAN_STEPS_MAX 10000u
#ifndef PLAN_INSTANCES_MAX                     /* fuzz builds have a lower one: an input takes a second at most */
#define PLAN_INSTANCES_MAX 10000000u
#endif
/* Files under PLAN_ZONE_PATH (proto/bundle.h) are zones.  "/zoneinfo" alone is a list of their names, one a line, for near matches. */
#define PLAN_ZONE_NAMES "/zoneinfo"

enum plan_end_then { PLAN_END_PAUSE, PLAN_END_CANCEL, PLAN_END_WARN };       /* of a backfill's timebox */
struct plan_param { char *name; char *value; };
struct plan_owner { char *name; struct plan_words words; };
struct plan_exposure {                         /* who notices when a dataset is late */
    char *name;
    uint32_t *reads; size_t n_reads;           /* dataset indices */
    struct plan_deadline deadline;
    struct plan_words words;
};

struct plan {
    char *name, *change_ticket, *sensitivity;  /* the last two NULL when not given */
    struct plan_words words;
    enum plan_grain grain;                     /* of `partitions:`; PLAN_NONE when the plan has none */
    bool partial;                              /* of every step that does not say otherwise */
    struct zone *zone;
    int64_t from_s, until_s;                   /* the range, [from, until); equal when there is none */
    struct plan_partitions partitions[PLAN_GRAIN_COUNT];   /* of every grain that a step or the plan has; the others have n 0 */
    struct plan_partitions before[PLAN_GRAIN_COUNT], behind[PLAN_GRAIN_COUNT];   /* beyond the range, as far as edges reach: outside.h */
    struct plan_step *steps; size_t n_steps;
    struct plan_pool *pools; size_t n_pools;
    struct plan_dataset *datasets; size_t n_datasets;
    struct plan_connection *connections; size_t n_connections;
    struct plan_param *params; size_t n_params;
    struct plan_owner *owners; size_t n_owners;
    struct plan_exposure *exposures; size_t n_exposures;
    struct plan_window *windows; size_t n_windows;
    int64_t timebox_ms; enum plan_end_then timebox_then;     /* of the whole backfill; 0: none */
    uint32_t *order;                           /* step indices, upstream first */
    uint32_t *by_name;                         /* step indices, sorted by name: for plan_find_step */
    uint64_t n_instances;
    uint8_t hash[PLAN_HASH_BYTES];             /* of all that it says: see canonical.h */
    uint8_t source_hash[PLAN_HASH_BYTES];      /* of the source's bytes, as sent and stored */
    uint32_t kept;                             /* owners beside the first */
};

/* Options of a backfill that change what is compiled. */
struct plan_options {
    const char *from, *to;                     /* override of partitions.from / .to; NULL: the plan's */
    const struct plan_param *params; size_t n_params;   /* overrides; unknown names are errors */
};

/* Compile a document.  NULL, with errors in d, when it is not valid; warnings alone do not fail.  d->file and d->source are set
 * here from the source, which must outlive d.  Deterministic: the same source and options give the same plan. */
struct plan *plan_compile(const struct plan_source *source, const struct plan_options *options, struct bf_diags *d);
/* Warnings that are true only as time passes: windows by dates that are over.  After plan_compile(), with its d; now_s: the wall clock. */
void plan_windows_warn_past(const struct plan *p, int64_t now_s, struct bf_diags *d);
void plan_free(struct plan *p);
/* The pool that a step draws a dimension from: the first of its pools that has it in this plan; where none has, its first; PLAN_NO_INDEX
 * where it draws on none.  So what an open attempt holds follows from its plan alone, whatever pools are given while it runs. */
uint32_t plan_step_draws_from(const struct plan *p, const struct plan_step *s, const char *dimension);
/* One owner more, in the same thread: each of them calls plan_free(), and the last one ends it.  Gives p, which says what it said. */
struct plan *plan_keep(const struct plan *p);

/* Paths that the document names and the source does not hold yet, as written there.  The caller reads the files (beside the
 * document; those under PLAN_ZONE_PATH from the system's zone database) and adds them.  Caller frees *ret and its strings.  Malformed
 * documents give none. */
void plan_source_wanted(const struct plan_source *source, char ***ret_paths, size_t *ret_n);
void plan_source_hash(const struct plan_source *source, uint8_t ret[PLAN_HASH_BYTES]);
void plan_source_done(struct plan_source *source);

/* It only asks: all of its steps are `warehouse` ones, as those of bfctl warehouse test are.  What comes of it is its answer, so it is
 * nobody's @latest, and nothing to alert about. */
bool plan_only_asks(const struct plan *p);
/* Whether an attempt of the step has a session at a server that may outlive its process. */
bool plan_step_has_session(const struct plan *p, const struct plan_step *s);
/* Index by name, or PLAN_NO_INDEX. */
uint32_t plan_find_step(const struct plan *p, const char *name);

#endif

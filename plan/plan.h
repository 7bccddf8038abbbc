/* A compiled plan: immutable, shared by the coordinator and bfctl.  Made by plan_compile().
 *
 * A plan is a small graph of step templates.  A backfill is templates x partitions; edges are rules, never stored for each
 * partition.  Everything here is plain data; indices refer to the arrays of the same plan. */
#ifndef BF_PLAN_PLAN_H
#define BF_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "common/error.h"
#include "plan/partition.h"
#include "plan/template.h"
#include "proto/bundle.h"

#define PLAN_HASH_BYTES 32                     /* BLAKE2b-256 */
#define PLAN_STEPS_MAX 10000u
#define PLAN_INSTANCES_MAX 10000000u
#define PLAN_NAME_MAX 128                      /* names of plans, steps, pools, datasets, connections: [A-Za-z0-9_.-]+ */
#define PLAN_NO_INDEX UINT32_MAX

enum plan_kind { PLAN_RUN, PLAN_NOOP, PLAN_SQL };
enum plan_priority { PLAN_CRITICAL, PLAN_HIGH, PLAN_NORMAL, PLAN_LOW };      /* in order of urgency */
enum plan_timebox_then { PLAN_KILL_AND_RETRY, PLAN_KILL_AND_FAIL };
enum plan_mapping {
    PLAN_SAME,                                 /* p needs p */
    PLAN_PREVIOUS,                             /* p needs p - n; partitions before the range: outside */
    PLAN_CONTAINING,                           /* fine p needs the coarse partition that contains it */
    PLAN_CONTAINED,                            /* coarse p needs every fine partition in it */
    PLAN_ALL                                   /* p needs all */
};

struct plan_edge {                             /* an edge of a step: what it needs */
    uint32_t upstream;                         /* step index */
    enum plan_mapping mapping;
    uint32_t previous;                         /* PLAN_PREVIOUS: n >= 1; else 0 */
    struct bf_mark mark;
};

struct plan_retry {
    uint32_t max_attempts;                     /* >= 1, of one run */
    int64_t initial_ms, max_ms;
    uint32_t factor_milli;                     /* 2.0 = 2000 */
};

struct plan_env { char *name; struct template value; };
struct plan_label { char *name; char *value; };

struct plan_step {
    char *name;
    struct bf_mark mark;
    enum plan_kind kind;
    struct plan_range range;
    enum plan_priority priority;
    uint32_t pool;                             /* index, or PLAN_NO_INDEX: drawn on no pool */
    int64_t expect_ms;                         /* baseline duration; 1,000 where the plan says nothing (0 for noop) */
    int64_t timebox_ms;                        /* 0: none */
    enum plan_timebox_then timebox_then;
    struct plan_retry retry;
    bool wait_for_fence;                       /* on_lost: wait_for_fence */
    struct template *argv; size_t n_argv;      /* PLAN_RUN */
    struct plan_env *env; size_t n_env;
    uint32_t connection;                       /* PLAN_SQL */
    bool transaction;
    struct template sql;                       /* PLAN_SQL: whole script */
    uint32_t *inputs; size_t n_inputs;         /* dataset indices */
    uint32_t *outputs; size_t n_outputs;
    struct plan_edge *edges; size_t n_edges;
    struct plan_label *labels; size_t n_labels;/* an agent must have all of them, sorted by name */
    char *owner, *why, *description;           /* NULL when not given */
    uint8_t hash[PLAN_HASH_BYTES];
};

struct plan_pool { char *name; uint32_t slots; struct bf_mark mark; };
struct plan_dataset { char *name; uint32_t connection; bool external; char *partition_column; };  /* connection may be NO_INDEX */
/* odbc keeps its "${env:NAME}" references: resolved on the agent, never here. */
struct plan_connection { char *name; char *odbc; };
struct plan_param { char *name; char *value; };

struct plan {
    char *name, *description, *owner, *change_ticket, *sensitivity;
    struct plan_range range;                   /* of `partitions:`; PLAN_NONE when the plan has none */
    struct plan_step *steps; size_t n_steps;
    struct plan_pool *pools; size_t n_pools;
    struct plan_dataset *datasets; size_t n_datasets;
    struct plan_connection *connections; size_t n_connections;
    struct plan_param *params; size_t n_params;
    uint32_t *order;                           /* step indices, upstream first */
    uint32_t *by_name;                         /* step indices, sorted by name: for plan_find_step */
    uint64_t n_instances;
    uint8_t hash[PLAN_HASH_BYTES];             /* of the source bytes and files, as sent */
};

/* Options of a backfill that change what is compiled. */
struct plan_options {
    const char *from, *to;                     /* override of partitions.from / .to; NULL: the plan's */
    const struct plan_param *params; size_t n_params;   /* overrides; unknown names are errors */
};

/* Compile a document.  NULL, with errors in d, when it is not valid; warnings alone do not fail.  d->file and d->source are set
 * here from the source, which must outlive d.  Deterministic: the same source and options give the same plan. */
struct plan *plan_compile(const struct plan_source *source, const struct plan_options *options, struct bf_diags *d);
void plan_free(struct plan *p);

/* Paths that the document names and the source does not hold yet, as written there.  The caller reads the files (beside the
 * document) and adds them.  Caller frees *ret and its strings.  Malformed documents give none. */
void plan_source_wanted(const struct plan_source *source, char ***ret_paths, size_t *ret_n);
void plan_source_hash(const struct plan_source *source, uint8_t ret[PLAN_HASH_BYTES]);
void plan_source_done(struct plan_source *source);

/* Index by name, or PLAN_NO_INDEX. */
uint32_t plan_find_step(const struct plan *p, const char *name);
const char *plan_mapping_name(enum plan_mapping m);
const char *plan_priority_name(enum plan_priority p);
const char *plan_kind_name(enum plan_kind k);

#endif

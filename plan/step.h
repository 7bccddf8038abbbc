/* A step template of a compiled plan: what it does, what it needs, where and when it may run.  Plain data; indices refer to the arrays of
 * its plan, which owns what is pointed to (plan.h). */
#ifndef BF_PLAN_STEP_H
#define BF_PLAN_STEP_H

#include "common/buf.h"
#include "common/diag.h"
#include "plan/check.h"
#include "plan/http.h"
#include "plan/shared.h"
#include "plan/partition.h"
#include "plan/template.h"

#define PLAN_WEIGHT_MAX 10000u
#define PLAN_DISTANCE_MAX 100000               /* partitions that an edge may reach back or ahead */
#define PLAN_WINDOW_MAX 1024u                  /* partitions that a window may span: a turn pays for each one that ends so many times */
#define PLAN_STEP_POOLS_MAX 8u                 /* that one step draws on */

enum plan_kind { PLAN_RUN, PLAN_NOOP, PLAN_SQL, PLAN_SHELL, PLAN_HTTP, PLAN_WAREHOUSE, PLAN_SENSOR };
enum plan_warehouse { PLAN_WAREHOUSE_TEST, PLAN_WAREHOUSE_INIT };
enum plan_priority { PLAN_CRITICAL, PLAN_HIGH, PLAN_NORMAL, PLAN_LOW };      /* in order of urgency */
enum plan_timebox_then { PLAN_KILL_AND_RETRY, PLAN_KILL_AND_FAIL, PLAN_ONLY_WARN };
enum plan_mapping {
    PLAN_SAME,                                 /* p needs p */
    PLAN_PREVIOUS,                             /* p needs p - n */
    PLAN_WINDOW,                               /* p needs p + a up to p + b */
    PLAN_CONTAINING,                           /* fine p needs the coarse partition that contains it */
    PLAN_CONTAINED,                            /* coarse p needs every fine partition in it */
    PLAN_ALL                                   /* p needs all */
};
/* What an upstream partition outside the backfill's range means. */
enum plan_outside {
    PLAN_ASSUME,                               /* taken as done */
    PLAN_REQUIRE_SUCCESS,                      /* the newest backfill of it must have succeeded when this one is created */
    PLAN_REFUSE                                /* the plan is not valid while there is one */
};

struct plan_edge {                             /* an edge of a step: what it needs */
    uint32_t upstream;                         /* step index */
    enum plan_mapping mapping;
    int32_t from, to;                          /* direct mappings: p needs p + from .. p + to; same 0, previous n -n, window a..b */
    enum plan_outside outside;
    struct bf_mark mark;
};

struct plan_retry {
    uint32_t max_attempts;                     /* >= 1, of one run */
    int64_t initial_ms, max_ms;
    uint32_t factor_milli;                     /* 2.0 = 2000 */
    uint32_t budget_millionths;                /* retries of the whole backfill, of its first attempts; 10% = 100,000; 0: no limit */
};

struct plan_sensor { uint32_t dataset; int64_t every_ms, timeout_ms; };        /* timeout_ms 0: for ever */
struct plan_env { char *name; struct template value; };
struct plan_label { char *name; char *value; };
/* prefer_inputs: to the agent that made most of its inputs, which it waits for no longer than wait_ms.  spread: a label (NULL: none), over
 * whose values its attempts are spread. */
struct plan_placement { bool prefer_inputs; int64_t wait_ms; char *spread; };
enum plan_failure_class { PLAN_TRANSIENT, PLAN_PERMANENT, PLAN_UNKNOWN };
struct plan_failure { uint8_t exit_code; enum plan_failure_class means; };

struct plan_step {
    char *name;
    struct bf_mark mark;
    enum plan_kind kind;
    enum plan_grain grain;
    const struct plan_partitions *partitions;  /* the plan's table for that grain */
    bool partial;                              /* its partitions at the ends may lie in the range in part */
    enum plan_priority priority;
    uint32_t weight;                           /* order within the class: more goes first; PLAN_WEIGHT_MAX at most */
    char **tags; size_t n_tags;                /* sorted */
    int64_t tolerance_ms;                      /* may be this late before anyone is hurt; 0: not said */
    struct plan_deadline deadline;
    uint32_t pool;                             /* index, or PLAN_NO_INDEX: drawn on no pool */
    uint32_t also[PLAN_STEP_POOLS_MAX - 1], n_also;  /* further pools: a slot of each */
    struct plan_resources resources;           /* what an attempt takes; from which pool: plan_step_draws_from() */
    int64_t expect_ms;                         /* baseline duration; 1,000 where the plan says nothing (0 for noop) */
    bool expected; struct plan_breaker breaker;/* expected: the plan says it */
    int64_t timebox_ms;                        /* 0: none */
    enum plan_timebox_then timebox_then;
    struct plan_retry retry;
    bool wait_for_fence;                       /* on_lost: wait_for_fence */
    bool rerun;                                /* on_straggler: rerun */
    struct template *argv; size_t n_argv;      /* PLAN_RUN; PLAN_SHELL: the shell, -c, the script */
    struct plan_env *env; size_t n_env;        /* the same */
    struct plan_failure *failure; size_t n_failure;  /* the same; sorted by exit code */
    uint32_t connection;                       /* PLAN_SQL, PLAN_WAREHOUSE, PLAN_SENSOR: its dataset's */
    bool transaction, swap;                    /* PLAN_SQL; swap: publishes its outputs by renaming staged tables */
    struct template sql;                       /* PLAN_SQL: whole script */
    struct plan_check *checks; size_t n_checks;/* PLAN_SQL */
    struct plan_http *http;                    /* PLAN_HTTP; owned */
    enum plan_warehouse warehouse;             /* PLAN_WAREHOUSE */
    struct plan_sensor sensor;                 /* PLAN_SENSOR */
    uint32_t *inputs; size_t n_inputs;         /* dataset indices */
    uint32_t *outputs; size_t n_outputs;
    struct plan_edge *edges; size_t n_edges;
    struct plan_label *labels; size_t n_labels;/* an agent must have all of them, sorted by name */
    struct plan_placement placement;           /* which of those it goes to */
    struct plan_words words;
    uint8_t hash[PLAN_HASH_BYTES];             /* of what the step does: see canonical.h */
};

const char *plan_mapping_name(enum plan_mapping m);
/* "same", "previous 2", "window -6..0", … */
void plan_edge_words(const struct plan_edge *e, struct bf_buf *ret);
const char *plan_outside_name(enum plan_outside o);
const char *plan_priority_name(enum plan_priority p);
const char *plan_kind_name(enum plan_kind k);
const char *plan_failure_name(enum plan_failure_class f);

#endif

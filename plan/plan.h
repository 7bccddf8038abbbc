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
#include "plan/check.h"
#include "plan/http.h"
#include "plan/partition.h"
#include "plan/template.h"
#include "plan/window.h"
#include "proto/breaker.h"
#include "proto/bundle.h"
#include "proto/limit.h"

#define PLAN_HASH_BYTES 32                     /* BLAKE2b-256 */
#define PLAN_STEPS_MAX 10000u
#ifndef PLAN_INSTANCES_MAX                     /* fuzz builds have a lower one: an input takes a second at most */
#define PLAN_INSTANCES_MAX 10000000u
#endif
#define PLAN_NAME_MAX 128                      /* names of plans, steps, pools, datasets, connections: [A-Za-z0-9_.-]+ */
#define PLAN_NO_INDEX UINT32_MAX
#define PLAN_WEIGHT_MAX 10000u
#define PLAN_DISTANCE_MAX 100000               /* partitions that an edge may reach back or ahead */
#define PLAN_WINDOW_MAX 1024u                  /* partitions that a window may span: a turn pays for each one that ends so many times */

/* Files under PLAN_ZONE_PATH (proto/bundle.h) are zones.  "/zoneinfo" alone is a list of their names, one a line, for near matches. */
#define PLAN_ZONE_NAMES "/zoneinfo"

enum plan_kind { PLAN_RUN, PLAN_NOOP, PLAN_SQL, PLAN_SHELL, PLAN_HTTP, PLAN_WAREHOUSE, PLAN_SENSOR };
enum plan_warehouse { PLAN_WAREHOUSE_TEST, PLAN_WAREHOUSE_INIT };
enum plan_priority { PLAN_CRITICAL, PLAN_HIGH, PLAN_NORMAL, PLAN_LOW };      /* in order of urgency */
enum plan_timebox_then { PLAN_KILL_AND_RETRY, PLAN_KILL_AND_FAIL, PLAN_ONLY_WARN };
enum plan_end_then { PLAN_END_PAUSE, PLAN_END_CANCEL, PLAN_END_WARN };       /* of a backfill's timebox */
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

struct plan_breaker { bool given; struct breaker_settings settings; };   /* given: the plan speaks of it; else others may */

struct plan_deadline { char *text; int64_t at_s; };      /* as written (NULL: none), and as an instant */

struct plan_retry {
    uint32_t max_attempts;                     /* >= 1, of one run */
    int64_t initial_ms, max_ms;
    uint32_t factor_milli;                     /* 2.0 = 2000 */
    uint32_t budget_millionths;                /* retries of the whole backfill, of its first attempts; 10% = 100,000; 0: no limit */
};

struct plan_unit { char *name; uint64_t n; };
/* Of a step: what an attempt takes; of a pool: what it has.  0, and no unit: not said.  Units are sorted by name. */
struct plan_resources { uint64_t cpu_milli, memory_bytes, io_bytes_s; struct plan_unit *units; size_t n_units; };
#define PLAN_STEP_POOLS_MAX 8u                 /* that one step draws on */

/* Words for people: shown, not acted on.  Each NULL when not given; owned. */
struct plan_words { char *description, *owner, *contact, *why, *playbook; };
#define PLAN_WORDS_COUNT 5u

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

struct plan_throttle { enum throttle_algorithm algorithm; uint32_t min, max; };      /* THROTTLE_NONE: none; 1 <= min <= max <= slots */
struct plan_pool {
    char *name;
    uint32_t slots;
    struct plan_resources has;                 /* beside its slots; what is not said has no limit */
    uint32_t start_milli, start_ms;            /* start rate: so many thousandths of a start in start_ms; 0: none */
    struct plan_breaker breaker;
    struct plan_throttle throttle;
    struct plan_words words;
    struct bf_mark mark;
};
struct plan_dataset {
    char *name;
    char *table;                               /* what the database calls it; the name where the plan says nothing */
    uint32_t connection;                       /* may be PLAN_NO_INDEX */
    bool external;
    char *partition_column, *sensitivity;      /* NULL when not given */
    struct plan_column *schema; size_t n_schema;     /* promised; sorted by name */
    char *fresh_column; int64_t max_age_ms;    /* promised; NULL: nothing */
    char **mask; size_t n_mask;                /* columns whose values are never shown; sorted */
    struct plan_breaker breaker;
    struct plan_words words;
};
enum plan_probe_kind { PLAN_PROBE_SQL, PLAN_PROBE_RUN, PLAN_PROBE_HTTP };
/* Measures the load of a warehouse: one of a query, a program and a call; each NULL or empty where it is another.  0 < target < limit. */
struct plan_probe {
    enum plan_probe_kind kind;
    char *sql;
    char **argv; size_t n_argv;
    char *url, *method;
    bool value;                                /* measures the number that it gives; else the time that it takes */
    int64_t every_ms;
    int64_t target, limit;                     /* us, or millionths of a value */
};
/* odbc keeps its "${env:NAME}" and "${secret:NAME}": resolved on the agent, never here.  fence_table is NULL when not given. */
struct plan_connection {
    char *name, *odbc, *fence_table;
    bool ansi;
    struct plan_breaker breaker;
    struct plan_probe *probe;                  /* NULL: none; owned */
    struct plan_words words;
};
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
void plan_free(struct plan *p);
/* Of a dimension: "cpu", "memory", "io", or a unit; 0: not said. */
uint64_t plan_resources_get(const struct plan_resources *r, const char *dimension);
/* The pool that a step draws a dimension from: the first of its pools that has it in this plan; where none has, its first; PLAN_NO_INDEX
 * where it draws on none.  So what an open attempt holds follows from its plan alone, whatever pools are given while it runs. */
uint32_t plan_step_draws_from(const struct plan *p, const struct plan_step *s, const char *dimension);
/* One owner more, in the same thread: each of them calls plan_free(), and the last one ends it.  Gives p. */
struct plan *plan_keep(struct plan *p);

/* Paths that the document names and the source does not hold yet, as written there.  The caller reads the files (beside the
 * document; those under PLAN_ZONE_PATH from the system's zone database) and adds them.  Caller frees *ret and its strings.  Malformed
 * documents give none. */
void plan_source_wanted(const struct plan_source *source, char ***ret_paths, size_t *ret_n);
void plan_source_hash(const struct plan_source *source, uint8_t ret[PLAN_HASH_BYTES]);
void plan_source_done(struct plan_source *source);

/* The words for people by number, in the order in which they are shown: "owner", and where it is kept. */
const char *plan_words_key(size_t i);
char **plan_words_at(struct plan_words *w, size_t i);
const char *plan_words_text(const struct plan_words *w, size_t i);           /* NULL when not given */

/* It only asks: all of its steps are `warehouse` ones, as those of bfctl warehouse test are.  What comes of it is its answer, so it is
 * nobody's @latest, and nothing to alert about. */
bool plan_only_asks(const struct plan *p);
/* Index by name, or PLAN_NO_INDEX. */
uint32_t plan_find_step(const struct plan *p, const char *name);
const char *plan_mapping_name(enum plan_mapping m);
/* "same", "previous 2", "window -6..0", … */
void plan_edge_words(const struct plan_edge *e, struct bf_buf *ret);
const char *plan_outside_name(enum plan_outside o);
const char *plan_priority_name(enum plan_priority p);
const char *plan_kind_name(enum plan_kind k);
const char *plan_failure_name(enum plan_failure_class f);

#endif

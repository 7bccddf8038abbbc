/* What the steps of a compiled plan draw on and write: pools, datasets, connections and their probes.  Plain data, as step.h. */
#ifndef BF_PLAN_THING_H
#define BF_PLAN_THING_H

#include "common/diag.h"
#include "plan/check.h"
#include "plan/shared.h"
#include "proto/limit.h"

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

#endif

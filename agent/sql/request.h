/* What the agent asks for: one JSON document on standard input.  It holds the connection string, so it is never shown. */
#ifndef BF_AGENT_SQL_REQUEST_H
#define BF_AGENT_SQL_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sql/pieces.h"
#include "common/error.h"

#define SQL_REQUEST_MAX_BYTES (16u << 20)      /* a message of 1 MiB, every byte escaped, and room */
#define SQL_FENCE_DEFAULT "bf_fence"

enum sql_do { SQL_DO_RUN, SQL_DO_TEST, SQL_DO_INIT, SQL_DO_PROBE, SQL_DO_LOOK, SQL_DO_CLOSE };

/* A table that the step makes.  Under publish: swap it is built as staged, which takes its place, while it is put aside as old. */
struct sql_output {
    char *table, *staged, *old;                /* dotted; owned */
};

/* A value that stands in the connection string for a reference. */
struct sql_substituted {
    char *value;                               /* owned */
    bool secret;                               /* ${secret:…}; else ${env:…} */
};

/* SQL_DO_PROBE. */
struct sql_probe {
    char *text;                                /* the canary; owned */
    bool value;                                /* the number that it gives, else the time that it takes */
    int64_t every_ms, limit_ms;                /* >= 1 */
};

struct sql_request {
    enum sql_do what;
    bool transaction;                          /* all statements in one, effectively once; else one by one, at least once */
    bool swap;                                 /* publish: swap */
    char *odbc;                                /* secret */
    struct sql_substituted *substituted;       /* secret */
    size_t n_substituted;
    char *connection;                          /* its name in the plan */
    char *dialect;                             /* "" or what the connection says */
    char *fence_table;                         /* dotted */
    char *cluster, *step, *partition;
    int64_t attempt, token, backfill, run;     /* >= 1; backfill and run may be 0 unless something is run */
    int64_t timebox_ms;                        /* 0: none */
    int64_t close_ms;                          /* SQL_DO_CLOSE: for that long at most; else 0 */
    struct sql_pieces script;
    struct sql_output *outputs;
    size_t n_outputs;
    json_t *checks;                            /* lists as they came, or NULL; owned */
    json_t *bounds, *mask;
    struct sql_probe probe;
};

/* Parse a document.  Unknown, missing and doubled keys are errors; texts never quote values.  *ret untouched on failure. */
enum bf_rc sql_request_parse(const char *json, size_t len, struct sql_request *ret, struct bf_error *err) BF_MUST_CHECK;
void sql_request_done(struct sql_request *r);
/* Overwrite what is secret in it, before a process ends without freeing. */
void sql_request_wipe(struct sql_request *r);

/* The name of a table that belongs to an output at a token, "t__bf_KINDcccccccc_TOKEN": kind is "" (staged), "old_" or "none_".  A
 * checksum of the cluster is in it, because two that share a warehouse count their tokens apart; within one no two attempts have the same.
 * Owned by the caller. */
char *sql_request_table(const struct sql_request *r, const char *table, const char *kind, int64_t token);

#endif

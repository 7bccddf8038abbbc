/* The compiler's own state, shared by its passes.  Private to plan/.
 *
 * Passes, in order; each works on what the ones before could read, so that one run finds every error of a file:
 *   plan_document_read       names and maps of the whole plan        document.c, breakers.c, range.c, zone_load.c, window_read.c
 *   plan_steps_read          each step by itself                     step.c, script.c, sql_step.c, http_step.c, checks.c, policy.c
 *   plan_range_check_whole   partitions that the range would cut     range.c
 *   plan_lineage_link        datasets and `needs` become edges       needs.c, lineage.c
 *   plan_outside_check       what edges need beyond the range        needs.c, by outside.c
 *   plan_graph_order         cycles, upstream-first order            graph.c
 *   plan_uses_check          what only the whole shows: names, unused things, then plan_resources_check   uses.c, resources.c
 *   plan_specs_check         what agents are sent fits               spec.c
 *   plan_hash                content hashes                          hash.c, canonical.c */
#ifndef BF_PLAN_COMPILE_H
#define BF_PLAN_COMPILE_H

#include "common/map.h"
#include "common/yaml.h"
#include "plan/keys.h"
#include "plan/place.h"
#include "plan/plan.h"

/* Names of one kind: index by name, and the list for near matches.  Names are borrowed. */
struct plan_names {
    struct bf_smap index;                      /* name -> index + 1 */
    const char **at;
    size_t n, cap;
};

void plan_names_add(struct plan_names *names, const char *name);            /* its index is names->n before */
uint32_t plan_names_find(const struct plan_names *names, const char *name); /* PLAN_NO_INDEX when absent */
void plan_names_done(struct plan_names *names);

/* What `defaults` gives and a step may override, key by key. */
struct plan_policy {
    struct plan_retry retry;
    int64_t timebox_ms;
    enum plan_timebox_then timebox_then;
    uint32_t pools[PLAN_STEP_POOLS_MAX], n_pools;
    enum plan_priority priority;
};

/* What the passes keep for a step besides the step itself. */
struct plan_step_source {
    const struct bf_yaml_node *body;           /* NULL when it is no map */
    const struct bf_yaml_node *needs;          /* NULL when absent */
    struct bf_mark *input_marks, *output_marks;/* owned; beside step.inputs, step.outputs */
    uint32_t *staged; size_t n_staged;         /* owned; datasets that it stages; NULL: it publishes nothing by renaming */
    bool has_datasets, has_outputs;            /* names some, known or not */
    bool grain_bad;                            /* said already: no further word about mappings */
};

struct plan_dataset_source {
    struct bf_mark mark;
    uint32_t writer;                           /* step index or PLAN_NO_INDEX */
    struct bf_mark written;                    /* where the writer names it */
};

/* One end of the range, as it was written. */
struct plan_range_end {
    const char *word;                          /* borrowed; NULL when there is none */
    struct bf_mark mark;                       /* all 0: the command line gave it */
};

struct plan_compiler {
    const struct plan_source *source;
    const struct plan_options *options;
    struct bf_diags *d;
    const struct bf_yaml_node *root;
    struct plan *plan;
    struct plan_names steps, pools, connections, datasets, params;
    struct plan_names files;                   /* paths of source->files */
    struct plan_step_source *step_sources;
    struct plan_dataset_source *dataset_sources;
    struct plan_policy defaults;
    struct plan_breaker breakers[BREAKER_KINDS];   /* by kind */
    struct plan_range_end from, to;
    bool outputs_bad;                          /* of some step: nobody can say what is not written */
    bool range_bad, grain_bad, zone_bad;       /* of the plan: said already.  Without a range, no partitions are counted */
    size_t sql_bytes;                          /* of the scripts of all steps so far */
    struct place_lines lines;                  /* of the document */
};

/* The names that a kind of reference is looked up in; NULL for flags, owners and breakers, which only plan/uses.c knows. */
const struct plan_names *plan_ref_names(const struct plan_compiler *c, enum plan_ref ref);
/* The error of a name that is none of them: with the nearest, or where to declare it. */
void plan_ref_unknown(struct bf_diags *d, const struct bf_yaml_node *n, enum plan_ref ref, const struct plan_names *names);
/* The index of what n names; false after an error, and *ret_index untouched. */
bool plan_ref_read(struct plan_compiler *c, const struct bf_yaml_node *n, enum plan_ref ref, uint32_t *ret_index);
/* A list of datasets, each at most once: indices, and where each stands.  Caller frees both. */
void plan_datasets_read(struct plan_compiler *c, const struct bf_yaml_node *list, const char *key, uint32_t **ret, size_t *ret_n,
                        struct bf_mark **ret_marks);

bool plan_document_read(struct plan_compiler *c);            /* false: nothing more can be said */
/* The partitions of a grain in the plan's range, made when first asked for; NULL when the plan has no range for them. */
const struct plan_partitions *plan_partitions_of(struct plan_compiler *c, enum plan_grain grain);
void plan_partitions_read(struct plan_compiler *c);
/* Partitions of a coarse grain must lie in the range whole, unless a step takes them in part: one error for each grain, with the range
 * that would do. */
void plan_range_check_whole(struct plan_compiler *c);
/* A time zone by name; NULL after an error at mark. */
struct zone *plan_zone_load(struct plan_compiler *c, const char *name, struct bf_mark mark);

/* The words for people of a map; *ret is empty before. */
void plan_words_read(const struct bf_yaml_node *map, const struct plan_keys *keys, struct plan_words *ret);

void plan_policy_init(struct plan_policy *policy);
/* Override *policy by the keys of map (a step, or `defaults`), which has the table `keys`. */
void plan_policy_read(struct plan_compiler *c, const struct bf_yaml_node *map, const struct plan_keys *keys, struct plan_policy *policy);

/* `breakers` of the plan; before what has a `breaker` of its own. */
void plan_breakers_read(struct plan_compiler *c);
/* What the plan says of the breaker of one thing; body NULL: its own map says nothing. */
struct plan_breaker plan_breaker_of(struct plan_compiler *c, const struct bf_yaml_node *body, const struct plan_keys *keys,
                                    enum breaker_kind kind);

void plan_steps_read(struct plan_compiler *c);
/* Kind of a step and what it runs; its outputs are known. */
void plan_script_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body);
void plan_sql_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map);
void plan_warehouse_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map);
void plan_sensor_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map);
void plan_http_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map);
/* The step's checks, and those that its datasets promise. */
void plan_checks_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body);

enum plan_text_use {
    PLAN_TEXT_PLAIN,                           /* values become text */
    PLAN_TEXT_SCRIPT,                          /* SQL of the step */
    PLAN_TEXT_QUERY                            /* one statement of SQL, which changes nothing */
};
/* Compile the templates of a text for a step; false after an error, and *ret untouched. */
bool plan_template_read(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *n, enum plan_text_use use,
                        struct template *ret);
/* An error, and *t emptied, when SQL has more pieces than bf-sql takes. */
void plan_sql_pieces_check(struct plan_compiler *c, const char *key, struct bf_mark mark, struct template *t);
/* Are the templates of a text right for a step?  text_only: "| ident" is refused. */
bool plan_template_check(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *n, bool text_only);
/* The most that a template becomes with the values of this compilation, in bytes. */
size_t plan_template_bytes_max(const struct plan_compiler *c, const struct template *t);
/* What of the step a text may name, and how. */
struct template_scope plan_template_scope(const struct plan_compiler *c, const struct plan_step *step, enum plan_text_use use);
/* References to values that only the agent knows: an error for each that is not written `${env:NAME}` or `${secret:NAME}`.  *ret_any: is
 * there one? */
void plan_references_check(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, bool *ret_any);
/* The value of `probe`, a map, into the connection (probe.c). */
void plan_probe_read(struct plan_compiler *c, const struct bf_yaml_node *map, struct plan_connection *connection);
/* A column that the schema of its dataset does not have: a warning with the nearest. */
void plan_column_check(struct bf_diags *d, const struct plan_dataset *dataset, const char *column, struct bf_mark mark);
/* Columns and their types, sorted by name: those of a map whose values fit. */
void plan_schema_read(const struct bf_yaml_node *map, struct plan_column **ret, size_t *ret_n);
/* The items of a list of columns that fit, each once. */
void plan_column_names_read(struct plan_compiler *c, const struct bf_yaml_node *list, char ***ret, size_t *ret_n);
/* A single value or a list of them, by the types that JSON has. */
void plan_scalars_read(const struct bf_yaml_node *n, struct plan_scalar **ret, size_t *ret_n);
/* Specs that are too long for a message. */
void plan_specs_check(struct plan_compiler *c);
/* A path of `sql: {file: …}`: relative, without "..". */
bool plan_path_valid(const char *path);

void plan_lineage_link(struct plan_compiler *c);
/* The edges that `needs` of a step names.  false when some item names no step, so that nobody can say what it should cover. */
bool plan_needs_read(struct plan_compiler *c, uint32_t step);
/* The mapping by grains alone: same, containing or contained; all where the grains do not nest (week and month). */
enum plan_mapping plan_mapping_between(enum plan_grain step, enum plan_grain upstream);
/* Edges with `outside: refuse`: an error for each that needs a partition outside the range. */
void plan_outside_check(struct plan_compiler *c);
/* What only the whole plan shows: names in values that are not supported yet, owners, resources against pools, exposures, and what is
 * declared and never used. */
void plan_uses_check(struct plan_compiler *c);
/* What an attempt takes (of_attempt) or a pool has: cpu, memory, io and units of a map; *ret is empty before.  */
void plan_budget_read(struct plan_compiler *c, const struct bf_yaml_node *map, const struct plan_keys *keys, bool of_attempt,
                      struct plan_resources *ret);
void plan_start_rate_read(struct plan_compiler *c, const struct bf_yaml_node *map, struct plan_pool *pool);
/* `windows`, and what is hardly meant by them (after the steps). */
void plan_windows_read(struct plan_compiler *c);
void plan_windows_check(struct plan_compiler *c);
/* A step that takes more than its pool has. */
void plan_resources_check(struct plan_compiler *c);
/* Probes that govern nothing (a warning), and pools that too many govern (throttle.c). */
void plan_throttles_check(struct plan_compiler *c);
void plan_graph_order(struct plan_compiler *c);

#endif

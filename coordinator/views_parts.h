/* What the views share.  Only views*.c include this.  Functions that give json_t * give a new reference. */
#ifndef BF_VIEWS_PARTS_H
#define BF_VIEWS_PARTS_H

#include <jansson.h>

#include "common/text.h"
#include "coordinator/store/store.h"
#include "coordinator/views.h"
#include "plan/selector.h"

struct blocker;

#define VIEW_BYTES_MAX (900u << 10)              /* a document is not grown past this */
#define VIEW_TEXT_BYTES_MAX (300u << 10)         /* texts of failures in one document */
#define VIEW_FAILURES_MAX 10u
#define VIEW_NAME_MAX 168                        /* of an instance: the longest step, its partition */
#define VIEW_PICKED_SHOWN 3
#define VIEW_SHARES_MAX 1000u                    /* backfills that share a pool, in its document */
#define VIEW_CHECKS_MAX 20u                      /* of one attempt, outside of OP_CHECKS */

/* Name of a backfill, "bf-12". */
struct view_id { char text[24]; };
struct view_id view_backfill_id(uint32_t id);
struct view_id view_attempt_id(uint64_t attempt);
/* Another backfill, for a sentence: its name, or "another backfill" where its plan is not one that the key may see; false then. */
bool view_other_backfill(const struct view_source *v, uint32_t id, struct view_id *ret);
/* RFC 3339, or null for 0. */
json_t *view_time(int64_t us);
/* The same for a moment of engine time; null for -1, and where it is not known what the wall clock showed. */
json_t *view_engine_time(const struct view_source *v, int64_t engine_ms);
/* For sentences: to the microsecond; "a time not known" where a document has null. */
void view_engine_words(const struct view_source *v, int64_t engine_ms, char ret[BF_TIME_MAX]);
/* For sentences: to the second, "2024-06-03T17:00:00Z". */
void view_moment(int64_t us, char ret[BF_TIME_MAX]);
/* At most size - 1 bytes of a text; "…" stands where it was cut. */
void view_cut(const char *text, char *ret, size_t size);
json_t *view_string(const char *s);
json_t *view_hash(const uint8_t hash[PLAN_HASH_BYTES]);
/* "stg_orders[2024-01-02]", or "report" for a step without partitions.  ret_size: VIEW_NAME_MAX is enough. */
void view_instance_name(const struct plan_step *step, uint32_t index, char *ret, size_t ret_size);
void view_partition(const struct plan_step *step, uint32_t index, char ret[PLAN_KEY_MAX]);
/* What people call the state: upstream_failed where it is derived so. */
const char *view_state_name(const struct instance_view *i);
json_t *view_counts(const struct backfill_view *b);
/* null, or {"class","source","code","text"}; text is left out once *text_left_bytes is used up. */
json_t *view_failure(const struct view_source *v, uint32_t backfill, uint32_t step, uint32_t index, size_t *text_left_bytes);
/* The last line that a running attempt wrote itself, on either stream, into ret (VIEW_LINE_MAX); "" when there is none. */
#define VIEW_LINE_MAX 512
void view_last_line(const struct view_source *v, const struct instance_view *i, char ret[VIEW_LINE_MAX]);
/* What an attempt used; null when it was not measured.  What a step asks for; null: nothing. */
json_t *view_usage_of(const struct instance_usage *u);
json_t *view_asked(const struct plan_resources *r);
/* "not_enforced" of a document: names of the limits that are asked for and that the agent does not enforce; left out when there are
 * none. */
void view_not_enforced(const struct view_source *v, const struct plan_resources *r, uint32_t agent, json_t *j);
/* Capacity and limits of an agent's host into its document, and what is only measured among its warnings. */
void view_agent_host(json_t *j, json_t *warnings, const struct agent_hello *h);
const char *view_source_name(enum outcome_source s);
const char *view_halted_by_word(enum halted_by by);                  /* "check", …; NULL: it is not halted */
void view_halt(const struct backfill_view *b, json_t *j);            /* `halted` and `halted_by` into j */
const char *view_session_name(uint8_t session);              /* of enum session_end: "ended", "assumed_gone"; NULL: nothing to tell */
/* What this attempt told, as a document (an empty one when it is none); NULL when nothing is kept of it. */
json_t *view_details(const struct view_source *v, uint32_t backfill, uint32_t step, uint32_t index, uint64_t attempt);
json_t *view_details_document(const struct store_details *d);
/* Of such a document, or NULL: the checks that did not pass, in short; the statement that failed, or null. */
json_t *view_failed_checks(const json_t *document);
json_t *view_statement(const json_t *document);
/* "queued_behind", the backfill, and "waits_for", a sentence; both null when it waits for none. */
void view_queue(const struct view_source *v, const struct backfill_view *b, json_t *j);
/* "bf-1 (running), which writes mart.x for 2024-01-01 to 2024-01-31".  ret_ahead: 0 where the key may not see it. */
bool view_queued_behind(const struct view_source *v, uint32_t backfill, char *ret, size_t size, uint32_t *ret_ahead);
/* The same step and partition in another backfill. */
bool view_same_instance(const struct view_source *v, uint32_t other, const struct backfill_view *b, uint32_t step, uint32_t index,
                        struct instance_view *ret);
/* The backfill that a request names. */
enum bf_rc view_find_backfill(const struct view_source *v, const struct op_request *req, struct backfill_view *ret, struct bf_error *err);
/* What the selectors of a request pick; without one: everything.  Release with plan_selection_done(). */
enum bf_rc view_select(const struct backfill_view *b, const struct op_request *req, struct plan_selection *ret, struct bf_error *err);
/* The one step instance that the selectors pick; more or none is refused with how many and which. */
enum bf_rc view_find_instance(const struct backfill_view *b, const struct op_request *req, uint32_t *ret_step,
                              uint32_t *ret_index, struct bf_error *err);
/* "plan", "config", "operator". */
const char *view_pool_source(enum pool_source s);
/* "bfctl pool set, last by nora: the month end reports run": whoever set anything of the pool last. */
#define VIEW_REASON_CUT 100
#define VIEW_SET_BY_MAX (2 * VIEW_REASON_CUT + 64)
void view_pool_set_by(const struct view_source *v, size_t pool, char ret[VIEW_SET_BY_MAX]);
/* Of a blocker about a pool: its word, with detail and remedy. */
const char *why_pool_tell(const struct view_source *v, const struct blocker *k, char *detail, size_t detail_size, char *remedy,
                          size_t remedy_size);
/* What a blocker is, in words, and what would change it (cut to fit). */
struct view_blocker { const char *kind; char detail[512], remedy[256]; };
/* "timer", "baseline" (what steps usually take); NULL: it is not known when it clears. */
const char *view_clears_by(const struct blocker *k);
json_t *view_clears_at(const struct view_source *v, const struct blocker *k);
/* The command that an operator could give against it, as it can be typed; "": none helps (views_why_do.c). */
#define VIEW_DO_MAX 384
void why_do(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index, const struct blocker *k,
            char ret[VIEW_DO_MAX]);
void view_blocker(const struct view_source *v, const struct backfill_view *b, uint32_t step, const struct blocker *k,
                  struct view_blocker *ret);
/* What a step would better ask for, from its row of OP_USAGE (views_advice.c). */
json_t *view_advice(const struct plan_resources *r, const json_t *row);
/* The same of BLOCKER_QUEUE (views_why_shares.c). */
void why_ahead_tell(const struct view_source *v, const struct blocker *k, char *detail, size_t detail_size, char *remedy,
                    size_t remedy_size);
/* The same of BLOCKER_WINDOW and BLOCKER_FREEZE_AHEAD (views_why_windows.c). */
void view_blocker_of_window(const struct view_source *v, const struct blocker *k, struct view_blocker *ret);
/* The same of BLOCKER_SENSOR; and "sensor" of an instance's document: how often it was not there, and what was said last; null where it
 * never was (views_why_sensor.c). */
void view_sensor_words(const struct view_source *v, const struct backfill_view *b, const struct blocker *k, char *detail,
                       size_t detail_size, char *remedy, size_t remedy_size);
json_t *view_sensor(const struct view_source *v, uint32_t backfill, uint32_t step, uint32_t index);
/* Where a step runs, in words: of BLOCKER_NEAR; "inputs", "spread" or "least_busy"; and "placed" of an instance's document: how the agent
 * of its open attempt was chosen, null where its plan says nothing of it (views_why_place.c). */
void view_near_words(const struct view_source *v, const struct blocker *k, char *detail, size_t detail_size, char *remedy,
                     size_t remedy_size);
const char *view_place_word(enum place_by by);
json_t *view_placed(const struct view_source *v, const struct backfill_view *b, const struct instance_view *i);
/* "store_hold" of a document: why nothing starts because of where the store comes from, with the remedy; null: it does not. */
void view_store_hold(const struct view_source *v, json_t *j);
/* What governs a pool: null where it is not throttled.  moves: the last ones too, and then also of one that was. */
json_t *view_throttle(const struct view_source *v, size_t pool, bool moves);
/* The words of `why` for a pool whose limit is reached. */
void view_throttle_words(const struct view_source *v, size_t pool, char *detail, size_t detail_size, char *remedy, size_t remedy_size);
/* The lowest ceiling under which one more might begin; 0: the ceiling is not what holds it. */
uint32_t view_ceiling_enough(const struct view_source *v, size_t pool);
/* Why the process that the state takes for this agent was refused: it is not at work, whatever its state says.  NULL: it was not. */
const char *view_refusal(const struct view_source *v, const struct agent_view *a);
uint64_t view_page_limit(const struct op_request *req);
/* Append and release. */
void view_write(json_t *j, struct bf_buf *ret);

enum bf_rc view_list(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_get(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_steps(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_status(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_agents(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_probes(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_pools(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_why(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
/* What holds a whole backfill: its causes, counted. */
enum bf_rc view_why_summary(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_logs(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_checks(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_failures(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_profile(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_usage(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_watch(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_plan_get(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
/* The dry run of a create: what would run, what would be reused, what stands in its way. */
enum bf_rc view_create(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_audit(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
/* What is in force, where it came from, and what the file says meanwhile. */
enum bf_rc view_config(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
/* The last turns of the journal, without values of people. */
enum bf_rc view_journal(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
/* The dry run of a change of priority. */
enum bf_rc view_priority(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
/* The dry run of what steers. */
enum bf_rc view_steer(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
/* The coming week of the windows of a backfill's plan. */
enum bf_rc view_windows(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_alerts(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_keys(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);
enum bf_rc view_plan_history(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err);

#endif

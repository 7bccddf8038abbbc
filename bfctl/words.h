/* Words on the command line: ids, selectors, attempts, times.  Pure. */
#ifndef BFCTL_WORDS_H
#define BFCTL_WORDS_H

#include <stdint.h>

#include "common/error.h"
#include "common/options.h"
#include "proto/operator_msg.h"

/* A paragraph for the help of commands that take several. */
#define WORDS_SELECTORS_HELP \
    "A selector picks step instances: load, 'load[2024-01-31]', 'load[2024-01-01..2024-01-31]', tag:finance, 'stg_*';\n" \
    "+load with everything upstream, load+ downstream.  Several pick what any of them picks; none picks everything."

/* "@latest" -> OP_LATEST, "bf-12" and "12" -> 12. */
enum bf_rc words_backfill(const char *word, uint32_t *ret, struct bf_error *err) BF_MUST_CHECK;
/* The selectors of a request, borrowed.  Only their form is looked at here: the coordinator has the plan. */
enum bf_rc words_selectors(const char *const *words, size_t n, struct op_request *req, struct bf_error *err) BF_MUST_CHECK;
/* The class of a step: "high" -> OP_HIGH. */
enum bf_rc words_priority(const char *word, enum op_priority *ret, struct bf_error *err) BF_MUST_CHECK;
/* "a-12" and "12" -> 12; NULL -> 0. */
enum bf_rc words_attempt(const char *word, uint64_t *ret, struct bf_error *err) BF_MUST_CHECK;
/* A duration of at least 1 ms; word NULL: preset_ms.  option names it in the error. */
enum bf_rc words_duration(const char *option, const char *word, int64_t preset_ms, int64_t *ret_ms,
                          struct bf_error *err) BF_MUST_CHECK;
/* A moment: "2h" and "1d12h" (so long before now_us), "now", "2024-01-31", "2024-01-31T06:00", "…T06:00:00.5Z", "…+01:00"; a blank may
 * stand for the T, and without a zone it is UTC.  A day alone is its beginning; with WORDS_UNTIL its end, so that --until takes the
 * day in.  *ret_us: microseconds since 1970, never 0.  option names it in the error. */
enum words_edge { WORDS_SINCE, WORDS_UNTIL };
enum bf_rc words_time(const char *option, const char *word, enum words_edge edge, int64_t now_us, int64_t *ret_us,
                      struct bf_error *err) BF_MUST_CHECK;
/* --since and --until together, each NULL when it was not given; then 0, which is open.  Refuses a range that holds nothing. */
enum bf_rc words_times(const char *since, const char *until, int64_t now_us, int64_t *ret_since_us, int64_t *ret_until_us,
                       struct bf_error *err) BF_MUST_CHECK;
/* A number within [min, max]; word NULL: preset. */
enum bf_rc words_number(const char *option, const char *word, int64_t preset, int64_t min, int64_t max, int64_t *ret,
                        struct bf_error *err) BF_MUST_CHECK;
/* "k=v" words into params (OP_PARAMS_MAX of room); *ret_n of them.  The names are allocated in *ret_memory, which the
 * caller frees; the values are borrowed. */
enum bf_rc words_params(const struct bf_option_list *list, struct op_param *params, size_t *ret_n, char **ret_memory,
                        struct bf_error *err) BF_MUST_CHECK;

#endif

/* Words on the command line: ids, selectors, attempts, times.  Pure. */
#ifndef BFCTL_WORDS_H
#define BFCTL_WORDS_H

#include <stdint.h>

#include "common/error.h"
#include "common/options.h"
#include "proto/operator_msg.h"

#define WORDS_STEP_MAX 129               /* PLAN_NAME_MAX and a NUL */
#define WORDS_PARTITION_MAX 64

/* STEP or STEP[PARTITION]; partition is "" where none is given. */
struct selector {
    char step[WORDS_STEP_MAX];
    char partition[WORDS_PARTITION_MAX];
};

/* "@latest" -> OP_LATEST, "bf-12" and "12" -> 12. */
enum bf_rc words_backfill(const char *word, uint32_t *ret, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc words_selector(const char *word, struct selector *ret, struct bf_error *err) BF_MUST_CHECK;
/* "a-12" and "12" -> 12; NULL -> 0. */
enum bf_rc words_attempt(const char *word, uint64_t *ret, struct bf_error *err) BF_MUST_CHECK;
/* A duration of at least 1 ms; word NULL: preset_ms.  option names it in the error. */
enum bf_rc words_duration(const char *option, const char *word, int64_t preset_ms, int64_t *ret_ms,
                          struct bf_error *err) BF_MUST_CHECK;
/* A number within [min, max]; word NULL: preset. */
enum bf_rc words_number(const char *option, const char *word, int64_t preset, int64_t min, int64_t max, int64_t *ret,
                        struct bf_error *err) BF_MUST_CHECK;
/* "k=v" words into params (OP_PARAMS_MAX of room); *ret_n of them.  The names are allocated in *ret_memory, which the
 * caller frees; the values are borrowed. */
enum bf_rc words_params(const struct bf_option_list *list, struct op_param *params, size_t *ret_n, char **ret_memory,
                        struct bf_error *err) BF_MUST_CHECK;

#endif

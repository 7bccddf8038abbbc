/* Values of a plan document, read with a diagnostic for what does not fit.  Private to plan/.
 *
 * Every function returns false after it has put one error into d, and leaves its ret_ outputs untouched then. */
#ifndef BF_PLAN_READ_H
#define BF_PLAN_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "common/yaml.h"
#include "plan/value.h"

#define PLAN_TEXT_MAX 4096u          /* bytes of a descriptive text or a parameter's value */
#define PLAN_SCRIPT_MAX (512u << 10) /* bytes of a script in the plan */
#define PLAN_ARGUMENT_MAX (64u << 10) /* bytes of an argument or a variable: the kernel takes 128 KiB */
#define PLAN_CLIP 132

/* Text from outside for a sentence: controls become '?', long ones are cut at a character and end in "…".  Returns ret. */
const char *plan_clip(const char *s, char ret[PLAN_CLIP]);

const char *plan_ref_name(enum plan_ref ref);       /* "pool" */

/* Ends a sentence that says of a word that there is none of that name: "; did you mean `NEAR`?" when one of at is near.  Returns that one,
 * for the fix; else NULL, and the sentence stays as it is.  d: where it will be said; NULL: in no list. */
const char *plan_guess(const struct bf_diags *d, const char *word, const char *const *at, size_t n, struct bf_buf *sentence);
/* "unknown WHAT `word`" so ended, or with advice.  Returns the near one, or NULL. */
const char *plan_unknown_words(const struct bf_diags *d, const char *what, const char *word, const char *const *at, size_t n,
                               const char *advice, struct bf_buf *ret);
/* The same as an error at mark, with its fix. */
void plan_unknown(struct bf_diags *d, struct bf_mark mark, const char *what, const char *word,
                  const char *const *at, size_t n, const char *advice);

/* A scalar of 1..max_bytes bytes without NUL and not null; an empty one only when it is quoted.  Borrowed. */
bool plan_read_text(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, size_t max_bytes, const char **ret);
/* [A-Za-z0-9_.-]+, at most PLAN_NAME_MAX; what: "step".  n may be a key. */
bool plan_read_name(struct bf_diags *d, const struct bf_yaml_node *n, const char *what, const char **ret);
bool plan_name_valid(const char *s);
/* Parts that dots divide, none of them empty or longer than SQL_IDENT_MAX_BYTES, at most SQL_TABLE_PARTS_MAX, and without control
 * characters. */
bool plan_table_valid(const char *s);
/* [A-Za-z_][A-Za-z0-9_]* of n bytes. */
bool plan_identifier_valid(const char *s, size_t n);
bool plan_read_bool(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, bool *ret);
bool plan_read_int(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, int64_t min, int64_t max, int64_t *ret);
/* A duration of at least min_ms. */
bool plan_read_duration(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, int64_t min_ms, int64_t *ret_ms);
/* One of the words of a table that a NULL word ends. */
bool plan_read_word(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_word *words, int *ret);

#endif

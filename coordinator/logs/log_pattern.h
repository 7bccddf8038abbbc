/* What a search looks for in a line: a text as it stands, or a regular expression (PCRE2, UTF-8; bytes that are none match nothing).
 *
 * An expression is tried line by line, with a limit of steps and memory for each: where that is not enough it gives up on the line,
 * and says so.  A text that every match must contain is looked for first, in whole frames, so that most lines are never looked at. */
#ifndef BF_LOG_PATTERN_H
#define BF_LOG_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define LOG_PATTERN_BYTES_MAX 1024u

struct log_pattern;
/* text "" matches every line.  BF_INVALID names the place of the mistake. */
enum bf_rc log_pattern_new(const char *text, bool regex, bool ignore_case, struct log_pattern **ret, struct bf_error *err) BF_MUST_CHECK;
void log_pattern_free(struct log_pattern *p);                /* NULL is fine */

bool log_pattern_all(const struct log_pattern *p);           /* matches every line */
/* Where in p[0..n) the next line is that may match: the offset of a byte of it; n: no line does. */
size_t log_pattern_next(struct log_pattern *x, const uint8_t *p, size_t n);
/* Does this line match?  Without its end. */
bool log_pattern_match(struct log_pattern *x, const uint8_t *p, size_t n);
uint64_t log_pattern_gave_up(const struct log_pattern *p);   /* lines so far */

#endif

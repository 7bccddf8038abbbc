/* What a canary gave, as a number or as the reason why it is none; and the lines in which a helper tells it to the agent.
 *
 * A helper that probes writes one line for each measurement on standard output, a word and what belongs to it:
 *     got 12500          microseconds, or millionths of a value
 *     why TEXT           unreadable, and this is why
 *     refused TEXT       unreadable, and would be again on this host
 *     warm               measured and not counted: the first one after connecting */
#ifndef BF_AGENT_PROBE_VALUE_H
#define BF_AGENT_PROBE_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define PROBE_LINE_MAX 1024u
#define PROBE_VALUE_MAX INT64_C(1000000000000)        /* what a value may be at most */

/* n bytes that a canary gave (len of a text, or of what a program printed), in millionths.  BF_INVALID, and a sentence: nothing, text, NaN,
 * infinite, negative, too large.  Blanks around it are passed over. */
enum bf_rc probe_value_read(const char *text, size_t n, int64_t *ret_millionths, struct bf_error *err) BF_MUST_CHECK;

/* One line on standard output, at once.  BF_IO: nobody reads any more. */
enum bf_rc probe_value_tell_got(int64_t value) BF_MUST_CHECK;
enum bf_rc probe_value_tell(const char *word, const char *text) BF_MUST_CHECK;

/* Pass the time until at_ms (CLOCK_BOOTTIME). */
void probe_value_sleep_until(int64_t at_ms);

#endif

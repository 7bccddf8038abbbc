/* Takes what a connection string keeps secret out of texts: drivers put it into their messages. */
#ifndef BF_AGENT_SQL_SCRUB_H
#define BF_AGENT_SQL_SCRUB_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

#define SCRUB_SHORTEST 4u                       /* bytes: shorter texts are left in, but for passwords */

/* All-zero scrubs nothing. */
struct scrub {
    char **at;                                 /* longest first */
    size_t n, cap;
};

/* The string as a whole and the values of its attributes, but for those that are no secret (Driver, Timeout, …) and for short ones
 * (SCRUB_SHORTEST) that are no password. */
void scrub_init(struct scrub *s, const char *odbc);
/* A value that was put into the string for a reference, under whatever attribute, and the values of the attributes that it has itself.
 * always: also when it is short, because it is a secret. */
void scrub_add(struct scrub *s, const char *value, bool always);
void scrub_done(struct scrub *s);

/* Append text with every secret written as "***", in one line (controls become blanks).  When cut is set the text may end in the
 * middle of a secret, so its last bytes are left out. */
void scrub_put(const struct scrub *s, const char *text, size_t len, bool cut, struct bf_buf *ret);

#endif

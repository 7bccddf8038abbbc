/* What may be shown of texts from servers: no secret header, no broken UTF-8. */
#ifndef BF_AGENT_HTTP_SECRETS_H
#define BF_AGENT_HTTP_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/http/request.h"
#include "common/buf.h"

/* All-zero hides nothing. */
struct secrets {
    char **at;                                 /* longest first */
    size_t n, cap;
};

/* The values of the headers that came by reference, as a whole, after the first blank ("Bearer …"), and as JSON would write
 * them.  Values under 4 bytes are left out: to blot them would blot every text. */
void secrets_init(struct secrets *s, const struct http_request *r);
void secrets_done(struct secrets *s);

/* Append text with secrets as "***", bytes that are no UTF-8 as "?", and controls as blanks (lines: but for line ends and
 * tabs).  Where the text was cut from a longer one, cut_front and cut_back leave out what could be part of a secret. */
struct shown { bool lines, cut_front, cut_back; };
void secrets_put(const struct secrets *s, const char *text, size_t len, struct shown how, struct bf_buf *ret);

#endif

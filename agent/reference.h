/* References in connection strings and headers: ${env:NAME} and ${secret:NAME}, resolved on the agent from what its configuration
 * allows. */
#ifndef BF_AGENT_REFERENCE_H
#define BF_AGENT_REFERENCE_H

#include <stdbool.h>

#include "agent/agent_config.h"
#include "common/buf.h"
#include "common/error.h"
#include "common/vec.h"

#define SECRET_MAX_BYTES (64u << 10)         /* a secret's file */
#define REFERENCE_MAX_BYTES (128u << 10)     /* a text, resolved */

/* Where a value stands that came for a reference, in the text that was resolved. */
struct reference_span {
    size_t begin, len;
    bool secret;                             /* ${secret:…}; else ${env:…} */
};
struct reference_spans {
    struct reference_span *at;               /* freed by bf_vec_free() */
    size_t n, cap;
};

/* text with each reference replaced, in one pass: a value that holds "${env:" is not read again.  own is the agent's environment.  *ret is
 * cleared first; wipe it.  The places of the values are added to *ret_spans, which may be NULL.  Every refusal is one sentence with the
 * agent, the name and the setting to change, and never a value. */
enum bf_rc reference_resolve(const struct agent_config *c, const char *text, const char *const *own, struct bf_buf *ret,
                             struct reference_spans *ret_spans, struct bf_error *err) BF_MUST_CHECK;

/* Room for more bytes, without leaving a copy of what is there behind. */
void secret_reserve(struct bf_buf *b, size_t more);
void secret_wipe(struct bf_buf *b);          /* overwritten and freed */

#endif

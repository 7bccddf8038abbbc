/* Enrolment tokens: all that an agent's host needs to join, in one word.
 *
 * "bfenrol1." and base64url of a JSON object.  It holds the secret half of a key that may do one thing, once. */
#ifndef BFCTL_TOKEN_H
#define BFCTL_TOKEN_H

#include "bfctl/client.h"
#include "common/buf.h"

#define TOKEN_MAX_BYTES 4096u

/* Strings owned; released by token_done(), which wipes the secret. */
struct token {
    char *name;                                  /* of the agent to be */
    char *api, *fleet, *logs;                    /* endpoints */
    char *server_key;                            /* Z85; two with a blank between while it is being changed */
    struct client_keys keys;
};

void token_encode(const struct token *t, struct bf_buf *ret);
/* *ret is all-zero before, and released also after failure. */
enum bf_rc token_decode(const char *text, struct token *ret, struct bf_error *err) BF_MUST_CHECK;
void token_done(struct token *t);
#define TOKEN_AUTO __attribute__((cleanup(token_done)))

/* An endpoint as others reach it: where it was bound to all addresses, with the host of `beside`.  The caller frees. */
char *token_endpoint(const char *bound, const char *beside);

#endif

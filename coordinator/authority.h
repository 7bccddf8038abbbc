/* Scopes: whether what a key asks for lies within the plans and pools that it is for.  Asked for each message; roles are the api
 * socket's (api/access.h).
 *
 * A key with plans sees and changes only backfills whose plan's name fits one of them.  A key with pools changes and creates only
 * backfills that draw on no other pool; it sees all.  What is about the whole cluster needs a key without scopes.  "latest" is the
 * newest backfill that the key sees. */
#ifndef BF_COORDINATOR_AUTHORITY_H
#define BF_COORDINATOR_AUTHORITY_H

#include "coordinator/engine/view.h"
#include "coordinator/zap/zap.h"
#include "proto/operator_msg.h"

/* Does the key see backfills of a plan of this name?  who NULL: yes. */
bool authority_sees(const struct key_entry *who, const char *plan);
/* BF_OK, or BF_DENIED and a sentence that names the scope.  *backfill is the request's; for a key with scopes "latest" becomes a number,
 * and one that is not there, or none that it sees, is BF_NOT_FOUND. */
enum bf_rc authority_permit(const struct engine *e, const struct key_entry *who, const struct op_request *req, uint32_t *backfill,
                            struct bf_error *err) BF_MUST_CHECK;
/* BF_DENIED, and why this key may not speak any more: it had a right when it asked, and what it asked for took longer. */
enum bf_rc authority_gone(const struct engine *e, const uint8_t key[BF_KEY_BYTES], struct bf_error *err);
/* A create, once its plan is compiled: the role again too, for it may have changed meanwhile. */
enum bf_rc authority_may_create(const struct key_entry *who, const struct plan *plan, struct bf_error *err) BF_MUST_CHECK;

#endif

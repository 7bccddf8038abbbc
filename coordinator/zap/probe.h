/* A look from outside at a door that was just bound.  CURVE lets everybody in when the handler of keys is missing or not asked,
 * so the coordinator tries its own doors before it serves. */
#ifndef BF_PROBE_H
#define BF_PROBE_H

#include "coordinator/zap/zap.h"

/* BF_DENIED when a key that nobody knows is let in, or a key that should be is not; BF_TIMED_OUT when the door does not answer. */
enum bf_rc door_probe(struct zap *z, const char *endpoint, enum zap_domain domain, const uint8_t secret_key[ZAP_KEY_BYTES],
                      struct bf_error *err) BF_MUST_CHECK;

#endif

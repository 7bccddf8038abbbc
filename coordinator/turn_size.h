/* How large a turn may be.  One is kept short, so that operators' queries wait for milliseconds, and shorter while there are any. */
#ifndef BF_TURN_SIZE_H
#define BF_TURN_SIZE_H

#include <stddef.h>
#include <stdint.h>

#define TURN_SIZE 1024u                          /* or somewhat more: a message of an agent may bring 256 */
#define TURN_SIZE_ASKED 384u                     /* while operators ask, whose wait is the turn that is under way… */
#define TURN_SIZE_ASKED_MS 1000                  /* …and so long after */

/* The most inputs of the next turn.  since_asked_ms: since an operator asked last; the others: what the parts of the turn before took. */
size_t turn_size(int64_t since_asked_ms, int64_t decided_us, int64_t committed_us);

#endif

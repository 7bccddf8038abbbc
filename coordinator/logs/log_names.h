/* What attempts ran that were granted and have not written yet.  Private to logs/.
 *
 * The engine's thread puts, the log thread takes when the first chunk comes; only the agent that an attempt was granted to gets its
 * name.  Bounded: past LOG_GRANTS_MAX the oldest are forgotten, and what they write later is found by its attempt alone. */
#ifndef BF_LOG_NAMES_H
#define BF_LOG_NAMES_H

#include <pthread.h>

#include "common/map.h"
#include "common/vec.h"
#include "coordinator/logs/log_frame.h"

#define LOG_GRANTS_MAX 131072u                   /* of about 80 bytes */

struct log_grant { struct log_name name; uint8_t sender[LOG_SENDER_BYTES]; };

struct log_names {
    pthread_mutex_t lock;                        /* over all below */
    BF_VEC_TYPE(struct log_grant) ring;
    size_t next;                                 /* the oldest, once the ring is full */
    struct bf_map by_attempt;                    /* attempt -> place in the ring */
};

void log_names_init(struct log_names *x);
void log_names_done(struct log_names *x);
void log_names_put(struct log_names *x, const struct log_name *name, const uint8_t sender[LOG_SENDER_BYTES]);
/* Take the name out; false when it is not known, or was granted to somebody else. */
bool log_names_take(struct log_names *x, uint64_t attempt, const uint8_t sender[LOG_SENDER_BYTES], struct log_name *ret);

#endif

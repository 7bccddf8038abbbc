/* A ring in order of grants, and a map into it.  An attempt that is named is out of the map; its place is used again in turn. */
#include "coordinator/logs/log_names.h"

#include <string.h>

void log_names_init(struct log_names *x)
{
    memset(x, 0, sizeof *x);
    pthread_mutex_init(&x->lock, NULL);
}

void log_names_done(struct log_names *x)
{
    bf_vec_free(&x->ring);
    bf_map_free(&x->by_attempt);
    pthread_mutex_destroy(&x->lock);
}

void log_names_put(struct log_names *x, const struct log_name *name, const uint8_t sender[LOG_SENDER_BYTES])
{
    struct log_grant grant = {.name = *name};
    memcpy(grant.sender, sender, LOG_SENDER_BYTES);
    pthread_mutex_lock(&x->lock);
    size_t at = x->ring.n;
    if (at < LOG_GRANTS_MAX) {
        bf_vec_push(&x->ring, grant);
    } else {
        at = x->next;
        x->next = (x->next + 1) % LOG_GRANTS_MAX;
        uint64_t was = 0, old = x->ring.at[at].name.attempt;
        if (bf_map_get(&x->by_attempt, old, &was) && was == at)
            bf_map_del(&x->by_attempt, old);
        x->ring.at[at] = grant;
    }
    bf_map_put(&x->by_attempt, name->attempt, at);
    pthread_mutex_unlock(&x->lock);
}

bool log_names_take(struct log_names *x, uint64_t attempt, const uint8_t sender[LOG_SENDER_BYTES], struct log_name *ret)
{
    uint64_t at = 0;
    pthread_mutex_lock(&x->lock);
    bool found = bf_map_get(&x->by_attempt, attempt, &at) && memcmp(x->ring.at[at].sender, sender, LOG_SENDER_BYTES) == 0;
    if (found) {
        *ret = x->ring.at[at].name;
        bf_map_del(&x->by_attempt, attempt);
    }
    pthread_mutex_unlock(&x->lock);
    return found;
}

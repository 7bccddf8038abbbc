/* What was told of which alert: a small table and its file, a line each: id, since_us, state, severity. */
#ifndef BF_NOTIFY_TOLD_H
#define BF_NOTIFY_TOLD_H

#include "common/buf.h"
#include "common/vec.h"
#include "coordinator/notify/notify.h"

#define TOLD_MAX 2048u                           /* the newest */

struct told { BF_VEC_TYPE(struct notify_told) at; };

/* A file that is absent is an empty table; lines that are none are passed over. */
void told_read(struct told *t, const char *path);
void told_text(const struct told *t, struct bf_buf *ret);
struct notify_told *told_find(const struct told *t, uint32_t id, int64_t since_us);
void told_put(struct told *t, const struct notify_told *entry);

#endif

/* Telling others: messages to a webhook and to an Alertmanager, by one thread of its own.
 *
 * notify_put() hands a message over in memory and returns at once; the thread writes it to the spool, and from there sends it, each
 * receiver on its own: one that hangs holds up nothing but what is for it.  A message leaves the spool when its receiver has taken it
 * (2xx), or has refused it for good; else it is tried again, after 1 s, 2 s, … 5 min.  Messages in memory and on disk are bounded: the
 * oldest go, and that is said.
 *
 * What was told is remembered beside the spool ("told"), so that a coordinator that is started again tells nothing twice. */
#ifndef BF_NOTIFY_NOTIFY_H
#define BF_NOTIFY_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "proto/alert.h"

enum notify_target { NOTIFY_WEBHOOK, NOTIFY_ALERTMANAGER, NOTIFY_TARGETS };

struct notify_options {
    const char *dir;                             /* of the spool */
    uint64_t max_bytes, max_count;
    const char *url[NOTIFY_TARGETS];             /* NULL: not told */
    const void *secret; size_t secret_bytes;     /* of the webhook; NULL: not signed.  Copied */
};

struct notify;                                   /* opaque */
struct notify_counts { uint64_t sent[NOTIFY_TARGETS], failed[NOTIFY_TARGETS], dropped, spooled, spooled_bytes; };

enum bf_rc notify_open(const struct notify_options *o, struct notify **ret, struct bf_error *err) BF_MUST_CHECK;
/* Ends a transfer; what is in memory is written to the spool first.  NULL is fine. */
void notify_close(struct notify *n);
/* One message, copied.  volatile_: not worth the spool; where its receiver is busy it is left out. */
void notify_put(struct notify *n, enum notify_target target, const void *p, size_t bytes, bool volatile_);
bool notify_has(const struct notify *n, enum notify_target target);
struct notify_counts notify_counted(struct notify *n);

/* What was told last of an alert; for the thread of the caller alone.  false: nothing. */
struct notify_told { uint32_t id; int64_t since_us; enum alert_state state; enum alert_severity severity; };
bool notify_told_of(const struct notify *n, uint32_t id, int64_t since_us, struct notify_told *ret);
/* It is being told: written after the messages that were put before. */
void notify_remember(struct notify *n, const struct notify_told *t);

/* "http://host…" or "https://host…", no user in it, no blanks, no address that is never called. */
enum bf_rc notify_url_check(const char *key, const char *url, struct bf_error *err) BF_MUST_CHECK;

#endif

/* Messages that wait for one peer, oldest first, bounded.  Private to fleet/. */
#ifndef BF_OUTBOX_H
#define BF_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outbox_message { struct outbox_message *next; size_t n; uint8_t bytes[]; };
/* All-zero is empty. */
struct outbox { struct outbox_message *first, *last; size_t messages, bytes; };

/* Copy a message to the end; false, and nothing is kept, when a bound would be passed. */
bool outbox_put(struct outbox *o, const void *p, size_t n, size_t messages_max, size_t bytes_max);
void outbox_drop_first(struct outbox *o);
void outbox_clear(struct outbox *o);

#endif

/* A queue of copies with two bounds, of messages and of bytes: what a slow agent can cost in memory is known before. */
#include "coordinator/fleet/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

bool outbox_put(struct outbox *o, const void *p, size_t n, size_t messages_max, size_t bytes_max)
{
    if (o->messages >= messages_max || n > bytes_max || o->bytes > bytes_max - n)
        return false;
    struct outbox_message *m = bf_xmalloc(sizeof *m + n);
    m->next = NULL;
    m->n = n;
    memcpy(m->bytes, p, n);
    if (o->last)
        o->last->next = m;
    else
        o->first = m;
    o->last = m;
    o->messages++;
    o->bytes += n;
    return true;
}

void outbox_drop_first(struct outbox *o)
{
    struct outbox_message *m = o->first;
    o->first = m->next;
    if (!o->first)
        o->last = NULL;
    o->messages--;
    o->bytes -= m->n;
    free(m);
}

void outbox_clear(struct outbox *o)
{
    while (o->first)
        outbox_drop_first(o);
}

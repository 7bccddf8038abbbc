/* Attempt -> its senders -> their places, in order of offset.  Rebuilt from the headers at start; never on disk.  The
 * writer adds and drops; a reader copies the places that it needs under the caller's lock. */
#include "coordinator/logs/log_index.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static struct log_entry *first_entry(const struct log_index *x, uint64_t attempt)
{
    uint64_t value = 0;
    return bf_map_get(&x->entries, attempt, &value) ? (struct log_entry *)(uintptr_t)value : NULL;
}

struct log_entry *log_index_find(const struct log_index *x, uint64_t attempt, const uint8_t *sender)
{
    struct log_entry *e = first_entry(x, attempt);
    while (e && sender && memcmp(e->sender, sender, LOG_SENDER_BYTES) != 0)
        e = e->next;
    return e;
}

void log_index_add(struct log_index *x, const struct log_frame *f, uint32_t segment, uint32_t position)
{
    struct log_entry *e = log_index_find(x, f->attempt, f->sender);
    if (!e) {
        e = bf_xcalloc(1, sizeof *e);
        e->attempt = f->attempt;
        memcpy(e->sender, f->sender, LOG_SENDER_BYTES);
        struct log_entry *first = first_entry(x, f->attempt);
        if (first) {
            e->next = first->next;
            first->next = e;
        } else
            bf_map_put(&x->entries, f->attempt, (uint64_t)(uintptr_t)e);
        x->n_entries++;
    }
    bf_vec_push(&e->places, (struct log_place){.offset = f->offset, .segment = segment, .position = position, .n = f->raw_bytes});
    x->n_places++;
    e->kept_bytes += f->raw_bytes;
    if (f->offset + f->raw_bytes > e->end)
        e->end = f->offset + f->raw_bytes;
    e->last = e->last || (f->flags & LOG_FLAG_LAST);
}

/* Places stand in order of segments, so those that go are at the front. */
static void entry_drop(struct log_index *x, struct log_entry *e, uint32_t segment)
{
    size_t n = 0;
    while (n < e->places.n && e->places.at[n].segment <= segment)
        n++;
    if (n == 0)
        return;
    memmove(e->places.at, e->places.at + n, (e->places.n - n) * sizeof *e->places.at);
    e->places.n -= n;
    x->n_places -= n;
}

static void entry_free(struct log_index *x, struct log_entry *e)
{
    bf_vec_free(&e->places);
    free(e);
    x->n_entries--;
}

/* Drop from all entries of one attempt; false when none is left. */
static bool chain_drop(struct log_index *x, struct log_entry **first, uint32_t segment)
{
    struct log_entry **at = first;
    while (*at) {
        struct log_entry *e = *at;
        entry_drop(x, e, segment);
        if (e->places.n) {
            at = &e->next;
        } else {
            *at = e->next;
            entry_free(x, e);
        }
    }
    return *first != NULL;
}

void log_index_drop_segment(struct log_index *x, uint32_t segment)
{
    BF_VEC_TYPE(uint64_t) empty = {0}, moved = {0};
    size_t pos = 0;
    uint64_t attempt, value;
    while (bf_map_next(&x->entries, &pos, &attempt, &value)) {
        struct log_entry *first = (struct log_entry *)(uintptr_t)value;
        if (!chain_drop(x, &first, segment))
            bf_vec_push(&empty, attempt);
        else if ((uint64_t)(uintptr_t)first != value) {
            bf_vec_push(&moved, attempt);
            bf_vec_push(&moved, (uint64_t)(uintptr_t)first);
        }
    }
    for (size_t i = 0; i < empty.n; i++)
        bf_map_del(&x->entries, empty.at[i]);
    for (size_t i = 0; i < moved.n; i += 2)
        bf_map_put(&x->entries, moved.at[i], moved.at[i + 1]);
    bf_vec_free(&empty);
    bf_vec_free(&moved);
}

void log_index_done(struct log_index *x)
{
    log_index_drop_segment(x, UINT32_MAX);
    bf_map_free(&x->entries);
}

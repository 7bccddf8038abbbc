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
    struct log_entry *e = first_entry(x, attempt), *named = sender ? NULL : log_index_named(x, attempt);
    if (named)
        return named;
    while (e && sender && memcmp(e->sender, sender, LOG_SENDER_BYTES) != 0)
        e = e->next;
    return e;
}

static struct log_entry *entry_of(struct log_index *x, uint64_t attempt, const uint8_t *sender)
{
    struct log_entry *e = log_index_find(x, attempt, sender);
    if (e)
        return e;
    e = bf_xcalloc(1, sizeof *e);
    e->attempt = attempt;
    memcpy(e->sender, sender, LOG_SENDER_BYTES);
    struct log_entry *first = first_entry(x, attempt);
    if (first) {
        e->next = first->next;
        first->next = e;
    } else
        bf_map_put(&x->entries, attempt, (uint64_t)(uintptr_t)e);
    x->n_entries++;
    return e;
}

void log_index_add(struct log_index *x, const struct log_frame *f, uint32_t segment, uint32_t position)
{
    struct log_entry *e = entry_of(x, f->attempt, f->sender);
    bf_vec_push(&e->places, (struct log_place){.offset = f->offset, .at_us = f->at_us, .segment = segment, .position = position,
                                               .n = f->raw_bytes, .stream = f->stream, .flags = f->flags});
    x->n_places++;
    e->kept_bytes += f->raw_bytes;
    if (f->offset + f->raw_bytes > e->end)
        e->end = f->offset + f->raw_bytes;
    e->last = e->last || (f->flags & LOG_FLAG_LAST);
}

/* ---- names ---- */

void log_index_name(struct log_index *x, const struct log_name *name, const uint8_t sender[LOG_SENDER_BYTES], uint32_t segment)
{
    struct log_entry *e = entry_of(x, name->attempt, sender);
    e->name_segment = segment;
    if (e->name.backfill || !name->backfill)
        return;
    e->name = *name;
    uint64_t value = 0;
    if (!bf_map_get(&x->backfills, name->backfill, &value)) {
        value = (uint64_t)(uintptr_t)bf_xcalloc(1, sizeof(struct log_backfill));
        bf_map_put(&x->backfills, name->backfill, value);
    }
    struct log_backfill *b = (struct log_backfill *)(uintptr_t)value;
    bf_vec_push(&b->at, (struct log_named){name->attempt, name->step, name->index, name->agent, name->run});
}

struct log_entry *log_index_named(const struct log_index *x, uint64_t attempt)
{
    struct log_entry *e = first_entry(x, attempt);
    while (e && !e->name.backfill)
        e = e->next;
    return e;
}

const struct log_backfill *log_index_backfill(const struct log_index *x, uint32_t backfill)
{
    uint64_t value = 0;
    return bf_map_get(&x->backfills, backfill, &value) ? (const struct log_backfill *)(uintptr_t)value : NULL;
}

size_t log_entry_place(const struct log_entry *e, uint64_t offset)
{
    size_t low = 0, high = e->places.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (e->places.at[middle].offset + e->places.at[middle].n > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Names of attempts that have no log any more go with it. */
static void names_drop(struct log_index *x)
{
    BF_VEC_TYPE(uint64_t) empty = {0};
    size_t pos = 0;
    uint64_t backfill, value;
    while (bf_map_next(&x->backfills, &pos, &backfill, &value)) {
        struct log_backfill *b = (struct log_backfill *)(uintptr_t)value;
        size_t kept = 0;
        for (size_t i = 0; i < b->at.n; i++)
            if (log_index_named(x, b->at.at[i].attempt))
                b->at.at[kept++] = b->at.at[i];
        b->at.n = kept;
        if (kept)
            continue;
        bf_vec_free(&b->at);
        free(b);
        bf_vec_push(&empty, backfill);
    }
    for (size_t i = 0; i < empty.n; i++)
        bf_map_del(&x->backfills, empty.at[i]);
    bf_vec_free(&empty);
}

/* ---- dropping ---- */

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
    names_drop(x);
}

void log_index_done(struct log_index *x)
{
    log_index_drop_segment(x, UINT32_MAX);
    bf_map_free(&x->entries);
    bf_map_free(&x->backfills);
}

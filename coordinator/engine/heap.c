/* Arrays from 0; the children of i are 2i + 1 and 2i + 2.  Elements with equal keys cannot be told apart, or the owner's less()
 * puts them in order of their ids, so a heap's history never shows. */
#include "coordinator/engine/heap.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/vec.h"

static bool item_less(struct heap_item x, struct heap_item y)
{
    return x.a != y.a ? x.a < y.a : x.b < y.b;
}

static void sift_up(struct heap *h, size_t i)
{
    struct heap_item item = h->at[i];
    while (i > 0 && item_less(item, h->at[(i - 1) / 2])) {
        h->at[i] = h->at[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->at[i] = item;
}

static void sift_down(struct heap *h, size_t i)
{
    struct heap_item item = h->at[i];
    for (size_t child = 2 * i + 1; child < h->n; child = 2 * i + 1) {
        if (child + 1 < h->n && item_less(h->at[child + 1], h->at[child]))
            child++;
        if (!item_less(h->at[child], item))
            break;
        h->at[i] = h->at[child];
        i = child;
    }
    h->at[i] = item;
}

void heap_order(struct heap *h)
{
    for (size_t i = h->n / 2; i-- > 0;)
        sift_down(h, i);
}

void heap_push(struct heap *h, uint64_t a, uint64_t b)
{
    bf_vec_push(h, (struct heap_item){a, b});
    sift_up(h, h->n - 1);
}

struct heap_item heap_pop(struct heap *h)
{
    assert(h->n > 0);
    struct heap_item head = h->at[0];
    h->at[0] = h->at[--h->n];
    if (h->n > 0)
        sift_down(h, 0);
    return head;
}

void heap_pop_if(struct heap *h, uint64_t a, uint64_t b)
{
    if (h->n > 0 && h->at[0].a == a && h->at[0].b == b)
        heap_pop(h);
}

void heap_filter(struct heap *h, bool (*keep)(const void *context, struct heap_item item), const void *context)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        if (keep(context, h->at[i]))
            h->at[n++] = h->at[i];
    h->n = n;
    heap_order(h);
}

void heap_done(struct heap *h)
{
    bf_vec_free(h);
}

bool iheap_contains(const struct iheap *h, uint32_t id)
{
    return id < h->n_positions && h->position[id] != IHEAP_ABSENT;
}

static void place(struct iheap *h, size_t i, uint32_t id)
{
    h->at[i] = id;
    h->position[id] = (uint32_t)i;
}

static void settle(struct iheap *h, size_t i, iheap_less *less, const void *context)
{
    uint32_t id = h->at[i];
    while (i > 0 && less(context, id, h->at[(i - 1) / 2])) {
        place(h, i, h->at[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (size_t child = 2 * i + 1; child < h->n; child = 2 * i + 1) {
        if (child + 1 < h->n && less(context, h->at[child + 1], h->at[child]))
            child++;
        if (!less(context, h->at[child], id))
            break;
        place(h, i, h->at[child]);
        i = child;
    }
    place(h, i, id);
}

static void reserve_position(struct iheap *h, uint32_t id)
{
    if (id < h->n_positions)
        return;
    size_t n = bf_vec_grow(h->n_positions, (size_t)id + 1);
    h->position = bf_xreallocarray(h->position, n, sizeof *h->position);
    for (size_t i = h->n_positions; i < n; i++)
        h->position[i] = IHEAP_ABSENT;
    h->n_positions = n;
}

void iheap_put(struct iheap *h, uint32_t id, iheap_less *less, const void *context)
{
    if (!iheap_contains(h, id)) {
        reserve_position(h, id);
        bf_vec_push(h, id);
        h->position[id] = (uint32_t)(h->n - 1);
    }
    settle(h, h->position[id], less, context);
}

void iheap_remove(struct iheap *h, uint32_t id, iheap_less *less, const void *context)
{
    if (!iheap_contains(h, id))
        return;
    size_t i = h->position[id];
    h->position[id] = IHEAP_ABSENT;
    uint32_t last = h->at[--h->n];
    if (last == id)
        return;
    place(h, i, last);
    settle(h, i, less, context);
}

void iheap_clear(struct iheap *h)
{
    for (size_t i = 0; i < h->n; i++)
        h->position[h->at[i]] = IHEAP_ABSENT;
    h->n = 0;
}

void iheap_done(struct iheap *h)
{
    free(h->at);
    free(h->position);
    *h = (struct iheap){0};
}

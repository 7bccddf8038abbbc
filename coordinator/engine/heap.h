/* Binary heaps of the engine.  Integers only, so that an order never depends on an address. */
#ifndef BF_ENGINE_HEAP_H
#define BF_ENGINE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- smallest (a, b) first; all-zero is empty.  push and pop are O(log n). ---- */
struct heap_item { uint64_t a, b; };
struct heap { struct heap_item *at; size_t n, cap; };

void heap_push(struct heap *h, uint64_t a, uint64_t b);
/* Put the items that stand in `at` anyhow in order.  O(n). */
void heap_order(struct heap *h);
struct heap_item heap_pop(struct heap *h);                  /* n > 0 */
/* Remove the head if it is (a, b). */
void heap_pop_if(struct heap *h, uint64_t a, uint64_t b);
/* Keep the items that keep() wants, and restore the order.  O(n). */
void heap_filter(struct heap *h, bool (*keep)(const void *context, struct heap_item item), const void *context);
void heap_done(struct heap *h);

/* ---- a heap of ids, each at most once, whose order the owner's less() knows.  All operations O(log n). ---- */
#define IHEAP_ABSENT UINT32_MAX
struct iheap {
    uint32_t *at;                                            /* heap of ids */
    size_t n, cap;
    uint32_t *position; size_t n_positions;                  /* by id; IHEAP_ABSENT when it is not in the heap */
};
typedef bool iheap_less(const void *context, uint32_t a, uint32_t b);

bool iheap_contains(const struct iheap *h, uint32_t id);
/* Insert id, or move it to where it belongs after its key changed. */
void iheap_put(struct iheap *h, uint32_t id, iheap_less *less, const void *context);
void iheap_remove(struct iheap *h, uint32_t id, iheap_less *less, const void *context);   /* no-op when absent */
void iheap_clear(struct iheap *h);
void iheap_done(struct iheap *h);

#endif

/* Blocks in a list, newest first; each allocation is cut from the newest, or from a block of its own when it is large.  The first is a
 * small one: most messages need no more, and malloc has such at hand. */
#include "common/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum { ARENA_ALIGN = 16, ARENA_FIRST_BYTES = 960, ARENA_BLOCK_BYTES = 16384 };

struct bf_arena_block {
    struct bf_arena_block *next;
    size_t used, size;
    _Alignas(ARENA_ALIGN) unsigned char bytes[];
};

static struct bf_arena_block *block_new(struct bf_arena_block *next, size_t size_bytes)
{
    struct bf_arena_block *b = bf_xmalloc(sizeof *b + size_bytes);
    b->next = next;
    b->used = 0;
    b->size = size_bytes;
    return b;
}

static void *carve(struct bf_arena *a, size_t size_bytes)
{
    size_t need = (size_bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    size_t least = a->head ? ARENA_BLOCK_BYTES : ARENA_FIRST_BYTES;
    if (!a->head || a->head->size - a->head->used < need)
        a->head = block_new(a->head, need > least ? need : least);
    void *p = a->head->bytes + a->head->used;
    a->head->used += need;
    a->used_bytes += need;
    return p;
}

void *bf_arena_alloc(struct bf_arena *a, size_t size_bytes)
{
    return memset(carve(a, size_bytes), 0, size_bytes);
}

char *bf_arena_strndup(struct bf_arena *a, const char *s, size_t n)
{
    char *p = carve(a, n + 1);
    if (n)
        memcpy(p, s, n);               /* of nothing, s may be NULL */
    p[n] = '\0';
    return p;
}

char *bf_arena_strdup(struct bf_arena *a, const char *s)
{
    return s ? bf_arena_strndup(a, s, strlen(s)) : NULL;
}

void *bf_arena_memdup(struct bf_arena *a, const void *p, size_t size_bytes)
{
    void *copy = carve(a, size_bytes);
    if (size_bytes)
        memcpy(copy, p, size_bytes);
    return copy;
}

void bf_arena_clear(struct bf_arena *a)
{
    struct bf_arena_block *kept = NULL, *next = NULL;
    for (struct bf_arena_block *b = a->head; b; b = next) {
        next = b->next;
        bool better = b->size <= ARENA_BLOCK_BYTES && (!kept || b->size > kept->size);
        free(better ? kept : b);
        kept = better ? b : kept;
    }
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
    }
    a->head = kept;
    a->used_bytes = 0;
}

void bf_arena_free(struct bf_arena *a)
{
    while (a->head) {
        struct bf_arena_block *next = a->head->next;
        free(a->head);
        a->head = next;
    }
    a->used_bytes = 0;
}

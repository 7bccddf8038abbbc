/* Bump allocation: everything of one message or one turn, freed at once. */
#ifndef BF_COMMON_ARENA_H
#define BF_COMMON_ARENA_H

#include <stddef.h>

/* All-zero is empty.  Addresses stay valid until clear or free. */
struct bf_arena {
    struct bf_arena_block *head;
    size_t used_bytes;                              /* handed out since the last clear */
};

void *bf_arena_alloc(struct bf_arena *a, size_t size_bytes);        /* zeroed, aligned to 16 */
char *bf_arena_strndup(struct bf_arena *a, const char *s, size_t n);
char *bf_arena_strdup(struct bf_arena *a, const char *s);           /* NULL in, NULL out */
void *bf_arena_memdup(struct bf_arena *a, const void *p, size_t size_bytes);
void bf_arena_clear(struct bf_arena *a);                            /* keeps one block */
void bf_arena_free(struct bf_arena *a);

#endif

/* Hash maps: entries stand densely in order of insertion, an index finds them.  Iteration is in order of insertion (a key that
 * is removed and put again goes to the end), never by address or hash seed.  All-zero values are empty maps. */
#ifndef BF_COMMON_MAP_H
#define BF_COMMON_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read n freely; the rest is map.c's own. */
struct bf_map_index {
    uint32_t *slots;        /* entry number + 1, 0 free; power of two */
    size_t cap;
};

/* uint64 -> uint64.  Key 0 is allowed.  O(1) expected. */
struct bf_map {
    uint64_t *keys;
    uint64_t *values;
    uint8_t *live;          /* 0 removed, 1 there */
    size_t n, filled;       /* live entries; entries with the removed */
    struct bf_map_index index;
};

bool bf_map_get(const struct bf_map *m, uint64_t key, uint64_t *ret_value);   /* ret_value may be NULL */
void bf_map_put(struct bf_map *m, uint64_t key, uint64_t value);              /* inserts or replaces */
bool bf_map_del(struct bf_map *m, uint64_t key);                              /* false when absent */
/* Visit entries in order of insertion: start with *pos = 0; false at the end.  No puts meanwhile; removing is allowed. */
bool bf_map_next(const struct bf_map *m, size_t *pos, uint64_t *ret_key, uint64_t *ret_value);
void bf_map_free(struct bf_map *m);

/* byte string (copied) -> void * (borrowed, may be NULL only if the caller never asks whether a key is there). */
struct bf_smap {
    char **keys;            /* NUL-terminated copies; NULL: removed */
    size_t *key_lens;
    void **values;
    size_t n, filled;
    struct bf_map_index index;
};

void *bf_smap_get(const struct bf_smap *m, const void *key, size_t key_len);  /* NULL when absent */
void bf_smap_put(struct bf_smap *m, const void *key, size_t key_len, void *value);
bool bf_smap_del(struct bf_smap *m, const void *key, size_t key_len);
bool bf_smap_next(const struct bf_smap *m, size_t *pos, const char **ret_key, size_t *ret_key_len, void **ret_value);
void bf_smap_free(struct bf_smap *m);

#endif

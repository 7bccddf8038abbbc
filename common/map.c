/* Two maps over one shape: entries in dense arrays in order of insertion, and an index of slots with linear probing.
 *
 * A removed entry keeps its place in the arrays and its slot, so probes still pass over it; a rebuild, when the arrays are
 * full, drops the removed ones and sizes the index.  `filled` (live and removed) stays at or under 3/4 of the slots, so every
 * probe ends at a free slot.  The hash has no seed: runs repeat. */
#include "common/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/prng.h"

enum { MIN_SLOTS = 16 };

static size_t room(const struct bf_map_index *x)
{
    return x->cap / 4 * 3;
}

/* Slots for twice the live entries, so that a map that only churns rebuilds once for every n changes. */
static size_t slots_for(size_t n)
{
    size_t cap = MIN_SLOTS;
    while (cap / 4 * 3 < n * 2)
        cap *= 2;
    assert(cap <= UINT32_MAX);
    return cap;
}

static void index_reset(struct bf_map_index *x, size_t cap)
{
    free(x->slots);
    x->slots = bf_xcalloc(cap, sizeof *x->slots);
    x->cap = cap;
}

/* For a hash whose entry is known to be absent. */
static void index_insert(struct bf_map_index *x, uint64_t hash, size_t entry)
{
    size_t mask = x->cap - 1;
    size_t i = hash & mask;
    while (x->slots[i])
        i = (i + 1) & mask;
    x->slots[i] = (uint32_t)(entry + 1);
}

/* --- uint64 -> uint64 --- */

/* Entry of a live key. */
static bool map_find(const struct bf_map *m, uint64_t key, size_t *ret)
{
    if (m->n == 0)
        return false;
    size_t mask = m->index.cap - 1;
    for (size_t i = bf_mix64(key) & mask; m->index.slots[i]; i = (i + 1) & mask) {
        size_t e = m->index.slots[i] - 1;
        if (m->keys[e] == key && m->live[e]) {
            *ret = e;
            return true;
        }
    }
    return false;
}

static void map_rebuild(struct bf_map *m)
{
    index_reset(&m->index, slots_for(m->n + 1));
    size_t to = 0;
    for (size_t from = 0; from < m->filled; from++) {
        if (!m->live[from])
            continue;
        m->keys[to] = m->keys[from];
        m->values[to] = m->values[from];
        m->live[to] = 1;
        index_insert(&m->index, bf_mix64(m->keys[to]), to);
        to++;
    }
    m->filled = to;
    size_t entries = room(&m->index);
    m->keys = bf_xreallocarray(m->keys, entries, sizeof *m->keys);
    m->values = bf_xreallocarray(m->values, entries, sizeof *m->values);
    m->live = bf_xreallocarray(m->live, entries, sizeof *m->live);
}

bool bf_map_get(const struct bf_map *m, uint64_t key, uint64_t *ret_value)
{
    size_t e = 0;
    if (!map_find(m, key, &e))
        return false;
    if (ret_value)
        *ret_value = m->values[e];
    return true;
}

void bf_map_put(struct bf_map *m, uint64_t key, uint64_t value)
{
    size_t e = 0;
    if (map_find(m, key, &e)) {
        m->values[e] = value;
        return;
    }
    if (m->filled == room(&m->index))
        map_rebuild(m);
    e = m->filled++;
    m->keys[e] = key;
    m->values[e] = value;
    m->live[e] = 1;
    m->n++;
    index_insert(&m->index, bf_mix64(key), e);
}

bool bf_map_del(struct bf_map *m, uint64_t key)
{
    size_t e = 0;
    if (!map_find(m, key, &e))
        return false;
    m->live[e] = 0;
    m->n--;
    return true;
}

bool bf_map_next(const struct bf_map *m, size_t *pos, uint64_t *ret_key, uint64_t *ret_value)
{
    while (*pos < m->filled) {
        size_t e = (*pos)++;
        if (!m->live[e])
            continue;
        *ret_key = m->keys[e];
        if (ret_value)
            *ret_value = m->values[e];
        return true;
    }
    return false;
}

void bf_map_free(struct bf_map *m)
{
    free(m->keys);
    free(m->values);
    free(m->live);
    free(m->index.slots);
    *m = (struct bf_map){0};
}

/* --- bytes -> pointer --- */

/* A round for each word lets all of its bits into the upper half, and that into the lower; what mixes them well comes once, at the end. */
static uint64_t hash_bytes(const void *p, size_t n)
{
    const uint8_t *at = p;
    uint64_t h = n;
    for (; n >= 8; n -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }
    uint64_t tail = 0;
    for (size_t i = 0; i < n; i++)
        tail |= (uint64_t)at[i] << (8 * i);
    return bf_mix64(h ^ tail);
}

static bool smap_find(const struct bf_smap *m, const void *key, size_t key_len, size_t *ret)
{
    if (m->n == 0)
        return false;
    size_t mask = m->index.cap - 1;
    for (size_t i = hash_bytes(key, key_len) & mask; m->index.slots[i]; i = (i + 1) & mask) {
        size_t e = m->index.slots[i] - 1;
        if (m->keys[e] && m->key_lens[e] == key_len && (key_len == 0 || memcmp(m->keys[e], key, key_len) == 0)) {
            *ret = e;
            return true;
        }
    }
    return false;
}

static void smap_rebuild(struct bf_smap *m)
{
    index_reset(&m->index, slots_for(m->n + 1));
    size_t to = 0;
    for (size_t from = 0; from < m->filled; from++) {
        if (!m->keys[from])
            continue;
        m->keys[to] = m->keys[from];
        m->key_lens[to] = m->key_lens[from];
        m->values[to] = m->values[from];
        index_insert(&m->index, hash_bytes(m->keys[to], m->key_lens[to]), to);
        to++;
    }
    m->filled = to;
    size_t entries = room(&m->index);
    m->keys = bf_xreallocarray(m->keys, entries, sizeof *m->keys);
    m->key_lens = bf_xreallocarray(m->key_lens, entries, sizeof *m->key_lens);
    m->values = bf_xreallocarray(m->values, entries, sizeof *m->values);
}

void *bf_smap_get(const struct bf_smap *m, const void *key, size_t key_len)
{
    size_t e = 0;
    return smap_find(m, key, key_len, &e) ? m->values[e] : NULL;
}

void bf_smap_put(struct bf_smap *m, const void *key, size_t key_len, void *value)
{
    size_t e = 0;
    if (smap_find(m, key, key_len, &e)) {
        m->values[e] = value;
        return;
    }
    if (m->filled == room(&m->index))
        smap_rebuild(m);
    e = m->filled++;
    m->keys[e] = bf_xmalloc(key_len + 1);
    if (key_len > 0)
        memcpy(m->keys[e], key, key_len);
    m->keys[e][key_len] = '\0';
    m->key_lens[e] = key_len;
    m->values[e] = value;
    m->n++;
    index_insert(&m->index, hash_bytes(key, key_len), e);
}

bool bf_smap_del(struct bf_smap *m, const void *key, size_t key_len)
{
    size_t e = 0;
    if (!smap_find(m, key, key_len, &e))
        return false;
    free(m->keys[e]);
    m->keys[e] = NULL;
    m->n--;
    return true;
}

bool bf_smap_next(const struct bf_smap *m, size_t *pos, const char **ret_key, size_t *ret_key_len, void **ret_value)
{
    while (*pos < m->filled) {
        size_t e = (*pos)++;
        if (!m->keys[e])
            continue;
        *ret_key = m->keys[e];
        if (ret_key_len)
            *ret_key_len = m->key_lens[e];
        if (ret_value)
            *ret_value = m->values[e];
        return true;
    }
    return false;
}

void bf_smap_free(struct bf_smap *m)
{
    for (size_t e = 0; e < m->filled; e++)
        free(m->keys[e]);
    free(m->keys);
    free(m->key_lens);
    free(m->values);
    free(m->index.slots);
    *m = (struct bf_smap){0};
}

/* Growable arrays, typed by macro.  An all-zero value is an empty array.
 *
 *     BF_VEC_TYPE(int) v = {0};
 *     bf_vec_push(&v, 3); v.at[0]; v.n; bf_vec_clear(&v); bf_vec_free(&v);
 */
#ifndef BF_COMMON_VEC_H
#define BF_COMMON_VEC_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define BF_VEC_TYPE(type) struct { type *at; size_t n, cap; }

/* Next capacity for at least want elements (doubling, from 8). */
size_t bf_vec_grow(size_t cap, size_t want);

#define bf_vec_reserve(v, want)                                                          \
    do {                                                                                 \
        size_t want_ = (want);                                                           \
        if (want_ > (v)->cap) {                                                          \
            (v)->cap = bf_vec_grow((v)->cap, want_);                                     \
            (v)->at = bf_xreallocarray((v)->at, (v)->cap, sizeof *(v)->at);              \
        }                                                                                \
    } while (0)

#define bf_vec_push(v, ...)                                                              \
    do {                                                                                 \
        bf_vec_reserve(v, (v)->n + 1);                                                   \
        (v)->at[(v)->n++] = (__VA_ARGS__);                                               \
    } while (0)

/* Push an all-zero element and give its address (valid until the next push). */
#define bf_vec_add(v)                                                                    \
    __extension__({                                                                      \
        bf_vec_reserve(v, (v)->n + 1);                                                   \
        memset(&(v)->at[(v)->n], 0, sizeof *(v)->at);                                    \
        &(v)->at[(v)->n++];                                                              \
    })

#define bf_vec_clear(v) ((void)((v)->n = 0))
#define bf_vec_free(v)                                                                   \
    do {                                                                                 \
        free((v)->at);                                                                   \
        (v)->at = NULL;                                                                  \
        (v)->n = (v)->cap = 0;                                                           \
    } while (0)

#endif

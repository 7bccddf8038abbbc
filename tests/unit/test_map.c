#include "common/map.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/prng.h"

enum { N_KEYS = 500, N_MOVES = 100000 };

/* Random moves against an array that cannot be wrong. */
Test(map, agrees_with_an_array_over_random_moves)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct bf_map m = {0};
        uint64_t want[N_KEYS] = {0}; /* 0: absent */
        size_t n = 0;
        struct bf_prng r;
        bf_prng_seed(&r, seed);
        for (int i = 0; i < N_MOVES; i++) {
            uint64_t k = bf_prng_below(&r, N_KEYS), got = 77;
            switch (bf_prng_below(&r, 3)) {
            case 0:
                n += want[k] == 0;
                want[k] = 1 + (uint64_t)i;
                bf_map_put(&m, k, want[k]);
                break;
            case 1:
                cr_assert_eq(bf_map_del(&m, k), want[k] != 0, "seed %d move %d", (int)seed, i);
                n -= want[k] != 0;
                want[k] = 0;
                break;
            default:
                cr_assert_eq(bf_map_get(&m, k, &got), want[k] != 0, "seed %d move %d", (int)seed, i);
                cr_assert_eq(got, want[k] ? want[k] : 77);
            }
            cr_assert_eq(m.n, n);
        }
        cr_expect(m.filled <= 4 * N_KEYS, "removed entries are dropped: %zu kept", m.filled);
        bf_map_free(&m);
    }
}

Test(map, iterates_in_order_of_insertion)
{
    struct bf_map m = {0};
    for (uint64_t i = 0; i < 1000; i++)
        bf_map_put(&m, i * 7919 % 1009, i);
    bf_map_del(&m, 3 * 7919 % 1009);
    bf_map_put(&m, 3 * 7919 % 1009, 1000); /* goes to the end */
    size_t pos = 0;
    uint64_t key = 0, value = 0, seen = 0;
    while (bf_map_next(&m, &pos, &key, &value)) {
        uint64_t want = seen < 3 ? seen : seen + 1;
        cr_assert_eq(value, want);
        cr_assert_eq(key, (value == 1000 ? 3 : value) * 7919 % 1009);
        seen++;
    }
    cr_expect_eq(seen, 1000);
    bf_map_free(&m);
}

Test(map, empty_and_key_zero)
{
    struct bf_map m = {0};
    size_t pos = 0;
    uint64_t key = 0, value = 0;
    cr_expect_not(bf_map_get(&m, 0, NULL));
    cr_expect_not(bf_map_del(&m, 0));
    cr_expect_not(bf_map_next(&m, &pos, &key, &value));
    bf_map_put(&m, 0, 5);
    cr_expect(bf_map_get(&m, 0, &value) && value == 5);
    cr_expect(bf_map_get(&m, 0, NULL));
    bf_map_free(&m);
    cr_expect_not(bf_map_get(&m, 0, NULL));
}

Test(smap, agrees_with_an_array_over_random_moves)
{
    struct bf_smap m = {0};
    static int values[N_KEYS];
    void *want[N_KEYS] = {0};
    struct bf_prng r;
    bf_prng_seed(&r, 9);
    for (int i = 0; i < N_MOVES; i++) {
        size_t k = bf_prng_below(&r, N_KEYS);
        char key[32];
        size_t len = (size_t)snprintf(key, sizeof key, "step-%zu", k * k);
        switch (bf_prng_below(&r, 3)) {
        case 0:
            want[k] = &values[bf_prng_below(&r, N_KEYS)];
            bf_smap_put(&m, key, len, want[k]);
            break;
        case 1:
            cr_assert_eq(bf_smap_del(&m, key, len), want[k] != NULL);
            want[k] = NULL;
            break;
        default:
            cr_assert_eq(bf_smap_get(&m, key, len), want[k], "move %d", i);
        }
    }
    size_t n = 0;
    for (size_t k = 0; k < N_KEYS; k++)
        n += want[k] != NULL;
    cr_expect_eq(m.n, n);
    bf_smap_free(&m);
}

Test(smap, keys_are_bytes)
{
    struct bf_smap m = {0};
    static const struct { const char *key; size_t len; } rows[] = {
        {"", 0}, {"a", 1}, {"a\0", 2}, {"a\0b", 3}, {"aaaaaaaa", 8}, {"aaaaaaaaa", 9}, {"aaaaaaaa\0", 9},
    };
    enum { N = sizeof rows / sizeof *rows };
    static int mark[N];
    for (size_t i = 0; i < N; i++)
        bf_smap_put(&m, rows[i].key, rows[i].len, &mark[i]);
    cr_assert_eq(m.n, N);
    for (size_t i = 0; i < N; i++)
        cr_expect_eq(bf_smap_get(&m, rows[i].key, rows[i].len), &mark[i], "row %zu", i);
    size_t pos = 0, len = 0, i = 0;
    const char *key = NULL;
    void *value = NULL;
    for (; bf_smap_next(&m, &pos, &key, &len, &value); i++) {
        cr_expect(len == rows[i].len && memcmp(key, rows[i].key, len) == 0 && value == &mark[i], "row %zu", i);
        cr_expect_eq(key[len], '\0');
    }
    cr_expect_eq(i, N);
    bf_smap_free(&m);
}

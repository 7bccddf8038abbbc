#include "common/arena.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

Test(arena, memory_is_zeroed_aligned_and_apart)
{
    struct bf_arena a = {0};
    static const size_t sizes[] = {1, 7, 16, 100, 16384, 100000, 3};
    unsigned char *got[7];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 7; i++) {
            got[i] = bf_arena_alloc(&a, sizes[i]);
            cr_assert_eq((uintptr_t)got[i] % 16, 0);
            for (size_t k = 0; k < sizes[i]; k++)
                cr_assert_eq(got[i][k], 0, "round %d size %zu", round, sizes[i]);
            memset(got[i], 0xa0 + (int)i, sizes[i]);
        }
        for (size_t i = 0; i < 7; i++)
            cr_expect(got[i][0] == 0xa0 + i && got[i][sizes[i] - 1] == 0xa0 + i, "round %d size %zu", round, sizes[i]);
        bf_arena_clear(&a);
        cr_expect_eq(a.used_bytes, 0);
    }
    bf_arena_free(&a);
    cr_expect_null(a.head);
}

Test(arena, copies)
{
    struct bf_arena a = {0};
    cr_expect_str_eq(bf_arena_strdup(&a, "word"), "word");
    cr_expect_str_eq(bf_arena_strndup(&a, "words", 4), "word");
    cr_expect_null(bf_arena_strdup(&a, NULL));
    cr_expect_eq(memcmp(bf_arena_memdup(&a, "a\0b", 3), "a\0b", 3), 0);
    bf_arena_free(&a);
}

#include "common/mem.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/vec.h"

Test(mem, copies)
{
    BF_AUTO_FREE char *a = bf_xstrdup("abc"), *b = bf_xstrndup("abcdef", 2), *c = bf_xstrndup("ab", 10);
    BF_AUTO_FREE char *d = bf_xmemdup("x\0y", 3), *e = bf_xasprintf("%s-%05d", "n", 42);
    cr_expect_str_eq(a, "abc");
    cr_expect_str_eq(b, "ab");
    cr_expect_str_eq(c, "ab");
    cr_expect_eq(memcmp(d, "x\0y", 3), 0);
    cr_expect_str_eq(e, "n-00042");
    cr_expect_null(bf_xstrdup(NULL));
    cr_expect_null(bf_xstrndup(NULL, 3));
    cr_expect_null(bf_xmemdup(NULL, 3));
}

Test(mem, nothing_is_still_memory)
{
    BF_AUTO_FREE void *a = bf_xmalloc(0), *b = bf_xcalloc(0, 8);
    BF_AUTO_FREE void *c = bf_xreallocarray(NULL, 0, 8);
    cr_expect(a && b && c);
}

Test(mem, a_product_that_overflows_aborts, .signal = SIGABRT)
{
    bf_xreallocarray(NULL, SIZE_MAX / 2, 3);
}

Test(mem, take_gives_up_ownership)
{
    char *kept = NULL;
    {
        BF_AUTO_FREE char *p = bf_xstrdup("kept");
        kept = BF_TAKE(p);
        cr_expect_null(p);
    }
    cr_expect_str_eq(kept, "kept");
    free(kept);
}

Test(mem, close_cleanup_closes_and_keeps_errno)
{
    int seen = -1;
    {
        BF_AUTO_CLOSE int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        seen = fd;
        errno = ERANGE;
    }
    cr_expect_eq(errno, ERANGE);
    cr_expect_eq(fcntl(seen, F_GETFD), -1);
    int none = -1;
    bf_close_cleanup(&none);
    cr_expect_eq(none, -1);
}

Test(vec, pushes_and_keeps)
{
    BF_VEC_TYPE(int) v = {0};
    for (int i = 0; i < 1000; i++)
        bf_vec_push(&v, i * i);
    cr_assert_eq(v.n, 1000);
    for (int i = 0; i < 1000; i++)
        cr_expect_eq(v.at[i], i * i);
    bf_vec_clear(&v);
    cr_expect(v.n == 0 && v.cap >= 1000);
    bf_vec_free(&v);
    cr_expect(v.at == NULL && v.cap == 0);
}

Test(vec, add_gives_zeroed_elements)
{
    struct pair { int a; char *b; };
    BF_VEC_TYPE(struct pair) v = {0};
    bf_vec_push(&v, (struct pair){.a = 7, .b = NULL});
    bf_vec_clear(&v);
    struct pair *p = bf_vec_add(&v);
    cr_expect(p->a == 0 && p->b == NULL && v.n == 1);
    bf_vec_free(&v);
}

Test(vec, growth)
{
    static const struct { size_t cap, want, next; } rows[] = {
        {0, 1, 8}, {0, 9, 16}, {8, 9, 16}, {16, 100, 128}, {8, 3, 8}, {SIZE_MAX / 2 + 1, SIZE_MAX, SIZE_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(bf_vec_grow(rows[i].cap, rows[i].want), rows[i].next, "row %zu", i);
}

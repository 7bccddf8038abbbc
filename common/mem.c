#include "common/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/vec.h"

static _Noreturn void out_of_memory(void)
{
    static const char text[] = "out of memory\n";
    ssize_t n = write(STDERR_FILENO, text, sizeof text - 1);
    (void)n; /* nothing better can be done than to abort */
    abort();
}

void *bf_xmalloc(size_t size_bytes)
{
    void *p = malloc(size_bytes ? size_bytes : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *bf_xcalloc(size_t n, size_t size_bytes)
{
    void *p = n && size_bytes ? calloc(n, size_bytes) : calloc(1, 1);
    if (!p)
        out_of_memory();
    return p;
}

void *bf_xrealloc(void *p, size_t size_bytes)
{
    void *q = realloc(p, size_bytes ? size_bytes : 1);
    if (!q)
        out_of_memory();
    return q;
}

void *bf_xreallocarray(void *p, size_t n, size_t size_bytes)
{
    size_t total = 0;
    if (__builtin_mul_overflow(n, size_bytes, &total))
        out_of_memory();
    return bf_xrealloc(p, total);
}

char *bf_xstrdup(const char *s)
{
    return s ? bf_xmemdup(s, strlen(s) + 1) : NULL;
}

char *bf_xstrndup(const char *s, size_t n)
{
    if (!s)
        return NULL;
    size_t len = strnlen(s, n);
    char *copy = bf_xmalloc(len + 1);
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

void *bf_xmemdup(const void *p, size_t size_bytes)
{
    if (!p)
        return NULL;
    void *copy = bf_xmalloc(size_bytes);
    memcpy(copy, p, size_bytes);
    return copy;
}

char *bf_xasprintf(const char *fmt, ...)
{
    char most[256];                          /* nearly all is shorter, and then printed once */
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(most, sizeof most, fmt, args);
    va_end(args);
    assert(n >= 0); /* only a broken format or over 2 GiB of text fails */
    size_t size = (size_t)n + 1;
    if (size <= sizeof most) {
        va_end(again);
        return bf_xmemdup(most, size);
    }
    char *text = bf_xmalloc(size);
    n = vsnprintf(text, size, fmt, again);
    va_end(again);
    assert(n >= 0 && (size_t)n < size);
    return text;
}

void bf_free_cleanup(void *pp)
{
    void *p = NULL;
    memcpy(&p, pp, sizeof p); /* pp may point to a pointer of any type */
    free(p);
}

void bf_close_cleanup(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    close(*fd);
    errno = saved;
    *fd = -1;
}

size_t bf_vec_grow(size_t cap, size_t want)
{
    size_t next = cap ? cap : 8;
    while (next < want) {
        if (next > SIZE_MAX / 2)
            return want;
        next *= 2;
    }
    return next;
}

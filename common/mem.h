/* Memory that is always there (out of memory aborts), and cleanup attributes. */
#ifndef BF_COMMON_MEM_H
#define BF_COMMON_MEM_H

#include <stddef.h>

/* Never return NULL.  Sizes from outside are capped by the caller before they come here. */
void *bf_xmalloc(size_t size_bytes);
void *bf_xcalloc(size_t n, size_t size_bytes);
void *bf_xrealloc(void *p, size_t size_bytes);
/* n * size_bytes with overflow checked. */
void *bf_xreallocarray(void *p, size_t n, size_t size_bytes);
/* NULL in, NULL out. */
char *bf_xstrdup(const char *s);
char *bf_xstrndup(const char *s, size_t n);
void *bf_xmemdup(const void *p, size_t size_bytes);
/* printf into a fresh string; the caller frees. */
char *bf_xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void bf_free_cleanup(void *pp);    /* free(*(void **)pp) */
void bf_close_cleanup(int *fd);    /* close(*fd) when >= 0; keeps errno */

#define BF_AUTO_FREE __attribute__((cleanup(bf_free_cleanup)))
#define BF_AUTO_CLOSE __attribute__((cleanup(bf_close_cleanup)))
#define BF_CLEANUP(fn) __attribute__((cleanup(fn)))

/* Give up ownership held by a BF_AUTO_FREE variable. */
#define BF_TAKE(p) __extension__({ __typeof__(p) taken_ = (p); (p) = NULL; taken_; })

#endif

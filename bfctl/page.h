/* An object as a page for people: a line for each of its fields. */
#ifndef BFCTL_PAGE_H
#define BFCTL_PAGE_H

#include <jansson.h>

/* The fields on standard output, in the order in which they came.  Lists and counts come in one line; what is deeper is left to
 * -o json. */
void page_print(const json_t *object);
/* A heading between two pages. */
void page_heading(const char *words);
/* The page of `bfctl why`. */
void page_why(const json_t *why);
/* The same with --summary. */
void page_why_summary(const json_t *summary);
/* "class low yielded 3 times to better ones in pool warehouse, 4m in all; now for 20s"  The caller frees. */
char *page_yielded(const json_t *yielded);
/* "pool/small is half-open since 2024-06-03T10:00:00Z; 12 ready wait for it; root: the disk is full", and of an agent that is quarantined.
 * The caller frees. */
char *page_breaker(const json_t *breaker);
/* A line for each of the `breakers` and the `quarantined` of a document, name in a column of width. */
void page_held(const json_t *document, int width);
/* How long an attempt that takes long has taken, where, and what is usual.  The caller frees. */
char *page_straggler(const json_t *straggler);

#endif

/* What the tests of the plan compiler share: documents from text and from files, and a plan written out as text. */
#ifndef BF_TEST_PLAN_SUPPORT_H
#define BF_TEST_PLAN_SUPPORT_H

#include "common/buf.h"
#include "plan/plan.h"

/* A document and what became of it. */
struct compiled {
    struct plan_source source;
    struct bf_diags d;
    struct plan *plan;                 /* NULL: not valid */
    struct bf_buf said;                /* the diagnostics, printed */
};

/* Source named "plan.yaml", without files. */
void compiled_init(struct compiled *c, const char *text);
void compile(struct compiled *c, const struct plan_options *options);
void compiled_done(struct compiled *c);
/* With the zone that it names, from the system. */
struct compiled compile_text(const char *text);
/* folder/name with the files and the zone that it names, those that exist. */
struct compiled compile_file(const char *folder, const char *name);

/* The file's bytes with a NUL after them; NULL when it cannot be read. */
char *read_whole(const char *path, size_t *ret_len);
/* Names in a folder that end in suffix, sorted.  The caller frees. */
size_t list_folder(const char *folder, const char *suffix, char ***ret);
/* Ranges, edges, order and counts of a plan. */
void plan_write(const struct plan *p, struct bf_buf *ret);
/* The text as it is in a file, or, with BF_BLESS set, written there.  Fails the test with both texts when they differ. */
void expect_file(const char *path, const char *text);

#endif

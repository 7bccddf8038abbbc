/* The tree of a document, grown value by value as they are written.  Pure; used by yaml.c only.
 *
 * Errors go to d; after one that leaves nothing to go on with, stop is set. */
#ifndef BF_COMMON_YAML_BUILD_H
#define BF_COMMON_YAML_BUILD_H

#include "common/arena.h"
#include "common/vec.h"
#include "common/yaml.h"
#include "common/yaml_trouble.h"

#define BF_YAML_MAX_ERRORS 20u                 /* for one document */

struct bf_yaml_frame {
    struct bf_yaml_node *node;
    size_t first;                              /* of its children on the stack; in a map keys and values alternate */
    bool flow;                                 /* in brackets */
};

/* Begun with arena, d and errors_before; all else zero. */
struct bf_yaml_build {
    struct bf_arena *arena;                    /* of nodes and text */
    struct bf_diags *d;
    size_t errors_before;                      /* in d, when the work began */
    struct bf_yaml_node *root;                 /* NULL: nothing yet */
    BF_VEC_TYPE(struct bf_yaml_node *) stack;
    struct bf_yaml_frame frames[BF_YAML_MAX_DEPTH];
    size_t depth, n_nodes;
    bool stop;
};

void bf_yaml_build_scalar(struct bf_yaml_build *b, struct bf_mark mark, const void *text, size_t len, bool quoted);
void bf_yaml_build_open(struct bf_yaml_build *b, enum bf_yaml_kind kind, struct bf_mark mark, bool flow);
void bf_yaml_build_close(struct bf_yaml_build *b);           /* of what was opened last */

/* Must the next value be the key of a map, or may it be an item of a list? */
bool bf_yaml_build_key_is_next(const struct bf_yaml_build *b);
bool bf_yaml_build_in_list(const struct bf_yaml_build *b);
size_t bf_yaml_build_errors(const struct bf_yaml_build *b);
/* The brackets that are open. */
void bf_yaml_build_brackets(const struct bf_yaml_build *b, struct bf_yaml_open *ret);
void bf_yaml_build_done(struct bf_yaml_build *b);            /* the tree stays in the arena */

#endif

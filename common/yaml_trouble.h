/* What libfyaml finds wrong, in our words: what is wrong, what to do, and which bracket or quote began it.  Pure; used by yaml*.c only. */
#ifndef BF_COMMON_YAML_TROUBLE_H
#define BF_COMMON_YAML_TROUBLE_H

#include <stddef.h>

#include "common/diag.h"

/* Brackets that are open at a place. */
#define BF_YAML_OPEN_MAX 64u
struct bf_yaml_open {
    struct { struct bf_mark mark; char sign; } at[BF_YAML_OPEN_MAX];
    size_t n;
};

/* Add the error that msg stands for.  open holds the brackets that are open at offset from of d->source, whose place is from_mark;
 * those between there and mark are found here. */
void bf_yaml_trouble(struct bf_diags *d, const char *msg, struct bf_mark mark, struct bf_yaml_open *open, size_t from,
                     struct bf_mark from_mark);

#endif

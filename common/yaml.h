/* YAML 1.2 with positions, over libfyaml.  The tree is ours and immutable; libfyaml does not leak through.
 *
 * Refused with a diagnostic: anchors, aliases, merge keys, tags, directives, duplicate keys, complex keys, several documents,
 * depth over 32, documents over 16 MiB or 1,000,000 nodes, NUL and bad UTF-8, each before libfyaml sees more than it can bear.
 * Used by the plan and by every configuration file. */
#ifndef BF_COMMON_YAML_H
#define BF_COMMON_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"

#define BF_YAML_MAX_BYTES (16u << 20)
#define BF_YAML_MAX_DEPTH 32u
#define BF_YAML_MAX_NODES 1000000u

enum bf_yaml_kind { BF_YAML_SCALAR, BF_YAML_SEQ, BF_YAML_MAP };

struct bf_yaml_node {
    enum bf_yaml_kind kind;
    bool quoted;                          /* scalar written in quotes or as a block: never null, bool or number */
    struct bf_mark mark;                  /* block scalars: their first line; a missing value: its key or dash */
    char *text;                           /* scalar: NUL-terminated value, else NULL */
    size_t text_len;
    size_t n;                             /* items of a sequence, pairs of a map */
    struct bf_yaml_node **items;          /* sequence items, or map values */
    struct bf_yaml_node **keys;           /* map keys (scalars), in document order */
};

struct bf_yaml;                           /* owns the tree */

/* Parse d->source.  NULL, and at least one error in d, when it is not well formed. */
struct bf_yaml *bf_yaml_parse(struct bf_diags *d);
const struct bf_yaml_node *bf_yaml_root(const struct bf_yaml *y);
void bf_yaml_free(struct bf_yaml *y);

/* Value of key in a map; NULL when absent or node is no map. */
const struct bf_yaml_node *bf_yaml_get(const struct bf_yaml_node *map, const char *key);
/* True for a plain scalar that YAML 1.2's core schema reads as null (empty, ~, null). */
bool bf_yaml_is_null(const struct bf_yaml_node *n);

#endif

/* Where the text of a value stands in the document, character by character where that can be told.  Private to plan/. */
#ifndef BF_PLAN_PLACE_H
#define BF_PLAN_PLACE_H

#include <stddef.h>

#include "common/yaml.h"
#include "plan/template.h"

/* A document by lines. */
struct place_lines {
    const char *text;                          /* borrowed */
    size_t len;
    size_t *at, n;                             /* where each line begins; owned */
};

void place_lines_init(struct place_lines *lines, const char *text, size_t len);
void place_lines_done(struct place_lines *lines);

/* The place of a single value of that document.  One that is written with escapes, or folded, is only known as a whole. */
struct template_place place_of_value(const struct place_lines *lines, const struct bf_yaml_node *n);

#endif

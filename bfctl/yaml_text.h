/* A document as YAML, in block style: what a reader of YAML 1.1 or 1.2 takes for the same values as the JSON.  Pure. */
#ifndef BFCTL_YAML_TEXT_H
#define BFCTL_YAML_TEXT_H

#include <jansson.h>

#include "common/buf.h"

/* Append the document, ended by a line end.  Keys stand in the order in which they came.  A text that a reader could take for
 * anything else (a number, a date, true, a comment), or that a terminal would act on, stands in quotes. */
void yaml_text_put(const json_t *document, struct bf_buf *ret);

#endif

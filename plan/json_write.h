/* JSON in bytes, as jansson writes it with JSON_COMPACT and 15 digits: a spec is written for each assignment, and most of the time that
 * jansson takes goes into looking for cycles.  Whoever builds the value here makes none.  Pure. */
#ifndef BF_PLAN_JSON_WRITE_H
#define BF_PLAN_JSON_WRITE_H

#include <jansson.h>

#include "common/buf.h"

/* Append j; without a NUL. */
void plan_json_write(const json_t *j, struct bf_buf *ret);

#endif

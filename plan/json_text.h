/* Text inside a string of JSON.  Pure. */
#ifndef BF_PLAN_JSON_TEXT_H
#define BF_PLAN_JSON_TEXT_H

#include "common/buf.h"

/* Append UTF-8 text as it stands between the quotes. */
void plan_json_put(const char *text, size_t len, struct bf_buf *ret);

#endif

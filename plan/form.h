/* Figures, and forms of single values that have no bounds to name: a function that knows one, and words that show it.  Private to plan/. */
#ifndef BF_PLAN_FORM_H
#define BF_PLAN_FORM_H

#include <stdbool.h>

#include "plan/value.h"

struct plan_form {
    bool (*fits)(const char *text);
    const char *words;           /* "a size like `512Mi` or `4G`" */
};

/* Figures; false, and *ret untouched, when malformed. */
bool plan_parse_number(const char *s, int64_t *ret_milli);          /* "2", "0.125": at most three places */
bool plan_parse_percent(const char *s, int64_t *ret_millionths);    /* "0.01%": at most four places */
bool plan_parse_rate(const char *s, uint64_t *ret_bytes_per_s);     /* "400Mi/s" */

/* The form of a type; NULL for those that are checked otherwise. */
const struct plan_form *plan_form_of(enum plan_value value);

#endif

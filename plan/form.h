/* Forms of single values that have no bounds to name: a function that knows one, and words that show it.  Private to plan/. */
#ifndef BF_PLAN_FORM_H
#define BF_PLAN_FORM_H

#include <stdbool.h>

#include "plan/value.h"

struct plan_form {
    bool (*fits)(const char *text);
    const char *words;           /* "a size like `512Mi` or `4G`" */
};

/* The form of a type; NULL for those that are checked otherwise. */
const struct plan_form *plan_form_of(enum plan_value value);

#endif

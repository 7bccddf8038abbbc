/* What is refused before libfyaml sees a text.  Pure; used by yaml.c only. */
#ifndef BF_COMMON_YAML_GUARD_H
#define BF_COMMON_YAML_GUARD_H

#include <stdbool.h>

#include "common/diag.h"

/* Is d->source UTF-8 text that libfyaml can bear?  false, and one error in d, when it is not. */
bool bf_yaml_guard(struct bf_diags *d);

#endif

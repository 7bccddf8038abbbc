/* Picking by labels, in the words of kubectl: zone=a, zone==a, zone!=b, gpu (has it), !gpu (has it not), joined by commas.  Pure. */
#ifndef BFCTL_LABELS_H
#define BFCTL_LABELS_H

#include <jansson.h>
#include <stdbool.h>

#include "common/error.h"
#include "common/options.h"

/* Refuses what is no picking of labels. */
enum bf_rc labels_check(const struct bf_option_list *list, struct bf_error *err) BF_MUST_CHECK;
/* Do all of them hold for an object of labels?  list has passed labels_check(). */
bool labels_fit(const struct bf_option_list *list, const json_t *labels);

#endif

/* --reprocess: its words, and a dry run of it. */
#ifndef BFCTL_REPROCESS_H
#define BFCTL_REPROCESS_H

#include <jansson.h>

#include "common/error.h"
#include "proto/operator_msg.h"

/* "missing", "failed", "all" (NULL alike); --downstream goes with the first two alone. */
enum bf_rc reprocess_words(const char *word, bool downstream, struct op_request *create, struct bf_error *err) BF_MUST_CHECK;
/* The coordinator's answer to a dry run, as a table on standard output and a sentence on standard error. */
void reprocess_show(const json_t *document, bool queue);

#endif

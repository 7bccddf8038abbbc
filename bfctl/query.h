/* What commands of one request have in common: open, ask, and show as JSON where that was asked for. */
#ifndef BFCTL_QUERY_H
#define BFCTL_QUERY_H

#include "bfctl/session.h"
#include "bfctl/words.h"

/* Ask req and print the document with -o json; otherwise hand it to show().  allowed: outputs, as for ctl_output(), beside
 * CTL_JSON; preset is the first choice.  Gives the exit status. */
int query_run(struct ctl_call *call, struct op_request *req, enum ctl_output preset, unsigned allowed,
              void (*show)(const struct ctl_call *call, enum ctl_output output, const json_t *document));

/* Send a change, with --reason, and print the sentence that answers it; its document with -o json.  Gives the exit status. */
int query_change(struct ctl_call *call, struct op_request *req);

#endif

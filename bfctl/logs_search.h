/* Searching and following the logs of many step instances. */
#ifndef BFCTL_LOGS_SEARCH_H
#define BFCTL_LOGS_SEARCH_H

#include "bfctl/session.h"

/* Said where there is no line to show, and none was looked for in vain. */
#define LOGS_NOTHING "nothing was written that is still kept"

struct logs_search {
    struct op_request req;               /* an OP_LOG_SEARCH, but for cursor and page */
    enum ctl_output output;              /* CTL_TEXT, or CTL_JSON: one object a line */
    bool follow, prefix;
    int64_t limit, tail;                 /* lines at most, the newest so many; 0: all */
};

/* Ask page after page and print what is found; with follow, go on until the backfill has ended.  A coordinator that is away is waited
 * for while following. */
enum bf_rc logs_search_run(struct session *s, struct logs_search *search, struct bf_error *err) BF_MUST_CHECK;

#endif

/* Whose windows hold a pool and who shares it, on a page: of many the first. */
#ifndef BFCTL_POOL_SHARES_H
#define BFCTL_POOL_SHARES_H

#include <jansson.h>

#include "common/buf.h"

#define POOL_SHARES_SHOWN 10u                /* of each; what is left out is counted */

/* Append the lines of a pool's document. */
void pool_shares_put(const json_t *pool, struct bf_buf *ret);

#endif

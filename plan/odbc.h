/* Passwords that stand in a connection string, where a reference should.  Pure. */
#ifndef BF_PLAN_ODBC_H
#define BF_PLAN_ODBC_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

/* Does a value follow `PWD=` or `Password=` that is no "${…}" reference? */
bool plan_odbc_has_password(const char *odbc);
/* Append the string with "****" in the place of every such value. */
void plan_odbc_mask(const char *odbc, struct bf_buf *ret);

#endif

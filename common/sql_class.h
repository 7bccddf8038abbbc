/* What the codes of databases mean for another try: facts that the coordinator decides by, and bf-sql ends by.  Pure. */
#ifndef BF_COMMON_SQL_CLASS_H
#define BF_COMMON_SQL_CLASS_H

#include <stdbool.h>
#include <stdint.h>

enum bf_sql_class {
    BF_SQL_UNKNOWN,                              /* nobody knows whether it passes */
    BF_SQL_TRANSIENT,                            /* it passes by itself: another try may help */
    BF_SQL_PERMANENT                             /* another try would end the same */
};

/* dbms is SQL_DBMS_NAME ("" when the connection did not come about), sqlstate has five characters or fewer; the native code outranks it. */
enum bf_sql_class bf_sql_class(const char *dbms, int32_t native, const char *sqlstate);

/* May the message of such an error quote values of the data?  Those of constraints, of values that do not fit, of functions of the user's
 * own, and all that have no class of their own may. */
bool bf_sql_may_quote_data(const char *dbms, int32_t native, const char *sqlstate);

#endif

/* What the codes of databases mean for another try: facts that the coordinator decides by, and bf-sql ends by.  Pure. */
#ifndef BF_COMMON_SQL_CLASS_H
#define BF_COMMON_SQL_CLASS_H

#include <stdint.h>

enum bf_sql_class {
    BF_SQL_UNKNOWN,                              /* nobody knows whether it passes */
    BF_SQL_TRANSIENT,                            /* it passes by itself: another try may help */
    BF_SQL_PERMANENT                             /* another try would end the same */
};

/* dbms is SQL_DBMS_NAME ("" when the connection did not come about), sqlstate has five characters or fewer; the native code outranks it. */
enum bf_sql_class bf_sql_class(const char *dbms, int32_t native, const char *sqlstate);

#endif

/* How a database refused: the facts that failures are classified by, and the sentence for people. */
#ifndef BF_AGENT_SQL_FAULT_H
#define BF_AGENT_SQL_FAULT_H

#include <stdint.h>

#define SQL_DBMS_MAX 33

/* A value.  text has no secrets in it. */
struct sql_fault {
    char dbms[SQL_DBMS_MAX];                   /* "" before the connection stands */
    char sqlstate[6];
    int32_t native;
    char text[1024];                           /* one line */
};

#endif

/* Failpoints from the environment.  The agent passes the variable on only where its allow-list names it. */
#include "agent/sql/failpoint.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

bool sql_failpoint_is(const char *name)
{
    const char *chosen = getenv("BF_SQL_FAILPOINT");
    return chosen && strcmp(chosen, name) == 0;
}

void sql_failpoint(const char *name)
{
    const char *chosen = getenv("BF_SQL_FAILPOINT");
    size_t n = strlen(name);
    if (!chosen || strncmp(chosen, name, n) != 0)
        return;
    if (chosen[n] == '\0')
        raise(SIGKILL);
    else if (strcmp(chosen + n, ":stop") == 0)
        raise(SIGSTOP);
}

/* Tables, the more particular lines first.  A sentence says what to do, where, and what then; it names no object, because only the
 * message beside it knows which one it is. */
#include "coordinator/remedies.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define N(array) (sizeof(array) / sizeof *(array))

struct state_remedy { const char *state, *text; };       /* state: a prefix of the SQLSTATE */
struct code_remedy { int32_t first, last; const char *text; };

#define REACH "see that the server runs and that the agent's host reaches it (address, port, firewall), then retry"
#define PASSWORD "correct user and password where the agent resolves the reference, then retry (a secret's file is read anew; for a " \
                 "variable the agent is restarted)"
#define OLD_PLAN "because retry runs the old version of the plan"
#define NEW_PLAN "and create a new backfill, " OLD_PLAN
#define PASSES "it may pass by itself: retry.max of the plan gives further attempts, bfctl retry another run"
#define SYNTAX "correct the statement at the place that is shown, " NEW_PLAN
#define TABLE "create the table, then retry; or correct its name in the statement or in the dataset key `table:`, " NEW_PLAN
#define COLUMN "correct the name of the column, " NEW_PLAN
#define DUPLICATE "delete the partition's rows before they are written again, or find why its input holds a key twice"
#define REFERENCE "load the rows that are referred to first, or correct the key"
#define DEADLOCK PASSES "; when it goes on, give the pool fewer slots or write in one order of keys"
#define LOCKED PASSES "; when it goes on, find who holds the lock for so long, or give the pool fewer slots"
#define DISK "make room on the warehouse's disk, then retry"
#define TOO_MANY "give the pool fewer slots than the server has connections, or raise the server's limit"
#define TIMEBOX "raise the step's timebox in the plan " NEW_PLAN "; or make the work smaller: a finer grain, an index, fewer columns"

/* Of any database; class 08 and 28 mean the same everywhere, IM comes from the driver manager. */
static const struct state_remedy any_states[] = {
    {"IM002", "install the ODBC driver on the agent's host, or name an installed one in the reference: odbcinst -q -d lists them"},
    {"IM003", "the driver's library cannot be loaded: install its package and what it depends on, on the agent's host"},
    {"IM", "see the driver manager's settings on the agent's host: odbcinst -j shows which files it reads"},
    {"28", PASSWORD},
    {"08", REACH},
    {"40001", DEADLOCK},
    {"55P03", LOCKED},
    {"HYT00", TIMEBOX},
    {"HYT01", REACH},
};

static const struct state_remedy postgresql_states[] = {
    {"28P01", PASSWORD},
    {"28000", "let the role in: pg_hba.conf on the server, and LOGIN of the role; then retry"},
    {"3D000", "create the database, or correct its name in the reference of the connection on the agent's host"},
    {"3F000", "create the schema, then retry; or correct its name in the statement, or in the `fence_table` of the connection"},
    {"42P01", TABLE},
    {"42703", COLUMN},
    {"42883", "there is no such function for these types: cast the arguments, or correct the name"},
    {"42501", "grant the right as the table's owner: GRANT SELECT, INSERT, UPDATE, DELETE ON table TO role; a new "
              "table needs CREATE on its schema"},
    {"42P07", "drop the table first, or write CREATE TABLE IF NOT EXISTS"},
    {"42601", SYNTAX},
    {"42", SYNTAX},
    {"22P02", "a text is no value of the column's type: mend the input or cast it in the statement"},
    {"22001", "a value is longer than its column: widen the column, or cut the value in the statement"},
    {"22003", "a number is too large for its column: widen the column"},
    {"22012", "divide by NULLIF(x, 0), or leave those rows out"},
    {"22", "a value does not fit: mend the input, or cast it in the statement"},
    {"23505", DUPLICATE},
    {"23503", REFERENCE},
    {"23502", "a column that must not be null has no value: mend the input, or give a default in the statement"},
    {"23514", "a row breaks a CHECK of the table: mend the input"},
    {"25006", "the server or the session is read-only: connect to the primary, not to a replica"},
    {"25001", "this statement may not stand in a transaction: give the step `transaction: false`"},
    {"25", "leave BEGIN, COMMIT and ROLLBACK out of the statements: the step is one transaction already"},
    {"2D", "leave COMMIT and ROLLBACK out of the statements: the step is one transaction already"},
    {"0A000", "the server cannot do this: write it another way, or give the step `transaction: false` if it "
              "is a matter of the transaction"},
    {"40P01", DEADLOCK},
    {"40", DEADLOCK},
    {"53100", DISK},
    {"53200", "the server is out of memory: lower work_mem or the slots of the pool"},
    {"53300", TOO_MANY},
    {"55P03", LOCKED},
    {"57014", "the statement was cancelled on the server, by statement_timeout or by an administrator: see the server's log, then retry"},
    {"57P01", "the server was shut down or an administrator ended the session; " PASSES},
    {"57P02", "the server crashed; " PASSES ", and its log says why"},
    {"57P03", "the server is starting; " PASSES},
    {"58030", "the server cannot read or write its files: see its log and its disk"},
    {"58", "the server has trouble with its operating system: see its log"},
    {"XX001", "the server says that its data is damaged: stop here, and see its log before anything else is written"},
    {"XX", "an error within the server: see its log"},
};

/* Server's and client's codes of MariaDB and MySQL. */
static const struct code_remedy mysql_codes[] = {
    {1005, 1005, "the table cannot be made: SHOW ENGINE INNODB STATUS says why (a foreign key, mostly)"},
    {1021, 1021, DISK},
    {1040, 1040, TOO_MANY},
    {1044, 1044, "grant the role the database: GRANT SELECT, INSERT, UPDATE, DELETE ON database.* TO user"},
    {1045, 1045, PASSWORD},
    {1049, 1049, "create the database, or correct its name in the reference of the connection on the agent's host"},
    {1050, 1050, "drop the table first, or write CREATE TABLE IF NOT EXISTS"},
    {1053, 1053, "the server is being shut down; " PASSES},
    {1054, 1054, COLUMN},
    {1062, 1062, DUPLICATE},
    {1064, 1064, SYNTAX},
    {1114, 1114, DISK},
    {1142, 1143, "grant the right that the message names; `publish: swap` needs CREATE, DROP and ALTER on the database"},
    {1146, 1146, TABLE},
    {1158, 1161, REACH},
    {1203, 1203, TOO_MANY},
    {1205, 1205, LOCKED},
    {1206, 1206, "the transaction holds too many locks: raise innodb_buffer_pool_size, or make the work smaller"},
    {1213, 1213, DEADLOCK},
    {1226, 1226, "the user is at its limit of connections or queries: raise MAX_USER_CONNECTIONS, or give the pool fewer slots"},
    {1264, 1264, "a number is too large for its column: widen the column"},
    {1290, 1290, "the server is read-only: connect to the primary, not to a replica"},
    {1317, 1317, "the statement was killed on the server: see who did, then retry"},
    {1364, 1364, "a column without a default has no value: give it one in the statement"},
    {1366, 1366, "a text is no value of the column's type: mend the input or cast it in the statement"},
    {1406, 1406, "a value is longer than its column: widen the column, or cut the value in the statement"},
    {1451, 1452, REFERENCE},
    {1698, 1698, PASSWORD},
    {1836, 1836, "the server is read-only: connect to the primary, not to a replica"},
    {1927, 1927, "the session was killed on the server; " PASSES},
    {1969, 1969, "max_statement_time of the server or the user ended the statement: raise it for this user, or make the work smaller"},
    {3024, 3024, "max_execution_time of the server ended the statement: raise it for this user, or make the work smaller"},
    {2002, 2003, REACH},
    {2005, 2005, "the name of the server is not known: correct it in the reference of the connection, or mend the name service"},
    {2006, 2006, "the server closed the session (wait_timeout, a restart, or a packet over max_allowed_packet); " PASSES},
    {2013, 2013, "the connection broke in the middle of a statement; " PASSES ", and the server's log says why"},
};

static const struct code_remedy sqlite_codes[] = {
    {1, 1, SYNTAX},
    {5, 6, "another process writes the file; " PASSES ". When it goes on, give the pool one slot"},
    {8, 8, "the file or its folder cannot be written by the step's user: give it the right, also in the folder"},
    {10, 10, "the disk does not read or write: see the kernel's log on the agent's host"},
    {11, 11, "the file is damaged: restore it, then run it again; PRAGMA integrity_check says how far"},
    {13, 13, DISK},
    {14, 14, "the file cannot be opened: correct its path in the reference of the connection, make its folder, and let the step's user in"},
    {19, 19, "a row breaks a constraint of the table (unique, not null, check, foreign key): mend the input, or "
             "delete the partition's rows first"},
    {26, 26, "the file is no SQLite database: correct its path in the reference of the connection"},
};

static const struct code_remedy exit_codes[] = {
    {75, 75, "the program asks to be tried again (exit status 75): retry.max of the plan gives further attempts, bfctl retry another run"},
    {126, 126, "make the program executable (chmod +x), and see that its interpreter is there on the agent's host"},
    {127, 127, "install the program on the agent's host, or write its whole path; steps have the agent's PATH"},
    {137, 137, "something on the host killed it (SIGKILL): see the kernel's log for a lack of memory"},
    {143, 143, "something on the host ended it (SIGTERM): see who, then retry"},
};

static const struct code_remedy http_codes[] = {
    {0, 0, "no answer came: see that the address is right and that the agent's host reaches it; " PASSES},
    {400, 400, "the server does not take the request as it is: correct its body or headers in the plan"},
    {401, 401, "renew the token or password in the reference that the request uses, on the agent's host, then retry"},
    {403, 403, "the account may not do this: give it the right on the server"},
    {404, 404, "correct the address in the plan, or make what it asks for"},
    {405, 405, "correct the method in the plan"},
    {408, 408, "the server gave up waiting; " PASSES},
    {409, 409, "the server says that something stands in the way: see its answer"},
    {413, 413, "the body is too large for the server: send less at a time"},
    {429, 429, "too many requests: give the pool fewer slots; " PASSES},
    {500, 599, "the server failed: see its log; " PASSES},
};

static const struct code_remedy spawn_codes[] = {
    {ENOENT, ENOENT, "install the program on the agent's host, or write its whole path; steps have the agent's PATH"},
    {EPERM, EPERM, "let the agent have what the plan names, in its configuration, and restart it; or send the step to agents that have "
                   "it (agents: labels); then retry"},
    {EACCES, EACCES, "make the program executable, and let the step's user read it and its folders"},
    {ENOEXEC, ENOEXEC, "give the script a first line that names its interpreter (#!/bin/sh), or use `shell:`"},
    {E2BIG, E2BIG, "arguments and environment are too large together: pass a file instead"},
    {ENOMEM, ENOMEM, "the agent's host is short of memory: give the agent fewer slots"},
    {EAGAIN, EAGAIN, "the agent's host is at its limit of processes: raise it (pids.max, ulimit -u) or give the agent fewer slots"},
    {EMFILE, ENFILE, "the agent's host is at its limit of open files: raise it"},
};

static const char *by_code(const struct code_remedy *table, size_t n, int32_t code)
{
    for (size_t i = 0; i < n; i++)
        if (code >= table[i].first && code <= table[i].last)
            return table[i].text;
    return NULL;
}

static const char *by_state(const struct state_remedy *table, size_t n, const char *state)
{
    for (size_t i = 0; *state && i < n; i++)
        if (strncmp(state, table[i].state, strlen(table[i].state)) == 0)
            return table[i].text;
    return NULL;
}

static bool is_dbms(const struct outcome *o, const char *name)
{
    return strncasecmp(o->dbms, name, strlen(name)) == 0;
}

static const char *remedy_of_sql(const struct outcome *o)
{
    const char *text = NULL;
    if (is_dbms(o, "PostgreSQL"))
        text = by_state(postgresql_states, N(postgresql_states), o->sqlstate);
    else if (is_dbms(o, "MariaDB") || is_dbms(o, "MySQL"))
        text = by_code(mysql_codes, N(mysql_codes), o->code);
    else if (is_dbms(o, "SQLite"))
        text = by_code(sqlite_codes, N(sqlite_codes), o->code & 0xff);       /* the lower byte is the kind */
    return text ? text : by_state(any_states, N(any_states), o->sqlstate);
}

/* What a status means only the program knows: what it said is where to look. */
static const char *remedy_of_exit(int32_t status)
{
    const char *text = by_code(exit_codes, N(exit_codes), status);
    return text ? text : "see what the program said (bfctl logs), mend it, then bfctl retry; where such an end passes by itself, say so in "
                         "the plan: `failure` maps its status to transient";
}

bool remedy_asks_for_plan(const char *remedy)
{
    return strstr(remedy, OLD_PLAN) != NULL;
}

const char *remedy_of(const struct outcome *o, bool budget_spent)
{
    if (budget_spent)
        return "too much failed and was tried again: mend what fails so often, then run bfctl retry; a larger retry.budget takes a new "
               "backfill, " OLD_PLAN;
    switch (o->source) {
    case OUTCOME_SQL: return remedy_of_sql(o);
    case OUTCOME_EXIT: return remedy_of_exit(o->code);
    case OUTCOME_HTTP: return by_code(http_codes, N(http_codes), o->code);
    case OUTCOME_SPAWN: return by_code(spawn_codes, N(spawn_codes), o->code);
    case OUTCOME_OOM:
        return o->code == OOM_HOST
                   ? "give the steps that run beside it limits (resources: memory), or the agent fewer slots; it is tried again"
                   : "give the step more (resources: memory) in the plan " NEW_PLAN ", or make its work smaller; bfctl usage shows what "
                     "its other partitions took";
    case OUTCOME_TIMEOUT: return TIMEBOX;
    case OUTCOME_NOT_YET:
        return "see to whoever writes it, and run bfctl retry when it is there; a longer timeout of the sensor takes a new backfill, " OLD_PLAN;
    case OUTCOME_CHECK:
        return o->code == CHECK_HALT ? "mend the data (bfctl checks ID -o json shows what is wrong), run bfctl retry, then bfctl resume; "
                                       "if it is the check that is wrong, cancel, correct the plan " NEW_PLAN
                                     : "mend the data (bfctl checks ID -o json shows what is wrong), then run bfctl retry; if it is the "
                                       "check that is wrong, correct the plan " NEW_PLAN;
    case OUTCOME_SIGNAL:
        return o->code == SIGKILL ? "something on the host killed it: see the kernel's log for a lack of memory"
               : o->code == SIGSEGV || o->code == SIGABRT || o->code == SIGBUS ? "the program crashed: bfctl logs shows its last words"
                                                                               : NULL;
    case OUTCOME_LOST: return "see why agents are lost (bfctl agents, the agent's log); their work goes to others by itself";
    case OUTCOME_OK:
    case OUTCOME_SKIP:
    case OUTCOME_REVOKED:
    case OUTCOME_CANCELLED:
    case OUTCOME_FENCED: return NULL;
    }
    return NULL;
}

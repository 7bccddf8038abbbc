/* See sql_class.h. */
#include "common/sql_class.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

struct sqlstate_rule { const char *prefix; enum bf_sql_class class; };
struct native_rule { int32_t first, last; enum bf_sql_class class; };

struct dbms_rule {
    const char *name;                            /* beginning of SQL_DBMS_NAME, in any case */
    int32_t native_mask;                         /* which bits of the native code tell the kind */
    const struct native_rule *natives; size_t n_natives;
    const struct sqlstate_rule *states; size_t n_states;
};

#define N(array) (sizeof(array) / sizeof *(array))

/* The first that fits counts, so the longer prefixes come first.
 *
 * 57014: bf-sql's own cancels arrive as a timeout or as cancelled, so this one came from the server's statement_timeout or from a
 * person.  Neither is known to pass or to stay: it is tried again within the step's attempts.
 * 53 is transient, a full disk (53100) and too many connections too: somebody else's work ends, or a person makes room. */
static const struct sqlstate_rule postgresql_states[] = {
    {"57P01", BF_SQL_TRANSIENT}, {"57P02", BF_SQL_TRANSIENT}, {"57P03", BF_SQL_TRANSIENT}, {"57P05", BF_SQL_TRANSIENT},
    {"55P03", BF_SQL_TRANSIENT}, {"57014", BF_SQL_UNKNOWN},
    {"08P01", BF_SQL_PERMANENT},                /* the two ends do not understand one another */
    {"08", BF_SQL_TRANSIENT}, {"40", BF_SQL_TRANSIENT}, {"53", BF_SQL_TRANSIENT},
    {"25006", BF_SQL_TRANSIENT},                /* read-only: a standby that is being promoted */
    {"25P03", BF_SQL_TRANSIENT},                /* the session was idle for too long */
    {"0A", BF_SQL_PERMANENT}, {"22", BF_SQL_PERMANENT}, {"23", BF_SQL_PERMANENT}, {"25", BF_SQL_PERMANENT},
    {"28", BF_SQL_PERMANENT}, {"2D", BF_SQL_PERMANENT}, {"3D", BF_SQL_PERMANENT}, {"3F", BF_SQL_PERMANENT},
    {"42", BF_SQL_PERMANENT}, {"44", BF_SQL_PERMANENT}, {"54", BF_SQL_PERMANENT}, {"P0001", BF_SQL_PERMANENT},
    {"IM", BF_SQL_PERMANENT},
    {"58", BF_SQL_UNKNOWN}, {"XX", BF_SQL_UNKNOWN},
};
/* Of others.  IM comes from the driver manager: a driver or a name that is not there.  55P03 is bf-sql's own, on whatever database: a
 * session or a publication of another attempt that did not end in time. */
static const struct sqlstate_rule general_states[] = {
    {"08", BF_SQL_TRANSIENT}, {"40", BF_SQL_TRANSIENT}, {"HYT", BF_SQL_TRANSIENT}, {"55P03", BF_SQL_TRANSIENT},
    {"0A", BF_SQL_PERMANENT}, {"22", BF_SQL_PERMANENT}, {"23", BF_SQL_PERMANENT}, {"28", BF_SQL_PERMANENT},
    {"42", BF_SQL_PERMANENT}, {"IM", BF_SQL_PERMANENT},
    {"HY000", BF_SQL_UNKNOWN},
};
/* Server's codes from 1000 on, the client library's from 2000 on.  Its driver gives HY000 for most, and 08 or 42 for what means
 * something else, so the codes come first.  1290 and 1836 are read-only: a replica that is being promoted.  1317 and 1927 were
 * killed by somebody; of statements whose time was up (1969, 3024) and of those it is not known whether they pass. */
static const struct native_rule mysql_natives[] = {
    {1020, 1021, BF_SQL_TRANSIENT},             /* changed meanwhile; disk full */
    {1040, 1040, BF_SQL_TRANSIENT}, {1053, 1053, BF_SQL_TRANSIENT}, {1077, 1077, BF_SQL_TRANSIENT}, {1079, 1080, BF_SQL_TRANSIENT},
    {1114, 1114, BF_SQL_TRANSIENT},             /* the table, mostly its disk, is full */
    {1158, 1161, BF_SQL_TRANSIENT}, {1203, 1203, BF_SQL_TRANSIENT}, {1205, 1205, BF_SQL_TRANSIENT}, {1213, 1213, BF_SQL_TRANSIENT},
    {1226, 1226, BF_SQL_TRANSIENT}, {1290, 1290, BF_SQL_TRANSIENT}, {1836, 1836, BF_SQL_TRANSIENT}, {1927, 1927, BF_SQL_TRANSIENT},
    {2002, 2003, BF_SQL_TRANSIENT},
    {2005, 2005, BF_SQL_TRANSIENT},              /* the server's name is not known, which name services say when they fail, too */
    {2006, 2006, BF_SQL_TRANSIENT}, {2013, 2013, BF_SQL_TRANSIENT}, {2055, 2055, BF_SQL_TRANSIENT},
    {1317, 1317, BF_SQL_UNKNOWN}, {1969, 1969, BF_SQL_UNKNOWN}, {3024, 3024, BF_SQL_UNKNOWN},
    {1044, 1050, BF_SQL_PERMANENT},             /* rights, password, database, column null, unknown or there already */
    {1051, 1052, BF_SQL_PERMANENT}, {1054, 1072, BF_SQL_PERMANENT}, {1091, 1091, BF_SQL_PERMANENT}, {1136, 1136, BF_SQL_PERMANENT},
    {1142, 1143, BF_SQL_PERMANENT}, {1146, 1149, BF_SQL_PERMANENT}, {1216, 1217, BF_SQL_PERMANENT}, {1227, 1227, BF_SQL_PERMANENT},
    {1264, 1265, BF_SQL_PERMANENT}, {1292, 1292, BF_SQL_PERMANENT}, {1305, 1305, BF_SQL_PERMANENT}, {1364, 1367, BF_SQL_PERMANENT},
    {1370, 1370, BF_SQL_PERMANENT}, {1406, 1406, BF_SQL_PERMANENT}, {1451, 1452, BF_SQL_PERMANENT}, {1644, 1644, BF_SQL_PERMANENT},
    {1690, 1690, BF_SQL_PERMANENT}, {1698, 1698, BF_SQL_PERMANENT}, {4025, 4025, BF_SQL_PERMANENT},
};
/* The lower byte is the kind: the driver may give extended codes (261 is busy, too).  Busy and locked pass; a full disk (13) and an
 * input or output error (10) may; what is wrong with the statement, the file or the rights stays.  HY000 for all of it. */
static const struct native_rule sqlite_natives[] = {
    {5, 6, BF_SQL_TRANSIENT}, {13, 13, BF_SQL_TRANSIENT}, {10, 10, BF_SQL_UNKNOWN}, {15, 15, BF_SQL_TRANSIENT},
    {1, 1, BF_SQL_PERMANENT}, {3, 3, BF_SQL_PERMANENT}, {8, 8, BF_SQL_PERMANENT}, {11, 11, BF_SQL_PERMANENT}, {14, 14, BF_SQL_PERMANENT},
    {18, 20, BF_SQL_PERMANENT}, {23, 23, BF_SQL_PERMANENT}, {25, 26, BF_SQL_PERMANENT},
};

static const struct dbms_rule dbms_rules[] = {
    {"PostgreSQL", -1, NULL, 0, postgresql_states, N(postgresql_states)},
    {"MariaDB", -1, mysql_natives, N(mysql_natives), general_states, N(general_states)},
    {"MySQL", -1, mysql_natives, N(mysql_natives), general_states, N(general_states)},
    {"SQLite", 0xff, sqlite_natives, N(sqlite_natives), general_states, N(general_states)},
    {"", -1, NULL, 0, general_states, N(general_states)},
};

enum bf_sql_class bf_sql_class(const char *dbms, int32_t native, const char *sqlstate)
{
    const struct dbms_rule *d = dbms_rules;
    while (strncasecmp(dbms, d->name, strlen(d->name)) != 0)
        d++;                                     /* the last one fits all */
    for (size_t i = 0; i < d->n_natives; i++)
        if ((native & d->native_mask) >= d->natives[i].first && (native & d->native_mask) <= d->natives[i].last)
            return d->natives[i].class;
    for (size_t i = 0; i < d->n_states; i++)
        if (strncmp(sqlstate, d->states[i].prefix, strlen(d->states[i].prefix)) == 0)
            return d->states[i].class;
    return BF_SQL_UNKNOWN;
}

bool bf_sql_may_quote_data(const char *dbms, int32_t native, const char *sqlstate)
{
    /* Connections, transactions, access, the words of a statement, resources, locks, operators, the system, the driver manager. */
    static const char *const silent[] = {"08", "40", "42", "53", "55", "57", "58", "25", "28", "2D", "0A", "3D", "3F", "IM", "HYT"};
    if (strncasecmp(dbms, "SQLite", strlen("SQLite")) == 0)
        return false;                          /* it names tables and columns, never values */
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        if (strncmp(sqlstate, silent[i], strlen(silent[i])) == 0)
            return false;
    return bf_sql_class(dbms, native, sqlstate) != BF_SQL_TRANSIENT;
}

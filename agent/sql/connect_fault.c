/* Before a connection stands, drivers say everything in words: psqlODBC gives 08001 for a wrong password and for a host that is down.
 * Another try helps only in one of them, so the words are read, in the language that servers speak unless they are told otherwise;
 * what is not understood stays what the driver called it. */
#include "agent/sql/connect_fault.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static bool says(const char *text, const char *words)
{
    return strcasestr(text, words) != NULL;
}

const char *connect_fault_dbms(const char *message, const char *odbc)
{
    if (says(message, "[SQLite]"))
        return "SQLite";
    if (says(message, "[ma-"))
        return "MariaDB";
    if (connect_fault_no_driver(message))
        return "";
    static const struct { const char *word, *dbms; } drivers[] = {
        {"driver={postgres", "PostgreSQL"}, {"driver=postgres", "PostgreSQL"}, {"psqlodbc", "PostgreSQL"}, {"driver=maria", "MariaDB"},
        {"driver={maria", "MariaDB"}, {"libmaodbc", "MariaDB"}, {"driver=sqlite", "SQLite"}, {"driver={sqlite", "SQLite"},
    };
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
        if (says(odbc, drivers[i].word))
            return drivers[i].dbms;
    return says(message, "connection to server at") ? "PostgreSQL" : "";
}

bool connect_fault_no_driver(const char *message)
{
    return says(message, "[Driver Manager]");
}

static const struct { const char *words, *sqlstate; } postgresql[] = {
    {"starting up", "57P03"}, {"shutting down", "57P03"}, {"recovery mode", "57P03"}, {"not yet accepting", "57P03"},
    {"too many", "53300"}, {"remaining connection slots", "53300"},
    {"password authentication failed", "28P01"}, {"no password supplied", "28P01"}, {"authentication failed", "28000"},
    {"no pg_hba.conf entry", "28000"}, {"pg_hba.conf rejects", "28000"}, {"not permitted to log in", "28000"},
    {"permission denied for database", "42501"}, {"does not exist", "3D000"}, {"does not support SSL", "28000"},
};

void connect_fault_refine(struct sql_fault *f)
{
    if (strcmp(f->dbms, "MariaDB") == 0 && f->native >= 2002 && f->native <= 2013)
        memcpy(f->sqlstate, "08S01", sizeof "08S01");
    if (strcmp(f->dbms, "PostgreSQL") != 0 || strcmp(f->sqlstate, "08001") != 0)
        return;
    /* "does not exist" of a socket's file is not the server's word. */
    bool server = says(f->text, "FATAL:") || says(f->text, "no password supplied") || says(f->text, "does not support SSL");
    for (size_t i = 0; server && i < sizeof postgresql / sizeof *postgresql; i++) {
        if (says(f->text, postgresql[i].words)) {
            memcpy(f->sqlstate, postgresql[i].sqlstate, sizeof f->sqlstate);
            return;
        }
    }
}

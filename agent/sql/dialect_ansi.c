/* Any other database, when the connection says `dialect: ansi`: standard literals and standard statements only.
 *
 * What it does not know it refuses rather than guesses.  It cannot find or end sessions of earlier attempts, set a limit on waits for
 * locks, or ask whether a statement ended the transaction; a result is read by the driver in whatever way it does. */
#include <string.h>

#include "agent/sql/connection.h"
#include "agent/sql/literal.h"

/* Databases differ in what a backslash means, and this one was not asked. */
static enum bf_rc string(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    if (memchr(v, '\\', len))
        return bf_fail(err, BF_UNSUPPORTED, "a string value with a backslash is not supported yet with dialect: ansi, because databases "
                       "differ in what it means");
    return literal_string(v, len, ret, err);
}

static enum bf_rc settle(struct sql_connection *c, const struct sql_session_spec *spec, struct sql_fault *fault)
{
    (void)c, (void)spec, (void)fault;
    return BF_OK;
}

const struct sql_dialect sql_dialect_ansi = {
    .dbms = "ansi",
    .lexis = &sql_lexis_ansi,
    .literal = {
        [VALUE_STRING] = string, [VALUE_INTEGER] = literal_integer, [VALUE_DATE] = literal_date, [VALUE_TIMESTAMP] = literal_timestamp,
        [VALUE_IDENT] = literal_ident, [VALUE_TABLE] = literal_table, [VALUE_BOOLEAN] = literal_boolean, [VALUE_NUMBER] = literal_number,
    },
    .name_max = 128,                           /* as the standard has it */
    .settle = settle,
    .begin = "start transaction",
    .create_remedy = "let the role create tables in the schema of the fence",
    .create_fence =
        "create table %s ("
        "cluster varchar(64) not null, backfill bigint not null, step varchar(128) not null, %s varchar(64) not null, "
        "run bigint not null, token bigint not null, attempt bigint not null, backend varchar(255) not null, "
        "state varchar(8) not null, content_hash varchar(64) not null, writes varchar(8) not null, claimed_at varchar(40) not null, "
        "done_at varchar(40), primary key (cluster, \"partition\", step, backfill, run))",
};

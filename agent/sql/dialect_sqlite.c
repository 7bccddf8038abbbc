/* SQLite, through sqliteodbc.  No server and so no sessions: a process that ended has let go of the file.
 *
 * Its driver reads a result as a whole unless it is told to step; connection.c tells it so for queries. */
#include "agent/sql/connection.h"
#include "agent/sql/literal.h"

/* The driver takes the wait for locks and the durability from the connection string. */
static enum bf_rc settle(struct sql_connection *c, const struct sql_session_spec *spec, struct sql_fault *fault)
{
    (void)c, (void)spec, (void)fault;
    return BF_OK;
}

static enum bf_rc discard(struct sql_connection *c, const char *text, bool in_transaction, bool *ret_is_query, struct sql_fault *fault)
{
    (void)in_transaction;
    return sql_step_query(c, text, ret_is_query, fault);
}

/* Those that only read, or that end with the transaction.  Others change how transactions, locks or the file work. */
static const char *const pragmas[] = {
    "application_id", "collation_list", "compile_options", "database_list", "defer_foreign_keys", "encoding", "foreign_key_check",
    "foreign_key_list", "function_list", "index_info", "index_list", "index_xinfo", "integrity_check", "optimize", "page_count",
    "quick_check", "table_info", "table_list", "table_xinfo", "user_version", NULL
};

static const struct sql_question questions[] = {
    {"server", "select 'ok', 'SQLite ' || sqlite_version(), ''"},
    {"terminate", "select 'ok', 'a process that has ended holds nothing', ''"},
    {"settings", "select 'ok', 'one writer at a time: give the pool of this connection one slot', ''"},
    {0},
};

const struct sql_dialect sql_dialect_sqlite = {
    .dbms = "SQLite",
    .lexis = &sql_lexis_sqlite,
    /* It has no type for dates; comparisons are of ISO 8601 text, so exactly this form is given. */
    .literal = {
        [VALUE_STRING] = literal_string, [VALUE_INTEGER] = literal_integer, [VALUE_DATE] = literal_date_text,
        [VALUE_TIMESTAMP] = literal_timestamp_text, [VALUE_IDENT] = literal_ident, [VALUE_TABLE] = literal_table,
        [VALUE_BOOLEAN] = literal_boolean, [VALUE_NUMBER] = literal_number,
    },
    .name_max = SQL_IDENT_MAX_BYTES,
    .settle = settle,
    .begin = "begin immediate",
    .all_transactional = true,
    .rows = "select total_changes()",
    .discard = discard,
    .create_fence =
        "create table if not exists %s ("
        "cluster text not null, backfill integer not null, step text not null, %s text not null, run integer not null, "
        "token integer not null, attempt integer not null, backend text not null, "
        "state text not null check (state in ('claimed', 'done')), content_hash text not null, writes text not null, "
        "claimed_at text not null, done_at text, "
        "primary key (cluster, \"partition\", step, backfill, run)) without rowid",
    .fence_schema = "select 'main'",
    .create_remedy = "let the user of the steps write the file and its folder",
    .questions = questions,
    /* Else views and triggers would follow the table that is put aside. */
    .before_swap = "pragma legacy_alter_table = on",
    .table_exists = "select 1 from sqlite_master where type = 'table' and %s in ('', 'main') and name = %s",
    .pragmas = pragmas,
};

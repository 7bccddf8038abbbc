/* PostgreSQL, through psqlODBC.
 *
 * A session is found by its application_name.  The driver reads a result as a whole before it gives the first row, so queries run as
 * cursors on the server, which are moved to their end: every row is computed, none travels. */
#include <string.h>

#include "agent/sql/connection.h"
#include "agent/sql/literal.h"
#include "common/mem.h"

static enum bf_rc timestamp(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    struct literal_instant t;
    enum bf_rc rc = literal_read_instant(v, len, &t, err);
    if (rc == BF_OK)
        bf_buf_printf(ret, "TIMESTAMP %s'%s'", t.has_offset ? "WITH TIME ZONE " : "", t.text);
    return rc;
}

/* One query sets them all, and those that this server does not know are left out.
 *
 * standard_conforming_strings: literals are written for it.  tcp_…: a host that vanished holds its locks for a minute, not for two
 * hours. */
static enum bf_rc settle(struct sql_connection *c, const struct sql_session_spec *spec, struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_printf(&b, "select count(set_config(s.name, v.value, false)) from pg_settings s join (values "
                  "('standard_conforming_strings', 'on'), ('backslash_quote', 'off'), ('lock_timeout', '%lld'), "
                  "('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3'), ('application_name', ",
                  (long long)spec->lock_wait_ms);
    if (literal_string(spec->name, strlen(spec->name), &b, NULL) != BF_OK)
        return sql_fail_plain(c, "42000", "the name of the session is not valid UTF-8", fault);
    bf_buf_put_str(&b, ")) v (name, value) on s.name = v.name");
    char cells[1][SQL_CELL_MAX];
    bool found = false;
    enum bf_rc rc = sql_query_row(c, bf_buf_cstr(&b), cells, 1, &found, fault);
    /* Systems without the means to tell that a client is gone refuse it, and older servers do not know it; work goes on without. */
    struct sql_fault ignored;
    if (rc == BF_OK)
        (void)!sql_query_row(c, "select set_config('client_connection_check_interval', '1s', false) from pg_settings "
                             "where name = 'client_connection_check_interval'", cells, 1, &found, &ignored);
    return rc;
}

static enum bf_rc scan(struct sql_connection *c, const char *text, bool *ret_is_query, struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_printf(&b, "declare bf_rows no scroll cursor for %s", text);
    enum bf_rc rc = sql_execute(c, "savepoint bf_rows", NULL, fault);
    if (rc != BF_OK)
        return rc;
    /* What is no plain query (SELECT … INTO, WITH … INSERT) is refused here, before it does anything. */
    *ret_is_query = sql_execute(c, bf_buf_cstr(&b), NULL, fault) == BF_OK;
    if (!*ret_is_query)
        rc = sql_execute(c, "rollback to savepoint bf_rows", NULL, fault);
    if (rc == BF_OK && *ret_is_query)
        rc = sql_execute(c, "move forward all in bf_rows", NULL, fault);
    if (rc == BF_OK && *ret_is_query)
        rc = sql_execute(c, "close bf_rows", NULL, fault);
    return rc == BF_OK ? sql_execute(c, "release savepoint bf_rows", NULL, fault) : rc;
}

static enum bf_rc discard(struct sql_connection *c, const char *text, bool in_transaction, bool *ret_is_query, struct sql_fault *fault)
{
    if (in_transaction)
        return scan(c, text, ret_is_query, fault);
    struct sql_fault ignored;
    enum bf_rc rc = sql_execute(c, "begin", NULL, fault);
    if (rc == BF_OK)
        rc = scan(c, text, ret_is_query, fault);
    if (rc == BF_OK)
        return sql_execute(c, "commit", NULL, fault);
    (void)!sql_execute(c, "rollback", NULL, &ignored);
    return rc;
}

#define MAY_END_ALL \
    "(pg_has_role(current_user, 'pg_signal_backend', 'member') or exists (select from pg_roles where rolname = current_user and rolsuper))"
#define TELLS_CLIENTS "exists (select from pg_settings where name = 'client_connection_check_interval')"

static const struct sql_question questions[] = {
    {"server", "select case when pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on' then 'failed' else 'ok' "
     "end, 'PostgreSQL ' || current_setting('server_version') || ', database ' || current_database() || ', role ' || current_user || "
     "case when pg_is_in_recovery() then '; it is a standby, which takes no writes' "
     "when current_setting('default_transaction_read_only') = 'on' then '; transactions are read only' else '' end, "
     "case when pg_is_in_recovery() then 'connect to the primary' when current_setting('default_transaction_read_only') = 'on' then "
     "'alter role ' || quote_ident(current_user) || ' set default_transaction_read_only = off' else '' end"},
    {"terminate", "select 'ok', case when " MAY_END_ALL " then 'the role may end sessions of earlier attempts, of all roles' else "
     "'the role may end sessions of earlier attempts that ran under itself; for those of other roles it would wait' end, "
     "case when " MAY_END_ALL " then '' else 'only if several roles run steps: grant pg_signal_backend to ' "
                              "|| quote_ident(current_user) end"},
    {"settings", "select case when " TELLS_CLIENTS " then 'ok' else 'warning' end, case when " TELLS_CLIENTS " then "
     "'client_connection_check_interval is set to 1 s for each attempt' else "
     "'this server cannot tell that a client is gone, so that a killed attempt works on until its successor ends it' end, "
     "case when " TELLS_CLIENTS " then '' else 'PostgreSQL 14 or later' end"},
    {"settings", "select case when n.used * 10 > n.most * 9 then 'warning' else 'ok' end, n.used || ' of ' || n.most || ' connections are "
     "in use; a pool with s slots needs s, and one more for each attempt that is stopped', case when n.used * 10 > n.most * 9 then "
     "'raise max_connections, or lower the slots of the pool' else '' end from (select count(*) as used, "
     "current_setting('max_connections')::int as most from pg_stat_activity where backend_type = 'client backend') n"},
    {0},
};

const struct sql_dialect sql_dialect_postgresql = {
    .dbms = "PostgreSQL",
    .lexis = &sql_lexis_postgresql,
    .literal = {
        [VALUE_STRING] = literal_string, [VALUE_INTEGER] = literal_integer, [VALUE_DATE] = literal_date, [VALUE_TIMESTAMP] = timestamp,
        [VALUE_IDENT] = literal_ident, [VALUE_TABLE] = literal_table, [VALUE_BOOLEAN] = literal_boolean, [VALUE_NUMBER] = literal_number,
    },
    .name_max = 63,
    .settle = settle,
    .own_id = "select pg_backend_pid()",
    .find_sessions = "select pid, usename from pg_stat_activity where application_name = %s and pid <> pg_backend_pid() order by pid",
    .end_session = "select pg_terminate_backend(%s)",
    .end_remedy = "grant pg_signal_backend to ",
    .begin = "begin",
    .all_transactional = true,
    .transaction_id = "select txid_current()",
    .discard = discard,
    .create_fence =
        "create table if not exists %s ("
        "cluster text not null, backfill bigint not null, step text not null, %s text not null, run bigint not null, "
        "token bigint not null, attempt bigint not null, backend text not null, "
        "state text not null check (state in ('claimed', 'done')), content_hash text not null, writes text not null, "
        "claimed_at text not null, done_at text, "
        "primary key (cluster, \"partition\", step, backfill, run))",
    .fence_schema = "select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass(%s) and "
                    "c.relpersistence <> 't'",
    .create_remedy = "grant usage, create on the schema of the fence to the role",
    .questions = questions,
    .table_exists = "select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = "
                    "coalesce(nullif(%s, ''), current_schema()) and c.relname = %s",
};

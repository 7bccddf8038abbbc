/* MariaDB, through its own driver.
 *
 * A session holds a lock by its name (GET_LOCK), by which others find it.  The driver reads a result as a whole before it gives the first
 * row, so queries run as cursors of an anonymous block, which the server fills and throws away: every row is computed, none travels. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/sql/connection.h"
#include "agent/sql/literal.h"
#include "common/mem.h"
#include "common/text.h"

/* The session's sql_mode lets backslashes escape, see settle(). */
static enum bf_rc string(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    enum bf_rc rc = literal_check_string(v, len, err);
    if (rc != BF_OK)
        return rc;
    bf_buf_put_str(ret, "'");
    for (size_t i = 0; i < len; i++) {
        if (v[i] == '\'' || v[i] == '\\')
            bf_buf_put_u8(ret, (uint8_t)v[i]);
        bf_buf_put_u8(ret, (uint8_t)v[i]);
    }
    bf_buf_put_str(ret, "'");
    return BF_OK;
}

/* Its literals know no offset.  The session's time zone is UTC, so an instant is written in UTC. */
static enum bf_rc timestamp(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    struct literal_instant t;
    enum bf_rc rc = literal_read_instant(v, len, &t, err);
    if (rc != BF_OK)
        return rc;
    struct tm utc;
    time_t seconds = (time_t)t.utc_s;
    char text[32] = "";
    if (!gmtime_r(&seconds, &utc) || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc) == 0 || text[4] != '-')
        return bf_fail(err, BF_INVALID, "a timestamp value is outside of the years 1 to 9999 in UTC");
    bf_buf_printf(ret, "TIMESTAMP '%s'", text);
    return BF_OK;
}

static enum bf_rc ident(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    if (len == 0 || len > SQL_IDENT_MAX_BYTES || !bf_utf8_valid(v, len) || v[len - 1] == ' ')
        return bf_fail(err, BF_INVALID, "a name for an identifier has 1 to %u bytes of UTF-8 without NUL, and no blank at its end",
                       SQL_IDENT_MAX_BYTES);
    literal_put_quoted(ret, '`', v, len);
    return BF_OK;
}

static enum bf_rc table(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    return literal_dotted(ident, v, len, ret, err);
}

/* Modes by which quotes and backslashes mean something else, and those that bring such modes along. */
#define OTHER_MODES "ANSI|ANSI_QUOTES|NO_BACKSLASH_ESCAPES|ORACLE|POSTGRESQL|MSSQL|DB2|MAXDB|MYSQL323|MYSQL40"

/* Literals are written for UTF-8 and for quotes and backslashes as they are by default: in any other session a value could end early. */
static enum bf_rc check_settled(struct sql_connection *c, struct sql_fault *fault)
{
    char cells[3][SQL_CELL_MAX] = {"", "", ""}, text[900];
    bool found = false;
    enum bf_rc rc = sql_query_row(c, "select @@character_set_client, @@character_set_connection, "
                                  "if(@@sql_mode regexp '(^|,)(" OTHER_MODES ")(,|$)', @@sql_mode, '')", cells, 3, &found, fault);
    if (rc != BF_OK || (found && strcmp(cells[0], "utf8mb4") == 0 && strcmp(cells[1], "utf8mb4") == 0 && !*cells[2]))
        return rc;
    snprintf(text, sizeof text, "the session cannot be used safely, as the server kept character_set_client %.60s, "
             "character_set_connection %.60s%s%.250s; they must be "
             "utf8mb4, and sql_mode without " OTHER_MODES ": look at init_connect of the server and at the connection string",
             cells[0], cells[1], *cells[2] ? " and sql_mode " : "", cells[2]);
    return sql_fail_plain(c, "42000", text, fault);
}

/* The server's init_connect and the connection string may have set anything.  The splitter and the server must read a script alike, so the
 * character set and the modes by which they would not are put right; the collation and how strictly data are taken are left as they are.
 * completion_type could chain a transaction to ours.  (The driver lets no SET NAMES through.) */
static enum bf_rc settle(struct sql_connection *c, const struct sql_session_spec *spec, struct sql_fault *fault)
{
    int64_t seconds = (spec->lock_wait_ms + 999) / 1000;
    char text[512];
    snprintf(text, sizeof text, "set session innodb_lock_wait_timeout = %lld, lock_wait_timeout = %lld, completion_type = 'NO_CHAIN', "
             "time_zone = '+00:00', sql_mode = regexp_replace(@@sql_mode, '(?<![^,])(" OTHER_MODES ")(,|$)', '')",
             (long long)seconds, (long long)seconds);
    enum bf_rc rc = sql_execute(c, "set session character_set_client = utf8mb4, character_set_results = utf8mb4, collation_connection = "
                                "if(@@character_set_connection = 'utf8mb4', @@collation_connection, 'utf8mb4_general_ci')", NULL, fault);
    if (rc == BF_OK)
        rc = sql_execute(c, text, NULL, fault);
    return rc == BF_OK ? check_settled(c, fault) : rc;
}

/* Errors of the parser: the block was not begun. */
static bool no_cursor(const struct sql_fault *f)
{
    return f->native == 1064 || f->native == 1295 || f->native == 1323 || f->native == 1313;
}

static enum bf_rc discard(struct sql_connection *c, const char *text, bool in_transaction, bool *ret_is_query, struct sql_fault *fault)
{
    (void)in_transaction;
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_printf(&b, "begin not atomic declare bf_rows cursor for %s; open bf_rows; close bf_rows; end", text);
    enum bf_rc rc = sql_execute(c, bf_buf_cstr(&b), NULL, fault);
    *ret_is_query = rc == BF_OK || !no_cursor(fault);
    return *ret_is_query ? rc : BF_OK;
}

#define MAY_END_ALL \
    "exists (select 1 from information_schema.user_privileges where replace(grantee, char(39), '') = current_user() and " \
    "privilege_type in ('SUPER', 'CONNECTION ADMIN'))"

static const struct sql_question questions[] = {
    {"server", "select if(@@read_only or database() is null, 'failed', 'ok'), concat('MariaDB ', version(), ', database ', "
     "ifnull(database(), '(none)'), ', user ', current_user(), if(@@read_only, '; the server is read only', '')), "
     "if(@@read_only, 'connect to the primary', if(database() is null, 'name a database in the connection string (Database=…)', ''))"},
    {"terminate", "select 'ok', if(" MAY_END_ALL ", 'the user may end sessions of earlier attempts, of all users', "
     "'the user may end sessions of earlier attempts that ran under itself; for those of other users it would wait'), "
     "if(" MAY_END_ALL ", '', concat('only if several users run steps: grant connection admin on *.* to ', current_user()))"},
    {"settings", "select if(@@default_storage_engine = 'InnoDB', 'ok', 'warning'), concat('new tables are made with the engine ', "
     "@@default_storage_engine), if(@@default_storage_engine = 'InnoDB', '', 'set global default_storage_engine = InnoDB')"},
    {"settings", "select if(variable_value * 10 > @@max_connections * 9, 'warning', 'ok'), concat(variable_value, ' of ', "
     "@@max_connections, ' connections are in use; a pool with s slots needs s, and one more for each attempt that is stopped'), "
     "if(variable_value * 10 > @@max_connections * 9, 'raise max_connections, or lower the slots of the pool', '') "
     "from information_schema.global_status where variable_name = 'THREADS_CONNECTED'"},
    {0},
};

/* RENAME TABLE takes foreign keys of other tables and triggers along with the old table, and renames views as well.  A key of the table
 * to itself goes with it, as it should. */
static const char *const swap_obstacles[] = {
    "select concat('it is a ', table_type), 'name the table itself as the output' from information_schema.tables "
    "where table_schema = coalesce(nullif(%s, ''), database()) and table_name = %s and table_type <> 'BASE TABLE'",
    "select concat('foreign key ', constraint_name, ' of ', constraint_schema, '.', table_name, ' refers to it'), "
    "'drop the key, or use transaction: true with delete and insert' from information_schema.referential_constraints "
    "where unique_constraint_schema = coalesce(nullif(%s, ''), database()) and referenced_table_name = %s "
    "and not (constraint_schema = unique_constraint_schema and table_name = referenced_table_name)",
    "select concat('trigger ', trigger_name, ' belongs to it'), 'drop the trigger, or use transaction: true with delete and insert' "
    "from information_schema.triggers where event_object_schema = coalesce(nullif(%s, ''), database()) and event_object_table = %s",
    NULL,
};

const struct sql_dialect sql_dialect_mariadb = {
    .dbms = "MariaDB",
    .lexis = &sql_lexis_mariadb,
    .literal = {
        [VALUE_STRING] = string, [VALUE_INTEGER] = literal_integer, [VALUE_DATE] = literal_date, [VALUE_TIMESTAMP] = timestamp,
        [VALUE_IDENT] = ident, [VALUE_TABLE] = table, [VALUE_BOOLEAN] = literal_boolean, [VALUE_NUMBER] = literal_number,
    },
    .name_max = 64,
    .name_max_characters = true,
    .settle = settle,
    .own_id = "select connection_id()",
    .take_name = "select get_lock(%s, 5)",
    .find_sessions = "select id, user from (select is_used_lock(%s) as id) l left join information_schema.processlist p using (id) "
                     "where id <> connection_id()",
    .end_session = "kill connection %s",
    .end_remedy = "grant connection admin on *.* to ",
    .begin = "begin",
    .transaction_id = "select @@in_transaction",
    .ask_after_each = true,
    .ddl_commits = true,
    .engine_of = "select ifnull(t.engine, ''), if(t.table_type = 'VIEW', 'VIEW', e.transactions) from information_schema.tables t "
                 "left join information_schema.engines e on e.engine = t.engine "
                 "where t.table_schema = coalesce(nullif(%s, ''), database()) and t.table_name = %s",
    .warnings = "show warnings",
    .not_undone = "1196",
    .discard = discard,
    .create_fence =
        "create table if not exists %s ("
        "cluster varchar(64) not null, backfill bigint not null, step varchar(255) not null, %s varchar(64) not null, "
        "run bigint not null, token bigint not null, attempt bigint not null, backend varchar(255) not null, "
        "state varchar(8) not null check (state in ('claimed', 'done')), content_hash varchar(64) not null, writes varchar(8) not null, "
        "claimed_at varchar(40) not null, done_at varchar(40), "
        "primary key (cluster, `partition`, step, backfill, run)) engine=InnoDB character set utf8mb4 collate utf8mb4_nopad_bin",
    .fence_schema = "select database()",
    .unshadow = "drop temporary table if exists %s",
    .lock = "select get_lock(%s, %s)",
    .unlock = "select release_lock(%s)",
    .create_remedy = "grant create, select, insert, update on the database of the fence to the user",
    .questions = questions,
    .swap_obstacles = swap_obstacles,
    .table_exists = "select 1 from information_schema.tables where table_schema = coalesce(nullif(%s, ''), database()) and table_name = %s",
};

/* What `bfctl warehouse test` and `init` look at, in the order in which one thing needs another: driver, connection, server, rights, fence,
 * transactions, ending of sessions, settings.  What a database is asked stands in its dialect, as queries that answer with a finding. */
#include "agent/sql/warehouse.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/sql_class.h"
#include "common/text.h"

enum { TRIES_MAX = 10 };

struct findings {
    json_t *list;
    size_t failed;
    bool may_create;                           /* tables, where the fence is */
    char first[512];                           /* the first that failed */
};

static void add(struct findings *f, const char *topic, const char *status, const char *text, const char *remedy)
{
    bool good = bf_utf8_valid(text, strlen(text)) && bf_utf8_valid(remedy, strlen(remedy));
    json_t *o = json_pack("{s:s,s:s,s:s,s:s}", "topic", topic, "status", status, "text", good ? text : "unreadable", "remedy",
                          good ? remedy : "");
    json_array_append_new(f->list, o);
    if (strcmp(status, "failed") == 0 && f->failed++ == 0)
        snprintf(f->first, sizeof f->first, "%s: %.440s", topic, text);
}

/* What to do about a connection that does not come about, by the code that it failed with. */
static const char *connect_remedy(const struct sql_fault *f)
{
    static const struct { const char *sqlstate, *remedy; } remedies[] = {
        {"IM002", "install the driver (Debian: odbc-postgresql, odbc-mariadb, libsqliteodbc), or correct Driver= in the connection string"},
        {"28", "correct user and password of the connection string, where the agent resolves it"},
        {"3D", "create the database, or correct Database= in the connection string"},
        {"53", "raise max_connections of the server, or lower the slots of the pool"},
        {"57P03", "wait until the server has started"},
        {"08", "see that the server runs, and that this host may reach its address and port"},
        {"42", "say `dialect: ansi` in the connection, if the database keeps to the standard"},
    };
    if (strcmp(f->dbms, "SQLite") == 0)
        return "see that the file's folder exists and may be written by the user of the steps";
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
        if (strncmp(f->sqlstate, remedies[i].sqlstate, strlen(remedies[i].sqlstate)) == 0)
            return remedies[i].remedy;
    return "see the message";
}

static bool look_at_connection(struct attempt *x, struct findings *f)
{
    struct sql_fault fault;
    char text[600];
    if (session_open(x->request, &x->session, &fault) != BF_OK) {
        bool driver = strcmp(fault.sqlstate, "IM002") == 0;
        snprintf(text, sizeof text, "%.500s (%s, native %d)", fault.text, fault.sqlstate, fault.native);
        if (!driver)
            add(f, "driver", "ok", "the driver is there", "");
        add(f, driver ? "driver" : "connect", "failed", text, connect_remedy(&fault));
        return false;
    }
    struct sql_connection_info info;
    sql_connection_info(x->session.connection, &info);
    snprintf(text, sizeof text, "%s %s", info.driver, info.driver_version);
    add(f, "driver", "ok", text, "");
    snprintf(text, sizeof text, "%s %s answers", sql_connection_dbms(x->session.connection), info.version);
    add(f, "connect", "ok", text, "");
    return true;
}

static void ask(struct attempt *x, const struct sql_question *q, struct findings *f)
{
    char cells[3][SQL_CELL_MAX] = {"", "", ""}, text[600];
    bool found = false;
    struct sql_fault fault;
    if (sql_query_row(x->session.connection, q->query, cells, 3, &found, &fault) != BF_OK) {
        snprintf(text, sizeof text, "cannot be asked: %.500s", fault.text);
        add(f, q->topic, "warning", text, "");
    } else if (found) {
        add(f, q->topic, cells[0], cells[1], cells[2]);
    }
}

static bool run_all(struct attempt *x, struct bf_buf *statements, size_t n, struct sql_fault *fault)
{
    for (size_t i = 0; i < n; i++)
        if (sql_execute(x->session.connection, bf_buf_cstr(&statements[i]), NULL, fault) != BF_OK)
            return false;
    return true;
}

/* May tables be made where the fence is? */
static void look_at_rights(struct attempt *x, struct findings *f)
{
    const char *fence = x->request->fence_table, *dot = strrchr(fence, '.');
    BF_AUTO_FREE char *probe = bf_xasprintf("%.*sbf_probe_%lld", dot ? (int)(dot + 1 - fence) : 0, fence, (long long)x->request->token);
    struct bf_buf statements[2] = {{0}, {0}};
    struct sql_fault fault;
    char text[600], remedy[300];
    static const char *const forms[] = {"create table ", "drop table "};
    for (size_t i = 0; i < 2; i++) {
        bf_buf_put_str(&statements[i], forms[i]);
        (void)!sql_literal(x->session.dialect, VALUE_TABLE, probe, strlen(probe), &statements[i], NULL);
    }
    bf_buf_put_str(&statements[0], " (filler integer)");
    f->may_create = run_all(x, statements, 2, &fault);
    if (f->may_create) {
        add(f, "rights", "ok", "the role may create tables where the fence is", "");
    } else {
        snprintf(text, sizeof text, "the role may not create tables where the fence is: %.400s", fault.text);
        snprintf(remedy, sizeof remedy, "%s; or run bfctl warehouse init once with a role that may", x->session.dialect->create_remedy);
        add(f, "rights", "warning", text, remedy);
    }
    for (size_t i = 0; i < 2; i++)
        bf_buf_free(&statements[i]);
}

/* Claim and mark a row that is nobody's, and take it back. */
static bool try_fence_once(struct attempt *x, struct sql_fault *fault)
{
    struct fence_row none = {.state = FENCE_NONE}, row;
    int64_t rows = 0;
    struct sql_fault ignored;
    bool ok = sql_execute(x->session.connection, x->session.dialect->begin, NULL, fault) == BF_OK &&
              fence_raise(x->session.connection, &x->fence, &none, fault) == BF_OK &&
              fence_read(x->session.connection, &x->fence, &row, fault) == BF_OK &&
              fence_mark(x->session.connection, &x->fence, x->request->token, &rows, fault) == BF_OK;
    (void)!sql_execute(x->session.connection, "rollback", NULL, &ignored);
    return ok;
}

/* Who looks at the same time may be in the way (MariaDB calls two inserts into an empty table a deadlock), and that is no finding. */
static bool try_fence(struct attempt *x, struct sql_fault *fault)
{
    bool ok = false, again = true;
    for (int i = 0; again && i < TRIES_MAX; i++) {
        ok = try_fence_once(x, fault);
        again = !ok && bf_sql_class(fault->dbms, fault->native, fault->sqlstate) == BF_SQL_TRANSIENT;
    }
    return ok;
}

static bool is_there(struct attempt *x)
{
    struct sql_fault ignored;
    bool found = false;
    return x->session.dialect->table_exists && attempt_table_exists(x, x->request->fence_table, &found, &ignored) == BF_OK && found;
}

static bool look_at_fence(struct attempt *x, struct findings *f)
{
    struct sql_fault fault;
    char text[600], name[128], remedy[300];
    snprintf(name, sizeof name, "%.127s", x->request->fence_table);
    if (fence_probe(x->session.connection, &x->fence, &fault) != BF_OK) {
        bool there = is_there(x);
        if (there) {
            snprintf(text, sizeof text, "%s is there, but cannot be read as a fence: %.400s", name, fault.text);
            snprintf(remedy, sizeof remedy, "grant select, insert, update on %s to the role; or, if it is no fence, rename it and run "
                     "bfctl warehouse init", name);
            add(f, "fence", "failed", text, remedy);
            return false;
        }
        snprintf(text, sizeof text, "%s is not there: %.400s", name, fault.text);
        add(f, "fence", f->may_create ? "warning" : "failed", text,
            f->may_create ? "run bfctl warehouse init, or let the first step make it"
                          : "run bfctl warehouse init with a role that may make it");
        return false;
    }
    if (!try_fence(x, &fault)) {
        snprintf(text, sizeof text, "%s is there, but cannot be read and written: %.400s", name, fault.text);
        snprintf(remedy, sizeof remedy, "grant select, insert, update on %s to the role", name);
        add(f, "fence", "failed", text, remedy);
        return false;
    }
    snprintf(text, sizeof text, "%s is there, and can be read and written", name);
    add(f, "fence", "ok", text, "");
    return true;
}

/* Can the fence be rolled back? */
static void look_at_transactions(struct attempt *x, struct findings *f)
{
    const struct sql_dialect *d = x->session.dialect;
    char cells[2][SQL_CELL_MAX] = {"", ""}, text[300], remedy[300];
    bool found = false;
    struct sql_fault fault;
    if (!d->engine_of) {
        if (d->all_transactional)
            add(f, "transactions", "ok", "all tables take part in transactions", "");
        else
            add(f, "transactions", "warning", "it is not known for this database whether all tables take part in transactions",
                "see its manual: "
                "rows of tables that do not stay when an attempt fails");
        return;
    }
    const char *table = x->request->fence_table, *dot = strrchr(table, '.');
    BF_AUTO_FREE char *schema = bf_xstrndup(table, dot ? (size_t)(dot - table) : 0);
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    if (session_put(d, &b, d->engine_of, schema, dot ? dot + 1 : table, &fault) != BF_OK ||
        sql_query_row(x->session.connection, bf_buf_cstr(&b), cells, 2, &found, &fault) != BF_OK || !found) {
        add(f, "transactions", "warning", "the engine of the fence cannot be read", "");
        return;
    }
    if (strcmp(cells[1], "VIEW") == 0) {
        add(f, "transactions", "failed", "the fence is a view", "let fence_table name the table itself");
        return;
    }
    snprintf(text, sizeof text, "the engine of the fence is %.60s", cells[0]);
    snprintf(remedy, sizeof remedy, "alter table %.200s engine=InnoDB", table);
    bool good = strcmp(cells[1], "YES") == 0;
    add(f, "transactions", good ? "ok" : "failed", text, good ? "" : remedy);
}

static void look(struct attempt *x, struct findings *f)
{
    struct sql_fault fault;
    char text[600];
    if (!look_at_connection(x, f))
        return;
    for (const struct sql_question *q = x->session.dialect->questions; q && q->topic; q++)
        ask(x, q, f);
    if (!attempt_prepare(x)) {
        add(f, "fence", "failed", x->result->text, "correct fence_table in the connection");
        return;
    }
    if (x->request->what == SQL_DO_INIT && fence_create(x->session.connection, &x->fence, &fault) != BF_OK) {
        snprintf(text, sizeof text, "%.100s cannot be created: %.400s", x->request->fence_table, fault.text);
        add(f, "fence", "failed", text, x->session.dialect->create_remedy);
        return;
    }
    look_at_rights(x, f);
    if (look_at_fence(x, f))
        look_at_transactions(x, f);
}

void warehouse_look(struct attempt *x)
{
    struct findings f = {.list = json_array()};
    look(x, &f);
    size_t n = json_array_size(f.list);
    json_t *line = json_pack("{s:o}", "warehouse", f.list);
    char *text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);
    bf_buf_put_str(&x->result->lines, text);
    bf_buf_put_str(&x->result->lines, "\n");
    free(text);
    json_decref(line);
    if (f.failed)
        attempt_end(x, RUN_TEST_FAILED, "%zu of %zu findings about %.60s failed; the first is %s", f.failed, n, x->request->connection,
                    f.first);
    else
        attempt_end(x, RUN_TESTED, "%s is ready: %zu findings, none failed", x->request->connection, n);
}

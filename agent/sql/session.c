/* See session.h. */
#include "agent/sql/session.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/sql/supervise.h"
#include "common/clock.h"
#include "common/helper.h"
#include "common/mem.h"
#include "common/text.h"

enum {
    CLUSTER_MAX = 38, LOCK_WAIT_MS = 5000, LOCK_WAIT_LEAST_MS = 100, POLL_FIRST_MS = 5, POLL_MOST_MS = 200, TELL_EVERY_MS = 30000,
                  BURY_MS = 1200,
    CONNECT_MS = 15000                         /* more than drivers are told to take */
};

void session_name(const char *cluster, int64_t attempt, char ret[SQL_SESSION_NAME_MAX])
{
    size_t n = strnlen(cluster, CLUSTER_MAX);
    while (n && !bf_utf8_valid(cluster, n))
        n--;
    snprintf(ret, SQL_SESSION_NAME_MAX, "bf:%.*s:%lld", (int)n, cluster, (long long)attempt);
}

/* One wait for a lock: longer queues belong to the coordinator, which can show them. */
static int64_t lock_wait_ms(const struct sql_request *r)
{
    int64_t ms = LOCK_WAIT_MS;
    if (r->timebox_ms > 0 && r->timebox_ms / 4 < ms)
        ms = r->timebox_ms / 4;
    return ms < LOCK_WAIT_LEAST_MS ? LOCK_WAIT_LEAST_MS : ms;
}

enum bf_rc session_put(const struct sql_dialect *d, struct bf_buf *ret, const char *query, const char *first, const char *second,
                       struct sql_fault *fault)
{
    struct bf_error err = {0};
    const char *texts[] = {first, second};
    for (size_t i = 0; i < 2 && texts[i]; i++) {
        const char *hole = strstr(query, "%s");
        if (!hole)
            break;
        bf_buf_put(ret, query, (size_t)(hole - query));
        if (sql_literal(d, VALUE_STRING, texts[i], strlen(texts[i]), ret, &err) != BF_OK)
            return sql_fail_plain(NULL, "42000", err.text, fault);
        query = hole + 2;
    }
    bf_buf_put_str(ret, query);
    return BF_OK;
}

static void nap(int64_t ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

enum bf_rc session_find(struct sql_connection *c, const struct sql_dialect *d, const char *name, struct session_doomed *ret,
                        struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    if (session_put(d, &b, d->find_sessions, name, NULL, fault) != BF_OK)
        return BF_FAILED;
    return sql_query_row(c, bf_buf_cstr(&b), ret->cells, 2, &ret->found, fault);
}

void session_end_one(struct sql_connection *c, const struct sql_dialect *d, struct session_doomed *t)
{
    struct sql_fault fault;
    int64_t id = 0;
    if (!bf_parse_int(t->cells[0], 1, INT64_MAX, &id))
        return;
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    const char *hole = strstr(d->end_session, "%s");
    bf_buf_printf(&b, "%.*s%lld%s", (int)(hole - d->end_session), d->end_session, (long long)id, hole + 2);
    t->refused = sql_execute(c, bf_buf_cstr(&b), NULL, &fault) != BF_OK;
}

void session_lives(struct sql_connection *c, const struct sql_dialect *d, const char *name, const struct session_doomed *t, char *ret,
                   size_t size)
{
    struct sql_connection_info info;
    if (!t->refused) {
        snprintf(ret, size, "session %s of %s is still there", t->cells[0], name);
        return;
    }
    sql_connection_info(c, &info);
    snprintf(ret, size, "session %s of %s (role %s), which this role may not end; to allow it: %s%s", t->cells[0], name, t->cells[1],
             d->end_remedy, *info.user ? info.user : "it");
}

static void tell_waiting(struct sql_session *x, const char *name, const struct session_doomed *t)
{
    char text[512];
    session_lives(x->connection, x->dialect, name, t, text, sizeof text);
    fprintf(stderr, "bf-sql: waiting: %s\n", text);
}

static enum bf_rc give_up(const struct sql_session *x, const char *name, const struct session_doomed *t, struct sql_fault *fault)
{
    char text[512];
    snprintf(text, sizeof text, "session %.32s of %s, an earlier attempt, still lives%s; another attempt may find it gone", t->cells[0],
             name, t->refused ? ", and this role may not end it" : "");
    return sql_fail_plain(x->connection, "55P03", text, fault);
}

enum bf_rc session_end_others(struct sql_session *x, const char *name, struct sql_fault *fault)
{
    const struct sql_dialect *d = x->dialect;
    int64_t began = bf_boottime_ms(), told = began - TELL_EVERY_MS + LOCK_WAIT_LEAST_MS, pause = POLL_FIRST_MS;
    char last[SQL_CELL_MAX] = "";
    struct session_doomed t = {0};
    while (d->find_sessions) {
        enum bf_rc rc = session_find(x->connection, d, name, &t, fault);
        if (rc != BF_OK)
            return rc;
        if (!t.found)
            break;
        if (strcmp(last, t.cells[0]) != 0)
            session_end_one(x->connection, d, &t);
        memcpy(last, t.cells[0], sizeof last);
        int64_t now = bf_boottime_ms();
        if (t.refused ? told < began || now - told >= TELL_EVERY_MS : now - told >= TELL_EVERY_MS) {
            tell_waiting(x, name, &t);
            told = now;
        }
        if (supervise_stopped() != SUPERVISE_RUNNING)
            return give_up(x, name, &t, fault);
        nap(pause);
        pause = pause * 2 < POLL_MOST_MS ? pause * 2 : POLL_MOST_MS;
    }
    if (*last && !t.refused)
        fprintf(stderr, "bf-sql: ended session %s of %s in %lld ms\n", last, name, (long long)(bf_boottime_ms() - began));
    return BF_OK;
}

bool session_bury(const struct sql_connect_spec *connect, const struct sql_dialect *d, const char *name)
{
    struct sql_connection *c = NULL;
    struct sql_fault ignored;
    struct sql_connect_spec spec = *connect;
    spec.patience_ms = BURY_MS;
    if (!d->find_sessions)
        return true;
    if (sql_connect(&spec, &c, &ignored) != BF_OK)
        return false;
    int64_t until = bf_boottime_ms() + BURY_MS, pause = POLL_FIRST_MS;
    struct session_doomed t = {0};
    bool known;
    while ((known = session_find(c, d, name, &t, &ignored) == BF_OK) && t.found && bf_boottime_ms() < until) {
        session_end_one(c, d, &t);
        nap(pause);
        pause *= 2;
    }
    sql_connection_free(c);
    return known && !t.found;
}

static enum bf_rc ask(struct sql_session *x, const char *query, const char *text, char ret[SQL_CELL_MAX], struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    char cells[1][SQL_CELL_MAX] = {""};
    bool found = false;
    enum bf_rc rc = session_put(x->dialect, &b, query, text, NULL, fault);
    if (rc == BF_OK)
        rc = sql_query_row(x->connection, bf_buf_cstr(&b), cells, 1, &found, fault);
    if (rc == BF_OK)
        memcpy(ret, cells[0], SQL_CELL_MAX);
    return rc;
}

/* Settings, name, and nobody else of that name: an attempt that was begun twice ends its first session. */
static enum bf_rc settle(const struct sql_request *r, struct sql_session *x, struct sql_fault *fault)
{
    struct sql_session_spec spec = {.name = x->name, .lock_wait_ms = lock_wait_ms(r)};
    char cell[SQL_CELL_MAX] = "";
    enum bf_rc rc = x->dialect->settle(x->connection, &spec, fault);
    if (rc == BF_OK && x->dialect->own_id)
        rc = ask(x, x->dialect->own_id, NULL, cell, fault);
    snprintf(x->id, sizeof x->id, "%.31s", cell);
    if (rc == BF_OK)
        rc = session_end_others(x, x->name, fault);
    if (rc == BF_OK && x->dialect->take_name) {
        rc = ask(x, x->dialect->take_name, x->name, cell, fault);
        if (rc == BF_OK && strcmp(cell, "1") != 0)
            rc = sql_fail_plain(x->connection, "55P03", "another session of this attempt came in between", fault);
    }
    return rc;
}

enum bf_rc session_open(const struct sql_request *r, struct sql_session *ret, struct sql_fault *fault)
{
    struct sql_session x = {0};
    struct bf_error err = {0};
    struct sql_connect_spec spec = {.odbc = r->odbc, .substituted = r->substituted, .n_substituted = r->n_substituted,
                                    .plain = strcmp(r->dialect, "ansi") == 0, .lock_wait_ms = lock_wait_ms(r)};
    session_name(r->cluster, r->attempt, x.name);
    supervise_connecting(CONNECT_MS);
    enum bf_rc rc = sql_connect(&spec, &x.connection, fault);
    supervise_connecting(0);
    if (rc != BF_OK) {
        if (*fault->dbms && sql_dialect_find(fault->dbms, "", &x.dialect, &err) == BF_OK)
            ret->dialect = x.dialect;
        return rc;
    }
    supervise_watch(x.connection);
    if (sql_dialect_find(sql_connection_dbms(x.connection), r->dialect, &x.dialect, &err) != BF_OK)
        rc = sql_fail_plain(x.connection, "42000", err.text, fault);
    if (rc == BF_OK) {
        supervise_session(&spec, x.dialect, x.name);
        x.told = x.dialect->find_sessions && (r->what == SQL_DO_RUN || r->what == SQL_DO_LOOK);
        if (x.told)
            session_told(true, "");
        rc = settle(r, &x, fault);
    }
    ret->dialect = x.dialect;
    if (rc == BF_OK) {
        *ret = x;
        return rc;
    }
    x.told = x.told && !ret->told;             /* an earlier session of ours may live: this one's end says nothing of it */
    session_close(&x);
    return rc;
}

void session_told(bool open, const char *text)
{
    int fd = supervise_result_fd();
    json_t *line = json_pack("{s:{s:s,s:s%}}", "session", "state", open ? "open" : "closed", "text", text,
                             bf_utf8_cut(text, SESSION_TEXT_MAX));
    BF_AUTO_FREE char *words = line ? json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(line);
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_printf(&b, "%s\n", words ? words : "{\"session\":{\"state\":\"open\"}}");
    (void)bf_helper_tell("bf-sql", fd, &b, 0);
}

void session_close(struct sql_session *x)
{
    supervise_watch(NULL);
    bool lost = x->connection && sql_connection_lost(x->connection), open = x->connection != NULL;
    sql_connection_free(x->connection);
    x->connection = NULL;
    if (open && x->told && !lost)
        session_told(false, "");
}

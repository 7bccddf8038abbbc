/* See session.h: the session that a dead attempt left.
 *
 * A server that is not reached is asked again and again, because a restart or a cut of a few seconds is what most often kills both ends.  The
 * driver may hang at any call; the agent then ends this process, and takes what was told last. */
#include "agent/sql/session.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"

enum { PAUSE_FIRST_MS = 5, PAUSE_MOST_MS = 500, PATIENCE_MS = 5000 };

struct closing {
    const struct sql_request *r;
    char name[SQL_SESSION_NAME_MAX];
    int64_t began_ms, until_ms, pause_ms;
    char last[SQL_CELL_MAX];                   /* the session that was asked to end */
    char told[512];
};

static void tell(struct closing *x, const char *text)
{
    if (strcmp(x->told, text) == 0)
        return;
    snprintf(x->told, sizeof x->told, "%s", text);
    session_told(true, text);
}

static bool pause_before_next(struct closing *x)
{
    struct timespec t = {.tv_sec = x->pause_ms / 1000, .tv_nsec = x->pause_ms % 1000 * 1000000};
    x->pause_ms = x->pause_ms * 2 < PAUSE_MOST_MS ? x->pause_ms * 2 : PAUSE_MOST_MS;
    nanosleep(&t, NULL);
    return bf_boottime_ms() < x->until_ms;
}

static void tell_gone(const struct closing *x)
{
    char text[SQL_CELL_MAX + 96] = "";
    if (*x->last)
        snprintf(text, sizeof text, "session %s was ended in %lld ms", x->last, (long long)(bf_boottime_ms() - x->began_ms));
    session_told(false, text);
}

/* Over one connection.  false: it failed, and another one may do better. */
static bool close_over(struct closing *x, struct sql_connection *c, const struct sql_dialect *d, bool *ret_gone, struct sql_fault *fault)
{
    struct session_doomed t = {0};
    char asked[SQL_CELL_MAX] = "";             /* over this connection: what was asked over one that failed may not have come */
    do {
        if (session_find(c, d, x->name, &t, fault) != BF_OK)
            return false;
        if (!t.found) {
            *ret_gone = true;
            return true;
        }
        if (strcmp(asked, t.cells[0]) != 0)
            session_end_one(c, d, &t);
        memcpy(asked, t.cells[0], sizeof asked);
        memcpy(x->last, t.cells[0], sizeof x->last);
        char text[512];
        session_lives(c, d, x->name, &t, text, sizeof text);
        tell(x, text);
    } while (pause_before_next(x));
    return true;
}

static bool try_once(struct closing *x, bool *ret_gone, struct sql_fault *fault)
{
    struct sql_connection *c = NULL;
    const struct sql_dialect *d = NULL;
    struct bf_error err = {0};
    int64_t left_ms = x->until_ms - bf_boottime_ms();
    const struct sql_request *r = x->r;
    struct sql_connect_spec spec = {.odbc = r->odbc, .substituted = r->substituted, .n_substituted = r->n_substituted,
                                    .plain = strcmp(r->dialect, "ansi") == 0, .lock_wait_ms = PATIENCE_MS,
                                    .patience_ms = left_ms < 1 ? 1 : left_ms < PATIENCE_MS ? left_ms : PATIENCE_MS};
    if (sql_connect(&spec, &c, fault) != BF_OK)
        return false;
    bool done = true;
    *ret_gone = sql_dialect_find(sql_connection_dbms(c), r->dialect, &d, &err) != BF_OK || !d->find_sessions;
    if (!*ret_gone)
        done = close_over(x, c, d, ret_gone, fault);
    sql_connection_free(c);
    return done;
}

bool session_close_left(const struct sql_request *r)
{
    struct closing x = {.r = r, .began_ms = bf_boottime_ms(), .pause_ms = PAUSE_FIRST_MS};
    struct sql_fault fault;
    bool gone = false;
    x.until_ms = x.began_ms + r->close_ms;
    session_name(r->cluster, r->attempt, x.name);
    tell(&x, "its server does not answer");
    while (!try_once(&x, &gone, &fault)) {
        char text[512];
        snprintf(text, sizeof text, "its server cannot be asked: %.400s", fault.text);
        tell(&x, text);
        if (!pause_before_next(&x))
            break;
    }
    if (gone)
        tell_gone(&x);
    return gone;
}

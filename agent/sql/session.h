/* A named session of a database: opened with the settings that the protocol needs, and found and ended by its name from another one.
 *
 * The name is made of the cluster and the attempt.  An attempt that follows another ends its session first, because a session that is
 * paused or whose client was killed may hold locks for as long as it likes. */
#ifndef BF_AGENT_SQL_SESSION_H
#define BF_AGENT_SQL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sql/connection.h"
#include "agent/sql/dialect.h"
#include "agent/sql/request.h"

#define SESSION_TEXT_MAX 400u                  /* bytes of what is told of one */

struct sql_session {
    struct sql_connection *connection;
    const struct sql_dialect *dialect;         /* may be set although the connection failed, as far as the driver told which it is */
    char id[32];                               /* of the server's session; "" when it has none */
    char name[SQL_SESSION_NAME_MAX];
    bool told;                                 /* the agent knows of it */
};

/* "bf:CLUSTER:ATTEMPT"; of the cluster's id as many whole characters as 38 bytes hold. */
void session_name(const char *cluster, int64_t attempt, char ret[SQL_SESSION_NAME_MAX]);

enum bf_rc session_open(const struct sql_request *r, struct sql_session *ret, struct sql_fault *fault) BF_MUST_CHECK;
/* Close it; rolls back.  The agent is told, unless the connection was lost: then the server may be at work for it. */
void session_close(struct sql_session *x);

/* Append a query of the dialect with its %s filled by literals of the texts (NULL: none).  BF_FAILED when one has none. */
enum bf_rc session_put(const struct sql_dialect *d, struct bf_buf *ret, const char *query, const char *first, const char *second,
                       struct sql_fault *fault) BF_MUST_CHECK;

/* A session of a name that is to go; cells: its id and its role.  refused: our role may not end it. */
struct session_doomed { char cells[2][SQL_CELL_MAX]; bool found, refused; };

enum bf_rc session_find(struct sql_connection *c, const struct sql_dialect *d, const char *name, struct session_doomed *ret,
                        struct sql_fault *fault) BF_MUST_CHECK;
/* Ask once; whether it went is seen by looking. */
void session_end_one(struct sql_connection *c, const struct sql_dialect *d, struct session_doomed *t);
/* That it is there, and what would let us end it, in words. */
void session_lives(struct sql_connection *c, const struct sql_dialect *d, const char *name, const struct session_doomed *t, char *ret,
                   size_t size);

/* End the other sessions of a name, and wait until they are gone.  Where the role may not, it waits for them to end by themselves and
 * says so on standard error.  The time limit of the attempt bounds it. */
enum bf_rc session_end_others(struct sql_session *x, const char *name, struct sql_fault *fault) BF_MUST_CHECK;

/* The same from a connection of its own, in about a second, without a word: for when our own session is not to be trusted.  Whether it was
 * seen gone. */
bool session_bury(const struct sql_connect_spec *connect, const struct sql_dialect *d, const char *name);

/* All of SQL_DO_CLOSE: the session of an attempt whose process is dead is ended, and seen gone.  Where the server is not reached, or the role
 * may not, it is tried until close_ms are over.  What is known is told at each change (session_told()), because whoever waits for us may kill
 * us at any time.  Gives whether it is gone. */
bool session_close_left(const struct sql_request *r);

/* What the agent is told of a session, a line of the result: {"session":{"state":"open" or "closed","text":…}}.  After the last one that says
 * "open" it may live. */
void session_told(bool open, const char *text);

#endif

/* See sqljob.h.
 *
 * The job is written to a memfd that only the child inherits, as its standard input.  The resolved connection string exists in
 * three places on the way (buffer, JSON object, text); the buffer and the text are wiped here, the object's memory is the library's. */
#include "agent/sqljob.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/environ.h"
#include "common/files.h"
#include "common/mem.h"

static const char *piece_word(enum sql_value_type type)
{
    static const char *const words[] = {"", "text", "string", "integer", "date", "ident", "timestamp"};
    return type >= SQL_PIECE_TEXT && type <= SQL_VALUE_TIMESTAMP ? words[type] : "";
}

static void set_string(json_t *o, const char *key, const char *value)
{
    json_object_set_new(o, key, json_string(value));
}

static json_t *job_of(const struct assignment *a, const char *odbc)
{
    json_t *o = json_object(), *pieces = json_array();
    json_t *resolved = json_object();
    set_string(resolved, "odbc", odbc);
    json_object_set_new(o, "resolved", resolved);
    json_object_set_new(o, "transaction", json_true());
    set_string(o, "connection", a->connection);
    json_object_set_new(o, "attempt", json_integer((json_int_t)a->ref.attempt));
    json_object_set_new(o, "token", json_integer((json_int_t)a->ref.token));
    set_string(o, "cluster", a->cluster);
    json_object_set_new(o, "backfill", json_integer((json_int_t)a->backfill));
    set_string(o, "plan", a->plan);
    set_string(o, "step", a->step);
    set_string(o, "partition", a->partition);
    json_object_set_new(o, "run", json_integer((json_int_t)a->run));
    set_string(o, "run_id", a->run_id);
    json_object_set_new(o, "timebox_ms", json_integer((json_int_t)a->timebox_ms));
    for (size_t i = 0; i < a->n_sql; i++) {
        json_t *piece = json_object();
        set_string(piece, "t", piece_word(a->sql[i].type));
        json_object_set_new(piece, "v", json_stringn(a->sql[i].text, a->sql[i].text_len));
        json_array_append_new(pieces, piece);
    }
    json_object_set_new(o, "pieces", pieces);
    return o;
}

static enum bf_rc write_job(const char *text, size_t n, int *ret_fd, struct bf_error *err)
{
    BF_AUTO_CLOSE int fd = memfd_create("bf-sql-job", MFD_CLOEXEC);
    if (fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "memory for the SQL job");
    if (bf_write_all(fd, text, n, err) != BF_OK)
        return BF_IO;
    if (lseek(fd, 0, SEEK_SET) != 0)
        return bf_fail_errno(err, BF_IO, errno, "memory for the SQL job");
    *ret_fd = fd;
    fd = -1;
    return BF_OK;
}

enum bf_rc sqljob_open(const struct agent_config *c, const struct assignment *a, const char *const *own, int *ret_fd,
                       struct bf_error *err)
{
    struct bf_buf odbc = {0};
    enum bf_rc rc = environ_resolve(c, a->odbc, own, &odbc, err);
    if (rc == BF_OK) {
        json_t *job = job_of(a, bf_buf_cstr(&odbc));
        char *text = json_dumps(job, JSON_COMPACT);
        rc = text ? write_job(text, strlen(text), ret_fd, err)
                  : bf_fail(err, BF_INVALID, "connection %s: its string is not valid UTF-8", a->connection);
        if (text)
            explicit_bzero(text, strlen(text));
        free(text);
        json_decref(job);
    }
    if (odbc.data)
        explicit_bzero(odbc.data, odbc.cap);
    bf_buf_free(&odbc);
    return rc;
}

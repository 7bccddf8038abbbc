/* Preparing a script.  Two guards stand behind one another: the splitter treats a value as one token, and each statement is split
 * again as plain text afterwards and must come out as itself. */
#include "agent/sql/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sql/form.h"
#include "agent/sql/guard.h"
#include "agent/sql/kind.h"
#include "common/crc32c.h"
#include "common/vec.h"

/* What goes to the driver is read there without our knowledge of where the values are; it must look the same. */
static enum bf_rc check_border(const struct sql_dialect *d, const struct sql_statement *s, struct bf_error *err)
{
    struct sql_script again = {0};
    struct sql_part part = {.text = s->text, .len = s->len};
    enum bf_rc rc = sql_split(d->lexis, &part, 1, &again, err);
    if (rc == BF_OK && (again.n != 1 || again.at[0].len != s->len || memcmp(again.at[0].text, s->text, s->len) != 0))
        rc = bf_fail(err, BF_INTERNAL, "statement %u (line %u): a value would change where the statement ends; it is not run", s->number,
                     s->line);
    sql_script_done(&again);
    return rc;
}

/* Literals of all values, one behind the other in *text; parts point into it, so it must not grow after. */
static enum bf_rc render(const struct sql_dialect *d, const struct sql_request_piece *pieces, size_t n, struct bf_buf *text,
                         size_t *ends, struct bf_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (pieces[i].value) {
            struct bf_error why = {0};
            enum bf_rc rc = sql_literal(d, pieces[i].type, pieces[i].text, pieces[i].len, text, &why);
            if (rc != BF_OK)
                return bf_fail(err, rc, "piece %zu of the script: %s", i + 1, why.text);
        }
        if (text->len > SQL_SCRIPT_MAX_BYTES)
            return bf_fail(err, BF_LIMIT, "the script is larger than %u MiB", SQL_SCRIPT_MAX_BYTES >> 20);
        ends[i] = text->len;
    }
    return BF_OK;
}

static void make_parts(const struct sql_request_piece *pieces, size_t n, const struct bf_buf *text, const size_t *ends,
                       struct sql_part *ret)
{
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        ret[i] = (struct sql_part){.value = pieces[i].value, .text = pieces[i].text, .len = pieces[i].len};
        if (pieces[i].value) {
            ret[i].text = (const char *)text->data + from;
            ret[i].len = ends[i] - from;
        }
        from = ends[i];
    }
}

static enum bf_rc split(const struct sql_dialect *d, const struct sql_request_piece *pieces, size_t n, struct sql_script *ret,
                        struct bf_error *err)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    BF_AUTO_FREE size_t *ends = bf_xcalloc(n + 1, sizeof *ends);
    BF_AUTO_FREE struct sql_part *parts = bf_xcalloc(n + 1, sizeof *parts);
    enum bf_rc rc = render(d, pieces, n, &text, ends, err);
    if (rc != BF_OK)
        return rc;
    make_parts(pieces, n, &text, ends, parts);
    return sql_split(d->lexis, parts, n, ret, err);
}

/* What the driver of MariaDB (3.1.15) knows to handle.  It looks at the first word: where it expects no rows and there come some, or
 * where it takes a body for several statements, it loses its place in the protocol and crashes. */
static const char *const driver_knows[] = {
    "SELECT|WITH|SHOW|DESC|DESCRIBE|EXPLAIN|ANALYZE|CHECK|CHECKSUM|CALL|EXECUTE|PREPARE|DEALLOCATE|HANDLER",
    "INSERT|REPLACE|UPDATE|DELETE|CREATE|ALTER|DROP|TRUNCATE|RENAME|DO|SIGNAL|GET|USE|KILL|FLUSH|LOCK|UNLOCK|GRANT|REVOKE",
    "BEGIN|START|COMMIT|ROLLBACK|SAVEPOINT|RELEASE",
    "LOAD DATA|XML",
    "XA BEGIN|START|END|PREPARE|COMMIT|ROLLBACK",
    "( SELECT",
    "( ( SELECT",
    NULL
};

static bool driver_misreads(const struct sql_lexis *lexis, const struct sql_statement *s)
{
    if (s->body)
        return true;
    if (strcmp(s->verb, "SET") == 0)
        return form_fits("SET STATEMENT .. FOR", lexis, s)
               && (!form_fits("SET STATEMENT .. FOR INSERT|REPLACE|UPDATE|DELETE", lexis, s) || form_fits(".. RETURNING", lexis, s));
    for (size_t i = 0; driver_knows[i]; i++)
        if (form_fits(driver_knows[i], lexis, s))
            return false;
    return true;
}

static void replace_text(struct sql_statement *s, struct bf_buf *text)
{
    free(s->text);
    s->len = text->len;
    s->text = bf_xstrndup(bf_buf_cstr(text), text->len);
    bf_buf_free(text);
}

/* The driver knows a verb by the blank behind it: not in select(1). */
static void part_verb(struct sql_statement *s)
{
    struct bf_buf text = {0};
    size_t verb = strlen(s->verb);
    bf_buf_put(&text, s->text, verb);
    bf_buf_put_str(&text, " ");
    bf_buf_put(&text, s->text + verb, s->len - verb);
    replace_text(s, &text);
}

/* In a block that the driver knows, the server itself takes the statement from a string. */
static void wrap(struct sql_statement *s)
{
    struct bf_buf text = {0};
    bf_buf_put_str(&text, "begin not atomic execute immediate '");
    for (size_t i = 0; i < s->len; i++) {
        if (s->text[i] == '\'' || s->text[i] == '\\')
            bf_buf_put_u8(&text, (uint8_t)s->text[i]);
        bf_buf_put_u8(&text, (uint8_t)s->text[i]);
    }
    bf_buf_put_str(&text, "'; end");
    replace_text(s, &text);
    s->gives = SQL_GIVES_MAYBE;
}

/* Change what the driver would misread; the text is another one then, and so is its border. */
static enum bf_rc suit_driver(const struct sql_dialect *d, struct sql_statement *s, struct bf_error *err)
{
    if (d->lexis != &sql_lexis_mariadb)
        return BF_OK;
    if (driver_misreads(d->lexis, s))
        wrap(s);
    else if (s->verb[0] != '(' && s->text[strlen(s->verb)] == '(')
        part_verb(s);
    else
        return BF_OK;
    return check_border(d, s, err);
}

static enum bf_rc prepare_statement(const struct sql_dialect *d, bool transaction, struct sql_statement *s, struct bf_error *err)
{
    enum bf_rc rc = sql_guard_check(d, transaction, s, err);
    if (rc == BF_OK)
        rc = check_border(d, s, err);
    s->gives = sql_statement_gives(d->lexis, s);
    return rc == BF_OK ? suit_driver(d, s, err) : rc;
}

bool sql_script_open_after(const struct sql_dialect *d, const struct sql_statement *s, bool open)
{
    if (form_fits("BEGIN NOT", d->lexis, s))
        return open;                           /* a block */
    if (form_fits("BEGIN", d->lexis, s) || form_fits("START TRANSACTION", d->lexis, s))
        return true;
    if (form_fits("COMMIT|ROLLBACK|END|ABORT [WORK|TRANSACTION] AND CHAIN", d->lexis, s) ||
        form_fits("ROLLBACK [WORK|TRANSACTION] TO", d->lexis, s) || form_fits("COMMIT|ROLLBACK PREPARED", d->lexis, s))
        return open;
    if (form_fits("COMMIT|ROLLBACK|END|ABORT", d->lexis, s) || form_fits("PREPARE TRANSACTION", d->lexis, s))
        return false;
    return open;
}

/* Without transaction: true a script may have transactions of its own; one that it leaves open would be lost with the session. */
static enum bf_rc check_ends(const struct sql_dialect *d, const struct sql_script *s, struct bf_error *err)
{
    const struct sql_statement *open = NULL;
    for (size_t i = 0; i < s->n; i++) {
        bool now = sql_script_open_after(d, &s->at[i], open != NULL);
        open = !now ? NULL : open ? open : &s->at[i];
    }
    if (!open)
        return BF_OK;
    return bf_fail(err, BF_INVALID, "statement %u (line %u): %s begins a transaction that the script does not end: its work would be lost; "
                   "end it with COMMIT, or write transaction: true", open->number, open->line, open->verb);
}

enum bf_rc sql_script_prepare(const struct sql_dialect *d, const struct sql_request_piece *pieces, size_t n, bool transaction,
                              struct sql_script *ret, struct bf_error *err)
{
    struct sql_script s = {0};
    enum bf_rc rc = split(d, pieces, n, &s, err);
    if (rc == BF_OK && s.n == 0)
        rc = bf_fail(err, BF_INVALID, "the script has no statement");
    for (size_t i = 0; rc == BF_OK && i < s.n; i++)
        rc = prepare_statement(d, transaction, &s.at[i], err);
    if (rc == BF_OK && !transaction)
        rc = check_ends(d, &s, err);
    if (rc == BF_OK)
        *ret = s;
    else
        sql_script_done(&s);
    return rc;
}

void sql_script_hash(const struct sql_script *s, char ret[SQL_CONTENT_HASH_MAX])
{
    uint32_t crc = 0;
    for (size_t i = 0; i < s->n; i++)
        crc = bf_crc32c(crc, s->at[i].text, s->at[i].len + 1);
    snprintf(ret, SQL_CONTENT_HASH_MAX, "crc32c:%08x", crc);
}

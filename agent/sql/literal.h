/* Literals that several dialects share.  Private to the dialects; contracts as sql_literal_fn. */
#ifndef BF_AGENT_SQL_LITERAL_H
#define BF_AGENT_SQL_LITERAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sql/dialect.h"

/* s between quotes of its kind, with the quote doubled inside. */
void literal_put_quoted(struct bf_buf *ret, char quote, const char *s, size_t len);

/* The parts of a timestamp: "2024-01-31T05:00:00", with an offset ("+01:00") or without. */
struct literal_instant {
    char text[32];                             /* with a blank in place of the T */
    bool has_offset;
    int64_t utc_s;                             /* seconds since 1970 of the reading in UTC; offset 0 when there is none */
};
enum bf_rc literal_read_instant(const char *v, size_t len, struct literal_instant *ret, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc literal_check_string(const char *v, size_t len, struct bf_error *err) BF_MUST_CHECK;

sql_literal_fn literal_string;                 /* 'it''s': a backslash is a backslash */
sql_literal_fn literal_integer;
sql_literal_fn literal_date_text, literal_timestamp_text;            /* '2024-01-31' */
sql_literal_fn literal_date, literal_timestamp;                      /* DATE '2024-01-31' */
sql_literal_fn literal_ident, literal_table;                         /* "name", "schema"."name" */
sql_literal_fn literal_boolean, literal_number;
/* The parts of a dotted name by one, of a literal each. */
enum bf_rc literal_dotted(sql_literal_fn *part, const char *v, size_t len, struct bf_buf *ret, struct bf_error *err) BF_MUST_CHECK;

#endif

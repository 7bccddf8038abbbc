/* From the pieces of a request to statements that may run: values become literals, the text is split, and what would break the
 * transaction is refused before anything runs. */
#ifndef BF_AGENT_SQL_SCRIPT_H
#define BF_AGENT_SQL_SCRIPT_H

#include "agent/sql/dialect.h"
#include "agent/sql/request.h"
#include "agent/sql/split.h"

/* transaction: refuse what would leave or end the transaction that the script runs in; guard.h says what is refused without it.
 * *ret is released with sql_script_done(), and untouched on failure.  Errors name statement and line. */
enum bf_rc sql_script_prepare(const struct sql_dialect *d, const struct sql_request_piece *pieces, size_t n, bool transaction,
                              struct sql_script *ret, struct bf_error *err) BF_MUST_CHECK;

/* Is a transaction of the script's own open behind the statement, when there was one before it or not?  For scripts without
 * transaction: true. */
bool sql_script_open_after(const struct sql_dialect *d, const struct sql_statement *s, bool open);

/* CRC-32C over the statements: "crc32c:xxxxxxxx".  Says in bf_fence which text ran; no proof against intent. */
#define SQL_CONTENT_HASH_MAX 16
void sql_script_hash(const struct sql_script *s, char ret[SQL_CONTENT_HASH_MAX]);

#endif

/* The audit trail as bfctl sees it: pages of the coordinator, lines of an export. */
#ifndef BFCTL_AUDIT_TRAIL_H
#define BFCTL_AUDIT_TRAIL_H

#include "bfctl/session.h"
#include "common/buf.h"
#include "proto/audit.h"

/* A row of OP_AUDIT; the text is borrowed from it.  false: it is no such row. */
bool audit_row(const json_t *row, struct audit_entry *ret);
/* The text of an entry, opened: a new reference; NULL: it is no object.  A number past INT64_MAX, as the token that a lying agent claims
 * may be, makes all of its numbers reals. */
json_t *audit_record_of(const struct audit_entry *e);
/* {"index", "hash"} of an answer. */
bool audit_head_of(const json_t *answer, const char *name, struct audit_head *ret);

/* One page, first to last; *ret_next: page_offset of the next, 0: none. */
enum bf_rc audit_page(struct session *s, struct op_request *req, struct answer *ret, uint64_t *ret_next,
                      struct bf_error *err) BF_MUST_CHECK;

/* A line of an export, with its line end; and one read again, whose text is borrowed.  What is hashed stands in it byte for byte,
 * behind "record": and before the last brace. */
void audit_line_put(const char *cluster, const struct audit_entry *e, struct bf_buf *ret);
bool audit_line_read(const char *line, size_t n, uint8_t ret_cluster[AUDIT_CLUSTER_BYTES], struct audit_entry *ret);

/* "41:0a1b…" */
bool audit_expect_read(const char *word, struct audit_head *ret);
struct audit_head_text { char text[24 + 2 * AUDIT_HASH_BYTES]; };
struct audit_head_text audit_head_text(const struct audit_head *h);

#endif

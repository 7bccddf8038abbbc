/* The audit trail: the text of a record, the chain of hashes over the texts, and the check of a chain.
 *
 * Record i has an index (from 1), a text, and h_i = BLAKE2b-256(h_{i-1} ‖ i in decimal ‖ one blank ‖ text), where h_0 is
 * BLAKE2b-256 of the 16 bytes of the cluster's id.  The text is one JSON object without line ends.  It is stored, sent and exported
 * as it is, never made again: what is hashed is bytes, so that anyone can hash them.  docs/audit.md shows how. */
#ifndef BF_PROTO_AUDIT_H
#define BF_PROTO_AUDIT_H

#include "proto/record.h"

#define AUDIT_HASH_BYTES 32
#define AUDIT_CLUSTER_BYTES 16
#define AUDIT_WORD_MAX 512                   /* what, target, role */
#define AUDIT_REASON_MAX 4096                /* reason, before, after */

/* Append the text of a RECORD_AUDIT.  Its strings are valid UTF-8. */
void audit_text(const struct record *r, struct bf_buf *ret);

/* A link of the chain; index 0 is its beginning, before the first record. */
struct audit_head { uint64_t index; uint8_t hash[AUDIT_HASH_BYTES]; };
struct audit_head audit_genesis(const uint8_t cluster[AUDIT_CLUSTER_BYTES]);
/* The head after one more text. */
struct audit_head audit_next(const struct audit_head *head, const void *text, size_t n);

/* ---- checking ---- */
struct audit_entry { uint64_t index; uint8_t prev[AUDIT_HASH_BYTES], hash[AUDIT_HASH_BYTES]; const char *text; size_t n; };
typedef void audit_told(void *arg, const char *problem);

/* A check in progress.  Records are given in the order in which they stand; problems are told as they are found. */
struct audit_check {
    audit_told *told;
    void *arg;
    struct audit_head at;                    /* the last record that was seen; index 0: none yet */
    uint64_t first, seen, problems;
    struct audit_head expect; bool expected, met;        /* a head that was kept elsewhere */
};

/* The first record.  start: the link that it must be chained to, its beginning or an anchor; NULL: not known, and taken from it. */
void audit_check_first(struct audit_check *c, const struct audit_entry *e, const struct audit_head *start);
/* Each further one. */
void audit_check_next(struct audit_check *c, const struct audit_entry *e);
/* A problem of one record that the caller found: "record 41 WORDS". */
void audit_check_tell(struct audit_check *c, uint64_t index, const char *words);
/* After the last.  head: what the store says of its end; NULL: not known. */
void audit_check_end(struct audit_check *c, const struct audit_head *head);

#endif

/* A plan source (document and the files it names) as bytes: what bfctl sends and the store keeps.  Deterministic: equal sources
 * give equal bytes.  Versioned; bounded by 16 MiB in all. */
#ifndef BF_PROTO_BUNDLE_H
#define BF_PROTO_BUNDLE_H

#include <stddef.h>

#include "common/buf.h"
#include "common/error.h"

/* What travels and is stored: the document and the files it names ("sql: {file: …}").  Owned; released by plan_source_done(). */
struct plan_file { char *path; char *text; size_t text_len; };
struct plan_source {
    char *name;                                /* for diagnostics, e.g. "orders.yaml" */
    char *text;
    size_t text_len;
    struct plan_file *files;
    size_t n_files;
};

#define BF_BUNDLE_MAX_BYTES (17u << 20)

/* The bytes of a time zone travel with the plan, as a file of this path and the zone's name: the coordinator must not know other
 * clock changes than whoever wrote the plan saw.  The only files that are bytes and not text. */
#define PLAN_ZONE_PATH "/zoneinfo/"

void plan_bundle_encode(const struct plan_source *s, struct bf_buf *ret);
/* *ret is released with plan_source_done(), also after failure. */
enum bf_rc plan_bundle_decode(const void *p, size_t n, struct plan_source *ret, struct bf_error *err) BF_MUST_CHECK;

#endif

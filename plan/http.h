/* What an `http` step calls.  Plain values; the rendered form, which bf-http reads, is in spec.h. */
#ifndef BF_PLAN_HTTP_H
#define BF_PLAN_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan/check.h"
#include "plan/template.h"

/* A header holds a value, or references that the agent resolves, never both: a value must not become a reference. */
struct plan_header {
    char *name;
    char *reference;                           /* "Bearer ${secret:api/token}"; NULL: value counts */
    struct template value;
};

enum plan_body { PLAN_BODY_NONE, PLAN_BODY_TEXT, PLAN_BODY_JSON };

/* Does the JSON value at a pointer (RFC 6901) equal one of these?  pointer NULL: no such question. */
struct plan_match { char *pointer; struct plan_scalar *equals; size_t n_equals; };

struct plan_http {
    char *method;
    struct template url;                       /* values are percent-encoded */
    struct plan_header *headers; size_t n_headers;   /* sorted by name, without regard to case */
    enum plan_body body_kind;
    struct template body;                      /* JSON: values are escaped; the keys of maps are sorted */
    char **expect; size_t n_expect;            /* "2xx", "204"; sorted */
    bool polls;
    struct template poll_url;                  /* n 0: the Location of the answer */
    int64_t every_ms, timeout_ms;
    char **until_status; size_t n_until_status;/* done when one fits; n 0: `until` counts */
    struct plan_match until, failed;
};

void plan_http_free(struct plan_http *http);   /* NULL is well */

#endif

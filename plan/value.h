/* Types of values in a plan: what fits, and how that is said.  The tables of keys (keys_table.c) are made of them; diagnostics and
 * docs/plan-reference.md take their words from here.  Pure.  Private to plan/. */
#ifndef BF_PLAN_VALUE_H
#define BF_PLAN_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/diag.h"
#include "common/yaml.h"

enum plan_value {
    PLAN_VALUE_TEXT,             /* min..max bytes; max 0: PLAN_TEXT_MAX */
    PLAN_VALUE_TEMPLATE,         /* the same with "{{ … }}" */
    PLAN_VALUE_SQL,              /* statements, with "{{ … }}" */
    PLAN_VALUE_NAME,             /* of what it declares */
    PLAN_VALUE_REF,              /* the name of something that the plan declares */
    PLAN_VALUE_INT,              /* min..max */
    PLAN_VALUE_NUMBER,           /* decimal, up to three places; min..max in thousandths */
    PLAN_VALUE_PERCENT,          /* min..max in millionths: 1% is 10,000 */
    PLAN_VALUE_DURATION,         /* min..: milliseconds */
    PLAN_VALUE_BOOL,
    PLAN_VALUE_WORD,             /* one of words */
    PLAN_VALUE_SIZE,             /* 512Mi: bytes */
    PLAN_VALUE_RATE,             /* 400Mi/s: bytes a second */
    PLAN_VALUE_FREQUENCY,        /* 5/s, 30/m */
    PLAN_VALUE_CLOCK,            /* 08:00 */
    PLAN_VALUE_DATES,            /* 2024-01-01, or 2024-01-01..2024-01-05 */
    PLAN_VALUE_WEEKDAYS,         /* mon-fri, or sat,sun */
    PLAN_VALUE_MOMENT,           /* 2024-06-01T06:00 */
    PLAN_VALUE_SECRET,           /* ${secret:path} */
    PLAN_VALUE_URL,
    PLAN_VALUE_STATUS,           /* of HTTP: 2xx, 204 */
    PLAN_VALUE_VARIABLE,         /* name of an environment variable */
    PLAN_VALUE_HEADER,           /* name of a header */
    PLAN_VALUE_POINTER,          /* into JSON: /state, RFC 6901 */
    PLAN_VALUE_TABLE,            /* mart.revenue */
    PLAN_VALUE_FENCE,            /* bf_fence, ops.bf_fence */
    PLAN_VALUE_COLUMN_TYPE,      /* bigint not null */
    PLAN_VALUE_SCALAR,           /* any single value */
    PLAN_VALUE_ANY,              /* looked at elsewhere */
    PLAN_VALUE_LIST,             /* min..max (0: no limit) items of `of` */
    PLAN_VALUE_MAP,              /* min..max (0: no limit) keys of `key`, values of `of` */
    PLAN_VALUE_KEYS,             /* a map with a table of keys */
    PLAN_VALUE_EITHER            /* one of `either` */
};

enum plan_ref {
    PLAN_REF_POOL, PLAN_REF_CONNECTION, PLAN_REF_DATASET, PLAN_REF_STEP, PLAN_REF_FLAG,
    PLAN_REF_OWNER,              /* need not be declared: any text */
    PLAN_REF_BREAKER             /* whatever has a breaker: a pool, connection, dataset or step */
};

/* A word with a value, from a table. */
struct plan_word {
    const char *word;            /* NULL ends a table */
    int value;
    const char *not_yet;         /* the capability's id when it is not built; NULL: it works */
};

struct plan_keys;

struct plan_type {
    enum plan_value value;
    int64_t min, max;
    const char *what;                        /* PLAN_VALUE_NAME: "window"; PLAN_VALUE_ANY: words for people */
    enum plan_ref ref;
    const struct plan_word *words;           /* ended by a NULL word */
    const struct plan_type *key, *of;
    const struct plan_keys *keys;
    const struct plan_type *const *either;   /* ended by NULL */
    const char *unique;                      /* PLAN_VALUE_LIST of maps: a key whose values differ */
};

/* Does a value have the right shape: a single value, a list, a map? */
bool plan_value_has_shape(const struct bf_yaml_node *n, const struct plan_type *type);
/* The same, with one error when not. */
bool plan_value_shape(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_type *type);
/* Is the whole value right, but for the names in it (plan/uses.c)?  An error for each thing that is not. */
bool plan_value_check(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_type *type);
/* The alternative that a value is meant as, by its shape and, of maps, by the first key of a table; other types as they are. */
const struct plan_type *plan_type_meant(const struct bf_yaml_node *n, const struct plan_type *type);
/* Has a list or a map as many items as its type takes?  One error when not. */
bool plan_value_count(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, const struct plan_type *type);
/* "a list of durations", for sentences and the reference. */
void plan_type_words(const struct plan_type *type, struct bf_buf *ret);

#endif

/* The notation of the tables of keys, and what they share.  Only keys_table.c, keys_checks.c, keys_http.c and
 * keys_rules.c include it. */
#ifndef BF_PLAN_KEYS_TABLE_H
#define BF_PLAN_KEYS_TABLE_H

#include "common/sql_limits.h"
#include "plan/keys.h"
#include "plan/read.h"
#include "plan/words.h"

#define POOL_SLOTS_MAX 1000000
#define PERCENT_1 10000          /* 1% in millionths */

/* Types, as constants without a name. */
#define T(...) (&(const struct plan_type){.value = __VA_ARGS__})
#define TEXT T(PLAN_VALUE_TEXT)
#define TEXT1 T(PLAN_VALUE_TEXT, .min = 1)
#define TEMPLATE T(PLAN_VALUE_TEMPLATE)
#define ARGUMENT T(PLAN_VALUE_TEMPLATE, .max = PLAN_ARGUMENT_MAX)
#define INT(least, most) T(PLAN_VALUE_INT, .min = (least), .max = (most))
#define NUMBER(least_milli, most_milli) T(PLAN_VALUE_NUMBER, .min = (least_milli), .max = (most_milli))
#define PERCENT(least, most) T(PLAN_VALUE_PERCENT, .min = (least), .max = (most))
#define DURATION(least_ms) T(PLAN_VALUE_DURATION, .min = (least_ms))
#define NAME(of_what) T(PLAN_VALUE_NAME, .what = of_what)
#define REF(to) T(PLAN_VALUE_REF, .ref = PLAN_REF_##to)
#define WORDS(...) T(PLAN_VALUE_WORD, .words = (const struct plan_word[]){__VA_ARGS__, {NULL, 0, NULL}})
#define LIST(least, most, item) T(PLAN_VALUE_LIST, .min = (least), .max = (most), .of = item)
#define UNIQUE_LIST(least, most, by, item) T(PLAN_VALUE_LIST, .min = (least), .max = (most), .of = item, .unique = by)
#define MAP(least, key_type, item) T(PLAN_VALUE_MAP, .min = (least), .key = key_type, .of = item)
#define KEYS_OF(table) T(PLAN_VALUE_KEYS, .keys = &table)
#define EITHER(...) T(PLAN_VALUE_EITHER, .either = (const struct plan_type *const[]){__VA_ARGS__, NULL})
#define SEVERITY T(PLAN_VALUE_WORD, .words = plan_severity_words)
#define COLUMN_NAME T(PLAN_VALUE_TEXT, .min = 1, .max = SQL_IDENT_MAX_BYTES)
#define COLUMNS LIST(1, SQL_CHECK_COLUMNS_MAX, COLUMN_NAME)
#define SCHEMA T(PLAN_VALUE_MAP, .min = 1, .max = SQL_CHECK_COLUMNS_MAX, .key = COLUMN_NAME, .of = T(PLAN_VALUE_COLUMN_TYPE))

/* A table: `id` becomes plan_keys_id; `called` is its name in the reference; then its words for sentences, and further members. */
#define N(table) (sizeof(table) / sizeof *(table))
#define KEYS(id, called, ...) \
    const struct plan_keys plan_keys_##id = {.at = id, .n = N(id), .name = called, .where = __VA_ARGS__}

/* Entries; behind the help of the first two may stand .missing. */
#define READ(key, of_type, ...) {.name = key, .status = PLAN_KEY_READ, .type = of_type, .help = __VA_ARGS__}
#define REQUIRED(key, of_type, ...) {.name = key, .status = PLAN_KEY_READ, .required = true, .type = of_type, .help = __VA_ARGS__}
#define SHOWN(key, of_type, helps) {.name = key, .status = PLAN_KEY_DESCRIBES, .type = of_type, .help = helps}
#define NOT_YET(key, capability, of_type, helps, shows) \
    {.name = key, .status = PLAN_KEY_NOT_YET, .id = capability, .type = of_type, .help = helps, .example = shows}
#define PART(key, of_type, helps) {.name = key, .status = PLAN_KEY_PART, .type = of_type, .help = helps}
#define PART_REQUIRED(key, of_type, helps) {.name = key, .status = PLAN_KEY_PART, .required = true, .type = of_type, .help = helps}
#define REFUSED(key, reason) {.name = key, .status = PLAN_KEY_REFUSED, .help = reason}

#define WORDS_FOR_PEOPLE                                                    \
    SHOWN("description", TEXT, "what it is"),                               \
    SHOWN("owner", REF(OWNER), "whose it is"),                              \
    SHOWN("why", TEXT, "why it is as it is"),                               \
    SHOWN("contact", TEXT, "where the owner is reached"),                   \
    SHOWN("playbook", TEXT, "what to do when it fails")

#endif

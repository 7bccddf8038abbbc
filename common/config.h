/* Configuration: one YAML file for each program, environment overrides, from one table.
 *
 * A table of struct bf_setting drives reading, --check-config, `config show` and the docs.  Keys are flat or one level deep
 * ("lease.agent").  An environment variable BF_<KEY, upper case, '.' as '_'> overrides a scalar.  Unknown keys are refused
 * by name with file:line:column and the nearest known key. */
#ifndef BF_COMMON_CONFIG_H
#define BF_COMMON_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/yaml.h"

enum bf_setting_kind {
    BF_SET_STRING,       /* char *, owned, NULL when absent */
    BF_SET_PATH,         /* char *, relative paths are made relative to the file's folder */
    BF_SET_INT,          /* int64_t within [min, max] */
    BF_SET_BOOL,         /* bool */
    BF_SET_DURATION,     /* int64_t ms within [min, max] */
    BF_SET_SIZE,         /* uint64_t bytes within [min, max] */
    BF_SET_WORDS,        /* struct bf_strings: one text, or some with blanks between; in the file also a list */
    BF_SET_STRINGS,      /* struct bf_strings */
    BF_SET_STRING_MAP,   /* struct bf_string_map */
    BF_SET_CUSTOM        /* parsed by custom(): lists of structures */
};

struct bf_strings { char **at; size_t n; };
struct bf_string_map { char **keys; char **values; size_t n; };

struct bf_setting {
    const char *key;
    enum bf_setting_kind kind;
    size_t offset;                       /* in the config structure */
    const char *preset;                  /* default, in the words of the file; NULL: absent */
    int64_t min, max;                    /* both 0: no bounds */
    const char *help;                    /* one line for docs and `config show` */
    void (*custom)(const struct bf_yaml_node *node, void *field, struct bf_diags *d);
};

/* Where a value came from. */
enum bf_origin_kind { BF_ORIGIN_DEFAULT, BF_ORIGIN_FILE, BF_ORIGIN_ENVIRONMENT };
struct bf_origin { enum bf_origin_kind kind; unsigned line; };     /* line: of the file, from 1; else 0 */

/* Read path (NULL: defaults and environment only) into *config, all-zero before.  On failure err holds every diagnostic
 * that fits and the structure must still be released. */
enum bf_rc bf_config_read(const char *path, const struct bf_setting *table, size_t n, void *config,
                          struct bf_error *err) BF_MUST_CHECK;
/* The same; ret_origins has room for n and is all-zero before: where each value of the table came from. */
enum bf_rc bf_config_read_origins(const char *path, const struct bf_setting *table, size_t n, void *config, struct bf_origin *ret_origins,
                                  struct bf_error *err) BF_MUST_CHECK;
/* The variable that overrides a key: "BF_LEASE_AGENT". */
#define BF_CONFIG_VARIABLE_MAX 128
void bf_config_variable(const char *key, char ret[BF_CONFIG_VARIABLE_MAX]);

/* --- showing, in config_show.c --- */

/* Append a value in the words of the file; nothing when it is absent or of kind BF_SET_CUSTOM. */
void bf_config_put_value(const struct bf_setting *s, const void *config, struct bf_buf *ret);
/* Append "default", "PATH:12" or "BF_SLOTS (environment)". */
void bf_config_put_origin(const struct bf_setting *s, const struct bf_origin *o, const char *path, struct bf_buf *ret);
/* Append a line "key: value    # origin" for each setting; put_value appends the value of table[i]. */
void bf_config_put_lines(const char *path, const struct bf_setting *table, size_t n, const struct bf_origin *origins,
                         void (*put_value)(const void *config, size_t i, struct bf_buf *ret), const void *config, struct bf_buf *ret);

/* Frees strings, lists and maps; custom fields are the caller's. */
void bf_config_done(const struct bf_setting *table, size_t n, void *config);

#endif

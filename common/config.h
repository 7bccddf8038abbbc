/* Configuration: one YAML file for each program, environment overrides, from one table.
 *
 * A table of struct bf_setting drives reading, --check-config, `config show` and the docs.  Keys are flat or one level deep
 * ("lease.agent").  An environment variable BF_<KEY, upper case, '.' as '_'> overrides a scalar.  Unknown keys are refused
 * by name with file:line:column and the nearest known key. */
#ifndef BF_COMMON_CONFIG_H
#define BF_COMMON_CONFIG_H

#include <stddef.h>
#include <stdint.h>

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

/* Read path (NULL: defaults and environment only) into *config, all-zero before.  On failure err holds every diagnostic
 * that fits and the structure must still be released. */
enum bf_rc bf_config_read(const char *path, const struct bf_setting *table, size_t n, void *config,
                          struct bf_error *err) BF_MUST_CHECK;
/* Frees strings, lists and maps; custom fields are the caller's. */
void bf_config_done(const struct bf_setting *table, size_t n, void *config);

#endif

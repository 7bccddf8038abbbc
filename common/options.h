/* Command-line options from one table: parser and --help come from it. */
#ifndef BF_COMMON_OPTIONS_H
#define BF_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

/* A string that is given again replaces the one before; one of BF_OPT_ONCE, NULL before the parse, is refused then. */
enum bf_option_kind { BF_OPT_FLAG /* bool */, BF_OPT_STRING /* const char * */, BF_OPT_STRINGS /* struct bf_option_list */,
                      BF_OPT_ONCE /* const char * */ };

struct bf_option_list { const char *at[64]; size_t n; };

struct bf_option {
    const char *name;            /* without "--" */
    char letter;                 /* 0: none */
    enum bf_option_kind kind;
    size_t offset;               /* in the structure of values */
    const char *arg;             /* word for the argument in help; NULL for flags */
    const char *help;            /* one line */
};

/* Parse argv[0..argc) (no program name).  --name value, --name=value, -x value, -xvalue; "--" ends options.  Words that are no
 * options are moved to positional (borrowed), at most max_positional (BF_USAGE past it).  Unknown: BF_USAGE with the nearest.
 * rest, when not NULL, takes everything after "--" (*ret_rest_n words). */
enum bf_rc bf_options_parse(int argc, char **argv, const struct bf_option *table, size_t n, void *values,
                            const char **positional, size_t max_positional, size_t *ret_positional_n,
                            char ***ret_rest, int *ret_rest_n, struct bf_error *err) BF_MUST_CHECK;
/* The options' part of a help page, aligned, on standard output. */
void bf_options_help(const struct bf_option *table, size_t n);

#endif

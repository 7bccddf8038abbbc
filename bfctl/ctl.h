/* What every command of bfctl shares: its description, its call, the common options, and how it fails. */
#ifndef BFCTL_CTL_H
#define BFCTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/options.h"

/* The values of every command begin with this; fields that a command has no option for stay empty. */
struct ctl_common {
    const char *config, *request_timeout;       /* CTL_OPTIONS_SERVER */
    const char *output;                         /* CTL_OPTION_OUTPUT */
    const char *reason;                         /* CTL_OPTION_REASON */
    bool no_headers, help;
};

struct ctl_command;

#define CTL_WORDS_MAX 66u                       /* an id, a class and 64 selectors */

/* One run of a command.  values begins with a struct ctl_common. */
struct ctl_call {
    const struct ctl_command *command;
    void *values;
    const char *words[CTL_WORDS_MAX];           /* what is no option, borrowed */
    size_t n_words;
    char **rest;                                /* after "--" */
    int n_rest;
    struct bf_error err;                        /* for ctl_failed() */
};

/* An option that is no more, and the sentence that says what to write. */
struct ctl_gone { const char *name, *instead; };

/* A command as its file describes it. */
struct ctl_command {
    const char *usage;                          /* after "bfctl ": "backfill create PLAN [options]" */
    const char *about;                          /* a paragraph for --help, or NULL */
    const char *examples;                       /* lines for --help, each indented, or NULL */
    const struct bf_option *options;
    size_t n_options, values_bytes;
    size_t min_words, max_words;
    const struct ctl_gone *gone; size_t n_gone; /* options that there were once */
    bool takes_rest;
    size_t command_after;                       /* not 0: what follows so many words is a command of its own, and stays in rest as it is */
    int (*run)(struct ctl_call *call);          /* gives the exit status */
};

/* A line of the table of commands; command is NULL for one that is known by name and not built. */
struct ctl_entry {
    const char *name;                           /* one or two words */
    const char *help;                           /* one line */
    const struct ctl_command *command;
};

/* Other words for a command: "get agents" is "agents".  name is one or two words. */
struct ctl_alias { const char *name, *words; };

struct ctl_table {
    const struct ctl_entry *at;
    size_t n;
    const struct ctl_alias *aliases; size_t n_aliases;
};

/* Entries of a command's table of options; values is the command's structure, whose first field is `common`. */
#define CTL_OPTION_HELP(values) \
    {"help", 'h', BF_OPT_FLAG, offsetof(values, common.help), NULL, "show this page"}
#define CTL_OPTIONS_SERVER(values) \
    {"config", 0, BF_OPT_STRING, offsetof(values, common.config), "FILE", \
     "configuration (default: $BFCTL_CONFIG, then ~/.config/bf/bfctl.conf, /etc/bf/bfctl.conf)"}, \
    {"request-timeout", 0, BF_OPT_STRING, offsetof(values, common.request_timeout), "TIME", \
     "how long one request may take (default 10s)"}
#define CTL_OPTION_OUTPUT(values, words) \
    {"output", 'o', BF_OPT_STRING, offsetof(values, common.output), "FORMAT", words " (or yaml: the same document)"}
#define CTL_OPTION_NO_HEADERS(values) \
    {"no-headers", 0, BF_OPT_FLAG, offsetof(values, common.no_headers), NULL, "leave out the line of headings"}
#define CTL_OPTION_REASON(values) \
    {"reason", 0, BF_OPT_STRING, offsetof(values, common.reason), "TEXT", "why; kept with the change"}

/* Values of a command that has no options of its own. */
struct ctl_plain { struct ctl_common common; };

/* Run another command, within one: argv holds its words and what belongs to it. */
int ctl_run_within(int argc, char **argv);
/* What was printed is written out; the status, or that of BF_IO with its sentence where it could not be. */
int ctl_flush(int status);
/* Find and run the command that argv names; the whole of main() but for the table.  Gives the exit status. */
int ctl_main(const struct ctl_table *table, int argc, char **argv);

/* The entry for the first words of argv, *ret_used of them.  NULL: none; then *ret_near is the name meant, or NULL.
 * argv[0] is the first word. */
const struct ctl_entry *ctl_find(const struct ctl_table *table, int argc, char **argv, int *ret_used,
                                 const char **ret_near);
/* argv with the first words replaced where they are an alias: a new array, ended by NULL, of *ret_argc words, which are borrowed.  The
 * caller frees the array. */
char **ctl_resolve(const struct ctl_table *table, int argc, char **argv, int *ret_argc);
/* How many of the arguments are the command's own: all, but for one that has another command within it (command_after). */
int ctl_own_words(const struct ctl_command *c, int argc, char **argv);
/* The page of a command, or of the whole program, on standard output. */
void ctl_help_command(const struct ctl_entry *e);
void ctl_help_all(const struct ctl_table *table);
/* The page of a noun, such as "plan": its commands.  False, and nothing is printed, where the word is none. */
bool ctl_help_noun(const struct ctl_table *table, const char *word);
/* The table given to ctl_main(), for `help`. */
const struct ctl_table *ctl_commands(void);

static inline struct ctl_common *ctl_common(const struct ctl_call *call)
{
    return call->values;
}

/* "bfctl: error: SENTENCE" on standard error; gives the exit status for err->rc. */
int ctl_failed(const struct bf_error *err);
/* The same for a sentence made here. */
int ctl_fail(enum bf_rc rc, const char *fmt, ...) BF_PRINTF(2, 3);
/* "bfctl: SENTENCE" on standard error, for what is no error. */
void ctl_note(const char *fmt, ...) BF_PRINTF(1, 2);

/* Tell the range of time that --since and --until came to, with its inclusivity and zone; 0 is open.  Nothing when both are. */
void ctl_note_times(int64_t since_us, int64_t until_us);

/* Formats of -o.  A form that operators know and that a command has not is refused by name. */
enum ctl_output { CTL_TABLE = 1, CTL_JSON = 2, CTL_NAME = 4, CTL_WIDE = 8, CTL_TEXT = 16, CTL_DOT = 32, CTL_MERMAID = 64 };
/* The format asked for, or preset; allowed is a set of the bits above.  Where CTL_JSON is allowed, so is yaml: then *ret is CTL_JSON,
 * and render_json() writes YAML. */
enum bf_rc ctl_output(const struct ctl_common *common, enum ctl_output preset, unsigned allowed, enum ctl_output *ret,
                      struct bf_error *err) BF_MUST_CHECK;

/* Ask on the terminal; true at once when yes.  Without a terminal: false, and err says to give --yes. */
bool ctl_confirm(bool yes, const char *question, struct bf_error *err);

#endif

/* bfctl get: what it shows are other commands, by the aliases in main.c; what is left for here is a kind that there is not. */
#include <string.h>

#include "bfctl/commands.h"
#include "common/buf.h"
#include "common/mem.h"
#include "common/text.h"

#define KINDS_MAX 64

static const struct bf_option options[] = {CTL_OPTION_HELP(struct ctl_plain)};

static int run(struct ctl_call *call)
{
    const struct ctl_table *table = ctl_commands();
    const char *names[KINDS_MAX];
    size_t n = 0;
    BF_CLEANUP(bf_buf_free) struct bf_buf known = {0};
    for (size_t i = 0; i < table->n_aliases && n < KINDS_MAX; i++)
        if (strncmp(table->aliases[i].name, "get ", 4) == 0) {
            const char *kind = names[n++] = table->aliases[i].name + 4;
            if (kind[strlen(kind) - 1] == 's')
                bf_buf_printf(&known, "%s%s", known.len ? ", " : "", kind);
        }
    const char *near = bf_nearest(call->words[0], names, n);
    return ctl_fail(BF_USAGE, "'%.60s' is no kind of object: known are %s%s%s%s", call->words[0], bf_buf_cstr(&known),
                    near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

const struct ctl_command cmd_get_kind = {
    .usage = "get KIND [ID…|NAME…] [SELECTOR…] [options]",
    .about = "KIND is backfills [ID…], steps ID [SELECTOR…], checks ID [SELECTOR…], failures ID [SELECTOR…], agents [NAME…], "
             "pools [NAME…]\n"
             "or plans NAME.  The options are those of `backfill list`, `steps`, `checks`, `failures`, `agents`, `pools` and "
             "`plan history`.",
    .examples = "  bfctl get backfills --since 1d\n  bfctl get backfills bf-3 -o yaml\n  bfctl get steps @latest load -w\n"
                "  bfctl get agents -l zone=a -o wide",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run};

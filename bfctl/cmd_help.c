/* bfctl help: the overview, or the page of one command. */
#include "bfctl/commands.h"
#include "common/mem.h"

static const struct bf_option options[] = {CTL_OPTION_HELP(struct ctl_plain)};

static int run(struct ctl_call *call)
{
    if (call->n_words == 0) {
        ctl_help_all(ctl_commands());
        return 0;
    }
    int used = 0, n_words;
    const char *near = NULL;
    BF_AUTO_FREE char **words = ctl_resolve(ctl_commands(), (int)call->n_words, (char **)call->words, &n_words);
    const struct ctl_entry *e = ctl_find(ctl_commands(), n_words, words, &used, &near);
    if (!e && n_words == 1 && ctl_help_noun(ctl_commands(), words[0]))
        return 0;
    if (!e)
        return near ? ctl_fail(BF_USAGE, "unknown command '%s'; did you mean '%s'?", call->words[0], near)
                    : ctl_fail(BF_USAGE, "unknown command '%s'; `bfctl help` lists the commands", call->words[0]);
    if (!e->command)
        return ctl_fail(BF_UNSUPPORTED, "'%s' is not supported yet", e->name);
    ctl_help_command(e);
    return 0;
}

const struct ctl_command cmd_help = {
    .usage = "help [COMMAND…]",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .max_words = 2, .run = run};

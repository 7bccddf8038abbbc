/* bfctl completion: what a shell runs to complete words of bfctl.  The scripts know nothing of the commands: they ask `bfctl __complete`,
 * so that they stay right when bfctl is replaced. */
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/complete.h"
#include "common/mem.h"

static const char bash[] =
    "# Completion of bfctl for bash.\n"
    "_bfctl() {\n"
    "    local line files=\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        if [ \"$line\" = :files ]; then\n"
    "            files=1\n"
    "        else\n"
    "            COMPREPLY+=(\"${line%%$'\\t'*}\")\n"
    "        fi\n"
    "    done < <(\"${COMP_WORDS[0]}\" __complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "    if [ -n \"$files\" ]; then\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        while IFS= read -r line; do\n"
    "            COMPREPLY+=(\"$line\")\n"
    "        done < <(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
    "    fi\n"
    "}\n"
    "complete -F _bfctl bfctl\n";

static const char zsh[] =
    "#compdef bfctl\n"
    "# Completion of bfctl for zsh.\n"
    "_bfctl() {\n"
    "    local line files\n"
    "    local -a found\n"
    "    for line in \"${(@f)$(\"${words[1]}\" __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
    "        if [[ $line == :files ]]; then\n"
    "            files=1\n"
    "        elif [[ -n $line ]]; then\n"
    "            found+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
    "        fi\n"
    "    done\n"
    "    (( $#found )) && _describe -t words word found\n"
    "    [[ -n $files ]] && _files\n"
    "}\n"
    "if [[ $funcstack[1] == _bfctl ]]; then\n"
    "    _bfctl \"$@\"\n"
    "elif (( $+functions[compdef] )); then\n"
    "    compdef _bfctl bfctl\n"
    "fi\n";

static const char fish[] =
    "# Completion of bfctl for fish.\n"
    "function __bfctl_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l current \"$(commandline -ct)\"\n"
    "    for line in (command $words[1] __complete -- $words[2..-1] $current 2>/dev/null)\n"
    "        if test \"$line\" = :files\n"
    "            __fish_complete_path $current\n"
    "        else\n"
    "            echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c bfctl -f -a '(__bfctl_complete)'\n";

static const struct bf_option options[] = {CTL_OPTION_HELP(struct ctl_plain)};

static int run(struct ctl_call *call)
{
    static const struct { const char *shell, *script; } scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++)
        if (strcmp(call->words[0], scripts[i].shell) == 0) {
            fputs(scripts[i].script, stdout);
            return 0;
        }
    return ctl_fail(BF_USAGE, "there is no completion for '%.40s': known are bash, zsh and fish", call->words[0]);
}

static int run_complete(struct ctl_call *call)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf lines = {0};
    complete_words(ctl_commands(), call->n_rest, call->rest, complete_names, &lines);
    fputs(bf_buf_cstr(&lines), stdout);
    return 0;
}

const struct ctl_command cmd_completion = {
    .usage = "completion bash|zsh|fish",
    .about = "Prints what the shell runs to complete commands, options, formats, and the names of backfills, steps, agents and pools.\n"
             "The packages put it where bash, zsh and fish look for it.  Names are asked for within a second, or not offered.",
    .examples = "  source <(bfctl completion bash)\n  bfctl completion zsh > ~/.zfunc/_bfctl\n"
                "  bfctl completion fish > ~/.config/fish/completions/bfctl.fish",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = 1, .run = run};

const struct ctl_command cmd_complete = {
    .usage = "__complete -- [WORD…]",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .takes_rest = true, .run = run_complete};

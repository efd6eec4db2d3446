/* hq completion SHELL: the script that lets a shell ask `hq complete` at every Tab. */
#include <stdio.h>

#include "base/err.h"
#include "base/str.h"
#include "cli/output.h"
#include "cli/table.h"

static const char bash[] =
    "# bash completion for hq; made by: hq completion bash\n"
    "_hq()\n"
    "{\n"
    "    local line word=${COMP_WORDS[COMP_CWORD]} hq=${COMP_WORDS[0]/#\\~/$HOME}\n"
    "    [ \"$word\" = = ] && word=\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        :files | :dirs)\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            local kind=-f name\n"
    "            [ \"$line\" = :dirs ] && kind=-d\n"
    "            while IFS= read -r name; do COMPREPLY+=(\"$name\"); done < <(compgen $kind -- "
    "\"$word\")\n"
    "            ;;\n"
    "        *) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
    "        esac\n"
    "    done < <(\"$hq\" complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _hq hq\n";

static const char zsh[] =
    "#compdef hq\n"
    "# zsh completion for hq; made by: hq completion zsh\n"
    "_hq() {\n"
    "    local line\n"
    "    local -a names\n"
    "    for line in \"${(@f)$(\"${(Q)words[1]}\" complete -- \"${(@Q)words[2,CURRENT]}\" "
    "2>/dev/null)}\"; do\n"
    "        case $line in\n"
    "        :files) _files ;;\n"
    "        :dirs) _files -/ ;;\n"
    "        ?*) names+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
    "        esac\n"
    "    done\n"
    "    (( $#names )) && _describe hq names\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _hq ]; then\n"
    "    _hq \"$@\"\n"
    "else\n"
    "    compdef _hq hq\n"
    "fi\n";

static const char fish[] = "# fish completion for hq; made by: hq completion fish\n"
                           "function __hq_complete\n"
                           "    set -l tokens (commandline -opc)\n"
                           "    set -l word (commandline -ct)\n"
                           "    set -l hq $tokens[1]\n"
                           "    set -e tokens[1]\n"
                           "    for line in ($hq complete -- $tokens \"$word\" 2>/dev/null)\n"
                           "        switch $line\n"
                           "            case :files\n"
                           "                __fish_complete_path \"$word\"\n"
                           "            case :dirs\n"
                           "                __fish_complete_directories \"$word\"\n"
                           "            case '*'\n"
                           "                printf '%s\\n' $line\n"
                           "        end\n"
                           "    end\n"
                           "end\n"
                           "complete -c hq -f -a '(__hq_complete)'\n";

static const struct {
    const char *name, *script;
} shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

static int completion_run(const struct invocation *invocation)
{
    struct err err = {0};
    const char *known[] = {"bash", "zsh", "fish", NULL};
    const char *name = invocation->args[0];
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (!str_eq(shells[i].name, name))
            continue;
        fputs(shells[i].script, stdout);
        return COMMAND_OK;
    }
    const char *near = str_nearest(name, known);
    err_set(&err, "usage", "\"%s\" is no shell that hq knows: bash, zsh, fish", name);
    if (near)
        err_hint(&err, "Did you mean \"hq completion %s\"?", near);
    return output_fail(invocation, COMMAND_USAGE, &err);
}

const struct command command_completion = {
    .name = "completion",
    .group = "CARE",
    .usage = "bash|zsh|fish",
    .summary = "a script that completes hq's words with Tab",
    .details =
        "It asks this binary at every Tab, so it knows the agents, workflows, tasks, runs and "
        "items of the company that the line means, and nothing is started by it.\n",
    .examples = "source <(hq completion bash)\n"
                "hq completion zsh >~/.zfunc/_hq\n"
                "hq completion fish >~/.config/fish/completions/hq.fish\n",
    .min_args = 1,
    .max_args = 1,
    .run = completion_run,
    .reads = true,
};

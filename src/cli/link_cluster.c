/* cluster.sh: the seed's script that starts, stops and looks at the gateways of a company. Each of
 * its words is one of our commands, with or without systemd. */
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "cli/output.h"
#include "cli/table.h"

/* What a word means without an agent, and with one; the flags that its old meaning implies. */
struct cluster_word {
    const char *word;
    const struct command *all, *one;
    const char *flag; /* set in `all` */
};

static const struct cluster_word words[] = {
    {"start", &command_up, &command_start, "detach"},
    {"stop", &command_down, &command_stop, NULL},
    {"restart", &command_restart, &command_restart, NULL},
    {"status", &command_status, &command_status, NULL},
    {"logs", &command_logs, &command_logs, NULL},
};

static int fail_word(const struct invocation *invocation, const char *word)
{
    struct err err = {0};
    err_set(&err, "usage", "cluster.sh knows start, stop, restart, status and logs, not \"%s\"",
            word);
    return output_fail(invocation, COMMAND_USAGE, &err);
}

static void set_flag(struct invocation *invocation, const char *flag)
{
    const struct command_option *options = invocation->command->options;
    for (size_t i = 0; flag && options && options[i].name; i++)
        if (str_eq(options[i].name, flag))
            invocation->values[i] = "";
}

static int cluster_run(const struct invocation *invocation)
{
    const struct cluster_word *word = NULL;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (str_eq(words[i].word, invocation->args[0]))
            word = &words[i];
    if (!word)
        return fail_word(invocation, invocation->args[0]);
    bool is_all = invocation->arg_count == 1;
    struct invocation meant = *invocation;
    meant.command = is_all ? word->all : word->one;
    meant.args = invocation->args + 1;
    meant.arg_count = str_eq(word->word, "status") ? 0 : invocation->arg_count - 1;
    memset(meant.values, 0, sizeof(meant.values));
    meant.given = NULL;
    meant.given_count = 0;
    if (is_all) {
        set_flag(&meant, word->flag);
        set_flag(&meant, str_eq(word->word, "start") ? "wait" : NULL);
    }
    return meant.command->run(&meant);
}

const struct command command_link_cluster = {
    .name = "cluster.sh",
    .group = "LINKS",
    .usage = "start|stop|restart|status|logs [AGENT]",
    .summary = "the seed's script around all agents, or one",
    .details =
        "A link of this name to hq is the seed's script; so is `hq cluster.sh`. Without an agent, "
        "start is\n"
        "`hq up -d --wait` and stop is `hq down`; the other words are commands of the same name.\n",
    .examples = "cluster.sh start\n"
                "cluster.sh restart auditor\n"
                "cluster.sh logs webster\n",
    .min_args = 1,
    .max_args = 2,
    .run = cluster_run,
    .is_link = true,
};

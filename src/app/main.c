/* Where the program starts: the commands of the command line, and the processes that app builds. */
#include <stddef.h>

#include "app/backup_commands.h"
#include "app/gateway_process.h"
#include "app/hub_process.h"
#include "app/runner_process.h"
#include "cli/cli.h"
#include "sys/guard.h"

static int run_guard(const struct invocation *invocation)
{
    (void)invocation;
    return guard_main();
}

static const struct command hub_command = {
    .name = "hub",
    .group = "PLUMBING",
    .usage = "",
    .summary = "own the ledger, serve its API (for the supervisor)",
    .examples = "hq -C ~/atomizer hub\n",
    .run = hub_main,
};

static const struct command gateway_command = {
    .name = "gateway",
    .group = "PLUMBING",
    .usage = "AGENT",
    .summary = "be one agent: its hooks, its turns (likewise)",
    .examples = "hq -C ~/atomizer gateway auditor\n",
    .min_args = 1,
    .max_args = 1,
    .run = gateway_main,
};

static const struct command runner_command = {
    .name = "runner",
    .group = "PLUMBING",
    .usage = "",
    .summary = "execute the commands of workflows (likewise)",
    .examples = "hq -C ~/atomizer runner\n",
    .run = runner_main,
};

static const struct command guard_command = {
    .name = "guard",
    .group = "PLUMBING",
    .usage = "",
    .summary = "confine one command (for gateways and the runner)",
    .examples = "hq guard\n",
    .run = run_guard,
};

static const struct command *const extra[] = {
    &command_backup_create,  &command_backup_list, &command_backup_verify,
    &command_backup_restore, &hub_command,         &gateway_command,
    &runner_command,         &guard_command,       NULL,
};

int main(int argc, char **argv)
{
    return cli_main(argc, argv, extra);
}

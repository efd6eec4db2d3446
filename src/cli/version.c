/* hq version: what this binary is. */
#include <stdio.h>

#include "cli/output.h"
#include "cli/table.h"
#include "cli/version_commit.h"

static int version_run(const struct invocation *invocation)
{
    if (invocation->json)
        return output_json(json_pack("{s:s, s:s}", "version", HQ_VERSION, "commit", HQ_COMMIT));
    if (invocation->verbose && *HQ_COMMIT)
        puts("hq " HQ_VERSION " (" HQ_COMMIT ")");
    else
        puts("hq " HQ_VERSION);
    return COMMAND_OK;
}

const struct command command_version = {
    .name = "version",
    .group = "CARE",
    .usage = "",
    .summary = "what this binary is",
    .examples = "hq version\n",
    .run = version_run,
    .reads = true,
    .in_task = true,
};

/* hq status: the company at a glance; --watch keeps looking. */
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/census.h"
#include "cli/company.h"
#include "cli/output.h"
#include "cli/status_text.h"
#include "cli/status_watch.h"
#include "cli/table.h"
#include "config/config.h"

static const struct command_option status_options[] = {
    {"watch", 'w', NULL, "look again at each event and second, until Ctrl-C"},
    {0},
};

static int say_not_running(const struct invocation *invocation, const struct config *config)
{
    struct err err = {0};
    err_set(&err, "not_running", "%s is not running", config->company);
    err_hint(&err, "start it: hq -C %s up -d", config->dir);
    return output_fail(invocation, COMMAND_NOT_RUNNING, &err);
}

static void print_text(const struct invocation *invocation, const json_t *census)
{
    struct buf out = {0};
    struct status_look look = {.color = output_has_color(invocation, STDOUT_FILENO),
                               .utf8 = output_is_utf8(),
                               .columns = output_columns()};
    status_print(census, &look, &out);
    fwrite(buf_text(&out), 1, out.len, stdout);
    fflush(stdout);
    buf_fini(&out);
}

static int look_once(const struct invocation *invocation, const struct config *config)
{
    json_t *census = census_take(invocation, config);
    if (!census)
        return say_not_running(invocation, config);
    if (invocation->json)
        return output_json(census);
    print_text(invocation, census);
    json_decref(census);
    return COMMAND_OK;
}

static int status_run(const struct invocation *invocation)
{
    bool is_bad;
    struct config *config = company_open_any(invocation, &is_bad);
    if (!config)
        return COMMAND_USAGE;
    int code = invocation_has(invocation, "watch") ? status_watch(invocation, config)
                                                   : look_once(invocation, config);
    if (is_bad)
        output_note(invocation,
                    "%s has errors; the running company keeps the last good one. "
                    "See: hq config validate",
                    config->path);
    config_free(config);
    return code;
}

const struct command command_status = {
    .name = "status",
    .group = "RUN",
    .usage = "",
    .summary = "who works, who waits for whom, who is down",
    .examples = "hq status\n"
                "hq -C ~/atomizer status --json\n",
    .options = status_options,
    .run = status_run,
    .reads = true,
};

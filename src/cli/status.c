/* hq status: the company at a glance, once or again and again. */
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/company.h"
#include "cli/output.h"
#include "cli/status_facts.h"
#include "cli/status_screen.h"
#include "cli/table.h"
#include "config/config.h"
#include "net/fetch.h"

enum { WATCH_MS = 1000 };

static const struct command_option status_options[] = {
    {"watch", 'w', NULL, "again every second, until Ctrl-C"},
    {0},
};

static int not_running(const struct invocation *invocation, const struct config *config)
{
    struct err err;
    err_set(&err, "not_running", "%s is not running", config->company);
    err_hint(&err, "start it: hq -C %s up -d", config->dir);
    return output_fail(invocation, COMMAND_NOT_RUNNING, &err);
}

static void show(const struct invocation *invocation, const json_t *facts, bool again)
{
    struct buf page = {0};
    struct status_look look = {output_columns(), output_is_utf8(),
                               output_has_color(invocation, STDOUT_FILENO)};
    status_screen(facts, &look, &page);
    if (again && isatty(STDOUT_FILENO))
        fputs("\033[H\033[2J", stdout);
    fwrite(buf_text(&page), 1, page.len, stdout);
    fflush(stdout);
    buf_fini(&page);
}

static int show_once(const struct invocation *invocation, const struct config *config,
                     struct fetch *fetch, bool again)
{
    json_t *facts = status_facts(invocation, config, fetch);
    bool down = str_eq(json_get_text(facts, "state", ""), "down");
    int code = COMMAND_OK;
    if (down && !again)
        code = not_running(invocation, config);
    else if (invocation->json && again)
        output_json_line(json_incref(facts));
    else if (invocation->json)
        code = output_json(json_incref(facts));
    else
        show(invocation, facts, again);
    json_decref(facts);
    return code;
}

static int status_run(const struct invocation *invocation)
{
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    struct fetch *fetch = fetch_open();
    bool again = invocation_has(invocation, "watch");
    int code = show_once(invocation, config, fetch, again);
    while (again && code == COMMAND_OK && !ferror(stdout)) {
        usleep(WATCH_MS * 1000);
        code = show_once(invocation, config, fetch, again);
    }
    fetch_close(fetch);
    config_free(config);
    return code;
}

const struct command command_status = {
    .name = "status",
    .group = "RUN",
    .usage = "",
    .summary = "who works, who waits for what, who is down",
    .details = "With the hub down it answers from the process locks. Exit 3 when nothing runs.\n",
    .options = status_options,
    .run = status_run,
};

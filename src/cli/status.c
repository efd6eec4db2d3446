/* hq status: the company at a glance; --watch keeps looking. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/census.h"
#include "cli/company.h"
#include "cli/output.h"
#include "cli/status_text.h"
#include "cli/table.h"
#include "config/config.h"

enum { WATCH_EVERY_MS = 1000 };

static volatile sig_atomic_t is_interrupted;

static const struct command_option status_options[] = {
    {"watch", 'w', NULL, "look again every second until Ctrl-C"},
    {0},
};

static int say_not_running(const struct invocation *invocation, const struct config *config)
{
    struct err err = {0};
    err_set(&err, "not_running", "%s is not running", config->company);
    err_hint(&err, "start it: hq -C %s up -d", config->dir);
    return output_fail(invocation, COMMAND_NOT_RUNNING, &err);
}

static void print_text(const struct invocation *invocation, const json_t *census, bool clear)
{
    struct buf out = {0};
    struct status_look look = {.color = output_has_color(invocation, STDOUT_FILENO),
                               .utf8 = output_is_utf8(),
                               .columns = output_columns()};
    if (clear)
        buf_puts(&out, "\033[H\033[2J");
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
    print_text(invocation, census, false);
    json_decref(census);
    return COMMAND_OK;
}

static void on_interrupt(int signal)
{
    (void)signal;
    is_interrupted = 1;
}

static void watch_once(const struct invocation *invocation, bool terminal)
{
    struct arena arena = {0};
    struct invocation one = *invocation;
    bool is_bad;
    one.arena = &arena;
    struct config *config = company_open_any(&one, &is_bad);
    json_t *census = config ? census_take(&one, config) : NULL;
    if (invocation->json)
        output_json_line(census ? json_incref(census) : json_pack("{s:s}", "state", "down"));
    else if (census)
        print_text(&one, census, terminal);
    else
        printf("%s%s is not running\n", terminal ? "\033[H\033[2J" : "",
               config ? config->company : "");
    fflush(stdout);
    json_decref(census);
    config_free(config);
    arena_fini(&arena);
}

static int watch(const struct invocation *invocation)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    bool terminal = isatty(STDOUT_FILENO);
    int64_t until =
        invocation->timeout_ms >= 0 ? time_boot_ms() + invocation->timeout_ms : INT64_MAX;
    sigaction(SIGINT, &action, NULL);
    while (!is_interrupted && time_boot_ms() < until && !ferror(stdout)) {
        watch_once(invocation, terminal);
        poll(NULL, 0, WATCH_EVERY_MS);
    }
    return is_interrupted ? COMMAND_INTERRUPTED : COMMAND_TIMEOUT;
}

static int status_run(const struct invocation *invocation)
{
    bool is_bad;
    struct config *config = company_open_any(invocation, &is_bad);
    if (!config)
        return COMMAND_USAGE;
    int code =
        invocation_has(invocation, "watch") ? watch(invocation) : look_once(invocation, config);
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

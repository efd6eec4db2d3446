/* hq down: everything of the company ends, with or without a supervisor. */
#include <signal.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/company.h"
#include "cli/down.h"
#include "cli/managed.h"
#include "cli/output.h"
#include "cli/service.h"
#include "cli/table.h"
#include "config/config.h"
#include "supervise/child.h"
#include "supervise/control.h"
#include "supervise/runfiles.h"

enum {
    DOWN_PATIENCE_MS = 90000,
    DRAIN_MS = 10000,
    NOTICE_MS = 1000,
    ASKED_MS = 100 /* pending together, SIGINT would be read before SIGTERM */
};

/* Who is not gone yet, told once a wait has become noticeable. */
static void say_who_drains(const struct invocation *invocation, const struct config *config)
{
    size_t i;
    const json_t *child;
    struct buf names = {0};
    json_t *board = runfile_board_get(config);
    json_array_foreach (json_object_get(board, "children"), i, child)
        if (str_eq(json_get_text(child, "state", ""), "stopping"))
            buf_printf(&names, "%s%s", names.len ? ", " : "", json_get_text(child, "name", ""));
    if (names.len)
        output_note(invocation,
                    "waits for %s: running turns get %d s; hq down --timeout 0s stops them now",
                    buf_text(&names), CHILD_DRAIN_MS / 1000);
    buf_fini(&names);
    json_decref(board);
}

/* SIGTERM drains; at the deadline as with further Ctrl-C: stop, then kill. */
static bool end_supervisor(const struct invocation *invocation, const struct config *config,
                           int64_t patience)
{
    control_signal(config, "supervisor", SIGTERM, NULL);
    if (patience > NOTICE_MS) {
        if (control_wait_end(config, "supervisor", NOTICE_MS))
            return true;
        say_who_drains(invocation, config);
    }
    if (control_wait_end(config, "supervisor", patience > ASKED_MS ? patience : ASKED_MS))
        return true;
    control_signal(config, "supervisor", SIGINT, NULL);
    if (control_wait_end(config, "supervisor", DRAIN_MS))
        return true;
    control_signal(config, "supervisor", SIGINT, NULL);
    if (control_wait_end(config, "supervisor", DRAIN_MS))
        return true;
    /* One that is stopped or hangs: its children outlive it and are ended without it. */
    control_signal(config, "supervisor", SIGKILL, NULL);
    return control_wait_end(config, "supervisor", DRAIN_MS);
}

int down_company(const struct invocation *invocation, const struct config *config,
                 int64_t patience_ms, bool *was_up)
{
    struct err err = {0};
    bool supervised = control_look(config, "supervisor", NULL);
    if (supervised && !end_supervisor(invocation, config, patience_ms)) {
        err_set(&err, "still_running", "the supervisor of %s does not end", config->company);
        err_hint(&err, "see: hq logs; then hq down again");
        return output_fail(invocation, COMMAND_FAILED, &err);
    }
    int count = control_end_all(config, patience_ms < DRAIN_MS ? patience_ms : DRAIN_MS, &err);
    *was_up = supervised || count;
    return count < 0 ? output_fail(invocation, COMMAND_FAILED, &err) : COMMAND_OK;
}

static int down_run(const struct invocation *invocation)
{
    bool is_bad, was_up = false;
    struct config *config = company_open_any(invocation, &is_bad);
    if (!config)
        return COMMAND_USAGE;
    struct service service;
    if (!control_look(config, "supervisor", NULL) &&
        service_is_managed(config, &service, invocation->arena)) {
        int managed =
            managed_down(invocation, &service,
                         invocation->timeout_ms >= 0 ? invocation->timeout_ms : DOWN_PATIENCE_MS);
        config_free(config);
        return managed;
    }
    int64_t patience = invocation->timeout_ms >= 0 ? invocation->timeout_ms : DOWN_PATIENCE_MS;
    int code = down_company(invocation, config, patience, &was_up);
    if (code == COMMAND_OK)
        output_note(invocation, "%s %s", config->company, was_up ? "is down" : "was not running");
    config_free(config);
    return code;
}

const struct command command_down = {
    .name = "down",
    .group = "RUN",
    .usage = "",
    .summary = "end the company; running turns may end first",
    .details = "With --timeout DUR turns that still run then are stopped; their tasks go on at the "
               "next start.\n",
    .examples = "hq down\n"
                "hq down --timeout 30s\n",
    .run = down_run,
};

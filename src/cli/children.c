/* hq start, stop, restart, reload: single agents, and the runner, of a running company. */
#include "base/err.h"
#include "base/str.h"
#include "cli/board.h"
#include "cli/company.h"
#include "cli/managed.h"
#include "cli/output.h"
#include "cli/service.h"
#include "cli/table.h"
#include "config/config.h"
#include "supervise/child.h"
#include "supervise/control.h"
#include "supervise/life.h"
#include "supervise/runfiles.h"

enum { CHILDREN_WAIT_MS = 90000, NUDGE_MS = 10000 };

/* The ids of the agents named (none: all, the runner too), NULL at the end; NULL after saying who
 * is unknown. */
static const char *const *agents_named(const struct invocation *invocation,
                                       const struct config *config)
{
    struct err err;
    size_t count = 0;
    const char **names = arena_alloc(
        invocation->arena, (config->agent_count + invocation->arg_count + 2) * sizeof(*names));
    for (size_t i = 0; i < invocation->arg_count; i++) {
        const struct config_agent *agent = config_agent(config, invocation->args[i]);
        bool is_runner = config->runner && str_eq(invocation->args[i], RUNNER_NAME);
        if (!agent && !is_runner) {
            company_no_agent(config, invocation->args[i], invocation->arena, &err);
            output_fail(invocation, COMMAND_USAGE, &err);
            return NULL;
        }
        names[count++] = is_runner ? RUNNER_NAME : agent->id;
    }
    for (size_t i = 0; invocation->arg_count == 0 && i < config->agent_count; i++)
        names[count++] = config->agents[i].id;
    if (invocation->arg_count == 0 && config->runner)
        names[count++] = RUNNER_NAME;
    return names;
}

static int not_running(const struct invocation *invocation, const struct config *config)
{
    struct err err;
    err_set(&err, "not_running", "no supervisor of %s runs", config->company);
    err_hint(&err, "start it: hq -C %s up -d", config->dir);
    return output_fail(invocation, COMMAND_NOT_RUNNING, &err);
}

/* The same verbs where systemd keeps the company. */
typedef int managed_verb(const struct invocation *invocation, const struct service *service,
                         const char *const *names, int64_t ms);

/* What a verb writes for one agent. */
typedef int wish(const struct config *config, const char *name, struct err *err);

static int wish_stop(const struct config *config, const char *name, struct err *err)
{
    return runfile_put(config, name, RUNFILE_DOWN, "stopped by hand", err);
}

static int wish_start(const struct config *config, const char *name, struct err *err)
{
    (void)err;
    runfile_take(config, name, RUNFILE_DOWN);
    return 0;
}

static int wish_restart(const struct config *config, const char *name, struct err *err)
{
    runfile_take(config, name, RUNFILE_DOWN);
    return runfile_put(config, name, RUNFILE_RESTART, "", err);
}

static int make_wishes(const struct invocation *invocation, const struct config *config,
                       const char *const *names, wish *make)
{
    struct err err;
    for (size_t i = 0; names[i]; i++)
        if (make(config, names[i], &err) < 0)
            return output_fail(invocation, COMMAND_FAILED, &err);
    if (make == wish_start && runfile_put(config, "supervisor", RUNFILE_RETRY, "", &err) < 0)
        return output_fail(invocation, COMMAND_FAILED, &err);
    return COMMAND_OK;
}

/* Nobody would start them again, but they can be ended; a later supervisor leaves them stopped. */
static int stop_alone(const struct invocation *invocation, const struct config *config,
                      const char *const *names)
{
    struct err err;
    char lock[96];
    int code = make_wishes(invocation, config, names, wish_stop);
    for (size_t i = 0; names[i] && code == COMMAND_OK; i++) {
        life_lock_name(names[i], lock);
        if (control_end(config, lock, CHILD_DRAIN_MS))
            continue;
        err_set(&err, "will_not_end", "%s does not end, not even killed", names[i]);
        code = output_fail(invocation, COMMAND_FAILED, &err);
    }
    return code;
}

static int change_named(const struct invocation *invocation, const struct config *config,
                        const char *const *names, wish *make, const char *state)
{
    int64_t patience = invocation->timeout_ms >= 0 ? invocation->timeout_ms : CHILDREN_WAIT_MS;
    if (!control_look(config, "supervisor", NULL))
        return make == wish_stop ? stop_alone(invocation, config, names)
                                 : not_running(invocation, config);
    int code = make_wishes(invocation, config, names, make);
    if (code == COMMAND_OK)
        code = board_nudge(invocation, config, NUDGE_MS);
    return code == COMMAND_OK ? board_wait_state(invocation, config, names, state, patience) : code;
}

static bool is_managed(const struct invocation *invocation, const struct config *config,
                       struct service *service)
{
    return !control_look(config, "supervisor", NULL) &&
           service_is_managed(config, service, invocation->arena);
}

/* A verb, both ways. */
struct verb {
    wish *make;
    const char *state;
    managed_verb *managed;
};

static int change(const struct invocation *invocation, const struct verb *verb)
{
    struct service service;
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    const char *const *names = agents_named(invocation, config);
    int code = COMMAND_USAGE;
    if (names && is_managed(invocation, config, &service))
        code =
            verb->managed(invocation, &service, names,
                          invocation->timeout_ms >= 0 ? invocation->timeout_ms : CHILDREN_WAIT_MS);
    else if (names)
        code = change_named(invocation, config, names, verb->make, verb->state);
    config_free(config);
    return code;
}

static int start_run(const struct invocation *invocation)
{
    return change(invocation, &(struct verb){wish_start, "ready", managed_start});
}

static int stop_run(const struct invocation *invocation)
{
    return change(invocation, &(struct verb){wish_stop, "stopped", managed_stop});
}

static int restart_run(const struct invocation *invocation)
{
    return change(invocation, &(struct verb){wish_restart, "ready", managed_restart});
}

/* The supervisor reads the file again; who changed is restarted. A bad file changes nothing. */
static int reload_run(const struct invocation *invocation)
{
    struct err err;
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    struct service service;
    int code = COMMAND_OK;
    if (is_managed(invocation, config, &service)) {
        code = managed_reload(invocation, &service, CHILDREN_WAIT_MS);
    } else if (!control_look(config, "supervisor", NULL)) {
        code = not_running(invocation, config);
    } else if (runfile_put(config, "supervisor", RUNFILE_RELOAD, "", &err) < 0) {
        code = output_fail(invocation, COMMAND_FAILED, &err);
    } else {
        code = board_nudge(invocation, config, NUDGE_MS);
        if (code == COMMAND_OK)
            code = board_wait_ready(invocation, config, CHILDREN_WAIT_MS);
    }
    config_free(config);
    return code;
}

const struct command command_start = {
    .name = "start",
    .group = "RUN",
    .usage = "[AGENT…]",
    .summary = "start who was stopped or held (agents, runner)",
    .examples = "hq start auditor\n"
                "hq start\n",
    .max_args = 1000,
    .run = start_run,
};

const struct command command_stop = {
    .name = "stop",
    .group = "RUN",
    .usage = "[AGENT…]",
    .summary = "stop agents (or the runner) until started",
    .examples = "hq stop auditor\n",
    .max_args = 1000,
    .run = stop_run,
};

const struct command command_restart = {
    .name = "restart",
    .group = "RUN",
    .usage = "[AGENT…]",
    .summary = "end agents (or the runner) and start them again",
    .details =
        "Without a name all of them, not the hub: it has no turns to lose, and everybody waits\n"
        "for it. Changed hq.yaml: hq reload restarts the hub, too, where it has to. A new\n"
        "program for all: hq down && hq up -d.\n",
    .examples = "hq restart auditor webster\n"
                "hq restart\n",
    .max_args = 1000,
    .run = restart_run,
};

const struct command command_reload = {
    .name = "reload",
    .group = "RUN",
    .usage = "",
    .summary = "read hq.yaml again; whom it concerns is restarted",
    .details =
        "Any change restarts the hub, at once. An agent is restarted, after its running turns,\n"
        "when something changed that it reads: its own lines, providers, people, webhooks, logs,\n"
        "retention, or the agents that it may ask. Others go on. Under systemd everybody who\n"
        "runs with another file is restarted.\n",
    .examples = "hq config validate && hq reload\n",
    .run = reload_run,
};

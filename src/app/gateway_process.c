/* An agent from top to bottom: config, lock, door, worker, until a signal; then the turns end. */
#include <signal.h>
#include <unistd.h>

#include "app/gateway_process.h"
#include "app/process.h"
#include "base/err.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/company.h"
#include "config/config.h"
#include "gateway/gateway.h"

enum {
    DRAIN_MS = 600000,   /* running turns may go on this long after the first signal */
    GIVE_BACK_MS = 5000, /* … and this long after the second */
};

static const struct config_agent *own_agent(const struct config *config, const char *id,
                                            struct err *err)
{
    const struct config_agent *agent = config_agent(config, id);
    if (!agent)
        err_set(err, "unknown_agent", "%s has no agent \"%s\"", config->path, id);
    return agent;
}

/* Waits for idleness, a further signal or the time; returns whether it is idle. */
static bool wait_idle(struct process *process, struct gateway *gateway, int64_t ms)
{
    int64_t until = time_boot_ms() + ms;
    while (time_boot_ms() < until) {
        if (gateway_wait_idle(gateway, 100))
            return true;
        int number = process_signal(process, 0);
        if (number == SIGTERM || number == SIGINT)
            return false;
    }
    return false;
}

static void drain(struct process *process, struct gateway *gateway)
{
    gateway_drain(gateway, false);
    log_info("draining: %d turns run", gateway_running(gateway));
    if (wait_idle(process, gateway, DRAIN_MS))
        return;
    gateway_drain(gateway, true);
    log_info("giving back %d turns", gateway_running(gateway));
    if (!wait_idle(process, gateway, GIVE_BACK_MS))
        log_warn("%d turns did not stop; their tasks will be claimed again",
                 gateway_running(gateway));
}

/* Ready is: the port listens and the hub knows this process. */
static void serve(struct process *process, struct gateway *gateway)
{
    bool told = false;
    for (;;) {
        if (!told && gateway_wait_registered(gateway, 100)) {
            process_ready(process, gateway_port(gateway), gateway_nonce(gateway));
            told = true;
        }
        int number = process_signal(process, told ? 2000 : 0);
        if (number == SIGTERM || number == SIGINT)
            return;
    }
}

static int run(struct process *process, const struct config *config,
               const struct config_agent *agent, struct err *err)
{
    if (process_lock(process, config, err) < 0)
        return -1;
    struct gateway *gateway = gateway_open(config, agent, err);
    if (!gateway)
        return -1;
    if (gateway_start(gateway, err) < 0) {
        gateway_close(gateway);
        return -1;
    }
    serve(process, gateway);
    drain(process, gateway);
    if (gateway_running(gateway) > 0)
        _exit(COMMAND_OK);
    gateway_close(gateway);
    return 0;
}

int gateway_main(const struct invocation *invocation)
{
    struct process process;
    struct err err = {0};
    const char *name = arena_printf(invocation->arena, "gateway-%s", invocation->args[0]);
    process_init(&process, name);
    log_init(invocation->args[0], LOG_INFO);
    struct config *config = company_open(invocation);
    const struct config_agent *agent =
        config ? own_agent(config, invocation->args[0], &err) : NULL;
    int code = COMMAND_CONFIG;
    if (!config)
        err_set(&err, "bad_config", "the configuration is wrong");
    if (agent)
        code = run(&process, config, agent, &err) == 0 ? COMMAND_OK : COMMAND_FAILED;
    if (code != COMMAND_OK)
        process_failed(&process, &err);
    process_fini(&process);
    if (config)
        config_free(config);
    return code;
}

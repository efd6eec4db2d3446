/* An agent from top to bottom: config, lock, door, worker, until a signal; then the turns end. */
#include <unistd.h>

#include "app/gateway_process.h"
#include "app/process.h"
#include "app/serve.h"
#include "base/err.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/company.h"
#include "config/config.h"
#include "gateway/gateway.h"

static const struct config_agent *own_agent(const struct config *config, const char *id,
                                            struct err *err)
{
    const struct config_agent *agent = config_agent(config, id);
    if (!agent)
        err_set(err, "unknown_agent", "%s has no agent \"%s\"", config->path, id);
    return agent;
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
    const struct serving serving = {.worker = gateway_worker(gateway),
                                    .port = gateway_port(gateway),
                                    .nonce = gateway_nonce(gateway)};
    if (serve_worker(process, &serving) > 0)
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

/* The runner from top to bottom: config, lock, worker, until a signal; then its commands end. */
#include <unistd.h>

#include "app/process.h"
#include "app/runner_process.h"
#include "app/serve.h"
#include "base/err.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/company.h"
#include "config/config.h"
#include "runner/runner.h"

static void look(void *ctx)
{
    runner_sweep(ctx);
}

static int run(struct process *process, const struct config *config, struct err *err)
{
    if (process_lock(process, config, err) < 0)
        return -1;
    struct runner *runner = runner_open(config, err);
    if (!runner)
        return -1;
    if (runner_start(runner, err) < 0) {
        runner_close(runner);
        return -1;
    }
    const struct serving serving = {.worker = runner_worker(runner),
                                    .nonce = runner_nonce(runner),
                                    .look = look,
                                    .ctx = runner};
    if (serve_worker(process, &serving) > 0)
        _exit(COMMAND_OK);
    runner_close(runner);
    return 0;
}

int runner_main(const struct invocation *invocation)
{
    struct process process;
    struct err err = {0};
    process_init(&process, "runner");
    struct config *config = company_open(invocation);
    int code = COMMAND_CONFIG;
    if (!config)
        err_set(&err, "bad_config", "the configuration is wrong");
    else
        code = run(&process, config, &err) == 0 ? COMMAND_OK : COMMAND_FAILED;
    if (code != COMMAND_OK)
        process_failed(&process, &err);
    process_fini(&process);
    if (config)
        config_free(config);
    return code;
}

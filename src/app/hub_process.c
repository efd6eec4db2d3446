/* The hub from top to bottom: config, lock, store, API, until a signal. */
#include <signal.h>

#include "app/hub_process.h"
#include "app/process.h"
#include "base/err.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/company.h"
#include "config/config.h"
#include "config/secret.h"
#include "hub/hub.h"
#include "ledger/store.h"

enum { HUB_SILENT_MS = 20000 }; /* a slow disk's commits take under one second */

static struct hub *open_hub(struct process *process, const struct config *config, struct err *err)
{
    if (process_lock(process, config, err) < 0 || secret_make_tokens(config, err) < 0)
        return NULL;
    struct store *store = store_sqlite_open(config->state, err);
    return store ? hub_open(config, store, err) : NULL;
}

/* A hub whose ledger takes no work does none, though its threads live. */
static bool gets_on(void *ctx)
{
    return hub_silent_ms(ctx) < HUB_SILENT_MS;
}

/* Returns whether it ended because it was asked to. */
static bool serve(struct process *process, struct hub *hub)
{
    process_watch(process, gets_on, hub);
    while (hub_is_sound(hub, 0)) {
        int number = process_signal(process, 1000);
        if (number == SIGTERM || number == SIGINT) {
            log_info("asked to end (signal %d)", number);
            process_tell(process, true, "asked to end");
            return true;
        }
    }
    log_error("the ledger can no longer be trusted: ending, to start from what is on disk");
    return false;
}

int hub_main(const struct invocation *invocation)
{
    struct process process;
    struct err err = {0};
    process_init(&process, "hub");
    struct config *config = company_open(invocation);
    if (!config) {
        err_set(&err, "bad_config", "the configuration is wrong");
        process_failed(&process, &err);
        return COMMAND_CONFIG;
    }
    int code = COMMAND_FAILED;
    struct hub *hub = open_hub(&process, config, &err);
    if (hub) {
        process_ready(&process, hub_port(hub), NULL);
        code = serve(&process, hub) ? COMMAND_OK : COMMAND_FAILED;
        hub_close(hub);
    } else {
        process_failed(&process, &err);
    }
    process_fini(&process);
    config_free(config);
    return code;
}

/* Folders, tokens, names, ports: checked in this order. */
#include "supervise/prepare.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "config/secret.h"
#include "supervise/ports.h"
#include "supervise/runfiles.h"

/* These names are taken in state/run/ and state/logs/. */
static int check_names(const struct config *config, struct err *err)
{
    static const char *const taken[] = {"hub", "runner", "supervisor", NULL};
    for (size_t i = 0; i < config->agent_count; i++) {
        if (!str_in(config->agents[i].id, taken))
            continue;
        err_set(err, "bad_config", "an agent cannot be called \"%s\"", config->agents[i].id);
        err_hint(err, "Give it another name in %s.", config->path);
        return -1;
    }
    return 0;
}

int supervise_prepare(const struct config *config, struct err *err)
{
    if (check_names(config, err) < 0 || runfile_make_folders(config, err) < 0)
        return -1;
    crash_point("supervisor.tokens.before");
    if (secret_make_tokens(config, err) < 0)
        return -1;
    crash_point("supervisor.tokens.after");
    return ports_check(config, err);
}

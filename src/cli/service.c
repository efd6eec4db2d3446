/* Finds which units a command is about. */
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "cli/company.h"
#include "cli/output.h"
#include "cli/service.h"
#include "config/config.h"
#include "service/disk.h"
#include "service/systemd.h"

#define SCOPES                                                                                     \
    {"user", 0, NULL, "the units of this user's own manager"},                                     \
    {                                                                                              \
        "system", 0, NULL, "the units of the machine, run as the owner of the company's folder"    \
    }

const struct command_option service_look_options[] = {SCOPES, {0}};

const struct command_option service_options[] = {
    SCOPES, {"dry-run", 0, NULL, "say what would be done, do nothing"}, {0}};

static const char *find_in(const struct config *config, enum service_scope scope,
                           struct arena *arena)
{
    struct service service;
    struct err ignored;
    return service_init(&service, config, scope, arena, &ignored) == 0 ? disk_find(&service, arena)
                                                                       : NULL;
}

static int choose_scope(const struct invocation *invocation, const struct config *config,
                        enum service_scope *scope, struct err *err)
{
    bool user = invocation_has(invocation, "user"), system = invocation_has(invocation, "system");
    if (user && system)
        return err_set(err, "usage", "--user and --system exclude each other");
    if (user || system)
        *scope = system ? SERVICE_SYSTEM : SERVICE_USER;
    else if (find_in(config, SERVICE_SYSTEM, invocation->arena))
        *scope = SERVICE_SYSTEM;
    else if (find_in(config, SERVICE_USER, invocation->arena))
        *scope = SERVICE_USER;
    else
        *scope = geteuid() == 0 ? SERVICE_SYSTEM : SERVICE_USER;
    return 0;
}

int service_open(const struct invocation *invocation, struct service_line *line)
{
    struct err err = {0};
    enum service_scope scope = SERVICE_USER;
    *line = (struct service_line){.invocation = invocation, .config = company_open(invocation)};
    if (!line->config)
        return COMMAND_USAGE;
    if (choose_scope(invocation, line->config, &scope, &err) < 0 ||
        service_init(&line->service, line->config, scope, invocation->arena, &err) < 0) {
        service_close(line);
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    line->units = units_make(&line->service, invocation->arena, &line->unit_count);
    line->installed = disk_find(&line->service, invocation->arena);
    return COMMAND_OK;
}

void service_close(struct service_line *line)
{
    config_free(line->config);
    line->config = NULL;
}

const char *service_elsewhere(const struct service_line *line)
{
    bool is_system = line->service.scope == SERVICE_SYSTEM;
    return find_in(line->config, is_system ? SERVICE_USER : SERVICE_SYSTEM,
                   line->invocation->arena);
}

bool service_is_managed(const struct config *config, struct service *service, struct arena *arena)
{
    static const enum service_scope scopes[] = {SERVICE_SYSTEM, SERVICE_USER};
    struct err ignored;
    for (size_t i = 0; i < 2; i++) {
        const char *name;
        if (!systemd_runs(scopes[i]) ||
            service_init(service, config, scopes[i], arena, &ignored) < 0 ||
            !(name = disk_find(service, arena)))
            continue;
        if (name != service->name)
            strcpy(service->name, name);
        return true;
    }
    return false;
}

/* Works out names, owner and folders; writes nothing. */
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "service/quote.h"
#include "service/service.h"
#include "sys/spawn.h"

const char *service_scope_name(enum service_scope scope)
{
    return scope == SERVICE_SYSTEM ? "system" : "user";
}

/* systemd.unit(5): where an administrator's and a user's own units lie. */
static int find_folder(struct service *service, struct arena *arena, struct err *err)
{
    const char *config_home = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (service->scope == SERVICE_SYSTEM)
        service->folder = "/etc/systemd/system";
    else if (!str_is_empty(config_home) && *config_home == '/')
        service->folder = arena_printf(arena, "%s/systemd/user", config_home);
    else if (!str_is_empty(home) && *home == '/')
        service->folder = arena_printf(arena, "%s/.config/systemd/user", home);
    else
        return err_set(err, "no_home", "neither HOME nor XDG_CONFIG_HOME says where units lie");
    return 0;
}

/* What runs the company must be able to write its folder and nobody else's. */
static int find_owner(struct service *service, struct arena *arena, struct err *err)
{
    struct stat info;
    const char *dir = service->config->dir;
    if (service->scope == SERVICE_USER)
        return 0;
    if (stat(dir, &info) < 0)
        return err_errno(err, "no_owner", "cannot look at %s", dir);
    struct passwd *user = getpwuid(info.st_uid);
    service->user = user ? arena_strdup(arena, user->pw_name) : NULL;
    struct group *group = user ? getgrgid(user->pw_gid) : NULL;
    service->group = group ? arena_strdup(arena, group->gr_name) : NULL;
    if (service->user && service->group)
        return 0;
    err_set(err, "no_owner", "%s belongs to user %u, who has no name on this machine", dir,
            (unsigned)info.st_uid);
    err_hint(err, "give it to the user that the company is to run as: chown -R NAME %s", dir);
    return -1;
}

struct secrets {
    const char **there, **missing;
    size_t there_count, missing_count;
};

static void add_once(const char **list, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (str_eq(list[i], name))
            return;
    list[(*count)++] = name;
}

static void sort_secret(struct secrets *secrets, const struct service *service, const char *name,
                        struct arena *arena)
{
    if (!name)
        return;
    const char *path = arena_printf(arena, "%s/%s", service->config->secrets, name);
    if (access(path, F_OK) == 0)
        add_once(secrets->there, &secrets->there_count, name);
    else
        add_once(secrets->missing, &secrets->missing_count, name);
}

static void find_secrets(struct service *service, struct arena *arena)
{
    const struct config *config = service->config;
    size_t most = config->model_count + config->webhook_count + 1;
    struct secrets secrets = {.there = arena_alloc(arena, most * sizeof(char *)),
                              .missing = arena_alloc(arena, most * sizeof(char *))};
    for (size_t i = 0; i < config->model_count; i++)
        sort_secret(&secrets, service, config->models[i].api_key.env, arena);
    for (size_t i = 0; i < config->webhook_count; i++)
        sort_secret(&secrets, service, config->webhooks[i].url.env, arena);
    service->credentials = secrets.there;
    service->missing = secrets.missing;
}

static int check_paths(const struct service *service, struct arena *arena, struct err *err)
{
    const char *const *writable = service_writable(service, arena);
    for (size_t i = 0; writable[i]; i++)
        if (quote_check(writable[i], err) < 0)
            return -1;
    if (quote_check(service->program, err) < 0)
        return -1;
    return quote_check(service->config->state, err);
}

int service_init(struct service *service, const struct config *config, enum service_scope scope,
                 struct arena *arena, struct err *err)
{
    *service = (struct service){.config = config, .scope = scope, .program = spawn_self()};
    quote_unit_name(config->company, service->name);
    if (find_folder(service, arena, err) < 0 || find_owner(service, arena, err) < 0)
        return -1;
    find_secrets(service, arena);
    return check_paths(service, arena, err);
}

const char *service_target(const struct service *service, struct arena *arena)
{
    return arena_printf(arena, "hq-%s.target", service->name);
}

const char *service_unit(const struct service *service, const char *who, struct arena *arena)
{
    bool is_agent = !str_eq(who, "hub") && !str_eq(who, "runner");
    return arena_printf(arena, "hq-%s%c%s.service", service->name, is_agent ? '@' : '-', who);
}

const char *service_who(const struct service *service, const char *unit, struct arena *arena)
{
    const char *const *all = service_everybody(service, arena);
    const char *template = arena_printf(arena, "hq-%s@", service->name);
    for (size_t i = 0; all[i]; i++)
        if (str_eq(unit, service_unit(service, all[i], arena)))
            return all[i];
    if (str_starts(unit, template) && str_ends(unit, ".service"))
        return arena_memdup(arena, unit + strlen(template),
                            strlen(unit) - strlen(template) - strlen(".service"));
    return NULL;
}

const char *const *service_everybody(const struct service *service, struct arena *arena)
{
    const struct config *config = service->config;
    const char **all = arena_alloc(arena, (config->agent_count + 3) * sizeof(*all));
    size_t count = 0;
    all[count++] = "hub";
    for (size_t i = 0; i < config->agent_count; i++)
        all[count++] = config->agents[i].id;
    if (config->runner)
        all[count++] = "runner";
    return all;
}

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return str_starts(path, folder) && (path[len] == '\0' || path[len] == '/');
}

static void add_outside(const char **list, size_t *count, const char *path)
{
    for (size_t i = 0; path && i < *count; i++)
        if (is_below(path, list[i]))
            return;
    if (path)
        list[(*count)++] = path;
}

const char *const *service_writable(const struct service *service, struct arena *arena)
{
    const struct config *config = service->config;
    const char **list = arena_alloc(arena, (config->agent_count * 2 + 6) * sizeof(*list));
    size_t count = 0;
    add_outside(list, &count, config->dir);
    add_outside(list, &count, config->state);
    add_outside(list, &count, config->secrets);
    add_outside(list, &count, config->shared_dir);
    add_outside(list, &count, config->jobs);
    for (size_t i = 0; i < config->agent_count; i++) {
        add_outside(list, &count, config->agents[i].workspace);
        add_outside(list, &count, config->agents[i].instance);
    }
    return list;
}

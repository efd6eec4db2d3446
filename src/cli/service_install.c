/* hq service install and uninstall: puts the units in place, has systemd read them, starts nothing.
 */
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/output.h"
#include "cli/service.h"
#include "cli/table.h"
#include "config/config.h"
#include "service/disk.h"
#include "service/systemd.h"
#include "supervise/control.h"

enum { MANAGER_LOOKS = 100, MANAGER_LOOK_MS = 100 };

struct doing {
    struct service_line line;
    bool dry;
    json_t *done; /* what was or would be done, for --json */
};

/* Each thing that is changed is said as it is done, and alike where it would be. */
static void say(struct doing *doing, const char *verb, const char *what)
{
    json_array_append_new(doing->done, json_pack("{s:s,s:s}", "action", verb, "what", what));
    if (!doing->line.invocation->json && !doing->line.invocation->quiet)
        printf("%s%s %s\n", doing->dry ? "would " : "", verb, what);
}

static int call(struct doing *doing, const char *const *args, struct err *err)
{
    struct arena *arena = doing->line.invocation->arena;
    const char *words =
        doing->line.service.scope == SERVICE_USER ? "systemctl --user" : "systemctl";
    for (size_t i = 0; args[i]; i++)
        words = arena_printf(arena, "%s %s", words, args[i]);
    say(doing, "run", words);
    return doing->dry ? 0 : systemd_call(&doing->line.service, args, NULL, err);
}

static int finish(struct doing *doing, const struct err *err, int code)
{
    struct service_line *line = &doing->line;
    if (code != COMMAND_OK)
        code = output_fail(line->invocation, code, err);
    else if (line->invocation->json)
        code =
            output_json(json_pack("{s:s,s:b,s:O}", "scope", service_scope_name(line->service.scope),
                                  "dry_run", doing->dry, "items", doing->done));
    json_decref(doing->done);
    service_close(line);
    return code;
}

/* ---- install ---- */

static int refuse_others(const struct doing *doing, struct err *err)
{
    const struct service_line *line = &doing->line;
    const char *other = line->service.scope == SERVICE_SYSTEM ? "user" : "system", *owner;
    if (service_elsewhere(line)) {
        err_set(err, "other_scope",
                "%s has units in the %s scope already: two managers would run it",
                line->config->company, other);
        err_hint(err, "remove those first: hq service uninstall --%s", other);
        return -1;
    }
    if (line->installed && !str_eq(line->installed, line->service.name)) {
        err_set(err, "renamed", "the units of %s are installed under its old name, %s",
                line->config->dir, line->installed);
        err_hint(err, "remove those first: hq service uninstall");
        return -1;
    }
    for (size_t i = 0; i < line->unit_count; i++) {
        if (disk_look(&line->service, &line->units[i], line->invocation->arena, &owner) !=
            DISK_FOREIGN)
            continue;
        err_set(err, "foreign_unit", "%s/%s is there and belongs to %s", line->service.folder,
                line->units[i].name, *owner ? owner : "somebody else");
        err_hint(err, "give this company another name in %s (company: NAME)", line->config->path);
        return -1;
    }
    return 0;
}

static const char *own_name(void)
{
    struct passwd *user = getpwuid(getuid());
    return user ? user->pw_name : "USER";
}

/* A user's manager may only be missing because nobody is logged in: lingering starts it. */
static int need_manager(struct doing *doing, struct err *err)
{
    const struct service *service = &doing->line.service;
    struct err ignored;
    if (doing->dry || systemd_runs(service->scope))
        return 0;
    bool is_user = service->scope == SERVICE_USER;
    if (is_user && systemd_linger(&ignored) == 0)
        for (int i = 0; i < MANAGER_LOOKS && !systemd_runs(SERVICE_USER); i++)
            poll(NULL, 0, MANAGER_LOOK_MS);
    if (systemd_runs(service->scope))
        return 0;
    err_set(err, "no_systemd",
            is_user ? "no systemd manager of this user runs here"
                    : "systemd does not run this machine");
    if (is_user)
        err_hint(err, "an administrator can keep one: sudo loginctl enable-linger %s", own_name());
    else
        err_hint(err,
                 "without it, `hq up -d` keeps the company running; --dry-run shows the units");
    return -1;
}

/* What lies outside of the company's folder must be there before a unit may write in it. */
static int make_folders(struct doing *doing, struct err *err)
{
    const struct service *service = &doing->line.service;
    struct arena *arena = doing->line.invocation->arena;
    const char *const *writable = service_writable(service, arena);
    for (size_t i = 1; writable[i]; i++) {
        if (access(writable[i], F_OK) == 0)
            continue;
        say(doing, "make", writable[i]);
        if (doing->dry)
            continue;
        struct passwd *user = service->user ? getpwnam(service->user) : NULL;
        if (folder_make(writable[i], err) < 0)
            return -1;
        if (user && chown(writable[i], user->pw_uid, user->pw_gid) < 0)
            return err_errno(err, "no_folder", "cannot give %s to %s", writable[i], service->user);
    }
    return 0;
}

static int put_units(struct doing *doing, struct err *err)
{
    const struct service_line *line = &doing->line;
    struct arena *arena = line->invocation->arena;
    for (size_t i = 0; i < line->unit_count; i++) {
        const struct unit *unit = &line->units[i];
        if (disk_look(&line->service, unit, arena, NULL) == DISK_SAME)
            continue;
        say(doing, "write", arena_printf(arena, "%s/%s", line->service.folder, unit->name));
        if (!doing->dry && disk_put(&line->service, unit, arena, err) < 0)
            return -1;
    }
    return 0;
}

static bool is_wanted(const struct service_line *line, const char *name)
{
    for (size_t i = 0; i < line->unit_count; i++)
        if (str_eq(line->units[i].name, name))
            return true;
    return false;
}

/* The runner's unit, once it is switched off. */
static int remove_leftovers(struct doing *doing, struct err *err)
{
    const struct service_line *line = &doing->line;
    struct arena *arena = line->invocation->arena;
    const char *const *there = disk_installed(&line->service, arena);
    for (size_t i = 0; there[i]; i++) {
        if (is_wanted(line, there[i]))
            continue;
        if (call(doing, (const char *const[]){"stop", there[i], NULL}, err) < 0)
            return -1;
        say(doing, "remove", arena_printf(arena, "%s/%s", line->service.folder, there[i]));
        if (!doing->dry && disk_remove(&line->service, there[i], arena, err) < 0)
            return -1;
    }
    return 0;
}

/* Whether what is enabled starts at boot; where it does not, says what an administrator types. */
static bool keep_without_session(struct doing *doing)
{
    struct err err;
    const struct invocation *invocation = doing->line.invocation;
    if (doing->line.service.scope != SERVICE_USER || systemd_lingers())
        return true;
    say(doing, "run", "loginctl enable-linger");
    if (doing->dry || systemd_linger(&err) == 0)
        return true;
    output_note(invocation,
                "until an administrator has typed this, it ends at logout and does not start at "
                "boot: sudo loginctl enable-linger %s",
                own_name());
    return false;
}

static void say_secrets(const struct service_line *line)
{
    const struct service *service = &line->service;
    for (size_t i = 0; service->missing[i]; i++)
        output_note(line->invocation,
                    "%s is not in a unit's environment: put it into %s/%s (mode 600) and install "
                    "again, or name a file in hq.yaml",
                    service->missing[i], line->config->secrets, service->missing[i]);
}

static void say_next(const struct doing *doing, bool at_boot)
{
    const struct service_line *line = &doing->line;
    say_secrets(line);
    if (doing->dry)
        return;
    if (control_look(line->config, "supervisor", NULL))
        output_note(
            line->invocation,
            "%s is up under `hq up`, which goes on until: hq down. Then `hq up` hands it to "
            "systemd",
            line->config->company);
    else
        output_note(line->invocation, "%s: hq -C %s up",
                    at_boot ? "it starts at boot, and now with" : "start it now",
                    line->config->dir);
}

static int install(struct doing *doing, struct err *err)
{
    struct service_line *line = &doing->line;
    const char *target = service_target(&line->service, line->invocation->arena);
    if (refuse_others(doing, err) < 0)
        return COMMAND_USAGE;
    if (need_manager(doing, err) < 0)
        return COMMAND_NOT_RUNNING;
    if (make_folders(doing, err) < 0 || put_units(doing, err) < 0 ||
        remove_leftovers(doing, err) < 0 ||
        call(doing, (const char *const[]){"daemon-reload", NULL}, err) < 0 ||
        call(doing, (const char *const[]){"enable", target, NULL}, err) < 0)
        return COMMAND_FAILED;
    say_next(doing, keep_without_session(doing));
    return COMMAND_OK;
}

static int begin(const struct invocation *invocation, struct doing *doing)
{
    *doing = (struct doing){.dry = invocation_has(invocation, "dry-run")};
    int code = service_open(invocation, &doing->line);
    if (code == COMMAND_OK)
        doing->done = json_array();
    return code;
}

static int service_install_run(const struct invocation *invocation)
{
    struct doing doing;
    struct err err = {0};
    int code = begin(invocation, &doing);
    return code == COMMAND_OK ? finish(&doing, &err, install(&doing, &err)) : code;
}

/* ---- uninstall ---- */

static int remove_units(struct doing *doing, struct err *err)
{
    const struct service *service = &doing->line.service;
    struct arena *arena = doing->line.invocation->arena;
    const char *const *there = disk_installed(service, arena);
    for (size_t i = 0; there[i]; i++) {
        say(doing, "remove", arena_printf(arena, "%s/%s", service->folder, there[i]));
        if (!doing->dry && disk_remove(service, there[i], arena, err) < 0)
            return -1;
    }
    return 0;
}

/* What was started beside the target (hq start AGENT) stops, too: it is part of the target. */
static int uninstall(struct doing *doing, struct err *err)
{
    struct service_line *line = &doing->line;
    struct arena *arena = line->invocation->arena;
    bool runs = systemd_runs(line->service.scope);
    if (!line->installed) {
        output_note(line->invocation, "no units of %s are installed in the %s scope",
                    line->config->company, service_scope_name(line->service.scope));
        return COMMAND_OK;
    }
    if (line->installed != line->service.name)
        strcpy(line->service.name, line->installed);
    const char *target = service_target(&line->service, arena);
    const char *agents = arena_printf(arena, "hq-%s@*.service", line->service.name);
    if (runs && (call(doing,
                      (const char *const[]){
                          "stop", target, service_unit(&line->service, "hub", arena), agents, NULL},
                      err) < 0 ||
                 call(doing, (const char *const[]){"disable", target, NULL}, err) < 0))
        return COMMAND_FAILED;
    if (remove_units(doing, err) < 0 ||
        (runs && call(doing, (const char *const[]){"daemon-reload", NULL}, err) < 0))
        return COMMAND_FAILED;
    if (!doing->dry)
        output_note(line->invocation, "the company itself is untouched: %s", line->config->dir);
    return COMMAND_OK;
}

static int service_uninstall_run(const struct invocation *invocation)
{
    struct doing doing;
    struct err err = {0};
    int code = begin(invocation, &doing);
    return code == COMMAND_OK ? finish(&doing, &err, uninstall(&doing, &err)) : code;
}

const struct command command_service_install = {
    .name = "service install",
    .group = "SETUP",
    .usage = "",
    .summary = "have systemd start the company at boot and keep it",
    .details =
        "Writes the units of `hq service print` and enables their target; starts nothing. Run "
        "again after a\n"
        "change of agents or an upgrade that moved the program: what differs is written again.\n",
    .examples = "hq service install --dry-run\n"
                "hq service install && hq up\n"
                "sudo hq service install --system\n",
    .options = service_options,
    .run = service_install_run,
};

const struct command command_service_uninstall = {
    .name = "service uninstall",
    .group = "SETUP",
    .usage = "",
    .summary = "stop the company's units and remove them",
    .details =
        "Removes only files that it wrote for this company; the company's folder and state stay.\n",
    .examples = "hq service uninstall --dry-run\n"
                "hq service uninstall\n",
    .options = service_options,
    .run = service_uninstall_run,
};

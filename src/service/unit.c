/* One function per section; what differs between the processes stands in a table. */
#include "service/unit.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/config.h"
#include "service/quote.h"
#include "service/service.h"

enum {
    WATCHDOG_S = 30,
    /* Drain, then giving back what still runs, then the kill: with room for a slow disk. */
    STOP_S = LIMIT_DRAIN_MS / 1000 + 30,
};

struct process_kind {
    const char *suffix;      /* of the unit's name */
    const char *description; /* before the company's name */
    const char *command;     /* what hq is told to be */
    const char *restart;     /* lines of [Unit] and [Service] */
    const char *wish;        /* whose .down file keeps it from starting, or NULL */
    bool confines;           /* runs commands of others behind the guard's walls */
    bool has_secrets;
};

/* The hub is never held: without it nobody works, and a bad disk or file may be mended at any time.
 */
static const char hub_limits[] = "# Never held: without it nobody works.\n"
                                 "StartLimitIntervalSec=0\n";
static const char worker_limits[] = "StartLimitIntervalSec=60\n"
                                    "StartLimitBurst=5\n";

static const struct process_kind hub_kind = {.suffix = "-hub.service",
                                             .description = "hq hub of",
                                             .command = "\"hub\"",
                                             .restart = hub_limits,
                                             .has_secrets = true};
static const struct process_kind agent_kind = {.suffix = "@.service",
                                               .description = "hq agent %i of",
                                               .command = "\"gateway\" \"%i\"",
                                               .restart = worker_limits,
                                               .wish = "%i",
                                               .confines = true,
                                               .has_secrets = true};
static const struct process_kind runner_kind = {.suffix = "-runner.service",
                                                .description = "hq runner of",
                                                .command = "\"runner\"",
                                                .restart = worker_limits,
                                                .wish = "runner",
                                                .confines = true};

struct writing {
    const struct service *service;
    const struct process_kind *kind;
    struct arena *arena;
    struct buf *out;
};

static void put_mark(struct buf *out, const struct service *service)
{
    buf_printf(out, UNIT_MARK "%s\n", service->config->dir);
    buf_puts(out,
             "# Written by `hq service install`, which overwrites it and `hq service uninstall` "
             "removes it.\n# Settings of your own belong into a drop-in: systemctl ");
    buf_printf(out, "%sedit UNIT\n\n", service->scope == SERVICE_USER ? "--user " : "");
}

/* A rest-of-line setting. */
static void put_rest(struct buf *out, const char *setting, const char *value)
{
    buf_puts(out, setting);
    quote_rest(out, value);
    buf_putc(out, '\n');
}

static void put_unit_section(struct writing *writing)
{
    const struct service *service = writing->service;
    const struct process_kind *kind = writing->kind;
    struct buf *out = writing->out;
    bool is_hub = kind == &hub_kind;
    buf_printf(out, "[Unit]\nDescription=%s ", kind->description);
    quote_rest(out, service->name);
    buf_printf(out, "\nPartOf=hq-%s.target\n", service->name);
    if (is_hub && service->scope == SERVICE_SYSTEM)
        buf_puts(out, "After=network.target\n");
    if (!is_hub) /* started after the hub, so stopped before it: turns end while it still answers */
        buf_printf(out, "Wants=hq-%s-hub.service\nAfter=hq-%s-hub.service\n", service->name,
                   service->name);
    if (kind->wish) {
        buf_puts(out, "# Stopped by hand (hq stop): until hq start.\nConditionPathExists=!");
        quote_rest(out, service->config->state);
        buf_printf(out, "/run/%s.down\n", kind->wish);
    }
    buf_printf(out, "%s\n", kind->restart);
}

static void put_command(struct writing *writing)
{
    const struct config *config = writing->service->config;
    struct buf *out = writing->out;
    buf_puts(out, "ExecStart=");
    quote_word(out, writing->service->program); /* no variables in the program's own path */
    buf_printf(out, " %s \"-C\" ", writing->kind->command);
    quote_exec(out, config->dir);
    buf_puts(out, " \"--state\" ");
    quote_exec(out, config->state);
    buf_putc(out, '\n');
    put_rest(out, "WorkingDirectory=", config->dir);
}

static void put_life(struct writing *writing)
{
    struct buf *out = writing->out;
    bool is_hub = writing->kind == &hub_kind;
    buf_puts(out, "Type=notify\nNotifyAccess=main\n");
    put_command(writing);
    buf_printf(out, "Restart=always\nRestartSec=%d\n", is_hub ? 2 : 5);
    if (!is_hub) /* the hub tries again: a mended file heals it, as under `hq up` */
        buf_puts(out, "# 78: hq.yaml is wrong, and starting again does not mend it.\n"
                      "RestartPreventExitStatus=78\n");
    buf_printf(out, "WatchdogSec=%d\n", WATCHDOG_S);
    buf_puts(out,
             "# The first signal lets running turns end; commands of tools die with it at last.\n"
             "KillMode=mixed\n");
    buf_printf(out, "TimeoutStartSec=90\nTimeoutStopSec=%d\n", is_hub ? 30 : STOP_S);
}

/* Secrets stand in no environment: systemd hands the files over. The runner gets none. */
static void put_secrets(struct writing *writing)
{
    const struct service *service = writing->service;
    struct buf *out = writing->out;
    for (size_t i = 0; service->credentials[i]; i++) {
        if (writing->kind->has_secrets) {
            buf_printf(out, "LoadCredential=%s:", service->credentials[i]);
            quote_rest(out, service->config->secrets);
            buf_printf(out, "/%s\n", service->credentials[i]);
        } else {
            buf_printf(out, "UnsetEnvironment=%s\n", service->credentials[i]);
        }
    }
    for (size_t i = 0; !writing->kind->has_secrets && service->missing[i]; i++)
        buf_printf(out, "UnsetEnvironment=%s\n", service->missing[i]);
}

static bool lies_in(const struct writing *writing, const char *const *folders)
{
    const struct service *service = writing->service;
    const char *const *writable = service_writable(service, writing->arena);
    for (size_t f = 0; folders[f]; f++) {
        if (str_starts(service->program, folders[f]))
            return true;
        for (size_t i = 0; writable[i]; i++)
            if (str_starts(writable[i], folders[f]))
                return true;
    }
    return false;
}

/* Needs no namespaces, so a user's manager can do it, too. */
static void put_walls(struct writing *writing)
{
    buf_puts(writing->out, "NoNewPrivileges=yes\nLockPersonality=yes\nRestrictRealtime=yes\n"
                           "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"
                           "SystemCallArchitectures=native\nSystemCallErrorNumber=EPERM\n"
                           "SystemCallFilter=@system-service\n");
    if (writing->kind->confines)
        buf_puts(
            writing->out,
            "# The guard's walls around commands: own namespaces, mounts, Landlock, seccomp. "
            "For their sake\n# there is no RestrictNamespaces=, and nothing that mounts over "
            "parts of /proc (ProtectKernelTunables=,\n# ProtectKernelLogs=, ProtectHostname=): "
            "the kernel then refuses commands a /proc of their own.\n"
            "SystemCallFilter=@mount seccomp landlock_create_ruleset landlock_add_rule "
            "landlock_restrict_self\n");
    else
        buf_puts(writing->out, "RestrictNamespaces=yes\nMemoryDenyWriteExecute=yes\n");
    buf_printf(writing->out, "UMask=0077\nLimitNOFILE=%d\nLimitCORE=0\n", LIMIT_DESCRIPTORS);
}

static void put_system_walls(struct writing *writing)
{
    static const char *const homes[] = {"/home/", "/root/", "/run/user/", NULL};
    static const char *const temporary[] = {"/tmp/", "/var/tmp/", NULL};
    const char *const *writable = service_writable(writing->service, writing->arena);
    struct buf *out = writing->out;
    buf_puts(out, "CapabilityBoundingSet=\nProtectSystem=strict\n");
    for (size_t i = 0; writable[i]; i++) {
        buf_puts(out, "ReadWritePaths=");
        quote_word(out, arena_printf(writing->arena, "%s%s", i ? "-" : "", writable[i]));
        buf_putc(out, '\n');
    }
    if (!lies_in(writing, homes))
        buf_puts(out, "ProtectHome=yes\n");
    if (!lies_in(writing, temporary))
        buf_puts(out, "PrivateTmp=yes\n");
    buf_puts(out, "PrivateDevices=yes\nProtectClock=yes\nProtectControlGroups=yes\n"
                  "ProtectKernelModules=yes\nRestrictSUIDSGID=yes\n");
    if (!writing->kind->confines)
        buf_puts(out, "ProtectKernelTunables=yes\nProtectKernelLogs=yes\nProtectHostname=yes\n"
                      "ProtectProc=invisible\n");
}

static void put_service_section(struct writing *writing)
{
    const struct service *service = writing->service;
    struct buf *out = writing->out;
    buf_puts(out, "[Service]\n");
    if (service->scope == SERVICE_SYSTEM)
        buf_printf(out, "User=%s\nGroup=%s\n", service->user, service->group);
    put_life(writing);
    put_secrets(writing);
    buf_puts(out, "\n");
    put_walls(writing);
    if (service->scope == SERVICE_SYSTEM)
        put_system_walls(writing);
    else
        buf_puts(out,
                 "# A user's manager has no right to mount: ProtectSystem= and its like are in "
                 "--system units only.\n");
}

static struct unit make_process(const struct service *service, const struct process_kind *kind,
                                struct arena *arena)
{
    struct buf out = {0};
    struct writing writing = {service, kind, arena, &out};
    put_mark(&out, service);
    put_unit_section(&writing);
    put_service_section(&writing);
    struct unit unit = {arena_printf(arena, "hq-%s%s", service->name, kind->suffix),
                        arena_strdup(arena, buf_text(&out))};
    buf_fini(&out);
    return unit;
}

static struct unit make_target(const struct service *service, struct arena *arena)
{
    struct buf out = {0};
    const char *const *all = service_everybody(service, arena);
    put_mark(&out, service);
    buf_printf(&out, "[Unit]\nDescription=hq company %s\n", service->name);
    for (size_t i = 0; all[i]; i++)
        buf_printf(&out, "Wants=%s\n", service_unit(service, all[i], arena));
    buf_printf(&out, "\n[Install]\nWantedBy=%s\n",
               service->scope == SERVICE_SYSTEM ? "multi-user.target" : "default.target");
    struct unit unit = {service_target(service, arena), arena_strdup(arena, buf_text(&out))};
    buf_fini(&out);
    return unit;
}

const struct unit *units_make(const struct service *service, struct arena *arena, size_t *count)
{
    struct unit *units = arena_alloc(arena, 4 * sizeof(*units));
    *count = 0;
    units[(*count)++] = make_process(service, &hub_kind, arena);
    units[(*count)++] = make_process(service, &agent_kind, arena);
    if (service->config->runner)
        units[(*count)++] = make_process(service, &runner_kind, arena);
    units[(*count)++] = make_target(service, arena);
    return units;
}

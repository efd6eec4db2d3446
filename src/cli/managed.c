/* Orders go to systemctl without waiting; then its answers are looked at until they are as wanted,
 * so that every wait has its deadline and says whom it waits for. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/board.h"
#include "cli/managed.h"
#include "cli/output.h"
#include "config/config.h"
#include "service/disk.h"
#include "service/systemd.h"
#include "service/unit.h"
#include "supervise/control.h"
#include "supervise/life.h"
#include "supervise/runfiles.h"
#include "sys/lock.h"

enum { LOOK_EVERY_MS = 150, SAY_AFTER_MS = 2000, HURRY_MS = 10000 };

/* systemctl VERB [FLAG] UNIT… */
struct order {
    const char *verb, *flag;
    const char *const *units;
};

static int give(const struct service *service, const struct order *order, struct err *err)
{
    struct arena arena = {0};
    size_t count = 0, used = 0;
    while (order->units[count])
        count++;
    const char **args = arena_alloc(&arena, (count + 4) * sizeof(*args));
    args[used++] = order->verb;
    if (order->flag)
        args[used++] = order->flag;
    memcpy(args + used, order->units, count * sizeof(*args));
    int rc = systemd_call(service, args, NULL, err);
    arena_fini(&arena);
    return rc;
}

/* The units of the named, or, with NULL, of everybody behind the target. */
static const char *const *units_of(const struct service *service, const char *const *names,
                                   struct arena *arena)
{
    const char *const *all = names ? names : service_everybody(service, arena);
    size_t count = 0, used = 0;
    while (all[count])
        count++;
    const char **units = arena_alloc(arena, (count + 2) * sizeof(*units));
    if (!names)
        units[used++] = service_target(service, arena);
    for (size_t i = 0; i < count; i++)
        units[used++] = service_unit(service, all[i], arena);
    return units;
}

/* ---- waiting ---- */

struct wish {
    const char *const *names; /* whom it is about; NULL: everybody */
    const char *const *fine;  /* states that are as wanted */
    const json_t *before; /* a board: whoever still has that process is not as wanted; or NULL */
};

static bool is_about(const struct wish *wish, const char *name)
{
    return !wish->names || str_in(name, wish->names);
}

static bool is_as_wished(const struct wish *wish, const json_t *child)
{
    const char *name = json_get_text(child, "name", "");
    int64_t pid = json_get_int(child, "pid", 0);
    if (!str_in(json_get_text(child, "state", ""), wish->fine))
        return false;
    return !wish->before || !pid || pid != json_get_int(board_child(wish->before, name), "pid", 0);
}

/* Who is not as wished: "auditor (held: exit 1)". *final: waiting changes nothing. */
static void find_missing(const struct wish *wish, const json_t *board, struct buf *missing,
                         bool *final)
{
    size_t i;
    const json_t *child;
    *final = true;
    json_array_foreach (json_object_get(board, "children"), i, child) {
        const char *name = json_get_text(child, "name", ""), *state, *reason;
        if (!is_about(wish, name) || is_as_wished(wish, child))
            continue;
        state = json_get_text(child, "state", "");
        reason = json_get_text(child, "reason", NULL);
        *final = *final && str_eq(state, "held");
        buf_printf(missing, "%s%s (%s%s%s)", missing->len ? ", " : "", name, state,
                   reason ? ": " : "", reason ? reason : "");
    }
}

/* Looks until all are as wished. COMMAND_OK; COMMAND_FAILED or COMMAND_TIMEOUT with *missing. */
static int look_until(const struct invocation *invocation, const struct service *service,
                      const struct wish *wish, int64_t ms, struct buf *missing)
{
    struct err err = {0};
    int64_t began = time_boot_ms();
    for (bool told = false, final;;) {
        struct arena arena = {0};
        buf_clear(missing);
        json_t *board = systemd_board(service, &arena, &err);
        if (board)
            find_missing(wish, board, missing, &final);
        json_decref(board);
        arena_fini(&arena);
        int64_t spent = time_boot_ms() - began;
        if (!board)
            return output_fail(invocation, COMMAND_FAILED, &err);
        if (missing->len == 0)
            return COMMAND_OK;
        if (final)
            return COMMAND_FAILED;
        if (spent >= ms)
            return invocation->timeout_ms >= 0 ? COMMAND_TIMEOUT : COMMAND_FAILED;
        if (!told && spent > SAY_AFTER_MS)
            output_note(invocation, "waits for %s", buf_text(missing));
        told = told || spent > SAY_AFTER_MS;
        poll(NULL, 0, LOOK_EVERY_MS);
    }
}

static int wait_for(const struct invocation *invocation, const struct service *service,
                    const struct wish *wish, int64_t ms)
{
    struct buf missing = {0};
    struct err err = {0};
    int code = look_until(invocation, service, wish, ms, &missing);
    if (missing.len) {
        err_set(&err, "not_ready", "not as asked yet: %.500s", buf_text(&missing));
        err_hint(&err, "see: hq logs, hq service status");
        output_fail(invocation, code, &err);
    }
    buf_fini(&missing);
    return code;
}

static const char *const ready_states[] = {"ready", "stopped", NULL};
static const char *const ended_states[] = {"down", "stopped", "held", NULL};

/* ---- the verbs ---- */

static int fail(const struct invocation *invocation, const struct err *err)
{
    return output_fail(invocation, COMMAND_FAILED, err);
}

/* Start limits are forgotten first; what was not loaded yet has none, and that is no failure. */
static int start_units(const struct service *service, const char *const *units, struct err *err)
{
    struct err ignored;
    give(service, &(struct order){"reset-failed", NULL, units}, &ignored);
    return give(service, &(struct order){"start", "--no-block", units}, err);
}

static void say_drift(const struct invocation *invocation, const struct service *service)
{
    size_t count;
    const struct unit *units = units_make(service, invocation->arena, &count);
    for (size_t i = 0; i < count; i++) {
        if (disk_look(service, &units[i], invocation->arena, NULL) == DISK_SAME)
            continue;
        output_note(invocation,
                    "the units differ from hq.yaml and this program: hq service install");
        return;
    }
}

int managed_up(const struct invocation *invocation, const struct service *service, bool waits,
               int64_t ms)
{
    struct err err = {0};
    const struct wish all = {.fine = ready_states};
    say_drift(invocation, service);
    output_note(invocation, "systemd keeps %s: systemctl %sstart hq-%s.target",
                service->config->company, service->scope == SERVICE_USER ? "--user " : "",
                service->name);
    if (start_units(service, units_of(service, NULL, invocation->arena), &err) < 0)
        return fail(invocation, &err);
    int code = waits ? wait_for(invocation, service, &all, ms) : COMMAND_OK;
    if (code == COMMAND_OK)
        output_note(invocation, "%s is up; see: hq -C %s status", service->config->company,
                    service->config->dir);
    return code;
}

/* What the processes know as a second SIGTERM, then as none at all. */
static int hurry(const struct invocation *invocation, const struct service *service,
                 const char *const *units, const struct wish *ended)
{
    static const char *const flags[] = {"--signal=SIGTERM", "--signal=SIGKILL"};
    struct err ignored;
    struct buf missing = {0};
    int code = COMMAND_FAILED;
    for (int i = 0; i < 2 && code != COMMAND_OK; i++) {
        give(service, &(struct order){"kill", flags[i], units}, &ignored);
        code = look_until(invocation, service, ended, HURRY_MS, &missing);
    }
    buf_fini(&missing);
    return code;
}

static int stop_units(const struct invocation *invocation, const struct service *service,
                      const char *const *names, int64_t ms)
{
    struct err err = {0};
    struct buf missing = {0};
    const struct wish ended = {.names = names, .fine = ended_states};
    const char *const *units = units_of(service, names, invocation->arena);
    if (give(service, &(struct order){"stop", "--no-block", units}, &err) < 0)
        return fail(invocation, &err);
    int code = look_until(invocation, service, &ended, ms, &missing);
    if (missing.len)
        code = hurry(invocation, service, units, &ended);
    buf_fini(&missing);
    if (code == COMMAND_OK)
        return code;
    err_set(&err, "will_not_end", "not everything ended, not even killed");
    err_hint(&err, "see: hq service status");
    return fail(invocation, &err);
}

int managed_down(const struct invocation *invocation, const struct service *service, int64_t ms)
{
    struct err ignored;
    output_note(invocation, "systemd keeps %s: systemctl %sstop hq-%s.target",
                service->config->company, service->scope == SERVICE_USER ? "--user " : "",
                service->name);
    int code = stop_units(invocation, service, NULL, ms);
    if (code != COMMAND_OK)
        return code;
    control_end_all(service->config, 0, &ignored); /* who was started by hand, or left hq.yaml */
    output_note(invocation, "%s is down until `hq up` or the next boot", service->config->company);
    return COMMAND_OK;
}

int managed_start(const struct invocation *invocation, const struct service *service,
                  const char *const *names, int64_t ms)
{
    struct err err = {0};
    const struct wish ready = {.names = names, .fine = ready_states};
    for (size_t i = 0; names[i]; i++)
        runfile_take(service->config, names[i], RUNFILE_DOWN);
    if (start_units(service, units_of(service, names, invocation->arena), &err) < 0)
        return fail(invocation, &err);
    return wait_for(invocation, service, &ready, ms);
}

int managed_stop(const struct invocation *invocation, const struct service *service,
                 const char *const *names, int64_t ms)
{
    struct err err = {0};
    int code = stop_units(invocation, service, names, ms);
    for (size_t i = 0; names[i] && code == COMMAND_OK; i++)
        if (runfile_put(service->config, names[i], RUNFILE_DOWN, "stopped by hand", &err) < 0)
            return fail(invocation, &err);
    return code;
}

int managed_restart(const struct invocation *invocation, const struct service *service,
                    const char *const *names, int64_t ms)
{
    struct err err = {0}, ignored;
    const char *const *units = units_of(service, names, invocation->arena);
    json_t *before = systemd_board(service, invocation->arena, &err);
    const struct wish again = {.names = names, .fine = ready_states, .before = before};
    for (size_t i = 0; names[i]; i++)
        runfile_take(service->config, names[i], RUNFILE_DOWN);
    give(service, &(struct order){"reset-failed", NULL, units}, &ignored);
    int code = before && give(service, &(struct order){"restart", "--no-block", units}, &err) == 0
                   ? wait_for(invocation, service, &again, ms)
                   : fail(invocation, &err);
    json_decref(before);
    return code;
}

/* ---- reload ---- */

static int write_units(const struct invocation *invocation, const struct service *service,
                       struct err *err)
{
    size_t count, written = 0;
    const struct unit *units = units_make(service, invocation->arena, &count);
    static const char *const again[] = {"daemon-reload", NULL};
    for (size_t i = 0; i < count; i++) {
        if (disk_look(service, &units[i], invocation->arena, NULL) == DISK_SAME)
            continue;
        output_note(invocation, "writes %s/%s", service->folder, units[i].name);
        if (disk_put(service, &units[i], invocation->arena, err) < 0)
            return -1;
        written++;
    }
    return written ? systemd_call(service, again, NULL, err) : 0;
}

/* Who runs with another hq.yaml than the one that is there now. */
static const char *const *outdated(const struct service *service, struct arena *arena)
{
    const char *const *all = service_everybody(service, arena);
    size_t count = 0, used = 0;
    while (all[count])
        count++;
    const char **names = arena_alloc(arena, (count + 1) * sizeof(*names));
    for (size_t i = 0; i < count; i++) {
        struct lock_info info = {0};
        char lock[96];
        life_lock_name(all[i], lock);
        if (control_look(service->config, lock, &info) &&
            !str_eq(info.config_hash, service->config->hash))
            names[used++] = all[i];
    }
    return names;
}

/* Running gateways that hq.yaml does not name any more. */
static int stop_strangers(const struct invocation *invocation, const struct service *service,
                          struct err *err)
{
    static const char head[] = "gateway-";
    struct arena *arena = invocation->arena;
    const char *const *workers = control_workers(service->config, arena);
    for (size_t i = 0; workers[i]; i++) {
        const char *id = str_starts(workers[i], head) ? workers[i] + strlen(head) : "runner";
        bool stays = str_eq(id, "runner") ? service->config->runner
                                          : config_agent(service->config, id) != NULL;
        const char *units[] = {service_unit(service, id, arena), NULL};
        if (!stays && give(service, &(struct order){"stop", "--no-block", units}, err) < 0)
            return -1;
    }
    return 0;
}

int managed_reload(const struct invocation *invocation, const struct service *service, int64_t ms)
{
    struct err err = {0};
    const struct wish all = {.fine = ready_states};
    const char *const *changed = outdated(service, invocation->arena);
    if (write_units(invocation, service, &err) < 0 || stop_strangers(invocation, service, &err) < 0)
        return fail(invocation, &err);
    int code = changed[0] ? managed_restart(invocation, service, changed, ms) : COMMAND_OK;
    if (code != COMMAND_OK)
        return code;
    if (start_units(service, units_of(service, NULL, invocation->arena), &err) < 0)
        return fail(invocation, &err);
    return wait_for(invocation, service, &all, ms);
}

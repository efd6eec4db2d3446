/* What systemctl show prints, read and put into the supervisor's words. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "config/config.h"
#include "service/systemd.h"

static const char properties[] = "--property=Id,LoadState,ActiveState,SubState,Result,StatusText,"
                                 "UnitFileState,NRestarts,MainPID,"
                                 "ExecMainCode,ExecMainStatus,ConditionResult";

static void read_property(struct unit_show *show, const char *line, struct arena *arena)
{
    const struct {
        const char *name;
        const char **text;
        int64_t *number;
    } all[] = {
        {"Id=", &show->id, NULL},
        {"LoadState=", &show->load, NULL},
        {"ActiveState=", &show->active, NULL},
        {"SubState=", &show->sub, NULL},
        {"Result=", &show->result, NULL},
        {"StatusText=", &show->status, NULL},
        {"UnitFileState=", &show->file_state, NULL},
        {"NRestarts=", NULL, &show->restarts},
        {"MainPID=", NULL, &show->main_pid},
        {"ExecMainCode=", NULL, &show->exit_code},
        {"ExecMainStatus=", NULL, &show->exit_status},
    };
    if (str_eq(line, "ConditionResult=no"))
        show->condition = false;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        if (!str_starts(line, all[i].name))
            continue;
        const char *value = line + strlen(all[i].name);
        if (all[i].text)
            *all[i].text = arena_strdup(arena, value);
        else
            str_to_int(value, 0, INT64_MAX, all[i].number);
    }
}

static size_t count_blocks(const char *text)
{
    size_t count = 1;
    for (; (text = strstr(text, "\n\n")); text += 2)
        count++;
    return count;
}

/* A block per unit, a line per property, an empty line in between. */
const struct unit_show *systemd_parse(const char *text, struct arena *arena, size_t *count)
{
    static const struct unit_show nothing = {.id = "",
                                             .load = "",
                                             .active = "",
                                             .sub = "",
                                             .result = "",
                                             .status = "",
                                             .file_state = "",
                                             .condition = true};
    struct unit_show *shows = arena_alloc(arena, (count_blocks(text) + 1) * sizeof(*shows));
    bool in_block = false;
    *count = 0;
    while (*text) {
        size_t len = strcspn(text, "\n");
        if (len > 0 && !in_block)
            shows[(*count)++] = nothing;
        in_block = len > 0;
        if (in_block)
            read_property(&shows[*count - 1], arena_memdup(arena, text, len), arena);
        text += len + (text[len] == '\n');
    }
    return shows;
}

const struct unit_show *systemd_show(const struct service *service, const char *const *names,
                                     struct arena *arena, size_t *count, struct err *err)
{
    struct buf out = {0};
    size_t given = 0;
    while (names[given])
        given++;
    const char **args = arena_alloc(arena, (given + 3) * sizeof(*args));
    args[0] = "show";
    args[1] = properties;
    memcpy(args + 2, names, given * sizeof(*args));
    const struct unit_show *shows = NULL;
    if (systemd_call(service, args, &out, err) == 0)
        shows = systemd_parse(buf_text(&out), arena, count);
    buf_fini(&out);
    return shows;
}

/* "exit 1: cannot open the ledger", "SIGABRT, watchdog: it did not get on". */
static const char *describe_end(const struct unit_show *show, struct arena *arena)
{
    const char *how = NULL, *more = "";
    if (show->exit_code == CLD_EXITED && show->exit_status)
        how = arena_printf(arena, "exit %d", (int)show->exit_status);
    else if (show->exit_code == CLD_KILLED || show->exit_code == CLD_DUMPED)
        how = arena_printf(
            arena, "SIG%s",
            sigabbrev_np((int)show->exit_status) ? sigabbrev_np((int)show->exit_status) : "?");
    if (str_eq(show->result, "watchdog"))
        more = "watchdog: it did not get on";
    else if (str_eq(show->result, "timeout"))
        more = "it took too long";
    else if (*show->status)
        more = show->status;
    else if (!how && !str_eq(show->result, "success"))
        more = show->result;
    return arena_printf(arena, "%s%s%s", how ? how : "", how && *more ? ": " : "", more);
}

const char *systemd_state(const struct unit_show *show, struct arena *arena, const char **reason)
{
    *reason = NULL;
    if (str_eq(show->active, "active") || str_eq(show->active, "reloading"))
        return "ready";
    if (str_eq(show->active, "deactivating"))
        return "stopping";
    if (str_eq(show->active, "activating") && !str_eq(show->sub, "auto-restart"))
        return "starting";
    if (str_eq(show->active, "activating") || str_eq(show->active, "failed"))
        *reason = describe_end(show, arena);
    if (str_eq(show->active, "failed") && str_eq(show->result, "start-limit-hit"))
        *reason = arena_printf(arena, "%s%sstarted 5 times in 60 s", *reason, **reason ? ", " : "");
    return str_eq(show->active, "activating") ? "backoff"
           : str_eq(show->active, "failed")   ? "held"
                                              : "down";
}

static bool is_stopped_by_hand(const struct service *service, const char *who)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/run/%s.down", service->config->state, who);
    return access(path, F_OK) == 0;
}

static json_t *child_of(const struct service *service, const struct unit_show *show,
                        const char *who, struct arena *arena)
{
    const char *reason, *state = systemd_state(show, arena, &reason);
    if (str_eq(state, "down") && is_stopped_by_hand(service, who))
        state = "stopped";
    json_t *child = json_pack("{s:s,s:s,s:I}", "name", who, "state", state, "restarts",
                              (json_int_t)show->restarts);
    if (show->main_pid)
        json_object_set_new(child, "pid", json_integer(show->main_pid));
    json_set_text(child, "reason", reason && *reason ? reason : NULL);
    return child;
}

json_t *systemd_board(const struct service *service, struct arena *arena, struct err *err)
{
    const char *const *all = service_everybody(service, arena);
    size_t count = 0, known = 0;
    while (all[count])
        count++;
    const char **names = arena_alloc(arena, (count + 1) * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = service_unit(service, all[i], arena);
    const struct unit_show *shows = systemd_show(service, names, arena, &known, err);
    if (!shows)
        return NULL;
    json_t *children = json_array();
    bool stops = false, starts = false;
    for (size_t i = 0; i < known && i < count; i++) {
        json_t *child = child_of(service, &shows[i], all[i], arena);
        stops = stops || str_eq(json_get_text(child, "state", ""), "stopping");
        starts = starts || str_eq(json_get_text(child, "state", ""), "starting");
        json_array_append_new(children, child);
    }
    const char *hub = json_get_text(json_array_get(children, 0), "state", "");
    const char *state = str_eq(hub, "stopping") ? "stopping"
                        : starts && !stops      ? "starting"
                                                : "running";
    return json_pack("{s:s,s:o}", "state", state, "children", children);
}

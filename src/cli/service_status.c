/* hq service status: the units on disk, and what systemd says of them. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/output.h"
#include "cli/service.h"
#include "cli/table.h"
#include "config/config.h"
#include "service/disk.h"
#include "service/systemd.h"

static json_t *files_of(const struct service_line *line, size_t *wrong)
{
    json_t *files = json_array();
    for (size_t i = 0; i < line->unit_count; i++) {
        enum disk_state state =
            disk_look(&line->service, &line->units[i], line->invocation->arena, NULL);
        *wrong += state != DISK_SAME;
        json_array_append_new(files, json_pack("{s:s,s:s}", "name", line->units[i].name, "state",
                                               disk_state_name(state)));
    }
    return files;
}

/* Whether the target is active and starts at boot. */
static void add_target(struct service_line *line, json_t *out)
{
    struct err err;
    size_t count;
    struct arena *arena = line->invocation->arena;
    const char *names[] = {service_target(&line->service, arena), NULL};
    const struct unit_show *shows = systemd_show(&line->service, names, arena, &count, &err);
    if (!shows || count == 0)
        return;
    json_set_text(out, "target", shows[0].active);
    json_object_set_new(out, "enabled", json_boolean(str_eq(shows[0].file_state, "enabled")));
}

static bool runs_all(const json_t *items)
{
    static const char *const fine[] = {"ready", "stopped", NULL};
    size_t i;
    const json_t *item;
    json_array_foreach (items, i, item)
        if (!str_in(json_get_text(item, "state", ""), fine))
            return false;
    return json_array_size(items) > 0;
}

static json_t *document(struct service_line *line, bool *running)
{
    struct err err = {0};
    size_t wrong = 0;
    const struct service *service = &line->service;
    bool managed = line->installed && systemd_runs(service->scope);
    json_t *files = files_of(line, &wrong);
    json_t *board = managed ? systemd_board(service, line->invocation->arena, &err) : NULL;
    json_t *items = json_object_get(board, "children");
    items = items ? json_incref(items) : json_array();
    json_t *out =
        json_pack("{s:s,s:s,s:b,s:b,s:b,s:o,s:o}", "scope", service_scope_name(service->scope),
                  "folder", service->folder, "installed", line->installed != NULL, "systemd",
                  systemd_runs(service->scope), "drift", line->installed && wrong > 0, "units",
                  files, "items", items);
    if (service->scope == SERVICE_USER)
        json_object_set_new(out, "linger", json_boolean(systemd_lingers()));
    if (managed)
        add_target(line, out);
    json_set_text(out, "problem", *err.message ? err.message : NULL);
    *running = runs_all(json_object_get(out, "items"));
    json_decref(board);
    return out;
}

static void print_items(const json_t *out)
{
    size_t i;
    const json_t *item;
    json_array_foreach (json_object_get(out, "items"), i, item) {
        const char *reason = json_get_text(item, "reason", NULL);
        long long pid = json_get_int(item, "pid", 0), restarts = json_get_int(item, "restarts", 0);
        printf("%-20s %-9s", json_get_text(item, "name", ""), json_get_text(item, "state", ""));
        if (pid)
            printf(" pid %lld", pid);
        if (restarts)
            printf(" restarted %lld times", restarts);
        printf("%s%s\n", reason ? " " : "", reason ? reason : "");
    }
}

static void print_text(const struct service_line *line, const json_t *out)
{
    size_t i;
    const json_t *file;
    const char *company = line->config->company, *scope = json_get_text(out, "scope", "");
    if (!json_get_bool(out, "installed", false)) {
        printf("%s has no units in the %s scope. Install them: hq service install\n", company,
               scope);
        return;
    }
    printf("%s: units in %s, %s, %s at boot\n", company, line->service.folder,
           json_get_text(out, "target", "unknown"),
           json_get_bool(out, "enabled", false) ? "started" : "not started");
    json_array_foreach (json_object_get(out, "units"), i, file)
        if (!str_eq(json_get_text(file, "state", ""), "same"))
            printf("%s is %s: hq service install writes it again\n",
                   json_get_text(file, "name", ""), json_get_text(file, "state", ""));
    if (str_eq(scope, "user") && !json_get_bool(out, "linger", false))
        puts("it ends at logout and does not start at boot: sudo loginctl enable-linger $USER");
    if (!json_get_bool(out, "systemd", false))
        puts("systemd does not run here, or no manager for this user");
    print_items(out);
}

static int service_status_run(const struct invocation *invocation)
{
    struct service_line line;
    bool running;
    int code = service_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    if (line.installed && line.installed != line.service.name)
        strcpy(line.service.name, line.installed);
    json_t *out = document(&line, &running);
    if (invocation->json) {
        code = output_json(out);
    } else {
        print_text(&line, out);
        json_decref(out);
    }
    service_close(&line);
    return code == COMMAND_OK && !running ? COMMAND_NOT_RUNNING : code;
}

const struct command command_service_status = {
    .name = "service status",
    .group = "SETUP",
    .usage = "",
    .summary = "the company's units: installed, changed, running?",
    .details = "Exit code 3 where no units are installed or not all of them run.\n",
    .examples = "hq service status\n"
                "hq service status --system --json\n",
    .options = service_look_options,
    .run = service_status_run,
    .reads = true,
};
